//! `[[routes]]`: what is where, and who may go there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gangplank_authn::{Authenticator as _, Chain, Challenge};
use gangplank_oauth::config::ConfigError;
use http::Method;

use super::Errors;
use super::authenticators::Chains;
use super::cluster_routes;
use super::exchanges::{self, Exchanges};
use super::upstream_clusters;
use super::upstreams::{self, Upstreams};
use crate::cluster::Behind;
use crate::config::{AllowConfig, AuthenticatorConfig, Config, RouteConfig};
use crate::decision::Decision;
use crate::exchange::Exchange;
use crate::hosts::Hosts;
use crate::mcp::Mcp;
use crate::metrics::{Metrics, RouteMetrics};
use crate::policy::Policy;
use crate::proxy::Upstream;
use crate::request_path::RequestPath;
use crate::route::{HostMatch, MAX_DEPTH, RouteId, RouteMatch, Routes};

/// A route, ready to answer.
pub(crate) struct Route {
    pub(crate) id: RouteId,
    pub(crate) name: String,
    /// The path that the configuration has.
    pub(crate) path: String,
    pub(crate) policy: Policy,
    /// The one decision for callers who present nothing, where they may pass.
    pub(crate) anonymous: Option<Arc<Decision>>,
    /// Clients at which people sign in, and whose sessions are accepted.
    pub(crate) sign_in: Vec<String>,
    /// Who judges what a caller presents itself.
    pub(crate) chain: Option<Arc<Chain>>,
    /// What that chain would understand, for whoever presents nothing good.
    pub(crate) challenges: Vec<Challenge>,
    /// Whether callers of more than one issuer may come: then it is told which one vouched.
    pub(crate) several_issuers: bool,
    pub(crate) upstream: Option<Upstream>,
    /// How the caller's token becomes the upstream's.
    pub(crate) exchange: Option<Arc<Exchange>>,
    /// Whether a decision holds on to the caller's token.
    pub(crate) keeps_token: bool,
    /// The cluster, if it leads to one.
    pub(crate) cluster: Option<Behind>,
    /// What is judged besides, if that is an MCP server.
    pub(crate) mcp: Option<Mcp>,
    pub(crate) pass_access_token: bool,
    pub(crate) pass_authorization: bool,
    /// Whether it takes all methods.
    pub(crate) any_method: bool,
    /// Whether it, or another route of the same host and path, names its methods.
    pub(crate) methods_matter: bool,
    pub(crate) metrics: RouteMetrics,
}

/// All of them.
pub(super) struct Read {
    pub(super) list: Vec<Route>,
    pub(super) table: Routes,
    /// For `userinfo`: everybody whose word some route takes.
    pub(super) any_chain: Option<Arc<Chain>>,
}

/// The hosts of the configuration. What is wrong with a route's host is said by [`read`], with its place.
pub(super) fn hosts(config: &Config) -> Result<Hosts, Errors> {
    let routes = config.routes.iter().filter_map(|r| r.host.as_deref()).filter(|h| host_match(h).is_some());
    Hosts::new(&config.gate.public_url, routes, &config.gate.return_hosts, config.cookies.domain.is_some())
}

/// Whom routes name.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) exchanges: &'k Exchanges,
    pub(super) clusters: &'k BTreeMap<String, upstream_clusters::Known>,
}

/// Reads all routes.
pub(super) fn read(
    config: &Config,
    prefix: &str,
    chains: &mut Chains<'_>,
    known: Known<'_>,
    metrics: &Metrics,
    errors: &mut Errors,
) -> Read {
    let mut reader = Reader { config, prefix, chains, known, names: BTreeSet::new(), errors };
    if config.routes.is_empty() {
        reader.say("routes", "there is no route, so nobody would get anywhere", "at least one [[routes]] with a path");
    }
    let (mut list, mut table, mut upstreams) = (Vec::new(), Routes::default(), Upstreams::default());
    for (i, route) in config.routes.iter().enumerate() {
        cluster_routes::list(route, &format!("routes[{i}]"), reader.errors);
        let before = reader.errors.len();
        for route in cluster_routes::expand(route) {
            list.extend(reader.route(i, &route, &mut table, &mut upstreams, metrics));
        }
        once_each(reader.errors, before);
    }
    let told_apart = table.told_apart_by_method();
    for route in &mut list {
        route.methods_matter = told_apart.contains(&route.id);
    }
    let all: BTreeSet<String> = config.routes.iter().flat_map(|route| accepted(config, route)).collect();
    let mut all: Vec<String> = all.into_iter().collect();
    // Whoever asks a cluster takes every token: those who know their own come first, and their tokens stay here.
    all.sort_by_key(|name| config.authenticators.get(name).is_some_and(|known| known.token_review.is_some()));
    let any_chain = reader.chains.of(&all);
    Read { list, table, any_chain }
}

