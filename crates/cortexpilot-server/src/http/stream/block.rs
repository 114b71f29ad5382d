//! Blocks of a stream: what a client is sent at once, in the form of server-sent events (WHATWG HTML §9.2.6).

use std::io;
use std::sync::OnceLock;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Value, json};

use crate::http::agents;

/// Milliseconds that a client should wait before it opens a stream again.
const RETRY_MS: u32 = 2000;

/// The comment that shows a quiet stream to be alive, as existing clients know it.
pub(super) const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// How a block's text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// As it is stored.
    AsStored,
    /// With text of runs cleaned.
    Cleaned,
}

/// What of a block's data may be text of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untrusted {
    /// All of it.
    Everything,
    /// The item view in its member `item`; the rest is ours.
    Item,
}

/// One event of a stream. Made once, and written once for each way in which it is shown, however many are sent it.
#[derive(Debug)]
pub(super) struct Block {
    id: String,
    event: &'static str,
    data: Value,
    untrusted: Untrusted,
    as_stored: OnceLock<Bytes>,
    cleaned: OnceLock<Bytes>,
}

impl Block {
    pub(super) fn new(id: String, event: &'static str, data: Value, untrusted: Untrusted) -> Self {
        Self { id, event, data, untrusted, as_stored: OnceLock::new(), cleaned: OnceLock::new() }
    }

    pub(super) fn bytes(&self, shown: Shown) -> &Bytes {
        match shown {
            Shown::AsStored => self.as_stored.get_or_init(|| written(&self.id, self.event, &self.data)),
            Shown::Cleaned => self.cleaned.get_or_init(|| {
                let mut data = self.data.clone();
                clean(&mut data, self.untrusted);
                written(&self.id, self.event, &data)
            }),
        }
    }
}

/// The same with another id, which may be none.
pub(super) fn named(id: &str, event: &str, mut data: Value, untrusted: Untrusted, shown: Shown) -> Bytes {
    if shown == Shown::Cleaned {
        clean(&mut data, untrusted);
    }
    written(id, event, &data)
}

fn clean(data: &mut Value, untrusted: Untrusted) {
    match untrusted {
        Untrusted::Everything => agents::clean_document(data),
        Untrusted::Item => {
            if let Some(item) = data.get_mut("item") {
                let _ = agents::clean_members(item);
            }
        }
    }
}

/// What a followed stream begins with.
pub(super) fn opening() -> Vec<u8> {
    format!("retry: {RETRY_MS}\n\n").into_bytes()
}

/// Says that everything that was there has come: what follows is new. Sent so many events on this connection.
pub(super) fn caught_up(id: &str, given: u64) -> Vec<u8> {
    written(id, "caught_up", &json!({"events": given})).into()
}

/// Says that what the client has does not lead here: the stream begins anew.
pub(super) fn reset(reason: ResetReason) -> Bytes {
    let reason = match reason {
        ResetReason::FileReplaced => "file_replaced",
        ResetReason::PositionUnknown => "position_unknown",
    };
    // An empty id would make a browser forget where it was, which is just what it must do.
    let mut block = b"id:\n".to_vec();
    block.extend_from_slice(&written("", "reset", &json!({"reason": reason})));
    block.into()
}

/// Why a stream begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResetReason {
    /// What is followed is not the file that it was.
    FileReplaced,
    /// The position is not one that this stream gave out.
    PositionUnknown,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The server ends.
    Shutdown,
    /// The token counts no longer.
    Token,
    /// The client did not take what it was sent.
    SlowReader,
    /// What is followed is not there any more.
    Gone,
    /// It cannot be read now.
    Unavailable,
}

impl EndReason {
    /// The last block of a stream.
    pub(super) fn bytes(self) -> Bytes {
        let (reason, resume) = match self {
            Self::Shutdown => ("shutdown", true),
            Self::Token => ("token", false),
            Self::SlowReader => ("slow_reader", true),
            Self::Gone => ("gone", false),
            Self::Unavailable => ("unavailable", true),
        };
        written("", "end", &json!({"reason": reason, "resume": resume}))
    }
}

/// A block without an id keeps the client's last one.
fn written(id: &str, event: &str, data: &Value) -> Bytes {
    let mut block = Vec::with_capacity(512);
    if !id.is_empty() {
        block.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    block.extend_from_slice(format!("event: {event}\ndata: ").as_bytes());
    let mut json = serde_json::Serializer::with_formatter(&mut block, Spaced);
    data.serialize(&mut json).expect("invariant: a value serialises into memory");
    // JSON holds no line end, so that the data is one line.
    block.extend_from_slice(b"\n\n");
    block.into()
}

/// Separators as in the original's streams and in the ledger: `", "` and `": "`.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_lines_whatever_its_data_holds() {
        let data = json!({"a": [1, "x\ny\r\u{2028}"], "b": {}});
        let block = Block::new("7".into(), "run_event", data, Untrusted::Everything);
        let text = "id: 7\nevent: run_event\ndata: {\"a\": [1, \"x\\ny\\r\u{2028}\"], \"b\": {}}\n\n";
        assert_eq!(block.bytes(Shown::AsStored), text.as_bytes());
        assert!(!block.bytes(Shown::Cleaned)[..].windows(3).any(|bytes| bytes == "\u{2028}".as_bytes()));
    }

    #[test]
    fn each_end_says_whether_it_is_worth_coming_back() {
        for (reason, text) in [
            (EndReason::Shutdown, "event: end\ndata: {\"reason\": \"shutdown\", \"resume\": true}\n\n"),
            (EndReason::Token, "event: end\ndata: {\"reason\": \"token\", \"resume\": false}\n\n"),
            (EndReason::SlowReader, "event: end\ndata: {\"reason\": \"slow_reader\", \"resume\": true}\n\n"),
            (EndReason::Gone, "event: end\ndata: {\"reason\": \"gone\", \"resume\": false}\n\n"),
            (EndReason::Unavailable, "event: end\ndata: {\"reason\": \"unavailable\", \"resume\": true}\n\n"),
        ] {
            assert_eq!(reason.bytes(), text.as_bytes());
        }
    }
}
