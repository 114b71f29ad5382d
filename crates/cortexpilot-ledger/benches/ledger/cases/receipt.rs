//! What chain, tree and receipt add to a durable append: the same bytes appended and synced, with the work and without.
//!
//! The product acknowledges a line as soon as it is durable: its hash is on that way, the tree and the receipt are not.
//! Checkpoints are signed beside commits, by the clock. What is judged puts all of it on the way: a line's hash, its leaf
//! and the nodes above it, and one receipt under the checkpoint that the clock signed last, taken for a line that it
//! covers. Told beside: the same with the stored tiles opened anew for each receipt, as whoever asks for a single one
//! does, and a checkpoint for each commit.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger::{seal, split};
use cortexpilot_ledger::log::{
    DirTiles, LogTree, NoteSigner, Prover, SignedCheckpoint, TileNodes, leaf_hash, prove_consistency, store_checkpoint,
};

use super::Setting;
use crate::baselines::append_sync::Bare;
use crate::drive::{self, LEDGER};
use crate::measure::{Figure, Issued, Side, Target, lines_from, median_us};

/// Lines of each side under one checkpoint. The sides take turns line by line.
const LINES: usize = 50;

/// Checkpoints for each round that was asked for.
const ROUNDS: usize = 4;

/// How much is done for a line beside its append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Nothing: the line was made beforehand.
    None,
    /// Its hash, its leaf and the nodes above.
    Tree,
    /// That, and a receipt under the last checkpoint.
    Receipt,
    /// The same, with the tiles read from their files.
    FromFiles,
    /// The tree, a checkpoint for itself alone, and the receipt under it.
    Checkpoint,
}

/// Sides that take turns. What syncs more than the others disturbs them, so it is measured apart.
const TOGETHER: [&[Work]; 2] =
    [&[Work::None, Work::Tree, Work::Receipt], &[Work::None, Work::FromFiles, Work::Checkpoint]];

/// One side: a file, and the log of its lines.
struct Appender {
    work: Work,
    place: PathBuf,
    bare: Bare,
    body: String,
    head: Sha256Digest,
    tree: LogTree,
    tiles: DirTiles,
    signer: NoteSigner,
    last: SignedCheckpoint,
    /// The tree under it, each tile read once.
    prover: Prover<TileNodes<DirTiles>>,
    /// Leaves that wait for a receipt under the last checkpoint.
    due: Vec<(u64, Sha256Digest)>,
    /// Leaves that are newer than it.
    newer: Vec<(u64, Sha256Digest)>,
    times: Vec<Duration>,
    /// Of each line what was not append and sync.
    beside: Vec<Duration>,
    checkpoints: Vec<Duration>,
    rounds: Vec<f64>,
}

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let line = {
        drive::fill(&drive::open(root), 1);
        lines_from(&root.join(LEDGER), 0).remove(0)
    };
    let sealed = line.strip_suffix(b"\n").and_then(split).ok_or("a line of the ledger ends in its hash")?;
    let (body, head) = (String::from_utf8(sealed.0.to_vec()).map_err(|error| error.to_string())?, sealed.1);
    let mut figures = Vec::new();
    for works in TOGETHER {
        let sides = measure(root, setting, works, &body, head)?;
        figures.extend(sides[1..].iter().map(|side| figure(side, &sides[0], setting.items)));
    }
    Ok(figures)
}

fn measure(
    root: &Path,
    setting: &Setting,
    works: &[Work],
    body: &str,
    head: Sha256Digest,
) -> Result<Vec<Appender>, String> {
    let place = tempfile::tempdir_in(root).map_err(|error| error.to_string())?;
    let mut sides = Vec::new();
    for work in works {
        sides.push(Appender::new(&place.path().join(format!("{work:?}")), *work, body, head, setting.items)?);
    }
    for round in 0..=setting.rounds * ROUNDS {
        for number in 0..LINES {
            // In turn, and in turn who is first.
            for turn in 0..sides.len() {
                let at = (turn + number) % works.len();
                sides[at].append()?;
            }
        }
        // The first round warms up, and leaves the lines that the next one's receipts are for.
        for side in &mut sides {
            side.end_round(round == 0)?;
        }
    }
    Ok(sides)
}

fn figure(side: &Appender, none: &Appender, leaves: usize) -> Figure {
    let (what, target) = match side.work {
        Work::None => ("nothing", Target::None),
        Work::Tree => ("chain and tree", Target::None),
        Work::Receipt => ("chain, tree and a receipt under the clock's last checkpoint", Target::AtMost(1.05)),
        Work::FromFiles => ("the same with the tiles opened anew for each receipt", Target::None),
        Work::Checkpoint => ("chain, tree, a checkpoint for each commit and a receipt under it", Target::None),
    };
    Figure {
        name: format!("{what}: time of a durable append with against one without ({leaves} lines before)"),
        rounds: side.rounds.iter().zip(&none.rounds).map(|(with, without)| with / without).collect(),
        unit: "×",
        target,
        // A checkpoint on the way of a commit syncs its file and its directory.
        like_with_like: side.work != Work::Checkpoint,
        sides: vec![told("with", side), told("without", none)],
    }
}

fn told(name: &str, side: &Appender) -> Side {
    let bare = &side.bare;
    let checkpoints = if side.work == Work::Checkpoint { 2 * bare.lines } else { 0 };
    let issued = Issued { lines: bare.lines, syncs: bare.syncs + checkpoints, bytes: bare.bytes };
    let mut value = format!("{:.0} µs", median_us(&side.times));
    if side.work != Work::None {
        value.push_str(&format!(", of it {:.1} µs work", median_us(&side.beside)));
    }
    if !side.checkpoints.is_empty() {
        let taken = median_us(&side.checkpoints);
        value.push_str(&format!(" (beside: a checkpoint of {LINES} lines, its tiles and two flushes {taken:.0} µs)"));
    }
    Side { name: name.into(), value, issued: Some(issued) }
}

