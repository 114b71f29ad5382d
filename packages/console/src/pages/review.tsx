/** One request, as whoever decides must see it: the effect first, computed now by the server, and the asker's words apart from it. */

import { approveRequest, rejectRequest } from "@cortexpilot/frontend-api-client/operator";
import { APPROVAL_STATUS, PRINCIPAL_KIND, counted, lookOf } from "@cortexpilot/frontend-shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { useKeys } from "../app/keyboard.js";
import { type Review, client } from "../data/client.js";
import { approvalQuery, useMayDecide } from "../data/queries.js";
import { AgentText, Badge, Button, Card, Countdown, Facts, Foreign, Id, Long, Notice, Time, Told } from "../ui/basic.js";
import { CopyAs, withReason } from "../ui/command.js";
import { DiffTable } from "../ui/diff.js";
import { EffectWords } from "../ui/effect.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";
import { type Stage, Stages } from "../ui/stages.js";
import { Loaded } from "../ui/states.js";

/** How long the effect must have been on screen before a yes counts as one. */
const LOOK_MS = 700;

export function ReviewPane({ id, onDecided }: { id: string; onDecided: () => void }) {
  const review = useQuery(approvalQuery(id));
  return (
    <Loaded query={review} what="the request">
      {(data) => <ReviewOf review={data} onDecided={onDecided} />}
    </Loaded>
  );
}

/** Why a yes of this person would not count; `undefined` where it would be heard. Facts first, the server judges. */
function whyNot(review: Review, mayNot: string | undefined): string | undefined {
  if (review.status === "STALE") return "It is no longer what was asked for: nobody can approve it. Whoever asked has to ask again.";
  if (review.status !== "PENDING") return "It is decided.";
  if (mayNot !== undefined) return mayNot;
  if (review.you.asked) return "You asked for this yourself: somebody else has to agree.";
  if (review.you.sponsor && review.approval_policy === "two-person") return "You answer for the agent that asked: two other people have to agree.";
  if (review.you.approved) return "You have said yes. Another person has to as well.";
  if (review.mutation_gate === "frozen") return "An operator has frozen everything: nothing can be approved until that ends.";
  if (review.mutation_gate !== "open") return "Queueing is switched off on this server, so nothing can be approved here. Whoever starts it can switch it on.";
  return undefined;
}

/** The way of a request: the last yes that is needed is what queues its item. */
function stagesOf(review: Review): Stage[] {
  const open = review.status === "PENDING" || review.status === "STALE";
  const last = review.approvals.at(-1);
  const stages: Stage[] = [
    { name: "Previewed", done: true, by: review.stated.requested_by, tone: "good" },
    { name: "Asked", at: review.asked_at, by: review.requester.principal, tone: open ? "attention" : "good", here: open },
  ];
  if (review.ended) {
    const rejected = review.ended.how === "rejected";
    stages.push({ name: rejected ? "Rejected" : "Expired", at: review.ended.at, by: review.ended.by ?? undefined, tone: rejected ? "bad" : "neutral", here: true });
    return stages;
  }
  stages.push({
    name: review.needs > 1 ? `Approved ${review.has} of ${review.needs}` : "Approved",
    at: review.item?.queued_at ?? last?.at,
    by: review.item?.approvals.join(", ") ?? last?.by,
    tone: review.item ? "good" : "waiting",
  });
  stages.push({ name: "Queued", at: review.item?.queued_at, tone: "good", here: review.item != null });
  return stages;
}

