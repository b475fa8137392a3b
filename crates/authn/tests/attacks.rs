//! The attacks on tokens that need an issuer to talk to, from the outside: a chain of bearer authenticators with its memory,
//! and a web that answers as the attacker likes. (`crates/jose/tests/attacks` has those that need no more than a token.)
//!
//! | class | test |
//! |---|---|
//! | addresses inside tokens (`jku`, `x5u`, `_claim_sources`, `iss`) as server-side requests | `addresses_inside_a_token_are_never_asked` |
//! | metadata or key sets of somebody else, over plain HTTP, redirected, endless, not JSON, with too many keys | `what_is_no_good_metadata_or_key_set_decides_nothing` |
//! | an issuer that speaks for another | `an_issuer_vouches_for_its_own_tokens_only` |
//! | floods of unknown keys and bad signatures | `a_flood_costs_the_provider_one_request_and_us_no_memory` |
//! | what is remembered under one configuration counts under another | `what_one_chain_remembers_is_nothing_to_another`, `what_is_remembered_is_all_that_was_presented` |
//! | names that Kubernetes reserves, that forge lines, that are empty or endless | `names_and_groups_that_mean_more_than_they_say` |
//! | groups of other types and of any number | `names_and_groups_that_mean_more_than_they_say` |
//!
//! Beside the code: timing of fetches, rotation and withdrawal (`jwks`, `issuer`, `remembering`), metadata in all their
//! members (`gangplank-oauth`, `discovery`), answers without end and slow ones (`gangplank-net`, `http_client`). The one
//! answer to whatever is wrong, and what outlives a reload, are the gate's (`tests/gate/leaks.rs`, `tests/gate/provider.rs`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gangplank_authn::{
    Authenticator as _, BearerAuthenticator, Chain, Credentials, Issuer, IssuerKind, IssuerSettings, Outcome,
    Remembering,
};
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Response};
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_795_305_600);
const ISSUER: &str = "https://issuer.example";
const OTHER: &str = "https://other.example";
const AUDIENCE: &str = "api://app";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());
static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());

/// Answers by address, and writes down who was asked. What it does not know cannot be reached.
#[derive(Default)]
struct Web {
    answers: Mutex<HashMap<String, (u16, String)>>,
    asked: Mutex<Vec<String>>,
}

impl Web {
    /// With both issuers and their keys.
    fn new() -> Arc<Self> {
        let web = Arc::new(Web::default());
        for (issuer, key) in [(ISSUER, &KEY), (OTHER, &OTHER_KEY)] {
            web.answer(&metadata_url(issuer), 200, metadata(issuer));
            web.answer(&keys_url(issuer), 200, json!({"keys": [key.public_jwk("one")]}).to_string());
        }
        web
    }

    fn answer(&self, url: &str, status: u16, body: impl Into<String>) {
        self.answers.lock().unwrap().insert(url.to_owned(), (status, body.into()));
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Transport for Web {
    fn send(&self, request: Request<Bytes>, budget: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let url = request.uri().to_string();
        let answer = self.answers.lock().unwrap().get(&url).cloned();
        self.asked.lock().unwrap().push(url);
        Box::pin(async move {
            let host = || "issuer".to_owned();
            let (status, body) =
                answer.ok_or_else(|| TransportError::Connect { host: host(), cause: "refused".into() })?;
            if body.len() > budget.body {
                return Err(TransportError::TooLarge { host: host(), limit: budget.body });
            }
            let response = Response::builder().status(status).header("location", "https://evil.example/");
            Ok(response.body(Bytes::from(body)).unwrap())
        })
    }
}

struct Standing;

impl Clock for Standing {
    fn now(&self) -> UnixTime {
        NOW
    }
}

fn metadata_url(issuer: &str) -> String {
    format!("{issuer}/.well-known/openid-configuration")
}

fn keys_url(issuer: &str) -> String {
    format!("{issuer}/keys")
}

fn metadata(issuer: &str) -> String {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": keys_url(issuer),
    })
    .to_string()
}

