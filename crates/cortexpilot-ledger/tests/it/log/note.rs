//! Signed notes, keys and checkpoints: the published examples, and what must be refused.

use std::os::unix::fs::PermissionsExt as _;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_ledger::log::{
    AUDIT_KEY, AuditKeyError, Checkpoint, CheckpointError, KeyTextError, Note, NoteError, NoteSigner, NoteVerifier,
    Signature, SignedCheckpoint, init_audit_key, load_audit_key,
};

use super::{levels, signed, signer};
use crate::support::{Root, names};

/// The example of the Go implementation of signed notes, with its key.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// The key of the Go checksum database, and a checkpoint that it signed.
const SUMDB: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const SUMDB_NOTE: &str = "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    \u{2014} sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

#[test]
fn notes_and_keys_of_other_implementations_parse_verify_and_come_out_the_same() {
    let (secret, public) = (NoteSigner::parse(PETER_SECRET).unwrap(), NoteVerifier::parse(PETER).unwrap());
    assert_eq!((secret.to_secret(), secret.verifier()), (PETER_SECRET.to_owned(), public.clone()));
    assert_eq!((public.to_string(), public.name()), (PETER.to_owned(), "PeterNeumann"));
    let note = Note::parse(PETER_NOTE.as_bytes()).unwrap();
    assert_eq!(note.verify(&public), Ok(()));
    let mut again = Note::new(note.text()).unwrap();
    again.sign(&secret);
    assert_eq!(again.to_string(), PETER_NOTE, "Ed25519 signs the same text always the same");
    let sumdb = NoteVerifier::parse(SUMDB).unwrap();
    let note = Note::parse(SUMDB_NOTE.as_bytes()).unwrap();
    assert_eq!(note.verify(&sumdb), Ok(()));
    assert_eq!(note.to_string(), SUMDB_NOTE);
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.text()), (20_852_163, note.text().to_owned()));
    assert!(!format!("{secret:?}").contains("AYEK"), "a secret is not printed by accident");
}

#[test]
fn any_flipped_bit_of_a_checkpoint_is_refused() {
    let (_, _, checkpoint) = signed(3, 4);
    let (bytes, log) = (checkpoint.to_string().into_bytes(), signer().verifier());
    assert_eq!(SignedCheckpoint::open(&bytes, &log).unwrap(), checkpoint);
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(SignedCheckpoint::open(&bad, &log).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(SignedCheckpoint::open(&bytes[..length], &log).is_err(), "cut at {length}");
    }
}

#[test]
fn cosignatures_are_carried_along_and_only_the_logs_own_counts() {
    let (_, _, mut checkpoint) = signed(3, 4);
    let log = signer().verifier();
    let own = checkpoint.note().signatures()[0].clone();
    // A witness's cosignature has a time before its 64 bytes; nobody here has to understand it.
    let witness = Signature { name: "witness.example/w1".into(), id: 0x0102_0304, bytes: vec![9; 72] };
    checkpoint.cosign(witness.clone());
    checkpoint.cosign(witness.clone());
    let text = checkpoint.to_string();
    let again = SignedCheckpoint::open(text.as_bytes(), &log).unwrap();
    assert_eq!(again.note().signatures(), [own.clone(), witness.clone()]);
    assert_eq!(again.to_string(), text);
    // The log's name under another id is another key, and says nothing.
    let namesake = Signature { id: own.id ^ 1, ..own.clone() };
    let mut note = Note::new(checkpoint.checkpoint().text()).unwrap();
    note.cosign(witness);
    note.cosign(namesake);
    let refused = SignedCheckpoint::open(note.to_string().as_bytes(), &log);
    assert_eq!(refused, Err(CheckpointError::Note(NoteError::Unsigned(log.name().into()))));
    // A bad signature of the log's key is not made good by a good one beside it.
    let mut forged = own.clone();
    forged.bytes[0] ^= 1;
    note.cosign(forged);
    note.cosign(own);
    let refused = SignedCheckpoint::open(note.to_string().as_bytes(), &log);
    assert_eq!(refused, Err(CheckpointError::Note(NoteError::Forged(log.name().into()))));
}

