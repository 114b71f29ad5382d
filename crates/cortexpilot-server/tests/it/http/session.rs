//! Signing in to the console and out of it: what a session is made from, what it is worth, and everything that ends it.

use cortexpilot_core::app::session::Ground;
use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::session::{SecretKind, SecretText};
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_server::auth::{Auth, StaticToken};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, HOST, OPERATOR, VIEWER, World, options, tokens};

const INVALID: &str = "401 AUTH_INVALID_TOKEN";

/// As the console asks: from a page of this very server.
fn page(ask: Ask) -> Ask {
    ask.nobody().header("x-cortexpilot-csrf", "1").header("origin", "http://127.0.0.1:8000")
}

fn sign_in(by: Value) -> Ask {
    page(Ask::post("/api/session", by))
}

/// Signs in and gives the cookie as a browser sends it back.
async fn signed_in(world: &World, by: Value) -> String {
    let told = world.send(sign_in(by)).await;
    assert_eq!(told.status, 200, "{told:?}");
    told.header("set-cookie").split(';').next().expect("a cookie").to_owned()
}

fn by(cookie: &str, ask: Ask) -> Ask {
    ask.nobody().no_role().header("cookie", cookie)
}

async fn who(world: &World, cookie: &str) -> String {
    world.send(by(cookie, Ask::get("/api/session"))).await.verdict()
}

fn out(cookie: &str, query: &str) -> Ask {
    by(cookie, Ask::new("DELETE", &format!("/api/session{query}"))).header("x-cortexpilot-csrf", "1")
}

/// A one-time address of the operator's, as `up` prints one.
async fn login(world: &World) -> SecretText {
    let api = tokens().remove(0);
    let ground = Ground { principal: api.principal, token: Sha256Digest::of(OPERATOR.as_bytes()), until: None };
    world.machine.begin_session(SecretKind::Login, &ground).await.expect("the store can be written").0
}

#[tokio::test]
async fn a_token_is_exchanged_for_a_session_that_does_what_the_token_does() {
    let world = World::new();
    let cookie = signed_in(&world, json!({"token": format!(" {OPERATOR}\n")})).await;
    assert!(cookie.starts_with("cortexpilot_session=cps_") && !cookie.contains(OPERATOR));
    let told = world.send(by(&cookie, Ask::get("/api/session"))).await;
    let roles = json!(["ARCHITECT", "OPS", "OWNER", "TECH_LEAD"]);
    let want = json!({
        "principal": "token:api",
        "kind": "operator",
        "roles": roles,
        "authentication": "on",
        "expires_at": "2026-11-22T20:30:52.000000+00:00",
        "version": "1.2.3-test",
    });
    assert_eq!(told.json(), want);
    // With a bearer token the same question is who that is; nothing there ends by itself.
    let mut bearer = want;
    bearer["expires_at"] = Value::Null;
    assert_eq!(world.send(Ask::get("/api/session")).await.json(), bearer);
    let id = world.enqueue("run_ok").await;
    let cancel = by(&cookie, Ask::post(&format!("/api/queue/{id}/cancel"), json!({"reason": "not needed"})));
    let told = world.send(cancel.role("OPS").header("x-cortexpilot-csrf", "1")).await;
    assert_eq!(
        (told.json()["status"].clone(), told.json()["cancelled_by"].clone()),
        (json!("CANCELLED"), json!("token:api (OPS)"))
    );
    // An agent that signs in is an agent.
    let agent = signed_in(&world, json!({"token": AGENT})).await;
    assert_eq!(world.send(by(&agent, Ask::get("/api/gate"))).await.verdict(), "403 SCOPE_FORBIDDEN");
}

