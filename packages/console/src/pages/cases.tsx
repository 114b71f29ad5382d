/** Workflow cases: runs that belong together, and what they come to. */

import { type Look, OUTCOME, counted } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";

import { Title } from "../app/frame.js";
import { type Case, client } from "../data/client.js";
import { useQueue } from "../data/live.js";
import { json, text } from "../lib/text.js";
import { Badge, Card, Facts, Foreign, Line, Notice, Time } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { Empty, Loaded } from "../ui/states.js";
import { Status } from "../ui/words.js";

const VERDICTS: Readonly<Record<string, Look>> = {
  awaiting_approval: { label: "Waits for a person", about: "A run of it waits for a person of its own.", tone: "attention" },
  attention_required: { label: "Needs attention", about: "A run of it failed.", tone: "bad" },
  active: { label: "Active", about: "A run of it has not ended.", tone: "active" },
  healthy: { label: "Healthy", about: "Its runs ended well.", tone: "good" },
};

/** What manifests call a run's end, as a look. */
function lookOfStatus(status: string | null | undefined): Look {
  if (status === "SUCCESS") return OUTCOME.success;
  if (status === "RUNNING") return OUTCOME.in_progress;
  if (status === "FAILURE") return OUTCOME.failure;
  return { label: status ?? "Not known", about: "As the run's manifest says.", tone: "neutral" };
}

function verdictOf(found: Case): Look {
  return VERDICTS[found.verdict] ?? { label: found.verdict, about: "", tone: "neutral" };
}

export function Cases() {
  const cases = useQuery({
    queryKey: ["cases"],
    queryFn: ({ signal }) => client.workflows.list({ limit: 200 }, { signal }).collect(1_000),
    refetchInterval: 15_000,
  });
  return (
    <>
      <Title name="Cases" aside={<CopyAs command={["api", "GET", "/api/workflows"]} http={{ method: "GET", path: "/api/workflows?limit=200&cursor=" }} />}>
        Cases
      </Title>
      <Loaded query={cases} what="cases">
        {(data) =>
          data.length === 0 ? (
            <Empty title="There are no cases">Runs whose manifest names a workflow stand together here.</Empty>
          ) : (
            <ul className="card divide-y divide-line">
              {data.map((found) => (
                <li key={found.workflow_id} className="row grid gap-x-4 px-3 py-2 md:grid-cols-[minmax(0,1.3fr)_10rem_minmax(0,2fr)_8rem]">
                  <Link to="/cases/$workflowId" params={{ workflowId: found.workflow_id }} className="quiet-link min-w-0 font-medium">
                    <Line text={found.workflow_id} />
                  </Link>
                  <Badge look={verdictOf(found)} plain />
                  <Line text={found.objective || found.summary} className="text-muted" />
                  <span className="text-muted">{counted(found.runs.length, "run")}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </>
  );
}

const page = getRouteApi("/cases/$workflowId");

export function CasePage() {
  const { workflowId } = page.useParams();
  const found = useQuery({ queryKey: ["cases", workflowId], queryFn: ({ signal }) => client.workflows.get(workflowId, { signal }), refetchInterval: 15_000 });
  const items = useQueue().items.filter((item) => item.workflow_id === workflowId);
  return (
    <>
      <Title name={workflowId} aside={<CopyAs command={["api", "GET", `/api/workflows/${workflowId}`]} http={{ method: "GET", path: `/api/workflows/${encodeURIComponent(workflowId)}` }} />}>
        <Link to="/cases" className="quiet-link font-normal text-muted">
          Cases
        </Link>
        <span className="font-normal text-muted"> / </span>
        <Foreign text={workflowId} />
      </Title>
      <Loaded query={found} what="the case">
        {({ workflow, runs, events, problems }) => (
          <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_24rem]">
            <div className="min-w-0 space-y-4">
              {problems !== undefined && problems.length > 0 && (
                <Notice tone="attention">
                  <p>{counted(problems.length, "thing")} could not be read.</p>
                </Notice>
              )}
              <Card title="What it comes to" aside={<Badge look={verdictOf(workflow)} plain />}>
                <Facts
                  rows={[
                    ["Verdict", workflow.summary],
                    workflow.objective ? ["Objective", <Foreign key="o" text={workflow.objective} />] : undefined,
                    workflow.owner_pm ? ["Owner", <Foreign key="p" text={workflow.owner_pm} />] : undefined,
                    workflow.project_key ? ["Project", <Foreign key="k" text={workflow.project_key} />] : undefined,
                    ["Status", <Foreign key="s" text={workflow.status} />],
                  ]}
                />
              </Card>
              <Card title={counted(runs.length, "run")} flush>
                <ul className="divide-y divide-line">
                  {runs.map((run) => (
                    <li key={run.run_id} className="row grid gap-x-4 px-3 py-1.5 sm:grid-cols-[minmax(0,1fr)_9rem_8rem]">
                      <Link to="/runs/$runId" params={{ runId: run.run_id }} className="quiet-link min-w-0 font-medium">
                        <Line text={run.task_id ?? run.run_id} />
                      </Link>
                      <Badge look={lookOfStatus(run.status)} plain />
                      <span className="text-muted">
                        <Time at={run.created_at} />
                      </span>
                    </li>
                  ))}
                </ul>
              </Card>
              {events.length > 0 && (
                <Card title="Its events" flush>
                  <ul className="scroller max-h-96 divide-y divide-line" tabIndex={0} aria-label="Events of the case">
                    {events.map((event, at) => (
                      <li key={at} className="flex gap-3 px-3 py-1">
                        <span className="shrink-0 text-sm text-muted">
                          <Time at={text(event["ts"])} />
                        </span>
                        <Line text={text(event["event"]) ?? json(event)} />
                      </li>
                    ))}
                  </ul>
                </Card>
              )}
            </div>
            <Card title="In the queue" aside={<Link to="/queue" search={{ workflow: workflowId, tab: "all" }} className="link">Show there</Link>} flush>
              {items.length === 0 ? (
                <p className="px-3 py-2 text-muted">Nothing of this case was queued.</p>
              ) : (
                <ul className="divide-y divide-line">
                  {items.slice(-20).toReversed().map((item) => (
                    <li key={item.queue_id} className="row flex gap-3 px-3 py-1">
                      <Link to="/queue/$queueId" params={{ queueId: item.queue_id }} className="quiet-link min-w-0 grow">
                        <Line text={item.task_id} />
                      </Link>
                      <Status item={item} plain />
                    </li>
                  ))}
                </ul>
              )}
            </Card>
          </div>
        )}
      </Loaded>
    </>
  );
}
