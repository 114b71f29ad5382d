//! An import that fails or is stopped at any step, on a disk that does so.

use cortexpilot_core::domain::text::Reason;

use super::*;
use crate::faults::{Fault, Faults};
use crate::verify::{Verdict, verify};

const WHOLE: &str = "{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PENDING\", \"task_id\": \"t\", \"source_run_id\": \"r\", \
                     \"ts\": \"2026-02-01T10:00:00+00:00\", \"queue_id\": \"aaaa0000000000000000000000000001\"}\n[]\n";
const TORN: &str = "{\"event\": \"QUEUE_CAN";

/// The runtime root and the original's, in one directory or in two.
struct Roots {
    _dir: tempfile::TempDir,
    root: PathBuf,
    source: PathBuf,
    in_place: bool,
}

impl Roots {
    fn new(in_place: bool) -> Self {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let source = dir.path().join("original");
        let root = if in_place { source.clone() } else { dir.path().join("ours") };
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("queue.jsonl"), format!("{WHOLE}{TORN}")).unwrap();
        Self { _dir: dir, root, source, in_place }
    }

    fn adopt(&self, disk: &Disk) -> Result<Adoption, AdoptError> {
        let reason = Reason::parse("moving house").unwrap().unwrap();
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        adopt_on(
            &Order { root: &self.root, source: &self.source, reason: &reason, principal: "local:alice", now },
            disk,
        )
    }

    fn check(&self, what: &str) {
        let ledger = std::fs::read_to_string(self.root.join("queue.jsonl")).unwrap();
        let record = ledger.strip_prefix(WHOLE).unwrap_or_else(|| panic!("{what}: the prefix: {ledger}"));
        assert!(
            record.starts_with("{\"event\": \"LEDGER_ADOPTED\"") && record.lines().count() == 1,
            "{what}: {record}"
        );
        // What stopped half way through keeping it left a part under the first name.
        let kept = format!("queue.jsonl.torn-{}", WHOLE.len());
        let names = [kept.clone(), format!("{kept}.1"), format!("{kept}.2")];
        let holds = |name: &String| std::fs::read_to_string(self.root.join(name)).is_ok_and(|text| text == TORN);
        assert!(names.iter().any(holds), "{what}: the torn end");
        let report = verify(&self.root).unwrap();
        assert_eq!(report.verdict, Verdict::Sound, "{what}");
        assert_eq!((report.files[0].lines, report.files[0].legacy_lines), (3, 2), "{what}");
        assert!(!part(&self.root).exists(), "{what}");
        if !self.in_place {
            assert_eq!(std::fs::read_to_string(self.source.join("queue.jsonl")).unwrap(), format!("{WHOLE}{TORN}"));
        }
    }
}

#[test]
fn an_import_that_fails_or_is_stopped_at_any_step_is_finished_by_running_it_again() {
    let mut fired = 0;
    for in_place in [false, true] {
        for fault in [Fault::Fail, Fault::Stop, Fault::Tear] {
            for step in 0.. {
                let roots = Roots::new(in_place);
                let faults = Faults::at(step, fault);
                let first = roots.adopt(&faults.disk());
                let what = format!("in place: {in_place}, {fault:?} at {step}");
                if !faults.struck() {
                    first.unwrap();
                    roots.check(&what);
                    break;
                }
                fired += 1;
                let again = roots.adopt(&Disk::default());
                match (&first, &again) {
                    (_, Err(AdoptError::Before(_))) | (Err(_), Ok(_)) => roots.check(&what),
                    (Ok(_), _) => panic!("{what}: acknowledged, and not found again: {again:?}"),
                    (Err(_), Err(error)) => panic!("{what}: {error}"),
                }
                assert!(matches!(roots.adopt(&Disk::default()), Err(AdoptError::Before(_))), "{what}");
                roots.check(&what);
            }
        }
    }
    println!("figure: {fired} injections fired");
    assert!(fired >= 60, "{fired}");
}

#[test]
fn a_record_that_lacks_only_its_newline_is_completed() {
    for in_place in [false, true] {
        let roots = Roots::new(in_place);
        roots.adopt(&Disk::default()).unwrap();
        let path = roots.root.join("queue.jsonl");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        std::fs::remove_file(roots.root.join(LOCK_NAME)).unwrap();
        assert!(matches!(roots.adopt(&Disk::default()), Err(AdoptError::Before(_))));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
