// Printed by the product. Change the code, then run `cargo xtask gen`.

/** The version of the product that this was printed by. */
export const PRODUCT_VERSION = "0.1.0";

/** Whether, and after what, the same request is worth sending again. */
export type Retry =
  | "never"
  | "after_fix"
  | "after_preview"
  | "after_wait";

/** Every {@link Retry}, in the product's order. */
export const RETRIES: readonly Retry[] = [
  "never",
  "after_fix",
  "after_preview",
  "after_wait",
];

/** Who can do something about a refusal. */
export type WhoCanAct =
  | "you"
  | "operator";

/** Every {@link WhoCanAct}, in the product's order. */
export const WHO_CAN_ACT: readonly WhoCanAct[] = [
  "you",
  "operator",
];

/** A code that a refusal carries. Codes are never renamed. */
export type ErrorCode =
  | "UNAUTHENTICATED"
  | "AUTH_MISSING_BEARER"
  | "AUTH_INVALID_TOKEN"
  | "MUTATION_GATE_CLOSED"
  | "FROZEN"
  | "CONFIRM_REQUIRED"
  | "ROLE_REQUIRED"
  | "ROLE_FORBIDDEN"
  | "ROLE_MISMATCH"
  | "METADATA_REQUIRED"
  | "METADATA_REJECTED"
  | "IDEMPOTENCY_CONFLICT"
  | "RUN_ID_INVALID"
  | "RUN_NOT_FOUND"
  | "RUN_UNREADABLE"
  | "CONTRACT_ALTERED"
  | "RUN_AWAITING_APPROVAL"
  | "PREVIEW_REQUIRED"
  | "PREVIEW_EXPIRED"
  | "PREVIEW_STALE"
  | "ALREADY_PENDING"
  | "LINEAGE_LIMIT"
  | "PENDING_LIMIT"
  | "RATE_LIMITED"
  | "SCOPE_FORBIDDEN"
  | "SELF_APPROVAL"
  | "APPROVER_UNVERIFIED"
  | "APPROVAL_NOT_FOUND"
  | "APPROVAL_EXPIRED"
  | "APPROVAL_DECIDED"
  | "POLICY_BELOW_FLOOR"
  | "TOKEN_NOT_FOUND"
  | "TOKEN_LIMIT"
  | "QUEUE_ITEM_NOT_FOUND"
  | "QUEUE_ITEM_NOT_CANCELLABLE"
  | "QUEUE_ITEM_NOT_CLAIMED"
  | "LEASE_INVALID"
  | "QUEUE_ITEM_NOT_HELD"
  | "QUEUE_ITEM_NOT_STOPPABLE"
  | "STOP_NOT_REQUESTED"
  | "RECEIPT_NOT_COVERED"
  | "RECEIPT_NO_KEY"
  | "RECEIPT_NOT_FOUND"
  | "WORKFLOW_NOT_FOUND"
  | "ARTIFACT_NOT_FOUND"
  | "ARGUMENTS_INVALID"
  | "REQUEST_VALIDATION_ERROR"
  | "NOT_FOUND"
  | "NOT_PART_OF_CORTEXPILOT"
  | "METHOD_NOT_ALLOWED"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "BODY_TOO_LARGE"
  | "REQUEST_TIMEOUT"
  | "HOST_NOT_ALLOWED"
  | "ORIGIN_NOT_ALLOWED"
  | "LEDGER_CORRUPT"
  | "LEDGER_NEWER"
  | "STORE_UNAVAILABLE"
  | "STORE_FULL"
  | "OUTCOME_UNKNOWN"
  | "INTERNAL";

/** Every {@link ErrorCode}, in the product's order. */
export const ERROR_CODES: readonly ErrorCode[] = [
  "UNAUTHENTICATED",
  "AUTH_MISSING_BEARER",
  "AUTH_INVALID_TOKEN",
  "MUTATION_GATE_CLOSED",
  "FROZEN",
  "CONFIRM_REQUIRED",
  "ROLE_REQUIRED",
  "ROLE_FORBIDDEN",
  "ROLE_MISMATCH",
  "METADATA_REQUIRED",
  "METADATA_REJECTED",
  "IDEMPOTENCY_CONFLICT",
  "RUN_ID_INVALID",
  "RUN_NOT_FOUND",
  "RUN_UNREADABLE",
  "CONTRACT_ALTERED",
  "RUN_AWAITING_APPROVAL",
  "PREVIEW_REQUIRED",
  "PREVIEW_EXPIRED",
  "PREVIEW_STALE",
  "ALREADY_PENDING",
  "LINEAGE_LIMIT",
  "PENDING_LIMIT",
  "RATE_LIMITED",
  "SCOPE_FORBIDDEN",
  "SELF_APPROVAL",
  "APPROVER_UNVERIFIED",
  "APPROVAL_NOT_FOUND",
  "APPROVAL_EXPIRED",
  "APPROVAL_DECIDED",
  "POLICY_BELOW_FLOOR",
  "TOKEN_NOT_FOUND",
  "TOKEN_LIMIT",
  "QUEUE_ITEM_NOT_FOUND",
  "QUEUE_ITEM_NOT_CANCELLABLE",
  "QUEUE_ITEM_NOT_CLAIMED",
  "LEASE_INVALID",
  "QUEUE_ITEM_NOT_HELD",
  "QUEUE_ITEM_NOT_STOPPABLE",
  "STOP_NOT_REQUESTED",
  "RECEIPT_NOT_COVERED",
  "RECEIPT_NO_KEY",
  "RECEIPT_NOT_FOUND",
  "WORKFLOW_NOT_FOUND",
  "ARTIFACT_NOT_FOUND",
  "ARGUMENTS_INVALID",
  "REQUEST_VALIDATION_ERROR",
  "NOT_FOUND",
  "NOT_PART_OF_CORTEXPILOT",
  "METHOD_NOT_ALLOWED",
  "UNSUPPORTED_MEDIA_TYPE",
  "BODY_TOO_LARGE",
  "REQUEST_TIMEOUT",
  "HOST_NOT_ALLOWED",
  "ORIGIN_NOT_ALLOWED",
  "LEDGER_CORRUPT",
  "LEDGER_NEWER",
  "STORE_UNAVAILABLE",
  "STORE_FULL",
  "OUTCOME_UNKNOWN",
  "INTERNAL",
];

