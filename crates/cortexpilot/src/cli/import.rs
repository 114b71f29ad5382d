//! `cortexpilot import`: takes the ledger of an original runtime root over, and says what was odd about it and its runs.

mod report;

use std::path::{Path, PathBuf};

use clap::Args;
use cortexpilot_core::domain::text::{Reason, Stated, escape};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::{Clock as _, StoreError};
use cortexpilot_ledger::{AdoptError, Order, adopt, survey};

use super::Context;
use super::audit;
use super::failure::Stopped;
use super::output::{Answer, json};
use crate::os::{OsIds, SystemClock};
use report::Report;

/// Take the ledger of an original runtime root over, and report what was odd in it and in its runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cortexpilot import /srv/old/.runtime-cache/cortexpilot --dry-run
  cortexpilot import /srv/old/.runtime-cache/cortexpilot --reason 'moving to the new system, ticket 4711'

Stop the original first, and for good: once its ledger is adopted it must not append to it. The lines are taken over byte \
for byte, and one record behind them says who did it, from where and why. The runtime root must not hold a ledger with \
lines yet, unless DIR is the runtime root itself: then the ledger is adopted where it stands. Runs stay where they are and \
are checked. An import that was interrupted is run again.

Exit codes: 0 adopted (whatever was odd), 4 there is no ledger in DIR, 5 adopted before or not to be adopted, 6 the files \
cannot be read or written.")]
pub(crate) struct Import {
    /// The original's runtime root: the directory that holds queue.jsonl and usually runs
    #[arg(value_name = "DIR")]
    dir: String,
    /// Why; kept in the adopting record for ever
    #[arg(long, value_name = "WHY", required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Report what would be adopted, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let settings = &context.settings;
        let (root, dir) = (settings.runtime_root.as_path(), self.directory(context)?);
        let order = if self.dry_run {
            None
        } else {
            // An import is an operator's act like a repair: who may not apply may not put items into the queue so either.
            let principal = audit::operator(settings, "take a ledger over").await?;
            if principal.roles.is_disjoint(&settings.allowed_roles) {
                let said = format!("{} holds no role that may do this. Nothing was changed.", principal.id);
                return Err(Stopped::code(ErrorCode::RoleForbidden, said, &OsIds));
            }
            Some((principal.id, self.reason()?))
        };
        let stopped = |error| stopped(context, root, &dir, error);
        // Looked at before anything is touched: with many runs this takes its time.
        let before = survey(root, &dir).map_err(stopped)?;
        let mut report = Report::of(settings, &dir, before).await?;
        if let Some((principal, reason)) = &order {
            let now = SystemClock.now();
            let adoption = adopt(&Order { root, source: &dir, reason, principal, now }).map_err(stopped)?;
            if adoption.survey.sha256 != report.survey.sha256 {
                report = Report::of(settings, &dir, adoption.survey.clone()).await?;
            }
            report.adoption = Some(adoption);
        }
        Ok(Answer::ok(if context.view.is_json() {
            json(&report.document(root, &dir))
        } else {
            report.human(context, root, &dir)
        }))
    }

    /// As it is without links: it is written down for ever.
    fn directory(&self, context: &Context) -> Result<PathBuf, Stopped> {
        let named = context.environment.cwd.join(&self.dir);
        std::fs::canonicalize(&named).map_err(|error| {
            let said = format!("{}: {error}.", named.display());
            Stopped::code(ErrorCode::NotFound, said, &OsIds).with_step("Name the directory that holds queue.jsonl.")
        })
    }

    fn reason(&self) -> Result<Reason, Stopped> {
        match Stated::<Reason>::read(self.reason.as_deref()) {
            Stated::Given(reason) => Ok(reason),
            Stated::Absent => {
                Err(Stopped::code(ErrorCode::MetadataRequired, "`reason` is blank. Nothing was changed.", &OsIds))
            }
            Stated::Rejected(problem) => {
                let said = format!("`reason` {problem}. Nothing was changed.");
                Err(Stopped::code(ErrorCode::MetadataRejected, said, &OsIds))
            }
        }
    }
}

/// What stopped it, each with what to do now.
fn stopped(context: &Context, root: &Path, dir: &Path, error: AdoptError) -> Stopped {
    let root_flag = |dir: &Path| format!("--runtime-root {}", super::words::quote(&dir.display().to_string()));
    let nothing = |step: String| Stopped::Nothing(format!("{}: {error}. {step}", escape(&dir.display().to_string())));
    match &error {
        AdoptError::Missing(_) => {
            let step =
                "Name the directory that holds queue.jsonl. Runs alone need no import: set CORTEXPILOT_RUNS_ROOT.";
            Stopped::code(ErrorCode::NotFound, format!("{error}."), &OsIds).with_step(step)
        }
        AdoptError::Ours => nothing(format!("There is nothing to import: use it with {}.", root_flag(dir))),
        AdoptError::Decided(_) => nothing(format!("Adopt it where it stands: the same with {}.", root_flag(dir))),
        AdoptError::Unapproved { .. } => nothing(
            "Cancel them in the original first; or take the ledger over before the policy is raised, and queue again what \
             is still wanted."
                .to_owned(),
        ),
        AdoptError::SourceDamaged { .. } => nothing(
            "It looks like a line of this system that was altered, or is too long for any. Find out who wrote it; \
             `runs` and the rest of the directory can be used without it."
                .to_owned(),
        ),
        AdoptError::Changed(_) => nothing("Stop the original, then import again.".to_owned()),
        AdoptError::Before(record) => nothing(format!(
            "{} did so on {}, because: {}. There is nothing left to do.",
            escape(&record.principal),
            record.ts,
            escape(&record.reason)
        )),
        AdoptError::Occupied(_) => nothing(format!(
            "Two ledgers are never mixed. Take an empty runtime root ({}), or adopt this one where it stands ({}).",
            "--runtime-root NEW",
            root_flag(dir)
        )),
        AdoptError::Corrupt { file, line } => {
            let repair = context.commands.line(&["audit", "verify"]);
            Stopped::store(StoreError::Corrupt { file: (*file).to_owned(), line: *line }, &OsIds)
                .with_step(&format!("Look at the runtime root {} first: {repair}", root.display()))
        }
        AdoptError::Newer(event) => Stopped::store(StoreError::Newer { event: event.clone() }, &OsIds),
        AdoptError::Lock(_) | AdoptError::Io { .. } => {
            Stopped::store(StoreError::Unavailable(error.to_string()), &OsIds)
                .with_step("Put that right, then run the same import again.")
        }
    }
}
