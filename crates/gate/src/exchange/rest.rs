//! A provider that could not answer is left alone for a moment, or the callers of one that is overloaded would keep it so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gangplank_jose::UnixTime;

/// Until when nobody asks. In whole seconds; the first to come after it asks again.
#[derive(Debug, Default)]
pub(crate) struct Rest(AtomicU64);

impl Rest {
    /// Begins, or goes on for longer.
    pub(super) fn begin(&self, now: UnixTime, lasts: Duration) {
        self.0.fetch_max((now + lasts).as_secs(), Ordering::Relaxed);
    }

    /// How long it still lasts.
    pub(super) fn until_over(&self, now: UnixTime) -> Option<Duration> {
        let over = UnixTime::from_secs(self.0.load(Ordering::Relaxed));
        // A clock that was set back must not make it last for longer.
        let lasts = over.since(now);
        (now < over && lasts <= LONGEST).then_some(lasts)
    }
}

/// No rest is longer.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_by_itself() {
        let (rest, at) = (Rest::default(), UnixTime::from_secs);
        assert_eq!(rest.until_over(at(100)), None);
        rest.begin(at(100), Duration::from_secs(2));
        assert_eq!(rest.until_over(at(100)), Some(Duration::from_secs(2)));
        assert_eq!(rest.until_over(at(102)), None);
        // The clock was set back by an hour.
        rest.begin(at(4000), Duration::from_secs(2));
        assert_eq!(rest.until_over(at(400)), None);
    }
}
