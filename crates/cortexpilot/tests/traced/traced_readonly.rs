//! A session with the read-only server, all twelve tools and much noise: not one file is opened for writing, and no call
//! is made that could change one.

use cortexpilot_runs::fixture::RunFixture;
use cortexpilot_server::mcp::readonly::TOOLS;
use serde_json::{Value, json};

use crate::sound::text;
use crate::strace::{Call, Traced};
use crate::support::{Called, GATE_OPEN, Home, STATELESS, VERSIONS};

/// Every call that takes a file's name or descriptor.
const OPTIONS: [&str; 2] = ["-e", "trace=%file,%desc"];

/// Noise between two rounds of tools.
const NOISE: usize = 300;

/// Calls with a name or a descriptor that cannot change a file, whatever their arguments.
const HARMLESS: &[&str] = &[
    "access",
    "chdir",
    "close",
    "close_range",
    "connect",
    "dup",
    "dup2",
    "dup3",
    "epoll_create1",
    "epoll_ctl",
    "epoll_ctl_old",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd2",
    "execve",
    "faccessat",
    "faccessat2",
    "fchdir",
    "fcntl",
    "fgetxattr",
    "flock",
    "fstat",
    "fstatfs",
    "getcwd",
    "getdents64",
    "getsockopt",
    "getxattr",
    "inotify_add_watch",
    "ioctl",
    "lgetxattr",
    "lseek",
    "lstat",
    "munmap",
    "newfstatat",
    "pidfd_open",
    "pipe2",
    "poll",
    "ppoll",
    "pread64",
    "preadv",
    "preadv2",
    "pselect6",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "recvfrom",
    "recvmsg",
    "select",
    "sendmsg",
    "sendto",
    "setsockopt",
    "signalfd4",
    "socket",
    "socketpair",
    "stat",
    "statfs",
    "statx",
    "timerfd_create",
    "timerfd_settime",
];

/// Flags with which a file is opened to be changed, or made.
const WRITING: &[&str] = &["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"];

#[test]
fn a_session_of_all_tools_and_random_messages_opens_no_file_for_writing() {
    for version in [VERSIONS[0], STATELESS] {
        let home = home();
        let before = home.snapshot();
        // Beside the home, where nothing may appear.
        let beside = tempfile::tempdir().expect("a temporary directory can be made");
        let server = home.command(&["mcp-readonly-server"], &[GATE_OPEN]);
        let mut server = Traced::start(&server, &beside.path().join("trace"), &OPTIONS, version);
        let mut messages = 0;
        for round in 0..2 {
            for tool in TOOLS {
                messages += 1;
                let id = server.mcp.post_call(tool.name, &arguments_of(tool.name));
                Called::of(answer_to(&mut server, id)).answer();
            }
            if round == 0 {
                messages += noise(&mut server);
            }
        }
        let trace = server.finish();
        before.assert_unchanged(home.root(), "a session with the read-only server");
        let opened = trace.calls().iter().filter(|call| call.name.starts_with("open")).count();
        assert!(opened > TOOLS.len(), "the runs were read: {opened} files were opened");
        let changing: Vec<&Call> =
            trace.calls().iter().filter(|call| !is_harmless(call) && !call.opens_output_again()).collect();
        assert!(changing.is_empty(), "{changing:#?}");
        println!(
            "figure: {version}: {messages} messages, all {} tools; {} calls on names and descriptors, {opened} files opened, \
             none for writing",
            TOOLS.len(),
            trace.calls().len()
        );
    }
}

/// Runs of several kinds and a ledger with a history.
fn home() -> Home {
    let home = Home::new();
    home.run(
        &RunFixture::new("run_a")
            .workflow("wf_1")
            .event("DIFF_GATE_RESULT", json!({"ok": true}))
            .report("run_compare_report.json", json!({"compare_summary": {"mismatched_count": 0}}))
            .report("proof_pack.json", json!({"summary": "all good"}))
            .report("incident_pack.json", json!({"summary": "nothing happened"})),
    );
    home.run(
        &RunFixture::new("run_b").failed("diff gate").event("HUMAN_APPROVAL_REQUIRED", json!({"reason": ["look"]})),
    );
    home.run(&RunFixture::new("run_c").file("events.jsonl.bak", "not ours"));
    std::fs::write(home.runs().join("run_c/events.jsonl"), b"{\"torn\": ").expect("a run can be changed");
    let mut pilot = home.pilot(VERSIONS[0], &[GATE_OPEN]);
    for run in ["run_a", "run_a"] {
        let item = pilot.enqueue(run);
        let id = text(&item, "queue_id");
        assert_eq!(home.cli(&["queue", "cancel", id, "--role", "OPS"], &[]).exit, Some(0));
    }
    pilot.enqueue("run_a");
    pilot.finish();
    home
}