fn issuer(web: &Arc<Web>, url: &str, audience: &str) -> Arc<Issuer> {
    let settings = IssuerSettings {
        audiences: vec![audience.to_owned()],
        ..IssuerSettings::new(url.trim_start_matches("https://"), IssuerKind::open_id(url))
    };
    Issuer::new(settings, Arc::clone(web) as Arc<dyn Transport>, Arc::new(Standing)).unwrap()
}

fn chain_of(issuers: Vec<Arc<Issuer>>) -> Remembering {
    Remembering::new(Arc::new(Chain::new("test", vec![Arc::new(BearerAuthenticator::new(issuers))])))
}

/// A chain that knows [`ISSUER`].
fn chain(web: &Arc<Web>) -> Remembering {
    chain_of(vec![issuer(web, ISSUER, AUDIENCE)])
}

/// Good claims with some replaced.
fn claims(changes: Value) -> Value {
    let mut all = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "sub-1", "preferred_username": "ada",
        "exp": NOW.as_secs() + 600, "iat": NOW.as_secs(),
    });
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn signed(key: &SigningKey, header: Value, claims: &Value) -> String {
    key.sign(header.as_object().unwrap(), claims).unwrap()
}

fn good(changes: Value) -> String {
    signed(&KEY, json!({"kid": "one"}), &claims(changes))
}

/// The user's name, or the stable name of the refusal.
async fn ask(chain: &Remembering, tokens: &[&str], now: UnixTime) -> Result<String, String> {
    let mut headers = HeaderMap::new();
    for token in tokens {
        headers.append(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    }
    match chain.authenticate(Credentials::headers(&headers), now).await {
        Outcome::Authenticated(who) => Ok(who.identity().username.clone()),
        Outcome::Rejected(refusal) => Err(refusal.reason().name.to_owned()),
        Outcome::Unavailable(refusal) => Err(format!("unavailable: {}", refusal.reason().name)),
        Outcome::NotMine(_) => Err("not mine".to_owned()),
    }
}

fn after(seconds: u64) -> UnixTime {
    NOW + Duration::from_secs(seconds)
}

#[tokio::test]
async fn addresses_inside_a_token_are_never_asked() {
    let web = Web::new();
    let chain = chain(&web);
    let attacker = SigningKey::generate(Algorithm::ES256).unwrap();
    let header = json!({
        "kid": "evil", "jwk": attacker.public_jwk("evil"), "jku": "https://evil.example/keys",
        "x5u": "http://169.254.169.254/latest/meta-data/", "x5c": ["MIIB"],
    });
    let everywhere = claims(json!({
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "http://169.254.169.254/groups", "access_token": "t"}},
    }));
    assert_eq!(
        ask(&chain, &[&signed(&attacker, header.clone(), &everywhere)], NOW).await.unwrap_err(),
        "token-key-unknown"
    );
    let mut of_ours = header;
    of_ours["kid"] = "one".into();
    assert_eq!(ask(&chain, &[&signed(&KEY, of_ours.clone(), &everywhere)], NOW).await.unwrap(), "ada");
    for iss in ["https://evil.example", "http://169.254.169.254", "file:///etc/passwd"] {
        let stranger = signed(&attacker, of_ours.clone(), &claims(json!({"iss": iss})));
        assert_eq!(ask(&chain, &[&stranger], NOW).await.unwrap_err(), "issuer-unknown");
    }
    let expected = [metadata_url(ISSUER), keys_url(ISSUER)];
    assert!(web.asked().iter().all(|url| expected.contains(url)), "{:?}", web.asked());
}

