//! Whole requests to a whole gate: method, target, header lines, an empty line, a body. The first octet says who hands
//! it over: even, a stranger; odd, a trusted proxy.
//!
//! No panic, no 500, nobody is let in without a credential where one is asked for; redirects stay with us; an answer's
//! head fits a proxy's buffer and holds no octet of ours that the request planted.

#![no_main]

use bytes::Bytes;
use gangplank_fuzz::{gate, request, run, stays_with_us};
use gangplank_net::Peer;
use http::header::{HeaderName, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Full};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let Some(request) = request(rest) else { return };
    let request = request.map(Full::<Bytes>::new);
    let remote = if kind % 2 == 0 { "192.0.2.1:1" } else { "10.0.0.1:1" };
    let answer = run(async {
        let answer =
            gate().handle(request, Peer { remote: remote.parse().unwrap(), tls: true, certificates: None }).await;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        (head, body)
    });
    let (head, body) = answer;
    // 502 is a route without an upstream; the provider never fails here.
    assert_ne!(head.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(head.headers.get_all(SET_COOKIE).iter().count() <= 1);
    assert!(size(&head.headers) <= 4096, "{:?}", head.headers);
    assert!(body.len() < 64 << 10);
    assert!(!head.headers.contains_key(HeaderName::from_static("x-auth-request-user")), "nobody signed in");
    if let Some(location) = head.headers.get(LOCATION) {
        assert!(stays_with_us(location.to_str().unwrap()), "{location:?}");
    }
});

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
