//! Which sign-ins have come back already.
//!
//! Two generations of at most [`MOST`] names: when the younger is full or as old as a sign-in may get, it becomes the
//! elder and the elder is forgotten. So a name is remembered for at least the lifetime of a sign-in, unless somebody
//! floods us with sign-ins of their own; then the provider's single use of the code is left.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use gangplank_jose::UnixTime;

use super::state::LIFETIME;

const MOST: usize = 32_768;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct UsedStates(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    younger: HashSet<String>,
    elder: HashSet<String>,
    since: UnixTime,
}

impl UsedStates {
    /// Whether this is the first time that `nonce` comes back. It is not a second time.
    pub(crate) fn first_use(&self, nonce: &str, now: UnixTime) -> bool {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.younger.len() >= MOST || now.since(sets.since) > LIFETIME {
            sets.elder = std::mem::take(&mut sets.younger);
            sets.since = now;
        }
        !sets.elder.contains(nonce) && sets.younger.insert(nonce.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once_for_as_long_as_a_sign_in_may_last() {
        let used = UsedStates::default();
        let start = UnixTime::from_secs(1_000_000);
        assert!(used.first_use("a", start));
        for seconds in [0, 1, 899, 900] {
            assert!(!used.first_use("a", start + std::time::Duration::from_secs(seconds)), "{seconds}");
        }
        assert!(used.first_use("b", start));
    }

    #[test]
    fn memory_is_bounded() {
        let used = UsedStates::default();
        for i in 0..3 * MOST {
            assert!(used.first_use(&i.to_string(), UnixTime::from_secs(1)));
        }
        let sets = used.0.lock().unwrap();
        assert!(sets.younger.len() + sets.elder.len() <= 2 * MOST);
        assert!(!sets.younger.contains("0"));
    }
}
