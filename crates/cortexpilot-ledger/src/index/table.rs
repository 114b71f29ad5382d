//! Tables: closed items by position, id, key and run. A table is written once and never changed.
//!
//! A table has five sections of records of one width each, sorted as byte strings, so that looking up is a binary search
//! and merging tables is merging sorted lists. Numbers are big-endian. A record begins with what it is found by:
//!
//! | section | record | bytes |
//! |---|---|---|
//! | rows | position 5, offsets of the lines that enqueued, last claimed and closed the item 6 each, ending 1, workflow 3 | 27 |
//! | ids | hash of the item's id 6, position 5 | 11 |
//! | keys | hash of principal and idempotency key 6, position 5 | 11 |
//! | runs | hash of the run 6, offset of the line that names it 6, position 5 | 17 |
//! | others | position 5, offset of another line of the item 6 | 11 |
//!
//! An ending with its highest bit set says that there are others.
//!
//! Records stand in blocks of 2,048 bytes, none across two. Behind the sections stand the first records of all their
//! blocks, which are kept in memory: every look-up then reads one block. Each block ends in eight bytes of a SHA-256 over
//! the table's name, the block's number and its content, which is checked at every read: a flipped bit, a block of another
//! table or one in another place is found before it is used. Hashes are cut short because whatever is found is read from
//! the ledger and compared.

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Broken;
use crate::disk::{self, Disk};

/// The sections of a table, in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Rows,
    Ids,
    Keys,
    Runs,
    Others,
}

impl Section {
    pub(super) const ALL: [Self; SECTIONS] = [Self::Rows, Self::Ids, Self::Keys, Self::Runs, Self::Others];

    fn at(self) -> usize {
        self as usize
    }

    fn width(self) -> usize {
        match self {
            Self::Rows => 27,
            Self::Ids | Self::Keys | Self::Others => 11,
            Self::Runs => 17,
        }
    }

    /// Records of a block.
    fn per_block(self) -> u64 {
        (PAYLOAD / self.width()) as u64
    }

    fn blocks(self, records: u64) -> u64 {
        records.div_ceil(self.per_block())
    }
}

/// How many sections there are.
pub(super) const SECTIONS: usize = 5;

const BLOCK: usize = 2048;
const CHECK: usize = 8;
const PAYLOAD: usize = BLOCK - CHECK;

/// Room for a record of any section. What a section does not use is zero.
pub(super) type Record = [u8; 27];

/// How an item ended, as far as a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// As only its line says.
    Other,
    Success,
    Failure,
    Cancelled,
}

impl Ending {
    const ALL: [Self; 4] = [Self::Other, Self::Success, Self::Failure, Self::Cancelled];

    pub(super) fn of(status: &str) -> Self {
        match status {
            "SUCCESS" => Self::Success,
            "FAILURE" => Self::Failure,
            "CANCELLED" => Self::Cancelled,
            _ => Self::Other,
        }
    }

    pub(super) fn status(self) -> Option<&'static str> {
        match self {
            Self::Other => None,
            Self::Success => Some("SUCCESS"),
            Self::Failure => Some("FAILURE"),
            Self::Cancelled => Some("CANCELLED"),
        }
    }
}

/// A closed item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) enqueued: u64,
    pub(super) claimed: Option<u64>,
    pub(super) ended: u64,
    pub(super) ending: Ending,
    /// There are other lines of it.
    pub(super) others: bool,
    pub(super) workflow: [u8; 3],
}

/// In the byte of an ending: there are other lines of the item.
const OTHERS: u8 = 0x80;

/// The largest position and the largest offset that a record can hold; the largest offset itself means that there is none.
const SEQ_MAX: u64 = (1 << 40) - 1;
const OFFSET_MAX: u64 = (1 << 48) - 1;

/// Six bytes of a hash over what an item is found by.
pub(super) fn mark(section: Section, parts: &[&str]) -> [u8; 6] {
    let mut hasher = Sha256::new();
    hasher.update([section as u8]);
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    cut(hasher)
}

/// Three bytes of a hash of a workflow, so that a list of one reads few lines of others.
pub(super) fn workflow_mark(workflow_id: &str) -> [u8; 3] {
    cut(Sha256::new_with_prefix(workflow_id.as_bytes()))
}

fn cut<const N: usize>(hasher: Sha256) -> [u8; N] {
    let hash = hasher.finalize();
    std::array::from_fn(|at| hash[at])
}

