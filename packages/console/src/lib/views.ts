/** The views of the queue: which items each has, and in which order they stand. */

import { instant } from "@cortexpilot/frontend-shared";

import type { Counts, Item } from "../data/client.js";

export interface View {
  id: string;
  label: string;
  has: (item: Item) => boolean;
  /** Shown also while it is empty. */
  always: boolean;
  /** An item in it is something that a person should look at. */
  loud?: boolean;
  /** What an empty one means. */
  empty: string;
}

const DONE = new Set(["SUCCESS", "DONE", "COMPLETED"]);
const OPEN = new Set(["PENDING", "CLAIMED", "LOST", "DEAD_LETTER"]);
const NAMED = new Set([...OPEN, ...DONE, "STOPPED", "CANCELLED", "EXPIRED"]);

export const VIEWS: readonly View[] = [
  { id: "open", label: "Open", has: (item) => OPEN.has(item.status), always: true, empty: "Nothing waits and nothing is in work." },
  { id: "ready", label: "Ready", has: (item) => item.status === "PENDING" && item.queue_state !== "waiting", always: true, empty: "No item is ready to be claimed." },
  { id: "waiting", label: "Not yet", has: (item) => item.queue_state === "waiting", always: true, empty: "No item waits for its time." },
  { id: "claimed", label: "Claimed", has: (item) => item.status === "CLAIMED", always: true, empty: "No worker holds an item." },
  { id: "lost", label: "Lost", has: (item) => item.status === "LOST" || item.status === "DEAD_LETTER", always: true, loud: true, empty: "No item is held: no worker was lost with one." },
  { id: "done", label: "Done", has: (item) => DONE.has(item.status), always: true, empty: "Nothing has ended well yet." },
  // Words of older systems that mean the same are here too: whatever has no view of its own did not end well.
  { id: "failed", label: "Failed", has: (item) => !NAMED.has(item.status), always: true, empty: "Nothing has failed." },
  { id: "stopped", label: "Stopped", has: (item) => item.status === "STOPPED", always: false, empty: "Nothing was stopped." },
  { id: "cancelled", label: "Cancelled", has: (item) => item.status === "CANCELLED", always: true, empty: "Nothing was rolled back." },
  { id: "expired", label: "Expired", has: (item) => item.status === "EXPIRED", always: false, empty: "No deadline passed before a worker came." },
  { id: "all", label: "All", has: () => true, always: true, empty: "Nothing was ever queued here." },
];

/** The server's counts by the views here. */
export function countedIn(view: string, { total, by_state: state, by_status: status }: Counts): number {
  const sum = (words: Iterable<string>): number => [...words].reduce((so, word) => so + (status[word] ?? 0), 0);
  switch (view) {
    case "open":
      return state.eligible + state.waiting + state.claimed + state.held;
    case "ready":
      return state.eligible;
    case "waiting":
      return state.waiting;
    case "claimed":
      return state.claimed;
    case "lost":
      return state.held;
    case "done":
      return sum(DONE);
    case "stopped":
    case "cancelled":
    case "expired":
      return sum([view.toUpperCase()]);
    case "failed":
      return total - sum(NAMED);
    default:
      return total;
  }
}

export const SORTS = [
  { id: "claim", label: "Order of claiming" },
  { id: "new", label: "Newest first" },
  { id: "old", label: "Oldest first" },
  { id: "deadline", label: "Deadline" },
] as const;

const never = Number.POSITIVE_INFINITY;

function at(text: string, absent: number): number {
  return text === "" ? absent : (instant(text)?.getTime() ?? absent);
}

/** As the ledger says it: priority from high to low, then the scheduled instant with none first, then the order of queueing. */
export function sorted(items: Item[], by: string): Item[] {
  // Items come in the order of queueing, and sorting keeps it where nothing else tells two apart.
  if (by === "new") return items.toReversed();
  if (by === "old") return items;
  if (by === "deadline") {
    const keyed = items.map((item) => ({ item, due: at(item.deadline_at, never) }));
    return keyed.sort((a, b) => a.due - b.due || 0).map(({ item }) => item);
  }
  const keyed = items.map((item) => ({ item, from: at(item.scheduled_at, -never) }));
  return keyed
    .sort((a, b) => b.item.priority - a.item.priority || (a.from === b.from ? 0 : a.from - b.from))
    .map(({ item }) => item);
}

/** Whether an item has all words of a search somewhere where people look. */
export function matches(item: Item, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = `${item.task_id} ${item.source_run_id} ${item.owner} ${item.workflow_id} ${item.queue_id} ${item.run_id} ${item.status} ${item.asked_by ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}
