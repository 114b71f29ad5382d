//! What commands work with, and how its absence is told.

use std::sync::Arc;

use cortexpilot_core::app::{App, Reader};
use cortexpilot_core::domain::principal::Caller;
use cortexpilot_core::port::StoreError;
use cortexpilot_ledger::FileStore;
use cortexpilot_runs::RunStore;

use super::failure::Stopped;
use crate::config::Settings;
use crate::os::OsIds;
use crate::serve::{self, Unopened};

impl From<Unopened> for Stopped {
    fn from(error: Unopened) -> Self {
        Self::store(StoreError::Unavailable(error.to_string()), &OsIds)
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
    let (app, _) = serve::writer(settings)?;
    Ok(app)
}

/// The same, with its store at hand.
pub(super) fn writer_and_store(settings: &Settings) -> Result<(App, Arc<FileStore>), Stopped> {
    Ok(serve::writer(settings)?)
}

/// The operator at the command line.
pub(super) fn caller(settings: &Settings) -> Caller {
    serve::operator(settings)
}
