//! Every bit of a ledger of more than 4 KiB (64 KiB in a long campaign), and of the decisions beside it, flipped: the damage
//! is found and its line named, or nothing changed its meaning. And the control: a verifier that does not check the chain
//! misses much of it. A signed checkpoint likewise.

use std::os::unix::fs::FileExt as _;

use cortexpilot_core::codec::{decision, line};
use cortexpilot_core::domain::command::{ApprovalPolicy, Decide};
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::port::StoreRead;
use cortexpilot_core::port::conformance::{
    Ask, agent, approve, block_on, cancel, claim, complete, execute, govern, lease, person, soon,
};
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_core::{Verdict, domain::queue::QueueItem};
use cortexpilot_ledger::log::{checkpoint, init_audit_key};
use cortexpilot_ledger::{FileReader, OpenError, verify};

use crate::support::{Root, World, corrupt, sized};

/// What the queue's file holds at least, in bytes.
const ENOUGH: usize = 4096;

const FILES: [&str; 2] = ["queue.jsonl", "decisions.jsonl"];

/// Items in every state, a request that was approved, a freeze that was lifted, refusals.
fn ledger(enough: usize) -> World {
    let world = World::on(Root::quick());
    let store = &world.store;
    block_on(Ask::of("run_a").enqueue(store));
    let second = block_on(Ask::of("run_b").at(1).enqueue(store));
    let Verdict::Claimed(claimed) = block_on(execute(store, claim(soon(2)))) else { panic!("not claimed") };
    block_on(execute(store, complete(claimed.queue_id(), &lease(&claimed), soon(3))));
    block_on(execute(store, cancel(second.queue_id(), soon(4))));
    let ask = |run: &str, second| Ask::of(run).by(agent("alice")).under(ApprovalPolicy::Operator).at(second);
    let wished = block_on(ask("run_c", 5).requested(store));
    block_on(execute(store, approve(&person("bob"), &wished, soon(6))));
    block_on(execute(store, govern(&person("ops"), soon(7), Decide::Freeze)));
    block_on(execute(store, govern(&person("ops"), soon(8), Decide::Unfreeze)));
    block_on(execute(store, Ask::of("run_x").at(9).unseen()));
    let mut nth = 0;
    while world.root.read("queue.jsonl").len() < enough {
        block_on(Ask::of(&format!("run_{nth}")).at(10 + nth).enqueue(store));
        nth += 1;
    }
    world
}

fn items(reader: &FileReader) -> Vec<QueueItem> {
    block_on(reader.items(&QueueFilter::default())).expect("reads go on").items
}

/// What a verifier says of a root: the file and line of the damage, if it finds any.
type Verifier<'a> = &'a (dyn Fn(&Root) -> Option<(String, u64)> + Sync);

#[derive(Debug, Default, PartialEq)]
struct Tally {
    flipped: usize,
    found: usize,
    /// The newline behind the last line: that line verifies without it, and the next process that writes puts it back.
    harmless: usize,
    missed: usize,
}

/// Flips bits of a file that stands alone in a root, each `every`-th of them, and asks the verifier; in between the file is
/// whole. Two threads share the work, each with a root of its own.
fn flip_bits(name: &str, bytes: &[u8], every: usize, find: Verifier<'_>) -> Tally {
    let mut whole = Tally::default();
    std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| scope.spawn(move || flip_half(name, bytes, every, half, find)));
        for half in halves {
            let half = half.join().expect("half of the campaign failed: see above");
            whole.flipped += half.flipped;
            whole.found += half.found;
            whole.harmless += half.harmless;
            whole.missed += half.missed;
        }
    });
    whole
}

/// Every second byte, from the first or from the second on.
fn flip_half(name: &str, bytes: &[u8], every: usize, half: usize, find: Verifier<'_>) -> Tally {
    let root = Root::quick().holding("");
    root.write(name, bytes);
    let file = std::fs::OpenOptions::new().write(true).open(root.file(name)).unwrap();
    let mut tally = Tally::default();
    let mut line = 1;
    for (at, byte) in bytes.iter().enumerate() {
        for bit in (0..8).filter(|bit| at % 2 == half && (at * 8 + bit).is_multiple_of(every)) {
            file.write_all_at(&[byte ^ (1 << bit)], at as u64).unwrap();
            tally.flipped += 1;
            match find(&root) {
                Some(found) if found == (name.to_owned(), line) => tally.found += 1,
                Some(other) => panic!("{name} byte {at} bit {bit}: found in {other:?}, it is in line {line}"),
                None if at + 1 == bytes.len() => tally.harmless += 1,
                None => tally.missed += 1,
            }
        }
        if at % 2 == half {
            file.write_all_at(&[*byte], at as u64).unwrap();
        }
        line += u64::from(*byte == b'\n');
    }
    assert_eq!(root.read(name), bytes, "the campaign is over and the file is whole");
    tally
}

fn by_the_chain(root: &Root) -> Option<(String, u64)> {
    block_on(FileReader::open(&root.path).health()).unwrap().refuses_writes.map(corrupt)
}

/// Reads every line as the ledger does and asks no hash: what would be left if the chain were not checked.
fn without_hashes(root: &Root) -> Option<(String, u64)> {
    for name in FILES {
        let bytes = root.read(name);
        for (nth, text) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            let reads = match name {
                "queue.jsonl" => line::decode(text).is_ok(),
                _ => decision::read(text).is_ok(),
            };
            if !reads {
                return Some((name.to_owned(), nth as u64 + 1));
            }
        }
    }
    None
}

