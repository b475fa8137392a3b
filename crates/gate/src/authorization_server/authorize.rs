//! An authorization request (RFC 6749 §4.1.1), judged.
//!
//! 1. The client, then its redirect URI: until here what is wrong is told to the person, on a page. From here on it goes back
//!    to the client, with its `state` and our `iss` (RFC 9207); but not to a host that nobody but the client's own document
//!    names, as anybody can have one, and a link to us would lead anywhere (RFC 9700 §4.11.2).
//! 2. `response_type` is `code`, answered in the query. PKCE with S256 is demanded (RFC 7636).
//! 3. `resource` is one of those that send clients here ([`resource`](super::resource)); the scopes are that resource's. A client
//!    that can refresh its tokens gets `offline_access`, asked for or not, where our own client asks for it, too: many know no
//!    other way to a refresh token than to have the grant.
//! 4. `prompt`, `login_hint`, `max_age` and `claims` are passed on, each within its form; of `claims`, an object with
//!    `access_token` and `id_token` alone, so that a step-up challenge comes back in. `prompt=consent` is answered by our own
//!    page: the provider's would ask for all that the shared client may do.
//! 5. The person is asked ([`consent`](super::consent)), or has consented to the same in this browser before.
//! 6. The provider is asked with our client id, our redirect URI, the client's challenge, and without `resource`. The whole
//!    header block of the answer stays below nginx's 4 KiB.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_jose::Excerpt;
use gangplank_oauth::{AuthorizationParams, ClaimsChallenge, authorize, random_token};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::browser::Browser;
use super::client::Client;
use super::params::Params;
use super::redirect_uri::{Kind, RedirectUri};
use super::refusal::{AuthorizationServerRefusal, Refused, Way};
use super::sealed::{Asked, ClientDigest, PassedOn, Pending, Sealed};
use super::{AuthorizationServer, Counted, resource};
use crate::Body;
use crate::context::RequestContext;

/// What nginx's default buffer holds, less what the server and proxies before it add.
const HEADER_BUDGET: usize = 4096 - 512;
const LONGEST_STATE: usize = 1024;
const LONGEST_HINT: usize = 256;
const LONGEST_CLAIMS: usize = 1024;

/// A request that keeps rules 1 to 4.
pub(crate) struct Judged {
    pub(crate) asked: Asked,
    pub(crate) passed_on: PassedOn,
    /// Whether the client wants the person to be asked, whatever they said before.
    ask: bool,
}

impl Judged {
    /// One that the person has just consented to.
    pub(super) fn consented(asked: Asked, passed_on: PassedOn) -> Self {
        Judged { asked, passed_on, ask: false }
    }
}

impl AuthorizationServer {
    /// Answers at `authorize`.
    pub(super) async fn authorize(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refused> {
        let (client, redirect_uri, params) = self.addressed(context).await.map_err(AuthorizationServerRefusal::page)?;
        let state = params.at_most("state", LONGEST_STATE);
        let known = state.as_ref().ok().copied().flatten();
        let named = self.clients.names(&redirect_uri);
        let back = |refusal: AuthorizationServerRefusal| {
            if named { self.back(refusal, &redirect_uri, known) } else { refusal.page() }
        };
        let state = state.map_err(|problem| back(problem.into()))?.map(str::to_owned);
        let judged = self.judge(&params, &client, &redirect_uri, state).map_err(back)?;
        let browser = self.common.cookie.presented(headers, self.ring()).unwrap_or_else(Browser::fresh);
        let asked_before =
            redirect_uri.kind() == Kind::Https && browser.consented(&self.name, &judged.asked, context.now);
        if asked_before && !judged.ask {
            return self.to_provider(judged, &browser, context).await.map_err(back);
        }
        if judged.passed_on.prompt.as_deref() == Some("none") {
            return Err(back(AuthorizationServerRefusal::ConsentNeeded));
        }
        self.ask(&client, &redirect_uri, judged, &browser, context).await.map_err(back)
    }

    /// Rule 1.
    async fn addressed<'c>(
        &self,
        context: &'c RequestContext,
    ) -> Result<(Client, RedirectUri, Params<'c>), AuthorizationServerRefusal> {
        self.limit(Counted::Authorize, context)?;
        let params = Params::read(context.query.as_deref().unwrap_or_default().as_bytes())?;
        let id = params.required("client_id")?;
        if self.clients.is_new_document(id, context.now) {
            self.limit(Counted::Document, context)?;
        }
        let client = self.clients.find(id, self.ring(), context.now).await?;
        let redirect_uri = client.redirect_uri(params.required("redirect_uri")?, &self.clients.rules)?;
        Ok((client, redirect_uri, params))
    }

