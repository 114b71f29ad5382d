//! What a process has asked, and the state that a client carries between two rounds of a call.
//!
//! The state is authenticated, not encrypted: when it ends (8 bytes, seconds since 1970, big-endian), then HMAC-SHA-256
//! over the principal, the digest of the request, what the question is about and that moment; base64url without padding.
//! The key is random and lives as long as the process, and so does the memory beside it which gives single use: what the
//! protocol calls a state that is consumed at most once cannot be had from the state alone.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cortexpilot_core::{domain::id::Sha256Digest, port::Ids};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};

use super::Question;

/// How long the client may take between two rounds.
const ROUND_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The most questions that are remembered. When as many were asked within [`ROUND_WITHIN`], no more are.
const REMEMBERED: usize = 1024;

/// Bytes of a state: its end, and the code.
const STATE_BYTES: usize = 8 + 32;

/// What this process has asked. Each subject is asked about once: whoever repeats a call is answered, not asked again,
/// so an agent that calls in a loop cannot wear a person down.
pub struct Asked {
    key: [u8; 32],
    // Oldest first.
    questions: Mutex<VecDeque<Entry>>,
}

struct Entry {
    about: String,
    asked_at: Timestamp,
    // A further round may still bring the answer.
    open: bool,
}

impl Asked {
    /// Nothing yet, under a key of its own.
    #[must_use]
    pub fn new(ids: &dyn Ids) -> Self {
        Self { key: ids.bytes(), questions: Mutex::default() }
    }

    /// Takes note that a question is asked whose answer comes back to the same call. `false`: it was asked before, or
    /// too many were.
    pub(super) fn begin(&self, question: &Question, now: Timestamp) -> bool {
        self.note(question, now, false)
    }

    /// Takes note that a question is asked whose answer comes with a further round of `request`, and gives the state to
    /// carry there. `None` as in [`Asked::begin`].
    pub(super) fn begin_round(&self, question: &Question, request: &Sha256Digest, now: Timestamp) -> Option<String> {
        let until = now.checked_add(ROUND_WITHIN).ok()?.as_second().to_be_bytes();
        self.note(question, now, true).then(|| {
            let code = self.code(question, request, until).finalize().into_bytes();
            URL_SAFE_NO_PAD.encode([&until[..], &code].concat())
        })
    }

    /// Whether this state was given out for this question of this request, has not ended, and is used for the first time.
    pub(super) fn take_back(&self, question: &Question, request: &Sha256Digest, state: &str, now: Timestamp) -> bool {
        let taken = self.is_ours(question, request, state, now) && self.close(&question.about);
        if !taken {
            // Why it failed is not told apart: whoever sent it learns nothing, and the call's answer is the same.
            tracing::warn!(about = question.about, "a further round came with a state that does not fit");
        }
        taken
    }

