//! Ledger lines: bytes to events and back. The formats are contracts: `docs/reference/ledger.md`.

pub mod line;

pub mod decision;

mod json;
