//! The two MCP servers as processes. Over standard input and output the latter is the protocol's channel: nothing else is
//! ever written there.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_server::mcp::http::READONLY_PATH;
use cortexpilot_server::mcp::pilot::PilotTools;
use cortexpilot_server::mcp::{ToolServer, serve_stdio};

use super::Context;
use super::failure::Stopped;
use super::output::{self, Answer};
use super::serve::{personal_tokens, refused};
use super::session;
use crate::config::Overrides;
use crate::serve::checkpoint::read_only_tools;
use crate::serve::{background, base_url, readonly_mcp, stop_signal, until_it_must_end};
use crate::stdio::{Input, Output};

/// Serve runs and the queue to MCP clients, over standard input and output or over HTTP; can change nothing
#[derive(Debug, Args)]
#[command(after_help = "\
Examples, the first as an MCP client's configuration starts it:
  cortexpilot mcp-readonly-server --runtime-root /srv/cortexpilot
  cortexpilot mcp-readonly-server --http 127.0.0.1:8001

This is the public MCP contract. The process holds nothing that could write and leaves not one byte behind. Over standard \
input and output it ends when its standard input does.

With --http it serves many clients at /mcp/readonly, prints that URL, and ends at SIGINT or SIGTERM. Who may read is \
decided as for `cortexpilot serve`: by a token, unless authentication is switched off, which only loopback may; any other \
address needs --behind-tls-proxy. A control plane (`serve`, `up`) has the same server at the same path.")]
pub(crate) struct Readonly {
    /// Serve over HTTP at this address, HOST:PORT with an IP address or localhost; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub(super) http: Option<HttpAddress>,
    /// A proxy in front of this server ends TLS; needed on an address that is not loopback
    #[arg(long, requires = "http")]
    behind_tls_proxy: bool,
}

/// Where to listen: `127.0.0.1:8001`, `[::1]:8001`, `localhost:8001`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAddress {
    host: String,
    port: u16,
}

impl FromStr for HttpAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or("must be HOST:PORT, such as 127.0.0.1:8001")?;
        let port = port.parse().map_err(|_| "must end with a port from 0 to 65535")?;
        let bare = match (host.strip_prefix('[').and_then(|host| host.strip_suffix(']')), host.contains(':')) {
            (Some(v6), _) => v6,
            (None, false) if !host.is_empty() => host,
            (None, _) => return Err("must be HOST:PORT; an IPv6 address stands in brackets, such as [::1]:8001"),
        };
        Ok(Self { host: bare.to_owned(), port })
    }
}

/// Serve the queue pilot to an MCP client over standard input and output; internal, and off by default
#[derive(Debug, Args)]
#[command(after_help = "\
Example, as an MCP client's configuration starts it:
  cortexpilot mcp-queue-pilot-server --runtime-root /srv/cortexpilot

Two tools: preview_enqueue_from_run changes nothing, enqueue_from_run appends one item when every check is open. The \
process acts as an agent: the one whose personal token it is given, else one that is sponsored by the operator who \
starts it. An operator's or a worker's token is refused. docs/runbooks/queue-pilot.md says who may switch \
queueing on, and how. When a write to the ledger fails it acknowledges nothing more, answers what is under way, and ends \
with exit code 6.")]
pub(crate) struct QueuePilot {}

impl Readonly {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        if self.http.is_some() {
            return self.over_http(context).await;
        }
        let reader = session::reader(&context.settings)?;
        stdio(ToolServer::new(read_only_tools(&context.settings, reader)), stop_signal()?).await
    }
}

impl Readonly {
    /// What the address puts in place of configuration.
    pub(super) fn put(&self, overrides: &mut Overrides) {
        if let Some(HttpAddress { host, port }) = &self.http {
            (overrides.host, overrides.port) = (Some(host.clone()), Some(*port));
        }
    }

    /// Whether standard output belongs to the protocol.
    pub(crate) fn speaks_over_stdio(&self) -> bool {
        self.http.is_none()
    }

    async fn over_http(self, context: &Context) -> Result<Answer, Stopped> {
        let settings = &context.settings;
        let personal = personal_tokens(settings, &PrincipalKind::ALL).await?;
        let auth = crate::serve::auth(settings, settings.api_token.as_ref(), personal, self.behind_tls_proxy);
        let auth = auth.map_err(refused)?;
        let reader = session::reader(settings)?;
        let listener = crate::serve::bind(settings, false).await?;
        let bound = listener.local_addr().context("the listener has no address")?;
        let url = format!("{}{READONLY_PATH}", base_url(bound));
        // Before the address is printed: whoever reads it may tell the process to stop at once.
        let stop = stop_signal()?;
        let said = match context.view.is_json() {
            true => serde_json::json!({ "mcp_readonly": url }).to_string() + "\n",
            false => format!("MCP       {url}\n"),
        };
        output::print(&said).map_err(anyhow::Error::from)?;
        readonly_mcp(settings, listener, auth, reader, stop).await?;
        Ok(Answer::ok(String::new()))
    }
}

impl QueuePilot {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let settings = &context.settings;
        let (app, store, notices) = session::queueing_server(settings).await?;
        let principal = session::pilot(settings, app.reader()).await?;
        let _registered = background::announce(settings, "pilot", &principal.id, None);
        tracing::info!(principal = %principal.id, agents_may_queue = settings.agents_may_queue(), "the queue pilot serves");
        let stop = until_it_must_end(stop_signal()?, store.clone());
        let ended = stdio(ToolServer::new(PilotTools::new(Arc::new(app), principal)), stop).await;
        notices.stop().await;
        session::ended_well(&store)?;
        ended
    }
}

/// Serves until the client closes its end or the process must stop.
async fn stdio(server: ToolServer, stop: impl Future<Output = ()> + Send + 'static) -> Result<Answer, Stopped> {
    let end =
        serve_stdio(server, Input::of_process(), Output::of_process(), stop).await.context("the MCP server failed")?;
    tracing::info!(?end, "the MCP server ends");
    Ok(Answer::ok(String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let parsed = |text: &str| text.parse::<HttpAddress>().map(|HttpAddress { host, port }| (host, port));
        for (text, host, port) in [
            ("127.0.0.1:8001", "127.0.0.1", 8001),
            ("localhost:0", "localhost", 0),
            ("[::1]:80", "::1", 80),
            ("0.0.0.0:65535", "0.0.0.0", 65535),
        ] {
            assert_eq!(parsed(text), Ok((host.to_owned(), port)), "{text}");
        }
        for text in
            ["", "8001", ":8001", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:80", "[::1]"]
        {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
