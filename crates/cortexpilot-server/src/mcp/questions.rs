//! Questions that a server pushes to its client on a line transport, nested in a call: `elicitation/create` of the
//! protocol versions 2025-06-18 and 2025-11-25.
//!
//! Whatever the client does, a call that asks goes on: a question is withdrawn after [`ANSWER_WITHIN`], at the end of
//! the connection at once, and at most [`MAX_QUESTIONS`] are open at one time. That number is far below the number of
//! calls in flight, so calls that wait for a person can never take all the places and with them the reader, which alone
//! could bring their answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{scan::Response, transport::Frame};

/// The most questions that are open on one connection. A person reads one form at a time.
pub const MAX_QUESTIONS: usize = 4;

/// How long an answer is waited for. Shorter than the minute after which common clients give up a tool call, so that a
/// client with nobody at the keyboard still gets the call's answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// The open questions of one connection.
pub(super) struct Questions {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    output: mpsc::UnboundedSender<Frame>,
}

#[derive(Default)]
struct State {
    // The client said that its half of the handshake is done; before that a server sends it no request.
    initialized: bool,
    closed: bool,
    last_id: i64,
    open: HashMap<i64, oneshot::Sender<Option<String>>>,
}

impl Shared {
    // No code panics while it holds the lock; were it to, the map is whole all the same.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues one message of ours. `false`: nobody reads any more.
    fn send(&self, message: &Value) -> bool {
        self.output.send(Frame::of_ours(message.to_string().into_bytes())).is_ok()
    }
}

impl Questions {
    /// None yet; they will be written to `output`.
    pub(super) fn new(output: mpsc::UnboundedSender<Frame>) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::default(), output }) }
    }

    /// The client's half of the handshake is done.
    pub(super) fn may_be_asked(&self) {
        self.shared.state().initialized = true;
    }

    /// What a call asks through.
    pub(super) fn asker(&self) -> Asker {
        Asker { shared: Arc::clone(&self.shared) }
    }

    /// Hands a response to whoever waits for it. `false` when no open question has its id.
    pub(super) fn settle(&self, response: &Response<'_>) -> bool {
        let id = response.id.as_ref().and_then(|id| id.as_json().parse().ok());
        let Some(waiting) = id.and_then(|id: i64| self.shared.state().open.remove(&id)) else {
            return false;
        };
        // The waiter may be gone by now: its time was over.
        waiting.send(response.result.map(str::to_owned)).is_ok()
    }

    /// Ends every open question, and lets none be asked any more.
    pub(super) fn close(&self) {
        let mut state = self.shared.state();
        state.closed = true;
        state.open.clear();
    }
}

/// What a call asks its client through; carried in the request's extensions, so that only a transport that can bring
/// the answer back hands one out.
#[derive(Clone)]
pub struct Asker {
    shared: Arc<Shared>,
}

impl Asker {
    /// Takes one of the few places for a question. `None` when the client may not be asked now.
    pub(super) fn reserve(&self) -> Option<Place<'_>> {
        let mut state = self.shared.state();
        if state.closed || !state.initialized || state.open.len() >= MAX_QUESTIONS {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        let (answer, waiting) = oneshot::channel();
        state.open.insert(id, answer);
        Some(Place { open: Open { shared: &self.shared, id }, waiting })
    }
}

/// A place for one question; dropped unused, it is free again.
pub(super) struct Place<'a> {
    open: Open<'a>,
    waiting: oneshot::Receiver<Option<String>>,
}

impl Place<'_> {
    /// Sends a request to the client and waits for its result, as JSON text. `None` when the client answers with an
    /// error, or not in time, or the connection ends.
    pub(super) async fn ask(self, method: &str, params: &Value) -> Option<String> {
        let Self { open, waiting } = self;
        let (shared, id) = (open.shared, open.id);
        if !shared.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })) {
            return None;
        }
        match timeout(ANSWER_WITHIN, waiting).await {
            Ok(answered) => answered.ok().flatten(),
            Err(_) => {
                drop(open);
                shared.send(&json!({
                    "jsonrpc": "2.0", "method": "notifications/cancelled",
                    "params": { "requestId": id, "reason": "Nobody answered in time." },
                }));
                None
            }
        }
    }
}

/// One open question; it is closed when its call no longer waits, for whatever reason.
struct Open<'a> {
    shared: &'a Shared,
    id: i64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.shared.state().open.remove(&self.id);
    }
}
