//! The authorization endpoint and its sign-in page: the same people and the same page as at the other face.
//!
//! 1. No parameter comes twice, but `resource`.
//! 2. The client is known, and the redirect URI is one of its own. Until here a failure is a page, from here on it goes back
//!    to the client, with `iss` (RFC 9207), as success does.
//! 3. `response_type` is `code`, `response_mode` is query.
//! 4. A challenge is there, whoever the client is: S256 and well-formed.
//! 5. Scopes and resources are there ([`super::granted`]).
//! 6. `prompt=none` needs a session (`login_required`). A session goes straight through, unless another prompt is asked for,
//!    another user hinted at, or the client registered itself: then the page asks (`consent_required`), as nobody else has
//!    vouched for where the code goes.
//! 7. The page's form carries the request along, and is judged by the same rules again.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use url::Url;

use super::clients::Clients;
use super::error::OAuthError;
use super::granted::Granted;
use crate::authorize::s256_challenge;
use crate::client::Registry;
use crate::codes::Code;
use crate::directory::Application;
use crate::pages::SignIn;
use crate::params::Params;
use crate::reply;
use crate::sessions::{Session, session_cookies};
use crate::tenant::{Call, Tenant};

/// Where the answer goes, known before anything else is.
struct Target {
    client: Arc<Application>,
    /// As sent: the token endpoint compares it so.
    redirect_uri: String,
    url: Url,
    state: Option<String>,
}

/// A request that passed rules 3 to 5.
struct Authorization {
    granted: Granted,
    challenge: String,
    nonce: Option<String>,
}

/// `/standard/authorize`
pub(super) fn authorize(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    if !matches!(call.parts.method, Method::GET | Method::POST) {
        return page(tenant, &OAuthError::new("invalid_request", "This endpoint takes GET and POST."));
    }
    let params = match Params::of(call.parts, call.body) {
        Ok(params) => params,
        Err(error) => return page(tenant, &error.into()),
    };
    let target = match Target::of(tenant, &params) {
        Ok(target) => target,
        Err(error) => return page(tenant, &error),
    };
    let authorization = match Authorization::of(tenant, &params) {
        Ok(authorization) => authorization,
        Err(error) => return target.fail(tenant, &error),
    };
    let session = tenant.state.sessions().of(&call.parts.headers, call.now);
    let hinted = params.get("login_hint").and_then(|hint| tenant.directory.user(hint));
    let fits = |session: &Session| hinted.is_none_or(|user| user.id == session.user.id);
    let alone = Clients(tenant).is_self_registered(&target.client.id);
    match (params.get("prompt"), session) {
        (None | Some("none"), Some(session)) if fits(&session) && !alone => {
            target.succeed(tenant, call, authorization, &session, Vec::new())
        }
        (Some("none"), Some(session)) if fits(&session) => {
            target.fail(tenant, &OAuthError::new("consent_required", "This client asks each time."))
        }
        (Some("none"), _) => target.fail(tenant, &OAuthError::new("login_required", "Nobody is signed in.")),
        (_, session) => sign_in_page(tenant, &params, &target, session.as_ref()),
    }
}

/// `/standard/login`: rule 7.
pub(super) fn login(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    if call.parts.method != Method::POST || call.comes_from_elsewhere(tenant) {
        return page(tenant, &OAuthError::new("invalid_request", "The form must be sent from the sign-in page."));
    }
    let checked = (|| {
        let form = Params::of(call.parts, call.body)?;
        form.refuse_duplicates()?;
        let params = Params::parse(form.require("request")?.as_bytes());
        let target = Target::of(tenant, &params)?;
        Ok::<_, OAuthError>((form, params, target))
    })();
    let (form, params, target) = match checked {
        Ok(checked) => checked,
        Err(error) => return page(tenant, &error),
    };
    let authorization = match Authorization::of(tenant, &params) {
        Ok(authorization) => authorization,
        Err(error) => return target.fail(tenant, &error),
    };
    if form.get("cancel").is_some() {
        return target.fail(tenant, &OAuthError::new("access_denied", "The person declined."));
    }
    let Some(user) = form.get("username").and_then(|name| tenant.directory.user(name)) else {
        return page(tenant, &OAuthError::new("access_denied", "There is no such user."));
    };
    let (value, session) = tenant.state.sessions().begin(&call.parts.headers, user, call.now);
    let cookies = session_cookies(tenant, &value, "");
    target.succeed(tenant, call, authorization, &session, cookies)
}

