//! Whatever a client gives a stdio server as standard input and output is read and written, and left as it was.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use cortexpilot_runs::fixture::RunFixture;
use rustix::fs::OFlags;
use serde_json::{Value, json};

use crate::support::{Home, McpServer, Running, Terminal};

const SERVERS: [McpServer; 2] = [McpServer::Readonly, McpServer::Pilot];

/// A handshake, and a question with a short answer.
const ASKED: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"it","version":"1"}}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    "\n",
    r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#,
    "\n",
);

fn ids(answered: &str) -> Vec<u64> {
    let id = |line: &str| serde_json::from_str::<Value>(line).expect("a message")["id"].as_u64().expect("an id");
    answered.lines().map(id).collect()
}

fn waits(end: &OwnedFd) -> bool {
    !rustix::fs::fcntl_getfl(end).expect("flags").contains(OFlags::NONBLOCK)
}

#[test]
fn pipes_and_sockets_still_wait_for_whoever_shares_them() {
    let home = Home::with_run();
    for server in SERVERS {
        for sockets in [false, true] {
            let ends = || -> (OwnedFd, OwnedFd) {
                if sockets {
                    let (ours, theirs) = UnixStream::pair().expect("a pair");
                    (ours.into(), theirs.into())
                } else {
                    let (read, write) = std::io::pipe().expect("a pipe");
                    (read.into(), write.into())
                }
            };
            let (one, other) = ends();
            let (stdin, input) = if sockets { (other, one) } else { (one, other) };
            let (output, stdout) = ends();
            // Other handles of the same ends, as a parent or a second child of it might have.
            let shared = [&stdin, &stdout].map(|end| end.try_clone().expect("a handle"));
            let stderr = if sockets { stdout.try_clone().map(Stdio::from) } else { Ok(Stdio::null()) };
            let mut command = home.command(&[], &[server.command()]);
            let mut child = Running::start(
                command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(stderr.expect("a handle")),
            );
            drop(command);
            let mut input = File::from(input);
            input.write_all(ASKED.as_bytes()).expect("it reads");
            let mut lines = BufReader::new(File::from(output)).lines();
            let answered: Vec<String> = lines.by_ref().take(2).map(|line| line.expect("it answers")).collect();
            assert_eq!(ids(&answered.join("\n")), [1, 2], "sockets: {sockets}");
            assert_eq!(shared.each_ref().map(waits), [true, true], "sockets: {sockets}");
            // The end of its input is the end of it, although a handle of its own end is still open here.
            drop(input);
            assert_eq!(child.wait().code(), Some(0), "sockets: {sockets}");
        }
    }
}

#[test]
fn answers_larger_than_what_lies_between_arrive_whole_and_in_order() {
    let home = Home::new();
    let bulky = "x".repeat(4_000);
    let run = (0..150).fold(RunFixture::new("run_ok"), |run, n| run.event(&format!("E{n}"), json!({"text": bulky})));
    home.run(&run);
    let call = |id: u64| {
        let params = json!({"name": "get_run_events", "arguments": {"run_id": "run_ok", "limit": 500}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string() + "\n"
    };
    for sockets in [false, true] {
        let mut command = home.command(&[], &[McpServer::Readonly.command()]);
        let (mut input, output): (File, File) = if sockets {
            let (input, stdin) = UnixStream::pair().expect("a pair");
            let (output, stdout) = UnixStream::pair().expect("a pair");
            command.stdin(OwnedFd::from(stdin)).stdout(OwnedFd::from(stdout));
            (OwnedFd::from(input).into(), OwnedFd::from(output).into())
        } else {
            let (stdin, input) = std::io::pipe().expect("a pipe");
            let (output, stdout) = std::io::pipe().expect("a pipe");
            command.stdin(stdin).stdout(stdout);
            (OwnedFd::from(input).into(), OwnedFd::from(output).into())
        };
        let mut child = Running::start(command.stderr(Stdio::null()));
        drop(command);
        // Nothing is read before everything has been asked.
        input.write_all(ASKED.as_bytes()).expect("it reads");
        for id in 3..7 {
            input.write_all(call(id).as_bytes()).expect("it reads");
        }
        drop(input);
        let mut answered = String::new();
        BufReader::new(output).read_to_string(&mut answered).expect("it answers");
        assert_eq!(child.wait().code(), Some(0));
        let mut told = ids(&answered);
        told.sort_unstable();
        assert_eq!(told, [1, 2, 3, 4, 5, 6], "sockets: {sockets}");
        assert!(answered.len() > 500_000, "only {} bytes", answered.len());
    }
}

#[test]
fn a_file_is_as_good_as_a_pipe() {
    let home = Home::with_run();
    for server in SERVERS {
        let (asked, answered) = (home.path().join("asked"), home.path().join("answered"));
        std::fs::write(&asked, ASKED).expect("a file");
        let mut command = home.command(&[], &[server.command()]);
        command.stdin(File::open(&asked).expect("a file")).stdout(File::create(&answered).expect("a file"));
        assert_eq!(Running::start(command.stderr(Stdio::null())).wait().code(), Some(0));
        assert_eq!(ids(&std::fs::read_to_string(&answered).expect("a file")), [1, 2]);
    }
}

#[test]
fn nothing_to_read_is_an_end_like_any_other() {
    let home = Home::with_run();
    for server in SERVERS {
        let mut command = home.command(&[], &[server.command()]);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        assert_eq!(Running::start(command).wait().code(), Some(0));
        for redirected in ["<&-", "<&- >&-", "<&- >&- 2>&-", "</dev/null >/dev/null"] {
            let line = format!("exec \"$0\" \"$1\" {redirected}");
            let like = home.command(&[], &[server.command()]);
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(line).arg(like.get_program()).args(like.get_args());
            shell.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.current_dir(home.path());
            assert_eq!(Running::start(&mut shell).wait().code(), Some(0), "{redirected}");
        }
    }
}

#[test]
fn a_client_that_closes_its_end_ends_the_server() {
    let home = Home::with_run();
    for sockets in [false, true] {
        let mut command = home.command(&[], &[McpServer::Readonly.command()]);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        if sockets {
            let (output, stdout) = UnixStream::pair().expect("a pair");
            command.stdout(OwnedFd::from(stdout));
            drop(output);
        } else {
            command.stdout(std::io::pipe().expect("a pipe").1);
        }
        let mut child = Running::start(&mut command);
        drop(command);
        let mut input = child.0.stdin.take().expect("piped");
        // It may be gone before it has read everything.
        let _ = input.write_all(ASKED.as_bytes());
        assert_eq!(child.wait().code(), Some(0), "sockets: {sockets}");
        assert!(input.as_fd().try_clone_to_owned().is_ok(), "its input was open to the end");
    }
}

#[test]
fn a_terminal_can_be_typed_at() {
    let home = Home::with_run();
    let mut terminal = Terminal::start(home.command(&[], &[McpServer::Readonly.command()]));
    for line in ASKED.lines() {
        terminal.type_line(line);
    }
    terminal.wait_for(r#""id":2,"result""#);
}
