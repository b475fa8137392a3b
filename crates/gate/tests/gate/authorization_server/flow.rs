//! The whole way, as the SDKs go it.

use std::time::Duration;

use gangplank_idp::{Endpoint, Fault, FaultKind};
use http::StatusCode;
use serde_json::json;

use super::program::*;
use crate::support::*;

#[tokio::test]
async fn the_metadata_are_where_clients_look_and_say_what_there_is() {
    let world = World::new(&config());
    for url in [
        "https://app.example.com/.well-known/oauth-authorization-server/oauth2/as/entra",
        "https://app.example.com/.well-known/openid-configuration/oauth2/as/entra",
        "https://app.example.com/oauth2/as/entra/.well-known/openid-configuration",
    ] {
        let answer = world.get(url, &[("origin", "https://inspector.test")]).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let document = answer.json();
        assert_eq!(document["issuer"], ISSUER, "{url}");
        for endpoint in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
            assert!(document[endpoint].as_str().unwrap().starts_with(ISSUER), "{document:?}");
        }
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["token_endpoint_auth_methods_supported"], json!(["none"]));
        assert_eq!(document["scopes_supported"], json!(["mcp:read", "offline_access"]));
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
        assert_eq!(document["client_id_metadata_document_supported"], true);
        assert!(!document.contains_key("jwks_uri"));
    }
}

