//! What can be followed, shared by all who follow it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::future::BoxFuture;
use tokio::sync::{OnceCell, watch};

use super::block::{Block, EndReason};
use crate::mcp::Watching;
use crate::watch::{Subject, TooMuch, Watcher};

/// So many reads are remembered: those who follow live stand at the same place, and a few are a little behind.
const KEPT: usize = 4;

/// Something that is read from a position on.
pub(super) trait Source: Send + Sync + 'static {
    /// What tells one feed from another.
    type Key: Clone + Eq + Hash + Send + Sync;
    /// Where in it somebody stands.
    type Position: Clone + PartialEq + Send + Sync;

    fn key(&self) -> Self::Key;

    /// What to watch.
    fn subject(&self) -> Subject;

    /// What comes behind the position; nothing where there is nothing new.
    fn read<'a>(&'a self, after: &'a Self::Position) -> BoxFuture<'a, Result<Read<Self::Position>, EndReason>>;

    /// The block that tells a client at this position, which was sent so many events, that it has everything that was there.
    fn caught_up(position: &Self::Position, given: u64) -> Option<Vec<u8>>;
}

/// What a source gave.
pub(super) struct Read<P> {
    pub(super) blocks: Vec<Block>,
    /// What was behind the position is not what it was: whoever stood there begins anew with this.
    pub(super) replaced: bool,
    /// The position behind it.
    pub(super) next: P,
    /// There is more already.
    pub(super) more: bool,
}

/// A read, and the position that it was made behind.
type Kept<P> = (P, Arc<Read<P>>);

/// A source with those who follow it.
pub(super) struct Feed<S: Source> {
    source: S,
    moved: Arc<watch::Sender<u64>>,
    watching: OnceCell<Watching>,
    // Held while it is read, so that of many who were woken one reads.
    kept: tokio::sync::Mutex<VecDeque<Kept<S::Position>>>,
}

impl<S: Source> Feed<S> {
    fn new(source: S) -> Self {
        let (moved, _) = watch::channel(0);
        Self { source, moved: Arc::new(moved), watching: OnceCell::new(), kept: tokio::sync::Mutex::default() }
    }

    /// Makes sure that changes are told from here on.
    pub(super) async fn watched(&self, watcher: &Watcher) -> Result<(), TooMuch> {
        let begin = || async {
            let moved = Arc::clone(&self.moved);
            let ring = Arc::new(move || moved.send_modify(|count| *count = count.wrapping_add(1)));
            watcher.watch(self.source.subject(), ring).await
        };
        self.watching.get_or_try_init(begin).await.map(|_| ())
    }

    /// Told when there may be something new.
    pub(super) fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// What comes behind the position.
    pub(super) async fn after(&self, position: &S::Position) -> Result<Arc<Read<S::Position>>, EndReason> {
        let mut kept = self.kept.lock().await;
        if let Some((_, read)) = kept.iter().find(|(after, _)| after == position) {
            return Ok(Arc::clone(read));
        }
        let read = Arc::new(self.source.read(position).await?);
        // Of nothing there may be more the next time.
        if !read.blocks.is_empty() && !read.replaced {
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back((position.clone(), Arc::clone(&read)));
        }
        Ok(read)
    }
}

/// The feeds of one kind that somebody follows.
pub(super) struct Feeds<S: Source>(Mutex<HashMap<S::Key, Weak<Feed<S>>>>);

impl<S: Source> Default for Feeds<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S: Source> Feeds<S> {
    /// The feed of this source, with whoever follows it already. It lasts as long as anybody does.
    pub(super) fn feed(&self, source: S) -> Arc<Feed<S>> {
        let key = source.key();
        // No code panics while it holds the lock; were it to, the map is whole all the same.
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&key).and_then(Weak::upgrade) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed::new(source));
        feeds.insert(key, Arc::downgrade(&feed));
        feed
    }
}
