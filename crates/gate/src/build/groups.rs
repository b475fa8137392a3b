//! `entra.groups_from`: who asks Graph for the groups of callers whose tokens have no room for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::{GroupsBy, GroupsResolver, GroupsSettings, Issuer};
use gangplank_oauth::ClientAuthentication;
use gangplank_oauth::config::{ConfigError, Span};

use super::Errors;
use crate::config::{Config, GroupsFrom, GroupsFromConfig, IssuerConfig};
use crate::sign_in::SignInClient;

/// Those who ask, by the name of the issuer.
pub(crate) type Resolvers = BTreeMap<String, Arc<GroupsResolver>>;

const REMEMBER: Duration = Duration::from_secs(300);
const LONGEST: Duration = Duration::from_secs(3600);

/// Reads all of them. One that is wrong is left out, and said.
pub(super) fn read(
    config: &Config,
    issuers: &BTreeMap<String, Arc<Issuer>>,
    clients: &BTreeMap<String, Arc<SignInClient>>,
    errors: &mut Errors,
) -> Resolvers {
    let mut resolvers = Resolvers::new();
    for (name, issuer) in &config.issuers {
        let Some(from) = issuer.entra.as_ref().and_then(|entra| entra.groups_from.as_ref()) else { continue };
        let settings = settings(config, (name, issuer), from, clients, errors);
        let made = settings.zip(issuers.get(name)).and_then(|(settings, issuer)| issuer.groups_resolver(settings));
        if let Some(resolver) = made {
            resolvers.insert(name.clone(), Arc::new(resolver));
        }
    }
    resolvers
}

fn settings(
    config: &Config,
    (name, issuer): (&str, &IssuerConfig),
    from: &GroupsFromConfig,
    clients: &BTreeMap<String, Arc<SignInClient>>,
    errors: &mut Errors,
) -> Option<GroupsSettings> {
    let mut say = |path: String, message: String, help: &str| errors.push(ConfigError::new(path, message, help));
    let at = format!("issuers.{name}.entra.groups_from");
    match config.clients.get(&from.client) {
        None => {
            let known = config.clients.keys().cloned().collect::<Vec<_>>().join(", ");
            let message = format!("there is no client {:?}", from.client);
            say(format!("{at}.client"), message, &format!("one of [clients]: {known}"));
        }
        Some(client) if client.issuer != name => {
            let message = format!("clients.{} is a client of issuers.{}", from.client, client.issuer);
            say(format!("{at}.client"), message, "a client of this issuer");
        }
        Some(_) => {}
    }
    if issuer.claims.groups.as_deref().is_some_and(|claim| claim != "groups") {
        let message = "is set beside entra.groups_from, and Graph tells what the claim groups would have".to_owned();
        say(format!("issuers.{name}.claims.groups"), message, "leave one of them out");
    }
    let remember = from.remember.map_or(REMEMBER, |Span(remember)| remember);
    if remember > LONGEST {
        let help = "0s to 1h; so long somebody who left a group may still be in it";
        say(format!("{at}.remember"), format!("{remember:?} is out of range"), help);
    }
    let client = &clients.get(&from.client)?.client;
    if matches!(client.authentication(), ClientAuthentication::None) {
        let message = format!("clients.{} has no credential, so it gets no token for Graph", from.client);
        say(format!("{at}.client"), message, "a client with secret, certificate or federated_token_file");
    }
    Some(GroupsSettings {
        client_id: client.id().to_owned(),
        authentication: client.authentication().clone(),
        by: match from.by {
            GroupsFrom::ClientCredentials => GroupsBy::ClientCredentials,
            GroupsFrom::OnBehalfOf => GroupsBy::OnBehalfOf,
        },
        remember,
    })
}
