//! The worker in another language that our pages show, as it stands there, against the real server: it claims by the documented
//! protocol, carries out the pinned contract and nothing else, and says how that ended.

use std::process::Command;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use super::support::process::Process;
use super::support::{GATE_OPEN, Home, Request, Server, sha256_hex};

const WORKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/worker.py");

struct Scene {
    home: Home,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let home = Home::new();
        home.run(&RunFixture::new("run_a"));
        let made = home.cli(&["token", "create", "--kind", "worker", "--name", "w1", "--ttl", "1d"], &[]).answer();
        let token = made["token"].as_str().expect("a token");
        std::fs::write(home.root().join("user/w1.token"), token).expect("a file can be written");
        let server = home.serve(&[GATE_OPEN]);
        Self { home, server }
    }

    /// Queues the run's item; gives its id.
    fn queue(&self) -> String {
        let preview = self.server.send(&Request::post("/api/queue/from-run/run_a/preview", "{}")).answer();
        let body = json!({
            "confirm": true,
            "requested_by": "Ada",
            "approval_reason": "again",
            "preview_token": preview["preview_token"],
        });
        let queued = self.server.send(&Request::post("/api/queue/from-run/run_a", &body.to_string())).answer();
        queued["queue_id"].as_str().expect("an id").to_owned()
    }

    /// The worker for one item, which runs this line of shell.
    fn worker(&self, line: &str) -> Process {
        let mut command = Command::new("python3");
        let url = format!("http://{}", self.server.address);
        command.args(["-I", WORKER, "--once", &url, "w1.token", "/bin/sh", "-c", line]);
        command.current_dir(self.home.root().join("user"));
        Process::spawn(command, "worker.py")
    }

    fn item(&self, id: &str) -> Value {
        self.server.send(&Request::get(&format!("/api/queue/{id}"))).answer()
    }
}

#[test]
fn the_worker_of_our_pages_carries_out_the_pinned_contract_and_says_how_it_ended() {
    let scene = Scene::new();
    for (line, status, reason) in [
        ("cat > contract.seen", "SUCCESS", "The command's exit code was 0."),
        ("exit 3", "FAILURE", "The command's exit code was 3."),
    ] {
        let id = scene.queue();
        // What is carried out is what was approved, whatever became of the file since.
        let pinned = std::fs::read(scene.home.runs().join("run_a/contract.json")).unwrap();
        let ended = scene.worker(line).ends();
        assert!(ended.status.success(), "{}", ended.stderr);
        let item = scene.item(&id);
        assert_eq!((&item["status"], &item["reason"]), (&json!(status), &json!(reason)), "{item}");
        assert!(item["worker"].as_str().is_some_and(|name| name.starts_with("example@")), "{item}");
        if status == "SUCCESS" {
            let seen = std::fs::read(scene.home.root().join("user/contract.seen")).unwrap();
            assert_eq!(sha256_hex(&seen), sha256_hex(&pinned));
        }
    }
    let events: Vec<_> = scene.home.queue().events().iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events, ["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_DONE"].repeat(2));
    let refused = scene.home.decisions().events().iter().any(|line| line["event"] == "DENIED");
    assert!(!refused, "a worker that looks before it claims is refused nothing");
    assert!(scene.server.stop().status.success());
}

#[test]
fn the_worker_of_our_pages_hands_back_what_it_has_begun_and_what_it_could_not_begin() {
    let scene = Scene::new();
    let id = scene.queue();
    let mut worker = scene.worker("echo begun; exec sleep 600");
    assert_eq!(worker.expect_line(), "begun");
    let ended = worker.terminate();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let item = scene.item(&id);
    assert_eq!((&item["status"], &item["queue_state"]), (&json!("LOST"), &json!("held")), "its command had begun");
    assert_eq!(item["held"]["reason"], "The worker gave up: told to end.");

    let requeue = Request::post(&format!("/api/queue/{id}/requeue"), r#"{"reason": "nothing was written"}"#);
    assert_eq!(scene.server.send(&requeue).answer()["status"], "PENDING");
    let mut command = Command::new("python3");
    let url = format!("http://{}", scene.server.address);
    command.args(["-I", WORKER, &url, "w1.token", "/no/such/program"]);
    command.current_dir(scene.home.root().join("user"));
    let worker = Process::spawn(command, "worker.py");
    let item = loop {
        let item = scene.item(&id);
        if item["attempts"] == 2 && item["status"] == "PENDING" {
            break item;
        }
        assert_ne!(item["status"], "LOST", "{item}");
        std::thread::yield_now();
    };
    assert_eq!(item["waiting_reason"], "backing_off", "nothing of it was carried out: it waits again");
    worker.kill();
    assert!(scene.server.stop().status.success());
}
