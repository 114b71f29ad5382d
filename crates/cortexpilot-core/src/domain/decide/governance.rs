//! What holds for everybody: freeze, the policy's floor, tokens. And the way from a decision to make to whoever judges it.

use super::super::approval::Approver;
use super::super::command::{ApprovalPolicy, Decide, Govern};
use super::super::gate::{self, Denial, EnqueueFacts};
use super::super::governance::{
    DecisionEvent, Freeze, GovernanceFacts, GovernanceQuery, Lowering, PolicySet, Recorded, Standing, TokenMade,
    TokenRevoked, live_tokens,
};
use super::super::principal::{Caller, Principal, PrincipalKind, Roles, Surface, is_nameable};
use super::super::time::to_micros;
use super::super::token::{TOKEN_ROLES_MAX, TOKEN_TTL_MAX, TOKENS_LIVE_MAX, TokenRecord, TokenState, principal_id};
use super::approval::{act, approve, elicited, expire, personally_known, reject};
use super::{Decision, JudgedDecision, Last, Verdict, held_role, stamp};
use crate::error::ErrorCode;

/// Which decisions a command rests on: its caller's token, always, and what a decision is about.
pub(crate) fn governance_query(caller: &Caller, govern: Option<&Govern>) -> GovernanceQuery {
    let mut query = GovernanceQuery {
        caller_token: caller.principal.as_ref().and_then(Principal::token).cloned(),
        ..GovernanceQuery::default()
    };
    let Some(govern) = govern else { return query };
    match &govern.what {
        Decide::Approve { id, .. } | Decide::Reject { id } => query.approval.clone_from(id),
        Decide::Elicited { id, .. } => query.approval = Some(id.clone()),
        Decide::Expire => query.overdue_at = Some(govern.now),
        Decide::Freeze | Decide::Unfreeze | Decide::Pause | Decide::Resume | Decide::SetPolicy(_) => {}
        Decide::CreateToken { kind, name, .. } => query.tokens_of = Some(principal_id(*kind, name)),
        Decide::RotateToken { replaces, .. } => query.token.clone_from(replaces),
        Decide::RevokeToken { id } => query.token.clone_from(id),
    }
    query
}

/// Decides what people are asked and what holds for everybody. `queue` is what an approval rests on beside it.
pub(crate) fn decide_govern(
    govern: &Govern,
    facts: &GovernanceFacts,
    queue: Option<&EnqueueFacts>,
    last: Last,
) -> Decision {
    let judged = match &govern.what {
        Decide::Approve { run, .. } => return approve(govern, run, facts, queue, last),
        Decide::Reject { .. } => return reject(govern, facts, last),
        Decide::Expire => return expire(govern, facts, last),
        Decide::Elicited { answer, .. } => return elicited(govern, *answer, facts, last),
        Decide::Freeze => freeze(govern, &facts.standing, last),
        Decide::Unfreeze => unfreeze(govern, &facts.standing, last),
        Decide::Pause => pause(govern, &facts.standing, last),
        Decide::Resume => resume(govern, &facts.standing, last),
        Decide::SetPolicy(policy) => set_policy(govern, *policy, &facts.standing, last),
        Decide::CreateToken { .. } => create_token(govern, facts, last),
        Decide::RotateToken { .. } => rotate_token(govern, facts, last),
        Decide::RevokeToken { .. } => revoke_token(govern, facts, last),
    };
    judged.unwrap_or_else(Decision::Deny)
}

/// Only operators decide, in a role that is allowed and theirs; never through MCP, whoever calls there.
pub(super) fn operator(govern: &Govern) -> Result<Approver, Denial> {
    let principal = gate::authenticated(&govern.caller)?;
    let operates = match principal.kind {
        PrincipalKind::Operator => govern.caller.surface != Surface::Mcp,
        PrincipalKind::Agent | PrincipalKind::Worker | PrincipalKind::Anonymous => false,
    };
    if !operates {
        return Err(Denial::new(
            ErrorCode::ScopeForbidden,
            "Only an operator may decide this, and never through MCP. Nothing was changed.",
        ));
    }
    let role = held_role(principal, govern.caller.surface, &govern.role, &govern.policy.allowed_roles)?;
    Ok(Approver { principal: principal.id.clone(), role })
}

