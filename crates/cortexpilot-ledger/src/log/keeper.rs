//! Signing beside the work of a process that lives long: by the clock, at its end, and at once for whoever asks for a
//! receipt.
//!
//! Two threads: one signs, and proves what it has just signed; one proves what was signed before, which may mean to look
//! through the whole file. Neither is ever on the way of a commit, and what fails here is told and never stops one.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cortexpilot_core::port::lines::LedgerFile;
use cortexpilot_core::port::receipts::{
    CheckpointDocument, LineOf, NoReceipt, ReceiptDocument, Receipts, Signing, SigningHealth,
};
use cortexpilot_core::port::{BoxFuture, Clock};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::anchor::{StoredLog, log_dir};
use super::checkpoint_file;
use super::key::AUDIT_KEY;
use super::record::{KeptNodes, LogError, LogState, Proven, stored_logs};
use super::seek::prove_line;
use super::signer::{Extent, Signer};
use crate::disk;

/// Questions that may wait at once.
const WAITING_MAX: usize = 1024;

/// How a log is kept.
pub struct KeeperOptions {
    /// The runtime root.
    pub root: PathBuf,
    /// How long between two checkpoints by the clock, the one at the end included; `None`: only who asks has one signed.
    pub every: Option<Duration>,
    /// Why the process that writes holds the ledger for damaged, if it does: then nothing is signed.
    pub damage: Box<dyn Fn() -> Option<String> + Send>,
}

/// Keeps the signed log of a runtime root while a process serves. [`stop`](Self::stop) signs once more.
pub struct LogKeeper {
    asks: Asks,
    threads: Vec<JoinHandle<()>>,
}

/// What the keeper's threads are asked through. Outlives them: then it says so.
#[derive(Clone)]
struct Asks {
    sign: SyncSender<Ask>,
    prove: SyncSender<Ask>,
    health: Arc<Mutex<SigningHealth>>,
    root: Arc<Path>,
}

enum Ask {
    Receipt(LineOf, oneshot::Sender<Result<ReceiptDocument, NoReceipt>>),
    Stop,
}

impl LogKeeper {
    /// Starts the threads. The first checkpoint by the clock is signed at once, if there is a key.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(options: KeeperOptions, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let every_s = options.every.map(|every| u32::try_from(every.as_secs()).unwrap_or(u32::MAX));
        let health = Arc::new(Mutex::new(SigningHealth {
            signing: Signing::Waiting,
            every_s,
            queue_lines: 0,
            decision_lines: 0,
            at: None,
            failures: 0,
        }));
        let ((sign, to_sign), (prove, to_prove)) = (sync_channel(WAITING_MAX), sync_channel(WAITING_MAX));
        let spawn =
            |name: &str, run: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let (root, kept_in) = (options.root.clone(), Arc::from(options.root.as_path()));
        let prover = spawn("ledger-prover", Box::new(move || run_prover(&root, every_s, &to_prove)))?;
        let keeping = Keeping {
            signer: Signer::new(&options.root),
            options,
            clock,
            health: health.clone(),
            nodes: KeptNodes::default(),
            last_problem: None,
        };
        let signer = spawn("ledger-signer", Box::new(move || keeping.run(&to_sign)))?;
        Ok(Self { asks: Asks { sign, prove, health, root: kept_in }, threads: vec![prover, signer] })
    }

    /// Who gives receipts.
    pub fn receipts(&self) -> Arc<dyn Receipts> {
        Arc::new(self.asks.clone())
    }

    /// Signs once more, if the clock signs at all, and ends. Blocks for as long as that takes.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        for asks in [&self.asks.sign, &self.asks.prove] {
            // Whoever has ended already needs not be told.
            let _ = asks.send(Ask::Stop);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for LogKeeper {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.end();
        }
    }
}

impl Asks {
    fn ask(&self, whom: &SyncSender<Ask>, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>> {
        let (answer, answered) = oneshot::channel();
        let failed =
            |why: &str| -> BoxFuture<'_, _> { Box::pin(std::future::ready(Err(NoReceipt::Failed(why.to_owned())))) };
        match whom.try_send(Ask::Receipt(of, answer)) {
            Ok(()) => Box::pin(async move {
                answered.await.unwrap_or_else(|_| Err(NoReceipt::Failed("whoever signs has ended".to_owned())))
            }),
            Err(TrySendError::Full(_)) => failed("too many receipts are asked for at once"),
            Err(TrySendError::Disconnected(_)) => failed("whoever signs has ended"),
        }
    }
}

impl Receipts for Asks {
    fn fresh(&self, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>> {
        self.ask(&self.sign, of)
    }

    fn kept(&self, of: LineOf) -> BoxFuture<'_, Result<ReceiptDocument, NoReceipt>> {
        self.ask(&self.prove, of)
    }

