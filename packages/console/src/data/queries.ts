/** What pages ask for, each with the key under which it is remembered. Keys begin with what they are about. */

import { currentSession } from "@cortexpilot/frontend-api-client/session";
import { queryOptions, useQuery } from "@tanstack/react-query";

import { type Item, client } from "./client.js";

/** Lists that nothing pushes are asked for again after so long, while somebody looks. */
const POLL_MS = 5_000;

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => currentSession(client, { signal }),
  staleTime: 60_000,
  refetchInterval: 5 * 60_000,
});

export const gateQuery = queryOptions({
  queryKey: ["gate"],
  queryFn: ({ signal }) => client.gate.get({ signal }),
  refetchInterval: POLL_MS,
});

/** How many items there are in each state: the server's own count, however long its history is. */
export const countsQuery = queryOptions({
  queryKey: ["counts"],
  queryFn: ({ signal }) => client.queue.counts({ signal }),
  refetchInterval: 3 * POLL_MS,
});

/** What was queued and what came of it, by the hour or by five minutes. */
export const throughputQuery = (span: "hour" | "day") =>
  queryOptions({
    queryKey: ["throughput", span],
    queryFn: ({ signal }) => client.queue.throughput({ span }, { signal }),
    refetchInterval: 6 * POLL_MS,
  });

export const ledgerQuery = queryOptions({
  queryKey: ["ledger"],
  queryFn: async ({ signal }) => ({ at: Date.now(), standing: await client.ledger.head({ signal }) }),
  refetchInterval: 3 * POLL_MS,
});

export const approvalsQuery = (status?: "PENDING") =>
  queryOptions({
    queryKey: ["approvals", status ?? "all"],
    queryFn: ({ signal }) => client.approvals.list({ ...(status ? { status } : {}), limit: 500 }, { signal }).collect(2_000),
    refetchInterval: 3 * POLL_MS,
  });

export const approvalQuery = (id: string) =>
  queryOptions({
    queryKey: ["approvals", "one", id],
    queryFn: ({ signal }) => client.approvals.get(id, { signal }),
    refetchInterval: POLL_MS,
  });

export const itemQuery = (id: string) =>
  queryOptions({ queryKey: ["item", id], queryFn: ({ signal }): Promise<Item> => client.queue.get(id, { signal }) });

export const historyQuery = (id: string) =>
  queryOptions({ queryKey: ["history", id], queryFn: ({ signal }) => client.queue.history(id, { signal }) });

/** The ledger lines of one item as they stand in the file: what was stated when it was queued is in the first. */
export const itemLinesQuery = (id: string) =>
  queryOptions({
    queryKey: ["history", id, "lines"],
    queryFn: ({ signal }) => client.ledger.entries({ queue_id: id, limit: 50 }, { signal }).collect(50),
  });

export const runQuery = (id: string) =>
  queryOptions({ queryKey: ["run", id], queryFn: ({ signal }) => client.runs.get(id, { signal }) });

export const tokensQuery = queryOptions({
  queryKey: ["tokens"],
  queryFn: ({ signal }) => client.tokens.list({ limit: 500 }, { signal }).collect(2_000),
});

/** Workers that said within the last minute that they are there. */
export const workersQuery = queryOptions({
  queryKey: ["workers"],
  queryFn: ({ signal }) => client.workers.list({ limit: 500 }, { signal }).collect(2_000),
  refetchInterval: POLL_MS,
});

export const recentRunsQuery = queryOptions({
  queryKey: ["runs", "recent"],
  queryFn: async ({ signal }) => (await client.runs.list({ limit: 50 }, { signal })).items,
  refetchInterval: 2 * POLL_MS,
});

/** Who is signed in. Only where somebody is. */
export function useSession() {
  const found = useQuery(sessionQuery);
  if (found.data === undefined) throw new Error("invariant: pages that ask who is signed in are shown to whoever is");
  return found.data;
}

/** Why whoever is signed in cannot decide for the whole system, and who can; `undefined` where they can. */
export function useMayDecide(): string | undefined {
  const { kind, authentication } = useSession();
  if (kind === "operator") return undefined;
  if (authentication === "off") return "Nobody signs in on this server, so nobody can be named as deciding. Whoever starts it can switch signing in on.";
  return kind === "agent" ? "You are signed in as an agent: an operator decides this." : "You are signed in as a worker: an operator decides this.";
}
