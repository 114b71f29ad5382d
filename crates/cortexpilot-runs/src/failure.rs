//! Why a run failed or stands still, and the two reports that follow from it: the incident pack and the proof pack.
//!
//! The classification, its texts and their precedence are those that existing clients show: the last event that explains a
//! failure wins over what the manifest says, and the manifest over defaults.

use cortexpilot_core::port::runs::{Failure, Outcome};
use serde_json::{Map, Value, json};

use crate::events::EventsDigest;
use crate::json::{self, Member};
use crate::manifest::ManifestDigest;

/// An event that explains a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The diff gate rejected the change.
    DiffGate { root_event: String },
    /// A human approval was required.
    Approval,
    /// A rollback found no worktree to roll back.
    RollbackWithoutWorktree,
}

impl Signal {
    pub(crate) fn of(name: &str, event: &Map<String, Value>) -> Option<Self> {
        match name {
            "DIFF_GATE_REJECTED" | "DIFF_GATE_FAIL" => Some(Self::DiffGate { root_event: name.to_owned() }),
            "DIFF_GATE_RESULT" if says_rejected(event) => Some(Self::DiffGate { root_event: name.to_owned() }),
            "HUMAN_APPROVAL_REQUIRED" => Some(Self::Approval),
            "ROLLBACK_APPLIED" if member(event, "meta", "reason") == Some("worktree_ref missing") => {
                Some(Self::RollbackWithoutWorktree)
            }
            _ => None,
        }
    }

    fn failure(&self) -> Failure {
        match self {
            Self::DiffGate { root_event } => diff_gate_failure(root_event),
            Self::Approval => failure(
                "manual",
                "HUMAN_APPROVAL_REQUIRED",
                "approval",
                "Manual confirmation required: the run is waiting for human approval and did not continue automatically.",
                "Complete the approval in the control panel, then retry.",
                "HUMAN_APPROVAL_REQUIRED",
            ),
            Self::RollbackWithoutWorktree => failure(
                "env",
                "ROLLBACK_WORKTREE_REF_MISSING",
                "rollback",
                "Rollback failed: missing worktree_ref reference.",
                "Confirm that worktree_ref.txt exists in the run directory and points to a valid path.",
                "ROLLBACK_APPLIED",
            ),
        }
    }
}

fn says_rejected(event: &Map<String, Value>) -> bool {
    ["context", "meta"].into_iter().any(|outer| {
        ["result", "status"]
            .into_iter()
            .any(|inner| member(event, outer, inner).is_some_and(|said| said.eq_ignore_ascii_case("REJECTED")))
    })
}

fn member<'a>(event: &'a Map<String, Value>, outer: &str, inner: &str) -> Option<&'a str> {
    event.get(outer)?.get(inner)?.as_str()
}

fn diff_gate_failure(root_event: &str) -> Failure {
    failure(
        "gate",
        "DIFF_GATE_REJECTED",
        "diff_gate",
        "Rule blocked: the diff gate rejected the change and the run was denied.",
        "Review the diff-gate rule and evidence, then resubmit.",
        root_event,
    )
}

fn failure(class: &str, code: &str, stage: &str, summary: &str, hint: &str, root_event: &str) -> Failure {
    Failure {
        failure_class: class.to_owned(),
        failure_code: code.to_owned(),
        failure_stage: stage.to_owned(),
        failure_summary_zh: summary.to_owned(),
        action_hint_zh: hint.to_owned(),
        root_event: root_event.to_owned(),
    }
}

/// The failure as it is shown; all members empty for a run that did not fail and met nothing that explains a failure.
pub(crate) fn infer(manifest: &ManifestDigest, events: &EventsDigest) -> Failure {
    let mut shown = events.signal.as_ref().map_or_else(|| manifest.failure.clone(), Signal::failure);
    if !status(manifest).eq_ignore_ascii_case("FAILURE") {
        return shown;
    }
    let reason = reason(manifest);
    if shown.failure_class.is_empty() && reason.to_lowercase().contains("diff gate") {
        let root_event = if shown.root_event.is_empty() { "DIFF_GATE_RESULT" } else { &shown.root_event };
        shown = diff_gate_failure(root_event);
    }
    let default = |member: &mut String, text: &str| {
        if member.is_empty() {
            text.clone_into(member);
        }
    };
    default(&mut shown.failure_class, "product");
    default(&mut shown.failure_code, if reason.is_empty() { "FAILURE_UNKNOWN" } else { "FAILURE_REASON" });
    default(&mut shown.failure_stage, "runtime");
    let summary = match reason {
        "" => "The run failed; its manifest gives no reason.".to_owned(),
        reason => format!("Run failed: {reason}"),
    };
    default(&mut shown.failure_summary_zh, &summary);
    default(&mut shown.action_hint_zh, "Review events.jsonl and logs, identify the root cause, then retry.");
    default(&mut shown.root_event, "UNKNOWN");
    shown
}

