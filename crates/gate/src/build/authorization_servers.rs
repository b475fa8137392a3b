//! `[authorization_servers.NAME]`: which there are, who may be a client, and what there are tokens for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gangplank_authn::Issuer;
use gangplank_net::{HttpClient, Roots};
use gangplank_oauth::Transport;
use gangplank_oauth::config::ConfigError;

use super::{Deps, Errors};
use crate::authorization_server::{
    Admitted, AuthorizationServer, AuthorizationServerSettings, Clients, Common, Documents, HostPattern, RedirectRules,
    Resource, ScopeNames,
};
use crate::config::{AuthorizationServerConfig, ClientIdMetadataConfig, Config, McpConfig, RouteConfig};
use crate::hosts::Hosts;
use crate::sign_in::SignInClient;

const SCHEMES_OF_BROWSERS: [&str; 14] = [
    "http",
    "https",
    "javascript",
    "data",
    "file",
    "blob",
    "about",
    "view-source",
    "vbscript",
    "ws",
    "wss",
    "ftp",
    "filesystem",
    "mailto",
];

/// An authorization server that has been checked, and waits for what all have in common.
pub(super) struct Read {
    name: String,
    client: Arc<SignInClient>,
    scopes: ScopeNames,
    clients: Clients,
    resources: Vec<Resource>,
}

