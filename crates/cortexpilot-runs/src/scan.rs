//! Walking the runs root for lists: which directories are runs, in which order, and what is known about each.

use std::cell::OnceCell;
use std::sync::Arc;

use cortexpilot_core::domain::id::RunId;

use crate::beneath::{Dir, Stamp};
use crate::cache::{Cache, Kept};
use crate::contract::{CONTRACT, ContractDigest};
use crate::events::{EVENTS, EventsDigest};
use crate::manifest::{MANIFEST, ManifestDigest};
use crate::problem::{Problem, RUN_DIRECTORY, What};
use crate::roster::{Heard, Place};

/// Fewer runs than this are read by one thread.
const SHARED_FROM: usize = 64;

/// The runs root, open, with what is remembered of its runs.
pub(crate) struct Scan<'a> {
    pub(crate) root: &'a Dir,
    pub(crate) cache: &'a Cache,
    /// What was heard of the runs when their places were asked for.
    heard: OnceCell<Heard>,
}

/// A run in a list: a directory whose name is a run id and that holds a manifest, readable or not.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) manifest: Arc<ManifestDigest>,
    /// Its directory, while few runs are held at a time; `None` also where nothing had to be looked at.
    dir: Option<Dir>,
}

impl Found {
    /// The same, without holding its directory open.
    fn without_directory(self) -> Self {
        Self { dir: None, ..self }
    }
}

/// Reads runs on threads of their own.
struct Reader<'a> {
    root: &'a Dir,
    cache: &'a Cache,
    heard: Option<&'a Heard>,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(root: &'a Dir, cache: &'a Cache) -> Self {
        Self { root, cache, heard: OnceCell::new() }
    }

    /// Where all runs stand, newest first.
    pub(crate) fn places(&self) -> Result<Arc<Vec<Place>>, What> {
        let runs = self.cache.roster.runs(self.root)?;
        if let Some(heard) = runs.heard {
            // Asked again, the scan stays with what it knew first: that is older, so it trusts less.
            let _ = self.heard.set(heard);
        }
        self.cache.manifests.retain(&runs.places);
        self.cache.contracts.retain(&runs.places);
        self.cache.events.retain(&runs.places);
        self.cache.documents.retain(&runs.places);
        Ok(runs.places)
    }

    fn reader(&self) -> Reader<'_> {
        Reader { root: self.root, cache: self.cache, heard: self.heard.get() }
    }

    /// Reads those of many runs that must be read, on several threads where there are several processors. What this finds is
    /// found again, in the cache, by whoever asks for one.
    pub(crate) fn prepare(&self, places: &[Place]) {
        let reader = self.reader();
        let unknown: Vec<&Place> = places.iter().filter(|place| !reader.knows(&place.name)).collect();
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
        if unknown.len() < SHARED_FROM || threads == 1 {
            return;
        }
        std::thread::scope(|scope| {
            for part in unknown.chunks(unknown.len().div_ceil(threads)) {
                let reader = &reader;
                scope.spawn(move || part.iter().for_each(|place| reader.read(&place.name)));
            }
        });
    }

    /// All runs.
    pub(crate) fn runs(&self) -> Result<Vec<Found>, What> {
        let places = self.places()?;
        self.prepare(&places);
        // Held without their directories: there may be many.
        Ok(places.iter().filter_map(|place| self.run(&place.name)).map(Found::without_directory).collect())
    }

    /// One directory, if it is a run.
    pub(crate) fn run(&self, name: &str) -> Option<Found> {
        self.reader().run(name)
    }

    /// What is done with the directory of a run.
    pub(crate) fn with<T>(&self, run: &Found, read: impl FnOnce(&Dir) -> T) -> Result<T, What> {
        self.reader().with(run, read)
    }

    pub(crate) fn contract(&self, run: &Found) -> Arc<ContractDigest> {
        self.reader().contract(run)
    }

    pub(crate) fn events(&self, run: &Found) -> Arc<EventsDigest> {
        self.reader().events(run)
    }

    /// What a file of a run holds, as it was read before where that is still good: `file` in the run's directory. What is
    /// read comes with its weight where it may be kept.
    pub(crate) fn kept<T>(
        &self,
        kept: &Kept<T>,
        run: &Found,
        file: &str,
        read: impl FnOnce(&Dir) -> (T, Option<usize>),
    ) -> Result<Arc<T>, What> {
        self.reader().kept(kept, run, file, read)
    }
}

