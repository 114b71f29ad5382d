//! One run's files: its diff, its artifacts and what became of them, its searches, comparison, proof and incident.

use std::fs;
use std::os::unix::fs::symlink;

use cortexpilot_core::port::runs::{
    ArtifactBytes, BytesQuery, ChainState, Checksum, ReadProblem, ReportSource, Runs as _,
};
use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::{Root, id, now, said};

const ALL: BytesQuery = BytesQuery { offset: 0, limit: u64::MAX };

impl Root {
    fn checksums(&self, run: &str) -> Vec<(String, Checksum)> {
        let files = now(self.store.artifacts(&id(run))).unwrap().artifacts;
        files.into_iter().map(|file| (file.name, file.checksum)).collect()
    }

    fn bytes(&self, name: &str, wanted: BytesQuery) -> Option<ArtifactBytes> {
        now(self.store.artifact(&id("run"), name, wanted)).unwrap()
    }

    fn text(&self, name: &str) -> Option<String> {
        self.bytes(name, ALL).map(|found| String::from_utf8(found.bytes).unwrap())
    }
}

fn value(shown: impl serde::Serialize) -> Value {
    serde_json::to_value(shown).unwrap()
}

#[test]
fn a_diff_is_shown_with_the_files_that_changed() {
    let root = Root::new();
    let patch = "diff --git a/docs/a.md b/docs/a.md\n--- a/docs/a.md\n+++ b/docs/a.md\n";
    RunFixture::new("run").file("patch.diff", patch).write(&root.path()).unwrap();
    RunFixture::new("none").write(&root.path()).unwrap();
    let diff = |run: &str| value(now(root.store.diff(&id(run))).unwrap());
    assert_eq!(diff("run"), json!({"diff": patch, "files": ["docs/a.md"]}));
    assert_eq!(diff("none"), json!({"diff": "", "files": []}));
    assert_eq!(now(root.store.diff(&id("missing"))), Err(ReadProblem::NotFound));

    fs::write(root.path().join("run/diff_name_only.txt"), "docs/b.md\n\n docs/c.md \n").unwrap();
    assert_eq!(diff("run")["files"], json!(["docs/b.md", "docs/c.md"]), "what the writer named counts");
    fs::write(root.path().join("run/patch.diff"), b"+\xFF\n").unwrap();
    let odd = diff("run");
    assert_eq!((&odd["diff"], &odd["problems"][0]["file"]), (&json!("+\u{FFFD}\n"), &json!("patch.diff")));
}

#[test]
fn a_diff_too_large_for_one_answer_is_cut_at_a_character() {
    let root = Root::new();
    let mut patch = "x".to_owned();
    patch.push_str(&"ä".repeat(5 << 20));
    RunFixture::new("run").file("patch.diff", patch).write(&root.path()).unwrap();
    let diff = now(root.store.diff(&id("run"))).unwrap();
    assert!(diff.truncated && diff.problems.is_empty(), "{:?}", diff.problems);
    assert_eq!(diff.diff.len(), (8 << 20) - 1);
    assert!(diff.diff.ends_with('ä'));
}

#[test]
fn each_file_is_shown_with_whether_it_is_the_one_that_was_recorded() {
    let root = Root::new();
    let run = RunFixture::new("run")
        .event("A", json!({}))
        .file("artifacts/kept.txt", "kept")
        .file("artifacts/deep/changed.txt", "before")
        .file("git/gone.txt", "gone");
    let dir = run.write(&root.path()).unwrap();
    fs::write(dir.join("artifacts/deep/changed.txt"), "after").unwrap();
    fs::write(dir.join("artifacts/extra.bin"), [0, 1]).unwrap();
    fs::remove_file(dir.join("git/gone.txt")).unwrap();
    fs::write(dir.join("events.jsonl"), "{}\n").unwrap();
    symlink("/etc/hostname", dir.join("artifacts/link")).unwrap();
    let files = now(root.store.artifacts(&id("run"))).unwrap();
    assert_eq!(files.items, ["extra.bin", "kept.txt"], "as existing clients know it");
    let shown: Vec<_> =
        files.artifacts.iter().map(|file| (file.name.as_str(), file.size_bytes, file.checksum)).collect();
    assert_eq!(
        shown,
        [
            ("artifacts/deep/changed.txt", Some(5), Checksum::Altered),
            ("artifacts/extra.bin", Some(2), Checksum::Unlisted),
            ("artifacts/kept.txt", Some(4), Checksum::Verified),
            ("contract.json", files.artifacts[3].size_bytes, Checksum::Verified),
            // The run goes on writing it after it recorded its digest.
            ("events.hashchain.jsonl", files.artifacts[4].size_bytes, Checksum::Verified),
            ("events.jsonl", Some(3), Checksum::Unchecked),
            ("git/gone.txt", None, Checksum::Missing),
        ]
    );
    assert_eq!(said(&files.problems), ["artifacts/link is a symbolic link, and links are not followed"]);
    assert!(!files.truncated);
    assert_eq!(now(root.store.artifacts(&id("missing"))), Err(ReadProblem::NotFound));
    let bare = value(now(root.store.artifacts(&id("run"))).unwrap());
    assert_eq!(
        bare["artifacts"][1],
        json!({"name": "artifacts/extra.bin", "size_bytes": 2, "sha256": null, "checksum": "unlisted"})
    );
}

