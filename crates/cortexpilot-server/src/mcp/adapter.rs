//! From a [`Toolbox`] to a protocol server: version negotiation and message shapes are the library's, everything a
//! client can observe about tools is ours.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod, CompleteRequestParams,
        CompleteResult, ConstString, CustomRequest, CustomResult, ErrorCode, Implementation, InitializeRequestParams,
        InitializeResult, ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
        ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool, ToolsCapability,
    },
    service::{RequestContext, ServerInitializeError},
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    arguments::RawArguments,
    elicit::{self, Desk, Question, Way},
    scan::{RawCall, RequestId},
    tool::ToolSpec,
    transport::{End, LineTransport},
};

/// What a server says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerInfo {
    /// The name programs use, such as `cortexpilot-readonly`.
    pub name: &'static str,
    /// The name people see.
    pub title: &'static str,
    /// Our version.
    pub version: &'static str,
    /// What a model should know before it picks a tool.
    pub instructions: &'static str,
}

/// What a request says of itself. All of it is *stated* by the client: good for a log line, no ground for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMeta {
    /// The id of the request.
    pub id: RequestId,
    /// The protocol version the request is under: from its own `_meta`, else from the handshake.
    pub protocol_version: Option<String>,
    /// Name and version of the client program.
    pub client: Option<(String, String)>,
}

/// The answer of a tool, an object in every case. It is sent twice, as `structuredContent` and as the text of the only
/// content block, because clients hand the model one or the other.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolAnswer {
    json: Map<String, Value>,
    is_error: bool,
    question: Option<Box<Question>>,
}

impl ToolAnswer {
    /// An answer, in the member order of `body`.
    ///
    /// # Panics
    /// When `body` does not serialise to a JSON object: the type is wrong, whatever its value.
    #[must_use]
    pub fn answer(body: &impl Serialize) -> Self {
        Self { json: object(body), is_error: false, question: None }
    }

    /// A refusal or failure, marked `isError`.
    ///
    /// # Panics
    /// As [`ToolAnswer::answer`].
    #[must_use]
    pub fn error(body: &impl Serialize) -> Self {
        Self { json: object(body), is_error: true, question: None }
    }

    /// The same answer, and beside it a question for the person at the client. It is asked only where the client can and
    /// the toolbox has a [`Toolbox::desk`]; what comes of it does not change the answer.
    #[must_use]
    pub fn asking(self, question: Question) -> Self {
        Self { question: Some(Box::new(question)), ..self }
    }

    /// The JSON object.
    #[must_use]
    pub fn json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// Whether it is marked `isError`.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    fn into_result(self) -> CallToolResult {
        let value = Value::Object(self.json);
        if self.is_error { CallToolResult::structured_error(value) } else { CallToolResult::structured(value) }
    }
}

fn object(body: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(body) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => panic!("invariant: a tool answers with a JSON object"),
    }
}

/// What a server offers. Handlers may run 64 at a time; one that blocks (files, fsync) belongs on a blocking thread.
pub trait Toolbox: Send + Sync + 'static {
    /// Who this server is.
    fn info(&self) -> ServerInfo;

    /// The tools, in the order in which they are listed. The same table for the whole life of the process.
    fn tools(&self) -> &'static [ToolSpec];

    /// Carries out one call of a tool of the table. Everything that is wrong with the arguments is an answer too.
    fn call<'a>(
        &'a self,
        tool: &'static ToolSpec,
        arguments: RawArguments<'a>,
        request: RequestMeta,
    ) -> BoxFuture<'a, ToolAnswer>;

    /// What the model is told when a handler panicked. For a tool that appends it must not say that nothing happened:
    /// how far the call came is not known.
    fn internal_error(&self, tool: &'static ToolSpec, request: &RequestMeta) -> ToolAnswer;

    /// What asking people takes; `None` in a server that asks nothing.
    fn desk(&self) -> Option<&dyn Desk> {
        None
    }
}

/// A protocol server over a toolbox; cheap to clone, so that one toolbox can serve many connections.
#[derive(Clone)]
pub struct ToolServer {
    toolbox: Arc<dyn Toolbox>,
    // The protocol's form of the table, made once: schemas are built by functions.
    listed: Arc<[Tool]>,
}

impl ToolServer {
    /// A server over `toolbox`.
    #[must_use]
    pub fn new(toolbox: impl Toolbox) -> Self {
        let listed = toolbox.tools().iter().map(|tool| tool.to_protocol()).collect();
        Self { toolbox: Arc::new(toolbox), listed }
    }

