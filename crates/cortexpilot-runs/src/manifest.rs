//! What lists need to know about a run's manifest, without the manifest.

use cortexpilot_core::port::runs::Failure;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::MANIFEST_BYTES_MAX;
use crate::beneath::{Dir, Stamp};
use crate::json::{self, Keep, Member};
use crate::problem::{Problem, What};

pub(crate) const MANIFEST: &str = "manifest.json";

/// What a digest is made of.
const OF_MANIFEST: Keep = Keep::Members(&[
    ("run_id", Keep::All),
    ("task_id", Keep::All),
    ("status", Keep::All),
    ("created_at", Keep::All),
    ("start_ts", Keep::All),
    ("finished_at", Keep::All),
    ("end_ts", Keep::All),
    ("failure_reason", Keep::All),
    ("failure_class", Keep::All),
    ("failure_code", Keep::All),
    ("failure_stage", Keep::All),
    ("failure_summary_zh", Keep::All),
    ("action_hint_zh", Keep::All),
    ("root_event", Keep::All),
    ("workflow", Keep::All),
    ("role_binding_summary", Keep::All),
]);

/// Texts in lists are cut to so many characters; one run's documents are shown whole.
const TEXT_MAX: usize = 4_096;

/// The members of a manifest that lists and aggregates show. Text only: a member of another type is a problem and absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ManifestDigest {
    pub(crate) task_id: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) finished_at: Option<String>,
    pub(crate) failure_reason: Option<String>,
    /// What the manifest itself says about a failure.
    pub(crate) failure: Failure,
    pub(crate) workflow: Option<Workflow>,
    /// Whether it recorded a role binding.
    pub(crate) has_role_binding: bool,
    /// What the list is sorted by: `created_at`, else the file's modification time, in microseconds since 1970.
    pub(crate) sort_us: i64,
    pub(crate) problems: Vec<Problem>,
}

/// `manifest.workflow`, where it names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workflow {
    pub(crate) workflow_id: String,
    pub(crate) status: String,
    pub(crate) task_queue: String,
    pub(crate) namespace: String,
}

impl ManifestDigest {
    /// Reads and digests. A manifest that is not there is the caller's business: then the directory is no run.
    pub(crate) fn read(dir: &Dir, run: &str) -> Result<Self, What> {
        match dir.read(MANIFEST, MANIFEST_BYTES_MAX) {
            Ok((bytes, stamp)) => {
                let (map, problem) = json::parse_keeping(&bytes, OF_MANIFEST).object();
                Ok(Self::of(run, map.as_ref(), problem, Some(stamp)))
            }
            Err(What::Missing) => Err(What::Missing),
            Err(what) => Ok(Self::of(run, None, Some(what), None)),
        }
    }

    pub(crate) fn of(run: &str, map: Option<&Map<String, Value>>, problem: Option<What>, stamp: Option<Stamp>) -> Self {
        let problems = problem.map(|what| Problem::file(MANIFEST, what)).into_iter().collect();
        let mtime_us = stamp.map_or(0, |stamp| stamp.mtime_us());
        let mut reader = Reader { problems };
        let Some(map) = map else {
            return Self { sort_us: mtime_us, problems: reader.problems, ..Self::default() };
        };
        let created_at = reader.text(map, "created_at").or_else(|| reader.text(map, "start_ts"));
        let digest = Self {
            task_id: reader.text(map, "task_id"),
            status: reader.text(map, "status"),
            finished_at: reader.text(map, "finished_at").or_else(|| reader.text(map, "end_ts")),
            failure_reason: reader.text(map, "failure_reason"),
            failure: Failure {
                failure_class: reader.text(map, "failure_class").unwrap_or_default(),
                failure_code: reader.text(map, "failure_code").unwrap_or_default(),
                failure_stage: reader.text(map, "failure_stage").unwrap_or_default(),
                failure_summary_zh: reader.text(map, "failure_summary_zh").unwrap_or_default(),
                action_hint_zh: reader.text(map, "action_hint_zh").unwrap_or_default(),
                root_event: reader.text(map, "root_event").unwrap_or_default(),
            },
            workflow: reader.workflow(map),
            has_role_binding: matches!(json::object(map, "role_binding_summary"), Member::Present(binding) if !binding.is_empty()),
            sort_us: created_at.as_deref().and_then(instant).map_or(mtime_us, Timestamp::as_microsecond),
            created_at,
            problems: Vec::new(),
        };
        if reader.text(map, "run_id").is_some_and(|named| named.trim() != run) {
            reader.problems.push(Problem::file(MANIFEST, What::NamesOtherRun));
        }
        Self { problems: reader.problems, ..digest }
    }

