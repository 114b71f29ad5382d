//! What people decide: requests, freeze, floor, tokens.

use futures_util::future::{join, join_all};
use jiff::SignedDuration;

use super::scene::{
    all, approve, cancel, claim, claimed, complete, execute, govern, head, known, lease, person, reject, revoke,
};
use super::{Ask, Subject, agent, soon};
use crate::Verdict;
use crate::domain::approval::{ApprovalId, ApprovalRequest, ApprovalStatus};
use crate::domain::command::{ApprovalPolicy, Command, Decide};
use crate::domain::gate::Denial;
use crate::domain::governance::{ApprovalFilter, GovernanceQuery, Recorded, Standing};
use crate::domain::id::QueueItemId;
use crate::domain::principal::PrincipalKind;
use crate::domain::queue::QueueItem;
use crate::error::ErrorCode;
use crate::port::{Store, StoreRead};

const DAY: i64 = 86_400;

fn denied(verdict: Verdict) -> Denial {
    let Verdict::Denied(denial) = verdict else { panic!("not denied: {verdict:?}") };
    denial
}

fn queued(verdict: Verdict) -> QueueItem {
    let Verdict::Approved(item) = verdict else { panic!("not queued: {verdict:?}") };
    item
}

fn recorded(verdict: Verdict) -> Recorded {
    let Verdict::Recorded(recorded) = verdict else { panic!("not recorded: {verdict:?}") };
    *recorded
}

async fn standing(store: &dyn StoreRead) -> Standing {
    store.governance(&GovernanceQuery::default()).await.expect("the store can be read").standing
}

async fn request(store: &dyn StoreRead, of: &ApprovalRequest) -> ApprovalRequest {
    let query = GovernanceQuery { approval: Some(of.asked.id.clone()), ..GovernanceQuery::default() };
    store.governance(&query).await.expect("the store can be read").approval.expect("it was made")
}

/// Who said yes, as the item's line has it.
fn approvals(item: &QueueItem) -> Vec<String> {
    item.enqueued.provenance.as_ref().expect("an item of ours has its stamps").approvals.clone()
}

fn asks(run: &str) -> Ask {
    Ask::of(run).by(agent("alice")).under(ApprovalPolicy::Operator)
}

/// Applies, approvals and claims stop; cancelling, completing and saying no go on.
pub async fn a_freeze_holds_for_the_next_command_and_the_rollback_works_all_the_same(subject: &dyn Subject) {
    let store = subject.store();
    let other = subject.another();
    let elsewhere: &dyn Store = other.as_deref().unwrap_or(store);
    Ask::of("run_a").enqueue(store).await;
    let pending = Ask::of("run_b").enqueue(store).await;
    let held = claimed(store, soon(1)).await;
    let wished = asks("run_c").requested(store).await;
    let seen = Ask::of("run_d").preview(store).await;
    let Recorded::Standing(frozen) = recorded(execute(store, govern(&person("ops"), soon(2), Decide::Freeze)).await)
    else {
        panic!("not frozen")
    };
    let lines = head(store).await;
    for store in [elsewhere, store] {
        assert_eq!(standing(store).await, frozen);
        assert_eq!(denied(execute(store, Ask::of("run_d").at(3).command(seen)).await).code, ErrorCode::Frozen);
        assert_eq!(denied(execute(store, approve(&person("bob"), &wished, soon(3))).await).code, ErrorCode::Frozen);
        assert_eq!(denied(execute(store, claim(soon(3))).await).code, ErrorCode::Frozen);
        assert_eq!(head(store).await, lines);
    }
    assert!(matches!(execute(elsewhere, cancel(pending.queue_id(), soon(4))).await, Verdict::Cancelled(_)));
    assert!(matches!(
        execute(elsewhere, complete(held.queue_id(), &lease(&held), soon(4))).await,
        Verdict::Completed(_)
    ));
    assert!(matches!(
        recorded(execute(elsewhere, reject(&person("bob"), &wished, soon(4))).await),
        Recorded::Request(_)
    ));
    recorded(execute(elsewhere, govern(&person("ops"), soon(5), Decide::Unfreeze)).await);
    assert_eq!(standing(store).await.frozen, None);
    Ask::of("run_d").at(6).enqueue(store).await;
    assert_eq!(claimed(store, soon(6)).await.enqueued.source_run_id, "run_d");
}