    fn is_ours(&self, question: &Question, request: &Sha256Digest, state: &str, now: Timestamp) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(state) else { return false };
        if bytes.len() != STATE_BYTES {
            return false;
        }
        let (until, code) = bytes.split_at(8);
        let until: [u8; 8] = until.try_into().expect("invariant: split at eight");
        let genuine = self.code(question, request, until).verify_slice(code).is_ok();
        genuine && now.as_second() < i64::from_be_bytes(until)
    }

    fn note(&self, question: &Question, now: Timestamp, open: bool) -> bool {
        let mut questions = self.questions();
        if questions.iter().any(|entry| entry.about == question.about) {
            return false;
        }
        if questions.len() >= REMEMBERED {
            // Only what can bring no answer any more is forgotten: forgetting sooner would allow a second use.
            let over = |entry: &Entry| now.duration_since(entry.asked_at) > ROUND_WITHIN;
            if !questions.front().is_some_and(over) {
                tracing::warn!("too many questions were asked; no more are for now");
                return false;
            }
            questions.pop_front();
        }
        questions.push_back(Entry { about: question.about.clone(), asked_at: now, open });
        true
    }

    fn close(&self, about: &str) -> bool {
        let mut questions = self.questions();
        questions
            .iter_mut()
            .find(|entry| entry.about == about)
            .is_some_and(|entry| std::mem::replace(&mut entry.open, false))
    }

    /// Over length-prefixed parts, so that no two inputs share one encoding.
    fn code(&self, question: &Question, request: &Sha256Digest, until: [u8; 8]) -> Hmac<sha2::Sha256> {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        let parts = [
            &b"elicitation round"[..],
            question.asked_of.principal_id().as_bytes(),
            request.as_bytes(),
            question.about.as_bytes(),
            &until,
        ];
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    // No code panics while it holds the lock; were it to, the list is whole all the same.
    fn questions(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::domain::principal::{Caller, KnownBy, Principal, PrincipalKind, Roles, Surface};
    use cortexpilot_core::port::fake::SeqIds;

    use super::*;

    fn caller(id: &str) -> Caller {
        let (kind, known_by) = (PrincipalKind::Agent, KnownBy::Process);
        let principal = Principal { id: id.into(), kind, roles: Roles::new(), sponsor: None, known_by };
        Caller { principal: Some(principal), surface: Surface::Mcp }
    }

    fn question(about: &str) -> Question {
        Question { about: about.into(), asked_of: caller("agent:alice"), message: "?".into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn request() -> Sha256Digest {
        Sha256Digest::of(b"one request")
    }

    fn asked() -> Asked {
        Asked::new(&SeqIds::default())
    }

    #[test]
    fn a_state_is_good_once_for_its_principal_request_and_subject_until_it_ends() {
        let asked = asked();
        let state = asked.begin_round(&question("apr_1"), &request(), at(0)).unwrap();
        asked.begin_round(&question("apr_2"), &request(), at(0)).unwrap();
        let bob = Question { asked_of: caller("agent:bob"), ..question("apr_1") };
        assert!(!asked.take_back(&bob, &request(), &state, at(1)));
        assert!(!asked.take_back(&question("apr_2"), &request(), &state, at(1)));
        assert!(!asked.take_back(&question("apr_1"), &Sha256Digest::of(b"another"), &state, at(1)));
        assert!(!asked.take_back(&question("apr_1"), &request(), &state, at(600)), "its last second has passed");
        assert!(!Asked::new(&SeqIds::default()).take_back(&question("apr_1"), &request(), &state, at(1)), "not asked");
        assert!(asked.take_back(&question("apr_1"), &request(), &state, at(599)));
        assert!(!asked.take_back(&question("apr_1"), &request(), &state, at(599)), "used");
    }

    #[test]
    fn no_changed_state_is_taken() {
        let asked = asked();
        let state = asked.begin_round(&question("apr_1"), &request(), at(0)).unwrap();
        for index in 0..state.len() {
            let mut changed = state.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(!asked.take_back(&question("apr_1"), &request(), &changed, at(1)), "character {index}");
        }
        for odd in ["", "A", &state[1..], &format!("{state}A"), &format!("{state}="), "ü", &"A".repeat(100_000)] {
            assert!(!asked.take_back(&question("apr_1"), &request(), odd, at(1)));
        }
        assert!(asked.take_back(&question("apr_1"), &request(), &state, at(1)), "none of that used it up");
    }

    #[test]
    fn a_subject_is_asked_about_once_and_a_flood_of_them_ends() {
        let asked = asked();
        assert!(asked.begin(&question("apr_0"), at(0)));
        assert!(!asked.begin(&question("apr_0"), at(1)));
        assert_eq!(asked.begin_round(&question("apr_0"), &request(), at(1)), None);
        for index in 1..REMEMBERED {
            assert!(asked.begin(&question(&format!("apr_{index}")), at(1)), "{index}");
        }
        assert!(!asked.begin(&question("one more"), at(2)));
        assert!(asked.begin(&question("one more"), at(601)), "the oldest is forgotten when its time is over");
        assert!(!asked.begin(&question("yet one more"), at(601)));
    }

    #[test]
    fn a_question_that_came_back_to_its_call_has_no_further_round() {
        let asked = asked();
        assert!(asked.begin(&question("apr_1"), at(0)));
        let other = self::asked();
        let state = other.begin_round(&question("apr_1"), &request(), at(0)).unwrap();
        // Both processes of this test have the same key.
        assert!(!asked.take_back(&question("apr_1"), &request(), &state, at(1)));
    }
}
