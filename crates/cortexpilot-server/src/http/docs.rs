//! The document as a page for people, at `/api/docs`: generated from the document itself when it is first asked for, and the
//! same for everybody. One HTML file without script and without anything that is loaded, so it works offline and under a
//! policy that allows its one style and nothing else (docs/adr/0023).

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use base64::Engine as _;
use cortexpilot_core::domain::id::Sha256Digest;
use serde_json::Value;

use super::call::Call;
use super::kept::Kept;
use super::openapi;
use super::table::{Answer, Operation, operation};
use operations::Described;
use text::{code, html, prose};

mod operations;
mod schemas;
mod text;

pub(super) fn operations() -> Vec<Operation> {
    vec![operation!(show, Read, Open).cleaned_by_handler()]
}

const STYLE: &str = include_str!("docs/style.css");

static PAGE: LazyLock<Kept> =
    LazyLock::new(|| Kept::new(page(openapi::document_value()).into(), "text/html; charset=utf-8"));

/// Lets the page's one style in, by its SHA-256, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256Digest::of(STYLE.as_bytes()).as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("invariant: a policy is ASCII")
});

/// The same as a page for people. It loads nothing and runs no script.
#[utoipa::path(
    get,
    path = "/api/docs",
    operation_id = "docs",
    tag = "server",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 304, description = "It is the one that `if-none-match` names.")
    )
)]
fn show(call: Call) -> Answer {
    Box::pin(async move {
        let mut response = PAGE.answer(&call.headers);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY.clone());
        Ok(response)
    })
}

/// Every operation of the document, by its group in the document's order.
fn by_tag(document: &Value) -> Vec<(&Value, Vec<Described<'_>>)> {
    let all = operations::all(document);
    let tags = document["tags"].as_array().into_iter().flatten();
    let of = |tag: &Value| all.iter().copied().filter(|described| *described.tag() == tag["name"]).collect();
    tags.map(|tag| (tag, of(tag))).filter(|(_, operations): &(_, Vec<_>)| !operations.is_empty()).collect()
}

fn page(document: &Value) -> String {
    let info = &document["info"];
    let (mut contents, mut sections) = (String::new(), String::new());
    for (tag, operations) in by_tag(document) {
        let name = html(tag["name"].as_str().unwrap_or_default());
        // Writing to a String cannot fail.
        let _ = write!(contents, "<h2><a href=\"#group-{name}\">{name}</a></h2><ul>");
        let said = prose(tag["description"].as_str().unwrap_or_default());
        let _ = write!(sections, "<section><h2 id=\"group-{name}\">{name}</h2>{said}");
        for described in operations {
            let _ = write!(contents, "<li><a href=\"#{}\">{}</a></li>", described.anchor(), html(described.title()));
            sections.push_str(&described.section(document));
        }
        contents.push_str("</ul>");
        sections.push_str("</section>");
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\
         <nav aria-label=\"Operations\"><p><a href=\"/\">CortexPilot</a></p>{contents}<h2><a href=\"#schemas\">schemas</a></h2></nav>\
         <main><h1>{title}</h1><p class=\"small\">version {version} · {licence} licence · \
         <a href=\"/api/openapi.json\">openapi.json</a>, OpenAPI {openapi}</p>{intro}\
         <h2>Calling it</h2><p>The commands below take the server's address from {server} and a token from {token}; \
         {role} is a role that the token's owner holds.</p><pre>{set}</pre>{sections}\
         <section><h2 id=\"schemas\">schemas</h2>{schemas}</section></main></body></html>\n",
        title = html(info["title"].as_str().unwrap_or_default()),
        version = html(info["version"].as_str().unwrap_or_default()),
        licence = html(info["license"]["name"].as_str().unwrap_or_default()),
        openapi = html(document["openapi"].as_str().unwrap_or_default()),
        intro = prose(info["description"].as_str().unwrap_or_default()),
        server = code("SERVER"),
        token = code("TOKEN"),
        role = code("ROLE"),
        set = html("SERVER=http://127.0.0.1:8000\nTOKEN=…\nROLE=OPS"),
        schemas = schemas::all(document),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_schema_has_its_place_and_every_link_leads_to_one() {
        let document = openapi::document_value();
        let page = page(document);
        for operation in crate::http::operations() {
            let anchor = format!("id=\"{}\"", operation.id);
            assert_eq!(page.matches(&anchor).count(), 1, "{}", operation.id);
            assert!(page.contains(&html(operation.summary).replace('`', "")) || operation.summary.contains('`'));
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert_eq!(page.matches(&format!("id=\"schema-{name}\"")).count(), 1, "{name}");
        }
        for link in page.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap();
            assert!(page.contains(&format!("id=\"{target}\"")), "#{target}");
        }
    }

    #[test]
    fn the_page_loads_and_runs_nothing() {
        let page = page(openapi::document_value());
        for bad in
            ["<script", "<link", "<img", "<iframe", "src=", "@import", "url(", "javascript:", " style=", "onclick"]
        {
            assert!(!page.contains(bad), "{bad}");
        }
        let elsewhere = page.split("href=\"").skip(1).filter(|link| !link.starts_with(['#', '/'])).count();
        assert_eq!(elsewhere, 0);
        assert!(page.len() < 1024 * 1024, "{} bytes", page.len());
    }

    #[test]
    fn every_group_is_declared_and_has_an_operation() {
        let document = openapi::document_value();
        let grouped: usize = by_tag(document).iter().map(|(_, operations)| operations.len()).sum();
        assert_eq!(
            grouped,
            crate::http::operations().len(),
            "an operation has a tag that openapi/head.rs does not declare"
        );
        assert_eq!(by_tag(document).len(), document["tags"].as_array().unwrap().len(), "a tag without an operation");
    }
}
