/** Live views for as long as somebody looks, each going on where it was. */

import type { StreamOptions, StreamState } from "@cortexpilot/frontend-api-client";
import { isControlPlaneError } from "@cortexpilot/frontend-api-client";

/** How long a window may be out of sight before it gives its connections back. */
const UNSEEN_MS = 30_000;

/** How long to wait before a stream that ended is opened anew. */
const AGAIN_MS = 3_000;

/** What a follower does with a stream. */
export interface Followed<E> {
  /** Opens it. */
  open: (options: StreamOptions) => AsyncGenerator<E, void, undefined>;
  /** Takes one event. */
  take: (event: E) => void;
  /** Told how the connection stands. */
  onState?: (state: StreamState) => void;
  /** Told why it ended; answers whether it is worth opening again. */
  onEnd: (error: unknown) => boolean;
}

/**
 * Follows a stream until `signal` says that it is enough. A browser opens six connections to one address in all its windows: a window
 * that nobody sees gives its own back, and picks up where it was as soon as it is looked at.
 */
export async function follow<E extends { id: string }>({ open, take, onState, onEnd }: Followed<E>, signal: AbortSignal): Promise<void> {
  let lastEventId = "";
  while (!signal.aborted) {
    await seen(signal);
    const unseen = new AbortController();
    const unwatch = whenUnseen(() => unseen.abort());
    try {
      const options: StreamOptions = { signal: AbortSignal.any([signal, unseen.signal]), ...(lastEventId === "" ? {} : { lastEventId }) };
      if (onState !== undefined) options.onState = (state) => !unseen.signal.aborted && onState(state);
      for await (const event of open(options)) {
        lastEventId = event.id;
        take(event);
      }
      if (!onEnd(undefined)) return;
    } catch (caught) {
      if (signal.aborted) return;
      if (unseen.signal.aborted) continue;
      // A place that the server refuses to go on from would be refused again.
      if (isControlPlaneError(caught) && caught.kind === "refused") lastEventId = "";
      if (!onEnd(caught)) return;
    } finally {
      unwatch();
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** Resolves as soon as the window can be seen. */
function seen(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (document.visibilityState === "hidden" && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}

/** Calls once the window has been out of sight for a while; gives back how to stop watching. */
function whenUnseen(act: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    clearTimeout(timer);
    if (document.visibilityState === "hidden") timer = setTimeout(act, UNSEEN_MS);
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
}
