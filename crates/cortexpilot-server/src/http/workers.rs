//! Workers that say that they are there. Notes for people: they are no lines, and nothing rests on them.

use cortexpilot_core::error::ErrorCode::*;

use super::call::Call;
use super::list::List;
use super::openapi::parameters::PageParams;
use super::openapi::shapes::ListOf;
use super::receipt::acknowledged;
use super::scope;
use super::table::{Answer, Operation, operation};
use crate::wire::item::ProblemView;
use crate::wire::{PresenceArgs, PresentView, WorkerView};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(list, Read, Token).codes(&[&[ScopeForbidden]]),
        operation!(presence, Write, Token).codes(&[&[ScopeForbidden]]),
    ]
}

// The cursor is the name of the last worker given out; names order the list.
/// Lists workers that said in the last three minutes that they are there, by name. Operators only.
#[utoipa::path(
    get,
    path = "/api/workers",
    operation_id = "workers_list",
    tag = "work",
    params(PageParams),
    responses((status = 200, description = "The workers.", body = ListOf<WorkerView>))
)]
pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        scope::workers(&call.caller)?;
        let page = call.query.page()?;
        let (limit, after) = page.clone().map_or((None, None), |page| (page.limit, page.after));
        let workers = call.state.app.reader().workers().await?;
        let behind = |name: &str| after.as_deref().is_none_or(|after| name > after);
        let mut behind = workers.iter().filter(|presence| behind(&presence.worker));
        let shown: Vec<WorkerView> = behind.by_ref().take(limit.unwrap_or(usize::MAX)).map(WorkerView::of).collect();
        let more = behind.next().is_some();
        let next = shown.last().filter(|_| more).map(|last| last.worker.clone());
        Ok(List::new(shown, next, &[] as &[ProblemView]).answer(page.is_some()))
    })
}

/// Says that a worker is there, for people to see; about once a minute.
#[utoipa::path(
    post,
    path = "/api/workers/presence",
    operation_id = "worker_presence",
    tag = "work",
    request_body = PresenceArgs,
    responses((status = 200, description = "It was written down.", body = PresentView))
)]
pub(crate) fn presence(call: Call) -> Answer {
    Box::pin(async move {
        let args: PresenceArgs = call.body()?;
        let app = &call.state.app;
        let name = args.name()?;
        if args.gone == Some(true) {
            app.absent(&call.caller, &name, &call.role).await?;
        } else {
            app.present(&call.caller, &name, args.report(app.reader().now())?, &call.role).await?;
        }
        Ok(acknowledged(&call, None, &PresentView::kept()).await)
    })
}
