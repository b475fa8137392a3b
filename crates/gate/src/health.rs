//! Whether it lives, and whether it can do its work.
//!
//! `/healthz`: the process answers. `/readyz`: every provider that some route needs was reached at least once since the
//! start; one that is down later does not take the gate out of service, since sessions and known tokens still hold.
//! Both are answered on every host, before any route: an application's own are not reached through the gate. Whom it waits
//! for is told on the listener for machines only.
//! Only by path and method, never by what a client calls itself (GHSA-5hvv-m4w4-gf6v).

use std::net::IpAddr;

use gangplank_authn::SourceHealth;
use gangplank_jose::UnixTime;
use gangplank_net::Peer;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::{Body, Shared};

/// A provider that was never reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// The configuration's name of the issuer.
    pub issuer: String,
}

/// Whether a path is one of health.
pub(crate) fn is_health(path: &str) -> bool {
    path == "/healthz" || path == "/readyz"
}

/// Answers a health path; `None` if it is none.
pub(crate) fn answer(method: &Method, path: &str, not_ready: impl FnOnce() -> bool) -> Option<Response<Body>> {
    if !is_health(path) {
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
        && is_asked_here(request, peer)
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

/// Whether somebody on this machine asks for themselves. A proxy on this machine says for whom it asks; a page in a browser
/// here, whose name was made to mean this machine, asks for that name.
fn is_asked_here<B>(request: &Request<B>, peer: &Peer) -> bool {
    let headers = request.headers();
    let handed_on = ["forwarded", "via", "x-forwarded-for", "x-real-ip"].iter().any(|name| headers.contains_key(*name));
    let by_page = headers.contains_key(ORIGIN) || headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    let named = named.or_else(|| request.uri().authority().map(Authority::as_str)).unwrap_or_default();
    let name = named.parse::<Authority>().map(|authority| authority.host().to_owned()).unwrap_or_default();
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let here = peer.remote.ip().to_canonical().is_loopback();
    here && !handed_on && !by_page && (address || name.eq_ignore_ascii_case("localhost"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_on_this_machine_for_themselves_is_told_of_refusals() {
        let asked = |remote: &str, headers: &[(&str, &str)]| {
            let request = headers.iter().fold(Request::get("/explain/1"), |r, (name, value)| r.header(*name, *value));
            let peer = Peer { remote: remote.parse().unwrap(), tls: false, certificates: None };
            is_asked_here(&request.body(()).unwrap(), &peer)
        };
        for host in ["127.0.0.1:9090", "[::1]:9090", "localhost:9090", "LocalHost", "10.0.0.7:9090"] {
            assert!(asked("127.0.0.1:1", &[("host", host)]), "{host}");
            assert!(asked("[::ffff:127.0.0.1]:1", &[("host", host)]), "{host}");
            assert!(!asked("10.0.0.7:1", &[("host", host)]), "{host}");
        }
        for host in ["evil.test:9090", "localhost.evil.test", "app.example.com", "", "127.0.0.1.evil.test"] {
            assert!(!asked("127.0.0.1:1", &[("host", host)]), "{host}");
        }
        for (name, value) in [
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=192.0.2.1"),
            ("via", "1.1 proxy"),
            ("x-real-ip", "192.0.2.1"),
            ("origin", "https://evil.test"),
            ("sec-fetch-site", "cross-site"),
        ] {
            assert!(!asked("127.0.0.1:1", &[("host", "127.0.0.1:9090"), (name, value)]), "{name}");
        }
    }
}
