//! How much one principal may ask for, and how much of what is expensive is done at once. Without it a client in a loop
//! would cost everybody else their turn. MCP over HTTP has limits of its own kind (`mcp/http/admission.rs`).
//!
//! Only who is signed in is counted: whoever is not gets nothing but a refusal, which is cheap, and a count by address would
//! count a proxy. What rolls back or stops is never counted: a loop must not keep its operator from ending it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::principal::Caller;
use cortexpilot_core::error::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::Refused;
use crate::bucket::{Bucket, Rate};

/// How much may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Requests a second that one principal may send in the long run; 0 is no limit. Five seconds' worth may come at once.
    pub per_second: u32,
    /// Bodies of one principal that are read at one time; a further one waits. A body that comes slowly is held meanwhile, so
    /// this times the largest body is what one principal can make the server hold.
    pub bodies: usize,
    /// Expensive reads that are done at one time, whoever asks; a further one waits.
    pub expensive: usize,
    /// How long it waits.
    pub wait: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { per_second: 1000, bodies: 16, expensive: 8, wait: Duration::from_secs(10) }
    }
}

/// Operations that are never counted: they take back, or they stop.
const UNCOUNTED: [&str; 5] = ["queue_cancel", "gate_freeze", "approval_reject", "token_revoke", "session_end"];

/// Reads that look through much: a run's files, all runs, lines of a whole record, proofs over it.
const EXPENSIVE: [&str; 15] = [
    "run_diff",
    "run_artifacts",
    "run_search",
    "run_compare",
    "run_proof",
    "run_incident",
    "diff_gate_list",
    "reviews_list",
    "tests_list",
    "contracts_list",
    "events_list",
    "decisions_list",
    "ledger_entries",
    "queue_receipt",
    "approval_receipt",
];

/// When so many principals are remembered, those with nothing spent and nothing under way are forgotten.
const REMEMBERED: usize = 256;

/// Who has asked for how much.
pub(crate) struct Throttle {
    limits: RequestLimits,
    principals: Mutex<HashMap<String, Entry>>,
    expensive: Arc<Semaphore>,
}

struct Entry {
    bucket: Bucket,
    bodies: Arc<Semaphore>,
}

