//! `cortexpilot runs record`: a first run from nothing. An operator's command, run in a workspace of its own under a contract
//! made from the flags, recorded as any run is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use cortexpilot_core::domain::id::{RunId, Sha256Digest, hex};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::exit;
use cortexpilot_core::port::{Clock as _, Ids};
use cortexpilot_work::environment::PASSED_THROUGH;
use cortexpilot_work::runner::{CREDENTIALS, Means};
use cortexpilot_work::sandbox::{Choice, Helper, Level, Limits, Machine};
use cortexpilot_work::tools::Tools;
use cortexpilot_work::workspace::resolve_baseline;
use cortexpilot_work::{Assignment, NotStarted, Outcome, Stop, Worker, execute};
use serde_json::{Value, json};

use super::Context;
use super::failure::Stopped;
use super::output::{Answer, json as print_json, pairs};
use crate::os::{OsIds, SystemClock};

/// Run a command in a workspace of its own and record it as a run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cortexpilot runs record --repo . --spec 'Say hello in the README' --allow README.md \\
      --test 'grep -q hello README.md' -- sh -c 'echo hello >> README.md'
  cortexpilot runs record --repo . --spec 'Fix the tests' --allow src --test 'cargo test -q' --network --runner claude

The command works on a copy of the commit HEAD; what is not committed is not in it, and your working tree is not touched.
What it changed stands in the run's patch.diff. Changes outside --allow make the run fail, and are named.

Exit codes: 0 the run succeeded, 5 it was recorded and failed.")]
pub(crate) struct Record {
    /// The git repository to work on
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// The task, in words
    #[arg(long, value_name = "TEXT")]
    spec: String,
    /// A file that may change, or a directory for everything beneath it; may be repeated
    #[arg(long, required = true, value_name = "PATH")]
    allow: Vec<String>,
    /// A command that shows whether the work is done, run without a shell; may be repeated
    #[arg(long, value_name = "CMD")]
    test: Vec<String>,
    /// Let the command reach the network
    #[arg(long)]
    network: bool,
    /// What stands around the command
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    sandbox: Sandbox,
    /// End it after so many seconds
    #[arg(long, default_value_t = 3600, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=604_800))]
    timeout: u32,
    /// The task's id; made from the run's where it is left out
    #[arg(long, value_name = "ID")]
    task_id: Option<String>,
    /// The workflow case that the run belongs to
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// Hand a variable of this environment to the command; may be repeated
    #[arg(long, value_name = "NAME")]
    pass_env: Vec<String>,
    /// Something outside the workspace that the command may read and execute; may be repeated
    #[arg(long, value_name = "PATH")]
    read: Vec<PathBuf>,
    /// Let an agent do the task, in place of a command: it is told the task, the paths and the checks, and needs --network
    #[arg(long, value_enum, value_name = "AGENT", conflicts_with = "command")]
    runner: Option<Agent>,
    /// The model that the agent is told to use
    #[arg(long, requires = "runner", value_name = "NAME")]
    model: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required_unless_present = "runner", value_name = "COMMAND")]
    command: Vec<String>,
}

/// What stands around a command.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Sandbox {
    /// The most that this machine gives
    #[default]
    Auto,
    /// Nothing: the command can do whatever you can
    None,
    /// Landlock, a system call filter, resource limits
    Confined,
    /// And bubblewrap's namespaces
    Namespaces,
}

impl Sandbox {
    pub(crate) fn choice(self) -> Choice {
        match self {
            Self::Auto => Choice::Best,
            Self::None => Choice::Exactly(Level::None),
            Self::Confined => Choice::Exactly(Level::Confined),
            Self::Namespaces => Choice::Exactly(Level::Namespaces),
        }
    }
}

/// An agent's program, found where your shell would find it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Agent {
    /// Claude Code
    Claude,
    /// Codex
    Codex,
}

impl Agent {
    fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
        }
    }
}

