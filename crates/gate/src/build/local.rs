//! Authenticators that judge by a file and ask nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gangplank_authn::basic::Basic;
use gangplank_authn::kubeconfig::Own;
use gangplank_authn::static_keys::StaticKeys;
use gangplank_authn::x509::{CertificateSettings, CertificateSource, ClientCertificates};
use gangplank_authn::{Authenticator, FileError, Realm};
use gangplank_jose::{SpiffeId, UnixTime};
use gangplank_oauth::config::ConfigError;

use super::Errors;
use crate::config::{AuthenticatorConfig, CertificatesFrom, ClientCertificatesConfig, GateConfig, HtpasswdConfig};

/// The files of an authenticator: when one changes, a gate is built again.
pub(super) fn files(authenticator: &AuthenticatorConfig) -> impl Iterator<Item = PathBuf> + '_ {
    let htpasswd = authenticator.htpasswd.as_ref().map(|htpasswd| &htpasswd.file);
    let authorities = authenticator.client_certificates.as_ref().map(|certificates| &certificates.ca_file);
    let kubernetes = authenticator.authentication_config.as_ref().map(|kubernetes| &kubernetes.file);
    let named = authenticator.keys_file.iter().chain(htpasswd).chain(authorities).chain(kubernetes).cloned();
    named.chain(
        authenticator
            .token_review
            .iter()
            .flat_map(|asked| super::clusters::files(super::clusters::Where::of(asked), Own::Required)),
    )
}

/// `keys_file`.
pub(super) fn keys(
    name: &str,
    file: &Path,
    at: &str,
    now: UnixTime,
    errors: &mut Errors,
) -> Option<Arc<dyn Authenticator>> {
    let help = "a line for each key as `gangplank keys new` writes it: KEY-ID:SHA256-HEX, then attributes, each after a semicolon";
    match StaticKeys::load(name, file, now) {
        Ok(keys) => Some(Arc::new(keys)),
        Err(wrong) => {
            say(wrong, file, at, help, errors);
            None
        }
    }
}

/// `htpasswd`.
pub(super) fn htpasswd(
    name: &str,
    config: &HtpasswdConfig,
    at: &str,
    now: UnixTime,
    errors: &mut Errors,
) -> Option<Arc<dyn Authenticator>> {
    let text = config.realm.as_deref().unwrap_or(name);
    let realm = Realm::new(text);
    if realm.is_none() {
        let message = format!("{text:?} can't stand in a header");
        let help = "1 to 128 printable ASCII characters without \" and \\";
        errors.push(ConfigError::new(format!("{at}.realm"), message, help));
    }
    // The file is read whatever the realm is: all that is wrong is told at once.
    let stand_in = || Realm::new("x");
    let loaded = Basic::load(name, realm.clone().or_else(stand_in)?, &config.file, now);
    let basic = loaded.map_err(|wrong| {
        let help = "a line USER:HASH for each user, as `htpasswd -B` writes it";
        say(wrong, &config.file, &format!("{at}.file"), help, errors);
    });
    realm.and(basic.ok()).map(|basic| Arc::new(basic) as Arc<dyn Authenticator>)
}

/// `client_certificates`.
pub(super) fn certificates(
    name: &str,
    config: &ClientCertificatesConfig,
    at: &str,
    gate: &GateConfig,
    now: UnixTime,
    errors: &mut Errors,
) -> Option<Arc<ClientCertificates>> {
    let before = errors.len();
    let mut contradiction = |key: &str, message: String, help: &str| {
        errors.push(ConfigError::new(format!("{at}.{key}"), message, help));
    };
    if config.from == CertificatesFrom::Tls && gate.tls.is_none() {
        let help = "set gate.tls; behind a proxy, let it hand the certificate on, and say in which header";
        contradiction("from", "is the gate's own listener, which does not speak TLS".to_owned(), help);
    }
    if config.from != CertificatesFrom::Tls && gate.trusted_proxies.is_empty() {
        let help = "set gate.trusted_proxies to the addresses of the proxy that hands certificates on";
        contradiction("from", "is a header, and no proxy is trusted to send it".to_owned(), help);
    }
    if config.allow_reserved && !config.spiffe_trust_domains.is_empty() {
        let message = "is set, and no SPIFFE ID begins with system:".to_owned();
        contradiction("allow_reserved", message, "leave it out");
    }
    if config.spiffe_trust_domains.len() > 1 {
        let message = "has several, and the one ca_file would let the authority of each speak for all".to_owned();
        contradiction("spiffe_trust_domains", message, "an authenticator of its own for each, with its own ca_file");
    }
    for (i, domain) in config.spiffe_trust_domains.iter().enumerate() {
        let id = format!("spiffe://{domain}");
        if SpiffeId::parse(&id).is_none_or(|id| id.trust_domain() != domain) {
            let help = "the name alone, such as \"example.org\": small letters, digits, '.', '-' and '_'";
            contradiction(&format!("spiffe_trust_domains[{i}]"), format!("{domain:?} is not a trust domain"), help);
        }
    }
    let settings = CertificateSettings {
        name: name.to_owned(),
        source: match config.from {
            CertificatesFrom::Tls => CertificateSource::Tls,
            CertificatesFrom::XForwardedClientCert => CertificateSource::ForwardedClientCert,
            CertificatesFrom::SslClientCert => CertificateSource::SslClientCert,
            CertificatesFrom::ClientCert => CertificateSource::ClientCert,
        },
        spiffe_trust_domains: config.spiffe_trust_domains.clone(),
        allow_reserved: config.allow_reserved,
    };
    match ClientCertificates::load(settings, &config.ca_file, now) {
        Ok(certificates) => (errors.len() == before).then(|| Arc::new(certificates)),
        Err(wrong) => {
            say(wrong, &config.ca_file, &format!("{at}.ca_file"), "a PEM file of authorities", errors);
            None
        }
    }
}

/// The most lines of a file that are told, as `gangplank check` prints no more.
const TOLD: usize = 50;

/// Every line that is wrong, by its number.
fn say(wrong: Vec<FileError>, file: &Path, at: &str, help: &str, errors: &mut Errors) {
    for error in wrong.into_iter().take(TOLD) {
        errors.push(ConfigError::new(at, format!("{}: {error}", file.display()), help));
    }
}
