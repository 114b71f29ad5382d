//! What a server lets be read beside its tools: a `const` table of resources, and the trait through which the adapter
//! reads, completes and watches them.
//!
//! As with tools, the answers to `resources/list` and `resources/templates/list`, the golden files and the reading itself
//! all go by the one table.

use futures_util::future::BoxFuture;
use rmcp::model::{ErrorData, Resource, ResourceTemplate};
use serde_json::{Map, Value, json};

use super::{
    complete::{Completed, Completing},
    prompt::{PromptSpec, PromptText},
    subscribe::{Ring, Watching},
    tool::MAX_DESCRIPTION_CHARS,
};

/// One kind of resource: a fixed address, or a template of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceSpec {
    /// The name for programs; for what a template makes, its ids are added.
    pub name: &'static str,
    /// A few words for people. Never text that a run wrote.
    pub title: &'static str,
    /// For the model, what matters first; at most [`MAX_DESCRIPTION_CHARS`] characters.
    pub description: &'static str,
    /// The address, or a template of RFC 6570, level 1: `{argument}` stands for one path segment.
    pub uri: &'static str,
    /// The media type of what is read.
    pub mime_type: &'static str,
    /// Whether a client can be told when what stands there changes.
    pub watched: bool,
}

impl ResourceSpec {
    /// The template's arguments in their order; none for a fixed address.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> {
        self.uri.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
    }

    /// Whether the address is a template.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.arguments().next().is_some()
    }

    fn to_resource(self, uri: &str, id: &str) -> Resource {
        let (name, title) = match id {
            "" => (self.name, self.title.to_owned()),
            id => (id, format!("{} {id}", self.title)),
        };
        Resource::new(uri, name).with_title(title).with_description(self.description).with_mime_type(self.mime_type)
    }

    fn to_template(self) -> ResourceTemplate {
        ResourceTemplate::new(self.uri, self.name)
            .with_title(self.title)
            .with_description(self.description)
            .with_mime_type(self.mime_type)
    }
}

/// One resource in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedResource {
    /// Which kind it is.
    pub spec: &'static ResourceSpec,
    /// Its address.
    pub uri: String,
    /// Its id: what is added to name and title, empty where the kind has only one.
    pub id: String,
}

impl ListedResource {
    pub(super) fn to_protocol(&self) -> Resource {
        self.spec.to_resource(&self.uri, &self.id)
    }
}

/// One page of resources.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourcePage {
    /// The resources.
    pub resources: Vec<ListedResource>,
    /// Where to go on; `None` on the last page.
    pub next: Option<String>,
}

/// What was read at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceText {
    /// The media type.
    pub mime_type: &'static str,
    /// The content.
    pub text: String,
}

/// Why something cannot be read. The sentences are ours: never text that a run wrote or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// There is nothing at this address. The code is the one that a tool would answer with.
    Missing {
        /// Such as `RUN_NOT_FOUND`.
        code: &'static str,
        /// One sentence.
        reason: String,
    },
    /// What was asked does not fit: a cursor, an argument.
    Invalid(String),
    /// It is there, or may be, and cannot be had now.
    Failed {
        /// Such as `STORE_UNAVAILABLE`.
        code: &'static str,
        /// One sentence.
        reason: String,
    },
}

impl Unread {
    /// The protocol's error where an argument names what cannot be read.
    pub(super) fn of_argument(&self) -> ErrorData {
        match self {
            Self::Missing { code, reason } => ErrorData::invalid_params(reason.clone(), Some(json!({ "code": code }))),
            Self::Invalid(_) | Self::Failed { .. } => self.to_protocol(None),
        }
    }

    /// The protocol's error. The library gives "not found" the number of the request's protocol version.
    pub(super) fn to_protocol(&self, uri: Option<&str>) -> ErrorData {
        let data = |code: &str| match uri {
            Some(uri) => json!({ "code": code, "uri": uri }),
            None => json!({ "code": code }),
        };
        match self {
            Self::Missing { code, reason } => ErrorData::resource_not_found(reason.clone(), Some(data(code))),
            Self::Invalid(reason) => ErrorData::invalid_params(reason.clone(), None),
            Self::Failed { code, reason } => ErrorData::internal_error(reason.clone(), Some(data(code))),
        }
    }
}

/// What a server offers beside tools, all of it to be read. Handlers may run 64 at a time.
pub trait Readable: Send + Sync {
    /// The resources, in the order in which they are listed. The same table for the whole life of the process.
    fn resources(&self) -> &'static [ResourceSpec];

    /// The prompts, in the order in which they are listed. The same table for the whole life of the process.
    fn prompts(&self) -> &'static [PromptSpec];

    /// One page of the resources that are worth listing; templates lead to the others.
    fn list(&self, cursor: Option<String>) -> BoxFuture<'_, Result<ResourcePage, Unread>>;

    /// What stands at an address, in the client's spelling.
    fn read<'a>(&'a self, uri: &'a str) -> BoxFuture<'a, Result<ResourceText, Unread>>;

