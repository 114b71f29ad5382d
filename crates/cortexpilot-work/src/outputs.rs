//! `required_outputs`: whether what must be there is there.

use serde_json::{Value, json};

use crate::contract::{OutputKind, RequiredOutput};
use crate::workspace::{Diff, Workspace};

/// The largest output that is looked into.
const OUTPUT_BYTES_MAX: u64 = 64 << 20;

/// One required output, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What was required.
    pub output: RequiredOutput,
    /// What is wrong with it; `None`: it is there.
    pub problem: Option<String>,
}

impl Checked {
    pub(crate) fn to_json(&self) -> Value {
        let kind = match self.output.kind {
            OutputKind::File => "file",
            OutputKind::Json => "json",
            OutputKind::Report => "report",
            OutputKind::Patch => "patch",
            OutputKind::Commit => "commit",
        };
        json!({
            "name": self.output.name,
            "type": kind,
            "acceptance": self.output.acceptance,
            "ok": self.problem.is_none(),
            "problem": self.problem,
        })
    }
}

/// Looks at each of them.
pub(crate) fn check(required: &[RequiredOutput], workspace: &Workspace, diff: &Diff) -> Vec<Checked> {
    required
        .iter()
        .map(|output| Checked { output: output.clone(), problem: problem(output, workspace, diff) })
        .collect()
}

fn problem(output: &RequiredOutput, workspace: &Workspace, diff: &Diff) -> Option<String> {
    match output.kind {
        OutputKind::Patch | OutputKind::Commit => diff.changed.is_empty().then(|| "nothing changed".to_owned()),
        OutputKind::File | OutputKind::Json | OutputKind::Report => {
            let path = crate::contract::paths::normal(&output.name).ok()?;
            let bytes = match workspace.read(&path, OUTPUT_BYTES_MAX) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some("it is not there".into()),
                Err(error) => return Some(format!("it cannot be read as a file of the repository: {error}")),
            };
            if output.kind == OutputKind::Json
                && let Err(error) = serde_json::from_slice::<Value>(&bytes)
            {
                return Some(format!("it is not JSON: {error}"));
            }
            let is_changed = || diff.changed.iter().any(|(changed, _)| *changed == path);
            (output.acceptance.trim() == "changed" && !is_changed()).then(|| "it did not change".to_owned())
        }
    }
}
