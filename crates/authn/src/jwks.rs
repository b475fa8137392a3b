//! The keys of one issuer, which nobody outside can make us fetch at will.
//!
//! 1. A good set is one that parses and has a usable key. Nothing else ever replaces a good set.
//! 2. While a set is less than [`TRUSTED`] old, a token whose key is in it costs no network.
//! 3. A key that is not in the set, or a signature that does not match under one that is, leads to one fetch, at once,
//!    and to no other within [`INTERVAL`], whatever is presented. With no set at all it is [`COLD_INTERVAL`]: then
//!    nobody gets in, and a flood costs the provider one request in ten seconds. Tokens that we fetched from the provider
//!    ourselves have an interval of their own: who sends us tokens with invented keys must not be able to make the
//!    provider's own words unreadable after a rotation.
//! 4. One fetch is in flight at a time; whoever needs it waits for that one. It goes on if they go away.
//! 5. A fetched set replaces the old one whole: a key that the issuer withdrew is gone, and with it what was
//!    verified with the set before: evidence rests on the [generation](JwksCache::basis) of the set. Sets are fetched
//!    [ahead of need](JwksCache::REFRESH_EVERY), so that a withdrawn key is good for a quarter of an hour at the most
//!    while the issuer can be asked, give or take a tenth, whether or not anybody presents a new one.
//! 6. In an outage the last good set is used until it is [`TRUSTED`] old; then the answer is "unavailable". So it is
//!    for an unknown key whose fetch failed: it may well be a good one.
//! 7. How long `Cache-Control` would keep the set is not looked at: it is the issuer's idea of load, not of trust.

mod keep_fresh;
mod verify;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use gangplank_jose::{KeySet, UnixTime};
use gangplank_oauth::BoxFuture;
use tokio::sync::{Mutex, OwnedMutexGuard};

pub(crate) use self::verify::Expected;
use crate::entra::{KeyOwners, Pattern};
use crate::generation::{Basis, Generation};
use crate::refusal::fact;

/// How long a set is used without another having been fetched.
pub(crate) const TRUSTED: Duration = Duration::from_secs(24 * 3600);
/// How often a token may make us fetch.
pub(crate) const INTERVAL: Duration = Duration::from_secs(60);
/// The same while there is no set at all.
pub(crate) const COLD_INTERVAL: Duration = Duration::from_secs(10);

/// Where a set comes from.
pub(crate) trait KeySource: Send + Sync + 'static {
    /// Gets the JSON of the set, or says why not. `ahead` of need there is time to ask where it is, too.
    fn fetch(&self, ahead: bool) -> BoxFuture<'_, Result<Bytes, String>>;
}

/// What kind of document a source has.
#[derive(Clone, Debug)]
pub(crate) enum Reads {
    /// A JWK set.
    Jwks,
    /// The bundle of a SPIFFE trust domain.
    SpiffeBundle,
    /// A JWK set of Entra ID, whose keys may say for whose v2 issuer they are.
    Entra(Pattern),
}

impl Reads {
    fn read(&self, json: &[u8]) -> Result<(KeySet, KeyOwners), String> {
        let keys = match self {
            Reads::Jwks | Reads::Entra(_) => KeySet::parse(json),
            Reads::SpiffeBundle => KeySet::parse_spiffe_bundle(json),
        };
        let keys = keys.map_err(|e| fact(&e.to_string()))?;
        if keys.is_empty() {
            return Err("the key set has no usable key".to_owned());
        }
        let owners = match self {
            Reads::Entra(v2) => KeyOwners::parse(json, v2)?,
            Reads::Jwks | Reads::SpiffeBundle => KeyOwners::default(),
        };
        Ok((keys, owners))
    }
}

/// How the keys of an issuer are, for metrics and readiness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwksHealth {
    /// How many keys there are.
    pub keys: usize,
    /// When they were fetched.
    pub fetched_at: Option<UnixTime>,
    /// Why the last fetch failed, if it did.
    pub last_error: Option<String>,
    /// How many fetches there were, failed ones included.
    pub fetches: u64,
    /// How many of them got no answer, or not the one that was asked for.
    pub unanswered: u64,
    /// How many got an answer that is no set of usable keys.
    pub unusable: u64,
}

