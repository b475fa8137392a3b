//! The sign-in as somebody meets it who wants something else of it.

use http::StatusCode;

use crate::support::*;

const APP: &str = "https://app.example.com";
const ORIGINAL: &str = "https://app.example.com/deep/link?page=2&next=https://elsewhere.test/";

/// Goes through a whole sign-in: where it ends.
async fn ends_at(world: &World, peer: &str, start: &str, headers: &[(&str, &str)]) -> String {
    let answer = world.send(peer, request("GET", &format!("{APP}{start}"), &with(BROWSER, headers))).await;
    assert_eq!(answer.status, StatusCode::FOUND, "{start}: {answer:?}");
    let mark = answer.cookie().unwrap();
    let now = gangplank_oauth::Clock::now(&*world.clock);
    let back = world.tenant.drive_sign_in(answer.location(), "alice", now).unwrap();
    let done = world.get(&back, &with(BROWSER, &[cookie(&mark)])).await;
    done.location().to_owned()
}

fn nginx() -> World {
    World::new(&(head("forwarded = \"nginx\"") + &demo("/", "host = \"app.example.com\"")))
}

#[tokio::test]
async fn a_page_that_nginx_could_not_encode_is_returned_to_whole() {
    let world = nginx();
    let target = "/deep/link?page=2&next=https://elsewhere.test/";
    for start in [format!("/oauth2/start?rd={ORIGINAL}"), format!("/oauth2/start?client=corp&rd={target}")] {
        assert_eq!(ends_at(&world, STRANGER, &start, &[]).await, target);
    }
    for (start, end) in [
        ("/oauth2/start?rd=https://evil.test/?a=1&b=https://app.example.com/", "/"),
        ("/oauth2/start?rd=//evil.test/?a=1&b=2", "/"),
        ("/oauth2/start?rd=/a?b=1&client=theirs", "/a?b=1&client=theirs"),
        ("/oauth2/start?rd=/%6fauth2/start?rd=/", "/"),
    ] {
        assert_eq!(ends_at(&world, STRANGER, start, &[]).await, end, "{start}");
    }
}

#[tokio::test]
async fn without_a_page_the_one_that_a_trusted_proxy_tells_is_returned_to() {
    let world = nginx();
    let deep = "/deep/link?page=2&next=https://elsewhere.test/";
    for (peer, url, end) in [
        (PROXY, ORIGINAL, deep),
        (STRANGER, ORIGINAL, "/"),
        (PROXY, "https://evil.test/", "/"),
        (PROXY, "https://app.example.com/oauth2/start", "/"),
        (PROXY, "https://app.example.com/%6fauth2/start", "/"),
        (PROXY, "no url", "/"),
    ] {
        assert_eq!(ends_at(&world, peer, "/oauth2/start", &[("x-original-url", url)]).await, end, "{peer} {url}");
    }
    let named = ends_at(&world, PROXY, "/oauth2/start?rd=%2Fnamed", &[("x-original-url", ORIGINAL)]).await;
    assert_eq!(named, "/named");
}

#[tokio::test]
async fn nothing_of_the_endpoints_may_be_stored() {
    let world = nginx();
    let alice = world.sign_in(APP, "alice").await;
    for (path, headers) in [
        ("start", BROWSER.to_vec()),
        ("start?rd=/x", vec![]),
        ("callback", BROWSER.to_vec()),
        ("callback?code=a&state=b", vec![]),
        ("sign_in", BROWSER.to_vec()),
        ("sign_out", with(BROWSER, &[cookie(&alice)])),
        ("sign_out", vec![]),
        ("signed_out", vec![]),
        ("userinfo", vec![cookie(&alice)]),
        ("userinfo", vec![]),
        ("auth", vec![]),
        ("none", vec![]),
    ] {
        let answer = world.get(&format!("{APP}/oauth2/{path}"), &headers).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}: {answer:?}");
        let bare = answer.status == StatusCode::FOUND;
        assert!(bare || answer.header("x-content-type-options") == Some("nosniff"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn endpoints_know_their_methods() {
    let world = nginx();
    let alice = world.sign_in(APP, "alice").await;
    for name in ["start", "sign_in", "callback?code=x&state=y", "signed_out", "userinfo", "static/gangplank.css"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get"] {
            let request = request(method, &format!("{APP}/oauth2/{name}"), &[cookie(&alice)]);
            let answer = world.send(STRANGER, request).await;
            assert!(
                matches!(answer.status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND),
                "{method} {name}: {answer:?}"
            );
            assert_eq!(answer.cookie(), None);
        }
    }
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let request = request(method, &format!("{APP}/oauth2/sign_out"), &[cookie(&alice)]);
        assert_eq!(world.send(STRANGER, request).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(world.get(&format!("{APP}/oauth2/userinfo"), &[cookie(&alice)]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_with_a_newer_cookie_is_not_for_caches() {
    let world = nginx();
    let alice = world.sign_in(APP, "alice").await;
    let asked = [("x-original-url", "https://app.example.com/"), ("x-original-method", "GET"), cookie(&alice)];
    let url = format!("{APP}/oauth2/auth");
    let check = || world.check(&url, &asked);
    assert_eq!(check().await.header("cache-control"), None, "nginx may remember who may pass");
    world.pass(std::time::Duration::from_secs(3700));
    let answer = check().await;
    assert!(answer.status == StatusCode::ACCEPTED && answer.cookie().is_some(), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
