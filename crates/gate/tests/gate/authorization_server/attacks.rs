//! What others try.

use std::time::Duration;

use gangplank_oauth::Pkce;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;

use super::program::*;
use crate::support::*;

fn denied(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_to_another_client_or_without_the_verifier() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let thief = Program::registered(&world, LOOPBACK).await;
    assert_ne!(program.id, thief.id);
    let code = program.code("alice").await;
    let other = Pkce::generate();
    for (changes, expected) in [
        (&[("client_id", thief.id.as_str())][..], denied(400, "invalid_grant")),
        (&[("code_verifier", other.verifier.expose_secret())], denied(400, "invalid_grant")),
        (&[("code_verifier", "")], denied(400, "invalid_grant")),
        (&[("code_verifier", &program.pkce.challenge)], denied(400, "invalid_grant")),
        (&[("redirect_uri", VSCODE)], denied(400, "invalid_grant")),
        (&[("redirect_uri", "http://127.0.0.1:33419/callback")], denied(400, "invalid_grant")),
        (&[("redirect_uri", "")], denied(400, "invalid_request")),
        (&[("resource", "https://evil.test/")], denied(400, "invalid_target")),
        (&[("client_id", "nobody")], denied(401, "invalid_client")),
        (&[("client_id", "")], denied(400, "invalid_request")),
        (&[("grant_type", "client_credentials")], denied(400, "unsupported_grant_type")),
        (&[("client_assertion", "ey")], denied(401, "invalid_client")),
        (&[("code", &code[..code.len() - 2])], denied(400, "invalid_grant")),
    ] {
        assert_eq!(error(&program.redeems(&code, changes).await), expected, "{changes:?}");
    }
    let asked = world.tenant.counts().token;
    assert_eq!(asked, 0, "nothing of that reached the provider");
    assert_eq!(program.redeems(&code, &[]).await.status, StatusCode::OK, "and nothing of it spent the code");
    let again = world.tenant.counts().token;
    assert_eq!(error(&program.redeems(&code, &[]).await), denied(400, "invalid_grant"), "once");
    assert_eq!(world.tenant.counts().token, again);
}

#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let code = program.code("alice").await;
    world.pass(Duration::from_secs(61));
    assert_eq!(error(&program.redeems(&code, &[]).await), denied(400, "invalid_grant"));
}

#[tokio::test]
async fn the_providers_own_use_once_stands_behind_ours() {
    let world = World::new(&config());
    let keys = "\n[cookies]\nkeys = [{ env = \"KEY_A\" }]\n";
    let (one, two) = (world.started_anew(&(config() + keys)), world.started_anew(&(config() + keys)));
    let program = Program::registered(&one, LOOPBACK).await;
    let code = program.code("alice").await;
    let elsewhere = Program { world: &two, id: program.id.clone(), redirect_uri: LOOPBACK, pkce: program.pkce.clone() };
    assert_eq!(elsewhere.redeems(&code, &[]).await.status, StatusCode::OK, "any replica answers");
    assert_eq!(error(&program.redeems(&code, &[]).await), denied(400, "invalid_grant"));
}