#[tokio::test]
async fn what_is_no_good_metadata_or_key_set_decides_nothing() {
    let good_metadata = metadata(ISSUER);
    let many_keys = json!({"keys": vec![KEY.public_jwk("one"); 257]}).to_string();
    let published_secret = json!({"keys": [{"kty": "oct", "kid": "one", "k": "AAAA"}]}).to_string();
    let metadata_answers = [
        (200, metadata(OTHER)),
        (200, good_metadata.replace("https://issuer.example/keys", "http://issuer.example/keys")),
        (200, good_metadata.replace("https://issuer.example/keys", "https://u:p@issuer.example/keys")),
        (200, good_metadata.replacen('{', "{\"jwks_uri\":\"https://evil.example/keys\",", 1)),
        (302, good_metadata.clone()),
        (503, good_metadata.clone()),
        (200, "<html>".to_owned()),
        (200, format!("{good_metadata}{}", " ".repeat(2 << 20))),
    ];
    let keys_answers = [
        (302, json!({"keys": [KEY.public_jwk("one")]}).to_string()),
        (500, String::new()),
        (200, "<html>".to_owned()),
        (200, json!({"keys": []}).to_string()),
        (200, published_secret),
        (200, many_keys),
        (200, format!("{{\"keys\":[],\"keys\":[{}]}}", KEY.public_jwk("one"))),
        (200, " ".repeat(2 << 20)),
    ];
    let of_metadata = metadata_answers.into_iter().map(|answer| (metadata_url(ISSUER), answer));
    let of_keys = keys_answers.into_iter().map(|answer| (keys_url(ISSUER), answer));
    for (url, (status, body)) in of_metadata.chain(of_keys) {
        let start: String = body.chars().take(120).collect();
        let web = Web::new();
        let chain = chain(&web);
        web.answer(&url, status, body);
        let token = good(json!({}));
        assert_eq!(
            ask(&chain, &[&token], NOW).await.unwrap_err(),
            "unavailable: keys-unavailable",
            "{url} {status} {start}"
        );
        assert!(!web.asked().iter().any(|url| url.contains("evil")), "{:?}", web.asked());
        // Once the provider is itself again, so are its tokens.
        web.answer(&metadata_url(ISSUER), 200, good_metadata.as_str());
        web.answer(&keys_url(ISSUER), 200, json!({"keys": [KEY.public_jwk("one")]}).to_string());
        assert_eq!(ask(&chain, &[&token], after(30)).await.unwrap(), "ada", "{url} {status} {start}");
    }
}

#[tokio::test]
async fn an_issuer_vouches_for_its_own_tokens_only() {
    let web = Web::new();
    let both = chain_of(vec![issuer(&web, ISSUER, AUDIENCE), issuer(&web, OTHER, AUDIENCE)]);
    let own = signed(&OTHER_KEY, json!({"kid": "one"}), &claims(json!({"iss": OTHER})));
    assert_eq!(ask(&both, &[&own], NOW).await.unwrap(), "ada");
    // Both have a key `one`; a name in the token decides which of them is asked, and which key may have signed.
    let forged = signed(&OTHER_KEY, json!({"kid": "one"}), &claims(json!({})));
    assert_eq!(ask(&both, &[&forged], NOW).await.unwrap_err(), "token-signature-invalid");
}

#[tokio::test]
async fn a_flood_costs_the_provider_one_request_and_us_no_memory() {
    let web = Web::new();
    let chain = chain(&web);
    let token = good(json!({}));
    assert_eq!(ask(&chain, &[&token], NOW).await.unwrap(), "ada");
    let before = web.asked().len();
    let attacker = SigningKey::generate(Algorithm::ES256).unwrap();
    for i in 0..2_000_u64 {
        let (kid, named) = if i % 2 == 0 {
            (format!("kid-{i}"), "token-key-unknown")
        } else {
            ("one".to_owned(), "token-signature-invalid")
        };
        let bad = signed(&attacker, json!({"kid": kid}), &claims(json!({"jti": i.to_string()})));
        assert_eq!(ask(&chain, &[&bad], after(i % 60)).await.unwrap_err(), named);
        if i % 100 == 0 {
            let good = good(json!({"jti": format!("good-{i}")}));
            assert_eq!(ask(&chain, &[&good], after(i % 60)).await.unwrap(), "ada");
        }
    }
    assert_eq!(web.asked().len(), before + 1, "{:?}", web.asked());
    assert_eq!(chain.len(), 21, "the good ones");
}

