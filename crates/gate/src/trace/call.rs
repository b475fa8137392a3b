//! One HTTP request of ours: to an upstream, or to a provider.

use std::borrow::Cow;

use http::{Request, Response};

use super::context::{TRACEPARENT, TRACESTATE};
use super::record::SpanKind;
use super::span::Span;
use super::{known_method, method_in_name, names, shown, version};

/// Begins the span of a request to an upstream, and tells it of the trace. Without one nothing is done, and headers stay.
pub(crate) fn call<B>(request: &mut Request<B>) -> Span {
    begin(request, |request| shown::text(request.uri().path()))
}

/// The same of a request to a provider. Its paths name tenants, and with Graph people: they are left out.
pub(super) fn call_provider<B>(request: &mut Request<B>) -> Span {
    begin(request, |_| "/".to_owned())
}

fn begin<B>(request: &mut Request<B>, path: impl FnOnce(&Request<B>) -> String) -> Span {
    let method = request.method();
    let mut span = Span::begin(|| Cow::Borrowed(method_in_name(method)), SpanKind::Client);
    let Some((context, continued)) = span.context() else { return span };
    if span.is_recorded() {
        describe(&mut span, request, &path(request));
    }
    let headers = request.headers_mut();
    if let Some(value) = context.to_header() {
        headers.insert(TRACEPARENT, value);
    }
    if !continued {
        headers.remove(TRACESTATE);
    }
    span
}

fn describe<B>(span: &mut Span, request: &Request<B>, path: &str) {
    let uri = request.uri();
    // What we call HTTP/2 without TLS is http to everybody else.
    let scheme = if uri.scheme_str() == Some("https") { "https" } else { "http" };
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    span.set(names::METHOD, known_method(request.method()));
    span.set(names::URL_FULL, format!("{scheme}://{host}:{port}{path}"));
    span.set(names::SERVER_ADDRESS, host.trim_matches(['[', ']']).to_owned());
    span.set(names::SERVER_PORT, port);
}

/// What came of it: an answer's head, or the name of why there is none.
pub(crate) fn called<B>(mut span: Span, answer: Result<&Response<B>, &'static str>) {
    match answer {
        Ok(response) => {
            let status = response.status();
            span.set(names::STATUS, status.as_u16());
            span.set(names::PROTOCOL_VERSION, version(response.version()));
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_str().to_owned());
            }
        }
        Err(why) => span.fail(why),
    }
    span.answer();
}
