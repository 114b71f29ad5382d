//! The only wiring: which store, which runs, which clock, which key go into a process, and how its servers begin and end.
//! Commands ask for what they need by name; nothing else in the product puts parts together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use cortexpilot_core::app::govern::starts_with;
use cortexpilot_core::app::session::Ground;
use cortexpilot_core::app::{App, Failure, Reader};
use cortexpilot_core::domain::command::{Command, MutationGate};
use cortexpilot_core::domain::decide::{JudgedBeat, Verdict};
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery, Standing};
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, ClaimStanding, HeartbeatAnswer, WorkerPresence};
use cortexpilot_core::domain::listing::{QueueCounts, QueueFilter, QueueListing, Slice};
use cortexpilot_core::domain::principal::{Caller, KnownBy, Principal, PrincipalKind, Surface};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::session::{EndSessions, SecretKind, SessionKey, SessionRecord};
use cortexpilot_core::domain::token::TokenRecord;
use cortexpilot_core::port::lines::{LedgerLine, LinesPage, LinesQuery};
use cortexpilot_core::port::{ApprovalListing, BoxFuture, Clock as _, Store, StoreError, StoreHealth, StoreRead};
use cortexpilot_ledger::log::{KeeperOptions, LogKeeper};
use cortexpilot_ledger::{FileReader, FileStore, KeyError, OpenError, StoreOptions, load_key, load_or_make_key};
use cortexpilot_runs::RunStore;
use cortexpilot_server::auth::{Auth, StaticToken};
use cortexpilot_server::http::{self, AllowedHosts, HttpOptions};
use cortexpilot_server::mcp::http::{McpLimits, McpService, PILOT_PATH, READONLY_PATH, mcp_router};
use cortexpilot_server::wire::config::Configuration;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::config::{Secret, Settings, agents_may_queue};
use crate::os::{OsIds, SystemClock};

pub(crate) mod background;
pub(crate) mod checkpoint;
mod connections;
pub(crate) mod identity;
mod one_caller;

use background::Notices;
use checkpoint::read_only_tools;
use one_caller::OneCaller;

/// How often a server reads its whole ledger again.
const SCRUB_EVERY: Duration = Duration::from_secs(300);

/// Why a process has no store to work with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unopened {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the runs root: {0}")]
    Runs(#[from] std::io::Error),
}

/// The runs under the configured root.
pub(crate) fn runs(settings: &Settings) -> std::io::Result<RunStore> {
    RunStore::new(&settings.runs_root)
}

/// For processes that only read: leaves not one byte behind, and holds no type that could write.
pub(crate) fn reader(settings: &Settings) -> Result<Reader, Unopened> {
    let store = Arc::new(FileReader::open(&settings.runtime_root));
    Ok(Reader::new(store, Arc::new(runs(settings)?), Arc::new(SystemClock)))
}

/// For a plain preview: an app whose store cannot write, with the key if one was made before. Leaves not one byte behind.
pub(crate) fn previewer(settings: &Settings) -> Result<App, Unopened> {
    let store = Arc::new(PreviewStore(FileReader::open(&settings.runtime_root)));
    let key = load_key(&settings.runtime_root)?;
    Ok(App::new(store, Arc::new(runs(settings)?), Arc::new(SystemClock), Arc::new(OsIds), settings.policy(), key))
}

/// Whom a process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    /// One, for whom the thread that serves may be blocked: a command line, a server over standard input and output.
    One,
    /// Many at once.
    Many,
}

/// For processes that may write: opens the ledger, settles what a dead process left behind, makes the key where there is
/// none.
pub(crate) fn writer(settings: &Settings, callers: Callers) -> Result<(App, Arc<FileStore>), Unopened> {
    let options = StoreOptions { segments: settings.segments, ..StoreOptions::new(&settings.runtime_root) };
    let store = Arc::new(FileStore::open(options, Arc::new(SystemClock))?);
    let key = load_or_make_key(&settings.runtime_root, &OsIds)?;
    let runs = Arc::new(runs(settings)?);
    let served: Arc<dyn Store> = match callers {
        Callers::One => Arc::new(OneCaller::new(store.clone())),
        Callers::Many => store.clone(),
    };
    let app = App::new(served, runs, Arc::new(SystemClock), Arc::new(OsIds), settings.policy(), Some(key));
    Ok((app, store))
}

