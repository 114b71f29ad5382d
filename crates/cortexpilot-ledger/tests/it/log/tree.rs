//! Roots and proofs: the vectors of Certificate Transparency, and a naive implementation at random sizes.

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_ledger::log::{
    CheckError, Frontier, Levels, Node, ProofError, empty_root, leaf_hash, node_hash, prove_consistency,
    prove_inclusion, root_at, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use super::{leaves, levels, naive_consistency, naive_inclusion, naive_root};

/// The leaves of the vectors that the implementations of Certificate Transparency share.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// The roots of the first one to eight of them.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hashes(texts: &[&str]) -> Vec<Sha256Digest> {
    texts.iter().map(|text| Sha256Digest::parse(text).unwrap()).collect()
}

#[test]
fn roots_and_proofs_are_those_of_the_certificate_transparency_vectors() {
    assert_eq!(empty_root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let roots = hashes(&ROOTS);
    let mut tree = Levels::new();
    for (leaf, root) in LEAVES.iter().zip(&roots) {
        tree.append(leaf_hash(leaf));
        assert_eq!(tree.frontier().root(), *root);
        assert_eq!(root_at(&tree, tree.frontier().size()).unwrap(), *root);
    }
    let root = |size: u64| roots[usize::try_from(size).unwrap() - 1];
    for (index, size, want) in INCLUSION {
        let proof = prove_inclusion(&tree, size, index).unwrap();
        assert_eq!(proof, hashes(want), "{index} of {size}");
        let leaf = leaf_hash(LEAVES[usize::try_from(index).unwrap()]);
        assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root(size)), Ok(()));
    }
    for (old, new, want) in CONSISTENCY {
        let proof = prove_consistency(&tree, old, new).unwrap();
        assert_eq!(proof, hashes(want), "{old} to {new}");
        assert_eq!(verify_consistency(old, &root(old), new, &root(new), &proof), Ok(()));
    }
}

#[test]
fn every_proof_of_every_small_tree_is_the_naive_one_and_verifies() {
    let (all, tree) = (leaves(70), levels(70));
    let roots: Vec<_> = (0..=all.len()).map(|size| naive_root(&all[..size])).collect();
    let proofs = (1..=all.len()).flat_map(|size| (0..size).map(move |index| (size, index)));
    for (size, index) in proofs {
        let proof = prove_inclusion(&tree, size as u64, index as u64).unwrap();
        assert_eq!(proof, naive_inclusion(index, &all[..size]));
        assert_eq!(verify_inclusion(&all[index], index as u64, size as u64, &proof, &roots[size]), Ok(()));
        let old = index + 1;
        let proof = prove_consistency(&tree, old as u64, size as u64).unwrap();
        assert_eq!(proof, naive_consistency(old, &all[..size], true));
        assert_eq!(verify_consistency(old as u64, &roots[old], size as u64, &roots[size], &proof), Ok(()));
    }
}

