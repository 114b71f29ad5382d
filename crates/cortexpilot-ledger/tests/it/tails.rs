//! What a writer that died in the middle leaves behind, and what whoever comes next makes of it.

use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::port::StoreRead;
use cortexpilot_core::port::conformance::{Ask, block_on, execute, soon};
use cortexpilot_ledger::FileReader;

use crate::support::{Root, World, corrupt};

fn count(store: &dyn StoreRead) -> usize {
    let listing = block_on(store.items(&QueueFilter::default())).unwrap();
    assert_eq!(listing.problems, []);
    listing.items.len()
}

fn two_lines() -> (String, String) {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    block_on(Ask::of("run_b").enqueue(&world.store));
    let lines = world.root.lines();
    (format!("{}\n", lines[0]), format!("{}\n", lines[1]))
}

#[test]
fn every_cut_of_the_last_line_recovers() {
    let (first, second) = two_lines();
    for cut in 0..=second.len() {
        let world = World::on(Root::quick().holding(format!("{first}{}", &second[..cut])));
        // A line that verifies is kept, with or without its newline.
        let kept = cut + 1 >= second.len();
        assert_eq!(count(&world.store), if kept { 2 } else { 1 }, "cut at {cut}");
        let aside = format!("queue.jsonl.torn-{}", first.len());
        if kept || cut == 0 {
            assert!(!world.root.names().contains(&aside), "cut at {cut}");
        } else {
            assert_eq!(world.root.read(&aside), second.as_bytes()[..cut]);
        }
        block_on(Ask::of("run_c").enqueue(&world.store));
        assert_eq!(count(&FileReader::open(&world.root.path)), if kept { 3 } else { 2 });
        let begins = if kept { format!("{first}{second}") } else { first.clone() };
        assert!(world.root.queue().starts_with(&begins));
    }
}

#[test]
fn a_reader_ignores_an_incomplete_last_line_and_leaves_it() {
    let (first, second) = two_lines();
    let bytes = format!("{first}{}", &second[..100]);
    let root = Root::with_queue(&bytes);
    assert_eq!(count(&FileReader::open(&root.path)), 1);
    assert_eq!((root.queue(), root.names()), (bytes, vec!["queue.jsonl".to_owned()]));
}

#[test]
fn a_torn_line_of_refusals_is_set_aside_too() {
    let world = World::new();
    for run in ["run_a", "run_b"] {
        block_on(execute(&world.store, Ask::of(run).unseen()));
    }
    let text = String::from_utf8(world.root.read("decisions.jsonl")).unwrap();
    drop(world.store);
    let first = text.find('\n').unwrap() + 1;
    world.root.write("decisions.jsonl", &text[..first + 50]);
    let world = World::on(world.root);
    assert_eq!(world.root.read("decisions.jsonl"), text.as_bytes()[..first]);
    assert_eq!(world.root.read(&format!("decisions.jsonl.torn-{first}")), text.as_bytes()[first..first + 50]);
    block_on(execute(&world.store, Ask::of("run_c").unseen()));
    assert_eq!(world.root.decisions().len(), 2);
}

#[test]
fn a_torn_line_at_a_place_where_one_was_set_aside_before_gets_a_name_of_its_own() {
    let (first, second) = two_lines();
    let root = Root::with_queue(format!("{first}{}", &second[..100]));
    let aside = format!("queue.jsonl.torn-{}", first.len());
    root.write(&aside, "of another day");
    let world = World::on(root);
    assert_eq!(world.root.read(&aside), b"of another day");
    assert_eq!(world.root.read(&format!("{aside}.1")), second.as_bytes()[..100]);
}

#[test]
fn a_line_in_shape_whose_content_was_changed_is_damage_also_without_its_newline() {
    let (first, second) = two_lines();
    let changed = second.trim_end().replace("Alice", "Malice");
    let bytes = format!("{first}{changed}");
    let world = World::on(Root::with_queue(&bytes));
    let health = block_on(world.store.health()).unwrap();
    assert_eq!(corrupt(health.refuses_writes.unwrap()), ("queue.jsonl".into(), 2));
    assert_eq!(world.root.queue(), bytes, "nobody cuts what may have been acknowledged");
}

