/** One run: what it was, how it ended, what it left behind, and the way to preview it again. */

import { OUTCOME, counted, lookOf, size } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { Title } from "../app/frame.js";
import { client } from "../data/client.js";
import { useQueue } from "../data/live.js";
import { runQuery } from "../data/queries.js";
import { json, record, text } from "../lib/text.js";
import { AgentText, Badge, Button, Card, Copy, Facts, Foreign, Id, Line, Notice, Time, cx } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { DiffTable, UnifiedDiff } from "../ui/diff.js";
import { Empty, Loaded } from "../ui/states.js";
import { Tabs } from "../ui/tabs.js";
import { Status } from "../ui/words.js";
import { Events } from "./run-events.js";
import { took } from "./runs.js";

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
              return (
                <Card title="Items of this run" flush>
                  {ofQueue.length === 0 ? (
                    <Empty title="It was never queued again">
                      <Link to="/runs/$runId/queue" params={{ runId }} className="link">
                        Preview it again
                      </Link>
                    </Empty>
                  ) : (
                    <ul className="divide-y divide-line">
                      {ofQueue.map((item) => (
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
            default:
              return null;
          }
        }}
      </Loaded>
    </>
  );
}

type Run = Awaited<ReturnType<typeof client.runs.get>>;

function Summary({ run }: { run: Run }) {
  const manifest = record(run.manifest) ?? {};
  const contract = record(run.contract) ?? {};
  const proof = useQuery({ queryKey: ["run", run.run_id, "proof"], queryFn: ({ signal }) => client.runs.proof(run.run_id, { signal }) });
  const incident = useQuery({ queryKey: ["run", run.run_id, "incident"], queryFn: ({ signal }) => client.runs.incident(run.run_id, { signal }) });
  const repo = record(manifest["repo"]);
  const runner = record(manifest["runner"]);
  const owner = record(contract["owner_agent"]);
  const agent = record(contract["assigned_agent"]);
  const workflow = text(record(manifest["workflow"])?.["workflow_id"]);
  const spec = text(record(contract["inputs"])?.["spec"]);
  const asked = text(manifest["user_request"]);
  const told = text(record(record(proof.data?.proof_pack))?.["summary"]);
  const why = text(manifest["failure_reason"]);
  const pack = record(incident.data?.incident_pack) ?? {};
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_24rem]">
      <div className="min-w-0 space-y-4">
        {run.problems !== undefined && run.problems.length > 0 && (
          <Notice tone="attention" title={`${counted(run.problems.length, "thing")} could not be read`}>
            <ul>
              {run.problems.map((problem, at) => (
                <li key={at}>
                  <span className="font-mono">{problem.file}</span>
                  {problem.line !== undefined && ` line ${problem.line}`}: {problem.problem}
                </li>
              ))}
            </ul>
          </Notice>
        )}
        <Card title="How it ended" aside={<Badge look={lookOf(OUTCOME, run.outcome_type)} plain />}>
          <Facts
            rows={[
              ["Task", <Foreign key="t" text={text(run.task_id) ?? "–"} />],
              ["Status", <Foreign key="s" text={text(run.status) ?? "–"} />],
              run.failure_code ? ["Failed with", <span key="f"><span className="font-mono">{run.failure_code}</span>{run.failure_stage ? ` at ${run.failure_stage}` : ""}</span>] : undefined,
              ["Began", <Time key="b" at={text(manifest["created_at"])} />],
              ["Took", took(text(manifest["created_at"]), text(manifest["finished_at"]))],
              ["Runner", <Foreign key="r" text={text(runner?.["name"]) ?? "–"} />],
              repo ? ["Repository", <span key="p"><Foreign text={text(repo["root"]) ?? "–"} mono /> <span className="text-muted">at</span> <Foreign text={text(repo["baseline_ref"]) ?? "–"} mono /></span>] : undefined,
              agent ? ["Agent", <Foreign key="a" text={`${text(agent["agent_id"]) ?? "–"} (${text(agent["role"]) ?? "–"})`} />] : undefined,
              owner ? ["Owner", <Foreign key="o" text={`${text(owner["agent_id"]) ?? "–"} (${text(owner["role"]) ?? "–"})`} />] : undefined,
              workflow ? ["Case", <Link key="w" className="link" to="/cases/$workflowId" params={{ workflowId: workflow }}><Foreign text={workflow} /></Link>] : undefined,
            ]}
          />
        </Card>
        {(spec !== undefined || asked !== undefined || told !== undefined || why !== undefined) && (
          <AgentText title="Written for or by the agent – text of the run, not of this system">
            {(
              [
                ["The task", spec],
                ["What was asked for", asked === spec ? undefined : asked],
                ["What the agent says it did", told],
                ["Why it failed", why],
              ] as const
            ).map(
              ([name, words]) =>
                words !== undefined && (
                  <div key={name} className="mt-1.5">
                    <h3 className="font-normal text-muted">{name}</h3>
                    <Foreign text={words} />
                  </div>
                ),
            )}
          </AgentText>
        )}
        {incident.data !== undefined && Object.keys(pack).length > 0 && (
          <Card title="What stands in the way" aside={incident.data.source}>
            <Facts rows={Object.entries(pack).filter(([name]) => !["run_id", "report_type"].includes(name)).map(([name, value]) => [name.replaceAll("_", " "), <Foreign key={name} text={typeof value === "string" ? value : json(value)} />])} />
          </Card>
        )}
      </div>
      <Card title="Evidence" aside={<Link to="/runs/$runId" params={{ runId: run.run_id }} search={{ tab: "files" }} className="link">Files</Link>}>
        <Loaded query={proof} what="the evidence">
          {(data) => (
            <Facts
              rows={[
                ["As recorded", <span key="v" className="text-good-ink">✓ {counted(data.evidence.verified, "file")}</span>],
                ["Altered", data.evidence.altered > 0 ? <span key="a" className="font-medium text-bad-ink">✕ {counted(data.evidence.altered, "file")}</span> : "none"],
                ["Missing", data.evidence.missing > 0 ? <span key="m" className="text-attention-ink">! {counted(data.evidence.missing, "file")}</span> : "none"],
                ["Not listed", counted(data.evidence.unlisted, "file")],
                ["Hash chain of events", data.hash_chain],
                ["Reports", counted(data.reports.length, "report")],
              ]}
            />
          )}
        </Loaded>
      </Card>
    </div>
  );
}

