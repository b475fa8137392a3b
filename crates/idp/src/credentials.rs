//! What an application's registration holds besides secrets: certificates and federated credentials, checked.

use gangplank_jose::KeySet;
use gangplank_oauth::config::ConfigError;

use crate::certificate::Certificate;
use crate::config::FederatedCredentialConfig;

/// An issuer that vouches for an application.
pub(crate) struct Federated {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    pub(crate) keys: KeySet,
}

/// Those of an application at `path`, without those that are none.
pub(crate) fn certificates(path: &str, texts: &[String], errors: &mut Vec<ConfigError>) -> Vec<Certificate> {
    let mut certificates = Vec::new();
    for (j, text) in texts.iter().enumerate() {
        match Certificate::from_pem(text) {
            Ok(certificate) => certificates.push(certificate),
            Err(problem) => errors.push(ConfigError::new(
                format!("{path}.certificates[{j}]"),
                problem,
                "the text of a PEM file with a certificate of an RSA, P-256 or P-384 key",
            )),
        }
    }
    certificates
}

/// Those of an application at `path`, without those whose keys can't be used.
pub(crate) fn federated(
    path: &str,
    configs: &[FederatedCredentialConfig],
    errors: &mut Vec<ConfigError>,
) -> Vec<Federated> {
    let mut federated = Vec::new();
    for (j, config) in configs.iter().enumerate() {
        match keys(&config.jwks) {
            Ok(keys) => federated.push(Federated {
                issuer: config.issuer.clone(),
                subject: config.subject.clone(),
                audience: config.audience.clone(),
                keys,
            }),
            Err(problem) => errors.push(ConfigError::new(
                format!("{path}.federated_credentials[{j}].jwks"),
                problem,
                "the issuer's JWK set as one JSON text",
            )),
        }
    }
    federated
}

fn keys(jwks: &str) -> Result<KeySet, String> {
    let keys = KeySet::parse(jwks.as_bytes()).map_err(|e| e.to_string())?;
    if keys.is_empty() { Err("it has no usable key".to_owned()) } else { Ok(keys) }
}

impl std::fmt::Debug for Federated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Federated")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}
