//! Lines of `decisions.jsonl`: what was refused, and what operators decided. The same engine and chain as the queue's
//! ledger, a file of its own.
//!
//! Every line has the same first members, from `event` to `ts`; what an event has beside them follows, the chain hash is
//! last.

use jiff::Timestamp;
use serde::Deserialize;

use super::json::{Object, clip};
use super::line::{LineProblem, SealedLine, seal};
use crate::domain::approval::Asked;
use crate::domain::decide::JudgedDecision;
use crate::domain::governance::{Act, DecisionEvent, OnRequest, PolicySet, TokenMade};
use crate::domain::id::Sha256Digest;
use crate::domain::principal::Surface;
use crate::domain::refusal::{CountLine, Refusal};
use crate::domain::time::{Schedule, ledger_text};

mod read;

pub use read::{Line, read};

/// Turns a judged decision into its line. There is no other way to one.
pub fn encode(judged: &JudgedDecision, prev: &Sha256Digest) -> SealedLine {
    let body = match judged.event() {
        DecisionEvent::Requested(asked) => requested(asked),
        DecisionEvent::Joined(event) => {
            let head = Head { run_id: Some(&event.run_id), approval_id: Some(event.id.as_str()), ..Head::default() };
            let object = head.write("APPROVAL_REQUESTED", &event.requester.principal, event.surface, event.at);
            object
                .flag("joins", true)
                .text("kind", event.requester.kind.as_str())
                .optional("sponsor", event.requester.sponsor.as_deref())
                .optional("token_id", event.requester.token.as_ref().map(|id| id.as_str()))
                .text("approval_reason", &event.approval_reason)
        }
        DecisionEvent::Approved(event) => on_request("APPROVED", event),
        DecisionEvent::Rejected(event) => on_request("REJECTED", event),
        DecisionEvent::Expired(event) => {
            let head = Head { run_id: Some(&event.run_id), approval_id: Some(event.id.as_str()), ..Head::default() };
            head.write("EXPIRED", &event.principal, event.surface, event.at)
        }
        DecisionEvent::Elicited(event) => {
            let head = Head {
                run_id: Some(&event.run_id),
                approval_id: Some(event.id.as_str()),
                reason: event.comment.as_deref(),
                ..Head::default()
            };
            head.write("ELICITED", &event.principal, event.surface, event.at).text("answer", event.answer.as_str())
        }
        DecisionEvent::Frozen(act) => acted("FROZEN", act),
        DecisionEvent::Unfrozen(act) => acted("UNFROZEN", act),
        DecisionEvent::Paused(act) => acted("PAUSED", act),
        DecisionEvent::Resumed(act) => acted("RESUMED", act),
        DecisionEvent::PolicySet(event) => policy("POLICY_SET", event),
        DecisionEvent::PolicyProposed(event) => policy("POLICY_PROPOSED", event),
        DecisionEvent::TokenMade(event) => token_made(event),
        DecisionEvent::TokenRevoked(event) => acted("TOKEN_REVOKED", &event.act).text("token_id", event.id.as_str()),
    };
    seal(prev, body.body())
}

/// The members that every line has.
#[derive(Default)]
struct Head<'a> {
    run_id: Option<&'a str>,
    preview_digest: Option<Sha256Digest>,
    approval_id: Option<&'a str>,
    reason: Option<&'a str>,
}

impl Head<'_> {
    fn write(&self, event: &str, principal: &str, surface: Surface, at: Timestamp) -> Object {
        Object::event(event)
            .optional("code", None)
            .text("principal", principal)
            .text("surface", surface.as_str())
            .optional("run_id", self.run_id)
            .optional("preview_digest", self.preview_digest.map(|digest| digest.to_string()).as_deref())
            .optional("approval_id", self.approval_id)
            .optional("reason", self.reason)
            .integer("count", 1)
            .text("ts", &ledger_text(at))
    }
}

fn acted(event: &str, act: &Act) -> Object {
    let head = Head { reason: act.reason.as_deref(), ..Head::default() };
    head.write(event, &act.by.principal, act.surface, act.at).text("role", act.by.role.as_str())
}

fn on_request(event: &str, on: &OnRequest) -> Object {
    let head = Head {
        run_id: Some(&on.run_id),
        approval_id: Some(on.id.as_str()),
        reason: on.act.reason.as_deref(),
        ..Head::default()
    };
    head.write(event, &on.act.by.principal, on.act.surface, on.act.at).text("role", on.act.by.role.as_str())
}

