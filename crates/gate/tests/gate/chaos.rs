//! A provider's states, and what becomes of its tokens in each: at the gate, and at the webhook by an
//! AuthenticationConfiguration. With the background work that fetches keys ahead of need, and time that passes by itself.
//!
//! | state | from the start | 20 minutes, keys at hand | beyond a day | once it is over |
//! |---|---|---|---|---|
//! | keys or metadata can't be had | 503, not ready | as ever | 503 (metadata: as ever) | as ever within about a minute |
//! | keys lack the one that signs | 401 | 401 | 401 | as ever within a quarter of an hour |
//!
//! What sign-ins meet, and the reason behind each answer: `provider`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_authn::Chain;
use gangplank_gate::config::Config;
use gangplank_gate::{
    AuthenticationFile, Background, Deps, Gate, Shared, TokenReviewDeps, TokenReviewServer, TokenReviewSettings,
};
use gangplank_idp::{
    API_ID, Endpoint, Fault, FaultKind, InProcess, Rotation, TENANT_ID, Tenant, TenantConfig, WEB_APP_ID,
};
use gangplank_jose::UnixTime;
use gangplank_oauth::{Clock, Transport};
use http::Request;
use http_body_util::Full;
use serde_json::json;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::local::Dir;
use crate::support::{Answer, STRANGER, peer_of, request};

/// Goes with the runtime's time, which is paused: it passes when everybody waits.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(1_800_000_000) + self.0.elapsed()
    }
}

/// What becomes of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    In,
    Out,
    Undecided,
}
use Verdict::{In, Out, Undecided};

/// Where tokens are presented.
enum Door {
    Gate(Arc<Gate>),
    Webhook(Arc<TokenReviewServer>),
}

struct World {
    door: Door,
    tenant: Arc<Tenant>,
    clock: Arc<Paused>,
    _work: Background,
}

/// Both doors, with whatever state the tenant is in.
async fn doors(tenant: &Arc<Tenant>) -> [World; 2] {
    let clock = Arc::new(Paused(Instant::now()));
    let transport: Arc<dyn Transport> = Arc::new(InProcess::new(tenant.clone(), clock.clone()));
    let config: Config = toml::from_str(&format!(
        r#"
gate = {{ listen = "127.0.0.1:0", public_url = "https://app.example.com" }}
issuers.corp = {{ entra = {{ tenant = "{TENANT_ID}", authority = "https://login.test" }}, audiences = ["{API_ID}"] }}
routes = [{{ path = "/", accept = ["corp"], allow.signed_in = true }}]
"#
    ))
    .unwrap();
    let deps = Deps {
        clock: clock.clone(),
        environment: &|_| None,
        shared: Shared::new(),
        transport: Some(transport.clone()),
    };
    let gate = Gate::build(&config, deps).unwrap_or_else(|errors| panic!("{errors:#?}"));

    let dir = Dir::new();
    let document = json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration",
        "jwt": [{
            "issuer": { "url": tenant.issuer(), "audiences": [API_ID] },
            "claimMappings": { "username": { "claim": "preferred_username", "prefix": "" } },
        }],
    });
    let file = dir.write("authentication.yaml", &document.to_string()).into();
    let file = AuthenticationFile { file, allow_reserved: false, claim_hosts: Vec::new() };
    let judge = file.read("cluster", clock.clone(), Some(transport), None, None).unwrap();
    let deps = TokenReviewDeps {
        chain: Arc::new(Chain::new("webhook", vec![judge])),
        clock: clock.clone(),
        shared: Shared::new(),
    };
    let webhook = TokenReviewServer::build(TokenReviewSettings::default(), deps).unwrap();
    let works = [gate.start(), webhook.start()];
    let mut doors = [Door::Gate(gate), Door::Webhook(webhook)].into_iter().zip(works);
    let worlds = [(); 2].map(|()| {
        let (door, work) = doors.next().unwrap();
        World { door, tenant: tenant.clone(), clock: clock.clone(), _work: work }
    });
    // For the first fetch.
    sleep(Duration::from_secs(1)).await;
    worlds
}