impl Target {
    /// Rules 1 and 2.
    fn of(tenant: &Tenant, params: &Params) -> Result<Target, OAuthError> {
        params.refuse_duplicates_but(&["resource"])?;
        let client = Clients(tenant).client(params.require("client_id")?)?;
        let redirect_uri = params.require("redirect_uri")?.to_owned();
        let unknown = || OAuthError::new("invalid_request", "The redirect URI is not one of the client's.");
        let url = client.redirect_to(&redirect_uri).ok_or_else(unknown)?;
        Ok(Target { client, redirect_uri, url, state: params.get("state").map(str::to_owned) })
    }

    fn succeed(
        &self,
        tenant: &Tenant,
        call: &Call<'_>,
        authorization: Authorization,
        session: &Session,
        cookies: Vec<String>,
    ) -> Response<Bytes> {
        let code = tenant.standard.codes().issue(Code {
            client_id: self.client.id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            challenge: Some(authorization.challenge),
            nonce: authorization.nonce,
            user: Arc::clone(&session.user),
            granted: authorization.granted,
            session: session.sid.clone(),
            mfa: false,
            issued: call.now,
        });
        self.send(tenant, &[("code", &code)], cookies)
    }

    fn fail(&self, tenant: &Tenant, error: &OAuthError) -> Response<Bytes> {
        self.send(tenant, &[("error", error.error), ("error_description", &error.message)], Vec::new())
    }

    fn send(&self, tenant: &Tenant, fields: &[(&str, &str)], cookies: Vec<String>) -> Response<Bytes> {
        let mut url = self.url.clone();
        let state = self.state.as_deref().map(|state| ("state", state));
        let issuer = tenant.standard_issuer();
        url.query_pairs_mut().extend_pairs(fields).extend_pairs(state).append_pair("iss", &issuer);
        reply::redirect(url.as_str(), cookies)
    }
}

impl Authorization {
    /// Rules 3 to 5.
    fn of(tenant: &Tenant, params: &Params) -> Result<Authorization, OAuthError> {
        if params.require("response_type")? != "code" {
            return Err(OAuthError::new("unsupported_response_type", "Only 'code' is supported."));
        }
        if !matches!(params.get("response_mode"), None | Some("query")) {
            return Err(OAuthError::new("invalid_request", "Only the response_mode 'query' is supported."));
        }
        let missing = || OAuthError::new("invalid_request", "A code_challenge is required (PKCE, S256).");
        Ok(Authorization {
            challenge: s256_challenge(params)?.ok_or_else(missing)?,
            granted: Granted::of(params, &tenant.standard.policy, &tenant.directory)?,
            nonce: params.get("nonce").map(str::to_owned),
        })
    }
}

fn sign_in_page(tenant: &Tenant, params: &Params, target: &Target, session: Option<&Session>) -> Response<Bytes> {
    let page = SignIn {
        tenant: &tenant.settings.name,
        application: &target.client.name,
        scopes: params.get("scope").unwrap_or("nothing in particular"),
        action: &format!("/{}/login", super::NAME),
        request: &params.encoded(),
        choices: tenant.choices(params.get("login_hint"), session),
    };
    reply::page(StatusCode::OK, &page, Some(&target.url))
}

/// A failure that has nowhere safe to go.
fn page(tenant: &Tenant, error: &OAuthError) -> Response<Bytes> {
    let title = "Sorry, but we’re having trouble signing you in.";
    tenant.message(StatusCode::BAD_REQUEST, title, error.error, &error.message)
}
