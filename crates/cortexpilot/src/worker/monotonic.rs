//! Time that only goes forward, whatever anybody sets the clock to. Time in which the machine slept counts.

use std::time::Duration;

/// Time since some fixed moment before this process began.
#[cfg(target_os = "linux")]
pub(super) fn now() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(at.tv_sec).unwrap_or(0), u32::try_from(at.tv_nsec).unwrap_or(0))
}

/// Time since this was first asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn now() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
