//! The run store on directories: real ones, recorded ones, hostile ones.

mod check;
mod facts;
mod hostile;
mod lists;
mod odd_types;
mod real_runs;
mod recorded;
mod support;
