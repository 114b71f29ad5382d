/** Everything that can come instead of an answer: one class, told apart by `kind` and `code`. */

import type { ErrorCode, Retry, Schema, WhoCanAct } from "@cortexpilot/frontend-api-contract";

/** A refusal as the server sends it, under `detail`. */
export type Refusal = Schema<"RefusalDetail">;

/**
 * Why a call has no answer:
 * - `refused`: the server said no, with a code of its table;
 * - `http`: something answered that is not the control plane (a proxy, a page), or not in its form;
 * - `network`: no answer came at all;
 * - `timeout`: none came within the time that this client was given.
 *
 * A call that its caller aborts rejects with the signal's own reason, as `fetch` does, and never with this class.
 */
export type FailureKind = "refused" | "http" | "network" | "timeout";

/** Codes of this client itself, where no code came from the server. */
export type ClientCode = "CLIENT_HTTP" | "CLIENT_NETWORK" | "CLIENT_TIMEOUT" | "CLIENT_STREAM_ENDED";

/** What an error is made of. */
export interface Failure {
  kind: FailureKind;
  code: ErrorCode | ClientCode;
  reason: string;
  operation: string;
  requestId: string;
  status?: number;
  traceId?: string;
  retry?: Retry;
  whoCanAct?: WhoCanAct;
  nextStep?: string;
  retryAfter?: number;
  outcomeUnknown?: boolean;
  details?: Refusal;
  cause?: unknown;
}

/** A call that was not answered as wished. `message` is the reason alone, fit to be shown. */
export class ControlPlaneError extends Error {
  override readonly name = "ControlPlaneError";
  /** See {@link FailureKind}. */
  readonly kind: FailureKind;
  /** What to decide by. Codes of the server are never renamed; a newer server may send one that this package does not list. */
  readonly code: ErrorCode | ClientCode;
  /** The HTTP status; `undefined` where no answer came. */
  readonly status: number | undefined;
  /** What was wrong, in a sentence. */
  readonly reason: string;
  /** What to do now, in a sentence; empty where nobody said. */
  readonly nextStep: string;
  /** Whether, and after what, the same request is worth sending again. */
  readonly retry: Retry;
  /** Who can do something about it. */
  readonly whoCanAct: WhoCanAct;
  /** After how many seconds the same request may be let through; `undefined` where waiting is not what helps. */
  readonly retryAfter: number | undefined;
  /** For finding this call in the server's log. Known also where no answer came: this client names its requests. */
  readonly requestId: string;
  /** The trace that the server put the request into. */
  readonly traceId: string | undefined;
  /** The operation that was called, by its id. */
  readonly operation: string;
  /**
   * The request may have been carried out although no answer says so. Only ever true of calls that can change something:
   * look before sending it again, or send it again with the same idempotency key.
   */
  readonly outcomeUnknown: boolean;
  /** The whole refusal as the server sent it: what changed since the preview, who you are there, the item it is about. */
  readonly details: Refusal | undefined;

  constructor(failure: Failure) {
    super(failure.reason, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.kind = failure.kind;
    this.code = failure.code;
    this.status = failure.status;
    this.reason = failure.reason;
    this.nextStep = failure.nextStep ?? "";
    this.retry = failure.retry ?? "never";
    this.whoCanAct = failure.whoCanAct ?? "operator";
    this.retryAfter = failure.retryAfter;
    this.requestId = failure.requestId;
    this.traceId = failure.traceId;
    this.operation = failure.operation;
    this.outcomeUnknown = failure.outcomeUnknown ?? false;
    this.details = failure.details;
  }
}

/** Whether something that was caught is an error of this client; with a code, whether it is that one. */
export function isControlPlaneError(caught: unknown, code?: ErrorCode | ClientCode): caught is ControlPlaneError {
  return caught instanceof ControlPlaneError && (code === undefined || caught.code === code);
}

/** The seconds of a `Retry-After` header, which may also name a moment (RFC 9110 §10.2.3). */
export function retryAfterSeconds(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text);
  // Engines read much more as a time than HTTP writes.
  const moment = /^[A-Za-z]{3,9}[, ]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(moment) ? undefined : Math.max(0, Math.ceil((moment - now) / 1000));
}

/** Reads an answer that is no success. Whatever its body is, an error comes of it. */
export async function errorOf(
  response: Response,
  call: { operation: string; requestId: string; writes: boolean },
): Promise<ControlPlaneError> {
  const text = await response.text().catch(() => "");
  const detail = member(parsed(text), "detail");
  const retryAfter = retryAfterSeconds(response.headers.get("retry-after"), Date.now());
  const named = {
    operation: call.operation,
    requestId: response.headers.get("x-request-id") ?? call.requestId,
    status: response.status,
  };
  const code = member(detail, "code");
  if (typeof code === "string") {
    const refusal = detail as Refusal;
    return new ControlPlaneError({
      ...named,
      kind: "refused",
      code: code as ErrorCode,
      reason: sentence(refusal.reason) ?? code,
      nextStep: sentence(refusal.next_step) ?? "",
      retry: refusal.retry,
      whoCanAct: refusal.who_can_act,
      outcomeUnknown: call.writes && code === "OUTCOME_UNKNOWN",
      details: refusal,
      ...optional("traceId", sentence(refusal.trace_id) ?? response.headers.get("x-trace-id") ?? undefined),
      ...optional("retryAfter", retryAfter ?? refusal.retry_after_s ?? undefined),
    });
  }
  const busy = BUSY.includes(response.status);
  const plain = plainCode(response.status, detail);
  return new ControlPlaneError({
    ...named,
    kind: plain === undefined ? "http" : "refused",
    code: plain ?? "CLIENT_HTTP",
    reason:
      plain === undefined
        ? `The answer has status ${response.status} and is not one of the control plane's.`
        : `The server says: ${String(detail)}.`,
    retry: busy ? "after_wait" : "after_fix",
    whoCanAct: busy ? "operator" : "you",
    // A gateway that gives up does not know what the server behind it did.
    outcomeUnknown: call.writes && (response.status === 502 || response.status === 504),
    ...optional("traceId", response.headers.get("x-trace-id") ?? undefined),
    ...optional("retryAfter", retryAfter),
  });
}

/** Statuses with which servers and gateways say "not now". */
export const BUSY: readonly number[] = [429, 502, 503, 504];

/** Two refusals have the plain form that older clients know. */
function plainCode(status: number, detail: unknown): ErrorCode | undefined {
  if (status === 404 && detail === "Not Found") return "NOT_FOUND";
  if (status === 405 && detail === "Method Not Allowed") return "METHOD_NOT_ALLOWED";
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function sentence(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function optional<N extends string, V>(name: N, value: V | undefined): { [K in N]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [K in N]?: V };
}
