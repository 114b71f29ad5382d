//! What the document says before and beside its paths: what this is, who may call it, in which words operations are grouped.

use utoipa::Modify;
use utoipa::OpenApi as _;
use utoipa::openapi::schema::Components;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, RefOr, ServerBuilder};

use crate::auth::PLAIN_SESSION_COOKIE;
use crate::http::error::{Coded, Plain};
use crate::http::openapi::shapes::{ProblemShape, ReceiptMembers};

/// The names of the security schemes.
pub(super) const BEARER: &str = "bearer";
/// A browser's session.
pub(super) const SESSION: &str = "session";

/// The groups of operations, in the order of the documentation page. An operation has exactly one.
pub(super) const TAGS: &[(&str, &str)] = &[
    (
        "queue",
        "The queue: one item is derived from one existing run, previewed, applied when every gate is open, and can be cancelled \
         until a worker claims it. These are guarded operator helpers, not a public promise of writing.",
    ),
    (
        "work",
        "What workers do: look what waits, claim an item, fetch its contract, say that it goes on, complete it or hand it back.",
    ),
    ("approvals", "Requests that people decide before an item is queued."),
    ("receipts", "Proofs that a line of the ledger is signed."),
    ("ledger", "The ledger and the record of decisions: heads, checkpoints, lines as facts."),
    ("governance", "What holds for everybody: the gate, the policy floor, a freeze, personal tokens."),
    ("session", "Signing in to the console and out of it, and who asks."),
    ("runs", "Runs of agents, as their directories tell. Read only; what cannot be read is named as a problem."),
    ("workflows", "Workflow cases: runs that belong together. Read only."),
    ("server", "The server itself: health, counters, this document, pages for people."),
];

/// The boundary's own sentence stands first, as on every public page; then what holds for every operation, said once.
const DESCRIPTION: &str = "\
CortexPilot still ships a read-only public MCP surface. The only truthful write-shaped repo-side pilot today is a default-off, \
confirm-gated, trusted-operator queue enqueue path derived from an existing run, with queue cancel as the rollback path for \
pending pilot items.

This document describes the operator HTTP control plane. Read-only MCP is the shipped contract; the queue's routes are guarded \
operator helpers and no public promise of writing. Which operation may change what stands in docs/boundary.md.

**Signing in.** A personal token or the server's operator token as `Authorization: Bearer …`, or a browser's session cookie. \
A mutation and a preview also need the role that the caller acts in, in `x-cortexpilot-role`; it may be left out where the \
principal holds exactly one. A server that was started without authentication answers every caller on its machine as \
`anonymous:loopback`, which reads, previews and cancels.

**Refusals.** `{\"detail\": {\"code\", \"reason\", …, \"request_id\", \"trace_id\"}}` with a code of one table \
(docs/reference/errors.md); every code has a page under docs/errors. A path that is not there is 404 with \
`{\"detail\": \"Not Found\"}`, a method that a path does not have is 405 with `{\"detail\": \"Method Not Allowed\"}` and `allow`.

**Lists.** Plain arrays; with `limit` or `cursor` pages, `{\"items\", \"next_cursor\"}`. What could not be read is named beside \
what could: as `problems` of a page, in the header `x-cortexpilot-problems` of an array.

**Names.** `x-request-id`, `x-trace-id` and `traceparent` are taken from the caller where they are sound, and echoed. `HEAD` is \
answered wherever `GET` is.

**Agents.** To an agent's token the texts of runs are shown cleaned: secrets masked (`x-cortexpilot-redacted`), long texts cut \
(`x-cortexpilot-truncated`).";

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(Coded, Plain, ReceiptMembers, ProblemShape)), modifiers(&Schemes))]
struct Head;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut OpenApi) {
        let components = openapi.components.get_or_insert_with(Components::new);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A personal token (`cortexpilot token create`), or the one operator token that the server was started with.",
        ));
        let cookie = ApiKeyValue::with_description(
            PLAIN_SESSION_COOKIE,
            "A browser's session (`POST /api/session`); over TLS its cookie is called `__Host-cortexpilot_session`. A mutation must \
             then show that a page of this server, or one that is allowed, sent it: by `Sec-Fetch-Site`, `Origin` or \
             `x-cortexpilot-csrf`. The cookies `cortexpilot_api_token` and `api_token`, which carry a token itself, are read where no \
             session is.",
        );
        components.security_schemes.insert(BEARER.into(), RefOr::T(SecurityScheme::Http(bearer.build())));
        components.security_schemes.insert(SESSION.into(), RefOr::T(SecurityScheme::ApiKey(ApiKey::Cookie(cookie))));
    }
}

/// The document without its paths.
pub(in crate::http) fn head() -> OpenApi {
    let mut head = Head::openapi();
    let license = LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build();
    head.info = InfoBuilder::new()
        .title("CortexPilot operator control plane")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license))
        .build();
    let server = |url: &str, said: &str| ServerBuilder::new().url(url).description(Some(said)).build();
    head.servers = Some(vec![
        server("/", "The server that this document was read from."),
        server("http://127.0.0.1:8000", "A server on this machine, as started without options."),
    ]);
    let tag = |(name, said): &(&str, &str)| TagBuilder::new().name(*name).description(Some(*said)).build();
    head.tags = Some(TAGS.iter().map(tag).collect());
    head
}
