//! Receipts under one checkpoint, one after the other: what neighbours share is looked up and verified once.

use std::cell::RefCell;

use cortexpilot_core::domain::id::Sha256Digest;

use super::check::{CheckError, verify_inclusion};
use super::checkpoint::SignedCheckpoint;
use super::hash::node_hash;
use super::proof::{Nodes, ProofError, range_root, split};
use super::receipt::{Receipt, ReceiptError};
use super::record::LogError;

/// Makes receipts under one checkpoint out of stored nodes, which are not trusted: what leads to another root is not given.
///
/// It remembers the way from the root to the last line. Where the way to the next line leaves it, the subtree's hash is
/// known to lead to the checkpoint's root, and with it the siblings above; only what is below is looked up and hashed.
pub struct Prover<N> {
    nodes: N,
    checkpoint: SignedCheckpoint,
    last: RefCell<Way>,
}

/// The way from the root down to a leaf, each of its hashes verified.
#[derive(Default)]
struct Way {
    steps: Vec<Step>,
    leaf: Option<Sha256Digest>,
}

/// One subtree on the way.
#[derive(Clone, Copy)]
struct Step {
    hash: Sha256Digest,
    /// Whether the way goes on in its right half.
    right: bool,
    /// The hash of the other half.
    other: Sha256Digest,
}

impl Way {
    /// The hash of the subtree at this depth, the root's being 0.
    fn hash_at(&self, depth: usize) -> Option<Sha256Digest> {
        self.steps.get(depth).map(|step| step.hash).or(self.leaf.filter(|_| depth == self.steps.len()))
    }
}

impl<N: Nodes> Prover<N> {
    /// Nothing is read yet.
    pub fn new(nodes: N, checkpoint: SignedCheckpoint) -> Self {
        Self { nodes, checkpoint, last: RefCell::default() }
    }

    /// The checkpoint that lines are proven under.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The receipt of the line with this hash at this place.
    ///
    /// # Errors
    /// [`LogError::Proof`], and [`LogError::Receipt`] when the stored hashes do not lead from this line to the root.
    pub fn receipt(&self, index: u64, leaf: Sha256Digest) -> Result<Receipt, LogError> {
        let checkpoint = self.checkpoint.checkpoint();
        let size = checkpoint.size;
        if index >= size {
            return Err(ProofError::NoSuchLeaf { index, size }.into());
        }
        let mut last = self.last.borrow_mut();
        // Down: the halves that the way does not go into. As long as it is the last one they are known.
        let (mut from, mut to) = (0, size);
        let mut depth = 0;
        // Enough where the last line was a neighbour.
        let mut below = Vec::with_capacity(8);
        while to - from > 1 {
            let middle = from + split(to - from);
            let right = index >= middle;
            if below.is_empty() && last.steps.get(depth).is_some_and(|step| step.right == right) {
                depth += 1;
            } else {
                let other =
                    if right { range_root(&self.nodes, from, middle) } else { range_root(&self.nodes, middle, to) };
                below.push((right, other.map_err(ProofError::from)?));
            }
            (from, to) = if right { (middle, to) } else { (from, middle) };
        }
        // Up, to where the ways part.
        let mut hash = leaf;
        let mut steps = Vec::with_capacity(below.len());
        for (right, other) in below.into_iter().rev() {
            hash = if right { node_hash(&other, &hash) } else { node_hash(&hash, &other) };
            steps.push(Step { hash, right, other });
        }
        if hash != last.hash_at(depth).unwrap_or(checkpoint.root) {
            *last = Way::default();
            return Err(ReceiptError::Proof(CheckError::Root).into());
        }
        last.steps.truncate(depth);
        last.steps.extend(steps.into_iter().rev());
        last.leaf = Some(leaf);
        let inclusion: Vec<_> = last.steps.iter().rev().map(|step| step.other).collect();
        debug_assert_eq!(
            verify_inclusion(&leaf, index, size, &inclusion, &checkpoint.root),
            Ok(()),
            "invariant: what is handed out verifies by the other algorithm, too"
        );
        Ok(Receipt { index, leaf, inclusion, checkpoint: self.checkpoint.as_text().to_owned() })
    }
}
