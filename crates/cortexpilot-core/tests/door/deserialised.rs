//! What was judged cannot come from bytes.

use cortexpilot_core::Judged;

fn read(text: &str) -> Judged {
    serde_json::from_str(text).unwrap()
}

fn main() {}