#[test]
fn a_log_signs_nothing_that_does_not_continue_what_it_signed() {
    let tree = levels(20);
    let root = |size| cortexpilot_ledger::log::root_at(&tree, size).unwrap();
    let first = SignedCheckpoint::sign(&signer(), 7, root(7), None).unwrap();
    let proof = cortexpilot_ledger::log::prove_consistency(&tree, 7, 20).unwrap();
    let second = SignedCheckpoint::sign(&signer(), 20, root(20), Some((&first, &proof))).unwrap();
    assert!(SignedCheckpoint::sign(&signer(), 20, root(20), Some((&second, &[]))).is_ok(), "the same once more");
    for (size, root, last, proof) in [
        (20, root(19), &first, &proof[..]),
        (20, root(20), &first, &proof[1..]),
        (20, root(20), &first, &[]),
        (7, root(7), &second, &proof),
        (20, root(7), &second, &[]),
        (0, root(0), &first, &[]),
    ] {
        let refused = SignedCheckpoint::sign(&signer(), size, root, Some((last, proof)));
        assert!(matches!(refused, Err(CheckpointError::Inconsistent { .. })), "{size}");
    }
    let empty = SignedCheckpoint::sign(&signer(), 0, root(0), None).unwrap();
    assert!(SignedCheckpoint::sign(&signer(), 7, root(7), Some((&empty, &[]))).is_ok());
    assert!(SignedCheckpoint::sign(&signer(), 7, root(7), Some((&empty, &proof))).is_err());
    let other = signer().named("example.com/other").unwrap();
    let refused = SignedCheckpoint::sign(&other, 20, root(20), Some((&first, &proof)));
    assert!(matches!(refused, Err(CheckpointError::Origin { .. })));
    // The same key under another name does not speak for this log, and neither does another log's text under its own.
    assert!(SignedCheckpoint::open(first.to_string().as_bytes(), &other.verifier()).is_err());
    let mut note = Note::new(first.checkpoint().text()).unwrap();
    note.sign(&other);
    let refused = SignedCheckpoint::open(note.to_string().as_bytes(), &other.verifier());
    assert!(matches!(refused, Err(CheckpointError::Origin { .. })));
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let root = Sha256Digest::of(b"r");
    let good = Checkpoint { origin: "a.example".into(), size: 7, root }.text();
    assert!(Checkpoint::parse(&good).is_ok());
    for bad in [
        good.replace("\n7\n", "\n07\n"),
        good.replace("\n7\n", "\n+7\n"),
        good.replace("\n7\n", "\n-7\n"),
        good.replace("\n7\n", "\n\n"),
        good.replace("\n7\n", "\n18446744073709551616\n"),
        good.replace("a.example", ""),
        good.replace("=\n", "\n"),
        good.trim_end().to_owned(),
        format!("{good}extension\n"),
        format!("{good}\n"),
        String::new(),
    ] {
        assert_eq!(Checkpoint::parse(&bad), Err(CheckpointError::Form), "{bad:?}");
    }
}

#[test]
fn what_is_no_note_is_refused() {
    let line = PETER_NOTE.lines().last().unwrap();
    let many = |count| format!("text\n\n{}", format!("{line}\n").repeat(count));
    assert!(Note::parse(many(16).as_bytes()).is_ok(), "the specification asks for sixteen");
    assert!(Note::parse(many(64).as_bytes()).is_ok());
    for bad in [
        String::new(),
        "text\n".into(),
        "text\n\n".into(),
        format!("text\n{line}\n"),
        format!("text\n\n{line}"),
        format!("text\n\n{line}\n\n"),
        format!("text\n\n{line}\nmore\n"),
        format!("te\txt\n\n{line}\n"),
        format!("te\rxt\n\n{line}\n"),
        format!("text\n\n{}\n", line.replace('\u{2014}', "-")),
        format!("text\n\n{}\n", line.replace(" x08", "  x08")),
        format!("text\n\n{}\n", line.replace("PeterNeumann", "Peter+Neumann")),
        format!("text\n\n{}\n", line.replace("PeterNeumann", "Peter\u{a0}Neumann")),
        format!("text\n\n{}\n", line.replace("AM=", "AN=")),
        format!("text\n\n{}\n", line.replace("AM=", "AM")),
        "text\n\n\u{2014} name AAAAAA==\n".into(),
        "text\n\n\u{2014} name AAAA\n".into(),
        many(65),
    ] {
        assert!(matches!(Note::parse(bad.as_bytes()), Err(NoteError::Form(_))), "{bad:?}");
    }
    assert!(Note::parse(b"te\xffxt\n\n").is_err());
    assert!(Note::parse(&vec![b'x'; 300_000]).is_err());
    assert!(Note::new("no newline").is_err() && Note::new("a\0\n").is_err());
}

