//! `[issuers.NAME]`, as it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gangplank_oauth::config::Span;
use serde::Deserialize;

use super::OneOrMany;

/// `[issuers.NAME]`: whose tokens are believed. Exactly one of `entra`, `url` and `spiffe`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Tenants of Microsoft Entra ID: their v1 and v2 tokens, and no other tenant's.
    pub entra: Option<EntraConfig>,
    /// Any OpenID Connect issuer, exactly as it spells itself.
    pub url: Option<String>,
    /// A SPIFFE trust domain, whose workloads present JWT-SVIDs.
    pub spiffe: Option<SpiffeConfig>,
    /// Where the keys of `url` are. Default: where its metadata say.
    pub jwks: Option<KeysConfig>,
    /// Audiences accepted on bearer tokens, any of them. None: this issuer's bearer tokens are not accepted.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Accepted signature algorithms. Default `["RS256", "PS256", "ES256", "ES384", "EdDSA"]`.
    pub algorithms: Option<Vec<String>>,
    /// How far the issuer's clock may be off. Default `"60s"`.
    pub leeway: Option<Span>,
    /// Whether an ID token is accepted as a bearer token. Default false.
    #[serde(default)]
    pub accept_id_tokens: bool,
    /// Claims that must be there, each with its value, or any of its values.
    #[serde(default)]
    pub required_claims: BTreeMap<String, OneOrMany>,
    /// Application roles that must be there, all of them.
    #[serde(default)]
    pub required_roles: Vec<String>,
    /// Delegated scopes that a bearer token must have, all of them.
    #[serde(default)]
    pub required_scopes: Vec<String>,
    /// Clients to which a bearer token may have been issued. Default: any.
    #[serde(default)]
    pub allowed_clients: Vec<String>,
    /// A PEM file of authorities to trust for this issuer's endpoints instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Which claim says what.
    #[serde(default)]
    pub claims: ClaimsConfig,
}

/// `entra = { … }`. Exactly one of `tenant`, `tenants` and `any_tenant`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntraConfig {
    /// The tenant's id (a GUID).
    pub tenant: Option<String>,
    /// The ids of several tenants.
    pub tenants: Option<Vec<String>>,
    /// Every organisation's tenant. Only `true` may be said.
    pub any_tenant: Option<bool>,
    /// The login host. Default `https://login.microsoftonline.com`; sovereign clouds and the dev tenant differ.
    pub authority: Option<String>,
    /// Microsoft Graph. Default: the one that belongs to the authority.
    pub graph: Option<String>,
    /// How Graph is asked for the groups of callers in too many of them. Default: at sign-ins only, with their own token.
    pub groups_from: Option<GroupsFromConfig>,
}

/// `groups_from = { … }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupsFromConfig {
    /// A name of `[clients]`, of this issuer.
    pub client: String,
    /// With whose right.
    pub by: GroupsFrom,
    /// How long groups are remembered. Default `"5m"`.
    pub remember: Option<Span>,
}

/// With whose right Graph is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupsFrom {
    /// The client's own.
    ClientCredentials,
    /// The caller's, whose token is one for the client.
    OnBehalfOf,
}

/// `spiffe = { … }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpiffeConfig {
    /// The name of the trust domain: `example.org`.
    pub trust_domain: String,
    /// Where its bundle is.
    pub bundle: KeysConfig,
}

/// Where a key set is. Exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// At this address, asked again and again.
    pub url: Option<String>,
    /// In this file, read again when it changes.
    pub file: Option<PathBuf>,
    /// Here: the JSON.
    pub inline: Option<String>,
}

/// `claims = { … }`: names of claims. A place inside one is a JSON pointer, such as `/realm_access/roles`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimsConfig {
    /// Default: `preferred_username`, then `upn`, `unique_name`, `email`, `sub`.
    pub username: Option<String>,
    /// What is put before the user name. Default: nothing.
    pub username_prefix: Option<String>,
    /// Default `groups`.
    pub groups: Option<String>,
    /// What is put before each group. Default: nothing.
    pub groups_prefix: Option<String>,
    /// Default: `oid`, then `sub`.
    pub uid: Option<String>,
    /// Default `tid`.
    pub tenant: Option<String>,
    /// Default `email`.
    pub email: Option<String>,
    /// Default `roles`.
    pub roles: Option<String>,
    /// Default: `scp`, then `scope`.
    pub scopes: Option<String>,
    /// Further attributes by their keys. Default: none.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// Whether names and groups that begin with `system:` are taken from this issuer. Default false.
    #[serde(default)]
    pub allow_reserved: bool,
}
