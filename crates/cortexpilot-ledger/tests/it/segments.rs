//! A ledger whose beginning is sealed: to everybody it is the ledger it was.

use std::sync::Arc;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, execute, soon, start};
use cortexpilot_core::port::fake::{ManualClock, SeqIds};
use cortexpilot_core::port::{Store as _, StoreError, StoreRead as _};
use cortexpilot_ledger::log::{
    Subject, Trust, checkpoint, continues_kept, export, init_audit_key, prove, verify_bundle,
};
use cortexpilot_ledger::{
    AdoptError, FileReader, FileStore, SegmentRule, StoreOptions, Verdict as Sound, repair, survey, verify,
};
use jiff::SignedDuration;

use crate::index::{answers, story};
use crate::support::{Root, World, corrupt, names, options};

/// Twelve lines in several files, no item of them live, and no process.
fn sealed() -> Root {
    let World { store, root } = World::on(Root::new().sealed(1));
    for n in 0..6 {
        let item = block_on(Ask::of(&format!("run_{n}")).at(2 * n).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(2 * n + 1))));
    }
    drop(store);
    assert!(segments(&root).len() >= 3, "{:?}", segments(&root));
    root
}

fn segments(root: &Root) -> Vec<String> {
    names(&root.file("segments")).into_iter().map(|name| format!("segments/{name}")).collect()
}

/// The first line that a segment's name names.
fn first_of(name: &str) -> u64 {
    name.trim_start_matches("segments/queue-")[..12].parse().unwrap()
}

fn damage(root: &Root) -> (u64, String) {
    let damage = verify(&root.path).unwrap().files.remove(0).damage.expect("damage");
    (damage.line, damage.what)
}

#[test]
fn a_sealed_ledger_has_the_same_bytes_and_gives_the_same_answers() {
    for root in [Root::new().sealed(1), Root::new().sealed(3000), Root::new().sealed(1).indexed(1)] {
        let world = World::on(root);
        for n in 0..9 {
            let item = block_on(Ask::of(&format!("run_old{n}")).at(0).enqueue(&world.store));
            block_on(execute(&world.store, cancel(item.queue_id(), soon(0))));
        }
        story(&world.store);
        let others = answers(&FileReader::open(&world.root.path));
        assert!(answers(&world.store) == others);
        let World { store, root } = world;
        drop(store);
        assert!(!segments(&root).is_empty());
        let plain = Root::with_queue(root.whole());
        assert!(answers(&FileReader::open(&plain.path)) == others, "as of one file");
        assert!(answers(&root.open()) == others, "read again, or begun with the index");
        let report = verify(&root.path).unwrap();
        assert_eq!((report.verdict, report.files[0].lines), (Sound::Sound, 36));
    }
}

#[test]
fn a_live_item_and_the_last_line_stay_in_the_file_under_the_ledgers_name() {
    let World { store, root } = World::on(Root::new().sealed(1));
    let first = block_on(Ask::of("run_a").enqueue(&store));
    block_on(execute(&store, cancel(first.queue_id(), soon(1))));
    let pending = block_on(Ask::of("run_b").at(2).enqueue(&store));
    for n in 0..5 {
        let item = block_on(Ask::of(&format!("run_c{n}")).at(3 + n).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(3 + n))));
    }
    drop(store);
    let alone = root.queue();
    assert!(alone.contains(pending.queue_id().as_str()) && alone.lines().count() >= 11, "{alone}");
    let store = root.open();
    block_on(execute(&store, cancel(pending.queue_id(), soon(20))));
    drop(store);
    assert_eq!(root.queue().lines().count(), 1, "nothing is live: all but the last line is sealed");
    assert_eq!(root.lines().len(), 14);
    let before = segments(&root);
    drop(root.open());
    assert_eq!(segments(&root), before, "opening seals nothing");
}

