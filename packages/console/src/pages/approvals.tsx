/** Requests that people decide: a list one can finish, oldest first, and one request beside it. */

import { APPROVAL_STATUS, counted, lookOf } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";

import { Title } from "../app/frame.js";
import { useKeys } from "../app/keyboard.js";
import type { ApprovalRow } from "../data/client.js";
import { approvalsQuery, gateQuery, useSession } from "../data/queries.js";
import { Badge, Countdown, Line, Time, cx } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { Empty, Loaded } from "../ui/states.js";
import { Tabs } from "../ui/tabs.js";
import { ReviewPane } from "./review.js";

const page = getRouteApi("/approvals");

/** Requests of one asker with one effect stand together: whoever looked at one knows what the next would do. */
interface Group {
  key: string;
  rows: ApprovalRow[];
}

function grouped(rows: readonly ApprovalRow[]): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const key = `${row.requester.principal}\n${row.contract_sha256}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, rows: [row] });
    else group.rows.push(row);
  }
  return [...groups.values()];
}

export function Approvals() {
  const { tab = "open", open } = page.useSearch();
  const navigate = useNavigate();
  const session = useSession();
  const all = useQuery(approvalsQuery());
  const gate = useQuery(gateQuery);
  const rows = all.data ?? [];
  const pending = rows.filter((row) => row.status === "PENDING");
  const mine = rows.filter((row) => row.requester.principal === session.principal);
  const decided = rows.filter((row) => row.status !== "PENDING").reverse();
  const shown = tab === "mine" ? mine : tab === "decided" ? decided : pending;
  const groups = grouped(shown);
  const order = groups.flatMap((group) => group.rows);
  const here = open ?? order[0]?.id;
  const go = (step: number): void => {
    const at = order.findIndex((row) => row.id === here);
    const next = order[Math.min(order.length - 1, Math.max(0, at + step))];
    if (next !== undefined) void navigate({ to: "/approvals", search: { tab, open: next.id }, replace: true });
  };
  useKeys({ j: () => go(1), k: () => go(-1) });
  return (
    <>
      <Title name="Approvals" aside={<CopyAs command={["approval", "list"]} http={{ method: "GET", path: "/api/approvals" }} />}>
        Approvals
      </Title>
      <Tabs
        label="Which requests"
        here={tab}
        to={(id) => ({ to: "/approvals", search: { tab: id } })}
        tabs={[
          { id: "open", label: "To decide", count: pending.length, loud: pending.length > 0 },
          { id: "mine", label: "Asked by me", count: mine.length },
          { id: "decided", label: "Decided", count: decided.length },
        ]}
      />
      <Loaded query={all} what="requests">
        {() =>
          order.length === 0 && open === undefined ? (
            <Empty title={tab === "decided" ? "Nothing has been decided yet" : tab === "mine" ? "You have asked for nothing" : "Nothing waits for a decision"}>
              {tab === "open" && gate.data?.approval_policy === "declared" && (
                <p>
                  Nobody is asked here: the policy is “declared”, so the checks alone decide. <code className="font-mono">cortexpilot gate policy set operator</code> has a
                  person asked in every process.
                </p>
              )}
              {tab === "open" && gate.data !== undefined && gate.data.approval_policy !== "declared" && <p>When somebody asks, it appears here by itself.</p>}
              {tab === "mine" && (
                <p>
                  To ask for one, preview a run again under{" "}
                  <Link to="/runs" className="link">
                    Runs
                  </Link>
                  .
                </p>
              )}
            </Empty>
          ) : (
            <div className="grid items-start gap-4 lg:grid-cols-[22rem_minmax(0,1fr)]">
              <div className={cx("min-w-0 space-y-3", open !== undefined && "hidden lg:block")} role="group" aria-label="Requests">
                {groups.map((group) => (
                  <GroupOf key={group.key} group={group} here={here} tab={tab} me={session.principal} />
                ))}
                {order.length === 0 && <p className="text-muted">Nothing else here.</p>}
              </div>
              <div className={cx("min-w-0", open === undefined && "hidden lg:block")}>
                {open !== undefined && (
                  <Link to="/approvals" search={{ tab }} className="link mb-2 inline-block lg:hidden">
                    All requests
                  </Link>
                )}
                {here !== undefined && <ReviewPane
                    key={here}
                    id={here}
                    // What was decided stays in sight although it leaves the list: its outcome is the answer to the click.
                    onDecided={() => void navigate({ to: "/approvals", search: { tab, open: here }, replace: true })}
                  />}
              </div>
            </div>
          )
        }
      </Loaded>
    </>
  );
}

function GroupOf({ group, here, tab, me }: { group: Group; here: string | undefined; tab: string; me: string }) {
  const [first] = group.rows;
  if (first === undefined) return null;
  return (
    <section className="card overflow-clip" aria-label={`${first.requester.principal}, ${first.task_id ?? first.run_id}`}>
      {group.rows.length > 1 && (
        <p className="border-b border-line bg-panel px-3 py-1 text-sm text-muted">{counted(group.rows.length, "request")} like this: one asker, one effect</p>
      )}
      <ul className="divide-y divide-line">
        {group.rows.map((row) => (
          <li key={row.id}>
            <Link
              to="/approvals"
              search={{ tab, open: row.id }}
              aria-current={row.id === here ? "true" : undefined}
              className={cx("block px-3 py-2", row.id === here ? "border-l-2 border-accent bg-panel" : "row border-l-2 border-transparent")}
            >
              <span className="flex items-baseline justify-between gap-2">
                <Line text={row.task_id ?? row.run_id} className="font-medium" />
                {row.needs > 1 && (
                  <span className="shrink-0 text-sm text-muted">
                    {row.has} of {row.needs}
                  </span>
                )}
              </span>
              <span className="flex items-baseline justify-between gap-2 text-sm text-muted">
                <span className="min-w-0 truncate">{row.requester.principal === me ? "you" : row.requester.principal}</span>
                <span className="shrink-0">
                  {row.status === "PENDING" ? (
                    <>
                      <Time at={row.asked_at} />, ends in <Countdown until={row.expires_at} />
                    </>
                  ) : (
                    <Badge look={lookOf(APPROVAL_STATUS, row.status)} plain />
                  )}
                </span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