    /// Rules 2 to 4.
    fn judge(
        &self,
        params: &Params<'_>,
        client: &Client,
        redirect_uri: &RedirectUri,
        state: Option<String>,
    ) -> Result<Judged, AuthorizationServerRefusal> {
        check_kind(params)?;
        let challenge = challenge(params)?;
        let resources = resource::choose(&params.all("resource")?, &self.resources)
            .map_err(|found| AuthorizationServerRefusal::Resource(Excerpt::of(&found)))?;
        let scope = params.one("scope")?.unwrap_or_default();
        let scopes = self
            .scopes
            .choose(scope, &resources, &self.resources)
            .map_err(|found| AuthorizationServerRefusal::Scope(Excerpt::of(&found)))?;
        let offline =
            client.refreshes && self.client.client.scopes().iter().any(|scope| scope == super::scopes::OFFLINE);
        let scopes = if offline { scopes.offline() } else { scopes };
        let (passed_on, ask) = passed_on(params)?;
        let asked = Asked {
            client: ClientDigest::of(&client.id),
            name: client.shown(),
            redirect_uri: redirect_uri.as_str().to_owned(),
            state,
            challenge,
            resources: resources.iter().map(|resource| resource.url.clone()).collect(),
            scopes: scopes.names().to_vec(),
        };
        Ok(Judged { asked, passed_on, ask })
    }

