//! One chained file as far as this process has read it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cortexpilot_core::codec::line::{Adopted, Repaired};
use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::listing::FileProblem;

use crate::census::Census;
use crate::chain::{Chain, Entry, FileKind, Keep, Position, Tail};
use crate::disk::{self, Identity, Stat};
use crate::follow::{End, follow, read_range};
use crate::log::{Anchor, CheckpointFileError};
use crate::marks::{Mark, Marks};
use crate::segments::{self, Boundary, Gap, Joined, Segments, may_be_missing};

mod seen;

use seen::Seen;

/// Oddities of a legacy ledger that are kept one by one; the rest is counted.
const ODD_MAX: usize = 100;

/// A file, followed from its beginning.
pub(crate) struct Tracked {
    pub(crate) kind: FileKind,
    path: PathBuf,
    open: Option<(Joined, Identity)>,
    /// Where what is sealed before it stops belonging together: nothing behind that is read.
    gap: Option<Gap>,
    pub(crate) chain: Chain,
    /// The first line that is not what it must be. Nothing behind it is read.
    pub(crate) damage: Option<Damage>,
    /// The first event of a newer version, and its line.
    pub(crate) newer: Option<(u64, String)>,
    /// The repair that the file begins with.
    pub(crate) repaired: Option<Repaired>,
    /// The import that took the original's lines over.
    pub(crate) adopted: Option<Adopted>,
    /// Lines of the original that change nothing.
    pub(crate) odd: Vec<FileProblem>,
    pub(crate) odd_total: u64,
    /// The file as it was when everything in it had been read, torn tail included.
    seen: Option<Seen>,
    /// The file as it was when its last line was found to stand where it was read, or written.
    ended_as_read: Option<Stat>,
    /// What was read of this path before the file was replaced or got shorter: it must still be there.
    expected: Option<Position>,
    /// Somebody found damage in it: it is to be read again.
    suspect: bool,
    /// Whether the damage is that it does not continue its last checkpoint.
    pub(crate) off_checkpoint: bool,
    /// Whether the last checkpoint was looked for since reading began.
    anchored: bool,
    /// Where the lines stand that changed what operators decided.
    pub(crate) changes: Vec<u64>,
    /// How often reading began anew.
    pub(crate) restarts: u64,
    /// Whether events are applied to the fold. Without, nothing is kept but the position.
    folds: bool,
    /// Where the queue's events are applied to instead, in brief.
    pub(crate) census: Option<Box<Census>>,
}

/// A file of which the lines before a position are known without having been read; see [`crate::index`].
pub(crate) struct Resumed {
    pub(crate) file: Joined,
    pub(crate) identity: Identity,
    pub(crate) chain: Chain,
    pub(crate) repaired: Option<Repaired>,
    pub(crate) adopted: Option<Adopted>,
    pub(crate) odd: Vec<FileProblem>,
    pub(crate) odd_total: u64,
}

/// How often a reader begins anew when a file is cut or replaced under it before it says so.
const ATTEMPTS: usize = 100;

/// Where a file stops being what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The line, from 1.
    pub line: u64,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// What is wrong, in words that continue "line 3 …".
    pub what: String,
}

impl Tracked {
    pub(crate) fn new(root: &Path, kind: FileKind) -> Self {
        Self {
            kind,
            path: root.join(kind.name()),
            open: None,
            gap: None,
            chain: Chain::new(kind),
            damage: None,
            newer: None,
            repaired: None,
            adopted: None,
            odd: Vec::new(),
            odd_total: 0,
            seen: None,
            ended_as_read: None,
            expected: None,
            suspect: false,
            off_checkpoint: false,
            anchored: false,
            changes: Vec::new(),
            restarts: 0,
            folds: true,
            census: None,
        }
    }

    /// A file whose lines are verified and not kept.
    pub(crate) fn unfolded(root: &Path, kind: FileKind) -> Self {
        let mut file = Self { folds: false, ..Self::new(root, kind) };
        file.chain.keep = Keep::Briefs;
        file
    }

    /// A file of which no more is kept than verification needs.
    pub(crate) fn counted(root: &Path, kind: FileKind) -> Self {
        match kind {
            FileKind::Queue => Self { census: Some(Box::default()), ..Self::unfolded(root, kind) },
            FileKind::Decisions => Self::new(root, kind),
        }
    }

