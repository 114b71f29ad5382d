//! Files of the index that are damaged, deleted, stale, or of another ledger.

use std::path::Path;

use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, execute, soon};
use cortexpilot_ledger::{FileReader, verify};

use super::{all, answers, reads_history, story, told};
use crate::support::{Root, World, names, sized};

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).unwrap();
    for name in names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// One bit of every fifth byte of the snapshot and of some bytes of the tables, and some cuts; in a long campaign every bit
/// and every cut. The units flip every bit of both, and ask whether it is seen.
#[test]
fn a_flipped_bit_anywhere_in_the_index_changes_no_answer() {
    use std::os::unix::fs::FileExt as _;
    let (root, want) = told(4);
    let (mut flipped, mut cut) = (0, 0);
    for name in names(&root.file("index")) {
        let path = root.file("index").join(&name);
        let bytes = std::fs::read(&path).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let step = if name == "snapshot" { 5 } else { 97 };
        for at in (0..bytes.len()).step_by(sized(step, 1)) {
            let bits = sized(at % 8..at % 8 + 1, 0..8);
            for bit in bits {
                file.write_all_at(&[bytes[at] ^ (1 << bit)], at as u64).unwrap();
                assert_eq!(answers(&FileReader::open(&root.path)), want, "{name}, byte {at}, bit {bit}");
                flipped += 1;
            }
            file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
        for length in (0..bytes.len()).step_by(sized(997, 1)) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert_eq!(answers(&FileReader::open(&root.path)), want, "{name}, cut at {length}");
            cut += 1;
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    println!("fired: {flipped} flipped bits of an index");
    println!("fired: {cut} cuts of an index");
    println!("figure: {flipped} bits of an index flipped and {cut} cuts of its files: the same answers each time");
    assert!(flipped > 200);
    assert_eq!(answers(&root.open()), want);
}

/// The control: what holds answers against each other tells one line from another.
#[test]
fn the_comparison_of_answers_tells_ledgers_apart() {
    let (root, want) = told(4);
    block_on(Ask::of("run_more").at(80).enqueue(&root.open()));
    assert_ne!(answers(&FileReader::open(&root.path)), want);
    println!("figure: control: one line more is seen in the answers: 1 of 1 found");
}

#[test]
fn a_table_damaged_while_it_is_in_use_costs_time_and_no_answer() {
    let (root, want) = told(4);
    let (reader, store) = (FileReader::open(&root.path), root.open());
    // They begin with the index, and have not looked into its tables yet.
    let pending = block_on(store.health()).unwrap().pending;
    assert_eq!(block_on(reader.health()).unwrap().pending, pending);
    for name in names(&root.file("index")).into_iter().filter(|name| name.starts_with("table-")) {
        let path = root.file("index").join(name);
        let noise = vec![0x5a; std::fs::metadata(&path).unwrap().len() as usize];
        std::os::unix::fs::FileExt::write_all_at(&std::fs::File::options().write(true).open(&path).unwrap(), &noise, 0)
            .unwrap();
    }
    assert_eq!(answers(&reader), want);
    assert_eq!(answers(&store), want);
    // And a command in the middle of it.
    let item = block_on(Ask::of("run_again").at(60).enqueue(&store));
    block_on(execute(&store, cancel(item.queue_id(), soon(61))));
    drop(store);
    assert_eq!(verify(&root.path).unwrap().verdict, cortexpilot_ledger::Verdict::Sound);
    assert_eq!(all(&FileReader::open(&root.path)).items.len(), want.listing.items.len() + 1);
    assert!(!reads_history(&root), "a new index was built");
}

#[test]
fn an_index_deleted_while_it_is_in_use_is_built_again() {
    let (root, want) = told(2);
    let (reader, store) = (FileReader::open(&root.path), root.open());
    assert_eq!(answers(&reader), want);
    assert_eq!(answers(&store), want);
    std::fs::remove_dir_all(root.file("index")).unwrap();
    assert_eq!(answers(&reader), want);
    for n in 0..4 {
        let item = block_on(Ask::of(&format!("run_{}", 80 + n)).at(60 + n).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(60 + n))));
    }
    let now = answers(&store);
    assert_eq!(now.listing.items.len(), want.listing.items.len() + 4);
    assert_eq!(answers(&reader), now);
    drop(store);
    assert!(!reads_history(&root), "whole again, with the items that were only in deleted files");
    assert_eq!(answers(&FileReader::open(&root.path)), now);
}

#[test]
fn one_missing_table_makes_the_index_be_ignored() {
    let (root, want) = told(4);
    let table = names(&root.file("index")).into_iter().find(|name| name.starts_with("table-")).unwrap();
    std::fs::remove_file(root.file("index").join(table)).unwrap();
    assert!(reads_history(&root));
    assert_eq!(answers(&FileReader::open(&root.path)), want);
    assert_eq!(answers(&root.open()), want);
}

#[test]
fn the_index_of_another_ledger_is_ignored() {
    let (root, want) = told(1);
    let World { store, root: other } = World::on(Root::quick().indexed(1));
    block_on(Ask::of("run_other").enqueue(&store));
    story(&store);
    drop(store);
    copy(&other.file("index"), &root.file("index"));
    assert!(reads_history(&root));
    assert_eq!(answers(&FileReader::open(&root.path)), want);
    assert_eq!(answers(&root.open()), want);
    // Whoever writes next puts one of this ledger in its place.
    block_on(Ask::of("run_new").at(70).enqueue(&root.open()));
    assert!(!reads_history(&root));
}

#[test]
fn a_stale_index_is_a_beginning() {
    let (root, _) = told(1);
    let kept = root.path.with_file_name("kept");
    copy(&root.file("index"), &kept);
    let store = root.open();
    for n in 0..5 {
        let item = block_on(Ask::of(&format!("run_{}", 80 + n)).at(60 + n).enqueue(&store));
        block_on(execute(&store, cancel(item.queue_id(), soon(60 + n))));
    }
    let want = answers(&store);
    drop(store);
    copy(&kept, &root.file("index"));
    assert!(!reads_history(&root));
    assert_eq!(answers(&FileReader::open(&root.path)), want);
    assert_eq!(answers(&root.open()), want);
}

#[test]
fn an_index_of_another_format_is_ignored() {
    let (root, want) = told(1);
    let path = root.file("index").join("snapshot");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.iter().position(|byte| *byte == b'1').unwrap();
    bytes[at] = b'2';
    std::fs::write(&path, bytes).unwrap();
    assert!(reads_history(&root));
    assert_eq!(answers(&FileReader::open(&root.path)), want);
}
