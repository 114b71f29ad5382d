//! How much of one thing is worked on at once.

use cortexpilot_core::domain::lease::Concurrency;

use super::sources::Sources;
use super::table::{self, Variable};
use super::value;

/// The largest limit; 0 is none.
const MOST: u32 = 10_000;

/// No limit, unless one is configured.
pub(super) fn concurrency(sources: &mut Sources) -> Concurrency {
    Concurrency {
        per_workflow: limit(sources, &table::WORKFLOW_CONCURRENCY),
        per_repository: limit(sources, &table::REPOSITORY_CONCURRENCY),
    }
}

fn limit(sources: &mut Sources, variable: &Variable) -> u32 {
    let parse = |raw: &str| {
        let read = raw.trim().parse().ok().filter(|limit| *limit <= MOST);
        read.ok_or_else(|| format!("must be a whole number from 0 (no limit) to {MOST}; it is {}", value::quoted(raw)))
    };
    let limit = sources.parsed(variable, parse).unwrap_or(0);
    sources.show(variable, limit.to_string());
    limit
}
