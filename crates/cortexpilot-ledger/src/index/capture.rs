//! Taking note of where things stand, for a builder that goes on while they change.

use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use cortexpilot_core::domain::listing::DoneCounts;

use super::search::runs_of;
use super::snapshot::{Header, Live, LogPart, Part, nanos};
use super::table::{Ending, Record, Row, SECTIONS, Section, mark, other_of, run_to_seq, to_seq, workflow_mark};
use super::{Broken, Index};
use crate::chain::{FileKind, LEGACY_LINE_MAX, Position};
use crate::disk::ReadAt;
use crate::log::{Frontier, each_line, leaf_hash, stored};
use crate::segments::Joined;
use crate::state::Shared;

/// Where things stood at a position.
pub(super) struct Capture {
    pub(super) position: Position,
    pub(super) header: Header,
    pub(super) live: Vec<Live>,
    pub(super) changes: Vec<u64>,
    /// Items that were closed since the last snapshot, as records of each section, in order.
    pub(super) fresh: [Vec<Record>; SECTIONS],
    /// What has the others.
    pub(super) base: Option<Arc<Index>>,
    pub(super) queue_file: Joined,
    pub(super) decisions_file: Option<Joined>,
    /// The commit under way then, whose lines are in it.
    pub(super) in_flight: Option<u64>,
    pub(super) generation: u64,
    pub(super) restarts: u64,
}

impl Capture {
    /// `None` while no line of ours stands in the ledger.
    pub(super) fn take(shared: &Shared) -> Result<Option<Self>, Broken> {
        let (queue, decisions) = (&shared.queue_file, &shared.decisions_file);
        let (Some(queue_part), Some(decisions_part), Some(open)) =
            (part(shared, FileKind::Queue), part(shared, FileKind::Decisions), queue.file())
        else {
            return Ok(None);
        };
        let state = &shared.state;
        let mut header = Header::new(queue_part, decisions_part, state.queue.next_seq());
        let usage = state.queue.usage_of_the_hour().map(|(principal, times)| {
            let times = times.map(nanos).collect::<Option<Vec<_>>>();
            times.map(|times| (principal.to_owned(), times))
        });
        header.usage = usage.collect::<Option<_>>().ok_or_else(|| Broken::new("a time is out of range"))?;
        let (closed, done) = state.tally();
        header.closed = closed.clone();
        let counts = |done: &DoneCounts| [done.queued, done.succeeded, done.failed, done.cancelled, done.lost];
        header.done = done.map(|slice| (slice.from_s, counts(&slice.done))).collect();
        header.asked = state.closed_after_asking().map(ToString::to_string).collect();
        let held = state.queue.held_lines().filter(|(item, _)| item.is_live());
        let live = held.flat_map(|(item, lines)| {
            let others = lines.others.iter().map(|other| other.at);
            let all = std::iter::once(lines.enqueued).chain(lines.claimed).chain(others);
            all.map(|at| Live { seq: item.seq, at })
        });
        Ok(Some(Self {
            position: queue.chain.position(),
            header,
            live: live.collect(),
            changes: decisions.changes.clone(),
            fresh: fresh(shared)?,
            base: shared.index().cloned(),
            queue_file: open.clone(),
            decisions_file: decisions.file().cloned(),
            in_flight: shared.under_way().map(|commit| commit.commit),
            generation: shared.generation,
            restarts: queue.restarts,
        }))
    }
}

fn part(shared: &Shared, kind: FileKind) -> Option<Part> {
    let file = shared.file(kind);
    Part::of(&file.chain, file.repaired.is_some(), file.adopted.is_some(), &file.odd, file.odd_total)
}

fn fresh(shared: &Shared) -> Result<[Vec<Record>; SECTIONS], Broken> {
    let mut records: [Vec<Record>; SECTIONS] = Default::default();
    for (item, lines) in shared.state.queue.closed() {
        let Some(ended) = lines.ended else { continue };
        let row = Row {
            seq: item.seq,
            enqueued: lines.enqueued,
            claimed: lines.claimed,
            ended,
            ending: Ending::of(item.status()),
            others: !lines.others.is_empty(),
            workflow: workflow_mark(&item.enqueued.workflow_id),
        };
        if !row.fits() {
            return Err(Broken::new("the ledger is too large for an index"));
        }
        let mut push = |section: Section, record: Record| records[section as usize].push(record);
        push(Section::Rows, row.record());
        push(Section::Ids, to_seq(mark(Section::Ids, &[item.queue_id().as_str()]), item.seq));
        let stamps = item.enqueued.provenance.as_ref();
        if let Some((by, key)) = stamps.and_then(|by| Some((by, by.idempotency_key.as_deref()?))) {
            push(Section::Keys, to_seq(mark(Section::Keys, &[&by.principal, key]), item.seq));
        }
        for (run, line) in runs_of(item, &row) {
            push(Section::Runs, run_to_seq(mark(Section::Runs, &[run]), line, item.seq));
        }
        for other in &lines.others {
            push(Section::Others, other_of(item.seq, other.at));
            if let Some(run) = &other.run {
                push(Section::Runs, run_to_seq(mark(Section::Runs, &[run.as_str()]), other.at, item.seq));
            }
        }
    }
    for section in &mut records {
        section.sort_unstable();
    }
    Ok(records)
}

/// The tree over one file's lines up to the position, held against its last checkpoint; `None` where nothing was ever
/// signed. Goes on from the last snapshot's tree where that was held against the same checkpoint, or an earlier one.
pub(super) fn log_part(root: &Path, kind: FileKind, capture: &Capture) -> Result<Option<LogPart>, Broken> {
    let stored = stored(root, kind.name()).map_err(|error| Broken::new(error.to_string()))?;
    let signed = stored.as_ref().map(|stored| stored.checkpoint.checkpoint()).filter(|signed| signed.size > 0);
    let Some(signed) = signed else { return Ok(None) };
    let (file, part) = match kind {
        FileKind::Queue => (Some(&capture.queue_file), &capture.header.queue),
        FileKind::Decisions => (capture.decisions_file.as_ref(), &capture.header.decisions),
    };
    let before = capture.base.as_ref().and_then(|base| {
        let (position, log) = (base.position(kind), base.logs[kind as usize].as_ref()?);
        let fits = signed.size > position.lines || log.checkpoint() == Some((signed.size, signed.root));
        Some((log.frontier(position.lines)?, position.offset)).filter(|_| fits)
    });
    let (mut frontier, from) = before.unwrap_or((Frontier::new(), 0));
    let mut held = true;
    if let Some(file) = file {
        let range = BufReader::with_capacity(256 * 1024, Range { file, at: from, limit: part.offset });
        let append = |line: &[u8]| {
            frontier.append(leaf_hash(line));
            held &= frontier.size() != signed.size || frontier.root() == signed.root;
        };
        each_line(range, LEGACY_LINE_MAX, append).map_err(Broken::io)?;
    }
    if !held || frontier.size() != part.lines {
        return Err(Broken::new(format!("{} does not continue its last checkpoint", kind.name())));
    }
    let below = signed.size <= part.lines;
    Ok(Some(LogPart::new(&frontier, below.then_some((signed.size, signed.root)))))
}

/// A part of a file.
struct Range<'a> {
    file: &'a dyn ReadAt,
    at: u64,
    limit: u64,
}

impl Read for Range<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.limit.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_some(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
