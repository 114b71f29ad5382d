//! How work ends before its end: stopped, handed back, lost.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::place::{Place, names};
use crate::support::APPLY;

fn hang() -> Value {
    json!([{"emit": {"type": "begun"}}, {"hang": true}])
}

/// Short, so that a dead worker is noticed soon; long enough for a busy machine.
const LEASE: [&str; 2] = ["--lease", "3s"];

/// Where nobody is to be missed; a stop is heard within a quarter of it.
const STEADY: [&str; 2] = ["--lease", "8s"];

#[test]
fn an_operator_stops_a_run_and_it_says_so() {
    let place = Place::new();
    let id = place.queue("run_ok", hang());
    let mut worker = place.worker("w", &STEADY);
    worker.hears("claimed");
    let asked = place.operate(&["queue", "stop", &id]);
    assert_eq!((&asked["status"], &asked["stop"]["reason"]), (&json!("CLAIMED"), &json!("a test")), "{asked}");
    let finished = worker.hears("finished");
    assert_eq!(finished["status"], "STOPPED", "{finished}");
    let item = place.item(&id);
    assert_eq!(item["status"], "STOPPED");
    let manifest = place.manifest(item["run_id"].as_str().unwrap());
    assert_eq!((&manifest["status"], &manifest["failure_code"]), (&json!("FAILURE"), &json!("STOPPED")));
    assert!(manifest["failure_reason"].as_str().unwrap().contains("a test"), "{manifest}");
    assert_eq!(worker.stop().0, Some(0));
}

#[test]
fn a_worker_that_is_told_to_stop_finishes_what_it_does() {
    let place = Place::new();
    let (first, second) =
        (place.queue("run_0", json!([place.wait_for_go()])), place.queue("run_1", json!([place.wait_for_go()])));
    let mut worker = place.worker("w", &[]);
    worker.hears("claimed");
    worker.signal(Signal::TERM);
    assert_eq!(worker.hears("draining")["running"], 1);
    std::fs::write(place.go(), "").unwrap();
    let (code, said) = worker.ends();
    assert_eq!(code, Some(0), "{said:?}");
    assert_eq!(place.item(&first)["status"], "SUCCESS");
    assert_eq!(place.item(&second)["status"], "PENDING", "nothing more was taken");
}

#[test]
fn a_worker_that_may_not_wait_hands_back_what_it_began_and_it_is_held() {
    for signals in [&[Signal::TERM][..], &[Signal::TERM, Signal::INT]] {
        let place = Place::new();
        let id = place.queue("run_ok", hang());
        let grace = if signals.len() == 1 { "0" } else { "10m" };
        let mut worker = place.worker("w", &["--grace", grace]);
        worker.hears("claimed");
        worker.signal(signals[0]);
        worker.hears("draining");
        if let Some(second) = signals.get(1) {
            worker.signal(*second);
        }
        assert_eq!(worker.hears("handed_back")["started"], true);
        assert_eq!(worker.ends().0, Some(0));
        let item = place.item(&id);
        assert_eq!((&item["status"], &item["held"]["kind"]), (&json!("LOST"), &json!("LOST")), "{item}");
        assert_eq!(place.manifest(item["run_id"].as_str().unwrap())["status"], "FAILURE");
    }
}

#[test]
fn a_killed_workers_item_is_held_and_an_operator_lets_it_be_done_again() {
    let place = Place::new();
    let id = place.queue("run_ok", json!([place.wait_for_go()]));
    let mut first = place.worker("first", &LEASE);
    let lost_run = first.hears("claimed")["run_id"].as_str().unwrap().to_owned();
    place.until_begun(&lost_run);
    first.kill();
    // Whoever works on the same queue watches.
    let mut second = place.worker("second", &STEADY);
    assert_eq!(place.workspaces(), 1, "what the dead worker left is removed; the other's own is there");
    let held = place.until(&id, "LOST");
    assert_eq!(held["run_id"], lost_run.as_str());
    assert_eq!(place.manifest(&lost_run)["status"], "RUNNING", "nobody writes into a lost run");
    std::fs::write(place.go(), "").unwrap();
    let again = place.operate(&["queue", "requeue", &id]);
    assert_eq!((&again["status"], &again["attempts"]), (&json!("PENDING"), &json!(1)), "{again}");
    let claimed = second.hears("claimed");
    assert_eq!(claimed["attempt"], 2);
    second.hears("finished");
    let done = place.item(&id);
    assert_eq!((&done["status"], &done["run_id"]), (&json!("SUCCESS"), &claimed["run_id"]));
    assert_eq!(second.stop().0, Some(0));
    assert_eq!(
        place.lines(),
        ["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_HOLD", "QUEUE_REQUEUE", "QUEUE_CLAIM", "QUEUE_DONE"]
    );
}

#[test]
fn a_worker_that_stood_still_for_longer_than_its_lease_hands_nothing_in() {
    let place = Place::new();
    let id = place.queue("run_ok", hang());
    let server = place.home.serve(&[APPLY]);
    let mut worker = place.worker("w", &LEASE);
    let run = worker.hears("claimed")["run_id"].as_str().unwrap().to_owned();
    worker.signal(Signal::STOP);
    place.until(&id, "LOST");
    worker.signal(Signal::CONT);
    let lost = worker.hears("lease_lost");
    assert!(lost["reason"].as_str().unwrap().contains("could not be renewed"), "{lost}");
    let manifest = place.manifest(&run);
    assert_eq!(manifest["status"], "FAILURE");
    assert!(manifest["failure_reason"].as_str().unwrap().contains("the lease was lost"), "{manifest}");
    assert_eq!(place.item(&id)["status"], "LOST");
    assert_eq!(worker.stop().0, Some(0));
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
}

#[test]
fn a_worker_whose_item_was_taken_away_ends_the_run() {
    let place = Place::new();
    let id = place.queue("run_ok", hang());
    let mut worker = place.worker("w", &STEADY);
    let run = worker.hears("claimed")["run_id"].as_str().unwrap().to_owned();
    let revoked = place.operate(&["queue", "revoke", &id]);
    assert_eq!(revoked["status"], "LOST", "{revoked}");
    worker.hears("lease_lost");
    let manifest = place.manifest(&run);
    assert!(manifest["failure_reason"].as_str().unwrap().contains("the lease was lost"), "{manifest}");
    let (code, said) = worker.stop();
    assert_eq!(code, Some(0));
    assert!(!names(&said).contains(&"finished"), "{said:?}");
}

#[test]
fn a_queue_is_drained_when_nothing_is_claimed_any_more() {
    let place = Place::new();
    let id = place.queue("run_ok", json!([place.wait_for_go()]));
    let mut worker = place.worker("w", &[]);
    worker.hears("claimed");
    let late = place.home.cli(&["queue", "drain", "--reason", "a test", "--timeout", "1s"]).expect(5);
    assert!(late.stdout.contains(&id), "{late:?}");
    std::fs::write(place.go(), "").unwrap();
    place.home.cli(&["queue", "drain", "--reason", "a test"]).expect(0);
    assert_eq!(place.item(&id)["status"], "SUCCESS");
    assert_eq!(worker.hears("idle")["reason"], "paused");
    assert_eq!(worker.stop().0, Some(0));
}
