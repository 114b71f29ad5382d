//! Configuration: environment, `cortexpilot.toml` and the command line's global flags, read once, parsed whole. What
//! cannot be understood refuses to start; nothing falls back to a default because it was misspelled.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::command::{ApprovalPolicy, Limits, MutationGate, Policy};
use cortexpilot_core::domain::lease::Concurrency;
use cortexpilot_core::domain::principal::{DEFAULT_ALLOWED_ROLES, KnownBy, Principal, PrincipalKind, Role, Roles};
use cortexpilot_ledger::SegmentRule;
use jiff::SignedDuration;

mod approval;
pub(crate) mod endpoint;
pub(crate) mod environment;
mod file;
mod http;
mod near;
pub(crate) mod roots;
pub(crate) mod secret_file;
mod segments;
mod sources;
pub(crate) mod table;
pub(crate) mod value;
mod work;

pub(crate) use approval::WebhookSettings;
pub(crate) use environment::Environment;
pub(crate) use file::FILE;
pub(crate) use http::HttpSettings;
use sources::Sources;
use table::Variable;

/// What the command line's global flags put in place of configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `--runtime-root`, against the working directory.
    pub(crate) runtime_root: Option<String>,
    /// `--runs`, against the working directory.
    pub(crate) runs_root: Option<String>,
    /// `--host`.
    pub(crate) host: Option<String>,
    /// `--port`.
    pub(crate) port: Option<u16>,
    /// `up --demo`: the demonstration's own roots, whatever is configured.
    pub(crate) demo: bool,
}

/// A text that must not be shown: its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one comparison it is for.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    Environment,
    File(PathBuf),
    /// The file, which tightens what the environment says.
    Stricter(PathBuf),
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stricter(path) => write!(f, "{} (stricter than the environment)", path.display()),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// One value as `config show` prints it; a secret's value is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) variable: Variable,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// Everything a process was told, parsed.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) runtime_root: PathBuf,
    pub(crate) runs_root: PathBuf,
    /// Whether the runs root follows from the runtime root alone.
    pub(crate) runs_root_follows: bool,
    pub(crate) mutation_gate: MutationGate,
    /// Who says yes, as this process was told; the floor may be stricter.
    pub(crate) approval: ApprovalPolicy,
    /// How long people may take to answer a request.
    pub(crate) approval_ttl: SignedDuration,
    /// When the beginning of the ledger is sealed away.
    pub(crate) segments: SegmentRule,
    pub(crate) allowed_roles: Roles,
    pub(crate) auth_required: bool,
    pub(crate) api_token: Option<Secret>,
    pub(crate) api_token_roles: Roles,
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    /// Nobody asked for this port: `up` may take another when it is in use.
    pub(crate) port_is_default: bool,
    pub(crate) allowed_origins: Vec<String>,
    /// Limits of HTTP, and whose pages may call.
    pub(crate) http: HttpSettings,
    pub(crate) principal: String,
    pub(crate) principal_roles: Roles,
    pub(crate) user: String,
    /// A personal token's text, of sound form: whose it is, and whether it lives, only the store knows.
    pub(crate) token: Option<Secret>,
    /// Whom to tell of approval requests.
    pub(crate) webhook: Option<WebhookSettings>,
    pub(crate) limits: Limits,
    /// How much of one thing is worked on at once.
    pub(crate) concurrency: Concurrency,
    pub(crate) preview_ttl: SignedDuration,
    /// How often a server signs what is new; `None`: only for whoever asks.
    pub(crate) checkpoint_every: Option<SignedDuration>,
    pub(crate) log: Log,
    /// Every variable with its value and origin, in the table's order.
    pub(crate) shown: Vec<Shown>,
    /// What is worth a line on standard error.
    pub(crate) warnings: Vec<String>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

