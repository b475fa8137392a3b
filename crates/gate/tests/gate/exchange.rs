//! A caller's token on its way to the upstream: exchanged at the dev tenant, whatever state that is in. The judge is an
//! upstream that remembers every head that it was sent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate, Shared};
use gangplank_idp::{
    API_ID, API_V1_ID, Endpoint, Fault, FaultKind, InProcess, PUBLIC_CLIENT_ID, TENANT_ID, Tenant, TenantConfig,
    WEB_APP_ID,
};
use gangplank_jose::{UnixTime, Unverified};
use gangplank_net::{ServerLimits, Shutdown, serve};
use gangplank_oauth::config::ConfigError;
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use rcgen::{CertificateParams, KeyPair};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use url::Url;

use crate::local::Dir;
use crate::support::{Answer, BROWSER, STRANGER, cookie, peer_of, request, with};

mod chaos;
mod configuration;
mod refused;
mod step_up;

const KEYS: &str = "keys";

struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// What somebody between us and the provider, or a provider that lost its way, does with an answer of the token endpoint.
type Meddle = Arc<dyn Fn(Response<Bytes>) -> Result<Response<Bytes>, TransportError> + Send + Sync>;

/// Carries requests to the tenant, and meddles with what comes back.
struct Way {
    tenant: InProcess,
    meddle: Mutex<Option<Meddle>>,
}

impl Transport for Way {
    fn send(&self, request: Request<Bytes>, budget: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let meddle = self.meddle.lock().unwrap().clone().filter(|_| request.uri().path().ends_with("/token"));
            // As on a network, others get their turn before the answer is there.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            let answer = self.tenant.send(request, budget).await?;
            meddle.map_or(Ok(answer.clone()), |meddle| meddle(answer))
        })
    }
}

/// The heads of all requests that reached the upstream.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<HeaderMap>>>);

