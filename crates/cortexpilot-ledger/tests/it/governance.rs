//! What operators decided, in the file and between processes.

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::approval::ApprovalStatus;
use cortexpilot_core::domain::command::{ApprovalPolicy, Decide};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceQuery, Standing};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger;
use cortexpilot_core::domain::principal::{Principal, PrincipalKind};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::conformance::{
    Ask, agent, approve, block_on, claim, execute, govern, known, person, reject, revoke, soon,
};
use cortexpilot_core::port::{Store as _, StoreError, StoreRead};
use cortexpilot_ledger::{FileReader, FileStore, verify};

use crate::support::{Root, World, corrupt};

fn standing(store: &dyn StoreRead) -> Standing {
    block_on(store.governance(&GovernanceQuery::default())).unwrap().standing
}

fn statuses(store: &dyn StoreRead) -> Vec<ApprovalStatus> {
    let listing = block_on(store.approvals(&ApprovalFilter::default())).unwrap();
    listing.requests.iter().map(|(_, request)| request.status(soon(9))).collect()
}

fn lives(store: &dyn StoreRead, who: &cortexpilot_core::domain::principal::Caller) -> Option<bool> {
    let caller_token = who.principal.as_ref().and_then(Principal::token).cloned();
    let query = GovernanceQuery { caller_token, ..GovernanceQuery::default() };
    block_on(store.governance(&query)).unwrap().caller_token.map(|token| token.revoked.is_none())
}

fn code(verdict: Verdict) -> ErrorCode {
    let Verdict::Denied(denial) = verdict else { panic!("not denied: {verdict:?}") };
    denial.code
}

fn decide(store: &FileStore, what: Decide, second: i64) {
    let verdict = block_on(execute(store, govern(&person("ops"), soon(second), what)));
    assert!(matches!(verdict, Verdict::Recorded(_)), "{verdict:?}");
}

#[test]
fn what_one_process_decides_the_others_know_at_their_next_question() {
    let root = Root::new();
    let (a, b) = (root.open(), root.open());
    let reader = FileReader::open(&root.path);
    let everybody = |check: &dyn Fn(&dyn StoreRead)| {
        for store in [&b as &dyn StoreRead, &reader, &a] {
            check(store);
        }
    };
    everybody(&|store| assert_eq!(standing(store), Standing::default()));
    decide(&a, Decide::Freeze, 1);
    everybody(&|store| assert!(standing(store).frozen.is_some()));
    assert_eq!(code(block_on(execute(&b, claim(soon(1))))), ErrorCode::Frozen);
    decide(&b, Decide::Unfreeze, 2);
    everybody(&|store| assert!(standing(store).frozen.is_none()));
    decide(&a, Decide::SetPolicy(ApprovalPolicy::Operator), 3);
    everybody(&|store| assert_eq!(standing(store).floor, ApprovalPolicy::Operator));
    let bot = block_on(known(&b, PrincipalKind::Agent, "bot", soon(3)));
    everybody(&|store| assert_eq!(lives(store, &bot), Some(true)));
    let wished = block_on(Ask::of("run_a").by(bot.clone()).requested(&a));
    let other = block_on(Ask::of("run_b").by(agent("alice")).requested(&b));
    everybody(&|store| assert_eq!(statuses(store), [ApprovalStatus::Pending; 2]));
    let verdict = block_on(execute(&b, approve(&person("bob"), &wished, soon(4))));
    let Verdict::Approved(item) = verdict else { panic!("{verdict:?}") };
    everybody(&|store| {
        assert_eq!(statuses(store), [ApprovalStatus::Approved, ApprovalStatus::Pending]);
        assert_eq!(block_on(store.item(&wished.asked.queue_id)).unwrap(), Some(item.clone()));
    });
    block_on(execute(&a, reject(&person("bob"), &other, soon(5))));
    everybody(&|store| assert_eq!(statuses(store), [ApprovalStatus::Approved, ApprovalStatus::Rejected]));
    block_on(execute(&a, revoke(&bot, soon(6))));
    everybody(&|store| assert_eq!(lives(store, &bot), Some(false)));
    assert_eq!(code(block_on(Ask::of("run_c").by(bot).apply(&b))), ErrorCode::Unauthenticated);
    let fresh = root.open();
    assert_eq!((standing(&fresh), statuses(&fresh)), (standing(&a), statuses(&a)));
    assert_eq!(verify(&root.path).unwrap().verdict, cortexpilot_ledger::Verdict::Sound);
}

