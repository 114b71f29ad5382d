//! The floor of the policy: an agent's client can often edit the environment that a stdio server is started with, so what
//! operators have set in the runtime root holds whatever a process was told, and at once.

use std::time::Instant;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::json;

use super::cast::{LOG, Token, apply, assert_at_once, clerk, decisions, policy, serve};
use crate::support::cli::Ran;
use crate::support::home::Variable;
use crate::support::process::Process;
use crate::support::{GATE_OPEN, Home, VERSIONS, apply as mcp_apply};

fn home() -> Home {
    let home = Home::new();
    for run in ["run_a", "run_b"] {
        home.run(&RunFixture::new(run));
    }
    home
}

/// Raises the floor in a process of its own; gives the moment at which that had ended.
fn raise(home: &Home, word: &str) -> Instant {
    clerk(home, &["gate", "policy", "set", word, "--reason", "agents ask from now on"]);
    Instant::now()
}

/// Starts a server that must end by itself; it is given nothing to read.
fn started(home: &Home, server: &str, environment: &[Variable<'_>]) -> Ran {
    Ran::to_the_end(Process::spawn(home.command(&[server], environment), server))
}

#[test]
fn a_pilot_that_is_configured_below_the_floor_does_not_start_with_its_gate_open() {
    let home = home();
    for (floor, weaker) in [("operator", &["declared"][..]), ("two-person", &["declared", "operator"])] {
        raise(&home, floor);
        let mut environments = vec![vec![GATE_OPEN]];
        environments.extend(weaker.iter().map(|word| vec![GATE_OPEN, policy(word)]));
        for environment in &environments {
            let before = home.snapshot();
            for server in ["mcp-queue-pilot-server", "serve"] {
                let api = [("CORTEXPILOT_API_PORT", "0"), ("CORTEXPILOT_API_TOKEN", crate::support::TOKEN)];
                let ran = started(&home, server, &[&environment[..], &api, &[LOG]].concat());
                assert_eq!(ran.exit, Some(2), "{server} {environment:?}: {ran:#?}");
                assert!(ran.stderr.contains("POLICY_BELOW_FLOOR"), "{server} {environment:?}: {ran:#?}");
                // Standard output is the protocol's channel, also of a server that never gets to speak.
                assert_eq!(ran.stdout, "", "{server}");
            }
            before.assert_unchanged(home.root(), "a process that did not start");
        }
    }
    // What can queue nothing may start however it is configured, and so may what is strict enough.
    for environment in [vec![policy("declared")], vec![GATE_OPEN, policy("two-person")]] {
        home.pilot(VERSIONS[3], &[&environment[..], &[LOG]].concat()).finish();
    }
}

#[test]
fn a_pilot_that_was_started_before_waits_for_people_as_soon_as_the_floor_is_raised() {
    let home = home();
    for version in VERSIONS {
        clerk(&home, &["gate", "policy", "set", "declared", "--reason", "the next round"]);
        for environment in [&[GATE_OPEN, LOG][..], &[GATE_OPEN, LOG, policy("declared")]] {
            clerk(&home, &["gate", "policy", "set", "declared", "--reason", "the next round"]);
            let mut pilot = home.pilot(version, environment);
            let look =
                |run: &str| json!({"run_id": run, "priority": VERSIONS.iter().position(|v| *v == version)}).to_string();
            let sound = |run: &str| mcp_apply(run, json!({"priority": VERSIONS.iter().position(|v| *v == version)}));
            let shown = pilot.call("preview_enqueue_from_run", &look("run_a")).answer().clone();
            assert_eq!(shown["approval_policy"], "declared", "{shown}");
            let (queue, since) = (home.queue(), raise(&home, "operator"));
            // What was shown said that nobody is asked, which is no longer so.
            let stale = pilot.call("enqueue_from_run", &sound("run_a"));
            assert_eq!(stale.code(), "PREVIEW_STALE", "{stale:?}");
            let shown = pilot.call("preview_enqueue_from_run", &look("run_a")).answer().clone();
            assert_eq!(shown["approval_policy"], "operator", "{shown}");
            let waits = pilot.call("enqueue_from_run", &sound("run_a")).answer().clone();
            assert_eq!(waits["status"], "PENDING_APPROVAL", "{waits}");
            assert_at_once(since, "PENDING_APPROVAL");
            assert_eq!(home.queue(), queue);
            pilot.finish();
        }
    }
}

#[test]
fn a_server_that_was_started_before_waits_for_people_as_soon_as_the_floor_is_raised() {
    let home = home();
    let agent = Token::agent(&home, "robot");
    let server = serve(&home, &[]);
    let mut connection = server.connect();
    let queued = apply(&mut connection, &agent, "run_a", &json!({})).answer();
    assert_eq!(queued["status"], "PENDING", "{queued}");
    for (floor, needs) in [("operator", 1), ("two-person", 2)] {
        let since = raise(&home, floor);
        let waits = apply(&mut connection, &agent, "run_b", &json!({})).answer();
        assert_eq!(
            (&waits["status"], &waits["approval"]["needs"]),
            (&json!("PENDING_APPROVAL"), &json!(needs)),
            "{waits}"
        );
        assert_at_once(since, "PENDING_APPROVAL");
    }
    assert_eq!(home.queue().lines().len(), 1);
}

#[test]
fn lowering_a_floor_of_two_people_takes_two_of_them() {
    let home = home();
    let (ann, ben) = (Token::operator(&home, "ann"), Token::operator(&home, "ben"));
    raise(&home, "two-person");
    let lower =
        |who: Variable<'_>| home.cli(&["gate", "policy", "set", "declared", "--reason", "quiet week"], &[LOG, who]);
    let floor = || {
        let shown = clerk(&home, &["gate", "policy", "show"]);
        let said = shown.json();
        said["floor"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    // Whom a variable names is not a person who is known.
    let unknown = lower(("CORTEXPILOT_PRINCIPAL", "local:ann"));
    assert_eq!((unknown.exit, unknown.code().as_str()), (Some(3), "APPROVER_UNVERIFIED"), "{unknown:#?}");
    assert_eq!(lower(ann.environment()).exit, Some(0));
    assert_eq!((floor().as_str(), decisions(&home, "POLICY_PROPOSED").len()), ("two-person", 1));
    let again = lower(ann.environment());
    assert_eq!(again.code(), "SELF_APPROVAL", "{again:#?}");
    assert_eq!(floor(), "two-person");
    assert_eq!(lower(ben.environment()).exit, Some(0));
    assert_eq!(floor(), "declared");
    let set = decisions(&home, "POLICY_SET");
    let last = set.last().unwrap();
    assert_eq!((&last["principal"], &last["proposed_by"]), (&json!(ben.principal), &json!(ann.principal)));
}
