//! Verifiers that are not ours: another crate, a plain Python script, OpenSSL.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger;
use cortexpilot_ledger::log::{Levels, leaf_hash, prove_consistency, prove_inclusion, root_at};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;

use super::{levels, line, signed, signer};

/// Numbers that look random and are the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn bytes(hashes: &[Sha256Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn theirs(root: Sha256Digest, size: u64) -> RootHash<Sha256> {
    RootHash::new((*root.as_bytes()).into(), size)
}

#[test]
fn the_crate_ct_merkle_verifies_our_proofs_and_makes_the_same() {
    const LINES: u64 = 1500;
    let tree = levels(LINES);
    let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut roots = vec![other.root()];
    for index in 0..LINES {
        other.push(line(index));
        roots.push(other.root());
    }
    let mut numbers = Numbers(1);
    for _ in 0..1000 {
        let size = 1 + numbers.below(LINES);
        let root = root_at(&tree, size).unwrap();
        let known = &roots[usize::try_from(size).unwrap()];
        assert_eq!(theirs(root, size), *known);
        let index = numbers.below(size);
        let proof = prove_inclusion(&tree, size, index).unwrap();
        let as_theirs = |proof: &[Sha256Digest]| InclusionProof::<Sha256>::try_from_bytes(bytes(proof)).unwrap();
        known.verify_inclusion(&line(index), index, &as_theirs(&proof)).unwrap();
        assert!(known.verify_inclusion(&line(index + 1), index, &as_theirs(&proof)).is_err());
        let old = 1 + numbers.below(size);
        let proof = prove_consistency(&tree, old, size).unwrap();
        let proof = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&proof)).unwrap();
        known.verify_consistency(&theirs(root_at(&tree, old).unwrap(), old), &proof).unwrap();
    }
    let at = 777;
    let want = other.prove_inclusion(at);
    assert_eq!(want.as_bytes(), bytes(&prove_inclusion(&tree, LINES, at as u64).unwrap()));
    let want = other.prove_consistency(777);
    assert_eq!(want.as_bytes(), bytes(&prove_consistency(&tree, LINES - 777, LINES).unwrap()));
}

/// A ledger with lines of the original, a blank one and lines of ours, and its tree.
fn ledger_of(lines: u64) -> (String, Levels) {
    let mut text =
        "{\"event\": \"QUEUE_ENQUEUE\", \"task_id\": \"t\u{2028}\u{e9}\", \"queue_id\": \"a\"}\n[]\n\n".to_owned();
    let mut head = Sha256Digest::of(text.as_bytes());
    for number in 3..lines {
        let (line, hash) = ledger::seal(&head, &format!("{{\"event\": \"TEST\", \"number\": {number}"));
        let _ = writeln!(text, "{line}");
        head = hash;
    }
    let mut tree = Levels::new();
    for line in text.split_terminator('\n') {
        tree.append(leaf_hash(line.as_bytes()));
    }
    assert_eq!(tree.frontier().size(), lines);
    (text, tree)
}

fn python(script: &Path, arguments: &[&Path]) -> (bool, String) {
    let output = Command::new("python3").arg(script).args(arguments).output().expect("python3 is needed for this test");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("UTF-8").trim().to_owned())
}

#[test]
fn a_plain_python_script_agrees_on_chain_root_inclusion_and_consistency_ten_thousand_times() {
    const LINES: u64 = 5000;
    const PAIRS: usize = 10_000;
    let (ledger, tree) = ledger_of(LINES);
    let join = |hashes: &[Sha256Digest]| hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut numbers = Numbers(2);
    let mut proofs = String::new();
    for _ in 0..PAIRS {
        let size = 1 + numbers.below(LINES);
        let (index, old) = (numbers.below(size), 1 + numbers.below(size));
        let root = |size| root_at(&tree, size).unwrap();
        let inclusion = join(&prove_inclusion(&tree, size, index).unwrap());
        let consistency = join(&prove_consistency(&tree, old, size).unwrap());
        let _ = writeln!(proofs, "{size} {} {index} [{inclusion}] {old} {} [{consistency}]", root(size), root(old));
    }
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/log/verify.py");
    let (ledger_path, proofs_path) = (dir.path().join("queue.jsonl"), dir.path().join("proofs"));
    let run = |ledger: &str, proofs: &str| {
        std::fs::write(&ledger_path, ledger).unwrap();
        std::fs::write(&proofs_path, proofs).unwrap();
        python(&script, &[&ledger_path, &proofs_path])
    };
    let (good, said) = run(&ledger, &proofs);
    assert!(good, "{said}");
    assert_eq!(said, format!("{LINES} lines chain, {PAIRS} roots, inclusions and consistencies verify"));
    println!("figure: python agrees on {PAIRS} random pairs of size and index");
    // The script can say no.
    let first: String = proofs.lines().take(1).map(|line| format!("{line}\n")).collect();
    let column = |at: usize| {
        let mut words: Vec<String> = first.split_whitespace().map(str::to_owned).collect();
        let word = &mut words[at];
        let (at, digit) = word.char_indices().rfind(|(_, c)| c.is_ascii_hexdigit()).unwrap();
        word.replace_range(at..=at, if digit == '0' { "1" } else { "0" });
        words.join(" ") + "\n"
    };
    for (at, what) in [(1, "root"), (3, "inclusion"), (5, "root"), (6, "consistency")] {
        let (good, said) = run(&ledger, &column(at));
        assert!(!good && said.contains(what), "{at}: {said}");
    }
    let (good, said) = run(&ledger.replace("\"number\": 4711", "\"number\": 4712"), &first);
    assert!(!good && said.contains("line 4712 was altered"), "{said}");
}

#[test]
fn openssl_verifies_the_signature_of_a_checkpoint_and_refuses_a_changed_one() {
    let (_, _, checkpoint) = signed(3, 4);
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    // RFC 8410: what stands before the 32 bytes of an Ed25519 public key in DER.
    let prefix = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
    let key = file("key.der", &[&prefix[..], &signer().verifier().public_key()].concat());
    let signature = file("signature", &checkpoint.note().signatures()[0].bytes);
    let verify = |text: &str| {
        let text = file("text", text.as_bytes());
        let mut command = Command::new("openssl");
        command.args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", "-inkey"]).arg(&key);
        command.arg("-in").arg(text).arg("-sigfile").arg(&signature);
        command.output().expect("openssl is needed for this test").status.success()
    };
    let text = checkpoint.note().text();
    assert!(verify(text));
    assert!(!verify(&text.replace("\n7\n", "\n8\n")));
    assert!(!verify(text.trim_end()));
}
