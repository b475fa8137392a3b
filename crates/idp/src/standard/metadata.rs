//! Metadata (RFC 8414, OpenID Connect Discovery) and keys.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use crate::faults::FaultKind;
use crate::reply;
use crate::tenant::{Call, Tenant};

/// The same document at all its addresses.
pub(super) fn document(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    let own = tenant.standard_issuer();
    let wrong = call.faults.contains(&FaultKind::WrongIssuerInDiscovery);
    let mut document = json!({
        "issuer": if wrong { format!("{own}-elsewhere") } else { own.clone() },
        "authorization_endpoint": format!("{own}/authorize"),
        "token_endpoint": format!("{own}/token"),
        "userinfo_endpoint": format!("{own}/userinfo"),
        "end_session_endpoint": format!("{own}/logout"),
        "jwks_uri": format!("{own}/keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", "password",
            super::exchange::GRANT_TYPE],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt",
            "tls_client_auth", "self_signed_tls_client_auth", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "ES384"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "name", "preferred_username", "email", "groups"],
    });
    if let Some(scopes) = document["scopes_supported"].as_array_mut() {
        scopes.extend(tenant.standard.policy.scopes.iter().map(|scope| json!(scope)));
    }
    if tenant.standard.policy.registration {
        document["registration_endpoint"] = json!(format!("{own}/register"));
    }
    reply::json(StatusCode::OK, &document)
}

/// `/standard/keys`
pub(super) fn keys(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    let mut set = tenant.standard.keys().jwks(&tenant.standard_issuer());
    if call.faults.contains(&FaultKind::ShrunkKeys)
        && let Some(keys) = set["keys"].as_array_mut()
    {
        // The key that signs is the first.
        keys.drain(..1);
    }
    reply::json(StatusCode::OK, &set)
}
