//! What is shown of a run: the read models, made from its files.

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::port::runs::{
    DiffGateRow, PageQuery, PendingApproval, ReadProblem, Report, Reports, RunDetail, RunFilter, RunRecord, RunRow,
    StoredReport,
};
use serde_json::{Map, Value, json};

use crate::beneath::Dir;
use crate::contract::{self, ContractDigest};
use crate::events::EventsDigest;
use crate::manifest::{MANIFEST, ManifestDigest, Workflow, instant};
use crate::page::{self, Key};
use crate::problem::{Problem, What, shown, shown_of};
use crate::scan::{Found, Scan};
use crate::{MANIFEST_BYTES_MAX, failure, json, reports, role_binding};

/// The manifest as it can be shown, and what is wrong with it.
pub(crate) fn manifest(dir: &Dir) -> (Option<Map<String, Value>>, Option<What>, u64) {
    match dir.read(MANIFEST, MANIFEST_BYTES_MAX) {
        Ok((bytes, _)) => {
            let (map, what) = json::parse(&bytes).object();
            (map, what, bytes.len() as u64)
        }
        Err(what) => (None, Some(what), 0),
    }
}

pub(crate) fn row(scan: &Scan<'_>, run: &Found) -> RunRow {
    let manifest = &run.manifest;
    let contract = scan.contract(run);
    let events = scan.events(run);
    let failure = failure::infer(manifest, &events);
    let outcome = failure::outcome(manifest, &failure);
    let workflow = |text: fn(&Workflow) -> &String| manifest.workflow.as_ref().map(text).cloned().unwrap_or_default();
    RunRow {
        run_id: run.name.clone(),
        task_id: manifest.task_id.clone(),
        status: manifest.status.clone(),
        workflow_id: workflow(|workflow| &workflow.workflow_id),
        workflow_status: workflow(|workflow| &workflow.status),
        created_at: manifest.created_at.clone(),
        finished_at: manifest.finished_at.clone(),
        start_ts: manifest.created_at.clone(),
        end_ts: manifest.finished_at.clone(),
        owner_agent_id: contract.owner.agent_id.clone(),
        owner_role: contract.owner.role.clone(),
        assigned_agent_id: contract.assigned.agent_id.clone(),
        assigned_role: contract.assigned.role.clone(),
        failure_reason: manifest.failure_reason.clone().unwrap_or_default(),
        last_event_ts: events.last_line_ts.clone(),
        failure,
        outcome,
        awaits_approval: events.awaits_approval(),
        problems: [&manifest.problems, &contract.problems, &events.problems]
            .into_iter()
            .flat_map(|found| shown(found))
            .collect(),
    }
}

/// Whether the run is wanted, whenever it was created. Says the same as [`RunFilter::admits_row`], without making the row.
pub(crate) fn is_wanted(scan: &Scan<'_>, run: &Found, filter: &RunFilter) -> bool {
    let manifest = &run.manifest;
    let workflow_id = manifest.workflow.as_ref().map_or("", |workflow| workflow.workflow_id.as_str());
    let (status, task_id) = (manifest.status.as_deref().unwrap_or(""), manifest.task_id.as_deref().unwrap_or(""));
    let but_outcome = RunFilter { outcome: None, ..filter.clone() };
    if !but_outcome.admits(status, workflow_id, task_id, "") {
        return false;
    }
    filter.outcome.as_deref().is_none_or(|outcome| {
        let failure = failure::infer(manifest, &scan.events(run));
        failure::outcome(manifest, &failure).outcome_type == outcome
    })
}

pub(crate) fn record(scan: &Scan<'_>, run: &Found) -> (RunRecord, usize) {
    let (map, _, bytes) = scan.with(run, manifest).unwrap_or_default();
    let map = map.unwrap_or_default();
    let events = scan.events(run);
    let status = run.manifest.status.as_deref().map(str::trim).filter(|status| !status.is_empty()).unwrap_or("UNKNOWN");
    let record = RunRecord {
        run_id: run.name.clone(),
        status: status.to_owned(),
        last_event_ts: events.last_ts.clone(),
        manifest: map,
        problems: [&run.manifest.problems, &events.problems].into_iter().flat_map(|found| shown(found)).collect(),
    };
    (record, usize::try_from(bytes).unwrap_or(usize::MAX))
}

pub(crate) fn detail(id: &RunId, dir: &Dir) -> RunDetail {
    let (manifest_map, what, _) = manifest(dir);
    let manifest = ManifestDigest::of(id.as_str(), manifest_map.as_ref(), what, None);
    let (contract_map, problem) = contract::read(dir);
    let contract = ContractDigest::of(contract_map.as_ref(), problem);
    let events = EventsDigest::read(dir);
    let failure = failure::infer(&manifest, &events);
    let outcome = failure::outcome(&manifest, &failure);
    RunDetail {
        run_id: id.as_str().to_owned(),
        task_id: manifest.task_id.clone(),
        status: manifest.status.clone(),
        allowed_paths: contract::allowed_paths(contract_map.as_ref()),
        role_binding_read_model: role_binding::read_model(manifest_map.as_ref(), contract_map.as_ref()),
        contract: Value::Object(contract_map.unwrap_or_default()),
        manifest: Value::Object(manifest_map.unwrap_or_default()),
        failure,
        outcome,
        contract_task_id: contract.task_id,
        last_event_ts: events.last_ts.clone(),
        awaits_approval: events.awaits_approval(),
        problems: [&manifest.problems, &contract.problems, &events.problems]
            .into_iter()
            .flat_map(|found| shown(found))
            .collect(),
    }
}

