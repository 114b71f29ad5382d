//! What limits rest on: how much a principal has queued.

use futures_util::future::join_all;
use jiff::SignedDuration;

use super::scene::{all, cancel, claimed, execute};
use super::{Ask, Subject, agent, soon};
use crate::Verdict;
use crate::domain::command::Limits;
use crate::domain::gate::{EnqueueQuery, Usage};
use crate::error::ErrorCode;

/// What is pending, and when the hour's appends leave room again: each principal's own, and none before its first.
pub async fn what_a_principal_queued_is_counted(subject: &dyn Subject) {
    let store = subject.store();
    let usage = async |principal: &str, seconds: i64, applies_per_hour: u32| {
        let query = EnqueueQuery {
            by_preview: None,
            by_key: None,
            principal: principal.into(),
            source_run_id: None,
            now: soon(seconds),
            applies_per_hour,
            request: None,
        };
        store.enqueue_facts(&query).await.expect("the store can be read").usage
    };
    assert_eq!(usage("agent:alice", 0, 1).await, Usage::default());
    for n in 0..3 {
        Ask::of(&format!("run_{n}")).by(agent("alice")).at(n * 600).enqueue(store).await;
    }
    Ask::of("run_3").at(1800).enqueue(store).await;
    let frees_at = |seconds: i64| Some(soon(seconds) + SignedDuration::from_hours(1));
    assert_eq!(usage("agent:alice", 1800, 0).await, Usage { pending: 3, hour_frees_at: None });
    assert_eq!(usage("agent:alice", 1800, 4).await, Usage { pending: 3, hour_frees_at: None });
    assert_eq!(usage("agent:alice", 1800, 3).await, Usage { pending: 3, hour_frees_at: frees_at(0) });
    assert_eq!(usage("agent:alice", 1800, 1).await, Usage { pending: 3, hour_frees_at: frees_at(1200) });
    assert_eq!(usage("agent:alice", 3600, 3).await, Usage { pending: 3, hour_frees_at: None });
    assert_eq!(usage("token:ops", 1800, 1).await, Usage { pending: 1, hour_frees_at: frees_at(1800) });
    assert_eq!(usage("agent:bob", 1800, 1).await, Usage::default());
    // What is claimed or rolled back is pending no more, and was appended all the same.
    claimed(store, soon(1801)).await;
    let second = all(store).await.swap_remove(1);
    execute(store, cancel(second.queue_id(), soon(1802))).await;
    assert_eq!(usage("agent:alice", 1803, 3).await, Usage { pending: 1, hour_frees_at: frees_at(0) });
}

/// However many callers of one principal come at once.
pub async fn a_limit_holds_among_applies_at_once(subject: &dyn Subject) {
    let store = subject.store();
    let rows = [
        ("alice", Limits { pending_max: 4, ..Limits::NONE }, ErrorCode::PendingLimit),
        ("bob", Limits { applies_per_hour: 4, ..Limits::NONE }, ErrorCode::RateLimited),
    ];
    for (name, limits, code) in rows {
        let mut commands = Vec::new();
        for n in 0..16 {
            let ask = Ask::of(&format!("run_{name}_{n}")).by(agent(name)).within(limits);
            commands.push(ask.command(ask.preview(store).await));
        }
        let verdicts = join_all(commands.into_iter().map(|command| execute(store, command))).await;
        let mut appended = 0;
        for verdict in verdicts {
            if let Verdict::Denied(denial) = verdict {
                assert_eq!(denial.code, code);
            } else {
                assert!(matches!(verdict, Verdict::Enqueued(_)), "{verdict:?}");
                appended += 1;
            }
        }
        assert_eq!(appended, 4, "{name}");
    }
    assert_eq!(all(store).await.len(), 8);
}
