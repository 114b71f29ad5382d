//! The canonical form of a preview, for its digest: RFC 8785 (JSON Canonicalization Scheme).

use serde::Serialize;

use super::id::Sha256Digest;
use super::preview::Basis;

/// The members in the order of their names, which is the order of the form. With that, and with nothing but texts, lists of
/// them, truth values and small integers, what serde_json writes compactly *is* the form: it escapes exactly what RFC 8785
/// §3.2.2.2 escapes. A general canonicaliser sorts what is sorted already, and was a fifth of what a line cost the thread that
/// writes; a test holds the two to the same bytes.
#[derive(Serialize)]
struct Form<'a> {
    allowed_roles: &'a [String],
    approval_policy: &'a str,
    awaits_approval: bool,
    contract_path: &'a str,
    contract_sha256: String,
    deadline_at: Option<&'a str>,
    owner: &'a str,
    pending_matches: Vec<&'a str>,
    priority: i64,
    scheduled_at: Option<&'a str>,
    source_run_id: &'a str,
    task_id: &'a str,
    workflow_id: &'a str,
}

impl Basis {
    /// SHA-256 over the RFC 8785 form.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.canonical())
    }

    /// The RFC 8785 form.
    pub fn canonical(&self) -> Vec<u8> {
        let derived = &self.derived;
        let form = Form {
            allowed_roles: &self.allowed_roles,
            approval_policy: self.approval_policy,
            awaits_approval: self.awaits_approval,
            contract_path: &derived.contract_path,
            contract_sha256: self.contract_sha256.to_string(),
            deadline_at: derived.deadline_at.as_deref(),
            owner: &derived.owner,
            pending_matches: self.pending.iter().map(|id| id.as_str()).collect(),
            priority: derived.priority,
            scheduled_at: derived.scheduled_at.as_deref(),
            source_run_id: &derived.source_run_id,
            task_id: &derived.task_id,
            workflow_id: &derived.workflow_id,
        };
        serde_json::to_vec(&form).expect("texts, truth values and integers always serialise")
    }
}
