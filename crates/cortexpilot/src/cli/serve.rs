//! `cortexpilot serve` and `cortexpilot up`: the operator's HTTP control plane, and the one calm screen.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use cortexpilot_core::app::App;
use cortexpilot_core::domain::approval::ApprovalStatus;
use cortexpilot_core::domain::governance::{ApprovalFilter, Standing};
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::port::runs::{PageQuery, Runs as _};
use cortexpilot_ledger::FileStore;
use cortexpilot_runs::RunStore;
use cortexpilot_server::mcp::http::{PILOT_PATH, READONLY_PATH};
use serde::Serialize;
use tokio::net::TcpListener;

use super::Context;
use super::failure::Stopped;
use super::output::{self, Answer, View};
use super::session;
use super::words::{Commands, near};
use super::worker::Embedded;
use crate::cli::config::configuration;
use crate::config::{Origin, Overrides, Secret, Settings, table};
use crate::os::OsIds;
use crate::processes::Registered;
use crate::serve::background::{self, Notices};
use crate::serve::{Beside, Personal};
use crate::{demo, serve};

pub(super) mod token;

/// Where to listen.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Address {
    /// The address to listen on, in place of CORTEXPILOT_API_HOST: an IP address or localhost
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The port, in place of CORTEXPILOT_API_PORT; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// A proxy in front of this server ends TLS; needed on an address that is not loopback
    #[arg(long)]
    behind_tls_proxy: bool,
}

impl Address {
    pub(super) fn put(&self, overrides: &mut Overrides) {
        overrides.host.clone_from(&self.host);
        overrides.port = self.port;
    }
}

/// Serve the operator's control plane over HTTP
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  CORTEXPILOT_API_TOKEN=$(cat token) cortexpilot serve
  cortexpilot serve --host 0.0.0.0 --behind-tls-proxy
  cortexpilot serve --port 0 --output json
  cortexpilot serve --mcp-pilot

The read-only MCP server is at /mcp/readonly, for whoever is signed in. The queue pilot is at /mcp/queue-pilot only with \
--mcp-pilot, for agents' personal tokens alone, and may queue only while queueing is switched on. \
With authentication on it refuses to start when nobody could sign in: without a configured token and without any \
operator's personal token (`cortexpilot token create`). `cortexpilot up` makes a token. SIGINT and SIGTERM stop it when \
the requests under way are answered. On a terminal it prints an address that signs one browser in to the console, once and \
within five minutes; `cortexpilot console login` prints another. When a write to the ledger fails it acknowledges nothing more and ends with exit code \
6; let whatever supervises it start it again.")]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(super) address: Address,
    /// Serve the queue pilot to agents over MCP too, at /mcp/queue-pilot; opens no check
    #[arg(long)]
    mcp_pilot: bool,
}

/// Start a console for these runs: makes a token, serves HTTP, and prints where to look and what to do next
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cortexpilot up --demo                 made-up runs, in a root of their own
  cortexpilot up --runs /srv/agents/runs
  cortexpilot up --port 0
  cortexpilot up --no-worker

A worker runs in it: what is queued is claimed and carried out in the sandbox, on a copy of the repository that the item \
names, one item at a time. The sign-in address is good for one browser, once and within five minutes; `cortexpilot console \
login` prints another. If nobody asked for a port and 8000 is taken, a free one is used. Every command it prints works as it stands from the \
same directory.")]
pub(crate) struct Up {
    /// Serve demonstration runs from a root of their own; never touches the root that plain `up` serves
    #[arg(long)]
    pub(super) demo: bool,
    /// Carry nothing out here: without it, a worker in this process takes queued items and runs them in the sandbox
    #[arg(long)]
    no_worker: bool,
    #[command(flatten)]
    pub(super) address: Address,
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let settings = &context.settings;
        let personal = personal_tokens(settings, &[PrincipalKind::Operator]).await?;
        serve::auth(settings, settings.api_token.as_ref(), personal, self.address.behind_tls_proxy).map_err(refused)?;
        let opened = open(context, "serve").await?;
        let said = match (&settings.api_token, settings.auth_required) {
            (_, false) => SignIn::Off,
            (Some(_), true) => SignIn::Configured,
            (None, true) => SignIn::Personal,
        };
        let beside = Beside { configuration: configuration(context), demo: false, mcp_pilot: self.mcp_pilot };
        let sign_in = (settings.api_token.clone(), said);
        let parts = (beside, Working::NotAsked, OneTime::where_somebody_reads(context));
        start(context, &self.address, opened, sign_in, &[], parts).await
    }
}