/** What a code means, whatever request it answers. */
export interface ErrorRow {
  /** HTTP status. */
  status: number;
  retry: Retry;
  whoCanAct: WhoCanAct;
  /** In a sentence. */
  meaning: string;
  /** What an operator does now. */
  nextStep: string;
}

/** The table of codes. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = {
  UNAUTHENTICATED: {
    status: 401,
    retry: "never",
    whoCanAct: "operator",
    meaning: "The transport established no principal.",
    nextStep: "Send a token: `Authorization: Bearer …`.",
  },
  AUTH_MISSING_BEARER: {
    status: 401,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "No bearer token and no session cookie came with the request.",
    nextStep: "Send the header `Authorization: Bearer TOKEN`; `cortexpilot up` prints where its token is kept.",
  },
  AUTH_INVALID_TOKEN: {
    status: 401,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The token is not one this server knows.",
    nextStep: "Check that the token belongs to this server, without quotes or line breaks.",
  },
  MUTATION_GATE_CLOSED: {
    status: 403,
    retry: "never",
    whoCanAct: "operator",
    meaning: "Queueing is switched off in this process, which is the default.",
    nextStep: "Start this process with queueing switched on, in a trusted environment (docs/runbooks/queue-pilot.md, section Enable), then preview again.",
  },
  FROZEN: {
    status: 403,
    retry: "never",
    whoCanAct: "operator",
    meaning: "An operator has frozen queueing and claiming everywhere; cancelling still works.",
    nextStep: "`cortexpilot gate status` says who froze it and why; `cortexpilot gate unfreeze --reason WHY` lets it go on.",
  },
  CONFIRM_REQUIRED: {
    status: 403,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The request did not say `confirm: true`.",
    nextStep: "Read the preview, then send `confirm: true` (command line: --confirm).",
  },
  ROLE_REQUIRED: {
    status: 403,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "No role was stated.",
    nextStep: "State a role that you hold: body member `actor_role` or header `x-cortexpilot-role` (command line: --role).",
  },
  ROLE_FORBIDDEN: {
    status: 403,
    retry: "never",
    whoCanAct: "operator",
    meaning: "The stated role may not do this, or the principal holds no role that may.",
    nextStep: "Use a role of the allow-list (`cortexpilot config show`) that the principal holds.",
  },
  ROLE_MISMATCH: {
    status: 403,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The stated role is allowed, but this principal does not hold it.",
    nextStep: "State a role that the principal holds; body and header must agree.",
  },
  METADATA_REQUIRED: {
    status: 422,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "`requested_by` or `approval_reason` is missing or blank.",
    nextStep: "Say who asks and why: `requested_by` and `approval_reason`.",
  },
  METADATA_REJECTED: {
    status: 422,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "A text is too long, not NFC, or holds characters that hide or reorder what a reader sees.",
    nextStep: "Send plain text on one line, at most 200 characters for a name and 2,000 for a reason.",
  },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The idempotency key was used before with other arguments.",
    nextStep: "Use a new idempotency key, or repeat the earlier arguments.",
  },
  RUN_ID_INVALID: {
    status: 400,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The text is not a run id.",
    nextStep: "Use an id from `cortexpilot runs list`.",
  },
  RUN_NOT_FOUND: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "There is no run with this id.",
    nextStep: "Look at `cortexpilot runs list`; it says which directory it looked in.",
  },
  RUN_UNREADABLE: {
    status: 409,
    retry: "never",
    whoCanAct: "operator",
    meaning: "The run cannot be read as what it must be, so nothing may rest on it.",
    nextStep: "`cortexpilot runs check DIR` names each problem with its repair.",
  },
  CONTRACT_ALTERED: {
    status: 409,
    retry: "never",
    whoCanAct: "operator",
    meaning: "The task contract is not the one the run's manifest vouches for.",
    nextStep: "Compare contract.json with manifest.evidence_hashes; restore the contract or record a new run.",
  },
  RUN_AWAITING_APPROVAL: {
    status: 409,
    retry: "never",
    whoCanAct: "operator",
    meaning: "The run itself waits for a human approval.",
    nextStep: "Complete the run's own approval first; this queue never approves a run.",
  },
  PREVIEW_REQUIRED: {
    status: 409,
    retry: "after_preview",
    whoCanAct: "you",
    meaning: "This principal has not previewed this run here, or the preview token is not its own.",
    nextStep: "Preview first (`cortexpilot queue preview RUN`) and pass its preview_token.",
  },
  PREVIEW_EXPIRED: {
    status: 409,
    retry: "after_preview",
    whoCanAct: "you",
    meaning: "The preview is older than its time limit.",
    nextStep: "Preview again and apply within the time the preview names.",
  },
  PREVIEW_STALE: {
    status: 409,
    retry: "after_preview",
    whoCanAct: "you",
    meaning: "What was previewed is no longer what would be queued.",
    nextStep: "Preview again and look at what changed.",
  },
  ALREADY_PENDING: {
    status: 409,
    retry: "never",
    whoCanAct: "you",
    meaning: "An equal item of this run waits in the queue already.",
    nextStep: "Nothing to do, or pass `allow_duplicate: true` (command line: --allow-duplicate) for a second one.",
  },
  LINEAGE_LIMIT: {
    status: 429,
    retry: "never",
    whoCanAct: "operator",
    meaning: "The run came out of a queue item that is as deep as an item may be.",
    nextStep: "Look at the chain of runs; to begin a new one, queue an earlier run of it.",
  },
  PENDING_LIMIT: {
    status: 429,
    retry: "after_wait",
    whoCanAct: "you",
    meaning: "As many items of this principal are pending as may be.",
    nextStep: "Wait until items are claimed, or cancel some; an operator's own principal is not limited.",
  },
  RATE_LIMITED: {
    status: 429,
    retry: "after_wait",
    whoCanAct: "you",
    meaning: "This principal asked for too much in too short a time, or queued as many items within an hour as it may.",
    nextStep: "Wait as many seconds as retry_after_s says, then ask once more. How much an operator may queue is not limited.",
  },
  SCOPE_FORBIDDEN: {
    status: 403,
    retry: "never",
    whoCanAct: "operator",
    meaning: "This kind of principal may not do this.",
    nextStep: "Use an operator's principal (workers claim and complete; agents cancel only their own items).",
  },
  SELF_APPROVAL: {
    status: 403,
    retry: "never",
    whoCanAct: "operator",
    meaning: "Whoever asks, or answers for the agent that asks where two people must agree, does not approve.",
    nextStep: "Ask another operator to decide it; you may reject it.",
  },
  APPROVER_UNVERIFIED: {
    status: 403,
    retry: "never",
    whoCanAct: "operator",
    meaning: "Where two people must agree, each must be known by a personal token.",
    nextStep: "Act with a personal token (`cortexpilot token create --kind operator --name NAME --role ROLE`).",
  },
  APPROVAL_NOT_FOUND: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "There is no approval request with this id.",
    nextStep: "Use an id from `cortexpilot approval list`.",
  },
  APPROVAL_EXPIRED: {
    status: 409,
    retry: "after_preview",
    whoCanAct: "you",
    meaning: "Nobody decided the request in time.",
    nextStep: "Ask whoever wanted it to preview and ask again.",
  },
  APPROVAL_DECIDED: {
    status: 409,
    retry: "never",
    whoCanAct: "you",
    meaning: "The request was decided before, or you have said yes to it already.",
    nextStep: "Look at it: `cortexpilot approval show ID`.",
  },
  POLICY_BELOW_FLOOR: {
    status: 409,
    retry: "never",
    whoCanAct: "operator",
    meaning: "This process asks fewer people than operators have set, so it does not start with queueing switched on.",
    nextStep: "Start it with the policy that `cortexpilot gate policy show` names, or a stricter one.",
  },
  TOKEN_NOT_FOUND: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "There is no valid token with this id.",
    nextStep: "Use an id from `cortexpilot token list`.",
  },
  TOKEN_LIMIT: {
    status: 409,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The principal has a valid token already, or two where one takes the other's place.",
    nextStep: "`cortexpilot token rotate ID` makes one that takes its place; `cortexpilot token revoke ID` ends one.",
  },
  QUEUE_ITEM_NOT_FOUND: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "There is no queue item with this id.",
    nextStep: "Use an id from `cortexpilot queue list`.",
  },
  QUEUE_ITEM_NOT_CANCELLABLE: {
    status: 409,
    retry: "never",
    whoCanAct: "operator",
    meaning: "Only a pending item can be cancelled: once claimed, cancelling is no longer a rollback.",
    nextStep: "Look at the item (`cortexpilot queue show ID`); work that has started is not undone by this.",
  },
  QUEUE_ITEM_NOT_CLAIMED: {
    status: 409,
    retry: "never",
    whoCanAct: "you",
    meaning: "Only a claimed item can be completed.",
    nextStep: "Look at the item: `cortexpilot queue show ID`.",
  },
  LEASE_INVALID: {
    status: 409,
    retry: "never",
    whoCanAct: "you",
    meaning: "The lease token is not the one of this item's current claim.",
    nextStep: "Complete with the lease_token that the claim answered.",
  },
  QUEUE_ITEM_NOT_HELD: {
    status: 409,
    retry: "never",
    whoCanAct: "you",
    meaning: "Only an item that is held (LOST, DEAD_LETTER) can be requeued or failed.",
    nextStep: "Look at the item (`cortexpilot queue show ID`): nobody waits for you here.",
  },
  QUEUE_ITEM_NOT_STOPPABLE: {
    status: 409,
    retry: "never",
    whoCanAct: "you",
    meaning: "Only a claimed item can be asked to stop, or have its lease taken away.",
    nextStep: "Look at the item (`cortexpilot queue show ID`); a pending one is cancelled, a held one requeued or failed.",
  },
  STOP_NOT_REQUESTED: {
    status: 409,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "A run can end as STOPPED only where an operator asked for it.",
    nextStep: "Complete with SUCCESS or FAILURE; STOPPED answers a stop that a heartbeat has told you of.",
  },
  RECEIPT_NOT_COVERED: {
    status: 409,
    retry: "after_wait",
    whoCanAct: "you",
    meaning: "The line is newer than the last signed checkpoint, so it cannot be proven yet. It stands all the same.",
    nextStep: "Ask again after the next checkpoint; `cortexpilot audit checkpoint` signs one now.",
  },
  RECEIPT_NO_KEY: {
    status: 409,
    retry: "never",
    whoCanAct: "operator",
    meaning: "No key signs this ledger, so nothing in it has a receipt. What was done stands.",
    nextStep: "`cortexpilot audit init-key` makes the key, once; then ask again.",
  },
  RECEIPT_NOT_FOUND: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "There is no such line that could be proven.",
    nextStep: "Look at the item or request first: it has only the lines of what was done with it.",
  },
  WORKFLOW_NOT_FOUND: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "There is no workflow case with this id.",
    nextStep: "Use an id from `GET /api/workflows`.",
  },
  ARTIFACT_NOT_FOUND: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The run has no such file that may be read.",
    nextStep: "Use a name from `GET /api/runs/{run_id}/artifacts`, its slashes percent-encoded.",
  },
  ARGUMENTS_INVALID: {
    status: 422,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "An argument has the wrong type or form, or is unknown.",
    nextStep: "Correct the argument that the reason names.",
  },
  REQUEST_VALIDATION_ERROR: {
    status: 422,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The request's body or query has the wrong form.",
    nextStep: "Correct what the reason names.",
  },
  NOT_FOUND: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "There is nothing at this path.",
    nextStep: "See docs/reference/operations.md for the routes.",
  },
  NOT_PART_OF_CORTEXPILOT: {
    status: 404,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The original had this route; it is not part of this system.",
    nextStep: "docs/compat.md lists the original's routes that are not part of this system, and what takes their place.",
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The path exists, but not for this method.",
    nextStep: "Use a method that the `allow` header names.",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The body is not JSON, or not declared as JSON.",
    nextStep: "Send the header `content-type: application/json`.",
  },
  BODY_TOO_LARGE: {
    status: 413,
    retry: "after_fix",
    whoCanAct: "you",
    meaning: "The body is larger than this server reads.",
    nextStep: "Send at most 256 KiB.",
  },
  REQUEST_TIMEOUT: {
    status: 408,
    retry: "after_wait",
    whoCanAct: "you",
    meaning: "The request was not complete in time.",
    nextStep: "Send the request again; applies are safe to repeat with the same preview or idempotency key.",
  },
  HOST_NOT_ALLOWED: {
    status: 421,
    retry: "after_fix",
    whoCanAct: "operator",
    meaning: "The Host header names a host that this server does not serve.",
    nextStep: "Use the address the server printed, or allow the host where the server is configured (docs/reference/environment.md).",
  },
  ORIGIN_NOT_ALLOWED: {
    status: 403,
    retry: "never",
    whoCanAct: "operator",
    meaning: "A page of another origin may not change anything here.",
    nextStep: "If the origin is yours, allow it where the server is configured (docs/reference/environment.md).",
  },
  LEDGER_CORRUPT: {
    status: 503,
    retry: "never",
    whoCanAct: "operator",
    meaning: "A line of the ledger does not verify: reads go on, nothing is written.",
    nextStep: "`cortexpilot audit verify` shows where; `cortexpilot audit repair` starts anew and keeps the damaged file.",
  },
  LEDGER_NEWER: {
    status: 503,
    retry: "never",
    whoCanAct: "operator",
    meaning: "The ledger holds events of a newer version: reads go on, nothing is written.",
    nextStep: "Run the version of cortexpilot that wrote the ledger, or a newer one.",
  },
  STORE_UNAVAILABLE: {
    status: 503,
    retry: "after_wait",
    whoCanAct: "operator",
    meaning: "The store cannot be reached or written; nothing was changed.",
    nextStep: "Look at the process's log for the cause (disk full, permissions), then try again.",
  },
  STORE_FULL: {
    status: 507,
    retry: "after_wait",
    whoCanAct: "operator",
    meaning: "There is too little room where the ledger is: nothing is queued, claimed or asked; cancelling and completing go on. Nothing was changed.",
    nextStep: "Make room on the file system of the runtime root, then try again (docs/runbooks/disk.md).",
  },
  OUTCOME_UNKNOWN: {
    status: 503,
    retry: "after_wait",
    whoCanAct: "operator",
    meaning: "The store failed while writing: whether the change is durable is not known.",
    nextStep: "Restart the process (it settles the ledger's tail), then repeat with the same preview or idempotency key.",
  },
  INTERNAL: {
    status: 500,
    retry: "after_wait",
    whoCanAct: "operator",
    meaning: "A fault of ours.",
    nextStep: "Report it with the request id and the process's log.",
  },
};

/** An operation of the control plane, by its id. */
export type OperationId =
  | "queue_preview"
  | "queue_enqueue"
  | "queue_cancel"
  | "queue_list"
  | "queue_counts"
  | "queue_throughput"
  | "queue_get"
  | "queue_stream"
  | "queue_history"
  | "decisions_list"
  | "ledger_get"
  | "ledger_entries"
  | "checkpoints_list"
  | "checkpoint_get"
  | "decisions_stream"
  | "queue_next"
  | "queue_claim"
  | "queue_contract"
  | "queue_heartbeat"
  | "queue_complete"
  | "queue_release"
  | "queue_stop"
  | "queue_revoke"
  | "queue_requeue"
  | "queue_fail"
  | "workers_list"
  | "worker_presence"
  | "queue_receipt"
  | "approval_receipt"
  | "approvals_list"
  | "approval_get"
  | "approval_approve"
  | "approval_reject"
  | "gate_get"
  | "gate_freeze"
  | "gate_unfreeze"
  | "gate_pause"
  | "gate_resume"
  | "tokens_list"
  | "token_revoke"
  | "session_get"
  | "session_create"
  | "session_end"
  | "runs_list"
  | "run_get"
  | "run_events"
  | "run_reports"
  | "run_events_stream"
  | "run_diff"
  | "run_artifacts"
  | "run_artifact"
  | "run_search"
  | "run_compare"
  | "run_proof"
  | "run_incident"
  | "contracts_list"
  | "diff_gate_list"
  | "reviews_list"
  | "tests_list"
  | "events_list"
  | "workflows_list"
  | "workflow_get"
  | "config_get"
  | "config_clients"
  | "health"
  | "api_health"
  | "readyz"
  | "metrics"
  | "openapi"
  | "docs";

