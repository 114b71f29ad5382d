//! `shell`: the contract's own command, where it has one; the acceptance commands follow, as they do for every runner.

use std::collections::BTreeMap;

use serde_json::Map;

use super::{Job, Means, Reading, Runner, Told, Usage, claude, codex, told};
use crate::contract::TaskContract;
use crate::sandbox::Level;

pub(super) struct Shell;

impl Runner for Shell {
    fn name(&self) -> &'static str {
        "shell"
    }

    fn needs(&self, _: &TaskContract, _: &Means) -> Vec<String> {
        Vec::new()
    }

    fn job(&self, contract: &TaskContract, _: &Means, _: Level) -> Option<Job> {
        let argv = contract.command.clone()?;
        Some(Job { argv, stdin: Vec::new(), env: BTreeMap::new(), read: Vec::new() })
    }

    /// A command that is an agent's own program is understood as that agent: `runs record -- claude -p …`.
    fn reading(&self, contract: &TaskContract) -> Box<dyn Reading> {
        let program = contract.command.as_ref().and_then(|argv| argv.first()).and_then(|path| path.rsplit('/').next());
        match program {
            Some("claude") => Box::new(claude::Lines::default()),
            Some("codex") => Box::new(codex::Lines::default()),
            Some(_) | None => Box::new(Plain("shell")),
        }
    }
}

/// Output that means nothing in particular.
pub(super) struct Plain(pub(super) &'static str);

impl Reading for Plain {
    fn line(&mut self, line: &[u8]) -> Told {
        told(self.0, line).1
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }

    fn verdict(&self) -> Option<Result<(), String>> {
        None
    }

    fn said(&self) -> Map<String, serde_json::Value> {
        Map::new()
    }
}
