//! Questions to the person at the terminal. Nothing here runs unless standard input, output and error are all terminals.

use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};

use cortexpilot_core::domain::principal::{Role, Roles};
use cortexpilot_core::domain::text::escape;

/// What a person typed, without its line break; `None` at the end of the input.
fn line(question: &str) -> Option<String> {
    let mut err = std::io::stderr().lock();
    // A terminal that cannot be written to cannot be asked either; reading then ends the command.
    let _ = err.write_all(question.as_bytes()).and_then(|()| err.flush());
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(answer.trim_end_matches(['\n', '\r']).to_owned()),
    }
}

/// Asks for a text, with a default for an empty answer.
pub(super) fn text(question: &str, default: Option<&str>) -> Option<String> {
    let shown = default.map(|default| format!(" [{}]", escape(default))).unwrap_or_default();
    let typed = line(&format!("{question}{shown}: "))?;
    match (typed.trim().is_empty(), default) {
        (true, Some(default)) => Some(default.to_owned()),
        (_, _) => Some(typed),
    }
}

/// Asks in which role the person acts, offering only roles that can open the check.
pub(super) fn role(held: &Roles, allowed: &Roles) -> Option<String> {
    let usable: BTreeSet<&Role> = held.intersection(allowed).collect();
    let names: Vec<&str> = usable.iter().map(|role| role.as_str()).collect();
    match names.as_slice() {
        [only] => text("Role", Some(only)),
        several => text(&format!("Role ({})", several.join(", ")), None),
    }
}

/// Asks for the yes: the task's id, typed, so that a habit of pressing Enter or `y` queues nothing.
pub(super) fn confirmed(task_id: &str, what_for: &str) -> bool {
    typed(word_to_type(task_id), what_for)
}

/// What a person typed where they may approve their own request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// The run's id: it is queued on their own approval, which the ledger says.
    Approved,
    /// Another person is to decide.
    AskAnother,
    /// Nothing is sent.
    No,
}

/// Asks an operator whether to approve what they ask for themselves, or to ask another person.
pub(super) fn own_approval(run_id: &str) -> Own {
    let question = format!(
        "\nA person must agree, and you may be that person.\nType {run_id} to queue this item on your own approval, or ask to \
         have another person decide; anything else stops here: "
    );
    match line(&question).as_deref().map(str::trim) {
        Some(typed) if typed == run_id => Own::Approved,
        Some("ask") => Own::AskAnother,
        Some(_) | None => Own::No,
    }
}

/// Whether a person types this very word.
pub(in crate::cli) fn typed(word: &str, what_for: &str) -> bool {
    let question = format!("\nType {word} {what_for}; anything else stops here: ");
    line(&question).is_some_and(|typed| typed.trim() == word)
}

/// The task's id where a person can be expected to type it.
fn word_to_type(task_id: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !task_id.is_empty() && task_id.len() <= 64 && task_id.bytes().all(plain) { task_id } else { "queue it" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_typed_is_not_asked_for() {
        assert_eq!(word_to_type("task_readme-note.1"), "task_readme-note.1");
        for strange in ["", "a b", "ä", "x\u{202e}", &"x".repeat(65)] {
            assert_eq!(word_to_type(strange), "queue it", "{strange:?}");
        }
    }
}
