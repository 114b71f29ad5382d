//! Decision lines back to events.

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
    let members: Members =
        serde_json::from_slice(line).map_err(|error| LineProblem(format!("is not our JSON: {error}")))?;
    let event = match members.event.as_str() {
        "DENIED" => return Ok(Line::Refusal(members.at()?)),
        "APPROVAL_REQUESTED" if members.joins == Some(true) => DecisionEvent::Joined(Box::new(members.joined()?)),
        "APPROVAL_REQUESTED" => DecisionEvent::Requested(Box::new(members.asked()?)),
        "APPROVED" => DecisionEvent::Approved(members.on_request()?),
        "REJECTED" => DecisionEvent::Rejected(members.on_request()?),
        "EXPIRED" => DecisionEvent::Expired(members.expired()?),
        "ELICITED" => DecisionEvent::Elicited(members.elicited()?),
        "FROZEN" => DecisionEvent::Frozen(members.act()?),
        "UNFROZEN" => DecisionEvent::Unfrozen(members.act()?),
        "POLICY_SET" => DecisionEvent::PolicySet(members.policy()?),
        "POLICY_PROPOSED" => DecisionEvent::PolicyProposed(members.policy()?),
        "TOKEN_CREATED" | "TOKEN_ROTATED" => DecisionEvent::TokenMade(Box::new(members.token_made()?)),
        "TOKEN_REVOKED" => DecisionEvent::TokenRevoked(TokenRevoked { id: members.token_id()?, act: members.act()? }),
        _ => return Ok(Line::Unknown { event: members.event }),
    };
    Ok(Line::Event(event))
}

/// Every member that any of our lines has. One type for all: what is missing where it is needed is a problem of the line.
#[derive(Deserialize)]
struct Members {
    event: String,
    principal: Option<String>,
    surface: Option<String>,
    run_id: Option<String>,
    preview_digest: Option<String>,
    approval_id: Option<String>,
    reason: Option<String>,
    ts: String,
    role: Option<String>,
    joins: Option<bool>,
    kind: Option<String>,
    sponsor: Option<String>,
    token_id: Option<String>,
    queue_id: Option<String>,
    priority: Option<i64>,
    scheduled_at: Option<String>,
    deadline_at: Option<String>,
    contract_sha256: Option<String>,
    requested_by: Option<String>,
    actor_role: Option<String>,
    approval_reason: Option<String>,
    idempotency_key: Option<String>,
    allow_duplicate: Option<bool>,
    approval_policy: Option<String>,
    expires_at: Option<String>,
    answer: Option<String>,
    policy: Option<String>,
    previous: Option<String>,
    proposed_by: Option<String>,
    name: Option<String>,
    roles: Option<Vec<String>>,
    sha256: Option<String>,
    replaces: Option<String>,
}

/// A member that must be there and mean something.
fn need<T>(name: &str, value: Option<&String>, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, LineProblem> {
    value.and_then(|text| parse(text)).ok_or_else(|| LineProblem(format!("has no readable `{name}`")))
}

/// A member that may be absent, but not mean nothing.
fn maybe<T>(
    name: &str,
    value: Option<&String>,
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

impl Members {
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
            reason: self.reason.clone(),
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
            comment: self.reason.clone(),
            at: self.at()?,
        })
    }

    fn requester(&self) -> Result<Requester, LineProblem> {
        Ok(Requester {
            principal: self.by()?,
            kind: need("kind", self.kind.as_ref(), PrincipalKind::parse)?,
            sponsor: self.sponsor.clone(),
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
            requester: self.requester()?,
            surface: self.surface()?,
            actor_role: need("actor_role", self.actor_role.as_ref(), Role::parse)?,
            requested_by: need("requested_by", self.requested_by.as_ref(), text)?,
            approval_reason: need("approval_reason", self.approval_reason.as_ref(), text)?,
            idempotency_key: self.idempotency_key.clone(),
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
            proposed_by: self.proposed_by.clone(),
            act: self.act()?,
        })
    }

    fn token_made(&self) -> Result<TokenMade, LineProblem> {
        let roles = self.roles.as_ref().ok_or_else(|| LineProblem("has no readable `roles`".into()))?;
        let roles: Option<Roles> = roles.iter().map(|role| Role::parse(role)).collect();
        Ok(TokenMade {
            record: TokenRecord {
                id: self.token_id()?,
                kind: need("kind", self.kind.as_ref(), PrincipalKind::parse)?,
                name: need("name", self.name.as_ref(), TokenName::parse)?,
                roles: roles.ok_or_else(|| LineProblem("has no readable `roles`".into()))?,
                sponsor: self.sponsor.clone(),
                sha256: need("sha256", self.sha256.as_ref(), Sha256Digest::parse)?,
                created_at: self.at()?,
                created_by: self.by()?,
                expires_at: need("expires_at", self.expires_at.as_ref(), instant)?,
                revoked: None,
            },
            replaces: maybe("replaces", self.replaces.as_ref(), TokenId::parse)?,
            surface: self.surface()?,
            reason: self.reason.clone(),
        })
    }
}
