//! Which runs there are and in which order, and of which of them something may have changed: what a list needs to know of
//! those that are not on its page, and what saves it looking at those that are.
//!
//! Nothing is decided from this. What it saves is looking at ten thousand runs to find the fifty that are wanted. Small roots
//! are looked through each time. Those of [`FOLLOW_FROM`] runs and more are followed ([`crate::follow`]), once they have been
//! listed: then a list knows of every change of manifests, contracts and events whose call had ended before it began, and
//! what is remembered of a run ([`crate::cache`]) is good while nothing was [`Heard`] of it. One kind of change is known
//! late: a file that was rewritten through a mapping into memory, or through another hard link, is found when the list is
//! asked for twice, [`TRUSTED`] apart. What cannot be followed (a network file system, too many runs, no watches left) is
//! looked through each time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::MANIFEST_BYTES_MAX;
use crate::beneath::{Dir, Stamp, Via};
use crate::follow::{Changed, Changes, Follower};
use crate::manifest::{self, MANIFEST};
use crate::page::Key;
use crate::problem::What;
use crate::scan::is_run_id;

/// Fewer runs than this are looked through in about a millisecond.
const FOLLOW_FROM: usize = 256;
/// More than this would cost the kernel more than 60 MiB for watches.
const FOLLOW_MAX: usize = 50_000;
/// So long what was heard is not checked by looking.
const TRUSTED: Duration = Duration::from_secs(60);
/// Fewer directories than this are looked at by one thread.
const SHARED_FROM: usize = 256;
/// When more runs than this have changed, the order is made anew.
const MOVED_ONE_BY_ONE: usize = 32;

/// A run's place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    time_us: i64,
    pub(crate) name: Arc<str>,
}

impl Place {
    pub(crate) fn key(&self) -> Key {
        Key { time_us: self.time_us, name: self.name.to_string() }
    }

    /// What lists are ordered by, in microseconds since 1970.
    pub(crate) fn time_us(&self) -> i64 {
        self.time_us
    }

    /// As keys are ordered.
    fn order(&self, time_us: i64, name: &str) -> std::cmp::Ordering {
        time_us.cmp(&self.time_us).then_with(|| (*self.name).cmp(name))
    }

    /// Whether it comes after the entry that a cursor names.
    pub(crate) fn is_after(&self, key: &Key) -> bool {
        self.order(key.time_us, &key.name).is_gt()
    }
}

/// All runs as a list finds them.
#[derive(Debug)]
pub(crate) struct Runs {
    /// Newest first.
    pub(crate) places: Arc<Vec<Place>>,
    /// What was heard of them; `None` while changes are not followed.
    pub(crate) heard: Option<Heard>,
}

/// Of which runs something has changed, and when. Times are counts, not of any clock.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Now. What is read from now on holds every change that was heard.
    pub(crate) now: u64,
    /// When everything was last looked at: what was read before says nothing.
    since: u64,
    changed: Arc<HashMap<Arc<str>, u64>>,
}

impl Heard {
    /// Whether nothing was heard of a run since it was read at `as_of`.
    pub(crate) fn nothing_of(&self, run: &str, as_of: u64) -> bool {
        as_of >= self.since && self.changed.get(run).is_none_or(|changed| *changed <= as_of)
    }
}

/// The runs of one root.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    root: Option<Stamp>,
    runs: HashMap<Arc<str>, Standing>,
    /// Newest first.
    order: Arc<Vec<Place>>,
    follower: Option<Follower>,
    looked: Option<Instant>,
    /// Counts what was heard, and each look at everything. It never goes back.
    now: u64,
    /// When everything was looked at.
    since: u64,
    /// When something of a run was last heard, since then.
    changed: Arc<HashMap<Arc<str>, u64>>,
    /// Why following was given up; then it is not tried again.
    unfollowed: bool,
}

/// What is known of a directory that is a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    /// `None` where the manifest could not be looked at.
    stamp: Option<Stamp>,
    time_us: i64,
}

/// What looking at a directory showed.
enum Look {
    Same,
    Is(Standing),
    NoRun,
}

impl Roster {
    /// All runs.
    pub(crate) fn runs(&self, root: &Dir) -> Result<Runs, What> {
        let mut known = self.lock();
        let stamp = root.own_stamp()?;
        if known.root.is_none_or(|before| !before.same_file(&stamp)) {
            known.follower = None;
        }
        known.root = Some(stamp);
        let heard = known.follower.as_mut().and_then(Follower::changes);
        if heard.is_none_or(|changes| known.hear(root, changes).is_err()) {
            known.follower = None;
            known.look_at_all(root)?;
        }
        let heard = known.follower.is_some().then(|| Heard {
            now: known.now,
            since: known.since,
            changed: Arc::clone(&known.changed),
        });
        Ok(Runs { places: Arc::clone(&known.order), heard })
    }

