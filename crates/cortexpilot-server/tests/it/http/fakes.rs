//! A store and runs that behave, misbehave or wait as a test wants.

use std::sync::{Arc, Mutex};

use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::decide::Verdict;
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::domain::listing::{FileProblem as StoreProblem, QueueFilter, QueueListing};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::run::{RunFacts, RunProblem};
use cortexpilot_core::domain::token::TokenRecord;
use cortexpilot_core::port::fake::{FakeRuns, MemStore};
use cortexpilot_core::port::receipts::{LineOf, NoReceipt, ReceiptDocument, Receipts, Signing, SigningHealth};
use cortexpilot_core::port::runs::{
    CheckFinding, DiffGateRow, Events, EventsQuery, Failure, FileProblem, Listing, Outcome, PageQuery, PendingApproval,
    ReadProblem, Report, Reports, RootState, RunDetail, RunRecord, RunRow, Runs, StoredReport, Verdict as CaseVerdict,
    WorkflowCase, WorkflowDetail,
};
use cortexpilot_core::port::{ApprovalListing, BoxFuture, Store, StoreError, StoreHealth, StoreRead};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

/// Gives one receipt for everything, or says why there is none.
pub(crate) struct Notary {
    pub(crate) answer: Mutex<Result<ReceiptDocument, NoReceipt>>,
    pub(crate) signing: Mutex<Signing>,
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
}

impl Store for Ledger {
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
}

impl Shelf {
    pub(crate) fn new(facts: FakeRuns) -> Self {
        Self { facts, root: Mutex::new(RootState::Readable), listed: 5, bulk: Mutex::new(0) }
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

fn failure() -> Failure {
    Failure::default()
}

fn outcome() -> Outcome {
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
            "wf/α 1" => Ok(WorkflowDetail {
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
        self.facts.diff_gates(id, page)
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

/// Shared handles, as the app wants them.
pub(crate) fn shared(ledger: &Arc<Ledger>) -> Arc<dyn Store> {
    ledger.clone()
}