    /// About how many bytes this holds.
    pub(crate) fn weight(&self) -> usize {
        let texts = [&self.task_id, &self.status, &self.created_at, &self.finished_at, &self.failure_reason];
        texts.into_iter().flatten().map(String::len).sum::<usize>() + self.failure.failure_summary_zh.len() + 512
    }
}

/// What the list is sorted by, as in [`ManifestDigest`], and nothing else.
pub(crate) fn sort_us(bytes: &[u8], stamp: Stamp) -> i64 {
    const TIMES: Keep = Keep::Members(&[("created_at", Keep::All), ("start_ts", Keep::All)]);
    let (map, _) = json::parse_keeping(bytes, TIMES).object();
    let text = |map: &Map<String, Value>, member| match json::text(map, member) {
        Member::Present(text) => Some(clip(text, TEXT_MAX)),
        Member::Absent | Member::Odd => None,
    };
    let created_at = map.and_then(|map| text(&map, "created_at").or_else(|| text(&map, "start_ts")));
    created_at.as_deref().and_then(instant).map_or(stamp.mtime_us(), Timestamp::as_microsecond)
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn text(&mut self, map: &Map<String, Value>, member: &'static str) -> Option<String> {
        match json::text(map, member) {
            Member::Present(text) => Some(clip(text, TEXT_MAX)),
            Member::Absent => None,
            Member::Odd => {
                self.odd(member, "text");
                None
            }
        }
    }

    fn workflow(&mut self, map: &Map<String, Value>) -> Option<Workflow> {
        let workflow = match json::object(map, "workflow") {
            Member::Present(workflow) => workflow,
            Member::Absent => return None,
            Member::Odd => {
                self.odd("workflow", "an object");
                return None;
            }
        };
        let mut text = |member| self.text(workflow, member).unwrap_or_default();
        let workflow_id = text("workflow_id").trim().to_owned();
        (!workflow_id.is_empty()).then(|| Workflow {
            workflow_id,
            status: text("status"),
            task_queue: text("task_queue"),
            namespace: text("namespace"),
        })
    }

    fn odd(&mut self, member: &'static str, want: &'static str) {
        self.problems.push(Problem::file(MANIFEST, What::OddType { member, want }));
    }
}

/// At most so many characters; what was cut shows.
pub(crate) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A time as run directories write it: ISO 8601, in UTC where it names no offset.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse()
        .ok()
        .or_else(|| text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_an_offset_are_utc() {
        let us = |text| instant(text).map(Timestamp::as_microsecond);
        assert_eq!(us("1970-01-01T00:00:01+00:00"), Some(1_000_000));
        assert_eq!(us(" 1970-01-01T00:00:01Z "), Some(1_000_000));
        assert_eq!(us("1970-01-01T02:00:01+02:00"), Some(1_000_000));
        assert_eq!(us("1970-01-01T00:00:01.5"), Some(1_500_000));
        assert_eq!(us("next tuesday"), None);
        assert_eq!(us(""), None);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(clip("äöü", 3), "äöü");
        assert_eq!(clip("äöüß", 3), "äöü…");
    }
}
