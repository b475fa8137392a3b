//! Another file, another webhook.

use std::sync::Arc;

use arc_swap::ArcSwap;
use gangplank_gate::Shared;
use gangplank_net::{FileWatch, ReloadingTls};
use tokio::signal::unix::Signal;

use super::Webhook;
use crate::arguments::TokenReviewArguments;
use crate::document::Report;

/// Runs until it is aborted.
pub(super) async fn run(
    arguments: TokenReviewArguments,
    current: Arc<ArcSwap<Webhook>>,
    tls: Arc<ReloadingTls>,
    shared: Arc<Shared>,
    mut hangup: Signal,
    mut files: FileWatch,
) {
    loop {
        let why = tokio::select! {
            _ = hangup.recv() => "SIGHUP".to_owned(),
            changed = files.changed() => changed.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" "),
        };
        match tls.reload() {
            Ok(true) => tracing::info!("certificates reloaded"),
            Ok(false) => {}
            Err(error) => tracing::error!("the certificates in force stay: {error}"),
        }
        let before = current.load_full();
        match Webhook::build(&arguments, &shared, Some(&before)) {
            Ok(webhook) if webhook.authenticator.hash() == before.authenticator.hash() => {
                tracing::debug!(why, "the authentication configuration is as it was");
            }
            Ok(webhook) => {
                let hash = webhook.authenticator.hash().to_owned();
                tracing::info!(why, issuers = webhook.issuers, hash, "authentication configuration reloaded");
                current.store(Arc::new(webhook));
                shared.metrics().reload("applied");
            }
            Err(errors) => {
                let report = Report::of_errors(&errors);
                for line in report.lines() {
                    tracing::error!("{line}");
                }
                tracing::error!(
                    why,
                    "the authentication configuration in force stays: {} in the new one",
                    report.summary()
                );
                shared.metrics().reload("refused");
            }
        }
    }
}
