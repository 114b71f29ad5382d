//! Every cut of the last line of either file, whatever that line says: it was never acknowledged, so the next process sets
//! it aside and goes on; a line that lacks only its newline is kept. What stands before it is not touched.

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::{ApprovalPolicy, Command, Decide};
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{
    Ask, agent, approve, block_on, cancel, claim, complete, execute, govern, lease, person, soon,
};
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_ledger::log::{checkpoint, init_audit_key};
use cortexpilot_ledger::{FileReader, OpenError, verify};

use crate::support::{Root, World, sized};

const FILES: [&str; 2] = ["queue.jsonl", "decisions.jsonl"];

/// Both files as they are, the first of which is `queue.jsonl`.
type Files = [Vec<u8>; 2];

fn files(root: &Root) -> Files {
    FILES.map(|name| root.read(name))
}

/// The files before and after each of these: a refusal, a freeze, its end, an enqueue, a claim, a completion, a cancel, a
/// request and its approval.
fn story() -> Vec<(&'static str, Files, Files)> {
    let world = World::on(Root::quick());
    let store = &world.store;
    let mut steps = Vec::new();
    let mut step = |what: &'static str, command: Command| {
        let before = files(&world.root);
        let verdict = block_on(execute(store, command));
        steps.push((what, before, files(&world.root)));
        verdict
    };
    let apply = |ask: Ask| ask.command(block_on(ask.preview(store)));
    step("refusal", Ask::of("run_x").unseen());
    step("freeze", govern(&person("ops"), soon(1), Decide::Freeze));
    step("end of a freeze", govern(&person("ops"), soon(2), Decide::Unfreeze));
    step("enqueue", apply(Ask::of("run_a").at(3)));
    let Verdict::Claimed(claimed) = step("claim", claim(soon(4))) else { panic!("not claimed") };
    step("completion", complete(claimed.queue_id(), &lease(&claimed), soon(5)));
    let ask = Ask::of("run_c").by(agent("alice")).under(ApprovalPolicy::Operator).at(6);
    let Verdict::AwaitsApproval(wished) = step("request", apply(ask)) else { panic!("nobody is asked") };
    let Verdict::Approved(item) = step("approval", approve(&person("bob"), &wished, soon(7))) else {
        panic!("not approved")
    };
    step("cancel", cancel(item.queue_id(), soon(8)));
    steps
}

#[test]
fn every_cut_of_the_last_line_recovers_whatever_it_says() {
    let (mut cuts, mut kept, mut bytes) = (0, 0, 0);
    for (what, before, after) in story() {
        let at = usize::from(after[1].len() > before[1].len());
        let (name, old, new) = (FILES[at], &before[at], &after[at]);
        let line = &new[old.len()..];
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "{what}");
        bytes += line.len();
        for cut in 0..=line.len() {
            let place = format!("{what} cut at {cut}");
            let root = Root::quick().holding(&before[0]);
            root.write("decisions.jsonl", &before[1]);
            root.write(name, [old, &line[..cut]].concat());
            // A reader sees what is whole and writes nothing.
            let seen = block_on(FileReader::open(&root.path).health()).unwrap();
            assert_eq!(seen.refuses_writes, None, "{place}");
            assert_eq!(seen.lines as usize, root.read("queue.jsonl").iter().filter(|byte| **byte == b'\n').count());
            assert_eq!(root.names(), ["decisions.jsonl", "queue.jsonl"], "{place}");

            let world = World::on(root);
            let whole = cut + 1 >= line.len();
            let settled = files(&world.root);
            assert_eq!(&settled[at], if whole { new } else { old }, "{place}");
            assert_eq!(settled[1 - at], before[1 - at], "{place}: the other file is not touched");
            let aside = world.root.names().into_iter().filter(|name| name.contains(".torn-")).collect::<Vec<_>>();
            if whole || cut == 0 {
                assert_eq!(aside, [""; 0], "{place}");
            } else {
                assert_eq!(aside, [format!("{name}.torn-{}", old.len())], "{place}");
                assert_eq!(world.root.read(&aside[0]), line[..cut], "{place}: what was cut off is kept");
            }
            if cut % 16 == 0 || whole {
                // Whoever comes next goes on.
                let thaw = block_on(execute(&world.store, govern(&person("ops"), soon(9), Decide::Unfreeze)));
                assert!(matches!(thaw, Verdict::Recorded(_)), "{place}: {thaw:?}");
                block_on(Ask::of("run_z").at(10).enqueue(&world.store));
                let report = verify(&world.root.path).unwrap();
                // The contracts of the story's items are not here, and not the matter.
                assert!(report.files.iter().all(|file| file.damage.is_none() && file.torn.is_none()), "{place}");
            }
            cuts += 1;
            kept += usize::from(whole && cut > 0);
        }
    }
    assert!(cuts > 3_000, "{cuts}");
    println!("fired: {cuts} cuts");
    println!(
        "figure: {cuts} cuts of the last line ({bytes} bytes in nine kinds of lines of both files): 0 left anything by half, \
         {kept} lines that lacked at most their newline were kept"
    );
}

