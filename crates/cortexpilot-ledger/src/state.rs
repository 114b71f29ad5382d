//! What this process knows of the ledger: the fold of the queue, both files as far as they were read, and the rule that
//! nothing is answered from bytes that are not durable.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::listing::{FileProblem, QueueFilter, QueueListing};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::port::{StoreError, StoreHealth};
use tokio::sync::watch;

use crate::beside::Beside;
use crate::chain::FileKind;
use crate::index::{Beginning, Index, Wake};
use crate::lock::LOCK_NAME;
use crate::marks::Marks;
use crate::shown::Directory;
use crate::store::OpenError;
use crate::tracked::Tracked;

/// After how many bytes of the queue's file a process looks whether others have made a newer index.
const LOOK_EVERY: u64 = 4 * 1024 * 1024;

/// The state, as of what was read.
pub(crate) struct Shared {
    pub(crate) state: State,
    pub(crate) queue_file: Tracked,
    pub(crate) decisions_file: Tracked,
    /// Set when the fold holds what may not last: lines that this process's writer has staged, or lines of others in doubt
    /// that it judged on. Who asks whether it does still, asks for [`Shared::under_way`].
    pub(crate) in_flight: Option<InFlight>,
    /// A write of this process failed: it acknowledges nothing more.
    pub(crate) failed: Option<String>,
    /// Where closed items are that the fold does not hold, and after how many restarts of the queue's file that began to
    /// hold: a fold that was read anew holds them all.
    index: Option<(Arc<Index>, u64)>,
    /// Whether reading may begin with an index.
    resumable: bool,
    /// How far the queue's file was read when a newer index was last looked for.
    looked_at: u64,
    root: PathBuf,
    /// Raised whenever staged lines were taken back: what was answered from them does not hold.
    pub(crate) generation: u64,
    /// The last turn of this process that came to its end, and with it all before.
    ended: Arc<watch::Sender<u64>>,
}

