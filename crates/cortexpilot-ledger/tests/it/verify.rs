//! `audit verify`: what it covers, what it finds, that it writes nothing.

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, execute, soon};
use cortexpilot_ledger::{Torn, Verdict, VerifyReport, verify};

use crate::support::{Root, World, names};

fn look(world: &World) -> VerifyReport {
    let before = world.root.read("queue.jsonl");
    let report = verify(&world.root.path).expect("the files can be read");
    assert_eq!(world.root.read("queue.jsonl"), before);
    report
}

fn story() -> World {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    let second = block_on(Ask::of("run_b").at(1).enqueue(&world.store));
    block_on(execute(&world.store, cancel(second.queue_id(), soon(2))));
    block_on(execute(&world.store, Ask::of("run_c").at(3).unseen()));
    world
}

#[test]
fn a_sound_ledger_is_covered_from_its_first_to_its_last_line() {
    let world = story();
    let report = look(&world);
    assert_eq!((report.verdict, report.live_contracts, report.pins.len()), (Verdict::Sound, 1, 0));
    let [queue, decisions] = &report.files[..] else { panic!("two files") };
    assert_eq!((queue.file, queue.lines, queue.legacy_lines), ("queue.jsonl", 3, 0));
    assert_eq!((queue.first_ts, queue.last_ts), (Some(soon(0)), Some(soon(2))));
    assert_eq!(queue.bytes, world.root.read("queue.jsonl").len() as u64);
    let last = world.root.lines().pop().unwrap();
    assert_eq!(ledger::split(last.as_bytes()).unwrap().1, queue.head);
    assert_eq!((decisions.file, decisions.lines, decisions.last_ts), ("decisions.jsonl", 1, Some(soon(3))));
}

#[test]
fn a_root_without_files_is_sound_and_empty() {
    let root = Root::new();
    let report = verify(&root.path).unwrap();
    assert_eq!((report.verdict, report.files[0].lines, report.files[0].head), (Verdict::Sound, 0, Sha256Digest::ZERO));
    assert!(!root.path.exists());
}

#[test]
fn an_incomplete_last_line_is_torn_and_says_what_will_become_of_it() {
    let world = story();
    block_on(Ask::of("run_d").at(4).enqueue(&world.store));
    let text = world.root.queue();
    let begins = text.trim_end().rfind('\n').unwrap() + 1;
    for (cut, keeps) in [(begins + 30, false), (text.len() - 1, true)] {
        world.root.write("queue.jsonl", &text[..cut]);
        let report = look(&world);
        assert_eq!((report.verdict, report.files[0].lines), (Verdict::Torn, 3));
        let torn = Torn { offset: begins as u64, bytes: (cut - begins) as u64, lacks_only_newline: keeps };
        assert_eq!(report.files[0].torn, Some(torn));
    }
}

#[test]
fn a_changed_line_is_altered_and_named_with_its_place() {
    let world = story();
    let text = world.root.queue();
    world.root.write(
        "queue.jsonl",
        text.replacen("\"PENDING\", \"task_id\": \"task_of_run_b\"", "\"PENDING\", \"task_id\": \"task_of_run_c\"", 1),
    );
    let report = look(&world);
    assert_eq!(report.verdict, Verdict::Altered);
    let damage = report.files[0].damage.as_ref().unwrap();
    assert_eq!((damage.line, damage.offset), (2, text.find('\n').unwrap() as u64 + 1));
    assert_eq!(report.files[1].verdict(), Verdict::Sound);
}

#[test]
fn an_unknown_event_that_verifies_is_newer() {
    let world = story();
    let text = world.root.queue();
    let head = look(&world).files[0].head;
    let (line, _) = ledger::seal(&head, "{\"event\": \"QUEUE_PAUSE\", \"ts\": \"2026-03-01T12:00:03.000000+00:00\"");
    world.root.write("queue.jsonl", format!("{text}{line}\n"));
    let report = look(&world);
    assert_eq!((report.verdict, report.files[0].newer.clone()), (Verdict::Newer, Some((4, "QUEUE_PAUSE".into()))));
}

#[test]
fn a_pinned_contract_that_was_changed_or_removed_is_found_while_an_item_rests_on_it() {
    let world = story();
    let pin = world.root.file("contracts").join(names(&world.root.file("contracts")).pop().unwrap());
    let bytes = std::fs::read(&pin).unwrap();
    std::fs::write(&pin, "other").unwrap();
    let report = look(&world);
    assert_eq!((report.verdict, report.pins.len()), (Verdict::Altered, 1));
    assert!(report.pins[0].altered);
    assert_eq!(report.pins[0].sha256, Sha256Digest::of(&bytes));
    assert_eq!(report.pins[0].items.len(), 1);
    std::fs::remove_file(&pin).unwrap();
    let report = look(&world);
    assert_eq!((report.verdict, report.pins[0].altered), (Verdict::Altered, false));
    // Once nothing rests on it, nothing is missing.
    let cortexpilot_core::Verdict::Claimed(item) = block_on(execute(&world.store, claim(soon(5)))) else {
        panic!("none")
    };
    assert_eq!(look(&world).verdict, Verdict::Altered, "a claimed item rests on it too");
    let token = cortexpilot_core::port::conformance::lease(&item);
    let done = cortexpilot_core::port::conformance::complete(item.queue_id(), &token, soon(6));
    block_on(execute(&world.store, done));
    assert_eq!(look(&world).verdict, Verdict::Sound);
}

#[test]
fn a_ledger_that_is_being_written_is_sound() {
    let world = World::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..60 {
                let item = block_on(Ask::of(&format!("run_{n}")).enqueue(&world.store));
                block_on(execute(&world.store, cancel(item.queue_id(), soon(n))));
            }
        });
        while !writer.is_finished() {
            let report = verify(&world.root.path).unwrap();
            assert_eq!(report.verdict, Verdict::Sound, "{report:?}");
        }
    });
    assert_eq!(look(&world).files[0].lines, 120);
}

#[test]
fn what_cannot_be_read_is_an_error_and_no_verdict() {
    let root = Root::new();
    std::fs::create_dir_all(root.file("queue.jsonl")).unwrap();
    let error = verify(&root.path).unwrap_err().to_string();
    assert!(error.contains("regular file"), "{error}");
}
