mod keys;
mod provider;
mod rules;
mod tenants;

use gangplank_jose::SigningKey;
use serde_json::{Value, json};

use super::*;
use crate::testing::{
    AUTHORITY, CLIENT, NOW, TENANT, World, discovery_url, jwks, jwks_url, new_key, sign_as, v2_issuer, with,
};

fn after(seconds: u64) -> UnixTime {
    NOW + Duration::from_secs(seconds)
}

async fn id_token(world: &World, claims: &Value) -> Result<SignedIn, &'static str> {
    let token = world.sign(claims);
    world.issuer.verify_id_token(&token, CLIENT, Some("n-1"), NOW).await.map_err(|d| d.refusal().reason().name)
}

async fn access_token(world: &World, claims: &Value) -> Result<Authenticated, &'static str> {
    judged(world.issuer.verify_access_token(&world.sign(claims), NOW).await)
}

fn judged(outcome: Outcome) -> Result<Authenticated, &'static str> {
    match outcome {
        Outcome::Authenticated(who) => Ok(who),
        Outcome::Rejected(refusal) => Err(refusal.reason().name),
        Outcome::Unavailable(_) => Err("unavailable"),
        Outcome::NotMine(_) => Err("not mine"),
    }
}

#[tokio::test]
async fn a_sign_in_becomes_an_identity() {
    let world = World::new();
    let who = id_token(&world, &world.id_claims()).await.unwrap();
    assert_eq!(who.identity().username, "ada@corp.example");
    assert_eq!((who.identity().issuer.as_str(), who.identity().issuer_url.as_str()), ("corp", v2_issuer().as_str()));
    assert_eq!((who.identity().uid.as_deref(), who.identity().tenant.as_deref()), (Some("oid-1"), Some(TENANT)));
    assert_eq!((who.identity().groups.len(), who.groups_unresolved()), (2, false));
    assert_eq!(who.token_expires(), after(3600));
    assert!(!who.identity().email_verified, "Entra lets people edit it");
}

#[tokio::test]
async fn the_nonce_must_be_the_one_that_was_sent() {
    let world = World::new();
    for nonce in [json!("n-2"), json!(""), json!("n-1 "), Value::Null, json!(["n-1"])] {
        assert_eq!(id_token(&world, &with(world.id_claims(), "nonce", nonce)).await.unwrap_err(), "nonce-mismatch");
    }
    let refreshed = world.sign(&with(world.id_claims(), "nonce", Value::Null));
    assert!(world.issuer.verify_id_token(&refreshed, CLIENT, None, NOW).await.is_ok());
}

#[tokio::test]
async fn the_authorized_party_must_be_the_client() {
    let world = World::new();
    let two = with(world.id_claims(), "aud", json!([CLIENT, "other"]));
    assert_eq!(id_token(&world, &two).await.unwrap_err(), "authorized-party-mismatch");
    assert!(id_token(&world, &with(two.clone(), "azp", json!(CLIENT))).await.is_ok());
    for azp in [json!("other"), json!(7)] {
        assert_eq!(
            id_token(&world, &with(two.clone(), "azp", azp.clone())).await.unwrap_err(),
            "authorized-party-mismatch"
        );
        let one = with(world.id_claims(), "azp", azp);
        assert_eq!(id_token(&world, &one).await.unwrap_err(), "authorized-party-mismatch");
    }
}

#[tokio::test]
async fn an_id_token_for_another_client_is_refused() {
    let world = World::new();
    assert!(id_token(&world, &with(world.id_claims(), "aud", json!("api://podinfo"))).await.is_err());
}

#[tokio::test]
async fn v1_and_v2_tokens_of_the_tenant_and_of_no_other() {
    let world = World::new();
    let v1 = with(world.access_claims(), "iss", json!(format!("https://sts.windows.net/{TENANT}/")));
    assert!(access_token(&world, &v1).await.is_ok());
    for iss in [
        "https://sts.windows.net/other/",
        &format!("https://sts.windows.net/{TENANT}"),
        &format!("{AUTHORITY}/{TENANT}/v2.0/"),
    ] {
        assert!(access_token(&world, &with(world.access_claims(), "iss", json!(iss))).await.is_err(), "{iss}");
    }
    for tid in [json!("dca11c8d-0000-4000-8000-00000000000b"), Value::Null, json!([TENANT])] {
        assert_eq!(
            access_token(&world, &with(world.access_claims(), "tid", tid.clone())).await.unwrap_err(),
            "tenant-mismatch"
        );
        assert_eq!(id_token(&world, &with(world.id_claims(), "tid", tid)).await.unwrap_err(), "tenant-mismatch");
    }
}

