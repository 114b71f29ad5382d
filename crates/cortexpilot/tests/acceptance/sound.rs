//! What anybody can check of a ledger after the fact, with the product's own audit and without it.

use serde_json::Value;

use super::support::Home;
use super::support::ledger::{GENESIS, chain_problem};

/// Both files verify: by `cortexpilot audit verify`, which must call them sound, and by recomputing the chain here. Gives
/// the events of `queue.jsonl`.
pub(crate) fn assert_sound(home: &Home) -> Vec<Value> {
    let ran = home.cli(&["audit", "verify"], &[]);
    assert_eq!(ran.exit, Some(0), "{ran:#?}");
    let report = ran.json();
    assert_eq!(report["verdict"], "sound", "{report:#}");
    assert_eq!(report["contracts_not_good"], Value::Array(Vec::new()), "{report:#}");
    let queue = home.queue();
    for ledger in [&queue, &home.decisions()] {
        assert_eq!(chain_problem(&ledger.lines(), GENESIS), None);
        assert!(ledger.bytes().is_empty() || ledger.bytes().ends_with(b"\n"), "the last line has no newline");
    }
    queue.events()
}

/// A member that must be a text.
pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("`{member}` is no text: {value}"))
}
