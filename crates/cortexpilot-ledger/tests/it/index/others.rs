//! What becomes of an index when the ledger is repaired, cut back, replaced or imported, and beside other processes.

use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, execute, soon};
use cortexpilot_ledger::{FileReader, FileStore, IndexOptions, Order, StoreOptions, Verdict, adopt, repair, verify};

use super::{all, answers, reads_history, spoil, story, told};
use crate::support::{Root, World, options};

fn reason() -> Reason {
    Reason::parse("the disk").unwrap().unwrap()
}

#[test]
fn a_repaired_ledger_has_nothing_of_the_old_index() {
    let (root, _) = told(1);
    let (reader, store) = (FileReader::open(&root.path), root.open());
    assert_eq!(all(&reader).items.len(), 9);
    assert_eq!(all(&store).items.len(), 9);
    spoil(&root, 0);
    assert_eq!(verify(&root.path).unwrap().verdict, Verdict::Altered, "verifying reads everything");
    drop(store);
    repair(&root.path, &reason(), "local:alice", soon(100)).unwrap();
    assert_eq!(all(&reader).items, []);
    assert_eq!(all(&FileReader::open(&root.path)).items, []);
    let store = root.open();
    let item = block_on(Ask::of("run_0").at(101).keyed("key 0").enqueue(&store));
    block_on(execute(&store, cancel(item.queue_id(), soon(102))));
    let want = answers(&store);
    assert_eq!(want.listing.items.len(), 1);
    drop(store);
    assert_eq!(answers(&FileReader::open(&root.path)), want);
    assert_eq!(answers(&reader), want);
}

