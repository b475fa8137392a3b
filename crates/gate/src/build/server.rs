//! `[gate]`: how it is reached and whom it believes.

use std::time::Duration;

use gangplank_net::ReloadingTls;
use gangplank_oauth::config::ConfigError;
use http::StatusCode;

use super::Errors;
use crate::config::{Dialect, GateConfig, LimitsConfig};
use crate::forwarded::Believed;

/// What `[gate]` says, besides hosts.
pub(super) struct Server {
    pub(super) prefix: String,
    pub(super) believed: Believed,
    pub(super) allowed_status: StatusCode,
}

/// Reads `[gate]`.
pub(super) fn read(config: &GateConfig, errors: &mut Errors) -> Server {
    let prefix = config.prefix.as_deref().unwrap_or("/oauth2");
    if !is_prefix(prefix) {
        errors.push(ConfigError::new(
            "gate.prefix",
            format!("{prefix:?} is not a prefix"),
            "a path such as \"/oauth2\": letters, digits, '-', '_' and '.', without a slash at its end",
        ));
    }
    let dialect = config.forwarded.unwrap_or(Dialect::XForwarded);
    if config.forwarded.is_some() && config.trusted_proxies.is_empty() {
        errors.push(ConfigError::new(
            "gate.forwarded",
            "a dialect is chosen, and nobody is believed in it",
            "set gate.trusted_proxies to the addresses of the proxy in front, such as [\"10.0.0.0/8\"]",
        ));
    }
    for (i, net) in config.trusted_proxies.iter().enumerate() {
        if net.prefix_len() == 0 {
            errors.push(ConfigError::new(
                format!("gate.trusted_proxies[{i}]"),
                format!("{net} is everybody: every client could say who and where it is"),
                "the addresses of the proxy in front, such as its pod network",
            ));
        }
    }
    let found = config.allowed_status.unwrap_or(if dialect == Dialect::Envoy { 200 } else { 202 });
    let allowed_status = match found {
        200 => StatusCode::OK,
        202 => StatusCode::ACCEPTED,
        other => {
            let message = format!("{other} would not be understood as allowed by every proxy");
            errors.push(ConfigError::new("gate.allowed_status", message, "200 or 202"));
            StatusCode::ACCEPTED
        }
    };
    if dialect == Dialect::Envoy && found == 202 {
        errors.push(ConfigError::new("gate.allowed_status", "Envoy takes 202 for a refusal", "200, or leave it out"));
    }
    if config.metrics_listen == Some(config.listen) && config.listen.port() != 0 {
        errors.push(ConfigError::new("gate.metrics_listen", "is the address of gate.listen", "another port"));
    }
    tls(config, errors);
    limits(&config.limits, errors);
    Server {
        prefix: prefix.to_owned(),
        believed: Believed { proxies: config.trusted_proxies.clone(), dialect },
        allowed_status,
    }
}

fn tls(config: &GateConfig, errors: &mut Errors) {
    let Some(tls) = &config.tls else { return };
    if let Err(error) = ReloadingTls::load(&tls.cert, &tls.key) {
        errors.push(ConfigError::new("gate.tls", error.to_string(), "PEM files of one certificate and its key"));
    }
    if config.public_url.starts_with("http:") {
        errors.push(ConfigError::new(
            "gate.tls",
            "the listener speaks TLS, and gate.public_url is http",
            "set gate.public_url to https, so that cookies are Secure",
        ));
    }
}

/// Bounds within which requests still get through and clients still are bounded.
fn limits(config: &LimitsConfig, errors: &mut Errors) {
    let mut out_of = |key: &str, range: &str| {
        errors.push(ConfigError::new(format!("gate.limits.{key}"), "is out of range", range));
    };
    if config.head.is_some_and(|head| !(8 << 10..=1 << 20).contains(&head.0)) {
        out_of("head", "8KiB to 1MiB");
    }
    let seconds = |from, to| Duration::from_secs(from)..=Duration::from_secs(to);
    if config.head_time.is_some_and(|time| !seconds(1, 600).contains(&time.0)) {
        out_of("head_time", "1s to 10m");
    }
    if config.drain.is_some_and(|drain| !seconds(0, 3600).contains(&drain.0)) {
        out_of("drain", "0s to 1h");
    }
}

fn is_prefix(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    rest.len() <= 64
        && rest.split('/').all(|segment| {
            !segment.is_empty()
                && !segment.bytes().all(|b| b == b'.')
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        })
}