#[tokio::test]
async fn a_program_registers_is_allowed_and_gets_a_token_that_opens_the_resource() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let question = program.asked(&[], &[]).await;
    for shown in ["Inspector", "127.0.0.1:33418", RESOURCE, "mcp:read", "Nobody has verified"] {
        assert!(question.page.body.contains(shown), "{shown} in {}", question.page.body);
    }
    let away = question.answered(&world, "allow").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER);
    let to = away.location();
    assert!(to.starts_with("https://login.test/"), "{to}");
    assert_eq!(parameter(to, "code_challenge").as_deref(), Some(program.pkce.challenge.as_str()));
    assert_eq!(parameter(to, "scope").as_deref(), Some("api://podinfo/read offline_access"));
    assert_eq!(parameter(to, "resource"), None);
    assert_eq!(parameter(to, "redirect_uri").unwrap(), format!("{ISSUER}/callback"));
    assert!(away.block() < 4096, "{}", away.block());

    let back = program.comes_back(to, "alice", &question.cookie).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{back:?}");
    assert!(back.location().starts_with(LOOPBACK));
    assert_eq!(parameter(back.location(), "state").as_deref(), Some("the program's own"));
    assert_eq!(parameter(back.location(), "iss").as_deref(), Some(ISSUER));
    let answer = program.redeems(&parameter(back.location(), "code").unwrap(), &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let tokens = answer.json();
    assert_eq!((&tokens["token_type"], &tokens["scope"]), (&json!("Bearer"), &json!("mcp:read offline_access")));
    assert!(tokens["expires_in"].as_u64().unwrap() > 3000);
    assert!(!tokens.contains_key("id_token"));

    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let whose = world.get("https://app.example.com/oauth2/userinfo", &[("authorization", &bearer)]).await;
    assert!(whose.body.contains("alice"), "{whose:?}");

    let refreshed = program.refreshes(tokens["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");
    let again = program.refreshes(&text(&refreshed, "refresh_token"), &[("scope", "mcp:read")]).await;
    assert_eq!(text(&again, "scope"), "mcp:read");
}

#[tokio::test]
async fn a_program_with_a_document_is_known_by_its_host_and_remembered_once_allowed() {
    const ID: &str = "https://client.example.org/client.json";
    const CALLBACK: &str = "https://client.example.org/callback";
    let world = World::new(&config());
    let document = json!({"client_id": ID, "client_name": "Documented", "redirect_uris": [CALLBACK, LOOPBACK]});
    world.internet.publish(ID, 200, "application/json", document.to_string());
    let program = Program::known(&world, ID, CALLBACK);
    let question = program.asked(&[], &[]).await;
    assert!(question.page.body.contains("published by <strong>client.example.org"), "{}", question.page.body);
    let away = question.answered(&world, "allow").await;
    let remembered = away.cookie().unwrap();
    let back = program.comes_back(away.location(), "alice", &remembered).await;
    let answer = program.redeems(&parameter(back.location(), "code").unwrap(), &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");

    let straight = world.get(&program.address(&[]), &with(BROWSER, &[cookie(&remembered)])).await;
    assert_eq!(straight.status, StatusCode::SEE_OTHER, "the person was asked before");
    let silent = world.get(&program.address(&[("prompt", "none")]), &with(BROWSER, &[cookie(&remembered)])).await;
    assert_eq!(parameter(silent.location(), "prompt").as_deref(), Some("none"));
    program.asked(&[("prompt", "consent")], &[cookie(&remembered)]).await;
    let local = program.asked(&[("redirect_uri", LOOPBACK)], &[cookie(&remembered)]).await;
    assert!(local.page.body.contains("says that it comes from client.example.org"), "{}", local.page.body);
    assert_eq!(world.internet.asked(), 1, "the document is kept");
    world.pass(Duration::from_secs(31 * 86_400));
    program.asked(&[], &[cookie(&remembered)]).await;
}

#[tokio::test]
async fn a_program_that_can_refresh_gets_what_it_needs_for_that() {
    let world = World::new(&config());
    let grants = ["authorization_code", "refresh_token"];
    let answer = register(&world, &json!({"redirect_uris": [LOOPBACK], "grant_types": grants})).await;
    let program = Program::known(&world, &text(&answer, "client_id"), LOOPBACK);
    let question = program.asked(&[("scope", "mcp:read")], &[]).await;
    assert!(question.page.body.contains("offline_access"), "the person is told");
    let away = question.answered(&world, "allow").await;
    let back = program.comes_back(away.location(), "alice", &question.cookie).await;
    let answer = program.redeems(&parameter(back.location(), "code").unwrap(), &[]).await;
    assert_eq!(text(&answer, "scope"), "mcp:read offline_access");
    assert_eq!(program.refreshes(&text(&answer, "refresh_token"), &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_is_an_answer_and_so_is_not_now() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let question = program.asked(&[], &[]).await;
    let denied = question.answered(&world, "deny").await;
    assert!(denied.location().starts_with(LOOPBACK));
    assert_eq!(parameter(denied.location(), "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(denied.location(), "state").as_deref(), Some("the program's own"));
    assert_eq!(parameter(denied.location(), "iss").as_deref(), Some(ISSUER));

    let silent = world.get(&program.address(&[("prompt", "none")]), BROWSER).await;
    assert_eq!(parameter(silent.location(), "error").as_deref(), Some("consent_required"));
    assert_eq!(reasons(&world).await, ["oauth-consent-declined", "oauth-consent-needed"]);
}

#[tokio::test]
async fn a_step_up_challenge_and_hints_come_through_to_the_provider() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let changes = [("claims", claims), ("prompt", "login"), ("login_hint", "alice"), ("max_age", "0")];
    let away = program.asked(&changes, &[]).await.answered(&world, "allow").await;
    for (name, value) in changes {
        assert_eq!(parameter(away.location(), name).as_deref(), Some(value), "{name}");
    }
    let bad = world.get(&program.address(&[("claims", "{\"userinfo\":{}}")]), BROWSER).await;
    assert_eq!(parameter(bad.location(), "error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn what_the_provider_says_stays_inside() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let question = program.asked(&[], &[]).await;
    let away = question.answered(&world, "allow").await;
    let state = parameter(away.location(), "state").unwrap();
    let refused =
        encoded(&[("error", "access_denied"), ("error_description", "AADSTS65004: declined"), ("state", &state)]);
    let headers = with(BROWSER, &[cookie(&question.cookie)]);
    let back = world.get(&format!("{ISSUER}/callback?{refused}"), &headers).await;
    assert_eq!(parameter(back.location(), "error").as_deref(), Some("access_denied"));
    assert!(!back.location().contains("AADSTS"), "{back:?}");
    assert!(reasons(&world).await.contains(&"consent-declined".to_owned()));

    for (fault, expected) in [
        (FaultKind::TokenError { error: "invalid_grant".into() }, (400, "invalid_grant")),
        (FaultKind::TokenError { error: "invalid_client".into() }, (500, "server_error")),
        (FaultKind::Down, (503, "temporarily_unavailable")),
        (FaultKind::Garbage, (503, "temporarily_unavailable")),
    ] {
        let code = program.code("alice").await;
        world.tenant.set_fault(Fault::new(fault.clone()).on(Endpoint::Token));
        let answer = program.redeems(&code, &[]).await;
        world.tenant.clear_faults();
        assert_eq!(error(&answer), (expected.0, expected.1.to_owned()), "{fault:?}");
    }
}

#[tokio::test]
async fn a_token_that_the_resource_would_refuse_is_not_given_out() {
    let astray = config().replace("\"api://podinfo/read\" }", "\"https://login.test/graph/User.Read\" }");
    let world = World::new(&astray);
    let program = Program::registered(&world, LOOPBACK).await;
    let answer = program.redeems(&program.code("alice").await, &[]).await;
    assert_eq!(error(&answer), (500, "server_error".to_owned()));
    assert_eq!(reasons(&world).await, ["oauth-token-unfit"]);
}

#[tokio::test]
async fn pages_of_any_origin_may_read_register_and_redeem_and_nothing_else() {
    let world = World::new(&config());
    let asks = [("origin", "https://inspector.test"), ("access-control-request-method", "POST")];
    for (path, allowed) in [
        ("/.well-known/oauth-authorization-server/oauth2/as/entra", true),
        ("/oauth2/as/entra/.well-known/openid-configuration", true),
        ("/oauth2/as/entra/token", true),
        ("/oauth2/as/entra/register", true),
        ("/oauth2/as/entra/authorize", false),
        ("/oauth2/as/entra/consent", false),
        ("/oauth2/as/entra/callback", false),
    ] {
        let answer = world.send(STRANGER, request("OPTIONS", &format!("{ORIGIN}{path}"), &asks)).await;
        let expected = if allowed { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED };
        assert_eq!(answer.status, expected, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some("*"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}
