/**
 * Signing in and out in a browser: a token, or the secret of a one-time address, is exchanged for a session that the server
 * keeps and that no script can read. For clients that were made with `cookie: true`.
 *
 * Everything but the look at the session is sent once. Where no answer comes (`outcomeUnknown`), ask for the session: it says
 * whether somebody is signed in.
 */

import type { AnswerOf } from "@cortexpilot/frontend-api-contract";

import { type ControlPlaneClient, transportOf } from "./client.js";
import type { CallOptions } from "./transport.js";

/** Where all of it is. */
const PATH = "/api/session";

/** Whoever is signed in: its name, kind and roles, and when the session ends by itself. */
export type Session = AnswerOf<"session_get">;

/** How many sessions were ended. */
export type SignedOut = AnswerOf<"session_end">;

/** Whoever is signed in. Rejects with 401 where nobody is; also answers a client that was made with a token. */
export async function currentSession(client: ControlPlaneClient, options?: CallOptions): Promise<Session> {
  const call = { operation: "session_get", method: "GET", path: PATH, repeatable: "read", options } as const;
  return (await transportOf(client).json<Session>(call)).data;
}

/**
 * Signs in with a token, or with the secret of a one-time address, which is worth something once and for five minutes. The
 * browser keeps the cookie that the answer sets; keep neither token nor secret.
 */
export async function signIn(
  client: ControlPlaneClient,
  by: { token: string } | { login: string },
  options?: CallOptions,
): Promise<Session> {
  const call = {
    operation: "session_create",
    method: "POST",
    path: PATH,
    body: by,
    // Signing in needs that proof also where no cookie is sent yet: another's page must not sign anybody in as somebody else.
    headers: { "x-cortexpilot-csrf": "1" },
    repeatable: "once",
    options,
  } as const;
  return (await transportOf(client).json<Session>(call)).data;
}

/** Ends this session, or with `everywhere` every session of this principal, in every browser. */
export async function signOut(
  client: ControlPlaneClient,
  options: CallOptions & { everywhere?: boolean } = {},
): Promise<SignedOut> {
  const { everywhere, ...rest } = options;
  const call = {
    operation: "session_end",
    method: "DELETE",
    path: PATH,
    query: { everywhere: everywhere === true ? true : undefined },
    repeatable: "once",
    options: rest,
  } as const;
  return (await transportOf(client).json<SignedOut>(call)).data;
}

/**
 * In a page: takes the secret out of a one-time address (`/#login=…`), and the address out of the history, so that nothing
 * keeps it. A fragment is never sent to a server, so it stands in no log either. `undefined` where there is none, or what
 * stands there cannot be one; it is taken out all the same.
 */
export function takeLogin(): string | undefined {
  const { hash, pathname, search } = location;
  if (!hash.startsWith("#login=")) return undefined;
  history.replaceState(null, "", pathname + search);
  return /^#login=([A-Za-z0-9_-]{16,256})$/.exec(hash)?.[1];
}

export type { CallOptions };