impl Up {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let settings = &context.settings;
        let commands = Commands::from_anywhere(context);
        if self.demo {
            if context.commands != Commands::bare(&context.environment) {
                return Err(Stopped::Usage(
                    "--demo has roots of its own and never touches others: leave --runtime-root and --runs out"
                        .to_owned(),
                ));
            }
            demo::write_missing(&settings.runs_root, serve::now(), &OsIds).map_err(|error| {
                anyhow::anyhow!("the demonstration cannot be written beside {}: {error}", settings.runs_root.display())
            })?;
        }
        // A set-up that will be refused leaves no token behind.
        let placeholder = Secret::new("0".repeat(64));
        let token = settings.api_token.as_ref().unwrap_or(&placeholder);
        serve::auth(settings, Some(token), Personal::None, self.address.behind_tls_proxy).map_err(refused)?;
        let opened = open(context, "up").await?;
        let sign_in = match (&settings.api_token, settings.auth_required) {
            (_, false) => (None, SignIn::Off),
            (Some(token), true) => (Some(token.clone()), SignIn::Configured),
            (None, true) => {
                let (token, file) = token::load_or_make(&settings.runtime_root, &OsIds)?;
                (Some(token), SignIn::File(near(&file, &context.environment.cwd)))
            }
        };
        let beside = Beside { configuration: configuration(context), demo: self.demo, mcp_pilot: false };
        let working = match self.no_worker {
            true => Working::None("--no-worker".to_owned()),
            false => Working::of(Embedded::prepare(context, opened.store.clone()).await),
        };
        let next = match self.demo {
            true => demo_commands(&commands, context, matches!(working, Working::Here(_))),
            false => next_commands(&commands, &session::runs(settings)?).await,
        };
        let parts = (beside, working, OneTime::Printed);
        start(context, &self.address, opened, sign_in, &next, parts).await
    }
}

pub(super) fn refused(why: serve::Unsafe) -> Stopped {
    Stopped::Usage(why.to_string())
}

/// Whether items are carried out in this very process.
enum Working {
    /// Nobody asks: `serve` never does.
    NotAsked,
    /// They are not, for this reason.
    None(String),
    /// They are.
    Here(Box<Embedded>),
}

impl Working {
    fn of(prepared: Result<Embedded, String>) -> Self {
        match prepared {
            Ok(embedded) => Self::Here(Box::new(embedded)),
            Err(why) => Self::None(why),
        }
    }
}

/// Whether an address is printed that signs a browser in, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OneTime {
    Printed,
    /// What is printed here is likely to be kept: a journal is no place for it.
    Kept,
}

impl OneTime {
    fn where_somebody_reads(context: &Context) -> Self {
        if context.view.is_terminal() && !context.view.is_json() { Self::Printed } else { Self::Kept }
    }
}

/// How one signs in, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SignIn {
    Off,
    Configured,
    Personal,
    File(String),
}

/// Whether anybody of these kinds could sign in with a token of their own. Looked at only where that decides something, and
/// only where there is a runtime root to look into.
pub(super) async fn personal_tokens(settings: &Settings, kinds: &[PrincipalKind]) -> Result<Personal, Stopped> {
    if settings.api_token.is_some() || !settings.auth_required || !settings.runtime_root.exists() {
        return Ok(Personal::None);
    }
    let reader = session::reader(settings)?;
    let any = serve::identity::somebody_has_a_token(&reader, kinds).await;
    let any = any.map_err(|error| Stopped::store(error, &OsIds))?;
    Ok(if any { Personal::Some } else { Personal::None })
}

