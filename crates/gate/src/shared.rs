//! What outlives a reload of the configuration: sessions that were refreshed or signed out, the metrics, issuers that stay
//! as they are, exchanged tokens, and the cookie key of a process that was given none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use gangplank_authn::Refusal;
use gangplank_authn::kubernetes::KubernetesAuthenticator;
use gangplank_authn::seal::KeyRing;

use crate::build::KnownIssuers;
use crate::exchange::ExchangedTokens;
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
    exchanged: Arc<ExchangedTokens>,
    kubernetes: Mutex<BTreeMap<String, Weak<KubernetesAuthenticator>>>,
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

    /// The tokens that callers' were exchanged for.
    pub(crate) fn exchanged(&self) -> &Arc<ExchangedTokens> {
        &self.exchanged
    }

    /// The issuers of the gate that was built last.
    pub(crate) fn issuers(&self) -> &KnownIssuers {
        &self.issuers
    }

    /// The authenticator of this name that was made last, if some gate still has it: the next takes its keys over.
    pub(crate) fn kubernetes(&self, name: &str) -> Option<Arc<KubernetesAuthenticator>> {
        self.kubernetes.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }

    /// See [`kubernetes`](Self::kubernetes).
    pub(crate) fn remember_kubernetes(&self, name: &str, made: &Arc<KubernetesAuthenticator>) {
        let mut all = self.kubernetes.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), Arc::downgrade(made));
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
