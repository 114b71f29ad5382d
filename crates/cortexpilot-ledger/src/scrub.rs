//! Reading everything again: bits rot, and people edit files.

use std::path::Path;

use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::listing::FileProblem;
use cortexpilot_core::port::StoreError;

use crate::chain::FileKind;
use crate::state::{Engine, unavailable};
use crate::tracked::Tracked;

/// What a scrub covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrubReport {
    /// Lines that were verified, in both files.
    pub lines: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is damaged; empty when all is well.
    pub problems: Vec<FileProblem>,
}

/// Verifies both files line by line, keeping none of them. On a finding the store reads its files again, so that it stands
/// as if it had just been opened on them.
pub(crate) fn scrub(root: &Path, engine: &Engine) -> Result<ScrubReport, StoreError> {
    let mut report = ScrubReport { lines: 0, bytes: 0, problems: Vec::new() };
    let mut suspect = Vec::new();
    for kind in FileKind::ALL {
        let mut again = Tracked::unfolded(root, kind);
        {
            let shared = engine.read();
            // What was read must still be there. Lines of a commit under way are not yet, and known damage stays known.
            if shared.under_way().is_none() && shared.file(kind).damage.is_none() {
                again.expect(shared.file(kind).chain.position());
            }
        }
        again.catch_up(engine.marks(), &mut State::default()).map_err(unavailable)?;
        report.lines += again.chain.lines;
        report.bytes += again.chain.offset;
        if again.damage.is_some() {
            suspect.push(kind);
        }
    }
    if !suspect.is_empty() {
        report.problems = engine.read_again(&suspect)?;
    }
    Ok(report)
}
