//! An authorization server of the gate's: registrations, authorization requests, forms, and what is then sealed properly as one
//! of the things that it seals. The first octet says what the rest is: 0 a registration; 1 parameters beside those of a good
//! request; 2 a whole query; 3 a token request; 4 the one redirect URI of a client, and of its request; 5 what is behind the
//! seal of a question of consent, 6 of a sign-in under way, 7 of a code, 8 of a refresh token.
//!
//! No panic, no 500; the browser is sent to the provider, to this machine or to the one host that is named, and nowhere else,
//! to a URL parser too; what is registered can be used; nobody gets a token; heads fit a proxy's buffer.

#![no_main]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use gangplank_fuzz::{APP, NOW, SECRET, ring, run, tenant};
use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate, Shared};
use gangplank_idp::{API_ID, InProcess, TENANT_ID, WEB_APP_ID};
use gangplank_jose::UnixTime;
use gangplank_net::Peer;
use gangplank_oauth::Clock;
use http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;
use url::{Host, Url};

const PATH: &str = "/oauth2/as/entra";
const CALLBACK: &str = "http://127.0.0.1:33418/callback";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Slow enough for what is sealed to be good, and fast enough for no minute to be full.
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(NOW.as_secs() + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

static GATE: LazyLock<Arc<Gate>> = LazyLock::new(|| {
    let config = format!(
        r#"
[gate]
listen = "127.0.0.1:0"
public_url = "https://{APP}"

[cookies]
keys = [{{ env = "KEY" }}]

[issuers.corp]
entra = {{ tenant = "{TENANT_ID}", authority = "https://login.test", graph = "https://login.test/graph" }}
audiences = ["{API_ID}"]

[clients.corp]
issuer = "corp"
id = "{WEB_APP_ID}"
secret = {{ env = "SECRET" }}

[authorization_servers.entra]
client = "corp"
scopes = {{ "mcp:read" = "api://podinfo/read" }}
redirect_hosts = ["vscode.dev"]
client_id_metadata = true

[[routes]]
path = "/mcp"
accept = ["corp"]
allow.signed_in = true
upstream = "http://127.0.0.1:9"
mcp = {{ scopes = ["mcp:read"] }}
"#
    );
    let secret = tenant().client_secret(WEB_APP_ID).unwrap().expose_secret().to_owned();
    let clock = Arc::new(Ticking(AtomicU64::new(0)));
    let deps = Deps {
        clock: clock.clone(),
        environment: &|name| match name {
            "KEY" => Some(SECRET.to_owned()),
            "SECRET" => Some(secret.clone()),
            _ => None,
        },
        shared: Shared::new(),
        transport: Some(Arc::new(InProcess::new(tenant().clone(), clock))),
    };
    Gate::build(&toml::from_str::<Config>(&config).unwrap(), deps).unwrap()
});

/// A client that is registered, and a browser that has been here.
static CLIENT: LazyLock<String> = LazyLock::new(|| client(CALLBACK));
static BROWSER: LazyLock<String> = LazyLock::new(|| {
    let sealed = ring().seal("as-browser", br#"{"b":"browser","c":[]}"#).unwrap();
    format!("__Host-gangplank-consent={sealed}")
});

fn client(redirect_uri: &str) -> String {
    ring().seal_value("as-client:entra", &json!({"r": [redirect_uri], "n": "n", "t": 0})).unwrap()
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn good_request(client: &str, redirect_uri: &str) -> String {
    format!(
        "response_type=code&client_id={client}&redirect_uri={}&code_challenge={CHALLENGE}&code_challenge_method=S256",
        encoded(redirect_uri)
    )
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

fn send(method: &str, target: &str, kind: &str, body: &[u8]) -> Option<Answer> {
    let request = Request::builder()
        .method(method)
        .uri(format!("{PATH}/{target}"))
        .header(HOST, APP)
        .header(CONTENT_TYPE, kind)
        .header(COOKIE, BROWSER.as_str())
        .body(Full::new(Bytes::copy_from_slice(body)))
        .ok()?;
    let peer = Peer { remote: "192.0.2.1:4711".parse().unwrap(), tls: true, certificates: None };
    let answer = run(async {
        let (head, body) = GATE.handle(request, peer).await.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Answer { status: head.status, headers: head.headers, body }
    });
    let size: usize = answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    assert!(answer.headers.get_all(SET_COOKIE).iter().count() <= 1);
    assert!(!answer.body.windows(12).any(|window| window == b"access_token"));
    if let Some(location) = answer.headers.get(LOCATION) {
        assert!(is_allowed(location.to_str().unwrap()), "{location:?}");
        assert!(target.starts_with("callback") || size <= 4096, "{:?}", answer.headers);
    }
    Some(answer)
}

fn is_allowed(location: &str) -> bool {
    let Ok(url) = Url::parse(location) else { return false };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain
        && match (url.scheme(), url.host()) {
            ("https", Some(Host::Domain(host))) => url.port().is_none() && ["login.test", "vscode.dev"].contains(&host),
            ("http", Some(Host::Domain(host))) => host == "localhost",
            ("http", Some(Host::Ipv4(address))) => address == std::net::Ipv4Addr::LOCALHOST,
            ("http", Some(Host::Ipv6(address))) => address == std::net::Ipv6Addr::LOCALHOST,
            _ => false,
        }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn sealed(purpose: &str, rest: &[u8]) -> String {
    ring().seal(&format!("{purpose}:entra"), rest).unwrap()
}

fn registration(rest: &[u8]) -> Option<Answer> {
    let answer = send("POST", "register", "application/json", rest)?;
    if answer.status == StatusCode::CREATED {
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        let id = told["client_id"].as_str().unwrap();
        assert!(id.len() <= 2048 && told["client_name"].as_str().unwrap().chars().count() <= 64);
        for uri in told["redirect_uris"].as_array().unwrap() {
            let uri = uri.as_str().unwrap();
            assert!(is_allowed(uri), "{uri:?}");
            let page = send("GET", &format!("authorize?{}", good_request(id, uri)), "", b"").unwrap();
            assert_eq!(page.status, StatusCode::OK, "{uri:?}");
        }
    }
    Some(answer)
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let id = CLIENT.as_str();
    let answer = match kind % 9 {
        0 => registration(rest),
        1 => send("GET", &format!("authorize?{}&{text}", good_request(id, CALLBACK)), "", b""),
        2 => send("GET", &format!("authorize?{text}"), "", b""),
        3 => send("POST", "token", FORM, rest),
        4 => send("GET", &format!("authorize?{}", good_request(&client(&text), &text)), "", b""),
        5 => {
            let form = format!("decision=allow&request={}", sealed("as-consent", rest));
            send("POST", "consent", FORM, form.as_bytes())
        }
        6 => send("GET", &format!("callback?code=x&state={}", sealed("as-state", rest)), "", b""),
        7 => {
            let code = sealed("as-code", rest);
            let form = format!(
                "grant_type=authorization_code&client_id={id}&code={code}&redirect_uri={}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                encoded(CALLBACK)
            );
            send("POST", "token", FORM, form.as_bytes())
        }
        _ => {
            let token = sealed("as-refresh", rest);
            let form = format!("grant_type=refresh_token&client_id={id}&refresh_token={token}");
            send("POST", "token", FORM, form.as_bytes())
        }
    };
    // The one 500 is for a provider that gives what it was not asked for, or refuses us: nobody here can bring that about but
    // by what was sealed.
    let may_fail = kind % 9 >= 5;
    assert!(may_fail || answer.is_none_or(|answer| answer.status != StatusCode::INTERNAL_SERVER_ERROR));
});
