//! `queue claim` and `queue complete`: the worker's side, so that the boundary of the rollback is real.

use std::io::Read as _;

use anyhow::Context as _;
use cortexpilot_core::app::{ClaimAsk, Took};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::lease::Idle;
use cortexpilot_core::domain::principal::StatedRole;
use cortexpilot_core::domain::text::{Stated, escape};
use cortexpilot_core::port::Clock as _;
use cortexpilot_core::port::receipts::LineOf;
use cortexpilot_server::wire::{ClaimedView, CompleteArgs, ItemView};

use super::{Claim, Complete};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{Answer, pairs};
use crate::cli::session;
use crate::config::value;
use crate::os::{OsIds, SystemClock};

impl Claim {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let lease = value::duration(&self.lease).map_err(|problem| Stopped::Usage(format!("--lease {problem}")))?;
        let receipt = self.receipt.wanted(context)?;
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let role = StatedRole::read(self.role.as_deref());
        let queue_id = match &self.item {
            None => None,
            Some(stated) => {
                let id = QueueItemId::parse(stated);
                Some(id.ok_or_else(|| Stopped::Usage("--item must be the id of a queue item".to_owned()))?)
            }
        };
        let ask = ClaimAsk { worker: Stated::read(self.worker.as_deref()), lease, role, queue_id };
        let took = app.claim(&caller, ask).await.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let (view, of) = match &took {
            Took::Claimed(claimed) => {
                let of = LineOf::Claimed(claimed.item.queue_id().clone());
                (ClaimedView::of(claimed, SystemClock.now()), Some(of))
            }
            Took::Idle(why) => (ClaimedView::idle(*why), None),
        };
        Ok(receipt.answer(context, of, &view, || claim_words(context, &view)))
    }
}

fn claim_words(context: &Context, view: &ClaimedView) -> String {
    let Some(item) = &view.item else {
        return match view.reason {
            Some(why) if why == Idle::Paused.as_str() => {
                let resume = context.commands.line(&["queue", "resume", "--reason", "WHY"]);
                format!("Nothing to claim: an operator has paused the queue.\nTo let it go on\n  {resume}\n")
            }
            Some(why) if why == Idle::AtCapacity.as_str() => {
                "Nothing to claim: of every workflow case or repository that has items waiting, as many are worked on as may \
                 be.\n"
                    .to_owned()
            }
            Some(_) | None => "Nothing to claim: no item is eligible now.\n".to_owned(),
        };
    };
    let rows = [
        ("queue id", item.queue_id.clone()),
        ("task", item.task_id.clone()),
        ("run", item.run_id.clone()),
        ("task contract sha256", view.contract_sha256.clone().unwrap_or_default()),
        ("yours until", view.lease_expires_at.clone().unwrap_or_default()),
        ("lease token", view.lease_token.clone().unwrap_or_default()),
    ];
    let done =
        context.commands.line(&["queue", "complete", &item.queue_id, "--lease-token", "-", "--status", "SUCCESS"]);
    format!(
        "Claimed. It can no longer be cancelled.\n{}\nWhen it is done (the lease token on standard input)\n  {done}\n",
        pairs(rows.into_iter().filter(|(_, value)| !value.is_empty()))
    )
}

impl Complete {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let args = CompleteArgs { lease_token: None, status: Some(self.status.clone()), reason: self.reason.clone() };
        let ask = args.ask().map_err(|problem| Stopped::argument(&problem, &OsIds))?;
        let token = match self.lease_token.as_str() {
            "-" => from_stdin()?,
            token => token.to_owned(),
        };
        let receipt = self.receipt.wanted(context)?;
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let role = StatedRole::read(self.role.as_deref());
        let done = app.complete(&caller, &self.queue_id, token.trim(), ask, role).await;
        let item = done.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let view = ItemView::of(&item, SystemClock.now());
        Ok(receipt.answer(context, Some(LineOf::Completed(item.queue_id().clone())), &view, || {
            let rows =
                [("queue id", view.queue_id.clone()), ("task", view.task_id.clone()), ("run", view.run_id.clone())];
            format!("Finished as {}.\n{}", escape(&view.status), pairs(rows))
        }))
    }
}

/// A token is short; whatever is longer is none.
fn from_stdin() -> anyhow::Result<String> {
    let mut token = String::new();
    std::io::stdin().lock().take(4096).read_to_string(&mut token).context("the lease token cannot be read")?;
    Ok(token)
}
