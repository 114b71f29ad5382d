/** The one client of this page. */

import { createControlPlaneClient } from "@cortexpilot/frontend-api-client";
import type { EntryOf, Schema } from "@cortexpilot/frontend-api-contract";
import { QueryClient } from "@tanstack/react-query";

import { pref } from "./prefs.js";
import type { Session } from "./session.js";

/** The roles of whoever is signed in; the role acted in is one of them. */
let held: readonly string[] = [];

/** Told when somebody signs in or out. */
export function setHeldRoles(session: Session | undefined): void {
  held = session?.roles ?? [];
}

/** The role that this browser acts in: the chosen one, while it is held. */
export function actingRole(): string | undefined {
  const chosen = pref("role");
  return held.includes(chosen) ? chosen : held[0];
}

export const client = createControlPlaneClient({ cookie: true, role: () => actingRole() });

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The client sends reads again by itself where that helps; once more on top would only make people wait.
      retry: false,
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      networkMode: "always",
    },
    mutations: { retry: false, networkMode: "always" },
  },
});

/** An item, with the members that a server may add: they are there only where they are set. */
export type Item = Schema<"ItemView"> & {
  attempts?: number;
  not_before?: string;
  lease_expires_at?: string;
  worker?: string;
  stop?: { by: string; reason: string; at: string };
  held?: { kind?: string; reason?: string; by?: string; at?: string };
  repository?: string;
  progress?: { stage?: string; message?: string; events?: number; at?: string };
};
export type RunRow = EntryOf<"runs_list">;
export type ApprovalRow = EntryOf<"approvals_list">;
export type Decision = EntryOf<"decisions_list">;
export type Entry = EntryOf<"ledger_entries">;
export type Case = EntryOf<"workflows_list">;
export type Token = EntryOf<"tokens_list">;
export type Standing = Schema<"StandingView">;
export type LedgerStanding = Schema<"LedgerView">;
export type Review = Schema<"ReviewView">;
export type Receipt = Schema<"ReceiptView">;
