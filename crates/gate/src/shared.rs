//! What outlives a reload of the configuration: sessions that were refreshed or signed out, the metrics, issuers that stay
//! as they are, and the cookie key of a process that was given none.

use std::sync::{Arc, OnceLock};

use gangplank_authn::Refusal;
use gangplank_authn::seal::KeyRing;

use crate::build::KnownIssuers;
use crate::metrics::Metrics;
use crate::remembered::Refusals;
use crate::session::SharedSessions;

/// See the module. One per process.
#[derive(Debug, Default)]
pub struct Shared {
    metrics: Metrics,
    sessions: Arc<SharedSessions>,
    issuers: KnownIssuers,
    refusals: Refusals,
    fallback: OnceLock<Arc<KeyRing>>,
}

impl Shared {
    /// Nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Tells the metrics what is known of sessions.
    pub(crate) fn note_sessions(&self) {
        self.metrics.sessions_are(self.sessions.len(), self.sessions.refused_targets());
    }

    pub(crate) fn sessions(&self) -> &Arc<SharedSessions> {
        &self.sessions
    }

    /// The refusals of the last while.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// The issuers of the gate that was built last.
    pub(crate) fn issuers(&self) -> &KnownIssuers {
        &self.issuers
    }

    /// The key of a process that was given none: the same one until it ends.
    pub(crate) fn fallback_keys(&self) -> Result<Arc<KeyRing>, Refusal> {
        if let Some(ring) = self.fallback.get() {
            return Ok(ring.clone());
        }
        let fresh = Arc::new(KeyRing::generate()?);
        Ok(self.fallback.get_or_init(|| fresh).clone())
    }
}
