//! The embedded store: an append-only, hash-chained ledger file shared by several processes.
//!
//! Reading order: `chain` (what a line says and whether it continues the chain), `census` (what verification keeps of them),
//! `follow` (lines out of a file), `marks`
//! (which bytes are durable, and why a reader without the lock may believe it), `lock`, `tracked` and `state` (what this
//! process knows), `index` (how it need not read the history), `commit` (one batch, judged), `settle` (what a writer that
//! died left behind), `reserve` (what a full disk leaves possible), `writer` (a turn to write), `commits` (whose turn it is,
//! and that one batch is judged while another is flushed); then what is used from outside: [`FileStore`], [`FileReader`], [`verify()`], [`repair()`],
//! [`adopt()`] and the key. [`log`] is the Merkle tree over the lines, its checkpoints and proofs.
//!
//! The format is a contract: `docs/reference/ledger.md`. Why there is one lock for two files, and why the marks are what
//! they are: `docs/adr/0003-one-lock-two-files.md`, `0014` and `0018`.

mod census;
mod chain;
mod disk;
mod follow;

mod lock;
mod marks;
mod segments;

mod index;
mod state;
mod tracked;

mod beside;

mod commit;
mod commits;
mod pins;
mod reserve;
mod settle;
mod writer;

mod reader;
mod scrub;
mod shown;
mod store;

mod keys;

mod adopt;
mod repair;
mod verify;

pub mod log;

#[cfg(test)]
mod faults;

#[cfg(test)]
mod fault_tests;

pub use adopt::{AdoptError, Adoption, Found, Order, SourceTail, Survey, adopt, survey};
pub use index::IndexOptions;
pub use keys::{KeyError, load_key, load_or_make_key};
pub use reader::FileReader;
pub use repair::{RepairError, RepairReport, RepairedFile, repair};
pub use scrub::ScrubReport;
pub use segments::SegmentRule;
pub use store::{FileStore, IoCounts, OpenError, StoreOptions};
pub use tracked::Damage;
pub use verify::{FileReport, PinProblem, Torn, Verdict, VerifyError, VerifyReport, verify};
