//! How a process begins with an index: it goes on where the snapshot stands, if the ledger still is what it was there.

use std::path::Path;

use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::queue::QueueEvent;

use super::lines::{Lines, Window};
use super::snapshot::{Part, Snapshot};
use super::table::Table;
use super::{Broken, Index, load};
use crate::chain::{Entry, FileKind};
use crate::log::{Anchor, stored};
use crate::marks::{Mark, Marks};
use crate::segments;
use crate::tracked::{Resumed, Tracked};

/// What a process goes on with.
pub(crate) struct Beginning {
    pub(crate) state: State,
    pub(crate) queue_file: Tracked,
    pub(crate) decisions_file: Tracked,
    pub(crate) index: Index,
}

impl Beginning {
    /// Begins with the index of a runtime root. `None`: there is none, or it does not fit, and everything is to be read.
    pub(crate) fn find(root: &Path, marks: &Marks) -> Option<Self> {
        match Self::load(root, marks) {
            Ok(beginning) => beginning,
            Err(why) => {
                tracing::info!(%why, "the index is not used: the whole ledger is read");
                None
            }
        }
    }

    fn load(root: &Path, marks: &Marks) -> Result<Option<Self>, Broken> {
        let Some((snapshot, tables)) = load(root)? else { return Ok(None) };
        let queue_file = resume_file(root, marks, FileKind::Queue, &snapshot.header.queue)?;
        // A file of which nothing was read begins like any other.
        let decisions_file = match &snapshot.header.decisions {
            part if part.lines == 0 => Tracked::new(root, FileKind::Decisions),
            part => resume_file(root, marks, FileKind::Decisions, part)?,
        };
        let mut decisions_file = decisions_file;
        let state = replay(&snapshot, &queue_file, &decisions_file)?;
        decisions_file.changes.clone_from(&snapshot.changes);
        let index = index_of(&snapshot, tables, &queue_file)?;
        Ok(Some(Self { state, queue_file, decisions_file, index }))
    }
}

/// The index over a file that is open.
fn index_of(snapshot: &Snapshot, tables: Vec<Table>, file: &Tracked) -> Result<Index, Broken> {
    Index::new(snapshot, tables, lines_of(file, &snapshot.header.queue)?)
}

fn lines_of(file: &Tracked, part: &Part) -> Result<Lines, Broken> {
    let open = file.file().ok_or_else(|| Broken::new("the ledger is not open"))?;
    Ok(Lines::new(file.kind, open.clone(), part.began()?))
}

impl Index {
    /// A newer index than the one in use, for a process that has read beyond it: `None` when there is none, or it is of
    /// other lines than were read.
    pub(crate) fn newer(root: &Path, file: &Tracked, than: u64) -> Result<Option<Self>, Broken> {
        let Some((snapshot, tables)) = load(root)? else { return Ok(None) };
        let part = &snapshot.header.queue;
        if part.offset <= than || part.offset > file.chain.offset || file.damage.is_some() {
            return Ok(None);
        }
        let index = index_of(&snapshot, tables, file)?;
        let fits = index.lines.ends_in(part.offset, &index.queue.head)?;
        Ok(Some(index).filter(|_| fits))
    }
}

