//! Every write, sync and rename that short runs of the binary make on the ledger's files fails once, with `EIO` and with
//! `ENOSPC`: one process for each. What was acknowledged is there, what was not is there whole or not at all, and the next
//! process goes on.
//!
//! A run is first traced as it is; the calls on the ledger's files are its steps. Each is then made to fail in a copy of
//! the same home. `strace` counts calls by name and thread, so a step is named by its name and its place among the calls
//! of that name, and the trace must show that exactly one call failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cortexpilot_runs::fixture::RunFixture;
use serde_json::json;

use crate::sound::{assert_sound, text};
use crate::strace::{Call, Trace, Traced, under_strace};
use crate::support::home::Variable;
use crate::support::process::Process;
use crate::support::{GATE_OPEN, GENESIS, Home, Ran, VERSIONS, apply, chain_problem};

/// Writes, syncs and changes of names, by all their names.
const CALLS: &str = "write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fsync,fdatasync,sync_file_range,rename,\
                     renameat,renameat2,link,linkat,unlink,unlinkat";

/// What a step comes to.
const ERRORS: [&str; 2] = ["error=EIO", "error=ENOSPC"];

/// A write that says it wrote fewer bytes than it was given. It wrote none of them; what a system really leaves of a write
/// that it cuts short is in `traced_short`.
const SHORT: [&str; 2] = ["retval=0", "retval=1"];

const CLERK: Variable<'static> = ("CORTEXPILOT_PRINCIPAL", "local:clerk");
const A_PERSON: Variable<'static> = ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "operator");

/// How a command was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Its line is durable.
    Acknowledged,
    /// Its line may be there.
    Unknown,
    /// It was refused by a gate: the refusal stands, and its line may be there.
    Refused,
    /// Nothing of it is there.
    Not,
}

impl Answer {
    fn of(code: &str) -> Self {
        match code {
            "" => Self::Acknowledged,
            "OUTCOME_UNKNOWN" => Self::Unknown,
            "CONFIRM_REQUIRED" => Self::Refused,
            _ => Self::Not,
        }
    }
}

/// Which file a command's line goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Queue,
    Decisions,
}

/// A run of the binary in a home, under these options of `strace`: what it answered, and its trace.
type Drive<'a, T> = &'a dyn Fn(&Home, &[&str]) -> (T, Trace);

/// Which steps are made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steps {
    /// All of them; one thread makes all calls of a name.
    All,
    /// Those that append bytes; they are cut short.
    Appends,
    /// Those of the thread that makes the first: of a process that does not start when one of them fails.
    OfTheFirstThread,
}

/// What was struck.
struct Struck {
    /// How many steps there are, by the name of the call.
    steps: BTreeMap<String, usize>,
    fired: usize,
}

/// Runs once as it is, and then once for each step and each error, each time in a copy of this home; `check` looks at each.
fn strike_each<T>(scene: &Home, which: Steps, drive: Drive<'_, T>, mut check: impl FnMut(&Home, &T, &str)) -> Struck {
    let traced = format!("trace={CALLS}");
    let plain = copy(scene);
    let (answers, trace) = drive(&plain, &["-e", &traced]);
    check(&plain, &answers, "nothing fails");
    let all: Vec<&Call> = trace.calls().iter().filter(|call| !ledger_paths(call, &plain).is_empty()).collect();
    let first = all.first().expect("it changes something").thread;
    let injections = if which == Steps::Appends { SHORT } else { ERRORS };
    let paths: BTreeSet<PathBuf> = all.iter().flat_map(|call| ledger_paths(call, &plain)).collect();
    let mut count: BTreeMap<(String, u32), usize> = BTreeMap::new();
    let is_struck = |call: &&&Call| match which {
        Steps::All => true,
        Steps::Appends => call.name == "write",
        Steps::OfTheFirstThread => call.thread == first,
    };
    for call in all.iter().filter(is_struck) {
        *count.entry((call.name.clone(), call.thread)).or_default() += 1;
    }
    let mut struck = Struck { steps: BTreeMap::new(), fired: 0 };
    for ((name, _), times) in count {
        for (nth, injection) in (1..=times).flat_map(|nth| injections.map(|injection| (nth, injection))) {
            let place = format!("{name} {nth} with {injection}");
            let home = copy(scene);
            let paths: Vec<String> = paths.iter().map(|path| home.runtime().join(path).display().to_string()).collect();
            let inject = format!("inject={name}:{injection}:when={nth}");
            let mut options = vec!["-e", &traced, "-e", &inject];
            options.extend(paths.iter().flat_map(|path| ["-P", path]));
            let (answers, trace) = drive(&home, &options);
            let injected = trace.calls().iter().filter(|call| call.result.contains("(INJECTED)")).count();
            assert_eq!(injected, 1, "{place}");
            struck.fired += 1;
            check(&home, &answers, &place);
        }
        assert_eq!(struck.steps.insert(name.clone(), times), None, "one thread makes all calls of {name}");
    }
    struck
}

