/**
 * What a worker does: take the next eligible item, carry it out, say how it ended.
 *
 * Each is sent once. An answer that was lost may have been a claim: its lease runs out by itself, and nobody else gets the item
 * before.
 */

import type { AnswerOf, BodyOf } from "@cortexpilot/frontend-api-contract";

import type { ControlPlaneClient } from "./client.js";
import { type ReceiptOptions, send } from "./writes.js";

/** Takes the next eligible item; `ok` is `false` where there is none. Keep `lease_token` secret: it finishes the item. */
export function claimNext(
  client: ControlPlaneClient,
  input: BodyOf<"queue_claim"> = {},
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_claim">> {
  return send(client, "queue_claim", {}, input, "once", options);
}

/** Finishes a claimed item. */
export function completeItem(
  client: ControlPlaneClient,
  queueId: string,
  input: { lease_token: string; status: "SUCCESS" | "FAILURE" },
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_complete">> {
  return send(client, "queue_complete", { queue_id: queueId }, input, "once", options);
}

export type { ReceiptOptions };
