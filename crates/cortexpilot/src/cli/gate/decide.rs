//! `gate freeze`, `gate unfreeze` and `gate policy set`: what an operator decides for every process.

use cortexpilot_core::app::App;
use cortexpilot_core::app::govern::Stating;
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::governance::Standing;
use cortexpilot_core::domain::principal::{Caller, StatedRole};
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::port::receipts::LineOf;

use super::status::{frozen_words, standing_rows, view};
use super::{Freeze, SetPolicy, Unfreeze};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{Answer, count, pairs};
use crate::cli::receipt::Wanted;
use crate::cli::session;
use crate::config::value;
use crate::os::OsIds;
use crate::processes;

async fn decider(context: &Context) -> Result<(App, Caller), Stopped> {
    let app = session::writer(&context.settings)?;
    let caller = session::caller(&context.settings, app.reader()).await?;
    Ok((app, caller))
}

fn stating(reason: Option<&str>, role: Option<&str>) -> Stating {
    Stating { reason: Stated::read(reason), role: StatedRole::read(role) }
}

fn answer(context: &Context, receipt: Wanted, of: LineOf, standing: &Standing, said: String) -> Answer {
    receipt.answer(context, Some(of), &view(context, standing), || said)
}

impl Freeze {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let receipt = self.receipt.wanted(context)?;
        let (app, caller) = decider(context).await?;
        let frozen = app.freeze(&caller, stating(self.reason.as_deref(), self.role.as_deref())).await;
        let standing = frozen.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let frozen = standing.frozen.as_ref().map(frozen_words).unwrap_or_default();
        let thaw = context.commands.line(&["gate", "unfreeze", "--reason", "WHY"]);
        let said = format!(
            "FROZEN. No process queues or claims any more; cancelling, completing and rejecting still work.\n{}\nTo let it go on\n  {thaw}\n",
            pairs([("frozen", frozen)])
        );
        Ok(answer(context, receipt, LineOf::Frozen, &standing, said))
    }
}

impl Unfreeze {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let receipt = self.receipt.wanted(context)?;
        let (app, caller) = decider(context).await?;
        let thawed = app.unfreeze(&caller, stating(Some(&self.reason), self.role.as_deref())).await;
        let standing = thawed.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let status = context.commands.line(&["gate", "status"]);
        let said = format!(
            "Not frozen. Processes whose gate is open queue again, and workers claim.\nWhich those are\n  {status}\n"
        );
        Ok(answer(context, receipt, LineOf::Unfrozen, &standing, said))
    }
}

impl SetPolicy {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let policy = value::policy(&self.policy).map_err(|problem| Stopped::Usage(format!("the policy {problem}")))?;
        let receipt = self.receipt.wanted(context)?;
        let (app, caller) = decider(context).await?;
        let set = app.set_policy(&caller, policy, stating(self.reason.as_deref(), self.role.as_deref())).await;
        let standing = set.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let said = if standing.floor == policy { floor_set(context, &standing) } else { proposed(context, policy) };
        Ok(answer(context, receipt, LineOf::Policy, &standing, said + &pairs(standing_rows(context, &standing))))
    }
}

fn floor_set(context: &Context, standing: &Standing) -> String {
    let weaker = processes::running(&context.settings.runtime_root)
        .iter()
        .filter(|entry| ApprovalPolicy::parse(&entry.policy).is_some_and(|policy| policy < standing.floor))
        .count();
    let mut said =
        format!("Every process asks at least as `{}` says, from its next request on.\n", standing.floor.as_str());
    if weaker > 0 {
        said.push_str(&format!(
            "{} configured weaker: with queueing switched on, such a process does not start again as it is.\n",
            count(weaker, "running process is", "running processes are")
        ));
    }
    said
}

fn proposed(context: &Context, policy: ApprovalPolicy) -> String {
    let again = context.commands.line(&["gate", "policy", "set", policy.as_str(), "--reason", "WHY"]);
    format!("Proposed, not set: another operator, with a personal token, must set the same.\n  {again}\n")
}
