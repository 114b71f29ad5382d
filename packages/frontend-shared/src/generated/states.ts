// Printed by the product. Change the code, then run `cargo xtask gen`.

import type { ErrorCode } from "@cortexpilot/frontend-api-contract";

/** Where a queue item stands. */
export type QueueStatus =
  | "PENDING"
  | "CLAIMED"
  | "LOST"
  | "DEAD_LETTER"
  | "SUCCESS"
  | "FAILURE"
  | "STOPPED"
  | "CANCELLED"
  | "EXPIRED";

/** Every {@link QueueStatus}, in the product's order. */
export const QUEUE_STATUSES: readonly QueueStatus[] = [
  "PENDING",
  "CLAIMED",
  "LOST",
  "DEAD_LETTER",
  "SUCCESS",
  "FAILURE",
  "STOPPED",
  "CANCELLED",
  "EXPIRED",
];

/** What that means for claiming it. */
export type QueueState =
  | "eligible"
  | "waiting"
  | "claimed"
  | "held"
  | "closed";

/** Every {@link QueueState}, in the product's order. */
export const QUEUE_STATES: readonly QueueState[] = [
  "eligible",
  "waiting",
  "claimed",
  "held",
  "closed",
];

/** How an item stands against its schedule and deadline. */
export type SlaState =
  | "on_track"
  | "scheduled"
  | "at_risk"
  | "breached"
  | "in_progress"
  | "completed"
  | "ended";

/** Every {@link SlaState}, in the product's order. */
export const SLA_STATES: readonly SlaState[] = [
  "on_track",
  "scheduled",
  "at_risk",
  "breached",
  "in_progress",
  "completed",
  "ended",
];

/** How a run ended. */
export type OutcomeType =
  | "success"
  | "gate"
  | "manual"
  | "env"
  | "product"
  | "failure"
  | "in_progress"
  | "unknown";

/** Every {@link OutcomeType}, in the product's order. */
export const OUTCOME_TYPES: readonly OutcomeType[] = [
  "success",
  "gate",
  "manual",
  "env",
  "product",
  "failure",
  "in_progress",
  "unknown",
];

/** Where a request for approval stands. */
export type ApprovalStatus =
  | "PENDING"
  | "APPROVED"
  | "REJECTED"
  | "EXPIRED"
  | "STALE";

/** Every {@link ApprovalStatus}, in the product's order. */
export const APPROVAL_STATUSES: readonly ApprovalStatus[] = [
  "PENDING",
  "APPROVED",
  "REJECTED",
  "EXPIRED",
  "STALE",
];

/** Who says yes to an apply. */
export type ApprovalPolicy =
  | "declared"
  | "operator"
  | "two-person";

/** Every {@link ApprovalPolicy}, in the product's order. */
export const APPROVAL_POLICIES: readonly ApprovalPolicy[] = [
  "declared",
  "operator",
  "two-person",
];

/** What kind of caller a principal is. */
export type PrincipalKind =
  | "operator"
  | "agent"
  | "worker"
  | "anonymous";

/** Every {@link PrincipalKind}, in the product's order. */
export const PRINCIPAL_KINDS: readonly PrincipalKind[] = [
  "operator",
  "agent",
  "worker",
  "anonymous",
];

/** How a personal token stands. */
export type TokenState =
  | "live"
  | "expired"
  | "revoked";

/** Every {@link TokenState}, in the product's order. */
export const TOKEN_STATES: readonly TokenState[] = [
  "live",
  "expired",
  "revoked",
];

/** What whoever says yes should know. */
export type WarningCode =
  | "ITEMS_DEEP"
  | "NO_HUMAN_APPROVAL"
  | "CONTRACT_UNVERIFIED"
  | "RUN_STILL_RUNNING"
  | "RUN_FAILED"
  | "DEADLINE_PASSED"
  | "PREVIEW_NOT_SEALED";

