/** A thin client for CortexPilot's HTTP control plane. */

export { ControlPlaneClient, createControlPlaneClient } from "./client.js";
export {
  type ClientCode,
  type FailureKind,
  type Refusal,
  ControlPlaneError,
  isControlPlaneError,
} from "./errors.js";
export { type ListProblem, type Page, List } from "./paging.js";
export type {
  Approvals,
  Artifact,
  Config,
  Contracts,
  DecisionStreamEvent,
  Decisions,
  DecisionsHead,
  DiffGate,
  Gate,
  Ledger,
  ListQuery,
  Queue,
  QueueChange,
  QueueHead,
  QueueStreamEvent,
  Reviews,
  RunEvent,
  RunStreamEvent,
  Runs,
  StreamCaughtUp,
  Tests,
  Tokens,
  Workers,
  Workflows,
} from "./resources.js";
export type { RetryNotice, RetryOptions } from "./retry.js";
export type { StreamEvent, StreamOptions, StreamReset, StreamState } from "./stream.js";
export type { CallOptions, ControlPlaneOptions, Given, WriteOptions } from "./transport.js";
