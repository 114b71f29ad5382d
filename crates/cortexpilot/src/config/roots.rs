//! Where things are. Every process that is started inside one repository must come to the same directories, whatever its
//! working directory: two ledgers by accident would mean two queues and two truths.

use std::path::{Component, Path, PathBuf};

/// Where the runtime root is unless configured otherwise, below the base.
pub(crate) const RUNTIME_DEFAULT: &str = ".runtime-cache/cortexpilot";

/// Where the demonstration lives, below the base: beside the default root, never in it.
pub(crate) const DEMO_DEFAULT: &str = ".runtime-cache/cortexpilot-demo";

/// The directory that relative roots are resolved against.
pub(super) fn base(cwd: &Path, repo_root: Option<&str>) -> Result<PathBuf, String> {
    match repo_root {
        Some(stated) if Path::new(stated).is_absolute() => std::fs::canonicalize(stated)
            .ok()
            .filter(|path| path.is_dir())
            .ok_or_else(|| format!("must be a directory that exists; it is {}", super::value::quoted(stated))),
        Some(stated) => Err(format!(
            "must be an absolute path, or two working directories would mean two ledgers; it is {}",
            super::value::quoted(stated)
        )),
        None => {
            let marks = |dir: &&Path| dir.join(RUNTIME_DEFAULT).is_dir() || dir.join(".git").exists();
            Ok(cwd.ancestors().find(marks).unwrap_or(cwd).to_path_buf())
        }
    }
}

/// A root as an absolute path in which whatever exists of it is named without symbolic links, so that all processes write
/// the same path into the ledger.
pub(crate) fn resolve(base: &Path, stated: &str) -> Result<PathBuf, String> {
    if stated == "~" || stated.starts_with("~/") {
        return Err("begins with ~, which only shells expand: write the directory itself".to_owned());
    }
    let path = base.join(stated);
    let mut exists: &Path = &path;
    let mut rest = Vec::new();
    loop {
        if let Ok(real) = std::fs::canonicalize(exists) {
            return Ok(rest.iter().rev().fold(real, |path: PathBuf, part| path.join(part)));
        }
        let (Some(parent), Some(last)) = (exists.parent(), exists.components().next_back()) else { return Ok(path) };
        match last {
            Component::Normal(name) => rest.push(name.to_owned()),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(format!(
                    "goes through a directory that does not exist; it is {}",
                    super::value::quoted(stated)
                ));
            }
        }
        exists = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = std::fs::canonicalize(dir.path()).unwrap();
        (dir, path)
    }

    #[test]
    fn the_nearest_marked_ancestor_is_the_base() {
        let (_dir, top) = tree();
        let deep = top.join("repo/a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir_all(top.join("repo/.git")).unwrap();
        assert_eq!(base(&deep, None).unwrap(), top.join("repo"));
        assert_eq!(base(&top.join("repo"), None).unwrap(), top.join("repo"));
        std::fs::create_dir_all(top.join("repo/a").join(RUNTIME_DEFAULT)).unwrap();
        assert_eq!(base(&deep, None).unwrap(), top.join("repo/a"), "a runtime root marks as well");
        assert_eq!(base(&deep, top.to_str()).unwrap(), top, "a stated base wins");
        assert!(base(&deep, Some("repo")).unwrap_err().contains("absolute"));
        assert!(base(&deep, Some("/no/such/directory")).unwrap_err().contains("exists"));
    }

    #[test]
    fn two_names_of_one_directory_resolve_to_one_path() {
        let (_dir, top) = tree();
        std::fs::create_dir(top.join("real")).unwrap();
        std::os::unix::fs::symlink(top.join("real"), top.join("link")).unwrap();
        let wanted = top.join("real/rt/runs");
        for stated in ["link/rt/runs", "real/./rt/runs", "link/../real/rt/runs"] {
            assert_eq!(resolve(&top, stated).unwrap(), wanted, "{stated}");
        }
        assert_eq!(resolve(Path::new("/"), wanted.to_str().unwrap()).unwrap(), wanted);
        assert!(resolve(&top, "nothing/../real").is_err());
        assert!(resolve(&top, "~/x").unwrap_err().contains("shells"));
    }
}
