//! Hearing of changes instead of looking for them: what the kernel tells about the runs root and each run's documents.
//!
//! One watch (`inotify`) stands on the root and one on each run's directory. The kernel queues an event before the call that
//! made the change returns, so whoever asks after that call has ended is told of it. Not told are writes through a mapping of
//! the file into memory or through another hard link, and changes that another machine makes.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(target_os = "linux")]
pub(crate) use watching::Follower;
#[cfg(not(target_os = "linux"))]
pub(crate) use without::Follower;

/// Names of directories in the runs root of which something has changed.
pub(crate) type Changed = HashSet<Arc<str>>;

/// What was heard.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Of these the directory or the manifest: their place in lists may be another.
    pub(crate) places: Changed,
    /// Of these only other documents that lists show.
    pub(crate) rows: Changed,
}

#[cfg(target_os = "linux")]
mod watching {
    use std::mem::MaybeUninit;

    use rustix::fd::OwnedFd;
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
    use rustix::io::Errno;

    use super::{Arc, Changes, HashMap, Path, PathBuf};
    use crate::contract::CONTRACT;
    use crate::events::EVENTS;
    use crate::manifest::MANIFEST;

    /// The watches over one runs root.
    #[derive(Debug)]
    pub(crate) struct Follower {
        events: OwnedFd,
        path: PathBuf,
        root: i32,
        runs: HashMap<i32, Arc<str>>,
    }

    impl Follower {
        /// Begins with the root alone.
        pub(crate) fn new(path: &Path) -> Result<Self, Errno> {
            let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            let root = inotify::add_watch(&events, path, Self::names() | WatchFlags::ONLYDIR)?;
            Ok(Self { events, path: path.to_owned(), root, runs: HashMap::new() })
        }

        /// Watches a run's directory too. One that is not there, or is no directory, needs no watch: its making is told of
        /// by the root's.
        pub(crate) fn watch(&mut self, run: &Arc<str>) -> Result<(), Errno> {
            let what = Self::names()
                | WatchFlags::MODIFY
                | WatchFlags::ATTRIB
                | WatchFlags::ONLYDIR
                | WatchFlags::DONT_FOLLOW
                | WatchFlags::EXCL_UNLINK;
            match inotify::add_watch(&self.events, self.path.join(&**run), what) {
                Ok(watch) => _ = self.runs.insert(watch, Arc::clone(run)),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {}
                Err(errno) => return Err(errno),
            }
            Ok(())
        }

        /// What has changed since it was last asked; `None` when the kernel has lost count or cannot say.
        pub(crate) fn changes(&mut self) -> Option<Changes> {
            let mut changed = Changes::default();
            let mut buffer = [MaybeUninit::uninit(); 16 << 10];
            let mut reader = Reader::new(&self.events, &mut buffer);
            loop {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(Errno::WOULDBLOCK) => return Some(changed),
                    Err(Errno::INTR) => continue,
                    Err(_) => return None,
                };
                let what = event.events();
                if what.intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::UNMOUNT) {
                    return None;
                }
                if event.wd() == self.root {
                    if what.contains(ReadFlags::IGNORED) {
                        return None;
                    }
                    changed.places.extend(event.file_name().and_then(|name| name.to_str().ok()).map(Arc::from));
                    continue;
                }
                // An event without a name is about the directory itself.
                let of = match event.file_name().map(|name| name.to_bytes()) {
                    None => Some(&mut changed.places),
                    Some(name) if name == MANIFEST.as_bytes() => Some(&mut changed.places),
                    Some(name) if name == EVENTS.as_bytes() || name == CONTRACT.as_bytes() => Some(&mut changed.rows),
                    Some(_) => None,
                };
                if let (Some(run), Some(of)) = (self.runs.get(&event.wd()), of) {
                    of.insert(Arc::clone(run));
                }
                if what.contains(ReadFlags::IGNORED) {
                    self.runs.remove(&event.wd());
                }
            }
        }

        fn names() -> WatchFlags {
            WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO
        }
    }
}

/// Where there is no `inotify`, changes are looked for.
#[cfg(not(target_os = "linux"))]
mod without {
    use rustix::io::Errno;

    use super::{Arc, Changes, Path};

    /// Cannot be made.
    #[derive(Debug)]
    pub(crate) enum Follower {}

    impl Follower {
        pub(crate) fn new(_: &Path) -> Result<Self, Errno> {
            Err(Errno::NOSYS)
        }

        pub(crate) fn watch(&mut self, _: &Arc<str>) -> Result<(), Errno> {
            match *self {}
        }

        pub(crate) fn changes(&mut self) -> Option<Changes> {
            match *self {}
        }
    }
}
