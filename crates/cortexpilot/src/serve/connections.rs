//! How many connections this process can hold: each is an open file, and the ledger, the runs and the log need some too. A
//! server that ran out of them could not read a run or sign a checkpoint, so connections stay below what the system allows.

use cortexpilot_server::http::ServeLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;

/// Open files that are not for connections: those of the store and the runs, watches, and some to spare.
const OTHERS: u64 = 256;

/// Limits of connections as configured, and no more than there can be files for. Asks the system for as many as are needed,
/// which it grants up to the hard limit.
pub(super) fn limits(settings: &Settings) -> ServeLimits {
    let mut limits = settings.http.serve;
    let wanted = limits.connections as u64 + OTHERS;
    let now = getrlimit(Resource::Nofile);
    let mut allowed = now.current.unwrap_or(u64::MAX);
    if allowed < wanted {
        let raised = now.maximum.map_or(wanted, |most| wanted.min(most));
        match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: now.maximum }) {
            Ok(()) => allowed = raised,
            Err(error) => tracing::debug!(%error, "the limit of open files stays as it is"),
        }
    }
    let possible = room(allowed);
    if possible < limits.connections {
        tracing::warn!(
            configured = limits.connections,
            possible,
            open_files = allowed,
            "fewer connections than configured: the system allows too few open files (ulimit -n)"
        );
        limits.connections = possible;
    }
    limits
}

/// How many connections fit beside the rest.
fn room(open_files: u64) -> usize {
    // Where there is little, half of it.
    let room = open_files.saturating_sub(OTHERS).max(open_files / 2).max(1);
    usize::try_from(room).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        for (files, connections) in [(1024, 768), (4352, 4096), (64, 32), (20, 10), (1, 1), (0, 1)] {
            assert_eq!(room(files), connections, "{files}");
        }
        assert_eq!(room(u64::MAX), (u64::MAX - OTHERS) as usize);
    }
}
