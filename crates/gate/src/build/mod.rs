//! From the document to a gate: everything is read, everything is checked, and everything that is wrong is said at
//! once. What contradicts itself is refused here, so that nothing is decided by accident later.

mod allow;
mod authenticators;
mod authorization_servers;
mod claims;
mod clients;
mod cluster_routes;
mod clusters;
mod exchanges;
mod groups;
mod issuer;
mod issuers;
mod local;
mod mcp;
mod routes;
mod server;
mod upstream_clusters;
mod upstreams;
mod webhook;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::seal::KeyRing;
use gangplank_authn::session::RuleGroups;
use gangplank_oauth::config::{ConfigError, Environment, SecretSource, Span};
use gangplank_oauth::{Clock, Transport};

pub(crate) use self::groups::Resolvers;
pub(crate) use self::issuers::KnownIssuers;
pub(crate) use self::routes::Route;
pub(crate) use self::upstream_clusters::is_passthrough;
use crate::authorization_server::{BrowserCookie, Common};
use crate::config::{Config, SessionConfig};
use crate::decision::Decisions;
use crate::headers::OwnCookies;
use crate::mcp::{contradictions, group_words};
use crate::pages::Pages;
use crate::session::{SessionCookie, SessionTimes};
use crate::shared::Shared;
use crate::sign_in::{SignIn, SignInSettings};
use crate::stack::Gate;
use crate::trace::Tracer;

/// What a gate needs from the world.
pub struct Deps<'a> {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For secrets that are kept there.
    pub environment: Environment<'a>,
    /// What outlives a reload.
    pub shared: Arc<Shared>,
    /// Who carries requests to providers. `None`: real sockets, each issuer with the authorities it trusts.
    pub transport: Option<Arc<dyn Transport>>,
}

/// The groups that some rule names: of a route, a cluster, or tools.
fn rule_groups(config: &Config) -> RuleGroups {
    let routes = config.routes.iter().filter_map(|route| route.allow.as_ref());
    let clusters = config.clusters.values().filter_map(|cluster| cluster.allow.as_ref());
    let of_tools = config.routes.iter().filter_map(|route| route.mcp.as_ref()).flat_map(group_words);
    RuleGroups::new(routes.chain(clusters).flat_map(|allow| allow.groups.clone()).chain(of_tools))
}

/// Everything that was found wrong so far.
pub(crate) type Errors = Vec<ConfigError>;

impl Gate {
    /// Builds a gate, or says everything that is wrong. Asks nobody over the network.
    ///
    /// # Errors
    /// All that is wrong with the configuration and the files it names, in the order of the document.
    pub fn build(config: &Config, deps: Deps<'_>) -> Result<Arc<Gate>, Vec<ConfigError>> {
        Gate::build_traced(config, deps, None)
    }

