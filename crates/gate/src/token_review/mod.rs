//! The webhook that tells API servers whose tokens are whose: `authentication.k8s.io` TokenReview, v1 and v1beta1.
//!
//! 1. Who may ask is the listener's business: with `client_ca_file` nobody else gets as far as here. `GET /healthz` and
//!    `/readyz` are answered as everywhere; it is ready as soon as the tokens of somebody can be judged.
//! 2. A question is a POST of at most 128 KiB of JSON, at any path or at the configured one. What is none is answered 4xx.
//!    It is answered in the version that it was asked in.
//! 3. The token (at most 64 KiB) is judged by the authenticators of `accept`, in their order; whom they know is
//!    [remembered](Remembering). There is no anonymous end.
//! 4. **A bad token is HTTP 200** with `authenticated: false`: kube-apiserver takes any other status for an outage. By
//!    default nothing else is said, and kube-apiserver remembers that for `--authentication-token-webhook-cache-ttl` (2
//!    minutes); with `error_texts` there is a text with the request's id, which kube-apiserver logs and does not remember.
//! 5. **What could not be decided is 503** with `Retry-After`: kube-apiserver asks again. A bad token never is.
//! 6. Names that begin with `system:` are refused from identity providers unless `allow_reserved`. `system:masters`,
//!    `system:unauthenticated` and `system:anonymous` are refused from everybody, and so is nobody.
//!    `system:authenticated` is the API server's to add: from a cluster it is left out, from a provider it is refused.
//! 7. Groups that could not be had are left out: RBAC only ever grants, so whoever has fewer may less.
//! 8. `spec.audiences` is answered with those of them that the token is for: its own, and the webhook's `audiences`. None:
//!    not authenticated. Without `spec.audiences` the answer has the webhook's, or else the token's own.
//! 9. Each review leaves one audit line, and is counted. The token is in neither.

mod answer;
mod config;
mod question;
mod refusal;
mod verdict;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gangplank_authn::token_review::{ReviewVersion, TokenReviewRequest, TokenReviewStatus};
use gangplank_authn::{Authenticated, Authenticator, BearerToken, Chain, Credentials, Outcome, Remembering};
use gangplank_jose::{Fault, UnixTime};
use gangplank_net::Peer;
use gangplank_oauth::Clock;
use gangplank_oauth::config::ConfigError;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Response};
use secrecy::ExposeSecret;
use tokio::task::JoinSet;

pub use self::config::TokenReviewConfig;
pub use self::refusal::TokenReviewRefusal;
use self::verdict::Terms;
use crate::body::BodyError;
use crate::context::fresh_id;
use crate::metrics::{ReviewMetrics, Reviewed};
use crate::{Background, Body, Shared, audit, health};

/// How a webhook answers: what of its configuration is not about sockets.
#[derive(Clone, Debug, Default)]
pub struct TokenReviewSettings {
    /// Audiences that every accepted token is good for.
    pub audiences: Vec<String>,
    /// Whether identity providers may give names that begin with `system:`.
    pub allow_reserved: bool,
    /// The one path that is answered at, if not any.
    pub path: Option<String>,
    /// Whether refusals carry a text.
    pub error_texts: bool,
}

/// What a webhook needs from the world.
pub struct TokenReviewDeps {
    /// Who judges tokens.
    pub chain: Arc<Chain>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What outlives a reload.
    pub shared: Arc<Shared>,
}

/// See the module.
pub struct TokenReviewServer {
    known: Arc<Remembering>,
    terms: Terms,
    path: Option<String>,
    error_texts: bool,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    metrics: ReviewMetrics,
}

