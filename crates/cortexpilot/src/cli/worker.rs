//! `cortexpilot worker`, `cortexpilot run-next` and `cortexpilot workers`: the work, and who does it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::principal::{Caller, StatedRole, Surface};
use cortexpilot_core::domain::text::{WorkerName, escape};
use cortexpilot_core::error::{ErrorCode, exit};
use cortexpilot_core::port::{Clock, Ids};
use cortexpilot_ledger::FileStore;
use cortexpilot_work::runner::named as runner_named;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Context;
use super::api::remote::Remote;
use super::failure::Stopped;
use super::output::{Answer, json as print_json};
use super::record::Sandbox;
use super::session;
use super::words::moment;
use crate::config::value;
use crate::os::{OsIds, SystemClock};
use crate::serve::{self, Callers, background};
use crate::worker::claims::{Claims, Trouble};
use crate::worker::drive::{Done, Drive, Habits, Orders};
use crate::worker::local::Local;
use crate::worker::machine::{self, Machine, Wanted};
use crate::worker::remote::Server;
use crate::worker::say::{Said, Say, To};
use crate::worker::{carry::Ended, stopping};

/// Claim queue items that can be carried out here, carry them out, and record each as a run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cortexpilot worker
  cortexpilot worker --jobs 4 --repo /srv/shop --sandbox namespaces
  cortexpilot worker --server https://pilot.example.org --token-file worker.token --repo /srv/shop
  cortexpilot worker --once --output json

An item is carried out in a copy of its repository, under the contract that was approved, in the sandbox. What is not ready \
here (its repository, runner, credentials or isolation) is not claimed, and is said once. The first SIGTERM or SIGINT \
lets what runs go on for --grace, then asks it to end and hands it back; the second ends it at once. A worker that cannot \
renew its lease stops its work.

Exit codes: 0 it ended as it was told to, 3 it may not claim, 6 the store came to grief.")]
pub(crate) struct Worker {
    #[command(flatten)]
    place: PlaceArgs,
    /// How many items at once
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// Work until nothing is left that can be done here, then end
    #[arg(long, conflicts_with = "idle_exit")]
    once: bool,
    /// End when there was nothing to do for so long
    #[arg(long, value_name = "DURATION")]
    idle_exit: Option<String>,
}

/// Claim one queue item that can be carried out here, carry it out, and say how it ended
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cortexpilot run-next
  cortexpilot run-next --item 0123456789abcdef0123456789abcdef --repo .
  cortexpilot run-next --server http://127.0.0.1:8000 --token-file worker.token --output json

Exit codes: 0 it succeeded, 5 it was carried out and did not, 4 there is nothing to do here, 3 claiming is refused.")]
pub(crate) struct RunNext {
    #[command(flatten)]
    place: PlaceArgs,
    /// This item and no other
    #[arg(long, value_name = "ID")]
    item: Option<String>,
}

/// Look at the workers that are there
#[derive(Debug, Subcommand)]
pub(crate) enum Workers {
    /// List the workers that said within three minutes that they are there; changes nothing
    #[command(after_help = "\
Examples:
  cortexpilot workers list
  cortexpilot workers list --output json

What a worker cannot take, and why, stands below it. Nothing is decided by this list: whether a claim lives is decided by \
its heartbeats.")]
    List,
}

/// For whom, and where.
#[derive(Debug, Clone, Args)]
struct PlaceArgs {
    /// The control plane whose queue it works for; without it, the queue of this machine's runtime root
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The file with the worker's token for that server; without it, this machine's own token, and only for loopback
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<String>,
    /// What it calls itself; the machine's name and the process, if left out
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The role it acts in, where its token is an operator's
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// How long a claim outlives a worker that is not heard of any more: 1s to 24h
    #[arg(long, default_value = "60s", value_name = "DURATION")]
    lease: String,
    /// How long what runs may go on after the first signal: 0 or 1s to 24h
    #[arg(long, default_value = "30s", value_name = "DURATION")]
    grace: String,
    /// What stands around the work
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    sandbox: Sandbox,
    /// A repository that may be worked on; may be repeated. Without it, whatever the items name
    #[arg(long, value_name = "DIR")]
    repo: Vec<PathBuf>,
    /// The runner for contracts that name none: shell, script, codex, claude
    #[arg(long, value_name = "NAME")]
    runner: Option<String>,
    /// Hand a variable of this environment to the work; may be repeated
    #[arg(long, value_name = "NAME")]
    pass_env: Vec<String>,
    /// Something outside the workspace that the work may read and execute; may be repeated
    #[arg(long, value_name = "PATH")]
    read: Vec<PathBuf>,
}

