//! `approval` and `queue enqueue` where people are asked: a request waits until somebody else has looked at it.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use cortexpilot_runs::fixture::RunFixture;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{A_PERSON, APPLY, Home, LIMIT, PERSONAL, Running, TWO_PEOPLE};

/// An agent and two operators, each with a token, and the environment in which a person is asked.
struct Desk {
    home: Home,
    agent: String,
    alice: String,
    bob: String,
    policy: (&'static str, &'static str),
}

impl Desk {
    fn new(policy: (&'static str, &'static str)) -> Self {
        let home = Home::with_run();
        let agent =
            ["token", "create", "--kind", "agent", "--name", "claude", "--role", "OPS", "--sponsor", "operator:alice"];
        let agent = home.cli(&agent).expect(0).stdout.trim().to_owned();
        let (alice, bob) = (home.token("operator", "alice", &["OPS"]), home.token("operator", "bob", &["OWNER"]));
        Self { home, agent, alice, bob, policy }
    }

    fn with<'a>(&self, token: &'a str) -> [(&'static str, &'a str); 3] {
        [APPLY, self.policy, (PERSONAL, token)]
    }

    /// The agent asks; the request's id.
    fn ask(&self) -> String {
        let asked = self.home.ask(&self.with(&self.agent), &[], &[]);
        assert_eq!(asked["status"], "PENDING_APPROVAL", "{asked}");
        asked["approval"]["id"].as_str().expect("a request").to_owned()
    }

    fn approve(&self, token: &str, id: &str, code: i32) -> Value {
        self.home.json(&self.with(token), &["approval", "approve", id, "--yes", "--reason", "looked at it"], code)
    }

    fn show(&self, id: &str) -> Value {
        self.home.json(&self.with(&self.bob), &["approval", "show", id], 0)
    }
}

#[test]
fn an_agents_request_waits_until_a_person_agrees() {
    let desk = Desk::new(A_PERSON);
    let id = desk.ask();
    assert!(desk.home.ledger().is_empty());
    let again = desk.home.ask(&desk.with(&desk.agent), &[], &[]);
    assert_eq!(again["approval"]["id"].as_str(), Some(id.as_str()), "the same is asked once");
    let list = desk.home.json(&[], &["approval", "list", "--status", "pending"], 0);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["items"][0]["requester"]["principal"], "agent:claude");
    assert_eq!(desk.show(&id)["status"], "PENDING");

    assert_eq!(desk.approve(&desk.agent, &id, 3)["code"], "SCOPE_FORBIDDEN", "never the one who asks");
    let queued = desk.approve(&desk.bob, &id, 0);
    assert_eq!(queued["approvals"], json!(["operator:bob (OWNER)"]));
    assert_eq!(
        (queued["principal"].clone(), queued["approval_policy"].clone()),
        (json!("agent:claude"), json!("operator"))
    );
    assert_eq!(desk.home.ledger().len(), 1);
    assert_eq!(id, format!("apr_{}", queued["queue_id"].as_str().unwrap()));
    let shown = desk.show(&id);
    assert_eq!(
        (shown["status"].clone(), shown["item"]["queue_id"].clone()),
        (json!("APPROVED"), queued["queue_id"].clone())
    );
    assert_eq!(desk.approve(&desk.alice, &id, 5)["code"], "APPROVAL_DECIDED");
    assert_eq!(desk.home.ledger().len(), 1, "and never twice");
    let item = desk.home.cli(&["queue", "show", queued["queue_id"].as_str().unwrap()]).expect(0);
    assert!(item.stdout.contains("approved by           operator:bob (OWNER)"), "{item:?}");
}

#[test]
fn what_to_do_is_said_where_nothing_is_queued_yet() {
    let desk = Desk::new(A_PERSON);
    desk.home.cli_with(&desk.with(&desk.agent), &["queue", "preview", "run_ok", "-o", "p.json"], "").expect(0);
    let apply =
        ["queue", "enqueue", "--plan", "p.json", "--role", "OPS", "--requested-by", "C", "--reason", "r", "--confirm"];
    let said = desk.home.cli_with(&desk.with(&desk.agent), &apply, "").expect(0);
    assert!(said.stdout.starts_with("PENDING_APPROVAL: nothing is queued yet.\n"), "{said:?}");
    let show = said.stdout.lines().find_map(|line| line.trim().split_once(" approval show ")).expect("a command").1;
    let shown = desk.home.cli_with(&desk.with(&desk.bob), &["approval", "show", show.trim()], "").expect(0);
    assert!(shown.stdout.contains("To decide it") && shown.stderr.is_empty(), "{shown:?}");
    // The preview says so too, whoever asks next.
    let preview = desk.home.cli_with(&desk.with(&desk.agent), &["queue", "preview", "run_ok"], "").expect(0);
    assert!(preview.stdout.contains("People were asked: PENDING (0 of 1 agreed)"), "{preview:?}");
    assert!(preview.stdout.contains("Agents may queue: after a person agrees"), "{preview:?}");
}

