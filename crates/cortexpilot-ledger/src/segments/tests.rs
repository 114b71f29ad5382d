//! What stands behind one another is the ledger, at every step of sealing and whatever was left behind.

use std::time::Duration;

use super::*;
use crate::disk::Trouble;
use crate::faults::{Fault, Faults};
use crate::lock::LockFile;

/// Ten lines of different lengths, each unlike the others.
fn ledger() -> Vec<u8> {
    (1..=10).flat_map(|n| format!("line {n} {}\n", "x".repeat(n * n)).into_bytes()).collect()
}

/// The cut behind so many of its lines.
fn behind(lines: usize) -> Cut {
    let offset = ledger().split_inclusive(|byte| *byte == b'\n').take(lines).map(<[u8]>::len).sum::<usize>();
    Cut { offset: offset as u64, lines: lines as u64 }
}

struct Root {
    dir: tempfile::TempDir,
}

impl Root {
    fn new() -> Self {
        let root = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::write(root.ledger(), ledger()).unwrap();
        root
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn ledger(&self) -> PathBuf {
        self.path().join(FileKind::Queue.name())
    }

    fn active(&self) -> File {
        File::open(self.ledger()).unwrap()
    }

    fn segments(&self) -> Result<Segments, Gap> {
        let (segments, gap) = Segments::before(self.path(), FileKind::Queue, &self.active()).unwrap();
        gap.map_or(Ok(segments), Err)
    }

    fn seal(&self, disk: &Disk, cut: Cut) -> Result<(), Trouble> {
        let held = LockFile::open(self.path(), Duration::from_secs(10), Disk::default()).unwrap().acquire().unwrap();
        held.clear(FileKind::Queue).unwrap();
        seal(self.path(), &held, disk, &self.segments().unwrap(), cut)
    }

    /// All files behind one another, read in pieces.
    fn read(&self) -> Vec<u8> {
        let (segments, active) = (self.segments().unwrap(), self.active());
        let mut all = Vec::new();
        let mut piece = [0; 7];
        loop {
            match segments.read_at(&active, &mut piece, all.len() as u64).unwrap() {
                0 => return all,
                read => all.extend_from_slice(&piece[..read]),
            }
        }
    }

    fn names(&self) -> Vec<String> {
        listed(self.path()).unwrap().into_iter().map(|(_, name)| name).collect()
    }
}

#[test]
fn without_segments_the_file_is_the_ledger() {
    let root = Root::new();
    let segments = root.segments().unwrap();
    assert_eq!((segments.base(), segments.lines(), segments.place(1)), (0, 0, None));
    assert_eq!(root.read(), ledger());
    let decisions = Segments::before(root.path(), FileKind::Decisions, &root.active()).unwrap().0;
    assert_eq!(decisions.base(), 0);
}

#[test]
fn sealed_again_and_again_the_files_behind_one_another_are_the_ledger() {
    let root = Root::new();
    for lines in [1, 4, 9] {
        root.seal(&Disk::default(), behind(lines)).unwrap();
        assert_eq!(root.read(), ledger());
        assert_eq!(root.segments().unwrap().base(), behind(lines).offset);
    }
    assert_eq!(
        root.names(),
        [
            "segments/queue-000000000001-000000000001.jsonl",
            "segments/queue-000000000002-000000000004.jsonl",
            "segments/queue-000000000005-000000000009.jsonl",
        ]
    );
    let segments = root.segments().unwrap();
    assert_eq!(segments.place(4), Some(("segments/queue-000000000002-000000000004.jsonl", 3)));
    assert_eq!(segments.place(10), None);
    let boundary = segments.boundary_behind(behind(1).offset).unwrap();
    assert_eq!((boundary.offset, boundary.lines), (behind(4).offset, 4));
    assert_eq!(segments.boundary_behind(behind(9).offset), None);
}

#[test]
fn nothing_is_sealed_where_nothing_would_be_left_or_gained() {
    let root = Root::new();
    root.seal(&Disk::default(), behind(4)).unwrap();
    for lines in [0, 3, 4, 10] {
        assert!(root.seal(&Disk::default(), behind(lines)).is_err(), "{lines}");
    }
    assert_eq!(root.read(), ledger());
}

#[test]
fn stopped_or_failed_at_any_step_the_ledger_is_whole_and_can_be_sealed_again() {
    for fault in [Fault::Stop, Fault::Fail, Fault::Errno(28)] {
        let mut injected = 0;
        for n in 0.. {
            let root = Root::new();
            root.seal(&Disk::default(), behind(2)).unwrap();
            let faults = Faults::at(n, fault);
            let sealed = root.seal(&faults.disk(), behind(5));
            assert_eq!(root.read(), ledger(), "{fault:?} {n}");
            if !faults.struck() {
                sealed.unwrap();
                break;
            }
            injected += 1;
            // Another place than the one that was tried.
            let again = if root.segments().unwrap().lines() == 5 { behind(9) } else { behind(4) };
            root.seal(&Disk::default(), again).unwrap();
            assert_eq!(root.read(), ledger(), "{fault:?} {n}");
            assert_eq!(root.segments().unwrap().base(), again.offset);
        }
        assert!(injected >= 6, "{fault:?} struck {injected} times");
    }
}

#[test]
fn power_may_fail_at_any_step() {
    for half in [false, true] {
        for n in 0.. {
            let root = Root::new();
            let faults = Faults::over_medium(n, Fault::Stop, false);
            let dirs = [root.path().to_owned(), root.path().join(DIR)];
            // What is there before is durable.
            faults.synced(&root.active()).unwrap();
            faults.synced_names(root.path()).unwrap();
            std::fs::create_dir(&dirs[1]).unwrap();
            let sealed = root.seal(&faults.disk(), behind(5));
            faults.lose_power(&dirs, half).unwrap();
            assert_eq!(root.read(), ledger(), "{n}");
            if !faults.struck() {
                sealed.unwrap();
                break;
            }
        }
    }
}

#[test]
fn a_missing_segment_is_named() {
    let root = Root::new();
    for lines in [2, 5, 8] {
        root.seal(&Disk::default(), behind(lines)).unwrap();
    }
    let names = root.names();
    let gap_without = |name: &str| {
        let (path, kept) = (root.path().join(name), root.path().join("kept"));
        std::fs::rename(&path, &kept).unwrap();
        let gap = root.segments().map(|segments| segments.lines());
        std::fs::rename(&kept, &path).unwrap();
        gap
    };
    for (name, first) in names[..2].iter().zip([1, 3]) {
        let gap = gap_without(name).unwrap_err();
        assert_eq!((gap.line, gap.what.contains(name.as_str())), (first, true), "{gap:?}");
    }
    // Of the last one the chain says that the file behind it does not continue what is there.
    assert_eq!(gap_without(&names[2]), Ok(5));
    let twice = root.path().join(DIR).join("queue-000000000002-000000000004.jsonl");
    std::fs::write(twice, "line 2").unwrap();
    assert!(root.segments().unwrap_err().what.contains("two segments"));
}

#[test]
fn a_shortened_segment_gives_no_other_bytes_for_those_that_are_gone() {
    let root = Root::new();
    root.seal(&Disk::default(), behind(5)).unwrap();
    let (segments, active) = (root.segments().unwrap(), root.active());
    segments.read_at(&active, &mut [0; 1], 0).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(root.path().join(&root.names()[0])).unwrap();
    file.set_len(3).unwrap();
    assert_eq!(segments.read_at(&active, &mut [0; 100], 0).unwrap(), 3);
    assert!(segments.read_at(&active, &mut [0; 100], 3).is_err());
    let (segments, _) = Segments::before(root.path(), FileKind::Queue, &active).unwrap();
    file.set_len(2).unwrap();
    assert!(segments.read_at(&active, &mut [0; 100], 0).is_err(), "it is another one than was looked at");
}

#[test]
fn only_names_as_sealing_writes_them_are_segments() {
    let good = "queue-000000000001-000000000009.jsonl";
    assert_eq!(parse_name(good), Some((1, 9)));
    for bad in [
        "queue-000000000001-000000000009.jsonl.tmp",
        "queue-1-9.jsonl",
        "queue-000000000009-000000000001.jsonl",
        "queue-000000000000-000000000001.jsonl",
        "queue-+00000000001-000000000009.jsonl",
        "decisions-000000000001-000000000009.jsonl",
    ] {
        assert_eq!(parse_name(bad), None, "{bad}");
    }
    assert_eq!(parse_name("queue-1000000000000-1000000000001.jsonl"), Some((1_000_000_000_000, 1_000_000_000_001)));
}
