//! The tests in which the wall clock of a process jumps: those in the module `clocked_jumps` of the test binary `workers`.

use anyhow::Result;

use super::{Ran, apt, rust, traced};
use crate::workspace::{Workspace, has_cargo_subcommand, last_line};

/// Where the product's tests are; of the whole workspace, as the other tests are built.
const WHAT: [&str; 5] = ["--workspace", "--test", "workers", "-E", "test(/^clocked_/)"];

/// Where packages put the library for programs of several threads; the test looks in the same places.
const LIBRARIES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// Runs them where a clock can be made to jump.
pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    if let Err(reason) = faketime(workspace) {
        return Ok(Ran::NotRun(reason));
    }
    if !has_cargo_subcommand(workspace, "nextest") {
        let what = ["--workspace", "--test", "workers", "--", "--nocapture", "clocked_"];
        return Ok(Ran::Counted(traced::counted(rust::by_cargo(workspace, &what)?)));
    }
    let (counts, cases) = rust::by_nextest(workspace, &WHAT)?;
    traced::print_figures(&cases);
    Ok(Ran::Counted(traced::counted(counts)))
}

/// Whether libfaketime is there and moves a clock; installed with apt-get where we may. Else why not.
pub(crate) fn faketime(workspace: &Workspace) -> Result<(), String> {
    let found = || LIBRARIES.into_iter().find(|path| std::path::Path::new(path).is_file());
    let library = match found() {
        Some(library) => library,
        None => {
            apt::install(workspace, "libfaketime").map_err(|why| format!("libfaketime is not installed; {why}"))?;
            found().ok_or("libfaketime was installed and is in none of the places where it is looked for")?
        }
    };
    let date = workspace
        .command("date")
        .args(["-u", "-d", "now", "+%Y"])
        .env("LD_PRELOAD", library)
        .env("FAKETIME", "@1990-06-01 00:00:00")
        .output()
        .map_err(|error| format!("date cannot be started: {error}"))?;
    match date.stdout.trim_ascii() {
        b"1990" => Ok(()),
        _ => Err(format!("{library} does not move the clock here: {}", last_line(&date.stderr))),
    }
}