#[test]
fn an_operator_who_repeats_the_runs_id_is_their_own_approval() {
    let desk = Desk::new(A_PERSON);
    let alice = desk.with(&desk.alice);
    let applied = desk.home.ask(&alice, &[], &["--confirm-run-id", "run_ok"]);
    assert_eq!(
        (applied["current_status"].clone(), applied["approvals"].clone()),
        (json!("PENDING"), json!(["operator:alice (OPS)"]))
    );

    let desk = Desk::new(A_PERSON);
    let alice = desk.with(&desk.alice);
    desk.home.cli_with(&alice, &["queue", "preview", "run_ok", "-o", "p.json"], "").expect(0);
    let apply =
        ["queue", "enqueue", "--plan", "p.json", "--role", "OPS", "--requested-by", "A", "--reason", "r", "--confirm"];
    let wrong = desk.home.json(&alice, &[&apply[..], &["--confirm-run-id", "run_other"]].concat(), 3);
    assert_eq!(wrong["code"], "CONFIRM_REQUIRED");
    // Without it another person is asked, and it cannot be this one.
    let asked = desk.home.json(&alice, &apply, 0);
    assert_eq!(asked["status"], "PENDING_APPROVAL");
    let id = asked["approval"]["id"].as_str().unwrap();
    assert_eq!(desk.approve(&desk.alice, id, 3)["code"], "SELF_APPROVAL");
    assert!(desk.home.ledger().is_empty());
    // An agent's typed id is no approval of anybody's.
    let agent = desk.home.ask(&desk.with(&desk.agent), &["--priority", "1"], &["--confirm-run-id", "run_ok"]);
    assert_eq!(agent["status"], "PENDING_APPROVAL");
}

#[test]
fn two_people_are_two_proven_people() {
    let desk = Desk::new(TWO_PEOPLE);
    let carol = desk.home.token("operator", "carol", &["OPS"]);
    let id = desk.ask();
    let dana = [APPLY, TWO_PEOPLE, ("CORTEXPILOT_PRINCIPAL", "local:dana")];
    let unproven = desk.home.json(&dana, &["approval", "approve", &id, "--yes"], 3);
    assert_eq!(unproven["code"], "APPROVER_UNVERIFIED");
    assert_eq!(desk.approve(&desk.alice, &id, 3)["code"], "SELF_APPROVAL", "she answers for the agent");
    let first = desk.approve(&desk.bob, &id, 0);
    assert_eq!((first["status"].clone(), first["approval"]["has"].clone()), (json!("PENDING_APPROVAL"), json!(1)));
    assert_eq!(desk.approve(&desk.bob, &id, 5)["code"], "APPROVAL_DECIDED", "one person is one");
    assert!(desk.home.ledger().is_empty());
    let shown = desk.home.cli_with(&desk.with(&carol), &["approval", "show", &id], "").expect(0);
    assert!(shown.stdout.contains("operator:bob (OWNER)") && shown.stdout.contains("1 of 2"), "{shown:?}");
    let queued = desk.approve(&carol, &id, 0);
    assert_eq!(queued["approvals"], json!(["operator:bob (OWNER)", "operator:carol (OPS)"]));
}

#[test]
fn a_no_ends_a_request_also_while_everything_is_frozen() {
    let desk = Desk::new(A_PERSON);
    let id = desk.ask();
    desk.home.cli(&["gate", "freeze"]).expect(0);
    assert_eq!(desk.approve(&desk.bob, &id, 3)["code"], "FROZEN");
    desk.home.cli(&["approval", "reject", &id]).expect(2);
    let rejected = desk.home.json(&desk.with(&desk.bob), &["approval", "reject", &id, "--reason", "done already"], 0);
    assert_eq!(
        (rejected["status"].clone(), rejected["ended"]["reason"].clone()),
        (json!("REJECTED"), json!("done already"))
    );
    desk.home.cli(&["gate", "unfreeze", "--reason", "mended"]).expect(0);
    assert_eq!(desk.approve(&desk.bob, &id, 5)["code"], "APPROVAL_DECIDED");
    assert!(desk.home.ledger().is_empty());
    let none = "apr_0123456789abcdef0123456789abcdef";
    for id in [none, "x", ""] {
        assert_eq!(desk.approve(&desk.bob, id, 4)["code"], "APPROVAL_NOT_FOUND");
        let show = desk.home.json(&desk.with(&desk.bob), &["approval", "show", id], 4);
        assert_eq!(show["code"], "APPROVAL_NOT_FOUND");
    }
}

#[test]
fn nobody_approves_what_has_changed_since() {
    let desk = Desk::new(A_PERSON);
    let id = desk.ask();
    desk.home.run(&RunFixture::new("run_ok").task("task_ok").contract(|contract| {
        contract.insert("allowed_paths".to_owned(), json!(["/"]));
    }));
    let shown = desk.show(&id);
    assert_eq!(shown["status"], "STALE", "{shown}");
    assert!(shown["changed"].as_array().is_some_and(|changed| !changed.is_empty()), "{shown}");
    let human = desk.home.cli_with(&desk.with(&desk.bob), &["approval", "show", &id], "").expect(0);
    assert!(
        human.stdout.contains("CHANGED since it was asked for") && !human.stdout.contains("To decide it"),
        "{human:?}"
    );
    assert_eq!(desk.approve(&desk.bob, &id, 5)["code"], "PREVIEW_STALE");
    assert!(desk.home.ledger().is_empty());
}

