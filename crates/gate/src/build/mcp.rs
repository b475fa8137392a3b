//! `[routes.mcp]`: MCP servers as protected resources.

use std::collections::BTreeMap;
use std::sync::Arc;

use gangplank_authn::seal::KeyRing;
use gangplank_authn::{Challenge, Issuer, ResourceChallenge, Scope};
use gangplank_oauth::config::ConfigError;
use url::Url;

use super::routes::{self, Route};
use super::{Errors, issuer};
use crate::config::{Config, McpConfig, RouteConfig};
use crate::hosts::Hosts;
use crate::mcp::{
    About, DEFAULT_BODY_LIMIT, Judge, Mcp, Origins, Place, Publisher, Resource, Sessions, serialized_origin,
};
use crate::metrics::Metrics;

/// What all of them are made of.
pub(super) struct Parts<'p> {
    pub(super) config: &'p Config,
    pub(super) prefix: &'p str,
    pub(super) hosts: &'p Arc<Hosts>,
    pub(super) ring: &'p Arc<KeyRing>,
    pub(super) issuers: &'p BTreeMap<String, Arc<Issuer>>,
    pub(super) metrics: &'p Metrics,
}

/// Makes the MCP servers of all routes that have one, and gives the places where they are published.
pub(super) fn read(parts: &Parts<'_>, list: &mut [Route], errors: &mut Errors) -> Vec<Place> {
    let mut places = Vec::new();
    for (i, route) in parts.config.routes.iter().enumerate() {
        let Some(mcp) = &route.mcp else { continue };
        let name = list.iter().find(|made| made.id == i).map_or("", |made| made.name.as_str());
        let reader = Reader { parts, route, mcp, name, at: format!("routes[{i}].mcp") };
        let read = reader.read(errors);
        if let Some(read) = &read
            && let Some(place) = places.iter().find(|place: &&Place| same(&place.resource, &read.resource))
        {
            let message = format!("{} is the resource of routes[{}]", read.resource.identifier(), place.route);
            let help = "one of its own: a session and a token for one must not be good for the other";
            reader.say("resource", message, help, errors);
        }
        // A route that is wrong otherwise is not there.
        let (Some(read), Some(made)) = (read, list.iter_mut().find(|made| made.id == i)) else { continue };
        for challenge in &mut made.challenges {
            if *challenge == Challenge::Bearer {
                *challenge = Challenge::Resource(read.challenge.clone());
            }
        }
        // Who says a method in a header could say another than the one that was judged.
        made.methods_matter = true;
        made.mcp = Some(read.mcp);
        places.push(Place { route: i, path: route.path.clone(), resource: read.resource, publisher: read.publisher });
    }
    places
}

/// The name of the resource: what is configured, or the URL of the route. `None` if it cannot be one, or there is none.
pub(super) fn identifier(route: &RouteConfig, mcp: &McpConfig, hosts: &Hosts) -> Option<Url> {
    if let Some(text) = &mcp.resource {
        let secure =
            |url: &Url| matches!(url.scheme(), "http" | "https") && (url.scheme() == "https" || !hosts.is_https());
        let bare = |url: &Url| url.has_host() && url.username().is_empty() && url.password().is_none();
        let url = Url::parse(text).ok().filter(|url| secure(url) && bare(url));
        return url.filter(|_| !text.contains(['?', '#', ' ', '\\']));
    }
    let host = route.host.as_deref().unwrap_or(hosts.public_host());
    let mut url = Url::parse(&hosts.origin(&hosts.authority(host)?)).ok()?;
    url.set_path(route.path.strip_suffix('/').unwrap_or(&route.path));
    Some(url)
}

/// As clients compare them, who disagree about a slash at the end.
fn same(one: &Resource, other: &Resource) -> bool {
    let [one, other] = [one, other].map(|resource| resource.identifier().as_str().trim_end_matches('/'));
    one == other
}

