//! Hosts, routes, who may pass, and what everybody else is told.

use std::time::Duration;

use gangplank_idp::{Endpoint, Fault, FaultKind};
use http::StatusCode;

use crate::support::*;

const APP: &str = "https://app.example.com";

#[tokio::test]
async fn hosts_that_are_not_configured_do_not_exist() {
    let world = World::new(&(head("") + &demo("/", "")));
    for (host, path) in [
        ("evil.example.com", "/"),
        ("evil.example.com", "/oauth2/start?rd=/"),
        ("evil.example.com", "/oauth2/sign_in"),
        ("evil.example.com", "/oauth2/callback?code=x&state=y"),
        ("10.0.0.3:4180", "/"),
        ("app.example.com.evil.test", "/"),
        ("app.example.com@evil.test", "/"),
    ] {
        let answer = world.get(&format!("{APP}{path}"), &with(BROWSER, &[("host", host)])).await;
        let expected = if host.contains('@') { StatusCode::BAD_REQUEST } else { StatusCode::NOT_FOUND };
        assert_eq!(answer.status, expected, "{host}{path}");
        assert_eq!(answer.location(), "", "{host}{path}");
        assert_eq!(answer.cookie(), None, "{host}{path}");
    }
}

#[tokio::test]
async fn a_browser_is_sent_to_sign_in_and_a_program_gets_a_status() {
    let world = World::new(&(head("") + &demo("/", "upstream = \"http://127.0.0.1:9\"")));
    let page = world.get(&format!("{APP}/deep/page?a=1&b=%2F"), BROWSER).await;
    assert_eq!(page.status, StatusCode::FOUND);
    let expected = "https://app.example.com/oauth2/start?client=corp&rd=%2Fdeep%2Fpage%3Fa%3D1%26b%3D%252F";
    assert_eq!(page.location(), expected);
    for headers in [
        &[][..],
        &[("accept", "application/json")],
        &[("accept", "text/html"), ("authorization", "Bearer x.y.z")],
        &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")],
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
    ] {
        let answer = world.get(&format!("{APP}/deep/page"), headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}");
        assert_eq!(answer.location(), "");
        let bearer = headers.iter().any(|(name, _)| *name == "authorization");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge.contains("error=\"invalid_token\""), bearer, "{challenge}");
        assert_eq!(answer.json()["error"], "unauthorized");
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id").unwrap());
    }
    // A form that was sent is not replayed by a redirect.
    let headers = with(BROWSER, &[("content-type", "application/x-www-form-urlencoded")]);
    let form = world.send(STRANGER, request("POST", &format!("{APP}/"), &headers)).await;
    assert_eq!(form.status, StatusCode::UNAUTHORIZED);
    assert!(form.body.contains("/oauth2/start?"), "{}", form.body);
}

#[tokio::test]
async fn several_clients_make_a_choice() {
    let second = "\n[clients.second]\nissuer = \"corp\"\nid = \"second\"\ndisplay_name = \"Second door\"\n";
    let route = "\n[[routes]]\npath = \"/\"\nsign_in = [\"corp\", \"second\"]\nallow.signed_in = true\nupstream = \"http://127.0.0.1:9\"\n";
    let only = "\n[[routes]]\npath = \"/only\"\nsign_in = \"corp\"\nallow.signed_in = true\n";
    let world = World::new(&(head("") + second + route + only));
    let page = world.get(&format!("{APP}/a"), BROWSER).await;
    assert_eq!(page.location(), "https://app.example.com/oauth2/sign_in?rd=%2Fa");
    let chooser = world.get(page.location(), BROWSER).await;
    assert_eq!(chooser.status, StatusCode::OK);
    assert!(chooser.body.contains("Second door") && chooser.body.contains("client=corp"), "{}", chooser.body);
    // nginx leads people to `start` without a client: the route of the page decides.
    let start = world.get(&format!("{APP}/oauth2/start?rd=/a"), BROWSER).await;
    assert_eq!(start.status, StatusCode::OK);
    let start = world.get(&format!("{APP}/oauth2/start?rd=/only/x"), BROWSER).await;
    assert!(start.location().starts_with("https://login.test/"), "{start:?}");
}

