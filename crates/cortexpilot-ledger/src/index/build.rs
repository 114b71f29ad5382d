//! Building the index: in a process that writes, beside what it does, one process at a time.
//!
//! The builder takes note of where things stand, writes the items that were closed since the last snapshot as a table,
//! merged with the newest tables as long as those are not twice as large, and puts a new snapshot in place. So there are
//! few tables, each item is written again a logarithmic number of times, and whoever looks meanwhile finds the old
//! snapshot or the new one. The ledger's lock is not taken. Whatever fails is tried again later.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use cortexpilot_core::domain::id::Sha256Digest;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::capture::{Capture, log_part};
use super::lines::Lines;
use super::snapshot::{self, Snapshot};
use super::table::{Described, Record, Section, Table, TableWriter, file_name, is_table};
use super::{Broken, DIR, Index};
use crate::chain::FileKind;
use crate::disk::{self, Disk, Stat};
use crate::state::{Engine, Shared};

/// When a process brings the index up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexOptions {
    /// After so many lines behind the last snapshot; more when many items are live, for each snapshot names them all.
    pub lines: u64,
    /// Or after so many bytes.
    pub bytes: u64,
    /// By the thread that commits, at the end of each commit after which it is due, instead of in the background; and
    /// however many items are live. For tests.
    pub at_once: bool,
}

impl Default for IndexOptions {
    /// After 4,096 lines or 4 MiB, which a process reads in some ten milliseconds when it opens.
    fn default() -> Self {
        Self { lines: 4096, bytes: 4 * 1024 * 1024, at_once: false }
    }
}

impl IndexOptions {
    /// Never. An index that others made is used all the same.
    pub fn off() -> Self {
        Self { lines: u64::MAX, bytes: u64::MAX, at_once: false }
    }

    fn is_off(&self) -> bool {
        self.lines == u64::MAX && self.bytes == u64::MAX
    }
}

/// How often a process that writes nothing looks whether others have made a newer index.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Of two builders one gives way.
const LOCK: &str = "lock";

/// Builds the index of a runtime root.
pub(crate) struct Builder {
    root: PathBuf,
    disk: Disk,
    options: IndexOptions,
    /// After a failure: not before there are so many lines behind the last snapshot.
    not_before: AtomicU64,
}

/// Who builds in this process.
pub(crate) enum Wake {
    Thread(Arc<Builder>, Thread),
    AtOnce(Builder),
}

impl Wake {
    pub(crate) fn committed(&self, engine: &Engine) {
        match self {
            Self::Thread(builder, thread) => {
                // Whoever changes the state now comes here behind that.
                if engine.try_read().is_some_and(|shared| builder.is_due(&shared)) {
                    thread.unpark();
                }
            }
            Self::AtOnce(builder) => builder.check(engine),
        }
    }
}

/// The thread that builds. Dropping it builds once more if that is due, and waits for it.
pub(crate) struct Background {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn start(
        options: IndexOptions,
        root: &Path,
        engine: &Arc<Engine>,
        disk: Disk,
    ) -> io::Result<Option<Self>> {
        let builder = Builder::new(root, disk, options);
        if options.at_once {
            let _ = engine.builder.set(Wake::AtOnce(builder));
            return Ok(None);
        }
        if options.is_off() {
            return Ok(None);
        }
        let (builder, stop) = (Arc::new(builder), Arc::new(AtomicBool::new(false)));
        let (build, asked_to_stop, shared) = (builder.clone(), stop.clone(), engine.clone());
        let thread = std::thread::Builder::new().name("ledger-index".into()).spawn(move || {
            let mut seen = None;
            loop {
                let last = asked_to_stop.load(Ordering::Acquire);
                build.look(&shared, &mut seen);
                build.check(&shared);
                if last {
                    return;
                }
                std::thread::park_timeout(LOOK_EVERY);
            }
        })?;
        let _ = engine.builder.set(Wake::Thread(builder, thread.thread().clone()));
        Ok(Some(Self { stop, thread: Some(thread) }))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a bug stopped the thread that builds the index; the ledger is not touched by it");
            }
        }
    }
}

impl Builder {
    pub(super) fn new(root: &Path, disk: Disk, options: IndexOptions) -> Self {
        Self { root: root.to_owned(), disk, options, not_before: AtomicU64::new(0) }
    }

    fn dir(&self) -> PathBuf {
        self.root.join(DIR)
    }

