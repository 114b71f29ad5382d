//! The loop against a queue in memory: what a real one does only in bad luck.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::domain::text::WorkerName;
use cortexpilot_core::port::fake::{ManualClock, SeqIds};
use cortexpilot_work::{Assignment, Failure, FailureKind, NotStarted, Outcome, Progress, Stage, Stop};
use jiff::SignedDuration;
use tokio::sync::watch;

use super::carry::Ended;
use super::claims::{Asked, Candidate, Claims, End, Looked, Note, Presence, StopAsked, Taken, Trouble};
use super::drive::{Done, Drive, Habits, Orders};
use super::readiness::{Fit, Site};
use super::say::{Said, Say, To};
use crate::config::Secret;

/// What a queue answers to a word, one after the other; when they are used up, the last for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Yes,
    NotOurs,
    Away,
    Never,
}

impl Word {
    async fn answer(self) -> Result<(), Trouble> {
        match self {
            Self::Yes => Ok(()),
            Self::NotOurs => Err(Trouble::NotOurs("somebody else has it".into())),
            Self::Away => Err(Trouble::Away("no connection".into())),
            Self::Never => std::future::pending().await,
        }
    }
}

struct Fake {
    items: Mutex<VecDeque<Candidate>>,
    lease: Duration,
    beats: Mutex<VecDeque<Word>>,
    ends: Mutex<VecDeque<Word>>,
    /// What was told of items: `complete SUCCESS`, `release true`.
    told: Mutex<Vec<String>>,
    /// The first word took effect although its answer was lost.
    took_effect: AtomicBool,
    claims: AtomicUsize,
}

impl Fake {
    fn with(items: usize, lease: Duration, beats: &[Word], ends: &[Word]) -> Arc<Self> {
        let candidate = |n| Candidate {
            queue_id: id(n),
            task_id: format!("task_{n}"),
            workflow_id: String::new(),
            source_run_id: "run_ok".into(),
            repository: None,
            pinned: None,
        };
        Arc::new(Self {
            items: Mutex::new((0..items).map(candidate).collect()),
            lease,
            beats: Mutex::new(beats.iter().copied().collect()),
            ends: Mutex::new(ends.iter().copied().collect()),
            told: Mutex::default(),
            took_effect: AtomicBool::default(),
            claims: AtomicUsize::default(),
        })
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    async fn end(&self, word: String) -> Result<(), Trouble> {
        let answer = next(&self.ends);
        self.told.lock().unwrap().push(word);
        answer.answer().await
    }
}

fn next(words: &Mutex<VecDeque<Word>>) -> Word {
    let mut words = words.lock().unwrap();
    if words.len() > 1 { words.pop_front().unwrap() } else { words.front().copied().unwrap_or(Word::Yes) }
}

fn id(n: usize) -> QueueItemId {
    QueueItemId::parse(&format!("{n:032x}")).unwrap()
}

impl Claims for Fake {
    fn look(&self, limit: usize) -> Asked<'_, Looked> {
        let candidates = self.items.lock().unwrap().iter().take(limit).cloned().collect();
        Box::pin(async move { Ok(Looked { candidates, idle: None }) })
    }

    fn contract<'a>(&'a self, _: &'a QueueItemId) -> Asked<'a, Option<Arc<[u8]>>> {
        Box::pin(async { Ok(Some(Arc::from(&b"{}"[..]))) })
    }

    fn claim<'a>(&'a self, id: &'a QueueItemId, _: Duration) -> Asked<'a, Option<Taken>> {
        Box::pin(async move {
            self.claims.fetch_add(1, Ordering::SeqCst);
            let mut items = self.items.lock().unwrap();
            let Some(at) = items.iter().position(|item| item.queue_id == *id) else { return Ok(None) };
            items.remove(at);
            Ok(Some(Taken {
                queue_id: id.clone(),
                run_id: RunId::parse("run_1").unwrap(),
                attempt: 1,
                token: Secret::new("token".into()),
                lease: self.lease,
                pinned: None,
            }))
        })
    }

    fn heartbeat<'a>(&'a self, _: &'a Taken, _: Note) -> Asked<'a, Option<StopAsked>> {
        Box::pin(async move { next(&self.beats).answer().await.map(|()| None) })
    }

    fn complete<'a>(&'a self, _: &'a Taken, end: End, _: Option<String>) -> Asked<'a, ()> {
        Box::pin(self.end(format!("complete {}", end.as_str())))
    }