/// What is kept alive beside a worker, and how it ends.
struct Beside {
    store: Option<Arc<FileStore>>,
    tasks: Vec<JoinHandle<()>>,
    _registered: Option<crate::processes::Registered>,
}

impl PlaceArgs {
    fn name(&self) -> Result<WorkerName, Stopped> {
        let Some(stated) = &self.name else { return Ok(machine::default_name()) };
        let name = WorkerName::parse(stated).map_err(|problem| Stopped::Usage(format!("--name {problem}")))?;
        name.ok_or_else(|| Stopped::Usage("--name is blank".to_owned()))
    }

    fn lease(&self) -> Result<Duration, Stopped> {
        duration("--lease", &self.lease)
    }

    fn grace(&self) -> Result<Duration, Stopped> {
        if self.grace.trim() == "0" { Ok(Duration::ZERO) } else { duration("--grace", &self.grace) }
    }

    fn wanted(&self) -> Result<Wanted, Stopped> {
        if let Some(name) = &self.runner {
            runner_named(name).map_err(|problem| Stopped::Usage(format!("--runner: {problem}")))?;
        }
        Ok(Wanted {
            sandbox: self.sandbox.choice(),
            repositories: self.repo.clone(),
            runner: self.runner.clone(),
            read: self.read.clone(),
            pass_env: self.pass_env.clone(),
        })
    }

    /// The queue, and whom it is asked as.
    async fn claims(&self, context: &Context, name: &WorkerName) -> Result<(Arc<dyn Claims>, String, Beside), Stopped> {
        if let Some(server) = &self.server {
            let remote = Remote::of(server, self.token_file.as_deref(), context)?;
            let claims = Arc::new(Server::new(remote, name.as_str(), self.role.clone()));
            let beside = Beside { store: None, tasks: Vec::new(), _registered: None };
            return Ok((claims, format!("whom its token names, at {server}"), beside));
        }
        let settings = &context.settings;
        let (app, store) = serve::writer(settings, Callers::Many)?;
        let caller = session::worker(settings, app.reader()).await?;
        let principal = caller.principal_id().to_owned();
        let app = Arc::new(app);
        let registered = background::announce(settings, "worker", &principal, None);
        let watching = background::sweep_now_and_then(app.clone(), caller.clone());
        let role = StatedRole::read(self.role.as_deref());
        let claims = Arc::new(Local::new(app, caller, name.clone(), role));
        Ok((claims, principal, Beside { store: Some(store), tasks: vec![watching], _registered: registered }))
    }

    /// Works with these habits until the worker's end.
    async fn work(&self, context: &Context, habits: Habits, say: Arc<Say>) -> Result<Done, Stopped> {
        let (wanted, grace) = (self.wanted()?, self.grace()?);
        let (claims, principal, beside) = self.claims(context, &habits.name).await?;
        let machine = Machine::of(&context.settings, &context.environment, habits.name.as_str(), wanted);
        let machine = Arc::new(machine.map_err(Stopped::Usage)?);
        // Before anything is said: whoever reads it may tell the process to stop at once.
        let orders = stopping::by_signals(grace)?;
        if let Some(store) = beside.store.clone() {
            orders.stop_when(async move { drop(store.failure().await) });
        }
        say.say(&Said::Started {
            worker: habits.name.as_str().to_owned(),
            principal,
            slots: habits.slots,
            sandbox: machine.sandbox(),
            cleared: machine.cleared,
        });
        let done = Drive::new(claims, machine, say.clone(), ports(), habits, orders.receiver()).run().await;
        beside.tasks.iter().for_each(JoinHandle::abort);
        if let Some(store) = &beside.store {
            session::ended_well(store)?;
        }
        Ok(done)
    }
}

fn duration(flag: &str, stated: &str) -> Result<Duration, Stopped> {
    let parsed = value::duration(stated).map_err(|problem| Stopped::Usage(format!("{flag} {problem}")))?;
    Ok(parsed.unsigned_abs())
}