impl World {
    fn token(&self) -> String {
        self.tenant.mint_access_token("alice", WEB_APP_ID, "api://podinfo/read", self.clock.now()).unwrap()
    }

    async fn present(&self, token: &str) -> Verdict {
        let answer = match &self.door {
            Door::Gate(gate) => {
                let bearer = format!("Bearer {token}");
                let request = request("GET", "https://app.example.com/oauth2/auth", &[("authorization", &bearer)]);
                Answer::read(gate.handle(request, peer_of(STRANGER)).await).await
            }
            Door::Webhook(webhook) => {
                let question = json!({
                    "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token },
                });
                let request = Request::post("/").header("content-type", "application/json");
                let request = request.body(Full::new(Bytes::from(question.to_string()))).unwrap();
                Answer::read(webhook.handle(request, peer_of(STRANGER)).await).await
            }
        };
        let status = answer.status.as_u16();
        // kube-apiserver would take it for an invitation to ask ten times.
        let again = status == 503 && matches!(self.door, Door::Gate(_));
        assert_eq!(answer.header("retry-after").is_some(), again, "{answer:?}");
        match (&self.door, status) {
            (Door::Gate(_), 202) => In,
            (Door::Gate(_), 401) => Out,
            (Door::Webhook(_), 200) if answer.json()["status"]["authenticated"] == true => In,
            (Door::Webhook(_), 200) => Out,
            (_, 503) => Undecided,
            _ => panic!("{answer:?}"),
        }
    }

    async fn machines(&self, path: &str) -> Answer {
        let request = request("GET", &format!("http://127.0.0.1:9090{path}"), &[]);
        Answer::read(match &self.door {
            Door::Gate(gate) => gate.operations(&request, &peer_of("127.0.0.1")),
            Door::Webhook(webhook) => webhook.operations(&request, &peer_of("127.0.0.1")),
        })
        .await
    }

    /// What `/readyz` and the metrics say of the provider: whether it was reached once, and whether all is well.
    async fn health(&self) -> (bool, bool) {
        let ready = self.machines("/readyz").await;
        let name = if let Door::Gate(_) = self.door { "corp" } else { &self.tenant.issuer() };
        let waiting = format!("not ready: {name}\n");
        let expected = if ready.status == 200 { (200, "ok\n") } else { (503, &*waiting) };
        assert_eq!((ready.status.as_u16(), ready.body.as_str()), expected);
        let metrics = self.machines("/metrics").await.body;
        let mut up = metrics.lines().filter(|line| line.starts_with("gangplank_provider_up{"));
        let (line, None) = (up.next().unwrap(), up.next()) else { panic!("{metrics}") };
        // Of keys that were never had there is no age.
        assert_eq!(metrics.contains("gangplank_keys_age_seconds{"), ready.status == 200, "{metrics}");
        (ready.status == 200, line.ends_with(" 1"))
    }
}

/// A provider that can't be asked for something, or not in a way that counts.
fn outages() -> Vec<Fault> {
    let mut all = vec![Fault::new(FaultKind::WrongIssuerInDiscovery)];
    for endpoint in [Endpoint::Discovery, Endpoint::Jwks] {
        for kind in [
            FaultKind::Down,
            FaultKind::HangUp,
            FaultKind::Slow { millis: 11_000 },
            FaultKind::Gone,
            FaultKind::Huge { bytes: 2 << 20 },
            FaultKind::Garbage,
            FaultKind::Redirected,
        ] {
            all.push(Fault::new(kind).on(endpoint));
        }
    }
    all
}

