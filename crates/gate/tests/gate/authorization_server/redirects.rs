//! Where a code may go, and who is told when it may not.

use http::StatusCode;
use serde_json::json;

use super::program::*;
use crate::support::*;

#[tokio::test]
async fn a_redirect_uri_that_is_not_the_clients_is_told_to_the_person_and_not_followed() {
    let world = World::new(&config());
    let program = Program::registered(&world, VSCODE).await;
    for other in [
        "https://evil.test/redirect",
        "https://vscode.dev/redirect/",
        "https://vscode.dev/redirect/../evil",
        "https://vscode.dev/redirect/%2e%2e/evil",
        "https://vscode.dev/redirect%2fevil",
        "https://vscode.dev/redirect?x=1",
        "https://vscode.dev/redirect#x",
        "https://vscode.dev/Redirect",
        "https://VSCODE.dev/redirect",
        "https://vscode.dev:443/redirect",
        "https://vscode.dev:8443/redirect",
        "https://vscode.dev.evil.test/redirect",
        "https://evilvscode.dev/redirect",
        "https://vscode.dev@evil.test/redirect",
        "https://user@vscode.dev/redirect",
        "https://vscode.dev\\@evil.test/redirect",
        "https:\\\\vscode.dev\\redirect",
        "//vscode.dev/redirect",
        "http://vscode.dev/redirect",
        "http://127.0.0.1/redirect",
        "http://[::1]/redirect",
        "http://[::ffff:127.0.0.1]/redirect",
        "javascript:alert(1)",
        "",
    ] {
        for more in [&[][..], &[("response_type", "token")], &[("scope", "nonsense")]] {
            let changes: Vec<_> = more.iter().copied().chain([("redirect_uri", other)]).collect();
            let answer = world.get(&program.address(&changes), BROWSER).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{other:?}: {answer:?}");
            assert_eq!((answer.location(), answer.cookie()), ("", None), "{other:?}");
            assert!(!answer.body.contains("evil"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn only_the_port_of_this_machine_is_the_programs_to_choose() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    program.asked(&[("redirect_uri", "http://127.0.0.1:50001/callback")], &[]).await;
    program.asked(&[("redirect_uri", "http://127.0.0.1/callback")], &[]).await;
    for other in [
        "http://localhost:33418/callback",
        "http://[::1]:33418/callback",
        "http://127.0.0.1:33418/other",
        "http://127.0.0.1:33418/callback?x=1",
        "http://127.0.0.1.evil.test:33418/callback",
        "http://127.0.0.1:33418@evil.test/callback",
        "http://127.1:33418/callback",
        "http://2130706433:33418/callback",
        "https://127.0.0.1:33418/callback",
    ] {
        let answer = world.get(&program.address(&[("redirect_uri", other)]), BROWSER).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{other}");
    }
}

#[tokio::test]
async fn a_registration_has_no_redirect_uri_that_the_operator_does_not_name() {
    let world = World::new(&config());
    for (uri, good) in [
        (VSCODE, true),
        ("https://one.example.org/cb", true),
        ("http://localhost:1/", true),
        ("https://one.example.org/other", false),
        ("https://client.example.org/callback", false),
        ("https://evil.test/cb", false),
        ("cursor://x/cb", false),
        ("https://app.example.com/oauth2/as/entra/callback", false),
    ] {
        let answer = register(&world, &json!({"redirect_uris": [LOOPBACK, uri]})).await;
        assert_eq!(answer.status.is_success(), good, "{uri}");
        if !good {
            assert_eq!(error(&answer), (400, "invalid_redirect_uri".to_owned()), "{uri}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_after_that_goes_back_to_the_client_with_its_state() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    for (changes, expected) in [
        (&[("response_type", "token")][..], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("response_mode", "form_post")], "invalid_request"),
        (&[("request_uri", "https://evil.test/")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("resource", "https://evil.test/mcp")], "invalid_target"),
        (&[("resource", "https://app.example.com/mcp#x")], "invalid_target"),
        (&[("resource", "https://app.example.com/mcpx")], "invalid_target"),
        (&[("scope", "https://graph.microsoft.com/.default")], "invalid_scope"),
        (&[("scope", "mcp:read api://podinfo/access_as_user")], "invalid_scope"),
        (&[("prompt", "none login")], "invalid_request"),
    ] {
        let answer = world.get(&program.address(changes), BROWSER).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{changes:?}");
        assert!(answer.location().starts_with(&format!("{LOOPBACK}?")), "{answer:?}");
        assert_eq!(parameter(answer.location(), "error").as_deref(), Some(expected), "{changes:?}");
        assert_eq!(parameter(answer.location(), "state").as_deref(), Some("the program's own"));
        assert_eq!(parameter(answer.location(), "iss").as_deref(), Some(ISSUER));
    }
    let twice = format!("{}&scope=x", program.address(&[]));
    let answer = world.get(&twice, BROWSER).await;
    assert_eq!(parameter(answer.location(), "error").as_deref(), Some("invalid_request"));
    for twice in ["client_id=x", "redirect_uri=http%3A%2F%2F127.0.0.1%2F"] {
        let answer = world.get(&format!("{}&{twice}", program.address(&[])), BROWSER).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{twice}");
    }
}

/// Anybody can publish a document, and then a link to the gate would lead to their page without a click.
#[tokio::test]
async fn nobody_is_led_to_a_host_that_only_a_document_names_before_they_consent() {
    const ID: &str = "https://evil.test/client.json";
    const CALLBACK: &str = "https://evil.test/sign-in";
    let world = World::new(&with_server("client_id_metadata = true\nredirect_hosts = [\"vscode.dev\"]"));
    let document = json!({"client_id": ID, "client_name": "Mail", "redirect_uris": [CALLBACK, LOOPBACK, VSCODE]});
    world.internet.publish(ID, 200, "application/json", document.to_string());
    let program = Program::known(&world, ID, CALLBACK);
    for changes in [&[("response_type", "token")], &[("scope", "nonsense")], &[("prompt", "none")]] {
        let answer = world.get(&program.address(changes), BROWSER).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{changes:?}");
        for named in [LOOPBACK, VSCODE] {
            let answer = world.get(&program.address(&[changes[0], ("redirect_uri", named)]), BROWSER).await;
            assert!(answer.location().starts_with(named), "{changes:?} {named}");
        }
    }
    let declined = program.asked(&[], &[]).await.answered(&world, "deny").await;
    assert!(declined.location().starts_with(&format!("{CALLBACK}?error=access_denied")), "{declined:?}");
}
