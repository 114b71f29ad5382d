//! `queue list`, `queue show` and `queue cancel`.

use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::listing::{QueueFilter, QueueOrder};
use cortexpilot_core::domain::principal::StatedRole;
use cortexpilot_core::domain::queue::{Provenance, QueueItem};
use cortexpilot_core::domain::text::{Stated, escape};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::Clock as _;
use cortexpilot_core::port::receipts::LineOf;
use cortexpilot_server::wire::ItemView;
use cortexpilot_server::wire::item::{ProblemView, ProgressView};
use jiff::Timestamp;
use serde::Serialize;

use super::{Cancel, List, Show};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{Answer, count, json, pairs};
use crate::cli::session;
use crate::cli::words::moment;
use crate::os::{OsIds, SystemClock};

#[derive(Serialize)]
struct ListAnswer {
    items: Vec<ItemView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<ProblemView>,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let filter = QueueFilter {
            workflow_id: self.workflow.clone(),
            status: self.status.as_ref().map(|status| status.trim().to_ascii_uppercase()),
            after_seq: self.cursor.as_deref().map(cursor).transpose()?,
            limit: Some(self.limit.into()),
            state: None,
            order: QueueOrder::Oldest,
        };
        let reader = session::reader(&context.settings)?;
        let listing = reader.queue().items(&filter).await.map_err(|error| Stopped::store(error, &OsIds))?;
        let now = SystemClock.now();
        let next = listing.items.last().filter(|_| listing.more).map(|item| item.seq.to_string());
        if context.view.is_json() {
            let answer = ListAnswer {
                items: listing.items.iter().map(|item| ItemView::of(item, now)).collect(),
                next_cursor: next,
                problems: listing.problems.iter().map(ProblemView::of).collect(),
            };
            return Ok(Answer::ok(json(&answer)));
        }
        let mut text = if listing.items.is_empty() {
            self.nothing(context)
        } else {
            let wide = context.view.is_wide();
            let header: &[&str] = if wide {
                &["queue id", "status", "state", "queued", "task", "priority", "deadline", "asked by"]
            } else {
                &["queue id", "status", "state", "queued"]
            };
            context.view.table(header, listing.items.iter().map(|item| row(item, now, wide)))
        };
        if let Some(next) = next {
            let more = self.again(&next);
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            text.push_str(&format!("more: {}\n", context.commands.line(&more)));
        }
        if !listing.problems.is_empty() {
            text.push_str(&format!("\nThe ledger has {}:\n", count(listing.problems.len(), "problem", "problems")));
            for problem in &listing.problems {
                text.push_str(&format!("  {}:{} {}\n", escape(&problem.file), problem.line, escape(&problem.problem)));
            }
            text.push_str(&format!("look closer: {}\n", context.commands.line(&["audit", "verify"])));
        }
        Ok(Answer::ok(text))
    }

    fn nothing(&self, context: &Context) -> String {
        let root = escape(&context.settings.runtime_root.display().to_string());
        if self.status.is_some() || self.workflow.is_some() || self.cursor.is_some() {
            return format!("No such items in the queue of {root}.\n");
        }
        format!(
            "The queue of {root} is empty.\nAn item is derived from a run: {}\n",
            context.commands.line(&["queue", "preview", "RUN"])
        )
    }

    fn again(&self, next: &str) -> Vec<String> {
        let mut words: Vec<String> = ["queue", "list", "--cursor", next].map(str::to_owned).to_vec();
        let limit = (self.limit != 50).then(|| self.limit.to_string());
        for (flag, value) in [("--status", &self.status), ("--workflow", &self.workflow), ("--limit", &limit)] {
            if let Some(value) = value {
                words.extend([flag.to_owned(), value.clone()]);
            }
        }
        words
    }
}

