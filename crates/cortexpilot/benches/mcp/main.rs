//! `cargo xtask bench mcp`: the servers that speak over standard input and output, beside the bare SDK and a bare line echo.
//! The way of measuring is that of the ledger's program.
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

mod bare_sdk;
mod calls;
mod client;
mod echo;
mod large;
mod long_ledger;
mod places;

use std::process::ExitCode;

use of_the_ledger::{baselines, harness, measure, regime};

use harness::Case;

/// All of them, in the order in which they run.
const CASES: &[Case] = &[
    Case { name: "call", run: calls::run },
    Case { name: "start", run: large::start },
    Case { name: "list", run: large::list },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &String| text.parse().unwrap_or(0);
    // The other sides, started by ourselves: processes of their own, as the product's are.
    let served = match &words[..] {
        [word, bytes] if word == echo::WORD => echo::serve(number(bytes)),
        [word, bytes, threads] if word == bare_sdk::WORD => bare_sdk::serve(number(bytes), number(threads)),
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
