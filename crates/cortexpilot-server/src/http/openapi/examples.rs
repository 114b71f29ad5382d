//! One exchange of each operation, recorded by a test that plays them all against a control plane in memory and fails when the
//! server answers otherwise (`tests/it/http/examples.rs`).

use std::sync::LazyLock;

use serde_json::Value;

static RECORDED: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("examples.json")).expect("invariant: the recorded examples are JSON")
});

/// The members `request`, where it takes a body, and `answer`, where that is JSON.
pub(super) fn of(operation: &str) -> Option<&'static Value> {
    RECORDED.get(operation)
}
