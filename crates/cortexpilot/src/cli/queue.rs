//! `cortexpilot queue`: the one queue. Every change goes through the same door as HTTP and MCP; this file holds the grammar.

use clap::{Args, Subcommand};

mod ask;
mod enqueue;
mod items;
mod operate;
pub(super) mod plan;
pub(super) mod preview;
mod work;

pub(super) use ask::typed;

use super::Context;
use super::failure::Stopped;
use super::output::Answer;
use super::receipt::ReceiptTo;

/// Preview, queue, cancel and look at queue items; see to those that are worked on
#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    Preview(Preview),
    Enqueue(Enqueue),
    Cancel(Cancel),
    List(List),
    Show(Show),
    Claim(Claim),
    Complete(Complete),
    Stop(Stop),
    Revoke(Revoke),
    Requeue(Requeue),
    Fail(Fail),
    Pause(Pause),
    Resume(Resume),
    Drain(Drain),
}

/// When and how urgently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct When {
    /// −100 to 100, higher first; other numbers are clamped
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i64>,
    /// Not to be claimed before: ISO 8601 with an offset or Z
    #[arg(long, value_name = "TIME")]
    pub(crate) scheduled_at: Option<String>,
    /// Should be finished by: ISO 8601 with an offset or Z
    #[arg(long, value_name = "TIME")]
    pub(crate) deadline_at: Option<String>,
}

/// Show the one item that would be made from a run, and which checks are open; changes nothing
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot queue preview run_20261122_083052_7d2ddd9c
  cortexpilot queue preview run_20261122_083052_7d2ddd9c --priority 5 --deadline-at 2030-01-31T18:00:00Z
  cortexpilot queue preview run_20261122_083052_7d2ddd9c -o plan.json

Without -o not one byte is written. With -o the preview is kept as a plan, which `queue enqueue --plan` applies as it \
was previewed, or not at all; the first plan also makes the key that binds it to you.")]
pub(crate) struct Preview {
    /// The run's id, as `runs list` prints it
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) when: When,
    /// Keep the preview as a plan in this file (mode 0600)
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) save_plan: Option<String>,
}

/// Queue what was previewed, if every check is open
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot queue enqueue run_20261122_083052_7d2ddd9c
      on a terminal: shows the effect, asks what is missing, and wants the task's id typed
  cortexpilot queue enqueue --plan plan.json --role OPS --requested-by Alice --reason 'flaky test' --confirm
      in a script: applies a kept preview, asks nothing

In a pipe nothing is ever asked: what is missing is refused, with exit code 3. Where people must agree the answer is \
PENDING_APPROVAL with the id of the request, and exit code 0: nothing is queued yet. Queueing is off unless an operator \
switched it on in this process's environment (docs/runbooks/queue-pilot.md).")]
pub(crate) struct Enqueue {
    /// The run's id; may be left out with --plan
    #[arg(required_unless_present = "plan")]
    pub(crate) run: Option<String>,
    /// The plan that `queue preview -o` kept; it holds run, times and priority
    #[arg(long, value_name = "FILE", conflicts_with_all = ["priority", "scheduled_at", "deadline_at", "preview_token"])]
    pub(crate) plan: Option<String>,
    #[command(flatten)]
    pub(crate) when: When,
    /// The role you act in; one that you hold
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// Who asks for it; kept in the ledger for ever
    #[arg(long, value_name = "NAME")]
    pub(crate) requested_by: Option<String>,
    /// Why; kept in the ledger for ever
    #[arg(long, value_name = "WHY")]
    pub(crate) reason: Option<String>,
    /// Say yes to the preview
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Where a person must agree and you are an operator: the run's id once more, which makes your request your own approval
    #[arg(long, value_name = "ID")]
    pub(crate) confirm_run_id: Option<String>,
    /// The preview_token of a preview that you were shown
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) preview_token: Option<String>,
    /// Any text that you repeat when you repeat this very request
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Queue it although an equal item waits already
    #[arg(long)]
    pub(crate) allow_duplicate: bool,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

/// Roll a pending item back; works also while queueing is off
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot queue cancel 0123456789abcdef0123456789abcdef --reason 'not needed any more'
  cortexpilot queue cancel 0123456789abcdef0123456789abcdef --receipt receipt.json

