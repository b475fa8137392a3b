//! The token endpoint.
//!
//! 1. A POST with a form (AADSTS900561, 9002313), in which nothing comes twice (9000411).
//! 2. The client proves itself ([`crate::client`]).
//! 3. The grant is one that works here (70003): `authorization_code` ([`crate::codes`]), `refresh_token`
//!    ([`crate::refresh`]), `client_credentials` ([`crate::app_only`]), JWT bearer ([`crate::on_behalf_of`]), device code
//!    ([`crate::device`]), `password` ([`crate::password`]).
//! 4. Scopes given again replace those of the sign-in, within rule 4 of [`crate::authorize`]; a `resource` alone has to be
//!    the one that the sign-in was for, as MCP clients name theirs here once more (9010010). For a refresh, consent is not
//!    missing (65001), and a second factor that is demanded was brought (50076).
//! 5. An ID token comes with `openid`, a refresh token with `offline_access`.

use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::UnixTime;
use http::{Method, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::claims::{self, Issue, Subject, Version};
use crate::client::{Client, authenticate};
use crate::errors::{self, AuthError};
use crate::faults::{self, FaultKind};
use crate::params::Params;
use crate::refresh::Grant;
use crate::reply;
use crate::scopes::Granted;
use crate::tenant::{Call, Tenant};
use crate::{app_only, device, on_behalf_of, password, step_up};

/// `/{tenant}/oauth2/[v2.0/]token`
pub(crate) fn token(tenant: &Tenant, call: &Call<'_>, version: Version) -> Response<Bytes> {
    for fault in &call.faults {
        if let FaultKind::TokenError { error } = fault {
            return made_up_error(call, error);
        }
    }
    if call.faults.contains(&FaultKind::StepUp) {
        return tenant.refuse(call, step_up::challenge("the resource"));
    }
    match exchange(tenant, call, version) {
        Ok(body) => reply::json(StatusCode::OK, &disturbed(call, body)),
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

/// With what faults make of it.
pub(crate) fn disturbed(call: &Call<'_>, mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        faults::disturb(&call.faults, members);
    }
    body
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
        "client_credentials" => {
            tenant.state.counts().client_credentials_grants += 1;
            app_only::grant(tenant, call, &params, &client, version)
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            tenant.state.counts().on_behalf_of_grants += 1;
            on_behalf_of::grant(tenant, call, &params, &client, version)
        }
        // The second is what MSAL for Node says.
        "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => {
            tenant.state.counts().device_code_grants += 1;
            device::grant(tenant, call, &params, &client, version)
        }
        "password" => {
            tenant.state.counts().password_grants += 1;
            password::grant(tenant, call, &params, &client, version)
        }
        _ => Err(errors::GRANT_UNSUPPORTED.because("The app requested an unsupported grant type.")),
    }
}

fn code_grant(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Client,
    version: Version,
) -> Result<Value, AuthError> {
    let text = params.require("code")?;
    // Before the code is redeemed: a scope that does not exist does not cost it.
    let again = params.get("scope").is_some() || (version == Version::V1 && params.get("resource").is_some());
    let asked = again.then(|| tenant.granted_to(&client.application, params, version)).transpose()?;
    let verifier = params.get("code_verifier");
    // Held until the family is noted down, so that a replay always finds what it has to revoke.
    let mut codes = tenant.state.codes();
    let redeemed = codes.redeem(text, &client.application.id, params.get("redirect_uri"), verifier, call.now);
    let code = match redeemed {
        Ok(code) => code,
        Err((error, family)) => {
            if let Some(family) = family {
                tenant.state.refresh_tokens().revoke(&family);
            }
            return Err(error);
        }
    };
    if let (Version::V2, Some(resource)) = (version, params.get("resource")) {
        asked.as_ref().unwrap_or(&code.granted).is_for(resource)?;
    }
    let granted = asked.map_or(code.granted.clone(), |asked| asked.with_sign_in_of(&code.granted));
    let grant = Grant {
        client_id: client.application.id.clone(),
        user: code.user,
        granted,
        endpoint: version,
        session: code.session,
        mfa: code.mfa,
    };
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
    client: &Client,
    version: Version,
) -> Result<Value, AuthError> {
    let text = params.require("refresh_token")?;
    let again = params.get("scope").is_some() || (version == Version::V1 && params.get("resource").is_some());
    let other = again.then(|| tenant.granted_to(&client.application, params, version)).transpose()?;
    // Before the token is redeemed: a refusal that the client can do something about does not cost it.
    if let Some(grant) = tenant.state.refresh_tokens().peek(text, &client.application.id) {
        let granted = other.as_ref().unwrap_or(&grant.granted);
        if let (Version::V2, Some(resource)) = (version, params.get("resource")) {
            granted.is_for(resource)?;
        }
        tenant.check_consent(&client.application, granted)?;
        step_up::require(granted, &grant.user, grant.mfa)?;
    }
    let withhold = call.faults.contains(&FaultKind::WithholdRotation);
    let (mut grant, successor) =
        tenant.state.refresh_tokens().redeem(text, &client.application.id, withhold, call.now)?;
    if let Some(other) = other {
        grant.granted = other;
    }
    grant.endpoint = version;
    respond(tenant, call, params, client, &grant, None, successor)
}

/// The first refresh token of a grant, if it asked for one.
pub(crate) fn begin_family(tenant: &Tenant, call: &Call<'_>, grant: &Grant) -> Option<String> {
    grant.granted.offline_access.then(|| {
        let mut tokens = tenant.state.refresh_tokens();
        let family = tokens.begin(grant.clone());
        tokens.issue(&family, call.now)
    })
}

/// Rule 5.
pub(crate) fn respond(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Client,
    grant: &Grant,
    nonce: Option<&str>,
    refresh_token: Option<String>,
) -> Result<Value, AuthError> {
    let issue = Issue {
        subject: Subject::User(&grant.user),
        client: &client.application,
        proof: client.proof,
        granted: &grant.granted,
        endpoint: grant.endpoint,
        session: &grant.session,
        nonce,
        mfa: grant.mfa,
        now: skewed(call),
    };
    let mut body = Map::new();
    lifetimes(tenant, call, &grant.granted, grant.endpoint, &mut body);
    let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    put("scope", json!(grant.granted.response_scope()));
    put("access_token", json!(sign_access(tenant, call, claims::access_token(tenant, &issue))?));
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

/// What every answer with an access token says of it.
pub(crate) fn lifetimes(
    tenant: &Tenant,
    call: &Call<'_>,
    granted: &Granted,
    endpoint: Version,
    body: &mut Map<String, Value>,
) {
    let lifetime = tenant.settings.access_token_lifetime.as_secs();
    let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    put("token_type", json!("Bearer"));
    match endpoint {
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
            put("resource", json!(granted.audience));
        }
    }
}

/// An access token, which a fault can make out to somebody else.
pub(crate) fn sign_access(tenant: &Tenant, call: &Call<'_>, mut claims: Value) -> Result<String, AuthError> {
    if call.faults.contains(&FaultKind::WrongAudience) {
        claims["aud"] = json!("https://elsewhere.invalid/");
    }
    sign(tenant, call, claims)
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
        key.sign("JWT", claims).map_err(|e| e.to_string())
    }
}

/// The present by the clock that tokens are issued by.
pub(crate) fn skewed(call: &Call<'_>) -> UnixTime {
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
