/** What every state is called on a screen, what it means, and its tone. */

import type {
  ApprovalPolicy,
  ApprovalStatus,
  OutcomeType,
  PrincipalKind,
  QueueState,
  QueueStatus,
  SlaState,
  TokenState,
} from "./generated/states.js";
import type { Tone } from "./tone.js";

/** How a state is shown. */
export interface Look {
  /** One to three words. */
  label: string;
  /** One sentence, for whoever wonders. */
  about: string;
  tone: Tone;
}

/** Where a queue item stands. */
export const QUEUE_STATUS: Readonly<Record<QueueStatus, Look>> = {
  PENDING: { label: "Pending", about: "It waits in the queue and can be cancelled.", tone: "waiting" },
  CLAIMED: { label: "Claimed", about: "A worker has taken it; cancelling is no way back any more.", tone: "active" },
  SUCCESS: { label: "Succeeded", about: "Its worker finished it and said that it worked.", tone: "good" },
  FAILURE: { label: "Failed", about: "Its worker finished it and said that it did not work.", tone: "bad" },
  STOPPED: { label: "Stopped", about: "An operator asked for its end, and its worker stopped. What it had done is done: this is no rollback.", tone: "neutral" },
  LOST: { label: "Lost", about: "Its worker fell silent, gave up or was cut off. It is held until an operator requeues or fails it.", tone: "attention" },
  DEAD_LETTER: { label: "Out of tries", about: "Every try that its contract allows was lost. It is held until an operator requeues or fails it.", tone: "bad" },
  EXPIRED: { label: "Expired", about: "Its deadline passed before any worker took it.", tone: "neutral" },
  CANCELLED: { label: "Cancelled", about: "It was rolled back before any worker took it.", tone: "neutral" },
};

/** What that means for claiming it. */
export const QUEUE_STATE: Readonly<Record<QueueState, Look>> = {
  eligible: { label: "Ready", about: "The next worker may take it.", tone: "waiting" },
  waiting: { label: "Not yet", about: "It must not be claimed before its time: it is scheduled for later, or rests before another try.", tone: "neutral" },
  claimed: { label: "In work", about: "A worker holds it.", tone: "active" },
  held: { label: "Held", about: "Its worker was lost; an operator decides what becomes of it.", tone: "attention" },
  closed: { label: "Closed", about: "Nothing more happens with it.", tone: "neutral" },
};

/** How an item stands against its schedule and deadline. */
export const SLA_STATE: Readonly<Record<SlaState, Look>> = {
  on_track: { label: "On track", about: "Its deadline is more than an hour away, or it has none.", tone: "good" },
  scheduled: { label: "Scheduled", about: "Its time has not come yet.", tone: "neutral" },
  at_risk: { label: "At risk", about: "Its deadline is within the hour.", tone: "attention" },
  breached: { label: "Too late", about: "Its deadline has passed and it is not finished.", tone: "bad" },
  in_progress: { label: "In progress", about: "A worker holds it.", tone: "active" },
  completed: { label: "Completed", about: "It ended well.", tone: "good" },
  ended: { label: "Ended", about: "It ended otherwise: it failed, was stopped, was cancelled or expired.", tone: "neutral" },
};

/** How a run ended. */
export const OUTCOME: Readonly<Record<OutcomeType, Look>> = {
  success: { label: "Succeeded", about: "The run did what it was asked.", tone: "good" },
  gate: { label: "Stopped by a check", about: "A check of its own refused what the run had made.", tone: "attention" },
  manual: { label: "Waits for a person", about: "The run waits for a person, or was ended by one.", tone: "attention" },
  env: { label: "Machine trouble", about: "Something around the run failed: a tool, a network, a disk.", tone: "bad" },
  product: { label: "Fault in the work", about: "What the run made does not hold.", tone: "bad" },
  failure: { label: "Failed", about: "The run failed; why is not classified.", tone: "bad" },
  in_progress: { label: "Running", about: "The run has not ended.", tone: "active" },
  unknown: { label: "Not known", about: "What the run left behind does not say how it ended.", tone: "neutral" },
};

/** Where a request for approval stands. */
export const APPROVAL_STATUS: Readonly<Record<ApprovalStatus, Look>> = {
  PENDING: { label: "Waits for a decision", about: "Nothing is queued until people agree.", tone: "attention" },
  APPROVED: { label: "Approved", about: "People agreed, and the item was queued with the last of them.", tone: "good" },
  REJECTED: { label: "Rejected", about: "A person said no. Nothing was queued.", tone: "bad" },
  EXPIRED: { label: "Expired", about: "Nobody decided in time. Nothing was queued.", tone: "neutral" },
  STALE: { label: "Out of date", about: "What was asked is no longer what would be queued: nobody can approve it.", tone: "neutral" },
};

/** Who says yes to an apply. */
export const APPROVAL_POLICY: Readonly<Record<ApprovalPolicy, Look>> = {
  declared: { label: "Nobody is asked", about: "The checks are the approval; nobody but the caller is asked.", tone: "attention" },
  operator: { label: "One person", about: "A person who did not ask must agree.", tone: "good" },
  "two-person": { label: "Two people", about: "Two people must agree, neither of whom asked.", tone: "good" },
};

/** What kind of caller a principal is. */
export const PRINCIPAL_KIND: Readonly<Record<PrincipalKind, Look>> = {
  operator: { label: "Operator", about: "A person who runs this system.", tone: "neutral" },
  agent: { label: "Agent", about: "A program that asks on somebody's behalf; it never approves.", tone: "neutral" },
  worker: { label: "Worker", about: "A program that carries out items, and changes nothing else.", tone: "neutral" },
  anonymous: { label: "Anybody here", about: "Whoever reaches a server without authentication, on this machine alone.", tone: "attention" },
};

/** How a personal token stands. */
export const TOKEN_STATE: Readonly<Record<TokenState, Look>> = {
  live: { label: "Valid", about: "It may be used.", tone: "good" },
  expired: { label: "Expired", about: "Its time is over.", tone: "neutral" },
  revoked: { label: "Revoked", about: "An operator took it back.", tone: "neutral" },
};

/** The four states that say whether agents may queue, as every screen writes them. */
export type AgentsMayQueue = "OFF" | "after a person agrees" | "ON, nobody is asked" | "FROZEN";

/** Whether agents may queue. */
export const AGENTS_MAY_QUEUE: Readonly<Record<AgentsMayQueue, Look>> = {
  OFF: { label: "OFF", about: "Queueing is switched off in this process, which is the default.", tone: "neutral" },
  "after a person agrees": { label: "after a person agrees", about: "Whatever an agent asks for waits for people.", tone: "good" },
  "ON, nobody is asked": { label: "ON, nobody is asked", about: "The checks alone decide.", tone: "attention" },
  FROZEN: { label: "FROZEN", about: "An operator stopped queueing and claiming everywhere; cancelling still works.", tone: "bad" },
};

/**
 * How a word is shown. One that this package does not know, as ledgers of older systems and newer servers have, is shown as
 * it is: a screen must not hide a state because it has no label for it.
 */
export function lookOf<W extends string>(table: Readonly<Record<W, Look>>, word: string): Look {
  if (Object.hasOwn(table, word)) return table[word as W];
  return { label: word === "" ? "Not known" : word, about: "This state is not one that this version knows.", tone: "neutral" };
}