Only a pending item can be cancelled. Once a worker has claimed it, cancelling is no longer a rollback.")]
pub(crate) struct Cancel {
    /// The item's id, as `queue list` prints it
    pub(crate) queue_id: String,
    /// Why; kept in the ledger for ever
    #[arg(long, value_name = "WHY")]
    pub(crate) reason: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

/// List queue items in the order in which they were queued
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot queue list
  cortexpilot queue list --status PENDING --workflow wf-release
  cortexpilot queue list --output json --limit 500")]
pub(crate) struct List {
    /// Only items of this status: PENDING, CLAIMED, LOST, DEAD_LETTER, SUCCESS, FAILURE, STOPPED, CANCELLED, EXPIRED
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only items of this workflow case
    #[arg(long, value_name = "ID")]
    pub(crate) workflow: Option<String>,
    /// At most so many (1 to 500)
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
    /// Go on where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// Show one item: where it stands, who asked for it and why
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  cortexpilot queue show 0123456789abcdef0123456789abcdef")]
pub(crate) struct Show {
    /// The item's id, as `queue list` prints it
    pub(crate) queue_id: String,
}

/// Take the next eligible item, as a worker
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot queue claim --worker builder-1 --lease 30m
  cortexpilot queue claim --output json

The answer holds a lease token, which `queue complete` needs. An empty queue is no error: `ok` is false.")]
pub(crate) struct Claim {
    /// What the worker calls itself; your principal, if left out
    #[arg(long, value_name = "NAME")]
    pub(crate) worker: Option<String>,
    /// How long the item is yours: 1s to 24h
    #[arg(long, default_value = "15m", value_name = "DURATION")]
    pub(crate) lease: String,
    /// This item and no other, if it may be claimed now
    #[arg(long, value_name = "ID")]
    pub(crate) item: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

/// Finish a claimed item
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot queue complete 0123456789abcdef0123456789abcdef --lease-token TOKEN --status SUCCESS
  cortexpilot queue complete 0123456789abcdef0123456789abcdef --lease-token - --status FAILURE < token.txt")]
pub(crate) struct Complete {
    /// The item's id, as the claim answered it
    pub(crate) queue_id: String,
    /// The lease token that the claim answered; `-` reads it from standard input
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) lease_token: String,
    /// How it ended: SUCCESS, FAILURE, or STOPPED where an operator asked for that
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: String,
    /// Why it ended like this, in one sentence; kept in the ledger for ever
    #[arg(long, value_name = "WHY")]
    pub(crate) reason: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    #[command(flatten)]
    pub(super) receipt: ReceiptTo,
}

/// What every one of these states.
#[derive(Debug, Clone, Args)]
struct Said {
    /// Why; kept in the ledger for ever
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    #[command(flatten)]
    receipt: ReceiptTo,
}

/// Ask that the run of a claimed item end
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cortexpilot queue stop 0123456789abcdef0123456789abcdef --reason 'it works on the wrong branch'

The worker hears of it with its next heartbeat, ends the run and completes the item as STOPPED. It is no rollback: what the \
run did outside its workspace stays done. A reason is needed.")]
pub(crate) struct Stop {
    /// The item's id, as `queue list` prints it
    queue_id: String,
    #[command(flatten)]
    said: Said,
}

/// Take a claimed item away from its worker; it is held until it is settled
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cortexpilot queue revoke 0123456789abcdef0123456789abcdef --reason 'that machine is gone for good'

For a worker that does not answer and whose lease is long. Whatever it still sends is refused. The item is LOST: nobody \
knows what its run did, so `queue requeue` or `queue fail` decides. A reason is needed.")]
pub(crate) struct Revoke {
    /// The item's id, as `queue list` prints it
    queue_id: String,
    #[command(flatten)]
    said: Said,
}

/// Let a held item (LOST, DEAD_LETTER) be carried out once more
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot queue list --status LOST
  cortexpilot queue requeue 0123456789abcdef0123456789abcdef --reason 'looked: it had not pushed anything'

Look first at what its lost run did: it will be done again. A reason is needed.")]
pub(crate) struct Requeue {
    /// The item's id, as `queue list` prints it
    queue_id: String,
    #[command(flatten)]
    said: Said,
}

/// Close a held item (LOST, DEAD_LETTER) as a failure
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cortexpilot queue fail 0123456789abcdef0123456789abcdef --reason 'half of it was done by hand'

A reason is needed.")]
pub(crate) struct Fail {
    /// The item's id, as `queue list` prints it
    queue_id: String,
    #[command(flatten)]
    said: Said,
}

/// Let nobody claim; queueing goes on, and so does what is claimed
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cortexpilot queue pause --reason 'the build machine is updated'

It holds for every process that works on this queue. `gate freeze` also stops queueing.")]
pub(crate) struct Pause {
    #[command(flatten)]
    said: Said,
}

/// Let workers claim again after a pause
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  cortexpilot queue resume --reason 'the build machine is back'")]
pub(crate) struct Resume {
    #[command(flatten)]
    said: Said,
}

/// Pause, and wait until nothing is claimed
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot queue drain --reason 'the machine is restarted'
  cortexpilot queue drain --reason 'the machine is restarted' --timeout 10m

Exit codes: 0 nothing is claimed any more, 5 something still was when the time was over. The queue stays paused.")]
pub(crate) struct Drain {
    /// Why; kept in the record for ever
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Wait no longer than this: 1s to 24h
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
}

impl Queue {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        match self {
            Self::Preview(preview) => preview.run(context).await,
            Self::Enqueue(enqueue) => enqueue.run(context).await,
            Self::Cancel(cancel) => cancel.run(context).await,
            Self::List(list) => list.run(context).await,
            Self::Show(show) => show.run(context).await,
            Self::Claim(claim) => claim.run(context).await,
            Self::Complete(complete) => complete.run(context).await,
            Self::Stop(stop) => stop.run(context).await,
            Self::Revoke(revoke) => revoke.run(context).await,
            Self::Requeue(requeue) => requeue.run(context).await,
            Self::Fail(fail) => fail.run(context).await,
            Self::Pause(pause) => pause.run(context).await,
            Self::Resume(resume) => resume.run(context).await,
            Self::Drain(drain) => drain.run(context).await,
        }
    }
}
