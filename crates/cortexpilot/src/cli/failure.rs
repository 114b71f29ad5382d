//! What stops a command: a refusal with its code, a wrong command line, a fault. One place turns each into words and an
//! exit code.

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::id::hex;
use cortexpilot_core::domain::principal::{Caller, Surface};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::{ErrorCode, exit};
use cortexpilot_core::port::runs::ReadProblem;
use cortexpilot_core::port::{Ids, StoreError};
use cortexpilot_server::wire::refusal::read_failure;
use cortexpilot_server::wire::{MemberProblem, RefusalView};

use super::output::{self, Format};
use crate::os::OsIds;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A code of the table: refused, not found, or the store could not.
    Refused {
        /// What is answered.
        view: Box<RefusalView>,
        /// Of the code's row.
        exit: u8,
        /// Whether a rule said no, rather than the store or a fault.
        is_denial: bool,
        /// What only the operator's own terminal is told.
        cause: Option<String>,
    },
    /// The command line cannot be carried out as it stands; nothing was tried.
    Usage(String),
    /// There is nothing to do as things stand, and nothing was done.
    Nothing(String),
    /// Something broke that has no code.
    Fault(anyhow::Error),
}

impl From<anyhow::Error> for Stopped {
    fn from(error: anyhow::Error) -> Self {
        Self::Fault(error)
    }
}

impl Stopped {
    /// A failed command.
    pub(crate) fn of(failure: &Failure, caller: &Caller, ids: &dyn Ids) -> Self {
        let cause = match failure {
            Failure::Denied(_) => None,
            Failure::Store(error) => Some(error.to_string()),
        };
        Self::Refused {
            view: Box::new(RefusalView::of(failure, caller, &request_id(ids))),
            exit: failure.code().row().exit,
            is_denial: matches!(failure, Failure::Denied(_)),
            cause,
        }
    }

    /// A store that failed before there was a command.
    pub(crate) fn store(error: StoreError, ids: &dyn Ids) -> Self {
        Self::of(&Failure::Store(error), &nobody(), ids)
    }

    /// A failure that is nobody's request: a process that may not start.
    pub(crate) fn unasked(failure: &Failure, ids: &dyn Ids) -> Self {
        Self::of(failure, &nobody(), ids)
    }

    /// The same with words of its own for what to do now.
    pub(crate) fn with_step(mut self, step: &str) -> Self {
        if let Self::Refused { view, .. } = &mut self {
            step.clone_into(&mut view.next_step);
        }
        self
    }

    /// The same with words of its own for what only the operator's terminal is told.
    pub(crate) fn because(mut self, why: String) -> Self {
        if let Self::Refused { cause, .. } = &mut self {
            *cause = Some(why);
        }
        self
    }

    /// A read that has no answer.
    pub(crate) fn read(problem: &ReadProblem, ids: &dyn Ids) -> Self {
        Self::of(&read_failure(problem), &nobody(), ids)
    }

    /// A code and a reason.
    pub(crate) fn code(code: ErrorCode, reason: impl Into<String>, ids: &dyn Ids) -> Self {
        let view = RefusalView::plain(code, reason, Surface::Cli, &request_id(ids));
        Self::Refused { view: Box::new(view), exit: code.row().exit, is_denial: true, cause: None }
    }

    /// An argument of the wrong form.
    pub(crate) fn argument(problem: &MemberProblem, ids: &dyn Ids) -> Self {
        Self::code(ErrorCode::ArgumentsInvalid, problem.to_string(), ids)
    }

    /// Says it, on the streams where it belongs, and gives the exit code.
    pub(crate) fn report(&self, format: Format) -> u8 {
        let (stdout, stderr, exit) = self.render(format);
        // If standard output is gone there is nobody to tell; the exit code still speaks.
        let _ = output::print(&stdout);
        output::complain(&stderr);
        exit
    }

    fn render(&self, format: Format) -> (String, String, u8) {
        match self {
            Self::Refused { view, exit, is_denial, cause } => {
                let cause = cause.as_ref().map(|cause| format!("cause: {}\n", escape(cause))).unwrap_or_default();
                match format {
                    Format::Json => (output::json(view), cause, *exit),
                    Format::Human => (String::new(), human(view, *is_denial) + &cause, *exit),
                }
            }
            Self::Usage(what) => plain(format, "error", ErrorCode::ArgumentsInvalid, what, exit::USAGE),
            Self::Nothing(why) => match format {
                Format::Json => {
                    (output::json(&Unchanged { changed: false, reason: why }), String::new(), exit::CONFLICT)
                }
                Format::Human => (String::new(), format!("stopped: {}\n", escape_lines(why)), exit::CONFLICT),
            },
            Self::Fault(error) => plain(format, "error", ErrorCode::Internal, &format!("{error:#}"), exit::INTERNAL),
        }
    }
}