#[test]
fn the_originals_lines_are_sealed_with_a_line_of_ours_behind_them_left() {
    let legacy = "{\"event\": \"QUEUE_ENQUEUE\", \"task_id\": \"t\", \"queue_id\": \"a\"}\n[]\n\n";
    let World { store, root } = World::on(Root::with_queue(legacy).sealed(1));
    let Verdict::Claimed(item) = block_on(execute(&store, claim(soon(1)))) else { panic!("not claimed") };
    assert_eq!(item.queue_id().as_str(), "a");
    let lease = cortexpilot_core::port::conformance::lease(&item);
    block_on(execute(&store, cortexpilot_core::port::conformance::complete(item.queue_id(), &lease, soon(2))));
    drop(store);
    assert_eq!(segments(&root), ["segments/queue-000000000001-000000000004.jsonl"]);
    assert_eq!(root.queue().lines().count(), 1);
    let report = verify(&root.path).unwrap();
    let file = &report.files[0];
    assert_eq!((report.verdict, file.lines, file.legacy_lines), (Sound::Sound, 5, 3));
    assert!(matches!(survey(&root.path, &root.path), Err(AdoptError::Ours)), "it is no original's any more");
    let elsewhere = Root::new();
    assert!(matches!(survey(&elsewhere.path, &root.path), Err(AdoptError::Ours)));
}

#[test]
fn by_age_it_is_sealed_when_its_first_line_is_old_enough() {
    let root = Root::new();
    let age = SignedDuration::from_hours(24);
    let at = |hours: i64| {
        let segments = SegmentRule { bytes: None, age: Some(age) };
        let clock = ManualClock::at(start() + SignedDuration::from_hours(hours));
        FileStore::open(StoreOptions { segments, ..options(&root.path) }, Arc::new(clock)).unwrap()
    };
    let store = at(1);
    for n in 0..3 {
        let item = block_on(Ask::of(&format!("run_{n}")).at(n).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(n))));
    }
    drop(store);
    assert_eq!(segments(&root), [""; 0]);
    let store = at(25);
    let item = block_on(Ask::of("run_d").at(25 * 3600).enqueue(&store));
    block_on(execute(&store, cancel(item.queue_id(), soon(25 * 3600))));
    drop(store);
    assert_eq!(segments(&root).len(), 1, "once: what is left begins with a line of today");
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

#[test]
fn a_process_that_has_read_goes_on_over_a_sealing_by_another() {
    let root = Root::new();
    let (other, reader) = (root.open(), FileReader::open(&root.path));
    let root = root.sealed(1);
    let store = root.open();
    for n in 0..8 {
        let by = if n % 2 == 0 { &store } else { &other };
        let item = block_on(Ask::of(&format!("run_{n}")).at(n).enqueue(by));
        assert_eq!(block_on(reader.item(item.queue_id())).unwrap(), Some(item.clone()));
        block_on(execute(if n % 3 == 0 { &other } else { &store }, cancel(item.queue_id(), soon(n))));
        for one in [&store, &other] {
            let health = block_on(one.health()).unwrap();
            assert_eq!((health.lines, health.refuses_writes), (2 * (n as u64 + 1), None));
        }
    }
    let listing = |store: &dyn cortexpilot_core::port::StoreRead| block_on(store.items(&QueueFilter::default()));
    assert_eq!(listing(&reader).unwrap(), listing(&store).unwrap());
    assert!(segments(&root).len() > 1);
    assert_eq!(other.scrub().unwrap().lines, 16);
    assert_eq!(other.scrub().unwrap().problems, []);
}

