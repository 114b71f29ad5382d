//! Tells somebody that an approval was asked for: one signed HTTP POST a request (docs/reference/webhook.md). Whoever asks
//! never waits for it, and nothing rests on it: a request stands in the ledger of decisions whether or not a notice arrives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::id::hex;
use cortexpilot_core::port::{Clock, Ids};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::config::WebhookSettings;

mod deliver;
pub(crate) mod post;

use deliver::{Courier, Outcome};

/// Notices that may wait for their turn.
const QUEUE_MAX: usize = 256;

/// Notices on their way at the same time: one that is refused again and again does not keep the others back.
const AT_ONCE: usize = 8;

/// What a notice tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApprovalNotice<'a> {
    /// The request's id.
    pub(crate) id: &'a str,
    /// The run that is to be queued again.
    pub(crate) run_id: &'a str,
    /// Who asks, as stated.
    pub(crate) requested_by: &'a str,
    /// Who asks, as established.
    pub(crate) principal: &'a str,
    /// The policy that asks.
    pub(crate) policy: ApprovalPolicy,
    /// How many people must agree.
    pub(crate) needs: u32,
    /// Until when.
    pub(crate) expires_at: Timestamp,
}

/// The notice as it is sent. Members are only ever added.
#[derive(Serialize)]
struct Body<'a> {
    event: &'static str,
    id: &'a str,
    run_id: &'a str,
    requested_by: &'a str,
    principal: &'a str,
    policy: &'static str,
    needs: u32,
    expires_at: String,
    sent_at: String,
    delivery: &'a str,
}

/// One notice, made once: every try sends the same bytes under the same delivery id.
#[derive(Debug, Clone)]
struct Notice {
    delivery: String,
    body: String,
}

/// How often and how long is tried.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Between two tries; there is one try more than there are pauses.
    pauses: [Duration; 5],
    /// For one try, from looking up the name to the head of the answer.
    one_try: Duration,
    /// For everything that is still to be delivered when the process ends.
    farewell: Duration,
}

impl Pace {
    /// Six tries over two minutes.
    const USUAL: Self = Self {
        pauses: [
            Duration::from_secs(1),
            Duration::from_secs(4),
            Duration::from_secs(15),
            Duration::from_secs(35),
            Duration::from_secs(65),
        ],
        one_try: Duration::from_secs(10),
        farewell: Duration::from_secs(5),
    };
}

/// What became of the notices so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Taken by the receiver.
    pub(crate) delivered: u64,
    /// Refused by it, or tried often enough.
    pub(crate) given_up: u64,
    /// Not even tried, because too many were waiting or the process ended.
    pub(crate) dropped: u64,
}

#[derive(Debug, Default)]
struct Counters {
    delivered: AtomicU64,
    given_up: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    fn drop_one(&self, delivery: &str, why: &str) {
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::error!(
            delivery,
            dropped,
            why,
            "a notice to the approval webhook was dropped; the request itself stands"
        );
    }
}

