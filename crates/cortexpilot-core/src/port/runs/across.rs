//! Reads over all runs: which of them are wanted, and what is gathered from each.

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::{FileProblem, RunRow};

/// The words that [`Outcome::outcome_type`](super::Outcome::outcome_type) can be.
pub const OUTCOME_TYPES: [&str; 8] =
    ["success", "gate", "manual", "env", "product", "failure", "in_progress", "unknown"];

/// Which runs are wanted. What is not set does not choose; what is set must hold all together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFilter {
    /// The manifest's status, in any case.
    pub status: Option<String>,
    /// Exactly this workflow.
    pub workflow_id: Option<String>,
    /// One of [`OUTCOME_TYPES`].
    pub outcome: Option<String>,
    /// Exactly this task.
    pub task_id: Option<String>,
    /// Created then or later, by the time that lists are ordered by.
    pub since: Option<Timestamp>,
    /// Created before then, by the same time.
    pub until: Option<Timestamp>,
}

impl RunFilter {
    /// Whether every run is wanted.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anything but the time chooses.
    pub fn asks_for_content(&self) -> bool {
        self.status.is_some() || self.workflow_id.is_some() || self.outcome.is_some() || self.task_id.is_some()
    }

    /// Whether a run of this status, workflow, task and outcome is wanted, whenever it was created.
    pub fn admits(&self, status: &str, workflow_id: &str, task_id: &str, outcome: &str) -> bool {
        self.status.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(status.trim()))
            && self.workflow_id.as_deref().is_none_or(|wanted| wanted == workflow_id)
            && self.task_id.as_deref().is_none_or(|wanted| wanted == task_id.trim())
            && self.outcome.as_deref().is_none_or(|wanted| wanted == outcome)
    }

    /// Whether the run in this row is wanted, whenever it was created.
    pub fn admits_row(&self, row: &RunRow) -> bool {
        let text = |text: &Option<String>| text.as_deref().unwrap_or("").to_owned();
        self.admits(&text(&row.status), &row.workflow_id, &text(&row.task_id), row.outcome.outcome_type)
    }

    /// Whether a run that was created then, in microseconds since 1970, is wanted.
    pub fn admits_time(&self, created_us: i64) -> bool {
        self.since.is_none_or(|since| since.as_microsecond() <= created_us)
            && self.until.is_none_or(|until| created_us < until.as_microsecond())
    }
}

/// One run's task contract in a list of contracts.
#[derive(Debug, Clone, PartialEq)]
pub struct ContractRow {
    /// The run whose contract it is.
    pub run_id: String,
    /// Where it lies: an absolute path, the same as a queue item's `contract_path`.
    pub path: String,
    /// The SHA-256 of its bytes, in lower-case hex; `None` where they could not be read.
    pub sha256: Option<String>,
    /// The contract's members; empty when it is no JSON object.
    pub contract: Map<String, Value>,
    /// What could not be read.
    pub problems: Vec<FileProblem>,
}

impl Serialize for ContractRow {
    /// The contract's members in their order, then where it comes from in the members that existing clients know (`_source`,
    /// `_path`), then ours. Members of the contract by those names are left out: here they say where it comes from.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const OURS: [&str; 5] = ["_source", "_path", "_run_id", "_sha256", "_problems"];
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.contract.iter().filter(|(name, _)| !OURS.contains(&name.as_str())) {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("_source", "runs")?;
        map.serialize_entry("_path", &self.path)?;
        map.serialize_entry("_run_id", &self.run_id)?;
        map.serialize_entry("_sha256", &self.sha256)?;
        if !self.problems.is_empty() {
            map.serialize_entry("_problems", &self.problems)?;
        }
        map.end()
    }
}

/// One run's report of a given name.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// Its content; `{"raw": …}` when that is no JSON.
    pub report: Value,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_without_wishes_wants_every_run() {
        let all = RunFilter::default();
        assert!(all.is_all() && !all.asks_for_content());
        assert!(all.admits("", "", "", "unknown") && all.admits_time(i64::MIN) && all.admits_time(i64::MAX));
    }

    #[test]
    fn every_wish_must_hold() {
        let filter = RunFilter {
            status: Some("success".into()),
            workflow_id: Some("wf".into()),
            outcome: Some("success".into()),
            task_id: Some("task".into()),
            ..RunFilter::default()
        };
        assert!(filter.asks_for_content());
        assert!(filter.admits(" SUCCESS ", "wf", "task", "success"));
        for (status, workflow, task, outcome) in [
            ("FAILURE", "wf", "task", "success"),
            ("SUCCESS", "WF", "task", "success"),
            ("SUCCESS", "wf", "task2", "success"),
            ("SUCCESS", "wf", "task", "gate"),
        ] {
            assert!(!filter.admits(status, workflow, task, outcome), "{status} {workflow} {task} {outcome}");
        }
    }

    #[test]
    fn a_span_of_time_begins_with_since_and_ends_before_until() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let filter = RunFilter { since: at(10), until: at(20), ..RunFilter::default() };
        assert!(!filter.is_all() && !filter.asks_for_content());
        for (second, want) in [(9, false), (10, true), (19, true), (20, false)] {
            assert_eq!(filter.admits_time(second * 1_000_000), want, "{second}");
        }
    }

    #[test]
    fn a_contract_cannot_say_where_it_comes_from() {
        let Value::Object(contract) = json!({"task_id": "t", "_path": "/etc/passwd", "_run_id": "other"}) else {
            panic!("an object");
        };
        let path = "/srv/runs/run/contract.json".into();
        let row = ContractRow { run_id: "run".into(), path, sha256: None, contract, problems: Vec::new() };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"task_id":"t","_source":"runs","_path":"/srv/runs/run/contract.json","_run_id":"run","_sha256":null}"#
        );
    }
}
