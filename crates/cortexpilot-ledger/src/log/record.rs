//! The log of a runtime root: signing it, proving from it, and holding it against what was kept elsewhere. Nothing here is
//! on the way of a commit.

use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::queue::QueueEvent;

use super::anchor::{StoredLog, log_dir, stored};
use super::bundle::{BundleError, BundleLine, BundleWriter, Section};
use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::checkpoint_file::CheckpointFileError;
use super::grow::LogTree;
use super::hash::leaf_hash;
use super::key::{AuditKeyError, load_audit_key};
use super::proof::ProofError;
use super::prover::Prover;
use super::receipt::{Receipt, ReceiptError};
use super::signer::{Extent, Signer};
use super::tile::Tile;
use super::tile_store::{DirTiles, MemTiles, TileNodes};
use crate::chain::{Chain, Entry, FileKind, LEGACY_LINE_MAX};
use crate::disk::ReadFrom;
use crate::segments::{self, Gap};
use crate::tracked::Damage;

/// Why something of the log cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Nobody has made the key that signs.
    #[error("there is no key that signs checkpoints")]
    NoKey,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] AuditKeyError),
    /// The key is not the one that signed before.
    #[error("the log of {file} was signed by {was}, and the key here is {now}")]
    OtherKey {
        /// The file.
        file: &'static str,
        /// The public key beside the log.
        was: String,
        /// That of the key file.
        now: String,
    },
    /// The lock cannot be had.
    #[error("{0}")]
    Lock(String),
    /// Something cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not what was written, or the file does not continue its last checkpoint.
    #[error("{file}: line {line} {what}", line = .damage.line, what = .damage.what)]
    Damaged {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Whoever writes here holds the ledger for damaged.
    #[error("the ledger is damaged: {0}")]
    Unsound(String),
    /// The last checkpoint cannot be had.
    #[error(transparent)]
    Stored(#[from] CheckpointFileError),
    /// None was made yet.
    #[error("there is no checkpoint of {0} yet")]
    NoCheckpoint(&'static str),
    /// The line is newer than the last checkpoint, or there is no such line.
    #[error("line {index} (the first is 0) is not under the last checkpoint, which covers {size} lines")]
    NotCovered {
        /// The line that was asked for.
        index: u64,
        /// Lines under the checkpoint.
        size: u64,
    },
    /// The queue's ledger has no such item.
    #[error("there is no queue item {0}")]
    NoItem(String),
    /// It would not continue what was signed before.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There is no proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The lines do not lead to the checkpoint.
    #[error("the receipt {0}")]
    Receipt(#[from] ReceiptError),
    /// The lines are not those that were signed, or the bundle cannot be written.
    #[error("the bundle: {0}")]
    Bundle(#[from] BundleError),
}

pub(super) fn io_at(path: &Path) -> impl Fn(io::Error) -> LogError + use<> {
    let path = path.to_owned();
    move |source| LogError::Io { path: path.clone(), source }
}

/// One file's log as it was signed.
#[derive(Debug, Clone)]
pub struct LogState {
    /// The file's name in the runtime root.
    pub file: &'static str,
    /// Its last checkpoint and its key.
    pub stored: StoredLog,
    /// How many lines the checkpoint before it covered; `None` when it is the first.
    pub before: Option<u64>,
}

/// Signs both files as they are now, once, reading them from their first lines. What a writer that died left behind is
/// settled under the ledger's lock; otherwise nobody who writes waits for this.
///
/// # Errors
/// [`LogError`]; [`LogError::Damaged`] when a file does not continue its last checkpoint, and nothing is signed.
pub fn checkpoint(root: &Path) -> Result<Vec<LogState>, LogError> {
    Signer::from_the_first_line(root).sign(Extent::Everything)
}

/// Takes a line and its index; `false` when it has seen enough.
pub(super) type Visit<'a> = dyn FnMut(u64, &[u8]) -> Result<bool, LogError> + 'a;

type KeepTile<'a> = dyn FnMut(Tile, &[cortexpilot_core::domain::id::Sha256Digest]) -> io::Result<()> + 'a;

/// The tree of the first `size` lines, in bounded memory, and each of its tiles.
pub(super) fn tree_of(root: &Path, kind: FileKind, size: u64, keep: &mut KeepTile<'_>) -> Result<LogTree, LogError> {
    let failed = io_at(&log_dir(root, kind.name()));
    let mut tree = LogTree::new();
    if size > 0 {
        each(root, kind, &mut |index, line| {
            tree.append_line(line);
            for (tile, hashes) in tree.take_full() {
                keep(tile, &hashes).map_err(&failed)?;
            }
            Ok(index + 1 < size)
        })?;
    }
    for (tile, hashes) in tree.partial() {
        keep(tile, hashes).map_err(&failed)?;
    }
    Ok(tree)
}

/// Shows each complete line of a file, with its index, until `visit` has seen enough. A file that is not there has none.
pub(super) fn each(root: &Path, kind: FileKind, visit: &mut Visit<'_>) -> Result<(), LogError> {
    let path = root.join(kind.name());
    let failed = io_at(&path);
    let Some(opened) = segments::open(root, kind).map_err(&failed)? else { return Ok(()) };
    let mut reader =
        BufReader::with_capacity(256 * 1024, ReadFrom { file: &opened.joined, at: 0 }.take(opened.stat.size));
    let mut line = Vec::new();
    for index in 0.. {
        line.clear();
        reader.by_ref().take(LEGACY_LINE_MAX as u64 + 2).read_until(b'\n', &mut line).map_err(&failed)?;
        let Some(line) = line.strip_suffix(b"\n") else { break };
        if !visit(index, line)? {
            return Ok(());
        }
    }
    match opened.gap {
        Some(Gap { line, what }) => {
            let damage = Damage { line, offset: opened.stat.size, what };
            Err(LogError::Damaged { file: kind.name(), damage })
        }
        None => Ok(()),
    }
}

/// What is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The line that queued this item.
    Item(&'a str),
    /// A line of `queue.jsonl`; the first is 0.
    Line(u64),
    /// A line of `decisions.jsonl`; the first is 0.
    Decision(u64),
}

/// A line and its receipt.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The file that it stands in.
    pub file: &'static str,
    /// The line, without its newline.
    pub line: Vec<u8>,
    /// That it is under the last checkpoint.
    pub receipt: Receipt,
    /// The stored tiles led to it. Otherwise they are gone or wrong, and the lines had to be asked.
    pub tiles_served: bool,
}

/// Proves that a line is under the last checkpoint. Writes nothing and takes no lock.
///
/// # Errors
/// [`LogError`]; [`LogError::NotCovered`] when the line is newer than the last checkpoint.
pub fn prove(root: &Path, subject: Subject<'_>) -> Result<Proven, LogError> {
    let kind = match subject {
        Subject::Item(_) | Subject::Line(_) => FileKind::Queue,
        Subject::Decision(_) => FileKind::Decisions,
    };
    let name = kind.name();
    let StoredLog { checkpoint, .. } = stored(root, name)?.ok_or(LogError::NoCheckpoint(name))?;
    let size = checkpoint.checkpoint().size;
    let (index, line) = match subject {
        Subject::Item(id) => find_item(root, id)?,
        Subject::Line(index) | Subject::Decision(index) if index < size => find_line(root, kind, index)?,
        Subject::Line(index) | Subject::Decision(index) => return Err(LogError::NotCovered { index, size }),
    };
    if index >= size {
        return Err(LogError::NotCovered { index, size });
    }
    receipt_at(root, kind, &checkpoint, (index, line), &mut KeptNodes::default())
}

/// The stored nodes of both logs, kept between receipts under one checkpoint: finding and hashing a tile costs more than all
/// the rest of a receipt. A node that is wrong leads to no receipt, kept or not.
#[derive(Default)]
pub(super) struct KeptNodes {
    queue: Option<Prover<TileNodes<DirTiles>>>,
    decisions: Option<Prover<TileNodes<DirTiles>>>,
}

impl KeptNodes {
    fn of(&mut self, kind: FileKind) -> &mut Option<Prover<TileNodes<DirTiles>>> {
        match kind {
            FileKind::Queue => &mut self.queue,
            FileKind::Decisions => &mut self.decisions,
        }
    }

    /// Those under this checkpoint; under another one, and where they led to no receipt, they are read again.
    fn under(&mut self, checkpoint: &SignedCheckpoint, root: &Path, kind: FileKind) -> &Prover<TileNodes<DirTiles>> {
        let kept = self.of(kind).take().filter(|kept| kept.checkpoint() == checkpoint);
        let read = || {
            let tiles = DirTiles::new(log_dir(root, kind.name()));
            Prover::new(TileNodes::new(tiles, checkpoint.checkpoint().size), checkpoint.clone())
        };
        self.of(kind).insert(kept.unwrap_or_else(read))
    }
}

/// Proves that a line, given with its index, is under a checkpoint that covers it.
pub(super) fn receipt_at(
    root: &Path,
    kind: FileKind,
    checkpoint: &SignedCheckpoint,
    (index, line): (u64, Vec<u8>),
    nodes: &mut KeptNodes,
) -> Result<Proven, LogError> {
    let leaf = leaf_hash(&line);
    let from_tiles = nodes.under(checkpoint, root, kind).receipt(index, leaf);
    let tiles_served = from_tiles.is_ok();
    let receipt = match from_tiles {
        Ok(receipt) => receipt,
        // Tiles are derived: where they are gone or wrong, the lines are asked.
        Err(_) => {
            *nodes.of(kind) = None;
            let size = checkpoint.checkpoint().size;
            let mut tiles = MemTiles::new();
            tree_of(root, kind, size, &mut |tile, hashes| {
                tiles.put(tile, hashes.to_vec());
                Ok(())
            })?;
            Prover::new(TileNodes::new(&tiles, size), checkpoint.clone()).receipt(index, leaf)?
        }
    };
    Ok(Proven { file: kind.name(), line, receipt, tiles_served })
}

fn find_line(root: &Path, kind: FileKind, wanted: u64) -> Result<(u64, Vec<u8>), LogError> {
    let mut found = None;
    each(root, kind, &mut |index, line| {
        if index == wanted {
            found = Some((index, line.to_vec()));
        }
        Ok(found.is_none())
    })?;
    let gone = || io::Error::new(io::ErrorKind::UnexpectedEof, "has fewer lines than its last checkpoint");
    found.ok_or_else(|| io_at(&root.join(kind.name()))(gone()))
}

fn find_item(root: &Path, id: &str) -> Result<(u64, Vec<u8>), LogError> {
    let mut found = None;
    let mut chain = Chain::new(FileKind::Queue);
    each(root, FileKind::Queue, &mut |index, line| {
        let entry = chain.feed(line).map_err(|what| LogError::Damaged {
            file: FileKind::Queue.name(),
            damage: Damage { line: index + 1, offset: chain.offset, what },
        })?;
        if let Entry::Event(QueueEvent::Enqueued(event), _) = entry
            && event.queue_id.as_str() == id
        {
            found = Some((index, line.to_vec()));
        }
        Ok(found.is_none())
    })?;
    found.ok_or_else(|| LogError::NoItem(id.to_owned()))
}

/// The last checkpoints of both files, `queue.jsonl` first; `None` where none was made.
///
/// # Errors
/// [`LogError::Stored`] when there is one that does not verify.
pub fn stored_logs(root: &Path) -> Result<Vec<(&'static str, Option<StoredLog>)>, LogError> {
    FileKind::ALL.into_iter().map(|kind| Ok((kind.name(), stored(root, kind.name())?))).collect()
}

/// Writes every line under the last checkpoints, with these and the public keys, as one bundle.
///
/// # Errors
/// [`LogError`]; [`LogError::NoCheckpoint`] when one of the files has none.
pub fn export<W: Write>(root: &Path, out: W) -> Result<(W, Vec<LogState>), LogError> {
    let mut writer = BundleWriter::new(out);
    let mut states = Vec::new();
    for kind in FileKind::ALL {
        let stored = stored(root, kind.name())?.ok_or(LogError::NoCheckpoint(kind.name()))?;
        let size = stored.checkpoint.checkpoint().size;
        writer.section(&Section { key: &stored.key, checkpoint: &stored.checkpoint, since: None, some: None })?;
        if size > 0 {
            each(root, kind, &mut |index, line| {
                writer.line(&BundleLine { index, line, inclusion: &[] })?;
                Ok(index + 1 < size)
            })?;
        }
        states.push(LogState { file: kind.name(), stored, before: None });
    }
    Ok((writer.finish()?, states))
}

/// A checkpoint that was kept elsewhere, held against the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Why the ledger does not continue it; `None` when it does.
    pub problem: Option<String>,
}

/// Holds checkpoints that were kept elsewhere, one behind the other as `audit checkpoint` prints them, against the files.
/// With `keys`, each must be signed by one of these; without, by the key that stands in the root.
///
/// # Errors
/// [`LogError::Checkpoint`] when the bytes are not checkpoints; [`LogError::Io`].
pub fn continues_kept(root: &Path, kept: &[u8], keys: &[super::note::NoteVerifier]) -> Result<Vec<Kept>, LogError> {
    let own = load_audit_key(root).ok().flatten().map(|key| key.signer(FileKind::Queue.name(), None).verifier());
    let of_logs = stored_logs(root).unwrap_or_default().into_iter().filter_map(|(_, stored)| Some(stored?.key));
    let trusted: Vec<_> = if keys.is_empty() { own.into_iter().chain(of_logs).collect() } else { keys.to_vec() };
    let mut found = Vec::new();
    for note in notes(kept) {
        let text = super::note::Note::parse(&note).map_err(CheckpointError::from)?;
        let checkpoint = Checkpoint::parse(text.text())?;
        let key = trusted.iter().find_map(|key| key.vouching_for(&checkpoint.origin));
        let problem = match key.map(|key| SignedCheckpoint::open(&note, &key)) {
            None => Some("no key that is trusted here signs under its name".to_owned()),
            Some(Err(error)) => Some(error.to_string()),
            Some(Ok(_)) => held_against(root, &checkpoint)?,
        };
        found.push(Kept { checkpoint, problem });
    }
    if found.is_empty() {
        return Err(CheckpointError::Form.into());
    }
    Ok(found)
}

fn held_against(root: &Path, kept: &Checkpoint) -> Result<Option<String>, LogError> {
    let Some((_, file, after)) = super::note::parts_of_origin(&kept.origin) else {
        return Ok(Some("its name is not that of a file of a ledger".to_owned()));
    };
    let Some(kind) = FileKind::ALL.into_iter().find(|kind| kind.name() == file) else {
        return Ok(Some("its name is not that of a file of a ledger".to_owned()));
    };
    let mut lines = 0;
    let mut frontier = super::tree::Frontier::new();
    let mut is_after = String::new();
    each(root, kind, &mut |index, line| {
        if index == 0
            && let Ok(Entry::Repaired(repaired)) = Chain::new(kind).feed(line)
        {
            is_after = format!("/after-{}", &repaired.damaged_sha256.to_string()[..12]);
        }
        if index < kept.size {
            frontier.append(leaf_hash(line));
        }
        lines = index + 1;
        Ok(lines < kept.size)
    })?;
    Ok(if is_after != after {
        Some(format!("{file} is another log since it was repaired, and was not that one: compare the kept file"))
    } else if lines < kept.size {
        Some(format!("{file} has {lines} lines and had {} when it was signed: it was cut back", kept.size))
    } else if frontier.root() != kept.root {
        Some(format!("the first {} lines of {file} are not those that were signed", kept.size))
    } else {
        None
    })
}

/// Checkpoints one behind the other: each ends with its signatures, which begin with a dash.
fn notes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut notes: Vec<Vec<u8>> = Vec::new();
    let mut signed = true;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let is_signature = line.starts_with("\u{2014} ".as_bytes());
        if signed && !is_signature {
            notes.push(Vec::new());
        }
        signed = is_signature;
        if let Some(note) = notes.last_mut() {
            note.extend_from_slice(line);
        }
    }
    notes
}
