//! Completions of ids, newest first. Only what can stand in an address or argument without any doubt is offered: an id is
//! chosen by its look, and one that a run made up to look like another is not among the choices.

use cortexpilot_core::app::{Failure, Reader};
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::port::runs::{PageQuery, ReadProblem};

use super::resources::{unread, unread_of};
use crate::mcp::{Completed, Completing, Unread};
use crate::wire::untrusted;

/// How many entries of a list are looked at for those that begin so.
const LOOKED_AT_MAX: usize = 5_000;
const CHUNK: usize = 500;

pub(super) async fn complete(reader: &Reader, asked: Completing<'_>) -> Result<Completed, Unread> {
    match asked.argument {
        "run_id" => runs(reader, asked.begun).await,
        "id" => workflows(reader, asked.begun).await,
        "queue_id" => items(reader, asked.begun).await,
        "name" => match asked.others.and_then(|others| others.get("run_id")).map(|id| RunId::parse(id)) {
            Some(Ok(id)) => reports(reader, &id, asked.begun).await,
            // Without its run a report has no name.
            Some(Err(_)) | None => Ok(Completed::default()),
        },
        _ => Ok(Completed::default()),
    }
}

async fn runs(reader: &Reader, begun: &str) -> Result<Completed, Unread> {
    let mut completed = Completed::default();
    let (mut after, mut looked_at) = (None, 0);
    loop {
        let page = PageQuery { limit: Some(CHUNK), after };
        let listing = reader.runs().list(page).await.map_err(unread_of)?;
        looked_at += listing.items.len();
        if !listing.items.iter().filter(|run| is_plain(&run.run_id)).all(|run| completed.offer(begun, &run.run_id)) {
            return Ok(completed);
        }
        after = listing.next;
        if after.is_none() || looked_at >= LOOKED_AT_MAX {
            completed.has_more = after.is_some();
            return Ok(completed);
        }
    }
}

async fn workflows(reader: &Reader, begun: &str) -> Result<Completed, Unread> {
    let mut completed = Completed::default();
    let (mut after, mut looked_at) = (None, 0);
    loop {
        let page = PageQuery { limit: Some(CHUNK), after };
        let listing = reader.runs().workflows(page).await.map_err(unread_of)?;
        looked_at += listing.items.len();
        let plain = listing.items.iter().map(|case| &case.workflow_id).filter(|id| is_plain(id));
        for id in plain {
            if !completed.offer(begun, id) {
                return Ok(completed);
            }
        }
        after = listing.next;
        if after.is_none() || looked_at >= LOOKED_AT_MAX {
            completed.has_more = after.is_some();
            return Ok(completed);
        }
    }
}

/// The newest items: those of the last so many positions.
async fn items(reader: &Reader, begun: &str) -> Result<Completed, Unread> {
    let mut completed = Completed::default();
    let failed = |error| unread(&Failure::from(error).into());
    // Positions are lines of the ledger or fewer, so no item has one beyond its lines.
    let lines = reader.queue().health().await.map_err(failed)?.lines;
    let mut end = lines.saturating_add(1);
    let mut looked_at = 0;
    while end > 0 && looked_at < LOOKED_AT_MAX {
        let begin = end.saturating_sub(CHUNK as u64);
        let after_seq = begin.checked_sub(1);
        let filter = QueueFilter { after_seq, limit: Some(CHUNK), ..QueueFilter::default() };
        let listing = reader.queue().items(&filter).await.map_err(failed)?;
        looked_at += CHUNK;
        for item in listing.items.iter().rev().filter(|item| item.seq < end && is_plain(item.queue_id().as_str())) {
            if !completed.offer(begun, item.queue_id().as_str()) {
                return Ok(completed);
            }
        }
        end = begin;
    }
    completed.has_more = end > 0;
    Ok(completed)
}

async fn reports(reader: &Reader, id: &RunId, begun: &str) -> Result<Completed, Unread> {
    let mut completed = Completed::default();
    let names = match reader.runs().report_names(id).await {
        Ok(names) => names,
        Err(ReadProblem::NotFound) => return Ok(completed),
        Err(problem) => return Err(unread_of(problem)),
    };
    for name in names.iter().filter(|name| is_plain(name)) {
        if !completed.offer(begun, name) {
            break;
        }
    }
    Ok(completed)
}

/// Whether an id that a run chose is what it looks like.
fn is_plain(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@' | '+');
    !id.is_empty() && id.len() <= 256 && id.chars().all(plain) && untrusted::is_plain(id)
}
