//! Finding the line that a receipt is asked for: by what it did, from the newest line backwards, because what was just
//! acknowledged stands near the end.

use std::path::Path;

use cortexpilot_core::codec::{decision, line};
use cortexpilot_core::domain::governance::DecisionEvent;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::queue::QueueEvent;
use cortexpilot_core::port::receipts::LineOf;

use super::anchor::stored;
use super::leaves::position;
use super::record::{KeptNodes, LogError, Proven, each, io_at, receipt_at};
use crate::chain::FileKind;
use crate::disk::ReadAt;
use crate::follow::read_range;
use crate::segments;

/// How much is read at once; more where a line is longer.
const CHUNK: u64 = 64 * 1024;

/// Proves the newest line that did this under the last checkpoint. Writes nothing and takes no lock.
pub(super) fn prove_line(root: &Path, of: &LineOf, nodes: &mut KeptNodes) -> Result<Proven, LogError> {
    let kind = file_of(of);
    let name = kind.name();
    let checkpoint = stored(root, name)?.ok_or(LogError::NoCheckpoint(name))?.checkpoint;
    let size = checkpoint.checkpoint().size;
    // Where the place is not known, or is another checkpoint's, the lines are counted from the first.
    let noted = position(root, kind).filter(|(lines, _)| *lines == size);
    let found = match noted {
        Some((_, offset)) => newest(root, kind, offset, size, of)?,
        None => None,
    };
    let sound = found.map(|found| receipt_at(root, kind, &checkpoint, found, nodes));
    if let Some(Ok(proven)) = sound {
        return Ok(proven);
    }
    let mut found = None;
    if size > 0 {
        each(root, kind, &mut |index, line| {
            if is_it(line, of) {
                found = Some((index, line.to_vec()));
            }
            Ok(index + 1 < size)
        })?;
    }
    // Beyond the checkpoint it may be there, and is not proven yet.
    let found = found.ok_or(LogError::NotCovered { index: size, size })?;
    receipt_at(root, kind, &checkpoint, found, nodes)
}

/// Which file such a line stands in.
pub(super) fn file_of(of: &LineOf) -> FileKind {
    match of {
        LineOf::Enqueued(_)
        | LineOf::Cancelled(_)
        | LineOf::Claimed(_)
        | LineOf::Completed(_)
        | LineOf::Held(_)
        | LineOf::Requeued(_)
        | LineOf::Expired(_)
        | LineOf::StopRequested(_) => FileKind::Queue,
        LineOf::Request(_)
        | LineOf::Frozen
        | LineOf::Unfrozen
        | LineOf::Paused
        | LineOf::Resumed
        | LineOf::Policy
        | LineOf::Token(_) => FileKind::Decisions,
    }
}

/// The newest such line of the first `lines`, which end at `offset`. A wrong place gives a wrong index, whose proof then
/// leads to no checkpoint.
fn newest(
    root: &Path,
    kind: FileKind,
    offset: u64,
    lines: u64,
    of: &LineOf,
) -> Result<Option<(u64, Vec<u8>)>, LogError> {
    let path = root.join(kind.name());
    let failed = io_at(&path);
    let Some(opened) = segments::open(root, kind).map_err(&failed)? else { return Ok(None) };
    let (file, stat) = opened.whole().map_err(&failed)?;
    if stat.size < offset {
        return Ok(None);
    }
    backwards(&file, offset, lines, |line| is_it(line, of)).map_err(failed)
}

/// Shows the first `lines` lines, which end at `offset`, from the last to the first, until one is wanted.
fn backwards(
    file: &dyn ReadAt,
    offset: u64,
    lines: u64,
    mut wanted: impl FnMut(&[u8]) -> bool,
) -> std::io::Result<Option<(u64, Vec<u8>)>> {
    // What is read and not yet shown: it ends with a newline, unless it is the beginning of the file's part.
    let (mut from, mut held, mut step, mut index) = (offset, Vec::new(), CHUNK, lines);
    loop {
        // A line is whole once the newline before it is seen, or the file's beginning.
        let mut end = held.len();
        while end > 0 {
            let before = held[..end - 1].iter().rposition(|byte| *byte == b'\n');
            let begins = match before {
                Some(at) => at + 1,
                None if from == 0 => 0,
                None => break,
            };
            let Some(next) = index.checked_sub(1) else { return Ok(None) };
            index = next;
            if wanted(&held[begins..end - 1]) {
                return Ok(Some((index, held[begins..end - 1].to_vec())));
            }
            end = begins;
        }
        held.truncate(end);
        if from == 0 {
            return Ok(None);
        }
        // A long line is read in steps that grow, so that it is not copied over and over.
        step = if held.len() as u64 > step { step * 2 } else { CHUNK };
        let begin = from.saturating_sub(step);
        let mut bytes = read_range(file, begin, from)?;
        if bytes.len() as u64 != from - begin {
            return Ok(None);
        }
        bytes.append(&mut held);
        (held, from) = (bytes, begin);
    }
}

