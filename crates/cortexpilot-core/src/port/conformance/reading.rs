//! What reads answer.

use super::scene::{all, cancel, claimed, complete, execute, head, lease, runs};
use super::{Ask, Subject, agent, operator, soon, start};
use crate::Verdict;
use crate::domain::command::Command;
use crate::domain::gate::EnqueueQuery;
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::ledger;
use crate::domain::listing::{DoneCounts, QueueCounts, QueueFilter, QueueOrder, QueueState, SLICE_S, Slice};
use crate::domain::queue::{FinalStatus, QueueItem};
use crate::port::Store;
use crate::port::lines::{LedgerFile, LedgerLine, LineFilter, LinesFrom, LinesPage, LinesQuery, Said, item_behind};

/// Page after page, each item once.
pub async fn lists_are_in_enqueue_order_and_page_without_gaps(subject: &dyn Subject) {
    let store = subject.store();
    for n in 0..7 {
        // Neither priority nor state changes the order of a list.
        Ask::of(&format!("run_{n}")).with(n, None).enqueue(store).await;
    }
    claimed(store, soon(1)).await;
    let mut filter = QueueFilter { limit: Some(3), ..QueueFilter::default() };
    let mut pages = Vec::new();
    loop {
        let page = store.items(&filter).await.expect("the store can be read");
        pages.push(page.items.len());
        filter.after_seq = page.items.last().map(|item| item.seq);
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, [3, 3, 1]);
    assert_eq!(runs(&all(store).await), ["run_0", "run_1", "run_2", "run_3", "run_4", "run_5", "run_6"]);
    let filter = QueueFilter { after_seq: Some(u64::MAX), ..QueueFilter::default() };
    assert_eq!(store.items(&filter).await.expect("the store can be read").items, []);
    let filter = QueueFilter { limit: Some(0), ..QueueFilter::default() };
    let none = store.items(&filter).await.expect("the store can be read");
    assert_eq!((none.items.len(), none.more), (0, true));
}

/// The newest first as well, and a position leads on in either direction.
pub async fn lists_go_in_both_directions(subject: &dyn Subject) {
    let store = subject.store();
    let ids = [
        Ask::of("run_0").enqueue(store).await,
        Ask::of("run_1").enqueue(store).await,
        Ask::of("run_2").enqueue(store).await,
        Ask::of("run_3").enqueue(store).await,
    ];
    execute(store, cancel(ids[1].queue_id(), soon(1))).await;
    let newest = QueueFilter { order: QueueOrder::Newest, ..QueueFilter::default() };
    let listed = async |filter: QueueFilter| {
        let page = store.items(&filter).await.expect("the store can be read");
        (runs(&page.items).join(" "), page.more)
    };
    assert_eq!(listed(newest.clone()).await, ("run_3 run_2 run_1 run_0".into(), false));
    assert_eq!(listed(QueueFilter { limit: Some(3), ..newest.clone() }).await, ("run_3 run_2 run_1".into(), true));
    let behind = |item: &QueueItem, order| QueueFilter { after_seq: Some(item.seq), order, ..QueueFilter::default() };
    assert_eq!(listed(behind(&ids[2], QueueOrder::Newest)).await, ("run_1 run_0".into(), false));
    assert_eq!(listed(behind(&ids[2], QueueOrder::Oldest)).await, ("run_3".into(), false));
    assert_eq!(listed(behind(&ids[0], QueueOrder::Newest)).await, (String::new(), false));
    let beyond = QueueFilter { after_seq: Some(u64::MAX), ..newest.clone() };
    assert_eq!(listed(beyond).await.0, "run_3 run_2 run_1 run_0");
    let pending = QueueFilter { status: Some("PENDING".into()), limit: Some(2), ..newest };
    assert_eq!(listed(pending).await, ("run_3 run_2".into(), true));
}

async fn end(store: &dyn Store, item: &QueueItem, status: FinalStatus, now: jiff::Timestamp) {
    let mut command = complete(item.queue_id(), &lease(item), now);
    if let Command::Complete(complete) = &mut command {
        complete.status = status;
    }
    let verdict = execute(store, command).await;
    assert!(matches!(verdict, Verdict::Completed(_)), "{verdict:?}");
}