/// What programs are told when there was nothing to do.
#[derive(serde::Serialize)]
struct Unchanged<'a> {
    changed: bool,
    reason: &'a str,
}

/// A message that was never a request: people read it as it is, programs as a code of the table.
fn plain(format: Format, word: &str, code: ErrorCode, said: &str, exit: u8) -> (String, String, u8) {
    match format {
        Format::Json => {
            (output::json(&RefusalView::plain(code, said, Surface::Cli, &request_id(&OsIds))), String::new(), exit)
        }
        Format::Human => (String::new(), format!("{word}: {}\n", escape_lines(said)), exit),
    }
}

/// Reads are nobody's in particular: what they answer holds nothing about the caller.
fn nobody() -> Caller {
    Caller { principal: None, surface: Surface::Cli }
}

fn human(view: &RefusalView, is_denial: bool) -> String {
    let word = if is_denial { "refused" } else { "error" };
    let mut text = format!("{word}: {} — {}\n", view.code, escape(&view.reason));
    for change in &view.changed {
        text.push_str(&format!("changed: {} {} → {}\n", change.field, escape(&change.was), escape(&change.now)));
    }
    if let Some(acting) = &view.acting_as {
        let roles = if acting.roles.is_empty() { "no role".to_owned() } else { acting.roles.join(", ") };
        text.push_str(&format!("acting as: {} ({roles})\n", escape(&acting.principal)));
    }
    if let Some(seconds) = view.retry_after_s {
        text.push_str(&format!("wait: {seconds} s\n"));
    }
    text.push_str(&format!("next: {}\n", escape(&view.next_step)));
    text
}

/// Our own messages may have several lines; what they quote was escaped where it was taken in.
fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// A fresh id for one request.
pub(crate) fn request_id(ids: &dyn Ids) -> String {
    hex(&ids.bytes::<16>())
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::domain::gate::Denial;
    use cortexpilot_core::port::fake::SeqIds;

    use super::*;

    #[test]
    fn a_refusal_is_words_for_people_and_one_document_for_programs() {
        let denial = Denial::new(ErrorCode::ConfirmRequired, "Say yes\u{1b}.");
        let stopped = Stopped::of(&Failure::Denied(denial), &nobody(), &SeqIds::default());
        let (stdout, stderr, exit) = stopped.render(Format::Human);
        assert!(stdout.is_empty());
        assert!(stderr.starts_with("refused: CONFIRM_REQUIRED — Say yes\\u{001B}.\nnext: "), "{stderr}");
        assert_eq!(exit, exit::DENIED);
        let (stdout, stderr, _) = stopped.render(Format::Json);
        let view: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((view["code"].as_str(), stderr.as_str()), (Some("CONFIRM_REQUIRED"), ""));
    }

    #[test]
    fn a_refusal_that_waiting_helps_says_how_long() {
        let mut denial = Denial::new(ErrorCode::RateLimited, "Too many.");
        denial.retry_after_s = Some(90);
        let stopped = Stopped::of(&Failure::Denied(denial), &nobody(), &SeqIds::default());
        let (_, stderr, exit) = stopped.render(Format::Human);
        assert!(stderr.starts_with("refused: RATE_LIMITED — Too many.\nwait: 90 s\nnext: "), "{stderr}");
        assert_eq!(exit, exit::DENIED);
        let (stdout, _, _) = stopped.render(Format::Json);
        let view: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(view["retry_after_s"], 90);
    }

    #[test]
    fn what_is_no_refusal_is_one_document_for_programs_too() {
        for (stopped, member, exit) in [
            (Stopped::Usage("two\nlines".into()), "code", exit::USAGE),
            (Stopped::Nothing("sound".into()), "changed", exit::CONFLICT),
            (Stopped::Fault(anyhow::anyhow!("broken")), "code", exit::INTERNAL),
        ] {
            let (stdout, stderr, code) = stopped.render(Format::Json);
            let view: serde_json::Value = serde_json::from_str(&stdout).unwrap();
            assert!(!view[member].is_null() && stderr.is_empty() && code == exit, "{stdout}");
            let (stdout, stderr, _) = stopped.render(Format::Human);
            assert!(stdout.is_empty() && !stderr.is_empty());
        }
    }

    #[test]
    fn a_store_error_tells_its_cause_on_standard_error_alone() {
        let stopped = Stopped::store(StoreError::Unavailable("disk /dev/x is full".into()), &SeqIds::default());
        let (stdout, stderr, exit) = stopped.render(Format::Json);
        assert!(!stdout.contains("/dev/x") && stderr.contains("/dev/x"), "{stdout} {stderr}");
        assert_eq!(exit, exit::STORE);
        let (_, stderr, _) = stopped.render(Format::Human);
        assert!(stderr.starts_with("error: STORE_UNAVAILABLE — "), "{stderr}");
    }
}