#[test]
fn a_running_store_deals_with_the_torn_line_of_a_process_that_died() {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    let begins = world.root.queue();
    world.root.write("queue.jsonl", format!("{begins}{{\"event\": \"QUEUE_ENQ"));
    assert_eq!(count(&world.store), 1);
    let epoch = |root: &Root| root.marks().split_whitespace().nth(7).unwrap().parse::<u64>().unwrap();
    let before = epoch(&world.root);
    block_on(Ask::of("run_b").enqueue(&world.store));
    assert_eq!(count(&FileReader::open(&world.root.path)), 2);
    assert_eq!(world.root.read(&format!("queue.jsonl.torn-{}", begins.len())), b"{\"event\": \"QUEUE_ENQ");
    assert!(epoch(&world.root) > before, "bytes that a reader may have looked at were cut");
    let before = epoch(&world.root);
    block_on(Ask::of("run_c").enqueue(&world.store));
    assert_eq!(epoch(&world.root), before, "appending changes nothing that could have been read");
    world.root.write("queue.jsonl", world.root.queue().replace("Alice", "Malice"));
    let reason = cortexpilot_core::domain::text::Reason::parse("A test changed it.").unwrap().unwrap();
    cortexpilot_ledger::repair(&world.root.path, &reason, "local:alice", soon(9)).unwrap();
    assert!(epoch(&world.root) > before, "another file was put in its place");
}

/// Sets the queue's record as a writer does before it writes up to here.
fn set_mark(root: &Root, from: usize, upto: usize) {
    let mut text = format!("{:<15} {:<7} from {from:020} upto {upto:020} epoch {:020} check ", "queue.jsonl", "set", 9);
    let check = cortexpilot_core::domain::id::Sha256Digest::of(text.as_bytes()).to_string();
    text.push_str(&check[..16]);
    let other = root.marks()[126..].to_owned();
    root.write("ledger.lock", format!("{text}\n{other}"));
}

#[test]
fn the_lock_file_says_in_words_that_all_is_durable() {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    let marks = world.root.marks();
    let words: Vec<&str> = marks.split_whitespace().collect();
    assert_eq!((words[0], words[1]), ("queue.jsonl", "clear"));
    assert_eq!((words[10], words[11]), ("decisions.jsonl", "clear"));
    assert_eq!(marks.len(), 252);
}

#[test]
fn what_may_not_be_durable_is_not_read_until_the_next_writer_has_settled_it() {
    let (first, second) = two_lines();
    let world = World::on(Root::with_queue(format!("{first}{second}")));
    drop(world.store);
    set_mark(&world.root, first.len(), first.len() + second.len());
    let reader = FileReader::open(&world.root.path);
    assert_eq!(count(&reader), 1, "the second line was never acknowledged");
    let before = std::fs::metadata(world.root.file("queue.jsonl")).unwrap().modified().unwrap();
    let world = World::on(world.root);
    let after = std::fs::metadata(world.root.file("queue.jsonl")).unwrap().modified().unwrap();
    assert!(after > before, "its bytes were written again");
    assert_eq!(world.root.queue(), format!("{first}{second}"));
    assert!(world.root.marks().starts_with("queue.jsonl     clear"));
    assert_eq!((count(&world.store), count(&reader)), (2, 2));
}

#[test]
fn a_mark_beyond_the_file_says_that_durable_bytes_are_gone() {
    let (first, second) = two_lines();
    let world = World::on(Root::with_queue(&first));
    drop(world.store);
    set_mark(&world.root, first.len() + second.len(), first.len() + 2 * second.len());
    for _ in 0..2 {
        let world = World::on(Root::with_queue(&first));
        set_mark(&world.root, first.len() + second.len(), first.len() + 2 * second.len());
        let health = |world: &World| block_on(world.store.health()).unwrap().refuses_writes;
        let world = world.reopen();
        assert_eq!(corrupt(health(&world).unwrap()).1, 2);
        assert_eq!(corrupt(health(&world.reopen()).unwrap()).1, 2, "and says so again after a restart");
    }
}

#[test]
fn a_lock_file_that_makes_no_sense_is_settled_by_the_next_writer() {
    let (first, second) = two_lines();
    for nonsense in [&b"nonsense"[..], &[0; 252], &[0xff; 252], b""] {
        let world = World::on(Root::with_queue(format!("{first}{second}")));
        drop(world.store);
        world.root.write("ledger.lock", nonsense);
        let reader = FileReader::open(&world.root.path);
        let items = block_on(reader.items(&QueueFilter::default()));
        let empty = nonsense.iter().all(|byte| *byte == 0);
        assert_eq!(items.is_ok(), empty, "which bytes are durable cannot be told");
        let world = World::on(world.root);
        assert_eq!((count(&world.store), count(&reader)), (2, 2));
        assert!(world.root.marks().starts_with("queue.jsonl     clear"));
    }
}
