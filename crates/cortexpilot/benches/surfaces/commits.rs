//! How many commits another process has made. The kernel counts a process's writes, but not where they went, and a server
//! also writes answers and wakes its threads by writing. So the ledger's files are watched: a commit of the queue writes the
//! lock file, the ledger, the lock file.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// Watches one runtime root.
pub(crate) struct Commits {
    events: OwnedFd,
    queue: i32,
}

impl Commits {
    /// From now on.
    pub(crate) fn watch(runtime: &Path) -> std::io::Result<Self> {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let queue = inotify::add_watch(&events, runtime.join("queue.jsonl"), WatchFlags::MODIFY)?;
        // Equal events behind one another are told as one: those of the lock file stand between the ledger's.
        inotify::add_watch(&events, runtime.join("ledger.lock"), WatchFlags::MODIFY)?;
        Ok(Self { events, queue })
    }

    /// Those since it was last asked; `None` when the kernel has lost count.
    pub(crate) fn since(&self) -> std::io::Result<Option<u64>> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.events, &mut buffer);
        let mut commits = Some(0);
        loop {
            match reader.next() {
                Ok(event) if event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW) => commits = None,
                Ok(event) if event.wd() == self.queue => commits = commits.map(|commits| commits + 1),
                Ok(_) => {}
                Err(Errno::WOULDBLOCK) => return Ok(commits),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
