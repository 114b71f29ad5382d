//! Counts of answers since the process started: what was refused and never recorded (an unauthenticated request leaves
//! no line anywhere) is counted here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::receipts::SigningHealth;

use super::call::Call;
use super::table::{Answer, Operation, operation};

/// Counters by operation, status and code. As many as the table allows and no more: nothing a caller sends is a label.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    answers: [Answers; SHARDS],
    /// Tool calls by server, tool and outcome.
    calls: Mutex<BTreeMap<[&'static str; 3], u64>>,
}

/// Threads count apart as far as they can: they would wait for each other at every request.
const SHARDS: usize = 8;

/// What some threads counted, alone on its line of the processor's memory.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Answers(Mutex<BTreeMap<Label, u64>>);

thread_local! {
    static SHARD: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Label {
    operation: &'static str,
    status: u16,
    code: &'static str,
}

impl Counters {
    /// Counts one answer. `operation` is absent where no operation was reached, `code` where nothing was refused.
    pub(crate) fn count(&self, operation: Option<&'static str>, status: StatusCode, code: Option<ErrorCode>) {
        let operation = operation.unwrap_or("none");
        let label = Label { operation, status: status.as_u16(), code: code.map_or("", ErrorCode::as_str) };
        let shard = SHARD.try_with(|shard| *shard).unwrap_or_default();
        *lock(&self.answers[shard].0).entry(label).or_default() += 1;
    }

    /// What all threads counted.
    fn answers(&self) -> BTreeMap<Label, u64> {
        let mut all = BTreeMap::new();
        for Answers(some) in &self.answers {
            for (label, count) in &*lock(some) {
                *all.entry(*label).or_default() += count;
            }
        }
        all
    }

    /// The Prometheus text format, version 0.0.4. Labels are our own words, so none needs escaping.
    fn text(&self) -> String {
        let mut out = String::from(
            "# HELP cortexpilot_http_answers_total Answers by operation, status and code since the process started.\n\
             # TYPE cortexpilot_http_answers_total counter\n",
        );
        for (Label { operation, status, code }, count) in self.answers() {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "cortexpilot_http_answers_total{{operation=\"{operation}\",status=\"{status}\",code=\"{code}\"}} {count}"
            );
        }
        let calls = lock(&self.calls);
        if !calls.is_empty() {
            out.push_str(
                "# HELP cortexpilot_mcp_calls_total Tool calls over HTTP by server, tool and outcome since the process started.\n\
                 # TYPE cortexpilot_mcp_calls_total counter\n",
            );
        }
        for ([server, tool, outcome], count) in &*calls {
            let _ = writeln!(
                out,
                "cortexpilot_mcp_calls_total{{server=\"{server}\",tool=\"{tool}\",outcome=\"{outcome}\"}} {count}"
            );
        }
        out
    }

    /// Counts one tool call over HTTP: `outcome` is `ok` or the code that the tool answered with.
    pub(crate) fn count_call(&self, server: &'static str, tool: &'static str, outcome: &'static str) {
        *lock(&self.calls).entry([server, tool, outcome]).or_default() += 1;
    }
}

fn lock<T>(counters: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while holding it leaves whole counters.
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the signed log stands, likewise.
fn signing(health: &SigningHealth) -> String {
    let SigningHealth { signing, queue_lines, decision_lines, at, failures, .. } = health;
    let mut out = format!(
        "# HELP cortexpilot_checkpoint_signing Whether the last try to sign a checkpoint came to this.\n\
         # TYPE cortexpilot_checkpoint_signing gauge\n\
         cortexpilot_checkpoint_signing{{state=\"{}\"}} 1\n\
         # HELP cortexpilot_checkpoint_lines Lines under the last checkpoint that this process signed or found.\n\
         # TYPE cortexpilot_checkpoint_lines gauge\n\
         cortexpilot_checkpoint_lines{{file=\"queue.jsonl\"}} {queue_lines}\n\
         cortexpilot_checkpoint_lines{{file=\"decisions.jsonl\"}} {decision_lines}\n\
         # HELP cortexpilot_checkpoint_failures_total Failures to sign since the process started.\n\
         # TYPE cortexpilot_checkpoint_failures_total counter\n\
         cortexpilot_checkpoint_failures_total {failures}\n",
        signing.as_str()
    );
    if let Some(at) = at {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "# HELP cortexpilot_checkpoint_timestamp_seconds When every durable line was last under a checkpoint.\n\
             # TYPE cortexpilot_checkpoint_timestamp_seconds gauge\n\
             cortexpilot_checkpoint_timestamp_seconds {}\n",
            at.as_second()
        );
    }
    out
}

pub(super) fn operations() -> Vec<Operation> {
    vec![operation!(show, Read, Token).cleaned_by_handler()]
}

/// Counts of answers since the process started, of what happened to items, and how the work stands, as Prometheus text.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "server",
    responses((
        status = 200,
        description = "The counters in the Prometheus text format, version 0.0.4.",
        body = String,
        content_type = "text/plain"
    ))
)]
pub(crate) fn show(call: Call) -> Answer {
    Box::pin(async move {
        let mut text = call.state.edge.counters().text();
        if let Some(receipts) = call.state.app.receipts() {
            text.push_str(&signing(&receipts.health()));
        }
        text.push_str(&call.state.tally.text(call.state.app.reader()).await);
        let mut response = Response::new(Body::from(text));
        let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
        Ok(response)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_apart_is_told_as_one() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(|| {
                    counters.count(Some("queue_get"), StatusCode::OK, None);
                    counters.count(None, StatusCode::NOT_FOUND, Some(ErrorCode::QueueItemNotFound));
                });
            }
        });
        let text = counters.text();
        let told: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            told,
            [
                "cortexpilot_http_answers_total{operation=\"none\",status=\"404\",code=\"QUEUE_ITEM_NOT_FOUND\"} 16",
                "cortexpilot_http_answers_total{operation=\"queue_get\",status=\"200\",code=\"\"} 16",
            ]
        );
    }
}
