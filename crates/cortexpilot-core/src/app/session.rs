//! Signing in: a token, or a one-time login, is exchanged for a session. Whom a session stands for is found out at every request
//! from the token that it was made from, so a token that counts no longer takes its sessions with it.

use jiff::Timestamp;

use super::{App, Reader};
use crate::domain::governance::GovernanceQuery;
use crate::domain::id::Sha256Digest;
use crate::domain::principal::Principal;
use crate::domain::session::{EndSessions, SecretKind, SecretText, SessionRecord};
use crate::domain::time::to_micros;
use crate::domain::token::{TokenId, TokenState, TokenText};
use crate::port::StoreError;

/// What somebody is signed in by: a token that counts now.
#[derive(Clone, PartialEq, Eq)]
pub struct Ground {
    /// Whom it stands for.
    pub principal: Principal,
    /// SHA-256 of the token's text.
    pub token: Sha256Digest,
    /// Until when it counts by itself; none where it does not say.
    pub until: Option<Timestamp>,
}

impl std::fmt::Debug for Ground {
    /// Never shows the digest, which of a short token could be guessed back.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").field("principal", &self.principal.id).finish_non_exhaustive()
    }
}

impl Reader {
    /// What a personal token is good for; `None` where it counts for nothing, for whichever reason.
    ///
    /// # Errors
    /// The store's.
    pub async fn ground_of(&self, token: &TokenText) -> Result<Option<Ground>, StoreError> {
        Ok(self.ground_of_token(token.id()).await?.filter(|ground| ground.token == token.digest()))
    }

    /// The session of this secret, while its time is not over. Whether its token still counts is another question.
    ///
    /// # Errors
    /// The store's.
    pub async fn session(&self, secret: &SecretText) -> Result<Option<SessionRecord>, StoreError> {
        let record = self.store.session(&secret.key()).await?;
        Ok(record.filter(|record| secret.kind() == SecretKind::Session && !record.is_over(self.clock.now())))
    }

    /// What a record was made from, where that was a personal token which still counts.
    ///
    /// # Errors
    /// The store's.
    pub async fn ground_of_record(
        &self,
        secret: &SecretText,
        record: &SessionRecord,
    ) -> Result<Option<Ground>, StoreError> {
        let Some(id) = &record.token else { return Ok(None) };
        let fits = |ground: &Ground| ground.principal.id == record.principal && secret.is_of(record, &ground.token);
        Ok(self.ground_of_token(id).await?.filter(fits))
    }

    async fn ground_of_token(&self, id: &TokenId) -> Result<Option<Ground>, StoreError> {
        let query = GovernanceQuery { token: Some(id.clone()), ..GovernanceQuery::default() };
        let record = self.store.governance(&query).await?.token;
        let live = record.filter(|record| record.state(self.clock.now()) == TokenState::Live);
        let ground = |record: crate::domain::token::TokenRecord| Ground {
            principal: record.principal(),
            token: record.sha256,
            until: Some(record.expires_at),
        };
        Ok(live.map(ground))
    }
}

impl App {
    /// Makes a session, or a one-time login, for whoever is signed in by this. The secret is for the caller alone: it is kept
    /// nowhere. Nothing outlives the token that it is made from.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin_session(
        &self,
        kind: SecretKind,
        ground: &Ground,
    ) -> Result<(SecretText, SessionRecord), StoreError> {
        let secret = SecretText::new(kind, self.ids.bytes());
        let made_at = to_micros(self.clock.now());
        let by_itself = made_at.saturating_add(kind.life()).unwrap_or(Timestamp::MAX);
        let record = SessionRecord {
            principal: ground.principal.id.clone(),
            token: ground.principal.token().cloned(),
            seal: secret.seal(&ground.token),
            made_at,
            expires_at: to_micros(ground.until.map_or(by_itself, |until| until.min(by_itself))),
        };
        self.store.write_session(secret.key(), record.clone()).await?;
        Ok((secret, record))
    }

    /// Spends a one-time login; `None` where it was spent before, never was one, or its time is over. Whether its token still
    /// counts is another question.
    ///
    /// # Errors
    /// The store's.
    pub async fn spend_login(&self, secret: &SecretText) -> Result<Option<SessionRecord>, StoreError> {
        let record = self.store.take_login(&secret.key()).await?;
        Ok(record.filter(|record| !record.is_over(self.clock.now())))
    }

    /// Ends sessions, in every process from its next request on; with how many there were.
    ///
    /// # Errors
    /// The store's.
    pub async fn end_sessions(&self, which: EndSessions) -> Result<u64, StoreError> {
        self.store.end_sessions(which).await
    }
}
