//! What a reload keeps.

use super::*;
use crate::Authenticator as _;
use crate::testing::with;

#[tokio::test]
async fn an_issuer_whose_keys_are_where_they_were_keeps_them() {
    let world = World::new();
    let token = sign_as("one", &world.key, &claims());
    let first = world.authenticator(&json!([entry(URL)]));
    let before = judged(first.verify(&token, NOW).await).unwrap();
    // From here on the issuer is down.
    world.web.down(&discovery(URL));
    world.web.down(&format!("{URL}/jwks"));
    let mut stricter = entry(URL);
    stricter["claimMappings"]["username"]["prefix"] = json!("oidc:");
    stricter["issuer"]["audiences"] = json!(["kubernetes", "more"]);
    stricter["issuer"]["audienceMatchPolicy"] = json!("MatchAny");
    let second = world.reloaded(&json!([entry("https://new.example.com"), stricter.clone()]), Some(&first));
    assert_eq!(judged(second.verify(&token, after(1)).await).unwrap().identity().username, "oidc:ada");
    assert_eq!(second.health().iter().map(|source| source.ready).collect::<Vec<_>>(), [false, true]);
    assert!(before.holds(after(1)), "the keys did not change");
    assert_ne!(first.hash(), second.hash());
    // What the way to the keys depends on did change.
    stricter["issuer"]["discoveryURL"] = json!("https://inside.example.com/openid");
    let third = world.reloaded(&json!([stricter]), Some(&second));
    assert_eq!(name(judged(third.verify(&token, after(2)).await)), "unavailable: keys-unavailable");
}

#[tokio::test]
async fn an_issuer_that_is_taken_out_is_unknown() {
    let world = World::new();
    let token = sign_as("one", &world.key, &claims());
    let first = world.authenticator(&json!([entry(URL)]));
    judged(first.verify(&token, NOW).await).unwrap();
    let second = world.reloaded(&json!([]), Some(&first));
    assert_eq!(name(judged(second.verify(&token, NOW).await)), "unknown: kubernetes-issuer-not-listed");
    let other = sign_as("one", &world.key, &with(claims(), "aud", json!("other")));
    let third = world.reloaded(&json!([entry(URL)]), Some(&second));
    assert_eq!(name(judged(third.verify(&other, NOW).await)), "token-audience-mismatch");
}
