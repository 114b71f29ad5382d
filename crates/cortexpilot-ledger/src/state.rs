//! What this process knows of the ledger: the fold of the queue, both files as far as they were read, and the rule that
//! nothing is answered from bytes that are not durable.

use std::io;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::listing::FileProblem;
use cortexpilot_core::port::{StoreError, StoreHealth};

use crate::chain::FileKind;
use crate::lock::LOCK_NAME;
use crate::marks::Marks;
use crate::store::OpenError;
use crate::tracked::Tracked;

/// The state, as of what was read.
pub(crate) struct Shared {
    pub(crate) state: State,
    pub(crate) queue_file: Tracked,
    pub(crate) decisions_file: Tracked,
    /// Set while the fold holds what may not last: lines that this process's writer has staged, or lines of others in doubt
    /// that it judged on.
    pub(crate) in_flight: Option<InFlight>,
    /// A write of this process failed: it acknowledges nothing more.
    pub(crate) failed: Option<String>,
    /// Raised whenever staged lines were taken back: what was answered from them does not hold.
    pub(crate) generation: u64,
}

/// A turn of this process's writer, from judging until everything that it rests on is durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InFlight {
    /// Its number in this process.
    pub(crate) commit: u64,
    /// Whether the state holds lines that may not last.
    pub(crate) changes_state: bool,
    /// Whether the files hold what the fold does. Before that the writer has the ledger's lock: no other process can have
    /// written, and looking at the files would confuse. Afterwards others may have written more, and acknowledged it.
    pub(crate) written: bool,
}

impl Shared {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            state: State::default(),
            queue_file: Tracked::new(root, FileKind::Queue),
            decisions_file: Tracked::new(root, FileKind::Decisions),
            in_flight: None,
            failed: None,
            generation: 0,
        }
    }

    pub(crate) fn file(&self, kind: FileKind) -> &Tracked {
        match kind {
            FileKind::Queue => &self.queue_file,
            FileKind::Decisions => &self.decisions_file,
        }
    }

    /// One file, and the fold it may change.
    pub(crate) fn split(&mut self, kind: FileKind) -> (&mut Tracked, &mut State) {
        match kind {
            FileKind::Queue => (&mut self.queue_file, &mut self.state),
            FileKind::Decisions => (&mut self.decisions_file, &mut self.state),
        }
    }

    /// Whether the fold is ahead of the files, so that nobody may look at them.
    fn is_ahead(&self) -> bool {
        self.in_flight.is_some_and(|turn| !turn.written)
    }

    /// Whether there is nothing new: one look at each path.
    pub(crate) fn is_current(&self) -> io::Result<bool> {
        Ok(self.queue_file.is_current()? && self.decisions_file.is_current()?)
    }

    /// Reads on in both files, as far as they are durable, without the lock.
    pub(crate) fn catch_up(&mut self, marks: &Marks) -> io::Result<()> {
        self.queue_file.catch_up(marks, &mut self.state)?;
        self.decisions_file.catch_up(marks, &mut self.state)
    }

    /// Begins anew with both files, after lines were staged that may not be durable.
    pub(crate) fn take_back(&mut self) {
        self.generation += 1;
        self.in_flight = None;
        self.queue_file.forget(&mut self.state);
        self.decisions_file.forget(&mut self.state);
    }

    /// Why nothing can be written to these files, if so.
    pub(crate) fn refuses_writes(&self) -> Option<StoreError> {
        if let Some(why) = &self.failed {
            return Some(StoreError::Unavailable(why.clone()));
        }
        let damage = FileKind::ALL.into_iter().find_map(|kind| {
            let damage = self.file(kind).damage.as_ref()?;
            Some(StoreError::Corrupt { file: kind.name().to_owned(), line: damage.line })
        });
        let newer = || FileKind::ALL.into_iter().find_map(|kind| self.file(kind).newer.clone());
        damage.or_else(|| newer().map(|(_, event)| StoreError::Newer { event }))
    }

    /// Why a process that may write does not start on these files, if so.
    pub(crate) fn off_checkpoint(&self) -> Option<OpenError> {
        FileKind::ALL.into_iter().map(|kind| self.file(kind)).find(|file| file.off_checkpoint).and_then(|file| {
            let damage = file.damage.as_ref()?;
            Some(OpenError::Checkpoint { file: file.kind.name(), line: damage.line, what: damage.what.clone() })
        })
    }

    /// What lists must say.
    pub(crate) fn problems(&self) -> Vec<FileProblem> {
        self.queue_file.problems().chain(self.decisions_file.problems()).collect()
    }

    pub(crate) fn health(&self) -> StoreHealth {
        let chain = &self.queue_file.chain;
        let (pending, claimed) = self.state.queue.live();
        let mut problems = self.problems();
        problems.extend(self.queue_file.odd.iter().cloned());
        StoreHealth {
            lines: chain.lines,
            head: chain.head(),
            last_ts: chain.last_ts,
            pending,
            claimed,
            refuses_writes: self.refuses_writes(),
            problems,
        }
    }
}

/// The state with its lock. Readers share it; it is held for reading, judging and folding, never over the flush of a batch.
pub(crate) struct Engine {
    shared: RwLock<Shared>,
    marks: Marks,
}

impl Engine {
    pub(crate) fn new(root: &Path) -> Self {
        Self { shared: RwLock::new(Shared::new(root)), marks: Marks::new(root.join(LOCK_NAME)) }
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// A panic under the lock is a bug that may have left half a batch in the fold. The writer notices it, begins anew from
    /// the files and writes nothing more; so what is read here is sound again by then.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Shared> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Shared> {
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers from the state after looking at the files, so that what another process acknowledged is in the answer: before
    /// this process has written its batch nobody can have, since the batch was judged; afterwards the files are looked at as
    /// ever. Beside the answer stands what it rests on that is not durable yet.
    pub(crate) fn look<T>(&self, answer: impl Fn(&Shared) -> T) -> Result<(T, Option<RestsOn>), StoreError> {
        {
            let shared = self.read();
            if shared.is_ahead() || shared.is_current().map_err(unavailable)? {
                return Ok((answer(&shared), rests_on(&shared)));
            }
        }
        let mut shared = self.write();
        if !shared.is_ahead() {
            shared.catch_up(&self.marks).map_err(unavailable)?;
        }
        Ok((answer(&shared), rests_on(&shared)))
    }
}

impl Engine {
    /// Reads these files again from their beginning and gives what is wrong. Blocks while a commit of this process is
    /// under way.
    pub(crate) fn read_again(&self, kinds: &[FileKind]) -> Result<Vec<FileProblem>, StoreError> {
        loop {
            let mut shared = self.write();
            if shared.in_flight.is_none() {
                for kind in kinds {
                    shared.split(*kind).0.suspect();
                }
                shared.catch_up(&self.marks).map_err(unavailable)?;
                return Ok(shared.problems());
            }
            drop(shared);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// What must happen before an answer may be given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestsOn {
    /// This commit of this process must come to its end…
    pub(crate) commit: u64,
    /// …and nothing be taken back.
    pub(crate) generation: u64,
}

fn rests_on(shared: &Shared) -> Option<RestsOn> {
    let in_flight = shared.in_flight.filter(|commit| commit.changes_state)?;
    Some(RestsOn { commit: in_flight.commit, generation: shared.generation })
}

pub(crate) fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
