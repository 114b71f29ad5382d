//! What each read-only tool answers.

use cortexpilot_core::app::{Failure, Reader};
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::listing::{QueueFilter, QueueOrder};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::BoxFuture;
use cortexpilot_core::port::runs::{
    EventsQuery, PageQuery, ReadProblem, RootState, RunRecord, RunSnapshot, Runs, StoredReport, Verdict, WorkflowCase,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Body, value_of};
use super::page::{self, Fields, Keep, Page, Wanted, fill};
use super::table;
use crate::mcp::RawArguments;
use crate::mcp::refused::Refused;
use crate::wire::item::{ItemView, ProblemView};
use crate::wire::refusal::read_failure;
use crate::wire::untrusted::Limits;

/// How many items of the queue one call looks at to find those of a run.
const ITEMS_LOOKED_AT_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunsArgs {
    status: Option<String>,
    workflow_id: Option<String>,
    since: Option<String>,
    fields: Option<Vec<String>>,
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
struct EventsArgs {
    run_id: Option<String>,
    since: Option<String>,
    names: Option<Vec<String>>,
    tail: Option<bool>,
    fields: Option<Vec<String>>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportsArgs {
    run_id: Option<String>,
    name: Option<String>,
    fields: Option<Vec<String>>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowsArgs {
    verdict: Option<String>,
    status: Option<String>,
    fields: Option<Vec<String>>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRunArgs {
    run_id: Option<String>,
    fields: Option<Vec<String>>,
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
    source_run_id: Option<String>,
    fields: Option<Vec<String>>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Carries out one tool. The table and this match name the same tools; a test calls each.
pub(super) async fn answer(reader: &Reader, tool: &str, arguments: RawArguments<'_>) -> Result<Body, Refused> {
    let runs = reader.runs();
    match tool {
        "list_runs" => list_runs(reader, parse(arguments)?).await,
        "get_run" => run(runs, &needed_run(parse::<RunArgs>(arguments)?.run_id)?).await,
        "get_run_events" => events(runs, parse(arguments)?).await,
        "get_run_reports" => reports(runs, parse(arguments)?).await,
        "list_workflows" => list_workflows(reader, parse(arguments)?).await,
        "get_workflow" => {
            let id = page::filter("workflow_id", parse::<WorkflowArgs>(arguments)?.workflow_id)?;
            workflow(runs, &id.ok_or_else(|| required("workflow_id"))?).await
        }
        "list_queue" => queue(reader, parse(arguments)?).await,
        "get_pending_approvals" => {
            let args: OfRunArgs = parse(arguments)?;
            let id = optional_run(args.run_id.as_deref())?;
            let fields = Fields::read(args.fields, table::APPROVAL_FIELDS)?;
            let wanted = Wanted::read(args.limit, args.cursor, fields)?;
            let ask = |page| -> BoxFuture<'_, _> {
                Box::pin(async { runs.pending_approvals(id.as_ref(), page).await.map_err(failed) })
            };
            let (page, _) = fill(&wanted, "run_id", false, ask, |_| Keep::Yes).await?;
            Ok(listed(Body::new().with("run_id", &id.as_ref().map(RunId::as_str)), "approvals", page))
        }
        "get_diff_gate_state" => {
            let args: OfRunArgs = parse(arguments)?;
            let id = optional_run(args.run_id.as_deref())?;
            let wanted = Wanted::read(args.limit, args.cursor, Fields::read(args.fields, table::DIFF_GATE_FIELDS)?)?;
            let ask = |page| -> BoxFuture<'_, _> {
                Box::pin(async { runs.diff_gates(id.as_ref(), page).await.map_err(failed) })
            };
            let (page, _) = fill(&wanted, "run_id", false, ask, |_| Keep::Yes).await?;
            Ok(listed(Body::new().with("run_id", &id.as_ref().map(RunId::as_str)), "diff_gates", page))
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

async fn list_runs(reader: &Reader, args: RunsArgs) -> Result<Body, Refused> {
    let status = page::filter("status", args.status)?;
    let workflow = page::filter("workflow_id", args.workflow_id)?;
    let since = page::since(args.since)?;
    let wanted = Wanted::read(args.limit, args.cursor, Fields::read(args.fields, &[])?)?;
    let keep = |run: &RunRecord| {
        let of_workflow = run.manifest.get("workflow").and_then(|workflow| workflow.get("workflow_id"));
        let fits = status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case(run.status.trim()))
            && workflow
                .as_deref()
                .is_none_or(|wanted| of_workflow.and_then(Value::as_str).map(str::trim) == Some(wanted));
        // The list goes by this time, newest first. A run without one stands where its manifest was written last.
        let time = |name: &str| run.manifest.get(name)?.as_str()?.trim().parse::<Timestamp>().ok();
        let begun = time("created_at").or_else(|| time("start_ts"));
        match (since, begun) {
            (None, _) if fits => Keep::Yes,
            (Some(since), Some(begun)) if begun < since => Keep::End,
            (Some(_), Some(_)) if fits => Keep::Yes,
            (None | Some(_), _) => Keep::No,
        }
    };
    let chosen = status.is_some() || workflow.is_some() || since.is_some();
    let ask = |page| -> BoxFuture<'_, _> { Box::pin(async { reader.runs().records(page).await.map_err(failed) }) };
    let (page, root) = fill(&wanted, "run_id", chosen, ask, keep).await?;
    Ok(looked_in(Body::new(), reader, &root, chosen, "runs", page))
}

async fn list_workflows(reader: &Reader, args: WorkflowsArgs) -> Result<Body, Refused> {
    let status = page::filter("status", args.status)?;
    let verdict = page::filter("verdict", args.verdict)?.map(|word| verdict(&word)).transpose()?;
    let wanted = Wanted::read(args.limit, args.cursor, Fields::read(args.fields, table::WORKFLOW_FIELDS)?)?;
    let keep = |case: &WorkflowCase| {
        let fits = verdict.is_none_or(|verdict| verdict == case.verdict)
            && status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case(case.status.trim()));
        if fits { Keep::Yes } else { Keep::No }
    };
    let chosen = status.is_some() || verdict.is_some();
    let ask = |page| -> BoxFuture<'_, _> { Box::pin(async { reader.runs().workflows(page).await.map_err(failed) }) };
    let (page, root) = fill(&wanted, "workflow_id", chosen, ask, keep).await?;
    Ok(looked_in(Body::new(), reader, &root, chosen, "workflows", page))
}

fn verdict(word: &str) -> Result<Verdict, Refused> {
    let all = [Verdict::AwaitingApproval, Verdict::AttentionRequired, Verdict::Active, Verdict::Healthy];
    let named = |verdict: &Verdict| json!(verdict).as_str().unwrap_or_default().to_owned();
    let found = all.into_iter().find(|verdict| named(verdict).eq_ignore_ascii_case(word));
    let words = all.iter().map(named).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| Refused::Arguments(format!("`verdict` must be one of {words}.")))
}

/// One run, as the tool and the resource show it.
pub(super) async fn run(runs: &dyn Runs, id: &RunId) -> Result<Body, Refused> {
    let run = runs.get(id).await.map_err(failed)?;
    Ok(Body::new().with("run_id", &id.as_str()).with("run", &RunSnapshot(&run)))
}

/// One workflow case, as the tool and the resource show it.
pub(super) async fn workflow(runs: &dyn Runs, id: &str) -> Result<Body, Refused> {
    let detail = runs.workflow(id).await.map_err(failed)?;
    Ok(Body::new().with("workflow_id", &id).with("workflow_detail", &detail))
}

async fn events(runs: &dyn Runs, args: EventsArgs) -> Result<Body, Refused> {
    let id = needed_run(args.run_id)?;
    let tail = args.tail.unwrap_or(false);
    let wanted = Wanted::read(args.limit, args.cursor, Fields::read(args.fields, &[])?)?;
    if tail && wanted.after.is_some() {
        return Err(Refused::Arguments(
            "`tail` and `cursor` do not go together: with `tail` there is one page.".into(),
        ));
    }
    let names = args.names.unwrap_or_default();
    if names.len() > 64 || names.iter().any(|name| name.len() > 256) {
        return Err(Refused::Arguments("`names` takes at most 64 names of at most 256 bytes.".into()));
    }
    let since = page::filter("since", args.since)?;
    let query = EventsQuery { since, names, limit: Some(wanted.limit), tail, after: wanted.after.clone() };
    events_page(runs, &id, query, &wanted.fields).await
}

/// Events of a run: with `tail` the last ones that fit, else those after the cursor.
pub(super) async fn events_page(
    runs: &dyn Runs,
    id: &RunId,
    query: EventsQuery,
    fields: &Fields,
) -> Result<Body, Refused> {
    let found = runs.events(id, query.clone()).await.map_err(failed)?;
    let limit = found.events.len();
    let mut page = Page::default();
    // An event has no member of ours that must stay; its name says what it is.
    let show = |event: Value| fields.of(event, "event");
    if query.tail {
        for event in found.events.into_iter().rev() {
            if !page.offer(show(event), limit, Limits::ONE) {
                page.note = Some("Earlier events did not fit: ask without tail to page through them.".to_owned());
                break;
            }
        }
        page.entries.reverse();
    } else {
        page.next = found.next;
        for (index, event) in found.events.into_iter().enumerate() {
            if !page.offer(show(event), limit, Limits::ONE) {
                // Asked again for just so many: its cursor is the one to go on with.
                page.next = runs.events(id, EventsQuery { limit: Some(index), ..query }).await.map_err(failed)?.next;
                break;
            }
        }
    }
    Ok(listed(Body::new().with("run_id", &id.as_str()), "events", page).problems(&found.problems))
}

async fn reports(runs: &dyn Runs, args: ReportsArgs) -> Result<Body, Refused> {
    let id = needed_run(args.run_id)?;
    let fields = Fields::read(args.fields, table::REPORT_FIELDS)?;
    let wanted = Wanted::read(args.limit, args.cursor, fields)?;
    if let Some(name) = page::filter("name", args.name)? {
        let found = runs.report(&id, &name).await.map_err(failed)?;
        let body = Body::new().with("run_id", &id.as_str());
        let mut page = Page::default();
        let Some(report) = found else {
            page.note = Some("The run has no report of this name.".to_owned());
            return Ok(listed(body, "reports", page));
        };
        page.offer(wanted.fields.of(json!({ "name": name, "data": report.data }), "name"), 1, Limits::ONE);
        return Ok(listed(body, "reports", page).problems(&report.problems));
    }
    let query = PageQuery { limit: Some(wanted.limit), after: wanted.after.clone() };
    let found = runs.reports(&id, query.clone()).await.map_err(failed)?;
    let mut page = Page::default();
    page.next = found.next;
    for (index, report) in found.stored.iter().enumerate() {
        if !page.offer(wanted.fields.of(value_of(report), "name"), wanted.limit, Limits::ONE) {
            let before = PageQuery { limit: Some(index), ..query };
            page.next = runs.reports(&id, before).await.map_err(failed)?.next;
            break;
        }
    }
    Ok(listed(Body::new().with("run_id", &id.as_str()), "reports", page).problems(&found.problems))
}

async fn queue(reader: &Reader, args: QueueArgs) -> Result<Body, Refused> {
    let fields = table::item_fields();
    let known: Vec<&str> = fields.iter().map(String::as_str).collect();
    let wanted = Wanted::read(args.limit, args.cursor, Fields::read(args.fields, &known)?)?;
    let mut after_seq = match wanted.after.as_deref().map(str::parse) {
        None => None,
        Some(Ok(seq)) => Some(seq),
        Some(Err(_)) => return Err(Refused::Arguments("`cursor` is not one that this list gave out.".into())),
    };
    let workflow_id = page::filter("workflow_id", args.workflow_id)?;
    let status = page::filter("status", args.status)?.map(|status| status.to_ascii_uppercase());
    let source = page::filter("source_run_id", args.source_run_id)?;
    let now = reader.now();
    let mut page = Page::default();
    let mut looked_at = 0;
    let problems = loop {
        let limit = if source.is_some() { 500 } else { wanted.limit };
        let filter = QueueFilter {
            workflow_id: workflow_id.clone(),
            status: status.clone(),
            state: None,
            after_seq,
            limit: Some(limit),
            order: QueueOrder::Oldest,
        };
        let listing = reader.queue().items(&filter).await.map_err(Failure::from)?;
        looked_at += listing.items.len();
        let mut full = false;
        for item in &listing.items {
            if source.as_ref().is_none_or(|source| *source == item.enqueued.source_run_id) {
                full = !page.offer(
                    wanted.fields.of(value_of(&ItemView::of(item, now)), "queue_id"),
                    wanted.limit,
                    Limits::LIST,
                );
                if full {
                    break;
                }
            }
            after_seq = Some(item.seq);
        }
        if full || !listing.more || page.entries.len() >= wanted.limit || looked_at >= ITEMS_LOOKED_AT_MAX {
            if full || listing.more {
                page.next = after_seq.map(|seq| seq.to_string());
            }
            break listing.problems;
        }
    };
    if page.next.is_some() && page.entries.is_empty() {
        page.note = Some(format!("{looked_at} items were looked at; there may be more: pass next_cursor as cursor."));
    }
    let problems: Vec<ProblemView> = problems.iter().map(ProblemView::of).collect();
    let body = Body::new().with("workflow_id", &workflow_id).with("status", &status);
    Ok(listed(body, "queue", page).problems(&problems))
}

fn stored(id: &RunId, member: &'static str, report: &StoredReport) -> Body {
    Body::new().with("run_id", &id.as_str()).with(member, &report.data).problems(&report.problems)
}

fn listed(body: Body, member: &str, page: Page) -> Body {
    body.with(member, &page.entries).done(page.done).next(page.next.as_deref()).note(page.note.as_deref())
}

/// A list of what stands under the runs root; when it is empty, why.
fn looked_in(body: Body, reader: &Reader, root: &RootState, chosen: bool, member: &str, mut page: Page) -> Body {
    let empty = page.entries.is_empty();
    page.note = match root {
        RootState::Readable if !empty || page.note.is_some() => page.note,
        RootState::Readable if chosen => Some("Nothing fits what was asked for.".to_owned()),
        RootState::Readable => Some("There are no runs here yet.".to_owned()),
        RootState::Missing => Some(format!(
            "There is no runs directory at {} yet; ask an operator where runs are kept.",
            reader.runs().root()
        )),
        RootState::Unreadable(why) => Some(format!("The runs directory cannot be read: {why}.")),
    };
    listed(body, member, page)
}

fn parse<T: serde::de::DeserializeOwned>(arguments: RawArguments<'_>) -> Result<T, Refused> {
    arguments.parse().map_err(|problem| Refused::Arguments(problem.to_string()))
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
pub(super) fn failed(problem: ReadProblem) -> Refused {
    Refused::Failure(read_failure(&problem))
}
