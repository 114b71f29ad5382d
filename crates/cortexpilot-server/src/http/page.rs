//! The page at `/`: what this is, how it stands, how to call it. No script, nothing loaded, nothing that a run wrote; and
//! no number about runs or queue for anyone who is not signed in.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::Response;
use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::port::receipts::Signing;
use cortexpilot_core::port::runs::PageQuery;

use super::HttpState;
use super::call::Call;
use super::table::{self, Answer, Operation, operation};
use crate::wire::StandingView;

/// What the page says about this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageFacts {
    /// Under which address the commands on the page call it, for example `http://127.0.0.1:8000`.
    pub base_url: String,
    /// Whether the runs are made up, for trying things out.
    pub demo: bool,
}

/// How many runs are looked at for the counts; beyond that the page says "more than".
const RUNS_COUNTED: usize = 500;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;\
background:#fff}h1{margin-bottom:0}h2{margin-top:2rem;font-size:1.1rem}pre{background:#f3f4f6;padding:.75rem 1rem;overflow:auto}\
code,pre{font:14px/1.5 ui-monospace,monospace}table{border-collapse:collapse}td,th{text-align:left;padding:.15rem 1rem .15rem 0;\
vertical-align:top}th{font-weight:600}@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#15181c}pre{background:#22272e}}";

/// Lets the one style above in, by its SHA-256, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-K34bZXjruP3Q309waLJywStEUElKNXjyi9WUWOT9f1g='; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn operations() -> Vec<Operation> {
    vec![operation!(show, Read, Open).cleaned_by_handler()]
}

