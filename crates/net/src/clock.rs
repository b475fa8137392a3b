//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use gangplank_jose::UnixTime;
use gangplank_oauth::Clock;

/// The system's wall clock. A clock before 1970 reads as 1970: every token is then refused as not yet valid.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the edge where the clock is read")]
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the edge where the clock is read")]
    fn nanos(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.ok().and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
    }
}