    /// As [`build`](Self::build), with somebody who makes traces.
    ///
    /// # Errors
    /// As there.
    pub fn build_traced(
        config: &Config,
        deps: Deps<'_>,
        tracer: Option<Tracer>,
    ) -> Result<Arc<Gate>, Vec<ConfigError>> {
        let mut errors = Errors::new();
        let server = server::read(&config.gate, &mut errors);
        let hosts = keep(&mut errors, routes::hosts(config).map(Arc::new));
        let pages = keep(&mut errors, Pages::new(&config.pages, &server.prefix).map(Arc::new));
        let cookie = hosts.as_ref().and_then(|hosts| keep(&mut errors, SessionCookie::new(&config.cookies, hosts)));
        let ring = keys(config, &deps, &mut errors);
        let times = times(&config.session, &mut errors);
        let read_issuers = issuers::read(config, &deps, &mut errors);
        let issuers = &read_issuers.issuers;
        let clients = clients::read(config, issuers, &deps, &mut errors);
        let rule_groups = || rule_groups(config);
        let metrics = deps.shared.metrics();
        let groups = groups::read(config, issuers, &clients, &mut errors);
        let authenticators = authenticators::read(config, &groups, &deps, &mut errors);
        // Nobody is kept waiting or out for groups that nobody asks for; a cluster always does.
        let told = config.clusters.values().any(upstream_clusters::may_impersonate);
        let groups_matter = !rule_groups().is_empty() || config.token_review.is_some() || told;
        let groups = if groups_matter { groups } else { Resolvers::new() };
        let mut chains = authenticators::Chains::new(issuers, &authenticators, &groups);
        let exchanges = exchanges::read(config, &clients, &deps, &mut errors);
        let clusters = upstream_clusters::read(config, &exchanges, &deps, &mut errors);
        let known = routes::Known { exchanges: &exchanges, clusters: &clusters };
        let routes = routes::read(config, &server.prefix, &mut chains, known, metrics, &mut errors);
        let authorization_servers =
            authorization_servers::read(config, hosts.as_deref(), issuers, &clients, &deps, &mut errors);
        let token_review = webhook::read(config, &mut chains, &deps, &mut errors);

        let mut routes = routes;
        let places = match (&hosts, &ring) {
            (Some(hosts), Some(ring)) => {
                let parts = mcp::Parts { config, prefix: &server.prefix, hosts, ring, issuers, metrics };
                mcp::read(&parts, &mut routes.list, &mut errors)
            }
            _ => Vec::new(),
        };

        let (true, Some(hosts), Some(pages), Some(cookie), Some(ring)) =
            (errors.is_empty(), hosts, pages, cookie, ring)
        else {
            return Err(errors);
        };
        deps.shared.issuers().remember(config, &read_issuers);
        clients::note_ends(&clients, &deps);
        authenticators::remember(&authenticators, &deps.shared);
        let mut table = routes.table;
        table.know(hosts.public_host());
        let by_name: HashMap<_, _> = routes.list.iter().map(|r| (r.name.clone(), r.id)).collect();
        let origin = hosts.origin(&hosts.authority(hosts.public_host()).unwrap_or_default());
        let browser = BrowserCookie::new(cookie.name(), hosts.is_https());
        let common = Common::new(ring.clone(), deps.shared.clone(), pages.clone(), browser, origin);
        let gate = Gate {
            authorization_servers: authorization_servers::make(authorization_servers, &server.prefix, &common),
            own_cookies: OwnCookies::new(cookie.name()),
            decisions: Decisions::new(metrics),
            elsewhere: metrics.route(""),
            clients: clients.keys().cloned().collect(),
            sign_in: SignIn::new(SignInSettings {
                prefix: server.prefix.clone(),
                hosts: hosts.clone(),
                cookie,
                ring,
                clients,
                groups,
                rule_groups: rule_groups(),
                times,
                shared: deps.shared.clone(),
                pages: pages.clone(),
                clock: deps.clock.clone(),
            }),
            rule_groups: rule_groups(),
            hosts,
            pages,
            believed: server.believed,
            prefix: server.prefix,
            allowed_status: server.allowed_status,
            redirect_from_auth: config.gate.redirect_from_auth,
            needed: issuers::needed(config, issuers),
            challenges: routes::challenges(routes.any_chain.as_deref()),
            chain: routes.any_chain,
            authenticators: authenticators::judges(&authenticators),
            client_authorities: authenticators::client_authorities(&authenticators),
            issuers: issuers.values().cloned().collect(),
            token_review,
            tracer,
            routes: routes.list,
            clusters: clusters.into_iter().map(|(name, known)| (name, known.cluster)).collect(),
            table,
            places,
            by_name,
            clock: deps.clock,
            shared: deps.shared,
        };
        Ok(Arc::new(gate))
    }

    /// What is allowed and yet probably not meant.
    pub fn warnings(config: &Config) -> Vec<String> {
        let mut warnings = Vec::new();
        let sign_in = config.routes.iter().any(|route| !route.sign_in.0.is_empty());
        if !config.authorization_servers.is_empty() && config.cookies.keys.is_empty() {
            warnings.push(
                "cookies.keys is not set: programs that registered at an authorization server are unknown after the next start"
                    .to_owned(),
            );
        }
        if sign_in && config.cookies.keys.is_empty() {
            warnings.push(
                "cookies.keys is not set: sessions end with this process, and other replicas do not know them"
                    .to_owned(),
            );
        }
        if config.routes.iter().any(|route| route.mcp.is_some()) && config.cookies.keys.is_empty() {
            warnings.push(
                "cookies.keys is not set: sessions of MCP servers end with this process, and other replicas do not know them"
                    .to_owned(),
            );
        }
        if config.gate.public_url.starts_with("http://") && !is_loopback(&config.gate.public_url) {
            warnings.push("gate.public_url is http: cookies and tokens travel in the clear".to_owned());
        }
        for (name, _) in config.authenticators.iter().filter(|(_, a)| a.none == Some(true)) {
            let routes =
                config.routes.iter().filter(|route| route.accept.iter().flatten().any(|accepted| accepted == name));
            let places: Vec<&str> = routes.map(|route| route.name.as_deref().unwrap_or(&route.path)).collect();
            warnings.push(format!(
                "AUTHENTICATION IS OFF for whoever presents no credential: authenticators.{name}, on {}",
                if places.is_empty() { "no route".to_owned() } else { places.join(" and ") }
            ));
        }
        for (name, issuer) in &config.issuers {
            if issuer.entra.as_ref().is_some_and(|entra| entra.any_tenant == Some(true)) {
                warnings.push(format!(
                    "issuers.{name} BELIEVES ANY TENANT of Entra ID, and anybody can have one: what its people may do \
                     must be said by groups, roles, users or allowed_clients, and not by allow.signed_in"
                ));
            }
        }
        if config.token_review.as_ref().is_some_and(|webhook| webhook.client_ca_file.is_none()) {
            warnings
                .push("token_review.client_ca_file is not set: whoever reaches the webhook can try tokens".to_owned());
        }
        for name in config.clients.keys() {
            let signs_in = config.routes.iter().any(|route| route.sign_in.0.contains(name));
            let exchanges = config.exchanges.values().any(|exchange| &exchange.client == name);
            let is_shared = config.authorization_servers.values().any(|server| &server.client == name);
            if !signs_in && !exchanges && !is_shared {
                let places = "in sign_in of any route nor in an exchange nor in an authorization server";
                warnings.push(format!("clients.{name} is neither {places}"));
            }
        }
        for (name, _) in config.exchanges.iter().filter(|(_, exchange)| exchange.replaces_caller) {
            warnings.push(format!("exchanges.{name} REPLACES THE CALLER: upstreams see the gate, whoever calls"));
        }
        warnings.extend(exchanges::unused(config));
        warnings.extend(exchanges::unfit_sign_ins(config));
        let servers = config.routes.iter().enumerate().filter_map(|(i, route)| Some((i, route.mcp.as_ref()?)));
        warnings.extend(servers.flat_map(|(i, mcp)| contradictions(mcp, &format!("routes[{i}].mcp"))));
        warnings.extend(upstream_clusters::warnings(config));
        warnings
    }

