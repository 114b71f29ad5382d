//! One table of everything that can be answered instead of a yes: code, HTTP status, exit code, whether to try again, who
//! can act, what it means and the next step. HTTP, MCP and the command line render from it; `docs/reference/errors.md`
//! is generated from it, and every code has a page under `docs/errors/`.

use crate::domain::principal::{Caller, PrincipalKind, Surface};

/// Whether, and after what, the same request is worth sending again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Not by this caller: somebody else must act first.
    Never,
    /// After correcting the request.
    AfterFix,
    /// After a fresh preview.
    AfterPreview,
    /// After waiting; the same request is right.
    AfterWait,
}

impl Retry {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::AfterFix => "after_fix",
            Self::AfterPreview => "after_preview",
            Self::AfterWait => "after_wait",
        }
    }
}

/// Who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhoCanAct {
    /// The caller.
    You,
    /// Whoever operates this system.
    Operator,
}

impl WhoCanAct {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::Operator => "operator",
        }
    }
}

pub mod exit;

macro_rules! codes {
    ($($variant:ident $code:literal)*) => {
        /// A machine-readable code. Stable: clients decide by it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the table below gives each code its meaning, and the docs are generated from it")]
        pub enum ErrorCode { $($variant),* }

        impl ErrorCode {
            /// Every code, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }
    };
}

codes! {
    Unauthenticated "UNAUTHENTICATED"
    AuthMissingBearer "AUTH_MISSING_BEARER"
    AuthInvalidToken "AUTH_INVALID_TOKEN"
    MutationGateClosed "MUTATION_GATE_CLOSED"
    Frozen "FROZEN"
    ConfirmRequired "CONFIRM_REQUIRED"
    RoleRequired "ROLE_REQUIRED"
    RoleForbidden "ROLE_FORBIDDEN"
    RoleMismatch "ROLE_MISMATCH"
    MetadataRequired "METADATA_REQUIRED"
    MetadataRejected "METADATA_REJECTED"
    IdempotencyConflict "IDEMPOTENCY_CONFLICT"
    RunIdInvalid "RUN_ID_INVALID"
    RunNotFound "RUN_NOT_FOUND"
    RunUnreadable "RUN_UNREADABLE"
    ContractAltered "CONTRACT_ALTERED"
    RunAwaitingApproval "RUN_AWAITING_APPROVAL"
    PreviewRequired "PREVIEW_REQUIRED"
    PreviewExpired "PREVIEW_EXPIRED"
    PreviewStale "PREVIEW_STALE"
    AlreadyPending "ALREADY_PENDING"
    LineageLimit "LINEAGE_LIMIT"
    PendingLimit "PENDING_LIMIT"
    RateLimited "RATE_LIMITED"
    ScopeForbidden "SCOPE_FORBIDDEN"
    SelfApproval "SELF_APPROVAL"
    ApproverUnverified "APPROVER_UNVERIFIED"
    ApprovalNotFound "APPROVAL_NOT_FOUND"
    ApprovalExpired "APPROVAL_EXPIRED"
    ApprovalDecided "APPROVAL_DECIDED"
    PolicyBelowFloor "POLICY_BELOW_FLOOR"
    TokenNotFound "TOKEN_NOT_FOUND"
    TokenLimit "TOKEN_LIMIT"
    QueueItemNotFound "QUEUE_ITEM_NOT_FOUND"
    QueueItemNotCancellable "QUEUE_ITEM_NOT_CANCELLABLE"
    QueueItemNotClaimed "QUEUE_ITEM_NOT_CLAIMED"
    LeaseInvalid "LEASE_INVALID"
    QueueItemNotHeld "QUEUE_ITEM_NOT_HELD"
    QueueItemNotStoppable "QUEUE_ITEM_NOT_STOPPABLE"
    StopNotRequested "STOP_NOT_REQUESTED"
    ReceiptNotCovered "RECEIPT_NOT_COVERED"
    ReceiptNoKey "RECEIPT_NO_KEY"
    ReceiptNotFound "RECEIPT_NOT_FOUND"
    WorkflowNotFound "WORKFLOW_NOT_FOUND"
    ArtifactNotFound "ARTIFACT_NOT_FOUND"
    ArgumentsInvalid "ARGUMENTS_INVALID"
    RequestValidation "REQUEST_VALIDATION_ERROR"
    NotFound "NOT_FOUND"
    NotPartOfCortexpilot "NOT_PART_OF_CORTEXPILOT"
    MethodNotAllowed "METHOD_NOT_ALLOWED"
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE"
    BodyTooLarge "BODY_TOO_LARGE"
    RequestTimeout "REQUEST_TIMEOUT"
    HostNotAllowed "HOST_NOT_ALLOWED"
    OriginNotAllowed "ORIGIN_NOT_ALLOWED"
    LedgerCorrupt "LEDGER_CORRUPT"
    LedgerNewer "LEDGER_NEWER"
    StoreUnavailable "STORE_UNAVAILABLE"
    StoreFull "STORE_FULL"
    OutcomeUnknown "OUTCOME_UNKNOWN"
    Internal "INTERNAL"
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct ErrorRow {
    /// HTTP status.
    pub status: u16,
    /// Exit code of the command line.
    pub exit: u8,
    /// Whether to try again.
    pub retry: Retry,
    /// Who can act.
    pub who: WhoCanAct,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// The next step as a model may read it: it names a tool, a person or "stop", never a variable.
    pub agent_step: &'static str,
    /// The next step for an operator; it names no variable.
    pub operator_step: &'static str,
}

impl ErrorCode {
    /// The next step in words for whoever reads answers on this surface. A model is never told what opens a gate: it could
    /// edit the environment it is started with. HTTP answers name no variable either; they may be shown to anybody.
    pub fn next_step(self, surface: Surface) -> &'static str {
        let row = self.row();
        match surface {
            Surface::Mcp => row.agent_step,
            Surface::Http => row.operator_step,
            Surface::Cli => self.step_at_the_machine().unwrap_or(row.operator_step),
        }
    }

    /// The next step in words for this caller: an agent is told what a model may be told, whatever the surface.
    pub fn next_step_for(self, caller: &Caller) -> &'static str {
        match caller.principal.as_ref().map(|principal| principal.kind) {
            Some(PrincipalKind::Agent) => self.row().agent_step,
            Some(PrincipalKind::Operator | PrincipalKind::Worker | PrincipalKind::Anonymous) | None => {
                self.next_step(caller.surface)
            }
        }
    }

    /// For the operator at the machine itself, where it helps to name the variable.
    fn step_at_the_machine(self) -> Option<&'static str> {
        if self == Self::PolicyBelowFloor {
            return Some(
                "Start it with CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL set to the policy that `cortexpilot gate policy show` \
                 names, or to a stricter one.",
            );
        }
        (self == Self::MutationGateClosed).then_some(
            "Start this process with CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY=1 in a trusted environment \
             (docs/runbooks/queue-pilot.md), then preview again.",
        )
    }

    /// The code's row.
    pub fn row(self) -> ErrorRow {
        use Retry::{AfterFix, AfterPreview, AfterWait, Never};
        use WhoCanAct::{Operator, You};
        let row = |status, exit, retry, who, meaning, agent_step, operator_step| ErrorRow {
            status,
            exit,
            retry,
            who,
            meaning,
            agent_step,
            operator_step,
        };
        match self {
            Self::Unauthenticated => row(
                401,
                exit::DENIED,
                Never,
                Operator,
                "The transport established no principal.",
                "Stop and tell the person that this connection is not signed in.",
                "Send a token: `Authorization: Bearer …`.",
            ),
            Self::AuthMissingBearer => row(
                401,
                exit::DENIED,
                AfterFix,
                You,
                "No bearer token and no session cookie came with the request.",
                "Stop and tell the person that this connection is not signed in.",
                "Send the header `Authorization: Bearer TOKEN`; `cortexpilot up` prints where its token is kept.",
            ),
            Self::AuthInvalidToken => row(
                401,
                exit::DENIED,
                AfterFix,
                You,
                "The token is not one this server knows.",
                "Stop and tell the person that the token is not valid here.",
                "Check that the token belongs to this server, without quotes or line breaks.",
            ),
            Self::MutationGateClosed => row(
                403,
                exit::DENIED,
                Never,
                Operator,
                "Queueing is switched off in this process, which is the default.",
                "Tell the person that an operator must allow queueing for this server (operator runbook, section Enable). Then preview again.",
                "Start this process with queueing switched on, in a trusted environment (docs/runbooks/queue-pilot.md, section Enable), then preview again.",
            ),
            Self::Frozen => row(
                403,
                exit::DENIED,
                Never,
                Operator,
                "An operator has frozen queueing and claiming everywhere; cancelling still works.",
                "Stop and tell the person that an operator has frozen the queue. Preview again when they say it is open.",
                "`cortexpilot gate status` says who froze it and why; `cortexpilot gate unfreeze --reason WHY` lets it go on.",
            ),
            Self::ConfirmRequired => row(
                403,
                exit::DENIED,
                AfterFix,
                You,
                "The request did not say `confirm: true`.",
                "Show the person the preview; if they agree, call enqueue_from_run again with confirm true.",
                "Read the preview, then send `confirm: true` (command line: --confirm).",
            ),
            Self::RoleRequired => row(
                403,
                exit::DENIED,
                AfterFix,
                You,
                "No role was stated.",
                "Call again with actor_role set to one of acting_as.roles of preview_enqueue_from_run.",
                "State a role that you hold: body member `actor_role` or header `x-cortexpilot-role` (command line: --role).",
            ),
            Self::RoleForbidden => row(
                403,
                exit::DENIED,
                Never,
                Operator,
                "The stated role may not do this, or the principal holds no role that may.",
                "Stop and tell the person which role was refused. Do not try other roles.",
                "Use a role of the allow-list (`cortexpilot config show`) that the principal holds.",
            ),
            Self::RoleMismatch => row(
                403,
                exit::DENIED,
                AfterFix,
                You,
                "The stated role is allowed, but this principal does not hold it.",
                "State a role that acting_as of preview_enqueue_from_run lists, if the person agrees. Do not try other roles.",
                "State a role that the principal holds; body and header must agree.",
            ),
            Self::MetadataRequired => row(
                422,
                exit::DENIED,
                AfterFix,
                You,
                "`requested_by` or `approval_reason` is missing or blank.",
                "Ask the person for their name and reason, then call enqueue_from_run again.",
                "Say who asks and why: `requested_by` and `approval_reason`.",
            ),
            Self::MetadataRejected => row(
                422,
                exit::DENIED,
                AfterFix,
                You,
                "A text is too long, not NFC, or holds characters that hide or reorder what a reader sees.",
                "Send the person's words as plain text on one line, then call again.",
                "Send plain text on one line, at most 200 characters for a name and 2,000 for a reason.",
            ),
            Self::IdempotencyConflict => row(
                409,
                exit::CONFLICT,
                AfterFix,
                You,
                "The idempotency key was used before with other arguments.",
                "Call enqueue_from_run again with a new idempotency_key, or with the arguments that this key was used with.",
                "Use a new idempotency key, or repeat the earlier arguments.",
            ),
            Self::RunIdInvalid => row(
                400,
                exit::USAGE,
                AfterFix,
                You,
                "The text is not a run id.",
                "Use a run_id exactly as list_runs of the read-only server gives it.",
                "Use an id from `cortexpilot runs list`.",
            ),
            Self::RunNotFound => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "There is no run with this id.",
                "Use a run_id exactly as list_runs of the read-only server gives it.",
                "Look at `cortexpilot runs list`; it says which directory it looked in.",
            ),
            Self::RunUnreadable => row(
                409,
                exit::CONFLICT,
                Never,
                Operator,
                "The run cannot be read as what it must be, so nothing may rest on it.",
                "Stop and tell the person that this run's files cannot be read.",
                "`cortexpilot runs check DIR` names each problem with its repair.",
            ),
            Self::ContractAltered => row(
                409,
                exit::CONFLICT,
                Never,
                Operator,
                "The task contract is not the one the run's manifest vouches for.",
                "Stop and tell the person that the run's task contract was changed after the run.",
                "Compare contract.json with manifest.evidence_hashes; restore the contract or record a new run.",
            ),
            Self::RunAwaitingApproval => row(
                409,
                exit::CONFLICT,
                Never,
                Operator,
                "The run itself waits for a human approval.",
                "Stop and tell the person that this run waits for an approval of its own.",
                "Complete the run's own approval first; this queue never approves a run.",
            ),
            Self::PreviewRequired => row(
                409,
                exit::CONFLICT,
                AfterPreview,
                You,
                "This principal has not previewed this run here, or the preview token is not its own.",
                "Call preview_enqueue_from_run for this run, show the person the answer, and ask.",
                "Preview first (`cortexpilot queue preview RUN`) and pass its preview_token.",
            ),
            Self::PreviewExpired => row(
                409,
                exit::CONFLICT,
                AfterPreview,
                You,
                "The preview is older than its time limit.",
                "Call preview_enqueue_from_run once more, show the person the answer, and ask again.",
                "Preview again and apply within the time the preview names.",
            ),
            Self::PreviewStale => row(
                409,
                exit::CONFLICT,
                AfterPreview,
                You,
                "What was previewed is no longer what would be queued.",
                "Call preview_enqueue_from_run for this run once, show the person what changed, and ask again.",
                "Preview again and look at what changed.",
            ),
            Self::AlreadyPending => row(
                409,
                exit::CONFLICT,
                Never,
                You,
                "An equal item of this run waits in the queue already.",
                "Stop and tell the person that an equal item waits already; report its queue_id.",
                "Nothing to do, or pass `allow_duplicate: true` (command line: --allow-duplicate) for a second one.",
            ),
            Self::LineageLimit => row(
                429,
                exit::DENIED,
                Never,
                Operator,
                "The run came out of a queue item that is as deep as an item may be.",
                "Stop and tell the person that this run is the last of a long chain of reruns.",
                "Look at the chain of runs; to begin a new one, queue an earlier run of it.",
            ),
            Self::PendingLimit => row(
                429,
                exit::DENIED,
                AfterWait,
                You,
                "As many items of this principal are pending as may be.",
                "Stop and tell the person that your items wait already. After retry_after_s seconds, which the reason names, call preview_enqueue_from_run again.",
                "Wait until items are claimed, or cancel some; an operator's own principal is not limited.",
            ),
            Self::RateLimited => row(
                429,
                exit::DENIED,
                AfterWait,
                You,
                "This principal asked for too much in too short a time, or queued as many items within an hour as it may.",
                "Stop and tell the person. After retry_after_s seconds, which the reason names, call preview_enqueue_from_run again.",
                "Wait as many seconds as retry_after_s says, then ask once more. How much an operator may queue is not limited.",
            ),
            Self::ScopeForbidden => row(
                403,
                exit::DENIED,
                Never,
                Operator,
                "This kind of principal may not do this.",
                "Stop and tell the person that an operator must do this.",
                "Use an operator's principal (workers claim and complete; agents cancel only their own items).",
            ),
            Self::SelfApproval => row(
                403,
                exit::DENIED,
                Never,
                Operator,
                "Whoever asks, or answers for the agent that asks where two people must agree, does not approve.",
                "Stop and tell the person that somebody else must decide this.",
                "Ask another operator to decide it; you may reject it.",
            ),
            Self::ApproverUnverified => row(
                403,
                exit::DENIED,
                Never,
                Operator,
                "Where two people must agree, each must be known by a personal token.",
                "Stop and tell the person that an operator with a token of their own must decide this.",
                "Act with a personal token (`cortexpilot token create --kind operator --name NAME --role ROLE`).",
            ),
            Self::ApprovalNotFound => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "There is no approval request with this id.",
                "Stop and tell the person that there is no such request; preview_enqueue_from_run shows yours.",
                "Use an id from `cortexpilot approval list`.",
            ),
            Self::ApprovalExpired => row(
                409,
                exit::CONFLICT,
                AfterPreview,
                You,
                "Nobody decided the request in time.",
                "Call preview_enqueue_from_run for this run, show the person the answer, and ask again.",
                "Ask whoever wanted it to preview and ask again.",
            ),
            Self::ApprovalDecided => row(
                409,
                exit::CONFLICT,
                Never,
                You,
                "The request was decided before, or you have said yes to it already.",
                "Stop and tell the person how the request was decided; preview_enqueue_from_run shows it.",
                "Look at it: `cortexpilot approval show ID`.",
            ),
            Self::PolicyBelowFloor => row(
                409,
                exit::USAGE,
                Never,
                Operator,
                "This process asks fewer people than operators have set, so it does not start with queueing switched on.",
                "Stop and tell the person that this server's approval policy is weaker than operators allow.",
                "Start it with the policy that `cortexpilot gate policy show` names, or a stricter one.",
            ),
            Self::TokenNotFound => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "There is no valid token with this id.",
                "Stop and tell the person that there is no such token.",
                "Use an id from `cortexpilot token list`.",
            ),
            Self::TokenLimit => row(
                409,
                exit::CONFLICT,
                AfterFix,
                You,
                "The principal has a valid token already, or two where one takes the other's place.",
                "Stop and tell the person that the principal has its tokens.",
                "`cortexpilot token rotate ID` makes one that takes its place; `cortexpilot token revoke ID` ends one.",
            ),
            Self::QueueItemNotFound => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "There is no queue item with this id.",
                "Use a queue_id exactly as list_queue of the read-only server gives it.",
                "Use an id from `cortexpilot queue list`.",
            ),
            Self::QueueItemNotCancellable => row(
                409,
                exit::CONFLICT,
                Never,
                Operator,
                "Only a pending item can be cancelled: once claimed, cancelling is no longer a rollback.",
                "Stop and tell the person that the item is no longer pending.",
                "Look at the item (`cortexpilot queue show ID`); work that has started is not undone by this.",
            ),
            Self::QueueItemNotClaimed => row(
                409,
                exit::CONFLICT,
                Never,
                You,
                "Only a claimed item can be completed.",
                "Stop and tell the person that the item is not claimed.",
                "Look at the item: `cortexpilot queue show ID`.",
            ),
            Self::LeaseInvalid => row(
                409,
                exit::CONFLICT,
                Never,
                You,
                "The lease token is not the one of this item's current claim.",
                "Stop: another worker holds this item.",
                "Complete with the lease_token that the claim answered.",
            ),
            Self::QueueItemNotHeld => row(
                409,
                exit::CONFLICT,
                Never,
                You,
                "Only an item that is held (LOST, DEAD_LETTER) can be requeued or failed.",
                "Stop and tell the person that the item does not wait for an operator.",
                "Look at the item (`cortexpilot queue show ID`): nobody waits for you here.",
            ),
            Self::QueueItemNotStoppable => row(
                409,
                exit::CONFLICT,
                Never,
                You,
                "Only a claimed item can be asked to stop, or have its lease taken away.",
                "Stop and tell the person that no worker has the item.",
                "Look at the item (`cortexpilot queue show ID`); a pending one is cancelled, a held one requeued or failed.",
            ),
            Self::StopNotRequested => row(
                409,
                exit::CONFLICT,
                AfterFix,
                You,
                "A run can end as STOPPED only where an operator asked for it.",
                "Stop and tell the person that nobody asked for the run to end.",
                "Complete with SUCCESS or FAILURE; STOPPED answers a stop that a heartbeat has told you of.",
            ),
            Self::ReceiptNotCovered => row(
                409,
                exit::CONFLICT,
                AfterWait,
                You,
                "The line is newer than the last signed checkpoint, so it cannot be proven yet. It stands all the same.",
                "Call again later; what was done stands.",
                "Ask again after the next checkpoint; `cortexpilot audit checkpoint` signs one now.",
            ),
            Self::ReceiptNoKey => row(
                409,
                exit::CONFLICT,
                Never,
                Operator,
                "No key signs this ledger, so nothing in it has a receipt. What was done stands.",
                "Stop and tell the person that an operator must make the ledger's signing key before there are receipts.",
                "`cortexpilot audit init-key` makes the key, once; then ask again.",
            ),
            Self::ReceiptNotFound => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "There is no such line that could be proven.",
                "Call again for something that was done; look at the item first.",
                "Look at the item or request first: it has only the lines of what was done with it.",
            ),
            Self::WorkflowNotFound => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "There is no workflow case with this id.",
                "Use a workflow_id exactly as list_workflows gives it.",
                "Use an id from `GET /api/workflows`.",
            ),
            Self::ArtifactNotFound => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "The run has no such file that may be read.",
                "Send a name exactly as the run's list of artifacts gives it, its slashes percent-encoded.",
                "Use a name from `GET /api/runs/{run_id}/artifacts`, its slashes percent-encoded.",
            ),
            Self::ArgumentsInvalid => row(
                422,
                exit::USAGE,
                AfterFix,
                You,
                "An argument has the wrong type or form, or is unknown.",
                "Correct the argument that reason names and call the tool again.",
                "Correct the argument that the reason names.",
            ),
            Self::RequestValidation => row(
                422,
                exit::USAGE,
                AfterFix,
                You,
                "The request's body or query has the wrong form.",
                "Correct what reason names and send the request again.",
                "Correct what the reason names.",
            ),
            Self::NotFound => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "There is nothing at this path.",
                "Stop and tell the person that this path does not exist.",
                "See docs/reference/operations.md for the routes.",
            ),
            Self::NotPartOfCortexpilot => row(
                404,
                exit::NOT_FOUND,
                AfterFix,
                You,
                "The original had this route; it is not part of this system.",
                "Stop and tell the person that this cannot be done here.",
                "docs/compat.md lists the original's routes that are not part of this system, and what takes their place.",
            ),
            Self::MethodNotAllowed => row(
                405,
                exit::USAGE,
                AfterFix,
                You,
                "The path exists, but not for this method.",
                "Stop and tell the person that this method is not allowed here.",
                "Use a method that the `allow` header names.",
            ),
            Self::UnsupportedMediaType => row(
                415,
                exit::USAGE,
                AfterFix,
                You,
                "The body is not JSON, or not declared as JSON.",
                "Send the body as application/json.",
                "Send the header `content-type: application/json`.",
            ),
            Self::BodyTooLarge => row(
                413,
                exit::USAGE,
                AfterFix,
                You,
                "The body is larger than this server reads.",
                "Send a smaller request.",
                "Send at most 256 KiB.",
            ),
            Self::RequestTimeout => row(
                408,
                exit::STORE,
                AfterWait,
                You,
                "The request was not complete in time.",
                "Call the tool again.",
                "Send the request again; applies are safe to repeat with the same preview or idempotency key.",
            ),
            Self::HostNotAllowed => row(
                421,
                exit::USAGE,
                AfterFix,
                Operator,
                "The Host header names a host that this server does not serve.",
                "Stop and tell the person that this address is not one the server answers to.",
                "Use the address the server printed, or allow the host where the server is configured (docs/reference/environment.md).",
            ),
            Self::OriginNotAllowed => row(
                403,
                exit::DENIED,
                Never,
                Operator,
                "A page of another origin may not change anything here.",
                "Stop and tell the person that this origin is not allowed.",
                "If the origin is yours, allow it where the server is configured (docs/reference/environment.md).",
            ),
            Self::LedgerCorrupt => row(
                503,
                exit::STORE,
                Never,
                Operator,
                "A line of the ledger does not verify: reads go on, nothing is written.",
                "Stop and tell the person that the ledger is damaged and an operator must repair it.",
                "`cortexpilot audit verify` shows where; `cortexpilot audit repair` starts anew and keeps the damaged file.",
            ),
            Self::LedgerNewer => row(
                503,
                exit::STORE,
                Never,
                Operator,
                "The ledger holds events of a newer version: reads go on, nothing is written.",
                "Stop and tell the person that this server is older than its ledger.",
                "Run the version of cortexpilot that wrote the ledger, or a newer one.",
            ),
            Self::StoreUnavailable => row(
                503,
                exit::STORE,
                AfterWait,
                Operator,
                "The store cannot be reached or written; nothing was changed.",
                "Tell the person that the store cannot be written now; try again later.",
                "Look at the process's log for the cause (disk full, permissions), then try again.",
            ),
            Self::StoreFull => row(
                507,
                exit::STORE,
                AfterWait,
                Operator,
                "There is too little room where the ledger is: nothing is queued, claimed or asked; cancelling and completing go on. Nothing was changed.",
                "Stop and tell the person that the disk of the ledger is nearly full and an operator must make room. Then call again.",
                "Make room on the file system of the runtime root, then try again (docs/runbooks/disk.md).",
            ),
            Self::OutcomeUnknown => row(
                503,
                exit::STORE,
                AfterWait,
                Operator,
                "The store failed while writing: whether the change is durable is not known.",
                "Stop and tell the person. Later, call again with the same idempotency_key to learn the outcome.",
                "Restart the process (it settles the ledger's tail), then repeat with the same preview or idempotency key.",
            ),
            Self::Internal => row(
                500,
                exit::INTERNAL,
                AfterWait,
                Operator,
                "A fault of ours.",
                "Stop and tell the person that the server had an internal error.",
                "Report it with the request id and the process's log.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_step_names_a_tool_a_person_or_stop_and_no_variable() {
        for code in ErrorCode::ALL {
            let step = code.row().agent_step;
            let acts = [
                "preview_enqueue_from_run",
                "enqueue_from_run",
                "list_",
                "person",
                "Stop",
                "call",
                "Call",
                "Send",
                "send",
            ];
            assert!(acts.iter().any(|word| step.contains(word)), "{}: {step}", code.as_str());
            assert!(!step.contains("CORTEXPILOT_"), "{}: {step}", code.as_str());
        }
    }

    #[test]
    fn codes_are_distinct_and_upper_case() {
        let mut seen = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert(code.as_str()), "{}", code.as_str());
            assert!(code.as_str().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        }
    }
}
