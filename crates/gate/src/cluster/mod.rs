//! An API server as an upstream: who may go there, and as whom.
//!
//! 1. Whoever asks to act as somebody else is refused ([`inbound`]); and so is a page of another origin that would change
//!    something with what a browser sends by itself. An API server expects no browsers, and does not look.
//! 2. What was asked is a path of the cluster's own, below the route's ([`place`]).
//! 3. The route has admitted the caller, and so has the cluster: its `allow` holds on every way to it.
//! 4. What the API server is shown is made of the evidence, by the cluster's mode ([`Mode`]): the caller's own token or one
//!    that it was exchanged for ([`passed`]), our own credential and for whom we ask ([`impersonation`]), or our own credential.
//!    With a token, our own certificate is never shown: API servers take it for the better evidence.
//! 5. With `review` the cluster is first asked whose the token is that would be sent. One that it does not know is not sent.
//! 6. One audit line says which cluster, how, and for whom.
//! 7. Of the request nothing remains that could say who somebody is but what we say ([`shown`]); of the answer, a redirect
//!    leads back through the gate. `X-Auth-Request-…` is not told to API servers.
//! 8. What comes back may be a page of whatever runs behind `services/…/proxy/`, on our origin: it sets no cookie, runs no script
//!    and reads nothing of ours (`Content-Security-Policy: sandbox`), and says nothing that would hold for all of our origin
//!    ([`OF_THE_ORIGIN`]).
//! 9. Where our own credential is shown, a 401 of the API server is about that, and not the caller's to mend.
//! 10. A refusal has the form of an API server's ([`status`]).
//!
//! All requests to API servers are HTTP/1.1: over HTTP/2 the callers would share one connection, and one who does not read
//! the log that he follows would hold up the others.

mod impersonation;
mod inbound;
mod passed;
mod place;
mod refusal;
mod shown;
pub(crate) mod status;

use std::sync::Arc;

use bytes::Bytes;
use gangplank_authn::token_review::{Cluster, OwnCredential};
use gangplank_authn::{Authenticator as _, Credentials, Outcome};
use gangplank_jose::UnixTime;
use http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Response, StatusCode, Uri};
use prometheus_client::metrics::counter::Counter;

use self::impersonation::Impersonation;
pub(crate) use self::impersonation::Terms;
pub(crate) use self::passed::Audiences;
pub(crate) use self::place::Place;
pub use self::refusal::ClusterRefusal;
use self::shown::Who;
pub(crate) use self::shown::{ApiServer, Shown};
use crate::audit::{self, Asked, At};
use crate::body::BodyError;
use crate::build::Route;
use crate::context::Arrival;
use crate::decision::{Decided, Decision};
use crate::exchange::Exchange;
use crate::metrics::Answer;
use crate::policy::Policy;
use crate::proxy::Upstream;
use crate::stack::{Gate, Trace};
use crate::{Body, Refusal};

/// A cluster of the configuration.
pub(crate) struct UpstreamCluster {
    pub(crate) name: String,
    /// Its `allow`.
    pub(crate) policy: Policy,
    pub(crate) mode: Mode,
    /// Whom the token that would be sent is first shown.
    pub(crate) review: Option<Arc<Cluster>>,
    pub(crate) requests: Counter,
}

/// As whom an API server is spoken to.
pub(crate) enum Mode {
    /// As the caller, by the caller's own token.
    Passthrough(Audiences),
    /// As the caller, by what the caller's token is exchanged for.
    Exchanged(Arc<Exchange>),
    /// As ourselves, saying for whom.
    Impersonate { own: OwnCredential, terms: Terms },
    /// As ourselves.
    Kubeconfig(OwnCredential),
}

impl Mode {
    /// Whether the API server is shown a token of the caller's.
    pub(crate) fn shows_token(&self) -> bool {
        matches!(self, Mode::Passthrough(_) | Mode::Exchanged(_))
    }

    /// The configuration's word for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Mode::Passthrough(_) | Mode::Exchanged(_) => "passthrough",
            Mode::Impersonate { .. } => "impersonate",
            Mode::Kubeconfig(_) => "kubeconfig",
        }
    }
}

/// A route's way into a cluster.
pub(crate) struct Behind {
    pub(crate) cluster: Arc<UpstreamCluster>,
    pub(crate) place: Place,
}

