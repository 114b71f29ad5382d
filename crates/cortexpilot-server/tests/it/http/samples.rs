//! A run with everything that can be shown of one, so that each shape is seen filled.

use cortexpilot_core::port::runs::{
    Artifact, Artifacts, ChainState, Checksum, ChecksumCounts, ComparedRun, Comparison, ContractRow, DiffGateRow,
    EventCounts, FileProblem, NameDifference, ReportSource, RunCompare, RunDiff, RunIncident, RunProof, RunSearch,
};
use serde_json::{Value, json};

use super::fakes::{failure, outcome};

const DIGEST: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

fn problem() -> FileProblem {
    FileProblem {
        file: "reports/broken.json".into(),
        line: Some(3),
        problem: "is not JSON (at line 3, column 1)".into(),
    }
}

pub(crate) fn diff() -> RunDiff {
    RunDiff {
        diff: "diff --git a/docs/a.md b/docs/a.md\n@@ -1 +1 @@\n-old\n+new\n".into(),
        files: vec!["docs/a.md".into()],
        truncated: true,
        problems: vec![problem()],
    }
}

pub(crate) fn artifacts() -> Artifacts {
    let file = |name: &str, size_bytes, sha256: Option<&str>, checksum| Artifact {
        name: name.into(),
        size_bytes,
        sha256: sha256.map(str::to_owned),
        checksum,
    };
    Artifacts {
        items: vec!["notes.txt".into()],
        artifacts: vec![
            file("artifacts/notes.txt", Some(3), Some(DIGEST), Checksum::Verified),
            file("artifacts/extra.bin", Some(7), None, Checksum::Unlisted),
            file("contract.json", Some(9), Some(DIGEST), Checksum::Altered),
            file("events.jsonl", Some(9), Some(DIGEST), Checksum::Unchecked),
            file("git/gone.txt", None, Some(DIGEST), Checksum::Missing),
        ],
        truncated: true,
        problems: vec![problem()],
    }
}

pub(crate) fn search(run_id: &str) -> RunSearch {
    RunSearch {
        run_id: run_id.into(),
        raw: json!({"latest": {"results": []}}),
        raw_history: json!([{"results": []}]),
        problems: vec![problem()],
        ..RunSearch::default()
    }
}

fn compared(run_id: &str) -> ComparedRun {
    ComparedRun {
        run_id: run_id.into(),
        status: Some("FAILURE".into()),
        outcome_type: "gate",
        failure_code: "DIFF_GATE_REJECTED".into(),
        task_id: None,
        workflow_id: "wf-1".into(),
        created_at: Some("2026-03-01T12:00:00Z".into()),
        finished_at: None,
        duration_s: Some(1.5),
        contract_sha256: Some(DIGEST.into()),
        events: 3,
        files_changed: 1,
        reports: 2,
    }
}

pub(crate) fn compare(run_id: &str, with: Option<&str>) -> RunCompare {
    let names = |different: &[&str]| NameDifference {
        only_in_run: vec!["a".into()],
        only_in_other: vec!["b".into()],
        different: different.iter().map(|&name| name.to_owned()).collect(),
    };
    RunCompare {
        run_id: run_id.into(),
        source: if with.is_some() { ReportSource::Derived } else { ReportSource::Stored },
        compare_summary: json!({"mismatched_count": 1}),
        report: json!({"report_type": "run_compare_report", "compare_summary": {"mismatched_count": 1}}),
        comparison: with.map(|with| Comparison {
            run: compared(run_id),
            other: ComparedRun { duration_s: None, contract_sha256: None, status: None, ..compared(with) },
            different: vec!["status", "contract_sha256"],
            files: names(&[]),
            reports: names(&["test_report.json"]),
            events: [("RUN_STARTED".to_owned(), EventCounts { run: 1, other: 2 })].into(),
        }),
        problems: vec![problem()],
    }
}

pub(crate) fn proof(run_id: &str) -> RunProof {
    let files = artifacts().artifacts;
    RunProof {
        run_id: run_id.into(),
        source: ReportSource::Derived,
        proof_pack: json!({"report_type": "proof_pack", "proof_ready": true}),
        evidence: ChecksumCounts::of(&files),
        files,
        truncated: false,
        hash_chain: ChainState::Incomplete,
        reports: vec!["news_digest_result.json".into()],
        problems: vec![problem()],
    }
}

pub(crate) fn incident(run_id: &str) -> RunIncident {
    RunIncident {
        run_id: run_id.into(),
        source: ReportSource::Stored,
        incident_pack: json!({"report_type": "incident_pack"}),
        failure: failure(),
        outcome: outcome(),
        awaits_approval: None,
        problems: vec![problem()],
    }
}

pub(crate) fn contract(at: usize) -> ContractRow {
    let Value::Object(contract) = json!({"task_id": "task_1", "allowed_paths": ["docs"]}) else {
        panic!("an object");
    };
    ContractRow {
        run_id: format!("run_{at}"),
        path: format!("/srv/runs/run_{at}/contract.json"),
        sha256: Some(DIGEST.into()),
        contract,
        problems: Vec::new(),
    }
}

pub(crate) fn diff_gate(at: usize) -> DiffGateRow {
    DiffGateRow {
        run_id: format!("run_{at}"),
        diff_gate: json!({"result": "REJECTED"}),
        status: None,
        failure_reason: Some("diff gate violation".into()),
        allowed_paths: vec![json!("docs"), json!(7)],
        problems: vec![problem()],
    }
}