impl Record {
    /// What is looked up in the operator's `PATH`.
    fn first_word(&self) -> &str {
        match self.runner {
            Some(agent) => agent.name(),
            None => self.command.first().map_or("", String::as_str),
        }
    }

    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let tools = Tools::resolve().map_err(|missing| Stopped::Usage(missing.to_string()))?;
        let repository = std::fs::canonicalize(context.environment.cwd.join(&self.repo))
            .map_err(|error| Stopped::Usage(format!("--repo {}: {error}", self.repo.display())))?;
        let baseline =
            resolve_baseline(&tools, &repository, "HEAD").map_err(|problem| Stopped::Usage(problem.to_string()))?;
        let run_id = run_id(&OsIds);
        let contract = self.contract(&run_id, &baseline, &program(self.first_word(), &context.environment.variables));
        let bytes: Arc<[u8]> = serde_json::to_vec_pretty(&contract).map_err(anyhow::Error::from)?.into();
        let worker = self.worker(context, tools)?;
        let assignment = Assignment {
            run_id,
            trace_id: hex(&(&OsIds as &dyn Ids).bytes::<16>()),
            pinned: Sha256Digest::of(&bytes),
            contract: bytes,
            repository,
            runner: None,
            workflow_id: self.workflow.clone(),
            item: None,
        };
        let stop = Stop::default();
        let asked = stop.clone();
        let interrupted = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                asked.ask();
            }
        });
        let outcome = tokio::task::spawn_blocking(move || execute(&worker, &assignment, &(), &stop)).await;
        interrupted.abort();
        let outcome = outcome.map_err(anyhow::Error::from)?.map_err(|refused| match refused {
            NotStarted::Contract(_) | NotStarted::Runner(_) | NotStarted::Isolation(_) => {
                Stopped::Usage(refused.to_string())
            }
            NotStarted::Record(_) => Stopped::Fault(refused.into()),
        })?;
        Ok(answer(context, &outcome, &baseline))
    }

    fn contract(&self, run_id: &RunId, baseline: &str, program: &str) -> Value {
        let mut options = json!({"idle_timeout_sec": self.timeout});
        if let Some(agent) = self.runner {
            options["runner"] = agent.name().into();
            if let Some(model) = &self.model {
                options["model"] = model.as_str().into();
            }
        } else {
            let rest = self.command.iter().skip(1).map(String::as_str);
            options["runner"] = "shell".into();
            options["command"] = std::iter::once(program).chain(rest).collect::<Vec<_>>().into();
        }
        let tests: Vec<Value> = if self.test.is_empty() {
            vec![json!({"name": "none was stated", "cmd": "true", "must_pass": true})]
        } else {
            self.test.iter().map(|cmd| json!({"name": cmd, "cmd": cmd, "must_pass": true})).collect()
        };
        let task_id =
            self.task_id.clone().unwrap_or_else(|| format!("task_{}", run_id.as_str().trim_start_matches("run_")));
        json!({
            "task_id": task_id,
            "owner_agent": {"role": "OPS", "agent_id": "operator"},
            "assigned_agent": {"role": "WORKER", "agent_id": "recorded"},
            "inputs": {"spec": self.spec, "artifacts": []},
            "required_outputs": [],
            "allowed_paths": self.allow,
            "forbidden_actions": [],
            "acceptance_tests": tests,
            "tool_permissions": {
                "filesystem": "workspace-write",
                "shell": "never",
                "network": if self.network { "allow" } else { "deny" },
                "mcp_tools": [],
            },
            "timeout_retry": {"timeout_sec": self.timeout, "max_retries": 0, "retry_backoff_sec": 0},
            "rollback": {"strategy": "worktree_drop", "baseline_ref": baseline},
            "evidence_links": [],
            "log_refs": {"run_id": run_id.as_str(), "paths": {}},
            "runtime_options": options,
        })
    }

    fn worker(&self, context: &Context, tools: Tools) -> Result<Worker, Stopped> {
        let helper = Helper {
            program: std::env::current_exe().map_err(anyhow::Error::from)?,
            args: vec!["sandbox-exec".into()],
        };
        let choice = self.sandbox.choice();
        let machine = Machine::probe(&helper, tools.bwrap.as_ref());
        let program = PathBuf::from(program(self.first_word(), &context.environment.variables));
        let mut read: Vec<PathBuf> = self.read.iter().map(|path| context.environment.cwd.join(path)).collect();
        read.extend(installed_at(&program));
        Ok(Worker {
            name: format!("record:{}", context.environment.user),
            version: env!("CARGO_PKG_VERSION").into(),
            tools,
            helper,
            machine,
            choice,
            runs_root: context.settings.runs_root.clone(),
            work_root: context.settings.runtime_root.join("work"),
            limits: Limits::default(),
            // A runner is given its credentials by itself, and the acceptance commands are not.
            environment: self.passed(&context.environment.variables, self.runner.is_none()),
            path: Vec::new(),
            read,
            means: self.means(program, &context.environment.variables),
            clock: Arc::new(SystemClock),
        })
    }

    /// An agent's program and its own credentials.
    fn means(&self, program: PathBuf, variables: &[(OsString, OsString)]) -> Means {
        let Some(agent) = self.runner else { return Means::default() };
        let programs = BTreeMap::from([(agent.name().to_owned(), program)]);
        Means { programs, credentials: self.passed(variables, true) }
    }

    /// What the operator hands on: what was named, and what the agent that they start is known to need.
    fn passed(&self, variables: &[(OsString, OsString)], with_credentials: bool) -> BTreeMap<String, String> {
        let name = Path::new(self.first_word()).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let of_agent = CREDENTIALS
            .iter()
            .filter(|(agent, ..)| with_credentials && *agent == name)
            .flat_map(|(_, one_of, also)| one_of.iter().chain(*also));
        let names: Vec<&str> =
            PASSED_THROUGH.iter().chain(of_agent).copied().chain(self.pass_env.iter().map(String::as_str)).collect();
        variables
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())))
            .filter(|(name, _)| names.contains(&name.as_str()))
            .collect()
    }
}