fn arguments_of(tool: &str) -> String {
    let arguments = match tool {
        "get_run"
        | "get_run_events"
        | "get_run_reports"
        | "get_compare_summary"
        | "get_proof_summary"
        | "get_incident_summary" => json!({"run_id": "run_a"}),
        "get_workflow" => json!({"workflow_id": "wf_1"}),
        _ => json!({}),
    };
    arguments.to_string()
}

/// Lines of every kind that a client could send by mistake or on purpose. Returns when the server has read them all; how
/// many they were.
fn noise(server: &mut Traced) -> usize {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for number in 0..NOISE {
        let line = chance.line(server, number);
        server.mcp.send(&line);
    }
    let last = server.mcp.post("tools/list", "");
    let listed = answer_to(server, last);
    assert_eq!(listed["result"]["tools"].as_array().map(Vec::len), Some(TOOLS.len()), "{listed}");
    NOISE
}

/// The answer to a request of ours. Answers to noise, which come whenever they are ready, are passed over.
fn answer_to(server: &mut Traced, id: u64) -> Value {
    loop {
        let message = server.mcp.message();
        if message["id"] == id {
            return message;
        }
    }
}

/// Xorshift (Marsaglia 2003), always the same sequence: what is sent can be sent again.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn of<'a, T: ?Sized>(&mut self, choice: &[&'a T]) -> &'a T {
        choice[usize::try_from(self.next() % choice.len() as u64).expect("invariant: an index")]
    }

    fn line(&mut self, server: &Traced, number: usize) -> Vec<u8> {
        // Ids of the noise are texts, so that they are never those of calls which are waited for.
        let id = format!("\"noise {number}\"");
        match self.next() % 5 {
            0 => self.bytes(),
            1 => {
                let method = self.of(&[
                    "resources/read",
                    "prompts/get",
                    "logging/setLevel",
                    "queue/cancel",
                    "tools/call",
                    "ping",
                    "\u{0}",
                ]);
                let params = self.of(&["{}", "[]", "null", "{\"uri\":\"file:///etc/passwd\"}", "{\"name\":1}"]);
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":{},\"params\":{params}}}", Value::from(method))
                    .into_bytes()
            }
            _ => {
                let mut tools: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
                tools.extend([
                    "enqueue_from_run",
                    "preview_enqueue_from_run",
                    "cancel_queue_item",
                    "write_file",
                    "approve",
                ]);
                let tool = self.of(&tools);
                let member = self.of(&["run_id", "workflow_id", "status", "cursor", "limit", "confirm", "path"]);
                let value = self.of(&[
                    "\"run_a\"",
                    "\"run_b\"",
                    "\"run_c\"",
                    "\"../../etc/passwd\"",
                    "\"/dev/zero\"",
                    "true",
                    "-1",
                    "{}",
                    "\"\"",
                ]);
                let call = format!("\"name\":{},\"arguments\":{{\"{member}\":{value}}}", Value::from(tool));
                let line = server.mcp.line(None, "tools/call", &call);
                // Some without an id: those are neither carried out nor answered.
                match self.next() % 4 {
                    0 => line.into_bytes(),
                    _ => line.replacen('{', &format!("{{\"id\":{id},"), 1).into_bytes(),
                }
            }
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.next() % 60;
        let byte = |_| u8::try_from(self.next() % 256).expect("invariant: a byte");
        (0..length).map(byte).filter(|byte| *byte != b'\n').collect()
    }
}

/// Whether a call leaves every file as it is.
fn is_harmless(call: &Call) -> bool {
    match call.name.as_str() {
        "open" | "openat" | "openat2" => !WRITING.iter().any(|flag| call.arguments.contains(flag)),
        // Standard output and error, and the runtime's own wake-ups; nothing that has a path.
        "write" | "writev" | "pwrite64" => call.target().is_some_and(|target| !target.starts_with('/')),
        "mmap" => !(call.arguments.contains("MAP_SHARED") && call.arguments.contains("PROT_WRITE")),
        name => HARMLESS.contains(&name),
    }
}
