//! A flood of everything that is no good, with good credentials in it: at most one request per interval and issuer,
//! nothing of it is remembered, and who has a good credential notices nothing.
//!
//! The whole way through the gate, against a chain of static keys, two issuers, and a cluster that is asked about tokens of
//! its own issuer. One issuer's keys by themselves: `jwks` in gangplank-authn; a cluster by itself: `token_review::cluster`
//! there. Over sockets, with the process's memory: `app/tests/e2e/flood.rs`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate, Shared};
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::local::Dir;
use crate::support::{Answer, STRANGER, peer_of, request};

const CHECK: &str = "https://app.example.com/oauth2/auth";
const ISSUERS: [&str; 2] = ["https://one.test", "https://two.test"];
const START: u64 = 1_800_000_000;
/// `abc`, and its hash.
const KEY: (&str, &str) = ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

/// Whose tokens the cluster is asked about, and where it is.
const CLUSTER: (&str, &str) = ("https://cluster.test", "https://cluster.test:6443");
/// A token that the cluster knows.
const ACCOUNT: &str = "account";

/// Both providers and the cluster, and how often each of their addresses was asked.
struct Providers {
    keys: [SigningKey; 2],
    asked: Mutex<HashMap<String, u64>>,
    down: AtomicBool,
}

impl Providers {
    fn new() -> Arc<Self> {
        Arc::new(Providers {
            keys: [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap()),
            asked: Mutex::default(),
            down: false.into(),
        })
    }

    fn asked(&self, of: usize, path: &str) -> u64 {
        *self.asked.lock().unwrap().get(&format!("{}{path}", ISSUERS[of])).unwrap_or(&0)
    }

    /// Requests for keys since `before`, by issuer.
    fn since(&self, before: [u64; 2]) -> [u64; 2] {
        [0, 1].map(|of| self.asked(of, "/keys") - before[of])
    }

    fn token(&self, of: usize, n: u64, now: u64) -> String {
        signed(&self.keys[of], "one", ISSUERS[of], n, now)
    }
}

fn signed(key: &SigningKey, kid: &str, issuer: &str, n: u64, now: u64) -> String {
    let claims = json!({
        "iss": issuer, "aud": "api://app", "sub": "s", "preferred_username": "ada", "jti": n.to_string(),
        "iat": now, "exp": now + 3600,
    });
    key.sign(json!({"kid": kid}).as_object().unwrap(), &claims).unwrap()
}

/// The header of a token with this key id, as it stands in the token.
fn kid_of(kid: &str) -> String {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    signed(&key, kid, CLUSTER.0, 0, START).split('.').next().unwrap().to_owned()
}

impl Transport for Providers {
    fn send(&self, request: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let url = request.uri().to_string();
        *self.asked.lock().unwrap().entry(url.clone()).or_default() += 1;
        if url.starts_with(CLUSTER.1) {
            let good = String::from_utf8_lossy(request.body()).contains(&kid_of(ACCOUNT));
            let user = json!({ "username": "system:serviceaccount:app:app" });
            let status = if good { json!({ "authenticated": true, "user": user }) } else { json!({}) };
            let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status });
            let answer = Response::builder().status(StatusCode::CREATED).header("content-type", "application/json");
            let answer = answer.body(Bytes::from(review.to_string())).unwrap();
            return Box::pin(std::future::ready(Ok(answer)));
        }
        let of = usize::from(url.starts_with(ISSUERS[1]));
        let issuer = ISSUERS[of];
        let document: Value = match url.strip_prefix(issuer) {
            Some("/keys") => json!({"keys": [self.keys[of].public_jwk("one")]}),
            Some("/.well-known/openid-configuration") => json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            }),
            _ => panic!("nobody should ask {url}"),
        };
        let down = self.down.load(Ordering::SeqCst);
        Box::pin(async move {
            // A moment in which others may come and want the same.
            tokio::task::yield_now().await;
            match down {
                true => Err(TransportError::Connect { host: "issuer".into(), cause: "refused".into() }),
                false => Ok(Response::new(Bytes::from(document.to_string()))),
            }
        })
    }
}

struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    gate: Arc<Gate>,
    providers: Arc<Providers>,
    attacker: SigningKey,
    hands: Arc<Hands>,
    _dir: Dir,
}

