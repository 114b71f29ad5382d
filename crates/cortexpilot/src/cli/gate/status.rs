//! `gate status` and `gate policy show`: what holds for every process, and which processes run.

use cortexpilot_core::app::Reader;
use cortexpilot_core::domain::command::{ApprovalPolicy, MutationGate};
use cortexpilot_core::domain::governance::{Freeze, Lowering, Standing};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::domain::time::ledger_text;
use cortexpilot_core::port::Clock as _;
use cortexpilot_ledger::log::{StoredLog, stored_logs};
use cortexpilot_server::wire::StandingView;
use cortexpilot_server::wire::governance::{FrozenView, LoweringView, SetView};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{Answer, json, pairs};
use crate::cli::session;
use crate::cli::words::moment;
use crate::config::{Settings, agents_may_queue};
use crate::os::{OsIds, SystemClock};
use crate::processes::{self, Entry, Gate};

#[derive(Serialize)]
struct ProcessView<'a> {
    surface: &'a str,
    pid: u32,
    gate: &'static str,
    policy: &'a str,
    policy_that_holds: &'a str,
    principal: &'a str,
    since: String,
    version: &'a str,
}

#[derive(Serialize)]
struct StatusAnswer<'a> {
    agents_may_queue: &'static str,
    floor: &'static str,
    floor_set: Option<SetView>,
    lowering: Option<LoweringView>,
    frozen: Option<FrozenView>,
    paused: Option<FrozenView>,
    processes: Vec<ProcessView<'a>>,
    checkpoints: Vec<CheckpointRow>,
}

/// How much of a file is under its last checkpoint.
#[derive(Serialize)]
struct CheckpointRow {
    file: &'static str,
    /// `null` where nothing was ever signed, or the checkpoint does not verify.
    signed_lines: Option<u64>,
    /// Of the queue's file alone; `null` of the other.
    lines: Option<u64>,
}

/// What the last checkpoints cover, for whoever wonders whether somebody signs at all.
async fn checkpoints(context: &Context, reader: &Reader) -> Vec<CheckpointRow> {
    let lines = reader.queue().health().await.ok().map(|health| health.lines);
    // One that does not verify is `audit verify`'s to tell.
    let stored = stored_logs(&context.settings.runtime_root).unwrap_or_default();
    let row = |(file, stored): (&'static str, Option<StoredLog>)| CheckpointRow {
        file,
        signed_lines: stored.map(|stored| stored.checkpoint.checkpoint().size),
        lines: lines.filter(|_| file == "queue.jsonl"),
    };
    stored.into_iter().map(row).collect()
}

fn signed_words(context: &Context, rows: &[CheckpointRow]) -> String {
    let said = |row: &CheckpointRow| match (row.signed_lines?, row.lines) {
        (signed, Some(lines)) => Some(format!("{signed} of {lines} lines of {}", row.file)),
        (signed, None) => Some(format!("{signed} of {}", row.file)),
    };
    let said: Vec<String> = rows.iter().filter_map(said).collect();
    if said.is_empty() {
        format!("nothing: {} makes the key", context.commands.line(&["audit", "init-key"]))
    } else {
        said.join(", ")
    }
}

/// What operators decided for every process.
async fn standing(context: &Context) -> Result<(Standing, Reader), Stopped> {
    let reader: Reader = session::reader(&context.settings)?;
    let standing = reader.standing().await.map_err(|error| Stopped::store(error, &OsIds))?;
    Ok((standing, reader))
}

/// The same as HTTP answers, seen from this environment.
pub(in crate::cli) fn view(context: &Context, standing: &Standing) -> StandingView {
    StandingView::of(standing, &context.settings.policy(), SystemClock.now())
}

pub(super) async fn status(context: &Context) -> Result<Answer, Stopped> {
    let (standing, reader) = standing(context).await?;
    let checkpoints = checkpoints(context, &reader).await;
    let running = processes::running(&context.settings.runtime_root);
    let words = running_words(&running, &standing);
    if context.view.is_json() {
        let processes = running.iter().map(|entry| ProcessView {
            surface: &entry.surface,
            pid: entry.pid,
            gate: entry.gate.as_str(),
            policy: &entry.policy,
            policy_that_holds: holds(entry, &standing),
            principal: &entry.principal,
            since: ledger_text(entry.since),
            version: &entry.version,
        });
        let StandingView { floor, floor_set, lowering, frozen, paused, .. } = view(context, &standing);
        let processes = processes.collect();
        let answer = StatusAnswer {
            agents_may_queue: words,
            floor,
            floor_set,
            lowering,
            frozen,
            paused,
            processes,
            checkpoints,
        };
        return Ok(Answer::ok(json(&answer)));
    }
    let mut text = format!("Agents may queue: {words}\n");
    let mut rows = standing_rows(context, &standing);
    rows.push(("signed", signed_words(context, &checkpoints)));
    text.push_str(&pairs(rows));
    if running.is_empty() {
        text.push_str(&format!(
            "\nNo process serves {} now.\n",
            escape(&context.settings.runtime_root.display().to_string())
        ));
        return Ok(Answer::ok(text));
    }
    let now = SystemClock.now();
    let rows = running.iter().map(|entry| {
        let holds = holds(entry, &standing);
        let policy = if holds == entry.policy { holds.to_owned() } else { format!("{} → {holds}", entry.policy) };
        vec![
            entry.surface.clone(),
            entry.pid.to_string(),
            entry.gate.as_str().to_owned(),
            policy,
            moment(entry.since, now),
            entry.principal.clone(),
        ]
    });
    let table = context.view.table(&["surface", "pid", "gate", "policy", "since", "acts as"], rows);
    text.push_str(&format!("\n{table}"));
    Ok(Answer::ok(text))
}

