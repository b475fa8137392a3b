//! What is known of a request before anybody is asked who sent it.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use gangplank_authn::Credentials;
use gangplank_jose::UnixTime;
use gangplank_net::Peer;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method};
use rustls_pki_types::CertificateDer;

use crate::Refusal;
use crate::forwarded::{Believed, authority};

/// One request, as the client made it: a proxy in front has already been seen through, if it is trusted.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The request id: ours, or a trusted proxy's.
    pub id: String,
    /// When it arrived.
    pub now: UnixTime,
    /// The client's address: the peer, or what a trusted proxy says.
    pub client: IpAddr,
    /// The method the client used.
    pub method: http::Method,
    /// The host the client asked for, lower case, with the port if it named one. Untrusted until a route has matched.
    pub authority: String,
    /// The path the client asked for, percent-encoded as sent.
    pub path: String,
    /// The query without its question mark.
    pub query: Option<String>,
    /// Whether this is a browser going to a page (it may be redirected and shown pages), or a program (it gets a
    /// status and JSON). Decided by `Sec-Fetch-Mode`, `Sec-Fetch-Dest`, `Accept`, the method and `Authorization`.
    pub navigation: bool,
}

/// A request's context, and who handed the request over.
pub(crate) struct Arrival<'p> {
    pub(crate) context: RequestContext,
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    certificates: &'p [CertificateDer<'static>],
    /// Whether that is a trusted proxy.
    pub(crate) trusted: bool,
    /// What is wrong with the request, if it can't be understood. There is a context nevertheless: even that is
    /// answered with a request id.
    pub(crate) problem: Option<Refusal>,
}

impl<'p> Arrival<'p> {
    /// Reads a request's head.
    pub(crate) fn read(head: &Parts, from: &'p Peer, now: UnixTime, believed: &Believed) -> Self {
        let peer = from.remote.ip().to_canonical();
        let trusted = believed.trusts(peer);
        let client = if trusted { believed.client(&head.headers, peer) } else { peer };
        let (authority, problem) = match own_authority(head).and_then(|own| {
            let told = if trusted { believed.authority(&head.headers, peer)? } else { None };
            Ok(told.unwrap_or(own))
        }) {
            Ok(authority) => (authority, None),
            Err(refusal) => (String::new(), Some(refusal)),
        };
        let context = RequestContext {
            id: trusted.then(|| told_id(&head.headers)).flatten().unwrap_or_else(fresh_id),
            now,
            client,
            method: head.method.clone(),
            authority,
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            navigation: is_navigation(&head.method, &head.headers),
        };
        // A trusted proxy's own certificate says who the proxy is, not who the caller is.
        let certificates = from.certificates.as_deref().filter(|_| !trusted).unwrap_or_default();
        Arrival { context, peer, certificates, trusted, problem }
    }

    /// What the caller presents.
    pub(crate) fn credentials<'r>(&self, headers: &'r HeaderMap) -> Credentials<'r>
    where
        'p: 'r,
    {
        Credentials { headers, certificates: self.certificates, trusted_proxy: self.trusted }
    }
}

/// The authority of the request target, or the one Host header; both, if they are the same (RFC 9112 §3.2.2).
fn own_authority(head: &Parts) -> Result<String, Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err(Refusal::Host("two hosts")),
        (Some(host), None) => Some(host.to_str().ok().and_then(authority).ok_or(Refusal::Host("a host that is none"))?),
        (None, None) => None,
    };
    let target = head.uri.authority().map(|a| authority(a.as_str()).ok_or(Refusal::Host("a host that is none")));
    match (target.transpose()?, host) {
        (Some(target), Some(host)) if target != host => {
            Err(Refusal::Host("one host in its target and another in Host"))
        }
        (Some(named), _) | (None, Some(named)) => Ok(named),
        (None, None) => Err(Refusal::Host("no host")),
    }
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whether a browser is going to a page.
///
/// 1. Whoever sends `Authorization` or `X-Requested-With`, or accepts JSON, is a program.
/// 2. Browsers of today say it themselves: `Sec-Fetch-Mode: navigate`, to a `document`.
/// 3. Otherwise: a GET or HEAD, or a form's POST, that accepts HTML.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    let accepts = |kind: &str| headers.get_all(ACCEPT).iter().any(|v| v.to_str().is_ok_and(|v| v.contains(kind)));
    let browser = match text(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate" && text(SEC_FETCH_DEST).is_none_or(|dest| dest == "document"),
        None => {
            let form = || text(CONTENT_TYPE).is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
            let page = matches!(*method, Method::GET | Method::HEAD) || (*method == Method::POST && form());
            page && accepts("text/html")
        }
    };
    // The first rule is looked at last: most programs are told by the others, for less.
    browser
        && !headers.contains_key(AUTHORIZATION)
        && !headers.contains_key(X_REQUESTED_WITH)
        && !accepts("application/json")
}