/// A further app over a store that is open already: for a worker beside a server.
pub(crate) fn app_over(settings: &Settings, store: Arc<FileStore>) -> Result<App, Unopened> {
    let key = load_or_make_key(&settings.runtime_root, &OsIds)?;
    let runs = Arc::new(runs(settings)?);
    Ok(App::new(store, runs, Arc::new(SystemClock), Arc::new(OsIds), settings.policy(), Some(key)))
}

/// The same for processes where requests for an approval can be made: whoever is configured to hear of them does.
pub(crate) fn asking_writer(settings: &Settings, callers: Callers) -> Result<(App, Arc<FileStore>, Notices), Unopened> {
    let (app, store) = writer(settings, callers)?;
    let (app, notices) = Notices::of(settings, app);
    Ok((app, store, notices))
}

/// Whether this process may start where operators have set how many people must be asked. With queueing switched off it
/// may: it appends nothing.
///
/// # Errors
/// `POLICY_BELOW_FLOOR`, or the store's error.
pub(crate) async fn may_start(settings: &Settings, reader: &Reader) -> Result<Standing, Failure> {
    let standing = reader.standing().await?;
    if settings.mutation_gate == MutationGate::Open {
        starts_with(settings.approval, &standing)?;
    }
    Ok(standing)
}

/// The state of the apply path in words, under what operators decided.
pub(crate) fn queueing_words(settings: &Settings, standing: &Standing) -> &'static str {
    match standing.frozen {
        Some(_) => "FROZEN",
        None => agents_may_queue(settings.mutation_gate, standing.policy(settings.approval)),
    }
}

/// A store for previews alone. An app wants a whole store; this one has no way to write in it.
struct PreviewStore(FileReader);

impl StoreRead for PreviewStore {
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        self.0.enqueue_facts(query)
    }

    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        self.0.item(id)
    }

    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>> {
        self.0.items(filter)
    }

    fn counts(&self, now: Timestamp) -> BoxFuture<'_, Result<QueueCounts, StoreError>> {
        self.0.counts(now)
    }

    fn done_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Slice>, StoreError>> {
        self.0.done_since(since)
    }

    fn governance<'a>(&'a self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        self.0.governance(query)
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> BoxFuture<'a, Result<ApprovalListing, StoreError>> {
        self.0.approvals(filter)
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Vec<TokenRecord>, StoreError>> {
        self.0.tokens()
    }

    fn health(&self) -> BoxFuture<'_, Result<StoreHealth, StoreError>> {
        self.0.health()
    }

    fn lines<'a>(&'a self, query: &'a LinesQuery) -> BoxFuture<'a, Result<LinesPage, StoreError>> {
        self.0.lines(query)
    }

    fn lines_of<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Vec<LedgerLine>, StoreError>> {
        self.0.lines_of(id)
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimStanding>, StoreError>> {
        self.0.claims()
    }

    fn eligible<'a>(
        &'a self,
        query: &'a ClaimQuery,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<QueueItem>, StoreError>> {
        self.0.eligible(query, limit)
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueueItemId>, StoreError>> {
        self.0.overdue(now, limit)
    }

    fn pinned<'a>(&'a self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        self.0.pinned(sha256)
    }

    fn beat<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        self.0.beat(id)
    }

    fn workers(&self) -> BoxFuture<'_, Result<Vec<WorkerPresence>, StoreError>> {
        self.0.workers()
    }

    fn session<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        self.0.session(key)
    }
}

