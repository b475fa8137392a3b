//! Tokens that were exchanged, for as long as they may be used. They outlive a reload: an exchange that changed has another
//! fingerprint, and finds none of them.

use std::sync::Arc;

use gangplank_jose::UnixTime;
use gangplank_oauth::SingleFlight;
use quick_cache::{Weighter, sync::Cache};

use super::{ExchangeRefusal, Exchanged};

/// What they may take in memory, and how many are expected.
const MEMORY: u64 = 32 << 20;
const EXPECTED: usize = 4096;

/// By whom and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Of the exchange.
    pub(super) exchange: [u8; 32],
    /// Of the caller's token.
    pub(super) subject: [u8; 32],
}

type Flights = SingleFlight<Key, Result<Arc<Exchanged>, ExchangeRefusal>>;

/// See the module.
pub(crate) struct ExchangedTokens {
    cache: Cache<Key, Arc<Exchanged>, Weight>,
    flights: Arc<Flights>,
}

#[derive(Clone, Debug)]
struct Weight;
impl Weighter<Key, Arc<Exchanged>> for Weight {
    fn weight(&self, _: &Key, exchanged: &Arc<Exchanged>) -> u64 {
        // Key, entry and allocations, roughly, and what varies.
        256 + exchanged.size() as u64
    }
}

impl ExchangedTokens {
    /// One that may still be used.
    pub(super) fn get(&self, key: &Key, now: UnixTime) -> Option<Arc<Exchanged>> {
        let known = self.cache.get(key)?;
        if now < known.until() {
            return Some(known);
        }
        self.cache.remove(key);
        None
    }

    pub(super) fn insert(&self, key: Key, exchanged: Arc<Exchanged>) {
        self.cache.insert(key, exchanged);
    }

    /// Those that are being asked for.
    pub(super) fn flights(&self) -> &Arc<Flights> {
        &self.flights
    }
}

impl Default for ExchangedTokens {
    fn default() -> Self {
        ExchangedTokens { cache: Cache::with_weighter(EXPECTED, MEMORY, Weight), flights: Arc::default() }
    }
}

impl std::fmt::Debug for ExchangedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangedTokens").field("known", &self.cache.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_take_no_more_memory_than_they_may() {
        let tokens = ExchangedTokens::default();
        for n in 0..20_000_u32 {
            let mut subject = [0; 32];
            subject[..4].copy_from_slice(&n.to_be_bytes());
            let exchanged = Exchanged::of(&"x".repeat(n as usize % 8192), UnixTime::from_secs(10));
            tokens.insert(Key { exchange: [0; 32], subject }, Arc::new(exchanged));
            assert!(tokens.cache.weight() <= MEMORY);
        }
        assert!(tokens.cache.weight() > MEMORY / 2);
    }

    #[test]
    fn one_that_ended_is_forgotten() {
        let tokens = ExchangedTokens::default();
        let key = Key { exchange: [1; 32], subject: [2; 32] };
        tokens.insert(key, Arc::new(Exchanged::of("t", UnixTime::from_secs(10))));
        assert!(tokens.get(&key, UnixTime::from_secs(9)).is_some());
        assert!(tokens.get(&key, UnixTime::from_secs(10)).is_none());
        assert_eq!(tokens.cache.len(), 0);
    }
}
