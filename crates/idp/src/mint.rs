//! Short cuts for the `dev` command and for tests: tokens without a sign-in, and a sign-in without a browser.

use bytes::Bytes;
use gangplank_jose::UnixTime;
use http::{Request, StatusCode, header};
use url::form_urlencoded;

use crate::claims::{self, Issue, Version};
use crate::guid;
use crate::scopes::Granted;
use crate::tenant::Tenant;

/// Why a short cut led nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MintError(String);

impl Tenant {
    /// An access token as the v2 token endpoint would issue it to `client_id` for `username` and `scopes`.
    pub fn mint_access_token(
        &self,
        username: &str,
        client_id: &str,
        scopes: &str,
        now: UnixTime,
    ) -> Result<String, MintError> {
        self.mint(username, client_id, scopes, None, now, claims::access_token)
    }

    /// An ID token as the v2 token endpoint would issue it, with all claims that scopes can ask for.
    pub fn mint_id_token(
        &self,
        username: &str,
        client_id: &str,
        nonce: Option<&str>,
        now: UnixTime,
    ) -> Result<String, MintError> {
        self.mint(username, client_id, "openid profile email", nonce, now, claims::id_token)
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
        nonce: Option<&str>,
        now: UnixTime,
        claims: impl Fn(&Tenant, &Issue<'_>) -> serde_json::Value,
    ) -> Result<String, MintError> {
        let user = self.directory.user(username).ok_or_else(|| MintError(format!("there is no user {username}")))?;
        let client = self.client(client_id).map_err(|e| MintError(e.headline()))?;
        let granted = Granted::resolve(scopes, &self.directory, &self.graph_url());
        let granted = granted.map_err(|e| MintError(e.headline()))?;
        let session = guid::random();
        let issue =
            Issue { user, client: &client, granted: &granted, endpoint: Version::V2, session: &session, nonce, now };
        self.sign(&claims(self, &issue)).map_err(MintError)
    }
}

fn location(response: &http::Response<Bytes>) -> Option<String> {
    response.headers().get(header::LOCATION)?.to_str().ok().map(str::to_owned)
}