    async fn carry_out(
        &self,
        tool: &'static ToolSpec,
        call: &RawCall,
        request: RequestMeta,
        way: Way,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = RawArguments::new(call.arguments.as_deref());
        let stated = request.clone();
        // The call itself stands inside the guard: what panics before the first await counts too.
        let guarded = AssertUnwindSafe(async move { self.toolbox.call(tool, arguments, stated).await });
        let mut answer = match guarded.catch_unwind().await {
            Ok(answer) => answer,
            Err(panic) => {
                // Unguarded, the library would lose the task, and with it the answer and the permit of the call.
                tracing::error!(tool = tool.name, panic = panic_text(&*panic), "a tool handler panicked");
                let explain = || self.toolbox.internal_error(tool, &request);
                std::panic::catch_unwind(AssertUnwindSafe(explain))
                    .map_err(|_| ErrorData::internal_error("The server failed while it carried out the call.", None))?
            }
        };
        if let Some(question) = answer.question.take()
            && let Some(desk) = self.toolbox.desk()
        {
            // The call is over and its answer stands. A question that fails costs the question, not the answer.
            let asking = AssertUnwindSafe(async { elicit::conduct(desk, &question, tool.name, call, way).await });
            match asking.catch_unwind().await {
                Ok(Some(further_round)) => return Ok(further_round.into()),
                Ok(None) => {}
                Err(panic) => tracing::error!(tool = tool.name, panic = panic_text(&*panic), "a question panicked"),
            }
        }
        Ok(answer.into_result().into())
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Undeclared, so not there: the library's own defaults would answer with an empty list.
fn not_offered<M: ConstString, T>() -> Result<T, ErrorData> {
    Err(ErrorData::method_not_found::<M>())
}

impl ServerHandler for ToolServer {
    fn get_info(&self) -> ServerConfig {
        let info = self.toolbox.info();
        let mut tools = ToolsCapability::default();
        tools.list_changed = Some(false);
        let mut capabilities = ServerCapabilities::default();
        capabilities.tools = Some(tools);
        ServerConfig::new(capabilities)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
            .with_server_info(Implementation::new(info.name, info.version).with_title(info.title))
            .with_instructions(info.instructions)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let result = self.negotiate_initialize(&request)?;
        // The library remembers the version the client *asked* for, and on a second `initialize` never corrects it.
        let agreed = request.with_protocol_version(result.protocol_version.clone());
        context.peer.set_peer_info(agreed);
        Ok(result)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|page| page.cursor.is_some()) {
            // All tools are on the first page, so no cursor is one of ours.
            return Err(ErrorData::invalid_params("The cursor is not one this server handed out.", None));
        }
        Ok(ListToolsResult::with_all_items(self.listed.to_vec()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.listed.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.toolbox.tools().iter().find(|tool| tool.name == request.name) else {
            let names: Vec<_> = self.toolbox.tools().iter().map(|tool| tool.name).collect();
            let message = format!("Unknown tool. This server has: {}.", names.join(", "));
            return Err(ErrorData::invalid_params(message, None));
        };
        // Without the client's bytes there are no arguments: the library's value is merged and never stands in.
        let Some(call) = context.extensions.get::<RawCall>() else {
            return Err(ErrorData::internal_error("The call came without its raw arguments.", None));
        };
        let meta = RequestMeta {
            id: call.id.clone(),
            protocol_version: context.protocol_version().map(|version| version.to_string()),
            client: context.client_info().map(|client| (client.name, client.version)),
        };
        self.carry_out(tool, call, meta, Way::of(&context)).await
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        not_offered::<CompleteRequestMethod, _>()
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        not_offered::<ListPromptsRequestMethod, _>()
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        not_offered::<ListResourcesRequestMethod, _>()
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        not_offered::<ListResourceTemplatesRequestMethod, _>()
    }

    async fn on_custom_request(
        &self,
        _request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "This server has no such method.", None))
    }
}

/// Serving stopped for a reason that no client can bring about.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The handshake ended in a way that the transport does not let through.
    #[error("the MCP handshake failed")]
    Handshake(#[source] Box<ServerInitializeError>),
    /// The service loop panicked.
    #[error("the MCP service loop failed")]
    Loop(#[source] tokio::task::JoinError),
}

/// Serves one client over a pair of byte streams until it closes its end, nobody reads the answers any more, or
/// `shutdown` resolves; answers in flight are written first. Needs a tokio runtime with time enabled.
///
/// # Errors
/// [`ServeError`]: a fault of ours or of the protocol library, never something a client sent.
pub async fn serve_stdio<R, W>(
    server: ToolServer,
    reader: R,
    writer: W,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<End, ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let transport = LineTransport::new(reader, writer, shutdown);
    let end = transport.end();
    match rmcp::serve_server(server, transport).await {
        Ok(running) => _ = running.waiting().await.map_err(ServeError::Loop)?,
        // Before the handshake the library reports an ordinary end as an error.
        Err(_) if end.get().is_some() => {}
        Err(error) => return Err(ServeError::Handshake(Box::new(error))),
    }
    Ok(end.get().copied().unwrap_or(End::OutputClosed))
}
