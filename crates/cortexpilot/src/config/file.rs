//! `cortexpilot.toml`: the variables' keys, for set-ups without a service manager. It stands in the directory that relative
//! roots are resolved against, and the environment wins over it.
//!
//! Whoever can write this file can change what every process that is started there does, though it can only tighten what
//! guards the queue: shut the mutation gate, name a stricter policy, lower a limit. So a file that others may write is refused, and so is a secret in a file that others may
//! read.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::table::{VARIABLES, Variable};
use super::value::quoted;

/// The file's name.
pub(crate) const FILE: &str = "cortexpilot.toml";

/// Larger files are somebody else's.
const BYTES_MAX: u64 = 64 * 1024;

/// What the file says, as text: the same parsers read both sources.
#[derive(Debug, Default)]
pub(super) struct FileValues {
    pub(super) values: Vec<(Variable, String)>,
    pub(super) problems: Vec<String>,
}

/// Reads the file in this directory, if there is one.
pub(super) fn read(dir: &Path) -> FileValues {
    let path = dir.join(FILE);
    let meta = match std::fs::metadata(&path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return FileValues::default(),
        Err(error) => return refused(&path, &format!("cannot be read: {error}")),
    };
    if !meta.is_file() || meta.len() > BYTES_MAX {
        return refused(&path, "must be a regular file of at most 64 KiB");
    }
    let mode = meta.permissions().mode();
    if mode & 0o022 != 0 {
        return refused(
            &path,
            "may be written by others than its owner: chmod go-w it, or set the variables in the environment",
        );
    }
    let own = rustix::process::getuid().as_raw();
    if meta.uid() != own && meta.uid() != 0 {
        return refused(&path, "belongs to another user: it could open gates for you without your doing");
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text, mode & 0o044 != 0),
        Err(error) => refused(&path, &format!("cannot be read: {error}")),
    }
}

fn refused(path: &Path, why: &str) -> FileValues {
    FileValues { values: Vec::new(), problems: vec![format!("{}: {why}", path.display())] }
}

fn parse(path: &Path, text: &str, others_may_read: bool) -> FileValues {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return refused(path, &format!("is not TOML: {}", error.to_string().trim_end())),
    };
    let mut out = FileValues::default();
    for (key, value) in &table {
        match entry(key, value, others_may_read) {
            Ok(entry) => out.values.push(entry),
            Err(problem) => out.problems.push(format!("{}: {problem}", path.display())),
        }
    }
    out
}

fn entry(key: &str, value: &toml::Value, others_may_read: bool) -> Result<(Variable, String), String> {
    let Some(variable) = VARIABLES.iter().find(|variable| variable.key == Some(key)) else {
        return Err(match VARIABLES.iter().find(|variable| plain(variable) == key) {
            Some(variable) => {
                format!("the key {} is unknown here: only the environment may set {}", quoted(key), variable.name)
            }
            None => format!("the key {} is unknown{}", quoted(key), near(key)),
        });
    };
    if variable.secret && others_may_read {
        return Err(format!("holds the secret `{key}` and may be read by others: chmod go-r it"));
    }
    let text =
        text(value).ok_or_else(|| format!("`{key}` must be a text, a number, true or false, or a list of texts"))?;
    Ok((*variable, text))
}

/// The key that a variable would have.
fn plain(variable: &Variable) -> String {
    variable.name.trim_start_matches("CORTEXPILOT_").to_ascii_lowercase()
}

fn near(key: &str) -> String {
    super::near::meant(&format!("CORTEXPILOT_{key}"))
        .and_then(|meant| meant.key)
        .map(|meant| format!(": `{meant}` is meant?"))
        .unwrap_or_default()
}

/// A value as the environment would write it; `None` for what has no such form.
fn text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Array(entries) => {
            let entries: Option<Vec<&str>> = entries.iter().map(toml::Value::as_str).collect();
            entries.filter(|entries| entries.iter().all(|entry| !entry.contains(','))).map(|entries| entries.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let parsed = parse(Path::new("f"), text, false);
        let values: Vec<String> =
            parsed.values.iter().map(|(variable, value)| format!("{}={value}", variable.name)).collect();
        [values, parsed.problems].concat().join("; ")
    }

    #[test]
    fn keys_are_the_variables_and_unknown_ones_are_errors() {
        assert_eq!(check("api_port = 9000"), "CORTEXPILOT_API_PORT=9000");
        assert_eq!(check("api_auth_required = false"), "CORTEXPILOT_API_AUTH_REQUIRED=false");
        assert_eq!(check("principal_roles = [\"OPS\", \"OWNER\"]"), "CORTEXPILOT_PRINCIPAL_ROLES=OPS,OWNER");
        assert_eq!(check("api_prot = 1"), "f: the key \"api_prot\" is unknown: `api_port` is meant?");
        assert_eq!(check("colour = \"red\""), "f: the key \"colour\" is unknown");
        assert!(check("repo_root = \"/srv\"").contains("unknown"), "the file is found through it");
        for key in ["token", "token_file", "approval_webhook", "approval_webhook_secret"] {
            let said = check(&format!("{key} = \"hunter2\""));
            assert!(said.contains("only the environment may set CORTEXPILOT_") && !said.contains("hunter2"), "{said}");
        }
        assert!(check("store = 1.5").contains("must be a text"));
        assert!(check("principal_roles = [\"A,B\"]").contains("must be a text"));
        assert!(check("[store]\nx = 1").contains("must be a text"));
        assert!(check("store = \"a\"\nstore = \"b\"").contains("is not TOML"));
    }

    #[test]
    fn a_secret_needs_a_private_file() {
        let parsed = parse(Path::new("f"), "api_token = \"abc\"", true);
        assert!(parsed.values.is_empty());
        assert!(parsed.problems[0].contains("chmod go-r") && !parsed.problems[0].contains("abc"));
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).problems.is_empty(), "no file, no problem");
        let path = dir.path().join(FILE);
        std::fs::write(&path, "store = \"file\"\n").unwrap();
        for (mode, problems) in [(0o600, 0), (0o644, 0), (0o664, 1), (0o666, 1)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(dir.path()).problems.len(), problems, "{mode:o}");
        }
    }
}
