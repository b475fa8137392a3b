//! The callback: a query of any kind, and `state` as this gate would have sealed it with anything in it. The first
//! octet says what the rest is: 0 the query; 1 what is behind the seal of `state`; 2 the return target of a pending
//! sign-in of this very browser, which is already too old or at its last attempt, as the octet's high bits say.
//!
//! No panic; whatever comes, the browser is sent to nobody but us, the provider and the hosts that are allowed; one
//! cookie at most; a page says nothing of the query.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use gangplank_authn::session::BrowserId;
use gangplank_fuzz::{APP, COOKIE, NOW, gate, ring, run, stays_with_us};
use gangplank_net::Peer;
use http::header::{COOKIE as COOKIE_HEADER, HOST, LOCATION, SET_COOKIE};
use http::{Request, StatusCode};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use url::form_urlencoded::byte_serialize;

/// One browser, by its cookie and by what a sign-in of its is bound to.
static BROWSER: LazyLock<(String, String)> = LazyLock::new(|| {
    let id = BrowserId::generate().unwrap();
    (id.seal(ring(), COOKIE).unwrap(), URL_SAFE_NO_PAD.encode(id.binding()))
});

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let state = match kind % 3 {
        0 => None,
        1 => Some(ring().seal("state", rest).unwrap()),
        _ => {
            let Ok(target) = std::str::from_utf8(rest) else { return };
            let started = if kind & 0x40 == 0 { NOW.as_secs() } else { NOW.as_secs() - 10_000 };
            let binding = if kind & 0x20 == 0 { BROWSER.1.as_str() } else { "" };
            let attempt = 1 + (kind >> 7);
            let pending = ("n", "v".repeat(43), target, "corp", APP, started, attempt, binding);
            Some(ring().seal_value("state", &pending).unwrap())
        }
    };
    let query = match &state {
        None => String::from_utf8_lossy(rest).into_owned(),
        Some(state) => format!("code=x&state={}", byte_serialize(state.as_bytes()).collect::<String>()),
    };
    let Ok(request) = Request::get(format!("/oauth2/callback?{query}"))
        .header(HOST, APP)
        .header(COOKIE_HEADER, format!("{COOKIE}={}", BROWSER.0))
        .header("accept", "text/html")
        .body(Full::<Bytes>::default())
    else {
        return;
    };
    let peer = Peer { remote: "192.0.2.1:4711".parse().unwrap(), tls: true, certificates: None };
    let answer = run(gate().handle(request, peer));
    assert_ne!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.headers().get_all(SET_COOKIE).iter().count() <= 1);
    if let Some(location) = answer.headers().get(LOCATION) {
        assert!(stays_with_us(location.to_str().unwrap()), "{location:?}");
    }
});
