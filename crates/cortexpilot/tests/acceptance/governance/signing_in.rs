//! Sessions of the console: what begins one, how often, by whom it can be made, and everything that ends it. Two processes,
//! restarts and the command line are here; what one server says to each request is held by its own crate's tests.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Barrier;

use serde_json::{Value, json};

use super::cast::{CLERK, LOG, Token, clerk, serve};
use crate::support::process::Process;
use crate::support::secrets::{assert_none_in, leak_in};
use crate::support::{Home, Request, Response, Server, TOKEN};

const INVALID: &str = "AUTH_INVALID_TOKEN";

/// What every process of the operator who set the server up has in its environment.
const STATIC: (&str, &str) = ("CORTEXPILOT_API_TOKEN", TOKEN);

fn sign_in(by: &Value) -> Request {
    Request::new("POST", "/api/session").header("x-cortexpilot-csrf", "1").json(&by.to_string())
}

/// The session's cookie, as a browser sends it back.
fn cookie(response: &Response) -> String {
    assert_eq!(response.status, 200, "{} {}", response.status, response.text());
    let set = response.header("set-cookie").expect("a session is a cookie");
    set.split(';').next().expect("a cookie").to_owned()
}

fn by(cookie: &str, method: &str, path: &str) -> Request {
    Request::new(method, path).header("cookie", cookie).header("x-cortexpilot-csrf", "1")
}

/// Whom the server takes the session's holder for, or the code that it answers.
fn who(server: &Server, cookie: &str) -> String {
    let response = server.send(&by(cookie, "GET", "/api/session"));
    if response.status == 200 { response.json()["principal"].as_str().unwrap().to_owned() } else { response.code() }
}

/// The secret of a one-time address that the command line prints.
fn login(home: &Home, environment: &[(&str, &str)]) -> String {
    let made = home.cli(&["console", "login"], &[&[LOG], environment].concat()).answer();
    secret(made["url"].as_str().expect("an address")).to_owned()
}

fn secret(address: &str) -> &str {
    address.split_once("/#login=").expect("an address with a login behind the #").1
}