function ReviewOf({ review, onDecided }: { review: Review; onDecided: () => void }) {
  const mayNot = useMayDecide();
  const queries = useQueryClient();
  const [asked, ask] = useState<Asked>();
  const [looked, effect] = useLooked();
  const over = review.status !== "PENDING" && review.status !== "STALE";
  const blocked = whyNot(review, mayNot);
  const why = blocked ?? (looked ? undefined : "Look at the effect first.");
  const mayReject = over ? "It is decided." : mayNot;
  const decided = async (): Promise<void> => {
    onDecided();
    await queries.invalidateQueries({ queryKey: ["approvals"] });
  };
  const approve = (): void => {
    if (why !== undefined) return;
    const last = review.has + 1 >= review.needs;
    ask({
      title: last ? "Approve, and queue it?" : "Say yes?",
      about: last
        ? "Yours is the last yes that is needed: the item is queued with it, and a worker may take it at once. Until one does, it can be cancelled."
        : `${counted(review.needs - review.has - 1, "more person", "more people")} must agree after you. Nothing is queued yet.`,
      verb: last ? "Approve and queue it" : "Approve",
      optional: true,
      elsewhere: withReason(["approval", "approve", review.id], `/api/approvals/${review.id}/approve`),
      act: async (reason) => {
        await approveRequest(client, review.id, reason === "" ? {} : { reason });
        await decided();
      },
    });
  };
  const reject = (): void => {
    if (mayReject !== undefined) return;
    ask({
      title: "Reject this request?",
      about: "Nothing is queued. Whoever asked can read your reason.",
      verb: "Reject",
      danger: true,
      elsewhere: withReason(["approval", "reject", review.id], `/api/approvals/${review.id}/reject`),
      act: async (reason) => {
        await rejectRequest(client, review.id, { reason });
        await decided();
      },
    });
  };
  useKeys({ a: approve, r: reject });
  const manifestOf = review.run;
  return (
    <article className="space-y-4" aria-label={`Request ${review.id}`}>
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Badge look={lookOf(APPROVAL_STATUS, review.status)} />
        <span className="min-w-0 font-semibold">
          <Foreign text={manifestOf?.task_id ?? review.run_id} />
        </span>
        {!over && (
          <span className="text-sm text-muted">
            ends in <Countdown until={review.expires_at} />
          </span>
        )}
        <span className="ml-auto">
          <CopyAs command={["approval", "show", review.id]} http={{ method: "GET", path: `/api/approvals/${review.id}` }} />
        </span>
      </header>

      <Stages stages={stagesOf(review)} />

      {review.ended !== null && review.ended !== undefined && (
        <Notice tone="neutral" title={review.ended.how === "rejected" ? "Rejected" : "Nobody decided in time"}>
          <p>
            {review.ended.by && <>By {review.ended.by} </>}
            <Time at={review.ended.at} />
            {review.ended.reason && (
              <>
                : <Foreign text={review.ended.reason} />
              </>
            )}
          </p>
        </Notice>
      )}
      {review.item !== null && review.item !== undefined && (
        <Notice tone="good" title="Approved and queued">
          <p>
            By {review.item.approvals.join(", ")} <Time at={review.item.queued_at} />.{" "}
            <Link to="/queue/$queueId" params={{ queueId: review.item.queue_id }} className="underline">
              Look at the item
            </Link>
          </p>
        </Notice>
      )}
      {review.changed.length > 0 && (
        <Notice tone="attention" title="Out of date: this is no longer what was asked for">
          <DiffTable rows={review.changed} was="As it was asked" now="As it is" />
        </Notice>
      )}
      {review.run_problem && (
        <Notice tone="bad" title="The run stands in the way">
          <p>
            <Foreign text={review.run_problem.reason} /> <span className="font-mono text-sm">{review.run_problem.code}</span>
          </p>
        </Notice>
      )}

      <div ref={effect}>
        <Card title="What would happen" aside="as this server reads the run now">
          {review.effect ? (
            <EffectWords
              effect={review.effect}
              task={review.run?.task_id ?? review.run_id}
              priority={review.priority}
              scheduledAt={review.scheduled_at}
              deadlineAt={review.deadline_at}
            />
          ) : (
            <p className="text-bad-ink">The run cannot be read any more, so what would happen is not known.</p>
          )}
        </Card>
      </div>

      {review.differs.length > 0 && (
        <Card title="Differs from the source run">
          <DiffTable rows={review.differs} was="The source run" now="This item" />
        </Card>
      )}
      {review.warnings.length > 0 && (
        <Notice tone="attention">
          <ul>
            {review.warnings.map((warning) => (
              <li key={warning.code}>
                <span aria-hidden="true">! </span>
                {warning.message}
              </li>
            ))}
          </ul>
        </Notice>
      )}

      <div className="grid gap-4 md:grid-cols-2">
        <Card title="Who asks">
          <Facts
            rows={[
              ["Principal", <span key="p"><Foreign text={review.requester.principal} mono /> <span className="text-muted">({lookOf(PRINCIPAL_KIND, review.requester.kind).label.toLowerCase()})</span></span>],
              review.requester.sponsor ? ["Answers for it", <Foreign key="s" text={review.requester.sponsor} mono />] : undefined,
              ["Role", review.actor_role],
              ["Asked", <Time key="t" at={review.asked_at} />],
              ["Within 24 hours", `${review.today.asked} asked, ${review.today.approved} queued, ${review.today.rejected} rejected`],
              review.joined_count > 0 ? ["Asked for the same", `${counted(review.joined_count, "other")}${review.joined[0] ? `: ${review.joined.map((each) => each.principal).join(", ")}` : ""}`] : undefined,
            ]}
          />
        </Card>
        <Card title="Where it comes from">
          <Facts
            rows={[
              ["Run", <Link key="r" to="/runs/$runId" params={{ runId: review.run_id }} className="link"><Foreign text={review.run_id} /></Link>],
              review.run ? ["It ended", <Foreign key="e" text={review.run.status} />] : undefined,
              review.run ? ["Task contract", review.run.contract_evidence === "verified" ? "unaltered since the run" : review.run.contract_evidence] : undefined,
              ["Reruns deep", `${review.depth} of ${review.depth_max}`],
              ["Pending of this run", review.pending_count === 0 ? "none" : String(review.pending_count)],
              ["Digest", <Id key="d" id={review.preview_digest} ends={6} />],
            ]}
          />
        </Card>
      </div>

      <AgentText title={`Written by ${review.stated.written_by}, not by this system`}>
        <Told
          texts={[
            ["Asks", <Foreign key="a" text={review.stated.requested_by} />],
            ["Reason", <Long key="r" text={review.stated.approval_reason} />],
            ...review.stated.elicited.map(
              (each, at): readonly [string, ReactNode] => [
                `Dialog ${at + 1}`,
                <span key={each.at}>
                  {each.answer} <Time at={each.at} />
                  {each.comment && (
                    <>
                      : <Foreign text={each.comment} />
                    </>
                  )}
                  <span className="text-muted"> (a program may have answered; counts for nothing)</span>
                </span>,
              ],
            ),
          ]}
        />
      </AgentText>

      <Card title="Who has agreed" aside={`${review.has} of ${review.needs}`}>
        {review.approvals.length === 0 ? (
          <p className="text-muted">Nobody yet.</p>
        ) : (
          <ul className="space-y-1">
            {review.approvals.map((yes) => (
              <li key={yes.by}>
                <span className="text-good-ink" aria-hidden="true">
                  ✓{" "}
                </span>
                <Foreign text={yes.by} mono /> <Time at={yes.at} />
                {yes.reason && (
                  <>
                    : <Foreign text={yes.reason} />
                  </>
                )}
              </li>
            ))}
          </ul>
        )}
      </Card>

      {!over && (
        <div className="sticky bottom-0 -mx-1 flex flex-wrap items-center gap-3 border-t border-line bg-page px-1 py-3">
          <Button kind="main" onClick={approve} why={why}>
            Approve…
          </Button>
          <Button kind="danger" onClick={reject} why={mayReject}>
            Reject…
          </Button>
        </div>
      )}
      <ReasonDialog asked={asked} close={() => ask(undefined)} />
    </article>
  );
}

/** Whether what this points at has been on screen for long enough to be looked at. */
function useLooked(): [looked: boolean, at: React.RefObject<HTMLDivElement | null>] {
  const [looked, setLooked] = useState(false);
  const at = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = at.current;
    if (element === null || looked) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const observer = new IntersectionObserver(
      ([entry]) => {
        clearTimeout(timer);
        const seen = entry !== undefined && (entry.intersectionRatio >= 0.6 || entry.intersectionRect.height >= innerHeight * 0.5);
        if (seen && document.visibilityState === "visible") timer = setTimeout(() => setLooked(true), LOOK_MS);
      },
      { threshold: [0, 0.25, 0.6, 1] },
    );
    observer.observe(element);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
    };
  }, [looked]);
  return [looked, at];
}