/// How the run ended.
pub(crate) fn outcome(manifest: &ManifestDigest, failure: &Failure) -> Outcome {
    let (outcome_type, outcome_label_zh) = match status(manifest).to_ascii_uppercase().as_str() {
        "SUCCESS" | "SUCCEEDED" | "COMPLETED" | "DONE" => ("success", "Success"),
        "FAILURE" | "FAILED" | "REJECTED" | "ERROR" => match failure.failure_class.trim().to_ascii_lowercase().as_str()
        {
            "gate" => ("gate", "Rule blocked"),
            "manual" => ("manual", "Manual confirmation required"),
            "env" => ("env", "Environment issue"),
            "product" | "unknown" => ("product", "Functional anomaly"),
            _ => ("failure", "Functional anomaly"),
        },
        "RUNNING" | "PENDING" | "QUEUED" | "IN_PROGRESS" | "PAUSED" => ("in_progress", "In progress"),
        _ => ("unknown", "Unknown"),
    };
    Outcome { outcome_type, outcome_label_zh }
}

/// The incident pack that follows from the run's state; `None` for a run without an incident.
pub(crate) fn incident_pack(run_id: &str, manifest: &ManifestDigest, events: &EventsDigest) -> Option<Value> {
    let failure = infer(manifest, events);
    let pending = events.pending.is_some();
    let status = status(manifest).trim();
    let failed = matches!(status.to_ascii_uppercase().as_str(), "FAILURE" | "FAILED" | "ERROR" | "REJECTED");
    let class = failure.failure_class.trim();
    if class.is_empty() && !pending && !failed {
        return None;
    }
    let reason = reason(manifest);
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    let (summary, next_action) = if pending {
        (
            "This run is waiting for human approval before execution can continue.".to_owned(),
            "Open the manual approvals surface, review the required steps, and approve the run when the blocking checks are complete."
                .to_owned(),
        )
    } else if class == "gate" {
        (
            or(reason, "A gate stopped this run."),
            or(&failure.action_hint_zh, "Look at the gate's events, mend what it names, then run the task again."),
        )
    } else {
        (
            or(reason, &or(&failure.failure_summary_zh, "This run failed; nothing says why.")),
            or(&failure.action_hint_zh, "Read the run's events and reports before you try again."),
        )
    };
    let when_pending = |text: &str, word: &str| if pending { or(text, word) } else { text.to_owned() };
    Some(json!({
        "report_type": "incident_pack",
        "run_id": run_id,
        "status": status,
        "summary": summary,
        "failure_class": when_pending(class, "manual"),
        "failure_code": failure.failure_code,
        "failure_stage": when_pending(&failure.failure_stage, "approval"),
        "failure_reason": reason,
        "root_event": when_pending(&failure.root_event, "HUMAN_APPROVAL_REQUIRED"),
        "next_action": next_action,
        "blocking_events": events.blocking,
    }))
}

/// Reports that the outside may be shown as proof, with the task template each belongs to; the first one there counts.
pub(crate) const PUBLIC_REPORTS: [(&str, &str); 3] = [
    ("news_digest_result.json", "news_digest"),
    ("topic_brief_result.json", "topic_brief"),
    ("page_brief_result.json", "page_brief"),
];

/// The proof pack that follows from a successful run's public report, read through `report`; `None` without one.
pub(crate) fn proof_pack(
    run_id: &str,
    manifest: &ManifestDigest,
    mut report: impl FnMut(&str) -> Option<Value>,
) -> Option<Value> {
    if outcome(manifest, &Failure::default()).outcome_type != "success" {
        return None;
    }
    for (name, template) in PUBLIC_REPORTS {
        let Some(Value::Object(payload)) = report(name) else { continue };
        let text = |member| match json::text(&payload, member) {
            Member::Present(text) => text.trim().to_owned(),
            Member::Absent | Member::Odd => String::new(),
        };
        let result_status = text("status").to_uppercase();
        if result_status != "SUCCESS" {
            continue;
        }
        let evidence = match json::object(&payload, "evidence_refs") {
            Member::Present(refs) => refs.clone(),
            Member::Absent | Member::Odd => Map::new(),
        };
        let ready = !evidence.is_empty();
        let summary = match text("summary") {
            summary if summary.is_empty() => {
                "This public task slice completed successfully and produced reusable proof artifacts.".to_owned()
            }
            summary => summary,
        };
        return Some(json!({
            "report_type": "proof_pack",
            "run_id": run_id,
            "task_template": template,
            "primary_report": name,
            "summary": summary,
            "result_status": result_status,
            "proof_ready": ready,
            "evidence_refs": evidence,
            "next_action": if ready {
                "Review the primary report and evidence bundle before sharing the public proof output."
            } else {
                "Generate or refresh evidence artifacts before sharing this proof."
            },
        }));
    }
    None
}

fn status(manifest: &ManifestDigest) -> &str {
    manifest.status.as_deref().unwrap_or("")
}

fn reason(manifest: &ManifestDigest) -> &str {
    manifest.failure_reason.as_deref().unwrap_or("").trim()
}
