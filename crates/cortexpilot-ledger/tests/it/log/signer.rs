//! Signing while others write: what it goes on from, what it refuses, and that two who sign make one log.

use std::sync::atomic::{AtomicBool, Ordering};

use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::port::conformance::{Ask, block_on, soon};
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_ledger::log::{
    Checkpoint, DirTiles, Extent, LogError, LogTree, NoteVerifier, SignedCheckpoint, Signer, Subject, checkpoint,
    init_audit_key, prove, stored_logs,
};
use cortexpilot_ledger::repair;

use crate::support::{Root, World};

fn keyed() -> World {
    let world = World::new();
    init_audit_key(&world.root.path, Some("test.example/log"), &SeqIds::default()).unwrap();
    world
}

fn append(world: &World, name: &str) {
    block_on(Ask::of(name).enqueue(&world.store));
}

fn size(signer: &mut Signer) -> u64 {
    signer.sign(Extent::Durable).unwrap()[0].stored.checkpoint.checkpoint().size
}

fn stored(root: &Root) -> (NoteVerifier, Checkpoint) {
    let stored = stored_logs(&root.path).unwrap()[0].1.clone().unwrap();
    (stored.key, stored.checkpoint.checkpoint().clone())
}

/// What the first `size` lines come to, made anew.
fn root_of(root: &Root, size: u64) -> cortexpilot_core::domain::id::Sha256Digest {
    let mut tree = LogTree::new();
    for line in root.lines().iter().take(usize::try_from(size).unwrap()) {
        tree.append_line(line.as_bytes());
    }
    tree.root()
}

#[test]
fn each_checkpoint_continues_the_one_before_and_is_that_of_the_lines() {
    let world = keyed();
    let mut signer = Signer::new(&world.root.path);
    assert_eq!(size(&mut signer), 0);
    for number in 0..300_u64 {
        append(&world, &format!("run_{number:03}"));
        if number % 7 == 0 || number > 250 {
            assert_eq!(size(&mut signer), number + 1, "with a store that writes and holds no lock");
        }
    }
    assert_eq!(size(&mut signer), 300);
    let text = world.root.read("log/queue.jsonl/checkpoint");
    assert_eq!(size(&mut signer), 300);
    assert_eq!(world.root.read("log/queue.jsonl/checkpoint"), text, "nothing new, nothing signed");
    assert_eq!(stored(&world.root).1.root, root_of(&world.root, 300));
    let proven = prove(&world.root.path, Subject::Line(17)).unwrap();
    proven.receipt.verify(&proven.line, &stored(&world.root).0).unwrap();
    assert!(proven.tiles_served);
}

#[test]
fn another_process_goes_on_from_the_note_and_believes_none_that_is_wrong() {
    let world = keyed();
    for number in 0..5 {
        append(&world, &format!("run_{number}"));
    }
    assert_eq!(size(&mut Signer::new(&world.root.path)), 5);
    let note = String::from_utf8(world.root.read("log/queue.jsonl/position")).unwrap();
    let ends = world.root.queue().len();
    assert_eq!(note, format!("5 lines end at {ends}\n"));
    let first = world.root.lines()[0].len() + 1;
    for wrong in [
        String::new(),
        "nonsense".into(),
        format!("4 lines end at {ends}\n"),
        format!("5 lines end at {first}\n"),
        format!("5 lines end at {}\n", ends - 1),
        "5 lines end at 0\n".into(),
        format!("5 lines end at {}\n", u64::MAX),
        note.clone(),
    ] {
        world.root.write("log/queue.jsonl/position", &wrong);
        let before = stored(&world.root).1;
        append(&world, &format!("run_more_{}", before.size));
        assert_eq!(size(&mut Signer::new(&world.root.path)), before.size + 1, "{wrong:?}");
        let now = stored(&world.root).1;
        assert_eq!(now.root, root_of(&world.root, now.size), "{wrong:?}");
        // The next round begins with the note that was given here.
        world.root.write("log/queue.jsonl/position", &note);
    }
}

#[test]
fn who_goes_on_from_the_note_reads_none_of_the_lines_before_it() {
    let world = keyed();
    for number in 0..5 {
        append(&world, &format!("run_{number}"));
    }
    assert_eq!(size(&mut Signer::new(&world.root.path)), 5);
    // Nobody who read it would go on. The scrub and the next start find it; what was signed is not what it says now.
    let mut bytes = world.root.read("queue.jsonl");
    let at = world.root.lines()[0].len() + 30;
    bytes[at] ^= 1;
    world.root.write("queue.jsonl", &bytes);
    assert_eq!(size(&mut Signer::new(&world.root.path)), 5);
    let found = Signer::from_the_first_line(&world.root.path).sign(Extent::Durable);
    assert!(matches!(found, Err(LogError::Damaged { file: "queue.jsonl", damage }) if damage.line == 2));
}

