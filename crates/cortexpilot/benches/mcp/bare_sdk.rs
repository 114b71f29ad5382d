//! The bare SDK: the protocol library on standard input and output as its own examples use it, with one tool that does
//! nothing and answers with so many bytes. Nothing of ours is in here.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;

/// The word before the number of bytes and the number of threads on the command line.
pub(crate) const WORD: &str = "--bare-sdk";

#[derive(Clone)]
struct Bare {
    answer: Value,
}

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![Tool::new("bare", "Answers.", Map::new())]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::structured(self.answer.clone()).into())
    }
}

/// Serves until standard input ends. With no threads of its own, the runtime has one thread alone.
pub(crate) fn serve(answer_bytes: usize, threads: usize) -> std::io::Result<()> {
    let mut runtime = match threads {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    // The answer stands in the message twice, as our servers' do.
    let bare = Bare { answer: json!({"text": "x".repeat(answer_bytes.saturating_sub(130) / 2)}) };
    runtime.worker_threads(threads.max(1)).enable_all().build()?.block_on(async {
        let served = bare.serve((tokio::io::stdin(), tokio::io::stdout())).await;
        let served = served.map_err(std::io::Error::other)?;
        served.waiting().await.map_err(std::io::Error::other)?;
        Ok(())
    })
}
