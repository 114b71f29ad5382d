//! Run directories as the orchestrator writes them: for tests, and for demo runs.
//!
//! The store itself never writes; this module is compiled only with the feature `fixture`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::time::ledger_text;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize as _;
use serde_json::{Map, Value, json};

/// One run directory to be written. Starts as a run that succeeded and has no events; methods change it.
#[derive(Debug, Clone)]
pub struct RunFixture {
    run_id: String,
    contract: Map<String, Value>,
    manifest: Map<String, Value>,
    events: Vec<Event>,
    reports: Vec<(String, Value)>,
    files: Vec<(String, Vec<u8>)>,
    created_at: Timestamp,
    hash_chain: bool,
    evidence: bool,
}

#[derive(Debug, Clone)]
struct Event {
    at: Timestamp,
    level: &'static str,
    name: String,
    context: Value,
}

/// 2026-03-01T12:00:00Z.
const CREATED_AT_S: i64 = 1_772_366_400;

impl RunFixture {
    /// A run named `run_id`, of the task `task_<run_id>`.
    pub fn new(run_id: &str) -> Self {
        let task_id = format!("task_{run_id}");
        let contract = json!({
            "task_id": task_id,
            "owner_agent": {"role": "TECH_LEAD", "agent_id": "agent-1", "codex_thread_id": ""},
            "assigned_agent": {"role": "WORKER", "agent_id": "agent-1", "codex_thread_id": ""},
            "inputs": {"spec": "Append one line to docs/README.md", "artifacts": []},
            "required_outputs": [{"name": "docs/README.md", "type": "file", "acceptance": "exists"}],
            "allowed_paths": ["docs"],
            "forbidden_actions": ["rm -rf"],
            "acceptance_tests": [{"name": "noop", "cmd": "echo ok", "must_pass": true}],
            "tool_permissions": {"filesystem": "workspace-write", "shell": "never", "network": "deny", "mcp_tools": ["codex"]},
            "mcp_tool_set": ["01-filesystem"],
            "timeout_retry": {"timeout_sec": 60, "max_retries": 0, "retry_backoff_sec": 0},
            "rollback": {"strategy": "git_reset_hard", "baseline_ref": "HEAD"},
            "evidence_links": [],
            "log_refs": {"run_id": run_id, "paths": {}},
        });
        let manifest = json!({
            "run_id": run_id,
            "task_id": task_id,
            "created_at": "",
            "status": "SUCCESS",
            "user_request": "Append one line to docs/README.md",
            "trace_id": trace_id(run_id),
            "runner": {"name": "agents", "mcp_only": true, "profile": ""},
            "repo": {"root": "/srv/demo/repo", "baseline_ref": "HEAD"},
            "versions": {"contracts_schema": "v1", "orchestrator": "0.1.0"},
            "tasks": [],
            "artifacts": [],
            "evidence_hashes": {},
        });
        Self {
            run_id: run_id.to_owned(),
            contract: object(contract),
            manifest: object(manifest),
            events: Vec::new(),
            reports: Vec::new(),
            files: Vec::new(),
            created_at: Timestamp::from_second(CREATED_AT_S).expect("invariant: a time of our era"),
            hash_chain: true,
            evidence: true,
        }
    }

    /// When the run was created; its events follow one second apart. Set it before adding events.
    #[must_use]
    pub fn created_at(mut self, at: Timestamp) -> Self {
        self.created_at = at;
        self
    }