/// The files of sessions and logins.
fn files(home: &Home) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(home.runtime().join("sessions")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = listed.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Lets the time of everything there is be over.
fn let_time_pass(home: &Home) {
    for path in files(home) {
        let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        record["expires_at"] = json!("2026-01-01T00:00:00.000000+00:00");
        std::fs::write(&path, record.to_string()).unwrap();
    }
}

#[test]
fn a_session_outlives_its_server_holds_in_another_and_leaves_no_line() {
    let home = Home::new();
    let ann = Token::operator(&home, "ann");
    let (first, second) = (serve(&home, &[]), serve(&home, &[]));
    let before = (home.queue(), home.decisions());
    let of_ann = cookie(&first.send(&sign_in(&json!({"token": ann.text}))));
    let shared = cookie(&first.send(&sign_in(&json!({"token": TOKEN}))));
    for server in [&first, &second] {
        assert_eq!((who(server, &of_ann), who(server, &shared)), ("operator:ann".to_owned(), "token:api".to_owned()));
    }
    for server in [first, second] {
        let finished = server.stop();
        assert!(finished.status.success());
        assert_none_in("what a server prints", &finished.lines.join("\n"));
    }
    let again = serve(&home, &[]);
    assert_eq!((who(&again, &of_ann), who(&again, &shared)), ("operator:ann".to_owned(), "token:api".to_owned()));
    // Its files are its owner's alone, named by a digest, and hold nothing that signs anybody in.
    let dir = home.runtime().join("sessions");
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(files(&home).len(), 2);
    for path in files(&home) {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let held = format!("{} {}", path.display(), std::fs::read_to_string(&path).unwrap());
        assert_eq!(leak_in(&held), None, "{held}");
        for value in [&of_ann, &shared] {
            assert!(!held.contains(&value[value.len() - 32..]), "{held}");
        }
    }
    assert_eq!((home.queue(), home.decisions()), before, "signing in is no matter of the record");
}

#[test]
fn of_sixteen_that_redeem_one_address_at_once_at_two_servers_one_is_signed_in() {
    let home = Home::new();
    let servers = [serve(&home, &[]), serve(&home, &[])];
    for _ in 0..5 {
        let secret = login(&home, &[STATIC]);
        let (barrier, servers) = (Barrier::new(16), &servers);
        let answers: Vec<Response> = std::thread::scope(|scope| {
            let redeem = |nth: usize| {
                let (barrier, secret) = (&barrier, &secret);
                scope.spawn(move || {
                    let mut connection = servers[nth % 2].connect();
                    barrier.wait();
                    connection.send(&sign_in(&json!({"login": secret})))
                })
            };
            let calls: Vec<_> = (0..16).map(redeem).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 15));
        assert_eq!(who(&servers[0], &cookie(won[0])), "token:api");
        for answer in lost {
            assert_eq!((answer.status, answer.code().as_str(), answer.header("set-cookie")), (401, INVALID, None));
            assert!(answer.json()["detail"]["next_step"].as_str().unwrap().contains("console login"));
        }
    }
}

#[test]
fn sessions_and_addresses_whose_time_is_over_sign_nobody_in_and_are_swept() {
    let home = Home::new();
    let server = serve(&home, &[]);
    let of_token = cookie(&server.send(&sign_in(&json!({"token": TOKEN}))));
    let secret = login(&home, &[STATIC]);
    let_time_pass(&home);
    assert_eq!(who(&server, &of_token), INVALID);
    let refused = server.send(&sign_in(&json!({"login": secret})));
    assert_eq!((refused.status, refused.code().as_str()), (401, INVALID));
    assert_eq!(files(&home).len(), 1, "an address is spent also when it is too late");
    // Whoever signs in next sweeps.
    let fresh = cookie(&server.send(&sign_in(&json!({"token": TOKEN}))));
    assert_eq!((files(&home).len(), who(&server, &fresh)), (1, "token:api".to_owned()));
    assert!(server.stop().status.success());
    // So does a server that starts.
    let_time_pass(&home);
    let server = serve(&home, &[]);
    let began = std::time::Instant::now();
    while !files(&home).is_empty() {
        assert!(began.elapsed() < crate::support::process::PATIENCE, "what is over is kept");
        std::thread::yield_now();
    }
    assert_eq!(who(&server, &fresh), INVALID);
}

#[test]
fn a_session_ends_when_its_token_is_taken_back_in_another_process_or_the_servers_token_changes() {
    let home = Home::new();
    let (ann, bob) = (Token::operator(&home, "ann"), Token::operator(&home, "bob"));
    let server = serve(&home, &[]);
    let of = |token: &str| cookie(&server.send(&sign_in(&json!({"token": token}))));
    let (of_ann, of_bob, shared) = (of(&ann.text), of(&bob.text), of(TOKEN));
    let secret = login(&home, &[ann.environment()]);
    clerk(&home, &["token", "revoke", &ann.id, "--reason", "it was lost"]);
    assert_eq!([who(&server, &of_ann), who(&server, &of_bob)], [INVALID.to_owned(), "operator:bob".to_owned()]);
    assert_eq!(
        server.send(&sign_in(&json!({"login": secret}))).code(),
        INVALID,
        "nor does an address made with it count"
    );
    let secret = login(&home, &[STATIC]);
    assert!(server.stop().status.success());
    let changed = serve(&home, &[("CORTEXPILOT_API_TOKEN", "another-operators-token-of-this-test")]);
    assert_eq!([who(&changed, &shared), who(&changed, &of_bob)], [INVALID.to_owned(), "operator:bob".to_owned()]);
    assert_eq!(changed.send(&sign_in(&json!({"login": secret}))).code(), INVALID);
}

#[test]
fn signing_out_ends_a_session_in_every_process_and_everywhere_ends_all_of_them() {
    let home = Home::new();
    let ann = Token::operator(&home, "ann");
    let (first, second) = (serve(&home, &[]), serve(&home, &[]));
    let of = |server: &Server| cookie(&server.send(&sign_in(&json!({"token": TOKEN}))));
    let (one, two, three) = (of(&first), of(&second), of(&first));
    let of_ann = cookie(&second.send(&sign_in(&json!({"token": ann.text}))));
    let unproven = Request::new("DELETE", "/api/session").header("cookie", &one);
    assert_eq!(first.send(&unproven).code(), "ORIGIN_NOT_ALLOWED");
    let out = first.send(&by(&one, "DELETE", "/api/session"));
    assert_eq!(out.json(), json!({"signed_out": true, "ended": 1}));
    assert_eq!(out.header("set-cookie"), Some("cortexpilot_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
    assert_eq!([who(&second, &one), who(&second, &two)], [INVALID.to_owned(), "token:api".to_owned()]);
    let secret = login(&home, &[STATIC]);
    assert_eq!(first.send(&by(&three, "DELETE", "/api/session?everywhere=true")).json()["ended"], 3);
    for cookie in [&one, &two, &three] {
        assert_eq!(who(&second, cookie), INVALID);
    }
    assert_eq!(second.send(&sign_in(&json!({"login": secret}))).code(), INVALID, "nor the address that waited");
    assert_eq!(who(&first, &of_ann), "operator:ann");
}

#[test]
fn the_cookie_follows_the_way_that_the_browser_came() {
    let home = Home::new();
    let server = serve(&home, &[("CORTEXPILOT_API_ALLOWED_ORIGINS", "https://pilot.example.org")]);
    let plain = server.send(&sign_in(&json!({"token": TOKEN})).header("origin", &format!("http://{}", server.address)));
    let set = plain.header("set-cookie").unwrap().to_owned();
    let want = "; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200";
    assert!(set.starts_with("cortexpilot_session=cps_") && set.ends_with(want), "{set}");
    let secure = Request::new("POST", "/api/session").header("host", "pilot.example.org");
    let secure = secure.header("origin", "https://pilot.example.org").json(&json!({"token": TOKEN}).to_string());
    let set = server.send(&secure).header("set-cookie").unwrap().to_owned();
    assert!(set.starts_with("__Host-cortexpilot_session=cps_") && set.ends_with(&format!("{want}; Secure")), "{set}");
    let foreign = sign_in(&json!({"token": TOKEN})).header("origin", "https://evil.example");
    assert_eq!(server.send(&foreign).code(), "ORIGIN_NOT_ALLOWED");
    let old = by(&format!("cortexpilot_api_token={TOKEN}"), "GET", "/api/session");
    assert_eq!(server.send(&old).json()["principal"], "token:api", "cookies of old clients count as before");
}

#[test]
fn up_prints_an_address_that_signs_in_once_and_serve_prints_none_where_it_would_be_kept() {
    let home = Home::new();
    let up = |words: &[&str]| {
        let line = [&["up", "--port", "0", "--no-worker", "--output", "json"], words].concat();
        let mut process = Process::spawn(home.command(&line, &[LOG]), "up");
        let screen: Value = serde_json::from_str(&process.expect_line()).unwrap();
        let address = screen["url"].as_str().unwrap();
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        (Server::at(process, address), screen)
    };
    let (server, screen) = up(&[]);
    let address = screen["login_url"].as_str().unwrap();
    assert!(address.starts_with(&format!("http://{}/#login=cpl_", server.address)), "{address}");
    let session = cookie(&server.send(&sign_in(&json!({"login": secret(address)}))));
    assert_eq!(who(&server, &session), "token:api");
    assert_eq!(server.send(&sign_in(&json!({"login": secret(address)}))).code(), INVALID);
    // Another, by whoever could read the token that `up` keeps: nothing else is configured.
    let made = home.cli(&["console", "login"], &[LOG]).answer();
    let other = made["url"].as_str().unwrap();
    assert!(other.starts_with(&format!("http://{}/#login=cpl_", server.address)), "{other}");
    assert_eq!(made["principal"], "token:api");
    let session = cookie(&server.send(&sign_in(&json!({"login": secret(other)}))));
    // A restart keeps the session, for the token is the same.
    assert!(server.stop().status.success());
    let (server, _) = up(&[]);
    assert_eq!(who(&server, &session), "token:api");
    assert!(server.stop().status.success());
    let mut served = Process::spawn(home.command(&["serve", "--port", "0"], &[LOG, STATIC]), "serve");
    while !served.expect_line().starts_with("Token") {}
    let finished = served.terminate();
    let printed = finished.lines.join("\n");
    assert!(!printed.contains("cpl_") && !printed.contains("#login"), "{printed}");
}

#[test]
fn only_whoever_has_a_token_that_counts_can_make_an_address() {
    let home = Home::new();
    let ann = Token::operator(&home, "ann");
    let refused = |environment: &[(&str, &str)], exit: i32| {
        let before = home.snapshot();
        let ran = home.cli(&["console", "login"], &[&[LOG], environment].concat());
        assert_eq!(ran.exit, Some(exit), "{ran:#?}");
        before.assert_unchanged(home.root(), "a refused console login");
        ran
    };
    // Nothing runs here.
    assert!(refused(&[STATIC], 4).stdout.contains("--url"));
    let server = serve(&home, &[]);
    // No token; one that was taken back; one that others could read.
    assert_eq!(refused(&[CLERK], 3).code(), "AUTH_MISSING_BEARER");
    let gone = Token::operator(&home, "gone");
    clerk(&home, &["token", "revoke", &gone.id, "--reason", "it was lost"]);
    assert_eq!(refused(&[gone.environment()], 3).code(), INVALID);
    let kept = home.runtime().join("keys/api.token");
    std::fs::write(&kept, "a-token-that-others-can-read").unwrap();
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&[], 1);
    std::fs::remove_file(&kept).unwrap();
    // Whoever guesses at the server's token gets an address, and it is worth nothing.
    let wrong = login(&home, &[("CORTEXPILOT_API_TOKEN", "not-the-token-of-this-server")]);
    assert_eq!(server.send(&sign_in(&json!({"login": wrong}))).code(), INVALID);
    // Nor can whoever may write files there without knowing a token write one that counts.
    let right = login(&home, &[ann.environment()]);
    let path = files(&home).pop().unwrap();
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(record["principal"], "operator:ann");
    for forged in [
        json!({"principal": "token:api", "token": null}),
        json!({"principal": "token:api"}),
        json!({"seal": "0".repeat(64)}),
    ] {
        let secret = login(&home, &[ann.environment()]);
        let path = files(&home).into_iter().find(|other| *other != path).unwrap();
        let sound: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        record = sound;
        for (name, value) in forged.as_object().unwrap() {
            record[name] = value.clone();
        }
        std::fs::write(&path, record.to_string()).unwrap();
        assert_eq!(server.send(&sign_in(&json!({"login": secret}))).code(), INVALID, "{forged}");
    }
    assert_eq!(cookie(&server.send(&sign_in(&json!({"login": right})))).split('=').next(), Some("cortexpilot_session"));
    let off = home.cli(&["console", "login"], &[LOG, ("CORTEXPILOT_API_AUTH_REQUIRED", "0")]);
    assert_eq!(off.exit, Some(2), "{off:#?}");
}

#[test]
fn processes_that_only_read_know_sessions_and_leave_not_one_byte() {
    let home = Home::new();
    let ann = Token::operator(&home, "ann");
    let server = serve(&home, &[]);
    let session = cookie(&server.send(&sign_in(&json!({"token": ann.text}))));
    assert!(server.stop().status.success());
    let reading = home.readonly_http(&[LOG]);
    let before = home.snapshot();
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let ask = |cookie: &str| {
        let ask = by(cookie, "POST", "/mcp/readonly").header("accept", "application/json, text/event-stream");
        reading.send(&ask.header("mcp-protocol-version", "2025-06-18").json(message)).status
    };
    assert_ne!(ask(&session), 401);
    assert_eq!(ask(&format!("cortexpilot_session=cps_{}", "0".repeat(64))), 401);
    before.assert_unchanged(home.root(), "a server that only reads");
}

#[test]
fn without_authentication_the_console_asks_nobody_to_sign_in() {
    let home = Home::new();
    let server = serve(&home, &[("CORTEXPILOT_API_AUTH_REQUIRED", "0")]);
    let before = home.snapshot();
    let session = server.send(&Request::new("GET", "/api/session"));
    assert_eq!(session.status, 200, "{}", session.text());
    let said = session.json();
    assert_eq!((&said["principal"], &said["authentication"]), (&json!("anonymous:loopback"), &json!("off")));
    let given = server.send(&sign_in(&json!({"token": TOKEN})));
    assert_eq!((given.status, given.header("set-cookie")), (200, None));
    before.assert_unchanged(home.root(), "signing in where nobody has to");
}
