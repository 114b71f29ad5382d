//! Who a token stands for. Every surface asks here, so that a revoked token is refused everywhere at once.

use super::{Failure, Reader};
use crate::domain::decide::caller_lives;
use crate::domain::governance::GovernanceQuery;
use crate::domain::principal::{Caller, Principal};
use crate::domain::token::{TokenRecord, TokenState, TokenText};
use crate::port::StoreError;

/// What a token turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Live: this is whom it stands for.
    Known(Box<Principal>),
    /// Not a token of this store. Nothing more is said of it.
    Unknown,
    /// It was one, and its time is over. Only its holder can learn that.
    Expired,
    /// It was one, and an operator took it back.
    Revoked,
}

impl Reader {
    /// Whom a token stands for, now. The text is compared as digests, in constant time.
    ///
    /// # Errors
    /// The store's.
    pub async fn identify(&self, token: &TokenText) -> Result<Identity, StoreError> {
        let query = GovernanceQuery { token: Some(token.id().clone()), ..GovernanceQuery::default() };
        let record = self.store.governance(&query).await?.token.filter(|record| record.is_text(token));
        Ok(match record.as_ref().map(|record| (record, record.state(self.clock.now()))) {
            None => Identity::Unknown,
            Some((record, TokenState::Live)) => Identity::Known(Box::new(record.principal())),
            Some((_, TokenState::Expired)) => Identity::Expired,
            Some((_, TokenState::Revoked)) => Identity::Revoked,
        })
    }

    /// Every token that was ever made.
    ///
    /// # Errors
    /// The store's.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.store.tokens().await
    }

    /// Refuses a caller whose token is not valid any more: for questions, which are not judged in a turn.
    pub(super) async fn still_signed_in(&self, caller: &Caller) -> Result<(), Failure> {
        let Some(token) = caller.principal.as_ref().and_then(Principal::token) else { return Ok(()) };
        let query = GovernanceQuery { caller_token: Some(token.clone()), ..GovernanceQuery::default() };
        let facts = self.store.governance(&query).await?;
        Ok(caller_lives(caller, &facts, self.clock.now())?)
    }
}
