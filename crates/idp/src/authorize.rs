//! The authorization endpoint and its sign-in page.
//!
//! 1. No parameter comes twice (AADSTS9000411).
//! 2. The client is registered (700016), and the redirect URI is one of its own (50011). Until here a failure is a
//!    page, from here on it goes back to the client.
//! 3. `response_type` is `code` (70005); `response_mode` is query, fragment or form_post (70007).
//! 4. Scopes resolve ([`crate::scopes`]), and name the client itself by its id only (90009); a `resource` beside them is
//!    refused at the v2 endpoint (9010010).
//! 5. A challenge is S256 and well-formed (501491); a public client has one (9002325).
//! 6. A claims challenge in `claims` leads to the page ([`crate::step_up`]).
//! 7. `prompt=none` needs a session (50058) of the hinted user (16000). Without a prompt, a session goes straight
//!    through unless another user is hinted at. All else leads to the page.
//! 8. The page's form carries the request along, and is judged by the same rules again.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::json;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::claims::Version;
use crate::directory::{Application, User};
use crate::errors::{self, AuthError};
use crate::pages::{Choice, SignIn};
use crate::params::Params;
use crate::reply;
use crate::scopes::Granted;
use crate::sessions::{Session, session_cookies};
use crate::step_up;
use crate::target::Target;
use crate::tenant::{Call, Tenant};

/// A request that passed rules 1 to 6.
pub(crate) struct Authorization {
    pub(crate) granted: Granted,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    /// Whether a claims challenge is to be met.
    pub(crate) second_factor: bool,
    prompt: Prompt,
    login_hint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    Absent,
    None,
    /// login, select_account, consent: all of them show the page.
    Page,
}

/// `/{tenant}/oauth2/[v2.0/]authorize`
pub(crate) fn authorize(tenant: &Tenant, call: &Call<'_>, name: &str, version: Version) -> Response<Bytes> {
    if !matches!(call.parts.method, Method::GET | Method::POST) {
        return tenant
            .error_page(call, &errors::NOT_A_POST.because("The endpoint only accepts GET and POST requests."));
    }
    let params = match Params::of(call.parts, call.body) {
        Ok(params) => params,
        Err(error) => return tenant.error_page(call, &error),
    };
    let target = match Target::of(tenant, &params) {
        Ok(target) => target,
        Err(error) => return tenant.error_page(call, &error),
    };
    let authorization = match Authorization::of(tenant, &params, &target, version) {
        Ok(authorization) => authorization,
        Err(error) => return target.fail(tenant, call, &error),
    };
    let session = tenant.state.sessions().of(&call.parts.headers, call.now);
    let hinted = authorization.login_hint.as_deref().and_then(|hint| tenant.directory.user(hint));
    let fits = |session: &Session| hinted.is_none_or(|user| user.id == session.user.id);
    match (authorization.prompt, session) {
        (Prompt::None, Some(_)) if authorization.second_factor => {
            target.fail(tenant, call, &step_up::challenge(&authorization.granted.audience))
        }
        (Prompt::Absent | Prompt::None, Some(session)) if fits(&session) && !authorization.second_factor => {
            target.succeed(tenant, call, authorization, &session, Vec::new())
        }
        (Prompt::None, Some(_)) => {
            let message = "Either multiple user identities are available for the current request or selected account is not supported for the scenario.";
            target.fail(tenant, call, &errors::OTHER_USER_SIGNED_IN.because(message))
        }
        (Prompt::None, None) => {
            let message = "Session information is not sufficient for single-sign-on.";
            target.fail(tenant, call, &errors::SIGN_IN_REQUIRED.because(message))
        }
        (_, session) => sign_in_page(tenant, &params, &target, &authorization, name, version, session.as_ref()),
    }
}

