//! A run's events for whoever follows them: what was appended since, without reading what was there before.

use std::collections::VecDeque;
use std::fs::File;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::port::runs::{EventsBegin, EventsFrom, EventsPosition, EventsSlice, FollowedEvent, ReadProblem};
use memchr::{memchr, memrchr_iter};
use serde_json::{Value, json};

use crate::EVENT_LINE_BYTES_MAX;
use crate::beneath::Dir;
use crate::bytes;
use crate::events::{self, EVENTS};
use crate::json::Keep;
use crate::problem::{Problem, What};
use crate::views::is_after;

/// A slice holds no more bytes of lines than this, unless its one line is longer.
const SLICE_BYTES_MAX: usize = 64 << 10;
/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// The last lines are looked for in no more bytes than about this.
const LAST_BYTES_MAX: u64 = 4 << 20;
/// How many bytes before a position it vouches for.
const MARKED: u64 = 64;

/// The events from there on.
pub(crate) fn slice(dir: &Dir, from: &EventsFrom) -> Result<EventsSlice, ReadProblem> {
    match read(dir, from) {
        Ok(slice) => Ok(slice),
        Err(What::Missing) => {
            // A run without the file is one without events; one whose file is gone begins anew.
            let replaced = matches!(from.begin, EventsBegin::Behind(position) if position.offset > 0);
            Ok(EventsSlice { replaced, ..EventsSlice::default() })
        }
        Err(what) => Err(ReadProblem::Unreadable(Problem::file(EVENTS, what).to_string())),
    }
}

fn read(dir: &Dir, from: &EventsFrom) -> Result<EventsSlice, What> {
    let (file, stamp) = dir.file(EVENTS)?;
    let tail = Tail { file: &file, dir, size: stamp.size };
    let first = EventsPosition::default();
    match from.begin {
        EventsBegin::First => tail.forward(first, from),
        EventsBegin::Last(wanted) => tail.last(wanted, from),
        EventsBegin::Behind(position) if tail.is_there(position)? => tail.forward(position, from),
        EventsBegin::Behind(_) => Ok(EventsSlice { replaced: true, ..tail.forward(first, from)? }),
    }
}

/// The position behind so many bytes of the events file as it is now.
pub(crate) fn position(dir: &Dir, offset: u64) -> Result<EventsPosition, What> {
    let (file, stamp) = dir.file(EVENTS)?;
    Tail { file: &file, dir, size: stamp.size }.position(offset, false)
}

/// The events file, if what stands before the position is what it was made behind, and its size.
pub(crate) fn file_at(dir: &Dir, position: EventsPosition) -> Result<Option<(File, u64)>, What> {
    let (file, stamp) = dir.file(EVENTS)?;
    let there = Tail { file: &file, dir, size: stamp.size }.is_there(position)?;
    Ok(there.then_some((file, stamp.size)))
}

/// An events file as it was when it was opened.
struct Tail<'a> {
    file: &'a File,
    dir: &'a Dir,
    size: u64,
}