    /// Whether [`follow`](Self::follow) should be called, on a thread that has time.
    pub(crate) fn wants_to_follow(&self) -> bool {
        // Whoever holds it is looking, or begins to follow.
        let Ok(known) = self.known.try_lock() else { return false };
        let due = known.follower.is_none() || known.looked.is_none_or(|looked| looked.elapsed() > TRUSTED);
        !known.unfollowed && due && (FOLLOW_FROM..=FOLLOW_MAX).contains(&known.order.len())
    }

    /// Begins to follow, or checks by looking what was heard so far.
    pub(crate) fn follow(&self, path: &Path, via: Via) {
        let mut known = self.lock();
        if let Err(why) = known.follow(path, via) {
            tracing::debug!(%why, "changes of the runs root cannot be followed; lists look for them");
            known.follower = None;
            known.unfollowed = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // A panic may have left the order behind what is known of the runs: then everything is looked at again.
        self.known.lock().unwrap_or_else(|poisoned: PoisonError<_>| {
            self.known.clear_poison();
            let mut known = poisoned.into_inner();
            *known = Known { now: known.now, ..Known::default() };
            known
        })
    }
}

impl Known {
    fn follow(&mut self, path: &Path, via: Via) -> Result<(), What> {
        let root = Dir::root(path, via)?;
        if !root.is_local() {
            return Err(What::Io(Errno::OPNOTSUPP));
        }
        let stamp = root.own_stamp()?;
        if self.follower.is_none() {
            self.follower = Some(Follower::new(path).map_err(What::Io)?);
            // The path may have been given to another directory between opening it and watching it.
            if !Dir::root(path, via)?.own_stamp()?.same_file(&stamp) {
                self.follower = None;
                return Ok(());
            }
        }
        self.root = Some(stamp);
        self.look_at_all(&root)?;
        let elsewhere = |standing: &Standing| standing.stamp.is_some_and(|run| !run.same_device(&stamp));
        if self.runs.values().any(elsewhere) {
            return Err(What::Io(Errno::XDEV));
        }
        Ok(())
    }

    /// Looks at every directory; while changes are followed, not before its watch stands.
    fn look_at_all(&mut self, root: &Dir) -> Result<(), What> {
        let entries = root.entries()?;
        let directories = entries.into_iter().filter(|entry| entry.kind == FileType::Directory);
        let names: Changed = directories
            .filter_map(|entry| entry.name.filter(|name| is_run_id(name)))
            .map(|name| self.runs.get_key_value(&*name).map_or_else(|| Arc::from(name), |(known, _)| Arc::clone(known)))
            .collect();
        if let Some(follower) = &mut self.follower {
            names.iter().try_for_each(|name| follower.watch(name)).map_err(What::Io)?;
        }
        // Before looking: what is read while this looks counts as read before it.
        self.now += 1;
        self.since = self.now;
        self.changed = Arc::default();
        let gone: Vec<_> = self.runs.keys().filter(|run| !names.contains(*run)).map(Arc::clone).collect();
        let looks = look_all(root, names, &self.runs);
        self.looked = Some(Instant::now());
        let gone = gone.into_iter().map(|name| (name, Look::NoRun));
        self.take(looks.into_iter().chain(gone));
        Ok(())
    }

    fn hear(&mut self, root: &Dir, changes: Changes) -> Result<(), What> {
        if changes.places.is_empty() && changes.rows.is_empty() {
            return Ok(());
        }
        self.now += 1;
        let changed = Arc::make_mut(&mut self.changed);
        changed.extend(changes.places.iter().chain(&changes.rows).map(|run| (Arc::clone(run), self.now)));
        // Names of runs that came and went would be kept until everything is looked at again.
        if changed.len() > FOLLOW_MAX {
            return Err(What::Io(Errno::NOSPC));
        }
        self.look_at(root, changes.places)
    }

    fn look_at(&mut self, root: &Dir, changed: Changed) -> Result<(), What> {
        let looks = changed.into_iter().filter(|name| is_run_id(name));
        let looks: Vec<_> = looks
            .map(|name| {
                self.follower.as_mut().map_or(Ok(()), |follower| follower.watch(&name)).map_err(What::Io)?;
                // It may be a link by now, so nothing is taken for granted.
                let look = look_closely(root, &name, self.runs.get(&name));
                Ok((name, look))
            })
            .collect::<Result<_, What>>()?;
        self.take(looks);
        Ok(())
    }

