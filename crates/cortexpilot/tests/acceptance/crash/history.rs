//! What all callers were told, held against what is on disk and what the next server says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Chance;
use super::callers::{Doubt, Log};
use crate::sound::{assert_sound, text};
use crate::support::{GATE_OPEN, Home, NO_LIMITS, Request, Server, VERSIONS, apply};

/// Everything that callers of one home know.
#[derive(Default)]
pub(crate) struct History {
    /// Lines that must be there for ever: event and queue id.
    acknowledged: BTreeSet<(String, String)>,
    /// Commands whose line may be there or not.
    doubts: Vec<Doubt>,
    /// Runs of which an apply was refused, and the refusal answered.
    refused: BTreeSet<String>,
    /// Enqueues without an answer that nobody has asked for again yet.
    open: Vec<Doubt>,
    /// Over all homes: acknowledged lines, calls without an answer, and those of them whose line was there.
    lines: usize,
    refusals: usize,
    pub(crate) in_doubt: usize,
    pub(crate) written_in_doubt: usize,
}

impl History {
    /// Takes what callers logged.
    pub(crate) fn take(&mut self, logs: Vec<Log>) {
        for Log { acknowledged, refused, in_doubt } in logs {
            self.refused.extend(refused);
            for (event, queue_id) in acknowledged {
                let line = (event.to_owned(), queue_id);
                assert!(self.acknowledged.insert(line.clone()), "acknowledged twice: {line:?}");
            }
            self.in_doubt += in_doubt.len();
            self.open.extend(in_doubt.iter().filter(|doubt| matches!(doubt, Doubt::Enqueue { .. })).cloned());
            self.doubts.extend(in_doubt);
        }
    }

