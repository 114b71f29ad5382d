/** One item, whole: its way, what it does, who asked for it and why, what happened to it. In the drawer and on its page alike. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { pinnedContract } from "@cortexpilot/frontend-api-client/worker";
import { counted } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type Item, client } from "../data/client.js";
import { historyQuery, itemLinesQuery, runQuery } from "../data/queries.js";
import { record, text } from "../lib/text.js";
import { canVerify } from "../lib/verify.js";
import { AgentText, Card, Facts, Foreign, Id, Long, Notice, Time, Told } from "../ui/basic.js";
import { type Effect, EffectWords } from "../ui/effect.js";
import { type Stage, Stages } from "../ui/stages.js";
import { Loaded } from "../ui/states.js";
import { Sla, Status, eventWord, isHeld, statusLook, whyWaits } from "../ui/words.js";
import { ItemActions } from "./item-actions.js";
import { ProofOf } from "./proof.js";

/** What the ledger's line says that queued the item. Read as data: an older ledger may lack any of it. */
interface Provenance {
  principal?: string | undefined;
  requestedBy?: string | undefined;
  role?: string | undefined;
  reason?: string | undefined;
  surface?: string | undefined;
  policy?: string | undefined;
  contract?: string | undefined;
  approvals: string[];
  approverReason?: string | undefined;
}

function provenanceOf(line: string | null | undefined): Provenance | undefined {
  if (line == null) return undefined;
  try {
    const facts = record(JSON.parse(line));
    if (facts === undefined) return undefined;
    const approvals = facts["approvals"];
    return {
      principal: text(facts["principal"]),
      requestedBy: text(facts["requested_by"]),
      role: text(facts["actor_role"]),
      reason: text(facts["approval_reason"]),
      surface: text(facts["pilot_source"]),
      policy: text(facts["approval_policy"]),
      contract: text(facts["contract_sha256"]),
      approvals: Array.isArray(approvals) ? approvals.filter((each): each is string => typeof each === "string") : [],
      approverReason: text(facts["approver_reason"]),
    };
  } catch {
    return undefined;
  }
}

const SURFACES: Readonly<Record<string, string>> = {
  mcp_queue_pilot_server: "the queue pilot (MCP)",
  http_control_plane: "HTTP",
  cli: "the command line",
};

/** The effect that a task contract has. */
function effectOf(contract: Record<string, unknown> | undefined): Effect | undefined {
  if (contract === undefined) return undefined;
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : []);
  const tests = Array.isArray(contract["acceptance_tests"]) ? contract["acceptance_tests"] : [];
  const limit = record(contract["timeout_retry"])?.["timeout_sec"];
  return {
    allowed_paths: texts(contract["allowed_paths"]),
    commands: tests.map((test) => text(record(test)?.["cmd"])).filter((cmd) => cmd !== undefined),
    tool_permissions: record(contract["tool_permissions"]) ?? {},
    runner: text(record(contract["runtime_options"])?.["runner"]) ?? "",
    timeout_s: typeof limit === "number" ? limit : null,
  };
}