impl Store for PreviewStore {
    fn execute(&self, _: Command) -> BoxFuture<'_, Result<Verdict, StoreError>> {
        Box::pin(std::future::ready(Err(only_looks())))
    }

    fn write_beat(&self, _: JudgedBeat) -> BoxFuture<'_, Result<HeartbeatAnswer, StoreError>> {
        Box::pin(std::future::ready(Err(only_looks())))
    }

    fn write_presence(&self, _: WorkerPresence) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Err(only_looks())))
    }

    fn remove_presence<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(std::future::ready(Err(only_looks())))
    }

    fn write_session(&self, _: SessionKey, _: SessionRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Err(only_looks())))
    }

    fn take_login<'a>(&'a self, _: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        Box::pin(std::future::ready(Err(only_looks())))
    }

    fn end_sessions(&self, _: EndSessions) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(std::future::ready(Err(only_looks())))
    }
}

fn only_looks() -> StoreError {
    StoreError::Unavailable("this process was started to look, not to change".to_owned())
}

/// Why a control plane is not started. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsafe {
    #[error(
        "authentication is off (CORTEXPILOT_API_AUTH_REQUIRED), which is only for loopback, and {0} is not loopback: switch it on, or listen on 127.0.0.1"
    )]
    OpenToOthers(std::net::IpAddr),
    #[error(
        "{0} is not loopback, and this version speaks no TLS: tokens would cross the network in clear. Put a proxy that ends TLS in front of it and say so with --behind-tls-proxy, or listen on 127.0.0.1"
    )]
    NoTls(std::net::IpAddr),
    #[error(
        "CORTEXPILOT_API_TOKEN has fewer than 16 characters, which is too few for an address that others reach: use a longer one"
    )]
    ShortToken,
    #[error(
        "authentication is on and there is no token, so nobody could sign in: make a personal one with `cortexpilot token create --name NAME --kind operator --role ROLE --ttl 30d`, or set CORTEXPILOT_API_TOKEN to a long random text (for example the output of `openssl rand -hex 32`), or start `cortexpilot up`, which makes one"
    )]
    NoToken,
}

/// What opens a control plane's door beside the one configured token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Personal {
    /// An operator has a personal token that is valid now.
    Some,
    /// Nobody has.
    None,
}

/// How HTTP requests are attributed, if the set-up is one that may be served.
///
/// # Errors
/// When it may not.
pub(crate) fn auth(
    settings: &Settings,
    token: Option<&Secret>,
    personal: Personal,
    behind_tls_proxy: bool,
) -> Result<Auth, Unsafe> {
    let loopback = settings.host.is_loopback();
    if !settings.auth_required {
        return if loopback { Ok(Auth::Off) } else { Err(Unsafe::OpenToOthers(settings.host)) };
    }
    if !loopback && !behind_tls_proxy {
        return Err(Unsafe::NoTls(settings.host));
    }
    let token = match (token, personal) {
        (Some(token), Personal::Some | Personal::None) => token,
        // Which they are the store knows; `control_plane` asks it.
        (None, Personal::Some) => return Ok(Auth::tokens(Vec::new())),
        (None, Personal::None) => return Err(Unsafe::NoToken),
    };
    if !loopback && token.reveal().len() < 16 {
        return Err(Unsafe::ShortToken);
    }
    let principal = api_principal(settings);
    Ok(Auth::tokens(vec![StaticToken { token: token.reveal().to_owned(), principal }]))
}

/// Whom the one configured token stands for.
fn api_principal(settings: &Settings) -> Principal {
    Principal {
        id: "token:api".to_owned(),
        kind: PrincipalKind::Operator,
        roles: settings.api_token_roles.clone(),
        sponsor: None,
        known_by: KnownBy::SharedToken,
    }
}

/// What the one configured token is good for: whoever has it can make one-time logins of it, and whoever has not, cannot.
pub(crate) fn ground_of_api_token(settings: &Settings, token: &Secret) -> Ground {
    let digest = Sha256Digest::of(token.reveal().trim().as_bytes());
    Ground { principal: api_principal(settings), token: digest, until: None }
}

