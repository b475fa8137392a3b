//! How long a connection may wait for a request, told apart from how long a request's head may take.
//!
//! hyper has one time limit for both, and none for the bytes that tell HTTP/1.1 from HTTP/2. Proxies keep idle
//! connections for a minute and must be the ones to close them, while a head that takes a minute is an attack.
//!
//! 1. A new connection has `head` for its first request.
//! 2. After an answer it may be silent for `idle`; from the first byte of the next request on, it has `head` again.
//! 3. While a request is being answered no clock runs here, and none runs on an HTTP/2 connection after its first
//!    request: pings find out whether the peer is still there.
//!
//! hyper tells when it begins to wait by taking a timer from us, and when it has a head by dropping it. That timer
//! never fires: the connection's task looks at the deadline from time to time, which costs a request nothing, where
//! hyper's own timers are put into the runtime's wheel and taken out again for each.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;
use tokio::time::Instant;

/// No deadline: a request is being answered.
const NONE: u64 = u64::MAX;

/// One connection's clock. The clones are the same clock, and all run in the connection's task.
#[derive(Clone, Debug)]
pub(crate) struct HeadClock(Arc<State>);

#[derive(Debug)]
struct State {
    start: Instant,
    head: Duration,
    /// The shorter of both limits.
    step: Duration,
    /// Milliseconds after `start`, or [`NONE`].
    deadline: AtomicU64,
    /// Whether the deadline is that of silence, to be replaced when a byte comes.
    silent: AtomicBool,
}

impl HeadClock {
    /// Starts with the time for the first head running.
    pub(crate) fn start(head: Duration, idle: Duration) -> Self {
        let clock = HeadClock(Arc::new(State {
            start: Instant::now(),
            head,
            step: head.min(idle),
            deadline: AtomicU64::new(NONE),
            silent: AtomicBool::new(false),
        }));
        clock.set(clock.0.start + head);
        clock
    }

    /// Bytes have come.
    pub(crate) fn heard(&self) {
        if self.0.silent.load(Relaxed) {
            self.0.silent.store(false, Relaxed);
            self.set(Instant::now() + self.0.head);
        }
    }

    /// A whole head has come.
    pub(crate) fn busy(&self) {
        self.0.silent.store(false, Relaxed);
        self.0.deadline.store(NONE, Relaxed);
    }

    /// Whether the peer has used up its time.
    pub(crate) fn expired(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// When to ask again: not later than the present deadline, nor than any that may begin meanwhile.
    pub(crate) fn next_look(&self) -> Instant {
        let latest = Instant::now() + self.0.step;
        self.deadline().map_or(latest, |deadline| deadline.min(latest))
    }

    fn silent_until(&self, deadline: Instant) {
        // The clock for a connection's first head runs already.
        if self.0.deadline.load(Relaxed) == NONE {
            self.set(deadline);
            self.0.silent.store(true, Relaxed);
        }
    }

    fn set(&self, deadline: Instant) {
        let millis = deadline.saturating_duration_since(self.0.start).as_millis();
        self.0.deadline.store(u64::try_from(millis).unwrap_or(NONE), Relaxed);
    }

    fn deadline(&self) -> Option<Instant> {
        let millis = self.0.deadline.load(Relaxed);
        (millis != NONE).then(|| self.0.start + Duration::from_millis(millis))
    }
}

impl Timer for HeadClock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        TokioTimer::new().sleep(duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        self.silent_until(deadline.into());
        Box::pin(Waiting(self.clone()))
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// hyper waits for a head as long as it holds this.
struct Waiting(HeadClock);

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Waiting {}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.busy();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(75);

    fn wait(clock: &HeadClock) -> Pin<Box<dyn Sleep>> {
        clock.sleep_until(clock.now() + IDLE)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_timed_from_the_start_whatever_comes() {
        let clock = HeadClock::start(HEAD, IDLE);
        advance(HEAD / 2).await;
        clock.heard();
        let _waiting = wait(&clock);
        clock.heard();
        assert_eq!(clock.next_look(), Instant::now() + HEAD / 2);
        assert!(!clock.expired());
        advance(HEAD / 2).await;
        assert!(clock.expired());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_between_requests_may_last_longer_than_a_head() {
        let clock = HeadClock::start(HEAD, IDLE);
        drop(wait(&clock));
        advance(IDLE * 2).await;
        assert!(!clock.expired(), "a request is being answered");

        let waiting = wait(&clock);
        advance(IDLE - Duration::from_secs(1)).await;
        assert!(!clock.expired());
        clock.heard();
        advance(HEAD - Duration::from_secs(1)).await;
        clock.heard();
        assert!(!clock.expired());
        advance(Duration::from_secs(1)).await;
        assert!(clock.expired(), "the second byte does not buy more time");

        drop(waiting);
        let _waiting = wait(&clock);
        advance(IDLE).await;
        assert!(clock.expired());
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_look_comes_before_any_deadline_that_begins_meanwhile() {
        let clock = HeadClock::start(HEAD, IDLE);
        drop(wait(&clock));
        assert_eq!(clock.next_look(), Instant::now() + HEAD);
        let _waiting = wait(&clock);
        assert_eq!(clock.next_look(), Instant::now() + HEAD);

        let clock = HeadClock::start(IDLE, HEAD);
        drop(wait(&clock));
        assert_eq!(clock.next_look(), Instant::now() + HEAD);
    }
}
