//! Two processes on one runtime root, over a medium that forgets like a real one: a flush that failed leaves its bytes clean
//! and not kept, and power can fail. One process is stopped before each change that it makes; the other goes on; then the
//! first goes on, fails, or never moves again; then power fails.

use super::*;

/// Lines that are whole.
fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// What becomes of the first process at the change before which it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    GoesOn,
    /// This change and all that it tries later fail.
    Fails,
}

/// What came of one run.
struct Came {
    struck: bool,
    /// The other process was acknowledged something while the first one stood still in the middle of a commit.
    overtook: bool,
    complaint: Option<String>,
}

/// The first process enqueues, asks for an approval, cancels and is refused; it is stopped before its n-th change of a kind.
fn interleave(only: Step, n: i64, fate: Fate, overtakes: bool, leaves_out_writing_again: bool) -> Came {
    let root = Root::new();
    let medium = Faults::over_medium(i64::MAX, Fault::Stop, false);
    let hold = medium.holding(only);
    let beside = medium.beside(leaves_out_writing_again);
    let quick = |disk: Disk| {
        let options = StoreOptions { lock_wait: Duration::ZERO, ..StoreOptions::new(&root.path) };
        FileStore::open_on(options, Arc::new(ManualClock::at(start())), disk).unwrap()
    };
    let first = root.open(hold.disk()).unwrap();
    let second = quick(beside.disk());
    let kept = block_on(Ask::of("run_first").enqueue(&first));
    let apply = |store: &FileStore, run: &str, second: i64| {
        let ask = Ask::of(run).at(second);
        ask.command(block_on(ask.preview(store)))
    };
    let commands = vec![
        apply(&first, "run_a", 1),
        Ask::of("run_x").at(2).unseen(),
        govern(&person("ops"), soon(3), Decide::SetPolicy(ApprovalPolicy::Declared)),
        cancel(kept.queue_id(), soon(4)),
        apply(&first, "run_b", 5),
    ];
    hold.arm(n);
    let mut acknowledged: Vec<String> = Vec::new();
    let mut came = Came { struck: false, overtook: false, complaint: None };
    let mut heard = |answer: &Result<Verdict, StoreError>| match answer {
        Ok(Verdict::Enqueued(item) | Verdict::AlreadyApplied(item)) => acknowledged.push(item.queue_id().to_string()),
        Ok(Verdict::Cancelled(item)) => acknowledged.push(format!("{} cancelled", item.queue_id())),
        Ok(_) | Err(StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)) => {}
        Err(other) => panic!("{other:?}"),
    };
    // What a reader may show, at any time: what the medium has.
    let look = |complaint: &mut Option<String>| {
        let reader = crate::FileReader::open(&root.path);
        let shown = block_on(reader.health()).map_or(0, |health| health.lines);
        let durable = lines(&medium.kept(&root.path.join("queue.jsonl")));
        if shown > durable {
            complaint.get_or_insert(format!("a reader shows {shown} lines, the medium has {durable}"));
        }
    };
    std::thread::scope(|scope| {
        let answers = scope.spawn(|| {
            let answers: Vec<_> = commands.into_iter().map(|command| block_on(first.execute(command))).collect();
            hold.finished();
            answers
        });
        if hold.is_held_before_the_end() {
            came.struck = true;
            for nth in 0..i64::from(overtakes) {
                let answer = block_on(second.execute(apply(&second, &format!("run_second_{nth}"), 10 + nth)));
                came.overtook |= answer.is_ok();
                heard(&answer);
                look(&mut came.complaint);
            }
            if fate == Fate::Fails {
                hold.fail_after(0);
            }
            hold.release();
        }
        answers.join().unwrap().iter().for_each(&mut heard);
    });
    look(&mut came.complaint);
    let last = block_on(second.execute(apply(&second, "run_second_last", 20)));
    heard(&last);
    look(&mut came.complaint);
    drop((first, second));
    medium.lose_power(&[root.path.clone(), root.path.join("contracts")], false).unwrap();
    came.complaint = came.complaint.or_else(|| complain(&root, &acknowledged));
    came
}

fn complain(root: &Root, acknowledged: &[String]) -> Option<String> {
    let store = match root.open(Disk::default()) {
        Ok(store) => store,
        Err(error) => return Some(format!("does not open: {error}")),
    };
    let health = block_on(store.health()).unwrap();
    if let Some(error) = health.refuses_writes {
        return Some(format!("refuses writes: {error}"));
    }
    let listed = items(&store);
    for what in acknowledged {
        let there = listed.iter().any(|item| match what.strip_suffix(" cancelled") {
            Some(id) => item.queue_id().to_string() == id && item.status() == "CANCELLED",
            None => item.queue_id().to_string() == *what,
        });
        if !there {
            return Some(format!("lost: {what}"));
        }
    }
    let report = verify(&root.path).unwrap();
    ((report.verdict, report.pins.len()) != (Sound::Sound, 0)).then(|| format!("{report:?}"))
}