#[test]
fn every_flipped_bit_of_a_ledger_is_found_or_harmless() {
    let enough = sized(ENOUGH, 64 * 1024);
    let World { store, root } = ledger(enough);
    drop(store);
    assert!(root.read("queue.jsonl").len() >= enough);
    for name in FILES {
        let bytes = root.read(name);
        let tally = flip_bits(name, &bytes, 1, &by_the_chain);
        let expected = Tally { flipped: bytes.len() * 8, found: bytes.len() * 8 - 8, harmless: 8, missed: 0 };
        assert_eq!(tally, expected, "{name}");
        println!("fired: {} flipped bits", tally.flipped);
        println!(
            "figure: {name} of {} bytes: {} bits flipped one by one, {} found with their line, {} harmless, 0 missed",
            bytes.len(),
            tally.flipped,
            tally.found,
            tally.harmless
        );
    }
}

/// What a flipped bit leaves to be read: exactly what stood before its line; the audit says so too, and once the last
/// newline is put back everything is as it was.
#[test]
fn in_front_of_a_flipped_bit_everything_can_be_read_and_nothing_behind_it() {
    let World { store, root } = ledger(ENOUGH);
    drop(store);
    let whole = root.read("queue.jsonl");
    let ends: Vec<usize> = (1..=whole.len()).filter(|end| whole[end - 1] == b'\n').collect();
    let mut begin = 0;
    for end in ends {
        let before = Root::quick().holding(&whole[..begin]);
        let shown = items(&FileReader::open(&before.path));
        for at in [begin, (begin + end) / 2, end - 2] {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            root.write("queue.jsonl", &bytes);
            assert_eq!(items(&FileReader::open(&root.path)), shown, "byte {at}");
            assert_eq!(verify(&root.path).unwrap().verdict, cortexpilot_ledger::Verdict::Altered, "byte {at}");
        }
        begin = end;
    }
    let everything = {
        root.write("queue.jsonl", &whole);
        items(&FileReader::open(&root.path))
    };
    for bit in 0..8 {
        for name in FILES {
            let sound = root.read(name);
            let mut bytes = sound.clone();
            *bytes.last_mut().unwrap() ^= 1 << bit;
            root.write(name, &bytes);
            let store = root.open();
            assert_eq!((root.read(name), block_on(store.health()).unwrap().refuses_writes), (sound, None));
            assert_eq!(items(&FileReader::open(&root.path)), everything, "{name} bit {bit}");
        }
    }
}

/// The control: with the chain's check left out the same campaign reports bits that nobody finds.
#[test]
fn without_the_chain_the_campaign_reports_bits_that_are_missed() {
    let World { store, root } = ledger(ENOUGH);
    drop(store);
    for name in FILES {
        let tally = flip_bits(name, &root.read(name), 7, &without_hashes);
        assert!(tally.missed > tally.flipped / 10 && tally.found > 0, "{name}: {tally:?}");
        println!(
            "figure: control: {name} read without its hashes: {} of {} flipped bits missed",
            tally.missed, tally.flipped
        );
    }
}

/// A root whose ledger is signed.
fn signed() -> Root {
    let World { store, root } = ledger(ENOUGH);
    drop(store);
    init_audit_key(&root.path, Some("test.example/log"), &SeqIds::default()).unwrap();
    checkpoint(&root.path).unwrap();
    root
}

const CHECKPOINT: &str = "log/queue.jsonl/checkpoint";

/// A process that may write does not start on a changed checkpoint, and one that reads says so: it is never taken for none.
#[test]
fn every_flipped_bit_of_a_checkpoint_is_found() {
    let root = signed();
    let good = root.read(CHECKPOINT);
    let (mut flipped, mut refused_starts) = (0, 0);
    for bit in (0..good.len() * 8).step_by(sized(3, 1)) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        root.write(CHECKPOINT, &bad);
        flipped += 1;
        let (file, line) = by_the_chain(&root).unwrap_or_else(|| panic!("bit {bit} is missed"));
        assert_eq!((file.as_str(), line), ("queue.jsonl", 1), "bit {bit}");
        if bit % 24 == 0 {
            assert!(matches!(root.try_open().err(), Some(OpenError::Checkpoint { .. })), "bit {bit}");
            refused_starts += 1;
        }
    }
    root.write(CHECKPOINT, &good);
    drop(root.try_open().unwrap());
    println!("fired: {flipped} flipped bits of a checkpoint");
    println!(
        "figure: a checkpoint of {} bytes: {flipped} bits flipped one by one, {flipped} found, 0 missed; {refused_starts} \
         starts of a process that writes, all refused",
        good.len()
    );
}

/// The control: its signature is what finds them. A reader that takes a checkpoint's size alone misses nearly all.
#[test]
fn without_its_signature_most_flipped_bits_of_a_checkpoint_are_missed() {
    let root = signed();
    let good = root.read(CHECKPOINT);
    let size = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().nth(1).and_then(|size| size.parse::<u64>().ok())
    };
    let missed = (0..good.len() * 8)
        .filter(|bit| {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            size(&bad) == size(&good)
        })
        .count();
    assert!(missed > good.len() * 7, "{missed}");
    println!(
        "figure: control: a checkpoint read without its signature: {missed} of {} flipped bits missed",
        good.len() * 8
    );
}
