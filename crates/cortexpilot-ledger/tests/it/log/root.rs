//! A runtime root with signed checkpoints: what starts on it, what does not, and what the tiles are worth.

use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{Ask, block_on, soon};
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_ledger::log::{
    DirTiles, LogError, LogTree, Subject, Trust, checkpoint, continues_kept, export, init_audit_key, prove,
    stored_logs, verify_bundle,
};
use cortexpilot_ledger::{FileReader, OpenError, Verdict, repair, verify};

use crate::support::{Root, World};

/// A sound ledger of four lines, and its key.
fn ledger() -> World {
    let world = World::new();
    for name in ["run_a", "run_b", "run_c", "run_d"] {
        block_on(Ask::of(name).enqueue(&world.store));
    }
    init_audit_key(&world.root.path, Some("test.example/log"), &SeqIds::default()).unwrap();
    world
}

/// The same with checkpoints of all it holds, and no process.
fn signed() -> Root {
    let World { store, root } = ledger();
    drop(store);
    let states = checkpoint(&root.path).unwrap();
    assert_eq!(states.iter().map(|state| state.stored.checkpoint.checkpoint().size).collect::<Vec<_>>(), [4, 0]);
    root
}

fn first(lines: &[String], count: usize) -> String {
    lines[..count].iter().map(|line| format!("{line}\n")).collect()
}

