//! Who may read what people decide. Commands are judged in the store's turn, whoever sends them; these reads never get there,
//! so this is the one place that says who sees them. It says so by the principal's kind alone, and whatever is not listed
//! is refused.

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::principal::{Caller, PrincipalKind};
use cortexpilot_core::error::ErrorCode;

use super::error::Refused;

/// Which requests a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Every one: operators.
    All,
    /// What it asked for itself: an agent, by its principal's id.
    Own(String),
}

/// Requests are seen by operators, and by the agents that asked. Not by workers, which have nothing to do with them, and not
/// where authentication is off, for nobody can decide them there.
pub(crate) fn requests(caller: &Caller) -> Result<Sight, Refused> {
    let principal = caller.established().ok_or_else(|| refused("Nobody is signed in."))?;
    match principal.kind {
        PrincipalKind::Operator => Ok(Sight::All),
        PrincipalKind::Agent => Ok(Sight::Own(principal.id.clone())),
        PrincipalKind::Worker => Err(refused("A worker does not see approval requests.")),
        PrincipalKind::Anonymous => Err(refused("Approval requests need authentication, which is off on this server.")),
    }
}

/// Who holds a token is for operators to know.
pub(crate) fn tokens(caller: &Caller) -> Result<(), Refused> {
    match caller.established().map(|principal| principal.kind) {
        Some(PrincipalKind::Operator) => Ok(()),
        Some(PrincipalKind::Agent | PrincipalKind::Worker | PrincipalKind::Anonymous) | None => {
            Err(refused("Only an operator who is signed in sees tokens."))
        }
    }
}

/// How the gate stands, with the names and reasons of operators, is for operators; with authentication off, for whoever is at
/// the machine, who could read the files as well. An agent sees what concerns it in its preview.
pub(crate) fn standing(caller: &Caller) -> Result<(), Refused> {
    match caller.established().map(|principal| principal.kind) {
        Some(PrincipalKind::Operator | PrincipalKind::Anonymous) => Ok(()),
        Some(PrincipalKind::Agent | PrincipalKind::Worker) | None => {
            Err(refused("Only an operator sees who decided how the gate stands."))
        }
    }
}

/// What waits to be claimed, and what is to be carried out: for workers, and for operators, who may claim as well.
pub(crate) fn work(caller: &Caller) -> Result<(), Refused> {
    match caller.established().map(|principal| principal.kind) {
        Some(PrincipalKind::Operator | PrincipalKind::Worker) => Ok(()),
        Some(PrincipalKind::Agent | PrincipalKind::Anonymous) | None => {
            Err(refused("Only a worker or an operator who is signed in sees what is to be carried out."))
        }
    }
}

/// How the server was configured, with the paths of its machine: as [`standing`].
pub(crate) fn configuration(caller: &Caller) -> Result<(), Refused> {
    match caller.established().map(|principal| principal.kind) {
        Some(PrincipalKind::Operator | PrincipalKind::Anonymous) => Ok(()),
        Some(PrincipalKind::Agent | PrincipalKind::Worker) | None => {
            Err(refused("Only an operator sees how the server was configured."))
        }
    }
}

/// Who works, on which machines: as [`standing`].
pub(crate) fn workers(caller: &Caller) -> Result<(), Refused> {
    match caller.established().map(|principal| principal.kind) {
        Some(PrincipalKind::Operator | PrincipalKind::Anonymous) => Ok(()),
        Some(PrincipalKind::Agent | PrincipalKind::Worker) | None => Err(refused("Only an operator sees who works.")),
    }
}

fn refused(said: &str) -> Refused {
    Refused::Failure(Failure::Denied(Denial::new(ErrorCode::ScopeForbidden, said)))
}

/// What is not there, and what a caller may not see, are answered alike.
pub(crate) fn no_such_request() -> Refused {
    let said = "There is no approval request with this id.";
    Refused::Failure(Failure::Denied(Denial::new(ErrorCode::ApprovalNotFound, said)))
}
