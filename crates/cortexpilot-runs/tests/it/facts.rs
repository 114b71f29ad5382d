//! What decisions rest on, and when they may not.

use cortexpilot_core::domain::run::{ContractEvidence, RunProblem};
use cortexpilot_core::port::runs::Runs as _;
use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::{Root, id};

#[test]
fn members_are_derived_in_their_order_of_precedence() {
    let root = Root::new();
    RunFixture::new("full").task("  task_full ").workflow(" wf-1 ").write(&root.path()).unwrap();
    let facts = root.facts("full").unwrap();
    assert_eq!(
        (facts.task_id.as_str(), facts.owner.as_str(), facts.workflow_id.as_str()),
        ("task_full", "agent-1", "wf-1")
    );
    assert_eq!(facts.evidence, ContractEvidence::Verified);

    let fallback = |name: &str, task: Value| {
        RunFixture::new(name)
            .contract(|contract| {
                contract.insert("task_id".into(), task);
                contract.remove("owner_agent");
            })
            .manifest(|manifest| {
                manifest.insert("task_id".into(), "task_of_manifest".into());
                manifest.insert("owner_agent_id".into(), "agent_of_manifest".into());
            })
    };
    for (name, task) in [("blank", json!(" ")), ("null", json!(null))] {
        fallback(name, task).write(&root.path()).unwrap();
        let facts = root.facts(name).unwrap();
        assert_eq!((facts.task_id.as_str(), facts.owner.as_str()), ("task_of_manifest", "agent_of_manifest"), "{name}");
    }
    fallback("bare", json!(null)).manifest(|manifest| manifest.clear()).without_evidence().write(&root.path()).unwrap();
    let facts = root.facts("bare").unwrap();
    assert_eq!((facts.task_id.as_str(), facts.owner.as_str(), facts.status.as_str()), ("bare", "", ""));
    assert_eq!(facts.evidence, ContractEvidence::Absent);
}

#[test]
fn the_repository_is_kept_where_it_is_an_absolute_path_and_decides_nothing() {
    let root = Root::new();
    let rows = [
        (json!({"root": "/srv/repo", "baseline_ref": "HEAD"}), Some("/srv/repo")),
        (json!({"root": "relative/repo"}), None),
        (json!({"root": "/srv/\u{202e}oper"}), None),
        (json!({"root": format!("/{}", "x".repeat(5000))}), None),
        (json!({"root": 7}), None),
        (json!(["/srv/repo"]), None),
        (json!(null), None),
    ];
    for (at, (repo, want)) in rows.into_iter().enumerate() {
        let name = format!("run_{at}");
        let change = |manifest: &mut serde_json::Map<String, Value>| drop(manifest.insert("repo".into(), repo.clone()));
        RunFixture::new(&name).manifest(change).write(&root.path()).unwrap();
        assert_eq!(root.facts(&name).unwrap().repository.as_deref(), want, "{repo}");
    }
}

#[test]
fn the_smallest_accepted_run_is_a_manifest_and_a_contract() {
    let root = Root::new();
    let dir = root.path().join("small");
    std::fs::create_dir(&dir).unwrap();
    assert_eq!(root.facts("none"), Err(RunProblem::NotFound));
    assert_eq!(root.unreadable("small"), "contract.json is missing");
    std::fs::write(dir.join("contract.json"), "{}").unwrap();
    assert_eq!(root.unreadable("small"), "manifest.json is missing");
    std::fs::write(dir.join("manifest.json"), "{}").unwrap();
    let facts = root.facts("small").unwrap();
    assert_eq!(facts.task_id, "small");
    assert!(!facts.awaits_approval);
    assert_eq!(root.listed(), ["small"]);
}

#[test]
fn an_altered_contract_is_told_from_one_that_nobody_vouches_for() {
    let root = Root::new();
    let dir = RunFixture::new("altered").write(&root.path()).unwrap();
    let contract = std::fs::read_to_string(dir.join("contract.json")).unwrap();
    std::fs::write(dir.join("contract.json"), contract.replace("echo ok", "rm -rf /")).unwrap();
    let facts = root.facts("altered").unwrap();
    assert_eq!(facts.evidence, ContractEvidence::Altered);
    assert_eq!(facts.effect.commands, ["rm -rf /"], "what would be executed is what is shown");

    let with = |name: &str, hashes: Value| {
        RunFixture::new(name)
            .manifest(|manifest| _ = manifest.insert("evidence_hashes".into(), hashes))
            .write(&root.path())
            .unwrap();
        root.facts(name)
    };
    assert_eq!(with("table", json!({"other.json": "00"})).unwrap().evidence, ContractEvidence::Absent);
    assert_eq!(with("none", json!(null)).unwrap().evidence, ContractEvidence::Absent);
    assert_eq!(with("empty", json!({"contract.json": ""})).unwrap().evidence, ContractEvidence::Altered);
    assert_eq!(with("short", json!({"contract.json": "abc"})).unwrap().evidence, ContractEvidence::Altered);
    for (name, odd) in
        [("number", json!({"contract.json": 5})), ("nothing", json!({"contract.json": null})), ("list", json!(["x"]))]
    {
        assert!(matches!(with(name, odd), Err(RunProblem::Unreadable(_))), "{name}");
    }
}

