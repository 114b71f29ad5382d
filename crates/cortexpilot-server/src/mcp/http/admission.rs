//! How much one principal, and everybody together, may have under way. Without it one token could keep every place, and a
//! client in a loop would cost everybody else their turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::bucket::{Bucket, Rate};
use crate::mcp::MAX_CALLS_IN_FLIGHT;

/// Limits of one MCP endpoint over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McpLimits {
    /// The largest message, in bytes.
    pub body_bytes: usize,
    /// How long a client may take to send one.
    pub body: Duration,
    /// How long an answer may take. A call that appends goes on all the same; its outcome is then not known to the client.
    pub answer: Duration,
    /// Calls under way at one time, from when their message has come until the client has taken the answer.
    pub calls: usize,
    /// The same for one principal.
    pub calls_per_principal: usize,
    /// How long a call waits for a place.
    pub place: Duration,
    /// Streams that stay open, such as subscriptions.
    pub streams: usize,
    /// The same for one principal.
    pub streams_per_principal: usize,
    /// Messages a second that one principal may send in the long run.
    pub messages_per_second: u32,
    /// How many it may send at once after a while without any.
    pub burst: u32,
    /// How often it is looked at whether the token of an open stream still counts.
    pub recheck: Duration,
}

impl Default for McpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            body: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            calls: MAX_CALLS_IN_FLIGHT,
            calls_per_principal: 16,
            place: Duration::from_secs(2),
            streams: 64,
            streams_per_principal: 8,
            messages_per_second: 50,
            burst: 200,
            recheck: Duration::from_secs(10),
        }
    }
}

/// Why a message is not taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Its principal sent too many messages; one more may come after so many seconds.
    Rate { retry_after_s: u32 },
    /// Its principal has as many calls under way as it may.
    Calls,
    /// Everybody together has.
    Everybody,
    /// Its principal has as many streams open as it may, or everybody together has.
    Streams,
}

impl Full {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Rate { .. } => {
                "Too many messages came from this principal in too short a time. This one was not read."
            }
            Self::Calls => {
                "This principal has as many calls under way as it may, and none of them ended. Nothing was changed."
            }
            Self::Everybody => "This server has as many calls under way as it takes. Nothing was changed.",
            Self::Streams => "There are as many open streams as there may be. Close one, or ask again later.",
        }
    }

    /// After how many seconds it is worth another try.
    pub(super) fn retry_after_s(self) -> u32 {
        match self {
            Self::Rate { retry_after_s } => retry_after_s,
            Self::Calls | Self::Everybody => 1,
            Self::Streams => 10,
        }
    }
}

/// A place that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _everybody: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    // Keeps the principal's entry from being forgotten.
    _of: Arc<Principal>,
}

/// Who has what under way.
#[derive(Debug)]
pub(super) struct Admission {
    limits: McpLimits,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    principals: Mutex<HashMap<String, Arc<Principal>>>,
}

#[derive(Debug)]
struct Principal {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    bucket: Mutex<Bucket>,
}

/// When so many principals are remembered, those with nothing under way and nothing spent are forgotten.
const REMEMBERED: usize = 256;

impl Admission {
    pub(super) fn new(limits: McpLimits) -> Self {
        let (calls, streams) = (Arc::new(Semaphore::new(limits.calls)), Arc::new(Semaphore::new(limits.streams)));
        Self { limits, calls, streams, principals: Mutex::default() }
    }

    /// Counts one message of this principal.
    ///
    /// # Errors
    /// When it sent too many.
    pub(super) fn message(&self, principal: &str) -> Result<(), Full> {
        let entry = self.entry(principal);
        let mut bucket = entry.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(self.limits.rate()).map_err(|retry_after_s| Full::Rate { retry_after_s })
    }

    /// A place for one call, after a short wait where there is none.
    ///
    /// # Errors
    /// When there still is none.
    pub(super) async fn call(&self, principal: &str) -> Result<Place, Full> {
        let of = self.entry(principal);
        let until = Instant::now() + self.limits.place;
        let left = || until.saturating_duration_since(Instant::now());
        // First its own: who has too much under way does not stand in the way of others.
        let own = timeout(left(), of.calls.clone().acquire_owned()).await.map_err(|_| Full::Calls)?;
        let all = timeout(left(), self.calls.clone().acquire_owned()).await.map_err(|_| Full::Everybody)?;
        let open = "invariant: the semaphore is never closed";
        Ok(Place { _everybody: all.expect(open), _own: own.expect(open), _of: of })
    }

