//! What a check costs where there is much of everything: the aim is what it costs where there is little.
//!
//! `cargo bench -p gangplank-gate --bench scale`. Each row is a gate with one thing in great number; the credential that
//! is presented is the last of its kind, for the last route. *Known*: it was judged within the minute. *New*: it is
//! judged. `bench/README.md` has figures.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot go on has failed")]

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use bytes::Bytes;
use divan::Bencher;
use gangplank_authn::static_keys::{KeyEntry, digest_of};
use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate, Shared};
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_net::Peer;
use gangplank_oauth::Clock;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::runtime::Runtime;

const START: u64 = 1_800_000_000;

fn main() {
    divan::main();
}

/// How many there are of each.
#[derive(Clone, Copy)]
struct Scale {
    keys: usize,
    issuers: usize,
    routes: usize,
    groups: usize,
}

const LITTLE: Scale = Scale { keys: 10, issuers: 1, routes: 1, groups: 10 };
const SCALES: [Scale; 6] = [
    LITTLE,
    Scale { keys: 10_000, ..LITTLE },
    Scale { issuers: 100, ..LITTLE },
    Scale { routes: 1_000, ..LITTLE },
    Scale { groups: 10_000, ..LITTLE },
    Scale { keys: 10_000, issuers: 100, routes: 1_000, groups: 1_000 },
];

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys, {} issuers, {} routes, {} groups", self.keys, self.issuers, self.routes, self.groups)
    }
}

/// Which credential is presented.
#[derive(Clone, Copy)]
enum Credential {
    Key,
    Token,
}

struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(SeqCst))
    }
}

struct World {
    gate: Arc<Gate>,
    hands: Arc<Hands>,
    authorization: String,
    path: String,
    runtime: Runtime,
}

impl World {
    fn new(scale: Scale, credential: Credential) -> World {
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let file = std::env::temp_dir().join(format!("gangplank-bench-scale-{}", std::process::id()));
        std::fs::write(&file, keys(scale)).unwrap();
        let config: Config = toml::from_str(&document(scale, &file, &key)).unwrap();
        let hands = Arc::new(Hands(AtomicU64::new(START)));
        let deps = Deps { clock: hands.clone(), environment: &|_| None, shared: Shared::new(), transport: None };
        let gate = Gate::build(&config, deps).unwrap_or_else(|errors| panic!("{errors:#?}"));
        std::fs::remove_file(&file).unwrap();
        let authorization = match credential {
            Credential::Key => format!("Bearer key {}", scale.keys - 1).replace("key ", "key-"),
            Credential::Token => format!("Bearer {}", token(scale, &key)),
        };
        let path = format!("/app-{}/x", scale.routes - 1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = World { gate, hands, authorization, path, runtime };
        world.check();
        world
    }

    /// One check, as a proxy asks for it. By itself, so that its instructions can be counted.
    #[inline(never)]
    fn check(&self) {
        let request = Request::get("/oauth2/auth")
            .header("host", "gate.svc")
            .header("x-forwarded-host", "app.example.com")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-uri", &self.path)
            .header("authorization", &self.authorization)
            .body(Full::<Bytes>::default())
            .unwrap();
        let peer = Peer { remote: ([10, 0, 0, 1], 4711).into(), tls: false, certificates: None };
        let answer = self.runtime.block_on(self.gate.handle(request, peer));
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }

    /// The same, when the minute is over for which the last one counts.
    fn check_anew(&self) {
        self.hands.0.fetch_add(61, SeqCst);
        self.check();
    }
}

/// A file of keys: the last one is presented.
fn keys(scale: Scale) -> String {
    (0..scale.keys).fold(String::new(), |mut text, n| {
        let entry = KeyEntry::new(&format!("key-{n}"), digest_of(&format!("key-{n}"))).unwrap();
        writeln!(text, "{entry}; groups=group-{}", scale.groups - 1).unwrap();
        text
    })
}

/// A token of the last issuer, in twenty groups, of which the last lets in.
fn token(scale: Scale, key: &SigningKey) -> String {
    let others = (0..19).map(|n| format!("other-{n}"));
    let groups: Vec<String> = others.chain([format!("group-{}", scale.groups - 1)]).collect();
    let claims = json!({
        "iss": format!("https://issuer-{}.test", scale.issuers - 1), "aud": "api://app", "sub": "s", "groups": groups,
        "preferred_username": "ada", "iat": START, "exp": START + 10 * 365 * 86_400,
    });
    key.sign(json!({"kid": "one"}).as_object().unwrap(), &claims).unwrap()
}

fn document(scale: Scale, keys: &std::path::Path, key: &SigningKey) -> String {
    let set = json!({"keys": [key.public_jwk("one")]}).to_string();
    let mut text = format!(
        "gate = {{ listen = '127.0.0.1:0', public_url = 'https://app.example.com', trusted_proxies = ['10.0.0.0/8'] }}\n\
         [authenticators.keys]\nkeys_file = {keys:?}\n"
    );
    for n in 0..scale.issuers {
        let url = format!("https://issuer-{n}.test");
        writeln!(text, "[issuers.i{n}]\nurl = '{url}'\naudiences = ['api://app']\njwks = {{ inline = '{set}' }}")
            .unwrap();
    }
    let accept: Vec<String> = (0..scale.issuers).map(|n| format!("i{n}")).collect();
    let groups: Vec<String> = (0..scale.groups).map(|n| format!("group-{n}")).collect();
    for n in 0..scale.routes {
        writeln!(text, "[[routes]]\npath = '/app-{n}'\naccept = {:?}", [&["keys".to_owned()], &*accept].concat())
            .unwrap();
        // The long list once: a thousand of them would make a document of many megabytes.
        let groups = if n + 1 == scale.routes { &*groups } else { &groups[..1] };
        writeln!(text, "allow.groups = {groups:?}").unwrap();
    }
    text
}

#[divan::bench(args = SCALES, sample_count = 200, sample_size = 100)]
fn known_key(bencher: Bencher<'_, '_>, scale: Scale) {
    let world = World::new(scale, Credential::Key);
    bencher.bench_local(|| world.check());
}

#[divan::bench(args = SCALES, sample_count = 200, sample_size = 100)]
fn known_token(bencher: Bencher<'_, '_>, scale: Scale) {
    let world = World::new(scale, Credential::Token);
    bencher.bench_local(|| world.check());
}

#[divan::bench(args = SCALES, sample_count = 200, sample_size = 50)]
fn new_key(bencher: Bencher<'_, '_>, scale: Scale) {
    let world = World::new(scale, Credential::Key);
    bencher.bench_local(|| world.check_anew());
}

#[divan::bench(args = SCALES, sample_count = 200, sample_size = 50)]
fn new_token(bencher: Bencher<'_, '_>, scale: Scale) {
    let world = World::new(scale, Credential::Token);
    bencher.bench_local(|| world.check_anew());
}
