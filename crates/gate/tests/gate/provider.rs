//! A provider's bad days, from the first start to a rotated key: what people and programs are told, and what the
//! operator is.
//!
//! The inward reason is read where an operator reads it: `gangplank_refusals_total{reason=…}`.

use std::time::Duration;

use gangplank_idp::{API_ID, DEMO_GROUP_ID, Endpoint, Fault, FaultKind, Rotation};
use gangplank_oauth::Clock;
use http::StatusCode;

use crate::support::*;

const APP: &str = "https://app.example.com";
const CHECK: &str = "https://app.example.com/oauth2/auth";
const START: &str = "https://app.example.com/oauth2/start?rd=/";

/// More than a request to a provider may take.
const TOO_SLOW: FaultKind = FaultKind::Slow { millis: 11_000 };
/// More than is read of an answer.
const TOO_MUCH: FaultKind = FaultKind::Huge { bytes: 2 << 20 };

fn config() -> String {
    head("") + &demo("/", "")
}

/// Every reason that was given so far, with how often.
async fn refusals(world: &World) -> Vec<(String, u64)> {
    let scrape = world.gate.operations(&request("GET", "http://127.0.0.1:9090/metrics", &[]), &peer_of("192.0.2.9"));
    let text = Answer::read(scrape).await.body;
    let lines = text.lines().filter_map(|l| l.strip_prefix("gangplank_refusals_total{reason=\""));
    lines.filter_map(|l| Some((l.split('"').next()?.to_owned(), l.rsplit(' ').next()?.parse().ok()?))).collect()
}

