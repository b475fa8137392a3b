//! `[[routes.mcp.tools]]`, as it is written.

use serde::Deserialize;

/// Who may call some tools.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRuleConfig {
    /// Names of tools; one that ends in `*` is a beginning.
    pub names: Vec<String>,
    /// Whom the rule admits.
    pub allow: ToolAllowConfig,
}

/// `allow`: any of a list, all of the lists, and `when`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolAllowConfig {
    /// Members of these groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// These user names.
    #[serde(default)]
    pub users: Vec<String>,
    /// Holders of these application roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Tokens with these delegated scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// CEL over `caller`, `tool` and `arguments`.
    pub when: Option<String>,
}