    /// Rule 6.
    pub(super) async fn to_provider(
        &self,
        judged: Judged,
        browser: &Browser,
        context: &RequestContext,
    ) -> Result<Response<Body>, AuthorizationServerRefusal> {
        let Judged { asked, passed_on, .. } = judged;
        let client = &self.client.client;
        let metadata = client.provider().known(context.now).await.map_err(AuthorizationServerRefusal::Exchange)?;
        let scopes = self.scopes.to_provider(&super::scopes::Scopes::unsealed(asked.scopes.clone()));
        let challenge = asked.challenge.clone();
        let pending =
            Pending { asked, browser: browser.id().to_owned(), started: context.now.as_secs(), id: random_token(16) };
        let state = pending.seal(self.ring(), &self.name).map_err(AuthorizationServerRefusal::Sealing)?;
        let nonce = random_token(16);
        let params = AuthorizationParams {
            state: &state,
            nonce: &nonce,
            challenge: &challenge,
            redirect_uri: &self.callback_uri(),
            login_hint: passed_on.login_hint.as_deref(),
        };
        let mut url = authorize::url(&metadata, client.id(), &scopes, passed_on.prompt.as_deref(), &params);
        for (name, value) in [("max_age", &passed_on.max_age), ("claims", &passed_on.claims)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        self.redirect(url.as_str(), Some(browser))
    }

    /// A redirect that nobody stores, of bounded size; with the browser's cookie, if there is one to set.
    pub(super) fn redirect(
        &self,
        location: &str,
        browser: Option<&Browser>,
    ) -> Result<Response<Body>, AuthorizationServerRefusal> {
        let mut response = redirect(location)?;
        if let Some(browser) = browser {
            let cookie = self.common.cookie.set(browser, self.ring()).map_err(AuthorizationServerRefusal::Sealing)?;
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        let lines = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        match 32 + lines.sum::<usize>() {
            size if size > HEADER_BUDGET => Err(AuthorizationServerRefusal::TooLong(size)),
            _ => Ok(response),
        }
    }

    /// A refusal that goes back to the client.
    pub(super) fn back(
        &self,
        refusal: AuthorizationServerRefusal,
        redirect_uri: &RedirectUri,
        state: Option<&str>,
    ) -> Refused {
        let said = refusal.said();
        let mut parameters = vec![("error", said.error), ("error_description", said.description)];
        parameters.extend(state.map(|state| ("state", state)));
        parameters.push(("iss", &self.issuer));
        Refused { refusal, way: Way::Back(redirect_uri.with(&parameters)) }
    }
}

/// Leads elsewhere by GET, whatever the request was, and tells nobody where from.
pub(crate) fn redirect(location: &str) -> Result<Response<Body>, AuthorizationServerRefusal> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::from_str(location).map_err(|_| AuthorizationServerRefusal::TooLong(location.len()))?;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Rule 2.
fn check_kind(params: &Params<'_>) -> Result<(), AuthorizationServerRefusal> {
    let not_offered =
        |what, found: &str| Err(AuthorizationServerRefusal::NotOffered { what, found: Excerpt::of(found) });
    match params.required("response_type")? {
        "code" => {}
        other => return not_offered("response_type", other),
    }
    match params.one("response_mode")? {
        None | Some("query") => {}
        Some(other) => return not_offered("response_mode", other),
    }
    for what in ["request", "request_uri"] {
        if let Some(found) = params.one(what)? {
            return not_offered(what, found);
        }
    }
    Ok(())
}

/// Rule 2: the base64url of a SHA-256, in the one spelling that it has.
fn challenge(params: &Params<'_>) -> Result<String, AuthorizationServerRefusal> {
    let malformed = |problem, name| AuthorizationServerRefusal::Request { problem, name };
    let challenge = params.required("code_challenge")?;
    if params.required("code_challenge_method")? != "S256" {
        return Err(malformed("is not S256", "code_challenge_method"));
    }
    let sound = URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|hash| hash.len() == 32);
    if sound { Ok(challenge.to_owned()) } else { Err(malformed("is not a SHA-256 in base64url", "code_challenge")) }
}

/// Rule 4; and whether the person is to be asked in any case.
fn passed_on(params: &Params<'_>) -> Result<(PassedOn, bool), AuthorizationServerRefusal> {
    let malformed = |problem, name| AuthorizationServerRefusal::Request { problem, name };
    let mut ask = false;
    let mut prompt = None;
    let prompts: Vec<&str> = params.at_most("prompt", 64)?.unwrap_or_default().split_ascii_whitespace().collect();
    for word in &prompts {
        match *word {
            "consent" => ask = true,
            // One of these is as much as a provider takes; who is asked to choose can also sign in.
            "login" | "select_account" => prompt = Some((*word).to_owned()),
            "none" if prompts.len() == 1 => prompt = Some("none".to_owned()),
            _ => return Err(malformed("has a value that is not known, or none beside others", "prompt")),
        }
    }
    let max_age = params.at_most("max_age", 10)?;
    if max_age.is_some_and(|age| !age.bytes().all(|b| b.is_ascii_digit())) {
        return Err(malformed("is not a number of seconds", "max_age"));
    }
    let claims = params.at_most("claims", LONGEST_CLAIMS)?;
    if claims.is_some_and(|claims| !is_challenge(claims)) {
        return Err(malformed("is not an object with access_token and id_token alone", "claims"));
    }
    let login_hint = params.at_most("login_hint", LONGEST_HINT)?;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok((PassedOn { prompt, login_hint: owned(login_hint), max_age: owned(max_age), claims: owned(claims) }, ask))
}

fn is_challenge(claims: &str) -> bool {
    let members = ClaimsChallenge::parse(claims)
        .and_then(|_| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(claims).ok());
    members.is_some_and(|members| {
        members.iter().all(|(name, value)| matches!(name.as_str(), "access_token" | "id_token") && value.is_object())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(query: &str, reader: impl Fn(&Params<'_>) -> Result<T, AuthorizationServerRefusal>) -> Option<T> {
        reader(&Params::read(query.as_bytes()).unwrap()).ok()
    }

    #[test]
    fn a_challenge_is_demanded_and_is_a_sha_256() {
        let good = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(read(&format!("code_challenge={good}&code_challenge_method=S256"), challenge).is_some());
        for bad in [
            String::new(),
            format!("code_challenge={good}"),
            format!("code_challenge={good}&code_challenge_method=plain"),
            format!("code_challenge={good}&code_challenge_method=s256"),
            format!("code_challenge={good}x&code_challenge_method=S256"),
            format!("code_challenge={good}%3D&code_challenge_method=S256"),
            // Bits behind the last octet: another spelling of the same hash.
            "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN&code_challenge_method=S256".to_owned(),
            format!("code_challenge={good}&code_challenge={good}&code_challenge_method=S256"),
        ] {
            assert!(read(&bad, challenge).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_a_code_in_the_query_is_offered() {
        for (query, good) in [
            ("response_type=code", true),
            ("response_type=code&response_mode=query", true),
            ("", false),
            ("response_type=token", false),
            ("response_type=code%20id_token", false),
            ("response_type=code&response_type=code", false),
            ("response_type=code&response_mode=fragment", false),
            ("response_type=code&response_mode=form_post", false),
            ("response_type=code&request=ey", false),
            ("response_type=code&request_uri=https://x", false),
        ] {
            assert_eq!(read(query, check_kind).is_some(), good, "{query}");
        }
    }

    #[test]
    fn what_is_passed_on_has_its_form() {
        let claims =
            "%7B%22access_token%22%3A%7B%22acrs%22%3A%7B%22essential%22%3Atrue%2C%22value%22%3A%22c1%22%7D%7D%7D";
        let (found, ask) =
            read(&format!("prompt=login%20consent&login_hint=a%40b&max_age=0&claims={claims}&acr_values=x"), passed_on)
                .unwrap();
        assert!(ask);
        assert_eq!((found.prompt.as_deref(), found.login_hint.as_deref()), (Some("login"), Some("a@b")));
        assert_eq!(found.max_age.as_deref(), Some("0"));
        assert_eq!(found.claims.as_deref(), Some(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#));
        assert_eq!(read("prompt=none", passed_on).unwrap().0.prompt.as_deref(), Some("none"));
        for bad in [
            "prompt=none%20login",
            "prompt=create",
            "max_age=-1",
            "max_age=1e9",
            "max_age=12345678901",
            "claims=x",
            "claims=%5B%5D",
            "claims=%7B%22userinfo%22%3A%7B%7D%7D",
            "claims=%7B%22access_token%22%3A1%7D",
            "login_hint=a%0d%0ab",
        ] {
            assert!(read(bad, passed_on).is_none(), "{bad}");
        }
    }
}
