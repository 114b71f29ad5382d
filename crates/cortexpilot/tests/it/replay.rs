//! The recorded exchanges with the original, replayed against the built binary. What is not answered as recorded must stand
//! as a row in `docs/compat.md`, and what stands there must still be so: the page and this test cannot drift apart. `kept` has
//! the facts that hold for every path.

mod compare;
mod drive;
mod kept;
mod page;
mod recording;
mod shape;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use compare::{Difference, Parts, compare};
use drive::World;
use page::{How, Page, Place};
use recording::{Asked, McpServer, Recording, Request, Step, Vector};

/// What came of all comparisons.
#[derive(Default)]
struct Tally {
    /// Recorded steps that were answered as recorded, member for member.
    equal: usize,
    /// Those with at least one difference that the page names.
    changed: usize,
    /// Of these: everything recorded is there unchanged, and ours adds to it.
    extended: usize,
    /// Steps done our way beside the recorded ones.
    bridged: usize,
    /// Recorded values that ours answers unchanged.
    unchanged: usize,
    differences: usize,
    /// Rows and bridges of the page that were needed.
    rows: BTreeSet<String>,
    bridges: BTreeSet<String>,
    /// Differences that the page does not name, as rows that would.
    unlisted: Vec<String>,
}

impl Tally {
    fn count(&mut self, page: &Page, place: &Place, recorded: &Parts, ours: &Parts) {
        let compared = compare(recorded, ours);
        for difference in &compared.differences {
            match page.explain(place, difference) {
                Ok(rule) => _ = self.rows.insert(rule.id.clone()),
                Err(problem) => self.unlisted.push(proposal(place, difference, &problem)),
            }
        }
        self.unchanged += compared.unchanged;
        self.differences += compared.differences.len();
        if place.bridged {
            self.bridged += 1;
        } else if compared.differences.is_empty() {
            self.equal += 1;
        } else {
            self.changed += 1;
            self.extended += usize::from(compared.differences.iter().all(|found| found.original.is_none()));
        }
    }

    fn figures(&self) -> [String; 3] {
        let Self { equal, changed, extended, bridged, unchanged, differences, rows, unlisted, bridges: _ } = self;
        let recorded = equal + changed;
        [
            format!("equal {equal}, changed {changed}"),
            format!("of {recorded} recorded steps {extended} only gained members; {bridged} more were done our way"),
            format!(
                "{unchanged} recorded values unchanged; {differences} differences named by {} rows, {} by none",
                rows.len(),
                unlisted.len()
            ),
        ]
    }
}

/// A difference as a row of the page without its reason.
fn proposal(place: &Place, difference: &Difference, problem: &str) -> String {
    let cell = |value: &Option<Value>| value.as_ref().map_or("absent".to_owned(), Value::to_string);
    format!(
        "| `{place}` | `{}` | `{}` | `{}` | {problem}",
        difference.what,
        cell(&difference.original),
        cell(&difference.ours)
    )
}

/// One vector on its own machine.
struct Replay<'a> {
    page: &'a Page,
    vector: &'a Vector,
    world: World<'a>,
    /// The queue item that was last seen: later requests name it.
    item: String,
}

