//! What follows from a run, and what is gathered from all of them, read only: comparison, proof and incident of one run;
//! contracts, diff gate, reviews, tests and newest events of all.

use cortexpilot_core::port::runs::{
    DiffGateRow, FileProblem, Listing, PageQuery, ReadProblem, RunCompare, RunIncident, RunProof, RunReport,
};
use serde::Serialize;

use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::openapi::codes::RUN;
use super::openapi::parameters::{PageParams, RunPath};
use super::openapi::shapes::{ListOf, Open};
use super::runs::{named, run_id};
use super::table::{Answer, Operation, operation};

/// How many events are shown of all runs unless asked otherwise.
const EVENTS_DEFAULT: usize = 200;
/// As many can be asked for as existing clients may.
const EVENTS_ASKED_MAX: usize = 5_000;
/// And so many are shown at most.
const EVENTS_MAX: usize = 2_000;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(compare, Read, Token).codes(&[RUN]),
        operation!(proof, Read, Token).codes(&[RUN]),
        operation!(incident, Read, Token).codes(&[RUN]),
        operation!(contracts, Read, Token),
        operation!(diff_gate, Read, Token),
        operation!(reviews, Read, Token),
        operation!(tests, Read, Token),
        operation!(events, Read, Token),
    ]
}

/// With which run it is compared.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct CompareParams {
    /// Another run. Without it the answer is the comparison that the run's writer stored, if any.
    #[param(nullable = false, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    with: Option<String>,
}

/// Shows a run's stored comparison, and compares it with another run where one is named.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/compare",
    operation_id = "run_compare",
    tag = "runs",
    params(RunPath, CompareParams),
    responses((status = 200, description = "The comparison.", body = RunCompare))
)]
pub(crate) fn compare(call: Call) -> Answer {
    Box::pin(async move {
        let id = run_id(&call)?;
        let with = call.query.text("with").map(|with| named("parameter `with`", with)).transpose()?;
        Ok(ok(&call.state.app.reader().runs().compare(&id, with.as_ref()).await?))
    })
}

/// Shows a run's proof pack, stored or derived, and whether its evidence is still what was recorded.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/proof",
    operation_id = "run_proof",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "The proof.", body = RunProof))
)]
pub(crate) fn proof(call: Call) -> Answer {
    Box::pin(async move { Ok(ok(&call.state.app.reader().runs().proof(&run_id(&call)?).await?)) })
}

/// Shows a run's incident pack, stored or derived from why it failed or stands still.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/incident",
    operation_id = "run_incident",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "The incident; an empty pack where there is none.", body = RunIncident))
)]
pub(crate) fn incident(call: Call) -> Answer {
    Box::pin(async move { Ok(ok(&call.state.app.reader().runs().incident(&run_id(&call)?).await?)) })
}

/// Lists the task contracts of runs, newest run first.
///
/// Each is the contract's members, then `_source` (always `runs`), `_path`, `_run_id`, `_sha256`, and `_problems` where
/// something could not be read.
#[utoipa::path(
    get,
    path = "/api/contracts",
    operation_id = "contracts_list",
    tag = "runs",
    params(PageParams),
    responses((status = 200, description = "The contracts.", body = ListOf<Open>))
)]
pub(crate) fn contracts(call: Call) -> Answer {
    Box::pin(async move {
        let page = call.query.page()?;
        answer(call.state.app.reader().runs().contracts(page.clone().unwrap_or_default()).await, page.as_ref())
    })
}

/// Lists the runs that met the diff gate, newest run first.
#[utoipa::path(
    get,
    path = "/api/diff-gate",
    operation_id = "diff_gate_list",
    tag = "runs",
    params(PageParams),
    responses((status = 200, description = "The runs.", body = ListOf<DiffGateRow>))
)]
pub(crate) fn diff_gate(call: Call) -> Answer {
    Box::pin(async move {
        let page = call.query.page()?;
        let wanted = page.clone().unwrap_or_default();
        answer(call.state.app.reader().runs().diff_gates(None, wanted).await, page.as_ref())
    })
}

/// Lists the review reports of runs, newest run first.
#[utoipa::path(
    get,
    path = "/api/reviews",
    operation_id = "reviews_list",
    tag = "runs",
    params(PageParams),
    responses((status = 200, description = "The reports.", body = ListOf<RunReport>))
)]
pub(crate) fn reviews(call: Call) -> Answer {
    reports(call, "review_report.json")
}

/// Lists the test reports of runs, newest run first.
#[utoipa::path(
    get,
    path = "/api/tests",
    operation_id = "tests_list",
    tag = "runs",
    params(PageParams),
    responses((status = 200, description = "The reports.", body = ListOf<RunReport>))
)]
pub(crate) fn tests(call: Call) -> Answer {
    reports(call, "test_report.json")
}

fn reports(call: Call, name: &'static str) -> Answer {
    Box::pin(async move {
        let page = call.query.page()?;
        let wanted = page.clone().unwrap_or_default();
        answer(call.state.app.reader().runs().reports_named(name, wanted).await, page.as_ref())
    })
}

/// How many events are wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct RecentParams {
    /// At most so many; of more than 2,000 the newest 2,000 are shown.
    #[param(minimum = 1, maximum = 5000, default = 200, nullable = false)]
    limit: Option<u32>,
}

/// Lists the newest events of all runs, newest first, each with its `_run_id`.
#[utoipa::path(
    get,
    path = "/api/events",
    operation_id = "events_list",
    tag = "runs",
    params(RecentParams),
    responses((status = 200, description = "The events.", body = Vec<Open>))
)]
pub(crate) fn events(call: Call) -> Answer {
    Box::pin(async move {
        let limit = call.query.count("limit")?.unwrap_or(EVENTS_DEFAULT);
        if limit > EVENTS_ASKED_MAX {
            return Err(Refused::form(format!("The query parameter `limit` must be 1 to {EVENTS_ASKED_MAX}.")));
        }
        let found = call.state.app.reader().runs().recent_events(limit.min(EVENTS_MAX)).await?;
        Ok(List::new(found.events, None, &found.problems).answer(false))
    })
}

/// Answers a list of what can be large: where it does not fit into one array, that is said.
fn answer<T: Serialize>(found: Result<Listing<T>, ReadProblem>, page: Option<&PageQuery>) -> Answered {
    let listing = found?;
    let cut = page.is_none() && listing.next.is_some();
    let mut list = List::of_runs(listing);
    if cut {
        let problem = "has more than fits into one array: ask for it with `limit` and `cursor`".to_owned();
        let problem = FileProblem { file: ".".into(), line: None, problem };
        list.problems.push(serde_json::to_value(problem).expect("invariant: problems serialise"));
    }
    Ok(list.answer(page.is_some()))
}

type Answered = Result<axum::response::Response, Refused>;
