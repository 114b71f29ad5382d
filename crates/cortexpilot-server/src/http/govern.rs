//! What holds for everybody: how the gate stands, freeze, personal tokens. Who may change it is judged in the store's turn;
//! tokens are made and rotated where the runtime root is, and nowhere here.

use cortexpilot_core::domain::governance::Standing;
use cortexpilot_core::port::receipts::LineOf;

use super::approvals::stating;
use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::receipt::acknowledged;
use super::scope;
use super::table::Answer;
use crate::wire::item::ProblemView;
use crate::wire::{StandingView, TokenView};

fn view(call: &Call, standing: &Standing) -> StandingView {
    let app = &call.state.app;
    StandingView::of(standing, app.policy(), app.reader().now())
}

pub(crate) fn gate(call: Call) -> Answer {
    Box::pin(async move {
        scope::standing(&call.caller)?;
        let standing = call.state.app.reader().standing().await?;
        Ok(ok(&view(&call, &standing)))
    })
}

pub(crate) fn freeze(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let standing = call.state.app.freeze(&call.caller, stating).await?;
        Ok(acknowledged(&call, Some(LineOf::Frozen), &view(&call, &standing)).await)
    })
}

pub(crate) fn unfreeze(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let standing = call.state.app.unfreeze(&call.caller, stating).await?;
        Ok(acknowledged(&call, Some(LineOf::Unfrozen), &view(&call, &standing)).await)
    })
}

/// The cursor is the id of the last token given out; ids order the list.
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

pub(crate) fn revoke(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let app = &call.state.app;
        let record = app.revoke_token(&call.caller, &call.segment, stating).await?;
        let of = LineOf::Token(record.id.clone());
        Ok(acknowledged(&call, Some(of), &TokenView::of(&record, app.reader().now())).await)
    })
}
