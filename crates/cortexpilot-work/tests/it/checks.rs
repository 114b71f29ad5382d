//! The schemas, and errors that teach.

use cortexpilot_work::contract::check::{CONTRACT_SCHEMA, Document, MANIFEST_SCHEMA, document};
use serde_json::{Value, json};

use crate::support::World;
use cortexpilot_work::sandbox::Level;

fn findings(kind: Document, value: &Value) -> Vec<String> {
    match document(kind, &serde_json::to_vec(value).unwrap()) {
        Ok(_) => Vec::new(),
        Err(findings) => findings.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn contracts_and_manifests_that_were_really_written_pass_the_schemas() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../cortexpilot-runs/tests/data/real-runs");
    let mut seen = 0;
    for run in std::fs::read_dir(root).unwrap() {
        let run = run.unwrap().path();
        for (file, kind) in [("contract.json", Document::Contract), ("manifest.json", Document::Manifest)] {
            let bytes = std::fs::read(run.join(file)).unwrap();
            document(kind, &bytes).unwrap_or_else(|findings| panic!("{}: {findings}", run.join(file).display()));
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
}

#[test]
fn the_schemas_are_schemas() {
    for schema in [CONTRACT_SCHEMA, MANIFEST_SCHEMA] {
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        jsonschema::meta::validate(&schema).unwrap();
    }
}

#[test]
fn what_is_wrong_with_a_contract_is_told_with_its_place_and_its_repair() {
    let world = World::at(Level::None);
    let good = world.contract(json!([]));
    assert_eq!(findings(Document::Contract, &good), Vec::<String>::new());
    let changed = |pointer: &str, to: Option<Value>| {
        let mut contract = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = if parent.is_empty() { &mut contract } else { contract.pointer_mut(parent).unwrap() };
        match (parent, to) {
            (Value::Object(map), Some(value)) => drop(map.insert(name.to_owned(), value)),
            (Value::Object(map), None) => drop(map.remove(name)),
            (Value::Array(list), Some(value)) => list[name.parse::<usize>().unwrap()] = value,
            (other, _) => panic!("{other}"),
        }
        contract
    };
    let rows: &[(&str, Option<Value>, &str)] = &[
        ("/allowed_paths", None, "the document: `allowed_paths` is missing; add \"allowed_paths\": [\"docs\"]"),
        ("/allowed_paths", Some(json!([])), "allowed_paths: it has too few entries; write at least 1"),
        ("/allowed_paths", Some(json!("docs")), "allowed_paths: it is text; write a list"),
        (
            "/allowed_paths/0",
            Some(json!("../x")),
            "allowed_paths[0]: it leads upwards with `..`; name a file, or a directory for everything beneath it",
        ),
        ("/allowed_paths/0", Some(json!("src/*.rs")), "allowed_paths[0]: `*` would be a wildcard"),
        (
            "/alowed_paths",
            Some(json!([])),
            "the document: `alowed_paths` is not a member of it; remove it or correct its name",
        ),
        ("/timeout_retry/timeout_sec", Some(json!(0)), "timeout_retry.timeout_sec: 0 is too small; write at least 1"),
        (
            "/timeout_retry/timeout_sec",
            Some(json!("60")),
            "timeout_retry.timeout_sec: it is text; write a whole number",
        ),
        (
            "/tool_permissions/network",
            Some(json!("yes")),
            "tool_permissions.network: \"yes\" is not one of its values; write one of: deny, on-request, allow",
        ),
        ("/acceptance_tests/0/cmd", None, "acceptance_tests[0]: `cmd` is missing"),
        (
            "/acceptance_tests/0/cmd",
            Some(json!("a && b")),
            "acceptance_tests[0].cmd: it cannot be run: `&` means something only to a shell",
        ),
        (
            "/acceptance_tests/0/must_pass",
            Some(json!("true")),
            "acceptance_tests[0].must_pass: it is text; write true or false, without quotes",
        ),
        (
            "/rollback/baseline_ref",
            Some(json!("--upload-pack=x")),
            "rollback.baseline_ref: it is not the name of a commit",
        ),
        ("/runtime_options/script", Some(json!([{"jump": 1}])), "runtime_options.script: step 0 is none"),
        ("/runtime_options/script", None, "runtime_options: the runner is `script` and there is no script"),
        ("/required_outputs/0/name", Some(json!("/etc/passwd")), "required_outputs[0].name: it is absolute"),
    ];
    for (pointer, to, said) in rows {
        let found = findings(Document::Contract, &changed(pointer, to.clone()));
        assert!(found.len() == 1 && found[0].starts_with(said), "{pointer} {to:?}: {found:?}\nwanted: {said}");
    }
    for text in ["", "{", "[]", "{\"a\": 1, \"a\": 2}"] {
        assert!(document(Document::Contract, text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_contract_whose_bytes_are_not_the_pinned_ones_is_not_carried_out() {
    let world = World::at(Level::None);
    let contract = world.contract(json!([]));
    let mut assignment = world.assignment(&contract);
    let mut edited = contract.clone();
    edited["allowed_paths"] = json!(["."]);
    assignment.contract = serde_json::to_vec(&edited).unwrap().into();
    let refused = cortexpilot_work::execute(&world.worker, &assignment, &(), &world.stop).unwrap_err();
    assert!(refused.to_string().contains("not the one that was approved"), "{refused}");
    assert!(!world.path("runs").exists(), "nothing is left of it");
}
