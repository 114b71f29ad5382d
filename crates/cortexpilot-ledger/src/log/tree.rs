//! How the tree grows: its right edge is enough to append a leaf and to say the root.

use std::fmt;

use cortexpilot_core::domain::id::Sha256Digest;

use super::hash::{empty_root, node_hash};
use super::proof::{HashError, Nodes};

/// A whole subtree: the hash of leaves `index << level` up to, not including, `(index + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Height: a leaf is 0.
    pub level: u8,
    /// How many subtrees of that height stand left of it.
    pub index: u64,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} of level {}", self.index, self.level)
    }
}

/// The largest whole subtrees of a tree, left to right: one for each bit of its size that is set. From them follow the
/// root and, with each further leaf, every node that becomes whole. At most 64 hashes, so it is cheap to copy and to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Sha256Digest>,
}

impl Frontier {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes back what [`peaks`](Self::peaks) gave. `None` when that many hashes cannot belong to that size. Whether they
    /// are the right ones only a known [`root`](Self::root) can show.
    pub fn from_peaks(size: u64, peaks: Vec<Sha256Digest>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// The frontier of the first `size` leaves of a stored tree.
    ///
    /// # Errors
    /// [`HashError`] when a hash cannot be read.
    pub fn read(nodes: &(impl Nodes + ?Sized), size: u64) -> Result<Self, HashError> {
        let peaks = peak_nodes(size).map(|peak| nodes.node(peak)).collect::<Result<_, _>>()?;
        Ok(Self { size, peaks })
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the largest whole subtrees, left to right.
    pub fn peaks(&self) -> &[Sha256Digest] {
        &self.peaks
    }

    /// The same with their places.
    pub fn nodes(&self) -> impl Iterator<Item = (Node, Sha256Digest)> {
        peak_nodes(self.size).zip(self.peaks.iter().copied())
    }

    /// The root, RFC 6962 §2.1: the peaks folded from the right.
    pub fn root(&self) -> Sha256Digest {
        let fold = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        fold.unwrap_or_else(empty_root)
    }

    /// Appends a leaf's hash and gives its index.
    pub fn append(&mut self, leaf: Sha256Digest) -> u64 {
        self.append_with(leaf, |_, _| ())
    }

    /// The same, and shows each node that becomes whole, lower ones first. These are all hashes that ever have to be
    /// stored: none of them changes again. Two for each leaf on average.
    pub fn append_with(&mut self, leaf: Sha256Digest, mut whole: impl FnMut(Node, Sha256Digest)) -> u64 {
        let index = self.size;
        let mut hash = leaf;
        let mut level = 0;
        whole(Node { level, index }, hash);
        while (index >> level) & 1 == 1 {
            let left = self.peaks.pop().expect("invariant: one peak for each bit of the size that is set");
            hash = node_hash(&left, &hash);
            level += 1;
            whole(Node { level, index: index >> level }, hash);
        }
        self.peaks.push(hash);
        self.size = index + 1;
        index
    }
}

/// Where the largest whole subtrees of a tree of this size are, left to right.
pub(crate) fn peak_nodes(size: u64) -> impl Iterator<Item = Node> {
    (0..64_u8).rev().filter(move |level| (size >> level) & 1 == 1).map(move |level| {
        // Everything left of this peak is higher: those bits of the size, and not this one.
        Node { level, index: (size >> level) - 1 }
    })
}
