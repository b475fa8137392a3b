//! `/oauth2/userinfo`: who the gate takes the caller for. The names of the members are oauth2-proxy's.

use gangplank_authn::Authenticated;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response};
use serde::Serialize;

use crate::{Body, Refusal};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserInfo<'i> {
    user: &'i str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'i str>,
    groups: &'i [&'i str],
    preferred_username: &'i str,
    issuer: &'i str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

/// The answer for a caller. `groups` are those that some rule names.
pub(crate) fn answer(caller: &Authenticated, groups: &[&str]) -> Result<Response<Body>, Refusal> {
    let identity = caller.identity();
    let info = UserInfo {
        user: &identity.username,
        email: identity.email.as_deref(),
        groups,
        preferred_username: &identity.username,
        issuer: &identity.issuer_url,
        expires: caller.expires().map(|e| e.to_string()),
    };
    let json = serde_json::to_vec(&info).map_err(|_| Refusal::Defect("userinfo is not JSON"))?;
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