/// Reads all of them.
pub(super) fn read(
    config: &Config,
    hosts: Option<&Hosts>,
    issuers: &BTreeMap<String, Arc<Issuer>>,
    clients: &BTreeMap<String, Arc<SignInClient>>,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> Vec<Read> {
    let mut all = Vec::new();
    for (name, server) in &config.authorization_servers {
        let at = format!("authorization_servers.{name}");
        let good = errors.len();
        check_name(name, &at, errors);
        let client = client(config, server, clients, &at, errors);
        check_scopes(server, &at, errors);
        let rules = redirects(server, &at, errors);
        let documents = documents(server, &at, deps, errors);
        if server.registration == Some(false) && documents.is_none() {
            let message = "has neither registration nor client_id_metadata, so there can be no client";
            errors.push(ConfigError::new(&at, message, "set one of them, or leave the table out"));
        }
        let resources = hosts.map(|hosts| resources(config, name, hosts, issuers)).unwrap_or_default();
        if hosts.is_some() && resources.is_empty() {
            let message = "no route with mcp sends its clients here, so there is nothing to get a token for";
            let help = format!("routes with [routes.mcp], and {name:?} among their authorization_servers");
            errors.push(ConfigError::new(&at, message, help));
        }
        check_resources(config, name, server, &at, errors);
        let registration = server.registration.unwrap_or(true);
        let clients = Clients { server: name.clone(), registration, rules, documents };
        let (Some(client), true) = (client, errors.len() == good) else { continue };
        let scopes = names(server, &resources);
        all.push(Read { name: name.clone(), client, scopes, clients, resources });
    }
    all
}

/// Makes them, with what they have in common.
pub(super) fn make(read: Vec<Read>, prefix: &str, common: &Arc<Common>) -> Vec<AuthorizationServer> {
    let make = |read: Read| {
        let Read { name, client, scopes, clients, resources } = read;
        let prefix = prefix.to_owned();
        let settings = AuthorizationServerSettings { name, prefix, client, scopes, clients, resources };
        AuthorizationServer::new(settings, common.clone())
    };
    read.into_iter().map(make).collect()
}

/// The name stands in addresses.
fn check_name(name: &str, at: &str, errors: &mut Errors) {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(fits) {
        let message = format!("{name:?} can't be part of an address");
        errors.push(ConfigError::new(at, message, "1 to 32 small letters, digits and '-'"));
    }
}

fn client(
    config: &Config,
    server: &AuthorizationServerConfig,
    clients: &BTreeMap<String, Arc<SignInClient>>,
    at: &str,
    errors: &mut Errors,
) -> Option<Arc<SignInClient>> {
    if !config.clients.contains_key(&server.client) {
        let known = config.clients.keys().cloned().collect::<Vec<_>>().join(", ");
        let message = format!("there is no client {:?}", server.client);
        errors.push(ConfigError::new(format!("{at}.client"), message, format!("one of [clients]: {known}")));
    }
    // One that is there and wrong has been said.
    clients.get(&server.client).cloned()
}

fn check_scopes(server: &AuthorizationServerConfig, at: &str, errors: &mut Errors) {
    let fit = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    let scope = |text: &String| !text.is_empty() && text.bytes().all(fit);
    for (name, at_provider) in server.scopes.iter().filter(|(name, other)| !scope(name) || !scope(other)) {
        let message = format!("{name:?} = {at_provider:?} is not a scope and a scope");
        errors.push(ConfigError::new(format!("{at}.scopes"), message, "one name for one name, without blanks"));
    }
}

fn redirects(server: &AuthorizationServerConfig, at: &str, errors: &mut Errors) -> RedirectRules {
    let mut rules = RedirectRules::default();
    for (i, text) in server.redirect_hosts.iter().enumerate() {
        let (host, path) = match text.find('/') {
            Some(slash) => (&text[..slash], Some(text[slash..].to_owned())),
            None => (text.as_str(), None),
        };
        match HostPattern::parse(host) {
            Some(pattern) => rules.hosts.push((pattern, path)),
            None => errors.push(ConfigError::new(
                format!("{at}.redirect_hosts[{i}]"),
                format!("{text:?} is not a host"),
                "a name such as \"vscode.dev\" or \"*.example.com\", with a path if codes go there alone; this machine is always one",
            )),
        }
    }
    for (i, scheme) in server.redirect_schemes.iter().enumerate() {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
        let named = scheme.bytes().next().is_some_and(|b| b.is_ascii_lowercase()) && scheme.bytes().all(fits);
        if !named || SCHEMES_OF_BROWSERS.contains(&scheme.as_str()) {
            errors.push(ConfigError::new(
                format!("{at}.redirect_schemes[{i}]"),
                format!("{scheme:?} is not the scheme of an application"),
                "such as \"cursor\"; https and http are ruled by redirect_hosts",
            ));
        } else {
            rules.schemes.push(scheme.clone());
        }
    }
    rules
}

fn documents(server: &AuthorizationServerConfig, at: &str, deps: &Deps<'_>, errors: &mut Errors) -> Option<Documents> {
    let (admitted, private) = match server.client_id_metadata.as_ref()? {
        ClientIdMetadataConfig::Any(false) => return None,
        ClientIdMetadataConfig::Any(true) => (Admitted::AnyHost, false),
        ClientIdMetadataConfig::Hosts(named) => {
            let mut hosts = Vec::new();
            for (i, text) in named.hosts.iter().enumerate() {
                match HostPattern::parse(text) {
                    Some(pattern) => hosts.push(pattern),
                    None => errors.push(ConfigError::new(
                        format!("{at}.client_id_metadata.hosts[{i}]"),
                        format!("{text:?} is not a host"),
                        "a name such as \"example.com\" or \"*.example.com\"",
                    )),
                }
            }
            if named.hosts.is_empty() {
                let help = "at least one; true for any public host, or false";
                errors.push(ConfigError::new(format!("{at}.client_id_metadata.hosts"), "names nobody", help));
            }
            (Admitted::Hosts(hosts), named.private)
        }
    };
    let transport = transport(private, deps).map_err(|problem| {
        errors.push(ConfigError::new(format!("{at}.client_id_metadata"), problem, ""));
    });
    Some(Documents::new(admitted, private, transport.ok()?))
}

fn transport(private: bool, deps: &Deps<'_>) -> Result<Arc<dyn Transport>, String> {
    if let Some(transport) = &deps.transport {
        return Ok(transport.clone());
    }
    let client = if private { HttpClient::new(&Roots::System) } else { HttpClient::public_only(&Roots::System) };
    Ok(Arc::new(client.map_err(|error| error.to_string())?))
}

/// The MCP servers that name this authorization server, or none and so all.
fn resources(config: &Config, name: &str, hosts: &Hosts, issuers: &BTreeMap<String, Arc<Issuer>>) -> Vec<Resource> {
    let routes = config.routes.iter().filter_map(|route| Some((route, route.mcp.as_ref()?)));
    let routes = routes.filter(|(_, mcp)| sends_to(mcp, name));
    let resource = |(route, mcp): (&RouteConfig, &McpConfig)| {
        let accepted = super::routes::accepted(config, route);
        Some(Resource {
            url: super::mcp::identifier(route, mcp, hosts)?.into(),
            scopes: mcp.scopes.clone(),
            on_demand: of_tools(mcp),
            issuers: accepted.iter().filter_map(|name| issuers.get(name).cloned()).collect(),
        })
    };
    routes.filter_map(resource).collect()
}

fn sends_to(mcp: &McpConfig, name: &str) -> bool {
    mcp.authorization_servers.0.is_empty() || mcp.authorization_servers.0.iter().any(|named| named == name)
}

/// What a client may need there once it calls a tool.
fn of_tools(mcp: &McpConfig) -> Vec<String> {
    let all: BTreeSet<&String> = mcp.tools.iter().flat_map(|rule| &rule.allow.scopes).collect();
    all.into_iter().filter(|scope| !mcp.scopes.contains(scope)).cloned().collect()
}

/// What clients call scopes, and what they are at the provider: what is written, and what follows for tools.
fn names(server: &AuthorizationServerConfig, resources: &[Resource]) -> ScopeNames {
    let mut names = ScopeNames(server.scopes.clone());
    for resource in resources {
        for bare in &resource.on_demand {
            names.complete(bare, resource.scopes.iter().map(String::as_str));
        }
    }
    names
}

/// A token of our client's provider must open the resource, and a scope must lead to it.
fn check_resources(config: &Config, name: &str, server: &AuthorizationServerConfig, at: &str, errors: &mut Errors) {
    let issuer = config.clients.get(&server.client).map(|client| &client.issuer);
    for (i, route) in config.routes.iter().enumerate() {
        let Some(mcp) = route.mcp.as_ref().filter(|mcp| sends_to(mcp, name)) else { continue };
        if let Some(issuer) = issuer.filter(|issuer| !super::routes::accepted(config, route).contains(issuer)) {
            let message = format!("does not take tokens of {issuer}, and {at} sends its clients there");
            errors.push(ConfigError::new(format!("routes[{i}].accept"), message, format!("add {issuer:?}")));
        }
        if mcp.scopes.is_empty() {
            let message = format!("is empty, so that {at} would not know what to ask for");
            let help = "the scope of the API, such as [\"api://mcp/access_as_user\"]";
            errors.push(ConfigError::new(format!("routes[{i}].mcp.scopes"), message, help));
        }
    }
}