/// The keys of one issuer.
pub(crate) struct JwksCache {
    issuer: String,
    reads: Reads,
    source: Box<dyn KeySource>,
    held: ArcSwapOption<Held>,
    last_error: ArcSwapOption<String>,
    fetches: AtomicU64,
    unanswered: AtomicU64,
    unusable: AtomicU64,
    demands: Arc<Mutex<Demands>>,
    generation: Generation,
}

/// A good set.
pub(crate) struct Held {
    pub(crate) keys: KeySet,
    owners: Arc<KeyOwners>,
    fetched_at: UnixTime,
    pub(crate) generation: u64,
    json: Bytes,
}

#[derive(Default)]
struct Demands {
    /// When a presented token last made us fetch although there was a set.
    presented: Option<UnixTime>,
    /// The same for a token from the provider.
    fetched: Option<UnixTime>,
    /// When one did because there was none.
    cold: Option<UnixTime>,
}

/// Where a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Somebody sent it.
    Presented,
    /// We got it from the provider.
    Provider,
}

/// What a request for another set led to.
pub(crate) enum Refetched {
    /// A set other than the one that was not good enough.
    Newer(Arc<Held>),
    /// The set was confirmed, now or a moment ago: what it does not have, the issuer does not have.
    Same,
    /// The issuer could not be asked.
    Failed(String),
}

impl JwksCache {
    /// For the issuer that the configuration calls `issuer`. Nothing is fetched yet.
    pub(crate) fn new(issuer: &str, source: Box<dyn KeySource>) -> Self {
        Self::reading(Reads::Jwks, issuer, source)
    }

    /// The same, where the source has another kind of document.
    pub(crate) fn reading(reads: Reads, issuer: &str, source: Box<dyn KeySource>) -> Self {
        JwksCache {
            issuer: issuer.to_owned(),
            reads,
            source,
            held: ArcSwapOption::empty(),
            last_error: ArcSwapOption::empty(),
            fetches: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            unusable: AtomicU64::new(0),
            demands: Arc::default(),
            generation: Generation::default(),
        }
    }

    /// The set, if there is one that may still be trusted.
    pub(crate) fn current(&self, now: UnixTime) -> Option<Arc<Held>> {
        self.held.load_full().filter(|held| now.since(held.fetched_at) < TRUSTED)
    }

    /// What was verified with a set rests on it.
    pub(crate) fn basis(&self, held: &Held) -> Basis {
        self.generation.basis(held.generation)
    }

    /// How the keys are.
    pub(crate) fn health(&self) -> JwksHealth {
        let held = self.held.load();
        JwksHealth {
            keys: held.as_ref().map_or(0, |held| held.keys.len()),
            fetched_at: held.as_ref().map(|held| held.fetched_at),
            last_error: self.last_error.load().as_deref().cloned(),
            fetches: self.fetches.load(Relaxed),
            unanswered: self.unanswered.load(Relaxed),
            unusable: self.unusable.load(Relaxed),
        }
    }

    /// A document that was read elsewhere becomes the set: of a file, say. It is not fetched again until it is due.
    pub(crate) fn preset(&self, json: Bytes, now: UnixTime) -> Result<(), String> {
        let (keys, owners) = self.reads.read(&json)?;
        self.hold(keys, owners, json, now);
        Ok(())
    }

    /// A set other than `seen`, which lacks what a token needs. Fetches at most once per interval.
    pub(crate) async fn refetch(
        self: &Arc<Self>,
        seen: Option<&Arc<Held>>,
        origin: Origin,
        now: UnixTime,
    ) -> Refetched {
        let mut demands = Arc::clone(&self.demands).lock_owned().await;
        // Somebody else may have fetched while we waited for the lock.
        if let Some(newer) = self.newer(seen, now) {
            return Refetched::Newer(newer);
        }
        let (last, interval) = match (seen, origin) {
            (Some(_), Origin::Presented) => (&mut demands.presented, INTERVAL),
            (Some(_), Origin::Provider) => (&mut demands.fetched, INTERVAL),
            (None, _) => (&mut demands.cold, COLD_INTERVAL),
        };
        if last.is_some_and(|last| now.since(last) < interval) {
            return self.verdict();
        }
        *last = Some(now);
        // A task of its own: a caller that goes away must not cost the next one its fetch.
        let this = Arc::clone(self);
        let task = tokio::spawn(async move { this.fetch_holding(demands, false, now).await });
        if task.await.is_err() {
            return Refetched::Failed("the fetch was cut off".to_owned());
        }
        self.newer(seen, now).map_or_else(|| self.verdict(), Refetched::Newer)
    }

