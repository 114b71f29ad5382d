//! The store in memory and the one on disk, given the same commands, write the same lines.

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::{ApprovalPolicy, Command, Decide};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceQuery, Recorded};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::lease::{ClaimQuery, Concurrency};
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, Surface};
use cortexpilot_core::domain::queue::{ItemState, QueueItem};
use cortexpilot_core::domain::time::Schedule;
use cortexpilot_core::port::conformance::{
    Ask, agent, approve, beat, block_on, cancel, claim_for, claim_that, claim_within, complete, execute, expire, fail,
    govern, lease, lose, nobody, operator, person, reject, release, repeatable, requeue, revoke_lease, soon, start,
    stop, token,
};
use cortexpilot_core::port::fake::MemStore;
use cortexpilot_core::port::{Store, StoreRead as _};
use cortexpilot_ledger::FileReader;
use proptest::prelude::*;

use crate::support::{Root, World};

/// One step of a story. Numbers choose among what there is by then.
#[derive(Debug, Clone)]
enum Step {
    Apply { run: u8, priority: i64, scheduled: bool, key: Option<u8>, agent: bool, confirm: bool },
    ApplyAgain,
    Unseen { named: bool },
    Cancel(usize),
    Claim,
    ClaimOf { item: usize, limited: bool },
    Complete { item: usize, leased: bool },
    Beat(usize),
    End { item: usize, how: u8 },
    Settle { item: usize, requeue: bool },
    Expire(usize),
    Pause(bool),
    Ask { run: u8, two: bool },
    Say { request: usize, who: u8, yes: bool },
    Freeze(bool),
    Floor(ApprovalPolicy),
    Wait(i64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let apply = (0..3_u8, -1..2_i64, any::<bool>(), prop::option::of(0..3_u8), any::<bool>(), 0..6_u8).prop_map(
        |(run, priority, scheduled, key, agent, confirm)| Step::Apply {
            run,
            priority,
            scheduled,
            key,
            agent,
            confirm: confirm > 0,
        },
    );
    let step = prop_oneof![
        6 => apply,
        1 => Just(Step::ApplyAgain),
        1 => any::<bool>().prop_map(|named| Step::Unseen { named }),
        2 => (0..8_usize).prop_map(Step::Cancel),
        3 => Just(Step::Claim),
        2 => (0..8_usize, any::<bool>()).prop_map(|(item, limited)| Step::ClaimOf { item, limited }),
        2 => (0..8_usize, any::<bool>()).prop_map(|(item, leased)| Step::Complete { item, leased }),
        1 => (0..8_usize).prop_map(Step::Beat),
        4 => (0..8_usize, 0..6_u8).prop_map(|(item, how)| Step::End { item, how }),
        3 => (0..8_usize, 0..4_u8).prop_map(|(item, which)| Step::Settle { item, requeue: which > 0 }),
        1 => (0..8_usize).prop_map(Step::Expire),
        1 => (0..3_u8).prop_map(|goes| Step::Pause(goes == 0)),
        3 => (0..3_u8, any::<bool>()).prop_map(|(run, two)| Step::Ask { run, two }),
        4 => (0..4_usize, 0..3_u8, 0..4_u8).prop_map(|(request, who, yes)| Step::Say { request, who, yes: yes > 0 }),
        1 => (0..3_u8).prop_map(|thaw| Step::Freeze(thaw == 0)),
        1 => prop::sample::select(ApprovalPolicy::ALL.to_vec()).prop_map(Step::Floor),
        2 => (-30..90_i64).prop_map(Step::Wait),
        // Ten years on, or back.
        1 => prop::sample::select(vec![-315_360_000, 315_360_000_i64]).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

struct Story {
    memory: MemStore,
    now: i64,
    last: Option<Command>,
    people: Vec<Caller>,
}

impl Story {
    fn items(&self) -> Vec<QueueItem> {
        block_on(self.memory.items(&QueueFilter::default())).unwrap().items
    }

    fn item(&self, which: usize) -> Option<QueueItem> {
        let items = self.items();
        items.get(which % items.len().max(1)).cloned()
    }

    fn id(&self, which: usize) -> QueueItemId {
        let items = self.items();
        let chosen = items.get(which % items.len().max(1)).map(|item| item.queue_id().clone());
        chosen.unwrap_or_else(|| QueueItemId::from_bytes([9; 16]))
    }

    fn command(&mut self, step: &Step) -> Option<Command> {
        let now = soon(self.now);
        match step {
            Step::Apply { run, priority, scheduled, key, agent: by_agent, confirm } => {
                let mut ask = Ask::of(&format!("run_{run}")).at(self.now);
                // What is lost of the first is never repeated, of the others once or twice.
                if *run > 0 {
                    ask.run = repeatable(&format!("run_{run}"), u32::from(*run), 10);
                    ask.run.repository = Some("/srv/repository".into());
                }
                ask = ask.with(*priority, scheduled.then_some("2026-03-01T12:00:20Z"));
                if *priority < 0 {
                    ask.parameters.deadline = Schedule::parse("2026-03-01T12:01:00Z").unwrap();
                }
                ask = ask.by(if *by_agent { agent("alice") } else { operator() });
                if let Some(key) = key {
                    ask = ask.keyed(&format!("key {key}"));
                }
                ask.inputs.confirm = *confirm;
                let command = ask.command(block_on(ask.preview(&self.memory)));
                self.last = Some(command.clone());
                Some(command)
            }
            Step::ApplyAgain => self.last.clone(),
            Step::Unseen { named } => {
                let who = if *named { operator() } else { nobody() };
                Some(Ask::of("run_0").at(self.now).by(who).unseen())
            }
            Step::Cancel(which) => Some(cancel(&self.id(*which), now)),
            Step::Claim => Some(claim_for(&format!("run_out_{}", self.items().len()), now)),
            Step::ClaimOf { item, limited: false } => Some(claim_that(&self.id(*item), now)),
            Step::ClaimOf { limited: true, .. } => {
                Some(claim_within(Concurrency { per_workflow: 1, per_repository: 1 }, now))
            }
            // What is said to both stores: see where it is carried out.
            Step::Beat(_) => None,
            Step::End { item, how } => {
                let item = self.item(*item)?;
                let token = item.claim().map(|_| lease(&item)).unwrap_or_default();
                let id = item.queue_id();
                let beats = block_on(self.memory.beat(id)).unwrap().map_or(0, |beat| beat.count);
                Some(match how {
                    0 => lose(&item, 0, 900, now),
                    1 => lose(&item, beats, 900, now),
                    2 => release(id, &token, false, now),
                    3 => release(id, &token, true, now),
                    4 => stop(id, now),
                    _ => revoke_lease(id, now),
                })
            }
            Step::Settle { item, requeue: again } => {
                let id = self.id(*item);
                Some(if *again { requeue(&id, now) } else { fail(&id, now) })
            }
            Step::Expire(item) => Some(expire(&self.id(*item), now)),
            Step::Pause(stop) => Some(govern(&person("ops"), now, if *stop { Decide::Pause } else { Decide::Resume })),
            Step::Complete { item, leased } => {
                let id = self.id(*item);
                let held = self.items().into_iter().find(|item| item.queue_id() == &id);
                let held = held.filter(|item| *leased && matches!(item.state, ItemState::Claimed(_)));
                Some(complete(&id, &held.map_or_else(String::new, |item| lease(&item)), now))
            }
            Step::Ask { run, two } => {
                let policy = if *two { ApprovalPolicy::TwoPerson } else { ApprovalPolicy::Operator };
                let ask = Ask::of(&format!("run_{run}")).at(self.now).by(agent("alice")).under(policy);
                Some(ask.command(block_on(ask.preview(&self.memory))))
            }
            Step::Say { request, who, yes } => {
                let requests = block_on(self.memory.approvals(&ApprovalFilter::default())).unwrap().requests;
                let (_, request) = requests.get(request % requests.len().max(1))?;
                let who = self.people.get(usize::from(*who)).cloned().unwrap_or_else(|| person("bob"));
                Some(if *yes { approve(&who, request, now) } else { reject(&who, request, now) })
            }
            Step::Freeze(stop) => {
                Some(govern(&person("ops"), now, if *stop { Decide::Freeze } else { Decide::Unfreeze }))
            }
            Step::Floor(policy) => Some(govern(&self.people[0], now, Decide::SetPolicy(*policy))),
            Step::Wait(seconds) => {
                self.now += seconds;
                None
            }
            Step::Reopen => None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also with an index that is brought up to date after every few lines, and then used by whoever opens the store; and
    /// with a ledger whose beginning is sealed again and again.
    #[test]
    fn any_commands_leave_the_same_lines_in_memory_and_on_disk(
        steps in steps(),
        lines in prop::option::weighted(0.7, 1..6_u64),
        sealed in prop::option::weighted(0.5, 1..4000_u64),
    ) {
        let mut story = Story { memory: MemStore::default(), now: 0, last: None, people: Vec::new() };
        let root = match sealed {
            Some(bytes) => Root::quick().sealed(bytes),
            None => Root::quick(),
        };
        let mut world = World::on(match lines {
            Some(lines) => root.indexed(lines),
            None => root,
        });
        for name in ["ann", "bob"] {
            let create = token(PrincipalKind::Operator, name, start());
            let Verdict::Recorded(made) = block_on(execute(&story.memory, create.clone())) else { panic!("no token") };
            let Recorded::Token(made) = *made else { panic!("no token") };
            story.people.push(Caller { principal: Some(made.principal()), surface: Surface::Http });
            block_on(world.store.execute(create)).unwrap();
        }
        for step in &steps {
            if matches!(step, Step::Reopen) {
                // Fewer than sixty refusals a story: a process that ends owes no counting line.
                world = world.reopen();
            }
            if let Step::Beat(which) = step
                && let Some(item) = story.item(*which)
                && item.claim().is_some()
            {
                let say = async |store: &dyn Store| beat(store, item.queue_id(), &lease(&item), None, soon(story.now)).await;
                prop_assert_eq!(block_on(say(&world.store)), block_on(say(&story.memory)));
            }
            let Some(command) = story.command(step) else { continue };
            let memory: Verdict = block_on(execute(&story.memory, command.clone()));
            let disk = block_on(world.store.execute(command)).unwrap();
            prop_assert_eq!(memory, disk);
        }
        prop_assert_eq!(world.root.lines(), story.memory.lines());
        let decisions = String::from_utf8(world.root.read("decisions.jsonl")).unwrap();
        let decisions: Vec<&str> = decisions.lines().collect();
        prop_assert_eq!(decisions, story.memory.decisions());
        let listing = |store: &dyn cortexpilot_core::port::StoreRead| {
            block_on(store.items(&QueueFilter::default())).unwrap()
        };
        let reader = FileReader::open(&world.root.path);
        prop_assert_eq!(listing(&world.store), listing(&story.memory));
        prop_assert_eq!(listing(&reader), listing(&story.memory));
        for item in story.items() {
            let found = |store: &dyn cortexpilot_core::port::StoreRead| block_on(store.item(item.queue_id())).unwrap();
            prop_assert_eq!(found(&reader), Some(item.clone()));
            prop_assert_eq!(found(&world.store), Some(item.clone()));
        }
        let requests = |store: &dyn cortexpilot_core::port::StoreRead| {
            block_on(store.approvals(&ApprovalFilter::default())).unwrap()
        };
        prop_assert_eq!(requests(&world.store), requests(&story.memory));
        prop_assert_eq!(requests(&reader), requests(&story.memory));
        let standing = |store: &dyn cortexpilot_core::port::StoreRead| {
            block_on(store.governance(&GovernanceQuery::default())).unwrap().standing
        };
        prop_assert_eq!(standing(&reader), standing(&story.memory));
        prop_assert_eq!(block_on(reader.health()).unwrap(), block_on(story.memory.health()).unwrap());
        let claims = |store: &dyn cortexpilot_core::port::StoreRead| block_on(store.claims()).unwrap();
        prop_assert_eq!(claims(&world.store), claims(&story.memory));
        prop_assert_eq!(claims(&reader), claims(&story.memory));
        for limited in [0, 1] {
            let concurrency = Concurrency { per_workflow: limited, per_repository: limited };
            let query = ClaimQuery { now: soon(story.now), concurrency, queue_id: None };
            let eligible =
                |store: &dyn cortexpilot_core::port::StoreRead| block_on(store.eligible(&query, 99)).unwrap();
            prop_assert_eq!(eligible(&reader), eligible(&story.memory));
            prop_assert_eq!(eligible(&world.store), eligible(&story.memory));
        }
        let last = block_on(reader.health()).unwrap().last_ts;
        prop_assert!(story.items().iter().all(|item| Some(item.enqueued.ts) <= last));
        let pins: Vec<String> = crate::support::names(&world.root.file("contracts"));
        let mut live: Vec<String> = story
            .items()
            .iter()
            .filter(|item| item.is_live())
            .filter_map(|item| item.enqueued.provenance.as_ref())
            .map(|stamps| format!("{}.json", stamps.contract_sha256))
            .collect();
        live.sort();
        live.dedup();
        prop_assert_eq!(pins, live);
    }
}
