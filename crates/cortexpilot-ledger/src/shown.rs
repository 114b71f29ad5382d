//! Lines by their number, for people who look at the record and for whoever follows it.
//!
//! The files are made to be read from their beginning; a line has a number and no directory says where it stands. So places
//! are found by counting newlines from the nearest place that is known: the beginning, the end, where the index ends, and
//! what earlier searches came by. Near the end, where lines are asked for most, that is a few lines; once all of a ledger
//! was counted, never more than [`APART`].
//!
//! Nothing here takes a lock that a writer waits for. What is shown is verified: each line must continue the one before it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cortexpilot_core::domain::fold::Lines as Places;
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::ledger;
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine, LinesFrom, LinesPage, LinesQuery, Paging};
use memchr::{memchr_iter, memrchr_iter};

use crate::chain::{FileKind, LEGACY_LINE_MAX, Position};
use crate::disk::ReadFrom;
use crate::follow::read_range;
use crate::segments::{self, Joined};
use crate::state::{Shared, unavailable};

/// How many lines lie between two places that are remembered.
const APART: u64 = 4096;

/// How much is read at once to count lines.
const CHUNK: u64 = 256 * 1024;

/// How many lines are read at once towards the beginning.
const BLOCK: u64 = 256;

/// A line of ours ends in its hash, a quote, a brace and a newline.
const END: u64 = 64 + 3;

/// A place between two lines: how many stand before it, and at which offset it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    lines: u64,
    offset: u64,
}

/// Places that searches came by, of one file as it was read since it last began anew. In order.
#[derive(Debug, Default)]
struct Known {
    restarts: u64,
    places: Vec<Place>,
}

/// What is remembered of both files.
#[derive(Debug, Default)]
pub(crate) struct Directory([Mutex<Known>; 2]);

/// How far a file was read: what is shown of it.
#[derive(Debug, Clone)]
pub(crate) struct Stand {
    kind: FileKind,
    end: Position,
    /// Where the first line of ours begins, and what it chains onto.
    began: Option<(u64, Sha256Digest)>,
    restarts: u64,
    index: Option<Position>,
}

fn kind_of(file: LedgerFile) -> FileKind {
    match file {
        LedgerFile::Queue => FileKind::Queue,
        LedgerFile::Decisions => FileKind::Decisions,
    }
}

fn file_of(kind: FileKind) -> LedgerFile {
    match kind {
        FileKind::Queue => LedgerFile::Queue,
        FileKind::Decisions => LedgerFile::Decisions,
    }
}

impl Stand {
    pub(crate) fn of(shared: &Shared, file: LedgerFile) -> Self {
        let kind = kind_of(file);
        let tracked = shared.file(kind);
        let index = shared.index().map(|index| index.position(kind));
        Self {
            kind,
            end: tracked.chain.position(),
            began: tracked.chain.began,
            restarts: tracked.restarts,
            index: index.filter(|index| index.lines <= tracked.chain.lines),
        }
    }
}

/// An item's lines, as far as the fold or the index knows where they stand.
pub(crate) fn places(shared: &Shared, id: &QueueItemId) -> Result<Option<Places>, StoreError> {
    match (shared.state.queue.lines_of(id), shared.index()) {
        (Some(places), _) => Ok(Some(places.clone())),
        (None, Some(index)) => index.lines_of(id),
        (None, None) => Ok(None),
    }
}

/// A page of lines of a file that was read so far.
pub(crate) fn page(
    root: &Path,
    directory: &Directory,
    stand: &Stand,
    query: &LinesQuery,
) -> Result<LinesPage, StoreError> {
    let mut paging = Paging::new(query);
    if stand.end.lines > 0 {
        let view = View::open(root, directory, stand)?;
        match query.from {
            LinesFrom::After(after) if after < stand.end.lines => {
                view.forward(after, stand.end.lines, &mut |line| paging.take(line))?;
            }
            LinesFrom::After(_) => {}
            LinesFrom::Before(before) => {
                let mut upto = before.map_or(stand.end.lines, |before| before.saturating_sub(1)).min(stand.end.lines);
                while upto > 0 {
                    let from = upto.saturating_sub(BLOCK);
                    let mut block = Vec::new();
                    view.forward(from, upto, &mut |line| {
                        block.push(line);
                        ControlFlow::Continue(())
                    })?;
                    if block.into_iter().rev().try_for_each(|line| paging.take(line)).is_break() {
                        break;
                    }
                    upto = from;
                }
            }
        }
    }
    Ok(paging.finish(stand.end.lines, stand.end.head))
}

