//! What a campaign needs of the machine, and why it is not there.

use crate::test::{clocked, mounted, traced};
use crate::workspace::{Workspace, last_line};

/// Something that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// `strace`, and that a process may be traced.
    Strace,
    /// `prlimit`, of util-linux.
    Prlimit,
    /// That a tmpfs may be mounted.
    Mount,
    /// libfaketime, and that it moves a clock.
    Faketime,
}

impl Need {
    /// Why it cannot be had; `None` when it is there.
    pub(super) fn missing(self, workspace: &Workspace) -> Option<String> {
        match self {
            Self::Strace => traced::strace(workspace).err(),
            Self::Mount => mounted::may_mount(workspace).err(),
            Self::Faketime => clocked::faketime(workspace).err(),
            Self::Prlimit => match workspace.command("prlimit").args(["--fsize=65536", "--", "true"]).output() {
                Ok(ran) if ran.status.success() => None,
                Ok(ran) => Some(format!("prlimit does not work here: {}", last_line(&ran.stderr))),
                Err(error) => Some(format!("prlimit cannot be started: {error}")),
            },
        }
    }
}
