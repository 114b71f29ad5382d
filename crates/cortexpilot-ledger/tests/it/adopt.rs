//! Adopting the ledger of an original: what the record says, and what it cannot say.

use std::path::Path;

use cortexpilot_core::codec::line::{Adopted, encode_adopted};
use cortexpilot_core::domain::command::{ApprovalPolicy, Decide};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger;
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{Ask, block_on, execute, govern, person, soon};
use cortexpilot_ledger::{AdoptError, Adoption, FileReader, Order, SourceTail, Verdict, adopt, survey, verify};

use crate::support::{Root, World, corrupt, names};

fn line(queue_id: &str, task: &str, ts: &str) -> String {
    format!(
        "{{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PENDING\", \"task_id\": \"{task}\", \"source_run_id\": \"run_a\", \
         \"ts\": \"{ts}\", \"queue_id\": \"{queue_id}\"}}\n"
    )
}

fn original() -> String {
    let early = "2026-02-01T10:00:00+00:00";
    format!(
        "{}{}[]\n\n{}",
        line("a1", "t", early),
        line("a2", "t", early),
        line("a3", "u", "2027-01-01T00:00:00+00:00")
    )
}

fn take(root: &Root, source: &Path) -> Result<Adoption, AdoptError> {
    let reason = Reason::parse("moving house").unwrap().unwrap();
    adopt(&Order { root: &root.path, source, reason: &reason, principal: "local:alice", now: soon(5) })
}

/// The line of a record that says this of what stands before it.
fn record(lines: u64, bytes: u64, sha256: Sha256Digest, prev: &Sha256Digest) -> String {
    let adopted = Adopted {
        prefix_sha256: sha256,
        prefix_lines: lines,
        prefix_bytes: bytes,
        source: "/srv/old".into(),
        reason: "r".into(),
        principal: "p".into(),
        ts: soon(5),
    };
    encode_adopted(&adopted, prev).text + "\n"
}

#[test]
fn the_lines_are_the_prefix_the_record_says_so_and_the_ledger_goes_on() {
    let (theirs, ours) = (Root::with_queue(original()), Root::new());
    let found = survey(&ours.path, &theirs.path).unwrap();
    assert_eq!((found.lines, found.enqueued, found.blank, found.items.len()), (5, 3, 1, 3));
    assert_eq!(found.hidden().map(|item| item.queue_id().to_string()).collect::<Vec<_>>(), ["a1"]);
    assert!(!ours.path.exists(), "a survey makes nothing");

    let done = take(&ours, &theirs.path).unwrap();
    assert_eq!(done.survey.sha256, Sha256Digest::of(original().as_bytes()));
    assert_eq!(done.record.ts.to_string(), "2027-01-01T00:00:00Z", "never before the last line");
    assert!(ours.queue().starts_with(&original()));
    assert_eq!(names(&theirs.path), ["queue.jsonl"]);
    let report = verify(&ours.path).unwrap();
    assert_eq!((report.verdict, report.files[0].head), (Verdict::Sound, done.head));
    assert_eq!(report.files[0].adopted.as_ref(), Some(&done.record));
    let world = World::on(ours);
    block_on(Ask::of("run_new").at(9).enqueue(&world.store));
    assert_eq!(block_on(world.store.health()).unwrap().lines, 7);
    assert!(matches!(take(&world.root, &theirs.path), Err(AdoptError::Before(record)) if *record == done.record));
}

#[test]
fn a_running_store_reads_what_was_adopted_beside_it() {
    let (theirs, world) = (Root::with_queue(original()), World::new());
    take(&world.root, &theirs.path).unwrap();
    assert_eq!(block_on(world.store.health()).unwrap().pending, 3);
    block_on(Ask::of("run_new").at(9).enqueue(&world.store));
    assert_eq!(verify(&world.root.path).unwrap().verdict, Verdict::Sound);
}