#[tokio::test]
async fn a_session_is_a_cookie_and_so_a_change_by_it_needs_proof() {
    let world = World::new();
    let cookie = signed_in(&world, json!({"token": OPERATOR})).await;
    let refused = "403 ORIGIN_NOT_ALLOWED";
    for (ask, want) in [
        (by(&cookie, Ask::post("/api/gate/freeze", json!({}))), refused),
        (by(&cookie, Ask::new("DELETE", "/api/session")), refused),
        (by(&cookie, Ask::new("DELETE", "/api/session")).header("origin", "https://evil.example"), refused),
        (by(&cookie, Ask::new("DELETE", "/api/session")).header("sec-fetch-site", "cross-site"), refused),
        // Nor is anybody signed in by a page of somebody else, as that somebody.
        (Ask::post("/api/session", json!({"token": OPERATOR})).nobody(), refused),
        (
            Ask::post("/api/session", json!({"token": OPERATOR})).nobody().header("origin", "https://evil.example"),
            refused,
        ),
        (sign_in(json!({"token": OPERATOR})).header("sec-fetch-site", "cross-site"), refused),
        (sign_in(json!({"token": OPERATOR})).raw("text/plain", r#"{"token":"x"}"#), "415 UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let told = world.send(ask).await;
        assert_eq!((told.verdict(), told.header("set-cookie")), (want.to_owned(), ""), "{told:?}");
    }
    assert_eq!(who(&world, &cookie).await, "200");
}

#[tokio::test]
async fn a_one_time_login_is_worth_one_session_once() {
    let world = World::new();
    let secret = login(&world).await;
    let told = world.send(sign_in(json!({"login": secret.reveal()}))).await;
    assert_eq!((told.status.as_u16(), told.json()["principal"].clone()), (200, json!("token:api")));
    let cookie = told.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    assert!(!cookie.contains(secret.reveal()), "it is no session itself");
    assert_eq!(who(&world, &cookie).await, "200");
    let again = world.send(sign_in(json!({"login": secret.reveal()}))).await;
    assert_eq!((again.verdict(), again.header("set-cookie")), (INVALID.to_owned(), ""));
    let next = again.json()["detail"]["next_step"].as_str().expect("a next step").to_owned();
    assert!(next.contains("cortexpilot console login"), "{next}");
    // Whatever else there could be sent in its place is told the same.
    let session = cookie.split_once('=').expect("a value").1;
    let invented = SecretText::new(SecretKind::Login, [7; 32]);
    for none in ["", "x", "cpl_", session, OPERATOR, invented.reveal(), &secret.reveal().to_uppercase()] {
        let told = world.send(sign_in(json!({"login": none}))).await;
        assert_eq!(told.json()["detail"]["reason"], again.json()["detail"]["reason"], "{none}");
    }
    // Nor is a login a session, or a token.
    let other = login(&world).await;
    assert_eq!(who(&world, &format!("cortexpilot_session={}", other.reveal())).await, INVALID);
    assert_eq!(world.send(sign_in(json!({"token": other.reveal()}))).await.verdict(), INVALID);
    assert_eq!(world.send(Ask::get("/api/queue").token(other.reveal())).await.verdict(), INVALID);
    assert_eq!(
        world.send(sign_in(json!({"login": other.reveal()}))).await.verdict(),
        "200",
        "and none of that spent it"
    );
}

#[tokio::test]
async fn sessions_and_logins_end_by_their_time_to_the_moment() {
    let world = World::new();
    let cookie = signed_in(&world, json!({"token": OPERATOR})).await;
    world.clock.advance(SignedDuration::from_secs(12 * 3600 - 1));
    assert_eq!(who(&world, &cookie).await, "200");
    let (early, late) = (login(&world).await, login(&world).await);
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(who(&world, &cookie).await, INVALID);
    let told = world.send(by(&cookie, Ask::get("/api/queue"))).await;
    assert!(told.reason().contains("session is over"), "{told:?}");
    world.clock.advance(SignedDuration::from_secs(5 * 60 - 2));
    assert_eq!(world.send(sign_in(json!({"login": early.reveal()}))).await.verdict(), "200");
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(world.send(sign_in(json!({"login": late.reveal()}))).await.verdict(), INVALID);
}

#[tokio::test]
async fn a_session_ends_no_later_than_its_token() {
    let world = World::new();
    let token = world.operator("alice").await;
    world.clock.advance(SignedDuration::from_hours(20));
    let told = world.send(sign_in(json!({"token": token}))).await;
    assert_eq!(told.json()["expires_at"], "2026-11-23T08:30:52.000000+00:00", "the token lives for a day");
    assert!(told.header("set-cookie").contains("; Max-Age=14400"), "{told:?}");
    let cookie = told.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    assert_eq!(world.send(by(&cookie, Ask::get("/api/session"))).await.json()["principal"], "operator:alice");
    world.clock.advance(SignedDuration::from_hours(4));
    assert_eq!(who(&world, &cookie).await, INVALID);
}

#[tokio::test]
async fn taking_a_token_back_ends_its_sessions_and_logins_and_no_other() {
    let world = World::new();
    let (alice, bob) = (world.operator("alice").await, world.operator("bob").await);
    let sessions = [
        signed_in(&world, json!({"token": alice})).await,
        signed_in(&world, json!({"token": alice})).await,
        signed_in(&world, json!({"token": bob})).await,
        signed_in(&world, json!({"token": OPERATOR})).await,
    ];
    world.revoke(&alice).await;
    for (cookie, want) in sessions.iter().zip([INVALID, INVALID, "200", "200"]) {
        assert_eq!(who(&world, cookie).await, want);
    }
    let told = world.send(sign_in(json!({"token": alice}))).await;
    assert_eq!((told.verdict(), told.reason()), (INVALID.to_owned(), "The token was revoked.".to_owned()));
}

#[tokio::test]
async fn changing_the_servers_own_token_ends_its_sessions() {
    let world = World::new();
    let (cookie, secret) = (signed_in(&world, json!({"token": OPERATOR})).await, login(&world).await);
    // The same principal on the same store, after a restart with another token.
    let mut changed = tokens();
    changed[0] = StaticToken { token: "another-operator-token".into(), ..changed[0].clone() };
    let auth = Auth::tokens(changed).and_personal(world.machine.reader().clone());
    let again = World { router: restarted(&world, auth), ..world };
    assert_eq!(who(&again, &cookie).await, INVALID);
    assert_eq!(again.send(sign_in(json!({"login": secret.reveal()}))).await.verdict(), INVALID);
    assert_eq!(again.send(sign_in(json!({"token": OPERATOR}))).await.verdict(), INVALID);
    assert_eq!(again.send(sign_in(json!({"token": "another-operator-token"}))).await.verdict(), "200");
}

/// Another process on the same store.
fn restarted(world: &World, auth: Auth) -> axum::Router {
    use cortexpilot_core::app::App;
    use cortexpilot_core::port::fake::SeqIds;
    let (policy, clock) = (world.machine.policy().clone(), world.clock.clone());
    let ids = std::sync::Arc::new(SeqIds::default());
    let app = App::new(world.ledger.memory.clone(), world.runs.clone(), clock, ids, policy, None);
    cortexpilot_server::http::router(std::sync::Arc::new(app), auth, options())
}

#[tokio::test]
async fn signing_out_ends_this_session_and_everywhere_all_of_this_principal() {
    let world = World::new();
    let mut cookies = Vec::new();
    for _ in 0..4 {
        cookies.push(signed_in(&world, json!({"token": OPERATOR})).await);
    }
    let (other, secret) = (signed_in(&world, json!({"token": VIEWER})).await, login(&world).await);
    let told = world.send(out(&cookies[0], "")).await;
    assert_eq!(told.json(), json!({"signed_out": true, "ended": 1}));
    assert_eq!(told.header("set-cookie"), "cortexpilot_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    assert_eq!(who(&world, &cookies[0]).await, INVALID);
    assert_eq!(world.send(out(&cookies[0], "")).await.verdict(), INVALID, "it is over");
    assert_eq!(world.send(out(&cookies[1], "?everywhere=maybe")).await.verdict(), "422 REQUEST_VALIDATION_ERROR");
    assert_eq!(world.send(out(&cookies[1], "?everywhere=false")).await.json()["ended"], 1);
    assert_eq!(who(&world, &cookies[2]).await, "200");
    let told = world.send(out(&cookies[2], "?everywhere=true")).await;
    assert_eq!(told.json()["ended"], 3, "two sessions, one of which asks, and a login");
    for cookie in &cookies {
        assert_eq!(who(&world, cookie).await, INVALID);
    }
    assert_eq!(world.send(sign_in(json!({"login": secret.reveal()}))).await.verdict(), INVALID);
    assert_eq!(who(&world, &other).await, "200", "somebody else's goes on");
    // Whoever holds the token can end what was made of it, from anywhere.
    let again = signed_in(&world, json!({"token": OPERATOR})).await;
    let told = world.send(Ask::new("DELETE", "/api/session").header("cookie", &again)).await;
    assert_eq!((told.json()["ended"].clone(), who(&world, &again).await), (json!(0), "200".to_owned()));
    let told = world.send(Ask::new("DELETE", "/api/session?everywhere=true")).await;
    assert_eq!((told.json()["ended"].clone(), who(&world, &again).await), (json!(1), INVALID.to_owned()));
    assert_eq!(world.send(Ask::get("/api/queue")).await.verdict(), "200", "the token itself counts as before");
}

#[tokio::test]
async fn a_cookie_that_carries_a_token_counts_as_before_and_goes_with_the_session() {
    let world = World::new();
    for name in ["cortexpilot_api_token", "api_token"] {
        let cookie = format!("{name}={OPERATOR}");
        let told = world.send(by(&cookie, Ask::get("/api/session"))).await;
        assert_eq!(
            (told.json()["principal"].clone(), told.json()["expires_at"].clone()),
            (json!("token:api"), Value::Null)
        );
        let told = world.send(out(&cookie, "")).await;
        assert_eq!(told.header("set-cookie"), format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
    }
    // A session that counts goes before it, one that is over does not stand in its way.
    let viewer = signed_in(&world, json!({"token": VIEWER})).await;
    let both = format!("api_token={OPERATOR}; {viewer}");
    let principal =
        async |cookie: &str| world.send(by(cookie, Ask::get("/api/session"))).await.json()["principal"].clone();
    assert_eq!(principal(&both).await, "token:viewer");
    let dead = format!("__Host-cortexpilot_session=cps_{}", "7".repeat(64));
    assert_eq!(principal(&format!("{dead}; {viewer}")).await, "token:viewer");
    assert_eq!(principal(&format!("{dead}; api_token={OPERATOR}")).await, "token:api");
    assert_eq!(who(&world, &format!("{dead}; api_token=wrong")).await, INVALID);
    // A bearer token goes before all of them.
    let told = world.send(Ask::get("/api/session").header("cookie", &viewer)).await;
    assert_eq!(told.json()["principal"], "token:api");
    assert_eq!(world.send(Ask::get("/api/session").token("wrong").header("cookie", &viewer)).await.verdict(), INVALID);
}

#[tokio::test]
async fn the_cookie_is_secure_behind_tls_and_no_session_crosses_the_network_in_clear() {
    let mut set_up = options();
    set_up.hosts.allow("https://pilot.example.org").unwrap();
    set_up.hosts.allow("http://10.1.2.3:8000").unwrap();
    set_up.hosts.allow_pages_of("https://console.example.org").unwrap();
    let world = World::with(MutationGate::Open, Auth::tokens(tokens()), set_up);
    let from =
        |host: &str, origin: &str| sign_in(json!({"token": OPERATOR})).header("host", host).header("origin", origin);
    let told = world.send(from("pilot.example.org", "https://pilot.example.org")).await;
    let cookie = told.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-cortexpilot_session=cps_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a cookie");
    assert_eq!(who(&world, cookie).await, "200");
    let told = world.send(out(cookie, "")).await;
    assert!(told.header("set-cookie").ends_with("; Secure"), "else a browser keeps it: {told:?}");
    // A proxy that hands the request on under our own name.
    assert!(world.send(from(HOST, "https://pilot.example.org")).await.header("set-cookie").starts_with("__Host-"));
    // Where nothing says how a page elsewhere reaches us, our own name does.
    let elsewhere = world.send(from(HOST, "https://console.example.org")).await;
    assert!(elsewhere.header("set-cookie").starts_with("cortexpilot_session="), "{elsewhere:?}");
    let told = world.send(from("10.1.2.3:8000", "http://10.1.2.3:8000")).await;
    assert_eq!((told.verdict(), told.header("set-cookie")), ("403 ORIGIN_NOT_ALLOWED".to_owned(), ""));
    assert!(told.reason().contains("HTTPS"), "{told:?}");
    // What proxies say of themselves anybody can.
    let told = world.send(from(HOST, "http://127.0.0.1:8000").header("x-forwarded-proto", "https")).await;
    assert!(told.header("set-cookie").starts_with("cortexpilot_session="), "{told:?}");
}

#[tokio::test]
async fn wrong_tokens_and_forms_sign_nobody_in_and_repeat_nothing_that_was_sent() {
    let world = World::new();
    let body = |text: &str| sign_in(json!({})).raw("application/json", text.to_owned());
    for (ask, want) in [
        (body(r#"{"token":"hush-hush"}"#), INVALID),
        (body(r#"{"token":""}"#), INVALID),
        (body(r#"{"token":"hush-hush\u0000"}"#), INVALID),
        (body(r#"{"login":"hush-hush"}"#), INVALID),
        (body("{}"), "422 REQUEST_VALIDATION_ERROR"),
        (body(r#"{"token":null,"login":null}"#), "422 REQUEST_VALIDATION_ERROR"),
        (body(r#"{"token":"hush-hush","login":"hush-hush"}"#), "422 REQUEST_VALIDATION_ERROR"),
        (body(r#"{"token":"hush-hush","token":"hush-hush"}"#), "422 REQUEST_VALIDATION_ERROR"),
        (body(r#"{"token":["hush-hush"]}"#), "422 REQUEST_VALIDATION_ERROR"),
        (body(r#"{"token":4711}"#), "422 REQUEST_VALIDATION_ERROR"),
        (body(r#"{"tokens":"hush-hush"}"#), "422 REQUEST_VALIDATION_ERROR"),
        (body(r#""hush-hush""#), "422 REQUEST_VALIDATION_ERROR"),
        (body("hush-hush"), "415 UNSUPPORTED_MEDIA_TYPE"),
        (body(&format!(r#"{{"token":"{}"}}"#, "x".repeat(9000))), "413 BODY_TOO_LARGE"),
    ] {
        let told = world.send(ask).await;
        assert_eq!(told.verdict(), want, "{told:?}");
        assert!(told.header("set-cookie").is_empty());
        assert!(!told.text().contains("hush-hush") && !told.text().contains("4711"), "{told:?}");
    }
    assert_eq!(world.lines(), (0, 0));
}

#[tokio::test]
async fn without_authentication_everybody_is_the_same_and_nothing_is_exchanged() {
    let world = World::with(MutationGate::Open, Auth::Off, options());
    let anonymous = json!({
        "principal": "anonymous:loopback",
        "kind": "anonymous",
        "roles": [],
        "authentication": "off",
        "expires_at": null,
        "version": "1.2.3-test",
    });
    assert_eq!(world.send(Ask::get("/api/session").nobody()).await.json(), anonymous);
    let told = world.send(sign_in(json!({"token": "anything"}))).await;
    assert_eq!((told.json(), told.header("set-cookie")), (anonymous, ""));
    let told = world.send(out("cortexpilot_session=x", "?everywhere=true")).await;
    assert_eq!(told.json(), json!({"signed_out": true, "ended": 0}));
}

#[tokio::test]
async fn a_store_that_cannot_be_read_signs_nobody_in_and_says_that_it_is_not_their_fault() {
    let world = World::new();
    let cookie = signed_in(&world, json!({"token": OPERATOR})).await;
    let key =
        SecretText::parse(SecretKind::Session, cookie.split_once('=').expect("a value").1).expect("a secret").key();
    assert!(world.ledger.memory.session(&key).await.expect("it can be read").is_some());
    let fails = cortexpilot_core::port::StoreError::Unavailable("a test says so".into());
    *world.ledger.fails.lock().unwrap() = Some(fails);
    assert_eq!(who(&world, &cookie).await, "503 STORE_UNAVAILABLE");
    assert_eq!(world.send(sign_in(json!({"token": OPERATOR}))).await.verdict(), "503 STORE_UNAVAILABLE");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_the_session_that_opened_it() {
    let world = World::new();
    let alice = world.token(PrincipalKind::Operator, "alice", "OPS", None).await;
    let cookie = signed_in(&world, json!({"token": alice})).await;
    let mut stream = world.open(by(&cookie, Ask::get("/api/queue/stream"))).await;
    assert_eq!(stream.next().await.expect("a block").event, "queue_head");
    assert_eq!(world.send(out(&cookie, "")).await.json()["ended"], 1);
    let end = loop {
        let block = stream.next().await.expect("it says why it ends");
        if block.event == "end" {
            break block;
        }
    };
    assert!(end.data.to_string().contains("token"), "{end:?}");
    assert_eq!(stream.next().await, None);
}
