//! A flood of bad credentials at the real executable, with good ones in it: what the providers see of it, what it does to
//! the process's memory, and that who has a good credential is let in meanwhile. (The same in process, over several
//! intervals: `crates/gate/tests/gate/flood.rs`. Everything else that is sent at a gate: `hostile`.)

use std::sync::Arc;
use std::time::Instant;

use gangplank_authn::static_keys::{KeyEntry, digest_of};
use gangplank_idp::{API_ID, TENANT_ID, Tenant, TenantConfig, WEB_APP_ID};
use gangplank_jose::{Algorithm, SigningKey};
use gangplank_net::{Peer, ServerLimits, Shutdown, SystemClock, bind, serve};
use gangplank_oauth::Clock;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::json;
use url::Url;

use crate::held::Held;
use crate::process::{Process, Scratch, gangplank, resident};

/// A tenant of its own, behind a socket.
fn provider(shutdown: &Shutdown) -> Arc<Tenant> {
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("an address");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let base = Url::parse(&base).expect("a URL");
    let tenant = Arc::new(Tenant::new(TenantConfig::built_in(), base).expect("a tenant"));
    let answering = tenant.clone();
    let answer = move |request: Request<Incoming>, _: Peer| {
        let tenant = answering.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            tenant.handle(Request::from_parts(head, body), SystemClock.now()).response.map(Full::new)
        }
    };
    tokio::spawn(serve(listener, None, ServerLimits::default(), answer, shutdown.clone()));
    tenant
}

/// What is thrown at a gate, and what should be let in.
struct Mix {
    /// Tokens of both tenants, and at last a key.
    good: Vec<String>,
    issuers: Vec<String>,
    attacker: SigningKey,
    now: u64,
}

impl Mix {
    fn forged(&self, kid: &str, issuer: &str, n: usize) -> String {
        let claims = json!({
            "iss": issuer, "aud": API_ID, "sub": "s", "jti": n.to_string(), "iat": self.now, "exp": self.now + 600, "azp": "app",
        });
        self.attacker.sign(json!({ "kid": kid }).as_object().expect("an object"), &claims).expect("a token")
    }

    /// The `n`th credential and the status that it gets. No two of the bad ones are alike.
    fn nth(&self, n: usize) -> (String, u16) {
        let issuer = &self.issuers[n / 10 % 2];
        let bad = match n % 10 {
            0 | 5 => return (self.good[n / 5 % self.good.len()].clone(), 202),
            1 => self.forged(&format!("kid-{n}"), issuer, n),
            2 => {
                let (signed, signature) = self.good[n % (self.good.len() - 1)].rsplit_once('.').expect("a token");
                format!("{signed}.{n:08}{}", &signature[8..])
            }
            3 => self.forged("kid", &format!("https://issuer-{n}.test"), n),
            4 => format!("{n:08}").repeat(3 * 1024),
            6 => format!("gpk_{n:049}"),
            7 => format!("{}.{n}", self.forged("kid", issuer, n)),
            8 => format!("eyJhbGciOiJub25lIn0.{n:08}."),
            _ => format!("{n}, Bearer {n}"),
        };
        (bad, 401)
    }

    /// So many over four held connections, and as many others that are too large for any head.
    fn throw(&self, address: &str, from: usize, count: usize) {
        std::thread::scope(|scope| {
            for lane in 0..4 {
                scope.spawn(move || {
                    let mut held = Held::open(address);
                    for n in (from..from + count).skip(lane).step_by(4) {
                        let (credential, expected) = self.nth(n);
                        let found = held.check(&format!("Bearer {credential}")).status;
                        assert_eq!(found, expected, "{n}: {credential:.80}");
                        if n % 64 == 0 {
                            let garbage = format!("Bearer {}", format!("{n:08}").repeat(8 * 1024));
                            assert_eq!(Held::open(address).check(&garbage).status, 431);
                        }
                    }
                });
            }
        });
    }
}

/// How much the gate's memory may grow, in KiB, over [`FLOOD`] requests, once it has seen a quarter as many.
const GROWTH: u64 = 8 << 10;
const FLOOD: usize = 6_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_costs_the_providers_next_to_nothing_us_no_memory_and_nobody_an_answer() {
    let scratch = Scratch::new("flood");
    let shutdown = Shutdown::new();
    let tenants = [provider(&shutdown), provider(&shutdown)];
    scratch.write("cookie.key", "0123456789abcdef0123456789abcdef");
    scratch.write("keys", &KeyEntry::new("ci", digest_of("a-static-key")).expect("an entry").to_string());
    let issuer = |name: &str, tenant: &Tenant| {
        let authority = tenant.base_url();
        format!(
            "[issuers.{name}]\naudiences = ['{API_ID}']\nentra = {{ tenant = '{TENANT_ID}', authority = '{authority}' }}\n"
        )
    };
    let file = scratch.write(
        "gangplank.toml",
        &format!(
            r#"
gate = {{ listen = "127.0.0.1:0", public_url = "http://gate.test" }}
cookies.keys = [{{ file = "cookie.key" }}]
log = {{ audit = false }}
[authenticators.keys]
keys_file = "keys"
[[routes]]
path = "/"
accept = ["keys", "one", "two"]
allow.signed_in = true
{}{}"#,
            issuer("one", &tenants[0]),
            issuer("two", &tenants[1])
        ),
    );
    let mut command = gangplank();
    command.args(["serve", "--config"]).arg(file).current_dir(scratch.path(""));
    let mut gate = Process::start(command);
    let line = gate.wait_for("listening address=");
    let address = line.split("address=").nth(1).and_then(|a| a.split_whitespace().next()).expect("an address");

    let started = Instant::now();
    let now = SystemClock.now();
    let token = |tenant: &Arc<Tenant>| tenant.mint_access_token("alice", WEB_APP_ID, "api://podinfo/read", now);
    let mut good: Vec<String> =
        (0..50).flat_map(|_| tenants.iter().map(token)).map(|token| token.expect("a token")).collect();
    good.push("a-static-key".to_owned());
    let mix = Mix {
        good,
        issuers: tenants.iter().map(|tenant| tenant.issuer()).collect(),
        attacker: SigningKey::generate(Algorithm::ES256).expect("a key"),
        now: now.as_secs(),
    };
    let (before, after) = tokio::task::block_in_place(|| {
        mix.throw(address, 0, FLOOD / 4);
        let before = resident(gate.pid());
        mix.throw(address, FLOOD, FLOOD);
        (before, resident(gate.pid()))
    });
    eprintln!("{FLOOD} requests: {before} KiB before, {after} KiB after");
    assert!(after < before + GROWTH, "{before} KiB before, {after} KiB after");
    // The one at the start, and one for each interval that was begun.
    let most = 2 + started.elapsed().as_secs() / 60;
    for tenant in &tenants {
        let counts = tenant.counts();
        assert!((2..=most).contains(&counts.jwks), "{} of at most {most}", counts.jwks);
        assert_eq!(counts.discovery, 1);
    }
    gate.signal("TERM");
    assert_eq!(gate.wait().code(), Some(0));
    assert!(!gate.said.iter().any(|line| line.contains("panic")), "{:?}", gate.said);
    shutdown.trigger();
}
