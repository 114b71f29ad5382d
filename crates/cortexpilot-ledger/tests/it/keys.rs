//! The key under which previews and leases are sealed.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use cortexpilot_core::domain::seal::{SealKey, SeenPreview};
use cortexpilot_core::port::Ids;
use cortexpilot_core::port::conformance::start;
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_ledger::{KeyError, load_key, load_or_make_key};

use crate::support::{Root, names};

/// What a key is good for: two that make the same token are the same.
fn token(key: &SealKey) -> String {
    key.preview_token("agent:alice", &SeenPreview { nonce: [1; 12], digest: [2; 16], expires_at: start() })
}

fn root() -> Root {
    let root = Root::new();
    std::fs::create_dir(&root.path).unwrap();
    root
}

#[test]
fn a_key_is_made_once_for_its_owner_alone_and_found_again() {
    let root = root();
    assert!(load_key(&root.path).unwrap().is_none());
    assert_eq!(root.names(), [""; 0], "looking makes nothing");
    let made = load_or_make_key(&root.path, &SeqIds::default()).unwrap();
    assert_eq!(token(&load_key(&root.path).unwrap().unwrap()), token(&made));
    let ids = SeqIds::default();
    (&ids as &dyn Ids).bytes::<5>();
    assert_eq!(token(&load_or_make_key(&root.path, &ids).unwrap()), token(&made));
    let mode = |name: &str| std::fs::metadata(root.file(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("keys"), mode("keys/preview.key")), (0o700, 0o600));
    assert_eq!(root.read("keys/preview.key").len(), 32);
    assert_eq!(names(&root.file("keys")), ["preview.key"]);
}

#[test]
fn processes_that_start_at_once_agree_on_one_key() {
    for _ in 0..20 {
        let root = root();
        let ids = Arc::new(SeqIds::default());
        let tokens: Vec<String> = std::thread::scope(|scope| {
            let starters: Vec<_> =
                (0..8).map(|_| scope.spawn(|| token(&load_or_make_key(&root.path, &*ids).unwrap()))).collect();
            starters.into_iter().map(|starter| starter.join().unwrap()).collect()
        });
        assert!(tokens.iter().all(|other| *other == tokens[0]));
        assert_eq!(names(&root.file("keys")), ["preview.key"]);
    }
}

#[test]
fn a_key_that_others_may_touch_is_refused_and_the_mode_named() {
    for mode in [0o640, 0o604, 0o620, 0o660, 0o601] {
        let root = root();
        load_or_make_key(&root.path, &SeqIds::default()).unwrap();
        let path = root.file("keys/preview.key");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = load_or_make_key(&root.path, &SeqIds::default()).expect_err("refused");
        assert!(matches!(error, KeyError::Mode { mode: found, .. } if found == mode), "{mode:o}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        assert!(load_key(&root.path).is_err());
    }
}

#[test]
fn what_is_no_key_is_refused_and_left_alone() {
    for bytes in [&b""[..], &[7; 31], &[7; 33], &[7; 5000]] {
        let root = root();
        std::fs::create_dir(root.file("keys")).unwrap();
        root.write("keys/preview.key", bytes);
        std::fs::set_permissions(root.file("keys/preview.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = load_or_make_key(&root.path, &SeqIds::default()).expect_err("refused");
        assert!(matches!(error, KeyError::Form { .. }), "{error}");
        assert_eq!(root.read("keys/preview.key"), bytes);
    }
    let root = root();
    std::fs::create_dir_all(root.file("keys/preview.key")).unwrap();
    assert!(load_key(&root.path).is_err());
    let root = self::root();
    std::fs::create_dir(root.file("keys")).unwrap();
    std::os::unix::fs::symlink("/dev/urandom", root.file("keys/preview.key")).unwrap();
    assert!(load_key(&root.path).is_err());
}
