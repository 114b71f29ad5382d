//! The store in memory and the one on disk, given the same commands, write the same lines.

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::{ApprovalPolicy, Command, Decide};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceQuery, Recorded};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, Surface};
use cortexpilot_core::domain::queue::{ItemState, QueueItem};
use cortexpilot_core::port::conformance::{
    Ask, agent, approve, block_on, cancel, claim, complete, execute, govern, lease, nobody, operator, person, reject,
    soon, start, token,
};
use cortexpilot_core::port::fake::MemStore;
use cortexpilot_core::port::{Store as _, StoreRead as _};
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
    Complete { item: usize, leased: bool },
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
        2 => (0..8_usize, any::<bool>()).prop_map(|(item, leased)| Step::Complete { item, leased }),
        3 => (0..3_u8, any::<bool>()).prop_map(|(run, two)| Step::Ask { run, two }),
        4 => (0..4_usize, 0..3_u8, 0..4_u8).prop_map(|(request, who, yes)| Step::Say { request, who, yes: yes > 0 }),
        1 => (0..3_u8).prop_map(|thaw| Step::Freeze(thaw == 0)),
        1 => prop::sample::select(ApprovalPolicy::ALL.to_vec()).prop_map(Step::Floor),
        1 => (-30..90_i64).prop_map(Step::Wait),
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
                ask = ask.with(*priority, scheduled.then_some("2026-03-01T12:00:20Z"));
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
            Step::Claim => Some(claim(now)),
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
        let pins: Vec<String> = crate::support::names(&world.root.file("contracts"));
        let mut live: Vec<String> = story
            .items()
            .iter()
            .filter(|item| matches!(item.state, ItemState::Pending | ItemState::Claimed(_)))
            .filter_map(|item| item.enqueued.provenance.as_ref())
            .map(|stamps| format!("{}.json", stamps.contract_sha256))
            .collect();
        live.sort();
        live.dedup();
        prop_assert_eq!(pins, live);
    }
}
