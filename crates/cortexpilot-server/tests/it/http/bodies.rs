//! Bodies over the wire: what is refused before anybody judges it, and that nothing of it is written.

use std::time::Duration;

use axum::body::{Body, Bytes};
use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{BODY_BYTES_MAX, Limits};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::harness::{Ask, World, apply, options, tokens};

const APPLY: &str = "/api/queue/from-run/run_ok";

#[tokio::test]
async fn a_body_of_the_wrong_form_is_refused_before_any_gate_and_leaves_no_line() {
    let world = World::new();
    let token = world.preview("run_ok").await;
    let good = apply(&token).to_string();
    let with = |extra: &str| format!("{}, {extra}}}", good.strip_suffix('}').unwrap());
    for (body, want) in [
        (with("\"confirm\": true"), "422 REQUEST_VALIDATION_ERROR"),
        (good.replacen("\"confirm\":true", "\"confirm\":false,\"confirm\":true", 1), "422 REQUEST_VALIDATION_ERROR"),
        (good.replacen("true", "\"true\"", 1), "422 REQUEST_VALIDATION_ERROR"),
        (good.replacen("true", "1", 1), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"priority\": 5.0"), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"priority\": \"5\""), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"priority\": 9223372036854775808"), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"allow_duplicate\": \"yes\""), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"scheduled_at\": \"next tuesday\""), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"scheduled_at\": \"2030-01-01T00:00:00\""), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"deadline_at\": 5"), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"idempotency_key\": \"a\\u2028b\""), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"sudo\": true"), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"run_id\": \"run_two\""), "422 REQUEST_VALIDATION_ERROR"),
        (with("\"run_id\": 5"), "422 REQUEST_VALIDATION_ERROR"),
        (format!("[{good}]"), "422 REQUEST_VALIDATION_ERROR"),
        (String::new(), "422 REQUEST_VALIDATION_ERROR"),
        (good.replace('}', ""), "415 UNSUPPORTED_MEDIA_TYPE"),
        (format!("{good}{good}"), "415 UNSUPPORTED_MEDIA_TYPE"),
        (with("\"x\": \"\\ud800\""), "415 UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let told = world.send(Ask::post(APPLY, json!({})).raw("application/json", body.clone())).await;
        assert_eq!(told.verdict(), want, "{body}");
        assert!(!told.reason().is_empty(), "{body}");
    }
    assert_eq!(world.lines(), (0, 0), "an unusable body is no recorded refusal");
    // What is null or blank is as if it had not been sent: the gates' to refuse, in their order.
    let blank =
        json!({"confirm": null, "actor_role": "", "run_id": " run_ok ", "priority": null, "preview_token": null});
    assert_eq!(world.send(Ask::post(APPLY, blank)).await.verdict(), "403 CONFIRM_REQUIRED");
    assert_eq!(world.send(Ask::post(APPLY, apply(&token))).await.verdict(), "200");
}

#[tokio::test]
async fn no_body_at_all_is_a_form_error_and_not_an_empty_wish() {
    let world = World::new();
    for path in ["/api/queue/from-run/run_ok/preview", APPLY, "/api/queue/x/cancel", "/api/queue/claim"] {
        let told = world.send(Ask::new("POST", path)).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{path}");
        assert_eq!(told.reason(), "The body is empty; send one JSON object, {} at least.");
    }
}

#[tokio::test]
async fn a_reason_says_which_member_is_wrong_and_what_would_be_right() {
    let world = World::new();
    let reason = async |path: &str, body: Value| world.send(Ask::post(path, body)).await.reason();
    assert_eq!(reason(APPLY, json!({"confirm": "true"})).await, "`confirm` must be true or false, not a string.");
    assert_eq!(
        reason(APPLY, json!({"scheduled_at": "soon"})).await,
        "`scheduled_at` must be ISO 8601 with an explicit offset or Z, for example 2030-01-31T09:00:00Z."
    );
    assert_eq!(
        reason("/api/queue/x/cancel", json!({"why": "no"})).await,
        "`why` is not an argument here; it takes `reason`."
    );
    assert_eq!(reason("/api/queue/claim", json!({"lease_s": 0})).await, "`lease_s` must be 1 to 86400 seconds.");
    assert_eq!(
        reason("/api/queue/x/complete", json!({"status": "GREAT"})).await,
        "`status` must be SUCCESS, FAILURE or STOPPED."
    );
}

#[tokio::test]
async fn a_body_of_256_kib_is_read_and_one_byte_more_is_not() {
    let world = World::new();
    let cancel = |body: Body| Ask::post("/api/queue/nope/cancel", json!({})).raw("application/json", body);
    let padded = |len: usize| format!("{{}}{}", " ".repeat(len - 2));
    let told = world.send(cancel(padded(BODY_BYTES_MAX).into())).await;
    assert_eq!(told.verdict(), "404 QUEUE_ITEM_NOT_FOUND");
    let told = world.send(cancel(padded(BODY_BYTES_MAX + 1).into())).await;
    assert_eq!(told.verdict(), "413 BODY_TOO_LARGE");
    // Without a length up front, reading stops where the limit is: this body never ends.
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4096])));
    let told = world.send(cancel(Body::from_stream(endless))).await;
    assert_eq!(told.verdict(), "413 BODY_TOO_LARGE");
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    let told = world.send(cancel(Body::from_stream(broken))).await;
    assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_whole_in_time_is_given_up() {
    let mut options = options();
    options.limits = Limits { body: Duration::from_secs(5), ..Limits::default() };
    let world = World::with(MutationGate::Open, Auth::tokens(tokens()), options);
    let slow = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]).chain(stream::pending());
    let ask = Ask::post("/api/queue/nope/cancel", json!({})).raw("application/json", Body::from_stream(slow));
    assert_eq!(world.send(ask).await.verdict(), "408 REQUEST_TIMEOUT");
}
