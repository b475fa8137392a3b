//! The story of a sign-in, and of those who try to bend it.

use std::time::Duration;

use gangplank_idp::{DEMO_GROUP_ID, Endpoint, Fault, FaultKind};
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, Response, StatusCode};
use url::Url;

use super::testing::*;
use super::{SignInRefusal, start};
use crate::body::Body;
use crate::config::CookiesConfig;
use crate::return_target::LONGEST;
use crate::session::SessionOutcome;

fn query(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

#[tokio::test]
async fn somebody_signs_in_and_is_known() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    assert!(matches!(browser.request(&world).await, SessionOutcome::Absent));
    let url = browser.start(&world, "/deep/link?a=1&next=https://x//y").await;
    assert_eq!(query(&url, "redirect_uri"), "https://app.example.com/oauth2/callback");
    assert_eq!(query(&url, "code_challenge_method"), "S256");
    assert!(matches!(browser.request(&world).await, SessionOutcome::Absent), "a browser's mark is no session");
    let callback = world.at_provider(&url, "alice");
    let response = browser.come_back(&world, &callback).await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(&response), "/deep/link?a=1&next=https://x//y");
    let session = live(browser.request(&world).await);
    let identity = session.authenticated.identity();
    assert_eq!(identity.username, "alice@dev.test");
    assert_eq!(identity.groups, [DEMO_GROUP_ID], "only groups that rules name");
    assert_eq!(session.ends, world.now() + 10 * HOUR);
    assert!(session.refresh_after > world.now() && session.refresh_after < world.now() + HOUR);
    assert!(session.access_token.is_none());
}

#[tokio::test]
async fn header_blocks_and_cookies_stay_small_for_everybody() {
    let world = World::new(Setup::default());
    let longest = format!("/{}", "a".repeat(LONGEST - 1));
    for user in ["alice", "bob", "carol", "mallory"] {
        let mut browser = Browser::new();
        // `take` measures every answer.
        assert_eq!(browser.sign_in(&world, user, &longest).await, longest, "{user}");
        live(browser.request(&world).await);
    }
    let mut browser = Browser::new();
    let start = browser.try_start(&world, Some(&longest), None).await.unwrap();
    assert!(start::header_size(&start) <= 3_584, "{}", start::header_size(&start));
}

#[tokio::test]
async fn overage_is_resolved_only_when_a_rule_asks_for_groups() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    browser.sign_in(&world, "bob", "/").await;
    assert_eq!(live(browser.request(&world).await).authenticated.identity().groups, [DEMO_GROUP_ID]);
    assert!(world.tenant.counts().graph > 0);
    let world = World::new(Setup { rule_groups: Vec::new(), ..Setup::default() });
    Browser::new().sign_in(&world, "bob", "/").await;
    assert_eq!(world.tenant.counts().graph, 0);
}

#[tokio::test]
async fn two_tabs_sign_in_at_once_and_both_arrive() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let one = browser.start(&world, "/one").await;
    let two = browser.start(&world, "/two").await;
    let (one, two) = (world.at_provider(&one, "alice"), world.at_provider(&two, "alice"));
    assert_eq!(location(&browser.come_back(&world, &two).await.unwrap()), "/two");
    let session = browser.cookie.clone();
    assert_eq!(location(&browser.come_back(&world, &one).await.unwrap()), "/one");
    assert_eq!(browser.cookie, session, "the session of the first tab stays");
    assert_eq!(world.tenant.counts().code_grants, 1);
}

