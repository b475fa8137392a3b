//! Routes that lead to clusters.
//!
//! 1. `clusters = [..]` is one route for each: below the path by the cluster's name, or, with a host that begins with `*.`, on
//!    the host that has the cluster's name in that place. `cluster` is this path, or this host.
//! 2. The cluster is the upstream, and says itself what it is shown.
//! 3. Who calls has to fit how the cluster is spoken to: somebody known where it is told who it is, somebody with a token
//!    where that is passed on; and where all look alike to it, there is only one of them, or nobody is asked.
//! 4. A browser's session has no token of the caller, and of the groups only those that rules name, so it is not enough to be
//!    told or passed on.

use std::collections::BTreeMap;

use gangplank_oauth::config::ConfigError;

use super::Errors;
use super::routes::{accepted, is_none, vouching};
use super::upstream_clusters::{Known, may_impersonate};
use crate::cluster::{ApiServer, Behind, Mode, Place};
use crate::config::{Config, RouteConfig};
use crate::proxy::{Upstream, Way};

/// A route for each of its clusters; itself, if it has no list of them.
pub(super) fn expand(route: &RouteConfig) -> Vec<RouteConfig> {
    let Some(clusters) = &route.clusters else { return vec![route.clone()] };
    let domain = route.host.as_deref().and_then(|host| host.strip_prefix("*."));
    let of = |cluster: &String| {
        let (host, path) = match domain {
            Some(domain) => (Some(format!("{cluster}.{domain}")), route.path.clone()),
            None => (route.host.clone(), format!("{}/{cluster}", route.path.trim_end_matches('/'))),
        };
        RouteConfig {
            name: route.name.as_ref().map(|name| format!("{name}/{cluster}")),
            host,
            path,
            cluster: Some(cluster.clone()),
            clusters: None,
            ..route.clone()
        }
    };
    clusters.iter().map(of).collect()
}

/// What is wrong with a route's list, which is gone when it is expanded.
pub(super) fn list(route: &RouteConfig, at: &str, errors: &mut Errors) {
    let Some(clusters) = &route.clusters else { return };
    let at = format!("{at}.clusters");
    if clusters.is_empty() {
        errors.push(ConfigError::new(&at, "is empty, so that the route leads nowhere", "at least one of [clusters]"));
    }
    if route.cluster.is_some() {
        errors.push(ConfigError::new(&at, "is there, and cluster is, too", "one of them"));
    }
    for (i, name) in clusters.iter().enumerate().filter(|(i, name)| clusters[..*i].contains(name)) {
        errors.push(ConfigError::new(format!("{at}[{i}]"), format!("{name:?} is there already"), "once is enough"));
    }
}

/// Where the route leads, if that is a cluster. `None` if it is none, or one that was not read.
pub(super) fn behind<'k>(route: &RouteConfig, known: &'k BTreeMap<String, Known>) -> Option<(&'k Known, Behind)> {
    let known = known.get(route.cluster.as_ref()?)?;
    let place = Place::new(&route.path, known.authority.clone(), &known.base);
    Some((known, Behind { cluster: known.cluster.clone(), place }))
}

/// The same as an upstream.
pub(super) fn upstream(known: &Known, timeout: std::time::Duration) -> Upstream {
    Upstream {
        scheme: http::uri::Scheme::HTTPS,
        authority: known.authority.clone(),
        way: Way::ApiServer(ApiServer::new(&known.cluster.name, known.client.clone())),
        timeout,
        pass_host: false,
    }
}

/// What is allowed on such a route and yet probably not meant.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    for (i, route) in config.routes.iter().enumerate() {
        let names: Vec<&String> = route.cluster.iter().chain(route.clusters.iter().flatten()).collect();
        if names.is_empty() {
            continue;
        }
        if route.methods.as_ref().is_some_and(|methods| !methods.iter().any(|method| method == "POST")) {
            warnings.push(format!(
                "routes[{i}].methods does not keep callers from changing anything: kubectl exec over a WebSocket is a GET; let \
                 the cluster's RBAC say what may be done"
            ));
        }
        let told = names.into_iter().any(|name| config.clusters.get(name).is_some_and(may_impersonate));
        let unprefixed = vouching(config, route)
            .into_iter()
            .filter(|name| config.issuers.get(name).is_none_or(|issuer| issuer.claims.username_prefix.is_none()));
        let unprefixed: Vec<String> = unprefixed.collect();
        if told && unprefixed.len() > 1 {
            warnings.push(format!(
                "routes[{i}] tells clusters the user names of {} as they are: each can give the names of the others \
                 (issuers.NAME.claims.username_prefix and groups_prefix keep them apart)",
                unprefixed.join(" and ")
            ));
        }
    }
    warnings
}

