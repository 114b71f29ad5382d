//! Nobody else can make what a store can append.

use cortexpilot_core::Judged;
use cortexpilot_core::domain::queue::QueueEvent;

fn make(event: QueueEvent) -> Judged {
    Judged { event, pin: None }
}

fn main() {}
