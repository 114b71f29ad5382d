//! What is remembered, held against a look at everything anew.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use cortexpilot_core::port::runs::{PageQuery, RunFilter, Runs as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::RunStore;

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future of the store was not ready without a runtime"),
    }
}

struct Followed {
    temp: tempfile::TempDir,
    store: RunStore,
}

impl Followed {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("runs")).unwrap();
        let store = RunStore::new(temp.path().join("runs")).unwrap();
        let followed = Self { temp, store };
        followed.follow();
        followed
    }

    fn follow(&self) {
        self.store.inner.cache.roster.follow(&self.store.inner.path, self.store.inner.via);
    }

    fn path(&self, run: &str) -> PathBuf {
        self.store.path().join(run)
    }

    fn write(&self, run: &str, file: &str, text: &str) {
        let path = self.path(run).join(file);
        // A link or a file may stand where a directory must be.
        let _ = fs::create_dir_all(path.parent().unwrap());
        let _ = fs::write(path, text);
    }

    fn check(&self, when: &str) {
        let fresh = RunStore::new(self.store.path()).unwrap();
        assert_eq!(shown(&self.store), shown(&fresh), "{when}");
    }
}

/// Everything that lists show.
fn shown(store: &RunStore) -> Value {
    let all = PageQuery::all;
    let select =
        |filter: RunFilter| now(store.select(filter, PageQuery::first(3))).map(|it| (json!(it.items), it.next));
    let text = |text: &str| Some(text.to_owned());
    json!({
        "rows": now(store.list(all())).unwrap().items,
        "records": now(store.records(all())).unwrap().items,
        "failed": select(RunFilter { status: text("failure"), ..RunFilter::default() }).unwrap(),
        "gate": select(RunFilter { outcome: text("gate"), ..RunFilter::default() }).unwrap(),
        "of_case": select(RunFilter { workflow_id: text("wf-1"), task_id: text("t1"), ..RunFilter::default() }).unwrap(),
        "late": select(RunFilter { since: "2026-01-01T00:00:03Z".parse().ok(), ..RunFilter::default() }).unwrap(),
        "cases": now(store.workflows(all())).unwrap().items,
        "gates": now(store.diff_gates(None, all())).unwrap().items,
        "pending": now(store.pending_approvals(None, all())).unwrap().items,
        "contracts": now(store.contracts(all())).unwrap().items,
        "tests": now(store.reports_named("test_report.json", all())).unwrap().items,
        "events": now(store.recent_events(5)).unwrap().events,
    })
}

#[derive(Debug, Clone)]
enum Change {
    Manifest { run: u8, second: u8, status: u8, case: u8 },
    Torn { run: u8, file: u8 },
    Event { run: u8, name: u8, second: u8 },
    Contract { run: u8, task: u8 },
    Report { run: u8, value: u8 },
    Remove { run: u8, file: u8 },
    RemoveRun { run: u8 },
    Rename { run: u8, to: u8 },
    Swap { run: u8, file: u8 },
    Link { run: u8 },
    Follow,
}

const FILES: [&str; 4] = ["manifest.json", "contract.json", "events.jsonl", "reports/test_report.json"];
const STATUSES: [&str; 4] = ["SUCCESS", "FAILURE", "RUNNING", ""];
const EVENTS: [&str; 5] =
    ["RUN_STARTED", "DIFF_GATE_RESULT", "DIFF_GATE_REJECTED", "HUMAN_APPROVAL_REQUIRED", "HUMAN_APPROVAL_COMPLETED"];

fn change() -> impl Strategy<Value = Change> {
    let run = || 0..5_u8;
    prop_oneof![
        6 => (run(), 0..6_u8, 0..4_u8, 0..3_u8)
            .prop_map(|(run, second, status, case)| Change::Manifest { run, second, status, case }),
        2 => (run(), 0..4_u8).prop_map(|(run, file)| Change::Torn { run, file }),
        6 => (run(), 0..5_u8, 0..9_u8).prop_map(|(run, name, second)| Change::Event { run, name, second }),
        3 => (run(), 0..3_u8).prop_map(|(run, task)| Change::Contract { run, task }),
        3 => (run(), 0..9_u8).prop_map(|(run, value)| Change::Report { run, value }),
        2 => (run(), 0..4_u8).prop_map(|(run, file)| Change::Remove { run, file }),
        1 => run().prop_map(|run| Change::RemoveRun { run }),
        2 => (run(), run()).prop_map(|(run, to)| Change::Rename { run, to }),
        2 => (run(), 0..4_u8).prop_map(|(run, file)| Change::Swap { run, file }),
        1 => run().prop_map(|run| Change::Link { run }),
        1 => Just(Change::Follow),
    ]
}