#[tokio::test]
async fn a_consent_is_given_by_a_post_of_our_own_page_in_the_same_browser() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let question = program.asked(&[], &[]).await;
    let other = program.asked(&[], &[]).await;
    let own = cookie(&question.cookie);
    let site = |site| changed(OWN_FORM, &[("sec-fetch-site", site)]);
    let from = |origin| changed(OWN_FORM, &[("origin", origin)]);
    for (headers, why) in [
        (OWN_FORM.to_vec(), "no cookie"),
        (with(OWN_FORM, &[cookie(&other.cookie)]), "another browser's cookie"),
        (with(OWN_FORM, &[cookie("__Host-gangplank-consent=x")]), "a made-up cookie"),
        (with(OWN_FORM, &[own, cookie(&other.cookie)]), "two cookies"),
        (with(&site("cross-site"), &[own]), "another site"),
        (with(&site("same-site"), &[own]), "a sibling"),
        (with(&site("none"), &[own]), "nobody"),
        (with(&from("https://evil.test"), &[own]), "another origin"),
        (with(&from("null"), &[own]), "no origin"),
    ] {
        let answer = question.sent(&world, "allow", &headers).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{why}");
    }
    for decision in ["", "yes", "ALLOW"] {
        let answer = question.answered(&world, decision).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{decision}");
    }
    let form = encoded(&[("request", &question.request), ("decision", "allow")]);
    let answer = world.get(&format!("{ISSUER}/consent?{form}"), &with(BROWSER, &[own])).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    world.pass(Duration::from_secs(901));
    let late = question.answered(&world, "allow").await;
    assert_eq!((late.status, late.location()), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn a_consent_to_one_client_is_none_to_another_with_the_same_redirect_uri() {
    let world = World::new(&config());
    let program = Program::registered(&world, VSCODE).await;
    let away = program.asked(&[], &[]).await.answered(&world, "allow").await;
    let remembered = away.cookie().unwrap();
    let straight = world.get(&program.address(&[]), &with(BROWSER, &[cookie(&remembered)])).await;
    assert!(straight.location().starts_with("https://login.test/"), "{straight:?}");
    let other = Program::registered(&world, VSCODE).await;
    other.asked(&[], &[cookie(&remembered)]).await;
    program.asked(&[("scope", "mcp:read")], &[cookie(&remembered)]).await;
    // On this machine any program can take the client's place: the person is asked each time.
    let local = Program::registered(&world, LOOPBACK).await;
    let away = local.asked(&[], &[cookie(&remembered)]).await.answered(&world, "allow").await;
    local.asked(&[], &[cookie(&away.cookie().unwrap())]).await;
}

#[tokio::test]
async fn a_sign_in_ends_in_the_browser_in_which_it_began_and_once() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let question = program.asked(&[], &[]).await;
    let away = question.answered(&world, "allow").await;
    let victim = program.asked(&[], &[]).await.cookie;
    let back =
        world.tenant.drive_sign_in(away.location(), "alice", gangplank_oauth::Clock::now(&*world.clock)).unwrap();
    for headers in [BROWSER.to_vec(), with(BROWSER, &[cookie(&victim)])] {
        let answer = world.get(&back, &headers).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
    }
    let own = with(BROWSER, &[cookie(&question.cookie)]);
    for (query, why) in [
        (back.replace("state=", "state=x"), "another state"),
        (format!("{back}&iss=https%3A%2F%2Fevil.test"), "another provider"),
        (format!("{back}&code=x"), "two codes"),
    ] {
        let answer = world.get(&query, &own).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{why}");
    }
    assert_eq!(world.get(&back, &own).await.status, StatusCode::SEE_OTHER);
    let again = world.get(&back, &own).await;
    assert_eq!((again.status, again.location()), (StatusCode::BAD_REQUEST, ""), "a second time");
}

#[tokio::test]
async fn one_sealed_thing_is_not_taken_for_another() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let question = program.asked(&[], &[]).await;
    let away = question.answered(&world, "allow").await;
    let state = parameter(away.location(), "state").unwrap();
    let refresh = program.refresh_token().await;
    for thing in [&program.id, &question.request, &state, &refresh] {
        assert_eq!(error(&program.redeems(thing, &[]).await), denied(400, "invalid_grant"));
    }
    for thing in [&program.id, &question.request, &state] {
        assert_eq!(error(&program.refreshes(thing, &[]).await), denied(400, "invalid_grant"));
    }
    for thing in [&question.request, &state, &refresh] {
        let answer = world.get(&program.address(&[("client_id", thing)]), BROWSER).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
    }
    let session = world.get(&format!("{ORIGIN}/oauth2/callback?code=x&state={state}"), BROWSER).await;
    assert_eq!((session.status, session.cookie()), (StatusCode::BAD_REQUEST, None), "the gate's own sign-in");
}

#[tokio::test]
async fn a_refresh_token_is_its_clients_and_never_gets_more() {
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let thief = Program::registered(&world, LOOPBACK).await;
    let token_of = program.refresh_token().await;
    let asked = world.tenant.counts().token;
    for (changes, expected) in [
        (&[("client_id", thief.id.as_str())][..], denied(400, "invalid_grant")),
        (&[("scope", "mcp:read api://podinfo/access_as_user")], denied(400, "invalid_scope")),
        (&[("scope", "openid")], denied(400, "invalid_scope")),
        (&[("resource", "https://evil.test/")], denied(400, "invalid_target")),
        (&[("refresh_token", "x")], denied(400, "invalid_grant")),
    ] {
        assert_eq!(error(&program.refreshes(&token_of, changes).await), expected, "{changes:?}");
    }
    assert_eq!(world.tenant.counts().token, asked, "nothing of that reached the provider");
    assert_eq!(program.refreshes(&token_of, &[]).await.status, StatusCode::OK);
    let short = Program::registered(&world, LOOPBACK).await;
    let question = short.asked(&[("scope", "mcp:read")], &[]).await;
    let away = question.answered(&world, "allow").await;
    let back = short.comes_back(away.location(), "alice", &question.cookie).await;
    let answer = short.redeems(&parameter(back.location(), "code").unwrap(), &[]).await;
    assert!(!answer.json().contains_key("refresh_token"), "nobody asked for offline_access");
}

