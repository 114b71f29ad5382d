/** Live streams: events as they happen, picked up after a cut where they ended. */

import { ControlPlaneError, errorOf } from "./errors.js";
import { randomId } from "./ids.js";
import { type RetryNotice, backoff } from "./retry.js";
import { type Deadline, deadline, pause, reasonOf } from "./signals.js";
import { EventParser, type RawEvent } from "./sse.js";
import { type Call, type Transport, unanswered } from "./transport.js";

/** How a stream stands, for a screen that says so. */
export type StreamState = "connecting" | "open" | "waiting" | "ended";

/** What every stream takes. */
export interface StreamOptions {
  /** Ends the stream: the iteration rejects with the signal's reason. Leaving the loop ends it too. */
  signal?: AbortSignal;
  /** Where to go on: the `id` of the last event that was worked on, from this stream or an earlier one. */
  lastEventId?: string;
  /** How long to wait for the stream to open. Default 30,000 ms. */
  timeoutMs?: number;
  /**
   * How long a stream may be silent before it is opened anew; the server says something every 15 seconds. Default 45,000 ms.
   */
  idleMs?: number;
  /** After how many failures in a row, without an event between, the stream is given up. Default: never. */
  attempts?: number;
  /** Told whenever the stream's state changes. */
  onState?: (state: StreamState) => void;
  /** Told before every pause. */
  onRetry?: (notice: RetryNotice) => void;
}

/** One event of a live stream. */
export interface StreamEvent<N extends string, T> {
  /** Its name. */
  event: N;
  /** What to give as `lastEventId` to go on after it; empty where the stream has no positions. */
  id: string;
  /** What it says. */
  data: T;
}

/**
 * The server cannot go on from where the stream was: a file took another's place, or the position is not known any more. What
 * was gathered from the stream so far is to be dropped; everything comes again from here.
 */
export type StreamReset = StreamEvent<"reset", { reason: string }>;

/** A stream before it is opened. */
export interface Watched {
  call: Omit<Call, "method" | "repeatable" | "options">;
  options: StreamOptions;
}

/** The server's last word on a connection. */
const END = "end";

const TIMEOUT_MS = 30_000;
const IDLE_MS = 45_000;

/**
 * Opens a stream and gives its events in order, none twice and none left out: after a cut it is opened again with the id of
 * the last event that was given out. It goes on until its reader leaves or aborts; what opening it again cannot help (a token
 * that was revoked, a run that is gone) is thrown.
 */
export async function* watch<E extends StreamEvent<string, unknown>>(
  transport: Transport,
  watched: Watched,
): AsyncGenerator<E, void, undefined> {
  const { options } = watched;
  const operation = watched.call.operation;
  const said = options.onState ?? ((): void => {});
  const attempts = options.attempts ?? Number.POSITIVE_INFINITY;
  const idleMs = options.idleMs ?? IDLE_MS;
  let position = options.lastEventId ?? "";
  let askedPauseMs: number | undefined;
  try {
    for (let failures = 0; ; ) {
      said("connecting");
      let failure: ControlPlaneError;
      let limitMs = options.timeoutMs ?? TIMEOUT_MS;
      const requestId = randomId();
      const parser = new EventParser(position);
      // Outside: what is wrong with the call itself is no failure of the network, and stays wrong.
      const request = await transport.prepared(callOf(watched, position), requestId);
      const until = deadline(options.signal, limitMs);
      try {
        if (options.signal?.aborted) throw reasonOf(options.signal);
        const response = await opened(transport, request, operation, requestId, until);
        if (response === undefined) return;
        said("open");
        limitMs = idleMs;
        for await (const raw of events(response, parser, until, idleMs)) {
          const event = shown<E>(raw, operation, requestId);
          if (event.event === END) throw ended(event.data, operation, requestId);
          failures = 0;
          yield event;
          // What came together with it is not given out after the caller ended the stream.
          if (options.signal?.aborted) throw reasonOf(options.signal);
        }
        failure = unanswered(operation, requestId, false, undefined, undefined);
      } catch (caught) {
        if (options.signal?.aborted) throw reasonOf(options.signal);
        failure = failureOf(caught, operation, requestId, until.timedOut() ? limitMs : undefined);
        if (!comesBack(failure)) throw failure;
      } finally {
        until.done();
        // Every event up to here was given out: what is read together is given out before anything is read again.
        position = parser.position;
        askedPauseMs = parser.retryMs ?? askedPauseMs;
      }
      failures += 1;
      if (failures >= attempts) throw failure;
      // Never sooner than the server asks, and spread: a restart ends the streams of everybody at once.
      const asked = (askedPauseMs ?? 0) * (1 + Math.random() / 2);
      const own = Math.max(asked, backoff(failures, transport.retry, Math.random()));
      const delayMs = failure.retryAfter === undefined ? own : Math.max(own, failure.retryAfter * 1000);
      said("waiting");
      options.onRetry?.({ operation, attempt: failures, delayMs, error: failure });
      await pause(delayMs, options.signal);
    }
  } finally {
    said("ended");
  }
}

