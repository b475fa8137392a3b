//! `[authorization_servers.NAME]`, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `[authorization_servers.NAME]`: registration, and `resource`, for programs that expect them of a provider that has neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationServerConfig {
    /// A name of `[clients]`: the registration at the provider that all programs share.
    pub client: String,
    /// Names that programs use for scopes, with the provider's. Others are the provider's own.
    #[serde(default)]
    pub scopes: BTreeMap<String, String>,
    /// Whether programs may register themselves (RFC 7591). Default true.
    pub registration: Option<bool>,
    /// Whether programs may be named by the address of their own document, and on which hosts. Default false.
    pub client_id_metadata: Option<ClientIdMetadataConfig>,
    /// Hosts, or a host and a path, to which codes may be sent by https: `vscode.dev`, `*.example.com`, `a.example.com/callback`.
    #[serde(default)]
    pub redirect_hosts: Vec<String>,
    /// Private-use schemes to which codes may be sent: `cursor`.
    #[serde(default)]
    pub redirect_schemes: Vec<String>,
}

/// `client_id_metadata = true` or `{ … }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "true, false, or a table with hosts, such as { hosts = [\"*.example.com\"] }")]
pub enum ClientIdMetadataConfig {
    /// Any public host, or none.
    Any(bool),
    /// Some hosts.
    Hosts(ClientIdMetadataHosts),
}

/// `client_id_metadata = { … }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientIdMetadataHosts {
    /// `example.com`, or `*.example.com` for every host below it.
    pub hosts: Vec<String>,
    /// Whether these hosts may have private addresses and ports of their own. Default false.
    #[serde(default)]
    pub private: bool,
}