/// Everything that a proof could be turned into by one change, none of which proves anything.
fn spoiled(proof: &[Sha256Digest], bit: usize) -> Vec<Vec<Sha256Digest>> {
    let mut all = Vec::new();
    for at in 0..proof.len() {
        let mut flipped = proof.to_vec();
        let mut bytes = *flipped[at].as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        flipped[at] = Sha256Digest::from_bytes(bytes);
        all.push(flipped);
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        all.push(shorter);
        if at > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(at - 1, at);
            all.push(swapped);
        }
    }
    for at in [0, proof.len()] {
        let mut longer = proof.to_vec();
        longer.insert(at, Sha256Digest::of(b"more"));
        all.push(longer);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_random_sizes_the_tree_agrees_with_the_naive_one((size, old, index) in (1..2000_u64).prop_flat_map(|size| {
        (Just(size), 1..=size, 0..size)
    })) {
        let (all, tree) = (leaves(size), levels(size));
        let root = naive_root(&all);
        prop_assert_eq!(tree.frontier().root(), root);
        let old_leaves = &all[..usize::try_from(old).unwrap()];
        let old_root = naive_root(old_leaves);
        prop_assert_eq!(root_at(&tree, old).unwrap(), old_root);
        let at = usize::try_from(index).unwrap();
        let proof = prove_inclusion(&tree, size, index).unwrap();
        prop_assert_eq!(&proof, &naive_inclusion(at, &all));
        prop_assert_eq!(verify_inclusion(&all[at], index, size, &proof, &root), Ok(()));
        let proof = prove_consistency(&tree, old, size).unwrap();
        prop_assert_eq!(&proof, &naive_consistency(old_leaves.len(), &all, true));
        prop_assert_eq!(verify_consistency(old, &old_root, size, &root, &proof), Ok(()));
    }

    #[test]
    fn a_changed_proof_proves_nothing((size, old, index, bit) in (2..300_u64).prop_flat_map(|size| {
        (Just(size), 1..size, 0..size, 0..256_usize)
    })) {
        let (all, tree) = (leaves(size), levels(size));
        let (root, old_root) = (naive_root(&all), root_at(&tree, old).unwrap());
        let leaf = all[usize::try_from(index).unwrap()];
        let proof = prove_inclusion(&tree, size, index).unwrap();
        for bad in spoiled(&proof, bit) {
            prop_assert!(verify_inclusion(&leaf, index, size, &bad, &root).is_err());
        }
        let other = all[usize::try_from((index + 1) % size).unwrap()];
        prop_assert_eq!(verify_inclusion(&other, index, size, &proof, &root), Err(CheckError::Root));
        for wrong in (0..size).filter(|wrong| *wrong != index) {
            prop_assert!(verify_inclusion(&leaf, wrong, size, &proof, &root).is_err());
        }
        let proof = prove_consistency(&tree, old, size).unwrap();
        for bad in spoiled(&proof, bit) {
            prop_assert!(verify_consistency(old, &old_root, size, &root, &bad).is_err());
        }
        let elsewhere = Sha256Digest::of(b"another root");
        prop_assert!(verify_consistency(old, &elsewhere, size, &root, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, size, &elsewhere, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, size, &old_root, &proof).is_err());
    }

    #[test]
    fn a_frontier_that_was_kept_goes_on_like_the_one_that_was_not(size in 0..3000_u64, more in 0..40_u64) {
        let all = leaves(size + more);
        let mut straight = Frontier::new();
        all.iter().for_each(|leaf| { straight.append(*leaf); });
        let mut first = Frontier::new();
        all[..usize::try_from(size).unwrap()].iter().for_each(|leaf| { first.append(*leaf); });
        let mut kept = Frontier::from_peaks(first.size(), first.peaks().to_vec()).unwrap();
        prop_assert!(Frontier::from_peaks(first.size() ^ 1, first.peaks().to_vec()).is_none());
        all[usize::try_from(size).unwrap()..].iter().for_each(|leaf| { kept.append(*leaf); });
        prop_assert_eq!(&kept, &straight);
        prop_assert_eq!(Frontier::read(&levels(size + more), size).unwrap(), first);
    }
}

#[test]
fn what_cannot_be_proven_is_refused_on_both_sides() {
    let tree = levels(10);
    let (root, leaf) = (tree.frontier().root(), leaves(1)[0]);
    for (size, index) in [(0, 0), (10, 10), (10, u64::MAX), (3, 7)] {
        assert!(matches!(prove_inclusion(&tree, size, index), Err(ProofError::NoSuchLeaf { .. })));
        assert_eq!(verify_inclusion(&leaf, index, size, &[], &root), Err(CheckError::Size));
    }
    assert!(matches!(prove_consistency(&tree, 0, 10), Err(ProofError::EmptyOld)));
    assert!(matches!(prove_consistency(&tree, 0, 0), Err(ProofError::EmptyOld)));
    assert!(matches!(prove_consistency(&tree, 7, 3), Err(ProofError::OldIsLarger { old: 7, new: 3 })));
    for (old, new) in [(0, 10), (0, 0), (7, 3), (u64::MAX, 10)] {
        assert_eq!(verify_consistency(old, &root, new, &root, &[]), Err(CheckError::Size));
    }
    assert_eq!(verify_consistency(10, &root, 10, &root, &[leaf]), Err(CheckError::Length));
    assert_eq!(verify_consistency(10, &leaf, 10, &root, &[]), Err(CheckError::Root));
    assert_eq!(verify_consistency(3, &root, 10, &root, &[]), Err(CheckError::Length));
    assert!(matches!(prove_inclusion(&tree, 11, 0), Err(ProofError::Hash(_))), "beyond what is stored");
    assert!(root_at(&tree, u64::MAX).is_err());
    assert_eq!(verify_inclusion(&leaf, u64::MAX - 1, u64::MAX, &[leaf; 64], &root), Err(CheckError::Length));
}

#[test]
fn a_node_cannot_be_passed_off_as_a_line() {
    let (all, tree) = (leaves(2), levels(2));
    let inner = [*all[0].as_bytes(), *all[1].as_bytes()].concat();
    assert_ne!(leaf_hash(&inner), tree.frontier().root());
    assert_eq!(node_hash(&all[0], &all[1]), tree.frontier().root());
}

#[test]
fn each_node_becomes_whole_once_and_there_are_fewer_than_two_a_leaf() {
    let mut seen = std::collections::BTreeSet::new();
    let mut frontier = Frontier::new();
    for leaf in leaves(1000) {
        frontier.append_with(leaf, |node, _| assert!(seen.insert(node), "{node}"));
        assert_eq!(frontier.peaks().len(), frontier.size().count_ones() as usize);
    }
    assert_eq!(seen.len(), 2000 - 1000_u64.count_ones() as usize);
    assert!(seen.contains(&Node { level: 9, index: 0 }) && !seen.contains(&Node { level: 9, index: 1 }));
}