/// Fails every step of commands that each append a line, and gives how often, with the figure. `sound` is the home before them, with
/// nothing left to settle.
fn every_step_fails(
    what: &str,
    scene: &Home,
    sound: &Home,
    which: Steps,
    drive: Drive<'_, Vec<(File, Answer)>>,
) -> String {
    let (mut acknowledged, mut unknown) = (0, 0);
    let struck = strike_each(scene, which, drive, |home, answers, place| {
        check(sound, home, answers, &format!("{what}: {place}"));
        let of = |wanted| answers.iter().filter(|(_, answer)| *answer == wanted).count();
        if place == "nothing fails" {
            assert_eq!(of(Answer::Unknown) + of(Answer::Not), 0, "{what}: {answers:?}");
        } else {
            acknowledged += of(Answer::Acknowledged);
            unknown += of(Answer::Unknown);
        }
    });
    let Struck { steps, fired } = struck;
    let how = match which {
        Steps::All | Steps::OfTheFirstThread => "failed once with EIO and with ENOSPC",
        Steps::Appends => "once wrote nothing, or one byte as it said",
    };
    format!(
        "fired: {fired} failed system calls\nfigure: {what}: {steps:?}, each {how}: {fired} injections fired, {acknowledged} \
         commands acknowledged and none lost, {unknown} of unknown outcome and none there by half"
    )
}

/// The ledger's files that a call is made on, relative to the runtime root: of what else the binary keeps there nothing
/// depends.
fn ledger_paths(call: &Call, home: &Home) -> Vec<PathBuf> {
    let runtime = home.runtime();
    let named = call.arguments.split('"').skip(1).step_by(2).filter(|_| call.target().is_none());
    let all = call.target().into_iter().chain(named).filter_map(|path| Path::new(path).strip_prefix(&runtime).ok());
    let is_ledger = |path: &&Path| {
        let first = path.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
        first.is_none_or(|first| first.contains(".jsonl") || first == "ledger.lock" || first == "contracts")
    };
    all.filter(is_ledger).map(Path::to_owned).collect()
}

/// What can be said of both files afterwards.
fn check(before: &Home, home: &Home, answers: &[(File, Answer)], place: &str) {
    // The next process settles what was left, without adding a line.
    home.make_key();
    assert_sound(home);
    let files = [(File::Queue, before.queue(), home.queue()), (File::Decisions, before.decisions(), home.decisions())];
    for (file, before, after) in files {
        // Fails when anything before was changed.
        let new = after.since(&before).lines().len();
        assert_eq!(chain_problem(&after.lines(), GENESIS), None, "{place}");
        let of = |wanted: &[Answer]| {
            answers.iter().filter(|(into, answer)| *into == file && wanted.contains(answer)).count()
        };
        let least = of(&[Answer::Acknowledged]);
        let most = least + of(&[Answer::Unknown, Answer::Refused]);
        assert!((least..=most).contains(&new), "{place}: {new} lines, {answers:?}");
    }
}

/// A home with the same files.
fn copy(home: &Home) -> Home {
    fn copy_into(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a directory can be made");
        for entry in fs::read_dir(from).expect("a directory can be read") {
            let path = entry.expect("an entry").path();
            let target = to.join(path.file_name().expect("an entry has a name"));
            if path.is_dir() {
                copy_into(&path, &target);
            } else {
                fs::copy(&path, &target).expect("a file can be copied");
            }
        }
    }
    let copy = Home::in_memory();
    for dir in ["runtime", "runs"] {
        let from = home.root().join(dir);
        if from.is_dir() {
            copy_into(&from, &copy.root().join(dir));
        }
    }
    copy
}