/// As the lists have them, and whoever opens the store later.
pub async fn items_are_counted_by_where_they_stand(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(store.counts(soon(0)).await, Ok(QueueCounts::default()));
    for n in 0..5 {
        Ask::of(&format!("run_{n}")).at(n).enqueue(store).await;
    }
    Ask::of("run_later").with(0, Some("2026-03-01T13:00:00Z")).at(5).enqueue(store).await;
    let first = claimed(store, soon(6)).await;
    end(store, &first, FinalStatus::Success, soon(7)).await;
    let second = claimed(store, soon(8)).await;
    end(store, &second, FinalStatus::Failure, soon(9)).await;
    claimed(store, soon(10)).await;
    let last = all(store).await.into_iter().find(|item| item.enqueued.source_run_id == "run_4").expect("run_4");
    execute(store, cancel(last.queue_id(), soon(11))).await;
    let closed = [("CANCELLED", 1), ("FAILURE", 1), ("SUCCESS", 1)];
    let closed = closed.into_iter().map(|(status, count)| (status.to_owned(), count)).collect();
    let counts = QueueCounts { eligible: 1, waiting: 1, claimed: 1, closed, ..QueueCounts::default() };
    assert_eq!(store.counts(soon(12)).await, Ok(counts.clone()));
    assert_eq!(counts.total(), 6);
    let later = store.counts(soon(3600)).await.expect("the store can be read");
    assert_eq!((later.eligible, later.waiting), (2, 0));
    if let Some(another) = subject.another() {
        assert_eq!(another.counts(soon(12)).await, Ok(counts));
    }
}

/// Within a day, in steps of five minutes.
pub async fn what_was_done_lately_is_counted(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(store.done_since(soon(0)).await, Ok(vec![]));
    for n in 0..3 {
        Ask::of(&format!("run_{n}")).at(n).enqueue(store).await;
    }
    let item = claimed(store, soon(SLICE_S)).await;
    end(store, &item, FinalStatus::Success, soon(SLICE_S)).await;
    let item = claimed(store, soon(SLICE_S + 1)).await;
    end(store, &item, FinalStatus::Failure, soon(SLICE_S + 2)).await;
    let left = all(store).await.pop().expect("three items");
    execute(store, cancel(left.queue_id(), soon(SLICE_S * 3 - 1))).await;
    let slice = |n: i64, done| Slice { from_s: start().as_second() + n * SLICE_S, done };
    let wanted = vec![
        slice(0, DoneCounts { queued: 3, ..DoneCounts::default() }),
        slice(1, DoneCounts { succeeded: 1, failed: 1, ..DoneCounts::default() }),
        slice(2, DoneCounts { cancelled: 1, ..DoneCounts::default() }),
    ];
    assert_eq!(store.done_since(soon(0)).await, Ok(wanted.clone()));
    assert_eq!(store.done_since(soon(SLICE_S * 2 - 1)).await, Ok(wanted[1..].to_vec()), "its slice is whole");
    assert_eq!(store.done_since(soon(SLICE_S * 3)).await, Ok(vec![]));
    if let Some(another) = subject.another() {
        assert_eq!(another.done_since(soon(0)).await, Ok(wanted));
    }
}

