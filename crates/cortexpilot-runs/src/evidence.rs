//! A run's files: which there are, and whether they are those that the manifest recorded.
//!
//! Digests are computed anew each time. A remembered one would say what a file was, and that is not what is asked.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::port::runs::{Artifact, ArtifactBytes, Artifacts, BytesQuery, Checksum};
use rustix::fs::FileType;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::beneath::{Dir, io_problem};
use crate::chain::CHAIN;
use crate::events::EVENTS;
use crate::json::{self, Member, compact};
use crate::problem::{Problem, What, shown};
use crate::views;

/// The directory whose files are listed without being recorded.
pub(crate) const ARTIFACTS: &str = "artifacts";
/// Files that the writer goes on writing after it recorded their digests: a difference says nothing.
pub(crate) const WRITTEN_ON: [&str; 3] = [EVENTS, CHAIN, "reports/events_summary.json"];

/// No more files of one run are listed than this.
const FILES_MAX: usize = 1_000;
/// So deep files are looked for beneath `artifacts/`.
const DEPTH_MAX: usize = 8;
/// So many bytes are hashed for one answer: about a quarter of a second's work.
const HASHED_BYTES_MAX: u64 = 64 << 20;
/// So many bytes of a file are given at once.
const BYTES_MAX: u64 = 8 << 20;

/// What the manifest recorded: paths in the run directory and their digests as written.
pub(crate) fn recorded(manifest: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut recorded = BTreeMap::new();
    if let Some(Value::Array(artifacts)) = manifest.get("artifacts") {
        for artifact in artifacts.iter().filter_map(Value::as_object) {
            if let (Member::Present(path), Member::Present(digest)) =
                (json::text(artifact, "path"), json::text(artifact, "sha256"))
            {
                recorded.insert(path.to_owned(), digest.to_owned());
            }
        }
    }
    // Where both name a file, this one counts: it is what `facts` and `runs check` go by.
    if let Member::Present(hashes) = json::object(manifest, "evidence_hashes") {
        recorded.extend(hashes.iter().map(|(path, digest)| (path.clone(), compact(digest))));
    }
    recorded
}

/// A file beneath a run: the directory that it stands in, and its name there.
struct Below<'a> {
    run: &'a Dir,
    parent: Option<Dir>,
    name: &'a str,
}

impl<'a> Below<'a> {
    /// Each step is opened on its own, so that no part of the path leads anywhere but down.
    fn of(run: &'a Dir, path: &'a str) -> Result<Self, What> {
        let mut parts = path.split('/').collect::<Vec<_>>();
        let name = parts.pop().unwrap_or_default();
        if parts.len() > 2 * DEPTH_MAX {
            return Err(What::Missing);
        }
        let mut parent: Option<Dir> = None;
        for part in parts {
            parent = Some(parent.as_ref().unwrap_or(run).dir(part)?);
        }
        Ok(Self { run, parent, name })
    }

    fn dir(&self) -> &Dir {
        self.parent.as_ref().unwrap_or(self.run)
    }
}

/// The digest of a file of at most `most` bytes, and how many it has.
pub(crate) fn hash(run: &Dir, path: &str, most: u64) -> Result<(Sha256Digest, u64), What> {
    let below = Below::of(run, path)?;
    let (mut file, stamp) = below.dir().file(below.name)?;
    if stamp.size > most {
        return Err(What::TooLarge { bytes: most });
    }
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut read = 0;
    loop {
        let got = std::io::Read::read(&mut file, &mut buffer).map_err(|error| io_problem(&error))?;
        read += got as u64;
        match got {
            0 => return Ok((Sha256Digest::from_bytes(hasher.finalize().into()), read)),
            _ if read > most => return Err(What::TooLarge { bytes: most }),
            got => hasher.update(&buffer[..got]),
        }
    }
}

/// The run's files, each with its checksum.
pub(crate) fn artifacts(run: &Dir) -> Artifacts {
    let (manifest, _, _) = views::manifest(run);
    let recorded = manifest.as_ref().map(recorded).unwrap_or_default();
    let mut walk = Walk::default();
    match run.dir(ARTIFACTS) {
        Ok(dir) => walk.look_in(&dir, ARTIFACTS, 1),
        Err(What::Missing) => {}
        Err(what) => walk.problems.push(Problem::file(ARTIFACTS, what)),
    }
    let Walk { found, top: mut items, mut problems, mut truncated } = walk;
    items.sort_unstable();
    let mut all: BTreeMap<String, Option<String>> = found.into_iter().map(|name| (name, None)).collect();
    for (path, digest) in recorded {
        all.insert(path, Some(digest));
    }
    truncated |= all.len() > FILES_MAX;
    let mut budget = HASHED_BYTES_MAX;
    let artifacts = all
        .into_iter()
        .take(FILES_MAX)
        .map(|(name, sha256)| one(run, name, sha256, &mut budget, &mut problems))
        .collect();
    Artifacts { items, artifacts, truncated, problems: shown(&problems) }
}

