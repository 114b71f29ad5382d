//! Evidence in one file.

use cortexpilot_ledger::log::{
    BundleError, BundleLine, BundleReport, BundleWriter, NoteSigner, Section, SignedCheckpoint, Trust,
    prove_consistency, prove_inclusion, root_at, verify_bundle,
};

use super::{levels, line, signer};

/// The lines of the test's log; one is not UTF-8, as a line of the original may be.
fn log_line(index: u64) -> Vec<u8> {
    if index == 2 { b"\xff\xfe odd".to_vec() } else { line(index) }
}

struct Log {
    tree: cortexpilot_ledger::log::Levels,
    signer: NoteSigner,
    old: SignedCheckpoint,
    new: SignedCheckpoint,
    proof: Vec<cortexpilot_core::domain::id::Sha256Digest>,
}

fn log(name: &str) -> Log {
    let mut tree = levels(0);
    for index in 0..20 {
        tree.append(cortexpilot_ledger::log::leaf_hash(&log_line(index)));
    }
    let signer = signer().named(name).unwrap();
    let sign = |size| SignedCheckpoint::sign(&signer, size, root_at(&tree, size).unwrap(), None).unwrap();
    let proof = prove_consistency(&tree, 7, 20).unwrap();
    Log { old: sign(7), new: sign(20), tree, signer, proof }
}

impl Log {
    fn all(&self, writer: &mut BundleWriter<Vec<u8>>) -> Result<(), BundleError> {
        let key = self.signer.verifier();
        let since = Some((&self.old, &self.proof[..]));
        writer.section(&Section { key: &key, checkpoint: &self.new, since, some: None })?;
        (0..20).try_for_each(|index| writer.line(&BundleLine { index, line: &log_line(index), inclusion: &[] }))
    }

    fn some(&self, writer: &mut BundleWriter<Vec<u8>>, indexes: &[u64]) -> Result<(), BundleError> {
        let key = self.signer.verifier();
        let some = Some(indexes.len() as u64);
        writer.section(&Section { key: &key, checkpoint: &self.new, since: None, some })?;
        indexes.iter().try_for_each(|index| {
            let inclusion = prove_inclusion(&self.tree, 20, *index).unwrap();
            writer.line(&BundleLine { index: *index, line: &log_line(*index), inclusion: &inclusion })
        })
    }
}

fn bundle() -> (Vec<u8>, Log, Log) {
    let (queue, decisions) = (log("example.com/queue.jsonl"), log("example.com/decisions.jsonl"));
    let mut writer = BundleWriter::new(Vec::new());
    queue.all(&mut writer).unwrap();
    decisions.some(&mut writer, &[2, 3, 19]).unwrap();
    (writer.finish().unwrap(), queue, decisions)
}

fn verify(bytes: &[u8], trust: Trust<'_>) -> Result<BundleReport, BundleError> {
    verify_bundle(bytes, trust, |_, _| ())
}

#[test]
fn a_bundle_of_both_logs_verifies_offline_and_gives_its_lines_back() {
    let (bytes, queue, decisions) = bundle();
    let keys = [queue.signer.verifier(), decisions.signer.verifier()];
    let mut seen = Vec::new();
    let report = verify_bundle(&bytes[..], Trust::Keys(&keys), |log, line| {
        assert_eq!(line.line, log_line(line.index));
        seen.push((log.to_owned(), line.index));
    });
    let report = report.unwrap();
    assert_eq!(seen.len(), 23);
    assert_eq!(seen[20..].iter().map(|(_, index)| *index).collect::<Vec<_>>(), [2, 3, 19]);
    let [first, second] = &report.sections[..] else { panic!("two sections") };
    assert_eq!((&first.checkpoint, first.lines, first.all), (queue.new.checkpoint(), 20, true));
    assert_eq!(first.since.as_ref(), Some(queue.old.checkpoint()));
    assert_eq!((second.lines, second.all, &second.since, &second.key), (3, false, &None, &keys[1]));
    assert_eq!(verify(&bytes, Trust::Bundle).unwrap(), report);
}

