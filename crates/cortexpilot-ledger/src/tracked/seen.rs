//! What a file looked like when everything in it had been read, and how long the open file may stand for its path.
//!
//! Every read makes sure that no other process has written meanwhile. A look at the path says so, and costs a walk through the
//! directories; a look at the open file costs a fraction of that. It says as much where three things hold.
//!
//! **The file is the one at the path.** The path was looked at, and it was. If another file is put there since, or this one is
//! moved or gets a second name, the system stamps this one as changed. (POSIX demands that where the number of its names
//! changes; of a file that is moved, file systems do it in practice.)
//!
//! **A stamp is never the one that was seen.** Stamps come from a clock that ticks some hundred times a second, so a
//! change in the tick of the one before looks like none. Therefore the look at the path must have come [`SETTLED`] after
//! these stamps were first seen: what changes behind that gets a later one. Between two writes that follow each other faster,
//! reads look at the path.
//!
//! **The path's directories are the same.** No stamp tells when one of them is moved away. So the open file stands for the path
//! for [`LAG`] only: a ledger whose directory was moved or replaced is answered from for no longer. No process of ours does
//! that to a runtime root; whoever does, does it to processes that are still running.
//!
//! Writers rest on none of this: they look at the path, under the lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::disk::Stat;

/// Far longer than a tick of any clock that stamps files, 10 ms at most on Linux.
const SETTLED: Duration = Duration::from_millis(40);

/// How late a read may notice that a directory above the file was replaced.
const LAG: Duration = Duration::from_millis(100);

/// A file as it was seen.
pub(super) struct Seen {
    pub(super) stat: Stat,
    /// When it was seen so, or a little later.
    since: Instant,
    /// When the path last showed it so, [`SETTLED`] later or more: in nanoseconds since then; 0 is never.
    at_path: AtomicU64,
}

impl Seen {
    /// It was seen so just now.
    pub(super) fn now(stat: Stat) -> Self {
        Self { stat, since: Instant::now(), at_path: AtomicU64::new(0) }
    }

    /// Whether what the path shows is this file, unchanged; `began` is before the look at the path.
    pub(super) fn is_at_path(&self, shown: Stat, began: Instant) -> bool {
        let same = shown == self.stat;
        let passed = began.saturating_duration_since(self.since);
        if same && passed >= SETTLED {
            self.at_path.fetch_max(nanoseconds(passed), Ordering::Relaxed);
        }
        same
    }

    /// Whether, now, a look at the open file says as much as one at the path.
    pub(super) fn stands_for_path(&self, now: Instant) -> bool {
        let at_path = self.at_path.load(Ordering::Relaxed);
        let passed = nanoseconds(now.saturating_duration_since(self.since));
        at_path > 0 && passed.saturating_sub(at_path) < nanoseconds(LAG)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};

    use cortexpilot_core::domain::fold::State;

    use super::*;
    use crate::chain::FileKind;
    use crate::disk;
    use crate::lock::LOCK_NAME;
    use crate::marks::Marks;
    use crate::tracked::Tracked;

    const LINE: &str = "{\"event\": \"X\", \"ts\": \"2026-01-01T00:00:00Z\"}\n";

    /// A file that was read long ago, and whose path was looked at a moment ago: the open file stands for the path.
    fn read_long_ago(root: &Path) -> Tracked {
        let mut file = read(root);
        make_it_long_ago(&mut file, root);
        assert!(file.is_current_to_read().unwrap() && by_the_open_file(&file));
        file
    }

    fn read(root: &Path) -> Tracked {
        fs::create_dir_all(root).unwrap();
        fs::write(path(root), LINE).unwrap();
        let mut file = Tracked::unfolded(root, FileKind::Queue);
        file.catch_up(&Marks::new(root.join(LOCK_NAME)), &mut State::default()).unwrap();
        file
    }