/// Makes a one-time login and gives the address that redeems it. The secret stands behind the `#`, which browsers send to
/// nobody: neither a server nor a proxy nor a log gets to see it. The address is for standard output alone.
pub(crate) async fn login_address(app: &App, ground: &Ground, base: &str) -> Result<(String, Timestamp), StoreError> {
    let (secret, record) = app.begin_session(SecretKind::Login, ground).await?;
    Ok((format!("{base}/#login={}", secret.reveal()), record.expires_at))
}

/// Takes the address. With `or_any_port`, a port that is in use gives way to a free one.
pub(crate) async fn bind(settings: &Settings, or_any_port: bool) -> anyhow::Result<TcpListener> {
    let wanted = SocketAddr::new(settings.host, settings.port);
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(error) if or_any_port && error.kind() == std::io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::new(settings.host, 0))
                .await
                .with_context(|| format!("cannot listen on {}", settings.host))
        }
        Err(error) => Err(error).with_context(|| {
            format!("cannot listen on {wanted}: choose another port with --port, or --port 0 for any free one")
        }),
    }
}

/// Under which address people reach a bound listener.
pub(crate) fn base_url(bound: SocketAddr) -> String {
    match bound.ip() {
        ip if ip.is_unspecified() => format!("http://127.0.0.1:{}", bound.port()),
        _ => format!("http://{bound}"),
    }
}

/// What a control plane serves beside what each serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beside {
    /// How it was configured, for operators who ask.
    pub(crate) configuration: Configuration,
    /// It shows made-up runs.
    pub(crate) demo: bool,
    /// Agents reach the queue pilot over HTTP.
    pub(crate) mcp_pilot: bool,
}

/// The hosts that a server at this address answers to.
fn hosts(settings: &Settings, bound: SocketAddr) -> anyhow::Result<AllowedHosts> {
    let mut hosts = AllowedHosts::bound(bound);
    for entry in &settings.allowed_origins {
        hosts.allow(entry).with_context(|| format!("CORTEXPILOT_API_ALLOWED_ORIGINS: {entry}"))?;
    }
    for entry in &settings.http.cors_origins {
        hosts.allow_pages_of(entry).with_context(|| format!("CORTEXPILOT_API_CORS_ORIGINS: {entry}"))?;
    }
    Ok(hosts)
}

/// Serves the read-only MCP server alone until `stop` is ready. Holds nothing that could write.
pub(crate) async fn readonly_mcp(
    settings: &Settings,
    listener: TcpListener,
    auth: Auth,
    reader: Reader,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let bound = listener.local_addr().context("the listener has no address")?;
    let auth = auth.and_personal(reader.clone());
    let endpoints =
        vec![(READONLY_PATH, McpService::readonly(read_only_tools(settings, reader), McpLimits::default()))];
    let router = mcp_router(endpoints, auth, hosts(settings, bound)?, Arc::new(OsIds));
    http::serve_with(listener, router, connections::limits(settings), stop).await.context("the server stopped")
}

