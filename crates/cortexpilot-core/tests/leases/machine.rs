//! What a deed does to a ledger. Ledgers that hold the same items in the same states, with the same last time and the same
//! beats, are one: nothing that decides can tell them apart. So each pair of ledger and deed is judged once.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use cortexpilot_core::Verdict;
use cortexpilot_core::app::govern::Stating;
use cortexpilot_core::app::{
    App, Applied, ApplyRequest, ClaimAsk, CompleteAsk, Failure, Outcome, Release, RunRequest, Took,
};
use cortexpilot_core::domain::command::{ApprovalPolicy, Command, Limits, Lose, MutationGate, Parameters, Policy};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::lease::{Beat, Concurrency, HeldKind};
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::principal::{
    Caller, KnownBy, Principal, PrincipalKind, Role, StatedRole, Surface, parse_roles,
};
use cortexpilot_core::domain::queue::{FinalStatus, ItemState, QueueItem};
use cortexpilot_core::domain::run::Pinned;
use cortexpilot_core::domain::seal::SealKey;
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::{FakeRuns, ManualClock, run_facts};
use cortexpilot_core::port::{Ids, Store};
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

use crate::desk::{Contracts, Desk};

/// The lease of every claim; how long is of no consequence, as silence is said, not waited for.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// A claim of an item, as its holder knows it: by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Lease {
    pub(crate) item: usize,
    pub(crate) attempt: u32,
    /// Which of the tokens that were ever given out.
    token: usize,
}

/// The last word of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Word {
    Success,
    Failure,
    Stopped,
    /// Handed back before anything was done.
    Back,
    /// Given up half way.
    GivenUp,
}

impl Word {
    pub(crate) const ALL: &[Self] = &[Self::Success, Self::Failure, Self::Stopped, Self::Back, Self::GivenUp];
}

/// Something that asks the ledger to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    Claim,
    Says(Lease, Word),
    Beat(Lease),
    /// The word of a beat that was judged while its claim stood, and is written down only now.
    LateBeat(Lease),
    /// A watch saw this claim with so many beats, and no change of either, for as long as a lease.
    Lose {
        item: usize,
        attempt: u32,
        beats: u64,
    },
    Stop(usize),
    Revoke(usize),
    Requeue(usize),
    Fail(usize),
    Cancel(usize),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The claim.
    Claimed(Lease),
    /// It was done.
    Done,
    /// There was nothing to do, or what was watched is not so any more.
    Nothing,
    Refused(ErrorCode),
}

/// What a deed came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judgement {
    pub(crate) answer: Answer,
    /// The ledger behind it.
    pub(crate) ledger: LedgerId,
    /// How many lines were written.
    pub(crate) lines: usize,
}

/// Where an item stands, as far as leases are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    Waits,
    Runs { attempt: u32, stop: bool },
    Held(HeldKind),
    Ended(End),
}

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Done(FinalStatus),
    /// An operator closed it while it was held.
    Failed,
    Cancelled,
    Expired,
}

/// A ledger, and what was read off it.
pub(crate) struct Ledger {
    lines: Vec<String>,
    beats: BTreeMap<QueueItemId, Beat>,
    pub(crate) items: Vec<Item>,
    /// What is wrong with it: an item that cannot be found by one of the ways that lead to it.
    pub(crate) problem: Option<String>,
}

/// An item of it.
pub(crate) struct Item {
    pub(crate) id: QueueItemId,
    pub(crate) stand: Stand,
    /// How often it was claimed.
    pub(crate) claims: u32,
    /// How many beats its present claim has.
    pub(crate) beats: u64,
}

/// Names a ledger.
pub(crate) type LedgerId = u32;

/// What is modelled.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// For each item, how often its contract lets it be repeated without asking.
    pub(crate) retries: Vec<u32>,
    /// What clocks of processes may say, each for each deed: the first is the one by which the items were queued. A claim is
    /// made a minute later.
    pub(crate) clocks: Vec<Timestamp>,
    /// Tokens are looked at.
    pub(crate) fenced: bool,
}

