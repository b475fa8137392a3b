//! Users that are made of claims alone, and what becomes of odd tokens.

use super::*;
use crate::testing::with;

#[tokio::test]
async fn a_user_is_what_the_file_says_and_nothing_else() {
    let entry = mapped(json!({
        "username": { "claim": "sub", "prefix": "oidc:" },
        "groups": { "claim": "groups", "prefix": "g:" },
        "uid": { "claim": "oid" },
    }));
    let claims = with(with(claims(), "oid", json!("7")), "jti", json!("token-1"));
    let who = World::new().judge(&entry, &claims).await.unwrap();
    let identity = who.identity();
    assert_eq!((identity.username.as_str(), identity.uid.as_deref()), ("oidc:ada", Some("7")));
    assert_eq!(identity.groups, ["g:dev", "g:ops"]);
    assert_eq!(identity.extra, [(super::user::CREDENTIAL_ID.to_owned(), vec!["JTI=token-1".to_owned()])].into());
    assert_eq!((identity.issuer.as_str(), identity.issuer_url.as_str()), ("cluster", URL));
    assert_eq!((identity.email.as_deref(), identity.audiences.as_slice()), (None, &["kubernetes".to_owned()][..]));
    assert_eq!((who.method().name(), who.expires()), ("bearer", Some(after(3600))));
}

#[tokio::test]
async fn the_kinds_of_values_that_mappings_take() {
    let world = World::new();
    let username = mapped(json!({ "username": { "claim": "name", "prefix": "" } }));
    for (value, wanted) in [
        (json!("ada"), Ok("ada")),
        (json!("é"), Ok("é")),
        (json!(""), Err("kubernetes-value-unusable")),
        (json!(" ada"), Err("kubernetes-value-unusable")),
        (json!("a\nb"), Err("kubernetes-value-unusable")),
        (json!("x".repeat(1025)), Err("kubernetes-value-unusable")),
        (json!(1), Err("kubernetes-claim-unusable")),
        (json!(["ada"]), Err("kubernetes-claim-unusable")),
        (Value::Null, Err("kubernetes-claim-missing")),
    ] {
        let judged = world.judge(&username, &with(claims(), "name", value.clone())).await;
        let found = judged.as_ref().map(|who| who.identity().username.as_str()).map_err(String::as_str);
        assert_eq!(found, wanted, "{value}");
    }
    let groups = mapped(json!({
        "username": { "claim": "sub", "prefix": "" }, "groups": { "claim": "groups", "prefix": "" },
    }));
    for (value, wanted) in [
        (json!("dev"), Ok(vec!["dev"])),
        (json!(["dev", "ops", "dev"]), Ok(vec!["dev", "ops", "dev"])),
        (json!([]), Ok(vec![])),
        (json!(["", "dev"]), Ok(vec!["dev"])),
        (Value::Null, Ok(vec![])),
        (json!(["dev", 1]), Err("kubernetes-claim-unusable")),
        (json!(["dev", null]), Err("kubernetes-claim-unusable")),
        (json!([["dev"]]), Err("kubernetes-claim-unusable")),
        (json!({}), Err("kubernetes-claim-unusable")),
        (json!(true), Err("kubernetes-claim-unusable")),
        (json!(["dev "]), Err("kubernetes-value-unusable")),
        (json!(["a\u{0}"]), Err("kubernetes-value-unusable")),
        (vec!["g"; 10_001].into(), Err("kubernetes-value-unusable")),
    ] {
        let judged = world.judge(&groups, &with(claims(), "groups", value.clone())).await;
        let found = judged.as_ref().map(|who| who.identity().groups.iter().map(String::as_str).collect());
        assert_eq!(found.map_err(String::as_str), wanted);
    }
    let uid = mapped(json!({ "username": { "claim": "sub", "prefix": "" }, "uid": { "claim": "oid" } }));
    for (value, wanted) in
        [(json!("7"), "accepted"), (json!(7), "kubernetes-claim-unusable"), (Value::Null, "kubernetes-claim-missing")]
    {
        assert_eq!(name(world.judge(&uid, &with(claims(), "oid", value)).await), wanted);
    }
    let null = r#"{"iss":"https://login.example.com","aud":"kubernetes","exp":9999999999,"sub":"ada","groups":null,"oid":null}"#;
    let null: Value = serde_json::from_str(null).unwrap();
    assert!(world.judge(&groups, &null).await.unwrap().identity().groups.is_empty());
    assert_eq!(name(world.judge(&uid, &null).await), "kubernetes-claim-unusable");
}

