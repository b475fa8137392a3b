//! Sending the browser to the provider.
//!
//! 1. The host of the request must be one of ours; the return target must be allowed, else it is the front page.
//! 2. The attempt is bound to the browser: to the session it has, or to its browser id, which it gets if it has none.
//! 3. PKCE (S256), nonce and state are fresh for every attempt.
//! 4. The whole header block of the answer stays below nginx's 4 KiB: if it does not, the return target is given up.
//! 5. A browser that comes straight back after every sign-in is not sent round for ever: the session it gets does not
//!    reach the app, and the fourth lap ends at a page that says so.

use std::time::Duration;

use gangplank_authn::session::{BrowserId, OpenedCookie};
use gangplank_jose::UnixTime;
use gangplank_oauth::discovery::Metadata;
use gangplank_oauth::{AuthorizationParams, ClaimsChallenge, Pkce, random_token};
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use secrecy::ExposeSecret as _;
use url::Url;

use super::state::Pending;
use super::{SignIn, SignInClient, SignInRefusal, metadata};
use crate::body::Body;
use crate::context::RequestContext;
use crate::return_target::ReturnTarget;

/// What nginx's default buffer holds, less what the server and proxies before it add (date, request id, security headers).
const HEADER_BUDGET: usize = 4096 - 512;
/// How long a browser may keep its mark: as long as somebody may take to find their phone, twice.
const BROWSER_ID: Duration = Duration::from_secs(3600);
/// A session that is this young when the next sign-in starts has not reached the app.
const LAP: Duration = Duration::from_secs(15);
const LAPS: u8 = 3;

/// A sign-in that is about to start.
pub(super) struct Attempt<'a> {
    /// Where.
    pub(super) client: &'a SignInClient,
    /// The authority of ours to which the provider sends the browser back.
    pub(super) authority: String,
    /// Where it ends.
    pub(super) target: ReturnTarget,
    /// From 1.
    pub(super) number: u8,
    /// Let the person choose another account than the one they are signed in with at the provider.
    pub(super) other_account: bool,
    /// What the provider wants to see, as it said itself.
    pub(super) claims: Option<ClaimsChallenge>,
}

impl SignIn {
    /// Begins a sign-in at `client` (a name, from the query or the route), or asks at which one if there are several.
    /// `target` is where it is to end: the `rd` of the query, or the URL that was asked for.
    pub(crate) async fn start(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
        client: Option<&str>,
        target: Option<&str>,
    ) -> Result<Response<Body>, SignInRefusal> {
        let unknown_host = || SignInRefusal::HostUnknown { host: context.authority.clone() };
        let own = self.hosts().authority(&context.authority).ok_or_else(unknown_host)?;
        let authority = self.hosts().sign_in_authority(&context.authority).ok_or_else(unknown_host)?;
        let clients = &self.sessions().clients;
        let name = match client {
            Some(name) => name,
            None if clients.len() == 1 => clients.keys().next().map_or("", String::as_str),
            None => {
                let all: Vec<&str> = clients.keys().map(String::as_str).collect();
                return Ok(self.chooser(context, headers, &all, target));
            }
        };
        let client = clients
            .get(name)
            .ok_or_else(|| SignInRefusal::ClientUnknown { client: name.chars().take(64).collect() })?;
        let mut target = self.judge_target(target, &own);
        if own != authority {
            // The browser comes back to another of our hosts than the one it left.
            target = self.judge_target(Some(&target.absolute(&self.hosts().origin(&own))), &authority);
        }
        // Only our own endpoint has this parameter; elsewhere the query is the app's.
        let other_account = context.path == self.endpoint("start") && asks_for_other_account(context);
        let claims = self.wanted_claims(context);
        if !other_account {
            self.check_laps(headers, &own, context.now)?;
        }
        let attempt = Attempt { client, authority, target, number: 1, other_account, claims };
        self.begin(headers, context.now, attempt).await
    }

