//! The place in line: a lock on a directory, waited for in the kernel and not for ever.
//!
//! `flock(2)` blocks without a time limit, and looking again and again wastes either time or a processor. So a thread of
//! its own blocks, and the writer waits for that thread as long as it cares to. Who gives up leaves the thread standing in
//! line: the next attempt goes on from there, and where there is none the thread lets go as soon as it is its turn.
//!
//! It is a turnstile for those who want the place for themselves, and a gate for those who wait until nobody has it.
//!
//! Locks belong to the open file, not to the thread. While the thread stands in line, locking the same open file without
//! waiting would succeed as soon as the thread has the lock; so then nobody tries.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Taken, cannot_be};

/// The turnstile, not passed.
pub(crate) struct Turnstile {
    file: Arc<File>,
    line: Arc<Line>,
    /// Has the thread stand in line. Without it there is no thread yet; dropping it ends the thread.
    stand: Option<Sender<Wish>>,
}

/// What the thread stands in line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// The place.
    Place,
    /// That nobody has it.
    Free,
}

/// Where the thread is.
#[derive(Default)]
struct Line {
    at: Mutex<At>,
    moved: Condvar,
}

#[derive(Default)]
enum At {
    /// It is not in line.
    #[default]
    Away,
    /// It stands in line, and somebody waits for it.
    InLine,
    /// It stands in line, and nobody does.
    GivenUp,
    /// It came to the front.
    Front(Result<(), Errno>),
}

impl Turnstile {
    /// `None` when there is no such directory: then there is no place to stand in line.
    pub(super) fn open(dir: &Path) -> io::Result<Option<Self>> {
        match File::open(dir) {
            Ok(file) => Ok(Some(Self::over(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One whose lock is that of this file, which nothing else is done with.
    pub(crate) fn over(file: File) -> Self {
        Self { file: Arc::new(file), line: Arc::default(), stand: None }
    }

    /// Waits for the place next in line.
    pub(super) fn enter(&mut self, until: Instant) -> io::Result<Taken> {
        if !self.go_on_waiting() {
            match self.try_lock() {
                Err(Errno::WOULDBLOCK) if Instant::now() >= until => return Ok(Taken::Busy),
                Err(Errno::WOULDBLOCK) => self.stand_in_line(Wish::Place)?,
                answer => return told(answer),
            }
        }
        self.wait_in_front(until)
    }

    /// Waits until nobody has the place, without taking it: all who do are woken together.
    pub(crate) fn wait_until_free(&mut self, until: Instant) -> io::Result<Taken> {
        if !self.go_on_waiting() {
            self.stand_in_line(Wish::Free)?;
        }
        self.wait_in_front(until)
    }

    fn wait_in_front(&self, until: Instant) -> io::Result<Taken> {
        let mut at = self.line.lock();
        loop {
            if let At::Front(answer) = &*at {
                let answer = *answer;
                *at = At::Away;
                return told(answer);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                *at = At::GivenUp;
                return Ok(Taken::Busy);
            }
            at = self.line.moved.wait_timeout(at, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the place if nobody has it.
    pub(crate) fn try_enter(&mut self) -> bool {
        let away = matches!(*self.line.lock(), At::Away);
        away && self.try_lock().is_ok()
    }

    /// Gives the place up.
    pub(crate) fn leave(&self) {
        // Closing the file would do it too; nothing can be done about a failure.
        let _ = flock(&*self.file, FlockOperation::Unlock);
    }

    /// Whether the thread still stands in line from an attempt that gave up.
    fn go_on_waiting(&self) -> bool {
        let mut at = self.line.lock();
        let in_line = matches!(*at, At::GivenUp);
        if in_line {
            *at = At::InLine;
        }
        in_line
    }

    fn try_lock(&self) -> Result<(), Errno> {
        loop {
            match flock(&*self.file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::INTR) => {}
                answer => return answer,
            }
        }
    }

    fn stand_in_line(&mut self, wish: Wish) -> io::Result<()> {
        if self.stand.is_none() {
            let (stand, told) = channel();
            let (file, line) = (self.file.clone(), self.line.clone());
            std::thread::Builder::new().name("ledger-line".into()).spawn(move || wait_in_line(&file, &line, &told))?;
            self.stand = Some(stand);
        }
        *self.line.lock() = At::InLine;
        // It cannot fail while the thread lives, and that lives as long as this does.
        let _ = self.stand.as_ref().map(|stand| stand.send(wish));
        Ok(())
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        let mut at = self.line.lock();
        if matches!(*at, At::InLine) {
            *at = At::GivenUp;
        }
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, At> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(answer: Result<(), Errno>) -> io::Result<Taken> {
    match answer {
        Ok(()) => Ok(Taken::Yes),
        Err(error) if cannot_be(error) => Ok(Taken::CannotBe),
        Err(error) => Err(error.into()),
    }
}

/// The thread's part.
fn wait_in_line(file: &File, line: &Line, told: &Receiver<Wish>) {
    while let Ok(wish) = told.recv() {
        let how = match wish {
            Wish::Place => FlockOperation::LockExclusive,
            Wish::Free => FlockOperation::LockShared,
        };
        let answer = loop {
            match flock(file, how) {
                Err(Errno::INTR) => {}
                answer => break answer,
            }
        };
        if wish == Wish::Free {
            // At once: as long as one has it so, nobody can take the place.
            let _ = flock(file, FlockOperation::Unlock);
        }
        let mut at = line.lock();
        if matches!(*at, At::GivenUp) {
            let _ = flock(file, FlockOperation::Unlock);
            *at = At::Away;
        } else {
            *at = At::Front(answer);
        }
        line.moved.notify_all();
    }
}