#[test]
fn a_stranger_s_key_is_refused_unless_the_bundle_is_asked_for_its_own() {
    let (bytes, queue, _) = bundle();
    let other = NoteSigner::new(queue.signer.name(), &[8; 32]).unwrap().verifier();
    let elsewhere = queue.signer.named("other.example/queue.jsonl").unwrap().verifier();
    for keys in [&[][..], &[other][..], &[elsewhere][..]] {
        assert!(matches!(verify(&bytes, Trust::Keys(keys)), Err(BundleError::Stranger(_))));
    }
    // Both files are signed with one key: who noted it for one of them has it for the other.
    verify(&bytes, Trust::Keys(&[queue.signer.verifier()])).unwrap();
}

#[test]
fn any_changed_bit_or_missing_piece_of_a_bundle_is_refused() {
    let (bytes, queue, decisions) = bundle();
    let keys = [queue.signer.verifier(), decisions.signer.verifier()];
    // One bit of each byte, another one in the next: all eight would take half a minute.
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(verify(&bad, Trust::Keys(&keys)).is_err(), "bit {} of byte {at}", at % 8);
    }
    let records: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let whole_sections = [records[..21].concat().len(), bytes.len()];
    let lengths = (0..bytes.len()).rev().step_by(7).chain(whole_sections.iter().flat_map(|end| [end - 1, end + 1]));
    for length in lengths.filter(|length| *length < bytes.len() && !whole_sections.contains(length)) {
        assert!(verify(&bytes[..length], Trust::Keys(&keys)).is_err(), "cut at {length}");
    }
    for at in 0..records.len() {
        let without = [&records[..at], &records[at + 1..]].concat().concat();
        assert!(verify(&without, Trust::Keys(&keys)).is_err(), "without record {at}");
        let twice = [&records[..=at], &records[at..]].concat().concat();
        assert!(verify(&twice, Trust::Keys(&keys)).is_err(), "record {at} twice");
    }
    let swapped = [&records[..3], &[records[4], records[3]], &records[5..]].concat().concat();
    assert!(verify(&swapped, Trust::Keys(&keys)).is_err());
}

#[test]
fn what_would_not_verify_is_not_written() {
    let queue = log("example.com/queue.jsonl");
    let key = queue.signer.verifier();
    let begin = |section: &Section<'_>| {
        let mut writer = BundleWriter::new(Vec::new());
        writer.section(section).map(|()| writer)
    };
    let all = Section { key: &key, checkpoint: &queue.new, since: None, some: None };
    let backwards = Section { checkpoint: &queue.old, since: Some((&queue.new, &queue.proof)), ..all };
    assert!(matches!(begin(&backwards), Err(BundleError::Checkpoint(_))));
    assert!(matches!(begin(&all).unwrap().finish(), Err(BundleError::Form { .. })), "not all lines");
    let mut writer = begin(&all).unwrap();
    for index in 0..20 {
        writer.line(&BundleLine { index, line: b"other", inclusion: &[] }).unwrap();
    }
    assert!(matches!(writer.finish(), Err(BundleError::Proof { index: 19, .. })));
    let mut writer = begin(&all).unwrap();
    assert!(writer.line(&BundleLine { index: 1, line: b"", inclusion: &[] }).is_err(), "not in order");
    let mut writer = begin(&Section { some: Some(1), ..all }).unwrap();
    let proof = prove_inclusion(&queue.tree, 20, 4).unwrap();
    assert!(writer.line(&BundleLine { index: 4, line: &log_line(5), inclusion: &proof }).is_err());
    writer.line(&BundleLine { index: 4, line: &log_line(4), inclusion: &proof }).unwrap();
    assert!(writer.line(&BundleLine { index: 5, line: &log_line(5), inclusion: &proof }).is_err(), "one too many");
    let mut empty = BundleWriter::new(Vec::new());
    assert!(empty.line(&BundleLine { index: 0, line: b"", inclusion: &[] }).is_err());
    assert!(verify(&empty.finish().unwrap(), Trust::Bundle).is_err(), "nothing is not evidence");
}
