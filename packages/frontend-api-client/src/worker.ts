/**
 * What a worker does: look what waits, take one item, carry it out, say that it goes on, say how it ended. The protocol is
 * told in docs/reference/worker-protocol.md.
 *
 * Looking is sent again where no answer comes, and so is a heartbeat. Everything else is sent once. An answer that was lost
 * may have been a claim: its lease runs out by itself, and nobody else gets the item before.
 */

import type { AnswerOf, BodyOf } from "@cortexpilot/frontend-api-contract";

import { type ControlPlaneClient, transportOf } from "./client.js";
import { READS } from "./paths.js";
import { type ListQuery, get } from "./resources.js";
import type { CallOptions, WriteOptions } from "./transport.js";
import { type ReceiptOptions, send } from "./writes.js";

/** What may be claimed now, in claim order. Changes nothing and is refused by no freeze: poll this, and claim what is there. */
export function nextItems(
  client: ControlPlaneClient,
  query?: ListQuery<"queue_next">,
  options?: CallOptions,
): Promise<AnswerOf<"queue_next">> {
  return get(transportOf(client), "queue_next", {}, query, options);
}

/**
 * Takes an item: the next one, or the one that `queue_id` names; `ok` is `false` where there is none to take. Keep `lease_token`
 * secret: it is the right to write about the item.
 */
export function claimNext(
  client: ControlPlaneClient,
  input: BodyOf<"queue_claim"> = {},
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_claim">> {
  return send(client, "queue_claim", {}, input, "once", options);
}

/**
 * The task contract of a claimed item, byte for byte what was approved. Rejects where the bytes are not those that the claim
 * named (`contract_sha256`): nothing else may be carried out.
 */
export async function pinnedContract(
  client: ControlPlaneClient,
  queueId: string,
  sha256: string,
  options?: CallOptions,
): Promise<Uint8Array> {
  const { data } = await transportOf(client).bytes({
    operation: "queue_contract",
    method: "GET",
    path: READS.queue_contract,
    params: { queue_id: queueId },
    repeatable: "read",
    options,
  });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data.slice().buffer));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new Error(`the contract of ${queueId} is ${found}, not ${sha256} as claimed`);
  return data;
}

/** Says that the work goes on: every quarter of the lease. `stop`, where it is not null, is an operator's request to end it. */
export function heartbeat(
  client: ControlPlaneClient,
  queueId: string,
  input: BodyOf<"queue_heartbeat"> & { lease_token: string },
  options?: WriteOptions,
): Promise<AnswerOf<"queue_heartbeat">> {
  return send(client, "queue_heartbeat", { queue_id: queueId }, input, "read", options);
}

/** Finishes a claimed item. `STOPPED` only where an operator asked for the stop. */
export function completeItem(
  client: ControlPlaneClient,
  queueId: string,
  input: { lease_token: string; status: "SUCCESS" | "FAILURE" | "STOPPED"; reason?: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_complete">> {
  return send(client, "queue_complete", { queue_id: queueId }, input, "once", options);
}

/** Hands a claimed item back. `started: false` only where nothing of it was carried out: then it simply waits again. */
export function releaseItem(
  client: ControlPlaneClient,
  queueId: string,
  input: { lease_token: string; started: boolean; reason?: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"queue_release">> {
  return send(client, "queue_release", { queue_id: queueId }, input, "once", options);
}

/** Says that this worker is there, about once a minute, for people to see; `gone: true` that it is no more. */
export function sayPresence(
  client: ControlPlaneClient,
  input: BodyOf<"worker_presence"> & { worker: string },
  options?: WriteOptions,
): Promise<AnswerOf<"worker_presence">> {
  return send(client, "worker_presence", {}, input, "read", options);
}

export type { CallOptions, ListQuery, ReceiptOptions, WriteOptions };
