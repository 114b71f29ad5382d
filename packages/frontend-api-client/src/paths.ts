/** Where each operation is. Written out here so that a client does not carry the whole table; a test compares both. */

import type { OperationId } from "@cortexpilot/frontend-api-contract";

/** What the client of this package reads. */
export const READS = {
  api_health: "/api/health",
  readyz: "/readyz",
  runs_list: "/api/runs",
  run_get: "/api/runs/{run_id}",
  run_events: "/api/runs/{run_id}/events",
  run_events_stream: "/api/runs/{run_id}/events/stream",
  events_list: "/api/events",
  run_reports: "/api/runs/{run_id}/reports",
  run_diff: "/api/runs/{run_id}/diff",
  run_artifacts: "/api/runs/{run_id}/artifacts",
  run_artifact: "/api/runs/{run_id}/artifacts/{name}",
  run_search: "/api/runs/{run_id}/search",
  run_compare: "/api/runs/{run_id}/compare",
  run_proof: "/api/runs/{run_id}/proof",
  run_incident: "/api/runs/{run_id}/incident",
  workflows_list: "/api/workflows",
  workflow_get: "/api/workflows/{workflow_id}",
  queue_list: "/api/queue",
  queue_counts: "/api/queue/counts",
  queue_throughput: "/api/queue/throughput",
  queue_get: "/api/queue/{queue_id}",
  queue_history: "/api/queue/{queue_id}/history",
  queue_receipt: "/api/queue/{queue_id}/receipt",
  queue_stream: "/api/queue/stream",
  queue_next: "/api/queue/next",
  queue_contract: "/api/queue/{queue_id}/contract",
  workers_list: "/api/workers",
  approvals_list: "/api/approvals",
  approval_get: "/api/approvals/{approval_id}",
  approval_receipt: "/api/approvals/{approval_id}/receipt",
  decisions_list: "/api/decisions",
  decisions_stream: "/api/decisions/stream",
  ledger_get: "/api/ledger",
  checkpoints_list: "/api/ledger/checkpoints",
  checkpoint_get: "/api/ledger/checkpoints/{size}",
  ledger_entries: "/api/ledger/entries",
  gate_get: "/api/gate",
  config_get: "/api/config",
  config_clients: "/api/config/clients",
  tokens_list: "/api/tokens",
  contracts_list: "/api/contracts",
  diff_gate_list: "/api/diff-gate",
  reviews_list: "/api/reviews",
  tests_list: "/api/tests",
} as const satisfies Partial<Record<OperationId, string>>;

/** What the helpers in the other entry points send. */
export const WRITES = {
  queue_preview: "/api/queue/from-run/{run_id}/preview",
  queue_enqueue: "/api/queue/from-run/{run_id}",
  queue_cancel: "/api/queue/{queue_id}/cancel",
  queue_claim: "/api/queue/claim",
  queue_heartbeat: "/api/queue/{queue_id}/heartbeat",
  queue_complete: "/api/queue/{queue_id}/complete",
  queue_release: "/api/queue/{queue_id}/release",
  queue_stop: "/api/queue/{queue_id}/stop",
  queue_revoke: "/api/queue/{queue_id}/revoke",
  queue_requeue: "/api/queue/{queue_id}/requeue",
  queue_fail: "/api/queue/{queue_id}/fail",
  worker_presence: "/api/workers/presence",
  approval_approve: "/api/approvals/{approval_id}/approve",
  approval_reject: "/api/approvals/{approval_id}/reject",
  gate_freeze: "/api/gate/freeze",
  gate_unfreeze: "/api/gate/unfreeze",
  gate_pause: "/api/gate/pause",
  gate_resume: "/api/gate/resume",
  token_revoke: "/api/tokens/{token_id}/revoke",
} as const satisfies Partial<Record<OperationId, string>>;

/** The id of a read. */
export type ReadId = keyof typeof READS;

/** The id of a write, or of the preview before one. */
export type WriteId = keyof typeof WRITES;
