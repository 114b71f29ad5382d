//! `cortexpilot gate`: the checks between a run and the queue, with who can open each.

use clap::Subcommand;
use cortexpilot_core::domain::text::escape;
use serde::Serialize;

use super::Context;
use super::failure::Stopped;
use super::output::{Answer, json};
use super::queue::When;
use super::queue::preview::{preview, state, tally};
use super::session;
use super::words::check_name;

/// Look at the checks between a run and the queue
#[derive(Debug, Subcommand)]
pub(crate) enum Gate {
    /// Show every check for one run: open or shut, why, and who can open it; changes nothing
    #[command(after_help = "\
Examples:
  cortexpilot gate explain run_20261122_083052_7d2ddd9c
  cortexpilot gate explain run_20261122_083052_7d2ddd9c --output json

The order is the order in which an apply is judged: the first check that is shut names the refusal.")]
    Explain {
        /// The run's id, as `runs list` prints it
        run: String,
    },
}

#[derive(Serialize)]
struct GateRow<'a> {
    number: u8,
    gate: &'a str,
    check: &'a str,
    open: Option<bool>,
    code: Option<&'a str>,
    reason: &'a str,
    opened_by: &'a str,
}

#[derive(Serialize)]
struct ExplainAnswer<'a> {
    run_id: &'a str,
    can_apply: bool,
    gates: Vec<GateRow<'a>>,
    next_step: &'a str,
}

impl Gate {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let Self::Explain { run } = self;
        let app = session::previewer(&context.settings)?;
        let caller = session::caller(&context.settings);
        let (previewed, view) = preview(&app, &caller, &run, &When::default()).await?;
        if context.view.is_json() {
            let gates = previewed.checks.iter().zip(&view.gates).map(|(check, gate)| GateRow {
                number: check.gate.row().number,
                gate: gate.gate,
                check: check_name(check.gate),
                open: gate.open,
                code: gate.code,
                reason: &gate.reason,
                opened_by: check.gate.row().opened_by,
            });
            let answer = ExplainAnswer {
                run_id: &view.run_id,
                can_apply: view.can_apply,
                gates: gates.collect(),
                next_step: &view.next_step,
            };
            return Ok(Answer::ok(json(&answer)));
        }
        let rows = previewed.checks.iter().map(|check| {
            let row = check.gate.row();
            let (word, why) = state(check);
            let opens = if word == "open" { String::new() } else { row.opened_by.to_owned() };
            vec![row.number.to_string(), check_name(check.gate).to_owned(), word.to_owned(), opens, why]
        });
        let table = context.view.table(&["#", "check", "state", "who can open it", "why"], rows);
        let first = previewed.checks.iter().map(state).find(|(word, _)| *word == "SHUT");
        let first = first.map(|(_, why)| format!("An apply now would be refused with {}\n", escape(&why)));
        Ok(Answer::ok(format!(
            "Run {}: {}\n\n{table}\n{}next: {}\n",
            escape(&view.run_id),
            tally(&previewed.checks),
            first.unwrap_or_default(),
            escape(&view.next_step)
        )))
    }
}
