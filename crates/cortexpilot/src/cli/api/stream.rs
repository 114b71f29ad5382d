//! Streams of events (`text/event-stream`), printed as they come.

use axum::body::Body;
use serde_json::{Map, Value};

use super::print::{lines, piece, write};
use crate::cli::failure::Stopped;
use crate::cli::output::{self, View};

/// No event is longer, in bytes: a line of a run's events may have 1 MiB.
const EVENT_MAX: usize = 4 << 20;

/// Prints a stream to its end: as it came, or for programs one JSON line for each event.
pub(super) async fn print(mut body: Body, view: &View) -> Result<(), Stopped> {
    let mut events = Events::default();
    while let Some(piece) = piece(&mut body).await? {
        if !view.is_json() && !view.is_terminal() {
            write(&piece)?;
            continue;
        }
        for event in events.take(&piece)? {
            let text = if view.is_json() { event.json() } else { Some(lines(&event.0) + "\n\n") };
            if let Some(text) = text {
                write(text.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// Whole events out of pieces that are cut anywhere.
#[derive(Default)]
struct Events {
    begun: Vec<u8>,
}

/// The lines of one event, without the empty line that ends it.
#[derive(Debug, PartialEq, Eq)]
struct Event(String);

impl Events {
    fn take(&mut self, piece: &[u8]) -> Result<Vec<Event>, Stopped> {
        self.begun.extend(piece.iter().filter(|byte| **byte != b'\r'));
        let mut whole = Vec::new();
        while let Some(end) = self.begun.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.begun.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&event[..end]).into_owned();
            if !text.is_empty() {
                whole.push(Event(text));
            }
        }
        if self.begun.len() > EVENT_MAX {
            return Err(anyhow::anyhow!("an event of the stream does not end").into());
        }
        Ok(whole)
    }
}

impl Event {
    /// The event as one JSON line with its `id`, its `event` and its `data`, which is JSON where it is sent as JSON; `None`
    /// for a sign of life.
    fn json(&self) -> Option<String> {
        let field = |wanted: &str| {
            let values = self.0.lines().filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                (name == wanted).then(|| value.strip_prefix(' ').unwrap_or(value))
            });
            let values: Vec<&str> = values.collect();
            (!values.is_empty()).then(|| values.join("\n"))
        };
        let mut members = Map::new();
        for name in ["id", "event"] {
            if let Some(value) = field(name) {
                members.insert(name.to_owned(), value.into());
            }
        }
        if let Some(data) = field("data") {
            let value = serde_json::from_str(&data).unwrap_or(Value::String(data));
            members.insert("data".to_owned(), value);
        }
        (!members.is_empty()).then(|| output::json_line(&members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_wherever_the_pieces_are_cut() {
        let stream = "id: 1\r\nevent: line\r\ndata: {\"a\":1}\r\n\r\n: alive\n\ndata: two\ndata: lines\n\nid: 3\n";
        for cut in 0..stream.len() {
            let mut events = Events::default();
            let mut seen = events.take(&stream.as_bytes()[..cut]).unwrap();
            seen.extend(events.take(&stream.as_bytes()[cut..]).unwrap());
            let lines: Vec<Option<String>> = seen.iter().map(Event::json).collect();
            let wanted = [
                Some("{\"id\":\"1\",\"event\":\"line\",\"data\":{\"a\":1}}\n".to_owned()),
                None,
                Some("{\"data\":\"two\\nlines\"}\n".to_owned()),
            ];
            assert_eq!(lines, wanted, "{cut}");
        }
    }

    #[test]
    fn an_event_without_an_end_ends_the_reading() {
        assert!(Events::default().take(&vec![b'x'; EVENT_MAX + 1]).is_err());
    }
}
