//! Newline-delimited JSON-RPC over any byte stream: stdio in the binary, an in-memory pipe in tests.
//!
//! The protocol library behind this transport ends its loop on a notification that arrives too early, drops bad JSON
//! without an answer, spawns a task for every call and loses the answer to a request whose id is in use or was
//! cancelled. So it only ever sees requests, under ids of our own, one permit each:
//!
//! - A line is read, bounded, and judged by [`scan()`]. What is refused is answered from here.
//! - Notifications go no further. The only ones a client may send us are `initialized`, after which it may be asked
//!   questions, and `cancelled`. That ends a `subscriptions/listen`; for a call, a receiver may ignore it, and we do (a
//!   call is short, and an enqueue cannot be half done). Dropping them also keeps whatever is no request away from the
//!   handshake.
//! - A response whose id is that of an open question goes to whoever asked ([`super::questions`]); every other one is
//!   dropped. The library sees neither.
//! - Every answer, a refusal too, holds one of [`MAX_CALLS_IN_FLIGHT`] permits from before its request is passed on
//!   until its bytes have been written. When all are taken, nothing more is read: a client that reads nothing is
//!   stopped by its own full pipe, and memory stays bounded.
//! - A `subscriptions/listen` is answered when it ends, which may be never. It gives its permit to its acknowledgement and
//!   keeps one of [`MAX_LISTENS`] places of its own, so that those who listen never take the place of those who call. What
//!   it is told is bounded too ([`super::subscribe`]).

use std::{
    collections::HashMap,
    future::{self, Future},
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rmcp::{
    RoleServer,
    model::{ClientJsonRpcMessage, Extensions, JsonRpcMessage, NumberOrString, ServerJsonRpcMessage},
    transport::Transport,
};
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::inbound::for_library;
use super::questions::{Asker, Questions};
use super::scan::{INTERNAL_ERROR, INVALID_PARAMS, MAX_MESSAGE_BYTES, Refusal, RequestId, Scanned, scan};
use super::subscribe::{Due, MAX_LISTENS, Subscriber, Subscriptions};

/// The most requests that are being carried out, or wait for their answer to be written, at one time.
pub const MAX_CALLS_IN_FLIGHT: usize = 64;

/// How long answers in flight may take once the client has closed its end: long enough for a slow disk, short enough
/// that a client that closed stdin but reads no answers does not keep a process.
const DRAIN_AFTER_EOF: Duration = Duration::from_secs(30);

/// How long they may take once the process was told to stop.
const DRAIN_AFTER_SHUTDOWN: Duration = Duration::from_secs(5);

/// A line buffer that one large message grew is given back; ordinary messages keep theirs.
const LINE_BUFFER_KEPT: usize = 64 * 1024;

/// Why serving ended. Each is an ordinary end: no message a client can send is among the causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client closed its end (or reading failed); what was in flight has been answered.
    InputClosed,
    /// Answers can no longer be written: nobody reads them.
    OutputClosed,
    /// The process was told to stop.
    Shutdown,
}

/// What is on its way out.
pub(super) enum Frame {
    /// One message. The permits of an answer are given back when the bytes are written.
    Line {
        /// The message with its line end.
        line: Vec<u8>,
        /// What it holds until then.
        permits: Vec<OwnedSemaphorePermit>,
    },
    /// A note that subscribers are to be told something; what it is, is looked up when the writer comes to it.
    Due,
}

impl Frame {
    /// A message that answers nothing the client sent, and so holds no permit.
    pub(super) fn of_ours(line: Vec<u8>) -> Self {
        Self::held(line, Vec::new())
    }

    fn held(mut line: Vec<u8>, permits: Vec<OwnedSemaphorePermit>) -> Self {
        line.push(b'\n');
        Self::Line { line, permits }
    }
}

/// A request that was passed on: whom to answer.
struct InFlight {
    id: RequestId,
    /// Gone once the acknowledgement of a listen took it.
    permit: Option<OwnedSemaphorePermit>,
    listen: Option<Listen>,
}

/// What a `subscriptions/listen` holds beside.
struct Listen {
    place: OwnedSemaphorePermit,
    /// Set, or dropped, to end it.
    end: watch::Sender<bool>,
    /// The client has cancelled it, and waits for no answer.
    cancelled: bool,
}

