//! What the lines of a ledger say became of its items, and whether that may be. It knows the promise and nothing of the
//! product: an event is judged by its members and by those before it.

use std::collections::BTreeMap;

use serde_json::Value;

/// Where the lines read so far leave an item.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stand {
    Waits,
    Runs { attempt: u64, run: String },
    Held,
    Ended(String),
}

/// One item.
#[derive(Debug)]
struct Item {
    stand: Stand,
    claims: u64,
    /// How often its contract lets it be repeated without asking.
    retries: u64,
}

/// What happened, and what of it may not.
#[derive(Debug, Default)]
pub(crate) struct History {
    items: BTreeMap<String, Item>,
    /// Claims that were made.
    pub(crate) claims: usize,
    /// Items that came to an end.
    pub(crate) ended: usize,
    /// Claims whose end nobody knew, which an operator was to settle.
    pub(crate) held: usize,
    /// Claims that were repeated because the contract says so.
    pub(crate) repeated: usize,
    /// Held items that an operator let run again.
    pub(crate) settled: usize,
    /// What contradicts the promise.
    pub(crate) problems: Vec<String>,
}

impl History {
    /// Reads lines; `retries` says what the contract of an enqueued item allows.
    pub(crate) fn of(lines: &[Value], retries: impl Fn(&Value) -> u64) -> Self {
        let mut history = Self::default();
        for (number, line) in (1..).zip(lines) {
            if let Err(problem) = history.take(line, &retries) {
                history.problems.push(format!("line {number}: {problem}: {line}"));
            }
        }
        history
    }

    fn take(&mut self, line: &Value, retries: impl Fn(&Value) -> u64) -> Result<(), String> {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let (event, id) = (text("event"), text("queue_id").to_owned());
        if event == "QUEUE_ENQUEUE" {
            let item = Item { stand: Stand::Waits, claims: 0, retries: retries(line) };
            return match self.items.insert(id, item) {
                None => Ok(()),
                Some(_) => Err("an id of another item".into()),
            };
        }
        let item = self.items.get_mut(&id).ok_or("an item that was never queued")?;
        let attempt = line["attempt"].as_u64();
        let by_operator = line["by"].as_str().is_some_and(|by| by.ends_with(')'));
        let stale = || Err(format!("of attempt {attempt:?}, while the item is {:?}", item.stand));
        item.stand = match (event, &item.stand) {
            ("QUEUE_CLAIM", Stand::Waits) => {
                item.claims += 1;
                if attempt != Some(item.claims) {
                    return Err(format!("claim {} of the item", item.claims));
                }
                self.claims += 1;
                Stand::Runs { attempt: item.claims, run: text("run_id").to_owned() }
            }
            ("QUEUE_DONE", Stand::Runs { attempt: now, run }) => {
                if attempt != Some(*now) || text("run_id") != run {
                    return stale();
                }
                self.ended += 1;
                // With the worker's reason, where it did not succeed: whoever reads a failed test wants to know it.
                let reason = line["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
                Stand::Ended(format!("{}{reason}", text("status")))
            }
            ("QUEUE_DONE", Stand::Held) if by_operator => {
                self.ended += 1;
                Stand::Ended(text("status").to_owned())
            }
            ("QUEUE_HOLD", Stand::Runs { attempt: now, .. }) => {
                if attempt != Some(*now) {
                    return stale();
                }
                self.held += 1;
                Stand::Held
            }
            ("QUEUE_REQUEUE", Stand::Runs { attempt: now, .. }) => {
                if attempt != Some(*now) {
                    return stale();
                }
                // A worker that gives back what it never began names itself; nobody is named where a watch repeats.
                if line["by"].is_null() {
                    self.repeated += 1;
                    if item.claims > item.retries {
                        return Err(format!("repeated though its contract allows {} retries", item.retries));
                    }
                }
                Stand::Waits
            }
            ("QUEUE_REQUEUE", Stand::Held) => {
                if !by_operator {
                    return Err("a held item runs again and no operator said so".into());
                }
                self.settled += 1;
                Stand::Waits
            }
            ("QUEUE_STOP", Stand::Runs { attempt: now, run }) => Stand::Runs { attempt: *now, run: run.clone() },
            ("QUEUE_CANCEL", Stand::Waits) => Stand::Ended("CANCELLED".into()),
            ("QUEUE_EXPIRE", Stand::Waits) => Stand::Ended("EXPIRED".into()),
            (_, stand) => return Err(format!("it is {stand:?}")),
        };
        Ok(())
    }

    /// Items that have not come to an end, each with where it stands.
    pub(crate) fn open(&self) -> Vec<String> {
        let open = self.items.iter().filter(|(_, item)| !matches!(item.stand, Stand::Ended(_)));
        open.map(|(id, item)| format!("{id}: {:?}", item.stand)).collect()
    }

    /// Items that an operator is to settle.
    pub(crate) fn to_settle(&self) -> Vec<&str> {
        let held = self.items.iter().filter(|(_, item)| item.stand == Stand::Held);
        held.map(|(id, _)| id.as_str()).collect()
    }

    /// Ended items that did not succeed, each with how it ended.
    pub(crate) fn not_successful(&self) -> Vec<String> {
        let ended = self.items.iter().filter_map(|(id, item)| match &item.stand {
            Stand::Ended(status) if !status.starts_with("SUCCESS") => Some(format!("{id}: {status}")),
            Stand::Ended(_) | Stand::Waits | Stand::Held | Stand::Runs { .. } => None,
        });
        ended.collect()
    }

    /// How many items there are.
    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }
}
