//! The embedded store: an append-only, hash-chained ledger file shared by several processes.
