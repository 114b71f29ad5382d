//! One notice on its way: signed anew for every try, tried again where that can help.

use std::sync::Arc;

use cortexpilot_core::domain::id::hex;
use cortexpilot_core::port::Clock;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::StatusCode;
use tokio::sync::watch;

use super::post::{Post, PostProblem, Signed, Trust};
use super::{Notice, Pace};
use crate::config::WebhookSettings;

/// How a notice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    GivenUp,
}

/// What one try came to.
enum Try {
    /// A 2xx answer.
    Taken,
    /// An answer that another try would get again.
    Refused(StatusCode),
    /// Another try may go better.
    Failed(String),
}

impl Try {
    fn of(answer: Result<StatusCode, PostProblem>) -> Self {
        match answer {
            Ok(status) if status.is_success() => Self::Taken,
            Ok(status) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Self::Failed(format!("it answered {status}"))
            }
            // A redirect too: following it would hand the notice to an address that no operator named.
            Ok(status) => Self::Refused(status),
            Err(problem) => Self::Failed(problem.to_string()),
        }
    }
}

/// Carries notices to one endpoint.
pub(super) struct Courier {
    settings: WebhookSettings,
    post: Post,
    clock: Arc<dyn Clock>,
    pace: Pace,
    stop: watch::Receiver<bool>,
}

impl Courier {
    pub(super) fn new(
        settings: WebhookSettings,
        trust: Trust,
        clock: Arc<dyn Clock>,
        pace: Pace,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let post = Post::new(settings.endpoint.clone(), trust);
        Self { settings, post, clock, pace, stop }
    }

    /// Tries until the notice is taken, refused, or tried often enough. When the process is ending, once more and no
    /// oftener.
    pub(super) async fn deliver(&self, notice: &Notice) -> Outcome {
        let endpoint = &self.settings.endpoint;
        let delivery = notice.delivery.as_str();
        let mut pauses = self.pace.pauses.iter();
        let mut stop = self.stop.clone();
        loop {
            // Without its webhook nobody can tell it to stop any more: that is the end as well.
            let last_chance = *stop.borrow_and_update() || stop.has_changed().is_err();
            let answer = tokio::time::timeout(self.pace.one_try, self.post.send(&self.signed(notice))).await;
            match Try::of(answer.unwrap_or(Err(PostProblem::Slow))) {
                Try::Taken => return Outcome::Delivered,
                Try::Refused(status) => {
                    tracing::error!(delivery, %endpoint, %status, "the approval webhook refuses a notice; it is not tried again");
                    return Outcome::GivenUp;
                }
                Try::Failed(why) => match pauses.next().filter(|_| !last_chance) {
                    Some(pause) => {
                        tracing::warn!(delivery, %endpoint, why, again_in_s = pause.as_secs(), "the approval webhook does not take a notice");
                        // Told to stop: the next try is now, and the last.
                        let _ = tokio::time::timeout(*pause, stop.wait_for(|stopping| *stopping)).await;
                    }
                    None => {
                        tracing::error!(delivery, %endpoint, why, "a notice to the approval webhook is given up");
                        return Outcome::GivenUp;
                    }
                },
            }
        }
    }

    /// The headers of one try. The timestamp is that of the try, so that a receiver may refuse old ones.
    fn signed<'a>(&self, notice: &'a Notice) -> Signed<'a> {
        let timestamp = self.clock.now().as_second().to_string();
        let signature = signature(self.settings.secret.reveal(), &timestamp, &notice.body);
        Signed { delivery: &notice.delivery, timestamp, signature, body: &notice.body }
    }
}

/// `v1=` and the HMAC-SHA256 of timestamp, a full stop and body, in hexadecimal.
pub(super) fn signature(secret: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    for part in [timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1={}", hex(&mac.finalize().into_bytes()))
}