/// Every change of both kinds, each time with both fates. Gives how many there were, how often the second process was
/// acknowledged something in the middle of the first one's commit, and the complaints.
fn every_change(leaves_out_writing_again: bool) -> (usize, usize, Vec<String>) {
    let (mut struck, mut overtook, mut complaints) = (0, 0, Vec::new());
    for (only, fate, overtakes) in [
        (Step::Write, Fate::GoesOn, true),
        (Step::Write, Fate::Fails, true),
        (Step::Write, Fate::Fails, false),
        (Step::Sync, Fate::GoesOn, true),
        (Step::Sync, Fate::Fails, true),
        (Step::Sync, Fate::Fails, false),
    ] {
        for n in 0.. {
            let came = interleave(only, n, fate, overtakes, leaves_out_writing_again);
            if let Some(complaint) = came.complaint {
                complaints.push(format!("{only:?} {n}, {fate:?}, overtakes {overtakes}: {complaint}"));
            }
            if !came.struck {
                break;
            }
            struck += 1;
            overtook += usize::from(came.overtook);
        }
    }
    (struck, overtook, complaints)
}

#[test]
fn while_one_process_stands_still_or_fails_at_any_change_another_loses_nothing() {
    let (struck, overtook, complaints) = every_change(false);
    assert_eq!(complaints, [""; 0]);
    assert!(struck > 20 && overtook > 4, "{struck} struck, {overtook} overtook");
    println!(
        "figure: one of two processes stopped before each of its writes and syncs ({struck} times), going on or failing after          the other had gone on ({overtook} times acknowledged in the middle of its commit), then power failed: 0          acknowledged lines lost, 0 shown that were not durable"
    );
}

/// The control: were bytes in doubt not written again, the same checker would find what a failed flush left out.
#[test]
fn where_bytes_in_doubt_are_not_written_again_the_checker_finds_lines_lost() {
    let (struck, _, complaints) = every_change(true);
    assert!(!complaints.is_empty(), "nothing found in {struck} runs");
    println!(
        "figure: control: where bytes in doubt are not written again, the same checker complained {} times of {struck}",
        complaints.len()
    );
}

/// A process that was killed between its write and its flush: its line is there, was never acknowledged, is shown to nobody
/// before another process has made it durable, and is durable then.
#[test]
fn a_line_whose_writer_was_killed_before_its_flush_becomes_durable_with_the_next_one() {
    let root = Root::new();
    let medium = Faults::over_medium(i64::MAX, Fault::Stop, false);
    let hold = medium.holding(Step::Sync);
    let beside = medium.beside(false);
    let second = root.open(beside.disk()).unwrap();
    let reader = crate::FileReader::open(&root.path);
    let killed = root.open(hold.disk()).unwrap();
    let first = block_on(Ask::of("run_a").enqueue(&killed));
    hold.arm(0);
    let cancelling = killed.execute(cancel(first.queue_id(), soon(1)));
    hold.wait_until_held();
    let pending = |store: &dyn StoreRead| items(store)[0].is_pending();
    assert_eq!(root.read("queue.jsonl").iter().filter(|byte| **byte == b'\n').count(), 2, "it was written");
    assert!(pending(&reader) && pending(&second), "and is shown to nobody");
    // From here on the first process does nothing any more that anybody could see.
    let made = block_on(Ask::of("run_b").at(2).enqueue(&second));
    assert!(!pending(&reader) && !pending(&second), "made durable by another, it is shown");
    assert_eq!(lines(&beside.kept(&root.path.join("queue.jsonl"))), 3);
    assert!(String::from_utf8(root.read("ledger.lock")).unwrap().starts_with("queue.jsonl     clear"));
    hold.fail_after(0);
    hold.release();
    assert!(matches!(block_on(cancelling), Err(StoreError::OutcomeUnknown(_))));
    assert_eq!(block_on(second.item(made.queue_id())).unwrap(), Some(made));
    assert_eq!(items(&killed), items(&second), "also to itself, when it has read it again");
}