    fn release<'a>(&'a self, _: &'a Taken, started: bool, _: String) -> Asked<'a, ()> {
        Box::pin(self.end(format!("release {started}")))
    }

    fn ended_so<'a>(&'a self, _: &'a Taken, _: Option<End>) -> Asked<'a, bool> {
        Box::pin(async { Ok(self.took_effect.load(Ordering::SeqCst)) })
    }

    fn present<'a>(&'a self, _: &'a Presence) -> Asked<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn gone<'a>(&'a self, _: &'a Presence) -> Asked<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Where work is: it ends as it is told to, or runs until somebody asks it to stop.
#[derive(Clone)]
struct Desk {
    failure: Option<FailureKind>,
    until_asked: bool,
    ready: Result<(), String>,
    refuses: bool,
}

impl Desk {
    fn done() -> Self {
        Self { failure: None, until_asked: false, ready: Ok(()), refuses: false }
    }
}

impl Site for Desk {
    fn fits(&self, _: &Candidate, contract: Option<Arc<[u8]>>) -> Result<Fit, String> {
        self.ready.clone()?;
        let contract = contract.expect("the fake has one");
        let sha256 = Sha256Digest::of(&contract);
        Ok(Fit { contract, sha256, repository: PathBuf::from("/"), runner: None, retries: true })
    }

