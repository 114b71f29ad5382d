//! Subscriptions on a line transport: `resources/subscribe` of the older protocol versions and `subscriptions/listen` of
//! 2026-07-28, told over the same pipe as the answers.
//!
//! A client that reads nothing must not grow the process. So a change makes no message: it marks its address as due, one
//! mark however often it changes, and at most one note "something is due" waits in the writer's queue. The messages are
//! made when the writer comes to that note, which is when the client has read what was before it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::ErrorData;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::{resource::Readable, scan::RequestId, transport::Frame};

/// The most addresses that one `subscriptions/listen`, or all `resources/subscribe` of one connection together, watch.
pub const MAX_WATCHED: usize = 64;

/// The most `subscriptions/listen` that are open on one connection.
pub const MAX_LISTENS: usize = 8;

/// Told once a change is seen. It must be quick and must not call back.
pub type Ring = Arc<dyn Fn() + Send + Sync>;

/// An address that is being watched; dropped, it is watched no longer.
pub struct Watching(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Watching {
    /// `end` ends it.
    pub fn new(end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(end)))
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watching")
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end();
        }
    }
}

/// Whose an address is: that of a `subscriptions/listen` under our number for it, or of `resources/subscribe`.
type Key = (Option<i64>, String);

/// The subscriptions of one connection.
pub(super) struct Subscriptions {
    state: Arc<Mutex<State>>,
    output: mpsc::UnboundedSender<Frame>,
}

#[derive(Default)]
struct State {
    closed: bool,
    open: BTreeMap<Key, Open>,
    due: BTreeSet<Key>,
    // Whether the writer's queue holds the note that something is due.
    noted: bool,
}

struct Open {
    /// The id of the `subscriptions/listen`, as the client wrote it.
    listen: Option<RequestId>,
    // `None` while it is being set up.
    watching: Option<Watching>,
}

// No code panics while it holds the lock; were it to, the maps are whole all the same.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the writer makes the messages from.
pub(super) struct Due(Arc<Mutex<State>>);

impl Due {
    /// The messages that are due now, one a line, each with its line end.
    pub(super) fn take(&self) -> Vec<Vec<u8>> {
        let mut state = lock(&self.0);
        state.noted = false;
        let due = std::mem::take(&mut state.due);
        due.iter().filter_map(|key| Some(updated(&key.1, state.open.get(key)?.listen.as_ref()))).collect()
    }
}

/// `notifications/resources/updated` as a line.
fn updated(uri: &str, listen: Option<&RequestId>) -> Vec<u8> {
    let uri = Value::from(uri);
    let meta =
        listen.map(|id| format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"#)).unwrap_or_default();
    let line =
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{{meta}"uri":{uri}}}}}"#);
    (line + "\n").into_bytes()
}

impl Subscriptions {
    /// None yet; they will be told through `output`.
    pub(super) fn new(output: mpsc::UnboundedSender<Frame>) -> Self {
        Self { state: Arc::default(), output }
    }

    /// What the writer takes messages from.
    pub(super) fn due(&self) -> Due {
        Due(Arc::clone(&self.state))
    }

    /// What a request subscribes through: it has `internal` as our number and `id` as the client's. `ended` turns true
    /// when a listen is to end.
    pub(super) fn subscriber(&self, internal: i64, id: RequestId, ended: watch::Receiver<bool>) -> Subscriber {
        Subscriber { state: Arc::clone(&self.state), output: self.output.clone(), internal, id, ended }
    }

    /// Ends what a listen watches.
    pub(super) fn forget(&self, internal: i64) {
        forget(&self.state, Some(internal));
    }

    /// Ends all of them; none can be made any more.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.due.clear();
        let open = std::mem::take(&mut state.open);
        drop(state);
        // Outside the lock: what ends a watch takes a lock of its own.
        drop(open);
    }
}

fn forget(state: &Mutex<State>, of: Option<i64>) {
    let mut state = lock(state);
    state.due.retain(|key| key.0 != of);
    let (gone, kept) = std::mem::take(&mut state.open).into_iter().partition(|(key, _)| key.0 == of);
    state.open = kept;
    drop(state);
    let gone: BTreeMap<Key, Open> = gone;
    drop(gone);
}

