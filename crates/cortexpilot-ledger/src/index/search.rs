//! Finding closed items: a table says where the lines stand, the lines say the rest.

use std::ops::ControlFlow;

use cortexpilot_core::domain::fold::{Lines as Places, OtherLine, Queue, item_of};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::listing::{QueueFilter, QueueListing, QueueOrder};
use cortexpilot_core::domain::queue::{ItemState, QueueEvent, QueueItem};
use cortexpilot_core::port::StoreError;

use super::lines::Window;
use super::table::{Cursor, Row, Section, Table, mark, offset_in, other_in, seq_bytes, seq_in, workflow_mark};
use super::{Broken, Index};
use crate::chain::{Chain, Entry, FileKind};
use crate::follow::{End, follow};

impl Index {
    /// The closed item of this id.
    pub(crate) fn item(&self, id: &QueueItemId) -> Result<Option<QueueItem>, StoreError> {
        self.ask(|| self.find_id(id), |queue| queue.get(id).cloned())
    }

    /// The closed item that this principal enqueued under this key.
    pub(crate) fn by_key(&self, principal: &str, key: &str) -> Result<Option<QueueItem>, StoreError> {
        self.ask(|| self.find_key(principal, key), |queue| queue.by_key(principal, key).cloned())
    }

    /// The closed item out of which this run came, and where the line that says so stands.
    pub(crate) fn by_run(&self, run_id: &str) -> Result<Option<(QueueItem, u64)>, StoreError> {
        let instead = |queue: &Queue| queue.by_run_at(run_id).map(|(item, at)| (item.clone(), at));
        let found = self.ask_any(|| self.find_run(run_id), instead)?;
        Ok(found.filter(|(item, _)| !item.is_live()))
    }

    /// Where the lines of the closed item of this id stand.
    pub(crate) fn lines_of(&self, id: &QueueItemId) -> Result<Option<Places>, StoreError> {
        self.ask_any(
            || self.find_places(id),
            |queue| queue.lines_of(id).filter(|places| places.ended.is_some()).cloned(),
        )
    }

    fn ask(
        &self,
        find: impl Fn() -> Result<Option<QueueItem>, Broken>,
        instead: impl Fn(&Queue) -> Option<QueueItem>,
    ) -> Result<Option<QueueItem>, StoreError> {
        Ok(self.ask_any(find, instead)?.filter(|item| !item.is_live()))
    }

    /// Asks the tables; once they are broken, what the ledger says up to the same position.
    fn ask_any<T>(&self, find: impl Fn() -> Result<T, Broken>, instead: impl Fn(&Queue) -> T) -> Result<T, StoreError> {
        if !self.is_broken() {
            match find() {
                Ok(found) => return Ok(found),
                Err(why) => self.found_broken(&why),
            }
        }
        match self.instead.get_or_init(|| self.read_all()) {
            Ok(queue) => Ok(instead(queue)),
            Err(error) => Err(error.clone()),
        }
    }

    /// Everything before the position, from the ledger, verified line by line.
    fn read_all(&self) -> Result<Queue, StoreError> {
        let (mut queue, mut chain) = (Queue::default(), Chain::new(FileKind::Queue));
        let visit = &mut |_, at, entry: Entry| {
            if let Entry::Event(event, hash) = entry {
                // Oddities change nothing, here as there.
                let _ = queue.apply_at(&event, hash, at);
            }
        };
        let end = follow(self.lines.file(), &mut chain, self.queue.offset, &mut || Ok(true), visit);
        let end = end.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let whole = matches!(end, End::Reached { tail: 0 }) && chain.position() == self.queue;
        if whole {
            return Ok(queue);
        }
        let file = FileKind::Queue.name().to_owned();
        Err(StoreError::Corrupt { file, line: chain.lines + 1 })
    }

    fn find_id(&self, id: &QueueItemId) -> Result<Option<QueueItem>, Broken> {
        let wanted = |item: &QueueItem| item.queue_id() == id;
        self.find(Section::Ids, || mark(Section::Ids, &[id.as_str()]), wanted)
    }

    fn find_places(&self, id: &QueueItemId) -> Result<Option<Places>, Broken> {
        let Some(item) = self.find_id(id)? else { return Ok(None) };
        for table in &self.tables {
            if let Some(row) = table.row(item.seq)? {
                let others = others_of(table, &row)?.into_iter().map(|at| OtherLine { at, run: None }).collect();
                let (enqueued, claimed, ended) = (row.enqueued, row.claimed, Some(row.ended));
                return Ok(Some(Places { enqueued, claimed, ended, others }));
            }
        }
        Err(Broken::new("a table names an item that no table has"))
    }

