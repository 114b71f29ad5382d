//! Runs with a text of the corpus in every place that can hold one.

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Map, Value, json};

use super::corpus::{INJECTIONS, SECRETS};

/// How many runs it takes until every text has stood in every place.
pub(super) const ROUNDS: usize = SECRETS.len() + INJECTIONS.len();

/// Members that stay as they are: with another text there, a run is not what the round is about, or cannot be read.
const KEPT: [&str; 8] = ["evidence_hashes", "created_at", "ts", "event", "run_id", "status", "result", "report_type"];

/// Hands out texts, one to a place. In each round every place has the next one, so after all rounds it has had all.
struct Texts {
    round: usize,
    places: usize,
}

impl Texts {
    fn next(&mut self) -> &'static str {
        self.places += 1;
        text(self.round + self.places)
    }

    /// Puts a text into every string and beside every member, as a name.
    fn fill(&mut self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(string) => self.next().clone_into(string),
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item)),
            Value::Object(members) => self.fill_members(members),
        }
    }

    fn fill_members(&mut self, members: &mut Map<String, Value>) {
        for (name, value) in members.iter_mut() {
            if !KEPT.contains(&name.as_str()) {
                self.fill(value);
            }
        }
        members.insert(self.next().to_owned(), json!(self.next()));
    }

    fn filled(&mut self, mut value: Value) -> Value {
        self.fill(&mut value);
        value
    }
}

/// Secrets and injections in turn, so that no part of a run has only one kind of them.
pub(super) fn text(number: usize) -> &'static str {
    let number = number % ROUNDS;
    if number.is_multiple_of(2) { SECRETS[number / 2].text } else { INJECTIONS[number / 2] }
}

/// A run of a round. One that waits for a person has that event last. Answers how many places were filled, too.
pub(super) fn run(id: &str, round: usize, waits: bool) -> (RunFixture, usize) {
    let mut texts = Texts { round, places: 0 };
    let mut run = RunFixture::new(id).status("FAILURE").workflow("w").without_evidence();
    run = run.contract(|contract| {
        contract.insert("evidence_links".into(), json!(["x"]));
        contract
            .insert("role_contract".into(), json!({"skills_bundle_ref": "x", "mcp_bundle_ref": "x", "purpose": "x"}));
        contract.insert("runtime_options".into(), json!({"runner": "x", "provider": "x"}));
        texts.fill_members(contract);
    });
    run = run.manifest(|manifest| {
        manifest.insert("failure_reason".into(), json!("x"));
        manifest.insert("failure_summary_zh".into(), json!("x"));
        manifest.insert("owner_agent_id".into(), json!("x"));
        manifest.insert("artifacts".into(), json!([{"path": "x", "note": "x"}]));
        manifest.insert("tasks".into(), json!(["x", {"name": "x"}]));
        manifest.insert(
            "role_binding_summary".into(),
            json!({"authority": "x", "source": "x", "execution_authority": "x", "skills_bundle_ref": {"ref": "x"},
                "mcp_bundle_ref": {"ref": "x"}, "runtime_binding": {"runner": "x"}}),
        );
        texts.fill_members(manifest);
    });
    let gate = json!({"result": "REJECTED", "reason": "x", "violations": ["x"]});
    let asked = json!({"reason": ["x"], "actions": ["x"], "verify_steps": ["x"], "resume_step": "x"});
    for (name, context) in [
        ("STEP", json!({"log": "x", "nested": [{"deep": "x"}], "env": [{"name": "x", "value": "x"}]})),
        ("WORKFLOW_BOUND", json!({"workflow_id": "x", "note": "x"})),
        ("DIFF_GATE_RESULT", gate),
    ] {
        run = run.event(name, texts.filled(context));
    }
    run = run.event(texts.next(), texts.filled(json!({"of": "another name"})));
    if waits {
        run = run.event("HUMAN_APPROVAL_REQUIRED", texts.filled(asked));
    }
    let pack = json!({"report_type": "x", "summary": "x", "lines": ["x"], "deep": {"er": "x"}});
    for name in ["task_result.json", "proof_pack.json", "incident_pack.json"] {
        run = run.report(name, texts.filled(pack.clone()));
    }
    run = run.report("run_compare_report.json", texts.filled(json!({"compare_summary": pack})));
    run = run.file("reports/broken.json", texts.next().as_bytes());
    let name = texts.next();
    if !name.contains(['/', '\0']) {
        run = run.report(&format!("{name}.json"), json!({}));
    }
    (run, texts.places)
}
