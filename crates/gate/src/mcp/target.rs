//! Which cluster a body is for, where calls of tools say so in an argument.
//!
//! 1. Each call names its cluster in the argument, exactly, or leaves the argument out and means the default. An argument that
//!    is named so in another case is refused: some servers would read it.
//! 2. The cluster is one of those that the route has, and its own `allow` admits the caller.
//! 3. All calls of a body are for one cluster, as one token goes with it.
//! 4. What calls no tool (and a request without a body) is for the default, if the caller may choose it, and else for none.

use std::collections::BTreeMap;

use gangplank_authn::Authenticated;
use gangplank_jose::Excerpt;
use gangplank_oauth::config::ConfigError;

use super::McpRefusal;
use super::message::{Call, folded};
use super::tools::ToolRefusal;
use crate::Refusal;
use crate::build::{Errors, is_passthrough};
use crate::config::{TargetConfig, UpstreamClusterConfig};
use crate::policy::Policy;

/// A route's clusters, by the argument that chooses them.
#[derive(Debug)]
pub(crate) struct Targets {
    argument: String,
    default: Option<String>,
    /// With their own rules, if they have some.
    clusters: BTreeMap<String, Option<Policy>>,
}

impl Targets {
    /// Reads `config`, which is at `at` (`routes[0].mcp.target`), or says all that is wrong with it.
    pub(crate) fn read(
        config: &TargetConfig,
        known: &BTreeMap<String, UpstreamClusterConfig>,
        at: &str,
        errors: &mut Errors,
    ) -> Targets {
        let mut say = |key: &str, message: String, help: String| {
            errors.push(ConfigError::new(format!("{at}.{key}"), message, help));
        };
        if config.argument.is_empty() || config.argument.chars().any(char::is_control) {
            let message = format!("{:?} is not the name of an argument", config.argument);
            say("argument", message, "the name that the tools give it, such as \"context\"".to_owned());
        }
        if config.clusters.is_empty() {
            say("clusters", "is empty, so that no call could be for any".to_owned(), "names of [clusters]".to_owned());
        }
        let mut clusters = BTreeMap::new();
        for (i, name) in config.clusters.iter().enumerate() {
            let Some(cluster) = known.get(name) else {
                let all = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let message = format!("there is no cluster {name:?}");
                say(&format!("clusters[{i}]"), message, format!("one of [clusters]: {all}"));
                continue;
            };
            if !is_passthrough(cluster) {
                let message = format!("clusters.{name} is shown our own credential, which no MCP server may have");
                let help = "clusters.NAME with auth_mode = \"passthrough\", and exchange or token_audiences";
                say(&format!("clusters[{i}]"), message, help.to_owned());
            }
            let policy = cluster.allow.as_ref().map(|allow| Policy::new(&format!("the cluster {name}"), allow));
            if clusters.insert(name.clone(), policy).is_some() {
                say(&format!("clusters[{i}]"), format!("{name:?} is there already"), "once is enough".to_owned());
            }
        }
        if let Some(default) = config.default.as_ref().filter(|default| !config.clusters.contains(default)) {
            let message = format!("{default:?} is none of target.clusters");
            say("default", message, format!("one of {}", config.clusters.join(", ")));
        }
        Targets { argument: config.argument.clone(), default: config.default.clone(), clusters }
    }

    /// The cluster of a body with these calls.
    pub(crate) fn of<'t>(
        &'t self,
        caller: &Authenticated,
        calls: impl Iterator<Item = &'t Call>,
    ) -> Result<Option<String>, McpRefusal> {
        let mut chosen: Option<&str> = None;
        for call in calls {
            let cluster = self.chosen(caller, call).map_err(|why| why.in_message(call.id.as_ref()))?;
            if let Some(other) = chosen.replace(cluster).filter(|other| *other != cluster) {
                let differ = ToolRefusal::TargetsDiffer(other.to_owned(), cluster.to_owned());
                return Err(McpRefusal::from(differ).in_message(call.id.as_ref()));
            }
        }
        let default = || self.default.as_deref().filter(|default| self.may_choose(caller, default).is_ok());
        Ok(chosen.or_else(default).map(str::to_owned))
    }

    fn chosen<'t>(&'t self, caller: &Authenticated, call: &'t Call) -> Result<&'t str, McpRefusal> {
        let wanted = folded(&self.argument);
        if let Some(other) = call.arguments.keys().find(|name| **name != self.argument && folded(name) == wanted) {
            return Err(ToolRefusal::Lookalike(Excerpt::of(other)).into());
        }
        let cluster = match (call.arguments.get(&self.argument), &self.default) {
            (None, Some(default)) => default,
            (None, None) => {
                return Err(
                    ToolRefusal::TargetMissing { argument: self.argument.clone(), accepted: self.accepted() }.into()
                );
            }
            (Some(serde_json::Value::String(name)), _) if self.clusters.contains_key(name) => name,
            (Some(serde_json::Value::String(name)), _) => return Err(self.unknown(Excerpt::of(name))),
            (Some(_), _) => return Err(self.unknown(Excerpt::of("no string"))),
        };
        self.may_choose(caller, cluster)?;
        Ok(cluster)
    }

    fn may_choose(&self, caller: &Authenticated, cluster: &str) -> Result<(), McpRefusal> {
        let Some(policy) = self.clusters.get(cluster).and_then(Option::as_ref) else { return Ok(()) };
        policy.permit(caller.clone()).map(|_| ()).map_err(|refusal| match refusal {
            Refusal::ForbiddenScopes { user, needed, .. } => {
                McpRefusal::InsufficientScope { user, asked: format!("the cluster {cluster}"), needed }
            }
            refusal => ToolRefusal::TargetForbidden {
                user: caller.identity().username.clone(),
                cluster: cluster.to_owned(),
                unmet: refusal.to_string(),
            }
            .into(),
        })
    }

    fn unknown(&self, found: Excerpt) -> McpRefusal {
        ToolRefusal::TargetUnknown { argument: self.argument.clone(), found, accepted: self.accepted() }.into()
    }

    fn accepted(&self) -> String {
        self.clusters.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests;
