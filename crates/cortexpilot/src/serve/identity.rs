//! Whom this process acts as: the principal of a personal token where one is configured, else whoever starts it.

use cortexpilot_core::app::Reader;
use cortexpilot_core::app::identity::Identity;
use cortexpilot_core::domain::principal::{Principal, PrincipalKind};
use cortexpilot_core::domain::token::{TokenState, TokenText};
use cortexpilot_core::port::StoreError;

use crate::config::Settings;

/// Why a configured token gives no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPrincipal {
    #[error("The personal token is not one that this runtime root knows.")]
    Unknown,
    #[error("The personal token has expired.")]
    Expired,
    #[error("The personal token was revoked.")]
    Revoked,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whom the configured token stands for, now; `None` where none is configured.
///
/// # Errors
/// When it stands for nobody, or when that cannot be read.
async fn token_principal(settings: &Settings, reader: &Reader) -> Result<Option<Principal>, NoPrincipal> {
    let Some(secret) = &settings.token else { return Ok(None) };
    // Its form was checked when the configuration was read.
    let text = TokenText::parse(secret.reveal()).ok_or(NoPrincipal::Unknown)?;
    match reader.identify(&text).await? {
        Identity::Known(principal) => Ok(Some(*principal)),
        Identity::Unknown => Err(NoPrincipal::Unknown),
        Identity::Expired => Err(NoPrincipal::Expired),
        Identity::Revoked => Err(NoPrincipal::Revoked),
    }
}

/// Whom the command line acts as.
///
/// # Errors
/// When the configured token stands for nobody.
pub(crate) async fn at_the_command_line(settings: &Settings, reader: &Reader) -> Result<Principal, NoPrincipal> {
    Ok(token_principal(settings, reader).await?.unwrap_or_else(|| settings.operator()))
}

/// Whom the queue pilot acts as; whether that is an agent is for the caller to look at.
///
/// # Errors
/// When the configured token stands for nobody.
pub(crate) async fn of_the_pilot(settings: &Settings, reader: &Reader) -> Result<Principal, NoPrincipal> {
    Ok(token_principal(settings, reader).await?.unwrap_or_else(|| settings.agent()))
}

/// Whom a worker of this process acts as.
///
/// # Errors
/// When the configured token stands for nobody.
pub(crate) async fn of_the_worker(settings: &Settings, reader: &Reader) -> Result<Principal, NoPrincipal> {
    Ok(token_principal(settings, reader).await?.unwrap_or_else(|| settings.worker()))
}

/// Whether anybody could sign in with a personal token of one of these kinds.
///
/// # Errors
/// The store's.
pub(crate) async fn somebody_has_a_token(reader: &Reader, kinds: &[PrincipalKind]) -> Result<bool, StoreError> {
    let now = reader.now();
    let lives = |kind, state| kinds.contains(&kind) && state == TokenState::Live;
    Ok(reader.tokens().await?.iter().any(|token| lives(token.kind, token.state(now))))
}
