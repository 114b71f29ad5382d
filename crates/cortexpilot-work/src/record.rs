//! Writes one run directory, in the form that `docs/reference/run-directory.md` describes and the run store reads.
//!
//! Three promises:
//!
//! 1. A reader never sees half a document. The directory appears under its name with its contract and a first manifest in it;
//!    every later document is written beside its place, synced, and renamed into it.
//! 2. A run that ended by accident says so: its manifest stays `RUNNING` until [`RunRecord::finish`], which replaces it last,
//!    after everything it vouches for is on stable storage.
//! 3. The events are written as they happen and their hash chain holds at every moment, also when the writer is killed
//!    between any two bytes.

mod events;
mod files;
mod line;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cortexpilot_core::domain::id::{RunId, Sha256Digest};
use cortexpilot_core::domain::time::ledger_text;
use cortexpilot_core::port::Clock;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use events::EventLog;
pub use events::{EVENT_LINE_BYTES_MAX, Level};
pub(crate) use files::{private_dir, sync_dir};
pub use line::spaced;

/// The names of the files that readers know.
pub const MANIFEST: &str = "manifest.json";
/// The pinned task contract.
pub const CONTRACT: &str = "contract.json";

/// Why a run directory could not be written. The run then has no trustworthy record, so whoever sees this must not call it
/// finished.
#[derive(Debug, thiserror::Error)]
pub enum RecordProblem {
    /// There is a run of this name already; it is left as it is.
    #[error("there is a run named {0} already")]
    Exists(RunId),
    /// The file system refused.
    #[error("{what}: {error}")]
    Io {
        /// What was being done, with the path inside the run.
        what: String,
        /// What the system answered.
        #[source]
        error: io::Error,
    },
    /// An earlier write failed: nothing is added after it, because readers could not tell what is missing.
    #[error("an earlier write to the run's record failed")]
    Broken,
}

impl RecordProblem {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}

/// What a run is when it begins.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The directory's name.
    pub run_id: RunId,
    /// The contract's task.
    pub task_id: String,
    /// The pinned contract, byte for byte.
    pub contract: Arc<[u8]>,
    /// What was asked for, for people: the contract's spec.
    pub request: String,
    /// An id for other systems' traces; 32 hexadecimal digits.
    pub trace_id: String,
    /// More members of the manifest, known from the start: `runner`, `repo`, `workflow`, `queue`, …
    pub members: Map<String, Value>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Everything that was asked for holds.
    Success,
    /// Something does not; the reason is for people and is shown in lists.
    Failure {
        /// Why, in one sentence.
        reason: String,
        /// A short code for programs, as in `failure_code`.
        code: &'static str,
    },
}

impl Ending {
    /// The manifest's word.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure { .. } => "FAILURE",
        }
    }
}

/// A run's record while it is written. Shared by the threads that read the runner's streams.
pub struct RunRecord {
    dir: PathBuf,
    run_id: RunId,
    created_at: Timestamp,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    events: EventLog,
    manifest: Map<String, Value>,
    /// Paths inside the run that the final manifest vouches for, in the order of their writing.
    files: Vec<String>,
    broken: bool,
}

impl std::fmt::Debug for RunRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunRecord").field("run_id", &self.run_id).finish_non_exhaustive()
    }
}

