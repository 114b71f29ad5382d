/** What a run was, how it ended, what stands in its way, and how much of what it left behind is as it was recorded. */

import { OUTCOME, counted, lookOf } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type Run, client } from "../data/client.js";
import { json, record, text } from "../lib/text.js";
import { AgentText, Badge, Card, Facts, Foreign, Notice, Time, Told } from "../ui/basic.js";
import { Loaded } from "../ui/states.js";
import { took } from "./runs.js";

export function Summary({ run }: { run: Run }) {
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
  // What stands above already, and what was not found, is left out.
  const known = new Set([why, text(run.status), text(run.failure_code), text(run.failure_stage), "UNKNOWN", "[]", "{}", "null", ""]);
  const hindrances = Object.entries(record(incident.data?.incident_pack) ?? {})
    .map(([name, value]) => [name, typeof value === "string" ? value : json(value)] as const)
    .filter(([name, value]) => !["run_id", "report_type", "generated_at"].includes(name) && !known.has(value))
    .map(([name, value]) => [name.replaceAll("_", " "), <Foreign key={name} text={value} />] as const);
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
            <Told
              texts={(
                [
                  ["The task", spec],
                  ["What was asked for", asked === spec ? undefined : asked],
                  ["What the agent says it did", told],
                  ["Why it failed", why],
                ] as const
              ).flatMap(([name, words]) => (words === undefined ? [] : [[name, <Foreign key={name} text={words} />] as const]))}
            />
          </AgentText>
        )}
        {hindrances.length > 0 && (
          <Card title="What stands in the way" aside={incident.data?.source === "derived" ? "worked out here, from what the run left behind" : "as the run itself reported"}>
            <Facts rows={hindrances} />
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
