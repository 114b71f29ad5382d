//! What holds for everybody: how the gate stands, freeze, personal tokens. Who may change it is judged in the store's turn;
//! tokens are made and rotated where the runtime root is, and nowhere here.

use cortexpilot_core::domain::governance::Standing;
use cortexpilot_core::error::ErrorCode::*;
use cortexpilot_core::port::receipts::LineOf;

use super::approvals::stating;
use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::openapi::parameters::{PageParams, TokenPath};
use super::openapi::shapes::ListOf;
use super::receipt::acknowledged;
use super::scope;
use super::table::{Answer, Operation, operation};
use crate::wire::governance::GateStandingView;
use crate::wire::item::ProblemView;
use crate::wire::{DecisionArgs, TokenView};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(gate, Read, Token).codes(&[&[ScopeForbidden]]),
        operation!(freeze, Write, Token).codes(&[&[MetadataRequired, ApproverUnverified, ScopeForbidden]]),
        operation!(unfreeze, Write, Token).codes(&[&[MetadataRequired, ApproverUnverified, ScopeForbidden]]),
        operation!(pause, Write, Token).codes(&[&[ApproverUnverified, ScopeForbidden]]),
        operation!(resume, Write, Token).codes(&[&[ApproverUnverified, ScopeForbidden]]),
        operation!(tokens, Read, Token).codes(&[&[ScopeForbidden]]),
        operation!(revoke, Write, Token).codes(&[&[
            TokenNotFound,
            MetadataRequired,
            ApproverUnverified,
            ScopeForbidden,
        ]]),
    ]
}

fn view(call: &Call, standing: &Standing) -> GateStandingView {
    let app = &call.state.app;
    GateStandingView::of(standing, app.policy(), app.reader().now(), &call.state.started)
}

/// Shows whether agents may queue here, since when and by whom, who says yes, the policy floor and a freeze.
#[utoipa::path(
    get,
    path = "/api/gate",
    operation_id = "gate_get",
    tag = "governance",
    responses((status = 200, description = "How the gate stands.", body = GateStandingView))
)]
pub(crate) fn gate(call: Call) -> Answer {
    Box::pin(async move {
        scope::standing(&call.caller)?;
        let standing = call.state.app.reader().standing().await?;
        Ok(ok(&view(&call, &standing)))
    })
}

/// Stops applies, approvals and claims in every process; cancelling and completing go on. Operators only.
#[utoipa::path(
    post,
    path = "/api/gate/freeze",
    operation_id = "gate_freeze",
    tag = "governance",
    request_body = DecisionArgs,
    responses((status = 200, description = "How the gate stands, frozen.", body = GateStandingView))
)]
pub(crate) fn freeze(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let standing = call.state.app.freeze(&call.caller, stating).await?;
        Ok(acknowledged(&call, Some(LineOf::Frozen), &view(&call, &standing)).await)
    })
}

/// Ends a freeze, with a reason. Operators only.
#[utoipa::path(
    post,
    path = "/api/gate/unfreeze",
    operation_id = "gate_unfreeze",
    tag = "governance",
    request_body = DecisionArgs,
    responses((status = 200, description = "How the gate stands.", body = GateStandingView))
)]
pub(crate) fn unfreeze(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let standing = call.state.app.unfreeze(&call.caller, stating).await?;
        Ok(acknowledged(&call, Some(LineOf::Unfrozen), &view(&call, &standing)).await)
    })
}

/// Stops claims in every process, and nothing else: queueing goes on, and what is claimed is finished. Operators only.
#[utoipa::path(
    post,
    path = "/api/gate/pause",
    operation_id = "gate_pause",
    tag = "governance",
    request_body = DecisionArgs,
    responses((status = 200, description = "How the gate stands, paused.", body = GateStandingView))
)]
pub(crate) fn pause(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let standing = call.state.app.pause(&call.caller, stating).await?;
        Ok(acknowledged(&call, Some(LineOf::Paused), &view(&call, &standing)).await)
    })
}

/// Ends a pause: workers claim again. Operators only.
#[utoipa::path(
    post,
    path = "/api/gate/resume",
    operation_id = "gate_resume",
    tag = "governance",
    request_body = DecisionArgs,
    responses((status = 200, description = "How the gate stands.", body = GateStandingView))
)]
pub(crate) fn resume(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let standing = call.state.app.resume(&call.caller, stating).await?;
        Ok(acknowledged(&call, Some(LineOf::Resumed), &view(&call, &standing)).await)
    })
}

// The cursor is the id of the last token given out; ids order the list.
/// Lists personal tokens by id, without anything that they could be used or recognised by. Operators only.
#[utoipa::path(
    get,
    path = "/api/tokens",
    operation_id = "tokens_list",
    tag = "governance",
    params(PageParams),
    responses((status = 200, description = "The tokens.", body = ListOf<TokenView>))
)]
pub(crate) fn tokens(call: Call) -> Answer {
    Box::pin(async move {
        scope::tokens(&call.caller)?;
        let page = call.query.page()?;
        let (limit, after) = page.clone().map_or((None, None), |page| (page.limit, page.after));
        if after.as_ref().is_some_and(|id| cortexpilot_core::domain::token::TokenId::parse(id).is_none()) {
            return Err(Refused::form("`cursor` is not one that this list gave out."));
        }
        let reader = call.state.app.reader();
        let now = reader.now();
        let records = reader.tokens().await?;
        let behind = |id: &str| after.as_deref().is_none_or(|after| id > after);
        let mut records = records.iter().filter(|record| behind(record.id.as_str()));
        let tokens: Vec<TokenView> =
            records.by_ref().take(limit.unwrap_or(usize::MAX)).map(|record| TokenView::of(record, now)).collect();
        let more = records.next().is_some();
        let next = tokens.last().filter(|_| more).map(|token| token.id.clone());
        Ok(List::new(tokens, next, &[] as &[ProblemView]).answer(page.is_some()))
    })
}

/// Takes a personal token back, in every process from its next request on. Operators only.
#[utoipa::path(
    post,
    path = "/api/tokens/{token_id}/revoke",
    operation_id = "token_revoke",
    tag = "governance",
    params(TokenPath),
    request_body = DecisionArgs,
    responses((status = 200, description = "The token, taken back.", body = TokenView))
)]
pub(crate) fn revoke(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let app = &call.state.app;
        let record = app.revoke_token(&call.caller, &call.segment, stating).await?;
        let of = LineOf::Token(record.id.clone());
        Ok(acknowledged(&call, Some(of), &TokenView::of(&record, app.reader().now())).await)
    })
}
