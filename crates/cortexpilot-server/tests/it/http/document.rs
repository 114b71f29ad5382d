//! The document and its page, as they are served: to anybody, the same bytes, and not again to whoever has them.

use cortexpilot_server::http::document;

use super::harness::{AGENT, Ask, World};

#[tokio::test]
async fn the_document_is_served_as_it_is_kept_and_not_sent_again() {
    let world = World::new();
    let told = world.send(Ask::get("/api/openapi.json").nobody()).await;
    assert_eq!((told.status.as_u16(), told.text()), (200, document().as_str()));
    assert_eq!(told.header("cache-control"), "no-cache");
    let tag = told.header("etag").to_owned();
    let again = world.send(Ask::get("/api/openapi.json").nobody().header("if-none-match", &tag)).await;
    assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, tag.as_str()));
    let agent = world.send(Ask::get("/api/openapi.json").token(AGENT)).await;
    assert_eq!(agent.body, told.body, "it is nobody's text but ours, so nothing is cleaned");
}

#[tokio::test]
async fn the_page_is_open_and_its_policy_allows_its_style_alone() {
    let world = World::new();
    let told = world.send(Ask::get("/api/docs").nobody()).await;
    assert_eq!((told.status.as_u16(), told.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = told.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let style = told.text().split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
    assert!(policy.contains(&sha256_base64(style)), "{policy}");
    assert_eq!(told.text().matches("<style").count(), 1);
    let tag = told.header("etag").to_owned();
    let again = world.send(Ask::get("/api/docs").nobody().header("if-none-match", &tag)).await;
    assert_eq!((again.status.as_u16(), again.header("content-security-policy")), (304, policy));
}

#[tokio::test]
async fn the_truth_sentence_stands_first_in_the_document_and_on_its_page() {
    let truth = "CortexPilot still ships a read-only public MCP surface. The only truthful write-shaped repo-side pilot today is a \
                 default-off, confirm-gated, trusted-operator queue enqueue path derived from an existing run, with queue cancel as \
                 the rollback path for pending pilot items.";
    let world = World::new();
    let described = world.send(Ask::get("/api/openapi.json")).await.json();
    assert!(described["info"]["description"].as_str().expect("a description").starts_with(truth));
    assert!(world.send(Ask::get("/api/docs")).await.text().contains(truth));
}

fn sha256_base64(text: &str) -> String {
    use base64::Engine as _;
    let digest = cortexpilot_core::domain::id::Sha256Digest::of(text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(digest.as_bytes())
}
