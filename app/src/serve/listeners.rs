//! The addresses: taken together, announced together, drained together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gangplank_gate::config::LimitsConfig;
use gangplank_gate::{Body, Gate};
use gangplank_net::{BindError, DrainReport, Peer, ReloadingTls, ServerLimits, Shutdown, bind, serve};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::wire::{Current, Wired};

/// How long open requests may finish: below the 30 s that Kubernetes gives, with room for the rest.
const DRAIN: Duration = Duration::from_secs(20);

/// Everything that is listened on.
#[derive(Debug)]
pub struct Listeners {
    gate: TcpListener,
    operations: Option<TcpListener>,
    review: Option<(TcpListener, Arc<ReloadingTls>)>,
    /// The certificate, if `gate` speaks TLS.
    pub tls: Option<Arc<ReloadingTls>>,
    limits: ServerLimits,
}

impl Listeners {
    /// Takes all addresses.
    ///
    /// # Errors
    /// One of them can't be had.
    pub fn bind(wired: &Wired) -> Result<Self, BindError> {
        Self::with(bind(wired.loaded.value.gate.listen)?, wired)
    }

    /// As [`bind`](Self::bind), with an address that is already taken.
    ///
    /// # Errors
    /// Another of them can't be had.
    pub fn with(gate: TcpListener, wired: &Wired) -> Result<Self, BindError> {
        let config = &wired.loaded.value.gate;
        let operations = config.metrics_listen.map(bind).transpose()?;
        let webhook = wired.loaded.value.token_review.as_ref().zip(wired.review_tls.clone());
        let review = webhook.map(|(webhook, tls)| bind(webhook.listen).map(|listener| (listener, tls))).transpose()?;
        Ok(Listeners { gate, operations, review, tls: wired.tls.clone(), limits: limits(&config.limits) })
    }

    /// The same, with another bound on how long open requests may finish.
    #[must_use]
    pub fn drain_within(mut self, bound: Duration) -> Self {
        self.limits.drain = bound;
        self
    }

    /// How long open requests may finish.
    pub fn drain(&self) -> Duration {
        self.limits.drain
    }

    /// Says where it listens.
    pub fn announce(&self) {
        let address = |listener: &TcpListener| listener.local_addr().map_or_else(|e| e.to_string(), |a| a.to_string());
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        tracing::info!(address = address(&self.gate), scheme, "listening");
        if let Some(operations) = &self.operations {
            tracing::info!(address = address(operations), scheme = "http", "listening for metrics and health");
        }
        if let Some((review, _)) = &self.review {
            tracing::info!(address = address(review), scheme = "https", "listening for token reviews");
        }
        if let Some(expires) = self.tls.as_ref().and_then(|tls| tls.not_after()) {
            tracing::info!(%expires, "the certificate is good until then");
        }
    }

    /// The certificates that are shown, to be read again when they change.
    pub fn certificates(&self) -> Vec<Arc<ReloadingTls>> {
        self.tls.iter().chain(self.review.iter().map(|(_, tls)| tls)).cloned().collect()
    }

    /// The address of the gate.
    ///
    /// # Errors
    /// The system does not know.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.gate.local_addr()
    }

    /// Answers requests until `shutdown`, and until what is open then is finished or its time is up.
    pub async fn serve(self, current: Arc<Current>, shutdown: Shutdown) -> DrainReport {
        let operations = self.operations.map(|listener| {
            let (current, limits, stop) = (current.clone(), self.limits.clone(), shutdown.clone());
            let answer = move |request, peer| {
                let gate = current.gate();
                async move { gate.operations(&request, &peer) }
            };
            tokio::spawn(serve(listener, None, limits, answer, stop))
        });
        let reviews = self.review.map(|(listener, tls)| {
            let (current, limits, stop) = (current.clone(), self.limits.clone(), shutdown.clone());
            let answer = move |request, peer| {
                let gate = current.gate();
                async move { review(gate, request, peer).await }
            };
            tokio::spawn(serve(listener, Some(tls), limits, answer, stop))
        });
        let answer = move |request, peer| {
            let gate = current.gate();
            async move { gate.handle(request, peer).await }
        };
        let mut report = serve(self.gate, self.tls, self.limits, answer, shutdown).await;
        if let Some(reviews) = reviews
            && let Ok(drained) = reviews.await
        {
            report.finished += drained.finished;
            report.cut += drained.cut;
        }
        if let Some(operations) = operations {
            operations.abort();
        }
        report
    }
}

async fn review(gate: Arc<Gate>, request: Request<Incoming>, peer: Peer) -> Response<Body> {
    match gate.token_review() {
        Some(webhook) => webhook.handle(request, peer).await,
        // A reload took the table away, and the address is held until the end.
        None => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

fn limits(config: &LimitsConfig) -> ServerLimits {
    let default = ServerLimits::default();
    ServerLimits {
        head: config.head_time.map_or(default.head, |span| span.0),
        head_bytes: config.head.map_or(default.head_bytes, |limit| u32::try_from(limit.0).unwrap_or(u32::MAX)),
        drain: config.drain.map_or(DRAIN, |span| span.0),
        ..default
    }
}