impl Log {
    fn parse(raw: &str) -> Result<Self, String> {
        match raw.trim().to_ascii_lowercase().as_str() {
            "off" => Ok(Self::Off),
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            _ => Err(format!("must be off, error, warn, info or debug; it is {}", value::quoted(raw))),
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Everything that is wrong with a configuration, so that one look is enough to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct ConfigProblems(pub(crate) Vec<String>);

impl Settings {
    /// Reads everything.
    ///
    /// # Errors
    /// Every problem found.
    pub(crate) fn load(environment: &Environment, overrides: &Overrides) -> Result<Self, ConfigProblems> {
        let mut sources = Sources::of(environment);
        let repo_root = sources.text(&table::REPO_ROOT);
        let base = match roots::base(&environment.cwd, repo_root.as_ref().map(|given| given.text.as_str())) {
            Ok(base) => base,
            Err(problem) => {
                sources.problem(&table::REPO_ROOT, &problem);
                environment.cwd.clone()
            }
        };
        sources.show(&table::REPO_ROOT, base.display().to_string());
        sources.read_file(&base);
        let settings = Self::parse(&mut sources, environment, overrides, &base);
        if sources.problems.is_empty() { Ok(settings) } else { Err(ConfigProblems(sources.problems)) }
    }

    fn parse(sources: &mut Sources, environment: &Environment, overrides: &Overrides, base: &Path) -> Self {
        let (runtime_root, runs_root, runs_root_follows) = roots_of(sources, environment, overrides, base);
        store(sources);
        let gate = mutation_gate(sources);
        sources.show(&table::ENABLE_APPLY, if gate { "on" } else { "off" }.to_owned());
        let approval = approval::policy(sources);
        let allowed_roles = sources.roles(&table::ALLOWED_ROLES).unwrap_or_else(default_roles);
        sources.show(&table::ALLOWED_ROLES, list(&allowed_roles));
        let auth_required = sources.parsed(&table::AUTH_REQUIRED, value::switch).unwrap_or(true);
        sources.show(&table::AUTH_REQUIRED, auth_required.to_string());
        let api_token = sources.parsed(&table::API_TOKEN, value::token).map(Secret::new);
        sources.show(&table::API_TOKEN, if api_token.is_some() { "(set)" } else { "" }.to_owned());
        let mut held = |variable: &Variable| {
            let named = |raw: &str| value::roles(raw)?.ok_or_else(|| "names no role: name one, or unset it".to_owned());
            let roles = sources.parsed(variable, named).unwrap_or_else(|| allowed_roles.clone());
            sources.show(variable, list(&roles));
            roles
        };
        let (api_token_roles, principal_roles) = (held(&table::API_TOKEN_ROLES), held(&table::PRINCIPAL_ROLES));
        let (host, port, port_is_default) = address(sources, overrides);
        let allowed_origins = sources.parsed(&table::ALLOWED_ORIGINS, value::origins).unwrap_or_default();
        sources.show(&table::ALLOWED_ORIGINS, allowed_origins.join(","));
        let http = http::http(sources);
        let principal = sources.parsed(&table::PRINCIPAL, value::principal);
        let principal = principal.unwrap_or_else(|| format!("local:{}", environment.user));
        sources.show(&table::PRINCIPAL, principal.clone());
        let token = approval::token(sources, base);
        let limits = approval::limits(sources);
        let concurrency = work::concurrency(sources);
        let preview_ttl = sources.parsed(&table::PREVIEW_TTL, value::duration).unwrap_or(SignedDuration::from_mins(15));
        sources.show(&table::PREVIEW_TTL, value::duration_text(preview_ttl));
        let approval_ttl = approval::ttl(sources);
        let webhook = approval::webhook(sources);
        let every = sources.parsed(&table::CHECKPOINT_EVERY, value::interval);
        let checkpoint_every = every.unwrap_or(Some(SignedDuration::from_secs(60)));
        sources.show(&table::CHECKPOINT_EVERY, checkpoint_every.map_or_else(|| "0".to_owned(), value::duration_text));
        let segments = segments::rule(sources);
        let log = sources.parsed(&table::LOG, Log::parse).unwrap_or(Log::Warn);
        sources.show(&table::LOG, log.as_str().to_owned());
        Self {
            runtime_root,
            runs_root,
            runs_root_follows,
            mutation_gate: if gate { MutationGate::Open } else { MutationGate::Shut },
            approval,
            approval_ttl,
            segments,
            allowed_roles,
            auth_required,
            api_token,
            api_token_roles,
            host,
            port,
            port_is_default,
            allowed_origins,
            http,
            principal,
            principal_roles,
            user: environment.user.clone(),
            token,
            webhook,
            limits,
            concurrency,
            preview_ttl,
            checkpoint_every,
            log,
            shown: sources.shown(),
            warnings: sources.warnings.clone(),
        }
    }

    /// What the domain needs of this.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            mutation_gate: self.mutation_gate,
            approval: self.approval,
            allowed_roles: self.allowed_roles.clone(),
            preview_ttl: self.preview_ttl,
            approval_ttl: self.approval_ttl,
            limits: self.limits,
            concurrency: self.concurrency,
        }
    }

    /// Whom the command line acts as.
    pub(crate) fn operator(&self) -> Principal {
        Principal {
            id: self.principal.clone(),
            kind: PrincipalKind::Operator,
            roles: self.principal_roles.clone(),
            sponsor: None,
            known_by: KnownBy::Process,
        }
    }

    /// Whom a stdio MCP server acts as: never the operator, whose roles it borrows.
    pub(crate) fn agent(&self) -> Principal {
        Principal {
            id: format!("agent:{}", self.user),
            kind: PrincipalKind::Agent,
            roles: self.principal_roles.clone(),
            sponsor: Some(self.principal.clone()),
            known_by: KnownBy::Process,
        }
    }

    /// Whom a worker acts as that this process starts: it claims and completes, and may do nothing else.
    pub(crate) fn worker(&self) -> Principal {
        Principal {
            id: format!("worker:{}", self.user),
            kind: PrincipalKind::Worker,
            roles: Roles::new(),
            sponsor: None,
            known_by: KnownBy::Process,
        }
    }

    /// The state of the apply path as this process was told, in the words of every operator's screen.
    pub(crate) fn agents_may_queue(&self) -> &'static str {
        agents_may_queue(self.mutation_gate, self.approval)
    }
}

