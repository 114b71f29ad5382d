//! The token that `up` makes when there is none: `keys/api.token` in the runtime root, readable by its owner alone.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cortexpilot_core::domain::id::hex;
use cortexpilot_core::port::Ids;

use crate::config::{Secret, secret_file};

/// No token is shorter.
const LENGTH_MIN: usize = 16;

/// Reads the token, making it first if there is none; with its file.
///
/// # Errors
/// When the file cannot be read or made, or when others than its owner could have read or changed it.
pub(super) fn load_or_make(runtime_root: &Path, ids: &dyn Ids) -> anyhow::Result<(Secret, PathBuf)> {
    let path = file(runtime_root);
    if let Some(token) = read(&path)? {
        return Ok((token, path));
    }
    make(&path, ids).with_context(|| format!("the token {} cannot be made", path.display()))?;
    match read(&path)? {
        Some(token) => Ok((token, path)),
        None => bail!("the token {} vanished as soon as it was made", path.display()),
    }
}

/// Reads the token, if there is one. Changes nothing.
///
/// # Errors
/// When there is one that is not to be used.
pub(in crate::cli) fn load(runtime_root: &Path) -> anyhow::Result<Option<Secret>> {
    read(&file(runtime_root))
}

fn file(runtime_root: &Path) -> PathBuf {
    runtime_root.join("keys").join("api.token")
}

fn read(path: &Path) -> anyhow::Result<Option<Secret>> {
    let again = "or remove it and start again, which makes a new one";
    let text = match secret_file::read(path) {
        Ok(text) => text,
        Err(unfit) if unfit.is_missing() => return Ok(None),
        Err(unfit) => bail!("the token is not used: {unfit}, {again}"),
    };
    let token = text.trim();
    if token.len() < LENGTH_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let most = secret_file::BYTES_MAX;
        bail!("the token {} must be {LENGTH_MIN} to {most} visible ASCII characters: mend it, {again}", path.display());
    }
    Ok(Some(Secret::new(token.to_owned())))
}

/// Written whole under another name first: two processes that start at once agree on one, and none reads half of it.
fn make(path: &Path, ids: &dyn Ids) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let part = dir.join(format!(".api.token.{}", hex(&ids.bytes::<16>())));
    let fill = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(format!("{}\n", hex(&ids.bytes::<32>())).as_bytes())?;
        file.sync_all()
    };
    let made = fill().and_then(|()| match std::fs::hard_link(&part, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = std::fs::remove_file(&part);
    made.and(removed)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use cortexpilot_core::port::fake::SeqIds;

    use super::*;

    #[test]
    fn the_token_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (first, path) = load_or_make(dir.path(), &SeqIds::default()).unwrap();
        let (second, _) = load_or_make(dir.path(), &SeqIds::default()).unwrap();
        assert!(first == second && first.reveal().len() == 64);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_token_that_others_could_have_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (_, path) = load_or_make(dir.path(), &SeqIds::default()).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o666, 0o700] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let said = load_or_make(dir.path(), &SeqIds::default()).unwrap_err().to_string();
            assert!(said.contains("chmod 600"), "{said}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        let dir = tempfile::tempdir().unwrap();
        let (_, path) = load_or_make(dir.path(), &SeqIds::default()).unwrap();
        for text in ["", "short", "has a blank in its middle", "höher als ASCII ist das"] {
            std::fs::write(&path, text).unwrap();
            let said = format!("{:#}", load_or_make(dir.path(), &SeqIds::default()).unwrap_err());
            assert!(said.contains("visible ASCII") && (text.is_empty() || !said.contains(text)), "{said}");
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(load_or_make(dir.path(), &SeqIds::default()).is_err(), "a link is not followed");
    }
}