#[test]
fn odd_types_on_the_way_are_refused_and_elsewhere_are_nobodys_business() {
    let root = Root::new();
    let why = |name: &str, run: RunFixture| {
        run.write(&root.path()).unwrap();
        root.unreadable(name)
    };
    let contract = |name: &str, member: &'static str, value: Value| {
        why(name, RunFixture::new(name).contract(|contract| _ = contract.insert(member.into(), value)))
    };
    let manifest = |name: &str, member: &'static str, value: Value| {
        why(name, RunFixture::new(name).manifest(|manifest| _ = manifest.insert(member.into(), value)))
    };
    assert_eq!(contract("c1", "task_id", json!(7)), "contract.json has a `task_id` that is not text");
    assert_eq!(contract("c2", "owner_agent", json!([])), "contract.json has a `owner_agent` that is not an object");
    assert_eq!(
        contract("c3", "owner_agent", json!({"agent_id": {}})),
        "contract.json has a `agent_id` that is not text"
    );
    assert_eq!(
        contract("c4", "task_id", json!("x".repeat(1_025))),
        "contract.json has a `task_id` of more than 1,024 characters"
    );
    assert_eq!(manifest("m1", "workflow", json!("wf")), "manifest.json has a `workflow` that is not an object");
    assert_eq!(manifest("m2", "status", json!(true)), "manifest.json has a `status` that is not text");

    // Not passed over on the way to the facts: the contract names the task.
    RunFixture::new("unused")
        .manifest(|manifest| _ = manifest.insert("task_id".into(), json!(7)))
        .write(&root.path())
        .unwrap();
    assert_eq!(root.facts("unused").unwrap().task_id, "task_unused");
    RunFixture::new("long").task(&"ä".repeat(1_024)).write(&root.path()).unwrap();
    assert_eq!(root.facts("long").unwrap().task_id.chars().count(), 1_024);
}