fn put(record: &mut Record, at: &mut usize, bytes: &[u8]) {
    record[*at..*at + bytes.len()].copy_from_slice(bytes);
    *at += bytes.len();
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub(super) fn seq_bytes(seq: u64) -> [u8; 5] {
    let bytes = seq.min(SEQ_MAX).to_be_bytes();
    std::array::from_fn(|at| bytes[at + 3])
}

fn offset_bytes(offset: u64) -> [u8; 6] {
    let bytes = offset.to_be_bytes();
    std::array::from_fn(|at| bytes[at + 2])
}

impl Row {
    /// Whether a record has room for it.
    pub(super) fn fits(&self) -> bool {
        self.seq <= SEQ_MAX && self.ended < OFFSET_MAX
    }

    pub(super) fn record(&self) -> Record {
        let (mut record, mut at) = (Record::default(), 0);
        put(&mut record, &mut at, &seq_bytes(self.seq));
        for offset in [self.enqueued, self.claimed.unwrap_or(OFFSET_MAX), self.ended] {
            put(&mut record, &mut at, &offset_bytes(offset));
        }
        put(&mut record, &mut at, &[self.ending as u8 | if self.others { OTHERS } else { 0 }]);
        put(&mut record, &mut at, &self.workflow);
        record
    }

    pub(super) fn read(record: &Record) -> Result<Self, Broken> {
        let offset = |at: usize| number(&record[at..at + 6]);
        let ending = Ending::ALL.get(usize::from(record[23] & !OTHERS));
        Ok(Self {
            seq: number(&record[..5]),
            enqueued: offset(5),
            claimed: Some(offset(11)).filter(|offset| *offset != OFFSET_MAX),
            ended: offset(17),
            ending: *ending.ok_or_else(|| Broken::new("a row has an unknown ending"))?,
            others: record[23] & OTHERS != 0,
            workflow: std::array::from_fn(|at| record[24 + at]),
        })
    }
}

/// The record by which an item's id or key leads to it.
pub(super) fn to_seq(mark: [u8; 6], seq: u64) -> Record {
    let (mut record, mut at) = (Record::default(), 0);
    put(&mut record, &mut at, &mark);
    put(&mut record, &mut at, &seq_bytes(seq));
    record
}

/// The record by which a run leads to its item.
pub(super) fn run_to_seq(mark: [u8; 6], offset: u64, seq: u64) -> Record {
    let (mut record, mut at) = (Record::default(), 0);
    put(&mut record, &mut at, &mark);
    put(&mut record, &mut at, &offset_bytes(offset));
    put(&mut record, &mut at, &seq_bytes(seq));
    record
}

/// The record of another line of an item.
pub(super) fn other_of(seq: u64, offset: u64) -> Record {
    let (mut record, mut at) = (Record::default(), 0);
    put(&mut record, &mut at, &seq_bytes(seq));
    put(&mut record, &mut at, &offset_bytes(offset));
    record
}

/// The offset in such a record.
pub(super) fn other_in(record: &Record) -> u64 {
    number(&record[5..11])
}

/// The position in a record of the section.
pub(super) fn seq_in(section: Section, record: &Record) -> u64 {
    let from = match section {
        Section::Rows | Section::Others => 0,
        Section::Ids | Section::Keys => 6,
        Section::Runs => 12,
    };
    number(&record[from..from + 5])
}

/// The offset in a record of a run.
pub(super) fn offset_in(record: &Record) -> u64 {
    number(&record[6..12])
}

/// What a snapshot says of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Described {
    /// Its name: 32 hexadecimal digits that follow from what went into it.
    pub(super) name: String,
    /// Records of each section.
    pub(super) records: [u64; SECTIONS],
}

impl Described {
    pub(super) fn path(&self, dir: &Path) -> PathBuf {
        dir.join(file_name(&self.name))
    }

    fn section_begins(&self, section: Section) -> u64 {
        Section::ALL[..section.at()].iter().map(|before| before.blocks(self.records[before.at()])).sum()
    }

    fn section_blocks(&self, section: Section) -> u64 {
        section.blocks(self.records[section.at()])
    }

    fn fence_bytes(&self) -> u64 {
        Section::ALL.iter().map(|section| self.section_blocks(*section) * section.width() as u64).sum()
    }

    fn fences_begin(&self) -> u64 {
        Section::ALL.iter().map(|section| self.section_blocks(*section)).sum()
    }

    /// The file's size in bytes.
    pub(super) fn size(&self) -> u64 {
        (self.fences_begin() + self.fence_bytes().div_ceil(PAYLOAD as u64)) * BLOCK as u64
    }

    pub(super) fn rows(&self) -> u64 {
        self.records[0]
    }

    /// Whether the numbers can be meant: a snapshot is checked as a whole, so this is for what nobody can have written.
    fn is_sane(&self) -> bool {
        self.records.iter().all(|records| *records <= 2 * SEQ_MAX) && self.name.len() == 32
    }
}

