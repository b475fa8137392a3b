//! `[telemetry]`: what is written becomes what an exporter is made of. Everything that is wrong is said at once.

use std::collections::BTreeMap;
use std::time::Duration;

use gangplank_gate::config::TelemetryConfig;
use gangplank_net::Roots;
use gangplank_oauth::config::{ConfigError, Environment, Span};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::{HeaderValue, Uri};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::environment::Told;

/// What OTLP calls the traces of a collector.
const PATH: &str = "/v1/traces";

/// What an exporter is made of.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) url: Uri,
    /// Each marked as sensitive.
    pub(super) headers: HeaderMap,
    pub(super) roots: Roots,
    pub(super) sample: f64,
    pub(super) trust_incoming: bool,
    pub(super) resource: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) interval: Duration,
    pub(super) queue: usize,
}

impl Settings {
    /// Reads it. `None` if the environment, where it has the word, names no collector.
    pub(super) fn read(
        config: &TelemetryConfig,
        environment: Environment<'_>,
    ) -> Result<Option<Self>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let told = if config.from_env { Told::read(environment, &mut errors) } else { Told::default() };
        let headers = headers(config, told.headers, environment, &mut errors);
        let sample = sample(config.sample, told.sample, &mut errors);
        let resource = resource(config, told.service_name, told.attributes, &mut errors);
        let timeout = within("timeout", config.timeout, told.timeout, 10_000, &mut errors);
        let interval = within("interval", config.interval, told.interval, 5_000, &mut errors);
        let queue = queue(config.queue.or(told.queue), &mut errors);
        let url = match (&config.endpoint, told.endpoint) {
            (Some(written), _) => url(written, "telemetry.endpoint", &mut errors),
            (None, Some((name, text))) => url(&text, &format!("telemetry.from_env: {name}"), &mut errors),
            (None, None) if config.from_env => return if errors.is_empty() { Ok(None) } else { Err(errors) },
            (None, None) => {
                let help = "endpoint = \"http://collector:4318\", or from_env = true";
                errors.push(ConfigError::new("telemetry", "names no collector", help));
                None
            }
        };
        let ca_file = config.ca_file.clone().or(told.ca_file);
        if ca_file.is_some() && url.as_ref().is_some_and(|url| url.scheme_str() != Some("https")) {
            let message = "authorities are given, and the endpoint is not https";
            errors.push(ConfigError::new("telemetry.ca_file", message, "use https, or leave it out"));
        }
        match url {
            Some(_) if told.disabled => Ok(None),
            Some(url) if errors.is_empty() => Ok(Some(Settings {
                url,
                headers,
                roots: ca_file.map_or(Roots::System, Roots::File),
                sample,
                trust_incoming: config.trust_incoming,
                resource,
                timeout,
                interval,
                queue,
            })),
            _ => Err(errors),
        }
    }
}

fn url(text: &str, at: &str, errors: &mut Vec<ConfigError>) -> Option<Uri> {
    let read = || {
        let url = Url::parse(text).ok()?;
        let plain = url.username().is_empty() && url.password().is_none();
        let fit = matches!(url.scheme(), "http" | "https") && url.has_host() && plain;
        if !fit || url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        let base = url.as_str().trim_end_matches('/');
        if base.ends_with(PATH) { base.parse().ok() } else { format!("{base}{PATH}").parse().ok() }
    };
    let url = read();
    if url.is_none() {
        // Not what was found: it may have a password in it.
        let message = "is not the address of a collector";
        let help = "such as \"http://collector:4318\" (OTLP over HTTP), without user, query and fragment";
        errors.push(ConfigError::new(at, message, help));
    }
    url
}

/// The table's come last, and win.
fn headers(
    config: &TelemetryConfig,
    told: Vec<(String, SecretString)>,
    environment: Environment<'_>,
    errors: &mut Vec<ConfigError>,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in told {
        header(&mut headers, &name, &value, "telemetry.from_env", errors);
    }
    for (name, source) in &config.headers {
        let at = format!("telemetry.headers.{name}");
        match source.read(&at, environment) {
            Ok(value) => header(&mut headers, name, &value, &at, errors),
            Err(error) => errors.push(error),
        }
    }
    headers
}

