//! A browser and a client in one, for whole flows through `handle`.
#![allow(dead_code, reason = "each test file uses another part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use bytes::Bytes;
use gangplank_idp::{Reply, Tenant, TenantConfig, WEB_APP_ID};
use gangplank_jose::{Algorithm, Claims, KeySet, Leeway, Purpose, Rules, UnixTime, Unverified};
use http::{Request, Response, header};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::{Url, form_urlencoded};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_795_305_600);
pub(crate) const BASE: &str = "http://127.0.0.1:4181";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:4180/oauth2/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) fn after(seconds: u64) -> UnixTime {
    NOW + Duration::from_secs(seconds)
}

pub(crate) fn tenant() -> Tenant {
    tenant_with(|_| {})
}

pub(crate) fn tenant_with(change: impl FnOnce(&mut TenantConfig)) -> Tenant {
    let mut config = TenantConfig::built_in();
    change(&mut config);
    Tenant::new(config, Url::parse(BASE).unwrap()).unwrap()
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) fn authorize_url(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("client_id", WEB_APP_ID),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid profile email offline_access"),
        ("state", "st<a>te"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        fields.retain(|(n, _)| n != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    format!("{BASE}/{}/oauth2/v2.0/authorize?{}", gangplank_idp::TENANT_ID, form(&fields))
}

pub(crate) fn get(tenant: &Tenant, url: &str, headers: &[(&str, &str)], now: UnixTime) -> Reply {
    let mut request = Request::get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    tenant.handle(request.body(Bytes::new()).unwrap(), now)
}

pub(crate) fn post(
    tenant: &Tenant,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
    now: UnixTime,
) -> Response<Bytes> {
    let mut request = Request::post(format!("{BASE}{path}"));
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    tenant.handle(request.body(Bytes::from(body)).unwrap(), now).response
}

pub(crate) fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

pub(crate) fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

pub(crate) fn location(response: &Response<Bytes>) -> Url {
    Url::parse(response.headers()[header::LOCATION].to_str().unwrap()).unwrap()
}

pub(crate) fn param(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

pub(crate) fn secret(tenant: &Tenant) -> String {
    tenant.client_secret(WEB_APP_ID).unwrap().expose_secret().to_owned()
}

/// Signs in and gives the code.
pub(crate) fn code(tenant: &Tenant, user: &str, changes: &[(&str, &str)]) -> String {
    let callback = tenant.drive_sign_in(&authorize_url(changes), user, NOW).unwrap();
    param(&Url::parse(&callback).unwrap(), "code")
}

/// Calls the token endpoint as the web application, with changes.
pub(crate) fn token(tenant: &Tenant, fields: &[(&str, &str)], now: UnixTime) -> Response<Bytes> {
    let secret = secret(tenant);
    let mut all = vec![("client_id", WEB_APP_ID), ("client_secret", secret.as_str())];
    for (name, value) in fields {
        all.retain(|(n, _)| n != name);
        if !value.is_empty() {
            all.push((name, value));
        }
    }
    post(tenant, &format!("/{}/oauth2/v2.0/token", gangplank_idp::TENANT_ID), &[], form(&all), now)
}

pub(crate) fn redeem(tenant: &Tenant, code: &str) -> Response<Bytes> {
    redeem_with(tenant, code, &[], NOW)
}

pub(crate) fn redeem_with(tenant: &Tenant, code: &str, changes: &[(&str, &str)], now: UnixTime) -> Response<Bytes> {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    fields.extend_from_slice(changes);
    token(tenant, &fields, now)
}

pub(crate) fn refresh(
    tenant: &Tenant,
    refresh_token: &str,
    changes: &[(&str, &str)],
    now: UnixTime,
) -> Response<Bytes> {
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    fields.extend_from_slice(changes);
    token(tenant, &fields, now)
}

pub(crate) fn key_set(tenant: &Tenant) -> KeySet {
    let url = format!("{BASE}/{}/discovery/v2.0/keys", gangplank_idp::TENANT_ID);
    KeySet::parse(get(tenant, &url, &[], NOW).response.body()).unwrap()
}

pub(crate) fn verify(
    tenant: &Tenant,
    token: &str,
    issuer: String,
    audience: &str,
    purpose: Purpose,
    now: UnixTime,
) -> Result<Claims, String> {
    let rules = Rules {
        issuers: vec![issuer],
        audiences: vec![audience.to_owned()],
        algorithms: vec![Algorithm::RS256],
        purpose,
        leeway: Leeway::NONE,
    };
    let parsed = Unverified::parse(token).map_err(|e| format!("{e:?}"))?;
    let verified = parsed.verify(&key_set(tenant), &rules, now);
    verified.map(|v| v.into_inner()).map_err(|e| format!("{e:?}"))
}
