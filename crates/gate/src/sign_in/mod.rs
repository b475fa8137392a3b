//! Signing in: from a page that needs to know who it is, through the provider, back to that page; and out again.
//!
//! [`SignIn`] is what the rest of the gate sees. `start` sends the browser away, `callback` takes it back, and between
//! the two everything that has to be remembered travels in `state` ([`state`]).

mod callback;
mod refusal;
mod start;
mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod used;

use std::collections::BTreeMap;
use std::sync::Arc;

use gangplank_authn::Issuer;
use gangplank_authn::seal::KeyRing;
use gangplank_authn::session::RuleGroups;
use gangplank_jose::UnixTime;
use gangplank_oauth::discovery::Metadata;
use gangplank_oauth::{Client, Clock};
use http::{HeaderMap, Response};

pub(crate) use refusal::Outward;
pub(crate) use refusal::SignInRefusal;
pub(crate) use start::redirect;
pub(crate) use used::UsedStates;

use crate::body::Body;
use crate::build::Resolvers;
use crate::context::RequestContext;
use crate::hosts::Hosts;
use crate::pages::Pages;
use crate::return_target::ReturnTarget;
use crate::session::{SessionCookie, SessionOutcome, SessionTimes, Sessions};
use crate::shared::Shared;

/// One entry of `[clients]`, ready to use.
pub(crate) struct SignInClient {
    /// The name of the table.
    pub(crate) name: String,
    /// What people read.
    pub(crate) display_name: String,
    /// Who verifies its ID tokens.
    pub(crate) issuer: Arc<Issuer>,
    /// The exchanges.
    pub(crate) client: Client,
    /// Whether some route that signs in here passes the access token on. Only then is it kept.
    pub(crate) keep_access_token: bool,
}

/// What a [`SignIn`] is made of. Everything here has been checked.
pub(crate) struct SignInSettings {
    /// The path of the gate's endpoints, without a slash at its end: `/oauth2`.
    pub(crate) prefix: String,
    /// `gate.public_url`, the hosts of routes and `gate.return_hosts`.
    pub(crate) hosts: Arc<Hosts>,
    /// `[cookies]`.
    pub(crate) cookie: SessionCookie,
    /// `cookies.keys`.
    pub(crate) ring: Arc<KeyRing>,
    /// `[clients]`, by name.
    pub(crate) clients: BTreeMap<String, Arc<SignInClient>>,
    /// Those who ask for groups that an ID token has no room for, by issuer.
    pub(crate) groups: Resolvers,
    /// Every group that some rule of some route names.
    pub(crate) rule_groups: RuleGroups,
    /// `[session]`.
    pub(crate) times: SessionTimes,
    /// What outlives a reload.
    pub(crate) shared: Arc<Shared>,
    /// `[pages]`.
    pub(crate) pages: Arc<Pages>,
    /// For what ends after the request that began it.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Sign-in, sessions and sign-out.
pub(crate) struct SignIn {
    prefix: String,
    hosts: Arc<Hosts>,
    pages: Arc<Pages>,
    sessions: Arc<Sessions>,
}

impl SignIn {
    /// From what the configuration says.
    pub(crate) fn new(settings: SignInSettings) -> Arc<Self> {
        let SignInSettings { prefix, hosts, cookie, ring, clients, groups, rule_groups, times, shared, pages, clock } =
            settings;
        let sessions = Arc::new(Sessions { clients, groups, rule_groups, times, ring, cookie, shared, clock });
        Arc::new(SignIn { prefix, hosts, pages, sessions })
    }

    /// Judges the cookie of a request. A refresh may be started, and waited for at most five seconds.
    pub(crate) async fn session(&self, headers: &HeaderMap, now: UnixTime) -> SessionOutcome {
        self.sessions.session(headers, now).await
    }

    /// The cookie: to find its value before anything is judged, and to keep it from upstreams.
    pub(crate) fn cookie(&self) -> &SessionCookie {
        &self.sessions.cookie
    }

    /// Asks at which of `clients` (names) to sign in. Unknown names are left out.
    pub(crate) fn chooser(
        &self,
        context: &RequestContext,
        _headers: &HeaderMap,
        clients: &[&str],
        target: Option<&str>,
    ) -> Response<Body> {
        let target = match self.hosts.authority(&context.authority) {
            Some(authority) => self.judge_target(target, &authority),
            None => ReturnTarget::root(),
        };
        let claims = self.wanted_claims(context);
        let known = clients.iter().filter_map(|name| self.sessions.clients.get(*name));
        self.pages.chooser(known.map(|client| (&*client.name, &*client.display_name)), target.as_str(), claims.as_ref())
    }

    /// The page after a sign-out.
    pub(crate) fn signed_out(&self, _context: &RequestContext) -> Response<Body> {
        self.pages.signed_out()
    }

    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// The target if it is allowed, else the front page: a sign-in never fails for it.
    fn judge_target(&self, text: Option<&str>, authority: &str) -> ReturnTarget {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return ReturnTarget::root() };
        ReturnTarget::judge(text, authority, &self.hosts, &self.prefix).unwrap_or_else(|refusal| {
            let refusal = SignInRefusal::from(refusal);
            self.sessions.shared.sessions().count_refused_target();
            tracing::info!(reason = refusal.reason().name, "return target not followed: {refusal}");
            ReturnTarget::root()
        })
    }
}

/// The provider's metadata, asked for if it never was.
async fn metadata(client: &SignInClient, now: UnixTime) -> Result<Arc<Metadata>, SignInRefusal> {
    client.client.provider().known(now).await.map_err(SignInRefusal::Exchange)
}
