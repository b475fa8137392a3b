//! What is in the tokens, and how refresh tokens live.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use gangplank_idp::{API_ID, API_V1_ID, GRAPH_ID, PUBLIC_CLIENT_ID, RefreshReuse, TENANT_ID, WEB_APP_ID};
use gangplank_jose::{Claims, Purpose, Unverified};
use http::StatusCode;
use serde_json::json;
use support::*;

fn access(user: &str, scopes: &str) -> Claims {
    let tenant = tenant();
    let token = tenant.mint_access_token(user, WEB_APP_ID, scopes, NOW).unwrap();
    Unverified::parse(&token).unwrap().claims_unverified().clone()
}

#[test]
fn an_access_token_has_the_shape_that_the_api_asks_for() {
    let v2 = access("alice", "api://podinfo/read");
    assert_eq!((v2.str("ver"), v2.audiences()), (Some("2.0"), &[API_ID.to_owned()][..]));
    assert_eq!(v2.issuer(), Some(format!("{BASE}/{TENANT_ID}/v2.0").as_str()));
    assert_eq!((v2.str("azp"), v2.str("azpacr"), v2.get("appid")), (Some(WEB_APP_ID), Some("1"), None));
    assert_eq!((v2.str("preferred_username"), v2.get("upn")), (Some("alice@dev.test"), None));
    assert_eq!((v2.str("scp"), v2.strings("roles")), (Some("read"), Some(vec!["Reader", "Writer"])));
    let v1 = access("alice", "api://podinfo-v1/.default");
    assert_eq!((v1.str("ver"), v1.audiences()), (Some("1.0"), &["api://podinfo-v1".to_owned()][..]));
    assert_eq!(v1.issuer(), Some(format!("{BASE}/{TENANT_ID}/").as_str()));
    assert_eq!((v1.str("appid"), v1.str("appidacr"), v1.get("azp")), (Some(WEB_APP_ID), Some("1"), None));
    assert_eq!((v1.str("upn"), v1.str("unique_name")), (Some("alice@dev.test"), Some("alice@dev.test")));
    assert_eq!(v1.str("scp"), Some("access_as_user read"));
    let by_guid = access("alice", &format!("{API_V1_ID}/read"));
    assert_eq!(by_guid.audiences(), [API_V1_ID.to_owned()]);
}

#[test]
fn the_subject_is_pairwise_and_the_object_id_is_not() {
    let (one, other) = (access("alice", "api://podinfo/read"), access("alice", "api://podinfo-v1/read"));
    assert_ne!(one.subject(), other.subject());
    assert_eq!(one.str("oid"), other.str("oid"));
    assert_eq!(one.subject(), access("alice", "api://podinfo/read").subject());
    assert_ne!(one.subject(), access("bob", "api://podinfo/read").subject());
}

#[test]
fn groups_beyond_the_limit_are_elsewhere() {
    let none = access("carol", "api://podinfo/read");
    assert!(none.get("groups").is_none() && none.get("_claim_names").is_none());
    assert_eq!(access("alice", "api://podinfo/read").strings("groups").unwrap().len(), 50);
    let many = access("bob", "api://podinfo/read");
    assert!(many.get("groups").is_none());
    assert_eq!(many.get("_claim_names"), Some(json!({"groups": "src1"})));
    let endpoint = many.get("_claim_sources").unwrap()["src1"]["endpoint"].as_str().unwrap().to_owned();
    assert!(endpoint.starts_with(BASE) && endpoint.ends_with("/getMemberObjects"), "{endpoint}");
    let exactly = tenant_with(|config| config.users[0].more_groups = gangplank_idp::MOST_GROUPS - 1);
    let token = exactly.mint_id_token("alice", WEB_APP_ID, None, NOW).unwrap();
    let claims = Unverified::parse(&token).unwrap().claims_unverified().clone();
    assert_eq!(claims.strings("groups").unwrap().len(), 200);
    let silent = tenant_with(|config| config.applications[0].group_membership_claims.clear());
    let token = silent.mint_id_token("alice", WEB_APP_ID, None, NOW).unwrap();
    assert!(Unverified::parse(&token).unwrap().claims_unverified().get("groups").is_none());
}

