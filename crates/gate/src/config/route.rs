//! `[[routes]]`, as it is written.

use std::path::PathBuf;

use gangplank_oauth::config::Span;
use serde::Deserialize;

use super::McpConfig;

/// `[[routes]]`: what is where, and who may go there. The longest matching path of the best matching host wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// A name for logs, metrics and `/oauth2/auth?route=NAME`. Default: host and path.
    pub name: Option<String>,
    /// The host: `app.example.com`, `*.example.com`, or none for any.
    pub host: Option<String>,
    /// The path and everything below it, by whole segments.
    pub path: String,
    /// Only these methods. Default: all.
    pub methods: Option<Vec<String>>,
    /// Clients (names of `[clients]`) at which browsers sign in; several make a chooser.
    #[serde(default)]
    pub sign_in: OneOrMany,
    /// Whose credentials are accepted, besides sessions, and in which order they are asked: names of `[issuers]` (for
    /// bearer tokens) and of `[authenticators]`. Default: the issuers of `sign_in` that have audiences.
    pub accept: Option<Vec<String>>,
    /// Who may pass. A route without it would let nobody in, and is refused.
    pub allow: Option<AllowConfig>,
    /// Where to proxy to. Without it the route only answers forward-auth.
    pub upstream: Option<String>,
    /// What the upstream is told, and how long it may take.
    #[serde(default)]
    pub pass: PassConfig,
    /// How long the upstream may take to the head of its answer. Default `"60s"`.
    pub timeout: Option<Span>,
    /// A PEM file of authorities to trust for this upstream instead of the system's.
    pub upstream_ca_file: Option<PathBuf>,
    /// A name of `[exchanges]`: the upstream gets the token that the caller's was exchanged for.
    pub exchange: Option<String>,
    /// A name of `[clusters]`: the upstream is that API server.
    pub cluster: Option<String>,
    /// Names of `[clusters]`: each is below the path by its name, or below the host.
    pub clusters: Option<Vec<String>>,
    /// The upstream is an MCP server.
    pub mcp: Option<McpConfig>,
}

/// A string, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> serde::de::Visitor<'de> for V {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E>(self, one: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![one.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany(many))
            }
        }
        deserializer.deserialize_any(V)
    }
}

/// `allow`: any of a list, all of the lists. `anonymous` and `signed_in` stand alone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowConfig {
    /// Everybody, signed in or not.
    #[serde(default)]
    pub anonymous: bool,
    /// Everybody who is signed in.
    #[serde(default)]
    pub signed_in: bool,
    /// Members of these groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// These user names.
    #[serde(default)]
    pub users: Vec<String>,
    /// These e-mail domains, exactly, of verified addresses.
    #[serde(default)]
    pub email_domains: Vec<String>,
    /// Holders of these application roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Tokens with these delegated scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// `pass`: what the upstream, or the proxy that asked, is told about the caller.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassConfig {
    /// `X-Auth-Request-Access-Token` with the provider's access token. It is then kept in the session.
    #[serde(default)]
    pub access_token: bool,
    /// Pass the caller's own `Authorization` header on to the upstream. Default false: it was for the gate.
    #[serde(default)]
    pub authorization: bool,
    /// Send the client's `Host` to the upstream instead of the upstream's own. Default true. It can be said only over
    /// HTTP/1.1: an `https` upstream is asked by HTTP/2 if this is false, and an `h2c` upstream always sees its own.
    pub host: Option<bool>,
}
