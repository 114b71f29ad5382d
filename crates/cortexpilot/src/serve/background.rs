//! What a process does beside serving: it says that it runs, tells of approval requests, and writes down those that nobody
//! decided in time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cortexpilot_core::app::App;
use cortexpilot_core::domain::approval::{ApprovalId, ApprovalRequest};
use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::governance::GovernanceQuery;
use cortexpilot_core::domain::lease::LeaseWatch;
use cortexpilot_core::domain::principal::Caller;
use cortexpilot_core::domain::session::EndSessions;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::os::{OsIds, SystemClock};
use crate::processes::{self, Entry, Registered};
use crate::webhook::{ApprovalNotice, Webhook};

/// How often requests, and sessions, are looked at whose time may be over.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// So many requests are remembered as told.
const TOLD_MAX: usize = 256;

/// Tells somebody of approval requests, where configuration names somebody.
#[derive(Default)]
pub(crate) struct Notices(Option<Arc<Webhook>>);

impl Notices {
    /// Has the app tell of every request that it newly records. Must be called inside a runtime.
    pub(crate) fn of(settings: &Settings, app: App) -> (App, Self) {
        let Some(settings) = &settings.webhook else { return (app, Self::default()) };
        let webhook = Arc::new(Webhook::start(settings.clone(), Arc::new(SystemClock), Arc::new(OsIds)));
        let (teller, told) = (webhook.clone(), Told::default());
        let app = app.on_request(Arc::new(move |request| {
            if told.is_first(&request.asked.id) {
                teller.requested(&notice(request));
            }
        }));
        (app, Self(Some(webhook)))
    }

    /// Waits a few seconds for what is still to be delivered.
    pub(crate) async fn stop(&self) {
        let Some(webhook) = &self.0 else { return };
        webhook.stop().await;
        let counts = webhook.counts();
        tracing::debug!(
            delivered = counts.delivered,
            given_up = counts.given_up,
            dropped = counts.dropped,
            "notices to the approval webhook"
        );
    }
}

/// Which requests were told already: a clock that goes back must not tell one twice.
#[derive(Default)]
struct Told(Mutex<VecDeque<ApprovalId>>);

impl Told {
    fn is_first(&self, id: &ApprovalId) -> bool {
        let mut told = self.0.lock().expect("invariant: nobody panics while holding what was told");
        if told.contains(id) {
            return false;
        }
        told.push_back(id.clone());
        if told.len() > TOLD_MAX {
            told.pop_front();
        }
        true
    }
}

fn notice(request: &ApprovalRequest) -> ApprovalNotice<'_> {
    let asked = &request.asked;
    ApprovalNotice {
        id: asked.id.as_str(),
        run_id: &asked.run_id,
        requested_by: &asked.requested_by,
        principal: &asked.requester.principal,
        policy: asked.policy,
        needs: request.needs(),
        expires_at: asked.expires_at,
    }
}

/// Says that this process serves the runtime root, for as long as the answer is held. Where that cannot be said the process
/// serves all the same. `url` is where people reach its console, where it has one.
pub(crate) fn announce(settings: &Settings, surface: &str, principal: &str, url: Option<String>) -> Option<Registered> {
    processes::sweep(&settings.runtime_root);
    let entry = Entry {
        surface: surface.to_owned(),
        pid: std::process::id(),
        // A worker queues nothing, whatever its environment says.
        gate: if surface == "worker" { MutationGate::Shut } else { settings.mutation_gate }.into(),
        policy: settings.approval.as_str().to_owned(),
        principal: principal.to_owned(),
        since: super::now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url,
    };
    match Registered::announce(&settings.runtime_root, &entry) {
        Ok(registered) => Some(registered),
        Err(error) => {
            tracing::warn!(%error, "this process is not in the list of those that run");
            None
        }
    }
}

/// Writes down, now and every minute, which requests nobody decided in time. A request that is past its time cannot be
/// approved whether or not that is written down; the line is for whoever reads the record later.
pub(crate) fn expire_now_and_then(app: Arc<App>, caller: Caller) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EXPIRE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            expire_all(&app, &caller).await;
            // Whoever comes with one is refused whether or not it is swept; but nothing is kept that is worth nothing.
            let over = EndSessions::Over(app.reader().now());
            if let Err(error) = app.end_sessions(over).await {
                tracing::warn!(%error, "sessions whose time is over cannot be swept");
            }
        }
    })
}

async fn expire_all(app: &App, caller: &Caller) {
    loop {
        // Looked at first: where nothing is overdue, nothing takes the store's lock.
        let query = GovernanceQuery { overdue_at: Some(app.reader().now()), ..GovernanceQuery::default() };
        match app.reader().queue().governance(&query).await {
            Ok(facts) if facts.overdue.is_none() => return,
            Ok(_) => {}
            Err(error) => return tracing::warn!(%error, "requests past their time cannot be looked at"),
        }
        match app.expire_one(caller).await {
            Ok(Some(request)) => tracing::info!(approval = %request.asked.id, "nobody decided this request in time"),
            Ok(None) => return,
            Err(failure) => {
                return tracing::warn!(
                    code = failure.code().as_str(),
                    "a request past its time cannot be written down"
                );
            }
        }
    }
}

