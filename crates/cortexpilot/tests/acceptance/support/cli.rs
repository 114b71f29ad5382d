//! One run of a command, from start to end.

use serde_json::Value;

use super::process::{Finished, Process};

/// How a command ended.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) exit: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it said beside.
    pub(crate) stderr: String,
}

impl Ran {
    /// Waits for the end of a command that reads nothing.
    pub(crate) fn to_the_end(process: Process) -> Self {
        let Finished { status, lines, stderr } = process.finish();
        let mut stdout = lines.join("\n");
        if !stdout.is_empty() {
            stdout.push('\n');
        }
        Self { exit: status.code(), stdout, stderr }
    }

    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// What it printed, as JSON; it must have ended well.
    pub(crate) fn answer(&self) -> Value {
        assert_eq!(self.exit, Some(0), "{self:#?}");
        self.json()
    }

    /// The code of its refusal; empty when it ended well.
    pub(crate) fn code(&self) -> String {
        if self.exit == Some(0) {
            return String::new();
        }
        let said: Value =
            serde_json::from_str(&self.stdout).or_else(|_| serde_json::from_str(&self.stderr)).unwrap_or_default();
        said["code"].as_str().unwrap_or_default().to_owned()
    }
}
