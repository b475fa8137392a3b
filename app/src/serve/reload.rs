//! Reading the configuration again: on SIGHUP, and when a file of it changes.
//!
//! 1. The document is parsed, built and checked as at the start. With anything wrong the one in force stays, and
//!    everything wrong is logged.
//! 2. Otherwise the new gate takes over in one swap. Requests under way finish with the old one; sessions and
//!    counters are shared by both.
//! 3. The keys that changed are named, their values are not. Keys of the sockets (`gate.listen`, …) are read at the
//!    start only, and it is said so.
//! 4. A certificate that changed is taken over by itself. Clients that connect from then on are asked for the certificates
//!    that the new gate reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gangplank_gate::Gate;
use gangplank_gate::config::Config;
use gangplank_net::{FileWatch, ReloadingTls, watch_files};
use tokio::signal::unix::Signal;

use super::wire::{Current, Parts};
use crate::document::{self, drop_in_directory};
use crate::telemetry::Telemetry;

/// How long a new gate may take to reach its providers before it takes over regardless.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keys that are read at the start only.
const AT_START: [&str; 7] = [
    "gate.listen",
    "gate.metrics_listen",
    "gate.tls",
    "gate.limits",
    "token_review.listen",
    "token_review.tls",
    "token_review.client_ca_file",
];

/// Watches over the configuration.
pub(super) struct Reloader {
    pub(super) config: PathBuf,
    pub(super) parts: Parts,
    pub(super) current: Arc<Current>,
    /// The gate's own.
    pub(super) tls: Option<Arc<ReloadingTls>>,
    /// Those of all listeners.
    pub(super) certificates: Vec<Arc<ReloadingTls>>,
    pub(super) telemetry: Telemetry,
}

impl Reloader {
    /// Runs until it is aborted. `first` watches the document since before it was read.
    pub(super) async fn run(self, mut hangup: Signal, first: FileWatch) {
        let mut document = first;
        let mut others = self.watch_others(None);
        loop {
            let why = tokio::select! {
                _ = hangup.recv() => "SIGHUP".to_owned(),
                changed = document.changed() => names(&changed),
                changed = others.changed() => names(&changed),
            };
            // Before reading, so that no change falls between.
            document = watch_document(&self.config);
            others = self.reload(&why).await;
        }
    }

    /// Returns the watch over the other files. It began before they were read: one that changes while the new gate
    /// waits for its providers is not missed.
    async fn reload(&self, why: &str) -> FileWatch {
        let loaded = document::load(&self.config);
        let others = self.watch_others(loaded.as_ref().ok().map(|loaded| &loaded.value));
        self.reload_certificates();
        let wired = match loaded.and_then(|loaded| self.parts.wire(loaded)) {
            Ok(wired) => wired,
            Err(report) => {
                for line in report.lines() {
                    tracing::error!("{line}");
                }
                tracing::error!(why, "the configuration in force stays: {} in the new one", report.summary());
                self.parts.shared().metrics().reload("refused");
                return others;
            }
        };
        let changed = self.current.get().loaded.changed(&wired.loaded);
        let (sockets, rest): (Vec<String>, Vec<String>) = changed.into_iter().partition(|key| is_read_at_start(key));
        if !sockets.is_empty() {
            tracing::warn!(keys = sockets.join(" "), "changed, but read at the start only: restart to apply");
        }
        self.telemetry.apply(&wired.loaded.log);
        wired.warn();
        self.current.replace(wired, PATIENCE).await;
        self.ask_for_certificates();
        self.parts.shared().metrics().reload("applied");
        let changed = if rest.is_empty() { "none".to_owned() } else { rest.join(" ") };
        tracing::info!(why, changed, "configuration reloaded");
        others
    }

    /// Whose client certificates the gate in force reads, the listener asks for.
    fn ask_for_certificates(&self) {
        let authorities = self.current.gate().client_authorities();
        if let Some(Err(error)) = self.tls.as_ref().map(|tls| tls.ask_for_certificates(authorities)) {
            tracing::error!("clients are not asked for other certificates than before: {error}");
        }
    }

    fn reload_certificates(&self) {
        for tls in &self.certificates {
            match tls.reload() {
                Ok(true) => tracing::info!("certificate reloaded"),
                Err(error) => tracing::error!("the certificate in force stays: {error}"),
                Ok(false) => {}
            }
        }
    }

    /// Secrets, authorities, the certificate: whatever files the document in force names, and the one to come.
    fn watch_others(&self, coming: Option<&Config>) -> FileWatch {
        let tls = self.certificates.iter().flat_map(|tls| tls.files()).map(Path::to_owned);
        let named = Gate::watched_files(&self.current.get().loaded.value);
        watch_files(named.into_iter().chain(coming.into_iter().flat_map(Gate::watched_files)).chain(tls))
    }
}

/// Watches a document's own files, those there are and those that may come.
pub(super) fn watch_document(config: &Path) -> FileWatch {
    let directory = drop_in_directory(config);
    let drop_ins = std::fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
    // A name inside makes the directory itself be watched: a new drop-in changes the directory.
    let inside = directory.join("*.toml");
    watch_files(drop_ins.chain([config.to_owned(), directory, inside]))
}

fn is_read_at_start(key: &str) -> bool {
    // As a whole: it has appeared or vanished, and its address with it.
    key == "token_review"
        || AT_START.iter().any(|k| key.strip_prefix(k).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Loaded;

    fn document(text: &str) -> Loaded<Config> {
        document::load_bytes("x.toml", text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn what_changed_is_named_without_its_value() {
        let before = document("gate = { listen = '127.0.0.1:1', public_url = 'http://a' }\n[[routes]]\npath = '/'\n");
        let after = document(
            "gate = { listen = '127.0.0.1:2', public_url = 'http://a', limits = { head = '8KiB' } }\n\
             cookies.keys = [{ env = 'K' }]\n[[routes]]\npath = '/x'\n[[routes]]\npath = '/y'\n",
        );
        let changed = before.changed(&after);
        assert_eq!(changed, ["cookies", "gate.limits", "gate.listen", "routes[0].path", "routes[1]"]);
        let sockets: Vec<&String> = changed.iter().filter(|k| is_read_at_start(k)).collect();
        assert_eq!(sockets, ["gate.limits", "gate.listen"]);
        assert!(before.changed(&before).is_empty());
    }
}
