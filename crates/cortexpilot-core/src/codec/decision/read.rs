//! Decision lines back to events.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::line::LineProblem;
use crate::domain::approval::{ApprovalId, Approver, Asked, ElicitedAnswer, Requester};
use crate::domain::command::{ApprovalPolicy, Parameters};
use crate::domain::governance::{
    Act, DecisionEvent, Elicited, Expired, Joined, OnRequest, PolicySet, TokenMade, TokenRevoked,
};
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::principal::{PrincipalKind, Role, Roles, Surface};
use crate::domain::time::Schedule;
use crate::domain::token::{TokenId, TokenName, TokenRecord};

/// What a line of `decisions.jsonl` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Something was refused, then.
    Refusal(Timestamp),
    /// An operator, or time, decided.
    Event(DecisionEvent),
    /// A line of a newer version.
    Unknown {
        /// Its event.
        event: String,
    },
}

/// Reads a decision line whose hash was verified.
///
/// # Errors
/// When it is not of this form.
pub fn read(line: &[u8]) -> Result<Line, LineProblem> {
    let members: Members<'_> =
        serde_json::from_slice(line).map_err(|error| LineProblem(format!("is not our JSON: {error}")))?;
    let event = match &*members.event.0 {
        "DENIED" => return Ok(Line::Refusal(members.at()?)),
        "APPROVAL_REQUESTED" if members.joins == Some(true) => DecisionEvent::Joined(Box::new(members.joined()?)),
        "APPROVAL_REQUESTED" => DecisionEvent::Requested(Box::new(members.asked()?)),
        "APPROVED" => DecisionEvent::Approved(members.on_request()?),
        "REJECTED" => DecisionEvent::Rejected(members.on_request()?),
        "EXPIRED" => DecisionEvent::Expired(members.expired()?),
        "ELICITED" => DecisionEvent::Elicited(members.elicited()?),
        "FROZEN" => DecisionEvent::Frozen(members.act()?),
        "UNFROZEN" => DecisionEvent::Unfrozen(members.act()?),
        "PAUSED" => DecisionEvent::Paused(members.act()?),
        "RESUMED" => DecisionEvent::Resumed(members.act()?),
        "POLICY_SET" => DecisionEvent::PolicySet(members.policy()?),
        "POLICY_PROPOSED" => DecisionEvent::PolicyProposed(members.policy()?),
        "TOKEN_CREATED" | "TOKEN_ROTATED" => DecisionEvent::TokenMade(Box::new(members.token_made()?)),
        "TOKEN_REVOKED" => DecisionEvent::TokenRevoked(TokenRevoked { id: members.token_id()?, act: members.act()? }),
        _ => return Ok(Line::Unknown { event: members.event.own() }),
    };
    Ok(Line::Event(event))
}

/// Every member that any of our lines has. One type for all: what is missing where it is needed is a problem of the line.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    principal: Option<Text<'a>>,
    surface: Option<Text<'a>>,
    run_id: Option<Text<'a>>,
    preview_digest: Option<Text<'a>>,
    approval_id: Option<Text<'a>>,
    reason: Option<Text<'a>>,
    ts: Text<'a>,
    role: Option<Text<'a>>,
    joins: Option<bool>,
    kind: Option<Text<'a>>,
    sponsor: Option<Text<'a>>,
    token_id: Option<Text<'a>>,
    queue_id: Option<Text<'a>>,
    priority: Option<i64>,
    scheduled_at: Option<Text<'a>>,
    deadline_at: Option<Text<'a>>,
    contract_sha256: Option<Text<'a>>,
    task_id: Option<Text<'a>>,
    requested_by: Option<Text<'a>>,
    actor_role: Option<Text<'a>>,
    approval_reason: Option<Text<'a>>,
    idempotency_key: Option<Text<'a>>,
    allow_duplicate: Option<bool>,
    approval_policy: Option<Text<'a>>,
    expires_at: Option<Text<'a>>,
    answer: Option<Text<'a>>,
    policy: Option<Text<'a>>,
    previous: Option<Text<'a>>,
    proposed_by: Option<Text<'a>>,
    name: Option<Text<'a>>,
    roles: Option<Vec<Text<'a>>>,
    sha256: Option<Text<'a>>,
    replaces: Option<Text<'a>>,
}

