//! What a proxy in front says about the request it passes on. Each dialect is read by itself and strictly; headers of
//! other dialects are never looked at, since a proxy lets clients' copies of headers it does not know through
//! (GHSA-7x63-xv5r-3p2x).
//!
//! 1. Nothing here is asked before the peer was found among `trusted_proxies`.
//! 2. The client's address is found from right to left: every trusted proxy appended the address it saw, so the first
//!    one that is not a trusted proxy's is the client's. What stands left of it is the client's own invention.
//! 3. A header that says *what* was asked for (host, URI, method) must be there once and parse, or the request is
//!    refused. The scheme is never read: it comes from `public_url`.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::header::{FORWARDED, HeaderMap, HeaderName};
use http::{HeaderValue, Method};
use ipnet::IpNet;

use crate::Refusal;
use crate::config::Dialect;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Whom to believe, and in which dialect.
#[derive(Clone, Debug)]
pub struct Believed {
    /// Addresses of proxies.
    pub proxies: Vec<IpNet>,
    /// What they speak.
    pub dialect: Dialect,
}

impl Believed {
    /// Whether this peer's word counts.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|net| net.contains(&peer))
    }

    /// The client's address, from headers of a trusted `peer`.
    pub fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        match self.dialect {
            Dialect::XForwarded | Dialect::Envoy => {
                let hops: Vec<_> = texts(headers, &X_FORWARDED_FOR).flat_map(|v| v.split(',')).map(address).collect();
                self.walk(peer, hops).0
            }
            Dialect::Nginx => once(headers, &X_REAL_IP, "X-Real-IP").ok().flatten().and_then(address).unwrap_or(peer),
            Dialect::Forwarded => {
                let hops = elements(headers).unwrap_or_default();
                self.walk(peer, hops.iter().map(|e| e.node.as_deref().and_then(address)).collect()).0
            }
        }
    }

    /// The host the client asked for, where the dialect says it.
    pub fn authority(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Option<String>, Refusal> {
        match self.dialect {
            Dialect::XForwarded => x_forwarded_host(headers),
            Dialect::Forwarded => {
                let hops = elements(headers)?;
                let nodes = hops.iter().map(|e| e.node.as_deref().and_then(address)).collect();
                let (_, at) = self.walk(peer, nodes);
                let host = at.and_then(|at| hops.get(at)).and_then(|e| e.host.as_deref());
                host.map(|h| authority(h).ok_or(malformed("Forwarded", "has a host that is none"))).transpose()
            }
            Dialect::Nginx | Dialect::Envoy => Ok(None),
        }
    }

    /// The request that a forward-auth check is about; `None` if the dialect's headers are not there.
    pub fn original(&self, headers: &HeaderMap) -> Result<Option<Original>, Refusal> {
        match self.dialect {
            Dialect::XForwarded => x_forwarded(headers),
            Dialect::Nginx => x_original(headers),
            // The RFC's header has no URI, and Envoy's is the request line of the check.
            Dialect::Forwarded | Dialect::Envoy => Ok(None),
        }
    }

    /// The first address from the right that is not a trusted proxy's, and where it stands. An entry that is no
    /// address ends the walk: whoever wrote it hid what is left of it.
    fn walk(&self, peer: IpAddr, hops: Vec<Option<IpAddr>>) -> (IpAddr, Option<usize>) {
        let mut last = (peer, None);
        for (at, hop) in hops.iter().enumerate().rev() {
            let Some(hop) = hop else { return (last.0, Some(at)) };
            last = (*hop, Some(at));
            if !self.trusts(*hop) {
                break;
            }
        }
        last
    }
}

/// A request as the client made it at the proxy in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its method, if the proxy says it.
    pub method: Option<Method>,
    /// Its host, lower case, with its port if it had one.
    pub authority: String,
    /// Its path, percent-encoded as sent.
    pub path: String,
    /// Its query, without the question mark.
    pub query: Option<String>,
}

fn x_forwarded_host(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(host) = once(headers, &X_FORWARDED_HOST, "X-Forwarded-Host")? else { return Ok(None) };
    authority(host).map(Some).ok_or(malformed("X-Forwarded-Host", "is not one host"))
}

fn x_forwarded(headers: &HeaderMap) -> Result<Option<Original>, Refusal> {
    let host = x_forwarded_host(headers)?;
    let uri = once(headers, &X_FORWARDED_URI, "X-Forwarded-Uri")?;
    let (Some(authority), Some(uri)) = (host, uri) else { return Ok(None) };
    let (path, query) = origin_form(uri).ok_or(malformed("X-Forwarded-Uri", "is not a path"))?;
    let method = method(headers, &X_FORWARDED_METHOD, "X-Forwarded-Method")?;
    Ok(Some(Original { method, authority, path, query }))
}

fn x_original(headers: &HeaderMap) -> Result<Option<Original>, Refusal> {
    let Some(url) = once(headers, &X_ORIGINAL_URL, "X-Original-URL")? else { return Ok(None) };
    let (authority, path, query) = absolute_form(url).ok_or(malformed("X-Original-URL", "is not an absolute URL"))?;
    let method = method(headers, &X_ORIGINAL_METHOD, "X-Original-Method")?;
    Ok(Some(Original { method, authority, path, query }))
}

