//! Reloads under load: while configurations come and go, every answer is one that the old or the new one gives, none is
//! a mix of both, none is missing, and what was taken away is refused from the moment the reload is confirmed.
//!
//! Every generation of the configuration is another in each of its parts: the keys file, the issuer's key set, the
//! prefix of its user names, and whom the route allows. Parts of two generations together let nobody in.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use gangplank::document;
use gangplank::serve::{Current, Parts};
use gangplank_authn::static_keys::{KeyEntry, digest_of};
use gangplank_jose::{Algorithm, SigningKey};
use gangplank_net::{Peer, SystemClock};
use gangplank_oauth::Clock;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::held::Held;
use crate::process::{Process, Scratch, gangplank};

const ISSUER: &str = "https://issuer.test";
/// In how many generations an issuer's key comes back.
const CYCLE: u64 = 4;

/// What is presented, and what each generation makes of it.
#[derive(Clone, Copy, Debug)]
enum Credential {
    /// In every generation a key, and always another user's.
    Shared,
    /// The key of one generation.
    Only(u64),
    /// A token of the issuer's key that is in every [`CYCLE`]th generation.
    Token(u64),
}

impl Credential {
    /// The user in this generation; `None` if it is no good there.
    fn user(self, generation: u64) -> Option<String> {
        match self {
            Credential::Shared => Some(format!("shared-{generation}")),
            Credential::Only(of) => (of == generation).then(|| format!("only-{of}")),
            Credential::Token(key) => (generation % CYCLE == key).then(|| format!("{generation}:ada")),
        }
    }

    /// The `n`th in a mix of all kinds, when this generation is in force.
    fn nth(n: u64, generation: u64) -> Self {
        match n % 4 {
            0 => Credential::Shared,
            1 => Credential::Only(generation.saturating_sub(n / 4 % 2)),
            _ => Credential::Token(n / 4 % CYCLE),
        }
    }
}

/// Where the files are, and the tokens of every key.
struct Files {
    scratch: Scratch,
    keys: Vec<SigningKey>,
    tokens: Vec<String>,
}

/// What is wrong with a configuration that must not take over.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Syntax,
    KeysMissing,
    KeysMalformed,
    KeySetMalformed,
    RouteContradicts,
}

impl Wrong {
    fn nth(n: u64) -> Self {
        let all =
            [Wrong::Syntax, Wrong::KeysMissing, Wrong::KeysMalformed, Wrong::KeySetMalformed, Wrong::RouteContradicts];
        all[usize::try_from(n).expect("a number") % all.len()]
    }
}

impl Files {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        scratch.write("cookie.key", "0123456789abcdef0123456789abcdef");
        let keys: Vec<SigningKey> =
            (0..CYCLE).map(|_| SigningKey::generate(Algorithm::ES256).expect("a key")).collect();
        let now = SystemClock.now().as_secs();
        let claims = json!({
            "iss": ISSUER, "aud": "api://app", "sub": "s", "preferred_username": "ada", "iat": now, "exp": now + 3600,
        });
        let header = json!({ "kid": "one" });
        let sign = |key: &SigningKey| key.sign(header.as_object().expect("an object"), &claims).expect("a token");
        let tokens = keys.iter().map(sign).collect();
        Files { scratch, keys, tokens }
    }

    fn bearer(&self, credential: Credential) -> String {
        match credential {
            Credential::Shared => "Bearer shared".to_owned(),
            Credential::Only(generation) => format!("Bearer only-{generation}"),
            Credential::Token(key) => format!("Bearer {}", self.tokens[usize::try_from(key).expect("a key")]),
        }
    }

    /// Writes a generation. Its files have names of their own, so that the document is what takes it over, whole.
    fn write(&self, generation: u64, wrong: Option<Wrong>) {
        let g = generation;
        let entry = |id: &str, key: &str| KeyEntry::new(id, digest_of(key)).expect("an entry").to_string();
        let shared = entry("shared", "shared");
        let mut list = format!("{shared}; user=shared-{g}\n{}\n", entry(&format!("only-{g}"), &format!("only-{g}")));
        let key = &self.keys[usize::try_from(g % CYCLE).expect("a key")];
        let mut set = json!({ "keys": [key.public_jwk("one")] }).to_string();
        let (mut name, mut allow, mut end) = (format!("keys-{g}"), String::new(), "");
        match wrong {
            None => {}
            Some(Wrong::Syntax) => end = "[[routes\n",
            Some(Wrong::KeysMissing) => name = "no-keys".to_owned(),
            Some(Wrong::KeysMalformed) => list.push_str("only-0\n"),
            Some(Wrong::KeySetMalformed) => set.truncate(set.len() / 2),
            Some(Wrong::RouteContradicts) => allow.push_str("allow.anonymous = true\n"),
        }
        let path = |name: &str| self.scratch.path(name).display().to_string();
        write!(allow, "allow.users = ['shared-{g}', 'only-{g}', '{g}:ada']").expect("text");
        let document = format!(
            r#"
[gate]
listen = "127.0.0.1:0"
public_url = "http://gate.test"
metrics_listen = "127.0.0.1:0"
[log]
audit = false
[cookies]
keys = [{{ file = "{cookie}" }}]
[authenticators.keys]
keys_file = "{keys}"
[issuers.corp]
url = "{ISSUER}"
audiences = ["api://app"]
jwks = {{ file = "{set}" }}
claims.username_prefix = "{g}:"
[[routes]]
path = "/"
accept = ["keys", "corp"]
{allow}
{end}"#,
            cookie = path("cookie.key"),
            keys = path(&name),
            set = path(&format!("set-{g}")),
        );
        self.scratch.write(&format!("keys-{g}"), &list);
        self.scratch.write(&format!("set-{g}"), &set);
        self.scratch.write("gangplank.toml", &document);
    }

    /// What nothing names any more.
    fn forget(&self, generation: u64) {
        for name in ["keys", "set"] {
            let _ = std::fs::remove_file(self.scratch.path(&format!("{name}-{generation}")));
        }
    }
}

