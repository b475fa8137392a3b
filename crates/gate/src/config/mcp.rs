//! `[routes.mcp]`, as it is written.

use gangplank_oauth::config::ByteLimit;
use serde::Deserialize;

use super::OneOrMany;
use super::tools::ToolRuleConfig;

/// `[routes.mcp]`: the upstream is an MCP server, and a protected resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpConfig {
    /// Its identifier (RFC 8707). Default: the URL of the route.
    pub resource: Option<String>,
    /// What a client should ask for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Where clients get tokens: names of `[authorization_servers]` or `[issuers]`.
    #[serde(default)]
    pub authorization_servers: OneOrMany,
    /// Origins whose pages may call, besides our own.
    #[serde(default)]
    pub origins: Vec<String>,
    /// The largest body of a request. Default `"4MiB"`.
    pub body_limit: Option<ByteLimit>,
    /// Whether the HTTP+SSE transport of 2024-11-05 passes, which has session ids in URLs. Default false.
    #[serde(default)]
    pub legacy_sse: bool,
    /// Which cluster a call is about.
    pub target: Option<TargetConfig>,
    /// Who may call which tool.
    #[serde(default)]
    pub tools: Vec<ToolRuleConfig>,
    /// What becomes of tools that no rule names. Default: denied if there are rules.
    pub other_tools: Option<OtherTools>,
}

/// `target = { … }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// The name of the tools' argument.
    pub argument: String,
    /// The cluster of calls without it.
    pub default: Option<String>,
    /// Names of `[clusters]`: no other can be chosen.
    pub clusters: Vec<String>,
}

/// What becomes of tools that no rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtherTools {
    /// Whoever passes on the route may call them.
    Allow,
    /// Nobody may.
    Deny,
}