    fn find_key(&self, principal: &str, key: &str) -> Result<Option<QueueItem>, Broken> {
        let wanted = |item: &QueueItem| {
            let stamps = item.enqueued.provenance.as_ref();
            stamps.is_some_and(|by| by.principal == principal && by.idempotency_key.as_deref() == Some(key))
        };
        self.find(Section::Keys, || mark(Section::Keys, &[principal, key]), wanted)
    }

    /// Of several the last in the queue.
    fn find(
        &self,
        section: Section,
        prefix: impl FnOnce() -> [u8; 6],
        wanted: impl Fn(&QueueItem) -> bool,
    ) -> Result<Option<QueueItem>, Broken> {
        if self.tables.is_empty() {
            return Ok(None);
        }
        let prefix = prefix();
        let mut found: Option<QueueItem> = None;
        for table in &self.tables {
            table.find(section, &prefix, |record| {
                let seq = seq_in(section, record);
                if found.as_ref().is_some_and(|found| found.seq >= seq) {
                    return Ok(ControlFlow::Break(()));
                }
                let item = self.read_item(table, &row(table, seq)?)?;
                if !wanted(&item) {
                    return Ok(ControlFlow::Continue(()));
                }
                found = Some(item);
                Ok(ControlFlow::Break(()))
            })?;
        }
        Ok(found)
    }

    /// Of several the one whose line is the last.
    fn find_run(&self, run_id: &str) -> Result<Option<(QueueItem, u64)>, Broken> {
        let mut found: Option<(QueueItem, u64)> = None;
        if self.tables.is_empty() {
            return Ok(None);
        }
        let prefix = mark(Section::Runs, &[run_id]);
        for table in &self.tables {
            table.find(Section::Runs, &prefix, |record| {
                let at = offset_in(record);
                if found.as_ref().is_some_and(|(_, found)| *found >= at) {
                    return Ok(ControlFlow::Break(()));
                }
                let row = row(table, seq_in(Section::Runs, record))?;
                let item = self.read_item(table, &row)?;
                let named = runs_of(&item, &row).any(|(run, line)| run == run_id && line == at);
                if !named && !self.was_claimed_as(table, &row, run_id, at)? {
                    return Ok(ControlFlow::Continue(()));
                }
                found = Some((item, at));
                Ok(ControlFlow::Break(()))
            })?;
        }
        Ok(found)
    }

    /// An item out of its lines.
    fn read_item(&self, table: &Table, row: &Row) -> Result<QueueItem, Broken> {
        let mut window = Window::narrow();
        let mut places = vec![row.enqueued, row.ended];
        places.extend(row.claimed);
        places.append(&mut others_of(table, row)?);
        places.sort_unstable();
        let mut events: Vec<(QueueEvent, _)> = Vec::with_capacity(places.len());
        for at in places {
            match self.lines.read(&mut window, at)? {
                Entry::Event(event, hash) => events.push((event, hash)),
                Entry::Brief(_)
                | Entry::Refusal
                | Entry::Decision(_)
                | Entry::Repaired(_)
                | Entry::Adopted(_)
                | Entry::Unknown(_)
                | Entry::Odd(_)
                | Entry::Blank => return Err(Broken::new("a row leads to a line that is no event")),
            }
        }
        let item = item_of(row.seq, &events).ok_or_else(|| Broken::new("a row leads to lines of several items"))?;
        if item.is_live() {
            return Err(Broken::new("a row leads to an item that is not closed"));
        }
        Ok(item)
    }

    /// Whether an earlier claim of the item, whose line stands here, was for this run.
    fn was_claimed_as(&self, table: &Table, row: &Row, run_id: &str, at: u64) -> Result<bool, Broken> {
        if !others_of(table, row)?.contains(&at) {
            return Ok(false);
        }
        let entry = self.lines.read(&mut Window::narrow(), at)?;
        Ok(matches!(entry, Entry::Event(QueueEvent::Claimed(claim), _) if claim.run_id == run_id))
    }

    /// Lists the items that the fold holds together with the closed ones, in the order that is asked for.
    pub(crate) fn list(&self, held: &Queue, filter: &QueueFilter) -> Result<QueueListing, StoreError> {
        let merged = |queue: &Queue| {
            // What was live then is in the fold, as it is now.
            let closed = queue.matching(filter).filter(|item| !item.is_live()).map(|item| Ok(item.clone()));
            merge(held, closed, filter)
        };
        self.ask_any(|| self.list_tables(held, filter), |queue| merged(queue).unwrap_or_default())
    }