#[test]
fn what_the_manifest_lists_as_artifacts_counts_where_it_records_no_digest_otherwise() {
    let root = Root::new();
    let sha = |text: &str| cortexpilot_core::domain::id::Sha256Digest::of(text.as_bytes()).to_string();
    let run = RunFixture::new("run").without_evidence().file("ci/a.txt", "a").file("ci/b.txt", "b").manifest(|manifest| {
        let artifacts = json!([
            {"name": "a", "path": "ci/a.txt", "sha256": sha("a")},
            {"name": "b", "path": "ci/b.txt", "sha256": sha("a")},
            {"name": "no path"}, 7, {"path": "../../outside", "sha256": sha("a")}, {"path": "/etc/hostname", "sha256": "x"},
        ]);
        manifest.insert("artifacts".into(), artifacts);
        manifest.insert("evidence_hashes".into(), json!({"ci/b.txt": sha("b"), "ci/c.txt": 7}));
    });
    run.write(&root.path()).unwrap();
    fs::write(root.outside().join("outside"), "a").unwrap();
    assert_eq!(
        root.checksums("run"),
        [
            ("../../outside".to_owned(), Checksum::Missing),
            ("/etc/hostname".to_owned(), Checksum::Missing),
            ("ci/a.txt".to_owned(), Checksum::Verified),
            ("ci/b.txt".to_owned(), Checksum::Verified),
            ("ci/c.txt".to_owned(), Checksum::Missing),
        ]
    );
    for name in ["../../outside", "/etc/hostname", "..", "", "ci/../ci/a.txt"] {
        assert_eq!(root.bytes(name, ALL), None, "{name}");
    }
}

#[test]
fn many_files_are_listed_up_to_a_limit_that_is_told() {
    let root = Root::new();
    let dir = RunFixture::new("run").without_evidence().write(&root.path()).unwrap();
    for number in 0..1_010 {
        fs::write(dir.join(format!("artifacts/{number:04}")), "").unwrap();
    }
    let files = now(root.store.artifacts(&id("run"))).unwrap();
    assert!(files.truncated);
    assert_eq!((files.artifacts.len(), files.items.len()), (1_000, 1_000));
    assert_eq!(files.artifacts[999].name, "artifacts/0999");
}

#[test]
fn a_listed_files_content_is_read_in_parts_and_no_other_files() {
    let root = Root::new();
    let run =
        RunFixture::new("run").file("artifacts/deep/a.txt", "0123456789").file("artifacts/contract.json", "shadow");
    let dir = run.write(&root.path()).unwrap();
    let part = root.bytes("artifacts/deep/a.txt", BytesQuery { offset: 3, limit: 4 }).unwrap();
    assert_eq!((part.bytes.as_slice(), part.size, part.offset), (b"3456".as_slice(), 10, 3));
    assert_eq!(part.name, "artifacts/deep/a.txt");
    assert_eq!(root.text("deep/a.txt").as_deref(), Some("0123456789"), "by its name in artifacts/");
    let end = root.bytes("deep/a.txt", BytesQuery { offset: 10, limit: 4 }).unwrap();
    assert_eq!((end.bytes.len(), end.size), (0, 10));
    assert_eq!(root.bytes("deep/a.txt", BytesQuery { offset: u64::MAX, limit: 4 }).unwrap().bytes, b"");
    // What the manifest recorded goes before what lies in artifacts/ under the same name.
    assert!(root.text("contract.json").unwrap().contains("task_id"));
    assert_eq!(root.text("artifacts/contract.json").as_deref(), Some("shadow"));

    fs::write(dir.join("unlisted.txt"), "secret").unwrap();
    symlink("/etc/hostname", dir.join("artifacts/link")).unwrap();
    symlink("/etc", dir.join("artifacts/dir")).unwrap();
    for name in ["unlisted.txt", "manifest.json", "link", "dir/hostname", "deep", "artifacts", "artifacts/", "none"] {
        assert_eq!(root.bytes(name, ALL), None, "{name}");
    }
    for name in
        ["../run/contract.json", "deep/../deep/a.txt", "artifacts/../unlisted.txt", "./a", "deep//a.txt", "a\0b"]
    {
        assert_eq!(root.bytes(name, ALL), None, "{name}");
    }
    assert_eq!(now(root.store.artifact(&id("missing"), "a", ALL)), Err(ReadProblem::NotFound));
}