/// A ledger of five lines, and where each of its last three begins.
fn five_lines() -> (Root, Vec<u8>, Vec<usize>) {
    let world = World::on(Root::quick());
    for nth in 0..5 {
        block_on(Ask::of(&format!("run_{nth}")).at(nth).enqueue(&world.store));
    }
    let World { store, root } = world;
    drop(store);
    let bytes = root.read("queue.jsonl");
    let mut begins: Vec<usize> = (1..bytes.len()).filter(|at| bytes[at - 1] == b'\n').collect();
    begins.drain(..begins.len() - 3);
    (root, bytes, begins)
}

/// Lengths at which the last three lines are cut: in a long campaign every one, else every sixteenth and all around a line's
/// end.
fn lengths(bytes: &[u8], begins: &[usize]) -> Vec<usize> {
    let every = sized(16, 1);
    let near = |at: usize| begins.iter().chain([&bytes.len()]).any(|end| at.abs_diff(*end) <= 2);
    (begins[0]..=bytes.len()).filter(|at| at.is_multiple_of(every) || near(*at)).collect()
}

/// Three lines of a writer that died before they were durable, as its mark says: whatever came through of them, whole lines
/// are kept and the torn one is set aside. None of them was acknowledged.
#[test]
fn every_cut_of_three_lines_that_were_not_acknowledged_leaves_whole_lines() {
    let (root, bytes, begins) = five_lines();
    let contracts = std::fs::read_dir(root.file("contracts")).unwrap().flatten().map(|entry| entry.path());
    let contracts: Vec<_> = contracts.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    drop(root);
    let (mut cuts, mut torn) = (0, 0);
    for length in lengths(&bytes, &begins) {
        let place = format!("cut at {length} of {}", bytes.len());
        let root = Root::quick().holding(&bytes[..length]);
        // Without a lock file nothing is known to be durable: the same as a mark in front of everything.
        std::fs::create_dir(root.file("contracts")).unwrap();
        for (path, contract) in &contracts {
            std::fs::write(root.file("contracts").join(path.file_name().unwrap()), contract).unwrap();
        }
        let world = World::on(root);
        let settled = world.root.read("queue.jsonl");
        let whole = bytes[..length].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        // A line that lacks only its newline verifies: it is kept.
        let kept = if bytes.get(length) == Some(&b'\n') { length + 1 } else { whole };
        assert_eq!(settled, bytes[..kept], "{place}");
        let aside = world.root.read(&format!("queue.jsonl.torn-{whole}"));
        assert_eq!(aside, if kept == whole { &bytes[whole..length] } else { b"" }, "{place}");
        block_on(Ask::of("run_z").at(9).enqueue(&world.store));
        assert_eq!(block_on(world.store.health()).unwrap().refuses_writes, None, "{place}");
        torn += usize::from(!aside.is_empty());
        cuts += 1;
    }
    println!("fired: {cuts} cuts");
    println!(
        "figure: {cuts} cuts of the last three lines ({} bytes), none of them acknowledged: whole lines kept each time, {torn} \
         torn ones set aside, 0 there by half",
        bytes.len() - begins[0]
    );
}

/// Three lines that were acknowledged and signed: each cut is found, and nothing starts on it; but for one that takes only
/// the last newline, which is put back.
#[test]
fn every_cut_of_three_signed_lines_is_found() {
    let (root, bytes, begins) = five_lines();
    init_audit_key(&root.path, Some("test.example/log"), &SeqIds::default()).unwrap();
    checkpoint(&root.path).unwrap();
    let (mut found, mut harmless) = (0, 0);
    for length in lengths(&bytes, &begins).into_iter().filter(|length| *length < bytes.len()) {
        root.write("queue.jsonl", &bytes[..length]);
        let refuses = block_on(FileReader::open(&root.path).health()).unwrap().refuses_writes;
        match root.try_open() {
            Err(OpenError::Checkpoint { file: "queue.jsonl", .. }) => {
                assert!(refuses.is_some(), "cut at {length}: a reader says nothing");
                assert_eq!(
                    root.read("queue.jsonl"),
                    bytes[..length],
                    "cut at {length}: what was signed is never cut off"
                );
                found += 1;
            }
            Ok(store) => {
                drop(store);
                assert_eq!((length + 1, root.read("queue.jsonl")), (bytes.len(), bytes.clone()), "cut at {length}");
                harmless += 1;
            }
            Err(other) => panic!("cut at {length}: {other}"),
        }
    }
    assert_eq!(harmless, 1);
    println!("fired: {} cuts", found + harmless);
    println!(
        "figure: {} cuts of three signed lines: {found} found, {harmless} harmless (its newline was put back), 0 missed",
        found + harmless
    );
}

/// The control: it is the checkpoint that finds a ledger which ends with an earlier line. Without one such a cut looks like a
/// ledger that was always so.
#[test]
fn without_a_checkpoint_a_cut_between_two_lines_is_missed() {
    let (root, bytes, begins) = five_lines();
    let mut missed = 0;
    for begin in &begins {
        root.write("queue.jsonl", &bytes[..*begin]);
        missed +=
            usize::from(root.try_open().is_ok_and(|store| block_on(store.health()).unwrap().refuses_writes.is_none()));
    }
    assert_eq!(missed, begins.len());
    println!("figure: control: without a checkpoint {missed} of {} cuts between two lines were missed", begins.len());
}
