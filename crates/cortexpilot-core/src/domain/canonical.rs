//! The canonical form of a preview, for its digest: RFC 8785 (JSON Canonicalization Scheme).

use serde::Serialize;

use super::id::Sha256Digest;
use super::preview::Basis;

#[derive(Serialize)]
struct Form<'a> {
    task_id: &'a str,
    owner: &'a str,
    workflow_id: &'a str,
    contract_path: &'a str,
    source_run_id: &'a str,
    priority: i64,
    scheduled_at: Option<&'a str>,
    deadline_at: Option<&'a str>,
    contract_sha256: String,
    awaits_approval: bool,
    pending_matches: Vec<&'a str>,
    approval_policy: &'a str,
    allowed_roles: &'a [String],
}

impl Basis {
    /// SHA-256 over the RFC 8785 form.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&canonical(self))
    }
}

fn canonical(basis: &Basis) -> Vec<u8> {
    let derived = &basis.derived;
    let form = Form {
        task_id: &derived.task_id,
        owner: &derived.owner,
        workflow_id: &derived.workflow_id,
        contract_path: &derived.contract_path,
        source_run_id: &derived.source_run_id,
        priority: derived.priority,
        scheduled_at: derived.scheduled_at.as_deref(),
        deadline_at: derived.deadline_at.as_deref(),
        contract_sha256: basis.contract_sha256.to_string(),
        awaits_approval: basis.awaits_approval,
        pending_matches: basis.pending.iter().map(|id| id.as_str()).collect(),
        approval_policy: basis.approval_policy,
        allowed_roles: &basis.allowed_roles,
    };
    serde_json_canonicalizer::to_vec(&form).expect("strings, booleans and small integers always have a canonical form")
}