/// A judged message that waits for a permit. Kept in the transport, not in a future: the service loop drops the
/// future of `receive` whenever something else happens first.
enum Pending {
    Pass { id: RequestId, internal: i64, message: Box<ClientJsonRpcMessage>, listen: Option<watch::Sender<bool>> },
    Refuse(Refusal),
}

/// The transport. One per connection; made inside a tokio runtime with time enabled.
pub struct LineTransport<R> {
    lines: Lines<R>,
    pending: Option<Pending>,
    in_flight: HashMap<i64, InFlight>,
    last_internal: i64,
    permits: Arc<Semaphore>,
    // Unbounded, but every answer in it holds a permit, and a message without one is followed by such an answer: a call
    // asks at most one question and withdraws it at most once.
    output: mpsc::UnboundedSender<Frame>,
    questions: Questions,
    subscriptions: Subscriptions,
    listens: Arc<Semaphore>,
    writer: Option<JoinHandle<()>>,
    shutdown: Shutdown,
    end: Arc<OnceLock<End>>,
    deadline: Option<Instant>,
}

impl<R: AsyncRead + Send + Unpin + 'static> LineTransport<R> {
    /// Reads requests from `reader` and writes one line per answer to `writer`, until the reader ends, the writer
    /// fails or `shutdown` resolves.
    pub fn new<W>(reader: R, writer: W, shutdown: impl Future<Output = ()> + Send + 'static) -> Self
    where
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (output, frames) = mpsc::unbounded_channel();
        let subscriptions = Subscriptions::new(output.clone());
        let due = subscriptions.due();
        Self {
            lines: Lines::new(reader),
            pending: None,
            in_flight: HashMap::new(),
            last_internal: 0,
            questions: Questions::new(output.clone()),
            permits: Arc::new(Semaphore::new(MAX_CALLS_IN_FLIGHT)),
            listens: Arc::new(Semaphore::new(MAX_LISTENS)),
            subscriptions,
            output,
            writer: Some(tokio::spawn(write_frames(writer, frames, due))),
            shutdown: Shutdown { signal: Some(Box::pin(shutdown)) },
            end: Arc::default(),
            deadline: None,
        }
    }

    /// Filled with the reason when serving ends.
    #[must_use]
    pub fn end(&self) -> Arc<OnceLock<End>> {
        Arc::clone(&self.end)
    }

    /// Judges the line just read. `None`: it asks for no answer.
    fn judge(&mut self) -> Option<Pending> {
        let line = self.lines.line();
        if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            return None;
        }
        match scan(line) {
            Scanned::Request(request) => {
                self.last_internal += 1;
                let internal = self.last_internal;
                let (end, ended) = watch::channel(false);
                let beside = |extensions: &mut Extensions| match request.method.as_str() {
                    "tools/call" => {
                        extensions.insert(request.raw_call());
                        extensions.insert::<Asker>(self.questions.asker());
                    }
                    "initialize" | "resources/subscribe" | "resources/unsubscribe" | "subscriptions/listen" => {
                        let subscriber = self.subscriptions.subscriber(internal, request.id.clone(), ended);
                        extensions.insert::<Subscriber>(subscriber);
                    }
                    _ => {}
                };
                let message = match for_library(&request, &internal.to_string(), beside) {
                    Ok(message) => Box::new(message),
                    Err(refusal) => return Some(Pending::Refuse(refusal)),
                };
                let listen = (request.method == "subscriptions/listen").then_some(end);
                Some(Pending::Pass { id: request.id, internal, message, listen })
            }
            Scanned::Notification { method, request_id } => {
                match (method.as_str(), request_id) {
                    ("notifications/initialized", _) => self.questions.may_be_asked(),
                    ("notifications/cancelled", Some(id)) => self.cancel_listens(&id),
                    _ => tracing::debug!("a message that asks for no answer was not carried out"),
                }
                None
            }
            Scanned::Response(response) => {
                if !self.questions.settle(&response) {
                    tracing::debug!("an answer to no open question was dropped");
                }
                None
            }
            Scanned::Refused(refusal) => Some(Pending::Refuse(refusal)),
        }
    }

    /// Reads and judges until a message waits for a permit. Cancel safe.
    async fn fill_pending(&mut self) -> Result<(), End> {
        while self.pending.is_none() {
            let read = tokio::select! {
                biased;
                () = self.shutdown.signalled() => return Err(End::Shutdown),
                () = self.output.closed() => return Err(End::OutputClosed),
                read = self.lines.next() => read,
            };
            self.pending = match read {
                Read::Line => self.judge(),
                Read::TooLong => Some(Pending::Refuse(Refusal::too_long())),
                Read::End => return Err(End::InputClosed),
            };
            self.lines.clear();
        }
        Ok(())
    }

    /// The next request for the service. Cancel safe: between two awaits everything is kept in `self`.
    async fn next_request(&mut self) -> Result<ClientJsonRpcMessage, End> {
        loop {
            self.fill_pending().await?;
            let mut place = match &self.pending {
                Some(Pending::Pass { listen: Some(_), .. }) => self.place().await?,
                Some(Pending::Pass { listen: None, .. } | Pending::Refuse(_)) | None => None,
            };
            let permit = tokio::select! {
                biased;
                () = self.shutdown.signalled() => return Err(End::Shutdown),
                () = self.output.closed() => return Err(End::OutputClosed),
                permit = Arc::clone(&self.permits).acquire_owned() => {
                    permit.expect("invariant: the semaphore is never closed")
                }
            };
            match self.pending.take() {
                Some(Pending::Pass { id, internal, message, listen }) => {
                    let listen = match (listen, place.take()) {
                        (None, _) => None,
                        (Some(end), Some(place)) => Some(Listen { place, end, cancelled: false }),
                        (Some(_), None) => {
                            self.queue(too_many_listens(id).to_json().into_bytes(), vec![permit]);
                            continue;
                        }
                    };
                    self.in_flight.insert(internal, InFlight { id, permit: Some(permit), listen });
                    return Ok(*message);
                }
                Some(Pending::Refuse(refusal)) => {
                    self.queue(refusal.to_json().into_bytes(), vec![permit]);
                }
                None => {}
            }
        }
    }

    /// A place for a listen; `None` when all are taken. One whose listen was cancelled is about to be free, and is waited
    /// for: a client that cancels one and opens another is not refused for being quick. Cancel safe.
    async fn place(&mut self) -> Result<Option<OwnedSemaphorePermit>, End> {
        let listens = Arc::clone(&self.listens);
        if let Ok(place) = Arc::clone(&listens).try_acquire_owned() {
            return Ok(Some(place));
        }
        let cancelled = |in_flight: &InFlight| in_flight.listen.as_ref().is_some_and(|listen| listen.cancelled);
        if !self.in_flight.values().any(cancelled) {
            return Ok(None);
        }
        tokio::select! {
            biased;
            () = self.shutdown.signalled() => Err(End::Shutdown),
            () = self.output.closed() => Err(End::OutputClosed),
            place = listens.acquire_owned() => Ok(Some(place.expect("invariant: the semaphore is never closed"))),
        }
    }

    /// Waits until every answer in flight is written, bounded by the deadline of the way serving ended.
    async fn drain(&mut self, end: End) {
        let now = Instant::now();
        let mut deadline = *self.deadline.get_or_insert_with(|| match end {
            End::InputClosed => now + DRAIN_AFTER_EOF,
            End::Shutdown => now + DRAIN_AFTER_SHUTDOWN,
            End::OutputClosed => now,
        });
        let all = u32::try_from(MAX_CALLS_IN_FLIGHT).expect("invariant: a small constant");
        let listens = u32::try_from(MAX_LISTENS).expect("invariant: a small constant");
        loop {
            let answered = async {
                let _calls = self.permits.acquire_many(all).await;
                let _ = self.listens.acquire_many(listens).await;
            };
            tokio::select! {
                () = answered => return,
                () = self.output.closed() => return,
                () = sleep_until(deadline) => {
                    tracing::warn!(calls = self.in_flight.len(), "stopped with calls in flight");
                    return;
                }
                () = self.shutdown.signalled() => {
                    deadline = deadline.min(Instant::now() + DRAIN_AFTER_SHUTDOWN);
                    self.deadline = Some(deadline);
                }
            }
        }
    }
}

