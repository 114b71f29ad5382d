//! A run's `contract.json` changes without pause while the run is previewed and applied. Whatever is queued is one
//! contract, whole: its digest, the pinned copy and the task id are of the same bytes, and they are what was previewed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use super::{apply_of, assert_sound, from_run, text};
use crate::support::ledger::sha256_hex;
use crate::support::{Connection, GATE_OPEN, Home, Request};

/// What the pairs came to.
#[derive(Default)]
struct Outcome {
    applied: Vec<Value>,
    refused: BTreeMap<String, usize>,
}

/// Two versions of a run's contract, beside the runs root.
struct Versions {
    contract: PathBuf,
    files: [PathBuf; 2],
    bytes: [Vec<u8>; 2],
    next: PathBuf,
}

impl Versions {
    /// Of this run, which it makes. With `evidence` the manifest vouches for the first version.
    fn make(home: &Home, run: &str, evidence: bool) -> Self {
        let of = |version: &str| {
            RunFixture::new(run).task(&format!("task_{version}_of_{run}")).contract(|contract| {
                // Of different lengths, so that half of one is never all of the other.
                contract.insert("note".into(), version.repeat(if version == "b" { 5_000 } else { 10 }).into());
            })
        };
        let first = if evidence { of("a") } else { of("a").without_evidence() };
        let beside = home.root().join("versions").join(run);
        let second = of("b").write(&beside).expect("a run can be written").join("contract.json");
        let contract = home.run(&first).join("contract.json");
        let kept = beside.join("a.json");
        fs::copy(&contract, &kept).expect("a contract can be copied");
        let files = [kept, second];
        let bytes = files.each_ref().map(|file| fs::read(file).expect("a contract can be read"));
        Self { contract, files, bytes, next: beside.join("next.json") }
    }

    /// Puts one version in place, and next time the other, by renaming.
    fn rename(&self, time: usize) {
        fs::hard_link(&self.files[time % 2], &self.next).expect("a file can be linked");
        fs::rename(&self.next, &self.contract).expect("a file can be renamed");
    }

    /// Writes one version over the other, as a careless program does, and leaves it for one to eight milliseconds: a preview
    /// and its apply fit in between, or not.
    fn overwrite(&self, time: usize) {
        fs::write(&self.contract, &self.bytes[time % 2]).expect("a contract can be written");
        std::thread::sleep(Duration::from_millis(1 << (time % 4)));
    }
}

#[test]
fn what_is_queued_is_one_contract_while_contracts_are_swapped_without_pause() {
    const PAIRS: usize = 300;
    let home = Home::in_memory();
    // The manifest of every third run vouches for the first version: of those runs the second is never queued.
    let versions: Vec<Versions> = (0..PAIRS).map(|at| Versions::make(&home, &name(at), at.is_multiple_of(3))).collect();
    let (outcome, swaps) = race(&home, &versions, Versions::rename);
    for line in &outcome.applied {
        let run: usize = text(line, "source_run_id")[4..].parse().expect("runs are numbered");
        let version = usize::from(line["task_id"] != format!("task_a_of_{}", name(run)));
        assert_eq!(line["contract_sha256"], sha256_hex(&versions[run].bytes[version]));
        assert!(!run.is_multiple_of(3) || version == 0, "a contract that the manifest does not vouch for: {line}");
    }
    let known = ["CONTRACT_ALTERED", "PREVIEW_STALE"];
    assert!(outcome.refused.keys().all(|code| known.contains(&code.as_str())), "{:?}", outcome.refused);
    println!("figure: {}", figure(&home, &outcome, PAIRS, &format!("with {swaps} swaps by rename")));
}

#[test]
fn what_is_queued_is_one_contract_while_contracts_are_overwritten_in_place() {
    const PAIRS: usize = 100;
    let home = Home::in_memory();
    let versions: Vec<Versions> = (0..PAIRS).map(|at| Versions::make(&home, &name(at), false)).collect();
    let (outcome, swaps) = race(&home, &versions, Versions::overwrite);
    let known = ["PREVIEW_STALE", "RUN_UNREADABLE"];
    assert!(outcome.refused.keys().all(|code| known.contains(&code.as_str())), "{:?}", outcome.refused);
    println!("figure: {}", figure(&home, &outcome, PAIRS, &format!("with {swaps} rewrites in place")));
}