/// What contradicts itself on a route that leads to a cluster.
pub(super) fn judge(
    config: &Config,
    route: &RouteConfig,
    known: &BTreeMap<String, Known>,
    at: &str,
    errors: &mut Errors,
) {
    let Some(name) = &route.cluster else { return };
    let mut say = |key: &str, message: String, help: &str| {
        errors.push(ConfigError::new(format!("{at}.{key}"), message, help));
    };
    if !config.clusters.contains_key(name) {
        let known = config.clusters.keys().cloned().collect::<Vec<_>>().join(", ");
        say("cluster", format!("there is no cluster {name:?}"), &format!("one of [clusters]: {known}"));
    }
    let of_others = [
        ("upstream", route.upstream.is_some(), "the cluster is the upstream"),
        ("upstream_ca_file", route.upstream_ca_file.is_some(), "the kubeconfig says whom to trust"),
        ("exchange", route.exchange.is_some(), "the cluster says what it is shown"),
        ("mcp", route.mcp.is_some(), "an API server is no MCP server"),
        ("pass.access_token", route.pass.access_token, "the cluster says what it is shown"),
        ("pass.authorization", route.pass.authorization, "the cluster says what it is shown"),
        ("pass.host", route.pass.host.is_some(), "an API server gets its own host"),
    ];
    for (key, _, why) in of_others.iter().filter(|(_, set, _)| *set) {
        say(key, format!("is set on a route that leads to a cluster, and {why}"), "leave it out");
    }
    let Some(known) = known.get(name) else { return };
    let word = known.cluster.mode.name();
    let anonymous = route.allow.as_ref().is_some_and(|allow| allow.anonymous);
    let has_token = |name: &String| {
        config.issuers.contains_key(name)
            || config
                .authenticators
                .get(name)
                .is_some_and(|known| known.authentication_config.is_some() || known.token_review.is_some())
    };
    match &known.cluster.mode {
        Mode::Kubeconfig(_) => {
            let asks_nobody = anonymous && accepted(config, route).iter().all(|name| is_none(config, name));
            if !asks_nobody && !is_one(config, route, name) {
                let message = format!(
                    "lets in several callers, and clusters.{name} would take them all for one (auth_mode = \"kubeconfig\")"
                );
                let help = "auth_mode = \"impersonate\" or \"passthrough\"; or one name in allow.users, from one issuer; or \
                            allow.anonymous = true if that is meant";
                say("allow", message, help);
            }
        }
        Mode::Impersonate { .. } | Mode::Passthrough(_) | Mode::Exchanged(_) if anonymous => {
            let message = format!("asks nobody who they are, and clusters.{name} is to know (auth_mode = {word:?})");
            say(
                "allow.anonymous",
                message,
                "allow.groups, …; or auth_mode = \"kubeconfig\" if everybody may act as the gate",
            );
        }
        Mode::Impersonate { .. } if !route.sign_in.0.is_empty() => {
            let message = format!(
                "is set, and a browser's session knows only the groups that rules name: clusters.{name} would judge by fewer"
            );
            say("sign_in", message, "accept = [\"ISSUER\"], for callers with a bearer token");
        }
        Mode::Passthrough(_) if !route.sign_in.0.is_empty() => {
            let message = format!("is set, and a browser's session has no token that clusters.{name} could be shown");
            say("sign_in", message, "accept = [\"ISSUER\"], for callers with a bearer token");
        }
        Mode::Passthrough(_) if !accepted(config, route).iter().any(has_token) => {
            let message = format!("names nobody who judges bearer tokens, and clusters.{name} is shown the caller's");
            say(
                "accept",
                message,
                "an issuer, or an authenticator with authentication_config or token_review; or auth_mode = \"impersonate\"",
            );
        }
        Mode::Impersonate { .. } | Mode::Passthrough(_) | Mode::Exchanged(_) => {}
    }
}

/// Whether there can be only one caller: one name, from one who vouches.
fn is_one(config: &Config, route: &RouteConfig, cluster: &str) -> bool {
    let of_cluster = config.clusters.get(cluster).and_then(|cluster| cluster.allow.as_ref());
    let rules = [route.allow.as_ref(), of_cluster];
    let one_name = rules.into_iter().flatten().any(|allow| allow.users.len() == 1);
    let vouching = vouching(config, route);
    // In several tenants there may be several of one name.
    let several_tenants = |name: &String| {
        let entra = config.issuers.get(name).and_then(|issuer| issuer.entra.as_ref());
        entra.is_some_and(|entra| entra.tenant.is_none())
    };
    one_name && vouching.len() == 1 && !vouching.iter().any(several_tenants)
}
