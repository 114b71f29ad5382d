//! What commands work with, and how its absence is told.

use std::sync::Arc;

use cortexpilot_core::app::{App, Reader};
use cortexpilot_core::domain::governance::Standing;
use cortexpilot_core::domain::principal::{Caller, Principal, PrincipalKind, Surface};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreError;
use cortexpilot_ledger::{FileStore, OpenError};
use cortexpilot_runs::RunStore;

use super::failure::Stopped;
use crate::config::Settings;
use crate::os::OsIds;
use crate::serve::background::Notices;
use crate::serve::identity::{self, NoPrincipal};
use crate::serve::{self, Callers, Unopened};

impl From<Unopened> for Stopped {
    fn from(error: Unopened) -> Self {
        let said = error.to_string();
        if let Unopened::Store(OpenError::Checkpoint { file, line, .. }) = &error {
            let corrupt = StoreError::Corrupt { file: (*file).to_owned(), line: *line };
            return Self::store(corrupt, &OsIds).because(said);
        }
        let stopped = Self::store(StoreError::Unavailable(said), &OsIds);
        match &error {
            Unopened::Store(OpenError::NoLocks(_)) => stopped.with_step(
                "Put the runtime root on a file system whose locks work: a local disk, not a network share \
                 (docs/runbooks/disk.md).",
            ),
            Unopened::Store(_) | Unopened::Key(_) | Unopened::Runs(_) => stopped,
        }
    }
}

/// The runs.
pub(super) fn runs(settings: &Settings) -> Result<RunStore, Stopped> {
    serve::runs(settings).map_err(|error| Unopened::from(error).into())
}

/// The queue and the runs, to read.
pub(super) fn reader(settings: &Settings) -> Result<Reader, Stopped> {
    Ok(serve::reader(settings)?)
}

/// An app that can preview and nothing more.
pub(super) fn previewer(settings: &Settings) -> Result<App, Stopped> {
    Ok(serve::previewer(settings)?)
}

/// An app that can change the queue.
pub(super) fn writer(settings: &Settings) -> Result<App, Stopped> {
    let (app, _) = serve::writer(settings, Callers::One)?;
    Ok(app)
}

/// An app that can queue, in a process that asks as many people as operators have set.
pub(super) async fn queueing_writer(settings: &Settings) -> Result<(App, Notices), Stopped> {
    let (app, _, notices) = queueing_server(settings).await?;
    Ok((app, notices))
}

/// The same for a server of one client, with its store at hand.
pub(super) async fn queueing_server(settings: &Settings) -> Result<(App, Arc<FileStore>, Notices), Stopped> {
    let (app, store, notices) = serve::asking_writer(settings, Callers::One)?;
    may_start(settings, app.reader()).await?;
    Ok((app, store, notices))
}

/// How a server ends whose store came to grief: never as if all were well.
pub(super) fn ended_well(store: &FileStore) -> Result<(), Stopped> {
    let Some(why) = store.failed() else { return Ok(()) };
    let step = "Look at the disk, then start this process again: it settles the ledger's tail when it opens \
                (docs/runbooks/disk.md). Whoever had no answer asks again, with the same preview or idempotency key.";
    Err(Stopped::store(StoreError::OutcomeUnknown(why), &OsIds).with_step(step))
}

/// The same for a server of many, with its store at hand and before it was asked whether it may start.
pub(super) fn asking_writer(settings: &Settings) -> Result<(App, Arc<FileStore>, Notices), Stopped> {
    Ok(serve::asking_writer(settings, Callers::Many)?)
}

/// Stops a process that would ask fewer people than operators have set.
pub(super) async fn may_start(settings: &Settings, reader: &Reader) -> Result<Standing, Stopped> {
    serve::may_start(settings, reader).await.map_err(|failure| Stopped::unasked(&failure, &OsIds))
}

/// Who acts at the command line.
pub(super) async fn caller(settings: &Settings, reader: &Reader) -> Result<Caller, Stopped> {
    let principal = identity::at_the_command_line(settings, reader).await.map_err(|why| nobody(&why))?;
    Ok(Caller { principal: Some(principal), surface: Surface::Cli })
}

/// Who claims and completes: never an agent, who could carry out what it asked for.
pub(super) async fn worker(settings: &Settings, reader: &Reader) -> Result<Caller, Stopped> {
    let principal = identity::of_the_worker(settings, reader).await.map_err(|why| nobody(&why))?;
    match principal.kind {
        PrincipalKind::Worker | PrincipalKind::Operator => {
            Ok(Caller { principal: Some(principal), surface: Surface::Cli })
        }
        PrincipalKind::Agent | PrincipalKind::Anonymous => {
            let said = format!(
                "Workers and operators claim, and the personal token is {}'s, who is of kind {}.",
                principal.id,
                principal.kind.as_str()
            );
            let step =
                "Give it a worker's token (`cortexpilot token create --kind worker --name NAME --ttl 30d`), or none.";
            Err(Stopped::code(ErrorCode::ScopeForbidden, said, &OsIds).with_step(step))
        }
    }
}

/// Who acts through the queue pilot: an agent, never somebody who could approve.
pub(super) async fn pilot(settings: &Settings, reader: &Reader) -> Result<Principal, Stopped> {
    let principal = identity::of_the_pilot(settings, reader).await.map_err(|why| nobody(&why))?;
    match principal.kind {
        PrincipalKind::Agent => Ok(principal),
        PrincipalKind::Operator | PrincipalKind::Worker | PrincipalKind::Anonymous => {
            let said = format!(
                "The queue pilot serves agents, and the personal token is {}'s, who is of kind {}.",
                principal.id,
                principal.kind.as_str()
            );
            let step = "Give it an agent's token (`cortexpilot token create --kind agent --name NAME --role ROLE --ttl 30d`), \
                        or none.";
            Err(Stopped::code(ErrorCode::ScopeForbidden, said, &OsIds).with_step(step))
        }
    }
}

fn nobody(why: &NoPrincipal) -> Stopped {
    let step = match why {
        NoPrincipal::Store(error) => return Stopped::store(error.clone(), &OsIds),
        NoPrincipal::Unknown => {
            "Check the runtime root and the token: `cortexpilot token list` (without the token) shows those that are known."
        }
        NoPrincipal::Expired | NoPrincipal::Revoked => {
            "Have an operator make another one: `cortexpilot token create`, at the machine that holds the ledger."
        }
    };
    Stopped::code(ErrorCode::AuthInvalidToken, why.to_string(), &OsIds).with_step(step)
}
