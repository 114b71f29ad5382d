//! The one real clock and the one real source of randomness.

use cortexpilot_core::port::{Clock, Ids};
use jiff::Timestamp;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "time enters here and nowhere else")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The operating system's random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OsIds;

impl Ids for OsIds {
    #[expect(clippy::disallowed_methods, reason = "randomness enters here and nowhere else")]
    fn fill(&self, buffer: &mut [u8]) {
        // Without randomness no id and no key can be made; there is nothing sensible to go on with.
        getrandom::fill(buffer).expect("invariant: the operating system gives random bytes");
    }
}