    fn checkpoints(&self) -> BoxFuture<'_, Result<Vec<CheckpointDocument>, NoReceipt>> {
        let root = self.root.clone();
        Box::pin(async move {
            let Ok(runtime) = tokio::runtime::Handle::try_current() else { return last_checkpoints(&root) };
            let read = runtime.spawn_blocking(move || last_checkpoints(&root)).await;
            read.unwrap_or_else(|_| Err(NoReceipt::Failed("whoever looked for the checkpoints has stopped".to_owned())))
        })
    }

    fn health(&self) -> SigningHealth {
        lock(&self.health).clone()
    }
}

fn lock(health: &Mutex<SigningHealth>) -> MutexGuard<'_, SigningHealth> {
    // Nothing is left half written in it.
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that signs.
struct Keeping {
    signer: Signer,
    options: KeeperOptions,
    clock: Arc<dyn Clock>,
    health: Arc<Mutex<SigningHealth>>,
    nodes: KeptNodes,
    /// What was told last: the same once more is not.
    last_problem: Option<String>,
}

impl Keeping {
    fn run(mut self, asks: &Receiver<Ask>) {
        let mut due = self.options.every.map(|_| Instant::now());
        loop {
            let asked = match due {
                Some(due) => asks.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => asks.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let mut waiting = Vec::new();
            let mut stops = false;
            match asked {
                // One checkpoint serves all who wait by now.
                Ok(first) => {
                    for ask in std::iter::once(first).chain(asks.try_iter()) {
                        match ask {
                            Ask::Receipt(of, answer) => waiting.push((of, answer)),
                            Ask::Stop => stops = true,
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => stops = true,
            }
            if !stops || !waiting.is_empty() || self.options.every.is_some() {
                let signed = self.sign();
                due = self.options.every.map(|every| Instant::now() + every);
                self.answer(waiting, signed.err());
            }
            if stops {
                return;
            }
        }
    }

    fn sign(&mut self) -> Result<(), LogError> {
        let signed = match (self.options.damage)() {
            Some(damage) => Err(LogError::Unsound(damage)),
            None => self.signer.sign(Extent::Durable),
        };
        let mut health = lock(&self.health);
        match &signed {
            Ok(states) => {
                for state in states {
                    let lines = state.stored.checkpoint.checkpoint().size;
                    if state.file == "queue.jsonl" { health.queue_lines = lines } else { health.decision_lines = lines }
                }
                health.at = Some(self.clock.now());
                health.signing = Signing::Signed;
                if self.last_problem.take().is_some() {
                    tracing::info!("the ledger is signed again");
                }
            }
            Err(LogError::NoKey) => health.signing = Signing::NoKey,
            Err(error) => {
                health.signing = Signing::Failing;
                health.failures += 1;
                let said = error.to_string();
                if self.last_problem.as_ref() != Some(&said) {
                    tracing::error!(problem = %said, "no checkpoint of the ledger could be signed; commits go on");
                    self.last_problem = Some(said);
                }
            }
        }
        signed.map(|_: Vec<LogState>| ())
    }

    fn answer(&mut self, waiting: Vec<(LineOf, Answer)>, problem: Option<LogError>) {
        for (of, answer) in waiting {
            let proven = prove_line(&self.options.root, &of, &mut self.nodes);
            if proven.as_ref().is_ok_and(|proven| !proven.tiles_served) {
                // They are made anew with the next checkpoint.
                self.signer = Signer::from_the_first_line(&self.options.root);
            }
            // What was signed before is proven whether or not it can be signed now.
            let receipt = proven.map(|proven| document(&proven)).map_err(|error| match (&problem, error) {
                (Some(LogError::NoKey), LogError::NotCovered { .. } | LogError::NoCheckpoint(_)) => NoReceipt::NoKey,
                (Some(problem), LogError::NotCovered { .. } | LogError::NoCheckpoint(_)) => {
                    NoReceipt::Failed(problem.to_string())
                }
                // Everything durable is signed, so it is not there.
                (None, LogError::NotCovered { .. }) => NoReceipt::NoLine,
                (_, error) => NoReceipt::Failed(error.to_string()),
            });
            // Whoever waited may be gone.
            let _ = answer.send(receipt);
        }
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        // Nobody signs any more, and nobody would say so.
        if std::thread::panicking() {
            lock(&self.health).signing = Signing::Failing;
        }
    }
}

type Answer = oneshot::Sender<Result<ReceiptDocument, NoReceipt>>;

fn run_prover(root: &Path, every_s: Option<u32>, asks: &Receiver<Ask>) {
    let mut nodes = KeptNodes::default();
    while let Ok(Ask::Receipt(of, answer)) = asks.recv() {
        if !answer.is_closed() {
            let _ = answer.send(kept(root, &of, every_s, &mut nodes));
        }
    }
}

fn kept(root: &Path, of: &LineOf, every_s: Option<u32>, nodes: &mut KeptNodes) -> Result<ReceiptDocument, NoReceipt> {
    prove_line(root, of, nodes).map(|proven| document(&proven)).map_err(|error| {
        if !matches!(error, LogError::NotCovered { .. } | LogError::NoCheckpoint(_)) {
            return NoReceipt::Failed(error.to_string());
        }
        let has_key = root.join(AUDIT_KEY).exists();
        if has_key { NoReceipt::NotCovered { retry_after_s: every_s } } else { NoReceipt::NoKey }
    })
}

/// The last checkpoint of each file that was ever signed, the queue's first. Writes nothing.
///
/// # Errors
/// [`NoReceipt::Failed`] when one is there that does not verify, or cannot be read.
pub fn last_checkpoints(root: &Path) -> Result<Vec<CheckpointDocument>, NoReceipt> {
    let stored = stored_logs(root).map_err(|error| NoReceipt::Failed(error.to_string()))?;
    let document = |(name, log): (&'static str, Option<StoredLog>)| {
        let StoredLog { key, checkpoint } = log?;
        let file = [LedgerFile::Queue, LedgerFile::Decisions].into_iter().find(|file| file.name() == name)?;
        let said = checkpoint.checkpoint();
        Some(CheckpointDocument {
            file,
            origin: said.origin.clone(),
            size: said.size,
            root: said.root,
            key: key.to_string(),
            signed_at: written_at(root, name),
            note: checkpoint.to_string(),
        })
    };
    Ok(stored.into_iter().filter_map(document).collect())
}

/// When the checkpoint's file was written: it is written once, when it is signed.
fn written_at(root: &Path, name: &str) -> Option<Timestamp> {
    let stat = disk::stat(&log_dir(root, name).join(checkpoint_file::NAME)).ok()??;
    let (seconds, nanoseconds) = stat.modified;
    Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
}

/// Proves the newest line that did this under the last checkpoint. Signs nothing and writes nothing: for a process that only
/// looks.
///
/// # Errors
/// [`NoReceipt`].
pub fn receipt_kept(root: &Path, of: &LineOf) -> Result<ReceiptDocument, NoReceipt> {
    kept(root, of, None, &mut KeptNodes::default())
}

/// Signs what is durable and proves the newest line that did this: for a process that ends at once.
///
/// # Errors
/// [`NoReceipt`]; the line stands whatever it is.
pub fn receipt_now(root: &Path, of: &LineOf) -> Result<ReceiptDocument, NoReceipt> {
    let signed = Signer::new(root).sign(Extent::Durable);
    match (prove_line(root, of, &mut KeptNodes::default()), signed) {
        (Ok(proven), _) => Ok(document(&proven)),
        (Err(_), Err(LogError::NoKey)) => Err(NoReceipt::NoKey),
        (Err(_), Err(problem)) => Err(NoReceipt::Failed(problem.to_string())),
        (Err(LogError::NotCovered { .. }), Ok(_)) => Err(NoReceipt::NoLine),
        (Err(error), Ok(_)) => Err(NoReceipt::Failed(error.to_string())),
    }
}

fn document(proven: &Proven) -> ReceiptDocument {
    let receipt = &proven.receipt;
    ReceiptDocument {
        index: receipt.index,
        leaf_hash: receipt.leaf,
        inclusion: receipt.inclusion.clone(),
        checkpoint: receipt.checkpoint.clone(),
    }
}