/** Every {@link OperationId}, in the product's order. */
export const OPERATION_IDS: readonly OperationId[] = [
  "queue_preview",
  "queue_enqueue",
  "queue_cancel",
  "queue_list",
  "queue_counts",
  "queue_throughput",
  "queue_get",
  "queue_stream",
  "queue_history",
  "decisions_list",
  "ledger_get",
  "ledger_entries",
  "checkpoints_list",
  "checkpoint_get",
  "decisions_stream",
  "queue_next",
  "queue_claim",
  "queue_contract",
  "queue_heartbeat",
  "queue_complete",
  "queue_release",
  "queue_stop",
  "queue_revoke",
  "queue_requeue",
  "queue_fail",
  "workers_list",
  "worker_presence",
  "queue_receipt",
  "approval_receipt",
  "approvals_list",
  "approval_get",
  "approval_approve",
  "approval_reject",
  "gate_get",
  "gate_freeze",
  "gate_unfreeze",
  "gate_pause",
  "gate_resume",
  "tokens_list",
  "token_revoke",
  "session_get",
  "session_create",
  "session_end",
  "runs_list",
  "run_get",
  "run_events",
  "run_reports",
  "run_events_stream",
  "run_diff",
  "run_artifacts",
  "run_artifact",
  "run_search",
  "run_compare",
  "run_proof",
  "run_incident",
  "contracts_list",
  "diff_gate_list",
  "reviews_list",
  "tests_list",
  "events_list",
  "workflows_list",
  "workflow_get",
  "config_get",
  "config_clients",
  "health",
  "api_health",
  "readyz",
  "metrics",
  "openapi",
  "docs",
];

