//! A file system whose locks do not lock, as some network file systems are: no process that writes starts on it.

use cortexpilot_runs::fixture::RunFixture;

use crate::sound::{assert_sound, text};
use crate::strace::under_strace;
use crate::support::process::Process;
use crate::support::{GATE_OPEN, Home, Ran, VERSIONS};

/// Every lock is granted, whoever holds it; and there are no locks at all.
const FAKES: [&str; 3] = ["inject=flock:retval=0", "inject=flock:error=EOPNOTSUPP", "inject=flock:error=ENOLCK"];

/// What each process that may write is started with, and whether it speaks JSON when it fails.
const WRITERS: [&[&str]; 4] = [
    &["serve", "--port", "0"],
    &["mcp-queue-pilot-server"],
    &["gate", "freeze", "--reason", "looked at it"],
    &["queue", "claim"],
];

fn home() -> Home {
    let home = Home::in_memory();
    home.run(&RunFixture::new("run_a"));
    let mut pilot = home.pilot(VERSIONS[3], &[GATE_OPEN]);
    pilot.enqueue("run_a");
    pilot.finish();
    home
}

fn start(home: &Home, line: &[&str], options: &[&str]) -> Ran {
    let environment = [GATE_OPEN, ("CORTEXPILOT_API_TOKEN", crate::support::TOKEN)];
    let command = home.command(line, &environment);
    let traced = under_strace(&command, &home.root().join("trace"), options);
    Ran::to_the_end(Process::spawn(traced, "strace"))
}

#[test]
fn where_locks_do_not_lock_no_process_that_writes_starts_and_reads_go_on() {
    let home = home();
    let before = (home.queue(), home.decisions());
    let mut refused = 0;
    for fake in FAKES {
        for line in WRITERS {
            let ran = start(&home, line, &["-e", "trace=flock", "-e", fake]);
            assert_eq!(ran.exit, Some(6), "{fake} {line:?}: {ran:#?}");
            for said in
                ["STORE_UNAVAILABLE", "file locks do not work in", "network file systems", "docs/runbooks/disk.md"]
            {
                assert!(ran.stderr.contains(said), "{fake} {line:?}: `{said}` is not in {}", ran.stderr);
            }
            refused += 1;
        }
        let listed = start(&home, &["--output", "json", "queue", "list"], &["-e", "trace=flock", "-e", fake]);
        assert_eq!(listed.answer()["items"].as_array().map(Vec::len), Some(1), "reads take no lock");
    }
    assert_eq!((home.queue(), home.decisions()), before, "not a byte was written");
    println!("fired: {refused} starts without locks");
    println!("figure: {refused} starts on a file system whose locks do not lock: all refused, not a byte written");
}

/// The control: the same processes, traced and with locks that lock.
#[test]
fn where_locks_lock_the_same_processes_start() {
    let home = home();
    let claimed = start(&home, &["--output", "json", "queue", "claim"], &["-e", "trace=flock"]);
    assert!(!text(&claimed.answer(), "lease_token").is_empty());
    assert_eq!(assert_sound(&home).len(), 2);
    println!("figure: control: with locks that lock the same command is carried out");
}
