//! The token endpoint.
//!
//! 1. A POST with a form, in which nothing comes twice but `resource` and `audience`.
//! 2. The client proves itself ([`crate::client`]).
//! 3. The grant is one that works here: `authorization_code`, `refresh_token`, `client_credentials`, `password`, token
//!    exchange ([`super::exchange`]).
//! 4. Refresh tokens come with `offline_access` and rotate; a public client has client credentials as little as an exchange
//!    (`unauthorized_client`).

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::claims::{self, Issue, Subject};
use super::clients::Clients;
use super::error::OAuthError;
use super::exchange;
use super::granted::Granted;
use crate::claims::Version;
use crate::client::{Client, authenticate};
use crate::faults::FaultKind;
use crate::params::Params;
use crate::refresh::Grant;
use crate::tenant::{Call, Tenant};
use crate::{guid, password, reply, step_up, token};

/// `/standard/token`
pub(super) fn token(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    for fault in &call.faults {
        if let FaultKind::TokenError { error } = fault {
            return made_up_error(error);
        }
    }
    if call.faults.contains(&FaultKind::StepUp) {
        return OAuthError::from(step_up::challenge("the resource")).response();
    }
    match grant(tenant, call) {
        Ok(body) => reply::json(StatusCode::OK, &token::disturbed(call, body)),
        Err(error) => error.response(),
    }
}

fn grant(tenant: &Tenant, call: &Call<'_>) -> Result<Value, OAuthError> {
    if call.parts.method != Method::POST {
        return Err(OAuthError::new("invalid_request", "This endpoint takes POST."));
    }
    let params = Params::of(call.parts, call.body)?;
    params.refuse_duplicates_but(&["resource", "audience"])?;
    let grant_type = params.require("grant_type")?;
    let client = authenticate(&Clients(tenant), call, &params)?;
    match grant_type {
        "authorization_code" => {
            tenant.state.counts().code_grants += 1;
            code_grant(tenant, call, &params, &client)
        }
        "refresh_token" => {
            tenant.state.counts().refresh_grants += 1;
            refresh_grant(tenant, call, &params, &client)
        }
        "client_credentials" => {
            tenant.state.counts().client_credentials_grants += 1;
            client_credentials(tenant, call, &params, &client)
        }
        "password" => {
            tenant.state.counts().password_grants += 1;
            let user = Arc::clone(password::who(tenant, &params)?);
            let granted = Granted::of(&params, &tenant.standard.policy, &tenant.directory)?;
            let grant = begin(&client, user, granted, guid::random());
            let refresh_token = begin_family(tenant, call, &grant);
            respond(tenant, call, &client, &grant, None, refresh_token)
        }
        exchange::GRANT_TYPE => {
            tenant.state.counts().token_exchange_grants += 1;
            exchange::grant(tenant, call, &params, &client)
        }
        _ => Err(OAuthError::new("unsupported_grant_type", "There is no such grant here.")),
    }
}

fn code_grant(tenant: &Tenant, call: &Call<'_>, params: &Params, client: &Client) -> Result<Value, OAuthError> {
    let text = params.require("code")?;
    let redirect_uri = params.get("redirect_uri");
    // Held until the family is noted down, so that a replay always finds what it has to revoke.
    let mut codes = tenant.standard.codes();
    let redeemed = codes.redeem(text, &client.application.id, redirect_uri, params.get("code_verifier"), call.now);
    let code = match redeemed {
        Ok(code) => code,
        Err((error, family)) => {
            if let Some(family) = family {
                tenant.standard.refresh_tokens().revoke(&family);
            }
            return Err(error.into());
        }
    };
    let granted = code.granted.narrowed(params, &tenant.standard.policy, &tenant.directory)?;
    let grant = begin(client, code.user, code.granted, code.session);
    let refresh_token = begin_family(tenant, call, &grant);
    if let Some((_, family)) = &refresh_token {
        codes.gave(text, family);
    }
    drop(codes);
    respond(tenant, call, client, &Grant { granted, ..grant }, code.nonce.as_deref(), refresh_token)
}

fn refresh_grant(tenant: &Tenant, call: &Call<'_>, params: &Params, client: &Client) -> Result<Value, OAuthError> {
    let text = params.require("refresh_token")?;
    // Before the token is redeemed: a refusal that the client can do something about does not cost it.
    let known = tenant.standard.refresh_tokens().peek(text, &client.application.id).map(|g| g.granted.clone());
    let narrowed = known.map(|granted| granted.narrowed(params, &tenant.standard.policy, &tenant.directory));
    let narrowed = narrowed.transpose()?;
    let withhold = call.faults.contains(&FaultKind::WithholdRotation);
    let (mut grant, successor) =
        tenant.standard.refresh_tokens().redeem(text, &client.application.id, withhold, call.now)?;
    if let Some(narrowed) = narrowed {
        grant.granted = narrowed;
    }
    respond(tenant, call, client, &grant, None, successor.map(|token| (token, String::new())))
}