fn stands(standing: &Standing) -> Decision {
    Decision::Answer(Box::new(Verdict::Recorded(Box::new(Recorded::Standing(standing.clone())))))
}

fn record(event: DecisionEvent, after: Recorded) -> Decision {
    Decision::Record(JudgedDecision(event), Box::new(Verdict::Recorded(Box::new(after))))
}

fn freeze(govern: &Govern, standing: &Standing, last: Last) -> Result<Decision, Denial> {
    let by = operator(govern)?;
    // Whoever must stop everything now need not find words first.
    gate::text_accepted("reason", &govern.reason)?;
    if standing.frozen.is_some() {
        return Ok(stands(standing));
    }
    let act = act(govern, by, last);
    let frozen = Some(Freeze { since: act.at, by: act.by.to_string(), reason: act.reason.clone() });
    Ok(record(DecisionEvent::Frozen(act), Recorded::Standing(Standing { frozen, unfrozen: None, ..standing.clone() })))
}

fn unfreeze(govern: &Govern, standing: &Standing, last: Last) -> Result<Decision, Denial> {
    let by = operator(govern)?;
    gate::text_given("reason", &govern.reason)?;
    if standing.frozen.is_none() {
        return Ok(stands(standing));
    }
    let act = act(govern, by, last);
    let unfrozen = Some((act.by.to_string(), act.at));
    let after = Standing { frozen: None, unfrozen, ..standing.clone() };
    Ok(record(DecisionEvent::Unfrozen(act), Recorded::Standing(after)))
}

fn pause(govern: &Govern, standing: &Standing, last: Last) -> Result<Decision, Denial> {
    let by = operator(govern)?;
    gate::text_accepted("reason", &govern.reason)?;
    if standing.paused.is_some() {
        return Ok(stands(standing));
    }
    let act = act(govern, by, last);
    let paused = Some(Freeze { since: act.at, by: act.by.to_string(), reason: act.reason.clone() });
    Ok(record(DecisionEvent::Paused(act), Recorded::Standing(Standing { paused, resumed: None, ..standing.clone() })))
}

fn resume(govern: &Govern, standing: &Standing, last: Last) -> Result<Decision, Denial> {
    let by = operator(govern)?;
    gate::text_accepted("reason", &govern.reason)?;
    if standing.paused.is_none() {
        return Ok(stands(standing));
    }
    let act = act(govern, by, last);
    let resumed = Some((act.by.to_string(), act.at));
    let after = Standing { paused: None, resumed, ..standing.clone() };
    Ok(record(DecisionEvent::Resumed(act), Recorded::Standing(after)))
}

/// Raising takes an operator; lowering takes an operator who says why, and two where two people had to agree.
fn set_policy(govern: &Govern, policy: ApprovalPolicy, standing: &Standing, last: Last) -> Result<Decision, Denial> {
    let by = operator(govern)?;
    if policy < standing.floor {
        gate::text_given("reason", &govern.reason)?;
    } else {
        gate::text_accepted("reason", &govern.reason)?;
    }
    // Saying what holds takes a proposal to lower it back.
    if policy == standing.floor && standing.lowering.is_none() {
        return Ok(stands(standing));
    }
    let event = |proposed_by: Option<String>| PolicySet {
        policy,
        previous: standing.floor,
        proposed_by,
        act: act(govern, by.clone(), last),
    };
    if policy < standing.floor && standing.floor == ApprovalPolicy::TwoPerson {
        personally_known(&govern.caller)?;
        return second_operator(govern, policy, standing, event);
    }
    Ok(policy_set(event(None), standing))
}