#[test]
fn processes_that_approve_at_once_queue_each_request_once() {
    let root = Root::new();
    let stores: Vec<FileStore> = (0..4).map(|_| root.open()).collect();
    let ask = |n: usize| Ask::of(&format!("run_{n}")).by(agent("alice")).under(ApprovalPolicy::Operator);
    let wished: Vec<_> = (0..12).map(|n| block_on(ask(n).requested(&stores[0]))).collect();
    let approved: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(which, store)| {
                let wished = &wished;
                scope.spawn(move || {
                    let yes =
                        |request| block_on(execute(store, approve(&person(&format!("p{which}")), request, soon(1))));
                    let made = |verdict: Verdict| {
                        let approved = matches!(verdict, Verdict::Approved(_));
                        assert!(approved || code(verdict) == ErrorCode::ApprovalDecided);
                        approved
                    };
                    wished.iter().filter(|request| made(yes(request))).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((approved, root.lines().len()), (12, 12));
    for line in root.lines() {
        assert!(line.contains("\"approvals\": [\"local:p"), "{line}");
    }
}

#[test]
fn a_record_that_holds_nothing_but_refusals_is_read_and_continued() {
    let root = Root::with_queue("");
    let mut head = Sha256Digest::ZERO;
    let mut text = String::new();
    for second in 0..3 {
        let body = format!(
            "{{\"event\": \"DENIED\", \"code\": \"CONFIRM_REQUIRED\", \"principal\": \"agent:alice\", \"surface\": \"mcp\", \
             \"run_id\": \"run_a\", \"preview_digest\": null, \"approval_id\": null, \"reason\": \"No.\", \"count\": 1, \
             \"ts\": \"2026-03-01T12:00:0{second}.000000+00:00\""
        );
        let (line, hash) = ledger::seal(&head, &body);
        head = hash;
        text.push_str(&line);
        text.push('\n');
    }
    root.write("decisions.jsonl", &text);
    let world = World::on(root);
    assert_eq!(standing(&world.store), Standing::default());
    block_on(Ask::of("run_a").at(4).enqueue(&world.store));
    decide(&world.store, Decide::Freeze, 1);
    let decisions = world.root.decisions();
    assert_eq!((decisions.len(), decisions[3].event.as_str(), decisions[3].ts), (4, "FROZEN", soon(2)));
    assert!(String::from_utf8(world.root.read("decisions.jsonl")).unwrap().starts_with(&text));
    let world = world.reopen();
    assert!(standing(&world.store).frozen.is_some());
    assert_eq!(verify(&world.root.path).unwrap().verdict, cortexpilot_ledger::Verdict::Sound);
}

#[test]
fn where_a_newer_version_decided_something_nothing_is_decided_here_and_what_was_known_holds() {
    let world = World::new();
    decide(&world.store, Decide::SetPolicy(ApprovalPolicy::Operator), 1);
    let wished = block_on(Ask::of("run_a").by(agent("alice")).requested(&world.store));
    let text = String::from_utf8(world.root.read("decisions.jsonl")).unwrap();
    let head = ledger::split(text.trim_end().rsplit('\n').next().unwrap().as_bytes()).unwrap().1;
    let (line, _) = ledger::seal(&head, "{\"event\": \"QUARANTINED\", \"ts\": \"2026-03-01T12:00:03.000000+00:00\"");
    world.root.write("decisions.jsonl", format!("{text}{line}\n"));
    let newer = StoreError::Newer { event: "QUARANTINED".into() };
    let commands = || {
        [
            govern(&person("ops"), soon(4), Decide::Unfreeze),
            govern(&person("ops"), soon(4), Decide::Freeze),
            approve(&person("bob"), &wished, soon(4)),
            reject(&person("bob"), &wished, soon(4)),
            claim(soon(4)),
        ]
    };
    let world = {
        for command in commands() {
            assert_eq!(block_on(world.store.execute(command)).unwrap_err(), newer, "a running process sees it");
        }
        world.reopen()
    };
    for command in commands() {
        assert_eq!(block_on(world.store.execute(command)).unwrap_err(), newer);
    }
    assert_eq!(
        (standing(&world.store).floor, statuses(&world.store)),
        (ApprovalPolicy::Operator, vec![ApprovalStatus::Pending])
    );
}

#[test]
fn a_decision_that_was_altered_cut_or_taken_away_stops_everything_that_writes() {
    type Deed = fn(&Root, &str);
    let deeds: [(&str, Deed); 4] = [
        ("altered", |root, text| root.write("decisions.jsonl", text.replace("two-person", "two-persom"))),
        ("lowered in place", |root, text| {
            root.write("decisions.jsonl", text.replacen("\"policy\": \"two-person\"", "\"policy\": \"declared\"", 1))
        }),
        ("cut", |root, text| root.write("decisions.jsonl", text.split_inclusive('\n').next().unwrap())),
        ("taken away", |root, _| std::fs::remove_file(root.file("decisions.jsonl")).unwrap()),
    ];
    for (name, deed) in deeds {
        let world = World::new();
        let reader = FileReader::open(&world.root.path);
        decide(&world.store, Decide::Unfreeze, 0);
        block_on(execute(&world.store, Ask::of("run_x").unseen()));
        decide(&world.store, Decide::SetPolicy(ApprovalPolicy::TwoPerson), 1);
        assert_eq!(standing(&reader).floor, ApprovalPolicy::TwoPerson);
        let text = String::from_utf8(world.root.read("decisions.jsonl")).unwrap();
        deed(&world.root, &text);
        let ask = Ask::of("run_a").by(agent("alice"));
        let seen = block_on(ask.preview(&world.store));
        for command in [ask.command(seen), govern(&person("ops"), soon(2), Decide::Freeze)] {
            let error = block_on(world.store.execute(command)).unwrap_err();
            assert_eq!(corrupt(error).0, "decisions.jsonl", "{name}");
        }
        assert!(block_on(reader.health()).unwrap().refuses_writes.is_some(), "{name}");
        assert!(world.root.lines().is_empty());
    }
}

#[test]
fn a_torn_freeze_was_never_acknowledged_and_a_whole_one_that_lacks_its_newline_holds() {
    for whole in [true, false] {
        let world = World::new();
        block_on(Ask::of("run_a").enqueue(&world.store));
        decide(&world.store, Decide::Freeze, 1);
        let bytes = world.root.read("decisions.jsonl");
        drop(world.store);
        let end = if whole { bytes.len() - 1 } else { bytes.len() / 2 };
        world.root.write("decisions.jsonl", &bytes[..end]);
        let store = world.root.open();
        assert_eq!(standing(&store).frozen.is_some(), whole);
        let verdict = block_on(execute(&store, claim(soon(2))));
        assert_eq!(matches!(verdict, Verdict::Claimed(_)), !whole, "{verdict:?}");
    }
}
