//! What a provider does on its bad days, and what becomes of tokens meanwhile.

use super::*;

fn presented(world: &World, kid: &str, key: &SigningKey) -> String {
    sign_as(kid, key, &world.access_claims())
}

async fn verdict(world: &World, token: &str, at: UnixTime) -> Result<(), &'static str> {
    judged(world.issuer.verify_access_token(token, at).await).map(|_| ())
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_keys_in_flight_cost_one_fetch_and_good_tokens_do_not_wait() {
    let world = World::new();
    let good = world.sign(&world.access_claims());
    assert_eq!(verdict(&world, &good, NOW).await, Ok(()));
    *world.web.delay.lock().unwrap() = Duration::from_secs(9);
    let stranger = new_key();
    let bad: Vec<_> = (0..10_000)
        .map(|i| {
            let kid = if i % 2 == 0 { "one".to_owned() } else { format!("unknown-{i}") };
            let (issuer, token) = (Arc::clone(&world.issuer), presented(&world, &kid, &stranger));
            tokio::spawn(async move { judged(issuer.verify_access_token(&token, after(1)).await).unwrap_err() })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = tokio::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(verdict(&world, &good, after(1)).await, Ok(()));
    }
    assert_eq!(before.elapsed(), Duration::ZERO, "known keys wait for nobody");
    for one in bad {
        assert_ne!(one.await.unwrap(), "unavailable");
    }
    assert_eq!(world.web.count(&jwks_url()), 2, "the first one, and one for all of them");
    assert_eq!(world.issuer.health().keys, 1);
}

#[tokio::test]
async fn a_set_that_shrank_takes_its_tokens_along_and_a_set_without_keys_takes_none() {
    let world = World::new();
    let second = new_key();
    world.web.answer(&jwks_url(), 200, jwks(&[("one", &world.key), ("two", &second)]));
    let (first, other) = (presented(&world, "one", &world.key), presented(&world, "two", &second));
    assert_eq!((verdict(&world, &first, NOW).await, verdict(&world, &other, NOW).await), (Ok(()), Ok(())));
    world.web.answer(&jwks_url(), 200, jwks(&[("one", &world.key)]));
    assert_eq!(world.issuer.fetch().await, Ok(1));
    assert_eq!(verdict(&world, &first, after(1)).await, Ok(()));
    assert_eq!(verdict(&world, &other, after(1)).await, Err("token-key-unknown"));
    world.web.answer(&jwks_url(), 200, r#"{"keys":[]}"#);
    assert!(world.issuer.fetch().await.is_err());
    assert_eq!(verdict(&world, &first, after(2)).await, Ok(()));
    let health = world.issuer.health();
    assert_eq!((health.unusable, health.unanswered), (1, 0));
}

#[tokio::test]
async fn of_two_keys_with_one_id_neither_is_used() {
    let world = World::new();
    let second = new_key();
    let third = new_key();
    world.web.answer(&jwks_url(), 200, jwks(&[("one", &world.key), ("one", &second), ("three", &third)]));
    for key in [&world.key, &second] {
        assert!(verdict(&world, &presented(&world, "one", key), NOW).await.is_err());
    }
    assert_eq!(verdict(&world, &presented(&world, "three", &third), NOW).await, Ok(()));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_provider_is_counted_and_decides_nothing() {
    let metadata = |issuer: &str| {
        json!({
            "issuer": issuer, "jwks_uri": jwks_url(),
            "authorization_endpoint": format!("{AUTHORITY}/a"), "token_endpoint": format!("{AUTHORITY}/t"),
        })
        .to_string()
    };
    for (url, status, body, unanswered, unusable) in [
        (jwks_url(), 200, "<html>".to_owned(), 0, 1),
        (jwks_url(), 200, String::new(), 0, 1),
        (jwks_url(), 302, String::new(), 1, 0),
        (jwks_url(), 503, String::new(), 1, 0),
        (discovery_url(), 200, metadata("https://login.microsoftonline.com/other/v2.0"), 1, 0),
        (discovery_url(), 200, metadata(&format!("{}/", v2_issuer())), 1, 0),
        (discovery_url(), 200, "{}".to_owned(), 1, 0),
    ] {
        let world = World::new();
        world.web.answer(&url, status, body.clone());
        let good = world.sign(&world.access_claims());
        assert_eq!(verdict(&world, &good, NOW).await, Err("unavailable"), "{url} {body}");
        let health = world.issuer.health();
        assert_eq!((health.unanswered, health.unusable), (unanswered, unusable), "{url} {body}");
        assert!(!world.issuer.ready());
    }
}

#[tokio::test]
async fn metadata_that_turn_wrong_leave_the_last_good_keys_in_force() {
    let world = World::new();
    let good = world.sign(&world.access_claims());
    assert_eq!(verdict(&world, &good, NOW).await, Ok(()));
    world.web.answer(&discovery_url(), 200, "{}");
    assert_eq!(world.issuer.fetch().await, Ok(1), "where the keys are is still known");
    assert_eq!(verdict(&world, &good, after(1)).await, Ok(()));
}