impl<R> LineTransport<R> {
    /// Queues one line for the writer. An error means that nobody reads any more.
    fn queue(&self, line: Vec<u8>, permits: Vec<OwnedSemaphorePermit>) -> bool {
        self.output.send(Frame::held(line, permits)).is_ok()
    }

    /// The client waits for this request no longer. A listen ends, without an answer; a call is carried out and answered.
    fn cancel_listens(&mut self, id: &RequestId) {
        for (internal, in_flight) in &mut self.in_flight {
            if in_flight.id == *id
                && let Some(listen) = &mut in_flight.listen
            {
                listen.cancelled = true;
                let _ = listen.end.send(true);
                self.subscriptions.forget(*internal);
            }
        }
    }

    /// Ends every listen, each with its answer.
    fn end_listens(&self) {
        for listen in self.in_flight.values().filter_map(|in_flight| in_flight.listen.as_ref()) {
            let _ = listen.end.send(true);
        }
    }

    /// A message of the library's that answers nothing. One that belongs to a listen names it as the client does; its
    /// acknowledgement goes out under the permit of the request.
    fn tell(&mut self, message: &ServerJsonRpcMessage) -> bool {
        let Ok(mut message) = serde_json::to_value(message) else {
            tracing::error!("a message could not be written as JSON");
            return true;
        };
        let meta = message.get_mut("params").and_then(|params| params.get_mut("_meta"));
        let listen = meta.and_then(|meta| meta.get_mut(SUBSCRIPTION_ID));
        let known = listen.and_then(|named| Some((self.in_flight.get_mut(&named.as_i64()?)?, named)));
        let mut permits = Vec::new();
        if let Some((in_flight, named)) = known {
            *named = json_of(&in_flight.id);
            permits.extend(in_flight.permit.take());
        }
        self.queue(message.to_string().into_bytes(), permits)
    }