/// And say whether more follows.
pub async fn lists_filter_by_status_and_workflow(subject: &dyn Subject) {
    let store = subject.store();
    let ids = [Ask::of("run_a").enqueue(store).await, Ask::of("run_b").enqueue(store).await];
    Ask::of("run_c").enqueue(store).await;
    execute(store, cancel(ids[1].queue_id(), soon(1))).await;
    let listed = async |filter: QueueFilter| {
        let page = store.items(&filter).await.expect("the store can be read");
        (runs(&page.items).join(" "), page.more)
    };
    let status = |status: &str| QueueFilter { status: Some(status.into()), ..QueueFilter::default() };
    assert_eq!(listed(status("PENDING")).await, ("run_a run_c".into(), false));
    assert_eq!(listed(status("cancelled")).await, ("run_b".into(), false));
    assert_eq!(listed(status("SUCCESS")).await, (String::new(), false));
    assert_eq!(listed(QueueFilter { limit: Some(1), ..status("PENDING") }).await, ("run_a".into(), true));
    let state = |state: QueueState| QueueFilter { state: Some((state, soon(1))), ..QueueFilter::default() };
    assert_eq!(listed(state(QueueState::Eligible)).await, ("run_a run_c".into(), false));
    assert_eq!(listed(state(QueueState::Closed)).await, ("run_b".into(), false));
    assert_eq!(listed(state(QueueState::Waiting)).await, (String::new(), false));
    let workflow = |id: &str| QueueFilter { workflow_id: Some(id.into()), ..QueueFilter::default() };
    assert_eq!(listed(workflow("workflow_of_run_b")).await, ("run_b".into(), false));
    assert_eq!(listed(workflow("")).await, (String::new(), false));
}

/// The state is kept by item, not by task.
pub async fn a_second_item_of_one_task_hides_nothing(subject: &dyn Subject) {
    let store = subject.store();
    let mut other = Ask::of("run_b");
    other.run.task_id = Ask::of("run_a").run.task_id;
    let (first, second) = (Ask::of("run_a").enqueue(store).await, other.enqueue(store).await);
    assert_eq!(first.enqueued.task_id, second.enqueued.task_id);
    assert_eq!(all(store).await, [first.clone(), second.clone()]);
    execute(store, cancel(second.queue_id(), soon(1))).await;
    assert_eq!(claimed(store, soon(2)).await.queue_id(), first.queue_id());
}

/// By every way of asking.
pub async fn what_was_acknowledged_is_read(subject: &dyn Subject) {
    let store = subject.store();
    let unknown = QueueItemId::from_bytes([9; 16]);
    for n in 0..10 {
        let run = format!("run_{n}");
        let item = Ask::of(&run).keyed(&run).by(agent("alice")).enqueue(store).await;
        let id = item.queue_id();
        assert_eq!(store.item(id).await.expect("the store can be read").as_ref(), Some(&item));
        let query = EnqueueQuery {
            now: jiff::Timestamp::UNIX_EPOCH,
            applies_per_hour: 0,
            by_preview: Some(id.clone()),
            by_key: Some(run.clone()),
            principal: "agent:alice".into(),
            source_run_id: Some(run.clone()),
            request: None,
        };
        let facts = store.enqueue_facts(&query).await.expect("the store can be read");
        assert_eq!((facts.by_preview.as_ref(), facts.by_key.as_ref()), (Some(&item), Some(&item)));
        assert_eq!(facts.pending, [item]);
        assert!(facts.parent.is_none());
    }
    assert_eq!(store.item(&unknown).await.expect("the store can be read"), None);
    let query = EnqueueQuery {
        now: jiff::Timestamp::UNIX_EPOCH,
        applies_per_hour: 0,
        by_preview: Some(unknown),
        by_key: Some("run_0".into()),
        principal: "agent:bob".into(),
        source_run_id: None,
        request: None,
    };
    let facts = store.enqueue_facts(&query).await.expect("the store can be read");
    assert!(facts.by_preview.is_none() && facts.by_key.is_none() && facts.pending.is_empty());
}

/// A chain: each line continues the one before.
pub async fn an_answer_rests_on_everything_before_it(subject: &dyn Subject) {
    let store = subject.store();
    let mut heads = vec![head(store).await.1];
    for n in 0..5 {
        let item = Ask::of(&format!("run_{n}")).by(operator()).enqueue(store).await;
        execute(store, cancel(item.queue_id(), soon(n))).await;
        heads.push(head(store).await.1);
    }
    assert_eq!(head(store).await.0, 10);
    let total = heads.len();
    heads.sort_unstable();
    heads.dedup();
    assert_eq!(heads.len(), total, "every change gives another head");
}

