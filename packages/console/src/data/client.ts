/** The one client of this page. */

import { createControlPlaneClient, isControlPlaneError } from "@cortexpilot/frontend-api-client";
import type { Session } from "@cortexpilot/frontend-api-client/session";
import type { AnswerOf, EntryOf, Schema } from "@cortexpilot/frontend-api-contract";
import { QueryCache, QueryClient } from "@tanstack/react-query";

import { pref } from "./prefs.js";

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
  queryCache: new QueryCache({
    // Whatever is refused for want of a session shows that there is none any more, also where nobody clicked on anything.
    onError: (error, query) => {
      if (isControlPlaneError(error) && error.status === 401 && query.queryKey[0] !== "session") void queryClient.invalidateQueries({ queryKey: ["session"] });
    },
  }),
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

export type Item = Schema<"ItemView">;
export type Counts = AnswerOf<"queue_counts">;
export type Throughput = AnswerOf<"queue_throughput">;
export type Run = AnswerOf<"run_get">;
export type RunRow = EntryOf<"runs_list">;
export type ApprovalRow = EntryOf<"approvals_list">;
export type Decision = EntryOf<"decisions_list">;
export type Entry = EntryOf<"ledger_entries">;
export type Case = EntryOf<"workflows_list">;
export type Token = EntryOf<"tokens_list">;
export type Worker = EntryOf<"workers_list">;
export type Standing = Schema<"GateStandingView">;
export type LedgerStanding = Schema<"LedgerView">;
export type Review = Schema<"ReviewView">;
export type Receipt = Schema<"ReceiptView">;
