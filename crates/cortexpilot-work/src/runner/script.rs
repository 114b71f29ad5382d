//! `script`: a scenario that stands in the contract, for tests and demonstrations. Its steps are done by `/bin/sh` in the
//! sandbox, so it can do there what an agent can, and no more.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::shell::Plain;
use super::{Job, Means, Reading, Runner};
use crate::contract::TaskContract;
use crate::sandbox::Level;

/// The steps, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Write { path: String, text: String },
    Append { path: String, text: String },
    Delete(String),
    Exec(Vec<String>),
    Emit(Value),
    SleepMs(u64),
    Fail(u8),
    Hang,
    Crash,
}

impl Scenario {
    /// Reads a contract's `runtime_options.script`.
    ///
    /// # Errors
    /// Which step cannot be understood, for people.
    pub fn read(value: &Value) -> Result<Self, String> {
        let Some(steps) = value.as_array() else { return Err("it is not a list of steps".into()) };
        steps
            .iter()
            .enumerate()
            .map(|(index, step)| step_of(step).ok_or_else(|| format!("step {index} is none: {step}")))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// As a script for `/bin/sh -eu`.
    fn shell(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            let written = match step {
                Step::Write { path, text: content } => put(&mut text, ">", path, content),
                Step::Append { path, text: content } => put(&mut text, ">>", path, content),
                Step::Delete(path) => writeln!(text, "rm -f -- {}", quoted(path)),
                Step::Exec(argv) => {
                    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
                    writeln!(text, "{} </dev/null", words.join(" "))
                }
                Step::Emit(value) => writeln!(text, "printf '%s\\n' {}", quoted(&value.to_string())),
                Step::SleepMs(ms) => writeln!(text, "sleep {}.{:03}", ms / 1000, ms % 1000),
                Step::Fail(status) => writeln!(text, "exit {status}"),
                Step::Hang => writeln!(text, "while :; do sleep 3600; done"),
                Step::Crash => writeln!(text, "kill -KILL $$"),
            };
            written.expect("invariant: writing to a text does not fail");
        }
        text
    }
}

fn put(script: &mut String, how: &str, path: &str, content: &str) -> std::fmt::Result {
    if let Some((dir, _)) = path.rsplit_once('/') {
        writeln!(script, "mkdir -p -- {}", quoted(dir))?;
    }
    writeln!(script, "printf %s {} {how} {}", quoted(content), quoted(path))
}

/// A word as the shell takes it literally.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn step_of(step: &Value) -> Option<Step> {
    let map = step.as_object().filter(|map| map.len() == 1)?;
    let (name, value) = map.iter().next()?;
    let file = || {
        let map = value.as_object().filter(|map| map.len() == 2)?;
        let (path, text) = (map.get("path")?.as_str()?, map.get("text")?.as_str()?);
        (!path.is_empty() && !path.contains('\0') && !text.contains('\0')).then(|| (path.to_owned(), text.to_owned()))
    };
    match name.as_str() {
        "write" => file().map(|(path, text)| Step::Write { path, text }),
        "append" => file().map(|(path, text)| Step::Append { path, text }),
        "delete" => {
            value.as_str().filter(|path| !path.is_empty() && !path.contains('\0')).map(|path| Step::Delete(path.into()))
        }
        "exec" => {
            let words = value.as_array().filter(|words| !words.is_empty())?;
            let words: Option<Vec<String>> = words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
            words.filter(|words| words.iter().all(|word| !word.contains('\0'))).map(Step::Exec)
        }
        "emit" => Some(Step::Emit(value.clone())),
        "sleep_ms" => value.as_u64().filter(|ms| *ms <= 3_600_000).map(Step::SleepMs),
        "fail" => {
            value.as_u64().and_then(|status| u8::try_from(status).ok()).filter(|status| *status > 0).map(Step::Fail)
        }
        "hang" => (value == &Value::Bool(true)).then_some(Step::Hang),
        "crash" => (value == &Value::Bool(true)).then_some(Step::Crash),
        _ => None,
    }
}

pub(super) struct Script;

impl Runner for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn needs(&self, contract: &TaskContract, _: &Means) -> Vec<String> {
        if contract.script.is_some() { Vec::new() } else { vec!["the contract holds no runtime_options.script".into()] }
    }

    fn job(&self, contract: &TaskContract, _: &Means, _: Level) -> Option<Job> {
        let scenario = contract.script.as_ref()?;
        Some(Job {
            argv: vec!["/bin/sh".into(), "-eu".into()],
            stdin: scenario.shell().into_bytes(),
            env: BTreeMap::new(),
            read: Vec::new(),
        })
    }

    fn reading(&self, _: &TaskContract) -> Box<dyn Reading> {
        Box::new(Plain("script"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scenario_is_read_whole_or_refused() {
        let all = json!([
            {"write": {"path": "a/b", "text": "it's"}}, {"append": {"path": "c", "text": ""}}, {"delete": "d"},
            {"exec": ["echo", "$HOME"]}, {"emit": {"x": 1}}, {"sleep_ms": 1500}, {"fail": 3}, {"hang": true}, {"crash": true},
        ]);
        let text = Scenario::read(&all).unwrap().shell();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "mkdir -p -- 'a'",
                r"printf %s 'it'\''s' > 'a/b'",
                "printf %s '' >> 'c'",
                "rm -f -- 'd'",
                "'echo' '$HOME' </dev/null",
                r#"printf '%s\n' '{"x":1}'"#,
                "sleep 1.500",
                "exit 3",
                "while :; do sleep 3600; done",
                "kill -KILL $$",
            ]
        );
        for bad in [
            json!({}),
            json!([{}]),
            json!([{"write": {"path": "a"}}]),
            json!([{"exec": []}]),
            json!([{"fail": 0}]),
            json!([{"hang": false}]),
            json!([{"jump": 1}]),
            json!([{"hang": true, "crash": true}]),
        ] {
            assert!(Scenario::read(&bad).is_err(), "{bad}");
        }
    }
}