/// What nobody else makes durable, who asks does: an answer rests on durable lines only.
#[test]
fn an_answer_that_rests_on_a_line_in_doubt_is_given_when_it_is_durable() {
    let root = Root::new();
    let medium = Faults::over_medium(i64::MAX, Fault::Stop, false);
    let hold = medium.holding(Step::Sync);
    let beside = medium.beside(false);
    let second = root.open(beside.disk()).unwrap();
    let stuck = root.open(hold.disk()).unwrap();
    let item = block_on(Ask::of("run_a").enqueue(&stuck));
    hold.arm(0);
    let claiming = stuck.execute(claim(soon(1)));
    hold.wait_until_held();
    let before = beside.syncs();
    // It writes no line of its own, and says that nothing is left, because the other has claimed it.
    assert!(matches!(block_on(second.execute(claim(soon(2)))), Ok(Verdict::NothingToClaim(_))));
    assert_eq!(beside.syncs() - before, 1, "it made the other's claim durable before it relied on it");
    assert_eq!(lines(&beside.kept(&root.path.join("queue.jsonl"))), 2);
    hold.release();
    assert!(matches!(block_on(claiming), Ok(Verdict::Claimed(claimed)) if claimed.queue_id() == item.queue_id()));
}

/// A line of the queue that was judged on a decision in doubt is not even written before that decision is durable.
#[test]
fn a_line_of_the_queue_waits_for_a_decision_in_doubt() {
    let root = Root::new();
    let medium = Faults::over_medium(i64::MAX, Fault::Stop, false);
    let hold = medium.holding(Step::Sync);
    let beside = medium.beside(false);
    let second = root.open(beside.disk()).unwrap();
    let stuck = root.open(hold.disk()).unwrap();
    block_on(Ask::of("run_a").enqueue(&stuck));
    block_on(execute(&stuck, govern(&person("ops"), soon(1), Decide::Freeze)));
    hold.arm(0);
    let thawing = stuck.execute(govern(&person("ops"), soon(2), Decide::Unfreeze));
    hold.wait_until_held();
    assert!(frozen(&crate::FileReader::open(&root.path)), "nobody is told of the thaw yet");
    let before = beside.syncs();
    beside.arm(1);
    let claimed = block_on(second.execute(claim(soon(3))));
    assert!(matches!(&claimed, Err(StoreError::OutcomeUnknown(why)) if why.contains("syncing queue")), "{claimed:?}");
    assert_eq!(beside.syncs() - before, 2, "the decisions first, then the queue, whose sync failed");
    let kept = beside.kept(&root.path.join("decisions.jsonl"));
    assert_eq!((lines(&kept), kept), (2, root.read("decisions.jsonl")), "the thaw lasts, whatever became of the claim");
    hold.release();
    assert!(matches!(block_on(thawing), Ok(Verdict::Recorded(_))));
}

/// A refusal that another process's line is the reason for is not given when that line may be lost.
#[test]
fn a_refusal_that_rests_on_a_line_in_doubt_is_not_given_when_this_process_fails() {
    let root = Root::new();
    let medium = Faults::over_medium(i64::MAX, Fault::Stop, false);
    let hold = medium.holding(Step::Sync);
    let beside = medium.beside(false);
    let second = root.open(beside.disk()).unwrap();
    let stuck = root.open(hold.disk()).unwrap();
    let item = block_on(Ask::of("run_a").enqueue(&stuck));
    hold.arm(0);
    let cancelling = stuck.execute(cancel(item.queue_id(), soon(1)));
    hold.wait_until_held();
    beside.arm(0);
    let refused = block_on(second.execute(cancel(item.queue_id(), soon(2))));
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(_))),
        "nobody knows yet whether it was cancelled: {refused:?}"
    );
    assert!(items(&second)[0].is_pending());
    hold.release();
    assert!(matches!(block_on(cancelling), Ok(Verdict::Cancelled(_))));
    assert!(!items(&second)[0].is_pending());
}

/// Another process that is faster: what it acknowledged is in what this process answers while its own flush is under way.
#[test]
fn what_another_process_acknowledged_during_a_flush_is_read_at_once() {
    let root = Root::new();
    let hold = Faults::later(Fault::Hold, Step::Sync);
    let slow = root.open(hold.disk()).unwrap();
    let fast = root.sound();
    let first = block_on(Ask::of("run_a").enqueue(&slow));
    hold.arm(0);
    let refused = slow.execute(Ask::of("run_x").unseen());
    hold.wait_until_held();
    // The refusal changes no answer, so nobody waits for it.
    let second = block_on(Ask::of("run_b").at(1).enqueue(&fast));
    assert_eq!(items(&slow).last(), Some(&second));
    hold.release();
    assert!(matches!(block_on(refused), Ok(Verdict::Denied(_))));
    assert_eq!(items(&slow), [first, second]);
}
