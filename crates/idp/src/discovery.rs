//! Metadata and keys, as Entra publishes them: without what does not work yet, and, true to the original, without a
//! word of PKCE or of `iss` in the redirect.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use crate::claims::Version;
use crate::faults::FaultKind;
use crate::params::Params;
use crate::reply;
use crate::tenant::{Call, Tenant};

/// `/{tenant}/[v2.0/].well-known/openid-configuration`
pub(crate) fn metadata(tenant: &Tenant, call: &Call<'_>, name: &str, version: Version) -> Response<Bytes> {
    let base = &tenant.settings.base;
    let own_id = &tenant.settings.id;
    // Entra's multi-tenant metadata has a template for an issuer, and endpoints that keep the tenant open.
    let open = matches!(name, "common" | "organizations");
    let segment = if open { name } else { own_id };
    let issuer = if call.faults.contains(&FaultKind::WrongIssuerInDiscovery) {
        format!("{base}/00000000-0000-4000-8000-00000000bad1/v2.0")
    } else if open {
        tenant.token_issuer(version).replace(own_id.as_str(), "{tenantid}")
    } else {
        tenant.token_issuer(version)
    };
    let (oauth2, keys) = match version {
        Version::V1 => ("oauth2", "discovery/keys"),
        Version::V2 => ("oauth2/v2.0", "discovery/v2.0/keys"),
    };
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/{segment}/{oauth2}/authorize"),
        "token_endpoint": format!("{base}/{segment}/{oauth2}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "device_authorization_endpoint": format!("{base}/{segment}/{oauth2}/devicecode"),
        "end_session_endpoint": format!("{base}/{segment}/{oauth2}/logout"),
        "jwks_uri": format!("{base}/{segment}/{keys}"),
        "userinfo_endpoint": format!("{base}/graph/oidc/userinfo"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver",
            "oid", "email", "groups", "roles"],
        "request_uri_parameter_supported": false,
        "http_logout_supported": false,
        "frontchannel_logout_supported": false,
        "tenant_region_scope": "WW",
        "cloud_instance_name": "gangplank.test",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": base.split_once("://").map_or("", |(_, authority)| authority),
    });
    reply::json(StatusCode::OK, &document)
}

/// `/common/discovery/instance`: which metadata belongs to an authority.
pub(crate) fn instance(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    let params = Params::parse(call.parts.uri.query().unwrap_or_default().as_bytes());
    let asked = params.get("authorization_endpoint").and_then(|text| url::Url::parse(text).ok());
    let name = asked.as_ref().and_then(|url| url.path_segments()?.next()).unwrap_or("common");
    let name = tenant.names().into_iter().find(|n| n.eq_ignore_ascii_case(name)).unwrap_or(&tenant.settings.id);
    let base = &tenant.settings.base;
    let authority = base.split_once("://").map_or("", |(_, authority)| authority);
    let document = json!({
        "tenant_discovery_endpoint": format!("{base}/{name}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": authority, "preferred_cache": authority, "aliases": [authority] }],
    });
    reply::json(StatusCode::OK, &document)
}

/// `/{tenant}/discovery/[v2.0/]keys`
pub(crate) fn keys(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    let mut set = tenant.state.keys().jwks(&tenant.issuer());
    if call.faults.contains(&FaultKind::ShrunkKeys)
        && let Some(keys) = set["keys"].as_array_mut()
    {
        // The key that signs is the first.
        keys.drain(..1);
    }
    reply::json(StatusCode::OK, &set)
}
