//! Nobody else can make a heartbeat that a store keeps.

use cortexpilot_core::domain::decide::JudgedBeat;
use cortexpilot_core::domain::lease::{Beat, HeartbeatAnswer};

fn make(beat: Beat, answer: HeartbeatAnswer) -> JudgedBeat {
    JudgedBeat { beat, answer }
}

fn main() {}
