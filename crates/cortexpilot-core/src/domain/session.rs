//! Signing in to the console: sessions, and the one-time logins that begin one.
//!
//! A token is exchanged for a session, so that a browser keeps no token: it keeps a secret that says nothing to anybody but
//! this control plane, and that ends by itself. What is kept of such a secret is the SHA-256 of its text, as the name of a
//! record; the text itself is kept nowhere. A record is bound to the token that it was made from by a seal that only somebody
//! who has both the secret and the token's digest can compute: whoever can read records learns no token from them, and
//! whoever can write records needs to know a token's digest, too. docs/adr/0038 says why.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;

use super::id::{Sha256Digest, hex};
use super::token::TokenId;

/// How long a session lives, however much it is used: a working day, and no night.
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(12);

/// How long a one-time login is worth something: long enough to open an address that a terminal shows.
pub const LOGIN_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Sessions, and one-time logins, that one principal has at once; the oldest ends where one more is made.
pub const SESSIONS_OF_PRINCIPAL_MAX: usize = 64;

/// Random bytes in a secret: as many as in a token, so that what is kept of it needs no slow hash.
pub const SECRET_BYTES: usize = 32;

/// What a seal begins with, so that no digest of another purpose is one.
const SEAL_TAG: &[u8] = b"cortexpilot session seal 1\n";

/// What a secret is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// A session: sent with every request.
    Session,
    /// A one-time login: worth one session, once.
    Login,
}

impl SecretKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Session, Self::Login];

    /// What its texts begin with. Whoever finds one in a log or a file knows what it is.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Session => "cps_",
            Self::Login => "cpl_",
        }
    }

    /// How long it is worth something.
    pub fn life(self) -> SignedDuration {
        match self {
            Self::Session => SESSION_LIFE,
            Self::Login => LOGIN_LIFE,
        }
    }
}

/// The secret of a session or of a one-time login: the prefix of its kind and 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText {
    kind: SecretKind,
    text: String,
}

impl fmt::Debug for SecretText {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretText").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl SecretText {
    /// Makes one from random bytes.
    pub fn new(kind: SecretKind, secret: [u8; SECRET_BYTES]) -> Self {
        Self { kind, text: format!("{}{}", kind.prefix(), hex(&secret)) }
    }

    /// Parses a text that has the form of one of this kind. Whether there is such a secret only a store knows.
    pub fn parse(kind: SecretKind, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(kind.prefix())?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
        (plain && digits.len() == 2 * SECRET_BYTES).then(|| Self { kind, text: text.to_owned() })
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What it is good for.
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    /// What is kept of it, and under which its record is found.
    pub fn key(&self) -> SessionKey {
        SessionKey { kind: self.kind, digest: Sha256Digest::of(self.text.as_bytes()) }
    }

    /// Binds this secret to a token, of which the SHA-256 is given.
    pub fn seal(&self, token: &Sha256Digest) -> Sha256Digest {
        // The secret's length is fixed, so nothing runs into one another.
        Sha256Digest::of(&[SEAL_TAG, self.text.as_bytes(), token.as_bytes()].concat())
    }

    /// Whether a record of this secret was made from the token with this SHA-256; compared in constant time.
    pub fn is_of(&self, record: &SessionRecord, token: &Sha256Digest) -> bool {
        bool::from(record.seal.as_bytes().ct_eq(self.seal(token).as_bytes()))
    }
}

/// Under what a record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// What the secret is good for.
    pub kind: SecretKind,
    /// SHA-256 of its text.
    pub digest: Sha256Digest,
}

/// What is kept of a session, or of a one-time login until somebody comes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Whom it stands for.
    pub principal: String,
    /// The personal token that it was made from; none where it was the one that a server is configured with.
    pub token: Option<TokenId>,
    /// [`SecretText::seal`] of that token.
    pub seal: Sha256Digest,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

impl SessionRecord {
    /// Whether its time is over. It lives until its last moment, not at it.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }
}

/// Which sessions are ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndSessions {
    /// The one under this key.
    One(SessionKey),
    /// All of this principal, and its one-time logins that nobody has come with.
    OfPrincipal(String),
    /// All whose time is over at this moment.
    Over(Timestamp),
}