/** The task contract that was kept when the item was queued, held against its digest in this browser where that can be computed. */
function usePinned(item: Item, sha256: string | undefined) {
  return useQuery({
    queryKey: ["pinned", item.queue_id, sha256],
    enabled: sha256 !== undefined && canVerify(),
    queryFn: async ({ signal }): Promise<unknown> => JSON.parse(new TextDecoder().decode(await pinnedContract(client, item.queue_id, sha256 ?? "", { signal }))),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function ItemDetail({ item, wide = false }: { item: Item; wide?: boolean }) {
  const history = useQuery(historyQuery(item.queue_id));
  const lines = useQuery(itemLinesQuery(item.queue_id));
  const source = useQuery(runQuery(item.source_run_id));
  const provenance = provenanceOf(lines.data?.find((line) => line.event === "QUEUE_ENQUEUE")?.line);
  const pinned = usePinned(item, provenance?.contract);
  // Items of an original ledger have no copy of their own: there the source run's contract is all that is known.
  const unpinned = !canVerify() || pinned.isError || lines.isError || (lines.data !== undefined && provenance?.contract === undefined);
  const effect = effectOf(record(pinned.data) ?? (unpinned ? record(source.data?.contract) : undefined));
  const repo = record(record(source.data?.manifest)?.["repo"]);
  const waits = whyWaits(item);
  return (
    <div className="space-y-4">
      <Stages stages={stagesOf(item, provenance)} />
      <ItemActions item={item} />
      {isHeld(item) && (
        <Notice tone={statusLook(item.status).tone} title={statusLook(item.status).label}>
          <p>
            {statusLook(item.status).about} {item.held?.reason !== undefined && <Foreign text={item.held.reason} />}
          </p>
        </Notice>
      )}
      {item.stop !== undefined && item.status === "CLAIMED" && (
        <Notice tone="attention" title="It has been asked to stop">
          <p>
            By {item.stop.by} <Time at={item.stop.at} />: <Foreign text={item.stop.reason} />. Its worker hears of it with its next sign of life.
          </p>
        </Notice>
      )}
      <div className={wide ? "grid items-start gap-4 lg:grid-cols-2" : "space-y-4"}>
        <div className="min-w-0 space-y-4">
          <Card title={effectTitle(item.status)}>
            {effect === undefined ? (
              <p className="text-muted">{source.isError ? "Its source run cannot be read any more." : "…"}</p>
            ) : (
              <>
                <EffectWords
                  effect={effect}
                  task={item.task_id}
                  repository={item.repository ?? text(repo?.["root"])}
                  baseline={text(repo?.["baseline_ref"])}
                  priority={item.priority}
                  scheduledAt={item.scheduled_at}
                  deadlineAt={item.deadline_at}
                />
                {pinned.isError && !isControlPlaneError(pinned.error) && (
                  <p className="mt-2 font-medium text-bad-ink">! The copy that is kept here is not what was approved: its digest is another. No worker may carry it out.</p>
                )}
                <p className="mt-2 text-sm text-muted">
                  {unpinned
                    ? "As the source run’s task contract says now. A worker carries out the copy that was kept when it was queued, whose digest is below."
                    : "As the task contract says that was kept when it was queued: what runs is what was approved."}
                </p>
              </>
            )}
          </Card>
          <Card title="History" flush>
            <Loaded query={history} what="the history">
              {(data) => (
                <ol className="divide-y divide-line">
                  {data.lines.map((line) => (
                    <li key={line.seq} className="px-3 py-2">
                      <div className="flex flex-wrap items-baseline gap-x-2">
                        <span className="font-medium">{eventWord(line.event)}</span>
                        {line.by !== null && line.by !== undefined && (
                          <span className="min-w-0">
                            by <Foreign text={line.by} />
                          </span>
                        )}
                        <span className="ml-auto text-sm text-muted">
                          <Time at={line.ts} /> · line {line.seq.toLocaleString("en")}
                        </span>
                      </div>
                      {line.reason && line.event !== "QUEUE_ENQUEUE" && (
                        <div className="text-muted">
                          <Long text={line.reason} />
                        </div>
                      )}
                      <ProofOf queueId={item.queue_id} seq={line.seq} receiptAt={line.receipt ?? null} line={lines.data?.find((each) => each.seq === line.seq)?.line ?? undefined} />
                    </li>
                  ))}
                </ol>
              )}
            </Loaded>
          </Card>
        </div>
        <div className="min-w-0 space-y-4">
          <Card title="Where it stands">
            <Facts
              rows={[
                ["State", <Status key="s" item={item} plain />],
                waits === undefined ? undefined : ["Waits because", <Foreign key="w" text={waits} />],
                item.not_before ? ["Not before", <Time key="nb" at={item.not_before} />] : undefined,
                ["Deadline", <span key="d"><Time at={item.deadline_at} fallback="none" /> {item.deadline_at !== "" && <Sla item={item} />}</span>],
                item.attempts ? ["Tries", counted(item.attempts, "try", "tries")] : undefined,
                item.worker ? ["Worker", <Foreign key="wk" text={item.worker} />] : undefined,
                item.lease_expires_at && item.status === "CLAIMED" ? ["Lease until", <Time key="l" at={item.lease_expires_at} />] : undefined,
                item.progress ? ["Says", <Foreign key="p" text={[item.progress.stage, item.progress.message].filter(Boolean).join(": ")} />] : undefined,
                item.run_id ? ["Its run", <Link key="r" className="link" to="/runs/$runId" params={{ runId: item.run_id }}><Foreign text={item.run_id} /></Link>] : undefined,
                item.reason ? ["Reason", <Long key="re" text={item.reason} />] : undefined,
                item.cancelled_by ? ["Cancelled by", <Foreign key="c" text={item.cancelled_by} />] : undefined,
              ]}
            />
          </Card>
          <Card title="Who asked for it" aside="as the ledger’s line says">
            {provenance === undefined ? (
              <p className="text-muted">{lines.isError ? "Only operators read the ledger’s lines." : lines.data === undefined ? "…" : "The line does not say."}</p>
            ) : (
              <div className="space-y-3">
                <Facts
                  rows={[
                    ["Principal", <Foreign key="p" text={provenance.principal ?? "–"} mono />],
                    ["Role", provenance.role ?? "–"],
                    ["Through", SURFACES[provenance.surface ?? ""] ?? provenance.surface ?? "–"],
                    ["Policy", provenance.policy ?? "–"],
                    ["Approved by", provenance.approvals.length === 0 ? (provenance.policy === "declared" ? "nobody was asked" : "–") : provenance.approvals.join(", ")],
                    provenance.approverReason ? ["Because", <Foreign key="b" text={provenance.approverReason} />] : undefined,
                  ]}
                />
                <AgentText title="Stated by whoever asked; not checked">
                  <Told
                    texts={[
                      ["Asks", <Foreign key="a" text={provenance.requestedBy ?? "–"} />],
                      ["Reason", <Long key="r" text={provenance.reason ?? "–"} />],
                    ]}
                  />
                </AgentText>
              </div>
            )}
          </Card>
          <Card title="Ids">
            <Facts
              rows={[
                ["Item", <Id key="q" id={item.queue_id} whole />],
                ["Source run", <span key="s" className="inline-flex max-w-full flex-wrap gap-x-2"><Link className="link" to="/runs/$runId" params={{ runId: item.source_run_id }}><Foreign text={item.source_run_id} /></Link></span>],
                item.workflow_id ? ["Case", <Link key="w" className="link" to="/cases/$workflowId" params={{ workflowId: item.workflow_id }}><Foreign text={item.workflow_id} /></Link>] : undefined,
                provenance?.contract ? ["Task contract", <Id key="c" id={provenance.contract} />] : undefined,
                ["Contract file", <Foreign key="f" text={item.contract_path} mono />],
              ]}
            />
          </Card>
        </div>
      </div>
    </div>
  );
}

function effectTitle(status: string): string {
  if (status === "PENDING") return "What will happen";
  if (status === "CLAIMED") return "What is happening";
  return status === "CANCELLED" || status === "EXPIRED" ? "What would have happened" : "What was asked for";
}

/** The way of an item: what is behind it, where it is, what may come. */
function stagesOf(item: Item, from: Provenance | undefined): Stage[] {
  const stages: Stage[] = [{ name: "Previewed", done: true, by: from?.requestedBy, tone: "good" }];
  if (from !== undefined && from.policy !== undefined && from.policy !== "declared") {
    stages.push({ name: "Asked", done: true, by: from.principal, tone: "good" });
    stages.push({ name: "Approved", done: true, by: from.approvals.join(", "), tone: "good" });
  }
  stages.push({ name: "Queued", at: item.created_at, by: from?.principal, tone: item.status === "PENDING" ? "waiting" : "good", here: item.status === "PENDING" });
  if (item.status === "CANCELLED") {
    stages.push({ name: "Cancelled", at: item.cancelled_at, by: item.cancelled_by, tone: "neutral", here: true });
    return stages;
  }
  if (item.status === "EXPIRED") {
    stages.push({ name: "Expired", at: item.deadline_at, tone: "neutral", here: true });
    return stages;
  }
  stages.push({ name: "Claimed", at: item.claimed_at || undefined, by: item.worker, tone: item.status === "CLAIMED" ? "active" : "good", here: item.status === "CLAIMED" });
  if (isHeld(item)) stages.push({ name: statusLook(item.status).label, at: item.held?.at, by: item.held?.by, tone: statusLook(item.status).tone, here: true });
  const ended = item.completed_at !== "";
  stages.push({ name: ended ? statusLook(item.status).label : "Finished", at: item.completed_at || undefined, tone: statusLook(item.status).tone, here: ended });
  return stages;
}
