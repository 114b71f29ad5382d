//! Standard input and output of the two servers that speak over them, read and written by the thread that serves.
//!
//! The runtime's own handles do every read and every write on a thread made for waiting, so one call goes through four
//! more hands than it needs. Clients give a server pipes or sockets, which the kernel can tell to be ready; those are
//! waited for like connections. Everything else (a file, a terminal, `/dev/null`) is read and written as the runtime does.
//!
//! The file behind a standard stream may be shared with other processes, the client's own end of a socket among them, and
//! whether a read waits is a property of that file, not of ours alone. So it is left as it is: a pipe is opened once more,
//! which gives a file of its own, and a socket is asked each time not to wait.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::fs::FileType;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Stdin, Stdout};
use tokio::net::unix::pipe;

/// What a client writes to.
pub(crate) enum Input {
    /// A pipe, opened once more.
    Pipe(pipe::Receiver),
    /// A stream socket.
    Socket(AsyncFd<OwnedFd>),
    /// Anything else.
    Threads(Stdin),
}

/// What a client reads from.
pub(crate) enum Output {
    /// A pipe, opened once more.
    Pipe(pipe::Sender),
    /// A stream socket.
    Socket(AsyncFd<OwnedFd>),
    /// Anything else.
    Threads(Stdout),
}

/// What can be waited for without a thread.
enum Ready {
    Pipe,
    Socket,
}

impl Input {
    /// This process's standard input. Made inside a runtime.
    pub(crate) fn of_process() -> Self {
        let stdin = io::stdin();
        let found = match ready_kind(stdin.as_fd()) {
            Some(Ready::Pipe) => pipe::OpenOptions::new().open_receiver("/proc/self/fd/0").map(Self::Pipe),
            Some(Ready::Socket) => socket(stdin.as_fd(), Interest::READABLE).map(Self::Socket),
            None => return Self::Threads(tokio::io::stdin()),
        };
        // Without /proc, or as another user than the one who made the pipe, it cannot be opened again.
        found.unwrap_or_else(|error| {
            tracing::debug!(%error, "standard input is read on a thread of its own");
            Self::Threads(tokio::io::stdin())
        })
    }
}

impl Output {
    /// This process's standard output. Made inside a runtime.
    pub(crate) fn of_process() -> Self {
        let stdout = io::stdout();
        let found = match ready_kind(stdout.as_fd()) {
            Some(Ready::Pipe) => pipe::OpenOptions::new().open_sender("/proc/self/fd/1").map(Self::Pipe),
            Some(Ready::Socket) => socket(stdout.as_fd(), Interest::WRITABLE).map(Self::Socket),
            None => return Self::Threads(tokio::io::stdout()),
        };
        found.unwrap_or_else(|error| {
            tracing::debug!(%error, "standard output is written on a thread of its own");
            Self::Threads(tokio::io::stdout())
        })
    }
}

/// Elsewhere than on Linux, opening a pipe again gives the same file, and there is no call that does not wait.
fn ready_kind(stream: BorrowedFd<'_>) -> Option<Ready> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    match FileType::from_raw_mode(rustix::fs::fstat(stream).ok()?.st_mode) {
        FileType::Fifo => Some(Ready::Pipe),
        FileType::Socket => {
            let kind = rustix::net::sockopt::socket_type(stream).ok()?;
            (kind == rustix::net::SocketType::STREAM).then_some(Ready::Socket)
        }
        FileType::RegularFile
        | FileType::Directory
        | FileType::Symlink
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => None,
    }
}

#[expect(
    deprecated,
    reason = "it may not be given a type that lies about its descriptor, which `OwnedFd` does not; its successor is unsafe"
)]
fn socket(stream: BorrowedFd<'_>, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(stream.try_clone_to_owned()?, interest)
}

fn receive(socket: &AsyncFd<OwnedFd>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    use rustix::net::{RecvFlags, recv};

    loop {
        let mut ready = ready!(socket.poll_read_ready(context))?;
        let unfilled = into.initialize_unfilled();
        let received = ready.try_io(|socket| Ok(recv(socket.get_ref(), &mut *unfilled, RecvFlags::DONTWAIT)?.0));
        match received {
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(received) => {
                into.advance(received?);
                return Poll::Ready(Ok(()));
            }
            // It was not ready after all.
            Err(_) => {}
        }
    }
}

fn send(socket: &AsyncFd<OwnedFd>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    use rustix::net::SendFlags;

    #[cfg(target_os = "linux")]
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = SendFlags::DONTWAIT;
    loop {
        let mut ready = ready!(socket.poll_write_ready(context))?;
        match ready.try_io(|socket| Ok(rustix::net::send(socket.get_ref(), bytes, flags)?)) {
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(sent) => return Poll::Ready(sent),
            Err(_) => {}
        }
    }
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Pipe(pipe) => Pin::new(pipe).poll_read(context, into),
            Self::Socket(socket) => receive(socket, context, into),
            Self::Threads(stdin) => Pin::new(stdin).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Pipe(pipe) => Pin::new(pipe).poll_write(context, bytes),
            Self::Socket(socket) => send(socket, context, bytes),
            Self::Threads(stdout) => Pin::new(stdout).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // What was written is with the kernel.
            Self::Pipe(_) | Self::Socket(_) => Poll::Ready(Ok(())),
            Self::Threads(stdout) => Pin::new(stdout).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // The streams end with the process.
            Self::Pipe(_) | Self::Socket(_) => Poll::Ready(Ok(())),
            Self::Threads(stdout) => Pin::new(stdout).poll_shutdown(context),
        }
    }
}