    /// Fetches ahead of need, outside the tokens' interval.
    pub(crate) async fn refresh(&self, now: UnixTime) -> Result<(), String> {
        let demands = Arc::clone(&self.demands).lock_owned().await;
        self.fetch_holding(demands, true, now).await
    }

    async fn fetch_holding(&self, _one: OwnedMutexGuard<Demands>, ahead: bool, now: UnixTime) -> Result<(), String> {
        self.fetches.fetch_add(1, Relaxed);
        let fetched = self.source.fetch(ahead).await;
        let counter = if fetched.is_ok() { &self.unusable } else { &self.unanswered };
        match fetched.and_then(|json| self.reads.read(&json).map(|(keys, owners)| (keys, owners, json))) {
            Ok((keys, owners, json)) => {
                self.hold(keys, owners, json, now);
                self.last_error.store(None);
                Ok(())
            }
            Err(error) => {
                counter.fetch_add(1, Relaxed);
                tracing::warn!(issuer = self.issuer, %error, "the issuer's keys could not be fetched");
                self.last_error.store(Some(Arc::new(error.clone())));
                Err(error)
            }
        }
    }

    fn hold(&self, keys: KeySet, owners: KeyOwners, json: Bytes, now: UnixTime) {
        let held = match &*self.held.load() {
            Some(old) if old.json == json => Held {
                keys: old.keys.clone(),
                owners: old.owners.clone(),
                generation: old.generation,
                fetched_at: now,
                json,
            },
            _ => {
                let generation = self.generation.current() + 1;
                Held { keys, owners: Arc::new(owners), generation, fetched_at: now, json }
            }
        };
        let changed = held.generation != self.generation.current();
        self.held.store(Some(Arc::new(held)));
        // After the set: nobody verifies with the old one and takes it for the new one's word.
        if changed {
            self.generation.advance();
        }
    }

    fn newer(&self, seen: Option<&Arc<Held>>, now: UnixTime) -> Option<Arc<Held>> {
        let current = self.current(now)?;
        let same = seen.is_some_and(|seen| Arc::ptr_eq(seen, &current) || seen.json == current.json);
        (!same).then_some(current)
    }

