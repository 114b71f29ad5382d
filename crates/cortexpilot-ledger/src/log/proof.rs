//! Making proofs from stored hashes, RFC 6962 §2.1.1 and §2.1.2.

use std::io;
use std::path::PathBuf;

use cortexpilot_core::domain::id::Sha256Digest;

use super::hash::{empty_root, node_hash};
use super::tree::{Frontier, Node, peak_nodes};

/// Wherever the hashes of whole subtrees are kept. What is read is not trusted: a proof made from wrong hashes does not
/// verify, and whoever hands one out verifies it first.
pub trait Nodes {
    /// The hash of a whole subtree.
    ///
    /// # Errors
    /// [`HashError`] when it is not there or cannot be read.
    fn node(&self, node: Node) -> Result<Sha256Digest, HashError>;
}

impl<N: Nodes + ?Sized> Nodes for &N {
    fn node(&self, node: Node) -> Result<Sha256Digest, HashError> {
        (**self).node(node)
    }
}

/// Why a stored hash cannot be had. All of them can be made anew from the lines.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// It is not stored.
    #[error("the hash of {0} is not stored")]
    Missing(Node),
    /// A tile's file cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A tile's file is not one.
    #[error("{path} {what}", path = .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf in the tree.
    #[error("line {index} is not among the first {size} (the first is line 0)")]
    NoSuchLeaf {
        /// The index that was asked for.
        index: u64,
        /// How many leaves the tree has.
        size: u64,
    },
    /// The old tree is empty: every tree continues it, and there is nothing to prove.
    #[error("a log without lines is continued by every log: there is nothing to prove")]
    EmptyOld,
    /// The old tree is larger than the new one.
    #[error("a log of {new} lines cannot continue one of {old}")]
    OldIsLarger {
        /// How many leaves the old tree has.
        old: u64,
        /// How many leaves the new tree has.
        new: u64,
    },
    /// A stored hash cannot be had.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// The root of the first `size` leaves.
///
/// # Errors
/// [`HashError`] when a hash cannot be read.
pub fn root_at(nodes: &(impl Nodes + ?Sized), size: u64) -> Result<Sha256Digest, HashError> {
    Frontier::read(nodes, size).map(|frontier| frontier.root())
}

/// The hashes that lead from leaf `index` to the root of the first `size` leaves, the leaf's sibling first.
///
/// # Errors
/// [`ProofError::NoSuchLeaf`] unless `index < size`; [`ProofError::Hash`].
pub fn prove_inclusion(nodes: &(impl Nodes + ?Sized), size: u64, index: u64) -> Result<Vec<Sha256Digest>, ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let mut path = Vec::new();
    let (mut from, mut to) = (0, size);
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(range_root(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(range_root(nodes, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes from which both the root of the first `old` leaves and that of the first `new` ones can be computed: the
/// first tree is then a prefix of the second. Empty when they are one.
///
/// # Errors
/// [`ProofError::EmptyOld`], [`ProofError::OldIsLarger`], [`ProofError::Hash`].
pub fn prove_consistency(nodes: &(impl Nodes + ?Sized), old: u64, new: u64) -> Result<Vec<Sha256Digest>, ProofError> {
    if old == 0 {
        return Err(ProofError::EmptyOld);
    }
    if old > new {
        return Err(ProofError::OldIsLarger { old, new });
    }
    let mut path = Vec::new();
    let (mut from, mut to) = (0, new);
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(range_root(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(range_root(nodes, from, middle)?);
            from = middle;
        }
    }
    // The verifier knows the old root; only a proper part of the old tree must be shown.
    if from > 0 {
        path.push(range_root(nodes, from, to)?);
    }
    path.reverse();
    Ok(path)
}

/// The largest power of two below `count`, which is at least 2: where a tree of so many leaves divides.
pub(super) fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

/// The root of the leaves `from..to`, which are a tree of their own: `from` is a multiple of a power of two that is not
/// less than their count.
pub(super) fn range_root(nodes: &(impl Nodes + ?Sized), from: u64, to: u64) -> Result<Sha256Digest, HashError> {
    if (to - from).is_power_of_two() {
        let level = (to - from).trailing_zeros();
        return nodes.node(Node { level: u8::try_from(level).unwrap_or(u8::MAX), index: from >> level });
    }
    let parts: Vec<Node> = peak_nodes(to - from)
        .map(|peak| Node { level: peak.level, index: peak.index + (from >> peak.level) })
        .collect();
    let mut root: Option<Sha256Digest> = None;
    for part in parts.into_iter().rev() {
        let left = nodes.node(part)?;
        root = Some(match root {
            Some(right) => node_hash(&left, &right),
            None => left,
        });
    }
    Ok(root.unwrap_or_else(empty_root))
}

/// Every hash of a tree, in memory: 64 bytes a leaf. For small trees and for checking the others.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    frontier: Frontier,
    levels: Vec<Vec<Sha256Digest>>,
}

impl Levels {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf's hash and gives its index.
    pub fn append(&mut self, leaf: Sha256Digest) -> u64 {
        let levels = &mut self.levels;
        self.frontier.append_with(leaf, |node, hash| {
            let level = usize::from(node.level);
            if level == levels.len() {
                levels.push(Vec::new());
            }
            levels[level].push(hash);
        })
    }

    /// The tree's right edge.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

impl Nodes for Levels {
    fn node(&self, node: Node) -> Result<Sha256Digest, HashError> {
        let level = self.levels.get(usize::from(node.level));
        let hash = usize::try_from(node.index).ok().and_then(|index| level?.get(index));
        hash.copied().ok_or(HashError::Missing(node))
    }
}