impl Replay<'_> {
    fn step(&mut self, number: usize, step: &Step, tally: &mut Tally) {
        if self.bridge(number, How::Greet, tally).is_some() {
            self.greet();
        }
        let answer = match &step.asked {
            Asked::Http(request) => self.http(request, false),
            Asked::Mcp { server, line, answers } => self.world.mcp(*server, line, *answers),
            Asked::File(name) => self.world.file(name),
        };
        self.remember(&answer);
        tally.count(self.page, &self.place(number, false), &step.answer, &answer);
        let bridged = match &step.asked {
            Asked::Http(request) => {
                self.bridge(number, How::ApplyWithGateOpen, tally).map(|with| self.preview_and_apply(request, &with))
            }
            Asked::Mcp { server, line, answers } => self
                .bridge(number, How::PreviewFirst, tally)
                .map(|with| self.preview_then_again(*server, line, *answers, &with)),
            Asked::File(_) => None,
        };
        if let Some(answer) = bridged {
            self.remember(&answer);
            tally.count(self.page, &self.place(number, true), &step.answer, &answer);
        }
    }

    fn place(&self, step: usize, bridged: bool) -> Place {
        Place { vector: self.vector.id.clone(), step, bridged }
    }

    /// What the page adds to the recorded request, if this step is to be done our way.
    fn bridge(&self, step: usize, how: How, tally: &mut Tally) -> Option<Map<String, Value>> {
        let here = (self.vector.id.clone(), step);
        let bridge = self.page.bridges.iter().find(|bridge| bridge.how == how && bridge.places.contains(&here))?;
        tally.bridges.insert(format!("{} {}/{step}", bridge.id, self.vector.id));
        Some(bridge.with.clone())
    }

    fn greet(&mut self) {
        let servers: BTreeSet<McpServer> = self
            .vector
            .steps
            .iter()
            .filter_map(|step| match &step.asked {
                Asked::Mcp { server, .. } => Some(*server),
                Asked::Http(_) | Asked::File(_) => None,
            })
            .collect();
        for server in servers {
            let hello = json!({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "replay", "version": "1"},
            }});
            let answer = self.world.mcp(server, &hello.to_string(), 1);
            assert!(answer.get("answer").is_some_and(|answer| answer["result"].is_object()), "{answer:?}");
            self.world.mcp(server, r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#, 0);
        }
    }

    fn http(&mut self, request: &Request, gate_open: bool) -> Parts {
        let path = request.path.replace("$HEX32", &self.item);
        self.world.http(&Request { path, ..request.clone() }, gate_open)
    }

    /// The recorded apply as it is done here: previewed, confirmed, signed, on a server that may.
    fn preview_and_apply(&mut self, request: &Request, with: &Map<String, Value>) -> Parts {
        let mut request = request.clone();
        // A session that comes as a cookie says that no page of another site sent it.
        if request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie")) {
            request.headers.push(("x-cortexpilot-csrf".to_owned(), "1".to_owned()));
        }
        let preview = self.http(&Request { path: format!("{}/preview", request.path), ..request.clone() }, true);
        let token = preview.get("body").map(|body| body["preview_token"].clone());
        let mut body: Map<String, Value> =
            serde_json::from_str(request.body.as_deref().unwrap_or("{}")).expect("a recorded JSON body");
        body.extend(with.clone());
        body.insert("preview_token".to_owned(), token.filter(Value::is_string).expect("a preview with a token"));
        self.http(&Request { body: Some(Value::Object(body).to_string()), ..request }, true)
    }

    /// The recorded call once more, after a preview of the same.
    fn preview_then_again(
        &mut self,
        server: McpServer,
        line: &str,
        answers: usize,
        with: &Map<String, Value>,
    ) -> Parts {
        let mut call: Value = serde_json::from_str(line).expect("a recorded call");
        let arguments = call["params"]["arguments"].as_object_mut().expect("recorded arguments");
        arguments.extend(with.clone());
        let mut preview = call.clone();
        let previewed: Map<String, Value> = call["params"]["arguments"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| ["run_id", "priority", "scheduled_at", "deadline_at"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        preview["params"] = json!({"name": "preview_enqueue_from_run", "arguments": previewed});
        self.world.mcp(server, &preview.to_string(), 1);
        self.world.mcp(server, &call.to_string(), answers)
    }

    fn remember(&mut self, answer: &Parts) {
        for (_, value) in &answer.0 {
            if let Some(id) = queue_id(value) {
                id.clone_into(&mut self.item);
            }
        }
    }
}

/// The first queue item named in an answer.
fn queue_id(value: &Value) -> Option<&str> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| match value.as_str() {
            Some(id) if name == "queue_id" && shape::is_hex(id, 32) => Some(id),
            _ => queue_id(value),
        }),
        Value::Array(items) => items.iter().find_map(queue_id),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[test]
fn every_recorded_step_is_answered_as_recorded_or_as_the_compatibility_page_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compat.md");
    let page = Page::parse(&std::fs::read_to_string(path).expect("docs/compat.md"))
        .unwrap_or_else(|problem| panic!("{problem}"));
    let recording = Recording::load();
    let mut tally = Tally::default();
    for vector in &recording.vectors {
        let world = World::new(&recording, vector);
        let mut replay = Replay { page: &page, vector, world, item: String::new() };
        for (number, step) in vector.steps.iter().enumerate() {
            replay.step(number, step, &mut tally);
        }
        replay.world.end();
    }
    for figure in tally.figures() {
        println!("figure: {figure}");
    }
    let mut stale = page.stale();
    for bridge in &page.bridges {
        let places = bridge.places.iter().map(|(vector, step)| format!("{} {vector}/{step}", bridge.id));
        stale.extend(
            places.filter(|place| !tally.bridges.contains(place)).map(|place| format!("{place} was not needed")),
        );
    }
    assert!(
        tally.unlisted.is_empty() && stale.is_empty(),
        "{} differences are not named in docs/compat.md:\n{}\n{} parts of docs/compat.md name nothing:\n{}",
        tally.unlisted.len(),
        tally.unlisted.join("\n"),
        stale.len(),
        stale.join("\n")
    );
}
