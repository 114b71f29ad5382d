//! Requests that people decide, over HTTP and on the command line: one request, at most one item, and never one that is
//! approved and not queued.

mod crash;
mod late;
mod races;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use super::cast::{
    LOG, Token, apply, approvers, clerk, decide, decisions, from_run, item_of, lines_of, no, policy, request, serve,
    status, yes,
};
use crate::sound::assert_sound;
use crate::support::home::Variable;
use crate::support::process::Process;
use crate::support::{Home, Ran, Request, Response, Server};

const OPERATOR: Variable<'static> = policy("operator");
const TWO_PERSON: Variable<'static> = policy("two-person");

fn home(runs: &[&str]) -> Home {
    let home = Home::new();
    for run in runs {
        home.run(&RunFixture::new(run));
    }
    home
}

/// The surfaces on which people decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Http,
    Cli,
}

/// What a decision came to, in words that both surfaces share: the code of its refusal, or empty.
fn decided(door: Door, home: &Home, server: &Server, verb: &str, who: &Token, id: &str) -> String {
    match door {
        Door::Http => {
            let response = server.send(&if verb == "approve" { yes(who, id) } else { no(who, id) });
            assert!(response.status < 500, "{}", response.text());
            response.code()
        }
        Door::Cli => {
            let ran = decide(home, verb, who, id, &[OPERATOR]);
            assert_eq!(ran.exit == Some(0), ran.code().is_empty(), "{ran:#?}");
            ran.code()
        }
    }
}

#[test]
fn what_changed_after_it_was_asked_cannot_be_approved() {
    let home = home(&["run_http", "run_cli"]);
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    let server = serve(&home, &[OPERATOR]);
    for (door, run) in [(Door::Http, "run_http"), (Door::Cli, "run_cli")] {
        let id = request(&server, &robot, run);
        let queue = home.queue();
        home.run(&RunFixture::new(run).request("Delete every file"));
        assert_eq!(status(&server, &ann, &id), "STALE");
        assert_eq!(decided(door, &home, &server, "approve", &ann, &id), "PREVIEW_STALE", "{door:?}");
        // A request that is asked for anew is another one.
        let other = request(&server, &robot, run);
        assert_ne!(other, id);
        home.run(&RunFixture::new(run));
        assert_eq!(decided(door, &home, &server, "approve", &ann, &other), "PREVIEW_STALE", "{door:?}");
        assert_eq!(home.queue(), queue);
        // It was never decided: when all is again as it was shown, people may.
        assert_eq!(decided(door, &home, &server, "approve", &ann, &id), "", "{door:?}");
        assert_eq!(lines_of(&home, item_of(&id)).len(), 1);
    }
    assert_sound(&home);
}

#[test]
fn a_yes_that_is_repeated_is_told_so_and_appends_nothing() {
    let home = home(&["run_http", "run_cli"]);
    let (ann, ben, robot) =
        (Token::operator(&home, "ann"), Token::operator(&home, "ben"), Token::agent(&home, "robot"));
    let server = serve(&home, &[OPERATOR]);
    for (door, run) in [(Door::Http, "run_http"), (Door::Cli, "run_cli")] {
        let id = request(&server, &robot, run);
        assert_eq!(decided(door, &home, &server, "approve", &ann, &id), "");
        let queue = home.queue();
        let line = lines_of(&home, item_of(&id)).pop().unwrap();
        assert_eq!(line["approvals"], json!([format!("{} (OPS)", ann.principal)]), "{line}");
        assert_eq!((&line["principal"], &line["approval_policy"]), (&json!(robot.principal), &json!("operator")));
        for who in [&ann, &ben] {
            for door in [Door::Http, Door::Cli] {
                assert_eq!(decided(door, &home, &server, "approve", who, &id), "APPROVAL_DECIDED");
                assert_eq!(decided(door, &home, &server, "reject", who, &id), "APPROVAL_DECIDED");
            }
        }
        let told = server.send(&yes(&ann, &id)).json();
        assert_eq!(told["detail"]["queue_id"], item_of(&id), "{told}");
        assert_eq!((status(&server, &ann, &id).as_str(), home.queue()), ("APPROVED", queue));
    }
}

