//! `[issuers.NAME]`: whose tokens are believed.

use std::collections::BTreeMap;
use std::sync::Arc;

use gangplank_authn::{ClaimNames, Issuer, IssuerKind, IssuerSettings};
use gangplank_jose::Algorithm;
use gangplank_net::{HttpClient, Roots};
use gangplank_oauth::Transport;
use gangplank_oauth::config::ConfigError;

use super::{Deps, Errors};
use crate::config::{Config, IssuerConfig};

/// Reads all issuers. One that is wrong is left out, and said.
pub(super) fn read(config: &Config, deps: &Deps<'_>, errors: &mut Errors) -> BTreeMap<String, Arc<Issuer>> {
    let mut issuers = BTreeMap::new();
    for (name, issuer) in &config.issuers {
        let at = format!("issuers.{name}");
        let kind = kind(issuer, &at, errors);
        let algorithms = algorithms(issuer, &at, errors);
        let transport = transport(issuer, deps, &at, errors);
        let (Some(kind), Some(transport)) = (kind, transport) else { continue };
        let claims = ClaimNames {
            username: issuer.claims.username.clone(),
            groups: issuer.claims.groups.clone(),
            email: issuer.claims.email.clone(),
        };
        let audiences = issuer.audiences.clone();
        let settings = IssuerSettings { name: name.clone(), kind, audiences, algorithms, claims };
        match Issuer::new(settings, transport, deps.clock.clone()) {
            Ok(issuer) => {
                issuers.insert(name.clone(), issuer);
            }
            Err(more) => errors.extend(more),
        }
    }
    issuers
}

/// The issuers without which some route can't do its work.
pub(super) fn needed(config: &Config, issuers: &BTreeMap<String, Arc<Issuer>>) -> Vec<Arc<Issuer>> {
    let needs = |name: &str| {
        config.routes.iter().any(|route| {
            let signs_in = |client: &String| config.clients.get(client).is_some_and(|c| c.issuer == name);
            route.sign_in.0.iter().any(signs_in)
                || super::routes::bearer_issuers(config, route).iter().any(|i| i == name)
        })
    };
    issuers.iter().filter(|(name, _)| needs(name)).map(|(_, issuer)| issuer.clone()).collect()
}

fn kind(issuer: &IssuerConfig, at: &str, errors: &mut Errors) -> Option<IssuerKind> {
    match (&issuer.entra, &issuer.url) {
        (Some(entra), None) => Some(IssuerKind::Entra {
            tenant: entra.tenant.clone(),
            authority: entra.authority.clone(),
            graph: entra.graph.clone(),
        }),
        (None, Some(url)) => Some(IssuerKind::OpenId { url: url.clone() }),
        (both, _) => {
            let message = if both.is_some() { "has both entra and url" } else { "has neither entra nor url" };
            let help = "exactly one of entra = { tenant = \"…\" } and url = \"https://…\"";
            errors.push(ConfigError::new(at, message, help));
            None
        }
    }
}

fn algorithms(issuer: &IssuerConfig, at: &str, errors: &mut Errors) -> Vec<Algorithm> {
    let known = || Algorithm::ALL.map(Algorithm::name).join(", ");
    let named = issuer.algorithms.as_deref();
    if named.is_some_and(<[String]>::is_empty) {
        errors.push(ConfigError::new(format!("{at}.algorithms"), "no algorithm is accepted", known()));
    }
    let mut algorithms = Vec::new();
    for (i, name) in named.unwrap_or_default().iter().enumerate() {
        match Algorithm::from_name(name) {
            Some(algorithm) => algorithms.push(algorithm),
            None => errors.push(ConfigError::new(
                format!("{at}.algorithms[{i}]"),
                format!("{name:?} is not an algorithm that is accepted"),
                known(),
            )),
        }
    }
    algorithms
}

fn transport(issuer: &IssuerConfig, deps: &Deps<'_>, at: &str, errors: &mut Errors) -> Option<Arc<dyn Transport>> {
    let roots = issuer.ca_file.as_ref().map_or(Roots::System, |file| Roots::File(file.clone()));
    match HttpClient::new(&roots) {
        Ok(client) => Some(deps.transport.clone().unwrap_or_else(|| Arc::new(client))),
        Err(error) => {
            errors.push(ConfigError::new(format!("{at}.ca_file"), error.to_string(), "a PEM file of authorities"));
            None
        }
    }
}
