//! What stands in the runtime root, byte by byte and mode by mode.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::SystemTime;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceQuery};
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::run::Pinned;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, complete, execute, lease, soon};
use cortexpilot_ledger::FileReader;

use crate::support::{Root, World, names};

#[test]
fn a_line_is_written_exactly_as_the_format_says() {
    let world = World::new();
    let ask = Ask::of("run_a").with(3, Some("2030-01-01T00:00:00Z")).keyed("first try");
    let mut seen = block_on(ask.preview(&world.store));
    seen.nonce = [1; 12];
    let Verdict::Enqueued(item) = block_on(execute(&world.store, ask.command(seen))) else { panic!("not enqueued") };
    block_on(execute(&world.store, cancel(item.queue_id(), soon(1))));
    let golden = concat!(
        r#"{"event": "QUEUE_ENQUEUE", "status": "PENDING", "task_id": "task_of_run_a", "owner": "owner_of_run_a", "#,
        r#""contract_path": "/srv/runs/run_a/contract.json", "priority": 3, "workflow_id": "workflow_of_run_a", "#,
        r#""source_run_id": "run_a", "scheduled_at": "2030-01-01T00:00:00Z", "deadline_at": null, "#,
        r#""ts": "2026-03-01T12:00:00.000000+00:00", "queue_id": "4dfcc28b4dab0f297dd9a8e1e3187aa6", "#,
        r#""contract_sha256": "9ce3d36b344af6c78a8d3d81f254a529cfc87527d761330c35a6e5cf8f5f6b05", "#,
        r#""requested_by": "Alice Example", "actor_role": "OPS", "#,
        r#""approval_reason": "The nightly run failed on a flaky network.", "#,
        r#""approval_mode": "manual-owner-default-off", "pilot_source": "http_control_plane", "#,
        r#""principal": "token:ops", "preview_digest": "f0330d5436cd67402eee7970793cedc2535264c02bcab5a54fd81de5dd2ba1fd", "idempotency_key": "first try", "depth": 1, "#,
        r#""approval_policy": "declared", "approvals": [], "h": "ab682a9736997202fd88511dd78a5c1b68045151b65f955ddf310d0c539cbb11"}"#,
        "\n",
        r#"{"event": "QUEUE_CANCEL", "status": "CANCELLED", "task_id": "task_of_run_a", "#,
        r#""queue_id": "4dfcc28b4dab0f297dd9a8e1e3187aa6", "cancelled_at": "2026-03-01T12:00:01.000000+00:00", "#,
        r#""reason": "Not needed any more.", "cancelled_by": "token:ops (OPS)", "#,
        r#""ts": "2026-03-01T12:00:01.000000+00:00", "h": "51a159ce2ba4d0ff75e90c20c954a82431d0819e685ab2b8ca447d4cf43f40e5"}"#,
        "\n",
    );
    assert_eq!(world.root.queue(), golden);
}

#[test]
fn a_store_makes_its_root_for_its_owner_alone() {
    let world = World::new();
    assert_eq!(world.root.names(), ["contracts", "decisions.jsonl", "ledger.lock", "ledger.reserve", "queue.jsonl"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&world.root.path), 0o700);
    assert_eq!(mode(&world.root.file("contracts")), 0o700);
    for file in ["decisions.jsonl", "ledger.lock", "ledger.reserve", "queue.jsonl"] {
        assert_eq!(mode(&world.root.file(file)), 0o600, "{file}");
    }
    block_on(Ask::of("run_a").enqueue(&world.store));
    let pin = names(&world.root.file("contracts")).pop().unwrap();
    assert_eq!(mode(&world.root.file("contracts").join(pin)), 0o600);
}

#[test]
fn a_root_that_cannot_be_made_is_named() {
    let root = Root::new();
    std::fs::write(&root.path, "a file stands there").unwrap();
    let error = root.try_open().err().expect("no store").to_string();
    assert!(error.contains(&root.path.display().to_string()), "{error}");
}

#[test]
fn a_ledger_that_is_no_regular_file_is_refused_and_not_waited_for() {
    for plant in ["fifo", "directory", "link"] {
        let root = Root::new();
        std::fs::create_dir(&root.path).unwrap();
        let path = root.file("queue.jsonl");
        match plant {
            "fifo" => {
                let mode = rustix::fs::Mode::from_bits_truncate(0o600);
                rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
            }
            "directory" => std::fs::create_dir(&path).unwrap(),
            _ => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
        }
        assert!(root.try_open().is_err(), "{plant}");
        let reader = FileReader::open(&root.path);
        assert!(block_on(reader.items(&QueueFilter::default())).is_err(), "{plant}");
    }
}

