//! A gate's sign-in with the dev tenant in the same process, and browsers that use it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gangplank_authn::seal::KeyRing;
use gangplank_authn::session::RuleGroups;
use gangplank_authn::{Issuer, IssuerKind, IssuerSettings, Tenants};
use gangplank_idp::{DEMO_GROUP_ID, InProcess, TENANT_ID, Tenant, TenantConfig, WEB_APP_ID};
use gangplank_jose::UnixTime;
use gangplank_oauth::config::Span;
use gangplank_oauth::{
    BoxFuture, Budget, Client, ClientAuthentication, ClientSettings, Clock, Transport, TransportError,
};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use tokio::sync::Semaphore;
use url::Url;

use super::{SignIn, SignInClient, SignInRefusal, SignInSettings};
use crate::body::Body;
use crate::config::{CookiesConfig, PagesConfig};
use crate::context::RequestContext;
use crate::hosts::Hosts;
use crate::pages::Pages;
use crate::session::{LiveSession, SessionCookie, SessionOutcome, SessionTimes};
use crate::shared::Shared;

const TENANT: &str = "https://login.test";
/// Where the time of every test begins.
pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A clock that tests move.
pub(crate) struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Holds requests to the token endpoint back until it is told to let them go.
pub(crate) struct Held {
    inner: InProcess,
    pub(crate) gate: Semaphore,
    /// Put into the requests to the token endpoint: this for that.
    pub(crate) exchange: Mutex<Option<(String, String)>>,
    /// Taken out of the answers of the token endpoint.
    pub(crate) without: Mutex<Option<&'static str>>,
}

impl Held {
    fn altered(&self, request: Request<Bytes>) -> Request<Bytes> {
        request.map(|body| match &*self.exchange.lock().unwrap() {
            Some((from, to)) => Bytes::from(String::from_utf8_lossy(&body).replace(from, to)),
            None => body,
        })
    }

    fn shortened(&self, response: Response<Bytes>) -> Response<Bytes> {
        let Some(member) = *self.without.lock().unwrap() else { return response };
        response.map(|body| {
            let mut json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            json.as_object_mut().unwrap().remove(member);
            Bytes::from(json.to_string())
        })
    }
}

impl Transport for Held {
    fn send(&self, request: Request<Bytes>, budget: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            if request.uri().path().ends_with("/token") {
                let _pass = self.gate.acquire().await;
                let answer = self.inner.send(self.altered(request), budget).await;
                return answer.map(|response| self.shortened(response));
            }
            self.inner.send(request, budget).await
        })
    }
}

/// How a test's gate differs from the ordinary one.
pub(crate) struct Setup {
    pub(crate) public_url: &'static str,
    pub(crate) cookies: CookiesConfig,
    pub(crate) rule_groups: Vec<String>,
    pub(crate) scopes: Option<Vec<&'static str>>,
    pub(crate) clients: Vec<&'static str>,
    pub(crate) keep_access_token: bool,
    pub(crate) refresh_every: Option<Duration>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            public_url: "https://app.example.com",
            cookies: CookiesConfig::default(),
            rule_groups: vec![DEMO_GROUP_ID.to_owned()],
            scopes: None,
            clients: vec!["corp"],
            keep_access_token: false,
            refresh_every: None,
        }
    }
}

/// The gate, the tenant, and the time.
pub(crate) struct World {
    pub(crate) clock: Arc<Hands>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) transport: Arc<Held>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) sign_in: Arc<SignIn>,
}

impl World {
    pub(crate) fn new(setup: Setup) -> World {
        let clock = Arc::new(Hands(AtomicU64::new(START)));
        let mut config = TenantConfig::built_in();
        // Longer than any of the tests' jumps: only what the test is about may expire.
        config.refresh_token_lifetime = Span(Duration::from_secs(90 * 86_400));
        let app = config.applications.iter_mut().find(|app| app.id.as_deref() == Some(WEB_APP_ID)).unwrap();
        for host in ["app.example.com", "auth.example.com", "other.example.com"] {
            app.redirect_uris.push(format!("https://{host}/oauth2/callback"));
        }
        let tenant = Arc::new(Tenant::new(config, Url::parse(TENANT).unwrap()).unwrap());
        let inner = InProcess::new(tenant.clone(), clock.clone());
        let transport = Arc::new(Held {
            inner,
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            exchange: Mutex::default(),
            without: Mutex::default(),
        });
        let shared = Shared::new();
        let ring = Arc::new(KeyRing::generate().unwrap());
        let sign_in = build(&setup, &clock, &tenant, &transport, &shared, &ring);
        World { clock, tenant, transport, shared, ring, sign_in }
    }