#[tokio::test]
async fn where_several_issuers_are_accepted_it_is_told_which_one_vouched() {
    let partner = "\n[issuers.partner]\nurl = \"https://partner.test\"\naudiences = [\"api://podinfo\"]\n";
    let both = demo("/both", "accept = [\"corp\", \"partner\"]\nname = \"both\"");
    let world = World::new(&(head("") + partner + &demo("/", "name = \"one\"") + &both));
    let alice = world.sign_in(APP, "alice").await;
    for (route, issuer) in [("one", None), ("both", Some("corp"))] {
        let claim = [cookie(&alice), ("x-auth-request-issuer", "partner")];
        let answer = world.get(&format!("{APP}/oauth2/auth?route={route}"), &claim).await;
        assert_eq!((answer.status, answer.header("x-auth-request-issuer")), (StatusCode::ACCEPTED, issuer), "{route}");
    }
}

#[tokio::test]
async fn who_is_admitted_passes_and_who_is_not_is_told_so() {
    let world = World::new(&(head("") + &demo("/", "")));
    let alice = world.sign_in(APP, "alice").await;
    let answer = world.get(&format!("{APP}/oauth2/auth"), &[cookie(&alice)]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.header("x-auth-request-user"), Some("alice@dev.test"));
    let mallory = world.sign_in(APP, "mallory").await;
    let answer = world.get(&format!("{APP}/oauth2/auth"), &[cookie(&mallory)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.headers.keys().any(|n| n.as_str().starts_with("x-auth-request")), "{answer:?}");
    let page = world.get(&format!("{APP}/oauth2/auth"), &with(BROWSER, &[cookie(&mallory)])).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("mallory@dev.test"), "{}", page.body);
    // Known tokens and sessions, and new ones.
    for (user, expected) in [("alice", StatusCode::ACCEPTED), ("mallory", StatusCode::FORBIDDEN)] {
        let token = format!("bearer {}", world.token(user));
        for _ in 0..3 {
            let answer = world.get(&format!("{APP}/oauth2/auth"), &[("authorization", &token)]).await;
            assert_eq!(answer.status, expected, "{user}");
        }
    }
}