#[test]
fn killed_between_the_tiles_and_the_checkpoint_whoever_comes_next_goes_on() {
    let world = keyed();
    append(&world, "run_a");
    assert_eq!(size(&mut Signer::new(&world.root.path)), 1);
    for number in 0..300 {
        append(&world, &format!("run_{number:03}"));
    }
    let dir = world.root.file("log/queue.jsonl");
    let tiles = DirTiles::new(&dir);
    let mut tree = LogTree::new();
    for line in world.root.lines() {
        tree.append_line(line.as_bytes());
    }
    for (tile, hashes) in tree.take_full() {
        tiles.put(tile, &hashes).unwrap();
    }
    for (tile, hashes) in tree.partial() {
        tiles.put(tile, hashes).unwrap();
    }
    for left in ["checkpoint.part", "position.part"] {
        std::fs::write(dir.join(left), "half").unwrap();
    }
    append(&world, "run_z");
    assert_eq!(size(&mut Signer::new(&world.root.path)), 302);
    // And killed between the checkpoint and the note.
    world.root.write("log/queue.jsonl/position", "1 lines end at 9\n");
    append(&world, "run_zz");
    assert_eq!(size(&mut Signer::new(&world.root.path)), 303);
    assert_eq!(stored(&world.root).1.root, root_of(&world.root, 303));
}

#[test]
fn two_that_sign_at_once_beside_a_writer_make_one_log_that_only_grows() {
    let world = keyed();
    let done = AtomicBool::new(false);
    let seen: Vec<Vec<String>> = std::thread::scope(|scope| {
        let signers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut signer = Signer::new(&world.root.path);
                    let mut seen = Vec::new();
                    loop {
                        let last = done.load(Ordering::SeqCst);
                        let states = signer.sign(Extent::Durable).unwrap();
                        seen.push(states[0].stored.checkpoint.to_string());
                        if last {
                            return seen;
                        }
                    }
                })
            })
            .collect();
        for number in 0..120 {
            append(&world, &format!("run_{number:03}"));
        }
        done.store(true, Ordering::SeqCst);
        signers.into_iter().map(|signer| signer.join().unwrap()).collect()
    });
    let key = stored(&world.root).0;
    let mut total = 0;
    for seen in &seen {
        let mut before = 0;
        for text in seen {
            let signed = SignedCheckpoint::open(text.as_bytes(), &key).unwrap();
            let Checkpoint { size, root, .. } = signed.checkpoint();
            assert!(*size >= before, "smaller than before");
            assert_eq!(*root, root_of(&world.root, *size), "each is of the same log");
            before = *size;
            total += 1;
        }
        assert_eq!(before, 120);
    }
    println!("figure: {total} checkpoints by two signers beside 120 appends");
}

