//! The operator console: static files that are part of the program (`build.rs`, docs/adr/0039). They hold no data, so they
//! need no sign-in; what a page shows it asks the control plane for, as whoever is signed in.
//!
//! A file is found by its name. Whatever else a person may have in the address bar is a page of the console (`/queue/ID`,
//! `/runs/ID/queue`) and gets `index.html`, which reads the address; what belongs to the interfaces ([`INTERFACES`]) never
//! does, so that a client that misspells a route is told so.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, VARY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;

use super::HttpState;
use super::call::{self, nobody};
use super::error::Refused;
use super::kept::Kept;

/// First segments of paths that are not the console's, whatever stands there.
const INTERFACES: [&str; 5] = ["api", "mcp", "health", "readyz", "metrics"];

/// Every page of the console.
const INDEX: &str = "index.html";

/// Files whose names say what is in them.
const HASHED: &str = "assets/";

/// Scripts and styles of this origin and nothing inline: what a run wrote can never become a script. The other headers of
/// the console are those of every answer (`edge.rs`).
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// One file as the build took it in.
struct Embedded {
    /// From the top of the console, without a slash before it.
    path: &'static str,
    plain: &'static [u8],
    /// The same, gzipped, where that is shorter.
    gzip: Option<&'static [u8]>,
}

/// Sorted by path.
static FILES: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// One file as it is given out. Each form has a tag of its own (RFC 9110 §8.8.3.3).
struct Served {
    plain: Kept,
    gzip: Option<Kept>,
    forever: bool,
}

/// Made when they are first asked for.
static SERVED: [OnceLock<Served>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];

/// Answers a request for which there is no operation.
pub(super) async fn serve(state: Arc<HttpState>, request: Request) -> Response {
    let Some(at) = find(request.uri().path()) else { return call::not_found(state, request).await };
    if *request.method() == Method::GET || *request.method() == Method::HEAD {
        return served(at).answer(request.headers());
    }
    let refused = Refused::NoSuchMethod { allow: "GET".to_owned() };
    refused.render(&state.edge.ids_of(&request), &nobody())
}

/// Which file a path means. None: it is not the console's, or names a file that is not there.
fn find(path: &str) -> Option<usize> {
    let path = path.strip_prefix('/')?;
    let first = path.split('/').next().unwrap_or_default();
    if INTERFACES.contains(&first) {
        return None;
    }
    // Only what stands at the top or among the hashed files is a file: ids, which may hold a dot, stand further down.
    let is_file = first.contains('.') || path.starts_with(HASHED);
    let name = if is_file { path } else { INDEX };
    FILES.binary_search_by(|file| file.path.cmp(name)).ok()
}

fn served(at: usize) -> &'static Served {
    SERVED[at].get_or_init(|| {
        let Embedded { path, plain, gzip } = &FILES[at];
        let kept = |bytes: &'static [u8]| Kept::new(Bytes::from_static(bytes), content_type(path));
        Served { plain: kept(plain), gzip: gzip.map(kept), forever: path.starts_with(HASHED) }
    })
}

impl Served {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let zipped = self.gzip.as_ref().filter(|_| takes_gzip(headers));
        let mut response = zipped.unwrap_or(&self.plain).answer(headers);
        let has_body = response.status().is_success();
        let out = response.headers_mut();
        out.insert(CONTENT_SECURITY_POLICY, POLICY);
        if self.gzip.is_some() {
            out.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
        }
        if zipped.is_some() && has_body {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if self.forever {
            out.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        }
        response
    }
}

/// Whether gzip is named, or `*`, and not with a weight of nothing (RFC 9110 §12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut wildcard = false;
    for entry in values.flat_map(|value| value.split(',')) {
        let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q=")).unwrap_or("1");
        let wanted = weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0);
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return wanted,
            "*" => wildcard = wanted,
            _ => {}
        }
    }
    wildcard
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "md" | "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> Option<&'static str> {
        find(path).map(|at| FILES[at].path)
    }

    #[test]
    fn a_path_is_a_file_a_page_or_not_the_consoles() {
        for page in
            ["/", "/queue", "/queue/", "/queue/0a1b.2", "/runs/run_a/queue", "/cases/wf-1.2", "/apis", "//x", "/login"]
        {
            assert_eq!(named(page), Some(INDEX), "{page}");
        }
        for file in FILES {
            assert_eq!(named(&format!("/{}", file.path)), Some(file.path));
        }
        for nothing in [
            "",
            "*",
            "/api",
            "/api/",
            "/api/x",
            "/mcp",
            "/mcp/x",
            "/health",
            "/health/x",
            "/readyz",
            "/metrics",
            "/favicon.ico",
            "/assets/",
            "/assets/none.js",
            "/assets/../index.html",
            "/.git/config",
            "/../Cargo.toml",
            "/index.html/",
            "/made-from.txt",
        ] {
            assert_eq!(named(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn the_files_are_sorted_known_by_their_kind_and_zipped_where_that_is_shorter() {
        assert!(FILES.is_sorted_by(|one, next| one.path < next.path));
        for file in FILES {
            assert_ne!(content_type(file.path), "application/octet-stream", "{}", file.path);
            assert!(file.gzip.is_none_or(|gzip| gzip.len() < file.plain.len()), "{}", file.path);
        }
        let hashed = FILES.iter().filter(|file| file.path.starts_with(HASHED));
        assert!(hashed.count() >= 10, "the console is built in parts");
    }

    #[test]
    fn gzip_is_given_to_whoever_takes_it() {
        let takes = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            takes_gzip(&headers)
        };
        for yes in [
            "gzip",
            "gzip, deflate, br, zstd",
            "br;q=1, GZIP;q=0.5",
            "*",
            "deflate, *;q=0.1",
            "identity;q=0, gzip; q=1",
        ] {
            assert!(takes(&[yes]), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip;q=0, *", "*;q=0", "gzip;q=none", "gzipped"] {
            assert!(!takes(&[no]), "{no}");
        }
        assert!(takes(&["br", "gzip"]) && !takes(&[]));
    }
}
