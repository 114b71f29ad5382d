//! `gate explain`: every check for one run.

use cortexpilot_core::domain::text::escape;
use serde::Serialize;

use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{Answer, json};
use crate::cli::queue::When;
use crate::cli::queue::preview::{preview, state, tally};
use crate::cli::session;
use crate::cli::words::check_name;

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

pub(super) async fn explain(context: &Context, run: &str) -> Result<Answer, Stopped> {
    let app = session::previewer(&context.settings)?;
    let caller = session::caller(&context.settings, app.reader()).await?;
    let (previewed, view) = preview(&app, &caller, run, &When::default()).await?;
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