/// Whether an event's time is after `since`: as instants, or as text where one of the two is no time.
pub(crate) fn is_after(time: &str, since: &str) -> bool {
    match (instant(time), instant(since)) {
        (Some(time), Some(since)) => time > since,
        _ => !time.is_empty() && time > since,
    }
}

pub(crate) fn reports_of(id: &RunId, run: &Dir, page: &PageQuery) -> Result<Reports, ReadProblem> {
    let (dir, mut problems) = match reports::open(run) {
        Ok(dir) => (dir, Vec::new()),
        Err(problem) => (None, vec![problem]),
    };
    let names = dir.as_ref().map_or_else(Vec::new, |dir| {
        let (names, found) = reports::names(dir);
        problems.extend(found);
        names
    });
    let key = |name: &String| Key { time_us: 0, name: name.clone() };
    let (shown_reports, next) = page::fill(names, page, key, |name| {
        let read = reports::read(dir.as_ref()?, &name)?;
        Some(((Report { name, data: read.data }, read.problem), read.bytes))
    })?;
    let mut stored = Vec::with_capacity(shown_reports.len());
    for (report, problem) in shown_reports {
        stored.push(report);
        problems.extend(problem);
    }
    let mut derived = Vec::new();
    if next.is_none() {
        let (map, what, _) = manifest(run);
        let manifest = ManifestDigest::of(id.as_str(), map.as_ref(), what, None);
        let events = EventsDigest::read(run);
        let incident = failure::incident_pack(id.as_str(), &manifest, &events);
        derived.extend(incident.map(|data| Report { name: "incident_pack.json".to_owned(), data }));
        let proof = failure::proof_pack(id.as_str(), &manifest, |name| Some(reports::read(dir.as_ref()?, name)?.data));
        derived.extend(proof.map(|data| Report { name: "proof_pack.json".to_owned(), data }));
    }
    Ok(Reports { stored, derived, next, problems: shown(&problems) })
}

/// One report by name, as it can be shown; `None` when there is none.
pub(crate) fn report(run: &Dir, name: &str) -> Option<StoredReport> {
    let dir = match reports::open(run) {
        Ok(dir) => dir?,
        Err(problem) => return Some(StoredReport { data: json!({}), problems: shown(&[problem]) }),
    };
    let read = reports::read(&dir, name)?;
    Some(StoredReport { data: read.data, problems: shown(&Vec::from_iter(read.problem)) })
}

/// One report by name, where it is an object; else `{}`.
pub(crate) fn stored_report(run: &Dir, name: &str) -> StoredReport {
    let empty = |problem: Option<Problem>| StoredReport { data: json!({}), problems: shown(&Vec::from_iter(problem)) };
    let dir = match reports::open(run) {
        Ok(Some(dir)) => dir,
        Ok(None) => return empty(None),
        Err(problem) => return empty(Some(problem)),
    };
    match reports::read(&dir, name) {
        None => empty(None),
        Some(read) => match read.problem {
            Some(Problem { what: What::Duplicate, .. }) | None if read.data.is_object() => {
                StoredReport { data: read.data, problems: shown(&Vec::from_iter(read.problem)) }
            }
            None => empty(Some(Problem::file(format!("{}/{name}", reports::REPORTS), What::NotObject))),
            problem => empty(problem),
        },
    }
}

pub(crate) fn diff_gate(scan: &Scan<'_>, run: &Found) -> Option<(DiffGateRow, usize)> {
    let events = scan.events(run);
    if events.diff_gate.is_none() {
        let reason = run.manifest.failure_reason.as_deref().filter(|reason| !reason.is_empty())?.to_lowercase();
        if !reason.contains("diff gate") && !reason.contains("allowed_paths") {
            return None;
        }
    }
    let contract = scan.contract(run);
    let allowed_paths = contract.allowed_paths.clone();
    let bytes = events.weight + allowed_paths.iter().map(|path| path.as_str().map_or(64, str::len)).sum::<usize>();
    let mut problems = shown_of(&run.name, &run.manifest.problems);
    problems.extend(contract.unread.iter().map(|problem| problem.shown_of(&run.name)));
    problems.extend(shown_of(&run.name, &events.problems));
    let row = DiffGateRow {
        run_id: run.name.clone(),
        diff_gate: events.diff_gate.clone().unwrap_or_else(|| json!({})),
        status: run.manifest.status.clone(),
        failure_reason: run.manifest.failure_reason.clone(),
        allowed_paths,
        problems,
    };
    Some((row, bytes))
}

pub(crate) fn pending_approval(scan: &Scan<'_>, run: &Found) -> Option<(PendingApproval, usize)> {
    let events = scan.events(run);
    let context = events.pending.as_ref()?;
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let task_id = given(&run.manifest.task_id).or_else(|| given(&scan.contract(run).task_id)).unwrap_or_default();
    let mut problems = shown_of(&run.name, &run.manifest.problems);
    problems.extend(shown_of(&run.name, &events.problems));
    let approval = PendingApproval {
        run_id: run.name.clone(),
        status: "pending",
        task_id,
        failure_reason: given(&run.manifest.failure_reason).unwrap_or_default(),
        reason: items(context.get("reason")),
        actions: items(context.get("actions")),
        verify_steps: items(context.get("verify_steps")),
        resume_step: context.get("resume_step").and_then(Value::as_str).unwrap_or("").trim().to_owned(),
        problems,
    };
    Some((approval, events.weight))
}

/// A list as it is; a text as a list of one, so that a reason is not lost for its type.
fn items(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) if !text.trim().is_empty() => vec![text.clone().into()],
        Some(Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
            Vec::new()
        }
    }
}
