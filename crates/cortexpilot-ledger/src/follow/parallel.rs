//! Many lines on several threads. This thread reads pieces of whole lines, others look at each line apart from its chain,
//! and this one takes what they saw into the chain, in order.
//!
//! It rests on where the hashes stand: a line states its own, and the next is linked to what is stated. So a piece can be
//! verified behind the last line of the piece before it as that line *states* itself; that the line is what it states has
//! been seen by the time the piece is taken, because pieces are taken in order. Whatever is not plainly as it must be ends
//! the work here, and [`alone`](super::alone) judges that line: what is wrong with it is said in one place.
//!
//! Lines of the original have no hash of their own. They are looked at on all threads too, but the hash of all their bytes,
//! which the first line of ours is linked to, is made here, and that line is left to [`alone`](super::alone).

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cortexpilot_core::domain::ledger;

use super::{End, Plan, Window};
use crate::chain::{Chain, Entry, Look, Seen};

/// The longest line that is looked at here, in bytes, give or take a piece. One of ours is shorter.
const LONGEST: usize = 1 << 20;

/// Whole lines, and what was seen of them. Made a few times and used over and over.
#[derive(Default)]
struct Piece {
    /// More than `filled` bytes, perhaps: they are not cleared each time.
    buffer: Vec<u8>,
    filled: usize,
    /// Where each line that was seen ends, its newline not counted. A line that is missing here, and all behind it, has
    /// to be judged by the chain.
    seen: Vec<(usize, Seen)>,
}

impl Piece {
    fn lines(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// The last line, without its newline.
    fn last(&self) -> &[u8] {
        let lines = self.lines().strip_suffix(b"\n").unwrap_or(self.lines());
        let begin = memchr::memrchr(b'\n', lines).map_or(0, |at| at + 1);
        &lines[begin..]
    }
}

/// What a piece is looked at behind.
#[derive(Clone, Copy)]
enum Behind {
    /// The original's lines, or nothing.
    Original,
    /// A line of ours that states this hash.
    Ours([u8; 64]),
}

struct Job {
    piece: Piece,
    behind: Behind,
    answer: SyncSender<Piece>,
}

/// A piece that is being looked at.
struct Awaited {
    behind: Behind,
    answer: Receiver<Piece>,
}

/// Reads on until a line needs to be judged alone or no complete line is left: `None`, and the chain stands before it.
pub(super) fn run(
    window: Window<'_>,
    chain: &mut Chain,
    visit: &mut dyn FnMut(u64, u64, Entry),
    plan: Plan,
) -> io::Result<Option<End>> {
    let workers = plan.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    if plan.workers.is_none() && workers < 2 {
        return Ok(None);
    }
    let (jobs, queue) = mpsc::channel::<Job>();
    let queue = Mutex::new(queue);
    let look = chain.look();
    thread::scope(|scope| {
        let started = (0..workers).filter(|_| {
            let worker = thread::Builder::new().name("ledger-verify".into());
            worker.spawn_scoped(scope, || work(&queue, look)).is_ok()
        });
        match started.count() {
            // A system without threads to spare is no reason to read nothing.
            0 => Ok(None),
            // One piece for each thread, and one each that is read already.
            started => {
                Reading { window, rest: Vec::new(), spare: Vec::new(), jobs }.run(chain, visit, plan, 2 * started)
            }
        }
    })
}

/// Looks at pieces until there are no more.
fn work(queue: &Mutex<Receiver<Job>>, look: Look) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { mut piece, behind, answer }) = job else { return };
        let Piece { buffer, filled, seen } = &mut piece;
        see(look, behind, &buffer[..*filled], seen);
        // Nobody waits for it when a line before it was damaged.
        let _: Result<(), mpsc::SendError<Piece>> = answer.send(piece);
    }
}

/// Looks at lines up to the first that has to be judged by the chain.
fn see(look: Look, behind: Behind, lines: &[u8], seen: &mut Vec<(usize, Seen)>) {
    let mut begin = 0;
    let mut behind = behind;
    for end in memchr::memchr_iter(b'\n', lines) {
        let line = &lines[begin..end];
        let found = match &mut behind {
            Behind::Original => look.original(line),
            Behind::Ours(stated) => look.behind(stated, line).inspect(|_| {
                if let Some(next) = ledger::stated(line) {
                    *stated = *next;
                }
            }),
        };
        let Some(found) = found else { return };
        seen.push((end, found));
        begin = end + 1;
    }
}

