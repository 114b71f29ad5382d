//! Every cut of the last line of either file, whatever that line says: it was never acknowledged, so the next process sets
//! it aside and goes on; a line that lacks only its newline is kept. What stands before it is not touched.

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::{ApprovalPolicy, Command, Decide};
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{
    Ask, agent, approve, block_on, cancel, claim, complete, execute, govern, lease, person, soon,
};
use cortexpilot_ledger::{FileReader, verify};

use crate::support::{Root, World};

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
    println!(
        "figure: {cuts} cuts of the last line ({bytes} bytes in nine kinds of lines of both files): 0 left anything by half, \
         {kept} lines that lacked at most their newline were kept"
    );
}
