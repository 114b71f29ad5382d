//! A store and runs that behave, misbehave or wait as a test wants.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::decide::{JudgedBeat, Verdict};
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, ClaimStanding, HeartbeatAnswer, WorkerPresence};
use cortexpilot_core::domain::listing::{FileProblem as StoreProblem, QueueCounts, QueueFilter, QueueListing, Slice};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::run::{RunFacts, RunProblem};
use cortexpilot_core::domain::session::{EndSessions, SessionKey, SessionRecord};
use cortexpilot_core::domain::token::TokenRecord;
use cortexpilot_core::port::fake::{FakeRuns, MemStore};
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine, LinesPage, LinesQuery};
use cortexpilot_core::port::receipts::{
    CheckpointDocument, LineOf, NoReceipt, ReceiptDocument, Receipts, Signing, SigningHealth,
};
use cortexpilot_core::port::runs::{
    ArtifactBytes, Artifacts, BytesQuery, CheckFinding, ContractRow, DiffGateRow, Events, EventsBegin, EventsFrom,
    EventsPosition, EventsQuery, EventsSlice, Failure, FileProblem, FollowedEvent, Listing, Outcome, PageQuery, Part,
    PendingApproval, ReadProblem, Report, Reports, RootState, RunCompare, RunDetail, RunDiff, RunFilter, RunIncident,
    RunProof, RunRecord, RunReport, RunRow, RunSearch, Runs, StoredReport, Verdict as CaseVerdict, WorkflowCase,
    WorkflowDetail,
};
use cortexpilot_core::port::{ApprovalListing, BoxFuture, Store, StoreError, StoreHealth, StoreRead};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::samples;

/// Gives one receipt for everything, or says why there is none.
pub(crate) struct Notary {
    pub(crate) answer: Mutex<Result<ReceiptDocument, NoReceipt>>,
    pub(crate) signing: Mutex<Signing>,
    /// How many lines its last checkpoint covers; none where there is none.
    pub(crate) signed: Mutex<Option<u64>>,
    /// What it was asked for, and whether at once.
    pub(crate) asked: Mutex<Vec<(LineOf, bool)>>,
    /// It never answers who wants one at once.
    pub(crate) hangs: Mutex<bool>,
}

impl Notary {
    pub(crate) fn new() -> Self {
        let document = ReceiptDocument {
            index: 6,
            leaf_hash: Sha256Digest::of(b"leaf"),
            inclusion: vec![Sha256Digest::of(b"sibling")],
            checkpoint: "test.example/queue.jsonl\n7\nroot\n\n\u{2014} test.example/queue.jsonl x\n".to_owned(),
        };
        Self {
            answer: Mutex::new(Ok(document)),
            signing: Mutex::new(Signing::Signed),
            signed: Mutex::new(Some(7)),
            asked: Mutex::new(Vec::new()),
            hangs: Mutex::new(false),
        }
    }

    fn tell(&self, of: LineOf, at_once: bool) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>> {
        self.asked.lock().expect("no test panics while it holds this").push((of, at_once));
        if at_once && *self.hangs.lock().expect("no test panics while it holds this") {
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(self.answer.lock().expect("no test panics while it holds this").clone()))
    }
}

