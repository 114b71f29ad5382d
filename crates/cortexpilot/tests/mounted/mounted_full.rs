//! A disk that somebody else fills. Items can still be cancelled and completed, queueing frozen, requests rejected, tokens
//! revoked; what adds work is refused with a code and a next step before a byte is written; and when there is room again all
//! goes on, the reserve included.

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::small_disk::SmallDisk;
use crate::sound::{assert_sound, text};
use crate::support::home::Variable;
use crate::support::{GATE_OPEN, Home, Request, Response, Server, VERSIONS, apply, foreign, sized};

const MEBIBYTES: u32 = 6;
const RESERVE: u64 = 1024 * 1024;
const CLERK: Variable<'static> = ("CORTEXPILOT_PRINCIPAL", "local:clerk");
const A_PERSON: Variable<'static> = ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "operator");

/// How much is left when the disk is "full": nothing, and up to what one apply would nearly fit into.
fn leavings() -> Vec<u64> {
    sized(vec![0, 40 * 1024], (0..18).map(|step| step * 4 * 1024).collect())
}

/// A server on a small disk, and what it acknowledged.
struct Scene<'a> {
    home: &'a Home,
    server: Server,
    runs: usize,
    told: Vec<(String, String)>,
}

impl Scene<'_> {
    fn post(&self, path: &str, body: &Value) -> Response {
        self.server.send(&Request::post(path, &body.to_string()))
    }

    /// Previews and applies a new run.
    fn queue(&mut self) -> Response {
        let run = format!("run_{:03}", self.runs);
        self.runs += 1;
        self.home.run(&RunFixture::new(&run).without_hash_chain());
        let path = format!("/api/queue/from-run/{run}");
        let shown = self.post(&format!("{path}/preview"), &json!({})).answer();
        let token = &shown["preview_token"];
        let body = json!({"confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": token});
        self.post(&path, &body)
    }

    fn queued(&mut self) -> String {
        let id = text(&self.queue().answer(), "queue_id").to_owned();
        self.told.push(("QUEUE_ENQUEUE".to_owned(), id.clone()));
        id
    }

    fn claimed(&mut self) -> (String, String) {
        let claimed = self.post("/api/queue/claim", &json!({})).answer();
        let id = text(&claimed["item"], "queue_id").to_owned();
        self.told.push(("QUEUE_CLAIM".to_owned(), id.clone()));
        (id, text(&claimed, "lease_token").to_owned())
    }

    fn cancel(&mut self, id: &str) -> Response {
        let answer = self.post(&format!("/api/queue/{id}/cancel"), &json!({"reason": "not this one"}));
        if answer.status == 200 {
            self.told.push(("QUEUE_CANCEL".to_owned(), id.to_owned()));
        }
        answer
    }

    fn complete(&mut self, (id, lease): &(String, String)) {
        let body = json!({"lease_token": lease, "status": "SUCCESS"});
        self.post(&format!("/api/queue/{id}/complete"), &body).answer();
        self.told.push(("QUEUE_DONE".to_owned(), id.clone()));
    }
}

/// 507 with a code and what to do, and not a byte more in the ledger.
fn assert_full(what: &str, answer: &Response) {
    assert_eq!((answer.status, answer.code().as_str()), (507, "STORE_FULL"), "{what}: {}", answer.text());
    assert!(text(&answer.json()["detail"], "next_step").contains("Make room"), "{what}: {}", answer.text());
}