#[test]
fn a_search_is_shown_in_the_members_that_clients_know() {
    let root = Root::new();
    let run = RunFixture::new("run")
        .file("artifacts/search_results.json", "{\"latest\": 1}")
        .file("artifacts/search_results.jsonl", "{\"n\": 1}\n\n{torn\n")
        .file("artifacts/purified_summary.json", "not json")
        .report("evidence_bundle.json", json!({"bundle_id": "b"}));
    run.write(&root.path()).unwrap();
    let search = value(now(root.store.search(&id("run"))).unwrap());
    let members: Vec<_> = search.as_object().unwrap().keys().cloned().collect();
    let known = [
        "run_id",
        "raw",
        "raw_history",
        "verification",
        "verification_history",
        "purified",
        "search_summary",
        "verification_ai",
        "browser_results",
        "news_digest_result",
        "topic_brief_result",
        "page_brief_result",
        "evidence_bundle",
        "problems",
    ];
    assert_eq!(members, known);
    assert_eq!((&search["run_id"], &search["raw"]), (&json!("run"), &json!({"latest": 1})));
    assert_eq!(search["raw_history"], json!([{"n": 1}, {"raw": "{torn"}]));
    assert_eq!((&search["purified"], &search["verification"]), (&json!({"raw": "not json"}), &Value::Null));
    assert_eq!(search["evidence_bundle"], json!({"bundle_id": "b"}));
    assert_eq!(search["problems"].as_array().unwrap().len(), 1);
    assert_eq!(now(root.store.search(&id("missing"))), Err(ReadProblem::NotFound));
}

#[test]
fn a_stored_comparison_is_shown_and_another_is_made_with_the_run_that_is_named() {
    let root = Root::new();
    let stored = json!({"report_type": "run_compare_report", "compare_summary": {"mismatched_count": 1}});
    let one = RunFixture::new("one")
        .workflow("wf")
        .event("A", json!({}))
        .event("A", json!({}))
        .event("B", json!({}))
        .report("run_compare_report.json", stored.clone())
        .report("test_report.json", json!({"status": "PASS", "n": 1}))
        .report("only.json", json!({}))
        .file("diff_name_only.txt", "a\nb\n");
    one.write(&root.path()).unwrap();
    let two =
        RunFixture::new("two").task("task_two").failed("diff gate violation").workflow("wf").event("A", json!({}));
    let two = two.report("test_report.json", json!({"n": 1, "status": "FAIL"})).file("diff_name_only.txt", "b\nc\n");
    two.write(&root.path()).unwrap();

    let alone = now(root.store.compare(&id("one"), None)).unwrap();
    assert_eq!((alone.source, &alone.report), (ReportSource::Stored, &stored));
    assert_eq!((&alone.compare_summary, &alone.comparison), (&json!({"mismatched_count": 1}), &None));
    let none = value(now(root.store.compare(&id("two"), None)).unwrap());
    assert_eq!(
        none,
        json!({"run_id": "two", "source": "none", "compare_summary": {}, "report": {}, "comparison": null})
    );

    let both = value(now(root.store.compare(&id("one"), Some(&id("two")))).unwrap());
    assert_eq!((&both["source"], &both["report"]), (&json!("derived"), &stored));
    let made = &both["comparison"];
    assert_eq!(made["different"], json!(["status", "outcome_type", "failure_code", "task_id", "contract_sha256"]));
    assert_eq!(made["files"], json!({"only_in_run": ["a"], "only_in_other": ["c"], "different": []}));
    let reports = json!({"only_in_run": ["only.json", "run_compare_report.json"], "only_in_other": [], "different": ["test_report.json"]});
    assert_eq!(made["reports"], reports);
    assert_eq!(made["events"], json!({"A": {"run": 2, "other": 1}, "B": {"run": 1, "other": 0}}));
    assert_eq!((&made["run"]["duration_s"], &made["other"]["duration_s"]), (&json!(3.0), &json!(1.0)));
    assert_eq!((&made["run"]["events"], &made["run"]["reports"]), (&json!(3), &json!(3)));
    assert_eq!(made["other"]["failure_code"], json!("DIFF_GATE_REJECTED"));

    let same = value(now(root.store.compare(&id("one"), Some(&id("one")))).unwrap());
    assert_eq!((&same["comparison"]["different"], &same["comparison"]["events"]), (&json!([]), &json!({})));
    for (run, with) in [("one", "missing"), ("missing", "one")] {
        assert_eq!(now(root.store.compare(&id(run), Some(&id(with)))), Err(ReadProblem::NotFound));
    }
}

