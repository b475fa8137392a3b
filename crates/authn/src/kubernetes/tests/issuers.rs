//! Several issuers, their names, and their keys.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::testing::with;
use crate::{Authenticator as _, Credentials};

const OTHER: &str = "https://other.example.com";

#[tokio::test]
async fn each_issuer_judges_its_own_tokens_by_its_own_rules() {
    let world = World::new();
    let key = new_key();
    world.serve(OTHER, &[("one", &key)]);
    let mut second = entry(OTHER);
    second["issuer"]["audiences"] = json!(["second"]);
    second["claimMappings"]["username"]["prefix"] = json!("other:");
    let authenticator = world.authenticator(&json!([entry(URL), second]));
    let theirs = with(with(claims(), "iss", json!(OTHER)), "aud", json!("second"));
    for (key, claims, wanted) in [
        (&world.key, claims(), "ada"),
        (&key, theirs.clone(), "other:ada"),
        (&world.key, theirs.clone(), "token-signature-invalid"),
        (&key, claims(), "token-signature-invalid"),
        (&key, with(theirs, "aud", json!("kubernetes")), "token-audience-mismatch"),
        (&key, with(claims(), "iss", json!("https://third.example.com")), "unknown: kubernetes-issuer-not-listed"),
    ] {
        let judged = judged(authenticator.verify(&sign_as("one", key, &claims), NOW).await);
        let found = judged.map_or_else(|refusal| refusal, |who| who.identity().username.clone());
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn a_name_is_compared_octet_by_octet_but_for_googles() {
    let world = World::new();
    let google = "https://accounts.google.com";
    world.serve(google, &[("one", &world.key)]);
    let authenticator = world.authenticator(&json!([entry(URL), entry(google)]));
    for (iss, wanted) in [
        (URL, "accepted"),
        ("https://login.example.com/", "unknown: kubernetes-issuer-not-listed"),
        ("https://LOGIN.example.com", "unknown: kubernetes-issuer-not-listed"),
        ("login.example.com", "unknown: kubernetes-issuer-not-listed"),
        (google, "accepted"),
        ("accounts.google.com", "accepted"),
        ("accounts.google.com/", "unknown: kubernetes-issuer-not-listed"),
    ] {
        let token = sign_as("one", &world.key, &with(claims(), "iss", json!(iss)));
        assert_eq!(name(judged(authenticator.verify(&token, NOW).await)), wanted, "{iss}");
    }
}

#[tokio::test]
async fn with_a_slash_at_its_end_it_is_another_issuer_at_the_same_place() {
    let world = World::new();
    let slash = "https://login.example.com/";
    let metadata = json!({ "issuer": slash, "jwks_uri": format!("{URL}/jwks") }).to_string();
    world.web.answer(&discovery(URL), 200, metadata);
    let authenticator = world.authenticator(&json!([entry(slash)]));
    let token = |iss: &str| sign_as("one", &world.key, &with(claims(), "iss", json!(iss)));
    assert_eq!(name(judged(authenticator.verify(&token(slash), NOW).await)), "accepted");
    assert_eq!(name(judged(authenticator.verify(&token(URL), NOW).await)), "unknown: kubernetes-issuer-not-listed");
}

#[tokio::test]
async fn the_discovery_url_is_used_as_it_is_and_answers_for_the_issuer() {
    let world = World::new();
    let mut inside = entry(URL);
    inside["issuer"]["discoveryURL"] = json!("https://inside.example.com/openid");
    let metadata = |issuer: &str, jwks_uri: &str| json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
    let address = "https://inside.example.com/openid";
    for (document, wanted) in [
        (metadata(URL, "https://login.example.com/jwks"), "accepted"),
        (metadata("https://inside.example.com", "https://login.example.com/jwks"), "unavailable: keys-unavailable"),
        (metadata(URL, "http://login.example.com/jwks"), "unavailable: keys-unavailable"),
        ("<html>".to_owned(), "unavailable: keys-unavailable"),
    ] {
        world.web.answer(address, 200, document);
        assert_eq!(name(world.judge(&inside, &claims()).await), wanted);
    }
    assert_eq!(world.web.count(&discovery(URL)), 0);
    assert_eq!(world.web.count("https://inside.example.com/openid/.well-known/openid-configuration"), 0);
}

#[tokio::test]
async fn a_dead_issuer_is_nobody_elses_trouble() {
    let world = World::new();
    world.web.down(&discovery(OTHER));
    let authenticator = world.authenticator(&json!([entry(OTHER), entry(URL)]));
    let theirs = sign_as("one", &world.key, &with(claims(), "iss", json!(OTHER)));
    let ours = sign_as("one", &world.key, &claims());
    assert_eq!(name(judged(authenticator.verify(&theirs, NOW).await)), "unavailable: keys-unavailable");
    assert_eq!(name(judged(authenticator.verify(&ours, NOW).await)), "accepted");
    let health = authenticator.health();
    let ready: Vec<_> = health.iter().map(|source| (source.name.as_str(), source.ready)).collect();
    assert_eq!(ready, [(OTHER, false), (URL, true)]);
    assert!(health[0].last_error.is_some() && health[1].fetched_at == Some(NOW));
    // A flood for the dead one costs it one request in ten seconds.
    for i in 0..100 {
        let _ = authenticator.verify(&theirs, after(i / 10)).await;
    }
    assert_eq!(world.web.count(&discovery(OTHER)), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_there_before_the_first_token_and_one_issuer_holds_up_no_other() {
    let world = World::new();
    world.web.down(&discovery(OTHER));
    let authenticator = world.authenticator(&json!([entry(OTHER), entry(URL)]));
    let work = tokio::spawn(Arc::clone(&authenticator).keep_fresh().unwrap());
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(authenticator.health().iter().map(|source| source.ready).collect::<Vec<_>>(), [false, true]);
    world.serve(OTHER, &[("one", &world.key)]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(authenticator.health().iter().all(|source| source.ready));
    let theirs = sign_as("one", &world.key, &with(claims(), "iss", json!(OTHER)));
    let asked = world.web.asked.lock().unwrap().len();
    assert_eq!(name(judged(authenticator.verify(&theirs, NOW).await)), "accepted");
    assert_eq!(world.web.asked.lock().unwrap().len(), asked);
    work.abort();
    assert!(world.authenticator(&json!([])).keep_fresh().is_none());
}

#[tokio::test]
async fn a_rotated_key_is_seen_at_once_and_the_old_ones_word_ends() {
    let world = World::new();
    let authenticator = world.authenticator(&json!([entry(URL)]));
    let old = sign_as("one", &world.key, &claims());
    let before = judged(authenticator.verify(&old, NOW).await).unwrap();
    assert!(before.holds(NOW));
    let key = new_key();
    world.web.answer(&format!("{URL}/jwks"), 200, jwks(&[("two", &key)]));
    assert_eq!(name(judged(authenticator.verify(&sign_as("two", &key, &claims()), after(1)).await)), "accepted");
    assert!(!before.holds(after(1)));
    assert_eq!(name(judged(authenticator.verify(&old, after(1)).await)), "token-key-unknown");
    for _ in 0..100 {
        let _ = authenticator.verify(&sign_as("three", &new_key(), &claims()), after(2)).await;
    }
    assert_eq!(world.web.count(&format!("{URL}/jwks")), 2);
}

#[tokio::test]
async fn it_reads_the_bearer_token_of_a_request_and_nothing_else() {
    let world = World::new();
    let authenticator = world.authenticator(&json!([entry(URL)]));
    let token = sign_as("one", &world.key, &claims());
    for (value, wanted) in [
        (format!("Bearer {token}"), "accepted"),
        (format!("bearer {token}"), "accepted"),
        (format!("Bearer {token} x"), "bearer-malformed"),
        ("Basic YTpi".to_owned(), "absent"),
    ] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())]);
        assert_eq!(name(judged(authenticator.authenticate(Credentials::headers(&headers), NOW).await)), wanted);
    }
    let none = HeaderMap::new();
    assert_eq!(name(judged(authenticator.authenticate(Credentials::headers(&none), NOW).await)), "absent");
}

#[test]
fn authorities_of_no_use_are_reported_at_their_field() {
    let connect = |pem: Option<&str>| match pem {
        None => Ok(Arc::new(FakeWeb::default()) as Arc<dyn Transport>),
        Some(_) => Err("no".to_owned()),
    };
    let mut private = entry(OTHER);
    private["issuer"]["certificateAuthority"] = json!(include_str!("../../../tests/data/kubernetes-ca.pem"));
    let clock = Arc::new(FakeClock(AtomicU64::new(0)));
    let ports = Ports { connect: &connect, clock, groups: None };
    let configuration = configuration(&json!([entry(URL), private]));
    let errors = KubernetesAuthenticator::new("cluster", &configuration, Policy::default(), ports, None).unwrap_err();
    assert_eq!(errors[0].path, "jwt[1].issuer.certificateAuthority");
}
