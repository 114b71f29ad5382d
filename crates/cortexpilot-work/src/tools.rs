//! Programs that are trusted: found once, in directories that a fixed list names, never through `PATH`.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where programs are looked for, in this order. Whoever can write here owns the machine already.
pub const PROGRAM_DIRS: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/bin"];

/// The programs that a worker runs itself, outside any sandbox. Resolved once, when the worker starts, so that a file that
/// appears later under one of these names is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    /// git: needed.
    pub git: PathBuf,
    /// bubblewrap: namespaces, where it is installed.
    pub bwrap: Option<PathBuf>,
    /// ssh-keygen: for signatures, where it is installed.
    pub ssh_keygen: Option<PathBuf>,
}

/// A program that is needed and not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{program} is not installed in {}: {repair}", PROGRAM_DIRS.join(", "))]
pub struct MissingProgram {
    /// Its name.
    pub program: String,
    /// How to get it.
    pub repair: String,
}

impl Tools {
    /// Looks for the programs.
    ///
    /// # Errors
    /// git is missing.
    pub fn resolve() -> Result<Self, MissingProgram> {
        let git =
            find("git").ok_or_else(|| MissingProgram { program: "git".into(), repair: "apt install git".into() })?;
        Ok(Self { git, bwrap: find("bwrap"), ssh_keygen: find("ssh-keygen") })
    }
}

/// A program of the fixed directories, as the path of the file that is run: links are resolved now, not at each start.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    PROGRAM_DIRS.iter().find_map(|dir| sound(&Path::new(dir).join(name)))
}

/// The file behind a path if it can be run and not everybody can replace it.
pub(crate) fn sound(path: &Path) -> Option<PathBuf> {
    let file = path.canonicalize().ok()?;
    let meta = file.metadata().ok()?;
    (meta.is_file() && meta.mode() & 0o111 != 0 && meta.mode() & 0o002 == 0).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_program_that_everybody_can_replace_is_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tool");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        for (mode, is_sound) in [(0o755, true), (0o700, true), (0o644, false), (0o777, false), (0o757, false)] {
            set(mode);
            assert_eq!(sound(&path).is_some(), is_sound, "{mode:o}");
        }
        assert_eq!(sound(dir.path()), None, "a directory");
        assert_eq!(sound(&dir.path().join("none")), None);
    }
}
