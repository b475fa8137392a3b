//! The gate's part of the configuration document, as it is written. Meaning is given to it in `build`.

mod authorization_server;
mod client;
mod cluster;
mod exchange;
mod issuer;
mod mcp;
mod route;
mod telemetry;
mod tools;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use gangplank_oauth::config::{ByteLimit, SecretSource, Span};
use ipnet::IpNet;
use serde::Deserialize;

pub use self::authorization_server::{AuthorizationServerConfig, ClientIdMetadataConfig, ClientIdMetadataHosts};
pub use self::client::{ClientAssertionConfig, ClientConfig, SecretMethod};
pub use self::cluster::{AuthMode, ImpersonateConfig, ReviewConfig, UpstreamClusterConfig};
pub use self::exchange::{ActorConfig, ExchangeConfig, Strategy};
pub use self::issuer::{
    ClaimsConfig, EntraConfig, GroupsFrom, GroupsFromConfig, IssuerConfig, KeysConfig, SpiffeConfig,
};
pub use self::mcp::{McpConfig, OtherTools, TargetConfig};
pub use self::route::{AllowConfig, OneOrMany, PassConfig, RouteConfig};
pub use self::telemetry::TelemetryConfig;
pub use self::tools::{ToolAllowConfig, ToolRuleConfig};
use crate::authentication_file::AuthenticationFile;
use crate::token_review::TokenReviewConfig;

/// `[gate]`: where it listens, how it is reached, whom it believes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateConfig {
    /// The address to bind.
    pub listen: SocketAddr,
    /// The URL under which browsers reach it: scheme, host and port. Its scheme decides about `Secure` cookies.
    pub public_url: String,
    /// The path under which the gate's own endpoints live. Default `/oauth2`, as oauth2-proxy has it.
    pub prefix: Option<String>,
    /// Serve TLS with this certificate.
    pub tls: Option<TlsConfig>,
    /// The address of `/metrics`, `/healthz` and `/readyz` for machines. Default: none; health is also on `listen`.
    pub metrics_listen: Option<SocketAddr>,
    /// Addresses whose forwarded headers are believed. Default: none.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// Which headers a trusted proxy speaks in. Default `x-forwarded`.
    pub forwarded: Option<Dialect>,
    /// Hosts, besides those of `public_url` and of routes, to which a sign-in may return: `app.example.com`, or
    /// `.example.com` for every host below it.
    #[serde(default)]
    pub return_hosts: Vec<String>,
    /// What `/oauth2/auth` answers when allowed: 202 (default, as oauth2-proxy) or 200 (default with `envoy`, which
    /// understands nothing else).
    pub allowed_status: Option<u16>,
    /// Whether `/oauth2/auth` itself redirects a browser to the sign-in (Traefik, Caddy, Envoy pass that on), instead
    /// of answering 401 (nginx turns it into a redirect). Default false.
    #[serde(default)]
    pub redirect_from_auth: bool,
    /// Bounds on what a client may send, and how long it may take.
    #[serde(default)]
    pub limits: LimitsConfig,
}

/// A certificate and its key, re-read when the files change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM: the certificate, then its chain.
    pub cert: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

/// How a trusted proxy tells what the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// `X-Forwarded-{For,Proto,Host,Uri,Method}`: Traefik, Caddy, HAProxy.
    XForwarded,
    /// `X-Original-URL` and `X-Original-Method` (and `X-Real-IP`): nginx and ingress-nginx `auth_request`.
    Nginx,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// The request line of the check itself, behind the path prefix: Envoy and Gateway API `ExternalAuth`.
    Envoy,
}

/// Bounds on what a client may send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// The largest request head. Default `"64KiB"`: nginx lets 32 KiB through, and proxies add to it.
    pub head: Option<ByteLimit>,
    /// How long a client may take to send a request head. Default `"10s"`. Between requests a connection may be silent
    /// for 75 s, always: a proxy in front keeps its connections for 60 s and must be the one to close them.
    pub head_time: Option<Span>,
    /// How long open requests may finish after a stop was asked for. Default `"20s"`, below Kubernetes' 30 s.
    pub drain: Option<Span>,
}

/// `[cookies]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CookiesConfig {
    /// The name, without the `__Host-` that is put before it where possible. Default `gangplank`.
    pub name: Option<String>,
    /// Keys of at least 32 bytes: the first seals, all open. Default: a fresh one at each start, with a warning,
    /// since other replicas and the next start can't open what it sealed.
    #[serde(default)]
    pub keys: Vec<SecretSource>,
    /// Share the session with every host below this domain. Costs the `__Host-` prefix.
    pub domain: Option<String>,
    /// `lax` (default) or `none` (for apps that are framed by another site; needs https).
    pub same_site: Option<SameSite>,
}

/// The `SameSite` attribute. `Strict` is not offered: the return from the provider would arrive without the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Sent on top-level navigation from elsewhere.
    Lax,
    /// Sent always.
    None,
}

