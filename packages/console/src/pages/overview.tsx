/** What needs somebody now; and, below it, how things go. */

import { OUTCOME, instant, lookOf } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Title } from "../app/frame.js";
import type { ApprovalRow, Item, RunRow } from "../data/client.js";
import { useQueue } from "../data/live.js";
import { usePref, verifiedOf } from "../data/prefs.js";
import { approvalsQuery, countsQuery, ledgerQuery, recentRunsQuery, useSession, workersQuery } from "../data/queries.js";
import { VIEWS, countedIn } from "../lib/views.js";
import { Badge, Card, Countdown, Facts, Line, Time, useNow } from "../ui/basic.js";
import { Empty, Failed, Loaded, Loading } from "../ui/states.js";
import { isHeld } from "../ui/words.js";
import { Throughput } from "./throughput.js";

const page = getRouteApi("/");
const DAY_MS = 24 * 3_600_000;
const ROWS = 5;

export function Overview() {
  const { span: asked } = page.useSearch();
  const span = asked === "hour" ? "hour" : "day";
  const picture = useQueue();
  const approvals = useQuery(approvalsQuery("PENDING"));
  const runs = useQuery(recentRunsQuery);
  const session = useSession();
  return (
    <>
      <Title name="Overview">Overview</Title>
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0 space-y-4">
          <NeedsYou
            approvals={(approvals.data ?? []).filter((row) => row.requester.principal !== session.principal)}
            items={picture.items}
            runs={runs.data ?? []}
            loading={approvals.isPending || runs.isPending || (picture.loading && picture.items.length === 0)}
            error={approvals.error ?? runs.error}
          />
          <Card
            title="Queued and finished"
            aside={
              <span className="flex gap-3">
                <Link to="/" className={span === "day" ? "font-medium text-ink" : "link"} aria-current={span === "day" ? "true" : undefined}>
                  24 hours
                </Link>
                <Link to="/" search={{ span: "hour" }} className={span === "hour" ? "font-medium text-ink" : "link"} aria-current={span === "hour" ? "true" : undefined}>
                  1 hour
                </Link>
              </span>
            }
          >
            <Throughput span={span} />
          </Card>
        </div>
        <div className="min-w-0 space-y-4">
          <QueueCard />
          <WorkersCard />
          <AuditCard />
        </div>
      </div>
    </>
  );
}

/** One thing that a person has to look at. */
interface Need {
  key: string;
  node: ReactNode;
}

function NeedsYou({
  approvals,
  items,
  runs,
  loading,
  error,
}: {
  approvals: readonly ApprovalRow[];
  items: readonly Item[];
  runs: readonly RunRow[];
  loading: boolean;
  error: unknown;
}) {
  const now = useNow();
  const lost = items.filter(isHeld);
  const late = items.filter((item) => item.sla_state === "breached");
  const recent = (run: RunRow): boolean => now - (instant(run.finished_at ?? run.created_at)?.getTime() ?? 0) < DAY_MS;
  const waiting = runs.filter((run) => run.outcome_type === "manual" && recent(run));
  const failed = runs.filter((run) => ["failure", "product", "env", "gate"].includes(run.outcome_type) && recent(run));
  const sections: { title: string; all: ReactNode; count: number; needs: Need[] }[] = [
    {
      title: "To decide",
      count: approvals.length,
      all: <Link to="/approvals" className="link">All requests</Link>,
      needs: approvals.slice(0, ROWS).map((row) => ({
        key: row.id,
        node: (
          <NeedRow
            to={<Link to="/approvals" search={{ open: row.id }} className="quiet-link font-medium"><Line text={row.task_id ?? row.run_id} /></Link>}
            what={<>{row.requester.principal} asks{row.needs > 1 ? `, ${row.has} of ${row.needs} agreed` : ""}</>}
            when={<>ends in <Countdown until={row.expires_at} /></>}
          />
        ),
      })),
    },
    {
      title: "Lost",
      count: lost.length,
      all: <Link to="/queue" search={{ tab: "lost" }} className="link">All lost items</Link>,
      needs: lost.slice(0, ROWS).map((item) => ({
        key: item.queue_id,
        node: <NeedRow to={<ItemLink item={item} />} what={item.held?.reason ?? "its worker was lost; put it back or close it"} when={<Time at={item.held?.at ?? item.claimed_at} />} />,
      })),
    },
    {
      title: "Too late",
      count: late.length,
      all: <Link to="/queue" search={{ sort: "deadline" }} className="link">By deadline</Link>,
      needs: late.slice(0, ROWS).map((item) => ({
        key: item.queue_id,
        node: <NeedRow to={<ItemLink item={item} />} what="its deadline has passed" when={<Time at={item.deadline_at} />} />,
      })),
    },
    {
      title: "Runs that wait for a person of their own",
      count: waiting.length,
      all: <Link to="/runs" search={{ outcome: "manual" }} className="link">All of them</Link>,
      needs: waiting.slice(0, ROWS).map((run) => ({ key: run.run_id, node: <RunNeed run={run} /> })),
    },
    {
      title: "Runs that failed within a day",
      count: failed.length,
      all: <Link to="/runs" className="link">All runs</Link>,
      needs: failed.slice(0, ROWS).map((run) => ({ key: run.run_id, node: <RunNeed run={run} /> })),
    },
  ];
  const shown = sections.filter((section) => section.count > 0);
  return (
    <Card title="Needs you" flush>
      {error !== null && error !== undefined && shown.length === 0 ? (
        <div className="p-3">
          <Failed error={error} />
        </div>
      ) : loading && shown.length === 0 ? (
        <Loading what="what needs you" />
      ) : shown.length === 0 ? (
        <Empty title="Nothing needs you">No request waits, no deadline has passed, nothing was lost, and no run failed within a day.</Empty>
      ) : (
        shown.map((section) => (
          <section key={section.title} aria-label={section.title} className="border-b border-line last:border-0">
            <div className="flex flex-wrap items-baseline justify-between gap-x-3 px-3 pt-2">
              <h3 className="text-muted">
                {section.title} <span className="font-normal">{section.count}</span>
              </h3>
              <span className="text-sm">{section.all}</span>
            </div>
            <ul className="pb-1">
              {section.needs.map((need) => (
                <li key={need.key}>{need.node}</li>
              ))}
            </ul>
          </section>
        ))
      )}
    </Card>
  );
}