struct Read {
    mcp: Mcp,
    resource: Arc<Resource>,
    publisher: Publisher,
    challenge: Arc<ResourceChallenge>,
}

struct Reader<'r> {
    parts: &'r Parts<'r>,
    route: &'r RouteConfig,
    mcp: &'r McpConfig,
    /// Of the route.
    name: &'r str,
    at: String,
}

impl Reader<'_> {
    fn read(&self, errors: &mut Errors) -> Option<Read> {
        let before = errors.len();
        self.fits(errors);
        self.one_credential(errors);
        let identifier = self.identifier(errors);
        let scopes = self.scopes(errors);
        let origins = self.origins(errors);
        let body_limit = self.body_limit(errors);
        let (authorization_servers, publisher) = self.authorization_servers(errors);
        let clusters = &self.parts.config.clusters;
        let counts = self.parts.metrics.calls();
        let judge = Judge::read(self.mcp, (self.name, &self.at), clusters, counts, errors);
        let identifier = identifier.filter(|_| errors.len() == before)?;
        let about = About { authorization_servers, scopes: scopes.clone(), name: self.route.name.clone() };
        let resource = Arc::new(Resource::new(identifier, &about));
        Some(Read {
            mcp: Mcp {
                origins: Origins::new(self.parts.hosts.clone(), origins),
                sessions: Arc::new(Sessions::new(self.parts.ring.clone(), resource.identifier().as_str())),
                body_limit,
                legacy_sse: self.mcp.legacy_sse,
                judge,
            },
            challenge: Arc::new(ResourceChallenge::new(
                resource.metadata(),
                &scopes,
                self.scope_names().iter().map(|(held, asked)| (*held, asked)),
            )),
            resource,
            publisher,
        })
    }

    fn say(&self, key: &str, message: impl Into<String>, help: &str, errors: &mut Errors) {
        let at = if key.is_empty() { self.at.clone() } else { format!("{}.{key}", self.at) };
        errors.push(ConfigError::new(at, message, help));
    }

    fn fits(&self, errors: &mut Errors) {
        if self.route.upstream.is_none() {
            let message = "the route has no upstream, so nothing of what an MCP server needs could be done";
            self.say("", message, "set upstream to the MCP server; forward-auth cannot bind sessions", errors);
        }
        if self.route.methods.is_some() {
            let message = "the route names its methods, and which ones an MCP server has is part of its protocol";
            self.say("", message, "leave methods out", errors);
        }
    }

    /// What the upstream is shown comes from one place.
    fn one_credential(&self, errors: &mut Errors) {
        if self.mcp.target.is_none() {
            return;
        }
        for (key, set) in
            [("exchange", self.route.exchange.is_some()), ("pass.authorization", self.route.pass.authorization)]
        {
            if set {
                let message =
                    format!("is set beside {key} of the route, so the server would get now one token, now another");
                self.say("target", message, "with a target each cluster's own exchange makes the token", errors);
            }
        }
    }

    /// What is configured, or the URL of the route.
    fn identifier(&self, errors: &mut Errors) -> Option<Url> {
        let url = identifier(self.route, self.mcp, self.parts.hosts);
        if url.is_none() {
            if let Some(text) = &self.mcp.resource {
                let help = "the URL at which clients reach it, such as \"https://gate.example.com/mcp\": clients refuse one that is not \
                            where they went";
                self.say("resource", format!("{text:?} cannot be the name of a resource"), help, errors);
            } else {
                let message = "is not set, and the route has many hosts";
                let help = "resource = \"https://HOST/PATH\", with the host at which clients reach it";
                self.say("resource", message, help, errors);
            }
        }
        url
    }

    fn scopes(&self, errors: &mut Errors) -> Vec<Scope> {
        let mut scopes = Vec::new();
        for (i, text) in self.mcp.scopes.iter().enumerate() {
            match Scope::new(text) {
                Some(scope) => scopes.push(scope),
                None => {
                    let message = format!("{text:?} is not a scope");
                    self.say(
                        &format!("scopes[{i}]"),
                        message,
                        "printable characters without blanks and quotes",
                        errors,
                    );
                }
            }
        }
        scopes
    }

    fn origins(&self, errors: &mut Errors) -> Vec<String> {
        let mut origins = Vec::new();
        for (i, text) in self.mcp.origins.iter().enumerate() {
            match serialized_origin(text) {
                Some(origin) => origins.push(origin),
                None => {
                    let help = "scheme, host and port as browsers send them, such as \"https://inspector.example.com\" or \
                                \"http://localhost:6274\"; each by itself";
                    self.say(&format!("origins[{i}]"), format!("{text:?} is not an origin"), help, errors);
                }
            }
        }
        origins
    }

    fn body_limit(&self, errors: &mut Errors) -> u64 {
        let Some(limit) = self.mcp.body_limit else { return DEFAULT_BODY_LIMIT };
        if !(1 << 10..=1 << 30).contains(&limit.0) {
            self.say("body_limit", "is out of range", "1KiB to 1GiB", errors);
        }
        limit.0 as u64
    }

    /// Their issuers, and who publishes what is to be known of the first.
    fn authorization_servers(&self, errors: &mut Errors) -> (Vec<String>, Publisher) {
        let named = &self.mcp.authorization_servers.0;
        for (i, name) in named.iter().enumerate() {
            self.is_one(&format!("authorization_servers[{i}]"), name, errors);
        }
        let (mut servers, mut publisher) = (Vec::new(), Publisher::Nobody);
        for name in self.server_names() {
            let (server, by) = if self.parts.config.authorization_servers.contains_key(&name) {
                let hosts = self.parts.hosts;
                let origin = hosts.origin(&hosts.authority(hosts.public_host()).unwrap_or_default());
                (format!("{origin}{}/as/{name}", self.parts.prefix), Publisher::Ours(name))
            } else {
                let Some(provider) = self.parts.issuers.get(&name).and_then(|issuer| issuer.provider()) else {
                    continue;
                };
                (provider.issuer().metadata_base().to_owned(), Publisher::Provider(name, provider.clone()))
            };
            if servers.is_empty() {
                publisher = by;
            }
            servers.push(server);
        }
        (servers, publisher)
    }

    /// Those that are named; else our own; else the issuers whose tokens are taken.
    fn server_names(&self) -> Vec<String> {
        let (named, config) = (&self.mcp.authorization_servers.0, self.parts.config);
        if !named.is_empty() {
            return named.clone();
        }
        let ours: Vec<String> = config.authorization_servers.keys().cloned().collect();
        if ours.is_empty() { routes::accepted(config, self.route) } else { ours }
    }

    fn is_one(&self, at: &str, name: &str, errors: &mut Errors) {
        let config = self.parts.config;
        match (config.authorization_servers.get(name), config.issuers.get(name)) {
            (Some(_), _) => {}
            (None, Some(issuer)) if issuer::has_metadata(issuer) => {}
            (None, Some(_)) => {
                let message = format!("issuers.{name} has no metadata, so no client could get a token there");
                self.say(at, message, "an issuer with entra, or with url and without jwks", errors);
            }
            (None, None) => {
                let known: Vec<&str> =
                    config.authorization_servers.keys().chain(config.issuers.keys()).map(String::as_str).collect();
                let help = format!("one of [authorization_servers] and [issuers]: {}", known.join(", "));
                self.say(at, format!("there is no authorization server and no issuer {name:?}"), &help, errors);
            }
        }
    }

    /// What a token holds, and what its client asked us for: names of our own for the provider's.
    fn scope_names(&self) -> Vec<(&str, Scope)> {
        let servers = self.server_names().into_iter();
        let servers = servers.filter_map(|name| self.parts.config.authorization_servers.get(&name));
        let names = servers.flat_map(|server| &server.scopes);
        names.filter_map(|(ours, theirs)| Some((theirs.as_str(), Scope::new(ours)?))).collect()
    }
}
