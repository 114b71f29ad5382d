//! Who is listed, and who is not.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use super::*;

fn entry(pid: u32) -> Entry {
    Entry {
        surface: "serve".to_owned(),
        pid,
        gate: Gate::Open,
        policy: "operator".to_owned(),
        principal: "local:alice".to_owned(),
        since: format!("2026-11-22T10:00:{:02}Z", pid % 60).parse().unwrap(),
        version: "0.1.0".to_owned(),
        url: pid.is_multiple_of(2).then(|| format!("http://127.0.0.1:{pid}")),
    }
}

fn names(root: &Path) -> BTreeSet<String> {
    let listed = std::fs::read_dir(root.join(DIR)).into_iter().flatten().flatten();
    listed.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// A process that holds an entry of its own, as a server would: the lock belongs to the open file, and this child is left
/// alone with it.
fn process_with(registered: Registered) -> Child {
    let held = registered._file.try_clone().unwrap();
    // Waits for input that never comes, with the locked file as its standard error.
    let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(held).spawn().unwrap();
    let Registered { path, .. } = &registered;
    let kept = path.with_extension("kept");
    // Dropping it removes the name, as a clean end does; a killed process removes nothing.
    std::fs::hard_link(path, &kept).unwrap();
    let path = path.clone();
    drop(registered);
    std::fs::rename(&kept, &path).unwrap();
    child
}

#[test]
fn a_process_is_listed_while_it_lives_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(running(root.path()), []);
    assert!(!root.path().join(DIR).exists(), "looking makes nothing");
    let first = Registered::announce(root.path(), &entry(7)).unwrap();
    let second = Registered::announce(root.path(), &Entry { gate: Gate::Shut, ..entry(3) }).unwrap();
    assert_eq!(running(root.path()), [Entry { gate: Gate::Shut, ..entry(3) }, entry(7)], "the oldest first");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&root.path().join(DIR)), mode(&first.path)), (0o700, 0o600));
    drop(first);
    assert_eq!(running(root.path()).len(), 1);
    drop(second);
    assert_eq!(names(root.path()), BTreeSet::new());
}

#[test]
fn a_killed_process_is_listed_no_more_and_its_entry_is_swept_by_who_may_write() {
    let root = tempfile::tempdir().unwrap();
    let mut child = process_with(Registered::announce(root.path(), &entry(7)).unwrap());
    let living = Registered::announce(root.path(), &entry(8)).unwrap();
    sweep(root.path());
    assert_eq!(running(root.path()), [entry(7), entry(8)], "its lock is held by the other process");
    child.kill().unwrap();
    child.wait().unwrap();
    let before = names(root.path());
    assert_eq!(running(root.path()), [entry(8)]);
    assert_eq!((names(root.path()), before.len()), (before, 2), "looking removes nothing");
    sweep(root.path());
    assert_eq!(running(root.path()), [entry(8)]);
    assert_eq!(names(root.path()).len(), 1);
    drop(living);
}

#[test]
fn an_entry_reads_as_written_and_whatever_else_lies_there_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let registered = Registered::announce(root.path(), &entry(7)).unwrap();
    assert_eq!(
        std::fs::read_to_string(&registered.path).unwrap(),
        "{\"surface\":\"serve\",\"pid\":7,\"gate\":\"open\",\"policy\":\"operator\",\"principal\":\"local:alice\",\"since\":\"2026-11-22T10:00:07Z\",\"version\":\"0.1.0\"}\n"
    );
    let dir = root.path().join(DIR);
    std::os::unix::fs::symlink("/dev/zero", dir.join("1-aa.json")).unwrap();
    std::fs::create_dir(dir.join("2-bb.json")).unwrap();
    std::fs::write(dir.join("3-cc.json"), "not JSON").unwrap();
    std::fs::write(dir.join("notes.txt"), "mine").unwrap();
    let odd = File::create(dir.join("4-dd.json")).unwrap();
    odd.try_lock().unwrap();
    assert_eq!(running(root.path()), [entry(7)]);
    sweep(root.path());
    let left = names(root.path());
    assert!(!left.contains("3-cc.json"), "nobody holds it: {left:?}");
    assert!(["1-aa.json", "2-bb.json", "4-dd.json", "notes.txt"].iter().all(|name| left.contains(*name)), "{left:?}");
}

#[test]
fn what_a_process_left_half_made_is_swept_and_never_listed() {
    let root = tempfile::tempdir().unwrap();
    let registered = Registered::announce(root.path(), &entry(7)).unwrap();
    let dir = root.path().join(DIR);
    std::fs::write(dir.join(".9-ee.part"), serde_json::to_string(&entry(9)).unwrap()).unwrap();
    assert_eq!(running(root.path()), [entry(7)]);
    sweep(root.path());
    assert_eq!(names(root.path()).len(), 1);
    drop(registered);
}

#[test]
fn processes_that_begin_while_others_sweep_and_look_are_all_listed() {
    let root = tempfile::tempdir().unwrap();
    let registered: Vec<Registered> = std::thread::scope(|scope| {
        let begin = |pid| {
            let root = root.path();
            scope.spawn(move || {
                let registered = Registered::announce(root, &entry(pid)).unwrap();
                sweep(root);
                assert!(running(root).iter().any(|entry| entry.pid == pid));
                registered
            })
        };
        let threads: Vec<_> = (0..16).map(begin).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(running(root.path()).len(), 16);
    drop(registered);
    assert_eq!(names(root.path()), BTreeSet::new());
}

#[test]
fn where_nothing_can_be_made_it_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join(DIR), "in the way").unwrap();
    assert!(Registered::announce(root.path(), &entry(7)).is_err());
    assert_eq!(running(root.path()), []);
    sweep(root.path());
    let long = Entry { principal: "a".repeat(5_000), ..entry(7) };
    let other = tempfile::tempdir().unwrap();
    assert!(Registered::announce(other.path(), &long).is_err());
    assert_eq!(names(other.path()), BTreeSet::new());
}