    /// Goes on behind lines that were read and verified before, by this process or another.
    pub(crate) fn resume(&mut self, resumed: Resumed) {
        let Resumed { file, identity, chain, repaired, adopted, odd, odd_total } = resumed;
        self.open = Some((file, identity));
        (self.chain, self.repaired, self.adopted) = (chain, repaired, adopted);
        (self.odd, self.odd_total, self.anchored) = (odd, odd_total, true);
    }

    /// Whether nothing was read of it, and nothing is wrong with it.
    pub(crate) fn is_unread(&self) -> bool {
        self.chain.lines == 0 && self.damage.is_none() && self.expected.is_none() && !self.suspect
    }

    /// Has the file read again from its beginning.
    pub(crate) fn suspect(&mut self) {
        self.suspect = true;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> Option<&Joined> {
        self.open.as_ref().map(|(file, _)| file)
    }

    /// Which file is open.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.open.as_ref().map(|(_, identity)| *identity)
    }

    /// What is sealed before the file that is open.
    pub(crate) fn segments(&self) -> Arc<Segments> {
        self.file().map(|file| file.segments().clone()).unwrap_or_default()
    }

    /// Where the file that is open begins, in bytes from the ledger's beginning.
    pub(crate) fn base(&self) -> u64 {
        self.file().map_or(0, Joined::base)
    }

    /// The same file, its size counted from the ledger's beginning; up to where something is missing, if so.
    fn counted_from_the_beginning(&self, stat: Stat) -> Stat {
        match self.gap {
            None => stat.behind(self.base()),
            Some(_) => Stat { size: self.base(), ..stat },
        }
    }

    /// Whether the file still is as it was when everything in it had been read. One look at the path.
    pub(crate) fn is_current(&self) -> io::Result<bool> {
        if self.suspect {
            return Ok(false);
        }
        let began = Instant::now();
        Ok(match (disk::stat(&self.path)?, &self.open, &self.seen) {
            // Of a file that is not there its last checkpoint may know.
            (None, None, _) => self.anchored,
            // Of a damaged file only another one is news, or one that was written to since, to put it right.
            (Some(stat), Some(_), Some(seen)) => seen.is_at_path(self.counted_from_the_beginning(stat), began),
            (None, Some(_), _) | (Some(_), None, _) | (Some(_), Some(_), None) => false,
        })
    }

    /// The same for a read: a look at the open file, where that may stand for the path ([`seen`]). Nothing that is written
    /// rests on it.
    pub(crate) fn is_current_to_read(&self) -> io::Result<bool> {
        if let (Some((file, _)), Some(seen), None, false) = (&self.open, &self.seen, &self.gap, self.suspect)
            && seen.stands_for_path(Instant::now())
            && file.stat(&self.path)? == seen.stat
        {
            return Ok(true);
        }
        self.is_current()
    }

    /// Looks at the path and opens the file there. If it is another one, shorter than what was read, or written to without
    /// having grown, it is read again from its beginning. `None` when there is no file.
    pub(crate) fn attend(&mut self, state: &mut State) -> io::Result<Option<Stat>> {
        self.attend_while(false, state)
    }

    /// The same. While bytes are in doubt writers of ours write them again as they are: then it tells nothing that the file
    /// was written to.
    pub(crate) fn attend_while(&mut self, in_doubt: bool, state: &mut State) -> io::Result<Option<Stat>> {
        self.take_anchor()?;
        let Some(stat) = disk::stat(&self.path)? else {
            self.lose()?;
            return Ok(None);
        };
        let stat = self.counted_from_the_beginning(stat);
        if !self.suspect && self.open.as_ref().is_some_and(|(_, identity)| self.continues(*identity, stat, in_doubt)) {
            return Ok(Some(stat));
        }
        for _ in 0..ATTEMPTS {
            let root = self.path.parent().unwrap_or(Path::new(""));
            let Some(opened) = segments::open(root, self.kind)? else {
                self.lose()?;
                return Ok(None);
            };
            let identity = opened.stat.identity;
            if opened.gap.is_none() && self.goes_on_in(&opened.joined)? {
                self.open = Some((opened.joined, identity));
                self.seen = None;
            } else {
                self.restart(state);
                self.take_anchor()?;
                (self.open, self.gap) = (Some((opened.joined, identity)), opened.gap);
            }
            // Looked at again behind the checkpoint: whatever that covers was in the file by then. If there is another file
            // now, it may cover more.
            if let Some(stat) = disk::stat(&self.path)?.filter(|stat| stat.identity == identity) {
                return Ok(Some(self.counted_from_the_beginning(stat)));
            }
        }
        Err(io::Error::other(format!("{} is replaced faster than it can be read", self.kind.name())))
    }