/// However long a process has been running with a weaker policy.
pub async fn a_raised_floor_holds_for_the_next_apply(subject: &dyn Subject) {
    let store = subject.store();
    let other = subject.another();
    let elsewhere: &dyn Store = other.as_deref().unwrap_or(store);
    Ask::of("run_a").enqueue(elsewhere).await;
    let seen = Ask::of("run_b").preview(elsewhere).await;
    let raise = Decide::SetPolicy(ApprovalPolicy::Operator);
    recorded(execute(store, govern(&person("ops"), soon(1), raise)).await);
    let stale = denied(execute(elsewhere, Ask::of("run_b").at(2).command(seen)).await);
    assert_eq!(stale.code, ErrorCode::PreviewStale, "the policy is part of what was previewed");
    let wished = Ask::of("run_b").at(2).by(agent("alice")).requested(elsewhere).await;
    assert_eq!((wished.asked.policy, wished.status(soon(2))), (ApprovalPolicy::Operator, ApprovalStatus::Pending));
    assert_eq!(head(store).await.0, 1, "nothing was queued");
    let lower = || Decide::SetPolicy(ApprovalPolicy::Declared);
    assert_eq!(denied(execute(store, govern(&agent("alice"), soon(3), lower())).await).code, ErrorCode::ScopeForbidden);
    assert_eq!(standing(elsewhere).await.floor, ApprovalPolicy::Operator);
    recorded(execute(store, govern(&person("ops"), soon(4), lower())).await);
    Ask::of("run_c").at(5).enqueue(elsewhere).await;
}

/// In whichever process its holder asks; and what it asked for before falls with it.
pub async fn a_token_taken_back_is_refused_at_the_next_command(subject: &dyn Subject) {
    let store = subject.store();
    let other = subject.another();
    let elsewhere: &dyn Store = other.as_deref().unwrap_or(store);
    let bot = known(store, PrincipalKind::Agent, "bot", soon(0)).await;
    let hand = known(store, PrincipalKind::Worker, "hand", soon(0)).await;
    let wished = asks("run_a").by(bot.clone()).requested(elsewhere).await;
    Ask::of("run_b").by(bot.clone()).enqueue(elsewhere).await;
    for who in [&bot, &hand] {
        assert!(matches!(recorded(execute(store, revoke(who, soon(1))).await), Recorded::Token(_)));
    }
    let apply = Ask::of("run_c").at(2).by(bot.clone());
    assert_eq!(denied(apply.apply(elsewhere).await).code, ErrorCode::Unauthenticated);
    let Command::Claim(mut claim) = claim(soon(2)) else { panic!("a claim") };
    claim.caller = hand;
    let refused = execute(elsewhere, Command::Claim(claim)).await;
    assert_eq!(denied(refused).code, ErrorCode::Unauthenticated);
    let yes = execute(elsewhere, approve(&person("bob"), &wished, soon(3))).await;
    assert_eq!(denied(yes).code, ErrorCode::PreviewStale);
    assert_eq!(head(store).await.0, 1);
    assert_eq!(claimed(store, soon(4)).await.enqueued.source_run_id, "run_b", "what was queued before stays");
}

/// Its id was fixed when it was asked for, and nothing is lost of who asked and why.
pub async fn a_request_becomes_its_item_and_no_other(subject: &dyn Subject) {
    let store = subject.store();
    let ask = asks("run_a").keyed("k").with(7, Some("2026-03-01T13:00:00+01:00"));
    let seen = ask.preview(store).await;
    let Verdict::AwaitsApproval(wished) = execute(store, ask.command(seen)).await else { panic!("not asked") };
    assert_eq!((head(store).await.0, all(store).await.len()), (0, 0));
    let again = execute(store, ask.clone().at(1).command(seen)).await;
    assert_eq!(again, Verdict::AwaitsApproval(wished.clone()), "asking again asks nobody twice");
    assert_eq!(subject.decisions().len(), 1);
    let item = queued(execute(store, approve(&person("bob"), &wished, soon(2))).await);
    assert_eq!((item.queue_id(), item.enqueued.ts, item.is_pending()), (&wished.asked.queue_id, soon(2), true));
    assert_eq!(approvals(&item), ["local:bob (OPS)"]);
    let stamps = item.enqueued.provenance.clone().expect("an item of ours has its stamps");
    assert_eq!((stamps.principal.as_str(), stamps.pilot_source.as_str()), ("agent:alice", "mcp_queue_pilot_server"));
    assert_eq!((stamps.requested_by.as_str(), stamps.idempotency_key.as_deref()), ("Alice Example", Some("k")));
    assert_eq!((item.enqueued.priority, stamps.preview_digest), (7, wished.asked.preview_digest));
    assert_eq!(request(store, &wished).await.status(soon(DAY * 2)), ApprovalStatus::Approved, "for ever");
    let late = denied(execute(store, approve(&person("carol"), &wished, soon(3))).await);
    assert_eq!((late.code, late.queue_id.as_deref()), (ErrorCode::ApprovalDecided, Some(item.queue_id().as_str())));
    assert_eq!(
        denied(execute(store, reject(&person("carol"), &wished, soon(3))).await).code,
        ErrorCode::ApprovalDecided
    );
    assert_eq!(execute(store, ask.at(4).command(seen)).await, Verdict::AlreadyApplied(item));
    assert_eq!((head(store).await.0, subject.decisions().len()), (1, 3));
}