fn one(run: &Dir, name: String, sha256: Option<String>, budget: &mut u64, problems: &mut Vec<Problem>) -> Artifact {
    let stamp = Below::of(run, &name).and_then(|below| below.dir().stamp(below.name));
    let (size_bytes, checksum) = match (stamp, &sha256) {
        (Err(what), _) => {
            if what != What::Missing {
                problems.push(Problem::file(name.clone(), what));
            }
            (None, Checksum::Missing)
        }
        (Ok(stamp), None) => (Some(stamp.size), Checksum::Unlisted),
        (Ok(stamp), Some(recorded)) => match hash(run, &name, *budget) {
            Ok((digest, size)) => {
                *budget -= size;
                let checksum = if Sha256Digest::parse(recorded) == Some(digest) {
                    Checksum::Verified
                } else if WRITTEN_ON.contains(&name.as_str()) {
                    Checksum::Unchecked
                } else {
                    Checksum::Altered
                };
                (Some(size), checksum)
            }
            Err(What::TooLarge { .. }) => (Some(stamp.size), Checksum::Unchecked),
            // Gone since it was looked at.
            Err(What::Missing) => (None, Checksum::Missing),
            Err(what) => {
                problems.push(Problem::file(name.clone(), what));
                (Some(stamp.size), Checksum::Unchecked)
            }
        },
    };
    Artifact { name, size_bytes, sha256, checksum }
}

/// The regular files beneath `artifacts/`.
#[derive(Default)]
struct Walk {
    /// By path in the run directory.
    found: Vec<String>,
    /// The names of those directly in it.
    top: Vec<String>,
    problems: Vec<Problem>,
    truncated: bool,
}

impl Walk {
    fn look_in(&mut self, dir: &Dir, path: &str, depth: usize) {
        let mut entries = match dir.entries() {
            Ok(entries) => entries,
            Err(what) => return self.problems.push(Problem::file(path, what)),
        };
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            let Some(name) = entry.name else {
                let problem = Problem::file(path, What::NotUtf8);
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                continue;
            };
            if self.found.len() >= FILES_MAX {
                self.truncated = true;
                return;
            }
            let below = format!("{path}/{name}");
            match entry.kind {
                FileType::RegularFile => {
                    if depth == 1 {
                        self.top.push(name);
                    }
                    self.found.push(below);
                }
                FileType::Directory if depth < DEPTH_MAX => match dir.dir(&name) {
                    Ok(dir) => self.look_in(&dir, &below, depth + 1),
                    // Gone since it was listed.
                    Err(What::Missing) => {}
                    Err(what) => self.problem(&below, what),
                },
                FileType::Directory => self.truncated = true,
                FileType::Symlink => self.problem(&below, What::Link),
                FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => self.problem(&below, What::NotRegular("something else")),
            }
        }
    }

    fn problem(&mut self, file: &str, what: What) {
        if self.problems.len() < FILES_MAX {
            self.problems.push(Problem::file(file, what));
        }
    }
}

/// Some bytes of a listed file; `None` when there is no such file, or none that may be read.
pub(crate) fn bytes(run: &Dir, name: &str, wanted: BytesQuery) -> Result<Option<ArtifactBytes>, What> {
    let (manifest, _, _) = views::manifest(run);
    let is_recorded = || manifest.as_ref().is_some_and(|manifest| recorded(manifest).contains_key(name));
    let in_artifacts = name.strip_prefix(ARTIFACTS).is_some_and(|rest| rest.starts_with('/'));
    let name = if in_artifacts || is_recorded() { name.to_owned() } else { format!("{ARTIFACTS}/{name}") };
    let opened = Below::of(run, &name).and_then(|below| below.dir().file(below.name));
    let (file, stamp) = match opened {
        Ok(opened) => opened,
        Err(What::Missing | What::Link | What::NotDirectory | What::NotRegular(_)) => return Ok(None),
        Err(what) => return Err(what),
    };
    let most = wanted.limit.min(BYTES_MAX).min(stamp.size.saturating_sub(wanted.offset));
    let mut bytes = vec![0; usize::try_from(most).unwrap_or(0)];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], wanted.offset + read as u64) {
            // It was cut since it was looked at.
            Ok(0) => break,
            Ok(got) => read += got,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_problem(&error)),
        }
    }
    bytes.truncate(read);
    Ok(Some(ArtifactBytes { name, offset: wanted.offset, bytes, size: stamp.size }))
}
