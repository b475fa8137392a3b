//! The return from the provider, of which a code of ours is made.
//!
//! 1. The query is understood in one way only, and its `state` was sealed here, is this browser's, and comes back for the first
//!    time. Else the person gets a page: whoever brought it may not be the one who began.
//! 2. The answer is from the provider that was asked (`iss`, RFC 9207), and not later than a quarter of an hour.
//! 3. An error goes back to the client as one that OAuth knows; the provider's own words go to the log.
//! 4. The provider's code goes back sealed, with what its redemption must show: the client, the redirect URI, the challenge.

use gangplank_oauth::{Callback, CallbackError, callback, random_token};
use http::{HeaderMap, Response};
use secrecy::ExposeSecret as _;

use super::authorize::redirect;
use super::redirect_uri::RedirectUri;
use super::refusal::{AuthorizationServerRefusal, Refused};
use super::sealed::{Asked, Code, PATIENCE, Pending, Sealed, over};
use super::{AuthorizationServer, Counted};
use crate::Body;
use crate::audit;
use crate::context::RequestContext;

impl AuthorizationServer {
    /// Answers at `callback`.
    pub(super) async fn callback(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refused> {
        let (returned, pending, redirect_uri) =
            self.returned(context, headers).await.map_err(AuthorizationServerRefusal::page)?;
        let state = pending.asked.state.clone();
        self.to_client(returned, pending, &redirect_uri, context)
            .map_err(|refusal| self.back(refusal, &redirect_uri, state.as_deref()))
    }

    /// Rule 1, and of rule 2 who answered.
    async fn returned(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
    ) -> Result<(Callback, Pending, RedirectUri), AuthorizationServerRefusal> {
        self.limit(Counted::Authorize, context)?;
        let returned = callback::parse(context.query.as_deref().unwrap_or_default())?;
        let Some(state) = returned.state() else { return Err(refused_by_provider(returned)) };
        let pending = Pending::open(self.ring(), &self.name, state).map_err(AuthorizationServerRefusal::State)?;
        match self.common.cookie.presented(headers, self.ring()) {
            None => return Err(AuthorizationServerRefusal::OtherBrowser("without the browser's cookie")),
            Some(browser) if !browser.is(&pending.browser) => {
                return Err(AuthorizationServerRefusal::OtherBrowser("in another browser"));
            }
            Some(_) => {}
        }
        let metadata = self.client.client.provider().known(context.now).await;
        returned.check_issuer(&*metadata.map_err(AuthorizationServerRefusal::Exchange)?)?;
        let redirect_uri = self.redirect_again(&pending.asked)?;
        if !self.first_use(&pending.id, context.now) {
            return Err(AuthorizationServerRefusal::OtherBrowser("a second time"));
        }
        Ok((returned, pending, redirect_uri))
    }

    /// Rules 2 to 4.
    fn to_client(
        &self,
        returned: Callback,
        pending: Pending,
        redirect_uri: &RedirectUri,
        context: &RequestContext,
    ) -> Result<Response<Body>, AuthorizationServerRefusal> {
        if over(pending.started, PATIENCE, context.now) {
            return Err(AuthorizationServerRefusal::Late);
        }
        self.still_there(&pending.asked)?;
        let Callback::Code { code, .. } = &returned else { return Err(refused_by_provider(returned)) };
        let Pending { asked, .. } = pending;
        let state = asked.state.clone();
        self.count("code");
        audit::granted(context, "code", &self.granted(&asked));
        let sealed = Code {
            code: code.expose_secret().to_owned(),
            // The state was for the way there.
            asked: Asked { state: None, ..asked },
            made: context.now.as_secs(),
            id: random_token(16),
        };
        let sealed = sealed.seal(self.ring(), &self.name).map_err(AuthorizationServerRefusal::Sealing)?;
        let mut parameters = vec![("code", sealed.as_str())];
        parameters.extend(state.as_deref().map(|state| ("state", state)));
        parameters.push(("iss", &self.issuer));
        redirect(&redirect_uri.with(&parameters))
    }
}

/// An answer that is no code.
fn refused_by_provider(returned: Callback) -> AuthorizationServerRefusal {
    match (returned.reason(), returned) {
        (Some(reason), Callback::Error { error, description, .. }) => {
            AuthorizationServerRefusal::Provider { error, description: description.unwrap_or_default(), reason }
        }
        _ => AuthorizationServerRefusal::Callback(CallbackError::Empty),
    }
}