function callOf(watched: Watched, position: string): Call {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (position !== "") headers["last-event-id"] = position;
  return { ...watched.call, method: "GET", repeatable: "read", headers };
}

function failureOf(
  caught: unknown,
  operation: string,
  requestId: string,
  limitMs: number | undefined,
): ControlPlaneError {
  if (caught instanceof ControlPlaneError) return caught;
  if (caught instanceof RangeError) return foreign(operation, requestId, `${caught.message}, so it`, caught);
  return unanswered(operation, requestId, false, limitMs, caught);
}

/** Something answered that is not the control plane. */
function foreign(operation: string, requestId: string, what: string, cause: unknown, status?: number): ControlPlaneError {
  return new ControlPlaneError({
    kind: "http",
    code: "CLIENT_HTTP",
    reason: `${what} is not the control plane's.`,
    operation,
    requestId,
    ...(status === undefined ? {} : { status }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The answer once it is known to be a stream; `undefined` where the server says that there is no more to come. */
async function opened(
  transport: Transport,
  request: [string, RequestInit],
  operation: string,
  requestId: string,
  until: Deadline,
): Promise<Response | undefined> {
  const response = await transport.open(request, until.signal);
  if (response.status === 204) return undefined;
  if (response.status !== 200) {
    throw await errorOf(response, { operation, requestId, writes: false });
  }
  const kind = response.headers.get("content-type") ?? "";
  if (!/^text\/event-stream\b/i.test(kind) || response.body === null) {
    await response.body?.cancel();
    throw foreign(operation, requestId, "The answer is no event stream, so it", undefined, response.status);
  }
  return response;
}

/** The events of one connection. Whoever leaves early closes it. */
async function* events(
  response: Response,
  parser: EventParser,
  until: Deadline,
  idleMs: number,
): AsyncGenerator<RawEvent, void, undefined> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      until.extend(idleMs);
      const { done, value } = await reader.read();
      // How long the reader takes over an event is its own affair, and no silence of the server.
      until.extend(Number.POSITIVE_INFINITY);
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    // After a failure there is nothing left to close.
    await reader.cancel().catch(() => {});
  }
}

function shown<E extends StreamEvent<string, unknown>>(raw: RawEvent, operation: string, requestId: string): E {
  try {
    return { event: raw.event, id: raw.id, data: JSON.parse(raw.data) as unknown } as E;
  } catch (cause) {
    throw foreign(operation, requestId, "An event of the stream is not JSON, so it", cause);
  }
}

/** The server ended the connection, and says whether to come back. */
function ended(data: unknown, operation: string, requestId: string): ControlPlaneError {
  const { reason, resume } = (data ?? {}) as { reason?: unknown; resume?: unknown };
  const why = typeof reason === "string" ? reason : "it did not say why";
  return new ControlPlaneError({
    kind: resume === true ? "network" : "refused",
    code: resume === true ? "CLIENT_NETWORK" : "CLIENT_STREAM_ENDED",
    reason: `The server ended the stream: ${END_WORDS[why] ?? why}.`,
    retry: resume === true ? "after_wait" : "never",
    whoCanAct: "operator",
    operation,
    requestId,
  });
}

const END_WORDS: Readonly<Record<string, string>> = {
  shutdown: "it shuts down",
  token: "the token is no longer valid",
  slow_reader: "its events were not read fast enough",
  gone: "what was watched is gone",
  unavailable: "it cannot read what was watched",
};

/** Whether opening the stream again may help. */
function comesBack(failure: ControlPlaneError): boolean {
  if (failure.kind === "network" || failure.kind === "timeout") return true;
  return failure.retry === "after_wait" && failure.status !== undefined;
}