#[test]
fn a_proof_says_whether_the_evidence_and_the_chain_are_still_what_was_recorded() {
    let root = Root::new();
    let report = json!({"status": "SUCCESS", "summary": "done", "evidence_refs": {"bundle": "b"}});
    let run = RunFixture::new("run").event("A", json!({})).report("news_digest_result.json", report);
    let dir = run.write(&root.path()).unwrap();
    let proof = || now(root.store.proof(&id("run"))).unwrap();
    assert_eq!((proof().source, &proof().proof_pack["proof_ready"]), (ReportSource::Derived, &json!(true)));
    assert_eq!((proof().hash_chain, proof().evidence.verified, proof().evidence.altered), (ChainState::Verified, 4, 0));
    assert_eq!(proof().reports, ["news_digest_result.json"]);
    assert!(proof().problems.is_empty());

    fs::write(dir.join("reports/news_digest_result.json"), "{}").unwrap();
    fs::write(dir.join("artifacts/extra"), "").unwrap();
    let altered = proof();
    assert_eq!((altered.source, altered.evidence.altered, altered.evidence.unlisted), (ReportSource::None, 1, 1));
    assert!(altered.files.iter().all(|file| file.checksum != Checksum::Unlisted), "only what was recorded is evidence");
    let line = fs::read_to_string(dir.join("events.jsonl")).unwrap();
    fs::write(dir.join("events.jsonl"), format!("{line}{{\"event\": \"B\"}}\n")).unwrap();
    assert_eq!(proof().hash_chain, ChainState::Incomplete);
    fs::write(dir.join("events.jsonl"), "{\"event\": \"B\"}\n").unwrap();
    assert_eq!((proof().hash_chain, proof().problems.is_empty()), (ChainState::Broken, false));
    fs::remove_file(dir.join("events.hashchain.jsonl")).unwrap();
    assert_eq!(proof().hash_chain, ChainState::Absent);
    fs::write(dir.join("reports/proof_pack.json"), "{\"stored\": true}").unwrap();
    assert_eq!((proof().source, proof().proof_pack), (ReportSource::Stored, json!({"stored": true})));
    assert_eq!(now(root.store.proof(&id("missing"))), Err(ReadProblem::NotFound));
}

#[test]
fn an_incident_is_stored_or_follows_from_why_the_run_stands_still() {
    let root = Root::new();
    RunFixture::new("well").event("A", json!({})).write(&root.path()).unwrap();
    RunFixture::new("waits").event("HUMAN_APPROVAL_REQUIRED", json!({})).write(&root.path()).unwrap();
    let stored = json!({"report_type": "incident_pack", "summary": "stored"});
    RunFixture::new("failed").failed("boom").report("incident_pack.json", stored.clone()).write(&root.path()).unwrap();
    let incident = |run: &str| now(root.store.incident(&id(run))).unwrap();
    assert_eq!((incident("well").source, incident("well").incident_pack), (ReportSource::None, json!({})));
    assert_eq!((incident("failed").source, incident("failed").incident_pack), (ReportSource::Stored, stored));
    assert_eq!((incident("failed").outcome.outcome_type, incident("failed").awaits_approval), ("product", Some(false)));
    let waits = value(incident("waits"));
    assert_eq!((&waits["source"], &waits["awaits_approval"]), (&json!("derived"), &json!(true)));
    assert_eq!(waits["incident_pack"]["root_event"], json!("HUMAN_APPROVAL_REQUIRED"));
    assert_eq!(waits["failure_class"], json!("manual"));
    assert_eq!(now(root.store.incident(&id("missing"))), Err(ReadProblem::NotFound));
}