/// How often claimed items are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A look that comes later than this counts as one that came after so long: who did not look could not have seen a heartbeat,
/// so what a process slept through is no silence of anybody's.
const SWEEP_GAP_MAX: Duration = Duration::from_secs(5);

/// Looks once a second at who still works: a claim of which nothing was heard for as long as its lease is ended, and an item
/// whose deadline has passed is closed. By this process's own monotonic clock, never the wall clock.
pub(crate) fn sweep_now_and_then(app: Arc<App>, caller: Caller) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (mut watch, mut awake, mut looked) = (LeaseWatch::new(), Duration::ZERO, Instant::now());
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed = None;
        loop {
            ticks.tick().await;
            let now = Instant::now();
            awake += now.duration_since(looked).min(SWEEP_GAP_MAX);
            looked = now;
            match app.sweep(&caller, &mut watch, awake).await {
                Ok(ended) => {
                    failed = None;
                    for item in ended {
                        tracing::warn!(
                            item = item.queue_id().as_str(),
                            status = item.status(),
                            "nobody answers for it"
                        );
                    }
                }
                Err(failure) => {
                    // Once for as long as it stays so: a store that cannot be written is said elsewhere too.
                    let code = failure.code();
                    if failed != Some(code) {
                        tracing::warn!(code = code.as_str(), "claims cannot be watched");
                        failed = Some(code);
                    }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::app::{ApplyRequest, Outcome, RunRequest};
    use cortexpilot_core::domain::approval::ApprovalStatus;
    use cortexpilot_core::domain::command::{ApprovalPolicy, Policy};
    use cortexpilot_core::domain::governance::ApprovalFilter;
    use cortexpilot_core::domain::id::QueueItemId;
    use cortexpilot_core::domain::principal::{StatedRole, Surface};
    use cortexpilot_core::domain::text::Stated;
    use cortexpilot_core::port::fake::{FakeRuns, ManualClock, MemStore, SeqIds, run_facts};
    use jiff::SignedDuration;

    use super::*;
    use crate::config::{Environment, Overrides};

    fn settings() -> Settings {
        let environment = Environment { cwd: std::env::temp_dir(), user: "alice".into(), ..Environment::default() };
        Settings::load(&environment, &Overrides::default()).unwrap()
    }

    async fn ask(app: &App, caller: &Caller, priority: i64) {
        let mut run = RunRequest { run_id: "run_ok".into(), ..RunRequest::default() };
        run.parameters.priority = priority;
        app.preview(caller, run.clone()).await.unwrap();
        let apply = ApplyRequest {
            confirm: true,
            actor_role: StatedRole::read(Some("OPS")),
            requested_by: Stated::read(Some("Alice")),
            approval_reason: Stated::read(Some("again")),
            ..ApplyRequest::default()
        };
        assert!(matches!(app.enqueue(caller, run, apply).await.unwrap(), Outcome::AwaitsApproval(_)));
    }

    #[tokio::test]
    async fn every_request_that_nobody_decided_is_written_down_once() {
        let settings = settings();
        let (clock, store) = (ManualClock::at("2026-01-15T12:00:00Z".parse().unwrap()), Arc::new(MemStore::default()));
        let clock = Arc::new(clock);
        let approval = ApprovalPolicy::Operator;
        let policy = Policy { mutation_gate: MutationGate::Open, approval, ..settings.policy() };
        let runs = Arc::new(FakeRuns::of([run_facts("run_ok")]));
        let told = Arc::new(Mutex::new(0));
        let telling = told.clone();
        let app = App::new(store.clone(), runs, clock.clone(), Arc::new(SeqIds::default()), policy, None)
            .on_request(Arc::new(move |_| *telling.lock().unwrap() += 1));
        let agent = Caller { principal: Some(settings.agent()), surface: Surface::Mcp };
        for priority in 1..=3 {
            ask(&app, &agent, priority).await;
            // Repeated: recorded before, so nobody is told again.
            clock.advance(SignedDuration::from_secs(1));
            ask(&app, &agent, priority).await;
        }
        assert_eq!((*told.lock().unwrap(), store.decisions().len()), (3, 3));
        let operator = Caller { principal: Some(settings.operator()), surface: Surface::Http };
        expire_all(&app, &operator).await;
        assert_eq!(store.decisions().len(), 3, "their time is not over");
        clock.advance(SignedDuration::from_hours(24));
        for _ in 0..2 {
            expire_all(&app, &operator).await;
            assert_eq!(store.decisions().len(), 6);
        }
        assert!(store.decisions()[3..].iter().all(|line| line.contains("\"EXPIRED\"")));
        let open = ApprovalFilter { status: Some((ApprovalStatus::Pending, app.reader().now())), ..Default::default() };
        assert!(app.reader().approvals(&open).await.unwrap().requests.is_empty());
    }

    #[test]
    fn a_request_is_told_once_and_only_the_latest_are_remembered() {
        let id = |number: usize| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
            ApprovalId::of(&QueueItemId::from_bytes(bytes))
        };
        let told = Told::default();
        assert!(told.is_first(&id(0)) && !told.is_first(&id(0)));
        for number in 1..=TOLD_MAX {
            assert!(told.is_first(&id(number)));
        }
        assert!(told.is_first(&id(0)), "what is forgotten is told again: better twice than never");
    }
}