fn requested(asked: &Asked) -> Object {
    let head = Head {
        run_id: Some(&asked.run_id),
        preview_digest: Some(asked.preview_digest),
        approval_id: Some(asked.id.as_str()),
        ..Head::default()
    };
    let when = |when: &Option<Schedule>| when.as_ref().map(|when| when.text().to_owned());
    head.write("APPROVAL_REQUESTED", &asked.requester.principal, asked.surface, asked.at)
        .text("kind", asked.requester.kind.as_str())
        .optional("sponsor", asked.requester.sponsor.as_deref())
        .optional("token_id", asked.requester.token.as_ref().map(|id| id.as_str()))
        .text("queue_id", asked.queue_id.as_str())
        .integer("priority", asked.parameters.priority)
        .optional("scheduled_at", when(&asked.parameters.scheduled).as_deref())
        .optional("deadline_at", when(&asked.parameters.deadline).as_deref())
        .text("contract_sha256", &asked.contract_sha256.to_string())
        .present("task_id", asked.task_id.as_deref())
        .text("requested_by", &asked.requested_by)
        .text("actor_role", asked.actor_role.as_str())
        .text("approval_reason", &asked.approval_reason)
        .optional("idempotency_key", asked.idempotency_key.as_deref())
        .flag("allow_duplicate", asked.allow_duplicate)
        .text("approval_policy", asked.policy.as_str())
        .text("expires_at", &ledger_text(asked.expires_at))
}

fn policy(name: &str, event: &PolicySet) -> Object {
    acted(name, &event.act)
        .text("policy", event.policy.as_str())
        .text("previous", event.previous.as_str())
        .optional("proposed_by", event.proposed_by.as_deref())
}

fn token_made(event: &TokenMade) -> Object {
    let record = &event.record;
    let name = if event.replaces.is_some() { "TOKEN_ROTATED" } else { "TOKEN_CREATED" };
    let head = Head { reason: event.reason.as_deref(), ..Head::default() };
    let roles: Vec<String> = record.roles.iter().map(ToString::to_string).collect();
    head.write(name, &record.created_by, event.surface, record.created_at)
        .text("token_id", record.id.as_str())
        .text("kind", record.kind.as_str())
        .text("name", record.name.as_str())
        .list("roles", &roles)
        .optional("sponsor", record.sponsor.as_deref())
        .text("sha256", &record.sha256.to_string())
        .text("expires_at", &ledger_text(record.expires_at))
        .optional("replaces", event.replaces.as_ref().map(|id| id.as_str()))
}

/// The line of one refusal. `ts` is the store's: never earlier than its line before.
pub fn encode_refusal(refusal: &Refusal<'_>, ts: Timestamp, prev: &Sha256Digest) -> SealedLine {
    let digest = refusal.preview_digest.map(|digest| digest.to_string());
    let body = Object::event("DENIED")
        .text("code", refusal.denial.code.as_str())
        .text("principal", refusal.caller.principal_id())
        .text("surface", refusal.caller.surface.as_str())
        .optional("run_id", refusal.run_id.as_deref())
        .optional("preview_digest", digest.as_deref())
        .optional("approval_id", refusal.approval_id.map(|id| id.as_str()))
        .optional("reason", Some(&clip(&refusal.denial.reason)))
        .integer("count", 1)
        .text("ts", &ledger_text(ts))
        .body();
    seal(prev, body)
}

/// The line that stands for refusals which were only counted.
pub fn encode_count(count: &CountLine, ts: Timestamp, prev: &Sha256Digest) -> SealedLine {
    let body = Object::event("DENIED")
        .text("code", count.code.as_str())
        .text("principal", &count.principal)
        .text("surface", count.surface)
        .optional("run_id", None)
        .optional("preview_digest", None)
        .optional("approval_id", None)
        .optional("reason", None)
        .integer("count", i128::from(count.count))
        .text("ts", &ledger_text(ts))
        .body();
    seal(prev, body)
}

/// What a decision line says, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// `DENIED`, another event of ours, or one of a newer version.
    pub event: String,
    /// The code of a refusal.
    pub code: String,
    /// Who was refused, or who decided.
    pub principal: String,
    /// Where.
    pub surface: String,
    /// The run it was about.
    pub run_id: Option<String>,
    /// The request it was about.
    pub approval_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// How many refusals the line stands for.
    pub count: u64,
    /// When.
    pub ts: Timestamp,
}

#[derive(Deserialize)]
struct Members {
    event: String,
    code: Option<String>,
    principal: Option<String>,
    surface: Option<String>,
    run_id: Option<String>,
    approval_id: Option<String>,
    reason: Option<String>,
    count: Option<u64>,
    ts: String,
}

/// Reads a decision line whose hash was verified.
///
/// # Errors
/// When it is not of this form.
pub fn decode(line: &[u8]) -> Result<Decision, LineProblem> {
    let members: Members =
        serde_json::from_slice(line).map_err(|error| LineProblem(format!("is not our JSON: {error}")))?;
    Ok(Decision {
        event: members.event,
        code: members.code.unwrap_or_default(),
        principal: members.principal.unwrap_or_default(),
        surface: members.surface.unwrap_or_default(),
        run_id: members.run_id,
        approval_id: members.approval_id,
        reason: members.reason,
        count: members.count.unwrap_or(1),
        ts: members.ts.parse().map_err(|_| LineProblem("has no instant in `ts`".into()))?,
    })
}