fn resume_file(root: &Path, marks: &Marks, kind: FileKind, part: &Part) -> Result<Tracked, Broken> {
    let record = marks.look().and_then(|mut look| look.record(kind)).map_err(Broken::io)?;
    let Some(opened) = segments::open(root, kind).map_err(Broken::io)? else {
        return Err(Broken::new(format!("there is no {}", kind.name())));
    };
    let (file, stat) = opened.whole().map_err(Broken::io)?;
    let durable = match record.mark {
        Mark::Unknown | Mark::Clear => stat.size,
        Mark::Set { from, .. } => from.min(stat.size),
    };
    if durable < part.offset {
        return Err(Broken::new(format!("{} is shorter than it was", kind.name())));
    }
    let lines = Lines::new(kind, file, part.began()?);
    if !lines.ends_in(part.offset, &part.position()?.head)? {
        return Err(Broken::new(format!("{} is another ledger, or was changed", kind.name())));
    }
    let mut chain = part.chain(kind)?;
    chain.anchor = anchor(root, kind, part)?.map(Box::new);
    let (mut repaired, mut adopted) = (None, None);
    if part.repaired {
        let Entry::Repaired(repair) = lines.read(&mut Window::narrow(), 0)? else { return Err(other_line()) };
        repaired = Some(repair);
    }
    if part.adopted {
        adopted = Some(lines.adoption()?);
    }
    let (odd, odd_total) = (part.odd(kind), part.odd_total);
    let file = lines.file().clone();
    let resumed = Resumed { file, identity: stat.identity, chain, repaired, adopted, odd, odd_total };
    let mut tracked = Tracked::new(root, kind);
    tracked.resume(resumed);
    Ok(tracked)
}

fn other_line() -> Broken {
    Broken::new("the snapshot leads to a line that says something else")
}

/// What the lines behind the position must come to. The lines before it were held against the newest checkpoint of then:
/// one made since must cover more lines, or it cannot be checked from here.
fn anchor(root: &Path, kind: FileKind, part: &Part) -> Result<Option<Anchor>, Broken> {
    let stored = stored(root, kind.name()).map_err(|error| Broken::new(error.to_string()))?;
    let signed = stored.as_ref().map(|stored| stored.checkpoint.checkpoint()).filter(|signed| signed.size > 0);
    let held_against = part.log.as_ref().and_then(|log| log.checkpoint());
    let Some(signed) = signed else {
        return if held_against.is_none() { Ok(None) } else { Err(Broken::new("its checkpoint is gone")) };
    };
    if held_against == Some((signed.size, signed.root)) {
        return Ok(None);
    }
    let frontier = part.log.as_ref().and_then(|log| log.frontier(part.lines));
    match frontier {
        Some(frontier) if signed.size > part.lines => Ok(Some(Anchor::behind(frontier, signed.size, signed.root))),
        Some(_) | None => Err(Broken::new("there is a checkpoint that it was not held against")),
    }
}

/// The fold: live items out of their lines, everything else out of the snapshot.
fn replay(snapshot: &Snapshot, queue_file: &Tracked, decisions_file: &Tracked) -> Result<State, Broken> {
    let header = &snapshot.header;
    let mut state = State::default();
    state.resume(snapshot.asked()?);
    let mut places: Vec<(u64, u64)> = snapshot.live.iter().map(|live| (live.at, live.seq)).collect();
    places.sort_unstable();
    let lines = lines_of(queue_file, &header.queue)?;
    let mut window = Window::wide();
    for (at, seq) in places {
        let Entry::Event(event, hash) = lines.read(&mut window, at)? else { return Err(other_line()) };
        if matches!(event, QueueEvent::Enqueued(_)) {
            state.queue.skip_to(seq);
        }
        let applied = state.apply_at(&event, hash, at);
        applied.map_err(|oddity| Broken::new(format!("the line of a live item {oddity}")))?;
    }
    state.queue.skip_to(header.next_seq);
    state.queue.resume_usage(snapshot.usage()?);
    state.resume_tally(header.closed.clone(), snapshot.done());
    if header.decisions.lines > 0 {
        if let Some(repair) = &decisions_file.repaired {
            state.decisions_repaired(&repair.principal, repair.ts);
        }
        let lines = lines_of(decisions_file, &header.decisions)?;
        let mut window = Window::wide();
        for at in &snapshot.changes {
            let Entry::Decision(event) = lines.read(&mut window, *at)? else { return Err(other_line()) };
            let applied = state.decide(&event);
            applied.map_err(|oddity| Broken::new(format!("the line of a decision {oddity}")))?;
        }
    }
    Ok(state)
}
