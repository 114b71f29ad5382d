//! Work beside a control plane: over HTTP with a worker's token, and in the process that serves.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::process::Signal;
use serde_json::json;

use super::place::{Place, Worker};
use crate::support::{APPLY, Server, TOKEN};

impl Place {
    /// A worker that knows the queue's machine by its address alone: it has another runtime root, and a worker's token.
    fn far_worker(&self, server: &Server, more: &[&str]) -> Worker {
        let token = self.home.token("worker", &format!("far{}", more.len()), &[]);
        let file = self.home.path().join("worker.token");
        let kept = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file);
        let mut kept = kept.expect("a file");
        writeln!(kept, "{token}").expect("written");
        let elsewhere = self.home.path().join("elsewhere").display().to_string();
        let args = [
            &["worker", "--name", "far", "--sandbox", "none", "--output", "json", "--server", &server.url],
            &["--token-file", "worker.token"][..],
            more,
        ]
        .concat();
        Worker::start(self.home.command(&[("CORTEXPILOT_RUNTIME_ROOT", &elsewhere)], &args))
    }
}

#[test]
fn a_worker_over_http_carries_items_out_and_hears_of_a_stop() {
    let place = Place::new();
    let first = place.queue("run_ok", json!([{"append": {"path": "docs/README.md", "text": "two\n"}}]));
    let server = place.home.serve(&[APPLY]);
    let mut worker = place.far_worker(&server, &["--lease", "8s"]);
    worker.hears("finished");
    let item = place.item(&first);
    assert_eq!(item["status"], "SUCCESS", "{item}");
    let manifest = place.manifest(item["run_id"].as_str().unwrap());
    assert_eq!((&manifest["queue"]["queue_id"], &manifest["queue"]["worker"]), (&json!(first), &json!("far")));
    let claim = &place.home.ledger()[1];
    assert_eq!(claim["worker"], "far", "{claim}");

    let second = place.queue("run_long", json!([{"emit": {"type": "begun"}}, {"hang": true}]));
    worker.hears("claimed");
    assert!(server.get("/api/workers").to_string().contains("\"far\""));
    let stopped = server.send("POST", &format!("/api/queue/{second}/stop"), Some(r#"{"reason": "a test"}"#));
    assert_eq!(stopped.status, 200, "{stopped:?}");
    assert_eq!(worker.hears("finished")["status"], "STOPPED");
    assert_eq!(place.item(&second)["status"], "STOPPED");
    assert_eq!(worker.stop().0, Some(0));
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
}

#[test]
fn a_worker_that_cannot_reach_its_queue_stops_its_work_when_the_lease_is_over() {
    let place = Place::new();
    let id = place.queue("run_ok", json!([{"hang": true}]));
    let server = place.home.serve(&[APPLY]);
    let mut worker = place.far_worker(&server, &["--lease", "3s"]);
    let run = worker.hears("claimed")["run_id"].as_str().unwrap().to_owned();
    server.kill();
    assert!(worker.hears("trouble")["reason"].as_str().unwrap().contains("is not renewed"));
    let lost = worker.hears("lease_lost");
    assert!(lost["reason"].as_str().unwrap().contains("could not be renewed for 3 s"), "{lost}");
    let manifest = place.manifest(&run);
    assert!(manifest["failure_reason"].as_str().unwrap().contains("the lease was lost"), "{manifest}");
    assert_eq!(place.item(&id)["status"], "CLAIMED", "whether it is lost is the queue's to say");
    assert_eq!(worker.stop().0, Some(0));
}

#[test]
fn up_works_and_says_so() {
    let place = Place::new();
    let start = |more: &[&str]| {
        let args = [&["up", "--port", "0", "--output", "json"], more].concat();
        Server::start(place.home.command(&[APPLY, ("CORTEXPILOT_API_TOKEN", TOKEN)], &args))
    };
    let idle = start(&["--no-worker"]);
    assert_eq!(idle.ready["worker"], json!(null));
    let id = place.queue("run_ok", json!([{"append": {"path": "docs/README.md", "text": "two\n"}}]));
    assert_eq!(idle.stop(Signal::TERM).0, Some(0));
    assert_eq!(place.item(&id)["status"], "PENDING");
    let up = start(&[]);
    assert_eq!(up.ready["worker"]["slots"], 1, "{}", up.ready);
    let item = place.until(&id, "SUCCESS");
    let run = item["run_id"].as_str().unwrap();
    assert!(up.get("/api/runs").to_string().contains(run));
    let claim = &place.home.ledger()[1];
    assert!(claim["worker"].as_str().is_some_and(|name| !name.is_empty()), "{claim}");

    let second = place.queue("run_long", json!([{"hang": true}]));
    place.until(&second, "CLAIMED");
    assert!(place.operate(&["queue", "stop", &second])["stop"].is_object());
    place.until(&second, "STOPPED");
    assert_eq!(up.stop(Signal::TERM), (Some(0), String::new()), "what it says of its work goes to standard error");
}
