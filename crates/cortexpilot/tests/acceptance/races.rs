//! Many at once: what several callers and several processes may do to each other.
//!
//! - `one_preview`: sixteen callers apply the same preview; there is one item.
//! - `many_writers`: several processes write at once while others read; nothing is lost and no read fails.
//! - `rollback`: an item is cancelled and claimed at the same moment; one of them happens.
//! - `swapped_contract`: a run's contract changes under the caller's hands; what is queued is one contract, whole.
//!
//! Every race is started by a barrier or by an acknowledgement, never by waiting for time to pass.

mod many_writers;
mod one_preview;
mod rollback;
mod swapped_contract;

use std::sync::Barrier;

use serde_json::{Value, json};

use super::sound::{assert_sound, text};
use super::support::{Connection, Request};

/// The path under which a run is queued.
fn from_run(run: &str) -> String {
    format!("/api/queue/from-run/{run}")
}

/// Previews a run over HTTP; gives the whole answer.
fn preview(connection: &mut Connection, run: &str) -> Value {
    connection.send(&Request::post(&format!("{}/preview", from_run(run)), "{}")).answer()
}

/// The sound apply of a preview over HTTP.
fn apply_of(run: &str, preview_token: &str) -> Request {
    let body = json!({
        "confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": preview_token,
    });
    Request::post(&from_run(run), &body.to_string())
}

/// Runs every job on a thread of its own. All are let go at the same moment; the answers come back in order.
pub(crate) fn together<T: Send, J: FnOnce() -> T + Send>(jobs: Vec<J>) -> Vec<T> {
    let start = Barrier::new(jobs.len());
    let start = &start;
    std::thread::scope(|scope| {
        let run = |job: J| {
            scope.spawn(move || {
                start.wait();
                job()
            })
        };
        let running: Vec<_> = jobs.into_iter().map(run).collect();
        running.into_iter().map(|job| job.join().expect("one of the callers failed: see above")).collect()
    })
}