/// Whether the line did this. What cannot be read did nothing.
fn is_it(line: &[u8], of: &LineOf) -> bool {
    match of {
        LineOf::Enqueued(id) => {
            queue(line, id, |event| matches!(event, QueueEvent::Enqueued(event) if event.queue_id == *id))
        }
        LineOf::Cancelled(id) => {
            queue(line, id, |event| matches!(event, QueueEvent::Cancelled(event) if event.queue_id == *id))
        }
        LineOf::Claimed(id) => {
            queue(line, id, |event| matches!(event, QueueEvent::Claimed(event) if event.queue_id == *id))
        }
        LineOf::Completed(id) => {
            queue(line, id, |event| matches!(event, QueueEvent::Done(event) if event.queue_id == *id))
        }
        LineOf::Held(id) => queue(line, id, |event| matches!(event, QueueEvent::Held(event) if event.queue_id == *id)),
        LineOf::Requeued(id) => {
            queue(line, id, |event| matches!(event, QueueEvent::Requeued(event) if event.queue_id == *id))
        }
        LineOf::Expired(id) => {
            queue(line, id, |event| matches!(event, QueueEvent::Expired(event) if event.queue_id == *id))
        }
        LineOf::StopRequested(id) => {
            queue(line, id, |event| matches!(event, QueueEvent::StopRequested(event) if event.queue_id == *id))
        }
        LineOf::Request(id) => decided(line, id.as_str(), |event| match event {
            DecisionEvent::Requested(asked) => asked.id == *id,
            DecisionEvent::Joined(joined) => joined.id == *id,
            DecisionEvent::Approved(event) | DecisionEvent::Rejected(event) => event.id == *id,
            DecisionEvent::Expired(event) => event.id == *id,
            // What a client's dialog answered decides nothing.
            DecisionEvent::Elicited(_)
            | DecisionEvent::Frozen(_)
            | DecisionEvent::Unfrozen(_)
            | DecisionEvent::Paused(_)
            | DecisionEvent::Resumed(_)
            | DecisionEvent::PolicySet(_)
            | DecisionEvent::PolicyProposed(_)
            | DecisionEvent::TokenMade(_)
            | DecisionEvent::TokenRevoked(_) => false,
        }),
        LineOf::Frozen => decided(line, "\"FROZEN\"", |event| matches!(event, DecisionEvent::Frozen(_))),
        LineOf::Unfrozen => decided(line, "\"UNFROZEN\"", |event| matches!(event, DecisionEvent::Unfrozen(_))),
        LineOf::Paused => decided(line, "\"PAUSED\"", |event| matches!(event, DecisionEvent::Paused(_))),
        LineOf::Resumed => decided(line, "\"RESUMED\"", |event| matches!(event, DecisionEvent::Resumed(_))),
        LineOf::Policy => decided(line, "\"POLICY_", |event| {
            matches!(event, DecisionEvent::PolicySet(_) | DecisionEvent::PolicyProposed(_))
        }),
        LineOf::Token(id) => decided(line, id.as_str(), |event| match event {
            DecisionEvent::TokenMade(event) => event.record.id == *id,
            DecisionEvent::TokenRevoked(event) => event.id == *id,
            DecisionEvent::Requested(_)
            | DecisionEvent::Joined(_)
            | DecisionEvent::Approved(_)
            | DecisionEvent::Rejected(_)
            | DecisionEvent::Expired(_)
            | DecisionEvent::Elicited(_)
            | DecisionEvent::Frozen(_)
            | DecisionEvent::Unfrozen(_)
            | DecisionEvent::Paused(_)
            | DecisionEvent::Resumed(_)
            | DecisionEvent::PolicySet(_)
            | DecisionEvent::PolicyProposed(_) => false,
        }),
    }
}

/// Bytes are compared before anything is parsed: most lines are other ones.
fn holds(line: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    line.windows(text.len()).any(|window| window == text)
}

fn queue(line: &[u8], id: &QueueItemId, is_it: impl Fn(&QueueEvent) -> bool) -> bool {
    if !holds(line, id.as_str()) {
        return false;
    }
    match line::decode(line) {
        Ok(line::Line::Event(event)) => is_it(&event),
        Ok(line::Line::Repaired(_) | line::Line::Adopted(_) | line::Line::Unknown { .. }) => false,
        // A line of the original has no hash, and other members.
        Err(_) => line::decode_legacy(line).is_ok_and(|event| is_it(&event)),
    }
}

fn decided(line: &[u8], text: &str, is_it: impl Fn(&DecisionEvent) -> bool) -> bool {
    holds(line, text) && matches!(decision::read(line), Ok(decision::Line::Event(event)) if is_it(&event))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_are_shown_from_the_last_to_the_first_however_long_they_are() {
        for lengths in [vec![0], vec![3, 0, 5], vec![70_000, 1, 200_000, 64 * 1024 - 1, 64 * 1024, 2], vec![1; 5000]] {
            let mut file = tempfile::tempfile().unwrap();
            let mut offset = 0;
            let line = |index: usize| vec![b'a' + u8::try_from(index % 26).unwrap(); lengths[index]];
            for index in 0..lengths.len() {
                let bytes = [&line(index)[..], b"\n"].concat();
                file.write_all(&bytes).unwrap();
                offset += bytes.len() as u64;
            }
            file.write_all(b"behind the checkpoint\nand torn").unwrap();
            let mut shown = Vec::new();
            let found = backwards(&file, offset, lengths.len() as u64, |line| {
                shown.push(line.to_vec());
                false
            });
            assert_eq!(found.unwrap(), None);
            assert_eq!(shown, (0..lengths.len()).rev().map(line).collect::<Vec<_>>());
            let found = backwards(&file, offset, lengths.len() as u64, |_| true).unwrap().unwrap();
            assert_eq!(found, (lengths.len() as u64 - 1, line(lengths.len() - 1)));
        }
    }

    #[test]
    fn a_place_that_is_wrong_ends_the_search_and_is_no_panic() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one\ntwo\nthree\n").unwrap();
        assert_eq!(backwards(&file, 14, 1, |line| line == b"one").unwrap(), None, "fewer lines than there are");
        assert_eq!(backwards(&file, 99, 3, |_| true).unwrap(), None, "behind the end");
        assert_eq!(backwards(&file, 0, 0, |_| true).unwrap(), None);
    }
}
