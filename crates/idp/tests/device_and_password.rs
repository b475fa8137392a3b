//! The device code flow and the password grant.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use gangplank_idp::{API_V1_ID, PUBLIC_CLIENT_ID, TENANT_ID, Tenant};
use gangplank_jose::UnixTime;
use http::StatusCode;
use serde_json::{Value, json};
use support::*;

const URN: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPE: &str = "openid offline_access api://podinfo/read";

fn begin(tenant: &Tenant) -> Value {
    let fields = form(&[("client_id", PUBLIC_CLIENT_ID), ("scope", SCOPE)]);
    body(&post(tenant, &format!("/{TENANT_ID}/oauth2/v2.0/devicecode"), &[], fields, NOW))
}

fn public(tenant: &Tenant, fields: &[(&str, &str)], now: UnixTime) -> Value {
    let fields = [&[("client_id", PUBLIC_CLIENT_ID)], fields].concat();
    body(&post(tenant, &format!("/{TENANT_ID}/oauth2/v2.0/token"), &[], form(&fields), now))
}

fn poll(tenant: &Tenant, grant: &str, code: &Value, now: UnixTime) -> Value {
    public(tenant, &[("grant_type", grant), ("device_code", code.as_str().unwrap())], now)
}

#[test]
fn a_device_waits_until_somebody_types_its_code_in() {
    let tenant = tenant();
    for grant in [URN, "device_code"] {
        let begun = begin(&tenant);
        let (user_code, device_code) = (begun["user_code"].as_str().unwrap(), &begun["device_code"]);
        let address = begun["verification_uri"].as_str().unwrap();
        assert!(begun["message"].as_str().unwrap().contains(user_code) && begun["interval"] == json!(5));
        let pending = poll(&tenant, grant, device_code, NOW);
        assert_eq!((&pending["error"], &pending["error_codes"]), (&json!("authorization_pending"), &json!([70_016])));
        let page = get(&tenant, &format!("{address}?user_code={user_code}"), &[], NOW).response;
        assert!(page.status() == StatusCode::OK && text(&page).contains("Command line"));
        let typed = form(&[("user_code", &user_code.to_ascii_lowercase()), ("username", "alice@dev.test")]);
        let done = post(&tenant, "/devicelogin", &[], typed.clone(), NOW);
        assert!(done.status() == StatusCode::OK && text(&done).contains("signed in"));
        assert_eq!(post(&tenant, "/devicelogin", &[], typed, NOW).status(), StatusCode::BAD_REQUEST, "once");
        let tokens = poll(&tenant, grant, device_code, NOW);
        assert!(
            tokens["access_token"].is_string() && tokens["refresh_token"].is_string() && tokens["id_token"].is_string()
        );
        assert_eq!(poll(&tenant, grant, device_code, NOW)["error_codes"], json!([70_018]), "once");
    }
    let counts = tenant.counts();
    assert_eq!((counts.device_code, counts.device_login, counts.device_code_grants), (2, 6, 6));
}

#[test]
fn a_device_is_declined_or_too_late_or_not_its_own() {
    let tenant = tenant();
    let declined = begin(&tenant);
    let decline = form(&[("user_code", declined["user_code"].as_str().unwrap()), ("cancel", "1")]);
    assert_eq!(post(&tenant, "/devicelogin", &[], decline, NOW).status(), StatusCode::OK);
    assert_eq!(poll(&tenant, URN, &declined["device_code"], NOW)["error"], "authorization_declined");
    let late = begin(&tenant);
    assert!(tenant.approve_device(late["user_code"].as_str().unwrap(), "alice", after(901)).is_err());
    assert_eq!(poll(&tenant, URN, &late["device_code"], after(901))["error"], "expired_token");
    let own = begin(&tenant);
    tenant.approve_device(own["user_code"].as_str().unwrap(), "alice", NOW).unwrap();
    let other =
        body(&token(&tenant, &[("grant_type", URN), ("device_code", own["device_code"].as_str().unwrap())], NOW));
    assert_eq!(other["error_codes"], json!([70_018]));
    let elsewhere = [("sec-fetch-site", "cross-site")];
    assert!(post(&tenant, "/devicelogin", &elsewhere, String::new(), NOW).status().is_client_error());
    let nobody = form(&[("user_code", "<b>"), ("username", "")]);
    let page = post(&tenant, "/devicelogin", &[], nobody, NOW);
    assert!(page.status() == StatusCode::BAD_REQUEST && !text(&page).contains("<b>"));
    let v1 = form(&[("client_id", PUBLIC_CLIENT_ID), ("resource", API_V1_ID)]);
    let v1 = body(&post(&tenant, &format!("/{TENANT_ID}/oauth2/devicecode"), &[], v1, NOW));
    assert!(v1["verification_url"].is_string() && v1["expires_in"] == json!("900"));
}

#[test]
fn a_password_is_the_users_first_name_and_one_factor_only() {
    let tenant = tenant_with(|config| config.application_mut(API_V1_ID).unwrap().mfa = vec!["*".to_owned()]);
    let sign_in = |username, password, scope| {
        let fields = [("grant_type", "password"), ("username", username), ("password", password), ("scope", scope)];
        public(&tenant, &fields, NOW)
    };
    let tokens = sign_in("alice@dev.test", "alice", SCOPE);
    assert!(tokens["access_token"].is_string() && tokens["refresh_token"].is_string(), "{tokens}");
    assert_eq!(sign_in("alice@dev.test", "bob", SCOPE)["error_codes"], json!([50_126]));
    assert_eq!(sign_in("nobody@dev.test", "nobody", SCOPE)["error_codes"], json!([50_034]));
    assert_eq!(sign_in("alice@dev.test", "", SCOPE)["error_codes"], json!([900_144]));
    assert_eq!(sign_in("alice@dev.test", "alice", "api://podinfo-v1/read")["error_codes"], json!([50_076]));
    assert_eq!(tenant.counts().password_grants, 5);
    let fields = form(&[("client_id", PUBLIC_CLIENT_ID), ("scope", "api://podinfo-v1/read")]);
    let begun = body(&post(&tenant, &format!("/{TENANT_ID}/oauth2/v2.0/devicecode"), &[], fields, NOW));
    tenant.approve_device(begun["user_code"].as_str().unwrap(), "alice", NOW).unwrap();
    let tokens = poll(&tenant, URN, &begun["device_code"], NOW);
    assert!(tokens["access_token"].is_string(), "on the page there are two: {tokens}");
}