/// Which generations may answer now.
#[derive(Default)]
struct Watermark {
    /// The last that was confirmed.
    confirmed: AtomicU64,
    /// The last that was begun, and is good.
    begun: AtomicU64,
    over: AtomicBool,
}

impl Watermark {
    /// Judges an answer to a request that began when `confirmed` was in force.
    fn judge(&self, credential: Credential, confirmed: u64, status: u16, user: Option<&str>) {
        let may = confirmed..=self.begun.load(SeqCst);
        let right = may.clone().any(|generation| match credential.user(generation) {
            Some(wanted) => status == 202 && user == Some(wanted.as_str()),
            None => status == 401 && user.is_none(),
        });
        assert!(right, "{credential:?} in {may:?}: {status} {user:?}");
    }
}

/// What came of it, so that the test shows that something happened.
fn count(counts: &mut HashMap<u16, u64>, status: u16) {
    *counts.entry(status).or_default() += 1;
}

const RELOADS: u64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_half_of_them_broken_make_no_answer_wrong() {
    let files = Arc::new(Files::new("reload-thousand"));
    let parts = Parts::new(Arc::new(|_: &str| None));
    let file = files.scratch.path("gangplank.toml");
    files.write(0, None);
    let wire = || document::load(&file).and_then(|loaded| parts.wire(loaded));
    let current = wire().unwrap_or_else(|report| panic!("{}", report.lines().collect::<Vec<_>>().join("\n"))).start();
    let watermark = Arc::new(Watermark::default());
    let lanes: Vec<_> = (0..3)
        .map(|lane| tokio::spawn(ask(files.clone(), current.clone(), watermark.clone(), lane * 1_000_003)))
        .collect();
    let mut generation = 0;
    for reload in 0..RELOADS {
        if reload % 2 == 1 {
            files.write(generation + 1, Some(Wrong::nth(reload / 2)));
            assert!(wire().is_err(), "{:?}", Wrong::nth(reload / 2));
            continue;
        }
        generation += 1;
        files.write(generation, None);
        watermark.begun.store(generation, SeqCst);
        let wired = wire().unwrap_or_else(|report| panic!("{}", report.lines().collect::<Vec<_>>().join("\n")));
        current.replace(wired, Duration::from_secs(5)).await;
        watermark.confirmed.store(generation, SeqCst);
        files.forget(generation - 1);
        // Somebody else's turn, so that every generation answers.
        tokio::task::yield_now().await;
    }
    watermark.over.store(true, SeqCst);
    let mut counts: HashMap<u16, u64> = HashMap::new();
    for lane in lanes {
        for (status, n) in lane.await.expect("no wrong answer") {
            *counts.entry(status).or_default() += n;
        }
    }
    assert!(counts[&202] > RELOADS && counts[&401] > RELOADS && counts.len() == 2, "{counts:?}");
}