#[tokio::test]
async fn an_access_token_becomes_an_identity() {
    let world = World::new();
    let who = access_token(&world, &world.access_claims()).await.unwrap();
    assert_eq!((who.method(), who.expires()), (Method::Bearer, Some(after(3660))));
    assert_eq!(who.identity().scopes, ["read", "write"]);
    assert_eq!(
        (who.identity().roles.as_slice(), who.identity().client.as_deref()),
        (&["Admin".to_owned()][..], Some(CLIENT))
    );
}

#[tokio::test]
async fn an_id_token_is_no_access_token_even_with_its_audience_configured() {
    let world = World::with(IssuerKind::tenant(TENANT), &[CLIENT]);
    assert!(access_token(&world, &world.id_claims()).await.is_err());
    let without_nonce = with(world.id_claims(), "nonce", Value::Null);
    assert_eq!(access_token(&world, &without_nonce).await.unwrap_err(), "token-not-for-access");
}

#[tokio::test]
async fn without_audiences_no_access_token_is_accepted() {
    let world = World::with(IssuerKind::tenant(TENANT), &[]);
    assert_eq!(access_token(&world, &world.access_claims()).await.unwrap_err(), "audience-none-configured");
    assert!(world.web.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_plain_issuer_needs_no_tenant_and_no_client() {
    let world = World::with(IssuerKind::open_id(v2_issuer()), &["api://podinfo"]);
    let claims = with(with(world.access_claims(), "tid", Value::Null), "azp", Value::Null);
    assert!(access_token(&world, &claims).await.is_ok());
    assert_eq!(world.issuer.accepted_issuers(), [v2_issuer()]);
    assert_eq!(world.issuer.default_scopes(), ["openid", "profile", "email", "offline_access"]);
}

#[tokio::test]
async fn no_network_while_keys_are_fresh() {
    let world = World::new();
    for _ in 0..5 {
        access_token(&world, &world.access_claims()).await.unwrap();
    }
    assert_eq!((world.web.count(&jwks_url()), world.web.count(&discovery_url())), (1, 1));
}

#[tokio::test]
async fn a_token_that_fails_by_itself_asks_nobody() {
    let world = World::new();
    for token in ["", "a.b.c", &world.sign(&with(world.access_claims(), "iss", json!("https://other")))] {
        assert!(judged(world.issuer.verify_access_token(token, NOW).await).is_err());
    }
    assert!(world.web.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_rotated_key_is_accepted_at_once_also_under_the_same_id() {
    let world = World::new();
    access_token(&world, &world.access_claims()).await.unwrap();
    for (kid, at) in [("two", 1), ("one", 100)] {
        let key = new_key();
        world.web.answer(&jwks_url(), 200, jwks(&[(kid, &key)]));
        let token = sign_as(kid, &key, &world.access_claims());
        judged(world.issuer.verify_access_token(&token, after(at)).await).unwrap();
        assert!(
            judged(world.issuer.verify_access_token(&world.sign(&world.access_claims()), after(at + 1)).await).is_err()
        );
    }
}

#[tokio::test]
async fn bad_signatures_and_unknown_keys_cost_one_fetch_while_good_tokens_flow() {
    let world = World::new();
    let good = world.sign(&world.access_claims());
    judged(world.issuer.verify_access_token(&good, NOW).await).unwrap();
    let stranger = new_key();
    for i in 0..500 {
        let kid = if i % 2 == 0 { "one".to_owned() } else { format!("unknown-{i}") };
        let bad = sign_as(&kid, &stranger, &world.access_claims());
        let name = judged(world.issuer.verify_access_token(&bad, after(i / 10)).await).unwrap_err();
        assert_ne!(name, "unavailable");
        judged(world.issuer.verify_access_token(&good, after(i / 10)).await).unwrap();
    }
    assert_eq!(world.web.count(&jwks_url()), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_hide_a_rotation_from_sign_ins_and_refreshes() {
    let world = World::new();
    id_token(&world, &world.id_claims()).await.unwrap();
    let flood = sign_as("unknown", &new_key(), &world.access_claims());
    assert!(judged(world.issuer.verify_access_token(&flood, after(1)).await).is_err());
    let key = new_key();
    world.web.answer(&jwks_url(), 200, jwks(&[("two", &key)]));
    let token = sign_as("two", &key, &world.id_claims());
    assert!(world.issuer.verify_id_token(&token, CLIENT, None, after(2)).await.is_ok());
    // What the provider itself sends is bounded, too.
    for i in 0..100 {
        let other = sign_as("three", &new_key(), &world.id_claims());
        assert!(world.issuer.verify_id_token(&other, CLIENT, None, after(3 + i / 10)).await.is_err());
    }
    assert_eq!(world.web.count(&jwks_url()), 3);
}

#[tokio::test]
async fn an_outage_is_unavailable_for_the_unknown_and_nothing_for_the_known() {
    let world = World::new();
    let good = world.sign(&world.access_claims());
    judged(world.issuer.verify_access_token(&good, NOW).await).unwrap();
    world.web.down(&jwks_url());
    let unknown = sign_as("two", &new_key(), &world.access_claims());
    assert_eq!(judged(world.issuer.verify_access_token(&unknown, after(1)).await).unwrap_err(), "unavailable");
    let forged = sign_as("one", &new_key(), &world.access_claims());
    assert_ne!(judged(world.issuer.verify_access_token(&forged, after(2)).await).unwrap_err(), "unavailable");
    judged(world.issuer.verify_access_token(&good, after(3)).await).unwrap();
    let later = with(world.access_claims(), "exp", json!(NOW.as_secs() + 100_000));
    let outcome = world.issuer.verify_access_token(&world.sign(&later), after(24 * 3600)).await;
    assert_eq!(judged(outcome).unwrap_err(), "unavailable");
}

#[tokio::test]
async fn a_provider_that_is_down_from_the_start_is_unavailable() {
    let world = World::new();
    world.web.down(&discovery_url());
    assert!(!world.issuer.ready());
    assert_eq!(access_token(&world, &world.access_claims()).await.unwrap_err(), "unavailable");
    assert!(world.issuer.health().last_error.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_loop_retries_soon_and_refreshes_every_quarter_of_an_hour() {
    let world = World::new();
    world.web.down(&discovery_url());
    let task = tokio::spawn(Arc::clone(&world.issuer).keep_fresh());
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(world.web.count(&discovery_url()), 2, "at 0 s and about 1 s");
    let metadata = json!({
        "issuer": v2_issuer(), "jwks_uri": jwks_url(),
        "authorization_endpoint": format!("{AUTHORITY}/a"), "token_endpoint": format!("{AUTHORITY}/t"),
    });
    world.web.answer(&discovery_url(), 200, metadata.to_string());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(world.issuer.ready());
    assert_eq!(world.issuer.health().keys, 1);
    let before = world.web.count(&jwks_url());
    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
    let fetched = world.web.count(&jwks_url()) - before;
    assert!((10..=14).contains(&fetched), "{fetched}");
    task.abort();
}

#[tokio::test]
async fn an_overage_is_completed_by_graph_and_never_by_the_address_in_the_token() {
    let world = World::new();
    let claims = with(with(world.id_claims(), "groups", Value::Null), "_claim_names", json!({ "groups": "src1" }));
    let claims = with(claims, "_claim_sources", json!({ "src1": { "endpoint": "http://169.254.169.254/latest" } }));
    let signed_in = id_token(&world, &claims).await.unwrap();
    assert!(signed_in.groups_unresolved());
    let graph = "https://graph.microsoft.com/v1.0/me/getMemberObjects";
    world.web.answer(graph, 200, r#"{"value":["g7"]}"#);
    let complete = world.issuer.complete_groups(signed_in, None, &SecretString::from("t"), NOW).await.unwrap();
    assert_eq!((complete.identity().groups.as_slice(), complete.groups_unresolved()), (&["g7".to_owned()][..], false));
    let asked: Vec<String> = world.web.asked.lock().unwrap().iter().map(|a| a.url.clone()).collect();
    assert!(asked.iter().all(|url| !url.contains("169.254")), "{asked:?}");
    let again = world.issuer.complete_groups(complete, None, &SecretString::from("t"), NOW).await.unwrap();
    assert_eq!((again.identity().groups.len(), world.web.count(graph)), (1, 1));
}

#[tokio::test]
async fn an_access_token_with_overage_has_no_groups_and_says_so() {
    let world = World::new();
    let claims = with(with(world.access_claims(), "groups", Value::Null), "hasgroups", json!(true));
    let who = access_token(&world, &claims).await.unwrap();
    assert!(who.identity().groups.is_empty() && who.identity().groups_unresolved);
}

#[tokio::test]
async fn entra_as_a_plain_issuer_vouches_for_no_address_either() {
    let world = World::with(IssuerKind::open_id(v2_issuer()), &["api://podinfo"]);
    let claims = with(world.access_claims(), "email", json!("ceo@corp.example"));
    assert!(!access_token(&world, &claims).await.unwrap().identity().email_verified);
}
