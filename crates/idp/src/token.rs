//! The token endpoint.
//!
//! 1. A POST with a form (AADSTS900561, 9002313), in which nothing comes twice (9000411).
//! 2. The client is registered (700016) and proves itself: a confidential one with its secret, by form or by Basic
//!    (7000218, 7000215); a public one not at all (700025).
//! 3. The grant is one that works here (70003): `authorization_code` ([`crate::codes`]) or `refresh_token`
//!    ([`crate::refresh`]).
//! 4. Scopes given again replace those of the sign-in, within rule 4 of [`crate::authorize`].
//! 5. An ID token comes with `openid`, a refresh token with `offline_access`.

use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::UnixTime;
use http::{Method, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::claims::{self, Issue, Version};
use crate::client::authenticate;
use crate::directory::Application;
use crate::errors::{self, AuthError};
use crate::faults::FaultKind;
use crate::params::Params;
use crate::refresh::Grant;
use crate::reply;
use crate::tenant::{Call, Tenant};

/// `/{tenant}/oauth2/[v2.0/]token`
pub(crate) fn token(tenant: &Tenant, call: &Call<'_>, version: Version) -> Response<Bytes> {
    for fault in &call.faults {
        if let FaultKind::TokenError { error } = fault {
            return made_up_error(call, error);
        }
    }
    match exchange(tenant, call, version) {
        Ok(body) => reply::json(StatusCode::OK, &body),
        Err(error) => {
            let mut response = tenant.refuse(call, error);
            if response.status() == StatusCode::UNAUTHORIZED {
                let challenge = header::HeaderValue::from_static("Basic realm=\"token endpoint\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

fn exchange(tenant: &Tenant, call: &Call<'_>, version: Version) -> Result<Value, AuthError> {
    if call.parts.method != Method::POST {
        return Err(errors::NOT_A_POST.because("The endpoint only accepts POST requests."));
    }
    let params = Params::of(call.parts, call.body)?;
    params.refuse_duplicates()?;
    let grant_type = params.require("grant_type")?;
    let client = authenticate(tenant, call, &params)?;
    match grant_type {
        "authorization_code" => {
            tenant.state.counts().code_grants += 1;
            code_grant(tenant, call, &params, &client, version)
        }
        "refresh_token" => {
            tenant.state.counts().refresh_grants += 1;
            refresh_grant(tenant, call, &params, &client, version)
        }
        _ => Err(errors::GRANT_UNSUPPORTED.because("The app requested an unsupported grant type.")),
    }
}

fn code_grant(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Application,
    version: Version,
) -> Result<Value, AuthError> {
    let text = params.require("code")?;
    // Before the code is redeemed: a scope that does not exist does not cost it.
    let again = params.get("scope").is_some() || (version == Version::V1 && params.get("resource").is_some());
    let asked = again.then(|| tenant.granted(params, version)).transpose()?;
    let verifier = params.get("code_verifier");
    // Held until the family is noted down, so that a replay always finds what it has to revoke.
    let mut codes = tenant.state.codes();
    let redeemed = codes.redeem(text, &client.id, params.get("redirect_uri"), verifier, call.now);
    let code = match redeemed {
        Ok(code) => code,
        Err((error, family)) => {
            if let Some(family) = family {
                tenant.state.refresh_tokens().revoke(&family);
            }
            return Err(error);
        }
    };
    let granted = asked.map_or(code.granted.clone(), |asked| asked.with_sign_in_of(&code.granted));
    let grant =
        Grant { client_id: client.id.clone(), user: code.user, granted, endpoint: version, session: code.session };
    let mut refresh_token = None;
    if grant.granted.offline_access {
        let mut tokens = tenant.state.refresh_tokens();
        let family = tokens.begin(grant.clone());
        refresh_token = Some(tokens.issue(&family, call.now));
        codes.gave(text, &family);
    }
    drop(codes);
    respond(tenant, call, params, client, &grant, code.nonce.as_deref(), refresh_token)
}

fn refresh_grant(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Application,
    version: Version,
) -> Result<Value, AuthError> {
    let text = params.require("refresh_token")?;
    let other = (params.get("scope").is_some() || params.get("resource").is_some())
        .then(|| tenant.granted(params, version))
        .transpose()?;
    let withhold = call.faults.contains(&FaultKind::WithholdRotation);
    let (mut grant, successor) = tenant.state.refresh_tokens().redeem(text, &client.id, withhold, call.now)?;
    if let Some(other) = other {
        grant.granted = other;
    }
    grant.endpoint = version;
    respond(tenant, call, params, client, &grant, None, successor)
}

/// Rule 5.
fn respond(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Application,
    grant: &Grant,
    nonce: Option<&str>,
    refresh_token: Option<String>,
) -> Result<Value, AuthError> {
    let issue = Issue {
        user: &grant.user,
        client,
        granted: &grant.granted,
        endpoint: grant.endpoint,
        session: &grant.session,
        nonce,
        now: skewed(call),
    };
    let lifetime = tenant.settings.access_token_lifetime.as_secs();
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    put("token_type", json!("Bearer"));
    put("scope", json!(grant.granted.response_scope()));
    match grant.endpoint {
        Version::V2 => {
            put("expires_in", json!(lifetime));
            put("ext_expires_in", json!(lifetime));
        }
        // As text: so does the original.
        Version::V1 => {
            put("expires_in", json!(lifetime.to_string()));
            put("ext_expires_in", json!(lifetime.to_string()));
            put("expires_on", json!((call.now + tenant.settings.access_token_lifetime).as_secs().to_string()));
            put("not_before", json!(call.now.as_secs().to_string()));
            put("resource", json!(grant.granted.audience));
        }
    }
    put("access_token", json!(sign(tenant, call, claims::access_token(tenant, &issue))?));
    if grant.granted.openid {
        put("id_token", json!(sign(tenant, call, claims::id_token(tenant, &issue))?));
    }
    if let Some(refresh_token) = refresh_token {
        put("refresh_token", json!(refresh_token));
    }
    if params.get("client_info") == Some("1") {
        put("client_info", json!(tenant.client_info(&grant.user)));
    }
    Ok(Value::Object(body))
}

fn sign(tenant: &Tenant, call: &Call<'_>, mut claims: Value) -> Result<String, AuthError> {
    if call.faults.contains(&FaultKind::WrongIssuerInTokens) {
        claims["iss"] = json!(format!("{}/00000000-0000-4000-8000-00000000bad1/v2.0", tenant.settings.base));
    }
    tenant.sign(&claims).map_err(|e| errors::INTERNAL.because(e))
}

impl Tenant {
    /// Signs with the present key, outside any lock: it takes a millisecond.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, String> {
        let key = self.state.keys().signing();
        key.sign(claims).map_err(|e| e.to_string())
    }
}

/// The present by the clock that tokens are issued by.
fn skewed(call: &Call<'_>) -> UnixTime {
    call.faults.iter().fold(call.now, |now, fault| match fault {
        FaultKind::ClockSkew { seconds } if *seconds >= 0 => now + Duration::from_secs(seconds.unsigned_abs()),
        FaultKind::ClockSkew { seconds } => now - Duration::from_secs(seconds.unsigned_abs()),
        _ => now,
    })
}

/// An error that a fault asked for, with the number that goes best with it.
fn made_up_error(call: &Call<'_>, error: &str) -> Response<Bytes> {
    let (kind, status) = match error {
        "invalid_grant" => (errors::GRANT_REVOKED, StatusCode::BAD_REQUEST),
        "invalid_client" => (errors::SECRET_WRONG, StatusCode::UNAUTHORIZED),
        "server_error" => (errors::INTERNAL, StatusCode::INTERNAL_SERVER_ERROR),
        "temporarily_unavailable" => (errors::INTERNAL, StatusCode::SERVICE_UNAVAILABLE),
        _ => (errors::MALFORMED, StatusCode::BAD_REQUEST),
    };
    let mut body = kind.because("A fault was asked for.").to_json(&call.trace);
    body["error"] = json!(error);
    reply::json(status, &body)
}
