//! What is asked: a method, a path with its query, headers, a body. Everything is judged before anything is sent.

use std::io::Read as _;
use std::path::Path;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::Api;
use crate::cli::failure::Stopped;
use crate::config::value::quoted;

/// No body is read further, in bytes: the server's own limit is far lower, and it says so itself.
const BODY_MAX: u64 = 8 << 20;

/// Headers that this command sets itself. The last of these would carry a token past the rule about where tokens go.
const OURS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "accept-encoding", "authorization", "cookie"];

/// One request, whoever answers it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(super) method: Method,
    /// The path, without its query.
    pub(super) path: String,
    /// Parameters as they are sent, encoded.
    query: Vec<(String, String)>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Option<Vec<u8>>,
}

impl Asked {
    /// Reads the command line.
    ///
    /// # Errors
    /// When it does not make a request.
    pub(super) fn of(api: &Api, cwd: &Path) -> Result<Self, Stopped> {
        let method = Method::from_bytes(api.method.trim().to_ascii_uppercase().as_bytes())
            .map_err(|_| usage(format!("METHOD {} is no method: GET, HEAD, POST or DELETE", quoted(&api.method))))?;
        let (path, mut query) = target(api)?;
        let fields = fields(api)?;
        let input = api.input.as_deref().map(|from| read(from, cwd)).transpose()?;
        let takes_body = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE);
        let body = match (input, takes_body) {
            (Some(_), false) => return Err(usage(format!("--input: a {method} has no body"))),
            (None, true) => {
                let members: Map<String, Value> = fields.into_iter().collect();
                Some(Value::Object(members).to_string().into_bytes())
            }
            (body, _) => {
                query.extend(fields.into_iter().map(|(name, value)| (encoded(&name), encoded(&text(&value)))));
                body
            }
        };
        let mut asked = Self { method, path, query, headers: Vec::new(), body };
        asked.take_headers(api)?;
        Ok(asked)
    }

    /// A request of our own: a path, parameters, a body.
    ///
    /// # Errors
    /// When the role is none.
    pub(crate) fn ours(
        method: Method,
        path: String,
        query: &[(&str, String)],
        body: Option<&Value>,
        role: Option<&str>,
    ) -> Result<Self, Stopped> {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), encoded(value))).collect();
        let mut asked =
            Self { method, path, query, headers: Vec::new(), body: body.map(|it| it.to_string().into_bytes()) };
        if asked.body.is_some() {
            asked.headers.push((hyper::header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        if let Some(role) = role {
            let role = role.parse().map_err(|_| usage(format!("--role {} is no role's name", quoted(role))))?;
            asked.headers.push((HeaderName::from_static("x-cortexpilot-role"), role));
        }
        Ok(asked)
    }

    fn take_headers(&mut self, api: &Api) -> Result<(), Stopped> {
        for header in &api.headers {
            let wrong = || usage(format!("--header {} is not of the form `Name: value`", quoted(header)));
            let (name, value) = header.split_once(':').ok_or_else(wrong)?;
            let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
            if OURS.contains(&name.as_str()) {
                let instead = "--token-file names a token";
                return Err(usage(format!("--header {name} is not taken: this command sets it itself ({instead})")));
            }
            self.headers.push((name, value.trim().parse().map_err(|_| wrong())?));
        }
        if let Some(role) = &api.role {
            let role = role.parse().map_err(|_| usage(format!("--role {} is no role's name", quoted(role))))?;
            self.headers.push((HeaderName::from_static("x-cortexpilot-role"), role));
        }
        let declared = self.headers.iter().any(|(name, _)| name == hyper::header::CONTENT_TYPE);
        if self.body.is_some() && !declared {
            self.headers.push((hyper::header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        Ok(())
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether a parameter is sent.
    pub(super) fn has(&self, name: &str) -> bool {
        self.query.iter().any(|(sent, _)| sent == name)
    }

    /// Sends a parameter with this value, in the place of any that was there.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.query.retain(|(sent, _)| sent != name);
        self.query.push((name.to_owned(), encoded(value)));
    }

    /// Path and query as they are sent.
    pub(super) fn target(&self) -> String {
        let pairs: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, pairs.join("&")) }
    }
}

/// Path and query of what was named. A whole address is taken where it is the server's own: a token that is meant for one
/// server is sent to no other.
fn target(api: &Api) -> Result<(String, Vec<(String, String)>), Stopped> {
    let stated = api.path.trim();
    let path = match stated.split_once("://") {
        Some(_) => {
            let own = api.server.as_deref().map(|server| server.trim().trim_end_matches('/'));
            let rest = own.and_then(|own| stated.strip_prefix(own)).filter(|rest| rest.starts_with('/'));
            rest.ok_or_else(|| {
                usage(
                    "PATH is another server's address than --server: name the server there, and a path here".to_owned(),
                )
            })?
        }
        None => stated,
    };
    if path.contains('#') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why = "write other characters percent-encoded";
        return Err(usage(format!("PATH {} is no path: {why}", quoted(path))));
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Ok((path.to_owned(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
}

/// What the fields say, in the order in which they stand; a name that is sent twice would mean two things.
fn fields(api: &Api) -> Result<Vec<(String, Value)>, Stopped> {
    let typed = api.fields.iter().map(|field| (field, true));
    let raw = api.raw_fields.iter().map(|field| (field, false));
    let mut fields: Vec<(String, Value)> = Vec::new();
    for (field, typed) in typed.chain(raw) {
        let pair = field.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) =
            pair.ok_or_else(|| usage(format!("--field {} is not of the form name=value", quoted(field))))?;
        if fields.iter().any(|(earlier, _)| earlier == name) {
            return Err(usage(format!("the field {} is named twice", quoted(name))));
        }
        let value = if typed { meant(value) } else { Value::from(value) };
        fields.push((name.to_owned(), value));
    }
    Ok(fields)
}

/// A value as it is written in JSON where it is one of the few that are taken for what they are.
fn meant(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        _ => {
            text.parse::<i64>().ok().filter(|number| number.to_string() == text).map_or(Value::from(text), Value::from)
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text as it stands in a query (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn read(from: &str, cwd: &Path) -> Result<Vec<u8>, Stopped> {
    let mut bytes = Vec::new();
    let read = if from == "-" {
        std::io::stdin().lock().take(BODY_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(cwd.join(from)).and_then(|file| file.take(BODY_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| usage(format!("--input {} cannot be read: {error}", quoted(from))))?;
    if bytes.len() as u64 > BODY_MAX {
        return Err(usage(format!("--input {} is longer than any body that is read", quoted(from))));
    }
    Ok(bytes)
}

fn usage(what: String) -> Stopped {
    Stopped::Usage(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(words: &[&str]) -> Api {
        use clap::Parser as _;
        let line = [&["cortexpilot", "api"], words].concat();
        let command = crate::cli::Cli::try_parse_from(line).unwrap().command;
        let crate::cli::Command::Api(api) = command else { panic!("{command:?}") };
        api
    }

    fn asked(words: &[&str]) -> Result<Asked, String> {
        Asked::of(&api(words), Path::new("/")).map_err(|stopped| format!("{stopped:?}"))
    }

    fn body(asked: &Asked) -> String {
        String::from_utf8(asked.body.clone().unwrap_or_default()).unwrap()
    }

    #[test]
    fn fields_are_the_query_of_a_get_and_the_body_of_a_post() {
        let get = asked(&["get", "/api/queue?limit=5", "-F", "status=PENDING", "-f", "workflow_id=a b/ü&1"]).unwrap();
        assert_eq!(get.target(), "/api/queue?limit=5&status=PENDING&workflow_id=a%20b%2F%C3%BC%261");
        assert!(get.body.is_none() && get.method == Method::GET);
        let post =
            asked(&["POST", "api/x", "-F", "a=1", "-F", "b=true", "-F", "c=null", "-F", "d=-07", "-f", "e=1"]).unwrap();
        assert_eq!(body(&post), r#"{"a":1,"b":true,"c":null,"d":"-07","e":"1"}"#);
        assert_eq!(post.target(), "/api/x");
        assert_eq!(body(&asked(&["POST", "/api/x"]).unwrap()), "{}");
    }

    #[test]
    fn what_makes_no_request_is_said_before_anything_is_sent() {
        for (words, said) in [
            (vec!["GE T", "/x"], "no method"),
            (vec!["GET", "/a b"], "no path"),
            (vec!["GET", "/x#y"], "no path"),
            (vec!["GET", "/x", "-F", "novalue"], "name=value"),
            (vec!["GET", "/x", "-F", "=v"], "name=value"),
            (vec!["GET", "/x", "-F", "a=1", "-f", "a=2"], "twice"),
            (vec!["GET", "/x", "--input", "/dev/null"], "has no body"),
            (vec!["POST", "/x", "--input", "/nowhere/at-all"], "cannot be read"),
            (vec!["GET", "/x", "-H", "novalue"], "Name: value"),
            (vec!["GET", "/x", "-H", "Authorization: Bearer x"], "--token-file"),
            (vec!["GET", "/x", "-H", "cookie: a=b"], "sets it itself"),
            (vec!["GET", "https://evil.example/x"], "another server"),
            (vec!["GET", "https://h.example.evil/x", "--server", "https://h.example"], "another server"),
            (vec!["GET", "https://h.example@evil/x", "--server", "https://h.example"], "another server"),
        ] {
            let error = asked(&words).unwrap_err();
            assert!(error.contains(said), "{words:?}: {error}");
        }
        let own = asked(&["GET", "https://h.example/x?a=b", "--server", "https://h.example/"]).unwrap();
        assert_eq!(own.target(), "/x?a=b");
    }

    #[test]
    fn a_role_and_a_kind_of_body_are_headers() {
        let asked = asked(&["POST", "/x", "--role", "OPS", "-H", "prefer: receipt"]).unwrap();
        let sent: Vec<(&str, &str)> =
            asked.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let wanted = [("prefer", "receipt"), ("x-cortexpilot-role", "OPS"), ("content-type", "application/json")];
        assert_eq!(sent, wanted);
    }
}
