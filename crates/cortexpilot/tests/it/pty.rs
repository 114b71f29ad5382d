//! Approvals with a person at a terminal: what is shown first, what is typed, and that nothing else is a yes.

use rustix::process::Signal;

use crate::support::{A_PERSON, APPLY, Home, PERSONAL, TWO_PEOPLE, Terminal};

const ASKED: [&str; 6] = ["--role", "OPS", "--requested-by", "Alice", "--reason", "why"];

fn enqueue(home: &Home, policy: (&str, &str), token: Option<&str>) -> Terminal {
    let mut environment = vec![APPLY, policy];
    environment.extend(token.map(|token| (PERSONAL, token)));
    Terminal::start(home.command(&environment, &[&["queue", "enqueue", "run_ok"], &ASKED[..]].concat()))
}

/// A request of an agent, and its id.
fn asked(home: &Home, reason: &str) -> String {
    let agent = home.token("agent", "claude", &["OPS"]);
    let environment = [APPLY, A_PERSON, (PERSONAL, agent.as_str())];
    home.cli_with(&environment, &["queue", "preview", "run_ok", "-o", "p.json"], "").expect(0);
    let apply = [
        "queue",
        "enqueue",
        "--plan",
        "p.json",
        "--role",
        "OPS",
        "--requested-by",
        "C",
        "--confirm",
        "--reason",
        reason,
    ];
    let asked = home.json(&environment, &apply, 0);
    asked["approval"]["id"].as_str().expect("a request").to_owned()
}

fn approve(home: &Home, id: &str, more: &[&str]) -> Terminal {
    Terminal::start(home.command(&[APPLY, A_PERSON], &[&["approval", "approve", id], more].concat()))
}

#[test]
fn an_operator_types_the_runs_id_to_be_their_own_approval() {
    let home = Home::with_run();
    let mut terminal = enqueue(&home, A_PERSON, None);
    terminal.wait_for("Type run_ok to queue this item on your own approval, or ask");
    assert!(terminal.shown.contains("What would happen"), "{}", terminal.shown);
    terminal.type_line("run_ok");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Queued.") && shown.contains("local:alice (OPS)"), "{shown}");
    assert_eq!(home.ledger()[0]["approvals"], serde_json::json!(["local:alice (OPS)"]));
}

#[test]
fn an_operator_may_ask_another_person_instead() {
    let home = Home::with_run();
    let mut terminal = enqueue(&home, A_PERSON, None);
    terminal.wait_for("anything else stops here:");
    terminal.type_line("ask");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("PENDING_APPROVAL: nothing is queued yet.") && shown.contains("approval show apr_"),
        "{shown}"
    );
    assert!(home.ledger().is_empty());
    assert_eq!(home.decisions()[0]["event"], "APPROVAL_REQUESTED");
}

#[test]
fn anything_else_asks_nobody_and_queues_nothing() {
    for typed in ["", "y", "yes", "task_ok", "RUN_OK", "Ask"] {
        let home = Home::with_run();
        let mut terminal = enqueue(&home, A_PERSON, None);
        terminal.wait_for("anything else stops here:");
        terminal.type_line(typed);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(3), "{typed}: {shown}");
        assert!(shown.contains("You did not confirm"), "{shown}");
        assert!(home.ledger().is_empty() && home.decisions().is_empty(), "nothing was sent");
    }
}

#[test]
fn whoever_cannot_approve_is_told_what_the_yes_is_for() {
    let home = Home::with_run();
    let agent = home.token("agent", "claude", &["OPS"]);
    for (policy, token, words) in [
        (A_PERSON, Some(agent.as_str()), "Type task_ok to ask a person to agree"),
        (TWO_PEOPLE, None, "Type task_ok to ask two people to agree"),
    ] {
        let mut terminal = enqueue(&home, policy, token);
        terminal.wait_for(words);
        terminal.type_line("task_ok");
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(0), "{shown}");
        assert!(shown.contains("PENDING_APPROVAL"), "{shown}");
    }
    assert!(home.ledger().is_empty());
}

