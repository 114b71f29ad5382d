//! Receipts: what they hold, what they show, and the programs on the page about them.

use std::path::{Path, PathBuf};
use std::process::Command;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_ledger::log::{
    HashError, LogError, Node, Nodes, Prover, Receipt, ReceiptError, SignedCheckpoint, leaf_hash, prove_inclusion,
    root_at,
};

use super::{levels, line, receipt, signed, signer};

#[test]
fn a_receipt_shows_its_line_under_the_signed_root_and_survives_its_json() {
    let (_, batch, checkpoint) = signed(300, 7);
    for index in 300..307 {
        let receipt = receipt(&batch, &checkpoint, index);
        let json = receipt.to_json();
        let again = Receipt::parse(json.as_bytes()).unwrap();
        assert_eq!(again, receipt);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["checkpoint"], checkpoint.to_string());
        assert_eq!(again.verify(&line(index), &signer().verifier()).unwrap(), checkpoint);
        assert_eq!(again.verify(&line(index + 1), &signer().verifier()), Err(ReceiptError::OtherLine));
        assert!(again.verify(&line(index), &signer().named("example.com/other").unwrap().verifier()).is_err());
    }
}

#[test]
fn any_flipped_bit_of_a_receipt_is_refused() {
    let (_, batch, checkpoint) = signed(3, 2);
    let json = receipt(&batch, &checkpoint, 4).to_json();
    let key = signer().verifier();
    let verify = |bytes: &[u8]| Receipt::parse(bytes).and_then(|receipt| receipt.verify(&line(4), &key));
    assert!(verify(json.as_bytes()).is_ok());
    for bit in 0..json.len() * 8 {
        let mut bad = json.clone().into_bytes();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&bad).is_err(), "bit {bit}: {}", String::from_utf8_lossy(&bad));
    }
}

#[test]
fn a_receipt_that_does_not_verify_is_not_given() {
    let (_, batch, checkpoint) = signed(3, 2);
    let proof = batch.prove_inclusion(4).unwrap();
    let wrong =
        [(3, line(4), proof.clone()), (4, line(3), proof.clone()), (4, line(4), Vec::new()), (5, line(4), proof)];
    for (index, line, proof) in wrong {
        let refused = Receipt::new(index, leaf_hash(&line), proof, &checkpoint);
        assert!(matches!(refused, Err(ReceiptError::Proof(_))));
    }
}

/// The checkpoint of a log of so many of the tests' lines.
fn checkpoint_of(nodes: &impl Nodes, size: u64) -> SignedCheckpoint {
    SignedCheckpoint::sign(&signer(), size, root_at(nodes, size).unwrap(), None).unwrap()
}

#[test]
fn receipts_made_one_after_the_other_are_those_made_alone() {
    let nodes = levels(300);
    for size in (1..40).chain([64, 65, 127, 200, 255, 256, 257, 300]) {
        let checkpoint = checkpoint_of(&nodes, size);
        let prover = Prover::new(&nodes, checkpoint.clone());
        // Forwards, backwards, each twice, and far apart.
        let jumps = (0..size).map(|at| at * 89 % size);
        for index in (0..size).chain((0..size).rev()).flat_map(|index| [index, index]).chain(jumps) {
            let alone = prove_inclusion(&nodes, size, index).unwrap();
            let alone = Receipt::new(index, leaf_hash(&line(index)), alone, &checkpoint).unwrap();
            assert_eq!(prover.receipt(index, leaf_hash(&line(index))).unwrap(), alone, "{index} of {size}");
        }
        assert!(matches!(prover.receipt(size, leaf_hash(&line(0))), Err(LogError::Proof(_))));
    }
}

#[test]
fn a_prover_gives_no_receipt_for_another_line_and_goes_on_with_the_right_ones() {
    let nodes = levels(21);
    let prover = Prover::new(&nodes, checkpoint_of(&nodes, 21));
    let refused = |index, leaf| matches!(prover.receipt(index, leaf), Err(LogError::Receipt(ReceiptError::Proof(_))));
    for index in 0..21 {
        assert!(refused(index, leaf_hash(b"another")), "before anything was proven");
        prover.receipt(index, leaf_hash(&line(index))).unwrap();
        assert!(refused(index, leaf_hash(b"another")), "the line that was proven last");
        prover.receipt(index, leaf_hash(&line(index))).unwrap();
        let beside = (index + 1) % 21;
        assert!(refused(beside, leaf_hash(&line(index))), "its neighbour, which shares its way");
    }
}

/// A tree with one wrong hash in it.
struct Wrong<N>(N, Node);

impl<N: Nodes> Nodes for Wrong<N> {
    fn node(&self, node: Node) -> Result<Sha256Digest, HashError> {
        let wrong = node == self.1;
        self.0.node(node).map(|hash| if wrong { leaf_hash(b"wrong") } else { hash })
    }
}