#[tokio::test]
async fn an_address_is_a_name_only_if_nobody_says_that_it_is_not_verified() {
    let world = World::new();
    let email = mapped(json!({ "username": { "claim": "email", "prefix": "" } }));
    for (verified, wanted) in [
        (Value::Null, "accepted"),
        (json!(true), "accepted"),
        (json!(false), "kubernetes-email-unverified"),
        (json!("true"), "kubernetes-email-unverified"),
        (json!(1), "kubernetes-email-unverified"),
    ] {
        assert_eq!(name(world.judge(&email, &with(claims(), "email_verified", verified)).await), wanted);
    }
    let other = mapped(json!({ "username": { "claim": "sub", "prefix": "" } }));
    assert!(world.judge(&other, &with(claims(), "email_verified", json!(false))).await.is_ok());
}

#[tokio::test]
async fn required_claims_are_strings_and_equal() {
    let world = World::new();
    let mut rules = entry(URL);
    rules["claimValidationRules"] = json!([{ "claim": "hd", "requiredValue": "example.com" }, { "claim": "empty" }]);
    let good = with(with(claims(), "hd", json!("example.com")), "empty", json!(""));
    assert_eq!(name(world.judge(&rules, &good).await), "accepted");
    for (claim, value) in [
        ("hd", json!("Example.com")),
        ("hd", json!(["example.com"])),
        ("hd", Value::Null),
        ("empty", json!("x")),
        ("empty", Value::Null),
    ] {
        let judged = world.judge(&rules, &with(good.clone(), claim, value.clone())).await;
        assert_eq!(name(judged), "kubernetes-required-claim-mismatch", "{claim} {value}");
    }
    // What cannot be mapped is said first.
    let judged = world.judge(&rules, &with(with(good, "sub", Value::Null), "hd", json!("x"))).await;
    assert_eq!(name(judged), "kubernetes-claim-missing");
}

#[tokio::test]
async fn names_of_kubernetes_come_from_nobody_unless_the_embedding_says_so() {
    let mut world = World::new();
    let groups = mapped(json!({
        "username": { "claim": "sub", "prefix": "" }, "groups": { "claim": "groups", "prefix": "" },
    }));
    let admin = with(claims(), "sub", json!("system:admin"));
    let masters = with(claims(), "groups", json!(["dev", "system:masters"]));
    let prefixed = mapped(json!({ "username": { "claim": "sub", "prefix": "system:" } }));
    for (entry, claims) in [(&groups, &admin), (&groups, &masters), (&prefixed, &claims())] {
        assert_eq!(name(world.judge(entry, claims).await), "kubernetes-name-reserved");
    }
    let behind = mapped(json!({ "username": { "claim": "sub", "prefix": "oidc:" } }));
    assert_eq!(world.judge(&behind, &admin).await.unwrap().identity().username, "oidc:system:admin");
    world.policy.reserved_names = ReservedNames::Allow;
    assert_eq!(world.judge(&groups, &masters).await.unwrap().identity().groups, ["dev", "system:masters"]);
}

#[tokio::test]
async fn audiences_are_any_of_and_exact() {
    let world = World::new();
    let mut several = entry(URL);
    several["issuer"]["audiences"] = json!(["kubernetes", "other"]);
    several["issuer"]["audienceMatchPolicy"] = json!("MatchAny");
    for (aud, wanted) in [
        (json!("kubernetes"), "accepted"),
        (json!("other"), "accepted"),
        (json!(["x", "other", "y"]), "accepted"),
        (json!("kubernete"), "token-audience-mismatch"),
        (json!("Kubernetes"), "token-audience-mismatch"),
        (json!("kubernetes/"), "token-audience-mismatch"),
        (json!([]), "token-audience-missing"),
        (Value::Null, "token-audience-missing"),
        (json!(["kubernetes", 1]), "token-claim-malformed"),
    ] {
        assert_eq!(name(world.judge(&several, &with(claims(), "aud", aud.clone())).await), wanted, "{aud}");
    }
}

