//! Newline-delimited JSON-RPC over any byte stream: stdio in the binary, an in-memory pipe in tests.
//!
//! The protocol library behind this transport ends its loop on a notification that arrives too early, drops bad JSON
//! without an answer, spawns a task for every call and loses the answer to a request whose id is in use or was
//! cancelled. So it only ever sees requests, under ids of our own, one permit each:
//!
//! - A line is read, bounded, and judged by [`scan()`]. What is refused is answered from here.
//! - Notifications go no further. The only ones a client may send us are `initialized`, after which it may be asked
//!   questions, and `cancelled`, which a receiver may ignore (an enqueue is short and cannot be half done). Dropping
//!   them also keeps whatever is no request away from the handshake.
//! - A response whose id is that of an open question goes to whoever asked ([`super::questions`]); every other one is
//!   dropped. The library sees neither.
//! - Every answer, a refusal too, holds one of [`MAX_CALLS_IN_FLIGHT`] permits from before its request is passed on
//!   until its bytes have been written. When all are taken, nothing more is read: a client that reads nothing is
//!   stopped by its own full pipe, and memory stays bounded.

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
    model::{ClientJsonRpcMessage, ClientRequest, GetExtensions, JsonRpcMessage, NumberOrString, ServerJsonRpcMessage},
    transport::Transport,
};
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::questions::{Asker, Questions};
use super::scan::{self, INTERNAL_ERROR, INVALID_PARAMS, MAX_MESSAGE_BYTES, Refusal, RequestId, Scanned, scan};

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