/// Everything that was decided, and that it still holds.
pub async fn what_was_decided_is_known_to_whoever_opens_the_store_later(subject: &dyn Subject) {
    let store = subject.store();
    let bot = known(store, PrincipalKind::Agent, "bot", soon(0)).await;
    let ann = known(store, PrincipalKind::Operator, "ann", soon(0)).await;
    recorded(execute(store, govern(&ann, soon(1), Decide::SetPolicy(ApprovalPolicy::TwoPerson))).await);
    let wished = Ask::of("run_a").at(1).by(bot.clone()).requested(store).await;
    recorded(execute(store, approve(&ann, &wished, soon(2))).await);
    let refused = Ask::of("run_b").at(2).by(bot.clone()).requested(store).await;
    recorded(execute(store, reject(&ann, &refused, soon(3))).await);
    recorded(execute(store, govern(&ann, soon(4), Decide::SetPolicy(ApprovalPolicy::Declared))).await);
    recorded(execute(store, revoke(&bot, soon(5))).await);
    recorded(execute(store, govern(&ann, soon(6), Decide::Freeze)).await);
    let Some(later) = subject.another() else { return };
    let later: &dyn Store = &*later;
    let stands = standing(later).await;
    assert_eq!(stands, standing(store).await);
    assert_eq!((stands.floor, stands.frozen.map(|freeze| freeze.since)), (ApprovalPolicy::TwoPerson, Some(soon(6))));
    assert_eq!(
        stands.lowering.map(|lowering| (lowering.to, lowering.by)),
        Some((ApprovalPolicy::Declared, "operator:ann".into()))
    );
    for of in [&wished, &refused] {
        assert_eq!(request(later, of).await, request(store, of).await);
    }
    assert_eq!((request(later, &wished).await.has(), request(later, &wished).await.needs()), (1, 2));
    assert_eq!(request(later, &refused).await.status(soon(6)), ApprovalStatus::Rejected);
    assert_eq!(later.tokens().await, store.tokens().await);
}

/// However many press the button, and in whichever process.
pub async fn of_twenty_approvers_at_once_one_makes_the_line(subject: &dyn Subject) {
    let store = subject.store();
    let other = subject.another();
    let elsewhere: &dyn Store = other.as_deref().unwrap_or(store);
    let wished = asks("run_a").requested(store).await;
    let verdicts = join_all((0..20).map(|n| {
        let yes = approve(&person(&format!("p{n}")), &wished, soon(1));
        execute(if n % 2 == 0 { store } else { elsewhere }, yes)
    }))
    .await;
    let mut made = Vec::new();
    for (n, verdict) in verdicts.into_iter().enumerate() {
        if let Verdict::Approved(item) = verdict {
            made.push((n, item));
        } else {
            assert_eq!(denied(verdict).code, ErrorCode::ApprovalDecided);
        }
    }
    let [(n, item)] = &made[..] else { panic!("{made:?}") };
    assert_eq!(approvals(item), [format!("local:p{n} (OPS)")]);
    assert_eq!((head(store).await.0, all(store).await.len()), (1, 1));
}

/// The first of them is a decision, the second is the line; nobody counts twice.
pub async fn of_twenty_approvers_at_once_two_are_in_the_line_where_two_must_agree(subject: &dyn Subject) {
    let store = subject.store();
    let mut people = Vec::new();
    for n in 0..10 {
        people.push(known(store, PrincipalKind::Operator, &format!("p{n}"), soon(0)).await);
    }
    let wished = Ask::of("run_a").by(agent("alice")).under(ApprovalPolicy::TwoPerson).requested(store).await;
    // Each of them twice, for a double click is no second person.
    let clicks = people.iter().chain(&people).map(|who| execute(store, approve(who, &wished, soon(1))));
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for (n, verdict) in join_all(clicks).await.into_iter().enumerate() {
        let who = format!("operator:p{} (OPS)", n % 10);
        if let Verdict::Recorded(_) = verdict {
            first.push(who);
        } else if let Verdict::Approved(item) = verdict {
            last.push((who, item));
        } else {
            assert_eq!(denied(verdict).code, ErrorCode::ApprovalDecided);
        }
    }
    let ([first], [(last, item)]) = (&first[..], &last[..]) else { panic!("{first:?} {last:?}") };
    assert_ne!(first, last);
    assert_eq!(approvals(item), [first.clone(), last.clone()]);
    assert_eq!(head(store).await.0, 1);
    assert_eq!(subject.decisions().iter().filter(|line| line.event == "APPROVED").count(), 1);
}

