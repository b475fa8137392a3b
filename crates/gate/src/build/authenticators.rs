//! `[authenticators.NAME]`, and the chains that routes make of them and of issuers.

use std::collections::BTreeMap;
use std::sync::Arc;

use gangplank_authn::kubernetes::KubernetesAuthenticator;
use gangplank_authn::x509::ClientCertificates;
use gangplank_authn::{Authenticator, BearerAuthenticator, Chain, GroupsResolver, Issuer};
use gangplank_oauth::config::ConfigError;

use super::{Deps, Errors, Resolvers, clusters, local};
use crate::Shared;
use crate::config::{AuthenticatorConfig, Config, GateConfig};

/// What an entry of `[authenticators]` is.
#[derive(Clone)]
pub(super) enum Known {
    /// Judges credentials.
    Judge(Arc<dyn Authenticator>),
    /// The same, by the API server's file: it hands its keys on to the next one.
    Kubernetes(Arc<KubernetesAuthenticator>),
    /// Judges certificates, of the listener's peers perhaps: then they are to be asked for.
    Certificates(Arc<ClientCertificates>),
    /// Lets in whoever presents none.
    Anonymous,
}

/// Reads all authenticators. One that is wrong is left out, and said.
pub(super) fn read(
    config: &Config,
    groups: &Resolvers,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> BTreeMap<String, Known> {
    let mut all = BTreeMap::new();
    for (name, authenticator) in &config.authenticators {
        let at = format!("authenticators.{name}");
        if config.issuers.contains_key(name) {
            let help = "a name of its own: a route's accept names both";
            errors.push(ConfigError::new(&at, format!("issuers.{name} has the same name"), help));
        }
        if let Some(known) = one(name, authenticator, &at, (&config.gate, groups), deps, errors) {
            all.insert(name.clone(), known);
        }
    }
    all
}

/// Those that judge: they may have background work.
pub(super) fn judges(all: &BTreeMap<String, Known>) -> Vec<Arc<dyn Authenticator>> {
    all.values().filter_map(Known::judge).collect()
}

/// Lets the next gate take over what these have. Only for a gate that was built whole.
pub(super) fn remember(all: &BTreeMap<String, Known>, shared: &Shared) {
    for (name, known) in all {
        if let Known::Kubernetes(made) = known {
            shared.remember_kubernetes(name, made);
        }
    }
}

impl Known {
    fn judge(&self) -> Option<Arc<dyn Authenticator>> {
        match self {
            Known::Judge(judge) => Some(judge.clone()),
            Known::Kubernetes(judge) => Some(judge.clone()),
            Known::Certificates(judge) => Some(judge.clone()),
            Known::Anonymous => None,
        }
    }
}

/// The authorities of client certificates that our own listener is to ask for; `None` if nobody reads any.
pub(super) fn client_authorities(all: &BTreeMap<String, Known>) -> Option<Vec<Vec<u8>>> {
    let of_peers = all.values().filter_map(|known| match known {
        Known::Certificates(judge) if judge.reads_certificates() => Some(judge.authority_names()),
        _ => None,
    });
    let mut names = of_peers.reduce(|mut all, more| {
        all.extend(more);
        all
    })?;
    names.sort();
    names.dedup();
    Some(names)
}

fn one(
    name: &str,
    authenticator: &AuthenticatorConfig,
    at: &str,
    (gate, groups): (&GateConfig, &Resolvers),
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> Option<Known> {
    let kinds = [
        ("none", authenticator.none.is_some()),
        ("keys_file", authenticator.keys_file.is_some()),
        ("authentication_config", authenticator.authentication_config.is_some()),
        ("token_review", authenticator.token_review.is_some()),
        ("htpasswd", authenticator.htpasswd.is_some()),
        ("client_certificates", authenticator.client_certificates.is_some()),
    ];
    let given: Vec<&str> = kinds.iter().filter(|(_, set)| *set).map(|(kind, _)| *kind).collect();
    let accepted = kinds.map(|(kind, _)| kind).join(", ");
    match given.as_slice() {
        [_] => {}
        [] => {
            errors.push(ConfigError::new(at, "does not say what it is", format!("exactly one of {accepted}")));
            return None;
        }
        several => {
            let message = format!("is {} at once", several.join(" and "));
            errors.push(ConfigError::new(at, message, format!("exactly one of {accepted}")));
            return None;
        }
    }
    if authenticator.none == Some(false) {
        errors.push(ConfigError::new(format!("{at}.none"), "is false, and nothing else is said", "leave it out"));
        return None;
    }
    if let Some(file) = &authenticator.keys_file {
        return local::keys(name, file, &format!("{at}.keys_file"), deps.clock.now(), errors).map(Known::Judge);
    }
    if let Some(file) = &authenticator.authentication_config {
        return clusters::file(name, file, &format!("{at}.authentication_config"), groups, deps, errors)
            .map(Known::Kubernetes);
    }
    if let Some(cluster) = &authenticator.token_review {
        return clusters::cluster(name, cluster, &format!("{at}.token_review"), deps, errors).map(Known::Judge);
    }
    if let Some(htpasswd) = &authenticator.htpasswd {
        return local::htpasswd(name, htpasswd, &format!("{at}.htpasswd"), deps.clock.now(), errors).map(Known::Judge);
    }
    if let Some(certificates) = &authenticator.client_certificates {
        let at = format!("{at}.client_certificates");
        return local::certificates(name, certificates, &at, gate, deps.clock.now(), errors).map(Known::Certificates);
    }
    Some(Known::Anonymous)
}

/// Makes the chains of routes. Routes that accept the same share one.
pub(super) struct Chains<'c> {
    issuers: &'c BTreeMap<String, Arc<Issuer>>,
    authenticators: &'c BTreeMap<String, Known>,
    groups: &'c Resolvers,
    made: BTreeMap<Vec<String>, Arc<Chain>>,
}

/// Issuers beside each other, each with who asks for groups that its tokens have no room for.
type Beside = Vec<(Arc<Issuer>, Option<Arc<GroupsResolver>>)>;

impl<'c> Chains<'c> {
    pub(super) fn new(
        issuers: &'c BTreeMap<String, Arc<Issuer>>,
        authenticators: &'c BTreeMap<String, Known>,
        groups: &'c Resolvers,
    ) -> Self {
        Chains { issuers, authenticators, groups, made: BTreeMap::new() }
    }

    /// The chain of these names, in this order; `None` if there are none. Issuers beside each other are one link, in
    /// which a token's `iss` finds its own at once.
    pub(super) fn of(&mut self, names: &[String]) -> Option<Arc<Chain>> {
        if names.is_empty() {
            return None;
        }
        if let Some(made) = self.made.get(names) {
            return Some(made.clone());
        }
        let mut links: Vec<Arc<dyn Authenticator>> = Vec::new();
        let mut beside = Beside::new();
        for name in names {
            if let Some(issuer) = self.issuers.get(name) {
                beside.push((issuer.clone(), self.groups.get(name).cloned()));
                continue;
            }
            join(&mut links, &mut beside);
            // Anonymous is the route's own decision, for callers who present nothing.
            links.extend(self.authenticators.get(name).and_then(Known::judge));
        }
        join(&mut links, &mut beside);
        let chain = Arc::new(Chain::new(names.join(" "), links));
        self.made.insert(names.to_vec(), chain.clone());
        Some(chain)
    }
}

fn join(links: &mut Vec<Arc<dyn Authenticator>>, beside: &mut Beside) {
    if !beside.is_empty() {
        links.push(Arc::new(BearerAuthenticator::resolving(std::mem::take(beside))));
    }
}
