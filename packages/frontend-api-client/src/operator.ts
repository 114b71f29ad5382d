/**
 * Decisions of people who operate the system: approve, reject, freeze, pause, take a token back. For consoles, in which a person sits;
 * no program decides with these on a person's behalf, and the server refuses agents.
 *
 * Each is sent once. Where no answer comes (`outcomeUnknown`), look how it stands before sending it again.
 */

import type { AnswerOf } from "@cortexpilot/frontend-api-contract";

import type { ControlPlaneClient } from "./client.js";
import { type ReceiptOptions, send } from "./writes.js";

/** Says yes to a request; the last yes that is needed queues its item. */
export function approveRequest(
  client: ControlPlaneClient,
  approvalId: string,
  input: { reason?: string } = {},
  options?: ReceiptOptions,
): Promise<AnswerOf<"approval_approve">> {
  return send(client, "approval_approve", { approval_id: approvalId }, input, "once", options);
}

/** Says no to a request. Works while queueing is off or frozen too. */
export function rejectRequest(
  client: ControlPlaneClient,
  approvalId: string,
  input: { reason: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"approval_reject">> {
  return send(client, "approval_reject", { approval_id: approvalId }, input, "once", options);
}

/** Stops every queueing and every claim, in every process; cancelling and completing go on. */
export function freeze(
  client: ControlPlaneClient,
  input: { reason?: string } = {},
  options?: ReceiptOptions,
): Promise<AnswerOf<"gate_freeze">> {
  return send(client, "gate_freeze", {}, input, "once", options);
}

/** Lets queueing and claiming go on. */
export function unfreeze(
  client: ControlPlaneClient,
  input: { reason: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"gate_unfreeze">> {
  return send(client, "gate_unfreeze", {}, input, "once", options);
}

/** Lets no worker claim anything for a while, in every process; queueing goes on, and what is claimed is finished. */
export function pauseClaims(
  client: ControlPlaneClient,
  input: { reason: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"gate_pause">> {
  return send(client, "gate_pause", {}, input, "once", options);
}

/** Lets workers claim again. */
export function resumeClaims(
  client: ControlPlaneClient,
  input: { reason: string },
  options?: ReceiptOptions,
): Promise<AnswerOf<"gate_resume">> {
  return send(client, "gate_resume", {}, input, "once", options);
}

/** Takes a personal token back, in every process from its next request on. */
export function revokeToken(
  client: ControlPlaneClient,
  tokenId: string,
  input: { reason?: string } = {},
  options?: ReceiptOptions,
): Promise<AnswerOf<"token_revoke">> {
  return send(client, "token_revoke", { token_id: tokenId }, input, "once", options);
}

export type { ReceiptOptions };
