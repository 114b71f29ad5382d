//! A ledger that was changed: found, reported, never written to, still readable up to the damage.

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::ledger;
use cortexpilot_core::domain::listing::{QueueFilter, QueueListing};
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, execute, soon};
use cortexpilot_core::port::{Store as _, StoreError, StoreRead};
use cortexpilot_ledger::{FileReader, FileStore};

use crate::support::{Root, World, corrupt};

/// Three items, the second of them rolled back, and a refusal.
fn small() -> World {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    let second = block_on(Ask::of("run_b").enqueue(&world.store));
    block_on(execute(&world.store, cancel(second.queue_id(), soon(1))));
    block_on(Ask::of("run_c").at(2).enqueue(&world.store));
    block_on(execute(&world.store, Ask::of("run_d").unseen()));
    world
}

fn list(store: &dyn StoreRead) -> QueueListing {
    block_on(store.items(&QueueFilter::default())).expect("reads go on")
}

fn refusal(store: &FileStore, command: Command) -> StoreError {
    block_on(store.execute(command)).expect_err("nothing is written")
}

fn apply(store: &FileStore, run: &str) -> Result<Verdict, StoreError> {
    let ask = Ask::of(run).at(60);
    block_on(store.execute(ask.command(block_on(ask.preview(store)))))
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    use std::os::unix::fs::FileExt as _;
    let world = World::new();
    let item = block_on(Ask::of("run_a").enqueue(&world.store));
    block_on(execute(&world.store, cancel(item.queue_id(), soon(1))));
    let bytes = world.root.read("queue.jsonl");
    let whole = list(&world.store).items;
    let path = &world.root.path;
    let file = std::fs::OpenOptions::new().write(true).open(path.join("queue.jsonl")).unwrap();
    let last_newline = bytes.len() - 1;
    let mut found = 0;
    for at in 0..bytes.len() {
        let newlines = bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        for bit in 0..8 {
            file.write_all_at(&[bytes[at] ^ (1 << bit)], at as u64).unwrap();
            let reader = FileReader::open(path);
            let error = block_on(reader.health()).unwrap().refuses_writes;
            if at == last_newline {
                // The line before it verifies, and the next start completes it.
                assert_eq!(error, None);
                let world = World::on(Root::with_queue(world.root.read("queue.jsonl")));
                assert_eq!((world.root.read("queue.jsonl"), list(&world.store).items), (bytes.clone(), whole.clone()));
            } else {
                let line = corrupt(error.unwrap_or_else(|| panic!("byte {at} bit {bit} is not found"))).1;
                assert_eq!(line, newlines + 1, "byte {at} bit {bit}");
                found += 1;
            }
        }
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    assert_eq!(found, last_newline * 8);
}

#[test]
fn a_damaged_line_stops_writes_and_reads_go_on_from_before_it() {
    let world = small();
    let changed = world.root.queue().replacen("Not needed", "Not Needed", 1);
    drop(world.store);
    world.root.write("queue.jsonl", &changed);
    let world = World::on(world.root);
    let listing = list(&world.store);
    let states: Vec<&str> = listing.items.iter().map(|item| item.status()).collect();
    assert_eq!(states, ["PENDING", "PENDING"], "as of before line 3");
    assert_eq!((listing.problems[0].file.as_str(), listing.problems[0].line), ("queue.jsonl", 3));
    assert!(listing.problems[0].problem.contains("altered"));
    for error in [
        refusal(&world.store, claim(soon(9))),
        refusal(&world.store, cancel(listing.items[0].queue_id(), soon(9))),
        refusal(&world.store, Ask::of("run_d").unseen()),
        apply(&world.store, "run_e").unwrap_err(),
    ] {
        assert_eq!(corrupt(error), ("queue.jsonl".into(), 3));
    }
    let health = block_on(world.store.health()).unwrap();
    assert_eq!((health.lines, health.pending), (2, 2));
    assert_eq!(world.root.queue(), changed, "not a byte was touched");
    assert_eq!(world.root.decisions().len(), 1);
}

#[test]
fn lines_that_were_removed_repeated_or_reordered_are_found() {
    let world = small();
    let lines = world.root.lines();
    let (one, two, three, four) = (&lines[0], &lines[1], &lines[2], &lines[3]);
    for (ledger, line) in [
        (vec![two, three, four], 1),
        (vec![one, three, four], 2),
        (vec![one, two, four], 3),
        (vec![one, one, two, three, four], 2),
        (vec![one, three, two, four], 2),
        (vec![one, two, three, four, four], 5),
    ] {
        let text: String = ledger.iter().map(|line| format!("{line}\n")).collect();
        let root = Root::with_queue(text);
        let health = block_on(FileReader::open(&root.path).health()).unwrap();
        assert_eq!(corrupt(health.refuses_writes.expect("found")).1, line);
    }
}

#[test]
fn a_damaged_record_of_refusals_stops_writes_too_and_hides_no_item() {
    let world = small();
    let text = String::from_utf8(world.root.read("decisions.jsonl")).unwrap();
    drop(world.store);
    world.root.write("decisions.jsonl", text.replace("token:ops", "token:opt"));
    let world = World::on(world.root);
    let listing = list(&world.store);
    assert_eq!(listing.items.len(), 3);
    assert_eq!((listing.problems[0].file.as_str(), listing.problems[0].line), ("decisions.jsonl", 1));
    assert_eq!(corrupt(apply(&world.store, "run_e").unwrap_err()), ("decisions.jsonl".into(), 1));
}

#[test]
fn an_event_of_a_newer_version_stops_writes_and_is_no_damage() {
    for file in ["queue.jsonl", "decisions.jsonl"] {
        let world = small();
        drop(world.store);
        let text = String::from_utf8(world.root.read(file)).unwrap();
        let head = ledger::split(text.trim_end().rsplit('\n').next().unwrap().as_bytes()).unwrap().1;
        let (line, hash) =
            ledger::seal(&head, "{\"event\": \"QUEUE_PAUSED\", \"ts\": \"2026-03-01T12:00:03.000000+00:00\"");
        let (after, _) = ledger::seal(&hash, "{\"event\": \"THAWED\", \"ts\": \"2026-03-01T12:00:04.000000+00:00\"");
        world.root.write(file, format!("{text}{line}\n{after}\n"));
        let world = World::on(world.root);
        let listing = list(&world.store);
        assert_eq!(listing.items.len(), 3);
        assert!(listing.problems[0].problem.contains("newer version"), "{:?}", listing.problems);
        assert_eq!(apply(&world.store, "run_e").unwrap_err(), StoreError::Newer { event: "QUEUE_PAUSED".into() });
        assert_eq!(list(&FileReader::open(&world.root.path)).items.len(), 3);
    }
}

#[test]
fn a_running_store_notices_what_is_done_to_its_file() {
    type Deed = fn(&Root);
    let deeds: [(&str, Deed); 7] = [
        ("changed in place", |root| root.write("queue.jsonl", root.queue().replacen("Alice", "Elice", 1))),
        ("cut at a line's end", |root| {
            let lines = root.lines();
            root.write("queue.jsonl", format!("{}\n{}\n", lines[0], lines[1]));
        }),
        ("emptied", |root| root.write("queue.jsonl", "")),
        ("removed", |root| std::fs::remove_file(root.file("queue.jsonl")).unwrap()),
        ("replaced by a shorter one", |root| {
            let lines = root.lines();
            root.write("other", format!("{}\n", lines[0]));
            std::fs::rename(root.file("other"), root.file("queue.jsonl")).unwrap();
        }),
        ("replaced by another one", |root| {
            let other = small();
            let more = block_on(Ask::of("run_z").at(3).enqueue(&other.store));
            block_on(execute(&other.store, cancel(more.queue_id(), soon(4))));
            root.write("other", other.root.read("queue.jsonl"));
            std::fs::rename(root.file("other"), root.file("queue.jsonl")).unwrap();
        }),
        ("continued by a program that does not chain", |root| {
            let text = root.queue();
            root.write("queue.jsonl", format!("{text}{}\n", "{\"event\": \"QUEUE_CANCEL\", \"task_id\": \"t\"}"));
        }),
    ];
    for (what, deed) in deeds {
        let world = small();
        let reader = FileReader::open(&world.root.path);
        assert_eq!(list(&reader).problems, []);
        deed(&world.root);
        for store in [&world.store as &dyn StoreRead, &reader] {
            let problems = list(store).problems;
            assert_eq!(problems.len(), 1, "{what}: {problems:?}");
        }
        let bytes = world.root.read("queue.jsonl");
        assert_eq!(corrupt(apply(&world.store, "run_e").unwrap_err()).0, "queue.jsonl", "{what}");
        assert_eq!(world.root.read("queue.jsonl"), bytes, "{what}: nothing was written");
    }
}

#[test]
fn a_file_that_is_put_back_is_good_again() {
    let world = small();
    let bytes = world.root.read("queue.jsonl");
    std::fs::rename(world.root.file("queue.jsonl"), world.root.file("away")).unwrap();
    assert_eq!(list(&world.store).problems.len(), 1);
    assert!(apply(&world.store, "run_e").is_err());
    // A copy of it, as a backup tool restores it.
    world.root.write("queue.jsonl", &bytes);
    assert_eq!(list(&world.store).problems, []);
    assert!(matches!(apply(&world.store, "run_e"), Ok(Verdict::Enqueued(_))));
    assert!(world.root.read("queue.jsonl").starts_with(&bytes));
}

#[test]
fn a_byte_changed_in_place_is_found_before_this_process_appends_to_it_or_by_a_scrub() {
    // In the last line, it is found when the next command is about to chain onto it.
    let world = small();
    let modified = std::fs::metadata(world.root.file("queue.jsonl")).unwrap().modified().unwrap();
    let mut bytes = world.root.read("queue.jsonl");
    let at = bytes.len() - 20;
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    overwrite(&world.root, &bytes).set_modified(modified).unwrap();
    assert_eq!(corrupt(apply(&world.store, "run_e").unwrap_err()), ("queue.jsonl".into(), 4));

    // Further up, and with the file's time put back, only a scrub finds it. Then the store stands as if it had been opened
    // on the damage.
    let world = small();
    let sound = world.store.scrub().unwrap();
    assert_eq!((sound.lines, sound.problems.len()), (5, 0));
    let mut bytes = world.root.read("queue.jsonl");
    bytes[30] ^= 1;
    let modified = std::fs::metadata(world.root.file("queue.jsonl")).unwrap().modified().unwrap();
    overwrite(&world.root, &bytes).set_modified(modified).unwrap();
    assert_eq!(list(&world.store).problems, [], "nobody has looked yet");
    let found = world.store.scrub().unwrap();
    assert_eq!((found.problems.len(), found.problems[0].line), (1, 1));
    assert_eq!(list(&world.store).items, []);
    assert_eq!(list(&world.store).problems, found.problems);
    assert_eq!(corrupt(apply(&world.store, "run_e").unwrap_err()), ("queue.jsonl".into(), 1));
    bytes[30] ^= 1;
    overwrite(&world.root, &bytes);
    assert_eq!(world.store.scrub().unwrap().problems.len(), 0);
    assert_eq!(list(&world.store).items.len(), 3);
}

/// Changes bytes of the same file, as an editor that writes in place does.
fn overwrite(root: &Root, bytes: &[u8]) -> std::fs::File {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::OpenOptions::new().write(true).open(root.file("queue.jsonl")).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

#[test]
fn a_scrub_beside_writers_finds_nothing() {
    let world = World::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..100 {
                block_on(Ask::of(&format!("run_{n}")).enqueue(&world.store));
            }
        });
        while !writer.is_finished() {
            assert_eq!(world.store.scrub().unwrap().problems, []);
        }
    });
    assert_eq!(world.store.scrub().unwrap().lines, 100);
    assert_eq!(list(&world.store).items.len(), 100);
}