/// A page for people: what this is and how to call it.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "page",
    tag = "server",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(crate) fn show(call: Call) -> Answer {
    Box::pin(async move {
        let counts = match call.caller.principal {
            Some(_) => counts(&call.state).await,
            None => "shown to whoever sends a token".to_owned(),
        };
        let (agents, ledger) = (agents(&call.state).await, ledger(&call.state).await);
        let mut response = Response::new(Body::from(page(&call.state, agents, &ledger, &counts)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        Ok(response)
    })
}

/// Whether agents may queue, in the words of every operator surface.
async fn agents(state: &HttpState) -> &'static str {
    let reader = state.app.reader();
    match reader.standing().await {
        Ok(standing) => StandingView::of(&standing, state.app.policy(), reader.now()).agents_may_queue,
        Err(error) => {
            tracing::error!(%error, "the store could not be read for the page");
            "not known: the ledger cannot be read, so nothing can be queued"
        }
    }
}

/// The ledger's state in words; the page is shown whatever it is.
async fn ledger(state: &HttpState) -> String {
    match state.app.reader().queue().health().await {
        Ok(health) => match health.refuses_writes {
            None => match state.app.receipts().map(|receipts| receipts.health().signing) {
                Some(Signing::Failing) => "sound, but its last lines are not signed: see this server's log".to_owned(),
                Some(Signing::Waiting | Signing::NoKey | Signing::Signed) | None => "sound".to_owned(),
            },
            Some(why) => format!("refuses writes ({})", cortexpilot_core::app::Failure::Store(why).code().as_str()),
        },
        Err(error) => {
            tracing::error!(%error, "the store could not be read for the page");
            "cannot be read".to_owned()
        }
    }
}

async fn counts(state: &HttpState) -> String {
    let reader = state.app.reader();
    let runs = match reader.runs().list(PageQuery::first(RUNS_COUNTED)).await {
        Ok(listing) => {
            let waiting = listing.items.iter().filter(|run| run.awaits_approval == Some(true)).count();
            let more = if listing.next.is_some() { "more than " } else { "" };
            format!("{more}{} runs, {waiting} of them waiting for a person", listing.items.len())
        }
        Err(_) => "runs cannot be read".to_owned(),
    };
    let queue = match reader.queue().health().await {
        Ok(health) => format!("{} items pending, {} claimed", health.pending, health.claimed),
        Err(_) => "the queue cannot be read".to_owned(),
    };
    format!("{runs}; {queue}")
}

fn page(state: &HttpState, agents: &str, ledger: &str, counts: &str) -> String {
    let facts = &state.options.page;
    let gate = match state.app.policy().mutation_gate {
        MutationGate::Shut => "no: queueing is switched off in this process, which is the default",
        MutationGate::Open => "yes: queueing is switched on in this process, behind preview, confirmation and role",
    };
    let auth = if state.auth.is_on() {
        "every request below /api needs a token"
    } else {
        "switched off: everybody on this machine reads, previews and cancels; nobody can queue, approve or freeze"
    };
    let demo = if facts.demo { "<p><strong>These runs are made up, for trying things out.</strong></p>" } else { "" };
    let mut routes = String::new();
    for operation in table::operations() {
        // Writing to a String cannot fail.
        let _ = write!(
            routes,
            "<tr><td><code>{} {}</code></td><td>{}</td></tr>",
            operation.verb.as_str(),
            html(operation.path),
            html(operation.summary)
        );
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>CortexPilot</title><style>{STYLE}</style></head><body>\
         <h1>CortexPilot</h1><p>Operator control plane, version {version}</p>{demo}\
         <p>Reads runs of AI coding agents, and keeps one guarded work queue: an item is derived from one existing run, \
         previewed, confirmed in a role with a name and a reason, written to a ledger, and can be cancelled until a worker \
         takes it. It never approves a run, changes a contract or writes anywhere else.</p>\
         <h2>How it stands</h2><table>\
         <tr><th>Agents may queue</th><td>{agents}</td></tr>\
         <tr><th>May this server queue?</th><td>{gate}</td></tr>\
         <tr><th>Authentication</th><td>{auth}</td></tr>\
         <tr><th>Ledger</th><td>{ledger}</td></tr>\
         <tr><th>Counts</th><td>{counts}</td></tr></table>\
         <h2>Call it</h2>\
         <p>Put the token into <code>TOKEN</code> (where it is kept was printed when the server was started) and a role that \
         it holds into <code>ROLE</code>; <code>RUN</code> and <code>ID</code> come from the lists.</p>\
         <pre>{calls}</pre>\
         <h2>Operations</h2><table>{routes}</table>\
         <h2>Read on</h2>\
         <p>Here: <a href=\"/api/docs\">every operation in full</a>, with parameters, answers and codes; the same as \
         <a href=\"/api/openapi.json\">OpenAPI document</a>.</p>\
         <p>In the repository: <code>README.md</code>, <code>docs/boundary.md</code> (what each surface may and may never do), \
         <code>docs/runbooks/queue-pilot.md</code> (for operators), <code>docs/reference/operations.md</code>, \
         <code>docs/errors/</code> (one page a code).</p>\
         <p>CortexPilot still ships a read-only public MCP surface. The only truthful write-shaped repo-side pilot today is a \
         default-off, confirm-gated, trusted-operator queue enqueue path derived from an existing run, with queue cancel as \
         the rollback path for pending pilot items.</p></body></html>\n",
        version = html(state.options.version),
        agents = html(agents),
        gate = html(gate),
        auth = html(auth),
        ledger = html(ledger),
        counts = html(counts),
        calls = html(&calls(&facts.base_url)),
    )
}

/// Commands that work as they stand, line by line.
fn calls(base: &str) -> String {
    let base = base.trim_end_matches('/');
    let post =
        "-H \"Authorization: Bearer $TOKEN\" -H \"x-cortexpilot-role: $ROLE\" -H 'content-type: application/json'";
    format!(
        "curl {base}/readyz\n\
         curl -H \"Authorization: Bearer $TOKEN\" {base}/api/runs\n\
         curl -H \"Authorization: Bearer $TOKEN\" '{base}/api/queue?status=PENDING&limit=50'\n\
         curl -H \"Authorization: Bearer $TOKEN\" '{base}/api/approvals?status=PENDING'\n\
         curl {post} -d '{{}}' {base}/api/queue/from-run/$RUN/preview\n\
         curl {post} -d '{{\"reason\": \"not needed\"}}' {base}/api/queue/$ID/cancel\n"
    )
}

/// Text as HTML text: what would be markup is shown, what would be invisible is named.
pub(super) fn html(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for line in raw.split_inclusive('\n') {
        let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
        for c in escape(text).chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                _ => out.push(c),
            }
        }
        out.push_str(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use cortexpilot_core::domain::id::Sha256Digest;

    use super::*;

    #[test]
    fn the_policy_lets_in_exactly_the_style_of_the_page() {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256Digest::of(STYLE.as_bytes()).as_bytes());
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "the policy must name {hash}");
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(html("<a href='x'>&\"\u{202e}</a>\n"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\u{202E}&lt;/a&gt;\n");
    }
}
