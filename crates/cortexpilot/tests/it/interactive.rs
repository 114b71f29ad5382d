//! The same commands with a person at a terminal: the effect is shown, what is missing is asked, the yes is typed.

use crate::support::{APPLY, Home, Terminal};

fn enqueue(home: &Home, arguments: &[&str]) -> Terminal {
    Terminal::start(home.command(&[APPLY], &[&["queue", "enqueue", "run_ok"], arguments].concat()))
}

#[test]
fn a_person_sees_the_effect_answers_and_types_the_tasks_id() {
    let home = Home::with_run();
    let mut terminal = enqueue(&home, &[]);
    terminal.wait_for("Role (ARCHITECT, OPS, OWNER, TECH_LEAD)");
    assert!(terminal.shown.contains("What would happen") && terminal.shown.contains("Nothing is queued yet"));
    terminal.type_line("OPS");
    terminal.wait_for("Requested by [");
    terminal.type_line("Alice");
    terminal.wait_for("Why:");
    terminal.type_line("flaky test");
    terminal.wait_for("Type task_ok to queue this item");
    terminal.type_line("task_ok");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Queued."), "{shown}");
    let line = &home.ledger()[0];
    assert_eq!((line["requested_by"].as_str(), line["actor_role"].as_str()), (Some("Alice"), Some("OPS")));
}

#[test]
fn anything_but_the_tasks_id_queues_nothing_and_is_no_refusal() {
    for typed in ["y", "", "task_OK", "yes"] {
        let home = Home::with_run();
        let mut terminal = enqueue(&home, &["--role", "OPS", "--requested-by", "Alice", "--reason", "why"]);
        terminal.wait_for("anything else stops here:");
        terminal.type_line(typed);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(3), "{shown}");
        assert!(shown.contains("You did not confirm"), "{shown}");
        assert!(home.ledger().is_empty() && home.decisions().is_empty(), "nothing was sent, nothing is recorded");
    }
}

#[test]
fn nobody_is_asked_where_a_check_is_shut_anyway() {
    let home = Home::with_run();
    let terminal = Terminal::start(home.command(&[], &["queue", "enqueue", "run_ok"]));
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(3), "{shown}");
    assert!(shown.contains("refused: MUTATION_GATE_CLOSED") && !shown.contains("Type "), "{shown}");
}

#[test]
fn with_everything_said_nothing_is_asked() {
    let home = Home::with_run();
    let terminal = enqueue(&home, &["--role", "OPS", "--requested-by", "Alice", "--reason", "why", "--confirm"]);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("What would happen") && !shown.contains("Type "), "{shown}");
    assert_eq!(home.ledger().len(), 1);
}

#[test]
fn what_a_run_wrote_cannot_draw_on_the_terminal() {
    let home = Home::new();
    home.run(&cortexpilot_runs::fixture::RunFixture::new("run_ok").task("evil\u{1b}[2J\u{202e}"));
    let mut terminal = enqueue(&home, &["--role", "OPS", "--requested-by", "Alice", "--reason", "why"]);
    terminal.wait_for("Type queue it to queue this item");
    assert!(
        !terminal.shown.contains("\u{1b}[2J") && terminal.shown.contains("evil\\u{001B}[2J\\u{202E}"),
        "{}",
        terminal.shown
    );
    terminal.type_line("queue it");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn a_repair_is_confirmed_by_a_typed_word() {
    let home = Home::with_run();
    home.enqueue("run_ok");
    let path = home.root().join("queue.jsonl");
    let damaged = std::fs::read_to_string(&path).unwrap().replacen("Alice", "Mallo", 1);
    std::fs::write(&path, &damaged).unwrap();
    for (typed, code) in [("no", 5), ("repair", 0)] {
        let mut terminal = Terminal::start(home.command(&[], &["audit", "repair", "--reason", "ticket"]));
        terminal.wait_for("Type repair");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
        terminal.type_line(typed);
        let (ended, shown) = terminal.end();
        assert_eq!(ended, Some(code), "{shown}");
    }
    assert_eq!(home.ledger()[0]["event"], "LEDGER_REPAIRED");
}
