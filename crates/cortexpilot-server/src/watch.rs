//! Who waits for a change is told of it, whichever process made it.
//!
//! There is nothing to be woken by that works for every store and every disk and leaves no byte behind, so this looks: four
//! times a second, and only while somebody waits. A look at the queue costs one question for its head; items are looked at
//! only when that has moved. Runs are looked at by the stamps of their files.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use cortexpilot_core::app::Reader;
use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::port::lines::{LedgerFile, LineFilter, LinesFrom, LinesQuery};
use cortexpilot_core::port::runs::Part;

use crate::mcp::readonly::Checkpoint;
use crate::mcp::{Ring, Watching};

/// How long there is between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The most that is watched at one time, over all clients. Any number of them may wait for the same.
const WATCHED_MAX: usize = 1024;

/// What can be waited for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// The queue's last line: any change of the queue.
    Queue,
    /// The last line of refusals and decisions.
    Decisions,
    /// One item.
    Item(QueueItemId),
    /// A run's manifest, contract and events.
    Run(RunId),
    /// A run's events.
    Events(RunId),
    /// A run's stored report of this file name.
    Report(RunId, String),
    /// The signed checkpoint.
    Checkpoint,
}

/// So much is watched already that no more can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// What was seen of a subject last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Head(u64, Sha256Digest),
    Item(Option<Box<QueueItem>>),
    Mark(u64),
    Note(Option<String>),
}

struct Entry {
    /// `None`: it could not be looked at yet.
    seen: Option<Seen>,
    /// Not looked at since it was entered. What the head was then is not known, so the first look does not go by it.
    fresh: bool,
    rings: Vec<(u64, Ring)>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Subject, Entry>,
    last: u64,
    looking: bool,
}

/// Looks at what is watched.
#[derive(Clone)]
pub(crate) struct Watcher {
    inner: Arc<Inner>,
}

struct Inner {
    reader: Reader,
    checkpoint: Option<Checkpoint>,
    state: Mutex<State>,
}

impl Watcher {
    pub(crate) fn new(reader: Reader, checkpoint: Option<Checkpoint>) -> Self {
        Self { inner: Arc::new(Inner { reader, checkpoint, state: Mutex::default() }) }
    }

    /// Rings when the subject changes after this call has returned.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub(crate) async fn watch(&self, subject: Subject, ring: Ring) -> Result<Watching, TooMuch> {
        // Looked at before it is entered: of two changes around this, at least the second is told.
        let seen = self.inner.look(&subject).await;
        let mut state = self.inner.lock();
        if state.entries.len() >= WATCHED_MAX && !state.entries.contains_key(&subject) {
            return Err(TooMuch);
        }
        state.last += 1;
        let number = state.last;
        let entry =
            state.entries.entry(subject.clone()).or_insert_with(|| Entry { seen, fresh: true, rings: Vec::new() });
        entry.rings.push((number, ring));
        if !std::mem::replace(&mut state.looking, true) {
            tokio::spawn(keep_looking(Arc::downgrade(&self.inner)));
        }
        drop(state);
        let inner = Arc::downgrade(&self.inner);
        Ok(Watching::new(move || {
            let Some(inner) = inner.upgrade() else { return };
            let mut state = inner.lock();
            if let Some(entry) = state.entries.get_mut(&subject) {
                entry.rings.retain(|(known, _)| *known != number);
                if entry.rings.is_empty() {
                    state.entries.remove(&subject);
                }
            }
        }))
    }
}

/// Looks until nothing is watched any more.
async fn keep_looking(inner: Weak<Inner>) {
    let mut head = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        let watched: Vec<Subject> = {
            let mut state = inner.lock();
            if state.entries.is_empty() {
                state.looking = false;
                return;
            }
            state.entries.keys().cloned().collect()
        };
        let now = inner.head().await;
        // Not known whether it moved is as good as moved.
        let moved = now.is_none() || now != head;
        let mut kept = now;
        for subject in watched {
            if matches!(subject, Subject::Item(_)) && !moved && inner.was_seen(&subject) {
                continue;
            }
            let seen = match (&subject, now) {
                (Subject::Queue, Some((lines, head))) => Some(Seen::Head(lines, head)),
                _ => inner.look(&subject).await,
            };
            match seen {
                Some(seen) => inner.note(&subject, seen),
                // Looked at again next time, whether or not the head moves.
                None => kept = None,
            }
        }
        head = kept;
    }
}

impl Inner {
    // No code panics while it holds the lock; were it to, the map is whole all the same.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn head(&self) -> Option<(u64, Sha256Digest)> {
        match self.reader.queue().health().await {
            Ok(health) => Some((health.lines, health.head)),
            Err(error) => {
                tracing::debug!(%error, "the queue could not be looked at for those who wait");
                None
            }
        }
    }

    /// What stands there; `None` when that cannot be told now.
    async fn look(&self, subject: &Subject) -> Option<Seen> {
        let mark = |id, part| async move { self.reader.runs().mark(id, part).await.ok().map(Seen::Mark) };
        match subject {
            Subject::Queue => self.head().await.map(|(lines, head)| Seen::Head(lines, head)),
            Subject::Decisions => {
                // Behind every line there is none to be read: how the file stands is asked for.
                let from = LinesFrom::After(u64::MAX);
                let (file, filter) = (LedgerFile::Decisions, LineFilter::default());
                let page = self.reader.queue().lines(&LinesQuery { file, from, filter, limit: 1 }).await.ok()?;
                Some(Seen::Head(page.total, page.head))
            }
            Subject::Item(id) => {
                let item = self.reader.queue().item(id).await.ok()?;
                Some(Seen::Item(item.map(Box::new)))
            }
            Subject::Run(id) => mark(id, Part::Run).await,
            Subject::Events(id) => mark(id, Part::Events).await,
            Subject::Report(id, name) => mark(id, Part::Report(name)).await,
            Subject::Checkpoint => self.checkpoint.as_ref().map_or(Ok(None), |note| note()).ok().map(Seen::Note),
        }
    }

    fn was_seen(&self, subject: &Subject) -> bool {
        self.lock().entries.get(subject).is_none_or(|entry| entry.seen.is_some() && !entry.fresh)
    }

    /// Keeps what was seen, and rings if it is not what was seen before.
    fn note(&self, subject: &Subject, seen: Seen) {
        let mut state = self.lock();
        let Some(entry) = state.entries.get_mut(subject) else { return };
        entry.fresh = false;
        if entry.seen.as_ref() == Some(&seen) {
            return;
        }
        entry.seen = Some(seen);
        let rings: Vec<Ring> = entry.rings.iter().map(|(_, ring)| Arc::clone(ring)).collect();
        drop(state);
        for ring in rings {
            ring();
        }
    }
}