/// Serves the control plane until `stop` is ready or a write failed; what was begun is carried to its end, and so is `last`,
/// before the ledger is signed for the last time.
#[expect(clippy::too_many_arguments, reason = "each is another part of the one process that is wired here")]
pub(crate) async fn control_plane(
    settings: &Settings,
    listener: TcpListener,
    auth: Auth,
    app: App,
    store: Arc<FileStore>,
    beside: Beside,
    stop: impl Future<Output = ()> + Send + 'static,
    last: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let bound = listener.local_addr().context("the listener has no address")?;
    let mut options = HttpOptions::new(bound, env!("CARGO_PKG_VERSION"));
    options.hosts = hosts(settings, bound)?;
    options.configuration = beside.configuration;
    options.limits = settings.http.limits;
    options.requests = settings.http.requests;
    let keeper = keeper(settings, &store).context("the ledger's signer cannot start")?;
    let app = Arc::new(app.with_receipts(keeper.receipts()));
    let auth = auth.and_personal(app.reader().clone());
    let limits = McpLimits::default();
    options.mcp.push((READONLY_PATH, McpService::readonly(read_only_tools(settings, app.reader().clone()), limits)));
    // Opening the gate for the console does not let agents in: that takes a word of its own.
    if beside.mcp_pilot {
        options.mcp.push((PILOT_PATH, McpService::queue_pilot(app.clone(), limits)));
    }
    let operator = Caller { principal: Some(settings.operator()), surface: Surface::Http };
    let stop = until_it_must_end(stop, store.clone());
    let tasks = [
        scrub_now_and_then(store),
        background::expire_now_and_then(app.clone(), operator.clone()),
        background::sweep_now_and_then(app.clone(), operator),
    ];
    let limits = connections::limits(settings);
    let served = http::serve_with(listener, http::control_plane(app, auth, options), limits, stop).await;
    last.await;
    tasks.iter().for_each(JoinHandle::abort);
    // Whatever was acknowledged is signed by the end of a clean stop.
    let stopped = tokio::task::spawn_blocking(move || keeper.stop()).await;
    stopped.context("the ledger's signer could not stop")?;
    served.context("the server stopped")
}

/// Signs the ledger beside serving, if there is a key. Only a control plane does it by the clock: the queue pilot's
/// environment is the agent client's, and what an agent starts should not hold the key that signs.
fn keeper(settings: &Settings, store: &Arc<FileStore>) -> std::io::Result<LogKeeper> {
    let store = Arc::downgrade(store);
    let options = KeeperOptions {
        root: settings.runtime_root.clone(),
        every: settings.checkpoint_every.map(SignedDuration::unsigned_abs),
        // What belongs to no store any more is not judged here; each line's hash still is.
        damage: Box::new(move || store.upgrade()?.unsound()),
    };
    LogKeeper::start(options, Arc::new(SystemClock))
}

/// Reads the ledger again every few minutes, so that damage is found before a line rests on it.
fn scrub_now_and_then(store: Arc<FileStore>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(SCRUB_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first tick is now: a start that goes on from the index has verified nothing of what stands before it.
        loop {
            ticks.tick().await;
            let store = store.clone();
            match tokio::task::spawn_blocking(move || store.scrub()).await {
                Ok(Ok(report)) if report.problems.is_empty() => {
                    tracing::debug!(lines = report.lines, bytes = report.bytes, "the ledger verifies");
                }
                Ok(Ok(report)) => {
                    for problem in &report.problems {
                        tracing::error!(file = %problem.file, line = problem.line, problem = %problem.problem, "the ledger is damaged: nothing is written any more");
                    }
                }
                Ok(Err(error)) => tracing::error!(%error, "the ledger could not be read again"),
                Err(error) => tracing::error!(%error, "the scrub failed"),
            }
        }
    })
}

/// Ready when the process is told to stop (SIGINT, SIGTERM). A second signal ends it at once: the ledger is made for that.
///
/// # Errors
/// When signals cannot be received.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be received")?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {} , _ = terminate.recv() => {} }
        tracing::info!("stopping");
        tokio::spawn(async move {
            let code = tokio::select! { _ = interrupt.recv() => 130, _ = terminate.recv() => 143 };
            std::process::exit(code);
        });
    })
}

/// How long a server goes on answering after one of its writes failed: reads as ever, changes with the code that says so,
/// `/readyz` red. Whoever balances load sees it before the door closes, and callers learn more than that it did.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Ready when the process is told to stop, or soon after one of its writes failed: then it acknowledges nothing more, and
/// only another process can settle what it left. Whoever supervises it starts that one.
pub(crate) async fn until_it_must_end(stop: impl Future<Output = ()> + Send, store: Arc<FileStore>) {
    let mut stop = std::pin::pin!(stop);
    let why = tokio::select! {
        () = stop.as_mut() => return,
        why = store.failure() => why,
    };
    tracing::error!(why, "this process acknowledges nothing more and ends; start it again when the disk is put right");
    tokio::select! { () = stop => {} , () = tokio::time::sleep(LAST_WORDS) => {} }
}

