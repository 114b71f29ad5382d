//! `codex`: `codex exec --json`. Its lines, as the program of version 0.1xx writes them: `thread.started {thread_id}`,
//! `turn.completed {usage}`, `turn.failed {error:{message}}`, `error {message}`, `item.*`.

use serde_json::{Map, Value};

use super::{
    CREDENTIALS, Job, Means, Reading, Runner, Told, Usage, agent_env, agent_needs, installed_at, program, prompt, told,
};
use crate::contract::TaskContract;
use crate::record::Level as Weight;
use crate::sandbox::Level;

pub(super) struct Codex;

impl Runner for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn needs(&self, contract: &TaskContract, means: &Means) -> Vec<String> {
        agent_needs("codex", "npm install -g @openai/codex", contract, means)
    }

    fn job(&self, contract: &TaskContract, means: &Means, level: Level) -> Option<Job> {
        let program = program("codex", means)?;
        let mut argv = vec![program.to_string_lossy().into_owned()];
        argv.extend(["exec", "--json", "--ephemeral", "--skip-git-repo-check"].map(str::to_owned));
        // Ours is around it; one inside the other would stop its own commands from running.
        let inner = if level == Level::None { "workspace-write" } else { "danger-full-access" };
        argv.extend(["--sandbox".into(), inner.into()]);
        let mut setting = |text: String| argv.extend(["-c".to_owned(), text]);
        setting("check_for_update_on_startup=false".into());
        setting("analytics.enabled=false".into());
        let env = agent_env("codex", means);
        if let Some(url) = env.get("OPENAI_BASE_URL") {
            // Another address is another provider to it, with the name of the variable that holds its key.
            let key = CREDENTIALS
                .iter()
                .find(|(runner, ..)| *runner == "codex")
                .and_then(|(_, one_of, _)| one_of.iter().find(|name| env.contains_key(**name)));
            let quoted = |text: &str| Value::from(text).to_string();
            setting("model_provider=\"configured\"".into());
            setting("model_providers.configured.name=\"configured\"".into());
            setting("model_providers.configured.wire_api=\"responses\"".into());
            setting(format!("model_providers.configured.base_url={}", quoted(url)));
            setting(format!("model_providers.configured.env_key={}", quoted(key.unwrap_or(&"OPENAI_API_KEY"))));
        }
        if let Some(model) = &contract.model {
            argv.extend(["--model".into(), model.clone()]);
        }
        argv.push("-".into());
        Some(Job { argv, stdin: prompt(contract), env, read: installed_at(&program) })
    }

    fn reading(&self, _: &TaskContract) -> Box<dyn Reading> {
        Box::new(Lines::default())
    }
}

#[derive(Default)]
pub(super) struct Lines {
    usage: Usage,
    turns: u64,
    thread: Option<String>,
    verdict: Option<Result<(), String>>,
}

impl Reading for Lines {
    fn line(&mut self, line: &[u8]) -> Told {
        let (parsed, mut told) = told("codex", line);
        let Some(value) = parsed else { return told };
        let message = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("it gave no reason").to_owned();
        match value.get("type").and_then(Value::as_str) {
            Some("thread.started") => self.thread = value.get("thread_id").and_then(Value::as_str).map(str::to_owned),
            Some("turn.completed") => {
                self.turns += 1;
                let of = |name| value.pointer(&format!("/usage/{name}"));
                for name in ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens"] {
                    self.usage.add(name, of(name));
                }
                self.usage.set("turns", Some(&self.turns.into()));
                self.verdict = Some(Ok(()));
            }
            Some("turn.failed") => {
                told.level = Weight::Error;
                self.verdict = Some(Err(message(value.pointer("/error/message"))));
            }
            // It may be tried again by codex itself: a turn that is completed afterwards counts.
            Some("error") => {
                told.level = Weight::Warn;
                self.verdict = Some(Err(message(value.get("message"))));
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
        self.thread.iter().map(|thread| ("session_id".to_owned(), thread.clone().into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_summed_over_turns_and_unknown_lines_are_kept() {
        let mut lines = Lines::default();
        let mut say = |value: Value| lines.line(value.to_string().as_bytes());
        say(json!({"type": "thread.started", "thread_id": "t1"}));
        for _ in 0..2 {
            say(
                json!({"type": "turn.completed", "usage": {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 3}}),
            );
        }
        let unknown = json!({"type": "some.day", "x": [1, {"y": null}]});
        assert_eq!(say(unknown.clone()).context, json!({"source": "codex", "kind": "some.day", "raw": unknown}));
        assert_eq!(lines.line(b"plain \xff").context["raw"], "plain \u{fffd}");
        assert_eq!(
            lines.usage().to_json(),
            Some(json!({"input_tokens": 20, "cached_input_tokens": 8, "output_tokens": 6, "turns": 2}))
        );
        assert_eq!(lines.said()["session_id"], "t1");
        assert_eq!(lines.verdict(), Some(Ok(())));
        lines.line(br#"{"type": "turn.failed", "error": {"message": "no quota"}}"#);
        assert_eq!(lines.verdict(), Some(Err("no quota".into())));
    }
}
