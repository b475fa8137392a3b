//! Headers that belong to one connection and not to the message (RFC 9110 §7.6.1).
//!
//! 1. Whatever `Connection` nominates, and the fields that are hop-by-hop by themselves, go no further. That is done
//!    before anything is set by us, so nominating one of our headers removes nothing of ours.
//! 2. `Transfer-Encoding` overrides `Content-Length`, so beside it a length says nothing and goes no further
//!    (RFC 9112 §6.3).
//! 3. `TE` goes no further except as `trailers`, which gRPC needs; `Trailer` stays: it describes the message.
//! 4. `Expect` is answered by our server as soon as the body is wanted, so it goes no further.
//! 5. An upgrade is passed on if it is one (`Upgrade` and `Connection: upgrade`, over HTTP/1.1), but never to HTTP
//!    itself: what comes after an upgrade to `h2c` would reach the upstream without being looked at.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{StatusCode, Version};

static FIXED: [HeaderName; 9] = [
    CONNECTION,
    UPGRADE,
    TE,
    TRANSFER_ENCODING,
    EXPECT,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Most messages have none, and a look at their names costs less than a look-up of each of ours.
fn is_of_the_hop(name: &HeaderName) -> bool {
    FIXED.contains(name) || name == HTTP2_SETTINGS
}

/// Takes the headers of the hop out. Returns what the connection should become, if that may be passed on.
pub(crate) fn take_from_request(headers: &mut HeaderMap, version: Version) -> Option<HeaderValue> {
    if !headers.keys().any(is_of_the_hop) {
        return None;
    }
    let upgrade = wanted_upgrade(headers, version);
    let trailers = has_token(headers, &TE, "trailers");
    remove(headers);
    headers.remove(&HTTP2_SETTINGS);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    upgrade
}

/// Takes the headers of the hop out of an answer. After a 101, returns what the connection became.
pub(crate) fn take_from_response(headers: &mut HeaderMap, status: StatusCode) -> Option<HeaderValue> {
    if !headers.keys().any(is_of_the_hop) {
        return None;
    }
    let upgrade = headers.get(UPGRADE).filter(|_| status == StatusCode::SWITCHING_PROTOCOLS).cloned();
    remove(headers);
    upgrade
}

fn remove(headers: &mut HeaderMap) {
    // Even if `Connection` nominates it.
    let sent_in_chunks = headers.contains_key(TRANSFER_ENCODING);
    if headers.get_all(CONNECTION).iter().any(|value| !is_option(value.as_bytes())) {
        let options = |token: &&str| !is_option(token.as_bytes());
        let nominated: Vec<HeaderName> =
            tokens(headers, &CONNECTION).filter(options).filter_map(|t| t.parse().ok()).collect();
        for name in nominated {
            headers.remove(name);
        }
    }
    if sent_in_chunks {
        headers.remove(CONTENT_LENGTH);
    }
    while let Some(name) = headers.keys().find(|name| FIXED.contains(name)).cloned() {
        headers.remove(name);
    }
}

/// What `Connection` mostly says: no header that is not taken out anyway.
fn is_option(token: &[u8]) -> bool {
    [&b"keep-alive"[..], b"upgrade"].iter().any(|option| token.eq_ignore_ascii_case(option))
}

fn wanted_upgrade(headers: &HeaderMap, version: Version) -> Option<HeaderValue> {
    if version != Version::HTTP_11 || !has_token(headers, &CONNECTION, "upgrade") {
        return None;
    }
    let to_http = |t: &str| {
        let protocol = t.split('/').next().unwrap_or(t);
        ["h2c", "h2", "http", "tls"].iter().any(|p| protocol.eq_ignore_ascii_case(p))
    };
    if tokens(headers, &UPGRADE).any(to_http) {
        return None;
    }
    let mut values = headers.get_all(UPGRADE).iter();
    let first = values.next().filter(|v| !v.is_empty()).cloned();
    first.filter(|_| values.next().is_none())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|t| t.eq_ignore_ascii_case(token))
}

fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
    // `TE` has parameters (`trailers;q=1`), `Connection` and `Upgrade` have none.
    values.flat_map(|v| v.split(',')).map(|t| t.split(';').next().unwrap_or(t).trim()).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    fn left(mut map: HeaderMap) -> (Vec<String>, Option<HeaderValue>) {
        let upgrade = take_from_request(&mut map, Version::HTTP_11);
        let mut names: Vec<_> = map.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
        names.sort();
        (names, upgrade)
    }

    #[test]
    fn what_connection_nominates_goes_no_further() {
        let (names, upgrade) = left(headers(&[
            ("connection", "close, X-Secret,x-other"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("x-kept", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("te", "gzip, trailers;q=0.5"),
            ("trailer", "x-sum"),
            ("expect", "100-continue"),
            ("proxy-authorization", "Basic x"),
            ("upgrade", "websocket"),
        ]));
        assert_eq!(names, ["te: trailers", "trailer: x-sum", "x-kept: 3"]);
        assert_eq!(upgrade, None, "Upgrade without Connection: upgrade is none");
    }

    #[test]
    fn an_upgrade_is_passed_on_but_never_one_to_http() {
        for (protocol, expected) in [
            ("websocket", true),
            ("SPDY/3.1", true),
            ("h2c", false),
            ("H2C", false),
            ("HTTP/2.0", false),
            ("TLS/1.0", false),
            ("websocket, h2c", false),
        ] {
            let (names, upgrade) = left(headers(&[
                ("connection", "Upgrade, HTTP2-Settings"),
                ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
                ("upgrade", protocol),
            ]));
            assert_eq!(upgrade.is_some(), expected, "{protocol}");
            assert!(names.is_empty(), "{names:?}");
        }
        let mut over_2 = headers(&[("connection", "upgrade"), ("upgrade", "websocket")]);
        assert_eq!(take_from_request(&mut over_2, Version::HTTP_2), None);
    }
}
