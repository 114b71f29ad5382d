//! Where hashes are kept: which, under which names, and what is read back.

use std::path::Path;

use cortexpilot_ledger::log::{
    DirTiles, LogTree, MemTiles, Node, Nodes as _, Tile, TileNodes, Tiles as _, each_line, load_checkpoint,
    prove_consistency, prove_inclusion, root_at, store_checkpoint, tiles_of,
};
use proptest::prelude::*;

use super::{leaves, levels, line, naive_root, signed, signer};

fn tile(level: u8, index: u64, width: u16) -> Tile {
    Tile { level, index, width }
}

/// A tree of so many lines, its tiles stored as a checkpoint would store them at each of these sizes.
fn grown(sizes: &[u64], mut put: impl FnMut(Tile, Vec<cortexpilot_core::domain::id::Sha256Digest>)) -> LogTree {
    let mut tree = LogTree::new();
    for size in sizes {
        while tree.size() < *size {
            tree.append_line(&line(tree.size()));
        }
        tree.take_full().into_iter().for_each(|(tile, hashes)| put(tile, hashes));
        tree.partial().for_each(|(tile, hashes)| put(tile, hashes.to_vec()));
    }
    tree
}

fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn paths_are_those_of_the_specification_and_parse_back() {
    for (tile, path) in [
        (tile(0, 0, 256), "tile/0/000"),
        (tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (tile(0, 1234, 12), "tile/0/x001/234.p/12"),
        (tile(2, 0, 1), "tile/2/000.p/1"),
        (tile(63, 999_999, 255), "tile/63/x999/999.p/255"),
    ] {
        assert_eq!(tile.path(), path);
        assert_eq!(Tile::parse(path), Some(tile));
    }
    for path in [
        "",
        "tile/0",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/001/234",
        "tile/0/x001",
        "tile/0/x000/001",
        "tile/0/x001/x234",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/-01",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "/tile/0/000",
        "tile/entries/000",
    ] {
        assert_eq!(Tile::parse(path), None, "{path}");
    }
}

#[test]
fn the_tiles_of_a_tree_of_seventy_thousand_are_those_the_specification_counts() {
    let all: Vec<_> = tiles_of(70_000).collect();
    let of = |level: u8, full: bool| all.iter().filter(|t| t.level == level && (t.width == 256) == full).count();
    assert_eq!((of(0, true), of(1, true), of(2, true)), (273, 1, 0));
    assert!([tile(0, 273, 112), tile(1, 1, 17), tile(2, 0, 1)].iter().all(|tile| all.contains(tile)));
    assert_eq!(all.len(), 273 + 1 + 1 + 1 + 1);
    assert_eq!(tiles_of(256).collect::<Vec<_>>(), [tile(0, 0, 256), tile(1, 0, 1)]);
    assert_eq!(tiles_of(0).count(), 0);
}

#[test]
fn a_directory_holds_exactly_the_tiles_of_the_last_size_and_answers_like_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, mut memory) = (DirTiles::new(dir.path()), MemTiles::new());
    for sizes in [&[1, 2, 255, 256, 257, 300][..], &[700, 70_000]] {
        let tree = grown(sizes, |tile, hashes| {
            disk.put(tile, &hashes).unwrap();
            memory.put(tile, hashes);
        });
        let size = tree.size();
        let mut want: Vec<_> = tiles_of(size).map(|tile| tile.path()).collect();
        want.sort();
        assert_eq!(files(dir.path()), want);
        for tile in tiles_of(size) {
            assert_eq!(disk.tile(tile).unwrap(), memory.tile(tile).unwrap());
        }
        let nodes = TileNodes::new(&disk, size);
        assert_eq!(root_at(&nodes, size).unwrap(), tree.root());
        assert_eq!(LogTree::resume(&disk, size).unwrap().root(), tree.root());
    }
    let bytes: u64 = files(dir.path()).iter().map(|f| std::fs::metadata(dir.path().join(f)).unwrap().len()).sum();
    assert_eq!(bytes, (70_000 + 273 + 1) * 32, "32 bytes a line, and one 255th more");
}

#[test]
fn what_a_writer_that_died_left_behind_is_taken_away_with_the_partial_tiles() {
    let dir = tempfile::tempdir().unwrap();
    let disk = DirTiles::new(dir.path());
    let put = |sizes: &[u64]| grown(sizes, |tile, hashes| disk.put(tile, &hashes).unwrap());
    put(&[3]);
    std::fs::write(dir.path().join("tile/0/000.p/7.part"), "half").unwrap();
    std::fs::write(dir.path().join("tile/0/000.p/9.part"), "half").unwrap();
    put(&[9]);
    assert_eq!(files(dir.path()), ["tile/0/000.p/9"]);
    put(&[256]);
    assert_eq!(files(dir.path()), ["tile/0/000", "tile/1/000.p/1"]);
    assert!(!dir.path().join("tile/0/000.p").exists());
}