    /// Whether another file goes on where what was read ends: its beginning was sealed meanwhile, and stands before it.
    fn goes_on_in(&self, later: &Joined) -> io::Result<bool> {
        let known_to_be_whole = !self.suspect && self.damage.is_none() && self.gap.is_none() && self.expected.is_none();
        let (Some(file), Some(end), true) = (self.file(), self.chain.end(), known_to_be_whole) else {
            return Ok(false);
        };
        Ok(file.segments().are_continued_by(later.segments()) && ends_in(later, self.chain.offset, &end)?)
    }

    /// Looks for the last checkpoint before anything is read, and again while nothing was: a repair under way moves it.
    fn take_anchor(&mut self) -> io::Result<()> {
        if self.chain.lines > 0 || self.seen.is_some() || self.damage.is_some() {
            return Ok(());
        }
        let root = self.path.parent().unwrap_or(Path::new(""));
        match Anchor::load(root, self.kind) {
            Ok(anchor) => self.chain.anchor = anchor.map(Box::new),
            Err(CheckpointFileError::Io { path, source }) => {
                return Err(io::Error::new(source.kind(), format!("{}: {source}", path.display())));
            }
            Err(problem) => {
                self.off_checkpoint = true;
                self.damaged(format!("cannot be held against the last checkpoint: {problem}"));
            }
        }
        self.anchored = true;
        Ok(())
    }

    /// Everything was read, and it is less than what was signed.
    fn short_of_its_checkpoint(&mut self) {
        if let (Some(anchor), None) = (&self.chain.anchor, &self.damage) {
            let what = anchor.missed(self.kind.name(), self.chain.lines);
            self.off_checkpoint = true;
            self.damaged(what);
        }
    }

    /// Whether what stands behind the last newline is the last line under the checkpoint, whole but for its newline: the
    /// next process that writes completes it.
    fn tail_completes(&self, stat: Stat, tail: u64) -> io::Result<bool> {
        let (Some(anchor), Some(file)) = (&self.chain.anchor, self.file()) else { return Ok(false) };
        if tail == 0 || anchor.size() != self.chain.lines + 1 {
            return Ok(false);
        }
        let bytes = read_range(file, self.chain.offset, stat.size)?;
        Ok(matches!(self.chain.judge_tail(&bytes), Tail::Whole(_)))
    }

    fn continues(&self, identity: Identity, stat: Stat, in_doubt: bool) -> bool {
        let seen = self.seen.as_ref().map(|seen| seen.stat);
        let touched = seen.is_some_and(|seen| seen.size == stat.size && seen.modified != stat.modified);
        stat.identity == identity && stat.size >= self.chain.offset && (in_doubt || !touched)
    }

    /// The file is gone. What it held stays in the fold, and nobody may write as if it had not been.
    fn lose(&mut self) -> io::Result<()> {
        self.seen = None;
        let had = self.open.take().is_some() && self.chain.lines > 0;
        if (had || self.expected.is_some()) && self.damage.is_none() {
            self.damaged("is not there any more: the file was taken away while it was in use");
        }
        let root = self.path.parent().unwrap_or(Path::new(""));
        if self.damage.is_none() && self.kind == FileKind::Queue && segments::any(root)? {
            self.damaged(format!("is not there: {} is missing behind the sealed segments", self.kind.name()));
        }
        self.short_of_its_checkpoint();
        Ok(())
    }

    /// Begins anew, remembering what must still be found.
    pub(crate) fn restart(&mut self, state: &mut State) {
        let expected = match self.expected {
            None if self.chain.lines > 0 => Some(self.chain.position()),
            expected => expected,
        };
        self.forget(state);
        self.expected = expected;
    }

