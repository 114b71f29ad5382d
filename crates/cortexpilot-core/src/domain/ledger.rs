//! The hash chain that makes the ledger tamper-evident.
//!
//! Each line ends in `, "h": "<64 hex>"}` with `h` = SHA-256 of the previous line's `h` (as 64 hexadecimal characters)
//! followed by this line's bytes up to, not including, `, "h":`. Before the first line stand 64 zeros; after a legacy
//! prefix, the SHA-256 of that prefix's bytes.

use super::id::Sha256Digest;

/// A line's largest size in bytes, its newline not counted.
pub const LINE_MAX: usize = 60 * 1024;

/// What precedes the hash at the end of a line.
pub const HASH_MEMBER: &str = ", \"h\": \"";

/// Length of the hash member with the closing brace: `, "h": "` + 64 + `"}`.
const TAIL: usize = HASH_MEMBER.len() + 64 + 2;

/// The hash of a line whose bytes before the hash member are `body`, after a line whose hash is `prev`.
pub fn link(prev: &Sha256Digest, body: &[u8]) -> Sha256Digest {
    link_digits(&prev.digits(), body)
}

fn link_digits(prev: &[u8; 64], body: &[u8]) -> Sha256Digest {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update(prev);
    hasher.update(body);
    Sha256Digest::from_bytes(hasher.finalize().into())
}

/// Completes an object's text without its closing brace into a chained line (no newline), and gives its hash.
pub fn seal(prev: &Sha256Digest, body: &str) -> (String, Sha256Digest) {
    complete(prev, body.to_owned())
}

/// [`seal`] for a text that nobody needs any more.
pub(crate) fn complete(prev: &Sha256Digest, body: String) -> (String, Sha256Digest) {
    let mut line = body;
    let hash = link(prev, line.as_bytes());
    line.push_str(HASH_MEMBER);
    line.push_str(hash.digits_text(&mut [0; 64]));
    line.push_str("\"}");
    (line, hash)
}

/// Splits a line into its body and the hash it claims; `None` when it has no hash member at its end.
pub fn split(line: &[u8]) -> Option<(&[u8], Sha256Digest)> {
    let (body, stated) = split_digits(line)?;
    // Upper-case digits would parse too, but no line of ours has them: two spellings of one line are one too many.
    if stated.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    Some((body, Sha256Digest::parse(str::from_utf8(stated).ok()?)?))
}

/// What stands where a line's hash must stand, if the line is spelled like ours around it: the 64 characters that the next
/// line chains onto.
pub fn stated(line: &[u8]) -> Option<&[u8; 64]> {
    split_digits(line).map(|(_, stated)| stated)
}

fn split_digits(line: &[u8]) -> Option<(&[u8], &[u8; 64])> {
    let at = line.len().checked_sub(TAIL)?;
    let (body, tail) = line.split_at(at);
    let stated = tail.strip_prefix(HASH_MEMBER.as_bytes())?.strip_suffix(b"\"}")?;
    Some((body, stated.try_into().ok()?))
}

/// Whether the line continues the chain after `prev`; gives its hash if so.
pub fn verify(prev: &Sha256Digest, line: &[u8]) -> Option<Sha256Digest> {
    verify_after(&prev.digits(), line)
}

/// Whether the line continues the chain after a line that [states](stated) this hash; gives its hash if so. A chain can be
/// checked in pieces so: all of it verifies when each piece does and begins with what the piece before it ends with.
pub fn verify_after(prev: &[u8; 64], line: &[u8]) -> Option<Sha256Digest> {
    let (body, stated) = split_digits(line)?;
    let hash = link_digits(prev, body);
    // Compared as text: upper-case digits are another spelling, and no line of ours has them.
    (hash.digits() == *stated).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_line_verifies_and_a_changed_one_does_not() {
        let (line, hash) = seal(&Sha256Digest::ZERO, r#"{"event": "X""#);
        assert_eq!(verify(&Sha256Digest::ZERO, line.as_bytes()), Some(hash));
        assert_eq!(verify(&hash, line.as_bytes()), None, "another predecessor");
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut bytes = line.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert_eq!(verify(&Sha256Digest::ZERO, &bytes), None, "byte {at} bit {bit}");
            }
        }
    }
}
