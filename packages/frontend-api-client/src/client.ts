/** The client: everything the control plane can be asked. It has no method that changes anything. */

import type { AnswerOf } from "@cortexpilot/frontend-api-contract";

import {
  Approvals,
  Config,
  Contracts,
  Decisions,
  DiffGate,
  Gate,
  Ledger,
  Queue,
  Reviews,
  Runs,
  Tests,
  Tokens,
  Workers,
  Workflows,
  get,
} from "./resources.js";
import { type CallOptions, type ControlPlaneOptions, Transport } from "./transport.js";

/** The transport behind each client: for the helpers of the other entry points, and for nobody who holds a client. */
const TRANSPORTS = new WeakMap<ControlPlaneClient, Transport>();

/** The transport behind a client. */
export function transportOf(client: ControlPlaneClient): Transport {
  const transport = TRANSPORTS.get(client);
  if (transport === undefined) throw new TypeError("not a client that `createControlPlaneClient` of this package made");
  return transport;
}

/** Made by {@link createControlPlaneClient}. */
export class ControlPlaneClient {
  /** Runs and what they left behind. */
  readonly runs: Runs;
  /** Workflow cases. */
  readonly workflows: Workflows;
  /** The queue, its items and their histories. */
  readonly queue: Queue;
  /** Workers that said lately that they are there. */
  readonly workers: Workers;
  /** Requests that people decide. */
  readonly approvals: Approvals;
  /** What was refused, asked, approved and decided. */
  readonly decisions: Decisions;
  /** The ledger's lines and what is signed of them. */
  readonly ledger: Ledger;
  /** Whether agents may queue, and who says yes. */
  readonly gate: Gate;
  /** How the server was configured. */
  readonly config: Config;
  /** Personal tokens by id. */
  readonly tokens: Tokens;
  /** Task contracts of runs. */
  readonly contracts: Contracts;
  /** Runs that met the diff gate. */
  readonly diffGate: DiffGate;
  /** Review reports of runs. */
  readonly reviews: Reviews;
  /** Test reports of runs. */
  readonly tests: Tests;

  constructor(options: ControlPlaneOptions) {
    const transport = new Transport(options);
    TRANSPORTS.set(this, transport);
    this.runs = new Runs(transport);
    this.workflows = new Workflows(transport);
    this.queue = new Queue(transport);
    this.workers = new Workers(transport);
    this.approvals = new Approvals(transport);
    this.decisions = new Decisions(transport);
    this.ledger = new Ledger(transport);
    this.gate = new Gate(transport);
    this.config = new Config(transport);
    this.tokens = new Tokens(transport);
    this.contracts = new Contracts(transport);
    this.diffGate = new DiffGate(transport);
    this.reviews = new Reviews(transport);
    this.tests = new Tests(transport);
  }

  /** Whether the control plane answers. Needs no token. */
  health(options?: CallOptions): Promise<AnswerOf<"api_health">> {
    return get(transportOf(this), "api_health", {}, undefined, options);
  }

  /** Whether the ledger can be written; rejects with the code of what stands in the way. Needs no token. */
  ready(options?: CallOptions): Promise<AnswerOf<"readyz">> {
    return get(transportOf(this), "readyz", {}, undefined, options);
  }
}

/**
 * Makes a client.
 *
 * Nothing is sent until a method is called. Every method of it reads; what changes something stands in the entry points
 * `queue-operator`, `operator` and `worker`.
 */
export function createControlPlaneClient(options: ControlPlaneOptions): ControlPlaneClient {
  return new ControlPlaneClient(options);
}
