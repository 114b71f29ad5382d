//! Ledgers of the original: read as they are, kept as they are, and continued.

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::port::StoreRead;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, execute, soon};
use cortexpilot_ledger::{FileReader, verify};

use crate::support::{Root, World};

fn enqueue(queue_id: &str, task_id: &str, run: &str, priority: &str) -> String {
    format!(
        "{{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PENDING\", \"task_id\": \"{task_id}\", \"owner\": \"agent-1\", \
         \"contract_path\": \"/srv/runs/{run}/contract.json\", \"priority\": {priority}, \"workflow_id\": \"wf-alpha\", \
         \"source_run_id\": \"{run}\", \"scheduled_at\": null, \"deadline_at\": null, \
         \"ts\": \"2026-02-01T10:00:00.123456+00:00\", \"queue_id\": \"{queue_id}\"}}\n"
    )
}

/// As the original writes them, and as it was seen to leave them behind.
fn original() -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in [
        enqueue("aaaa0000000000000000000000000001", "task_a", "run_a", "5"),
        "[]\n5\nnull\n\n  \n".to_owned(),
        // The same task again: folded by task, the original loses the first.
        enqueue("aaaa0000000000000000000000000002", "task_a", "run_a", "7"),
        enqueue("aaaa0000000000000000000000000003", "task_b", "run_b", "0"),
        "{\"event\": \"QUEUE_CANCEL\", \"status\": \"CANCELLED\", \"task_id\": \"task_a\", \
         \"queue_id\": \"aaaa0000000000000000000000000001\", \"cancelled_at\": \"2026-02-01T10:05:00+00:00\", \
         \"reason\": \"changed\u{2028}my\u{85}mind\", \"cancelled_by\": \"OPS\"}\n"
            .to_owned(),
        "{\"event\": \"QUEUE_CLAIM\", \"status\": \"CLAIMED\", \"task_id\": \"task_a\", \"run_id\": \"run_made\", \
         \"ts\": \"2026-02-01T10:06:00+00:00\", \"queue_id\": \"aaaa0000000000000000000000000002\", \
         \"claimed_at\": \"2026-02-01T10:06:00+00:00\"}\n"
            .to_owned(),
        // Its command line closes under a fresh id.
        "{\"event\": \"QUEUE_DONE\", \"status\": \"SUCCESS\", \"task_id\": \"task_a\", \"run_id\": \"run_made\", \
         \"completed_at\": \"2026-02-01T10:07:00+00:00\", \"queue_id\": \"bbbb0000000000000000000000000009\", \
         \"ts\": \"2026-02-01T10:07:00+00:00\"}\n"
            .to_owned(),
        // About nothing that is there.
        "{\"event\": \"QUEUE_CLAIM\", \"task_id\": \"task_x\", \"queue_id\": \"cccc\"}\n".to_owned(),
        "{\"event\": \"SOMETHING_ELSE\", \"task_id\": \"task_a\", \"queue_id\": \"cccc\"}\n".to_owned(),
    ] {
        bytes.extend_from_slice(line.as_bytes());
    }
    bytes.extend_from_slice(b"\xff\xfe not text\n");
    bytes
}

fn statuses(store: &dyn StoreRead) -> Vec<(String, String, String)> {
    let listing = block_on(store.items(&QueueFilter::default())).unwrap();
    assert_eq!(listing.problems, [], "what the original skips is no corruption");
    let row = |item: &cortexpilot_core::domain::queue::QueueItem| {
        (item.queue_id().as_str()[28..].to_owned(), item.status().to_owned(), item.run_id().to_owned())
    };
    listing.items.iter().map(row).collect()
}

fn expected() -> [(String, String, String); 3] {
    let row = |id: &str, status: &str, run: &str| (id.to_owned(), status.to_owned(), run.to_owned());
    [row("0001", "CANCELLED", ""), row("0002", "SUCCESS", "run_made"), row("0003", "PENDING", "")]
}

#[test]
fn an_original_ledger_is_read_as_it_is_and_nothing_of_it_is_changed() {
    let root = Root::with_queue(original());
    assert_eq!(statuses(&FileReader::open(&root.path)), expected());
    let world = World::on(root);
    assert_eq!(statuses(&world.store), expected());
    assert_eq!(world.root.read("queue.jsonl"), original());
    let health = block_on(world.store.health()).unwrap();
    assert_eq!(health.refuses_writes, None);
    assert_eq!(health.head, Sha256Digest::of(&original()));
    let odd: Vec<u64> = health.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(odd, [2, 3, 4, 12, 13, 14], "{:?}", health.problems);
}

