//! `gangplank token-review`: the webhook by itself, configured like the API server that asks it.
//!
//! 1. Files are watched before they are read, so that no change falls between.
//! 2. What is wrong at the start stops it, all mistakes at once. Addresses are taken before anything is promised.
//! 3. SIGHUP and a changed file make another webhook, which takes over in one swap; with a mistake the one in force stays.
//!    Issuers that stay as they were keep their keys, and one that does not answer holds up no other.
//! 4. SIGTERM: open requests may finish.

mod reload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use gangplank_authn::Chain;
use gangplank_authn::kubernetes::KubernetesAuthenticator;
use gangplank_gate::{AuthenticationFile, Background, Shared, TokenReviewDeps, TokenReviewServer, TokenReviewSettings};
use gangplank_net::{ReloadingTls, ServerLimits, Shutdown, SystemClock, bind, serve, watch_files};
use gangplank_oauth::config::ConfigError;

use crate::arguments::TokenReviewArguments;
use crate::console;
use crate::document::Report;
use crate::exit::Exit;
use crate::signals::{StopSignals, hangup};
use crate::telemetry::{LogConfig, Telemetry};

/// Runs until it is told to stop.
pub async fn run(arguments: &TokenReviewArguments) -> Exit {
    let watch = watch_files(files(arguments));
    let log = LogConfig { format: Some(arguments.log_format), level: Some(arguments.log_level), audit: Some(true) };
    let shared = Shared::new();
    let built = Webhook::build(arguments, &shared, None);
    let (webhook, tls) = match (built, certificates(arguments)) {
        (Ok(webhook), Ok(tls)) => (webhook, Arc::new(tls)),
        (built, tls) => {
            let errors: Vec<ConfigError> = [built.err(), tls.err()].into_iter().flatten().flatten().collect();
            let report = Report::of_errors(&errors);
            console::complain(&report.render(console::colour()));
            console::complain(&format!("{}\n", report.summary()));
            return Exit::Config;
        }
    };
    let telemetry = Telemetry::install(&log);
    let exit = match listen(arguments, webhook, tls, shared, watch, &telemetry).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            tracing::error!("{error}");
            Exit::Failed
        }
    };
    telemetry.flush();
    exit
}

async fn listen(
    arguments: &TokenReviewArguments,
    webhook: Webhook,
    tls: Arc<ReloadingTls>,
    shared: Arc<Shared>,
    watch: gangplank_net::FileWatch,
    telemetry: &Telemetry,
) -> Result<(), Box<dyn std::error::Error>> {
    let signals = StopSignals::listen()?;
    let hangup = hangup()?;
    let listener = bind(arguments.listen)?;
    let operations = arguments.metrics_listen.map(bind).transpose()?;
    if let Err(error) = gangplank_net::raise_descriptor_limit() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    if arguments.client_ca.is_none() {
        tracing::warn!("without --client-ca whoever reaches this webhook can try tokens");
    }
    let shutdown = Shutdown::new();
    tokio::spawn(signals.obey(shutdown.clone(), telemetry.clone()));
    tracing::info!(
        issuers = webhook.issuers,
        hash = webhook.authenticator.hash(),
        "tokens of these issuers are accepted"
    );
    let current = Arc::new(ArcSwap::from_pointee(webhook));
    let reloading = tokio::spawn(reload::run(arguments.clone(), current.clone(), tls.clone(), shared, hangup, watch));
    tracing::info!(address = %listener.local_addr()?, scheme = "https", "listening");
    if let Some(operations) = operations {
        tracing::info!(address = %operations.local_addr()?, scheme = "http", "listening for metrics and health");
        let (current, stop) = (current.clone(), shutdown.clone());
        let answer = move |request, peer| {
            let server = current.load().server.clone();
            async move { server.operations(&request, &peer) }
        };
        tokio::spawn(serve(operations, None, ServerLimits::default(), answer, stop));
    }
    let answer = move |request, peer| {
        let server = current.load().server.clone();
        async move { server.handle(request, peer).await }
    };
    let drained = serve(listener, Some(tls), ServerLimits::default(), answer, shutdown).await;
    reloading.abort();
    tracing::info!(finished = drained.finished, cut = drained.cut, "stopped");
    Ok(())
}

/// A webhook at work. Dropping it ends its background work.
struct Webhook {
    server: Arc<TokenReviewServer>,
    authenticator: Arc<KubernetesAuthenticator>,
    issuers: usize,
    _work: Background,
}

impl Webhook {
    /// Reads the file, and starts fetching keys.
    fn build(
        arguments: &TokenReviewArguments,
        shared: &Arc<Shared>,
        before: Option<&Webhook>,
    ) -> Result<Self, Vec<ConfigError>> {
        let clock = Arc::new(SystemClock);
        let file = AuthenticationFile {
            file: arguments.authentication_config.clone(),
            allow_reserved: arguments.allow_reserved,
            claim_hosts: arguments.claim_hosts.clone(),
        };
        let keys = before.map(|before| &*before.authenticator);
        let authenticator = file
            .read("authentication-config", clock.clone(), None, None, keys)
            .map_err(|errors| errors.into_iter().map(|error| in_file(&file.file, error)).collect::<Vec<_>>())?;
        let settings = TokenReviewSettings {
            audiences: arguments.audiences.clone(),
            allow_reserved: arguments.allow_reserved,
            path: arguments.path.clone(),
            error_texts: arguments.error_texts,
        };
        let chain = Arc::new(Chain::new("token-review", vec![authenticator.clone()]));
        let deps = TokenReviewDeps { chain, clock, shared: shared.clone() };
        let server = TokenReviewServer::build(settings, deps)?;
        let issuers = gangplank_authn::Authenticator::health(&*authenticator).len();
        Ok(Webhook { _work: server.start(), server, authenticator, issuers })
    }
}

/// The error, with the file before the field.
fn in_file(file: &Path, error: ConfigError) -> ConfigError {
    let path = if error.path.is_empty() { String::new() } else { format!(": {}", error.path) };
    ConfigError { path: format!("{}{path}", file.display()), ..error }
}

fn certificates(arguments: &TokenReviewArguments) -> Result<ReloadingTls, Vec<ConfigError>> {
    let wrong = |key: &str| {
        let key = key.to_owned();
        move |error: gangplank_net::TlsError| vec![ConfigError::new(key, error.to_string(), "")]
    };
    let tls = ReloadingTls::load(&arguments.tls_cert, &arguments.tls_key).map_err(wrong("--tls-cert, --tls-key"))?;
    match &arguments.client_ca {
        Some(authorities) => tls.requiring(authorities).map_err(wrong("--client-ca")),
        None => Ok(tls),
    }
}

/// Every file that it reads.
fn files(arguments: &TokenReviewArguments) -> Vec<PathBuf> {
    let named = [&arguments.authentication_config, &arguments.tls_cert, &arguments.tls_key];
    named.into_iter().chain(&arguments.client_ca).cloned().collect()
}
