//! The span of a request as a whole.

use std::borrow::Cow;
use std::sync::Mutex;
use std::time::Instant;

use gangplank_jose::Reason;
use http::StatusCode;
use http::header::USER_AGENT;
use http::request::Parts;

use super::context::{SpanContext, TraceId};
use super::span::{Shared, Span};
use super::{Tracer, known_method, method_in_name, names, shown, version};
use crate::context::Arrival;
use crate::forwarded::host_of;
use crate::health;
use crate::request_path::RequestPath;
use crate::stack::{Gate, Trace};

impl Gate {
    /// Begins the span of a request, if there is telemetry.
    pub(crate) fn begin_trace(&self, head: &Parts, arrival: &Arrival<'_>) -> Span {
        match &self.tracer {
            Some(tracer) if !health::is_health(&arrival.context.path) => self.begin_span(tracer, head, arrival),
            _ => Span::NONE,
        }
    }

    #[cold]
    fn begin_span(&self, tracer: &Tracer, head: &Parts, arrival: &Arrival<'_>) -> Span {
        let told = SpanContext::from_headers(&head.headers);
        let (parent, link) = if arrival.trusted || tracer.trust_incoming { (told, None) } else { (None, told) };
        let trace = parent.map_or_else(TraceId::fresh, |parent| parent.trace);
        let shared = Shared {
            sink: tracer.sink.clone(),
            trace,
            sampled: parent.map_or_else(|| tracer.sampler.records(trace), |parent| parent.sampled),
            continued: parent.is_some(),
            began: (self.clock.nanos(), Instant::now()),
            said: Mutex::default(),
        };
        let mut span = Span::root(shared, parent.map(|parent| parent.span), link);
        if span.is_recorded() {
            self.describe_request(&mut span, head, arrival);
        }
        span
    }

    fn describe_request(&self, span: &mut Span, head: &Parts, arrival: &Arrival<'_>) {
        let context = &arrival.context;
        span.rename(Cow::Borrowed(method_in_name(&context.method)));
        span.set(names::METHOD, known_method(&context.method));
        span.set(names::URL_PATH, shown::text(&context.path));
        span.set(names::URL_SCHEME, self.hosts.scheme());
        span.set(names::PROTOCOL_VERSION, version(head.version));
        span.set(names::CLIENT_ADDRESS, context.client.to_string());
        span.set(names::PEER_ADDRESS, arrival.peer.to_string());
        span.set(names::REQUEST_ID, shown::id(&context.id));
        let host = host_of(&context.authority);
        if self.table.knows(host) {
            span.set(names::SERVER_ADDRESS, shown::text(host));
            if let Ok(port) = self.port_of(&context.authority).parse::<u16>() {
                span.set(names::SERVER_PORT, port);
            }
        }
        if let Some(agent) = head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()) {
            span.set(names::USER_AGENT, shown::text(agent));
        }
    }

    /// Ends it, with the head of the answer.
    pub(crate) fn end_trace(
        &self,
        mut span: Span,
        arrival: &Arrival<'_>,
        trace: &Trace,
        status: StatusCode,
        refused: Option<&'static Reason>,
    ) {
        if span.is_recorded() {
            self.describe_answer(&mut span, arrival, trace, status, refused);
        }
        span.answer();
    }

    fn describe_answer(
        &self,
        span: &mut Span,
        arrival: &Arrival<'_>,
        trace: &Trace,
        status: StatusCode,
        refused: Option<&'static Reason>,
    ) {
        let route = trace.route.and_then(|id| self.routes.get(id));
        let endpoint = self.endpoint_of(&arrival.context.path);
        if let Some(route) = route {
            span.set(names::ROUTE, route.name.clone());
        }
        let method = method_in_name(&arrival.context.method);
        match (&endpoint, route) {
            (Some(endpoint), _) => span.rename(format!("{method} {endpoint}").into()),
            (None, Some(route)) => span.rename(format!("{method} {}", route.name).into()),
            (None, None) => {}
        }
        if let Some(http_route) = endpoint.or_else(|| route.map(|route| route.path.clone())) {
            span.set(names::HTTP_ROUTE, http_route);
        }
        span.set(names::STATUS, status.as_u16());
        if let Some(reason) = refused {
            span.set(names::REFUSAL, reason.name);
        }
        if status.is_server_error() {
            match refused {
                Some(reason) => span.fail(reason.name),
                None => span.fail(status.as_str().to_owned()),
            }
        }
    }

    /// Which of the gate's own endpoints a path is, as the configuration and we spell it.
    fn endpoint_of(&self, path: &str) -> Option<String> {
        const ENDPOINTS: [&str; 8] =
            ["auth", "start", "sign_in", "callback", "sign_out", "signed_out", "userinfo", "static"];
        const OF_SERVERS: [&str; 6] =
            ["authorize", "consent", "callback", "token", "register", ".well-known/openid-configuration"];
        let path = RequestPath::parse(path).ok()?;
        let below = self.own_path(&path).ok()??;
        let mut parts = below.splitn(3, '/');
        let first = parts.next().unwrap_or_default();
        if first == "as" {
            let (server, endpoint) = (parts.next()?, parts.next()?);
            let server = self.authorization_servers.iter().find(|known| known.name() == server)?;
            let endpoint = OF_SERVERS.into_iter().find(|known| *known == endpoint)?;
            return Some(format!("{}/as/{}/{endpoint}", self.prefix, server.name()));
        }
        let known = ENDPOINTS.into_iter().find(|known| *known == first)?;
        Some(format!("{}/{known}", self.prefix))
    }
}