    /// Begins anew.
    pub(crate) fn forget(&mut self, state: &mut State) {
        let root = self.path.parent().unwrap_or(Path::new("")).to_owned();
        let restarts = self.restarts + 1;
        *self = match (self.folds, &self.census) {
            (true, _) => Self::new(&root, self.kind),
            (false, None) => Self::unfolded(&root, self.kind),
            (false, Some(_)) => Self::counted(&root, self.kind),
        };
        self.restarts = restarts;
        match self.kind {
            FileKind::Queue => state.forget_queue(),
            FileKind::Decisions => state.forget_decisions(),
        }
    }

    /// Lets the file be held against what another reading of it found.
    pub(crate) fn expect(&mut self, position: Position) {
        self.expected = Some(position).filter(|position| position.lines > 0);
    }

    fn damaged(&mut self, what: impl Into<String>) {
        let (line, offset) = (self.chain.lines + 1, self.chain.offset);
        let mut what = what.into();
        let segments = self.segments();
        if let Some((name, local)) = segments.place(line) {
            what = format!("{what} (line {local} of {name})");
        } else if segments.lines() > 0 && self.gap.is_none() {
            what = format!("{what} (line {} of {})", line - segments.lines(), self.kind.name());
        }
        self.damage = Some(Damage { line, offset, what });
    }

    /// Marks what stands behind the last complete line as damage.
    pub(crate) fn tail_is_damaged(&mut self) {
        self.damaged("does not verify, and its newline is missing: it was altered");
    }

    /// The lock file says that more bytes were durable than there are.
    pub(crate) fn short_of_its_mark(&mut self) {
        if self.damage.is_none() {
            self.damaged("is not there any more: the file is shorter than what was durable");
        }
    }

    /// Whether the last line that was read still stands where it stood. It catches a program that rewrites the file in
    /// place, before this process appends to what it does not know.
    pub(crate) fn still_ends_as_read(&mut self, stat: Option<Stat>) -> io::Result<bool> {
        // Nobody has touched it since that was so, as finely as the file system keeps the time: a change in the same tick is
        // left to whoever verifies, like one of any line but the last.
        if stat.is_some() && self.ended_as_read == stat {
            return Ok(true);
        }
        let (Some(file), Some(end)) = (self.file(), self.chain.end()) else { return Ok(true) };
        let still = ends_in(file, self.chain.offset, &end)?;
        self.ended_as_read = stat.filter(|_| still);
        Ok(still)
    }

    /// Reads on as far as the file is durable, without the lock. [`crate::marks`] gives the reasoning.
    pub(crate) fn catch_up(&mut self, marks: &Marks, state: &mut State) -> io::Result<()> {
        let kind = self.kind;
        let mut look = marks.look()?;
        for _ in 0..ATTEMPTS {
            let before = look.record(kind)?;
            let in_doubt = matches!(before.mark, Mark::Set { .. });
            let Some(stat) = self.attend_while(in_doubt, state)? else { return Ok(()) };
            let after = look.record(kind)?;
            if before.epoch != after.epoch {
                continue;
            }
            let durable = match after.mark {
                Mark::Unknown | Mark::Clear => stat.size,
                Mark::Set { from, .. } => from.min(stat.size),
            };
            let holds = &mut || Ok(look.record(kind)?.epoch == after.epoch);
            if self.advance(stat, durable, holds, state)?.is_some() {
                return Ok(());
            }
        }
        Err(io::Error::other(format!("{} changes faster than it can be read", kind.name())))
    }

    /// Reads on up to `limit` in the file as it was looked at. `Ok(None)`: the bytes changed meanwhile, as `holds` found
    /// out; `Ok(Some(n))`: n bytes behind the last newline are no complete line.
    pub(crate) fn advance(
        &mut self,
        stat: Stat,
        limit: u64,
        holds: &mut dyn FnMut() -> io::Result<bool>,
        state: &mut State,
    ) -> io::Result<Option<u64>> {
        let whole = limit == stat.size;
        if let Some(was) = self.expected {
            if self.run(limit.min(was.offset), holds, state)?.is_none() {
                return Ok(None);
            }
            // The line of a repair may be longer than all that was there before.
            if self.chain.lines == 0 && self.run(limit, holds, state)?.is_none() {
                return Ok(None);
            }
            if !self.compare(was, limit, whole) {
                self.seen = whole.then(|| Seen::now(stat));
                return Ok(Some(0));
            }
        }
        let tail = self.run(limit, holds, state)?;
        if let Some(tail) = tail {
            self.seen = whole.then(|| Seen::now(stat));
            if whole
                && self.damage.is_none()
                && let Some(gap) = &self.gap
            {
                self.damaged(gap.what.clone());
            }
            if whole && self.chain.anchor.is_some() && !self.tail_completes(stat, tail)? {
                self.short_of_its_checkpoint();
            }
        }
        Ok(tail)
    }