    fn verdict(&self) -> Refetched {
        match self.last_error.load_full() {
            Some(error) => Refetched::Failed((*error).clone()),
            None => Refetched::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::testing::{NOW, jwks, new_key};

    /// Serves what it is told to, and counts.
    #[derive(Default)]
    struct Shelf {
        json: Mutex<Option<String>>,
        fetches: AtomicU64,
        slow: bool,
    }

    impl KeySource for Arc<Shelf> {
        fn fetch(&self, _: bool) -> BoxFuture<'_, Result<Bytes, String>> {
            Box::pin(async move {
                self.fetches.fetch_add(1, Relaxed);
                if self.slow {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                }
                self.json.lock().unwrap().clone().map(Bytes::from).ok_or_else(|| "down".to_owned())
            })
        }
    }

    fn shelf(json: Option<String>) -> (Arc<Shelf>, Arc<JwksCache>) {
        let shelf = Arc::new(Shelf { json: Mutex::new(json), ..Shelf::default() });
        (Arc::clone(&shelf), Arc::new(JwksCache::new("corp", Box::new(shelf))))
    }

    fn after(seconds: u64) -> UnixTime {
        NOW + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn ten_thousand_unknown_keys_cost_one_fetch_and_the_next_interval_one_more() {
        let (shelf, cache) = shelf(Some(jwks(&[("one", &new_key())])));
        cache.refresh(NOW).await.unwrap();
        let seen = cache.current(NOW);
        let flood = (0..10_000).map(|i| {
            let (cache, seen) = (Arc::clone(&cache), seen.clone());
            tokio::spawn(async move {
                matches!(cache.refetch(seen.as_ref(), Origin::Presented, after(i % 60)).await, Refetched::Same)
            })
        });
        for one in flood.collect::<Vec<_>>() {
            assert!(one.await.unwrap());
        }
        assert_eq!(shelf.fetches.load(Relaxed), 2, "the first one, and one for the flood");
        cache.refetch(seen.as_ref(), Origin::Presented, after(120)).await;
        assert_eq!(shelf.fetches.load(Relaxed), 3);
    }

    #[tokio::test]
    async fn a_rotated_key_is_seen_at_once_and_a_withdrawn_one_is_gone() {
        let (old, new) = (new_key(), new_key());
        let (shelf, cache) = shelf(Some(jwks(&[("old", &old)])));
        cache.refresh(NOW).await.unwrap();
        let seen = cache.current(NOW);
        let before = cache.basis(seen.as_ref().unwrap());
        assert!(before.stands());
        *shelf.json.lock().unwrap() = Some(jwks(&[("new", &new)]));
        let Refetched::Newer(held) = cache.refetch(seen.as_ref(), Origin::Presented, after(1)).await else {
            panic!("no newer set")
        };
        assert!(held.keys.contains("new") && !held.keys.contains("old"));
        assert!(!before.stands() && cache.basis(&held).stands());
    }

    #[tokio::test]
    async fn what_is_not_a_good_set_never_replaces_one() {
        let (shelf, cache) = shelf(Some(jwks(&[("one", &new_key())])));
        cache.refresh(NOW).await.unwrap();
        for bad in [
            None,
            Some("{\"keys\":[]}"),
            Some("{}"),
            Some("<html>"),
            Some(""),
            Some("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}"),
        ] {
            *shelf.json.lock().unwrap() = bad.map(str::to_owned);
            assert!(cache.refresh(after(10)).await.is_err(), "{bad:?}");
            assert!(cache.current(after(10)).unwrap().keys.contains("one"), "{bad:?}");
            assert!(cache.health().last_error.is_some());
            assert_eq!((cache.health().keys, cache.health().fetched_at), (1, Some(NOW)));
        }
        *shelf.json.lock().unwrap() = Some(jwks(&[("two", &new_key())]));
        cache.refresh(after(20)).await.unwrap();
        assert_eq!(cache.health().last_error, None);
    }

    #[tokio::test]
    async fn an_outage_is_survived_for_a_day_and_no_longer() {
        let (shelf, cache) = shelf(Some(jwks(&[("one", &new_key())])));
        cache.refresh(NOW).await.unwrap();
        *shelf.json.lock().unwrap() = None;
        assert!(cache.current(after(24 * 3600 - 1)).is_some());
        assert!(cache.current(after(24 * 3600)).is_none());
        assert!(matches!(cache.refetch(None, Origin::Presented, after(24 * 3600)).await, Refetched::Failed(_)));
    }

    #[tokio::test]
    async fn without_any_set_a_flood_costs_one_fetch_in_ten_seconds() {
        let (shelf, cache) = shelf(None);
        for second in 0..30 {
            assert!(matches!(cache.refetch(None, Origin::Presented, after(second)).await, Refetched::Failed(_)));
        }
        assert_eq!(shelf.fetches.load(Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_does_not_take_the_fetch_with_it() {
        let shelf =
            Arc::new(Shelf { json: Mutex::new(Some(jwks(&[("one", &new_key())]))), slow: true, ..Shelf::default() });
        let cache = Arc::new(JwksCache::new("corp", Box::new(Arc::clone(&shelf))));
        let impatient = tokio::time::timeout(Duration::from_secs(1), cache.refetch(None, Origin::Presented, NOW)).await;
        assert!(impatient.is_err());
        assert!(matches!(cache.refetch(None, Origin::Presented, NOW).await, Refetched::Newer(_)));
        assert_eq!(shelf.fetches.load(Relaxed), 1);
    }
}
