//! A run of 200 appends to both files, struck at every write, sync and change of a name, and by power failures.
//!
//! The run is the same every time, byte for byte, so it is made once on a sound disk, and what a struck one leaves behind
//! is compared with that: each file must be a beginning of it that ends with a line, holds every line that was
//! acknowledged, and none whose command was answered as not carried out. The checker says what is wrong instead of
//! panicking, so that the controls can show that it does.

use cortexpilot_core::port::conformance::{complete, lease, lose, release};

use super::*;

const EIO: i32 = rustix::io::Errno::IO.raw_os_error();
const ENOSPC: i32 = rustix::io::Errno::NOSPC.raw_os_error();

const APPENDS: usize = 200;

/// Lines of each round: one command alone, then nine in one batch.
const ROUND: usize = 10;

/// How far both files reach, in bytes: the queue's, then the decisions'.
type Reach = [usize; 2];

/// A command of the run, and how far the files reach when it is carried out.
struct Deed {
    command: Command,
    after: Reach,
}

struct Run {
    deeds: Vec<Deed>,
    files: [Vec<u8>; 2],
}

const NAMES: [&str; 2] = ["queue.jsonl", "decisions.jsonl"];

impl Run {
    /// Enqueue; then enqueue, a refusal, claim, an end of the claim, cancel, a request, its approval, freeze and unfreeze, or
    /// pause and resume.
    fn of(appends: usize) -> Self {
        let root = Root::new();
        let store = root.sound();
        let mut run = Self { deeds: Vec::new(), files: [Vec::new(), Vec::new()] };
        for round in 0..appends / ROUND {
            // Refusals of one kind within a minute are counted, not written down one by one.
            let base = i64::try_from(round).unwrap() * 70;
            let name = |what: &str| format!("run_{round:02}_{what}");
            let apply = |ask: Ask, store: &FileStore| ask.command(block_on(ask.preview(store)));
            run.deed(&root, &store, apply(Ask::of(&name("a")).at(base), &store));
            let made = run.deed(&root, &store, apply(Ask::of(&name("b")).at(base + 1), &store));
            let Verdict::Enqueued(second) = made else { panic!("{made:?}") };
            run.deed(&root, &store, Ask::of(&name("x")).at(base + 2).unseen());
            let claimed = run.deed(&root, &store, claim(soon(base + 3)));
            let Verdict::Claimed(claimed) = claimed else { panic!("{claimed:?}") };
            let (id, token, at) = (claimed.queue_id(), lease(&claimed), soon(base + 4));
            let end = match round % 3 {
                0 => complete(id, &token, at),
                1 => lose(&claimed, 0, 900, at),
                _ => release(id, &token, false, at),
            };
            run.deed(&root, &store, end);
            assert_ne!(claimed.queue_id(), second.queue_id(), "the oldest is claimed first");
            run.deed(&root, &store, cancel(second.queue_id(), soon(base + 5)));
            let ask = Ask::of(&name("c")).by(agent("alice")).under(ApprovalPolicy::Operator).at(base + 6);
            let wished = run.deed(&root, &store, apply(ask, &store));
            let Verdict::AwaitsApproval(wished) = wished else { panic!("{wished:?}") };
            run.deed(&root, &store, approve(&person("bob"), &wished, soon(base + 7)));
            let (halt, go) = match round % 2 {
                0 => (Decide::Freeze, Decide::Unfreeze),
                _ => (Decide::Pause, Decide::Resume),
            };
            run.deed(&root, &store, govern(&person("ops"), soon(base + 8), halt));
            run.deed(&root, &store, govern(&person("ops"), soon(base + 9), go));
        }
        drop(store);
        assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
        let lines = run.files.iter().flatten().filter(|byte| **byte == b'\n').count();
        assert_eq!((lines, run.deeds.len()), (appends, appends), "each command appends one line");
        run
    }

    fn deed(&mut self, root: &Root, store: &FileStore, command: Command) -> Verdict {
        let verdict = block_on(execute(store, command.clone()));
        self.files = NAMES.map(|name| root.read(name));
        self.deeds.push(Deed { command, after: self.reach() });
        verdict
    }

    fn reach(&self) -> Reach {
        [self.files[0].len(), self.files[1].len()]
    }
}

