//! Several tenants of Entra ID, or any.

use super::*;

const OTHER: &str = "dca11c8d-0000-4000-8000-00000000000b";
const STRANGER: &str = "dca11c8d-0000-4000-8000-00000000000c";
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

/// Metadata and keys as Microsoft serves them for many tenants. `owners` are the keys' `issuer`, `one` and up.
fn world(tenants: Tenants, owners: &[Option<&str>]) -> World {
    let kind = IssuerKind::Entra { tenants, authority: None, graph: None };
    let world = World::with(kind, &["api://podinfo"]);
    let keys = format!("{AUTHORITY}/organizations/discovery/v2.0/keys");
    let metadata = json!({
        "issuer": TEMPLATE, "jwks_uri": keys,
        "authorization_endpoint": format!("{AUTHORITY}/organizations/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{AUTHORITY}/organizations/oauth2/v2.0/token"),
    });
    let place = format!("{AUTHORITY}/organizations/v2.0/.well-known/openid-configuration");
    world.web.answer(&place, 200, metadata.to_string());
    let list: Vec<Value> = owners
        .iter()
        .zip(["one", "two"])
        .map(|(owner, kid)| {
            let mut jwk = world.key.public_jwk(kid);
            if let Some(owner) = owner {
                jwk["issuer"] = json!(owner);
            }
            jwk
        })
        .collect();
    world.web.answer(&keys, 200, json!({ "keys": list }).to_string());
    world
}

fn listed() -> Tenants {
    Tenants::Listed([TENANT.to_owned(), OTHER.to_owned()].into())
}

fn of(claims: Value, iss: &str, tid: &str) -> Value {
    with(with(claims, "iss", json!(iss)), "tid", json!(tid))
}

fn v2(tenant: &str) -> String {
    format!("{AUTHORITY}/{tenant}/v2.0")
}

fn v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// Through the bearer authenticator, which has to find the issuer first.
async fn bearer(world: &World, token: &str) -> Result<String, &'static str> {
    let bearer = crate::BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    match bearer.verify(token, NOW).await {
        Outcome::Authenticated(who) => Ok(who.identity().tenant.clone().unwrap()),
        Outcome::Rejected(refusal) => Err(refusal.reason().name),
        Outcome::NotMine(crate::NotMine::Unknown(refusal)) => Err(refusal.reason().name),
        _ => Err("undecided"),
    }
}

#[tokio::test]
async fn tokens_of_admitted_tenants_and_of_no_other_one() {
    for (tenants, others) in [(listed(), Err("issuer-unknown")), (Tenants::Any, Ok(STRANGER.to_owned()))] {
        let world = world(tenants.clone(), &[Some(TEMPLATE)]);
        for tenant in [TENANT, OTHER] {
            for iss in [v2(tenant), v1(tenant)] {
                let token = world.sign(&of(world.access_claims(), &iss, tenant));
                assert_eq!(bearer(&world, &token).await.as_deref(), Ok(tenant), "{iss}");
            }
        }
        let stranger = world.sign(&of(world.access_claims(), &v2(STRANGER), STRANGER));
        assert_eq!(bearer(&world, &stranger).await, others, "{tenants:?}");
        for iss in [TEMPLATE.to_owned(), v2("organizations"), format!("https://evil.example/{TENANT}/v2.0")] {
            let token = world.sign(&of(world.access_claims(), &iss, TENANT));
            assert!(bearer(&world, &token).await.is_err(), "{iss}");
        }
    }
}

#[tokio::test]
async fn the_tenant_of_iss_and_tid_must_be_one() {
    for tenants in [listed(), Tenants::Any] {
        let world = world(tenants, &[Some(TEMPLATE)]);
        for tid in [json!(OTHER), json!(STRANGER), Value::Null, json!([TENANT]), json!(TENANT.to_uppercase())] {
            let token = world.sign(&with(world.access_claims(), "tid", tid.clone()));
            assert_eq!(bearer(&world, &token).await, Err("tenant-mismatch"), "{tid}");
        }
    }
}