pub(super) async fn policy(context: &Context) -> Result<Answer, Stopped> {
    let (standing, _) = standing(context).await?;
    let configured = context.settings.approval;
    if context.view.is_json() {
        return Ok(Answer::ok(json(&view(context, &standing))));
    }
    let here = format!("{}, so that {} holds", configured.as_str(), standing.policy(configured).as_str());
    let mut rows = standing_rows(context, &standing);
    rows.push(("this environment", here));
    Ok(Answer::ok(pairs(rows)))
}

/// What holds for everybody, as labelled values.
pub(super) fn standing_rows(context: &Context, standing: &Standing) -> Vec<(&'static str, String)> {
    let now = SystemClock.now();
    let set = match &standing.floor_set {
        Some((by, at)) => format!("{}, set by {by} {}", standing.floor.as_str(), moment(*at, now)),
        None => format!("{}, the default: nobody has set it", standing.floor.as_str()),
    };
    let mut rows = vec![("asked at least", set)];
    if let Some(lowering) = standing.lowering.as_ref().filter(|lowering| is_open(lowering, &context.settings, now)) {
        let again = context.commands.line(&["gate", "policy", "set", lowering.to.as_str(), "--reason", "WHY"]);
        let said = format!(
            "to {}, by {} {}; another operator sets it: {again}",
            lowering.to.as_str(),
            lowering.by,
            moment(lowering.at, now)
        );
        rows.push(("proposed", said));
    }
    rows.push(("frozen", standing.frozen.as_ref().map_or_else(|| "no".to_owned(), frozen_words)));
    if let Some(paused) = &standing.paused {
        rows.push(("claims paused", frozen_words(paused)));
    }
    rows
}

/// Whether a second operator can still agree to a lower floor.
fn is_open(lowering: &Lowering, settings: &Settings, now: Timestamp) -> bool {
    lowering.at.checked_add(settings.approval_ttl).is_ok_and(|until| now < until)
}

/// Since when, by whom and why everything is stopped.
pub(in crate::cli) fn frozen_words(freeze: &Freeze) -> String {
    let why = freeze.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("since {} ({}) by {}{why}", ledger_text(freeze.since), moment(freeze.since, SystemClock.now()), freeze.by)
}

/// The policy that holds in a running process. A word that this version does not know is that process's own affair.
fn holds<'a>(entry: &'a Entry, standing: &Standing) -> &'a str {
    ApprovalPolicy::parse(&entry.policy).map_or(entry.policy.as_str(), |policy| standing.policy(policy).as_str())
}

/// Whether anything that runs now would queue: the one with the fewest questions decides the words.
fn running_words(running: &[Entry], standing: &Standing) -> &'static str {
    if standing.frozen.is_some() {
        return "FROZEN";
    }
    let open = running.iter().filter(|entry| entry.gate == Gate::Open);
    // What a newer version's word means is not known here: it counts as asking nobody.
    let weakest = open.map(|entry| ApprovalPolicy::parse(&entry.policy).unwrap_or(ApprovalPolicy::Declared)).min();
    match weakest {
        None => agents_may_queue(MutationGate::Shut, standing.floor),
        Some(policy) => agents_may_queue(MutationGate::Open, standing.policy(policy)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(gate: Gate, policy: &str) -> Entry {
        Entry {
            surface: "serve".into(),
            pid: 1,
            gate,
            policy: policy.into(),
            principal: "local:alice".into(),
            since: Timestamp::UNIX_EPOCH,
            version: "0".into(),
            url: None,
        }
    }

    #[test]
    fn the_process_that_asks_fewest_decides_the_words() {
        let floor = |floor| Standing { floor, ..Standing::default() };
        let declared = floor(ApprovalPolicy::Declared);
        for (running, standing, words) in [
            (vec![], &declared, "OFF"),
            (vec![entry(Gate::Shut, "declared")], &declared, "OFF"),
            (vec![entry(Gate::Open, "two-person"), entry(Gate::Open, "declared")], &declared, "ON, nobody is asked"),
            (vec![entry(Gate::Open, "of-a-newer-version")], &declared, "ON, nobody is asked"),
            (vec![entry(Gate::Open, "operator")], &declared, "after a person agrees"),
            (vec![entry(Gate::Open, "declared")], &floor(ApprovalPolicy::Operator), "after a person agrees"),
            (vec![entry(Gate::Open, "declared"), entry(Gate::Shut, "declared")], &declared, "ON, nobody is asked"),
        ] {
            assert_eq!(running_words(&running, standing), words);
        }
        let frozen = Some(Freeze { since: Timestamp::UNIX_EPOCH, by: "operator:alice (OPS)".into(), reason: None });
        assert_eq!(running_words(&[entry(Gate::Open, "declared")], &Standing { frozen, ..declared }), "FROZEN");
    }
}
