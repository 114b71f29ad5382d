//! No token, no static token and no webhook secret stands in any log, ledger, entry of a process or notice.
//!
//! Each process that any test here starts is held to that when it ends, and each home when it is dropped (see
//! `support::secrets`). This is the session that goes out of its way: tokens where they belong and where they do not, through
//! every surface, with everything logged.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::channel;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::json;

use super::cast::{LOG, Token, clerk, decide, no, policy, request, serve, yes};
use crate::support::process::PATIENCE;
use crate::support::secrets::{assert_none_in, keep, tokens_in};
use crate::support::{GATE_OPEN, Home, Request, STATELESS, TOKEN, apply as mcp_apply};

/// Takes so many notices and gives what came, heads and bodies.
fn receiver(notices: usize) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?key=of-the-receiver", listener.local_addr().unwrap());
    let (send, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(notices) {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
            _ = send.send(head + &String::from_utf8(body).unwrap());
        }
    });
    (url, received)
}

/// Looks at every file below a directory, as text; gives how many there are.
fn every_file(dir: &Path, look: &mut dyn FnMut(&Path, &str)) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += every_file(&path, look);
        } else {
            look(&path, &String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()));
            files += 1;
        }
    }
    files
}

#[test]
fn no_token_stands_in_any_log_ledger_entry_or_notice() {
    let home = Home::new();
    for run in ["run_a", "run_b"] {
        home.run(&RunFixture::new(run));
    }
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    let (url, notices) = receiver(2);
    let environment = [
        policy("operator"),
        ("CORTEXPILOT_APPROVAL_WEBHOOK", url.as_str()),
        ("CORTEXPILOT_APPROVAL_WEBHOOK_SECRET", "a-webhook-secret-of-this-test"),
    ];
    let server = serve(&home, &environment);
    let mut connection = server.connect();

    // Where tokens belong: headers and cookies.
    let cookie = Request::new("GET", "/api/queue").header("cookie", &format!("cortexpilot_api_token={}", ann.text));
    assert_eq!(connection.send(&cookie).status, 200);
    assert_eq!(connection.send(&Request::get("/api/tokens")).status, 200);
    let id = request(&server, &robot, "run_a");
    assert_eq!(connection.send(&yes(&ann, &id)).status, 200);

    // Or they are exchanged for a session; and its secret, too, belongs into its cookie alone.
    let login = home.cli(&["console", "login", "--url", "http://127.0.0.1:1"], &[LOG, ann.environment()]).answer();
    let login = login["url"].as_str().unwrap().split_once("#login=").unwrap().1.to_owned();
    let by_login =
        Request::post("/api/session", &json!({"login": login}).to_string()).header("x-cortexpilot-csrf", "1");
    let signed_in = connection.send(&by_login);
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let session = signed_in.header("set-cookie").unwrap().split([';', '=']).nth(1).unwrap().to_owned();
    let cookie = Request::new("GET", "/api/session").header("cookie", &format!("cortexpilot_session={session}"));
    assert_eq!(connection.send(&cookie).status, 200);
    assert_none_in("who is signed in", &connection.send(&cookie).text());
    assert_eq!(connection.send(&by_login).code(), "AUTH_INVALID_TOKEN");

    // Where they do not: queries, paths, role headers, bodies that are no JSON, ids, other headers.
    for secret in [ann.text.as_str(), TOKEN, &robot.text[..robot.text.len() - 4], &session, &login] {
        for call in [
            Request::new("GET", &format!("/api/queue?token={secret}")),
            ann.get(&format!("/api/queue?status={secret}")),
            ann.get(&format!("/api/queue?{secret}=1")),
            ann.get(&format!("/api/approvals?cursor={secret}")),
            ann.get(&format!("/?access_token={secret}")),
            Request::new("GET", "/api/queue").bearer(&format!("{secret}x")),
            Request::new("GET", "/api/queue").header("authorization", &format!("Basic {secret}")),
            Request::new("POST", "/api/queue/claim").bearer(&ann.text).header("x-cortexpilot-role", secret).json("{}"),
            Request::new("POST", "/api/queue/claim").bearer(&ann.text).header("x-cortexpilot-role", "OPS").json(secret),
            Request::new("GET", "/api/queue").bearer(&ann.text).header("origin", &format!("https://{secret}.example")),
        ] {
            assert!(connection.send(&call).status < 500, "{call:?}");
        }
    }

    // A pilot that acts with a token, and is sent it too.
    let pilot_environment = [&[GATE_OPEN, LOG, robot.environment()], &environment[..]].concat();
    let mut pilot = home.pilot(STATELESS, &pilot_environment);
    pilot.call("preview_enqueue_from_run", r#"{"run_id":"run_b"}"#).answer();
    let waits = pilot.call("enqueue_from_run", &mcp_apply("run_b", json!({}))).answer().clone();
    pilot.send(robot.text.as_bytes());
    assert_eq!(pilot.message()["error"]["code"], -32700);
    assert_eq!(pilot.call(&robot.text, "{}").error(), Some(-32602));
    for arguments in [json!({"run_id": robot.text}), json!({"run_id": "run_b", "token": robot.text})] {
        assert_ne!(pilot.call("preview_enqueue_from_run", &arguments.to_string()).code(), "");
    }

    // What operators do and look at.
    for line in [
        &["token", "list"][..],
        &["gate", "status"],
        &["gate", "policy", "show"],
        &["approval", "list"],
        &["config", "show"],
        &["audit", "verify"],
        &["queue", "list"],
    ] {
        let ran =
            home.cli(line, &[&[LOG, ann.environment(), ("CORTEXPILOT_API_TOKEN", TOKEN)], &environment[..]].concat());
        assert_eq!(ran.exit, Some(0), "{ran:#?}");
        assert_none_in(&line.join(" "), &ran.stdout);
    }
    let id = waits["approval"]["id"].as_str().unwrap();
    let shown = decide(&home, "reject", &ann, id, &[policy("operator")]);
    assert_eq!(shown.exit, Some(0), "{shown:#?}");
    assert_none_in("approval reject", &shown.stdout);
    let rotated = clerk(&home, &["token", "rotate", &robot.id, "--ttl", "1d"]);
    let [new] = &tokens_in(&rotated.stdout)[..] else { panic!("a new token is printed, once: {rotated:#?}") };
    assert_ne!(*new, robot.text);
    // A token that is none is a mistake, and people mistype real ones.
    let mistyped = &ann.text[..ann.text.len() - 1];
    let ran = home.cli(&["queue", "list"], &[LOG, ("CORTEXPILOT_TOKEN", mistyped)]);
    assert_eq!(ran.exit, Some(2), "{ran:#?}");
    assert_none_in("the answer to a mistyped token", &ran.stdout);

    for _ in 0..2 {
        let notice = notices.recv_timeout(PATIENCE).expect("a request is announced");
        assert!(notice.contains("approval.requested") || notice.contains("apr_"), "{notice}");
        assert_none_in("a notice", &notice);
    }

    // While the processes run, and say so in files of their own.
    let looked_at = every_file(home.root(), &mut |path, text| {
        if !path.components().any(|part| part.as_os_str() == "keys") {
            assert_none_in(&path.display().to_string(), text);
        }
    });
    assert!(looked_at > 10, "{looked_at}");

    let (served, piloted) = (server.stop(), pilot.finish());
    for (who, ended) in [("serve", &served), ("pilot", &piloted)] {
        // There is a log, so that nothing in it is worth something.
        assert!(ended.stderr.contains("DEBUG"), "{who} logged nothing:\n{}", ended.stderr);
        assert_none_in(who, &ended.stderr);
        assert_none_in(who, &ended.lines.join("\n"));
        assert!(!ended.stderr.contains("of-the-receiver"), "the webhook's query is as good as a password");
    }

    // A token that is none any more is as little to be said.
    clerk(&home, &["token", "revoke", &ann.id, "--reason", "the end"]);
    let server = serve(&home, &[]);
    assert_eq!(server.send(&no(&ann, "apr_0")).status, 401);
    assert_none_in("serve", &server.stop().stderr);
}

#[test]
fn what_a_server_prints_when_it_starts_holds_no_token() {
    let home = Home::new();
    let robot = Token::agent(&home, "robot");
    let given = [("CORTEXPILOT_API_TOKEN", TOKEN)];
    // The last `up` is given no token, and makes one.
    for (line, token) in [
        (&["serve"][..], &given[..]),
        (&["serve", "--output", "json"], &given),
        (&["up"], &given),
        (&["up", "--output", "json"], &given),
        (&["up"], &[]),
    ] {
        let environment = [&[LOG, GATE_OPEN, robot.environment(), ("CORTEXPILOT_API_PORT", "0")], token].concat();
        let mut process = crate::support::process::Process::spawn(home.command(line, &environment), &line.join(" "));
        let mut said = String::new();
        while !said.contains("http://127.0.0.1:") {
            said.push_str(&process.expect_line());
            said.push('\n');
        }
        if token.is_empty() {
            let made = std::fs::read_to_string(home.runtime().join("keys/api.token")).unwrap();
            assert!(made.trim().len() >= 16, "a token was made");
            keep(made.trim());
        }
        let ended = process.terminate();
        said.push_str(&ended.lines.join("\n"));
        assert!(ended.status.success(), "{line:?}: {said}");
        // Whoever starts `up` is shown one address that signs in once: on standard output, and nowhere else.
        let login = said.split_once("/#login=").map(|(_, rest)| rest.split(['\n', '"']).next().unwrap().to_owned());
        assert_eq!(login.is_some(), line[0] == "up", "{line:?}: {said}");
        if let Some(login) = login {
            keep(&login["cpl_".len()..]);
            said = said.replacen(&login, "", 1);
        }
        assert_none_in(&line.join(" "), &said);
    }
}
