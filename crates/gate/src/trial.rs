//! What a gate would make of a credential, without anybody having asked: for `gangplank token verify`.

use std::sync::Arc;

use gangplank_authn::{Authenticator as _, BearerAuthenticator, Chain, Credentials, Outcome};
use gangplank_jose::{Reason, TokenRefusal, UnixTime};
use gangplank_oauth::{CallbackError, ExchangeError};
use http::HeaderMap;

use crate::cluster::ClusterRefusal;
use crate::exchange::ExchangeRefusal;
use crate::mcp::{McpRefusal, ToolRefusal};
use crate::sign_in::SignInRefusal;
use crate::stack::Gate;
use crate::{Refusal, policy::Permit};

/// What everybody says.
#[derive(Debug)]
pub struct Trial {
    /// Each issuer's and authenticator's own answer, by the configuration's names, whatever the others say.
    pub answers: Vec<(String, Outcome)>,
    /// For each route, its name and what would become of a request with this credential alone.
    pub routes: Vec<(String, Result<(), Refusal>)>,
}

impl Gate {
    /// Tries the credentials of these headers on everybody, and on every route. Keys are fetched as needed; nothing
    /// is remembered, counted or logged as a decision.
    pub async fn try_credentials(&self, headers: &HeaderMap, now: UnixTime) -> Trial {
        let credentials = Credentials::headers(headers);
        let mut answers = Vec::new();
        for issuer in self.issuers.iter().filter(|issuer| !issuer.audiences().is_empty()) {
            let alone = BearerAuthenticator::new(vec![issuer.clone()]);
            answers.push((issuer.name().to_owned(), alone.authenticate(credentials, now).await));
        }
        let others = Chain::new("", self.authenticators.clone());
        answers.extend(others.explain(credentials, now).await);
        let mut routes = Vec::new();
        for route in &self.routes {
            let verdict = match &route.chain {
                _ if route.anonymous.is_some() && route.chain.is_none() => Ok(()),
                None => Err(Refusal::BearerNotAccepted(route.name.clone())),
                Some(chain) => self.would_pass(chain, route, credentials, now).await.map(|_| ()),
            };
            routes.push((route.name.clone(), verdict));
        }
        Trial { answers, routes }
    }

    async fn would_pass(
        &self,
        chain: &Arc<Chain>,
        route: &crate::build::Route,
        credentials: Credentials<'_>,
        now: UnixTime,
    ) -> Result<Permit, Refusal> {
        match chain.authenticate(credentials, now).await {
            Outcome::Authenticated(authenticated) => route.policy.permit(authenticated),
            Outcome::Rejected(refusal) => Err(Refusal::Authentication(refusal)),
            Outcome::Unavailable(refusal) => Err(Refusal::Undecided(refusal)),
            Outcome::NotMine(_) => Err(Refusal::NotSignedIn),
        }
    }
}

/// The whole catalogue of refusals: every reason that the log, `gangplank explain` and the documentation name.
pub fn reasons() -> impl Iterator<Item = &'static Reason> {
    let tables = [
        Refusal::REASONS,
        SignInRefusal::REASONS,
        ExchangeRefusal::REASONS,
        McpRefusal::REASONS,
        ClusterRefusal::REASONS,
        crate::AuthorizationServerRefusal::REASONS,
        ToolRefusal::REASONS,
        TokenRefusal::REASONS,
        crate::TokenReviewRefusal::REASONS,
        ExchangeError::REASONS,
        CallbackError::REASONS,
    ];
    tables.into_iter().chain(gangplank_authn::Refusal::TABLES.iter().copied()).flatten().copied()
}