#[test]
fn refusals_alone_leave_the_queue_byte_for_byte_untouched() {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    let stamp = |name: &str| {
        let meta = std::fs::metadata(world.root.file(name)).unwrap();
        (meta.ino(), meta.len(), meta.modified().unwrap())
    };
    let (bytes, before, decisions) = (world.root.read("queue.jsonl"), stamp("queue.jsonl"), stamp("decisions.jsonl"));
    for _ in 0..5 {
        let verdict = block_on(execute(&world.store, Ask::of("run_b").unseen()));
        assert!(matches!(verdict, Verdict::Denied(_)));
    }
    assert_eq!((world.root.read("queue.jsonl"), stamp("queue.jsonl")), (bytes, before));
    assert_ne!(stamp("decisions.jsonl"), decisions);
    assert_eq!(world.root.decisions().len(), 5);
}

#[test]
fn counted_refusals_are_written_down_when_the_process_ends() {
    let world = World::new();
    for _ in 0..75 {
        block_on(execute(&world.store, Ask::of("run_b").unseen()));
    }
    assert_eq!(world.root.decisions().len(), 60);
    let world = world.reopen();
    let last = world.root.decisions().pop().unwrap();
    assert_eq!((last.count, last.code.as_str()), (15, "PREVIEW_REQUIRED"));
    let counted: u64 = world.root.decisions().iter().map(|decision| decision.count).sum();
    assert_eq!((counted, world.store.unrecorded_refusals()), (75, 0));
}

#[test]
fn an_idle_process_writes_counted_refusals_down_after_their_minute() {
    let root = Root::new();
    let clock = std::sync::Arc::new(cortexpilot_core::port::fake::ManualClock::at(soon(0)));
    let options = cortexpilot_ledger::StoreOptions {
        idle: std::time::Duration::from_millis(1),
        ..crate::support::options(&root.path)
    };
    let store = cortexpilot_ledger::FileStore::open(options, clock.clone()).unwrap();
    for _ in 0..61 {
        block_on(execute(&store, Ask::of("run_b").unseen()));
    }
    clock.advance(jiff::SignedDuration::from_secs(61));
    // No other command follows: the store has to come to it by itself.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while root.decisions().len() == 60 && std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    let last = root.decisions().pop().unwrap();
    assert_eq!((root.decisions().len(), last.count, last.ts), (61, 1, soon(61)));
}

#[test]
fn a_contract_is_pinned_once_and_kept_as_long_as_a_live_item_rests_on_it() {
    let world = World::new();
    let pins = || names(&world.root.file("contracts"));
    let contract = Pinned::new(*b"{\"task_id\": \"shared\"}");
    let ask = |run: &str| {
        let mut ask = Ask::of(run);
        ask.run.contract = contract.clone();
        ask
    };
    let name = format!("{}.json", contract.sha256());
    let first = block_on(ask("run_a").enqueue(&world.store));
    assert_eq!(pins(), [name.as_str()]);
    assert_eq!(std::fs::read(world.root.file("contracts").join(&name)).unwrap(), contract.bytes());
    let inode = || std::fs::metadata(world.root.file("contracts").join(&name)).unwrap().ino();
    let before = inode();
    block_on(ask("run_b").enqueue(&world.store));
    block_on(Ask::of("run_c").with(-1, None).enqueue(&world.store));
    assert_eq!((pins().len(), inode()), (2, before), "not written again");
    block_on(execute(&world.store, cancel(first.queue_id(), soon(1))));
    assert!(pins().contains(&name), "the other item rests on it");
    let Verdict::Claimed(item) = block_on(execute(&world.store, claim(soon(2)))) else { panic!("not claimed") };
    assert_eq!(item.enqueued.source_run_id, "run_b");
    assert!(pins().contains(&name), "a claimed item rests on it");
    block_on(execute(&world.store, complete(item.queue_id(), &lease(&item), soon(3))));
    assert_eq!(pins(), [format!("{}.json", Ask::of("run_c").run.contract.sha256())]);
}

