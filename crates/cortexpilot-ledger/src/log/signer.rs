//! Signing both files as they are: what `audit checkpoint` does once, and a serving process by the clock.
//!
//! Lines are read where they are durable, without the ledger's lock; that is taken only to settle what a writer that died
//! left behind. Whoever signs has the one turn ([`super::turn`]), looks at the last checkpoint under it, and signs nothing
//! that does not continue it. Tiles first, then the checkpoint, then the note of the place: who is killed between them
//! leaves the old checkpoint, tiles that serve it as well, and a note that is not believed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cortexpilot_core::domain::fold::State;

use super::anchor::{StoredLog, log_dir, missed, store_key, stored, stored_key};
use super::checkpoint::SignedCheckpoint;
use super::checkpoint_file::store_checkpoint;
use super::key::{AuditKey, load_audit_key};
use super::leaves::{Leaves, Reading, Stopped};
use super::proof::prove_consistency;
use super::record::{LogError, LogState, io_at, tree_of};
use super::tile_store::{DirTiles, TileNodes};
use super::turn::{NoTurn, SigningTurn};
use crate::chain::FileKind;
use crate::disk::Disk;
use crate::lock::{LOCK_NAME, LockFile, LockProblem};
use crate::marks::Marks;
use crate::settle;
use crate::tracked::Tracked;

/// How long signing waits for others that sign, and for processes that write.
const WAIT: Duration = Duration::from_secs(10);

/// How often the files are read again when they are cut or replaced meanwhile.
const ATTEMPTS: usize = 100;

/// Signs the logs of a runtime root, again and again: between two checkpoints it keeps the trees' right edges and reads
/// only what is new.
pub struct Signer {
    root: PathBuf,
    marks: Marks,
    read: [Option<Leaves>; 2],
    /// Whether it may go on from stored tiles.
    resumes: bool,
}

/// How much of what a writer has left is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What is durable now. The ledger's lock is taken only where nobody can say what that is.
    Durable,
    /// Everything that is there: what a writer that died left behind is settled first, under the ledger's lock.
    Everything,
}

/// What one reading of both files came to.
enum Both {
    Read(Vec<(Leaves, Option<StoredLog>)>),
    Unsettled,
    Moved,
}

impl Signer {
    /// Goes on where the last checkpoint ended, as far as its tiles lead to it. Touches nothing yet.
    pub fn new(root: &Path) -> Self {
        let marks = Marks::new(root.join(LOCK_NAME));
        Self { root: root.to_owned(), marks, read: [None, None], resumes: true }
    }

    /// Reads everything from the first line, and puts right what rotted in the tiles.
    pub fn from_the_first_line(root: &Path) -> Self {
        Self { resumes: false, ..Self::new(root) }
    }

    /// Signs both files, if they have grown since they were last signed.
    ///
    /// # Errors
    /// [`LogError`]; [`LogError::Damaged`] when a file does not continue its last checkpoint or a line does not verify: then
    /// neither file is signed.
    pub fn sign(&mut self, extent: Extent) -> Result<Vec<LogState>, LogError> {
        let signed = self.try_to_sign(extent);
        if signed.is_err() {
            // What was read may be ahead of what was stored.
            self.read = [None, None];
        }
        signed
    }

    fn try_to_sign(&mut self, extent: Extent) -> Result<Vec<LogState>, LogError> {
        let turn = SigningTurn::take(&self.root, WAIT).map_err(|problem| match problem {
            NoTurn::Busy(waited) => {
                LogError::Lock(format!("another process has been signing for {} s", waited.as_secs()))
            }
            NoTurn::Io(source) => LogError::Io { path: self.root.join(super::key::AUDIT_KEY), source },
        })?;
        let (Some(_turn), Some(key)) = (turn, load_audit_key(&self.root)?) else { return Err(LogError::NoKey) };
        let mut settled = false;
        for _ in 0..ATTEMPTS {
            match self.read_both(extent == Extent::Everything && !settled)? {
                // Nothing is signed before both are known to be sound.
                Both::Read(files) => return self.sign_both(&key, files),
                Both::Moved => {}
                Both::Unsettled => {
                    settle_both(&self.root)?;
                    settled = true;
                }
            }
        }
        Err(LogError::Lock("the files change faster than they can be read".to_owned()))
    }

