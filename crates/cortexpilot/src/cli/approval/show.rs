//! `approval show`: what whoever decides must see. What the caller wrote comes last, apart, and marked line by line, so that
//! no text of its own can pass for ours.

use cortexpilot_core::domain::text::escape;
use cortexpilot_core::port::Clock as _;
use cortexpilot_server::wire::ReviewView;
use cortexpilot_server::wire::refusal::ChangedView;
use cortexpilot_server::wire::review::{EndedView, RequesterView, StatedView};
use jiff::Timestamp;

use super::Show;
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{Answer, count, json, pairs};
use crate::cli::queue::preview::{Does, does};
use crate::cli::session;
use crate::cli::words::moment;
use crate::os::{OsIds, SystemClock};

/// Characters of a line of a caller's text.
const WRITTEN_WIDTH: usize = 90;

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let app = session::previewer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let looked = ReviewView::look(&app, &caller, &self.id).await;
        let view = looked.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        if context.view.is_json() {
            return Ok(Answer::ok(json(&view)));
        }
        Ok(Answer::ok(human(&view) + &next(context, &view)))
    }
}

/// The request as a person reads it.
pub(super) fn human(view: &ReviewView) -> String {
    let now = SystemClock.now();
    let mut text = format!("Request {}\n", view.id);
    text.push_str(&pairs(standing(view, now)));
    text.push_str(&effect(view));
    text.push_str(&changes("Differs from the source run", &view.differs));
    if !view.changed.is_empty() {
        text.push_str(&changes("CHANGED since it was asked for: nobody can approve it", &view.changed));
    }
    if let Some(problem) = &view.run_problem {
        text.push_str(&format!("\nThe run stands in the way\n  {}: {}\n", problem.code, escape(&problem.reason)));
    }
    text.push_str(&waiting(view, now));
    if !view.warnings.is_empty() {
        text.push_str("\nTo know before saying yes\n");
        for warning in &view.warnings {
            text.push_str(&format!("  {}: {}\n", warning.code, escape(&warning.message)));
        }
    }
    text.push_str(&asks(view));
    text.push_str(&written(&view.stated));
    text
}

fn standing(view: &ReviewView, now: Timestamp) -> Vec<(&'static str, String)> {
    let at = |text: &str| text.parse().map_or_else(|_| text.to_owned(), |at| format!("{text} ({})", moment(at, now)));
    let mut rows = vec![
        ("status", view.status.to_owned()),
        ("agreed", format!("{} of {} (policy {})", view.has, view.needs, view.approval_policy)),
        ("run", view.run_id.clone()),
        ("asked", at(&view.asked_at)),
    ];
    if view.status == "PENDING" || view.status == "STALE" {
        rows.push(("until", at(&view.expires_at)));
    }
    for yes in &view.approvals {
        let why = yes.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        rows.push(("said yes", format!("{} {}{why}", yes.by, at(&yes.at))));
    }
    if let Some(EndedView { how, by, reason, at: when }) = &view.ended {
        let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        rows.push(("ended", format!("{how}{by} {}{why}", at(when))));
    }
    if let Some(item) = &view.item {
        rows.push(("queued as", format!("{} ({}), {}", item.queue_id, item.current_status, at(&item.queued_at))));
        rows.push(("approved by", item.approvals.join(", ")));
    }
    rows
}

fn effect(view: &ReviewView) -> String {
    let Some(effect) = &view.effect else {
        return "\nWhat would happen cannot be said: the run cannot be read any more.\n".to_owned();
    };
    let mut text = does(&Does {
        task: view.run.as_ref().map_or("", |run| &run.task_id),
        allowed_paths: &effect.allowed_paths,
        commands: &effect.commands,
        tool_permissions: &effect.tool_permissions,
        runner: &effect.runner,
        timeout_s: effect.timeout_s,
    });
    if effect.truncated {
        text.push_str("  There is MORE than is shown here: read the task contract before you say yes.\n");
    }
    if let Some(run) = &view.run {
        let rows = [
            ("status", run.status.clone()),
            ("owner", run.owner.clone()),
            ("case", run.workflow_id.clone()),
            ("task contract", format!("{} ({})", view.contract_sha256, run.contract_evidence)),
        ];
        text.push_str(&format!("\nThe source run\n{}", pairs(rows.into_iter().filter(|(_, value)| !value.is_empty()))));
    }
    text
}

fn changes(head: &str, changes: &[ChangedView]) -> String {
    if changes.is_empty() {
        return format!("\n{head}: nothing\n");
    }
    let shown = |value: &str| if value.is_empty() { "none".to_owned() } else { value.to_owned() };
    let rows = changes.iter().map(|change| (change.field, format!("{} → {}", shown(&change.was), shown(&change.now))));
    format!("\n{head}\n{}", pairs(rows))
}

