//! Which codes an operation can answer because of its kind: what every request passes before and around its handler. What a
//! handler itself refuses stands in its row.

use cortexpilot_core::error::ErrorCode::{self, *};

use crate::http::table::{Access, Operation, Verb};

/// Any request: the Host rule, the query, a fault of ours, no answer in time.
const EVERY: &[ErrorCode] = &[HostNotAllowed, RequestValidation, Internal, StoreUnavailable];

/// Where a token is needed, and its owner counted.
const SIGNED_IN: &[ErrorCode] = &[AuthMissingBearer, AuthInvalidToken, RateLimited];

/// Where a body is taken: the Origin rule, and reading it.
const WITH_BODY: &[ErrorCode] = &[OriginNotAllowed, UnsupportedMediaType, BodyTooLarge, RequestTimeout];

/// Where a line is written: the token may have been taken back since it came, the role, what was stated, the ledger.
const WRITING: &[ErrorCode] = &[
    Unauthenticated,
    RoleRequired,
    RoleForbidden,
    RoleMismatch,
    MetadataRejected,
    LedgerCorrupt,
    LedgerNewer,
    StoreFull,
    OutcomeUnknown,
];

/// Where one run is looked at.
pub(crate) const RUN: &[ErrorCode] = &[RunIdInvalid, RunNotFound, RunUnreadable];

/// The codes of every operation of this one's kind.
pub(crate) fn of_kind(operation: &Operation) -> Vec<ErrorCode> {
    let kinds = [
        (true, EVERY),
        (operation.access == Access::Token, SIGNED_IN),
        (operation.verb == Verb::Post, WITH_BODY),
        (operation.commands(), WRITING),
        // A variable segment that is empty or no UTF-8 names no path.
        (operation.path.contains('{'), &[NotFound]),
    ];
    kinds.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, codes)| codes).copied().collect()
}
