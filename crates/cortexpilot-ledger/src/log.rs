//! The Merkle log of record: a tree over the raw bytes of the ledger's lines, whose root a checkpoint signs.
//!
//! The chain in the lines shows that nothing between two heads was changed. It cannot show that the end was cut off or
//! that the whole was made anew, and to check one line against it one needs all lines. The tree closes both gaps: who
//! keeps a signed checkpoint of a few lines can later demand a proof that a line is under it (*inclusion*) and that a
//! newer checkpoint continues it (*consistency*), each of some twenty hashes.
//!
//! Reading order: `hash` and `tree` (what is hashed, and how the tree grows), `proof` and `check` (making and verifying),
//! `tile` and `tile_store` (where hashes are kept), `grow` (lines in, tiles and receipts out), `note`, `key`, `checkpoint`,
//! `checkpoint_file` (what is signed), `receipt`, `prover` and `bundle` (what is handed out), `anchor` and `record` (a runtime root's
//! logs), `turn`, `leaves`, `signer`, `seek` and `keeper` (signing while others write, by the clock and for who asks). All
//! up to `bundle` but `tile_store`, `checkpoint_file` and `key` is pure.
//!
//! Sources of the formats: RFC 6962 §2.1 (tree and proofs), RFC 9162 §2.1.3.2 and §2.1.4.2 (verification), and the C2SP
//! specifications `tlog-tiles`, `tlog-checkpoint`, `signed-note` and `tlog-proof`. A leaf is one line of the file without
//! its newline, whatever it says: lines of the original and blank lines too. Why the code is ours and the signature
//! scheme is not: `docs/adr/0012-merkle-log-of-record.md`. For people who verify: `docs/reference/receipts.md`.

mod check;
mod grow;
mod hash;
mod proof;
mod tile;
mod tile_store;
mod tree;

mod anchor;
mod checkpoint;
mod checkpoint_file;
mod key;
mod note;

mod bundle;
mod prover;
mod receipt;
mod record;

mod keeper;
mod leaves;
mod seek;
mod signer;
mod turn;

pub(crate) use anchor::{Anchor, set_log_aside, stored};
pub use anchor::{LOG_DIR, StoredLog};
pub use bundle::{
    BUNDLE_FORMAT, BundleError, BundleLine, BundleReport, BundleWriter, Section, SectionReport, Trust, verify_bundle,
};
pub use check::{CheckError, verify_consistency, verify_inclusion};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use checkpoint_file::{CheckpointFileError, load_checkpoint, store_checkpoint};
pub use grow::{Batch, LogTree, each_line};
pub use hash::{empty_root, leaf_hash, node_hash};
pub use keeper::{KeeperOptions, LogKeeper, last_checkpoints, receipt_kept, receipt_now};
pub use key::{AUDIT_KEY, AuditKey, AuditKeyError, init_audit_key, load_audit_key};
pub use note::{KeyTextError, Note, NoteError, NoteSigner, NoteVerifier, Signature};
pub use proof::{HashError, Levels, Nodes, ProofError, prove_consistency, prove_inclusion, root_at};
pub use prover::Prover;
pub use receipt::{RECEIPT_FORMAT, Receipt, ReceiptError};
pub use record::{Kept, LogError, LogState, Proven, Subject, checkpoint, continues_kept, export, prove, stored_logs};
pub use signer::{Extent, Signer};
pub use tile::{TILE_WIDTH, Tile, tiles_of};
pub use tile_store::{DirTiles, MemTiles, TileNodes, Tiles};
pub use tree::{Frontier, Node};
pub(crate) use turn::{NoTurn, SigningTurn};
