//! One of the two servers, and what its calls cost.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Connection, Request, Response, Server};

/// What is measured, in the order in which a round does it.
pub(crate) const CALLS: [&str; 4] = ["preview", "apply", "cancel", "claim"];

const PREVIEW: usize = 0;
const APPLY: usize = 1;
const CANCEL: usize = 2;
const CLAIM: usize = 3;

/// A server with one connection to it.
pub(crate) struct Side {
    /// Its process id.
    id: u32,
    /// Ended when dropped.
    _server: Server,
    connection: Connection,
    times: [Vec<Duration>; CALLS.len()],
    cpu: [Vec<Duration>; CALLS.len()],
}

/// The two runs of a round: one that is cancelled, one that waits for a claim.
pub(crate) fn runs_of(round: usize) -> [String; 2] {
    [format!("run_cancelled_{round:05}"), format!("run_waiting_{round:05}")]
}

/// Every call once on each side, one side after the other.
pub(crate) fn round(mut sides: [&mut Side; 2], round: usize) {
    let [cancelled, waiting] = runs_of(round);
    let tokens = sides.each_mut().map(|side| {
        let shown = side.measured(PREVIEW, &preview(&cancelled));
        member(&shown, "preview_token")
    });
    let mut tokens = tokens.into_iter();
    let ids = sides.each_mut().map(|side| {
        let applied = side.measured(APPLY, &apply(&cancelled, &tokens.next().unwrap_or_default()));
        member(&applied, "queue_id")
    });
    let mut ids = ids.into_iter();
    for side in &mut sides {
        let path = format!("/api/queue/{}/cancel", ids.next().unwrap_or_default());
        let answer = side.measured(CANCEL, &Request::post(&path, "{}"));
        assert_eq!(answer["status"], "CANCELLED");
    }
    // So that there is something to claim on the empty side too.
    for side in &mut sides {
        let shown = side.connection.send(&preview(&waiting)).answer();
        side.connection.send(&apply(&waiting, &member(&shown, "preview_token"))).answer();
    }
    for side in sides {
        let answer = side.measured(CLAIM, &Request::post("/api/queue/claim", r#"{"worker":"bench"}"#));
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

fn preview(run: &str) -> Request {
    Request::post(&format!("/api/queue/from-run/{run}/preview"), "{}")
}

fn apply(run: &str, token: &str) -> Request {
    let body = json!({"confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": token});
    Request::post(&format!("/api/queue/from-run/{run}"), &body.to_string())
}

fn member(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}")).to_owned()
}

impl Side {
    /// Starts a server.
    pub(crate) fn start(start: impl FnOnce() -> Server) -> Self {
        let before = children();
        let server = start();
        let id = children().difference(&before).copied().next().expect("a server was started");
        Self { id, connection: server.connect(), _server: server, times: Default::default(), cpu: Default::default() }
    }

    fn measured(&mut self, call: usize, request: &Request) -> Value {
        let cpu = self.cpu_spent();
        let started = Instant::now();
        let response: Response = self.connection.send(request);
        self.times[call].push(started.elapsed());
        self.cpu[call].push(self.cpu_spent().saturating_sub(cpu));
        response.answer()
    }

    /// Processor time of all the server's threads, as the scheduler counts it in nanoseconds.
    fn cpu_spent(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id)).expect("a running process has threads");
        let of_thread = |path: PathBuf| -> u64 {
            // A thread that has just ended has nothing to say.
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split_whitespace().next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0)
        };
        Duration::from_nanos(tasks.filter_map(|task| Some(of_thread(task.ok()?.path()))).sum())
    }

    /// The median time to an answer.
    pub(crate) fn time_us(&self, call: usize) -> f64 {
        median_us(&self.times[call])
    }

    /// The median processor time of a call.
    pub(crate) fn cpu_us(&self, call: usize) -> f64 {
        median_us(&self.cpu[call])
    }

    /// Memory that the server holds.
    pub(crate) fn resident_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
    }
}

/// The processes that this one has started.
fn children() -> BTreeSet<u32> {
    let threads = std::fs::read_dir("/proc/self/task").expect("this process has threads");
    let of_thread = |path: PathBuf| std::fs::read_to_string(path.join("children")).unwrap_or_default();
    let ids: Vec<String> = threads.filter_map(|thread| Some(of_thread(thread.ok()?.path()))).collect();
    ids.iter().flat_map(|ids| ids.split_whitespace()).filter_map(|id| id.parse().ok()).collect()
}

fn median_us(samples: &[Duration]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).map_or(0.0, |median| median.as_secs_f64() * 1_000_000.0)
}