impl Seen {
    fn take(&self) -> Vec<HeaderMap> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Setting {
    gate: Arc<Gate>,
    tenant: Arc<Tenant>,
    clock: Arc<Hands>,
    shared: Arc<Shared>,
    way: Arc<Way>,
    upstream: SocketAddr,
    seen: Seen,
    dir: Dir,
}

/// By which route each strategy is used, and for whom the token is then.
const STRATEGIES: [(&str, &str); 4] =
    [("/obo", API_ID), ("/rfc", API_V1_ID), ("/keycloak", API_V1_ID), ("/ours", API_ID)];

fn document(upstream: SocketAddr, keys: &str, more: &str) -> String {
    let route = |path: &str, accept: &str| {
        format!(
            "[[routes]]\npath = \"/{path}\"\naccept = [{accept}]\nallow.signed_in = true\nexchange = \"{path}\"\n\
             upstream = \"http://{upstream}\"\n"
        )
    };
    format!(
        r#"
[gate]
listen = "127.0.0.1:0"
public_url = "https://app.example.com"

[issuers.corp]
entra = {{ tenant = "{TENANT_ID}", authority = "https://login.test" }}
audiences = ["{WEB_APP_ID}"]

[issuers.standard]
url = "https://login.test/standard"
audiences = ["{WEB_APP_ID}"]

[clients.web]
issuer = "corp"
id = "{WEB_APP_ID}"
secret = {{ env = "SECRET" }}
scopes = ["openid", "profile", "offline_access", "{WEB_APP_ID}/access_as_user"]

[clients.standard]
issuer = "standard"
id = "{WEB_APP_ID}"
secret = {{ env = "SECRET" }}

[authenticators.keys]
keys_file = "{keys}"

[exchanges.obo]
client = "web"
strategy = "on-behalf-of"
scopes = ["{API_ID}/.default"]

[exchanges.rfc]
client = "standard"
strategy = "token-exchange"
audience = "{API_V1_ID}"

[exchanges.keycloak]
client = "standard"
strategy = "keycloak-v1"
audience = "{API_V1_ID}"

[exchanges.ours]
client = "web"
strategy = "client-credentials"
scopes = ["{API_ID}/.default"]
replaces_caller = true

{obo}{rfc}{keycloak}{ours}
[[routes]]
path = "/session"
sign_in = "web"
allow.signed_in = true
exchange = "obo"
upstream = "http://{upstream}"
{more}"#,
        obo = route("obo", r#""corp", "keys""#),
        rfc = route("rfc", r#""standard""#),
        keycloak = route("keycloak", r#""standard""#),
        ours = route("ours", r#""corp", "keys""#),
    )
}

impl Setting {
    async fn new() -> Setting {
        Setting::of(TenantConfig::built_in(), "").await
    }

    async fn of(mut tenant: TenantConfig, more: &str) -> Setting {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (upstream, seen) = (listener.local_addr().unwrap(), Seen::default());
        let noted = seen.clone();
        let answer = move |request: Request<Incoming>, _| {
            let mut head = request.headers().clone();
            head.insert("x-test-path", request.uri().path().parse().unwrap());
            noted.0.lock().unwrap().push(head);
            std::future::ready(Response::new(Full::<Bytes>::from("upstream")))
        };
        tokio::spawn(serve(listener, None, ServerLimits::default(), answer, Shutdown::new()));

        let clock = Arc::new(Hands(AtomicU64::new(1_800_000_000)));
        tenant.allow_redirect(WEB_APP_ID, "https://app.example.com/oauth2/callback".to_owned());
        let tenant = Arc::new(Tenant::new(tenant, Url::parse("https://login.test").unwrap()).unwrap());
        let way = Way { tenant: InProcess::new(tenant.clone(), clock.clone()), meddle: Mutex::default() };
        let (way, shared) = (Arc::new(way), Shared::new());
        let dir = Dir::new();
        let keys = dir.write(KEYS, "bench:5293613966a831e05e76c11e50f4d4115d4b007722f2678f37a954ed127e7c1d\n");
        let gate = build(&document(upstream, &keys, more), &tenant, &clock, &shared, &way)
            .unwrap_or_else(|e| panic!("{e:#?}"));
        Setting { gate, tenant, clock, shared, way, upstream, seen, dir }
    }

    /// The same process with another configuration.
    fn reloaded(self, change: impl FnOnce(String) -> String) -> Setting {
        let document = change(document(self.upstream, &self.dir.path(KEYS), ""));
        let gate = build(&document, &self.tenant, &self.clock, &self.shared, &self.way);
        Setting { gate: gate.unwrap_or_else(|e| panic!("{e:#?}")), ..self }
    }

    fn pass(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// A token with which somebody may call on a route.
    fn token(&self, path: &str, user: &str) -> String {
        let now = self.clock.now();
        let minted = if matches!(path, "/rfc" | "/keycloak") {
            self.tenant.mint_standard_token(user, PUBLIC_CLIENT_ID, WEB_APP_ID, "openid read", now)
        } else {
            self.tenant.mint_access_token(user, PUBLIC_CLIENT_ID, &format!("api://{WEB_APP_ID}/access_as_user"), now)
        };
        minted.unwrap()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = request("GET", &format!("https://app.example.com{path}"), headers);
        Answer::read(self.gate.handle(request, peer_of(STRANGER)).await).await
    }

    /// As a program of `user`, who says so in a header that nobody judges by.
    async fn call(&self, path: &str, user: &str, token: &str) -> Answer {
        self.get(path, &[("authorization", &format!("Bearer {token}")), ("x-test-user", user)]).await
    }

    /// How often tokens were asked for, whatever the strategy.
    fn asked(&self) -> u64 {
        self.tenant.counts().token
    }

    fn meddle(
        &self,
        with: impl Fn(Response<Bytes>) -> Result<Response<Bytes>, TransportError> + Send + Sync + 'static,
    ) {
        *self.way.meddle.lock().unwrap() = Some(Arc::new(with));
    }

    fn leave_alone(&self) {
        *self.way.meddle.lock().unwrap() = None;
        self.tenant.clear_faults();
    }

    /// Signs in by browser, and gives the session.
    async fn sign_in(&self, start: &str, user: &str, session: Option<&str>) -> String {
        let before: Vec<_> = session.map(cookie).into_iter().collect();
        let start = self.get(start, &with(BROWSER, &before)).await;
        assert_eq!(start.status, StatusCode::FOUND, "{start:?}");
        let mark = start.cookie().or(session.map(str::to_owned)).unwrap();
        let back = self.tenant.drive_sign_in(start.location(), user, self.clock.now()).unwrap();
        let done =
            self.get(back.strip_prefix("https://app.example.com").unwrap(), &with(BROWSER, &[cookie(&mark)])).await;
        assert_eq!(done.status, StatusCode::FOUND, "{done:?} {:?}", self.refusals().await);
        done.cookie().unwrap()
    }

    async fn metrics(&self) -> Vec<String> {
        let scrape = self.gate.operations(&request("GET", "http://127.0.0.1:9090/metrics", &[]), &peer_of("127.0.0.1"));
        Answer::read(scrape).await.body.lines().map(str::to_owned).collect()
    }

    async fn metric(&self, line: &str) -> bool {
        self.metrics().await.iter().any(|l| l == line)
    }

    /// For whoever reads a failure.
    async fn refusals(&self) -> Vec<String> {
        self.metrics().await.into_iter().filter(|line| line.starts_with("gangplank_refusals_total")).collect()
    }
}

fn build(
    document: &str,
    tenant: &Arc<Tenant>,
    clock: &Arc<Hands>,
    shared: &Arc<Shared>,
    way: &Arc<Way>,
) -> Result<Arc<Gate>, Vec<ConfigError>> {
    let config: Config = toml::from_str(document).unwrap_or_else(|e| panic!("{e}"));
    let secret = tenant.client_secret(WEB_APP_ID).map(|s| s.expose_secret().to_owned());
    let environment = move |name: &str| secret.clone().filter(|_| name == "SECRET");
    let deps =
        Deps { clock: clock.clone(), environment: &environment, shared: shared.clone(), transport: Some(way.clone()) };
    Gate::build(&config, deps)
}

/// The one token in a head, and whose it is: the header of the test says who it should be.
#[track_caller]
fn judge(head: &HeaderMap, audience: &str, about_caller: bool) -> String {
    let mut all = head.get_all("authorization").iter();
    let (Some(one), None) = (all.next(), all.next()) else { panic!("not one credential: {head:?}") };
    let token = one.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let claims = Unverified::parse(token).unwrap().claims_unverified().clone();
    assert_eq!(claims.audiences(), [audience], "a token for somebody else reached the upstream");
    let user = head["x-test-user"].to_str().unwrap();
    if about_caller {
        assert_eq!(claims.str("preferred_username"), Some(&*format!("{user}@dev.test")), "a token of somebody else");
    } else {
        assert_eq!(claims.str("idtyp"), Some("app"));
    }
    let elsewhere = head.iter().filter(|(name, _)| *name != "authorization");
    for (name, value) in elsewhere {
        assert!(!value.as_bytes().windows(3).any(|w| w == b"eyJ"), "a token in {name}");
    }
    token.to_owned()
}

#[tokio::test]
async fn every_strategy_gives_the_upstream_a_token_of_this_caller_for_this_upstream() {
    let setting = Setting::new().await;
    for (path, audience) in STRATEGIES {
        for user in ["alice", "bob", "carol"] {
            let token = setting.token(path, user);
            let answer = setting.call(path, user, &token).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "upstream"), "{path}: {answer:?}");
            let seen = setting.seen.take();
            assert_eq!(seen.len(), 1);
            assert_ne!(judge(&seen[0], audience, path != "/ours"), token);
        }
    }
    assert_eq!(setting.asked(), 3 * 3 + 1, "our own token is the same for everybody");
    assert!(setting.metric(r#"gangplank_exchanges_total{exchange="obo",outcome="given"} 3"#).await);
    assert!(setting.metric(r#"gangplank_exchanges_total{exchange="ours",outcome="hit"} 2"#).await);
    assert!(setting.metric(r#"gangplank_exchange_duration_seconds_count{exchange="rfc"} 3"#).await);
}

#[tokio::test]
async fn a_hundred_callers_and_an_hour_are_two_requests_to_the_provider() {
    let setting = Arc::new(Setting::new().await);
    let token = setting.token("/obo", "alice");
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (setting, token) = (setting.clone(), token.clone());
            tokio::spawn(async move { setting.call("/obo", "alice", &token).await.status })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), StatusCode::OK);
    }
    assert_eq!((setting.asked(), setting.seen.take().len()), (1, 100));
    // Until half a minute before its end, and then another one; never beyond the caller's own.
    setting.pass(3_569);
    assert_eq!(setting.call("/obo", "alice", &token).await.status, StatusCode::OK);
    assert_eq!(setting.asked(), 1);
    setting.pass(10);
    let renewed = setting.token("/obo", "alice");
    assert_eq!(setting.call("/obo", "alice", &renewed).await.status, StatusCode::OK);
    assert_eq!(setting.asked(), 2, "another token of the same caller is another key");
    setting.pass(100);
    let ended = setting.call("/obo", "alice", &token).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
    assert_eq!(setting.asked(), 2, "there is nothing to exchange any more");
}

#[tokio::test]
async fn one_who_goes_away_takes_nobody_along() {
    let setting = Arc::new(Setting::new().await);
    let token = setting.token("/obo", "alice");
    for _ in 0..20 {
        let (setting, token) = (setting.clone(), token.clone());
        let caller = tokio::spawn(async move { setting.call("/obo", "alice", &token).await.status });
        tokio::task::yield_now().await;
        caller.abort();
    }
    assert_eq!(setting.call("/obo", "alice", &token).await.status, StatusCode::OK);
    assert_eq!(setting.asked(), 1);
}

#[tokio::test]
async fn a_reload_keeps_the_tokens_of_an_exchange_that_stays_and_drops_those_of_one_that_changed() {
    let setting = Setting::new().await;
    let token = setting.token("/obo", "alice");
    assert_eq!(setting.call("/obo", "alice", &token).await.status, StatusCode::OK);
    let setting = setting.reloaded(|same| same);
    assert_eq!(setting.call("/obo", "alice", &token).await.status, StatusCode::OK);
    assert_eq!(setting.asked(), 1);
    let setting =
        setting.reloaded(|document| document.replacen(&format!("{API_ID}/.default"), &format!("{API_ID}/read"), 1));
    assert_eq!(setting.call("/obo", "alice", &token).await.status, StatusCode::OK);
    assert_eq!(setting.asked(), 2);
    for head in setting.seen.take() {
        judge(&head, API_ID, true);
    }
}

#[tokio::test]
async fn who_has_no_token_or_an_applications_own_is_refused_before_anybody_is_asked() {
    let setting = Setting::new().await;
    let app =
        setting.tenant.mint_app_token(PUBLIC_CLIENT_ID, &format!("api://{WEB_APP_ID}/.default"), setting.clock.now());
    let app = app.unwrap();
    for (token, reason) in [("a-static-key", "exchange-without-token"), (&*app, "exchange-app-only")] {
        let answer = setting.call("/obo", "alice", token).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
        assert!(!answer.body.contains("exchange") && answer.header("www-authenticate").is_none(), "{answer:?}");
        assert!(setting.metric(&format!("gangplank_refusals_total{{reason=\"{reason}\",fault=\"caller\"}} 1")).await);
    }
    assert_eq!((setting.asked(), setting.seen.take().len()), (0, 0));
    assert_eq!(
        setting.call("/ours", "alice", "a-static-key").await.status,
        StatusCode::OK,
        "nothing of theirs is exchanged"
    );
    judge(&setting.seen.take()[0], API_ID, false);
}

#[tokio::test]
async fn lives_come_as_numbers_as_text_or_not_at_all() {
    let setting = Arc::new(Setting::new().await);
    for kind in [FaultKind::TextExpiresIn, FaultKind::NoExpiresIn] {
        for (path, audience) in STRATEGIES {
            setting.pass(7_300);
            let token = setting.token(path, "alice");
            setting.tenant.set_fault(Fault::new(kind.clone()).on(Endpoint::Token));
            let asked = setting.asked();
            for seconds in [0, 30, 3_000] {
                setting.pass(seconds);
                assert_eq!(setting.call(path, "alice", &token).await.status, StatusCode::OK, "{kind:?} {path}");
                judge(&setting.seen.take()[0], audience, path != "/ours");
            }
            assert_eq!(setting.asked(), asked + 1, "{kind:?} {path}: it lasts");
            setting.leave_alone();
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_for_a_while_that_grows() {
    let setting = Setting::new().await;
    setting.tenant.set_fault(Fault::new(FaultKind::Broken).on(Endpoint::Token));
    let mut asked = Vec::new();
    for second in 0..60_u64 {
        let user = ["alice", "bob", "dana"][second as usize % 3];
        let before = setting.asked();
        let answer = setting.call("/obo", user, &setting.token("/obo", user)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        if setting.asked() > before {
            asked.push(second);
        }
        setting.pass(1);
    }
    assert!((4..=7).contains(&asked.len()) && asked[..2] == [0, 2], "{asked:?}");
    setting.leave_alone();
    setting.pass(60);
    assert_eq!(setting.call("/obo", "alice", &setting.token("/obo", "alice")).await.status, StatusCode::OK);
    // And as long as it says itself, within reason.
    setting.pass(4_000);
    for (said, left_alone) in [("20", 20), ("86400", 60), ("soon", 2), ("-1", 2)] {
        setting.pass(61);
        setting.meddle(move |_| {
            Ok(Response::builder().status(429).header("retry-after", said).body(Bytes::from_static(b"{}")).unwrap())
        });
        let call = async || setting.call("/obo", "alice", &setting.token("/obo", "alice")).await.status;
        assert_eq!(call().await, StatusCode::SERVICE_UNAVAILABLE);
        setting.leave_alone();
        setting.pass(left_alone - 1);
        assert_eq!(call().await, StatusCode::SERVICE_UNAVAILABLE, "{said}");
        setting.pass(1);
        assert_eq!(call().await, StatusCode::OK, "{said}");
        setting.pass(4_000);
    }
}

fn demanding_mfa_of(user: &str) -> TenantConfig {
    let mut tenant = TenantConfig::built_in();
    let api = tenant.applications.iter_mut().find(|a| a.id.as_deref() == Some(API_ID)).unwrap();
    api.mfa = vec![user.to_owned()];
    tenant
}

#[tokio::test]
async fn one_caller_of_whom_the_provider_has_enough_keeps_nobody_else_out() {
    let setting = Setting::new().await;
    let alice = setting.token("/obo", "alice");
    assert_eq!(setting.call("/obo", "alice", &alice).await.status, StatusCode::OK);
    setting.meddle(|_| {
        let body = br#"{"error":"invalid_grant","error_codes":[50196],"error_description":"AADSTS50196: a loop"}"#;
        Ok(Response::builder().status(400).body(Bytes::from_static(body)).unwrap())
    });
    assert_eq!(
        setting.call("/obo", "bob", &setting.token("/obo", "bob")).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    setting.leave_alone();
    assert_eq!(setting.call("/obo", "dana", &setting.token("/obo", "dana")).await.status, StatusCode::OK);
    // And what is there already is used, whatever state the provider is in.
    setting.tenant.set_fault(Fault::new(FaultKind::Down));
    assert_eq!(
        setting.call("/obo", "dana", &setting.token("/obo", "dana")).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(setting.call("/obo", "alice", &alice).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_strange_answer_about_one_caller_keeps_nobody_else_out() {
    let setting = Setting::new().await;
    // Somebody in so many groups that the answer is too large, or of whom the provider says what can't be read.
    for kind in [FaultKind::Huge { bytes: 2 << 20 }, FaultKind::NoToken, FaultKind::Garbage] {
        setting.tenant.set_fault(Fault::new(kind.clone()).on(Endpoint::Token));
        let answer = setting.call("/obo", "bob", &setting.token("/obo", "bob")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{kind:?}");
        setting.leave_alone();
        let answer = setting.call("/obo", "dana", &setting.token("/obo", "dana")).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind:?}: {answer:?}");
        setting.pass(4_000);
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_the_callers_the_operators_or_passes() {
    let setting = Setting::new().await;
    for (error, code, status, reason) in [
        ("invalid_grant", 65001, 403, "consent-missing"),
        ("invalid_grant", 50013, 401, "assertion-invalid"),
        ("invalid_grant", 500_131, 401, "assertion-invalid"),
        ("invalid_grant", 7_000_114, 403, "assertion-app-only"),
        ("invalid_grant", 50105, 403, "user-unassigned"),
        ("interaction_required", 50076, 403, "mfa-required"),
        ("invalid_client", 700_027, 502, "certificate-unregistered"),
        ("invalid_client", 7_000_215, 502, "client-secret-wrong"),
        ("invalid_request", 9_010_010, 502, "scope-resource-conflict"),
        ("invalid_request", 90009, 502, "scope-own-application"),
        ("invalid_request", 90033, 503, "provider-overloaded"),
    ] {
        let body =
            format!(r#"{{"error":"{error}","error_description":"AADSTS{code}: s3cret","error_codes":[{code}]}}"#);
        setting.meddle(move |_| Ok(Response::builder().status(400).body(Bytes::from(body.clone())).unwrap()));
        let answer = setting.call("/obo", "alice", &setting.token("/obo", "alice")).await;
        assert_eq!(answer.status.as_u16(), status, "{code}");
        assert!(!format!("{answer:?}").contains("AADSTS") && !format!("{answer:?}").contains("s3cret"), "{answer:?}");
        let counted = format!("gangplank_refusals_total{{reason=\"{reason}\"");
        assert!(setting.refusals().await.iter().any(|line| line.starts_with(&counted)), "{reason}");
    }
    assert_eq!(setting.seen.take().len(), 0);
}

#[tokio::test]
async fn a_sessions_token_is_exchanged_and_renewed_with_the_session() {
    let setting = Setting::new().await;
    let session = setting.sign_in("/oauth2/start?client=web&rd=/session", "dana", None).await;
    let mut tokens = Vec::new();
    let mut shown = session;
    for _ in 0..4 {
        let answer = setting.get("/session", &[cookie(&shown), ("x-test-user", "dana")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        shown = answer.cookie().unwrap_or(shown);
        tokens.push(judge(&setting.seen.take()[0], API_ID, true));
        setting.pass(3_000);
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 4, "each of them would have ended meanwhile");
}

#[tokio::test]
async fn forward_auth_judges_and_gives_no_token_away() {
    let setting = Setting::new().await;
    let token = setting.token("/obo", "alice");
    let answer = setting.get("/oauth2/auth?route=/obo", &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!((answer.status, setting.asked()), (StatusCode::ACCEPTED, 0));
    assert!(answer.headers.values().all(|value| !value.to_str().unwrap().contains("eyJ")));
}

#[tokio::test]
async fn each_request_to_the_provider_is_one_line_of_the_audit_log_without_a_token() {
    crate::audit::listen();
    let setting = Setting::new().await;
    let token = setting.token("/obo", "alice");
    let exchanged = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| line.contains("exchanged\"")).cloned().collect()
    };
    crate::audit::taken();
    for _ in 0..3 {
        assert_eq!(setting.call("/obo", "alice", &token).await.status, StatusCode::OK);
    }
    setting.call("/ours", "alice", &token).await;
    setting.tenant.set_fault(Fault::new(FaultKind::TokenError { error: "invalid_client".into() }));
    setting.call("/obo", "bob", &setting.token("/obo", "bob")).await;
    let lines = crate::audit::taken();
    let of_exchanges = exchanged(&lines);
    let [alice, ours, bob] = of_exchanges.as_slice() else { panic!("{of_exchanges:#?}") };
    for (line, parts) in [
        (alice, ["decision=\"exchanged\"", "exchange=\"obo\"", "user=\"alice@dev.test\"", "caller_replaced=false"]),
        (ours, ["decision=\"exchanged\"", "exchange=\"ours\"", "user=\"alice@dev.test\"", "caller_replaced=true"]),
        (
            bob,
            ["decision=\"not-exchanged\"", "user=\"bob@dev.test\"", "reason=\"client-secret-wrong\"", "Correlation ID"],
        ),
    ] {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    assert!(!lines.iter().any(|line| line.contains("eyJ")), "{lines:#?}");
}
