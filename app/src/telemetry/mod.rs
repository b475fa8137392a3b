//! Where `tracing` events become lines on standard error.
//!
//! * Text for people or JSON for machines; one line per event, whatever the fields hold.
//! * The level governs our own targets. Libraries get a word in from `warn` up, whatever the level: below that, those
//!   that speak HTTP tell headers, and headers are credentials.
//! * `audit`, the line per decision, has a switch of its own. Switched off it costs one load.
//! * Lines are written by a thread (`writer`): a request never waits for a terminal, unless an audit line would
//!   be lost otherwise.
//! * No secret is ever given to a log; `mask` is the net below.
//!
//! Spans are not recorded: the request id is a field of each event.

mod line;
mod mask;
pub mod otlp;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use clap::ValueEnum;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

pub use mask::mask;
use writer::Writer;

/// The target of audit lines.
const AUDIT: &str = "audit";

/// `[log]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// `text` (default, for people) or `json`.
    pub format: Option<Format>,
    /// `error`, `warn`, `info` (default), `debug` or `trace`.
    pub level: Option<LogLevel>,
    /// Whether each decision leaves a line. Default true: an access nobody can reconstruct is a finding.
    pub audit: Option<bool>,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What does not work.
    Error,
    /// What soon may not.
    Warn,
    /// What happens to the process.
    Info,
    /// What happens to a request.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    fn level(self) -> Level {
        match self {
            LogLevel::Error => Level::ERROR,
            LogLevel::Warn => Level::WARN,
            LogLevel::Info => Level::INFO,
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Trace => Level::TRACE,
        }
    }
}

/// The log of this process. It can be told to say more or less while it runs.
#[derive(Clone, Debug)]
pub struct Telemetry {
    settings: Arc<Settings>,
    writer: Arc<Writer>,
}

#[derive(Debug)]
struct Settings {
    json: AtomicBool,
    audit: AtomicBool,
    level: AtomicU8,
}

impl Telemetry {
    /// Takes over standard error as the process's log. If somebody else already did, theirs stays.
    pub fn install(config: &LogConfig) -> Telemetry {
        let telemetry = Telemetry {
            settings: Arc::new(Settings {
                json: AtomicBool::new(false),
                audit: AtomicBool::new(true),
                level: AtomicU8::new(LogLevel::Info as u8),
            }),
            writer: Writer::start(Box::new(std::io::stderr())),
        };
        telemetry.apply(config);
        let _ = tracing::subscriber::set_global_default(telemetry.clone());
        let writer = telemetry.writer.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let payload = panic.payload();
            let message =
                payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
            tracing::error!(target: "gangplank", place, "panicked: {}", message.unwrap_or("(no message)"));
            writer.flush();
        }));
        telemetry
    }

    /// Changes what is said from now on, as a reload asks.
    pub fn apply(&self, config: &LogConfig) {
        self.settings.json.store(config.format == Some(Format::Json), Ordering::Relaxed);
        self.settings.audit.store(config.audit.unwrap_or(true), Ordering::Relaxed);
        self.settings.level.store(config.level.unwrap_or(LogLevel::Info) as u8, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Waits until everything said so far is written.
    pub fn flush(&self) {
        self.writer.flush();
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            return false;
        }
        if metadata.target() == AUDIT {
            return self.settings.audit.load(Ordering::Relaxed);
        }
        let level = self.settings.level();
        let ours = metadata.target().starts_with("gangplank");
        *metadata.level() <= if ours { level } else { level.min(Level::WARN) }
    }
}

impl Settings {
    fn level(&self) -> Level {
        use LogLevel::{Debug, Error, Info, Trace, Warn};
        let number = self.level.load(Ordering::Relaxed);
        [Error, Warn, Info, Debug, Trace].get(usize::from(number)).copied().unwrap_or(Info).level()
    }
}

impl Subscriber for Telemetry {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let level = self.settings.level();
        let audit = self.settings.audit.load(Ordering::Relaxed);
        Some(LevelFilter::from_level(if audit { level.max(Level::INFO) } else { level }))
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.wants(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        let must_stay = event.metadata().target() == AUDIT;
        line::with(event, self.settings.json.load(Ordering::Relaxed), |line| self.writer.write(line, must_stay));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
