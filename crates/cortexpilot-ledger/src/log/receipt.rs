//! What a caller keeps of an acknowledged line: enough to show later, to anybody, that the line is in the log.

use std::fmt::Write as _;

use cortexpilot_core::domain::id::Sha256Digest;
use serde::Deserialize;

use super::check::{CheckError, verify_inclusion};
use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::hash::{encode64, leaf_hash};
use super::note::{Note, NoteVerifier};

pub use cortexpilot_core::port::receipts::RECEIPT_FORMAT;

/// One line's place in the log, and the proof. Documented with a verifier in `docs/reference/receipts.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The line's place; the first line is 0.
    pub index: u64,
    /// The hash of the line's bytes, without newline, as a leaf.
    pub leaf: Sha256Digest,
    /// The hashes that lead from the leaf to the checkpoint's root, the leaf's sibling first.
    pub inclusion: Vec<Sha256Digest>,
    /// The checkpoint, a signed note, as text.
    pub checkpoint: String,
}

/// Why a receipt shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is not a receipt.
    #[error("is not a receipt: {0}")]
    Form(String),
    /// The line is not the one that the receipt was given for.
    #[error("is a receipt for another line")]
    OtherLine,
    /// The checkpoint is not one of the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The line is not under the checkpoint.
    #[error("does not lead to its checkpoint: {0}")]
    Proof(#[from] CheckError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    index: u64,
    leaf_hash: String,
    inclusion: Vec<String>,
    checkpoint: String,
}

impl Receipt {
    /// Makes a receipt, after verifying it: a wrong hash in a tile must not leave the house.
    ///
    /// # Errors
    /// [`ReceiptError::Proof`]: the stored hashes must be made anew from the lines.
    pub fn new(
        index: u64,
        leaf: Sha256Digest,
        inclusion: Vec<Sha256Digest>,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Self, ReceiptError> {
        let receipt = Self { index, leaf, inclusion, checkpoint: checkpoint.as_text().to_owned() };
        receipt.lead_to(checkpoint.checkpoint())?;
        Ok(receipt)
    }

    /// Verifies everything: the log's signature, the line, and that the line is under the checkpoint.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify(&self, line: &[u8], log: &NoteVerifier) -> Result<SignedCheckpoint, ReceiptError> {
        if leaf_hash(line) != self.leaf {
            return Err(ReceiptError::OtherLine);
        }
        self.verify_leaf(log)
    }

    /// Verifies all but the line itself, which is known by its hash: the log's signature, and that a line of that hash is
    /// under the checkpoint.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify_leaf(&self, log: &NoteVerifier) -> Result<SignedCheckpoint, ReceiptError> {
        let signed = SignedCheckpoint::open(self.checkpoint.as_bytes(), log)?;
        self.lead_to(signed.checkpoint())?;
        Ok(signed)
    }

    fn lead_to(&self, checkpoint: &Checkpoint) -> Result<(), CheckError> {
        verify_inclusion(&self.leaf, self.index, checkpoint.size, &self.inclusion, &checkpoint.root)
    }

    /// As JSON, in one line. Hashes in hexadecimal, like all others of ours; the checkpoint as it is.
    pub fn to_json(&self) -> String {
        let Self { index, leaf, inclusion, checkpoint } = self;
        // Two digits a byte, quotes and a comma for each hash, and the rest. Grown step by step it would be copied each time.
        let mut json = String::with_capacity(inclusion.len() * 67 + checkpoint.len() + 256);
        let mut digits = [0; 64];
        // Writing to a string cannot fail.
        let _ = write!(json, "{{\"format\":\"{RECEIPT_FORMAT}\",\"index\":{index},\"leaf_hash\":\"");
        json.push_str(leaf.digits_text(&mut digits));
        json.push_str("\",\"inclusion\":[");
        for (at, hash) in inclusion.iter().enumerate() {
            json.push_str(if at == 0 { "\"" } else { ",\"" });
            json.push_str(hash.digits_text(&mut digits));
            json.push('"');
        }
        json.push_str("],\"checkpoint\":");
        json.push_str(&serde_json::to_string(checkpoint).expect("invariant: a string can always be written as JSON"));
        json.push('}');
        json
    }

    /// Parses what [`to_json`](Self::to_json) writes. Verifies nothing.
    ///
    /// # Errors
    /// [`ReceiptError::Form`].
    pub fn parse(json: &[u8]) -> Result<Self, ReceiptError> {
        let wire: Wire = serde_json::from_slice(json).map_err(|error| ReceiptError::Form(error.to_string()))?;
        if wire.format != RECEIPT_FORMAT {
            return Err(ReceiptError::Form(format!("its format is {:?}, not {RECEIPT_FORMAT:?}", wire.format)));
        }
        let inclusion = wire.inclusion.iter().map(|hash| digest(hash)).collect::<Result<_, _>>()?;
        Ok(Self { index: wire.index, leaf: digest(&wire.leaf_hash)?, inclusion, checkpoint: wire.checkpoint })
    }

    /// The same as C2SP `tlog-proof`, for programs that know that form.
    ///
    /// # Errors
    /// [`ReceiptError::Checkpoint`] when the checkpoint is no note, whose end the form could not tell from its own.
    pub fn to_tlog_proof(&self) -> Result<String, ReceiptError> {
        let checkpoint = Note::parse(self.checkpoint.as_bytes()).map_err(CheckpointError::from)?;
        let mut text = format!("c2sp.org/tlog-proof@v1\nindex {}\n", self.index);
        for hash in &self.inclusion {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", encode64(hash.as_bytes()));
        }
        let _ = write!(text, "\n{checkpoint}");
        Ok(text)
    }
}

pub(crate) fn digest(hash: &str) -> Result<Sha256Digest, ReceiptError> {
    // Lower-case digits alone, so that a receipt has one spelling.
    let parsed = Sha256Digest::parse(hash).filter(|parsed| parsed.to_string() == hash);
    parsed.ok_or_else(|| ReceiptError::Form(format!("{hash:?} is not 64 lower-case hexadecimal digits")))
}
