//! Ledger lines: bytes to events and back. The formats are contracts: `docs/reference/ledger.md`.

pub mod line;

pub mod decision;

pub mod contract;

pub mod beside;

mod json;
