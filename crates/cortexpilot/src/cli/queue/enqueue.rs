//! `queue enqueue`: the apply. On a terminal it shows the effect and asks for what is missing; in a pipe it asks nothing and
//! shows nothing, so that what is missing is refused by its own check.

use cortexpilot_core::app::preview::Preview as Previewed;
use cortexpilot_core::app::{App, Applied, Outcome};
use cortexpilot_core::domain::approval::ApprovalRequest;
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::gate::Answer as GateAnswer;
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::receipts::LineOf;
use cortexpilot_server::wire::{AppliedView, EnqueueArgs, PendingView};

use super::ask::Own;
use super::plan::Plan;
use super::{Enqueue, When, ask, preview};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{self, Answer, pairs};
use crate::cli::receipt::Wanted;
use crate::cli::session;
use crate::os::OsIds;

impl Enqueue {
    pub(super) async fn run(mut self, context: &Context) -> Result<Answer, Stopped> {
        let (run, when) = self.target(context)?;
        let receipt = self.receipt.wanted(context)?;
        let (app, notices) = session::queueing_writer(&context.settings).await?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        if context.view.interactive {
            self.ask(context, &app, &caller, &run, &when).await?;
        }
        let outcome = self.apply(&app, &caller, run, when).await;
        // Whoever is to hear of a request has a few seconds to take the notice; the request stands whether or not.
        notices.stop().await;
        match outcome? {
            Outcome::Applied(applied) => answer(context, &applied, receipt),
            Outcome::AwaitsApproval(request) => Ok(asked(context, &request, receipt)),
        }
    }

    /// Which run with which parameters: the command line's, or the plan's with its token.
    fn target(&mut self, context: &Context) -> Result<(String, When), Stopped> {
        let Some(file) = &self.plan else {
            return Ok((self.run.clone().unwrap_or_default(), self.when.clone()));
        };
        let plan =
            Plan::read(&context.environment.cwd.join(file)).map_err(|error| Stopped::Usage(format!("{error:#}")))?;
        if let Some(run) = &self.run
            && run.trim() != plan.run_id
        {
            return Err(Stopped::Usage(format!(
                "the plan is about the run {}, not about {}: leave the run out, or preview the other one",
                escape(&plan.run_id),
                escape(run)
            )));
        }
        self.preview_token = Some(plan.preview_token.clone());
        Ok((plan.run_id.clone(), plan.when()))
    }

    /// Shows what would happen and asks for what the command line left out.
    async fn ask(
        &mut self,
        context: &Context,
        app: &App,
        caller: &Caller,
        run: &str,
        when: &When,
    ) -> Result<(), Stopped> {
        let (previewed, view) = match preview::preview(app, caller, run, when).await {
            Ok(shown) => shown,
            // A repeated request is answered with its item even when the run is gone: the apply itself is asked.
            Err(_) if self.is_complete() => return Ok(()),
            Err(stopped) => return Err(stopped),
        };
        output::complain(&preview::human(context, &previewed, &view));
        if self.is_complete() {
            return Ok(());
        }
        if let Some(stopped) = first_shut(&previewed, caller) {
            return Err(stopped);
        }
        output::complain("\nNothing is queued yet.\n");
        if self.role.is_none() {
            self.role = ask::role(&previewed.acting_as.roles, &context.settings.allowed_roles);
        }
        if self.requested_by.is_none() {
            self.requested_by = ask::text("Requested by", Some(&context.settings.user));
        }
        if self.reason.is_none() {
            self.reason = ask::text("Why", None);
        }
        if !self.confirm {
            self.ask_for_yes(&previewed, &view.run_id, &view.preview_item.task_id);
        }
        // Saying no is not an attempt that was refused: nothing is sent and nothing is recorded.
        if self.confirm {
            Ok(())
        } else {
            Err(Stopped::code(ErrorCode::ConfirmRequired, "You did not confirm. Nothing was queued.", &OsIds))
        }
    }

    /// Asks for the yes, in the words of the policy that holds.
    fn ask_for_yes(&mut self, previewed: &Previewed, run_id: &str, task_id: &str) {
        let operates = previewed.acting_as.kind == PrincipalKind::Operator;
        let what_for = match previewed.policy.approval {
            ApprovalPolicy::Declared => "to queue this item",
            ApprovalPolicy::Operator if operates && self.confirm_run_id.is_some() => {
                "to queue this item on your own approval"
            }
            ApprovalPolicy::Operator if operates => {
                match ask::own_approval(run_id) {
                    Own::Approved => (self.confirm, self.confirm_run_id) = (true, Some(run_id.to_owned())),
                    Own::AskAnother => self.confirm = true,
                    Own::No => {}
                }
                return;
            }
            ApprovalPolicy::Operator => "to ask a person to agree",
            ApprovalPolicy::TwoPerson => "to ask two people to agree",
        };
        self.confirm = ask::confirmed(task_id, what_for);
    }

