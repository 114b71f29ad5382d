//! `cortexpilot gate`: the checks between a run and the queue, what operators have set for every process, and the switch that
//! stops everything.

use clap::{Args, Subcommand};

mod decide;
mod explain;
pub(super) mod status;

use super::Context;
use super::failure::Stopped;
use super::output::Answer;
use super::receipt::ReceiptTo;

/// Look at the checks between a run and the queue; set what holds for every process
#[derive(Debug, Subcommand)]
pub(crate) enum Gate {
    /// Show every check for one run: open or shut, why, and who can open it; changes nothing
    #[command(after_help = "\
Examples:
  cortexpilot gate explain run_20261122_083052_7d2ddd9c
  cortexpilot gate explain run_20261122_083052_7d2ddd9c --output json

The order is the order in which an apply is judged: the first check that is shut names the refusal.")]
    Explain {
        /// The run's id, as `runs list` prints it
        run: String,
    },
    /// Show what holds for every process, and which processes run; changes nothing
    #[command(after_help = "\
Examples:
  cortexpilot gate status
  cortexpilot gate status --output json

Which processes run is what they say of themselves while they hold a lock in the runtime root; nothing is decided by it.")]
    Status,
    /// Stop every queueing and every claim, in every process
    #[command(after_help = "\
Examples:
  cortexpilot gate freeze
  cortexpilot gate freeze --reason 'an agent queues nonsense, ticket 4711'

It holds in every running process from its next request on, and is itself a line of decisions.jsonl. Cancelling, \
completing and rejecting still work. A reason may be given later, or not at all: whoever must stop everything need not \
find words first.")]
    Freeze(Freeze),
    /// Let queueing and claiming go on
    #[command(after_help = "\
Example:
  cortexpilot gate unfreeze --reason 'the agent was revoked, ticket 4711'")]
    Unfreeze(Unfreeze),
    #[command(subcommand)]
    Policy(Policy),
}

/// What every process must ask at least, whatever it was started with
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Set how many people every process must ask at least
    #[command(after_help = "\
Examples:
  cortexpilot gate policy set operator --reason 'agents are let in today'
  cortexpilot gate policy set declared --reason 'the trial is over'

declared: the checks are the approval, nobody else is asked. operator: a person agrees. two-person: two people agree, \
neither of them the one who asked. Running processes follow a stricter policy from their next request on; one that is \
configured weaker does not start with queueing switched on. Lowering needs a reason, and from two-person it needs two \
operators with personal tokens: the first proposes, the second sets the same.")]
    Set(SetPolicy),
    /// Show the policy that every process must have at least, and this environment's own; changes nothing
    #[command(after_help = "Example:\n  cortexpilot gate policy show")]
    Show,
}

/// What is stated with every decision.
#[derive(Debug, Clone, Args)]
pub(crate) struct Freeze {
    /// Why; kept in the record for ever
    #[arg(long, value_name = "WHY")]
    pub(super) reason: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

/// What is stated with every decision that needs a reason.
#[derive(Debug, Clone, Args)]
pub(crate) struct Unfreeze {
    /// Why; kept in the record for ever
    #[arg(long, value_name = "WHY")]
    pub(super) reason: String,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

/// Which policy, and why.
#[derive(Debug, Clone, Args)]
pub(crate) struct SetPolicy {
    /// declared, operator or two-person
    #[arg(value_name = "POLICY")]
    pub(super) policy: String,
    /// Why; needed to lower it, kept in the record for ever
    #[arg(long, value_name = "WHY")]
    pub(super) reason: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

impl Gate {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        match self {
            Self::Explain { run } => explain::explain(context, &run).await,
            Self::Status => status::status(context).await,
            Self::Freeze(freeze) => freeze.run(context).await,
            Self::Unfreeze(unfreeze) => unfreeze.run(context).await,
            Self::Policy(Policy::Set(set)) => set.run(context).await,
            Self::Policy(Policy::Show) => status::policy(context).await,
        }
    }
}