#[test]
fn nobody_is_asked_in_a_pipe_and_nothing_is_decided_there_by_accident() {
    let desk = Desk::new(A_PERSON);
    let id = desk.ask();
    let before = desk.home.decisions();
    for answer in ["", "y\n", &format!("{}\n", &id[id.len() - 6..])] {
        let said = desk.home.cli_with(&desk.with(&desk.bob), &["approval", "approve", &id], answer).expect(2);
        assert!(said.stderr.contains("add --yes") && said.stdout.is_empty(), "{said:?}");
    }
    assert_eq!(desk.home.decisions(), before);
}

#[test]
fn where_the_gate_is_shut_nobody_approves() {
    let desk = Desk::new(A_PERSON);
    let id = desk.ask();
    let bob = [A_PERSON, (PERSONAL, desk.bob.as_str())];
    let refused = desk.home.json(&bob, &["approval", "approve", &id, "--yes"], 3);
    assert_eq!(refused["code"], "MUTATION_GATE_CLOSED");
    assert!(desk.home.ledger().is_empty());
}

#[test]
fn lists_have_pages_and_an_empty_one_says_so() {
    let home = Home::with_run();
    let said = home.cli(&["approval", "list"]).expect(0);
    assert!(said.stdout.contains("Nobody has asked") && said.stdout.contains("gate policy show"), "{said:?}");
    assert!(!home.root().exists());
    let desk = Desk::new(A_PERSON);
    for priority in ["1", "2", "3"] {
        desk.home.ask(&desk.with(&desk.agent), &["--priority", priority], &[]);
    }
    let page = desk.home.json(&[], &["approval", "list", "--limit", "2"], 0);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = desk.home.json(&[], &["approval", "list", "--limit", "2", "--cursor", cursor], 0);
    assert_eq!((rest["items"].as_array().map(Vec::len), rest.get("next_cursor")), (Some(1), None));
    let human = desk.home.cli(&["approval", "list", "--limit", "2"]).expect(0);
    assert!(human.stdout.contains("more: ") && human.stdout.contains("agent:claude"), "{human:?}");
    assert!(
        desk.home.cli(&["approval", "list", "--status", "EXPIRED"]).expect(0).stdout.starts_with("No such requests")
    );
    let said = desk.home.cli(&["approval", "list", "--status", "OPEN"]).expect(2);
    assert!(said.stderr.contains("PENDING, APPROVED, REJECTED, EXPIRED"), "{said:?}");
    desk.home.cli(&["approval", "list", "--cursor", "x"]).expect(2);
}

#[test]
fn watching_tells_each_request_and_its_end_one_object_a_line() {
    let desk = Desk::new(A_PERSON);
    let first = desk.ask();
    let mut command = desk.home.command(&[], &["approval", "watch", "--output", "json"]);
    let mut child = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut stdout = BufReader::new(child.0.stdout.take().expect("piped"));
    let (send, lines) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        while stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
            let parsed: Value = serde_json::from_str(&line).expect("one object a line");
            if send.send(parsed).is_err() {
                return;
            }
            line.clear();
        }
    });
    let next = |event: &str, id: &str| {
        let line = lines.recv_timeout(LIMIT).expect("a line");
        assert_eq!((line["event"].as_str(), line["approval"]["id"].as_str()), (Some(event), Some(id)), "{line}");
    };
    next("open", &first);
    let second = desk.home.ask(&desk.with(&desk.agent), &["--priority", "7"], &[]);
    let second = second["approval"]["id"].as_str().unwrap();
    next("requested", second);
    desk.home.ask(&desk.with(&desk.alice), &["--priority", "7"], &[]);
    next("joined", second);
    desk.home.cli_with(&desk.with(&desk.bob), &["approval", "reject", second, "--reason", "no"], "").expect(0);
    next("rejected", second);
    desk.approve(&desk.bob, &first, 0);
    next("approved", &first);
    child.signal(Signal::INT);
    assert_eq!(child.wait().code(), Some(0), "Ctrl-C ends it well");
    drop(lines);
    reader.join().expect("the reader does not panic");
}

#[test]
fn a_server_says_how_many_requests_wait() {
    let desk = Desk::new(A_PERSON);
    let server = desk.home.serve(&[APPLY, A_PERSON]);
    assert_eq!(
        (server.ready["approvals_pending"].clone(), server.ready["approval_policy"].clone()),
        (json!(0), json!("operator"))
    );
    desk.ask();
    let other = desk.home.serve(&[APPLY, A_PERSON]);
    assert_eq!(other.ready["approvals_pending"], 1);
    for server in [server, other] {
        assert_eq!(server.stop(Signal::INT).0, Some(0));
    }
    assert_eq!(desk.home.decisions().last().unwrap()["event"], "APPROVAL_REQUESTED", "its time is not over");
}