    /// What the provider wants to see, in a query of our own endpoints; elsewhere the query is the app's.
    pub(super) fn wanted_claims(&self, context: &RequestContext) -> Option<ClaimsChallenge> {
        let own = ["start", "sign_in"].iter().any(|endpoint| context.path == self.endpoint(endpoint));
        let query = context.query.as_deref().filter(|_| own)?;
        let (_, value) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "claims")?;
        ClaimsChallenge::from_base64(&value)
    }

    /// Sends the browser away.
    pub(super) async fn begin(
        &self,
        headers: &HeaderMap,
        now: UnixTime,
        mut attempt: Attempt<'_>,
    ) -> Result<Response<Body>, SignInRefusal> {
        let metadata = metadata(attempt.client, now).await?;
        let (binding, set_cookie) = self.bind(headers, now)?;
        loop {
            let url = self.authorization_url(&metadata, &attempt, binding, now)?;
            let response = redirect(StatusCode::FOUND, url.as_str(), set_cookie.clone())?;
            let size = header_size(&response);
            if size <= HEADER_BUDGET {
                return Ok(response);
            }
            if attempt.target == ReturnTarget::root() {
                return Err(SignInRefusal::AuthorizationTooLarge { size });
            }
            tracing::info!(size, "return target given up: the redirect would not fit into 4 KiB");
            attempt.target = ReturnTarget::root();
        }
    }

    fn authorization_url(
        &self,
        metadata: &Metadata,
        attempt: &Attempt<'_>,
        binding: [u8; 32],
        now: UnixTime,
    ) -> Result<Url, SignInRefusal> {
        let pkce = Pkce::generate();
        let pending = Pending {
            nonce: random_token(16),
            verifier: pkce.verifier.expose_secret().to_owned(),
            target: attempt.target.as_str().to_owned(),
            client: attempt.client.name.clone(),
            authority: attempt.authority.clone(),
            started: now.as_secs(),
            attempt: attempt.number,
            binding,
        };
        let state = pending.seal(&self.sessions().ring).map_err(SignInRefusal::Undecided)?;
        let mut url = attempt.client.client.authorization_url(
            metadata,
            &AuthorizationParams {
                state: &state,
                nonce: &pending.nonce,
                challenge: &pkce.challenge,
                redirect_uri: &self.redirect_uri(&attempt.authority),
                login_hint: None,
            },
        );
        if attempt.other_account {
            replace_prompt(&mut url);
        }
        if let Some(claims) = &attempt.claims {
            url.query_pairs_mut().append_pair("claims", claims.as_str());
        }
        Ok(url)
    }

    pub(super) fn redirect_uri(&self, authority: &str) -> String {
        format!("{}{}", self.hosts().origin(authority), self.endpoint("callback"))
    }

    /// What the attempt is bound to, and the cookie that makes the browser remember it.
    fn bind(&self, headers: &HeaderMap, now: UnixTime) -> Result<([u8; 32], Option<HeaderValue>), SignInRefusal> {
        if let Some(session) = self.sessions().peek(headers, now) {
            return Ok((session.id().binding(), None));
        }
        let known = match self.sessions().open(headers, now) {
            Ok(Some(OpenedCookie::Browser(id))) => Some(id),
            _ => None,
        };
        let id = known.map_or_else(BrowserId::generate, Ok).map_err(SignInRefusal::Undecided)?;
        let cookie = &self.sessions().cookie;
        let value = id.seal(&self.sessions().ring, cookie.name()).map_err(SignInRefusal::Undecided)?;
        Ok((id.binding(), cookie.set(&value, now, now + BROWSER_ID)))
    }

    fn check_laps(&self, headers: &HeaderMap, host: &str, now: UnixTime) -> Result<(), SignInRefusal> {
        let Some(session) = self.sessions().peek(headers, now) else { return Ok(()) };
        let laps = self.sessions().shared.sessions().entry(&session, now).laps();
        if laps < LAPS || now.since(session.started()) > LAP {
            return Ok(());
        }
        Err(self.looping(host, laps, "with a session that the app does not get"))
    }

    /// How many laps a session that follows `headers`' own would be.
    pub(super) fn next_lap(&self, headers: &HeaderMap, now: UnixTime) -> u8 {
        match self.sessions().peek(headers, now) {
            Some(before) if now.since(before.started()) <= LAP => {
                self.sessions().shared.sessions().entry(&before, now).laps().saturating_add(1)
            }
            _ => 0,
        }
    }

    pub(super) fn looping(&self, host: &str, attempts: u8, problem: &'static str) -> SignInRefusal {
        let cookie = &self.sessions().cookie;
        SignInRefusal::Loop {
            host: host.to_owned(),
            attempts,
            problem,
            cookie: cookie.name().to_owned(),
            attributes: cookie.attributes().to_owned(),
        }
    }
}

/// A redirect that nobody stores, with at most one cookie.
pub(crate) fn redirect(
    status: StatusCode,
    location: &str,
    set_cookie: Option<HeaderValue>,
) -> Result<Response<Body>, SignInRefusal> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let location = HeaderValue::from_str(location).map_err(|_| SignInRefusal::LocationUnfit)?;
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = set_cookie {
        headers.insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The bytes of the header block, with its status line.
pub(super) fn header_size(response: &Response<Body>) -> usize {
    let lines = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    32 + lines.sum::<usize>()
}

/// What a provider wanted to see when a token was exchanged. It is only passed back to the provider, so it matters little who
/// made the link.
fn asks_for_other_account(context: &RequestContext) -> bool {
    let query = context.query.as_deref().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "prompt" && value == "select_account")
}

fn replace_prompt(url: &mut Url) {
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(name, _)| name != "prompt").map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair("prompt", "select_account");
}