/// The newest turn of this process's writer that left something to be made durable. It is under way until it has ended,
/// and so are turns before it; they end in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InFlight {
    /// Its number in this process.
    pub(crate) commit: u64,
    /// The newest turn since which the state holds lines that may not last, this one or one before it.
    pub(crate) changed_by: Option<u64>,
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
            index: None,
            resumable: false,
            looked_at: 0,
            root: root.to_owned(),
            generation: 0,
            ended: Arc::new(watch::Sender::new(0)),
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

    /// The newest turn under way.
    pub(crate) fn under_way(&self) -> Option<InFlight> {
        self.in_flight?;
        let ended = *self.ended.borrow();
        let changed_by = |turn: InFlight| turn.changed_by.filter(|by| *by > ended);
        let under_way = self.in_flight.filter(|turn| turn.commit > ended);
        under_way.map(|turn| InFlight { changed_by: changed_by(turn), ..turn })
    }

    /// Whether the fold is ahead of the files, so that nobody may look at them.
    fn is_ahead(&self) -> bool {
        self.in_flight.is_some_and(|turn| !turn.written)
    }

    /// Whether there is nothing new to read in these files: one look at each.
    fn is_current(&self, kinds: &[FileKind]) -> io::Result<bool> {
        for kind in kinds {
            if !self.file(*kind).is_current_to_read()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads on in both files, as far as they are durable, without the lock.
    pub(crate) fn catch_up(&mut self, marks: &Marks) -> io::Result<()> {
        self.drop_broken_index();
        if self.resumable && self.queue_file.is_unread() && self.decisions_file.is_unread() {
            self.resumable = false;
            self.begin_with_index(marks);
        }
        self.queue_file.catch_up(marks, &mut self.state)?;
        self.decisions_file.catch_up(marks, &mut self.state)?;
        if self.queue_file.chain.offset >= self.looked_at.saturating_add(LOOK_EVERY) {
            self.take_newer_index();
        }
        Ok(())
    }

    fn begin_with_index(&mut self, marks: &Marks) {
        let Some(beginning) = Beginning::find(&self.root, marks) else { return };
        let Beginning { state, queue_file, decisions_file, index } = beginning;
        (self.state, self.queue_file, self.decisions_file) = (state, queue_file, decisions_file);
        self.looked_at = index.queue.offset;
        self.index = Some((Arc::new(index), self.queue_file.restarts));
    }

    #[cfg(test)]
    pub(crate) fn begin_without_index(&mut self) {
        self.resumable = false;
    }

    /// Lets go of closed items that a newer index has, if there is one of these lines.
    pub(crate) fn take_newer_index(&mut self) {
        self.looked_at = self.queue_file.chain.offset;
        let than = self.index().map_or(0, |index| index.queue.offset);
        match Index::newer(&self.root, &self.queue_file, than) {
            Ok(Some(index)) => self.use_index(index),
            Ok(None) => {}
            Err(why) => tracing::debug!(%why, "there is no newer index to use"),
        }
    }

    /// What is kept beside the ledger.
    pub(crate) fn beside(&self) -> Beside<'_> {
        Beside::of(&self.root)
    }

    /// From here on items that were closed before the index's position are found there. It is of these very lines.
    pub(crate) fn use_index(&mut self, index: Index) {
        self.state.archive(index.queue.offset);
        self.index = Some((Arc::new(index), self.queue_file.restarts));
    }

    /// The index in use, if the fold rests on one.
    pub(crate) fn index(&self) -> Option<&Arc<Index>> {
        self.index.as_ref().filter(|(_, since)| *since == self.queue_file.restarts).map(|(index, _)| index)
    }

    /// Has everything read anew where the index turned out to be damaged.
    pub(crate) fn drop_broken_index(&mut self) {
        if self.under_way().is_none() && self.index().is_some_and(|index| index.is_broken()) {
            self.index = None;
            self.queue_file.suspect();
        }
    }

    /// What an apply or preview rests on: the fold's answer, completed with closed items that it does not hold.
    pub(crate) fn facts(&self, query: &EnqueueQuery) -> Result<EnqueueFacts, StoreError> {
        let mut facts = self.state.facts(query);
        let Some(index) = self.index() else { return Ok(facts) };
        if let (None, Some(id)) = (&facts.by_preview, &query.by_preview) {
            facts.by_preview = index.item(id)?;
        }
        if let Some(key) = &query.by_key {
            let closed = index.by_key(&query.principal, key)?;
            facts.by_key = facts.by_key.into_iter().chain(closed).max_by_key(|item| item.seq);
        }
        if let Some(run) = query.source_run_id.as_deref() {
            let held = self.state.queue.by_run_at(run).map(|(_, at)| at);
            if let Some((item, at)) = index.by_run(run)?
                && held.is_none_or(|held| held < at)
            {
                facts.parent = Some(item);
            }
        }
        Ok(facts)
    }

    /// The item of this id, live or closed.
    pub(crate) fn item(&self, id: &QueueItemId) -> Result<Option<QueueItem>, StoreError> {
        match (self.state.queue.get(id), self.index()) {
            (Some(item), _) => Ok(Some(item.clone())),
            (None, Some(index)) => index.item(id),
            (None, None) => Ok(None),
        }
    }

    /// Items in enqueue order, with what is wrong with the files that they come from.
    pub(crate) fn list(&self, filter: &QueueFilter) -> Result<QueueListing, StoreError> {
        let mut listing = match self.index() {
            Some(index) => index.list(&self.state.queue, filter)?,
            None => self.state.queue.list(filter),
        };
        listing.problems = self.problems();
        Ok(listing)
    }

    /// Begins anew with both files, after lines were staged that may not be durable.
    pub(crate) fn take_back(&mut self) {
        self.generation += 1;
        self.in_flight = None;
        self.resumable = true;
        self.queue_file.forget(&mut self.state);
        self.decisions_file.forget(&mut self.state);
        self.looked_at = 0;
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
            held: self.state.queue.to_settle(),
            refuses_writes: self.refuses_writes(),
            problems,
        }
    }
}

