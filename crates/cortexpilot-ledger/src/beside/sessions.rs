//! Who is signed in: `sessions/<sha256>.session`, one file a session, and `sessions/<sha256>.login`, one a one-time login that
//! nobody has come with. The name is the SHA-256 of a secret that is kept nowhere; what is in the file is bound to the token it
//! was made from (`cortexpilot_core::domain::session`). Like everything beside the ledger they are no lines and are never synced:
//! after a crash somebody signs in once more.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use cortexpilot_core::codec::beside::{decode_session, encode_session};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::session::{EndSessions, SecretKind, SessionKey, SessionRecord, give_way};
use cortexpilot_core::port::StoreError;

use super::{Beside, Keeper, all_names, read_file};
use crate::state::unavailable;

/// The directory's name in the runtime root.
pub(super) const SESSIONS: &str = "sessions";

const ENDINGS: [(SecretKind, &str); 2] = [(SecretKind::Session, "session"), (SecretKind::Login, "login")];

type Held = Vec<(SessionKey, SessionRecord)>;

fn name(key: &SessionKey) -> String {
    let ending = ENDINGS.iter().find(|(kind, _)| *kind == key.kind).map_or("", |(_, ending)| *ending);
    format!("{}.{ending}", key.digest)
}

fn key_of(name: &str) -> Option<SessionKey> {
    let (digest, ending) = name.split_once('.')?;
    let kind = ENDINGS.iter().find(|(_, known)| *known == ending).map(|(kind, _)| *kind)?;
    let key = SessionKey { kind, digest: Sha256Digest::parse(digest)? };
    (self::name(&key) == name).then_some(key)
}

impl Beside<'_> {
    /// The session or login under this key. One that cannot be read signs nobody in, and keeps nobody else out.
    pub(crate) fn session(&self, key: &SessionKey) -> Result<Option<SessionRecord>, StoreError> {
        let bytes = read_file(&self.root.join(SESSIONS).join(name(key))).map_err(unavailable)?;
        Ok(bytes.and_then(|bytes| decode_session(&bytes)))
    }

    /// Every one of them, and the names of files that are none although they are named so.
    fn sessions(&self) -> Result<(Held, Vec<SessionKey>), StoreError> {
        let (mut held, mut broken) = (Vec::new(), Vec::new());
        for key in all_names(&self.root.join(SESSIONS)).map_err(unavailable)?.iter().filter_map(|name| key_of(name)) {
            match read_file(&self.root.join(SESSIONS).join(name(&key))) {
                // Another process has just ended it.
                Ok(None) => {}
                Ok(Some(bytes)) => match decode_session(&bytes) {
                    Some(record) => held.push((key, record)),
                    None => broken.push(key),
                },
                // Such as a link, which is none of ours.
                Err(_) => broken.push(key),
            }
        }
        Ok((held, broken))
    }
}

impl Keeper {
    /// Keeps a session or login; what is over, what is broken, and the oldest beyond the limit give way.
    pub(crate) fn write_session(&self, key: &SessionKey, record: &SessionRecord) -> Result<(), StoreError> {
        let (held, broken) = Beside::of(&self.root).sessions()?;
        for over in broken.iter().chain(&give_way(&held, key, record)) {
            self.end(over).map_err(unavailable)?;
        }
        let dir = self.root.join(SESSIONS);
        self.replace(&dir, &name(key), encode_session(record).as_bytes()).map_err(unavailable)
    }

    /// Takes a login out. A file has one name, and of all that want to give it another at once the system lets one.
    pub(crate) fn take_login(&self, key: &SessionKey) -> Result<Option<SessionRecord>, StoreError> {
        if key.kind != SecretKind::Login {
            return Ok(None);
        }
        let Some(record) = Beside::of(&self.root).session(key)? else { return Ok(None) };
        Ok(self.end(key).map_err(unavailable)?.then_some(record))
    }

    /// Ends sessions; with how many this call ended.
    pub(crate) fn end_sessions(&self, which: &EndSessions) -> Result<u64, StoreError> {
        let ended = match which {
            EndSessions::One(key) => vec![*key],
            EndSessions::OfPrincipal(_) | EndSessions::Over(_) => {
                let (held, _) = Beside::of(&self.root).sessions()?;
                held.iter().filter(|(key, record)| which.takes(key, record)).map(|(key, _)| *key).collect()
            }
        };
        let mut count = 0;
        for key in &ended {
            count += u64::from(self.end(key).map_err(unavailable)?);
        }
        Ok(count)
    }

    /// Whether it was this call that took the file's name away.
    fn end(&self, key: &SessionKey) -> io::Result<bool> {
        let dir = self.root.join(SESSIONS);
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        // Named as what a crash leaves behind: whoever opens the store next takes it away, were this process to die here.
        let taken: PathBuf = dir.join(format!("{}.{}-{made}.tmp", name(key), std::process::id()));
        match self.disk.rename(&dir.join(name(key)), &taken) {
            Ok(()) => self.disk.unlink(&taken).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
