//! `queue enqueue`: the apply. On a terminal it shows the effect and asks for what is missing; in a pipe it asks nothing and
//! shows nothing, so that what is missing is refused by its own check.

use cortexpilot_core::app::preview::Preview as Previewed;
use cortexpilot_core::app::{App, Applied};
use cortexpilot_core::domain::gate::Answer as GateAnswer;
use cortexpilot_core::domain::principal::{Caller, StatedRole};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_server::wire::{AppliedView, EnqueueArgs};

use super::plan::Plan;
use super::{Enqueue, When, ask, preview};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{self, Answer, json, pairs};
use crate::cli::session;
use crate::os::OsIds;

impl Enqueue {
    pub(super) async fn run(mut self, context: &Context) -> Result<Answer, Stopped> {
        let (run, when) = self.target(context)?;
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings);
        if context.view.interactive {
            self.ask(context, &app, &caller, &run, &when).await?;
        }
        let applied = self.apply(&app, &caller, run, when).await?;
        answer(context, &applied)
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
            self.role = ask::role(&context.settings);
        }
        if self.requested_by.is_none() {
            self.requested_by = ask::text("Requested by", Some(&context.settings.user));
        }
        if self.reason.is_none() {
            self.reason = ask::text("Why", None);
        }
        if !self.confirm {
            self.confirm = ask::confirmed(&view.preview_item.task_id);
        }
        // Saying no is not an attempt that was refused: nothing is sent and nothing is recorded.
        if self.confirm {
            Ok(())
        } else {
            Err(Stopped::code(ErrorCode::ConfirmRequired, "You did not confirm. Nothing was queued.", &OsIds))
        }
    }

    fn is_complete(&self) -> bool {
        self.confirm && self.role.is_some() && self.requested_by.is_some() && self.reason.is_some()
    }

    async fn apply(self, app: &App, caller: &Caller, run: String, when: When) -> Result<Applied, Stopped> {
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

fn answer(context: &Context, applied: &Applied) -> Result<Answer, Stopped> {
    let view =
        AppliedView::of(applied).ok_or_else(|| anyhow::anyhow!("the store answered an apply with a legacy item"))?;
    if context.view.is_json() {
        return Ok(Answer::ok(json(&view)));
    }
    let head = if applied.already_applied {
        format!("Queued before; nothing was appended now. It is {}.\n", escape(&view.current_status))
    } else {
        "Queued.\n".to_owned()
    };
    let rows = [
        ("queue id", view.queue_id.clone()),
        ("task", view.task_id.clone()),
        ("run", view.source_run_id.clone()),
        ("asked by", format!("{} ({}), through {}", view.requested_by, view.actor_role, view.principal)),
        ("because", view.approval_reason.clone()),
        ("line", view.h.clone()),
    ];
    let mut text = head + &pairs(rows);
    if view.current_status == "PENDING" {
        let cancel = context.commands.line(&["queue", "cancel", &view.queue_id]);
        text.push_str(&format!("\nTo roll it back while it waits\n  {cancel} --reason WHY\n"));
    }
    Ok(Answer::ok(text))
}
