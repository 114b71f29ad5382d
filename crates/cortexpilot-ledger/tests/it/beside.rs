//! What is kept beside the ledger: which files there are, what is left of them, and that none of it decides anything.

use std::os::unix::fs::PermissionsExt as _;

use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::WorkerPresence;
use cortexpilot_core::domain::session::{EndSessions, SecretKind, SecretText, SessionRecord};
use cortexpilot_core::port::conformance::{
    Ask, beat, block_on, changes, claim_that, complete, fail, lease, lose, soon, start,
};
use cortexpilot_core::port::{Store as _, StoreRead as _};
use cortexpilot_ledger::FileReader;

use crate::support::{World, names};

fn presence(name: &str, at: i64) -> WorkerPresence {
    WorkerPresence {
        worker: name.into(),
        principal: "token:worker".into(),
        surface: "http".into(),
        host: "h".into(),
        pid: 7,
        version: "1.0".into(),
        started_at: start(),
        at: soon(at),
        draining: false,
        slots: 1,
        running: Vec::new(),
        cannot: Vec::new(),
    }
}

/// An item that is claimed, its lease token, and one beat of its worker.
fn beating(world: &World, run: &str, at: i64) -> (QueueItemId, String) {
    let item = block_on(Ask::of(run).at(at).enqueue(&world.store));
    let claimed = block_on(changes(&world.store, claim_that(item.queue_id(), soon(at))));
    let (id, token) = (item.queue_id().clone(), lease(&claimed));
    block_on(beat(&world.store, &id, &token, None, soon(at))).unwrap();
    (id, token)
}

