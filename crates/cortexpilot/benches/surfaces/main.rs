//! `cargo xtask bench ledger`, the cases that go through a surface: the product's binary as its callers see it, against
//! programs that do the least that could be done. What these cases share with the ledger's own is that program's.
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

mod bare_http;
mod commits;
mod http;
mod http_client;
mod product;
mod stdio;

use std::process::ExitCode;

use of_the_ledger::{baselines, harness, measure, regime};

use harness::Case;

/// All of them, in the order in which they run.
const CASES: &[Case] = &[Case { name: "http", run: http::run }, Case { name: "stdio", run: stdio::run }];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // The other side of HTTP, started by ourselves: a process of its own, as the product is.
    if let [word, bytes] = &words[..]
        && word == bare_http::WORD
    {
        return match bare_http::serve(bytes.parse().unwrap_or(0)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    harness::run(CASES, words)
}
