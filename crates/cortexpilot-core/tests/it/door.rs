//! Every line was judged: what the compiler holds, and what it cannot.

use std::path::{Path, PathBuf};

#[test]
fn no_other_crate_can_make_what_a_store_appends() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/door/*.rs");
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("core's sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// In the order in which the door calls them.
const DECIDES: [&str; 11] = [
    "decide_enqueue",
    "decide_cancel",
    "decide_claim",
    "decide_complete",
    "decide_release",
    "decide_lose",
    "decide_expire",
    "decide_stop",
    "decide_revoke",
    "decide_settle",
    "decide_govern",
];

/// Within the crate privacy holds nothing, so the text is read: the deciding functions are named where they are defined
/// and in the door, and what they give is made nowhere else.
#[test]
fn within_core_only_the_door_decides() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "{} sources", files.len());
    let (mut called, mut made, mut decided, mut beats) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let name = file.strip_prefix(&root).expect("beneath src").to_string_lossy().replace('\\', "/");
        for line in std::fs::read_to_string(file).expect("a source").lines() {
            let code = line.split("//").next().unwrap_or_default();
            for decide in DECIDES {
                let is_named = code.contains("fn ") || code.trim_start().starts_with("pub(crate) use ");
                if code.contains(decide) && !is_named {
                    called.push((name.clone(), decide));
                }
            }
            let literal =
                code.contains("Judged {") && !code.contains("struct Judged {") && !code.contains("impl Judged {");
            if literal {
                made.push(name.clone());
            }
            if code.contains("JudgedBeat {") && !code.contains("struct") && !code.contains("impl") {
                beats.push(name.clone());
            }
            if code.contains("JudgedDecision(") && !code.contains("struct JudgedDecision(") {
                decided.push(name.clone());
            }
        }
    }
    assert_eq!(called, DECIDES.map(|decide| ("door.rs".to_owned(), decide)), "each is called once, by the door");
    assert!(made.iter().all(|name| name == "domain/decide.rs"), "a Judged is made where it is decided: {made:?}");
    assert_eq!(made.len(), 2, "with a contract to pin, and without: {made:?}");
    assert_eq!(beats, ["domain/decide/work.rs"], "a heartbeat that is kept is judged there");
    let deciding = ["domain/decide/approval.rs", "domain/decide/governance.rs"];
    assert!(decided.iter().all(|name| deciding.contains(&name.as_str())), "{decided:?}");
    assert!(deciding.iter().all(|name| decided.iter().any(|made| made == name)), "{decided:?}");
}
