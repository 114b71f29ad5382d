//! What each read-only tool answers.

use cortexpilot_core::app::{Failure, Reader};
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::runs::{EventsQuery, Listing, PageQuery, RootState, RunSnapshot, StoredReport};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mcp::RawArguments;
use crate::mcp::refused::Refused;
use crate::wire::item::{ItemView, ProblemView};
use crate::wire::refusal::read_failure;

/// How many entries a page has unless asked otherwise, and at most: a model's context is small.
const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageArgs {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunArgs {
    run_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunPageArgs {
    run_id: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowArgs {
    workflow_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueArgs {
    workflow_id: Option<String>,
    status: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Carries out one tool. The table and this match name the same tools; a test calls each.
pub(super) async fn answer(reader: &Reader, tool: &str, arguments: RawArguments<'_>) -> Result<Body, Refused> {
    let runs = reader.runs();
    match tool {
        "list_runs" => {
            let args: PageArgs = parse(arguments)?;
            let listing = runs.records(page(args.limit, args.cursor)?).await.map_err(failed)?;
            Ok(Body::new().with("runs", &listing.items).page(reader, &listing))
        }
        "get_run" => {
            let id = needed_run(parse::<RunArgs>(arguments)?.run_id)?;
            let run = runs.get(&id).await.map_err(failed)?;
            Ok(Body::new().with("run_id", &id.as_str()).with("run", &RunSnapshot(&run)))
        }
        "get_run_events" => {
            let args: RunPageArgs = parse(arguments)?;
            let id = needed_run(args.run_id)?;
            let page = page(args.limit, args.cursor)?;
            let query = EventsQuery { limit: page.limit, after: page.after, ..EventsQuery::default() };
            let events = runs.events(&id, query).await.map_err(failed)?;
            Ok(Body::new()
                .with("run_id", &id.as_str())
                .with("events", &events.events)
                .next(events.next.as_deref())
                .problems(&events.problems))
        }
        "get_run_reports" => {
            let args: RunPageArgs = parse(arguments)?;
            let id = needed_run(args.run_id)?;
            let reports = runs.reports(&id, page(args.limit, args.cursor)?).await.map_err(failed)?;
            Ok(Body::new()
                .with("run_id", &id.as_str())
                .with("reports", &reports.stored)
                .next(reports.next.as_deref())
                .problems(&reports.problems))
        }
        "list_workflows" => {
            let args: PageArgs = parse(arguments)?;
            let listing = runs.workflows(page(args.limit, args.cursor)?).await.map_err(failed)?;
            Ok(Body::new().with("workflows", &listing.items).page(reader, &listing))
        }
        "get_workflow" => {
            let id = parse::<WorkflowArgs>(arguments)?.workflow_id;
            let id = id.filter(|id| !id.trim().is_empty()).ok_or_else(|| required("workflow_id"))?;
            let detail = runs.workflow(id.trim()).await.map_err(failed)?;
            Ok(Body::new().with("workflow_id", &id.trim()).with("workflow_detail", &detail))
        }
        "list_queue" => queue(reader, parse(arguments)?).await,
        "get_pending_approvals" => {
            let args: RunPageArgs = parse(arguments)?;
            let id = optional_run(args.run_id.as_deref())?;
            let page = page(args.limit, args.cursor)?;
            let listing = runs.pending_approvals(id.as_ref(), page).await.map_err(failed)?;
            Ok(Body::new()
                .with("run_id", &id.as_ref().map(RunId::as_str))
                .with("approvals", &listing.items)
                .next(listing.next.as_deref()))
        }
        "get_diff_gate_state" => {
            let args: RunPageArgs = parse(arguments)?;
            let id = optional_run(args.run_id.as_deref())?;
            let page = page(args.limit, args.cursor)?;
            let listing = runs.diff_gates(id.as_ref(), page).await.map_err(failed)?;
            Ok(Body::new()
                .with("run_id", &id.as_ref().map(RunId::as_str))
                .with("diff_gates", &listing.items)
                .next(listing.next.as_deref()))
        }
        "get_compare_summary" => {
            let id = needed_run(parse::<RunArgs>(arguments)?.run_id)?;
            Ok(stored(&id, "compare_summary", &runs.compare_summary(&id).await.map_err(failed)?))
        }
        "get_proof_summary" => {
            let id = needed_run(parse::<RunArgs>(arguments)?.run_id)?;
            Ok(stored(&id, "proof_pack", &runs.proof_summary(&id).await.map_err(failed)?))
        }
        "get_incident_summary" => {
            let id = needed_run(parse::<RunArgs>(arguments)?.run_id)?;
            Ok(stored(&id, "incident_pack", &runs.incident_summary(&id).await.map_err(failed)?))
        }
        _ => Err(Refused::Arguments("There is no such tool.".into())),
    }
}

async fn queue(reader: &Reader, args: QueueArgs) -> Result<Body, Refused> {
    let page = page(args.limit, args.cursor)?;
    let after_seq = match page.after.as_deref().map(str::parse) {
        None => None,
        Some(Ok(seq)) => Some(seq),
        Some(Err(_)) => return Err(Refused::Arguments("`cursor` is not one that this list gave out.".into())),
    };
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let filter = QueueFilter {
        workflow_id: given(&args.workflow_id),
        status: given(&args.status).map(|status| status.to_ascii_uppercase()),
        after_seq,
        limit: page.limit,
    };
    let listing = reader.queue().items(&filter).await.map_err(Failure::from)?;
    let now = reader.now();
    let items: Vec<ItemView> = listing.items.iter().map(|item| ItemView::of(item, now)).collect();
    let next = listing.items.last().filter(|_| listing.more).map(|item| item.seq.to_string());
    let problems: Vec<ProblemView> = listing.problems.iter().map(ProblemView::of).collect();
    Ok(Body::new()
        .with("workflow_id", &filter.workflow_id)
        .with("status", &filter.status)
        .with("queue", &items)
        .next(next.as_deref())
        .problems(&problems))
}

fn stored(id: &RunId, member: &'static str, report: &StoredReport) -> Body {
    Body::new().with("run_id", &id.as_str()).with(member, &report.data).problems(&report.problems)
}

fn parse<T: serde::de::DeserializeOwned>(arguments: RawArguments<'_>) -> Result<T, Refused> {
    arguments.parse().map_err(|problem| Refused::Arguments(problem.to_string()))
}

fn page(limit: Option<u32>, cursor: Option<String>) -> Result<PageQuery, Refused> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Refused::Arguments(format!("`limit` must be 1 to {LIMIT_MAX}.")));
    }
    Ok(PageQuery { limit: usize::try_from(limit).ok(), after: cursor.filter(|cursor| !cursor.is_empty()) })
}

fn required(member: &str) -> Refused {
    Refused::Arguments(format!("`{member}` is required."))
}

fn needed_run(run_id: Option<String>) -> Result<RunId, Refused> {
    let text = run_id.filter(|id| !id.trim().is_empty()).ok_or_else(|| required("run_id"))?;
    parse_run(&text)
}

fn optional_run(run_id: Option<&str>) -> Result<Option<RunId>, Refused> {
    run_id.filter(|id| !id.trim().is_empty()).map(parse_run).transpose()
}

fn parse_run(text: &str) -> Result<RunId, Refused> {
    RunId::parse(text).map_err(|problem| {
        let said = format!("The run_id is not valid: {problem}.");
        Refused::Failure(Failure::Denied(Denial::new(ErrorCode::RunIdInvalid, said)))
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn failed(problem: cortexpilot_core::port::runs::ReadProblem) -> Refused {
    Refused::Failure(read_failure(&problem))
}

/// An answer under construction, its members in the order they were added.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Body(Map<String, Value>);

impl Body {
    fn new() -> Self {
        Self(Map::new())
    }

    fn with(mut self, member: &str, value: &impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("invariant: read models serialise");
        self.0.insert(member.to_owned(), value);
        self
    }

    fn next(self, cursor: Option<&str>) -> Self {
        match cursor {
            Some(cursor) => self.with("next_cursor", &cursor),
            None => self,
        }
    }

    fn problems(self, problems: &[impl Serialize]) -> Self {
        if problems.is_empty() { self } else { self.with("problems", &problems) }
    }

    /// The cursor, and for a list without entries why it has none.
    fn page<T>(self, reader: &Reader, listing: &Listing<T>) -> Self {
        let body = self.next(listing.next.as_deref());
        match &listing.root {
            RootState::Readable if !listing.items.is_empty() => body,
            RootState::Readable => body.with("note", &"There are no runs here yet."),
            RootState::Missing => {
                let said = format!(
                    "There is no runs directory at {} yet; ask an operator where runs are kept.",
                    reader.runs().root()
                );
                body.with("note", &said)
            }
            RootState::Unreadable(why) => body.with("note", &format!("The runs directory cannot be read: {why}.")),
        }
    }
}