    /// A prompt of the table, filled in.
    fn prompt<'a>(
        &'a self,
        prompt: &'static PromptSpec,
        arguments: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<PromptText, Unread>>;

    /// Values for an argument of the tables that begin as the client began.
    fn complete<'a>(&'a self, asked: Completing<'a>) -> BoxFuture<'a, Result<Completed, Unread>>;

    /// Whether changes at this address can be told.
    fn can_watch(&self, uri: &str) -> bool;

    /// Rings whenever what stands at this address has changed, until what is returned is dropped. A change after this
    /// call has returned is never missed; several may be told at once.
    fn watch<'a>(&'a self, uri: &'a str, ring: Ring) -> BoxFuture<'a, Result<Watching, Unread>>;
}

/// The `resources/templates/list` result of a table, in table order.
#[must_use]
pub fn templates_list(resources: &[ResourceSpec]) -> Value {
    json!({ "resourceTemplates": templates(resources) })
}

pub(super) fn templates(resources: &[ResourceSpec]) -> Vec<ResourceTemplate> {
    resources.iter().filter(|spec| spec.is_template()).map(|spec| spec.to_template()).collect()
}

/// Everything that a server offers beside tools, as one document: for golden files.
#[must_use]
pub fn readable_list(resources: &[ResourceSpec], prompts: &[PromptSpec]) -> Value {
    let fixed: Vec<Resource> =
        resources.iter().filter(|spec| !spec.is_template()).map(|spec| spec.to_resource(spec.uri, "")).collect();
    let watched: Vec<&str> = resources.iter().filter(|spec| spec.watched).map(|spec| spec.uri).collect();
    json!({
        "resources": fixed,
        "resourceTemplates": templates(resources),
        "subscriptions": watched,
        "prompts": super::prompt::listed(prompts),
        "completions": super::complete::listed(resources, prompts),
    })
}

/// What is wrong with the tables, one sentence each; empty when they may be served. For the test of every table.
#[must_use]
pub fn readable_problems(resources: &[ResourceSpec], prompts: &[PromptSpec]) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, spec) in resources.iter().enumerate() {
        let mut problem = |what: &str| problems.push(format!("{}: {what}", spec.name));
        if resources[..index].iter().any(|earlier| earlier.uri == spec.uri || earlier.name == spec.name) {
            problem("the name or the address stands twice in the table");
        }
        if spec.title.trim().is_empty() || spec.description.trim().is_empty() {
            problem("title and description must say something");
        }
        // Scanners of definitions take a word followed by a bracket for an attempt to run code.
        if spec.title.contains('(') {
            problem("the title contains a bracket");
        }
        if spec.description.chars().count() > MAX_DESCRIPTION_CHARS {
            problem("the description has more than 1,000 characters");
        }
        if spec.uri.matches('{').count() != spec.uri.matches('}').count() {
            problem("the template's brackets do not match");
        }
    }
    for prompt in prompts {
        problems.extend(prompt.problems());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: ResourceSpec = ResourceSpec {
        name: "report",
        title: "Report",
        description: "A report.",
        uri: "x://runs/{run_id}/reports/{name}",
        mime_type: "application/json",
        watched: true,
    };

    #[test]
    fn a_template_names_its_arguments() {
        assert_eq!(GOOD.arguments().collect::<Vec<_>>(), ["run_id", "name"]);
        assert!(GOOD.is_template());
        let fixed = ResourceSpec { uri: "x://log", ..GOOD };
        assert!(!fixed.is_template());
        let listed = readable_list(&[GOOD, fixed], &[]);
        assert_eq!(listed["resourceTemplates"].as_array().unwrap().len(), 1);
        assert_eq!(listed["resources"][0]["uri"], "x://log");
    }

    #[test]
    fn every_fault_of_a_table_is_named() {
        assert_eq!(readable_problems(&[GOOD], &[]), Vec::<String>::new());
        let long = String::leak("x".repeat(MAX_DESCRIPTION_CHARS + 1));
        for (spec, words) in [
            (ResourceSpec { title: " ", ..GOOD }, "must say something"),
            (ResourceSpec { title: "Run (all)", ..GOOD }, "bracket"),
            (ResourceSpec { description: long, ..GOOD }, "1,000 characters"),
            (ResourceSpec { uri: "x://{a", ..GOOD }, "do not match"),
        ] {
            let problems = readable_problems(&[spec], &[]);
            assert!(problems.len() == 1 && problems[0].contains(words), "{words}: {problems:?}");
        }
        assert_eq!(readable_problems(&[GOOD, GOOD], &[]).len(), 1);
    }

    #[test]
    fn a_listed_resource_is_named_by_its_id() {
        let listed = GOOD.to_resource("x://runs/r1", "r1");
        assert_eq!((listed.name.as_str(), listed.title.as_deref()), ("r1", Some("Report r1")));
    }
}