#[test]
fn a_wrong_hash_leads_to_no_receipt_whatever_was_proven_before() {
    let size = 37;
    let right = levels(size);
    let checkpoint = checkpoint_of(&right, size);
    for level in 0..6 {
        for wrong in 0..size >> level {
            let nodes = Wrong(&right, Node { level, index: wrong });
            let prover = Prover::new(&nodes, checkpoint.clone());
            for index in (0..size).chain((0..size).rev()) {
                let leaf = leaf_hash(&line(index));
                let alone = prove_inclusion(&nodes, size, index).unwrap();
                let alone = Receipt::new(index, leaf, alone, &checkpoint);
                match (prover.receipt(index, leaf), alone) {
                    // What was shared with another line's way was right.
                    (Ok(receipt), _) => assert!(receipt.verify(&line(index), &signer().verifier()).is_ok()),
                    (Err(LogError::Receipt(_)), Err(_)) => {}
                    other => panic!("{index} with node {wrong} of level {level} wrong: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn what_is_no_receipt_is_refused() {
    let (_, batch, checkpoint) = signed(3, 2);
    let json = receipt(&batch, &checkpoint, 4).to_json();
    let index = "\"index\":4";
    for bad in [
        String::new(),
        json.replace("receipt/1", "receipt/2"),
        json.replace(index, "\"index\":-1"),
        json.replace(index, "\"index\":4.0"),
        json.replace(index, "\"index\":4,\"index\":4"),
        json.replace(index, "\"index\":4,\"more\":1"),
        json.replace("\"leaf_hash\":\"", "\"leaf_hash\":\"00"),
        json.replace(index, "\"index\":18446744073709551616"),
        format!("{json}{json}"),
    ] {
        assert!(matches!(Receipt::parse(bad.as_bytes()), Err(ReceiptError::Form(_))), "{bad}");
    }
}

#[test]
fn the_tlog_proof_has_the_form_of_its_specification() {
    let (_, batch, checkpoint) = signed(0, 2);
    let text = receipt(&batch, &checkpoint, 1).to_tlog_proof().unwrap();
    let (head, note) = text.split_once("\n\n").unwrap();
    let lines: Vec<_> = head.split('\n').collect();
    assert_eq!(lines[..2], ["c2sp.org/tlog-proof@v1", "index 1"]);
    assert_eq!((lines.len(), lines[2].len()), (3, 44));
    assert_eq!(SignedCheckpoint::open(note.as_bytes(), &signer().verifier()).unwrap(), checkpoint);
}

/// The Python blocks of the page, in files.
fn scripts(dir: &Path) -> Vec<PathBuf> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/receipts.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let blocks = page.split("```python\n").skip(1).map(|after| after.split_once("```").expect("it ends").0);
    let scripts: Vec<_> = blocks.enumerate().map(|(number, block)| (dir.join(format!("{number}.py")), block)).collect();
    assert_eq!(scripts[0].1.lines().count(), 12, "as the page says");
    scripts.into_iter().map(|(path, block)| std::fs::write(&path, block).map(|()| path).unwrap()).collect()
}

fn run(dir: &Path, program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).current_dir(dir).output();
    output.expect("python3 and openssl are needed for this test").status.success()
}

#[test]
fn the_programs_on_the_page_verify_a_receipt_and_refuse_a_changed_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let scripts = scripts(dir);
    let [tree, split] = &scripts[..] else { panic!("the page has two programs") };
    for (before, more) in [(0, 1), (100, 20)] {
        let (_, batch, checkpoint) = signed(before, more);
        let lines: Vec<_> = (0..batch.size()).flat_map(|index| [line(index), b"\n".to_vec()].concat()).collect();
        std::fs::write(dir.join("queue.jsonl"), lines).unwrap();
        for index in [before, before + more / 2, before + more - 1] {
            let receipt = receipt(&batch, &checkpoint, index);
            let verify = |receipt: &Receipt| {
                std::fs::write(dir.join("receipt.json"), receipt.to_json()).unwrap();
                run(dir, "python3", &[tree.to_str().unwrap(), "receipt.json", "queue.jsonl"])
            };
            assert!(verify(&receipt), "{index} of {}", batch.size());
            if index > before {
                continue;
            }
            let (mut other, mut longer) = (receipt.clone(), receipt.clone());
            other.index += 1;
            longer.inclusion.push(receipt.leaf);
            assert!(!verify(&other) && !verify(&longer));
            if let Some(first) = receipt.inclusion.first() {
                let mut flipped = receipt.clone();
                flipped.inclusion[0] = leaf_hash(first.as_bytes());
                let mut shorter = receipt.clone();
                shorter.inclusion.pop();
                assert!(!verify(&flipped) && !verify(&shorter));
            }
        }
        let receipt = receipt(&batch, &checkpoint, before);
        let signature = |receipt: &Receipt| {
            std::fs::write(dir.join("receipt.json"), receipt.to_json()).unwrap();
            let key = signer().verifier().to_string();
            assert!(run(dir, "python3", &[split.to_str().unwrap(), "receipt.json", &key]));
            let page = "pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature";
            run(dir, "openssl", &page.split(' ').collect::<Vec<_>>())
        };
        assert!(signature(&receipt));
        let size = format!("\n{}\n", batch.size());
        let changed = Receipt { checkpoint: receipt.checkpoint.replacen(&size, "\n99\n", 1), ..receipt };
        assert!(!signature(&changed));
    }
}
