/** The words of an item's state, those of `frontend-shared`, and of what was done about it. */

import { type Look, QUEUE_STATE, QUEUE_STATUS, SLA_STATE, lookOf } from "@cortexpilot/frontend-shared";

import type { Item } from "../data/client.js";
import { Badge } from "./basic.js";

export function statusLook(status: string): Look {
  return lookOf(QUEUE_STATUS, status);
}

export function Status({ item, plain = false }: { item: Pick<Item, "status" | "stop">; plain?: boolean }) {
  const look = statusLook(item.status);
  if (item.status === "CLAIMED" && item.stop !== undefined) {
    return <Badge plain={plain} look={{ label: "Asked to stop", about: "A worker holds it and has been asked to end. That undoes nothing.", tone: "attention" }} />;
  }
  return <Badge look={look} plain={plain} />;
}

export function Sla({ item }: { item: Pick<Item, "sla_state" | "deadline_at"> }) {
  if (item.deadline_at === "" && (item.sla_state === "on_track" || item.sla_state === "completed" || item.sla_state === "ended")) return <span className="text-muted">–</span>;
  return <Badge look={lookOf(SLA_STATE, item.sla_state)} plain />;
}

/** Why an item is not being worked on, in a sentence; `undefined` where it is, or is over. */
export function whyWaits(item: Item): string | undefined {
  if (item.queue_state === "eligible") return "Ready for the next worker";
  if (item.waiting_reason === "scheduled_for_future") return "Not before its time";
  if (item.waiting_reason === "backing_off") return "Rests before another try";
  if (isHeld(item)) return item.held?.reason ?? "Held: an operator decides";
  if (item.queue_state === "waiting") return lookOf(QUEUE_STATE, "waiting").label;
  return undefined;
}

export function isHeld(item: Pick<Item, "status">): boolean {
  return item.status === "LOST" || item.status === "DEAD_LETTER";
}

/** Lines of the ledger and of decisions, as what was done. */
const EVENTS: Readonly<Record<string, string>> = {
  QUEUE_ENQUEUE: "queued",
  QUEUE_CANCEL: "cancelled",
  QUEUE_CLAIM: "claimed",
  QUEUE_DONE: "finished",
  QUEUE_HOLD: "held",
  QUEUE_REQUEUE: "put back in the queue",
  QUEUE_EXPIRE: "expired",
  QUEUE_STOP: "asked to stop",
  LEDGER_REPAIRED: "repaired the ledger",
  LEDGER_ADOPTED: "took an original ledger over",
  DENIED: "was refused",
  APPROVAL_REQUESTED: "asked for approval",
  APPROVED: "said yes",
  REJECTED: "said no",
  EXPIRED: "nobody decided in time",
  FROZEN: "froze everything",
  UNFROZEN: "ended the freeze",
  PAUSED: "paused claiming",
  RESUMED: "let claiming go on",
  POLICY_SET: "set the policy floor",
  TOKEN_CREATED: "made a token",
  TOKEN_REVOKED: "took a token back",
  ELICITED: "answered a client’s dialog",
};

/** What was done, in a word or two; the event itself where there is no word for it. */
export function eventWord(event: string): string {
  return (Object.hasOwn(EVENTS, event) ? EVENTS[event] : undefined) ?? event;
}

/** Who or what made a setting what it is, in words. */
export function setBy(by: string): string {
  if (by === "default") return "as it is by default";
  if (by === "environment") return "by how this server was started";
  return `by ${by}`;
}