    /// Turns what the service sends into a line, under the id the client used.
    fn answer(&mut self, internal: Option<&NumberOrString>, member: &str, body: &impl Serialize) -> bool {
        let known = match internal {
            Some(NumberOrString::Number(internal)) => self.in_flight.remove(internal),
            Some(NumberOrString::String(_)) | None => None,
        };
        let Some(InFlight { id, permit, listen }) = known else {
            tracing::error!("an answer to no request in flight was dropped");
            return true;
        };
        let mut permits = Vec::from_iter(permit);
        let mut line = format!(r#"{{"jsonrpc":"2.0","id":{id},"{member}":"#).into_bytes();
        let written = match listen {
            None => serde_json::to_writer(&mut line, body),
            // It ended as the client wished. That it could not even begin, an error, is told all the same.
            Some(Listen { cancelled: true, .. }) if member == "result" => return true,
            Some(Listen { place, .. }) => {
                permits.push(place);
                serde_json::to_value(body).and_then(|mut body| {
                    if let Some(named) = body.get_mut("_meta").and_then(|meta| meta.get_mut(SUBSCRIPTION_ID)) {
                        *named = json_of(&id);
                    }
                    serde_json::to_writer(&mut line, &body)
                })
            }
        };
        match written {
            Ok(()) => line.push(b'}'),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                let message = "The server could not write its answer.".into();
                line = Refusal { id: Some(id), code: INTERNAL_ERROR, message }.to_json().into_bytes();
            }
        }
        self.queue(line, permits)
    }
}

/// Where a message that belongs to a listen names it, in `_meta`.
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The client's id as a value.
fn json_of(id: &RequestId) -> serde_json::Value {
    serde_json::from_str(id.as_json()).unwrap_or_default()
}

fn too_many_listens(id: RequestId) -> Refusal {
    let message = "This connection listens in 8 places already; cancel one of them first.".into();
    Refusal { id: Some(id), code: INVALID_PARAMS, message }
}

impl<R> Drop for LineTransport<R> {
    fn drop(&mut self) {
        self.questions.close();
        self.subscriptions.close();
        // Everything that was to be written has been, or its time is over.
        if let Some(writer) = self.writer.take() {
            writer.abort();
        }
    }
}

