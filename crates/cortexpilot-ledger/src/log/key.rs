//! The key under which checkpoints are signed: `keys/audit.key`, one line, 0600.
//!
//! It is made by a person's command and never by a start: checkpoints are worth something only to somebody who has noted
//! the public half elsewhere. It is never replaced: what it signed would no longer verify.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::{Sha256Digest, hex};
use cortexpilot_core::port::Ids;

use super::note::{KeyTextError, NoteSigner};
use crate::disk::{self, Disk};

/// The key's file in the runtime root.
pub const AUDIT_KEY: &str = "keys/audit.key";

/// Longest key file that is read, in bytes.
const KEY_MAX: u64 = 1024;

/// Why there is no key to work with.
#[derive(Debug, thiserror::Error)]
pub enum AuditKeyError {
    /// There is one already.
    #[error("{path}: there is a key already; it is kept, because what it has signed verifies under no other", path = .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or made.
    #[error("the key {path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner may read or change it, so others may have: they could sign checkpoints.
    #[error("the key {path} has mode {mode:o}; it must not be open to others: chmod 600 {path}, and if others may have read it, make a new one and publish its public half", path = .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no key.
    #[error("{path} {what}", path = .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The name cannot be a key's.
    #[error("the name {0}")]
    Name(KeyTextError),
}

/// The installation's signing key. Each log of the installation is signed under a name of its own: the log's origin.
#[derive(Debug, Clone)]
pub struct AuditKey(NoteSigner);

impl AuditKey {
    /// The installation's name, which the names of its logs begin with.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The signer of one of the files, `queue.jsonl` or `decisions.jsonl`. After a repair the file is a new log, which does
    /// not continue the old one and must not claim to: it is named after what it took the place of.
    ///
    /// # Panics
    /// Never for these two names: what is added to the installation's name has neither a space nor a plus.
    pub fn signer(&self, file: &str, took_the_place_of: Option<&Sha256Digest>) -> NoteSigner {
        let after = took_the_place_of.map(|damaged| format!("/after-{}", &damaged.to_string()[..12]));
        let name = format!("{}/{file}{}", self.name(), after.unwrap_or_default());
        self.0.named(&name).expect("invariant: a file of the ledger has no space or plus in its name")
    }
}

/// Reads the key, if there is one. Changes nothing.
///
/// # Errors
/// [`AuditKeyError`] when there is one that must not be used.
pub fn load_audit_key(root: &Path) -> Result<Option<AuditKey>, AuditKeyError> {
    let path = root.join(AUDIT_KEY);
    let problem = |source| AuditKeyError::Io { path: path.clone(), source };
    let Some((file, _)) = disk::open(&path).map_err(problem)? else { return Ok(None) };
    let mode = file.metadata().map_err(problem)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(AuditKeyError::Mode { path, mode });
    }
    let mut text = Vec::new();
    file.take(KEY_MAX).read_to_end(&mut text).map_err(problem)?;
    let form = |what: String| AuditKeyError::Form { path: path.clone(), what };
    let line = str::from_utf8(&text).ok().and_then(|text| text.strip_suffix('\n'));
    let line = line.ok_or_else(|| form("is not one line of text".into()))?;
    NoteSigner::parse(line).map(|signer| Some(AuditKey(signer))).map_err(|error| form(error.to_string()))
}

/// Makes the key. `name` says whose ledger this is, for people and for witnesses, preferably like a URL without scheme
/// (`ops.example.com/cortexpilot`); without one, a random name is made. Returns when the key is on stable storage.
///
/// # Errors
/// [`AuditKeyError::Exists`] when there is one; [`AuditKeyError::Name`]; [`AuditKeyError::Io`].
pub fn init_audit_key(root: &Path, name: Option<&str>, ids: &dyn Ids) -> Result<AuditKey, AuditKeyError> {
    let name = name.map_or_else(|| format!("cortexpilot/{}", hex(&ids.bytes::<8>())), str::to_owned);
    let signer = NoteSigner::new(&name, &ids.bytes::<32>()).map_err(AuditKeyError::Name)?;
    let path = root.join(AUDIT_KEY);
    let part = root.join(format!("keys/.audit.key.{}", hex(&ids.bytes::<16>())));
    let disk = Disk::default();
    let made = (|| {
        disk.make_dirs(path.parent().unwrap_or(root))?;
        let file = disk.create_new(&part)?;
        let linked = disk
            .fill(&file, format!("{}\n", signer.to_secret()).as_bytes())
            .and_then(|()| disk.sync(&file))
            // Not a rename: of two who start at once, one must learn that it was not first.
            .and_then(|()| disk.link(&part, &path));
        let removed = disk.unlink(&part);
        linked.and(removed)?;
        disk.sync_dir(path.parent().unwrap_or(root))
    })();
    match made {
        Ok(()) => Ok(AuditKey(signer)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(AuditKeyError::Exists { path }),
        Err(source) => Err(AuditKeyError::Io { path, source }),
    }
}
