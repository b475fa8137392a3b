//! Whose page asks: CORS (Fetch §3.2), and the `Origin` that the MCP specification has servers check against DNS rebinding.
//!
//! 1. Without `Origin` it is no page that asks, and nothing is said about pages.
//! 2. One `Origin` of ours, or one that the route names, may ask. Any other, `null`, and two of them may not: not even be told
//!    where to sign in.
//! 3. A preflight of such a page is answered here and without a token, as browsers send none.
//! 4. Whatever the answer is, a 401 included, the page may read it, and the headers that the protocol needs. What the
//!    upstream says about pages is taken out: it does not know whom we let in.
//! 5. No header that we send holds what a caller sent: origins are written as the configuration spells them.
//! 6. Cookies and client certificates are never asked for: a page of another origin brings a token.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use http::{Method, Response, StatusCode};
use url::Url;

use super::McpRefusal;
use crate::Body;
use crate::hosts::Hosts;

/// What a page may send. The last is for parameters that the 2026 revision lets servers have in headers, and does not cover
/// `Authorization`.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, *",
);
const REQUEST_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
/// What a page may read.
const ANSWER_HEADERS: HeaderValue =
    HeaderValue::from_static("Mcp-Session-Id, Mcp-Protocol-Version, WWW-Authenticate, Retry-After, X-Request-Id");
/// How long a browser may remember a preflight: not for long after a reload.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// What an answer says about pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cors {
    /// Any page may read it: metadata.
    Public,
    /// No page asked, or one that may not.
    Nobody,
    /// This page may read it.
    Page(HeaderValue),
}

impl Cors {
    /// Writes it into an answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let origin = match self {
            Cors::Public => HeaderValue::from_static("*"),
            // A cache must not give one page's answer to another, nor to nobody.
            Cors::Nobody => return vary(headers),
            Cors::Page(origin) => {
                vary(headers);
                origin.clone()
            }
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
    }
}

fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

/// The pages that may ask.
#[derive(Debug)]
pub(crate) struct Origins {
    own: Arc<Hosts>,
    others: HashMap<String, HeaderValue>,
}

impl Origins {
    /// Our own, and `others` as [`serialized`] has them.
    pub(crate) fn new(own: Arc<Hosts>, others: impl IntoIterator<Item = String>) -> Self {
        let others = others.into_iter().filter_map(|o| Some((HeaderValue::from_str(&o).ok()?, o)));
        Origins { own, others: others.map(|(value, origin)| (origin, value)).collect() }
    }

    /// Rules 1 and 2.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Result<Cors, McpRefusal> {
        let mut sent = headers.get_all(ORIGIN).iter();
        let Some(origin) = sent.next() else { return Ok(Cors::Nobody) };
        let text = origin.to_str().unwrap_or("(not ASCII)");
        let known = if sent.next().is_none() { self.known(text) } else { None };
        known.map(Cors::Page).ok_or_else(|| McpRefusal::OriginForeign(text.chars().take(128).collect()))
    }

    fn known(&self, text: &str) -> Option<HeaderValue> {
        if let Some(value) = self.others.get(text) {
            return Some(value.clone());
        }
        let url = Url::parse(text).ok()?;
        let own = url.origin().ascii_serialization() == text && self.own.is_own_origin(&url);
        let authority = self.own.authority(url.host_str().filter(|_| own)?)?;
        HeaderValue::from_str(&self.own.origin(&authority)).ok()
    }
}

/// An origin as browsers write it (RFC 6454 §6.2): scheme and host in small letters, the port only where it is not the
/// scheme's own. `None` for anything else.
pub(crate) fn serialized(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let fit = matches!(url.scheme(), "http" | "https") && bare && url.username().is_empty() && url.password().is_none();
    let origin = url.origin().ascii_serialization();
    (fit && text.trim_end_matches('/').eq_ignore_ascii_case(&origin)).then_some(origin)
}

/// Rule 3, if it is one.
pub(crate) fn preflight(method: &Method, headers: &HeaderMap, cors: &Cors) -> Option<Response<Body>> {
    let asks = *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    (asks && matches!(cors, Cors::Page(_))).then(|| allowing(REQUEST_METHODS))
}

