//! What is kept beside the ledger: what workers last said of their items and of themselves, and who is signed in. Each is one
//! JSON object, read by people and by other processes, of this version and others; members that are not known are passed
//! over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::lease::{Beat, CannotTake, ProgressNote, WorkerPresence};
use crate::domain::session::SessionRecord;
use crate::domain::time::{ledger_text, to_micros};
use crate::domain::token::TokenId;

#[derive(Serialize, Deserialize)]
struct BeatFile {
    queue_id: String,
    attempt: u32,
    count: u64,
    at: String,
    worker: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressFile>,
}

#[derive(Serialize, Deserialize)]
struct ProgressFile {
    #[serde(default)]
    stage: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    events: u64,
}

#[derive(Serialize, Deserialize)]
struct PresenceFile {
    worker: String,
    principal: String,
    surface: String,
    host: String,
    pid: u32,
    version: String,
    started_at: String,
    at: String,
    draining: bool,
    slots: u32,
    #[serde(default)]
    running: Vec<String>,
    #[serde(default)]
    cannot: Vec<CannotFile>,
}

#[derive(Serialize, Deserialize)]
struct CannotFile {
    queue_id: String,
    why: String,
}

#[derive(Serialize, Deserialize)]
struct SessionFile {
    principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    seal: String,
    made_at: String,
    expires_at: String,
}

