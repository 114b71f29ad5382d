//! `--receipt`, which every command that changes the queue or the gate takes: the proof that the line it wrote is signed.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::receipts::{LineOf, NoReceipt, ReceiptDocument};
use cortexpilot_ledger::log::receipt_now;
use cortexpilot_server::wire::receipt::receipt_code;
use cortexpilot_server::wire::{ReceiptView, WithReceipt};
use serde::Serialize;

use super::Context;
use super::audit::Target;
use super::failure::Stopped;
use super::output::{self, Answer, json};

/// What whoever looks at an answer at the machine is told to do.
fn next_step(code: ErrorCode) -> &'static str {
    code.row().operator_step
}

/// Where the receipt of what is done goes.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct ReceiptTo {
    /// Sign the line that this writes, and put its receipt into this file, which must not be there yet; `-`: on standard
    /// output, alone. With --output json it is in the answer too
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
}

/// A receipt that was asked for, or none.
pub(in crate::cli) enum Wanted {
    Nothing,
    /// In the place of the answer.
    Printed,
    In(Target),
}

impl ReceiptTo {
    /// Looks at the place before anything is done: one that cannot be written is a mistake of the command line.
    pub(in crate::cli) fn wanted(&self, context: &Context) -> Result<Wanted, Stopped> {
        let Some(path) = &self.receipt else { return Ok(Wanted::Nothing) };
        if path.as_os_str() == "-" {
            return Ok(Wanted::Printed);
        }
        let target = Target::at(context, path)?;
        if target.has_a_directory() {
            Ok(Wanted::In(target))
        } else {
            Err(Stopped::Usage(format!("--receipt {}: there is no such directory", target.shown())))
        }
    }
}

impl Wanted {
    /// The answer to what was done, which stands: with its receipt where one is wanted, or with why there is none. `of` is
    /// absent where nothing was written.
    pub(in crate::cli) fn answer(
        self,
        context: &Context,
        of: Option<LineOf>,
        view: &impl Serialize,
        said: impl FnOnce() -> String,
    ) -> Answer {
        if matches!(self, Self::Nothing) {
            return Answer::ok(if context.view.is_json() { json(view) } else { said() });
        }
        let receipt = match &of {
            Some(of) => receipt_now(&context.settings.runtime_root, of),
            None => Err(NoReceipt::NoLine),
        };
        if let Err(problem) = &receipt {
            output::complain(&told(problem));
        }
        match (self, &receipt) {
            (Self::In(target), Ok(receipt)) => {
                if target.write(|out| out.write_all(document(receipt).as_bytes())).is_err() {
                    let at = target.shown();
                    output::complain(&format!(
                        "No receipt: {at} cannot be written. What was done stands; `cortexpilot audit prove` proves it.\n"
                    ));
                }
            }
            (Self::Printed, receipt) if !context.view.is_json() => {
                output::complain(&said());
                return Answer::ok(receipt.as_ref().map(document).unwrap_or_default());
            }
            (Self::In(_) | Self::Printed | Self::Nothing, _) => {}
        }
        if context.view.is_json() {
            return Answer::ok(json(&WithReceipt::of(view, &receipt, next_step)));
        }
        Answer::ok(said())
    }
}

fn document(receipt: &ReceiptDocument) -> String {
    output::json_line(&ReceiptView::of(receipt))
}

fn told(problem: &NoReceipt) -> String {
    let code = receipt_code(problem);
    let why = match problem {
        NoReceipt::Failed(why) => format!("the line could not be signed: {}.", escape(why)),
        NoReceipt::NoLine => "nothing was written.".to_owned(),
        NoReceipt::NoKey | NoReceipt::NotCovered { .. } => code.row().meaning.to_owned(),
    };
    format!("No receipt: {why} What was done stands.\n  {}\n", next_step(code))
}
