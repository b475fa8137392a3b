//! The configuration that `gangplank dev` runs with: the shortest honest one. Nothing in it is for `dev` only, but the
//! addresses.

use std::net::SocketAddr;
use std::sync::Arc;

use gangplank_idp::{API_ID, DEMO_GROUP_ID, Tenant, WEB_APP_ID};
use secrecy::ExposeSecret;

use super::api;
use crate::environment;
use crate::serve::SharedEnvironment;

/// The scope that callers ask for, people as well as MCP clients.
pub(super) const SCOPE: &str = "api://podinfo/access_as_user";

/// The names under which the configuration refers to client secrets, and whose they are.
const SECRETS: [(&str, &str); 2] = [("GANGPLANK_DEV_CLIENT_SECRET", WEB_APP_ID), ("GANGPLANK_DEV_API_SECRET", API_ID)];

/// The environment, and in it the secrets that the tenant made up for the gate.
pub(super) fn with_secrets(tenant: &Tenant) -> SharedEnvironment {
    let secrets = SECRETS.map(|(name, id)| (name, tenant.client_secret(id).cloned()));
    Arc::new(move |name| match secrets.iter().find(|(known, _)| *known == name) {
        Some((_, secret)) => secret.as_ref().map(|secret| secret.expose_secret().to_owned()),
        None => environment::variable(name),
    })
}

/// The document.
pub(super) fn text(gate: SocketAddr, app: SocketAddr, tenant: &Tenant) -> String {
    let [(web_secret, _), (api_secret, _)] = SECRETS;
    format!(
        r#"[gate]
listen = "{gate}"
public_url = "http://{gate}"

[issuers.dev]
entra = {{ tenant = "{tenant_id}", authority = "{authority}" }}
audiences = ["{API_ID}"]

[clients.dev]
issuer = "dev"
id = "{WEB_APP_ID}"
secret = {{ env = "{web_secret}" }}

[clients.api]
issuer = "dev"
id = "{API_ID}"
secret = {{ env = "{api_secret}" }}

[exchanges.downstream]
client = "api"
strategy = "on-behalf-of"
scopes = ["{downstream}/.default"]

[authorization_servers.dev]
client = "dev"

[[routes]]
path = "/"
sign_in = "dev"
allow.groups = ["{DEMO_GROUP_ID}"]
upstream = "http://{app}"

[[routes]]
path = "/api"
accept = ["dev"]
allow.groups = ["{DEMO_GROUP_ID}"]
exchange = "downstream"
upstream = "http://{app}"

[[routes]]
path = "/mcp"
accept = ["dev"]
allow.signed_in = true
exchange = "downstream"
upstream = "http://{app}"

[routes.mcp]
scopes = ["{SCOPE}"]
origins = ["http://localhost:6274"]
other_tools = "allow"

[[routes.mcp.tools]]
names = ["call-api"]
allow.groups = ["{DEMO_GROUP_ID}"]
"#,
        tenant_id = tenant.id(),
        authority = tenant.base_url(),
        downstream = api::AUDIENCE,
    )
}