    /// As after a while without a change: stamps from here on are later ones.
    fn make_it_long_ago(file: &mut Tracked, root: &Path) {
        let probe = root.join("probe");
        fs::write(&probe, "").unwrap();
        let was = disk::stat(&path(root)).unwrap().unwrap().changed;
        while disk::stat(&probe).unwrap().unwrap().changed <= was {
            fs::set_permissions(&probe, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let seen = file.seen.as_mut().unwrap();
        seen.since = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
    }

    fn by_the_open_file(file: &Tracked) -> bool {
        file.seen.as_ref().unwrap().stands_for_path(Instant::now())
    }

    fn path(root: &Path) -> PathBuf {
        root.join(FileKind::Queue.name())
    }

    #[test]
    fn whatever_happens_to_the_file_is_noticed_by_a_look_at_the_open_one() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 6] = [
            ("appended to", |root| {
                use std::io::Write as _;
                fs::OpenOptions::new().append(true).open(path(root)).unwrap().write_all(LINE.as_bytes()).unwrap();
            }),
            ("written in place", |root| {
                use std::os::unix::fs::FileExt as _;
                fs::OpenOptions::new().write(true).open(path(root)).unwrap().write_all_at(b"[", 0).unwrap();
            }),
            ("replaced by one like it", |root| {
                fs::write(root.join("new"), LINE).unwrap();
                fs::rename(root.join("new"), path(root)).unwrap();
            }),
            ("taken away", |root| fs::remove_file(path(root)).unwrap()),
            ("moved, and another put there", |root| {
                fs::rename(path(root), root.join("old")).unwrap();
                fs::write(path(root), LINE).unwrap();
            }),
            ("kept under another name, and replaced", |root| {
                fs::hard_link(path(root), root.join("old")).unwrap();
                fs::write(root.join("new"), LINE).unwrap();
                fs::rename(root.join("new"), path(root)).unwrap();
            }),
        ];
        for (what, change) in changes {
            let dir = tempfile::tempdir().unwrap();
            let file = read_long_ago(dir.path());
            change(dir.path());
            assert!(!file.is_current_to_read().unwrap(), "{what}");
        }
    }

    #[test]
    fn a_root_that_was_moved_away_is_read_from_for_no_longer_than_that() {
        for put_another in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().join("root");
            let mut file = read_long_ago(&root);
            fs::rename(&root, dir.path().join("old")).unwrap();
            if put_another {
                fs::create_dir(&root).unwrap();
                fs::write(path(&root), LINE).unwrap();
            }
            // The path was last looked at when it was still there; from then on time passes.
            let seen = file.seen.as_mut().unwrap();
            seen.since = seen.since.checked_sub(LAG).unwrap();
            assert!(!by_the_open_file(&file));
            assert!(!file.is_current_to_read().unwrap(), "put another: {put_another}");
        }
    }

    #[test]
    fn the_open_file_stands_for_the_path_only_between_two_looks_at_it_that_are_near() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = read(dir.path());
        let stat = file.seen.as_ref().unwrap().stat;
        assert!(!by_the_open_file(&file), "nobody looked at the path since");
        let seen = file.seen.as_ref().unwrap();
        assert!(seen.is_at_path(stat, seen.since + SETTLED / 2));
        assert!(!seen.stands_for_path(seen.since + SETTLED), "its stamps are too young to tell");
        assert!(!seen.is_at_path(Stat { size: 0, ..stat }, seen.since + SETTLED));
        assert!(!seen.stands_for_path(seen.since + SETTLED), "the path showed something else");
        assert!(seen.is_at_path(stat, seen.since + SETTLED));
        assert!(seen.stands_for_path(seen.since + SETTLED + LAG - Duration::from_millis(1)));
        assert!(!seen.stands_for_path(seen.since + SETTLED + LAG), "until it is looked at again");
        assert!(seen.is_at_path(stat, seen.since + SETTLED + LAG));
        assert!(seen.stands_for_path(seen.since + SETTLED + LAG));
        file.wrote(stat);
        assert!(!by_the_open_file(&file), "this process has written");
    }
}
