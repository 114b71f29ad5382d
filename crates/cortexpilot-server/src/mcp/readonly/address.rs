//! Addresses: from the text that a client sent to what it names, strictly. What is no address of ours names nothing; no part
//! of one is ever used as a path.

use std::fmt;

use cortexpilot_core::domain::id::{QueueItemId, RunId};

use crate::watch::Subject;

const SCHEME: &str = "cortexpilot://";

/// The longest address that is looked at, in bytes. A workflow id may be long; nothing else is.
const ADDRESS_BYTES_MAX: usize = 4096;

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Run(RunId),
    Events(RunId),
    Report(RunId, String),
    Workflow(String),
    Item(QueueItemId),
    Checkpoint,
}

impl Address {
    /// Reads an address. Each part is percent-decoded once, after the parts were separated, so that an encoded slash is
    /// part of an id and never separates anything.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let path = uri.strip_prefix(SCHEME).filter(|_| uri.len() <= ADDRESS_BYTES_MAX)?;
        let parts: Vec<String> = path.split('/').map(decoded).collect::<Option<_>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts[..] {
            ["runs", run] => Some(Self::Run(run_id(run)?)),
            ["runs", run, "events"] => Some(Self::Events(run_id(run)?)),
            ["runs", run, "reports", name] => Some(Self::Report(run_id(run)?, report_name(name)?)),
            ["workflows", id] => Some(Self::Workflow(workflow_id(id)?)),
            ["queue", id] => Some(Self::Item(item_id(id)?)),
            ["log", "checkpoint"] => Some(Self::Checkpoint),
            _ => None,
        }
    }

    /// What to watch for its changes, where they can be told. A workflow case is made of its runs: those can be watched.
    pub(super) fn watched(self) -> Option<Subject> {
        match self {
            Self::Run(id) => Some(Subject::Run(id)),
            Self::Events(id) => Some(Subject::Events(id)),
            Self::Report(id, name) => Some(Subject::Report(id, name)),
            Self::Item(id) => Some(Subject::Item(id)),
            Self::Checkpoint => Some(Subject::Checkpoint),
            Self::Workflow(_) => None,
        }
    }
}

impl fmt::Display for Address {
    /// The one spelling that lists use.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(formatter, "{SCHEME}runs/{run}"),
            Self::Events(run) => write!(formatter, "{SCHEME}runs/{run}/events"),
            Self::Report(run, name) => write!(formatter, "{SCHEME}runs/{run}/reports/{}", encoded(name)),
            Self::Workflow(id) => write!(formatter, "{SCHEME}workflows/{}", encoded(id)),
            Self::Item(id) => write!(formatter, "{SCHEME}queue/{}", encoded(id.as_str())),
            Self::Checkpoint => write!(formatter, "{SCHEME}log/checkpoint"),
        }
    }
}

/// Exactly a run id: what a tool's argument would be trimmed of is no part of an address.
fn run_id(part: &str) -> Option<RunId> {
    RunId::parse(part).ok().filter(|id| id.as_str() == part)
}

/// A queue id of ours, or whatever a legacy ledger wrote for its items.
fn item_id(part: &str) -> Option<QueueItemId> {
    QueueItemId::parse(part).filter(|id| id.as_str() == part && !part.chars().any(char::is_control))
}

fn report_name(part: &str) -> Option<String> {
    let plain = part.len() <= 255 && part.ends_with(".json") && !part.starts_with('.') && !part.contains(['/', '\\']);
    (plain && !part.chars().any(char::is_control)).then(|| part.to_owned())
}

fn workflow_id(part: &str) -> Option<String> {
    (!part.trim().is_empty() && part.trim() == part && !part.contains('\0')).then(|| part.to_owned())
}

