//! How long whatever was opened with a session or a token may stay open.
//!
//! 1. A life ends at a time that is known from the start, or earlier, when somebody ends it (sign-out, revocation).
//! 2. Ended is for ever.
//! 3. Streams hold an `Arc<Life>` and wait for [`Life::until_end`] beside their bytes; cached decisions ask
//!    [`Life::is_ended`].

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gangplank_jose::UnixTime;
use gangplank_oauth::Clock;
use tokio::sync::Notify;

/// The life of one session or token.
#[derive(Debug)]
pub(crate) struct Life {
    /// When it ends by itself.
    pub(crate) ends: UnixTime,
    over: AtomicBool,
    /// For who waits.
    ended: Notify,
}

impl Life {
    /// A life that lasts until `ends`, unless it is ended before.
    pub(crate) fn new(ends: UnixTime) -> Self {
        Life { ends, over: AtomicBool::new(false), ended: Notify::new() }
    }

    /// Ends it now, and wakes everybody who waits for that.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.ended.notify_waiters();
    }

    /// Whether it is over at `now`.
    pub(crate) fn is_ended(&self, now: UnixTime) -> bool {
        now >= self.ends || self.over.load(Ordering::Acquire)
    }

    /// Returns when it is over: by time, by `clock`, or because somebody ended it.
    pub(crate) async fn until_end(&self, clock: &dyn Clock) {
        // An end from here on is heard; one before it is seen below.
        let mut ended = pin!(self.ended.notified());
        loop {
            let now = clock.now();
            if self.is_ended(now) {
                return;
            }
            // A timer does not know of a wall clock that is set; an hour's nap bounds how late it notices.
            let nap = self.ends.since(now).min(Duration::from_secs(3600));
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                () = ended.as_mut() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    struct Hands(AtomicU64);
    impl Clock for Hands {
        fn now(&self) -> UnixTime {
            UnixTime::from_secs(self.0.load(Ordering::SeqCst))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ends_at_its_time() {
        let clock = Arc::new(Hands(AtomicU64::new(1_000)));
        let life = Arc::new(Life::new(UnixTime::from_secs(1_060)));
        let wait = tokio::spawn({
            let (life, clock) = (life.clone(), clock.clone());
            async move { life.until_end(&*clock).await }
        });
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert!(!wait.is_finished());
        clock.0.store(1_060, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(wait.is_finished());
        assert!(life.is_ended(UnixTime::from_secs(1_060)));
        assert!(!life.is_ended(UnixTime::from_secs(1_059)));
    }

    #[tokio::test(start_paused = true)]
    async fn is_ended_early_by_a_sign_out() {
        let clock = Arc::new(Hands(AtomicU64::new(0)));
        let life = Arc::new(Life::new(UnixTime::from_secs(1_000_000)));
        let wait = tokio::spawn({
            let (life, clock) = (life.clone(), clock.clone());
            async move { life.until_end(&*clock).await }
        });
        tokio::task::yield_now().await;
        life.end();
        wait.await.unwrap();
        assert!(life.is_ended(UnixTime::EPOCH));
        // Who comes later does not wait at all.
        life.until_end(&*clock).await;
    }
}
