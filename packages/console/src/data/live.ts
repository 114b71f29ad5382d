/**
 * The queue as it stands, kept so: listed once, newest first, then patched by the live stream, which goes on where it was cut. One store
 * for all pages, because every page counts the same items. Decisions come by a stream of their own and tell pages what to ask for anew.
 */

import { type StreamState, isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { useSyncExternalStore } from "react";

import { nextTurn } from "../lib/turns.js";
import { type Item, client, queryClient } from "./client.js";
import { follow } from "./follow.js";

/** How many items are held at most, the newest; older ones that are still open are held beyond it. */
export const ITEMS_MAX = 20_000;

const PAGE = 500;

/** What many events at once make out of date is asked for once. */
const STALE_MS = 400;

/** How live the picture is. */
export interface Live {
  /** `live`: what is shown is what is; `stale`: it is as of `since`. */
  state: "connecting" | "live" | "stale";
  /** When the connection was last known to be good. */
  since: number;
  /** Why it is not live, in a sentence. */
  why: string;
}

/** What pages see. A new object whenever anything in it changed. */
export interface Picture {
  /** In the order of queueing. */
  items: readonly Item[];
  loading: boolean;
  /** There are older items, closed ones, that are not held. */
  capped: boolean;
  error: unknown;
}

export class QueueStore {
  #items = new Map<string, Item>();
  /** What the stream said while a list was on its way is newer than the list. */
  readonly #told = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #stale = new Set<string>();
  #staleTimer: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | undefined;
  #loading = true;
  #capped = false;
  #error: unknown;
  #picture: Picture = { items: [], loading: true, capped: false, error: undefined };
  #live: Live = { state: "connecting", since: Date.now(), why: "" };

  /** Begins, once. */
  start(): void {
    if (this.#abort !== undefined) return;
    this.#abort = new AbortController();
    void this.#follow(this.#abort.signal);
    void this.#followDecisions(this.#abort.signal);
  }

  /** Ends it and forgets everything: somebody else may sign in. */
  stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.#items = new Map();
    this.#told.clear();
    this.#loading = true;
    this.#live = { state: "connecting", since: Date.now(), why: "" };
    clearTimeout(this.#turn);
    this.#changed();
  }

  /** Lists anew, for people who press the button. */
  async reload(): Promise<void> {
    const signal = this.#abort?.signal;
    if (signal !== undefined) await this.#load(signal);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly picture = (): Picture => this.#picture;
  readonly live = (): Live => this.#live;

  /** Puts an item in as it now stands, without waiting for the stream to say the same. */
  put(item: Item): void {
    this.#told.add(item.queue_id);
    this.#items.set(item.queue_id, item);
    queryClient.setQueryData(["item", item.queue_id], item);
    this.#changed();
  }

  #follow(signal: AbortSignal): Promise<void> {
    const onState = (state: StreamState): void => {
      if (state === "open") this.#say({ state: "live", since: Date.now(), why: "" });
      else if (state === "waiting" || state === "ended") this.#broken("The connection was cut.");
    };
    return follow(
      {
        open: (options) => client.queue.watch(options),
        onState,
        take: ({ event, data }) => {
          if (this.#live.state !== "live") this.#say({ state: "live", since: Date.now(), why: "" });
          if (event === "queue_head" || event === "reset") {
            // Another ledger took this one's place: what is held is of the one before.
            if (event === "reset") this.#items = new Map();
            void this.#load(signal);
            return;
          }
          if (data.item !== null) this.put(data.item);
          this.#outOfDate(`history ${data.queue_id}`, "ledger", "approvals", "counts", "throughput");
        },
        onEnd: (error) => {
          this.#broken(isControlPlaneError(error) ? error.reason : "The live view ended.");
          if (isControlPlaneError(error) && error.status === 401) void queryClient.invalidateQueries({ queryKey: ["session"] });
          return true;
        },
      },
      signal,
    );
  }

  /** Requests, refusals, switches and tokens as they change. Whoever may not follow them asks now and then instead. */
  #followDecisions(signal: AbortSignal): Promise<void> {
    return follow(
      {
        open: (options) => client.decisions.watch(options),
        take: ({ event }) => {
          if (event === "decision" || event === "reset") this.#outOfDate("approvals", "gate", "tokens", "ledger");
        },
        onEnd: (error) => !(isControlPlaneError(error) && error.kind === "refused" && error.status !== 401),
      },
      signal,
    );
  }

  async #load(signal: AbortSignal): Promise<void> {
    this.#loading = true;
    this.#error = undefined;
    this.#told.clear();
    this.#changed();
    const listed: Item[] = [];
    try {
      for await (const page of client.queue.list({ limit: PAGE, order: "newest" }, { signal }).pages()) {
        listed.push(...page.items);
        this.#capped = listed.length >= ITEMS_MAX && page.next_cursor !== null;
        this.#compose([], listed);
        if (this.#capped) break;
      }
      // However long ago it was queued, what is open is what a person is here for.
      if (this.#capped) this.#compose(await this.#olderOpen(listed, signal), listed);
    } catch (caught) {
      if (signal.aborted) return;
      this.#error = caught;
    }
    this.#loading = false;
    this.#changed();
  }

  /** Open items that are older than what was listed, oldest first. */
  async #olderOpen(listed: readonly Item[], signal: AbortSignal): Promise<Item[]> {
    const known = new Set(listed.map((item) => item.queue_id));
    const older: Item[] = [];
    for (const state of ["eligible", "waiting", "claimed", "held"] as const) {
      for await (const item of client.queue.list({ limit: PAGE, queue_state: state }, { signal })) {
        // In the order of queueing: from the first known one on, all are.
        if (known.has(item.queue_id)) break;
        older.push(item);
        if (older.length >= ITEMS_MAX) break;
      }
    }
    return older.sort((a, b) => (a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : 0));
  }

  /** Puts together what is held: older items, the list (newest first), and what the stream has brought since. */
  #compose(older: readonly Item[], listed: readonly Item[]): void {
    const items = new Map<string, Item>();
    for (const item of [...older, ...listed.toReversed()]) {
      items.set(item.queue_id, this.#told.has(item.queue_id) ? (this.#items.get(item.queue_id) ?? item) : item);
    }
    for (const [id, item] of this.#items) if (!items.has(id) && this.#told.has(id)) items.set(id, item);
    this.#items = items;
    this.#changed();
  }

  #broken(why: string): void {
    const since = this.#live.state === "live" ? Date.now() : this.#live.since;
    this.#say({ state: "stale", since, why });
  }

  #say(live: Live): void {
    const cameBack = live.state === "live" && this.#live.state === "stale";
    this.#live = live;
    this.#tell();
    // Everything that is not in the stream is as of before the cut.
    if (cameBack) void queryClient.invalidateQueries();
  }

  /** Asking anew for each of a hundred events would end the question before it each time, and never come to an answer. */
  #outOfDate(...names: string[]): void {
    for (const name of names) this.#stale.add(name);
    this.#staleTimer ??= setTimeout(() => {
      this.#staleTimer = undefined;
      for (const name of this.#stale) void queryClient.invalidateQueries({ queryKey: name.split(" ") });
      this.#stale.clear();
    }, STALE_MS);
  }

  /** Many events at once become one picture: a page that draws each would stand still under a busy queue. */
  #changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#picture = { items: [...this.#items.values()], loading: this.#loading, capped: this.#capped, error: this.#error };
      this.#tell();
      this.#waitForTurn();
    }, 40);
  }

  /** A time that comes makes an item ready or late, and no line of the ledger says so: then it is asked for anew. */
  #waitForTurn(): void {
    clearTimeout(this.#turn);
    const signal = this.#abort?.signal;
    const turn = nextTurn(this.#picture.items, Date.now());
    if (turn === undefined || signal === undefined) return;
    this.#turn = setTimeout(() => {
      void (async () => {
        for (const id of turn.ids) {
          if (signal.aborted) return;
          await client.queue.get(id, { signal }).then((item) => this.put(item)).catch(() => {});
        }
        this.#outOfDate("counts");
        this.#waitForTurn();
      })();
    }, turn.inMs);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** The store of this page. */
export const queueStore = new QueueStore();

/** The queue as it stands. */
export function useQueue(): Picture {
  return useSyncExternalStore(queueStore.subscribe, queueStore.picture);
}

/** Whether what is shown is what is. */
export function useLive(): Live {
  return useSyncExternalStore(queueStore.subscribe, queueStore.live);
}
