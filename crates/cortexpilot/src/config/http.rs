//! How much HTTP takes, for how long, and from whose pages.

use std::time::Duration;

use cortexpilot_core::domain::text::escape;
use cortexpilot_server::http::{AllowedHosts, Limits, RequestLimits, ServeLimits};
use jiff::SignedDuration;

use super::sources::Sources;
use super::table::{self, Variable};
use super::value;

/// What HTTP is served with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpSettings {
    /// Of connections.
    pub(crate) serve: ServeLimits,
    /// Of one request.
    pub(crate) limits: Limits,
    /// Of one principal's requests, and of what is expensive.
    pub(crate) requests: RequestLimits,
    /// Origins of pages elsewhere that may call.
    pub(crate) cors_origins: Vec<String>,
}

/// Connections that may be configured.
const CONNECTIONS: (u32, u32) = (1, 65_536);

/// Requests a second that may be configured; 0 is no limit.
const REQUESTS: (u32, u32) = (0, 1_000_000);

/// Expensive reads at once that may be configured.
const EXPENSIVE: (u32, u32) = (1, 1024);

/// The defaults are the server's own.
pub(super) fn http(sources: &mut Sources) -> HttpSettings {
    let (serve, limits, requests) = (ServeLimits::default(), Limits::default(), RequestLimits::default());
    let cors_origins = sources.parsed(&table::CORS_ORIGINS, pages).unwrap_or_default();
    sources.show(&table::CORS_ORIGINS, cors_origins.join(","));
    HttpSettings {
        serve: ServeLimits {
            connections: count(sources, &table::CONNECTIONS_MAX, CONNECTIONS, serve.connections),
            head: time(sources, &table::HEAD_TIMEOUT, serve.head),
            head_bytes: serve.head_bytes,
            stalled_write: time(sources, &table::WRITE_TIMEOUT, serve.stalled_write),
            drain: time(sources, &table::DRAIN_TIMEOUT, serve.drain),
        },
        limits: Limits {
            body: time(sources, &table::BODY_TIMEOUT, limits.body),
            answer: time(sources, &table::ANSWER_TIMEOUT, limits.answer),
        },
        requests: RequestLimits {
            per_second: count(sources, &table::REQUESTS_PER_SECOND, REQUESTS, requests.per_second),
            expensive: count(sources, &table::EXPENSIVE_READS_MAX, EXPENSIVE, requests.expensive),
            ..requests
        },
        cors_origins,
    }
}

fn time(sources: &mut Sources, variable: &Variable, default: Duration) -> Duration {
    let default = SignedDuration::try_from(default).expect("invariant: defaults are short");
    let given = sources.parsed(variable, value::duration).unwrap_or(default);
    sources.show(variable, value::duration_text(given));
    given.unsigned_abs()
}

fn count<T>(sources: &mut Sources, variable: &Variable, (least, most): (u32, u32), default: T) -> T
where
    T: TryFrom<u32> + std::fmt::Display,
{
    let parse = |raw: &str| {
        let read = raw.trim().parse().ok().filter(|count| (least..=most).contains(count));
        let read = read.and_then(|count| T::try_from(count).ok());
        read.ok_or_else(|| format!("must be a whole number from {least} to {most}; it is {}", value::quoted(raw)))
    };
    let given = sources.parsed(variable, parse).unwrap_or(default);
    sources.show(variable, given.to_string());
    given
}

/// Whole origins, as a comma list.
fn pages(raw: &str) -> Result<Vec<String>, String> {
    let page = |entry: &str| match AllowedHosts::default().allow_pages_of(entry) {
        Ok(()) => Ok(entry.to_owned()),
        Err(problem) => Err(format!("has the entry {}, which {}", value::quoted(entry), escape(&problem.to_string()))),
    };
    raw.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(page).collect()
}
