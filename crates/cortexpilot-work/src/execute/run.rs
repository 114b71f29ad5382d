//! The course of a run.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use super::commands::{self, Bounds, CommandProblem, Cut, Ran, Sink};
use super::reports::{self, About, TestRun};
use super::{Assignment, Failure, FailureKind, NotStarted, Outcome, Progress, Ready, Stage, Stop, Worker};
use crate::contract::TaskContract;
use crate::environment;
use crate::gate;
use crate::outputs::{self, Checked};
use crate::record::{CONTRACT, Ending, FileRef, Level, Opening, RecordProblem, RunRecord};
use crate::runner::{Job, Reading};
use crate::sandbox::{self, Enforced, Policy};
use crate::snapshot::Snapshot;
use crate::workspace::{Diff, Scratch, Workspace};

/// Carries out one item. Blocks until everything it started has ended; call it on a thread of its own.
///
/// # Errors
/// Nothing was started and no run exists: see [`NotStarted`]. Whatever goes wrong later is the [`Outcome`]'s failure.
pub fn execute(
    worker: &Worker,
    assignment: &Assignment,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Outcome, NotStarted> {
    let ready = worker.ready(assignment)?;
    let record = RunRecord::begin(&worker.runs_root, opening(worker, assignment, &ready), Arc::clone(&worker.clock))
        .map_err(NotStarted::Record)?;
    let mut course =
        Course { worker, assignment, ready: &ready, record: &record, progress, stop, found: Found::default() };
    let ended = course.go().and_then(|()| course.conclude());
    let (failure, manifest) = match ended {
        Ok((failure, manifest)) => (failure, Some(manifest)),
        Err(problem) => {
            tracing::error!(run = %record.run_id(), error = %problem, "the run's record could not be finished");
            let reason = format!("the run's record could not be finished: {problem}");
            (Some(Failure { kind: FailureKind::Record, reason }), None)
        }
    };
    if let Some(workspace) = course.found.workspace {
        workspace.remove();
    }
    Ok(Outcome { run_id: record.run_id().clone(), dir: record.dir().to_owned(), failure, manifest })
}

fn opening(worker: &Worker, assignment: &Assignment, ready: &Ready) -> Opening {
    let contract = &ready.contract;
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("runner", json!({"name": ready.runner.name(), "profile": ""}));
    set("repo", json!({"root": assignment.repository.to_string_lossy(), "baseline_ref": contract.baseline_ref}));
    set("versions", json!({"contracts_schema": "v1", "orchestrator": worker.version}));
    if let Some(workflow_id) = &assignment.workflow_id {
        set("workflow", json!({"workflow_id": workflow_id, "status": "RUNNING"}));
    }
    if let Some(item) = &assignment.item {
        set(
            "queue",
            json!({
                "queue_id": item.queue_id.as_str(),
                "attempt": item.attempt,
                "source_run_id": item.source_run_id,
                "worker": worker.name,
            }),
        );
    }
    let pinned = FileRef { path: CONTRACT.into(), sha256: contract.sha256, size: contract.bytes.len() as u64 };
    set("tasks", json!([task(contract, "RUNNING", &pinned, None)]));
    set("artifacts", json!([]));
    Opening {
        run_id: assignment.run_id.clone(),
        task_id: contract.task_id.clone(),
        contract: Arc::clone(&contract.bytes),
        request: contract.spec.clone(),
        trace_id: assignment.trace_id.clone(),
        members,
    }
}

fn task(contract: &TaskContract, status: &str, pinned: &FileRef, reports: Option<(&FileRef, &FileRef)>) -> Value {
    let mut task = json!({
        "task_id": contract.task_id,
        "role": contract.role,
        "assigned_agent_id": contract.agent_id,
        "status": status,
        "contract": pinned.to_json(),
    });
    if let Some((result, tests)) = reports {
        task["result"] = result.to_json();
        task["test_report"] = tests.to_json();
    }
    task
}

/// At most so many paths stand in an event.
const SHOWN_MAX: usize = 200;

/// A run under way.
struct Course<'a> {
    worker: &'a Worker,
    assignment: &'a Assignment,
    ready: &'a Ready,
    record: &'a RunRecord,
    progress: &'a dyn Progress,
    stop: &'a Stop,
    found: Found,
}

