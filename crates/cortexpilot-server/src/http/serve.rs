//! Connections: how many, how long, and how they end.
//!
//! A request that was begun is carried to its end whether or not its caller still listens: half a command would leave a
//! line on disk that nobody was told of. Ending the server means: no new connection, no further request on an open one,
//! and waiting for what was begun.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tower::ServiceExt as _;

/// What a handler may learn about the connection that its request came on.
#[derive(Debug, Clone)]
pub(crate) struct Connected {
    // Nothing is ever sent: the receiver learns that the sender is gone.
    listens: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
}

impl Connected {
    /// Ready when nobody waits for the answer any more.
    pub(crate) async fn gone(&mut self) {
        while self.listens.changed().await.is_ok() {}
    }

    /// Ready when the server ends: an answer that goes on for ever must end as well.
    pub(crate) async fn stopping(&mut self) {
        // An error means that the server is gone, which is an end as well.
        let _ = self.stopping.wait_for(|stopping| *stopping).await;
    }
}

/// Limits of connections. Everything that a client could hold on to ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Connections at once; further ones wait in the listener's backlog.
    pub connections: usize,
    /// From the start of a connection, or the end of its last answer, until the head of a request has come whole. Ends slow
    /// heads and idle connections alike.
    pub head: Duration,
    /// The largest head of a request, in bytes.
    pub head_bytes: usize,
    /// How long a client may leave an answer unread.
    pub stalled_write: Duration,
    /// How long the end of the server waits for what was begun.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 512,
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
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
    serve_with(listener, router, ServeLimits::default(), shutdown).await
}

/// [`serve`] with other limits.
///
/// # Errors
/// When the listener has no address any more, which means that nothing could ever be accepted.
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (stop, stopping) = watch::channel(false);
    // Nothing is ever sent: the receiver learns that the last clone of the sender is gone.
    let (begun, mut all_done) = mpsc::channel::<Infallible>(1);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.as_mut() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let (stream, slot) = match accepted {
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
        let (router, begun, stopping) = (router.clone(), begun.clone(), stopping.clone());
        connections.spawn(async move {
            if let Err(error) = connection(stream, router, limits, begun, stopping).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
    }
    drop((listener, begun));
    // Nobody listening any more is no failure: then nothing is open.
    let _ = stop.send(true);
    if tokio::time::timeout(limits.drain, all_done.recv()).await.is_err() {
        tracing::warn!(%address, open = connections.len(), "the server ends with requests that did not finish in time");
    }
    Ok(())
}

/// Takes a slot first, so that what cannot be served stays in the backlog.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
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
    Ok((stream, slot))
}

async fn connection(
    stream: TcpStream,
    router: Router,
    limits: ServeLimits,
    begun: mpsc::Sender<Infallible>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), hyper::Error> {
    let until = stopping.clone();
    let service = hyper::service::service_fn(|request: Request<Incoming>| carry_out(&router, request, &begun, &until));
    let mut http = http1::Builder::new();
    // What a client has not read yet is kept here: little of it, for there may be many that read nothing.
    let buffered = limits.head_bytes.max(64 * 1024);
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(limits.head_bytes)
        .max_buf_size(buffered);
    let io = TokioIo::new(Patient { stream, limit: limits.stalled_write, stalled: None });
    let mut connection = pin!(http.serve_connection(io, service));
    tokio::select! {
        ended = connection.as_mut() => return ended,
        // An error means that the server is gone, which is an end as well.
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Answers one request in a task of its own: when the caller hangs up, this future is dropped and the task goes on, unless
/// its handler looks at [`Connected`] and leaves it.
fn carry_out(
    router: &Router,
    mut request: Request<Incoming>,
    begun: &mpsc::Sender<Infallible>,
    stopping: &watch::Receiver<bool>,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    let (router, begun) = (router.clone(), begun.clone());
    let (waits, listens) = watch::channel(());
    request.extensions_mut().insert(Connected { listens, stopping: stopping.clone() });
    let task = tokio::spawn(async move {
        let answer = router.oneshot(request.map(Body::new)).await;
        drop(begun);
        answer
    });
    async move {
        let _waits = waits;
        // The router catches the panics of handlers; what is left is a runtime that is being shut down.
        let answered = task.await.map(|Ok(response)| response);
        Ok(answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
    }
}

/// A connection that gives up on a client which does not read what it asked for.
struct Patient {
    stream: TcpStream,
    limit: Duration,
    /// Runs while a write waits for the client.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let deadline = Instant::now() + self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