impl Receipts for Notary {
    fn fresh(&self, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>> {
        self.tell(of, true)
    }

    fn kept(&self, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>> {
        self.tell(of, false)
    }

    fn checkpoints(&self) -> BoxFuture<'_, Result<Vec<CheckpointDocument>, NoReceipt>> {
        let size = *self.signed.lock().expect("no test panics while it holds this");
        let document = size.map(|size| CheckpointDocument {
            file: LedgerFile::Queue,
            origin: "test.example/queue.jsonl".to_owned(),
            size,
            root: Sha256Digest::of(b"root"),
            key: "test.example/queue.jsonl+0a1b2c3d+AQ==".to_owned(),
            signed_at: Some("2026-11-22T08:30:52Z".parse().expect("an instant")),
            note: format!("test.example/queue.jsonl\n{size}\nroot\n\n\u{2014} test.example/queue.jsonl x\n"),
        });
        Box::pin(std::future::ready(Ok(document.into_iter().collect())))
    }

    fn health(&self) -> SigningHealth {
        SigningHealth {
            signing: *self.signing.lock().expect("no test panics while it holds this"),
            every_s: Some(60),
            queue_lines: 7,
            decision_lines: 2,
            at: Some("2026-11-22T08:30:52Z".parse().expect("an instant")),
            failures: 3,
        }
    }
}

/// A store in memory that can be made to fail.
pub(crate) struct Ledger {
    pub(crate) memory: Arc<MemStore>,
    pub(crate) fails: Mutex<Option<StoreError>>,
    pub(crate) problems: Mutex<Vec<StoreProblem>>,
    /// A command waits for a permit; tests that hold commands back take them all.
    pub(crate) commands: Semaphore,
    pub(crate) panics: Mutex<bool>,
    /// Questions about what operators decided are not answered.
    pub(crate) silent: Mutex<bool>,
    /// How often lines were looked at.
    pub(crate) looked_at: AtomicUsize,
    arrived: Notify,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            memory: Arc::new(MemStore::default()),
            fails: Mutex::new(None),
            problems: Mutex::new(Vec::new()),
            commands: Semaphore::new(1),
            panics: Mutex::new(false),
            silent: Mutex::new(false),
            looked_at: AtomicUsize::new(0),
            arrived: Notify::new(),
        }
    }

    /// Waits until a command has come, be it that it cannot have its turn yet.
    pub(crate) async fn waits_for_a_turn(&self) {
        self.arrived.notified().await;
    }

    fn sound(&self) -> Result<(), StoreError> {
        self.fails.lock().expect("no test panics while it holds this").clone().map_or(Ok(()), Err)
    }

    /// A full, damaged or newer ledger is still read; one that is not available is not.
    fn readable(&self) -> Result<(), StoreError> {
        match self.sound() {
            Err(error @ (StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))) => Err(error),
            Err(StoreError::Corrupt { .. } | StoreError::Newer { .. } | StoreError::Full(_)) | Ok(()) => Ok(()),
        }
    }
}

impl StoreRead for Ledger {
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.enqueue_facts(query).await
        })
    }

    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.item(id).await
        })
    }

    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            let listing = self.memory.items(filter).await?;
            Ok(QueueListing {
                problems: self.problems.lock().expect("no test panics while it holds this").clone(),
                ..listing
            })
        })
    }

    fn counts(&self, now: Timestamp) -> BoxFuture<'_, Result<QueueCounts, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.counts(now).await
        })
    }

    fn done_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Slice>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.done_since(since).await
        })
    }

    fn governance<'a>(&'a self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            if *self.silent.lock().expect("no test panics while it holds this") {
                std::future::pending::<()>().await;
            }
            self.memory.governance(query).await
        })
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> BoxFuture<'a, Result<ApprovalListing, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.approvals(filter).await
        })
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Vec<TokenRecord>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.tokens().await
        })
    }

    fn health(&self) -> BoxFuture<'_, Result<StoreHealth, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            Ok(StoreHealth { refuses_writes: self.sound().err(), ..self.memory.health().await? })
        })
    }

    fn lines<'a>(&'a self, query: &'a LinesQuery) -> BoxFuture<'a, Result<LinesPage, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.looked_at.fetch_add(1, Ordering::Relaxed);
            StoreRead::lines(&*self.memory, query).await
        })
    }

    fn lines_of<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Vec<LedgerLine>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.lines_of(id).await
        })
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimStanding>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.claims().await
        })
    }

    fn eligible<'a>(
        &'a self,
        query: &'a ClaimQuery,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<QueueItem>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.eligible(query, limit).await
        })
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueueItemId>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.overdue(now, limit).await
        })
    }

    fn pinned<'a>(&'a self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            StoreRead::pinned(&*self.memory, sha256).await
        })
    }

    fn beat<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.beat(id).await
        })
    }

    fn workers(&self) -> BoxFuture<'_, Result<Vec<WorkerPresence>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.workers().await
        })
    }

    fn session<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.session(key).await
        })
    }
}

