//! `approval approve` and `approval reject`.

use cortexpilot_core::app::govern::{Approved, Stating};
use cortexpilot_core::app::{App, Applied};
use cortexpilot_core::domain::principal::{Caller, StatedRole, Surface};
use cortexpilot_core::domain::text::{Stated, escape};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::Clock as _;
use cortexpilot_core::port::receipts::LineOf;
use cortexpilot_server::wire::{AppliedView, ApprovalRowView, PendingView, ReviewView};

use super::show::human;
use super::{Approve, Reject};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{self, Answer, pairs};
use crate::cli::receipt::Wanted;
use crate::cli::{queue, session};
use crate::os::{OsIds, SystemClock};

/// So many of the id's last characters are typed.
const TYPED: usize = 6;

impl Approve {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        if !self.yes && !context.view.interactive {
            return Err(Stopped::Usage(
                "an approval wants to be confirmed, and nobody can be asked here: add --yes".to_owned(),
            ));
        }
        let receipt = self.receipt.wanted(context)?;
        let (app, notices) = session::queueing_writer(&context.settings).await?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        if context.view.interactive {
            self.ask(&app, &caller).await?;
        }
        let stating =
            Stating { reason: Stated::read(self.reason.as_deref()), role: StatedRole::read(self.role.as_deref()) };
        let approved = app.approve(&caller, &self.id, stating).await;
        notices.stop().await;
        match approved.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))? {
            Approved::Queued(item) => queued(context, &Applied { item: *item, already_applied: false }, receipt),
            Approved::More(request) => {
                let view = PendingView::of(&request, Surface::Cli);
                let of = LineOf::Request(request.asked.id.clone());
                Ok(receipt.answer(context, Some(of), &view, || {
                    let asked = &view.approval;
                    format!(
                        "You agreed: {} of {}. Nothing is queued until another person agrees too, until {}.\n",
                        asked.has, asked.needs, asked.expires_at
                    )
                }))
            }
        }
    }

    /// Shows the request, and asks for the yes where it was not given on the command line.
    async fn ask(&self, app: &App, caller: &Caller) -> Result<(), Stopped> {
        let looked = ReviewView::look(app, caller, &self.id).await;
        let view = looked.map_err(|failure| Stopped::of(&failure, caller, &OsIds))?;
        output::complain(&human(&view));
        // What cannot be approved any more is refused by its own check, with its own code: nobody is asked for nothing.
        if self.yes || view.status != "PENDING" {
            return Ok(());
        }
        let code = view.id.get(view.id.len().saturating_sub(TYPED)..).unwrap_or(&view.id);
        if queue::typed(code, "(the last characters of its id) to approve this") {
            return Ok(());
        }
        Err(Stopped::code(ErrorCode::ConfirmRequired, "You did not confirm. Nothing was approved.", &OsIds))
    }
}

fn queued(context: &Context, applied: &Applied, receipt: Wanted) -> Result<Answer, Stopped> {
    let view =
        AppliedView::of(applied).ok_or_else(|| anyhow::anyhow!("the store answered an approval with a legacy item"))?;
    let of = LineOf::Enqueued(applied.item.queue_id().clone());
    Ok(receipt.answer(context, Some(of), &view, || queued_words(context, applied, &view)))
}

fn queued_words(context: &Context, applied: &Applied, view: &AppliedView) -> String {
    let approvals = applied.item.enqueued.provenance.as_ref().map(|line| line.approvals.join(", "));
    let rows = [
        ("queue id", view.queue_id.clone()),
        ("task", view.task_id.clone()),
        ("run", view.source_run_id.clone()),
        ("approved by", approvals.unwrap_or_default()),
        ("line", view.h.clone()),
    ];
    let cancel = context.commands.line(&["queue", "cancel", &view.queue_id]);
    format!("Approved and queued.\n{}\nTo roll it back while it waits\n  {cancel} --reason WHY\n", pairs(rows))
}

impl Reject {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let receipt = self.receipt.wanted(context)?;
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let stating =
            Stating { reason: Stated::read(Some(&self.reason)), role: StatedRole::read(self.role.as_deref()) };
        let rejected = app.reject(&caller, &self.id, stating).await;
        let request = rejected.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let view = ApprovalRowView::of(&request, SystemClock.now());
        let of = LineOf::Request(request.asked.id.clone());
        Ok(receipt.answer(context, Some(of), &view, || {
            format!("Rejected: nothing is queued for {}.\n", escape(&view.run_id))
        }))
    }
}