#[test]
fn on_a_full_disk_work_is_taken_back_and_none_is_added_until_there_is_room() {
    let home = Home::new();
    let disk = SmallDisk::at_runtime_of(&home, MEBIBYTES);
    let mut scene = Scene { home: &home, server: home.serve(&[GATE_OPEN]), runs: 0, told: Vec::new() };
    assert_eq!(disk.reserve(), Some(RESERVE), "made by the first process that writes");
    let (mut refused, mut went_on, mut regained) = (0, 0, 0);
    for leave in leavings() {
        let place = format!("{leave} bytes left");
        let [first, second, third] = [scene.queued(), scene.queued(), scene.queued()];
        let claimed = [scene.claimed(), scene.claimed()];
        let rest: Vec<String> =
            [first, second, third].into_iter().filter(|id| claimed.iter().all(|(claimed, _)| claimed != id)).collect();
        let more = [scene.queued(), scene.queued()];
        let wished = wish(&home, scene.runs);
        let token = home.cli(
            &["token", "create", "--name", &format!("eve-{leave}"), "--kind", "agent", "--role", "OPS", "--ttl", "1h"],
            &[CLERK],
        );
        let token = text(&token.answer()["record"], "id").to_owned();

        disk.fill(leave);
        let before = home.queue();
        assert_full(&place, &scene.queue());
        assert_full(&place, &scene.post("/api/queue/claim", &json!({})));
        refused += 2 + refused_elsewhere(&home, &wished, scene.runs);
        scene.runs += 1;
        assert_eq!(home.queue(), before, "{place}: not a byte");
        // A refusal stays the refusal that it is.
        let unconfirmed = scene.post("/api/queue/from-run/run_000", &json!({"confirm": false}));
        assert_eq!(unconfirmed.code(), "CONFIRM_REQUIRED", "{place}");
        // Reads go on, and so does whatever takes work back.
        assert_eq!(scene.server.send(&Request::get("/api/queue")).status, 200, "{place}");
        assert_eq!(scene.server.send(&Request::new("GET", "/readyz")).status, 200, "{place}");
        assert_eq!(scene.cancel(&rest[0]).status, 200, "{place}");
        scene.complete(&claimed[0]);
        for line in [
            &["queue", "cancel", &more[0], "--reason", "not this one"][..],
            &["gate", "freeze", "--reason", "the disk is full"],
            &["gate", "unfreeze", "--reason", "looked at it"],
            &["approval", "reject", &wished, "--reason", "no room"],
            &["token", "revoke", &token, "--reason", "no room"],
        ] {
            let ran = home.cli(line, &[CLERK, GATE_OPEN]);
            assert_eq!(ran.exit, Some(0), "{place}: {line:?}: {ran:#?}");
            went_on += 1;
        }
        scene.told.push(("QUEUE_CANCEL".to_owned(), more[0].clone()));
        went_on += 2;
        // It still is: what was given up is no room for new work.
        assert_full(&place, &scene.queue());
        refused += 1;
        assert_sound(&home);

        disk.empty();
        scene.queued();
        scene.complete(&claimed[1]);
        scene.cancel(&more[1]).answer();
        assert_eq!(disk.reserve(), Some(RESERVE), "{place}: the reserve is made again");
        regained += 1;
    }
    foreign::assert_agrees(&home, &scene.told);
    assert!(scene.server.stop().status.success());
    let lines = assert_sound(&home).len();
    println!("fired: {regained} full disks");
    println!(
        "figure: a disk of {MEBIBYTES} MiB filled {regained} times: {refused} commands that add work refused with STORE_FULL, \
         {went_on} that take it back carried out, {lines} lines sound, 0 lost; the reserve was made again {regained} times"
    );
}

/// An agent's request that a person must decide.
fn wish(home: &Home, runs: usize) -> String {
    let run = format!("run_wish_{runs}");
    home.run(&RunFixture::new(&run));
    let mut pilot = home.pilot(VERSIONS[3], &[GATE_OPEN, A_PERSON]);
    let asked = pilot.enqueue(&run);
    pilot.finish();
    text(&asked["approval"], "id").to_owned()
}

/// The other surfaces refuse it too: an apply over MCP and one at the terminal, asking people, saying yes. Gives how many.
fn refused_elsewhere(home: &Home, wished: &str, runs: usize) -> usize {
    let run = format!("run_{runs:03}");
    home.run(&RunFixture::new(&run).without_hash_chain());
    for environment in [&[GATE_OPEN][..], &[GATE_OPEN, A_PERSON]] {
        let mut pilot = home.pilot(VERSIONS[3], environment);
        pilot.call("preview_enqueue_from_run", &json!({"run_id": run}).to_string()).answer();
        let called = pilot.call("enqueue_from_run", &apply(&run, json!({})));
        assert_eq!(called.code(), "STORE_FULL", "{environment:?}");
        pilot.finish();
    }
    let plan = home.root().join("plan.json");
    let plan = plan.to_str().expect("a path in UTF-8");
    home.cli(&["queue", "preview", &run, "-o", plan], &[GATE_OPEN, CLERK]).answer();
    let said = ["--role", "OPS", "--requested-by", "Ada", "--reason", "again", "--confirm"];
    let apply = [&["queue", "enqueue", "--plan", plan], &said[..]].concat();
    for line in [&apply[..], &["queue", "claim"], &["approval", "approve", wished, "--reason", "yes", "--yes"]] {
        let environment = if line[0] == "approval" { [GATE_OPEN, A_PERSON, CLERK] } else { [GATE_OPEN, CLERK, CLERK] };
        let ran = home.cli(line, &environment);
        assert_eq!((ran.exit, ran.code().as_str()), (Some(6), "STORE_FULL"), "{line:?}: {ran:#?}");
    }
    5
}

/// The control: without the reserve the disk's last block is the end of it, and what takes work back is refused too, before
/// anything is written.
#[test]
fn without_the_reserve_a_full_disk_keeps_nothing_possible() {
    let home = Home::new();
    let disk = SmallDisk::at_runtime_of(&home, MEBIBYTES);
    let mut scene = Scene { home: &home, server: home.serve(&[GATE_OPEN]), runs: 0, told: Vec::new() };
    let id = scene.queued();
    std::fs::remove_file(home.runtime().join("ledger.reserve")).expect("it is there");
    disk.fill(0);
    let before = home.queue();
    assert_full("without a reserve", &scene.cancel(&id));
    assert_eq!((home.queue(), disk.reserve()), (before, None));
    disk.empty();
    assert_eq!(scene.cancel(&id).status, 200, "nothing was broken by it");
    assert_eq!(disk.reserve(), Some(RESERVE));
    assert!(scene.server.stop().status.success());
    foreign::assert_agrees(&home, &scene.told);
    println!("figure: control: without the reserve the same full disk refused a cancel");
}
