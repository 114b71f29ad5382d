//! An answer as it is printed: byte for byte into a pipe, readable on a terminal, one document for programs.

use std::future::poll_fn;
use std::io::Write as _;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use cortexpilot_core::domain::text::escape;
use hyper::body::Body as _;
use hyper::header::CONTENT_TYPE;
use hyper::http::response::Parts;
use serde_json::Value;

use super::{Reply, exit_of, stream};
use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::output::{self, Answer, View};

/// How long the next piece of a body may take, where the body is no stream that waits for something to happen.
const PIECE: Duration = Duration::from_secs(60);

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Events,
    Other,
}

impl Kind {
    fn of(head: &Parts) -> Self {
        let declared = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let plain = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if plain == "application/json" || plain.ends_with("+json") {
            Self::Json
        } else if plain == "text/event-stream" {
            Self::Events
        } else {
            Self::Other
        }
    }
}

/// Prints an answer, and gives the exit code it stands for.
pub(super) async fn reply(reply: Reply, context: &Context, include: bool) -> Result<Answer, Stopped> {
    let (head, body) = reply.into_parts();
    let view = &context.view;
    match Kind::of(&head) {
        Kind::Events => {
            if include {
                let shown = if view.is_json() { head_line(&head, "") } else { head_text(&head, view) };
                write(shown.as_bytes())?;
            }
            stream::print(body, view).await?;
            Ok(ended(&head, None))
        }
        kind @ (Kind::Json | Kind::Other) => {
            let bytes = whole(body).await?;
            whole_reply(&head, kind, &bytes, view, include)
        }
    }
}

fn whole_reply(head: &Parts, kind: Kind, bytes: &[u8], view: &View, include: bool) -> Result<Answer, Stopped> {
    if view.is_json() {
        let body = document(kind, bytes)?;
        let text = if include { head_line(head, &body) } else { body + "\n" };
        write(text.as_bytes())?;
    } else {
        if include {
            write(head_text(head, view).as_bytes())?;
        }
        if view.is_terminal() {
            write(readable(kind, bytes)?.as_bytes())?;
        } else {
            write(bytes)?;
        }
    }
    let said = (kind == Kind::Json).then(|| serde_json::from_slice::<Value>(bytes).ok()).flatten();
    let refusal = said.as_ref().map(|said| &said["detail"]);
    let answer = ended(head, refusal.and_then(|detail| detail["code"].as_str()));
    if answer.exit != cortexpilot_core::error::exit::OK && !view.is_json() {
        output::complain(&complaint(head, refusal));
    }
    Ok(answer)
}

/// What stands on standard error beside a refusal that was printed.
fn complaint(head: &Parts, refusal: Option<&Value>) -> String {
    let text =
        |member: &str| refusal.and_then(|detail| detail[member].as_str()).map(escape).filter(|text| !text.is_empty());
    let mut said = format!("HTTP {}", head.status.as_u16());
    match (text("code"), text("reason"), refusal.and_then(Value::as_str)) {
        (Some(code), Some(reason), _) => said.push_str(&format!(": {code} — {reason}")),
        (_, _, Some(plain)) => said.push_str(&format!(": {}", escape(plain))),
        _ => {}
    }
    said.push('\n');
    if let Some(next) = text("next_step") {
        said.push_str(&format!("next: {next}\n"));
    }
    said
}

fn ended(head: &Parts, code: Option<&str>) -> Answer {
    Answer { text: String::new(), exit: exit_of(head.status, code) }
}

/// The body as one JSON value on one line: as it came where it is JSON, as a text otherwise, `null` where there is none.
fn document(kind: Kind, bytes: &[u8]) -> Result<String, Stopped> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        let said = "the answer is no text, so it is no JSON document: leave --output json out, and send it to a file";
        Stopped::Usage(said.to_owned())
    })?;
    if text.is_empty() {
        return Ok("null".to_owned());
    }
    match kind {
        Kind::Json => Ok(output::escaped(text.trim_end())),
        Kind::Events | Kind::Other => Ok(output::escaped(&Value::from(text).to_string())),
    }
}

/// For a person's eyes.
fn readable(kind: Kind, bytes: &[u8]) -> Result<String, Stopped> {
    if kind == Kind::Json
        && let Ok(value) = serde_json::from_slice::<Value>(bytes)
    {
        return Ok(output::json(&value));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            Ok(lines(text) + end)
        }
        Err(_) => {
            let said = format!("the answer is {} bytes that are no text: send them to a file", bytes.len());
            Err(Stopped::Usage(said))
        }
    }
}

/// Text without what a terminal would obey, its line breaks and tabulators kept.
pub(super) fn lines(text: &str) -> String {
    let keep = |line: &str| line.split('\t').map(escape).collect::<Vec<_>>().join("\t");
    text.split('\n').map(keep).collect::<Vec<_>>().join("\n")
}

