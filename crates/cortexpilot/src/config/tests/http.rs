//! Limits of HTTP, and whose pages may call.

use std::time::Duration;

use cortexpilot_server::http::{Limits, RequestLimits, ServeLimits};

use super::*;

#[test]
fn without_anything_the_limits_are_the_servers_own() {
    let http = settings(&[]).http;
    assert_eq!((http.serve, http.limits), (ServeLimits::default(), Limits::default()));
    assert_eq!(http.requests, RequestLimits::default());
    assert!(http.cors_origins.is_empty());
}

/// What is shown without anything is what the documentation says holds then.
#[test]
fn the_defaults_of_the_table_are_those_that_hold() {
    let settings = settings(&[]);
    for variable in [
        table::CONNECTIONS_MAX,
        table::REQUESTS_PER_SECOND,
        table::EXPENSIVE_READS_MAX,
        table::HEAD_TIMEOUT,
        table::BODY_TIMEOUT,
        table::ANSWER_TIMEOUT,
        table::WRITE_TIMEOUT,
        table::DRAIN_TIMEOUT,
        table::CORS_ORIGINS,
    ] {
        let shown = settings.shown.iter().find(|shown| shown.variable == variable).unwrap();
        assert_eq!(shown.value, variable.default, "{}", variable.name);
    }
}

#[test]
fn each_limit_is_taken_from_its_variable() {
    let http = settings(&[
        ("CORTEXPILOT_API_CONNECTIONS_MAX", "7"),
        ("CORTEXPILOT_API_REQUESTS_PER_SECOND", "0"),
        ("CORTEXPILOT_API_EXPENSIVE_READS_MAX", "1"),
        ("CORTEXPILOT_API_HEAD_TIMEOUT", "2s"),
        ("CORTEXPILOT_API_BODY_TIMEOUT", "3s"),
        ("CORTEXPILOT_API_ANSWER_TIMEOUT", "4s"),
        ("CORTEXPILOT_API_WRITE_TIMEOUT", "5s"),
        ("CORTEXPILOT_API_DRAIN_TIMEOUT", "1m30s"),
        ("CORTEXPILOT_API_CORS_ORIGINS", " https://a.example.org , http://b.example.org:8080/ "),
    ])
    .http;
    let seconds = Duration::from_secs;
    assert_eq!((http.serve.connections, http.requests.per_second, http.requests.expensive), (7, 0, 1));
    assert_eq!((http.serve.head, http.limits.body, http.limits.answer), (seconds(2), seconds(3), seconds(4)));
    assert_eq!((http.serve.stalled_write, http.serve.drain), (seconds(5), seconds(90)));
    assert_eq!(http.cors_origins, ["https://a.example.org", "http://b.example.org:8080/"]);
}

#[test]
fn what_is_no_limit_and_no_origin_refuses_to_start() {
    for (name, value, said) in [
        ("CORTEXPILOT_API_CONNECTIONS_MAX", "0", "from 1 to 65536"),
        ("CORTEXPILOT_API_CONNECTIONS_MAX", "many", "from 1 to 65536"),
        ("CORTEXPILOT_API_REQUESTS_PER_SECOND", "-1", "from 0 to 1000000"),
        ("CORTEXPILOT_API_EXPENSIVE_READS_MAX", "0", "from 1 to 1024"),
        ("CORTEXPILOT_API_HEAD_TIMEOUT", "0", "a duration from 1s to 24h"),
        ("CORTEXPILOT_API_WRITE_TIMEOUT", "15", "a duration from 1s to 24h"),
        ("CORTEXPILOT_API_CORS_ORIGINS", "*", "must be an origin with its scheme"),
        ("CORTEXPILOT_API_CORS_ORIGINS", "null", "must be an origin with its scheme"),
        ("CORTEXPILOT_API_CORS_ORIGINS", "console.example.org", "must be an origin with its scheme"),
        ("CORTEXPILOT_API_CORS_ORIGINS", "https://*.example.org", "without wildcards"),
        ("CORTEXPILOT_API_CORS_ORIGINS", "https://a.example.org/console", "must be an origin"),
        ("CORTEXPILOT_API_CORS_ORIGIN", "https://a.example.org", "CORTEXPILOT_API_CORS_ORIGINS is meant"),
    ] {
        let told = refusal(&[(name, value)]);
        assert!(told.contains(name) && told.contains(said), "{name}={value}: {told}");
    }
}

#[test]
fn a_file_that_agents_may_edit_lets_no_page_in() {
    let told = case(&[]).file("api_cors_origins = [\"https://evil.example\"]\n").load().unwrap_err().to_string();
    assert!(told.contains("api_cors_origins"), "{told}");
    let slower = case(&[]).file("api_requests_per_second = 5\n").load().unwrap();
    assert_eq!(slower.http.requests.per_second, 5);
}