fn header(headers: &mut HeaderMap, name: &str, value: &SecretString, at: &str, errors: &mut Vec<ConfigError>) {
    let read = HeaderName::from_bytes(name.as_bytes()).ok();
    let Some(read) =
        read.filter(|name| ![HOST, CONTENT_TYPE, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(name))
    else {
        let message = format!("{name:?} is not a header that can be set");
        errors.push(ConfigError::new(at, message, "such as \"authorization\" or \"x-api-key\""));
        return;
    };
    let Ok(mut value) = HeaderValue::from_str(value.expose_secret()) else {
        let message = format!("the value of {name:?} can't stand in a header");
        errors.push(ConfigError::new(at, message, "one line of visible characters"));
        return;
    };
    value.set_sensitive(true);
    headers.insert(read, value);
}

fn sample(written: Option<f64>, told: Option<f64>, errors: &mut Vec<ConfigError>) -> f64 {
    let share = written.or(told).unwrap_or(1.0);
    if !(0.0..=1.0).contains(&share) {
        let message = format!("{share} is not a share");
        errors.push(ConfigError::new("telemetry.sample", message, "0 (none) to 1 (all), such as 0.1"));
    }
    share
}

fn resource(
    config: &TelemetryConfig,
    told_name: Option<String>,
    told: BTreeMap<String, String>,
    errors: &mut Vec<ConfigError>,
) -> Vec<(String, String)> {
    const OWN: [&str; 2] = ["service.name", "service.version"];
    let told_name = told_name.or_else(|| told.get("service.name").cloned());
    let name = config.service_name.clone().or(told_name).unwrap_or_else(|| "gangplank".to_owned());
    if name.trim().is_empty() || name.len() > 255 {
        errors.push(ConfigError::new("telemetry.service_name", "is empty or too long", "1 to 255 characters"));
    }
    for key in config.attributes.keys().filter(|key| OWN.contains(&key.as_str()) || key.trim().is_empty()) {
        let message = format!("{key:?} is not an attribute that can be set here");
        let help = "telemetry.service_name for the name; the version is our own";
        errors.push(ConfigError::new("telemetry.attributes", message, help));
    }
    let mut all = told;
    all.extend(config.attributes.clone());
    all.insert("service.name".to_owned(), name);
    all.insert("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    all.into_iter().collect()
}

fn within(
    key: &str,
    written: Option<Span>,
    told: Option<Duration>,
    default: u64,
    errors: &mut Vec<ConfigError>,
) -> Duration {
    let value = written.map(|Span(value)| value).or(told).unwrap_or(Duration::from_millis(default));
    if !(Duration::from_millis(50)..=Duration::from_secs(60)).contains(&value) {
        errors.push(ConfigError::new(format!("telemetry.{key}"), format!("{value:?} is out of range"), "50ms to 60s"));
    }
    value
}

fn queue(given: Option<usize>, errors: &mut Vec<ConfigError>) -> usize {
    let queue = given.unwrap_or(2048);
    if !(1..=65_536).contains(&queue) {
        errors.push(ConfigError::new("telemetry.queue", format!("{queue} is out of range"), "1 to 65536 spans"));
    }
    queue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &str, environment: &[(&str, &str)]) -> Result<Option<Settings>, Vec<String>> {
        let config: TelemetryConfig = toml::from_str(table).unwrap();
        let look_up =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&config, &look_up).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_endpoint_gets_the_path_of_traces_once() {
        for (written, expected) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://otlp.example.com/otlp", "https://otlp.example.com/otlp/v1/traces"),
            ("https://otlp.example.com/otlp/v1/traces", "https://otlp.example.com/otlp/v1/traces"),
        ] {
            let settings = read(&format!("endpoint = '{written}'"), &[]).unwrap().unwrap();
            assert_eq!(settings.url, expected);
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_no_secret_with_it() {
        let errors = read(
            "endpoint = 'http://user:hunter2@collector:4318'\nsample = 1.5\nqueue = 0\ntimeout = '0s'\ninterval = '2m'\n\
             service_name = ' '\nattributes = { 'service.name' = 'x' }\n\
             headers = { host = { env = 'TOKEN' }, x = { env = 'LINES' }, y = { env = 'NONE' } }",
            &[("TOKEN", "s3cret"), ("LINES", "s3cret\nx: y")],
        )
        .unwrap_err();
        for expected in
            ["endpoint", "sample", "queue", "timeout", "interval", "service_name", "attributes", "host", "x", "y"]
        {
            assert!(errors.iter().any(|e| e.contains(expected)), "{expected}: {errors:#?}");
        }
        assert_eq!(errors.len(), 10, "{errors:#?}");
        assert!(!format!("{errors:?}").contains("s3cret") && !format!("{errors:?}").contains("hunter2"), "{errors:#?}");
        assert_eq!(read("", &[]).unwrap_err().len(), 1, "a table that names nobody is a mistake");
        let errors = read("endpoint = 'http://c:4318'\nca_file = 'x'", &[]).unwrap_err();
        assert!(errors[0].contains("not https"), "{errors:?}");
    }

    #[test]
    fn the_environment_speaks_only_where_it_is_asked_and_the_table_wins() {
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://sidecar:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret,x=1"),
            ("OTEL_SERVICE_NAME", "told"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=less,deployment.environment.name=prod%20eu"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ];
        let silent = read("endpoint = 'http://c:4318'", &environment).unwrap().unwrap();
        assert_eq!((silent.url.host(), silent.sample, silent.headers.len()), (Some("c"), 1.0, 0));

        let told = read("from_env = true\nservice_name = 'written'", &environment).unwrap().unwrap();
        assert_eq!((told.url.host(), told.sample, told.timeout.as_millis()), (Some("sidecar"), 0.25, 2500));
        assert_eq!(told.headers["authorization"], "Bearer s3cret");
        assert!(!format!("{told:?}").contains("s3cret"), "{told:?}");
        let of = |key: &str| told.resource.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        assert_eq!((of("service.name"), of("deployment.environment.name")), (Some("written"), Some("prod eu")));

        assert!(read("from_env = true", &[]).unwrap().is_none(), "off where nobody says where");
        let disabled = [environment[0], ("OTEL_SDK_DISABLED", "true")];
        assert!(read("from_env = true", &disabled).unwrap().is_none());
        let wrong = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "s3cret"),
        ];
        let errors = read("from_env = true", &wrong).unwrap_err();
        assert_eq!(errors.len(), 5, "{errors:#?}");
        assert!(!format!("{errors:?}").contains("s3cret"), "{errors:#?}");
    }
}
