//! Anybody does anything, in any order, through any surface, in processes configured differently; what stands in the files
//! afterwards is held against a model that knows nothing but the lines and who did what.

use std::collections::{BTreeMap, BTreeSet};

use cortexpilot_core::app::{App, ApplyRequest};
use cortexpilot_core::domain::approval::{ApprovalId, ElicitedAnswer};
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::governance::ApprovalFilter;
use cortexpilot_core::domain::principal::{Caller, KnownBy, Principal, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::fake::run_facts;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{World, agent_of, ask, asking, caller, human, now, person, principal, role, saying, seconds, yes};

const RUNS: [&str; 2] = ["run_0", "run_1"];

/// What somebody tries. Numbers choose among what there is by then.
#[derive(Debug, Clone)]
enum Deed {
    Apply { run: usize, typed: bool, again: bool },
    Approve(usize),
    Reject(usize),
    Accept(usize),
    Freeze,
    Unfreeze,
    Floor(ApprovalPolicy),
    Revoke(usize),
    Cancel(usize),
    Claim,
    Expire,
    Wait(i64),
}

/// Who tries it, through what, in a process configured how.
#[derive(Debug, Clone)]
struct Step {
    who: usize,
    surface: Surface,
    configured: ApprovalPolicy,
    deed: Deed,
}

fn policies() -> impl Strategy<Value = ApprovalPolicy> {
    prop::sample::select(ApprovalPolicy::ALL.to_vec())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let deed = prop_oneof![
        8 => (0..RUNS.len(), any::<bool>(), any::<bool>()).prop_map(|(run, typed, again)| Deed::Apply { run, typed, again }),
        16 => (0..6_usize).prop_map(Deed::Approve),
        2 => (0..6_usize).prop_map(Deed::Reject),
        2 => (0..6_usize).prop_map(Deed::Accept),
        1 => Just(Deed::Freeze),
        2 => Just(Deed::Unfreeze),
        4 => policies().prop_map(Deed::Floor),
        1 => (0..PEOPLE).prop_map(Deed::Revoke),
        1 => (0..6_usize).prop_map(Deed::Cancel),
        2 => Just(Deed::Claim),
        1 => Just(Deed::Expire),
        1 => prop::sample::select(vec![1, 60, 3600, 80_000, -600]).prop_map(Deed::Wait),
    ];
    let surface = prop_oneof![2 => Just(Surface::Mcp), 3 => Just(Surface::Http), 3 => Just(Surface::Cli)];
    // Those with tokens of their own a little more often: it takes two of them to agree.
    let who = prop_oneof![0..PEOPLE, 5..8_usize];
    let step = (who, surface, policies(), deed);
    let step = step.prop_map(|(who, surface, configured, deed)| Step { who, surface, configured, deed });
    prop::collection::vec(step, 10..40)
}

const PEOPLE: usize = 10;

fn people(world: &World) -> Vec<Caller> {
    let shared = principal("token:api", PrincipalKind::Operator, "OPS,ARCHITECT");
    let mut sponsored = world.known(PrincipalKind::Agent, "bot");
    sponsored.principal.as_mut().expect("an agent").sponsor = Some("operator:p0".into());
    vec![
        agent_of("alice"),
        sponsored,
        person("alice"),
        person("bob"),
        caller(Surface::Http, Principal { known_by: KnownBy::SharedToken, ..shared }),
        world.operator("p0"),
        world.operator("p1"),
        world.operator("p2"),
        world.known(PrincipalKind::Worker, "hand"),
        caller(Surface::Http, Principal::anonymous()),
    ]
}

/// A request, as far as its lines say.
#[derive(Default)]
struct Asked {
    requesters: BTreeSet<String>,
    sponsors: BTreeSet<String>,
    said_yes: BTreeSet<String>,
    rejected: bool,
}

/// What the lines say, and what must be so whenever one is added.
#[derive(Default)]
struct Model {
    lines: usize,
    decisions: usize,
    frozen: bool,
    floor: usize,
    proposed: Option<(usize, String)>,
    asked: BTreeMap<String, Asked>,
    queued: BTreeSet<String>,
    revoked: BTreeSet<String>,
    items_by_policy: [usize; 3],
}

fn rank(policy: &Value) -> usize {
    let word = policy.as_str().expect("a policy's word");
    ["declared", "operator", "two-person"].iter().position(|known| *known == word).expect("a policy's word")
}

fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

impl Model {
    /// Takes the lines that one step added.
    fn follow(&mut self, world: &World, step: &Step, by: &Principal) {
        let json = |line: &String| serde_json::from_str::<Value>(line).expect("JSON");
        let decisions: Vec<Value> = world.store.decisions()[self.decisions..].iter().map(json).collect();
        let lines: Vec<Value> = world.store.lines()[self.lines..].iter().map(json).collect();
        assert!(
            lines.len() <= 1 && decisions.len() <= 1 && lines.len() + decisions.len() <= 1,
            "one verdict, one line, one file"
        );
        self.decisions += decisions.len();
        self.lines += lines.len();
        let decides = by.kind == PrincipalKind::Operator && step.surface != Surface::Mcp;
        for line in &decisions {
            let event = text(line, "event");
            let of_people = ["APPROVED", "REJECTED", "FROZEN", "UNFROZEN", "POLICY_SET", "POLICY_PROPOSED"];
            if of_people.contains(&event) || event.starts_with("TOKEN_") {
                assert!(decides, "{event} by {} through {:?}", by.id, step.surface);
            }
            if event != "DENIED" {
                assert!(!self.revoked.contains(&by.id), "{event} by a dead token");
            }
            self.decision(event, line, by);
        }
        for line in &lines {
            match text(line, "event") {
                "QUEUE_ENQUEUE" => self.enqueued(line, step, by, decides),
                "QUEUE_CLAIM" => assert!(!self.frozen, "claimed behind a freeze"),
                _ => {}
            }
            assert!(!self.revoked.contains(&by.id), "a line by a dead token");
        }
    }

    fn decision(&mut self, event: &str, line: &Value, by: &Principal) {
        let id = text(line, "approval_id").to_owned();
        match event {
            "APPROVAL_REQUESTED" => {
                assert!(!self.frozen, "asked behind a freeze");
                let asked = self.asked.entry(id).or_default();
                asked.requesters.insert(text(line, "principal").to_owned());
                asked.sponsors.extend(line["sponsor"].as_str().map(str::to_owned));
            }
            "APPROVED" => {
                assert!(!self.frozen && matches!(by.known_by, KnownBy::Token(_)));
                self.asked.get_mut(&id).expect("asked for").said_yes.insert(by.id.clone());
            }
            "REJECTED" => {
                assert!(!self.queued.contains(&id), "rejected after it was approved");
                self.asked.get_mut(&id).expect("asked for").rejected = true;
            }
            "EXPIRED" => assert!(!self.queued.contains(&id), "expired after it was approved"),
            "FROZEN" => self.frozen = true,
            "UNFROZEN" => self.frozen = false,
            "POLICY_PROPOSED" => self.proposed = Some((rank(&line["policy"]), by.id.clone())),
            "POLICY_SET" => {
                let to = rank(&line["policy"]);
                assert!(to != self.floor || self.proposed.is_some(), "the same floor takes a proposal back");
                if self.floor == 2 && to < 2 {
                    let (proposed, first) = self.proposed.take().expect("somebody proposed it");
                    assert_eq!(proposed, to, "the second agrees to what the first proposed");
                    assert!(first != by.id && matches!(by.known_by, KnownBy::Token(_)), "two people");
                }
                self.floor = to;
                self.proposed = None;
            }
            // What a dialog was answered is written down and counts for nothing.
            "TOKEN_REVOKED" | "DENIED" | "ELICITED" => {}
            other => panic!("an event of nobody's: {other}"),
        }
    }

    fn enqueued(&mut self, line: &Value, step: &Step, by: &Principal, decides: bool) {
        let id = format!("apr_{}", text(line, "queue_id"));
        assert!(!self.frozen, "queued behind a freeze");
        assert!(self.queued.insert(id.clone()), "one request, one item");
        let policy = rank(&line["approval_policy"]);
        let configured = ApprovalPolicy::ALL.iter().position(|known| *known == step.configured).expect("one of them");
        assert!(policy >= self.floor && policy >= configured, "neither the floor nor the process was obeyed");
        self.items_by_policy[policy] += 1;
        let approvals = line["approvals"].as_array().expect("a list");
        let names: BTreeSet<&str> = approvals
            .iter()
            .map(|name| name.as_str().and_then(|name| name.split(" (").next()).expect("a name"))
            .collect();
        assert_eq!(
            (names.len(), approvals.len() >= policy),
            (approvals.len(), true),
            "nobody counts twice: {approvals:?}"
        );
        if policy == 0 {
            return;
        }
        assert!(decides, "an item appeared by {} through {:?}", by.id, step.surface);
        let asked = self.asked.get(&id);
        assert!(asked.is_none_or(|asked| !asked.rejected), "what was rejected was queued");
        assert!(names.contains(by.id.as_str()), "whoever said the last yes is in the line");
        let Deed::Approve(_) = step.deed else {
            let itself = policy == 1 && matches!(step.deed, Deed::Apply { typed: true, .. });
            assert!(itself && text(line, "principal") == by.id && names.len() == 1, "nobody else was asked");
            return;
        };
        let asked = asked.expect("what is approved was asked for");
        for name in names {
            assert!(!asked.requesters.contains(name), "{name} asked for it");
            if policy == 2 {
                assert!(!asked.sponsors.contains(name), "{name} answers for who asked");
                assert!(name == by.id || asked.said_yes.contains(name), "{name} said nothing");
                assert!(name.starts_with("operator:"), "{name} is nobody in particular");
            }
        }
    }
}

struct Story {
    world: World,
    apps: Vec<App>,
    people: Vec<Caller>,
    tokens: BTreeMap<(String, usize), String>,
    model: Model,
}

impl Story {
    fn begin() -> Self {
        let world = World::new();
        for run in RUNS {
            world.runs.set(run_facts(run));
        }
        let people = people(&world);
        let apps = ApprovalPolicy::ALL.map(|policy| world.process(human(policy))).into();
        let model = Model { decisions: world.store.decisions().len(), ..Model::default() };
        Self { world, apps, people, tokens: BTreeMap::new(), model }
    }

    fn request(&self, which: usize) -> String {
        let listing = now(self.world.store.approvals(&ApprovalFilter::default())).expect("the store answers");
        let newest = listing.requests.iter().rev().nth(which % listing.requests.len().clamp(1, 3));
        newest.map(|(_, request)| request.asked.id.to_string()).unwrap_or_default()
    }

    fn take(&mut self, step: &Step) {
        let who = Caller { surface: step.surface, ..self.people[step.who].clone() };
        let by = who.principal.clone().expect("everybody here is somebody");
        let configured = ApprovalPolicy::ALL.iter().position(|known| *known == step.configured).expect("one of them");
        let app = &self.apps[configured];
        match &step.deed {
            Deed::Apply { run, typed, again } => {
                let key = (by.id.clone(), *run);
                let token = match self.tokens.get(&key).filter(|_| *again) {
                    Some(token) => Some(token.clone()),
                    None => now(app.preview(&who, ask(step.surface, RUNS[*run]))).ok().map(|preview| preview.token),
                };
                if let Some(token) = &token {
                    self.tokens.insert(key, token.clone());
                }
                let apply =
                    ApplyRequest { preview_token: token, typed_run_id: typed.then(|| RUNS[*run].to_owned()), ..yes() };
                drop(now(app.enqueue(&who, ask(step.surface, RUNS[*run]), apply)));
            }
            Deed::Approve(which) => drop(now(app.approve(&who, &self.request(*which), saying("Yes.")))),
            Deed::Reject(which) => drop(now(app.reject(&who, &self.request(*which), saying("No.")))),
            Deed::Accept(which) => {
                if let Some(id) = ApprovalId::parse(&self.request(*which)) {
                    drop(now(app.record_elicitation(&who, &id, ElicitedAnswer::Accepted, Stated::Absent)));
                }
            }
            Deed::Freeze => drop(now(app.freeze(&who, saying("Stop.")))),
            Deed::Unfreeze => drop(now(app.unfreeze(&who, saying("Go.")))),
            Deed::Floor(policy) => drop(now(app.set_policy(&who, *policy, saying("So be it.")))),
            Deed::Revoke(whose) => {
                let token = self.people[*whose].principal.as_ref().and_then(Principal::token);
                if let Some(id) = token
                    && now(app.revoke_token(&who, id.as_str(), saying("Lost."))).is_ok()
                {
                    let name = self.people[*whose].principal_id().to_owned();
                    // Whoever takes their own token back could do so until then.
                    self.model.follow(&self.world, step, &by);
                    for asked in self.model.asked.values_mut() {
                        asked.said_yes.remove(&name);
                    }
                    self.model.proposed.take_if(|(_, first)| *first == name);
                    self.model.revoked.insert(name);
                }
            }
            Deed::Cancel(which) => {
                let items = now(self.world.store.items(&Default::default())).expect("the store answers").items;
                if let Some(item) = items.get(which % items.len().max(1)) {
                    drop(now(app.cancel(&who, item.queue_id().as_str(), Stated::Absent, role("OPS"))));
                }
            }
            Deed::Claim => {
                let stated = if by.kind == PrincipalKind::Worker { StatedRole::Absent } else { role("OPS") };
                drop(now(app.claim(&who, asking(Stated::Absent, seconds(60), stated))));
            }
            Deed::Expire => drop(now(app.expire_one(&who))),
            Deed::Wait(by) => self.world.clock.advance(seconds(*by)),
        }
        self.model.follow(&self.world, step, &by);
    }

    /// What holds at the end, asked in the crate's own words.
    fn end(&self) {
        let standing = self.world.standing();
        assert_eq!(
            (standing.frozen.is_some(), standing.floor),
            (self.model.frozen, ApprovalPolicy::ALL[self.model.floor])
        );
        let listing = now(self.world.store.approvals(&ApprovalFilter::default())).expect("the store answers");
        assert_eq!(listing.requests.len(), self.model.asked.len());
        for (_, request) in &listing.requests {
            let queued = self.model.queued.contains(request.asked.id.as_str());
            assert_eq!(request.queued, queued, "approved exactly when its item exists");
            assert!(!(queued && request.ended.is_some()), "approved and ended: {request:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 320, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_does_whatever_nothing_is_queued_that_too_few_agreed_to(steps in steps()) {
        let mut story = Story::begin();
        for step in &steps {
            story.take(step);
        }
        story.end();
    }
}

/// The model would say nothing of a world in which nothing happens.
#[test]
fn random_stories_lead_to_items_under_every_policy() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut items = [0; 3];
    for _ in 0..100 {
        let steps = steps().new_tree(&mut runner).expect("a story").current();
        let mut story = Story::begin();
        for step in &steps {
            story.take(step);
        }
        for (all, some) in items.iter_mut().zip(story.model.items_by_policy) {
            *all += some;
        }
    }
    println!("figure: {items:?} items under declared, operator and two-person in 100 stories");
    assert!(items.iter().all(|some| *some >= 2), "{items:?}");
}