#[test]
fn a_refused_apply_pins_nothing_and_a_start_removes_what_nothing_rests_on() {
    let world = World::new();
    block_on(execute(&world.store, Ask::of("run_a").unseen()));
    assert_eq!(names(&world.root.file("contracts")), [""; 0]);
    let item = block_on(Ask::of("run_a").enqueue(&world.store));
    let orphan = format!("contracts/{}.json", Pinned::new(*b"orphan").sha256());
    world.root.write(&orphan, "orphan");
    world.root.write(&format!("{orphan}.tmp"), "orp");
    world.root.write("contracts/notes.txt", "a person's");
    let world = world.reopen();
    let kept = format!("{}.json", item.enqueued.provenance.as_ref().unwrap().contract_sha256);
    let mut want = vec![kept, "notes.txt".to_owned()];
    want.sort();
    assert_eq!(names(&world.root.file("contracts")), want);
}

#[test]
fn a_lone_line_costs_one_flush_and_its_own_bytes() {
    let world = World::new();
    let mut ask = Ask::of("run_a");
    ask.inputs.allow_duplicate = true;
    block_on(ask.enqueue(&world.store));
    for _ in 0..3 {
        let (before, long) = (world.store.io_counts(), world.root.read("queue.jsonl").len());
        block_on(ask.enqueue(&world.store));
        let (after, longer) = (world.store.io_counts(), world.root.read("queue.jsonl").len());
        assert_eq!(
            (after.commits - before.commits, after.syncs - before.syncs),
            (1, 1),
            "its contract is pinned already"
        );
        assert_eq!(after.bytes - before.bytes, (longer - long) as u64);
    }
    let before = world.store.io_counts();
    block_on(Ask::of("run_b").enqueue(&world.store));
    assert_eq!(world.store.io_counts().syncs - before.syncs, 3, "a new contract: its bytes, its name, the line");
}

#[test]
fn a_pin_that_was_changed_is_put_right_by_the_next_item_that_rests_on_it() {
    let world = World::new();
    let mut ask = Ask::of("run_a");
    ask.inputs.allow_duplicate = true;
    block_on(ask.enqueue(&world.store));
    let path = world.root.file("contracts").join(names(&world.root.file("contracts")).pop().unwrap());
    for broken in [Some("other bytes"), None] {
        match broken {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        block_on(ask.enqueue(&world.store));
        assert_eq!(std::fs::read(&path).unwrap(), ask.run.contract.bytes());
    }
}

/// Name, size, modification and status change of everything below a directory. Not when it was last read.
fn everything(dir: &Path) -> BTreeMap<String, (u64, SystemTime, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(path) = todo.pop() {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let stamp = (meta.len(), meta.modified().unwrap(), meta.ctime(), meta.ctime_nsec());
        found.insert(path.display().to_string(), stamp);
    }
    found
}

#[test]
fn a_reader_leaves_not_one_byte() {
    let ask = |reader: &FileReader| {
        let item = cortexpilot_core::domain::id::QueueItemId::from_bytes([1; 16]);
        let query = cortexpilot_core::domain::gate::EnqueueQuery {
            now: jiff::Timestamp::UNIX_EPOCH,
            applies_per_hour: 0,
            by_preview: Some(item.clone()),
            by_key: Some("k".into()),
            principal: "token:ops".into(),
            source_run_id: Some("run_a".into()),
            request: None,
        };
        block_on(async {
            reader.enqueue_facts(&query).await.unwrap();
            reader.item(&item).await.unwrap();
            reader.health().await.unwrap();
            reader.governance(&GovernanceQuery::default()).await.unwrap();
            reader.approvals(&ApprovalFilter::default()).await.unwrap();
            reader.tokens().await.unwrap();
            reader.items(&QueueFilter::default()).await.unwrap().items.len()
        })
    };
    // No root at all, an empty one, and one that is in use.
    let root = Root::new();
    let above = root.path.parent().unwrap().to_owned();
    let before = everything(&above);
    assert_eq!(ask(&FileReader::open(&root.path)), 0);
    assert_eq!(everything(&above), before);
    std::fs::create_dir(&root.path).unwrap();
    let before = everything(&above);
    assert_eq!(ask(&FileReader::open(&root.path)), 0);
    assert_eq!(everything(&above), before);
    let world = World::on(root);
    block_on(Ask::of("run_a").enqueue(&world.store));
    block_on(execute(&world.store, Ask::of("run_b").unseen()));
    std::fs::write(world.root.file("queue.jsonl.torn-1"), "x").unwrap();
    let before = everything(&above);
    let reader = FileReader::open(&world.root.path);
    assert_eq!((ask(&reader), ask(&reader)), (1, 1));
    cortexpilot_ledger::verify(&world.root.path).unwrap();
    cortexpilot_ledger::load_key(&world.root.path).unwrap();
    assert_eq!(everything(&above), before);
}
