/**
 * The queue as it stands, kept so: listed once, then patched by the live stream, which goes on where it was cut. One store for all
 * pages, because every page counts the same items.
 */

import { type ControlPlaneError, type StreamState, isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { useSyncExternalStore } from "react";

import { type Item, client, queryClient } from "./client.js";

/** How many items are held at most. A ledger can be longer; then this is said, and the rest is asked for by filter. */
export const ITEMS_MAX = 20_000;

const PAGE = 500;

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
  items: readonly Item[];
  loading: boolean;
  capped: boolean;
  error: unknown;
  /** Events of the stream since it began: for whoever draws how much was done. */
  recent: readonly { event: string; at: number }[];
}

export class QueueStore {
  readonly #items = new Map<string, Item>();
  readonly #listeners = new Set<() => void>();
  readonly #recent: { event: string; at: number }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | undefined;
  #loading = true;
  #capped = false;
  #error: unknown;
  #picture: Picture = { items: [], loading: true, capped: false, error: undefined, recent: [] };
  #live: Live = { state: "connecting", since: Date.now(), why: "" };

  /** Begins, once. */
  start(): void {
    if (this.#abort !== undefined) return;
    this.#abort = new AbortController();
    void this.#follow(this.#abort.signal);
  }

  /** Ends it and forgets everything: somebody else may sign in. */
  stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.#items.clear();
    this.#recent.length = 0;
    this.#loading = true;
    this.#changed();
  }

  /** Lists anew, for people who press the button. */
  async reload(): Promise<void> {
    const signal = this.#abort?.signal;
    if (signal === undefined) return;
    await this.#load(signal);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly picture = (): Picture => this.#picture;
  readonly live = (): Live => this.#live;

  /** Puts an item in as it now stands, without waiting for the stream to say the same. */
  put(item: Item): void {
    this.#items.set(item.queue_id, item);
    queryClient.setQueryData(["item", item.queue_id], item);
    this.#changed();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const onState = (state: StreamState): void => {
      if (state === "open") this.#say({ state: "live", since: Date.now(), why: "" });
      else if (state === "waiting" || state === "ended") this.#broken("The connection was cut.");
    };
    // A stream is worth opening again for as long as the page is open, also after an end that the server meant.
    while (!signal.aborted) {
      try {
        for await (const { event, data } of client.queue.watch({ signal, onState })) {
          if (this.#live.state !== "live") this.#say({ state: "live", since: Date.now(), why: "" });
          if (event === "queue_head" || event === "reset") {
            // Another ledger took this one's place: what is held is of the one before.
            if (event === "reset") this.#items.clear();
            void this.#load(signal);
          } else {
            if (data.item !== null) this.put(data.item);
            this.#recent.push({ event: data.event, at: Date.parse(data.ts) });
            if (this.#recent.length > 2_000) this.#recent.splice(0, 500);
            void queryClient.invalidateQueries({ queryKey: ["history", data.queue_id] });
            void queryClient.invalidateQueries({ queryKey: ["ledger"] });
            void queryClient.invalidateQueries({ queryKey: ["approvals"] });
          }
        }
      } catch (caught) {
        if (signal.aborted) return;
        this.#broken(isControlPlaneError(caught) ? caught.reason : "The live view ended.");
        if (isControlPlaneError(caught) && (caught as ControlPlaneError).status === 401) {
          void queryClient.invalidateQueries({ queryKey: ["session"] });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 3_000));
    }
  }

  async #load(signal: AbortSignal): Promise<void> {
    this.#loading = true;
    this.#error = undefined;
    this.#changed();
    const seen = new Set<string>();
    try {
      for await (const page of client.queue.list({ limit: PAGE }, { signal }).pages()) {
        for (const item of page.items) {
          seen.add(item.queue_id);
          this.#items.set(item.queue_id, item);
        }
        this.#changed();
        this.#capped = seen.size >= ITEMS_MAX && page.next_cursor !== null;
        if (this.#capped) break;
      }
    } catch (caught) {
      if (signal.aborted) return;
      this.#error = caught;
    }
    this.#loading = false;
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

  /** Many events at once become one picture: a page that draws each would stand still under a busy queue. */
  #changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#picture = {
        items: [...this.#items.values()],
        loading: this.#loading,
        capped: this.#capped,
        error: this.#error,
        recent: [...this.#recent],
      };
      this.#tell();
    }, 40);
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
