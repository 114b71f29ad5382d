//! Tool tables: what a server offers, as constants that can be printed, diffed and counted.
//!
//! A server's tools are one `const` table of [`ToolSpec`]. The `tools/list` answer, the golden files, the reference
//! pages and the dispatch of a call all read that table, so none of them can name a tool that the others do not.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The most characters a description may have: clients cut longer ones, and what is cut is the part with the rules.
pub const MAX_DESCRIPTION_CHARS: usize = 1000;

/// Whether a call can leave a trace in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Appends at most one queue item (or the record of a refusal).
    Append,
}

/// The four hints of the protocol, all of them always sent: a hint left out means its default, and the default of
/// `destructiveHint` and `openWorldHint` is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotations {
    /// `readOnlyHint`: the tool changes nothing.
    pub read_only: bool,
    /// `destructiveHint`: it may overwrite or remove, rather than only add.
    pub destructive: bool,
    /// `idempotentHint`: a second equal call changes nothing more.
    pub idempotent: bool,
    /// `openWorldHint`: it deals with systems outside this installation.
    pub open_world: bool,
}

impl Annotations {
    /// The hints of a tool that only reads files of this installation.
    pub const READ_ONLY: Self = Self { read_only: true, destructive: false, idempotent: true, open_world: false };
}

/// One tool. Text in it is read by models and shown to people.
#[derive(Debug, Clone, Copy)]
pub struct ToolSpec {
    /// The name in `tools/call`: `^[A-Za-z0-9_-]{1,64}$`, the set every client accepts.
    pub name: &'static str,
    /// A few words for people.
    pub title: &'static str,
    /// For the model, what matters first; at most [`MAX_DESCRIPTION_CHARS`] characters.
    pub description: &'static str,
    /// Makes the JSON Schema of the arguments: an object that admits no unknown member.
    pub input_schema: fn() -> Value,
    /// Makes the JSON Schema that every answer validates against, refusals included (see [`answer_or_refusal`]).
    pub output_schema: fn() -> Value,
    /// The hints for clients.
    pub annotations: Annotations,
    /// What a call can do here, whatever the hints say.
    pub effect: Effect,
}

impl ToolSpec {
    /// The tool as the protocol states it.
    pub(crate) fn to_protocol(self) -> Tool {
        let annotations = ToolAnnotations::from_raw(
            None,
            Some(self.annotations.read_only),
            Some(self.annotations.destructive),
            Some(self.annotations.idempotent),
            Some(self.annotations.open_world),
        );
        Tool::new(self.name, self.description, Arc::new(object((self.input_schema)())))
            .with_title(self.title)
            .with_raw_output_schema(Arc::new(object((self.output_schema)())))
            .with_annotations(annotations)
    }
}

/// The `tools/list` result of a table, in table order: the same members in the same order as on the wire.
#[must_use]
pub fn tools_list(tools: &[ToolSpec]) -> Value {
    let tools: Vec<Tool> = tools.iter().map(|tool| tool.to_protocol()).collect();
    json!({ "tools": tools })
}

/// What is wrong with a table, one sentence each; empty when it may be served. For the test of every table.
#[must_use]
pub fn table_problems(tools: &[ToolSpec]) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        let mut problem = |what: &str| problems.push(format!("{}: {what}", tool.name));
        let name_chars = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if tool.name.is_empty() || tool.name.len() > 64 || !tool.name.chars().all(name_chars) {
            problem("the name is not 1 to 64 letters, digits, _ or -");
        }
        if tools[..index].iter().any(|earlier| earlier.name == tool.name) {
            problem("the name stands twice in the table");
        }
        if tool.title.trim().is_empty() || tool.description.trim().is_empty() {
            problem("title and description must say something");
        }
        // Scanners of tool definitions take a word followed by a bracket for an attempt to run code.
        if tool.title.contains('(') {
            problem("the title contains a bracket");
        }
        if tool.description.chars().count() > MAX_DESCRIPTION_CHARS {
            problem("the description has more than 1,000 characters");
        }
        if tool.annotations.read_only != (tool.effect == Effect::Read) {
            problem("readOnlyHint and effect disagree");
        }
        if tool.annotations.read_only && tool.annotations.destructive {
            problem("a tool that only reads cannot be destructive");
        }
        let input = (tool.input_schema)();
        let output = (tool.output_schema)();
        if input["type"] != "object" || output["type"] != "object" {
            problem("both schemas must have \"type\": \"object\" at the top");
        }
        if input["additionalProperties"] != false {
            problem("the input schema must refuse unknown members");
        }
        let described = |(_, schema): (&String, &Value)| schema["description"].is_string();
        if let Some(properties) = input["properties"].as_object()
            && !properties.iter().all(described)
        {
            problem("every argument needs a description");
        }
    }
    problems
}

