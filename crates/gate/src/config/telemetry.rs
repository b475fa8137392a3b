//! `[telemetry]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gangplank_oauth::config::{SecretSource, Span};
use serde::Deserialize;

/// `[telemetry]`: traces, handed to an OpenTelemetry collector by OTLP (http/protobuf). Without an endpoint there are none.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// The collector: `http://collector:4318`. `/v1/traces` is put behind it, unless it ends so.
    pub endpoint: Option<String>,
    /// Headers for the collector, each a secret.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretSource>,
    /// A PEM file of authorities to trust for the collector instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How many of the traces that begin here are recorded: 0 for none, 1 (default) for all.
    pub sample: Option<f64>,
    /// Whether every caller's `traceparent` is continued, and not only a trusted proxy's. Default false.
    #[serde(default)]
    pub trust_incoming: bool,
    /// What the collector calls us. Default `gangplank`.
    pub service_name: Option<String>,
    /// Attributes of the resource: `"deployment.environment.name" = "prod"`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// How long the collector may take to answer. Default `"10s"`.
    pub timeout: Option<Span>,
    /// How long spans are gathered before they are sent. Default `"5s"`.
    pub interval: Option<Span>,
    /// How many spans may wait to be sent; more are dropped and counted. Default 2048.
    pub queue: Option<usize>,
    /// Whether the `OTEL_…` variables of the environment say what this table leaves out. Default false.
    #[serde(default)]
    pub from_env: bool,
}
