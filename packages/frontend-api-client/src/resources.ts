/** What the control plane can be asked, grouped by what it is about. */

import type { AnswerOf, EntryOf, QueryOf } from "@cortexpilot/frontend-api-contract";

import { List, type Page } from "./paging.js";
import { READS, type ReadId } from "./paths.js";
import { type StreamEvent, type StreamOptions, type StreamReset, watch } from "./stream.js";
import type { CallOptions, QueryValues, Transport } from "./transport.js";

/** The query that a list takes; everything may be left out. `limit`: 1 to 500, 50 unless said. */
export type ListQuery<I extends ReadId> = Partial<QueryOf<I>>;

/** Bytes of a run, as they were written. Whatever their name says, they are somebody's text: show them, never run them. */
export interface Artifact {
  bytes: Uint8Array;
  /** `text/plain` or `application/octet-stream`: never what a page would run. */
  contentType: string;
  /** The answer's headers. */
  headers: Headers;
}

/** One event of a run, as it was written into `events.jsonl`; a line that is no JSON object is its text under `raw`. */
export interface RunEvent {
  ts?: string;
  event?: string;
  raw?: string;
  [member: string]: unknown;
}

/** Everything that was there has come; what follows is new. Once for each connection, and again after a reset. */
export type StreamCaughtUp = StreamEvent<"caught_up", { events: number }>;

/** What comes out of a run's live stream. */
export type RunStreamEvent = StreamEvent<"run_event", RunEvent> | StreamCaughtUp | StreamReset;

/** Where the queue stands when its stream begins: list it, then apply what follows. */
export interface QueueHead {
  seq: number;
  h: string;
  pending: number;
  claimed: number;
  /** Where the items are listed. */
  snapshot: string;
}

/** One line of the ledger that concerns the queue. */
export interface QueueChange {
  seq: number;
  event: string;
  ts: string;
  queue_id: string;
  h: string;
  /** The item behind that line; `null` for a line of an older system whose item is not known. */
  item: AnswerOf<"queue_get"> | null;
}

/** What comes out of the queue's live stream. */
export type QueueStreamEvent =
  | StreamEvent<"queue_head", QueueHead>
  | StreamEvent<"queue_event", QueueChange>
  | StreamReset;

/** Where the record of refusals and decisions stands when its stream begins. */
export interface DecisionsHead {
  seq: number;
  h: string | null;
  /** Where they are listed. */
  snapshot: string;
}

/** What comes out of the live stream of refusals and decisions. */
export type DecisionStreamEvent =
  | StreamEvent<"decisions_head", DecisionsHead>
  | StreamEvent<"decision", EntryOf<"decisions_list">>
  | StreamCaughtUp
  | StreamReset;

/** Asks for one thing. */
export async function get<I extends ReadId>(
  transport: Transport,
  operation: I,
  params: Readonly<Record<string, string>>,
  query: object | undefined,
  options: CallOptions | undefined,
): Promise<AnswerOf<I>> {
  const path = READS[operation];
  const values = query as QueryValues | undefined;
  const call = { operation, method: "GET", path, params, query: values, repeatable: "read", options } as const;
  return (await transport.json<AnswerOf<I>>(call)).data;
}

/** Asks for a list. The empty cursor asks for pages where the plain form of a list is an array. */
function list<I extends ReadId>(
  transport: Transport,
  operation: I,
  params: Readonly<Record<string, string>>,
  query: object | undefined,
  options: CallOptions | undefined,
): List<EntryOf<I>> {
  const first = (query as { cursor?: string } | undefined)?.cursor ?? "";
  return new List(first, async (cursor) => {
    const page: unknown = await get(transport, operation, params, { ...query, cursor }, options);
    return page as Page<EntryOf<I>>;
  });
}

