/** Who is signed in in this browser. The cookie itself no script can read. */

import type { Schema } from "@cortexpilot/frontend-api-contract";

import { send } from "./http.js";

/** Who asks, as the control plane says. */
export interface Session {
  /** Such as `operator:alice`. */
  principal: string;
  kind: Schema<"Kind">;
  /** The roles it holds. */
  roles: string[];
  /** `off`: this server asks nobody who they are; only on loopback. */
  authentication: "on" | "off";
  /** When this session ends by itself; `null` where it does not say. */
  expires_at: string | null;
  /** The version of the server. */
  version: string;
}

/** Whoever is signed in. Rejects with 401 where nobody is. */
export function currentSession(): Promise<Session> {
  return send("GET", "/api/session", { operation: "session_get" });
}

/** Signs in with a token, or with the secret of a one-time address. The answer sets the cookie. */
export function signIn(by: { token: string } | { login: string }): Promise<Session> {
  return send("POST", "/api/session", { body: by, operation: "session_create" });
}

/** Ends this session, or with `everywhere` every session of this principal. */
export function signOut(everywhere: boolean): Promise<unknown> {
  return send("DELETE", `/api/session${everywhere ? "?everywhere=true" : ""}`, { operation: "session_end" });
}

/**
 * Takes the secret out of a one-time address (`/#login=…`), and the address out of the history, so that nothing keeps it. A
 * fragment is never sent to a server, so it stands in no log either.
 */
export function takeLogin(): string | undefined {
  const found = /^#login=([A-Za-z0-9_-]{16,256})$/.exec(location.hash)?.[1];
  if (location.hash.startsWith("#login=")) history.replaceState(null, "", location.pathname + location.search);
  return found;
}
