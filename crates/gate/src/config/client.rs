//! `[clients.NAME]`, as it is written.

use std::path::PathBuf;

use gangplank_oauth::config::{SecretSource, Span};
use serde::Deserialize;

use super::TlsConfig;

/// `[clients.NAME]`: how we ourselves authenticate to an issuer. At most one of `secret`, `certificate`,
/// `tls_certificate` and `federated_token_file`; with none it is a public client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// A name of `[issuers]`.
    pub issuer: String,
    /// The client id.
    pub id: String,
    /// The client secret.
    pub secret: Option<SecretSource>,
    /// How the secret is sent. Default `basic`, or `post` where the provider offers only that.
    pub secret_method: Option<SecretMethod>,
    /// Certificate and key: private_key_jwt.
    pub certificate: Option<ClientAssertionConfig>,
    /// Certificate and key that are shown in the TLS handshake with the provider (RFC 8705 §2).
    pub tls_certificate: Option<TlsConfig>,
    /// A token file of the workload's own, re-read on every use: workload identity federation.
    pub federated_token_file: Option<PathBuf>,
    /// Scopes to ask for. Default `openid profile email offline_access`, for Entra ID also Graph's `User.Read`.
    pub scopes: Option<Vec<String>>,
    /// What the sign-in page calls it. Default: the name of the table.
    pub display_name: Option<String>,
    /// The OpenID Connect `prompt`.
    pub prompt: Option<String>,
}

/// `certificate = { … }`: with what client assertions are signed, and what they say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAssertionConfig {
    /// PEM: the certificate that is registered, then its chain.
    pub cert: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
    /// `PS256` (default for RSA), `RS256`, `ES256` (P-256) or `ES384` (P-384).
    pub algorithm: Option<String>,
    /// Whether the SHA-1 thumbprint is sent too. Default false: `x5t#S256` is always.
    #[serde(default)]
    pub x5t: bool,
    /// Whether the certificate and its chain are sent too: subject name and issuer authentication. Default false.
    #[serde(default)]
    pub x5c: bool,
    /// A `kid` that the provider wants to see.
    pub kid: Option<String>,
    /// How long each assertion lasts. Default `"10m"`.
    pub lifetime: Option<Span>,
}

/// How a client secret is sent (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretMethod {
    /// In the `Authorization` header.
    Basic,
    /// In the form.
    Post,
}