impl Reader<'_> {
    fn knows(&self, name: &str) -> bool {
        let (manifests, events) = (&self.cache.manifests, &self.cache.events);
        match self.heard {
            Some(heard) => manifests.unchanged(name, heard).is_some() && events.unchanged(name, heard).is_some(),
            // Looking whether they are still good is not worth a thread.
            None => manifests.has(name) && events.has(name),
        }
    }

    fn read(&self, name: &str) {
        if let Some(run) = self.run(name) {
            self.events(&run);
        }
    }

    fn run(&self, name: &str) -> Option<Found> {
        if let Some(manifest) = self.heard.and_then(|heard| self.cache.manifests.unchanged(name, heard)) {
            return Some(Found { name: name.to_owned(), manifest, dir: None });
        }
        let dir = match self.root.dir(name) {
            Ok(dir) => dir,
            // Gone since the directory was listed, or not a directory any more.
            Err(What::Missing | What::NotDirectory | What::Link) => return None,
            Err(what) => {
                let problems = vec![Problem::file(RUN_DIRECTORY, what)];
                let manifest = Arc::new(ManifestDigest { problems, ..ManifestDigest::default() });
                return Some(Found { name: name.to_owned(), manifest, dir: None });
            }
        };
        let manifest = match dir.stamp(MANIFEST) {
            Ok(stamp) => match self.cache.manifests.get(name, Some(stamp), self.heard) {
                Some(known) => known,
                None => {
                    let read = Arc::new(ManifestDigest::read(&dir, name).ok()?);
                    if lasts(&read.problems) {
                        self.cache.manifests.keep(name, Some(stamp), self.heard, &read, read.weight());
                    }
                    read
                }
            },
            Err(What::Missing) => return None,
            Err(what) => Arc::new(ManifestDigest::of(name, None, Some(what), None)),
        };
        Some(Found { name: name.to_owned(), manifest, dir: Some(dir) })
    }

    fn with<T>(&self, run: &Found, read: impl FnOnce(&Dir) -> T) -> Result<T, What> {
        match &run.dir {
            Some(dir) => Ok(read(dir)),
            None => self.root.dir(&run.name).map(|dir| read(&dir)),
        }
    }

    fn contract(&self, run: &Found) -> Arc<ContractDigest> {
        let read = |dir: &Dir| {
            let digest = ContractDigest::read(dir);
            let weight = lasts(&digest.problems).then(|| digest.weight());
            (digest, weight)
        };
        self.kept(&self.cache.contracts, run, CONTRACT, read)
            .unwrap_or_else(|what| Arc::new(ContractDigest::of(None, Some(Problem::file(RUN_DIRECTORY, what)))))
    }

    fn events(&self, run: &Found) -> Arc<EventsDigest> {
        let read = |dir: &Dir| {
            let digest = EventsDigest::read(dir);
            let weight = lasts(&digest.problems).then_some(digest.weight + 512);
            (digest, weight)
        };
        self.kept(&self.cache.events, run, EVENTS, read).unwrap_or_else(|what| {
            let problems = vec![Problem::file(RUN_DIRECTORY, what)];
            Arc::new(EventsDigest { problems, ..EventsDigest::default() })
        })
    }

    fn kept<T>(
        &self,
        kept: &Kept<T>,
        run: &Found,
        file: &str,
        read: impl FnOnce(&Dir) -> (T, Option<usize>),
    ) -> Result<Arc<T>, What> {
        if let Some(known) = self.heard.and_then(|heard| kept.unchanged(&run.name, heard)) {
            return Ok(known);
        }
        self.with(run, |dir| {
            let stamp: Option<Option<Stamp>> = match dir.stamp(file) {
                Ok(stamp) => Some(Some(stamp)),
                Err(What::Missing) => Some(None),
                Err(_) => None,
            };
            if let Some(known) = stamp.and_then(|stamp| kept.get(&run.name, stamp, self.heard)) {
                return known;
            }
            let (value, weight) = read(dir);
            let value = Arc::new(value);
            if let (Some(stamp), Some(weight)) = (stamp, weight) {
                kept.keep(&run.name, stamp, self.heard, &value, weight);
            }
            value
        })
    }
}

/// Whether what was read says something about the file, and not only about the moment (too many files were open).
pub(crate) fn lasts(problems: &[Problem]) -> bool {
    !problems.iter().any(|problem| matches!(problem.what, What::Io(_)))
}

/// Exactly a run id: what is trimmed off on the way in cannot be part of a directory's name.
pub(crate) fn is_run_id(name: &str) -> bool {
    RunId::parse(name).is_ok_and(|id| id.as_str() == name)
}
