/**
 * Helpers for an operator of the queue: look at the one item that would be derived from a run, queue it, roll it back; and,
 * once a worker has it, ask for its end or decide what becomes of it.
 *
 * These are operator helpers, not a public write promise. What CortexPilot ships to everybody is a read-only MCP contract; the
 * queue is one narrow, internal path that is shut unless an operator has opened it, and nothing here widens it.
 */

import type { AnswerOf, BodyOf } from "@cortexpilot/frontend-api-contract";

import type { ControlPlaneClient } from "./client.js";
import { randomId } from "./ids.js";
import type { CallOptions, WriteOptions } from "./transport.js";
import { type ReceiptOptions, send } from "./writes.js";

/** What would be queued, which checks are open, and what an apply needs. */
export type Preview = AnswerOf<"queue_preview">;

/** What a preview takes. */
export type PreviewInput = Omit<BodyOf<"queue_preview">, "run_id">;

/** The line of the ledger and where the item stands; or, where people decide, the request that they are asked. */
export type Enqueued = AnswerOf<"queue_enqueue">;

/** What an apply takes. Who asks, why, in which role: the record keeps all of it. */
export interface EnqueueInput extends Omit<BodyOf<"queue_enqueue">, "run_id" | "confirm"> {
  /** Must be `true`: whoever calls this has looked at the preview. */
  confirm: true;
  actor_role: string;
  requested_by: string;
  approval_reason: string;
  /** `preview_token` of the preview that was looked at. */
  preview_token: string;
  /** One key for one decision. Left out, one is made for this call and its repeats. */
  idempotency_key?: string;
}

/**
 * Derives the one queue item of a run and says which checks are open. Changes nothing, and is sent again where no answer
 * comes. What it shows is what an apply would be judged by at this moment.
 */
export function previewEnqueueFromRun(
  client: ControlPlaneClient,
  runId: string,
  input: PreviewInput = {},
  options?: WriteOptions,
): Promise<Preview> {
  return send(client, "queue_preview", { run_id: runId }, input, "read", options);
}

/**
 * Queues what was previewed, if every check is open; where the policy says so, it asks people first, and the answer's
 * `status` is `PENDING_APPROVAL`.
 *
 * Carries an idempotency key always: where no answer comes, the same request is sent again, and the server makes at most one
 * item of all of them (`already_applied` says that it was there). A refusal is never sent again by itself. Whoever wants to
 * repeat after this call gave up passes a key of their own.
 */
export function enqueueFromRun(
  client: ControlPlaneClient,
  runId: string,
  input: EnqueueInput,
  options?: ReceiptOptions,
): Promise<Enqueued> {
  const body = { ...input, idempotency_key: input.idempotency_key ?? randomId() };
  return send(client, "queue_enqueue", { run_id: runId }, body, "keyed", options);
}

/**
 * Rolls a pending item back; works while queueing is off or frozen too. Once a worker has claimed it, this is no way back any
 * more, and the refusal (`QUEUE_ITEM_NOT_CANCELLABLE`) says so.
 *
 * Sent once: where no answer comes (`outcomeUnknown`), look at the item before sending it again.
 */
export function cancelQueueItem(
  client: ControlPlaneClient,
  queueId: string,
  input: BodyOf<"queue_cancel"> = {},
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_cancel">> {
  return send(client, "queue_cancel", { queue_id: queueId }, input, "once", options);
}

/**
 * Asks the worker of a claimed item to end its work; it hears of that with its next heartbeat. **Not a rollback**: what the work
 * did until then is done. A pending item is cancelled instead.
 */
export function stopQueueItem(
  client: ControlPlaneClient,
  queueId: string,
  input: { reason: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_stop">> {
  return send(client, "queue_stop", { queue_id: queueId }, input, "once", options);
}

/**
 * Takes the lease of a claimed item away from a worker that is gone or must not go on; the item is held. Whatever that worker
 * still sends is refused, and whatever it did is done: not a rollback either.
 */
export function revokeLease(
  client: ControlPlaneClient,
  queueId: string,
  input: { reason: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_revoke">> {
  return send(client, "queue_revoke", { queue_id: queueId }, input, "once", options);
}

/** Lets a held item wait for a worker again. It may have been carried out in part: look before. */
export function requeueItem(
  client: ControlPlaneClient,
  queueId: string,
  input: { reason: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_requeue">> {
  return send(client, "queue_requeue", { queue_id: queueId }, input, "once", options);
}

/** Closes a held item as failed. */
export function failItem(
  client: ControlPlaneClient,
  queueId: string,
  input: { reason: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_fail">> {
  return send(client, "queue_fail", { queue_id: queueId }, input, "once", options);
}

export type { CallOptions, ReceiptOptions, WriteOptions };