/// What a server works with, when it may start.
struct Opened {
    listener: TcpListener,
    app: App,
    store: Arc<FileStore>,
    notices: Notices,
    standing: Standing,
    _registered: Option<Registered>,
}

/// Takes the address before the ledger: a port that is taken leaves nothing behind.
async fn open(context: &Context, surface: &str) -> Result<Opened, Stopped> {
    let settings = &context.settings;
    let listener = serve::bind(settings, surface == "up" && settings.port_is_default).await?;
    let (app, store, notices) = session::asking_writer(settings)?;
    let standing = session::may_start(settings, app.reader()).await?;
    let url = listener.local_addr().ok().map(serve::base_url);
    let _registered = background::announce(settings, surface, &settings.principal, url);
    Ok(Opened { listener, app, store, notices, standing, _registered })
}

async fn start(
    context: &Context,
    address: &Address,
    opened: Opened,
    (token, sign_in): (Option<Secret>, SignIn),
    next: &[Next],
    (beside, working, one_time): (Beside, Working, OneTime),
) -> Result<Answer, Stopped> {
    let settings = &context.settings;
    let Opened { listener, app, store, notices, standing, _registered } = opened;
    let personal = if sign_in == SignIn::Personal { Personal::Some } else { Personal::None };
    let auth = serve::auth(settings, token.as_ref(), personal, address.behind_tls_proxy).map_err(refused)?;
    let bound = listener.local_addr().map_err(|error| anyhow::anyhow!("the listener has no address: {error}"))?;
    let runs = session::runs(settings)?;
    let base = serve::base_url(bound);
    let login = match (&token, one_time) {
        (Some(token), OneTime::Printed) if settings.auth_required => login(&app, settings, token, &base).await,
        (Some(_) | None, OneTime::Printed | OneTime::Kept) => None,
    };
    let screen = Screen {
        another: Commands::from_anywhere(context).line(&["console", "login"]),
        login,
        mcp_readonly: format!("{base}{READONLY_PATH}"),
        mcp_queue_pilot: beside.mcp_pilot.then(|| format!("{base}{PILOT_PATH}")),
        url: format!("{base}/"),
        // Only `up` takes another port than was asked for.
        other_port: bound.port() != settings.port && settings.port != 0,
        demo: beside.demo,
        runs: RunCount::of(&runs, &settings.runs_root, &context.environment.cwd).await,
        agents_may_queue: serve::queueing_words(settings, &standing),
        approval_policy: standing.policy(settings.approval).as_str(),
        approvals_pending: approvals_pending(&app).await,
        ledger: serve::ledger_words(&*store).await,
        frozen: standing.frozen.as_ref().map(super::gate::status::frozen_words),
        sign_in,
        worker: match &working {
            Working::NotAsked => None,
            Working::None(why) => Some(Err(why.clone())),
            Working::Here(embedded) => Some(Ok(WorkerHere {
                name: embedded.name.as_str().to_owned(),
                sandbox: embedded.sandbox.clone(),
                slots: 1,
            })),
        },
        next,
    };
    // Before the address is printed: whoever reads it may tell the process to stop at once.
    let stop = serve::stop_signal()?;
    output::print(&screen.text(&context.view)).map_err(anyhow::Error::from)?;
    let kept = store.clone();
    let served = match working {
        Working::NotAsked | Working::None(_) => {
            serve::control_plane(settings, listener, auth, app, kept, beside, stop, std::future::ready(())).await
        }
        Working::Here(embedded) => {
            let working = embedded.begin();
            let stop = working.drains_after(stop);
            serve::control_plane(settings, listener, auth, app, kept, beside, stop, working.end()).await
        }
    };
    notices.stop().await;
    served?;
    session::ended_well(&store)?;
    Ok(Answer::ok(String::new()))
}

/// An address that signs in once. A server serves without it just as well.
async fn login(app: &App, settings: &Settings, token: &Secret, base: &str) -> Option<String> {
    match serve::login_address(app, &serve::ground_of_api_token(settings, token), base).await {
        Ok((address, _)) => Some(address),
        Err(error) => {
            tracing::warn!(%error, "no one-time address could be made");
            None
        }
    }
}