    /// A place for one stream.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn stream(&self, principal: &str) -> Result<Place, Full> {
        let of = self.entry(principal);
        let own = of.streams.clone().try_acquire_owned().map_err(|_| Full::Streams)?;
        let all = self.streams.clone().try_acquire_owned().map_err(|_| Full::Streams)?;
        Ok(Place { _everybody: all, _own: own, _of: of })
    }

    fn entry(&self, principal: &str) -> Arc<Principal> {
        let mut principals = self.principals();
        if let Some(known) = principals.get(principal) {
            return known.clone();
        }
        if principals.len() >= REMEMBERED {
            principals.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.has_spent(&self.limits));
        }
        let entry = Arc::new(Principal {
            calls: Arc::new(Semaphore::new(self.limits.calls_per_principal)),
            streams: Arc::new(Semaphore::new(self.limits.streams_per_principal)),
            bucket: Mutex::new(Bucket::full(self.limits.rate())),
        });
        principals.insert(principal.to_owned(), entry.clone());
        entry
    }

    fn principals(&self) -> MutexGuard<'_, HashMap<String, Arc<Principal>>> {
        // A panic while holding it leaves a whole map.
        self.principals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Principal {
    fn has_spent(&self, limits: &McpLimits) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        !bucket.is_full(limits.rate())
    }
}

impl McpLimits {
    fn rate(&self) -> Rate {
        Rate { per_second: self.messages_per_second, burst: self.burst }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> McpLimits {
        McpLimits { calls: 3, calls_per_principal: 2, streams: 2, streams_per_principal: 1, ..McpLimits::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_principal_that_spent_its_burst_waits_and_others_do_not() {
        let admission = Admission::new(McpLimits { messages_per_second: 2, burst: 3, ..limits() });
        for _ in 0..3 {
            assert_eq!(admission.message("a"), Ok(()));
        }
        assert_eq!(admission.message("a"), Err(Full::Rate { retry_after_s: 1 }));
        assert_eq!(admission.message("b"), Ok(()));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(admission.message("a"), Ok(()));
        assert_eq!(admission.message("a"), Err(Full::Rate { retry_after_s: 1 }));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((0..9).filter(|_| admission.message("a").is_ok()).count(), 3, "no more than the burst is saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn neither_a_principal_nor_everybody_has_more_calls_under_way_than_they_may() {
        let admission = Admission::new(limits());
        let first = admission.call("a").await.unwrap();
        let second = admission.call("a").await.unwrap();
        assert_eq!(admission.call("a").await.unwrap_err(), Full::Calls);
        let third = admission.call("b").await.unwrap();
        assert_eq!(admission.call("c").await.unwrap_err(), Full::Everybody);
        drop(first);
        let fourth = admission.call("c").await.unwrap();
        assert_eq!(admission.call("a").await.unwrap_err(), Full::Everybody);
        drop((second, third, fourth));
        assert!(admission.call("a").await.is_ok(), "a place is given back when its call ends");
    }

    #[tokio::test]
    async fn streams_have_places_of_their_own() {
        let admission = Admission::new(limits());
        let first = admission.stream("a").unwrap();
        assert_eq!(admission.stream("a").unwrap_err(), Full::Streams);
        let second = admission.stream("b").unwrap();
        assert_eq!(admission.stream("c").unwrap_err(), Full::Streams);
        assert!(admission.call("a").await.is_ok());
        drop((first, second));
        assert!(admission.stream("c").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_nothing_under_way_and_nothing_spent_is_forgotten() {
        let admission = Admission::new(limits());
        let held = admission.call("busy").await.unwrap();
        for number in 0..1000 {
            admission.message(&format!("p{number}")).unwrap();
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert!(admission.principals().len() <= REMEMBERED, "{}", admission.principals().len());
        assert!(admission.principals().contains_key("busy"));
        drop(held);
    }
}
