//! The lines of one file as leaves, followed while others write: what is durable and new is read, verified against the
//! chain and appended to the tree. No lock is taken: [`crate::marks`] says which bytes are durable.
//!
//! It goes on where the last checkpoint ended, with the tree from its tiles and the place in the file from a note beside
//! them. Both are derived, and neither is believed: the tree must have the signed root, and the line before the place must
//! be the tree's last leaf. Where that does not hold, everything is read from the first line.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger::{self, LINE_MAX};

use super::anchor::{StoredLog, log_dir};
use super::checkpoint::Checkpoint;
use super::grow::LogTree;
use super::hash::leaf_hash;
use super::proof::Nodes as _;
use super::tile::Tile;
use super::tile_store::{DirTiles, TileNodes, Tiles as _, part_name};
use super::tree::Node;
use crate::chain::{Chain, Entry, FileKind};
use crate::disk::{self, Disk, Identity, ReadAt};
use crate::follow::read_range;
use crate::marks::{Mark, Marks};
use crate::segments::{self, Gap, Joined, Opened};
use crate::tracked::Damage;

/// How much is read at once.
const CHUNK: usize = 256 * 1024;

/// The note that says where in the file the last checkpoint ended.
const POSITION: &str = "position";

/// Longest such note.
const POSITION_MAX: u64 = 256;

/// A file's leaves, as far as they were read.
pub(super) struct Leaves {
    pub(super) kind: FileKind,
    path: PathBuf,
    open: Option<(Joined, Identity)>,
    link: Link,
    offset: u64,
    pub(super) tree: LogTree,
    /// What the file took the place of, when it began with a repair.
    pub(super) repaired: Option<Sha256Digest>,
    /// A stored tile under the last checkpoint is not what the lines come to.
    pub(super) rotten: bool,
    tiles: DirTiles,
}

/// What the next line must continue.
enum Link {
    /// No line of ours was read yet.
    Whole(Box<Chain>),
    /// The last line's hash.
    Sealed(Sha256Digest),
}

/// How reading on ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Everything durable was read.
    Reached {
        /// Nothing stands behind it, and nothing is being written.
        all: bool,
    },
    /// Nobody knows which bytes are durable until somebody settles it under the ledger's lock.
    Unsettled,
    /// The file was cut or replaced: begin anew.
    Moved,
}