/// Whose credentials a route accepts besides sessions: those it names, else the issuers of its clients that have
/// audiences.
pub(super) fn accepted(config: &Config, route: &RouteConfig) -> Vec<String> {
    match &route.accept {
        Some(named) => named.clone(),
        None => {
            let of_clients = route.sign_in.0.iter().filter_map(|c| config.clients.get(c)).map(|c| &c.issuer);
            let with_audiences = |name: &&String| config.issuers.get(*name).is_some_and(|i| !i.audiences.is_empty());
            of_clients.filter(with_audiences).cloned().collect::<BTreeSet<_>>().into_iter().collect()
        }
    }
}

/// Whether the token of whoever calls on a route, or signs in for it, is needed for its upstream.
pub(super) fn keeps_token(config: &Config, route: &RouteConfig) -> bool {
    let targets = route.mcp.iter().filter_map(|mcp| mcp.target.as_ref()).flat_map(|target| &target.clusters);
    let mut clusters = route.cluster.iter().chain(route.clusters.iter().flatten()).chain(targets);
    let exchanges = |name: &String| config.clusters.get(name).is_some_and(|cluster| cluster.exchange.is_some());
    route.exchange.is_some() || clusters.any(exchanges)
}

/// What a 401 offers. It must offer something, and where nobody reads a header that can be asked for (a certificate is
/// not) that is a bearer token, as ever.
pub(super) fn challenges(chain: Option<&Chain>) -> Vec<Challenge> {
    let challenges = chain.map(Chain::challenges).unwrap_or_default();
    if challenges.is_empty() { vec![Challenge::Bearer] } else { challenges }
}

/// The names of all whose word a route takes, for a session or otherwise.
pub(super) fn vouching(config: &Config, route: &RouteConfig) -> BTreeSet<String> {
    let of_clients = route.sign_in.0.iter().filter_map(|c| config.clients.get(c)).map(|c| c.issuer.clone());
    of_clients.chain(accepted(config, route)).collect()
}

struct Reader<'r, 'c> {
    config: &'r Config,
    prefix: &'r str,
    chains: &'r mut Chains<'c>,
    known: Known<'r>,
    names: BTreeSet<String>,
    errors: &'r mut Errors,
}

impl Reader<'_, '_> {
    fn say(&mut self, path: impl Into<String>, message: impl Into<String>, help: &str) {
        self.errors.push(ConfigError::new(path, message, help));
    }

    fn route(
        &mut self,
        i: usize,
        route: &RouteConfig,
        table: &mut Routes,
        upstreams: &mut Upstreams,
        metrics: &Metrics,
    ) -> Option<Route> {
        let at = format!("routes[{i}]");
        let before = self.errors.len();
        let name = self.name(&at, route);
        let host = self.host(&at, route);
        let path = self.path(&at, route);
        let methods = self.methods(&at, route);
        self.who(&at, route);
        cluster_routes::judge(self.config, route, self.known.clusters, &at, self.errors);
        let (upstream, cluster) = match cluster_routes::behind(route, self.known.clusters) {
            Some((known, behind)) => {
                (Some(cluster_routes::upstream(known, upstreams::timeout(route, &at, self.errors))), Some(behind))
            }
            None if route.cluster.is_some() => (None, None),
            None => (upstreams.read(route, &at, self.errors), None),
        };
        let exchange = exchanges::of_route(self.config, route, &at, self.known.exchanges, self.errors);
        let any_method = methods.is_empty();
        let id = match table.push(RouteMatch { host, path, methods }) {
            Ok(id) => id,
            Err(earlier) => {
                let message = format!("has the same host, path and method as routes[{earlier}]");
                self.say(&at, message, "one of them would never be asked; join them, or tell them apart");
                return None;
            }
        };
        let chain = self.chains.of(&accepted(self.config, route));
        let policy = Policy::new(&name, route.allow.as_ref()?);
        let anonymous = if policy.is_anonymous() { Some(Decision::anonymous(&policy).ok()?) } else { None };
        (self.errors.len() == before).then(|| Route {
            id,
            metrics: metrics.route(&name),
            name,
            path: route.path.clone(),
            policy,
            anonymous,
            sign_in: route.sign_in.0.clone(),
            challenges: challenges(chain.as_deref()),
            chain,
            several_issuers: vouching(self.config, route).len() > 1,
            upstream,
            exchange,
            cluster,
            keeps_token: keeps_token(self.config, route),
            // With what all of them share.
            mcp: None,
            pass_access_token: route.pass.access_token,
            pass_authorization: route.pass.authorization,
            any_method,
            methods_matter: !any_method,
        })
    }

