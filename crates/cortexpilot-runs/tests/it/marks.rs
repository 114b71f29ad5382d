//! What is read by name, and what is waited for.

use std::fs;

use cortexpilot_core::port::runs::{EventsQuery, Part, ReadProblem, Runs as _};
use cortexpilot_runs::fixture::RunFixture;
use serde_json::json;

use crate::support::{Root, id, now};

#[test]
fn a_mark_stays_while_nothing_changes_and_moves_with_its_own_files_alone() {
    let root = Root::new();
    let dir = RunFixture::new("run").report("a.json", json!({})).write(&root.path()).unwrap();
    let parts = [Part::Run, Part::Events, Part::Report("a.json"), Part::Report("none.json")];
    let marks = |run: &str| parts.map(|part| now(root.store.mark(&id(run), part)).unwrap());
    let moved = |change: &dyn Fn()| {
        let before = marks("run");
        assert_eq!(marks("run"), before);
        change();
        let after = marks("run");
        [0, 1, 2, 3].map(|part| before[part] != after[part])
    };
    let append =
        |file: &str| fs::write(dir.join(file), [fs::read(dir.join(file)).unwrap(), b" ".into()].concat()).unwrap();
    assert_eq!(moved(&|| append("manifest.json")), [true, false, false, false]);
    assert_eq!(moved(&|| append("contract.json")), [true, false, false, false]);
    assert_eq!(moved(&|| fs::write(dir.join("events.jsonl"), "{}\n{}\n").unwrap()), [true, true, false, false]);
    assert_eq!(moved(&|| append("reports/a.json")), [false, false, true, false]);
    assert_eq!(moved(&|| fs::write(dir.join("reports/none.json"), "{}").unwrap()), [false, false, false, true]);
    assert_eq!(moved(&|| fs::write(dir.join("reports/other.json"), "{}").unwrap()), [false; 4]);
    // A run that is not there yet has a mark as well, and another one when it is.
    let before = marks("later");
    RunFixture::new("later").write(&root.path()).unwrap();
    assert!(marks("later")[0] != before[0]);
}

#[test]
fn a_report_is_read_by_its_name_and_no_path_is_a_name() {
    let root = Root::new();
    let run = RunFixture::new("run").report("b.json", json!({"x": 1})).report("a b.json", json!([2]));
    run.write(&root.path()).unwrap();
    fs::write(root.path().join("run/reports/broken.json"), "{").unwrap();
    RunFixture::new("bare").write(&root.path()).unwrap();
    let report = |run: &str, name: &str| now(root.store.report(&id(run), name));
    assert_eq!(report("run", "b.json").unwrap().unwrap().data, json!({"x": 1}));
    assert_eq!(report("run", "a b.json").unwrap().unwrap().data, json!([2]));
    let broken = report("run", "broken.json").unwrap().unwrap();
    assert_eq!((broken.data, broken.problems.len()), (json!({"raw": "{"}), 1));
    for name in ["none.json", "", "b", "../manifest.json", "/etc/passwd.json", "./b.json", "b.json/", "b.json\0"] {
        assert_eq!(report("run", name), Ok(None), "{name:?}");
    }
    assert_eq!(report("bare", "b.json"), Ok(None));
    assert_eq!(report("none", "b.json"), Err(ReadProblem::NotFound));
    let names = |run: &str| now(root.store.report_names(&id(run)));
    assert_eq!(names("run").unwrap(), ["a b.json", "b.json", "broken.json"]);
    assert_eq!((names("bare"), names("none")), (Ok(Vec::new()), Err(ReadProblem::NotFound)));
}

#[test]
fn events_are_chosen_by_name_together_with_everything_else() {
    let root = Root::new();
    let run = (0..8).fold(RunFixture::new("run"), |run, n| run.event(["A", "B", "C", "D"][n % 4], json!({"n": n})));
    run.write(&root.path()).unwrap();
    let numbers = |names: &[&str], query: EventsQuery| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let events = now(root.store.events(&id("run"), EventsQuery { names, ..query })).unwrap();
        let numbers: Vec<i64> = events.events.iter().map(|event| event["context"]["n"].as_i64().unwrap()).collect();
        (numbers, events.next)
    };
    let query = EventsQuery::default;
    assert_eq!(numbers(&["B", "D"], query()).0, [1, 3, 5, 7]);
    assert_eq!(numbers(&["B", "D"], EventsQuery { limit: Some(2), tail: true, ..query() }).0, [5, 7]);
    let (first, next) = numbers(&["B", "D"], EventsQuery { limit: Some(3), ..query() });
    assert_eq!(first, [1, 3, 5]);
    assert_eq!(numbers(&["B", "D"], EventsQuery { after: next, ..query() }), (vec![7], None));
    assert_eq!(numbers(&["none"], query()), (Vec::new(), None));
}
