//! Sealing that fails or stops at any step, beside a reader and another writer that go on, and power that fails then.

use super::*;

/// Says whether the fault struck.
fn strike(fault: Fault, n: i64, half: bool) -> bool {
    let place = format!("{fault:?} at {n}, half {half}");
    let root = Root::new();
    let faults = Faults::over_medium(i64::MAX, fault, false);
    let plain = root.open(faults.disk()).unwrap();
    for (second, run) in [(1, "run_a"), (3, "run_b"), (5, "run_c")] {
        let item = block_on(Ask::of(run).at(second).enqueue(&plain));
        block_on(execute(&plain, cancel(item.queue_id(), soon(second + 1))));
    }
    drop(plain);
    let reader = crate::FileReader::open(&root.path);
    let mut acknowledged = items(&reader);
    let other = root.open(faults.beside(false).disk()).unwrap();
    let root = Root { segments: SegmentRule { bytes: Some(1), age: None }, ..root };
    let store = root.open(faults.disk()).unwrap();

    // Each is carried out when the sealing behind the one before is over.
    let commands = [("run_d", 20), ("run_e", 21)].map(|(run, second)| {
        let ask = Ask::of(run).at(second);
        let nobody_has_it = cortexpilot_core::port::fake::MemStore::default();
        ask.command(block_on(ask.preview(&nobody_has_it)))
    });
    faults.arm(n);
    for command in commands {
        if let Ok(Verdict::Enqueued(item)) = block_on(store.execute(command)) {
            acknowledged.push(item);
        }
    }
    let Verdict::Enqueued(item) = block_on(Ask::of("run_f").at(22).apply(&other)) else { panic!("{place}") };
    acknowledged.push(item);
    drop(store);
    let Verdict::Enqueued(item) = block_on(Ask::of("run_g").at(23).apply(&other)) else { panic!("{place}") };
    acknowledged.push(item);
    let all_there = |listed: Vec<QueueItem>| {
        for item in &acknowledged {
            assert!(listed.contains(item), "{place}: {} is not there", item.queue_id());
        }
    };
    all_there(items(&reader));
    all_there(items(&other));
    let struck = faults.struck();
    drop(other);
    let written = root.whole(FileKind::Queue);

    let dirs = [root.path.clone(), root.path.join("contracts"), root.path.join("segments")];
    faults.lose_power(&dirs, half).unwrap();
    let next = root.sound();
    all_there(items(&next));
    let Verdict::Enqueued(_) = block_on(Ask::of("run_h").at(24).apply(&next)) else { panic!("{place}") };
    for item in items(&next).iter().filter(|item| item.is_pending()) {
        block_on(execute(&next, cancel(item.queue_id(), soon(25))));
    }
    drop(next);
    assert!(root.whole(FileKind::Queue).starts_with(&written) || !struck || half, "{place}");
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound, "{place}");
    assert!(std::fs::read_dir(root.path.join("segments")).unwrap().count() > 0, "{place}: what failed is tried again");
    struck
}

#[test]
fn whatever_step_of_sealing_fails_or_stops_others_go_on_and_nothing_acknowledged_is_lost() {
    for fault in [Fault::Fail, Fault::Stop, Fault::Errno(28)] {
        for half in [false, true] {
            let strikes = (0..).take_while(|n| strike(fault, *n, half)).count();
            assert!(strikes > 15, "{fault:?} struck at {strikes} places");
        }
    }
}

