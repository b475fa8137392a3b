//! Forward-auth as nginx, Traefik, Caddy and Envoy ask for it.

use gangplank_idp::DEMO_GROUP_ID;
use http::StatusCode;

use crate::support::*;

const APP: &str = "https://app.example.com";
const SERVICE: &str = "http://gangplank.kube-system.svc:4180";

fn config(gate: &str) -> String {
    head(gate)
        + &demo("/", "name = \"app\"\nhost = \"app.example.com\"")
        + &open("/public", "name = \"public\"\nhost = \"app.example.com\"\nmethods = [\"GET\"]")
        + &demo("/", "name = \"wild\"\nhost = \"*.wild.example.com\"")
}

#[tokio::test]
async fn nginx_asks_with_the_original_url() {
    let world = World::new(&config("forwarded = \"nginx\""));
    let alice = world.sign_in(APP, "alice").await;
    for (url, method, with_cookie, expected) in [
        ("https://app.example.com/x?y=1", "GET", true, StatusCode::ACCEPTED),
        ("https://app.example.com/x", "DELETE", true, StatusCode::ACCEPTED),
        ("https://app.example.com/x", "GET", false, StatusCode::UNAUTHORIZED),
        ("https://app.example.com/public/x", "GET", false, StatusCode::ACCEPTED),
        ("https://app.example.com/public/x", "HEAD", false, StatusCode::ACCEPTED),
        ("https://app.example.com/public/x", "POST", false, StatusCode::FORBIDDEN),
        ("https://x.wild.example.com/", "GET", true, StatusCode::ACCEPTED),
        ("https://unknown.example.com/", "GET", true, StatusCode::FORBIDDEN),
        ("https://app.example.com/public/..%2fx", "GET", true, StatusCode::FORBIDDEN),
        ("https://app.example.com/public/../x", "GET", true, StatusCode::FORBIDDEN),
        ("not a url", "GET", true, StatusCode::BAD_REQUEST),
    ] {
        let mut headers = vec![("x-original-url", url), ("x-original-method", method), ("x-real-ip", "192.0.2.9")];
        headers.extend(with_cookie.then(|| cookie(&alice)));
        let answer = world.check(&format!("{SERVICE}/oauth2/auth"), &headers).await;
        assert_eq!(answer.status, expected, "{method} {url} {with_cookie}");
        assert!(answer.block() <= 4096);
    }
    // Without the method, a route that looks at it is not chosen.
    let answer =
        world.check(&format!("{SERVICE}/oauth2/auth"), &[("x-original-url", "https://app.example.com/public/x")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_answer_says_who_it_is() {
    let world = World::new(&config("forwarded = \"nginx\""));
    let alice = world.sign_in(APP, "alice").await;
    let headers = [("x-original-url", "https://app.example.com/"), ("x-original-method", "GET"), cookie(&alice)];
    for _ in 0..2 {
        let answer = world.check(&format!("{SERVICE}/oauth2/auth"), &headers).await;
        assert_eq!(answer.header("x-auth-request-user"), Some("alice@dev.test"));
        assert_eq!(answer.header("x-auth-request-preferred-username"), Some("alice@dev.test"));
        assert_eq!(answer.header("x-auth-request-groups"), Some(DEMO_GROUP_ID), "of fifty, the one that a rule names");
        assert_eq!(answer.header("x-auth-request-access-token"), None);
        assert_eq!(answer.body, "");
    }
}

#[tokio::test]
async fn traefik_and_caddy_ask_with_x_forwarded_headers_and_pass_redirects_on() {
    let world = World::new(&config("forwarded = \"x-forwarded\"\nredirect_from_auth = true"));
    let asked = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "app.example.com"),
        ("x-forwarded-uri", "/deep?x=1"),
        ("x-forwarded-for", "192.0.2.9"),
    ];
    let url = format!("{SERVICE}/oauth2/auth");
    let page = world.check(&url, &with(&asked, BROWSER)).await;
    assert_eq!(page.status, StatusCode::FOUND);
    assert_eq!(page.location(), "https://app.example.com/oauth2/start?client=corp&rd=%2Fdeep%3Fx%3D1");
    assert_eq!(world.check(&url, &asked).await.status, StatusCode::UNAUTHORIZED, "a program is not redirected");
    let api = with(&asked, &[("accept", "application/json"), ("sec-fetch-mode", "navigate")]);
    assert_eq!(world.check(&url, &api).await.status, StatusCode::UNAUTHORIZED);
    let alice = world.sign_in(APP, "alice").await;
    assert_eq!(world.check(&url, &with(&asked, &[cookie(&alice)])).await.status, StatusCode::ACCEPTED);
    for (header, value) in
        [("x-forwarded-host", "a.example.com, b"), ("x-forwarded-uri", "x"), ("x-forwarded-host", "")]
    {
        let mut torn: Vec<_> = asked.to_vec();
        torn.retain(|(name, _)| *name != header);
        torn.push((header, value));
        assert_eq!(world.check(&url, &torn).await.status, StatusCode::BAD_REQUEST, "{header}: {value}");
    }
    let twice = with(&asked, &[("x-forwarded-uri", "/public")]);
    assert_eq!(world.check(&url, &twice).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_shared_domain_signs_in_at_one_host_and_comes_back() {
    let config = config("redirect_from_auth = true") + "\n[cookies]\ndomain = \"example.com\"\n";
    let world = World::new(&config);
    let asked =
        [("x-forwarded-method", "GET"), ("x-forwarded-host", "x.wild.example.com"), ("x-forwarded-uri", "/deep")];
    let page = world.check(&format!("{SERVICE}/oauth2/auth"), &with(&asked, BROWSER)).await;
    let expected = "https://app.example.com/oauth2/start?client=corp&rd=https%3A%2F%2Fx.wild.example.com%2Fdeep";
    assert_eq!(page.location(), expected);
}

#[tokio::test]
async fn nginx_gets_no_redirect() {
    let world = World::new(&config("forwarded = \"nginx\""));
    let headers = with(BROWSER, &[("x-original-url", "https://app.example.com/"), ("x-original-method", "GET")]);
    let answer = world.check(&format!("{SERVICE}/oauth2/auth"), &headers).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.header("www-authenticate").is_some());
}

#[tokio::test]
async fn envoy_asks_behind_the_prefix() {
    let world = World::new(&config("forwarded = \"envoy\""));
    let alice = world.sign_in(APP, "alice").await;
    for (method, path, with_cookie, expected) in [
        ("GET", "/x?route=public", true, StatusCode::OK),
        ("GET", "/x?route=public", false, StatusCode::UNAUTHORIZED),
        ("GET", "/public/x", false, StatusCode::OK),
        ("POST", "/public/x", false, StatusCode::FORBIDDEN),
        ("GET", "/", true, StatusCode::OK),
        ("GET", "/public/../x", true, StatusCode::BAD_REQUEST),
        ("GET", "/public/%2e%2e/x", true, StatusCode::BAD_REQUEST),
        ("GET", "//public/x", false, StatusCode::FORBIDDEN),
    ] {
        let headers: Vec<_> = with_cookie.then(|| cookie(&alice)).into_iter().collect();
        let answer = world.send(PROXY, request(method, &format!("{APP}/oauth2/auth{path}"), &headers)).await;
        assert_eq!(answer.status, expected, "{method} {path} {with_cookie}");
    }
    let stranger = world.get(&format!("{APP}/oauth2/auth/public/x"), &[]).await;
    assert_eq!(stranger.status, StatusCode::FORBIDDEN, "the line of a stranger's check is not believed");
}

#[tokio::test]
async fn a_route_can_be_named() {
    let world = World::new(&config(""));
    let alice = world.sign_in(APP, "alice").await;
    for (query, expected) in [
        ("route=app", StatusCode::ACCEPTED),
        ("x=1&route=app", StatusCode::ACCEPTED),
        ("route=nothing", StatusCode::FORBIDDEN),
        ("route=", StatusCode::FORBIDDEN),
        ("route=app&route=public", StatusCode::FORBIDDEN),
        // Rules that oauth2-proxy would obey are not passed over.
        ("route=app&allowed_groups=admins", StatusCode::FORBIDDEN),
        ("allowed%5Femails=a@example.com&route=app", StatusCode::FORBIDDEN),
        ("route=app&allowed_email_domains=", StatusCode::FORBIDDEN),
    ] {
        let answer = world.get(&format!("{SERVICE}/oauth2/auth?{query}"), &[cookie(&alice)]).await;
        assert_eq!(answer.status, expected, "{query}");
    }
}

#[tokio::test]
async fn without_any_of_it_only_a_host_with_one_route_can_be_asked_about() {
    let world = World::new(&config(""));
    let alice = world.sign_in(APP, "alice").await;
    for (host, expected) in [
        ("https://app.example.com", StatusCode::FORBIDDEN),
        ("https://x.wild.example.com", StatusCode::ACCEPTED),
        ("https://unknown.example.com", StatusCode::FORBIDDEN),
    ] {
        let answer = world.get(&format!("{host}/oauth2/auth"), &[cookie(&alice)]).await;
        assert_eq!(answer.status, expected, "{host}");
    }
    let looks_at_methods = head("") + &open("/", "methods = [\"GET\"]");
    let answer = World::new(&looks_at_methods).get(&format!("{APP}/oauth2/auth"), &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "its method is not known");
}

#[tokio::test]
async fn the_access_token_is_told_where_a_route_asks_for_it() {
    let world = World::new(&(head("") + &demo("/", "pass.access_token = true")));
    let alice = world.sign_in(APP, "alice").await;
    let answer = world.get(&format!("{APP}/oauth2/auth"), &[cookie(&alice)]).await;
    let token = answer.header("x-auth-request-access-token").expect("a token");
    assert_eq!(token.split('.').count(), 3);
    assert!(answer.block() <= 4096, "{}", answer.block());
    let bearer = world.token("alice");
    let answer = world.get(&format!("{APP}/oauth2/auth"), &[("authorization", &format!("Bearer {bearer}"))]).await;
    assert_eq!(answer.header("x-auth-request-access-token"), Some(bearer.as_str()));
}

#[tokio::test]
async fn a_block_that_would_be_too_large_goes_without_the_groups() {
    let groups: Vec<String> = (0..200).map(|i| format!("\"c0ffee00-0000-4000-8000-{i:012}\"")).collect();
    let route = format!("\n[[routes]]\npath = \"/\"\naccept = [\"corp\"]\nallow.groups = [{}]\n", groups.join(", "));
    let world = World::new(&(head("") + &route));
    let now = gangplank_oauth::Clock::now(&*world.clock).as_secs();
    let member: Vec<String> = groups.iter().map(|g| g.trim_matches('"').to_owned()).collect();
    let token = world.tenant.mint_claims(&serde_json::json!({
        "iss": world.tenant.issuer(), "aud": gangplank_idp::API_ID, "tid": gangplank_idp::TENANT_ID, "sub": "s",
        "oid": "00000000-0000-0000-0000-000000000009", "azp": "c", "ver": "2.0", "scp": "read",
        "preferred_username": "somebody", "groups": member, "iat": now, "nbf": now, "exp": now + 600,
    }));
    let token = format!("Bearer {}", token.unwrap());
    let answer = world.get(&format!("{APP}/oauth2/auth"), &[("authorization", &token)]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(answer.block() <= 4096 && answer.header("x-auth-request-groups").is_none());
    assert!(world.shared.metrics().text().contains("gangplank_groups_left_out_total 1"));
}

#[tokio::test]
async fn a_refresh_inside_a_check_sets_one_cookie_and_keeps_within_the_block() {
    for user in ["alice", "bob"] {
        let world = World::new(&config("forwarded = \"nginx\""));
        let before = world.sign_in(APP, user).await;
        let asked = [("x-original-url", "https://app.example.com/"), ("x-original-method", "GET")];
        let url = format!("{SERVICE}/oauth2/auth");
        assert_eq!(world.check(&url, &with(&asked, &[cookie(&before)])).await.cookie(), None);
        world.pass(std::time::Duration::from_secs(3_700));
        let answer = world.check(&url, &with(&asked, &[cookie(&before)])).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        let after = answer.cookie().expect("a newer cookie");
        assert_ne!(after, before);
        assert!(answer.block() <= 4096, "{user}: {}", answer.block());
        // What loads in parallel still carries the old one.
        let late = world.check(&url, &with(&asked, &[cookie(&before)])).await;
        assert_eq!(late.status, StatusCode::ACCEPTED);
        assert_eq!(late.cookie().as_deref(), Some(after.as_str()), "and is told the newer one, never remembered");
        let next = world.check(&url, &with(&asked, &[cookie(&after)])).await;
        assert_eq!((next.status, next.cookie()), (StatusCode::ACCEPTED, None));
        assert_eq!(world.tenant.counts().refresh_grants, 1);
    }
}