/// The JSON Schema (2020-12) of what a type serialises to, self-contained and without what clients stumble over: no `$schema`, no
/// `$defs`, no title made from the type's name, no `format` naming a Rust integer.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.remove("title");
    }
    drop_number_formats(&mut schema);
    schema
}

fn drop_number_formats(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let is_number_format = object.get("format").and_then(Value::as_str).is_some_and(|format| {
                matches!(format, "float" | "double") || format.trim_start_matches('u').starts_with("int")
            });
            if is_number_format {
                object.shift_remove("format");
            }
            object.values_mut().for_each(drop_number_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_number_formats),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The output schema of a tool that answers or refuses, see [`answers_or_refusal`].
///
/// # Panics
/// As there.
#[must_use]
pub fn answer_or_refusal(answer: Value, refusal: Value) -> Value {
    answers_or_refusal(vec![("Answer", answer)], refusal)
}

/// The output schema of a tool that has several kinds of answer, each with a title, or refuses. Clients validate
/// `structuredContent` also when `isError` is set, and some insist on `"type": "object"` with `properties` at the top: so
/// the members of all shapes stand there, and `anyOf` says which of them make an answer and which a refusal.
///
/// # Panics
/// When one of them is not an object schema with `properties`, or defines `$defs`: the table is a constant, so its test
/// meets this first.
#[must_use]
pub fn answers_or_refusal(answers: Vec<(&str, Value)>, refusal: Value) -> Value {
    let shapes: Vec<_> =
        answers.into_iter().chain([("Refusal", refusal)]).map(|(title, schema)| (title, object(schema))).collect();
    let mut properties = Map::new();
    for (_, schema) in &shapes {
        assert!(!schema.contains_key("$defs"), "invariant: an output schema is self-contained");
        let members = schema.get("properties").and_then(Value::as_object);
        for (name, member) in members.expect("invariant: an output schema lists its properties") {
            match properties.get_mut(name) {
                None => _ = properties.insert(name.clone(), member.clone()),
                Some(known) if known == member => {}
                Some(known) => *known = json!({ "anyOf": [known.take(), member] }),
            }
        }
    }
    let shape = |(title, schema): &(&str, Map<String, Value>)| {
        let required = schema.get("required").cloned().unwrap_or_else(|| json!([]));
        json!({ "title": title, "required": required })
    };
    let mut either = json!({
        "type": "object",
        "properties": properties,
        "anyOf": shapes.iter().map(shape).collect::<Vec<_>>(),
    });
    if shapes.iter().all(|(_, schema)| schema.get("additionalProperties") == Some(&Value::Bool(false))) {
        either["additionalProperties"] = Value::Bool(false);
    }
    either
}

fn object(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            panic!("invariant: a tool's schema is a JSON object")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Page {
        /// How many.
        limit: Option<u32>,
        /// Where to begin.
        cursor: Option<String>,
        nested: Vec<Item>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Item {
        weight: f64,
        count: i64,
    }

    fn page() -> Value {
        schema_of::<Page>()
    }

    fn answer() -> Value {
        json!({
            "type": "object", "required": ["items", "status"], "additionalProperties": false,
            "properties": { "items": { "type": "array" }, "status": { "const": "PENDING" } },
        })
    }

    fn refusal() -> Value {
        json!({
            "type": "object", "required": ["code", "status"], "additionalProperties": false,
            "properties": { "code": { "type": "string" }, "status": { "const": "REFUSED" } },
        })
    }

    fn either() -> Value {
        answer_or_refusal(answer(), refusal())
    }

    const GOOD: ToolSpec = ToolSpec {
        name: "list_things",
        title: "List things",
        description: "Lists things.",
        input_schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        output_schema: either,
        annotations: Annotations::READ_ONLY,
        effect: Effect::Read,
    };

    #[test]
    fn a_schema_of_a_type_is_self_contained_and_names_no_rust_integer() {
        let schema = page();
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["limit"]["description"], "How many.");
        let text = schema.to_string();
        for word in ["$schema", "$defs", "$ref", "format", "Page"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert!(text.contains("weight"), "{text}");
    }

    #[test]
    fn an_output_schema_takes_a_whole_answer_or_a_whole_refusal_and_nothing_between() {
        let schema = either();
        assert_eq!(schema["type"], "object");
        let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["items", "status", "code"]);
        let validator = jsonschema::validator_for(&schema).unwrap();
        for valid in [json!({ "items": [], "status": "PENDING" }), json!({ "code": "X", "status": "REFUSED" })] {
            assert!(validator.is_valid(&valid), "{valid}");
        }
        for invalid in [
            json!({}),
            json!({ "items": [] }),
            json!({ "code": "X" }),
            json!({ "items": 5, "status": "PENDING" }),
            json!({ "code": "X", "status": "LATER" }),
            json!({ "code": "X", "status": "REFUSED", "more": 1 }),
            json!([]),
        ] {
            assert!(!validator.is_valid(&invalid), "{invalid}");
        }
    }

    #[test]
    fn a_tool_with_two_kinds_of_answer_gives_one_of_them_whole() {
        let waiting = json!({
            "type": "object", "required": ["approval", "status"], "additionalProperties": false,
            "properties": { "approval": { "type": "object" }, "status": { "const": "PENDING_APPROVAL" } },
        });
        let schema = answers_or_refusal(vec![("Queued", answer()), ("Waiting", waiting)], refusal());
        let titles: Vec<_> = schema["anyOf"].as_array().unwrap().iter().map(|shape| &shape["title"]).collect();
        assert_eq!(titles, ["Queued", "Waiting", "Refusal"]);
        let validator = jsonschema::validator_for(&schema).unwrap();
        for valid in [
            json!({ "items": [], "status": "PENDING" }),
            json!({ "approval": {}, "status": "PENDING_APPROVAL" }),
            json!({ "code": "X", "status": "REFUSED" }),
        ] {
            assert!(validator.is_valid(&valid), "{valid}");
        }
        for invalid in [
            json!({ "approval": {} }),
            json!({ "status": "PENDING_APPROVAL" }),
            json!({ "approval": 1, "status": "PENDING" }),
        ] {
            assert!(!validator.is_valid(&invalid), "{invalid}");
        }
    }

    #[test]
    fn every_fault_of_a_table_is_named() {
        assert_eq!(table_problems(&[GOOD]), Vec::<String>::new());
        let long = String::leak("x".repeat(MAX_DESCRIPTION_CHARS + 1));
        let faults = [
            (ToolSpec { name: "list things", ..GOOD }, "name is not"),
            (ToolSpec { name: "", ..GOOD }, "name is not"),
            (ToolSpec { title: " ", ..GOOD }, "must say something"),
            (ToolSpec { title: "Preview a run (read only)", ..GOOD }, "bracket"),
            (ToolSpec { description: long, ..GOOD }, "1,000 characters"),
            (ToolSpec { effect: Effect::Append, ..GOOD }, "disagree"),
            (
                ToolSpec { annotations: Annotations { destructive: true, ..Annotations::READ_ONLY }, ..GOOD },
                "destructive",
            ),
            (ToolSpec { input_schema: || json!({ "type": "object" }), ..GOOD }, "unknown members"),
            (ToolSpec { input_schema: page, ..GOOD }, "needs a description"),
            (ToolSpec { output_schema: || json!({ "type": "array" }), ..GOOD }, "at the top"),
        ];
        for (tool, words) in faults {
            let problems = table_problems(&[tool]);
            assert!(problems.len() == 1 && problems[0].contains(words), "{words}: {problems:?}");
        }
        assert_eq!(table_problems(&[GOOD, GOOD]), ["list_things: the name stands twice in the table"]);
    }

    #[test]
    fn the_list_has_all_four_hints_of_every_tool() {
        let listed = tools_list(&[GOOD]);
        let hints =
            json!({ "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false });
        assert_eq!(listed["tools"][0]["annotations"], hints);
        let members: Vec<_> = listed["tools"][0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["name", "title", "description", "inputSchema", "outputSchema", "annotations"]);
    }
}
