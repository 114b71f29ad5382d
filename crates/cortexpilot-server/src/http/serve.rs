//! Connections: how many, how long, and how they end.
//!
//! A command that was begun is carried to its end whether or not its caller still listens: half a command would leave a
//! line on disk that nobody was told of. Ending the server means: no new connection, no further request on an open one,
//! and waiting for what was begun and for its answers to go out.
//!
//! HTTP/1.1 alone is spoken (docs/adr/0026): a proxy in front of this server speaks whatever its clients like.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::direct::ControlPlane;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use futures_util::future::Either;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

mod patient;
mod places;

use patient::Patient;
use places::{Place, Places, Seat, UnderWay};

/// When the server ends, a connection whose head is on its way gets so long to bring it whole.
const LAST_HEAD: Duration = Duration::from_secs(1);

/// What a handler may learn about the connection that its request came on.
#[derive(Debug, Clone)]
pub(crate) struct Connected {
    // Nothing is ever sent: the receiver learns that the sender is gone. `None` where the handler's future is dropped as soon
    // as nobody waits for it.
    listens: Option<watch::Receiver<()>>,
    // The connection's own: what all connections share is not touched by each request.
    stopping: Arc<watch::Receiver<bool>>,
}

impl Connected {
    /// Ready when nobody waits for the answer any more.
    pub(crate) async fn gone(&mut self) {
        match &mut self.listens {
            Some(listens) => while listens.changed().await.is_ok() {},
            None => std::future::pending().await,
        }
    }

    /// Ready when the server ends: an answer that goes on for ever must end as well.
    pub(crate) async fn stopping(&mut self) {
        // An error means that the server is gone, which is an end as well.
        let _ = watch::Receiver::clone(&self.stopping).wait_for(|stopping| *stopping).await;
    }
}

/// Limits of connections. Everything that a client could hold on to ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Connections at once. For a further one whoever is idle must leave; where nobody is, it waits.
    pub connections: usize,
    /// From the start of a connection, or the end of its last answer, until the head of a request has come whole. Ends slow
    /// heads and idle connections alike.
    pub head: Duration,
    /// The largest head of a request, in bytes.
    pub head_bytes: usize,
    /// How long a client may leave an answer unread; it must take 64 KiB of what waits within each such time.
    pub stalled_write: Duration,
    /// How long the end of the server waits for what was begun.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head: Duration::from_secs(15),
            head_bytes: 32 * 1024,
            stalled_write: Duration::from_secs(30),
            drain: Duration::from_secs(45),
        }
    }
}

/// Serves until `shutdown` is ready, then carries what was begun to its end. See [`serve_with`].
///
/// # Errors
/// None of a single connection: those are logged and end that connection alone.
pub async fn serve(
    listener: TcpListener,
    plane: impl Into<ControlPlane>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    serve_with(listener, plane, ServeLimits::default(), shutdown).await
}

