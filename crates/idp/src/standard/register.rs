//! Dynamic client registration (RFC 7591): whoever asks is a client, as in development it has to be.
//!
//! 1. A POST of a JSON object. What it says and is not known here is left out of the answer, as §2 has it.
//! 2. Redirect URIs are absolute, without a fragment, and `https`, `http` on loopback (RFC 8252 §7.3), or of a scheme of the
//!    client's own, which has a dot (§7.1) (`invalid_redirect_uri`). Only a client for client credentials has none.
//! 3. It authenticates by secret, or not at all; it uses grants that there are, and codes; its scopes are there
//!    (`invalid_client_metadata`).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::error::OAuthError;
use super::granted::Granted;
use crate::directory::{Application, Mfa};
use crate::faults::FaultKind;
use crate::params::Params;
use crate::tenant::{Call, Tenant};
use crate::{random, reply};

/// The most redirect URIs of one client.
const MOST: usize = 32;

/// `/standard/register`
pub(super) fn register(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    for fault in &call.faults {
        if let FaultKind::TokenError { error } = fault {
            return reply::json(StatusCode::BAD_REQUEST, &json!({ "error": error }));
        }
    }
    match registered(tenant, call) {
        Ok(body) => reply::json(StatusCode::CREATED, &body),
        Err(error) => error.response(),
    }
}

fn registered(tenant: &Tenant, call: &Call<'_>) -> Result<Value, OAuthError> {
    if !tenant.standard.policy.registration {
        return Err(OAuthError { status: StatusCode::NOT_FOUND, ..metadata("Nobody registers here.") });
    }
    if call.parts.method != Method::POST {
        return Err(metadata("This endpoint takes POST."));
    }
    let asked: Value = serde_json::from_slice(call.body).map_err(|_| metadata("The body is not JSON."))?;
    let asked = asked.as_object().ok_or_else(|| metadata("The body is not a JSON object."))?;
    let text = |name: &str, default: &'static str| match asked.get(name) {
        None => Ok(default),
        Some(value) => value.as_str().ok_or_else(|| metadata(format!("'{name}' is not text."))),
    };
    let list = |name: &str, default: &[&str]| match asked.get(name) {
        None => Ok(default.iter().map(|&d| d.to_owned()).collect()),
        Some(value) => strings(value).ok_or_else(|| metadata(format!("'{name}' is not a list of texts."))),
    };
    let method = text("token_endpoint_auth_method", "client_secret_basic")?;
    let grants: Vec<String> = list("grant_types", &["authorization_code"])?;
    let responses: Vec<String> = list("response_types", &["code"])?;
    judge(method, &grants, &responses)?;
    let scope = text("scope", "")?;
    let fields = Params::parse(
        url::form_urlencoded::Serializer::new(String::new()).append_pair("scope", scope).finish().as_bytes(),
    );
    Granted::of(&fields, &tenant.standard.policy, &tenant.directory).map_err(|e| metadata(e.message))?;
    let uris: Vec<String> = list("redirect_uris", &[])?;
    let redirect_uris = redirect_uris(&uris, &grants)?;
    let name: String = text("client_name", "A client that registered itself")?.chars().take(100).collect();
    let secret = (method != "none").then(random::token);
    let id = random::short();
    tenant.standard.clients().insert(id.clone(), Arc::new(client(&id, &name, secret.as_deref(), redirect_uris)));
    let mut body = json!({
        "client_id": id, "client_id_issued_at": call.now.as_secs(), "client_name": name, "redirect_uris": uris,
        "token_endpoint_auth_method": method, "grant_types": grants, "response_types": responses,
    });
    for name in ["scope", "application_type", "client_uri", "logo_uri", "software_id", "software_version"] {
        if let Some(value) = asked.get(name) {
            body[name] = value.clone();
        }
    }
    if let Some(secret) = secret {
        body["client_secret"] = json!(secret);
        body["client_secret_expires_at"] = json!(0);
    }
    Ok(body)
}

/// Rule 3.
fn judge(method: &str, grants: &[String], responses: &[String]) -> Result<(), OAuthError> {
    if !matches!(method, "none" | "client_secret_basic" | "client_secret_post") {
        return Err(metadata("'token_endpoint_auth_method' is client_secret_basic, client_secret_post or none."));
    }
    let known =
        |grant: &String| matches!(grant.as_str(), "authorization_code" | "refresh_token" | "client_credentials");
    if !grants.iter().all(known) || (method == "none" && grants.iter().any(|g| g == "client_credentials")) {
        return Err(metadata(
            "'grant_types' are authorization_code, refresh_token and, with a secret, client_credentials.",
        ));
    }
    if responses.iter().any(|response| response != "code") {
        return Err(metadata("'response_types' is code."));
    }
    Ok(())
}

/// Rule 2.
fn redirect_uris(uris: &[String], grants: &[String]) -> Result<Vec<Url>, OAuthError> {
    let refuse = |message: String| OAuthError::new("invalid_redirect_uri", message);
    if uris.len() > MOST || (uris.is_empty() && grants.iter().any(|grant| grant == "authorization_code")) {
        return Err(refuse(format!("There are 1 to {MOST} redirect URIs.")));
    }
    let fits = |url: &Url| {
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url.fragment().is_none()
            && url.username().is_empty()
            && match url.scheme() {
                "https" => true,
                "http" => local,
                own => own.contains('.') || matches!(own, "vscode" | "cursor"),
            }
    };
    let parse = |uri: &String| {
        Url::parse(uri).ok().filter(fits).ok_or_else(|| refuse(format!("'{uri}' is not accepted as a redirect URI.")))
    };
    uris.iter().map(parse).collect()
}

fn client(id: &str, name: &str, secret: Option<&str>, redirect_uris: Vec<Url>) -> Application {
    Application {
        id: id.to_owned(),
        name: name.to_owned(),
        secrets: secret.map(|secret| vec![SecretString::from(secret)]),
        redirect_uris,
        identifier_uris: Vec::new(),
        scopes: Vec::new(),
        v2_access_tokens: true,
        groups_in_tokens: false,
        idtyp: false,
        roles: BTreeMap::new(),
        certificates: Vec::new(),
        federated: Vec::new(),
        object_id: String::new(),
        groups: Vec::new(),
        graph_permissions: Vec::new(),
        consent_missing: Vec::new(),
        mfa: Mfa::Only(HashSet::new()),
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|member| member.as_str().map(str::to_owned)).collect()
}

fn metadata(message: impl Into<String>) -> OAuthError {
    OAuthError::new("invalid_client_metadata", message)
}