/// What callers were told, as the least and the most that the files may hold.
#[derive(Default)]
struct Told {
    least: Reach,
    most: Reach,
    acknowledged: usize,
    failed: bool,
    /// A command of this round was not carried out.
    left_out: bool,
}

impl Told {
    fn hear(&mut self, deed: &Deed, before: Reach, answer: &Result<Verdict, StoreError>) -> Result<(), String> {
        let file = usize::from(deed.after[1] > before[1]);
        self.left_out |= answer.is_err();
        match answer {
            // A refusal stands whether or not it could be written down.
            Ok(Verdict::Denied(_)) if self.failed => {}
            Ok(Verdict::Denied(_)) => self.most[file] = deed.after[file],
            // To thaw what was never frozen takes no line. Where the freeze came in a batch of its own, and nothing could be
            // written for that, it is judged like this; where another was left out, it has one.
            Ok(Verdict::Recorded(_)) if self.left_out && !self.failed && thaws(&deed.command) => {
                self.most[file] = deed.after[file];
            }
            Ok(verdict) if self.failed => return Err(format!("acknowledged after a failure: {verdict:?}")),
            Ok(_) => {
                self.acknowledged += 1;
                self.least[file] = deed.after[file];
                self.most[file] = deed.after[file];
            }
            Err(StoreError::OutcomeUnknown(_)) => self.most[file] = deed.after[file],
            Err(StoreError::Unavailable(_)) => {}
            Err(other) => return Err(format!("answered {other}")),
        }
        Ok(())
    }
}

fn thaws(command: &Command) -> bool {
    matches!(command, Command::Govern(govern) if matches!(govern.what, Decide::Unfreeze))
}

/// Sends the run's commands, round by round, until one of them fails; to a process that lives on, two more that must fail
/// too. With a gate, the first of a round is carried out alone and the others are one batch.
fn send(run: &Run, store: &FileStore, gate: Option<&Faults>, lives_on: bool) -> Result<Told, String> {
    let mut told = Told::default();
    let mut before = Reach::default();
    for round in run.deeds.chunks(ROUND) {
        if let Some(gate) = gate {
            gate.shut();
        }
        let mut waiting = vec![store.execute(round[0].command.clone())];
        if let Some(gate) = gate {
            gate.wait_until_shut_out();
        }
        waiting.extend(round[1..].iter().map(|deed| store.execute(deed.command.clone())));
        if let Some(gate) = gate {
            gate.reopen();
        }
        let answers = block_on(futures_util::future::join_all(waiting));
        for (deed, answer) in round.iter().zip(&answers) {
            told.hear(deed, before, answer)?;
            before = deed.after;
        }
        if answers.iter().any(Result::is_err) {
            told.failed = true;
            let late = [govern(&person("ops"), soon(9_000), Decide::Freeze), claim(soon(9_001))];
            for late in late.into_iter().filter(|_| lives_on) {
                if let Ok(verdict) = block_on(store.execute(late)) {
                    return Err(format!("acknowledged after a failure: {verdict:?}"));
                }
            }
            break;
        }
    }
    Ok(told)
}

/// A sealing that fails may end a process between two rounds: then nobody comes to the gate.
fn gate<'a>(root: &Root, faults: &'a Faults) -> Option<&'a Faults> {
    (root.segments == SegmentRule::default()).then_some(faults)
}