    /// Puts what was seen in its place.
    fn take(&mut self, looks: impl IntoIterator<Item = (Arc<str>, Look)>) {
        let moved: Vec<_> = looks.into_iter().filter(|(_, look)| !matches!(look, Look::Same)).collect();
        let one_by_one = moved.len() <= MOVED_ONE_BY_ONE;
        for (name, look) in moved {
            let now = match look {
                Look::Is(standing) => Some(standing),
                Look::Same | Look::NoRun => None,
            };
            let before = match now {
                Some(standing) => self.runs.insert(Arc::clone(&name), standing),
                None => self.runs.remove(&name),
            };
            if one_by_one {
                let order = Arc::make_mut(&mut self.order);
                let at = |order: &[Place], time_us| order.partition_point(|place| place.order(time_us, &name).is_lt());
                if let Some(before) = before {
                    let at = at(order, before.time_us);
                    if order.get(at).is_some_and(|place| place.name == name) {
                        order.remove(at);
                    }
                }
                if let Some(now) = now {
                    order.insert(at(order, now.time_us), Place { time_us: now.time_us, name });
                }
            }
        }
        if !one_by_one {
            let places =
                self.runs.iter().map(|(name, standing)| Place { time_us: standing.time_us, name: Arc::clone(name) });
            let mut order: Vec<_> = places.collect();
            order.sort_unstable_by(|a, b| a.order(b.time_us, &b.name));
            self.order = Arc::new(order);
        }
    }
}

/// Looks at many directories, on several threads where there are several processors.
fn look_all(root: &Dir, names: Changed, runs: &HashMap<Arc<str>, Standing>) -> Vec<(Arc<str>, Look)> {
    let names: Vec<Arc<str>> = names.into_iter().collect();
    let look_at = |names: &[Arc<str>]| -> Vec<(Arc<str>, Look)> {
        names.iter().map(|name| (Arc::clone(name), look(root, name, runs.get(name)))).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    if names.len() < SHARED_FROM || threads == 1 {
        return look_at(&names);
    }
    std::thread::scope(|scope| {
        let look_at = &look_at;
        let parts = names.chunks(names.len().div_ceil(threads));
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || look_at(part))).collect();
        let joined = parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// Looks at what was a directory a moment ago.
fn look(root: &Dir, name: &str, known: Option<&Standing>) -> Look {
    if let Ok(stamp) = root.stamp_in(name, MANIFEST) {
        if known.is_some_and(|known| known.stamp == Some(stamp)) {
            return Look::Same;
        }
        if let Some((bytes, stamp)) = root.read_in(name, MANIFEST, MANIFEST_BYTES_MAX) {
            return Look::Is(Standing { stamp: Some(stamp), time_us: manifest::sort_us(&bytes, stamp) });
        }
    }
    look_closely(root, name, known)
}

/// The same, step by step, for what may be anything.
fn look_closely(root: &Dir, name: &str, known: Option<&Standing>) -> Look {
    let read = root.dir(name).map(|dir| dir.read(MANIFEST, MANIFEST_BYTES_MAX));
    let standing = match read {
        Ok(Ok((bytes, stamp))) => Standing { stamp: Some(stamp), time_us: manifest::sort_us(&bytes, stamp) },
        Err(What::Missing | What::NotDirectory | What::Link) | Ok(Err(What::Missing)) => return Look::NoRun,
        Err(_) | Ok(Err(_)) => Standing { stamp: None, time_us: 0 },
    };
    if known == Some(&standing) { Look::Same } else { Look::Is(standing) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::time::SystemTime;

    use super::*;

    /// A root that is followed, held against one that looks at everything anew.
    struct Followed {
        temp: tempfile::TempDir,
        roster: Roster,
    }

    impl Followed {
        fn new() -> Self {
            let temp = tempfile::tempdir().unwrap();
            fs::create_dir(temp.path().join("runs")).unwrap();
            let followed = Self { temp, roster: Roster::default() };
            for (run, second) in [("a", 1), ("b", 2), ("c", 3)] {
                followed.run(run, second);
            }
            followed.check("at first");
            followed.roster.follow(&followed.path(), Via::BEST);
            followed.check("followed");
            followed
        }

        fn path(&self) -> PathBuf {
            self.temp.path().join("runs")
        }

        fn manifest(&self, run: &str) -> PathBuf {
            self.path().join(run).join(MANIFEST)
        }

        fn run(&self, run: &str, second: u32) {
            fs::create_dir_all(self.path().join(run)).unwrap();
            fs::write(self.manifest(run), format!(r#"{{"created_at": "2026-01-01T00:00:{second:02}Z"}}"#)).unwrap();
        }

        fn places(&self, roster: &Roster) -> Vec<(String, i64)> {
            let root = Dir::root(&self.path(), Via::BEST).unwrap();
            let runs = roster.runs(&root).unwrap();
            runs.places.iter().map(|place| (place.name.to_string(), place.time_us)).collect()
        }

        /// The names in order, the same whether they were followed or looked for.
        fn check(&self, when: &str) -> String {
            let found = self.places(&Roster::default());
            assert_eq!(self.places(&self.roster), found, "{when}");
            found.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
        }

        fn follows(&self) -> bool {
            self.roster.lock().follower.is_some()
        }
    }

    #[test]
    fn whatever_changes_is_in_the_list_that_is_asked_for_next() {
        let root = Followed::new();
        if !root.follows() {
            println!("not run: changes cannot be followed in {}", root.path().display());
            return;
        }
        assert_eq!(root.check("nothing changed"), "c b a");
        root.run("d", 9);
        assert_eq!(root.check("a new run"), "d c b a");
        root.run("a", 20);
        assert_eq!(root.check("a manifest written again"), "a d c b");
        fs::write(root.path().join("new.json"), r#"{"created_at": "2026-01-01T00:00:30Z"}"#).unwrap();
        fs::rename(root.path().join("new.json"), root.manifest("b")).unwrap();
        assert_eq!(root.check("a manifest put in place of another"), "b a d c");
        fs::remove_file(root.manifest("a")).unwrap();
        assert_eq!(root.check("no manifest any more"), "b d c");
        root.run("a", 4);
        assert_eq!(root.check("a manifest again"), "b d a c");
        fs::rename(root.path().join("d"), root.path().join("renamed")).unwrap();
        assert_eq!(root.check("a run renamed"), "b renamed a c");
        root.run("renamed", 1);
        assert_eq!(root.check("and written again"), "b a c renamed");
        fs::remove_dir_all(root.path().join("b")).unwrap();
        assert_eq!(root.check("a run removed"), "a c renamed");
        root.run("b", 2);
        assert_eq!(root.check("and made again"), "a c b renamed");
        root.run("b", 40);
        assert_eq!(root.check("and written again"), "b a c renamed");
        fs::create_dir(root.path().join("empty")).unwrap();
        assert_eq!(root.check("a directory without a manifest"), "b a c renamed");
        fs::write(root.manifest("empty"), "{").unwrap();
        assert!(root.check("one that is half written").contains("empty"));
        fs::write(root.manifest("empty"), "{}").unwrap();
        let old = SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(root.manifest("empty")).unwrap().set_modified(old).unwrap();
        assert_eq!(root.check("a time put back"), "b a c renamed empty");
        fs::rename(root.path().join("c"), root.temp.path().join("c")).unwrap();
        symlink(root.temp.path().join("c"), root.path().join("c")).unwrap();
        assert_eq!(root.check("a link in place of a run"), "b a renamed empty");
        fs::write(root.path().join("file"), "").unwrap();
        fs::create_dir(root.path().join("not a run")).unwrap();
        assert_eq!(root.check("what is no run"), "b a renamed empty");
        assert!(root.follows());

        fs::rename(root.path(), root.temp.path().join("away")).unwrap();
        fs::create_dir(root.path()).unwrap();
        root.run("other", 1);
        assert_eq!(root.check("another root"), "other");
        assert!(!root.follows(), "it heard of the old one");
        root.roster.follow(&root.path(), Via::BEST);
        root.run("another", 2);
        assert_eq!(root.check("followed again"), "another other");
        assert!(root.follows());
    }

    #[test]
    fn when_the_kernel_lost_count_everything_is_looked_at() {
        let root = Followed::new();
        // More events than it keeps, none equal to the one before.
        for _ in 0..10_000 {
            fs::write(root.manifest("a"), "{}").unwrap();
            fs::write(root.manifest("b"), "{}").unwrap();
        }
        root.run("d", 9);
        root.check("events were lost");
        assert!(!root.follows());
        root.roster.follow(&root.path(), Via::BEST);
        root.run("e", 10);
        root.check("followed again");
    }

    #[test]
    fn many_changes_at_once_give_the_same_order_as_one_after_the_other() {
        let root = Followed::new();
        for count in [1, 31, 32, 33, 400] {
            for number in 0..count {
                root.run(&format!("run_{count}_{number}"), number % 60);
            }
            root.check(&format!("{count} new ones"));
            for number in (0..count).step_by(2) {
                fs::remove_dir_all(root.path().join(format!("run_{count}_{number}"))).unwrap();
            }
            root.check(&format!("half of {count} gone"));
        }
    }

    #[test]
    fn small_roots_are_not_followed_and_large_ones_once() {
        let root = Followed::new();
        let fresh = Roster::default();
        root.places(&fresh);
        assert!(!fresh.wants_to_follow());
        for number in 0..FOLLOW_FROM {
            root.run(&format!("run_{number}"), 1);
        }
        root.places(&fresh);
        assert!(fresh.wants_to_follow());
        fresh.follow(&root.path(), Via::BEST);
        assert!(!fresh.wants_to_follow());
        assert_eq!(root.places(&fresh).len(), FOLLOW_FROM + 3);
    }
}