/// Why reading stopped.
pub(super) enum Stopped {
    Damaged(Damage),
    Io(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Leaves {
    /// At the first line.
    pub(super) fn from_the_first_line(root: &Path, kind: FileKind) -> Self {
        Self {
            kind,
            path: root.join(kind.name()),
            open: None,
            link: Link::Whole(Box::new(Chain::new(kind))),
            offset: 0,
            tree: LogTree::new(),
            repaired: None,
            rotten: false,
            tiles: DirTiles::new(log_dir(root, kind.name())),
        }
    }

    /// Behind the last checkpoint; `None` where that cannot be believed, or is not worth it.
    pub(super) fn from_the_last_checkpoint(root: &Path, kind: FileKind, stored: &StoredLog) -> Option<Self> {
        let Checkpoint { size, root: signed, .. } = stored.checkpoint.checkpoint();
        let begun = Self::from_the_first_line(root, kind);
        let offset = position(root, kind).filter(|(lines, _)| lines == size && *size > 0)?.1;
        let tree = LogTree::resume(&begun.tiles, *size).ok().filter(|tree| tree.root() == *signed)?;
        let (file, stat) = segments::open(root, kind).ok()??.whole().ok()?;
        let line = line_before(&file, offset).ok()??;
        let last = TileNodes::new(&begun.tiles, *size).node(Node { level: 0, index: size - 1 }).ok()?;
        // One of ours: its hash binds all before it, so it stands in the file once.
        let (_, head) = ledger::split(&line).filter(|_| leaf_hash(&line) == last)?;
        let repaired = repaired_by_its_first_line(&file, kind).ok()?;
        let open = Some((file, stat.identity));
        Some(Self { open, link: Link::Sealed(head), offset, tree, repaired, ..begun })
    }

    /// Whether what was read still stands at the path, as far as two looks can tell.
    pub(super) fn still_there(&self) -> io::Result<bool> {
        match (&self.open, disk::stat(&self.path)?) {
            (None, None) => Ok(true),
            (None, Some(_)) => Ok(self.tree.size() == 0),
            (Some((file, identity)), Some(stat))
                if stat.identity == *identity && file.base() + stat.size >= self.offset =>
            {
                let Link::Sealed(head) = &self.link else { return Ok(true) };
                let end = format!("{head}\"}}\n");
                let from = self.offset.saturating_sub(end.len() as u64);
                // Nothing of ours was read where there is no line yet.
                Ok(self.offset == 0 || read_range(file, from, self.offset)? == end.as_bytes())
            }
            (Some(_), Some(_) | None) => Ok(false),
        }
    }

    /// Reads what is durable and new. Tiles that become full are stored on the way; those under the last checkpoint are
    /// only compared, for until its root is reached nobody knows whether these are its lines.
    pub(super) fn read_on(&mut self, marks: &Marks, kept: Option<&Checkpoint>) -> Result<Reading, Stopped> {
        let mut look = marks.look()?;
        let before = look.record(self.kind)?;
        if disk::stat(&self.path)?.is_none() {
            return Ok(if self.open.is_none() { Reading::Reached { all: true } } else { Reading::Moved });
        }
        let stat = match &self.open {
            Some((file, _)) => file.stat(&self.path)?,
            None => {
                let Some(opened) = self.open_file()? else { return Ok(Reading::Moved) };
                let stat = opened.stat;
                self.open = Some((opened.joined, stat.identity));
                stat
            }
        };
        let after = look.record(self.kind)?;
        if before.epoch != after.epoch {
            return Ok(Reading::Moved);
        }
        let durable = match after.mark {
            Mark::Clear => stat.size,
            Mark::Set { from, .. } if from <= stat.size => from,
            // Of an empty file there is nothing to settle.
            Mark::Unknown if stat.size == 0 => 0,
            Mark::Unknown | Mark::Set { .. } => return Ok(Reading::Unsettled),
        };
        let (mut at, mut carry, mut chunk) = (self.offset, Vec::new(), vec![0; CHUNK]);
        while at < durable {
            let most = usize::try_from(durable - at).unwrap_or(usize::MAX).min(CHUNK);
            let read = match &self.open {
                Some((file, _)) => file.read_some(&mut chunk[..most], at)?,
                None => 0,
            };
            if read == 0 || look.record(self.kind)?.epoch != after.epoch {
                return Ok(Reading::Moved);
            }
            at += read as u64;
            let mut rest = &chunk[..read];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                if carry.is_empty() {
                    self.take(&rest[..end], kept)?;
                } else {
                    carry.extend_from_slice(&rest[..end]);
                    self.take(&carry, kept)?;
                    carry.clear();
                }
                rest = &rest[end + 1..];
            }
            carry.extend_from_slice(rest);
            if carry.len() > self.line_max() {
                return Err(self.damaged(format!("is longer than {} bytes", self.line_max())));
            }
        }
        Ok(Reading::Reached { all: after.mark == Mark::Clear && stat.size == self.offset })
    }

    /// The file and what is sealed before it, from its beginning.
    fn open_file(&self) -> Result<Option<Opened>, Stopped> {
        let root = self.path.parent().unwrap_or(Path::new(""));
        match segments::open(root, self.kind)? {
            Some(Opened { gap: Some(Gap { line, what }), stat, .. }) => {
                Err(Stopped::Damaged(Damage { line, offset: stat.size, what }))
            }
            found => Ok(found),
        }
    }

    fn line_max(&self) -> usize {
        match &self.link {
            Link::Whole(chain) => chain.line_max(),
            Link::Sealed(_) => LINE_MAX,
        }
    }

    /// What is wrong with the next line, in words that continue "line 3 …".
    pub(super) fn damage(&self, what: impl Into<String>) -> Damage {
        Damage { line: self.tree.size() + 1, offset: self.offset, what: what.into() }
    }

    fn damaged(&self, what: impl Into<String>) -> Stopped {
        Stopped::Damaged(self.damage(what))
    }

    fn take(&mut self, line: &[u8], kept: Option<&Checkpoint>) -> Result<(), Stopped> {
        let most = self.line_max();
        if line.len() > most {
            return Err(self.damaged(format!("is longer than {most} bytes")));
        }
        let sealed = match &mut self.link {
            Link::Sealed(head) => match ledger::verify(head, line) {
                Some(hash) => Some(hash),
                None => return Err(self.damaged("does not verify: it, or what stands before it, was altered")),
            },
            Link::Whole(chain) => {
                let fed = chain.feed(line);
                let begun = chain.end().is_some().then(|| chain.head());
                match fed {
                    Ok(Entry::Repaired(repaired)) if self.tree.size() == 0 => {
                        self.repaired = Some(repaired.damaged_sha256);
                    }
                    Ok(_) => {}
                    Err(what) => return Err(self.damaged(what)),
                }
                begun
            }
        };
        if let Some(hash) = sealed {
            self.link = Link::Sealed(hash);
        }
        self.tree.append_line(line);
        self.offset += line.len() as u64 + 1;
        let signed = kept.map_or(0, |kept| kept.size);
        for (tile, hashes) in self.tree.take_full() {
            if self.tree.size() > signed {
                self.put(tile, &hashes)?;
            } else if !self.is_stored(tile, &hashes) {
                self.rotten = true;
            }
        }
        if kept.is_some_and(|kept| kept.size == self.tree.size() && kept.root != self.tree.root()) {
            return Err(self.damaged(format!(
                "does not continue its last checkpoint: the first {signed} lines are not those that were signed"
            )));
        }
        Ok(())
    }

    fn is_stored(&self, tile: Tile, hashes: &[Sha256Digest]) -> bool {
        self.tiles.tile(tile).is_ok_and(|found| found == hashes)
    }

    /// What is there is left alone, unless it rotted.
    pub(super) fn put(&self, tile: Tile, hashes: &[Sha256Digest]) -> io::Result<()> {
        if self.is_stored(tile, hashes) { Ok(()) } else { self.tiles.put(tile, hashes) }
    }

    /// Notes where in the file the checkpoint ends, for whoever goes on. Not synced: it is not believed without a look.
    pub(super) fn note_position(&self, root: &Path) -> io::Result<()> {
        if position(root, self.kind) == Some((self.tree.size(), self.offset)) {
            return Ok(());
        }
        let disk = Disk::default();
        let path = log_dir(root, self.kind.name()).join(POSITION);
        let part = part_name(&path);
        disk.unlink(&part)?;
        let file = disk.create_new(&part)?;
        disk.fill(&file, format!("{} lines end at {}\n", self.tree.size(), self.offset).as_bytes())?;
        disk.rename(&part, &path)
    }
}

/// How many lines the last checkpoint covers and where they end, as it was noted. Whatever is not that is nothing.
pub(super) fn position(root: &Path, kind: FileKind) -> Option<(u64, u64)> {
    let (file, _) = disk::open(&log_dir(root, kind.name()).join(POSITION)).ok()??;
    let mut text = String::new();
    file.take(POSITION_MAX).read_to_string(&mut text).ok()?;
    let (lines, offset) = text.strip_suffix('\n')?.split_once(" lines end at ")?;
    Some((lines.parse().ok()?, offset.parse().ok()?))
}

/// The line of ours that ends at an offset, without its newline.
fn line_before(file: &dyn ReadAt, offset: u64) -> io::Result<Option<Vec<u8>>> {
    let bytes = read_range(file, offset.saturating_sub(LINE_MAX as u64 + 2), offset)?;
    let Some(line) = bytes.strip_suffix(b"\n") else { return Ok(None) };
    let begins = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let whole = begins > 0 || bytes.len() as u64 == offset;
    Ok(whole.then(|| line[begins..].to_vec()))
}

fn repaired_by_its_first_line(file: &dyn ReadAt, kind: FileKind) -> io::Result<Option<Sha256Digest>> {
    let bytes = read_range(file, 0, LINE_MAX as u64 + 1)?;
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    match Chain::new(kind).feed(&bytes[..end]) {
        Ok(Entry::Repaired(repaired)) => Ok(Some(repaired.damaged_sha256)),
        Ok(_) | Err(_) => Ok(None),
    }
}
