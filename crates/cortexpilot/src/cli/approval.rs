//! `cortexpilot approval`: requests that people decide. What decides whether somebody may is the same function as over HTTP;
//! what is typed at a prompt is comfort, not proof.

use clap::{Args, Subcommand};

mod decide;
mod list;
mod show;
mod watch;

use super::Context;
use super::failure::Stopped;
use super::output::Answer;
use super::receipt::ReceiptTo;

/// Look at requests that people decide, and decide them
#[derive(Debug, Subcommand)]
pub(crate) enum Approval {
    List(List),
    Show(Show),
    Watch(Watch),
    Approve(Approve),
    Reject(Reject),
}

/// List requests in the order in which they were made
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot approval list
  cortexpilot approval list --status PENDING
  cortexpilot approval list --output json --limit 500")]
pub(crate) struct List {
    /// Only requests of this status: PENDING, APPROVED, REJECTED, EXPIRED
    #[arg(long, value_name = "STATUS")]
    pub(super) status: Option<String>,
    /// At most so many (1 to 500)
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(super) limit: u16,
    /// Go on where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    pub(super) cursor: Option<String>,
}

/// Show one request as whoever decides it must see it; changes nothing
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cortexpilot approval show apr_0123456789abcdef0123456789abcdef

What would happen, what differs from the source run and who asks is computed here, from the run and the ledger as they are \
now. What the caller wrote stands apart, under a heading of its own.")]
pub(crate) struct Show {
    /// The request's id, as `approval list` prints it
    #[arg(value_name = "ID")]
    pub(super) id: String,
}

/// Follow requests: one line, and the terminal's bell, when one is made or decided
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot approval watch
  cortexpilot approval watch --output json      one JSON object a line

It looks once a second and begins with the requests that are open now. Ctrl-C ends it.")]
pub(crate) struct Watch {}

/// Say yes to a request; the last yes that is needed queues its item
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot approval approve apr_0123456789abcdef0123456789abcdef
      on a terminal: shows the request and wants the last six characters of its id typed
  cortexpilot approval approve apr_0123456789abcdef0123456789abcdef --reason 'looked at it' --yes
      in a script: asks nothing

Everything is judged again as it is now: a request whose run or contract has changed since cannot be approved. This \
process must have queueing switched on, and a policy at least as strict as operators have set.")]
pub(crate) struct Approve {
    /// The request's id, as `approval list` prints it
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Why; kept in the record for ever
    #[arg(long, value_name = "WHY")]
    pub(super) reason: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    /// Do it without asking; needed where nobody can be asked
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

/// Say no to a request; works also while everything is frozen
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cortexpilot approval reject apr_0123456789abcdef0123456789abcdef --reason 'the task is done already'")]
pub(crate) struct Reject {
    /// The request's id, as `approval list` prints it
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Why; kept in the record for ever, and shown to whoever asked
    #[arg(long, value_name = "WHY")]
    pub(super) reason: String,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

impl Approval {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        match self {
            Self::List(list) => list.run(context).await,
            Self::Show(show) => show.run(context).await,
            Self::Watch(watch) => watch.run(context).await,
            Self::Approve(approve) => approve.run(context).await,
            Self::Reject(reject) => reject.run(context).await,
        }
    }
}