#[test]
fn a_no_is_final_and_queues_nothing() {
    let home = home(&["run_http", "run_cli"]);
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    let server = serve(&home, &[OPERATOR]);
    for (door, run) in [(Door::Http, "run_http"), (Door::Cli, "run_cli")] {
        let id = request(&server, &robot, run);
        assert_eq!(decided(door, &home, &server, "reject", &ann, &id), "");
        assert_eq!(decided(door, &home, &server, "approve", &ann, &id), "APPROVAL_DECIDED");
        assert_eq!(status(&server, &ann, &id), "REJECTED");
    }
    assert_eq!(home.queue().lines(), Vec::<String>::new());
    assert_eq!(
        decided(Door::Http, &home, &server, "approve", &ann, "apr_00000000000000000000000000000000"),
        "APPROVAL_NOT_FOUND"
    );
}

#[test]
fn nobody_approves_what_they_asked_for_themselves() {
    let home = home(&["run_a", "run_b"]);
    let (ann, ben) = (Token::operator(&home, "ann"), Token::operator(&home, "ben"));
    for environment in [OPERATOR, TWO_PERSON] {
        let server = serve(&home, &[environment]);
        // An operator, too, asks others, unless the run's id is typed once more.
        let id = request(&server, &ann, "run_a");
        for door in [Door::Http, Door::Cli] {
            assert_eq!(decided(door, &home, &server, "approve", &ann, &id), "SELF_APPROVAL", "{door:?}");
        }
        // Whoever asks for the same joins, and does not decide it either.
        assert_eq!(request(&server, &ben, "run_a"), id);
        for door in [Door::Http, Door::Cli] {
            assert_eq!(decided(door, &home, &server, "approve", &ben, &id), "SELF_APPROVAL", "{door:?}");
        }
        assert_eq!(home.queue().lines(), Vec::<String>::new());
        assert_eq!(decided(Door::Http, &home, &server, "reject", &ann, &id), "", "whoever asked may take it back");
    }
}

#[test]
fn an_operator_who_types_the_run_approves_their_own_request_and_the_line_says_so() {
    let home = home(&["run_a", "run_b"]);
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    let server = serve(&home, &[OPERATOR]);
    let mut connection = server.connect();
    let wrong = apply(&mut connection, &ann, "run_a", &json!({"confirm_run_id": "run_b"}));
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "CONFIRM_REQUIRED"), "{}", wrong.text());
    let agent = apply(&mut connection, &robot, "run_a", &json!({"confirm_run_id": "run_a"})).answer();
    assert_eq!(agent["status"], "PENDING_APPROVAL", "an agent may type what it likes: {agent}");
    let own = apply(&mut connection, &ann, "run_b", &json!({"confirm_run_id": "run_b"})).answer();
    assert_eq!((&own["status"], &own["approvals"]), (&json!("PENDING"), &json!([format!("{} (OPS)", ann.principal)])));
    drop(server);
    let server = serve(&home, &[TWO_PERSON]);
    home.run(&RunFixture::new("run_c"));
    let two = apply(&mut server.connect(), &ann, "run_c", &json!({"confirm_run_id": "run_c"})).answer();
    assert_eq!((&two["status"], &two["approval"]["needs"]), (&json!("PENDING_APPROVAL"), &json!(2)), "{two}");
}

#[test]
fn a_sponsor_approves_under_operator_and_not_under_two_person() {
    let home = home(&["run_a", "run_b", "run_c"]);
    let [ann, ben, cleo] = ["ann", "ben", "cleo"].map(|name| Token::operator(&home, name));
    // Whoever has an agent's token made answers for it.
    let made = home.cli(
        &["token", "create", "--kind", "agent", "--name", "robot", "--ttl", "1d", "--role", "OPS"],
        &[LOG, ann.environment()],
    );
    let text = crate::support::secrets::tokens_in(&made.stdout).pop().unwrap_or_else(|| panic!("{made:#?}"));
    let robot = Token { id: String::new(), principal: "agent:robot".to_owned(), text };
    assert_eq!(decisions(&home, "TOKEN_CREATED").last().unwrap()["sponsor"], ann.principal);

    let server = serve(&home, &[OPERATOR]);
    let id = request(&server, &robot, "run_a");
    assert_eq!(decided(Door::Cli, &home, &server, "approve", &ann, &id), "");
    drop(server);

    let server = serve(&home, &[TWO_PERSON]);
    for door in [Door::Http, Door::Cli] {
        let run = if door == Door::Http { "run_b" } else { "run_c" };
        let id = request(&server, &robot, run);
        assert_eq!(decided(door, &home, &server, "approve", &ann, &id), "SELF_APPROVAL", "{door:?}");
        assert_eq!(decided(door, &home, &server, "approve", &ben, &id), "", "{door:?}");
        assert_eq!(lines_of(&home, item_of(&id)), Vec::<Value>::new(), "one of two");
        assert_eq!(status(&server, &ann, &id), "PENDING");
        assert_eq!(decided(door, &home, &server, "approve", &ben, &id), "APPROVAL_DECIDED", "the same person twice");
        assert_eq!(decided(door, &home, &server, "approve", &cleo, &id), "", "{door:?}");
        let [line] = &lines_of(&home, item_of(&id))[..] else { panic!("one item") };
        assert_eq!(approvers(line), [ben.principal.as_str(), &cleo.principal]);
    }
    assert_sound(&home);
}