/// What is known so far.
#[derive(Default)]
struct Found {
    workspace: Option<Workspace>,
    diff: Option<(Diff, FileRef, FileRef)>,
    outputs: Vec<Checked>,
    tests: Vec<TestRun>,
    changed_by_tests: Vec<String>,
    failure: Option<Failure>,
    /// What was enforced is recorded.
    sandboxed: bool,
}

type Recorded<T> = Result<T, RecordProblem>;

impl Course<'_> {
    fn event(&self, level: Level, name: &str, context: Value) -> Recorded<()> {
        self.record.event(level, name, context).map(drop)
    }

    fn at(&self, stage: Stage) {
        self.progress.at(stage, self.record.events());
    }

    /// The first failure is the run's.
    fn fail(&mut self, kind: FailureKind, reason: impl Into<String>) {
        self.found.failure.get_or_insert(Failure { kind, reason: reason.into() });
    }

    fn go(&mut self) -> Recorded<()> {
        let contract = &self.ready.contract;
        self.at(Stage::Preparing);
        self.event(
            Level::Info,
            "STEP_STARTED",
            json!({"contract_sha256": contract.sha256.to_string(), "worker": self.worker.name}),
        )?;
        self.event(
            Level::Info,
            "RUNNER_SELECTED",
            json!({"runner": self.ready.runner.name(), "isolation": self.ready.level.as_str(), "network": contract.network}),
        )?;
        let dir = self.worker.work_root.join(self.assignment.run_id.as_str());
        match Workspace::prepare(&self.worker.tools, &self.assignment.repository, &contract.baseline_ref, &dir) {
            Ok(workspace) => {
                self.event(Level::Info, "WORKTREE_CREATED", json!({"baseline": workspace.baseline()}))?;
                let mut repo = Map::new();
                repo.insert("root".into(), self.assignment.repository.to_string_lossy().into());
                repo.insert("baseline_ref".into(), workspace.baseline().into());
                self.record.set("repo", Value::Object(repo));
                self.record.put("git/baseline_commit.txt", workspace.baseline().as_bytes())?;
                self.found.workspace = Some(workspace);
            }
            Err(problem) => {
                self.fail(FailureKind::Workspace, problem.to_string());
                return Ok(());
            }
        }
        if self.stop.is_asked() {
            let reason = format!("{}; the runner was not started", self.stop.reason());
            self.fail(FailureKind::Stopped, reason);
            return Ok(());
        }
        self.at(Stage::Running);
        self.work()?;
        self.at(Stage::Judging);
        self.judge()?;
        if self.found.failure.is_none() {
            self.at(Stage::Testing);
            self.test()?;
        }
        Ok(())
    }

    /// The runner's part.
    fn work(&mut self) -> Recorded<()> {
        let contract = &self.ready.contract;
        let Some(job) = self.ready.runner.job(contract, &self.worker.means, self.ready.level) else {
            self.event(Level::Info, "RUNNER_SKIPPED", json!({"reason": "the acceptance commands are the whole work"}))?;
            return Ok(());
        };
        let stdin = if job.stdin.is_empty() { None } else { Some(self.input(&job.stdin)?) };
        let reading: Mutex<Box<dyn Reading>> = Mutex::new(self.ready.runner.reading(contract));
        let sink = Sink {
            record: self.record,
            stdout: self.record.log("logs/runner.stdout.log")?,
            stderr: self.record.log("logs/runner.stderr.log")?,
            reading: Some(&reading),
        };
        let bounds = Bounds { hard: contract.timeout, idle: contract.idle_timeout };
        let ran = self.run(&job, stdin, None, bounds, sink)?;
        let reading = reading.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(ran) = ran else { return Ok(()) };
        self.sandboxed(&ran.enforced)?;
        let mut runner = Map::new();
        runner.insert("name".into(), self.ready.runner.name().into());
        runner.insert("profile".into(), "".into());
        runner.extend(reading.said());
        self.record.set("runner", Value::Object(runner));
        let mut usage = reading.usage().to_json().unwrap_or_else(|| json!({}));
        if let Value::Object(usage) = &mut usage {
            usage
                .entry("duration_ms")
                .or_insert_with(|| u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX).into());
        }
        self.record.set("usage", usage);
        let ended = &ran.ended;
        let context = json!({
            "exit_code": ended.code, "signal": ended.signal, "ended": ended.words(), "left_behind": ended.left_behind,
            "processes": ended.processes, "memory_bytes": ended.memory_bytes,
        });
        let (kind, reason) = match (ran.cut, reading.verdict()) {
            (Some(cut), _) => {
                let limit = |seconds: u64| format!("{seconds} s");
                match cut {
                    Cut::Stopped => (FailureKind::Stopped, self.stop.reason().to_owned()),
                    Cut::TimedOut => (
                        FailureKind::TimedOut,
                        format!("the runner took longer than {}", limit(contract.timeout.as_secs())),
                    ),
                    Cut::Idle => (
                        FailureKind::Idle,
                        format!("the runner said nothing for {}", limit(contract.idle_timeout.as_secs())),
                    ),
                    Cut::TooMuchOutput => (FailureKind::Runner, "the runner wrote more than 256 MiB".to_owned()),
                }
            }
            (None, _) if !ended.is_success() => (FailureKind::Runner, format!("the runner failed: {}", ended.words())),
            (None, Some(Err(why))) => (FailureKind::Runner, format!("the runner says that it failed: {why}")),
            (None, Some(Ok(())) | None) => return self.event(Level::Info, "RUNNER_ENDED", context),
        };
        self.event(Level::Error, "RUNNER_ENDED", context)?;
        self.fail(kind, reason);
        Ok(())
    }

    /// The diff gate and the required outputs. Also after a failure: what a failed run changed is worth knowing.
    fn judge(&mut self) -> Recorded<()> {
        let contract = &self.ready.contract;
        let Some(workspace) = &self.found.workspace else { return Ok(()) };
        let diff = match workspace.diff(contract) {
            Ok(diff) => diff,
            Err(problem) => {
                self.fail(FailureKind::Workspace, format!("the diff could not be taken: {problem}"));
                return Ok(());
            }
        };
        let patch = self.record.put("patch.diff", &diff.patch)?;
        let names: String = diff.changed.iter().map(|(path, _)| format!("{path}\n")).collect();
        let names = self.record.put("diff_name_only.txt", names.as_bytes())?;
        let mut paths: Vec<&str> = diff.violations.iter().map(|violation| violation.path.as_str()).collect();
        paths.dedup();
        let ok = paths.is_empty();
        let reason = if ok { "" } else { "changed files outside allowed_paths" };
        // An event is a line of bounded length: the first of each, and how many there are. All of them stand in
        // diff_name_only.txt.
        let context = json!({
            "ok": ok,
            "changed_files": diff.changed.iter().take(SHOWN_MAX).map(|(path, _)| path).collect::<Vec<_>>(),
            "changed_total": diff.changed.len(),
            "violations": paths.iter().take(SHOWN_MAX).collect::<Vec<_>>(),
            "violation_reasons": diff.violations.iter().take(SHOWN_MAX)
                .map(|one| json!({"path": one.path, "reason": one.reason})).collect::<Vec<_>>(),
            "violations_total": paths.len(),
            "baseline_ref": workspace.baseline(),
            "reason": reason,
            "allowed_paths": contract.allowed_paths.stated().take(SHOWN_MAX).collect::<Vec<_>>(),
        });
        self.event(Level::Info, "DIFF_GATE_RESULT", context.clone())?;
        if !ok {
            self.event(Level::Error, "DIFF_GATE_FAIL", context)?;
            let first: Vec<String> =
                diff.violations.iter().take(10).map(|one| format!("{} ({})", one.path, one.reason)).collect();
            let more = diff.violations.len().saturating_sub(10);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let reason = format!("diff gate: {}{more}", first.join(", "));
            self.found.outputs = Vec::new();
            self.found.failure.get_or_insert(Failure { kind: FailureKind::DiffGate, reason });
        } else if self.found.failure.is_none() {
            let checked = outputs::check(&contract.required_outputs, workspace, &diff);
            let missing: Vec<String> = checked
                .iter()
                .filter_map(|one| one.problem.as_ref().map(|problem| format!("{}: {problem}", one.output.name)))
                .collect();
            let level = if missing.is_empty() { Level::Info } else { Level::Error };
            let context =
                json!({"ok": missing.is_empty(), "outputs": checked.iter().map(Checked::to_json).collect::<Vec<_>>()});
            self.event(level, "REQUIRED_OUTPUTS_RESULT", context)?;
            self.found.outputs = checked;
            if !missing.is_empty() {
                let reason = format!("required outputs: {}", missing.join(", "));
                self.found.failure.get_or_insert(Failure { kind: FailureKind::RequiredOutputs, reason });
            }
        }
        self.found.diff = Some((diff, patch, names));
        Ok(())
    }

    /// The acceptance commands, each in the sandbox of its own.
    fn test(&mut self) -> Recorded<()> {
        let contract = &self.ready.contract;
        let before = self.look();
        for (index, test) in contract.acceptance_tests.iter().enumerate() {
            let (out, err) = (format!("tests/stdout_{index}.log"), format!("tests/stderr_{index}.log"));
            let sink = Sink {
                record: self.record,
                stdout: self.record.log(&out)?,
                stderr: self.record.log(&err)?,
                reading: None,
            };
            let job = Job { argv: test.argv.clone(), ..Job::default() };
            let bounds = Bounds { hard: contract.timeout, idle: contract.timeout };
            let Some(ran) = self.run(&job, None, Some(index), bounds, sink)? else { return Ok(()) };
            if !self.found.sandboxed {
                self.sandboxed(&ran.enforced)?;
            }
            if ran.cut == Some(Cut::Stopped) {
                let reason = format!("{}, while the acceptance commands ran", self.stop.reason());
                self.fail(FailureKind::Stopped, reason);
                return Ok(());
            }
            let file = |path: &str| -> Recorded<FileRef> {
                let bytes = std::fs::read(self.record.dir().join(path)).map_err(RecordProblem::io(path))?;
                Ok(FileRef::of(path, &bytes))
            };
            let run = TestRun {
                index,
                timed_out: ran.cut.is_some(),
                seconds: ran.took.as_secs_f64(),
                stdout: file(&out)?,
                stderr: file(&err)?,
                ended: ran.ended,
            };
            if test.must_pass && !run.passed() {
                let how = if run.timed_out {
                    format!("it took longer than {} s", contract.timeout.as_secs())
                } else {
                    run.ended.words()
                };
                self.fail(FailureKind::AcceptanceTests, format!("acceptance test `{}` failed: {how}", test.name));
            }
            self.found.tests.push(run);
        }
        if let (Some(before), Some(after)) = (before, self.look()) {
            let changes = gate::changes(&before, &after);
            self.found.changed_by_tests = changes.iter().take(1_000).map(|change| gate::shown(&change.path)).collect();
        }
        let ok = self.found.failure.is_none();
        let level = if ok { Level::Info } else { Level::Error };
        let passed = self.found.tests.iter().map(|run| {
            json!({"name": contract.acceptance_tests[run.index].name, "passed": run.passed(), "exit_code": run.ended.code})
        });
        self.event(level, "TEST_RESULT", json!({"ok": ok, "tests": passed.collect::<Vec<_>>()}))
    }

    fn look(&self) -> Option<Snapshot> {
        self.found.workspace.as_ref().and_then(|workspace| workspace.look().ok())
    }

    /// Runs a command in the workspace, the runner's or that of an acceptance test; `None`: it could not be, and the run has
    /// failed.
    fn run(
        &mut self,
        job: &Job,
        stdin: Option<PathBuf>,
        test: Option<usize>,
        bounds: Bounds,
        sink: Sink<'_>,
    ) -> Recorded<Option<Ran>> {
        let stage = if test.is_some() { Stage::Testing } else { Stage::Running };
        let Some(workspace) = &self.found.workspace else { return Ok(None) };
        let scratch = match test.map(|index| workspace.scratch_for_test(index)) {
            None => workspace.scratch(),
            Some(Ok(scratch)) => scratch,
            Some(Err(problem)) => {
                self.fail(FailureKind::Workspace, problem.to_string());
                return Ok(None);
            }
        };
        let policy = self.policy(workspace, &scratch, job, stdin);
        match commands::run(&self.worker.helper, &policy, bounds, sink, (self.progress, stage, self.stop)) {
            Ok(ran) => Ok(Some(ran)),
            Err(CommandProblem::Record(problem)) => Err(problem),
            Err(CommandProblem::Start(problem)) => {
                self.event(Level::Error, "SANDBOX_REFUSED", json!({"reason": problem.to_string()}))?;
                self.fail(FailureKind::Sandbox, problem.to_string());
                Ok(None)
            }
        }
    }

    fn policy(&self, workspace: &Workspace, scratch: &Scratch, job: &Job, stdin: Option<PathBuf>) -> Policy {
        let (worker, contract) = (self.worker, &self.ready.contract);
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let mut env = environment::environment(&workspace.tree(), scratch, &worker.environment, &worker.path);
        env.extend(job.env.clone());
        let mut read: Vec<String> = worker.path.clone();
        read.extend(worker.read.iter().chain(&job.read).map(|path| text(path)));
        read.extend(workspace.objects().iter().map(|path| text(path)));
        let mut write = vec![text(&scratch.home), text(&scratch.tmp), text(&scratch.shm)];
        let tree = text(&workspace.tree());
        // Read-only contracts see the tree and cannot change it; what they write goes to HOME and TMPDIR.
        if contract.may_write {
            write.push(tree.clone())
        } else {
            read.push(tree.clone())
        }
        Policy {
            argv: job.argv.clone(),
            cwd: tree,
            env,
            stdin: stdin.map(|path| text(&path)),
            level: self.ready.level,
            read,
            write,
            // On the workspace's disk and gone with it, where there is no other for these names.
            shown: [("/tmp", &scratch.tmp), ("/dev/shm", &scratch.shm)]
                .map(|(place, dir)| (place.to_owned(), text(dir)))
                .into(),
            network: contract.network,
            limits: worker.limits,
            bwrap: match self.ready.level {
                sandbox::Level::Namespaces => worker.tools.bwrap.as_deref().map(text),
                sandbox::Level::None | sandbox::Level::Confined => None,
            },
            helper_args: worker.helper.args.clone(),
        }
    }

    /// What the runner reads, as a file that it can open: in its own temporary directory.
    fn input(&self, bytes: &[u8]) -> Recorded<PathBuf> {
        self.record.put("logs/runner.stdin.txt", bytes)?;
        let dir = self.found.workspace.as_ref().map_or_else(PathBuf::new, |workspace| workspace.scratch().tmp);
        let path = dir.join("runner.stdin");
        std::fs::write(&path, bytes).map_err(RecordProblem::io("the runner's input"))?;
        Ok(path)
    }

    /// What was enforced around the first command: the runner's, or the first acceptance test where there is no other.
    fn sandboxed(&mut self, enforced: &Enforced) -> Recorded<()> {
        self.found.sandboxed = true;
        let value = serde_json::to_value(enforced).unwrap_or_default();
        self.event(Level::Info, "SANDBOX_ENFORCED", value.clone())?;
        self.record.set("sandbox", value);
        Ok(())
    }

    /// Reports, the last events, the final manifest.
    fn conclude(&mut self) -> Recorded<(Option<Failure>, cortexpilot_core::domain::id::Sha256Digest)> {
        self.at(Stage::Finishing);
        let (record, contract) = (self.record, &self.ready.contract);
        let found = &self.found;
        let failure = found.failure.as_ref();
        let about = About {
            run_id: record.run_id().as_str(),
            contract,
            attempt: self.assignment.item.as_ref().map_or(1, |item| item.attempt),
            started: record.created_at(),
            finished: self.worker.clock.now().max(record.created_at()),
        };
        let skipped = match failure {
            Some(failure) if found.tests.is_empty() => Some(failure.reason.as_str()),
            Some(_) | None => None,
        };
        let tests = reports::tests(&about, &found.tests, &found.changed_by_tests, skipped);
        let tests = record.put_json("reports/test_report.json", &tests)?;
        let tests_passed = (!found.tests.is_empty())
            .then(|| found.tests.iter().all(|run| run.passed() || !contract.acceptance_tests[run.index].must_pass));
        let diff = found.diff.as_ref().map(|(diff, patch, names)| (diff, patch, names));
        let baseline = found.workspace.as_ref().map(Workspace::baseline);
        let result = reports::task_result(&about, diff, baseline, &found.outputs, tests_passed, failure);
        let result = record.put_json("reports/task_result.json", &result)?;
        record.put_json("reports/work_report.json", &reports::work(&about, diff.map(|(diff, ..)| diff), failure))?;
        let (status, task_status) = if failure.is_none() { ("SUCCESS", "SUCCESS") } else { ("FAILURE", "FAILED") };
        let level = if failure.is_none() { Level::Info } else { Level::Error };
        let reason = failure.map(|failure| failure.reason.clone());
        self.event(level, "STATE_TRANSITION", json!({"status": status, "reason": reason}))?;
        let pinned = FileRef { path: CONTRACT.into(), sha256: contract.sha256, size: contract.bytes.len() as u64 };
        record.set("tasks", json!([task(contract, task_status, &pinned, Some((&result, &tests)))]));
        let ending = match failure {
            None => Ending::Success,
            Some(failure) => Ending::Failure { reason: failure.reason.clone(), code: failure.kind.code() },
        };
        let manifest = record.finish(&ending)?;
        Ok((self.found.failure.clone(), manifest))
    }
}