/// Exactly one of them is what happened.
pub async fn an_approval_and_a_rejection_exclude_each_other(subject: &dyn Subject) {
    let store = subject.store();
    let other = subject.another();
    let elsewhere: &dyn Store = other.as_deref().unwrap_or(store);
    for n in 0..20 {
        let wished = asks(&format!("run_{n}")).at(n).requested(store).await;
        let (yes, no) = (approve(&person("bob"), &wished, soon(n)), reject(&person("carol"), &wished, soon(n)));
        let (yes, no) = if n % 2 == 0 {
            join(execute(store, yes), execute(elsewhere, no)).await
        } else {
            let (no, yes) = join(execute(store, no), execute(elsewhere, yes)).await;
            (yes, no)
        };
        let (status, queued) = match (yes, no) {
            (Verdict::Approved(_), Verdict::Denied(denial)) => {
                assert_eq!(denial.code, ErrorCode::ApprovalDecided);
                (ApprovalStatus::Approved, true)
            }
            (Verdict::Denied(denial), Verdict::Recorded(_)) => {
                assert_eq!(denial.code, ErrorCode::ApprovalDecided);
                (ApprovalStatus::Rejected, false)
            }
            both => panic!("{both:?}"),
        };
        let now = request(store, &wished).await;
        assert_eq!((now.status(soon(n)), now.queued, now.ended.is_some()), (status, queued, !queued));
        let item = store.item(&wished.asked.queue_id).await.expect("the store can be read");
        assert_eq!(item.is_some(), queued);
    }
}

/// Whichever came first; and after the freeze nothing.
pub async fn nothing_is_approved_behind_a_freeze(subject: &dyn Subject) {
    let store = subject.store();
    let other = subject.another();
    let elsewhere: &dyn Store = other.as_deref().unwrap_or(store);
    for n in 0..10 {
        let wished = asks(&format!("run_{n}")).at(n).requested(store).await;
        let freeze = govern(&person("ops"), soon(n), Decide::Freeze);
        let yes = || approve(&person("bob"), &wished, soon(n));
        let (verdict, frozen) = join(execute(elsewhere, yes()), execute(store, freeze)).await;
        assert!(matches!(recorded(frozen), Recorded::Standing(standing) if standing.frozen.is_some()));
        let before = head(store).await;
        let item = store.item(&wished.asked.queue_id).await.expect("the store can be read");
        if let Verdict::Approved(queued) = verdict {
            assert_eq!(item, Some(queued));
        } else {
            assert_eq!((denied(verdict).code, item), (ErrorCode::Frozen, None));
            assert_eq!(denied(execute(elsewhere, yes()).await).code, ErrorCode::Frozen);
        }
        assert_eq!(head(store).await, before);
        recorded(execute(elsewhere, govern(&person("ops"), soon(n), Decide::Unfreeze)).await);
    }
}

/// A retry, or a model that calls a tool many times at once.
pub async fn applies_at_once_of_one_preview_ask_once(subject: &dyn Subject) {
    let store = subject.store();
    let ask = asks("run_a");
    let seen = ask.preview(store).await;
    let verdicts = join_all((0..16).map(|_| execute(store, ask.command(seen)))).await;
    for verdict in &verdicts {
        assert_eq!(verdict, &verdicts[0]);
    }
    assert!(matches!(verdicts[0], Verdict::AwaitsApproval(_)));
    let listing = store.approvals(&ApprovalFilter::default()).await.expect("the store can be read");
    assert_eq!(
        (listing.requests.len(), listing.more, subject.decisions().len(), head(store).await.0),
        (1, false, 1, 0)
    );
}

