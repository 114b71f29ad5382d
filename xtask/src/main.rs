//! The project's own tasks: test tiers, checks, generated files, promises, the newcomer's walk.
//!
//! Run as `cargo xtask <command>`; `cargo xtask --help` lists the commands. Each command is one module with a table of
//! what it covers near its top, so that adding a suite, a generated file or a rule is one entry there.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool for people and CI: its standard output is its result"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "xtask is not part of the product: it reads CI, PATH and CARGO_HOME where it needs them"
)]

mod agents;
mod bench;
mod check;
mod cli;
mod deps;
mod dist;
mod docs;
mod faults;
mod fuzz;
mod generate;
mod hygiene;
mod markdown;
mod newcomer;
mod promises;
mod report;
mod rust_source;
mod screenshots;
mod test;
mod workspace;

use std::process::ExitCode;

use cli::{Command, Opt};

/// Every command, in the order that `--help` shows them.
const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        about: "Run the test suites, tier by tier",
        options: &[
            Opt {
                name: "--tier",
                value: Some("TIER"),
                about: "run one tier: core, clients, pg or web (may be repeated)",
            },
            Opt {
                name: "--only",
                value: Some("SUITE"),
                about: "run one suite, see --list, or one part of it, SUITE:PART (may be repeated)",
            },
            Opt { name: "--all", value: None, about: "a tier whose tools cannot be had counts as a failure" },
            Opt { name: "--list", value: None, about: "print tiers and suites with what each needs, run nothing" },
        ],
        details: "Without options every tier that has suites runs. A suite whose tools cannot be had on this machine is \
                  NOT RUN:\nsaid at the end, and a failure under CI=1 or --all. The last line is always `N passed, N failed`.",
        run: test::run,
    },
    Command {
        name: "check",
        about: "Everything that must hold besides tests: fmt, clippy, deps, gen --check, docs, hygiene",
        options: &[],
        details: "Runs all six parts even when one fails, prints the command that repairs each, and exits non-zero if any failed.",
        run: check::run,
    },
    Command {
        name: "gen",
        about: "Write the generated files and build the console (or compare them with --check)",
        options: &[Opt {
            name: "--check",
            value: None,
            about: "write nothing; print the first line that differs in each document",
        }],
        details: "The documents are printed by the product itself (`cortexpilot gen-doc NAME`), so they cannot say more than it does. The\n\
                  types of the packages and the console in packages/console/dist need Node with npm; without it they stay as they are,\n\
                  and that is said. --check needs no Node.",
        run: generate::run,
    },
    Command {
        name: "deps",
        about: "Who may depend on whom, what core must never see, and that each dependency has its line in an ADR",
        options: &[],
        details: "Holds sources, bans and stated licences against deny.toml, and also runs `cargo deny check bans licenses sources`\n\
                  when cargo-deny is installed; it says so when it is not.",
        run: deps::run,
    },
    Command {
        name: "docs",
        about: "Links and anchors, the truth sentence, the boundary page, error pages",
        options: &[],
        details: "Reads every Markdown page outside test data. Generated pages are read as they are: run `cargo xtask gen` first.",
        run: docs::run,
    },
    Command {
        name: "hygiene",
        about: "What must not be committed: machine paths, tokens, ledgers, ignored tests, oversized files",
        options: &[],
        details: "Reads every file that git tracks or would add. Input kept for tests lives under `tests/**/data/` with a README.md\n\
                  that says where it comes from; there, only size, secrets and private names are checked.",
        run: hygiene::run,
    },
    Command {
        name: "promises",
        about: "Run the rows of docs/promises.md and print their figures",
        options: &[
            Opt { name: "--only", value: Some("ROW"), about: "one row (P2.01) or one group (P2); may be repeated" },
            Opt { name: "--list", value: None, about: "print the rows, run nothing" },
        ],
        details: "A row that fails, is skipped or matches no test is red. Lines of test output that begin with `figure:` are printed\n\
                  under their row. All `nextest:` rows share one run; each row keeps its own verdict.",
        run: promises::run,
    },
    Command {
        name: "bench queue-scale",
        about: "What preview, apply, cancel and claim cost on a long queue, against an empty one",
        options: &[
            Opt { name: "--items", value: Some("N"), about: "items on the long queue (default 100000)" },
            Opt { name: "--rounds", value: Some("N"), about: "calls of each kind on each queue (default 300)" },
            Opt { name: "--debug", value: None, about: "measure the debug build; says little, but starts at once" },
        ],
        details: "Starts two servers of the release build side by side, one on an empty ledger and one on a ledger of so many items,\n\
                  and calls them in turn. Prints medians and their ratio; a ratio above 2 fails. Leave the machine alone meanwhile.",
        run: bench::queue_scale,
    },
    Command {
        name: "bench ledger",
        about: "How the ledger stands against bare writes and flushes of the same bytes",
        options: &[
            Opt { name: "--full", value: None, about: "long ledgers of 1,000,000 items or lines, not 100,000" },
            Opt { name: "--only", value: Some("CASE"), about: "one case (may be repeated); a wrong name lists them" },
            Opt { name: "--items", value: Some("N"), about: "long ledgers of N items or lines" },
            Opt { name: "--rounds", value: Some("N"), about: "interleaved rounds of each case (default 5)" },
        ],
        details: "Prints each figure with its target, and how many syncs and bytes each side issued. Fails when a figure misses its\n\
                  target, says nothing because its sides did not do the same, or could not be had. Leave the machine alone\n\
                  meanwhile; docs/benchmarks/ledger.md says how to read it.",
        run: bench::ledger,
    },
    Command {
        name: "bench mcp",
        about: "How the servers over standard input and output stand against the bare SDK and a bare line echo",
        options: &[
            Opt { name: "--only", value: Some("CASE"), about: "one case (may be repeated): call, start or list" },
            Opt { name: "--items", value: Some("N"), about: "the long ledger has N lines (default 100000)" },
            Opt { name: "--rounds", value: Some("N"), about: "rounds of each case (default 5)" },
        ],
        details: "Tool calls side by side; first answers and memory of new processes, with nothing and with 10,000 runs and a long\n\
                  ledger; the newest 50 of 10,000 runs. Fails when a figure misses its target or could not be had. Leave the\n\
                  machine alone meanwhile; docs/benchmarks/mcp.md says how to read it.",
        run: bench::mcp,
    },
    Command {
        name: "bench http",
        about: "How the control plane stands against a bare handler, with many runs, and beside a hostile crowd",
        options: &[
            Opt {
                name: "--only",
                value: Some("CASE"),
                about: "one case (may be repeated): health, item, runs, previews, start",
            },
            Opt {
                name: "--hostile",
                value: None,
                about: "instead: what a polite client sees beside thousands that are not",
            },
            Opt { name: "--items", value: Some("N"), about: "the long ledger has N items (default 100000)" },
            Opt { name: "--rounds", value: Some("N"), about: "rounds of each case (default 5)" },
        ],
        details: "Two reads side by side with a bare handler; the newest 50 of 10,000 runs; 32 previews at a time beside a long\n\
                  ledger; the start of a server. With --hostile: slow heads, slow bodies, stalled connections, idle streams, huge\n\
                  bodies and gzip bombs at once. Fails when a figure misses its target or could not be had. Leave the machine\n\
                  alone meanwhile; docs/benchmarks/http.md says how to read it.",
        run: bench::http,
    },
    Command {
        name: "faults",
        about: "Break what ledger and leases rest on, in campaigns: kills, faulty disks, flipped bits, full disks, clocks",
        options: &[
            Opt {
                name: "--long",
                value: None,
                about: "at full size: 1,000 kills of writers and of workers, every bit of 64 KiB, a minute's crowd",
            },
            Opt { name: "--only", value: Some("NAME"), about: "one campaign, see --list (may be repeated)" },
            Opt { name: "--list", value: None, about: "print the campaigns, run nothing" },
        ],
        details: "Without --long each campaign has the size that it has in `cargo xtask test`. Prints for each what fired, what came of\n\
                  it, and what its controls found: each campaign shows that it can fail. Exits with 1 on a finding, and where a\n\
                  campaign cannot run here, which it says. --long takes about 45 minutes on two cores; it needs strace and libfaketime,\n\
                  and root for the small file system that it fills.",
        run: faults::run,
    },
    Command {
        name: "dist mcpb",
        about: "Pack the read-only server as an MCPB bundle, with the registry entry that names it",
        options: &[Opt { name: "--debug", value: None, about: "pack the debug build; for trying it out" }],
        details: "Writes below target/dist and publishes nothing. The bundle is packed and its manifest validated by the format's\n\
                  own tool, installed below target/clients. docs/guides/install.md says what is in it.",
        run: dist::mcpb,
    },
    Command {
        name: "agents",
        about: "Real coding agents with a scripted model against both MCP servers, and the security scanner",
        options: &[
            Opt { name: "--client", value: Some("NAME"), about: "claude-code, codex or scanner (may be repeated)" },
            Opt { name: "--scenario", value: Some("N"), about: "one conversation, 1 to 9 (may be repeated)" },
            Opt { name: "--transport", value: Some("NAME"), about: "stdio or http (may be repeated)" },
            Opt { name: "--keep", value: None, about: "keep each conversation's directory and name it" },
            Opt {
                name: "--write-evidence",
                value: None,
                about: "write wire logs and versions to docs/evidence/agents",
            },
            Opt { name: "--all", value: None, about: "what cannot run here counts as a failure" },
        ],
        details: "Installs the clients (about 700 MB) and the scanner (330 MB) below target/clients on first use, from npm and PyPI;\n\
                  afterwards it needs no network and no account: the model is a script on loopback, and so is whatever else the\n\
                  clients look for. docs/evidence/agents/README.md says what was seen. Not part of `cargo xtask test`.",
        run: agents::run,
    },
    Command {
        name: "fuzz",
        about: "Feed the message loop of the MCP servers, and the masking of run text, with inputs that a fuzzer makes",
        options: &[
            Opt { name: "--seconds", value: Some("N"), about: "how long each target runs (default 60)" },
            Opt { name: "--only", value: Some("TARGET"), about: "one target, see --list (may be repeated)" },
            Opt { name: "--list", value: None, about: "print the targets, run nothing" },
        ],
        details: "Builds the crate under fuzz/ with coverage instrumentation, on the stable toolchain; libFuzzer needs a C++ compiler.\n\
                  Inputs that found something new are kept in fuzz/corpus, those that broke a promise in fuzz/artifacts; git\n\
                  ignores both. Exits with 1 on a finding.",
        run: fuzz::run,
    },
    Command {
        name: "screenshots",
        about: "Every page of the console at 320, 1024 and 1440 px, light and dark, with ordinary and hostile data",
        options: &[
            Opt { name: "--pictures", value: Some("DIR"), about: "also keep every picture at full size in DIR" },
            Opt { name: "--sheets", value: Some("DIR"), about: "where the contact sheets go (default docs/console)" },
        ],
        details: "Drives the debug build with chromium, which as root is installed with apt-get. Fails where an element overflows\n\
                  outside a marked scroller, a page scrolls sideways, or axe-core finds something. Writes one contact sheet for each\n\
                  width, theme and kind of data; docs/console/README.md shows them. Look at them: that is what they are for.",
        run: screenshots::run,
    },
    Command {
        name: "newcomer",
        about: "Clone HEAD into an empty HOME and do what README.md tells a newcomer to do",
        options: &[
            Opt {
                name: "--debug",
                value: None,
                about: "use the debug profile and a kept target directory, for quick loops",
            },
            Opt {
                name: "--target-dir",
                value: Some("DIR"),
                about: "with --debug: the target directory to reuse (default target/newcomer)",
            },
            Opt { name: "--skip-tests", value: None, about: "do not run the second command, `cargo xtask test`" },
        ],
        details: "Runs the two commands marked `<!-- newcomer -->` in README.md, every command that `up --demo` printed, and\n\
                  those of the second tour; compares exit codes with 0; stops the server with SIGINT and looks for\n\
                  processes and ports left behind. All but the tests happens without Node, `cargo install` included.",
        run: newcomer::run,
    },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match cli::dispatch(COMMANDS, &words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