    /// As a reload of the configuration does it.
    pub(crate) fn reload(&mut self, setup: Setup) {
        self.sign_in = build(&setup, &self.clock, &self.tenant, &self.transport, &self.shared, &self.ring);
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    /// Drives the tenant's page: where it sends the browser back to.
    pub(crate) fn at_provider(&self, authorization_url: &str, user: &str) -> Url {
        Url::parse(&self.tenant.drive_sign_in(authorization_url, user, self.now()).unwrap()).unwrap()
    }

    pub(crate) async fn session_of(&self, headers: &HeaderMap) -> SessionOutcome {
        self.sign_in.session(headers, self.now()).await
    }
}

fn build(
    setup: &Setup,
    clock: &Arc<Hands>,
    tenant: &Arc<Tenant>,
    transport: &Arc<Held>,
    shared: &Arc<Shared>,
    ring: &Arc<KeyRing>,
) -> Arc<SignIn> {
    let kind = IssuerKind::Entra {
        tenants: Tenants::One(TENANT_ID.to_owned()),
        authority: Some(TENANT.to_owned()),
        graph: Some(tenant.graph_url()),
    };
    let settings = IssuerSettings::new("corp", kind);
    let issuer = Issuer::new(settings, transport.clone(), clock.clone()).unwrap();
    let mut clients = BTreeMap::new();
    for name in &setup.clients {
        let scopes = match &setup.scopes {
            Some(scopes) => scopes.iter().map(|s| (*s).to_owned()).collect(),
            None => issuer.default_scopes(),
        };
        let settings = ClientSettings {
            provider: issuer.provider().unwrap().clone(),
            id: WEB_APP_ID.to_owned(),
            authentication: ClientAuthentication::SecretBasic(tenant.client_secret(WEB_APP_ID).unwrap().clone()),
            scopes,
            prompt: None,
        };
        let client = SignInClient {
            name: (*name).to_owned(),
            display_name: name.to_uppercase(),
            issuer: issuer.clone(),
            client: Client::new(settings, transport.clone()),
            keep_access_token: setup.keep_access_token,
        };
        clients.insert((*name).to_owned(), Arc::new(client));
    }
    let shared_domain = setup.cookies.domain.is_some();
    let hosts = Arc::new(Hosts::new(setup.public_url, ["other.example.com"], &[], shared_domain).unwrap());
    SignIn::new(SignInSettings {
        prefix: "/oauth2".to_owned(),
        cookie: SessionCookie::new(&setup.cookies, &hosts).unwrap(),
        hosts,
        ring: ring.clone(),
        clients,
        groups: Default::default(),
        rule_groups: RuleGroups::new(setup.rule_groups.iter().cloned()),
        times: SessionTimes { lifetime: 10 * HOUR, refresh_every: setup.refresh_every, grace: Duration::from_secs(60) },
        shared: shared.clone(),
        pages: Arc::new(Pages::new(&PagesConfig::default(), "/oauth2").unwrap()),
        clock: clock.clone(),
    })
}

/// One browser: it keeps our cookie as the last answer left it.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) host: &'static str,
    pub(crate) cookie: Option<String>,
}

pub(crate) type Answer = Result<Response<Body>, SignInRefusal>;

impl Browser {
    pub(crate) fn new() -> Browser {
        Browser { host: "app.example.com", cookie: None }
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(cookie) = &self.cookie {
            headers.insert(COOKIE, HeaderValue::from_str(&format!("a=b; {cookie}")).unwrap());
        }
        headers
    }

    pub(crate) fn context(&self, world: &World, path: &str, query: Option<&str>) -> RequestContext {
        RequestContext {
            id: "test".to_owned(),
            now: world.now(),
            client: [192, 0, 2, 1].into(),
            method: Method::GET,
            authority: self.host.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            navigation: true,
        }
    }

    /// Takes what an answer sets. Every answer has at most one cookie and fits nginx's buffer.
    pub(crate) fn take(&mut self, response: &Response<Body>) {
        let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
        assert!(cookies.len() <= 1, "{cookies:?}");
        let size: usize = response.headers().iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
        assert!(size + 32 <= 4096, "a header block of {size} bytes");
        let Some(cookie) = cookies.first() else { return };
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        assert!(pair.len() <= gangplank_authn::session::MAX_COOKIE, "a cookie of {} bytes", pair.len());
        self.cookie = (!cookie.to_str().unwrap().contains("Max-Age=0")).then(|| pair.to_owned());
    }

    /// `/oauth2/start`: where the browser is sent.
    pub(crate) async fn start(&mut self, world: &World, target: &str) -> String {
        let response = self.try_start(world, Some(target), None).await.unwrap();
        location(&response)
    }

    pub(crate) async fn try_start(&mut self, world: &World, target: Option<&str>, query: Option<&str>) -> Answer {
        let context = self.context(world, "/oauth2/start", query);
        let answer = world.sign_in.start(&context, &self.headers(), None, target).await;
        if let Ok(response) = &answer {
            self.take(response);
        }
        answer
    }

    /// The redirect back from the provider.
    pub(crate) async fn come_back(&mut self, world: &World, callback: &Url) -> Answer {
        assert_eq!(callback.path(), "/oauth2/callback");
        let context = self.context(world, callback.path(), callback.query());
        let answer = world.sign_in.callback(&context, &self.headers()).await;
        if let Ok(response) = &answer {
            self.take(response);
        }
        answer
    }

    /// The whole of it, to where it ends.
    pub(crate) async fn sign_in(&mut self, world: &World, user: &str, target: &str) -> String {
        let url = self.start(world, target).await;
        let callback = world.at_provider(&url, user);
        location(&self.come_back(world, &callback).await.unwrap())
    }

    /// A request for a page: the session, and the cookie taken from the answer.
    pub(crate) async fn request(&mut self, world: &World) -> SessionOutcome {
        let outcome = world.session_of(&self.headers()).await;
        if let SessionOutcome::Live(LiveSession { set_cookie: Some(cookie), .. }) = &outcome {
            self.cookie = cookie.to_str().unwrap().split(';').next().map(str::to_owned);
        }
        outcome
    }
}

pub(crate) fn location(response: &Response<Body>) -> String {
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}

pub(crate) fn live(outcome: SessionOutcome) -> LiveSession {
    match outcome {
        SessionOutcome::Live(session) => session,
        other => panic!("not live: {other:?}"),
    }
}

/// The name of the refusal.
pub(crate) fn refused(outcome: SessionOutcome) -> &'static str {
    match outcome {
        SessionOutcome::Rejected(refusal) => refusal.reason().name,
        other => panic!("not rejected: {other:?}"),
    }
}

/// The name of the refusal.
pub(crate) fn refusal(answer: Answer) -> &'static str {
    match answer {
        Err(refusal) => refusal.reason().name,
        Ok(response) => panic!("not refused: {response:?}"),
    }
}