    /// Every file that the configuration names and that is read when a gate is built: when one changes, build again.
    pub fn watched_files(config: &Config) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = Vec::new();
        let mut secret = |source: &SecretSource| match source {
            SecretSource::File(file) => files.push(file.clone()),
            SecretSource::Env(_) => {}
        };
        config.cookies.keys.iter().for_each(&mut secret);
        config.clients.values().filter_map(|c| c.secret.as_ref()).for_each(&mut secret);
        config.telemetry.iter().flat_map(|telemetry| telemetry.headers.values()).for_each(&mut secret);
        let assertions = config.clients.values().filter_map(|c| c.certificate.as_ref());
        files.extend(assertions.flat_map(|pair| [pair.cert.clone(), pair.key.clone()]));
        let shown = config.clients.values().filter_map(|c| c.tls_certificate.as_ref());
        files.extend(shown.chain(&config.gate.tls).flat_map(|tls| [tls.cert.clone(), tls.key.clone()]));
        files.extend(config.issuers.values().flat_map(issuer::files));
        files.extend(config.routes.iter().filter_map(|r| r.upstream_ca_file.clone()));
        files.extend(config.authenticators.values().flat_map(local::files));
        files.extend(config.clusters.values().flat_map(upstream_clusters::files));
        files.extend(config.pages.logo.clone());
        files.extend(webhook::files(config));
        files.extend(config.telemetry.iter().filter_map(|telemetry| telemetry.ca_file.clone()));
        files.sort();
        files.dedup();
        files
    }
}

fn is_loopback(url: &str) -> bool {
    match url::Url::parse(url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The value, or its errors among the others.
fn keep<T>(errors: &mut Errors, read: Result<T, Vec<ConfigError>>) -> Option<T> {
    read.map_err(|more| errors.extend(more)).ok()
}

fn keys(config: &Config, deps: &Deps<'_>, errors: &mut Errors) -> Option<Arc<KeyRing>> {
    if config.cookies.keys.is_empty() {
        return match deps.shared.fallback_keys() {
            Ok(ring) => Some(ring),
            Err(refusal) => {
                errors.push(ConfigError::new("cookies.keys", format!("no key could be made: {refusal}"), ""));
                None
            }
        };
    }
    let mut secrets = Vec::new();
    for (i, source) in config.cookies.keys.iter().enumerate() {
        match source.read(&format!("cookies.keys[{i}]"), deps.environment) {
            Ok(secret) => secrets.push(secret),
            Err(error) => errors.push(error),
        }
    }
    if secrets.len() < config.cookies.keys.len() {
        return None;
    }
    keep(errors, KeyRing::from_secrets(secrets).map(Arc::new))
}

fn times(config: &SessionConfig, errors: &mut Errors) -> SessionTimes {
    let lifetime = config.lifetime.map_or(Duration::from_secs(10 * 3600), |Span(d)| d);
    let refresh_every = config.refresh_every.map(|Span(d)| d);
    let grace = config.grace.map_or(Duration::from_secs(60), |Span(d)| d);
    let mut within = |key: &str, value: Duration, least: u64, most: u64, help: &str| {
        if !(Duration::from_secs(least)..=Duration::from_secs(most)).contains(&value) {
            errors.push(ConfigError::new(format!("session.{key}"), format!("{value:?} is out of range"), help));
        }
    };
    within("lifetime", lifetime, 60, 30 * 86_400, "1m to 30d");
    within("grace", grace, 0, 600, "0s to 10m; long enough for the requests of one page");
    if let Some(every) = refresh_every {
        within("refresh_every", every, 30, lifetime.as_secs(), "30s up to session.lifetime");
    }
    SessionTimes { lifetime, refresh_every, grace }
}