impl EndSessions {
    /// Whether this one is among them.
    pub fn takes(&self, key: &SessionKey, record: &SessionRecord) -> bool {
        match self {
            Self::One(one) => one == key,
            Self::OfPrincipal(principal) => *principal == record.principal,
            Self::Over(now) => record.is_over(*now),
        }
    }
}

/// Which records give way where another one is made: those that are over by then, and the oldest of its principal and kind
/// beyond [`SESSIONS_OF_PRINCIPAL_MAX`] with it.
pub fn give_way(held: &[(SessionKey, SessionRecord)], key: &SessionKey, record: &SessionRecord) -> Vec<SessionKey> {
    let now = record.made_at;
    let mut out: Vec<SessionKey> = held.iter().filter(|(_, held)| held.is_over(now)).map(|(key, _)| *key).collect();
    let same = |(other, held): &&(SessionKey, SessionRecord)| {
        other.kind == key.kind && other != key && held.principal == record.principal && !held.is_over(now)
    };
    let mut alive: Vec<_> = held.iter().filter(same).map(|(key, held)| (held.made_at, *key)).collect();
    alive.sort();
    let beyond = (alive.len() + 1).saturating_sub(SESSIONS_OF_PRINCIPAL_MAX);
    out.extend(alive.into_iter().take(beyond).map(|(_, key)| key));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn record(principal: &str, made: i64) -> SessionRecord {
        let seal = Sha256Digest::ZERO;
        let (made_at, expires_at) = (at(made), at(made + 100));
        SessionRecord { principal: principal.into(), token: None, seal, made_at, expires_at }
    }

    fn key(kind: SecretKind, number: u8) -> SessionKey {
        SecretText::new(kind, [number; SECRET_BYTES]).key()
    }

    #[test]
    fn a_secret_parses_as_it_was_made_and_as_nothing_else() {
        for kind in SecretKind::ALL {
            let secret = SecretText::new(kind, [0xab; SECRET_BYTES]);
            let text = secret.reveal().to_owned();
            assert_eq!(SecretText::parse(kind, &text), Some(secret.clone()));
            // What a page accepts out of its address: 16 to 256 of A-Z a-z 0-9 _ -.
            assert!(text.len() == 68 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
            for other in SecretKind::ALL.into_iter().filter(|other| *other != kind) {
                assert_eq!(SecretText::parse(other, &text), None);
                assert_ne!(SecretText::new(other, [0xab; SECRET_BYTES]).key(), secret.key());
            }
            for none in ["", kind.prefix(), &text[1..], &text[..67], &format!("{text}0"), &text.to_uppercase()] {
                assert_eq!(SecretText::parse(kind, none), None, "{none}");
            }
            assert!(!format!("{secret:?}").contains("abab"));
        }
    }

    #[test]
    fn a_seal_fits_its_own_secret_and_token_alone() {
        let secret = SecretText::new(SecretKind::Session, [1; SECRET_BYTES]);
        let token = Sha256Digest::of(b"token");
        let made = SessionRecord { seal: secret.seal(&token), ..record("token:api", 0) };
        assert!(secret.is_of(&made, &token));
        assert!(!secret.is_of(&made, &Sha256Digest::of(b"another")));
        assert!(!SecretText::new(SecretKind::Session, [2; SECRET_BYTES]).is_of(&made, &token));
        assert!(!SecretText::new(SecretKind::Login, [1; SECRET_BYTES]).is_of(&made, &token));
    }

    #[test]
    fn what_is_over_gives_way_and_beyond_the_limit_the_oldest() {
        use SecretKind::{Login, Session};
        let most = u8::try_from(SESSIONS_OF_PRINCIPAL_MAX).unwrap();
        let mut held: Vec<_> = (0..most).map(|n| (key(Session, n), record("a", i64::from(most - n)))).collect();
        held.push((key(Session, 200), record("b", 1)));
        held.push((key(Login, 201), record("a", 1)));
        held.push((key(Login, 202), record("c", -50)));
        let new = record("a", 70);
        assert_eq!(give_way(&held, &key(Session, 99), &new), [key(Login, 202), key(Session, most - 1)]);
        assert_eq!(give_way(&held, &key(Session, 0), &new), [key(Login, 202)], "itself is no other");
        assert_eq!(give_way(&held, &key(Login, 99), &new), [key(Login, 202)]);
        assert_eq!(give_way(&[], &key(Login, 99), &new), []);
    }
}
