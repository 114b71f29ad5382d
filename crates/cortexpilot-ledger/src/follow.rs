//! Reading complete lines from a file into its chain, in bounded memory: a few of them as they come, many of them on all
//! processors.

mod parallel;

use std::io::{self, BufRead as _, BufReader, Read};

use crate::chain::{Chain, Entry};
use crate::disk::ReadAt;

/// How lines are divided among threads.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// How many bytes are left when other threads are worth their start. Below that, and for the first lines of any file,
    /// nothing but reading and judging line by line is done.
    from: u64,
    /// How many bytes are read before anybody else is asked: whether the chain has begun is known by then.
    lead: u64,
    /// How much is read at once, and looked at by one thread.
    chunk: usize,
    /// How many threads look at lines; as many as there are processors unless it is said.
    workers: Option<usize>,
}

impl Plan {
    const USUAL: Self = Self { from: 1 << 20, lead: 64 * 1024, chunk: 256 * 1024, workers: None };
}

/// How reading on ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything up to the limit was read; so many bytes behind the last newline are no complete line.
    Reached {
        /// Bytes behind the last newline.
        tail: u64,
    },
    /// The next line is damaged; the chain stands before it.
    Damaged(String),
    /// The file was cut or replaced meanwhile: what was read last counts for nothing, nothing of it was used.
    Moved,
}

/// Feeds the complete lines between the chain's offset and `limit` (a byte offset) to the chain, and each to `visit` with
/// its number and the offset at which it begins.
///
/// `holds` is asked after each read from the file and before its bytes are used: whether the limit still means the same
/// bytes. See [`crate::marks`] for why that is needed.
pub(crate) fn follow(
    file: &dyn ReadAt,
    chain: &mut Chain,
    limit: u64,
    holds: &mut dyn FnMut() -> io::Result<bool>,
    visit: &mut dyn FnMut(u64, u64, Entry),
) -> io::Result<End> {
    follow_as(file, chain, limit, holds, visit, Plan::USUAL)
}

fn follow_as(
    file: &dyn ReadAt,
    chain: &mut Chain,
    limit: u64,
    holds: &mut dyn FnMut() -> io::Result<bool>,
    visit: &mut dyn FnMut(u64, u64, Entry),
    plan: Plan,
) -> io::Result<End> {
    loop {
        let window = Window { file, at: chain.offset, limit, holds, moved: false };
        if let Some(end) = alone(window, chain, visit, plan)? {
            return Ok(end);
        }
        let window = Window { file, at: chain.offset, limit, holds, moved: false };
        if let Some(end) = parallel::run(window, chain, visit, plan)? {
            return Ok(end);
        }
    }
}

/// Judges line by line. This is what it means to read a ledger; threads only ever take lines over of which this is certain
/// to say the same. `None` when so much is left that they are worth it.
fn alone(
    window: Window<'_>,
    chain: &mut Chain,
    visit: &mut dyn FnMut(u64, u64, Entry),
    plan: Plan,
) -> io::Result<Option<End>> {
    let (begin, limit) = (window.at, window.limit);
    let span = limit.saturating_sub(begin);
    let at_once = if span > plan.from { plan.lead } else { plan.chunk as u64 };
    let mut reader = BufReader::with_capacity(usize::try_from(span.min(at_once)).unwrap_or(1).max(1), window);
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = chain.line_max();
        // One byte for the newline, one to see that the line is too long.
        let bound = most as u64 + 2;
        if let Err(error) = reader.by_ref().take(bound).read_until(b'\n', &mut line) {
            return if reader.get_ref().moved { Ok(Some(End::Moved)) } else { Err(error) };
        }
        let (number, at) = (chain.lines + 1, chain.offset);
        match line.strip_suffix(b"\n") {
            Some(line) if line.len() <= most => match chain.feed(line) {
                Ok(entry) => visit(number, at, entry),
                Err(what) => return Ok(Some(End::Damaged(what))),
            },
            None if line.len() <= most => return Ok(Some(End::Reached { tail: line.len() as u64 })),
            Some(_) | None => return Ok(Some(End::Damaged(format!("is longer than {most} bytes")))),
        }
        if chain.offset - begin >= plan.lead && limit.saturating_sub(chain.offset) >= plan.from {
            return Ok(None);
        }
    }
}

/// The part of a file up to a limit.
struct Window<'a> {
    file: &'a dyn ReadAt,
    at: u64,
    limit: u64,
    holds: &'a mut dyn FnMut() -> io::Result<bool>,
    moved: bool,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.limit.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.file.read_some(&mut buffer[..most], self.at)?;
        if !(self.holds)()? {
            self.moved = true;
            return Err(io::Error::other("the file was cut or replaced"));
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// Reads a range of a file whole. Shorter when the file ends before it.
pub(crate) fn read_range(file: &dyn ReadAt, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(to.saturating_sub(from)).map_err(|_| io::Error::other("is too large"))?;
    let mut bytes = vec![0; length];
    let mut have = 0;
    while have < length {
        match file.read_some(&mut bytes[have..], from + have as u64)? {
            0 => break,
            read => have += read,
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;
    use crate::chain::FileKind;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn entries(bytes: &[u8], limit: u64) -> (Vec<String>, End) {
        let mut chain = Chain::new(FileKind::Queue);
        let mut seen = Vec::new();
        let visit = &mut |number, _, entry| {
            let what = match entry {
                Entry::Blank => "blank".to_owned(),
                Entry::Odd(_) => "odd".to_owned(),
                Entry::Event(..) => "event".to_owned(),
                other @ (Entry::Brief(_)
                | Entry::Refusal
                | Entry::Decision(_)
                | Entry::Repaired(_)
                | Entry::Adopted(_)
                | Entry::Unknown(_)) => {
                    format!("{other:?}")
                }
            };
            seen.push(format!("{number} {what}"));
        };
        let end = follow(&file(bytes), &mut chain, limit, &mut || Ok(true), visit).unwrap();
        (seen, end)
    }

    #[test]
    fn lines_end_at_newlines_alone_and_the_limit_hides_what_is_behind_it() {
        let line = "{\"event\": \"QUEUE_CANCEL\", \"task_id\": \"t\", \"queue_id\": \"a\", \"reason\": \"x\u{2028}y\u{85}\"}\n";
        let bytes = format!("{line}[]\n\n\u{b}\nrest");
        let all = bytes.len() as u64;
        let (seen, end) = entries(bytes.as_bytes(), all);
        assert_eq!(seen, ["1 event", "2 odd", "3 blank", "4 odd"]);
        assert_eq!(end, End::Reached { tail: 4 });
        let (seen, end) = entries(bytes.as_bytes(), line.len() as u64 + 1);
        assert_eq!(seen, ["1 event"]);
        assert_eq!(end, End::Reached { tail: 1 });
    }

    #[test]
    fn nothing_is_used_once_the_limit_lost_its_meaning() {
        let mut chain = Chain::new(FileKind::Queue);
        let file = file(b"[]\n[]\n");
        let end = follow(&file, &mut chain, 6, &mut || Ok(false), &mut |_, _, _| panic!("used")).unwrap();
        assert_eq!((end, chain.lines), (End::Moved, 0));
    }

    #[test]
    fn a_line_longer_than_ours_can_be_is_damage_once_the_chain_has_begun() {
        let mut chain = Chain::new(FileKind::Decisions);
        let long = vec![b'x'; 70_000];
        let end = follow(&file(&long), &mut chain, 70_000, &mut || Ok(true), &mut |_, _, _| ()).unwrap();
        assert!(matches!(end, End::Damaged(what) if what.contains("longer")));
    }
}