/// `/{tenant}/oauth2/[v2.0/]login`: the page's form.
pub(crate) fn login(tenant: &Tenant, call: &Call<'_>, _name: &str, version: Version) -> Response<Bytes> {
    if call.parts.method != Method::POST || call.comes_from_elsewhere(tenant) {
        let message = "The sign-in form must be sent from the sign-in page.";
        return tenant.error_page(call, &errors::NOT_A_POST.because(message));
    }
    let checked = (|| {
        let form = Params::of(call.parts, call.body)?;
        form.refuse_duplicates()?;
        let params = Params::parse(form.require("request")?.as_bytes());
        let target = Target::of(tenant, &params)?;
        Ok((form, params, target))
    })();
    let (form, params, target) = match checked {
        Ok(checked) => checked,
        Err(error) => return tenant.error_page(call, &error),
    };
    let authorization = match Authorization::of(tenant, &params, &target, version) {
        Ok(authorization) => authorization,
        Err(error) => return target.fail(tenant, call, &error),
    };
    if form.get("cancel").is_some() {
        return target.fail(tenant, call, &errors::CANCELLED.because("User declined to consent to access the app."));
    }
    let picked = form.get("username").unwrap_or_default();
    let Some(user) = tenant.directory.user(picked) else {
        let message = format!("The user account {picked} does not exist in the {} directory.", tenant.settings.domain);
        return tenant.error_page(call, &errors::USER_UNKNOWN.because(message));
    };
    let (value, session) = tenant.state.sessions().begin(&call.parts.headers, user, call.now);
    let cookies = session_cookies(tenant, &value, "");
    target.succeed(tenant, call, authorization, &session, cookies)
}

impl Authorization {
    /// Rules 3 to 6.
    fn of(tenant: &Tenant, params: &Params, target: &Target, version: Version) -> Result<Self, AuthError> {
        if params.require("response_type")? != "code" {
            let message = "The response_type is not supported: only 'code' is.";
            return Err(errors::RESPONSE_TYPE_UNSUPPORTED.because(message));
        }
        if !matches!(params.get("response_mode"), None | Some("query" | "fragment" | "form_post")) {
            let message = "The provided value for the input parameter 'response_mode' is not supported.";
            return Err(errors::RESPONSE_MODE_UNSUPPORTED.because(message));
        }
        let prompt = match params.get("prompt") {
            None => Prompt::Absent,
            Some("none") => Prompt::None,
            Some("login" | "select_account" | "consent") => Prompt::Page,
            Some(other) => {
                return Err(errors::PROMPT_UNSUPPORTED.because(format!("Unsupported 'prompt' value '{other}'.")));
            }
        };
        Ok(Authorization {
            granted: tenant.granted_to(&target.client, params, version)?,
            challenge: challenge(params, target)?,
            nonce: params.get("nonce").map(str::to_owned),
            second_factor: step_up::is_brought(params)?,
            prompt,
            login_hint: params.get("login_hint").map(str::to_owned),
        })
    }
}

/// Rule 5.
fn challenge(params: &Params, target: &Target) -> Result<Option<String>, AuthError> {
    match (s256_challenge(params)?, &target.client.secrets) {
        (None, None) => {
            Err(errors::PKCE_REQUIRED.because("Proof Key for Code Exchange is required for public clients."))
        }
        (challenge, _) => Ok(challenge),
    }
}

/// A challenge, S256 and well-formed.
pub(crate) fn s256_challenge(params: &Params) -> Result<Option<String>, AuthError> {
    let Some(challenge) = params.get("code_challenge") else { return Ok(None) };
    // Without a method it would be `plain` (RFC 7636 §4.3), which shows the verifier to whoever sees the request.
    if params.get("code_challenge_method") != Some("S256") {
        return Err(errors::PKCE_MALFORMED.because("The code_challenge_method must be 'S256'."));
    }
    let well_formed = URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|hash| hash.len() == 32);
    if !well_formed {
        return Err(errors::PKCE_MALFORMED.because("Invalid size of Code_Challenge parameter."));
    }
    Ok(Some(challenge.to_owned()))
}

