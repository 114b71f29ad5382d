//! Directories that somebody made to break a reader. None of them breaks a list, another run, or the process.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cortexpilot_core::domain::run::RunProblem;
use cortexpilot_core::port::runs::{EventsQuery, PageQuery, ReadProblem, Runs as _};
use cortexpilot_runs::fixture::RunFixture;
use cortexpilot_runs::{CONTRACT_BYTES_MAX, MANIFEST_BYTES_MAX};
use rustix::fs::{CWD, FileType, Mode};
use serde_json::json;

use crate::support::{Root, id, now, said};

fn fifo(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Every surface's reads of one run, for their not hanging and not panicking.
fn read_all(root: &Root, run: &str) {
    let run = id(run);
    let _ = now(root.store.facts(&run));
    let _ = now(root.store.get(&run));
    let _ = now(root.store.events(&run, EventsQuery::default()));
    let _ = now(root.store.reports(&run, PageQuery::all()));
    let _ = now(root.store.compare_summary(&run));
    let _ = now(root.store.proof_summary(&run));
    let _ = now(root.store.incident_summary(&run));
    let _ = now(root.store.check(&run));
    for page in [PageQuery::all(), PageQuery::first(1)] {
        now(root.store.list(page.clone())).unwrap();
        now(root.store.records(page.clone())).unwrap();
        now(root.store.workflows(page.clone())).unwrap();
        now(root.store.diff_gates(None, page.clone())).unwrap();
        now(root.store.pending_approvals(None, page)).unwrap();
    }
}

#[test]
fn a_linked_run_directory_is_no_run() {
    let root = Root::new();
    RunFixture::new("good").write(&root.path()).unwrap();
    RunFixture::new("evil").write(root.outside()).unwrap();
    symlink(root.outside().join("evil"), root.path().join("linked")).unwrap();
    symlink("good", root.path().join("twin")).unwrap();
    assert_eq!(root.listed(), ["good"]);
    for run in ["linked", "twin"] {
        assert_eq!(root.unreadable(run), "the run directory is a symbolic link, and links are not followed");
        assert!(matches!(now(root.store.get(&id(run))), Err(ReadProblem::Unreadable(_))));
        assert!(now(root.store.events(&id(run), EventsQuery::default())).is_err());
        assert!(now(root.store.reports(&id(run), PageQuery::all())).is_err());
        read_all(&root, run);
    }
}

#[test]
fn linked_files_are_not_read_wherever_they_lead() {
    let root = Root::new();
    let secret = root.outside().join("secret.json");
    fs::write(&secret, json!({"password": "hunter2", "task_id": "stolen"}).to_string()).unwrap();
    for (run, file) in
        [("c", "contract.json"), ("m", "manifest.json"), ("e", "events.jsonl"), ("r", "reports/proof_pack.json")]
    {
        for (suffix, target) in
            [("in", secret.as_path()), ("zero", Path::new("/dev/zero")), ("none", Path::new("/no/such/file"))]
        {
            let run = format!("{run}_{suffix}");
            let dir = RunFixture::new(&run).report("proof_pack.json", json!({})).write(&root.path()).unwrap();
            fs::remove_file(dir.join(file)).unwrap();
            symlink(target, dir.join(file)).unwrap();
            if !file.starts_with("reports") {
                assert_eq!(root.unreadable(&run), format!("{file} is a symbolic link, and links are not followed"));
            }
            let detail = now(root.store.get(&id(&run))).unwrap();
            let reports = now(root.store.reports(&id(&run), PageQuery::all())).unwrap();
            let proof = now(root.store.proof_summary(&id(&run))).unwrap();
            let shown = format!("{detail:?} {reports:?} {proof:?} {:?}", root.events(&run, EventsQuery::default()));
            assert!(!shown.contains("hunter2") && !shown.contains("stolen"), "{shown}");
            assert!(shown.contains("links are not followed"));
            read_all(&root, &run);
        }
    }
    assert_eq!(root.listed().len(), 12);
}

#[test]
fn a_linked_reports_directory_is_not_entered() {
    let root = Root::new();
    let dir = RunFixture::new("run").write(&root.path()).unwrap();
    fs::create_dir(root.outside().join("reports")).unwrap();
    fs::write(root.outside().join("reports/secret.json"), r#"{"password": "hunter2"}"#).unwrap();
    symlink(root.outside().join("reports"), dir.join("reports")).unwrap();
    let reports = now(root.store.reports(&id("run"), PageQuery::all())).unwrap();
    assert!(reports.stored.is_empty());
    assert_eq!(said(&reports.problems), ["reports is a symbolic link, and links are not followed"]);
}

#[test]
fn pipes_sockets_and_directories_block_nothing() {
    let root = Root::new();
    for (run, file) in [
        ("c", "contract.json"),
        ("m", "manifest.json"),
        ("e", "events.jsonl"),
        ("h", "events.hashchain.jsonl"),
        ("r", "reports/pipe.json"),
    ] {
        let dir = RunFixture::new(run).report("pipe.json", json!({})).write(&root.path()).unwrap();
        fs::remove_file(dir.join(file)).unwrap();
        fifo(&dir.join(file));
        read_all(&root, run);
    }
    assert_eq!(root.unreadable("m"), "manifest.json is a FIFO, not a regular file");
    assert_eq!(root.unreadable("e"), "events.jsonl is a FIFO, not a regular file");
    assert_eq!(root.events("h", EventsQuery::default()).1, ["events.hashchain.jsonl is a FIFO, not a regular file"]);
    fifo(&root.path().join("a_pipe_as_run"));
    let dir = RunFixture::new("dirs").write(&root.path()).unwrap();
    fs::remove_file(dir.join("contract.json")).unwrap();
    fs::create_dir(dir.join("contract.json")).unwrap();
    fs::create_dir(dir.join("reports")).unwrap();
    fs::create_dir(dir.join("reports/sub.json")).unwrap();
    assert_eq!(root.unreadable("dirs"), "contract.json is a directory, not a regular file");
    read_all(&root, "dirs");
    assert_eq!(root.listed().len(), 6);
}

#[test]
fn no_run_id_leads_out_of_the_root() {
    // What is no run id does not parse (a test of the core); what parses and is not there is not found.
    let root = Root::new();
    RunFixture::new("evil").write(root.outside()).unwrap();
    assert_eq!(root.facts("evil"), Err(RunProblem::NotFound));
    assert_eq!(now(root.store.get(&id("evil"))), Err(ReadProblem::NotFound));
}

/// A file of this many bytes that takes no space: zeros without a newline.
fn sparse(path: &Path, bytes: u64) {
    File::create(path).unwrap().set_len(bytes).unwrap();
}

#[test]
fn an_event_line_of_300_mb_is_skipped_and_what_surrounds_it_is_read() {
    let root = Root::new();
    let dir = RunFixture::new("run").event("FIRST", json!({})).write(&root.path()).unwrap();
    let mut events = File::options().append(true).open(dir.join("events.jsonl")).unwrap();
    let length = events.seek(SeekFrom::End(0)).unwrap();
    events.set_len(length + 300_000_000).unwrap();
    events.write_all(b"\n{\"event\": \"LAST\", \"ts\": \"2026-03-01T13:00:00+00:00\"}\n").unwrap();
    assert_eq!(root.unreadable("run"), "line 2 of events.jsonl is longer than 1 MiB");
    let (events, problems) = root.events("run", EventsQuery::default());
    assert_eq!(events.len(), 2);
    assert!(events[0].contains("FIRST") && events[1].contains("LAST"));
    assert_eq!(
        problems,
        [
            "events.jsonl:2 is longer than 1 MiB",
            "events.jsonl:2 could not be checked against the hash chain, nor what follows it"
        ]
    );
    assert_eq!(root.problems("run"), ["events.jsonl:2 is longer than 1 MiB"]);
}

#[test]
fn an_events_file_without_end_is_read_up_to_a_limit() {
    let root = Root::new();
    let dir = RunFixture::new("run").without_hash_chain().write(&root.path()).unwrap();
    sparse(&dir.join("events.jsonl"), 3 << 30);
    assert_eq!(root.unreadable("run"), "line 1 of events.jsonl is longer than 1 MiB");
    let (events, problems) = root.events("run", EventsQuery::default());
    assert_eq!(events, Vec::<String>::new());
    assert_eq!(
        problems,
        ["events.jsonl:1 is longer than 1 MiB", "events.jsonl:2 is not read beyond its first 512 MiB"]
    );
}

#[test]
fn files_beyond_their_limit_are_refused_unread() {
    let root = Root::new();
    let dir = RunFixture::new("run")
        .report("big.json", json!({}))
        .report("small.json", json!({"a": 1}))
        .write(&root.path())
        .unwrap();
    sparse(&dir.join("reports/big.json"), 20 << 20);
    let reports = now(root.store.reports(&id("run"), PageQuery::all())).unwrap();
    let names: Vec<_> = reports.stored.iter().map(|report| format!("{}={}", report.name, report.data)).collect();
    assert_eq!(names, ["big.json={}", r#"small.json={"a":1}"#]);
    assert_eq!(said(&reports.problems), ["reports/big.json is larger than 8 MiB"]);

    sparse(&dir.join("contract.json"), CONTRACT_BYTES_MAX + 1);
    assert_eq!(root.unreadable("run"), "contract.json is larger than 1 MiB");
    let dir = RunFixture::new("other").write(&root.path()).unwrap();
    sparse(&dir.join("manifest.json"), MANIFEST_BYTES_MAX + 1);
    assert_eq!(root.unreadable("other"), "manifest.json is larger than 4 MiB");
    assert_eq!(root.problems("other")[0], "manifest.json is larger than 4 MiB");
}

#[test]
fn a_contract_of_exactly_the_limit_is_read() {
    let root = Root::new();
    let dir = RunFixture::new("run").without_evidence().write(&root.path()).unwrap();
    let limit = usize::try_from(CONTRACT_BYTES_MAX).unwrap();
    let padding = "x".repeat(limit - r#"{"x": ""}"#.len());
    fs::write(dir.join("contract.json"), format!(r#"{{"x": "{padding}"}}"#)).unwrap();
    assert_eq!(root.facts("run").unwrap().contract.bytes().len(), limit);
}

#[test]
fn lines_that_are_no_events_are_shown_raw_and_named() {
    let root = Root::new();
    let dir = RunFixture::new("run").without_hash_chain().write(&root.path()).unwrap();
    fs::write(
        dir.join("events.jsonl"),
        b"{\"event\": \"A\", \"ts\": \"2026-03-01T12:00:00+00:00\"}\n[]\n5\nnull\n\xFF\xFE\n  \n{\"n\": 1, \"n\": 2}\n{\"ts\": \"2026-03",
    )
    .unwrap();
    let (events, problems) = root.events("run", EventsQuery::default());
    assert_eq!(
        events,
        [
            r#"{"event":"A","ts":"2026-03-01T12:00:00+00:00"}"#,
            r#"{"raw":"[]"}"#,
            r#"{"raw":"5"}"#,
            r#"{"raw":"null"}"#,
            "{\"raw\":\"\u{FFFD}\u{FFFD}\"}",
            r#"{"n":2}"#,
            r#"{"raw":"{\"ts\": \"2026-03"}"#,
        ]
    );
    assert_eq!(
        problems,
        [
            "events.jsonl:2 is JSON, but not an object",
            "events.jsonl:3 is JSON, but not an object",
            "events.jsonl:4 is JSON, but not an object",
            "events.jsonl:5 is not UTF-8",
            "events.jsonl:7 has an object with the same member twice",
            "events.jsonl:8 is torn: it ends without a newline and is not JSON",
        ]
    );
    read_all(&root, "run");
}

#[test]
fn many_bad_lines_are_counted_and_not_all_named() {
    let root = Root::new();
    let dir = RunFixture::new("run").without_hash_chain().write(&root.path()).unwrap();
    fs::write(dir.join("events.jsonl"), "x\n".repeat(1_000)).unwrap();
    let (events, problems) = root.events("run", EventsQuery::default());
    assert_eq!((events.len(), problems.len()), (1_000, 21));
    assert_eq!(problems[20], "events.jsonl has 980 more lines with problems");
}

#[test]
fn separators_of_other_alphabets_split_no_line() {
    let root = Root::new();
    RunFixture::new("run").event("A", json!({"text": "one\u{2028}two\u{85}three\u{b}"})).write(&root.path()).unwrap();
    let (events, problems) = root.events("run", EventsQuery::default());
    assert_eq!((events.len(), problems), (1, vec![]));
    assert!(!root.facts("run").unwrap().awaits_approval);
}

#[test]
fn a_directory_that_may_not_be_read_is_listed_with_its_problem() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = Root::new();
    let dir = RunFixture::new("closed").write(&root.path()).unwrap();
    RunFixture::new("open").write(&root.path()).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything, so there is nothing to be seen as root but that nothing breaks.
    let listed = root.listed();
    assert_eq!(listed.len(), 2);
    if fs::read_dir(&dir).is_err() {
        assert_eq!(root.problems("closed")[0], "the run directory cannot be read: permission denied");
        assert_eq!(root.unreadable("closed"), "the run directory cannot be read: permission denied");
    }
    read_all(&root, "closed");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn reading_writes_nothing() {
    let root = Root::new();
    for run in ["a", "b"] {
        RunFixture::new(run)
            .event("HUMAN_APPROVAL_REQUIRED", json!({}))
            .workflow("wf")
            .report("x.json", json!({}))
            .write(&root.path())
            .unwrap();
    }
    let before = snapshot(root.outside());
    for run in ["a", "b", "missing"] {
        read_all(&root, run);
    }
    now(root.store.workflow("wf")).unwrap();
    cortexpilot_runs::check_path(&root.path());
    assert_eq!(snapshot(root.outside()), before);
}

/// Every path beneath a directory with its content and modification time.
fn snapshot(dir: &Path) -> Vec<String> {
    let mut seen = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        let meta = fs::symlink_metadata(&next).unwrap();
        let content = if meta.is_file() { fs::read(&next).unwrap() } else { Vec::new() };
        seen.push(format!("{} {:?} {content:?}", next.display(), meta.modified().unwrap()));
        if meta.is_dir() {
            left.extend(fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    seen.sort();
    seen
}

#[test]
fn a_contract_swapped_without_pause_is_one_of_its_versions_and_never_what_a_link_leads_to() {
    let root = Root::new();
    let dir = RunFixture::new("run").write(&root.path()).unwrap();
    fs::write(root.outside().join("secret"), r#"{"task_id": "stolen"}"#).unwrap();
    let version = |task: &str| format!(r#"{{"task_id": "{task}", "padding": "{}"}}"#, task.repeat(5_000));
    fs::write(dir.join("contract.json"), version("one")).unwrap();
    let stop = AtomicBool::new(false);
    let mut seen = BTreeSet::new();
    let run = id("run");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (contract, next) = (dir.join("contract.json"), dir.join("next"));
            while !stop.load(Ordering::Relaxed) {
                for task in ["one", "two"] {
                    fs::write(&next, version(task)).unwrap();
                    fs::rename(&next, &contract).unwrap();
                }
                symlink(root.outside().join("secret"), &next).unwrap();
                fs::rename(&next, &contract).unwrap();
            }
        });
        let mut reads = 0;
        while reads < 300 || (seen.len() < 3 && reads < 20_000) {
            reads += 1;
            // In place, and at once.
            let facts = root.store.facts(&run);
            seen.insert(match if reads % 2 == 0 { now(facts) } else { runtime.block_on(facts) } {
                Ok(facts) if facts.contract.bytes() == version(&facts.task_id).as_bytes() => facts.task_id,
                Ok(facts) => format!("{} derived from other bytes than were pinned", facts.task_id),
                Err(problem) => problem.to_string(),
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
    let linked = "the run cannot be read: contract.json is a symbolic link, and links are not followed";
    assert!(seen.iter().all(|seen| ["one", "two", linked].contains(&seen.as_str())), "{seen:?}");
}