#[tokio::test]
async fn a_bad_bearer_never_falls_back_to_the_cookie() {
    let world = World::new(&(head("") + &demo("/", "")));
    let alice = world.sign_in(APP, "alice").await;
    for token in ["Bearer x", "Bearer a.b.c", "Bearer ", "Bearer"] {
        let answer =
            world.get(&format!("{APP}/oauth2/auth"), &with(BROWSER, &[cookie(&alice), ("authorization", token)])).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token}");
        assert_eq!(answer.location(), "");
    }
    let twice = [cookie(&alice), ("authorization", "Bearer x"), ("authorization", "Basic eDp5")];
    assert_eq!(world.get(&format!("{APP}/oauth2/auth"), &twice).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_bearer_token_on_a_route_without_bearer_is_refused_unless_it_is_the_upstreams() {
    let none = "accept = []\nupstream = \"http://127.0.0.1:9\"\n";
    for (pass, expected) in [("", StatusCode::UNAUTHORIZED), ("pass.authorization = true", StatusCode::BAD_GATEWAY)] {
        let world = World::new(&(head("") + &demo("/", &format!("{none}{pass}"))));
        let alice = world.sign_in(APP, "alice").await;
        let token = format!("Bearer {}", world.token("alice"));
        let answer = world.get(&format!("{APP}/"), &[cookie(&alice), ("authorization", &token)]).await;
        assert_eq!(answer.status, expected, "{pass}");
        let alone = world.get(&format!("{APP}/"), &[("authorization", &token)]).await;
        assert_eq!(alone.status, StatusCode::UNAUTHORIZED, "{pass}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_makes_a_new_token_undecided_and_not_bad() {
    let world = World::new(&(head("") + &demo("/", "")));
    world.tenant.set_fault(Fault::new(FaultKind::Down).on(Endpoint::Discovery));
    let token = format!("Bearer {}", world.token("alice"));
    let answer = world.get(&format!("{APP}/oauth2/auth"), &[("authorization", &token)]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").is_some());
    assert!(answer.header("www-authenticate").is_none());
}

#[tokio::test]
async fn a_decision_is_not_remembered_past_the_end_of_the_token() {
    let world = World::new(&(head("") + &demo("/", "")));
    let token = format!("Bearer {}", world.token("alice"));
    let url = format!("{APP}/oauth2/auth");
    assert_eq!(world.get(&url, &[("authorization", &token)]).await.status, StatusCode::ACCEPTED);
    world.pass(Duration::from_secs(3600 + 61));
    assert_eq!(world.get(&url, &[("authorization", &token)]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_sign_out_ends_a_remembered_session_at_once() {
    let world = World::new(&(head("") + &demo("/", "")));
    let alice = world.sign_in(APP, "alice").await;
    let url = format!("{APP}/oauth2/auth");
    for _ in 0..2 {
        assert_eq!(world.get(&url, &[cookie(&alice)]).await.status, StatusCode::ACCEPTED);
    }
    let headers = [cookie(&alice), ("sec-fetch-site", "same-origin"), ("origin", APP)];
    let out = world.send(STRANGER, request("POST", &format!("{APP}/oauth2/sign_out"), &headers)).await;
    assert!(out.status.is_redirection(), "{out:?}");
    assert_eq!(world.get(&url, &[cookie(&alice)]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_of_another_client_is_no_session_here() {
    let second = "\n[clients.second]\nissuer = \"corp\"\nid = \"second\"\n";
    let routes = "\n[[routes]]\nname = \"one\"\npath = \"/\"\nsign_in = \"corp\"\nallow.signed_in = true\n\n[[routes]]\nname = \"two\"\npath = \"/two\"\nsign_in = \"second\"\nallow.signed_in = true\n";
    let world = World::new(&(head("") + second + routes));
    let alice = world.sign_in(APP, "alice").await;
    for (route, expected) in [("one", StatusCode::ACCEPTED), ("two", StatusCode::UNAUTHORIZED)] {
        let answer = world.get(&format!("{APP}/oauth2/auth?route={route}"), &[cookie(&alice)]).await;
        assert_eq!(answer.status, expected, "{route}");
    }
}

#[tokio::test]
async fn userinfo_tells_who_one_is() {
    let world = World::new(&(head("") + &demo("/", "")));
    let alice = world.sign_in(APP, "alice").await;
    let url = format!("{APP}/oauth2/userinfo");
    let token = format!("Bearer {}", world.token("alice"));
    for header in [cookie(&alice), ("authorization", token.as_str())] {
        let info = world.get(&url, &[header]).await;
        assert_eq!(info.status, StatusCode::OK, "{info:?}");
        let json = info.json();
        assert_eq!(json["user"], "alice@dev.test");
        assert_eq!(json["groups"], serde_json::json!([gangplank_idp::DEMO_GROUP_ID]), "only groups of rules");
        assert!(json["expires"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(world.get(&url, &[]).await.status, StatusCode::UNAUTHORIZED);
    let bad = [cookie(&alice), ("authorization", "Bearer x")];
    assert_eq!(world.get(&url, &bad).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn endpoints_are_exact_paths_with_their_methods() {
    let world = World::new(&(head("") + &open("/", "upstream = \"http://127.0.0.1:9\"")));
    for (method, path, expected) in [
        ("GET", "/oauth2", 404),
        ("GET", "/oauth2/", 404),
        ("GET", "/oauth2/nothing", 404),
        ("GET", "/oauth2/start/", 404),
        ("GET", "/oauth2/auth/x", 404),
        ("GET", "/oauth2/static/../start", 400),
        ("GET", "/oauth2/%2e%2e/", 400),
        ("GET", "//oauth2/userinfo", 400),
        ("GET", "/oauth2;x/userinfo", 400),
        ("GET", "/o%61uth2/userinfo", 401),
        ("POST", "/oauth2/start", 405),
        ("PUT", "/oauth2/sign_out", 405),
        ("DELETE", "/oauth2/userinfo", 405),
        ("GET", "/oauth2x", 502),
        ("GET", "/healthz", 200),
        ("POST", "/healthz", 405),
        ("GET", "/healthz/", 502),
    ] {
        let answer = world.send(STRANGER, request(method, &format!("{APP}{path}"), &[])).await;
        assert_eq!(answer.status.as_u16(), expected, "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), expected == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn a_form_of_any_size_is_not_read() {
    let world = World::new(&(head("") + &demo("/", "")));
    let (head, _) = request("POST", &format!("{APP}/oauth2/sign_out"), &[]).into_parts();
    let huge = http::Request::from_parts(head, http_body_util::Full::new(bytes::Bytes::from(vec![b'x'; 1 << 20])));
    assert_eq!(world.send(STRANGER, huge).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn readiness_waits_for_the_providers_that_routes_need_once() {
    let world = World::new(&(head("") + &demo("/", "")));
    world.tenant.set_fault(Fault::new(FaultKind::Down).on(Endpoint::Discovery).times(1));
    let url = format!("{APP}/readyz");
    assert_eq!(world.get(&url, &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.gate.readiness()[0].issuer, "corp");
    let for_all = world.get(&url, &[]).await.body;
    let request = request("GET", "http://127.0.0.1:9090/readyz", &[]);
    let for_machines = Answer::read(world.gate.operations(&request, &peer_of("192.0.2.9"))).await;
    assert_eq!((for_all.as_str(), for_machines.body.as_str()), ("not ready\n", "not ready: corp\n"));
    assert_eq!(for_machines.status, StatusCode::SERVICE_UNAVAILABLE);
    let background = world.gate.start();
    tokio::time::pause();
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.get(&url, &[]).await.status, StatusCode::OK);
    drop(background);
    // Later trouble does not take it out of service.
    world.tenant.set_fault(Fault::new(FaultKind::Down));
    assert_eq!(world.get(&url, &[]).await.status, StatusCode::OK);

    let nobody = World::new(&(head("") + &open("/", "")));
    assert_eq!(nobody.get(&url, &[]).await.status, StatusCode::OK, "no route needs the provider");
}

#[tokio::test]
async fn metrics_count_by_route_and_answer() {
    let world = World::new(&(head("") + &demo("/", "name = \"app\"")));
    let alice = world.sign_in(APP, "alice").await;
    let url = format!("{APP}/oauth2/auth");
    world.get(&url, &[cookie(&alice)]).await;
    world.get(&url, &[cookie(&alice)]).await;
    world.get(&url, &[]).await;
    world.get(&format!("{APP}/oauth2/javascript"), &[]).await;
    let scrape = world.gate.operations(&request("GET", "http://127.0.0.1:9090/metrics", &[]), &peer_of("192.0.2.9"));
    let text = Answer::read(scrape).await.body;
    for line in [
        r#"gangplank_requests_total{route="app",answer="allowed",method="session"} 2"#,
        r#"gangplank_requests_total{route="app",answer="unauthorized",method="none"} 1"#,
        r#"gangplank_refusals_total{reason="not-signed-in",fault="caller"} 1"#,
        r#"gangplank_refusals_total{reason="endpoint-unknown",fault="caller"} 1"#,
        r#"gangplank_decisions_total{source="remembered"} 1"#,
        r#"gangplank_decisions_total{source="made"} 1"#,
        r#"gangplank_provider_up{issuer="corp"}"#,
        r#"gangplank_provider_keys{issuer="corp"} 2"#,
        r#"gangplank_provider_last_fetch_timestamp_seconds{issuer="corp"} 18"#,
        r#"gangplank_provider_fetches_total{issuer="corp"} 1"#,
        r#"gangplank_provider_fetch_failures_total{issuer="corp",cause="unanswered"} 0"#,
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(!text.contains("script"), "nothing a caller sends becomes a label");
    for path in ["/", "/oauth2/auth", "/metrics/"] {
        let answer = Answer::read(
            world.gate.operations(&request("GET", &format!("http://h{path}"), &[]), &peer_of("192.0.2.9")),
        )
        .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(world.get(&format!("{APP}/metrics"), &[]).await.status, StatusCode::NOT_FOUND);
    drop(world.shared);
}