#[test]
fn a_segment_that_is_missing_is_named_and_reads_go_on_from_the_lines_before_it() {
    let root = sealed();
    let all = segments(&root);
    for (at, name) in all.iter().enumerate() {
        let (path, kept) = (root.file(name), root.file("kept"));
        std::fs::rename(&path, &kept).unwrap();
        let (line, what) = damage(&root);
        let first = first_of(name);
        assert_eq!(line, first, "{what}");
        if at + 1 < all.len() {
            assert!(what.contains(&format!("{name} is missing")), "{what}");
        } else {
            assert!(
                what.contains(&format!("a sealed segment is missing before it, whose first line is {first}")),
                "{what}"
            );
        }
        let store = root.open();
        let health = block_on(store.health()).unwrap();
        assert_eq!((health.lines, corrupt(health.refuses_writes.unwrap())), (first - 1, ("queue.jsonl".into(), first)));
        let listing = block_on(FileReader::open(&root.path).items(&QueueFilter::default())).unwrap();
        assert_eq!((listing.items.len() as u64, listing.problems[0].line), (first / 2, first), "reads go on");
        assert!(matches!(block_on(store.execute(claim(soon(99)))), Err(StoreError::Corrupt { .. })));
        drop(store);
        // Put back, there is nothing to repair.
        std::fs::rename(&kept, &path).unwrap();
        assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
    }
    std::fs::rename(root.file("segments"), root.file("elsewhere")).unwrap();
    let (line, what) = damage(&root);
    assert!(line == 1 && what.contains("the sealed segments before it are missing"), "{what}");
}

#[test]
fn what_is_altered_in_a_segment_is_named_with_its_file() {
    let root = sealed();
    for name in segments(&root) {
        let (path, bytes) = (root.file(&name), root.read(&name));
        let mut altered = bytes.clone();
        altered[30] ^= 1;
        std::fs::write(&path, &altered).unwrap();
        let (line, what) = damage(&root);
        assert_eq!(line, first_of(&name));
        assert!(what.ends_with(&format!("(line 1 of {name})")), "{what}");
        // Cut off at the end of a line, in the middle of one, or with one more byte.
        let end = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for wrong in [bytes[..end].to_vec(), bytes[..bytes.len() - 9].to_vec(), [&bytes[..], b"x"].concat()] {
            std::fs::write(&path, &wrong).unwrap();
            let (line, what) = damage(&root);
            assert!(line >= first_of(&name) && line <= 12, "{line} {what}");
            assert!(what.contains("segments/"), "{what}");
        }
        // Under another name.
        std::fs::write(&path, &bytes).unwrap();
        let last: u64 = name.trim_end_matches(".jsonl")[name.len() - 18..].parse().unwrap();
        let other = root.file(&format!("segments/queue-{:012}-{:012}.jsonl", first_of(&name), last + 1));
        std::fs::rename(&path, &other).unwrap();
        damage(&root);
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
    }
    let line = root.queue();
    root.write("queue.jsonl", line.replace("CANCEL", "CANCEI"));
    assert!(damage(&root).1.contains("(line 1 of queue.jsonl)"));
}