/// Asks, one request after the other, until it is over.
async fn ask(files: Arc<Files>, current: Arc<Current>, watermark: Arc<Watermark>, from: u64) -> HashMap<u16, u64> {
    let peer = Peer { remote: ([192, 0, 2, 1], 4711).into(), tls: false, certificates: None };
    let mut counts = HashMap::new();
    for n in from.. {
        if watermark.over.load(SeqCst) {
            break;
        }
        let confirmed = watermark.confirmed.load(SeqCst);
        let credential = Credential::nth(n, confirmed);
        let request = Request::get("/oauth2/auth")
            .header("host", "gate.test")
            .header("authorization", files.bearer(credential))
            .body(Full::<Bytes>::default())
            .expect("a request");
        let answer = current.gate().handle(request, peer.clone()).await;
        let user = answer.headers().get("x-auth-request-user").map(|user| user.to_str().expect("text"));
        watermark.judge(credential, confirmed, answer.status().as_u16(), user);
        count(&mut counts, answer.status().as_u16());
        tokio::task::yield_now().await;
    }
    counts
}

const SIGNALS: u64 = 50;

#[test]
fn reloads_by_signal_under_load_drop_no_connection_and_make_no_answer_wrong() {
    let files = Files::new("reload-signals");
    files.write(0, None);
    let mut command = gangplank();
    command.args(["serve", "--config"]).arg(files.scratch.path("gangplank.toml"));
    let mut gate = Process::start(command);
    let line = gate.wait_for("listening address=");
    let address = line.split("address=").nth(1).and_then(|a| a.split_whitespace().next()).expect("an address");
    let watermark = Watermark::default();
    let counts = std::thread::scope(|scope| {
        let (files, watermark) = (&files, &watermark);
        let lanes: Vec<_> = (0..3).map(|lane| scope.spawn(move || hold(address, files, watermark, lane))).collect();
        // However this ends, the lanes do.
        let end = End(watermark);
        let mut generation = 0;
        for reload in 0..SIGNALS {
            let wrong = (reload % 2 == 1).then(|| Wrong::nth(reload / 2));
            if wrong.is_none() {
                generation += 1;
                watermark.begun.store(generation, SeqCst);
            }
            files.write(generation + u64::from(wrong.is_some()), wrong);
            gate.signal("HUP");
            // A change of the file is seen without the signal, too; what answers the signal came after both.
            gate.wait_for("why=SIGHUP");
            if wrong.is_none() {
                watermark.confirmed.store(generation, SeqCst);
                assert!(gate.said.last().is_some_and(|line| line.contains("configuration reloaded")));
            } else {
                assert!(gate.said.last().is_some_and(|line| line.contains("the configuration in force stays")));
            }
        }
        drop(end);
        let mut counts: HashMap<u16, u64> = HashMap::new();
        for lane in lanes {
            for (status, n) in lane.join().expect("no wrong answer, and no connection lost") {
                *counts.entry(status).or_default() += n;
            }
        }
        counts
    });
    assert!(counts[&202] > SIGNALS && counts[&401] > SIGNALS && counts.len() == 2, "{counts:?}");
    gate.signal("TERM");
    assert_eq!(gate.wait().code(), Some(0));
    assert!(!gate.said.iter().any(|line| line.contains("panic")), "{:?}", gate.said);
}

struct End<'w>(&'w Watermark);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, SeqCst);
    }
}

/// Asks on one connection, which is never closed, until it is over.
fn hold(address: &str, files: &Files, watermark: &Watermark, lane: u64) -> HashMap<u16, u64> {
    let mut gate = Held::open(address);
    let mut counts = HashMap::new();
    for n in lane * 1_000_003.. {
        if watermark.over.load(SeqCst) {
            break;
        }
        let confirmed = watermark.confirmed.load(SeqCst);
        let credential = Credential::nth(n, confirmed);
        let answer = gate.check(&files.bearer(credential));
        watermark.judge(credential, confirmed, answer.status, answer.header("x-auth-request-user"));
        count(&mut counts, answer.status);
    }
    counts
}
