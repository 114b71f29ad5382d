//! Whether tokens of open streams still count: looked at every second, once for each token, however many streams it opened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::principal::Caller;
use tokio::sync::watch;
use tokio::time::timeout;

use super::block::EndReason;
use crate::auth::{Auth, Unidentified};

/// How long there is between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A store that does not say in this time whose token it is does not know.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);

type Known = Arc<Mutex<HashMap<Sha256Digest, watch::Sender<Option<EndReason>>>>>;

/// The tokens that streams were opened with.
pub(super) struct Tokens {
    auth: Auth,
    known: Known,
}

impl Tokens {
    pub(super) fn new(auth: Auth) -> Self {
        Self { auth, known: Known::default() }
    }

    /// Told why the stream must end, once its token stands for its caller no longer. `None` where nobody needs one.
    pub(super) fn check(&self, sent: &HeaderMap, caller: &Caller) -> Option<watch::Receiver<Option<EndReason>>> {
        if !self.auth.is_on() {
            return None;
        }
        let key = key(sent);
        let mut known = lock(&self.known);
        // One that was found out to count no longer may count again by now: the caller has just been admitted.
        if let Some(sender) = known.get(&key).filter(|sender| sender.borrow().is_none()) {
            return Some(sender.subscribe());
        }
        let (sender, receiver) = watch::channel(None);
        known.insert(key, sender);
        tokio::spawn(keep_looking(self.auth.clone(), Arc::clone(&self.known), key, sent.clone(), principal(caller)));
        Some(receiver)
    }
}

/// Looks until no stream of the token is open any more, or it counts no longer.
async fn keep_looking(auth: Auth, known: Known, key: Sha256Digest, sent: HeaderMap, principal: String) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        {
            let mut known = lock(&known);
            match known.get(&key) {
                Some(sender) if sender.receiver_count() > 0 => {}
                Some(_) => {
                    known.remove(&key);
                    return;
                }
                None => return,
            }
        }
        let reason = match timeout(KNOWN_WITHIN, auth.identify(&sent)).await {
            Ok(Ok(now)) if now.id == principal => continue,
            // Where it cannot be found out, it does not count: the client may ask again.
            Ok(Err(Unidentified::Unread(_))) | Err(_) => EndReason::Unavailable,
            Ok(
                Ok(_)
                | Err(
                    Unidentified::Missing
                    | Unidentified::Unknown
                    | Unidentified::Expired
                    | Unidentified::Revoked
                    | Unidentified::SessionOver,
                ),
            ) => EndReason::Token,
        };
        let sender = lock(&known).remove(&key);
        if let Some(sender) = sender {
            tracing::info!(principal, ?reason, "streams end because their token counts no longer");
            sender.send_replace(Some(reason));
        }
        return;
    }
}

fn principal(caller: &Caller) -> String {
    caller.principal_id().to_owned()
}

/// The token itself is kept nowhere but where it is looked up with.
fn key(sent: &HeaderMap) -> Sha256Digest {
    let mut bytes = Vec::new();
    for (name, value) in sent {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    Sha256Digest::of(&bytes)
}

// No code panics while it holds the lock; were it to, the map is whole all the same.
fn lock<T>(known: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
