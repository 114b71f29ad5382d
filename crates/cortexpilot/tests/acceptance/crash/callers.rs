//! Callers that take a dying server for what it is: they remember what they were told, and what they asked in vain.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::sound::text;
use crate::support::process::PATIENCE;
use crate::support::{Home, TOKEN};

/// Calls that a caller over MCP has in flight.
const WINDOW: usize = 6;

/// What a caller can say at its end.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Lines that it was told of: event and queue id.
    pub(crate) acknowledged: Vec<(&'static str, String)>,
    /// Runs of which an apply was refused: each refusal that was answered is on record.
    pub(crate) refused: Vec<String>,
    /// What it asked for without an answer.
    pub(crate) in_doubt: Vec<Doubt>,
}

/// A command without an answer: its line may be there or not.
#[derive(Debug, Clone)]
pub(crate) enum Doubt {
    /// The apply of a preview, by the surface it was made on.
    Enqueue { run: String, preview_token: String, over_mcp: bool },
    /// The cancel of an item.
    Cancel { queue_id: String },
    /// A claim, by a worker's name that nobody else has.
    Claim { worker: String },
}

/// One caller, on one connection.
pub(crate) struct Caller<'a> {
    home: &'a Home,
    runs: &'a AtomicUsize,
    index: usize,
    says: Sender<usize>,
    stop: &'a AtomicBool,
    log: Log,
}

impl<'a> Caller<'a> {
    /// The caller of this number. It says its number with each acknowledgement.
    pub(crate) fn new(
        home: &'a Home,
        runs: &'a AtomicUsize,
        index: usize,
        says: Sender<usize>,
        stop: &'a AtomicBool,
    ) -> Self {
        Self { home, runs, index, says, stop, log: Log::default() }
    }

    /// Queues runs, is refused now and then, cancels some of the items and claims others, until the server is gone or the time has come to stop.
    pub(crate) fn over_http(mut self, address: &str) -> Log {
        if let Some(mut line) = Line::open(address) {
            while !self.stop.load(Ordering::SeqCst) && self.one_round(&mut line).is_some() {}
        }
        self.log
    }

    /// `None`: the server is gone.
    fn one_round(&mut self, line: &mut Line) -> Option<()> {
        let (number, run) = self.next_run();
        let path = format!("/api/queue/from-run/{run}");
        let shown = line.post(&format!("{path}/preview"), &json!({}))?.expect_ok();
        let preview_token = text(&shown, "preview_token").to_owned();
        if number % 5 == 2 {
            let refused = line.post(&path, &json!({"confirm": false, "preview_token": preview_token}))?;
            assert_eq!(refused.body["detail"]["code"], "CONFIRM_REQUIRED", "{}", refused.body);
            self.log.refused.push(run.clone());
        }
        let body = apply(&json!({"preview_token": preview_token}), number);
        let Some(applied) = line.post(&path, &body) else {
            self.log.in_doubt.push(Doubt::Enqueue { run, preview_token, over_mcp: false });
            return None;
        };
        let queue_id = text(&applied.expect_ok(), "queue_id").to_owned();
        self.acknowledged("QUEUE_ENQUEUE", queue_id.clone());
        match number % 4 {
            0 => self.cancel(line, queue_id),
            1 => self.claim(line, number),
            _ => Some(()),
        }
    }

    fn cancel(&mut self, line: &mut Line, queue_id: String) -> Option<()> {
        let Some(answer) = line.post(&format!("/api/queue/{queue_id}/cancel"), &json!({"reason": "not this one"}))
        else {
            self.log.in_doubt.push(Doubt::Cancel { queue_id });
            return None;
        };
        // Another caller may have claimed it.
        let refused = answer.status == 409 && answer.body["detail"]["code"] == "QUEUE_ITEM_NOT_CANCELLABLE";
        if !refused {
            answer.expect_ok();
            self.acknowledged("QUEUE_CANCEL", queue_id);
        }
        Some(())
    }

    fn claim(&mut self, line: &mut Line, number: usize) -> Option<()> {
        let worker = format!("worker-{number}");
        let Some(answer) = line.post("/api/queue/claim", &json!({"worker": worker})) else {
            self.log.in_doubt.push(Doubt::Claim { worker });
            return None;
        };
        let claimed = answer.expect_ok();
        if claimed["ok"] == true {
            self.acknowledged("QUEUE_CLAIM", text(&claimed["item"], "queue_id").to_owned());
        }
        Some(())
    }

    /// Queues runs, several at a time, until the server is gone or the time has come to stop.
    pub(crate) fn over_mcp(mut self, mut pipes: Pipes) -> Log {
        while !self.stop.load(Ordering::SeqCst) && self.one_window(&mut pipes).is_some() {}
        self.log
    }