#[tokio::test]
async fn personal_accounts_are_of_no_organisation() {
    let token = |world: &World| world.sign(&of(world.access_claims(), &v2(CONSUMERS), CONSUMERS));
    let any = world(Tenants::Any, &[Some(TEMPLATE)]);
    assert_eq!(bearer(&any, &token(&any)).await, Err("tenant-not-admitted"));
    let listed = Tenants::Listed([CONSUMERS.to_owned()].into());
    let world = World::with(IssuerKind::Entra { tenants: listed, authority: None, graph: None }, &["api://podinfo"]);
    let metadata = json!({
        "issuer": TEMPLATE, "jwks_uri": jwks_url(),
        "authorization_endpoint": format!("{AUTHORITY}/a"), "token_endpoint": format!("{AUTHORITY}/t"),
    });
    let common = format!("{AUTHORITY}/common/v2.0/.well-known/openid-configuration");
    world.web.answer(&common, 200, metadata.to_string());
    assert_eq!(bearer(&world, &token(&world)).await.as_deref(), Ok(CONSUMERS));
}

#[tokio::test]
async fn a_key_of_one_tenant_does_not_vouch_for_another() {
    let world = world(Tenants::Any, &[Some(&v2(TENANT)), Some(TEMPLATE)]);
    let token = |kid: &str, tenant: &str, iss: &str| sign_as(kid, &world.key, &of(world.access_claims(), iss, tenant));
    for iss in [v2(TENANT), v1(TENANT)] {
        assert!(bearer(&world, &token("one", TENANT, &iss)).await.is_ok(), "{iss}");
    }
    for iss in [v2(OTHER), v1(OTHER)] {
        assert_eq!(bearer(&world, &token("one", OTHER, &iss)).await, Err("key-of-other-issuer"), "{iss}");
        assert!(bearer(&world, &token("two", OTHER, &iss)).await.is_ok(), "{iss}");
    }
    let nameless = world.key.sign(&serde_json::Map::new(), &world.access_claims()).unwrap();
    assert_eq!(bearer(&world, &nameless).await, Err("key-of-other-issuer"));
}

#[tokio::test]
async fn people_of_many_tenants_sign_in() {
    for (tenants, stranger) in [(listed(), Err("tenant-not-admitted")), (Tenants::Any, Ok(()))] {
        let world = world(tenants, &[Some(TEMPLATE)]);
        for tenant in [TENANT, OTHER] {
            let who = id_token(&world, &of(world.id_claims(), &v2(tenant), tenant)).await.unwrap();
            assert_eq!(who.identity().tenant.as_deref(), Some(tenant));
        }
        let mixed = id_token(&world, &of(world.id_claims(), &v2(TENANT), OTHER)).await;
        assert_eq!(mixed.unwrap_err(), "tenant-mismatch");
        let of_stranger = id_token(&world, &of(world.id_claims(), &v2(STRANGER), STRANGER)).await;
        assert_eq!(of_stranger.map(|_| ()), stranger);
    }
}

#[tokio::test]
async fn the_metadata_of_many_must_be_those_of_many() {
    let world = world(Tenants::Any, &[None]);
    let place = format!("{AUTHORITY}/organizations/v2.0/.well-known/openid-configuration");
    for issuer in [v2(TENANT), "https://login.microsoftonline.us/{tenantid}/v2.0".to_owned(), v2("organizations")] {
        let metadata = json!({
            "issuer": issuer, "jwks_uri": jwks_url(),
            "authorization_endpoint": format!("{AUTHORITY}/a"), "token_endpoint": format!("{AUTHORITY}/t"),
        });
        world.web.answer(&place, 200, metadata.to_string());
        assert!(world.issuer.fetch().await.is_err(), "{issuer}");
    }
}