    fn read_both(&mut self, everything: bool) -> Result<Both, LogError> {
        let mut files = Vec::new();
        for (slot, kind) in FileKind::ALL.into_iter().enumerate() {
            let name = kind.name();
            let failed = io_at(&self.root.join(name));
            let stored = stored(&self.root, name)?;
            let kept = stored.as_ref().map(|stored| stored.checkpoint.checkpoint());
            let mut leaves = match self.read[slot].take() {
                // An older checkpoint than this process has seen was put back: what it read says nothing about that.
                Some(read)
                    if kept.is_some_and(|kept| kept.size >= read.tree.size())
                        && read.still_there().map_err(&failed)? =>
                {
                    read
                }
                Some(_) | None => self.begin(kind, stored.as_ref()),
            };
            let reading = match leaves.read_on(&self.marks, kept) {
                Ok(reading) => reading,
                Err(Stopped::Io(source)) => return Err(failed(source)),
                Err(Stopped::Damaged(damage)) => return Err(LogError::Damaged { file: name, damage }),
            };
            let Reading::Reached { all } = reading else {
                return Ok(if reading == Reading::Moved { Both::Moved } else { Both::Unsettled });
            };
            if everything && !all {
                return Ok(Both::Unsettled);
            }
            let lines = leaves.tree.size();
            if let Some(kept) = kept.filter(|kept| kept.size > lines) {
                if !all {
                    // It may be there, and not known to be durable.
                    return Ok(Both::Unsettled);
                }
                let damage = leaves.damage(missed(kept.size, name, lines));
                return Err(LogError::Damaged { file: name, damage });
            }
            files.push((leaves, stored));
        }
        Ok(Both::Read(files))
    }

    fn begin(&self, kind: FileKind, stored: Option<&StoredLog>) -> Leaves {
        let resumed = stored.filter(|_| self.resumes);
        let resumed = resumed.and_then(|stored| Leaves::from_the_last_checkpoint(&self.root, kind, stored));
        resumed.unwrap_or_else(|| Leaves::from_the_first_line(&self.root, kind))
    }

    fn sign_both(
        &mut self,
        key: &AuditKey,
        files: Vec<(Leaves, Option<StoredLog>)>,
    ) -> Result<Vec<LogState>, LogError> {
        let mut states = Vec::new();
        for (slot, (mut leaves, last)) in files.into_iter().enumerate() {
            states.push(sign_one(&self.root, key, &leaves, last)?);
            leaves.rotten = false;
            self.read[slot] = Some(leaves);
        }
        Ok(states)
    }
}

fn sign_one(root: &Path, key: &AuditKey, leaves: &Leaves, last: Option<StoredLog>) -> Result<LogState, LogError> {
    let name = leaves.kind.name();
    let dir = log_dir(root, name);
    let failed = io_at(&dir);
    let signer = key.signer(name, leaves.repaired.as_ref());
    let verifier = signer.verifier();
    match stored_key(&dir)? {
        Some(was) if was != verifier => {
            return Err(LogError::OtherKey { file: name, was: was.to_string(), now: verifier.to_string() });
        }
        Some(_) => {}
        None => store_key(&dir, &verifier).map_err(&failed)?,
    }
    let tree = &leaves.tree;
    if leaves.rotten {
        tree_of(root, leaves.kind, tree.size(), &mut |tile, hashes| leaves.put(tile, hashes))?;
    }
    for (tile, hashes) in tree.partial() {
        leaves.put(tile, hashes).map_err(&failed)?;
    }
    let before = last.as_ref().map(|last| last.checkpoint.checkpoint().size);
    let is_last = |last: &StoredLog| {
        let last = last.checkpoint.checkpoint();
        last.size == tree.size() && last.root == tree.root()
    };
    let checkpoint = match last {
        Some(last) if is_last(&last) => last.checkpoint,
        last => {
            let signed = match &last {
                Some(last) => {
                    let old = last.checkpoint.checkpoint().size;
                    let nodes = TileNodes::new(DirTiles::new(&dir), tree.size());
                    let proof = if old == 0 { Vec::new() } else { prove_consistency(&nodes, old, tree.size())? };
                    SignedCheckpoint::sign(&signer, tree.size(), tree.root(), Some((&last.checkpoint, &proof)))?
                }
                None => SignedCheckpoint::sign(&signer, tree.size(), tree.root(), None)?,
            };
            store_checkpoint(&dir, &signed).map_err(&failed)?;
            signed
        }
    };
    leaves.note_position(root).map_err(&failed)?;
    Ok(LogState { file: name, stored: StoredLog { key: verifier, checkpoint }, before })
}