impl Store for Ledger {
    fn write_beat(&self, judged: JudgedBeat) -> BoxFuture<'_, Result<HeartbeatAnswer, StoreError>> {
        Box::pin(async move {
            self.sound()?;
            self.memory.write_beat(judged).await
        })
    }

    fn write_presence(&self, presence: WorkerPresence) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.sound()?;
            self.memory.write_presence(presence).await
        })
    }

    fn remove_presence<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.sound()?;
            self.memory.remove_presence(worker).await
        })
    }

    fn write_session(&self, key: SessionKey, record: SessionRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.write_session(key, record).await
        })
    }

    fn take_login<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.take_login(key).await
        })
    }

    fn end_sessions(&self, which: EndSessions) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.readable()?;
            self.memory.end_sessions(which).await
        })
    }

    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Verdict, StoreError>> {
        Box::pin(async move {
            self.arrived.notify_one();
            let _turn = self.commands.acquire().await.expect("the semaphore stays open");
            assert!(
                !*self.panics.lock().expect("no test panics while it holds this"),
                "a secret that must not leave: /srv/runtime/keys"
            );
            self.sound()?;
            self.memory.execute(command).await
        })
    }
}

/// Runs to look at: facts from the core's fake, documents made here.
pub(crate) struct Shelf {
    pub(crate) facts: FakeRuns,
    pub(crate) root: Mutex<RootState>,
    /// How many runs the list holds.
    pub(crate) listed: usize,
    /// Text that a run's detail carries, to make an answer large.
    pub(crate) bulk: Mutex<usize>,
    /// What each of its files holds.
    pub(crate) content: Mutex<Vec<u8>>,
    /// Events files of runs that are followed.
    live: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Shelf {
    pub(crate) fn new(facts: FakeRuns) -> Self {
        Self {
            facts,
            root: Mutex::new(RootState::Readable),
            listed: 5,
            bulk: Mutex::new(0),
            content: Mutex::default(),
            live: Mutex::default(),
        }
    }

    /// Appends to the events file of a run that is followed.
    pub(crate) fn append(&self, run: &str, bytes: &str) {
        let mut live = self.live.lock().expect("no test panics while it holds this");
        live.entry(run.to_owned()).or_default().extend_from_slice(bytes.as_bytes());
    }

    /// Takes it away, and the run with it.
    pub(crate) fn take_away(&self, run: &str) {
        self.live.lock().expect("no test panics while it holds this").remove(run);
    }

    fn live(&self, run: &RunId) -> Option<Vec<u8>> {
        self.live.lock().expect("no test panics while it holds this").get(run.as_str()).cloned()
    }

    fn page<T>(&self, page: &PageQuery, make: impl Fn(usize) -> T) -> Result<Listing<T>, ReadProblem> {
        let root = self.root.lock().expect("no test panics while it holds this").clone();
        if root != RootState::Readable {
            return Ok(Listing { items: Vec::new(), next: None, root });
        }
        let (items, next) = cut(self.listed, page)?;
        Ok(Listing { items: items.map(make).collect(), next, root })
    }
}

/// Which entries of `len` a page holds, and where the next one begins.
fn cut(len: usize, page: &PageQuery) -> Result<(std::ops::Range<usize>, Option<String>), ReadProblem> {
    let from = match &page.after {
        Some(cursor) => cursor.parse::<usize>().map_err(|_| ReadProblem::BadCursor)?,
        None => 0,
    };
    let to = page.limit.map_or(len, |limit| len.min(from + limit));
    Ok((from..to, (to < len).then(|| to.to_string())))
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

pub(crate) fn failure() -> Failure {
    Failure::default()
}

pub(crate) fn outcome() -> Outcome {
    Outcome { outcome_type: "success", outcome_label_zh: "Success" }
}

fn row(at: usize) -> RunRow {
    RunRow {
        run_id: format!("run_{at}"),
        task_id: Some(format!("task_{at}")),
        status: Some("SUCCESS".into()),
        workflow_id: String::new(),
        workflow_status: String::new(),
        created_at: None,
        finished_at: None,
        start_ts: None,
        end_ts: None,
        owner_agent_id: String::new(),
        owner_role: String::new(),
        assigned_agent_id: String::new(),
        assigned_role: String::new(),
        failure_reason: String::new(),
        last_event_ts: String::new(),
        failure: failure(),
        outcome: outcome(),
        awaits_approval: Some(at == 1),
        problems: Vec::new(),
    }
}

fn case(id: &str) -> WorkflowCase {
    WorkflowCase {
        workflow_id: id.to_owned(),
        task_queue: String::new(),
        namespace: String::new(),
        status: "SUCCESS".into(),
        verdict: CaseVerdict::Healthy,
        summary: "Workflow case is healthy.".into(),
        objective: String::new(),
        owner_pm: String::new(),
        project_key: String::new(),
        pm_session_ids: Vec::new(),
        case_source: "derived",
        case_updated_at: "",
        runs: Vec::new(),
        has_failure: None,
        has_running: None,
        workflow_case_read_model: None,
        problems: Vec::new(),
    }
}

impl Runs for Shelf {
    fn root(&self) -> String {
        "/srv/runs".into()
    }

    fn facts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunFacts, RunProblem>> {
        self.facts.facts(id)
    }

    fn list(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>> {
        ready(self.page(&page, row))
    }

    fn select(&self, filter: RunFilter, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>> {
        if filter.is_all() {
            return self.list(page);
        }
        // What was asked, so that a test sees the question.
        let asked = serde_json::json!({
            "status": filter.status, "workflow_id": filter.workflow_id, "outcome": filter.outcome, "task_id": filter.task_id,
            "since": filter.since.map(|since| since.to_string()), "until": filter.until.map(|until| until.to_string()),
        });
        ready(self.page(&page, |at| RunRow { failure_reason: asked.to_string(), ..row(at) }))
    }

    fn events_from<'a>(&'a self, id: &'a RunId, from: EventsFrom) -> BoxFuture<'a, Result<EventsSlice, ReadProblem>> {
        match self.live(id) {
            Some(file) => ready(Ok(slice(&file, &from))),
            None => self.facts.events_from(id, from),
        }
    }

    fn mark<'a>(&'a self, id: &'a RunId, _part: Part<'a>) -> BoxFuture<'a, Result<u64, ReadProblem>> {
        let mut hasher = DefaultHasher::new();
        self.live(id).hash(&mut hasher);
        ready(Ok(hasher.finish()))
    }

    fn contracts(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<ContractRow>, ReadProblem>> {
        ready(self.page(&page, samples::contract))
    }

    fn reports_named<'a>(
        &'a self,
        name: &'a str,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<RunReport>, ReadProblem>> {
        ready(self.page(&page, |at| RunReport {
            run_id: format!("run_{at}"),
            report: json!({"name": name}),
            problems: Vec::new(),
        }))
    }

    fn recent_events(&self, limit: usize) -> BoxFuture<'_, Result<Events, ReadProblem>> {
        ready(Ok(Events {
            events: vec![json!({"asked": limit, "_run_id": "run_ok"})],
            next: None,
            problems: Vec::new(),
        }))
    }

    fn diff<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDiff, ReadProblem>> {
        match id.as_str() {
            "run_ok" => ready(Ok(samples::diff())),
            _ => self.facts.diff(id),
        }
    }

    fn artifacts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Artifacts, ReadProblem>> {
        match id.as_str() {
            "run_ok" => ready(Ok(samples::artifacts())),
            _ => self.facts.artifacts(id),
        }
    }

    /// One file of `run_ok`, whose bytes are what a test chose, whatever its name; none called `none`.
    fn artifact<'a>(
        &'a self,
        id: &'a RunId,
        name: &'a str,
        bytes: BytesQuery,
    ) -> BoxFuture<'a, Result<Option<ArtifactBytes>, ReadProblem>> {
        if id.as_str() != "run_ok" {
            return ready(Err(ReadProblem::NotFound));
        }
        let whole = self.content.lock().expect("no test panics while it holds this").clone();
        let from = usize::try_from(bytes.offset).unwrap_or(usize::MAX).min(whole.len());
        let to = from.saturating_add(usize::try_from(bytes.limit).unwrap_or(usize::MAX)).min(whole.len());
        let found = ArtifactBytes {
            name: name.to_owned(),
            offset: bytes.offset,
            bytes: whole[from..to].to_vec(),
            size: whole.len() as u64,
        };
        ready(Ok((name != "none").then_some(found)))
    }

    fn search<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunSearch, ReadProblem>> {
        match id.as_str() {
            "run_ok" => ready(Ok(samples::search(id.as_str()))),
            _ => self.facts.search(id),
        }
    }

    fn compare<'a>(&'a self, id: &'a RunId, with: Option<&'a RunId>) -> BoxFuture<'a, Result<RunCompare, ReadProblem>> {
        match (id.as_str(), with.map(RunId::as_str)) {
            ("run_ok", None | Some("run_ok")) => ready(Ok(samples::compare(id.as_str(), with.map(RunId::as_str)))),
            _ => self.facts.compare(id, with),
        }
    }

    fn proof<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunProof, ReadProblem>> {
        match id.as_str() {
            "run_ok" => ready(Ok(samples::proof(id.as_str()))),
            _ => self.facts.proof(id),
        }
    }

    fn incident<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunIncident, ReadProblem>> {
        match id.as_str() {
            "run_ok" => ready(Ok(samples::incident(id.as_str()))),
            _ => self.facts.incident(id),
        }
    }

    fn records(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRecord>, ReadProblem>> {
        self.facts.records(page)
    }

    fn get<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDetail, ReadProblem>> {
        ready(match id.as_str() {
            "run_panics" => panic!("a secret that must not leave: /srv/runs"),
            "run_shut" => Err(ReadProblem::Unreadable("permission denied".into())),
            "run_ok" => Ok(RunDetail {
                run_id: id.to_string(),
                task_id: Some("task_ok".into()),
                status: Some("SUCCESS".into()),
                allowed_paths: vec![json!("docs")],
                contract: json!({"bulk": "x".repeat(*self.bulk.lock().expect("no test panics while it holds this"))}),
                manifest: json!({"run_id": id.as_str()}),
                role_binding_read_model: json!({}),
                failure: failure(),
                outcome: outcome(),
                contract_task_id: None,
                last_event_ts: String::new(),
                awaits_approval: Some(false),
                problems: Vec::new(),
            }),
            _ => Err(ReadProblem::NotFound),
        })
    }

    fn events<'a>(&'a self, id: &'a RunId, query: EventsQuery) -> BoxFuture<'a, Result<Events, ReadProblem>> {
        if id.as_str() != "run_ok" {
            return ready(Err(ReadProblem::NotFound));
        }
        // Five events that repeat what was asked, so that a test sees the question.
        let page = PageQuery { limit: query.limit, after: query.after };
        let asked = json!({"since": query.since, "tail": query.tail});
        let problems =
            vec![FileProblem { file: "events.jsonl".into(), line: Some(2), problem: "is no JSON object".into() }];
        ready(cut(5, &page).map(|(range, next)| Events {
            events: range.map(|at| json!({"event": at, "asked": asked})).collect(),
            next,
            problems,
        }))
    }

    fn reports<'a>(&'a self, id: &'a RunId, page: PageQuery) -> BoxFuture<'a, Result<Reports, ReadProblem>> {
        if id.as_str() != "run_ok" {
            return ready(Err(ReadProblem::NotFound));
        }
        let report = |name: &str| Report { name: name.into(), data: Value::Null };
        ready(cut(2, &page).map(|(range, next)| Reports {
            stored: range.map(|at| report(&format!("stored_{at}.json"))).collect(),
            derived: if next.is_none() { vec![report("proof_pack.json")] } else { Vec::new() },
            next,
            problems: Vec::new(),
        }))
    }

    fn workflows(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<WorkflowCase>, ReadProblem>> {
        ready(self.page(&page, |at| case(&format!("wf-{at}"))))
    }

    fn workflow<'a>(&'a self, workflow_id: &'a str) -> BoxFuture<'a, Result<WorkflowDetail, ReadProblem>> {
        ready(match workflow_id {
            "wf/α 1" | "wf-1" => Ok(WorkflowDetail {
                workflow: case(workflow_id),
                runs: Vec::new(),
                events: Vec::new(),
                problems: Vec::new(),
            }),
            _ => Err(ReadProblem::WorkflowNotFound),
        })
    }

    fn diff_gates<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<DiffGateRow>, ReadProblem>> {
        match id {
            None => ready(self.page(&page, samples::diff_gate)),
            Some(_) => self.facts.diff_gates(id, page),
        }
    }

    fn pending_approvals<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<PendingApproval>, ReadProblem>> {
        self.facts.pending_approvals(id, page)
    }

    fn compare_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        self.facts.compare_summary(id)
    }

    fn proof_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        self.facts.proof_summary(id)
    }

    fn incident_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        self.facts.incident_summary(id)
    }

    fn check<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Vec<CheckFinding>, ReadProblem>> {
        self.facts.check(id)
    }
}

