/** The page that matters: what would happen, what stands in the way, and one decision. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { type Preview, enqueueFromRun, previewEnqueueFromRun } from "@cortexpilot/frontend-api-client/queue-operator";
import { instant } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { useEffect, useId, useState } from "react";

import { Title } from "../app/frame.js";
import { actingRole, client } from "../data/client.js";
import { usePref } from "../data/prefs.js";
import { runQuery, useSession } from "../data/queries.js";
import { nameOf, problemOfStated, record, tailOf, text } from "../lib/text.js";
import { AgentText, Button, Card, Countdown, Foreign, Id, Notice, useNow } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { DiffTable } from "../ui/diff.js";
import { EffectWords } from "../ui/effect.js";
import { Failed, Loaded } from "../ui/states.js";
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
            {written.map(([name, words]) => (
              <div key={name} className="mt-1">
                <h3 className="font-normal text-muted">{name}</h3>
                <Foreign text={words} />
              </div>
            ))}
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

/** What a person has said so far, and what becomes of it. */
function useApply(preview: Preview, times: Times, again: () => void) {
  const session = useSession();
  const navigate = useNavigate();
  const role = actingRole();
  const now = useNow();
  const [asker, setAsker] = useState(nameOf(session.principal));
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [duplicate, setDuplicate] = useState(false);
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState(false);
  const [error, setError] = useState<unknown>();
  // One key for one decision: where no answer comes, sending it again makes no second item.
  const [key] = useState(() => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""));

  const tail = tailOf(preview.run_id);
  const self = preview.approval_policy === "operator" && typed === preview.run_id && preview.acting_as.kind === "operator";
  const confirmed = typed === tail || typed === preview.run_id;
  const stated = problemOfStated(asker, 200, "The name") ?? problemOfStated(reason, 2_000, "The reason");
  const expired = (instant(preview.expires_at)?.getTime() ?? 0) <= now;
  const stale = isControlPlaneError(error, "PREVIEW_STALE") || isControlPlaneError(error, "PREVIEW_EXPIRED") || expired;
  const shut = preview.gates.find((gate) => gate.open === false);
  const asks = preview.approval_policy !== "declared" && !self;
  const why = stale
    ? "Preview again first."
    : shut !== undefined
      ? "A check is shut; see above who can open it."
      : preview.approval?.status === "PENDING"
        ? "People are being asked already."
        : undefined;

  const apply = async (): Promise<void> => {
    setTried(true);
    if (why !== undefined || !confirmed || stated !== undefined || role === undefined || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      const answer = await enqueueFromRun(client, preview.run_id, {
        priority: times.priority,
        ...(times.scheduled ? { scheduled_at: times.scheduled } : {}),
        ...(times.deadline ? { deadline_at: times.deadline } : {}),
        confirm: true,
        actor_role: role,
        requested_by: asker,
        approval_reason: reason,
        preview_token: preview.preview_token,
        idempotency_key: key,
        ...(self ? { confirm_run_id: preview.run_id } : {}),
        ...(duplicate ? { allow_duplicate: true } : {}),
      });
      if ("approval" in answer) await navigate({ to: "/approvals", search: { open: answer.approval.id }, replace: true });
      else await navigate({ to: "/queue/$queueId", params: { queueId: answer.queue_id }, replace: true });
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };
  const flags = [
    ...(times.priority === 0 ? [] : [`--priority=${times.priority}`]),
    ...(times.scheduled ? ["--scheduled-at", times.scheduled] : []),
    ...(times.deadline ? ["--deadline-at", times.deadline] : []),
  ];
  const body = {
    ...(times.priority === 0 ? {} : { priority: times.priority }),
    ...(times.scheduled ? { scheduled_at: times.scheduled } : {}),
    ...(times.deadline ? { deadline_at: times.deadline } : {}),
  };
  const path = `/api/queue/from-run/${encodeURIComponent(preview.run_id)}`;
  return {
    role, asker, setAsker, reason, setReason, typed, setTyped, duplicate, setDuplicate,
    busy, tried, error, tail, self, confirmed, stated, stale, expired, asks, why, apply, again,
    said: { confirmed, stated: stated === undefined, stale },
    elsewhere: {
      preview: { command: ["queue", "preview", preview.run_id, ...flags], http: { method: "POST" as const, path: `${path}/preview`, body } },
      apply: {
        command: ["queue", "enqueue", preview.run_id, ...flags, "--role", role ?? "ROLE", "--requested-by", asker, "--reason", reason || "REASON", "--confirm"],
        http: {
          method: "POST" as const,
          path,
          body: { ...body, confirm: true, actor_role: role ?? "ROLE", requested_by: asker, approval_reason: reason || "REASON", preview_token: "PREVIEW_TOKEN" },
        },
      },
    },
  };
}

