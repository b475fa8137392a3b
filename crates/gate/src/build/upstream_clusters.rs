//! `[clusters.NAME]`: an API server as an upstream.
//!
//! 1. The mode is the one that is said. Else it is passthrough if anything is said that only passthrough has (`exchange`,
//!    `token_audiences`, `review`), or if there is no credential of our own; and else impersonate. Our own credential is never
//!    shown for everybody alike (`kubeconfig`) unless that is said.
//! 2. With passthrough our own credential is looked at only for a review, and our certificate is never shown with a token.
//! 3. A token is passed on only to a cluster that says for which audiences it takes them, or was exchanged for it.
//! 4. Kubernetes' own names may be given by those authenticators that `allow_reserved` is said of, and by a cluster's word
//!    (`token_review`) where this is the same cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::kubeconfig::{ClusterAccess, Own};
use gangplank_authn::token_review::{Cluster, ClusterSettings, OwnCredential};
use gangplank_net::{UpstreamClient, UpstreamSettings};
use gangplank_oauth::config::ConfigError;
use http::uri::Authority;
use url::Url;

use super::clusters::{Where, access, identity, transport, under};
use super::exchanges::Exchanges;
use super::{Deps, Errors, allow, cluster_routes};
use crate::Body;
use crate::cluster::{Audiences, Mode, Terms, UpstreamCluster};
use crate::config::{AllowConfig, AuthMode, Config, ImpersonateConfig, UpstreamClusterConfig};
use crate::policy::Policy;

/// How long the API server's word on a token is remembered, as API servers themselves do.
const REVIEW: Duration = Duration::from_secs(10);

/// A cluster that was read.
pub(super) struct Known {
    pub(super) cluster: Arc<UpstreamCluster>,
    pub(super) authority: Authority,
    /// The path before `/api`, mostly `/`.
    pub(super) base: String,
    pub(super) client: UpstreamClient<Body>,
}

/// Reads all clusters. One that is wrong is left out, and said.
pub(super) fn read(
    config: &Config,
    exchanges: &Exchanges,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> BTreeMap<String, Known> {
    let mut all = BTreeMap::new();
    for (name, cluster) in &config.clusters {
        let mut reader = Reader { config, name, cluster, at: format!("clusters.{name}"), exchanges, deps, errors };
        if let Some(known) = reader.read() {
            all.insert(name.clone(), known);
        }
    }
    all
}

/// The files of a cluster: when one changes, a gate is built again.
pub(super) fn files(cluster: &UpstreamClusterConfig) -> Vec<PathBuf> {
    super::clusters::files(place(cluster), wanted(cluster).1)
}

/// Whether a cluster may be told groups: they have to be known then, whatever rules there are.
pub(super) fn may_impersonate(cluster: &UpstreamClusterConfig) -> bool {
    matches!(wanted(cluster).0, None | Some(AuthMode::Impersonate))
}

/// Whether callers' tokens are what it is shown, as far as that is known without its files.
pub(crate) fn is_passthrough(cluster: &UpstreamClusterConfig) -> bool {
    wanted(cluster).0 == Some(AuthMode::Passthrough)
}

/// What is allowed and yet probably not meant.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut takers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, cluster) in &config.clusters {
        let led_to = config.routes.iter().any(|route| {
            let targets = route.mcp.as_ref().and_then(|mcp| mcp.target.as_ref());
            let targets = targets.iter().flat_map(|target| &target.clusters);
            route.cluster.iter().chain(route.clusters.iter().flatten()).chain(targets).any(|led_to| led_to == name)
        });
        if !led_to {
            warnings.push(format!("clusters.{name} is not in cluster or clusters of any route"));
        }
        for audience in cluster.token_audiences.iter().flatten() {
            takers.entry(format!("token_audiences: {audience:?}")).or_default().push(name);
        }
        if let Some(exchange) = &cluster.exchange {
            takers.entry(format!("exchanges.{exchange}")).or_default().push(name);
        }
    }
    warnings.extend(cluster_routes::warnings(config));
    for (what, clusters) in takers.into_iter().filter(|(_, clusters)| clusters.len() > 1) {
        let clusters = clusters.join(", ");
        warnings.push(format!(
            "{what} is of several clusters ({clusters}): each could use its callers' tokens at the others"
        ));
    }
    warnings
}

