//! Carries out one claimed item: a workspace on the contract's baseline, a sandbox, a runner, the diff gate, the acceptance
//! commands, and the run directory that records all of it.
//!
//! This crate knows no queue and no lease. It is given the pinned contract's bytes and a place to write, and answers an
//! [`Outcome`]; whoever holds the lease reports [`Progress`] from it and asks it to [`Stop`].
//!
//! What it trusts: the operator's repository, the directories of [`tools::PROGRAM_DIRS`], and itself. What it does not: the
//! contract beyond what its schema says, everything that an agent wrote, and everything that a runner prints.

pub mod contract;
pub mod record;
pub mod tools;

mod git;
mod snapshot;

pub mod environment;
pub mod gate;
pub mod outputs;
pub mod place;
pub mod workspace;

pub mod sandbox;

pub mod runner;

pub mod execute;

pub use execute::{
    Assignment, ClaimedItem, Failure, FailureKind, NotStarted, Outcome, Progress, Ready, Stage, Stop, Worker, execute,
};