#[test]
fn ambiguous_documents_are_refused_and_still_shown() {
    let root = Root::new();
    let overwrite = |name: &str, file: &str, bytes: &[u8]| {
        let dir = RunFixture::new(name).write(&root.path()).unwrap();
        std::fs::write(dir.join(file), bytes).unwrap();
        root.unreadable(name)
    };
    let twice = br#"{"task_id": "shown", "task_id": "executed"}"#;
    assert_eq!(overwrite("a", "contract.json", twice), "contract.json has an object with the same member twice");
    assert_eq!(
        overwrite("b", "manifest.json", br#"{"workflow": {"workflow_id": "x", "workflow_id": "y"}}"#),
        "manifest.json has an object with the same member twice"
    );
    assert_eq!(overwrite("c", "contract.json", b"\xEF\xBB\xBF{}"), "contract.json begins with a byte order mark");
    assert_eq!(overwrite("d", "contract.json", b"{\"task_id\": \"\xFF\"}"), "contract.json is not UTF-8");
    for (name, odd) in [("e", "[]"), ("f", "5"), ("g", "null")] {
        assert_eq!(overwrite(name, "manifest.json", odd.as_bytes()), "manifest.json is JSON, but not an object");
    }
    assert_eq!(overwrite("h", "contract.json", b"{not json"), "contract.json is not JSON (at line 1, column 2)");
    assert_eq!(overwrite("i", "contract.json", b""), "contract.json is not JSON (at line 1, column 0)");
    assert_eq!(root.listed().len(), 9, "all of them are listed");
}

#[test]
fn a_run_waits_until_the_last_required_approval_is_completed() {
    const REQUIRED: &str = "HUMAN_APPROVAL_REQUIRED";
    const COMPLETED: &str = "HUMAN_APPROVAL_COMPLETED";
    let check = |events: &[&str], status: &str| {
        let root = Root::new();
        let run = events.iter().fold(RunFixture::new("run").status(status), |run, name| run.event(name, json!({})));
        run.write(&root.path()).unwrap();
        root.facts("run").unwrap().awaits_approval
    };
    assert!(!check(&["RUN_STARTED"], "SUCCESS"));
    assert!(!check(&[], "RUNNING"));
    for status in ["RUNNING", "FAILURE", "SUCCESS", ""] {
        assert!(check(&["RUN_STARTED", REQUIRED, "policy_violation"], status), "{status}");
    }
    assert!(!check(&[REQUIRED, COMPLETED], "FAILURE"));
    assert!(check(&[REQUIRED, COMPLETED, REQUIRED], "FAILURE"));
    assert!(check(&[COMPLETED, REQUIRED, "HUMAN_APPROVAL_TIMEOUT"], "FAILURE"));
    assert!(check(&[REQUIRED, REQUIRED], "FAILURE"));
    assert!(!check(&[REQUIRED, REQUIRED, COMPLETED], "FAILURE"), "one completion after the last is what counts");
    assert!(check(&["human_approval_required"], "FAILURE"), "whatever its case");
}

#[test]
fn either_name_member_can_say_that_approval_is_required() {
    let waits = |lines: &str| {
        let root = Root::new();
        let dir = RunFixture::new("run").write(&root.path()).unwrap();
        std::fs::write(dir.join("events.jsonl"), lines).unwrap();
        root.facts("run").map(|facts| facts.awaits_approval).map_err(|problem| problem.to_string())
    };
    assert_eq!(waits(r#"{"event_type": "HUMAN_APPROVAL_REQUIRED"}"#), Ok(true), "also without a newline");
    assert_eq!(waits("{\"event\": \"X\", \"event_type\": \"HUMAN_APPROVAL_REQUIRED\"}\n\n"), Ok(true));
    assert_eq!(
        waits("{\"event\": \"HUMAN_APPROVAL_REQUIRED\", \"event_type\": \"HUMAN_APPROVAL_COMPLETED\"}\n"),
        Ok(true)
    );
    assert_eq!(waits("{\"event\": null}\n{}\n"), Ok(false), "an event without a name is none that asks for approval");
    let unreadable = |why: &str| Err(format!("the run cannot be read: line 1 of events.jsonl {why}"));
    assert_eq!(waits("{\"event\": [\"HUMAN_APPROVAL_REQUIRED\"]}\n"), unreadable("has an event name that is not text"));
    assert_eq!(
        waits("{\"event\": \"HUMAN_APPROVAL_REQUIRED\", \"event\": \"X\"}\n"),
        unreadable("has an object with the same member twice")
    );
    for line in ["[]", "5", "null", "\"HUMAN_APPROVAL_REQUIRED\""] {
        assert_eq!(waits(&format!("{line}\n")), unreadable("is JSON, but not an object"), "{line}");
    }
    assert_eq!(waits("{\"ts\": \"2026-03"), unreadable("is torn: it ends without a newline and is not JSON"));
    assert_eq!(waits("{\"ts\": \n{}\n"), unreadable("is not JSON (at line 1, column 7)"));
}

#[test]
fn nothing_that_would_be_executed_is_hidden_by_its_shape() {
    let root = Root::new();
    let run = RunFixture::new("odd")
        .contract(|contract| {
            contract.insert("allowed_paths".into(), json!("everything"));
            contract.insert(
                "acceptance_tests".into(),
                json!([{"cmd": "one"}, {"cmd_argv": ["two", "words"]}, {"run": "three"}, "four", 5]),
            );
            contract.insert("tool_permissions".into(), json!({"shell": true, "network": null, "mcp_tools": ["a", 1]}));
            contract.insert("timeout_retry".into(), json!({"timeout_sec": 0.5}));
        })
        .manifest(|manifest| _ = manifest.insert("runner".into(), "codex".into()));
    run.write(&root.path()).unwrap();
    let effect = root.facts("odd").unwrap().effect;
    assert_eq!(effect.allowed_paths, ["everything"]);
    assert_eq!(effect.commands, ["one", "two words", r#"{"run":"three"}"#, "four", "5"]);
    let permissions: Vec<String> =
        effect.tool_permissions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(permissions, ["shell=true", "network=null", "mcp_tools=a,1"]);
    assert_eq!((effect.runner.as_str(), effect.timeout_s), ("codex", Some(1)));
}

#[test]
fn what_a_runner_is_told_to_start_is_shown_before_what_looks_at_its_work() {
    let root = Root::new();
    let shown = |run: &str, options: Value| {
        let fixture = RunFixture::new(run).contract(|contract| _ = contract.insert("runtime_options".into(), options));
        fixture.write(&root.path()).unwrap();
        let effect = root.facts(run).unwrap().effect;
        (effect.runner, effect.commands)
    };
    let texts = |commands: &[&str]| commands.iter().map(|command| (*command).to_owned()).collect::<Vec<_>>();
    let command = json!({"runner": "shell", "command": ["/bin/sh", "-c", "echo \"a\" >> b"]});
    assert_eq!(shown("shell", command), ("shell".into(), texts(&[r#"/bin/sh -c "echo \"a\" >> b""#, "echo ok"])));
    let script = json!({"runner": "script", "script": [{"emit": "x"}, {"exec": ["make", "all", ""]}, {"fail": 1}]});
    assert_eq!(shown("script", script), ("script".into(), texts(&["make all \"\"", "echo ok"])));
    assert_eq!(shown("odd", json!({"command": "make", "script": 5})), ("agents".into(), texts(&["make", "echo ok"])));
    assert_eq!(shown("odder", json!("make")), ("agents".into(), texts(&["echo ok"])));
}

#[test]
fn facts_follow_the_disk_at_once() {
    let root = Root::new();
    let dir = RunFixture::new("run").write(&root.path()).unwrap();
    // Lists fill their cache; facts must not answer from it.
    assert_eq!(root.listed(), ["run"]);
    let first = root.facts("run").unwrap();
    let contract = std::fs::read_to_string(dir.join("contract.json")).unwrap();
    let modified = std::fs::metadata(dir.join("contract.json")).unwrap().modified().unwrap();
    std::fs::write(dir.join("contract.json"), contract.replace("task_run", "task_two")).unwrap();
    // Same length, same modification time: only the bytes tell.
    std::fs::File::open(dir.join("contract.json")).unwrap().set_modified(modified).unwrap();
    let second = root.facts("run").unwrap();
    assert_eq!((first.task_id.as_str(), second.task_id.as_str()), ("task_run", "task_two"));
    assert_ne!(first.contract.sha256(), second.contract.sha256());
    assert_eq!(second.evidence, ContractEvidence::Altered);
}

#[test]
fn file_work_leaves_the_runtimes_own_thread_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let root = Root::new();
    RunFixture::new("run").write(&root.path()).unwrap();
    runtime.block_on(async {
        // The only blocking thread is held, so facts cannot be ready unless they were read on this thread.
        let (release, held) = std::sync::mpsc::channel::<()>();
        let holder = tokio::task::spawn_blocking(move || held.recv());
        let run = id("run");
        let mut future = root.store.facts(&run);
        let pending =
            std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending())).await;
        assert!(pending);
        release.send(()).unwrap();
        assert_eq!(future.await.unwrap().task_id, "task_run");
        holder.await.unwrap().unwrap();
    });
}

#[test]
fn a_small_run_in_memory_is_read_by_the_thread_that_asks() {
    let root = Root::new();
    let dir = RunFixture::new("run").event("A", serde_json::json!({})).write(&root.path()).unwrap();
    RunFixture::new("bulky")
        .contract(|contract| _ = contract.insert("notes".into(), "x".repeat(100 << 10).into()))
        .write(&root.path())
        .unwrap();
    let ext4_xfs_btrfs = [0xEF53, 0x5846_5342, 0x9123_683E];
    let kind = rustix::fs::statfs(root.path()).unwrap().f_type;
    if !cfg!(target_os = "linux") || !ext4_xfs_btrfs.contains(&kind) {
        println!("not run: on a file system of the kind {kind:x} nothing is promised");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (small, bulky) = (id("run"), id("bulky"));
        root.store.facts(&small).await.unwrap();
        // With the only other thread held, what is ready was read here.
        let (release, held) = std::sync::mpsc::channel::<()>();
        let holder = tokio::task::spawn_blocking(move || held.recv());
        let ready = |mut future: cortexpilot_core::port::BoxFuture<'static, Option<String>>| match future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
        {
            std::task::Poll::Ready(answer) => Ok(answer),
            std::task::Poll::Pending => Err(future),
        };
        let ask = |run: &cortexpilot_core::domain::id::RunId| {
            let (store, run) = (root.store.clone(), run.clone());
            ready(Box::pin(async move { store.facts(&run).await.ok().map(|facts| facts.task_id) }))
        };
        assert_eq!(ask(&small).ok().flatten().as_deref(), Some("task_run"));
        std::fs::remove_file(dir.join("manifest.json")).unwrap();
        assert_eq!(ask(&small).ok(), Some(None), "what is missing is missing at once");
        let Err(waits) = ask(&bulky) else { panic!("100 KiB were read at once") };
        release.send(()).unwrap();
        assert_eq!(waits.await.as_deref(), Some("task_bulky"));
        holder.await.unwrap().unwrap();
    });
}