impl World {
    fn new() -> Arc<World> {
        let dir = Dir::new();
        let keys = dir.write("keys", &format!("ci:{}\n", KEY.1));
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{ "name": "c", "cluster": { "server": CLUSTER.1 } }],
            "users": [{ "name": "u", "user": { "token": "t" } }],
            "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        });
        let kubeconfig = dir.write("kubeconfig", &kubeconfig.to_string());
        let ([one, two], (cluster, _)) = (ISSUERS, CLUSTER);
        let document = format!(
            r#"
gate = {{ listen = "127.0.0.1:0", public_url = "https://app.example.com" }}
authenticators.keys = {{ keys_file = {keys:?} }}
issuers.one = {{ url = "{one}", audiences = ["api://app"] }}
issuers.two = {{ url = "{two}", audiences = ["api://app"] }}
authenticators.cluster = {{ token_review = {{ kubeconfig = {kubeconfig:?}, issuers = ["{cluster}"] }} }}
routes = [{{ path = "/", accept = ["keys", "one", "two", "cluster"], allow.signed_in = true }}]
"#
        );
        let config: Config = toml::from_str(&document).unwrap();
        let (providers, hands) = (Providers::new(), Arc::new(Hands(AtomicU64::new(START))));
        let transport: Arc<dyn Transport> = providers.clone();
        let deps =
            Deps { clock: hands.clone(), environment: &|_| None, shared: Shared::new(), transport: Some(transport) };
        let gate = Gate::build(&config, deps).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let attacker = SigningKey::generate(Algorithm::ES256).unwrap();
        Arc::new(World { gate, providers, attacker, hands, _dir: dir })
    }

    async fn present(&self, credential: &str) -> StatusCode {
        let bearer = format!("Bearer {credential}");
        let request = request("GET", CHECK, &[("authorization", &bearer)]);
        Answer::read(self.gate.handle(request, peer_of(STRANGER)).await).await.status
    }

    /// The `n`th bad credential: no two are alike.
    fn bad(&self, n: u64) -> String {
        let now = self.hands.now().as_secs();
        let issuer = ISSUERS[usize::from(n.is_multiple_of(2))];
        let forged = |kid: &str, issuer: &str| signed(&self.attacker, kid, issuer, n, now);
        match n % 9 {
            0 => forged(&format!("kid-{n}"), issuer),
            1 | 2 => forged("one", issuer),
            3 => format!("{n:064}").repeat(1024),
            4 => format!("gpk_{n:048x}"),
            5 => format!("{}.{n}", forged("one", issuer)),
            6 => forged("one", "https://three.test"),
            7 => forged("one", &format!("https://{n}.test")),
            _ => self.providers.token(0, n, now).replacen('.', ".e", 1),
        }
    }

    fn asked_the_cluster(&self) -> u64 {
        let review = format!("{}/apis/authentication.k8s.io/v1/tokenreviews", CLUSTER.1);
        *self.providers.asked.lock().unwrap().get(&review).unwrap_or(&0)
    }

    async fn metrics(&self) -> String {
        let scrape = request("GET", "http://127.0.0.1:9090/metrics", &[]);
        Answer::read(self.gate.operations(&scrape, &peer_of("127.0.0.1"))).await.body
    }

    /// So many requests on eight tasks within one interval, one in five of them good. `good` says what a good token
    /// gets; a static key is always let in.
    async fn flood(self: &Arc<Self>, from: u64, count: u64, good: StatusCode) {
        let lanes = (0..8).map(|lane| {
            let world = self.clone();
            tokio::spawn(async move {
                for n in (from..from + count).skip(lane).step_by(8) {
                    let now = world.hands.now().as_secs();
                    let (credential, expected) = match n % 15 {
                        0 => (KEY.0.to_owned(), StatusCode::ACCEPTED),
                        5 => (world.providers.token(0, n, now), good),
                        10 => (world.providers.token(1, n, now), good),
                        _ => (world.bad(n), StatusCode::UNAUTHORIZED),
                    };
                    let found = world.present(&credential).await;
                    let undecided = good == StatusCode::SERVICE_UNAVAILABLE && found == good;
                    assert!(found == expected || undecided, "{n}: {found}, {credential:.100}");
                }
            })
        });
        for lane in lanes.collect::<Vec<_>>() {
            lane.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_costs_each_provider_one_request_per_interval_and_nobody_an_answer() {
    let world = World::new();
    for of in [0, 1] {
        let token = world.providers.token(of, u64::MAX, START);
        assert_eq!(world.present(&token).await, StatusCode::ACCEPTED);
    }
    // So that every kind of refusal has been counted once.
    world.flood(0, 90, StatusCode::ACCEPTED).await;
    let lines = world.metrics().await.lines().count();
    for interval in 1..=3 {
        world.hands.0.fetch_add(61, Ordering::SeqCst);
        let before = [0, 1].map(|of| world.providers.asked(of, "/keys"));
        world.flood(interval * 10_000, 1_500, StatusCode::ACCEPTED).await;
        assert_eq!(world.providers.since(before), [1, 1], "interval {interval}");
    }
    for of in [0, 1] {
        assert_eq!(world.providers.asked(of, "/.well-known/openid-configuration"), 1);
    }
    let text = world.metrics().await;
    assert_eq!(text.lines().count(), lines, "nothing that is sent makes another series:\n{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_does_not_reach_the_cluster_but_for_tokens_that_may_be_its_own() {
    let world = World::new();
    world.flood(0, 450, StatusCode::ACCEPTED).await;
    assert_eq!(world.asked_the_cluster(), 0);
    // The same bad one, over and over, and the good one beside it.
    let forged = signed(&world.attacker, "forged", CLUSTER.0, 0, START);
    let account = signed(&world.attacker, ACCOUNT, CLUSTER.0, 0, START);
    for second in 1..=10 {
        for _ in 0..20 {
            assert_eq!(world.present(&forged).await, StatusCode::UNAUTHORIZED);
            assert_eq!(world.present(&account).await, StatusCode::ACCEPTED);
        }
        world.hands.0.store(START + second, Ordering::SeqCst);
    }
    // A bad one is remembered for five seconds, a good one by the cluster and the gate for longer.
    assert_eq!(world.asked_the_cluster(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_while_both_providers_are_down_costs_each_one_request_in_ten_seconds() {
    let world = World::new();
    world.providers.down.store(true, Ordering::SeqCst);
    for round in 0..3 {
        world.flood(round * 10_000, 450, StatusCode::SERVICE_UNAVAILABLE).await;
        let asked = [0, 1].map(|of| world.providers.asked(of, "/.well-known/openid-configuration"));
        assert_eq!(asked, [round + 1; 2]);
        world.hands.0.fetch_add(10, Ordering::SeqCst);
    }
    world.providers.down.store(false, Ordering::SeqCst);
    world.hands.0.fetch_add(20, Ordering::SeqCst);
    world.flood(90_000, 450, StatusCode::ACCEPTED).await;
}
