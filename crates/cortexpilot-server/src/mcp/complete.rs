//! Completions: which arguments can be completed follows from the tables of resources and prompts, so that none of them can
//! name an argument that the others do not.

use std::collections::HashMap;

use rmcp::model::Reference;
use serde_json::{Value, json};

use super::{prompt::PromptSpec, resource::ResourceSpec};

/// The most values in one answer; the protocol's own limit.
pub const MAX_COMPLETIONS: usize = 100;

/// What a client asks to be completed. The argument stands in the tables.
#[derive(Debug, Clone, Copy)]
pub struct Completing<'a> {
    /// The argument, as the tables name it.
    pub argument: &'static str,
    /// What the client has of its value so far.
    pub begun: &'a str,
    /// Other arguments that are filled in already.
    pub others: Option<&'a HashMap<String, String>>,
}

/// Values that begin so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completed {
    /// At most [`MAX_COMPLETIONS`], newest first.
    pub values: Vec<String>,
    /// Whether there are, or may be, more.
    pub has_more: bool,
}

impl Completed {
    /// Takes a value that begins so. `false` when it has no room left.
    pub fn offer(&mut self, begun: &str, value: &str) -> bool {
        if !value.starts_with(begun) || self.values.iter().any(|known| known == value) {
            return true;
        }
        self.has_more = self.values.len() >= MAX_COMPLETIONS;
        if !self.has_more {
            self.values.push(value.to_owned());
        }
        !self.has_more
    }
}

/// The argument that a request is about, as the tables name it; `None` where they have none such.
pub(super) fn argument_of(
    reference: &Reference,
    argument: &str,
    resources: &'static [ResourceSpec],
    prompts: &'static [PromptSpec],
) -> Option<&'static str> {
    if let Some(uri) = reference.as_resource_uri() {
        let spec = resources.iter().find(|spec| spec.uri == uri)?;
        return spec.arguments().find(|name| *name == argument);
    }
    let prompt = reference.as_prompt_name()?;
    let spec = prompts.iter().find(|spec| spec.name == prompt)?;
    spec.arguments.iter().map(|argument| argument.name).find(|name| *name == argument)
}

/// Every reference with its arguments.
pub(super) fn listed(resources: &[ResourceSpec], prompts: &[PromptSpec]) -> Vec<Value> {
    let of_resources = resources.iter().filter(|spec| spec.is_template()).map(|spec| {
        json!({"ref": {"type": "ref/resource", "uri": spec.uri}, "arguments": spec.arguments().collect::<Vec<_>>()})
    });
    let of_prompts = prompts.iter().map(|spec| {
        let arguments: Vec<&str> = spec.arguments.iter().map(|argument| argument.name).collect();
        json!({"ref": {"type": "ref/prompt", "name": spec.name}, "arguments": arguments})
    });
    of_resources.chain(of_prompts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_begin_as_asked_come_once_and_stop_at_the_limit() {
        let mut completed = Completed::default();
        assert!(completed.offer("ru", "run_1") && completed.offer("ru", "run_1") && completed.offer("ru", "other"));
        assert_eq!((completed.values.len(), completed.has_more), (1, false));
        for number in 2..=MAX_COMPLETIONS {
            assert!(completed.offer("ru", &format!("run_{number}")));
        }
        assert!(!completed.has_more);
        assert!(!completed.offer("ru", "run_x"));
        assert_eq!((completed.values.len(), completed.has_more), (MAX_COMPLETIONS, true));
    }
}
