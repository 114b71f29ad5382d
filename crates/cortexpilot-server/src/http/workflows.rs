//! Workflow cases, read only.

use cortexpilot_core::port::runs::{WorkflowCase, WorkflowDetail};

use super::call::Call;
use super::error::ok;
use super::list::List;
use super::openapi::parameters::{PageParams, WorkflowPath};
use super::openapi::shapes::ListOf;
use super::table::{Answer, Operation, operation};
use cortexpilot_core::error::ErrorCode::*;

pub(super) fn operations() -> Vec<Operation> {
    vec![operation!(list, Read, Token), operation!(get, Read, Token).codes(&[&[WorkflowNotFound]])]
}

/// Lists workflow cases, the one with the newest run first.
#[utoipa::path(
    get,
    path = "/api/workflows",
    operation_id = "workflows_list",
    tag = "workflows",
    params(PageParams),
    responses((status = 200, description = "The cases.", body = ListOf<WorkflowCase>))
)]
pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let page = call.query.page()?;
        let listing = call.state.app.reader().runs().workflows(page.clone().unwrap_or_default()).await?;
        Ok(List::of_runs(listing).answer(page.is_some()))
    })
}

/// Shows one workflow case with its runs and events.
#[utoipa::path(
    get,
    path = "/api/workflows/{workflow_id}",
    operation_id = "workflow_get",
    tag = "workflows",
    params(WorkflowPath),
    responses((status = 200, description = "The case.", body = WorkflowDetail))
)]
pub(crate) fn get(call: Call) -> Answer {
    Box::pin(async move { Ok(ok(&call.state.app.reader().runs().workflow(call.segment.trim()).await?)) })
}
