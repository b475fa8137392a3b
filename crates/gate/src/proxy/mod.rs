//! The reverse proxy: a permitted request goes to the route's upstream, and its answer comes back, as they stream.
//!
//! 1. What belongs to the connection is taken off ([`hop_by_hop`]), then what only we may say ([`headers`]), then our
//!    cookie. Where the configuration tells methods apart, headers that frameworks let stand for the method go too.
//!    Of `Authorization` the [`OutboundCredential`] decides, without which nothing is sent.
//! 2. `Host`, `X-Forwarded-{For,Proto,Host,Port}`, `X-Real-IP`, `X-Request-Id` and the identity headers are set; an API
//!    server gets `Audit-ID` instead of those.
//!    `X-Forwarded-For` is continued if the peer is a trusted proxy, and begun anew if not.
//! 3. Path and query go on as they came: they were judged as they came.
//! 4. The upstream's time begins anew with every part of a request body that arrives, so that an upload takes as long
//!    as it takes. After the head of the answer there is no limit but the caller's own end ([`lifetime`]).
//! 5. After the upstream's 101, and not before, the connection becomes a tunnel ([`upgrade`]).
//! 6. The answer loses what belongs to the connection and any cookie set in our name.
//!
//! Nothing is sent twice: whether a request that failed may be repeated is for who made it to say.

mod hop_by_hop;
mod lifetime;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_net::{UpstreamClient, UpstreamError};
use gangplank_oauth::Clock;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN, SET_COOKIE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::Instant;

use self::lifetime::{Mortal, Progress, Upload};
use crate::body::BodyError;
use crate::build::Route;
use crate::cluster::ApiServer;
use crate::context::{Arrival, X_REQUEST_ID};
use crate::decision::{Decided, Decision};
use crate::forwarded::host_of;
use crate::headers::Texts;
use crate::outbound::OutboundCredential;
use crate::stack::Gate;
use crate::trace::{call, called};
use crate::{Body, Refusal, headers};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// How many headers are set beside those of the identity, `Host` and an upgrade's included.
const NAMES_SET: usize = 9;

/// Where a route leads.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    pub(crate) way: Way,
    /// To the head of the answer.
    pub(crate) timeout: Duration,
    /// Whether the upstream gets the client's `Host`.
    pub(crate) pass_host: bool,
}

/// How it is reached.
#[derive(Debug)]
pub(crate) enum Way {
    /// As any server is.
    Plain(UpstreamClient<Body>),
    /// An API server, as [`cluster`](crate::cluster) says.
    ApiServer(ApiServer),
}

impl Way {
    /// Takes off what the caller shows, puts on what the upstream is to see, and gives the way there.
    fn dress(
        &self,
        headers: &mut HeaderMap,
        credential: &OutboundCredential,
    ) -> Result<&UpstreamClient<Body>, Refusal> {
        match self {
            Way::Plain(client) => {
                credential.apply(headers);
                Ok(client)
            }
            Way::ApiServer(server) => server.dress(headers, credential.for_cluster()),
        }
    }
}

impl Gate {
    /// Passes a permitted request on.
    #[expect(clippy::too_many_arguments, reason = "the request, whose it is, and where it goes")]
    pub(crate) async fn forward<B>(
        &self,
        route: &Route,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        mut head: Parts,
        body: B,
        decided: Decided,
        credential: OutboundCredential,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let wanted = hop_by_hop::take_from_request(&mut head.headers, head.version);
        if wanted.is_some()
            && let Some(origin) = self.foreign_origin(&decided.decision, &head.headers)
        {
            return Err(Refusal::CrossOriginUpgrade(origin));
        }
        let on_client = head.extensions.remove::<OnUpgrade>().filter(|_| wanted.is_some());
        self.rewrite(route, upstream, arrival, &mut head.headers, &decided.decision);
        let client = upstream.way.dress(&mut head.headers, &credential)?;
        if let Some(protocol) = wanted.filter(|_| on_client.is_some()) {
            head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            head.headers.insert(UPGRADE, protocol);
        }
        // A request without a body makes no progress to note.
        let progress = (!body.is_end_stream()).then(|| Arc::new(Progress::new()));
        let mut request = Request::new(progress.as_ref().map_or(Body::empty(), |noted| upload(body, noted.clone())));
        *request.method_mut() = head.method;
        *request.uri_mut() = target(upstream, head.uri.path_and_query())?;
        *request.headers_mut() = head.headers;
        frame(&mut request, upstream);

        let life = decided.decision.life.clone();
        let span = call(&mut request);
        let answer = self.send(upstream, client, request, progress.as_deref(), &decided.decision, arrival).await;
        called(span, answer.as_ref().map_err(|refusal| refusal.reason().name));
        let answer = answer.inspect_err(|refusal| {
            self.shared.metrics().upstream_error(&route.name, refusal.reason().name);
        })?;
        let (mut head, incoming) = answer.into_parts();
        let became = hop_by_hop::take_from_response(&mut head.headers, head.status);
        match upstream.way {
            Way::Plain(_) => self.own_cookies.drop_set_by_others(&mut head.headers),
            Way::ApiServer(_) => drop(head.headers.remove(SET_COOKIE)),
        }
        if let Some(cookie) = decided.set_cookie {
            head.headers.append(SET_COOKIE, cookie);
            // A cache in front would hand the cookie to everybody.
            head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let (Some(on_client), Some(protocol)) = (on_client, became) else {
                return Err(broken(upstream, "it switched protocols without having been asked"));
            };
            let Some(on_upstream) = head.extensions.remove::<OnUpgrade>() else {
                return Err(broken(upstream, "it switched protocols and kept the connection"));
            };
            upgrade::tunnel(on_client, on_upstream, life, self.clock.clone());
            head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            head.headers.insert(UPGRADE, protocol);
            return Ok(answer_with(head, Body::empty()));
        }
        Ok(answer_with(head, download(incoming, life, self.clock.clone())))
    }

