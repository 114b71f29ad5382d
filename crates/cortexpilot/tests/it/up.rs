//! `up` and `up --demo`: the one screen, and that what it prints works.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use rustix::process::Signal;

use crate::demo;
use crate::support::{Home, Running, Server, finish};

/// Starts `up` as a person does and reads its screen.
fn screen(home: &Home, environment: &[(&str, &str)], arguments: &[&str]) -> (Running, Vec<String>) {
    let mut command = home.command(environment, &[&["up", "--port", "0"], arguments].concat());
    let mut child = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = Vec::new();
    let mut stdout = BufReader::new(child.0.stdout.take().expect("piped"));
    loop {
        let mut line = String::new();
        assert!(stdout.read_line(&mut line).is_ok_and(|read| read > 0), "the screen ended early: {lines:?}");
        lines.push(line.trim_end().to_owned());
        if line.starts_with("Ctrl-C") {
            return (child, lines);
        }
    }
}

fn commands(screen: &[String]) -> Vec<&str> {
    screen.iter().filter_map(|line| line.strip_prefix("  $ ")).collect()
}

/// Runs a printed command as it stands, in the same directory, with nothing of ours in the environment.
fn shell(home: &Home, command: &str) -> crate::support::Output {
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", command]).current_dir(home.path()).env_clear().env("PATH", "/usr/bin:/bin");
    finish(shell, "")
}

fn stop(mut child: Running) {
    child.signal(Signal::INT);
    assert_eq!(child.wait().code(), Some(0));
}

#[test]
fn the_demo_is_one_screen_whose_commands_work_as_printed() {
    let home = Home::bare();
    let (child, screen) = screen(&home, &[], &["--demo"]);
    let line = |start: &str| {
        screen.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {screen:?}"))
    };
    assert!(line("Console   http://127.0.0.1:").ends_with('/'));
    assert!(line("Runs      6, 1 waits for a person").contains("cortexpilot-demo/runs"));
    line("Queue     0 pending, 0 claimed");
    line("Worker    ");
    line("Agents may queue: OFF");
    line("Ledger    sound · 0 lines");
    line("Token     .runtime-cache/cortexpilot-demo/keys/api.token");
    assert!(screen.len() <= 36, "one calm screen: {screen:?}");
    let commands = commands(&screen);
    assert!(commands.len() >= 5, "{screen:?}");
    let opening = commands.iter().filter(|command| command.starts_with("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY=1 "));
    assert_eq!(opening.count(), 2, "the gate is opened for one command at a time: {commands:?}");
    for command in &commands {
        let said = shell(&home, command);
        assert_eq!(said.code, 0, "{command}: {said:?}");
        assert!(!said.stdout.is_empty() && said.stderr.is_empty(), "{command}: {said:?}");
    }
    let explained = commands.iter().find(|command| command.contains(" gate explain ")).expect("a refusal is shown");
    assert!(shell(&home, explained).stdout.contains("RUN_AWAITING_APPROVAL"));

    // What the commands queued was carried out: one success, and one that the diff gate stopped.
    let lines = demo::ended(&home, 2);
    let mut statuses: Vec<&str> = lines
        .iter()
        .filter(|line| line["event"] == "QUEUE_DONE")
        .map(|line| line["status"].as_str().expect("a status"))
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["FAILURE", "SUCCESS"], "{lines:?}");
    let list = shell(&home, commands[0]).stdout;
    assert!(list.contains("8 runs in "), "{list}");
    stop(child);
}

