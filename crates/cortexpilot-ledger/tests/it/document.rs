//! What `docs/reference/ledger.md` and `docs/reference/decisions.md` tell people who read the ledger with their own programs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::approval::ElicitedAnswer;
use cortexpilot_core::domain::command::{ApprovalPolicy, Decide};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::principal::{Principal, PrincipalKind};
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::domain::time::Schedule;
use cortexpilot_core::domain::token::{TokenId, TokenText};
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{
    Ask, approve, block_on, cancel, changes, claim, claim_that, complete, execute, expire, fail, govern, known, lease,
    lose, person, reject, release, repeatable, requeue, revoke, revoke_lease, soon, stop,
};
use cortexpilot_ledger::{repair, verify};
use jiff::SignedDuration;

use crate::support::{Root, World};

fn page() -> String {
    read("ledger.md")
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    std::fs::read_to_string(path).expect("the page is there")
}

/// The page's script, in a file.
fn script(root: &Root) -> PathBuf {
    let page = page();
    let (_, after) = page.split_once("```python\n").expect("the page has a script");
    let (script, _) = after.split_once("```").expect("the script ends");
    assert_eq!(script.lines().count(), 12, "as the page says");
    let path = root.path.parent().expect("a directory").join("verify.py");
    std::fs::write(&path, script).unwrap();
    path
}

fn run(script: &Path, file: &Path) -> (bool, String) {
    let output = Command::new("python3").arg(script).arg(file).output().expect("python3 is needed for this test");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("UTF-8").trim().to_owned())
}

#[test]
fn the_twelve_lines_of_python_agree_with_verify() {
    let legacy = "{\"event\": \"QUEUE_ENQUEUE\", \"task_id\": \"t\", \"queue_id\": \"a\"}\n[]\n\n";
    for prefix in ["", legacy] {
        let world = World::on(Root::with_queue(prefix));
        let script = script(&world.root);
        let path = world.root.file("queue.jsonl");
        let agree = || {
            let report = verify(&world.root.path).unwrap().files.remove(0);
            let want = format!("sound, {} lines, head {}", report.lines, report.head);
            assert_eq!(run(&script, &path), (true, want));
        };
        agree();
        let item = block_on(Ask::of("run_a").enqueue(&world.store));
        block_on(execute(&world.store, cancel(item.queue_id(), soon(1))));
        block_on(Ask::of("run_b").at(2).enqueue(&world.store));
        agree();
        let text = world.root.queue();
        world.root.write("queue.jsonl", format!("{text}{{\"torn"));
        agree();
        let lines = prefix.lines().count();
        for (what, line) in [("task_of_run_b", lines + 3), ("Not needed", lines + 2)] {
            let at = text.find(what).unwrap();
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            world.root.write("queue.jsonl", &bytes);
            assert_eq!(run(&script, &path), (false, format!("line {line} was altered")));
            let damage = verify(&world.root.path).unwrap().files.remove(0).damage.unwrap();
            assert_eq!(damage.line, line as u64);
        }
    }
}

#[test]
fn the_twelve_lines_of_python_verify_a_sealed_ledger_put_together() {
    let World { store, root } = World::on(Root::new().sealed(1));
    for n in 0..6 {
        let item = block_on(Ask::of(&format!("run_{n}")).at(2 * n).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(2 * n + 1))));
    }
    drop(store);
    assert!(crate::support::names(&root.file("segments")).len() > 1);
    // As the page says.
    let said = "cat segments/queue-*.jsonl queue.jsonl";
    assert!(page().contains(said));
    let status = Command::new("sh").args(["-c", &format!("{said} > all.jsonl")]).current_dir(&root.path).status();
    assert!(status.unwrap().success());
    let report = verify(&root.path).unwrap().files.remove(0);
    let want = format!("sound, {} lines, head {}", report.lines, report.head);
    assert_eq!((run(&script(&root), &root.file("all.jsonl")), report.lines), ((true, want), 12));
}

