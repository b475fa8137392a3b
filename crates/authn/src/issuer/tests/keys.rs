//! Keys from elsewhere than the issuer's metadata, and the workloads of a SPIFFE trust domain.

use super::*;
use crate::testing::{FakeClock, FakeWeb};

const ISSUER: &str = "https://idp.example.com";
const KEYS: &str = "https://keys.example.com/set?v=1";

fn document(at: &str, json: String) -> KeysFrom {
    KeysFrom::Document { at: at.to_owned(), json: json.into_bytes() }
}

fn open_id(keys: KeysFrom) -> IssuerKind {
    IssuerKind::OpenId { url: ISSUER.to_owned(), keys }
}

fn claims(world: &World) -> Value {
    with(world.access_claims(), "iss", json!(ISSUER))
}

fn refused(kind: IssuerKind) -> Vec<String> {
    let clock = Arc::new(FakeClock(NOW.as_secs().into()));
    let made = Issuer::new(IssuerSettings::new("corp", kind), Arc::new(FakeWeb::default()), clock);
    made.unwrap_err().into_iter().map(|error| error.path).collect()
}

#[tokio::test]
async fn keys_from_an_address_are_asked_for_there_alone() {
    let world = World::with(open_id(KeysFrom::Url(KEYS.to_owned())), &["api://podinfo"]);
    world.web.answer(KEYS, 200, jwks(&[("one", &world.key)]));
    assert!(access_token(&world, &claims(&world)).await.is_ok());
    let asked: Vec<String> = world.web.asked.lock().unwrap().iter().map(|asked| asked.url.clone()).collect();
    assert_eq!(asked, [KEYS]);
    assert!(world.issuer.provider().is_none());
    let other = with(world.access_claims(), "iss", json!("https://other.example.com"));
    assert_eq!(access_token(&world, &other).await.unwrap_err(), "token-issuer-mismatch");
}

#[tokio::test]
async fn keys_in_the_configuration_need_no_network() {
    let key = new_key();
    let kind = open_id(document("issuers.corp.jwks.inline", jwks(&[("one", &key)])));
    let world = World::with(kind, &["api://podinfo"]);
    assert!(world.issuer.ready());
    let token = sign_as("one", &key, &claims(&world));
    assert!(judged(world.issuer.verify_access_token(&token, NOW).await).is_ok());
    let later = with(claims(&world), "exp", json!(NOW.as_secs() + 1_000_000));
    let token = sign_as("one", &key, &later);
    assert!(judged(world.issuer.verify_access_token(&token, after(900_000)).await).is_ok(), "they do not grow old");
    for kid in ["one", "two"] {
        let forged = sign_as(kid, &new_key(), &claims(&world));
        assert_ne!(judged(world.issuer.verify_access_token(&forged, NOW).await).unwrap_err(), "unavailable");
    }
    assert!(world.web.asked.lock().unwrap().is_empty());
}

#[test]
fn what_is_no_key_set_or_no_address_is_a_mistake_of_the_configuration() {
    for json in ["", "{}", "[]", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AA"}]}"#] {
        let at = "issuers.corp.jwks.file";
        assert_eq!(refused(open_id(document(at, json.to_owned()))), [at], "{json}");
    }
    for url in ["", "keys", "http://keys.example.com/", "https://u@keys.example.com/", "https://k/#x", "https://k/?a b"]
    {
        assert_eq!(refused(open_id(KeysFrom::Url(url.to_owned()))), ["issuers.corp.jwks.url"], "{url}");
    }
    for trust_domain in ["", "Example.org", "example.org/a", "spiffe://example.org", "example.org:1"] {
        let bundle = KeysFrom::Url(KEYS.to_owned());
        let kind = IssuerKind::Spiffe { trust_domain: trust_domain.to_owned(), bundle };
        assert_eq!(refused(kind), ["issuers.corp.spiffe.trust_domain"], "{trust_domain}");
    }
}

/// Workloads of `example.org`, beside people of the tenant.
fn mesh() -> (World, crate::BearerAuthenticator) {
    let bundle = KeysFrom::Url(KEYS.to_owned());
    let world = World::with(IssuerKind::Spiffe { trust_domain: "example.org".to_owned(), bundle }, &["api://podinfo"]);
    let mut of_svids = world.key.public_jwk("one");
    of_svids["use"] = json!("jwt-svid");
    let mut of_certificates = new_key().public_jwk("x");
    of_certificates["use"] = json!("x509-svid");
    let document = json!({ "keys": [of_svids, of_certificates], "spiffe_sequence": 7, "spiffe_refresh_hint": 300 });
    world.web.answer(KEYS, 200, document.to_string());
    let bearer = crate::BearerAuthenticator::new(vec![World::new().issuer, Arc::clone(&world.issuer)]);
    (world, bearer)
}

#[tokio::test]
async fn a_workload_is_known_by_the_trust_domain_of_its_subject() {
    let (world, bearer) = mesh();
    let svid = |changes: Value| {
        let mut all = json!({ "sub": "spiffe://example.org/ns/shop/sa/cart", "aud": ["api://podinfo"],
            "exp": NOW.as_secs() + 300 });
        changes.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
        world.sign(&all)
    };
    for iss in [json!({}), json!({ "iss": "https://spire.example.org" })] {
        let Outcome::Authenticated(who) = bearer.verify(&svid(iss), NOW).await else { panic!("refused") };
        assert_eq!(who.identity().username, "spiffe://example.org/ns/shop/sa/cart");
        assert_eq!(
            (who.identity().issuer.as_str(), who.identity().issuer_url.as_str()),
            ("corp", "spiffe://example.org")
        );
        assert!(who.identity().groups.is_empty());
    }
    let name = |outcome: Outcome| match outcome {
        Outcome::Rejected(refusal) => refusal.reason().name,
        Outcome::NotMine(crate::NotMine::Unknown(_)) => "unknown",
        other => panic!("{other:?}"),
    };
    for (changes, expected) in [
        (json!({ "sub": "spiffe://example.com/ns/shop" }), "unknown"),
        (json!({ "sub": "spiffe://example.org" }), "token-claim-malformed"),
        (json!({ "sub": "example.org" }), "unknown"),
        (json!({ "sub": "spiffe://example.org/a/../b" }), "unknown"),
        (json!({ "aud": "api://other" }), "token-audience-mismatch"),
        (json!({ "aud": [] }), "token-audience-missing"),
        (json!({ "exp": null }), "unknown"),
        (json!({ "exp": 1 }), "token-expired"),
    ] {
        let outcome = bearer.verify(&svid(changes.clone()), NOW).await;
        let found = name(outcome);
        assert_eq!(found, expected, "{changes}");
    }
}

#[tokio::test]
async fn a_key_for_certificates_signs_no_svid_and_an_issuers_key_neither() {
    let (world, bearer) = mesh();
    let claims = json!({ "sub": "spiffe://example.org/a", "aud": "api://podinfo", "exp": NOW.as_secs() + 300 });
    let nameless = world.key.sign(&serde_json::Map::new(), &claims).unwrap();
    assert!(matches!(bearer.verify(&nameless, NOW).await, Outcome::Rejected(_)), "a kid is required");
    world.web.answer(KEYS, 200, jwks(&[("one", &world.key)]));
    assert!(world.issuer.fetch().await.is_err(), "a key set without `use` is no bundle");
}