/// The state of the apply path in words, for whoever knows which policy holds. A freeze is said in its place.
pub(crate) fn agents_may_queue(gate: MutationGate, policy: ApprovalPolicy) -> &'static str {
    match (gate, policy) {
        (MutationGate::Shut, _) => "OFF",
        (MutationGate::Open, ApprovalPolicy::Declared) => "ON, nobody is asked",
        (MutationGate::Open, ApprovalPolicy::Operator | ApprovalPolicy::TwoPerson) => "after a person agrees",
    }
}

fn roots_of(
    sources: &mut Sources,
    environment: &Environment,
    overrides: &Overrides,
    base: &Path,
) -> (PathBuf, PathBuf, bool) {
    let demo = overrides.demo.then(|| (roots::DEMO_DEFAULT.to_owned(), base));
    let flag = |stated: &Option<String>| stated.clone().map(|stated| (stated, environment.cwd.as_path()));
    let runtime = sources.text(&table::RUNTIME_ROOT).map(|given| (given.text, base));
    let runtime =
        sources.overridden(&table::RUNTIME_ROOT, demo.clone().or_else(|| flag(&overrides.runtime_root))).or(runtime);
    let (stated, against) = runtime.unwrap_or_else(|| (roots::RUNTIME_DEFAULT.to_owned(), base));
    let runtime_root = sources.resolved(&table::RUNTIME_ROOT, against, &stated);
    let runs = sources.text(&table::RUNS_ROOT).map(|given| (given.text, base));
    let demo_runs = demo.map(|(root, base)| (format!("{root}/runs"), base));
    let follows = demo_runs.is_some() || (overrides.runs_root.is_none() && runs.is_none());
    let runs = sources.overridden(&table::RUNS_ROOT, demo_runs.or_else(|| flag(&overrides.runs_root))).or(runs);
    let runs_root = match runs {
        Some((stated, against)) => sources.resolved(&table::RUNS_ROOT, against, &stated),
        None => runtime_root.join("runs"),
    };
    sources.show(&table::RUNTIME_ROOT, runtime_root.display().to_string());
    sources.show(&table::RUNS_ROOT, runs_root.display().to_string());
    (runtime_root, runs_root, follows)
}

/// The switch for the apply path. A file can shut it, never open it: it stands in a directory where agents work.
fn mutation_gate(sources: &mut Sources) -> bool {
    let open = sources.parsed(&table::ENABLE_APPLY, value::switch).unwrap_or(false);
    if open && matches!(sources.origin(&table::ENABLE_APPLY), Origin::File(_)) {
        let only = format!(
            "can be opened by the environment alone: set {} where the process is started",
            table::ENABLE_APPLY.name
        );
        sources.problem(&table::ENABLE_APPLY, &only);
        return false;
    }
    open
}

fn store(sources: &mut Sources) {
    let check = |raw: &str| match raw.trim() {
        "file" => Ok(()),
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Err("names a PostgreSQL store, which this version does not have: use `file`".to_owned())
        }
        _ => Err("must be `file`".to_owned()),
    };
    sources.parsed(&table::STORE, check);
    sources.show(&table::STORE, "file".to_owned());
}

fn address(sources: &mut Sources, overrides: &Overrides) -> (IpAddr, u16, bool) {
    let configured = sources.parsed(&table::API_HOST, value::host);
    let stated = overrides.host.as_deref().map(value::host);
    let host = match sources.overridden(&table::API_HOST, stated) {
        Some(Ok(host)) => host,
        Some(Err(problem)) => {
            sources.problems.push(format!("--host {problem}"));
            IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)
        }
        None => configured.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
    };
    sources.show(&table::API_HOST, host.to_string());
    let configured = sources.parsed(&table::API_PORT, value::port);
    let stated = sources.overridden(&table::API_PORT, overrides.port).or(configured);
    let port = stated.unwrap_or(8000);
    sources.show(&table::API_PORT, port.to_string());
    (host, port, stated.is_none())
}

fn default_roles() -> Roles {
    DEFAULT_ALLOWED_ROLES
        .iter()
        .map(|role| Role::parse(role).expect("invariant: the default roles are roles"))
        .collect()
}

fn list(roles: &Roles) -> String {
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
