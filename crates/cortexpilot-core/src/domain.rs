//! Pure rules: no clock, randomness, IO or async. Values come in, verdicts go out.

pub mod text;
pub mod time;

pub mod id;

pub mod token;

pub mod session;

pub mod principal;

pub mod run;

pub mod queue;

pub mod lease;

pub mod listing;

pub mod approval;

pub mod governance;

pub mod fold;

pub mod command;

pub mod gate;

pub mod preview;

mod canonical;

pub mod seal;

pub mod decide;

pub mod ledger;

pub mod refusal;