#[test]
fn behind_segments_there_is_always_a_line() {
    let root = sealed();
    let line = root.queue();
    for wrong in ["", &line[..40]] {
        root.write("queue.jsonl", wrong);
        let (at, what) = damage(&root);
        assert!(at == 12 && what.contains("queue.jsonl holds no line behind the sealed segments"), "{at} {what}");
    }
    std::fs::remove_file(root.file("queue.jsonl")).unwrap();
    assert!(damage(&root).1.contains("queue.jsonl is missing behind the sealed segments"));
    drop(root.open());
    assert!(!root.file("queue.jsonl").exists(), "and none is made up");
    root.write("queue.jsonl", line);
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

#[test]
fn proofs_bundles_and_kept_checkpoints_do_not_notice() {
    let plain = World::new();
    story(&plain.store);
    let seed = || SeqIds::default();
    init_audit_key(&plain.root.path, Some("test.example/log"), &seed()).unwrap();
    let kept = checkpoint(&plain.root.path).unwrap();

    let World { store, root } = World::on(Root::new().sealed(1));
    init_audit_key(&root.path, Some("test.example/log"), &seed()).unwrap();
    let first = block_on(Ask::of("run_first").enqueue(&store));
    let early = checkpoint(&root.path).unwrap();
    block_on(execute(&store, cancel(first.queue_id(), soon(0))));
    story(&store);
    let states = checkpoint(&root.path).unwrap();
    assert_eq!(states[0].stored.checkpoint.checkpoint().size, 20);
    drop(store);
    assert!(!segments(&root).is_empty());
    let lines = root.lines();
    for index in 0..20 {
        let proven = prove(&root.path, Subject::Line(index)).unwrap();
        let line = &lines[usize::try_from(index).unwrap()];
        assert_eq!((proven.line, proven.tiles_served), (line.clone().into_bytes(), true));
    }
    assert_eq!(prove(&root.path, Subject::Item(first.queue_id().as_str())).unwrap().receipt.index, 0);
    let (bundle, _) = export(&root.path, Vec::new()).unwrap();
    let report = verify_bundle(&bundle[..], Trust::Bundle, |_, _| ()).unwrap();
    assert_eq!(report.sections[0].lines, 20);
    let early = early[0].stored.checkpoint.to_string();
    let since = continues_kept(&root.path, early.as_bytes(), &[]).unwrap();
    assert_eq!((since.len(), &since[0].problem), (1, &None));
    let other = continues_kept(&root.path, kept[0].stored.checkpoint.to_string().as_bytes(), &[]).unwrap();
    assert!(other[0].problem.is_some(), "another ledger's");
    // The tiles are derived, also from what is sealed.
    std::fs::remove_dir_all(root.file("log/queue.jsonl/tile")).unwrap();
    assert!(!prove(&root.path, Subject::Line(3)).unwrap().tiles_served);
    checkpoint(&root.path).unwrap();
    assert!(prove(&root.path, Subject::Line(3)).unwrap().tiles_served);
}

#[test]
fn a_repair_keeps_the_segments_with_the_damaged_file() {
    let root = sealed();
    let names = segments(&root);
    let mut bytes = root.read(&names[1]);
    bytes[30] ^= 1;
    root.write(&names[1], &bytes);
    let reason = Reason::parse("A test changed it.").unwrap().unwrap();
    let report = repair(&root.path, &reason, "local:alice", soon(99)).unwrap();
    let file = &report.files[0];
    let aside = file.segments_kept_as.clone().unwrap();
    assert_eq!(aside, format!("segments.damaged-{}", &file.damaged_sha256.to_string()[..12]));
    assert_eq!(file.kept_as, format!("queue.jsonl.damaged-{}", &file.damaged_sha256.to_string()[..12]));
    assert_eq!(crate::support::names(&root.file(&aside)).len(), names.len());
    let store = root.open();
    let item = block_on(Ask::of("run_next").at(100).enqueue(&store));
    block_on(execute(&store, cancel(item.queue_id(), soon(101))));
    drop(store);
    assert_eq!((verify(&root.path).unwrap().verdict, segments(&root).len()), (Sound::Sound, 1));
}

#[test]
fn the_parts_put_together_again_are_the_ledger() {
    let root = sealed();
    let whole = root.whole();
    // As the page says to undo it.
    root.write("queue.jsonl", &whole);
    std::fs::remove_dir_all(root.file("segments")).unwrap();
    std::fs::remove_file(root.file("ledger.lock")).unwrap();
    let report = verify(&root.path).unwrap();
    assert_eq!((report.verdict, report.files[0].lines), (Sound::Sound, 12));
    let store = root.open();
    block_on(Ask::of("run_next").at(100).enqueue(&store));
}

#[test]
fn a_copy_under_a_new_lock_file_is_settled_and_goes_on() {
    let root = sealed();
    std::fs::remove_file(root.file("ledger.lock")).unwrap();
    let store = root.open();
    assert_eq!(block_on(store.health()).unwrap().lines, 12);
    block_on(Ask::of("run_next").at(100).enqueue(&store));
    assert!(root.marks().starts_with("queue.jsonl     clear"));
}

#[test]
fn nobodys_file_among_the_segments_is_ever_taken_away() {
    let root = sealed();
    // Whole, by its name, and behind the others, but no part of this ledger.
    let name = "segments/queue-000000000012-000000000013.jsonl";
    root.write(name, "{\"event\": \"QUEUE_ENQUEUE\", \"task_id\": \"t\", \"queue_id\": \"a\"}\n[]\n");
    let (line, _) = damage(&root);
    assert_eq!(line, 12);
    drop(root.open());
    assert!(root.file(name).exists());
}