#[test]
fn a_ledger_cut_back_or_replaced_is_read_as_it_is() {
    let (root, want) = told(1);
    let lines = root.lines();
    for keep in [lines.len() - 1, 7, 1, 0] {
        let text: String = lines[..keep].iter().map(|line| format!("{line}\n")).collect();
        let cut = Root::quick().holding(&text);
        let plain = answers(&FileReader::open(&cut.path));
        root.write("queue.jsonl", &text);
        assert_eq!(answers(&FileReader::open(&root.path)).listing, plain.listing, "{keep} lines");
    }
    root.write("queue.jsonl", lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(answers(&FileReader::open(&root.path)), want);
    let World { store, root: other } = World::new();
    story(&store);
    block_on(Ask::of("run_more").at(80).enqueue(&store));
    root.write("queue.jsonl", other.read("queue.jsonl"));
    assert_eq!(answers(&FileReader::open(&root.path)).listing, answers(&store).listing);
}

#[test]
fn a_running_process_notices_that_the_ledger_was_cut_below_the_index() {
    let (root, _) = told(1);
    let reader = FileReader::open(&root.path);
    assert_eq!(all(&reader).problems, []);
    let text: String = root.lines()[..5].iter().map(|line| format!("{line}\n")).collect();
    root.write("queue.jsonl", text);
    assert_eq!(all(&reader).problems.len(), 1);
}

/// Lines of an original: an item done under a foreign id, one rolled back, one claimed, one pending, and odd ones.
fn original() -> String {
    let line = |event: &str, queue_id: &str, task: &str, more: &str| {
        format!(
            "{{\"event\": \"{event}\", \"task_id\": \"{task}\", \"queue_id\": \"{queue_id}\", \
             \"ts\": \"2026-02-01T10:00:00+00:00\"{more}}}\n"
        )
    };
    [
        line("QUEUE_ENQUEUE", "a1", "t1", ", \"source_run_id\": \"run_0\""),
        line("QUEUE_ENQUEUE", "a2", "t2", ", \"source_run_id\": \"run_0\", \"workflow_id\": \"w\""),
        "[]\n\n".to_owned(),
        line("QUEUE_ENQUEUE", "a3", "t3", ""),
        line("QUEUE_CLAIM", "a1", "t1", ", \"run_id\": \"r1\""),
        line("QUEUE_ENQUEUE", "a4", "t4", ""),
        line("QUEUE_DONE", "zz", "t1", ", \"run_id\": \"r9\", \"status\": \" done \""),
        line("QUEUE_CANCEL", "a2", "t2", ", \"reason\": \"x\u{2028}y\""),
        line("QUEUE_CLAIM", "a3", "t3", ""),
        line("QUEUE_CANCEL", "zz", "t2", ""),
    ]
    .concat()
}

#[test]
fn lines_of_the_original_are_indexed_like_ours_once_one_of_ours_stands_behind_them() {
    let root = Root::quick().holding(original()).indexed(1);
    let store = root.open();
    assert!(!root.file("index").exists(), "nothing of ours yet");
    let item = block_on(Ask::of("run_1").at(9).enqueue(&store));
    block_on(execute(&store, cancel(item.queue_id(), soon(10))));
    drop(store);
    let plain = Root::quick().holding(root.read("queue.jsonl"));
    let mut want = answers(&FileReader::open(&plain.path));
    let mut found = answers(&FileReader::open(&root.path));
    assert_eq!(found.health.problems.len(), 2, "the odd lines are still reported: {:?}", found.health);
    assert_eq!(found, want);
    // And a process that goes on from it.
    let store = root.open();
    block_on(execute(&store, claim(soon(11))));
    (found, want) = (answers(&store), answers(&FileReader::open(&root.path)));
    assert_eq!(found, want);
}

#[test]
fn an_import_into_a_root_with_a_stale_index_is_read_as_it_is() {
    let (theirs, root) = (Root::quick().holding(original()), Root::quick().indexed(1));
    let (other, _) = told(1);
    std::fs::create_dir_all(root.file("index")).unwrap();
    for name in crate::support::names(&other.file("index")) {
        std::fs::copy(other.file("index").join(&name), root.file("index").join(&name)).unwrap();
    }
    let order = Order { root: &root.path, source: &theirs.path, reason: &reason(), principal: "p", now: soon(5) };
    adopt(&order).unwrap();
    assert_eq!(all(&FileReader::open(&root.path)).items.len(), 4);
    let store = root.open();
    block_on(execute(&store, claim(soon(11))));
    let want = answers(&store);
    drop(store);
    let report = verify(&root.path).unwrap();
    assert_eq!((report.verdict, report.files[0].adopted.is_some()), (Verdict::Sound, true));
    assert_eq!(answers(&FileReader::open(&root.path)), want);
    assert_eq!(answers(&root.open()), want, "with the record of the import in the index");
}

#[test]
fn several_processes_use_what_one_of_them_builds() {
    let root = Root::quick().indexed(2);
    let quiet = StoreOptions { index: IndexOptions::off(), ..options(&root.path) };
    let clock = std::sync::Arc::new(cortexpilot_core::port::fake::ManualClock::at(soon(0)));
    let (a, b) = (root.open(), root.open());
    let follows = FileStore::open(quiet, clock).unwrap();
    let reader = FileReader::open(&root.path);
    for n in 0..24 {
        let store = [&a, &b, &follows][n % 3];
        let item = block_on(Ask::of(&format!("run_{}", n % 5)).at(n as i64).keyed(&format!("key {n}")).enqueue(store));
        let other = [&b, &follows, &a][n % 3];
        block_on(execute(other, cancel(item.queue_id(), soon(n as i64))));
        let want = answers(other);
        for store in [&a as &dyn cortexpilot_core::port::StoreRead, &b, &follows, &reader] {
            assert_eq!(answers(store), want);
        }
        assert_eq!(answers(&FileReader::open(&root.path)), want);
    }
    assert!(!reads_history(&root));
    assert_eq!(verify(&root.path).unwrap().verdict, Verdict::Sound);
    assert_eq!(block_on(reader.health()).unwrap().lines, 48);
}