    /// Every line that was acknowledged: event and queue id.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        self.acknowledged.iter().cloned().collect()
    }

    /// How many lines were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.lines + self.acknowledged.len()
    }

    /// How many refusals were answered.
    pub(crate) fn refused(&self) -> usize {
        self.refusals + self.refused.len()
    }

    /// Adds another home's figures.
    pub(crate) fn add(&mut self, other: &Self) {
        self.lines += other.acknowledged();
        self.refusals += other.refused();
        self.in_doubt += other.in_doubt;
        self.written_in_doubt += other.written_in_doubt;
    }

    /// Cuts the last line if the victim died before it was synced: as a kill leaves it that strikes inside the write, which
    /// it seldom does by itself. Says whether the ledger ends torn.
    pub(crate) fn tear(&self, home: &Home, chance: &mut Chance) -> bool {
        let queue = home.queue();
        let Some(last) = queue.lines().pop() else { return false };
        if queue.bytes().ends_with(b"\n") {
            if not_durable_from(home).is_none_or(|from| queue.bytes().len() - 1 - last.len() < from) {
                return false;
            }
            let line: Value = serde_json::from_str(&last).expect("whole lines are JSON");
            let key = (text(&line, "event").to_owned(), text(&line, "queue_id").to_owned());
            assert!(!self.acknowledged.contains(&key), "acknowledged before it was durable: {line}");
            // At least its newline, and at most all but its first byte.
            let more = if chance.below(4) == 0 { 0 } else { chance.below(last.len()) };
            let length = queue.bytes().len() - 1 - more;
            let path = home.runtime().join("queue.jsonl");
            let file = std::fs::File::options().write(true).open(path).expect("the ledger can be opened");
            file.set_len(length as u64).expect("the ledger can be cut");
        }
        let ran = home.cli(&["audit", "verify"], &[]);
        assert_eq!(ran.exit, Some(10), "a torn ledger is called torn: {ran:#?}");
        true
    }

    /// The ledger is sound; it holds every acknowledged line once, and beside them only whole lines of commands without an
    /// answer. Every refusal that was answered is on record. What the server lists is the fold of these lines, and just
    /// the contracts of live items are pinned.
    pub(crate) fn check(&self, home: &Home, server: &Server) {
        let lines = assert_sound(home);
        let mut seen = BTreeSet::new();
        for line in &lines {
            let key = (text(line, "event").to_owned(), text(line, "queue_id").to_owned());
            let known = self.acknowledged.contains(&key) || self.doubts.iter().any(|doubt| doubt.is_of(line));
            assert!(known, "nobody asked for this line: {line}");
            assert!(seen.insert(key), "a line stands twice: {line}");
        }
        let lost: Vec<_> = self.acknowledged.difference(&seen).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");

        let mut refusals = home.decisions().events();
        refusals.retain(|line| line["code"] == "CONFIRM_REQUIRED");
        // Beyond sixty a minute they are counted, and the counts written down.
        let (counts, refusals): (Vec<_>, Vec<_>) = refusals.into_iter().partition(|line| line["count"].is_u64());
        let counted: u64 = counts.iter().filter_map(|line| line["count"].as_u64()).sum();
        let recorded: BTreeSet<String> = refusals.iter().map(|line| text(line, "run_id").to_owned()).collect();
        assert_eq!(recorded.len(), refusals.len(), "a refusal stands twice");
        let lost: Vec<_> = self.refused.difference(&recorded).collect();
        assert!(lost.len() as u64 <= counted, "refused and not on record: {lost:?}");

        let mut folded = BTreeMap::<&str, &str>::new();
        let mut contracts = BTreeMap::<&str, &str>::new();
        for line in &lines {
            folded.insert(text(line, "queue_id"), text(line, "status"));
            if line["event"] == "QUEUE_ENQUEUE" {
                contracts.insert(text(line, "queue_id"), text(line, "contract_sha256"));
            }
        }
        let listed = server.send(&Request::get("/api/queue")).answer();
        let listed = listed.as_array().expect("a list");
        let listed: BTreeMap<&str, &str> =
            listed.iter().map(|item| (text(item, "queue_id"), text(item, "status"))).collect();
        assert_eq!(listed, folded);

        let live = folded.iter().filter(|(_, status)| ["PENDING", "CLAIMED"].contains(status));
        let wanted: BTreeSet<String> = live.map(|(id, _)| format!("{}.json", contracts[id])).collect();
        let pinned = std::fs::read_dir(home.runtime().join("contracts")).expect("pins can be listed");
        let pinned: BTreeSet<String> = pinned
            .map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned())
            .collect();
        assert_eq!(pinned, wanted);
    }

    /// Does what a careful client does after a lost answer: it asks again, with the same preview. It is told of the line
    /// that is there, or the line is written now.
    pub(crate) fn retry(&mut self, home: &Home, server: &Server) {
        let lines = home.queue().events();
        self.written_in_doubt += lines.iter().filter(|line| self.open.iter().any(|doubt| doubt.is_of(line))).count();
        let mut pilot = None;
        for doubt in std::mem::take(&mut self.open) {
            let Doubt::Enqueue { run, preview_token, over_mcp } = &doubt else { continue };
            let was_there = lines.iter().any(|line| doubt.is_of(line));
            let applied = if *over_mcp {
                let pilot =
                    pilot.get_or_insert_with(|| home.pilot(VERSIONS[3], &[&[GATE_OPEN], &NO_LIMITS[..]].concat()));
                let arguments = apply(run, json!({"preview_token": preview_token}));
                pilot.call("enqueue_from_run", &arguments).answer().clone()
            } else {
                let body = json!({
                    "confirm": true, "requested_by": "Ada", "approval_reason": "once more", "preview_token": preview_token,
                });
                server.send(&Request::post(&format!("/api/queue/from-run/{run}"), &body.to_string())).answer()
            };
            assert_eq!(applied["already_applied"], was_there, "{applied}");
            assert_eq!(applied["source_run_id"], **run);
            self.acknowledged.insert(("QUEUE_ENQUEUE".to_owned(), text(&applied, "queue_id").to_owned()));
        }
    }
}

/// From where on the lock file's mark says that bytes of `queue.jsonl` may not be durable; `None` when all are.
fn not_durable_from(home: &Home) -> Option<usize> {
    let marks = std::fs::read_to_string(home.runtime().join("ledger.lock")).expect("the marks can be read");
    let mut words = marks.lines().next()?.split_whitespace();
    let (name, state, from) = (words.next()?, words.next()?, words.nth(1)?);
    assert_eq!(name, "queue.jsonl");
    (state == "set").then(|| from.parse().expect("an offset"))
}

impl Doubt {
    /// Whether a line is the one that this command would have written.
    fn is_of(&self, line: &Value) -> bool {
        match self {
            Self::Enqueue { run, .. } => line["event"] == "QUEUE_ENQUEUE" && line["source_run_id"] == **run,
            Self::Cancel { queue_id } => line["event"] == "QUEUE_CANCEL" && line["queue_id"] == **queue_id,
            Self::Claim { worker } => line["event"] == "QUEUE_CLAIM" && line["worker"] == **worker,
        }
    }
}