/// A text: the line's own, unless there is an escape in it. Most lines are refusals, and of those only the time is wanted.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn own(&self) -> String {
        self.0.clone().into_owned()
    }
}

/// A member that must be there and mean something.
fn need<T>(name: &str, value: Option<&Text<'_>>, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, LineProblem> {
    value.and_then(|text| parse(&text.0)).ok_or_else(|| LineProblem(format!("has no readable `{name}`")))
}

/// A member that may be absent, but not mean nothing.
fn maybe<T>(
    name: &str,
    value: Option<&Text<'_>>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, LineProblem> {
    match value {
        None => Ok(None),
        some @ Some(_) => need(name, some, parse).map(Some),
    }
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn instant(value: &str) -> Option<Timestamp> {
    value.parse().ok()
}

fn schedule(value: &str) -> Option<Schedule> {
    Schedule::parse(value).ok().flatten()
}

impl Members<'_> {
    fn at(&self) -> Result<Timestamp, LineProblem> {
        need("ts", Some(&self.ts), instant)
    }

    fn surface(&self) -> Result<Surface, LineProblem> {
        need("surface", self.surface.as_ref(), Surface::parse)
    }

    fn by(&self) -> Result<String, LineProblem> {
        need("principal", self.principal.as_ref(), text)
    }

    fn id(&self) -> Result<ApprovalId, LineProblem> {
        need("approval_id", self.approval_id.as_ref(), ApprovalId::parse)
    }

    fn run(&self) -> Result<String, LineProblem> {
        need("run_id", self.run_id.as_ref(), text)
    }

    fn token_id(&self) -> Result<TokenId, LineProblem> {
        need("token_id", self.token_id.as_ref(), TokenId::parse)
    }

    fn act(&self) -> Result<Act, LineProblem> {
        let role = need("role", self.role.as_ref(), Role::parse)?;
        Ok(Act {
            by: Approver { principal: self.by()?, role },
            surface: self.surface()?,
            reason: self.reason.as_ref().map(Text::own),
            at: self.at()?,
        })
    }

    fn on_request(&self) -> Result<OnRequest, LineProblem> {
        Ok(OnRequest { id: self.id()?, run_id: self.run()?, act: self.act()? })
    }

    fn expired(&self) -> Result<Expired, LineProblem> {
        let (id, run_id, principal) = (self.id()?, self.run()?, self.by()?);
        Ok(Expired { id, run_id, principal, surface: self.surface()?, at: self.at()? })
    }

    fn elicited(&self) -> Result<Elicited, LineProblem> {
        Ok(Elicited {
            id: self.id()?,
            run_id: self.run()?,
            principal: self.by()?,
            surface: self.surface()?,
            answer: need("answer", self.answer.as_ref(), ElicitedAnswer::parse)?,
            comment: self.reason.as_ref().map(Text::own),
            at: self.at()?,
        })
    }

    fn requester(&self) -> Result<Requester, LineProblem> {
        Ok(Requester {
            principal: self.by()?,
            kind: need("kind", self.kind.as_ref(), PrincipalKind::parse)?,
            sponsor: self.sponsor.as_ref().map(Text::own),
            token: maybe("token_id", self.token_id.as_ref(), TokenId::parse)?,
        })
    }

    fn joined(&self) -> Result<Joined, LineProblem> {
        Ok(Joined {
            id: self.id()?,
            run_id: self.run()?,
            requester: self.requester()?,
            surface: self.surface()?,
            approval_reason: need("approval_reason", self.approval_reason.as_ref(), text)?,
            at: self.at()?,
        })
    }

    fn asked(&self) -> Result<Asked, LineProblem> {
        let priority = self.priority.ok_or_else(|| LineProblem("has no readable `priority`".into()))?;
        let scheduled = maybe("scheduled_at", self.scheduled_at.as_ref(), schedule)?;
        let deadline = maybe("deadline_at", self.deadline_at.as_ref(), schedule)?;
        Ok(Asked {
            id: self.id()?,
            queue_id: need("queue_id", self.queue_id.as_ref(), QueueItemId::parse)?,
            run_id: self.run()?,
            parameters: Parameters::new(priority, scheduled, deadline),
            preview_digest: need("preview_digest", self.preview_digest.as_ref(), Sha256Digest::parse)?,
            contract_sha256: need("contract_sha256", self.contract_sha256.as_ref(), Sha256Digest::parse)?,
            task_id: self.task_id.as_ref().map(Text::own),
            requester: self.requester()?,
            surface: self.surface()?,
            actor_role: need("actor_role", self.actor_role.as_ref(), Role::parse)?,
            requested_by: need("requested_by", self.requested_by.as_ref(), text)?,
            approval_reason: need("approval_reason", self.approval_reason.as_ref(), text)?,
            idempotency_key: self.idempotency_key.as_ref().map(Text::own),
            allow_duplicate: self.allow_duplicate == Some(true),
            policy: need("approval_policy", self.approval_policy.as_ref(), ApprovalPolicy::parse)?,
            at: self.at()?,
            expires_at: need("expires_at", self.expires_at.as_ref(), instant)?,
        })
    }

    fn policy(&self) -> Result<PolicySet, LineProblem> {
        Ok(PolicySet {
            policy: need("policy", self.policy.as_ref(), ApprovalPolicy::parse)?,
            previous: need("previous", self.previous.as_ref(), ApprovalPolicy::parse)?,
            proposed_by: self.proposed_by.as_ref().map(Text::own),
            act: self.act()?,
        })
    }

    fn token_made(&self) -> Result<TokenMade, LineProblem> {
        let roles = self.roles.as_ref().ok_or_else(|| LineProblem("has no readable `roles`".into()))?;
        let roles: Option<Roles> = roles.iter().map(|role| Role::parse(&role.0)).collect();
        Ok(TokenMade {
            record: TokenRecord {
                id: self.token_id()?,
                kind: need("kind", self.kind.as_ref(), PrincipalKind::parse)?,
                name: need("name", self.name.as_ref(), TokenName::parse)?,
                roles: roles.ok_or_else(|| LineProblem("has no readable `roles`".into()))?,
                sponsor: self.sponsor.as_ref().map(Text::own),
                sha256: need("sha256", self.sha256.as_ref(), Sha256Digest::parse)?,
                created_at: self.at()?,
                created_by: self.by()?,
                expires_at: need("expires_at", self.expires_at.as_ref(), instant)?,
                revoked: None,
            },
            replaces: maybe("replaces", self.replaces.as_ref(), TokenId::parse)?,
            surface: self.surface()?,
            reason: self.reason.as_ref().map(Text::own),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_borrowed_unless_they_are_spelled_with_escapes() {
        let line = br#"{"event": "DENIED", "reason": "a \u00e9", "ts": "2026-01-01T00:00:00Z", "roles": ["operator"]}"#;
        let members: Members<'_> = serde_json::from_slice(line).expect("a line");
        assert!(matches!(members.event, Text(Cow::Borrowed("DENIED"))));
        assert!(matches!(members.roles.as_deref(), Some([Text(Cow::Borrowed("operator"))])));
        assert!(matches!(members.reason, Some(Text(Cow::Owned(reason))) if reason == "a é"));
    }

    #[test]
    fn a_text_of_another_type_is_named_as_such() {
        let problem = read(br#"{"event": "DENIED", "ts": 1}"#).expect_err("no text");
        assert_eq!(problem.0, "is not our JSON: invalid type: integer `1`, expected a string at line 1 column 27");
    }
}
