//! `cargo xtask bench http`: the control plane's speed beside a bare handler, with many runs and a long ledger; and, as the
//! case `hostile`, what a polite client sees while others misbehave. The way of measuring is that of the ledger's program.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a program for people: its output is its result, and its counts are far below 2^52"
)]

#[path = "../../../cortexpilot-ledger/benches/ledger"]
mod of_the_ledger {
    pub(crate) mod baselines {
        pub(crate) mod append_sync;
        pub(crate) mod kernel_writes;
    }
    pub(crate) mod harness;
    #[expect(dead_code, reason = "shared with the ledger's cases, which use all of it")]
    pub(crate) mod measure;
    pub(crate) mod regime;
}

#[path = "../mcp"]
mod of_mcp {
    #[expect(dead_code, reason = "shared with the cases of the MCP servers, which use all of it")]
    pub(crate) mod client;
    pub(crate) mod long_ledger;
    pub(crate) mod places;
}

mod bare;
mod fast;
mod hostile;
mod large;
mod load;
mod served;

use std::process::ExitCode;

use of_mcp::{client, long_ledger, places};
use of_the_ledger::{baselines, harness, measure, regime};

use harness::Case;

/// All of them, in the order in which they run.
const CASES: &[Case] = &[
    Case { name: "health", run: fast::health },
    Case { name: "item", run: fast::item },
    Case { name: "runs", run: large::runs },
    Case { name: "previews", run: large::previews },
    Case { name: "start", run: large::start },
    Case { name: "hostile", run: hostile::run },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // The other side, started by ourselves: a process of its own, as the product is.
    let served = match &words[..] {
        [word, file] if word == bare::WORD => bare::serve(file.as_ref()),
        _ => return harness::run(CASES, words),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
