/** What an operator does with items that workers hold, or that were lost. See `http.ts` for why these stand here. */

import { type Item, actingRole } from "./client.js";
import { send } from "./http.js";

const at = (queueId: string, verb: string): string => `/api/queue/${encodeURIComponent(queueId)}/${verb}`;

function settle(queueId: string, verb: string, reason: string): Promise<Item> {
  return send("POST", at(queueId, verb), { body: { reason }, role: actingRole(), operation: `queue_${verb}` });
}

/** Asks the worker of a claimed item to stop. It undoes nothing, and the worker may finish before it hears of it. */
export const stopItem = (queueId: string, reason: string): Promise<Item> => settle(queueId, "stop", reason);

/** Takes the lease of a claimed item away: the item is lost, and whatever its worker still does counts for nothing here. */
export const revokeItem = (queueId: string, reason: string): Promise<Item> => settle(queueId, "revoke", reason);

/** Puts a held item back in the queue. */
export const requeueItem = (queueId: string, reason: string): Promise<Item> => settle(queueId, "requeue", reason);

/** Closes a held item as failed. */
export const failItem = (queueId: string, reason: string): Promise<Item> => settle(queueId, "fail", reason);

/** Stops or resumes claiming everywhere; applies go on. */
export function setPaused(paused: boolean, reason: string): Promise<unknown> {
  return send("POST", `/api/gate/${paused ? "pause" : "resume"}`, { body: { reason }, role: actingRole(), operation: paused ? "gate_pause" : "gate_resume" });
}

/** A worker, as it said last that it is there. */
export interface Worker {
  worker: string;
  principal?: string;
  host?: string;
  pid?: number;
  version?: string;
  started_at?: string;
  at?: string;
  draining?: boolean;
  slots?: number;
  running?: string[];
  cannot?: { queue_id: string; why: string }[];
}

/** Workers that were there within the last minutes. */
export async function workers(): Promise<Worker[]> {
  const answer = await send<Worker[] | { items?: Worker[]; workers?: Worker[] }>("GET", "/api/workers", { operation: "workers_list" });
  return Array.isArray(answer) ? answer : (answer.items ?? answer.workers ?? []);
}
