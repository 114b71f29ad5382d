//! The diff gate: whether what changed is what the contract allows. Pure: it is given what changed and judges it.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization as _;

use crate::contract::AllowedPaths;
use crate::contract::paths::{hidden, is_git};
use crate::snapshot::{Entry, Snapshot};

/// The largest file that a diff may hold, in bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 64 << 20;
/// The most that a diff's files may hold together, in bytes.
pub(crate) const TOTAL_BYTES_MAX: u64 = 256 << 20;

/// How a path changed. A rename is a path that went and one that came; both must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// Its content, kind or mode differs.
    Modified,
    /// It is gone.
    Deleted,
}

/// One path that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: ChangeKind,
}

/// A change that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path; bytes that are no text are shown as `\xNN`.
    pub path: String,
    /// Why, for people.
    pub reason: String,
}

/// Everything that differs, by path.
pub(crate) fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for (path, entry) in &after.entries {
        let kind = match before.entries.get(path) {
            None => ChangeKind::Added,
            Some(old) if old == entry => continue,
            Some(_) => ChangeKind::Modified,
        };
        changes.push(Change { path: path.clone(), kind });
    }
    changes.extend(
        before
            .entries
            .keys()
            .filter(|path| !after.entries.contains_key(*path))
            .map(|path| Change { path: path.clone(), kind: ChangeKind::Deleted }),
    );
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// What of the changes is not allowed. `submodules` are paths of the baseline that hold another repository's commit.
pub(crate) fn judge(
    changes: &[Change],
    before: &Snapshot,
    after: &Snapshot,
    submodules: &[Vec<u8>],
    allowed: &AllowedPaths,
    may_write: bool,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let folded = fold_cases(after);
    let mut total = 0;
    for change in changes {
        let shown = shown(&change.path);
        let mut refuse = |reason: &str| violations.push(Violation { path: shown.clone(), reason: reason.to_owned() });
        if !may_write {
            refuse("the contract's filesystem permission is read-only");
            continue;
        }
        let Ok(path) = std::str::from_utf8(&change.path) else {
            refuse("its name is not UTF-8");
            continue;
        };
        if !allowed.allow(path) {
            refuse("it lies outside allowed_paths");
        }
        // A name that was there before is the repository's own, whatever it looks like.
        if change.kind == ChangeKind::Added {
            if path.chars().any(hidden) {
                refuse("its name holds a control, bidirectional or invisible character");
            } else if !path.nfc().eq(path.chars()) {
                refuse("its name is not in Unicode normalization form C");
            }
            if path.contains('\\') {
                refuse("its name holds a backslash, which separates directories elsewhere");
            }
            if let Some(others) = folded.get(&fold(path))
                && others.iter().any(|other| *other != path)
            {
                refuse("another file's name differs from it only by case or normalization");
            }
        }
        if matches!(after.entries.get(&change.path), Some(Entry::Repository)) || path.split('/').any(is_git) {
            refuse("it is a repository of its own, or named like git's own directory");
            continue;
        }
        if submodules.iter().any(|module| inside(&change.path, module)) {
            refuse("it is or lies in a submodule");
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        if matches!(name, ".gitmodules" | ".gitattributes") && !allowed.name(path) {
            refuse("it tells git what to do with other files, so allowed_paths must name exactly it");
        }
        match after.entries.get(&change.path) {
            Some(Entry::File { special_bits, shared, size, .. }) => {
                if *special_bits {
                    refuse("it has a set-user-id, set-group-id or sticky bit");
                }
                if *shared {
                    refuse("it is one file with another outside the workspace (a hard link)");
                }
                if *size > FILE_BYTES_MAX {
                    refuse("it is larger than 64 MiB");
                }
                total += size;
            }
            Some(Entry::Link { target }) => {
                if let Err(reason) = link(path, target) {
                    refuse(reason);
                }
            }
            Some(Entry::Special) => refuse("it is a pipe, a socket or a device"),
            Some(Entry::Unreadable) => refuse("it cannot be read"),
            Some(Entry::Repository) | None => {}
        }
        if matches!(before.entries.get(&change.path), Some(Entry::Link { .. }))
            && !matches!(after.entries.get(&change.path), Some(Entry::Link { .. }) | None)
        {
            refuse("a symbolic link was replaced by something else");
        }
    }
    if total > TOTAL_BYTES_MAX {
        violations.push(Violation { path: ".".into(), reason: "the changed files hold more than 256 MiB".into() });
    }
    violations
}

/// A link may point at something in the repository, and at nothing of git's.
fn link(path: &str, target: &[u8]) -> Result<(), &'static str> {
    let Ok(target) = std::str::from_utf8(target) else { return Err("it is a link whose target is not UTF-8") };
    if target.starts_with('/') {
        return Err("it is a link to an absolute path");
    }
    let mut place: Vec<&str> = path.split('/').collect();
    place.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if place.pop().is_none() {
                    return Err("it is a link that leads out of the repository");
                }
            }
            part if is_git(part) => return Err("it is a link into git's own directory"),
            part => place.push(part),
        }
    }
    Ok(())
}