    fn is_complete(&self) -> bool {
        self.confirm && self.role.is_some() && self.requested_by.is_some() && self.reason.is_some()
    }

    async fn apply(self, app: &App, caller: &Caller, run: String, when: When) -> Result<Outcome, Stopped> {
        let args = EnqueueArgs {
            run_id: Some(run),
            priority: when.priority,
            scheduled_at: when.scheduled_at,
            deadline_at: when.deadline_at,
            actor_role: self.role,
            requested_by: self.requested_by,
            approval_reason: self.reason,
            confirm: Some(self.confirm),
            preview_token: self.preview_token,
            idempotency_key: self.idempotency_key,
        };
        let (request, mut apply) =
            args.into_request(StatedRole::Absent).map_err(|problem| Stopped::argument(&problem, &OsIds))?;
        apply.allow_duplicate = self.allow_duplicate;
        apply.typed_run_id = self.confirm_run_id;
        app.enqueue(caller, request, apply).await.map_err(|failure| Stopped::of(&failure, caller, &OsIds))
    }
}

/// The first check that is shut whatever the person answers. Asking would lead nowhere.
fn first_shut(previewed: &Previewed, caller: &Caller) -> Option<Stopped> {
    previewed.checks.iter().find_map(|check| match &check.answer {
        GateAnswer::Shut(denial) => {
            let failure = cortexpilot_core::app::Failure::Denied(denial.clone());
            Some(Stopped::of(&failure, caller, &OsIds))
        }
        GateAnswer::Open | GateAnswer::Pending => None,
    })
}

/// People are asked: nothing is queued yet, and that is no failure.
fn asked(context: &Context, request: &ApprovalRequest, receipt: Wanted) -> Answer {
    let view = PendingView::of(request, Surface::Cli);
    let of = LineOf::Request(request.asked.id.clone());
    receipt.answer(context, Some(of), &view, || asked_words(context, request, &view))
}

fn asked_words(context: &Context, request: &ApprovalRequest, view: &PendingView) -> String {
    let rows = [
        ("approval id", view.approval.id.clone()),
        ("run", request.asked.run_id.clone()),
        ("agreed", format!("{} of {}", view.approval.has, view.approval.needs)),
        ("until", view.approval.expires_at.clone()),
    ];
    let show = context.commands.line(&["approval", "show", &view.approval.id]);
    format!("PENDING_APPROVAL: nothing is queued yet.\n{}\n{}\n  {show}\n", pairs(rows), view.next_step)
}

fn answer(context: &Context, applied: &Applied, receipt: Wanted) -> Result<Answer, Stopped> {
    let view =
        AppliedView::of(applied).ok_or_else(|| anyhow::anyhow!("the store answered an apply with a legacy item"))?;
    let of = LineOf::Enqueued(applied.item.queue_id().clone());
    Ok(receipt.answer(context, Some(of), &view, || applied_words(context, applied, &view)))
}

fn applied_words(context: &Context, applied: &Applied, view: &AppliedView) -> String {
    let head = if applied.already_applied {
        format!("Queued before; nothing was appended now. It is {}.\n", escape(&view.current_status))
    } else {
        "Queued.\n".to_owned()
    };
    let approvals = applied.item.enqueued.provenance.as_ref().map(|line| line.approvals.join(", "));
    let rows = [
        ("queue id", view.queue_id.clone()),
        ("task", view.task_id.clone()),
        ("run", view.source_run_id.clone()),
        ("asked by", format!("{} ({}), through {}", view.requested_by, view.actor_role, view.principal)),
        ("because", view.approval_reason.clone()),
        ("approved by", approvals.unwrap_or_default()),
        ("line", view.h.clone()),
    ];
    let mut text = head + &pairs(rows.into_iter().filter(|(_, value)| !value.is_empty()));
    if view.current_status == "PENDING" {
        let cancel = context.commands.line(&["queue", "cancel", &view.queue_id]);
        text.push_str(&format!("\nTo roll it back while it waits\n  {cancel} --reason WHY\n"));
    }
    text
}