fn name(at: usize) -> String {
    format!("run_{at:03}")
}

/// Previews and applies one run after the other while the contract of the current one is swapped; gives how often.
fn race(home: &Home, versions: &[Versions], swap: fn(&Versions, usize)) -> (Outcome, usize) {
    let server = home.serve(&[GATE_OPEN]);
    let current = AtomicUsize::new(0);
    let swapped = AtomicUsize::new(0);
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut swaps = 0;
            while let Some(run) = versions.get(current.load(Ordering::SeqCst)) {
                swaps += 1;
                swap(run, swaps);
                swapped.store(swaps, Ordering::SeqCst);
            }
        });
        // Ends the swapper also when a pair fails.
        let _end = SetOnDrop(&current, versions.len());
        let mut connection = server.connect();
        for at in 0..versions.len() {
            current.store(at, Ordering::SeqCst);
            // The race is on once this run's contract has been swapped.
            let before = swapped.load(Ordering::SeqCst);
            while swapped.load(Ordering::SeqCst) < before + 2 {
                assert!(!swapper.is_finished(), "the contract is not swapped any more: see above");
                std::hint::spin_loop();
            }
            outcome.take(home, pair(&mut connection, &name(at)));
        }
    });
    (outcome, swapped.load(Ordering::SeqCst))
}

struct SetOnDrop<'a>(&'a AtomicUsize, usize);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Ordering::SeqCst);
    }
}

/// One preview and one apply: the task that was previewed with the line that was appended, or the code of the refusal.
fn pair(connection: &mut Connection, run: &str) -> Result<(Value, Value), String> {
    let shown = connection.send(&Request::post(&format!("{}/preview", from_run(run)), "{}"));
    if shown.status != 200 {
        return Err(shown.code());
    }
    let shown = shown.json();
    let applied = connection.send(&apply_of(run, text(&shown, "preview_token")));
    if applied.status != 200 {
        return Err(applied.code());
    }
    Ok((shown["preview_item"]["task_id"].clone(), applied.json()))
}

impl Outcome {
    fn take(&mut self, home: &Home, pair: Result<(Value, Value), String>) {
        match pair {
            Ok((previewed, line)) => {
                assert_eq!(line["task_id"], previewed, "what is queued is what was previewed");
                let pinned = fs::read(pin(home, text(&line, "contract_sha256"))).expect("the contract is pinned");
                assert_eq!(line["contract_sha256"], sha256_hex(&pinned), "the pin is of its digest");
                let contract: Value = serde_json::from_slice(&pinned).expect("the pinned contract is JSON");
                assert_eq!(contract["task_id"], previewed, "and of the task that was previewed");
                self.applied.push(line);
            }
            Err(code) => *self.refused.entry(code).or_default() += 1,
        }
    }
}

fn pin(home: &Home, digest: &str) -> PathBuf {
    home.runtime().join("contracts").join(format!("{digest}.json"))
}

/// Nothing but what was applied is in the ledger or pinned.
fn figure(home: &Home, outcome: &Outcome, pairs: usize, how: &str) -> String {
    let lines = assert_sound(home);
    let written: Vec<&Value> = lines.iter().map(|line| &line["h"]).collect();
    let answered: Vec<&Value> = outcome.applied.iter().map(|line| &line["h"]).collect();
    assert_eq!(written, answered);
    let digests: BTreeSet<PathBuf> =
        outcome.applied.iter().map(|line| pin(home, text(line, "contract_sha256"))).collect();
    assert_eq!(files_in(&home.runtime().join("contracts")), digests);
    let (applied, refused) = (outcome.applied.len(), outcome.refused.values().sum::<usize>());
    assert_eq!(applied + refused, pairs);
    assert!(applied > 0 && refused > 0, "no race: {applied} applied, {refused} refused");
    format!(
        "{pairs} preview + apply pairs {how}: {applied} applied, each with digest, pin and task_id of one \
         contract; refused {}",
        json!(outcome.refused)
    )
}

fn files_in(directory: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(directory).expect("a directory can be listed").map(|entry| entry.expect("an entry").path()).collect()
}
