//! How large a campaign of faults is: as the test command runs it, or as `cargo xtask faults --long` does.

/// The first, or the second in a long campaign: where the test's own environment says `CORTEXPILOT_FAULTS=long`. The product
/// never sees that variable.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, which the product never sees")]
pub(crate) fn sized<T>(usual: T, long: T) -> T {
    match std::env::var("CORTEXPILOT_FAULTS") {
        Ok(size) if size == "long" => long,
        Ok(other) => panic!("CORTEXPILOT_FAULTS is `{other}`; it may be `long`"),
        Err(_) => usual,
    }
}