    /// The manifest's status: `SUCCESS`, `FAILURE`, `RUNNING`, …
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        self.manifest.insert("status".into(), status.into());
        self
    }

    /// Status `FAILURE` with a reason.
    #[must_use]
    pub fn failed(mut self, reason: &str) -> Self {
        self.manifest.insert("failure_reason".into(), reason.into());
        self.status("FAILURE")
    }

    /// The task's id, in contract and manifest.
    #[must_use]
    pub fn task(mut self, task_id: &str) -> Self {
        self.contract.insert("task_id".into(), task_id.into());
        self.manifest.insert("task_id".into(), task_id.into());
        self
    }

    /// What the run was asked for.
    #[must_use]
    pub fn request(mut self, text: &str) -> Self {
        self.manifest.insert("user_request".into(), text.into());
        self.contract.insert("inputs".into(), json!({"spec": text, "artifacts": []}));
        self
    }

    /// The workflow case that the run belongs to. Its status is the run's, so set that first.
    #[must_use]
    pub fn workflow(mut self, workflow_id: &str) -> Self {
        let status = self.manifest.get("status").cloned().unwrap_or_default();
        let workflow = json!({"workflow_id": workflow_id, "task_queue": "cortexpilot-orch", "namespace": "default", "status": status});
        self.manifest.insert("workflow".into(), workflow);
        self
    }

    /// Changes the contract.
    #[must_use]
    pub fn contract(mut self, change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        change(&mut self.contract);
        self
    }

    /// Changes the manifest. `created_at`, `finished_at` and `evidence_hashes` are filled in on writing, unless they were
    /// given here.
    #[must_use]
    pub fn manifest(mut self, change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        change(&mut self.manifest);
        self
    }

    /// Adds an event one second after the last.
    #[must_use]
    pub fn event(self, name: &str, context: Value) -> Self {
        self.event_at_level("INFO", name, context)
    }

    /// Adds an event of a level (`INFO`, `WARN`, `ERROR`) one second after the last.
    #[must_use]
    pub fn event_at_level(mut self, level: &'static str, name: &str, context: Value) -> Self {
        let last = self.events.last().map_or(self.created_at, |event| event.at);
        let at = last.saturating_add(SignedDuration::from_secs(1)).unwrap_or(last);
        self.events.push(Event { at, level, name: name.to_owned(), context });
        self
    }

    /// Adds a report, by file name.
    #[must_use]
    pub fn report(mut self, name: &str, data: Value) -> Self {
        self.reports.push((name.to_owned(), data));
        self
    }

    /// Adds any other file, by its path in the run directory.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), bytes.into()));
        self
    }

    /// Leaves out `events.hashchain.jsonl`.
    #[must_use]
    pub fn without_hash_chain(mut self) -> Self {
        self.hash_chain = false;
        self
    }

    /// Leaves `evidence_hashes` empty, as a run that is still under way has it.
    #[must_use]
    pub fn without_evidence(mut self) -> Self {
        self.evidence = false;
        self
    }

    /// Writes the directory beneath `root` (made where missing) and answers its path.
    ///
    /// # Errors
    /// Whatever the file system answers.
    pub fn write(&self, root: &Path) -> io::Result<PathBuf> {
        let dir = root.join(&self.run_id);
        let mut hashes = Map::new();
        let mut put = |path: &str, bytes: &[u8]| -> io::Result<()> {
            let target = dir.join(path);
            fs::create_dir_all(target.parent().unwrap_or(&dir))?;
            fs::write(target, bytes)?;
            hashes.insert(path.to_owned(), Sha256Digest::of(bytes).to_string().into());
            Ok(())
        };
        let (events, chain) = self.event_files();
        put("events.jsonl", events.as_bytes())?;
        if self.hash_chain {
            put("events.hashchain.jsonl", chain.as_bytes())?;
        }
        put("contract.json", pretty(&Value::Object(self.contract.clone())).as_bytes())?;
        for (name, data) in &self.reports {
            put(&format!("reports/{name}"), pretty(data).as_bytes())?;
        }
        for (path, bytes) in &self.files {
            put(path, bytes)?;
        }
        fs::create_dir_all(dir.join("artifacts"))?;
        let manifest = self.finished_manifest(hashes);
        fs::write(dir.join("manifest.json"), pretty(&Value::Object(manifest)))?;
        Ok(dir)
    }

    fn event_files(&self) -> (String, String) {
        let (mut events, mut chain, mut previous) = (String::new(), String::new(), String::new());
        for (index, event) in (1..).zip(&self.events) {
            let line = line(&json!({
                "ts": ledger_text(event.at),
                "level": event.level,
                "event": event.name,
                "event_type": event.name,
                "run_id": self.run_id,
                "task_id": "",
                "attempt": null,
                "trace_id": trace_id(&self.run_id),
                "context": event.context,
                "meta": event.context,
                "payload": event.context,
            }));
            let digest = Sha256Digest::of(line.as_bytes()).to_string();
            let hash = Sha256Digest::of(format!("{index}:{previous}:{digest}").as_bytes()).to_string();
            let entry = json!({"index": index, "event_sha256": digest, "prev_hash": previous, "hash": hash});
            events.push_str(&line);
            events.push('\n');
            chain.push_str(&self::line(&entry));
            chain.push('\n');
            previous = hash;
        }
        (events, chain)
    }

    fn finished_manifest(&self, hashes: Map<String, Value>) -> Map<String, Value> {
        let mut manifest = self.manifest.clone();
        if manifest.get("created_at") == Some(&json!("")) {
            manifest.insert("created_at".into(), ledger_text(self.created_at).into());
        }
        if self.evidence && manifest.get("evidence_hashes") == Some(&json!({})) {
            manifest.insert("evidence_hashes".into(), Value::Object(hashes));
        }
        let running = matches!(manifest.get("status").and_then(Value::as_str), Some("RUNNING" | "PENDING" | "QUEUED"));
        if !running && !manifest.contains_key("finished_at") {
            let last = self.events.last().map_or(self.created_at, |event| event.at);
            manifest.insert("finished_at".into(), ledger_text(last).into());
        }
        manifest
    }
}

/// A JSON value in one line, in the separators that the orchestrator uses: `", "` and `": "`.
pub fn line(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    value.serialize(&mut serializer).expect("invariant: a JSON value serialises");
    String::from_utf8(bytes).expect("invariant: JSON is UTF-8")
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("invariant: a JSON value serialises")
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

fn trace_id(run_id: &str) -> String {
    Sha256Digest::of(run_id.as_bytes()).to_string()[..32].to_owned()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
