//! Nor can anybody else make what a store can write down of decisions, copy it, or write one that was not judged.

use cortexpilot_core::JudgedDecision;
use cortexpilot_core::codec::decision::encode;
use cortexpilot_core::codec::line::SealedLine;
use cortexpilot_core::domain::governance::DecisionEvent;
use cortexpilot_core::domain::id::Sha256Digest;

fn make(event: DecisionEvent) -> JudgedDecision {
    JudgedDecision(event)
}

fn twice(judged: &JudgedDecision) -> JudgedDecision {
    judged.clone()
}

fn write(event: &DecisionEvent) -> SealedLine {
    encode(event, &Sha256Digest::ZERO)
}

fn main() {}