/// A home with these runs, whose ledger exists and is empty.
fn home(runs: &[&str]) -> Home {
    let home = Home::in_memory();
    for run in runs {
        home.run(&RunFixture::new(run));
    }
    home.make_key();
    home
}

/// Runs a command line to its end under `strace`.
fn cli(home: &Home, line: &[&str], environment: &[Variable<'_>], options: &[&str]) -> (Answer, Trace) {
    let line = [&["--output", "json"], line].concat();
    let output = home.root().join("trace");
    let command = under_strace(&home.command(&line, environment), &output, options);
    let ran = Ran::to_the_end(Process::spawn(command, "strace"));
    let code = ran.code();
    assert_eq!(ran.exit == Some(0), code.is_empty(), "{ran:#?}");
    (Answer::of(&code), Trace::read(&output))
}

/// Two applies and a refusal over MCP.
fn pilots_session(home: &Home, options: &[&str]) -> (Vec<(File, Answer)>, Trace) {
    let pilot = home.command(&["mcp-queue-pilot-server"], &[GATE_OPEN]);
    let mut server = Traced::start(&pilot, &home.root().join("trace"), options, VERSIONS[3]);
    let mut answers = Vec::new();
    for (run, file, changes) in [
        ("run_a", File::Queue, json!({})),
        ("run_a", File::Decisions, json!({"confirm": false})),
        ("run_b", File::Queue, json!({})),
    ] {
        server.mcp.call("preview_enqueue_from_run", &json!({"run_id": run}).to_string()).answer();
        answers.push((file, Answer::of(server.mcp.call("enqueue_from_run", &apply(run, changes)).code())));
    }
    (answers, server.finish())
}

#[test]
fn every_step_of_a_pilots_session_fails_once() {
    let home = home(&["run_a", "run_b"]);
    let figure = every_step_fails("two applies and a refusal over MCP", &home, &home, Steps::All, &pilots_session);
    println!("{figure}");
}

#[test]
fn every_append_of_a_pilots_session_is_cut_short_once() {
    let home = home(&["run_a", "run_b"]);
    let figure = every_step_fails("two applies and a refusal over MCP", &home, &home, Steps::Appends, &pilots_session);
    println!("{figure}");
}

fn freeze(home: &Home, options: &[&str]) -> (Vec<(File, Answer)>, Trace) {
    let (answer, trace) = cli(home, &["gate", "freeze", "--reason", "looked at it"], &[CLERK], options);
    (vec![(File::Decisions, answer)], trace)
}

#[test]
fn every_step_of_a_freeze_fails_once() {
    let home = home(&[]);
    let figure = every_step_fails("gate freeze", &home, &home, Steps::All, &freeze);
    println!("{figure}");
}

#[test]
fn every_step_of_an_approval_fails_once() {
    let home = home(&["run_a"]);
    let mut pilot = home.pilot(VERSIONS[3], &[GATE_OPEN, A_PERSON]);
    let asked = pilot.enqueue("run_a");
    pilot.finish();
    let id = text(&asked["approval"], "id").to_owned();
    let runs = home.runs().display().to_string();
    let drive = |home: &Home, options: &[&str]| {
        let line = ["approval", "approve", &id, "--reason", "looked at it", "--yes"];
        // The run where it was: what people approve names its contract by an absolute path.
        let environment = [CLERK, GATE_OPEN, A_PERSON, ("CORTEXPILOT_RUNS_ROOT", runs.as_str())];
        let (answer, trace) = cli(home, &line, &environment, options);
        (vec![(File::Queue, answer)], trace)
    };
    let figure = every_step_fails("approval approve", &home, &home, Steps::All, &drive);
    println!("{figure}");
}

#[test]
fn every_step_of_a_cancel_fails_once() {
    let home = home(&["run_a"]);
    let mut pilot = home.pilot(VERSIONS[3], &[GATE_OPEN]);
    let item = pilot.enqueue("run_a");
    pilot.finish();
    let id = text(&item, "queue_id").to_owned();
    let drive = |home: &Home, options: &[&str]| {
        let (answer, trace) = cli(home, &["queue", "cancel", &id, "--reason", "not that one"], &[CLERK], options);
        (vec![(File::Queue, answer)], trace)
    };
    let figure = every_step_fails("queue cancel", &home, &home, Steps::All, &drive);
    println!("{figure}");
}

/// The control of what is judged: had a line that was acknowledged been lost, or been there though nobody was told of it, the
/// checker of these tests would say so.
#[test]
fn the_checker_finds_a_line_that_is_lost_and_one_that_nobody_was_told_of() {
    let before = home(&[]);
    let (written, empty) = (copy(&before), copy(&before));
    let (answers, _) = freeze(&written, &["-e", "trace=fdatasync"]);
    check(&before, &written, &answers, "as it is");
    check(&before, &empty, &[(File::Decisions, Answer::Unknown)], "not carried out");
    let complaints = [
        (&empty, File::Decisions, Answer::Acknowledged),
        (&empty, File::Queue, Answer::Acknowledged),
        (&written, File::Decisions, Answer::Not),
        (&written, File::Queue, Answer::Unknown),
    ];
    for (home, file, answer) in complaints {
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&before, home, &[(file, answer)], "control");
        }));
        assert!(checked.is_err(), "{file:?} {answer:?} is not complained about");
    }
    println!(
        "figure: control: lines lost, or there though nobody was told of them: {} of {} found",
        complaints.len(),
        complaints.len()
    );
}

