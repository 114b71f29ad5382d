//! One client's stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::block::{EndReason, KEEP_ALIVE, ResetReason, Shown, reset};
use super::feed::{Feed, Read, Source};
use crate::http::serve::Connected;

/// After so long without anything else a comment is sent: proxies end what seems dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A client that leaves what it was sent for so long is ended. Shorter than a connection waits for a write, so that the
/// client can be told.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// What ends a stream from without.
pub(super) struct Ends {
    connected: Option<Connected>,
    checked: Option<watch::Receiver<Option<EndReason>>>,
}

impl Ends {
    pub(super) fn new(connected: Option<Connected>, checked: Option<watch::Receiver<Option<EndReason>>>) -> Self {
        Self { connected, checked }
    }

    /// Ready when the stream must end. May be dropped and asked again.
    async fn reached(&mut self) -> EndReason {
        let stopping = async {
            match &mut self.connected {
                Some(connected) => connected.stopping().await,
                None => std::future::pending().await,
            }
        };
        let refused = async {
            match &mut self.checked {
                Some(checked) => match checked.wait_for(Option::is_some).await {
                    Ok(reason) => reason.unwrap_or(EndReason::Token),
                    // Whoever looks at it is gone, and with it the runtime.
                    Err(_) => EndReason::Shutdown,
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stopping => EndReason::Shutdown,
            reason = refused => reason,
        }
    }
}

/// A client and where it stands.
pub(super) struct Client<S: Source> {
    feed: Arc<Feed<S>>,
    moved: watch::Receiver<u64>,
    position: S::Position,
    shown: Shown,
    first: Option<Bytes>,
    /// How many events it was sent.
    given: u64,
    /// It was not told yet that it has everything.
    behind: bool,
    ends: Ends,
    /// When the last chunk was handed over; none while nothing is on its way.
    handed: Option<Instant>,
    beat: Instant,
    ended: bool,
}

impl<S: Source> Client<S> {
    /// Begins with `first`, which holds so many events, and behind which the position stands.
    pub(super) fn new(
        feed: Arc<Feed<S>>,
        position: S::Position,
        shown: Shown,
        (given, first): (u64, Vec<u8>),
        ends: Ends,
    ) -> Self {
        let moved = feed.moved();
        let first = Some(first).filter(|first| !first.is_empty()).map(Bytes::from);
        let beat = Instant::now() + HEARTBEAT;
        Self { feed, moved, position, shown, first, given, behind: true, ends, handed: None, beat, ended: false }
    }

    /// Its chunks, each made when the connection asks for it.
    pub(super) fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        unfold(self, |mut client| async move {
            let chunk = client.next().await?;
            (client.handed, client.beat) = (Some(Instant::now()), Instant::now() + HEARTBEAT);
            Some((Ok(chunk), client))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        // Asked for more, it has taken what it was handed.
        if self.handed.take().is_some_and(|handed| handed.elapsed() > TAKEN_WITHIN) {
            return Some(self.end(EndReason::SlowReader));
        }
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            // Before it is read: what comes after that is told.
            self.moved.mark_unchanged();
            let read = tokio::select! {
                biased;
                reason = self.ends.reached() => return Some(self.end(reason)),
                read = self.feed.after(&self.position) => read,
            };
            match read {
                Err(reason) => return Some(self.end(reason)),
                Ok(read) => {
                    self.position = read.next.clone();
                    let mut chunk = chunk(&read, self.shown);
                    self.given += read.blocks.len() as u64;
                    self.behind |= read.replaced;
                    if self.behind && !read.more {
                        self.behind = false;
                        chunk.extend(S::caught_up(&self.position, self.given).into_iter().flatten());
                    }
                    if !chunk.is_empty() {
                        return Some(chunk.into());
                    }
                    if read.more {
                        continue;
                    }
                }
            }
            tokio::select! {
                biased;
                reason = self.ends.reached() => return Some(self.end(reason)),
                // The sender belongs to the feed, which this holds.
                _ = self.moved.changed() => {}
                () = sleep_until(self.beat) => return Some(Bytes::from_static(KEEP_ALIVE)),
            }
        }
    }

    fn end(&mut self, reason: EndReason) -> Bytes {
        self.ended = true;
        tracing::debug!(?reason, "a stream ends");
        reason.bytes()
    }
}

fn chunk<P>(read: &Read<P>, shown: Shown) -> Vec<u8> {
    let mut chunk = Vec::new();
    if read.replaced {
        chunk.extend_from_slice(&reset(ResetReason::FileReplaced));
    }
    for block in &read.blocks {
        chunk.extend_from_slice(block.bytes(shown));
    }
    chunk
}
