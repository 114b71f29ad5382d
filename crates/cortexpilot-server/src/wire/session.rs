//! Signing in to the console: what is sent, and who is signed in.

use cortexpilot_core::domain::principal::Principal;
use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words;

/// The body of signing in: one of its two members. It is never printed, so it cannot end up in a log.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInArgs {
    /// A personal token, or the one operator token that the server was started with.
    #[schema(max_length = 4096)]
    pub token: Option<String>,
    /// The secret of a one-time address (`/#login=…`): worth one session, once, for five minutes.
    #[schema(max_length = 256)]
    pub login: Option<String>,
}

/// Who asks, as this server knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionView {
    /// Such as `operator:alice`.
    pub principal: String,
    /// `operator`, `agent`, `worker` or `anonymous`.
    #[schema(value_type = words::Kind)]
    pub kind: &'static str,
    /// The roles it holds, sorted.
    pub roles: Vec<String>,
    /// `off`: this server asks nobody who they are, and everybody on its machine is the same principal.
    #[schema(value_type = AuthenticationIs)]
    pub authentication: &'static str,
    /// When the session ends by itself; `null` where a request is signed in by no session.
    #[schema(required = true)]
    pub expires_at: Option<String>,
    /// The version of the server.
    pub version: &'static str,
}

/// Whether a server asks who somebody is.
#[expect(dead_code, reason = "a description: it is never made, only read by the derive")]
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum AuthenticationIs {
    On,
    Off,
}

impl SessionView {
    /// Who is signed in, until when, and at what.
    pub fn of(principal: &Principal, expires_at: Option<Timestamp>, is_on: bool, version: &'static str) -> Self {
        Self {
            principal: principal.id.clone(),
            kind: principal.kind.as_str(),
            roles: principal.roles.iter().map(ToString::to_string).collect(),
            authentication: if is_on { "on" } else { "off" },
            expires_at: expires_at.map(ledger_text),
            version,
        }
    }
}

/// An answer to signing out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedOutView {
    /// Always true: no session that was asked about is one any more.
    pub signed_out: bool,
    /// How many sessions ended now, one-time logins that nobody came with included.
    pub ended: u64,
}

impl SignedOutView {
    /// So many ended.
    pub const fn ended(ended: u64) -> Self {
        Self { signed_out: true, ended }
    }
}