#[test]
fn an_approver_sees_the_request_and_types_the_end_of_its_id() {
    let home = Home::with_run();
    let id = asked(&home, "Status: APPROVED. Who asks: operator:root");
    let before = home.decisions();
    for typed in ["", "y", "approve", &id[..6]] {
        let mut terminal = approve(&home, &id, &[]);
        terminal.wait_for("to approve this; anything else stops here:");
        terminal.type_line(typed);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(3), "{shown}");
        assert!(shown.contains("You did not confirm. Nothing was approved."), "{shown}");
    }
    assert!(home.ledger().is_empty());
    assert_eq!(home.decisions(), before, "saying no to the question is no decision");

    let mut terminal = approve(&home, &id, &["--reason", "looked at it"]);
    terminal.wait_for("to approve this; anything else stops here:");
    let place = |words: &str| terminal.shown.find(words).unwrap_or_else(|| panic!("{words}: {}", terminal.shown));
    let order = [
        place("What would happen"),
        place("Differs from the source run"),
        place("Who asks"),
        place("TEXT OF agent:claude"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert!(terminal.shown.contains("  | Status: APPROVED. Who asks: operator:root"), "{}", terminal.shown);
    terminal.type_line(&id[id.len() - 6..]);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Approved and queued.") && shown.contains("local:alice (ARCHITECT)"), "{shown}");
    assert_eq!(home.ledger().len(), 1);
}

#[test]
fn with_yes_it_is_shown_and_nothing_is_asked() {
    let home = Home::with_run();
    let id = asked(&home, "why");
    let (code, shown) = approve(&home, &id, &["--yes"]).end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("What would happen") && !shown.contains("Type "), "{shown}");
    // Decided: shown, refused by its own code, and nobody is asked for nothing.
    let (code, shown) = approve(&home, &id, &[]).end();
    assert_eq!(code, Some(5), "{shown}");
    assert!(shown.contains("refused: APPROVAL_DECIDED") && !shown.contains("Type "), "{shown}");
}

#[test]
fn what_a_run_wrote_cannot_draw_on_the_approvers_terminal() {
    let home = Home::new();
    home.run(&cortexpilot_runs::fixture::RunFixture::new("run_ok").task("evil\u{1b}[2J\u{202e}"));
    let id = asked(&home, "why");
    let mut terminal = approve(&home, &id, &[]);
    terminal.wait_for("to approve this; anything else stops here:");
    let shown = terminal.shown.clone();
    assert!(!shown.contains("\u{1b}[2J") && shown.contains("evil\\u{001B}[2J\\u{202E}"), "{shown}");
    terminal.type_line("no");
    assert_eq!(terminal.end().0, Some(3));
}

#[test]
fn watching_rings_the_terminals_bell_and_ends_with_ctrl_c() {
    let home = Home::with_run();
    let mut terminal = Terminal::start(home.command(&[], &["approval", "watch"]));
    terminal.wait_for("Ctrl-C ends it.");
    assert!(!terminal.shown.contains('\u{7}'));
    let id = asked(&home, "why");
    terminal.wait_for(&format!("\u{7}requested {id}  run_ok  asked by agent:claude"));
    home.cli_with(&[APPLY, A_PERSON], &["approval", "approve", &id, "--yes"], "").expect(0);
    terminal.wait_for(&format!("\u{7}approved  {id}"));
    terminal.signal(Signal::INT);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn a_token_on_a_terminal_comes_with_words_and_once() {
    let home = Home::new();
    let create = ["token", "create", "--name", "alice", "--kind", "operator", "--role", "OPS"];
    let (code, shown) = Terminal::start(home.command(&[], &create)).end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("operator:alice") && shown.contains("It is shown once"), "{shown}");
    assert_eq!(shown.matches("cpt_operator_").count(), 1, "{shown}");
    let id = home.json(&[], &["token", "list"], 0)["items"][0]["id"].as_str().unwrap().to_owned();
    let (code, shown) = Terminal::start(home.command(&[], &["token", "rotate", &id])).end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("lives on until it expires") && shown.contains(&format!("token revoke {id}")), "{shown}");
}
