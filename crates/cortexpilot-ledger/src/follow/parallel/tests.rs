//! Many threads and one say the same of every ledger, sound or damaged.

use std::fs::File;
use std::io::Write as _;

use cortexpilot_core::codec::line::{Adopted, encode_adopted};
use cortexpilot_core::domain::id::Sha256Digest;
use jiff::Timestamp;
use proptest::prelude::*;

use super::super::follow_as;
use super::*;
use crate::chain::{FileKind, Keep};
use crate::log::{Anchor, LogTree};

/// Nobody is ever asked to help.
const ONE_BY_ONE: Plan = Plan { from: u64::MAX, lead: 0, chunk: 4096, workers: Some(1) };

/// A line of the original.
fn original() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..9_u8, 0..3_usize).prop_map(|(item, event)| {
            let event = ["ENQUEUE", "CLAIM", "DONE"][event];
            format!("{{\"event\": \"QUEUE_{event}\", \"task_id\": \"t{item}\", \"queue_id\": \"q{item}\", \"ts\": \"2026-01-0{}T00:00:00Z\"}}", item + 1)
        }),
        1 => prop::sample::select(vec!["", " \t", "[]", "{}", "{\"event\": 1}", "not JSON", "{\"task_id\": \"principal\"}"])
            .prop_map(str::to_owned),
    ]
}

/// One of our lines before its hash.
fn ours(kind: FileKind) -> BoxedStrategy<String> {
    let ts = "\"ts\": \"2026-02-01T00:00:00.000000+00:00\"";
    let unknown = (0..2_usize)
        .prop_map(move |size| format!("{{\"event\": \"NEWER\", \"what\": \"{}\", {ts}", "x".repeat(size * 300)));
    let wrong = Just("{\"event\": \"QUEUE_CLAIM\"".to_owned());
    match kind {
        FileKind::Queue => {
            let cancel = (0..9_u8, "[a-z\\\\]{0,9}").prop_map(move |(item, reason)| {
                let reason = reason.replace('\\', "\\\\");
                format!("{{\"event\": \"QUEUE_CANCEL\", \"status\": \"CANCELLED\", \"task_id\": \"t\", \"queue_id\": \"q{item}\", \"cancelled_at\": \"\", \"reason\": \"{reason}\", {ts}")
            });
            prop_oneof![40 => cancel, 3 => unknown, 1 => wrong].boxed()
        }
        FileKind::Decisions => {
            let refusal =
                (0..9_u8).prop_map(move |run| format!("{{\"event\": \"DENIED\", \"run_id\": \"r{run}\", {ts}"));
            prop_oneof![40 => refusal, 3 => unknown].boxed()
        }
    }
}

#[derive(Debug, Clone)]
enum Damage {
    Flip(usize, u8),
    Remove(usize),
    Repeat(usize),
    Swap(usize, usize),
    Put(usize, String),
    Cut(usize),
    Append(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<usize>;
    prop_oneof![
        3 => (place(), 0..8_u32).prop_map(|(at, bit)| Damage::Flip(at, 1 << bit)),
        1 => place().prop_map(Damage::Remove),
        1 => place().prop_map(Damage::Repeat),
        1 => (place(), place()).prop_map(|(a, b)| Damage::Swap(a, b)),
        1 => (place(), original()).prop_map(|(at, line)| Damage::Put(at, line)),
        1 => place().prop_map(Damage::Cut),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Damage::Append),
    ]
}

#[derive(Debug, Clone)]
struct Story {
    kind: FileKind,
    keep: Keep,
    bytes: Vec<u8>,
    /// How many lines are under a checkpoint, and whether they are those that were signed.
    signed: Option<(u64, bool)>,
}

