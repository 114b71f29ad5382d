//! Routes of the original that are no part of this system: each says so, and the compatibility page names exactly these.

use std::path::Path;

use cortexpilot_server::http::{COMPAT_PAGE, NotPart, Verb, not_part};
use serde_json::Value;

use super::support::{Home, Request, Response};

/// The route as somebody would call it.
fn called(route: &NotPart) -> String {
    let segments = route.path.split('/').map(|segment| if segment.starts_with('{') { "x1" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn request(route: &NotPart, signed_in: bool) -> Request {
    let path = called(route);
    let request = match route.verb {
        Verb::Get | Verb::Delete => Request::new(route.verb.as_str(), &path),
        Verb::Post => Request::new("POST", &path).json("{}"),
    };
    if signed_in { request.bearer(super::support::TOKEN) } else { request }
}

fn code(answer: &Response) -> Value {
    answer.json()["detail"]["code"].clone()
}

#[test]
fn every_route_of_the_original_that_is_not_part_of_this_system_says_so() {
    let home = Home::new();
    let server = home.serve(&[]);
    let before = home.snapshot();
    for route in not_part() {
        let what = format!("{} {}", route.verb.as_str(), route.path);
        let answer = server.send(&request(route, true));
        assert_eq!((answer.status, code(&answer)), (404, "NOT_PART_OF_CORTEXPILOT".into()), "{what}");
        let link = format!("<{COMPAT_PAGE}>; rel=\"help\"");
        assert_eq!(answer.header("link"), Some(link.as_str()), "{what}");
        let reason = answer.json()["detail"]["reason"].as_str().expect("a reason").to_owned();
        assert!(reason.contains(route.path) && reason.contains(route.did), "{what}: {reason}");
        let nobody = server.send(&request(route, false));
        assert_eq!((nobody.status, code(&nobody)), (401, "AUTH_MISSING_BEARER".into()), "{what}");
    }
    let unknown = server.send(&Request::get("/api/god-mode/unheard-of"));
    assert_eq!((unknown.status, unknown.json()["detail"].clone()), (404, "Not Found".into()));
    assert!(before.differences(&home.snapshot()).is_empty(), "nothing is left behind");
    println!("figure: {} routes of the original say that they are not part of this system", not_part().len());
}

/// A route and what stands in its place, as the page's table writes them.
fn row(route: &NotPart) -> String {
    let marked = |sentence: &str| {
        let mut words: Vec<String> = Vec::new();
        for word in sentence.split(' ') {
            match words.last_mut().filter(|last| ["GET", "POST"].contains(&last.as_str())) {
                Some(verb) => *verb = format!("`{verb} {word}`"),
                None => words.push(word.to_owned()),
            }
        }
        words.join(" ")
    };
    let here = route.instead.map_or_else(|| "–".to_owned(), marked);
    format!("| `{} {}` | {} | {here} |", route.verb.as_str(), route.path, route.did)
}

#[test]
fn the_compatibility_page_lists_exactly_these_routes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compat.md");
    let page = std::fs::read_to_string(path).expect("docs/compat.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Routes that are not part of this system\n"));
    let listed: Vec<&str> = section.expect("the section").lines().filter(|line| line.starts_with("| `")).collect();
    let wanted: Vec<String> = not_part().iter().map(row).collect();
    assert_eq!(listed, wanted, "write the section's table so");
    // Where an answer's link leads.
    assert!(COMPAT_PAGE.ends_with("/docs/compat.md#routes-that-are-not-part-of-this-system"));
}
