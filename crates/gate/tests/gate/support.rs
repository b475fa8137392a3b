//! A gate with the dev tenant in the same process, and whoever sends requests to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gangplank_gate::config::Config;
use gangplank_gate::trace::Tracer;
use gangplank_gate::{Body, Deps, Gate, Shared};
use gangplank_idp::{API_ID, BATCH_ID, DEMO_GROUP_ID, InProcess, TENANT_ID, Tenant, TenantConfig, WEB_APP_ID};
use gangplank_jose::UnixTime;
use gangplank_net::Peer;
use gangplank_oauth::config::ConfigError;
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use secrecy::ExposeSecret;
use url::Url;

/// A clock that tests move.
pub(crate) struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) const STRANGER: &str = "192.0.2.1";
pub(crate) const PROXY: &str = "10.0.0.1";

/// What most tests need besides their routes: one tenant, one client, and a proxy's address that is trusted.
pub(crate) fn head(gate: &str) -> String {
    format!(
        r#"
[gate]
listen = "127.0.0.1:0"
public_url = "https://app.example.com"
trusted_proxies = ["10.0.0.0/8"]
{gate}

[issuers.corp]
entra = {{ tenant = "{TENANT_ID}", authority = "https://login.test", graph = "https://login.test/graph" }}
audiences = ["{API_ID}", "api://podinfo"]

[clients.corp]
issuer = "corp"
id = "{WEB_APP_ID}"
secret = {{ env = "SECRET" }}
"#
    )
}

/// The demo group's members may enter.
pub(crate) fn demo(path: &str, more: &str) -> String {
    format!("\n[[routes]]\npath = \"{path}\"\nsign_in = \"corp\"\nallow.groups = [\"{DEMO_GROUP_ID}\"]\n{more}\n")
}

/// Everybody may enter.
pub(crate) fn open(path: &str, more: &str) -> String {
    format!("\n[[routes]]\npath = \"{path}\"\nallow.anonymous = true\n{more}\n")
}

pub(crate) fn build(config: &str) -> Result<Arc<Gate>, Vec<ConfigError>> {
    World::try_new(config).map(|world| world.gate)
}

/// What is wrong with a configuration, as `key: message`.
pub(crate) fn errors(config: &str) -> Vec<String> {
    build(config).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

pub(crate) struct World {
    pub(crate) gate: Arc<Gate>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) internet: Arc<Internet>,
}

/// The tenant, and whatever else a test publishes.
pub(crate) struct Internet {
    tenant: InProcess,
    pages: Mutex<BTreeMap<String, Page>>,
    asked: AtomicU64,
    /// The `traceparent` of the last request, and where it went.
    pub(crate) traceparent: Mutex<Option<(String, String)>>,
}