    /// Whether enough stands behind the last snapshot. A ledger that cannot be written to is left alone.
    fn is_due(&self, shared: &Shared) -> bool {
        if shared.refuses_writes().is_some() || shared.index().is_some_and(|index| index.is_broken()) {
            return false;
        }
        let (lines, bytes) = behind(shared);
        if lines < self.not_before.load(Ordering::Relaxed) {
            return false;
        }
        let (pending, claimed) = shared.state.queue.live();
        let live = if self.options.at_once { 0 } else { (pending + claimed) as u64 };
        lines >= self.options.lines.max(live / 4) || bytes >= self.options.bytes.max(live.saturating_mul(256))
    }

    /// Uses what another process has built.
    fn look(&self, engine: &Engine, seen: &mut Option<Stat>) {
        let now = disk::stat(&self.dir().join(snapshot::NAME)).ok().flatten();
        if now != *seen {
            *seen = now;
            self.take_newer(engine);
        }
    }

    fn take_newer(&self, engine: &Engine) {
        let (found, restarts, generation) = {
            let shared = engine.read();
            let than = shared.index().map_or(0, |index| index.queue.offset);
            let found = Index::newer(&self.root, &shared.queue_file, than);
            (found, shared.queue_file.restarts, shared.generation)
        };
        match found {
            Ok(Some(index)) => use_if_unchanged(engine, index, restarts, generation),
            Ok(None) => {}
            Err(why) => tracing::debug!(%why, "there is no newer index to use"),
        }
    }

    /// Builds, if that is due.
    pub(super) fn check(&self, engine: &Engine) {
        if !self.is_due(&engine.read()) {
            return;
        }
        match self.build(engine) {
            Ok(()) => self.not_before.store(0, Ordering::Relaxed),
            Err(why) => {
                // A full disk, most likely. The ledger is whole without an index.
                tracing::debug!(%why, "the index could not be built");
                let (lines, _) = behind(&engine.read());
                self.not_before.store(lines.saturating_add(self.options.lines), Ordering::Relaxed);
            }
        }
    }

    fn build(&self, engine: &Engine) -> Result<(), Broken> {
        let dir = self.dir();
        self.disk.make_dirs(&dir).map_err(Broken::io)?;
        let (lock, _) = self.disk.open_in_place(&dir.join(LOCK)).map_err(Broken::io)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(()),
            Err(error) => return Err(Broken::io(error.into())),
        }
        self.take_newer(engine);
        if !self.is_due(&engine.read()) {
            return Ok(());
        }
        let Some(mut capture) = Capture::take(&engine.read())? else { return Ok(()) };
        let written = self.write_tables(&mut capture);
        if let (Err(why), Some(base)) = (&written, &capture.base) {
            // Its tables were read; nobody else may have looked at these blocks for long.
            if why.is_content() {
                base.found_broken(why);
            }
        }
        capture.header.tables = written?;
        wait_until_durable(engine, &capture)?;
        for kind in FileKind::ALL {
            let log = log_part(&self.root, kind, &capture)?;
            match kind {
                FileKind::Queue => capture.header.queue.log = log,
                FileKind::Decisions => capture.header.decisions.log = log,
            }
        }
        let snapshot = Snapshot::new(capture.header, capture.live, capture.changes);
        self.put(&snapshot.encode()?).map_err(Broken::io)?;
        self.tidy(&snapshot.header.tables).map_err(Broken::io)?;
        let tables = snapshot.header.tables.iter().map(|is| Table::open(&dir, is));
        let tables: Option<Vec<Table>> = tables.collect::<Result<_, _>>()?;
        let tables = tables.ok_or_else(|| Broken::new("somebody took a table away"))?;
        let lines = Lines::new(FileKind::Queue, capture.queue_file, snapshot.header.queue.began()?);
        let index = Index::new(&snapshot, tables, lines)?;
        use_if_unchanged(engine, index, capture.restarts, capture.generation);
        // Held until here.
        drop(lock);
        Ok(())
    }

    /// Writes what was closed since the last snapshot, and gives the tables that hold everything.
    fn write_tables(&self, capture: &mut Capture) -> Result<Vec<Described>, Broken> {
        let dir = self.dir();
        let tables: &[Table] = capture.base.as_ref().map_or(&[], |base| &base.tables);
        let mut from = tables.len();
        let mut rows = capture.fresh[0].len() as u64;
        while from > 0 && tables[from - 1].is.rows() < 2 * rows {
            from -= 1;
            rows += tables[from].is.rows();
        }
        // Somebody may have deleted the directory; this process still has its tables open.
        let is_there =
            |table: &Table| matches!(disk::stat(&table.is.path(&dir)), Ok(Some(stat)) if stat.size == table.is.size());
        if !tables[..from].iter().all(is_there) {
            (from, rows) = (0, tables.iter().map(|table| table.is.rows()).sum::<u64>() + capture.fresh[0].len() as u64);
        }
        let mut kept: Vec<Described> = tables[..from].iter().map(|table| table.is.clone()).collect();
        if rows > 0 {
            kept.push(self.write_table(&dir, capture, from)?);
        }
        Ok(kept)
    }

    fn write_table(&self, dir: &Path, capture: &Capture, from: usize) -> Result<Described, Broken> {
        let merged: &[Table] = capture.base.as_ref().map_or(&[], |base| &base.tables[from..]);
        let name = name_of(capture, merged);
        let (path, part) = (dir.join(file_name(&name)), dir.join(file_name(&format!("{name}.tmp"))));
        let mut writer = TableWriter::new(&self.disk, &part, name).map_err(Broken::io)?;
        for section in Section::ALL {
            let fresh = &capture.fresh[section as usize];
            merge(section, fresh, merged, |record| writer.push(section, record).map_err(Broken::io))?;
            writer.end_section().map_err(Broken::io)?;
        }
        let is = writer.finish().map_err(Broken::io)?;
        self.disk.rename(&part, &path).map_err(Broken::io)?;
        Ok(is)
    }

    fn put(&self, bytes: &[u8]) -> io::Result<()> {
        let (path, part) = (self.dir().join(snapshot::NAME), self.dir().join(format!("{}.tmp", snapshot::NAME)));
        let file = self.disk.create_empty(&part)?;
        self.disk.write_at(&file, bytes, 0)?;
        self.disk.rename(&part, &path)
    }

    /// Takes tables away that no snapshot names any more. Whoever has them open goes on with them.
    fn tidy(&self, tables: &[Described]) -> io::Result<()> {
        for entry in std::fs::read_dir(self.dir())? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            if is_table(name) && !tables.iter().any(|is| file_name(&is.name) == name) {
                self.disk.unlink(&self.dir().join(name))?;
            }
        }
        Ok(())
    }
}

