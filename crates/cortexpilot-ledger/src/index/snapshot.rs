//! The snapshot: everything that a process must know of the lines before a position in order to go on behind it.
//!
//! One file, replaced as a whole. It begins with a line that names the format, then the length of a JSON header in eight
//! bytes, the header, the live items with the offsets of their lines (a pair for each line), and the offsets of the lines that changed what
//! operators decided; at its end stands the SHA-256 of all that. Numbers outside the header are big-endian.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::listing::{DoneCounts, FileProblem, Slice};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::Described;
use super::{Broken, DIR};
use crate::chain::{Chain, FileKind, Position};
use crate::disk;
use crate::log::Frontier;

/// The file's name in the index's directory.
pub(super) const NAME: &str = "snapshot";

const MAGIC: &[u8] = b"cortexpilot ledger index 3\n";
const DIGEST: usize = 32;

/// A live item: its position, and the offset of a line of it. Each has as many of these as it has lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) seq: u64,
    pub(super) at: u64,
}

const LIVE: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) header: Header,
    pub(super) live: Vec<Live>,
    pub(super) changes: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) queue: Part,
    pub(super) decisions: Part,
    /// The position that the next item gets.
    pub(super) next_seq: u64,
    /// When principals appended within the hour before their newest item, in nanoseconds since 1970.
    pub(super) usage: Vec<(String, Vec<i64>)>,
    /// Closed items that people had been asked about.
    pub(super) asked: Vec<String>,
    /// How many items were closed with each status.
    pub(super) closed: BTreeMap<String, u64>,
    /// What was done lately: slices by their beginning in seconds since 1970, each queued, succeeded, failed, cancelled, lost.
    pub(super) done: Vec<(i64, [u64; 5])>,
    /// Oldest first.
    pub(super) tables: Vec<Described>,
    live: u64,
    changes: u64,
}

/// One file up to the position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) lines: u64,
    head: String,
    legacy_lines: u64,
    began_at: u64,
    began_on: String,
    first_ts: Option<i64>,
    last_ts: Option<i64>,
    /// Whether the file begins with a repair.
    pub(super) repaired: bool,
    /// Whether the first line of ours adopts those before it.
    pub(super) adopted: bool,
    odd: Vec<(u64, String)>,
    pub(super) odd_total: u64,
    pub(super) log: Option<LogPart>,
}

/// The tree over the lines up to the position, and the newest checkpoint below it that they were held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogPart {
    peaks: Vec<String>,
    checkpoint: Option<(u64, String)>,
}

impl LogPart {
    pub(super) fn new(frontier: &Frontier, checkpoint: Option<(u64, Sha256Digest)>) -> Self {
        let peaks = frontier.peaks().iter().map(ToString::to_string).collect();
        Self { peaks, checkpoint: checkpoint.map(|(size, root)| (size, root.to_string())) }
    }

    pub(super) fn frontier(&self, lines: u64) -> Option<Frontier> {
        let peaks = self.peaks.iter().map(|peak| Sha256Digest::parse(peak)).collect::<Option<Vec<_>>>()?;
        Frontier::from_peaks(lines, peaks)
    }

    pub(super) fn checkpoint(&self) -> Option<(u64, Sha256Digest)> {
        let (size, root) = self.checkpoint.as_ref()?;
        Some((*size, Sha256Digest::parse(root)?))
    }
}

impl Part {
    /// `None` where nothing of ours stands in the file yet, or a time is out of every range.
    pub(super) fn of(
        chain: &Chain,
        repaired: bool,
        adopted: bool,
        odd: &[FileProblem],
        odd_total: u64,
    ) -> Option<Self> {
        let (began_at, began_on) = chain.began?;
        let time = |at: Option<Timestamp>| at.map_or(Some(None), |at| nanos(at).map(Some));
        Some(Self {
            offset: chain.offset,
            lines: chain.lines,
            head: chain.head().to_string(),
            legacy_lines: chain.legacy_lines,
            began_at,
            began_on: began_on.to_string(),
            first_ts: time(chain.first_ts)?,
            last_ts: time(chain.last_ts)?,
            repaired,
            adopted,
            odd: odd.iter().map(|odd| (odd.line, odd.problem.clone())).collect(),
            odd_total,
            log: None,
        })
    }

    pub(super) fn position(&self) -> Result<Position, Broken> {
        Ok(Position { offset: self.offset, lines: self.lines, head: digest(&self.head)? })
    }

    /// Where the first line of ours begins, and what it chains onto.
    pub(super) fn began(&self) -> Result<(u64, Sha256Digest), Broken> {
        Ok((self.began_at, digest(&self.began_on)?))
    }

    /// The chain that goes on behind it.
    pub(super) fn chain(&self, kind: FileKind) -> Result<Chain, Broken> {
        let mut chain = Chain::behind(kind, self.position()?);
        chain.legacy_lines = self.legacy_lines;
        chain.began = Some(self.began()?);
        chain.first_ts = self.first_ts.map(timestamp).transpose()?;
        chain.last_ts = self.last_ts.map(timestamp).transpose()?;
        Ok(chain)
    }

