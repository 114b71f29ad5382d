//! A toolbox with resources whose changes the test makes itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use cortexpilot_server::mcp::{
    Completed, Completing, PromptArgumentSpec, PromptSpec, PromptText, RawArguments, Readable, RequestMeta,
    ResourcePage, ResourceSpec, ResourceText, Ring, ServerInfo, ToolAnswer, ToolServer, ToolSpec, Toolbox, Unread,
    Watching,
};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::harness::{INFO, Seen, TOOLS, TestToolbox};

pub(super) const RESOURCES: &[ResourceSpec] = &[
    ResourceSpec {
        name: "thing",
        title: "Thing",
        description: "Something that changes.",
        uri: "test://things/{name}",
        mime_type: "text/plain",
        watched: true,
    },
    ResourceSpec {
        name: "rock",
        title: "Rock",
        description: "Something that does not.",
        uri: "test://rock",
        mime_type: "text/plain",
        watched: false,
    },
];

pub(super) const PROMPTS: &[PromptSpec] = &[PromptSpec {
    name: "tell",
    title: "Tell",
    description: "Asks for a tale.",
    arguments: &[PromptArgumentSpec { name: "name", title: "Name", description: "Whose.", required: true }],
}];

/// Who waits for what.
#[derive(Default)]
pub(super) struct Rings {
    watched: Mutex<HashMap<String, Vec<(usize, Ring)>>>,
    last: Mutex<usize>,
}

impl Rings {
    /// Something has changed.
    pub(super) fn ring(&self, uri: &str) {
        let rings: Vec<Ring> = {
            let watched = self.watched.lock().unwrap();
            watched.get(uri).into_iter().flatten().map(|(_, ring)| Arc::clone(ring)).collect()
        };
        rings.iter().for_each(|ring| ring());
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.watched.lock().unwrap().values().map(Vec::len).sum()
    }
}

struct WatchedToolbox {
    tools: TestToolbox,
    rings: Arc<Rings>,
}

/// A server over it.
pub(super) fn server(seen: &Arc<Seen>, rings: &Arc<Rings>) -> ToolServer {
    ToolServer::new(WatchedToolbox { tools: TestToolbox(Arc::clone(seen)), rings: Arc::clone(rings) })
}

impl Toolbox for WatchedToolbox {
    fn info(&self) -> ServerInfo {
        INFO
    }

    fn tools(&self) -> &'static [ToolSpec] {
        TOOLS
    }

    fn call<'a>(
        &'a self,
        tool: &'static ToolSpec,
        arguments: RawArguments<'a>,
        request: RequestMeta,
    ) -> BoxFuture<'a, ToolAnswer> {
        self.tools.call(tool, arguments, request)
    }

    fn internal_error(&self, tool: &'static ToolSpec, request: &RequestMeta) -> ToolAnswer {
        self.tools.internal_error(tool, request)
    }

    fn readable(&self) -> Option<&dyn Readable> {
        Some(self)
    }
}

impl Readable for WatchedToolbox {
    fn resources(&self) -> &'static [ResourceSpec] {
        RESOURCES
    }

    fn prompts(&self) -> &'static [PromptSpec] {
        PROMPTS
    }

    fn list(&self, cursor: Option<String>) -> BoxFuture<'_, Result<ResourcePage, Unread>> {
        Box::pin(async move {
            match cursor {
                None => Ok(ResourcePage { resources: Vec::new(), next: Some("two".into()) }),
                Some(two) if two == "two" => Ok(ResourcePage::default()),
                Some(_) => Err(Unread::Invalid("No such cursor.".into())),
            }
        })
    }

    fn read<'a>(&'a self, uri: &'a str) -> BoxFuture<'a, Result<ResourceText, Unread>> {
        Box::pin(async move {
            match uri {
                "test://rock" => Ok(ResourceText { mime_type: "text/plain", text: "a rock".into() }),
                "test://boom" => panic!("reading it always panics"),
                "test://shut" => Err(Unread::Failed { code: "STORE_UNAVAILABLE", reason: "It is shut.".into() }),
                _ => Err(Unread::Missing { code: "NOT_FOUND", reason: "There is no such thing.".into() }),
            }
        })
    }

    fn prompt<'a>(
        &'a self,
        _prompt: &'static PromptSpec,
        arguments: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<PromptText, Unread>> {
        Box::pin(async move {
            let name = arguments.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| Unread::Missing { code: "NOT_FOUND", reason: "Whose?".into() })?;
            let about = ResourceText { mime_type: "text/plain", text: name.to_owned() };
            Ok(PromptText { text: "Tell me.".into(), about: ("test://rock".into(), about) })
        })
    }

    fn complete<'a>(&'a self, asked: Completing<'a>) -> BoxFuture<'a, Result<Completed, Unread>> {
        Box::pin(async move {
            let mut completed = Completed::default();
            for number in 0..150 {
                if !completed.offer(asked.begun, &format!("{}_{number}", asked.argument)) {
                    break;
                }
            }
            Ok(completed)
        })
    }

    fn can_watch(&self, uri: &str) -> bool {
        uri.starts_with("test://things/")
    }

    fn watch<'a>(&'a self, uri: &'a str, ring: Ring) -> BoxFuture<'a, Result<Watching, Unread>> {
        Box::pin(async move {
            if !self.can_watch(uri) {
                return Err(Unread::Invalid("It never changes.".into()));
            }
            let number = {
                let mut last = self.rings.last.lock().unwrap();
                *last += 1;
                *last
            };
            self.rings.watched.lock().unwrap().entry(uri.to_owned()).or_default().push((number, ring));
            let (rings, uri) = (Arc::clone(&self.rings), uri.to_owned());
            Ok(Watching::new(move || {
                if let Some(watched) = rings.watched.lock().unwrap().get_mut(&uri) {
                    watched.retain(|(known, _)| *known != number);
                }
            }))
        })
    }
}