fn waiting(view: &ReviewView, now: Timestamp) -> String {
    if view.pending_count == 0 {
        return "Waiting already from this run: nothing\n".to_owned();
    }
    let mut text = "Waiting already from this run\n".to_owned();
    for item in &view.pending_matches {
        let age = item.created_at.parse().map_or_else(|_| item.created_at.clone(), |at| moment(at, now));
        text.push_str(&format!(
            "  {} priority {}, queued {} for {}\n",
            escape(&item.queue_id),
            item.priority,
            escape(&age),
            escape(&item.principal)
        ));
    }
    let more = view.pending_count.saturating_sub(view.pending_matches.len());
    if more > 0 {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

fn asks(view: &ReviewView) -> String {
    let who = |requester: &RequesterView| {
        let sponsor = requester.sponsor.as_ref().map(|sponsor| format!(", for whom {sponsor} answers"));
        format!("{} ({}{})", requester.principal, requester.kind, sponsor.unwrap_or_default())
    };
    let mut rows = vec![
        ("who", who(&view.requester)),
        ("through", format!("{}, in the role {}", view.surface, view.actor_role)),
        (
            "within a day",
            format!(
                "{}: {} queued, {} rejected, {} still open",
                count(view.today.asked, "request", "requests"),
                view.today.approved,
                view.today.rejected,
                view.today.pending
            ),
        ),
    ];
    rows.extend(view.joined.iter().map(|joined| ("asks too", who(joined))));
    let more = view.joined_count.saturating_sub(view.joined.len());
    if more > 0 {
        rows.push(("asks too", format!("{more} more")));
    }
    if view.depth > 1 {
        rows.push(("items deep", format!("{}, of at most {}", view.depth, view.depth_max)));
    }
    let yours = [
        (view.you.asked, "you asked for it yourself"),
        (view.you.sponsor, "you answer for the agent that asks"),
        (view.you.approved, "you have said yes"),
    ];
    rows.extend(yours.into_iter().filter(|(holds, _)| *holds).map(|(_, said)| ("and you", said.to_owned())));
    format!("\nWho asks\n{}", pairs(rows))
}

/// What the caller wrote: bounded and escaped where the view is made, and marked on every line here.
fn written(stated: &StatedView) -> String {
    let mut text = format!("\nTEXT OF {} — {}\n", escape(&stated.written_by), stated.label);
    let mut block = |label: &str, said: &str| {
        text.push_str(&format!("  {label}\n"));
        for line in wrapped(&escape(said)) {
            text.push_str(&format!("  | {line}\n"));
        }
    };
    block("in the name of", &stated.requested_by);
    block("because", &stated.approval_reason);
    for elicited in &stated.elicited {
        let comment = elicited.comment.as_ref().map(|comment| format!(": {comment}")).unwrap_or_default();
        block("the client's own dialog was answered", &format!("{}{comment}", elicited.answer));
    }
    if stated.truncated {
        text.push_str("  There is more than is shown here.\n");
    }
    text
}

/// Lines of bounded length. A text without any is one empty line, so that its place is seen.
fn wrapped(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let lines = characters.chunks(WRITTEN_WIDTH).map(|line| line.iter().collect::<String>());
    if characters.is_empty() { vec![String::new()] } else { lines.collect() }
}

fn next(context: &Context, view: &ReviewView) -> String {
    if view.status != "PENDING" {
        return String::new();
    }
    let approve = context.commands.line(&["approval", "approve", &view.id]);
    let reject = context.commands.line(&["approval", "reject", &view.id, "--reason", "WHY"]);
    format!("\nTo decide it\n  {approve}\n  {reject}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(reason: &str) -> StatedView {
        StatedView {
            label: "not checked",
            written_by: "agent:x".into(),
            requested_by: "Alice".into(),
            approval_reason: reason.into(),
            elicited: Vec::new(),
            truncated: false,
        }
    }

    #[test]
    fn every_line_that_a_caller_wrote_is_marked_as_such() {
        let reason = format!("ok{}\u{1b}[2J\nWho asks\n  who  operator:root", " ".repeat(200));
        let text = written(&stated(&reason));
        let marked: Vec<&str> = text.lines().filter(|line| line.starts_with("  | ")).collect();
        assert!(marked.len() >= 4, "{text}");
        let ours = ["TEXT OF agent:x — not checked", "  in the name of", "  because"];
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("  | ")) {
            assert!(ours.contains(&line), "{line}");
        }
        assert!(!text.contains('\u{1b}') && text.contains("\\u{001B}[2J\\u{000A}Who asks"), "{text}");
        assert!(written(&stated("")).contains("  because\n  | \n"));
    }
}