/// This thread's part.
struct Reading<'a> {
    window: Window<'a>,
    /// What was read behind the last newline.
    rest: Vec<u8>,
    spare: Vec<Piece>,
    jobs: Sender<Job>,
}

impl Reading<'_> {
    fn run(
        mut self,
        chain: &mut Chain,
        visit: &mut dyn FnMut(u64, u64, Entry),
        plan: Plan,
        most: usize,
    ) -> io::Result<Option<End>> {
        let mut awaited = VecDeque::new();
        // How reading ended. It counts once everything read before has been taken.
        let mut ended = None;
        let mut behind = Some(chain.begun().map_or(Behind::Original, Behind::Ours));
        loop {
            while awaited.len() < most && ended.is_none() {
                match (self.read(plan.chunk), behind) {
                    (Ok(Some(piece)), Some(before)) => {
                        behind = match before {
                            Behind::Original => Some(before),
                            // Behind a line that states nothing no line is sound.
                            Behind::Ours(_) => ledger::stated(piece.last()).copied().map(Behind::Ours),
                        };
                        awaited.push_back(self.give(piece, before));
                    }
                    (Ok(_), _) => ended = Some(Ok(None)),
                    (Err(_), _) if self.window.moved => ended = Some(Ok(Some(End::Moved))),
                    (Err(error), _) => ended = Some(Err(error)),
                }
            }
            let Some(Awaited { behind, answer }) = awaited.pop_front() else { return ended.unwrap_or(Ok(None)) };
            let piece = answer.recv().map_err(|_| io::Error::other("a thread that verifies lines has died"))?;
            if let Taken::Not(end) = self.take(chain, visit, piece, behind) {
                return Ok(end);
            }
        }
    }

    fn give(&self, piece: Piece, behind: Behind) -> Awaited {
        let (sender, answer) = mpsc::sync_channel(1);
        // It cannot fail while the threads have the other end; if they died, the answer says so.
        let _: Result<(), mpsc::SendError<Job>> = self.jobs.send(Job { piece, behind, answer: sender });
        Awaited { behind, answer }
    }

    /// The next whole lines; `None` when there are none, or none that can be looked at here.
    fn read(&mut self, at_once: usize) -> io::Result<Option<Piece>> {
        let mut piece = self.spare.pop().unwrap_or_default();
        let buffer = &mut piece.buffer;
        let mut have = self.rest.len();
        if buffer.len() < have {
            buffer.resize(have, 0);
        }
        buffer[..have].copy_from_slice(&self.rest);
        let mut aim = have + at_once;
        let mut searched = have;
        loop {
            if buffer.len() < aim {
                buffer.resize(aim, 0);
            }
            let read = self.window.read(&mut buffer[have..aim])?;
            have += read;
            if read > 0 && have < aim {
                continue;
            }
            if let Some(newline) = memchr::memrchr(b'\n', &buffer[searched..have]) {
                piece.filled = searched + newline + 1;
                self.rest.clear();
                self.rest.extend_from_slice(&buffer[piece.filled..have]);
                return Ok(Some(piece));
            }
            if read == 0 || have > LONGEST {
                return Ok(None);
            }
            searched = have;
            aim = have + at_once;
        }
    }

    /// Takes what was seen of a piece into the chain.
    fn take(
        &mut self,
        chain: &mut Chain,
        visit: &mut dyn FnMut(u64, u64, Entry),
        mut piece: Piece,
        behind: Behind,
    ) -> Taken {
        // The link between two pieces: this one was looked at behind a hash that was stated, and is taken behind one that
        // was seen.
        let linked = match behind {
            Behind::Original => chain.begun().is_none(),
            Behind::Ours(stated) => chain.begun() == Some(stated),
        };
        if !linked {
            return Taken::Not(None);
        }
        let mut begin = 0;
        for (end, seen) in piece.seen.drain(..) {
            let (number, at) = (chain.lines + 1, chain.offset);
            match chain.take(&piece.buffer[begin..end], seen) {
                Ok(entry) => visit(number, at, entry),
                Err(what) => return Taken::Not(Some(End::Damaged(what))),
            }
            begin = end + 1;
        }
        if begin < piece.filled {
            return Taken::Not(None);
        }
        self.spare.push(piece);
        Taken::Whole
    }
}

/// What became of a piece.
enum Taken {
    /// All of it is in the chain.
    Whole,
    /// Some of it is not: reading ends so, or goes on alone.
    Not(Option<End>),
}

#[cfg(test)]
mod tests;
