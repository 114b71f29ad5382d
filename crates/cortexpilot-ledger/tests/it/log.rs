//! The Merkle log: against the published vectors, a naive implementation, and verifiers that are not ours.

mod bundle;
mod foreign;
mod keeper;
mod note;
mod receipt;
mod root;
mod signer;
mod tiles;
mod tree;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_ledger::log::{Batch, Levels, LogTree, NoteSigner, Receipt, SignedCheckpoint, leaf_hash, node_hash};

/// RFC 6962 §2.1 as it is written there.
pub(crate) fn naive_root(leaves: &[Sha256Digest]) -> Sha256Digest {
    match leaves {
        [] => Sha256Digest::of(b""),
        [leaf] => *leaf,
        more => {
            let (left, right) = more.split_at(split(more.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// §2.1.1.
pub(crate) fn naive_inclusion(index: usize, leaves: &[Sha256Digest]) -> Vec<Sha256Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (naive_inclusion(index, left), naive_root(right))
    } else {
        (naive_inclusion(index - k, right), naive_root(left))
    };
    path.push(sibling);
    path
}

/// §2.1.2.
pub(crate) fn naive_consistency(old: usize, leaves: &[Sha256Digest], known: bool) -> Vec<Sha256Digest> {
    if old == leaves.len() {
        return if known { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if old <= k {
        (naive_consistency(old, left, known), naive_root(right))
    } else {
        (naive_consistency(old - k, right, false), naive_root(left))
    };
    path.push(sibling);
    path
}

fn split(count: usize) -> usize {
    let mut k = 1;
    while k * 2 < count {
        k *= 2;
    }
    k
}

/// What line `index` of the tests' logs says.
pub(crate) fn line(index: u64) -> Vec<u8> {
    format!("{{\"event\": \"TEST\", \"number\": {index}}}").into_bytes()
}

pub(crate) fn leaves(count: u64) -> Vec<Sha256Digest> {
    (0..count).map(|index| leaf_hash(&line(index))).collect()
}

pub(crate) fn levels(count: u64) -> Levels {
    let mut levels = Levels::new();
    leaves(count).into_iter().for_each(|leaf| {
        levels.append(leaf);
    });
    levels
}

pub(crate) fn signer() -> NoteSigner {
    NoteSigner::new("example.com/ledger/queue.jsonl", &[7; 32]).unwrap()
}

/// A log of some lines, then a batch of some more, signed.
pub(crate) fn signed(before: u64, more: u64) -> (LogTree, Batch, SignedCheckpoint) {
    let mut tree = LogTree::new();
    for index in 0..before {
        tree.append_line(&line(index));
    }
    let mut batch = tree.batch();
    for index in before..before + more {
        assert_eq!(batch.append_line(&line(index)), index);
    }
    let checkpoint = SignedCheckpoint::sign(&signer(), batch.size(), batch.root(), None).unwrap();
    (tree, batch, checkpoint)
}

pub(crate) fn receipt(batch: &Batch, checkpoint: &SignedCheckpoint, index: u64) -> Receipt {
    let proof = batch.prove_inclusion(index).unwrap();
    Receipt::new(index, leaf_hash(&line(index)), proof, checkpoint).unwrap()
}