    /// Whether what was read before is still there, so that reading may go on.
    fn compare(&mut self, was: Position, limit: u64, whole: bool) -> bool {
        if self.repaired.is_some() {
            // Whoever repaired the ledger took the old one away on purpose, and the first line says so.
            self.expected = None;
        } else if self.damage.is_some() {
            return false;
        } else if self.chain.position() == was {
            self.expected = None;
        } else if limit >= was.offset {
            self.damaged("does not verify: lines that were read before have been changed");
        } else if let (Some(gap), true) = (&self.gap, whole) {
            self.damaged(gap.what.clone());
        } else if whole {
            let gone = was.lines.saturating_sub(self.chain.lines);
            self.damaged(format!("is not there any more: {gone} lines that were read before are gone"));
        } else {
            return false;
        }
        self.expected.is_none()
    }

    fn run(
        &mut self,
        limit: u64,
        holds: &mut dyn FnMut() -> io::Result<bool>,
        state: &mut State,
    ) -> io::Result<Option<u64>> {
        let segments = self.segments();
        let Self {
            open, chain, damage, newer, repaired, adopted, odd, odd_total, changes, kind, folds, census, ..
        } = self;
        let (Some((file, _)), None) = (open, &damage) else { return Ok(Some(0)) };
        let mut note = |line: u64, problem: String| {
            *odd_total += 1;
            if odd.len() < ODD_MAX {
                odd.push(FileProblem { file: kind.name().to_owned(), line, problem });
            }
        };
        let visit = &mut |line: u64, at: u64, entry: Entry| match entry {
            Entry::Event(event, hash) if *folds => {
                if let Err(oddity) = state.apply_at(&event, hash, at) {
                    note(line, oddity.to_string());
                }
            }
            Entry::Decision(event) if *folds => match state.decide(&event) {
                Ok(()) => changes.push(at),
                Err(oddity) => note(line, oddity.to_string()),
            },
            Entry::Brief(event) => {
                if let Some(Err(oddity)) = census.as_mut().map(|census| census.apply(event)) {
                    note(line, oddity.to_string());
                }
            }
            Entry::Odd(problem) => note(line, problem),
            Entry::Unknown(event) => {
                newer.get_or_insert((line, event));
            }
            Entry::Repaired(repair) if line == 1 => {
                if *kind == FileKind::Decisions && *folds {
                    state.decisions_repaired(&repair.principal, repair.ts);
                }
                *repaired = Some(repair);
            }
            Entry::Adopted(record) => *adopted = Some(record),
            Entry::Event(..) | Entry::Decision(_) | Entry::Repaired(_) | Entry::Refusal | Entry::Blank => {}
        };
        let what = loop {
            // Every file ends with a line, and a segment with the one that its name says.
            let boundary = segments.boundary_behind(chain.offset).filter(|boundary| boundary.offset <= limit);
            let upto = boundary.map_or(limit, |boundary| boundary.offset);
            match (follow(file, chain, upto, holds, visit)?, boundary) {
                (End::Reached { tail }, None) => return Ok(Some(tail)),
                (End::Reached { tail: 0 }, Some(boundary)) if chain.lines == boundary.lines => {}
                (End::Reached { tail: 0 }, Some(boundary)) => {
                    let Boundary { name, lines, .. } = boundary;
                    break format!("does not stand where it should: {name} should end with line {lines}");
                }
                (End::Reached { .. }, Some(boundary)) => break format!("is cut off where {} ends", boundary.name),
                (End::Moved, _) => return Ok(None),
                (End::Damaged(what), _) if *kind == FileKind::Queue && chain.offset == segments.base() => {
                    break format!("{what}{}", may_be_missing(chain.lines + 1));
                }
                (End::Damaged(what), _) => break what,
            }
            if chain.offset >= limit {
                return Ok(Some(0));
            }
        };
        self.off_checkpoint = self.chain.anchor.as_ref().is_some_and(|anchor| anchor.is_broken());
        self.damaged(what);
        Ok(Some(0))
    }

