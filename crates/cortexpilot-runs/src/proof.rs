//! What can be shown for a run, and what went wrong with it: the stored pack, or the one that the run's state implies.

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::port::runs::{
    ChainState, Checksum, ChecksumCounts, ReportSource, RunIncident, RunProof, StoredReport,
};
use serde_json::{Value, json};

use crate::beneath::Dir;
use crate::chain::CHAIN;
use crate::events::{self, EventsDigest};
use crate::manifest::ManifestDigest;
use crate::problem::{Problem, What, shown};
use crate::{evidence, failure, reports, views};

pub(crate) const PROOF: &str = "proof_pack.json";
pub(crate) const INCIDENT: &str = "incident_pack.json";

pub(crate) fn proof(id: &RunId, run: &Dir) -> RunProof {
    let stored = views::stored_report(run, PROOF);
    let manifest = manifest(id, run);
    let (dir, names, mut problems) = match reports::open(run) {
        Ok(Some(dir)) => {
            let (names, problems) = reports::names(&dir);
            (Some(dir), names, problems)
        }
        Ok(None) => (None, Vec::new(), Vec::new()),
        Err(problem) => (None, Vec::new(), vec![problem]),
    };
    problems.extend(manifest.problems.iter().cloned());
    let derived = || failure::proof_pack(id.as_str(), &manifest, |name| Some(reports::read(dir.as_ref()?, name)?.data));
    let (source, proof_pack, stored_problems) = pack(stored, derived);
    let listed = evidence::artifacts(run);
    let (hash_chain, chain_problems) = chain(run);
    problems.extend(chain_problems);
    let mut all = stored_problems;
    all.extend(shown(&problems));
    all.extend(listed.problems);
    all.dedup();
    RunProof {
        run_id: id.to_string(),
        source,
        proof_pack,
        evidence: ChecksumCounts::of(&listed.artifacts),
        files: listed.artifacts.into_iter().filter(|file| file.checksum != Checksum::Unlisted).collect(),
        truncated: listed.truncated,
        hash_chain,
        reports: names,
        problems: all,
    }
}

pub(crate) fn incident(id: &RunId, run: &Dir) -> RunIncident {
    let stored = views::stored_report(run, INCIDENT);
    let manifest = manifest(id, run);
    let events = EventsDigest::read(run);
    let (source, incident_pack, mut problems) =
        pack(stored, || failure::incident_pack(id.as_str(), &manifest, &events));
    problems.extend(shown(&manifest.problems));
    problems.extend(shown(&events.problems));
    let failure = failure::infer(&manifest, &events);
    let outcome = failure::outcome(&manifest, &failure);
    RunIncident {
        run_id: id.to_string(),
        source,
        incident_pack,
        failure,
        outcome,
        awaits_approval: events.awaits_approval(),
        problems,
    }
}

fn manifest(id: &RunId, run: &Dir) -> ManifestDigest {
    let (map, what, _) = views::manifest(run);
    ManifestDigest::of(id.as_str(), map.as_ref(), what, None)
}

/// The stored pack where there is one, else the derived one.
fn pack(
    stored: StoredReport,
    derived: impl FnOnce() -> Option<Value>,
) -> (ReportSource, Value, Vec<cortexpilot_core::port::runs::FileProblem>) {
    if stored.data.as_object().is_some_and(|pack| !pack.is_empty()) {
        return (ReportSource::Stored, stored.data, stored.problems);
    }
    match derived() {
        Some(pack) => (ReportSource::Derived, pack, stored.problems),
        None => (ReportSource::None, json!({}), stored.problems),
    }
}

/// The state of the hash chain, and where it breaks.
fn chain(run: &Dir) -> (ChainState, Vec<Problem>) {
    if run.stamp(CHAIN) == Err(What::Missing) {
        return (ChainState::Absent, Vec::new());
    }
    match events::walk_chained(run, |_| {}) {
        Err(what) => (ChainState::Broken, vec![Problem::file(events::EVENTS, what)]),
        Ok(problems) => match problems.first() {
            None => (ChainState::Verified, problems),
            Some(Problem { what: What::ChainNoEntry, .. }) => (ChainState::Incomplete, problems),
            Some(_) => (ChainState::Broken, problems),
        },
    }
}
