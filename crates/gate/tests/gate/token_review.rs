//! The webhook in the same process: a table of questions, floods, and a cluster's client that asks it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gangplank_authn::token_review::{Cluster, ClusterSettings, OwnCredential};
use gangplank_authn::{Anonymous, Authenticator, Chain, Credentials, Outcome};
use gangplank_gate::{AuthenticationFile, Shared, TokenReviewDeps, TokenReviewServer, TokenReviewSettings};
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::support::{Answer, head, peer_of};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ISSUER: &str = "https://id.test";

struct Still;

impl Clock for Still {
    fn now(&self) -> UnixTime {
        NOW
    }
}

/// An issuer that says whatever it is told to.
struct Issuer {
    key: SigningKey,
    asked: AtomicUsize,
    down: bool,
}

impl Issuer {
    fn new(down: bool) -> Arc<Self> {
        Arc::new(Issuer { key: SigningKey::generate(Algorithm::ES256).unwrap(), asked: AtomicUsize::new(0), down })
    }

    fn sign(&self, kid: &str, more: Value) -> String {
        let mut claims = json!({ "iss": ISSUER, "sub": "ada", "aud": ["app"], "exp": NOW.as_secs() + 3600 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.key.sign(json!({ "kid": kid }).as_object().unwrap(), &claims).unwrap()
    }

    fn token(&self, more: Value) -> String {
        self.sign("one", more)
    }
}

impl Transport for Issuer {
    fn send(&self, request: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            if self.down {
                return Err(TransportError::Connect { host: "id.test".into(), cause: "refused".into() });
            }
            let keys = request.uri().path() == "/keys";
            self.asked.fetch_add(usize::from(keys), Ordering::SeqCst);
            let body = match keys {
                true => json!({ "keys": [self.key.public_jwk("one")] }),
                false => json!({
                    "issuer": ISSUER, "jwks_uri": "https://id.test/keys",
                    "authorization_endpoint": "https://id.test/a", "token_endpoint": "https://id.test/t",
                }),
            };
            Ok(Response::new(Bytes::from(body.to_string())))
        })
    }
}

/// A webhook for tokens of that issuer, whose user name is `sub` and whose groups are `groups`.
fn webhook(issuer: &Arc<Issuer>, settings: TokenReviewSettings) -> Arc<TokenReviewServer> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let file: PathBuf = std::env::temp_dir().join(format!(
        "gangplank-review-{}-{}.json",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    let entry = json!({
        "issuer": { "url": ISSUER, "audiences": ["app", "other"], "audienceMatchPolicy": "MatchAny" },
        "claimMappings": {
            "username": { "claim": "sub", "prefix": "" }, "groups": { "claim": "groups", "prefix": "" },
            "uid": { "claim": "sub" },
        },
    });
    let text =
        json!({ "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": [entry] });
    std::fs::write(&file, text.to_string()).unwrap();
    // The authenticator lets reserved names through: what is refused here, the webhook refuses.
    let source = AuthenticationFile { file: file.clone(), allow_reserved: true, claim_hosts: Vec::new() };
    let authenticator = source.read("file", Arc::new(Still), Some(issuer.clone()), None, None).unwrap();
    std::fs::remove_file(file).unwrap();
    serving(vec![authenticator], settings)
}

fn serving(links: Vec<Arc<dyn Authenticator>>, settings: TokenReviewSettings) -> Arc<TokenReviewServer> {
    let chain = Arc::new(Chain::new("test", links));
    let deps = TokenReviewDeps { chain, clock: Arc::new(Still), shared: Shared::new() };
    TokenReviewServer::build(settings, deps).unwrap()
}

fn for_audiences(audiences: &[&str]) -> TokenReviewSettings {
    TokenReviewSettings {
        audiences: audiences.iter().map(|a| (*a).to_owned()).collect(),
        ..TokenReviewSettings::default()
    }
}

async fn send(server: &TokenReviewServer, request: Request<Full<Bytes>>) -> Answer {
    Answer::read(server.handle(request, peer_of("10.0.0.9")).await).await
}

fn post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/authenticate?timeout=30s")
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

async fn review(server: &TokenReviewServer, token: &str, audiences: &[&str]) -> Value {
    let question = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token, "audiences": audiences },
    });
    let answer = send(server, post(question.to_string())).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    answer.json()["status"].clone()
}

