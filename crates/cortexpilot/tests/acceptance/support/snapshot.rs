//! Everything below a directory, to the byte: what "changed nothing" is held against.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// All entries below a directory (itself included): kind, mode, time of the last change, bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Entry>);

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    /// Nanoseconds. A file rewritten with its own bytes, or one made in a directory and removed again, shows here.
    changed_ns: i128,
    bytes: Vec<u8>,
}

/// One difference between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// There was no such entry before.
    Added(PathBuf),
    /// The entry is gone.
    Removed(PathBuf),
    /// A file that begins with all its old bytes and goes on with these.
    Appended(PathBuf, Vec<u8>),
    /// Bytes, kind or mode are other than before.
    Changed(PathBuf),
    /// Written, to no effect that could be read now; of a directory: something in it came and went.
    Touched(PathBuf),
}

impl Snapshot {
    /// Takes one. Paths are relative to `root`.
    pub(crate) fn of(root: &Path) -> Self {
        let mut entries = BTreeMap::new();
        collect(root, Path::new(""), &mut entries);
        Self(entries)
    }

    /// What is different now, by path. A directory is not named as touched when an entry in it is named itself.
    pub(crate) fn differences(&self, now: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for (path, was) in &self.0 {
            match now.0.get(path) {
                None => found.push(Difference::Removed(path.clone())),
                Some(is) if was == is => {}
                Some(is) => found.push(was.against(is, path)),
            }
        }
        let added = now.0.keys().filter(|path| !self.0.contains_key(*path));
        found.extend(added.map(|path| Difference::Added(path.clone())));
        let explained: Vec<PathBuf> = found
            .iter()
            .filter(|difference| !matches!(difference, Difference::Touched(_)))
            .filter_map(|difference| Some(difference.path().parent()?.to_path_buf()))
            .collect();
        found.retain(|difference| !matches!(difference, Difference::Touched(path) if explained.contains(path)));
        found.sort();
        found
    }

    /// Fails the test when anything below `root` is other than it was.
    pub(crate) fn assert_unchanged(&self, root: &Path, what: &str) {
        let found = self.differences(&Self::of(root));
        assert!(found.is_empty(), "{what} changed files: {found:?}");
    }
}

impl Difference {
    /// The entry it is about.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Added(path)
            | Self::Removed(path)
            | Self::Appended(path, _)
            | Self::Changed(path)
            | Self::Touched(path) => path,
        }
    }
}

impl Entry {
    fn against(&self, now: &Self, path: &Path) -> Difference {
        let path = path.to_path_buf();
        if self.mode != now.mode {
            return Difference::Changed(path);
        }
        if self.bytes == now.bytes {
            return Difference::Touched(path);
        }
        match now.bytes.strip_prefix(&self.bytes[..]) {
            Some(tail) => Difference::Appended(path, tail.to_vec()),
            None => Difference::Changed(path),
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

fn collect(root: &Path, relative: &Path, entries: &mut BTreeMap<PathBuf, Entry>) {
    let path = root.join(relative);
    let Ok(meta) = fs::symlink_metadata(&path) else { return };
    let bytes = if meta.is_file() {
        fs::read(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
    } else if meta.is_symlink() {
        fs::read_link(&path).map(|to| to.into_os_string().into_encoded_bytes()).unwrap_or_default()
    } else {
        Vec::new()
    };
    let changed_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    entries.insert(relative.to_path_buf(), Entry { mode: meta.mode(), changed_ns, bytes });
    if !meta.is_dir() {
        return;
    }
    for entry in fs::read_dir(&path).unwrap_or_else(|error| panic!("{} cannot be listed: {error}", path.display())) {
        let name = entry.expect("a directory entry can be read").file_name();
        collect(root, &relative.join(name), entries);
    }
}