/// An events file as a store gives it to those who follow: whole lines, each with the position behind it.
fn slice(file: &[u8], from: &EventsFrom) -> EventsSlice {
    let position = |offset: usize| {
        let mut hasher = DefaultHasher::new();
        file[..offset].hash(&mut hasher);
        let mark = if offset == 0 { 0 } else { hasher.finish() };
        EventsPosition { offset: offset as u64, mark, within: false }
    };
    let mut all = Vec::new();
    let mut end = 0;
    for line in file.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        end += line.len();
        let event: Value = serde_json::from_slice(line).expect("a test writes JSON");
        let ts = event["ts"].as_str().unwrap_or_default().to_owned();
        all.push(FollowedEvent { position: position(end), event, ts });
    }
    all.retain(|event| from.since.as_ref().is_none_or(|since| event.ts > *since));
    let (skipped, replaced) = match from.begin {
        EventsBegin::First => (0, false),
        EventsBegin::Last(wanted) => (all.len().saturating_sub(wanted), false),
        EventsBegin::Behind(behind) if behind == EventsPosition::default() => (0, false),
        EventsBegin::Behind(behind) => {
            let at = all.iter().position(|event| event.position == behind);
            (at.map_or(0, |at| at + 1), at.is_none())
        }
    };
    let mut events = all.split_off(skipped);
    let more = !matches!(from.begin, EventsBegin::Last(_)) && events.len() > from.limit;
    events.truncate(from.limit);
    let end = events.last().filter(|_| more).map_or_else(|| position(end), |event| event.position);
    EventsSlice { events, end, more, replaced }
}

/// Shared handles, as the app wants them.
pub(crate) fn shared(ledger: &Arc<Ledger>) -> Arc<dyn Store> {
    ledger.clone()
}
