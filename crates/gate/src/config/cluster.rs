//! `[clusters.NAME]`, as it is written.

use std::path::PathBuf;

use serde::Deserialize;

use super::AllowConfig;

/// `[clusters.NAME]`: an API server as an upstream. Exactly one of `in_cluster` and `kubeconfig`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamClusterConfig {
    /// The cluster that this process runs in.
    #[serde(default)]
    pub in_cluster: bool,
    /// The cluster of a kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. Default: its `current-context`.
    pub context: Option<String>,
    /// As whom the API server is spoken to. Default: what fits.
    pub auth_mode: Option<AuthMode>,
    /// A name of `[exchanges]`: the caller's token becomes one for this cluster.
    pub exchange: Option<String>,
    /// With passthrough and without exchange: a caller's own token is passed on if its `aud` has one of these.
    pub token_audiences: Option<Vec<String>>,
    /// Who may choose this cluster, in whichever way.
    pub allow: Option<AllowConfig>,
    /// The token that would be sent is asked about first.
    pub review: Option<ReviewConfig>,
    /// What of the caller is told, besides the name and the groups.
    #[serde(default)]
    pub impersonate: ImpersonateConfig,
}

/// As whom an API server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// As the caller, by the caller's own token or one that it was exchanged for.
    Passthrough,
    /// As ourselves, saying for whom.
    Impersonate,
    /// As ourselves.
    Kubeconfig,
}

/// `review = { … }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewConfig {
    /// Whom the token must be for. Default: the API server itself.
    #[serde(default)]
    pub audiences: Vec<String>,
}

/// `impersonate = { … }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpersonateConfig {
    /// Whether `Impersonate-Uid` is sent. Default true.
    pub uid: Option<bool>,
    /// The attributes of `extra` that are sent. Default: all.
    pub extra: Option<Vec<String>>,
}