impl<R: AsyncRead + Send + Unpin + 'static> Transport<RoleServer> for LineTransport<R> {
    type Error = io::Error;

    fn send(&mut self, item: ServerJsonRpcMessage) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let queued = match item {
            JsonRpcMessage::Response(response) => self.answer(Some(&response.id), "result", &response.result),
            JsonRpcMessage::Error(error) => self.answer(error.id.as_ref(), "error", &error.error),
            message @ (JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)) => self.tell(&message),
        };
        let result = if queued { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) };
        future::ready(result)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        if self.end.get().is_none() {
            match self.next_request().await {
                Ok(request) => return Some(request),
                Err(end) => _ = self.end.set(end),
            }
        }
        let end = *self.end.get().expect("invariant: set above");
        // Nobody will answer any more, so no call may wait for it; and who listens is told that it is over.
        self.questions.close();
        self.subscriptions.close();
        self.end_listens();
        self.drain(end).await;
        None
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Writes queued lines and gives their permits back. Ends, and with it the connection, when writing fails.
async fn write_frames<W: AsyncWrite + Unpin>(mut writer: W, mut frames: mpsc::UnboundedReceiver<Frame>, due: Due) {
    let mut batch = Vec::new();
    while frames.recv_many(&mut batch, MAX_CALLS_IN_FLIGHT).await > 0 {
        let written = async {
            for frame in &batch {
                match frame {
                    Frame::Line { line, .. } => writer.write_all(line).await?,
                    Frame::Due => {
                        for line in due.take() {
                            writer.write_all(&line).await?;
                        }
                    }
                }
            }
            writer.flush().await
        };
        if let Err(error) = written.await {
            tracing::info!(%error, "the client no longer reads answers");
            return;
        }
        for frame in batch.drain(..) {
            match frame {
                Frame::Line { permits, .. } => drop(permits),
                Frame::Due => {}
            }
        }
    }
}

/// The signal to stop, which may be asked for again after it was given.
struct Shutdown {
    signal: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Shutdown {
    /// Resolves once, when the signal is given; after that it never does again.
    async fn signalled(&mut self) {
        match &mut self.signal {
            Some(signal) => signal.await,
            None => future::pending().await,
        }
        self.signal = None;
    }
}

/// What reading the stream gave.
enum Read {
    /// A line, in [`Lines::line`] until [`Lines::clear`].
    Line,
    /// A line longer than a message may be; it was read past, and none of it kept.
    TooLong,
    /// The stream ended.
    End,
}

/// Bounded lines split at `\n` alone: by Unicode's idea of a line, U+2028 in a string would split a message in two.
struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    too_long: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new(), too_long: false }
    }

    /// The line without its end; a `\r` before the `\n` belongs to the end.
    fn line(&self) -> &[u8] {
        self.line.strip_suffix(b"\r").unwrap_or(&self.line)
    }

    fn clear(&mut self) {
        if self.line.capacity() > LINE_BUFFER_KEPT {
            self.line = Vec::new();
        }
        self.line.clear();
    }

    /// Reads on to the end of a line. A last line without `\n` counts: `printf '{…}' | server` means it. Cancel safe.
    async fn next(&mut self) -> Read {
        loop {
            let available = match self.reader.fill_buf().await {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::warn!(%error, "reading from the client failed");
                    return Read::End;
                }
            };
            let newline = available.iter().position(|byte| *byte == b'\n');
            let ended = available.is_empty();
            let part = &available[..newline.unwrap_or(available.len())];
            // One byte more than a message, for the `\r` that may follow it; the scan measures the message itself.
            if self.too_long || self.line.len() + part.len() > MAX_MESSAGE_BYTES + 1 {
                self.too_long = true;
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(part);
            }
            let consumed = part.len() + usize::from(newline.is_some());
            self.reader.consume(consumed);
            if newline.is_some() || ended {
                return match std::mem::take(&mut self.too_long) {
                    true => Read::TooLong,
                    false if ended && self.line.is_empty() => Read::End,
                    false => Read::Line,
                };
            }
        }
    }
}