/// How many requests wait for people; `None` where that cannot be read.
async fn approvals_pending(app: &App) -> Option<usize> {
    let filter =
        ApprovalFilter { status: Some((ApprovalStatus::Pending, app.reader().now())), ..ApprovalFilter::default() };
    Some(app.reader().approvals(&filter).await.ok()?.requests.len())
}

/// At most so many runs are counted for the screen.
const RUNS_COUNTED: usize = 500;

struct RunCount {
    runs: usize,
    more: bool,
    /// `None` where there are too many to look through before anybody is served.
    waiting: Option<usize>,
    root: String,
}

impl RunCount {
    async fn of(store: &RunStore, root: &Path, cwd: &Path) -> Self {
        let page = || PageQuery::first(RUNS_COUNTED);
        // Their names are counted first: to list many means to read all of them, and who starts a server wants it to serve.
        let names = std::fs::read_dir(root).map_or(0, |names| names.take(RUNS_COUNTED + 1).count());
        if names > RUNS_COUNTED {
            return Self { runs: RUNS_COUNTED, more: true, waiting: None, root: near(root, cwd) };
        }
        let (runs, more) = store.list(page()).await.map_or((0, false), |list| (list.items.len(), list.next.is_some()));
        let waiting = store.pending_approvals(None, page()).await.map_or(0, |list| list.items.len());
        Self { runs, more, waiting: Some(waiting), root: near(root, cwd) }
    }

    fn words(&self) -> String {
        let number = if self.more { format!("more than {}", self.runs) } else { self.runs.to_string() };
        let waiting = match self.waiting {
            None => String::new(),
            Some(0) => ", none waits for a person".to_owned(),
            Some(number) => format!(", {}", super::runs::waits(number)),
        };
        let runs = if self.runs == 0 { "none yet".to_owned() } else { format!("{number}{waiting}") };
        format!("{runs}, in {}", escape(&self.root))
    }
}

/// A command to try next, with what it is for.
#[derive(Debug, Clone, Serialize)]
struct Next {
    what: &'static str,
    command: String,
}

/// Commands that work as printed and end with exit code 0.
async fn next_commands(commands: &Commands, runs: &RunStore) -> Vec<Next> {
    let mut next = vec![Next { what: "Look at the runs", command: commands.line(&["runs", "list"]) }];
    let (ready, waiting) = examples(runs).await;
    if let Some(run) = ready {
        let preview = commands.line(&["queue", "preview", run.as_str()]);
        next.push(Next { what: "Preview one again as a queue item, with what is shut", command: preview });
        next.push(Next {
            what: "Who could open each check",
            command: commands.line(&["gate", "explain", run.as_str()]),
        });
    }
    if let Some(run) = waiting {
        let explain = commands.line(&["gate", "explain", run.as_str()]);
        next.push(Next { what: "A run that would be refused, and why", command: explain });
    }
    next.push(Next { what: "The queue", command: commands.line(&["queue", "list"]) });
    next.push(Next { what: "Verify the ledger", command: commands.line(&["audit", "verify"]) });
    next
}

/// The demonstration's commands, in the order in which they show most. Each opens the gate for itself alone, where it has to.
fn demo_commands(commands: &Commands, context: &Context, works_here: bool) -> Vec<Next> {
    let settings = &context.settings;
    let held = || settings.allowed_roles.intersection(&settings.principal_roles).map(|role| role.as_str());
    let role = held().find(|role| *role == "OPS").or(held().next()).unwrap_or("OPS");
    let plan = |name: &str| near(&settings.runtime_root.join(format!("{name}.plan.json")), &context.environment.cwd);
    let preview = |run: &str, plan: &str| commands.line(&["queue", "preview", run, "-o", plan]);
    let enqueue = |plan: &str| {
        let words = [
            "--plan",
            plan,
            "--role",
            role,
            "--requested-by",
            &settings.user,
            "--reason",
            "to see it happen",
            "--confirm",
        ];
        format!("{}=1 {}", table::ENABLE_APPLY.name, commands.line(&[&["queue", "enqueue"], &words[..]].concat()))
    };
    let (good, bad) = (plan("quote-cache"), plan("payment-timeout"));
    let (taken, became, stopped) = if works_here {
        (
            "2. Queue it, with the gate open for this command alone; the worker here takes it at once",
            "3. See what became of it: a run of its own",
            "The diff gate stops it: a FAILURE that names the path",
        )
    } else {
        (
            "2. Queue it, with the gate open for this command alone; without a worker it waits",
            "3. See that nothing became of it yet",
            "A worker's diff gate would stop it",
        )
    };
    [
        ("Look at the runs", commands.line(&["runs", "list"])),
        ("1. Preview one to be done again, with what is shut", preview(demo::PREVIEWED, &good)),
        (taken, enqueue(&good)),
        (became, commands.line(&["runs", "list"])),
        ("The same with one that will leave its paths", preview(demo::STOPPED, &bad)),
        (stopped, enqueue(&bad)),
        ("A run that would be refused, and why", commands.line(&["gate", "explain", demo::WAITING])),
        ("Verify the ledger", commands.line(&["audit", "verify"])),
    ]
    .map(|(what, command)| Next { what, command })
    .into()
}

