//! Keys are fetched ahead of need: every quarter of an hour, after a failure from 1 s doubling to 60 s.

use std::time::Duration;

use gangplank_oauth::{Clock, random_unit};

use super::JwksCache;

impl JwksCache {
    /// How often. It is how long a withdrawn key is still good.
    pub(crate) const REFRESH_EVERY: Duration = Duration::from_secs(15 * 60);

    /// For ever.
    pub(crate) async fn keep_fresh(&self, clock: &dyn Clock) {
        // Taken over from a configuration before this one, its keys may be fresh.
        if let Some(fetched) = self.health().fetched_at {
            let age = clock.now().since(fetched);
            tokio::time::sleep(jittered(Self::REFRESH_EVERY.saturating_sub(age))).await;
        }
        let mut failures = 0_u32;
        loop {
            let pause = match self.refresh(clock.now()).await {
                Ok(()) => {
                    failures = 0;
                    Self::REFRESH_EVERY
                }
                Err(_) => {
                    failures = failures.saturating_add(1);
                    Duration::from_secs(1 << (failures - 1).min(6)).min(Duration::from_secs(60))
                }
            };
            tokio::time::sleep(jittered(pause)).await;
        }
    }
}

/// A tenth more or less, so that many replicas don't ask in the same second.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.9 + 0.2 * random_unit())
}
