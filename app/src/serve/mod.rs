//! `gangplank serve`: the gate, for real.
//!
//! In dependency order: configuration → gate → sockets → background work → requests. Addresses are taken before
//! anything is promised, and all of them or none. What is wrong stops it here; what goes wrong later is survived.

mod listeners;
mod reload;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use gangplank_net::Shutdown;
use tokio::time::Instant;

use crate::arguments::ServeArguments;
use crate::exit::Exit;
use crate::signals::{StopSignals, hangup};
use crate::telemetry::{LogConfig, Telemetry};
use crate::{console, document, environment};
pub use listeners::Listeners;
pub use wire::{Current, Live, Parts, SharedEnvironment, Wired, wait_ready};

/// How long the last traces may take however long requests took to finish, and however short.
const LAST_TRACES: Duration = Duration::from_secs(1);
const LONGEST_TRACES: Duration = Duration::from_secs(5);

/// Runs until it is told to stop.
pub async fn run(arguments: &ServeArguments) -> Exit {
    let environment: SharedEnvironment = Arc::new(environment::variable);
    // Watching begins before reading, so that no change falls between.
    let watch = reload::watch_document(&arguments.config);
    let parts = Parts::new(environment);
    let wired = match document::load(&arguments.config).and_then(|loaded| parts.wire(loaded)) {
        Ok(wired) => wired,
        Err(report) => {
            console::complain(&report.render(console::colour()));
            console::complain(&format!("{} in {}\n", report.summary(), arguments.config.display()));
            return Exit::Config;
        }
    };
    let telemetry = Telemetry::install(&wired.loaded.log);
    match gangplank_net::raise_descriptor_limit() {
        Ok(limit) => tracing::debug!(limit, "files and sockets that may be open"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
    }
    let exit = match serve(arguments, wired, parts, watch, &telemetry).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            tracing::error!("{error}");
            Exit::Failed
        }
    };
    telemetry.flush();
    exit
}

async fn serve(
    arguments: &ServeArguments,
    wired: Wired,
    parts: Parts,
    watch: gangplank_net::FileWatch,
    telemetry: &Telemetry,
) -> Result<(), Box<dyn std::error::Error>> {
    let signals = StopSignals::listen()?;
    let hangup = hangup()?;
    let listeners = Listeners::bind(&wired)?;
    wired.warn();
    let shutdown = Shutdown::new();
    let stopping = tokio::spawn(signals.obey(shutdown.clone(), telemetry.clone()));
    let current = wired.start();
    let reloading = tokio::spawn(
        reload::Reloader {
            config: arguments.config.clone(),
            parts,
            current: current.clone(),
            tls: listeners.tls.clone(),
            certificates: listeners.certificates(),
            telemetry: telemetry.clone(),
        }
        .run(hangup, watch),
    );
    listeners.announce();
    let limit = listeners.drain();
    let stopped = tokio::spawn({
        let stop = shutdown.wait();
        async move {
            stop.await;
            Instant::now()
        }
    });
    let drained = listeners.serve(current.clone(), shutdown).await;
    let since = stopped.await.map(|stopped| stopped.elapsed()).unwrap_or_default();
    current.finish_traces(limit.saturating_sub(since).clamp(LAST_TRACES, LONGEST_TRACES)).await;
    reloading.abort();
    stopping.abort();
    tracing::info!(finished = drained.finished, cut = drained.cut, "stopped");
    Ok(())
}

/// What the log does for a command that has no configuration of its own.
pub fn quiet_log(verbose: bool) -> LogConfig {
    use crate::telemetry::LogLevel;
    LogConfig {
        format: None,
        level: Some(if verbose { LogLevel::Info } else { LogLevel::Error }),
        audit: Some(verbose),
    }
}
