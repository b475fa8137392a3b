//! What the process is told from outside: stop, stop at once, read the configuration again.

use gangplank_net::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;
use crate::telemetry::Telemetry;

/// SIGINT and SIGTERM. The first asks to stop; the second does not ask.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> std::io::Result<Self> {
        Ok(StopSignals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next, and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// Triggers `shutdown` at the first signal, and ends the process at the second.
    pub async fn obey(mut self, shutdown: Shutdown, telemetry: Telemetry) {
        let signal = self.next().await;
        tracing::info!(signal, "stopping: open requests may finish");
        shutdown.trigger();
        let signal = self.next().await;
        tracing::warn!(signal, "stopping at once");
        telemetry.flush();
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}

/// SIGHUP.
///
/// # Errors
/// The system refuses.
pub fn hangup() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