fn story() -> impl Strategy<Value = Story> {
    prop::sample::select(FileKind::ALL.to_vec()).prop_flat_map(|kind| {
        let legacy = match kind {
            FileKind::Queue => prop::collection::vec(original(), 0..20).boxed(),
            FileKind::Decisions => Just(Vec::new()).boxed(),
        };
        let ours = prop::collection::vec(ours(kind), 0..40);
        let keep = prop::sample::select(vec![Keep::Events, Keep::Briefs]);
        let damages = prop::collection::vec(damage(), 0..3);
        let signed = prop::option::of((any::<prop::sample::Index>(), prop::bool::weighted(0.8)));
        (legacy, ours, any::<bool>(), keep, damages, signed).prop_map(
            move |(legacy, ours, adopt, keep, damages, signed)| {
                let bytes = written(kind, &legacy, &ours, adopt);
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                let signed = signed.map(|(at, sound)| (at.index(lines + 2) as u64 + 1, sound));
                Story { kind, keep, bytes: damages.iter().fold(bytes, damaged), signed }
            },
        )
    })
}

fn written(kind: FileKind, legacy: &[String], ours: &[String], adopt: bool) -> Vec<u8> {
    let mut bytes: Vec<u8> = legacy.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
    let mut head = if bytes.is_empty() { Sha256Digest::ZERO } else { Sha256Digest::of(&bytes) };
    if adopt && kind == FileKind::Queue {
        let adopted = Adopted {
            prefix_sha256: Sha256Digest::of(&bytes),
            prefix_lines: legacy.len() as u64,
            prefix_bytes: bytes.len() as u64,
            source: "elsewhere".into(),
            reason: "moved".into(),
            principal: "operator".into(),
            ts: Timestamp::UNIX_EPOCH,
        };
        let line = encode_adopted(&adopted, &head);
        head = line.hash;
        bytes.extend([line.text.as_bytes(), b"\n"].concat());
    }
    for body in ours {
        let (line, hash) = ledger::seal(&head, body);
        head = hash;
        bytes.extend([line.as_bytes(), b"\n"].concat());
    }
    bytes
}

fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return bytes;
    }
    let count = lines.len();
    match damage {
        Damage::Flip(at, bit) => {
            let at = at % bytes.len();
            bytes[at] ^= bit;
            return bytes;
        }
        Damage::Cut(at) => {
            bytes.truncate(at % bytes.len());
            return bytes;
        }
        Damage::Append(more) => {
            bytes.extend(more);
            return bytes;
        }
        Damage::Remove(at) => {
            lines.remove(at % count);
        }
        Damage::Repeat(at) => lines.insert(at % count, lines[at % count].clone()),
        Damage::Swap(a, b) => lines.swap(a % count, b % count),
        Damage::Put(at, line) => lines.insert(at % count, format!("{line}\n").into_bytes()),
    }
    lines.concat()
}

/// What a reading came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<(u64, String)>,
    end: End,
    chain: String,
}

fn read(story: &Story, limit: u64, plan: Plan, holds: &mut dyn FnMut() -> bool) -> Outcome {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&story.bytes).unwrap();
    let mut chain = chain_of(story);
    let mut seen = Vec::new();
    let visit = &mut |number, _at, entry: Entry| seen.push((number, format!("{entry:?}")));
    let end = follow_as(&file, &mut chain, limit, &mut || Ok(holds()), visit, plan).unwrap();
    Outcome { seen, end, chain: told(&chain) }
}

fn chain_of(story: &Story) -> Chain {
    let mut chain = Chain::new(story.kind);
    chain.keep = story.keep;
    chain.anchor = story.signed.map(|(size, sound)| {
        let mut tree = LogTree::new();
        let lines = story.bytes.split(|byte| *byte == b'\n').take(usize::try_from(size).unwrap());
        lines.for_each(|line| {
            tree.append_line(line);
        });
        Box::new(Anchor::of(size, if sound { tree.root() } else { Sha256Digest::ZERO }))
    });
    chain
}