const NAME_PREFIX: &str = "table-";

pub(super) fn file_name(name: &str) -> String {
    format!("{NAME_PREFIX}{name}")
}

/// Whether a file in the index's directory is a table, whole or half written.
pub(super) fn is_table(file_name: &str) -> bool {
    file_name.starts_with(NAME_PREFIX)
}

/// A table, open for look-ups.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) is: Described,
    file: File,
    fences: [Vec<u8>; SECTIONS],
}

impl Table {
    /// Opens a table. `Ok(None)`: there is no such file.
    pub(super) fn open(dir: &Path, is: &Described) -> Result<Option<Self>, Broken> {
        if !is.is_sane() {
            return Err(Broken::new("a table cannot be like that"));
        }
        let Some((file, stat)) = disk::open(&is.path(dir)).map_err(Broken::io)? else { return Ok(None) };
        if stat.size != is.size() {
            return Err(Broken::new("a table has another size"));
        }
        let mut table = Self { is: is.clone(), file, fences: Default::default() };
        let bytes = usize::try_from(is.fence_bytes()).map_err(|_| Broken::new("a table is too large"))?;
        let mut all = Vec::with_capacity(bytes + PAYLOAD);
        let mut block = is.fences_begin();
        while all.len() < bytes {
            all.extend_from_slice(&table.block(block)?[..PAYLOAD]);
            block += 1;
        }
        let mut rest = &all[..];
        for section in Section::ALL {
            let length = usize::try_from(is.section_blocks(section)).unwrap_or(usize::MAX) * section.width();
            let (fences, behind) = rest.split_at(length);
            table.fences[section.at()] = fences.to_vec();
            rest = behind;
        }
        Ok(Some(table))
    }

    /// One block, checked.
    fn block(&self, at: u64) -> Result<[u8; BLOCK], Broken> {
        let mut block = [0; BLOCK];
        self.file.read_exact_at(&mut block, at * BLOCK as u64).map_err(Broken::io)?;
        if block[PAYLOAD..] == check(&self.is.name, at, &block[..PAYLOAD]) {
            return Ok(block);
        }
        Err(Broken::new(format!("block {at} of table {} does not verify", self.is.name)))
    }

    /// Shows the records that begin with `prefix`, the last first, until told to stop.
    pub(super) fn find(
        &self,
        section: Section,
        prefix: &[u8],
        mut visit: impl FnMut(&Record) -> Result<ControlFlow<()>, Broken>,
    ) -> Result<(), Broken> {
        let width = section.width();
        let behind = |record: &[u8]| record[..prefix.len()].cmp(prefix) == Ordering::Greater;
        let fences = self.fences[section.at()].chunks_exact(width);
        let mut blocks = partition(&self.fences[section.at()], width, |fence| !behind(fence));
        debug_assert!(blocks <= fences.len());
        while let Some(block) = blocks.checked_sub(1) {
            let bytes = self.block(self.is.section_begins(section) + block as u64)?;
            let before = block as u64 * section.per_block();
            let have = (self.is.records[section.at()] - before).min(section.per_block());
            let bytes = &bytes[..usize::try_from(have).unwrap_or(0) * width];
            let end = partition(bytes, width, |record| !behind(record));
            for bytes in bytes[..end * width].chunks_exact(width).rev() {
                if !bytes.starts_with(prefix) {
                    return Ok(());
                }
                let mut record = Record::default();
                record[..width].copy_from_slice(bytes);
                if visit(&record)?.is_break() {
                    return Ok(());
                }
            }
            blocks = block;
        }
        Ok(())
    }

