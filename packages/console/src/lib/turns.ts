/** When the passing of time alone changes how an item stands: its time comes, its rest is over, its deadline nears or passes. */

import { instant } from "@cortexpilot/frontend-shared";

import type { Item } from "../data/client.js";

const HOUR_MS = 3_600_000;

/** Timers of browsers hold no more than some 24 days; looking again after a day is soon enough. */
const WAIT_MAX = 24 * HOUR_MS;

/** The server's clock may be behind this one's: a little later, its answer is the new one. */
const LATER_MS = 400;

/** Turns closer together than this are looked at together. */
const TOGETHER_MS = 2_000;

/** At most so many items are asked for at one turn; the rest is asked for at the next. */
const IDS_MAX = 200;

/** The next such moment among `items`, and whom it is about; `undefined` where nothing waits for a time. */
export function nextTurn(items: readonly Item[], now: number): { inMs: number; ids: string[] } | undefined {
  const turns: { at: number; id: string }[] = [];
  for (const item of items) {
    if (item.completed_at !== "" || item.cancelled_at !== "") continue;
    if (item.queue_state === "waiting") push(turns, item, Math.max(at(item.scheduled_at), at(item.not_before ?? "")));
    if (item.sla_state === "on_track") push(turns, item, at(item.deadline_at) - HOUR_MS);
    if (item.sla_state === "on_track" || item.sla_state === "at_risk") push(turns, item, at(item.deadline_at));
  }
  // What should have turned already is asked for at once: it was listed before its moment, or the clocks differ.
  const coming = turns.filter((turn) => turn.at > now - HOUR_MS);
  if (coming.length === 0) return undefined;
  const first = coming.reduce((least, turn) => Math.min(least, turn.at), Number.POSITIVE_INFINITY);
  const ids = coming.filter((turn) => turn.at <= Math.max(first, now) + TOGETHER_MS).map((turn) => turn.id);
  const inMs = Math.min(WAIT_MAX, Math.max(TOGETHER_MS, Math.max(first, now) + TOGETHER_MS - now + LATER_MS));
  return { inMs, ids: [...new Set(ids)].slice(0, IDS_MAX) };
}

function push(turns: { at: number; id: string }[], item: Item, moment: number): void {
  if (Number.isFinite(moment)) turns.push({ at: moment, id: item.queue_id });
}

function at(text: string): number {
  return text === "" ? Number.NEGATIVE_INFINITY : (instant(text)?.getTime() ?? Number.NEGATIVE_INFINITY);
}
