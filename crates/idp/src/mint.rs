//! Short cuts for the `dev` command and for tests: tokens without a sign-in, and a sign-in without a browser.

use std::sync::Arc;

use bytes::Bytes;
use gangplank_jose::UnixTime;
use http::{Request, StatusCode, header};
use url::form_urlencoded;

use crate::claims::{self, Issue, Subject, Version};
use crate::client::Proof;
use crate::directory::Application;
use crate::guid;
use crate::scopes::Granted;
use crate::tenant::Tenant;

/// Why a short cut led nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MintError(String);

impl MintError {
    pub(crate) fn of(message: impl Into<String>) -> MintError {
        MintError(message.into())
    }
}

impl Tenant {
    /// An access token as the v2 token endpoint would issue it to `client_id` for `username` and `scopes`.
    pub fn mint_access_token(
        &self,
        username: &str,
        client_id: &str,
        scopes: &str,
        now: UnixTime,
    ) -> Result<String, MintError> {
        self.mint(username, client_id, scopes, Sign { nonce: None, mfa: false }, now, claims::access_token)
    }

    /// The same, after a sign-in with a second factor.
    pub fn mint_access_token_after_mfa(
        &self,
        username: &str,
        client_id: &str,
        scopes: &str,
        now: UnixTime,
    ) -> Result<String, MintError> {
        self.mint(username, client_id, scopes, Sign { nonce: None, mfa: true }, now, claims::access_token)
    }

    /// An access token as the token endpoint would issue it to `client_id` for itself; `scope` is `<resource>/.default`.
    pub fn mint_app_token(&self, client_id: &str, scope: &str, now: UnixTime) -> Result<String, MintError> {
        let (client, granted) = self.client_and_grant(client_id, scope)?;
        let issue = Issue {
            subject: Subject::Application(&client),
            client: &client,
            proof: Proof::Secret,
            granted: &granted,
            endpoint: Version::V2,
            session: "",
            nonce: None,
            mfa: false,
            now,
        };
        self.sign(&claims::access_token(self, &issue)).map_err(MintError)
    }

    /// Types a device's code in, as `username`.
    pub fn approve_device(&self, user_code: &str, username: &str, now: UnixTime) -> Result<(), MintError> {
        let user = self.directory.user(username).ok_or_else(|| MintError(format!("there is no user {username}")))?;
        let waits = self.state.device_codes().decide(user_code, Some(user), now);
        if waits { Ok(()) } else { Err(MintError("no device waits for this code".to_owned())) }
    }

    /// An ID token as the v2 token endpoint would issue it, with all claims that scopes can ask for.
    pub fn mint_id_token(
        &self,
        username: &str,
        client_id: &str,
        nonce: Option<&str>,
        now: UnixTime,
    ) -> Result<String, MintError> {
        let sign = Sign { nonce, mfa: false };
        self.mint(username, client_id, "openid profile email", sign, now, claims::id_token)
    }

    /// Signs arbitrary claims with the present key: for tokens that the tenant would never issue.
    pub fn mint_claims(&self, claims: &serde_json::Value) -> Result<String, MintError> {
        self.sign(claims).map_err(MintError)
    }

    /// Opens an authorization URL, picks `username` on the page, and gives the URL to which the browser is then sent.
    /// `response_mode` must not be `form_post`.
    pub fn drive_sign_in(&self, authorization_url: &str, username: &str, now: UnixTime) -> Result<String, MintError> {
        let failed = |what: &str| MintError(format!("{what} at {}", authorization_url.split('?').next().unwrap_or("")));
        let (address, query) = authorization_url.split_once('?').ok_or_else(|| failed("no parameters"))?;
        let page = Request::get(authorization_url).body(Bytes::new()).map_err(|_| failed("not a URL"))?;
        let page = self.handle(page, now).response;
        if page.status() != StatusCode::OK {
            return location(&page).ok_or_else(|| failed("no sign-in page"));
        }
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("request", query)
            .append_pair("username", username)
            .finish();
        let login = address.strip_suffix("authorize").ok_or_else(|| failed("not an authorization endpoint"))?;
        let login = Request::post(format!("{login}login"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .map_err(|_| failed("not a URL"))?;
        location(&self.handle(login, now).response).ok_or_else(|| failed("no redirect after signing in"))
    }

    fn mint(
        &self,
        username: &str,
        client_id: &str,
        scopes: &str,
        sign: Sign<'_>,
        now: UnixTime,
        claims: impl Fn(&Tenant, &Issue<'_>) -> serde_json::Value,
    ) -> Result<String, MintError> {
        let user = self.directory.user(username).ok_or_else(|| MintError(format!("there is no user {username}")))?;
        let (client, granted) = self.client_and_grant(client_id, scopes)?;
        let session = guid::random();
        let issue = Issue {
            subject: Subject::User(user),
            proof: if client.secrets.is_some() { Proof::Secret } else { Proof::None },
            client: &client,
            granted: &granted,
            endpoint: Version::V2,
            session: &session,
            nonce: sign.nonce,
            mfa: sign.mfa,
            now,
        };
        self.sign(&claims(self, &issue)).map_err(MintError)
    }

    fn client_and_grant(&self, client_id: &str, scopes: &str) -> Result<(Arc<Application>, Granted), MintError> {
        let client = self.client(client_id).map_err(|e| MintError(e.headline()))?;
        let granted = Granted::resolve(scopes, &self.directory, &self.graph_url());
        Ok((client, granted.map_err(|e| MintError(e.headline()))?))
    }
}

/// What sign-ins differ in.
struct Sign<'a> {
    nonce: Option<&'a str>,
    mfa: bool,
}

fn location(response: &http::Response<Bytes>) -> Option<String> {
    response.headers().get(header::LOCATION)?.to_str().ok().map(str::to_owned)
}