#[test]
fn a_beat_is_one_private_file_without_a_flush_or_a_line() {
    let world = World::new();
    let (id, token) = beating(&world, "run_a", 1);
    let before = world.store.io_counts();
    for at in 2..20 {
        block_on(beat(&world.store, &id, &token, None, soon(at))).unwrap();
    }
    assert_eq!(world.store.io_counts(), before, "nothing was written to the ledger, and nothing flushed");
    assert_eq!(names(&world.root.file("leases")), [format!("{id}.json")]);
    for name in ["leases".to_owned(), format!("leases/{id}.json")] {
        let mode = std::fs::metadata(world.root.file(&name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    assert_eq!(block_on(world.store.beat(&id)).unwrap().map(|beat| beat.count), Some(19));
    block_on(changes(&world.store, complete(&id, &token, soon(21))));
    assert_eq!(names(&world.root.file("leases")), [] as [String; 0]);
}

#[test]
fn a_beat_that_was_lost_or_damaged_is_one_that_was_not_said() {
    let world = World::new();
    let (id, token) = beating(&world, "run_a", 1);
    let path = format!("leases/{id}.json");
    for left in ["", "{", "{\"queue_id\": \"another\"}", "\u{0}\u{0}\u{0}"] {
        world.root.write(&path, left);
        assert_eq!(block_on(world.store.beat(&id)).unwrap(), None, "{left}");
        let standing = block_on(world.store.claims()).unwrap().remove(0);
        assert_eq!(standing.beat, None);
        block_on(beat(&world.store, &id, &token, None, soon(2))).unwrap();
        assert_eq!(block_on(world.store.beat(&id)).unwrap().map(|beat| beat.count), Some(1));
    }
    // A link is no beat of ours, and is not followed; the next beat takes its place.
    std::fs::remove_file(world.root.file(&path)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", world.root.file(&path)).unwrap();
    assert_eq!(block_on(world.store.beat(&id)).unwrap(), None);
    block_on(beat(&world.store, &id, &token, None, soon(3))).unwrap();
    assert_eq!(block_on(world.store.beat(&id)).unwrap().map(|beat| beat.count), Some(1));
}

#[test]
fn a_beat_that_is_no_file_keeps_no_other_lease_from_ending() {
    let world = World::new();
    let (odd, _) = beating(&world, "run_odd", 1);
    let (other, _) = beating(&world, "run_other", 2);
    let file = world.root.file(&format!("leases/{odd}.json"));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(block_on(world.store.beat(&odd)).unwrap(), None);
    let claims = block_on(world.store.claims()).unwrap();
    let beats: Vec<_> = claims.iter().map(|claim| (claim.item.queue_id(), claim.beat.is_some())).collect();
    assert_eq!(beats, [(&odd, false), (&other, true)]);
    let reader = FileReader::open(&world.root.path);
    assert_eq!(block_on(reader.claims()).unwrap(), claims, "whoever only reads sees the same");
}

#[test]
fn whoever_opens_the_store_removes_what_nobody_says_any_more() {
    let world = World::new();
    let (held, _) = beating(&world, "run_a", 1);
    let (over, token) = beating(&world, "run_b", 2);
    let bytes = world.root.read(&format!("leases/{over}.json"));
    block_on(changes(&world.store, complete(&over, &token, soon(3))));
    // As after a crash: a beat whose claim has ended, and files that were under construction.
    std::fs::write(world.root.file(&format!("leases/{over}.json")), bytes).unwrap();
    std::fs::write(world.root.file("leases/half.json.1-1.tmp"), "{").unwrap();
    block_on(world.store.write_presence(presence("w", 3))).unwrap();
    std::fs::write(world.root.file("workers/half.json.1-1.tmp"), "{").unwrap();
    let there = || (names(&world.root.file("leases")), names(&world.root.file("workers")));
    let before = there();
    // Whoever only reads leaves everything as it is.
    let reader = FileReader::open(&world.root.path);
    assert_eq!(block_on(reader.claims()).unwrap().len(), 1);
    assert_eq!(block_on(reader.workers()).unwrap(), [presence("w", 3)]);
    assert_eq!(block_on(reader.beat(&held)).unwrap().map(|beat| beat.count), Some(1));
    assert_eq!(there(), before);
    let world = world.reopen();
    assert_eq!(names(&world.root.file("leases")), [format!("{held}.json")]);
    assert_eq!(names(&world.root.file("workers")).len(), 1);
    assert_eq!(block_on(world.store.claims()).unwrap()[0].beat.as_ref().map(|beat| beat.count), Some(1));
}

#[test]
fn a_reader_of_a_root_without_such_files_makes_none() {
    let world = World::new();
    let root = tempfile::tempdir().unwrap();
    let reader = FileReader::open(root.path());
    assert_eq!(block_on(reader.claims()).unwrap(), []);
    assert_eq!(block_on(reader.workers()).unwrap(), []);
    assert_eq!(block_on(reader.overdue(soon(1), 9)).unwrap(), []);
    assert_eq!(block_on(reader.beat(&QueueItemId::from_bytes([1; 16]))).unwrap(), None);
    assert_eq!(names(root.path()), [] as [String; 0]);
    assert!(!world.root.file("leases").exists(), "nor does a writer before somebody says something");
}

#[test]
fn an_altered_contract_is_not_given_out_and_lets_nothing_be_repeated() {
    let world = World::new();
    let mut ask = Ask::of("run_a");
    ask.run = cortexpilot_core::port::conformance::repeatable("run_a", 5, 0);
    let item = block_on(ask.enqueue(&world.store));
    let sha256 = *item.contract_sha256().unwrap();
    let claimed = block_on(changes(&world.store, claim_that(item.queue_id(), soon(1))));
    assert!(block_on(world.store.pinned(&sha256)).unwrap().is_some());
    let path = world.root.file(&format!("contracts/{sha256}.json"));
    std::fs::write(&path, "{\"timeout_retry\": {\"max_retries\": 99}}").unwrap();
    assert_eq!(block_on(world.store.pinned(&sha256)).unwrap(), None);
    let lost = block_on(changes(&world.store, lose(&claimed, 0, 900, soon(2))));
    assert_eq!(lost.status(), "LOST");
    block_on(changes(&world.store, fail(item.queue_id(), soon(3))));
}

#[test]
fn names_of_workers_never_run_out_of_room_or_leave_their_directory() {
    let world = World::new();
    for n in 0..1000 {
        block_on(world.store.write_presence(presence(&format!("../{n}"), 0))).unwrap();
    }
    let more = block_on(world.store.write_presence(presence("one more", 1)));
    assert!(more.is_err(), "a thousand are there");
    block_on(world.store.write_presence(presence("../7", 2))).unwrap();
    block_on(world.store.write_presence(presence("later", 200))).unwrap();
    assert_eq!(block_on(world.store.workers()).unwrap(), [presence("later", 200)], "the others are gone by now");
    assert!(names(&world.root.path).iter().all(|name| !name.ends_with(".json")));
}

fn session(number: u8) -> (SecretText, SessionRecord) {
    let secret = SecretText::new(SecretKind::Session, [number; 32]);
    let record = SessionRecord {
        principal: "token:api".into(),
        token: None,
        seal: secret.seal(&Sha256Digest::of(b"a token")),
        made_at: soon(0),
        expires_at: soon(100),
    };
    (secret, record)
}

#[test]
fn a_session_is_one_private_file_that_holds_no_secret_without_a_flush_or_a_line() {
    let world = World::new();
    let (first, record) = session(1);
    block_on(world.store.write_session(first.key(), record.clone())).unwrap();
    let before = world.store.io_counts();
    for number in 2..20 {
        let (secret, record) = session(number);
        block_on(world.store.write_session(secret.key(), record)).unwrap();
        block_on(world.store.end_sessions(EndSessions::One(secret.key()))).unwrap();
    }
    let login = SecretText::new(SecretKind::Login, [9; 32]);
    block_on(world.store.write_session(login.key(), record)).unwrap();
    assert!(block_on(world.store.take_login(&login.key())).unwrap().is_some());
    assert_eq!(world.store.io_counts(), before, "nothing was written to the ledger, and nothing flushed");
    let name = format!("{}.session", first.key().digest);
    assert_eq!(names(&world.root.file("sessions")), std::slice::from_ref(&name), "what ended left nothing behind");
    for name in ["sessions".to_owned(), format!("sessions/{name}")] {
        let mode = std::fs::metadata(world.root.file(&name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    let kept = String::from_utf8(world.root.read(&format!("sessions/{name}"))).unwrap();
    for secret in [first.reveal(), &first.reveal()[4..], &Sha256Digest::of(b"a token").to_string()] {
        assert!(!kept.contains(secret) && !name.contains(secret), "{kept}");
    }
    assert_eq!((world.root.read("queue.jsonl"), world.root.read("decisions.jsonl")), (vec![], vec![]));
}

#[test]
fn a_session_that_was_damaged_signs_nobody_in_and_gives_way() {
    let world = World::new();
    let (secret, record) = session(1);
    let path = format!("sessions/{}.session", secret.key().digest);
    for left in ["", "{", "{\"principal\": \"token:api\"}", "\u{0}\u{0}\u{0}"] {
        block_on(world.store.write_session(secret.key(), record.clone())).unwrap();
        world.root.write(&path, left);
        assert_eq!(block_on(world.store.session(&secret.key())).unwrap(), None, "{left}");
        let (other, record) = session(2);
        block_on(world.store.write_session(other.key(), record)).unwrap();
        assert!(!world.root.file(&path).exists(), "{left}");
    }
    // A link is no session of ours, and is not followed.
    std::os::unix::fs::symlink("/etc/passwd", world.root.file(&path)).unwrap();
    assert!(!matches!(block_on(world.store.session(&secret.key())), Ok(Some(_))));
    let (other, record) = session(3);
    block_on(world.store.write_session(other.key(), record)).unwrap();
    assert!(world.root.file(&path).symlink_metadata().is_err());
}

#[test]
fn a_reader_knows_sessions_and_leaves_not_one_byte() {
    let world = World::new();
    let (secret, record) = session(1);
    let reader = FileReader::open(&world.root.path);
    assert_eq!(block_on(reader.session(&secret.key())).unwrap(), None);
    assert!(!world.root.file("sessions").exists());
    block_on(world.store.write_session(secret.key(), record.clone())).unwrap();
    let before = names(&world.root.file("sessions"));
    assert_eq!(block_on(reader.session(&secret.key())).unwrap(), Some(record));
    assert_eq!(names(&world.root.file("sessions")), before);
}

#[test]
fn what_a_crash_left_of_a_session_goes_when_the_store_is_next_opened() {
    let world = World::new();
    let (secret, record) = session(1);
    block_on(world.store.write_session(secret.key(), record.clone())).unwrap();
    let name = format!("{}.session", secret.key().digest);
    world.root.write(&format!("sessions/{name}.7-1.tmp"), "{");
    let again = world.root.open();
    assert_eq!(names(&world.root.file("sessions")), [name]);
    assert_eq!(block_on(again.session(&secret.key())).unwrap(), Some(record), "and those that are whole go on");
}
