//! Writes that the system itself cuts short: a limit on the size of files lets a line begin and not end. The command is not
//! acknowledged, and the next process sets aside what came through, at every byte of a line.

use std::process::Command;

use cortexpilot_runs::fixture::RunFixture;

use crate::sound::{assert_sound, text};
use crate::support::home::Variable;
use crate::support::process::Process;
use crate::support::{GATE_OPEN, Home, Ran, VERSIONS, sized};

const CLERK: Variable<'static> = ("CORTEXPILOT_PRINCIPAL", "local:clerk");

/// Items that are queued before, so that the queue is the longest of the files that are written: the limit is one for all.
const ITEMS: usize = 4;

#[test]
fn a_line_that_the_system_cuts_short_at_any_byte_is_not_acknowledged_and_set_aside() {
    let home = Home::in_memory();
    for at in 0..ITEMS {
        home.run(&RunFixture::new(&format!("run_{at}")));
    }
    let mut pilot = home.pilot(VERSIONS[3], &[GATE_OPEN]);
    let ids: Vec<String> =
        (0..ITEMS).map(|at| text(&pilot.enqueue(&format!("run_{at}")), "queue_id").to_owned()).collect();
    pilot.finish();
    let path = home.runtime().join("queue.jsonl");
    let empty = home.queue();
    // One cancel goes through: so long is the line of any other.
    assert_eq!(cancel(&home, &ids[ITEMS - 1], None).exit, Some(0));
    let before = home.queue();
    let line = before.bytes().len() - empty.bytes().len();

    let (mut cuts, mut beside) = (0, 0);
    for cut in (1..line - 1).step_by(sized(16, 1)).chain([line - 1]) {
        let place = format!("cut at {cut} of {line}");
        std::fs::write(&path, before.bytes()).expect("the ledger can be written");
        let limit = before.bytes().len() + cut;
        let ran = cancel(&home, &ids[0], Some(limit));
        assert_eq!((ran.exit, ran.code().as_str()), (Some(6), "OUTCOME_UNKNOWN"), "{place}: {ran:#?}");
        assert_eq!(home.queue().bytes().len(), limit, "{place}: the system wrote what fits");
        // The next process settles it.
        home.make_key();
        let events = assert_sound(&home);
        if cut + 1 == line {
            // It lacks nothing but its newline, and its hash says so: it is kept.
            assert_eq!(events.len(), ITEMS + 2, "{place}");
        } else {
            assert_eq!(home.queue(), before, "{place}");
            let aside = home.runtime().join(format!("queue.jsonl.torn-{}", before.bytes().len()));
            assert_eq!(std::fs::metadata(&aside).expect("it is kept").len(), cut as u64, "{place}");
            std::fs::remove_file(aside).expect("a file can be removed");
            beside += 1;
        }
        cuts += 1;
    }
    // Whoever comes next goes on.
    assert_eq!(cancel(&home, &ids[1], None).exit, Some(0));
    assert_sound(&home);
    println!("fired: {cuts} writes cut short by the system");
    println!(
        "figure: {cuts} writes of a line of {line} bytes cut short by the system: 0 acknowledged, {beside} set aside, {} whole \
         but for its newline and kept",
        cuts - beside
    );
}

/// The control: a limit that the line fits into cuts nothing short.
#[test]
fn a_line_that_fits_under_the_limit_is_acknowledged() {
    let home = Home::in_memory();
    home.run(&RunFixture::new("run_a"));
    let mut pilot = home.pilot(VERSIONS[3], &[GATE_OPEN]);
    let id = text(&pilot.enqueue("run_a"), "queue_id").to_owned();
    pilot.finish();
    let ran = cancel(&home, &id, Some(home.queue().bytes().len() + 4096));
    assert_eq!(ran.exit, Some(0), "{ran:#?}");
    assert_eq!(assert_sound(&home).len(), 2);
    println!("figure: control: a line that fits under the limit: acknowledged, 0 set aside");
}

/// Cancels an item, in a process that may not write behind this offset of any file.
fn cancel(home: &Home, id: &str, limit: Option<usize>) -> Ran {
    let plain = home.command(&["--output", "json", "queue", "cancel", id, "--reason", "not that one"], &[CLERK]);
    let Some(limit) = limit else { return Ran::to_the_end(Process::spawn(plain, "queue cancel")) };
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--fsize={limit}:{limit}")).arg("--").arg(plain.get_program()).args(plain.get_args());
    limited.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = plain.get_current_dir() {
        limited.current_dir(directory);
    }
    Ran::to_the_end(Process::spawn(limited, "prlimit"))
}
