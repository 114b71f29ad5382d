//! What an entry means: read as its client reads it, with what the client takes from its own environment.

use std::ffi::OsString;

use cortexpilot_core::domain::text::escape;
use serde_json::Value;

use super::Problem;
use crate::cli::install::client::{Client, variable_of};
use crate::config::Environment;

/// What Codex hands to a server of what is in its own environment, unless its file says more.
const CODEX_PASSES: [&str; 11] =
    ["HOME", "LOGNAME", "PATH", "SHELL", "USER", "__CF_USER_TEXT_ENCODING", "LANG", "LC_ALL", "TERM", "TMPDIR", "TZ"];

/// An entry as the client reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Means {
    Stdio { command: String, args: Vec<String>, env: Vec<(String, String)> },
    Http { url: String, bearer: Option<String> },
}

/// The environment in which the client starts a server.
pub(super) fn child_environment(client: Client, own: &Environment, added: &[(String, String)]) -> Environment {
    let passes = |name: &OsString| match client {
        Client::Codex => CODEX_PASSES.iter().any(|passed| name == *passed),
        Client::ClaudeCode | Client::Cursor | Client::Vscode | Client::Opencode | Client::Gemini | Client::Windsurf => {
            true
        }
    };
    let mut variables: Vec<(OsString, OsString)> =
        own.variables.iter().filter(|(name, _)| passes(name)).cloned().collect();
    for (name, value) in added {
        variables.retain(|(known, _)| known != name.as_str());
        variables.push((name.into(), value.into()));
    }
    Environment { variables, ..own.clone() }
}

/// Reads an entry as the client does, with what it takes from its environment.
pub(super) fn means(client: Client, entry: &Value, environment: &Environment) -> Result<Means, Problem> {
    let expands = client == Client::ClaudeCode;
    let text = |value: &Value| -> Result<Option<String>, Problem> {
        match value.as_str() {
            Some(text) if expands => expanded(text, environment).map(Some),
            Some(text) => Ok(Some(text.to_owned())),
            None => Ok(None),
        }
    };
    if let Some(command) = text(&entry["command"])? {
        let args = entry["args"].as_array().into_iter().flatten().filter_map(|arg| text(arg).transpose());
        let mut env = Vec::new();
        for (name, value) in entry["env"].as_object().into_iter().flatten() {
            env.extend(text(value)?.map(|value| (name.clone(), value)));
        }
        // Codex hands these on by name.
        for name in entry["env_vars"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            env.extend(variable_of(environment, name).map(|value| (name.to_owned(), value)));
        }
        return Ok(Means::Stdio { command, args: args.collect::<Result<_, _>>()?, env });
    }
    let url = text(&entry["url"])?.ok_or_else(|| {
        Problem::entry("The entry names neither a command nor a URL.", "Install it again, with --replace.")
    })?;
    let bearer = match entry["bearer_token_env_var"].as_str() {
        Some(variable) => Some(format!("Bearer {}", set(variable, environment)?)),
        None => {
            let headers = entry["headers"].as_object().or_else(|| entry["http_headers"].as_object());
            let header = headers.into_iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
            header.map(|(_, value)| text(value)).transpose()?.flatten()
        }
    };
    Ok(Means::Http { url, bearer })
}

fn set(variable: &str, environment: &Environment) -> Result<String, Problem> {
    variable_of(environment, variable).ok_or_else(|| {
        let variable = escape(variable);
        Problem::entry(
            format!("The entry takes its token from the variable {variable}, which is not set here."),
            format!("Set it where the client is started: export {variable}=\"$(cat TOKEN-FILE)\""),
        )
    })
}

/// `${NAME}` and `${NAME:-default}`, as Claude Code replaces them.
fn expanded(text: &str, environment: &Environment) -> Result<String, Problem> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        match inside.split_once(":-") {
            Some((name, default)) => {
                out.push_str(&variable_of(environment, name).unwrap_or_else(|| default.to_owned()))
            }
            None => out.push_str(&set(inside, environment)?),
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::error::exit;
    use serde_json::json;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        Environment { variables, ..Environment::default() }
    }

    #[test]
    fn variables_are_replaced_as_claude_code_replaces_them() {
        let environment = environment(&[("A", "1"), ("B", "2")]);
        for (text, wanted) in
            [("x", "x"), ("${A}${B}", "12"), ("a${C:-d}e", "ade"), ("$A ${A", "$A ${A"), ("${A:-z}", "1")]
        {
            assert_eq!(expanded(text, &environment).unwrap(), wanted);
        }
        let problem = expanded("Bearer ${NO}", &environment).unwrap_err();
        assert!(problem.what.contains("NO") && problem.next.contains("export NO="), "{problem:?}");
        assert_eq!(problem.exit, exit::USAGE);
    }

    #[test]
    fn each_client_hands_on_its_own_part_of_the_environment() {
        let own = environment(&[("HOME", "/h"), ("CORTEXPILOT_LOG", "debug"), ("T", "secret")]);
        let names = |environment: Environment| -> Vec<String> {
            let mut names: Vec<String> =
                environment.variables.into_iter().map(|(name, _)| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        let added = [("X".to_owned(), "1".to_owned())];
        assert_eq!(names(child_environment(Client::Codex, &own, &added)), ["HOME", "X"]);
        assert_eq!(names(child_environment(Client::ClaudeCode, &own, &added)), ["CORTEXPILOT_LOG", "HOME", "T", "X"]);
    }

    #[test]
    fn entries_are_read_in_the_form_of_either_client() {
        let environment = environment(&[("T", "cpt_x")]);
        let claude = json!({ "type": "http", "url": "u", "headers": { "Authorization": "Bearer ${T}" } });
        let codex = json!({ "url": "u", "bearer_token_env_var": "T" });
        let wanted = || Means::Http { url: "u".to_owned(), bearer: Some("Bearer cpt_x".to_owned()) };
        assert_eq!(means(Client::ClaudeCode, &claude, &environment).unwrap(), wanted());
        assert_eq!(means(Client::Codex, &codex, &environment).unwrap(), wanted());
        let stdio = json!({ "command": "${T}", "args": ["${T}", 7], "env": { "A": "${T}" }, "env_vars": ["T"] });
        let env = vec![("A".to_owned(), "${T}".to_owned()), ("T".to_owned(), "cpt_x".to_owned())];
        let plain = Means::Stdio { command: "${T}".to_owned(), args: vec!["${T}".to_owned()], env };
        assert_eq!(means(Client::Codex, &stdio, &environment).unwrap(), plain);
        assert!(means(Client::Codex, &json!({}), &environment).is_err());
    }
}
