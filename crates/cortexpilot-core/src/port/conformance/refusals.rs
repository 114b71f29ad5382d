//! What is recorded of a refusal.

use super::scene::{all, claim, execute, head};
use super::{Ask, Subject, agent, nobody, soon};
use crate::Verdict;
use crate::domain::command::Command;
use crate::domain::text::Stated;
use crate::error::ErrorCode;

async fn refused(subject: &dyn Subject, command: Command) -> ErrorCode {
    let verdict = execute(subject.store(), command).await;
    let Verdict::Denied(denial) = verdict else { panic!("not denied: {verdict:?}") };
    denial.code
}

fn unconfirmed(run: &str) -> Ask {
    let mut ask = Ask::of(run);
    ask.inputs.confirm = false;
    ask
}

/// Not a line, not a state.
pub async fn a_refusal_leaves_the_queue_as_it_was(subject: &dyn Subject) {
    let store = subject.store();
    Ask::of("run_a").enqueue(store).await;
    let before = (head(store).await, all(store).await);
    let mut blank = Ask::of("run_b");
    blank.inputs.requested_by = Stated::Absent;
    assert_eq!(refused(subject, unconfirmed("run_b").unseen()).await, ErrorCode::ConfirmRequired);
    assert_eq!(refused(subject, blank.unseen()).await, ErrorCode::MetadataRequired);
    assert_eq!(refused(subject, Ask::of("run_b").unseen()).await, ErrorCode::PreviewRequired);
    let Command::Claim(mut claim) = claim(soon(1)) else { panic!("a claim") };
    claim.caller = agent("alice");
    assert_eq!(refused(subject, Command::Claim(claim)).await, ErrorCode::ScopeForbidden);
    assert_eq!((head(store).await, all(store).await), before);
    assert_eq!(subject.decisions().len(), 4);
}

/// One line, with everything that was known.
pub async fn refusals_are_recorded_with_who_what_and_why(subject: &dyn Subject) {
    refused(subject, unconfirmed("run_a").by(agent("alice")).at(3).unseen()).await;
    // A clock that is set back does not reorder what was refused either.
    refused(subject, unconfirmed("run_b").at(1).unseen()).await;
    let decisions = subject.decisions();
    assert_eq!(decisions.len(), 2);
    let first = &decisions[0];
    assert_eq!((first.event.as_str(), first.code.as_str(), first.count), ("DENIED", "CONFIRM_REQUIRED", 1));
    assert_eq!((first.principal.as_str(), first.surface.as_str()), ("agent:alice", "mcp"));
    assert_eq!((first.run_id.as_deref(), first.ts), (Some("run_a"), soon(3)));
    assert!(first.reason.as_ref().is_some_and(|reason| reason.contains("confirm")));
    assert_eq!((decisions[1].principal.as_str(), decisions[1].ts), ("token:ops", soon(3)));
}

/// Sixty lines a minute, principal and code; then one that counts.
pub async fn refusals_beyond_sixty_a_minute_are_counted(subject: &dyn Subject) {
    for _ in 0..100 {
        refused(subject, unconfirmed("run_a").by(agent("alice")).unseen()).await;
    }
    assert_eq!(subject.decisions().len(), 60);
    refused(subject, unconfirmed("run_a").by(agent("bob")).at(59).unseen()).await;
    assert_eq!(subject.decisions().len(), 61, "another principal has a minute of its own");
    refused(subject, unconfirmed("run_a").by(agent("bob")).at(60).unseen()).await;
    let decisions = subject.decisions();
    let counted: Vec<_> = decisions.iter().filter(|decision| decision.count != 1).collect();
    assert_eq!(counted.len(), 1);
    assert_eq!((counted[0].principal.as_str(), counted[0].code.as_str()), ("agent:alice", "CONFIRM_REQUIRED"));
    assert_eq!((counted[0].count, counted[0].ts), (40, soon(60)));
    assert_eq!(decisions.iter().map(|decision| decision.count).sum::<u64>(), 102);
}

/// Anybody can make those.
pub async fn callers_without_a_name_leave_no_line(subject: &dyn Subject) {
    for second in 0..70 {
        assert_eq!(
            refused(subject, Ask::of("run_a").by(nobody()).at(second).unseen()).await,
            ErrorCode::Unauthenticated
        );
    }
    assert!(subject.decisions().is_empty());
}