    fn name(&mut self, at: &str, route: &RouteConfig) -> String {
        let methods = route.methods.as_ref().map(|m| format!("[{}]", m.join(","))).unwrap_or_default();
        let default = || format!("{}{}{methods}", route.host.as_deref().unwrap_or(""), route.path);
        let name = route.name.clone().unwrap_or_else(default);
        let fit = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
        if name.is_empty() || name.len() > 256 || !name.chars().all(fit) {
            self.say(
                format!("{at}.name"),
                format!("{name:?} is not a name"),
                "1 to 256 printable characters without spaces",
            );
        }
        if !self.names.insert(name.clone()) {
            self.say(format!("{at}.name"), format!("{name:?} is the name of another route"), "a name of its own");
        }
        name
    }

    fn host(&mut self, at: &str, route: &RouteConfig) -> HostMatch {
        let Some(host) = &route.host else { return HostMatch::Any };
        host_match(host).unwrap_or_else(|| {
            let help = "a name such as \"app.example.com\", \"*.example.com\" for every host below, or none for any; without scheme and port";
            self.say(format!("{at}.host"), format!("{host:?} is not a host"), help);
            HostMatch::Any
        })
    }

    fn path(&mut self, at: &str, route: &RouteConfig) -> String {
        let at = format!("{at}.path");
        let path = route.path.as_str();
        let Ok(parsed) = RequestPath::parse(path) else {
            self.say(
                at,
                format!("{path:?} is not a path that every server reads alike"),
                "such as \"/\" or \"/api/v1\"",
            );
            return String::new();
        };
        if parsed.as_str().contains("//") || path.contains([';', '?', '#', '*']) {
            let help = "a plain path such as \"/api/v1\"; everything below it belongs to it";
            self.say(at, format!("{path:?} has an empty segment, a parameter, a query or a pattern"), help);
            return String::new();
        }
        let decoded = parsed.as_str().trim_end_matches('/').to_owned();
        if decoded == self.prefix || decoded.strip_prefix(self.prefix).is_some_and(|rest| rest.starts_with('/')) {
            let message = format!("{path:?} is below gate.prefix, where the gate's own endpoints are");
            self.say(&at, message, "another path, or another gate.prefix");
        }
        if decoded.matches('/').count() > MAX_DEPTH {
            self.say(&at, format!("has more than {MAX_DEPTH} segments"), "a shorter path");
        }
        decoded
    }