fn nobody() -> Value {
    json!({ "authenticated": false })
}

#[tokio::test]
async fn the_audiences_of_the_answer_are_those_of_the_question_that_the_token_is_for() {
    let issuer = Issuer::new(false);
    let (plain, cluster) =
        (webhook(&issuer, for_audiences(&[])), webhook(&issuer, for_audiences(&["cluster", "extra"])));
    let token = issuer.token(json!({ "aud": ["app", "elsewhere"] }));
    for (server, asked, told) in [
        (&plain, &["app"][..], json!(["app"])),
        (&plain, &["cluster", "elsewhere", "app"], json!(["elsewhere", "app"])),
        (&plain, &["cluster"], Value::Null),
        (&plain, &["App", "app/", "ap", ""], Value::Null),
        (&plain, &[], json!(["app", "elsewhere"])),
        (&cluster, &["cluster"], json!(["cluster"])),
        (&cluster, &["app", "cluster", "no"], json!(["app", "cluster"])),
        (&cluster, &["other"], Value::Null),
        (&cluster, &[], json!(["cluster", "extra"])),
    ] {
        let status = review(server, &token, asked).await;
        assert_eq!(status["audiences"], told, "{asked:?}: {status}");
        assert_eq!(status["authenticated"], told.is_array(), "{asked:?}: {status}");
        if !told.is_array() {
            assert_eq!(status, nobody());
        }
    }
}

#[tokio::test]
async fn what_kubernetes_reserves_is_not_handed_out() {
    let issuer = Issuer::new(false);
    let strict = webhook(&issuer, for_audiences(&[]));
    let lenient = webhook(&issuer, TokenReviewSettings { allow_reserved: true, ..for_audiences(&[]) });
    for (claims, by_strict, by_lenient) in [
        (json!({ "groups": ["crew"] }), true, true),
        (json!({ "sub": "systemic", "groups": ["a:system:masters"] }), true, true),
        (json!({ "sub": "system:admin" }), false, true),
        (json!({ "sub": "system:node:n1", "groups": ["system:nodes"] }), false, true),
        (json!({ "groups": ["crew", "system:nodes"] }), false, true),
        (json!({ "groups": ["crew", "kubeadm:cluster-admins"] }), false, true),
        (json!({ "groups": ["system:masters"] }), false, false),
        (json!({ "groups": ["crew", "system:authenticated"] }), false, false),
        (json!({ "groups": ["system:unauthenticated"] }), false, false),
        (json!({ "sub": "system:anonymous" }), false, false),
    ] {
        let token = issuer.token(claims.clone());
        for (server, good) in [(&strict, by_strict), (&lenient, by_lenient)] {
            let status = review(server, &token, &["app"]).await;
            assert_eq!(status["authenticated"], good, "{claims}");
            if !good {
                assert_eq!(status, nobody());
            }
        }
    }
    let user = review(&strict, &issuer.token(json!({ "groups": ["a", "b"] })), &[]).await["user"].clone();
    assert_eq!(user, json!({ "username": "ada", "uid": "ada", "groups": ["a", "b"] }));
}