#[tokio::test]
async fn a_document_that_lies_or_is_elsewhere_makes_no_client() {
    const ID: &str = "https://client.example.org/client.json";
    let world = World::new(&config());
    let good = json!({"client_id": ID, "redirect_uris": [LOOPBACK]}).to_string();
    let other = good.replace("client.json", "other.json");
    for (status, kind, body, page) in [
        (200, "application/json", other.as_str(), 400),
        (200, "text/html", &good, 400),
        (302, "application/json", &good, 503),
        (404, "application/json", &good, 503),
        (200, "application/json", "<html>", 400),
    ] {
        world.internet.publish(ID, status, kind, body);
        let answer = world.get(&Program::known(&world, ID, LOOPBACK).address(&[]), BROWSER).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (page, ""), "{status} {kind} {body}");
        world.pass(Duration::from_secs(11));
    }
    let asked = world.internet.asked();
    for id in [
        "https://evil.test/client.json",
        "https://client.example.org.evil.test/client.json",
        "https://login.test/client.json",
        "https://169.254.169.254/metadata",
        "https://localhost/client.json",
        "http://client.example.org/client.json",
        "https://client.example.org:8443/client.json",
        "https://client.example.org/../client.json",
        "https://client.example.org/",
    ] {
        world.internet.publish(id, 200, "application/json", good.replace(ID, id));
        let answer = world.get(&Program::known(&world, id, LOOPBACK).address(&[]), BROWSER).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{id}");
    }
    assert_eq!(world.internet.asked(), asked, "nobody was asked");
}

#[tokio::test]
async fn large_many_and_malformed_requests_cost_little() {
    let world = World::new(&config());
    let url = format!("{ISSUER}/register");
    let good = json!({"redirect_uris": [LOOPBACK]}).to_string();
    for (kind, body, expected) in [
        (
            "application/json",
            format!("{{\"redirect_uris\":[\"{LOOPBACK}\"],\"x\":\"{}\"}}", "x".repeat(17 << 10)),
            "invalid_request",
        ),
        ("text/plain", good.clone(), "invalid_request"),
        ("application/x-www-form-urlencoded", good.clone(), "invalid_request"),
        ("application/json", "[".repeat(10_000), "invalid_client_metadata"),
        ("application/json", json!({"redirect_uris": vec![LOOPBACK; 100]}).to_string(), "invalid_redirect_uri"),
    ] {
        assert_eq!(error(&post(&world, &url, kind, &body, &[]).await), denied(400, expected), "{kind}");
    }
    let name = json!({"redirect_uris": [LOOPBACK], "client_name": "x".repeat(10_000)});
    let answer = register(&world, &name).await;
    assert!(text(&answer, "client_id").len() < 500 && text(&answer, "client_name").len() <= 64);
    let mut last = answer;
    for _ in 0..70 {
        last = register(&world, &json!({"redirect_uris": [LOOPBACK]})).await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() <= 60);
    world.pass(Duration::from_secs(60));
    assert_eq!(register(&world, &json!({"redirect_uris": [LOOPBACK]})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_page_can_not_be_framed_and_says_what_the_client_calls_itself_harmlessly() {
    let world = World::new(&config());
    let name = "\"><script>alert(1)</script><img src=x onerror=y>\u{202e}";
    let answer = register(&world, &json!({"redirect_uris": [LOOPBACK], "client_name": name})).await;
    let program = Program::known(&world, answer.json()["client_id"].as_str().unwrap(), LOOPBACK);
    let page = program.asked(&[], &[]).await.page;
    assert!(!page.body.contains("<script") && !page.body.contains("<img") && !page.body.contains('\u{202e}'));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("form-action 'self' https: https://login.test http://127.0.0.1:33418;"), "{policy}");
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), (Some("DENY"), Some("no-store")));
    let set = page.header("set-cookie").unwrap();
    for part in ["__Host-gangplank-consent=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
        assert!(set.contains(part), "{set}");
    }
}
