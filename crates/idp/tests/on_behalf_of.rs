//! A called application asks for a token to call on with; a second factor is demanded, brought, and then enough.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use gangplank_idp::{API_ID, API_V1_ID, BATCH_ID, Fault, FaultKind, PUBLIC_CLIENT_ID, TENANT_ID, Tenant, WEB_APP_ID};
use gangplank_jose::{Claims, Purpose, UnixTime, Unverified};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::*;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const DOWNSTREAM: &str = "api://podinfo-v1/.default";

/// As the API, which was called with `assertion`, with changes.
fn exchange_at(tenant: &Tenant, assertion: &str, changes: &[(&str, &str)], now: UnixTime) -> Value {
    let secret = tenant.client_secret(API_ID).unwrap().expose_secret().to_owned();
    let mut fields = vec![
        ("grant_type", GRANT),
        ("client_id", API_ID),
        ("client_secret", secret.as_str()),
        ("assertion", assertion),
        ("requested_token_use", "on_behalf_of"),
        ("scope", DOWNSTREAM),
    ];
    for (name, value) in changes {
        fields.retain(|(n, _)| n != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    body(&post(tenant, &format!("/{TENANT_ID}/oauth2/v2.0/token"), &[], form(&fields), now))
}

fn exchange(tenant: &Tenant, assertion: &str, changes: &[(&str, &str)]) -> Value {
    exchange_at(tenant, assertion, changes, NOW)
}

fn assertion(tenant: &Tenant) -> String {
    tenant.mint_access_token("alice", WEB_APP_ID, "api://podinfo/access_as_user", NOW).unwrap()
}

fn claims(answer: &Value) -> Claims {
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    Unverified::parse(&token).unwrap().claims_unverified().clone()
}

#[test]
fn the_new_token_is_the_users_for_the_next_api_and_names_who_calls() {
    let tenant = tenant();
    let answer = exchange(&tenant, &assertion(&tenant), &[]);
    let token = answer["access_token"].as_str().unwrap();
    verify(&tenant, token, tenant.v1_issuer(), "api://podinfo-v1", Purpose::AccessToken, NOW).unwrap();
    let (new, old) = (claims(&answer), Unverified::parse(&assertion(&tenant)).unwrap().claims_unverified().clone());
    assert_eq!(
        (new.str("oid"), new.str("appid"), new.str("upn")),
        (old.str("oid"), Some(API_ID), Some("alice@dev.test"))
    );
    assert_eq!(new.str("scp"), Some("access_as_user read"));
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    let more =
        exchange(&tenant, &assertion(&tenant), &[("scope", &format!("openid profile offline_access {DOWNSTREAM}"))]);
    assert!(more["refresh_token"].is_string() && more["id_token"].is_string(), "{more}");
    let graph = exchange(&tenant, &assertion(&tenant), &[("scope", &format!("{}/.default", tenant.graph_url()))]);
    assert_eq!(claims(&graph).str("scp"), Some("User.Read"));
    assert_eq!(tenant.counts().on_behalf_of_grants, 3);
}

#[test]
fn what_is_not_a_users_access_token_for_the_exchanging_application_is_refused() {
    let tenant = tenant();
    let stranger = support::tenant();
    let good = assertion(&tenant);
    let forged = format!("{}AAAA", good.strip_suffix(&good[good.len() - 4..]).unwrap());
    for (assertion, code) in [
        (tenant.mint_access_token("alice", WEB_APP_ID, "api://podinfo-v1/read", NOW).unwrap(), 500_131),
        (tenant.mint_access_token("alice", WEB_APP_ID, "User.Read", NOW).unwrap(), 500_131),
        (tenant.mint_app_token(BATCH_ID, "api://podinfo/.default", NOW).unwrap(), 7_000_114),
        (tenant.mint_id_token("alice", API_ID, None, NOW).unwrap(), 240_002),
        (self::assertion(&stranger), 50_013),
        (forged, 50_013),
        ("not.a.jwt".to_owned(), 50_013),
        (String::new(), 900_144),
    ] {
        assert_eq!(exchange(&tenant, &assertion, &[])["error_codes"], json!([code]), "{assertion}");
    }
    assert_eq!(exchange_at(&tenant, &good, &[], after(3_601))["error_codes"], json!([500_133]));
    for (changes, code) in [
        (&[("requested_token_use", "")][..], 900_144),
        (&[("requested_token_use", "delegation")], 9_002_313),
        (&[("client_secret", "guess")], 7_000_215),
        (&[("client_id", PUBLIC_CLIENT_ID), ("client_secret", "")], 7_000_218),
        (&[("scope", "")], 900_144),
        (&[("scope", "api://nobody/.default")], 500_011),
        (&[("resource", "https://mcp.example.com/")], 9_010_010),
    ] {
        assert_eq!(exchange(&tenant, &good, changes)["error_codes"], json!([code]), "{changes:?}");
    }
}

#[test]
fn consent_can_be_missing() {
    let tenant = tenant_with(|config| {
        config.application_mut(API_ID).unwrap().consent_missing = vec!["api://podinfo-v1".to_owned()];
    });
    let answer = exchange(&tenant, &assertion(&tenant), &[]);
    assert_eq!((&answer["error"], &answer["error_codes"]), (&json!("invalid_grant"), &json!([65_001])));
    let by_id = exchange(&tenant, &assertion(&tenant), &[("scope", &format!("{API_V1_ID}/.default"))]);
    assert_eq!(by_id["error_codes"], json!([65_001]));
    let graph = exchange(&tenant, &assertion(&tenant), &[("scope", "User.Read")]);
    assert!(graph["access_token"].is_string(), "{graph}");
    let tenant = tenant_with(|config| {
        config.application_mut(WEB_APP_ID).unwrap().consent_missing = vec!["api://podinfo-v1".to_owned()];
    });
    let scope = "offline_access api://podinfo/read";
    let signed_in = body(&redeem(&tenant, &code(&tenant, "alice", &[("scope", scope)])));
    let token = signed_in["refresh_token"].as_str().unwrap();
    assert_eq!(body(&refresh(&tenant, token, &[("scope", DOWNSTREAM)], NOW))["error_codes"], json!([65_001]));
    assert_eq!(refresh(&tenant, token, &[], NOW).status(), StatusCode::OK);
}

/// From the refusal to the sign-in that meets it, and back.
#[test]
fn a_second_factor_is_demanded_brought_and_then_enough() {
    let tenant = tenant_with(|config| config.application_mut(API_V1_ID).unwrap().mfa = vec!["alice".to_owned()]);
    let refused = exchange(&tenant, &assertion(&tenant), &[]);
    assert_eq!((&refused["error"], &refused["error_codes"]), (&json!("interaction_required"), &json!([50_076])));
    assert_eq!(refused["suberror"], "basic_action");
    let challenge = refused["claims"].as_str().unwrap();
    assert!(
        serde_json::from_str::<Value>(challenge).unwrap()["access_token"]["capolids"]["essential"].as_bool().unwrap()
    );

    let scope = "openid offline_access api://podinfo/access_as_user";
    let changes = [("scope", scope), ("claims", challenge)];
    let signed_in = body(&redeem(&tenant, &code(&tenant, "alice", &changes)));
    let fresh = signed_in["access_token"].as_str().unwrap();
    assert_eq!(claims(&signed_in).strings("amr"), Some(vec!["pwd", "mfa"]));
    assert_eq!(claims(&exchange(&tenant, fresh, &[])).strings("amr"), Some(vec!["pwd", "mfa"]));
    let minted = tenant.mint_access_token_after_mfa("alice", WEB_APP_ID, "api://podinfo/read", NOW).unwrap();
    assert!(exchange(&tenant, &minted, &[])["access_token"].is_string());

    let plain = body(&redeem(&tenant, &code(&tenant, "alice", &[("scope", scope)])));
    let refreshed = |tokens: &Value| {
        body(&refresh(&tenant, tokens["refresh_token"].as_str().unwrap(), &[("scope", DOWNSTREAM)], NOW))
    };
    assert_eq!(refreshed(&plain)["error_codes"], json!([50_076]), "a refresh does not get around it");
    let own = body(&refresh(&tenant, plain["refresh_token"].as_str().unwrap(), &[], NOW));
    assert!(own["access_token"].is_string(), "nor does that cost the token: {own}");
    assert!(refreshed(&signed_in)["access_token"].is_string());
    let direct = body(&redeem(&tenant, &code(&tenant, "alice", &[("scope", DOWNSTREAM)])));
    assert_eq!(claims(&direct).strings("amr"), Some(vec!["pwd", "mfa"]), "the page asks for it by itself");
    let bob = tenant.mint_access_token("bob", WEB_APP_ID, "api://podinfo/read", NOW).unwrap();
    assert!(exchange(&tenant, &bob, &[])["access_token"].is_string(), "nobody demands it of bob");
}

#[test]
fn a_challenge_leads_to_the_page_whatever_session_there_is() {
    let tenant = tenant();
    let url = authorize_url(&[]);
    let page = get(&tenant, &url, &[], NOW).response;
    assert_eq!(page.status(), StatusCode::OK);
    let query = url.split_once('?').unwrap().1;
    let fields = form(&[("request", query), ("username", "alice")]);
    let login = post(&tenant, &format!("/{TENANT_ID}/oauth2/v2.0/login"), &[], fields, NOW);
    let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let with = |changes: &[(&str, &str)]| get(&tenant, &authorize_url(changes), &[("cookie", &cookie)], NOW).response;
    assert_eq!(with(&[]).status(), StatusCode::FOUND);
    let challenge = r#"{"access_token":{"capolids":{"essential":true,"values":["x"]}}}"#;
    assert_eq!(with(&[("claims", challenge)]).status(), StatusCode::OK);
    let silent = location(&with(&[("claims", challenge), ("prompt", "none")]));
    assert_eq!(param(&silent, "error"), "interaction_required");
    let capabilities = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;
    assert_eq!(with(&[("claims", capabilities)]).status(), StatusCode::FOUND, "that challenges nobody");
    let odd = location(&with(&[("claims", "[]")]));
    assert_eq!(param(&odd, "error"), "invalid_request");
}

#[test]
fn a_fault_demands_a_second_factor_of_anybody() {
    let tenant = tenant();
    tenant.set_fault(Fault::new(FaultKind::StepUp).times(1));
    let refused = exchange(&tenant, &assertion(&tenant), &[]);
    assert!(refused["claims"].as_str().unwrap().contains("capolids"));
    assert!(exchange(&tenant, &assertion(&tenant), &[])["access_token"].is_string());
    let fault: Fault = serde_json::from_str(r#"{"fault":"step_up","times":2}"#).unwrap();
    assert_eq!(fault, Fault::new(FaultKind::StepUp).times(2));
}

/// It exchanges for itself, and people sign in at it with a scope of its own.
#[test]
fn an_application_asks_for_itself_by_its_client_id_and_not_by_its_uri() {
    let tenant = tenant();
    for (resource, code) in [("api://podinfo", Some(90_009)), (API_ID, None)] {
        let scope = format!("{resource}/.default");
        let answer = exchange(&tenant, &assertion(&tenant), &[("scope", &scope)]);
        let expected = code.map_or(Value::Null, |code| json!([code]));
        assert_eq!(answer["error_codes"], expected, "{resource}: {answer}");
    }
    let secret = tenant.client_secret(WEB_APP_ID).unwrap().expose_secret().to_owned();
    for (resource, code) in [(format!("api://{WEB_APP_ID}"), Some(90_009)), (WEB_APP_ID.to_owned(), None)] {
        let scope = format!("{resource}/access_as_user");
        let fields = [
            ("grant_type", "password"),
            ("client_id", WEB_APP_ID),
            ("client_secret", &secret),
            ("username", "alice@dev.test"),
            ("password", "alice"),
            ("scope", &scope),
        ];
        let answer = body(&post(&tenant, &format!("/{TENANT_ID}/oauth2/v2.0/token"), &[], form(&fields), NOW));
        let expected = code.map_or(Value::Null, |code| json!([code]));
        assert_eq!(answer["error_codes"], expected, "{resource}: {answer}");
    }
}