/// The product, asked one deed at a time.
pub(crate) struct Machine {
    pub(crate) world: World,
    runs: Arc<FakeRuns>,
    contracts: Contracts,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    ledgers: Vec<Arc<Ledger>>,
    by_content: HashMap<String, LedgerId>,
    judged: HashMap<(LedgerId, Deed, usize), Judgement>,
    tokens: Vec<String>,
    /// Tokens of each item, with their attempts.
    leases: Vec<Lease>,
}

/// Numbers that follow from what was asked, so that the same question is answered the same.
struct Counted(u64);

impl Ids for Counted {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
        for (byte, value) in buffer.iter_mut().zip(self.0.to_le_bytes()) {
            *byte = value;
        }
    }
}

/// When the items are queued.
pub(crate) fn start() -> Timestamp {
    "2026-11-22T08:30:52Z".parse().expect("an instant")
}

fn key() -> SealKey {
    SealKey::new([7; 32])
}

fn caller(id: &str, kind: PrincipalKind, roles: &str) -> Caller {
    let roles = parse_roles(roles).expect("roles");
    let principal = Principal { id: id.into(), kind, roles, sponsor: None, known_by: KnownBy::Process };
    Caller { principal: Some(principal), surface: Surface::Http }
}

fn operator() -> Caller {
    caller("local:ops", PrincipalKind::Operator, "OPS")
}

/// Every worker is this one: what tells two holders apart must not be their names.
fn worker() -> Caller {
    caller("token:worker", PrincipalKind::Worker, "")
}

fn ops() -> StatedRole {
    StatedRole::Named(Role::parse("OPS").expect("a role"))
}

fn saying() -> Stating {
    Stating { reason: Stated::read(Some("Looked at it.")), role: ops() }
}