/** Every {@link WarningCode}, in the product's order. */
export const WARNING_CODES: readonly WarningCode[] = [
  "ITEMS_DEEP",
  "NO_HUMAN_APPROVAL",
  "CONTRACT_UNVERIFIED",
  "RUN_STILL_RUNNING",
  "RUN_FAILED",
  "DEADLINE_PASSED",
  "PREVIEW_NOT_SEALED",
];

/** A check between a preview and the queue. */
export type GateName =
  | "authenticated"
  | "mutation_gate"
  | "confirm"
  | "role"
  | "metadata"
  | "run"
  | "preview"
  | "limits"
  | "approval_policy";

/** Every {@link GateName}, in the product's order. */
export const GATE_NAMES: readonly GateName[] = [
  "authenticated",
  "mutation_gate",
  "confirm",
  "role",
  "metadata",
  "run",
  "preview",
  "limits",
  "approval_policy",
];

/** What a check asks. */
export interface GateRow {
  /** Its place in the order in which checks are judged, from 1. */
  number: number;
  /** When it is open, in a person's words. */
  openWhen: string;
  /** Who can open it. */
  openedBy: string;
  /** Its input comes only with the apply: a preview cannot say. */
  applyOnly: boolean;
  /** What it refuses with. */
  codes: readonly ErrorCode[];
}

/** The checks. */
export const GATES: Readonly<Record<GateName, GateRow>> = {
  authenticated: {
    number: 1,
    openWhen: "the transport gave a principal",
    openedBy: "you: sign in",
    applyOnly: false,
    codes: ["UNAUTHENTICATED"],
  },
  mutation_gate: {
    number: 2,
    openWhen: "queueing is switched on in this process's trusted environment, and no operator has frozen it",
    openedBy: "an operator, where this process is started",
    applyOnly: false,
    codes: ["MUTATION_GATE_CLOSED","FROZEN"],
  },
  confirm: {
    number: 3,
    openWhen: "`confirm` is the JSON value `true`",
    openedBy: "you: confirm",
    applyOnly: true,
    codes: ["CONFIRM_REQUIRED"],
  },
  role: {
    number: 4,
    openWhen: "the principal holds an allowed role, and the stated role is one it holds",
    openedBy: "you, or an operator who gives the role",
    applyOnly: false,
    codes: ["ROLE_REQUIRED","ROLE_FORBIDDEN","ROLE_MISMATCH"],
  },
  metadata: {
    number: 5,
    openWhen: "`requested_by` and `approval_reason` are plain, bounded texts",
    openedBy: "you: say who asks and why",
    applyOnly: true,
    codes: ["METADATA_REQUIRED","METADATA_REJECTED"],
  },
  run: {
    number: 6,
    openWhen: "the run can be read now, its task contract is unaltered, and it waits for no approval of its own",
    openedBy: "an operator, by mending the run",
    applyOnly: false,
    codes: ["RUN_ID_INVALID","RUN_NOT_FOUND","RUN_UNREADABLE","CONTRACT_ALTERED","RUN_AWAITING_APPROVAL"],
  },
  preview: {
    number: 7,
    openWhen: "this principal previewed exactly this, nothing it rests on has changed, and no equal item waits",
    openedBy: "you: preview again",
    applyOnly: true,
    codes: ["PREVIEW_REQUIRED","PREVIEW_EXPIRED","PREVIEW_STALE","ALREADY_PENDING"],
  },
  limits: {
    number: 8,
    openWhen: "no limit of this principal is reached, and the run is not too many items deep",
    openedBy: "time, or an operator, who is not limited; nobody where the run is too deep",
    applyOnly: false,
    codes: ["LINEAGE_LIMIT","PENDING_LIMIT","RATE_LIMITED"],
  },
  approval_policy: {
    number: 9,
    openWhen: "nobody is asked (policy `declared`), or whoever is has said yes; until then the answer is PENDING_APPROVAL, no denial",
    openedBy: "whoever the approval policy asks: nobody, one operator, or two",
    applyOnly: false,
    codes: [],
  },
};