#[test]
fn where_two_people_must_agree_each_is_known_by_a_token_of_their_own() {
    let home = home(&["run_a"]);
    let robot = Token::agent(&home, "robot");
    let server = serve(&home, &[TWO_PERSON]);
    let id = request(&server, &robot, "run_a");
    // The static token is one that several people may share.
    let shared = Request::post(&format!("/api/approvals/{id}/approve"), r#"{"reason":"looked at it"}"#);
    let refused = server.send(&shared);
    assert_eq!((refused.status, refused.code().as_str()), (403, "APPROVER_UNVERIFIED"), "{}", refused.text());
    // A name in a variable is whoever wrote it there.
    let line = ["approval", "approve", &id, "--reason", "looked at it", "--yes"];
    let ran = home.cli(&line, &[crate::support::GATE_OPEN, LOG, ("CORTEXPILOT_PRINCIPAL", "local:ann")]);
    assert_eq!((ran.exit, ran.code().as_str()), (Some(3), "APPROVER_UNVERIFIED"), "{ran:#?}");
    assert_eq!(home.queue().lines(), Vec::<String>::new());
}

#[test]
fn no_agent_worker_or_shut_gate_says_yes_and_anybody_sees_no_more_than_they_may() {
    let home = home(&["run_a"]);
    let [robot, other] = ["robot", "other"].map(|name| Token::agent(&home, name));
    let (ann, hand) = (Token::operator(&home, "ann"), Token::new(&home, "worker", "hand", &[]));
    let server = serve(&home, &[OPERATOR]);
    let id = request(&server, &robot, "run_a");
    for who in [&robot, &other, &hand] {
        for door in [Door::Http, Door::Cli] {
            assert_eq!(decided(door, &home, &server, "approve", who, &id), "SCOPE_FORBIDDEN", "{who:?} {door:?}");
        }
    }
    let seen = |who: &Token| server.send(&who.get(&format!("/api/approvals/{id}")));
    assert_eq!((seen(&robot).status, seen(&other).code().as_str()), (200, "APPROVAL_NOT_FOUND"));
    assert_eq!(seen(&hand).code(), "SCOPE_FORBIDDEN");
    // The approving process's own gate must be open.
    let shut = home.serve(&[LOG, OPERATOR]);
    assert_eq!(shut.send(&yes(&ann, &id)).code(), "MUTATION_GATE_CLOSED");
    // A freeze stops a yes, and not a no.
    clerk(&home, &["gate", "freeze", "--reason", "stop"]);
    assert_eq!(server.send(&yes(&ann, &id)).code(), "FROZEN");
    assert_eq!(server.send(&no(&ann, &id)).status, 200);
    assert_eq!(home.queue().lines(), Vec::<String>::new());
}

#[test]
fn a_request_falls_with_the_token_of_whoever_asked() {
    let home = home(&["run_a"]);
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    let server = serve(&home, &[OPERATOR]);
    let id = request(&server, &robot, "run_a");
    clerk(&home, &["token", "revoke", &robot.id, "--reason", "it queued nonsense"]);
    assert_eq!(server.send(&yes(&ann, &id)).code(), "PREVIEW_STALE");
    assert_eq!(home.queue().lines(), Vec::<String>::new());
}

/// What the agent that asked sees, without asking again.
#[test]
fn an_agent_learns_from_its_preview_that_people_decided() {
    let home = home(&["run_a"]);
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    let server = serve(&home, &[OPERATOR]);
    let id = request(&server, &robot, "run_a");
    let look = || server.send(&robot.post(&format!("{}/preview", from_run("run_a")), &json!({}))).answer();
    let shown = look();
    assert_eq!((&shown["approval"]["id"], &shown["approval"]["status"]), (&json!(id), &json!("PENDING")), "{shown}");
    assert_eq!(server.send(&yes(&ann, &id)).status, 200);
    let shown = look();
    assert_eq!(shown["pending_matches"][0]["queue_id"], item_of(&id), "{shown}");
}