/// How often a queue is looked at that is not this machine's own.
const POLL_REMOTE: Duration = Duration::from_secs(1);

/// How often this machine's own is.
pub(crate) const POLL_LOCAL: Duration = Duration::from_millis(300);

impl Worker {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let idle_exit = match &self.idle_exit {
            Some(stated) => Some(duration("--idle-exit", stated)?),
            None => self.once.then_some(Duration::ZERO),
        };
        let habits = Habits {
            name: self.place.name()?,
            slots: self.jobs,
            lease: self.place.lease()?,
            poll: if self.place.server.is_some() { POLL_REMOTE } else { POLL_LOCAL },
            idle_exit,
            items: None,
            only: None,
        };
        let say = Say::new(if context.view.is_json() { To::Programs } else { To::People });
        let done = self.place.work(context, habits, say.clone()).await?;
        if let Some(trouble) = done.refused.filter(|_| !done.told_to) {
            return Err(not_asked(trouble));
        }
        say.say(&Said::Ended { finished: u32::try_from(done.ended.len()).unwrap_or(u32::MAX) });
        Ok(Answer::ok(String::new()))
    }
}

/// The queue that could not be asked, as the end of a command.
fn not_asked(trouble: Trouble) -> Stopped {
    match trouble {
        Trouble::Refused { code, reason } => {
            let known = ErrorCode::ALL.iter().find(|known| known.as_str() == code);
            Stopped::code(known.copied().unwrap_or(ErrorCode::Internal), reason, &OsIds)
        }
        Trouble::NotOurs(why) | Trouble::Away(why) => {
            Stopped::Fault(anyhow::anyhow!("the queue cannot be asked: {why}"))
        }
    }
}

impl RunNext {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let only = match &self.item {
            Some(stated) => Some(QueueItemId::parse(stated).ok_or_else(|| Stopped::Usage("--item is blank".into()))?),
            None => None,
        };
        let habits = Habits {
            name: self.place.name()?,
            slots: 1,
            lease: self.place.lease()?,
            poll: Duration::from_millis(100),
            idle_exit: Some(Duration::ZERO),
            items: Some(1),
            only,
        };
        let say = Say::new(if context.view.is_json() { To::Programs } else { To::People });
        let done = self.place.work(context, habits, say).await?;
        if let (Some(trouble), true) = (&done.refused, done.ended.is_empty()) {
            return Err(not_asked(trouble.clone()));
        }
        Ok(one(context, &done))
    }
}

/// What one item came to.
fn one(context: &Context, done: &Done) -> Answer {
    let (exit, outcome) = match done.ended.first() {
        Some(Ended::Succeeded) => (exit::OK, "succeeded"),
        Some(Ended::NotSucceeded) => (exit::CONFLICT, "not_succeeded"),
        Some(Ended::HandedBack) => (exit::CONFLICT, "handed_back"),
        Some(Ended::Untouched) => (exit::CONFLICT, "untouched"),
        Some(Ended::Lost) => (exit::CONFLICT, "lost"),
        None if done.idle.as_deref().is_some_and(|why| why == "frozen" || why == "paused") => (exit::DENIED, "refused"),
        None => (exit::NOT_FOUND, "nothing"),
    };
    let text = if context.view.is_json() {
        super::output::json_line(&json!({"event": "ended", "outcome": outcome, "reason": done.idle}))
    } else if done.ended.is_empty() {
        match (&done.idle, done.cannot.len()) {
            (Some(why), _) => format!("Nothing taken: the queue is {why}.\n"),
            (None, 0) => "Nothing to do: no item is eligible now.\n".to_owned(),
            (None, 1) => "Nothing taken: the one item that is eligible cannot be carried out here.\n".to_owned(),
            (None, more) => format!("Nothing taken: none of {more} eligible items can be carried out here.\n"),
        }
    } else {
        String::new()
    };
    Answer { text, exit }
}

