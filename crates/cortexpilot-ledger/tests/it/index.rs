//! The derived index: the same answers with it and without it, whatever becomes of its files.

mod damage;
mod logged;
mod others;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::gate::EnqueueQuery;
use cortexpilot_core::domain::listing::{QueueCounts, QueueFilter, QueueListing, QueueOrder, Slice};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::port::conformance::{Ask, agent, block_on, cancel, claim, complete, execute, lease, soon};
use cortexpilot_core::port::{Store, StoreHealth, StoreRead};
use cortexpilot_ledger::{FileReader, FileStore, IndexOptions, StoreOptions, verify};

use crate::support::{Root, World, names, options};

/// Nine items: three done, two rolled back, one claimed, three pending; by two principals, some under a key.
pub(crate) fn story(store: &dyn Store) {
    let mut items = Vec::new();
    for n in 0..9_i64 {
        let who = if n % 2 == 0 { cortexpilot_core::port::conformance::operator() } else { agent("alice") };
        let ask = Ask::of(&format!("run_{}", n % 7)).at(n).by(who).with(n % 3, None);
        let ask = if n % 3 == 0 { ask.keyed(&format!("key {n}")) } else { ask };
        items.push(block_on(ask.enqueue(store)));
    }
    for n in 0..4 {
        let Verdict::Claimed(item) = block_on(execute(store, claim(soon(20 + n)))) else { panic!("nothing to claim") };
        if n < 3 {
            block_on(execute(store, complete(item.queue_id(), &lease(&item), soon(30 + n))));
        }
    }
    let pending: Vec<QueueItem> = all(store).items.into_iter().filter(QueueItem::is_pending).collect();
    for item in &pending[..2] {
        block_on(execute(store, cancel(item.queue_id(), soon(40))));
    }
}

pub(crate) fn all(store: &dyn StoreRead) -> QueueListing {
    block_on(store.items(&QueueFilter::default())).expect("reads go on")
}

/// Everything a reader can be asked, as far as it is told apart here.
#[derive(Debug, PartialEq)]
pub(crate) struct Answers {
    listing: QueueListing,
    pages: Vec<QueueListing>,
    by_id: Vec<Option<QueueItem>>,
    facts: Vec<String>,
    health: StoreHealth,
    counts: QueueCounts,
    done: Vec<Slice>,
}

pub(crate) fn answers(store: &dyn StoreRead) -> Answers {
    let listing = all(store);
    let mut pages = Vec::new();
    for status in [None, Some("pending"), Some("SUCCESS"), Some("CANCELLED"), Some("CLAIMED"), Some("FAILURE")] {
        for workflow_id in [None, Some("no such workflow".to_owned()), Some(String::new())] {
            for after_seq in [None, Some(0), Some(3), Some(100), Some(u64::MAX)] {
                for order in [QueueOrder::Oldest, QueueOrder::Newest] {
                    let (workflow_id, status, limit) = (workflow_id.clone(), status.map(str::to_owned), Some(2));
                    let filter = QueueFilter { workflow_id, status, after_seq, order, limit, state: None };
                    pages.push(block_on(store.items(&filter)).expect("reads go on"));
                }
            }
        }
    }
    let item = |item: &QueueItem| block_on(store.item(item.queue_id())).expect("reads go on");
    let by_id = listing.items.iter().map(item).collect();
    let mut facts = Vec::new();
    for principal in ["token:ops", "agent:alice", "nobody"] {
        for (by_key, run) in [("key 0", "run_0"), ("key 3", "run_20260301_120000_made"), ("key 4", "none")] {
            let query = EnqueueQuery {
                by_preview: listing.items.first().map(|item| item.queue_id().clone()),
                by_key: Some(by_key.to_owned()),
                principal: principal.to_owned(),
                source_run_id: Some(run.to_owned()),
                now: soon(50),
                applies_per_hour: 3,
                request: None,
            };
            facts.push(format!("{:?}", block_on(store.enqueue_facts(&query)).expect("reads go on")));
        }
    }
    let health = block_on(store.health()).expect("reads go on");
    let counts = block_on(store.counts(soon(50))).expect("reads go on");
    assert_eq!(counts.total(), listing.items.len() as u64, "what is counted is what is listed");
    let done = block_on(store.done_since(soon(0))).expect("reads go on");
    Answers { listing, pages, by_id, facts, health, counts, done }
}

/// A root with the story and its index, no process, and the answers without an index.
pub(crate) fn told(lines: u64) -> (Root, Answers) {
    let World { store, root } = World::on(Root::quick().indexed(lines));
    story(&store);
    drop(store);
    let plain = Root::quick().holding(root.read("queue.jsonl"));
    std::fs::copy(root.file("decisions.jsonl"), plain.file("decisions.jsonl")).unwrap();
    let answers = answers(&FileReader::open(&plain.path));
    (root, answers)
}

/// Changes a letter in the line of an item, inside a text, in a way that only its hash shows.
pub(crate) fn spoil(root: &Root, line: usize) {
    let mut lines = root.lines();
    assert!(lines[line].contains("flaky network"), "an enqueue: {}", lines[line]);
    lines[line] = lines[line].replace("flaky network", "flaky netwurk");
    // In place, as a disk does it.
    let file = std::fs::File::options().write(true).open(root.file("queue.jsonl")).unwrap();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::os::unix::fs::FileExt::write_all_at(&file, text.as_bytes(), 0).unwrap();
}