impl Appender {
    /// A log of so many lines, under a checkpoint.
    fn new(root: &Path, work: Work, body: &str, head: Sha256Digest, leaves: usize) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let tiles = DirTiles::new(root.join("tiles"));
        let mut tree = LogTree::new();
        for number in 0..leaves {
            tree.append_line(format!("line {number}").as_bytes());
        }
        put(&mut tree, &tiles).map_err(text)?;
        let signer = NoteSigner::new("bench.invalid/queue.jsonl", &[7; 32]).map_err(|error| error.to_string())?;
        let last = SignedCheckpoint::sign(&signer, tree.size(), tree.root(), None);
        let last = last.map_err(|error| error.to_string())?;
        std::fs::create_dir_all(root).map_err(text)?;
        let bare = Bare::new(root).map_err(text)?;
        Ok(Self {
            work,
            place: root.to_owned(),
            bare,
            body: body.to_owned(),
            head,
            prover: Prover::new(TileNodes::new(tiles.clone(), tree.size()), last.clone()),
            tree,
            tiles,
            signer,
            last,
            due: Vec::new(),
            newer: Vec::new(),
            times: Vec::new(),
            beside: Vec::new(),
            checkpoints: Vec::new(),
            rounds: Vec::new(),
        })
    }

    fn append(&mut self) -> Result<(), String> {
        if self.work == Work::None {
            let line = self.sealed();
            let taken = self.bare.append(line.as_bytes(), None).map_err(|error| error.to_string())?;
            self.times.push(taken);
            self.beside.push(Duration::ZERO);
            return Ok(());
        }
        let started = Instant::now();
        let line = self.sealed();
        let index = self.tree.size();
        let mut batch = self.tree.batch();
        batch.append_lines(line.as_bytes());
        let synced = self.bare.append(line.as_bytes(), None).map_err(|error| error.to_string())?;
        if !self.tree.commit(batch) {
            return Err("the tree has grown meanwhile".into());
        }
        match self.work {
            Work::None | Work::Tree => {}
            Work::Receipt => {
                if let Some((index, leaf)) = self.due.pop() {
                    receipt(&self.prover, index, leaf)?;
                }
            }
            Work::FromFiles => {
                if let Some((index, leaf)) = self.due.pop() {
                    receipt(&self.stored(), index, leaf)?;
                }
            }
            Work::Checkpoint => {
                self.checkpoint()?;
                receipt(&self.stored(), index, leaf_hash(line.trim_end().as_bytes()))?;
            }
        }
        let taken = started.elapsed();
        self.times.push(taken);
        self.beside.push(taken.saturating_sub(synced));
        if self.is_clocked() {
            self.newer.push((index, leaf_hash(line.trim_end().as_bytes())));
        }
        Ok(())
    }

    /// The next line, with its newline.
    fn sealed(&mut self) -> String {
        let (mut line, hash) = seal(&self.head, &self.body);
        self.head = hash;
        line.push('\n');
        line
    }

    /// Signs the tree as it is, tiles first, and returns when the checkpoint is durable.
    fn checkpoint(&mut self) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        put(&mut self.tree, &self.tiles).map_err(|error| text(&error))?;
        let (old, size) = (self.last.checkpoint().size, self.tree.size());
        let proof = prove_consistency(&TileNodes::new(&self.tiles, size), old, size).map_err(|error| text(&error))?;
        let signed = SignedCheckpoint::sign(&self.signer, size, self.tree.root(), Some((&self.last, &proof)));
        self.last = signed.map_err(|error| text(&error))?;
        self.prover = self.stored();
        store_checkpoint(&self.place, &self.last).map_err(|error| text(&error))
    }

    fn is_clocked(&self) -> bool {
        matches!(self.work, Work::Receipt | Work::FromFiles)
    }

    /// The tree under the last checkpoint, nothing read yet.
    fn stored(&self) -> Prover<TileNodes<DirTiles>> {
        Prover::new(TileNodes::new(self.tiles.clone(), self.last.checkpoint().size), self.last.clone())
    }

    fn end_round(&mut self, warming_up: bool) -> Result<(), String> {
        if self.is_clocked() {
            let started = Instant::now();
            self.checkpoint()?;
            self.checkpoints.push(started.elapsed());
            self.due = std::mem::take(&mut self.newer);
        }
        if warming_up {
            self.times.clear();
            self.beside.clear();
            (self.bare.lines, self.bare.syncs, self.bare.bytes) = (0, 0, 0);
        } else {
            self.rounds.push(median_us(&self.times[self.times.len() - LINES..]));
        }
        Ok(())
    }
}

/// Makes and verifies a receipt as the product hands it out.
fn receipt(prover: &Prover<TileNodes<DirTiles>>, index: u64, leaf: Sha256Digest) -> Result<(), String> {
    let receipt = prover.receipt(index, leaf).map_err(|error| error.to_string())?;
    std::hint::black_box(receipt.to_json());
    Ok(())
}

/// Stores what is not stored yet.
fn put(tree: &mut LogTree, tiles: &DirTiles) -> std::io::Result<()> {
    for (tile, hashes) in tree.take_full() {
        tiles.put(tile, &hashes)?;
    }
    tree.partial().try_for_each(|(tile, hashes)| tiles.put(tile, hashes))
}
