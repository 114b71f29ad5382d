//! What an operator does about items that a worker has, or had: stop, revoke, requeue, fail; and about the whole queue:
//! pause, resume, drain.

use std::time::{Duration, Instant};

use cortexpilot_core::app::App;
use cortexpilot_core::app::govern::Stating;
use cortexpilot_core::domain::governance::Standing;
use cortexpilot_core::domain::principal::{Caller, StatedRole};
use cortexpilot_core::domain::text::{Stated, escape};
use cortexpilot_core::error::exit;
use cortexpilot_core::port::Clock as _;
use cortexpilot_core::port::receipts::LineOf;
use cortexpilot_server::wire::ItemView;
use serde_json::json;

use super::{Drain, Fail, Pause, Requeue, Resume, Revoke, Said, Stop};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::gate::status::{frozen_words, view};
use crate::cli::output::{self, Answer, count, json as print_json, pairs};
use crate::cli::session;
use crate::config::value;
use crate::os::{OsIds, SystemClock};

impl Said {
    fn stating(&self) -> Stating {
        stating(self.reason.as_deref(), self.role.as_deref())
    }
}

fn stating(reason: Option<&str>, role: Option<&str>) -> Stating {
    Stating { reason: Stated::read(reason), role: StatedRole::read(role) }
}

async fn operator(context: &Context) -> Result<(App, Caller), Stopped> {
    let app = session::writer(&context.settings)?;
    let caller = session::caller(&context.settings, app.reader()).await?;
    Ok((app, caller))
}

/// What was done to an item.
fn words(view: &ItemView, said: &str) -> String {
    let rows = [
        ("queue id", view.queue_id.clone()),
        ("task", view.task_id.clone()),
        ("run", view.run_id.clone()),
        ("status", view.status.clone()),
    ];
    format!("{said}\n{}", pairs(rows.into_iter().filter(|(_, value)| !value.is_empty())))
}

macro_rules! act {
    ($command:ident, $method:ident, $line:ident, $said:literal) => {
        impl $command {
            pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
                let receipt = self.said.receipt.wanted(context)?;
                let (app, caller) = operator(context).await?;
                let done = app.$method(&caller, &self.queue_id, self.said.stating()).await;
                let done = done.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
                let view = ItemView::of(&done, SystemClock.now());
                let of = LineOf::$line(done.queue_id().clone());
                Ok(receipt.answer(context, Some(of), &view, || words(&view, $said)))
            }
        }
    };
}

act!(
    Stop,
    stop,
    StopRequested,
    "Asked. Its worker is told with its next heartbeat, ends the run and says so; what the run did outside its workspace is \
     not undone."
);
act!(
    Revoke,
    revoke,
    Held,
    "Taken away from its worker, which may still be at work until its next heartbeat. The item is held: `queue requeue` or \
     `queue fail` settles it."
);
act!(Requeue, requeue, Requeued, "It waits in the queue again.");
act!(Fail, fail, Completed, "Closed as a failure.");

fn paused_words(standing: &Standing) -> String {
    standing.paused.as_ref().map(frozen_words).unwrap_or_default()
}

impl Pause {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let receipt = self.said.receipt.wanted(context)?;
        let (app, caller) = operator(context).await?;
        let standing = app.pause(&caller, self.said.stating()).await;
        let standing = standing.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let resume = context.commands.line(&["queue", "resume", "--reason", "WHY"]);
        Ok(receipt.answer(context, Some(LineOf::Paused), &view(context, &standing), || {
            format!(
                "Paused. Nothing is claimed any more; items may still be queued, and what is claimed goes on.\n{}\nTo let it \
                 go on\n  {resume}\n",
                pairs([("paused", paused_words(&standing))])
            )
        }))
    }
}

impl Resume {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let receipt = self.said.receipt.wanted(context)?;
        let (app, caller) = operator(context).await?;
        let standing = app.resume(&caller, self.said.stating()).await;
        let standing = standing.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        Ok(receipt.answer(context, Some(LineOf::Resumed), &view(context, &standing), || {
            "Not paused. Workers claim again.\n".to_owned()
        }))
    }
}

/// How often claimed items are looked at.
const LOOK: Duration = Duration::from_millis(300);

impl Drain {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let limit = match &self.timeout {
            None => None,
            Some(stated) => {
                let span = value::duration(stated).map_err(|problem| Stopped::Usage(format!("--timeout {problem}")))?;
                Some(span.unsigned_abs())
            }
        };
        let (app, caller) = operator(context).await?;
        let paused = app.pause(&caller, stating(self.reason.as_deref(), self.role.as_deref())).await;
        paused.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let (began, mut told) = (Instant::now(), None);
        loop {
            let claims = app.reader().claims().await.map_err(|error| Stopped::store(error, &OsIds))?;
            let running: Vec<String> = claims.iter().map(|claim| claim.item.queue_id().as_str().to_owned()).collect();
            let late = limit.is_some_and(|limit| began.elapsed() >= limit);
            if running.is_empty() || late {
                return Ok(drained(context, &running));
            }
            if told != Some(running.len()) && !context.view.is_json() {
                output::complain(&format!("waiting: {} claimed\n", count(running.len(), "item is", "items are")));
                told = Some(running.len());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn drained(context: &Context, running: &[String]) -> Answer {
    let exit = if running.is_empty() { exit::OK } else { exit::CONFLICT };
    if context.view.is_json() {
        return Answer { text: print_json(&json!({"drained": running.is_empty(), "claimed": running})), exit };
    }
    let resume = context.commands.line(&["queue", "resume", "--reason", "WHY"]);
    let text = if running.is_empty() {
        format!("Drained: nothing is claimed, and nothing will be until\n  {resume}\n")
    } else {
        let ids: String = running.iter().map(|id| format!("  {}\n", escape(id))).collect();
        format!(
            "Paused, and not drained in time. Still claimed\n{ids}To ask one to end: {}\n",
            context.commands.line(&["queue", "stop", &running[0], "--reason", "WHY"])
        )
    };
    Answer { text, exit }
}
