//! The way of a request through the gate, in order. Whatever stops it is a [`Refusal`], and leaves through
//! [`rescue`](crate::rescue).
//!
//! 1. Its head is read: who hands it over, who asked, for what. A trusted proxy is seen through.
//! 2. Health, by exact path.
//! 3. A request without one host, or with a path that can be read in two ways, goes no further.
//! 4. The gate's own endpoints, below the prefix; and the metadata of its authorization servers.
//! 5. A host that the configuration knows, and a route; before it, what clients of MCP servers look for
//!    ([`well_known`](crate::mcp)). A server that answers TRACE would send back what we showed it, and CONNECT is no
//!    request for anything behind a route: neither goes further.
//! 6. Of an MCP server: a preflight, and pages of other origins ([`mcp`](crate::mcp)).
//! 7. Who calls, and may they: a [`Permit`](crate::policy).
//! 8. Of an MCP server: the session, the messages and the target.
//! 9. What the upstream is shown of the caller: an [`OutboundCredential`](crate::outbound).
//! 10. The upstream.
//!
//! Every way out is counted; every decision leaves one audit line: that a caller passes is written when nothing but the
//! upstream can stop the request any more. What is left of the request's body after the answer is read
//! ([`leftover`](crate::leftover)).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gangplank_authn::session::RuleGroups;
use gangplank_authn::{Authenticator, Chain, Challenge, Issuer};
use gangplank_jose::Fault;
use gangplank_net::Peer;
use gangplank_oauth::Clock;
use http::header::{AUTHORIZATION, HeaderMap};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use tokio::task::JoinSet;

use crate::audit::{self, Asked, At};
use crate::authorization_server::AuthorizationServer;
use crate::body::BodyError;
use crate::build::Route;
use crate::cluster::{UpstreamCluster, status};
use crate::context::Arrival;
use crate::decision::Decisions;
use crate::forwarded::{Believed, Original, host_of};
use crate::headers::OwnCookies;
use crate::health::{self, NotReady};
use crate::hosts::Hosts;
use crate::leftover::Leftover;
use crate::mcp::{Cors, Place, is_well_known};
use crate::metrics::{Answer, By, RouteMetrics};
use crate::pages::Pages;
use crate::request_path::{RequestPath, lenient};
use crate::rescue::Offer;
use crate::route::{RouteId, Routes};

use crate::shared::Shared;
use crate::sign_in::SignIn;
use crate::token_review::TokenReviewServer;
use crate::trace::{Tracer, within};
use crate::{Body, Refusal};

/// One configuration, ready to answer. A reload builds another and swaps it in whole.
pub struct Gate {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) pages: Arc<Pages>,

    pub(crate) own_cookies: OwnCookies,
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) rule_groups: RuleGroups,
    pub(crate) decisions: Decisions,
    pub(crate) believed: Believed,
    pub(crate) routes: Vec<Route>,
    /// Those of `[clusters]`, for requests that choose one themselves.
    pub(crate) clusters: HashMap<String, Arc<UpstreamCluster>>,
    pub(crate) table: Routes,
    /// The MCP servers among the routes.
    pub(crate) places: Vec<Place>,
    pub(crate) by_name: HashMap<String, RouteId>,
    /// The names of all clients, for a sign-in that no route asked for.
    pub(crate) clients: Vec<String>,
    pub(crate) prefix: String,
    pub(crate) allowed_status: StatusCode,
    pub(crate) redirect_from_auth: bool,
    pub(crate) issuers: Vec<Arc<Issuer>>,
    /// Those that some route needs.
    pub(crate) needed: Vec<Arc<Issuer>>,
    /// Those of `[authenticators]` that judge credentials.
    pub(crate) authenticators: Vec<Arc<dyn Authenticator>>,
    /// The webhook beside it.
    pub(crate) token_review: Option<Arc<TokenReviewServer>>,
    /// Of the client certificates that some of them read off our own listener.
    pub(crate) client_authorities: Option<Vec<Vec<u8>>>,
    /// Everybody whose word some route takes, for `userinfo`.
    pub(crate) chain: Option<Arc<Chain>>,
    /// What that chain would understand.
    pub(crate) challenges: Vec<Challenge>,
    /// `[authorization_servers]`.
    pub(crate) authorization_servers: Vec<AuthorizationServer>,
    /// Who makes traces, if anybody does.
    pub(crate) tracer: Option<Tracer>,
    /// What is counted for no route.
    pub(crate) elsewhere: RouteMetrics,
}

