//! `queue preview`: what would happen first, the item, what differs, the checks, what to do next.

use std::collections::BTreeMap;

use cortexpilot_core::app::preview::Preview as Previewed;
use cortexpilot_core::app::{App, RunRequest};
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::gate::{Answer as GateAnswer, Check};
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, StatedRole};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::port::Clock as _;
use cortexpilot_server::wire::{ItemView, PreviewArgs, PreviewView};
use jiff::Timestamp;

use super::plan::Plan;
use super::{Preview, When};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{Answer, View, json, pairs};
use crate::cli::session;
use crate::cli::words::{check_name, moment, near, quote};
use crate::config::agents_may_queue;
use crate::os::{OsIds, SystemClock};

impl Preview {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        // Only a plan needs the key made, and making it is a write: a plain preview leaves not one byte behind.
        let app = if self.save_plan.is_some() {
            session::writer(&context.settings)?
        } else {
            session::previewer(&context.settings)?
        };
        let caller = session::caller(&context.settings, app.reader()).await?;
        let (previewed, mut view) = preview(&app, &caller, &self.run, &self.when).await?;
        if let Some(file) = &self.save_plan {
            let path = context.environment.cwd.join(file);
            let plan = Plan::of(&view, &self.when);
            plan.ok_or_else(|| anyhow::anyhow!("the preview carries no token"))?.write(&path)?;
        }
        // Where the general advice is to apply, the exact command is better.
        if view.next_step.starts_with("cortexpilot queue enqueue") {
            view.next_step = next_command(context, &self);
        }
        if context.view.is_json() {
            return Ok(Answer::ok(json(&view)));
        }
        let mut text = human(context, &previewed, &view);
        if let Some(file) = &self.save_plan {
            let path = near(&context.environment.cwd.join(file), &context.environment.cwd);
            text.push_str(&format!("\nKept as {}\n", escape(&path)));
        }
        text.push_str(&format!("\nNext\n  {}\n", escape(&view.next_step)));
        if previewed.policy.approval == ApprovalPolicy::Operator
            && view.acting_as.kind == PrincipalKind::Operator.as_str()
        {
            let run = quote(&view.run_id);
            text.push_str(&format!(
                "  A person must agree. With --confirm-run-id {run} you are that person; without it another is asked.\n"
            ));
        }
        Ok(Answer::ok(text))
    }
}

/// Previews through the app, as every surface does.
pub(in crate::cli) async fn preview(
    app: &App,
    caller: &Caller,
    run: &str,
    when: &When,
) -> Result<(Previewed, PreviewView), Stopped> {
    let request = request(run, when)?;
    let previewed = app.preview(caller, request).await.map_err(|failure| Stopped::of(&failure, caller, &OsIds))?;
    let view = PreviewView::of(&previewed);
    Ok((previewed, view))
}

fn request(run: &str, when: &When) -> Result<RunRequest, Stopped> {
    let args = PreviewArgs {
        run_id: Some(run.to_owned()),
        priority: when.priority,
        scheduled_at: when.scheduled_at.clone(),
        deadline_at: when.deadline_at.clone(),
    };
    args.into_request(StatedRole::Absent).map_err(|problem| Stopped::argument(&problem, &OsIds))
}

/// The command that applies exactly this preview.
fn next_command(context: &Context, preview: &Preview) -> String {
    let what_only_you_know = "--role ROLE --requested-by NAME --reason WHY --confirm";
    match &preview.save_plan {
        Some(file) => format!("{} {what_only_you_know}", context.commands.line(&["queue", "enqueue", "--plan", file])),
        None => {
            let mut words = vec!["queue".to_owned(), "enqueue".to_owned(), preview.run.clone()];
            words.extend(parameters(&preview.when));
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            format!(
                "{} (on a terminal; for a script keep the preview with -o plan.json)",
                context.commands.line(&words)
            )
        }
    }
}

fn parameters(when: &When) -> Vec<String> {
    let priority = when.priority.map(|priority| format!("--priority={priority}"));
    let at = |name: &str, at: &Option<String>| at.as_ref().map(|at| format!("{name}={at}"));
    let all = [priority, at("--scheduled-at", &when.scheduled_at), at("--deadline-at", &when.deadline_at)];
    all.into_iter().flatten().collect()
}

/// The preview as a person reads it; without what comes next.
pub(super) fn human(context: &Context, previewed: &Previewed, view: &PreviewView) -> String {
    let now = SystemClock.now();
    let mut text = format!(
        "Run {} → one queue item (this preview holds until {}, {})\n",
        escape(&view.run_id),
        view.expires_at,
        moment(previewed.seen.expires_at, now)
    );
    text.push_str(&does(&Does {
        task: &view.preview_item.task_id,
        allowed_paths: &view.effect.allowed_paths,
        commands: &view.effect.commands,
        tool_permissions: &view.effect.tool_permissions,
        runner: &view.effect.runner,
        timeout_s: view.effect.timeout_s,
    }));
    text.push_str(&item(&view.preview_item));
    text.push_str(&differs(view));
    text.push_str(&pending(&view.pending_matches, now));
    text.push_str(&checks(&context.view, &previewed.checks));
    if !view.warnings.is_empty() {
        text.push_str("\nTo know before saying yes\n");
        for warning in &view.warnings {
            text.push_str(&format!("  {}: {}\n", warning.code, escape(&warning.message)));
        }
    }
    if let Some(approval) = &view.approval {
        let show = context.commands.line(&["approval", "show", &approval.id]);
        text.push_str(&format!(
            "\nPeople were asked: {} ({} of {} agreed)\n  {show}\n",
            escape(&approval.status),
            approval.has,
            approval.needs
        ));
    }
    text.push_str(&format!(
        "\nYou act as {} ({}). Agents may queue: {}\n",
        escape(&view.acting_as.principal),
        if view.acting_as.roles.is_empty() { "no role".to_owned() } else { view.acting_as.roles.join(", ") },
        if previewed.frozen {
            "FROZEN"
        } else {
            agents_may_queue(previewed.policy.mutation_gate, previewed.policy.approval)
        }
    ));
    text
}

