//! A connection that gives up on a client which does not take what it asked for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::places::Seat;

/// So many bytes must go out within each limit while more wait: a client that takes a byte now and then would otherwise hold
/// its answer in memory for days.
const LEAST: usize = 64 * 1024;

/// A stream whose writes end with an error when the client takes too little of them for too long.
pub(super) struct Patient {
    stream: TcpStream,
    limit: Duration,
    seat: Arc<Seat>,
    /// Runs from the first write that had to wait until everything is written, or until enough of it is.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Bytes written since it runs.
    taken: usize,
}

/// Up to so many bytes of an answer are put together: one piece costs the system less than a list of pieces.
const SHORT: usize = 2048;

impl Patient {
    pub(super) fn new(stream: TcpStream, limit: Duration, seat: Arc<Seat>) -> Self {
        Self { stream, limit, seat, stalled: None, taken: 0 }
    }

    /// A write was tried: with it something may wait for the client.
    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.seat.writes(true);
        match &written {
            Poll::Ready(Ok(bytes)) => {
                self.taken += bytes;
                if self.taken >= LEAST {
                    self.caught_up();
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let deadline = Instant::now() + self.limit;
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                if stalled.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        written
    }

    fn caught_up(&mut self) {
        (self.stalled, self.taken) = (None, 0);
    }
}

/// The slices as one, where they are short.
fn joined<'w>(slices: &[io::IoSlice<'_>], whole: &'w mut [u8; SHORT]) -> Option<&'w [u8]> {
    let mut end = 0;
    for slice in slices {
        whole.get_mut(end..end + slice.len())?.copy_from_slice(slice);
        end += slice.len();
    }
    Some(&whole[..end])
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
        let mut whole = [0; SHORT];
        let written = match joined(slices, &mut whole) {
            Some(whole) => Pin::new(&mut self.stream).poll_write(cx, whole),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        };
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for when nothing is left to write: the client has caught up, so that an answer of which a part comes now and
    /// then (a stream of events) is not held against it.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.caught_up();
        self.seat.writes(false);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_answers_are_put_together_and_others_are_not() {
        let mut whole = [0; SHORT];
        let long = vec![7; SHORT];
        let joined = |slices: &[&[u8]], whole: &mut [u8; SHORT]| {
            let slices: Vec<io::IoSlice<'_>> = slices.iter().map(|slice| io::IoSlice::new(slice)).collect();
            joined(&slices, whole).map(<[u8]>::to_vec)
        };
        assert_eq!(joined(&[b"head", b"", b"body"], &mut whole).as_deref(), Some(&b"headbody"[..]));
        assert_eq!(joined(&[&long], &mut whole), Some(long.clone()));
        assert_eq!(joined(&[b"head", &long], &mut whole), None);
        assert_eq!(joined(&[], &mut whole).as_deref(), Some(&b""[..]));
    }
}