/// What the next process makes of it.
fn judge(run: &Run, root: &Root, told: &Told, thorough: bool) -> Result<(), String> {
    if thorough {
        // Before anything is settled a reader sees all that was acknowledged, and nothing that was not written.
        let reader = crate::FileReader::open(&root.path);
        let lines = |end: usize| run.files[0][..end].iter().filter(|byte| **byte == b'\n').count() as u64;
        match block_on(reader.health()) {
            Ok(health) if (lines(told.least[0])..=lines(told.most[0])).contains(&health.lines) => {}
            Ok(health) => return Err(format!("a reader sees {} lines", health.lines)),
            // Half a mark came through a power failure: it says nothing rather than something that may not last.
            Err(StoreError::Unavailable(why)) if why.contains("the next process that writes settles it") => {}
            Err(error) => return Err(format!("a reader: {error}")),
        }
    }
    let store = root.open(Disk::default()).map_err(|error| format!("does not open: {error}"))?;
    let health = block_on(store.health()).map_err(|error| error.to_string())?;
    if let Some(error) = health.refuses_writes {
        return Err(format!("refuses writes: {error}"));
    }
    for (at, name) in NAMES.into_iter().enumerate() {
        let found = root.whole(FileKind::ALL[at]);
        if !run.files[at].starts_with(&found) || found.last().is_some_and(|last| *last != b'\n') {
            return Err(format!("{name} is no beginning of the run in whole lines"));
        }
        if found.len() < told.least[at] {
            return Err(format!("{name}: a line that was acknowledged is lost"));
        }
        if found.len() > told.most[at] {
            return Err(format!("{name}: a line is there that was answered as not written"));
        }
    }
    // Whoever comes next goes on.
    let thaw = block_on(execute(&store, govern(&person("ops"), soon(9_002), Decide::Unfreeze)));
    let queued = block_on(Ask::of("run_after").at(9_003).apply(&store));
    if !matches!((&thaw, &queued), (Verdict::Recorded(_), Verdict::Enqueued(_))) {
        return Err(format!("does not go on: {thaw:?}, {queued:?}"));
    }
    if thorough {
        let report = verify(&root.path).map_err(|error| error.to_string())?;
        let pins = std::fs::read_dir(root.path.join("contracts")).map_or(0, Iterator::count);
        if (report.verdict, report.live_contracts) != (Sound::Sound, pins) {
            return Err(format!("{:?} with {pins} contracts of {}", report.verdict, report.live_contracts));
        }
    }
    Ok(())
}

/// One run on a disk whose n-th write, sync or change of a name fails with this error.
fn strike(run: &Run, root: &Root, errno: i32, n: i64) -> Result<Option<Told>, String> {
    let faults = Faults::at(n, Fault::Errno(errno));
    let told = match root.open(faults.disk()) {
        Ok(store) => send(run, &store, Some(&faults), true)?,
        // It does not even start, and says so.
        Err(_) => Told { failed: true, ..Told::default() },
    };
    if !faults.struck() {
        assert!(!told.failed && told.acknowledged == APPENDS - run.refusals(), "the run goes through");
        return Ok(None);
    }
    judge(run, root, &told, n % 8 == 0)?;
    Ok(Some(told))
}

impl Run {
    fn refusals(&self) -> usize {
        self.deeds.len() / ROUND
    }
}

fn every_change_fails_once_with(errno: i32, name: &str) {
    let run = Run::of(APPENDS);
    let (mut fired, mut harmless, mut acknowledged) = (0, 0, 0);
    for n in 0.. {
        match strike(&run, &Root::new(), errno, n).unwrap_or_else(|why| panic!("{name} at change {n}: {why}")) {
            Some(told) => {
                fired += 1;
                harmless += usize::from(!told.failed);
                acknowledged += told.acknowledged;
            }
            None => break,
        }
    }
    assert!(fired > APPENDS && harmless < fired / 10, "{fired} fired, {harmless} harmless");
    println!("fired: {fired} faults of a disk ({name})");
    println!(
        "figure: a run of {APPENDS} appends to both files, every write, sync and change of a name failed once with {name}: \
         {fired} injections fired, {acknowledged} commands acknowledged before them, 0 lost, 0 half there ({harmless} were \
         harmless: a contract too many until the next start, or no reserve)"
    );
}

#[test]
fn a_run_of_200_appends_survives_eio_at_every_change() {
    every_change_fails_once_with(EIO, "EIO");
}

#[test]
fn a_run_of_200_appends_survives_enospc_at_every_change() {
    every_change_fails_once_with(ENOSPC, "ENOSPC");
}

/// Appends of the run that loses power.
const SHORT: usize = 40;

/// Power fails before the n-th change of a run. Says whether the run got that far, and what is wrong afterwards.
fn lose_power(run: &Run, root: &Root, n: i64, half: bool, lies: bool) -> (bool, Result<(), String>) {
    let faults = Faults::over_medium(n, Fault::Stop, lies);
    let told = match root.open(faults.disk()) {
        Ok(store) => send(run, &store, gate(root, &faults), false),
        Err(_) => Ok(Told { failed: true, ..Told::default() }),
    };
    let dirs = [root.path.clone(), root.path.join("contracts"), root.path.join("segments")];
    faults.lose_power(&dirs, half).unwrap();
    (faults.struck(), told.and_then(|told| judge(run, root, &told, n % 8 == 0)))
}

