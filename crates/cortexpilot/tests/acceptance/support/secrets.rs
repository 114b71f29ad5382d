//! What no log and no ledger may hold: personal tokens, secrets of sessions and one-time logins, and every secret that a
//! process was started with.
//!
//! A personal token is known by its form, so one is found wherever it came from, also half of one, also one that a caller
//! sent and nobody ever gave out. Other secrets are remembered when a process is started with them, and the secret half of
//! every token that a command prints. Each process's standard error is held against all of that when it ends
//! ([`super::process`]), and each home's ledgers when it is dropped ([`super::home`]): a leak fails the test that caused it,
//! whatever that test is about.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Variables whose values are secrets.
const SECRET_VARIABLES: [&str; 3] =
    ["CORTEXPILOT_API_TOKEN", "CORTEXPILOT_TOKEN", "CORTEXPILOT_APPROVAL_WEBHOOK_SECRET"];

/// What every personal token begins with.
const PREFIX: &str = "cpt_";

/// What the secrets of sessions and of one-time logins begin with.
const SESSION_PREFIXES: [&str; 2] = ["cps_", "cpl_"];

/// Hexadecimal digits of a token's id, of its secret with the checksum, and how many of these are taken for a leak.
const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 72;
const LEAK_DIGITS: usize = 8;

/// Shorter texts stand in many places by chance.
const KEPT_MIN: usize = 12;

static KEPT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn kept() -> MutexGuard<'static, BTreeSet<String>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers a secret.
pub(crate) fn keep(secret: &str) {
    if secret.len() >= KEPT_MIN {
        kept().insert(secret.to_owned());
    }
}

/// Remembers the secrets in a command's environment.
pub(crate) fn keep_of(command: &Command) {
    for (name, value) in command.get_envs() {
        if let (true, Some(value)) = (SECRET_VARIABLES.iter().any(|secret| name == *secret), value) {
            keep(value.to_string_lossy().trim());
        }
    }
}

/// The whole personal tokens in a text. Their secret halves are remembered: those may not stand alone either.
pub(crate) fn tokens_in(text: &str) -> Vec<String> {
    let whole: Vec<String> =
        likenesses(text).filter(|(_, digits)| *digits == SECRET_DIGITS).map(|(token, _)| token.to_owned()).collect();
    for token in &whole {
        keep(token);
        keep(&token[token.len() - SECRET_DIGITS..][..SECRET_DIGITS - LEAK_DIGITS]);
    }
    whole
}

/// What of a text is secret, told without telling it.
pub(crate) fn leak_in(text: &str) -> Option<String> {
    if let Some((token, _)) = likenesses(text).find(|(_, digits)| *digits >= LEAK_DIGITS) {
        return Some(format!("a personal token: {}…", &token[..token.len().min(PREFIX.len() + 20)]));
    }
    for prefix in SESSION_PREFIXES {
        if text.match_indices(prefix).any(|(at, _)| hex_digits(&text[at + prefix.len()..]) >= LEAK_DIGITS) {
            return Some(format!("the secret of a session or a login: {prefix}…"));
        }
    }
    let kept = kept();
    let leaked = kept.iter().find(|secret| text.contains(secret.as_str()))?;
    Some(format!("a secret of {} characters that begins with {:?}", leaked.len(), &leaked[..4]))
}

/// Fails the test when a text holds a secret.
pub(crate) fn assert_none_in(what: &str, text: &str) {
    if let Some(leak) = leak_in(text) {
        let line = text.lines().find(|line| leak_in(line).is_some()).unwrap_or_default();
        panic!("{what} holds {leak}, in the line:\n{line}");
    }
}

/// What looks like a personal token, with the number of digits of its secret half that stand there.
fn likenesses(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let rest = &text[at + PREFIX.len()..];
        let kind = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let id = rest.get(kind..)?.strip_prefix('_')?;
        let secret = id.get(ID_DIGITS..)?.strip_prefix('_').filter(|_| hex_digits(id) == ID_DIGITS)?;
        let digits = hex_digits(secret);
        Some((&text[at..at + PREFIX.len() + kind + 1 + ID_DIGITS + 1 + digits], digits))
    })
}

fn hex_digits(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')).count()
}

#[test]
fn a_token_is_seen_whole_in_half_and_without_its_name() {
    let token = format!("cpt_agent_{}_{}", "ab".repeat(6), "0123456789abcdef0123".repeat(4).split_at(72).0);
    assert_eq!(tokens_in(&format!("{{\"token\": \"{token}\"}}")), std::slice::from_ref(&token));
    for leak in [&token[..], &token[..40], &token[23..87]] {
        assert!(leak_in(&format!("level=debug said=\"{leak}\" end")).is_some(), "{leak}");
    }
    for leak in ["set-cookie: cortexpilot_session=cps_0123456789", "GET /#login=cpl_0123456789abcdef"] {
        assert!(leak_in(leak).is_some(), "{leak}");
    }
    for none in
        ["cps_", "a cpl_…", "", "cpt_", "cpt_agent_abababababab", "cpt_agent_abababababab_…", "token_id=abababababab"]
    {
        assert_eq!(leak_in(none), None, "{none}");
    }
    keep("a secret of an environment");
    assert!(leak_in("GET /?q=a secret of an environment HTTP/1.1").is_some());
    let panicked = std::panic::catch_unwind(|| assert_none_in("a log", &format!("one line\nanother {token}")));
    assert!(panicked.is_err());
}

#[test]
fn a_process_that_says_a_secret_fails_the_test_that_started_it_however_it_ends() {
    use super::process::Process;
    let shell = || {
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; echo \"signed in with $CORTEXPILOT_API_TOKEN\" >&2"]);
        command.env("CORTEXPILOT_API_TOKEN", "a-token-that-is-said-aloud");
        let mut process = Process::spawn(command, "a talkative process");
        assert_eq!(process.expect_line(), "begun");
        process
    };
    for end in [
        |process: Process| drop(process.finish()),
        |process: Process| {
            // It is not killed before it has said it: its standard output ends after that.
            let mut process = process;
            assert_eq!(process.line(), None);
            drop(process);
        },
    ] {
        let process = shell();
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| end(process))).unwrap_err();
        let said = failed.downcast_ref::<String>().expect("a panic of ours");
        assert!(said.contains("a talkative process") && said.contains("holds a secret"), "{said}");
    }
}