/// Whether a process that begins now reads the history: what stands there altered it notices then, and only then. The third
/// line of these stories is that of an item which is closed early.
pub(crate) fn reads_history(root: &Root) -> bool {
    let whole = root.read("queue.jsonl");
    spoil(root, 2);
    let noticed = block_on(FileReader::open(&root.path).health()).unwrap().refuses_writes.is_some();
    root.write("queue.jsonl", whole);
    noticed
}

#[test]
fn a_process_with_an_index_does_not_read_the_history_and_answers_the_same() {
    for lines in [1, 4, 7] {
        let (root, want) = told(lines);
        assert_eq!(answers(&FileReader::open(&root.path)), want, "a reader, every {lines} lines");
        assert_eq!(answers(&root.open()), want, "a store, every {lines} lines");
        assert!(!reads_history(&root));
        std::fs::remove_dir_all(root.file("index")).unwrap();
        assert!(reads_history(&root), "the test can tell");
    }
}

#[test]
fn an_altered_line_of_a_closed_item_is_found_when_the_item_is_asked_for() {
    let (root, want) = told(1);
    spoil(&root, 0);
    let (reader, store) = (FileReader::open(&root.path), root.open());
    for store in [&reader as &dyn StoreRead, &store] {
        assert_eq!(block_on(store.health()).unwrap().refuses_writes, None, "nobody has looked yet");
        // The first answer may be the last one before the damage is known; it is never made of the altered line.
        let first = block_on(store.item(want.listing.items[0].queue_id()));
        assert!(first.as_ref().is_err() || matches!(first, Ok(None)), "{first:?}");
        let listing = all(store);
        assert_eq!((listing.items.len(), listing.problems.len(), listing.problems[0].line), (0, 1, 1));
    }
    assert!(block_on(store.execute(claim(soon(60)))).is_err());
}

#[test]
fn an_index_costs_little_beside_the_lines_and_has_few_tables() {
    let root = Root::quick().indexed(1);
    let store = root.open();
    for n in 0..60 {
        let item = block_on(Ask::of(&format!("run_{n}")).at(n).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(n))));
    }
    let tables = names(&root.file("index")).into_iter().filter(|name| name.starts_with("table-")).count();
    assert!((1..=7).contains(&tables), "{tables} tables after 60 snapshots");
    drop(store);
    let listing = all(&FileReader::open(&root.path));
    assert_eq!(listing.items.len(), 60);
    // With sizes that a process really has: one table of a thousand items.
    let root = Root::quick();
    let quiet = StoreOptions { index: IndexOptions::off(), ..options(&root.path) };
    let clock = || std::sync::Arc::new(cortexpilot_core::port::fake::ManualClock::at(soon(0)));
    let store = FileStore::open(quiet, clock()).unwrap();
    for n in 0..1000 {
        let item = block_on(Ask::of(&format!("run_{n}")).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(0))));
    }
    drop(store);
    assert_eq!(names(&root.file("index")), [""; 0], "never built where it is off");
    drop(
        FileStore::open(
            StoreOptions { index: IndexOptions { lines: 1000, ..IndexOptions::default() }, ..options(&root.path) },
            clock(),
        )
        .unwrap(),
    );
    let sizes = names(&root.file("index")).into_iter();
    let index: u64 = sizes.map(|name| std::fs::metadata(root.file("index").join(name)).unwrap().len()).sum();
    let lines = root.read("queue.jsonl").len() as u64;
    println!("figure: {index} bytes of index beside {lines} bytes of lines");
    assert!(index * 20 <= lines, "at most a twentieth");
    assert_eq!(all(&root.open()).items.len(), 1000);
}

#[test]
fn a_short_lived_process_leaves_an_index_when_it_is_due() {
    let root = Root::quick();
    let due = |lines| StoreOptions { index: IndexOptions { lines, ..IndexOptions::default() }, ..options(&root.path) };
    let clock = std::sync::Arc::new(cortexpilot_core::port::fake::ManualClock::at(soon(0)));
    let store = FileStore::open(due(1000), clock.clone()).unwrap();
    story(&store);
    drop(store);
    assert_eq!(names(&root.file("index")), [""; 0]);
    drop(FileStore::open(due(8), clock).unwrap());
    assert!(names(&root.file("index")).contains(&"snapshot".to_owned()));
    assert!(!reads_history(&root));
}

#[test]
fn a_reader_uses_the_index_and_leaves_no_byte() {
    let (root, want) = told(3);
    let look = || {
        let stat = |dir: &std::path::Path, name: String| {
            let meta = std::fs::metadata(dir.join(&name)).unwrap();
            (name, meta.len(), meta.modified().unwrap())
        };
        let index = root.file("index");
        let mut seen: Vec<_> = root.names().into_iter().map(|name| stat(&root.path, name)).collect();
        seen.extend(names(&index).into_iter().map(|name| stat(&index, name)));
        seen
    };
    let before = look();
    assert_eq!(answers(&FileReader::open(&root.path)), want);
    assert_eq!(look(), before);
}

#[test]
fn where_the_index_cannot_be_built_nothing_else_changes() {
    let root = Root::quick().holding("").indexed(1);
    root.write("index", "a file where a directory should be");
    let store = root.open();
    story(&store);
    assert_eq!(all(&store).items.len(), 9);
    assert_eq!(block_on(store.health()).unwrap().refuses_writes, None);
    drop(store);
    assert_eq!(root.read("index"), b"a file where a directory should be");
    assert_eq!(verify(&root.path).unwrap().verdict, cortexpilot_ledger::Verdict::Sound);
    assert_eq!(all(&root.open()).items.len(), 9);
}