/// A trusted proxy's `X-Request-Id`, if it is fit for a log line and a page.
fn told_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(X_REQUEST_ID).map(HeaderValue::to_str)?.ok()?;
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    ((1..=64).contains(&id.len()) && id.bytes().all(fit)).then(|| id.to_owned())
}

/// 32 hex digits: a number that this process got at random, and a counter. Unique, not secret.
pub(crate) fn fresh_id() -> String {
    static PREFIX: OnceLock<String> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // What keys hash tables with comes from the system at once; the crypto library takes 20 ms to be ready for the
    // first random number it is asked for, which would be the first answer's.
    let prefix = PREFIX.get_or_init(|| format!("{:016x}", RandomState::new().hash_one(())));
    let mut id = String::with_capacity(32);
    id.push_str(prefix);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    for byte in count {
        for nibble in [byte >> 4, byte & 0xf] {
            id.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Dialect;

    fn head(build: impl FnOnce(http::request::Builder) -> http::request::Builder) -> Parts {
        build(http::Request::builder()).body(()).unwrap().into_parts().0
    }

    fn read(head: &Parts, peer: &str) -> Arrival<'static> {
        let believed = Believed { proxies: vec!["10.0.0.0/8".parse().unwrap()], dialect: Dialect::XForwarded };
        let remote = std::net::SocketAddr::new(peer.parse().unwrap(), 4711);
        let peer: &Peer = Box::leak(Box::new(Peer { remote, tls: false, certificates: None }));
        Arrival::read(head, peer, UnixTime::from_secs(1), &believed)
    }

    #[test]
    fn one_host_is_needed_and_two_must_agree() {
        for (uri, hosts, expected) in [
            ("/", &["App.Example.com:8443"][..], Ok("app.example.com:8443")),
            ("http://app.example.com/", &[], Ok("app.example.com")),
            ("http://app.example.com/", &["app.example.com"], Ok("app.example.com")),
            ("http://app.example.com/", &["evil.example.com"], Err(())),
            ("/", &["a", "a"], Err(())),
            ("/", &[], Err(())),
            ("/", &["u@h"], Err(())),
            ("/", &["a,b"], Err(())),
            ("/", &[""], Err(())),
        ] {
            let head = head(|b| hosts.iter().fold(b.uri(uri), |b, h| b.header(HOST, *h)));
            let arrival = read(&head, "192.0.2.1");
            assert_eq!(arrival.problem.is_none(), expected.is_ok(), "{uri} {hosts:?}");
            assert_eq!(arrival.context.authority, expected.unwrap_or(""), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let head = head(|b| {
            b.header(HOST, "inner")
                .header("x-forwarded-host", "app.example.com")
                .header("x-forwarded-for", "192.0.2.7")
                .header("x-request-id", "abc-1")
        });
        let stranger = read(&head, "192.0.2.1");
        assert_eq!(
            (stranger.context.authority.as_str(), stranger.context.client),
            ("inner", "192.0.2.1".parse().unwrap())
        );
        assert_eq!(stranger.context.id.len(), 32);
        let proxy = read(&head, "::ffff:10.0.0.1");
        assert_eq!(proxy.context.authority, "app.example.com");
        assert_eq!((proxy.context.client, proxy.context.id.as_str()), ("192.0.2.7".parse().unwrap(), "abc-1"));
    }

    #[test]
    fn ids_that_are_unfit_are_replaced_and_own_ones_differ() {
        for bad in ["", "a b", "<script>", &"x".repeat(65)] {
            assert_eq!(
                read(&head(|b| b.header(HOST, "h").header("x-request-id", bad)), "10.0.0.1").context.id.len(),
                32
            );
        }
        assert_ne!(fresh_id(), fresh_id());
    }

    #[test]
    fn browsers_and_programs_are_told_apart() {
        let html = "text/html,application/xhtml+xml,*/*;q=0.8";
        for (method, list, expected) in [
            ("GET", &[("accept", html)][..], true),
            ("HEAD", &[("accept", html)], true),
            ("POST", &[("accept", html)], false),
            ("POST", &[("accept", html), ("content-type", "application/x-www-form-urlencoded")], true),
            ("GET", &[], false),
            ("GET", &[("accept", "*/*")], false),
            ("GET", &[("accept", "application/json")], false),
            ("GET", &[("accept", "application/json, text/html")], false),
            ("GET", &[("accept", html), ("authorization", "Bearer x")], false),
            ("GET", &[("accept", html), ("x-requested-with", "XMLHttpRequest")], false),
            ("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")], true),
            ("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], false),
            ("GET", &[("sec-fetch-mode", "navigate"), ("accept", "application/json")], false),
            ("GET", &[("sec-fetch-mode", "cors"), ("accept", html)], false),
        ] {
            let head = head(|b| list.iter().fold(b.method(method), |b, (n, v)| b.header(*n, *v)));
            assert_eq!(is_navigation(&head.method, &head.headers), expected, "{method} {list:?}");
        }
    }
}
