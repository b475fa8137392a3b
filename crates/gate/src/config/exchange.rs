//! `[exchanges.NAME]`, as it is written.

use std::path::PathBuf;

use serde::Deserialize;

use super::OneOrMany;

/// `[exchanges.NAME]`: how a caller's token becomes another one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeConfig {
    /// A name of `[clients]`: who exchanges, and where.
    pub client: String,
    /// How.
    pub strategy: Strategy,
    /// `scope`. At Entra ID the downstream application's, such as `api://downstream/.default`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// `audience`: whom the new token is for, by the provider's name for it.
    #[serde(default)]
    pub audience: OneOrMany,
    /// `resource`: the same, by absolute URI.
    #[serde(default)]
    pub resource: OneOrMany,
    /// What the caller's token is: `access_token` (default), `id_token`, `jwt`, or a URN.
    pub subject_token_type: Option<String>,
    /// What is wanted. Default: what the provider gives.
    pub requested_token_type: Option<String>,
    /// Keycloak: the alias of the identity provider that issued the caller's token.
    pub subject_issuer: Option<String>,
    /// Keycloak: the alias of the identity provider whose token is wanted.
    pub requested_issuer: Option<String>,
    /// Who acts for the caller (RFC 8693 §1.1).
    pub actor: Option<ActorConfig>,
    /// What `aud` of the new token must have one of. Default: what follows from audience, resource and scopes.
    pub token_audiences: Option<Vec<String>>,
    /// Whether a token that is no JWT, whose audience nobody can see, is passed on. Default false.
    #[serde(default)]
    pub opaque_tokens: bool,
    /// Whether the provider gives a person another `sub` at every audience: then `sub` is not compared. Default false.
    #[serde(default)]
    pub pairwise_subjects: bool,
    /// Only with `client-credentials`, and there needed: upstreams see the gate, and no longer the caller.
    #[serde(default)]
    pub replaces_caller: bool,
}

/// How a token becomes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Entra ID's on-behalf-of.
    OnBehalfOf,
    /// RFC 8693.
    TokenExchange,
    /// Keycloak's own exchange, version 1.
    KeycloakV1,
    /// A token of the gate's own, whoever calls.
    ClientCredentials,
}

/// `actor = { … }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorConfig {
    /// Its token, read again at every use.
    pub token_file: PathBuf,
    /// What that is. Default `jwt`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}