#[tokio::test]
async fn times_are_kubernetes_own_or_stricter() {
    let world = World::new();
    let now = NOW.as_secs();
    for (claim, value, wanted) in [
        ("exp", json!(now + 1), "accepted"),
        ("exp", json!(now), "token-expired"),
        ("exp", json!(now - 1), "token-expired"),
        ("exp", json!(now as f64 + 1.9), "accepted"),
        ("exp", json!((now + 60).to_string()), "token-claim-malformed"),
        ("exp", json!(-1), "token-claim-malformed"),
        ("exp", Value::Null, "token-expiry-missing"),
        ("nbf", json!(now + 60), "accepted"),
        ("nbf", json!(now + 61), "token-not-yet-valid"),
        ("iat", json!(now + 60), "accepted"),
        ("iat", json!(now + 61), "token-issued-in-future"),
    ] {
        let judged = world.judge(&entry(URL), &with(claims(), claim, value.clone())).await;
        assert_eq!(name(judged), wanted, "{claim} {value}");
    }
}

#[tokio::test]
async fn id_tokens_and_tokens_without_subject_are_taken_and_bound_ones_are_not() {
    let world = World::new();
    let by_email = mapped(json!({ "username": { "claim": "email", "prefix": "" } }));
    for (claim, value, wanted) in [
        ("nonce", json!("n"), "accepted"),
        ("at_hash", json!("h"), "accepted"),
        ("azp", json!("somebody else"), "accepted"),
        ("sub", Value::Null, "accepted"),
        ("cnf", json!({ "jkt": "x" }), "token-proof-required"),
        ("jti", json!(7), "token-claim-malformed"),
    ] {
        assert_eq!(name(world.judge(&by_email, &with(claims(), claim, value)).await), wanted, "{claim}");
    }
}

#[tokio::test]
async fn all_nine_algorithms_and_no_other() {
    let world = World::new();
    let authenticator = world.authenticator(&json!([entry(URL)]));
    for (i, algorithm) in Algorithm::ALL.into_iter().enumerate() {
        let key = new_key_of(algorithm);
        world.web.answer(&format!("{URL}/jwks"), 200, jwks(&[("one", &key)]));
        let judged = judged(authenticator.verify(&sign_as("one", &key, &claims()), after(100 * i as u64)).await);
        let wanted = if algorithm == Algorithm::EdDSA { "token-algorithm-not-allowed" } else { "accepted" };
        assert_eq!(name(judged), wanted, "{}", algorithm.name());
    }
}

/// A token with this header and payload, and no good signature.
fn forged(header: &str, payload: &str) -> String {
    use base64::Engine as _;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(header), part(payload), part("signature"))
}

#[tokio::test]
async fn a_bad_token_of_ours_is_refused_and_one_of_nobody_skipped() {
    let world = World::new();
    let authenticator = world.authenticator(&json!([entry(URL)]));
    let good = claims().to_string();
    let iss_twice = good.replacen('{', &format!("{{\"iss\":\"{URL}\","), 1);
    for (token, wanted) in [
        (forged("{\"alg\":\"none\"}", &good), "token-algorithm-none"),
        (forged("{\"alg\":\"HS256\"}", &good), "token-algorithm-unknown"),
        (forged("{\"alg\":\"ES256\",\"crit\":[\"b64\"]}", &good), "token-critical-extension"),
        (forged("{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}", &good), "token-type-mismatch"),
        (forged("{\"alg\":\"ES256\"}", &good), "token-signature-invalid"),
        (forged("{\"alg\":\"ES256\"}", &iss_twice), "token-payload-malformed"),
        (forged("not json", &good), "token-header-malformed"),
        (forged("{\"alg\":\"none\"}", "{\"iss\":\"https://other\"}"), "unknown: token-algorithm-none"),
        (forged("{\"alg\":\"ES256\"}", "{\"iss\":\"https://other\"}"), "unknown: kubernetes-issuer-not-listed"),
        (forged("{\"alg\":\"ES256\"}", "{}"), "unknown: kubernetes-issuer-not-listed"),
        ("opaque".to_owned(), "unknown: token-not-compact"),
        ("a.b.c.d.e".to_owned(), "unknown: token-encrypted"),
        ("{\"payload\":\"\"}".to_owned(), "unknown: token-not-compact"),
        ("a".repeat(70_000), "unknown: token-too-large"),
    ] {
        assert_eq!(name(judged(authenticator.verify(&token, NOW).await)), wanted);
    }
    let asked = world.web.asked.lock().unwrap().len();
    assert_eq!(asked, 2, "only a signature asks for keys: metadata and keys, once");
}
