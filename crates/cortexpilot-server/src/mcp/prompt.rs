//! Prompts: texts that a person picks at the client, as a `const` table.

use rmcp::model::{GetPromptResult, Prompt, PromptArgument, PromptMessage, Role};

use super::{resource::ResourceText, tool::MAX_DESCRIPTION_CHARS};

/// One argument of a prompt. Its value is always text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptArgumentSpec {
    /// The name, which is also that of its completion.
    pub name: &'static str,
    /// A few words for people.
    pub title: &'static str,
    /// What to put there.
    pub description: &'static str,
    /// Whether there is no prompt without it.
    pub required: bool,
}

/// One prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptSpec {
    /// The name in `prompts/get`.
    pub name: &'static str,
    /// A few words for people.
    pub title: &'static str,
    /// What it is good for, for people; at most [`MAX_DESCRIPTION_CHARS`] characters.
    pub description: &'static str,
    /// What is asked for.
    pub arguments: &'static [PromptArgumentSpec],
}

impl PromptSpec {
    fn to_protocol(self) -> Prompt {
        let arguments = self.arguments.iter().map(|argument| {
            PromptArgument::new(argument.name)
                .with_title(argument.title)
                .with_description(argument.description)
                .with_required(argument.required)
        });
        Prompt::new(self.name, Some(self.description), Some(arguments.collect())).with_title(self.title)
    }

    /// What is wrong with it, one sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut problem = |what: &str| problems.push(format!("{}: {what}", self.name));
        if [self.title, self.description].iter().any(|text| text.trim().is_empty()) {
            problem("title and description must say something");
        }
        if self.title.contains('(') {
            problem("the title contains a bracket");
        }
        if self.description.chars().count() > MAX_DESCRIPTION_CHARS {
            problem("the description has more than 1,000 characters");
        }
        if self.arguments.iter().any(|argument| argument.description.trim().is_empty()) {
            problem("every argument needs a description");
        }
        problems
    }
}

/// A prompt, filled in: what the model is asked, and what it is given to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptText {
    /// The words to the model. Ours alone.
    pub text: String,
    /// What the words are about, with its address: data, in a part of its own.
    pub about: (String, ResourceText),
}

impl PromptText {
    pub(super) fn into_protocol(self, spec: &PromptSpec) -> GetPromptResult {
        let (uri, content) = self.about;
        let mime_type = Some(content.mime_type.to_owned());
        let messages = vec![
            PromptMessage::new_text(Role::User, self.text),
            PromptMessage::new_resource(Role::User, uri, mime_type, Some(content.text), None, None, None),
        ];
        GetPromptResult::new(messages).with_description(spec.description)
    }
}

/// The prompts of a table as the protocol states them.
pub(super) fn listed(prompts: &[PromptSpec]) -> Vec<Prompt> {
    prompts.iter().map(|prompt| prompt.to_protocol()).collect()
}
