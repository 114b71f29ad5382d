//! The other side of each comparison: single files of the standard library alone, short enough to be read at a glance.

pub(crate) mod append_sync;
pub(crate) mod batches;
pub(crate) mod kernel_writes;
