//! Runs, read only.

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::runs::{EventsQuery, FileProblem, PageQuery, ReadProblem, Report};
use serde_json::Value;

use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::table::Answer;

pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let page = call.query.page()?;
        let listing = call.state.app.reader().runs().list(page.clone().unwrap_or_default()).await?;
        Ok(List::of_runs(listing).answer(page.is_some()))
    })
}

pub(crate) fn get(call: Call) -> Answer {
    Box::pin(async move {
        let id = run_id(&call)?;
        Ok(ok(&call.state.app.reader().runs().get(&id).await?))
    })
}

/// `limit` alone keeps the plain array that existing clients ask for; `cursor`, blank for the first page, asks for pages.
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

fn run_id(call: &Call) -> Result<RunId, Refused> {
    RunId::parse(&call.segment).map_err(|problem| {
        let said = format!("The run_id is not valid: {problem}.");
        Refused::Failure(Failure::Denied(Denial::new(ErrorCode::RunIdInvalid, said)))
    })
}