    /// The page of another origin that asks with what this browser sends by itself: a session, a password or a certificate.
    /// It must not open a WebSocket: the same-origin policy does not hold for them.
    pub(crate) fn foreign_origin(&self, decision: &Decision, headers: &HeaderMap) -> Option<String> {
        use gangplank_authn::Method as By;
        if !matches!(decision.caller().method(), By::Session | By::Basic | By::Certificate) {
            return None;
        }
        let text = headers.get(ORIGIN)?.to_str().unwrap_or("");
        let known = url::Url::parse(text).is_ok_and(|url| self.hosts.is_own_origin(&url));
        (!known).then(|| text.chars().take(128).collect())
    }

    fn rewrite(
        &self,
        route: &Route,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        map: &mut HeaderMap,
        decision: &Decision,
    ) {
        let hops = arrival.trusted.then(|| joined(map, &X_FORWARDED_FOR)).flatten();
        let dropped = |name: &&HeaderName| {
            headers::is_ours(name.as_str()) || route.methods_matter && headers::is_method_override(name.as_str())
        };
        let dropped: Vec<HeaderName> = map.keys().filter(dropped).cloned().collect();
        for name in dropped {
            map.remove(name);
        }
        self.strip_cookie(map);

        map.reserve(NAMES_SET + decision.identity.len());
        let context = &arrival.context;
        let mut texts = Texts::with_capacity(192);
        let host = texts.text(&context.authority);
        // HTTP/2 has one place for the host and for whom to connect to.
        match &host {
            Some(host) if upstream.pass_host && upstream.scheme.as_str() != "h2c" => map.insert(HOST, host.clone()),
            _ => map.remove(HOST),
        };
        let client = texts.formatted(format_args!("{}", context.client));
        let chain = match hops {
            Some(hops) => texts.formatted(format_args!("{hops}, {}", arrival.peer)),
            None if context.client == arrival.peer => client.clone(),
            None => texts.formatted(format_args!("{}", arrival.peer)),
        };
        for (name, value) in [
            (X_FORWARDED_HOST, host),
            (X_FORWARDED_FOR, chain),
            (X_FORWARDED_PORT, texts.text(self.port_of(&context.authority))),
            (X_REAL_IP, client),
            (X_REQUEST_ID, texts.text(&context.id)),
        ] {
            if let Some(value) = value {
                map.insert(name, value);
            }
        }
        map.insert(X_FORWARDED_PROTO, HeaderValue::from_static(self.hosts.scheme()));
        if matches!(upstream.way, Way::Plain(_)) {
            map.extend(decision.identity.iter().map(|(name, value)| (name.clone(), value.clone())));
        } else if let Ok(id) = HeaderValue::from_str(&context.id) {
            // By which an API server's own audit log and ours can be put side by side.
            map.insert(AUDIT_ID, id);
        }
    }