#[test]
fn every_member_of_every_line_is_on_the_page() {
    let world = World::new();
    let item = block_on(Ask::of("run_a").keyed("k").enqueue(&world.store));
    block_on(execute(&world.store, cancel(item.queue_id(), soon(1))));
    block_on(Ask::of("run_b").enqueue(&world.store));
    let Verdict::Claimed(item) = block_on(execute(&world.store, claim(soon(2)))) else { panic!("not claimed") };
    block_on(execute(&world.store, complete(item.queue_id(), &lease(&item), soon(3))));
    block_on(execute(&world.store, Ask::of("run_c").unseen()));
    leased(&world);
    let bot = block_on(known(&world.store, PrincipalKind::Agent, "bot", soon(4)));
    let (ann, bob) = (
        block_on(known(&world.store, PrincipalKind::Operator, "ann", soon(4))),
        block_on(known(&world.store, PrincipalKind::Operator, "bob", soon(4))),
    );
    let ask = |run: &str| Ask::of(run).under(ApprovalPolicy::TwoPerson).at(5);
    let [first, second, third] =
        ["run_d", "run_e", "run_f"].map(|run| block_on(ask(run).by(bot.clone()).requested(&world.store)));
    block_on(ask("run_d").requested(&world.store));
    let replaces = bot.principal.as_ref().and_then(Principal::token).cloned();
    let text = TokenText::new(PrincipalKind::Agent, TokenId::from_bytes([0xff; 6]), [9; 32]);
    let (id, sha256, ttl) = (text.id().clone(), text.digest(), SignedDuration::from_hours(1));
    let answer = ElicitedAnswer::Accepted;
    let deeds = [
        (&bot, Decide::Elicited { id: first.asked.id.clone(), answer }),
        (&person("keeper"), Decide::RotateToken { replaces, id, sha256, ttl }),
        (&ann, Decide::SetPolicy(ApprovalPolicy::TwoPerson)),
        (&ann, Decide::SetPolicy(ApprovalPolicy::Operator)),
        (&bob, Decide::SetPolicy(ApprovalPolicy::Operator)),
        (&ann, Decide::Freeze),
        (&ann, Decide::Unfreeze),
        (&ann, Decide::Pause),
        (&ann, Decide::Resume),
    ];
    let commands = deeds.map(|(who, what)| govern(who, soon(6), what));
    let asked = [
        approve(&ann, &first, soon(7)),
        approve(&bob, &first, soon(7)),
        reject(&bob, &second, soon(7)),
        govern(&person("keeper"), third.asked.expires_at, Decide::Expire),
        revoke(&bot, soon(8)),
    ];
    for command in commands.into_iter().chain(asked) {
        let verdict = block_on(execute(&world.store, command));
        assert!(matches!(verdict, Verdict::Recorded(_) | Verdict::Approved(_)), "{verdict:?}");
    }
    let mut lines = world.root.lines();
    let decisions = String::from_utf8(world.root.read("decisions.jsonl")).unwrap();
    world.root.write("queue.jsonl", world.root.queue().replace("Alice", "Malice"));
    let reason = Reason::parse("A test changed it.").unwrap().unwrap();
    repair(&world.root.path, &reason, "local:alice", soon(4)).unwrap();
    lines.extend(world.root.lines());
    let mut events = BTreeSet::new();
    let decided: Vec<String> = decisions.lines().map(str::to_owned).collect();
    for (page, lines) in [(page(), &lines), (read("decisions.md"), &decided)] {
        for line in lines {
            let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            let event = members["event"].as_str().unwrap().to_owned();
            assert!(page.contains(&format!("`{event}`")), "{event}");
            for name in members.keys() {
                assert!(page.contains(&format!("`{name}`")), "{event}: {name}");
            }
            assert_eq!(members.keys().next_back().map(String::as_str), Some("h"));
            events.insert(event);
        }
    }
    let all = "APPROVAL_REQUESTED APPROVED DENIED ELICITED EXPIRED FROZEN LEDGER_REPAIRED PAUSED POLICY_PROPOSED \
               POLICY_SET QUEUE_CANCEL QUEUE_CLAIM QUEUE_DONE QUEUE_ENQUEUE QUEUE_EXPIRE QUEUE_HOLD QUEUE_REQUEUE QUEUE_STOP \
               REJECTED RESUMED TOKEN_CREATED TOKEN_REVOKED TOKEN_ROTATED UNFROZEN";
    assert_eq!(events.into_iter().collect::<Vec<_>>().join(" "), all, "every event there is");
}

/// Every line that a claim can come to, with every member.
fn leased(world: &World) {
    let store = &world.store;
    let ask = |run: &str| {
        let mut ask = Ask::of(run).at(20).with(50, None);
        ask.run = repeatable(run, 1, 60);
        ask.run.repository = Some("/srv/repository".into());
        ask
    };
    let item = block_on(ask("run_g").enqueue(store));
    let id = item.queue_id();
    let first = block_on(changes(store, claim_that(id, soon(20))));
    block_on(changes(store, lose(&first, 0, 900, soon(21))));
    let second = block_on(changes(store, claim_that(id, soon(90))));
    block_on(changes(store, stop(id, soon(91))));
    block_on(changes(store, release(id, &lease(&second), true, soon(92))));
    block_on(changes(store, requeue(id, soon(93))));
    block_on(changes(store, claim_that(id, soon(94))));
    block_on(changes(store, revoke_lease(id, soon(95))));
    block_on(changes(store, fail(id, soon(96))));
    let mut late = ask("run_h");
    late.parameters.deadline = Schedule::parse("2026-03-01T12:01:00Z").unwrap();
    let late = block_on(late.enqueue(store));
    block_on(changes(store, expire(late.queue_id(), soon(99))));
}

#[test]
fn the_lock_file_on_the_page_is_one_that_checks() {
    let page = page();
    let (_, after) = page.split_once("```text\n").expect("the page shows a lock file");
    let (records, _) = after.split_once("```").expect("it ends");
    for record in records.lines() {
        let (text, check) = record.rsplit_once(' ').unwrap();
        let digest = Sha256Digest::of(format!("{text} ").as_bytes()).to_string();
        assert_eq!((record.len(), check), (125, &digest[..16]), "{text}");
    }
    let world = World::on(Root::with_queue(""));
    world.root.write("ledger.lock", records);
    let reader = cortexpilot_ledger::FileReader::open(&world.root.path);
    assert_eq!(block_on(reader.health()).unwrap().lines, 0);
}