/// Whether a path is a directory or lies in it.
pub(crate) fn inside(path: &[u8], dir: &[u8]) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}

/// Names as a file system that knows no case would compare them, directories included: each folded name to the spellings
/// that stand for it.
fn fold_cases(snapshot: &Snapshot) -> BTreeMap<String, Vec<&str>> {
    let mut folded: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for path in snapshot.entries.keys().filter_map(|path| std::str::from_utf8(path).ok()) {
        folded.entry(fold(path)).or_default().push(path);
    }
    folded
}

fn fold(path: &str) -> String {
    path.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// A path for people and reports.
pub(crate) fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortexpilot_core::domain::id::Sha256Digest;

    fn file(content: &str) -> Entry {
        let sha256 = Sha256Digest::of(content.as_bytes());
        Entry::File { executable: false, special_bits: false, shared: false, sha256, size: content.len() as u64 }
    }

    fn link_to(target: &str) -> Entry {
        Entry::Link { target: target.into() }
    }

    fn tree(entries: &[(&str, Entry)]) -> Snapshot {
        Snapshot { entries: entries.iter().map(|(path, entry)| (path.as_bytes().to_vec(), entry.clone())).collect() }
    }

    fn verdict(before: &Snapshot, after: &Snapshot, allowed: &[&str]) -> Vec<String> {
        let allowed = AllowedPaths::parse(allowed.iter().copied()).unwrap();
        let changes = changes(before, after);
        judge(&changes, before, after, &[b"vendor/mod".to_vec()], &allowed, true)
            .into_iter()
            .map(|violation| format!("{}: {}", violation.path, violation.reason))
            .collect()
    }

    #[test]
    fn a_change_is_allowed_only_where_the_contract_names_its_path() {
        let before = tree(&[("docs/a", file("1")), ("src/b", file("1")), ("docs/l", link_to("a"))]);
        let check = |name: &str, change: &[(&str, Option<Entry>)], refused: &[&str]| {
            let mut after = before.clone();
            for (path, entry) in change {
                match entry {
                    Some(entry) => drop(after.entries.insert(path.as_bytes().to_vec(), entry.clone())),
                    None => drop(after.entries.remove(path.as_bytes())),
                }
            }
            let found = verdict(&before, &after, &["docs"]);
            let paths: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
            assert_eq!(paths, refused, "{name}: {found:?}");
        };
        check("nothing", &[], &[]);
        check("modified inside", &[("docs/a", Some(file("2")))], &[]);
        check("added inside", &[("docs/deep/new", Some(file("2")))], &[]);
        check("deleted inside", &[("docs/a", None)], &[]);
        check("modified outside", &[("src/b", Some(file("2")))], &["src/b"]);
        check("added outside", &[("README", Some(file("2")))], &["README"]);
        check("deleted outside", &[("src/b", None)], &["src/b"]);
        check("renamed out of it", &[("docs/a", None), ("src/a", Some(file("1")))], &["src/a"]);
        check("renamed into it", &[("src/b", None), ("docs/b", Some(file("1")))], &["src/b"]);
        check("a neighbour of the same beginning", &[("docs2/a", Some(file("1")))], &["docs2/a"]);
        check("another case", &[("Docs/new", Some(file("1")))], &["Docs/new"]);
        let executable = Entry::File {
            executable: true,
            special_bits: false,
            shared: false,
            sha256: Sha256Digest::of(b"1"),
            size: 1,
        };
        check("mode inside", &[("docs/a", Some(executable.clone()))], &[]);
        check("mode outside", &[("src/b", Some(executable))], &["src/b"]);
        check("inside a submodule", &[("vendor/mod/x", Some(file("1")))], &["vendor/mod/x", "vendor/mod/x"]);
    }

    #[test]
    fn what_a_name_or_a_kind_hides_is_refused_also_inside_allowed_paths() {
        let before = tree(&[("docs/README", file("1")), ("docs/l", link_to("README"))]);
        let rows: &[(&str, Entry, &str)] = &[
            ("docs/readme", file("1"), "only by case"),
            ("docs/READMＥ", file("1"), "only by case"),
            ("docs/e\u{301}", file("1"), "normalization form C"),
            ("docs/a\u{202e}b", file("1"), "invisible"),
            ("docs/a\nb", file("1"), "invisible"),
            ("docs/a\\b", file("1"), "backslash"),
            ("docs/sub/.git", Entry::Repository, "repository"),
            ("docs/.GIT/config", file("1"), "repository"),
            ("docs/git~1/x", file("1"), "repository"),
            ("docs/.git\u{200c}/x", file("1"), "invisible"),
            ("docs/.gitmodules", file("1"), "names exactly"),
            ("docs/.gitattributes", file("1"), "must name exactly"),
            ("docs/x", link_to("/etc/passwd"), "absolute"),
            ("docs/x", link_to("../../etc/passwd"), "out of the repository"),
            ("docs/x", link_to("../.git/config"), "git's own"),
            ("docs/l", file("1"), "link was replaced"),
            ("docs/p", Entry::Special, "pipe"),
            ("docs/p", Entry::Unreadable, "cannot be read"),
            (
                "docs/big",
                Entry::File {
                    executable: false,
                    special_bits: false,
                    shared: false,
                    sha256: Sha256Digest::of(b""),
                    size: 65 << 20,
                },
                "64 MiB",
            ),
            (
                "docs/s",
                Entry::File {
                    executable: false,
                    special_bits: true,
                    shared: false,
                    sha256: Sha256Digest::of(b""),
                    size: 1,
                },
                "set-user-id",
            ),
            (
                "docs/h",
                Entry::File {
                    executable: false,
                    special_bits: false,
                    shared: true,
                    sha256: Sha256Digest::of(b""),
                    size: 1,
                },
                "hard link",
            ),
        ];
        for (path, entry, reason) in rows {
            let mut after = before.clone();
            after.entries.insert(path.as_bytes().to_vec(), entry.clone());
            let found = verdict(&before, &after, &["docs"]);
            let is_named = found.iter().any(|line| {
                line.contains(reason) || (reason == &"names exactly" && line.contains("must name exactly"))
            });
            assert!(is_named, "{path:?}: {found:?}");
        }
        let mut after = before.clone();
        after.entries.insert(b"docs/\xff".to_vec(), file("1"));
        assert_eq!(verdict(&before, &after, &["docs"]), ["docs/\\xff: its name is not UTF-8"]);
    }

    #[test]
    fn a_link_inside_the_repository_is_a_change_like_any_other() {
        let before = tree(&[("docs/a", file("1"))]);
        let mut after = before.clone();
        after.entries.insert(b"docs/deep/l".to_vec(), link_to("../a"));
        assert!(verdict(&before, &after, &["docs"]).is_empty());
        assert_eq!(verdict(&before, &after, &["src"]).len(), 1);
    }

    #[test]
    fn a_read_only_contract_allows_no_change() {
        let before = tree(&[]);
        let after = tree(&[("docs/a", file("1"))]);
        let allowed = AllowedPaths::parse(["docs"]).unwrap();
        let found = judge(&changes(&before, &after), &before, &after, &[], &allowed, false);
        assert_eq!(found.len(), 1);
        assert!(found[0].reason.contains("read-only"));
    }
}