impl Tenant {
    /// A registered client.
    pub(crate) fn client(&self, id: &str) -> Result<Arc<Application>, AuthError> {
        self.directory.application(id).map(Arc::clone).ok_or_else(|| {
            errors::CLIENT_UNKNOWN.because(format!(
                "Application with identifier '{id}' was not found in the directory '{}'.",
                self.settings.name
            ))
        })
    }

    /// Rule 4. The v1 endpoint names a resource instead of scopes, and always signs in.
    pub(crate) fn granted(&self, params: &Params, version: Version) -> Result<Granted, AuthError> {
        let graph = self.graph_url();
        match (version, params.get("resource"), params.get("scope")) {
            (Version::V1, Some(resource), _) => {
                let text = format!("openid profile email offline_access {}/.default", resource.trim_end_matches('/'));
                Granted::resolve(&text, &self.directory, &graph)
            }
            (Version::V1, None, None) => {
                Granted::resolve("openid profile email offline_access", &self.directory, &graph)
            }
            (Version::V2, Some(resource), Some(scope)) => {
                let granted = Granted::resolve(scope, &self.directory, &graph)?;
                granted.is_for(resource)?;
                Ok(granted)
            }
            (_, _, Some(scope)) => Granted::resolve(scope, &self.directory, &graph),
            (_, _, None) => {
                let message = "The request body must contain the following parameter: 'scope'.";
                Err(errors::PARAMETER_MISSING.because(message))
            }
        }
    }

    /// What an application may ask for on behalf of a person: of itself by its client id only (AADSTS90009).
    pub(crate) fn granted_to(
        &self,
        application: &Application,
        params: &Params,
        version: Version,
    ) -> Result<Granted, AuthError> {
        let granted = self.granted(params, version)?;
        if granted.resource.id() == application.id && granted.audience != application.id {
            return Err(errors::OWN_BY_URI.because(format!(
                "Application '{}'({}) is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier.",
                application.id, application.name
            )));
        }
        Ok(granted)
    }

    /// The people on a sign-in page: who is hinted at first, then who is signed in.
    pub(crate) fn choices<'s>(&'s self, hint: Option<&str>, session: Option<&Session>) -> Vec<Choice<'s>> {
        let hint = hint.and_then(|hint| self.directory.user(hint));
        let choice = |user: &'s Arc<User>| Choice {
            username: &user.username,
            name: &user.name,
            groups: user.groups.len(),
            current: session.is_some_and(|s| s.user.id == user.id),
            hinted: hint.is_some_and(|h| h.id == user.id),
        };
        let mut choices: Vec<_> = self.directory.users.iter().map(choice).collect();
        choices.sort_by_key(|choice| (!choice.hinted, !choice.current));
        choices
    }

    /// What MSAL makes its account id from.
    pub(crate) fn client_info(&self, user: &User) -> String {
        URL_SAFE_NO_PAD.encode(json!({ "uid": user.id, "utid": self.settings.id }).to_string())
    }
}

fn sign_in_page(
    tenant: &Tenant,
    params: &Params,
    target: &Target,
    authorization: &Authorization,
    name: &str,
    version: Version,
    session: Option<&Session>,
) -> Response<Bytes> {
    let choices = tenant.choices(authorization.login_hint.as_deref(), session);
    let generation = if version == Version::V2 { "v2.0/" } else { "" };
    let page = SignIn {
        tenant: &tenant.settings.name,
        application: &target.client.name,
        scopes: params.get("scope").or(params.get("resource")).unwrap_or("openid"),
        action: &format!("/{name}/oauth2/{generation}login"),
        request: &params.encoded(),
        choices,
    };
    reply::page(StatusCode::OK, &page, Some(&target.url))
}

impl Call<'_> {
    /// Whether a browser says that another site made it send this. Programs say nothing.
    pub(crate) fn comes_from_elsewhere(&self, tenant: &Tenant) -> bool {
        let header = |name: &str| self.parts.headers.get(name).map(|v| v.to_str().unwrap_or("?"));
        header("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"))
            || header("origin").is_some_and(|origin| origin != tenant.settings.base)
    }
}