/// What a server can say about its ledger, in a few words.
pub(crate) async fn ledger_words(store: &dyn StoreRead) -> (String, Option<StoreHealth>) {
    match store.health().await {
        Ok(health) => {
            let lines = format!("{} lines", health.lines);
            let words = match &health.refuses_writes {
                None => format!("sound · {lines}"),
                Some(why) => {
                    format!("NOT WRITABLE ({}) · {lines} verified", Failure::Store(why.clone()).code().as_str())
                }
            };
            (words, Some(health))
        }
        Err(error) => (format!("cannot be read: {error}"), None),
    }
}

/// Now, for what is printed at start.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Overrides};

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let environment = Environment {
            variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            cwd: std::env::temp_dir(),
            program: "cortexpilot".into(),
            user: "alice".into(),
        };
        Settings::load(&environment, &Overrides::default()).unwrap()
    }

    #[test]
    fn only_safe_set_ups_are_served() {
        let long = Secret::new("0123456789abcdef".into());
        let short = Secret::new("short".into());
        let on = settings(&[]);
        let off = settings(&[("CORTEXPILOT_API_AUTH_REQUIRED", "off")]);
        let open = settings(&[("CORTEXPILOT_API_HOST", "0.0.0.0")]);
        let open_off = settings(&[("CORTEXPILOT_API_HOST", "0.0.0.0"), ("CORTEXPILOT_API_AUTH_REQUIRED", "off")]);
        let auth = |settings, token, proxy| auth(settings, token, Personal::None, proxy);
        assert_eq!(auth(&on, None, false).unwrap_err(), Unsafe::NoToken);
        assert!(auth(&on, Some(&short), false).unwrap().is_on());
        assert!(!auth(&off, None, false).unwrap().is_on());
        assert!(matches!(auth(&open_off, Some(&long), true).unwrap_err(), Unsafe::OpenToOthers(_)));
        assert!(matches!(auth(&open, Some(&long), false).unwrap_err(), Unsafe::NoTls(_)));
        assert_eq!(auth(&open, Some(&short), true).unwrap_err(), Unsafe::ShortToken);
        assert_eq!(auth(&open, None, true).unwrap_err(), Unsafe::NoToken);
        assert!(auth(&open, Some(&long), true).unwrap().is_on());
    }

    #[test]
    fn personal_tokens_are_enough_and_no_excuse() {
        let on = settings(&[]);
        let open = settings(&[("CORTEXPILOT_API_HOST", "0.0.0.0")]);
        assert!(auth(&on, None, Personal::Some, false).unwrap().is_on());
        assert!(auth(&open, None, Personal::Some, true).unwrap().is_on());
        assert!(matches!(auth(&open, None, Personal::Some, false).unwrap_err(), Unsafe::NoTls(_)));
        let short = Secret::new("short".into());
        assert_eq!(auth(&open, Some(&short), Personal::Some, true).unwrap_err(), Unsafe::ShortToken);
    }

    #[tokio::test]
    async fn a_port_in_use_gives_way_only_where_nobody_asked_for_it() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let settings = settings(&[("CORTEXPILOT_API_PORT", &port.to_string())]);
        assert!(bind(&settings, false).await.unwrap_err().to_string().contains("--port 0"));
        assert_ne!(bind(&settings, true).await.unwrap().local_addr().unwrap().port(), port);
    }

    #[test]
    fn an_unspecified_address_is_shown_as_one_that_can_be_opened() {
        assert_eq!(base_url("0.0.0.0:80".parse().unwrap()), "http://127.0.0.1:80");
        assert_eq!(base_url("[::1]:80".parse().unwrap()), "http://[::1]:80");
    }
}