/// So that whoever looks at a request sees who tried what.
pub async fn a_refused_decision_is_recorded_with_its_request(subject: &dyn Subject) {
    let store = subject.store();
    let wished = asks("run_a").requested(store).await;
    assert_eq!(
        denied(execute(store, approve(&agent("alice"), &wished, soon(1))).await).code,
        ErrorCode::ScopeForbidden
    );
    let unknown = ApprovalId::of(&QueueItemId::from_bytes([9; 16]));
    let nothing = execute(store, govern(&person("bob"), soon(2), Decide::Reject { id: Some(unknown.clone()) })).await;
    assert_eq!(denied(nothing).code, ErrorCode::ApprovalNotFound);
    let said: Vec<(String, String, String, Option<String>)> = subject.decisions()[1..]
        .iter()
        .map(|line| (line.event.clone(), line.code.clone(), line.principal.clone(), line.approval_id.clone()))
        .collect();
    let line = |code: &str, who: &str, id: &str| ("DENIED".into(), code.into(), who.into(), Some(id.into()));
    assert_eq!(
        said,
        [
            line("SCOPE_FORBIDDEN", "agent:alice", wished.asked.id.as_str()),
            line("APPROVAL_NOT_FOUND", "local:bob", unknown.as_str())
        ]
    );
    assert_eq!(request(store, &wished).await, wished, "a refusal changes nothing about it");
}

/// Among refusals and decisions alike, whatever the clock does.
pub async fn decisions_never_go_back_in_time(subject: &dyn Subject) {
    let store = subject.store();
    let wished = asks("run_a").at(100).requested(store).await;
    assert_eq!(wished.asked.expires_at, soon(100 + DAY));
    recorded(execute(store, govern(&person("ops"), soon(50), Decide::Freeze)).await);
    assert_eq!(denied(execute(store, claim(soon(20))).await).code, ErrorCode::Frozen);
    recorded(execute(store, govern(&person("ops"), soon(120), Decide::Unfreeze)).await);
    recorded(execute(store, reject(&person("bob"), &wished, soon(110))).await);
    let times: Vec<_> = subject.decisions().iter().map(|line| line.ts).collect();
    assert_eq!(times, [soon(100), soon(100), soon(100), soon(120), soon(120)]);
}

/// In the order of asking, in pages without gaps; tokens by id, with what became of them.
pub async fn requests_and_tokens_are_listed_in_order(subject: &dyn Subject) {
    let store = subject.store();
    let bot = known(store, PrincipalKind::Agent, "bot", soon(0)).await;
    let mut wished = Vec::new();
    for n in 0..5 {
        let who = if n % 2 == 0 { bot.clone() } else { agent("alice") };
        wished.push(asks(&format!("run_{n}")).by(who).at(n).requested(store).await);
    }
    queued(execute(store, approve(&person("bob"), &wished[1], soon(5))).await);
    recorded(execute(store, reject(&person("bob"), &wished[2], soon(5))).await);
    let runs = |filter: ApprovalFilter| async move {
        let listing = store.approvals(&filter).await.expect("the store can be read");
        let runs: Vec<String> = listing.requests.iter().map(|(_, request)| request.asked.run_id.clone()).collect();
        (runs, listing.requests.last().map(|(at, _)| *at), listing.more)
    };
    let all = ApprovalFilter::default();
    assert_eq!(runs(all.clone()).await.0, ["run_0", "run_1", "run_2", "run_3", "run_4"]);
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let (page, last, more) = runs(ApprovalFilter { after, limit: Some(2), ..all.clone() }).await;
        assert!(page.len() <= 2);
        paged.extend(page);
        after = last.or(after);
        if !more {
            break;
        }
    }
    assert_eq!(paged, ["run_0", "run_1", "run_2", "run_3", "run_4"]);
    let status = |status| ApprovalFilter { status: Some((status, soon(6))), ..ApprovalFilter::default() };
    assert_eq!(runs(status(ApprovalStatus::Pending)).await.0, ["run_0", "run_3", "run_4"]);
    assert_eq!(runs(status(ApprovalStatus::Approved)).await.0, ["run_1"]);
    assert_eq!(runs(status(ApprovalStatus::Rejected)).await.0, ["run_2"]);
    assert_eq!(runs(status(ApprovalStatus::Expired)).await.0, [""; 0]);
    let mine =
        ApprovalFilter { principal: Some("agent:bot".into()), since: Some(soon(1)), ..ApprovalFilter::default() };
    assert_eq!(runs(mine).await.0, ["run_2", "run_4"]);
    recorded(execute(store, revoke(&bot, soon(6))).await);
    let tokens = store.tokens().await.expect("the store can be read");
    let [token] = &tokens[..] else { panic!("{tokens:?}") };
    assert_eq!((token.principal_id().as_str(), token.created_by.as_str()), ("agent:bot", "local:keeper"));
    assert_eq!(token.sponsor.as_deref(), Some("local:keeper"), "whoever made it, unless named");
    assert_eq!(token.expires_at, soon(0) + SignedDuration::from_hours(24));
    assert_eq!(token.revoked, Some((soon(6), "local:keeper (OPS)".into())));
}