/// What executing a task contract would do. Its texts were written by the run.
pub(in crate::cli) struct Does<'a> {
    pub(in crate::cli) task: &'a str,
    pub(in crate::cli) allowed_paths: &'a [String],
    pub(in crate::cli) commands: &'a [String],
    pub(in crate::cli) tool_permissions: &'a BTreeMap<String, String>,
    pub(in crate::cli) runner: &'a str,
    pub(in crate::cli) timeout_s: Option<u64>,
}

/// That, before anything else.
pub(in crate::cli) fn does(does: &Does<'_>) -> String {
    let none = |list: &[String]| if list.is_empty() { "nothing is named".to_owned() } else { list.join(", ") };
    let commands = does.commands.iter().map(|command| quote(command)).collect::<Vec<_>>();
    let permissions: Vec<String> =
        does.tool_permissions.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let runner = if does.runner.is_empty() { "not recorded" } else { does.runner };
    let time = does.timeout_s.map_or("no limit is named".to_owned(), |seconds| format!("up to {seconds} s"));
    let rows = [
        ("does again", does.task.to_owned()),
        ("may change", none(does.allowed_paths)),
        ("commands", none(&commands)),
        ("permissions", none(&permissions)),
        ("runner", format!("{runner}, {time}")),
    ];
    format!("\nWhat would happen (as the run's task contract says)\n{}", pairs(rows))
}

fn item(item: &ItemView) -> String {
    let rows = [
        ("task", item.task_id.clone()),
        ("owner", item.owner.clone()),
        ("case", item.workflow_id.clone()),
        ("task contract", item.contract_path.clone()),
        ("priority", item.priority.to_string()),
        ("not before", item.scheduled_at.clone()),
        (
            "deadline",
            if item.deadline_at.is_empty() {
                String::new()
            } else {
                format!("{} ({})", item.deadline_at, item.sla_state)
            },
        ),
    ];
    format!("\nThe item\n{}", pairs(rows.into_iter().filter(|(_, value)| !value.is_empty())))
}

/// What the item asks for beyond repeating the run as it was.
fn differs(view: &PreviewView) -> String {
    let item = &view.preview_item;
    let mut rows = Vec::new();
    if item.priority != 0 {
        rows.push(("priority", format!("0 → {}", item.priority)));
    }
    for (name, value) in [("not before", &item.scheduled_at), ("deadline", &item.deadline_at)] {
        if !value.is_empty() {
            rows.push((name, format!("none → {value}")));
        }
    }
    if rows.is_empty() {
        return "\nDiffers from the source run: nothing\n".to_owned();
    }
    format!("\nDiffers from the source run\n{}", pairs(rows))
}

fn pending(items: &[ItemView], now: Timestamp) -> String {
    if items.is_empty() {
        return "Waiting already from this run: nothing\n".to_owned();
    }
    let mut text = "Waiting already from this run\n".to_owned();
    for item in items {
        let age = item.created_at.parse().map_or_else(|_| item.created_at.clone(), |at| moment(at, now));
        text.push_str(&format!("  {} priority {}, queued {}\n", escape(&item.queue_id), item.priority, escape(&age)));
    }
    text
}

/// "5 of 9 checks open", and the table.
pub(in crate::cli) fn checks(view: &View, checks: &[Check]) -> String {
    let rows = checks.iter().map(|check| {
        let (word, why) = state(check);
        vec![check.gate.row().number.to_string(), check_name(check.gate).to_owned(), word.to_owned(), why]
    });
    format!("\n{}\n{}", tally(checks), view.table(&["#", "check", "state", "why"], rows))
}

/// How many checks are open, in one line.
pub(in crate::cli) fn tally(checks: &[Check]) -> String {
    let number = |word: &str| checks.iter().filter(|check| state(check).0 == word).count();
    let mut text = format!("{} of {} checks open", number("open"), checks.len());
    for (word, said) in [("SHUT", "shut"), ("at apply", "decided when you queue it")] {
        if number(word) > 0 {
            text.push_str(&format!(", {} {said}", number(word)));
        }
    }
    text
}

/// A check's state as a word, and the reason.
pub(in crate::cli) fn state(check: &Check) -> (&'static str, String) {
    match &check.answer {
        GateAnswer::Open => ("open", String::new()),
        GateAnswer::Pending => ("at apply", format!("open when {}", check.gate.row().open_when)),
        GateAnswer::Shut(denial) => ("SHUT", format!("{}: {}", denial.code.as_str(), denial.reason)),
    }
}
