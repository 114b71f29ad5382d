//! One run's files, read only: its diff, its artifacts and their content, what it searched for.

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::runs::{ArtifactBytes, Artifacts, BytesQuery, ReadProblem, RunDiff, RunSearch};
use serde_json::{Value, json};

use super::agents::{REDACTED_HEADER, TRUNCATED_HEADER};
use super::call::Call;
use super::error::{Refused, ok};
use super::openapi::codes::RUN;
use super::openapi::parameters::RunPath;
use super::runs::run_id;
use super::table::{Answer, Operation, operation};
use crate::wire::untrusted;

/// So many bytes of a file are given unless asked otherwise, and to agents always.
const BYTES_DEFAULT: u64 = 1 << 20;
/// The most that are given at once.
const BYTES_MAX: u64 = 8 << 20;

/// How many bytes the whole file has.
const SIZE_HEADER: HeaderName = HeaderName::from_static("x-cortexpilot-size-bytes");
/// Where the next bytes begin; left out at the end of the file.
const NEXT_HEADER: HeaderName = HeaderName::from_static("x-cortexpilot-next-offset");

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(diff, Read, Token).codes(&[RUN]),
        operation!(artifacts, Read, Token).codes(&[RUN]),
        operation!(artifact, Read, Token).codes(&[RUN, &[ErrorCode::ArtifactNotFound]]).cleaned_by_handler(),
        operation!(search, Read, Token).codes(&[RUN]),
    ]
}

/// Shows what a run changed, as a diff.
///
/// A run that is not there has an empty diff, as existing clients know it.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/diff",
    operation_id = "run_diff",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "The diff; empty where the run has none.", body = RunDiff))
)]
pub(crate) fn diff(call: Call) -> Answer {
    Box::pin(async move {
        let found = call.state.app.reader().runs().diff(&run_id(&call)?).await;
        Ok(ok(&empty_where_none_was(found)?))
    })
}

/// Whether one file's content is wanted instead of the list.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ArtifactsParams {
    /// One file: the answer is then `{"name", "data"}`, as existing clients know it. `data` is parsed JSON, a list of the
    /// lines of a `.jsonl` file, or text; null where there is no such file. Files beyond 8 MiB are asked for by their own path.
    #[param(nullable = false)]
    name: Option<String>,
}

/// The list, or one file's content.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum ArtifactsAnswer {
    /// The list.
    #[schema(title = "List")]
    List(Artifacts),
    /// One file, where `name` was sent.
    #[schema(title = "Content")]
    Content(ArtifactContent),
}

/// One file's content.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct ArtifactContent {
    /// The name that was asked for.
    name: String,
    /// Parsed JSON, a list of lines, or text; null where there is no such file, or where it is too large for this answer.
    data: Value,
}

/// Lists a run's files, each with whether it is the one that the manifest recorded.
///
/// Listed are the files that the manifest recorded and those beneath `artifacts/`, at most 1,000. Digests are computed anew
/// for each answer, of at most 64 MiB: what is beyond is `unchecked`. A run that is not there has no files.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/artifacts",
    operation_id = "run_artifacts",
    tag = "runs",
    params(RunPath, ArtifactsParams),
    responses((status = 200, description = "The files.", body = ArtifactsAnswer))
)]
pub(crate) fn artifacts(call: Call) -> Answer {
    Box::pin(async move {
        let id = run_id(&call)?;
        let Some(name) = call.query.text("name").map(str::to_owned) else {
            let found = call.state.app.reader().runs().artifacts(&id).await;
            return Ok(ok(&empty_where_none_was(found)?));
        };
        let found = match read(&call, &id, &name, BytesQuery { offset: 0, limit: BYTES_MAX }).await {
            // What does not fit cannot be parsed.
            Ok(found) => found.filter(|found| found.size <= found.bytes.len() as u64),
            Err(ReadProblem::NotFound) => return Ok(ok(&Artifacts::default())),
            Err(problem) => return Err(problem.into()),
        };
        let data = found.map_or(Value::Null, |found| parsed(&name, &found.bytes));
        Ok(ok(&ArtifactContent { name, data }))
    })
}

async fn read(call: &Call, id: &RunId, name: &str, bytes: BytesQuery) -> Result<Option<ArtifactBytes>, ReadProblem> {
    call.state.app.reader().runs().artifact(id, name, bytes).await
}

fn parsed(name: &str, bytes: &[u8]) -> Value {
    let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
    if name.ends_with(".json") {
        return serde_json::from_slice(bytes).unwrap_or_else(|_| json!({"raw": text()}));
    }
    if name.ends_with(".jsonl") {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let raw = |line: &[u8]| json!({"raw": String::from_utf8_lossy(line)});
        return lines.map(|line| serde_json::from_slice(line).unwrap_or_else(|_| raw(line))).collect();
    }
    text()
}

/// One of a run's files.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct ArtifactPath {
    /// The run's id: its directory's name.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", example = "run_ok")]
    run_id: String,
    /// The file's name as the list has it, its slashes percent-encoded; of a file in `artifacts/` its name there will do.
    #[param(min_length = 1, example = "search_results.json")]
    name: String,
}

/// Which bytes are wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct BytesParams {
    /// Where to begin, in bytes; 0 unless sent. Not for agents.
    #[param(minimum = 0, nullable = false)]
    offset: Option<u64>,
    /// At most so many bytes; 1 MiB unless sent, at most 8 MiB. Not for agents.
    #[param(minimum = 1, maximum = 8_388_608, default = 1_048_576, nullable = false)]
    limit: Option<u32>,
}

