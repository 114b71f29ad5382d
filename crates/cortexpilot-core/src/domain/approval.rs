//! A request that people decide: what was asked, by whom, and what was said to it.

use std::fmt;

use jiff::Timestamp;

use super::command::{ApprovalPolicy, Parameters};
use super::id::{QueueItemId, Sha256Digest};
use super::principal::{Principal, PrincipalKind, Role, Surface};
use super::token::TokenId;

/// The name of a request: `apr_` and the id that its queue item will have.
///
/// One request, one item: the id is fixed when the request is made, so that the approval which comes last can be nothing
/// but the line that appends this item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApprovalId(String);

impl ApprovalId {
    /// Parses an id, trimmed.
    pub fn parse(raw: &str) -> Option<Self> {
        let text = raw.trim();
        let digits = text.strip_prefix("apr_")?;
        let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        plain.then(|| Self(text.to_owned()))
    }

    /// The request for this item.
    pub fn of(queue_id: &QueueItemId) -> Self {
        Self(format!("apr_{queue_id}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The principal's id.
    pub principal: String,
    /// Its kind.
    pub kind: PrincipalKind,
    /// Who answers for it, where it is an agent.
    pub sponsor: Option<String>,
    /// The personal token it was known by.
    pub token: Option<TokenId>,
}

impl Requester {
    /// The requester that this principal is.
    pub fn of(principal: &Principal) -> Self {
        Self {
            principal: principal.id.clone(),
            kind: principal.kind,
            sponsor: principal.sponsor.clone(),
            token: principal.token().cloned(),
        }
    }
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// The principal's id.
    pub principal: String,
    /// The role it acted in.
    pub role: Role,
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.principal, self.role)
    }
}

/// A yes that was not the last one needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yes {
    /// Whose.
    pub by: Approver,
    /// Why, if stated.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What a client's own dialog was answered. Evidence, never an approval: shipping clients answer such dialogs with nobody
/// at the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElicitedAnswer {
    /// The form was accepted.
    Accepted,
    /// The form was declined.
    Declined,
    /// The form was closed without an answer.
    Cancelled,
}

impl ElicitedAnswer {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Declined, Self::Cancelled];

    /// The answer's word, as the Model Context Protocol names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accept",
            Self::Declined => "decline",
            Self::Cancelled => "cancel",
        }
    }

    /// Parses the answer's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == word)
    }
}

/// How a request ended, unless it was approved: that is its item's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// A person said no.
    Rejected {
        /// Who.
        by: Approver,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Nobody decided in time, and it was written down.
    Expired {
        /// When it was written down.
        at: Timestamp,
    },
}

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApprovalStatus {
    /// People may decide.
    Pending,
    /// Its item was queued.
    Approved,
    /// A person said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl ApprovalStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Rejected, Self::Expired];

    /// The status's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Parses the status's word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(word.trim()))
    }
}

/// Everything that was asked: enough to judge it again in full when somebody says yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub id: ApprovalId,
    /// The item that saying yes appends.
    pub queue_id: QueueItemId,
    /// The source run.
    pub run_id: String,
    /// When and how urgently.
    pub parameters: Parameters,
    /// Digest of the preview it rests on.
    pub preview_digest: Sha256Digest,
    /// Digest of the run's task contract.
    pub contract_sha256: Sha256Digest,
    /// The task that the item would repeat; `None` where the line of an earlier version does not say.
    pub task_id: Option<String>,
    /// Who asked.
    pub requester: Requester,
    /// Through what.
    pub surface: Surface,
    /// The role it was asked in.
    pub actor_role: Role,
    /// Who asked, as stated.
    pub requested_by: String,
    /// Why, as stated.
    pub approval_reason: String,
    /// The caller's key.
    pub idempotency_key: Option<String>,
    /// A second equal item is wanted.
    pub allow_duplicate: bool,
    /// The policy it was asked under.
    pub policy: ApprovalPolicy,
    /// When.
    pub at: Timestamp,
    /// Until when it may be decided.
    pub expires_at: Timestamp,
}

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// What was asked.
    pub asked: Asked,
    /// Others who asked for the same, which counts as asking.
    pub joined: Vec<Requester>,
    /// Who has said yes so far; when it was approved, not the last.
    pub approvals: Vec<Yes>,
    /// How it ended, unless it was approved.
    pub ended: Option<Ended>,
    /// Its item is in the queue.
    pub queued: bool,
    /// What a client's dialog was answered, with the comment given there.
    pub elicited: Vec<(ElicitedAnswer, Option<String>, Timestamp)>,
}

