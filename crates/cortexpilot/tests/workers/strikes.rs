//! A campaign: so many strikes, dealt to workers while they hold an item, with an operator who sees to it that there is work
//! and settles what is held.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::history::History;
use crate::late::comes_late;
use crate::sound;
use crate::stage::{LEASE, Stage};
use crate::support::home::Variable;
use crate::support::process::{PATIENCE, Process};

/// Workers at once. More than the machine has processors: most of the time they wait for a lease to end.
const WORKERS: usize = 6;

/// How often the lines are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What is done to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strike {
    /// SIGKILL: it is gone, and another of its name starts.
    Kill,
    /// SIGSTOP, and SIGCONT when its lease has ended: it goes on as if nothing had been.
    Stop,
    /// The wall clock of this process and of the server jumps.
    Jump,
}

/// What of the world outside a campaign needs.
pub(crate) struct Setting<'a> {
    /// Strikes to deal.
    pub(crate) strikes: usize,
    /// Of which kinds, each as often as the others.
    pub(crate) kinds: &'a [Strike],
    /// Sets the clocks of a process anew: the number is a chance to draw from.
    pub(crate) jump: &'a (dyn Fn(&str, u64) + Sync),
    /// Removes what a killed process could not take along.
    pub(crate) buried: &'a (dyn Fn(Pid) + Sync),
    /// What a worker of this name is started with.
    pub(crate) environment: &'a (dyn Fn(&str) -> Vec<(String, String)> + Sync),
    /// The plan of the strikes.
    pub(crate) seed: u64,
}

/// What a campaign came to.
pub(crate) struct Struck {
    /// How often what was done.
    pub(crate) dealt: BTreeMap<Strike, usize>,
    /// What the lines say.
    pub(crate) history: History,
    /// How often a worker that had lost its lease came with its result, and was refused.
    pub(crate) refused: usize,
    /// The same of one that speaks HTTP, with whatever it said.
    pub(crate) late: usize,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Deals the strikes, waits until every item has come to its end, and checks what the lines say.
pub(crate) fn campaign(stage: &Stage, setting: &Setting<'_>) -> Struck {
    let began = Instant::now();
    let left = AtomicUsize::new(setting.strikes);
    let dealt = Mutex::new(BTreeMap::new());
    let over = AtomicBool::new(false);
    let (mut workers, mut late) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let operator = scope.spawn(|| {
            let _ends = EndsWithPanic { left: &left, over: &over };
            operate(stage, &left, &over);
        });
        let comes_late = scope.spawn(|| {
            let _ends = EndsWithPanic { left: &left, over: &over };
            comes_late(stage, &left)
        });
        let slots: Vec<_> = (0..WORKERS)
            .map(|number| {
                let (left, dealt, over) = (&left, &dealt, &over);
                scope.spawn(move || {
                    let _ends = EndsWithPanic { left, over };
                    let mut slot = Slot::start(stage, setting, number);
                    while !over.load(Ordering::SeqCst) && take_one(left) {
                        match slot.strike() {
                            Some(kind) => *dealt.lock().expect("nobody panics here").entry(kind).or_insert(0) += 1,
                            None => drop(left.fetch_add(1, Ordering::SeqCst)),
                        }
                    }
                    slot.worker
                })
            })
            .collect();
        for slot in slots {
            match slot.join() {
                Ok(worker) => workers.push(worker),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        operator.join().expect("the operator failed: see above");
        late = comes_late.join().expect("who comes late failed: see above");
    });
    for worker in workers {
        let ended = worker.terminate();
        assert!(ended.status.success(), "{:?}\n{}", ended.status, ended.stderr);
    }
    let history = stage.history();
    assert_eq!(history.problems, [""; 0], "seed {}", setting.seed);
    assert_eq!((history.open(), history.not_successful()), (Vec::new(), Vec::new()), "seed {}", setting.seed);
    runs_are_there(stage, &sound::assert_sound(&stage.home));
    let decisions = stage.home.decisions().events();
    let refused = decisions.iter().filter(|line| is_refusal_of_a_stale_worker(line)).count();
    let dealt = dealt.into_inner().expect("nobody panics here");
    Struck { dealt, history, refused, late, took: began.elapsed() }
}

/// Ends the campaign where the one who holds it panics: the others would strike on, and the operator feed them, for ever.
struct EndsWithPanic<'a> {
    left: &'a AtomicUsize,
    over: &'a AtomicBool,
}

impl Drop for EndsWithPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.left.store(0, Ordering::SeqCst);
            self.over.store(true, Ordering::SeqCst);
        }
    }
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// Keeps work waiting while strikes are left, and settles what is held until nothing is open.
fn operate(stage: &Stage, left: &AtomicUsize, over: &AtomicBool) {
    let mut quiet_since = Instant::now();
    let mut seen = 0;
    while !over.load(Ordering::SeqCst) {
        let history = stage.history();
        let strikes = left.load(Ordering::SeqCst);
        for held in history.to_settle() {
            stage.requeue(held);
        }
        let open = history.open().len();
        if strikes > 0 {
            for _ in open..2 * WORKERS {
                stage.enqueue();
            }
        } else if open == 0 {
            return;
        }
        let did = history.claims + history.ended + history.held + history.repeated;
        if did != seen {
            (seen, quiet_since) = (did, Instant::now());
        }
        if quiet_since.elapsed() > PATIENCE {
            panic!("nothing happens any more; open: {:?}", history.open());
        }
        std::thread::sleep(4 * LOOK);
    }
}