/// Gives the content of one of a run's files, to be stored and not to be shown.
///
/// It is plain text where it is UTF-8 without NUL, else bytes; never a type that a browser would carry out. Agents get the
/// beginning of the file as text, with secrets masked.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/artifacts/{name}",
    operation_id = "run_artifact",
    tag = "runs",
    params(ArtifactPath, BytesParams),
    responses((
        status = 200,
        description = "The bytes.",
        content((String = "text/plain"), (Vec<u8> = "application/octet-stream")),
        headers(
            ("x-cortexpilot-size-bytes" = u64, description = "How many bytes the whole file has."),
            ("x-cortexpilot-next-offset" = u64, description = "Where the next bytes begin; left out at the end of the file.")
        )
    ))
)]
pub(crate) fn artifact(call: Call) -> Answer {
    Box::pin(async move {
        let id = run_id(&call)?;
        let is_agent = call.caller.principal.as_ref().is_some_and(|principal| principal.kind == PrincipalKind::Agent);
        // A secret that is cut in two is not known as one, so agents do not choose where a file is cut.
        if is_agent && (call.query.has("offset") || call.query.has("limit")) {
            return Err(Refused::form("`offset` and `limit` cannot be sent with an agent's token."));
        }
        let offset = match call.query.text("offset") {
            None => 0,
            Some(text) => number(text)
                .ok_or_else(|| Refused::form("The query parameter `offset` must be an integer of at least 0."))?,
        };
        let limit = call.query.count("limit")?.map_or(BYTES_DEFAULT, |limit| limit as u64);
        if limit > BYTES_MAX {
            return Err(Refused::form(format!("The query parameter `limit` must be 1 to {BYTES_MAX}.")));
        }
        let found = read(&call, &id, &call.second, BytesQuery { offset, limit }).await?;
        let Some(found) = found else {
            let said = "The run has no such file that may be read.";
            return Err(Refused::Coded(ErrorCode::ArtifactNotFound, said.into()));
        };
        Ok(if is_agent { for_agent(&found) } else { as_it_is(found) })
    })
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn as_it_is(found: ArtifactBytes) -> Response {
    let next = found.offset.saturating_add(found.bytes.len() as u64);
    let kind = if is_text(&found.bytes, found.offset > 0) { TEXT } else { "application/octet-stream" };
    let mut response = content(&found.name, kind, found.bytes);
    response.headers_mut().insert(SIZE_HEADER, HeaderValue::from(found.size));
    if next < found.size {
        response.headers_mut().insert(NEXT_HEADER, HeaderValue::from(next));
    }
    response
}

fn for_agent(found: &ArtifactBytes) -> Response {
    let text = String::from_utf8_lossy(&found.bytes);
    let (clean, done) = untrusted::text(&text, untrusted::Limits::TEXT);
    let mut response = content(&found.name, TEXT, clean.into_owned().into_bytes());
    let headers = response.headers_mut();
    headers.insert(SIZE_HEADER, HeaderValue::from(found.size));
    if done.redacted > 0 {
        headers.insert(REDACTED_HEADER, HeaderValue::from(done.redacted));
    }
    if done.truncated || (found.bytes.len() as u64) < found.size {
        headers.insert(TRUNCATED_HEADER, HeaderValue::from_static("true"));
    }
    response
}

const TEXT: &str = "text/plain; charset=utf-8";

/// Whether these bytes are text; at their ends a character may be cut.
fn is_text(bytes: &[u8], cut_before: bool) -> bool {
    let begin = if cut_before { bytes.iter().take(3).take_while(|byte| *byte & 0xC0 == 0x80).count() } else { 0 };
    let utf8 = match std::str::from_utf8(&bytes[begin..]) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    utf8 && !bytes.contains(&0)
}

/// Bytes that nothing carries out: saved as a file, and their type not guessed.
fn content(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let file = name.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    let file: String = file.chars().take(128).map(plain).collect();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{file}\""));
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_DISPOSITION, disposition.expect("invariant: letters, digits and three signs"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Shows what a run searched for and found.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/search",
    operation_id = "run_search",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "Each file's content; null where the run has none.", body = RunSearch))
)]
pub(crate) fn search(call: Call) -> Answer {
    Box::pin(async move { Ok(ok(&call.state.app.reader().runs().search(&run_id(&call)?).await?)) })
}

/// Existing clients get an empty answer for the diff and the artifacts of a run that is not there.
fn empty_where_none_was<T: Default>(found: Result<T, ReadProblem>) -> Result<T, Refused> {
    match found {
        Err(ReadProblem::NotFound) => Ok(T::default()),
        found => Ok(found?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_also_where_a_character_is_cut() {
        let text = "aä€".as_bytes();
        assert!(is_text(text, false) && is_text(&text[..2], false) && is_text(&text[2..], true));
        assert!(!is_text(&text[2..], false), "a file does not begin in the middle of a character");
        assert!(!is_text(b"a\0b", false) && !is_text(b"\xFFab", false) && !is_text(b"a\xFFb", true));
        assert!(is_text(b"", false));
    }

    #[test]
    fn a_files_name_cannot_end_its_header() {
        let response = content("artifacts/a\"; x=\r\n\u{e4}.html", TEXT, Vec::new());
        assert_eq!(response.headers()[CONTENT_DISPOSITION], "attachment; filename=\"a___x____.html\"");
        assert_eq!(response.headers()[CONTENT_TYPE], TEXT);
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[test]
    fn content_is_parsed_by_the_files_ending() {
        assert_eq!(parsed("a.json", b"{\"a\": 1}"), json!({"a": 1}));
        assert_eq!(parsed("a.json", b"{"), json!({"raw": "{"}));
        assert_eq!(parsed("a.jsonl", b"1\n\n{\n"), json!([1, {"raw": "{"}]));
        assert_eq!(parsed("a.txt", b"\xFFa"), json!("\u{FFFD}a"));
    }
}
