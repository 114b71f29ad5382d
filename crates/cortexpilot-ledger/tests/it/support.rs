//! A runtime root of its own for each test, and what stands in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cortexpilot_core::codec::decision::{self, Decision};
use cortexpilot_core::port::conformance::{Subject, start};
use cortexpilot_core::port::fake::ManualClock;
use cortexpilot_core::port::{Store, StoreError};
use cortexpilot_ledger::{FileStore, IndexOptions, OpenError, SegmentRule, StoreOptions};

/// A runtime root and a store on it. Dropped in this order.
pub(crate) struct World {
    pub(crate) store: FileStore,
    pub(crate) root: Root,
}

/// The first, or the second in a long campaign of faults (`cargo xtask faults --long`): where the test's own environment says
/// `CORTEXPILOT_FAULTS=long`.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, which the product never sees")]
pub(crate) fn sized<T>(usual: T, long: T) -> T {
    match std::env::var("CORTEXPILOT_FAULTS") {
        Ok(size) if size == "long" => long,
        Ok(other) => panic!("CORTEXPILOT_FAULTS is `{other}`; it may be `long`"),
        Err(_) => usual,
    }
}

/// A directory that holds a runtime root, which need not exist yet.
pub(crate) struct Root {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
    /// When its stores build the index. Usually not: what these tests write is far below what makes it due.
    pub(crate) index: IndexOptions,
    /// When its stores seal the beginning of the ledger. Usually never.
    pub(crate) segments: SegmentRule,
}

impl Root {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("cortexpilot");
        Self { _dir: dir, path, index: IndexOptions::default(), segments: SegmentRule::default() }
    }

    /// In memory, where there is such a file system: for tests that open hundreds of stores, each of which syncs.
    pub(crate) fn quick() -> Self {
        let memory = Path::new("/dev/shm");
        if !memory.is_dir() {
            return Self::new();
        }
        let dir = tempfile::tempdir_in(memory).expect("a temporary directory");
        let path = dir.path().join("cortexpilot");
        Self { _dir: dir, path, index: IndexOptions::default(), segments: SegmentRule::default() }
    }

    /// The same root, whose stores build the index at the end of every commit that leaves so many lines outside it.
    pub(crate) fn indexed(self, lines: u64) -> Self {
        Self { index: IndexOptions { lines, at_once: true, ..IndexOptions::default() }, ..self }
    }

    /// The same root, whose stores seal what they can when `queue.jsonl` is larger than this.
    pub(crate) fn sealed(self, bytes: u64) -> Self {
        Self { segments: SegmentRule { bytes: Some(bytes), age: None }, ..self }
    }

    /// All of the queue's lines, also those that are sealed, whatever a store is sealing just now.
    pub(crate) fn whole(&self) -> Vec<u8> {
        loop {
            let sealed = names(&self.file("segments"));
            let mut all = Vec::new();
            let active = self.read("queue.jsonl");
            for name in sealed.iter().filter(|name| name.ends_with(".jsonl")) {
                let segment = self.read(&format!("segments/{name}"));
                // Sealed, and not yet taken from the file.
                if !active.starts_with(&segment) {
                    all.extend(segment);
                }
            }
            if names(&self.file("segments")) == sealed && self.read("queue.jsonl") == active {
                all.extend(active);
                return all;
            }
        }
    }

    /// A root that holds this ledger.
    pub(crate) fn with_queue(bytes: impl AsRef<[u8]>) -> Self {
        Self::new().holding(bytes)
    }

    /// The same root with this ledger.
    pub(crate) fn holding(self, bytes: impl AsRef<[u8]>) -> Self {
        let root = self;
        std::fs::create_dir(&root.path).expect("a directory");
        root.write("queue.jsonl", bytes);
        root
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), bytes).expect("the file can be written");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap_or_default()
    }

    pub(crate) fn queue(&self) -> String {
        String::from_utf8(self.read("queue.jsonl")).expect("UTF-8")
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.whole()).into_owned();
        text.split_terminator('\n').map(str::to_owned).collect()
    }

    pub(crate) fn decisions(&self) -> Vec<Decision> {
        let text = String::from_utf8(self.read("decisions.jsonl")).expect("UTF-8");
        text.split_terminator('\n').map(|line| decision::decode(line.as_bytes()).expect("a decision line")).collect()
    }

    /// What stands in the lock file.
    pub(crate) fn marks(&self) -> String {
        String::from_utf8(self.read("ledger.lock")).expect("UTF-8")
    }

    pub(crate) fn open(&self) -> FileStore {
        self.try_open().expect("the store opens")
    }

    pub(crate) fn try_open(&self) -> Result<FileStore, OpenError> {
        let options = StoreOptions { index: self.index, segments: self.segments, ..options(&self.path) };
        FileStore::open(options, Arc::new(ManualClock::at(start())))
    }

    /// The names of everything in the root.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.path)
    }
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub(crate) fn options(root: &Path) -> StoreOptions {
    StoreOptions { lock_wait: Duration::from_secs(30), ..StoreOptions::new(root) }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(Root::new())
    }

    pub(crate) fn on(root: Root) -> Self {
        let store = root.open();
        Self { store, root }
    }

    /// Ends this process and starts another one.
    pub(crate) fn reopen(self) -> Self {
        drop(self.store);
        Self::on(self.root)
    }
}

impl Subject for World {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn decisions(&self) -> Vec<Decision> {
        self.root.decisions()
    }

    fn another(&self) -> Option<Box<dyn Store>> {
        Some(Box::new(self.root.open()))
    }
}

/// The file and line of the damage that an error names.
pub(crate) fn corrupt(error: StoreError) -> (String, u64) {
    let StoreError::Corrupt { file, line } = error else { panic!("not damage: {error}") };
    (file, line)
}
