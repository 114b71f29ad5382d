//! Runs, read only.

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::runs::{
    EventsQuery, FileProblem, OUTCOME_TYPES, PageQuery, ReadProblem, Report, RunDetail, RunFilter, RunRow,
};
use jiff::Timestamp;
use serde_json::Value;

use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::openapi::codes::RUN;
use super::openapi::parameters::{PageParams, RunPath};
use super::openapi::shapes::{ListOf, Open};
use super::table::{Answer, Operation, operation};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(list, Read, Token),
        operation!(get, Read, Token).codes(&[RUN]),
        operation!(events, Read, Token).codes(&[RUN]),
        operation!(reports, Read, Token).codes(&[RUN]),
    ]
}

/// Which runs are wanted. Whatever is sent must hold, all together.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct RunsParams {
    /// Only runs whose manifest names this status, in any case.
    #[param(nullable = false, example = "FAILURE")]
    status: Option<String>,
    /// Only runs of this workflow.
    #[param(nullable = false)]
    workflow_id: Option<String>,
    /// Only runs that ended like this: `success`, `gate`, `manual`, `env`, `product`, `failure`, `in_progress` or `unknown`.
    #[param(nullable = false, example = "gate")]
    outcome: Option<String>,
    /// Only runs of this task.
    #[param(nullable = false)]
    task_id: Option<String>,
    /// Only runs created then or later: ISO 8601 with an offset or `Z`.
    #[param(nullable = false, example = "2026-03-01T12:00:00Z")]
    since: Option<String>,
    /// Only runs created before then: ISO 8601 with an offset or `Z`.
    #[param(nullable = false)]
    until: Option<String>,
}

/// Lists runs, newest first.
///
/// Their order, and what `since` and `until` go by, is `created_at`; where a run names none, the time its manifest was
/// written.
#[utoipa::path(
    get,
    path = "/api/runs",
    operation_id = "runs_list",
    tag = "runs",
    params(RunsParams, PageParams),
    responses((status = 200, description = "The runs.", body = ListOf<RunRow>))
)]
pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let (page, filter) = (call.query.page()?, filter(&call)?);
        let listing = call.state.app.reader().runs().select(filter, page.clone().unwrap_or_default()).await?;
        Ok(List::of_runs(listing).answer(page.is_some()))
    })
}

fn filter(call: &Call) -> Result<RunFilter, Refused> {
    let text = |name| call.query.text(name).map(str::to_owned);
    let outcome = text("outcome").map(|outcome| outcome.to_ascii_lowercase());
    if outcome.as_deref().is_some_and(|outcome| !OUTCOME_TYPES.contains(&outcome)) {
        let words = OUTCOME_TYPES.join(", ");
        return Err(Refused::form(format!("The query parameter `outcome` must be one of {words}.")));
    }
    let time = |name| match call.query.text(name).map(str::parse::<Timestamp>) {
        None => Ok(None),
        Some(Ok(time)) => Ok(Some(time)),
        Some(Err(_)) => {
            let said = format!("The query parameter `{name}` must be a time as ISO 8601 with an offset or Z.");
            Err(Refused::form(said))
        }
    };
    Ok(RunFilter {
        status: text("status"),
        workflow_id: text("workflow_id"),
        outcome,
        task_id: text("task_id"),
        since: time("since")?,
        until: time("until")?,
    })
}

/// Shows one run with its manifest and contract.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}",
    operation_id = "run_get",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "The run.", body = RunDetail))
)]
pub(crate) fn get(call: Call) -> Answer {
    Box::pin(async move {
        let id = run_id(&call)?;
        Ok(ok(&call.state.app.reader().runs().get(&id).await?))
    })
}

/// Which events are wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct EventsParams {
    /// Only events after this time, compared as instants (as text where one of the two is no time).
    #[param(nullable = false)]
    since: Option<String>,
    /// At most so many; alone it keeps the plain array, with `cursor` it is the size of a page (at most 500).
    #[param(minimum = 1, nullable = false)]
    limit: Option<u32>,
    /// With `limit`: the last ones instead of the first. Not together with `cursor`.
    #[param(nullable = false)]
    tail: Option<bool>,
    /// `next_cursor` of the page before; blank asks for the first page.
    #[param(nullable = false)]
    cursor: Option<String>,
}

// `limit` alone keeps the plain array that existing clients ask for; `cursor`, blank for the first page, asks for pages.
/// Lists a run's events in file order: after `since`, the first `limit`, or with `tail` the last.
///
/// A run that is not there has no events: an empty array. With `cursor` it is 404.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/events",
    operation_id = "run_events",
    tag = "runs",
    params(RunPath, EventsParams),
    responses((status = 200, description = "The events, each as its line has it.", body = ListOf<Open>))
)]
pub(crate) fn events(call: Call) -> Answer {
    Box::pin(async move {
        let id = run_id(&call)?;
        let (since, tail) = (call.query.text("since").map(str::to_owned), call.query.flag("tail")?);
        let page = if call.query.has("cursor") { call.query.page()? } else { None };
        if page.is_some() && tail {
            return Err(Refused::form("`cursor` and `tail` cannot be sent together."));
        }
        let query = match page.clone() {
            Some(PageQuery { limit, after }) => EventsQuery { since, limit, tail, after, ..EventsQuery::default() },
            None => EventsQuery { since, limit: call.query.count("limit")?, tail, ..EventsQuery::default() },
        };
        let list = match call.state.app.reader().runs().events(&id, query).await {
            Ok(events) => List::new(events.events, events.next, &events.problems),
            Err(problem) => none_where_none_was(problem, page.is_some())?,
        };
        Ok(list.answer(page.is_some()))
    })
}

/// Lists a run's reports, then those that its state implies.
///
/// A run that is not there has no reports: an empty array. With `limit` or `cursor` it is 404.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/reports",
    operation_id = "run_reports",
    tag = "runs",
    params(RunPath, PageParams),
    responses((status = 200, description = "The reports.", body = ListOf<Report>))
)]
pub(crate) fn reports(call: Call) -> Answer {
    Box::pin(async move {
        let id = run_id(&call)?;
        let page = call.query.page()?;
        let list = match call.state.app.reader().runs().reports(&id, page.clone().unwrap_or_default()).await {
            Ok(reports) => {
                let all: Vec<Value> = reports.stored.iter().chain(&reports.derived).map(value).collect();
                List::new(all, reports.next, &reports.problems)
            }
            Err(problem) => none_where_none_was(problem, page.is_some())?,
        };
        Ok(list.answer(page.is_some()))
    })
}

fn value(report: &Report) -> Value {
    serde_json::to_value(report).expect("invariant: reports serialise")
}

/// Existing clients get an empty array for the events and reports of a run that is not there; pages, which they do not
/// ask for, say so.
fn none_where_none_was(problem: ReadProblem, paged: bool) -> Result<List<Value>, Refused> {
    if problem == ReadProblem::NotFound && !paged {
        return Ok(List::new(Vec::new(), None, &[] as &[FileProblem]));
    }
    Err(problem.into())
}

/// The run that the path names.
pub(super) fn run_id(call: &Call) -> Result<RunId, Refused> {
    named("run_id", &call.segment)
}

/// A run's id, by the name of what holds it.
pub(super) fn named(what: &str, id: &str) -> Result<RunId, Refused> {
    RunId::parse(id).map_err(|problem| {
        let said = format!("The {what} is not valid: {problem}.");
        Refused::Failure(Failure::Denied(Denial::new(ErrorCode::RunIdInvalid, said)))
    })
}