#[test]
fn the_last_checkpoint_is_kept_beside_the_tiles_and_a_changed_one_is_an_error_and_not_none() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log/queue.jsonl");
    let key = signer().verifier();
    assert!(load_checkpoint(&log, &key).unwrap().is_none());
    for more in [2, 5] {
        let (_, _, checkpoint) = signed(3, more);
        store_checkpoint(&log, &checkpoint).unwrap();
        assert_eq!(load_checkpoint(&log, &key).unwrap(), Some(checkpoint.clone()));
        assert_eq!(std::fs::read_to_string(log.join("checkpoint")).unwrap(), checkpoint.to_string());
    }
    assert_eq!(files(&log), ["checkpoint"]);
    let text = std::fs::read_to_string(log.join("checkpoint")).unwrap();
    for bad in [text.replace("\n8\n", "\n9\n"), String::new(), text[..40].to_owned()] {
        std::fs::write(log.join("checkpoint"), bad).unwrap();
        let error = load_checkpoint(&log, &key).expect_err("refused").to_string();
        assert!(error.contains("/checkpoint"), "{error}");
    }
}

#[test]
fn tiles_that_are_missing_or_no_tiles_are_said_to_be_and_wrong_ones_lead_to_another_root() {
    let dir = tempfile::tempdir().unwrap();
    let disk = DirTiles::new(dir.path());
    let tree = grown(&[600], |tile, hashes| disk.put(tile, &hashes).unwrap());
    let path = dir.path().join("tile/0/001");
    let good = std::fs::read(&path).unwrap();
    let read = || root_at(&TileNodes::new(&disk, 600), 600);
    let resume = || LogTree::resume(&disk, 600);
    assert_eq!(read().unwrap(), tree.root());
    let inner = || TileNodes::new(&disk, 600).node(Node { level: 3, index: 40 });
    let right = inner().unwrap();
    for bytes in [&good[..good.len() - 1], &[], &good[..32], &[good.clone(), vec![0; 32]].concat()] {
        std::fs::write(&path, bytes).unwrap();
        assert!(inner().unwrap_err().to_string().contains("tile/0/001 has "));
    }
    let mut flipped = good.clone();
    flipped[70 * 32] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    assert_ne!(inner().unwrap(), right);
    std::fs::remove_file(&path).unwrap();
    assert!(inner().unwrap_err().to_string().contains("is not stored"));
    let edge = dir.path().join("tile/0/002.p/88");
    let mut bytes = std::fs::read(&edge).unwrap();
    bytes[5] ^= 1;
    std::fs::write(&edge, &bytes).unwrap();
    assert_ne!(resume().unwrap().root(), tree.root());
    std::fs::remove_file(&edge).unwrap();
    assert!(resume().is_err() && read().is_err());
    assert!(TileNodes::new(&disk, 600).node(Node { level: 0, index: 600 }).is_err(), "not in the tree");
    assert!(TileNodes::new(&disk, 600).node(Node { level: 200, index: 0 }).is_err());
}

#[test]
fn lines_of_a_file_make_the_tree_again_and_what_is_no_line_does_not_count() {
    let bytes = [line(0), b"".to_vec(), b"\xff\xfe\r".to_vec(), line(3)].join(&b'\n');
    let mut tree = LogTree::new();
    let whole = [&bytes[..], b"\ntorn"].concat();
    let lines = each_line(&whole[..], 100, |line| {
        tree.append_line(line);
    });
    assert_eq!((lines.unwrap(), tree.size()), (4, 4));
    let mut batch = LogTree::new().batch();
    assert_eq!(batch.append_lines(&[&bytes[..], b"\n"].concat()), 0);
    assert_eq!(batch.root(), tree.root());
    let most = line(0).len();
    assert_eq!(each_line(&whole[..], most, |_| ()).unwrap(), 4, "a line of exactly the bound");
    assert!(each_line(&whole[..], most - 1, |_| ()).is_err());
    assert_eq!(each_line(&b""[..], 0, |_| ()).unwrap(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_prove_their_lines_without_stored_hashes_and_leave_the_tree_that_lines_make(
        steps in proptest::collection::vec(0..200_u64, 1..12), pick in any::<u64>(),
    ) {
        let (mut tree, mut memory) = (LogTree::new(), MemTiles::new());
        for more in steps {
            let (base, base_root) = (tree.size(), tree.root());
            let mut batch = tree.batch();
            for index in base..base + more {
                batch.append_line(&line(index));
            }
            let all = levels(base + more);
            prop_assert_eq!(batch.root(), all.frontier().root());
            if more > 0 {
                let index = base + pick % more;
                let proof = batch.prove_inclusion(index).unwrap();
                prop_assert_eq!(proof, prove_inclusion(&all, base + more, index).unwrap());
            }
            prop_assert_eq!(batch.prove_consistency().ok(), prove_consistency(&all, base, base + more).ok());
            prop_assert_eq!(tree.root(), base_root, "nothing changed yet");
            let stale = tree.batch();
            prop_assert!(tree.commit(batch));
            prop_assert_eq!(tree.commit(stale), more == 0);
            tree.take_full().into_iter().for_each(|(tile, hashes)| memory.put(tile, hashes));
            tree.partial().for_each(|(tile, hashes)| memory.put(tile, hashes.to_vec()));
            let size = tree.size();
            let nodes = TileNodes::new(&memory, size);
            prop_assert_eq!(root_at(&nodes, size).unwrap(), tree.root());
            if size > 0 {
                let index = pick % size;
                prop_assert_eq!(prove_inclusion(&nodes, size, index).unwrap(), prove_inclusion(&all, size, index).unwrap());
                let old = index + 1;
                prop_assert_eq!(prove_consistency(&nodes, old, size).unwrap(), prove_consistency(&all, old, size).unwrap());
            }
            tree = LogTree::resume(&memory, size).unwrap();
        }
        let lines = leaves(tree.size());
        prop_assert_eq!(tree.root(), naive_root(&lines));
    }
}