    /// Takes our cookie out, and joins what HTTP/2 may have split (RFC 9113 §8.2.3).
    fn strip_cookie(&self, map: &mut HeaderMap) {
        if !map.contains_key(COOKIE) {
            return;
        }
        let sent = map.get_all(COOKIE).iter();
        let kept: Vec<HeaderValue> = sent.filter_map(|v| headers::without_own_cookie(v, &self.own_cookies)).collect();
        map.remove(COOKIE);
        let joined = match kept.as_slice() {
            [] => return,
            [one] => Ok(one.clone()),
            many => {
                HeaderValue::from_bytes(&many.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]))
            }
        };
        if let Ok(joined) = joined {
            map.insert(COOKIE, joined);
        }
    }

    pub(crate) fn port_of<'a>(&self, authority: &'a str) -> &'a str {
        let named = authority.strip_prefix(host_of(authority)).and_then(|rest| rest.strip_prefix(':'));
        named.unwrap_or(if self.hosts.is_https() { "443" } else { "80" })
    }

    async fn send(
        &self,
        upstream: &Upstream,
        client: &UpstreamClient<Body>,
        request: Request<Body>,
        progress: Option<&Progress>,
        decision: &Decision,
        arrival: &Arrival<'_>,
    ) -> Result<Response<Incoming>, Refusal> {
        let start = Instant::now();
        let until = decision.life.as_ref().map(|life| start + life.ends.since(arrival.context.now));
        let deadline = || progress.map_or(start, Progress::last) + upstream.timeout;
        let mut sending = std::pin::pin!(client.send(request));
        loop {
            let wake = until.map_or(deadline(), |until| until.min(deadline()));
            match tokio::time::timeout_at(wake, &mut sending).await {
                Ok(answer) => return answer.map_err(|error| refusal(upstream, error)),
                Err(_) if until.is_some_and(|until| until <= Instant::now()) => {
                    return Err(Refusal::EndedWaiting(upstream.authority.to_string()));
                }
                Err(_) if deadline() <= Instant::now() => {
                    let after = upstream.timeout;
                    return Err(Refusal::UpstreamTimeout { upstream: upstream.authority.to_string(), after });
                }
                // Something of the body arrived meanwhile.
                Err(_) => {}
            }
        }
    }
}

fn target(upstream: &Upstream, path: Option<&PathAndQuery>) -> Result<Uri, Refusal> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(upstream.scheme.clone());
    parts.authority = Some(upstream.authority.clone());
    parts.path_and_query = Some(path.cloned().unwrap_or(PathAndQuery::from_static("/")));
    Uri::from_parts(parts).map_err(|_| Refusal::Defect("an upstream's URI does not come together"))
}

/// hyper takes it that a GET of unknown length has no body, unless it is told.
fn frame(request: &mut Request<Body>, upstream: &Upstream) {
    let unlikely = matches!(*request.method(), Method::GET | Method::HEAD);
    let unknown = !http_body::Body::is_end_stream(request.body())
        && http_body::Body::size_hint(request.body()).exact().is_none()
        && !request.headers().contains_key(CONTENT_LENGTH);
    let over_1 = upstream.scheme == Scheme::HTTP || upstream.scheme == Scheme::HTTPS;
    if unlikely && unknown && over_1 {
        request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

fn upload<B>(body: B, progress: Arc<Progress>) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    Body::Stream(UnsyncBoxBody::new(Upload::new(Box::pin(body.map_err(Into::into)), progress)))
}

fn download(incoming: Incoming, life: Option<Arc<crate::session::Life>>, clock: Arc<dyn Clock>) -> Body {
    if http_body::Body::is_end_stream(&incoming) {
        return Body::empty();
    }
    Body::Stream(match life {
        Some(life) => UnsyncBoxBody::new(Mortal::new(incoming, life, clock)),
        None => UnsyncBoxBody::new(incoming.map_err(Into::into)),
    })
}

fn answer_with(head: http::response::Parts, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

fn joined(map: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = map.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn broken(upstream: &Upstream, cause: &str) -> Refusal {
    Refusal::UpstreamProtocol { upstream: upstream.authority.to_string(), cause: cause.to_owned() }
}

fn refusal(to: &Upstream, error: UpstreamError) -> Refusal {
    let upstream = to.authority.to_string();
    match error {
        UpstreamError::Connect { cause } | UpstreamError::Tls { cause } => Refusal::UpstreamConnect { upstream, cause },
        UpstreamError::ConnectTimeout { after } => Refusal::UpstreamTimeout { upstream, after },
        UpstreamError::RequestBody { .. } => Refusal::BodyBroken,
        UpstreamError::Broken { cause } | UpstreamError::Uri { cause } => Refusal::UpstreamProtocol { upstream, cause },
    }
}
