//! Whether an item can be carried out here: asked before it is claimed, so that nobody's claim is spent on finding out.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_work::workspace::resolve_baseline;
use cortexpilot_work::{Assignment, NotStarted, Outcome, Progress, Stop};

use super::claims::Candidate;
use super::machine::Machine;

/// Where items are carried out.
pub(crate) trait Site: Send + Sync {
    /// Whether this item can be carried out here. May block.
    ///
    /// # Errors
    /// Why not, with the next step, in a sentence for people.
    fn fits(&self, candidate: &Candidate, contract: Option<Arc<[u8]>>) -> Result<Fit, String>;

    /// Carries it out; blocks until everything it started has ended.
    ///
    /// # Errors
    /// Nothing was started.
    fn execute(&self, assignment: &Assignment, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, NotStarted>;
}

/// An item that can be carried out here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fit {
    /// The contract's bytes.
    pub(crate) contract: Arc<[u8]>,
    /// Their SHA-256.
    pub(crate) sha256: Sha256Digest,
    /// Where its baseline is.
    pub(crate) repository: PathBuf,
    /// The runner, where the contract names none.
    pub(crate) runner: Option<String>,
    /// Whether the contract lets a lost or late attempt be repeated without asking.
    pub(crate) retries: bool,
}

/// Baselines that were found: they are commits, and do not change.
#[derive(Debug, Default)]
pub(super) struct Baselines(Mutex<HashSet<(PathBuf, String)>>);

impl Site for Machine {
    fn fits(&self, candidate: &Candidate, contract: Option<Arc<[u8]>>) -> Result<Fit, String> {
        let contract = contract.ok_or_else(|| {
            "the contract that was approved for it is not kept any more: cancel it and queue its run again".to_owned()
        })?;
        let repository = repository(candidate.repository.as_deref(), self.repositories())?;
        let sha256 = candidate.pinned.unwrap_or_else(|| Sha256Digest::of(&contract));
        let ready = self.worker.can(&contract, sha256, self.runner.as_deref()).map_err(|refused| match refused {
            NotStarted::Contract(problem) => {
                format!("{problem}: cancel it, put the contract right and queue its run again")
            }
            NotStarted::Runner(_) if self.runner.is_none() && self.is_without_runner(&contract, sha256) => {
                format!("{refused}; or start the worker with --runner NAME")
            }
            other @ (NotStarted::Runner(_) | NotStarted::Isolation(_) | NotStarted::Record(_)) => other.to_string(),
        })?;
        let terms = ready.contract();
        let baseline = (repository.clone(), terms.baseline_ref.clone());
        if !self.baselines.has(&baseline) {
            resolve_baseline(&self.worker.tools, &repository, &terms.baseline_ref)
                .map_err(|problem| problem.to_string())?;
            self.baselines.found(baseline);
        }
        let retries = terms.max_retries > 0;
        Ok(Fit { contract, sha256, repository, runner: self.runner.clone(), retries })
    }

    fn execute(&self, assignment: &Assignment, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, NotStarted> {
        cortexpilot_work::execute(&self.worker, assignment, progress, stop)
    }
}

impl Baselines {
    fn has(&self, baseline: &(PathBuf, String)) -> bool {
        self.0.lock().expect("invariant: nobody panics while holding the baselines").contains(baseline)
    }

    fn found(&self, baseline: (PathBuf, String)) {
        self.0.lock().expect("invariant: nobody panics while holding the baselines").insert(baseline);
    }
}

/// The repository for an item: what its line names, within what the worker was given.
fn repository(stated: Option<&Path>, given: &[PathBuf]) -> Result<PathBuf, String> {
    let Some(stated) = stated else {
        return match given {
            [only] => Ok(only.clone()),
            [] => Err("it names no repository: start the worker with --repo DIR, the repository that it is for".into()),
            _ => {
                Err("it names no repository, and this worker has several: start one with the one --repo it is for"
                    .into())
            }
        };
    };
    let shown = stated.display();
    if !stated.is_absolute() {
        return Err(format!("its repository {shown} is no absolute path: start the worker with --repo DIR"));
    }
    let found = stated.canonicalize().map_err(|error| {
        format!("its repository {shown} is not on this machine ({error}): start a worker where it is")
    })?;
    if given.is_empty() || given.contains(&found) {
        return Ok(found);
    }
    Err(format!("its repository {shown} is not one that this worker was given: add --repo {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_carried_out_in_its_own_repository_or_in_none() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = dir.path().canonicalize().unwrap().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let (a, b) = (at("a"), at("b"));
        std::os::unix::fs::symlink(&a, dir.path().join("link")).unwrap();
        let link = dir.path().join("link");
        let check = |stated: Option<&Path>, given: &[PathBuf]| repository(stated, given);
        assert_eq!(check(Some(&a), &[]), Ok(a.clone()));
        assert_eq!(check(Some(&link), std::slice::from_ref(&a)), Ok(a.clone()));
        assert_eq!(check(None, std::slice::from_ref(&b)), Ok(b.clone()));
        for (stated, given, words) in [
            (Some(a.as_path()), vec![b.clone()], "add --repo"),
            (Some(Path::new("a")), vec![], "no absolute path"),
            (Some(Path::new("/nowhere/at/all")), vec![], "not on this machine"),
            (None, vec![], "names no repository"),
            (None, vec![a.clone(), b.clone()], "has several"),
        ] {
            let why = check(stated, &given).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