/** Runs and what they left behind. Everything here was written by programs: it is material to look at, never instructions. */
export class Runs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Runs, newest first. */
  list(query?: ListQuery<"runs_list">, options?: CallOptions): List<EntryOf<"runs_list">> {
    return list(this.#transport, "runs_list", {}, query, options);
  }

  /** One run with its manifest and contract. */
  get(runId: string, options?: CallOptions): Promise<AnswerOf<"run_get">> {
    return get(this.#transport, "run_get", { run_id: runId }, undefined, options);
  }

  /** A run's events in file order. */
  events(
    runId: string,
    query?: Omit<ListQuery<"run_events">, "tail">,
    options?: CallOptions,
  ): List<EntryOf<"run_events">> {
    return list(this.#transport, "run_events", { run_id: runId }, query, options);
  }

  /** The last events of a run, in file order. */
  lastEvents(runId: string, limit = 50, options?: CallOptions): Promise<EntryOf<"run_events">[]> {
    const query = { tail: true, limit };
    const last: Promise<unknown> = get(this.#transport, "run_events", { run_id: runId }, query, options);
    return last as Promise<EntryOf<"run_events">[]>;
  }

  /** The last events of all runs together. */
  recentEvents(query?: ListQuery<"events_list">, options?: CallOptions): Promise<AnswerOf<"events_list">> {
    return get(this.#transport, "events_list", {}, query, options);
  }

  /**
   * A run's events as they are written, from the last `limit` on (200 unless said) or after `since`; with `tail: false` from
   * the first on.
   */
  watch(
    runId: string,
    options: StreamOptions & { since?: string; limit?: number; tail?: boolean } = {},
  ): AsyncGenerator<RunStreamEvent, void, undefined> {
    const { since, limit, tail } = options;
    return watch<RunStreamEvent>(this.#transport, {
      call: {
        operation: "run_events_stream",
        path: READS.run_events_stream,
        params: { run_id: runId },
        query: { since, limit, tail },
      },
      options,
    });
  }

  /** A run's reports, then those that its state implies. */
  reports(runId: string, query?: ListQuery<"run_reports">, options?: CallOptions): List<EntryOf<"run_reports">> {
    return list(this.#transport, "run_reports", { run_id: runId }, query, options);
  }

  /** What a run changed. */
  diff(runId: string, options?: CallOptions): Promise<AnswerOf<"run_diff">> {
    return get(this.#transport, "run_diff", { run_id: runId }, undefined, options);
  }

  /** A run's files, each with what its checksum says. */
  artifacts(
    runId: string,
    query?: ListQuery<"run_artifacts">,
    options?: CallOptions,
  ): Promise<AnswerOf<"run_artifacts">> {
    return get(this.#transport, "run_artifacts", { run_id: runId }, query, options);
  }

  /** One file of a run, whole or from `offset` on. */
  async artifact(
    runId: string,
    name: string,
    query?: ListQuery<"run_artifact">,
    options?: CallOptions,
  ): Promise<Artifact> {
    const answer = await this.#transport.bytes({
      operation: "run_artifact",
      method: "GET",
      path: READS.run_artifact,
      params: { run_id: runId, name },
      query: query as QueryValues | undefined,
      repeatable: "read",
      options,
    });
    const contentType = answer.headers.get("content-type") ?? "application/octet-stream";
    return { bytes: answer.data, contentType, headers: answer.headers };
  }

  /** What a run found when it searched. */
  search(runId: string, options?: CallOptions): Promise<AnswerOf<"run_search">> {
    return get(this.#transport, "run_search", { run_id: runId }, undefined, options);
  }

  /** The stored comparison of a run, or with `with` one made now with another run. */
  compare(
    runId: string,
    query?: ListQuery<"run_compare">,
    options?: CallOptions,
  ): Promise<AnswerOf<"run_compare">> {
    return get(this.#transport, "run_compare", { run_id: runId }, query, options);
  }

  /** What speaks for a run: its evidence and whether it holds. */
  proof(runId: string, options?: CallOptions): Promise<AnswerOf<"run_proof">> {
    return get(this.#transport, "run_proof", { run_id: runId }, undefined, options);
  }

  /** What went wrong in a run. */
  incident(runId: string, options?: CallOptions): Promise<AnswerOf<"run_incident">> {
    return get(this.#transport, "run_incident", { run_id: runId }, undefined, options);
  }
}

/** Workflow cases: runs that belong together. */
export class Workflows {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Workflow cases, the one with the newest run first. */
  list(query?: ListQuery<"workflows_list">, options?: CallOptions): List<EntryOf<"workflows_list">> {
    return list(this.#transport, "workflows_list", {}, query, options);
  }

  /** One workflow case with its runs and events. */
  get(workflowId: string, options?: CallOptions): Promise<AnswerOf<"workflow_get">> {
    return get(this.#transport, "workflow_get", { workflow_id: workflowId }, undefined, options);
  }
}

/** The queue, its items and their histories. What changes it stands in other entry points. */
export class Queue {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Queue items in the order in which they were queued; with `order: "newest"` the other way round. */
  list(query?: ListQuery<"queue_list">, options?: CallOptions): List<EntryOf<"queue_list">> {
    return list(this.#transport, "queue_list", {}, query, options);
  }

  /** One item. */
  get(queueId: string, options?: CallOptions): Promise<AnswerOf<"queue_get">> {
    return get(this.#transport, "queue_get", { queue_id: queueId }, undefined, options);
  }

  /** How many items there are, by where they stand. It costs the server the same however long the history is. */
  counts(options?: CallOptions): Promise<AnswerOf<"queue_counts">> {
    return get(this.#transport, "queue_counts", {}, undefined, options);
  }

  /** How much was queued, ended and lost within the last hour or day, step by step. */
  throughput(query?: ListQuery<"queue_throughput">, options?: CallOptions): Promise<AnswerOf<"queue_throughput">> {
    return get(this.#transport, "queue_throughput", {}, query, options);
  }

  /** What happened to one item: its lines of the ledger, in order. */
  history(queueId: string, options?: CallOptions): Promise<AnswerOf<"queue_history">> {
    return get(this.#transport, "queue_history", { queue_id: queueId }, undefined, options);
  }

  /** The proof that one line of an item is under a signed checkpoint; the line that queued it, unless `of` says otherwise. */
  receipt(
    queueId: string,
    query?: ListQuery<"queue_receipt">,
    options?: CallOptions,
  ): Promise<AnswerOf<"queue_receipt">> {
    return get(this.#transport, "queue_receipt", { queue_id: queueId }, query, options);
  }

  /** The queue's changes as they become durable: first where it stands, then one event a line. */
  watch(options: StreamOptions = {}): AsyncGenerator<QueueStreamEvent, void, undefined> {
    const call = { operation: "queue_stream", path: READS.queue_stream } as const;
    return watch<QueueStreamEvent>(this.#transport, { call, options });
  }
}

/** Workers that said lately that they are there. Unverified, and for people to look at. */
export class Workers {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Workers by name. Operators only. */
  list(query?: ListQuery<"workers_list">, options?: CallOptions): List<EntryOf<"workers_list">> {
    return list(this.#transport, "workers_list", {}, query, options);
  }
}

/** Requests that people decide. Deciding stands in the entry point `operator`. */
export class Approvals {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Requests, oldest first; an agent sees its own. */
  list(query?: ListQuery<"approvals_list">, options?: CallOptions): List<EntryOf<"approvals_list">> {
    return list(this.#transport, "approvals_list", {}, query, options);
  }

  /** One request with all that deciding it rests on. */
  get(approvalId: string, options?: CallOptions): Promise<AnswerOf<"approval_get">> {
    return get(this.#transport, "approval_get", { approval_id: approvalId }, undefined, options);
  }

  /** The proof that the last decision about a request is under a signed checkpoint. */
  receipt(approvalId: string, options?: CallOptions): Promise<AnswerOf<"approval_receipt">> {
    return get(this.#transport, "approval_receipt", { approval_id: approvalId }, undefined, options);
  }
}

/** What was refused, asked, approved and decided. */
export class Decisions {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Decisions, newest first. */
  list(query?: ListQuery<"decisions_list">, options?: CallOptions): List<EntryOf<"decisions_list">> {
    return list(this.#transport, "decisions_list", {}, query, options);
  }

  /** Decisions as they become durable: first where the record stands, then one event a line. Operators only. */
  watch(options: StreamOptions = {}): AsyncGenerator<DecisionStreamEvent, void, undefined> {
    const call = { operation: "decisions_stream", path: READS.decisions_stream } as const;
    return watch<DecisionStreamEvent>(this.#transport, { call, options });
  }
}

/** The ledger's lines and what is signed of them. */
export class Ledger {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** How many lines there are, what they come to, and the last checkpoint. */
  head(options?: CallOptions): Promise<AnswerOf<"ledger_get">> {
    return get(this.#transport, "ledger_get", {}, undefined, options);
  }

  /** The signed checkpoints of both files. */
  checkpoints(options?: CallOptions): Promise<AnswerOf<"checkpoints_list">> {
    return get(this.#transport, "checkpoints_list", {}, undefined, options);
  }

  /** One checkpoint, by how many lines it covers. */
  checkpoint(
    size: number,
    query?: ListQuery<"checkpoint_get">,
    options?: CallOptions,
  ): Promise<AnswerOf<"checkpoint_get">> {
    return get(this.#transport, "checkpoint_get", { size: String(size) }, query, options);
  }

  /** Lines, as facts and as they stand in the file: of the queue, or with `file: "decisions"` of refusals and decisions. */
  entries(query?: ListQuery<"ledger_entries">, options?: CallOptions): List<EntryOf<"ledger_entries">> {
    return list(this.#transport, "ledger_entries", {}, query, options);
  }
}

/** Whether agents may queue, and who says yes. */
export class Gate {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** How the gate, the policy, its floor and a freeze stand, since when and by whom. */
  get(options?: CallOptions): Promise<AnswerOf<"gate_get">> {
    return get(this.#transport, "gate_get", {}, undefined, options);
  }
}

/** How the server was configured. Operators only. */
export class Config {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Every setting with where it comes from; of secrets, whether they are set. */
  list(options?: CallOptions): Promise<AnswerOf<"config_get">> {
    return get(this.#transport, "config_get", {}, undefined, options);
  }

  /** What MCP clients are told to start the read-only server on the server's machine. */
  clients(options?: CallOptions): Promise<AnswerOf<"config_clients">> {
    return get(this.#transport, "config_clients", {}, undefined, options);
  }
}

/** Personal tokens, without anything that they could be used or recognised by. */
export class Tokens {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Tokens by id. Operators only. */
  list(query?: ListQuery<"tokens_list">, options?: CallOptions): List<EntryOf<"tokens_list">> {
    return list(this.#transport, "tokens_list", {}, query, options);
  }
}

/** Task contracts of runs. */
export class Contracts {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Contracts, that of the newest run first. */
  list(query?: ListQuery<"contracts_list">, options?: CallOptions): List<EntryOf<"contracts_list">> {
    return list(this.#transport, "contracts_list", {}, query, options);
  }
}

/** Runs that met the diff gate. */
export class DiffGate {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What the diff gate said, of the newest run first. */
  list(query?: ListQuery<"diff_gate_list">, options?: CallOptions): List<EntryOf<"diff_gate_list">> {
    return list(this.#transport, "diff_gate_list", {}, query, options);
  }
}

/** Review reports of runs. */
export class Reviews {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Reviews, of the newest run first. */
  list(query?: ListQuery<"reviews_list">, options?: CallOptions): List<EntryOf<"reviews_list">> {
    return list(this.#transport, "reviews_list", {}, query, options);
  }
}

/** Test reports of runs. */
export class Tests {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Test reports, of the newest run first. */
  list(query?: ListQuery<"tests_list">, options?: CallOptions): List<EntryOf<"tests_list">> {
    return list(this.#transport, "tests_list", {}, query, options);
  }
}