#[tokio::test]
async fn a_bad_token_is_an_answer_and_what_can_not_be_decided_is_none() {
    let (issuer, other) = (Issuer::new(false), Issuer::new(false));
    let server = webhook(&issuer, for_audiences(&[]));
    let good = issuer.token(json!({}));
    let cut = &good[..good.len() - 10];
    for bad in [
        "opaque",
        "a.b.c",
        cut,
        &other.token(json!({})),
        &issuer.sign("two", json!({})),
        &issuer.token(json!({ "exp": NOW.as_secs() - 1 })),
        &issuer.token(json!({ "iss": "https://id.test/" })),
        &issuer.token(json!({ "aud": "nobody" })),
        &format!("{good} "),
        &format!("{good}\n{good}"),
        "t\u{f8}ken",
        &"x".repeat(64 << 10),
        &"x".repeat(100 << 10),
    ] {
        assert_eq!(review(&server, bad, &["app"]).await, nobody(), "{}", &bad[..bad.len().min(80)]);
    }
    assert_eq!(review(&server, &good, &["app"]).await["authenticated"], true);

    let texts = webhook(&issuer, TokenReviewSettings { error_texts: true, ..for_audiences(&[]) });
    let answer = send(&texts, post(question(cut))).await;
    let (id, status) = (answer.header("x-request-id").unwrap(), &answer.json()["status"]);
    assert_eq!(status["authenticated"], false);
    assert_eq!(status["error"], format!("the token is not accepted, see the webhook's log for request {id}"));

    let down = Issuer::new(true);
    let undecided = send(&webhook(&down, for_audiences(&[])), post(question(&down.token(json!({}))))).await;
    assert_eq!((undecided.status, undecided.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(undecided.json()["kind"], "Status");
    assert!(!undecided.body.contains("id.test"), "{}", undecided.body);
}

fn question(token: &str) -> String {
    json!({ "apiVersion": "authentication.k8s.io/v1beta1", "kind": "TokenReview", "spec": { "token": token } })
        .to_string()
}

#[tokio::test]
async fn what_is_no_question_is_told_so() {
    let issuer = Issuer::new(false);
    let server = webhook(&issuer, TokenReviewSettings { path: Some("/authenticate".into()), ..for_audiences(&[]) });
    let good = question(&issuer.token(json!({})));
    let with = |edit: &dyn Fn(&mut Request<Full<Bytes>>)| {
        let mut request = post(good.clone());
        edit(&mut request);
        request
    };
    let header = |name: &'static str, value: &'static str| {
        with(&move |request| {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        })
    };
    for (what, request, status) in [
        ("as it is", with(&|_| {}), 200),
        ("charset", header("content-type", "application/JSON; charset=utf-8"), 200),
        ("no type", with(&|r| drop(r.headers_mut().remove("content-type"))), 200),
        ("identity", header("content-encoding", "identity"), 200),
        ("another type", header("content-type", "application/vnd.kubernetes.protobuf"), 415),
        ("a form", header("content-type", "text/plain"), 415),
        ("encoded", header("content-encoding", "gzip"), 415),
        ("GET", with(&|r| *r.method_mut() = Method::GET), 405),
        ("PUT", with(&|r| *r.method_mut() = Method::PUT), 405),
        ("elsewhere", with(&|r| *r.uri_mut() = "/other".parse().unwrap()), 404),
        ("another kind", post(good.replace("TokenReview", "Pod")), 400),
        ("another version", post(good.replace("v1beta1", "v1alpha1")), 400),
        ("no token", post(question("")), 400),
        ("no JSON", post("token=x"), 400),
        ("nothing", post(""), 400),
        ("two tokens", post(good.replace("\"spec\":{", "\"spec\":{\"token\":\"other\",")), 400),
        ("much", post(vec![b' '; 200 << 10]), 413),
        ("deep", post("[".repeat(100_000)), 400),
    ] {
        let answer = send(&server, request).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
        let kind = if status == 200 { "TokenReview" } else { "Status" };
        assert_eq!(answer.json()["kind"], kind, "{what}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{what}");
    }
    for (path, status) in
        [("/healthz", StatusCode::OK), ("/readyz", StatusCode::OK), ("/metrics", StatusCode::METHOD_NOT_ALLOWED)]
    {
        assert_eq!(send(&server, Request::get(path).body(Full::default()).unwrap()).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn nobody_is_ever_anonymous() {
    let anonymous: Vec<Arc<dyn Authenticator>> = vec![Arc::new(Anonymous)];
    assert_eq!(review(&serving(anonymous, for_audiences(&["a"])), "x", &["a"]).await, nobody());
    assert_eq!(review(&serving(Vec::new(), for_audiences(&["a"])), "x", &["a"]).await, nobody());
}

#[tokio::test]
async fn ten_thousand_bad_tokens_cost_the_issuer_one_question_and_us_no_memory() {
    let issuer = Issuer::new(false);
    let server = webhook(&issuer, for_audiences(&[]));
    let good = issuer.token(json!({}));
    assert_eq!(review(&server, &good, &["app"]).await["authenticated"], true);
    let asked = issuer.asked.load(Ordering::SeqCst);
    let stranger = Issuer::new(false);
    let garbage = "x".repeat(60 << 10);
    for i in 0..10_000 {
        let bad = match i % 3 {
            0 => stranger.sign(&format!("kid-{i}"), json!({ "n": i })),
            1 => format!("{}{i}", &good[..good.len() - 20]),
            _ if i % 100 == 2 => format!("{garbage}{i}"),
            _ => format!("opaque-{i}"),
        };
        assert_eq!(review(&server, &bad, &["app"]).await, nobody());
        if i % 100 == 0 {
            let fresh = issuer.token(json!({ "n": i }));
            assert_eq!(review(&server, &good, &["app"]).await["authenticated"], true);
            assert_eq!(review(&server, &fresh, &["app"]).await["authenticated"], true, "good ones keep flowing");
        }
    }
    assert!(issuer.asked.load(Ordering::SeqCst) <= asked + 1, "within one interval");
    assert_eq!(server.remembered(), 1 + 100, "only whom it knows");
}

/// The webhook as a cluster: whatever is posted to it is answered.
struct AsCluster(Arc<TokenReviewServer>);

impl Transport for AsCluster {
    fn send(&self, request: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let (head, body) = self.0.handle(request.map(Full::new), peer_of("10.0.0.9")).await.into_parts();
            Ok(Response::from_parts(head, body.collect().await.unwrap().to_bytes()))
        })
    }
}

#[tokio::test]
async fn one_answers_the_other() {
    let issuer = Issuer::new(false);
    let first = webhook(&issuer, for_audiences(&[]));
    let settings = |audiences: &[&str]| ClusterSettings {
        name: "first".into(),
        server: Url::parse("https://cluster.test").unwrap(),
        audiences: audiences.iter().map(|a| (*a).to_owned()).collect(),
        issuers: Vec::new(),
        remember: Duration::from_secs(10),
        allow_reserved: true,
    };
    let ask = async |audiences: &[&str], token: &str| {
        let own = OwnCredential::Token(SecretString::from("own"));
        let cluster = Cluster::new(settings(audiences), own, Arc::new(AsCluster(first.clone())));
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        match cluster.authenticate(Credentials::headers(&headers), NOW).await {
            Outcome::Authenticated(who) => Some(who.identity().user_info()),
            Outcome::NotMine(_) => None,
            other => panic!("{other:?}"),
        }
    };
    let token = issuer.token(json!({ "groups": ["crew"] }));
    let user = ask(&["app"], &token).await.expect("known");
    assert_eq!((user.username.as_str(), user.uid.as_str(), &*user.groups), ("ada", "ada", &["crew".to_owned()][..]));
    assert!(ask(&[], &token).await.is_some());
    assert!(ask(&["cluster"], &token).await.is_none());
    assert!(ask(&["app"], "opaque").await.is_none());

    // And a webhook that asks a cluster that asks nobody: what the API server adds itself is left out.
    let own = OwnCredential::Token(SecretString::from("own"));
    let second = Cluster::new(settings(&["app"]), own, Arc::new(Says));
    let status = review(&serving(vec![Arc::new(second)], for_audiences(&[])), "sa-token", &["app"]).await;
    assert_eq!(status["user"]["username"], "system:serviceaccount:ci:builder");
    assert_eq!(status["user"]["groups"], json!(["system:serviceaccounts"]));
}

/// A cluster that knows one service account.
struct Says;

impl Transport for Says {
    fn send(&self, _: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let user = json!({
            "username": "system:serviceaccount:ci:builder", "uid": "1",
            "groups": ["system:serviceaccounts", "system:authenticated"],
        });
        let status = json!({ "authenticated": true, "user": user, "audiences": ["app"] });
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status });
        Box::pin(async move { Ok(Response::new(Bytes::from(review.to_string()))) })
    }
}

#[test]
fn what_is_wrong_with_the_table_is_said() {
    let document = |more: &str| {
        head("metrics_listen = \"127.0.0.1:9\"")
            + "[[routes]]\npath = \"/\"\nallow.anonymous = true\n"
            + "[issuers.mute]\nurl = \"https://id.test\"\n[authenticators.nobody]\nnone = true\n"
            + "[authenticators.staff]\nhtpasswd = { file = \"no.htpasswd\" }\n"
            + "[token_review]\ntls = { cert = \"no.crt\", key = \"no.key\" }\n"
            + more
    };
    for (more, at) in [
        ("listen = \"127.0.0.1:9\"\naccept = [\"corp\"]", "token_review.listen: is the address of gate.metrics_listen"),
        ("listen = \"127.0.0.1:1\"\naccept = [\"corp\"]", "token_review.tls: cannot read the certificate no.crt"),
        ("listen = \"127.0.0.1:1\"\naccept = []", "token_review.accept: nobody's tokens are good"),
        ("listen = \"127.0.0.1:1\"\naccept = [\"corpse\"]", "token_review.accept[0]: there is no issuer"),
        ("listen = \"127.0.0.1:1\"\naccept = [\"mute\"]", "token_review.accept[0]: issuers.mute has no audiences"),
        (
            "listen = \"127.0.0.1:1\"\naccept = [\"corp\", \"corp\"]",
            "token_review.accept[1]: \"corp\" is there already",
        ),
        ("listen = \"127.0.0.1:1\"\naccept = [\"nobody\"]", "token_review.accept[0]: authenticators.nobody lets in"),
        (
            "listen = \"127.0.0.1:1\"\naccept = [\"staff\"]",
            "token_review.accept[0]: authenticators.staff reads no bearer",
        ),
        (
            "listen = \"127.0.0.1:1\"\naccept = [\"corp\"]\naudiences = [\"\"]",
            "token_review.audiences[0]: the audience is empty",
        ),
        ("listen = \"127.0.0.1:1\"\naccept = [\"corp\"]\npath = \"x\"", "token_review.path: \"x\" is no path"),
    ] {
        let found = super::support::errors(&document(more));
        assert!(found.iter().any(|error| error.starts_with(at)), "{at}: {found:#?}");
    }
    for (more, at) in [
        ("token_review = {}", "authenticators.c.token_review: does not say which cluster"),
        ("token_review = { in_cluster = true }", "authenticators.c.token_review.in_cluster: this is no pod"),
        ("token_review = { in_cluster = true, kubeconfig = \"x\" }", "authenticators.c.token_review: has both"),
        (
            "token_review = { kubeconfig = \"no.yaml\" }",
            "authenticators.c.token_review.kubeconfig: no.yaml: cannot read",
        ),
        (
            "token_review = { in_cluster = true, context = \"c\" }",
            "authenticators.c.token_review.context: is of a kubeconfig",
        ),
        (
            "token_review = { in_cluster = true, cache = \"2m\" }",
            "authenticators.c.token_review.cache: 120s is out of range",
        ),
        (
            "token_review = { in_cluster = true, audiences = [\"\"] }",
            "authenticators.c.token_review.audiences[0]: is empty",
        ),
        (
            "authentication_config = { file = \"no.yaml\" }",
            "authenticators.c.authentication_config.file: no.yaml: cannot read",
        ),
    ] {
        let document = head("") + "[[routes]]\npath = \"/\"\nallow.anonymous = true\n[authenticators.c]\n" + more;
        let found = super::support::errors(&document);
        assert!(found.iter().any(|error| error.starts_with(at)), "{at}: {found:#?}");
    }
}
