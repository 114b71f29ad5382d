//! A measure of how often: so many at once, and so many a second in the long run.

use tokio::time::Instant;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// In the long run.
    pub(crate) per_second: u32,
    /// At once, after a while without any.
    pub(crate) burst: u32,
}

/// What may still happen now. Fills with time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(rate: Rate) -> Self {
        Self { left: f64::from(rate.burst), at: Instant::now() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// When there is none: after how many whole seconds, one at least, there will be.
    pub(crate) fn take(&mut self, rate: Rate) -> Result<(), u32> {
        self.fill(rate);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let seconds = (1.0 - self.left) / f64::from(rate.per_second.max(1));
        // At least a second: the header that says so has no fractions.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a second or a little more")]
        Err(seconds.ceil().max(1.0) as u32)
    }

    /// Whether nothing was taken lately.
    pub(crate) fn is_full(&mut self, rate: Rate) -> bool {
        self.fill(rate);
        self.left >= f64::from(rate.burst)
    }

    fn fill(&mut self, rate: Rate) {
        let now = Instant::now();
        let new = now.duration_since(self.at).as_secs_f64() * f64::from(rate.per_second);
        *self = Self { left: (self.left + new).min(f64::from(rate.burst)), at: now };
    }
}
