//! Lines in, tiles and proofs out: the tree as the ledger's writer and verifier hold it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};

use cortexpilot_core::domain::id::Sha256Digest;

use super::hash::leaf_hash;
use super::proof::{HashError, Nodes, ProofError, prove_consistency, prove_inclusion};
use super::tile::{TILE_WIDTH, Tile, hashes_of_level};
use super::tile_store::Tiles;
use super::tree::{Frontier, Node};

/// A growing tree: its right edge, and of each level of tiles the one that is not full. Tiles that become full wait to be
/// taken. Bounded, however long the ledger is: 8 KiB a level of tiles, and three levels reach sixteen million lines.
#[derive(Debug, Clone, Default)]
pub struct LogTree {
    frontier: Frontier,
    /// Hashes of the tile that is not full, per level of tiles.
    edge: Vec<Vec<Sha256Digest>>,
    full: Vec<(Tile, Vec<Sha256Digest>)>,
}

impl LogTree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on where a stored tree of `size` leaves ends. Reads one tile a level. Whether those tiles are the right ones
    /// shows when [`root`](Self::root) is compared with one that is known; if it differs, make the tree anew from the
    /// lines.
    ///
    /// # Errors
    /// [`HashError`] when a tile cannot be read.
    pub fn resume(tiles: &(impl Tiles + ?Sized), size: u64) -> Result<Self, HashError> {
        let mut edge = Vec::new();
        for level in 0.. {
            let hashes = hashes_of_level(level, size);
            if hashes == 0 {
                break;
            }
            let wide = u64::from(TILE_WIDTH);
            let width = u16::try_from(hashes % wide).unwrap_or(0);
            edge.push(if width == 0 { Vec::new() } else { tiles.tile(Tile { level, index: hashes / wide, width })? });
        }
        let frontier = Frontier::read(&Edge(&edge), size)?;
        Ok(Self { frontier, edge, full: Vec::new() })
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of all of them.
    pub fn root(&self) -> Sha256Digest {
        self.frontier.root()
    }

    /// The tree's right edge: what an index keeps in order to go on without tiles.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Appends one line, without its newline, and gives its index.
    pub fn append_line(&mut self, line: &[u8]) -> u64 {
        let (edge, full) = (&mut self.edge, &mut self.full);
        self.frontier.append_with(leaf_hash(line), |node, hash| keep(edge, full, node, hash))
    }

    /// Begins a batch on top of this tree. Nothing here changes until [`commit`](Self::commit): a batch that could not be
    /// written is dropped.
    pub fn batch(&self) -> Batch {
        let edge = self.frontier.nodes().collect();
        Batch { base: self.size(), frontier: self.frontier.clone(), edge, nodes: BTreeMap::new() }
    }

    /// Takes over a batch that is durable. `false`, and nothing changes, when the tree has grown since the batch began.
    #[must_use]
    pub fn commit(&mut self, batch: Batch) -> bool {
        if batch.base != self.size() {
            return false;
        }
        // Nodes of one level come in the order of their index, and each level of tiles is fed on its own.
        for (node, hash) in &batch.nodes {
            keep(&mut self.edge, &mut self.full, *node, *hash);
        }
        self.frontier = batch.frontier;
        true
    }

    /// The tiles that have become full since they were last taken: to be stored once and never again.
    pub fn take_full(&mut self) -> Vec<(Tile, Vec<Sha256Digest>)> {
        std::mem::take(&mut self.full)
    }

    /// The tiles that are not full now: to be stored with a checkpoint of this size.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, &[Sha256Digest])> {
        let size = self.size();
        (0_u8..).zip(&self.edge).filter(|(_, hashes)| !hashes.is_empty()).map(move |(level, hashes)| {
            let width = u16::try_from(hashes.len()).expect("invariant: a partial tile has fewer than 256 hashes");
            let index = hashes_of_level(level, size) / u64::from(TILE_WIDTH);
            (Tile { level, index, width }, hashes.as_slice())
        })
    }
}

