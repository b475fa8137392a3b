//! What the standard face is told: which scopes there are, whether clients may register, and who may exchange for whom.

use std::collections::BTreeMap;

use gangplank_oauth::config::ConfigError;
use serde::Deserialize;

use crate::directory::Directory;

/// The standard face. Everything has a default, with which nobody exchanges anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StandardConfig {
    /// Scopes that can be asked for besides those about the sign-in. Those of all applications always can.
    pub scopes: Vec<String>,
    /// What `resource` and `audience` may name, applications aside. Empty: any absolute URI.
    pub resources: Vec<String>,
    /// Whether clients may register themselves.
    pub registration: bool,
    /// Who may exchange a token for which audience.
    pub exchanges: Vec<ExchangeConfig>,
}

impl Default for StandardConfig {
    fn default() -> Self {
        StandardConfig { scopes: Vec::new(), resources: Vec::new(), registration: true, exchanges: Vec::new() }
    }
}

/// What one client may exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeConfig {
    /// The client, by client id or name.
    pub client: String,
    /// What it may get tokens for: values of `audience` and `resource`.
    pub audiences: Vec<String>,
    /// Audiences of the tokens that it may bring, besides its own client id and identifier URIs.
    #[serde(default)]
    pub from: Vec<String>,
    /// Scopes that the new token may have besides those of the one that is brought.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// The same, checked.
pub(super) struct Policy {
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) registration: bool,
    /// By client id.
    exchanges: BTreeMap<String, Exchange>,
}

/// What one client may exchange.
#[derive(Default)]
pub(super) struct Exchange {
    pub(super) audiences: Vec<String>,
    pub(super) from: Vec<String>,
    pub(super) scopes: Vec<String>,
}

impl Policy {
    /// What a client may exchange, if anything.
    pub(super) fn exchange_by(&self, client_id: &str) -> Option<&Exchange> {
        self.exchanges.get(client_id)
    }
}

impl StandardConfig {
    pub(super) fn build(&self, directory: &Directory) -> Result<Policy, Vec<ConfigError>> {
        let (mut errors, mut exchanges) = (Vec::new(), BTreeMap::<String, Exchange>::new());
        for (i, exchange) in self.exchanges.iter().enumerate() {
            let named = |a: &&std::sync::Arc<crate::directory::Application>| {
                a.id == exchange.client || a.name == exchange.client
            };
            let Some(client) = directory.applications.iter().find(named) else {
                let found = format!("there is no application \"{}\"", exchange.client);
                errors.push(ConfigError::new(
                    format!("standard.exchanges[{i}].client"),
                    found,
                    "a client id or a name",
                ));
                continue;
            };
            if client.secrets.is_none() {
                let help = "an application that is not `public`";
                let found = "a public client exchanges nothing: anybody could do it in its name";
                errors.push(ConfigError::new(format!("standard.exchanges[{i}].client"), found, help));
            }
            let all = exchanges.entry(client.id.clone()).or_default();
            all.audiences.extend(exchange.audiences.iter().cloned());
            all.from.extend(exchange.from.iter().cloned());
            all.scopes.extend(exchange.scopes.iter().cloned());
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut scopes = self.scopes.clone();
        scopes.extend(directory.applications.iter().flat_map(|a| a.scopes.iter().cloned()));
        scopes.sort_unstable();
        scopes.dedup();
        Ok(Policy { scopes, resources: self.resources.clone(), registration: self.registration, exchanges })
    }
}