/// One part, percent-decoded once; `None` when it is not what RFC 3986 calls a segment, or not UTF-8.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'%' => {
                let [high, low, after @ ..] = rest else { return None };
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(high)? * 16 + digit(low)?);
                rest = after;
            }
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(byte) => bytes.push(*byte),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// One part, with everything encoded that is not unreserved.
pub(super) fn encoded(part: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    part.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_of_each_template_is_read_and_written_alike() {
        let id = "0123456789abcdef0123456789abcdef";
        for uri in [
            "cortexpilot://runs/run_1".to_owned(),
            "cortexpilot://runs/a.b-c_d/events".to_owned(),
            "cortexpilot://runs/run_1/reports/task%20result.json".to_owned(),
            "cortexpilot://workflows/wf%2F%CE%B1%201".to_owned(),
            format!("cortexpilot://queue/{id}"),
            "cortexpilot://queue/legacy%2F1".to_owned(),
            "cortexpilot://log/checkpoint".to_owned(),
        ] {
            assert_eq!(Address::parse(&uri).unwrap().to_string(), uri);
        }
        assert_eq!(Address::parse("cortexpilot://workflows/wf%2F1"), Some(Address::Workflow("wf/1".into())));
    }

    #[test]
    fn what_is_no_address_of_ours_names_nothing() {
        let long = format!("cortexpilot://workflows/{}", "a".repeat(ADDRESS_BYTES_MAX));
        for uri in [
            "",
            "cortexpilot://",
            "cortexpilot:runs/run_1",
            "CORTEXPILOT://runs/run_1",
            "file:///etc/passwd",
            "cortexpilot://runs",
            "cortexpilot://runs/",
            "cortexpilot://runs//events",
            "cortexpilot://runs/run_1/",
            "cortexpilot://runs/run_1?x=1",
            "cortexpilot://runs/run_1#x",
            "cortexpilot://runs/../queue",
            "cortexpilot://runs/..",
            "cortexpilot://runs/%2e%2e",
            "cortexpilot://runs/%2e%2e%2fetc",
            "cortexpilot://runs/%252e%252e",
            "cortexpilot://runs/a%2fb",
            "cortexpilot://runs/%20run_1",
            "cortexpilot://runs/run_1%0a",
            "cortexpilot://runs/run 1",
            "cortexpilot://runs/r\u{fc}n",
            "cortexpilot://runs/%ff",
            "cortexpilot://runs/%",
            "cortexpilot://runs/%4",
            "cortexpilot://runs/%zz",
            "cortexpilot://runs/%+1",
            "cortexpilot://runs/run_1/contract.json",
            "cortexpilot://runs/run_1/reports",
            "cortexpilot://runs/run_1/reports/..",
            "cortexpilot://runs/run_1/reports/..%2f..%2fmanifest.json",
            "cortexpilot://runs/run_1/reports/%2e%2e%2fmanifest.json",
            "cortexpilot://runs/run_1/reports/a.txt",
            "cortexpilot://runs/run_1/reports/.json",
            "cortexpilot://runs/run_1/reports/a%00.json",
            "cortexpilot://workflows/",
            "cortexpilot://workflows/%20",
            "cortexpilot://workflows/a%00",
            "cortexpilot://queue/",
            "cortexpilot://queue/%20a",
            "cortexpilot://queue/a%0Ab",
            "cortexpilot://log",
            "cortexpilot://log/checkpoint/x",
            long.as_str(),
        ] {
            assert_eq!(Address::parse(uri), None, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn any_workflow_id_comes_back_from_its_address(id in "\\PC{1,40}") {
            prop_assume!(id.trim() == id && !id.is_empty());
            let address = Address::Workflow(id);
            prop_assert_eq!(Address::parse(&address.to_string()), Some(address));
        }

        #[test]
        fn no_text_makes_the_reader_panic(uri in "cortexpilot://(\\PC|%|/){0,40}") {
            if let Some(address) = Address::parse(&uri) {
                prop_assert_eq!(Address::parse(&address.to_string()), Some(address));
            }
        }
    }
}