#[test]
fn what_is_no_key_is_refused() {
    let flip = PETER.replace("ARpc", "ARpd");
    for (bad, why) in [
        ("", KeyTextError::Form),
        ("name", KeyTextError::Form),
        ("name+c74f20a3", KeyTextError::Form),
        (&PETER.replace("c74f20a3", "C74F20A3"), KeyTextError::Form),
        (&PETER.replace("c74f20a3", "c74f20a"), KeyTextError::Form),
        (&PETER.replace("c74f20a3", "+74f20a3"), KeyTextError::Form),
        (&PETER.replace("c74f20a3", "c74f20a4"), KeyTextError::Id),
        (&PETER.replace("Peter", "Petra"), KeyTextError::Id),
        (&PETER.replace("PeterNeumann", ""), KeyTextError::Name),
        (&PETER.replace("PeterNeumann", "a b"), KeyTextError::Name),
        (&PETER.replace("+ARpc", "+AhpcXX"), KeyTextError::Form),
        (&PETER.replace("+AR", "+Ah"), KeyTextError::Algorithm),
        (PETER_SECRET, KeyTextError::Form),
    ] {
        assert_eq!(NoteVerifier::parse(bad), Err(why), "{bad}");
    }
    assert!(matches!(NoteVerifier::parse(&flip), Err(KeyTextError::Id | KeyTextError::Algorithm)));
    assert!(NoteSigner::parse(PETER).is_err() && NoteSigner::parse(&PETER_SECRET.replace("a3+", "a4+")).is_err());
    assert!(NoteSigner::new("", &[0; 32]).is_err() && NoteSigner::new("a+b", &[0; 32]).is_err());
    // The neutral element: under it one signature fits every text.
    let mut weak = [0; 32];
    weak[0] = 1;
    let id = &Sha256Digest::of(&[b"w\n\x01", &weak[..]].concat()).to_string()[..8];
    let text = format!("w+{id}+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(NoteVerifier::parse(&text), Err(KeyTextError::Algorithm));
}

#[test]
fn the_audit_key_is_made_once_by_command_for_its_owner_alone() {
    let root = Root::new();
    std::fs::create_dir(&root.path).unwrap();
    assert!(load_audit_key(&root.path).unwrap().is_none());
    assert_eq!(root.names(), [""; 0], "looking makes nothing");
    let ids = SeqIds::default();
    assert!(matches!(init_audit_key(&root.path, Some("a b"), &ids), Err(AuditKeyError::Name(_))));
    let made = init_audit_key(&root.path, Some("ops.example.com/ledger"), &ids).unwrap();
    let found = load_audit_key(&root.path).unwrap().unwrap();
    let queue = |key: &cortexpilot_ledger::log::AuditKey| key.signer("queue.jsonl", None).verifier();
    assert_eq!(queue(&found), queue(&made));
    assert_eq!(queue(&made).name(), "ops.example.com/ledger/queue.jsonl");
    let other = made.signer("decisions.jsonl", None).verifier();
    assert_eq!(other.public_key(), queue(&made).public_key());
    assert_ne!(other.to_string(), queue(&made).to_string());
    let after = made.signer("queue.jsonl", Some(&Sha256Digest::ZERO));
    assert_eq!(after.name(), "ops.example.com/ledger/queue.jsonl/after-000000000000");
    let mode = |name: &str| std::fs::metadata(root.file(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("keys"), mode(AUDIT_KEY)), (0o700, 0o600));
    let before = root.read(AUDIT_KEY);
    assert!(matches!(init_audit_key(&root.path, None, &ids), Err(AuditKeyError::Exists { .. })));
    assert_eq!((root.read(AUDIT_KEY), names(&root.file("keys"))), (before.clone(), vec!["audit.key".to_owned()]));
    for mode in [0o640, 0o604, 0o620, 0o601] {
        std::fs::set_permissions(root.file(AUDIT_KEY), std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = load_audit_key(&root.path);
        assert!(matches!(refused, Err(AuditKeyError::Mode { mode: found, .. }) if found == mode));
    }
    std::fs::set_permissions(root.file(AUDIT_KEY), std::fs::Permissions::from_mode(0o600)).unwrap();
    for bad in [&b""[..], b"\n", b"\xff\n", &before[..before.len() - 1], &[&before[..], b"\n"].concat(), &[b'x'; 5000]]
    {
        root.write(AUDIT_KEY, bad);
        let error = load_audit_key(&root.path).expect_err("refused");
        assert!(matches!(error, AuditKeyError::Form { .. }), "{error}");
    }
}

#[test]
fn without_a_name_a_random_one_is_made_and_two_installations_differ() {
    let ids = SeqIds::default();
    let mut keys = (0..2).map(|_| {
        let root = Root::new();
        std::fs::create_dir(&root.path).unwrap();
        init_audit_key(&root.path, None, &ids).unwrap()
    });
    let (one, two) = (keys.next().unwrap(), keys.next().unwrap());
    assert_ne!(one.name(), two.name());
    assert!(one.name().starts_with("cortexpilot/") && one.name().len() == 28, "{}", one.name());
    let public = |key: &cortexpilot_ledger::log::AuditKey| key.signer("queue.jsonl", None).verifier().public_key();
    assert_ne!(public(&one), public(&two));
}
