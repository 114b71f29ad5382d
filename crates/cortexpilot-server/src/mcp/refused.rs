//! Why a call is answered with an error, and that answer.

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::principal::{Caller, Surface};
use cortexpilot_core::error::ErrorCode;

use super::ToolAnswer;
use crate::wire::RefusalView;

/// Why a call is answered with an error.
pub(super) enum Refused {
    /// An argument does not fit: in one sentence.
    Arguments(String),
    /// The app or the store said no.
    Failure(Failure),
}

impl Refused {
    /// From a problem that says what is wrong.
    pub(super) fn arguments(problem: impl ToString) -> Self {
        Self::Arguments(problem.to_string())
    }

    /// The answer. A store error's own text goes to the log and nowhere else.
    pub(super) fn answer(&self, caller: &Caller, request_id: &str) -> ToolAnswer {
        let view = match self {
            Self::Arguments(reason) => {
                RefusalView::plain(ErrorCode::ArgumentsInvalid, reason.clone(), Surface::Mcp, request_id)
            }
            Self::Failure(failure) => {
                if let Failure::Store(error) = failure {
                    tracing::error!(request_id, %error, "the store could not carry out a call");
                }
                RefusalView::of(failure, caller, request_id)
            }
        };
        ToolAnswer::error(&view)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
