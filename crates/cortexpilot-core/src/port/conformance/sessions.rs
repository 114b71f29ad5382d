//! Signing in: how sessions and one-time logins are kept, and how they end.

use futures_util::future::join_all;
use jiff::Timestamp;

use super::scene::head;
use super::{Subject, soon};
use crate::domain::id::Sha256Digest;
use crate::domain::session::{
    EndSessions, SECRET_BYTES, SESSIONS_OF_PRINCIPAL_MAX, SecretKind, SecretText, SessionKey, SessionRecord,
};
use crate::domain::token::TokenId;
use crate::port::Store;

fn key(kind: SecretKind, number: u8) -> SessionKey {
    SecretText::new(kind, [number; SECRET_BYTES]).key()
}

fn record(principal: &str, made_at: Timestamp, expires_at: Timestamp) -> SessionRecord {
    let token = principal.starts_with("operator:").then(|| TokenId::from_bytes([7; 6]));
    SessionRecord { principal: principal.into(), token, seal: Sha256Digest::of(b"a token"), made_at, expires_at }
}

async fn write(store: &dyn Store, key: SessionKey, record: &SessionRecord) {
    store.write_session(key, record.clone()).await.expect("the store can be written");
}

async fn held(store: &dyn Store, key: &SessionKey) -> Option<SessionRecord> {
    store.session(key).await.expect("the store can be read")
}

async fn end(store: &dyn Store, which: EndSessions) -> u64 {
    store.end_sessions(which).await.expect("the store can be written")
}

/// It is read as it was written, here and in another process, until it is ended; the record of the queue knows nothing of it.
pub async fn a_session_is_known_to_everybody_until_it_is_ended_and_leaves_no_line(subject: &dyn Subject) {
    let store = subject.store();
    let before = head(store).await;
    let (session, login) = (key(SecretKind::Session, 1), key(SecretKind::Login, 1));
    assert_eq!((held(store, &session).await, held(store, &login).await), (None, None));
    let one = record("operator:alice", soon(0), soon(100));
    let two = record("token:api", soon(1), soon(50));
    write(store, session, &one).await;
    write(store, login, &two).await;
    let other = subject.another();
    for store in [Some(store), other.as_deref()].into_iter().flatten() {
        assert_eq!(held(store, &session).await.as_ref(), Some(&one));
        assert_eq!(held(store, &login).await.as_ref(), Some(&two));
        // The same secret for another purpose is another one.
        assert_eq!(held(store, &key(SecretKind::Session, 2)).await, None);
    }
    // Whoever ends it in one process ends it in all.
    let ending = other.as_deref().unwrap_or(store);
    assert_eq!(end(ending, EndSessions::One(session)).await, 1);
    assert_eq!(held(store, &session).await, None);
    assert_eq!(held(store, &login).await, Some(two), "and no other");
    assert_eq!(end(store, EndSessions::One(session)).await, 0, "it had ended");
    assert_eq!((head(store).await, subject.decisions().len()), (before, 0), "nothing is written down");
}

/// Everywhere means everywhere: its one-time logins that nobody came with are gone, too.
pub async fn sessions_of_a_principal_end_together_and_those_of_others_go_on(subject: &dyn Subject) {
    let store = subject.store();
    for number in 1..=5 {
        let who = if number == 3 { "operator:bob" } else { "operator:alice" };
        write(store, key(SecretKind::Session, number), &record(who, soon(0), soon(100))).await;
    }
    write(store, key(SecretKind::Login, 9), &record("operator:alice", soon(0), soon(100))).await;
    assert_eq!(end(store, EndSessions::OfPrincipal("operator:al".into())).await, 0);
    assert_eq!(end(store, EndSessions::OfPrincipal("operator:alice".into())).await, 5);
    for number in 1..=5 {
        let lives = held(store, &key(SecretKind::Session, number)).await.is_some();
        assert_eq!(lives, number == 3, "{number}");
    }
    let login = store.take_login(&key(SecretKind::Login, 9)).await.expect("the store can be written");
    assert_eq!(login, None);
}

/// Also where half of them ask another process.
pub async fn of_many_that_redeem_a_login_at_once_one_has_it(subject: &dyn Subject) {
    let (store, other) = (subject.store(), subject.another());
    for number in 1..=20 {
        let login = key(SecretKind::Login, number);
        let made = record("token:api", soon(0), soon(100));
        write(store, login, &made).await;
        let of = |nth: usize| if nth.is_multiple_of(2) { store } else { other.as_deref().unwrap_or(store) };
        let taken = join_all((0..16).map(|nth| of(nth).take_login(&login))).await;
        let taken: Vec<_> = taken.into_iter().filter_map(|one| one.expect("the store can be written")).collect();
        assert_eq!(taken, [made]);
        assert_eq!(held(store, &login).await, None);
    }
    // What is no login cannot be taken as one, and is left as it is.
    let session = key(SecretKind::Session, 1);
    write(store, session, &record("token:api", soon(0), soon(100))).await;
    assert_eq!(store.take_login(&session).await.expect("the store can be written"), None);
    assert!(held(store, &session).await.is_some());
}

/// So that nothing grows: neither with time nor with somebody who signs in again and again.
pub async fn what_is_over_is_swept_and_beyond_the_limit_the_oldest_ends(subject: &dyn Subject) {
    let store = subject.store();
    let (short, long, login) =
        (key(SecretKind::Session, 201), key(SecretKind::Session, 202), key(SecretKind::Login, 203));
    write(store, short, &record("operator:bob", soon(0), soon(10))).await;
    write(store, long, &record("operator:bob", soon(0), soon(11))).await;
    write(store, login, &record("operator:bob", soon(0), soon(10))).await;
    assert_eq!(end(store, EndSessions::Over(soon(9))).await, 0);
    assert_eq!(end(store, EndSessions::Over(soon(10))).await, 2, "until the last moment, not at it");
    assert_eq!((held(store, &short).await, held(store, &login).await), (None, None));
    assert!(held(store, &long).await.is_some());
    // Whoever signs in sweeps, too.
    let most = u8::try_from(SESSIONS_OF_PRINCIPAL_MAX).expect("a small number");
    for number in 0..=most {
        let at = soon(20 + i64::from(number));
        write(store, key(SecretKind::Session, number), &record("operator:alice", at, soon(9_999))).await;
    }
    assert_eq!(held(store, &long).await, None);
    let mut alive = Vec::new();
    for number in 0..=most {
        alive.extend(held(store, &key(SecretKind::Session, number)).await.map(|_| number));
    }
    assert_eq!(alive, (1..=most).collect::<Vec<_>>());
}
