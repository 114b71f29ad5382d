//! What proves "was previewed by you" and "is your lease": message authentication codes under a key that never leaves the
//! runtime root (or the database). Pure: the key and every random byte come in as values.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;

use super::id::{QueueItemId, Sha256Digest};
use super::queue::QueueItem;

/// The key under which previews and leases are authenticated (HMAC-SHA-256, RFC 2104).
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Twelve random bytes that name one preview.
pub type Nonce = [u8; 12];

/// The first half of a preview's digest, which is what fits into a token beside nonce, expiry and code.
pub type ShortDigest = [u8; 16];

/// What a valid token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenPreview {
    /// Which preview.
    pub nonce: Nonce,
    /// First half of its digest.
    pub digest: ShortDigest,
    /// Until when it may be applied.
    pub expires_at: Timestamp,
}

/// Token layout, 48 bytes, base64url without padding (64 characters): nonce 12, digest 16, expiry 4 (seconds since
/// 1970, unsigned, big-endian), code 16 (the first half of the HMAC).
const TOKEN_BYTES: usize = 12 + 16 + 4 + 16;

impl SealKey {
    /// Wraps 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Makes the token for a preview shown to `principal`. The expiry is cut to whole seconds.
    pub fn preview_token(&self, principal: &str, seen: &SeenPreview) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend_from_slice(&seen.nonce);
        bytes.extend_from_slice(&seen.digest);
        bytes.extend_from_slice(&expiry_seconds(seen.expires_at).to_be_bytes());
        let code = self.code("preview", &[principal.as_bytes(), &bytes]);
        bytes.extend_from_slice(&code[..16]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token that must have been made for `principal` under this key. `None` for anything else; the comparison
    /// takes the same time wherever it fails.
    pub fn read_preview_token(&self, principal: &str, token: &str) -> Option<SeenPreview> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim()).ok()?;
        if bytes.len() != TOKEN_BYTES {
            return None;
        }
        let (body, code) = bytes.split_at(TOKEN_BYTES - 16);
        let want = self.code("preview", &[principal.as_bytes(), body]);
        if !bool::from(want[..16].ct_eq(code)) {
            return None;
        }
        let seconds = u32::from_be_bytes(body[28..32].try_into().ok()?);
        Some(SeenPreview {
            nonce: body[..12].try_into().ok()?,
            digest: body[12..28].try_into().ok()?,
            expires_at: Timestamp::from_second(i64::from(seconds)).ok()?,
        })
    }

    /// The lease token of an item's current claim; `None` when it is not claimed. It changes with every claim, so an
    /// earlier holder's token is refused (a fencing token).
    pub fn lease_token(&self, item: &QueueItem) -> Option<String> {
        let super::queue::ItemState::Claimed(claim) = &item.state else { return None };
        let attempt = claim.attempt.to_be_bytes();
        let since = claim.claimed_at.as_microsecond().to_be_bytes();
        let code =
            self.code("lease", &[item.queue_id().as_str().as_bytes(), &attempt, &since, claim.worker.as_bytes()]);
        Some(URL_SAFE_NO_PAD.encode(code))
    }

    /// Whether this is the lease token of the item's current claim, in constant time.
    pub fn lease_holds(&self, item: &QueueItem, token: &str) -> bool {
        self.lease_token(item).is_some_and(|want| bool::from(want.as_bytes().ct_eq(token.trim().as_bytes())))
    }

    /// HMAC over a purpose and length-prefixed parts, so that no two inputs share one encoding.
    fn code(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The queue id that applying this preview gives. Derived, so that "the same preview" finds its item by id, in every
/// process and after a restart, without a member of its own in the ledger.
pub fn queue_id_of(principal: &str, nonce: &Nonce) -> QueueItemId {
    let mut bytes = b"cortexpilot queue item\0".to_vec();
    bytes.extend_from_slice(principal.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(nonce);
    let digest = Sha256Digest::of(&bytes);
    let mut id = [0; 16];
    id.copy_from_slice(&digest.as_bytes()[..16]);
    QueueItemId::from_bytes(id)
}

/// The first half of a digest.
pub fn short(digest: &Sha256Digest) -> ShortDigest {
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_bytes()[..16]);
    half
}

/// Cuts an expiry to what a token can hold: whole seconds from 1970 to 2106.
pub fn expiry_seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> SeenPreview {
        SeenPreview { nonce: [7; 12], digest: [9; 16], expires_at: Timestamp::from_second(1_800_000_000).unwrap() }
    }

    #[test]
    fn a_token_is_sixty_four_characters_and_only_its_principal_can_use_it() {
        let key = SealKey::new([1; 32]);
        let token = key.preview_token("agent:alice", &seen());
        assert_eq!(token.len(), 64);
        assert_eq!(key.read_preview_token("agent:alice", &token), Some(seen()));
        assert_eq!(key.read_preview_token("agent:bob", &token), None);
        assert_eq!(SealKey::new([2; 32]).read_preview_token("agent:alice", &token), None);
        assert_eq!(key.read_preview_token("agent:alice", ""), None);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.read_preview_token("agent:alice", &changed), None, "character {at}");
        }
    }
}