impl Tail<'_> {
    fn bytes(&self, from: u64, to: u64) -> Result<Vec<u8>, What> {
        let length = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        bytes::range(self.file, from, length, self.dir.pace())
    }

    fn mark(&self, offset: u64) -> Result<u64, What> {
        if offset == 0 {
            return Ok(0);
        }
        let before = self.bytes(offset.saturating_sub(MARKED), offset)?;
        let digest = Sha256Digest::of(&before);
        let eight = digest.as_bytes().first_chunk().expect("invariant: a digest has 32 bytes");
        Ok(u64::from_be_bytes(*eight))
    }

    fn position(&self, offset: u64, within: bool) -> Result<EventsPosition, What> {
        Ok(EventsPosition { offset, mark: self.mark(offset)?, within })
    }

    /// Whether the bytes before this position are those that it was made behind.
    fn is_there(&self, position: EventsPosition) -> Result<bool, What> {
        Ok(position.offset <= self.size && self.mark(position.offset)? == position.mark)
    }

    fn forward(&self, from: EventsPosition, query: &EventsFrom) -> Result<EventsSlice, What> {
        let mut slice = EventsSlice { end: from, ..EventsSlice::default() };
        let (mut offset, mut within) = (from.offset, from.within);
        let (mut held, mut read, mut weight) = (Vec::new(), offset, 0);
        loop {
            let mut taken = 0;
            while let Some(length) = memchr(b'\n', &held[taken..]) {
                let line = &held[taken..=taken + length];
                taken += line.len();
                offset += line.len() as u64;
                weight += line.len();
                let passed_over = std::mem::take(&mut within) || length > EVENT_LINE_BYTES_MAX;
                if !passed_over {
                    slice.events.extend(self.event(offset, line, query)?);
                }
                if slice.events.len() >= query.limit || weight >= SLICE_BYTES_MAX {
                    slice.end = self.position(offset, false)?;
                    slice.more = offset < self.size;
                    return Ok(slice);
                }
            }
            held.drain(..taken);
            if held.len() > EVENT_LINE_BYTES_MAX || within {
                // Too long to be shown: its end is looked for from here the next time.
                within |= !held.is_empty();
                offset += held.len() as u64;
                held.clear();
            }
            // Nothing comes where the file was cut since it was opened; the next slice finds out.
            let chunk = self.bytes(read, self.size.min(read + CHUNK as u64))?;
            if chunk.is_empty() {
                slice.end = self.position(offset, within)?;
                return Ok(slice);
            }
            read += chunk.len() as u64;
            held.extend_from_slice(&chunk);
        }
    }

    /// The last events, and where they end.
    fn last(&self, wanted: usize, query: &EventsFrom) -> Result<EventsSlice, What> {
        // Which are the last after a time is known only once all were looked at: times need not be in order.
        let begin = if query.since.is_some() { 0 } else { self.begin_of_last(wanted)? };
        let mut slice = EventsSlice { end: self.position(begin, false)?, more: true, ..EventsSlice::default() };
        let mut kept = VecDeque::new();
        while slice.more {
            slice = self.forward(slice.end, &EventsFrom { limit: usize::MAX, ..query.clone() })?;
            kept.extend(slice.events.drain(..));
            kept.drain(..kept.len().saturating_sub(wanted));
        }
        Ok(EventsSlice { events: kept.into(), ..slice })
    }

    /// Where the last lines begin: so many, or as many as are not too large together.
    fn begin_of_last(&self, wanted: usize) -> Result<u64, What> {
        let (mut at, mut found, mut begin) = (self.size, 0, None);
        while at > 0 {
            let from = at.saturating_sub(CHUNK as u64);
            let chunk = self.bytes(from, at)?;
            if chunk.len() as u64 != at - from {
                break;
            }
            for newline in memrchr_iter(b'\n', &chunk) {
                begin = Some(from + newline as u64 + 1);
                // One newline ends the line before the first that is wanted.
                if found == wanted {
                    return Ok(from + newline as u64 + 1);
                }
                found += 1;
            }
            if self.size - from > LAST_BYTES_MAX {
                return Ok(begin.unwrap_or(self.size));
            }
            at = from;
        }
        Ok(0)
    }

    fn event(&self, end: u64, line: &[u8], query: &EventsFrom) -> Result<Option<FollowedEvent>, What> {
        let bytes = line.strip_suffix(b"\n").unwrap_or(line);
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let read = events::read_line(0, bytes, true, Keep::All);
        let ts = read.event.as_ref().map(|event| events::time(event).to_owned()).unwrap_or_default();
        if query.since.as_deref().is_some_and(|since| !is_after(&ts, since)) {
            return Ok(None);
        }
        let event = match read.event {
            Some(event) => Value::Object(event),
            None => json!({"raw": String::from_utf8_lossy(bytes)}),
        };
        Ok(Some(FollowedEvent { position: self.position(end, false)?, event, ts }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::*;
    use crate::beneath::Via;

    struct Run {
        _temp: tempfile::TempDir,
        path: PathBuf,
        dir: Dir,
    }

    impl Run {
        fn new(bytes: &[u8]) -> Self {
            let temp = tempfile::tempdir().unwrap();
            let path = temp.path().join(EVENTS);
            std::fs::write(&path, bytes).unwrap();
            let dir = Dir::root(temp.path(), Via::BEST).unwrap();
            Self { _temp: temp, path, dir }
        }

        fn append(&self, bytes: &[u8]) {
            std::fs::OpenOptions::new().append(true).open(&self.path).unwrap().write_all(bytes).unwrap();
        }

        fn slice(&self, begin: EventsBegin, limit: usize) -> EventsSlice {
            slice(&self.dir, &EventsFrom { begin, since: None, limit }).unwrap()
        }
    }

    fn event(n: usize) -> Vec<u8> {
        let pad = "x".repeat(n * 37 % 400);
        format!("{{\"event\": \"E{n}\", \"ts\": \"2026-03-01T12:00:{:02}Z\", \"pad\": \"{pad}\"}}\n", n % 60)
            .into_bytes()
    }

    fn names(slice: &EventsSlice) -> Vec<String> {
        slice.events.iter().map(|it| it.event["event"].as_str().unwrap_or("raw").to_owned()).collect()
    }

    #[test]
    fn from_every_position_the_rest_follows_once() {
        let all: Vec<u8> = (0..40).flat_map(event).collect();
        let run = Run::new(&all);
        let whole = run.slice(EventsBegin::First, usize::MAX);
        assert_eq!((whole.events.len(), whole.more, whole.replaced), (40, false, false));
        assert_eq!(whole.end.offset, all.len() as u64);
        for (at, event) in whole.events.iter().enumerate() {
            let rest = run.slice(EventsBegin::Behind(event.position), usize::MAX);
            assert_eq!(rest.events, whole.events[at + 1..], "behind {at}");
            assert!(!rest.replaced);
            let one = run.slice(EventsBegin::Behind(event.position), 1);
            assert_eq!(one.events, whole.events[at + 1..][..usize::from(at < 39)]);
            assert_eq!(one.more, at < 38);
        }
        for wanted in [0, 1, 2, 39, 40, 41, usize::MAX] {
            let last = run.slice(EventsBegin::Last(wanted), 7);
            assert_eq!(last.events, whole.events[40_usize.saturating_sub(wanted)..], "the last {wanted}");
            assert_eq!(last.end, whole.end);
        }
    }

    #[test]
    fn a_line_is_there_once_its_newline_is_however_it_was_cut() {
        let all: Vec<u8> = (0..3).flat_map(event).collect();
        for cut in 0..all.len() {
            let run = Run::new(&all[..cut]);
            let first = run.slice(EventsBegin::Last(9), 9);
            assert_eq!(first.events.len(), all[..cut].iter().filter(|byte| **byte == b'\n').count(), "{cut}");
            run.append(&all[cut..]);
            let rest = run.slice(EventsBegin::Behind(first.end), 9);
            assert_eq!([names(&first), names(&rest)].concat(), ["E0", "E1", "E2"], "{cut}");
        }
    }

    #[test]
    fn another_file_under_the_name_is_noticed_and_begun_anew() {
        let run = Run::new(&[event(0), event(1)].concat());
        let seen = run.slice(EventsBegin::First, 9).end;
        for other in [event(7), [event(7), event(8), event(9)].concat(), Vec::new()] {
            std::fs::write(&run.path, &other).unwrap();
            let anew = run.slice(EventsBegin::Behind(seen), 9);
            assert!(anew.replaced);
            assert_eq!(anew.events, run.slice(EventsBegin::First, 9).events);
        }
        std::fs::remove_file(&run.path).unwrap();
        let gone = run.slice(EventsBegin::Behind(seen), 9);
        assert_eq!((gone.replaced, gone.events.len(), gone.end), (true, 0, EventsPosition::default()));
        assert!(!run.slice(EventsBegin::Behind(gone.end), 9).replaced, "from the beginning on nothing is lost");
    }

    #[test]
    fn a_line_too_long_to_be_shown_is_passed_over_in_steps() {
        let run = Run::new(&event(0));
        run.append(&vec![b'a'; EVENT_LINE_BYTES_MAX + 5]);
        let first = run.slice(EventsBegin::First, 9);
        assert_eq!((names(&first), first.end.within), (vec!["E0".to_owned()], true));
        run.append(b"bbbb");
        let second = run.slice(EventsBegin::Behind(first.end), 9);
        assert_eq!((second.events.len(), second.end.within, second.replaced), (0, true, false));
        run.append(&[b"b\n".as_slice(), &event(1)].concat());
        let third = run.slice(EventsBegin::Behind(second.end), 9);
        assert_eq!((names(&third), third.end.within), (vec!["E1".to_owned()], false));
    }

    #[test]
    fn what_is_no_event_is_shown_raw_and_blank_lines_are_not_shown() {
        let run = Run::new(b"[]\n\n  \n{\"event\": \"E\"}\nnot json \xff\n");
        assert_eq!(names(&run.slice(EventsBegin::First, 9)), ["raw", "E", "raw"]);
        assert_eq!(names(&run.slice(EventsBegin::Last(2), 9)), ["E", "raw"]);
    }

    #[test]
    fn the_last_after_a_time_are_found_also_where_times_are_out_of_order() {
        let run = Run::new(&[event(5), event(9), event(1), event(7), event(2)].concat());
        let from = |begin| EventsFrom { begin, since: Some("2026-03-01T12:00:04Z".into()), limit: 9 };
        assert_eq!(names(&slice(&run.dir, &from(EventsBegin::Last(2))).unwrap()), ["E9", "E7"]);
        assert_eq!(names(&slice(&run.dir, &from(EventsBegin::First)).unwrap()), ["E5", "E9", "E7"]);
    }
}
