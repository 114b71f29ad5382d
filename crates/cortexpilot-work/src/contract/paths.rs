//! `allowed_paths`: exact files or directories, by their bytes. No wildcards, because what a pattern means differs from
//! program to program, and the person who approved the contract read the text.

use unicode_normalization::UnicodeNormalization as _;

/// What a task may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedPaths(Vec<AllowedPath>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct AllowedPath {
    stated: String,
    /// Normal form: parts joined with `/`; empty for everything.
    path: String,
}

impl AllowedPaths {
    /// Reads the contract's list.
    ///
    /// # Errors
    /// The index of the first entry that cannot be meant, and why, for people.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, (usize, String)> {
        let mut paths = Vec::new();
        for (index, stated) in entries.into_iter().enumerate() {
            let path = normal(stated).map_err(|problem| (index, problem))?;
            paths.push(AllowedPath { stated: stated.to_owned(), path });
        }
        Ok(Self(paths))
    }

    /// As the contract states them.
    pub fn stated(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|allowed| allowed.stated.as_str())
    }

    /// Whether a file at `path` (in normal form) may be changed.
    pub fn allow(&self, path: &str) -> bool {
        self.0.iter().any(|allowed| {
            allowed.path.is_empty()
                || path.strip_prefix(&allowed.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Whether the contract names exactly this file.
    pub fn name(&self, path: &str) -> bool {
        self.0.iter().any(|allowed| allowed.path == path)
    }
}

/// A path of the contract in normal form.
///
/// # Errors
/// Why it cannot be meant, for people.
pub(crate) fn normal(stated: &str) -> Result<String, String> {
    let text = stated.trim();
    if text.is_empty() {
        return Err("it is empty; name a file or a directory, or `.` for the whole repository".into());
    }
    if text.starts_with('/') {
        return Err("it is absolute; write it relative to the repository".into());
    }
    if let Some(c) = text.chars().find(|c| matches!(c, '*' | '?' | '[' | ']' | '{' | '}')) {
        return Err(format!("`{c}` would be a wildcard, and there are none; name the directory"));
    }
    if text.contains('\\') {
        return Err("it holds a backslash; separate directories with `/`".into());
    }
    if !text.nfc().eq(text.chars()) {
        return Err("it is not in Unicode normalization form C, so it could look like another path".into());
    }
    if text.chars().any(hidden) {
        return Err("it holds a control, bidirectional or invisible character".into());
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("it leads upwards with `..`".into()),
            part if is_git(part) => return Err("it names git's own directory".into()),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Characters that make one path look like another.
pub(crate) fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        )
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c)
        || ('\u{e0000}'..='\u{e0fff}').contains(&c)
}

/// Whether some file system takes this name for `.git`: any case, the short name of NTFS, trailing dots and blanks, a stream,
/// characters that HFS+ ignores.
pub(crate) fn is_git(part: &str) -> bool {
    let plain: String = part.chars().filter(|c| !hidden(*c)).collect::<String>().to_lowercase();
    let plain = plain.split(':').next().unwrap_or("").trim_end_matches(['.', ' ']);
    plain == ".git"
        || plain.strip_prefix("git~").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_allowed_by_itself_or_by_a_directory_above_it_and_by_nothing_else() {
        let allowed = AllowedPaths::parse(["docs/README.md", "./src/", "a//b"]).unwrap();
        for path in ["docs/README.md", "src", "src/lib.rs", "src/deep/x", "a/b", "a/b/c"] {
            assert!(allowed.allow(path), "{path}");
        }
        for path in
            ["docs", "docs/README.md2", "docs/readme.md", "Src/lib.rs", "srcs/x", "a", "a/bc", "x/src/lib.rs", ""]
        {
            assert!(!allowed.allow(path), "{path}");
        }
        let all = AllowedPaths::parse(["."]).unwrap();
        assert!(all.allow("anything/at/all") && !all.name("anything/at/all"));
        assert!(!AllowedPaths::parse([]).unwrap().allow("x"), "nothing is allowed by an empty list");
    }

    #[test]
    fn paths_that_could_mean_two_things_are_refused() {
        for path in [
            "",
            " ",
            "/etc",
            "../x",
            "a/../b",
            "src/*",
            "a?",
            "[a]",
            "a\\b",
            ".git",
            "a/.GIT/x",
            "GIT~1",
            ".git.",
            ".g\u{200c}it",
            "e\u{301}",
            "a\u{202e}b",
            "a\nb",
        ] {
            assert!(AllowedPaths::parse([path]).is_err(), "{path:?}");
        }
        assert_eq!(AllowedPaths::parse(["ok", "../x"]).unwrap_err().0, 1);
        assert!(AllowedPaths::parse(["é", ".github", ".gitignore"]).is_ok());
    }
}