#[tokio::test]
async fn a_code_is_never_redeemed_for_another_browser() {
    let world = World::new(Setup::default());
    let mut attacker = Browser::new();
    let url = attacker.start(&world, "/").await;
    let callback = world.at_provider(&url, "mallory");
    // A victim without a cookie, and one who is just signing in: both start over, as themselves.
    for began in [false, true] {
        let mut victim = Browser::new();
        if began {
            victim.start(&world, "/mine").await;
        }
        let response = victim.come_back(&world, &callback).await.unwrap();
        assert!(location(&response).starts_with("https://login.test/"), "{response:?}");
        assert!(matches!(victim.request(&world).await, SessionOutcome::Absent));
    }
    // One who is signed in stays who they are.
    let mut victim = Browser::new();
    victim.sign_in(&world, "alice", "/").await;
    let granted = world.tenant.counts().code_grants;
    assert_eq!(location(&victim.come_back(&world, &callback).await.unwrap()), "/");
    assert_eq!(live(victim.request(&world).await).authenticated.identity().username, "alice@dev.test");
    assert_eq!(world.tenant.counts().code_grants, granted);
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookie_gets_an_explanation_and_not_a_loop() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let first = browser.start(&world, "/page").await;
    browser.cookie = None;
    let again = location(&browser.come_back(&world, &world.at_provider(&first, "alice")).await.unwrap());
    browser.cookie = None;
    let refusal = browser.come_back(&world, &world.at_provider(&again, "alice")).await.unwrap_err();
    assert_eq!(refusal.reason().name, "sign-in-loop");
    let told = refusal.outward();
    assert!(told.text.contains("__Host-gangplank") && told.text.contains("app.example.com"), "{}", told.text);
    assert_eq!(world.tenant.counts().code_grants, 0);
}

#[tokio::test]
async fn a_session_that_never_reaches_the_app_ends_the_merry_go_round() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    for lap in 0..4 {
        assert_eq!(browser.sign_in(&world, "alice", "/").await, "/", "{lap}");
        world.pass(Duration::from_secs(2));
    }
    assert_eq!(refusal(browser.try_start(&world, Some("/"), None).await), "sign-in-loop");
    world.pass(Duration::from_secs(60));
    browser.sign_in(&world, "alice", "/").await;
}

#[tokio::test]
async fn a_callback_counts_once() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let url = browser.start(&world, "/page").await;
    let before = browser.clone();
    let callback = world.at_provider(&url, "alice");
    browser.come_back(&world, &callback).await.unwrap();
    // Reloaded with the session: on to the page. Replayed with the old cookie: from the beginning.
    assert_eq!(location(&browser.come_back(&world, &callback).await.unwrap()), "/page");
    let replayed = before.clone().come_back(&world, &callback).await.unwrap();
    assert!(location(&replayed).starts_with("https://login.test/"));
    assert_eq!(world.tenant.counts().code_grants, 1);
}

#[tokio::test]
async fn a_sign_in_that_took_too_long_starts_again_toward_the_same_page() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let url = browser.start(&world, "/page").await;
    world.pass(Duration::from_secs(16 * 60));
    let again = location(&browser.come_back(&world, &world.at_provider(&url, "alice")).await.unwrap());
    let done = browser.come_back(&world, &world.at_provider(&again, "alice")).await.unwrap();
    assert_eq!(location(&done), "/page");
    assert_eq!(world.tenant.counts().code_grants, 1);
}

#[tokio::test]
async fn a_new_session_inherits_nothing_and_ends_the_old_one() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    browser.sign_in(&world, "alice", "/").await;
    let old = browser.clone();
    let before = live(old.clone().request(&world).await);
    let url = location(&browser.try_start(&world, Some("/"), Some("prompt=select_account")).await.unwrap());
    assert_eq!(query(&url, "prompt"), "select_account");
    browser.come_back(&world, &world.at_provider(&url, "mallory")).await.unwrap();
    let session = live(browser.request(&world).await);
    assert_eq!(session.authenticated.identity().username, "mallory@dev.test");
    assert!(session.authenticated.identity().groups.is_empty());
    assert_eq!(refused(old.clone().request(&world).await), "session-signed-out");
    assert!(before.life.is_ended(world.now()) && !session.life.is_ended(world.now()));
}

#[tokio::test]
async fn a_planted_cookie_is_not_taken_over() {
    let world = World::new(Setup::default());
    let mut attacker = Browser::new();
    attacker.sign_in(&world, "mallory", "/").await;
    let planted = attacker.cookie.clone();
    let mut victim = Browser { cookie: planted.clone(), ..Browser::new() };
    victim.sign_in(&world, "alice", "/").await;
    assert_ne!(victim.cookie, planted);
    assert_eq!(live(victim.request(&world).await).authenticated.identity().username, "alice@dev.test");
    // What the attacker still holds is neither alice's nor good for anything.
    assert_eq!(refused(attacker.request(&world).await), "session-signed-out");
}

