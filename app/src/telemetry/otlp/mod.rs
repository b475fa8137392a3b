//! Traces for an OpenTelemetry collector: OTLP over HTTP, as protobuf. Which spans there are is said in
//! `gangplank_gate::trace`; here is what becomes of them.

mod encode;
mod environment;
mod exporter;
mod settings;

use std::sync::Arc;

use gangplank_gate::Shared;
use gangplank_gate::config::TelemetryConfig;
use gangplank_net::HttpClient;
use gangplank_oauth::config::{ConfigError, Environment};

pub use exporter::{Exporter, Prepared};
use settings::Settings;

/// Reads `[telemetry]`. `None` if nobody is to be told.
///
/// # Errors
/// All that is wrong with it.
pub fn prepare(
    config: Option<&TelemetryConfig>,
    environment: Environment<'_>,
    shared: &Arc<Shared>,
) -> Result<Option<Prepared>, Vec<ConfigError>> {
    let Some(config) = config else { return Ok(None) };
    let Some(settings) = Settings::read(config, environment)? else { return Ok(None) };
    let client = HttpClient::new(&settings.roots)
        .map_err(|error| vec![ConfigError::new("telemetry.ca_file", error.to_string(), "a PEM file of authorities")])?;
    Ok(Some(Prepared::new(settings, Arc::new(client), shared.clone())))
}