/// The webhook of a process that may make approval requests.
pub(crate) struct Webhook {
    queue: Mutex<Option<mpsc::Sender<Notice>>>,
    stopping: watch::Sender<bool>,
    dispatcher: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Webhook {
    /// Starts delivering in the background. Must be called inside a runtime.
    pub(crate) fn start(settings: WebhookSettings, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self::start_at(Pace::USUAL, settings, post::Trust::System, clock, ids)
    }

    fn start_at(
        pace: Pace,
        settings: WebhookSettings,
        trust: post::Trust,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let (stopping, stop) = watch::channel(false);
        let counters = Arc::new(Counters::default());
        tracing::debug!(endpoint = %settings.endpoint, "approval requests are announced");
        let courier = Arc::new(Courier::new(settings, trust, clock.clone(), pace, stop.clone()));
        let dispatcher = Dispatcher { waiting, stop, courier, counters: counters.clone(), farewell: pace.farewell };
        Self {
            queue: Mutex::new(Some(queue)),
            stopping,
            dispatcher: Mutex::new(Some(tokio::spawn(dispatcher.run()))),
            counters,
            clock,
            ids,
        }
    }

    /// Says that an approval was asked for. Returns at once; whether the notice arrives is only logged and counted.
    pub(crate) fn requested(&self, notice: &ApprovalNotice<'_>) {
        let delivery = hex(&self.ids.bytes::<16>());
        let body = Body {
            event: "approval.requested",
            id: notice.id,
            run_id: notice.run_id,
            requested_by: notice.requested_by,
            principal: notice.principal,
            policy: notice.policy.as_str(),
            needs: notice.needs,
            expires_at: notice.expires_at.to_string(),
            sent_at: self.clock.now().to_string(),
            delivery: &delivery,
        };
        let Ok(body) = serde_json::to_string(&body) else {
            return self.counters.drop_one(&delivery, "it cannot be written down");
        };
        let queue = self.queue.lock().expect("invariant: nobody panics while holding the queue").clone();
        let notice = Notice { delivery, body };
        match queue.map(|queue| queue.try_send(notice.clone())) {
            Some(Ok(())) => {}
            Some(Err(mpsc::error::TrySendError::Full(notice))) => {
                self.counters.drop_one(&notice.delivery, "too many are waiting");
            }
            Some(Err(mpsc::error::TrySendError::Closed(_))) | None => {
                self.counters.drop_one(&notice.delivery, "the process is ending");
            }
        }
    }

    /// What became of the notices so far.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            delivered: self.counters.delivered.load(Ordering::Relaxed),
            given_up: self.counters.given_up.load(Ordering::Relaxed),
            dropped: self.counters.dropped.load(Ordering::Relaxed),
        }
    }

    /// Ends: what waits is tried once more, for at most five seconds in all. A second call returns at once.
    pub(crate) async fn stop(&self) {
        self.queue.lock().expect("invariant: nobody panics while holding the queue").take();
        self.stopping.send_replace(true);
        let dispatcher = self.dispatcher.lock().expect("invariant: nobody panics while holding the handle").take();
        if let Some(dispatcher) = dispatcher
            && let Err(error) = dispatcher.await
        {
            tracing::error!(%error, "delivering to the approval webhook failed");
        }
    }
}

/// Takes notices from the queue and sends each on its way.
struct Dispatcher {
    waiting: mpsc::Receiver<Notice>,
    stop: watch::Receiver<bool>,
    courier: Arc<Courier>,
    counters: Arc<Counters>,
    farewell: Duration,
}

impl Dispatcher {
    async fn run(mut self) {
        let mut stop = self.stop.clone();
        let told = async move {
            // An error means that the webhook is gone, which ends the queue as well.
            let _ = stop.wait_for(|stopping| *stopping).await;
        };
        let mut under_way = JoinSet::new();
        tokio::select! {
            () = self.take_all(&mut under_way) => {}
            () = told => {
                let last = tokio::time::timeout(self.farewell, self.take_all(&mut under_way)).await;
                if last.is_err() {
                    self.leave(under_way);
                }
            }
        }
    }

    /// Until the queue is closed and empty and everything is settled. May be dropped and called again.
    async fn take_all(&mut self, under_way: &mut JoinSet<()>) {
        loop {
            tokio::select! {
                notice = self.waiting.recv(), if under_way.len() < AT_ONCE => match notice {
                    Some(notice) => {
                        under_way.spawn(deliver(self.courier.clone(), self.counters.clone(), notice));
                    }
                    None => break,
                },
                Some(settled) = under_way.join_next(), if !under_way.is_empty() => report(settled),
            }
        }
        while let Some(settled) = under_way.join_next().await {
            report(settled);
        }
    }

    /// The time for farewells is over.
    fn leave(mut self, mut under_way: JoinSet<()>) {
        let left = under_way.len();
        under_way.abort_all();
        for _ in 0..left {
            self.counters.drop_one("under way", "the process ends");
        }
        while let Ok(notice) = self.waiting.try_recv() {
            self.counters.drop_one(&notice.delivery, "the process ends");
        }
    }
}

fn report(settled: Result<(), tokio::task::JoinError>) {
    if let Err(error) = settled {
        tracing::error!(%error, "delivering a notice to the approval webhook failed");
    }
}

async fn deliver(courier: Arc<Courier>, counters: Arc<Counters>, notice: Notice) {
    let counter = match courier.deliver(&notice).await {
        Outcome::Delivered => &counters.delivered,
        Outcome::GivenUp => &counters.given_up,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