#[tokio::test]
async fn bad_callbacks_are_refused_by_name() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let url = browser.start(&world, "/").await;
    let state = query(&url, "state");
    let at = |query: &str| Url::parse(&format!("https://app.example.com/oauth2/callback?{query}")).unwrap();
    let (head, tail) = state.split_at(state.len() / 2);
    let changed = format!("{head}{}{}", if tail.starts_with('x') { 'y' } else { 'x' }, &tail[1..]);
    for (query, name) in [
        ("".to_owned(), "callback-malformed"),
        (format!("state={state}"), "callback-malformed"),
        (format!("code=x&code=y&state={state}"), "callback-malformed"),
        (format!("code=x&state={state}&state={state}"), "callback-malformed"),
        ("code=x&state=nonsense".to_owned(), "callback-state-invalid"),
        (format!("code=x&state={changed}"), "callback-state-invalid"),
        (format!("code=x&state={}", "A".repeat(4000)), "callback-state-invalid"),
        (format!("code=x&state={}", "A".repeat(9000)), "callback-malformed"),
        ("error=server_error".to_owned(), "provider-overloaded"),
    ] {
        let answer = browser.clone().come_back(&world, &at(&query)).await;
        let named = refusal(answer);
        assert!(
            named == name || (name == "callback-malformed" && named.starts_with("callback")),
            "{}: {named}",
            &query[..query.len().min(40)]
        );
    }
    assert_eq!(world.tenant.counts().token, 0);
    let denied = at(&format!("error=access_denied&error_description=AADSTS65004%0d%0a&state={state}"));
    let refused = browser.come_back(&world, &denied).await.unwrap_err();
    assert_eq!((refused.reason().name, refused.outward().status), ("consent-declined", StatusCode::FORBIDDEN));
}

#[tokio::test]
async fn another_providers_answer_is_refused() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let url = browser.start(&world, "/").await;
    let mut callback = world.at_provider(&url, "alice");
    callback.query_pairs_mut().append_pair("iss", "https://evil.test");
    assert_eq!(refusal(browser.come_back(&world, &callback).await), "callback-issuer");
    assert_eq!(world.tenant.counts().code_grants, 0);
}