/// A run that can be previewed, and one that waits for a person.
async fn examples(runs: &RunStore) -> (Option<RunId>, Option<RunId>) {
    let (mut ready, mut waiting) = (None, None);
    let newest = runs.list(PageQuery::first(50)).await.map(|list| list.items).unwrap_or_default();
    for id in newest.iter().filter_map(|run| RunId::parse(&run.run_id).ok()) {
        match runs.facts(&id).await {
            Ok(facts) if facts.awaits_approval => waiting = waiting.or(Some(id)),
            Ok(_) => ready = ready.or(Some(id)),
            Err(_) => {}
        }
        if ready.is_some() && waiting.is_some() {
            break;
        }
    }
    (ready, waiting)
}

impl Commands {
    /// For commands that are typed later, perhaps without this process's environment: with every root that does not follow
    /// from the working directory alone.
    fn from_anywhere(context: &Context) -> Self {
        let origin = |variable: &table::Variable| {
            context.settings.shown.iter().find(|shown| shown.variable == *variable).map(|shown| shown.origin.clone())
        };
        let passing = |variable| matches!(origin(variable), Some(Origin::Environment | Origin::Flag));
        let cwd = &context.environment.cwd;
        let mut commands = Self::bare(&context.environment);
        if passing(&table::RUNTIME_ROOT) || passing(&table::REPO_ROOT) {
            commands.push("--runtime-root", &near(&context.settings.runtime_root, cwd));
        }
        // The runs root of the environment would win over the one that follows from --runtime-root.
        let configured = context.environment.variables.iter().any(|(name, _)| name == table::RUNS_ROOT.name);
        if !context.settings.runs_root_follows || configured || passing(&table::REPO_ROOT) {
            commands.push("--runs", &near(&context.settings.runs_root, cwd));
        }
        commands
    }
}

/// What is printed when a server is ready.
struct Screen<'a> {
    url: String,
    /// Signs one browser in.
    login: Option<String>,
    /// What prints another of those.
    another: String,
    mcp_readonly: String,
    mcp_queue_pilot: Option<String>,
    other_port: bool,
    demo: bool,
    runs: RunCount,
    agents_may_queue: &'static str,
    approval_policy: &'static str,
    approvals_pending: Option<usize>,
    frozen: Option<String>,
    ledger: (String, Option<cortexpilot_core::port::StoreHealth>),
    sign_in: SignIn,
    /// The worker in this process, or why there is none; `None` where nobody asks.
    worker: Option<Result<WorkerHere, String>>,
    next: &'a [Next],
}

/// A worker in this process.
#[derive(Debug, Clone, Serialize)]
struct WorkerHere {
    name: String,
    sandbox: String,
    slots: u32,
}

