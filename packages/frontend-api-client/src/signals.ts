/** Time limits and pauses that a caller's `AbortSignal` ends at once, and that leave no listener behind. */

/** A signal that ends with the caller's or with time, whichever is first. `done` must be called when it is over. */
export interface Deadline {
  signal: AbortSignal;
  /** Whether time ended it. */
  timedOut(): boolean;
  /** Starts the time anew; for a stream, whenever something came. */
  extend(ms: number): void;
  /** Ends the watch: no timer and no listener stays. */
  done(): void;
}

/** The longest time a timer can be set to; more would fire at once. */
const TIMER_MAX = 2 ** 31 - 1;

/** Joins a caller's signal and a time limit. */
export function deadline(caller: AbortSignal | undefined, ms: number): Deadline {
  const controller = new AbortController();
  let late = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const start = (limit: number): void => {
    if (!Number.isFinite(limit)) return;
    timer = setTimeout(() => {
      late = true;
      controller.abort(new DOMException("no answer came in time", "TimeoutError"));
    }, Math.min(limit, TIMER_MAX));
  };
  const abort = (): void => controller.abort(caller?.reason);
  if (caller?.aborted) abort();
  else {
    caller?.addEventListener("abort", abort, { once: true });
    start(ms);
  }
  return {
    signal: controller.signal,
    timedOut: () => late,
    extend: (limit) => {
      clearTimeout(timer);
      if (!controller.signal.aborted) start(limit);
    },
    done: () => {
      clearTimeout(timer);
      caller?.removeEventListener("abort", abort);
    },
  };
}

/** Waits. Rejects with the signal's reason when it is aborted meanwhile. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const abort = (): void => {
      clearTimeout(timer);
      reject(reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, Math.min(ms, TIMER_MAX));
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** What an aborted call rejects with: the caller's own reason. */
export function reasonOf(signal: AbortSignal | undefined): unknown {
  return signal?.reason ?? new DOMException("the call was aborted", "AbortError");
}