/// Makes every line that is there durable, and deals with what a writer that died left behind. What is durable already is
/// read before the lock is taken, so that it is held for the rest alone.
fn settle_both(root: &Path) -> Result<(), LogError> {
    let locked = |problem| match problem {
        LockProblem::Io(path, source) => LogError::Io { path, source },
        LockProblem::Busy(..) | LockProblem::DoesNotLock(_) => LogError::Lock(problem.to_string()),
    };
    let disk = Disk::default();
    let marks = Marks::new(root.join(LOCK_NAME));
    let mut state = State::default();
    let mut files = FileKind::ALL.map(|kind| Tracked::unfolded(root, kind));
    for file in &mut files {
        // Where it cannot be read without the lock, it is read under it.
        let _: io::Result<()> = file.catch_up(&marks, &mut state);
    }
    let held = LockFile::open(root, WAIT, disk.clone()).and_then(|mut lock| lock.acquire()).map_err(locked)?;
    held.prove(root).map_err(locked)?;
    for file in &mut files {
        let failed = io_at(&root.join(file.kind.name()));
        let found = settle::read_on(&held, file, &mut state).map_err(&failed)?;
        if let Some(unsettled) = found.unsettled {
            settle::make_durable(&held, &disk, file, &mut state, unsettled).map_err(&failed)?;
        }
        if let Some(damage) = file.damage.take() {
            return Err(LogError::Damaged { file: file.kind.name(), damage });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use cortexpilot_core::domain::id::Sha256Digest;
    use cortexpilot_core::domain::ledger;
    use cortexpilot_core::port::fake::SeqIds;

    use super::super::key::init_audit_key;
    use super::*;
    use crate::marks::{self, Mark, Record};

    fn sealed(prev: &Sha256Digest) -> (Vec<u8>, Sha256Digest) {
        let (line, hash) = ledger::seal(prev, "{\"event\": \"X\", \"ts\": \"2026-01-01T00:00:00Z\"");
        (format!("{line}\n").into_bytes(), hash)
    }

    #[test]
    fn a_line_that_is_not_known_to_be_durable_is_not_signed_until_somebody_settles_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let (first, head) = sealed(&Sha256Digest::ZERO);
        let (second, _) = sealed(&head);
        std::fs::write(root.join("decisions.jsonl"), [&first[..], &second].concat()).unwrap();
        let lock = File::create(root.join(LOCK_NAME)).unwrap();
        let mark = |kind, mark| marks::write(&Disk::default(), &lock, kind, Record { mark, epoch: 1 }).unwrap();
        mark(FileKind::Queue, Mark::Clear);
        let in_doubt = Mark::Set { from: first.len() as u64, upto: (first.len() + second.len()) as u64 };
        mark(FileKind::Decisions, in_doubt);
        init_audit_key(root, Some("test.example/log"), &SeqIds::default()).unwrap();
        let size = |states: Vec<LogState>| states[1].stored.checkpoint.checkpoint().size;

        let mut signer = Signer::new(root);
        assert_eq!(size(signer.sign(Extent::Durable).unwrap()), 1);
        assert_eq!(size(signer.sign(Extent::Everything).unwrap()), 2, "settled under the lock first");
        let settled = File::open(root.join(LOCK_NAME)).unwrap();
        assert_eq!(marks::read(&settled, FileKind::Decisions).unwrap().unwrap().mark, Mark::Clear);

        // After a power failure an old mark may stand there again, before what was durable and signed by then.
        mark(FileKind::Decisions, in_doubt);
        assert_eq!(size(Signer::from_the_first_line(root).sign(Extent::Durable).unwrap()), 2, "settled, and no damage");
    }
}