impl ApprovalRequest {
    /// A request just made.
    pub fn new(asked: Asked) -> Self {
        let (joined, approvals, elicited) = (Vec::new(), Vec::new(), Vec::new());
        Self { asked, joined, approvals, ended: None, queued: false, elicited }
    }

    /// How it stands now. It may be decided until its last moment, not at it.
    pub fn status(&self, now: Timestamp) -> ApprovalStatus {
        match &self.ended {
            _ if self.queued => ApprovalStatus::Approved,
            Some(Ended::Rejected { .. }) => ApprovalStatus::Rejected,
            Some(Ended::Expired { .. }) => ApprovalStatus::Expired,
            None if now >= self.asked.expires_at => ApprovalStatus::Expired,
            None => ApprovalStatus::Pending,
        }
    }

    /// Whether it may still be decided.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status(now) == ApprovalStatus::Pending
    }

    /// How many people must say yes.
    pub fn needs(&self) -> u32 {
        self.asked.policy.people()
    }

    /// How many have. An approved request has all it needs: the last is its item's line.
    pub fn has(&self) -> u32 {
        if self.queued {
            return self.needs();
        }
        u32::try_from(self.counted().count()).unwrap_or(u32::MAX)
    }

    /// Every yes that counts. Whoever said yes and asked for the same later, or came to answer for an agent that did, is one
    /// of those who ask: the yes stays in the record and counts no more.
    pub fn counted(&self) -> impl Iterator<Item = &Yes> {
        let asks = |yes: &Yes| self.was_asked_by(&yes.by.principal) || self.is_sponsored_by(&yes.by.principal);
        self.approvals.iter().filter(move |yes| !asks(yes))
    }

    /// Everybody who asked for it.
    pub fn requesters(&self) -> impl Iterator<Item = &Requester> {
        std::iter::once(&self.asked.requester).chain(&self.joined)
    }

    /// Whether this principal asked for it.
    pub fn was_asked_by(&self, principal: &str) -> bool {
        self.requesters().any(|requester| requester.principal == principal)
    }

    /// Whether the person behind this principal asked for it, under whatever identity.
    pub fn was_asked_by_person(&self, principal: &str) -> bool {
        self.requesters().any(|requester| same_person(&requester.principal, principal))
    }

    /// Whether the person behind this principal answers for somebody who asked for it.
    pub fn is_sponsored_by(&self, principal: &str) -> bool {
        let sponsors = self.requesters().filter_map(|requester| requester.sponsor.as_deref());
        sponsors.into_iter().any(|sponsor| same_person(sponsor, principal))
    }

    /// Whether this principal has said yes.
    pub fn was_approved_by(&self, principal: &str) -> bool {
        self.approvals.iter().any(|yes| yes.by.principal == principal)
    }
}

/// Whether two ids of principals name one person: `local:alice`, who started the process, and `operator:alice`, who holds a
/// token. Names are all there is to go by; taking two for one costs an approval, taking one for two would forge it.
pub fn same_person(one: &str, other: &str) -> bool {
    let person = |id: &str| {
        let (kind, name) = id.split_once(':')?;
        matches!(kind, "local" | "operator").then(|| name.to_ascii_lowercase())
    };
    one == other || person(one).is_some_and(|name| person(other) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_may_have_two_identities() {
        assert!(same_person("local:alice", "operator:Alice"));
        assert!(same_person("token:api", "token:api"));
        for (one, other) in
            [("local:alice", "operator:bob"), ("agent:alice", "operator:alice"), ("token:api", "local:api")]
        {
            assert!(!same_person(one, other), "{one} {other}");
        }
    }

    #[test]
    fn an_approval_id_parses_what_it_prints_and_nothing_else() {
        let id = ApprovalId::of(&QueueItemId::from_bytes([0xab; 16]));
        assert_eq!(ApprovalId::parse(&format!(" {id}\n")), Some(id.clone()));
        for bad in ["", "apr_", "apr_abc", &id.as_str().to_uppercase(), &format!("{id}0"), "../../etc/passwd"] {
            assert_eq!(ApprovalId::parse(bad), None, "{bad}");
        }
    }
}
