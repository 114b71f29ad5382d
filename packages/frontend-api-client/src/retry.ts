/** Which calls are sent again, when, and how long to wait. */

import { type ControlPlaneError, BUSY } from "./errors.js";

/** How calls that are safe to repeat are repeated. */
export interface RetryOptions {
  /** How often a call is sent at most, the first time included. 1 switches repeating off. Default 3. */
  attempts: number;
  /** The first pause is up to this long; each further one up to twice as long. Default 200 ms. */
  baseDelayMs: number;
  /** No pause of this client's own choosing is longer. Default 5,000 ms. */
  maxDelayMs: number;
  /** A server that asks for a longer wait than this is not waited for: the error says how long it asked for. Default 10,000 ms. */
  maxRetryAfterMs: number;
}

export const RETRY_DEFAULT: Readonly<RetryOptions> = {
  attempts: 3,
  baseDelayMs: 200,
  maxDelayMs: 5_000,
  maxRetryAfterMs: 10_000,
};

/**
 * Whether a call may be sent more than once:
 * - `read`: it changes nothing, so always;
 * - `keyed`: it carries an idempotency key, so the server makes at most one item of all of them;
 * - `once`: never. A second cancel or approval would be refused, and hide that the first one worked.
 */
export type Repeatable = "read" | "keyed" | "once";

/** A pause before the same call is sent again. */
export interface RetryNotice {
  /** The operation, by its id. */
  operation: string;
  /** How often it has been sent so far. */
  attempt: number;
  /** How long this client waits now. */
  delayMs: number;
  /** Why. */
  error: ControlPlaneError;
}

/**
 * How long to wait before sending the same call again; `undefined`: give up.
 *
 * `random` is between 0 and 1. Pauses are drawn from the whole span, so that clients which failed together do not come
 * back together.
 */
export function pauseBefore(
  error: ControlPlaneError,
  repeatable: Repeatable,
  attempt: number,
  options: RetryOptions,
  random: number,
): number | undefined {
  if (repeatable === "once" || attempt >= options.attempts || !mayPass(error, repeatable)) return undefined;
  if (error.retryAfter !== undefined) {
    const asked = error.retryAfter * 1000;
    return asked <= options.maxRetryAfterMs ? asked : undefined;
  }
  return backoff(attempt, options, random);
}

/** A pause of this client's own choosing, before attempt number `attempt + 1`. */
export function backoff(
  attempt: number,
  options: Pick<RetryOptions, "baseDelayMs" | "maxDelayMs">,
  random: number,
): number {
  const span = Math.min(options.maxDelayMs, options.baseDelayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(span * (0.5 + random / 2));
}

/** Whether the same request may be let through a moment later. */
function mayPass(error: ControlPlaneError, repeatable: Repeatable): boolean {
  if (error.kind === "network" || error.kind === "timeout") return true;
  // A limit that an apply runs into is a refusal that is written down: repeating it by itself would fill the record.
  if (error.status === 429) return repeatable === "read" && error.retry === "after_wait";
  if (error.kind === "http") return error.status !== undefined && BUSY.includes(error.status);
  // Not 500, a fault that stays, and not 507, which waits for somebody to make room.
  return error.retry === "after_wait" && (error.status === 408 || error.status === 503);
}
