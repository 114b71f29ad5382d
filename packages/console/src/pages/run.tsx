/** One run: what it was, how it ended, what it left behind, and the way to preview it again. */

import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";

import { Title } from "../app/frame.js";
import type { Item } from "../data/client.js";
import { useQueue } from "../data/live.js";
import { runQuery } from "../data/queries.js";
import { Card, Foreign, Time } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { Empty, Loaded } from "../ui/states.js";
import { Tabs } from "../ui/tabs.js";
import { Status } from "../ui/words.js";
import { Compare } from "./run-compare.js";
import { Events } from "./run-events.js";
import { Contract, Diff, Files, Reports, TestsOf } from "./run-files.js";
import { Summary } from "./run-summary.js";

const page = getRouteApi("/runs/$runId");

const TABS = [
  { id: "summary", label: "Summary" },
  { id: "events", label: "Events" },
  { id: "diff", label: "Diff" },
  { id: "reports", label: "Reports" },
  { id: "tests", label: "Tests" },
  { id: "contract", label: "Contract" },
  { id: "files", label: "Files" },
  { id: "compare", label: "Compare" },
  { id: "queue", label: "Queue history" },
] as const;

export function RunPage() {
  const { runId } = page.useParams();
  const search = page.useSearch();
  const run = useQuery(runQuery(runId));
  const tab = TABS.find(({ id }) => id === search.tab)?.id ?? "summary";
  const ofQueue = useQueue().items.filter((item) => item.source_run_id === runId || item.run_id === runId);
  return (
    <>
      <Title
        name={runId}
        aside={
          <>
            <CopyAs command={["api", "GET", `/api/runs/${runId}`]} http={{ method: "GET", path: `/api/runs/${encodeURIComponent(runId)}` }} />
            <Link to="/runs/$runId/queue" params={{ runId }} className="rounded-md border border-accent bg-accent px-3 py-1 font-medium text-on-accent hover:opacity-90">
              Preview it again
            </Link>
          </>
        }
      >
        <Link to="/runs" className="quiet-link font-normal text-muted">
          Runs
        </Link>
        <span className="font-normal text-muted"> / </span>
        <Foreign text={runId} />
      </Title>
      <Tabs
        label="Parts of the run"
        here={tab}
        to={(id) => ({ to: "/runs/$runId", params: { runId }, search: { tab: id } })}
        tabs={TABS.map((each) => ({ ...each, count: each.id === "queue" && ofQueue.length > 0 ? ofQueue.length : undefined }))}
      />
      <Loaded query={run} what="the run">
        {(data) => {
          switch (tab) {
            case "summary":
              return <Summary run={data} />;
            case "events":
              return <Events runId={runId} running={data.status === "RUNNING"} view={search.view} q={search.q} />;
            case "diff":
              return <Diff runId={runId} />;
            case "reports":
              return <Reports runId={runId} />;
            case "tests":
              return <TestsOf runId={runId} />;
            case "contract":
              return <Contract run={data} />;
            case "files":
              return <Files runId={runId} file={search.file} />;
            case "compare":
              return <Compare runId={runId} other={search.with} />;
            case "queue":
              return <ItemsOf runId={runId} items={ofQueue} />;
            default:
              return null;
          }
        }}
      </Loaded>
    </>
  );
}

/** What was queued from this run, and the item that this run came of. */
function ItemsOf({ runId, items }: { runId: string; items: readonly Item[] }) {
  return (
    <Card title="Items of this run" flush>
      {items.length === 0 ? (
        <Empty title="It was never queued again">
          <Link to="/runs/$runId/queue" params={{ runId }} className="link">
            Preview it again
          </Link>
        </Empty>
      ) : (
        <ul className="divide-y divide-line">
          {items.map((item) => (
            <li key={item.queue_id} className="row flex flex-wrap items-baseline gap-x-4 px-3 py-1.5">
              <Link to="/queue/$queueId" params={{ queueId: item.queue_id }} className="quiet-link font-mono text-sm">
                {item.queue_id.slice(0, 12)}
              </Link>
              <Status item={item} plain />
              <span className="text-muted">{item.run_id === runId && item.source_run_id !== runId ? "this run came of it" : `priority ${item.priority}`}</span>
              <span className="ml-auto text-muted">
                <Time at={item.created_at} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
