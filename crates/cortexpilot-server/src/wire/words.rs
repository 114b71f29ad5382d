//! Texts that are one of a few words, as components of their own: clients get a type for each. In a view:
//! `#[schema(value_type = words::QueueState)]`. The words come from the domain where it keeps them as a table; else they stand
//! here, and the tests hold every answer against them.

use std::borrow::Cow;

use cortexpilot_core::domain::approval::{self, ApprovalStatus};
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::gate::GateId;
use cortexpilot_core::domain::lease::{HeldKind, Idle};
use cortexpilot_core::domain::listing;
use cortexpilot_core::domain::principal::{PrincipalKind, Surface};
use cortexpilot_core::error::ErrorCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// Why a claim finds nothing.
const IDLE: [Idle; 3] = [Idle::Empty, Idle::Paused, Idle::AtCapacity];

macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident = $words:expr;)+) => { $(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of(concat!($($doc),+).trim(), $words)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+ };
}

fn one_of(meaning: &str, words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).description(Some(meaning));
    object.enum_values(Some(words)).build().into()
}

impl ReceiptOf {
    /// The words.
    pub const WORDS: [&str; 8] =
        ["enqueued", "cancelled", "claimed", "completed", "stop_requested", "held", "requeued", "expired"];
}

words! {
    /// Why something was refused. Stable: clients decide by it. Each has a page under docs/errors.
    Code = ErrorCode::ALL.iter().map(|code| code.as_str());
    /// Whether, and after what, the same request is worth sending again.
    Retry = ["never", "after_fix", "after_preview", "after_wait"];
    /// Who can do something about it.
    WhoCanAct = ["you", "operator"];
    /// What a principal is.
    Kind = PrincipalKind::ALL.map(PrincipalKind::as_str);
    /// Through what something was asked.
    SurfaceName = Surface::ALL.map(Surface::as_str);
    /// Who says yes to an apply.
    Policy = ApprovalPolicy::ALL.map(ApprovalPolicy::as_str);
    /// Whether anything can be queued here: not in this process, yes, or stopped by operators.
    MutationGateState = ["default-off", "open", "frozen"];
    /// The same in a person's words.
    AgentsMayQueue = ["OFF", "after a person agrees", "ON, nobody is asked", "FROZEN"];
    /// A check between a preview and the queue, in the order of docs/reference/gates.md.
    GateName = GateId::ALL.map(|gate| gate.row().name);
    /// How an item stands against its schedule and deadline.
    SlaState = ["in_progress", "completed", "ended", "scheduled", "breached", "at_risk", "on_track"];
    /// Where an item stands in the queue.
    QueueState = listing::QueueState::ALL.map(listing::QueueState::as_str);
    /// Why an item cannot be claimed yet; empty where nothing stands in the way.
    WaitingReason = ["scheduled_for_future", "backing_off", ""];
    /// Why an item is held for an operator.
    HeldHow = HeldKind::ALL.map(HeldKind::as_str);
    /// Why a claim found nothing.
    IdleReason = IDLE.map(Idle::as_str);
    /// Why nothing may be claimed now: as a claim says, or that operators have frozen the system.
    NothingNext = IDLE.map(Idle::as_str).into_iter().chain(["frozen"]);
    /// Which line of an item a receipt is of.
    ReceiptOf = ReceiptOf::WORDS;
    /// How a request stands that people decide.
    ApprovalState = ApprovalStatus::ALL.map(ApprovalStatus::as_str);
    /// The same where the run was looked at: `STALE` where what was asked has changed, so that nobody can approve it.
    ReviewState = ApprovalStatus::ALL.map(ApprovalStatus::as_str).into_iter().chain(["STALE"]);
    /// How a request ended that was not queued.
    EndedHow = ["rejected", "expired"];
    /// What a client's own dialog was answered.
    ElicitedAnswer = approval::ElicitedAnswer::ALL.map(approval::ElicitedAnswer::as_str);
    /// Whether a run's manifest vouches for its task contract.
    ContractEvidenceState = ["verified", "absent", "altered"];
    /// Whether a personal token can be used.
    TokenState = ["live", "expired", "revoked"];
}