#[tokio::test]
async fn what_one_chain_remembers_is_nothing_to_another() {
    let web = Web::new();
    let (here, elsewhere) = (chain(&web), chain_of(vec![issuer(&web, ISSUER, "api://elsewhere")]));
    // As after a reload that took the issuer away.
    let without = chain_of(vec![issuer(&web, OTHER, AUDIENCE)]);
    let token = good(json!({}));
    for _ in 0..2 {
        assert_eq!(ask(&here, &[&token], NOW).await.unwrap(), "ada");
        assert_eq!(ask(&elsewhere, &[&token], NOW).await.unwrap_err(), "token-audience-mismatch");
        assert_eq!(ask(&without, &[&token], NOW).await.unwrap_err(), "issuer-unknown");
    }
}

#[tokio::test]
async fn what_is_remembered_is_all_that_was_presented() {
    let web = Web::new();
    let chain = chain(&web);
    let token = good(json!({}));
    assert_eq!(ask(&chain, &[&token], NOW).await.unwrap(), "ada");
    let other = good(json!({"preferred_username": "bob"}));
    assert_eq!(ask(&chain, &[&token, &other], NOW).await.unwrap_err(), "authorization-repeated");
    assert_eq!(ask(&chain, &[&format!("{token} {other}")], NOW).await.unwrap_err(), "bearer-malformed");
    assert_eq!(ask(&chain, &[&token[..token.len() - 1]], NOW).await.unwrap_err(), "token-not-base64url");
    // And until the token ends, leeway included, but not longer.
    assert_eq!(ask(&chain, &[&token], after(659)).await.unwrap(), "ada");
    assert_eq!(ask(&chain, &[&token], after(660)).await.unwrap_err(), "token-expired");
}

#[tokio::test]
async fn names_and_groups_that_mean_more_than_they_say() {
    let web = Web::new();
    let chain = chain(&web);
    for (changes, expected) in [
        (json!({"preferred_username": "system:admin"}), "name-reserved"),
        (json!({"preferred_username": ""}), "claim-unusable"),
        (json!({"preferred_username": "ada\0"}), "claim-unusable"),
        (json!({"preferred_username": "ada\r\nX-Forwarded-User: root"}), "claim-unusable"),
        (json!({"preferred_username": "\u{202e}nimda"}), "claim-unusable"),
        (json!({"preferred_username": "admin\u{200b}"}), "claim-unusable"),
        (json!({"preferred_username": " admin"}), "claim-unusable"),
        (json!({"preferred_username": "a".repeat(1025)}), "claim-unusable"),
        (json!({"preferred_username": ["ada"]}), "claim-unusable"),
        (json!({"groups": [["admins"]]}), "claim-unusable"),
        (json!({"groups": ["g", 1]}), "claim-unusable"),
        (json!({"groups": null}), "claim-unusable"),
        (json!({"groups": {"admins": true}}), "claim-unusable"),
        (json!({"groups": vec!["g"; 10_001]}), "claim-unusable"),
        (json!({"groups": ["\u{2066}admins"]}), "claim-unusable"),
    ] {
        let shown: String = changes.to_string().chars().take(80).collect();
        assert_eq!(ask(&chain, &[&good(changes)], NOW).await.unwrap_err(), expected, "{shown}");
    }
    let headers = HeaderMap::from_iter([(
        AUTHORIZATION,
        HeaderValue::from_str(&format!("Bearer {}", good(json!({"groups": ["system:masters", "g", "g"]})))).unwrap(),
    )]);
    let Outcome::Authenticated(who) = chain.authenticate(Credentials::headers(&headers), NOW).await else { panic!() };
    assert_eq!(who.identity().groups.iter().filter(|group| *group != "g").count(), 0);
}
