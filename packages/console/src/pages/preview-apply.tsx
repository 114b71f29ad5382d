/** The decision at the end of a preview: what has to be said, what is sent, and what is shown where the preview is out of date. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { type Preview, enqueueFromRun } from "@cortexpilot/frontend-api-client/queue-operator";
import { instant } from "@cortexpilot/frontend-shared";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useId, useState } from "react";

import { actingRole, client } from "../data/client.js";
import { useSession } from "../data/queries.js";
import { nameOf, problemOfStated, tailOf } from "../lib/text.js";
import { Button, Card, Countdown, Notice, useNow } from "../ui/basic.js";
import { CopyAs, option } from "../ui/command.js";
import { DiffTable } from "../ui/diff.js";
import { Failed } from "../ui/states.js";
import type { Times } from "./preview-parameters.js";

/** What a person has said so far, and what becomes of it. */
export function useApply(preview: Preview, times: Times, again: () => void) {
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
        // The command line acts as whoever starts it, and whoever says yes has previewed for themselves.
        first: ["queue", "preview", preview.run_id, ...flags, "-o", "plan.json"],
        command: ["queue", "enqueue", "--plan", "plan.json", "--role", role ?? "ROLE", ...option("requested-by", asker), ...option("reason", reason || "REASON"), "--confirm"],
        http: {
          method: "POST" as const,
          path,
          body: { ...body, confirm: true, actor_role: role ?? "ROLE", requested_by: asker, approval_reason: reason || "REASON", preview_token: preview.preview_token },
        },
      },
    },
  };
}

export function ApplyForm({ form, preview, again }: { form: ReturnType<typeof useApply>; preview: Preview; again: () => void }) {
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
