//! The one turn of those who sign: two processes of one root must not sign beside each other, or the log could be signed
//! smaller than it was.
//!
//! It is a lock on the key's own file: whoever cannot read that cannot sign, and no further file is needed. It is taken
//! before the ledger's lock, never while that is held, so commits never wait for a signature.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::key::AUDIT_KEY;
use crate::disk;

/// Between two looks at a turn that another has. A signature with its files takes some milliseconds.
const PAUSE: Duration = Duration::from_millis(2);

/// Held until dropped.
pub(crate) struct SigningTurn(File);

/// Why the turn was not had.
#[derive(Debug)]
pub(crate) enum NoTurn {
    /// Another process has signed for that long.
    Busy(Duration),
    Io(io::Error),
}

impl SigningTurn {
    /// Waits for the turn; `None` where there is no key, so that nobody can sign.
    pub(crate) fn take(root: &Path, wait: Duration) -> Result<Option<Self>, NoTurn> {
        let (path, until) = (root.join(AUDIT_KEY), Instant::now() + wait);
        loop {
            let Some((file, stat)) = disk::open(&path).map_err(NoTurn::Io)? else { return Ok(None) };
            lock(&file, until, wait)?;
            // Somebody may have put another file there while this one was waited for: then others lock that.
            if disk::stat(&path).map_err(NoTurn::Io)?.is_some_and(|there| there.identity == stat.identity) {
                return Ok(Some(Self(file)));
            }
        }
    }
}

fn lock(file: &File, until: Instant, wait: Duration) -> Result<(), NoTurn> {
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return Err(NoTurn::Busy(wait)),
            Err(error) => return Err(NoTurn::Io(error.into())),
        }
    }
}

impl Drop for SigningTurn {
    fn drop(&mut self) {
        // Closing the file would do it too.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signs_at_a_time_and_without_a_key_nobody_does() {
        let dir = tempfile::tempdir().unwrap();
        assert!(SigningTurn::take(dir.path(), Duration::ZERO).unwrap().is_none());
        std::fs::create_dir(dir.path().join("keys")).unwrap();
        std::fs::write(dir.path().join(AUDIT_KEY), "key\n").unwrap();
        let turn = SigningTurn::take(dir.path(), Duration::ZERO).unwrap().unwrap();
        assert!(matches!(SigningTurn::take(dir.path(), Duration::ZERO), Err(NoTurn::Busy(_))));
        drop(turn);
        assert!(SigningTurn::take(dir.path(), Duration::ZERO).unwrap().is_some());
    }
}