#[test]
fn an_empty_ledger_and_one_without_a_last_newline_are_adopted_too() {
    for (bytes, lines) in [("", 0), (original().trim_end(), 5)] {
        let (theirs, ours) = (Root::with_queue(bytes), Root::new());
        let done = take(&ours, &theirs.path).unwrap();
        assert_eq!((done.survey.lines, done.torn_as), (lines, None));
        assert_eq!(matches!(done.survey.tail, SourceTail::LacksNewline { .. }), lines > 0);
        assert_eq!(verify(&ours.path).unwrap().verdict, Verdict::Sound);
        assert_eq!(theirs.queue(), bytes);
    }
}

#[test]
fn a_ledger_of_ours_a_damaged_one_and_a_root_with_lines_are_not_mixed() {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    let (theirs, ours) = (Root::with_queue(original()), Root::new());
    assert!(matches!(take(&ours, &world.root.path), Err(AdoptError::Ours)));
    let before = world.root.queue();
    assert!(matches!(take(&world.root, &theirs.path), Err(AdoptError::Occupied(1))));
    assert_eq!(world.root.queue(), before);
    let altered = Root::with_queue(original() + &before.replacen("run_a", "run_b", 1));
    assert!(matches!(take(&ours, &altered.path), Err(AdoptError::SourceDamaged { line: 6, .. })));
    assert!(matches!(take(&ours, &ours.path.join("nowhere")), Err(AdoptError::Missing(_))));
    assert_eq!(ours.queue(), "", "nothing of it came here");
}

#[test]
fn a_record_that_does_not_say_what_stands_before_it_is_damage() {
    let prefix = line("a1", "t", "2026-02-01T10:00:00+00:00");
    let (sha256, bytes) = (Sha256Digest::of(prefix.as_bytes()), prefix.len() as u64);
    let good = record(1, bytes, sha256, &sha256);
    let health =
        |text: String| block_on(FileReader::open(&Root::with_queue(text).path).health()).unwrap().refuses_writes;
    assert_eq!(health(format!("{prefix}{good}")), None);
    for (lines, bytes, said) in [(2, bytes, sha256), (1, bytes + 1, sha256), (1, bytes, Sha256Digest::ZERO)] {
        let error = health(format!("{prefix}{}", record(lines, bytes, said, &sha256))).unwrap();
        assert_eq!(corrupt(error), ("queue.jsonl".to_owned(), 2));
    }
    // A second one, although it chains.
    let (_, head) = ledger::split(good.trim_end().as_bytes()).unwrap();
    let error = health(format!("{prefix}{good}{}", record(1, bytes, sha256, &head))).unwrap();
    assert_eq!(corrupt(error), ("queue.jsonl".to_owned(), 3));
}

#[test]
fn every_member_of_the_record_is_on_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/ledger.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let row = page.lines().find(|line| line.starts_with("| `LEDGER_ADOPTED` |")).expect("a row");
    let line = record(1, 1, Sha256Digest::ZERO, &Sha256Digest::ZERO);
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
    for member in members.keys() {
        assert!(row.contains(&format!("`{member}`")), "{member}");
    }
}

#[test]
fn what_nobody_approved_is_not_taken_over_where_people_are_asked_or_everything_stands_still() {
    let theirs = Root::with_queue(original());
    let closed = Root::with_queue(String::new());
    for (decided, said) in [(Decide::SetPolicy(ApprovalPolicy::Operator), "`operator`"), (Decide::Freeze, "frozen")] {
        let ours = Root::new();
        let store = ours.open();
        block_on(execute(&store, govern(&person("ann"), soon(1), decided)));
        drop(store);
        let refused = take(&ours, &theirs.path).unwrap_err();
        assert!(matches!(&refused, AdoptError::Unapproved { pending: 3, why } if why.contains(said)), "{refused}");
        assert!(survey(&ours.path, &theirs.path).is_err(), "a survey says so too");
        assert_eq!(ours.lines().len(), 0);
        assert!(!names(&ours.path).iter().any(|name| name.contains("adopted")), "nothing is left behind");
        // A ledger with nothing pending queues nothing.
        assert_eq!(take(&ours, &closed.path).unwrap().survey.items, []);
    }
}
