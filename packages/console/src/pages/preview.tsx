/** The page that matters: what would happen, what stands in the way, and one decision. */

import { type Preview, previewEnqueueFromRun } from "@cortexpilot/frontend-api-client/queue-operator";
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import { Title } from "../app/frame.js";
import { actingRole, client } from "../data/client.js";
import { usePref } from "../data/prefs.js";
import { runQuery } from "../data/queries.js";
import { record, text } from "../lib/text.js";
import { AgentText, Card, Countdown, Foreign, Id, Notice, Told } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { DiffTable } from "../ui/diff.js";
import { EffectWords } from "../ui/effect.js";
import { Loaded } from "../ui/states.js";
import { ApplyForm, useApply } from "./preview-apply.js";
import { Checks } from "./preview-checks.js";
import { Parameters, type Times, fieldsOf } from "./preview-parameters.js";

const page = getRouteApi("/runs/$runId/queue");

export function PreviewPage() {
  const { runId } = page.useParams();
  const search = page.useSearch();
  usePref("role");
  const role = actingRole();
  const times: Times = { priority: Number(search.priority ?? 0) || 0, scheduled: search.scheduled ?? "", deadline: search.deadline ?? "" };
  // Every preview is a new one with a token of its own, so nothing refreshes it behind the reader's back.
  const [nonce, setNonce] = useState(0);
  const [before, setBefore] = useState<Preview>();
  const preview = useQuery({
    queryKey: ["preview", runId, times, role, nonce],
    queryFn: ({ signal }) =>
      previewEnqueueFromRun(
        client,
        runId,
        {
          priority: times.priority,
          ...(times.scheduled ? { scheduled_at: times.scheduled } : {}),
          ...(times.deadline ? { deadline_at: times.deadline } : {}),
        },
        { signal },
      ),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  return (
    <>
      <Title
        name={`Preview of ${runId}`}
        aside={
          preview.data && (
            <span className="flex flex-wrap items-baseline gap-x-4 text-sm text-muted">
              <span>
                expires in <Countdown until={preview.data.expires_at} />
              </span>
              <span>
                digest <Id id={preview.data.preview_digest} ends={6} />
              </span>
            </span>
          )
        }
      >
        <span className="font-normal text-muted">Run </span>
        <Link to="/runs/$runId" params={{ runId }} className="quiet-link">
          <Foreign text={runId} />
        </Link>
        <span className="font-normal text-muted"> → one queue item</span>
      </Title>
      <Loaded query={preview} what="the preview">
        {(data) => (
          <Look
            key={data.preview_token}
            preview={data}
            before={before}
            times={times}
            again={() => {
              setBefore(data);
              setNonce((was) => was + 1);
            }}
          />
        )}
      </Loaded>
    </>
  );
}

function Look({ preview, before, times, again }: { preview: Preview; before: Preview | undefined; times: Times; again: () => void }) {
  const source = useQuery(runQuery(preview.run_id));
  const manifest = record(source.data?.manifest);
  const repo = record(manifest?.["repo"]);
  const written = writtenBy(source.data);
  const [all, setAll] = useState(false);
  const item = preview.preview_item;
  const rows = fieldsOf(item);
  const shown = all ? rows : rows.filter((row) => row.was !== row.now);
  const changed = before === undefined ? [] : changesBetween(before, preview);
  const form = useApply(preview, times, again);
  return (
    // In one column: what would happen, then what stands in the way, then the rest.
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_23rem] lg:grid-rows-[auto_1fr]">
      <div className="min-w-0 space-y-4">
        {changed.length > 0 && (
          <Notice tone="attention" title="Something changed since you last looked">
            <DiffTable rows={changed} was="Then" now="Now" />
          </Notice>
        )}
        <Card title="What would happen" aside={<CopyAs {...form.elsewhere.preview} role={form.role} />}>
          <EffectWords
            effect={preview.effect}
            task={item.task_id}
            repository={text(repo?.["root"])}
            baseline={text(repo?.["baseline_ref"])}
            priority={item.priority}
            scheduledAt={item.scheduled_at}
            deadlineAt={item.deadline_at}
          />
        </Card>
      </div>
      <div className="min-w-0 lg:sticky lg:top-20 lg:col-start-2 lg:row-span-2 lg:row-start-1">
        <Checks preview={preview} said={form.said} />
      </div>
      <div className="min-w-0 space-y-4">
        {preview.warnings.length > 0 && (
          <Notice tone="attention">
            <ul aria-label="Warnings">
              {preview.warnings.map((warning) => (
                <li key={warning.code}>
                  <span aria-hidden="true">! </span>
                  {warning.message} <span className="font-mono text-sm">{warning.code}</span>
                </li>
              ))}
            </ul>
          </Notice>
        )}
        {preview.pending_matches.length > 0 && (
          <Notice tone="attention" title={preview.pending_matches.length === 1 ? "An item of this run waits already" : `${preview.pending_matches.length} items of this run wait already`}>
            <ul>
              {preview.pending_matches.slice(0, 5).map((match) => (
                <li key={match.queue_id}>
                  <Link to="/queue/$queueId" params={{ queueId: match.queue_id }} className="underline">
                    {match.queue_id.slice(0, 8)}
                  </Link>
                  , priority {match.priority}
                </li>
              ))}
            </ul>
          </Notice>
        )}
        <Card
          title="Differs from the source run"
          aside={
            <label className="flex items-center gap-1.5">
              <input type="checkbox" checked={all} onChange={(event) => setAll(event.target.checked)} /> show what is the same too
            </label>
          }
        >
          {shown.length === 0 ? (
            <p className="text-muted">Nothing: the task contract is repeated as it is, with the same priority and no schedule.</p>
          ) : (
            <DiffTable rows={shown} was="The source run" now="This item" />
          )}
          <Parameters times={times} runId={preview.run_id} />
        </Card>
        {written.length > 0 && (
          <AgentText title="Written for or by the agent – text of the run, not of this system">
            <Told texts={written.map(([name, words]) => [name, <Foreign key={name} text={words} />])} />
          </AgentText>
        )}
        <ApplyForm form={form} preview={preview} again={again} />
      </div>
    </div>
  );
}

/** What in a run is somebody's text and helps to see what it was for. */
function writtenBy(run: { contract: unknown; manifest: unknown } | undefined): [string, string][] {
  const contract = record(run?.contract);
  const spec = text(record(contract?.["inputs"])?.["spec"]);
  const asked = text(record(run?.manifest)?.["user_request"]);
  const found: [string, string][] = [];
  if (spec !== undefined) found.push(["The task", spec]);
  if (asked !== undefined && asked !== spec) found.push(["What was asked for", asked]);
  return found;
}

/** What two previews of one thing have not in common. */
function changesBetween(was: Preview, now: Preview): { field: string; was: string; now: string }[] {
  const told = (preview: Preview): Record<string, string> => ({
    Task: preview.preview_item.task_id,
    Priority: String(preview.preview_item.priority),
    "Not before": preview.preview_item.scheduled_at,
    Deadline: preview.preview_item.deadline_at,
    "May change": preview.effect.allowed_paths.join(", "),
    Commands: preview.effect.commands.join("; "),
    Permissions: Object.entries(preview.effect.tool_permissions).map(([name, value]) => `${name}: ${String(value)}`).join(", "),
    Runner: preview.effect.runner,
    "Time limit": String(preview.effect.timeout_s ?? ""),
    "Pending already": preview.pending_matches.map((match) => match.queue_id.slice(0, 8)).join(", "),
    Policy: preview.approval_policy,
    Queueing: preview.mutation_gate,
    "Allowed roles": preview.allowed_roles.join(", "),
    Digest: preview.preview_digest,
  });
  const [before, after] = [told(was), told(now)];
  return Object.keys(after)
    .filter((field) => before[field] !== after[field])
    .map((field) => ({ field, was: before[field] ?? "", now: after[field] ?? "" }));
}
