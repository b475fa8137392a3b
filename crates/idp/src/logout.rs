//! The end-session endpoint.
//!
//! 1. The browser's session with the tenant ends. Refresh tokens stay good, as in Entra.
//! 2. A `post_logout_redirect_uri` is followed if it lies on the origin of a registered redirect URI: of the client
//!    that is named, or of any if none is. Otherwise there is a page.

use bytes::Bytes;
use http::{Response, StatusCode};
use url::Url;

use crate::params::Params;
use crate::reply;
use crate::sessions::session_cookies;
use crate::tenant::{Call, Tenant};

/// `/{tenant}/oauth2/[v2.0/]logout`
pub(crate) fn logout(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    let params = match Params::of(call.parts, call.body).and_then(|p| p.refuse_duplicates().map(|()| p)) {
        Ok(params) => params,
        Err(error) => return tenant.error_page(call, &error),
    };
    tenant.state.sessions().end(&call.parts.headers);
    let cookies = session_cookies(tenant, "", "; Max-Age=0");
    let response = match return_url(tenant, &params) {
        Some(url) => return reply::redirect(url.as_str(), cookies),
        None => {
            let text = "You signed out of your account. It’s a good idea to close all browser windows.";
            tenant.message(StatusCode::OK, "Signed out", text, "")
        }
    };
    with_cookies(response, &cookies)
}

/// Rule 2.
fn return_url(tenant: &Tenant, params: &Params) -> Option<Url> {
    let mut url = Url::parse(params.get("post_logout_redirect_uri")?).ok()?;
    let named = params.get("client_id");
    let clients = tenant.directory.applications.iter().filter(|a| named.is_none_or(|id| a.id == id));
    if !clients.into_iter().any(|client| client.may_return_to(&url)) {
        return None;
    }
    if let Some(state) = params.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Some(url)
}

fn with_cookies(mut response: Response<Bytes>, cookies: &[String]) -> Response<Bytes> {
    for cookie in cookies.iter().filter_map(|c| c.parse().ok()) {
        response.headers_mut().append(http::header::SET_COOKIE, cookie);
    }
    response
}
