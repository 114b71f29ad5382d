//! The only place that reads the process's surroundings: environment, working directory, the name it was started by, the
//! user. Read once, passed on as a value.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;

/// What a process finds when it starts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// Every variable, in no particular order.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// The working directory, without symbolic links.
    pub(crate) cwd: PathBuf,
    /// The name the program was started by, for commands that are printed.
    pub(crate) program: String,
    /// The OS user's name.
    pub(crate) user: String,
}

impl Environment {
    /// Reads it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub(crate) fn read() -> anyhow::Result<Self> {
        let variables: Vec<_> = std::env::vars_os().collect();
        let cwd =
            std::env::current_dir().and_then(std::fs::canonicalize).context("the working directory cannot be read")?;
        let program =
            std::env::args_os().next().and_then(|name| name.into_string().ok()).filter(|name| !name.is_empty());
        let user = user(&variables);
        Ok(Self { variables, cwd, program: program.unwrap_or_else(|| "cortexpilot".to_owned()), user })
    }
}

/// The user's name: from the user database, else from the environment (systems that keep users elsewhere), else by number.
fn user(variables: &[(OsString, OsString)]) -> String {
    let uid = rustix::process::getuid().as_raw();
    let database = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let stated = ["USER", "LOGNAME"].into_iter().filter_map(|wanted| {
        let found = variables.iter().find(|(name, _)| name == wanted)?;
        found.1.to_str().map(str::to_owned)
    });
    name_of(uid, &database)
        .into_iter()
        .chain(stated)
        .find(|name| is_plain(name))
        .unwrap_or_else(|| format!("uid-{uid}"))
}

/// The name of a user id in the format of `passwd(5)`: `name:password:uid:…`.
fn name_of(uid: u32, database: &str) -> Option<String> {
    database.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Names stand in the ledger: nothing that would need escaping.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
    !name.is_empty() && name.len() <= 64 && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_named_by_the_database() {
        let database = "root:x:0:0:root:/:/bin/sh\nbroken\nalice:x:1000:1000::/srv/alice:/bin/sh\n";
        assert_eq!(name_of(1000, database).as_deref(), Some("alice"));
        assert_eq!(name_of(7, database), None);
        assert!(is_plain("alice.b-c_d@e"));
        assert!(!is_plain("a b") && !is_plain("") && !is_plain("ä"));
    }
}