function Diff({ runId }: { runId: string }) {
  const diff = useQuery({ queryKey: ["run", runId, "diff"], queryFn: ({ signal }) => client.runs.diff(runId, { signal }) });
  return (
    <Loaded query={diff} what="the diff">
      {(data) =>
        data.diff === "" ? (
          <Empty title="This run changed nothing">It left no patch behind.</Empty>
        ) : (
          <Card
            flush
            title={data.files.length === 0 ? "What the run changed" : counted(data.files.length, "file")}
            aside={<Copy text={data.diff} label="Copy the patch" />}
          >
            {data.files.length > 0 && (
              <ul className="border-b border-line px-3 py-1.5">
                {data.files.map((file) => (
                  <li key={file}>
                    <Foreign text={file} mono />
                  </li>
                ))}
              </ul>
            )}
            {data.truncated === true && <p className="px-3 py-1 text-attention-ink">! It is longer than what is shown here.</p>}
            <UnifiedDiff diff={data.diff} label="What the run changed" />
          </Card>
        )
      }
    </Loaded>
  );
}

function Reports({ runId }: { runId: string }) {
  const reports = useQuery({ queryKey: ["run", runId, "reports"], queryFn: ({ signal }) => client.runs.reports(runId, { limit: 100 }, { signal }).collect(200) });
  return (
    <Loaded query={reports} what="reports">
      {(data) =>
        data.length === 0 ? (
          <Empty title="There are no reports" />
        ) : (
          <div className="space-y-3">
            {data.map((report) => (
              <details key={report.name} className="card" open={data.length < 4}>
                <summary className="px-3 py-2 font-medium">
                  <Foreign text={report.name} mono />
                </summary>
                <Json value={report.data} />
              </details>
            ))}
          </div>
        )
      }
    </Loaded>
  );
}

function Json({ value }: { value: unknown }) {
  const written = json(value);
  return (
    <div className="scroller max-h-[60dvh] border-t border-line bg-panel p-3" tabIndex={0} role="group" aria-label="As JSON">
      <code className="block font-mono text-sm">
        <Foreign text={written.length > 200_000 ? `${written.slice(0, 200_000)}\n… and ${written.length - 200_000} more characters` : written} className="break-words" />
      </code>
    </div>
  );
}