impl Gate {
    /// Passes a request on to an API server.
    #[expect(clippy::too_many_arguments, reason = "what forward takes, and the cluster")]
    pub(crate) async fn serve_cluster<B>(
        &self,
        route: &Route,
        behind: &Behind,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        mut head: Parts,
        body: B,
        decided: Decided,
        trace: &mut Trace,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        crate::trace::target(&behind.cluster.name);
        inbound::refuse_impersonation(&head.headers)?;
        if !head.method.is_safe()
            && let Some(origin) = self.foreign_origin(&decided.decision, &head.headers)
        {
            return Err(ClusterRefusal::CrossOrigin { origin }.into());
        }
        let inside = behind.place.inside(head.uri.path_and_query())?;
        let credentials = arrival.credentials(&head.headers);
        let (id, now) = (&arrival.context.id, arrival.context.now);
        let credential = self.outbound(route, None, &decided.decision, credentials, id, now).await?;

        let cluster = &behind.cluster;
        let shown = credential.for_cluster();
        let at = At {
            cluster: Some(&cluster.name),
            mode: Some(cluster.mode.name()),
            acting_for: shown.and_then(Shown::acting_for),
        };
        trace.answer = Answer::Allowed;
        cluster.requests.inc();
        audit::allowed(&arrival.context, Asked::directly(&arrival.context), &route.name, decided.decision.caller(), at);

        head.uri = Uri::from(inside);
        inbound::take_off_token_protocol(&mut head.headers);
        let ours = !cluster.mode.shows_token() && !is_proxied(head.uri.path());
        let mut response = self.forward(route, upstream, arrival, head, body, decided, credential).await?;
        if ours && response.status() == StatusCode::UNAUTHORIZED {
            return Err(ClusterRefusal::OwnRefused { cluster: cluster.name.clone() }.into());
        }
        behind.place.outside(response.headers_mut());
        for name in OF_THE_ORIGIN {
            response.headers_mut().remove(name);
        }
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

/// What a browser takes for the word of a whole origin, and keeps: to forget cookies, to go elsewhere, to tell somebody what
/// is asked of us.
const OF_THE_ORIGIN: [&str; 6] =
    ["clear-site-data", "strict-transport-security", "alt-svc", "nel", "report-to", "service-worker-allowed"];

/// Whether what answers may be something behind the API server.
fn is_proxied(path: &str) -> bool {
    path.split('/').any(|segment| segment == "proxy")
}

impl UpstreamCluster {
    /// Makes what the API server is shown of a caller whom the route has admitted. Rules 3 to 5.
    pub(crate) async fn show(
        &self,
        decision: &Decision,
        credentials: Credentials<'_>,
        request_id: &str,
        now: UnixTime,
    ) -> Result<Shown, Refusal> {
        let caller = decision.caller();
        self.policy.permit(caller.clone())?;
        let own = |own: &OwnCredential| {
            let unreadable = |cause| ClusterRefusal::OwnCredential { cluster: self.name.clone(), cause };
            own.authorization().map_err(unreadable)
        };
        let who = match &self.mode {
            Mode::Passthrough(audiences) => Who::Bearer(passed::token(caller, credentials, audiences, &self.name)?),
            Mode::Exchanged(exchange) => {
                let exchanged = Box::pin(exchange.token(decision.subject.as_ref(), caller, request_id, now)).await?;
                Who::Bearer(exchanged.authorization().clone())
            }
            Mode::Impersonate { own: ours, terms } => {
                Who::For { own: own(ours)?, caller: Impersonation::of(caller, terms)? }
            }
            Mode::Kubeconfig(ours) => Who::Us(own(ours)?),
        };
        if let (Who::Bearer(token), Some(review)) = (&who, &self.review) {
            self.ask(review, token, now).await?;
        }
        Ok(Shown::new(&self.name, who))
    }

    /// The token for this cluster, for an upstream that goes there by itself.
    pub(crate) async fn token(
        &self,
        decision: &Decision,
        credentials: Credentials<'_>,
        request_id: &str,
        now: UnixTime,
    ) -> Result<HeaderValue, Refusal> {
        let shown = self.show(decision, credentials, request_id, now).await?;
        shown.into_token().ok_or(Refusal::Defect("a cluster that is shown no token was chosen by a request"))
    }

    async fn ask(&self, review: &Cluster, token: &HeaderValue, now: UnixTime) -> Result<(), Refusal> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, token.clone())]);
        match review.authenticate(Credentials::headers(&headers), now).await {
            Outcome::Authenticated(_) => Ok(()),
            Outcome::Rejected(why) => Err(Refusal::Authentication(why)),
            Outcome::NotMine(gangplank_authn::NotMine::Unknown(why)) => Err(Refusal::Authentication(why)),
            Outcome::NotMine(_) => Err(Refusal::Defect("a review of no token")),
            Outcome::Unavailable(why) => Err(Refusal::Undecided(why)),
        }
    }
}