/// `[session]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionConfig {
    /// How long a session lasts at the most, refreshed or not. Default `"10h"`: a working day.
    pub lifetime: Option<Span>,
    /// How often the identity is asked for again at the provider. Default: when its tokens expire.
    pub refresh_every: Option<Span>,
    /// How long a cookie from before a refresh is still good. Default `"60s"`: pages load in parallel.
    pub grace: Option<Span>,
}

/// `[authenticators.NAME]`: who else may say who a caller is. Exactly one key says which kind it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthenticatorConfig {
    /// Whoever presents no credential is `anonymous`. Only `true` may be said, and only last in a route's `accept`.
    pub none: Option<bool>,
    /// Static keys: a file with a line `KEY-ID:SHA256-HEX` for each.
    pub keys_file: Option<PathBuf>,
    /// The issuers of the file that kube-apiserver itself reads.
    pub authentication_config: Option<AuthenticationFile>,
    /// A cluster that is asked whose a token is.
    pub token_review: Option<ClusterConfig>,
    /// User names and passwords.
    pub htpasswd: Option<HtpasswdConfig>,
    /// Client certificates.
    pub client_certificates: Option<ClientCertificatesConfig>,
}

/// `client_certificates = { … }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificatesConfig {
    /// PEM: the authorities whose certificates are accepted.
    pub ca_file: PathBuf,
    /// Where the certificates come from.
    pub from: CertificatesFrom,
    /// The user name is the certificate's SPIFFE ID, of one of these trust domains, instead of the common name.
    #[serde(default)]
    pub spiffe_trust_domains: Vec<String>,
    /// Whether names and groups that begin with `system:` are accepted: for a cluster's own authority. Default false.
    #[serde(default)]
    pub allow_reserved: bool,
}

/// Who had it proved that the caller holds the certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificatesFrom {
    /// Our own listener (`gate.tls`).
    Tls,
    /// Envoy, in a header of this name.
    XForwardedClientCert,
    /// nginx or ingress-nginx, in a header of this name.
    SslClientCert,
    /// Whoever follows RFC 9440.
    ClientCert,
}

/// `htpasswd = { … }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HtpasswdConfig {
    /// A line `USER:HASH` for each user: bcrypt, apr1 or {SHA}.
    pub file: PathBuf,
    /// What browsers show when they ask for the password. Default: the name of the table.
    pub realm: Option<String>,
}

/// `token_review = { … }`: how a cluster is asked. Exactly one of `in_cluster` and `kubeconfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// The cluster that this process runs in, as its service account.
    #[serde(default)]
    pub in_cluster: bool,
    /// The cluster of a kubeconfig, as its user.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. Default: its `current-context`.
    pub context: Option<String>,
    /// Whom a token must be for, any of them. Default: the API server itself.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The issuers whose tokens it is asked about. Default: any token.
    #[serde(default)]
    pub issuers: Vec<String>,
    /// How long a good token is remembered. Default `"10s"`, as API servers do.
    pub cache: Option<Span>,
    /// Whether it may answer with names of its own, `system:…`. Default true: service accounts have such names.
    pub allow_reserved: Option<bool>,
}

/// `[pages]`: branding.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagesConfig {
    /// The name at the top of every page. Default `Gangplank`.
    pub title: Option<String>,
    /// An image (PNG, SVG, WebP or JPEG, at most 256 KiB) at the top of every page.
    pub logo: Option<PathBuf>,
    /// The colour of buttons and links: `#rrggbb`.
    pub accent: Option<String>,
    /// A line at the foot of every page.
    pub footer: Option<String>,
    /// Where people turn for help: `https:` or `mailto:`.
    pub support: Option<String>,
}

/// The whole of the gate's document, as the binary hands it over.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[gate]`.
    pub gate: GateConfig,
    /// `[cookies]`.
    #[serde(default)]
    pub cookies: CookiesConfig,
    /// `[session]`.
    #[serde(default)]
    pub session: SessionConfig,
    /// `[issuers.NAME]`.
    #[serde(default)]
    pub issuers: BTreeMap<String, IssuerConfig>,
    /// `[authenticators.NAME]`.
    #[serde(default)]
    pub authenticators: BTreeMap<String, AuthenticatorConfig>,
    /// `[clients.NAME]`.
    #[serde(default)]
    pub clients: BTreeMap<String, ClientConfig>,
    /// `[authorization_servers.NAME]`.
    #[serde(default)]
    pub authorization_servers: BTreeMap<String, AuthorizationServerConfig>,
    /// `[exchanges.NAME]`.
    #[serde(default)]
    pub exchanges: BTreeMap<String, ExchangeConfig>,
    /// `[clusters.NAME]`.
    #[serde(default)]
    pub clusters: BTreeMap<String, UpstreamClusterConfig>,
    /// `[[routes]]`.
    #[serde(default)]
    pub routes: Vec<RouteConfig>,
    /// `[pages]`.
    #[serde(default)]
    pub pages: PagesConfig,
    /// `[token_review]`.
    pub token_review: Option<TokenReviewConfig>,
    /// `[telemetry]`.
    pub telemetry: Option<TelemetryConfig>,
}