#[tokio::test]
async fn a_sign_in_comes_back_to_the_host_it_began_at() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let url = browser.start(&world, "/").await;
    let callback = world.at_provider(&url, "alice");
    browser.host = "other.example.com";
    assert_eq!(refusal(browser.come_back(&world, &callback).await), "callback-state-elsewhere");
    let url = browser.start(&world, "/").await;
    assert_eq!(query(&url, "redirect_uri"), "https://other.example.com/oauth2/callback");
    browser.host = "evil.test";
    let unknown = browser.try_start(&world, Some("/"), None).await.unwrap_err();
    assert_eq!(unknown.outward().status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hosts_that_share_a_cookie_sign_in_at_one_place() {
    let cookies = CookiesConfig { domain: Some("example.com".to_owned()), ..CookiesConfig::default() };
    let world = World::new(Setup { public_url: "https://auth.example.com", cookies, ..Setup::default() });
    let mut browser = Browser { host: "other.example.com", ..Browser::new() };
    let url = browser.start(&world, "/page").await;
    assert_eq!(query(&url, "redirect_uri"), "https://auth.example.com/oauth2/callback");
    browser.host = "auth.example.com";
    let done = browser.come_back(&world, &world.at_provider(&url, "alice")).await.unwrap();
    assert_eq!(location(&done), "https://other.example.com/page");
    browser.host = "other.example.com";
    live(browser.request(&world).await);
}

#[tokio::test]
async fn hostile_return_targets_end_at_the_front_page_and_are_counted() {
    let world = World::new(Setup::default());
    for target in
        ["//evil.test", "/\\evil.test", "https://evil.test/", "javascript:alert(1)", "/oauth2/sign_out", "/\r\nx:y"]
    {
        assert_eq!(Browser::new().sign_in(&world, "alice", target).await, "/", "{target:?}");
    }
    // Judged at the start, and not counted again at the end, where it is `/` already.
    assert_eq!(world.shared.sessions().refused_targets(), 6);
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_to_be_and_asked_again_later() {
    let world = World::new(Setup::default());
    world.tenant.set_fault(Fault::new(FaultKind::Down));
    let refusal = Browser::new().try_start(&world, Some("/"), None).await.unwrap_err();
    assert_eq!(refusal.outward().status, StatusCode::SERVICE_UNAVAILABLE);
    world.tenant.clear_faults();
    world.pass(Duration::from_secs(2));
    let mut browser = Browser::new();
    let url = browser.start(&world, "/").await;
    let callback = world.at_provider(&url, "alice");
    world.tenant.set_fault(Fault::new(FaultKind::Down).on(Endpoint::Token));
    let refusal = browser.come_back(&world, &callback).await.unwrap_err();
    assert_eq!(refusal.outward().status, StatusCode::SERVICE_UNAVAILABLE);
    world.tenant.clear_faults();
    browser.sign_in(&world, "alice", "/").await;
}

#[tokio::test]
async fn tokens_of_another_issuer_begin_no_session() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let url = browser.start(&world, "/").await;
    let callback = world.at_provider(&url, "alice");
    world.tenant.set_fault(Fault::new(FaultKind::WrongIssuerInTokens));
    let refusal = browser.come_back(&world, &callback).await.unwrap_err();
    assert_eq!(refusal.outward().status, StatusCode::BAD_GATEWAY);
    assert!(matches!(browser.request(&world).await, SessionOutcome::Absent));
}

#[tokio::test]
async fn several_providers_are_offered() {
    let world = World::new(Setup { clients: vec!["corp", "partners"], ..Setup::default() });
    let mut browser = Browser::new();
    let response = browser.try_start(&world, Some("/page"), None).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let page = text(response);
    assert!(page.contains("/oauth2/start?client=corp&#38;rd=%2Fpage") && page.contains("PARTNERS"), "{page}");
    let context = browser.context(&world, "/oauth2/start", None);
    let none = http::HeaderMap::new();
    let start = |client| world.sign_in.start(&context, &none, Some(client), Some("/page"));
    assert!(location(&start("partners").await.unwrap()).starts_with("https://login.test/"));
    assert_eq!(refusal(start("nobody").await), "sign-in-client-unknown");
}

fn text(mut response: Response<Body>) -> String {
    match response.body_mut() {
        Body::Full(bytes) => String::from_utf8(bytes.take().unwrap().to_vec()).unwrap(),
        Body::Stream(_) => panic!("not a page"),
    }
}

async fn sign_out(world: &World, browser: &mut Browser, headers: &[(&'static str, &str)], form: &str) -> Answer {
    let context = browser.context(world, "/oauth2/sign_out", None);
    let mut all = browser.headers();
    for (name, value) in headers {
        all.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let answer = world.sign_in.sign_out(&context, &all, form.as_bytes()).await;
    if let Ok(response) = &answer {
        browser.take(response);
    }
    answer
}

#[tokio::test]
async fn signing_out_ends_the_session_everywhere_and_goes_to_the_provider() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    browser.sign_in(&world, "alice", "/").await;
    let copy = browser.clone();
    let session = live(browser.request(&world).await);
    let response = sign_out(&world, &mut browser, &[("sec-fetch-site", "same-origin")], "").await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let next = location(&response);
    assert!(next.starts_with("https://login.test/"), "{next}");
    assert_eq!(query(&next, "post_logout_redirect_uri"), "https://app.example.com/oauth2/signed_out");
    assert_eq!(browser.cookie, None, "cleared");
    assert!(session.life.is_ended(world.now()));
    assert_eq!(refused(copy.clone().request(&world).await), "session-signed-out");
}

#[tokio::test]
async fn nobody_else_can_sign_somebody_out() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    browser.sign_in(&world, "alice", "/").await;
    // Asking for the page changes nothing.
    let context = browser.context(&world, "/oauth2/sign_out", None);
    let page = world.sign_in.confirm_sign_out(&context, &browser.headers());
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.contains("form-action 'self' https://login.test"), "{policy}");
    let token = text(page).split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut other = Browser::new();
    other.sign_in(&world, "mallory", "/").await;
    let page = world.sign_in.confirm_sign_out(&other.context(&world, "/oauth2/sign_out", None), &other.headers());
    let others = text(page).split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (mine, others) = (format!("token={token}"), format!("token={others}"));
    for (headers, form) in [
        (&[("sec-fetch-site", "cross-site")][..], &*mine),
        (&[("sec-fetch-site", "same-site")], &mine),
        (&[("sec-fetch-site", "none")], &mine),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example.com")], &mine),
        (&[("origin", "https://evil.test")], &mine),
        (&[("origin", "https://app.example.com.evil.test")], &mine),
        (&[("origin", "http://app.example.com")], &mine),
        (&[("origin", "null")], &mine),
        (&[], ""),
        (&[], "token="),
        (&[], "token=nonsense"),
        (&[], &others),
    ] {
        assert_eq!(refusal(sign_out(&world, &mut browser, headers, form).await), "sign-out-cross-site", "{headers:?}");
        live(browser.request(&world).await);
    }
    for (headers, form) in [(&[("origin", "https://app.example.com")][..], ""), (&[], &*mine)] {
        let mut copy = Browser::new();
        copy.sign_in(&world, "carol", "/").await;
        let signs_out = if form.is_empty() { &mut copy } else { &mut browser };
        sign_out(&world, signs_out, headers, form).await.unwrap();
        assert!(matches!(signs_out.request(&world).await, SessionOutcome::Absent));
    }
}

#[tokio::test]
async fn whoever_was_signed_out_elsewhere_signs_in_again() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    browser.sign_in(&world, "alice", "/").await;
    let mut copy = browser.clone();
    sign_out(&world, &mut copy, &[("sec-fetch-site", "same-origin")], "").await.unwrap();
    assert_eq!(refused(browser.request(&world).await), "session-signed-out");
    assert_eq!(browser.sign_in(&world, "alice", "/page").await, "/page");
    live(browser.request(&world).await);
    // And in the middle of it: the attempt is bound to a session that is gone, and starts once more.
    let url = browser.start(&world, "/page").await;
    sign_out(&world, &mut browser, &[("sec-fetch-site", "same-origin")], "").await.unwrap();
    let again = location(&browser.come_back(&world, &world.at_provider(&url, "alice")).await.unwrap());
    assert_eq!(location(&browser.come_back(&world, &world.at_provider(&again, "alice")).await.unwrap()), "/page");
}