/// A worker's place: its process, and another of its name when it was killed.
struct Slot<'a> {
    stage: &'a Stage,
    setting: &'a Setting<'a>,
    name: String,
    chance: Chance,
    worker: Process,
}

impl<'a> Slot<'a> {
    fn start(stage: &'a Stage, setting: &'a Setting<'a>, number: usize) -> Self {
        let name = format!("worker-{number}");
        let worker = spawn(stage, setting, &name);
        let chance = Chance(setting.seed.wrapping_add(1 + number as u64) | 1);
        Self { stage, setting, name, chance, worker }
    }

    /// Waits until the worker has an item, and then a moment; strikes. `None` where it got none in time.
    fn strike(&mut self) -> Option<Strike> {
        let kind = self.setting.kinds[self.chance.below(self.setting.kinds.len())];
        let held = self.waits_for_an_item()?;
        spread(self.chance.duration(Duration::from_millis(600)));
        match kind {
            Strike::Kill => {
                let next = spawn(self.stage, self.setting, &self.name);
                let victim = std::mem::replace(&mut self.worker, next);
                let pid = victim.pid();
                victim.kill();
                (self.setting.buried)(pid);
            }
            Strike::Stop => {
                self.worker.signal(Signal::STOP);
                // Until somebody noticed; or, where it had just handed in the item and holds nothing, for a lease.
                let until = Instant::now() + 4 * LEASE;
                while Instant::now() < until && still_holds(&self.stage.events(), &held) {
                    std::thread::sleep(LOOK);
                }
                spread(self.chance.duration(Duration::from_millis(100)));
                self.worker.signal(Signal::CONT);
            }
            Strike::Jump => (self.setting.jump)(&self.name, self.chance.next()),
        }
        Some(kind)
    }

    fn waits_for_an_item(&self) -> Option<Held> {
        let until = Instant::now() + PATIENCE / 4;
        while Instant::now() < until {
            if let Some(held) = holds(&self.stage.events(), &self.name) {
                return Some(held);
            }
            std::thread::sleep(LOOK);
        }
        None
    }
}

fn spawn(stage: &Stage, setting: &Setting<'_>, name: &str) -> Process {
    let environment = (setting.environment)(name);
    let environment: Vec<Variable<'_>> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    stage.worker(name, &environment)
}

/// Item and attempt that the lines say a worker has.
type Held = (String, u64);

fn holds(lines: &[Value], worker: &str) -> Option<Held> {
    let claim = lines.iter().rev().find(|line| line["event"] == "QUEUE_CLAIM" && line["worker"] == worker)?;
    let held = (claim["queue_id"].as_str()?.to_owned(), claim["attempt"].as_u64()?);
    still_holds(lines, &held).then_some(held)
}

/// Whether the item's last line, leaving requests to stop aside, is this claim.
pub(crate) fn still_holds(lines: &[Value], (queue_id, attempt): &Held) -> bool {
    let of_item = lines.iter().rev().filter(|line| line["queue_id"] == **queue_id && line["event"] != "QUEUE_STOP");
    of_item.take(1).any(|last| last["event"] == "QUEUE_CLAIM" && last["attempt"] == *attempt)
}

/// A worker of ours came with the token of a claim that had ended; who comes late over HTTP is an operator.
fn is_refusal_of_a_stale_worker(line: &Value) -> bool {
    let by_worker = line["principal"].as_str().is_some_and(|principal| principal.starts_with("worker:"));
    by_worker && (line["code"] == "LEASE_INVALID" || line["code"] == "QUEUE_ITEM_NOT_CLAIMED")
}

/// Every item that succeeded has the run that its line names, and that run says so too.
fn runs_are_there(stage: &Stage, lines: &[Value]) {
    for done in lines.iter().filter(|line| line["event"] == "QUEUE_DONE") {
        let manifest = stage.home.runs().join(sound::text(done, "run_id")).join("manifest.json");
        let bytes = std::fs::read(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
        let manifest: Value = serde_json::from_slice(&bytes).expect("a manifest is JSON");
        assert_eq!(manifest["status"], done["status"], "{done}");
    }
}

/// Lets a moment pass. Nothing waits for anything here: it spreads the strikes.
fn spread(moment: Duration) {
    std::thread::sleep(moment);
}

/// The plan's seed: drawn anew, unless the environment names the one to repeat.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, which the product never sees")]
pub(crate) fn seed() -> u64 {
    match std::env::var("CORTEXPILOT_CRASH_SEED") {
        Ok(text) => text.parse().expect("CORTEXPILOT_CRASH_SEED is a number"),
        // Hash states are seeded by the system, each differently.
        Err(_) => RandomState::new().hash_one(0) | 1,
    }
}

/// Xorshift (Marsaglia 2003): spread is all that is asked of it.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("invariant: less than a usize")
    }

    fn duration(&mut self, longest: Duration) -> Duration {
        Duration::from_nanos(self.next() % u64::try_from(longest.as_nanos()).expect("invariant: milliseconds"))
    }
}