function NeedRow({ to, what, when }: { to: ReactNode; what: ReactNode; when: ReactNode }) {
  return (
    <div className="row grid gap-x-3 px-3 py-1 sm:grid-cols-[minmax(0,1.2fr)_minmax(0,1.4fr)_9rem]">
      <span className="min-w-0">{to}</span>
      <span className="min-w-0 truncate text-muted">{what}</span>
      <span className="text-sm text-muted sm:text-right">{when}</span>
    </div>
  );
}

function ItemLink({ item }: { item: Item }) {
  return (
    <Link to="/queue/$queueId" params={{ queueId: item.queue_id }} className="quiet-link font-medium">
      <Line text={item.task_id} />
    </Link>
  );
}

function RunNeed({ run }: { run: RunRow }) {
  return (
    <NeedRow
      to={
        <Link to="/runs/$runId" params={{ runId: run.run_id }} className="quiet-link font-medium">
          <Line text={run.task_id ?? run.run_id} />
        </Link>
      }
      what={
        <span className="flex min-w-0 gap-2">
          <Badge look={lookOf(OUTCOME, run.outcome_type)} plain />
          <Line text={run.failure_reason} />
        </span>
      }
      when={<Time at={run.finished_at ?? run.created_at} />}
    />
  );
}

function QueueCard() {
  const counts = useQuery(countsQuery);
  return (
    <Card title={<Link to="/queue" className="quiet-link">Queue</Link>}>
      <Loaded query={counts} what="the queue">
        {(data) => (
          <ul className="space-y-1">
            {VIEWS.filter(({ id }) => ["ready", "waiting", "claimed", "lost"].includes(id)).map(({ id, label }) => {
              const count = countedIn(id, data);
              return (
                <li key={id} className="flex justify-between">
                  <Link to="/queue" search={{ tab: id }} className="quiet-link">
                    {label}
                  </Link>
                  <span className={count > 0 && id === "lost" ? "font-medium text-attention-ink" : ""}>{count.toLocaleString("en")}</span>
                </li>
              );
            })}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}

function WorkersCard() {
  const found = useQuery(workersQuery);
  return (
    <Card title={<Link to="/workers" className="quiet-link">Workers</Link>}>
      {found.data === undefined ? (
        <p className="text-muted">{found.isError ? "This server does not tell which workers are there." : "…"}</p>
      ) : found.data.length === 0 ? (
        <p className="text-muted">No worker is there: what is queued waits.</p>
      ) : (
        <ul className="space-y-1">
          {found.data.slice(0, 6).map((worker) => (
            <li key={worker.worker} className="flex justify-between gap-2">
              <Line text={worker.worker} />
              <span className="shrink-0 text-muted">
                {worker.draining ? "draining" : `${worker.running.length} of ${worker.slots}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function AuditCard() {
  const found = useQuery(ledgerQuery);
  const standing = found.data?.standing;
  return (
    <Card title={<Link to="/audit" className="quiet-link">Audit</Link>}>
      {standing === undefined ? (
        <p className="text-muted">{found.isError ? "Not known" : "…"}</p>
      ) : (
        <Facts
          rows={[
            ["Ledger", standing.sound ? <span key="s" className="text-good-ink">✓ sound</span> : <span key="s" className="text-bad-ink">✕ refuses writes</span>],
            ["Lines", standing.queue.lines.toLocaleString("en")],
            ["Signed up to", standing.queue.checkpoint && standing.queue.checkpoint.size > 0 ? `line ${standing.queue.checkpoint.size.toLocaleString("en")}` : standing.signing === "no_key" ? "no audit key" : "nothing yet"],
            ["Verified here", <VerifiedHere key="v" lines={standing.queue.lines} />],
            ["Last line", <Time key="t" at={standing.last_ts} />],
          ]}
        />
      )}
    </Card>
  );
}

/** What this browser recomputed last, which is more than a server's word for itself. */
function VerifiedHere({ lines }: { lines: number }) {
  const last = verifiedOf(usePref("verified"));
  const to = (
    <Link to="/audit" search={{ tab: "verify" }} className="link">
      {last === undefined ? "verify now" : "again"}
    </Link>
  );
  if (last === undefined) return <>not yet: {to}</>;
  // A ledger that has become shorter is another one, or was cut.
  if (last.lines > lines) {
    return <span className="text-attention-ink">! line 1 to {last.lines.toLocaleString("en")}, and there are fewer lines now: another ledger, or one that was cut. {to}</span>;
  }
  return (
    <>
      {last.holds ? `line 1 to ${last.lines.toLocaleString("en")}` : <span className="text-bad-ink">✕ does not hold</span>}, <Time at={last.at} /> {to}
    </>
  );
}