#[tokio::test]
async fn keys_rotate_without_signing_anybody_out() {
    use std::sync::Arc;

    use gangplank_authn::seal::KeyRing;
    use secrecy::SecretString;
    let ring =
        |keys: &[&str]| Arc::new(KeyRing::from_secrets(keys.iter().map(|k| SecretString::from(*k)).collect()).unwrap());
    let (old, new) = ("rFqv3Yd1pZs7kT0wUxN5mB2cH8jL4gQe6aOiSy9VtXo=", "another-secret-of-sufficient-length-0123456789");
    let mut world = World::new(Setup::default());
    world.ring = ring(&[old]);
    world.reload(Setup::default());
    let mut browser = Browser::new();
    browser.sign_in(&world, "alice", "/").await;
    world.ring = ring(&[new, old]);
    world.reload(Setup::default());
    live(browser.request(&world).await);
    world.pass(HOUR);
    live(browser.request(&world).await);
    world.ring = ring(&[new]);
    world.reload(Setup::default());
    live(browser.request(&world).await);
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_sign_out_of() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    let context = browser.context(&world, "/oauth2/sign_out", None);
    assert!(text(world.sign_in.confirm_sign_out(&context, &browser.headers())).contains("You are signed out"));
    let response = sign_out(&world, &mut browser, &[("sec-fetch-site", "same-origin")], "").await.unwrap();
    assert_eq!(location(&response), "/oauth2/signed_out");
}

#[test]
fn what_sign_in_refuses_is_never_explained_outside() {
    let secret = "AADSTS50126";
    let reason = SignInRefusal::SessionSignedOut.reason();
    let refusal = SignInRefusal::Refused { error: secret.into(), description: secret.into(), reason };
    let told = refusal.outward();
    assert!(!told.text.contains(secret) && !told.heading.contains(secret));
}