fn second_operator(
    govern: &Govern,
    policy: ApprovalPolicy,
    standing: &Standing,
    event: impl Fn(Option<String>) -> PolicySet,
) -> Result<Decision, Denial> {
    let holds = |lowering: &&Lowering| {
        let until = lowering.at.checked_add(govern.policy.approval_ttl).unwrap_or(lowering.at);
        lowering.to == policy && govern.now < until
    };
    match standing.lowering.as_ref().filter(holds) {
        Some(lowering) if lowering.by != govern.caller.principal_id() => {
            Ok(policy_set(event(Some(lowering.by.clone())), standing))
        }
        Some(_) => Err(Denial::new(
            ErrorCode::SelfApproval,
            "You proposed this lower policy, so another operator must set it. Nothing was changed.",
        )),
        None => {
            let event = event(None);
            let lowering = Some(Lowering { to: policy, by: event.act.by.principal.clone(), at: event.act.at });
            let after = Standing { lowering, ..standing.clone() };
            Ok(record(DecisionEvent::PolicyProposed(event), Recorded::Standing(after)))
        }
    }
}

fn policy_set(event: PolicySet, standing: &Standing) -> Decision {
    let floor_set = Some((event.act.by.to_string(), event.act.at));
    let after = Standing { floor: event.policy, floor_set, lowering: None, ..standing.clone() };
    record(DecisionEvent::PolicySet(event), Recorded::Standing(after))
}

/// Tokens are made where the runtime root is: whoever reaches a server over the network cannot make a second self.
fn token_maker(govern: &Govern) -> Result<(Approver, &Principal), Denial> {
    let by = operator(govern)?;
    if govern.caller.surface != Surface::Cli {
        let said = "Tokens are made on the machine that holds the ledger. Nothing was changed.";
        return Err(Denial::new(ErrorCode::ScopeForbidden, said));
    }
    gate::text_accepted("reason", &govern.reason)?;
    Ok((by, gate::authenticated(&govern.caller)?))
}

fn may_give(maker: &Principal, kind: PrincipalKind, roles: &Roles) -> Result<(), Denial> {
    let refuse = |said: String| Err(Denial::new(ErrorCode::RoleForbidden, format!("{said} Nothing was changed.")));
    match (kind, roles.is_empty()) {
        (PrincipalKind::Worker, false) => refuse("A worker's token carries no role.".to_owned()),
        (PrincipalKind::Operator | PrincipalKind::Agent, true) => refuse("The token would carry no role.".to_owned()),
        _ if roles.len() > TOKEN_ROLES_MAX => refuse(format!("A token carries at most {TOKEN_ROLES_MAX} roles.")),
        (PrincipalKind::Anonymous, _) => refuse("Nobody in particular has no token.".to_owned()),
        (PrincipalKind::Operator | PrincipalKind::Agent | PrincipalKind::Worker, _) => {
            match roles.iter().find(|role| !maker.roles.contains(role)) {
                Some(role) => refuse(format!("You cannot give the role {role}, which you do not hold.")),
                None => Ok(()),
            }
        }
    }
}

fn create_token(govern: &Govern, facts: &GovernanceFacts, last: Last) -> Result<Decision, Denial> {
    let Decide::CreateToken { id, sha256, kind, name, roles, sponsor, ttl } = &govern.what else {
        return Err(super::unanswered(gate::GateId::Authenticated));
    };
    let (by, maker) = token_maker(govern)?;
    may_give(maker, *kind, roles)?;
    if sponsor.as_deref().is_some_and(|sponsor| !is_nameable(sponsor)) {
        let said = "`sponsor` is no principal's id. Nothing was changed.";
        return Err(Denial::new(ErrorCode::ArgumentsInvalid, said));
    }
    if live_tokens(&facts.tokens, govern.now) > 0 {
        let said = format!("{} has a valid token. Nothing was changed.", principal_id(*kind, name));
        return Err(Denial::new(ErrorCode::TokenLimit, said));
    }
    let created_at = stamp(govern.now, last.decisions);
    let sponsor = match kind {
        PrincipalKind::Agent => sponsor.clone().or_else(|| Some(by.principal.clone())),
        PrincipalKind::Operator | PrincipalKind::Worker | PrincipalKind::Anonymous => None,
    };
    let record = TokenRecord {
        id: id.clone(),
        kind: *kind,
        name: name.clone(),
        roles: roles.clone(),
        sponsor,
        sha256: *sha256,
        created_at,
        created_by: by.principal.clone(),
        expires_at: expiry(created_at, *ttl),
        revoked: None,
    };
    Ok(token_made(govern, record, None))
}