/// What a request subscribes through; carried in its extensions, so that only a transport that can tell hands one out.
#[derive(Clone)]
pub struct Subscriber {
    state: Arc<Mutex<State>>,
    output: mpsc::UnboundedSender<Frame>,
    internal: i64,
    id: RequestId,
    ended: watch::Receiver<bool>,
}

impl Subscriber {
    /// `resources/subscribe`. An address that is subscribed to already stays so.
    pub(super) async fn subscribe(&self, readable: &dyn Readable, uri: &str) -> Result<(), ErrorData> {
        self.open(readable, (None, uri.to_owned()), None).await
    }

    /// `resources/unsubscribe`. There may be nothing to end.
    pub(super) fn unsubscribe(&self, uri: &str) {
        let key = (None, uri.to_owned());
        let mut state = lock(&self.state);
        state.due.remove(&key);
        let gone = state.open.remove(&key);
        drop(state);
        drop(gone);
    }

    /// `subscriptions/listen`: returns when it has ended.
    pub(super) async fn listen(&self, readable: &dyn Readable, uris: &[String]) -> Result<(), ErrorData> {
        let listening = Listening { state: &self.state, internal: self.internal };
        for uri in uris {
            self.open(readable, (Some(self.internal), uri.clone()), Some(self.id.clone())).await?;
        }
        let mut ended = self.ended.clone();
        // The other end is dropped when the transport is: that ends it as well.
        let _ = ended.wait_for(|ended| *ended).await;
        drop(listening);
        Ok(())
    }

    async fn open(&self, readable: &dyn Readable, key: Key, listen: Option<RequestId>) -> Result<(), ErrorData> {
        {
            let mut state = lock(&self.state);
            if state.closed || *self.ended.borrow() || state.open.contains_key(&key) {
                return Ok(());
            }
            if state.open.keys().filter(|open| open.0 == key.0).count() >= MAX_WATCHED {
                let said = "64 resources are watched already; unsubscribe from one of them first.";
                return Err(ErrorData::invalid_params(said, None));
            }
            state.open.insert(key.clone(), Open { listen, watching: None });
        }
        let ring = self.ring(key.clone());
        let watched = readable.watch(&key.1, Arc::clone(&ring)).await;
        // The library has acknowledged a listen before anything is watched. What changed since would be told to nobody, so
        // it is told that there may be something: one update at the beginning.
        if key.0.is_some() && watched.is_ok() {
            ring();
        }
        let mut state = lock(&self.state);
        match watched {
            Ok(watching) => {
                let unused = match state.open.get_mut(&key) {
                    // It was ended while it was set up.
                    None => Some(watching),
                    Some(open) => open.watching.replace(watching),
                };
                drop(state);
                drop(unused);
                Ok(())
            }
            Err(unread) => {
                state.open.remove(&key);
                Err(unread.to_protocol(Some(&key.1)))
            }
        }
    }

    fn ring(&self, key: Key) -> Ring {
        let state = Arc::downgrade(&self.state);
        let output = self.output.clone();
        Arc::new(move || {
            let Some(state) = state.upgrade() else { return };
            let mut state = lock(&state);
            if !state.closed && state.open.contains_key(&key) && state.due.insert(key.clone()) && !state.noted {
                state.noted = true;
                // Nobody reads any more: then nothing is told any more either.
                let _ = output.send(Frame::Due);
            }
        })
    }
}

/// What a listen watches; whatever ends its request ends it.
struct Listening<'a> {
    state: &'a Mutex<State>,
    internal: i64,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        forget(self.state, Some(self.internal));
    }
}

/// Changes for a `subscriptions/listen` on a transport that tells by itself: which addresses are due.
#[derive(Default)]
pub(super) struct Bell {
    due: Mutex<BTreeSet<String>>,
    rung: tokio::sync::Notify,
}

impl Bell {
    /// What rings for this address.
    pub(super) fn ring(self: &Arc<Self>, uri: &str) -> Ring {
        let (bell, uri) = (Arc::clone(self), uri.to_owned());
        Arc::new(move || {
            bell.due.lock().unwrap_or_else(PoisonError::into_inner).insert(uri.clone());
            bell.rung.notify_one();
        })
    }

    /// Waits until something is due, and takes it.
    pub(super) async fn due(&self) -> BTreeSet<String> {
        loop {
            self.rung.notified().await;
            let due = std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner));
            if !due.is_empty() {
                return due;
            }
        }
    }
}
