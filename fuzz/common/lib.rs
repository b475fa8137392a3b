//! What several targets stand on: a gate and its dev tenant in one process, a clock that stands still, no socket.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gangplank_authn::seal::KeyRing;
use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate, Shared};
use gangplank_idp::{API_ID, DEMO_GROUP_ID, InProcess, TENANT_ID, Tenant, TenantConfig, WEB_APP_ID};
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::{Request, Response};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// The present, always.
pub const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
/// What cookies and `state` are sealed with.
pub const SECRET: &str = "a-secret-of-the-fuzz-targets-0123456789-abcdef";
/// The gate's cookie.
pub const COOKIE: &str = "__Host-gangplank";
/// Where the gate is.
pub const APP: &str = "app.example.com";

/// [`NOW`].
pub struct Still;

impl Clock for Still {
    fn now(&self) -> UnixTime {
        NOW
    }
}

/// Nobody answers.
pub struct Silence;

impl Transport for Silence {
    fn send(
        &self,
        request: Request<bytes::Bytes>,
        _: Budget,
    ) -> BoxFuture<'_, Result<Response<bytes::Bytes>, TransportError>> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        Box::pin(std::future::ready(Err(TransportError::Connect { host, cause: "nobody listens".into() })))
    }
}

/// The ring of [`SECRET`]: the same in every run, so that a finding can be repeated.
pub fn ring() -> &'static KeyRing {
    static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::from_secrets(vec![SecretString::from(SECRET)]).unwrap());
    &RING
}

/// The key of RFC 8037 appendix A.
pub fn signing_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend(seed);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
        SigningKey::from_pem(&pem, Algorithm::EdDSA).unwrap()
    });
    &KEY
}

/// A tenant with the built-in people, whose control endpoints are open.
pub fn tenant() -> &'static Arc<Tenant> {
    static TENANT: LazyLock<Arc<Tenant>> = LazyLock::new(|| {
        let mut config = TenantConfig::built_in();
        config.control = true;
        config.allow_redirect(WEB_APP_ID, format!("https://{APP}/oauth2/callback"));
        Arc::new(Tenant::new(config, Url::parse("https://login.test").unwrap()).unwrap())
    });
    &TENANT
}

/// A gate in front of nothing, with that tenant behind it.
pub fn gate() -> &'static Arc<Gate> {
    static GATE: LazyLock<Arc<Gate>> = LazyLock::new(|| {
        let config = format!(
            r#"
[gate]
listen = "127.0.0.1:0"
public_url = "https://{APP}"
trusted_proxies = ["10.0.0.0/8"]
return_hosts = ["partner.test"]
redirect_from_auth = true

[cookies]
keys = [{{ env = "KEY" }}]

[issuers.corp]
entra = {{ tenant = "{TENANT_ID}", authority = "https://login.test", graph = "https://login.test/graph" }}
audiences = ["{API_ID}"]

[clients.corp]
issuer = "corp"
id = "{WEB_APP_ID}"
secret = {{ env = "SECRET" }}

[[routes]]
path = "/"
sign_in = "corp"
allow.groups = ["{DEMO_GROUP_ID}"]

[[routes]]
path = "/open"
allow.anonymous = true

[[routes]]
host = "*.wild.example.com"
path = "/api"
methods = ["GET", "POST"]
sign_in = "corp"
allow.signed_in = true
"#
        );
        let secret = tenant().client_secret(WEB_APP_ID).unwrap().expose_secret().to_owned();
        let deps = Deps {
            clock: Arc::new(Still),
            environment: &|name| match name {
                "KEY" => Some(SECRET.to_owned()),
                "SECRET" => Some(secret.clone()),
                _ => None,
            },
            shared: Shared::new(),
            transport: Some(Arc::new(InProcess::new(tenant().clone(), Arc::new(Still)))),
        };
        Gate::build(&toml::from_str::<Config>(&config).unwrap(), deps).unwrap()
    });
    &GATE
}

/// Runs a future to its end on this thread.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// A request out of octets: method, target, header lines, an empty line, a body. `None` if the HTTP library would not
/// let it through either.
pub fn request(data: &[u8]) -> Option<Request<bytes::Bytes>> {
    let (head, body) = match data.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &[][..]),
    };
    let mut lines = head.split(|b| *b == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut builder = Request::builder().method(method).uri(target);
    for line in lines.take(64) {
        let colon = line.iter().position(|b| *b == b':')?;
        builder = builder.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    builder.body(bytes::Bytes::copy_from_slice(body)).ok()
}

/// Whether text may stand in a log line or a header.
pub fn is_clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Whether a browser on the gate's own page that is sent to `location` stays with us, the provider or the one host that
/// may be returned to.
pub fn stays_with_us(location: &str) -> bool {
    let base = Url::parse(&format!("https://{APP}/oauth2/callback")).unwrap();
    let Ok(url) = base.join(location) else { return false };
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && (["app.example.com", "login.test", "partner.test"].contains(&host) || host.ends_with(".wild.example.com"))
}