/// The program's path: a name is looked up where the operator's shell would, because the sandbox has a `PATH` of its own.
pub(crate) fn program(name: &str, variables: &[(OsString, OsString)]) -> String {
    if name.contains('/') {
        return name.to_owned();
    }
    let path =
        variables.iter().find(|(variable, _)| variable == "PATH").map(|(_, value)| value.clone()).unwrap_or_default();
    let found = std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| file.is_file());
    found.map_or_else(|| name.to_owned(), |file| file.to_string_lossy().into_owned())
}

/// What a program outside the system's directories needs to be started: itself, what its links lead to, its package.
pub(crate) fn installed_at(program: &Path) -> Vec<PathBuf> {
    if !program.is_absolute() || program.starts_with("/usr") || program.starts_with("/bin") {
        return Vec::new();
    }
    let mut paths = vec![program.to_owned()];
    if let Ok(file) = program.canonicalize() {
        let package = file.ancestors().find(|dir| dir.file_name().is_some_and(|name| name == "node_modules"));
        paths.extend(package.or_else(|| file.parent()).map(Path::to_owned));
    }
    paths
}

fn run_id(ids: &dyn Ids) -> RunId {
    let now = SystemClock.now().strftime("%Y%m%d_%H%M%S");
    RunId::parse(&format!("run_{now}_{}", hex(&ids.bytes::<16>()))).expect("invariant: digits and underscores")
}

fn answer(context: &Context, outcome: &Outcome, baseline: &str) -> Answer {
    let exit = if outcome.failure.is_none() { exit::OK } else { exit::CONFLICT };
    let run_id = outcome.run_id.as_str();
    let dir = outcome.dir.display().to_string();
    let changed = std::fs::read_to_string(outcome.dir.join("diff_name_only.txt")).unwrap_or_default();
    let changed: Vec<&str> = changed.lines().collect();
    let failure = outcome.failure.as_ref();
    if context.view.is_json() {
        let answer = json!({
            "run_id": run_id,
            "status": outcome.status(),
            "failure": failure.map(|failure| json!({"code": failure.kind.code(), "reason": failure.reason})),
            "directory": dir,
            "baseline": baseline,
            "changed_files": changed,
        });
        return Answer { text: print_json(&answer), exit };
    }
    let mut rows = vec![("run", run_id.to_owned()), ("status", outcome.status().to_owned())];
    rows.extend(failure.map(|failure| ("why", escape(&failure.reason))));
    rows.push(("worked on", baseline.to_owned()));
    let shown = match changed.len() {
        0 => "nothing".to_owned(),
        1..=5 => escape(&changed.join(", ")),
        more => format!("{} and {} more", escape(&changed[..5].join(", ")), more - 5),
    };
    rows.push(("changed", shown));
    rows.push(("recorded in", escape(&dir)));
    let next =
        format!("\nLook at it: cortexpilot runs show {run_id}\nQueue it again: cortexpilot queue preview {run_id}\n");
    Answer { text: pairs(rows) + &next, exit }
}