/// What `/readyz` and `up` show.
pub async fn health_counts_and_names_the_head(subject: &dyn Subject) {
    let store = subject.store();
    let health = store.health().await.expect("the store can be read");
    assert_eq!((health.lines, health.pending, health.claimed), (0, 0, 0));
    assert_eq!((health.head, health.last_ts, health.refuses_writes), (Sha256Digest::ZERO, None, None));
    for n in 0..4 {
        Ask::of(&format!("run_{n}")).at(n).enqueue(store).await;
    }
    claimed(store, soon(4)).await;
    let item = all(store).await.pop().expect("four items");
    let Verdict::Cancelled(_) = execute(store, cancel(item.queue_id(), soon(5))).await else { panic!("not cancelled") };
    let health = store.health().await.expect("the store can be read");
    assert_eq!((health.lines, health.pending, health.claimed), (6, 2, 1));
    assert_eq!((health.last_ts, health.problems), (Some(soon(5)), vec![]));
}

async fn page(store: &dyn Store, from: LinesFrom, limit: usize) -> LinesPage {
    let query = LinesQuery { file: LedgerFile::Queue, from, filter: LineFilter::default(), limit };
    store.lines(&query).await.expect("the store can be read")
}

fn numbers(lines: &[LedgerLine]) -> Vec<u64> {
    lines.iter().map(|line| line.number).collect()
}

/// And each continues the one before it.
pub async fn lines_are_paged_in_both_directions_without_gaps(subject: &dyn Subject) {
    let store = subject.store();
    let empty = page(store, LinesFrom::After(0), 5).await;
    assert_eq!((empty.lines.len(), empty.next, empty.total, empty.head), (0, None, 0, Sha256Digest::ZERO));
    for n in 0..4 {
        let item = Ask::of(&format!("run_{n}")).at(n).enqueue(store).await;
        if n > 0 {
            execute(store, cancel(item.queue_id(), soon(n))).await;
        }
    }
    let (mut up, mut after) = (Vec::new(), Some(0));
    while let Some(from) = after {
        let page = page(store, LinesFrom::After(from), 3).await;
        assert!(page.lines.len() <= 3 && page.total == 7);
        after = page.next;
        up.extend(page.lines);
    }
    assert_eq!(numbers(&up), [1, 2, 3, 4, 5, 6, 7]);
    let mut prev = Sha256Digest::ZERO;
    for line in &up {
        prev = ledger::verify(&prev, line.bytes.as_deref().expect("a line of ours"))
            .expect("it continues the line before");
        assert_eq!(line.hash, Some(prev));
    }
    assert_eq!(head(store).await, (7, prev.to_string()));
    let (mut down, mut before) = (page(store, LinesFrom::Before(None), 2).await.lines, Some(6));
    while let Some(from) = before {
        let page = page(store, LinesFrom::Before(Some(from)), 2).await;
        before = page.next;
        down.extend(page.lines);
    }
    down.reverse();
    assert_eq!(down, up);
    // Beyond both ends there is nothing, and it is no fault to ask.
    for from in
        [LinesFrom::After(7), LinesFrom::After(u64::MAX), LinesFrom::Before(Some(1)), LinesFrom::Before(Some(0))]
    {
        let page = page(store, from, 5).await;
        assert_eq!((page.lines.len(), page.next), (0, None), "{from:?}");
    }
    assert_eq!(numbers(&page(store, LinesFrom::Before(Some(u64::MAX)), 1).await.lines), [7]);
}