fn place(cluster: &UpstreamClusterConfig) -> Where<'_> {
    Where {
        in_cluster: cluster.in_cluster,
        kubeconfig: cluster.kubeconfig.as_ref(),
        context: cluster.context.as_deref(),
    }
}

/// The mode as far as it is known without the cluster's files, and what of our own it needs.
fn wanted(cluster: &UpstreamClusterConfig) -> (Option<AuthMode>, Own) {
    let of_passthrough = cluster.exchange.is_some() || cluster.token_audiences.is_some() || cluster.review.is_some();
    let mode = cluster.auth_mode.or(of_passthrough.then_some(AuthMode::Passthrough));
    let own = match mode {
        Some(AuthMode::Passthrough) if cluster.review.is_none() => Own::Nothing,
        Some(_) => Own::Required,
        None => Own::IfThere,
    };
    (mode, own)
}

struct Reader<'r, 'd> {
    config: &'r Config,
    name: &'r str,
    cluster: &'r UpstreamClusterConfig,
    at: String,
    exchanges: &'r Exchanges,
    deps: &'r Deps<'d>,
    errors: &'r mut Errors,
}

impl Reader<'_, '_> {
    fn say(&mut self, key: &str, message: impl Into<String>, help: &str) {
        let at = if key.is_empty() { self.at.clone() } else { format!("{}.{key}", self.at) };
        self.errors.push(ConfigError::new(at, message, help));
    }

    fn read(&mut self) -> Option<Known> {
        let good = self.errors.len();
        if !is_label(self.name) {
            let help = "small letters, digits and '-', 63 at the most: it is part of paths and hosts";
            self.say("", format!("{:?} is no name of a cluster", self.name), help);
        }
        if let Some(rules) = &self.cluster.allow {
            allow::shape(&format!("{}.allow", self.at), rules, self.errors);
        }
        let (mode, own) = wanted(self.cluster);
        let access =
            access(place(self.cluster), own, self.deps.environment).map_err(|wrong| self.no_access(wrong, own));
        let there = access.as_ref().is_ok_and(|access| !matches!(access.credential, OwnCredential::None));
        let mode = mode.unwrap_or(if there || access.is_err() { AuthMode::Impersonate } else { AuthMode::Passthrough });
        self.contradictions(mode);
        let access = access.ok()?;
        let client = self.client(&access, mode)?;
        let review = self.review(&access);
        if self.errors.len() > good {
            return None;
        }
        let url = access.server.clone();
        let mode = self.mode(mode, access)?;
        let requests = self.deps.shared.metrics().cluster(self.name, mode.name());
        // Whoever the route admits, if nothing is said.
        let everybody = AllowConfig { anonymous: true, ..AllowConfig::default() };
        let policy = Policy::new(&format!("cluster {}", self.name), self.cluster.allow.as_ref().unwrap_or(&everybody));
        let cluster = UpstreamCluster { name: self.name.to_owned(), policy, mode, review, requests };
        Some(Known {
            cluster: Arc::new(cluster),
            authority: self.authority(&url)?,
            base: url.path().to_owned(),
            client,
        })
    }