type Page = (u16, &'static str, String);

impl Internet {
    fn around(tenant: InProcess) -> Self {
        Internet { tenant, pages: Mutex::default(), asked: AtomicU64::new(0), traceparent: Mutex::default() }
    }

    /// From now on this is at `url`.
    pub(crate) fn publish(&self, url: &str, status: u16, kind: &'static str, body: impl Into<String>) {
        self.pages.lock().unwrap().insert(url.to_owned(), (status, kind, body.into()));
    }

    /// How often a page of these was asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Transport for Internet {
    fn send(&self, request: Request<Bytes>, budget: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        if let Some(traceparent) = request.headers().get("traceparent") {
            let told = (request.uri().path().to_owned(), traceparent.to_str().unwrap().to_owned());
            *self.traceparent.lock().unwrap() = Some(told);
        }
        let Some((status, kind, body)) = self.pages.lock().unwrap().get(&request.uri().to_string()).cloned() else {
            return self.tenant.send(request, budget);
        };
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = Response::builder().status(status).header("content-type", kind).body(Bytes::from(body));
        Box::pin(std::future::ready(Ok(answer.unwrap())))
    }
}

impl World {
    pub(crate) fn new(config: &str) -> World {
        World::try_new(config).unwrap_or_else(|errors| panic!("{errors:#?}"))
    }

    /// Another gate, just started, of the same tenant: its keys take a while to draw.
    pub(crate) fn started_anew(&self, config: &str) -> World {
        let built = World::around(self.tenant.clone(), self.clock.clone(), Shared::new(), config, None);
        built.unwrap_or_else(|errors| panic!("{errors:#?}"))
    }

    /// The same process with another configuration.
    pub(crate) fn reloaded(&self, config: &str) -> Result<World, Vec<ConfigError>> {
        World::around(self.tenant.clone(), self.clock.clone(), self.shared.clone(), config, None)
    }

    /// A gate whose traces go to `tracer`.
    pub(crate) fn traced(config: &str, tracer: Tracer) -> World {
        World::first(config, Some(tracer)).unwrap_or_else(|errors| panic!("{errors:#?}"))
    }

    fn try_new(config: &str) -> Result<World, Vec<ConfigError>> {
        World::first(config, None)
    }

    fn first(config: &str, tracer: Option<Tracer>) -> Result<World, Vec<ConfigError>> {
        let clock = Arc::new(Hands(AtomicU64::new(1_800_000_000)));
        let mut tenant = TenantConfig::built_in();
        for host in ["app.example.com", "other.example.com", "x.wild.example.com"] {
            tenant.allow_redirect(WEB_APP_ID, format!("https://{host}/oauth2/callback"));
        }
        tenant.allow_redirect(WEB_APP_ID, "https://app.example.com/oauth2/as/entra/callback");
        let tenant = Arc::new(Tenant::new(tenant, Url::parse("https://login.test").unwrap()).unwrap());
        World::around(tenant, clock, Shared::new(), config, tracer)
    }

    fn around(
        tenant: Arc<Tenant>,
        clock: Arc<Hands>,
        shared: Arc<Shared>,
        config: &str,
        tracer: Option<Tracer>,
    ) -> Result<World, Vec<ConfigError>> {
        let secret_of = |id| tenant.client_secret(id).map(|s| s.expose_secret().to_owned());
        let (secret, batch) = (secret_of(WEB_APP_ID), secret_of(BATCH_ID));
        let config: Config = toml::from_str(config).unwrap_or_else(|e| panic!("{e}"));
        let internet = Arc::new(Internet::around(InProcess::new(tenant.clone(), clock.clone())));
        let gate = Gate::build_traced(
            &config,
            Deps {
                clock: clock.clone(),
                environment: &move |name| match name {
                    "SECRET" => secret.clone(),
                    "BATCH" => batch.clone(),
                    "KEY_A" => Some("a-first-secret-of-sufficient-length-0123456789".to_owned()),
                    "KEY_B" => Some("another-secret-of-sufficient-length-0123456789".to_owned()),
                    "SHORT" => Some("too short".to_owned()),
                    _ => None,
                },
                shared: shared.clone(),
                transport: Some(internet.clone()),
            },
            tracer,
        )?;
        Ok(World { gate, tenant, clock, shared, internet })
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    /// An access token for the API.
    pub(crate) fn token(&self, user: &str) -> String {
        self.tenant.mint_access_token(user, WEB_APP_ID, "api://podinfo/read", self.clock.now()).unwrap()
    }

    pub(crate) async fn send(&self, peer: &str, request: Request<Full<Bytes>>) -> Answer {
        Answer::read(self.gate.handle(request, peer_of(peer)).await).await
    }

    /// A GET from somewhere on the internet.
    pub(crate) async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(STRANGER, request("GET", url, headers)).await
    }

    /// A GET from the trusted proxy.
    pub(crate) async fn check(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(PROXY, request("GET", url, headers)).await
    }

    /// Signs in and gives the `Cookie` header.
    pub(crate) async fn sign_in(&self, origin: &str, user: &str) -> String {
        let start = self.get(&format!("{origin}/oauth2/start?rd=/"), BROWSER).await;
        assert_eq!(start.status, StatusCode::FOUND, "{start:?}");
        let mark = start.cookie().expect("a cookie to come back with");
        let back = self.tenant.drive_sign_in(start.location(), user, self.clock.now()).unwrap();
        let headers: Vec<_> = BROWSER.iter().copied().chain([("cookie", mark.as_str())]).collect();
        let done = self.get(&back, &headers).await;
        assert_eq!(done.status, StatusCode::FOUND, "{done:?}");
        done.cookie().expect("a session")
    }
}

pub(crate) fn peer_of(address: &str) -> Peer {
    Peer { remote: SocketAddr::new(address.parse().unwrap(), 4711), tls: true, certificates: None }
}

/// What a browser sends when somebody goes to a page.
pub(crate) const BROWSER: &[(&str, &str)] =
    &[("accept", "text/html,*/*;q=0.8"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

pub(crate) fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let parsed = Url::parse(url).unwrap();
    let host = &parsed[url::Position::BeforeHost..url::Position::AfterPort];
    // As it was written: the parser would resolve what tests want to see refused.
    let rest = url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or("/");
    let mut builder = Request::builder().method(method).uri(rest);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        builder = builder.header("host", host);
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::default()).unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn read(response: Response<Body>) -> Answer {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        Answer { status: head.status, headers: head.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |v| v.to_str().unwrap())
    }

    /// `name=value` of the one `Set-Cookie`.
    pub(crate) fn cookie(&self) -> Option<String> {
        assert!(self.headers.get_all(SET_COOKIE).iter().count() <= 1, "{:?}", self.headers);
        let set = self.headers.get(SET_COOKIE)?.to_str().unwrap();
        set.split(';').next().map(str::to_owned)
    }

    /// What the block takes on the wire, status line and what the server adds included.
    pub(crate) fn block(&self) -> usize {
        160 + self.headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum::<usize>()
    }

    /// The JSON members.
    pub(crate) fn json(&self) -> BTreeMap<String, serde_json::Value> {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// Both lists.
pub(crate) fn with<'a>(headers: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    headers.iter().chain(more).copied().collect()
}

pub(crate) fn cookie(value: &str) -> (&str, &str) {
    ("cookie", value)
}
