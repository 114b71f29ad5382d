//! The names of a request: taken from the caller where they are sound, made here otherwise, and echoed either way.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::port::Ids;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id that is taken from a caller.
const ID_MAX: usize = 128;

/// Makes names for requests that brought none: no two alike, here or elsewhere, and none to be told from those before. They
/// are no secrets, so the system is asked for randomness once a process and not at every request.
#[derive(Debug, Default)]
pub(crate) struct Names {
    key: OnceLock<[u8; 32]>,
    made: AtomicU64,
}

impl Names {
    /// Two of them, as bytes.
    pub(crate) fn next(&self, ids: &dyn Ids) -> [u8; 32] {
        let mut seed = [0; 40];
        let (key, count) = seed.split_at_mut(32);
        key.copy_from_slice(self.key.get_or_init(|| ids.bytes()));
        count.copy_from_slice(&self.made.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        *Sha256Digest::of(&seed).as_bytes()
    }
}

/// Under which names this request is found in logs here and elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestIds {
    pub(crate) request_id: Name,
    pub(crate) trace_id: Name,
    traceparent: Option<Name>,
}

/// One name: visible ASCII, in the form in which it goes back to the caller.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Name(HeaderValue);

impl Name {
    /// A header that was sent once, as 1 to 128 visible ASCII characters.
    fn sent(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        one(headers, name).and_then(|text| HeaderValue::from_str(text).ok()).map(Self)
    }

    fn of(text: &str) -> Self {
        Self(HeaderValue::from_str(text).expect("invariant: ids are visible ASCII"))
    }

    /// Sixteen bytes in hexadecimal.
    fn hex(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        Self(HeaderValue::from_bytes(&text).expect("invariant: digits are visible ASCII"))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.to_str().expect("invariant: ids are visible ASCII")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl RequestIds {
    /// Reads `x-request-id`, `x-trace-id` and `traceparent` (W3C Trace Context, level 1), in this order of precedence for
    /// the trace id. What has another form than it must have is as if it had not been sent; for what is missing there is
    /// `made`.
    pub(crate) fn of(headers: &HeaderMap, made: impl FnOnce() -> [u8; 32]) -> Self {
        let traceparent = Name::sent(headers, &TRACEPARENT).filter(|text| trace_of(text).is_some());
        let of_parent = || traceparent.as_deref().and_then(trace_of).map(Name::of);
        let trace_id = Name::sent(headers, &TRACE_ID).or_else(of_parent);
        let request_id = Name::sent(headers, &REQUEST_ID);
        let (request_id, trace_id) = match (request_id, trace_id) {
            (Some(request_id), Some(trace_id)) => (request_id, trace_id),
            (request_id, trace_id) => {
                let made = made();
                let (first, second) = made.split_at(16);
                (request_id.unwrap_or_else(|| Name::hex(first)), trace_id.unwrap_or_else(|| Name::hex(second)))
            }
        };
        Self { request_id, trace_id, traceparent }
    }

    /// The names of a request that nobody sent, for the document.
    pub(crate) fn example(request_id: &str) -> Self {
        Self { request_id: Name::of(request_id), trace_id: Name::of("tid-1"), traceparent: None }
    }

    /// Puts the names on an answer.
    pub(crate) fn echo(self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request_id.0);
        headers.insert(TRACE_ID, self.trace_id.0);
        if let Some(Name(traceparent)) = self.traceparent {
            headers.insert(TRACEPARENT, traceparent);
        }
    }
}

/// A header that was sent once, as 1 to 128 visible ASCII characters.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let text = std::str::from_utf8(value.as_bytes()).ok()?;
    let sound = (1..=ID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then_some(text)
}

/// The trace id of a `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, neither id all zeros.
fn trace_of(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
    };
    let set = |part: &str| part.bytes().any(|byte| byte != b'0');
    // A later version may append parts; version 00 has none, and ff is not a version.
    let complete = version != "ff" && (version != "00" || parts.next().is_none());
    let shaped = hexadecimal(version, 2) && hexadecimal(trace, 32) && hexadecimal(parent, 16) && hexadecimal(flags, 2);
    (complete && shaped && set(trace) && set(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::port::fake::SeqIds;

    use super::*;

    fn ids(headers: &[(&'static str, &str)]) -> RequestIds {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        RequestIds::of(&map, || Names::default().next(&SeqIds::default()))
    }

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn sound_ids_are_taken_and_echoed() {
        let taken = ids(&[("x-request-id", "rid-1"), ("traceparent", PARENT)]);
        assert_eq!((&*taken.request_id, &*taken.trace_id), ("rid-1", "4bf92f3577b34da6a3ce929d0e0e4736"));
        let mut headers = HeaderMap::new();
        taken.echo(&mut headers);
        assert_eq!(headers["traceparent"], PARENT);
        let both = ids(&[("x-trace-id", "tid-1"), ("traceparent", PARENT)]);
        assert_eq!(&*both.trace_id, "tid-1", "the plainer header is the more deliberate one");
    }

    #[test]
    fn no_two_names_that_are_made_are_alike() {
        let (names, seed) = (Names::default(), SeqIds::default());
        let made: std::collections::BTreeSet<[u8; 16]> =
            (0..1000).flat_map(|_| names.next(&seed).as_chunks().0.to_vec()).collect();
        assert_eq!(made.len(), 2000);
        assert_ne!(Names::default().next(&seed), Names::default().next(&seed), "another process makes others");
    }

    #[test]
    fn unsound_ids_are_replaced() {
        let long = "x".repeat(129);
        for bad in ["", "a b", "é", "tab\there", &long] {
            let made = ids(&[("x-request-id", bad), ("x-trace-id", bad)]);
            assert_eq!((made.request_id.len(), made.trace_id.len()), (32, 32), "{bad:?}");
            assert_ne!(made.request_id, made.trace_id);
        }
        let twice = ids(&[("x-request-id", "a"), ("x-request-id", "b")]);
        assert_eq!(twice.request_id.len(), 32);
        for bad in [
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "nonsense",
        ] {
            let made = ids(&[("traceparent", bad)]);
            assert_eq!((made.traceparent, made.trace_id.ends_with("4736")), (None, false), "{bad}");
        }
    }
}
