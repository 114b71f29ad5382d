//! What confines the work, and the proof of it.
//!
//! A program is never restricted from outside: that would need code between `fork` and `exec`, which is `unsafe`. Instead the
//! binary starts itself again as a small helper, in two stages that talk over their standard input (a socket):
//!
//! ```text
//! worker ── supervise ──┬── [bwrap ──] confine ── exec ── the command
//!                       └── keeps the tree: counts it, stops it, kills all of it, also when the worker dies
//! ```
//!
//! `confine` applies everything that the policy demands to itself and reports it; if one layer cannot be had it says so and
//! runs nothing. So what is recorded as enforced was enforced, all of it, before the first instruction of the command.

mod bwrap;
mod cgroup;
mod confine;
mod helper;
mod landlock;
mod launch;
mod policy;
mod seccomp;
mod supervise;
mod tree;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use helper::{HELPER_STAGES, main as helper_main};
pub use launch::{Ended, Launched, StartProblem, launch};
pub use policy::{Enforced, LandlockEnforced, Limits, Policy, SeccompEnforced};

use crate::contract::Asked;

/// How much stands between the work and the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing but the cleared environment and the end of the whole process tree. An operator's explicit choice.
    None,
    /// Landlock, seccomp, no capabilities, no new privileges, resource limits.
    Confined,
    /// And bubblewrap's namespaces around them: own mounts, processes, hostname, shared memory and, without network, an own
    /// empty network.
    Namespaces,
}

impl Level {
    /// As it stands in manifests and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Confined => "confined",
            Self::Namespaces => "namespaces",
        }
    }
}

/// What an operator chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The most that the machine gives.
    #[default]
    Best,
    /// This level, and no run where the machine does not give it.
    Exactly(Level),
}

impl Choice {
    /// From the command line: `auto`, `none`, `confined`, `namespaces`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Best),
            "none" => Some(Self::Exactly(Level::None)),
            "confined" => Some(Self::Exactly(Level::Confined)),
            "namespaces" => Some(Self::Exactly(Level::Namespaces)),
            _ => None,
        }
    }
}

/// How the binary starts itself as the helper: the program and the words before the stage's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helper {
    /// The binary that calls [`helper_main`] when it is given `args` and a stage.
    pub program: PathBuf,
    /// For example `["sandbox-exec"]`.
    pub args: Vec<String>,
}

/// What this machine gives, found out by doing it once: a policy of each level, applied to `/bin/true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What `confined` enforces here, or why it cannot be had.
    pub confined: Result<Enforced, String>,
    /// What `namespaces` enforces here, or why it cannot be had.
    pub namespaces: Result<Enforced, String>,
}

/// A contract or an operator asks for isolation that this machine does not give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IsolationRefused {
    /// The machine lacks it.
    #[error("{who} asks for the isolation `{}`, and this machine does not give it: {reason}", asked.as_str())]
    NotGiven {
        /// `the contract` or `the operator`.
        who: &'static str,
        /// What was asked for.
        asked: Level,
        /// Why it cannot be had.
        reason: String,
    },
    /// The operator chose less than the contract accepts.
    #[error("the contract asks for the isolation `{}`, and the worker runs with `{}`", asked.as_str(), chosen.as_str())]
    ChosenLess {
        /// What the contract asks for.
        asked: Level,
        /// What the operator chose.
        chosen: Level,
    },
}

impl Machine {
    /// Finds out. Takes a few dozen milliseconds; do it once, when a worker starts.
    pub fn probe(helper: &Helper, bwrap: Option<&PathBuf>) -> Self {
        let confined = launch::probe(helper, Level::Confined, None);
        let namespaces = match bwrap {
            None => Err("bubblewrap is not installed (apt install bubblewrap)".to_owned()),
            Some(bwrap) => launch::probe(helper, Level::Namespaces, Some(bwrap.clone())),
        };
        Self { confined, namespaces }
    }

    fn gives(&self, level: Level) -> Result<(), String> {
        match level {
            Level::None => Ok(()),
            Level::Confined => self.confined.clone().map(drop),
            Level::Namespaces => self.namespaces.clone().map(drop),
        }
    }

    /// The level for a contract, or why there is none. Never less than either side asks for; `none` only where an operator
    /// chose it outright.
    ///
    /// # Errors
    /// The machine gives less, or the operator chose less than the contract accepts.
    pub fn level(&self, choice: Choice, asked: Option<Asked>) -> Result<Level, IsolationRefused> {
        let asked = asked.map(|asked| match asked {
            Asked::Confined => Level::Confined,
            Asked::Namespaces => Level::Namespaces,
        });
        let (who, level) = match (choice, asked) {
            (Choice::Exactly(chosen), Some(asked)) if chosen < asked => {
                return Err(IsolationRefused::ChosenLess { asked, chosen });
            }
            (Choice::Exactly(chosen), _) => ("the operator", chosen),
            (Choice::Best, _) if self.namespaces.is_ok() => return Ok(Level::Namespaces),
            (Choice::Best, Some(asked)) => ("the contract", asked),
            (Choice::Best, None) => ("the worker", Level::Confined),
        };
        match self.gives(level) {
            Ok(()) => Ok(level),
            Err(reason) => Err(IsolationRefused::NotGiven { who, asked: level, reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_contract_gets_less_isolation_than_it_asks_for() {
        use Choice::{Best, Exactly};
        use Level::{Confined, Namespaces, None as Nothing};
        let enforced = || Ok(Enforced::of(Confined));
        let no = || Err("no".to_owned());
        let all = Machine { confined: enforced(), namespaces: enforced() };
        let plain = Machine { confined: enforced(), namespaces: no() };
        let bare = Machine { confined: no(), namespaces: no() };
        let rows = [
            (&all, Best, None, Some(Namespaces)),
            (&plain, Best, None, Some(Confined)),
            (&bare, Best, None, None),
            (&bare, Exactly(Nothing), None, Some(Nothing)),
            (&all, Exactly(Confined), None, Some(Confined)),
            (&plain, Exactly(Namespaces), None, None),
            (&all, Best, Some(Asked::Confined), Some(Namespaces)),
            (&plain, Best, Some(Asked::Namespaces), None),
            (&all, Exactly(Nothing), Some(Asked::Confined), None),
            (&all, Exactly(Confined), Some(Asked::Namespaces), None),
            (&all, Exactly(Namespaces), Some(Asked::Confined), Some(Namespaces)),
        ];
        for (machine, choice, asked, level) in rows {
            assert_eq!(machine.level(choice, asked).ok(), level, "{choice:?} {asked:?}");
        }
    }
}
