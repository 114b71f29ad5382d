//! Verifying proofs, by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2. They share nothing with `proof`: a mistake there
//! shows here.

use cortexpilot_core::domain::id::Sha256Digest;

use super::hash::node_hash;

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// There is no such leaf, no old tree, or the old tree is larger than the new one.
    #[error("nothing of these sizes can be proven")]
    Size,
    /// It has more or fewer hashes than a proof for these sizes.
    #[error("the proof has another length than one for these sizes")]
    Length,
    /// It leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Whether the leaf with this hash is at `index` in the tree of `size` leaves with this root.
///
/// # Errors
/// [`CheckError`].
pub fn verify_inclusion(
    leaf: &Sha256Digest,
    index: u64,
    size: u64,
    proof: &[Sha256Digest],
    root: &Sha256Digest,
) -> Result<(), CheckError> {
    if index >= size {
        return Err(CheckError::Size);
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for other in proof {
        if last == 0 {
            return Err(CheckError::Length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(other, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, other);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(CheckError::Length);
    }
    if hash == *root { Ok(()) } else { Err(CheckError::Root) }
}

/// Whether the tree of `old` leaves with root `old_root` is a prefix of the tree of `new` leaves with root `new_root`.
///
/// # Errors
/// [`CheckError`]; [`CheckError::Size`] also when the old tree is empty, for which there are no proofs.
pub fn verify_consistency(
    old: u64,
    old_root: &Sha256Digest,
    new: u64,
    new_root: &Sha256Digest,
    proof: &[Sha256Digest],
) -> Result<(), CheckError> {
    if old == 0 || old > new {
        return Err(CheckError::Size);
    }
    if old == new {
        if !proof.is_empty() {
            return Err(CheckError::Length);
        }
        return if old_root == new_root { Ok(()) } else { Err(CheckError::Root) };
    }
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    // An old tree that is one whole subtree begins the walk itself; of any other the proof shows where to begin.
    let (seed, rest) =
        if old.is_power_of_two() { (old_root, proof) } else { proof.split_first().ok_or(CheckError::Length)? };
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for other in rest {
        if last == 0 {
            return Err(CheckError::Length);
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(other, &old_hash);
            new_hash = node_hash(other, &new_hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, other);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(CheckError::Length);
    }
    if old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(CheckError::Root) }
}