    fn one_window(&mut self, pipes: &mut Pipes) -> Option<()> {
        let runs: Vec<(usize, String)> = (0..WINDOW).map(|_| self.next_run()).collect();
        for (number, run) in &runs {
            pipes.call(*number, "preview_enqueue_from_run", &json!({"run_id": run}))?;
        }
        let mut waiting: Vec<(usize, String, String)> = Vec::new();
        for _ in &runs {
            let (number, shown) = pipes.answer()?;
            let run = runs.iter().find(|(known, _)| *known == number).map(|(_, run)| run.clone());
            waiting.push((number, run.expect("an answer to one of ours"), text(&shown, "preview_token").to_owned()));
        }
        let mut alive = Some(());
        for (number, run, preview_token) in &waiting {
            let inputs = json!({"run_id": run, "actor_role": "OPS", "preview_token": preview_token});
            // What was asked before the pipe broke may have been carried out, and so may this.
            alive = alive.and_then(|()| pipes.call(*number, "enqueue_from_run", &apply(&inputs, *number)));
        }
        while let Some((number, applied)) = pipes.answer_while(!waiting.is_empty()) {
            waiting.retain(|(known, ..)| *known != number);
            self.acknowledged("QUEUE_ENQUEUE", text(&applied, "queue_id").to_owned());
        }
        let in_doubt = waiting.into_iter();
        self.log.in_doubt.extend(in_doubt.map(|(_, run, preview_token)| Doubt::Enqueue {
            run,
            preview_token,
            over_mcp: true,
        }));
        alive.filter(|()| self.log.in_doubt.is_empty())
    }

    fn acknowledged(&mut self, event: &'static str, queue_id: String) {
        self.log.acknowledged.push((event, queue_id));
        // Nobody listens any more once the victim is chosen and the rest is only waited for.
        _ = self.says.send(self.index);
    }

    /// Writes a run that nobody has seen before.
    fn next_run(&self) -> (usize, String) {
        let number = self.runs.fetch_add(1, Ordering::SeqCst);
        let run = format!("run_{number:05}");
        self.home.run(&RunFixture::new(&run).without_hash_chain());
        (number, run)
    }
}

/// A sound apply. Some lines are long, so that a batch spans several pages and a kill can tear it.
fn apply(inputs: &Value, number: usize) -> Value {
    let reason = if number.is_multiple_of(3) { "again and again ".repeat(120) } else { "again".to_owned() };
    let mut body = json!({"confirm": true, "requested_by": "Ada", "approval_reason": reason});
    for (name, value) in inputs.as_object().expect("inputs are an object") {
        body[name] = value.clone();
    }
    body
}

/// An HTTP connection whose other end may vanish.
struct Line {
    stream: BufReader<TcpStream>,
    host: String,
}

struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn expect_ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }
}

impl Line {
    fn open(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self { stream: BufReader::new(stream), host: address.to_owned() })
    }

    /// `None`: no whole answer came.
    fn post(&mut self, path: &str, body: &Value) -> Option<Answer> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\nx-cortexpilot-role: OPS\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).ok()?;
        let status = self.header_line()?.split(' ').nth(1)?.parse().ok()?;
        let mut length = None;
        loop {
            let line = self.header_line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            length = line.strip_prefix("content-length:").map(|length| length.trim().parse().ok()).or(length);
        }
        let mut body = vec![0; length.flatten().expect("answers say their length")];
        self.stream.read_exact(&mut body).ok()?;
        Some(Answer { status, body: serde_json::from_slice(&body).expect("answers are JSON") })
    }

    fn header_line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }
}

/// A pilot process. Dropping it kills it.
pub(crate) struct Pilot(Child);

/// Its ends, for the caller that talks to it.
pub(crate) struct Pipes {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Pilot {
    /// Starts a pilot server and shakes hands.
    pub(crate) fn start(mut command: Command) -> (Self, Pipes) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the pilot server can be started");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut pipes = Pipes {
            stdin: stdin.expect("invariant: it is piped"),
            stdout: BufReader::new(stdout.expect("invariant: it is piped")),
        };
        let client = json!({"name": "acceptance", "version": "1"});
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let sent = pipes.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}));
        sent.and_then(|()| pipes.message()).expect("the pilot server answers");
        pipes.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).expect("it listens");
        (Self(child), pipes)
    }

    /// Kills it: nothing of it runs any more when this returns.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("a child can be killed");
        self.0.wait().expect("a child can be waited for");
    }

    /// Waits for the end of a server whose input was closed.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.0.wait().expect("a child can be waited for")
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Pipes {
    fn send(&mut self, message: &Value) -> Option<()> {
        self.stdin.write_all(format!("{message}\n").as_bytes()).ok()
    }

    fn call(&mut self, id: usize, tool: &str, arguments: &Value) -> Option<()> {
        let call = json!({"name": tool, "arguments": arguments});
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call}))
    }

    fn message(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).ok()?;
        // Half a line is no answer.
        line.ends_with('\n').then(|| serde_json::from_str(&line).expect("the server writes JSON"))
    }

    /// The next tool's answer with the number of its call; it must not be a refusal. `None`: the server is gone.
    fn answer(&mut self) -> Option<(usize, Value)> {
        let message = self.message()?;
        assert_eq!(message["result"]["isError"], false, "{message}");
        let id = message["id"].as_u64().and_then(|id| usize::try_from(id).ok());
        Some((id.expect("an answer has its call's id"), message["result"]["structuredContent"].clone()))
    }

    fn answer_while(&mut self, wanted: bool) -> Option<(usize, Value)> {
        if wanted { self.answer() } else { None }
    }
}