fn told(chain: &Chain) -> String {
    let Chain { anchor, legacy_lines, first_ts, last_ts, .. } = chain;
    format!("{:?} {legacy_lines} {first_ts:?} {last_ts:?} {anchor:?} {:?}", chain.position(), chain.prefix())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 768, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_number_of_threads_says_what_one_says(
        story in story(),
        (lead, chunk, workers) in (0..2000_u64, prop_oneof![1..40_usize, 1..4000_usize], 1..5_usize),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let size = story.bytes.len();
        let limit = cut.map_or(size, |at| at.index(size + 1)) as u64;
        let plan = Plan { from: 0, lead, chunk, workers: Some(workers) };
        prop_assert_eq!(read(&story, limit, plan, &mut || true), read(&story, limit, ONE_BY_ONE, &mut || true));
    }

    #[test]
    fn what_moved_under_the_readers_is_not_used(
        story in story(),
        (chunk, workers) in (1..2000_usize, 1..4_usize),
        held in 0..12_usize,
    ) {
        let size = story.bytes.len() as u64;
        let all = read(&story, size, ONE_BY_ONE, &mut || true);
        let plan = Plan { from: 0, lead: 0, chunk, workers: Some(workers) };
        let mut looks = 0;
        let read = read(&story, size, plan, &mut || {
            looks += 1;
            looks <= held
        });
        if looks <= held {
            prop_assert_eq!(read, all);
        } else {
            // Damage in what was read before counts as well.
            prop_assert!(read.end == End::Moved || read.end == all.end, "{:?}", read.end);
            prop_assert_eq!(&all.seen[..read.seen.len()], &read.seen[..]);
        }
    }
}

/// A thousand lines of ours, behind some of the original's.
fn long() -> Vec<u8> {
    let legacy = vec!["[]".to_owned(); 300];
    let cancel = "{\"event\": \"QUEUE_CANCEL\", \"status\": \"CANCELLED\", \"task_id\": \"t\", \"queue_id\": \"q\", \"cancelled_at\": \"\", \"ts\": \"2026-02-01T00:00:00.000000+00:00\"";
    written(FileKind::Queue, &legacy, &vec![cancel.to_owned(); 1000], true)
}

#[test]
fn nearly_all_lines_of_a_long_ledger_are_looked_at_by_others() {
    let bytes = long();
    let file = file(&bytes);
    let mut chain = Chain::new(FileKind::Queue);
    let plan = Plan { from: 0, lead: 1, chunk: 1000, workers: Some(2) };
    let (mut visits, mut holds) = (0_u64, || Ok(true));
    let visit = &mut |number, _, _| {
        visits += 1;
        assert_eq!(number, visits);
    };
    let mut begun_at = Vec::new();
    loop {
        let window =
            Window { file: &file, at: chain.offset, limit: bytes.len() as u64, holds: &mut holds, moved: false };
        assert_eq!(run(window, &mut chain, visit, plan).unwrap(), None);
        begun_at.push(chain.lines);
        if chain.offset == bytes.len() as u64 {
            break;
        }
        // One line by itself: the first of ours.
        let window =
            Window { file: &file, at: chain.offset, limit: bytes.len() as u64, holds: &mut holds, moved: false };
        assert_eq!(super::super::alone(window, &mut chain, visit, plan).unwrap(), None);
    }
    assert_eq!(begun_at, [300, 1301]);
}

#[test]
fn a_line_too_long_to_be_shared_out_is_read_all_the_same() {
    let text = "x".repeat(LONGEST + 5000);
    let short = "[]\n".repeat(3000);
    let bytes = format!("{short}\"{text}\"\n{short}").into_bytes();
    let story = Story { kind: FileKind::Queue, keep: Keep::Events, bytes, signed: None };
    let plan = Plan { from: 0, lead: 4096, chunk: 4096, workers: Some(2) };
    let size = story.bytes.len() as u64;
    let outcome = read(&story, size, plan, &mut || true);
    assert_eq!((outcome.seen.len(), &outcome.end), (6001, &End::Reached { tail: 0 }));
    assert_eq!(outcome, read(&story, size, ONE_BY_ONE, &mut || true));
}

#[test]
fn a_file_that_ends_before_its_limit_ends_there() {
    let bytes = long();
    let story = Story { kind: FileKind::Queue, keep: Keep::Briefs, bytes, signed: None };
    let plan = Plan { from: 0, lead: 0, chunk: 512, workers: Some(2) };
    let limit = story.bytes.len() as u64 * 2;
    let outcome = read(&story, limit, plan, &mut || true);
    assert_eq!((outcome.seen.len(), outcome.end), (1301, End::Reached { tail: 0 }));
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}
