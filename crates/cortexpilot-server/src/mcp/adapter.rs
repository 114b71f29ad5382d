//! From a [`Toolbox`] to a protocol server: version negotiation and message shapes are the library's, everything a
//! client can observe about tools is ours.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod, CompleteRequestParams,
        CompleteResult, CompletionInfo, ConstString, CustomRequest, CustomResult, ErrorCode, GetPromptRequestMethod,
        GetPromptRequestParams, GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult,
        ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod, ListResourceTemplatesResult,
        ListResourcesRequestMethod, ListResourcesResult, ListToolsResult, PaginatedRequestParams, PromptsCapability,
        ProtocolVersion, ReadResourceRequestMethod, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, ResourceContents, ResourcesCapability, ServerCapabilities, ServerConfig,
        SubscribeRequestMethod, SubscribeRequestParams, SubscriptionFilter, Tool, ToolsCapability,
        UnsubscribeRequestMethod, UnsubscribeRequestParams,
    },
    service::{RequestContext, ServerInitializeError, SubscriptionContext},
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};

use super::{
    arguments::RawArguments,
    complete::{self, Completing},
    elicit::{self, Desk, Question, Way},
    inbound::{self, CallRecord, Channel},
    prompt,
    resource::{Readable, templates},
    scan::{RawCall, RequestId},
    subscribe::{Bell, MAX_WATCHED, Subscriber},
    tool::{Effect, ToolSpec},
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

/// What is known of a request. All of it but [`RequestMeta::channel`] is *stated* by the client: good for a log line, no
/// ground for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMeta {
    /// How it came, and over HTTP who sent it. This the transport established.
    pub channel: Channel,
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

    /// What is offered beside tools; `None` in a server that offers nothing else and so declares nothing else.
    fn readable(&self) -> Option<&dyn Readable> {
        None
    }
}

/// The most `subscriptions/listen` that are open at one time on all transports that tell by themselves, which is HTTP.
const MAX_LISTENS_BESIDE: usize = 64;

/// A protocol server over a toolbox; cheap to clone, so that one toolbox can serve many connections.
#[derive(Clone)]
pub struct ToolServer {
    toolbox: Arc<dyn Toolbox>,
    // The protocol's form of the table, made once: schemas are built by functions.
    listed: Arc<[Tool]>,
    listens: Arc<Semaphore>,
}

impl ToolServer {
    /// A server over `toolbox`.
    #[must_use]
    pub fn new(toolbox: impl Toolbox) -> Self {
        let listed = toolbox.tools().iter().map(|tool| tool.to_protocol()).collect();
        Self { toolbox: Arc::new(toolbox), listed, listens: Arc::new(Semaphore::new(MAX_LISTENS_BESIDE)) }
    }

    /// What is offered beside tools. Undeclared, so not there: the library's own defaults would answer with an empty list.
    fn readable<M: ConstString>(&self) -> Result<&dyn Readable, ErrorData> {
        self.toolbox.readable().ok_or_else(ErrorData::method_not_found::<M>)
    }

    /// What a call of this tool may do; `None` where there is no such tool.
    pub(super) fn effect_of(&self, name: &str) -> Option<Effect> {
        self.toolbox.tools().iter().find(|tool| tool.name == name).map(|tool| tool.effect)
    }

