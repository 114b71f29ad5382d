//! The demonstration's task contracts are real: each is carried out here, as a worker does it, and ends as its story says.
//! What is queued in a running demonstration is carried out by the worker in it, and every surface shows it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cortexpilot_core::domain::id::{RunId, Sha256Digest};
use cortexpilot_core::port::fake::ManualClock;
use cortexpilot_work::runner::Means;
use cortexpilot_work::sandbox::{Choice, Helper, Limits, Machine};
use cortexpilot_work::tools::Tools;
use cortexpilot_work::{Assignment, Outcome, Stop, Worker, execute};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{APPLY, BINARY, Home, LIMIT, McpServer, Server};

/// The root that `up --demo` makes for itself.
pub(crate) fn root(home: &Path) -> PathBuf {
    home.join(".runtime-cache/cortexpilot-demo")
}

/// The lines of the demonstration's ledger as soon as so many items have ended.
pub(crate) fn ended(home: &Home, items: usize) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(root(home.path()).join("queue.jsonl")).unwrap_or_default();
        // What is being written now has no newline yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        if lines.iter().filter(|line| line["event"] == "QUEUE_DONE").count() >= items {
            return lines;
        }
        assert!(started.elapsed() < LIMIT, "{items} items have not ended: {text}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What every run of the demonstration ends with when it is carried out: its failure's code, or nothing.
const ENDINGS: [(&str, &str); 6] = [
    ("run_demo_quote_cache", ""),
    ("run_demo_payment_timeout", "DIFF_GATE"),
    ("run_demo_retry_docs", ""),
    ("run_demo_quick_start", ""),
    ("run_demo_tls_upgrade", ""),
    ("run_demo_orm_upgrade", "ACCEPTANCE_TESTS"),
];

/// Carries a contract out in a place of its own.
fn carried_out(home: &Path, name: &str, contract: &Value) -> Outcome {
    let tools = Tools::resolve().expect("git is installed");
    let helper = Helper { program: BINARY.into(), args: vec!["sandbox-exec".into()] };
    let place = home.join("out").join(name);
    let worker = Worker {
        name: "worker-1".into(),
        version: "0.0.0".into(),
        machine: Machine::probe(&helper, tools.bwrap.as_ref()),
        tools,
        helper,
        choice: Choice::Best,
        runs_root: place.join("runs"),
        work_root: place.join("work"),
        limits: Limits::default(),
        environment: BTreeMap::new(),
        path: Vec::new(),
        read: Vec::new(),
        means: Means::default(),
        clock: Arc::new(ManualClock::at(Timestamp::from_second(1_772_366_400).expect("a time"))),
    };
    let contract: Arc<[u8]> = serde_json::to_vec(contract).expect("JSON").into();
    let assignment = Assignment {
        run_id: RunId::parse(&format!("run_{name}")).expect("a run's id"),
        trace_id: "0".repeat(32),
        pinned: Sha256Digest::of(&contract),
        contract,
        repository: root(home).join("shop"),
        runner: None,
        workflow_id: None,
        item: None,
    };
    execute(&worker, &assignment, &(), &Stop::default()).expect("it can be started here")
}

#[test]
fn every_story_of_the_demonstration_ends_in_a_worker_as_it_is_told() {
    let home = Home::bare();
    let server = Server::start(home.command(&[], &["up", "--demo", "--port", "0", "--output", "json"]));
    assert_eq!(server.stop(Signal::INT).0, Some(0));
    let shop = root(home.path()).join("shop");
    for (run, _) in ENDINGS {
        let contract = root(home.path()).join("runs").join(run).join("contract.json");
        home.cli(&["contract", "validate", contract.to_str().expect("UTF-8")]).expect(0);
    }
    std::thread::scope(|scope| {
        for (run, ending) in ENDINGS {
            let (home, shop) = (home.path(), &shop);
            scope.spawn(move || {
                let dir = root(home).join("runs").join(run);
                let path = dir.join("contract.json");
                assert_eq!(document(&dir.join("manifest.json"))["repo"]["root"], shop.to_str().expect("UTF-8"));
                let contract = document(&path);
                let done = carried_out(home, run, &contract);
                let code = done.failure.as_ref().map_or("", |failure| failure.kind.code());
                assert_eq!(code, ending, "{run}: {done:?}");
                let changed = read(&done.dir.join("diff_name_only.txt"));
                assert!(!changed.is_empty() && !read(&done.dir.join("patch.diff")).is_empty(), "{run}");
                if ending == "DIFF_GATE" {
                    let said = &done.failure.as_ref().expect("a failure").reason;
                    assert!(said.contains("deploy/production.env") && !said.contains("client.sh"), "{said}");
                }

                // Without the work the check fails: it shows something.
                let mut idle = contract;
                idle["runtime_options"]["script"] = json!([{"emit": "nothing is done"}]);
                idle["required_outputs"] = json!([]);
                let done = carried_out(home, &format!("{run}_idle"), &idle);
                let code = done.failure.as_ref().map_or("", |failure| failure.kind.code());
                assert_eq!(code, "ACCEPTANCE_TESTS", "{run}: {done:?}");
            });
        }
    });
    let left = std::process::Command::new("git")
        .args(["-C", shop.to_str().expect("UTF-8"), "status", "--porcelain"])
        .output()
        .expect("git starts");
    assert!(left.status.success() && left.stdout.is_empty(), "the repository is not written: {left:?}");
}

#[test]
fn what_is_queued_in_the_demonstration_is_carried_out_and_every_surface_shows_it() {
    let home = Home::bare();
    let server = Server::start(home.command(&[], &["up", "--demo", "--port", "0", "--output", "json"]));
    assert!(server.ready["worker"]["sandbox"].is_string(), "{}", server.ready);
    let token = read(&home.path().join(server.ready["token_file"].as_str().expect("a token was made")));
    let bearer = format!("Bearer {}", token.trim());
    let get = |path: &str| {
        let answer = server.anonymous("GET", path, &[("authorization", &bearer)], None);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    };
    let at_root = ["--runtime-root", ".runtime-cache/cortexpilot-demo"];
    let started = Instant::now();
    for run in ["run_demo_quote_cache", "run_demo_payment_timeout"] {
        let plan = format!("{run}.json");
        home.cli(&[&["queue", "preview", run, "-o", &plan], &at_root[..]].concat()).expect(0);
        let apply = ["queue", "enqueue", "--plan", &plan, "--role", "OPS", "--requested-by", "Alice", "--reason", "x"];
        home.cli_with(&[APPLY], &[&apply[..], &["--confirm"], &at_root].concat(), "").expect(0);
    }
    let lines = ended(&home, 2);
    println!("figure: two items applied, carried out and completed in {} ms", started.elapsed().as_millis());

    // The ledger: claimed once each, and how each ended.
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
    let (claims, done) = (of("QUEUE_CLAIM"), of("QUEUE_DONE"));
    assert_eq!((claims.len(), done.len()), (2, 2), "{lines:?}");
    let run_of = |task: &str, status: &str| {
        let line = done.iter().find(|line| line["task_id"] == task).expect("its end");
        assert_eq!(line["status"], status, "{line}");
        line["run_id"].as_str().expect("a run").to_owned()
    };
    let good = run_of("task_quote_cache", "SUCCESS");
    let bad = run_of("task_payment_timeout", "FAILURE");

    // The run directories.
    let dir = |run: &str| root(home.path()).join("runs").join(run);
    let patch = read(&dir(&good).join("patch.diff"));
    assert!(patch.contains("+++ b/shop/shipping/quotes.sh") && patch.contains("+    cat \"$kept\""), "{patch}");
    let manifest = document(&dir(&bad).join("manifest.json"));
    assert_eq!((&manifest["status"], &manifest["failure_code"]), (&json!("FAILURE"), &json!("DIFF_GATE")));
    assert!(manifest["failure_reason"].as_str().expect("why").contains("deploy/production.env"), "{manifest}");
    assert_eq!(manifest["queue"]["source_run_id"], "run_demo_payment_timeout");

    // The command line, HTTP, and both agents' servers.
    let listed = home.json(&[], &[&["runs", "list"], &at_root[..]].concat(), 0);
    assert!(listed.to_string().contains(&good) && listed.to_string().contains(&bad), "{listed}");
    assert_eq!(get(&format!("/api/runs/{good}"))["status"], "SUCCESS");
    let item = get("/api/queue").as_array().expect("items").iter().find(|item| item["run_id"] == *good).cloned();
    assert_eq!(item.expect("the item")["status"], "SUCCESS");
    let mut readonly = home.mcp(McpServer::Readonly, &[("CORTEXPILOT_RUNTIME_ROOT", at_root[1])]);
    readonly.handshake("2026-07-28");
    let queue = readonly.call("list_queue", json!({})).json;
    assert!(queue.to_string().contains(&bad), "{queue}");
    let gates = readonly.call("get_diff_gate_state", json!({"run_id": bad})).json;
    assert!(gates.to_string().contains("deploy/production.env"), "{gates}");
    readonly.close();
    let mut pilot = home.mcp(McpServer::Pilot, &[("CORTEXPILOT_RUNTIME_ROOT", at_root[1])]);
    pilot.handshake("2026-07-28");
    let deeper = pilot.call("preview_enqueue_from_run", json!({"run_id": good})).json;
    assert!(deeper["warnings"].to_string().contains("2 deep"), "{deeper}");
    pilot.close();
    assert_eq!(server.stop(Signal::INT).0, Some(0));
}
