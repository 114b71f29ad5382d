//! A file system of a few MiB at a home's runtime root, and a file that fills it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::process::Command;

use crate::support::Home;

/// The mounted file system; unmounted when dropped, so before its home is.
pub(crate) struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one at the runtime root of a home that has none yet.
    pub(crate) fn at_runtime_of(home: &Home, mebibytes: u32) -> Self {
        let at = home.runtime();
        fs::DirBuilder::new().mode(0o700).create(&at).expect("a directory can be made");
        let options = format!("size={mebibytes}m,mode=0700");
        let ran = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&at).output();
        let ran = ran.expect("mount can be started");
        assert!(ran.status.success(), "a tmpfs cannot be mounted: {}", String::from_utf8_lossy(&ran.stderr));
        Self { at }
    }

    /// Fills it up, but for about so many bytes.
    pub(crate) fn fill(&self, leave: u64) {
        let path = self.ballast();
        let mut file = File::options().create(true).append(true).open(&path).expect("the ballast can be made");
        loop {
            match file.write(&[0xff; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("the ballast: {error}"),
            }
        }
        let size = file.metadata().expect("the ballast is there").len();
        file.set_len(size.saturating_sub(leave)).expect("the ballast can be cut");
    }

    /// There is room again.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.ballast()).expect("the ballast can be removed");
    }

    /// Bytes that the reserve keeps as blocks of its own; `None` when there is no reserve.
    pub(crate) fn reserve(&self) -> Option<u64> {
        let meta = fs::metadata(self.at.join("ledger.reserve")).ok()?;
        assert_eq!(meta.mode() & 0o777, 0o600);
        Some(meta.blocks() * 512)
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A process that is being killed may hold it for a moment longer: then it goes when the last one does.
        let unmounted = Command::new("umount").arg(&self.at).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
        }
    }
}
