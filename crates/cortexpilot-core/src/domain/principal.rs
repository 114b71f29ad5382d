//! Who acts, through which surface, and in which roles.

use std::collections::BTreeSet;
use std::fmt;

use super::token::TokenId;

/// A role's name, upper case. Which roles may apply is configuration; which a principal holds is identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(String);

impl Role {
    /// Parses a role after trimming and upper-casing: 1 to 64 of `A-Z 0-9 _ -`.
    pub fn parse(raw: &str) -> Option<Self> {
        let text = raw.trim().to_ascii_uppercase();
        let plain = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        (plain && !text.is_empty() && text.len() <= 64).then_some(Self(text))
    }

    /// The role's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of roles, ordered by name.
pub type Roles = BTreeSet<Role>;

/// The roles that may apply unless configured otherwise.
pub const DEFAULT_ALLOWED_ROLES: [&str; 4] = ["OWNER", "ARCHITECT", "OPS", "TECH_LEAD"];

/// Parses a comma-separated list of roles; `Err` names the first entry that is no role. Blank entries are skipped.
///
/// # Errors
/// The offending entry.
pub fn parse_roles(list: &str) -> Result<Roles, String> {
    list.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| Role::parse(entry).ok_or_else(|| entry.to_owned()))
        .collect()
}

/// What a role member or header said. Kept raw, because what is stated is compared with what is held, never trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StatedRole {
    /// Not sent, `null` or blank.
    #[default]
    Absent,
    /// Sent, but no role's name at all.
    Unreadable,
    /// A role's name.
    Named(Role),
}

impl StatedRole {
    /// Reads an optional member or header.
    pub fn read(raw: Option<&str>) -> Self {
        match raw.map(str::trim) {
            None | Some("") => Self::Absent,
            Some(text) => Role::parse(text).map_or(Self::Unreadable, Self::Named),
        }
    }
}

/// What kind of principal this is; each kind has its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person or tool that operates the system: previews, applies, cancels any item.
    Operator,
    /// A model acting for somebody: reads, previews, applies through the pilot, cancels only its own items.
    Agent,
    /// A process that claims and completes items.
    Worker,
    /// Nobody in particular, on this machine, with authentication switched off: reads, previews, cancels.
    Anonymous,
}

impl PrincipalKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Agent, Self::Worker, Self::Anonymous];

    /// Parses the kind's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind's word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Agent => "agent",
            Self::Worker => "worker",
            Self::Anonymous => "anonymous",
        }
    }
}

/// An authenticated identity. Made by the binary's configuration or by a token check, never from what a caller states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Stable name, for example `local:alice`, `agent:alice`, `token:api`.
    pub id: String,
    /// What it may be used for.
    pub kind: PrincipalKind,
    /// The roles it holds.
    pub roles: Roles,
    /// For an agent: the operator who answers for it. A local agent borrows that operator's roles.
    pub sponsor: Option<String>,
    /// How it was established.
    pub known_by: KnownBy,
}

/// How a principal was established: what its identity is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownBy {
    /// By the process: whoever starts it says who it acts as.
    Process,
    /// By the one token that a server was configured with, which several people may share.
    SharedToken,
    /// By a personal token, which lives until it expires or is revoked.
    Token(TokenId),
    /// Not at all: authentication is switched off.
    Nothing,
}

/// What the id of a principal may only begin with when it was proven: `operator:alice` is whoever holds alice's token,
/// never whom a variable names.
pub const PROVEN_PREFIXES: [&str; 5] = ["operator:", "agent:", "worker:", "token:", "anonymous:"];

/// Longest id of a principal, in characters: it is written into every line that the principal causes.
pub const PRINCIPAL_ID_MAX: usize = 200;

/// Whether a principal's id can stand in a line and be read there.
pub fn is_nameable(id: &str) -> bool {
    // Asked several times for every command, and of nearly every id this is the answer: plain ASCII.
    let plain = id.bytes().fold(true, |plain, byte| plain & matches!(byte, b'!'..=b'~'));
    if plain && !id.is_empty() && id.len() <= PRINCIPAL_ID_MAX {
        return true;
    }
    !id.trim().is_empty() && id.chars().count() <= PRINCIPAL_ID_MAX && !id.chars().any(super::text::is_forbidden)
}

impl Principal {
    /// Whether its id can stand in a line and be read there: not blank, at most [`PRINCIPAL_ID_MAX`] characters, none of
    /// them hidden. One with another id counts as no principal at all.
    pub fn is_nameable(&self) -> bool {
        is_nameable(&self.id)
    }

    /// What requests are attributed to when authentication is switched off (loopback only).
    pub fn anonymous() -> Self {
        Self {
            id: "anonymous:loopback".into(),
            kind: PrincipalKind::Anonymous,
            roles: Roles::new(),
            sponsor: None,
            known_by: KnownBy::Nothing,
        }
    }

    /// The personal token it was established by, if it was.
    pub fn token(&self) -> Option<&TokenId> {
        match &self.known_by {
            KnownBy::Token(id) => Some(id),
            KnownBy::Process | KnownBy::SharedToken | KnownBy::Nothing => None,
        }
    }
}

/// Where a command came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Surface {
    /// The queue pilot MCP server.
    Mcp,
    /// The operator HTTP control plane.
    Http,
    /// The command line.
    Cli,
}

impl Surface {
    /// Every surface, for tables and tests.
    pub const ALL: [Self; 3] = [Self::Mcp, Self::Http, Self::Cli];

    /// Parses the surface's word in `decisions.jsonl`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|surface| surface.as_str() == word)
    }

    /// The surface's word in `decisions.jsonl`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Http => "http",
            Self::Cli => "cli",
        }
    }

    /// The surface's word in the ledger's `pilot_source` member.
    pub fn pilot_source(self) -> &'static str {
        match self {
            Self::Mcp => "mcp_queue_pilot_server",
            Self::Http => "http_control_plane",
            Self::Cli => "cli",
        }
    }
}

/// Who asks, and through what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The principal that the transport established; `None` where it could establish none.
    pub principal: Option<Principal>,
    /// The surface.
    pub surface: Surface,
}

impl Caller {
    /// The principal, where there is one that can be named in a line.
    pub fn established(&self) -> Option<&Principal> {
        self.principal.as_ref().filter(|principal| principal.is_nameable())
    }

    /// The principal's id, or `unauthenticated`.
    pub fn principal_id(&self) -> &str {
        self.established().map_or("unauthenticated", |principal| principal.id.as_str())
    }
}
