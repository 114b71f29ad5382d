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
        Self::trimmed(raw).map(|text| Self(text.to_owned()))
    }

    /// The text of the id that [`parse`](Self::parse) would make of this.
    pub(crate) fn trimmed(raw: &str) -> Option<&str> {
        let text = raw.trim();
        (!text.is_empty() && text.len() <= 200).then_some(text)
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
        let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; 32];
        // Every line of a ledger comes through here three times, so no early exit: the loop has no branches.
        let mut wrong = 0;
        for (byte, pair) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
            let (high, low) = (VALUE_OF_DIGIT[usize::from(pair[0])], VALUE_OF_DIGIT[usize::from(pair[1])]);
            wrong |= high | low;
            *byte = (high << 4) | (low & 0xf);
        }
        (wrong <= 0xf).then_some(Self(bytes))
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 lower-case hexadecimal digits.
    pub fn digits(&self) -> [u8; 64] {
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = digits_of(byte);
        }
        text
    }

    /// Its 64 digits as a text, in memory of the caller's.
    pub fn digits_text<'a>(&self, room: &'a mut [u8; 64]) -> &'a str {
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
    let mut digits = vec![0; 2 * bytes.len()];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = digits_of(*byte);
    }
    String::from_utf8(digits).expect("invariant: hexadecimal digits are ASCII")
}

/// A byte as two lower-case hexadecimal digits. Arithmetic and no table, so that a loop over it becomes a few wide
/// instructions.
fn digits_of(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|nibble| nibble + if nibble > 9 { b'a' - 10 } else { b'0' })
}

/// What a hexadecimal digit of either case is worth; 0xff for any other byte.
const VALUE_OF_DIGIT: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        values[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

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
