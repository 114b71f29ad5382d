//! `check_path` and `check`: every problem with its repair.

use std::fs;
use std::os::unix::fs::symlink;

use cortexpilot_core::port::runs::{CheckFinding, ReadProblem, Runs as _};
use cortexpilot_runs::check_path;
use cortexpilot_runs::fixture::RunFixture;
use serde_json::json;

use crate::support::{Root, id, now};

fn said(findings: &[CheckFinding]) -> Vec<String> {
    findings
        .iter()
        .map(|found| {
            assert!(!found.repair.is_empty());
            let line = found.line.map_or(String::new(), |line| format!(":{line}"));
            let blocks = if found.blocks_enqueue { "BLOCKS " } else { "" };
            format!("{blocks}{}{line} {}", found.file, found.problem)
        })
        .collect()
}

#[test]
fn each_problem_of_a_run_is_named_once_with_what_it_blocks() {
    let root = Root::new();
    let check = |run: &str| said(&now(root.store.check(&id(run))).unwrap());
    RunFixture::new("good")
        .event("A", json!({}))
        .report("r.json", json!({}))
        .file("artifacts/a.txt", "a")
        .write(&root.path())
        .unwrap();
    assert_eq!(check("good"), Vec::<String>::new());

    let dir = RunFixture::new("bad")
        .event("A", json!({}))
        .report("r.json", json!({}))
        .file("artifacts/a.txt", "a")
        .write(&root.path())
        .unwrap();
    fs::write(dir.join("reports/r.json"), "{").unwrap();
    fs::write(dir.join("artifacts/a.txt"), "b").unwrap();
    fs::write(dir.join("events.jsonl"), "5\n").unwrap();
    assert_eq!(
        check("bad"),
        [
            "BLOCKS events.jsonl:1 is JSON, but not an object",
            "events.jsonl:1 is not the line that the hash chain recorded",
            "reports/r.json is not JSON (at line 1, column 1)",
            "reports/r.json is not the file that the manifest recorded",
            "artifacts/a.txt is not the file that the manifest recorded",
        ]
    );
    RunFixture::new("odd")
        .contract(|contract| _ = contract.insert("task_id".into(), json!(7)))
        .manifest(|manifest| _ = manifest.insert("failure_reason".into(), json!([])))
        .write(&root.path())
        .unwrap();
    assert_eq!(
        check("odd"),
        [
            "BLOCKS contract.json has a `task_id` that is not text",
            "manifest.json has a `failure_reason` that is not text"
        ]
    );
    let dir = RunFixture::new("altered").write(&root.path()).unwrap();
    fs::write(dir.join("contract.json"), "{}").unwrap();
    assert_eq!(check("altered"), ["BLOCKS contract.json is not the contract that the manifest recorded"]);
    RunFixture::new("plain").without_evidence().write(&root.path()).unwrap();
    assert_eq!(
        check("plain"),
        ["manifest.json records no digest of contract.json, so the contract cannot be verified"]
    );
    assert_eq!(now(root.store.check(&id("none"))), Err(ReadProblem::NotFound));
}

#[test]
fn evidence_that_leads_out_of_the_run_is_not_followed() {
    let root = Root::new();
    fs::write(root.outside().join("secret"), "s").unwrap();
    let run = RunFixture::new("run").manifest(|manifest| {
        let hashes = json!({"../../secret": "00", "/etc/passwd": "00", "link/secret": "00", "gone.txt": "00"});
        manifest.insert("evidence_hashes".into(), hashes);
    });
    let dir = run.write(&root.path()).unwrap();
    symlink(root.outside(), dir.join("link")).unwrap();
    let findings = now(root.store.check(&id("run"))).unwrap();
    assert_eq!(
        said(&findings),
        [
            "manifest.json records no digest of contract.json, so the contract cannot be verified",
            "link/secret is a symbolic link, and links are not followed",
        ]
    );
}

#[test]
fn a_root_is_checked_with_what_it_passes_over() {
    let root = Root::new();
    RunFixture::new("good").write(&root.path()).unwrap();
    let dir = RunFixture::new("bad").write(&root.path()).unwrap();
    fs::remove_file(dir.join("contract.json")).unwrap();
    symlink("good", root.path().join("link")).unwrap();
    fs::create_dir(root.path().join("a..b")).unwrap();
    fs::create_dir(root.path().join("empty")).unwrap();
    let check = check_path(&root.path());
    assert_eq!((check.is_run, check.runs, check.unreadable), (false, 2, None));
    assert_eq!(said(&check.findings), ["BLOCKS bad/contract.json is missing"]);
    let skipped: Vec<_> = check.skipped.iter().map(|entry| (entry.name.as_str(), entry.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("a..b", "its name is not a run id"),
            ("empty", "it holds no manifest.json"),
            ("link", "it is a symbolic link, and links are not followed"),
        ]
    );
}

#[test]
fn any_path_gets_an_answer() {
    let root = Root::new();
    let check = check_path(&root.path().join("none"));
    assert_eq!((check.unreadable.as_deref(), check.runs), (Some("the directory is missing"), 0));
    let check = check_path(&root.path());
    assert_eq!(
        (check.unreadable, check.runs, check.looked_in.as_str()),
        (None, 0, root.path().canonicalize().unwrap().to_str().unwrap())
    );
    let named = RunFixture::new("run").write(&root.path()).unwrap();
    let odd = root.path().join("odd name");
    fs::rename(&named, &odd).unwrap();
    let check = check_path(&odd);
    assert!(check.is_run);
    assert_eq!(
        said(&check.findings),
        ["BLOCKS the run directory has a name that is not a run id, so no run can be addressed by it"]
    );
    // A path through a link is the operator's own choice.
    fs::rename(&odd, root.path().join("run")).unwrap();
    symlink(root.path().join("run"), root.outside().join("link")).unwrap();
    let check = check_path(&root.outside().join("link"));
    assert_eq!((check.is_run, check.runs, check.findings), (true, 1, vec![]));
}
