//! The two stdio servers. Standard output is the protocol's channel: nothing else is ever written there.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use cortexpilot_server::mcp::pilot::PilotTools;
use cortexpilot_server::mcp::readonly::ReadOnlyTools;
use cortexpilot_server::mcp::{ToolServer, serve_stdio};

use super::Context;
use super::failure::Stopped;
use super::output::Answer;
use super::session;
use crate::os::OsIds;
use crate::serve::{background, stop_signal, until_it_must_end};

/// Serve runs and the queue to an MCP client over standard input and output; can change nothing
#[derive(Debug, Args)]
#[command(after_help = "\
Example, as an MCP client's configuration starts it:
  cortexpilot mcp-readonly-server --runtime-root /srv/cortexpilot

This is the public MCP contract. The process holds nothing that could write and leaves not one byte behind. It ends \
when its standard input does.")]
pub(crate) struct Readonly {}

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
        let reader = session::reader(&context.settings)?;
        stdio(ToolServer::new(ReadOnlyTools::new(reader, Arc::new(OsIds))), stop_signal()?).await
    }
}

impl QueuePilot {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let settings = &context.settings;
        let (app, store, notices) = session::queueing_server(settings).await?;
        let principal = session::pilot(settings, app.reader()).await?;
        let _registered = background::announce(settings, "pilot", &principal.id);
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
        serve_stdio(server, tokio::io::stdin(), tokio::io::stdout(), stop).await.context("the MCP server failed")?;
    tracing::info!(?end, "the MCP server ends");
    Ok(Answer::ok(String::new()))
}
