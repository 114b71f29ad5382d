//! Personal tokens: how one is written, what is kept of it, and when it lives.
//!
//! A token is `cpt_<kind>_<id>_<secret><checksum>`: the kind of its principal, 12 lower-case hexadecimal digits that name
//! it, 64 that nobody can guess, and 8 that let a typing error or a scanner's guess be told from a token without asking
//! anybody: the first four bytes of SHA-256 over everything before them. What is kept is the SHA-256 of the whole text: a
//! secret of 256 random bits needs no slow hash.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;

use super::id::{Sha256Digest, hex};
use super::principal::{KnownBy, Principal, PrincipalKind, Roles};

/// The name of a token: 12 lower-case hexadecimal digits. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(String);

impl TokenId {
    /// Parses an id, trimmed.
    pub fn parse(raw: &str) -> Option<Self> {
        let text = raw.trim();
        (text.len() == ID_DIGITS && is_hex(text)).then(|| Self(text.to_owned()))
    }

    /// An id from random bytes.
    pub fn from_bytes(bytes: [u8; ID_DIGITS / 2]) -> Self {
        Self(hex(&bytes))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A principal's own name: `alice` in `operator:alice`. 1 to 64 of `A-Z a-z 0-9 . _ @ -`, so that it reads the same
/// everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName(String);

impl TokenName {
    /// Parses a name, trimmed.
    pub fn parse(raw: &str) -> Option<Self> {
        let text = raw.trim();
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-'));
        (plain && !text.is_empty() && text.len() <= 64).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 64;
const CHECK_DIGITS: usize = 8;

/// The kinds of principal that a token can stand for.
pub const TOKEN_KINDS: [PrincipalKind; 3] = [PrincipalKind::Operator, PrincipalKind::Agent, PrincipalKind::Worker];

/// The longest that a token may live.
pub const TOKEN_TTL_MAX: SignedDuration = SignedDuration::from_hours(24 * 366);

/// Live tokens of one principal: the one in use, and the one that takes its place.
pub const TOKENS_LIVE_MAX: usize = 2;

/// Roles that one token can carry: they are written into its line.
pub const TOKEN_ROLES_MAX: usize = 32;

/// A token's text: the secret itself. It is shown once, to whoever had it made.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText {
    text: String,
    kind: PrincipalKind,
    id: TokenId,
}

impl fmt::Debug for TokenText {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenText").field("kind", &self.kind).field("id", &self.id).finish_non_exhaustive()
    }
}

impl TokenText {
    /// Makes a token from random bytes.
    pub fn new(kind: PrincipalKind, id: TokenId, secret: [u8; SECRET_DIGITS / 2]) -> Self {
        let body = format!("cpt_{}_{id}_{}", kind.as_str(), hex(&secret));
        Self { text: format!("{body}{}", checksum(&body)), kind, id }
    }

    /// Parses a text that has a token's form and checksum. Whether there is such a token only a store knows.
    pub fn parse(raw: &str) -> Option<Self> {
        let text = raw.trim();
        let (body, check) = text.split_at_checked(text.len().checked_sub(CHECK_DIGITS)?)?;
        let (kind, rest) = body.strip_prefix("cpt_")?.split_once('_')?;
        let kind = TOKEN_KINDS.into_iter().find(|known| known.as_str() == kind)?;
        let (id, secret) = rest.split_once('_')?;
        let sound = secret.len() == SECRET_DIGITS && is_hex(secret) && checksum(body) == check;
        Some(Self { text: text.to_owned(), kind, id: TokenId::parse(id).filter(|_| sound)? })
    }

    /// The token itself.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Which token it says it is.
    pub fn id(&self) -> &TokenId {
        &self.id
    }

    /// What is kept of it.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.text.as_bytes())
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

fn checksum(body: &str) -> String {
    hex(&Sha256Digest::of(body.as_bytes()).as_bytes()[..CHECK_DIGITS / 2])
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its name.
    pub id: TokenId,
    /// What its principal may be used for.
    pub kind: PrincipalKind,
    /// Its principal's own name.
    pub name: TokenName,
    /// The roles that come with it.
    pub roles: Roles,
    /// For an agent: who answers for it.
    pub sponsor: Option<String>,
    /// SHA-256 of its text.
    pub sha256: Sha256Digest,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who had it made.
    pub created_by: String,
    /// From when on it is no token any more.
    pub expires_at: Timestamp,
    /// When it was revoked, and by whom.
    pub revoked: Option<(Timestamp, String)>,
}

/// How a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It may be used.
    Live,
    /// Its time is over.
    Expired,
    /// An operator took it back.
    Revoked,
}

impl TokenState {
    /// The state's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl TokenRecord {
    /// How it stands now. It lives until its last moment, not at it.
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.revoked.is_some() {
            TokenState::Revoked
        } else if now >= self.expires_at {
            TokenState::Expired
        } else {
            TokenState::Live
        }
    }

    /// The id of its principal: `operator:alice`.
    pub fn principal_id(&self) -> String {
        principal_id(self.kind, &self.name)
    }

    /// Whether this is its text, compared in constant time.
    pub fn is_text(&self, text: &TokenText) -> bool {
        bool::from(self.sha256.as_bytes().ct_eq(text.digest().as_bytes()))
    }

    /// Whom it stands for.
    pub fn principal(&self) -> Principal {
        Principal {
            id: self.principal_id(),
            kind: self.kind,
            roles: self.roles.clone(),
            sponsor: self.sponsor.clone(),
            known_by: KnownBy::Token(self.id.clone()),
        }
    }
}

/// The id of the principal with this kind and name.
pub fn principal_id(kind: PrincipalKind, name: &TokenName) -> String {
    format!("{}:{name}", kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> TokenText {
        TokenText::new(PrincipalKind::Agent, TokenId::from_bytes([0xab; 6]), [0x11; 32])
    }

    #[test]
    fn a_token_parses_as_it_was_made_and_every_changed_character_is_seen() {
        let token = token();
        let text = token.reveal().to_owned();
        assert_eq!(text.len(), "cpt_agent_".len() + 12 + 1 + 64 + 8);
        assert_eq!(TokenText::parse(&format!(" {text}\n")), Some(token));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(TokenText::parse(&String::from_utf8(changed).unwrap()), None, "character {at}");
        }
        for none in
            ["", "cpt_", "cpt_agent_", "Bearer x", &text[..text.len() - 1], &format!("{text}0"), "cpt_ä_____________"]
        {
            assert_eq!(TokenText::parse(none), None, "{none}");
        }
    }

    #[test]
    fn nothing_printed_for_programmers_holds_the_secret() {
        assert!(!format!("{:?}", token()).contains("1111"));
    }

    #[test]
    fn names_read_the_same_everywhere() {
        for good in ["alice", "a", "ci-1", "alice@example.com", " bob "] {
            assert!(TokenName::parse(good).is_some(), "{good}");
        }
        for bad in ["", " ", "a b", "a:b", "ä", "a/b", &"x".repeat(65)] {
            assert!(TokenName::parse(bad).is_none(), "{bad}");
        }
    }
}