fn method(headers: &HeaderMap, name: &HeaderName, shown: &'static str) -> Result<Option<Method>, Refusal> {
    let text = once(headers, name, shown)?;
    text.map(|t| Method::from_bytes(t.as_bytes()).map_err(|_| malformed(shown, "is not a method"))).transpose()
}

/// A path and query, by hand: a URL parser would resolve the dot segments that must be seen.
pub fn origin_form(uri: &str) -> Option<(String, Option<String>)> {
    if !uri.starts_with('/') || uri.bytes().any(|b| !b.is_ascii_graphic() || b == b'#') {
        return None;
    }
    Some(match uri.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (uri.to_owned(), None),
    })
}

/// `scheme://authority/path?query`, the scheme dropped.
pub fn absolute_form(url: &str) -> Option<(String, String, Option<String>)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, rest) = rest.split_at(end);
    let (path, query) = if rest.starts_with('/') { origin_form(rest)? } else { origin_form(&format!("/{rest}"))? };
    Some((authority(host)?, path, query))
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`, lower case. Nothing else: no userinfo, no list, no trailing dot.
pub fn authority(text: &str) -> Option<String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (&text[..address.len() + 2], if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match text.bytes().position(|b| b == b':') {
            Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
            None => (text, None),
        },
    };
    let name = host.len() <= 253 && (host.starts_with('[') || is_name(host));
    let port = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok());
    (name && port).then(|| text.to_ascii_lowercase())
}

/// Labels of up to 63 letters, digits, `-` and `_`, joined by dots.
fn is_name(host: &str) -> bool {
    let mut label = 0;
    for byte in host.bytes() {
        match byte {
            b'.' if label > 0 => label = 0,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' if label < 63 => label += 1,
            _ => return false,
        }
    }
    label > 0
}

/// The host of an authority, without its port.
pub fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// One element of `Forwarded` (RFC 7239 §4), of which only this is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// `for`.
    pub node: Option<String>,
    /// `host`.
    pub host: Option<String>,
}

fn elements(headers: &HeaderMap) -> Result<Vec<Element>, Refusal> {
    let mut all = Vec::new();
    for value in headers.get_all(FORWARDED) {
        let text = value.to_str().map_err(|_| malformed("Forwarded", "is not text"))?;
        all.extend(parse_forwarded(text).ok_or(malformed("Forwarded", "does not parse"))?);
    }
    Ok(all)
}

/// Parses one `Forwarded` value: `for=192.0.2.1;host="app.example.com:8443", for="[2001:db8::1]"`. A parameter that is
/// there twice in one element, a missing value or an open quote is a failure.
pub fn parse_forwarded(text: &str) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    let mut rest = text.trim_matches([' ', '\t']);
    loop {
        let mut element = Element::default();
        rest = parse_element(rest, &mut element)?;
        elements.push(element);
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start_matches([' ', '\t']),
            None => return rest.is_empty().then_some(elements),
        }
    }
}

fn parse_element<'t>(mut rest: &'t str, element: &mut Element) -> Option<&'t str> {
    let mut seen: Vec<String> = Vec::new();
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token) || seen.contains(&name) {
            return None;
        }
        let (value, after) = parse_value(after)?;
        match name.as_str() {
            "for" => element.node = Some(value.into_owned()),
            "host" => element.host = Some(value.into_owned()),
            _ => {}
        }
        seen.push(name);
        rest = after.trim_start_matches([' ', '\t']);
        match rest.strip_prefix(';') {
            Some(more) => rest = more.trim_start_matches([' ', '\t']),
            None => return Some(rest),
        }
    }
}

fn parse_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|b| !is_token(b)).unwrap_or(text.len());
        return (end > 0).then(|| (Cow::Borrowed(&text[..end]), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Cow::Owned(value), &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let bare = || text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let parsed = IpAddr::from_str(bare()).or_else(|_| SocketAddr::from_str(text).map(|s| s.ip()));
    parsed.ok().map(|ip| ip.to_canonical())
}

fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    // What is not text is no address either: it ends the walk.
    headers.get_all(name).iter().map(|v| v.to_str().unwrap_or("?"))
}

fn once<'h>(headers: &'h HeaderMap, name: &HeaderName, shown: &'static str) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(HeaderValue::to_str).transpose().map_err(|_| malformed(shown, "is not text"))?;
    if values.next().is_some() {
        return Err(malformed(shown, "is there more than once"));
    }
    Ok(first)
}

fn malformed(header: &'static str, problem: &'static str) -> Refusal {
    Refusal::Forwarded { header, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn believed(dialect: Dialect) -> Believed {
        Believed { proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], dialect }
    }

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_proxy() {
        let b = believed(Dialect::XForwarded);
        for (values, expected) in [
            (&["192.0.2.7"][..], "192.0.2.7"),
            (&["1.1.1.1, 192.0.2.7"], "192.0.2.7"),
            (&["1.1.1.1, 192.0.2.7, 10.2.3.4"], "192.0.2.7"),
            (&["1.1.1.1", "192.0.2.7:4711, 10.2.3.4"], "192.0.2.7"),
            (&["[2001:db8::1]:80"], "2001:db8::1"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["garbage, 10.2.3.4"], "10.2.3.4"),
            (&["192.0.2.7, garbage"], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let list: Vec<_> = values.iter().map(|v| ("x-forwarded-for", *v)).collect();
            assert_eq!(b.client(&headers(&list), PROXY), expected.parse::<IpAddr>().unwrap(), "{values:?}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let b = believed(Dialect::XForwarded);
        assert!(b.trusts("10.9.9.9".parse().unwrap()));
        assert!(!b.trusts("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn each_dialect_reads_its_own_headers_and_no_others() {
        let all = headers(&[
            ("x-forwarded-host", "xf.example.com"),
            ("x-forwarded-uri", "/xf?a=1"),
            ("x-forwarded-method", "PUT"),
            ("x-original-url", "https://ng.example.com:8443/ng?b=2"),
            ("x-original-method", "DELETE"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-real-ip", "192.0.2.2"),
            ("forwarded", "for=192.0.2.3;host=fw.example.com"),
        ]);
        let xf = believed(Dialect::XForwarded).original(&all).unwrap().unwrap();
        assert_eq!((xf.authority.as_str(), xf.path.as_str(), xf.method), ("xf.example.com", "/xf", Some(Method::PUT)));
        let ng = believed(Dialect::Nginx).original(&all).unwrap().unwrap();
        assert_eq!((ng.authority.as_str(), ng.path.as_str()), ("ng.example.com:8443", "/ng"));
        assert_eq!((ng.query.as_deref(), ng.method), (Some("b=2"), Some(Method::DELETE)));
        assert_eq!(believed(Dialect::Forwarded).original(&all).unwrap(), None);
        assert_eq!(believed(Dialect::Envoy).original(&all).unwrap(), None);
        for (dialect, client, host) in [
            (Dialect::XForwarded, "192.0.2.1", Some("xf.example.com")),
            (Dialect::Nginx, "192.0.2.2", None),
            (Dialect::Forwarded, "192.0.2.3", Some("fw.example.com")),
            (Dialect::Envoy, "192.0.2.1", None),
        ] {
            assert_eq!(believed(dialect).client(&all, PROXY), client.parse::<IpAddr>().unwrap());
            assert_eq!(believed(dialect).authority(&all, PROXY).unwrap().as_deref(), host);
        }
    }

    #[test]
    fn twice_or_torn_is_refused() {
        let xf = believed(Dialect::XForwarded);
        let ng = believed(Dialect::Nginx);
        let twice = headers(&[("x-forwarded-host", "a"), ("x-forwarded-host", "b"), ("x-forwarded-uri", "/")]);
        assert!(xf.original(&twice).is_err());
        for host in ["a, b", "a b", "u@h", "", "h:", "h:x", "h:99999", "[::1", "h.", ".h", "a..b", "h/x", "h\u{e9}"] {
            assert!(xf.original(&headers(&[("x-forwarded-host", host), ("x-forwarded-uri", "/")])).is_err(), "{host}");
        }
        for uri in ["", "x", "http://h/", "/a b", "/a#b", "*"] {
            assert!(xf.original(&headers(&[("x-forwarded-host", "h"), ("x-forwarded-uri", uri)])).is_err(), "{uri}");
        }
        for url in ["/a", "h/a", "ftp://h/", "https://u@h/", "https://", "https:///x", "https://h/#x", "https://h\\x/"]
        {
            assert!(ng.original(&headers(&[("x-original-url", url)])).is_err(), "{url}");
        }
        assert_eq!(absolute_form("https://H?x"), Some(("h".into(), "/".into(), Some("x".into()))));
    }

    #[test]
    fn rfc_7239_examples_parse() {
        let one = |text: &str| parse_forwarded(text).unwrap();
        assert_eq!(one("for=\"_gazonk\"")[0].node.as_deref(), Some("_gazonk"));
        assert_eq!(one("For=\"[2001:db8:cafe::17]:4711\"")[0].node.as_deref(), Some("[2001:db8:cafe::17]:4711"));
        assert_eq!(one("for=192.0.2.60;proto=http;by=203.0.113.43").len(), 1);
        assert_eq!(one("for=192.0.2.43, for=198.51.100.17").len(), 2);
        assert_eq!(one("for=a;host=\"x\\\"y\"")[0].host.as_deref(), Some("x\"y"));
        for bad in ["", "for", "for=", "for=\"x", "for=a;for=b", "for=a;;host=b", "=a", "for=a,", "for=a b", "f or=a"] {
            assert_eq!(parse_forwarded(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_host_is_that_of_the_element_which_saw_the_client() {
        let h = headers(&[("forwarded", "for=1.1.1.1;host=forged, for=192.0.2.7;host=app, for=10.2.3.4;host=inner")]);
        assert_eq!(believed(Dialect::Forwarded).authority(&h, PROXY).unwrap().as_deref(), Some("app"));
    }
}