    fn methods(&mut self, at: &str, route: &RouteConfig) -> Vec<Method> {
        let Some(names) = &route.methods else { return Vec::new() };
        if names.is_empty() {
            self.say(
                format!("{at}.methods"),
                "is empty, so that no request would match",
                "leave it out for all methods",
            );
        }
        let mut methods = Vec::new();
        for (i, name) in names.iter().enumerate() {
            match Method::from_bytes(name.as_bytes()) {
                Ok(method) if name.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') => methods.push(method),
                _ => self.say(
                    format!("{at}.methods[{i}]"),
                    format!("{name:?} is not a method"),
                    "such as \"GET\": methods are upper case, and case matters",
                ),
            }
        }
        // Who may read a page may ask for its head.
        if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
            methods.push(Method::HEAD);
        }
        methods
    }

    /// Who may pass, and whether anybody ever could.
    fn who(&mut self, at: &str, route: &RouteConfig) {
        let known = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(", ");
        for name in &route.sign_in.0 {
            if !self.config.clients.contains_key(name) {
                let help = format!("one of [clients]: {}", known(self.config.clients.keys().collect()));
                self.say(format!("{at}.sign_in"), format!("there is no client {name:?}"), &help);
            }
        }
        self.accept(at, route);
        let Some(allow) = &route.allow else {
            let help = "allow.groups, allow.users, …; allow.signed_in = true for everybody who signs in; allow.anonymous = true for everybody";
            return self.say(format!("{at}.allow"), "nobody is allowed", help);
        };
        self.allow(at, route, allow);
    }

    fn accept(&mut self, at: &str, route: &RouteConfig) {
        let Some(accept) = &route.accept else { return };
        let config = self.config;
        for (i, name) in accept.iter().enumerate() {
            let here = format!("{at}.accept[{i}]");
            match (config.issuers.get(name), config.authenticators.get(name)) {
                (None, None) => {
                    let all = config.issuers.keys().chain(config.authenticators.keys());
                    let known = all.map(String::as_str).collect::<Vec<_>>().join(", ");
                    let help = format!("one of [issuers] and [authenticators]: {known}");
                    self.say(&here, format!("there is no issuer and no authenticator {name:?}"), &help);
                }
                (Some(issuer), _) if issuer.audiences.is_empty() => self.say(
                    &here,
                    format!("issuers.{name} has no audiences, so none of its tokens would be accepted"),
                    "list the accepted audiences under that issuer",
                ),
                (_, Some(AuthenticatorConfig { none: Some(true), .. })) if i + 1 < accept.len() => {
                    let message = format!("authenticators.{name} lets in whoever presents nothing, so it comes last");
                    self.say(&here, message, "move it to the end");
                }
                _ => {}
            }
            if accept[..i].contains(name) {
                self.say(here, format!("{name:?} is there already"), "once is enough");
            }
        }
        let asks_for_password = |name: &String| {
            config.authenticators.get(name).is_some_and(|authenticator| authenticator.htpasswd.is_some())
        };
        if accept.iter().filter(|name| asks_for_password(name)).count() > 1 {
            let message = "names two htpasswd files, and the first would have the last word on every password";
            self.say(format!("{at}.accept"), message, "one of them, or one file for both");
        }
        let open = accept.iter().any(|name| is_none(config, name));
        if open && route.allow.as_ref().is_some_and(|allow| !allow.anonymous) {
            let message = "lets in whoever presents nothing, and the rules of allow are for people that are known";
            self.say(format!("{at}.accept"), message, "allow.anonymous = true, or leave that authenticator out");
        }
    }

    fn allow(&mut self, at: &str, route: &RouteConfig, allow: &AllowConfig) {
        if !super::allow::shape(&format!("{at}.allow"), allow, self.errors) {
            return;
        }
        let bearer = !accepted(self.config, route).is_empty();
        let sign_in = !route.sign_in.0.is_empty();
        if allow.anonymous {
            let named = route.accept.as_deref().unwrap_or_default();
            let only_known = route.accept.is_some() && !named.iter().any(|name| is_none(self.config, name));
            let asked = [("sign_in", sign_in), ("accept", only_known), ("pass.access_token", route.pass.access_token)];
            for (key, _) in asked.iter().filter(|(_, set)| *set) {
                let message = "is set, and allow.anonymous means that nobody is asked who they are";
                let help =
                    "leave it out, or use allow.signed_in; accept may end with an authenticator of the kind none";
                self.say(format!("{at}.{key}"), message, help);
            }
        } else if !sign_in && !bearer {
            let help = "sign_in = \"CLIENT\", or accept = [\"ISSUER\"]";
            self.say(at, "nobody can ever pass: it has rules, and neither sign_in nor accept", help);
        } else if !allow.scopes.is_empty() && (sign_in || !bearer) {
            let message = "a browser session has no scopes, so nobody who signs in could ever pass";
            self.say(format!("{at}.allow.scopes"), message, "use it on a route with accept and without sign_in");
        }
    }
}

/// What is wrong with a route of several clusters is said once and not for each.
fn once_each(errors: &mut Errors, from: usize) {
    let mut said = BTreeSet::new();
    let mut at = 0;
    errors.retain(|error| {
        at += 1;
        at <= from || said.insert((error.path.clone(), error.message.clone()))
    });
}

fn host_match(host: &str) -> Option<HostMatch> {
    let lower = host.to_ascii_lowercase();
    let plain = |h: &str| crate::forwarded::authority(h).is_some_and(|a| crate::forwarded::host_of(&a) == a);
    match lower.strip_prefix("*.") {
        Some(domain) => (plain(domain) && !domain.starts_with('[')).then(|| HostMatch::Below(domain.to_owned())),
        None => plain(&lower).then_some(HostMatch::Exact(lower)),
    }
}

pub(super) fn is_none(config: &Config, name: &str) -> bool {
    config.authenticators.get(name).is_some_and(|authenticator| authenticator.none == Some(true))
}