#[test]
fn a_name_that_may_not_last_is_made_durable_before_anything_is_written_behind_it() {
    let mut found = 0;
    for n in 0..12 {
        let root = Root::sealing();
        let faults = Faults::later(Fault::Fail, Step::Sync);
        let store = root.open(faults.disk()).unwrap();
        let item = block_on(Ask::of("run_a").enqueue(&store));
        faults.arm(n);
        let cancelled = block_on(store.execute(cancel(item.queue_id(), soon(1))));
        // It is judged when the sealing is over.
        let next = block_on(store.execute(claim(soon(2))));
        let Some(why) = store.failed().filter(|why| why.contains("sealing the beginning of the ledger")) else {
            continue;
        };
        found += 1;
        assert!(cancelled.is_ok(), "what was acknowledged before is");
        assert!(why.contains("restart") && matches!(next, Err(StoreError::Unavailable(_))), "{why}: {next:?}");
        assert_eq!(String::from_utf8(root.read("queue.jsonl")).unwrap().lines().count(), 1, "it is sealed");
        let syncs = [0, 1].map(|_| {
            let counting = Faults::at(i64::MAX, Fault::Fail);
            drop(root.open(counting.disk()).unwrap());
            counting.syncs()
        });
        assert!(syncs[0] > syncs[1], "who opens next syncs the name, once: {syncs:?}");
        let store = root.sound();
        block_on(Ask::of("run_b").at(3).enqueue(&store));
        assert_eq!((items(&store).len(), verify(&root.path).unwrap().verdict), (2, Sound::Sound));
    }
    assert_eq!(found, 1, "there is one such moment");
}

#[test]
fn a_repair_of_a_sealed_ledger_can_be_interrupted_anywhere_and_run_again() {
    let reason = Reason::parse("A test changed it.").unwrap().unwrap();
    for fault in KILLING {
        for n in 0.. {
            let root = Root::sealing();
            let store = root.sound();
            for run in ["run_a", "run_b"] {
                let item = block_on(Ask::of(run).enqueue(&store));
                block_on(execute(&store, cancel(item.queue_id(), soon(1))));
            }
            drop(store);
            let whole = root.whole(FileKind::Queue);
            let damaged = String::from_utf8(root.read("queue.jsonl")).unwrap().replace("Not needed", "Not Needed");
            assert_ne!(damaged.as_bytes(), root.read("queue.jsonl"));
            root.write("queue.jsonl", &damaged);
            let faults = Faults::at(n, fault);
            let first = repair_on(&root.path, &reason, "local:alice", soon(9), &faults.disk());
            let again = repair_on(&root.path, &reason, "local:alice", soon(9), &Disk::default());
            match (&first, &again) {
                (Ok(_), Err(RepairError::Sound)) | (Err(_), Ok(_) | Err(RepairError::Sound)) => {}
                other => panic!("{fault:?} at {n}: {other:?}"),
            }
            let report = verify(&root.path).unwrap();
            assert_eq!(report.verdict, Sound::Sound, "{fault:?} at {n}");
            let repaired = report.files[0].repaired.clone().unwrap();
            let twelve = &repaired.damaged_sha256.to_string()[..12];
            let aside = root.path.join(format!("segments.damaged-{twelve}"));
            assert!(aside.is_dir() && !root.path.join("segments").exists(), "{fault:?} at {n}");
            let mut names: Vec<_> = std::fs::read_dir(&aside).unwrap().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            let mut kept: Vec<u8> = names.iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
            kept.extend(root.read(&repaired.kept_as));
            assert_eq!(cortexpilot_core::domain::id::Sha256Digest::of(&kept), repaired.damaged_sha256);
            assert_eq!(kept.len(), whole.len(), "{fault:?} at {n}: the evidence is whole");
            // And the new ledger is sealed like any other.
            let store = root.sound();
            let item = block_on(Ask::of("run_c").at(10).enqueue(&store));
            block_on(execute(&store, cancel(item.queue_id(), soon(11))));
            drop(store);
            assert!(root.path.join("segments").is_dir());
            assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
            if !faults.struck() {
                assert!(first.is_ok() && n > 8);
                break;
            }
        }
    }
}

#[test]
fn who_has_read_the_ledger_does_not_read_it_again_when_another_seals_it() {
    let root = Root::sealing();
    let other = root.sound();
    let store = root.sound();
    let mut began = None;
    for n in 0..4 {
        let item = block_on(Ask::of(&format!("run_{n}")).at(2 * n).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(2 * n + 1))));
        assert_eq!(items(&other).len(), usize::try_from(n).unwrap() + 1);
        let restarts = other.engine().read().queue_file.restarts;
        assert_eq!(*began.get_or_insert(restarts), restarts);
    }
    drop(store);
    assert_eq!(items(&other).len(), 4);
    let shared = other.engine().read();
    assert_eq!((shared.queue_file.chain.lines, Some(shared.queue_file.restarts)), (8, began));
    assert!(shared.queue_file.base() > 0, "it reads the file that is left");
}