/// The tasks behind a gate. They stop when this is dropped.
#[derive(Debug)]
pub struct Background(#[expect(dead_code, reason = "held for its drop, which aborts")] JoinSet<()>);

impl Background {
    pub(crate) fn of(tasks: JoinSet<()>) -> Self {
        Background(tasks)
    }
}

/// What becomes known of a request on its way, for the counters, the audit line and the way out.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) route: Option<RouteId>,
    pub(crate) by: By,
    pub(crate) answer: Answer,
    /// With forward-auth: what the proxy's client asked for.
    pub(crate) original: Option<Original>,
    pub(crate) offer: Option<Offer>,
    /// Whether a bearer token was presented.
    pub(crate) bearer: bool,
    /// What the answer says about the pages that may read it.
    pub(crate) cors: Option<Cors>,
}

impl Gate {
    /// Answers a request.
    pub async fn handle<B>(self: &Arc<Self>, request: Request<B>, peer: Peer) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let body = Leftover::of(body, &head.headers);
        let arrival = Arrival::read(&head, &peer, self.clock.now(), &self.believed);
        let mut trace = Trace { bearer: presents_bearer(&head.headers), ..Trace::default() };
        let span = self.begin_trace(&head, &arrival);
        let answered = within(&span, self.answer(&arrival, head, body, &mut trace)).await;
        let refused = answered.as_ref().err().map(Refusal::reason);
        let mut response = answered.unwrap_or_else(|refusal| self.refuse(&refusal, &arrival, &mut trace));
        self.end_trace(span, &arrival, &trace, response.status(), refused);
        let metrics = trace.route.and_then(|id| self.routes.get(id)).map_or(&self.elsewhere, |route| &route.metrics);
        metrics.count(trace.answer, trace.by, started.elapsed());
        if let Some(cors) = &trace.cors {
            cors.write(response.headers_mut());
        }
        response
    }

    async fn answer<B>(
        &self,
        arrival: &Arrival<'_>,
        head: Parts,
        body: B,
        trace: &mut Trace,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let context = &arrival.context;
        if let Some(health) = health::answer(&context.method, &context.path, || !self.readiness().is_empty()) {
            return Ok(health);
        }
        if let Some(problem) = &arrival.problem {
            return Err(problem.clone());
        }
        let path = RequestPath::parse(&context.path)?;
        if let Some(endpoint) = self.own_path(&path)? {
            return self.endpoint(endpoint, arrival, &head, body, trace).await;
        }
        if let Some(metadata) = self.authorization_server_metadata(path.as_str(), context)? {
            return Ok(metadata);
        }
        let host = host_of(&context.authority);
        if !self.table.knows(host) {
            return Err(Refusal::HostUnknown(host.to_owned()));
        }
        // In a box: most requests are for something else.
        if is_well_known(&path)
            && let Some(metadata) = Box::pin(self.well_known(&path, context, trace)).await?
        {
            return Ok(metadata);
        }
        let route = self.routes.get(self.table.find(host, &path, Some(&context.method))?);
        let route = route.ok_or(Refusal::Defect("a route that is in the table only"))?;
        trace.route = Some(route.id);
        let upstream = route.upstream.as_ref().ok_or_else(|| Refusal::RouteWithoutUpstream(route.name.clone()))?;
        if matches!(context.method, Method::TRACE | Method::CONNECT) {
            return Err(Refusal::RouteMethod { method: context.method.to_string(), allow: String::new() });
        }
        if let Some(mcp) = &route.mcp
            && let Some(answer) = mcp.before(&head, trace)?
        {
            return Ok(answer);
        }
        let decided = match self.decide(route, arrival.credentials(&head.headers), context.now).await {
            Ok(decided) => decided,
            Err(refusal) => {
                trace.offer = Some(offer(route, &context.authority, &context.path, context.query.as_deref(), true));
                return Err(refusal);
            }
        };
        trace.by = decided.decision.caller().method().into();
        // In boxes, as they are large: a check's future would else have the size of a proxied request's.
        if let Some(behind) = &route.cluster {
            return Box::pin(self.serve_cluster(route, behind, upstream, arrival, head, body, decided, trace)).await;
        }
        if let Some(mcp) = &route.mcp {
            return Box::pin(self.serve_mcp(route, mcp, upstream, arrival, head, body, decided, trace)).await;
        }
        let (credentials, id) = (arrival.credentials(&head.headers), &context.id);
        let credential = match self.outbound(route, None, &decided.decision, credentials, id, context.now).await {
            Ok(credential) => credential,
            Err(refusal) => {
                let offer = offer(route, &context.authority, &context.path, context.query.as_deref(), true);
                // The provider may want to see the person again: the one that was asked, and no other.
                let asked = route.exchange.as_ref().map(|exchange| &exchange.client.name);
                let asked = asked.filter(|name| offer.clients.contains(name)).cloned();
                trace.offer = Some(match asked {
                    Some(client) => Offer { clients: vec![client], ..offer },
                    None => offer,
                });
                return Err(refusal);
            }
        };
        trace.answer = Answer::Allowed;
        audit::allowed(context, Asked::directly(context), &route.name, decided.decision.caller(), At::default());
        Box::pin(self.forward(route, upstream, arrival, head, body, decided, credential)).await
    }

    fn refuse(&self, refusal: &Refusal, arrival: &Arrival<'_>, trace: &mut Trace) -> Response<Body> {
        let context = &arrival.context;
        let reason = refusal.reason();
        self.shared.metrics().refused(reason);
        let route = trace.route.and_then(|id| self.routes.get(id)).map(|route| route.name.as_str());
        let asked = match &trace.original {
            Some(original) => Asked {
                method: original.method.as_ref().map_or("", http::Method::as_str),
                host: &original.authority,
                path: &original.path,
            },
            None => Asked::directly(context),
        };
        self.shared.refusals().remember(context, asked, route, refusal);
        // Who was let pass, and then met an upstream that is not there, was not refused by us.
        if trace.answer != Answer::Allowed || reason.fault == Fault::Caller {
            audit::refused(context, asked, route, refusal);
        }
        match reason.fault {
            Fault::Caller | Fault::Token => {
                tracing::debug!(request_id = context.id, reason = reason.name, detail = %refusal, "refused");
            }
            Fault::Provider | Fault::Upstream | Fault::Operator | Fault::Us => tracing::warn!(
                request_id = context.id,
                reason = reason.name,
                fault = reason.fault.name(),
                detail = %refusal,
                remedy = reason.remedy,
                "{}", reason.summary
            ),
        }
        if trace.by == By::Nothing && trace.bearer {
            trace.by = By::Bearer;
        }
        let challenges = trace.route.and_then(|id| self.routes.get(id)).map_or(&self.challenges, |r| &r.challenges);
        let (response, answer) = self.rescue(refusal, context, trace.bearer, challenges, trace.offer.as_ref());
        trace.answer = answer;
        let to_cluster = trace.route.and_then(|id| self.routes.get(id)).is_some_and(|route| route.cluster.is_some());
        if to_cluster && !context.navigation { status::say(response, refusal, &context.id) } else { response }
    }

    /// What of the path is below the prefix: `auth`, `static/…`, or empty for the prefix itself.
    pub(crate) fn own_path<'p>(&self, path: &'p RequestPath<'_>) -> Result<Option<&'p str>, Refusal> {
        let below = |path: &'p str, prefix: &str| match path.strip_prefix(prefix) {
            Some("") => Some(""),
            Some(rest) => rest.strip_prefix('/'),
            None => None,
        };
        let plain = below(path.as_str(), &self.prefix);
        match path.lenient().map(|path| below(path, &lenient(&self.prefix))) {
            Some(lenient) if lenient.is_some() != plain.is_some() => {
                Err(Refusal::PathAmbiguous("leads to the gate's own endpoints in one reading and not in another"))
            }
            _ => Ok(plain),
        }
    }

    /// The webhook beside it, if there is one.
    pub fn token_review(&self) -> Option<&Arc<TokenReviewServer>> {
        self.token_review.as_ref()
    }

    /// Starts what keeps metadata and keys of all issuers fresh.
    pub fn start(self: &Arc<Self>) -> Background {
        let mut tasks = JoinSet::new();
        for issuer in &self.issuers {
            tasks.spawn(issuer.clone().keep_fresh());
        }
        for work in self.authenticators.iter().filter_map(|authenticator| authenticator.clone().keep_fresh()) {
            tasks.spawn(work);
        }
        Background(tasks)
    }

    /// Asks every issuer for its metadata and keys, and says what came, or why nothing did.
    pub async fn reach_issuers(&self) -> Vec<(String, Result<String, String>)> {
        let mut all = Vec::new();
        for issuer in &self.issuers {
            let what = if issuer.provider().is_some() { "metadata, and " } else { "" };
            let reached = issuer.fetch().await.map(|keys| format!("{what}{keys} keys"));
            all.push((issuer.name().to_owned(), reached));
        }
        all
    }

    /// The names (DER, without the sequence around them) of the authorities whose client certificates the listener should
    /// ask for; `None` if it should ask for none.
    pub fn client_authorities(&self) -> Option<Vec<Vec<u8>>> {
        self.client_authorities.clone()
    }

    /// What some route needs and was never reached or read. Empty: it can do its work.
    pub fn readiness(&self) -> Vec<NotReady> {
        let waiting = self.needed.iter().filter(|issuer| !issuer.ready()).map(|issuer| issuer.name().to_owned());
        let sources = self.authenticators.iter().flat_map(|authenticator| authenticator.health());
        let unread = sources.filter(|source| !source.ready).map(|source| source.name);
        waiting.chain(unread).map(|issuer| NotReady { issuer }).collect()
    }

    /// Answers on the listener for machines: `/metrics`, `/healthz`, `/readyz`; to this machine alone
    /// `/explain/REQUEST-ID`; and nothing else.
    pub fn operations<B>(&self, request: &Request<B>, peer: &Peer) -> Response<Body> {
        let sources = || {
            let issuers = self.issuers.iter().map(|issuer| issuer.source_health());
            issuers.chain(self.authenticators.iter().flat_map(|authenticator| authenticator.health())).collect()
        };
        for issuer in &self.issuers {
            self.shared.metrics().keys(issuer.name(), &issuer.health());
        }
        let waiting_for = || self.readiness().into_iter().map(|waiting| waiting.issuer).collect();
        health::operations(request, peer, &self.shared, sources, waiting_for, self.clock.now())
    }
}

/// Where somebody could sign in to get to this page of this route.
pub(crate) fn offer(route: &Route, authority: &str, path: &str, query: Option<&str>, redirect: bool) -> Offer {
    Offer {
        clients: route.sign_in.clone(),
        authority: authority.to_owned(),
        target: match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        },
        redirect: redirect && !route.sign_in.is_empty(),
    }
}

fn presents_bearer(headers: &HeaderMap) -> bool {
    let scheme = |v: &http::HeaderValue| v.as_bytes().get(..6).is_some_and(|s| s.eq_ignore_ascii_case(b"bearer"));
    headers.get_all(AUTHORIZATION).iter().any(scheme)
}