/// One message on its way out. The permit of an answer is given back when the bytes are written.
pub(super) struct Frame {
    line: Vec<u8>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Frame {
    /// A message that answers nothing the client sent, and so holds no permit.
    pub(super) fn of_ours(mut line: Vec<u8>) -> Self {
        line.push(b'\n');
        Self { line, permit: None }
    }
}

/// A request that was passed on: whom to answer.
struct InFlight {
    id: RequestId,
    permit: OwnedSemaphorePermit,
}

/// A judged message that waits for a permit. Kept in the transport, not in a future: the service loop drops the
/// future of `receive` whenever something else happens first.
enum Pending {
    Pass { id: RequestId, internal: i64, message: Box<ClientJsonRpcMessage> },
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
        Self {
            lines: Lines::new(reader),
            pending: None,
            in_flight: HashMap::new(),
            last_internal: 0,
            questions: Questions::new(output.clone()),
            permits: Arc::new(Semaphore::new(MAX_CALLS_IN_FLIGHT)),
            output,
            writer: Some(tokio::spawn(write_frames(writer, frames))),
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
                match for_library(&request, self.last_internal, &self.questions) {
                    Ok(message) => {
                        Some(Pending::Pass { id: request.id, internal: self.last_internal, message: Box::new(message) })
                    }
                    Err(refusal) => Some(Pending::Refuse(refusal)),
                }
            }
            Scanned::Notification { method } => {
                if method == "notifications/initialized" {
                    self.questions.may_be_asked();
                } else {
                    tracing::debug!("a message that asks for no answer was not carried out");
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
            let permit = tokio::select! {
                biased;
                () = self.shutdown.signalled() => return Err(End::Shutdown),
                () = self.output.closed() => return Err(End::OutputClosed),
                permit = Arc::clone(&self.permits).acquire_owned() => {
                    permit.expect("invariant: the semaphore is never closed")
                }
            };
            match self.pending.take() {
                Some(Pending::Pass { id, internal, message }) => {
                    self.in_flight.insert(internal, InFlight { id, permit });
                    return Ok(*message);
                }
                Some(Pending::Refuse(refusal)) => {
                    self.queue(refusal.to_json().into_bytes(), Some(permit));
                }
                None => {}
            }
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
        loop {
            tokio::select! {
                _ = self.permits.acquire_many(all) => return,
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
    fn queue(&self, mut line: Vec<u8>, permit: Option<OwnedSemaphorePermit>) -> bool {
        line.push(b'\n');
        self.output.send(Frame { line, permit }).is_ok()
    }

    /// Turns what the service sends into a line, under the id the client used.
    fn answer(&mut self, internal: Option<&NumberOrString>, member: &str, body: &impl Serialize) -> bool {
        let known = match internal {
            Some(NumberOrString::Number(internal)) => self.in_flight.remove(internal),
            Some(NumberOrString::String(_)) | None => None,
        };
        let Some(InFlight { id, permit }) = known else {
            tracing::error!("an answer to no request in flight was dropped");
            return true;
        };
        let mut line = format!(r#"{{"jsonrpc":"2.0","id":{id},"{member}":"#).into_bytes();
        match serde_json::to_writer(&mut line, body) {
            Ok(()) => line.push(b'}'),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                let message = "The server could not write its answer.".into();
                line = Refusal { id: Some(id), code: INTERNAL_ERROR, message }.to_json().into_bytes();
            }
        }
        self.queue(line, Some(permit))
    }
}

impl<R> Drop for LineTransport<R> {
    fn drop(&mut self) {
        self.questions.close();
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
            message @ (JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)) => {
                match serde_json::to_vec(&message) {
                    Ok(line) => self.queue(line, None),
                    Err(error) => {
                        tracing::error!(%error, "a message could not be written as JSON");
                        true
                    }
                }
            }
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
        // Nobody will answer any more, so no call may wait for it.
        self.questions.close();
        self.drain(end).await;
        None
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The members of `params` that the protocol library needs of each method we serve. The rest stays here: arguments
/// travel as raw bytes, and a member of a wrong type in a place nobody reads harms nobody.
fn members_for_library(method: &str) -> Option<&'static [&'static str]> {
    match method {
        "initialize" => Some(&["_meta", "protocolVersion", "capabilities", "clientInfo"]),
        "ping" | "server/discover" => Some(&["_meta"]),
        "tools/list" => Some(&["_meta", "cursor"]),
        "tools/call" => Some(&["_meta", "name"]),
        _ => None,
    }
}

/// The request as the protocol library takes it: our id, only the members it needs, the raw call beside them.
fn for_library(
    request: &scan::Request<'_>,
    internal: i64,
    questions: &Questions,
) -> Result<ClientJsonRpcMessage, Refusal> {
    let served = members_for_library(&request.method);
    let method = serde_json::Value::from(request.method.as_str());
    let mut text = format!(r#"{{"jsonrpc":"2.0","id":{internal},"method":{method}"#);
    if request.params.is_some() {
        text.push_str(r#","params":{"#);
        let members = served.unwrap_or(&["_meta"]).iter();
        for (index, (name, raw)) in members.filter_map(|name| Some((name, request.param(name)?))).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            text.push_str(&format!(r#"{comma}"{name}":{raw}"#));
        }
        text.push('}');
    }
    text.push('}');
    let refusal = || Refusal {
        id: Some(request.id.clone()),
        code: INVALID_PARAMS,
        message: "The params are not what this method takes.".into(),
    };
    let mut message = serde_json::from_str::<ClientJsonRpcMessage>(&text).map_err(|_| refusal())?;
    let JsonRpcMessage::Request(inner) = &mut message else {
        return Err(refusal());
    };
    // Params of a wrong type do not fail in the library: they fall through to "some custom method", which would be
    // answered with "method not found". A cursor of a wrong type is even taken for none.
    let misfit = matches!(inner.request, ClientRequest::CustomRequest(_));
    let cursor_fits = |raw: &str| raw == "null" || raw.starts_with('"');
    if served.is_some() && (misfit || !request.param("cursor").is_none_or(cursor_fits)) {
        return Err(refusal());
    }
    if request.method == "tools/call" {
        inner.request.extensions_mut().insert(request.raw_call());
        inner.request.extensions_mut().insert::<Asker>(questions.asker());
    }
    Ok(message)
}

/// Writes queued lines and gives their permits back. Ends, and with it the connection, when writing fails.
async fn write_frames<W: AsyncWrite + Unpin>(mut writer: W, mut frames: mpsc::UnboundedReceiver<Frame>) {
    let mut batch = Vec::new();
    while frames.recv_many(&mut batch, MAX_CALLS_IN_FLIGHT).await > 0 {
        let written = async {
            for frame in &batch {
                writer.write_all(&frame.line).await?;
            }
            writer.flush().await
        };
        if let Err(error) = written.await {
            tracing::info!(%error, "the client no longer reads answers");
            return;
        }
        for frame in batch.drain(..) {
            drop(frame.permit);
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
