//! Signing out: of this gate, and of the provider where it has an endpoint for that.
//!
//! 1. Asking for the page does nothing but show a form: a link or an image on another site signs nobody out.
//! 2. The form's answer needs proof that a page of ours asked: `Sec-Fetch-Site: same-origin`; in browsers without it
//!    `Origin` equal to our own; without both, the sealed token of the form, which is bound to the session.
//! 3. Then the session is over for every copy of its cookie, its streams are cut, the cookie is cleared, and the browser
//!    goes to the provider's end-session endpoint (OpenID Connect RP-Initiated Logout) or to our own page.

use std::time::Duration;

use gangplank_authn::session::SessionRecord;
use gangplank_jose::UnixTime;
use http::header::{ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::body::Body;
use crate::context::RequestContext;
use crate::sign_in::{SignIn, SignInRefusal, redirect};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const PURPOSE: &str = "sign-out";
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// What the form carries.
#[derive(Serialize, Deserialize)]
struct FormToken {
    session: [u8; 32],
    made: u64,
}

impl SignIn {
    /// Asks whether to sign out. Without a session there is nothing to ask.
    pub(crate) fn confirm_sign_out(&self, context: &RequestContext, headers: &HeaderMap) -> Response<Body> {
        let Some(session) = self.sessions().peek(headers, context.now) else {
            return self.pages().signed_out();
        };
        let token = FormToken { session: session.id().binding(), made: context.now.as_secs() };
        // Without a token the form still works in every browser that says where it comes from.
        let token = self.sessions().ring.seal_value(PURPOSE, &token).unwrap_or_default();
        let provider = self.end_session(&session, &context.authority).map(|url| url.origin().ascii_serialization());
        self.pages().confirm_sign_out(&session.identity().username, &token, provider.as_deref())
    }

    /// Signs out. `form` is the body of the request.
    pub(crate) async fn sign_out(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
        form: &[u8],
    ) -> Result<Response<Body>, SignInRefusal> {
        let authority = self
            .hosts()
            .authority(&context.authority)
            .ok_or_else(|| SignInRefusal::HostUnknown { host: context.authority.clone() })?;
        let session = self.sessions().peek(headers, context.now);
        self.check_asked_here(headers, &self.hosts().origin(&authority), session.as_deref(), form, context.now)?;
        let mut next = self.endpoint("signed_out");
        if let Some(session) = session {
            self.sessions().shared.sessions().sign_out(&session, context.now);
            self.sessions().shared.metrics().session("signed-out");
            crate::audit::session(context, "sign-out", session.client(), session.identity());
            if let Some(url) = self.end_session(&session, &context.authority) {
                next = url.into();
            }
        }
        let mut response = redirect(StatusCode::SEE_OTHER, &next, None)?;
        if let Some(clear) = self.cookie().clear() {
            response.headers_mut().insert(SET_COOKIE, clear);
        }
        Ok(response)
    }

    fn check_asked_here(
        &self,
        headers: &HeaderMap,
        own_origin: &str,
        session: Option<&SessionRecord>,
        form: &[u8],
        now: UnixTime,
    ) -> Result<(), SignInRefusal> {
        let told = |name: &HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let refuse = |evidence: String| Err(SignInRefusal::SignOutCrossSite { evidence });
        match (told(&SEC_FETCH_SITE), told(&ORIGIN)) {
            (Some(site), _) if site == "same-origin" => Ok(()),
            (Some(site), _) => refuse(format!("Sec-Fetch-Site is {:?}", site.chars().take(32).collect::<String>())),
            (None, Some(origin)) if origin == own_origin => Ok(()),
            (None, Some(origin)) => refuse(format!("Origin is {:?}", origin.chars().take(128).collect::<String>())),
            (None, None) if session.is_some_and(|session| self.is_own_form(form, session, now)) => Ok(()),
            (None, None) => refuse("neither Sec-Fetch-Site nor Origin nor a token of ours".to_owned()),
        }
    }

    fn is_own_form(&self, form: &[u8], session: &SessionRecord, now: UnixTime) -> bool {
        let sealed = url::form_urlencoded::parse(form).find(|(name, _)| name == "token").map(|(_, value)| value);
        let Some(sealed) = sealed else { return false };
        self.sessions().ring.open_value::<FormToken>(PURPOSE, &sealed).is_ok_and(|token| {
            token.session == session.id().binding() && now <= UnixTime::from_secs(token.made) + TOKEN_LIFETIME
        })
    }

    /// The provider's end-session URL, if its metadata is known and has one.
    fn end_session(&self, session: &SessionRecord, requested: &str) -> Option<Url> {
        let client = self.sessions().clients.get(session.client())?;
        let metadata = client.client.provider().metadata()?;
        // Where the sign-in came back to: that host is registered at the provider.
        let authority = self.hosts().sign_in_authority(requested)?;
        let back = format!("{}{}", self.hosts().origin(&authority), self.endpoint("signed_out"));
        client.client.end_session_url(&metadata, &back, Some(&session.identity().username))
    }
}