impl Workers {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let Self::List = self;
        let reader = session::reader(&context.settings)?;
        let workers = reader.workers().await.map_err(|error| Stopped::store(error, &OsIds))?;
        if context.view.is_json() {
            let views: Vec<_> = workers.iter().map(cortexpilot_server::wire::WorkerView::of).collect();
            return Ok(Answer::ok(print_json(&json!({"items": views}))));
        }
        if workers.is_empty() {
            let root = escape(&context.settings.runtime_root.display().to_string());
            let start = context.commands.line(&["worker"]);
            return Ok(Answer::ok(format!("No worker of {root} says that it is there.\nTo start one: {start}\n")));
        }
        let now = SystemClock.now();
        let rows = workers.iter().map(|worker| {
            let state = match (worker.draining, worker.running.len()) {
                (true, running) => format!("stopping, {running} running"),
                (false, running) => format!("{running} of {} running", worker.slots),
            };
            let place = format!("{} ({})", worker.host, worker.pid);
            vec![worker.worker.clone(), state, place, worker.principal.clone(), moment(worker.at, now)]
        });
        let mut text = context.view.table(&["worker", "state", "where", "acts as", "last heard of"], rows);
        for worker in workers.iter().filter(|worker| !worker.cannot.is_empty()) {
            text.push_str(&format!("\n{} cannot take\n", escape(&worker.worker)));
            for cannot in &worker.cannot {
                text.push_str(&format!("  {}  {}\n", escape(cannot.queue_id.as_str()), escape(&cannot.why)));
            }
        }
        Ok(Answer::ok(text))
    }
}

/// A worker inside a server: what it is called, what stands around its work, and how it is told to stop.
pub(crate) struct Embedded {
    pub(crate) name: WorkerName,
    pub(crate) sandbox: String,
    orders: watch::Sender<Orders>,
    drive: Drive,
}

/// How long what runs may go on when a server with a worker in it is told to stop; and again until it is handed back.
const EMBEDDED_GRACE: Duration = Duration::from_secs(10);

impl Embedded {
    /// Looks whether this machine can work, and how. What the worker says goes to standard error.
    ///
    /// # Errors
    /// Why it cannot, with the way out.
    pub(crate) async fn prepare(context: &Context, store: Arc<FileStore>) -> Result<Self, String> {
        let name = machine::default_name();
        let (settings, environment, called) = (context.settings.clone(), context.environment.clone(), name.clone());
        let looked = tokio::task::spawn_blocking(move || {
            Machine::of(&settings, &environment, called.as_str(), Wanted::default())
        });
        let machine = Arc::new(looked.await.map_err(|error| error.to_string())??);
        let app = serve::app_over(&context.settings, store).map_err(|error| error.to_string())?;
        let caller = Caller { principal: Some(context.settings.worker()), surface: Surface::Cli };
        let claims = Arc::new(Local::new(Arc::new(app), caller, name.clone(), StatedRole::Absent));
        let habits = Habits {
            name: name.clone(),
            slots: 1,
            lease: Duration::from_secs(60),
            poll: POLL_LOCAL,
            idle_exit: None,
            items: None,
            only: None,
        };
        let (orders, receiver) = watch::channel(Orders::Work);
        let sandbox = machine.sandbox();
        let drive = Drive::new(claims, machine, Say::new(To::Beside), ports(), habits, receiver);
        Ok(Self { name, sandbox, orders, drive })
    }

    /// Begins to work.
    pub(crate) fn begin(self) -> Working {
        Working { orders: self.orders, task: tokio::spawn(self.drive.run()) }
    }
}

/// A worker inside a server, at work.
pub(crate) struct Working {
    orders: watch::Sender<Orders>,
    task: JoinHandle<Done>,
}

impl Working {
    /// Takes nothing more once this is ready, and is ready itself then.
    pub(crate) fn drains_after(
        &self,
        told: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let orders = self.orders.clone();
        async move {
            told.await;
            orders.send_replace(Orders::Drain);
        }
    }

    /// Lets what runs go on for a moment, then hands it back.
    pub(crate) async fn end(mut self) {
        for orders in [Orders::Drain, Orders::Stop] {
            self.orders.send_replace(orders);
            // What is asked to end and does not is killed after a few seconds; handing it back takes one write.
            if tokio::time::timeout(EMBEDDED_GRACE, &mut self.task).await.is_ok() {
                return;
            }
        }
        tracing::warn!("what ran here was not handed back: its lease ends by itself");
    }
}

fn ports() -> (Arc<dyn Ids>, Arc<dyn Clock>) {
    (Arc::new(OsIds), Arc::new(SystemClock))
}