fn text(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("invariant: texts and numbers are JSON")
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The bytes of a beat.
pub fn encode_beat(beat: &Beat) -> String {
    let progress = beat.progress.as_ref().map(|progress| ProgressFile {
        stage: progress.stage.clone(),
        message: progress.message.clone(),
        events: progress.events,
    });
    text(&BeatFile {
        queue_id: beat.queue_id.to_string(),
        attempt: beat.attempt,
        count: beat.count,
        at: ledger_text(beat.at),
        worker: beat.worker.clone(),
        progress,
    })
}

/// A beat out of its bytes; `None` when they are none. Whoever finds that knows no more than if nothing had been said.
pub fn decode_beat(bytes: &[u8]) -> Option<Beat> {
    let file: BeatFile = serde_json::from_slice(bytes).ok()?;
    let progress = file.progress.map(|progress| {
        ProgressNote { stage: progress.stage, message: progress.message, events: progress.events }.bounded()
    });
    Some(Beat {
        queue_id: QueueItemId::parse(&file.queue_id)?,
        attempt: file.attempt,
        count: file.count,
        at: instant(&file.at)?,
        worker: file.worker,
        progress,
    })
}

/// The bytes of a presence.
pub fn encode_presence(presence: &WorkerPresence) -> String {
    let cannot = |cannot: &CannotTake| CannotFile { queue_id: cannot.queue_id.to_string(), why: cannot.why.clone() };
    text(&PresenceFile {
        worker: presence.worker.clone(),
        principal: presence.principal.clone(),
        surface: presence.surface.clone(),
        host: presence.host.clone(),
        pid: presence.pid,
        version: presence.version.clone(),
        started_at: ledger_text(presence.started_at),
        at: ledger_text(presence.at),
        draining: presence.draining,
        slots: presence.slots,
        running: presence.running.iter().map(ToString::to_string).collect(),
        cannot: presence.cannot.iter().map(cannot).collect(),
    })
}

/// A presence out of its bytes; `None` when they are none.
pub fn decode_presence(bytes: &[u8]) -> Option<WorkerPresence> {
    let file: PresenceFile = serde_json::from_slice(bytes).ok()?;
    let cannot =
        |cannot: CannotFile| Some(CannotTake { queue_id: QueueItemId::parse(&cannot.queue_id)?, why: cannot.why });
    let presence = WorkerPresence {
        worker: file.worker,
        principal: file.principal,
        surface: file.surface,
        host: file.host,
        pid: file.pid,
        version: file.version,
        started_at: instant(&file.started_at)?,
        at: instant(&file.at)?,
        draining: file.draining,
        slots: file.slots,
        running: file.running.iter().filter_map(|id| QueueItemId::parse(id)).collect(),
        cannot: file.cannot.into_iter().filter_map(cannot).collect(),
    };
    Some(presence.bounded())
}

/// The bytes of a session's record. They hold no secret.
pub fn encode_session(record: &SessionRecord) -> String {
    text(&SessionFile {
        principal: record.principal.clone(),
        token: record.token.as_ref().map(ToString::to_string),
        seal: record.seal.to_string(),
        made_at: ledger_text(record.made_at),
        expires_at: ledger_text(record.expires_at),
    })
}

/// A session's record out of its bytes; `None` when they are none: then nobody is signed in by it.
pub fn decode_session(bytes: &[u8]) -> Option<SessionRecord> {
    let file: SessionFile = serde_json::from_slice(bytes).ok()?;
    // An id that is none must not turn a personal token's session into one of the configured token.
    let token = match file.token {
        Some(id) => Some(TokenId::parse(&id)?),
        None => None,
    };
    Some(SessionRecord {
        principal: file.principal,
        token,
        seal: Sha256Digest::parse(&file.seal)?,
        made_at: to_micros(instant(&file.made_at)?),
        expires_at: to_micros(instant(&file.expires_at)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-01-01T00:00:00.5Z".parse().expect("an instant")
    }

    #[test]
    fn a_beat_reads_back_and_half_of_one_does_not() {
        let progress = ProgressNote { stage: "run".into(), message: "\"half\" ü".into(), events: 7 };
        let beat = Beat {
            queue_id: QueueItemId::from_bytes([7; 16]),
            attempt: 2,
            count: 41,
            at: at(),
            worker: "w 1".into(),
            progress: Some(progress),
        };
        let bytes = encode_beat(&beat).into_bytes();
        assert_eq!(decode_beat(&bytes), Some(beat.clone()));
        for end in 0..bytes.len() {
            assert_eq!(decode_beat(&bytes[..end]), None, "{end}");
        }
        let bare = Beat { progress: None, ..beat };
        assert_eq!(decode_beat(encode_beat(&bare).as_bytes()), Some(bare));
    }

    #[test]
    fn a_session_reads_back_and_half_of_one_does_not() {
        let record = SessionRecord {
            principal: "operator:alice".into(),
            token: Some(TokenId::from_bytes([7; 6])),
            seal: Sha256Digest::of(b"a seal"),
            made_at: at(),
            expires_at: at(),
        };
        for record in [SessionRecord { token: None, ..record.clone() }, record] {
            let bytes = encode_session(&record).into_bytes();
            assert_eq!(decode_session(&bytes), Some(record));
            for end in 0..bytes.len() {
                assert_eq!(decode_session(&bytes[..end]), None, "{end}");
            }
        }
        let strange = r#"{"principal":"a","token":"no id","seal":"","made_at":"","expires_at":""}"#;
        assert_eq!(decode_session(strange.as_bytes()), None);
    }

    #[test]
    fn a_presence_reads_back_and_is_bounded() {
        let id = QueueItemId::from_bytes([7; 16]);
        let presence = WorkerPresence {
            worker: "w".into(),
            principal: "worker:w".into(),
            surface: "cli".into(),
            host: "h".into(),
            pid: 7,
            version: "1".into(),
            started_at: at(),
            at: at(),
            draining: true,
            slots: 2,
            running: vec![id.clone()],
            cannot: vec![CannotTake { queue_id: id.clone(), why: "no repository".into() }],
        };
        assert_eq!(decode_presence(encode_presence(&presence).as_bytes()), Some(presence.clone()));
        let large = WorkerPresence { host: "ü".repeat(9000), running: vec![id; 9000], ..presence };
        let read = decode_presence(encode_presence(&large).as_bytes()).expect("a presence");
        assert_eq!((read.host.chars().count(), read.running.len()), (200, 256));
    }
}
