//! Single lines: of the original's ledgers, of damaged ones, while another process writes.

use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::port::StoreRead;
use cortexpilot_core::port::conformance::{Ask, agent, block_on, cancel, execute, soon};
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine, LineFilter, LinesFrom, LinesPage, LinesQuery, Said};
use cortexpilot_ledger::FileReader;

use crate::support::{Root, World, corrupt};

fn page(store: &dyn StoreRead, from: LinesFrom, limit: usize) -> LinesPage {
    let query = LinesQuery { file: LedgerFile::Queue, from, filter: LineFilter::default(), limit };
    block_on(store.lines(&query)).unwrap()
}

fn said(lines: &[LedgerLine]) -> Vec<String> {
    let word = |line: &LedgerLine| match line.said() {
        Said::Skipped(why) => why,
        said @ (Said::Queue(_) | Said::Decision(_) | Said::Repaired(_) | Said::Adopted(_) | Said::Unknown(_)) => {
            said.event().to_owned()
        }
    };
    lines.iter().map(|line| format!("{} {}", line.number, word(line))).collect()
}

fn enqueue(queue_id: &str, task: &str) -> String {
    format!(
        "{{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PENDING\", \"task_id\": \"{task}\", \"queue_id\": \"{queue_id}\", \
         \"ts\": \"2026-02-01T10:00:00+00:00\"}}\n"
    )
}

/// The original's lines, with what it leaves behind; then ours.
fn adopted() -> World {
    let long = format!("{{\"event\": \"QUEUE_ENQUEUE\", \"x\": \"{}\"}}\n", "y".repeat(70_000));
    let lines = [
        enqueue("a1", "task_a").as_str(),
        "\n",
        "[]\n",
        &long,
        "{\"event\": \"QUEUE_CLAIM\", \"task_id\": \"task_a\", \"run_id\": \"r\", \"queue_id\": \"a1\"}\n",
        // Its command line closes under a fresh id.
        "{\"event\": \"QUEUE_DONE\", \"status\": \"SUCCESS\", \"task_id\": \"task_a\", \"queue_id\": \"b9\"}\n",
    ]
    .concat();
    let world = World::on(Root::with_queue(lines));
    let item = block_on(Ask::of("run_a").enqueue(&world.store));
    block_on(execute(&world.store, cancel(item.queue_id(), soon(1))));
    world
}

#[test]
fn lines_of_the_original_are_shown_as_they_are_and_ours_behind_them() {
    let world = adopted();
    let want = [
        "1 QUEUE_ENQUEUE",
        "2 is blank",
        "3 is not a JSON object",
        "4 is longer than a line of ours can be",
        "5 QUEUE_CLAIM",
        "6 QUEUE_DONE",
        "7 QUEUE_ENQUEUE",
        "8 QUEUE_CANCEL",
    ];
    for store in [&world.store as &dyn StoreRead, &FileReader::open(&world.root.path)] {
        let up = page(store, LinesFrom::After(0), 99).lines;
        assert_eq!(said(&up), want);
        let hashed: Vec<bool> = up.iter().map(|line| line.hash.is_some()).collect();
        assert_eq!(hashed, [false, false, false, false, false, false, true, true]);
        assert_eq!((up[3].bytes.is_none(), up[3].size > 70_000), (true, true));
        for at in 0..=8 {
            let rest = page(store, LinesFrom::After(at), 99).lines;
            assert_eq!(rest, up[usize::try_from(at).unwrap()..]);
            let before = page(store, LinesFrom::Before(Some(at + 1)), 99).lines;
            assert!(before.iter().rev().eq(&up[..usize::try_from(at).unwrap()]));
        }
        let of = block_on(store.lines_of(&QueueItemId::parse("a1").unwrap())).unwrap();
        assert_eq!(said(&of), ["1 QUEUE_ENQUEUE", "5 QUEUE_CLAIM", "6 QUEUE_DONE"]);
    }
}

#[test]
fn what_another_process_appends_is_there_at_the_next_look() {
    let world = World::new();
    let reader = FileReader::open(&world.root.path);
    assert_eq!(page(&reader, LinesFrom::Before(None), 5).total, 0);
    for n in 1..=40_u64 {
        block_on(Ask::of(&format!("run_{n}")).enqueue(&world.store));
        let new = page(&reader, LinesFrom::After(n - 1), 5);
        assert_eq!((new.total, said(&new.lines)), (n, vec![format!("{n} QUEUE_ENQUEUE")]));
        assert_eq!(new.lines[0].hash, Some(new.head));
    }
}

#[test]
fn a_line_that_was_altered_is_not_shown() {
    let world = World::new();
    for n in 0..3 {
        block_on(Ask::of(&format!("run_{n}")).enqueue(&world.store));
    }
    let reader = FileReader::open(&world.root.path);
    assert_eq!(page(&reader, LinesFrom::After(0), 9).lines.len(), 3);
    // In place and of equal length, behind the reader's back.
    let text = world.root.queue().replacen("run_1", "run_X", 1);
    world.root.write("queue.jsonl", &text);
    let query =
        LinesQuery { file: LedgerFile::Queue, from: LinesFrom::After(0), filter: LineFilter::default(), limit: 9 };
    match block_on(reader.lines(&query)) {
        // It was read anew: what stands before the damage is shown, and no more.
        Ok(page) => assert_eq!((page.total, said(&page.lines)), (1, vec!["1 QUEUE_ENQUEUE".to_owned()])),
        Err(error) => assert_eq!(corrupt(error), ("queue.jsonl".to_owned(), 2)),
    }
}

#[test]
fn looking_leaves_not_one_byte() {
    let world = adopted();
    let World { store, root } = world;
    drop(store);
    let before: Vec<(String, Vec<u8>)> =
        root.names().into_iter().map(|name| (name.clone(), root.read(&name))).collect();
    let reader = FileReader::open(&root.path);
    page(&reader, LinesFrom::Before(None), 3);
    block_on(reader.lines_of(&QueueItemId::parse("a1").unwrap())).unwrap();
    let after: Vec<(String, Vec<u8>)> = root.names().into_iter().map(|name| (name.clone(), root.read(&name))).collect();
    assert_eq!(after, before);
}

#[test]
fn refusals_are_shown_once_they_are_in_the_file_and_never_before() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let world = World::new();
    let done = AtomicBool::new(false);
    let decisions = LinesQuery {
        file: LedgerFile::Decisions,
        from: LinesFrom::After(0),
        filter: LineFilter::default(),
        limit: 999,
    };
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::SeqCst) {
                let page = block_on(world.store.lines(&decisions)).expect("what is staged is waited for");
                assert!(page.total >= last && page.lines.len() as u64 == page.total);
                last = page.total;
            }
        });
        for n in 0..200 {
            // Each by another caller, so that none is only counted.
            let mut ask = Ask::of("run_a").by(agent(&format!("a{n}")));
            ask.inputs.confirm = false;
            block_on(execute(&world.store, ask.unseen()));
        }
        done.store(true, Ordering::SeqCst);
        reading.join().expect("every page was whole");
    });
    assert_eq!(block_on(world.store.lines(&decisions)).unwrap().total, 200);
}
