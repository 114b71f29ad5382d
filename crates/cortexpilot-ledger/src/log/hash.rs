//! The three hashes of RFC 6962 §2.1, and their base64, in which the C2SP formats write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cortexpilot_core::domain::id::Sha256Digest;
use sha2::{Digest as _, Sha256};

/// What a leaf and a node begin with. Without it a node's 64 bytes could be passed off as a leaf.
const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// The hash of one line: its bytes without the newline.
pub fn leaf_hash(line: &[u8]) -> Sha256Digest {
    finish(Sha256::new_with_prefix(LEAF).chain_update(line))
}

/// The hash of two subtrees side by side.
pub fn node_hash(left: &Sha256Digest, right: &Sha256Digest) -> Sha256Digest {
    // In one piece: taking it in three costs a third more, and a proof is nothing but these.
    let mut bytes = [0; 1 + 2 * 32];
    bytes[..1].copy_from_slice(&NODE);
    bytes[1..33].copy_from_slice(left.as_bytes());
    bytes[33..].copy_from_slice(right.as_bytes());
    finish(Sha256::new_with_prefix(bytes))
}

/// The root of a tree without leaves: the SHA-256 of nothing.
pub fn empty_root() -> Sha256Digest {
    Sha256Digest::of(b"")
}

fn finish(hasher: Sha256) -> Sha256Digest {
    Sha256Digest::from_bytes(hasher.finalize().into())
}

/// RFC 4648 §4, as the C2SP formats write hashes and signatures.
pub(crate) fn encode64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Padding and trailing bits must be canonical, so that one value has one spelling and a parsed note prints as it was.
pub(crate) fn decode64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(crate) fn digest_of_64(text: &str) -> Option<Sha256Digest> {
    Some(Sha256Digest::from_bytes(<[u8; 32]>::try_from(decode64(text)?).ok()?))
}