impl TokenReviewServer {
    /// A webhook, or everything that is wrong with it. Asks nobody over the network.
    ///
    /// # Errors
    /// An audience that is empty, or there twice; a path that is none.
    pub fn build(settings: TokenReviewSettings, deps: TokenReviewDeps) -> Result<Arc<Self>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        for (i, audience) in settings.audiences.iter().enumerate() {
            let at = format!("token_review.audiences[{i}]");
            if audience.is_empty() {
                errors.push(ConfigError::new(&at, "the audience is empty", "one of the API server's --api-audiences"));
            }
            if settings.audiences[..i].contains(audience) {
                errors.push(ConfigError::new(at, format!("{audience:?} is there twice"), "once is enough"));
            }
        }
        let unfit = |path: &&String| !path.starts_with('/') || path.contains(['?', '#']);
        if let Some(path) = settings.path.as_ref().filter(unfit) {
            let help = "a path such as \"/authenticate\", or nothing: any path is then answered at";
            errors.push(ConfigError::new("token_review.path", format!("{path:?} is no path"), help));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Arc::new(TokenReviewServer {
            known: Arc::new(Remembering::new(deps.chain)),
            terms: Terms { audiences: settings.audiences, allow_reserved: settings.allow_reserved },
            path: settings.path,
            error_texts: settings.error_texts,
            clock: deps.clock,
            metrics: deps.shared.metrics().reviews(),
            shared: deps.shared,
        }))
    }

    /// Answers a request.
    pub async fn handle<B>(&self, request: Request<B>, peer: Peer) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        if let Some(health) = health::answer(&head.method, head.uri.path(), || self.not_ready()) {
            return health;
        }
        let id = fresh_id();
        let client = peer.remote.ip().to_canonical();
        let (version, decided) = match question::read(&head, body, self.path.as_deref()).await {
            Ok(question) => (question.version, self.decide(&question, self.clock.now()).await),
            Err(refusal) => (ReviewVersion::V1, Err(refusal)),
        };
        let (response, result) = match &decided {
            Ok((caller, status)) => {
                audit::reviewed(&id, client, caller, &status.audiences);
                (answer::status(version, status), Reviewed::Authenticated)
            }
            Err(refusal) => {
                self.note(&id, client, refusal);
                self.shared.refusals().remember_review(&id, self.clock.now(), client, refusal);
                answer::refusal(version, refusal, self.error_texts.then_some(&id))
            }
        };
        self.metrics.count(result, started.elapsed());
        answer::with_id(response, &id)
    }

    async fn decide(
        &self,
        question: &TokenReviewRequest,
        now: UnixTime,
    ) -> Result<(Authenticated, TokenReviewStatus), TokenReviewRefusal> {
        let headers = presented(question.token.expose_secret())?;
        match self.known.authenticate(Credentials::headers(&headers), now).await {
            Outcome::Authenticated(caller) => {
                let status = self.terms.judge(&caller, &question.audiences)?;
                Ok((caller, status))
            }
            Outcome::Rejected(refusal) => Err(TokenReviewRefusal::Authentication(refusal)),
            Outcome::Unavailable(refusal) => Err(TokenReviewRefusal::Undecided(refusal)),
            // A chain turns what nobody knows into a refusal: here nobody has looked at all.
            Outcome::NotMine(_) => Err(TokenReviewRefusal::NobodyReadsTokens),
        }
    }

    fn note(&self, id: &str, client: std::net::IpAddr, refusal: &TokenReviewRefusal) {
        let reason = refusal.reason();
        self.shared.metrics().refused(reason);
        audit::review_refused(id, client, refusal);
        match reason.fault {
            Fault::Caller | Fault::Token => {
                tracing::debug!(request_id = id, reason = reason.name, detail = %refusal, "refused");
            }
            Fault::Provider | Fault::Upstream | Fault::Operator | Fault::Us => tracing::warn!(
                request_id = id,
                reason = reason.name,
                fault = reason.fault.name(),
                detail = %refusal,
                remedy = reason.remedy,
                "{}", reason.summary
            ),
        }
    }

    /// How many callers are remembered.
    pub fn remembered(&self) -> usize {
        self.known.len()
    }

    /// Whether nobody's tokens can be judged yet. One issuer that does not answer keeps out its own only.
    fn not_ready(&self) -> bool {
        let sources = self.known.health();
        !sources.is_empty() && sources.iter().all(|source| !source.ready)
    }

    /// What was never reached or read.
    fn unready(&self) -> Vec<String> {
        let unready = self.known.health().into_iter().filter(|source| !source.ready);
        unready.map(|source| source.name).collect()
    }

    /// Answers on a listener for machines: `/metrics`, `/healthz`, `/readyz`; to this machine alone
    /// `/explain/REQUEST-ID`; and nothing else.
    pub fn operations<B>(&self, request: &Request<B>, peer: &Peer) -> Response<Body> {
        let waiting_for = || if self.not_ready() { self.unready() } else { Vec::new() };
        health::operations(request, peer, &self.shared, || self.known.health(), waiting_for, self.clock.now())
    }

    /// Starts what keeps keys fresh.
    pub fn start(&self) -> Background {
        let mut tasks = JoinSet::new();
        if let Some(work) = self.known.clone().keep_fresh() {
            tasks.spawn(work);
        }
        Background::of(tasks)
    }
}

impl std::fmt::Debug for TokenReviewServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenReviewServer").field("by", &self.known.name()).finish_non_exhaustive()
    }
}

/// The token as authenticators read it.
fn presented(token: &str) -> Result<HeaderMap, TokenReviewRefusal> {
    if token.len() > question::MAX_TOKEN {
        return Err(TokenReviewRefusal::TokenTooLarge { found: token.len(), limit: question::MAX_TOKEN });
    }
    let malformed = || {
        let problem = "the token has characters that no bearer token has";
        TokenReviewRefusal::Authentication(gangplank_authn::Refusal::BearerMalformed { problem })
    };
    let token = BearerToken::new(token).map_err(TokenReviewRefusal::Authentication)?;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.as_str())).map_err(|_| malformed())?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, value);
    Ok(headers)
}
