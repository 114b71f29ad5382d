//! What was judged once is appended once.

use cortexpilot_core::Judged;

fn twice(judged: &Judged) -> Judged {
    judged.clone()
}

fn main() {}
