//! Where the answer of the authorization endpoint goes, and in which of three ways.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use url::{Url, form_urlencoded};

use crate::authorize::Authorization;
use crate::codes::Code;
use crate::directory::Application;
use crate::errors::{self, AuthError};
use crate::pages::FormPost;
use crate::params::Params;
use crate::reply;
use crate::sessions::Session;
use crate::step_up;
use crate::tenant::{Call, Tenant};

/// Where the answer goes, known before anything else is.
pub(crate) struct Target {
    pub(crate) client: Arc<Application>,
    /// As sent: the token endpoint compares it so.
    redirect_uri: String,
    pub(crate) url: Url,
    mode: Mode,
    state: Option<String>,
    client_info: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Query,
    Fragment,
    FormPost,
}

impl Target {
    /// Rules 1 and 2.
    pub(crate) fn of(tenant: &Tenant, params: &Params) -> Result<Target, AuthError> {
        params.refuse_duplicates()?;
        let client = tenant.client(params.require("client_id")?)?;
        let redirect_uri = params.require("redirect_uri")?.to_owned();
        let unknown = || {
            errors::REDIRECT_UNKNOWN.because(format!(
                "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{}'.",
                client.id
            ))
        };
        let url = client.redirect_to(&redirect_uri).ok_or_else(unknown)?;
        // An unknown mode is refused later, and that refusal has to go somewhere.
        let mode = match params.get("response_mode") {
            Some("fragment") => Mode::Fragment,
            Some("form_post") => Mode::FormPost,
            _ => Mode::Query,
        };
        Ok(Target {
            url,
            mode,
            state: params.get("state").map(str::to_owned),
            client_info: params.get("client_info") == Some("1"),
            client,
            redirect_uri,
        })
    }

    pub(crate) fn succeed(
        &self,
        tenant: &Tenant,
        call: &Call<'_>,
        authorization: Authorization,
        session: &Session,
        cookies: Vec<String>,
    ) -> Response<Bytes> {
        let code = tenant.state.codes().issue(Code {
            client_id: self.client.id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            challenge: authorization.challenge,
            nonce: authorization.nonce,
            mfa: authorization.second_factor || step_up::is_demanded(&authorization.granted, &session.user),
            user: Arc::clone(&session.user),
            granted: authorization.granted,
            session: session.sid.clone(),
            issued: call.now,
        });
        let mut fields = vec![("code", code)];
        if self.client_info {
            fields.push(("client_info", tenant.client_info(&session.user)));
        }
        fields.extend(self.state.clone().map(|state| ("state", state)));
        fields.push(("session_state", session.sid.clone()));
        self.send(tenant, &fields, cookies)
    }

    pub(crate) fn fail(&self, tenant: &Tenant, call: &Call<'_>, error: &AuthError) -> Response<Bytes> {
        let mut fields = vec![("error", error.kind.error.to_owned())];
        if error.kind == errors::CANCELLED {
            fields.push(("error_subcode", "cancel".to_owned()));
        }
        fields.push(("error_description", error.description(&call.trace)));
        fields.extend(self.state.clone().map(|state| ("state", state)));
        self.send(tenant, &fields, Vec::new())
    }

    fn send(&self, tenant: &Tenant, fields: &[(&'static str, String)], cookies: Vec<String>) -> Response<Bytes> {
        let mut url = self.url.clone();
        match self.mode {
            Mode::Query => {
                url.query_pairs_mut().extend_pairs(fields);
                reply::redirect(url.as_str(), cookies)
            }
            Mode::Fragment => {
                let fragment = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                url.set_fragment(Some(&fragment));
                reply::redirect(url.as_str(), cookies)
            }
            Mode::FormPost => {
                let page = FormPost::new(&tenant.settings.name, url.as_str(), fields);
                let mut response = reply::page(StatusCode::OK, &page, Some(&url));
                for cookie in cookies.iter().filter_map(|c| c.parse().ok()) {
                    response.headers_mut().append(header::SET_COOKIE, cookie);
                }
                response
            }
        }
    }
}
