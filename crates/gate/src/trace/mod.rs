//! What a trace tells of a request: which spans there are, what they are called, and what is said of each.
//!
//! | span | kind | what |
//! |---|---|---|
//! | `GET ROUTE` (`request`) | server | the request, to the head of its answer |
//! | `authenticate` (`authenticate`) | internal | who calls, and may they |
//! | `exchange NAME` (`exchange`) | internal | from the caller's token to another |
//! | `POST` (`call`) | client | one HTTP request of ours: to an upstream, or to a provider |
//!
//! 1. Without `[telemetry]` there is no [`Tracer`], no span and no allocation, and `traceparent` passes as it came.
//! 2. A caller's `traceparent` is continued if the peer is a trusted proxy, or if all are to be believed. Anybody else's trace
//!    is linked to, and one of our own begins: nobody from outside decides what is recorded, or writes into our traces.
//! 3. Whoever is asked next gets a `traceparent` of ours, sampled or not.
//! 4. Spans end with the head of the answer, the server's and the client's alike: a watch or an event stream lasts for hours,
//!    and a span that is known only then helps nobody.
//! 5. No token, secret, cookie, query, subject or address of a person is in a span. Texts that callers choose go through
//!    [`shown`]; everything else is of the configuration, of the catalogue of refusals, or a word of ours.
//! 6. Health checks leave no trace.

mod call;
mod context;
mod exchange;
mod names;
mod propagation;
mod record;
mod request;
mod sampler;
pub mod shown;
mod span;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::Method;

pub(crate) use self::call::{call, called};
pub use self::context::{SpanContext, SpanId, TraceId};
pub(crate) use self::exchange::{exchange, exchanged};
pub(crate) use self::propagation::observed;
pub use self::record::{SpanKind, SpanRecord, SpanSink, Value};
use self::sampler::Sampler;
pub(crate) use self::span::{Place, Span, within};
use crate::Refusal;
use crate::decision::Decided;

/// Makes traces. One per configuration.
#[derive(Clone)]
pub struct Tracer {
    sink: Arc<dyn SpanSink>,
    sampler: Sampler,
    trust_incoming: bool,
}

impl Tracer {
    /// Spans go to `sink`. Of the traces that begin here, `sample` (0 to 1) are recorded. `trust_incoming`: every caller's
    /// trace is continued.
    pub fn new(sink: Arc<dyn SpanSink>, sample: f64, trust_incoming: bool) -> Self {
        Tracer { sink, sampler: Sampler::new(sample), trust_incoming }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("trust_incoming", &self.trust_incoming).finish_non_exhaustive()
    }
}

/// Who calls, and may they.
pub(crate) fn authenticate() -> Span {
    Span::begin(|| Cow::Borrowed(names::AUTHENTICATE), SpanKind::Internal)
}

/// What came of it.
pub(crate) fn authenticated(mut span: Span, decided: &Result<Decided, Refusal>) {
    if span.is_recorded() {
        match decided {
            Ok(decided) => {
                let caller = decided.decision.caller();
                span.set(names::AUTH_OUTCOME, "allowed");
                span.set(names::AUTH_METHOD, caller.method().name());
                if !caller.identity().issuer.is_empty() {
                    span.set(names::AUTH_ISSUER, caller.identity().issuer.clone());
                }
            }
            Err(refusal) => {
                let reason = refusal.reason();
                let undecided = matches!(refusal, Refusal::Undecided(_));
                span.set(names::AUTH_OUTCOME, if undecided { "undecided" } else { "refused" });
                span.set(names::REFUSAL, reason.name);
                if undecided {
                    span.fail(reason.name);
                }
            }
        }
    }
    span.answer();
}

/// The JSON-RPC message at hand: its method, the tool that it calls, and the cluster that was chosen.
pub(crate) fn message(method: &str, tool: Option<&str>, target: Option<&str>) {
    span::say(names::MCP_METHOD, || Some(known_mcp_method(method).into()));
    span::say(names::TOOL, || tool.and_then(shown::name).map(Value::from));
    span::say(names::TARGET, || target.map(|target| target.to_owned().into()));
}

/// The cluster that the request is for.
pub(crate) fn target(cluster: &str) {
    span::say(names::TARGET, || Some(cluster.to_owned().into()));
}

/// The methods that the MCP specification has: a caller's text is none.
fn known_mcp_method(method: &str) -> &'static str {
    const KNOWN: [&str; 25] = [
        "completion/complete",
        "elicitation/create",
        "initialize",
        "logging/setLevel",
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/message",
        "notifications/progress",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/roots/list_changed",
        "notifications/tools/list_changed",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "resources/templates/list",
        "resources/unsubscribe",
        "roots/list",
        "sampling/createMessage",
        "tools/call",
        "tools/list",
    ];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or(OTHER)
}

const OTHER: &str = "_OTHER";

/// A method that everybody knows, as attributes have it.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 10] = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "QUERY"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

/// The same, as names of spans have it.
fn method_in_name(method: &Method) -> &'static str {
    match known_method(method) {
        OTHER => "HTTP",
        known => known,
    }
}

fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_09 => "0.9",
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