fn tenant() -> Arc<Tenant> {
    Arc::new(Tenant::new(TenantConfig::built_in(), Url::parse("https://login.test").unwrap()).unwrap())
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longer than the longest pause between two attempts after a failure.
const SOON: Duration = Duration::from_secs(70);
/// Longer than the longest pause between two fetches ahead of need.
const REFRESHED: Duration = Duration::from_secs(20 * 60);

#[tokio::test(start_paused = true)]
async fn an_outage_from_the_start_leaves_tokens_undecided_until_it_is_over() {
    let tenant = tenant();
    for fault in outages() {
        tenant.set_fault(fault.clone());
        let worlds = doors(&tenant).await;
        for world in &worlds {
            assert_eq!(world.present(&world.token()).await, Undecided, "{fault:?}");
            assert_eq!(world.health().await, (false, false), "{fault:?}");
            assert_eq!(world.present("eyJ.no.token").await, Out, "{fault:?}");
        }
        sleep(REFRESHED).await;
        for world in &worlds {
            assert_eq!(world.present(&world.token()).await, Undecided, "{fault:?}");
        }
        tenant.clear_faults();
        sleep(SOON).await;
        for world in &worlds {
            assert_eq!(world.health().await, (true, true), "{fault:?} is over, and nobody has to ask");
            assert_eq!(world.present(&world.token()).await, In, "{fault:?} is over");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_later_is_survived_for_a_day() {
    let tenant = tenant();
    for fault in outages() {
        let worlds = doors(&tenant).await;
        let known = worlds[0].token();
        for world in &worlds {
            assert_eq!((world.present(&known).await, world.health().await), (In, (true, true)));
        }
        tenant.set_fault(fault.clone());
        // The last good metadata still say where the keys are.
        let harmless = fault.on != Some(Endpoint::Jwks);
        sleep(REFRESHED).await;
        for world in &worlds {
            assert_eq!(world.present(&known).await, In, "{fault:?}");
            assert_eq!(world.present(&world.token()).await, In, "{fault:?}");
            assert_eq!(world.health().await, (true, harmless), "{fault:?}");
        }
        sleep(DAY).await;
        for world in &worlds {
            let expected = if harmless { In } else { Undecided };
            assert_eq!(world.present(&world.token()).await, expected, "{fault:?} for more than a day");
            assert_eq!(world.health().await, (true, harmless), "{fault:?}: other tokens and sessions may hold");
        }
        tenant.clear_faults();
        sleep(SOON).await;
        for world in &worlds {
            assert_eq!((world.present(&world.token()).await, world.health().await), (In, (true, true)), "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_lack_the_one_that_signs_refuse_its_tokens() {
    let tenant = tenant();
    let shrunk = Fault::new(FaultKind::ShrunkKeys);
    let worlds = doors(&tenant).await;
    let known = worlds[0].token();
    for world in &worlds {
        assert_eq!(world.present(&known).await, In);
    }
    tenant.set_fault(shrunk);
    sleep(REFRESHED).await;
    let late = doors(&tenant).await;
    for world in worlds.iter().chain(&late) {
        assert_eq!(world.present(&known).await, Out, "also though it was remembered");
        assert_eq!(world.present(&world.token()).await, Out);
        assert_eq!(world.health().await, (true, true), "the provider answers");
    }
    tenant.clear_faults();
    sleep(REFRESHED).await;
    for world in worlds.iter().chain(&late) {
        assert_eq!(world.present(&world.token()).await, In);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_known_at_once_and_a_withdrawn_one_for_a_quarter_of_an_hour_at_most() {
    let tenant = tenant();
    for rotation in [Rotation::Announced, Rotation::Unannounced] {
        let worlds = doors(&tenant).await;
        let old = worlds[0].token();
        for world in &worlds {
            assert_eq!(world.present(&old).await, In);
        }
        tenant.rotate(rotation).unwrap();
        for world in &worlds {
            assert_eq!(world.present(&world.token()).await, In, "{rotation:?}");
        }
        tenant.rotate(Rotation::Withdraw).unwrap();
        sleep(REFRESHED).await;
        for world in &worlds {
            assert_eq!(world.present(&old).await, Out, "{rotation:?}, and nobody presented a newer one");
            assert_eq!((world.present(&world.token()).await, world.health().await), (In, (true, true)));
        }
    }
}
