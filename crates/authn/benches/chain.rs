//! What a bearer token costs: the aim is the same for 100 issuers as for 1, for one that is known and for a new one.
//!
//! `cargo bench -p gangplank-authn --bench chain`

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::sync::Arc;

use bytes::Bytes;
use divan::{Bencher, black_box};
use gangplank_authn::{
    Authenticator as _, BearerAuthenticator, Chain, Credentials, Issuer, IssuerKind, IssuerSettings, KeysFrom, Outcome,
    Remembering, Tenants,
};
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Request, Response};
use serde_json::json;
use tokio::runtime::Runtime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const COUNTS: [usize; 2] = [1, 100];

fn main() {
    divan::main();
}

/// Nobody is asked: all keys are given.
struct Nobody;

impl Transport for Nobody {
    fn send(&self, _: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async { Err(TransportError::Connect { host: String::new(), cause: "a bench".to_owned() }) })
    }
}

struct Standing;

impl Clock for Standing {
    fn now(&self) -> UnixTime {
        NOW
    }
}

fn url(i: usize) -> String {
    format!("https://issuer-{i}.example.com")
}

fn issuer(i: usize, key: &SigningKey) -> Arc<Issuer> {
    let json = json!({ "keys": [key.public_jwk("one")] }).to_string().into_bytes();
    let keys = KeysFrom::Document { at: String::new(), json };
    let settings = IssuerSettings {
        audiences: vec!["api://app".to_owned()],
        ..IssuerSettings::new(format!("issuer-{i}"), IssuerKind::OpenId { url: url(i), keys })
    };
    Issuer::new(settings, Arc::new(Nobody), Arc::new(Standing)).unwrap()
}

/// That many issuers, an Entra issuer of any tenant among them, and a token of the last one.
fn chain(count: usize) -> (Arc<Chain>, HeaderMap) {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let mut issuers: Vec<_> = (0..count).map(|i| issuer(i, &key)).collect();
    let kind = IssuerKind::Entra { tenants: Tenants::Any, authority: None, graph: None };
    issuers.push(Issuer::new(IssuerSettings::new("entra", kind), Arc::new(Nobody), Arc::new(Standing)).unwrap());
    let claims = json!({
        "iss": url(count - 1), "aud": "api://app", "sub": "s", "preferred_username": "ada",
        "exp": NOW.as_secs() + 3_600, "groups": ["a", "b", "c"], "scope": "read write",
    });
    let header = json!({ "kid": "one", "typ": "at+jwt" });
    let token = key.sign(header.as_object().unwrap(), &claims).unwrap();
    let headers = [(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())].into_iter().collect();
    (Arc::new(Chain::new("bench", vec![Arc::new(BearerAuthenticator::new(issuers))])), headers)
}

#[divan::bench(args = COUNTS, sample_count = 100, sample_size = 20)]
fn a_new_token(bencher: Bencher<'_, '_>, count: usize) {
    let (chain, headers) = chain(count);
    let runtime = Runtime::new().unwrap();
    bencher.bench(|| {
        let outcome = runtime.block_on(chain.authenticate(Credentials::headers(black_box(&headers)), NOW));
        assert!(matches!(outcome, Outcome::Authenticated(_)));
    });
}

#[divan::bench(args = COUNTS, sample_count = 100, sample_size = 100)]
fn a_known_token(bencher: Bencher<'_, '_>, count: usize) {
    let (chain, headers) = chain(count);
    let known = Remembering::new(chain);
    let runtime = Runtime::new().unwrap();
    bencher.bench(|| {
        let outcome = runtime.block_on(known.authenticate(Credentials::headers(black_box(&headers)), NOW));
        assert!(matches!(outcome, Outcome::Authenticated(_)));
    });
}

#[divan::bench(args = COUNTS, sample_count = 100, sample_size = 100)]
fn a_token_of_nobody(bencher: Bencher<'_, '_>, count: usize) {
    let (chain, _) = chain(count);
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let claims =
        json!({ "iss": "https://login.microsoftonline.com/dca11c8d-0000-4000-8000-000000000001/", "sub": "s" });
    let token = key.sign(&serde_json::Map::new(), &claims).unwrap();
    let headers: HeaderMap = [(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())].into_iter().collect();
    let runtime = Runtime::new().unwrap();
    bencher.bench(|| {
        let outcome = runtime.block_on(chain.authenticate(Credentials::headers(black_box(&headers)), NOW));
        assert!(matches!(outcome, Outcome::Rejected(_)));
    });
}
