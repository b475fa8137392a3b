//! The rules that the configuration states: each lets through what meets it, and names itself to what does not.

use super::*;
use crate::ClaimName;

fn settings() -> IssuerSettings {
    IssuerSettings {
        audiences: vec!["api://podinfo".to_owned(), CLIENT.to_owned()],
        ..IssuerSettings::new("corp", IssuerKind::tenant(TENANT))
    }
}

fn world(rules: ClaimRules) -> World {
    World::of(IssuerSettings { rules, ..settings() })
}

fn required(claim: &str, any_of: &[&str]) -> ClaimRules {
    let any_of = any_of.iter().map(|value| (*value).to_owned()).collect();
    let required = RequiredClaim { claim: ClaimName::parse(claim).unwrap(), any_of };
    ClaimRules { required_claims: vec![required], ..ClaimRules::default() }
}

async fn verdict(world: &World, claims: Value) -> Result<(), &'static str> {
    access_token(world, &claims).await.map(|_| ())
}

#[tokio::test]
async fn a_required_claim_is_a_string_or_in_an_array() {
    let world = world(required("amr", &["mfa", "hwk"]));
    let amr = |value: Value| with(world.access_claims(), "amr", value);
    for good in [json!("mfa"), json!(["pwd", "mfa"]), json!(["hwk"])] {
        assert_eq!(verdict(&world, amr(good.clone())).await, Ok(()), "{good}");
    }
    for bad in [
        Value::Null,
        json!("pwd"),
        json!("mf"),
        json!("mfa "),
        json!("MFA"),
        json!([]),
        json!(["pwd"]),
        json!([["mfa"]]),
        json!(["mfa", 1]),
        json!({ "mfa": true }),
        json!(true),
    ] {
        assert_eq!(verdict(&world, amr(bad.clone())).await, Err("claim-required"), "{bad}");
    }
}

#[tokio::test]
async fn a_required_claim_can_stand_inside_one_and_holds_for_sign_ins_too() {
    let world = world(required("/org/unit", &["eng"]));
    let unit = |claims: Value, unit: &str| with(claims, "org", json!({ "unit": unit }));
    assert_eq!(verdict(&world, unit(world.access_claims(), "eng")).await, Ok(()));
    assert_eq!(verdict(&world, unit(world.access_claims(), "ops")).await, Err("claim-required"));
    assert!(id_token(&world, &unit(world.id_claims(), "eng")).await.is_ok());
    assert_eq!(id_token(&world, &unit(world.id_claims(), "ops")).await.unwrap_err(), "claim-required");
}

#[tokio::test]
async fn clients_scopes_and_roles() {
    let one = |list: &str| vec![list.to_owned()];
    let world = world(ClaimRules {
        allowed_clients: vec!["other".to_owned(), CLIENT.to_owned()],
        required_scopes: ["read", "write"].map(str::to_owned).to_vec(),
        required_roles: one("Admin"),
        ..ClaimRules::default()
    });
    let claims = || world.access_claims();
    assert_eq!(verdict(&world, claims()).await, Ok(()));
    let v1 = with(with(claims(), "azp", Value::Null), "appid", json!("other"));
    assert_eq!(verdict(&world, v1).await, Ok(()));
    for (claim, value, refusal) in [
        ("azp", json!("stranger"), "client-not-allowed"),
        ("scp", json!("read"), "scope-missing"),
        ("scp", Value::Null, "scope-missing"),
        ("scp", json!("readwrite"), "scope-missing"),
        ("roles", json!(["Reader"]), "role-missing"),
        ("roles", Value::Null, "role-missing"),
    ] {
        assert_eq!(verdict(&world, with(claims(), claim, value.clone())).await, Err(refusal), "{claim} {value}");
    }
    // Of who signs in at our own client nothing but the role is asked.
    assert_eq!(id_token(&world, &world.id_claims()).await.unwrap_err(), "role-missing");
    assert!(id_token(&world, &with(world.id_claims(), "roles", json!(["Admin"]))).await.is_ok());
}

#[tokio::test]
async fn a_refusal_tells_what_was_found_and_what_would_do() {
    let world = world(required("department", &["eng", "ops"]));
    let token = world.sign(&with(world.access_claims(), "department", json!("sales\r\n")));
    let Outcome::Rejected(refusal) = world.issuer.verify_access_token(&token, NOW).await else { panic!("accepted") };
    assert_eq!(refusal.to_string(), "claim department is sales\\r\\n, wanted: eng, ops");
}

#[tokio::test]
async fn the_leeway_is_the_configured_one_at_both_ends() {
    for (leeway, late) in [(0, 0), (300, 299)] {
        let world = World::of(IssuerSettings { leeway: Duration::from_secs(leeway), ..settings() });
        let at = |claim: &str, at: u64| with(world.access_claims(), claim, json!(at));
        let now = NOW.as_secs();
        let end = access_token(&world, &at("exp", now + 1 - leeway)).await.unwrap().expires().unwrap();
        assert_eq!(end, after(1), "the evidence ends when the token would be refused");
        assert_eq!(verdict(&world, at("exp", now - leeway)).await, Err("token-expired"));
        assert_eq!(verdict(&world, at("nbf", now + late)).await, Ok(()));
        assert_eq!(verdict(&world, at("nbf", now + leeway + 1)).await, Err("token-not-yet-valid"));
    }
}

#[tokio::test]
async fn an_id_token_is_a_bearer_token_only_where_that_was_said() {
    let strict = world(ClaimRules::default());
    assert_eq!(verdict(&strict, strict.id_claims()).await, Err("token-id-token-presented"));
    let unmarked = with(strict.id_claims(), "nonce", Value::Null);
    assert_eq!(verdict(&strict, unmarked.clone()).await, Err("token-not-for-access"));
    let lenient = World::of(IssuerSettings { accept_id_tokens: true, ..settings() });
    for claims in [lenient.id_claims(), unmarked, lenient.access_claims()] {
        assert_eq!(verdict(&lenient, claims).await, Ok(()));
    }
    for (claim, value, refusal) in [
        ("aud", json!("another-client"), "token-audience-mismatch"),
        ("sub", Value::Null, "claim-missing"),
        ("cnf", json!({ "jkt": "x" }), "token-proof-required"),
        ("tid", json!("x"), "tenant-mismatch"),
    ] {
        let claims = with(lenient.id_claims(), claim, value);
        assert_eq!(verdict(&lenient, claims).await, Err(refusal), "{claim}");
    }
}