#[test]
fn the_first_line_of_ours_commits_to_every_byte_of_the_original() {
    let world = World::on(Root::with_queue(original()));
    let Verdict::Claimed(item) = block_on(execute(&world.store, claim(soon(1)))) else { panic!("not claimed") };
    assert_eq!(item.enqueued.task_id, "task_b");
    block_on(Ask::of("run_new").at(2).enqueue(&world.store));
    let bytes = world.root.read("queue.jsonl");
    assert!(bytes.starts_with(&original()));
    let mut want = expected();
    want[2] = ("0003".into(), "CLAIMED".into(), item.run_id().into());
    let world = world.reopen();
    assert_eq!(statuses(&world.store)[..3], want);
    assert_eq!(statuses(&world.store).len(), 4);
    drop(world.store);

    // Any change of the prefix is found when the first line of ours is reached.
    every_flip_is_found(&world.root, 0..original().len(), &[0]);
}

#[test]
fn a_pending_item_of_the_original_can_be_rolled_back() {
    let world = World::on(Root::with_queue(original()));
    let id = cortexpilot_core::domain::id::QueueItemId::parse("aaaa0000000000000000000000000003").unwrap();
    assert!(matches!(block_on(execute(&world.store, cancel(&id, soon(1)))), Verdict::Cancelled(_)));
    let last = world.root.lines().pop();
    assert!(last.is_some_and(|line| line.contains("QUEUE_CANCEL") && line.contains("\"h\": \"")));

    // The only line of ours has no other sign of it than its hash; with a bit flipped, it is still no line of the original.
    let bytes = world.root.read("queue.jsonl");
    every_flip_is_found(&world.root, original().len()..bytes.len() - 1, &[0, 1, 2, 3, 4, 5, 6, 7]);
}

fn every_flip_is_found(root: &Root, range: std::ops::Range<usize>, bits: &[u8]) {
    use std::os::unix::fs::FileExt as _;
    let bytes = root.read("queue.jsonl");
    let file = std::fs::OpenOptions::new().write(true).open(root.file("queue.jsonl")).unwrap();
    for at in range {
        for bit in bits {
            file.write_all_at(&[bytes[at] ^ (1 << bit)], at as u64).unwrap();
            let health = block_on(FileReader::open(&root.path).health()).unwrap();
            assert!(health.refuses_writes.is_some(), "byte {at} bit {bit}");
        }
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
}

#[test]
fn times_go_on_from_the_last_line_of_the_original() {
    let late = enqueue("aaaa0000000000000000000000000001", "task_a", "run_a", "0").replace("2026-02", "2027-02");
    let world = World::on(Root::with_queue(late));
    let item = block_on(Ask::of("run_b").at(1).enqueue(&world.store));
    assert_eq!(item.enqueued.ts.to_string(), "2027-02-01T10:00:00.123456Z");
}

#[test]
fn a_very_long_line_of_the_original_is_read_like_any_other() {
    let reason = "x".repeat(3 * 1024 * 1024);
    let cancelled = format!(
        "{{\"event\": \"QUEUE_CANCEL\", \"task_id\": \"task_a\", \"queue_id\": \"aaaa0000000000000000000000000001\", \
         \"reason\": \"{reason}\"}}\n"
    );
    let ledger = enqueue("aaaa0000000000000000000000000001", "task_a", "run_a", "0") + &cancelled;
    let world = World::on(Root::with_queue(&ledger));
    assert_eq!(statuses(&world.store)[0].1, "CANCELLED");
    block_on(Ask::of("run_b").at(1).enqueue(&world.store));
    assert!(world.root.queue().starts_with(&ledger));
}

#[test]
fn a_last_line_of_the_original_that_lacks_only_its_newline_is_kept_and_a_torn_one_set_aside() {
    let whole = enqueue("aaaa0000000000000000000000000001", "task_a", "run_a", "0");
    let second = enqueue("aaaa0000000000000000000000000002", "task_b", "run_b", "0");
    for cut in 1..second.len() {
        let bytes = format!("{whole}{}", &second[..cut]);
        let world = World::on(Root::quick().holding(&bytes));
        let complete = cut == second.len() - 1;
        assert_eq!(statuses(&world.store).len(), if complete { 2 } else { 1 }, "cut at {cut}");
        let aside = world.root.read(&format!("queue.jsonl.torn-{}", whole.len()));
        if complete {
            assert_eq!((world.root.queue(), aside), (format!("{whole}{second}"), vec![]));
        } else {
            assert_eq!((world.root.queue(), aside), (whole.clone(), second.as_bytes()[..cut].to_vec()));
        }
        drop(world.store);
    }
}

#[test]
fn verify_counts_the_lines_of_the_original_and_names_the_odd_ones() {
    let world = World::on(Root::with_queue(original()));
    block_on(Ask::of("run_new").at(2).enqueue(&world.store));
    let report = verify(&world.root.path).unwrap();
    assert_eq!(report.verdict, cortexpilot_ledger::Verdict::Sound);
    let queue = &report.files[0];
    assert_eq!((queue.lines, queue.legacy_lines, queue.odd_total), (15, 14, 6));
    assert_eq!(queue.first_ts.map(|ts| ts.to_string()).as_deref(), Some("2026-02-01T10:00:00.123456Z"));
    assert_eq!(queue.last_ts, Some(soon(2)));
}