    /// A listen on a transport that tells by itself, until it is cancelled.
    async fn listen_beside(
        &self,
        readable: &dyn Readable,
        listening: &SubscriptionContext,
        uris: &[String],
    ) -> Result<(), ErrorData> {
        let Ok(_place) = self.listens.try_acquire() else {
            return Err(ErrorData::internal_error("Too many clients listen already; ask again later.", None));
        };
        let bell = Arc::new(Bell::default());
        let mut watched = Vec::with_capacity(uris.len());
        for uri in uris {
            let ring = bell.ring(uri);
            let watching = readable.watch(uri, Arc::clone(&ring)).await;
            watched.push(watching.map_err(|unread| unread.to_protocol(Some(uri)))?);
            // Acknowledged before it was watched: see `Subscriber::open`.
            ring();
        }
        loop {
            // Sending waits for the client to read; what changes meanwhile is due once, however often.
            for uri in bell.due().await {
                if listening.sink().notify_resource_updated(uri).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    async fn carry_out(
        &self,
        tool: &'static ToolSpec,
        call: &RawCall,
        request: RequestMeta,
        way: Way,
        record: Option<&CallRecord>,
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
        if let Some(record) = record {
            record.note(tool.name, &answer);
        }
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

/// Carries out a read that is no tool call. Unguarded, a panic would lose the task, and with it the answer.
async fn guarded<T>(
    context: &RequestContext<RoleServer>,
    read: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    tokio::select! {
        biased;
        read = AssertUnwindSafe(read).catch_unwind() => read.unwrap_or_else(|panic| {
            tracing::error!(panic = panic_text(&*panic), "a read panicked");
            Err(ErrorData::internal_error("The server had an internal error. Nothing was changed.", None))
        }),
        () = context.ct.cancelled() => Err(ErrorData::internal_error("The client went away.", None)),
    }
}

/// The cursor of a list that has one page: none is one of ours.
fn no_cursor(page: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    match page.and_then(|page| page.cursor.as_ref()) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params("The cursor is not one this server handed out.", None)),
    }
}

impl ServerHandler for ToolServer {
    fn get_info(&self) -> ServerConfig {
        let info = self.toolbox.info();
        let mut tools = ToolsCapability::default();
        tools.list_changed = Some(false);
        let mut capabilities = ServerCapabilities::default();
        capabilities.tools = Some(tools);
        if let Some(readable) = self.toolbox.readable() {
            let mut resources = ResourcesCapability::default();
            resources.list_changed = Some(false);
            resources.subscribe = Some(readable.resources().iter().any(|spec| spec.watched));
            capabilities.resources = Some(resources);
            let mut prompts = PromptsCapability::default();
            prompts.list_changed = Some(false);
            capabilities.prompts = Some(prompts);
            capabilities.completions = Some(Map::new());
        }
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
        let mut result = self.negotiate_initialize(&request)?;
        // Whoever comes with a handshake subscribes with `resources/subscribe`, which takes a transport that can tell.
        if inbound::beside::<Subscriber>(&context.extensions).is_none()
            && let Some(resources) = &mut result.capabilities.resources
        {
            resources.subscribe = Some(false);
        }
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
        no_cursor(request.as_ref())?;
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
        let Some(call) = inbound::beside::<RawCall>(&context.extensions) else {
            return Err(ErrorData::internal_error("The call came without its raw arguments.", None));
        };
        let channel = inbound::beside::<Channel>(&context.extensions).cloned().unwrap_or(Channel::Lines);
        // Without a handshake the library fills the client's name in with its own.
        let client = match &channel {
            Channel::Lines => context.client_info(),
            Channel::Http(_) => context.meta.client_info(),
        };
        let meta = RequestMeta {
            channel,
            id: call.id.clone(),
            protocol_version: context.protocol_version().map(|version| version.to_string()),
            client: client.map(|client| (client.name, client.version)),
        };
        let record = inbound::beside::<CallRecord>(&context.extensions);
        let carried_out = self.carry_out(tool, call, meta, Way::of(&context), record);
        match tool.effect {
            // Nobody waits for it any more, and it leaves nothing behind: it ends where it waits next.
            Effect::Read => tokio::select! {
                biased;
                answer = carried_out => answer,
                () = context.ct.cancelled() => Err(ErrorData::internal_error("The client went away.", None)),
            },
            Effect::Append => carried_out.await,
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let readable = self.readable::<CompleteRequestMethod>()?;
        let named = &request.argument.name;
        let argument = complete::argument_of(&request.r#ref, named, readable.resources(), readable.prompts());
        let argument = argument.ok_or_else(|| {
            ErrorData::invalid_params("There is no such resource template or prompt, or it has no such argument.", None)
        })?;
        let others = request.context.as_ref().and_then(|context| context.arguments.as_ref());
        let asked = Completing { argument, begun: &request.argument.value, others };
        guarded(&context, async {
            let completed = readable.complete(asked).await.map_err(|unread| unread.to_protocol(None))?;
            let mut info = CompletionInfo::default();
            info.values = completed.values;
            info.has_more = Some(completed.has_more);
            let mut result = CompleteResult::default();
            result.completion = info;
            Ok(result)
        })
        .await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let readable = self.readable::<ListPromptsRequestMethod>()?;
        no_cursor(request.as_ref())?;
        Ok(ListPromptsResult::with_all_items(prompt::listed(readable.prompts())))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let readable = self.readable::<GetPromptRequestMethod>()?;
        let prompts = readable.prompts();
        let Some(spec) = prompts.iter().find(|prompt| prompt.name == request.name) else {
            let names: Vec<_> = prompts.iter().map(|prompt| prompt.name).collect();
            let message = format!("Unknown prompt. This server has: {}.", names.join(", "));
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = request.arguments.unwrap_or_default();
        guarded(&context, async {
            let filled = readable.prompt(spec, &arguments).await;
            Ok(filled.map_err(|unread| unread.of_argument())?.into_protocol(spec).into())
        })
        .await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let readable = self.readable::<ListResourcesRequestMethod>()?;
        let cursor = request.and_then(|page| page.cursor);
        guarded(&context, async {
            let page = readable.list(cursor).await.map_err(|unread| unread.to_protocol(None))?;
            let resources = page.resources.iter().map(|resource| resource.to_protocol()).collect();
            let mut result = ListResourcesResult::with_all_items(resources);
            result.next_cursor = page.next;
            Ok(result)
        })
        .await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let readable = self.readable::<ListResourceTemplatesRequestMethod>()?;
        no_cursor(request.as_ref())?;
        Ok(ListResourceTemplatesResult::with_all_items(templates(readable.resources())))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let readable = self.readable::<ReadResourceRequestMethod>()?;
        guarded(&context, async {
            let read = readable.read(&request.uri).await.map_err(|unread| unread.to_protocol(Some(&request.uri)))?;
            let content = ResourceContents::text(read.text, &request.uri).with_mime_type(read.mime_type);
            Ok(ReadResourceResult::new(vec![content]).into())
        })
        .await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let readable = self.readable::<SubscribeRequestMethod>()?;
        let Some(subscriber) = inbound::beside::<Subscriber>(&context.extensions) else {
            return Err(ErrorData::method_not_found::<SubscribeRequestMethod>());
        };
        guarded(&context, subscriber.subscribe(readable, &request.uri)).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.readable::<UnsubscribeRequestMethod>()?;
        let Some(subscriber) = inbound::beside::<Subscriber>(&context.extensions) else {
            return Err(ErrorData::method_not_found::<UnsubscribeRequestMethod>());
        };
        subscriber.unsubscribe(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let readable = self.toolbox.readable()?;
        let mut uris: Vec<String> = Vec::new();
        for uri in requested.resource_subscriptions.iter().flatten() {
            if uris.len() < MAX_WATCHED && !uris.contains(uri) && readable.can_watch(uri) {
                uris.push(uri.clone());
            }
        }
        Some(SubscriptionFilter::builder().resource_subscriptions(uris).build())
    }

    async fn listen(&self, listening: SubscriptionContext) -> Result<(), ErrorData> {
        let Some(readable) = self.toolbox.readable() else { return Ok(()) };
        let context = listening.request_context();
        // The library repeats an address as often as the client did.
        let mut uris: Vec<String> = Vec::new();
        for uri in listening.accepted().resource_subscriptions.iter().flatten() {
            if !uris.contains(uri) {
                uris.push(uri.clone());
            }
        }
        match inbound::beside::<Subscriber>(&context.extensions) {
            Some(subscriber) => guarded(context, subscriber.listen(readable, &uris)).await,
            None => guarded(context, self.listen_beside(readable, &listening, &uris)).await,
        }
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
