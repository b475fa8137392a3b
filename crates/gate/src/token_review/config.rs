//! `[token_review]`: the webhook, as the document has it.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::config::TlsConfig;

/// `[token_review]`: whose tokens an API server takes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenReviewConfig {
    /// The address to bind.
    pub listen: SocketAddr,
    /// The certificate to serve TLS with. There is no webhook without: tokens are sent to it.
    pub tls: TlsConfig,
    /// A PEM file of the authorities of those who may ask. Default: everybody who reaches it, with a warning.
    pub client_ca_file: Option<PathBuf>,
    /// Whose tokens are good, and in which order they are asked: names of `[issuers]` and of `[authenticators]`.
    pub accept: Vec<String>,
    /// Audiences that every accepted token is good for, besides its own. Default: none.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Whether identity providers may give names that begin with `system:`. Default false.
    #[serde(default)]
    pub allow_reserved: bool,
    /// The one path that is answered at. Default: any.
    pub path: Option<String>,
    /// Whether a refusal carries a short text, with the request's id and without a reason. An API server logs it, and asks
    /// again each time instead of remembering the refusal. Default false.
    #[serde(default)]
    pub error_texts: bool,
}