/// The status, and the reason behind it: exactly one for a refusal, none for anything else.
async fn judged(world: &World, url: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let before = refusals(world).await;
    let answer = world.get(url, headers).await;
    let retry = answer.header("retry-after").is_some();
    assert_eq!(retry, answer.status == StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    let after = refusals(world).await;
    let new: Vec<String> = after.into_iter().filter(|r| !before.contains(r)).map(|(reason, _)| reason).collect();
    for reason in &new {
        assert!(!answer.body.contains(reason) && !answer.body.contains("login.test"), "{}", answer.body);
    }
    (answer.status.as_u16(), new.join(" "))
}

fn is(status: u16, reason: &str) -> (u16, String) {
    (status, reason.to_owned())
}

/// Somebody on the way back from the provider: the address, and the cookie to come with.
async fn at_the_provider(world: &World) -> (String, String) {
    let start = world.get(START, BROWSER).await;
    assert_eq!(start.status, StatusCode::FOUND, "{start:?}");
    let back = world.tenant.drive_sign_in(start.location(), "alice", world.clock.now()).unwrap();
    (back, start.cookie().unwrap())
}

/// What becomes of somebody who is on the way back when this happens.
async fn comes_back_to(world: &World, fault: Fault) -> (u16, String) {
    let (back, mark) = at_the_provider(world).await;
    world.tenant.set_fault(fault);
    let outcome = judged(world, &back, &with(BROWSER, &[cookie(&mark)])).await;
    world.tenant.clear_faults();
    outcome
}

fn bearer(world: &World) -> String {
    format!("Bearer {}", world.token("alice"))
}

async fn presents(world: &World, token: &str) -> (u16, String) {
    judged(world, CHECK, &[("authorization", token)]).await
}

#[tokio::test]
async fn whatever_is_wrong_at_the_start_is_named_and_passes() {
    let first = World::new(&config());
    for (kind, status, reason) in [
        (FaultKind::Down, 503, "provider-overloaded"),
        (FaultKind::HangUp, 503, "provider-broke-off"),
        (TOO_SLOW, 503, "provider-timeout"),
        (TOO_MUCH, 503, "provider-answer-too-large"),
        (FaultKind::Garbage, 503, "provider-malformed"),
        (FaultKind::WrongIssuerInDiscovery, 502, "issuer-mismatch"),
        (FaultKind::Gone, 502, "provider-metadata-missing"),
    ] {
        let world = first.started_anew(&config());
        world.tenant.set_fault(Fault::new(kind.clone()).on(Endpoint::Discovery));
        assert_eq!(judged(&world, START, BROWSER).await, is(status, reason), "{kind:?}");
        let token = bearer(&world);
        assert_eq!(presents(&world, &token).await, is(503, "keys-unavailable"), "{kind:?}");
        assert_eq!(world.get(&format!("{APP}/readyz"), &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(world.gate.readiness()[0].issuer, "corp");
        assert_eq!(world.get(&format!("{APP}/healthz"), &[]).await.status, StatusCode::OK, "it lives");

        world.tenant.clear_faults();
        let asked = world.tenant.counts().discovery;
        assert_eq!(judged(&world, START, BROWSER).await.0, status, "the provider is left alone for a moment");
        assert_eq!(world.tenant.counts().discovery, asked);
        world.pass(Duration::from_secs(11));
        assert_eq!(judged(&world, START, BROWSER).await, is(302, ""), "{kind:?} is over");
        assert_eq!(presents(&world, &token).await, is(202, ""), "{kind:?} is over");
        assert_eq!(world.get(&format!("{APP}/readyz"), &[]).await.status, StatusCode::OK);
        world.sign_in(APP, "alice").await;
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_keep_tokens_undecided_and_nothing_else() {
    let first = World::new(&config());
    for kind in [FaultKind::Down, FaultKind::HangUp, TOO_SLOW, TOO_MUCH, FaultKind::Garbage, FaultKind::Gone] {
        let world = first.started_anew(&config());
        world.tenant.set_fault(Fault::new(kind.clone()).on(Endpoint::Jwks));
        assert_eq!(presents(&world, &bearer(&world)).await, is(503, "keys-unavailable"), "{kind:?}");
        assert_eq!(judged(&world, START, BROWSER).await, is(302, ""), "{kind:?}");
        world.tenant.clear_faults();
        world.pass(Duration::from_secs(11));
        assert_eq!(presents(&world, &bearer(&world)).await, is(202, ""), "{kind:?} is over");
    }
}

#[tokio::test]
async fn who_is_known_stays_known_whatever_happens_later() {
    let world = World::new(&config());
    let alice = world.sign_in(APP, "alice").await;
    let known = bearer(&world);
    assert_eq!(presents(&world, &known).await, is(202, ""));
    for (kind, status, reason) in [
        (FaultKind::Down, 503, "provider-overloaded"),
        (FaultKind::HangUp, 503, "provider-broke-off"),
        (TOO_SLOW, 503, "provider-timeout"),
        (TOO_MUCH, 503, "provider-answer-too-large"),
        (FaultKind::Garbage, 503, "provider-malformed"),
    ] {
        let (back, mark) = at_the_provider(&world).await;
        world.tenant.set_fault(Fault::new(kind.clone()));
        let asked = world.tenant.counts();
        assert_eq!(judged(&world, CHECK, &[cookie(&alice)]).await, is(202, ""), "{kind:?}: a session");
        assert_eq!(presents(&world, &known).await, is(202, ""), "{kind:?}: a known token");
        assert_eq!(presents(&world, &bearer(&world)).await, is(202, ""), "{kind:?}: a new token, keys at hand");
        assert_eq!(world.get(&format!("{APP}/readyz"), &[]).await.status, StatusCode::OK, "{kind:?}");
        assert_eq!(world.tenant.counts(), asked, "{kind:?}: nobody needed the provider");
        let came = judged(&world, &back, &with(BROWSER, &[cookie(&mark)])).await;
        assert_eq!(came, is(status, reason), "{kind:?}: a sign-in");
        world.tenant.clear_faults();
    }
    world.sign_in(APP, "alice").await;
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_says_whose_fault_it_is() {
    let world = World::new(&config());
    for (error, status, reason) in [
        ("invalid_grant", 400, "refresh-token-expired"),
        ("invalid_client", 502, "client-secret-wrong"),
        ("server_error", 503, "provider-overloaded"),
        ("temporarily_unavailable", 503, "provider-overloaded"),
        ("<made up>\n", 502, "provider-request-invalid"),
    ] {
        let fault = Fault::new(FaultKind::TokenError { error: error.to_owned() });
        assert_eq!(comes_back_to(&world, fault).await, is(status, reason), "{error}");
    }
    let gone = Fault::new(FaultKind::Gone).on(Endpoint::Token);
    assert_eq!(comes_back_to(&world, gone).await, is(502, "provider-status"));
}

#[tokio::test]
async fn id_tokens_of_another_issuer_or_time_begin_no_session() {
    let world = World::new(&config());
    for (kind, status, reason) in [
        (FaultKind::WrongIssuerInTokens, 502, "token-issuer-mismatch"),
        (FaultKind::ClockSkew { seconds: 59 }, 302, ""),
        (FaultKind::ClockSkew { seconds: -59 }, 302, ""),
        (FaultKind::ClockSkew { seconds: 120 }, 502, "token-not-yet-valid"),
        (FaultKind::ClockSkew { seconds: -7200 }, 502, "token-expired"),
    ] {
        assert_eq!(comes_back_to(&world, Fault::new(kind.clone())).await, is(status, reason), "{kind:?}");
    }
}

#[tokio::test]
async fn bearer_tokens_may_be_off_by_the_leeway_and_not_by_more() {
    let world = World::new(&config());
    let now = world.clock.now().as_secs();
    let claims = |iss: &str, from: u64, until: u64| {
        let claims = serde_json::json!({
            "iss": iss, "aud": API_ID, "sub": "s", "tid": world.tenant.id(), "azp": "app", "oid": "o", "ver": "2.0",
            "preferred_username": "alice", "groups": [DEMO_GROUP_ID], "scp": "read", "iat": from, "nbf": from, "exp": until,
        });
        format!("Bearer {}", world.tenant.mint_claims(&claims).unwrap())
    };
    let issuer = world.tenant.issuer();
    for (from, until, status, reason) in [
        (now - 10, now + 600, 202, ""),
        (now + 59, now + 600, 202, ""),
        (now + 62, now + 600, 401, "token-not-yet-valid"),
        (now - 600, now - 59, 202, ""),
        (now - 600, now - 61, 401, "token-expired"),
    ] {
        let token = claims(&issuer, from, until);
        assert_eq!(presents(&world, &token).await, is(status, reason), "{} {}", from as i64 - now as i64, until);
    }
    for stranger in ["https://evil.test", "https://login.test", "", &format!("{issuer}/")] {
        let token = claims(stranger, now, now + 600);
        let (status, reason) = presents(&world, &token).await;
        assert_eq!(status, 401, "{stranger:?}: {reason}");
        assert!(reason.contains("issuer"), "{stranger:?}: {reason}");
    }
}

#[tokio::test]
async fn a_rotated_key_costs_one_fetch_and_no_refusal() {
    for rotation in [Rotation::Announced, Rotation::Unannounced] {
        let world = World::new(&config());
        let old = bearer(&world);
        assert_eq!(presents(&world, &old).await, is(202, ""));
        world.tenant.rotate(rotation).unwrap();
        world.pass(Duration::from_secs(61));
        let before = world.tenant.counts().jwks;
        for _ in 0..3 {
            assert_eq!(presents(&world, &bearer(&world)).await, is(202, ""), "{rotation:?}");
        }
        let fetched = world.tenant.counts().jwks - before;
        assert_eq!(fetched, u64::from(rotation == Rotation::Unannounced), "{rotation:?}");
    }
}

#[tokio::test]
async fn a_withdrawn_key_takes_its_tokens_along() {
    let world = World::new(&config());
    let old = bearer(&world);
    assert_eq!(presents(&world, &old).await, is(202, ""));
    world.tenant.rotate(Rotation::Unannounced).unwrap();
    world.pass(Duration::from_secs(61));
    assert_eq!(presents(&world, &bearer(&world)).await, is(202, ""), "the new set is fetched");
    assert_eq!(presents(&world, &old).await, is(401, "token-key-unknown"), "also though it was remembered");
}

#[tokio::test]
async fn keys_that_are_gone_later_matter_to_new_keys_only() {
    let world = World::new(&config());
    let known = bearer(&world);
    assert_eq!(presents(&world, &known).await, is(202, ""));
    world.tenant.set_fault(Fault::new(FaultKind::Gone));
    world.pass(Duration::from_secs(61));
    assert_eq!(presents(&world, &known).await, is(202, ""));
    assert_eq!(presents(&world, &bearer(&world)).await, is(202, ""), "a new token of a known key");
    world.tenant.rotate(Rotation::Unannounced).unwrap();
    let before = world.tenant.counts().jwks;
    let new = bearer(&world);
    for _ in 0..5 {
        assert_eq!(presents(&world, &new).await, is(503, "keys-unavailable"), "undecided, not bad");
    }
    assert!(world.tenant.counts().jwks - before <= 1, "and asked once, not for every request");
    world.tenant.clear_faults();
    world.pass(Duration::from_secs(61));
    assert_eq!(presents(&world, &new).await, is(202, ""));
}

#[tokio::test]
async fn a_reload_while_the_provider_is_away_keeps_its_keys() {
    let world = World::new(&config());
    let bearer = |world: &World| format!("Bearer {}", world.token("alice"));
    assert_eq!(judged(&world, CHECK, &[("authorization", &bearer(&world))]).await.0, 202);
    world.tenant.set_fault(Fault::new(FaultKind::Down));

    let same = world.reloaded(&format!("{}[pages]\ntitle = \"Other\"\n", config())).unwrap();
    assert!(same.gate.readiness().is_empty());
    assert_eq!(judged(&same, CHECK, &[("authorization", &bearer(&same))]).await.0, 202, "a token never seen before");

    // A wrong configuration between changes nothing, and a changed issuer is asked anew.
    assert!(world.reloaded(&config().replace("path = \"/\"", "path = \"no slash\"")).is_err());
    let again = world.reloaded(&config()).unwrap();
    assert!(again.gate.readiness().is_empty());
    let audience = "audiences = [\"api://else\", ";
    let other = world.reloaded(&config().replacen("audiences = [", audience, 1)).unwrap();
    assert!(!other.gate.readiness().is_empty());
    assert_eq!(judged(&other, CHECK, &[("authorization", &bearer(&other))]).await.0, 503);
}
