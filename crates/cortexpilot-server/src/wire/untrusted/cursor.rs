//! Cursors that would show what is masked: a cursor of a list can hold a name that a run chose.
//!
//! Such a cursor goes out sealed under a key of this process, and is refused by another one like any cursor that the list
//! did not give out. All others stay as they are.

use std::fmt::Write as _;
use std::sync::OnceLock;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::is_plain;

/// What a sealed cursor begins with. No list of ours gives out a cursor that does.
const SEALED: &str = "sealed.";

/// How much of a sealed cursor proves that it is one.
const TAG: usize = 16;

static KEY: OnceLock<[u8; 32]> = OnceLock::new();

/// Sets the key of this process. The first one holds.
pub fn use_key(key: [u8; 32]) {
    // A second server of the process uses the first one's: the caller's key is then not needed.
    let _ = KEY.set(key);
}

/// The cursor as it may be shown. Without a key one that may not be shown is left out: the list seems to end.
#[must_use]
pub fn shown(cursor: String) -> Option<String> {
    if is_plain(&cursor) {
        return Some(cursor);
    }
    let key = KEY.get()?;
    let tag = tag(key, cursor.as_bytes());
    let mut text = SEALED.to_owned();
    for byte in tag.into_iter().chain(masked(key, &tag, cursor.as_bytes())) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

/// The cursor that was shown. What was sealed by nobody here comes back as it is, for the list to refuse.
#[must_use]
pub fn meant(shown: String) -> String {
    open(&shown).unwrap_or(shown)
}

fn open(shown: &str) -> Option<String> {
    let digits = shown.strip_prefix(SEALED)?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?))
        .collect::<Option<_>>()?;
    let (tag, hidden) = bytes.split_first_chunk::<TAG>()?;
    let key = KEY.get()?;
    let cursor = masked(key, tag, hidden);
    (self::tag(key, &cursor) == *tag).then(|| String::from_utf8(cursor).ok())?
}

/// The tag is a function of the text, so equal cursors look equal and no two texts share a key stream.
fn tag(key: &[u8; 32], text: &[u8]) -> [u8; TAG] {
    let whole = mac(key, &[b"tag", text]);
    *whole.first_chunk().expect("invariant: a SHA-256 is longer than a tag")
}

/// The text under the key stream of a tag; the same again gives it back.
fn masked(key: &[u8; 32], tag: &[u8; TAG], text: &[u8]) -> Vec<u8> {
    let blocks = text.chunks(32).zip(0_u32..);
    let stream = |number: u32| mac(key, &[b"stream", tag, &number.to_be_bytes()]);
    blocks
        .flat_map(|(block, number)| block.iter().zip(stream(number)).map(|(byte, pad)| byte ^ pad).collect::<Vec<_>>())
        .collect()
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("invariant: HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_holds_a_secret_is_sealed_and_comes_back() {
        use_key([7; 32]);
        for plain in ["17:run_ok", "0:report.json", "5"] {
            assert_eq!(shown(plain.to_owned()).as_deref(), Some(plain));
            assert_eq!(meant(plain.to_owned()), plain);
        }
        let long = format!("17:password=hunter2 \u{202E} {}", "x".repeat(200));
        for secret in ["17:password=hunter2", "1:a\u{200B}b", &long] {
            let sealed = shown(secret.to_owned()).unwrap();
            assert!(is_plain(&sealed) && !sealed.contains("hunter2"), "{sealed}");
            assert_eq!(meant(sealed.clone()), secret);
            let mut forged = sealed.clone().into_bytes();
            let last = forged.len() - 1;
            forged[last] = if forged[last] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(meant(forged.clone()), forged);
        }
        for odd in ["sealed.", "sealed.0", "sealed.zz", "sealed.\u{fc}\u{fc}", "sealed.0011"] {
            assert_eq!(meant(odd.to_owned()), odd);
        }
    }
}