fn cursor(raw: &str) -> Result<u64, Stopped> {
    let position = raw.parse().ok().filter(|_| raw.bytes().all(|byte| byte.is_ascii_digit()));
    position.ok_or_else(|| {
        Stopped::code(ErrorCode::ArgumentsInvalid, "`cursor` is not one that this list gave out.", &OsIds)
    })
}

fn row(item: &QueueItem, now: Timestamp, wide: bool) -> Vec<String> {
    let view = ItemView::of(item, now);
    let queued = view.created_at.parse().map_or_else(|_| view.created_at.clone(), |at| moment(at, now));
    let asked = item.enqueued.provenance.as_ref().map(|provenance| provenance.requested_by.clone());
    let deadline =
        if view.deadline_at.is_empty() { String::new() } else { format!("{} ({})", view.deadline_at, view.sla_state) };
    let state = match view.waiting_reason.as_str() {
        "" if view.stop.is_some() => "claimed, asked to stop".to_owned(),
        "" => view.queue_state.clone(),
        "backing_off" => format!("waits until {}", view.not_before.as_deref().unwrap_or_default()),
        _ => format!("waits until {}", view.scheduled_at),
    };
    let mut cells = vec![view.queue_id, view.status, state, queued];
    if wide {
        cells.extend([view.task_id, view.priority.to_string(), deadline, asked.unwrap_or_else(|| "–".to_owned())]);
    }
    cells
}

/// The audit stamps of the item's own line.
#[derive(Serialize)]
struct StampsView<'a> {
    requested_by: &'a str,
    actor_role: &'a str,
    approval_reason: &'a str,
    principal: &'a str,
    pilot_source: &'a str,
    approval_policy: &'a str,
    approvals: &'a [String],
    approver_reason: Option<&'a str>,
    contract_sha256: String,
    preview_digest: String,
    idempotency_key: Option<&'a str>,
    depth: u32,
    h: Option<String>,
}

#[derive(Serialize)]
struct ShowAnswer<'a> {
    item: ItemView,
    /// Absent on a line that another system wrote.
    enqueued: Option<StampsView<'a>>,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let reader = session::reader(&context.settings)?;
        let missing = || Stopped::code(ErrorCode::QueueItemNotFound, "There is no queue item with this id.", &OsIds);
        let id = QueueItemId::parse(&self.queue_id).ok_or_else(missing)?;
        let item =
            reader.queue().item(&id).await.map_err(|error| Stopped::store(error, &OsIds))?.ok_or_else(missing)?;
        let beat = match item.claim() {
            // What cannot be read is not shown: progress is a courtesy.
            Some(_) => reader.queue().beat(&id).await.unwrap_or_default(),
            None => None,
        };
        let view = ItemView::with_beat(&item, beat.as_ref(), SystemClock.now());
        let stamps = item.enqueued.provenance.as_ref().map(|provenance| stamps(&item, provenance));
        if context.view.is_json() {
            return Ok(Answer::ok(json(&ShowAnswer { item: view, enqueued: stamps })));
        }
        Ok(Answer::ok(shown(&view, stamps.as_ref())))
    }
}

fn stamps<'a>(item: &QueueItem, provenance: &'a Provenance) -> StampsView<'a> {
    StampsView {
        requested_by: &provenance.requested_by,
        actor_role: &provenance.actor_role,
        approval_reason: &provenance.approval_reason,
        principal: &provenance.principal,
        pilot_source: &provenance.pilot_source,
        approval_policy: &provenance.approval_policy,
        approvals: &provenance.approvals,
        approver_reason: provenance.approver_reason.as_deref(),
        contract_sha256: provenance.contract_sha256.to_string(),
        preview_digest: provenance.preview_digest.to_string(),
        idempotency_key: provenance.idempotency_key.as_deref(),
        depth: provenance.depth,
        h: item.line_hash.map(|hash| hash.to_string()),
    }
}