    fn no_access(&mut self, wrong: Vec<(&'static str, String)>, own: Own) {
        for wrong in wrong {
            let mut error = under(&self.at, wrong);
            if own != Own::Nothing {
                error.help =
                    "the gate speaks there as a user of its own; with auth_mode = \"passthrough\" (and without \
                              review) it needs none"
                        .to_owned();
            }
            self.errors.push(error);
        }
    }

    fn authority(&mut self, url: &Url) -> Option<Authority> {
        let host = url.host_str().unwrap_or_default();
        let text = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let parsed = text.parse().map_err(|_| self.say("", format!("{text:?} is no host that can be asked"), ""));
        parsed.ok()
    }

    fn client(&mut self, access: &ClusterAccess, mode: AuthMode) -> Option<UpstreamClient<Body>> {
        let settings = UpstreamSettings { http2: false, ..UpstreamSettings::default() };
        let made = identity(access).and_then(|(roots, own)| {
            let own = own.filter(|_| mode != AuthMode::Passthrough);
            let client = UpstreamClient::known_as(&roots, &settings, own, access.server_name.as_deref());
            client.map_err(|error| ("", format!("the cluster can't be reached: {error}")))
        });
        made.map_err(|wrong| self.errors.push(under(&self.at, wrong))).ok()
    }

    fn review(&mut self, access: &ClusterAccess) -> Option<Arc<Cluster>> {
        let review = self.cluster.review.as_ref()?;
        for (i, _) in review.audiences.iter().enumerate().filter(|(_, audience)| audience.is_empty()) {
            self.say(&format!("review.audiences[{i}]"), "is empty", "leave it out");
        }
        let transport = transport(access, self.deps).map_err(|wrong| self.errors.push(under(&self.at, wrong))).ok()?;
        let settings = ClusterSettings {
            name: self.name.to_owned(),
            server: access.server.clone(),
            audiences: review.audiences.clone(),
            issuers: Vec::new(),
            remember: REVIEW,
            allow_reserved: true,
        };
        Some(Arc::new(Cluster::new(settings, access.credential.clone(), transport)))
    }

    /// `None` if it names an exchange that could not be read, which has been said.
    fn mode(&self, mode: AuthMode, access: ClusterAccess) -> Option<Mode> {
        Some(match (mode, &self.cluster.exchange) {
            (AuthMode::Passthrough, Some(exchange)) => Mode::Exchanged(self.exchanges.get(exchange)?.clone()),
            (AuthMode::Passthrough, None) => Mode::Passthrough(self.audiences()),
            (AuthMode::Impersonate, _) => {
                let ImpersonateConfig { uid, extra } = &self.cluster.impersonate;
                let terms = Terms {
                    cluster: self.name.to_owned(),
                    uid: uid.unwrap_or(true),
                    extra: extra.as_ref().map(|keys| keys.iter().cloned().collect()),
                    trusted_with_reserved: self.trusted_with_reserved(&access),
                };
                Mode::Impersonate { own: access.credential, terms }
            }
            (AuthMode::Kubeconfig, _) => Mode::Kubeconfig(access.credential),
        })
    }

    fn audiences(&self) -> Audiences {
        let own = self.cluster.token_audiences.clone().unwrap_or_default();
        let of_others = self.config.clusters.iter().filter(|(name, _)| *name != self.name);
        let of_others = of_others.flat_map(|(_, other)| other.token_audiences.iter().flatten());
        let of_others = of_others.filter(|audience| !own.contains(audience)).cloned().collect();
        Audiences { own, of_others }
    }

    fn trusted_with_reserved(&self, this: &ClusterAccess) -> BTreeSet<String> {
        let same_cluster = |place: Where<'_>| {
            access(place, Own::Nothing, self.deps.environment).is_ok_and(|other| is_same(this, &other))
        };
        let authenticators = self.config.authenticators.iter().filter(|(_, known)| {
            let by_file = known.authentication_config.as_ref().is_some_and(|file| file.allow_reserved);
            let by_certificate = known.client_certificates.as_ref().is_some_and(|certs| certs.allow_reserved);
            let by_cluster = known.token_review.as_ref().is_some_and(|asked| match asked.allow_reserved {
                Some(said) => said,
                None => same_cluster(Where::of(asked)),
            });
            by_file || by_certificate || by_cluster
        });
        let issuers = self.config.issuers.iter().filter(|(_, issuer)| issuer.claims.allow_reserved);
        authenticators.map(|(name, _)| name.clone()).chain(issuers.map(|(name, _)| name.clone())).collect()
    }

