//! A refusal's answer: the same members on every surface.

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::principal::{Caller, Surface};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::runs::ReadProblem;
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::ToSchema;

use super::preview::ActingAsView;
use super::words;

/// Why not, whether to try again, who can act, and the next step. Never a path, a variable (to a model) or text from a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct RefusalView {
    /// The code; stable.
    #[schema(value_type = words::Code)]
    pub code: &'static str,
    /// What was wrong.
    pub reason: String,
    /// `never`, `after_fix`, `after_preview` or `after_wait`.
    #[schema(value_type = words::Retry)]
    pub retry: &'static str,
    /// `you` or `operator`.
    #[schema(value_type = words::WhoCanAct)]
    pub who_can_act: &'static str,
    /// What changed since the preview.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)] // left out when empty, so the schema must not require it
    pub changed: Vec<ChangedView>,
    /// Who you are here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub acting_as: Option<ActingAsView>,
    /// The item it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub queue_id: Option<String>,
    /// After how many seconds the same request may be let through; where waiting is what helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_s: Option<u32>,
    /// What to do now.
    pub next_step: String,
    /// For finding this refusal in the server's log.
    pub request_id: String,
}

/// One difference between what was previewed and what is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ChangedView {
    /// The member.
    pub field: &'static str,
    /// As previewed.
    pub was: String,
    /// As it is.
    pub now: String,
}

impl RefusalView {
    /// Renders a failed command for its caller.
    pub fn of(failure: &Failure, caller: &Caller, request_id: &str) -> Self {
        let mut view = Self::plain(failure.code(), failure.reason(), caller.surface, request_id);
        failure.code().next_step_for(caller).clone_into(&mut view.next_step);
        if let Failure::Denied(denial) = failure {
            view.add(denial, caller);
        }
        view
    }

    /// A refusal that needs no caller: a code and a reason.
    pub fn plain(code: ErrorCode, reason: impl Into<String>, surface: Surface, request_id: &str) -> Self {
        let row = code.row();
        Self {
            code: code.as_str(),
            reason: reason.into(),
            retry: row.retry.as_str(),
            who_can_act: row.who.as_str(),
            changed: Vec::new(),
            acting_as: None,
            queue_id: None,
            retry_after_s: None,
            next_step: code.next_step(surface).to_owned(),
            request_id: request_id.to_owned(),
        }
    }

    fn add(&mut self, denial: &Denial, caller: &Caller) {
        if let Some(step) = &denial.next_step {
            self.next_step.clone_from(step);
        }
        // What comes from run directories is blanked where the change is made, in the domain.
        self.changed = denial
            .changed
            .iter()
            .map(|change| ChangedView { field: change.field, was: change.was.clone(), now: change.now.clone() })
            .collect();
        self.queue_id.clone_from(&denial.queue_id);
        self.retry_after_s = denial.retry_after_s;
        if denial.shows_acting_as {
            self.acting_as = caller.principal.as_ref().map(ActingAsView::of);
        }
    }
}

/// A failed read as a failure with a code.
pub fn read_failure(problem: &ReadProblem) -> Failure {
    let (code, reason) = match problem {
        ReadProblem::NotFound => (ErrorCode::RunNotFound, "There is no run with this id.".to_owned()),
        ReadProblem::WorkflowNotFound => {
            (ErrorCode::WorkflowNotFound, "There is no workflow case with this id.".to_owned())
        }
        ReadProblem::Unreadable(why) => (ErrorCode::RunUnreadable, format!("The run cannot be read: {why}.")),
        ReadProblem::BadCursor => {
            (ErrorCode::ArgumentsInvalid, "`cursor` is not one that this list gave out.".to_owned())
        }
    };
    Failure::Denied(Denial::new(code, reason))
}