fn refused(root: &Root) -> (u64, String) {
    match root.try_open().err() {
        Some(OpenError::Checkpoint { file: "queue.jsonl", line, what }) => (line, what),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ledger_cut_back_to_an_older_valid_state_starts_no_process_that_writes() {
    let root = signed();
    let lines = root.lines();
    root.write("queue.jsonl", first(&lines, 3));
    let (line, what) = refused(&root);
    assert_eq!(line, 4);
    assert!(what.contains("does not continue its last checkpoint, which covers 4 lines; it has 3"), "{what}");
    let listing = block_on(FileReader::open(&root.path).items(&QueueFilter::default())).unwrap();
    assert_eq!((listing.items.len(), listing.problems.len()), (3, 1), "reads go on, and say so");
    let report = verify(&root.path).unwrap();
    assert_eq!(
        (report.verdict, report.files[0].damage.as_ref().map(|damage| damage.line)),
        (Verdict::Altered, Some(4))
    );
    assert!(matches!(checkpoint(&root.path), Err(LogError::Damaged { file: "queue.jsonl", .. })), "nothing is signed");

    std::fs::remove_file(root.file("queue.jsonl")).unwrap();
    assert_eq!(refused(&root).0, 1, "a file that is gone is no empty ledger");
    assert!(!root.file("queue.jsonl").exists(), "and none is made up");
    let problems = block_on(FileReader::open(&root.path).items(&QueueFilter::default())).unwrap().problems;
    assert_eq!(problems.len(), 1);

    root.write("queue.jsonl", first(&lines, 4));
    drop(root.try_open().unwrap());
}

#[test]
fn other_lines_than_were_signed_are_refused_though_they_chain() {
    let root = signed();
    let other = World::new();
    for name in ["run_a", "run_b", "run_c", "run_x", "run_y"] {
        block_on(Ask::of(name).enqueue(&other.store));
    }
    root.write("queue.jsonl", other.root.queue());
    let (line, what) = refused(&root);
    assert_eq!(line, 4);
    assert!(what.contains("the first 4 lines are not those that were signed"), "{what}");
}

#[test]
fn lines_behind_the_checkpoint_are_free_to_come_and_the_next_one_continues_it() {
    let root = signed();
    let kept = stored_logs(&root.path).unwrap()[0].1.clone().unwrap().checkpoint;
    let world = World::on(root);
    block_on(Ask::of("run_e").enqueue(&world.store));
    let error = prove(&world.root.path, Subject::Line(4)).unwrap_err();
    assert!(matches!(error, LogError::NotCovered { index: 4, size: 4 }), "{error}");
    let states = checkpoint(&world.root.path).unwrap();
    assert_eq!((states[0].before, states[0].stored.checkpoint.checkpoint().size), (Some(4), 5));
    let found = continues_kept(&world.root.path, kept.to_string().as_bytes(), &[]).unwrap();
    assert_eq!(found[0].problem, None);
    assert_eq!(checkpoint(&world.root.path).unwrap()[0].stored.checkpoint, states[0].stored.checkpoint, "once");
    block_on(Ask::of("run_f").enqueue(&world.store));
    assert_eq!(world.reopen().root.lines().len(), 6);
}

#[test]
fn a_last_signed_line_that_lost_only_its_newline_is_completed_and_a_cut_one_is_not_touched() {
    let root = signed();
    let whole = root.read("queue.jsonl");
    root.write("queue.jsonl", &whole[..whole.len() - 1]);
    drop(root.try_open().unwrap());
    assert_eq!(root.read("queue.jsonl"), whole);
    let cut = &whole[..whole.len() - 40];
    root.write("queue.jsonl", cut);
    assert_eq!(refused(&root).0, 4);
    assert_eq!(root.read("queue.jsonl"), cut, "what was signed is never cut off");
}

#[test]
fn killed_between_the_tiles_and_the_checkpoint_the_old_one_serves_on() {
    let root = signed();
    let world = World::on(root);
    for number in 0..300 {
        block_on(Ask::of(&format!("run_{number:03}")).enqueue(&world.store));
    }
    let (root, dir) = (&world.root, world.root.file("log/queue.jsonl"));
    // What a checkpoint writes before it is signed.
    let mut tree = LogTree::new();
    for line in root.lines() {
        tree.append_line(line.as_bytes());
    }
    let tiles = DirTiles::new(&dir);
    for (tile, hashes) in tree.take_full() {
        tiles.put(tile, &hashes).unwrap();
    }
    for (tile, hashes) in tree.partial() {
        tiles.put(tile, hashes).unwrap();
    }
    std::fs::write(dir.join("checkpoint.part"), "half").unwrap();
    let key = stored_logs(&root.path).unwrap()[0].1.clone().unwrap().key;
    let proven = prove(&root.path, Subject::Line(2)).unwrap();
    assert_eq!(proven.receipt.verify(&proven.line, &key).unwrap().checkpoint().size, 4);
    drop(root.try_open().unwrap());
    assert_eq!(checkpoint(&root.path).unwrap()[0].stored.checkpoint.checkpoint().size, 304);
    let proven = prove(&root.path, Subject::Line(299)).unwrap();
    assert_eq!(proven.receipt.verify(&proven.line, &key).unwrap().checkpoint().size, 304);
}

#[test]
fn tiles_that_are_lost_or_rotten_cost_no_receipt_and_are_made_anew() {
    let root = signed();
    let tile = root.file("log/queue.jsonl/tile/0/000.p/4");
    let good = std::fs::read(&tile).unwrap();
    for spoil in [None, Some(vec![7; good.len()])] {
        match &spoil {
            None => std::fs::remove_file(&tile).unwrap(),
            Some(bytes) => std::fs::write(&tile, bytes).unwrap(),
        }
        let id: String = serde_json::from_str::<serde_json::Value>(&root.lines()[1]).unwrap()["queue_id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(prove(&root.path, Subject::Item(&id)).unwrap().receipt.index, 1);
        checkpoint(&root.path).unwrap();
        assert_eq!(std::fs::read(&tile).unwrap(), good);
    }
}

#[test]
fn a_repair_begins_another_log_and_sets_the_old_one_aside() {
    let root = signed();
    let lines = root.lines();
    let kept = stored_logs(&root.path).unwrap()[0].1.clone().unwrap().checkpoint;
    root.write("queue.jsonl", first(&lines, 2));
    let reader = FileReader::open(&root.path);
    assert_eq!(block_on(reader.items(&QueueFilter::default())).unwrap().problems.len(), 1);
    let reason = Reason::parse("Restored from an old backup.").unwrap().unwrap();
    let report = repair(&root.path, &reason, "local:alice", soon(100)).unwrap();
    assert_eq!((report.files.len(), report.lost.len()), (1, 2));
    let aside = root.file("log").join(&report.files[0].kept_as);
    assert_eq!(std::fs::read_to_string(aside.join("checkpoint")).unwrap(), kept.to_string());
    assert_eq!(block_on(reader.items(&QueueFilter::default())).unwrap().problems, [], "a reader goes on by itself");
    drop(root.try_open().unwrap());
    let states = checkpoint(&root.path).unwrap();
    let origin = &states[0].stored.checkpoint.checkpoint().origin;
    let sha = report.files[0].damaged_sha256.to_string();
    assert_eq!(origin, &format!("test.example/log/queue.jsonl/after-{}", &sha[..12]));
    let found = continues_kept(&root.path, kept.to_string().as_bytes(), &[]).unwrap();
    assert!(found[0].problem.as_deref().unwrap().contains("repaired"), "{found:?}");
}

#[test]
fn what_cannot_be_verified_is_not_taken_for_no_checkpoint() {
    for (file, bytes) in [
        ("log/queue.jsonl/checkpoint", Some("nonsense\n")),
        ("log/queue.jsonl/key", Some("nonsense\n")),
        ("log/queue.jsonl/key", None),
    ] {
        let root = signed();
        let good = root.read(file);
        match bytes {
            Some(bytes) => root.write(file, bytes),
            None => std::fs::remove_file(root.file(file)).unwrap(),
        }
        assert!(refused(&root).1.contains("cannot be held against the last checkpoint"), "{file}");
        assert_eq!(verify(&root.path).unwrap().verdict, Verdict::Altered, "{file}");
        root.write(file, good);
        drop(root.try_open().unwrap());
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_checkpoint_or_its_key_is_found() {
    let root = signed();
    for file in ["log/queue.jsonl/checkpoint", "log/queue.jsonl/key"] {
        let good = root.read(file);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            root.write(file, &bad);
            assert!(matches!(stored_logs(&root.path), Err(LogError::Stored(_))), "{file}: byte {at}");
        }
        root.write(file, good);
    }
    stored_logs(&root.path).unwrap();
}

#[test]
fn a_key_that_did_not_sign_before_or_that_others_may_read_signs_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = signed();
    let before = root.read("log/queue.jsonl/checkpoint");
    std::fs::set_permissions(root.file("keys/audit.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(checkpoint(&root.path), Err(LogError::Key(_))));
    std::fs::remove_file(root.file("keys/audit.key")).unwrap();
    assert!(matches!(checkpoint(&root.path), Err(LogError::NoKey)));
    init_audit_key(&root.path, Some("someone.else"), &SeqIds::default()).unwrap();
    assert!(matches!(checkpoint(&root.path), Err(LogError::OtherKey { .. })));
    assert_eq!(root.read("log/queue.jsonl/checkpoint"), before);
    drop(root.try_open().unwrap());
}

#[test]
fn one_key_vouches_for_both_files_in_a_bundle_and_a_strangers_for_none() {
    let root = signed();
    let (bundle, _) = export(&root.path, Vec::new()).unwrap();
    let key = stored_logs(&root.path).unwrap()[0].1.clone().unwrap().key;
    let report = verify_bundle(&bundle[..], Trust::Keys(&[key]), |_, _| ()).unwrap();
    assert_eq!(report.sections.iter().map(|section| section.lines).collect::<Vec<_>>(), [4, 0]);
    let stranger = Root::new();
    let other = init_audit_key(&stranger.path, Some("test.example/other"), &SeqIds::default()).unwrap();
    let other = other.signer("queue.jsonl", None).verifier();
    assert!(verify_bundle(&bundle[..], Trust::Keys(&[other]), |_, _| ()).is_err());
}