/// Status and headers as HTTP/1.1 writes them.
fn head_text(head: &Parts, view: &View) -> String {
    let mut text = format!("HTTP/1.1 {}\n", head.status);
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        text.push_str(&format!("{name}: {}\n", if view.is_terminal() { escape(&value) } else { value.into_owned() }));
    }
    text.push('\n');
    text
}

/// The same as one JSON document with the body in it; without one, where events follow, each on a line of its own.
fn head_line(head: &Parts, body: &str) -> String {
    let headers = head.headers.keys().map(|name| {
        let values: Vec<_> =
            head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (name.as_str().to_owned(), Value::from(values.join(", ")))
    });
    let headers = Value::Object(headers.collect());
    let body = if body.is_empty() { String::new() } else { format!(",\"body\":{body}") };
    format!("{{\"status\":{},\"headers\":{}{body}}}\n", head.status.as_u16(), output::escaped(&headers.to_string()))
}

/// The next piece of a body; `None` at its end.
pub(super) async fn piece(body: &mut Body) -> Result<Option<Bytes>, Stopped> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        match frame {
            None => return Ok(None),
            // Trailers say nothing that is printed.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
            Some(Err(error)) => return Err(anyhow::anyhow!("the answer broke off: {error}").into()),
        }
    }
}

/// A body that comes to its end.
pub(super) async fn whole(mut body: Body) -> Result<Vec<u8>, Stopped> {
    let mut bytes = Vec::new();
    loop {
        match tokio::time::timeout(PIECE, piece(&mut body)).await {
            Ok(piece) => match piece? {
                Some(piece) => bytes.extend_from_slice(&piece),
                None => return Ok(bytes),
            },
            Err(_) => return Err(anyhow::anyhow!("the answer did not go on").into()),
        }
    }
}

/// Writes to standard output. A reader that has seen enough is no error.
pub(super) fn write(bytes: &[u8]) -> Result<(), Stopped> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(anyhow::Error::from(error).into()),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::domain::text::is_forbidden;

    use super::*;

    fn head(status: u16, kind: &str) -> Parts {
        let response = hyper::Response::builder().status(status).header(CONTENT_TYPE, kind).body(()).unwrap();
        response.into_parts().0
    }

    #[test]
    fn a_body_is_what_it_is_declared_to_be() {
        for (declared, kind) in [
            ("application/json", Kind::Json),
            ("Application/JSON; charset=utf-8", Kind::Json),
            ("application/problem+json", Kind::Json),
            ("text/event-stream", Kind::Events),
            ("text/plain; version=0.0.4", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(Kind::of(&head(200, declared)), kind, "{declared}");
        }
    }

    #[test]
    fn a_document_for_programs_is_json_whatever_came() {
        let json = |kind, bytes: &[u8]| document(kind, bytes).unwrap();
        assert_eq!(
            json(Kind::Json, br#"{"n": 1e400, "a":1.0}"#),
            r#"{"n": 1e400, "a":1.0}"#,
            "numbers stay as they came"
        );
        assert_eq!(json(Kind::Json, "\"a\u{202e}b\"".as_bytes()), r#""a\u202eb""#);
        assert_eq!(json(Kind::Other, b"# HELP x\nx 1\n"), r##""# HELP x\nx 1\n""##);
        assert_eq!(json(Kind::Other, b""), "null");
        assert!(document(Kind::Other, b"\xff\x00").is_err());
    }

    #[test]
    fn a_terminal_gets_no_byte_that_it_would_obey() {
        let text = readable(Kind::Other, "a\u{1b}[2J\tb\nc\u{202e}\n".as_bytes()).unwrap();
        assert_eq!(text, "a\\u{001B}[2J\tb\nc\\u{202E}\n");
        assert!(!readable(Kind::Json, "{\"a\":\"\u{202e}\"}".as_bytes()).unwrap().contains('\u{202e}'));
        assert!(readable(Kind::Other, b"\xff").is_err());
        assert!(!lines("x\u{9b}").chars().any(|c| c != '\n' && is_forbidden(c)));
    }

    #[test]
    fn a_refusal_is_named_on_standard_error_too() {
        let refusal = serde_json::json!({"code": "RUN_NOT_FOUND", "reason": "There is no run.", "next_step": "Look."});
        let said = complaint(&head(404, "application/json"), Some(&refusal));
        assert_eq!(said, "HTTP 404: RUN_NOT_FOUND — There is no run.\nnext: Look.\n");
        let plain = serde_json::json!("Not Found");
        assert_eq!(complaint(&head(404, "application/json"), Some(&plain)), "HTTP 404: Not Found\n");
        assert_eq!(complaint(&head(500, "text/html"), None), "HTTP 500\n");
    }

    #[test]
    fn a_head_is_one_document_with_its_body() {
        let line = head_line(&head(200, "application/json"), "[1]");
        assert_eq!(line, "{\"status\":200,\"headers\":{\"content-type\":\"application/json\"},\"body\":[1]}\n");
    }
}
