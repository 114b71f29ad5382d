//! Where the product's servers are started: roots with so many runs and so long a ledger.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;

use cortexpilot_runs::fixture::RunFixture;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::Setting;

/// Roots of the product.
pub(crate) struct Place {
    root: PathBuf,
    binary: PathBuf,
    queued: Cell<i64>,
}

impl Place {
    /// A place whose runtime root does not exist yet, with so many runs, a second apart.
    pub(crate) fn new(root: &Path, setting: &Setting, runs: usize) -> Result<Self, String> {
        let Some(binary) = &setting.binary else {
            return Err(
                "it needs the product's binary: --binary PATH (`cargo xtask bench mcp` builds and names it)".into()
            );
        };
        let place = Self { root: root.to_owned(), binary: binary.clone(), queued: Cell::new(0) };
        std::fs::create_dir_all(place.runs()).map_err(|error| error.to_string())?;
        for number in 0..runs {
            place.run(number).map_err(|error| error.to_string())?;
        }
        Ok(place)
    }

    /// Writes a run.
    pub(crate) fn run(&self, number: usize) -> std::io::Result<()> {
        let second = i64::try_from(number).expect("invariant: not that many runs");
        let created = Timestamp::from_second(1_772_366_400).expect("invariant: a time of our era");
        let run = RunFixture::new(&run_id(number)).created_at(created + SignedDuration::from_secs(second));
        run.event("STEP_STARTED", json!({})).event("STEP_COMPLETED", json!({"ok": true})).write(&self.runs())?;
        Ok(())
    }

    /// The runtime root.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// The runs root.
    pub(crate) fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Another number each time: what makes a run that is queued again another request.
    pub(crate) fn again(&self) -> i64 {
        self.queued.replace(self.queued.get() + 1)
    }

    /// A command of the product.
    pub(crate) fn server(&self, command: &str) -> Command {
        let mut server = Command::new(&self.binary);
        server
            .arg(command)
            .current_dir(&self.root)
            .env_clear()
            .env("HOME", &self.root)
            .env("CORTEXPILOT_RUNTIME_ROOT", self.runtime())
            .env("CORTEXPILOT_RUNS_ROOT", self.runs());
        server
    }
}

/// The id of a run.
pub(crate) fn run_id(number: usize) -> String {
    format!("run_{number:08}")
}