/// The lines at these places, in their order.
pub(crate) fn lines_at(
    root: &Path,
    directory: &Directory,
    stand: &Stand,
    places: &Places,
) -> Result<Vec<LedgerLine>, StoreError> {
    let view = View::open(root, directory, stand)?;
    let mut lines = Vec::new();
    for offset in places.places() {
        let before = view.lines_before(offset)?;
        view.forward_from(Place { lines: before, offset }, before + 1, &mut |line| {
            lines.push(line);
            ControlFlow::Continue(())
        })?;
    }
    Ok(lines)
}

/// Does work that may wait for a disk, where there is a runtime on a thread of its that may.
pub(crate) async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return work() };
    let done = runtime.spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(StoreError::Unavailable("whoever looked for the lines has stopped".to_owned())))
}

/// A file as far as it was read, and where its lines stand.
struct View<'a> {
    stand: &'a Stand,
    file: Joined,
    known: &'a Mutex<Known>,
}

impl<'a> View<'a> {
    fn open(root: &Path, directory: &'a Directory, stand: &'a Stand) -> Result<Self, StoreError> {
        let opened = segments::open(root, stand.kind).map_err(unavailable)?;
        let opened = opened.filter(|opened| opened.stat.size >= stand.end.offset);
        let Some(opened) = opened else {
            let why = format!("{} was taken away or cut while it was looked at", stand.kind.name());
            return Err(StoreError::Unavailable(why));
        };
        let known = &directory.0[usize::from(stand.kind == FileKind::Decisions)];
        let mut held = known.lock().unwrap_or_else(PoisonError::into_inner);
        if held.restarts != stand.restarts {
            *held = Known { restarts: stand.restarts, places: Vec::new() };
        }
        drop(held);
        Ok(Self { stand, file: opened.joined, known })
    }

    /// Shows the lines behind the first `after`, up to the one with the number `upto`, until it is enough.
    fn forward(
        &self,
        after: u64,
        upto: u64,
        visit: &mut dyn FnMut(LedgerLine) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let offset = self.offset_of(after)?;
        self.forward_from(Place { lines: after, offset }, upto, visit)
    }

