//! Receipts: proofs that a line is under a signed checkpoint, for whoever asks for one beside an acknowledgement.
//!
//! A receipt is never on the way of a commit: the line is durable and acknowledged whether or not it can be proven yet.

use jiff::Timestamp;

use super::BoxFuture;
use super::lines::LedgerFile;
use crate::domain::approval::ApprovalId;
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::token::TokenId;

/// What the member `format` of a receipt says.
pub const RECEIPT_FORMAT: &str = "cortexpilot-receipt/1";

/// Which line is to be proven: what it did, rather than where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineOf {
    /// The line that queued the item.
    Enqueued(QueueItemId),
    /// The line that cancelled it.
    Cancelled(QueueItemId),
    /// The line of its last claim.
    Claimed(QueueItemId),
    /// The line that finished it.
    Completed(QueueItemId),
    /// The last line after which it waited for an operator.
    Held(QueueItemId),
    /// The last line after which it waited again.
    Requeued(QueueItemId),
    /// The line of its deadline.
    Expired(QueueItemId),
    /// The last line that asked its run to end.
    StopRequested(QueueItemId),
    /// The last decision about a request: that it was asked, joined, approved in part, rejected, or expired. The last yes
    /// that is needed is no decision line; it is the item's [`LineOf::Enqueued`].
    Request(ApprovalId),
    /// The last freeze.
    Frozen,
    /// The last end of a freeze.
    Unfrozen,
    /// The last pause.
    Paused,
    /// The last end of a pause.
    Resumed,
    /// The last time that the policy floor was set, or a lower one proposed.
    Policy,
    /// The last line about a personal token.
    Token(TokenId),
}

/// A receipt. Its form outside is documented in `docs/reference/receipts.md`. It holds hashes and a signature, and nothing
/// that the line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptDocument {
    /// The line's place in its file; the first is 0.
    pub index: u64,
    /// The line's hash as a leaf.
    pub leaf_hash: Sha256Digest,
    /// The hashes that lead from the leaf to the checkpoint's root, the leaf's sibling first.
    pub inclusion: Vec<Sha256Digest>,
    /// The signed checkpoint, as text.
    pub checkpoint: String,
}

/// Why there is no receipt. Whatever it is, the line itself stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReceipt {
    /// Nobody has made the key that signs.
    #[error("there is no key that signs")]
    NoKey,
    /// No line of that kind is there to be proven.
    #[error("there is no such line")]
    NoLine,
    /// The line is newer than the last checkpoint.
    #[error("the line is newer than the last checkpoint")]
    NotCovered {
        /// After how many seconds the next one is due; `None` where none is signed by the clock.
        retry_after_s: Option<u32>,
    },
    /// It could not be signed or proven. The text is for logs.
    #[error("{0}")]
    Failed(String),
}

/// How the signed log of this process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// Nothing was tried yet.
    Waiting,
    /// Nobody has made the key that signs: nothing is signed, and nothing is wrong.
    NoKey,
    /// The last try signed, or found nothing new.
    Signed,
    /// The last try failed. The log says why.
    Failing,
}

impl Signing {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::NoKey => "no_key",
            Self::Signed => "signed",
            Self::Failing => "failing",
        }
    }
}

/// The signed log as this process last left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningHealth {
    /// In one word.
    pub signing: Signing,
    /// Seconds between two checkpoints by the clock; `None` where the clock signs none.
    pub every_s: Option<u32>,
    /// Lines of the queue's file under the last checkpoint that this process signed or found.
    pub queue_lines: u64,
    /// The same of the decisions.
    pub decision_lines: u64,
    /// When this process last signed, or found that nothing was new.
    pub at: Option<Timestamp>,
    /// How often signing has failed since the process started.
    pub failures: u64,
}

/// The last signed checkpoint of one of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointDocument {
    /// Of which file.
    pub file: LedgerFile,
    /// The log's name, which is also the name of the key that signs it.
    pub origin: String,
    /// How many lines it covers.
    pub size: u64,
    /// The root of the tree over these lines.
    pub root: Sha256Digest,
    /// The public key that it verifies with, as text.
    pub key: String,
    /// When it was signed, as far as its file tells.
    pub signed_at: Option<Timestamp>,
    /// The signed note, with its newlines.
    pub note: String,
}

/// Whoever can prove lines.
pub trait Receipts: Send + Sync {
    /// Proves the line, after signing a checkpoint if the last one does not cover it. To be asked once the line is
    /// acknowledged. Whoever stops waiting loses nothing but the answer.
    ///
    /// # Errors
    /// [`NoReceipt`].
    fn fresh(&self, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>>;
    /// Proves the line under the last checkpoint. Signs nothing and writes nothing.
    ///
    /// # Errors
    /// [`NoReceipt`].
    fn kept(&self, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>>;
    /// The last checkpoint of each file that was ever signed, the queue's first. Signs nothing and writes nothing.
    ///
    /// # Errors
    /// [`NoReceipt::Failed`] when one is there that does not verify, or cannot be read.
    fn checkpoints(&self) -> BoxFuture<'_, Result<Vec<CheckpointDocument>, NoReceipt>>;
    /// How signing stands.
    fn health(&self) -> SigningHealth;
}