fn shown(view: &ItemView, stamps: Option<&StampsView<'_>>) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let because =
        if view.cancelled_by.is_some() || view.status == "CANCELLED" { "cancelled because" } else { "ended because" };
    let rows = [
        ("status", format!("{} ({})", view.status, view.queue_state)),
        ("deadline state", view.sla_state.clone()),
        ("task", view.task_id.clone()),
        ("owner", view.owner.clone()),
        ("case", view.workflow_id.clone()),
        ("repository", text(&view.repository)),
        ("source run", view.source_run_id.clone()),
        ("priority", view.priority.to_string()),
        ("not before", view.scheduled_at.clone()),
        ("deadline", view.deadline_at.clone()),
        ("queued", view.created_at.clone()),
        ("claimed", view.claimed_at.clone()),
        ("claims so far", view.attempts.map(|attempts| attempts.to_string()).unwrap_or_default()),
        ("tried again from", text(&view.not_before)),
        ("worker", text(&view.worker)),
        ("run", view.run_id.clone()),
        ("progress", view.progress.as_ref().map(progress).unwrap_or_default()),
        (
            "asked to stop",
            view.stop.as_ref().map(|stop| format!("by {}: {}", stop.by, stop.reason)).unwrap_or_default(),
        ),
        ("held because", view.held.as_ref().map(|held| held.reason.clone()).unwrap_or_default()),
        ("finished", view.completed_at.clone()),
        ("ended by", text(&view.ended_by)),
        ("cancelled", view.cancelled_at.clone()),
        ("cancelled by", text(&view.cancelled_by)),
        (because, text(&view.reason)),
        ("task contract", view.contract_path.clone()),
    ];
    let present = |rows: Vec<(&'static str, String)>| pairs(rows.into_iter().filter(|(_, value)| !value.is_empty()));
    let mut text = format!("Queue item {}\n{}", escape(&view.queue_id), present(rows.to_vec()));
    match stamps {
        None => text.push_str("\nIts line was written by another system: who asked and why was not recorded.\n"),
        Some(stamps) => {
            let rows = vec![
                ("asked by", format!("{} ({})", stamps.requested_by, stamps.actor_role)),
                ("because", stamps.approval_reason.to_owned()),
                ("acting as", format!("{}, {}", stamps.principal, stamps.pilot_source)),
                ("approval policy", stamps.approval_policy.to_owned()),
                ("approved by", stamps.approvals.join(", ")),
                ("approver's reason", stamps.approver_reason.unwrap_or_default().to_owned()),
                ("items deep", stamps.depth.to_string()),
                ("task contract sha256", stamps.contract_sha256.clone()),
                ("preview digest", stamps.preview_digest.clone()),
                ("idempotency key", stamps.idempotency_key.unwrap_or_default().to_owned()),
                ("line hash", stamps.h.clone().unwrap_or_default()),
            ];
            text.push_str(&format!("\nAs it was queued\n{}", present(rows)));
        }
    }
    text
}

/// How far a worker said it is.
fn progress(progress: &ProgressView) -> String {
    let said: Vec<&str> =
        [&progress.stage, &progress.message].into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    format!("{}, {}", said.join(": "), count(usize::try_from(progress.events).unwrap_or(usize::MAX), "event", "events"))
}

impl Cancel {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let receipt = self.receipt.wanted(context)?;
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let role = StatedRole::read(self.role.as_deref());
        let cancelled = app.cancel(&caller, &self.queue_id, Stated::read(self.reason.as_deref()), role).await;
        let item = cancelled.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let view = ItemView::of(&item, SystemClock.now());
        Ok(receipt.answer(context, Some(LineOf::Cancelled(item.queue_id().clone())), &view, || {
            let by = view.cancelled_by.clone().unwrap_or_default();
            let rows = [("queue id", view.queue_id.clone()), ("task", view.task_id.clone()), ("cancelled by", by)];
            format!("Cancelled; no worker will get it.\n{}", pairs(rows))
        }))
    }
}