/// Power fails at every change. Gives how often it did, and each complaint.
fn power_failures(run: &Run, root: fn() -> Root, lies: bool) -> (usize, Vec<String>) {
    let (mut fired, mut complaints) = (0, Vec::new());
    for half in [false, true] {
        for n in 0.. {
            let (struck, judged) = lose_power(run, &root(), n, half, lies);
            fired += 1;
            if let Err(why) = judged {
                complaints.push(format!("{why} (change {n}, {} kept)", if half { "half" } else { "nothing" }));
            }
            // The run's end is a moment like any other.
            if !struck {
                break;
            }
        }
    }
    (fired, complaints)
}

#[test]
fn power_may_fail_before_every_change() {
    let (fired, complaints) = power_failures(&Run::of(SHORT), Root::new, false);
    assert_eq!(complaints, [""; 0]);
    assert!(fired > SHORT);
    println!("fired: {fired} power failures");
    println!(
        "figure: power failed before every change of a run of {SHORT} appends, with nothing or half kept of what was not \
         synced: {fired} times, 0 acknowledged lines lost"
    );
}

/// The control: were a sync left out, the campaign above would say so.
#[test]
fn where_syncs_are_left_out_the_checker_finds_acknowledged_lines_lost() {
    let (fired, complaints) = power_failures(&Run::of(ROUND), Root::new, true);
    let lost = complaints.iter().filter(|why| why.contains("a line that was acknowledged is lost")).count();
    assert!(lost > ROUND, "{lost} of {fired}: {complaints:?}");
    println!(
        "figure: control: over a medium that says it synced and did not, the same checker found lost lines {lost} times of {fired}"
    );
}

/// The control of what is judged: a ledger that lost its last line, or got one that nobody was told of, is complained about.
#[test]
fn the_checker_finds_a_lost_line_and_one_that_nobody_was_told_of() {
    let run = Run::of(ROUND);
    let [whole, before] = [&run.deeds[ROUND - 1], &run.deeds[ROUND - 2]].map(|deed| deed.after);
    for (holds, told, complaint) in [
        (whole, whole, None),
        (before, whole, Some("a line that was acknowledged is lost")),
        (whole, before, Some("a line is there that was answered as not written")),
        ([whole[0], whole[1] - 1], before, Some("a line is there that was answered as not written")),
        ([whole[0] - 90, whole[1]], whole, Some("queue.jsonl: a line that was acknowledged is lost")),
    ] {
        let root = Root::new();
        for (at, name) in NAMES.into_iter().enumerate() {
            root.write(name, &run.files[at][..holds[at]]);
        }
        let told = Told { least: told, most: told, ..Told::default() };
        let judged = judge(&run, &root, &told, false);
        match (judged, complaint) {
            (Ok(()), None) => {}
            (Err(why), Some(wanted)) if why.contains(wanted) => {}
            other => panic!("{other:?}"),
        }
    }
    println!(
        "figure: control: a line lost, one that nobody was told of, and halves of both: 4 of 4 found by the same checker"
    );
}

#[test]
fn a_run_that_seals_whatever_it_can_may_be_killed_before_every_change() {
    let run = Run::of(SHORT);
    let mut fired = 0;
    for n in 0.. {
        let root = Root::sealing();
        let faults = Faults::at(n, Fault::Stop);
        let told = match root.open(faults.disk()) {
            Ok(store) => send(&run, &store, gate(&root, &faults), false).unwrap_or_else(|why| panic!("{n}: {why}")),
            Err(_) => Told { failed: true, ..Told::default() },
        };
        if !faults.struck() {
            assert!(std::fs::read_dir(root.path.join("segments")).unwrap().count() > 0, "it does seal");
            break;
        }
        judge(&run, &root, &told, true).unwrap_or_else(|why| panic!("change {n}: {why}"));
        fired += 1;
    }
    assert!(fired > SHORT, "{fired} fired");
    println!("fired: killed {fired} times while the ledger was written and sealed");
}

#[test]
fn power_may_fail_before_every_change_of_a_run_that_seals_whatever_it_can() {
    let (fired, complaints) = power_failures(&Run::of(SHORT), Root::sealing, false);
    assert_eq!(complaints, [""; 0]);
    assert!(fired > SHORT);
    println!("fired: {fired} power failures while the ledger was sealed");
}