#[test]
fn the_demo_never_touches_the_root_that_plain_up_serves() {
    let home = Home::bare();
    let plain = home.path().join(".runtime-cache/cortexpilot");
    let elsewhere = home.path().join("elsewhere");
    let configured =
        [("CORTEXPILOT_RUNTIME_ROOT", elsewhere.to_str().unwrap()), ("CORTEXPILOT_RUNS_ROOT", "real-runs")];
    for (round, environment) in (1..).zip([&[][..], &configured]) {
        let (child, screen) = screen(&home, environment, &["--demo"]);
        for command in commands(&screen) {
            // Also where the environment names other roots: what is printed says which is meant.
            let mut shell = std::process::Command::new("/bin/sh");
            shell.args(["-c", command]).current_dir(home.path()).env_clear().env("PATH", "/usr/bin:/bin");
            shell.envs(environment.iter().copied());
            let said = finish(shell, "");
            assert_eq!(said.code, 0, "{command}: {said:?}");
        }
        let list = commands(&screen)[0];
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", list]).current_dir(home.path()).env_clear().envs(environment.iter().copied());
        assert!(finish(shell, "").stdout.contains("run_demo_"), "{list}");
        // Queued again while an equal item waits, the next round's would be refused.
        demo::ended(&home, 2 * round);
        stop(child);
        assert!(!plain.exists() && !elsewhere.exists() && !home.path().join("real-runs").exists());
    }
    home.cli(&["up", "--demo", "--runs", "mine"]).expect(2);
    home.cli(&["up", "--demo", "--runtime-root", "mine"]).expect(2);
}

#[test]
fn a_second_demo_keeps_runs_token_and_queue() {
    let home = Home::bare();
    let start = || Server::start(home.command(&[], &["up", "--demo", "--port", "0", "--output", "json"]));
    let first = start();
    let file = home.path().join(first.ready["token_file"].as_str().unwrap());
    let token = std::fs::read_to_string(&file).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let root = home.path().join(".runtime-cache/cortexpilot-demo");
    assert_eq!(std::fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
    let bearer = format!("Bearer {}", token.trim());
    let runs = |server: &Server| server.anonymous("GET", "/api/runs", &[("authorization", &bearer)], None).body;
    let before = runs(&first);
    assert_eq!(first.ready["runs_waiting"], 1);
    assert_eq!(first.stop(Signal::INT).0, Some(0));
    let second = start();
    assert_eq!(runs(&second), before);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), token);
}

#[test]
fn up_serves_the_runs_it_is_given_and_its_commands_say_so() {
    let home = Home::bare();
    cortexpilot_runs::fixture::RunFixture::new("run_mine").write(&home.path().join("my runs")).unwrap();
    let (child, screen) = screen(&home, &[], &["--runs", "my runs"]);
    assert!(screen.iter().any(|line| line.contains("1, none waits for a person, in my runs")), "{screen:?}");
    for command in commands(&screen) {
        assert!(command.contains("--runs 'my runs'"), "{command}");
        let said = shell(&home, command);
        assert_eq!(said.code, 0, "{command}: {said:?}");
    }
    stop(child);
    assert!(home.path().join(".runtime-cache/cortexpilot/keys/api.token").exists());
}

#[test]
fn up_without_runs_says_so_and_still_prints_commands_that_work() {
    let home = Home::new();
    let (child, screen) = screen(&home, &[], &[]);
    assert!(screen.iter().any(|line| line.starts_with("Runs      none yet, in runs")), "{screen:?}");
    for command in commands(&screen) {
        assert_eq!(shell(&home, command).code, 0, "{command}");
    }
    stop(child);
}

#[test]
fn a_token_that_others_could_have_read_is_not_used() {
    let home = Home::new();
    std::fs::create_dir_all(home.root().join("keys")).unwrap();
    let token = home.root().join("keys/api.token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = home.cli(&["up", "--port", "0"]).expect(1);
    assert!(said.stderr.contains("chmod 600") && !said.stderr.contains("0123456789abcdef"), "{said:?}");
}

#[test]
fn up_on_another_address_needs_a_proxy_and_makes_no_token_without_one() {
    let home = Home::new();
    let said = home.cli(&["up", "--port", "0", "--host", "0.0.0.0"]).expect(2);
    assert!(said.stderr.contains("--behind-tls-proxy"), "{said:?}");
    assert!(!home.root().exists());
}
