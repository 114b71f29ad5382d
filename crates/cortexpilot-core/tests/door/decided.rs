//! Deciding without a store's turn would be deciding from facts that nobody loaded under a lock.

use cortexpilot_core::domain::decide::{decide_cancel, decide_claim, decide_complete, decide_enqueue, decide_govern};

fn main() {}
