//! Walking the runs root for lists: which directories are runs, in which order, and what is known about each.

use std::sync::Arc;

use cortexpilot_core::domain::id::RunId;

use crate::beneath::Dir;
use crate::cache::Cache;
use crate::contract::{CONTRACT, ContractDigest};
use crate::events::{EVENTS, EventsDigest};
use crate::manifest::{MANIFEST, ManifestDigest};
use crate::page::Key;
use crate::problem::{Problem, RUN_DIRECTORY, What};
use crate::roster::Place;

/// The runs root, open, with what is remembered of its runs.
pub(crate) struct Scan<'a> {
    pub(crate) root: &'a Dir,
    cache: &'a Cache,
}

/// A run in a list: a directory whose name is a run id and that holds a manifest, readable or not.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) manifest: Arc<ManifestDigest>,
    /// Its directory, while few runs are held at a time.
    dir: Option<Dir>,
}

impl Found {
    pub(crate) fn key(&self) -> Key {
        Key { time_us: self.manifest.sort_us, name: self.name.clone() }
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn new(root: &'a Dir, cache: &'a Cache) -> Self {
        Self { root, cache }
    }

    /// Where all runs stand, newest first.
    pub(crate) fn places(&self) -> Result<Arc<Vec<Place>>, What> {
        let places = self.cache.roster.places(self.root)?;
        self.cache.manifests.retain(&places);
        self.cache.contracts.retain(&places);
        self.cache.events.retain(&places);
        Ok(places)
    }

    /// All runs, newest first.
    pub(crate) fn runs(&self) -> Result<Vec<Found>, What> {
        let mut found: Vec<Found> =
            self.places()?.iter().filter_map(|place| Some(Found { dir: None, ..self.run(&place.name)? })).collect();
        found.sort_by_cached_key(Found::key);
        Ok(found)
    }

    /// One directory, if it is a run.
    pub(crate) fn run(&self, name: &str) -> Option<Found> {
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
            Ok(stamp) => match self.cache.manifests.get(name, stamp) {
                Some(known) => known,
                None => {
                    let read = Arc::new(ManifestDigest::read(&dir, name).ok()?);
                    self.cache.manifests.keep(name, stamp, &read, read.weight());
                    read
                }
            },
            Err(What::Missing) => return None,
            Err(what) => Arc::new(ManifestDigest::of(name, None, Some(what), None)),
        };
        Some(Found { name: name.to_owned(), manifest, dir: Some(dir) })
    }

    /// What is done with the directory of a run.
    pub(crate) fn with<T>(&self, run: &Found, read: impl FnOnce(&Dir) -> T) -> Result<T, What> {
        match &run.dir {
            Some(dir) => Ok(read(dir)),
            None => self.root.dir(&run.name).map(|dir| read(&dir)),
        }
    }

    pub(crate) fn contract(&self, run: &Found) -> Arc<ContractDigest> {
        match self.with(run, |dir| self.contract_in(dir, &run.name)) {
            Ok(digest) => digest,
            Err(what) => Arc::new(ContractDigest::of(None, Some(Problem::file(RUN_DIRECTORY, what)))),
        }
    }

    fn contract_in(&self, dir: &Dir, name: &str) -> Arc<ContractDigest> {
        let stamp = dir.stamp(CONTRACT).ok();
        if let Some(known) = stamp.and_then(|stamp| self.cache.contracts.get(name, stamp)) {
            return known;
        }
        let read = Arc::new(ContractDigest::read(dir));
        if let Some(stamp) = stamp {
            self.cache.contracts.keep(name, stamp, &read, read.weight());
        }
        read
    }

    pub(crate) fn events(&self, run: &Found) -> Arc<EventsDigest> {
        match self.with(run, |dir| self.events_in(dir, &run.name)) {
            Ok(digest) => digest,
            Err(what) => {
                let problems = vec![Problem::file(RUN_DIRECTORY, what)];
                Arc::new(EventsDigest { problems, ..EventsDigest::default() })
            }
        }
    }

    fn events_in(&self, dir: &Dir, name: &str) -> Arc<EventsDigest> {
        let stamp = dir.stamp(EVENTS).ok();
        if let Some(known) = stamp.and_then(|stamp| self.cache.events.get(name, stamp)) {
            return known;
        }
        let read = Arc::new(EventsDigest::read(dir));
        if let Some(stamp) = stamp {
            self.cache.events.keep(name, stamp, &read, read.weight + 512);
        }
        read
    }
}

/// Exactly a run id: what is trimmed off on the way in cannot be part of a directory's name.
pub(crate) fn is_run_id(name: &str) -> bool {
    RunId::parse(name).is_ok_and(|id| id.as_str() == name)
}
