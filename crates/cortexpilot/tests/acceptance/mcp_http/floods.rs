//! Clients that send a great deal and read nothing, and messages far beyond any limit: a defined answer each, the process
//! alive, and little memory.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use cortexpilot_runs::fixture::RunFixture;
use rustix::process::Pid;
use serde_json::{Value, json};

use crate::support::mcp_http::READONLY;
use crate::support::process::PATIENCE;
use crate::support::{Home, McpHttp, STATELESS, TOKEN};

const CALLS: usize = 60_000;

/// What a server may hold at most, in KiB.
const MEMORY_KIB: u64 = 64 * 1024;

/// A client whose message is not taken for so long is one that is made to wait.
const STALLED: Duration = Duration::from_millis(500);

fn home() -> Home {
    let home = Home::new();
    for number in 0..20 {
        home.run(&RunFixture::new(&format!("run_{number:02}")));
    }
    home
}

/// The most memory that a process ever had, in KiB.
fn peak_kib(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel says so");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// Holds the process to its memory; gives how much it had at most.
fn assert_small(pid: Pid, what: &str) -> u64 {
    let peak = peak_kib(pid);
    assert!(peak < MEMORY_KIB, "{what}: {peak} KiB");
    peak
}

/// Writes until everything is taken, or until nothing is for a while; gives how much was.
fn push(mut to: impl std::io::Write, mut bytes: &[u8]) -> usize {
    let all = bytes.len();
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(taken) => bytes = &bytes[taken..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("the server hung up: {error}"),
        }
    }
    all - bytes.len()
}

#[test]
fn sixty_thousand_calls_over_stdio_by_a_client_that_reads_nothing_are_answered_when_it_does() {
    let home = home();
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_write_timeout(Some(STALLED)).unwrap();
    let mut command = home.command(&["mcp-readonly-server"], &[]);
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // The command holds the other end as long as it lives, and the server must see the end of its input.
    drop(command);
    let pid = Pid::from_child(&child);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientInfo": {"name": "flood", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    let call = |id: usize| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "get_run", "arguments": {"run_id": ".."}, "_meta": meta}})
        .to_string()
            + "\n"
    };
    let flood: Vec<u8> = (0..CALLS).flat_map(|id| call(id).into_bytes()).collect();
    let taken = push(&ours, &flood);
    assert!(taken < flood.len(), "a client that reads nothing is made to wait");
    let peak = assert_small(pid, "60,000 calls over standard input, none of whose answers was read");
    println!("figure: {peak} KiB at most after {CALLS} calls over standard input by a client that reads nothing");
    // Now it reads, and has one answer to each.
    let rest = flood[taken..].to_vec();
    let writer = std::thread::spawn(move || {
        ours.set_write_timeout(Some(PATIENCE)).unwrap();
        (&ours).write_all(&rest).unwrap();
    });
    let mut seen = vec![false; CALLS];
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let id = line.strip_prefix("{\"jsonrpc\":\"2.0\",\"id\":").and_then(|rest| rest.split(',').next()).unwrap();
        let id: usize = id.parse().unwrap();
        assert!(!std::mem::replace(&mut seen[id], true), "{id} was answered twice");
    }
    writer.join().unwrap();
    assert!(seen.iter().all(|seen| *seen), "every call was answered");
    assert!(child.wait().unwrap().success());
}

#[test]
fn sixty_thousand_calls_over_http_by_clients_that_read_nothing_are_answered_when_they_do() {
    const CLIENTS: usize = 8;
    let home = home();
    let server = home.readonly_http(&[]);
    let pid = server.process().pid();
    let request = |last: bool| {
        let arguments = r#""name":"get_run","arguments":{"run_id":".."}"#;
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{arguments}}}}}"#);
        let close = if last { "connection: close\r\n" } else { "" };
        format!(
            "POST {READONLY} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\n{close}content-type: \
             application/json\r\naccept: application/json, text/event-stream\r\nmcp-protocol-version: \
             2025-11-25\r\ncontent-length: {}\r\n\r\n{body}",
            server.address,
            body.len()
        )
    };
    let each = CALLS.div_ceil(CLIENTS);
    let flood = request(false).repeat(each - 1) + &request(true);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let stream = TcpStream::connect(&server.address).unwrap();
        stream.set_write_timeout(Some(STALLED)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let taken = push(&stream, flood.as_bytes());
        clients.push((stream, taken));
    }
    assert_small(pid, "60,000 calls over HTTP, none of whose answers was read");
    let mut told = std::collections::BTreeMap::<String, usize>::new();
    for (stream, taken) in clients {
        let rest = flood.as_bytes()[taken..].to_vec();
        let to = stream.try_clone().unwrap();
        let writer = std::thread::spawn(move || {
            to.set_write_timeout(Some(PATIENCE)).unwrap();
            (&to).write_all(&rest).unwrap();
        });
        let mut answers = String::new();
        BufReader::new(stream).read_to_string(&mut answers).unwrap();
        writer.join().unwrap();
        for (at, _) in answers.match_indices("HTTP/1.1 ") {
            *told.entry(answers[at + 9..at + 12].to_owned()).or_default() += 1;
        }
    }
    assert_eq!(told.values().sum::<usize>(), each * CLIENTS, "{told:?}");
    assert!(told.keys().all(|status| ["200", "429"].contains(&status.as_str())), "{told:?}");
    assert!(told["200"] >= 200, "{told:?}");
    let peak = assert_small(pid, "the same, read to the end");
    println!("figure: {peak} KiB at most after {CALLS} calls over HTTP by clients that read nothing");
    assert!(server.stop().status.success());
}

#[test]
fn a_message_of_sixteen_mebibytes_is_refused_and_costs_little_memory() {
    let home = home();
    let long = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "list_runs", "arguments": {"cursor": "x".repeat(16 * 1024 * 1024)}}})
    .to_string();
    let server = home.readonly_http(&[]);
    for _ in 0..4 {
        let mut client = McpHttp::new(&server, READONLY, Some(TOKEN), STATELESS);
        let request = client.raw(&long);
        let answer = client.send(&request);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (413, &json!(-32600)));
        let mut next = McpHttp::new(&server, READONLY, Some(TOKEN), STATELESS);
        next.call("list_runs", "{}").answer();
    }
    assert_small(server.process().pid(), "four messages of 16 MiB over HTTP");
    assert!(server.stop().status.success());

    let mut stdio = home.readonly(STATELESS, &[]);
    for _ in 0..4 {
        stdio.send(long.as_bytes());
        let answer: Value = stdio.message();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &Value::Null));
    }
    stdio.call("list_runs", "{}").answer();
    let process = stdio.into_process();
    assert_small(process.pid(), "four messages of 16 MiB over standard input");
    assert!(process.finish().status.success());
}
