//! What is signed: how many lines a log has and their root, C2SP `tlog-checkpoint`.

use cortexpilot_core::domain::id::Sha256Digest;

use super::check::{CheckError, verify_consistency};
use super::hash::{digest_of_64, encode64};
use super::note::{Note, NoteError, NoteSigner, NoteVerifier, Signature};

/// The text of a checkpoint. Says what somebody claims; only a [`SignedCheckpoint`] says who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: its name, which no other log has. Also the name of the key that signs it.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// Their root.
    pub root: Sha256Digest,
}

/// Why something is not a checkpoint of the log it is taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not a note, or not signed by the log.
    #[error("the checkpoint {0}")]
    Note(#[from] NoteError),
    /// The signed text is not a checkpoint.
    #[error("the checkpoint's text is not a name, a size and a root")]
    Form,
    /// It is a checkpoint of another log.
    #[error("the checkpoint is of the log {found}, not of {wanted}")]
    Origin {
        /// The log that was asked for.
        wanted: String,
        /// The log that it is of.
        found: String,
    },
    /// The log was cut off or made anew since the older checkpoint was signed.
    #[error("the log of {new} lines does not continue the log of {old} lines that was signed before: {why}")]
    Inconsistent {
        /// Lines under the older checkpoint.
        old: u64,
        /// Lines under the newer one.
        new: u64,
        /// What does not fit.
        why: CheckError,
    },
}

impl Checkpoint {
    /// The text that is signed: three lines.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, encode64(self.root.as_bytes()))
    }

    /// Parses what [`text`](Self::text) writes and nothing else. Extension lines, which the specification advises against
    /// and nobody could check, are refused.
    ///
    /// # Errors
    /// [`CheckpointError::Form`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let parse = || {
            let mut lines = text.split('\n');
            let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
            let parsed = Self { origin: origin.to_owned(), size: size.parse().ok()?, root: digest_of_64(root)? };
            // Signs, leading zeros and further lines print differently.
            (!origin.is_empty() && parsed.text() == text).then_some(parsed)
        };
        parse().ok_or(CheckpointError::Form)
    }

    /// Whether this log continues an older one. An empty one is continued by every log.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`], [`CheckpointError::Inconsistent`].
    pub fn continues(&self, old: &Self, proof: &[Sha256Digest]) -> Result<(), CheckpointError> {
        if self.origin != old.origin {
            return Err(CheckpointError::Origin { wanted: old.origin.clone(), found: self.origin.clone() });
        }
        let result = if old.size == 0 {
            if proof.is_empty() { Ok(()) } else { Err(CheckError::Length) }
        } else {
            verify_consistency(old.size, &old.root, self.size, &self.root, proof)
        };
        result.map_err(|why| CheckpointError::Inconsistent { old: old.size, new: self.size, why })
    }
}

/// A checkpoint with the log's signature: either this process signed it, or the signature was verified. There is no third
/// way to have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
    /// The note as a file keeps it: every receipt under it carries that.
    text: String,
}

impl SignedCheckpoint {
    fn new(checkpoint: Checkpoint, note: Note) -> Self {
        let text = note.to_string();
        Self { checkpoint, note, text }
    }

    /// Signs that the log named like the key has this size and root, once it is shown that it continues what was signed
    /// before. A log that signs two checkpoints of which neither continues the other has been caught for good, so the last
    /// one must be at hand: `None` is for the first checkpoint alone.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] and [`CheckpointError::Inconsistent`]: the log is not what it was.
    pub fn sign(
        signer: &NoteSigner,
        size: u64,
        root: Sha256Digest,
        last: Option<(&Self, &[Sha256Digest])>,
    ) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint { origin: signer.name().to_owned(), size, root };
        if let Some((last, proof)) = last {
            checkpoint.continues(&last.checkpoint, proof)?;
        }
        let mut note = Note::new(checkpoint.text())?;
        note.sign(signer);
        Ok(Self::new(checkpoint, note))
    }

    /// Reads a checkpoint of the log that this key signs.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(bytes: &[u8], log: &NoteVerifier) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        note.verify(log)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != log.name() {
            return Err(CheckpointError::Origin { wanted: log.name().to_owned(), found: checkpoint.origin });
        }
        Ok(Self::new(checkpoint, note))
    }

    /// What is signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note with all its signatures.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The note as a file keeps it, which is what `Display` writes.
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// Adds a witness's signature line. It is carried along, not verified here.
    pub fn cosign(&mut self, signature: Signature) {
        self.note.cosign(signature);
        self.text = self.note.to_string();
    }
}

impl std::fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
