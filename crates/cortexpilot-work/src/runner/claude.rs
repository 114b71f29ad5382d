//! `claude`: `claude -p --output-format stream-json`. Its lines: `system/init {session_id, model}`, `assistant`, `user`, and one
//! `result {is_error, result, usage, total_cost_usd, num_turns}` at the end.

use serde_json::{Map, Value};

use super::{Job, Means, Reading, Runner, Told, Usage, agent_env, agent_needs, installed_at, program, prompt, told};
use crate::contract::TaskContract;
use crate::record::Level as Weight;
use crate::sandbox::Level;

pub(super) struct Claude;

impl Runner for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn needs(&self, contract: &TaskContract, means: &Means) -> Vec<String> {
        agent_needs("claude", "npm install -g @anthropic-ai/claude-code", contract, means)
    }

    fn job(&self, contract: &TaskContract, means: &Means, level: Level) -> Option<Job> {
        let program = program("claude", means)?;
        let mut argv: Vec<String> = vec![program.to_string_lossy().into_owned()];
        argv.extend(["-p", "--output-format", "stream-json", "--verbose"].map(str::to_owned));
        let mut env = agent_env("claude", means);
        env.insert("DISABLE_AUTOUPDATER".into(), "1".into());
        env.insert("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC".into(), "1".into());
        // Nobody is there to be asked. In the sandbox everything may be tried; without one, files may be edited and
        // whatever else it would ask for is refused by itself.
        if level == Level::None {
            argv.extend(["--permission-mode".into(), "acceptEdits".into()]);
        } else {
            argv.extend(["--permission-mode".into(), "bypassPermissions".into()]);
            // It refuses this mode to root unless it is told that a sandbox is around it, as one is.
            env.insert("IS_SANDBOX".into(), "1".into());
        }
        if let Some(model) = &contract.model {
            argv.extend(["--model".into(), model.clone()]);
        }
        Some(Job { argv, stdin: prompt(contract), env, read: installed_at(&program) })
    }

    fn reading(&self, _: &TaskContract) -> Box<dyn Reading> {
        Box::new(Lines::default())
    }
}

#[derive(Default)]
pub(super) struct Lines {
    usage: Usage,
    said: Map<String, Value>,
    verdict: Option<Result<(), String>>,
}

impl Reading for Lines {
    fn line(&mut self, line: &[u8]) -> Told {
        let (parsed, mut told) = told("claude", line);
        let Some(value) = parsed else { return told };
        match value.get("type").and_then(Value::as_str) {
            Some("system") if value.get("subtype").and_then(Value::as_str) == Some("init") => {
                for (from, to) in [("session_id", "session_id"), ("model", "model"), ("claude_code_version", "version")]
                {
                    if let Some(text) = value.get(from).and_then(Value::as_str) {
                        self.said.insert(to.to_owned(), text.into());
                    }
                }
            }
            Some("result") => {
                let of = |name| value.pointer(&format!("/usage/{name}"));
                self.usage.set("input_tokens", of("input_tokens"));
                self.usage.set("cached_input_tokens", of("cache_read_input_tokens"));
                self.usage.set("cache_creation_input_tokens", of("cache_creation_input_tokens"));
                self.usage.set("output_tokens", of("output_tokens"));
                self.usage.set("cost_usd", value.get("total_cost_usd"));
                self.usage.set("turns", value.get("num_turns"));
                self.usage.set("duration_ms", value.get("duration_ms"));
                if value.get("is_error").and_then(Value::as_bool) == Some(true) {
                    told.level = Weight::Error;
                    let why = value.get("result").or_else(|| value.get("subtype")).and_then(Value::as_str);
                    self.verdict = Some(Err(why.unwrap_or("it gave no reason").to_owned()));
                } else {
                    self.verdict = Some(Ok(()));
                }
            }
            Some(_) | None => {}
        }
        told
    }

    fn usage(&self) -> Usage {
        self.usage.clone()
    }

    fn verdict(&self) -> Option<Result<(), String>> {
        self.verdict.clone()
    }

    fn said(&self) -> Map<String, Value> {
        self.said.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_result_gives_figures_and_the_verdict() {
        let mut lines = Lines::default();
        let mut say = |value: Value| lines.line(value.to_string().as_bytes());
        say(json!({"type": "system", "subtype": "init", "session_id": "s1", "model": "m1"}));
        say(json!({"type": "assistant", "message": {"content": [{"type": "text", "text": "hi"}]}}));
        let result = json!({"type": "result", "subtype": "success", "is_error": false, "total_cost_usd": 0.25, "num_turns": 3,
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 11}});
        assert_eq!(say(result.clone()).context["raw"], result);
        assert_eq!(
            lines.usage().to_json(),
            Some(
                json!({"input_tokens": 5, "cached_input_tokens": 7, "output_tokens": 11, "cost_usd": 0.25, "turns": 3})
            )
        );
        assert_eq!(Value::Object(lines.said()), json!({"session_id": "s1", "model": "m1"}));
        assert_eq!(lines.verdict(), Some(Ok(())));
        lines.line(br#"{"type": "result", "is_error": true, "subtype": "error_max_turns"}"#);
        assert_eq!(lines.verdict(), Some(Err("error_max_turns".into())));
    }
}
