//! The variables that OpenTelemetry has for exporters, as far as they make sense here. They are read only where the
//! configuration says `telemetry.from_env = true`: what a pod happens to have in its environment should not decide where
//! traces go.
//!
//! A variable for traces (`OTEL_EXPORTER_OTLP_TRACES_…`) is asked before the one for everything. An empty variable is none.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use gangplank_oauth::config::{ConfigError, Environment};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;

/// What the environment says.
#[derive(Default)]
pub(super) struct Told {
    /// `OTEL_SDK_DISABLED`, or no exporter of traces.
    pub(super) disabled: bool,
    /// The variable, and what it says.
    pub(super) endpoint: Option<(String, String)>,
    pub(super) headers: Vec<(String, SecretString)>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) sample: Option<f64>,
    pub(super) service_name: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) timeout: Option<Duration>,
    pub(super) interval: Option<Duration>,
    pub(super) queue: Option<usize>,
}

impl Told {
    /// Reads all of it.
    pub(super) fn read(environment: Environment<'_>, errors: &mut Vec<ConfigError>) -> Self {
        let mut reader = Reader { environment, errors };
        let headers = reader.of_exporter("HEADERS").map(|(name, text)| reader.pairs(&name, &text));
        let attributes = reader.one("OTEL_RESOURCE_ATTRIBUTES").map(|(name, text)| reader.pairs(&name, &text));
        reader.protocol();
        Told {
            disabled: reader.is_disabled(),
            endpoint: reader.of_exporter("ENDPOINT"),
            headers: headers.into_iter().flatten().map(|(name, value)| (name, SecretString::from(value))).collect(),
            ca_file: reader.of_exporter("CERTIFICATE").map(|(_, file)| PathBuf::from(file)),
            sample: reader.sample(),
            service_name: reader.one("OTEL_SERVICE_NAME").map(|(_, name)| name),
            attributes: attributes.into_iter().flatten().collect(),
            timeout: reader.of_exporter("TIMEOUT").and_then(|(name, text)| reader.millis(&name, &text)),
            interval: reader.one("OTEL_BSP_SCHEDULE_DELAY").and_then(|(name, text)| reader.millis(&name, &text)),
            queue: reader.one("OTEL_BSP_MAX_QUEUE_SIZE").and_then(|(name, text)| reader.number(&name, &text)),
        }
    }
}

struct Reader<'r, 'e> {
    environment: Environment<'e>,
    errors: &'r mut Vec<ConfigError>,
}

impl Reader<'_, '_> {
    /// A variable's name and what it says.
    fn one(&self, name: &str) -> Option<(String, String)> {
        let text = (self.environment)(name).filter(|text| !text.trim().is_empty())?;
        Some((name.to_owned(), text.trim().to_owned()))
    }

    fn of_exporter(&self, what: &str) -> Option<(String, String)> {
        let traces = self.one(&format!("OTEL_EXPORTER_OTLP_TRACES_{what}"));
        traces.or_else(|| self.one(&format!("OTEL_EXPORTER_OTLP_{what}")))
    }

    /// Never what was found: it may be a secret in the wrong place.
    fn say(&mut self, name: &str, message: &str, help: &str) {
        self.errors.push(ConfigError::new("telemetry.from_env", format!("{name} {message}"), help));
    }

    fn is_disabled(&mut self) -> bool {
        let disabled = self.one("OTEL_SDK_DISABLED").is_some_and(|(_, text)| text.eq_ignore_ascii_case("true"));
        match self.one("OTEL_TRACES_EXPORTER") {
            Some((_, exporter)) if exporter == "none" => true,
            Some((name, exporter)) if exporter != "otlp" => {
                self.say(&name, "names an exporter that there is not", "otlp, or none");
                disabled
            }
            _ => disabled,
        }
    }

    fn protocol(&mut self) {
        if let Some((name, protocol)) = self.of_exporter("PROTOCOL")
            && protocol != "http/protobuf"
        {
            self.say(
                &name,
                "is not a protocol that is spoken here",
                "http/protobuf, at the collector's port for it (4318)",
            );
        }
    }

    fn sample(&mut self) -> Option<f64> {
        let (name, sampler) = self.one("OTEL_TRACES_SAMPLER")?;
        match sampler.strip_prefix("parentbased_").unwrap_or(&sampler) {
            "always_on" => Some(1.0),
            "always_off" => Some(0.0),
            "traceidratio" => {
                let (name, share) = self.one("OTEL_TRACES_SAMPLER_ARG")?;
                let share = share.parse().ok();
                if share.is_none() {
                    self.say(&name, "is not a number", "0 to 1, such as 0.1");
                }
                share
            }
            _ => {
                let help = "parentbased_always_on, parentbased_always_off or parentbased_traceidratio";
                self.say(&name, "names a sampler that there is not", help);
                None
            }
        }
    }

    fn millis(&mut self, name: &str, text: &str) -> Option<Duration> {
        self.number(name, text).map(|millis| Duration::from_millis(millis as u64))
    }

    fn number(&mut self, name: &str, text: &str) -> Option<usize> {
        let number = text.parse().ok();
        if number.is_none() {
            self.say(name, "is not a whole number", "");
        }
        number
    }

    /// `name=value,…`, the values percent-encoded.
    fn pairs(&mut self, name: &str, text: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
            let read = pair.split_once('=').and_then(|(key, value)| {
                let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                Some((key.trim().to_owned(), value.into_owned())).filter(|(key, _)| !key.is_empty())
            });
            match read {
                Some(pair) => pairs.push(pair),
                None => self.say(name, "is not a list of NAME=VALUE", "separated by commas, values percent-encoded"),
            }
        }
        pairs
    }
}