    pub(super) fn odd(&self, kind: FileKind) -> Vec<FileProblem> {
        let problem = |(line, problem): &(u64, String)| FileProblem {
            file: kind.name().to_owned(),
            line: *line,
            problem: problem.clone(),
        };
        self.odd.iter().map(problem).collect()
    }
}

pub(super) fn nanos(at: Timestamp) -> Option<i64> {
    i64::try_from(at.as_nanosecond()).ok()
}

pub(super) fn timestamp(nanos: i64) -> Result<Timestamp, Broken> {
    Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| Broken::new("the snapshot names no time"))
}

fn digest(hex: &str) -> Result<Sha256Digest, Broken> {
    Sha256Digest::parse(hex).ok_or_else(|| Broken::new("the snapshot names no hash"))
}

impl Snapshot {
    pub(super) fn new(mut header: Header, live: Vec<Live>, changes: Vec<u64>) -> Self {
        (header.live, header.changes) = (live.len() as u64, changes.len() as u64);
        Self { header, live, changes }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Broken> {
        let header = serde_json::to_vec(&self.header).map_err(|error| Broken::new(error.to_string()))?;
        let mut bytes = Vec::with_capacity(header.len() + LIVE * self.live.len() + 8 * self.changes.len() + 256);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(header.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&header);
        for live in &self.live {
            for number in [live.seq, live.at] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        for offset in &self.changes {
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        let sum = Sha256Digest::of(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let broken = || Broken::new("the snapshot does not verify");
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| Broken::new("the snapshot is of another format"))?;
        let (summed, sum) = bytes.split_at_checked(bytes.len() - DIGEST.min(bytes.len())).ok_or_else(broken)?;
        if Sha256Digest::of(summed).as_bytes()[..] != *sum {
            return Err(broken());
        }
        let body = body.get(..body.len() - DIGEST).ok_or_else(broken)?;
        let (length, body) = body.split_first_chunk::<8>().ok_or_else(broken)?;
        let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| broken())?;
        let (header, body) = body.split_at_checked(length).ok_or_else(broken)?;
        let header: Header = serde_json::from_slice(header).map_err(|error| Broken::new(error.to_string()))?;
        let lives = usize::try_from(header.live).ok().and_then(|live| live.checked_mul(LIVE)).ok_or_else(broken)?;
        let (live, changes) = body.split_at_checked(lives).ok_or_else(broken)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let live = live.chunks_exact(LIVE).map(|live| Live { seq: number(&live[..8]), at: number(&live[8..]) });
        let snapshot = Self { live: live.collect(), changes: changes.chunks_exact(8).map(number).collect(), header };
        let as_said = snapshot.changes.len() as u64 == snapshot.header.changes && changes.len() % 8 == 0;
        if as_said { Ok(snapshot) } else { Err(broken()) }
    }

    /// The snapshot of a runtime root; `None` when there is none.
    pub(super) fn load(root: &Path) -> Result<Option<Self>, Broken> {
        let Some((mut file, stat)) = disk::open(&root.join(DIR).join(NAME)).map_err(Broken::io)? else {
            return Ok(None);
        };
        let mut bytes = Vec::with_capacity(usize::try_from(stat.size).unwrap_or(0).min(1 << 30));
        file.read_to_end(&mut bytes).map_err(Broken::io)?;
        Self::decode(&bytes).map(Some)
    }

    /// Closed items that people had been asked about.
    pub(super) fn asked(&self) -> Result<Vec<QueueItemId>, Broken> {
        let id = |text: &String| QueueItemId::parse(text).ok_or_else(|| Broken::new("the snapshot names no item"));
        self.header.asked.iter().map(id).collect()
    }

    /// What was done lately.
    pub(super) fn done(&self) -> impl Iterator<Item = Slice> {
        self.header.done.iter().map(|(from_s, [queued, succeeded, failed, cancelled, lost])| Slice {
            from_s: *from_s,
            done: DoneCounts {
                queued: *queued,
                succeeded: *succeeded,
                failed: *failed,
                cancelled: *cancelled,
                lost: *lost,
            },
        })
    }

    pub(super) fn usage(&self) -> Result<Vec<(String, Vec<Timestamp>)>, Broken> {
        let of = |(principal, times): &(String, Vec<i64>)| {
            let times = times.iter().map(|at| timestamp(*at)).collect::<Result<_, _>>()?;
            Ok((principal.clone(), times))
        };
        self.header.usage.iter().map(of).collect()
    }
}

impl Header {
    pub(super) fn new(queue: Part, decisions: Part, next_seq: u64) -> Self {
        let (usage, asked, closed, done, tables) = Default::default();
        Self { queue, decisions, next_seq, usage, asked, closed, done, tables, live: 0, changes: 0 }
    }

    pub(super) fn part(&self, kind: FileKind) -> &Part {
        match kind {
            FileKind::Queue => &self.queue,
            FileKind::Decisions => &self.decisions,
        }
    }
}
