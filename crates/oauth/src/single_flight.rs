//! Many who want the same thing at the same time, and one who gets it for all.
//!
//! 1. While a flight for a key is under way, whoever asks with that key waits for its result.
//! 2. The result is kept for nobody: who comes after it starts a new flight.
//! 3. Cancellation-safe: if the caller whose work is running goes away, one of those who wait runs its own work. Work
//!    that must not run twice (a refresh token that may be used once) belongs into
//!    [`run_detached`](SingleFlight::run_detached), which goes on when its caller goes away.
//! 4. No entry outlives its last caller, however that one left.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// See the module's own words.
#[derive(Debug)]
pub struct SingleFlight<K, V> {
    flights: Mutex<HashMap<K, Flight<V>>>,
}

#[derive(Debug)]
struct Flight<V> {
    result: Arc<OnceCell<V>>,
    /// How many seats are taken. Counted under the lock, so that two who leave together can't each take the other for
    /// somebody who still waits.
    callers: usize,
}

/// A detached flight ended without a result: its work panicked, or the runtime is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared work ended without a result")]
pub struct Lost;

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// Without any flight.
    pub fn new() -> Self {
        SingleFlight { flights: Mutex::default() }
    }

    /// The result of the flight that is under way for `key`, or that of `work`.
    pub async fn run<W, F>(&self, key: K, work: W) -> V
    where
        W: FnOnce() -> F,
        F: Future<Output = V>,
    {
        let seat = self.board(key);
        seat.result.get_or_init(work).await.clone()
    }

    /// The same, except that the work is a task of its own and goes on when all its callers are gone. It needs the
    /// tokio runtime. If it panics, one of those who wait runs its own work.
    pub async fn run_detached<W, F>(self: &Arc<Self>, key: K, work: W) -> Result<V, Lost>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        W: FnOnce() -> F + Send + 'static,
        F: Future<Output = V> + Send + 'static,
    {
        let shared = Arc::clone(self);
        // Each caller's wait is a task too: were only the leader's one, a waiting caller could not take over from it
        // without the risk of being cancelled in turn.
        tokio::spawn(async move { shared.run(key, work).await }).await.map_err(|_| Lost)
    }

    /// How many keys are in flight.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn board(&self, key: K) -> Seat<'_, K, V> {
        let mut flights = self.lock();
        let flight = flights.entry(key.clone()).or_insert_with(Flight::new);
        if flight.result.initialized() {
            // It has landed, and not all its callers have left yet: rule 2.
            *flight = Flight::new();
        }
        flight.callers += 1;
        Seat { shared: self, key, result: Arc::clone(&flight.result) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight<V>>> {
        // Nothing is left half done under this lock.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Flight<V> {
    fn new() -> Self {
        Flight { result: Arc::new(OnceCell::new()), callers: 0 }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// One caller's part in a flight. Given up by dropping it, in whatever way the caller's future ends.
struct Seat<'s, K: Eq + Hash + Clone, V: Clone> {
    shared: &'s SingleFlight<K, V>,
    key: K,
    result: Arc<OnceCell<V>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let mut flights = self.shared.lock();
        let Some(flight) = flights.get_mut(&self.key).filter(|flight| Arc::ptr_eq(&flight.result, &self.result)) else {
            return;
        };
        flight.callers -= 1;
        if flight.callers == 0 || flight.result.initialized() {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    type Flights = SingleFlight<&'static str, usize>;

    /// Work that says that it has begun, waits to be let go, and counts.
    async fn work(count: Arc<AtomicUsize>, gate: Arc<Notify>) -> usize {
        let n = count.fetch_add(1, Ordering::SeqCst) + 1;
        gate.notified().await;
        n
    }

    fn setting() -> (Arc<Flights>, Arc<AtomicUsize>, Arc<Notify>) {
        (Arc::default(), Arc::default(), Arc::default())
    }

    fn fly(flights: &Arc<Flights>, count: &Arc<AtomicUsize>, gate: &Arc<Notify>) -> tokio::task::JoinHandle<usize> {
        let (flights, count, gate) = (Arc::clone(flights), Arc::clone(count), Arc::clone(gate));
        tokio::spawn(async move { flights.run("k", || work(count, gate)).await })
    }

    async fn settle() {
        for _ in 0..20 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn those_who_come_together_share_one_result_and_the_next_gets_its_own() {
        let (flights, count, gate) = setting();
        let callers: Vec<_> = (0..100).map(|_| fly(&flights, &count, &gate)).collect();
        settle().await;
        assert_eq!((count.load(Ordering::SeqCst), flights.len()), (1, 1));
        gate.notify_one();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), 1);
        }
        assert!(flights.is_empty());
        gate.notify_one();
        assert_eq!(fly(&flights, &count, &gate).await.unwrap(), 2);
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn other_keys_do_not_wait() {
        let (flights, count, gate) = setting();
        let slow = fly(&flights, &count, &gate);
        settle().await;
        assert_eq!(flights.run("other", || async { 7 }).await, 7);
        gate.notify_one();
        assert_eq!(slow.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_leader_that_goes_away_is_replaced_and_nothing_leaks() {
        let (flights, count, gate) = setting();
        let (leader, other) = (fly(&flights, &count, &gate), fly(&flights, &count, &gate));
        settle().await;
        leader.abort();
        settle().await;
        assert_eq!(count.load(Ordering::SeqCst), 2);
        gate.notify_one();
        assert_eq!(other.await.unwrap(), 2);
        assert!(flights.is_empty());

        let alone = fly(&flights, &count, &gate);
        settle().await;
        assert_eq!(flights.len(), 1);
        alone.abort();
        assert!(alone.await.is_err());
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn a_panic_in_the_work_leaves_nothing_behind() {
        let flights = Arc::new(Flights::new());
        let shared = Arc::clone(&flights);
        let caller = tokio::spawn(async move { shared.run("k", || async { panic!("the work's own") }).await });
        assert!(caller.await.is_err());
        assert!(flights.is_empty());
        assert_eq!(flights.run("k", || async { 1 }).await, 1);
    }

    #[tokio::test]
    async fn detached_work_goes_on_without_its_caller_and_runs_once() {
        let (flights, count, gate) = setting();
        let detached = |flights: &Arc<Flights>| {
            let (flights, count, gate) = (Arc::clone(flights), Arc::clone(&count), Arc::clone(&gate));
            tokio::spawn(async move { flights.run_detached("k", || work(count, gate)).await })
        };
        let (leader, other) = (detached(&flights), detached(&flights));
        settle().await;
        leader.abort();
        settle().await;
        assert_eq!(count.load(Ordering::SeqCst), 1);
        gate.notify_one();
        assert_eq!(other.await.unwrap(), Ok(1));
        settle().await;
        assert!(flights.is_empty());
        assert_eq!(flights.run_detached("k", || async { panic!("the work's own") }).await, Err(Lost));
    }

    #[test]
    fn callers_that_leave_together_leave_nothing_behind() {
        let flights = Flights::new();
        for _ in 0..500 {
            let start = std::sync::Barrier::new(2);
            let leave = || {
                let mut flight = Box::pin(flights.run("k", std::future::pending));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(flight.as_mut().poll(&mut context).is_pending());
                start.wait();
                drop(flight);
            };
            std::thread::scope(|scope| {
                scope.spawn(leave);
                leave();
            });
            assert!(flights.is_empty());
        }
    }
}