    /// The row at a position.
    pub(super) fn row(&self, seq: u64) -> Result<Option<Row>, Broken> {
        let mut found = None;
        self.find(Section::Rows, &seq_bytes(seq), |record| {
            found = Some(Row::read(record)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Every record of a section.
    pub(super) fn records(&self, section: Section) -> Cursor<'_> {
        Cursor { table: self, section, next: Some(0), back: false, block: None }
    }

    /// Rows before a position, or all, the last first.
    pub(super) fn rows_before(&self, seq: Option<u64>) -> Result<Cursor<'_>, Broken> {
        let records = self.is.records[Section::Rows.at()];
        let behind = match seq {
            // A position beyond what a record can hold is behind all of them.
            Some(seq) if seq <= SEQ_MAX => self.rows_after(seq.checked_sub(1))?.next.unwrap_or(records),
            Some(_) | None => records,
        };
        Ok(Cursor { table: self, section: Section::Rows, next: behind.checked_sub(1), back: true, block: None })
    }

    /// Rows behind a position.
    pub(super) fn rows_after(&self, seq: Option<u64>) -> Result<Cursor<'_>, Broken> {
        let mut cursor = self.records(Section::Rows);
        let Some(seq) = seq else { return Ok(cursor) };
        let (width, wanted) = (Section::Rows.width(), seq_bytes(seq));
        let blocks = partition(&self.fences[0], width, |fence| fence[..5] <= wanted[..]);
        cursor.next = Some(blocks.saturating_sub(1) as u64 * Section::Rows.per_block());
        while let Some(record) = cursor.peek()? {
            if record[..5] > wanted[..] {
                break;
            }
            cursor.advance();
        }
        Ok(cursor)
    }
}

/// How many of the sorted records at the beginning fulfil the condition.
fn partition(records: &[u8], width: usize, holds: impl Fn(&[u8]) -> bool) -> usize {
    let (mut low, mut high) = (0, records.len() / width);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(&records[middle * width..(middle + 1) * width]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Walks over a section's records, to either end.
pub(super) struct Cursor<'a> {
    table: &'a Table,
    section: Section,
    next: Option<u64>,
    back: bool,
    block: Option<(u64, [u8; BLOCK])>,
}

impl Cursor<'_> {
    /// The next record, which stays the next.
    pub(super) fn peek(&mut self) -> Result<Option<Record>, Broken> {
        let records = self.table.is.records[self.section.at()];
        let Some(next) = self.next.filter(|next| *next < records) else { return Ok(None) };
        let (block, within) = (next / self.section.per_block(), next % self.section.per_block());
        if self.block.as_ref().is_none_or(|(held, _)| *held != block) {
            let bytes = self.table.block(self.table.is.section_begins(self.section) + block)?;
            self.block = Some((block, bytes));
        }
        let width = self.section.width();
        let from = usize::try_from(within).unwrap_or(0) * width;
        let mut record = Record::default();
        if let Some((_, bytes)) = &self.block {
            record[..width].copy_from_slice(&bytes[from..from + width]);
        }
        Ok(Some(record))
    }

    pub(super) fn advance(&mut self) {
        self.next = self.next.and_then(|next| if self.back { next.checked_sub(1) } else { Some(next + 1) });
    }
}

fn check(name: &str, block: u64, payload: &[u8]) -> [u8; CHECK] {
    let mut hasher = Sha256::new_with_prefix(name.as_bytes());
    hasher.update(block.to_be_bytes());
    hasher.update(payload);
    cut(hasher)
}

/// How much is written at once.
const WRITE: usize = 256 * 1024;

/// Writes a table: section by section, each in order.
pub(super) struct TableWriter<'a> {
    disk: &'a Disk,
    file: File,
    is: Described,
    block: Vec<u8>,
    blocks: u64,
    pending: Vec<u8>,
    written: u64,
    fences: Vec<u8>,
}

impl<'a> TableWriter<'a> {
    pub(super) fn new(disk: &'a Disk, path: &Path, name: String) -> io::Result<Self> {
        let file = disk.create_empty(path)?;
        let is = Described { name, records: [0; SECTIONS] };
        let (block, pending, fences) = (Vec::with_capacity(BLOCK), Vec::new(), Vec::new());
        Ok(Self { disk, file, is, block, blocks: 0, pending, written: 0, fences })
    }

    pub(super) fn push(&mut self, section: Section, record: &Record) -> io::Result<()> {
        let record = &record[..section.width()];
        if self.block.len() + record.len() > PAYLOAD {
            self.end_block()?;
        }
        if self.block.is_empty() {
            self.fences.extend_from_slice(record);
        }
        self.block.extend_from_slice(record);
        self.is.records[section.at()] += 1;
        Ok(())
    }

    pub(super) fn end_section(&mut self) -> io::Result<()> {
        if self.block.is_empty() { Ok(()) } else { self.end_block() }
    }

    pub(super) fn finish(mut self) -> io::Result<Described> {
        let fences = std::mem::take(&mut self.fences);
        for payload in fences.chunks(PAYLOAD) {
            self.block.extend_from_slice(payload);
            self.end_block()?;
        }
        self.flush()?;
        Ok(self.is)
    }

    fn end_block(&mut self) -> io::Result<()> {
        self.block.resize(PAYLOAD, 0);
        let check = check(&self.is.name, self.blocks, &self.block);
        self.pending.append(&mut self.block);
        self.pending.extend_from_slice(&check);
        self.blocks += 1;
        if self.pending.len() >= WRITE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.disk.write_at(&self.file, &self.pending, self.written)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}