function ApplyForm({ form, preview, again }: { form: ReturnType<typeof useApply>; preview: Preview; again: () => void }) {
  const id = useId();
  const own = preview.approval_policy === "operator" && preview.acting_as.kind === "operator";
  const equal = isControlPlaneError(form.error, "ALREADY_PENDING") ? form.error.details?.queue_id : undefined;
  useEffect(() => {
    if (form.error !== undefined) document.getElementById(`${id}-error`)?.scrollIntoView({ block: "nearest" });
  }, [form.error, id]);

  if (form.stale) return <Stale form={form} again={again} />;
  if (preview.approval?.status === "PENDING") {
    return (
      <Notice tone="waiting" title="People are being asked about this">
        <p>
          {preview.approval.has} of {preview.approval.needs} agreed, until <Countdown until={preview.approval.expires_at} />.{" "}
          <Link to="/approvals" search={{ open: preview.approval.id }} className="underline">
            Look at the request
          </Link>
        </p>
      </Notice>
    );
  }
  return (
    <Card title="Your decision" aside={<CopyAs {...form.elsewhere.apply} role={form.role} />}>
      <form
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          void form.apply();
        }}
      >
        <div className="grid gap-3 sm:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
          <div className="sm:row-span-2">
            <label htmlFor={`${id}-reason`} className="mb-1 block font-medium">
              Reason
            </label>
            <textarea
              id={`${id}-reason`}
              rows={4}
              className="field resize-y"
              value={form.reason}
              aria-invalid={form.tried && form.stated !== undefined}
              aria-describedby={`${id}-stated`}
              onChange={(event) => form.setReason(event.target.value.replace(/[\r\n]+/g, " "))}
            />
            <p id={`${id}-stated`} className="text-sm text-muted">
              {form.tried && form.stated !== undefined ? <span className="text-bad-ink">{form.stated}</span> : "Kept in the ledger for ever; write nothing secret."}
            </p>
          </div>
          <div>
            <label htmlFor={`${id}-asker`} className="mb-1 block font-medium">
              Who asks
            </label>
            <input id={`${id}-asker`} className="field" value={form.asker} onChange={(event) => form.setAsker(event.target.value)} />
          </div>
          <div>
            <label htmlFor={`${id}-typed`} className="mb-1 block font-medium">
              {own ? "Type the run’s id to agree yourself" : "Type the end of the run’s id"}
            </label>
            <input
              id={`${id}-typed`}
              className="field font-mono"
              autoComplete="off"
              spellCheck={false}
              value={form.typed}
              aria-invalid={form.tried && !form.confirmed}
              aria-describedby={`${id}-confirm`}
              onChange={(event) => form.setTyped(event.target.value.trim())}
            />
            <p id={`${id}-confirm`} className={form.tried && !form.confirmed ? "text-sm text-bad-ink" : "text-sm text-muted"}>
              {own ? (
                <>
                  Whole, it makes your request its own approval, and the record says that nobody else looked. Its last six characters,{" "}
                  <span className="font-mono">{form.tail}</span>, ask somebody else.
                </>
              ) : (
                <>
                  Its last six characters, <span className="font-mono">{form.tail}</span>, say that you looked.
                </>
              )}
            </p>
          </div>
        </div>
        {(preview.pending_matches.length > 0 || equal !== undefined) && (
          <label className="flex items-start gap-2">
            <input type="checkbox" className="mt-1" checked={form.duplicate} onChange={(event) => form.setDuplicate(event.target.checked)} />
            Queue it although an equal item waits already
          </label>
        )}
        {form.error !== undefined && (
          <div id={`${id}-error`}>
            <Failed error={form.error} title="Nothing was queued" />
            {equal !== undefined && (
              <p className="mt-1">
                <Link to="/queue/$queueId" params={{ queueId: equal }} className="link">
                  Look at the item that waits
                </Link>
              </p>
            )}
          </div>
        )}
        <Button type="submit" kind="main" busy={form.busy} why={form.why}>
          {form.asks ? "Ask for approval" : "Queue it"}
        </Button>
        <p className="text-sm text-muted">
          {form.asks
            ? "Nothing is queued before people agree."
            : "One item. It can be cancelled until a worker takes it; after that it can be asked to stop, which undoes nothing."}
        </p>
      </form>
    </Card>
  );
}

/** Not an error: what was looked at is no longer what would be queued. One button. */
function Stale({ form, again }: { form: ReturnType<typeof useApply>; again: () => void }) {
  const error = isControlPlaneError(form.error) ? form.error : undefined;
  const changed = error?.details?.changed ?? [];
  return (
    <Card title={form.expired ? "This preview has expired" : "This preview is out of date"}>
      <div className="space-y-3">
        <p>
          {form.expired
            ? "Nothing was queued. What is shown may still be right, but it must be looked at anew."
            : "Nothing was queued: something that it rests on has changed since you looked."}
        </p>
        {changed.length > 0 && <DiffTable rows={changed} was="As you saw it" now="As it is" />}
        <Button kind="main" onClick={again}>
          Preview again
        </Button>
        {form.reason !== "" && <p className="text-sm text-muted">Your reason has to be given again, for what you then see.</p>}
      </div>
    </Card>
  );
}