/// Held while something is done of which only so much is done at once.
#[must_use]
pub(crate) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Throttle {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        let expensive = Arc::new(Semaphore::new(limits.expensive.clamp(1, Semaphore::MAX_PERMITS)));
        Self { limits, principals: Mutex::default(), expensive }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// When its principal sent too many.
    pub(crate) fn request(&self, operation: &str, caller: &Caller) -> Result<(), Refused> {
        let Some(principal) = &caller.principal else { return Ok(()) };
        if self.limits.per_second == 0 || UNCOUNTED.contains(&operation) {
            return Ok(());
        }
        self.entry(&principal.id, |entry, rate| entry.bucket.take(rate)).map_err(|seconds| {
            too_much("Too many requests came from this principal in too short a time. This one was not read.", seconds)
        })
    }

    /// A turn to read a body.
    ///
    /// # Errors
    /// When too many bodies of its principal are still on their way.
    pub(crate) async fn body(&self, caller: &Caller) -> Result<Turn, Refused> {
        let Some(principal) = &caller.principal else { return Ok(Turn { _permit: None }) };
        let bodies = self.entry(&principal.id, |entry, _| entry.bodies.clone());
        let said = "As many bodies of this principal are on their way as are read at once. Nothing was changed.";
        self.turn(bodies, said).await
    }

    /// A turn to do this read, if it is an expensive one.
    ///
    /// # Errors
    /// When too many are under way.
    pub(crate) async fn read(&self, operation: &str) -> Result<Turn, Refused> {
        if !EXPENSIVE.contains(&operation) {
            return Ok(Turn { _permit: None });
        }
        let said = "As many expensive reads are under way as this server does at once. Ask again.";
        Box::pin(self.turn(self.expensive.clone(), said)).await
    }

    async fn turn(&self, of: Arc<Semaphore>, said: &str) -> Result<Turn, Refused> {
        match timeout(self.limits.wait, of.acquire_owned()).await {
            Ok(given) => Ok(Turn { _permit: Some(given.expect("invariant: the semaphore is never closed")) }),
            Err(_) => Err(too_much(said, 1)),
        }
    }

    fn entry<T>(&self, principal: &str, with: impl FnOnce(&mut Entry, Rate) -> T) -> T {
        let rate = Rate { per_second: self.limits.per_second, burst: self.limits.per_second.saturating_mul(5) };
        let bodies = self.limits.bodies.clamp(1, Semaphore::MAX_PERMITS);
        let mut principals = self.principals();
        if let Some(known) = principals.get_mut(principal) {
            return with(known, rate);
        }
        if principals.len() >= REMEMBERED {
            principals.retain(|_, entry| !entry.bucket.is_full(rate) || entry.bodies.available_permits() < bodies);
        }
        let new = Entry { bucket: Bucket::full(rate), bodies: Arc::new(Semaphore::new(bodies)) };
        with(principals.entry(principal.to_owned()).or_insert(new), rate)
    }

    fn principals(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // A panic while holding it leaves a whole map.
        self.principals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_much(said: &str, retry_after_s: u32) -> Refused {
    let mut denial = Denial::new(ErrorCode::RateLimited, said);
    denial.retry_after_s = Some(retry_after_s);
    denial.next_step = Some("Wait as many seconds as retry_after_s says, then send it once more.".to_owned());
    Refused::Failure(Failure::Denied(denial))
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::domain::principal::{KnownBy, Principal, PrincipalKind, Roles, Surface};

    use super::*;
    use crate::http::operations;

    fn caller(id: &str) -> Caller {
        let principal = Principal {
            id: id.into(),
            kind: PrincipalKind::Operator,
            roles: Roles::new(),
            sponsor: None,
            known_by: KnownBy::SharedToken,
        };
        Caller { principal: Some(principal), surface: Surface::Http }
    }

    fn seconds(refused: &Refused) -> Option<u32> {
        let Refused::Failure(Failure::Denied(denial)) = refused else { return None };
        denial.retry_after_s.filter(|_| denial.code == ErrorCode::RateLimited)
    }

    #[tokio::test(start_paused = true)]
    async fn a_principal_that_spent_its_burst_is_refused_and_others_are_not() {
        let throttle = Throttle::new(RequestLimits { per_second: 2, ..RequestLimits::default() });
        let ask = |who: &str, operation| throttle.request(operation, &caller(who));
        for _ in 0..10 {
            ask("a", "queue_list").unwrap();
        }
        assert_eq!(ask("a", "queue_list").map_err(|refused| seconds(&refused)), Err(Some(1)));
        for never_counted in UNCOUNTED {
            ask("a", never_counted).unwrap();
        }
        ask("b", "queue_list").unwrap();
        throttle.request("health", &Caller { principal: None, surface: Surface::Http }).unwrap();
        tokio::time::advance(Duration::from_millis(500)).await;
        ask("a", "queue_list").unwrap();
        assert!(ask("a", "queue_list").is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!((0..100).filter(|_| ask("a", "queue_list").is_ok()).count(), 10, "an hour saves up no more");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_is_refused() {
        let throttle = Throttle::new(RequestLimits { per_second: 0, ..RequestLimits::default() });
        assert!((0..10_000).all(|_| throttle.request("queue_list", &caller("a")).is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_bodies_slowly_waits_for_itself_alone() {
        let throttle = Throttle::new(RequestLimits { bodies: 2, ..RequestLimits::default() });
        let first = throttle.body(&caller("a")).await.unwrap();
        let _second = throttle.body(&caller("a")).await.unwrap();
        assert_eq!(throttle.body(&caller("a")).await.map(|_| ()).map_err(|it| seconds(&it)), Err(Some(1)));
        let _other = throttle.body(&caller("b")).await.unwrap();
        drop(first);
        assert!(throttle.body(&caller("a")).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_asked_long_ago_is_forgotten_and_who_is_served_is_not() {
        let throttle = Throttle::new(RequestLimits { per_second: 1, ..RequestLimits::default() });
        let _busy = throttle.body(&caller("busy")).await.unwrap();
        for number in 0..1000 {
            throttle.request("queue_list", &caller(&format!("p{number}"))).unwrap();
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert!(throttle.principals().len() <= REMEMBERED, "{}", throttle.principals().len());
        assert!(throttle.principals().contains_key("busy"));
    }

    #[test]
    fn the_operations_that_are_named_here_exist() {
        for id in UNCOUNTED.iter().chain(&EXPENSIVE) {
            assert!(operations().iter().any(|operation| operation.id == *id), "{id}");
        }
    }
}