/// [`serve`] with other limits.
///
/// # Errors
/// When the listener has no address any more, which means that nothing could ever be accepted.
pub async fn serve_with(
    listener: TcpListener,
    plane: impl Into<ControlPlane>,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let plane = plane.into();
    let address = listener.local_addr()?;
    let places = Places::new(limits.connections);
    let (stop, stopping) = watch::channel(false);
    // Nothing is ever sent: the receiver learns that the last clone of the sender is gone.
    let (begun, mut all_done) = mpsc::channel::<Infallible>(1);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.as_mut() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%address, %error, "a connection could not be accepted");
                // Out of file descriptors, most likely: trying again at once would only spin.
                tokio::select! {
                    () = shutdown.as_mut() => break,
                    () = tokio::time::sleep(Duration::from_millis(100)) => continue,
                }
            }
        };
        let (plane, begun, stopping) = (plane.clone(), begun.clone(), stopping.clone());
        connections.spawn(async move {
            if let Err(error) = connection(stream, plane, limits, begun, stopping, &place).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop((listener, begun));
    // Nobody listening any more is no failure: then nothing is open.
    let _ = stop.send(true);
    let all = async {
        // First what was begun, also for callers that hung up; then the answers that are still going out.
        all_done.recv().await;
        while connections.join_next().await.is_some() {}
    };
    if tokio::time::timeout(limits.drain, all).await.is_err() {
        tracing::warn!(%address, open = connections.len(), "the server ends with requests that did not finish in time");
    }
    Ok(())
}

/// Takes a connection, then a place for it: only for somebody who is there does anybody lose theirs.
async fn accept(listener: &TcpListener, places: &Arc<Places>) -> io::Result<(TcpStream, Place)> {
    let stream = loop {
        match listener.accept().await {
            Ok((stream, _)) => break stream,
            // This one was gone before it was taken; the next is no worse for it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    };
    // Answers are written whole: waiting for more to send with them would only delay them. Where it cannot be set, they
    // are delayed.
    let _ = stream.set_nodelay(true);
    Ok((stream, places.take().await))
}

async fn connection(
    stream: TcpStream,
    plane: ControlPlane,
    limits: ServeLimits,
    begun: mpsc::Sender<Infallible>,
    mut stopping: watch::Receiver<bool>,
    place: &Place,
) -> Result<(), hyper::Error> {
    let seat = &place.seat;
    // Nothing is set up for a client that sends nothing: of those there may be thousands.
    tokio::select! {
        _ = stream.readable() => {}
        () = tokio::time::sleep(limits.head) => return Ok(()),
        () = seat.must_leave() => return Ok(()),
        _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
    }
    let (begun, until) = (Arc::new(begun), Arc::new(stopping.clone()));
    let service =
        hyper::service::service_fn(|request: Request<Incoming>| carry_out(&plane, request, &begun, &until, seat));
    let mut http = http1::Builder::new();
    // What a client has not read yet is kept here: little of it, for there may be many that read nothing.
    let buffered = limits.head_bytes.max(64 * 1024);
    // Who waits for how long is known of every seat; a timer for each head would be made and undone with each request.
    http.header_read_timeout(None).max_header_size(limits.head_bytes).max_buf_size(buffered);
    let mut connection =
        pin!(http.serve_connection(TokioIo::new(Patient::new(stream, limits.stalled_write, seat.clone())), service));
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = seat.has_waited(limits.head) => return Ok(()),
        // Of a first head that never came whole there is nothing to finish.
        () = seat.must_leave() => if !seat.asked() { return Ok(()) },
        // An error means that the server is gone, which is an end as well.
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    if !seat.asked() {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = tokio::time::sleep(LAST_HEAD) => if !seat.asked() { return Ok(()) },
        }
    }
    connection.await
}

/// Answers one request. What may change something runs in a task of its own: when the caller hangs up, this future is dropped
/// and the task goes on, unless its handler looks at [`Connected`] and leaves it. A plain read ends with its caller.
fn carry_out<'a>(
    plane: &'a ControlPlane,
    request: Request<Incoming>,
    begun: &Arc<mpsc::Sender<Infallible>>,
    stopping: &Arc<watch::Receiver<bool>>,
    seat: &Arc<Seat>,
) -> impl Future<Output = Result<Response<Counted>, Infallible>> + use<'a> {
    let under_way = seat.begin();
    let stopping = stopping.clone();
    let answering = match plane.find(&request) {
        Some(found) => Either::Left(found.answer(request.into_parts().0, Connected { listens: None, stopping })),
        None => Either::Right(Box::pin(routed(plane.clone(), request, begun.clone(), stopping))),
    };
    // No `async` block: its state would hold the answering twice, and it is moved before it begins.
    answering.map(|answer| Ok(answer.map(|body| Counted { body, _under_way: under_way })))
}

fn routed(
    plane: ControlPlane,
    mut request: Request<Incoming>,
    begun: Arc<mpsc::Sender<Infallible>>,
    stopping: Arc<watch::Receiver<bool>>,
) -> impl Future<Output = Response> + use<> {
    let reads = request.method().is_safe();
    let (waits, listens) = if reads { (None, None) } else { Some(watch::channel(())).unzip() };
    request.extensions_mut().insert(Connected { listens, stopping });
    let answering = async move {
        let answer = plane.route(request.map(Body::new)).await;
        drop(begun);
        answer
    };
    async move {
        let _waits = waits;
        if reads {
            return answering.await;
        }
        // The router catches the panics of handlers; what is left is a runtime that is being shut down.
        tokio::spawn(answering).await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

/// An answer's body, which holds its request under way until it is out or given up.
struct Counted {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state<A, B, C, D, E, F: Future>(_: impl FnOnce(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    /// Every connection has room for it, and it is moved there for each request.
    #[test]
    fn what_is_kept_of_a_read_while_it_is_answered_is_small() {
        let size = state(carry_out);
        assert!(size <= 1280, "{size}");
    }
}