/// Whatever became of it, however long ago.
pub async fn the_lines_of_an_item_are_its_own_in_their_order(subject: &dyn Subject) {
    let store = subject.store();
    let first = Ask::of("run_a").with(1, None).enqueue(store).await;
    let second = Ask::of("run_b").enqueue(store).await;
    let third = Ask::of("run_c").enqueue(store).await;
    let held = claimed(store, soon(1)).await;
    assert_eq!(held.queue_id(), first.queue_id());
    execute(store, cancel(second.queue_id(), soon(2))).await;
    execute(store, complete(first.queue_id(), &lease(&held), soon(3))).await;
    // What is behind them must not hide them.
    for n in 0..5 {
        let item = Ask::of(&format!("run_{n}")).at(4 + n).enqueue(store).await;
        execute(store, cancel(item.queue_id(), soon(4 + n))).await;
    }
    let of = async |id: &QueueItemId| {
        let lines = store.lines_of(id).await.expect("the store can be read");
        let events: Vec<String> = lines.iter().map(|line| line.said().event().to_owned()).collect();
        (numbers(&lines), events.join(" "))
    };
    assert_eq!(of(first.queue_id()).await, (vec![1, 4, 6], "QUEUE_ENQUEUE QUEUE_CLAIM QUEUE_DONE".into()));
    assert_eq!(of(second.queue_id()).await, (vec![2, 5], "QUEUE_ENQUEUE QUEUE_CANCEL".into()));
    assert_eq!(of(third.queue_id()).await, (vec![3], "QUEUE_ENQUEUE".into()));
    assert_eq!(of(&QueueItemId::from_bytes([9; 16])).await, (vec![], String::new()));
    let by = store.lines_of(second.queue_id()).await.expect("the store can be read");
    let said: Vec<_> = by.iter().map(LedgerLine::said).collect();
    assert_eq!((said[0].by(), said[1].reason()), (Some("token:ops"), Some("Not needed any more.")));
}

/// So that whoever follows the ledger line by line sees what whoever looked at the time saw.
pub async fn an_item_is_known_as_it_stood_behind_each_of_its_lines(subject: &dyn Subject) {
    let store = subject.store();
    let pending = Ask::of("run_a").with(1, None).enqueue(store).await;
    let other = Ask::of("run_b").enqueue(store).await;
    let held = claimed(store, soon(1)).await;
    let Verdict::Completed(done) = execute(store, complete(held.queue_id(), &lease(&held), soon(2))).await else {
        panic!("not completed")
    };
    let Verdict::Cancelled(gone) = execute(store, cancel(other.queue_id(), soon(3))).await else {
        panic!("not cancelled")
    };
    for stages in [vec![pending, held, done], vec![other, gone]] {
        let now = stages.last().expect("a stage");
        let lines = store.lines_of(now.queue_id()).await.expect("the store can be read");
        assert_eq!(lines.len(), stages.len());
        for (line, stage) in lines.iter().zip(&stages) {
            let Said::Queue(event) = line.said() else { panic!("{line:?}") };
            assert_eq!(item_behind(now, &event).as_ref(), Some(stage));
        }
    }
}

/// The newest first, and no other.
pub async fn decision_lines_are_found_by_what_they_say(subject: &dyn Subject) {
    let store = subject.store();
    for (n, who) in ["alice", "bob", "alice"].into_iter().enumerate() {
        let mut ask = Ask::of("run_a").by(agent(who)).at(i64::try_from(n).expect("small") * 10);
        ask.inputs.confirm = n == 1;
        execute(store, ask.unseen()).await;
    }
    let found = async |filter: LineFilter, limit| {
        let query = LinesQuery { file: LedgerFile::Decisions, from: LinesFrom::Before(None), filter, limit };
        let page = store.lines(&query).await.expect("the store can be read");
        (numbers(&page.lines), page.next)
    };
    let filter = LineFilter::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(filter(), 9).await, (vec![3, 2, 1], None));
    assert_eq!(found(filter(), 2).await, (vec![3, 2], Some(2)));
    assert_eq!(found(LineFilter { principal: text("agent:alice"), ..filter() }, 9).await, (vec![3, 1], None));
    assert_eq!(found(LineFilter { code: text("PREVIEW_REQUIRED"), ..filter() }, 9).await, (vec![2], None));
    assert_eq!(found(LineFilter { events: vec!["FROZEN".into()], ..filter() }, 9).await, (vec![], None));
    assert_eq!(found(LineFilter { events: vec!["DENIED".into()], ..filter() }, 9).await, (vec![3, 2, 1], None));
    assert_eq!(found(LineFilter { since: Some(soon(10)), ..filter() }, 9).await, (vec![3, 2], None));
    assert_eq!(found(LineFilter { until: Some(soon(20)), ..filter() }, 9).await, (vec![2, 1], None));
    let span = LineFilter { since: Some(soon(5)), until: Some(soon(15)), ..filter() };
    assert_eq!(found(span, 9).await, (vec![2], None));
}
