//! An event that was not judged has no line.

use cortexpilot_core::codec::line::{SealedLine, encode};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::queue::QueueEvent;

fn write(event: &QueueEvent) -> SealedLine {
    encode(event, &Sha256Digest::ZERO)
}

fn main() {}