/** What an operation is. */
export interface OperationRow {
  method: "GET" | "POST" | "DELETE";
  /** `{name}` stands for one percent-encoded segment. */
  path: string;
  /** `write`: it may change something. */
  effect: "read" | "write";
  /** `open`: without a token too. */
  access: "open" | "token";
  /** In a sentence. */
  summary: string;
  /** The codes that it can be refused with. */
  codes: readonly ErrorCode[];
}

/** The table of operations. */
export const OPERATIONS: Readonly<Record<OperationId, OperationRow>> = {
  queue_preview: {
    method: "POST",
    path: "/api/queue/from-run/{run_id}/preview",
    effect: "read",
    access: "token",
    summary: "Derives the one queue item of a run and says which gates are open. Changes nothing.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_enqueue: {
    method: "POST",
    path: "/api/queue/from-run/{run_id}",
    effect: "write",
    access: "token",
    summary: "Appends the item that was previewed, if every gate is open; where the policy says so, asks people first.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","MUTATION_GATE_CLOSED","FROZEN","CONFIRM_REQUIRED","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","IDEMPOTENCY_CONFLICT","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","CONTRACT_ALTERED","RUN_AWAITING_APPROVAL","PREVIEW_REQUIRED","PREVIEW_EXPIRED","PREVIEW_STALE","ALREADY_PENDING","LINEAGE_LIMIT","PENDING_LIMIT","RATE_LIMITED","APPROVER_UNVERIFIED","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_cancel: {
    method: "POST",
    path: "/api/queue/{queue_id}/cancel",
    effect: "write",
    access: "token",
    summary: "Rolls a pending item back. Works while queueing is off or frozen.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","QUEUE_ITEM_NOT_CANCELLABLE","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_list: {
    method: "GET",
    path: "/api/queue",
    effect: "read",
    access: "token",
    summary: "Lists queue items in enqueue order, or the newest first.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_counts: {
    method: "GET",
    path: "/api/queue/counts",
    effect: "read",
    access: "token",
    summary: "Counts queue items by where they stand now. It costs the same however long the history is.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_throughput: {
    method: "GET",
    path: "/api/queue/throughput",
    effect: "read",
    access: "token",
    summary: "Shows how much was queued, ended and lost lately, step by step. It costs the same however long the history is.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_get: {
    method: "GET",
    path: "/api/queue/{queue_id}",
    effect: "read",
    access: "token",
    summary: "Shows one queue item; of a claimed one, how far its worker says that it is.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","QUEUE_ITEM_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_stream: {
    method: "GET",
    path: "/api/queue/stream",
    effect: "read",
    access: "token",
    summary: "Follows the queue: one event for each ledger line about an item, with the item as it then stood.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","LEDGER_CORRUPT","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_history: {
    method: "GET",
    path: "/api/queue/{queue_id}/history",
    effect: "read",
    access: "token",
    summary: "Shows what became of an item, line by line, each with where its receipt is had.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","LEDGER_CORRUPT","STORE_UNAVAILABLE","INTERNAL"],
  },
  decisions_list: {
    method: "GET",
    path: "/api/decisions",
    effect: "read",
    access: "token",
    summary: "Lists refusals and what operators decided, newest first; an agent sees what it was refused itself.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","LEDGER_CORRUPT","STORE_UNAVAILABLE","INTERNAL"],
  },
  ledger_get: {
    method: "GET",
    path: "/api/ledger",
    effect: "read",
    access: "token",
    summary: "Shows how the ledger stands: both files' last lines, their last signed checkpoints, whether lines can be written.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","LEDGER_CORRUPT","STORE_UNAVAILABLE","INTERNAL"],
  },
  ledger_entries: {
    method: "GET",
    path: "/api/ledger/entries",
    effect: "read",
    access: "token",
    summary: "Lists the ledger's lines, as facts and as they stand, for whoever verifies a chain or keeps evidence. Operators only.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","LEDGER_CORRUPT","STORE_UNAVAILABLE","INTERNAL"],
  },
  checkpoints_list: {
    method: "GET",
    path: "/api/ledger/checkpoints",
    effect: "read",
    access: "token",
    summary: "Lists the signed checkpoints that are kept: the last of each file, with the note as it was signed.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  checkpoint_get: {
    method: "GET",
    path: "/api/ledger/checkpoints/{size}",
    effect: "read",
    access: "token",
    summary: "Shows the signed checkpoint that covers so many lines, if it is the last: earlier ones are not kept here.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","RECEIPT_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  decisions_stream: {
    method: "GET",
    path: "/api/decisions/stream",
    effect: "read",
    access: "token",
    summary: "Follows refusals and what operators decided: one event for each line of that record. Operators only.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","LEDGER_CORRUPT","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_next: {
    method: "GET",
    path: "/api/queue/next",
    effect: "read",
    access: "token",
    summary: "Shows what may be claimed now, in claim order, or why nothing may.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_claim: {
    method: "POST",
    path: "/api/queue/claim",
    effect: "write",
    access: "token",
    summary: "Takes the next eligible item for a worker, or the one that is named, with a lease token.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","FROZEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_contract: {
    method: "GET",
    path: "/api/queue/{queue_id}/contract",
    effect: "read",
    access: "token",
    summary: "Gives the pinned task contract of an item, byte for byte what was approved.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","ARTIFACT_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  queue_heartbeat: {
    method: "POST",
    path: "/api/queue/{queue_id}/heartbeat",
    effect: "write",
    access: "token",
    summary: "Says that the work on a claimed item goes on, and hears whether it is to stop; takes the claim's lease token.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","QUEUE_ITEM_NOT_CLAIMED","LEASE_INVALID","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_complete: {
    method: "POST",
    path: "/api/queue/{queue_id}/complete",
    effect: "write",
    access: "token",
    summary: "Finishes a claimed item as SUCCESS, FAILURE or, where an operator asked for its end, STOPPED; takes the lease token.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","QUEUE_ITEM_NOT_CLAIMED","LEASE_INVALID","STOP_NOT_REQUESTED","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_release: {
    method: "POST",
    path: "/api/queue/{queue_id}/release",
    effect: "write",
    access: "token",
    summary: "Hands a claimed item back; takes the lease token.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","QUEUE_ITEM_NOT_CLAIMED","LEASE_INVALID","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_stop: {
    method: "POST",
    path: "/api/queue/{queue_id}/stop",
    effect: "write",
    access: "token",
    summary: "Asks the worker of a claimed item to end its work, with a reason. Operators only; not a rollback.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","QUEUE_ITEM_NOT_STOPPABLE","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_revoke: {
    method: "POST",
    path: "/api/queue/{queue_id}/revoke",
    effect: "write",
    access: "token",
    summary: "Takes the lease of a claimed item away from its worker, with a reason; the item is held. Operators only; not a rollback.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","QUEUE_ITEM_NOT_STOPPABLE","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_requeue: {
    method: "POST",
    path: "/api/queue/{queue_id}/requeue",
    effect: "write",
    access: "token",
    summary: "Lets a held item wait for a worker again, with a reason. Operators only.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","QUEUE_ITEM_NOT_HELD","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_fail: {
    method: "POST",
    path: "/api/queue/{queue_id}/fail",
    effect: "write",
    access: "token",
    summary: "Closes a held item as FAILURE, with a reason. Operators only.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","QUEUE_ITEM_NOT_FOUND","QUEUE_ITEM_NOT_HELD","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  workers_list: {
    method: "GET",
    path: "/api/workers",
    effect: "read",
    access: "token",
    summary: "Lists workers that said in the last three minutes that they are there, by name. Operators only.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  worker_presence: {
    method: "POST",
    path: "/api/workers/presence",
    effect: "write",
    access: "token",
    summary: "Says that a worker is there, for people to see; about once a minute.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  queue_receipt: {
    method: "GET",
    path: "/api/queue/{queue_id}/receipt",
    effect: "read",
    access: "token",
    summary: "Proves that the line which queued the item is signed, or the last that did what `of` names.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","QUEUE_ITEM_NOT_FOUND","RECEIPT_NOT_COVERED","RECEIPT_NO_KEY","RECEIPT_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  approval_receipt: {
    method: "GET",
    path: "/api/approvals/{approval_id}/receipt",
    effect: "read",
    access: "token",
    summary: "Proves that the last decision about a request is signed; of an approved one, its item's line.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","APPROVAL_NOT_FOUND","RECEIPT_NOT_COVERED","RECEIPT_NO_KEY","RECEIPT_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  approvals_list: {
    method: "GET",
    path: "/api/approvals",
    effect: "read",
    access: "token",
    summary: "Lists requests that people decide, oldest first; an agent sees its own.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  approval_get: {
    method: "GET",
    path: "/api/approvals/{approval_id}",
    effect: "read",
    access: "token",
    summary: "Shows one request with all that deciding it rests on: effect, differences, who asks, what was stated.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","APPROVAL_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  approval_approve: {
    method: "POST",
    path: "/api/approvals/{approval_id}/approve",
    effect: "write",
    access: "token",
    summary: "Says yes to a request; the last yes that is needed queues its item. Operators only.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","MUTATION_GATE_CLOSED","FROZEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","IDEMPOTENCY_CONFLICT","RUN_NOT_FOUND","RUN_UNREADABLE","CONTRACT_ALTERED","RUN_AWAITING_APPROVAL","PREVIEW_STALE","ALREADY_PENDING","LINEAGE_LIMIT","PENDING_LIMIT","RATE_LIMITED","SCOPE_FORBIDDEN","SELF_APPROVAL","APPROVER_UNVERIFIED","APPROVAL_NOT_FOUND","APPROVAL_EXPIRED","APPROVAL_DECIDED","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  approval_reject: {
    method: "POST",
    path: "/api/approvals/{approval_id}/reject",
    effect: "write",
    access: "token",
    summary: "Says no to a request, with a reason. Operators only; works while queueing is off or frozen.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","APPROVER_UNVERIFIED","APPROVAL_NOT_FOUND","APPROVAL_EXPIRED","APPROVAL_DECIDED","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  gate_get: {
    method: "GET",
    path: "/api/gate",
    effect: "read",
    access: "token",
    summary: "Shows whether agents may queue here, since when and by whom, who says yes, the policy floor and a freeze.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  gate_freeze: {
    method: "POST",
    path: "/api/gate/freeze",
    effect: "write",
    access: "token",
    summary: "Stops applies, approvals and claims in every process; cancelling and completing go on. Operators only.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","APPROVER_UNVERIFIED","REQUEST_VALIDATION_ERROR","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  gate_unfreeze: {
    method: "POST",
    path: "/api/gate/unfreeze",
    effect: "write",
    access: "token",
    summary: "Ends a freeze, with a reason. Operators only.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","APPROVER_UNVERIFIED","REQUEST_VALIDATION_ERROR","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  gate_pause: {
    method: "POST",
    path: "/api/gate/pause",
    effect: "write",
    access: "token",
    summary: "Stops claims in every process, and nothing else: queueing goes on, and what is claimed is finished. Operators only.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","APPROVER_UNVERIFIED","REQUEST_VALIDATION_ERROR","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  gate_resume: {
    method: "POST",
    path: "/api/gate/resume",
    effect: "write",
    access: "token",
    summary: "Ends a pause: workers claim again. Operators only.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","APPROVER_UNVERIFIED","REQUEST_VALIDATION_ERROR","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  tokens_list: {
    method: "GET",
    path: "/api/tokens",
    effect: "read",
    access: "token",
    summary: "Lists personal tokens by id, without anything that they could be used or recognised by. Operators only.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  token_revoke: {
    method: "POST",
    path: "/api/tokens/{token_id}/revoke",
    effect: "write",
    access: "token",
    summary: "Takes a personal token back, in every process from its next request on. Operators only.",
    codes: ["UNAUTHENTICATED","AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH","METADATA_REQUIRED","METADATA_REJECTED","RATE_LIMITED","SCOPE_FORBIDDEN","APPROVER_UNVERIFIED","TOKEN_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  session_get: {
    method: "GET",
    path: "/api/session",
    effect: "read",
    access: "token",
    summary: "Says who asks: whom the session, the token, or the missing authentication stands for.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  session_create: {
    method: "POST",
    path: "/api/session",
    effect: "write",
    access: "open",
    summary: "Signs in: exchanges a token, or the secret of a one-time address, for a session, which the answer sets as a cookie.",
    codes: ["AUTH_INVALID_TOKEN","REQUEST_VALIDATION_ERROR","UNSUPPORTED_MEDIA_TYPE","BODY_TOO_LARGE","REQUEST_TIMEOUT","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","STORE_UNAVAILABLE","OUTCOME_UNKNOWN","INTERNAL"],
  },
  session_end: {
    method: "DELETE",
    path: "/api/session",
    effect: "write",
    access: "token",
    summary: "Signs out: ends this session, or with `everywhere` all sessions of whoever asks, and takes the cookie away.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","ORIGIN_NOT_ALLOWED","STORE_UNAVAILABLE","OUTCOME_UNKNOWN","INTERNAL"],
  },
  runs_list: {
    method: "GET",
    path: "/api/runs",
    effect: "read",
    access: "token",
    summary: "Lists runs, newest first.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_get: {
    method: "GET",
    path: "/api/runs/{run_id}",
    effect: "read",
    access: "token",
    summary: "Shows one run with its manifest and contract.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_events: {
    method: "GET",
    path: "/api/runs/{run_id}/events",
    effect: "read",
    access: "token",
    summary: "Lists a run's events in file order: after `since`, the first `limit`, or with `tail` the last.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_reports: {
    method: "GET",
    path: "/api/runs/{run_id}/reports",
    effect: "read",
    access: "token",
    summary: "Lists a run's reports, then those that its state implies.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_events_stream: {
    method: "GET",
    path: "/api/runs/{run_id}/events/stream",
    effect: "read",
    access: "token",
    summary: "Follows a run's events as they are appended, as server-sent events.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_diff: {
    method: "GET",
    path: "/api/runs/{run_id}/diff",
    effect: "read",
    access: "token",
    summary: "Shows what a run changed, as a diff.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_artifacts: {
    method: "GET",
    path: "/api/runs/{run_id}/artifacts",
    effect: "read",
    access: "token",
    summary: "Lists a run's files, each with whether it is the one that the manifest recorded.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_artifact: {
    method: "GET",
    path: "/api/runs/{run_id}/artifacts/{name}",
    effect: "read",
    access: "token",
    summary: "Gives the content of one of a run's files, to be stored and not to be shown.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","ARTIFACT_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_search: {
    method: "GET",
    path: "/api/runs/{run_id}/search",
    effect: "read",
    access: "token",
    summary: "Shows what a run searched for and found.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_compare: {
    method: "GET",
    path: "/api/runs/{run_id}/compare",
    effect: "read",
    access: "token",
    summary: "Shows a run's stored comparison, and compares it with another run where one is named.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_proof: {
    method: "GET",
    path: "/api/runs/{run_id}/proof",
    effect: "read",
    access: "token",
    summary: "Shows a run's proof pack, stored or derived, and whether its evidence is still what was recorded.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  run_incident: {
    method: "GET",
    path: "/api/runs/{run_id}/incident",
    effect: "read",
    access: "token",
    summary: "Shows a run's incident pack, stored or derived from why it failed or stands still.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","RATE_LIMITED","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  contracts_list: {
    method: "GET",
    path: "/api/contracts",
    effect: "read",
    access: "token",
    summary: "Lists the task contracts of runs, newest run first.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  diff_gate_list: {
    method: "GET",
    path: "/api/diff-gate",
    effect: "read",
    access: "token",
    summary: "Lists the runs that met the diff gate, newest run first.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  reviews_list: {
    method: "GET",
    path: "/api/reviews",
    effect: "read",
    access: "token",
    summary: "Lists the review reports of runs, newest run first.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  tests_list: {
    method: "GET",
    path: "/api/tests",
    effect: "read",
    access: "token",
    summary: "Lists the test reports of runs, newest run first.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  events_list: {
    method: "GET",
    path: "/api/events",
    effect: "read",
    access: "token",
    summary: "Lists the newest events of all runs, newest first, each with its `_run_id`.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  workflows_list: {
    method: "GET",
    path: "/api/workflows",
    effect: "read",
    access: "token",
    summary: "Lists workflow cases, the one with the newest run first.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  workflow_get: {
    method: "GET",
    path: "/api/workflows/{workflow_id}",
    effect: "read",
    access: "token",
    summary: "Shows one workflow case with its runs and events.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","WORKFLOW_NOT_FOUND","REQUEST_VALIDATION_ERROR","NOT_FOUND","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  config_get: {
    method: "GET",
    path: "/api/config",
    effect: "read",
    access: "token",
    summary: "Shows every setting of this server with where it comes from; of secrets, whether they are set. Operators only.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  config_clients: {
    method: "GET",
    path: "/api/config/clients",
    effect: "read",
    access: "token",
    summary: "Shows what MCP clients are told to start the read-only server here, as `cortexpilot mcp install` does. Operators only.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","SCOPE_FORBIDDEN","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  health: {
    method: "GET",
    path: "/health",
    effect: "read",
    access: "open",
    summary: "Says that the process answers.",
    codes: ["REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  api_health: {
    method: "GET",
    path: "/api/health",
    effect: "read",
    access: "open",
    summary: "The same, at the path that existing clients use.",
    codes: ["REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  readyz: {
    method: "GET",
    path: "/readyz",
    effect: "read",
    access: "open",
    summary: "Says whether the ledger can be written: 200, or 503 with the code of what stands in the way.",
    codes: ["REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","LEDGER_CORRUPT","LEDGER_NEWER","STORE_UNAVAILABLE","STORE_FULL","OUTCOME_UNKNOWN","INTERNAL"],
  },
  metrics: {
    method: "GET",
    path: "/metrics",
    effect: "read",
    access: "token",
    summary: "Counts of answers since the process started, of what happened to items, and how the work stands, as Prometheus text.",
    codes: ["AUTH_MISSING_BEARER","AUTH_INVALID_TOKEN","RATE_LIMITED","REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  openapi: {
    method: "GET",
    path: "/api/openapi.json",
    effect: "read",
    access: "open",
    summary: "This document: every operation with its parameters, bodies, answers and codes.",
    codes: ["REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
  docs: {
    method: "GET",
    path: "/api/docs",
    effect: "read",
    access: "open",
    summary: "The same as a page for people. It loads nothing and runs no script.",
    codes: ["REQUEST_VALIDATION_ERROR","HOST_NOT_ALLOWED","STORE_UNAVAILABLE","INTERNAL"],
  },
};