    fn forward_from(
        &self,
        from: Place,
        upto: u64,
        visit: &mut dyn FnMut(LedgerLine) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (mut number, mut at) = (from.lines, from.offset);
        let mut before = self.head_before(at)?;
        let bytes = self.stand.end.offset.saturating_sub(at);
        let reader = ReadFrom { file: &self.file, at }.take(bytes);
        let mut reader = BufReader::with_capacity(usize::try_from(bytes.min(64 * 1024)).unwrap_or(1).max(1), reader);
        let mut line = Vec::new();
        while number < upto {
            line.clear();
            let most = LEGACY_LINE_MAX as u64 + 2;
            reader.by_ref().take(most).read_until(b'\n', &mut line).map_err(unavailable)?;
            let damaged = || StoreError::Corrupt { file: self.stand.kind.name().to_owned(), line: number + 1 };
            let bytes = line.strip_suffix(b"\n").ok_or_else(damaged)?;
            let began = self.stand.began.filter(|(began, _)| at >= *began);
            let hash = match began {
                None => None,
                Some((_, first)) => Some(ledger::verify(before.as_ref().unwrap_or(&first), bytes).ok_or_else(damaged)?),
            };
            before = hash;
            number += 1;
            at += line.len() as u64;
            if visit(LedgerLine::new(file_of(self.stand.kind), number, bytes, hash)).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The hash of the line that ends at this offset; `None` where no line of ours stands before it.
    fn head_before(&self, offset: u64) -> Result<Option<Sha256Digest>, StoreError> {
        if self.stand.began.is_none_or(|(began, _)| offset <= began) {
            return Ok(None);
        }
        let end = read_range(&self.file, offset.saturating_sub(END), offset).map_err(unavailable)?;
        let digits = end.strip_suffix(b"\"}\n").and_then(|digits| str::from_utf8(digits).ok());
        let head = digits.and_then(Sha256Digest::parse);
        let other = || StoreError::Unavailable(format!("{} changed while it was looked at", self.stand.kind.name()));
        head.map(Some).ok_or_else(other)
    }

    /// Where the line begins that has so many before it.
    fn offset_of(&self, lines: u64) -> Result<u64, StoreError> {
        let (low, high) = self.around(|place| place.lines <= lines);
        if low.lines == lines {
            return Ok(low.offset);
        }
        let found = if lines - low.lines <= high.lines - lines {
            self.count_up(low, high.offset, |place| place.lines == lines)
        } else {
            self.count_down(high, low.offset, |place| place.lines == lines)
        };
        Ok(found?.offset)
    }

    /// How many lines stand before this offset, at which one begins.
    fn lines_before(&self, offset: u64) -> Result<u64, StoreError> {
        let (low, high) = self.around(|place| place.offset <= offset);
        if low.offset == offset {
            return Ok(low.lines);
        }
        let found = if offset - low.offset <= high.offset - offset {
            self.count_up(low, high.offset, |place| place.offset == offset)
        } else {
            self.count_down(high, low.offset, |place| place.offset == offset)
        };
        Ok(found?.lines)
    }

    /// The nearest known places on either side: the last of which `is_before` holds, and the first of which it does not.
    fn around(&self, is_before: impl Fn(&Place) -> bool) -> (Place, Place) {
        let (begin, stand) = (Place { lines: 0, offset: 0 }, self.stand);
        let end = Place { lines: stand.end.lines, offset: stand.end.offset };
        let index = stand.index.map(|index| Place { lines: index.lines, offset: index.offset });
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.places.partition_point(&is_before);
        let near = [at.checked_sub(1).and_then(|at| known.places.get(at)), known.places.get(at)];
        let all =
            near.into_iter().flatten().copied().chain(index).chain([begin, end]).filter(|it| it.lines <= end.lines);
        let (before, behind): (Vec<Place>, Vec<Place>) = all.partition(is_before);
        let low = before.into_iter().max_by_key(|place| place.lines).unwrap_or(begin);
        let high = behind.into_iter().min_by_key(|place| place.lines).unwrap_or(end);
        (low, high)
    }

    fn count_up(&self, from: Place, to: u64, wanted: impl Fn(&Place) -> bool) -> Result<Place, StoreError> {
        let mut passed = Vec::new();
        let (mut place, mut at) = (from, from.offset);
        let mut found = None;
        while found.is_none() && at < to {
            let chunk = read_range(&self.file, at, to.min(at + CHUNK)).map_err(unavailable)?;
            for newline in memchr_iter(b'\n', &chunk) {
                place = Place { lines: place.lines + 1, offset: at + newline as u64 + 1 };
                if place.lines.is_multiple_of(APART) {
                    passed.push(place);
                }
                if wanted(&place) {
                    found = Some(place);
                    break;
                }
            }
            if chunk.is_empty() {
                break;
            }
            at += chunk.len() as u64;
        }
        self.found(found, passed)
    }

    fn count_down(&self, from: Place, to: u64, wanted: impl Fn(&Place) -> bool) -> Result<Place, StoreError> {
        let mut passed = Vec::new();
        // The newline that ends the line before the place is part of it.
        let (mut lines, mut at) = (from.lines, from.offset);
        let mut found = None;
        while found.is_none() && at > to {
            let begin = at.saturating_sub(CHUNK).max(to);
            let chunk = read_range(&self.file, begin, at).map_err(unavailable)?;
            if chunk.len() as u64 != at - begin {
                break;
            }
            for newline in memrchr_iter(b'\n', &chunk) {
                let place = Place { lines, offset: begin + newline as u64 + 1 };
                if place.lines.is_multiple_of(APART) {
                    passed.push(place);
                }
                if wanted(&place) {
                    found = Some(place);
                    break;
                }
                lines = lines.saturating_sub(1);
            }
            at = begin;
        }
        passed.reverse();
        self.found(found, passed)
    }

    /// Remembers what was passed, and gives what was looked for.
    fn found(&self, found: Option<Place>, passed: Vec<Place>) -> Result<Place, StoreError> {
        let gone = || StoreError::Unavailable(format!("{} has other lines than were read", self.stand.kind.name()));
        let found = found.ok_or_else(gone)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Another reading may have begun anew meanwhile.
        if known.restarts == self.stand.restarts {
            for place in passed {
                if let Err(at) = known.places.binary_search_by_key(&place.lines, |known| known.lines) {
                    known.places.insert(at, place);
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of the original, so that any bytes will do.
    fn stand(bytes: &[u8]) -> Stand {
        let lines = memchr_iter(b'\n', bytes).count() as u64;
        let end = Position { offset: bytes.len() as u64, lines, head: Sha256Digest::ZERO };
        Stand { kind: FileKind::Queue, end, began: None, restarts: 0, index: None }
    }

    #[test]
    fn every_line_is_found_by_its_number_and_every_number_by_its_place_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let text: String = (0..3 * APART).map(|n| "x".repeat(usize::try_from(n % 97).unwrap()) + "\n").collect();
        std::fs::write(dir.path().join("queue.jsonl"), &text).unwrap();
        let starts: Vec<u64> =
            std::iter::once(0).chain(memchr_iter(b'\n', text.as_bytes()).map(|at| at as u64 + 1)).collect();
        let stand = stand(text.as_bytes());
        // With an empty directory each time, and with one that grows.
        let growing = Directory::default();
        for at in [0, 1, 5000, 3 * APART - 1, APART, 2 * APART + 7, APART - 1, 3 * APART] {
            for directory in [&Directory::default(), &growing] {
                let view = View::open(dir.path(), directory, &stand).unwrap();
                let offset = starts[usize::try_from(at).unwrap()];
                assert_eq!(view.offset_of(at), Ok(offset), "{at}");
                assert_eq!(view.lines_before(offset), Ok(at), "{at}");
            }
        }
        let known = growing.0[0].lock().unwrap();
        assert!(known.places.is_sorted_by_key(|place| place.lines) && known.places.len() >= 2);
        assert!(known.places.iter().all(|it| starts[usize::try_from(it.lines).unwrap()] == it.offset));
    }

    #[test]
    fn places_of_an_earlier_reading_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::default();
        for (restarts, line) in [(0, "long line\n"), (1, "x\n")] {
            let text = line.repeat(usize::try_from(2 * APART).unwrap());
            std::fs::write(dir.path().join("queue.jsonl"), &text).unwrap();
            let stand = Stand { restarts, ..stand(text.as_bytes()) };
            let view = View::open(dir.path(), &directory, &stand).unwrap();
            assert_eq!(view.offset_of(APART), Ok(APART * line.len() as u64));
        }
    }

    #[test]
    fn a_file_that_is_shorter_than_what_was_read_is_no_panic() {
        let dir = tempfile::tempdir().unwrap();
        let stand = stand(b"one\ntwo\n");
        let query =
            LinesQuery { file: LedgerFile::Queue, from: LinesFrom::After(0), filter: Default::default(), limit: 9 };
        std::fs::write(dir.path().join("queue.jsonl"), "one\n").unwrap();
        let page = page(dir.path(), &Directory::default(), &stand, &query);
        assert!(matches!(page, Err(StoreError::Unavailable(_))), "{page:?}");
    }
}