#[derive(Serialize)]
struct ScreenAnswer<'a> {
    url: &'a str,
    login_url: Option<&'a str>,
    mcp_readonly: &'a str,
    mcp_queue_pilot: Option<&'a str>,
    demo: bool,
    runs: usize,
    runs_waiting: Option<usize>,
    queue_pending: Option<usize>,
    queue_claimed: Option<usize>,
    agents_may_queue: &'a str,
    approval_policy: &'a str,
    approvals_pending: Option<usize>,
    frozen: Option<&'a str>,
    ledger: &'a str,
    token_file: Option<&'a str>,
    worker: Option<&'a WorkerHere>,
    next: &'a [Next],
}

impl Screen<'_> {
    fn text(&self, view: &View) -> String {
        let (ledger, health) = &self.ledger;
        if view.is_json() {
            let answer = ScreenAnswer {
                url: &self.url,
                login_url: self.login.as_deref(),
                mcp_readonly: &self.mcp_readonly,
                mcp_queue_pilot: self.mcp_queue_pilot.as_deref(),
                demo: self.demo,
                runs: self.runs.runs,
                runs_waiting: self.runs.waiting,
                queue_pending: health.as_ref().map(|health| health.pending),
                queue_claimed: health.as_ref().map(|health| health.claimed),
                agents_may_queue: self.agents_may_queue,
                approval_policy: self.approval_policy,
                approvals_pending: self.approvals_pending,
                frozen: self.frozen.as_deref(),
                ledger,
                token_file: match &self.sign_in {
                    SignIn::File(path) => Some(path),
                    SignIn::Off | SignIn::Configured | SignIn::Personal => None,
                },
                worker: self.worker.as_ref().and_then(|worker| worker.as_ref().ok()),
                next: self.next,
            };
            // One line, because the process goes on: a reader need not guess where the document ends.
            return serde_json::to_string(&answer).unwrap_or_default() + "\n";
        }
        let queue = match health {
            Some(health) => format!("{} pending, {} claimed", health.pending, health.claimed),
            None => "cannot be read".to_owned(),
        };
        let port = if self.other_port { "   (the usual port is taken)" } else { "" };
        let mut text = format!("Console   {}{port}\n", self.url);
        if let Some(login) = &self.login {
            text.push_str(&format!("Sign in   {login}\n"));
            text.push_str(&format!("          once, within five minutes; another: {}\n", escape(&self.another)));
        }
        text.push_str(&format!("MCP       {}\n", self.mcp_readonly));
        if let Some(pilot) = &self.mcp_queue_pilot {
            text.push_str(&format!("Pilot     {pilot}\n"));
        }
        text.push_str(&format!("Runs      {}\n", self.runs.words()));
        text.push_str(&format!("Queue     {queue}\n"));
        text.push_str(&format!("Agents may queue: {}\n", self.agents_may_queue_words()));
        if let Some(frozen) = &self.frozen {
            text.push_str(&format!("Frozen    {}\n", escape(frozen)));
        }
        if let Some(waiting) = self.approvals_pending.filter(|waiting| *waiting > 0) {
            text.push_str(&format!("Approvals {}\n", super::runs::waits(waiting)));
        }
        text.push_str(&format!("Ledger    {}\n", escape(ledger)));
        match &self.worker {
            None => {}
            Some(Ok(here)) => text.push_str(&format!(
                "Worker    here, sandbox: {}; carries queued items out, on copies of their repositories\n",
                escape(&here.sandbox)
            )),
            Some(Err(why)) => text.push_str(&format!("Worker    none here ({})\n", escape(why))),
        }
        text.push_str(&match &self.sign_in {
            SignIn::Off => "Sign-in   OFF: everybody on this machine may read, preview and cancel\n".to_owned(),
            SignIn::Configured => "Token     the one that was configured\n".to_owned(),
            SignIn::Personal => "Token     personal tokens\n".to_owned(),
            SignIn::File(path) => format!("Token     {}\n", escape(path)),
        });
        for next in self.next {
            text.push_str(&format!("\n{}\n  $ {}\n", next.what, next.command));
        }
        if !self.next.is_empty() {
            text.push_str("\nCtrl-C stops it.\n");
        }
        text
    }

    fn agents_may_queue_words(&self) -> String {
        match self.agents_may_queue {
            "OFF" => "OFF (the default; docs/runbooks/queue-pilot.md)".to_owned(),
            other => other.to_owned(),
        }
    }
}
