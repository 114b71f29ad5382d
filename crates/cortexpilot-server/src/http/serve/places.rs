//! Places for connections. When all are taken and another client knocks, one that waits for nothing loses its place: first
//! the oldest that never sent a whole head, then the one that has been idle longest. A connection with a request under way
//! never does. So stalled connections cost those that stall, and a client that asks is served.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How often somebody who waits for a place looks for one that has become idle.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// All places of a server.
pub(super) struct Places {
    free: Arc<Semaphore>,
    taken: Mutex<HashMap<u64, Arc<Seat>>>,
    next: AtomicU64,
    started: Instant,
}

/// What is known of one connection.
pub(super) struct Seat {
    number: u64,
    /// Requests whose answer is not out yet.
    under_way: AtomicUsize,
    /// Bytes of an answer wait for the client.
    writing: AtomicBool,
    /// Whether a whole head ever came.
    asked: AtomicBool,
    /// Since when it waits, in milliseconds since the server started.
    since: AtomicU64,
    told: AtomicBool,
    leave: Notify,
    started: Instant,
}

/// A connection's place; given back when dropped.
pub(super) struct Place {
    pub(super) seat: Arc<Seat>,
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().remove(&self.seat.number);
    }
}

impl Places {
    /// So many; one at least.
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS))),
            taken: Mutex::default(),
            next: AtomicU64::new(0),
            started: Instant::now(),
        })
    }

    /// A place for a connection that is there; while none is free, somebody idle is asked to leave.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        let permit = loop {
            let wanted = self.free.clone();
            if let Ok(permit) = wanted.try_acquire_owned() {
                break permit;
            }
            self.send_one_away();
            if let Ok(given) = timeout(LOOK_AGAIN, self.free.clone().acquire_owned()).await {
                break given.expect("invariant: the semaphore is never closed");
            }
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat {
            number,
            under_way: AtomicUsize::new(0),
            writing: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            since: AtomicU64::new(millis(self.started)),
            told: AtomicBool::new(false),
            leave: Notify::new(),
            started: self.started,
        });
        self.taken().insert(number, seat.clone());
        Place { seat, places: self.clone(), _permit: permit }
    }

    /// Tells the connection that is missed least to end, if there is one.
    fn send_one_away(&self) {
        let taken = self.taken();
        let idle = taken.values().filter(|seat| !seat.is_busy() && !seat.told.load(Ordering::Relaxed));
        let order = |seat: &&Arc<Seat>| (seat.asked(), seat.since.load(Ordering::Relaxed), seat.number);
        if let Some(seat) = idle.min_by_key(order) {
            seat.told.store(true, Ordering::Relaxed);
            seat.leave.notify_one();
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        // A panic while holding it leaves a whole map.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// A request came whole in its head; it is under way until this is dropped, and then its answer is to be written.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.asked.store(true, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// Whether an answer is still to be given, or to be taken by the client.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0 || self.writing.load(Ordering::Relaxed)
    }

    /// Says whether bytes of an answer wait for the client. Only its connection does.
    pub(super) fn writes(&self, writing: bool) {
        // Said several times with each answer, and news once.
        if self.writing.load(Ordering::Relaxed) == writing {
            return;
        }
        if !writing {
            self.since.store(millis(self.started), Ordering::Relaxed);
        }
        self.writing.store(writing, Ordering::Relaxed);
    }

    /// Whether a whole head ever came.
    pub(super) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ready when no request was under way for so long.
    pub(super) async fn has_waited(&self, limit: Duration) {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        loop {
            let since = self.since.load(Ordering::Relaxed);
            let waited = if self.is_busy() { 0 } else { millis(self.started).saturating_sub(since) };
            match limit.checked_sub(waited) {
                None | Some(0) => return,
                // Whatever happens meanwhile is seen then.
                Some(left) => tokio::time::sleep(Duration::from_millis(left)).await,
            }
        }
    }

    /// Ready when the place is needed for somebody else.
    pub(super) async fn must_leave(&self) {
        self.leave.notified().await;
    }
}

/// A request under way. What it leaves is an answer that is still to be written out: then the connection waits.
pub(super) struct UnderWay(Arc<Seat>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.writes(true);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

fn millis(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn told(place: &Place) -> bool {
        place.seat.told.load(Ordering::Relaxed)
    }

    /// A request came, and its answer went out.
    fn was_answered(place: &Place) {
        drop(place.seat.begin());
        place.seat.writes(false);
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_asked_goes_first_then_who_is_idle_longest_and_never_who_is_served() {
        let places = Places::new(4);
        let idle = places.take().await;
        was_answered(&idle);
        tokio::time::advance(Duration::from_secs(1)).await;
        let idle_later = places.take().await;
        was_answered(&idle_later);
        let served = places.take().await;
        let _under_way = served.seat.begin();
        let silent = places.take().await;
        let mut later = Vec::new();
        for (goes, stay) in [(silent, &[&idle_later, &served][..]), (idle, &[&idle_later, &served])] {
            let next = places.clone();
            let mut waits = Box::pin(async move { next.take().await });
            assert!(waits.as_mut().now_or_never().is_none(), "all places are taken");
            goes.seat.must_leave().now_or_never().expect("it is asked to leave");
            assert!(stay.iter().all(|place| !told(place)));
            drop(goes);
            let next = waits.await;
            later.push((next.seat.begin(), next));
        }
        assert!(!told(&idle_later) && !told(&served));
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_waits_without_a_pause_has_waited_too_long() {
        let places = Places::new(1);
        let place = places.take().await;
        let began = Instant::now();
        let limit = Duration::from_secs(15);
        let seat = place.seat.clone();
        let waits = tokio::spawn(async move { seat.has_waited(limit).await });
        tokio::time::sleep(Duration::from_secs(10)).await;
        let under_way = place.seat.begin();
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(!waits.is_finished(), "an answer may take longer");
        drop(under_way);
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(!waits.is_finished(), "and so may writing it out: that has a limit of its own");
        place.seat.writes(false);
        let ended = began.elapsed();
        waits.await.unwrap();
        assert!(began.elapsed() >= ended + limit && began.elapsed() <= ended + limit * 2, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn while_everybody_is_served_whoever_knocks_waits_until_somebody_is_idle() {
        let places = Places::new(1);
        let place = places.take().await;
        let under_way = place.seat.begin();
        let next = places.clone();
        let waits = tokio::spawn(async move { next.take().await });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!told(&place) && !waits.is_finished());
        drop(under_way);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!told(&place) && !waits.is_finished(), "its answer is not written out yet");
        place.seat.writes(false);
        place.seat.must_leave().await;
        drop(place);
        assert!(!waits.await.unwrap().seat.asked());
        assert!(places.taken().is_empty());
    }
}
