//! What this machine can do: programs, credentials, the sandbox, repositories, and a place for workspaces.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use cortexpilot_core::domain::id::{Sha256Digest, hex};
use cortexpilot_core::domain::text::WorkerName;
use cortexpilot_core::port::Ids;
use cortexpilot_work::contract::TaskContract;
use cortexpilot_work::environment::PASSED_THROUGH;
use cortexpilot_work::place::Place;
use cortexpilot_work::runner::{CREDENTIALS, Means};
use cortexpilot_work::sandbox::{Choice, Helper, Level, Limits, Machine as Probed};
use cortexpilot_work::tools::Tools;

use super::readiness::Baselines;
use crate::config::{Environment, Settings};
use crate::os::{OsIds, SystemClock};

/// What an operator says of the machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// What stands around the work.
    pub(crate) sandbox: Choice,
    /// Repositories that may be worked on; none: those that the items name.
    pub(crate) repositories: Vec<PathBuf>,
    /// The runner for contracts that name none.
    pub(crate) runner: Option<String>,
    /// More that the work may read and execute.
    pub(crate) read: Vec<PathBuf>,
    /// Variables of this environment that the work is given.
    pub(crate) pass_env: Vec<String>,
}

/// This machine, ready to work.
pub(crate) struct Machine {
    pub(super) worker: cortexpilot_work::Worker,
    pub(super) runner: Option<String>,
    pub(super) baselines: Baselines,
    repositories: Vec<PathBuf>,
    /// Workspaces of workers that are gone, removed when this one began.
    pub(crate) cleared: usize,
    _place: Place,
}

impl Machine {
    /// Looks at the machine. Takes a few dozen milliseconds and blocks.
    ///
    /// # Errors
    /// What is missing, with the way out, for people.
    pub(crate) fn of(
        settings: &Settings,
        environment: &Environment,
        name: &str,
        wanted: Wanted,
    ) -> Result<Self, String> {
        let tools = Tools::resolve().map_err(|missing| missing.to_string())?;
        let repositories = wanted
            .repositories
            .iter()
            .map(|stated| {
                let found = environment.cwd.join(stated).canonicalize();
                found.map_err(|error| format!("--repo {}: {error}", stated.display()))
            })
            .collect::<Result<_, _>>()?;
        let program = std::env::current_exe().map_err(|error| format!("this program's own file: {error}"))?;
        let helper = Helper { program, args: vec!["sandbox-exec".into()] };
        let probed = Probed::probe(&helper, tools.bwrap.as_ref());
        if let Choice::Exactly(_) = wanted.sandbox {
            probed.level(wanted.sandbox, None).map_err(|refused| refused.to_string())?;
        }
        let parent = settings.runtime_root.join("work");
        let cleared = Place::clear_abandoned(&parent);
        let random = hex(&(&OsIds as &dyn Ids).bytes::<8>());
        let place = Place::take(&parent, &format!("{}-{random}", std::process::id()))
            .map_err(|error| format!("no workspaces can be made in {}: {error}", parent.display()))?;
        let means = means(&environment.variables);
        let mut read: Vec<PathBuf> = wanted.read.iter().map(|path| environment.cwd.join(path)).collect();
        read.extend(means.programs.values().flat_map(|program| crate::cli::record::installed_at(program)));
        let passed = |name: &str| PASSED_THROUGH.contains(&name) || wanted.pass_env.iter().any(|one| one == name);
        let worker = cortexpilot_work::Worker {
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").into(),
            tools,
            helper,
            machine: probed,
            choice: wanted.sandbox,
            runs_root: settings.runs_root.clone(),
            work_root: place.dir().to_owned(),
            limits: Limits::default(),
            environment: variables(&environment.variables, passed),
            path: Vec::new(),
            read,
            means,
            clock: Arc::new(SystemClock),
        };
        let baselines = Baselines::default();
        Ok(Self { worker, runner: wanted.runner, baselines, repositories, cleared, _place: place })
    }

    pub(super) fn repositories(&self) -> &[PathBuf] {
        &self.repositories
    }

    /// What stands around work whose contract asks for nothing, in a word or with the reason why there is nothing.
    pub(crate) fn sandbox(&self) -> String {
        match self.worker.machine.level(self.worker.choice, None) {
            Ok(Level::None) => "NONE (the work can do whatever this user can)".to_owned(),
            Ok(level) => level.as_str().to_owned(),
            Err(refused) => format!("none to be had, so nothing is taken ({refused})"),
        }
    }

    pub(super) fn is_without_runner(&self, contract: &Arc<[u8]>, sha256: Sha256Digest) -> bool {
        TaskContract::read(Arc::clone(contract), sha256).is_ok_and(|contract| contract.runner.is_none())
    }
}

/// The agents' programs, where the shell that started this process would find them, and their own credentials.
fn means(variables_of: &[(OsString, OsString)]) -> Means {
    let found = CREDENTIALS.iter().filter_map(|(agent, ..)| {
        let program = PathBuf::from(crate::cli::record::program(agent, variables_of));
        program.is_absolute().then(|| ((*agent).to_owned(), program))
    });
    let named =
        |name: &str| CREDENTIALS.iter().any(|(_, one_of, also)| one_of.iter().chain(*also).any(|it| *it == name));
    Means { programs: found.collect(), credentials: variables(variables_of, named) }
}

fn variables(all: &[(OsString, OsString)], wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    all.iter()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())))
        .filter(|(name, _)| wanted(name))
        .collect()
}

/// The machine's name, as it says itself.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What a worker is called where nobody named it: one process, one name.
pub(crate) fn default_name() -> WorkerName {
    let named = |host: &str| WorkerName::parse(&format!("{host}-{}", std::process::id())).ok().flatten();
    named(&host()).or_else(|| named("worker")).expect("invariant: a word and a number are a name")
}