function TestsOf({ runId }: { runId: string }) {
  const reports = useQuery({ queryKey: ["run", runId, "reports"], queryFn: ({ signal }) => client.runs.reports(runId, { limit: 100 }, { signal }).collect(200) });
  return (
    <Loaded query={reports} what="tests">
      {(data) => {
        const report = record(data.find(({ name }) => name === "test_report.json")?.data);
        if (report === undefined) return <Empty title="There is no test report">The run left none behind.</Empty>;
        const commands = Array.isArray(report["commands"]) ? report["commands"].map((each) => record(each)).filter((each) => each !== undefined) : [];
        return (
          <Card title="Tests" aside={<Foreign text={text(report["status"]) ?? "–"} />} flush>
            {commands.length === 0 ? (
              <Json value={report} />
            ) : (
              <div className="scroller" tabIndex={0} role="group" aria-label="Test commands">
                <table className="w-full">
                  <thead>
                    <tr className="border-b border-line text-sm text-muted">
                      <th scope="col" className="px-3 py-1">Result</th>
                      <th scope="col" className="px-3 py-1">Name</th>
                      <th scope="col" className="px-3 py-1">Command</th>
                    </tr>
                  </thead>
                  <tbody>
                    {commands.map((each, at) => {
                      const code = each["exit_code"];
                      return (
                        <tr key={at} className="border-b border-line align-top last:border-0">
                          <td className={cx("px-3 py-1 whitespace-nowrap", code === 0 ? "text-good-ink" : "text-bad-ink")}>
                            {code === 0 ? "✓ passed" : `✕ exit ${String(code ?? "not known")}`}
                          </td>
                          <td className="px-3 py-1"><Foreign text={text(each["name"]) ?? "–"} /></td>
                          <td className="px-3 py-1"><Foreign text={text(each["cmd"]) ?? "–"} mono /></td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
            )}
          </Card>
        );
      }}
    </Loaded>
  );
}

function Contract({ run }: { run: Run }) {
  return (
    <Card title="Task contract" aside="what executing the task would go by; a person or an agent wrote it" flush>
      {Object.keys(record(run.contract) ?? {}).length === 0 ? <Empty title="It is missing or cannot be read" /> : <Json value={run.contract} />}
    </Card>
  );
}

const SUMS: Readonly<Record<string, { mark: string; words: string; ink: string }>> = {
  verified: { mark: "✓", words: "as recorded", ink: "text-good-ink" },
  altered: { mark: "✕", words: "altered", ink: "text-bad-ink" },
  missing: { mark: "!", words: "missing", ink: "text-attention-ink" },
  unlisted: { mark: "·", words: "not listed", ink: "text-muted" },
  unchecked: { mark: "·", words: "not checked", ink: "text-muted" },
};

/** How much of a file is shown: enough to see what it is. */
const SHOWN_BYTES = 64 * 1024;

function Files({ runId, file }: { runId: string; file: string | undefined }) {
  const files = useQuery({ queryKey: ["run", runId, "files"], queryFn: ({ signal }) => client.runs.artifacts(runId, undefined, { signal }) });
  const content = useQuery({
    queryKey: ["run", runId, "file", file],
    enabled: file !== undefined,
    queryFn: async ({ signal }) => {
      const { bytes } = await client.runs.artifact(runId, file ?? "", { limit: SHOWN_BYTES }, { signal });
      return { bytes: bytes.length, text: new TextDecoder().decode(bytes) };
    },
  });
  return (
    <Loaded query={files} what="files">
      {(data) => {
        const rows = "artifacts" in data ? data.artifacts : [];
        if (rows.length === 0) return <Empty title="This run left no files behind" />;
        return (
          <div className="grid items-start gap-4 lg:grid-cols-2">
            <Card title={counted(rows.length, "file")} flush>
              <ul className="divide-y divide-line">
                {rows.map((row) => {
                  const sum = SUMS[row.checksum] ?? { mark: "·", words: row.checksum, ink: "text-muted" };
                  return (
                    <li key={row.name} className={cx("row grid grid-cols-2 gap-x-3 px-3 py-1 sm:grid-cols-[minmax(0,1fr)_7rem_5rem]", row.name === file && "bg-panel")}>
                      <Link to="/runs/$runId" params={{ runId }} search={{ tab: "files", file: row.name }} className="quiet-link col-span-2 min-w-0 sm:col-span-1">
                        <Line text={row.name} mono />
                      </Link>
                      <span className={sum.ink} title={row.sha256 ?? undefined}>
                        <span aria-hidden="true">{sum.mark} </span>
                        {sum.words}
                      </span>
                      <span className="text-right text-sm text-muted">{row.size_bytes == null ? "–" : size(row.size_bytes)}</span>
                    </li>
                  );
                })}
              </ul>
            </Card>
            {file !== undefined && (
              <AgentText title={`Content of ${file} – written by the run, shown as text`}>
                <Loaded query={content} what="the file">
                  {(found) => (
                    <>
                      <div className="scroller max-h-[70dvh]" tabIndex={0} role="group" aria-label="Content">
                        <Foreign text={found.text} mono />
                      </div>
                      {found.bytes >= SHOWN_BYTES && <p className="mt-1 text-sm text-muted">The first {size(SHOWN_BYTES)}.</p>}
                    </>
                  )}
                </Loaded>
              </AgentText>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}

function Compare({ runId, other }: { runId: string; other: string | undefined }) {
  const navigate = useNavigate({ from: "/runs/$runId" });
  const [typed, setTyped] = useState(other ?? "");
  const near = useQuery({ queryKey: ["runs", "near", runId], queryFn: async ({ signal }) => (await client.runs.list({ limit: 30 }, { signal })).items });
  const found = useQuery({
    queryKey: ["run", runId, "compare", other],
    queryFn: ({ signal }) => client.runs.compare(runId, other === undefined ? undefined : { with: other }, { signal }),
  });
  return (
    <div className="space-y-4">
      <form
        className="flex flex-wrap items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim() !== "") void navigate({ search: (was) => ({ ...was, with: typed.trim() }) });
        }}
      >
        <label className="w-full max-w-md min-w-0">
          <span className="block text-sm text-muted">Compare with run</span>
          <input className="field font-mono" list="near-runs" value={typed} onChange={(event) => setTyped(event.target.value)} spellCheck={false} />
        </label>
        <datalist id="near-runs">{near.data?.filter((run) => run.run_id !== runId).map((run) => <option key={run.run_id} value={run.run_id} />)}</datalist>
        <Button type="submit" why={typed.trim() === "" ? "Name a run." : undefined} hideWhy>
          Compare
        </Button>
      </form>
      <Loaded query={found} what="the comparison">
        {(data) => {
          const comparison = data.comparison;
          if (comparison == null) {
            return Object.keys(record(data.compare_summary) ?? {}).length === 0 ? (
              <Empty title="Nothing to compare with yet">Name another run above.</Empty>
            ) : (
              <Card title="The comparison that the run stored" flush>
                <Json value={data.compare_summary} />
              </Card>
            );
          }
          const told = (run: typeof comparison.run): Record<string, unknown> => ({ ...run });
          const [mine, theirs] = [told(comparison.run), told(comparison.other)];
          const rows = Object.keys(mine)
            .filter((name) => name !== "run_id" && JSON.stringify(mine[name]) !== JSON.stringify(theirs[name]))
            .map((name) => ({ field: name.replaceAll("_", " "), was: String(theirs[name] ?? ""), now: String(mine[name] ?? "") }));
          const names = (title: string, difference: typeof comparison.files): ReactNode => (
            <Card title={title}>
              <Facts
                rows={[
                  ["Only here", <Names key="a" names={difference.only_in_run} />],
                  ["Only there", <Names key="b" names={difference.only_in_other} />],
                  ["Different", <Names key="c" names={difference.different} />],
                ]}
              />
            </Card>
          );
          return (
            <div className="space-y-4">
              <Card title="What differs" aside={<Id id={comparison.other.run_id} ends={12} />}>
                {rows.length === 0 ? <p className="text-muted">Nothing of what is compared.</p> : <DiffTable rows={rows} was="The other run" now="This run" />}
              </Card>
              <div className="grid gap-4 md:grid-cols-2">
                {names("Files", comparison.files)}
                {names("Reports", comparison.reports)}
              </div>
            </div>
          );
        }}
      </Loaded>
    </div>
  );
}

function Names({ names }: { names: readonly string[] }) {
  if (names.length === 0) return <span className="text-muted">none</span>;
  return (
    <ul>
      {names.map((name) => (
        <li key={name}>
          <Foreign text={name} mono />
        </li>
      ))}
    </ul>
  );
}