/// The answer to a preflight.
pub(crate) fn allowing(methods: HeaderValue) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    answer
}

/// Rule 4: what an upstream says about pages.
pub(crate) fn take_out(headers: &mut HeaderMap) {
    let about = |name: &&HeaderName| name.as_str().starts_with("access-control-");
    let about: Vec<HeaderName> = headers.keys().filter(about).cloned().collect();
    for name in about {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        let own = Hosts::new("https://gate.test", ["mcp.test", "*.apps.test"], &[".back.test".to_owned()], false);
        Origins::new(Arc::new(own.unwrap()), ["https://inspector.test".into(), "http://localhost:6274".into()])
    }

    fn judged(sent: &[&str]) -> Result<Cors, McpRefusal> {
        let value = |o: &&str| (ORIGIN, HeaderValue::from_bytes(o.as_bytes()).unwrap());
        let mut headers = HeaderMap::new();
        headers.extend(sent.iter().map(value).map(|(n, v)| (Some(n), v)));
        sent.iter().map(value).skip(1).for_each(|(name, value)| {
            headers.append(name, value);
        });
        origins().judge(&headers)
    }

    #[test]
    fn only_our_own_and_named_origins_may_ask() {
        assert_eq!(judged(&[]).unwrap(), Cors::Nobody);
        for good in [
            "https://gate.test",
            "https://mcp.test",
            "https://x.apps.test",
            "https://inspector.test",
            "http://localhost:6274",
        ] {
            assert_eq!(judged(&[good]).unwrap(), Cors::Page(HeaderValue::from_static(good)), "{good}");
        }
        for bad in [
            "null",
            "",
            "https://evil.test",
            "https://gate.test.evil.test",
            "http://gate.test",
            "https://gate.test:8443",
            "https://GATE.test",
            "https://gate.test/",
            "https://gate.test/x",
            "https://user@gate.test",
            "https://apps.test",
            "https://x.back.test",
            "http://localhost:6275",
            "http://localhost",
            "https://inspector.test:443",
            "https://inspector.test, https://evil.test",
            "chrome-extension://abc",
            "\u{e4}",
        ] {
            assert!(judged(&[bad]).is_err(), "{bad}");
        }
        assert!(judged(&["https://gate.test", "https://gate.test"]).is_err(), "two of them");
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, origin) in [
            ("https://inspector.test", Some("https://inspector.test")),
            ("https://inspector.test/", Some("https://inspector.test")),
            ("HTTPS://Inspector.test", Some("https://inspector.test")),
            ("http://localhost:6274", Some("http://localhost:6274")),
            ("http://[::1]:6274", Some("http://[::1]:6274")),
            ("https://inspector.test:443", None),
            ("https://inspector.test/x", None),
            ("https://inspector.test?x", None),
            ("https://u@inspector.test", None),
            ("inspector.test", None),
            ("*", None),
            ("null", None),
            ("vscode-webview://x", None),
        ] {
            assert_eq!(serialized(text).as_deref(), origin, "{text}");
        }
    }

    #[test]
    fn what_an_upstream_says_about_pages_is_taken_out() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.append("access-control-allow-credentials", HeaderValue::from_static("true"));
        headers.append("access-control-anything", HeaderValue::from_static("1"));
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        take_out(&mut headers);
        Cors::Nobody.write(&mut headers);
        assert_eq!(headers.len(), 2);
        assert_eq!(headers.get_all(VARY).iter().collect::<Vec<_>>(), ["Accept", "Origin"]);
    }

    #[test]
    fn a_preflight_is_one_only_from_a_page_that_may_ask() {
        let page = Cors::Page(HeaderValue::from_static("https://gate.test"));
        let mut headers = HeaderMap::new();
        assert!(preflight(&Method::OPTIONS, &headers, &page).is_none());
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        let answer = preflight(&Method::OPTIONS, &headers, &page).unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(preflight(&Method::POST, &headers, &page).is_none());
        assert!(preflight(&Method::OPTIONS, &headers, &Cors::Nobody).is_none());
    }
}