/// Lines and bytes behind the last snapshot, in both files.
fn behind(shared: &Shared) -> (u64, u64) {
    let sums = FileKind::ALL.into_iter().map(|kind| {
        let (chain, index) = (&shared.file(kind).chain, shared.index().map(|index| index.position(kind)));
        let (lines, bytes) = index.map_or((0, 0), |position| (position.lines, position.offset));
        (chain.lines.saturating_sub(lines), chain.offset.saturating_sub(bytes))
    });
    sums.fold((0, 0), |(lines, bytes), (more_lines, more_bytes)| (lines + more_lines, bytes + more_bytes))
}

fn use_if_unchanged(engine: &Engine, index: Index, restarts: u64, generation: u64) {
    let mut shared = engine.write();
    if (shared.queue_file.restarts, shared.generation) == (restarts, generation) {
        shared.use_index(index);
    }
}

/// How long a commit may take before its lines are left for the next time.
const PATIENCE: u32 = 10_000;

/// What was noted may rest on lines of a commit under way. A snapshot never names a line that is not durable.
fn wait_until_durable(engine: &Engine, capture: &Capture) -> Result<(), Broken> {
    for _ in 0..PATIENCE {
        {
            let shared = engine.read();
            if shared.generation != capture.generation || shared.failed.is_some() {
                return Err(Broken::new("lines were taken back"));
            }
            if capture.in_flight.is_none_or(|then| engine.last_ended() >= then) {
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(Broken::new("a commit does not come to its end"))
}

/// A name that follows from what goes into the table.
fn name_of(capture: &Capture, merged: &[Table]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{:?} {}", capture.position, capture.fresh[0].len());
    for table in merged {
        // Writing to a String cannot fail.
        let _ = write!(text, " {}", table.is.name);
    }
    Sha256Digest::of(text.as_bytes()).to_string()[..32].to_owned()
}

/// Gives the records of all of them in order.
fn merge(
    section: Section,
    fresh: &[Record],
    tables: &[Table],
    mut take: impl FnMut(&Record) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut fresh = fresh.iter().peekable();
    let mut cursors: Vec<_> = tables.iter().map(|table| table.records(section)).collect();
    loop {
        let mut least: Option<(usize, Record)> = None;
        for (at, cursor) in cursors.iter_mut().enumerate() {
            if let Some(record) = cursor.peek()?
                && least.is_none_or(|(_, least)| record < least)
            {
                least = Some((at, record));
            }
        }
        let first = fresh.next_if(|record| least.is_none_or(|(_, least)| **record <= least));
        match (first, least) {
            (Some(record), _) => take(record)?,
            (None, Some((at, record))) => {
                take(&record)?;
                cursors[at].advance();
            }
            (None, None) => return Ok(()),
        }
    }
}
