//! What evidence rests on can be withdrawn before the evidence ends by itself: a key set, a file of keys, a bundle of
//! authorities. Its owner counts its changes; whoever remembers evidence asks whether the count is still the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the changes of one source of trust.
#[derive(Clone, Debug, Default)]
pub struct Generation(Arc<AtomicU64>);

impl Generation {
    /// The present one.
    pub fn current(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// The source has changed: what rests on an earlier generation no longer stands.
    pub fn advance(&self) -> u64 {
        self.0.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// What rests on generation `at`.
    pub(crate) fn basis(&self, at: u64) -> Basis {
        Basis { generation: self.clone(), at }
    }
}

/// One generation of one source.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    generation: Generation,
    at: u64,
}

impl Basis {
    /// Whether the source is as it was.
    pub(crate) fn stands(&self) -> bool {
        self.generation.current() == self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_takes_away_what_rested_on_the_state_before() {
        let keys = Generation::default();
        let before = keys.basis(keys.current());
        assert!(before.stands());
        assert_eq!(keys.advance(), 1);
        assert!(!before.stands());
        assert!(keys.basis(1).stands());
    }
}