fn apply(root: &Followed, change: &Change) {
    let name = |run: &u8| format!("run_{run}");
    match change {
        Change::Manifest { run, second, status, case } => {
            let manifest = json!({
                "created_at": format!("2026-01-01T00:00:{second:02}Z"),
                "status": STATUSES[usize::from(*status)],
                "task_id": format!("t{case}"),
                "workflow": {"workflow_id": format!("wf-{case}"), "status": "OPEN"},
            });
            root.write(&name(run), FILES[0], &manifest.to_string());
        }
        Change::Torn { run, file } => root.write(&name(run), FILES[usize::from(*file)], "{\"torn"),
        Change::Event { run, name: event, second } => {
            let path = root.path(&name(run)).join(FILES[2]);
            let mut text = fs::read_to_string(&path).unwrap_or_default();
            let ts = format!("2026-01-01T00:01:{second:02}Z");
            text.push_str(
                &json!({"event": EVENTS[usize::from(*event)], "ts": ts, "context": {"n": second}}).to_string(),
            );
            text.push('\n');
            root.write(&name(run), FILES[2], &text);
        }
        Change::Contract { run, task } => {
            let contract =
                json!({"task_id": format!("t{task}"), "allowed_paths": ["docs"], "owner_agent": {"agent_id": "a"}});
            root.write(&name(run), FILES[1], &contract.to_string());
        }
        Change::Report { run, value } => root.write(&name(run), FILES[3], &json!({"status": value}).to_string()),
        Change::Remove { run, file } => _ = fs::remove_file(root.path(&name(run)).join(FILES[usize::from(*file)])),
        Change::RemoveRun { run } => {
            let path = root.path(&name(run));
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir_all(&path);
        }
        Change::Rename { run, to } => _ = fs::rename(root.path(&name(run)), root.path(&name(to))),
        // As a careful writer does: a new file takes the place of the old one.
        Change::Swap { run, file } => {
            let place = root.path(&name(run)).join(FILES[usize::from(*file)]);
            if let Ok(text) = fs::read_to_string(&place) {
                fs::write(root.temp.path().join("new"), text.replace("FAILURE", "SUCCESS").replace("t1", "t2"))
                    .unwrap();
                fs::rename(root.temp.path().join("new"), place).unwrap();
            }
        }
        Change::Link { run } => {
            let away = root.temp.path().join(format!("away_{run}"));
            if fs::rename(root.path(&name(run)), &away).is_ok() {
                symlink(away, root.path(&name(run))).unwrap();
            }
        }
        Change::Follow => root.follow(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_remembered_is_what_a_look_at_everything_finds(
        changes in prop::collection::vec(prop::collection::vec(change(), 1..4), 1..10),
    ) {
        let root = Followed::new();
        for together in &changes {
            together.iter().for_each(|change| apply(&root, change));
            root.check(&format!("{together:?}"));
        }
    }
}

#[test]
fn what_nothing_was_heard_of_is_not_looked_at_until_everything_is() {
    let root = Followed::new();
    root.write("run", FILES[0], r#"{"status": "RUNNING"}"#);
    root.write("run", FILES[2], "{\"event\": \"A\", \"ts\": \"1\"}\n");
    root.follow();
    root.check("at first");
    if now(root.store.list(PageQuery::all())).unwrap().items.is_empty()
        || !crate::pace::is_local(fs::File::open(root.store.path()).unwrap())
    {
        println!("not run: changes cannot be followed in {}", root.store.path().display());
        return;
    }
    // A write through another name of the same file is what the kernel does not tell.
    let other = root.temp.path().join("other");
    fs::hard_link(root.path("run").join(FILES[0]), &other).unwrap();
    fs::write(&other, r#"{"status": "SUCCESS"}"#).unwrap();
    let status = || now(root.store.list(PageQuery::all())).unwrap().items[0].status.clone();
    assert_eq!(status().as_deref(), Some("RUNNING"), "the file was looked at for nothing");
    // One run is never shown from memory.
    let id = cortexpilot_core::domain::id::RunId::parse("run").unwrap();
    assert_eq!(now(root.store.get(&id)).unwrap().status.as_deref(), Some("SUCCESS"));
    root.follow();
    assert_eq!(status().as_deref(), Some("SUCCESS"));
    root.check("at last");
}

#[test]
fn runs_that_come_change_and_go_while_they_are_listed_break_nothing() {
    let root = Followed::new();
    let rounds = 60;
    std::thread::scope(|scope| {
        for writer in 0..2_u8 {
            let root = &root;
            scope.spawn(move || {
                for round in 0..rounds {
                    let run = round % 5;
                    apply(root, &Change::Manifest { run, second: round % 6, status: round % 4, case: writer });
                    apply(root, &Change::Event { run, name: round % 5, second: round % 9 });
                    apply(root, &Change::Torn { run: (run + 1) % 5, file: round % 4 });
                    apply(root, &Change::Report { run, value: round % 9 });
                    apply(root, &Change::Rename { run, to: (run + 2) % 5 });
                    if round % 3 == 0 {
                        apply(root, &Change::RemoveRun { run: (run + 3) % 5 });
                    }
                }
            });
        }
        let root = &root;
        scope.spawn(move || {
            for round in 0..rounds {
                let rows = shown(&root.store)["rows"].as_array().unwrap().len();
                assert!(rows <= 5, "{rows} runs of five names");
                if round % 20 == 0 {
                    root.follow();
                }
            }
        });
    });
    root.check("after all of it");
}
