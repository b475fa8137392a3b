//! Taking the browser back.
//!
//! 1. The query is understood in one way only, and `state` was sealed by us, on the host it comes back to.
//! 2. The attempt is not older than 15 minutes, is bound to this browser, and comes back for the first time. If not,
//!    whoever has a live session goes on to where they wanted; whoever has none starts again, once; the second time
//!    they get a page that says what is wrong with the cookie. The code that came is never redeemed.
//! 3. `iss` is the provider that was asked (RFC 9207), wherever the provider sends or promises it.
//! 4. An error of the provider ends here.
//! 5. The code is redeemed; the ID token is verified with its nonce; the groups that rules need are completed.
//! 6. A new session begins: a fresh id, nothing of the cookie that was presented. A session that the browser had
//!    before is over.
//! 7. The return target is judged once more, since the configuration may have changed meanwhile.
//!
//! Whether the person may see the page is the route's business, when the browser asks for it.

use gangplank_authn::Denial;
use gangplank_authn::session::{OpenedCookie, SessionRecord, StartParams};
use gangplank_jose::UnixTime;
use gangplank_oauth::{Callback, CallbackError, callback};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use secrecy::ExposeSecret as _;

use super::start::{Attempt, redirect};
use super::state::Pending;
use super::{SignIn, SignInClient, SignInRefusal, metadata};
use crate::body::Body;
use crate::context::RequestContext;
use crate::session::SessionOutcome;

impl SignIn {
    /// Ends a sign-in.
    pub(crate) async fn callback(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, SignInRefusal> {
        let now = context.now;
        let callback = callback::parse(context.query.as_deref().unwrap_or_default())?;
        let pending = self.pending(context, &callback)?;
        if let Some(problem) = self.not_this_browsers(&pending, headers, now) {
            return self.go_on(headers, now, pending, problem).await;
        }
        let clients = &self.sessions().clients;
        let client = clients
            .get(&pending.client)
            .ok_or_else(|| SignInRefusal::ClientUnknown { client: pending.client.clone() })?;
        callback.check_issuer(&*metadata(client, context.now).await?)?;
        let Callback::Code { code, .. } = &callback else { return Err(refused_by_provider(callback)) };
        let record = self.redeem(client, &pending, code.expose_secret(), now).await?;
        let cookie = self.establish(&record, headers, now)?;
        crate::audit::session(context, "sign-in", &client.name, record.identity());
        let target = self.judge_target(Some(&pending.target), &pending.authority);
        redirect(StatusCode::FOUND, target.as_str(), Some(cookie))
    }

    fn pending(&self, context: &RequestContext, callback: &Callback) -> Result<Pending, SignInRefusal> {
        let Some(state) = callback.state() else { return Err(refused_by_provider(callback.clone())) };
        let pending = Pending::open(&self.sessions().ring, state).map_err(SignInRefusal::StateInvalid)?;
        let came = self.hosts().sign_in_authority(&context.authority);
        if came.as_deref() != Some(&pending.authority) {
            return Err(SignInRefusal::StateElsewhere { began: pending.authority, came: context.authority.clone() });
        }
        Ok(pending)
    }

    /// Why the code that came with this attempt is not redeemed, if it is not.
    fn not_this_browsers(&self, pending: &Pending, headers: &HeaderMap, now: UnixTime) -> Option<&'static str> {
        let binding = match self.sessions().open(headers, now) {
            Ok(Some(OpenedCookie::Browser(id))) => Some(id.binding()),
            Ok(Some(OpenedCookie::Session(session))) => Some(session.record().id().binding()),
            Ok(None) | Err(_) => None,
        };
        if binding.is_none() {
            Some("without the cookie")
        } else if !pending.is_bound_to(binding) {
            Some("with the cookie of another sign-in")
        } else if pending.is_expired(now) {
            Some("too late")
        } else if !self.sessions().shared.sessions().used.first_use(&pending.nonce, now) {
            Some("a second time")
        } else {
            None
        }
    }

    /// An attempt that does not count: on to the page with a live session, or once more from the beginning.
    async fn go_on(
        &self,
        headers: &HeaderMap,
        now: UnixTime,
        pending: Pending,
        problem: &'static str,
    ) -> Result<Response<Body>, SignInRefusal> {
        let target = self.judge_target(Some(&pending.target), &pending.authority);
        if let SessionOutcome::Live(session) = self.session(headers, now).await {
            return redirect(StatusCode::FOUND, target.as_str(), session.set_cookie);
        }
        if pending.attempt >= 2 {
            return Err(self.looping(&pending.authority, pending.attempt, problem));
        }
        let Some(client) = self.sessions().clients.get(&pending.client) else {
            return Err(SignInRefusal::ClientUnknown { client: pending.client });
        };
        tracing::info!(client = client.name, "sign-in came back {problem}; starting it once more");
        let number = pending.attempt + 1;
        let attempt =
            Attempt { client, authority: pending.authority, target, number, other_account: false, claims: None };
        self.begin(headers, now, attempt).await
    }

    async fn redeem(
        &self,
        client: &SignInClient,
        pending: &Pending,
        code: &str,
        now: UnixTime,
    ) -> Result<SessionRecord, SignInRefusal> {
        let redirect_uri = self.redirect_uri(&pending.authority);
        let answer = client.client.redeem_code(code, &pending.verifier, &redirect_uri, now).await;
        let answer = answer.map_err(SignInRefusal::Exchange)?;
        let id_token =
            answer.id_token.as_ref().ok_or_else(|| SignInRefusal::IdTokenMissing { client: client.name.clone() })?;
        let sessions = self.sessions();
        let signed_in = sessions.identify(client, id_token, &pending.nonce, &answer, now).await.map_err(denied)?;
        let start = StartParams {
            client: client.name.clone(),
            lifetime: sessions.times.lifetime,
            tokens: sessions.token_params(client, &answer),
        };
        SessionRecord::begin(&signed_in, start, now).map_err(SignInRefusal::Identity)
    }

    /// Makes the session known, and the one before it over.
    fn establish(
        &self,
        record: &SessionRecord,
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Result<HeaderValue, SignInRefusal> {
        let sessions = self.sessions();
        let value = record.encode(&sessions.ring, sessions.cookie.name()).map_err(SignInRefusal::Identity)?;
        let lap = self.next_lap(headers, now);
        if let Some(before) = sessions.peek(headers, now) {
            sessions.shared.sessions().sign_out(&before, now);
        }
        sessions.shared.sessions().entry(record, now).set_laps(lap);
        sessions.shared.metrics().session("signed-in");
        let unfit = || SignInRefusal::Identity(gangplank_authn::Refusal::CryptoFailed { what: "cookie" });
        sessions.cookie.set(&value, now, record.ends()).ok_or_else(unfit)
    }
}

/// An answer that is no code.
fn refused_by_provider(callback: Callback) -> SignInRefusal {
    match (callback.reason(), callback) {
        (Some(reason), Callback::Error { error, description, .. }) => {
            SignInRefusal::Refused { error, description: description.unwrap_or_default(), reason }
        }
        _ => SignInRefusal::Callback(CallbackError::Empty),
    }
}

fn denied(denial: Denial) -> SignInRefusal {
    match denial {
        Denial::Rejected(refusal) => SignInRefusal::Identity(refusal),
        Denial::Unavailable(refusal) => SignInRefusal::Undecided(refusal),
    }
}