fn rotate_token(govern: &Govern, facts: &GovernanceFacts, last: Last) -> Result<Decision, Denial> {
    let Decide::RotateToken { id, sha256, ttl, .. } = &govern.what else {
        return Err(super::unanswered(gate::GateId::Authenticated));
    };
    let (by, maker) = token_maker(govern)?;
    let old = facts.token.as_ref().ok_or_else(no_token)?;
    may_give(maker, old.kind, &old.roles)?;
    if old.state(govern.now) != TokenState::Live {
        let said = format!("The token {} is {}. Nothing was changed.", old.id, old.state(govern.now).as_str());
        return Err(Denial::new(ErrorCode::TokenNotFound, said));
    }
    if live_tokens(&facts.tokens, govern.now) >= TOKENS_LIVE_MAX {
        let said = format!("{} has two valid tokens already. Nothing was changed.", old.principal_id());
        return Err(Denial::new(ErrorCode::TokenLimit, said));
    }
    let created_at = stamp(govern.now, last.decisions);
    let record = TokenRecord {
        id: id.clone(),
        sha256: *sha256,
        created_at,
        created_by: by.principal.clone(),
        expires_at: expiry(created_at, *ttl),
        revoked: None,
        ..old.clone()
    };
    Ok(token_made(govern, record, Some(old)))
}

fn expiry(from: jiff::Timestamp, ttl: jiff::SignedDuration) -> jiff::Timestamp {
    let ttl = ttl.clamp(jiff::SignedDuration::from_secs(1), TOKEN_TTL_MAX);
    to_micros(from.checked_add(ttl).unwrap_or(jiff::Timestamp::MAX))
}

fn token_made(govern: &Govern, made: TokenRecord, replaces: Option<&TokenRecord>) -> Decision {
    let event = TokenMade {
        record: made.clone(),
        replaces: replaces.map(|old| old.id.clone()),
        surface: govern.caller.surface,
        reason: govern.reason.given().map(ToString::to_string),
    };
    record(DecisionEvent::TokenMade(Box::new(event)), Recorded::Token(made))
}

fn revoke_token(govern: &Govern, facts: &GovernanceFacts, last: Last) -> Result<Decision, Denial> {
    let by = operator(govern)?;
    gate::text_accepted("reason", &govern.reason)?;
    let mut token = facts.token.clone().ok_or_else(no_token)?;
    if token.revoked.is_some() {
        return Ok(Decision::Answer(Box::new(Verdict::Recorded(Box::new(Recorded::Token(token))))));
    }
    let act = act(govern, by, last);
    token.revoked = Some((act.at, act.by.to_string()));
    Ok(record(DecisionEvent::TokenRevoked(TokenRevoked { id: token.id.clone(), act }), Recorded::Token(token)))
}

fn no_token() -> Denial {
    Denial::new(ErrorCode::TokenNotFound, "There is no token with this id. Nothing was changed.")
}

/// Whether a process that was configured with this policy may start with queueing switched on.
///
/// # Errors
/// `POLICY_BELOW_FLOOR` when operators have set a stricter one.
pub fn starts_with(configured: ApprovalPolicy, standing: &Standing) -> Result<(), Denial> {
    if configured >= standing.floor {
        return Ok(());
    }
    Err(Denial::new(
        ErrorCode::PolicyBelowFloor,
        format!(
            "Operators have set the approval policy to at least `{}`; this process is configured with `{}`.",
            standing.floor.as_str(),
            configured.as_str()
        ),
    ))
}
