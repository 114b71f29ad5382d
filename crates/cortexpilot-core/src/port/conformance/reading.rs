//! What reads answer.

use super::scene::{all, cancel, claimed, execute, head, runs};
use super::{Ask, Subject, agent, operator, soon};
use crate::Verdict;
use crate::domain::gate::EnqueueQuery;
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::listing::QueueFilter;

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