    fn list_tables(&self, held: &Queue, filter: &QueueFilter) -> Result<QueueListing, Broken> {
        let tables = self.tables.iter().filter(|_| filter.accepts_closed());
        let newest = filter.order == QueueOrder::Newest;
        let cursors = tables.map(|table| match newest {
            false => table.rows_after(filter.after_seq),
            true => table.rows_before(filter.after_seq),
        });
        let cursors = cursors.collect::<Result<_, _>>()?;
        let workflow = filter.workflow_id.as_deref().map(workflow_mark);
        merge(held, Closed { index: self, cursors, filter, workflow }, filter)
    }
}

/// The runs that a closed item's lines name, each with the line.
pub(super) fn runs_of<'a>(item: &'a QueueItem, row: &Row) -> impl Iterator<Item = (&'a str, u64)> {
    let claim = match &item.state {
        ItemState::Closed { claim: Some(claim), .. } => row.claimed.map(|at| (claim.run_id.as_str(), at)),
        ItemState::Closed { claim: None, .. }
        | ItemState::Pending
        | ItemState::Claimed(_)
        | ItemState::Held(_)
        | ItemState::Expired { .. }
        | ItemState::Cancelled { .. } => None,
    };
    let last = (item.run_id(), row.ended);
    // The same run twice is found by the later line.
    let claim = claim.filter(|(run, _)| *run != last.0);
    claim.into_iter().chain([last]).filter(|(run, _)| !run.is_empty())
}

/// Where the other lines of an item stand.
fn others_of(table: &Table, row: &Row) -> Result<Vec<u64>, Broken> {
    let mut others = Vec::new();
    if row.others {
        table.find(Section::Others, &seq_bytes(row.seq), |record| {
            others.push(other_in(record));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(others)
}

fn row(table: &Table, seq: u64) -> Result<Row, Broken> {
    table.row(seq)?.ok_or_else(|| Broken::new("a table names an item that it does not have"))
}

/// Closed items that a filter accepts, in its order.
struct Closed<'a> {
    index: &'a Index,
    cursors: Vec<Cursor<'a>>,
    filter: &'a QueueFilter,
    workflow: Option<[u8; 3]>,
}

impl Closed<'_> {
    /// The next row, with the number of its table.
    fn next_row(&mut self) -> Result<Option<(usize, Row)>, Broken> {
        let mut first: Option<(usize, Row)> = None;
        for (at, cursor) in self.cursors.iter_mut().enumerate() {
            let Some(record) = cursor.peek()? else { continue };
            let row = Row::read(&record)?;
            if first.is_none_or(|(_, first)| comes_first(self.filter, row.seq, first.seq)) {
                first = Some((at, row));
            }
        }
        Ok(first.map(|(at, row)| {
            self.cursors[at].advance();
            (at, row)
        }))
    }

    /// Whether the item has to be read to know.
    fn may_fit(&self, row: &Row) -> bool {
        let wanted = self.filter.status.as_deref();
        wanted.is_none_or(|wanted| row.ending.status().is_none_or(|status| wanted.eq_ignore_ascii_case(status)))
            && self.workflow.is_none_or(|workflow| workflow == row.workflow)
    }

    fn next_item(&mut self) -> Result<Option<QueueItem>, Broken> {
        while let Some((table, row)) = self.next_row()? {
            if self.may_fit(&row) {
                let item = self.index.read_item(&self.index.tables[table], &row)?;
                if self.filter.accepts(&item) {
                    return Ok(Some(item));
                }
            }
        }
        Ok(None)
    }
}

impl Iterator for Closed<'_> {
    type Item = Result<QueueItem, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_item().transpose()
    }
}

/// Whether an item at this position is listed before one at that.
fn comes_first(filter: &QueueFilter, this: u64, that: u64) -> bool {
    match filter.order {
        QueueOrder::Oldest => this < that,
        QueueOrder::Newest => this > that,
    }
}

fn merge(
    held: &Queue,
    closed: impl Iterator<Item = Result<QueueItem, Broken>>,
    filter: &QueueFilter,
) -> Result<QueueListing, Broken> {
    let (mut held, mut closed) = (held.matching(filter).peekable(), closed);
    let mut waiting: Option<QueueItem> = None;
    let mut listing = QueueListing::default();
    loop {
        if waiting.is_none() {
            waiting = closed.next().transpose()?;
        }
        let from_held = match (held.peek(), &waiting) {
            (None, None) => return Ok(listing),
            (Some(held), Some(closed)) => comes_first(filter, held.seq, closed.seq),
            (Some(_), None) => true,
            (None, Some(_)) => false,
        };
        if filter.limit.is_some_and(|limit| listing.items.len() >= limit) {
            listing.more = true;
            return Ok(listing);
        }
        let next = if from_held { held.next().cloned() } else { waiting.take() };
        listing.items.extend(next);
    }
}
