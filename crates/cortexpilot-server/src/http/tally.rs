//! How the work stands, for the page of metrics: what happened to items, who holds what, and for how long nothing was heard.
//!
//! What happened is counted from the ledger's own lines when somebody asks, and so includes what other processes did: workers
//! beside the ledger, the command line. Only lines since the last time are read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cortexpilot_core::app::Reader;
use cortexpilot_core::domain::lease::{ClaimStanding, HeldKind};
use cortexpilot_core::domain::queue::{FinalStatus, QueueEvent};
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::lines::{LedgerFile, LineFilter, LinesFrom, LinesQuery, Said};
use tokio::sync::Mutex;

/// How many lines are read at once, and how many times for one answer: whoever asks seldom is told the rest the next time.
const READ_AT_ONCE: usize = 500;
const READS_MAX: usize = 40;

/// Every event and, where it can end in several ways, the status it led to. No text of a ledger is a label.
const LABELS: [(&str, &str); 12] = [
    ("QUEUE_ENQUEUE", ""),
    ("QUEUE_CANCEL", ""),
    ("QUEUE_CLAIM", ""),
    ("QUEUE_DONE", "SUCCESS"),
    ("QUEUE_DONE", "FAILURE"),
    ("QUEUE_DONE", "STOPPED"),
    ("QUEUE_DONE", "other"),
    ("QUEUE_STOP", ""),
    ("QUEUE_HOLD", "LOST"),
    ("QUEUE_HOLD", "DEAD_LETTER"),
    ("QUEUE_REQUEUE", ""),
    ("QUEUE_EXPIRE", ""),
];

/// The counts so far.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// The last line that was counted; `None` before anybody asked.
    after: Option<u64>,
    events: BTreeMap<(&'static str, &'static str), u64>,
}

impl Tally {
    /// The Prometheus text of all of it. What cannot be read now is left out.
    pub(crate) async fn text(&self, reader: &Reader) -> String {
        let mut out = String::new();
        let mut counted = self.0.lock().await;
        if counted.go_on(reader).await.is_ok() {
            out.push_str(
                "# HELP cortexpilot_queue_events_total Ledger lines about items since this process was first asked, by \
                 event and where it led.\n# TYPE cortexpilot_queue_events_total counter\n",
            );
            for label @ (event, status) in LABELS {
                let count = counted.events.get(&label).copied().unwrap_or(0);
                // Writing to a String cannot fail.
                let _ =
                    writeln!(out, "cortexpilot_queue_events_total{{event=\"{event}\",status=\"{status}\"}} {count}");
            }
        }
        drop(counted);
        if let Ok(gauges) = gauges(reader).await {
            out.push_str(&gauges);
        }
        out
    }
}

impl Counted {
    async fn go_on(&mut self, reader: &Reader) -> Result<(), StoreError> {
        let total = reader.queue().health().await?.lines;
        // Another ledger than before is counted from where it is now.
        let mut after = self.after.filter(|after| *after <= total).unwrap_or(total);
        for _ in 0..READS_MAX {
            if after >= total {
                break;
            }
            let from = LinesFrom::After(after);
            let query =
                LinesQuery { file: LedgerFile::Queue, from, filter: LineFilter::default(), limit: READ_AT_ONCE };
            let page = reader.queue().lines(&query).await?;
            let Some(last) = page.lines.last() else { break };
            after = last.number;
            for line in &page.lines {
                if let Said::Queue(event) = line.said() {
                    *self.events.entry(label(&event)).or_default() += 1;
                }
            }
        }
        self.after = Some(after);
        Ok(())
    }
}

fn label(event: &QueueEvent) -> (&'static str, &'static str) {
    match event {
        QueueEvent::Enqueued(_) => ("QUEUE_ENQUEUE", ""),
        QueueEvent::Cancelled(_) => ("QUEUE_CANCEL", ""),
        QueueEvent::Claimed(_) => ("QUEUE_CLAIM", ""),
        // A line of an older system may end an item with any word.
        QueueEvent::Done(done) => {
            let known = FinalStatus::ALL.into_iter().find(|status| status.as_str() == done.status);
            ("QUEUE_DONE", known.map_or("other", FinalStatus::as_str))
        }
        QueueEvent::StopRequested(_) => ("QUEUE_STOP", ""),
        QueueEvent::Held(hold) => match hold.kind {
            HeldKind::Lost => ("QUEUE_HOLD", "LOST"),
            HeldKind::DeadLetter => ("QUEUE_HOLD", "DEAD_LETTER"),
        },
        QueueEvent::Requeued(_) => ("QUEUE_REQUEUE", ""),
        QueueEvent::Expired(_) => ("QUEUE_EXPIRE", ""),
    }
}

async fn gauges(reader: &Reader) -> Result<String, StoreError> {
    let now = reader.now();
    let health = reader.queue().health().await?;
    let claims = reader.claims().await?;
    let heard = |standing: &ClaimStanding| {
        let beat = standing.beat.as_ref().map(|beat| beat.at);
        beat.or_else(|| standing.item.claim().map(|claim| claim.claimed_at))
    };
    let silence = claims.iter().filter_map(heard).min().map_or(0, |at| now.duration_since(at).as_secs().max(0));
    let workers = reader.workers().await?.len();
    Ok(format!(
        "# HELP cortexpilot_queue_items Items that are not over, by where they stand.\n\
         # TYPE cortexpilot_queue_items gauge\n\
         cortexpilot_queue_items{{state=\"pending\"}} {}\n\
         cortexpilot_queue_items{{state=\"claimed\"}} {}\n\
         cortexpilot_queue_items{{state=\"held\"}} {}\n\
         # HELP cortexpilot_lease_silence_seconds For how long nothing was heard of the claimed item that was silent longest.\n\
         # TYPE cortexpilot_lease_silence_seconds gauge\n\
         cortexpilot_lease_silence_seconds {silence}\n\
         # HELP cortexpilot_workers Workers that said lately that they are there.\n\
         # TYPE cortexpilot_workers gauge\n\
         cortexpilot_workers {workers}\n",
        health.pending, health.claimed, health.held,
    ))
}
