//! From a document to a gate: what it is built from, and what holds the one that is in force.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gangplank_gate::config::{Config, TlsConfig};
use gangplank_gate::{Deps, Gate, Shared, TokenReviewConfig};
use gangplank_net::{ReloadingTls, SystemClock, TlsError};
use gangplank_oauth::config::ConfigError;

use crate::document::{Loaded, Report};
use crate::telemetry::otlp;

/// Looks up environment variables.
pub type SharedEnvironment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What every gate of this process is built from, and what outlives each of them.
#[derive(Clone)]
pub struct Parts {
    environment: SharedEnvironment,
    shared: Arc<Shared>,
}

impl Parts {
    /// The parts of a process that has just started.
    pub fn new(environment: SharedEnvironment) -> Self {
        Parts { environment, shared: Shared::new() }
    }

    /// What outlives a reload.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Builds the gate of a document. What is wrong with either is reported together.
    ///
    /// # Errors
    /// Anything is wrong.
    pub fn wire(&self, mut loaded: Loaded<Config>) -> Result<Wired, Report> {
        let deps = Deps {
            clock: Arc::new(SystemClock),
            environment: &*self.environment,
            shared: self.shared.clone(),
            transport: None,
        };
        let traces = otlp::prepare(loaded.value.telemetry.as_ref(), &*self.environment, &self.shared);
        let traces = traces.map_err(|errors| loaded.add(errors));
        let tracer = traces.as_ref().ok().and_then(|traces| Some(traces.as_ref()?.tracer()));
        let built = Gate::build_traced(&loaded.value, deps, tracer);
        let gate = built.map_err(|errors| loaded.add(errors)).ok();
        // The gate's builder has tried it and told what is wrong with it; this one is kept.
        let pair = loaded.value.gate.tls.as_ref().filter(|_| gate.is_some());
        let authorities = gate.as_ref().and_then(|gate| gate.client_authorities());
        let listener = |tls: &TlsConfig| {
            let tls = ReloadingTls::load(&tls.cert, &tls.key)?;
            tls.ask_for_certificates(authorities.clone()).map(|()| tls)
        };
        let tls = pair.map(listener).transpose();
        let tls = tls.map_err(|e| loaded.add(vec![ConfigError::new("gate.tls", e.to_string(), "")]));
        let webhook = loaded.value.token_review.as_ref().filter(|_| gate.is_some());
        let review_tls = webhook.map(review_tls).transpose();
        let review_tls =
            review_tls.map_err(|e| loaded.add(vec![ConfigError::new("token_review.tls", e.to_string(), "")]));
        let report = loaded.report();
        match (gate, tls, review_tls, traces) {
            (Some(gate), Ok(tls), Ok(review_tls), Ok(traces)) if report.is_empty() => {
                Ok(Wired { loaded, gate, tls: tls.map(Arc::new), review_tls: review_tls.map(Arc::new), traces })
            }
            _ => Err(report),
        }
    }
}

fn review_tls(webhook: &TokenReviewConfig) -> Result<ReloadingTls, TlsError> {
    let tls = ReloadingTls::load(&webhook.tls.cert, &webhook.tls.key)?;
    match &webhook.client_ca_file {
        Some(authorities) => tls.requiring(authorities),
        None => Ok(tls),
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// A gate that could run, and the document it was built from.
pub struct Wired {
    /// The document.
    pub loaded: Loaded<Config>,
    /// The gate.
    pub gate: Arc<Gate>,
    /// The certificate that its listener shows.
    pub tls: Option<Arc<ReloadingTls>>,
    /// The certificate that the webhook's listener shows, and whom it shakes hands with.
    pub review_tls: Option<Arc<ReloadingTls>>,
    /// Where its traces go.
    pub traces: Option<otlp::Prepared>,
}

impl Wired {
    /// Says what is allowed and yet probably not meant.
    pub fn warn(&self) {
        for warning in Gate::warnings(&self.loaded.value) {
            tracing::warn!("{warning}");
        }
    }

    /// Starts its background work, and makes it the one in force.
    pub fn start(self) -> Arc<Current> {
        Arc::new(Current(ArcSwap::from_pointee(Live::start(self))))
    }
}

/// The gate in force. A request takes the one that is here when it arrives, and stays with it.
pub struct Current(ArcSwap<Live>);

/// A gate at work. Dropping it ends its background work.
pub struct Live {
    /// The document.
    pub loaded: Loaded<Config>,
    /// The gate.
    pub gate: Arc<Gate>,
    traces: Option<otlp::Exporter>,
    _work: Box<dyn Any + Send + Sync>,
}

impl Current {
    /// The one in force now.
    pub fn get(&self) -> Arc<Live> {
        self.0.load_full()
    }

    /// The gate in force now.
    pub fn gate(&self) -> Arc<Gate> {
        self.0.load().gate.clone()
    }

    /// Hands over the traces that are left, within a bound.
    pub async fn finish_traces(&self, within: Duration) {
        let live = self.get();
        if let Some(traces) = &live.traces {
            traces.finish(within).await;
        }
    }

    /// Puts another in force, after giving it time to reach its providers: a provider that the one before had
    /// reached should not be missing for the first requests after a reload.
    pub async fn replace(&self, wired: Wired, patience: Duration) {
        // One that could not reach them either is not worth waiting on.
        let patience = if self.gate().readiness().is_empty() { patience } else { Duration::ZERO };
        let live = Live::start(wired);
        let ready = tokio::time::timeout(patience, wait_ready(&live.gate)).await;
        if ready.is_err() {
            let missing: Vec<String> = live.gate.readiness().into_iter().map(|waiting| waiting.issuer).collect();
            tracing::warn!(
                missing = missing.join(" "),
                "the new configuration is in force though not every provider could be reached"
            );
        }
        self.0.store(Arc::new(live));
    }
}

impl Live {
    fn start(wired: Wired) -> Self {
        let work = Box::new(wired.gate.start());
        let traces = wired.traces.map(otlp::Prepared::start);
        Live { loaded: wired.loaded, gate: wired.gate, traces, _work: work }
    }
}

/// Waits until every provider that a route needs was reached.
pub async fn wait_ready(gate: &Gate) {
    while !gate.readiness().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