/// A repair puts another file in the ledger's place: here a rename is a step. Until it is whole the damaged file is there
/// under its name, and afterwards under another one.
#[test]
fn every_step_of_a_repair_fails_once() {
    let scene = home(&["run_a"]);
    let mut pilot = scene.pilot(VERSIONS[3], &[GATE_OPEN]);
    pilot.enqueue("run_a");
    pilot.finish();
    let path = scene.runtime().join("queue.jsonl");
    let damaged = fs::read_to_string(&path).unwrap().replace("again", "agaim");
    fs::write(&path, &damaged).unwrap();
    let line = ["audit", "repair", "--reason", "a test changed it", "--yes"];
    let environment = [CLERK, GATE_OPEN];
    let drive = |home: &Home, options: &[&str]| cli(home, &line, &environment, options);
    let struck = strike_each(&scene, Steps::All, &drive, |home, answer, place| {
        if place != "nothing fails" {
            assert_ne!(*answer, Answer::Acknowledged, "{place}");
            let again = home.cli(&line, &environment);
            // It was whole already, or it is now.
            assert!([Some(0), Some(5)].contains(&again.exit), "{place}: {again:#?}");
        }
        home.make_key();
        assert_sound(home);
        let kept = fs::read_dir(home.runtime()).unwrap().map(|entry| entry.unwrap().path());
        let kept: Vec<PathBuf> = kept.filter(|path| path.to_string_lossy().contains("jsonl.damaged-")).collect();
        assert_eq!(kept.len(), 1, "{place}");
        assert_eq!(fs::read_to_string(&kept[0]).unwrap(), damaged, "{place}: the evidence is whole");
    });
    let has = |name: &str| struck.steps.keys().any(|step| step.starts_with(name));
    assert!(has("rename") && has("link"), "{:?}", struck.steps);
    println!("fired: {} failed system calls", struck.fired);
    println!(
        "figure: audit repair: {:?}, {} injections fired: run again, each repair came to its end",
        struck.steps, struck.fired
    );
}

/// A start on a ledger whose last writer died in the middle of a line: the half line is set aside and cut off, and what is
/// there is written and synced again, before the process says a word.
#[test]
fn every_step_of_settling_a_torn_line_fails_once() {
    let sound = home(&["run_a"]);
    let mut pilot = sound.pilot(VERSIONS[3], &[GATE_OPEN]);
    pilot.enqueue("run_a");
    pilot.finish();
    let scene = copy(&sound);
    let torn = [sound.queue().bytes(), b"{\"event\": \"QUEUE_ENQ"].concat();
    fs::write(scene.runtime().join("queue.jsonl"), torn).unwrap();
    let figure = every_step_fails("a start on a torn line", &scene, &sound, Steps::OfTheFirstThread, &freeze);
    assert!(figure.contains("ftruncate"), "{figure}");
    println!("{figure}");
}