    fn contradictions(&mut self, mode: AuthMode) {
        let cluster = self.cluster;
        if let Some(exchange) = &cluster.exchange
            && !self.config.exchanges.contains_key(exchange)
        {
            let known = self.config.exchanges.keys().cloned().collect::<Vec<_>>().join(", ");
            self.say("exchange", format!("there is no exchange {exchange:?}"), &format!("one of [exchanges]: {known}"));
        }
        let named = cluster.exchange.as_ref().and_then(|name| self.config.exchanges.get(name));
        if named.is_some_and(|exchange| exchange.replaces_caller) {
            let message = "replaces the caller, and the API server would take all callers for the gate";
            let help = "another exchange, or auth_mode = \"impersonate\"; auth_mode = \"kubeconfig\" where there is one caller only";
            self.say("exchange", message, help);
        }
        for (i, _) in cluster.token_audiences.iter().flatten().enumerate().filter(|(_, audience)| audience.is_empty()) {
            self.say(&format!("token_audiences[{i}]"), "is empty", "leave it out");
        }
        for (i, _) in cluster.impersonate.extra.iter().flatten().enumerate().filter(|(_, key)| key.is_empty()) {
            self.say(&format!("impersonate.extra[{i}]"), "is empty", "leave it out");
        }
        let tells = cluster.impersonate != ImpersonateConfig::default();
        match mode {
            AuthMode::Passthrough => self.of_passthrough(tells),
            AuthMode::Impersonate | AuthMode::Kubeconfig => {
                let word = if mode == AuthMode::Impersonate { "impersonate" } else { "kubeconfig" };
                let about_tokens = [
                    ("exchange", cluster.exchange.is_some()),
                    ("token_audiences", cluster.token_audiences.is_some()),
                    ("review", cluster.review.is_some()),
                ];
                for (key, _) in about_tokens.iter().filter(|(_, set)| *set) {
                    let message = format!("is about the caller's token, and with auth_mode = {word:?} none is sent");
                    self.say(key, message, "leave it out, or auth_mode = \"passthrough\"");
                }
                if tells && mode == AuthMode::Kubeconfig {
                    let message = "is about who calls, and with auth_mode = \"kubeconfig\" that is not told";
                    self.say("impersonate", message, "leave it out, or auth_mode = \"impersonate\"");
                }
            }
        }
    }

    fn of_passthrough(&mut self, tells: bool) {
        let cluster = self.cluster;
        if tells {
            let message = "is about who calls, and with auth_mode = \"passthrough\" the token says that";
            self.say("impersonate", message, "leave it out, or auth_mode = \"impersonate\"");
        }
        match (&cluster.exchange, &cluster.token_audiences) {
            (Some(_), Some(_)) => {
                let message = "is about callers' own tokens, and they are exchanged";
                self.say("token_audiences", message, "leave it out; the exchange has token_audiences of its own");
            }
            (None, None) => self.say(
                "token_audiences",
                "is not there, so that no token could be passed on: a token goes only to the cluster that it is for",
                "the audiences that the API server takes, exchange = \"NAME\", or a credential for auth_mode = \"impersonate\"",
            ),
            (None, Some(none)) if none.is_empty() => {
                self.say("token_audiences", "is empty, so that no token could be passed on", "at least one audience");
            }
            _ => {}
        }
    }
}

/// Whether two ways lead to one cluster: behind one address there may be several, told apart by the name in the handshake
/// or by the authority that answers for them.
fn is_same(one: &ClusterAccess, other: &ClusterAccess) -> bool {
    let place =
        |access: &ClusterAccess| (access.server.clone(), access.server_name.clone(), access.authorities.clone());
    place(one) == place(other)
}

/// What can be a segment of a path and a label of a host, without a second reading.
fn is_label(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty() && name.len() <= 63 && name.bytes().all(fits) && !name.starts_with('-') && !name.ends_with('-')
}