    fn execute(&self, assignment: &Assignment, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, NotStarted> {
        if self.refuses {
            let found = Sha256Digest::of(b"");
            let pinned = assignment.pinned;
            return Err(NotStarted::Contract(cortexpilot_work::contract::ContractRefusal::NotThePinned {
                pinned,
                found,
            }));
        }
        progress.at(Stage::Running, 1);
        while self.until_asked && !stop.is_asked() {
            std::thread::yield_now();
        }
        let kind = if self.until_asked { Some(FailureKind::Stopped) } else { self.failure };
        Ok(Outcome {
            run_id: assignment.run_id.clone(),
            dir: PathBuf::new(),
            failure: kind.map(|kind| Failure { kind, reason: "why".into() }),
            manifest: Some(Sha256Digest::of(b"")),
        })
    }
}

struct Heard {
    done: Done,
    said: Vec<Said>,
}

impl Heard {
    fn has(&self, which: impl Fn(&Said) -> bool) -> bool {
        self.said.iter().any(which)
    }
}

fn habits(idle_exit: Duration) -> Habits {
    Habits {
        name: WorkerName::parse("w").unwrap().unwrap(),
        slots: 2,
        lease: Duration::from_secs(60),
        poll: Duration::from_millis(5),
        idle_exit: Some(idle_exit),
        items: None,
        only: None,
    }
}

/// Works until nothing is left.
async fn work(claims: Arc<Fake>, desk: Desk) -> Heard {
    let (_orders, receiver) = watch::channel(Orders::Work);
    work_under(claims, desk, receiver).await
}

async fn work_under(claims: Arc<Fake>, desk: Desk, orders: watch::Receiver<Orders>) -> Heard {
    let said = Arc::new(Mutex::new(Vec::new()));
    let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    let drive = Drive::new(
        claims,
        Arc::new(desk),
        Say::new(To::List(said.clone())),
        (Arc::new(SeqIds::default()), clock),
        habits(Duration::ZERO),
        orders,
    );
    let done = tokio::time::timeout(Duration::from_secs(60), drive.run()).await.expect("it ends");
    let said = said.lock().unwrap().clone();
    Heard { done, said }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn every_item_is_handed_in_once_as_it_ended() {
    for (failure, word) in [
        (None, "complete SUCCESS"),
        (Some(FailureKind::DiffGate), "complete FAILURE"),
        (Some(FailureKind::Record), "complete FAILURE"),
        // The contract lets it be repeated: the queue decides.
        (Some(FailureKind::TimedOut), "release true"),
        (Some(FailureKind::Idle), "release true"),
    ] {
        let fake = Fake::with(3, LONG, &[], &[]);
        let heard = work(fake.clone(), Desk { failure, ..Desk::done() }).await;
        assert_eq!(fake.told(), [word; 3]);
        assert_eq!(heard.done.ended.len(), 3);
    }
}

#[tokio::test]
async fn what_is_not_ready_is_not_claimed_and_said_once() {
    let fake = Fake::with(1, LONG, &[], &[]);
    let (orders, receiver) = watch::channel(Orders::Work);
    let desk = Desk { ready: Err("no runner".into()), ..Desk::done() };
    let heard = work_under(fake.clone(), desk, receiver).await;
    drop(orders);
    assert_eq!(fake.claims.load(Ordering::SeqCst), 0);
    assert_eq!(heard.said.iter().filter(|said| matches!(said, Said::NotTaken { .. })).count(), 1);
    assert_eq!(heard.done.cannot, [(id(0), "no runner".to_owned())]);
}

#[tokio::test]
async fn what_cannot_be_begun_after_all_is_given_back_untouched() {
    let fake = Fake::with(1, LONG, &[], &[]);
    let heard = work(fake.clone(), Desk { refuses: true, ..Desk::done() }).await;
    assert_eq!(fake.told(), ["release false"]);
    assert_eq!(heard.done.ended, [Ended::Untouched]);
}

#[tokio::test]
async fn a_claim_that_is_not_ours_any_more_ends_the_run_and_nothing_is_handed_in() {
    let fake = Fake::with(1, Duration::from_millis(80), &[Word::NotOurs], &[]);
    let heard = work(fake.clone(), Desk { until_asked: true, ..Desk::done() }).await;
    assert_eq!(heard.done.ended, [Ended::Lost]);
    assert!(fake.told().is_empty(), "{:?}", fake.told());
    assert!(heard.has(|said| matches!(said, Said::LeaseLost { reason, .. } if reason.contains("somebody else"))));
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_ends_the_run_when_its_length_has_passed() {
    for silent in [Word::Away, Word::Never] {
        let fake = Fake::with(1, Duration::from_millis(200), &[silent], &[]);
        let began = std::time::Instant::now();
        let heard = work(fake.clone(), Desk { until_asked: true, ..Desk::done() }).await;
        assert!(began.elapsed() >= Duration::from_millis(200), "not before its length has passed");
        assert_eq!((heard.done.ended, fake.told().len()), (vec![Ended::Lost], 0), "{silent:?}");
    }
}

#[tokio::test]
async fn a_final_word_whose_answer_was_lost_is_sent_again_and_recognised() {
    let fake = Fake::with(1, LONG, &[], &[Word::Away, Word::Yes]);
    let heard = work(fake.clone(), Desk::done()).await;
    assert_eq!((fake.told().len(), heard.done.ended), (2, vec![Ended::Succeeded]));

    let fake = Fake::with(1, LONG, &[], &[Word::Away, Word::NotOurs]);
    fake.took_effect.store(true, Ordering::SeqCst);
    let heard = work(fake.clone(), Desk::done()).await;
    assert_eq!(heard.done.ended, [Ended::Succeeded], "the first one had taken effect");

    let fake = Fake::with(1, LONG, &[], &[Word::Away, Word::NotOurs]);
    let heard = work(fake, Desk::done()).await;
    assert_eq!(heard.done.ended, [Ended::Lost]);
}

#[tokio::test]
async fn orders_to_stop_end_what_runs_and_hand_it_back() {
    for order in [Orders::Stop, Orders::Kill] {
        let fake = Fake::with(1, LONG, &[], &[]);
        let (orders, receiver) = watch::channel(Orders::Work);
        let working = tokio::spawn(work_under(fake.clone(), Desk { until_asked: true, ..Desk::done() }, receiver));
        while fake.claims.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        orders.send_replace(Orders::Drain);
        orders.send_replace(order);
        let heard = working.await.unwrap();
        assert_eq!((fake.told(), heard.done.ended), (vec!["release true".to_owned()], vec![Ended::HandedBack]));
    }
}

#[tokio::test]
async fn a_set_clock_is_said_and_changes_nothing() {
    let fake = Fake::with(1, LONG, &[], &[]);
    let said = Arc::new(Mutex::new(Vec::new()));
    let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    let (orders, receiver) = watch::channel(Orders::Work);
    let drive = Drive::new(
        fake.clone(),
        Arc::new(Desk { until_asked: true, ..Desk::done() }),
        Say::new(To::List(said.clone())),
        (Arc::new(SeqIds::default()), clock.clone()),
        habits(Duration::ZERO),
        receiver,
    );
    let working = tokio::spawn(drive.run());
    while fake.claims.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(SignedDuration::from_hours(24 * 3650));
    let jumped = |said: &Said| matches!(said, Said::ClockJumped { seconds } if *seconds > 300_000_000);
    while !said.lock().unwrap().iter().any(jumped) {
        tokio::task::yield_now().await;
    }
    assert!(fake.told().is_empty(), "the run goes on");
    orders.send_replace(Orders::Stop);
    assert_eq!(working.await.unwrap().ended, [Ended::HandedBack]);
}