fn keep(edge: &mut Vec<Vec<Sha256Digest>>, full: &mut Vec<(Tile, Vec<Sha256Digest>)>, node: Node, hash: Sha256Digest) {
    let Some(level) = Tile::level_that_holds(node) else { return };
    let at = usize::from(level);
    if edge.len() == at {
        edge.push(Vec::new());
    }
    edge[at].push(hash);
    if edge[at].len() == usize::from(TILE_WIDTH) {
        let tile = Tile { level, index: node.index / u64::from(TILE_WIDTH), width: TILE_WIDTH };
        full.push((tile, std::mem::take(&mut edge[at])));
    }
}

/// The peaks of a tree out of the tiles at its edge: of each level of tiles the peaks stand in the one that is not full.
struct Edge<'a>(&'a [Vec<Sha256Digest>]);

impl Nodes for Edge<'_> {
    fn node(&self, node: Node) -> Result<Sha256Digest, HashError> {
        let wide = u64::from(TILE_WIDTH);
        let (level, height) = (usize::from(node.level / 8), node.level % 8);
        let from = usize::try_from((node.index << height) % wide).unwrap_or(usize::MAX);
        let hashes = self.0.get(level).and_then(|hashes| hashes.get(from..)?.get(..1 << height));
        let mut subtree = Frontier::new();
        for hash in hashes.ok_or(HashError::Missing(node))? {
            subtree.append(*hash);
        }
        Ok(subtree.root())
    }
}

/// Lines that are being committed together, in the order in which they are appended. Holds what is needed to prove each of
/// them under the new root, and the new root against the old one, without reading a single stored hash: whatever such a
/// proof needs to the left of the batch is one of the old tree's peaks.
#[derive(Debug, Clone)]
pub struct Batch {
    base: u64,
    frontier: Frontier,
    /// The peaks of the tree before it.
    edge: Vec<(Node, Sha256Digest)>,
    /// Those that became whole with it.
    nodes: BTreeMap<Node, Sha256Digest>,
}

impl Batch {
    /// Appends one line, without its newline, and gives its index.
    pub fn append_line(&mut self, line: &[u8]) -> u64 {
        let nodes = &mut self.nodes;
        self.frontier.append_with(leaf_hash(line), |node, hash| {
            nodes.insert(node, hash);
        })
    }

    /// Appends each line of these bytes, which end with a newline or are empty, as a writer has staged them. Gives the
    /// index of the first.
    pub fn append_lines(&mut self, bytes: &[u8]) -> u64 {
        let first = self.size();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.append_line(line.strip_suffix(b"\n").unwrap_or(line));
        }
        first
    }

    /// Leaves before the batch.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Leaves with the batch.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root with the batch.
    pub fn root(&self) -> Sha256Digest {
        self.frontier.root()
    }

    /// Proves a line of this batch under [`root`](Self::root).
    ///
    /// # Errors
    /// [`ProofError`] when the line is not of this batch.
    pub fn prove_inclusion(&self, index: u64) -> Result<Vec<Sha256Digest>, ProofError> {
        prove_inclusion(self, self.size(), index)
    }

    /// Proves that the tree with the batch continues the one before it.
    ///
    /// # Errors
    /// [`ProofError::EmptyOld`] when there was none.
    pub fn prove_consistency(&self) -> Result<Vec<Sha256Digest>, ProofError> {
        prove_consistency(self, self.base, self.size())
    }
}

impl Nodes for Batch {
    fn node(&self, node: Node) -> Result<Sha256Digest, HashError> {
        let before = || self.edge.iter().find(|(peak, _)| *peak == node).map(|(_, hash)| hash);
        self.nodes.get(&node).or_else(before).copied().ok_or(HashError::Missing(node))
    }
}

/// Feeds each complete line of a file to `visit`, without its newline, in order, and gives how many there were. What
/// stands behind the last newline is no line. `line_max` bounds the memory.
///
/// # Errors
/// What the reader said; [`io::ErrorKind::InvalidData`] when a line is longer than `line_max` bytes.
pub fn each_line(mut reader: impl BufRead, line_max: usize, mut visit: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut line = Vec::new();
    let mut lines = 0;
    loop {
        line.clear();
        let bound = line_max as u64 + 1;
        reader.by_ref().take(bound).read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\n") {
            Some(line) => visit(line),
            None if line.len() as u64 == bound => {
                let what = format!("line {} is longer than {line_max} bytes", lines + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            None => return Ok(lines),
        }
        lines += 1;
    }
}
