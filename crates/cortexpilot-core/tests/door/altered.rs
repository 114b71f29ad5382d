//! What was judged is what is appended.

use cortexpilot_core::Judged;
use cortexpilot_core::domain::queue::QueueEvent;

fn alter(judged: &mut Judged, event: QueueEvent) {
    *judged.event() = event;
}

fn main() {}