fn policy() -> Policy {
    Policy {
        mutation_gate: MutationGate::Open,
        approval: ApprovalPolicy::Declared,
        allowed_roles: parse_roles("OPS").expect("roles"),
        preview_ttl: SignedDuration::from_mins(15),
        approval_ttl: SignedDuration::from_hours(24),
        limits: Limits::NONE,
        concurrency: Concurrency::NONE,
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing waits here")
}

fn denied(failure: Failure) -> Answer {
    match failure {
        Failure::Denied(denial) => Answer::Refused(denial.code),
        Failure::Store(error) => panic!("the store could not: {error}"),
    }
}

impl Machine {
    /// Queues the items. The ledger that begins everything is the first.
    pub(crate) fn new(world: World) -> Self {
        let mut contracts = BTreeMap::new();
        let runs = FakeRuns::new();
        for (number, retries) in world.retries.iter().enumerate() {
            let mut facts = run_facts(&format!("run_{number}"));
            let retry = format!(r#"{{"timeout_sec": 60, "max_retries": {retries}, "retry_backoff_sec": 0}}"#);
            let contract = format!(r#"{{"task_id": "task_{number}", "timeout_retry": {retry}}}"#);
            facts.contract = Pinned::new(contract.clone().into_bytes());
            contracts.insert(facts.contract.sha256().to_string(), Arc::from(contract.into_bytes()));
            runs.set(facts);
        }
        let items = world.retries.len();
        let machine =
            Self { world, runs: Arc::new(runs), contracts: Arc::new(contracts), known: Mutex::new(Known::default()) };
        let desk = Arc::new(Desk::open(&[], &BTreeMap::new(), &machine.contracts));
        for number in 0..items {
            let app = machine.app(&desk, start(), number as u64);
            let ask = || RunRequest {
                run_id: format!("run_{number}"),
                parameters: Parameters::default(),
                header_role: ops(),
            };
            let token = now(app.preview(&operator(), ask())).expect("a preview").token;
            let apply = ApplyRequest {
                confirm: true,
                actor_role: ops(),
                requested_by: Stated::read(Some("Alice Example")),
                approval_reason: Stated::read(Some("Again.")),
                preview_token: Some(token),
                ..ApplyRequest::default()
            };
            let applied = now(app.enqueue(&operator(), ask(), apply)).expect("every gate is open");
            assert!(matches!(applied, Outcome::Applied(Applied { already_applied: false, .. })));
        }
        assert_eq!(machine.file(&desk), 0);
        machine
    }

    pub(crate) fn ledger(&self, id: LedgerId) -> Arc<Ledger> {
        let known = self.known.lock().expect("nobody panics while they hold it");
        known.ledgers[id as usize].clone()
    }

    /// How many ledgers and how many deeds upon them were looked at.
    pub(crate) fn judged(&self) -> (usize, usize) {
        let known = self.known.lock().expect("nobody panics while they hold it");
        (known.ledgers.len(), known.judged.len())
    }

    /// Every lease that was ever given out of an item's first so many claims, in this ledger or another.
    pub(crate) fn leases(&self, item: usize, claims: u32) -> Vec<Lease> {
        let known = self.known.lock().expect("nobody panics while they hold it");
        let given = known.leases.iter().filter(|lease| lease.item == item && lease.attempt <= claims);
        given.copied().collect()
    }

    /// What a deed comes to, judged by a process whose clock says this.
    pub(crate) fn judge(&self, ledger: LedgerId, deed: Deed, clock: usize) -> Judgement {
        let asked = (ledger, deed, clock);
        let before = {
            let known = self.known.lock().expect("nobody panics while they hold it");
            match known.judged.get(&asked) {
                Some(judgement) => return *judgement,
                None => known.ledgers[ledger as usize].clone(),
            }
        };
        let desk = Arc::new(Desk::open(&before.lines, &before.beats, &self.contracts));
        let answer = self.carry_out(&desk, &before, deed, self.world.clocks[clock]);
        let (lines, beats) = {
            let open = desk.open_now();
            assert!(open.lines.starts_with(&before.lines), "what was written stays written");
            (open.lines.len() - before.lines.len(), open.beats != before.beats)
        };
        let ledger = if lines > 0 || beats { self.file(&desk) } else { ledger };
        let judgement = Judgement { answer, ledger, lines };
        let mut known = self.known.lock().expect("nobody panics while they hold it");
        known.judged.insert(asked, judgement);
        judgement
    }

    fn app(&self, desk: &Arc<Desk>, at: Timestamp, number: u64) -> App {
        let store: Arc<dyn Store> = desk.clone();
        let (clock, ids) = (Arc::new(ManualClock::at(at)), Arc::new(Counted(number)));
        App::new(store, self.runs.clone(), clock, ids, policy(), Some(key()))
    }

    fn carry_out(&self, desk: &Arc<Desk>, before: &Ledger, deed: Deed, clock: Timestamp) -> Answer {
        let claims: u32 = before.items.iter().map(|item| item.claims).sum();
        let at = if deed == Deed::Claim { clock + SignedDuration::from_mins(1) } else { clock };
        let app = self.app(desk, at, 1_000 + u64::from(claims));
        let id = |item: usize| before.items[item].id.as_str();
        let done = |answer: Result<QueueItem, Failure>| answer.map_or_else(denied, |_| Answer::Done);
        match deed {
            Deed::Claim => match now(app.claim(&worker(), ClaimAsk { lease: LEASE, ..ClaimAsk::default() })) {
                Ok(Took::Claimed(claimed)) => Answer::Claimed(self.lease(before, &claimed.item, claimed.lease_token)),
                Ok(Took::Idle(_)) => Answer::Nothing,
                Err(failure) => denied(failure),
            },
            Deed::Says(lease, word) => {
                let token = self.token(desk, before, lease);
                let (id, token) = (id(lease.item), token.as_str());
                let complete = |status: FinalStatus| {
                    done(now(app.complete(&worker(), id, token, CompleteAsk::from(status), StatedRole::Absent)))
                };
                let release =
                    |started| done(now(app.release(&worker(), id, token, Release { started }, Stating::default())));
                match word {
                    Word::Success => complete(FinalStatus::Success),
                    Word::Failure => complete(FinalStatus::Failure),
                    Word::Stopped => complete(FinalStatus::Stopped),
                    Word::Back => release(false),
                    Word::GivenUp => release(true),
                }
            }
            Deed::Beat(lease) => {
                let token = self.token(desk, before, lease);
                let heard = now(app.heartbeat(&worker(), id(lease.item), &token, None, StatedRole::Absent));
                heard.map_or_else(denied, |_| Answer::Done)
            }
            Deed::LateBeat(lease) => {
                let beat = Beat {
                    queue_id: before.items[lease.item].id.clone(),
                    attempt: lease.attempt,
                    count: 1,
                    at,
                    worker: "token:worker".into(),
                    progress: None,
                };
                desk.open_now().beats.insert(beat.queue_id.clone(), beat);
                Answer::Done
            }
            Deed::Lose { item, attempt, beats } => {
                let lose = Lose {
                    caller: operator(),
                    now: at,
                    queue_id: before.items[item].id.clone(),
                    attempt,
                    beat: beats,
                    silent_for: LEASE.unsigned_abs(),
                };
                let verdict = desk.execute_now(&Command::Lose(lose));
                let ended = matches!(verdict, Verdict::LeaseEnded(_));
                assert!(ended || verdict == Verdict::Unchanged, "not an answer to a look: {verdict:?}");
                if ended { Answer::Done } else { Answer::Nothing }
            }
            Deed::Stop(item) => done(now(app.stop(&operator(), id(item), saying()))),
            Deed::Revoke(item) => done(now(app.revoke(&operator(), id(item), saying()))),
            Deed::Requeue(item) => done(now(app.requeue(&operator(), id(item), saying()))),
            Deed::Fail(item) => done(now(app.fail(&operator(), id(item), saying()))),
            Deed::Cancel(item) => done(now(app.cancel(&operator(), id(item), Stated::Absent, ops()))),
        }
    }

    /// What the holder of a lease shows. Without fencing every token is as good as the one that counts.
    fn token(&self, desk: &Desk, before: &Ledger, lease: Lease) -> String {
        let current = || {
            let item = desk.open_now().state.queue.get(&before.items[lease.item].id).cloned();
            item.and_then(|item| key().lease_token(&item))
        };
        if !self.world.fenced
            && let Some(token) = current()
        {
            return token;
        }
        let known = self.known.lock().expect("nobody panics while they hold it");
        known.tokens[lease.token].clone()
    }

    fn lease(&self, before: &Ledger, item: &QueueItem, token: String) -> Lease {
        let number = before.items.iter().position(|known| known.id == *item.queue_id()).expect("one of the items");
        let attempt = item.claim().expect("it was claimed just now").attempt;
        let mut known = self.known.lock().expect("nobody panics while they hold it");
        let token = known.tokens.iter().position(|other| *other == token).unwrap_or_else(|| {
            known.tokens.push(token);
            known.tokens.len() - 1
        });
        let lease = Lease { item: number, attempt, token };
        match known.leases.iter().find(|other| other.token == token) {
            Some(other) => assert_eq!(*other, lease, "one token for two claims"),
            None => known.leases.push(lease),
        }
        lease
    }

    /// Gives a ledger its name, and looks at it once.
    fn file(&self, desk: &Desk) -> LedgerId {
        let open = desk.open_now();
        let found: Vec<&QueueItem> = open.state.queue.held().collect();
        let mut content = format!("{:?}", open.last_ts);
        for item in &found {
            write!(content, "{:?} {:?};", item, open.beats.get(item.queue_id())).expect("a text can be written to");
        }
        let mut known = self.known.lock().expect("nobody panics while they hold it");
        if let Some(id) = known.by_content.get(&content) {
            return *id;
        }
        let items = found.iter().map(|item| read(item, open.beats.get(item.queue_id()))).collect();
        let problem = self.problem(&open, &found);
        let ledger = Ledger { lines: open.lines.clone(), beats: open.beats.clone(), items, problem };
        let id = LedgerId::try_from(known.ledgers.len()).expect("far fewer");
        known.ledgers.push(Arc::new(ledger));
        known.by_content.insert(content, id);
        id
    }

    /// Every item is there, in one place, by every way that leads to it; and what is read from the lines is the same.
    fn problem(&self, open: &crate::desk::Open, found: &[&QueueItem]) -> Option<String> {
        if found.len() != self.world.retries.len() {
            return Some(format!("{} items of {}", found.len(), self.world.retries.len()));
        }
        let again = Desk::open(&open.lines, &open.beats, &self.contracts);
        let again = again.open_now();
        let queue = &open.state.queue;
        if !again.state.queue.held().eq(found.iter().copied()) {
            return Some("the lines, read again, say something else".into());
        }
        let count = |is: fn(&ItemState) -> bool| found.iter().filter(|item| is(&item.state)).count();
        let pending = count(|state| matches!(state, ItemState::Pending));
        let claimed = count(|state| matches!(state, ItemState::Claimed(_)));
        let held = count(|state| matches!(state, ItemState::Held(_)));
        if (queue.live(), queue.to_settle()) != ((pending, claimed), held) {
            return Some("the counts are others than the items".into());
        }
        let listed = queue.list(&QueueFilter::default()).items;
        if !listed.iter().eq(found.iter().copied()) || found.iter().any(|item| queue.get(item.queue_id()) != Some(item))
        {
            return Some("an item is not listed, or not found by its id".into());
        }
        let under_way: Vec<_> =
            found.iter().filter(|item| item.claim().is_some()).map(|item| item.queue_id()).collect();
        if !queue.claimed().into_iter().map(QueueItem::queue_id).eq(under_way) {
            return Some("a claimed item is not watched".into());
        }
        for item in found {
            let sha256 = item.contract_sha256().expect("an item of ours");
            if queue.pin_is_live(sha256) != item.is_live() {
                return Some("a contract is kept too long, or not long enough".into());
            }
        }
        // Far ahead of every clock of the model, and so with every wait behind it.
        let late = start() + SignedDuration::from_hours(24 * 366 * 100);
        let next = found.iter().filter(|item| item.eligible(late)).min_by_key(|item| item.claim_key());
        if queue.next_eligible(late) != next.copied() {
            return Some("what waits is not found by claims".into());
        }
        None
    }
}

fn read(item: &QueueItem, beat: Option<&Beat>) -> Item {
    let attempt = item.claim().map(|claim| claim.attempt);
    let beats = beat.filter(|beat| Some(beat.attempt) == attempt).map_or(0, |beat| beat.count);
    let stand = match &item.state {
        ItemState::Pending => Stand::Waits,
        ItemState::Claimed(claim) => Stand::Runs { attempt: claim.attempt, stop: claim.stop.is_some() },
        ItemState::Held(held) => Stand::Held(held.kind),
        ItemState::Closed { by: Some(_), .. } => Stand::Ended(End::Failed),
        ItemState::Closed { status, by: None, .. } => {
            Stand::Ended(End::Done(FinalStatus::parse(status).expect("a status of ours")))
        }
        ItemState::Cancelled { .. } => Stand::Ended(End::Cancelled),
        ItemState::Expired { .. } => Stand::Ended(End::Expired),
    };
    Item { id: item.queue_id().clone(), stand, claims: item.attempts, beats }
}