#[test]
fn signing_waits_for_nobody_who_holds_the_ledgers_lock() {
    let world = keyed();
    append(&world, "run_a");
    let lock = std::fs::File::open(world.root.file("ledger.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(size(&mut Signer::new(&world.root.path)), 1);
    let states = Signer::from_the_first_line(&world.root.path).sign(Extent::Everything).unwrap();
    assert_eq!(
        states[0].stored.checkpoint.checkpoint().size,
        1,
        "not even for everything, where nothing is left behind"
    );
}

#[test]
fn an_older_checkpoint_that_was_put_back_is_continued_and_one_of_another_log_is_not() {
    let world = keyed();
    let mut signer = Signer::new(&world.root.path);
    append(&world, "run_a");
    assert_eq!(size(&mut signer), 1);
    let older = world.root.read("log/queue.jsonl/checkpoint");
    append(&world, "run_b");
    append(&world, "run_c");
    assert_eq!(size(&mut signer), 3);
    world.root.write("log/queue.jsonl/checkpoint", &older);
    append(&world, "run_d");
    assert_eq!(size(&mut signer), 4);
    assert_eq!(stored(&world.root).1.root, root_of(&world.root, 4));

    // Same key, same name, other lines: somebody's own signature, and this ledger does not continue it.
    let other = keyed();
    for name in ["run_x", "run_y"] {
        append(&other, name);
    }
    checkpoint(&other.root.path).unwrap();
    let foreign = other.root.read("log/queue.jsonl/checkpoint");
    world.root.write("log/queue.jsonl/checkpoint", &foreign);
    append(&world, "run_e");
    let refused = signer.sign(Extent::Durable);
    assert!(matches!(refused, Err(LogError::Damaged { file: "queue.jsonl", .. })), "{refused:?}");
    assert_eq!(world.root.read("log/queue.jsonl/checkpoint"), foreign, "nothing was signed over it");
}

#[test]
fn without_a_key_or_with_another_or_on_damage_nothing_is_signed() {
    let world = keyed();
    append(&world, "run_a");
    let mut signer = Signer::new(&world.root.path);
    assert_eq!(size(&mut signer), 1);
    let before = world.root.read("log/queue.jsonl/checkpoint");
    let other = world.root.read("log/decisions.jsonl/checkpoint");
    let key = world.root.read("keys/audit.key");
    append(&world, "run_b");

    std::fs::remove_file(world.root.file("keys/audit.key")).unwrap();
    assert!(matches!(signer.sign(Extent::Durable), Err(LogError::NoKey)));
    init_audit_key(&world.root.path, Some("someone.else"), &SeqIds::default()).unwrap();
    assert!(matches!(signer.sign(Extent::Durable), Err(LogError::OtherKey { .. })));
    world.root.write("keys/audit.key", &key);

    let sound = world.root.read("queue.jsonl");
    let mut bad = sound.clone();
    let end = bad.len();
    bad[end - 100] ^= 1;
    world.root.write("queue.jsonl", &bad);
    let refused = signer.sign(Extent::Durable);
    assert!(matches!(&refused, Err(LogError::Damaged { damage, .. }) if damage.line == 2), "{refused:?}");
    let cut = sound.len() - world.root.lines()[1].len() - 1;
    world.root.write("queue.jsonl", &sound[..cut - 10]);
    assert!(signer.sign(Extent::Durable).is_err(), "shorter than its checkpoint");
    assert_eq!(world.root.read("log/queue.jsonl/checkpoint"), before);
    assert_eq!(world.root.read("log/decisions.jsonl/checkpoint"), other, "nor the other file");

    world.root.write("queue.jsonl", &sound);
    assert_eq!(size(&mut signer), 2, "and it goes on when it is put right");
}

#[test]
fn after_a_repair_the_same_signer_signs_the_new_log_under_its_own_name() {
    let world = keyed();
    append(&world, "run_a");
    append(&world, "run_b");
    let mut signer = Signer::new(&world.root.path);
    assert_eq!(size(&mut signer), 2);
    let root = world.root;
    drop(world.store);
    let first = root.lines()[0].clone();
    root.write("queue.jsonl", format!("{first}\n"));
    assert!(signer.sign(Extent::Durable).is_err());
    let reason = Reason::parse("Put back from an old copy.").unwrap().unwrap();
    repair(&root.path, &reason, "local:alice", soon(100)).unwrap();
    let states = signer.sign(Extent::Durable).unwrap();
    let Checkpoint { origin, size, .. } = states[0].stored.checkpoint.checkpoint();
    assert_eq!((origin.contains("/queue.jsonl/after-"), *size), (true, 1));
    let world = World::on(root);
    append(&world, "run_c");
    // Another process learns the name from the first line alone.
    let states = Signer::new(&world.root.path).sign(Extent::Durable).unwrap();
    assert_eq!(states[0].stored.checkpoint.checkpoint().origin, *origin);
    assert_eq!(states[0].stored.checkpoint.checkpoint().size, 2);
}

#[test]
fn rotten_tiles_are_made_anew_by_whoever_reads_from_the_first_line() {
    let world = keyed();
    for number in 0..300 {
        append(&world, &format!("run_{number:03}"));
    }
    assert_eq!(size(&mut Signer::new(&world.root.path)), 300);
    let tile = "log/queue.jsonl/tile/0/000";
    let good = world.root.read(tile);
    world.root.write(tile, vec![7; good.len()]);
    append(&world, "run_z");
    assert_eq!(size(&mut Signer::new(&world.root.path)), 301, "the right edge is enough to go on");
    assert!(!prove(&world.root.path, Subject::Line(3)).unwrap().tiles_served);
    let states = Signer::from_the_first_line(&world.root.path).sign(Extent::Durable).unwrap();
    assert_eq!(states[0].stored.checkpoint.checkpoint().size, 301);
    assert_eq!(world.root.read(tile), good);
    assert!(prove(&world.root.path, Subject::Line(3)).unwrap().tiles_served);
}
