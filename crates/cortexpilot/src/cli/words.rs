//! Words and commands as they are printed for people.

use std::path::Path;

use cortexpilot_core::domain::gate::GateId;
use jiff::{SignedDuration, Timestamp};

use crate::config::value::duration_text;
use crate::config::{Environment, Overrides};

/// How the program is called again: by the name it was started with, with the roots it was given. A printed command works
/// as it stands, from the same working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commands {
    program: String,
    flags: Vec<String>,
}

impl Commands {
    /// With the roots that this command line named.
    pub(crate) fn of(environment: &Environment, overrides: &Overrides) -> Self {
        let mut commands = Self { program: environment.program.clone(), flags: Vec::new() };
        for (flag, value) in [("--runtime-root", &overrides.runtime_root), ("--runs", &overrides.runs_root)] {
            if let Some(value) = value {
                commands.push(flag, value);
            }
        }
        commands
    }

    /// Without any flags yet.
    pub(crate) fn bare(environment: &Environment) -> Self {
        Self { program: environment.program.clone(), flags: Vec::new() }
    }

    pub(crate) fn push(&mut self, flag: &str, value: &str) {
        self.flags.extend([flag.to_owned(), value.to_owned()]);
    }

    /// One command line, quoted for a shell.
    pub(crate) fn line(&self, words: &[&str]) -> String {
        let all = std::iter::once(self.program.as_str()).chain(words.iter().copied());
        let all = all.chain(self.flags.iter().map(String::as_str));
        all.map(quote).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a POSIX shell reads it back.
pub(crate) fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=@%+,-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A path as short as it works from the working directory.
pub(crate) fn near(path: &Path, cwd: &Path) -> String {
    match path.strip_prefix(cwd) {
        Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
        Ok(below) => below.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

/// A check in a person's words.
pub(crate) fn check_name(gate: GateId) -> &'static str {
    match gate {
        GateId::Authenticated => "signed in",
        GateId::MutationGate => "queueing switched on here",
        GateId::Confirm => "you confirm",
        GateId::Role => "a role that may",
        GateId::Metadata => "who asks, and why",
        GateId::Run => "run readable and unaltered",
        GateId::Preview => "previewed, and still so",
        GateId::Limits => "limits",
        GateId::Approval => "approval policy",
    }
}

/// A moment, relative first.
pub(crate) fn moment(at: Timestamp, now: Timestamp) -> String {
    let apart = at.duration_since(now);
    let seconds = apart.as_secs().unsigned_abs();
    // Nobody counts the seconds of what was long ago or is far off.
    let coarse = if apart.is_negative() { 60 } else { 3600 };
    let rounded = if seconds >= coarse { seconds / 60 * 60 } else { seconds };
    let span = duration_text(SignedDuration::from_secs(i64::try_from(rounded).unwrap_or(i64::MAX)));
    match (apart.is_negative(), seconds) {
        (_, 0) => "now".to_owned(),
        (true, _) => format!("{span} ago"),
        (false, _) => format!("in {span}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_commands_carry_the_roots_and_survive_a_shell() {
        let environment = Environment { program: "target/release/cortexpilot".to_owned(), ..Environment::default() };
        let overrides = Overrides { runs_root: Some("my runs/it's".to_owned()), ..Overrides::default() };
        let commands = Commands::of(&environment, &overrides);
        assert_eq!(commands.line(&["runs", "list"]), "target/release/cortexpilot runs list --runs 'my runs/it'\\''s'");
        assert_eq!(Commands::bare(&environment).line(&["up"]), "target/release/cortexpilot up");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$(rm)"), "'$(rm)'");
    }

    #[test]
    fn paths_are_short_below_the_working_directory() {
        assert_eq!(near(Path::new("/a/b/c"), Path::new("/a/b")), "c");
        assert_eq!(near(Path::new("/a/b"), Path::new("/a/b")), ".");
        assert_eq!(near(Path::new("/x"), Path::new("/a/b")), "/x");
    }

    #[test]
    fn moments_are_relative() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(moment(at("2026-01-01T00:14:32Z"), now), "in 14m32s");
        assert_eq!(moment(at("2025-12-31T23:58:48Z"), now), "1m ago");
        assert_eq!(moment(at("2025-12-31T23:59:48Z"), now), "12s ago");
        assert_eq!(moment(at("2026-01-01T02:10:40Z"), now), "in 2h10m");
        assert_eq!(moment(now, now), "now");
    }
}