/// The state with its lock. Readers share it; it is held for reading, judging and folding, never over the flush of a batch.
pub(crate) struct Engine {
    shared: RwLock<Shared>,
    ended: Arc<watch::Sender<u64>>,
    marks: Marks,
    /// Whoever builds the index in this process.
    pub(crate) builder: OnceLock<Wake>,
    /// Where lines stand, for those who look at single ones.
    pub(crate) directory: Directory,
}

impl Engine {
    pub(crate) fn new(root: &Path) -> Self {
        let shared = Shared { resumable: true, ..Shared::new(root) };
        let ended = shared.ended.clone();
        Self {
            shared: RwLock::new(shared),
            ended,
            marks: Marks::new(root.join(LOCK_NAME)),
            builder: OnceLock::new(),
            directory: Directory::default(),
        }
    }

    /// Says that this turn came to its end, and all before it: what they left is durable, or taken back. Needs no lock of the
    /// state's, which may be judging the next one.
    pub(crate) fn ended(&self, commit: u64) {
        self.ended.send_if_modified(|ended| {
            let later = commit > *ended;
            *ended = commit.max(*ended);
            later
        });
    }

    /// Has everybody who waits for turns look again: something else has changed.
    pub(crate) fn tell(&self) {
        self.ended.send_modify(|_| {});
    }

    /// The end of all turns, when a bug has stopped whoever would have ended them: what may not be durable is not answered
    /// from, and nobody waits.
    pub(crate) fn stop(&self, why: &str) {
        let mut shared = self.write();
        shared.failed.get_or_insert_with(|| why.to_owned());
        shared.take_back();
        drop(shared);
        self.ended.send_replace(u64::MAX);
    }

    /// The last turn that came to its end.
    pub(crate) fn last_ended(&self) -> u64 {
        *self.ended.borrow()
    }

    /// Tells of every turn that comes to its end.
    pub(crate) fn watch_ends(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// The state, unless it is being changed just now.
    pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, Shared>> {
        match self.shared.try_read() {
            Ok(shared) => Some(shared),
            Err(TryLockError::Poisoned(shared)) => Some(shared.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// A commit of this process came to its end: the index may be due.
    pub(crate) fn committed(&self) {
        if let Some(builder) = self.builder.get() {
            builder.committed(self);
        }
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
    pub(crate) fn look<T>(
        &self,
        answer: impl Fn(&Shared) -> Result<T, StoreError>,
    ) -> Result<(T, Option<RestsOn>), StoreError> {
        self.look_at(&FileKind::ALL, answer)
    }

    /// The same for an answer that rests on these files alone.
    pub(crate) fn look_at<T>(
        &self,
        kinds: &[FileKind],
        answer: impl Fn(&Shared) -> Result<T, StoreError>,
    ) -> Result<(T, Option<RestsOn>), StoreError> {
        {
            let shared = self.read();
            let sound = || shared.index().is_none_or(|index| !index.is_broken());
            if shared.is_ahead() || (sound() && shared.is_current(kinds).map_err(unavailable)?) {
                return Ok((answer(&shared)?, rests_on(&shared)));
            }
        }
        let mut shared = self.write();
        if !shared.is_ahead() {
            shared.catch_up(&self.marks).map_err(unavailable)?;
        }
        Ok((answer(&shared)?, rests_on(&shared)))
    }
}

impl Engine {
    /// Reads these files again from their beginning and gives what is wrong. Blocks while a commit of this process is
    /// under way.
    pub(crate) fn read_again(&self, kinds: &[FileKind]) -> Result<Vec<FileProblem>, StoreError> {
        loop {
            let mut shared = self.write();
            if shared.under_way().is_none() {
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
    let commit = shared.under_way()?.changed_by?;
    Some(RestsOn { commit, generation: shared.generation })
}

pub(crate) fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