    /// This process itself wrote the same bytes once more, cut a torn line or completed one, all under the lock.
    pub(crate) fn rewrote(&mut self) -> io::Result<()> {
        self.seen = disk::stat(&self.path)?.map(|stat| Seen::now(self.counted_from_the_beginning(stat)));
        Ok(())
    }

    /// This process itself wrote what it had staged, and the file now is like this: nothing is left to read.
    pub(crate) fn wrote(&mut self, stat: Stat) {
        let stat = self.counted_from_the_beginning(stat);
        self.seen = Some(Seen::now(stat));
        self.ended_as_read = Some(stat);
    }

    /// What lists say about this file: the damage, or that it holds something newer.
    pub(crate) fn problems(&self) -> impl Iterator<Item = FileProblem> {
        let file = self.kind.name();
        let problem = move |line, problem| FileProblem { file: file.to_owned(), line, problem };
        let damage = self.damage.as_ref().map(|damage| problem(damage.line, damage.what.clone()));
        let newer = self.newer.as_ref();
        let newer = newer.map(|(line, event)| problem(*line, format!("holds `{event}`, an event of a newer version")));
        damage.into_iter().chain(newer)
    }
}

fn ends_in(file: &Joined, offset: u64, end: &str) -> io::Result<bool> {
    Ok(read_range(file, offset.saturating_sub(end.len() as u64), offset)? == end.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    use cortexpilot_core::domain::id::Sha256Digest;
    use cortexpilot_core::domain::ledger;

    use super::*;
    use crate::disk::Disk;
    use crate::lock::LOCK_NAME;
    use crate::marks::{self, Record};

    /// The writer here breaks every habit of a real one but the marks: it cuts and appends without pause, and what it
    /// appends behind the first line is never durable.
    #[test]
    fn a_line_that_was_never_durable_is_never_read_whatever_happens_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let line = |prev: &Sha256Digest| ledger::seal(prev, "{\"event\": \"X\", \"ts\": \"2026-01-01T00:00:00Z\"");
        let (first, head) = line(&Sha256Digest::ZERO);
        let (second, _) = line(&head);
        let (first, second) = (format!("{first}\n").into_bytes(), format!("{second}\n").into_bytes());
        let torn = vec![b'x'; second.len() + 10];
        let begins = first.len() as u64;
        let path = dir.path().join(FileKind::Decisions.name());
        std::fs::write(&path, [&first[..], &torn].concat()).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let lock_path = dir.path().join(LOCK_NAME);
        let lock = File::create(&lock_path).unwrap();
        let mark = |mark, epoch| marks::write(&Disk::default(), &lock, FileKind::Decisions, Record { mark, epoch });
        mark(Mark::Clear, 0).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut epoch = 0;
                while !done.load(Ordering::SeqCst) {
                    epoch += 1;
                    mark(Mark::Set { from: begins, upto: u64::MAX }, epoch).unwrap();
                    file.set_len(begins).unwrap();
                    mark(Mark::Clear, epoch).unwrap();
                    mark(Mark::Set { from: begins, upto: u64::MAX }, epoch).unwrap();
                    file.write_all_at(&second, begins).unwrap();
                    file.set_len(begins).unwrap();
                    file.write_all_at(&torn, begins).unwrap();
                    mark(Mark::Clear, epoch).unwrap();
                }
            });
            for _ in 0..5000 {
                let mut reading = Tracked::unfolded(dir.path(), FileKind::Decisions);
                // It may change faster than it can be read; then nothing is answered.
                let _ = reading.catch_up(&Marks::new(lock_path.clone()), &mut State::default());
                assert!(reading.chain.lines <= 1, "a line that was never durable was read");
                assert_eq!(reading.damage, None);
            }
            done.store(true, Ordering::SeqCst);
            writer.join().unwrap();
        });
    }
}