#[test]
fn the_v1_endpoint_issues_v1_id_tokens_and_lifetimes_as_text() {
    let tenant = tenant();
    let url = authorize_url(&[("scope", ""), ("resource", "api://podinfo-v1")]).replace("/v2.0", "");
    let callback = url::Url::parse(&tenant.drive_sign_in(&url, "alice", NOW).unwrap()).unwrap();
    let secret = secret(&tenant);
    let fields = form(&[
        ("grant_type", "authorization_code"),
        ("client_id", WEB_APP_ID),
        ("client_secret", &secret),
        ("code", &param(&callback, "code")),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]);
    let tokens = body(&post(&tenant, &format!("/{TENANT_ID}/oauth2/token"), &[], fields, NOW));
    assert_eq!((&tokens["expires_in"], &tokens["resource"]), (&json!("3600"), &json!("api://podinfo-v1")));
    let id_token = tokens["id_token"].as_str().unwrap();
    let claims = verify(&tenant, id_token, tenant.v1_issuer(), WEB_APP_ID, Purpose::IdToken, NOW).unwrap();
    assert_eq!((claims.str("ver"), claims.str("upn")), (Some("1.0"), Some("alice@dev.test")));
}

#[test]
fn refresh_tokens_rotate_and_a_used_one_ends_the_family() {
    let tenant = tenant();
    let first = body(&redeem(&tenant, &code(&tenant, "alice", &[])));
    let first = first["refresh_token"].as_str().unwrap();
    let second = body(&refresh(&tenant, first, &[], after(60)));
    let (access, second) = (second["access_token"].as_str().unwrap(), second["refresh_token"].as_str().unwrap());
    assert_ne!(first, second);
    verify(&tenant, access, tenant.v1_issuer(), GRAPH_ID, Purpose::AccessToken, after(60)).unwrap();
    let replayed = body(&refresh(&tenant, first, &[], after(61)));
    assert_eq!((&replayed["error"], &replayed["error_codes"]), (&json!("invalid_grant"), &json!([70000])));
    let revoked = body(&refresh(&tenant, second, &[], after(62)));
    assert_eq!((&revoked["error"], &revoked["error_codes"]), (&json!("invalid_grant"), &json!([50173])));
    assert_eq!((tenant.counts().refresh_grants, tenant.counts().code_grants), (3, 1));
}

#[test]
fn entra_allows_a_used_refresh_token_and_so_can_we() {
    let tenant = tenant_with(|config| config.refresh_reuse = RefreshReuse::Allow);
    let first = body(&redeem(&tenant, &code(&tenant, "alice", &[])));
    let first = first["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        assert_eq!(refresh(&tenant, first, &[], after(60)).status(), StatusCode::OK);
    }
}

#[test]
fn a_refresh_token_is_for_one_client_and_not_for_ever() {
    let tenant = tenant();
    let tokens = body(&redeem(&tenant, &code(&tenant, "alice", &[])));
    let token = tokens["refresh_token"].as_str().unwrap();
    let other = refresh(&tenant, token, &[("client_id", PUBLIC_CLIENT_ID), ("client_secret", "")], NOW);
    assert_eq!(body(&other)["error_codes"], json!([70000]));
    assert_eq!(body(&refresh(&tenant, token, &[], after(91 * 86_400)))["error_codes"], json!([700082]));
    assert_eq!(body(&refresh(&tenant, "made-up", &[], NOW))["error_codes"], json!([70000]));
    let without = body(&redeem(&tenant, &code(&tenant, "alice", &[("scope", "openid")])));
    assert!(without.get("refresh_token").is_none() && without["id_token"].is_string());
    let no_id = body(&redeem(&tenant, &code(&tenant, "alice", &[("scope", "api://podinfo/read")])));
    assert!(no_id.get("id_token").is_none());
}

#[test]
fn a_refresh_token_reaches_another_resource() {
    let tenant = tenant();
    let tokens =
        body(&redeem(&tenant, &code(&tenant, "alice", &[("scope", "openid offline_access api://podinfo/read")])));
    let audience = |tokens: &serde_json::Value| {
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        Unverified::parse(&token).unwrap().claims_unverified().audiences()[0].clone()
    };
    assert_eq!(audience(&tokens), API_ID);
    let scope = format!("{}/User.Read", tenant.graph_url());
    let graph = body(&refresh(&tenant, tokens["refresh_token"].as_str().unwrap(), &[("scope", &scope)], NOW));
    assert_eq!(audience(&graph), tenant.graph_url());
    let again = body(&refresh(&tenant, graph["refresh_token"].as_str().unwrap(), &[], NOW));
    assert_eq!(audience(&again), API_ID, "the family keeps what the sign-in asked for");
}
