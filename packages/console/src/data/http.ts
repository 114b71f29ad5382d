/**
 * Calls that `@cortexpilot/frontend-api-client` has no function for yet: the session, and what an operator does with items in work.
 * One place, so that each becomes a call of the client when the client has it; README.md lists them with their shapes.
 */

import { ControlPlaneError } from "@cortexpilot/frontend-api-client";
import type { ErrorCode, Schema } from "@cortexpilot/frontend-api-contract";

type Refusal = Schema<"RefusalDetail">;

/** Sends one request on this page's origin, signed in by its cookie. Errors are those of the client. */
export async function send<T>(
  method: "GET" | "POST" | "DELETE",
  path: string,
  options: { body?: object; role?: string | undefined; operation: string },
): Promise<T> {
  const requestId = idOf();
  const headers: Record<string, string> = { accept: "application/json", "x-request-id": requestId };
  if (method !== "GET") {
    headers["content-type"] = "application/json";
    headers["x-cortexpilot-csrf"] = "1";
  }
  if (options.role !== undefined) headers["x-cortexpilot-role"] = options.role;
  const named = { operation: options.operation, requestId };
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "include",
      cache: "no-store",
      redirect: "error",
      ...(method === "GET" ? {} : { body: JSON.stringify(options.body ?? {}) }),
    });
  } catch (cause) {
    throw new ControlPlaneError({
      ...named,
      kind: "network",
      code: "CLIENT_NETWORK",
      reason: "No answer came: the control plane cannot be reached, or the connection was cut.",
      nextStep: method === "GET" ? "Check that it runs, then try again." : "Look whether it was done before sending it again.",
      retry: "after_wait",
      whoCanAct: "you",
      outcomeUnknown: method !== "GET",
      cause,
    });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body as T;
  const detail = (body as { detail?: Partial<Refusal> | string } | undefined)?.detail;
  if (typeof detail === "object" && typeof detail.code === "string") {
    throw new ControlPlaneError({
      ...named,
      requestId: detail.request_id ?? requestId,
      kind: "refused",
      code: detail.code,
      reason: detail.reason ?? detail.code,
      nextStep: detail.next_step ?? "",
      retry: detail.retry ?? "never",
      whoCanAct: detail.who_can_act ?? "operator",
      status: response.status,
      details: detail as Refusal,
    });
  }
  const missing = response.status === 404 || response.status === 405;
  throw new ControlPlaneError({
    ...named,
    kind: missing ? "refused" : "http",
    code: (missing ? "NOT_FOUND" : "CLIENT_HTTP") as ErrorCode,
    reason: missing
      ? "This server does not have that operation: it is of an earlier version than this console."
      : `The answer has status ${response.status} and is not one of the control plane's.`,
    nextStep: missing ? "Use the command line of the version that runs here." : "",
    status: response.status,
    outcomeUnknown: method !== "GET" && !missing,
  });
}

function idOf(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