fn client_credentials(tenant: &Tenant, call: &Call<'_>, params: &Params, client: &Client) -> Result<Value, OAuthError> {
    confidential(client)?;
    let granted = Granted::of(params, &tenant.standard.policy, &tenant.directory)?;
    let subject = Subject::Client(&client.application);
    let issue =
        Issue { subject, client: &client.application, granted: &granted, session: "", now: token::skewed(call) };
    let mut body = Map::new();
    let access_token = sign_access(tenant, call, claims::access_token(tenant, &issue))?;
    lifetimes(tenant, &granted, access_token, &mut body);
    Ok(Value::Object(body))
}

/// Rule 4.
pub(super) fn confidential(client: &Client) -> Result<(), OAuthError> {
    let refused = |_| OAuthError::new("unauthorized_client", "A public client may not use this grant.");
    client.confidential().map_err(refused)
}

fn begin(client: &Client, user: Arc<crate::directory::User>, granted: Granted, session: String) -> Grant<Granted> {
    let client_id = client.application.id.clone();
    Grant { client_id, user, granted, endpoint: Version::V2, session, mfa: false }
}

/// The first refresh token of a grant and its family, if it asked for one.
fn begin_family(tenant: &Tenant, call: &Call<'_>, grant: &Grant<Granted>) -> Option<(String, String)> {
    grant.granted.has("offline_access").then(|| {
        let mut tokens = tenant.standard.refresh_tokens();
        let family = tokens.begin(grant.clone());
        (tokens.issue(&family, call.now), family)
    })
}

fn respond(
    tenant: &Tenant,
    call: &Call<'_>,
    client: &Client,
    grant: &Grant<Granted>,
    nonce: Option<&str>,
    refresh_token: Option<(String, String)>,
) -> Result<Value, OAuthError> {
    let issue = Issue {
        subject: Subject::User(&grant.user),
        client: &client.application,
        granted: &grant.granted,
        session: &grant.session,
        now: token::skewed(call),
    };
    let mut body = Map::new();
    let access_token = sign_access(tenant, call, claims::access_token(tenant, &issue))?;
    lifetimes(tenant, &grant.granted, access_token, &mut body);
    if grant.granted.has("openid") {
        let id_token = sign(tenant, call, "JWT", claims::id_token(tenant, &issue, nonce))?;
        body.insert("id_token".to_owned(), json!(id_token));
    }
    if let Some((refresh_token, _)) = refresh_token {
        body.insert("refresh_token".to_owned(), json!(refresh_token));
    }
    Ok(Value::Object(body))
}

/// What every answer with an access token says.
pub(super) fn lifetimes(tenant: &Tenant, granted: &Granted, access_token: String, body: &mut Map<String, Value>) {
    body.insert("access_token".to_owned(), json!(access_token));
    body.insert("token_type".to_owned(), json!("Bearer"));
    body.insert("expires_in".to_owned(), json!(tenant.settings.access_token_lifetime.as_secs()));
    body.insert("scope".to_owned(), json!(granted.scope()));
}

/// An access token, which a fault can make out to somebody else.
pub(super) fn sign_access(tenant: &Tenant, call: &Call<'_>, mut claims: Value) -> Result<String, OAuthError> {
    if call.faults.contains(&FaultKind::WrongAudience) {
        claims["aud"] = json!("https://elsewhere.invalid/");
    }
    sign(tenant, call, "at+jwt", claims)
}

fn sign(tenant: &Tenant, call: &Call<'_>, kind: &str, mut claims: Value) -> Result<String, OAuthError> {
    if call.faults.contains(&FaultKind::WrongIssuerInTokens) {
        claims["iss"] = json!(format!("{}-elsewhere", tenant.standard_issuer()));
    }
    tenant
        .sign_standard(kind, &claims)
        .map_err(|e| OAuthError { status: StatusCode::INTERNAL_SERVER_ERROR, ..OAuthError::new("server_error", e) })
}

/// An error that a fault asked for.
fn made_up_error(error: &str) -> Response<Bytes> {
    let status = match error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    reply::json(status, &json!({ "error": error, "error_description": "A fault was asked for." }))
}
