//! Identifiers. Each is a type of its own, parsed once, so that a run id cannot stand where a queue id belongs.

use std::fmt;

/// The name of a run, which is also the name of its directory: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}` without `..`.
///
/// The shape makes path traversal unsayable; opening beneath the root without following links makes it impossible.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// The text is not a run id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run id is 1 to 128 of A-Z a-z 0-9 . _ - and begins with a letter or a digit, without two dots in a row")]
pub struct RunIdProblem;

impl RunId {
    /// Parses a run id after trimming.
    ///
    /// # Errors
    /// [`RunIdProblem`] for any other text.
    pub fn parse(raw: &str) -> Result<Self, RunIdProblem> {
        let text = raw.trim();
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if begins && plain && text.len() <= 128 && !text.contains("..") {
            Ok(Self(text.to_owned()))
        } else {
            Err(RunIdProblem)
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a queue item: 32 lower-case hexadecimal digits for ours; whatever a legacy ledger wrote for its items.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueItemId(String);

impl QueueItemId {
    /// Takes a queue id from outside, trimmed; `None` when blank or longer than 200 bytes.
    pub fn parse(raw: &str) -> Option<Self> {
        let text = raw.trim();
        (!text.is_empty() && text.len() <= 200).then(|| Self(text.to_owned()))
    }

    /// An id from 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(hex(&bytes))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 digest (FIPS 180-4), written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// Sixty-four zeros: what the first ledger line chains onto.
    pub const ZERO: Self = Self([0; 32]);

    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Takes a digest that was computed elsewhere (a streaming hash).
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Parses 64 hexadecimal digits of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(bytes))
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its 64 digits. Every line's hash begins with those of the line before it.
    pub(crate) fn digits(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
        }
        digits
    }

    /// Its 64 digits as a text, in memory of the caller's.
    pub(crate) fn digits_text<'a>(&self, room: &'a mut [u8; 64]) -> &'a str {
        *room = self.digits();
        std::str::from_utf8(room).expect("invariant: hexadecimal digits are ASCII")
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits_text(&mut [0; 64]))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
    }
    text
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_cannot_leave_their_directory() {
        for good in ["run_1", "a", "A.b-c_9", " run_ok ", &"x".repeat(128)] {
            assert!(RunId::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", " ", ".", "..", "../x", "a/b", "a..b", "_a", "-a", "a\\b", "a\0", "ä", "a b", "%2e", &"x".repeat(129)]
        {
            assert_eq!(RunId::parse(bad), Err(RunIdProblem), "{bad:?}");
        }
    }

    #[test]
    fn digests_parse_what_they_print() {
        let digest = Sha256Digest::of(b"abc");
        // FIPS 180-4, example "abc".
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Sha256Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Sha256Digest::parse("xyz"), None);
        assert_eq!(Sha256Digest::ZERO.to_string(), "0".repeat(64));
    }
}
