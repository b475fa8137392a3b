//! Whether it lives, and whether it can do its work.
//!
//! `/healthz`: the process answers. `/readyz`: every provider that some route needs was reached at least once since the
//! start; one that is down later does not take the gate out of service, since sessions and known tokens still hold.
//! Both are answered on every host, before any route: an application's own are not reached through the gate. Whom it waits
//! for is told on the listener for machines only.
//! Only by path and method, never by what a client calls itself (GHSA-5hvv-m4w4-gf6v).

use gangplank_authn::SourceHealth;
use gangplank_jose::UnixTime;
use gangplank_net::Peer;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::{Body, Shared};

/// A provider that was never reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// The configuration's name of the issuer.
    pub issuer: String,
}

/// Answers a health path; `None` if it is none.
pub(crate) fn answer(method: &Method, path: &str, not_ready: impl FnOnce() -> bool) -> Option<Response<Body>> {
    if path != "/healthz" && path != "/readyz" {
        return None;
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(response);
    }
    // The names of providers are for the operator's log, not for whoever asks.
    if path == "/readyz" && not_ready() {
        return Some(text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"));
    }
    Some(text(StatusCode::OK, "ok\n"))
}

/// Answers on a listener for machines: `/metrics`, `/healthz`, `/readyz`; to this machine alone `/explain/REQUEST-ID`; and
/// nothing else.
pub(crate) fn operations<B>(
    request: &Request<B>,
    peer: &Peer,
    shared: &Shared,
    sources: impl FnOnce() -> Vec<SourceHealth>,
    waiting_for: impl FnOnce() -> Vec<String>,
    now: UnixTime,
) -> Response<Body> {
    let path = request.uri().path();
    let waiting_for = if path == "/readyz" { waiting_for() } else { Vec::new() };
    if let Some(health) = answer(request.method(), path, || !waiting_for.is_empty()) {
        let not_ready = health.status() == StatusCode::SERVICE_UNAVAILABLE;
        let told = || text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", waiting_for.join(", ")));
        return if not_ready { told() } else { health };
    }
    if let Some(id) = path.strip_prefix("/explain/")
        && request.method() == Method::GET
        && peer.remote.ip().to_canonical().is_loopback()
    {
        return explain(shared, id);
    }
    if path != "/metrics" || request.method() != Method::GET {
        return text(StatusCode::NOT_FOUND, "not found\n");
    }
    for source in sources() {
        let up = source.ready && source.last_error.is_none();
        shared.metrics().provider(&source.name, up, source.fetched_at.map(|at| now.since(at)));
    }
    shared.note_sessions();
    let mut response = text(StatusCode::OK, shared.metrics().text());
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(openmetrics));
    response
}

fn explain(shared: &Shared, id: &str) -> Response<Body> {
    let told = shared.refusals().explain(id).and_then(|told| serde_json::to_string(&told).ok());
    let Some(told) = told else {
        return text(StatusCode::NOT_FOUND, "no refusal of this request id is remembered\n");
    };
    let mut response = text(StatusCode::OK, told);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A short plain answer.
pub(crate) fn text(status: StatusCode, text: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
