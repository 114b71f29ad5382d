//! Receipts on the wire, and an acknowledgement with one.

use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::receipts::{NoReceipt, RECEIPT_FORMAT, ReceiptDocument};
use serde::Serialize;
use utoipa::ToSchema;

use super::words;

/// A receipt, as `docs/reference/receipts.md` has it. Kept as a file of its own it verifies as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptView {
    /// Always `cortexpilot-receipt/1`.
    pub format: &'static str,
    /// The line's place in its file; the first is 0.
    pub index: u64,
    /// 64 hexadecimal digits.
    pub leaf_hash: String,
    /// Likewise, each.
    pub inclusion: Vec<String>,
    /// The signed checkpoint, with its newlines.
    pub checkpoint: String,
}

impl ReceiptView {
    /// The receipt as it is handed out.
    pub fn of(document: &ReceiptDocument) -> Self {
        Self {
            format: RECEIPT_FORMAT,
            index: document.index,
            leaf_hash: document.leaf_hash.to_string(),
            inclusion: document.inclusion.iter().map(ToString::to_string).collect(),
            checkpoint: document.checkpoint.clone(),
        }
    }
}

/// Why an acknowledgement comes without the receipt that was asked for. What was done stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptProblemView {
    /// A code of the table.
    #[schema(value_type = words::Code)]
    pub code: &'static str,
    /// In words.
    pub reason: &'static str,
    /// What to do about it.
    pub next_step: &'static str,
}

/// The code of a receipt that there is not. A fault in signing is answered like a checkpoint that is not there yet: that is
/// what the caller sees of it, and what went wrong stands in the log.
pub fn receipt_code(problem: &NoReceipt) -> ErrorCode {
    match problem {
        NoReceipt::NoKey => ErrorCode::ReceiptNoKey,
        NoReceipt::NoLine => ErrorCode::ReceiptNotFound,
        NoReceipt::NotCovered { .. } | NoReceipt::Failed(_) => ErrorCode::ReceiptNotCovered,
    }
}

/// An answer with what was asked for beside it. Both members are always there; one of them is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithReceipt<'a, T> {
    /// The answer as it is without.
    #[serde(flatten)]
    pub answer: &'a T,
    /// The receipt of the line that was just acknowledged.
    pub receipt: Option<ReceiptView>,
    /// Why there is none.
    pub receipt_problem: Option<ReceiptProblemView>,
}

impl<'a, T> WithReceipt<'a, T> {
    /// Joins an answer with its receipt. `next_step` gives a code's next step for whoever reads this.
    pub fn of(
        answer: &'a T,
        receipt: &Result<ReceiptDocument, NoReceipt>,
        next_step: impl Fn(ErrorCode) -> &'static str,
    ) -> Self {
        let problem = receipt.as_ref().err().map(|problem| {
            let code = receipt_code(problem);
            let reason = match problem {
                NoReceipt::Failed(_) => "The line could not be signed now. It stands all the same.",
                NoReceipt::NoKey | NoReceipt::NoLine | NoReceipt::NotCovered { .. } => code.row().meaning,
            };
            ReceiptProblemView { code: code.as_str(), reason, next_step: next_step(code) }
        });
        Self { answer, receipt: receipt.as_ref().ok().map(ReceiptView::of), receipt_problem: problem }
    }
}