impl RunRecord {
    /// Makes the run's directory beneath `runs_root` (made 0700 where missing). When this returns, the run is listed, as
    /// `RUNNING`, with its contract.
    ///
    /// # Errors
    /// A run of that name exists, or the file system refused; then nothing of the run is left.
    pub fn begin(runs_root: &Path, opening: Opening, clock: Arc<dyn Clock>) -> Result<Self, RecordProblem> {
        let Opening { run_id, task_id, contract, request, trace_id, members } = opening;
        let created_at = clock.now();
        private_dir(runs_root).map_err(RecordProblem::io("the runs root"))?;
        let dir = runs_root.join(run_id.as_str());
        // A name that no reader takes for a run, in the same directory, so that the rename is one step.
        let making = runs_root.join(format!(".making-{run_id}-{}", std::process::id()));
        let mut manifest = Map::new();
        manifest.insert("run_id".into(), run_id.as_str().into());
        manifest.insert("task_id".into(), task_id.into());
        manifest.insert("created_at".into(), ledger_text(created_at).into());
        manifest.insert("status".into(), "RUNNING".into());
        manifest.insert("user_request".into(), request.into());
        manifest.insert("trace_id".into(), trace_id.clone().into());
        manifest.extend(members);
        let pinned = Sha256Digest::of(&contract).to_string();
        manifest.insert("evidence_hashes".into(), json!({ CONTRACT: pinned }));
        let written = (|| {
            std::fs::create_dir(&making)?;
            let dir = File::open(&making)?;
            files::replace(&making, CONTRACT, &contract)?;
            files::replace(&making, MANIFEST, pretty(&Value::Object(manifest.clone())).as_bytes())?;
            let events = EventLog::create(&making, run_id.as_str(), &trace_id)?;
            dir.sync_all()?;
            Ok(events)
        })();
        let events = match written {
            Ok(events) => events,
            Err(error) => {
                remove_making(&making);
                return Err(RecordProblem::io("the run's first files")(error));
            }
        };
        // `rename` would replace an empty directory, so the name is looked at too; two workers never hold one run id,
        // because it is made from random bytes, and NOREPLACE settles it where the file system knows it.
        if dir.symlink_metadata().is_ok() {
            remove_making(&making);
            return Err(RecordProblem::Exists(run_id));
        }
        if let Err(error) = files::rename_new(&making, &dir) {
            remove_making(&making);
            let taken = matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty);
            return Err(if taken {
                RecordProblem::Exists(run_id)
            } else {
                RecordProblem::io("giving the run its name")(error)
            });
        }
        sync_dir(runs_root).map_err(RecordProblem::io("the runs root"))?;
        let files = vec![CONTRACT.to_owned(), events::EVENTS.to_owned(), events::CHAIN.to_owned()];
        let inner = Mutex::new(Inner { events, manifest, files, broken: false });
        Ok(Self { dir, run_id, created_at, clock, inner })
    }

    /// The run's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The run's id.
    pub fn run_id(&self) -> &RunId {
        &self.run_id
    }

    /// When it was made.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.lock().events.count()
    }

    /// Adds an event. It is in the file when this returns (not yet on stable storage: that is [`finish`](Self::finish)).
    ///
    /// A context that does not fit a line ([`EVENT_LINE_BYTES_MAX`]) is replaced by its size and digest; the caller keeps
    /// such bytes in a log file.
    ///
    /// # Errors
    /// The write failed, now or earlier.
    pub fn event(&self, level: Level, name: &str, context: Value) -> Result<u64, RecordProblem> {
        let now = self.clock.now();
        let mut inner = self.lock();
        if inner.broken {
            return Err(RecordProblem::Broken);
        }
        match inner.events.append(now, level, name, context) {
            Ok(number) => Ok(number),
            Err(error) => {
                inner.broken = true;
                Err(RecordProblem::io("events.jsonl")(error))
            }
        }
    }

    /// Writes a document: whole or not at all. `path` is relative, inside the run.
    ///
    /// # Errors
    /// The file system refused; what stood there before stands there still.
    pub fn put(&self, path: &str, bytes: &[u8]) -> Result<FileRef, RecordProblem> {
        files::replace(&self.dir, path, bytes).map_err(RecordProblem::io(path))?;
        self.vouch_for(path);
        Ok(FileRef::of(path, bytes))
    }

    /// [`put`](Self::put) of a JSON document.
    ///
    /// # Errors
    /// As `put`.
    pub fn put_json(&self, path: &str, value: &Value) -> Result<FileRef, RecordProblem> {
        self.put(path, pretty(value).as_bytes())
    }

    /// Opens a log: written as it comes, vouched for when the run is finished.
    ///
    /// # Errors
    /// The file system refused.
    pub fn log(&self, path: &str) -> Result<File, RecordProblem> {
        let file = files::create_log(&self.dir, path).map_err(RecordProblem::io(path))?;
        self.vouch_for(path);
        Ok(file)
    }

    /// Sets a member of the final manifest. The one on disk keeps saying what it said at the beginning.
    pub fn set(&self, member: &str, value: Value) {
        self.lock().manifest.insert(member.to_owned(), value);
    }

    /// Sets a member and writes the manifest now, still as `RUNNING`: for what a reader should know of a run under way.
    ///
    /// # Errors
    /// The file system refused; the manifest that was there is there still.
    pub fn publish(&self, member: &str, value: Value) -> Result<(), RecordProblem> {
        let mut inner = self.lock();
        inner.manifest.insert(member.to_owned(), value);
        let text = pretty(&Value::Object(inner.manifest.clone()));
        files::replace(&self.dir, MANIFEST, text.as_bytes()).map_err(RecordProblem::io(MANIFEST))
    }

    /// Ends the run: syncs what was written, hashes it, and replaces the manifest by the one that vouches for it. Answers
    /// the manifest's SHA-256.
    ///
    /// # Errors
    /// Something could not be written or read back; the run stays `RUNNING` then, for it cannot be vouched for.
    pub fn finish(&self, ending: &Ending) -> Result<Sha256Digest, RecordProblem> {
        let now = self.clock.now();
        let mut inner = self.lock();
        if inner.broken {
            return Err(RecordProblem::Broken);
        }
        inner.events.sync().map_err(RecordProblem::io("events.jsonl"))?;
        let (mut artifacts, mut hashes) = (Vec::new(), Map::new());
        let mut paths = inner.files.clone();
        paths.sort();
        paths.dedup();
        for path in paths {
            let file = files::hash_synced(&self.dir, &path).map_err(RecordProblem::io(path.clone()))?;
            hashes.insert(path, file.sha256.to_string().into());
            artifacts.push(file.to_json());
        }
        let manifest = &mut inner.manifest;
        manifest.insert("status".into(), ending.status().into());
        // Never before it began: a clock that was set back must not give a run a negative length.
        manifest.insert("finished_at".into(), ledger_text(now.max(self.created_at)).into());
        if let Ending::Failure { reason, code } = ending {
            manifest.insert("failure_reason".into(), reason.clone().into());
            manifest.insert("failure_code".into(), (*code).into());
        }
        if let Some(Value::Object(workflow)) = manifest.get_mut("workflow") {
            workflow.insert("status".into(), ending.status().into());
        }
        manifest.insert("artifacts".into(), artifacts.into());
        manifest.insert("evidence_hashes".into(), hashes.into());
        manifest.insert("integrity".into(), json!({"events_hashchain_path": events::CHAIN}));
        let text = pretty(&Value::Object(manifest.clone()));
        inner.broken = true; // Nothing may be added to a finished run.
        files::replace(&self.dir, MANIFEST, text.as_bytes()).map_err(RecordProblem::io(MANIFEST))?;
        Ok(Sha256Digest::of(text.as_bytes()))
    }

    fn vouch_for(&self, path: &str) {
        self.lock().files.push(path.to_owned());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A thread that panicked between two writes left the files as a killed process would: readable.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file of the run as reports and manifests name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// Relative to the run's directory.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// How many bytes it has.
    pub size: u64,
}

impl FileRef {
    pub(crate) fn of(path: &str, bytes: &[u8]) -> Self {
        Self { path: path.to_owned(), sha256: Sha256Digest::of(bytes), size: bytes.len() as u64 }
    }

    /// In the shape that manifests and reports have it.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.path,
            "path": self.path,
            "sha256": self.sha256.to_string(),
            "size_bytes": self.size,
            "media_type": media_type(&self.path),
        })
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => "application/json",
        Some("jsonl") => "application/x-ndjson",
        Some("diff") => "text/x-diff",
        Some("md") => "text/markdown",
        Some(_) | None => "text/plain",
    }
}

/// JSON for people: two spaces a level, a newline at the end.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("invariant: a JSON value serialises");
    text.push('\n');
    text
}

/// What could not be begun is removed; if even that fails the rest has a name that no reader takes for a run.
fn remove_making(making: &Path) {
    if let Err(error) = std::fs::remove_dir_all(making)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "an unfinished run directory could not be removed");
    }
}

/// Writes all bytes; here so that the modules below share one meaning of "written".
fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}
