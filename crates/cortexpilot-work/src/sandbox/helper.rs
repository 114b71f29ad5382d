//! The helper's two stages, as the binary's hidden subcommand.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::policy::{Policy, Said};
use super::{confine, supervise};

/// The words that [`main`] understands.
pub const HELPER_STAGES: [&str; 2] = ["supervise", "confine"];

/// A policy larger than this is not read.
const POLICY_BYTES_MAX: u64 = 16 << 20;

/// Runs one stage; `stage` is the word after the helper's own. Never called by people: it speaks on its standard input, which
/// is a socket.
pub fn main(stage: &str) -> ExitCode {
    let told = match stage {
        "supervise" => Control::open().and_then(supervise::run),
        "confine" => Control::open().and_then(confine::run),
        _ => Err(io::Error::other("no such stage")),
    };
    match told {
        Ok(code) => code,
        // Whoever reads the socket sees it close; standard error belongs to the command's log.
        Err(_) => ExitCode::from(125),
    }
}

/// The socket to whoever started this stage.
pub(super) struct Control {
    pub(super) reader: BufReader<UnixStream>,
    pub(super) writer: UnixStream,
}

impl Control {
    /// Takes the socket off the standard input, and closes every other file that came along: what a shell or a supervisor
    /// left open in the worker would otherwise be open in the sandbox too.
    fn open() -> io::Result<Self> {
        let owned = io::stdin().as_fd().try_clone_to_owned()?;
        let keep = owned.as_raw_fd();
        let mut open = Vec::new();
        for entry in std::fs::read_dir("/proc/self/fd")? {
            open.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
        }
        for number in open.into_iter().filter(|number| *number > 2 && *number != keep) {
            // The directory that was just read is among them and closed already.
            nix::unistd::close(number).ok();
        }
        let stream = UnixStream::from(owned);
        let writer = stream.try_clone()?;
        let null = std::fs::File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        Ok(Self { reader: BufReader::new(stream), writer })
    }

    pub(super) fn policy(&mut self) -> io::Result<Policy> {
        let mut line = String::new();
        io::Read::take(&mut self.reader, POLICY_BYTES_MAX).read_line(&mut line)?;
        serde_json::from_str(&line).map_err(io::Error::other)
    }

    pub(super) fn say(&mut self, said: &Said) -> io::Result<()> {
        say(&mut self.writer, said)
    }
}

/// Writes one line.
pub(super) fn say(writer: &mut UnixStream, said: &Said) -> io::Result<()> {
    let mut line = serde_json::to_vec(said).map_err(io::Error::other)?;
    line.push(b'\n');
    writer.write_all(&line)
}
