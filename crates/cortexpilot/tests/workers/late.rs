//! A worker in another language, over HTTP: it takes an item, says nothing until its lease has ended, and then everything at
//! once. All of it comes too late.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sound::text;
use crate::stage::{LEASE, Stage};
use crate::strikes::still_holds;
use crate::support::Request;
use crate::support::process::PATIENCE;

/// Comes too late, again and again, while strikes are left. Gives how many messages were refused.
pub(crate) fn comes_late(stage: &Stage, left: &AtomicUsize) -> usize {
    let mut refused = 0;
    while left.load(Ordering::SeqCst) > 0 {
        let ask = json!({"worker": "late", "lease_s": LEASE.as_secs()}).to_string();
        let claimed = stage.server.send(&Request::post("/api/queue/claim", &ask)).answer();
        if claimed["ok"] != true {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        let held = (text(&claimed["item"], "queue_id").to_owned(), claimed["attempt"].as_u64().expect("a number"));
        let until = Instant::now() + PATIENCE;
        while still_holds(&stage.events(), &held) {
            assert!(Instant::now() < until, "nobody ended the claim of a worker that says nothing: {claimed}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let token = &claimed["lease_token"];
        let says: [(&str, Value); 4] = [
            ("heartbeat", json!({"lease_token": token})),
            ("complete", json!({"lease_token": token, "status": "SUCCESS"})),
            ("release", json!({"lease_token": token, "started": false, "reason": "it never began"})),
            ("complete", json!({"lease_token": token, "status": "FAILURE"})),
        ];
        for (what, body) in says {
            let path = format!("/api/queue/{}/{what}", held.0);
            let answer = stage.server.send(&Request::post(&path, &body.to_string()));
            let code = answer.code();
            let late = code == "LEASE_INVALID" || code == "QUEUE_ITEM_NOT_CLAIMED";
            assert!(answer.status == 409 && late, "{what} of a claim that had ended: {}", answer.text());
            refused += 1;
        }
    }
    refused
}
