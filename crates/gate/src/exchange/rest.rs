//! A provider that could not answer is left alone for a while, or the callers of one that is overloaded would keep it so.
//!
//! 1. For two seconds after the first failure, twice as long after each further one, and half a minute at most.
//! 2. For longer if it says so itself (`Retry-After`), and a minute at most: nobody but us knows who waits here.
//! 3. An answer ends it, whatever the answer is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gangplank_jose::UnixTime;
use gangplank_oauth::{freshness, random_unit};

const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(30);
const LONGEST_SAID: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    over: UnixTime,
}

impl Rest {
    /// It did not answer at `now`, or said when to come back.
    pub(super) fn begin(&self, now: UnixTime, said: Option<Duration>) {
        let mut state = self.lock();
        // Those who were on their way together are one failure.
        if state.failures > 0 && now < state.over && said.is_none() {
            return;
        }
        let pause = freshness::back_off(SHORTEST, LONGEST, state.failures, random_unit());
        state.failures = state.failures.saturating_add(1);
        state.over = now + pause.max(said.unwrap_or_default().min(LONGEST_SAID));
    }

    /// It answered.
    pub(super) fn end(&self) {
        *self.lock() = State::default();
    }

    /// How long it still lasts.
    pub(super) fn until_over(&self, now: UnixTime) -> Option<Duration> {
        let over = self.lock().over;
        // A clock that was set back must not make it last for longer.
        let lasts = over.since(now);
        (now < over && lasts <= LONGEST_SAID).then_some(lasts)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_and_ends_by_itself() {
        let (rest, at) = (Rest::default(), UnixTime::from_secs);
        assert_eq!(rest.until_over(at(100)), None);
        rest.begin(at(100), None);
        assert_eq!(rest.until_over(at(100)), Some(SHORTEST));
        rest.begin(at(101), None);
        assert_eq!(rest.until_over(at(102)), None, "who came together with the first makes it no longer");
        for (now, shortest, longest) in [(102, 3, 4), (110, 6, 8), (120, 12, 16), (140, 22, 30), (180, 22, 30)] {
            rest.begin(at(now), None);
            let lasts = rest.until_over(at(now)).unwrap().as_secs();
            assert!((shortest..=longest).contains(&lasts), "{now}: {lasts}");
        }
        rest.end();
        assert_eq!(rest.until_over(at(180)), None);
        rest.begin(at(180), None);
        assert_eq!(rest.until_over(at(180)), Some(SHORTEST));
    }

    #[test]
    fn the_provider_has_a_say_within_reason() {
        let at = UnixTime::from_secs;
        for (said, lasts) in [(0, 2), (1, 2), (20, 20), (86_400, 60)] {
            let rest = Rest::default();
            rest.begin(at(100), Some(Duration::from_secs(said)));
            assert_eq!(rest.until_over(at(100)), Some(Duration::from_secs(lasts)), "{said}");
        }
        // The clock was set back by an hour.
        let rest = Rest::default();
        rest.begin(at(4000), None);
        assert_eq!(rest.until_over(at(400)), None);
    }
}
