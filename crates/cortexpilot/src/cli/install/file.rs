//! Somebody else's file: read whole, kept as a backup, put in place in one step. Nothing is ever written over.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::OFlags;

/// No client's configuration is longer, in bytes; Claude Code's holds a history of projects.
const BYTES_MAX: u64 = 64 << 20;

/// A client's configuration file as it was read.
#[derive(Debug)]
pub(super) struct Config {
    /// The file itself: where a link was named, what it leads to.
    pub(super) path: PathBuf,
    /// Whether a link was followed.
    pub(super) through_link: bool,
    /// Its text; empty where there is no file.
    pub(super) text: String,
    /// Its mode; `None` where there is no file.
    mode: Option<u32>,
}

/// Why a file is not touched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untouched {
    #[error("it is a link to a file that does not exist: make that file, or remove the link")]
    Dangling,
    #[error("it is not a regular file")]
    NotRegular,
    #[error("it belongs to another user: run this command as that user")]
    Owner,
    #[error("it is longer than {} MiB", BYTES_MAX >> 20)]
    TooLong,
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("it was changed by another program meanwhile: close the client, then run this again")]
    Changed,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Config {
    /// Reads the file of this name. A link is followed once, to its end: people keep such files in a repository and link
    /// to them, and a file in the link's place would part the two.
    pub(super) fn read(named: &Path) -> Result<Self, Untouched> {
        let through_link = std::fs::symlink_metadata(named).is_ok_and(|meta| meta.is_symlink());
        let path = match std::fs::canonicalize(named) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound && through_link => return Err(Untouched::Dangling),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path: named.to_owned(), through_link, text: String::new(), mode: None });
            }
            Err(error) => return Err(error.into()),
        };
        let (text, mode) = contents(&path)?;
        Ok(Self { path, through_link, text, mode: Some(mode) })
    }

    /// Whether there is such a file.
    pub(super) fn exists(&self) -> bool {
        self.mode.is_some()
    }

    /// Puts another text in its place. Where there was a file, a copy of it stays beside it, and its path is returned; the
    /// mode stays what it was.
    pub(super) fn replace(&self, text: &str, private: bool, now: Timestamp) -> Result<Option<PathBuf>, Untouched> {
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        if self.mode.is_none() {
            std::fs::create_dir_all(dir)?;
        }
        let mode = self.mode.unwrap_or(if private { 0o600 } else { 0o644 });
        let fresh = Fresh::write(dir, &self.path, text, mode)?;
        let backup = self.mode.map(|mode| self.back_up(mode, now)).transpose()?;
        // The client may have written it since it was read; its change must not be lost.
        self.unchanged()?;
        fresh.put(&self.path)?;
        File::open(dir)?.sync_all()?;
        Ok(backup)
    }

    fn back_up(&self, mode: u32, now: Timestamp) -> io::Result<PathBuf> {
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        for attempt in 0..100 {
            let more = if attempt == 0 { String::new() } else { format!("-{attempt}") };
            let mut name = self.path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".backup-{stamp}{more}"));
            let path = self.path.with_file_name(name);
            match create(&path, mode) {
                Ok(mut file) => {
                    file.write_all(self.text.as_bytes())?;
                    file.sync_all()?;
                    return Ok(path);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "there are too many backups of this second"))
    }

    fn unchanged(&self) -> Result<(), Untouched> {
        match (contents(&self.path), self.mode) {
            (Ok((text, _)), Some(_)) if text == self.text => Ok(()),
            (Err(Untouched::Io(error)), None) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            (Ok(_) | Err(_), _) => Err(Untouched::Changed),
        }
    }
}

/// A file's text and mode. What is judged is the open file.
fn contents(path: &Path) -> Result<(String, u32), Untouched> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(Untouched::NotRegular);
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(Untouched::Owner);
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Untouched::TooLong);
    }
    Ok((String::from_utf8(bytes).map_err(|_| Untouched::NotText)?, meta.mode() & 0o7777))
}

/// A new file with exactly this mode, whatever the process's mask.
fn create(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// A file that is not yet in its place; it goes away unless it is put there.
struct Fresh(Option<PathBuf>);

impl Fresh {
    fn write(dir: &Path, target: &Path, text: &str, mode: u32) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = dir.join(format!(".{name}.{}.new", std::process::id()));
        let mut file = create(&path, mode)?;
        let fresh = Self(Some(path));
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(fresh)
    }

    fn put(mut self, target: &Path) -> io::Result<()> {
        if let Some(path) = self.0.as_ref() {
            std::fs::rename(path, target)?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // It holds nothing that is not in the file itself.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T08:30:52Z".parse().unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_and_leaves_a_backup_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        for wanted in [0o600, 0o644, 0o660] {
            std::fs::write(&path, "old").unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(wanted)).unwrap();
            let backup = Config::read(&path).unwrap().replace("new", true, now()).unwrap().unwrap();
            assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("new", wanted));
            assert_eq!((std::fs::read_to_string(&backup).unwrap().as_str(), mode(&backup)), ("old", wanted));
        }
        let wanted: Vec<String> = ["", "-1", "-2"].map(|more| format!("c.json.backup-20261122T083052Z{more}")).into();
        assert_eq!(names(dir.path()), [vec!["c.json".to_owned()], wanted].concat());
    }

    #[test]
    fn a_file_that_is_not_there_is_made_with_its_directory_and_without_a_backup() {
        let dir = tempfile::tempdir().unwrap();
        for (private, wanted) in [(true, 0o600), (false, 0o644)] {
            let path = dir.path().join(format!("{private}/below/c.toml"));
            let config = Config::read(&path).unwrap();
            assert!(!config.exists() && config.text.is_empty());
            assert_eq!(config.replace("x", private, now()).unwrap(), None);
            assert_eq!((names(path.parent().unwrap()), mode(&path)), (vec!["c.toml".to_owned()], wanted));
        }
    }

    #[test]
    fn a_link_is_followed_to_the_file_that_it_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap().join("dotfiles");
        std::fs::create_dir(&real).unwrap();
        std::fs::write(real.join("c.json"), "old").unwrap();
        let link = dir.path().join("c.json");
        std::os::unix::fs::symlink(real.join("c.json"), &link).unwrap();
        let config = Config::read(&link).unwrap();
        assert!(config.through_link && config.path == real.join("c.json"));
        let backup = config.replace("new", true, now()).unwrap().unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "new");
        assert_eq!(backup.parent().unwrap(), real);
    }

    #[test]
    fn what_is_no_file_of_ones_own_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        std::os::unix::fs::symlink(dir.path().join("nothing"), &path).unwrap();
        assert!(matches!(Config::read(&path), Err(Untouched::Dangling)));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(Config::read(&path), Err(Untouched::NotRegular)));
        std::fs::remove_dir(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        assert!(matches!(Config::read(&path), Err(Untouched::NotRegular)));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(Config::read(&path), Err(Untouched::NotText)));
    }

    #[test]
    fn what_the_client_wrote_meanwhile_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        let config = Config::read(&path).unwrap();
        std::fs::write(&path, "by the client").unwrap();
        assert!(matches!(config.replace("ours", true, now()), Err(Untouched::Changed)));
        let config = Config::read(&path).unwrap();
        std::fs::write(&path, "by the client again").unwrap();
        assert!(matches!(config.replace("ours", true, now()), Err(Untouched::Changed)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "by the client again");
        let left: Vec<String> = names(dir.path()).into_iter().filter(|name| name.ends_with(".new")).collect();
        assert_eq!(left, Vec::<String>::new());
    }
}
