//! Sessions over time: refreshed once, served in the meantime, over when they are over.

use std::time::Duration;

use gangplank_idp::{DEMO_GROUP_ID, Endpoint, Fault, FaultKind, OUTSIDERS_GROUP_ID};
use http::HeaderValue;
use http::header::COOKIE;
use secrecy::ExposeSecret as _;

use super::shared::SharedSessions;
use super::{LiveSession, SessionOutcome};
use crate::sign_in::testing::*;

const MINUTE: Duration = Duration::from_secs(60);

async fn signed_in(world: &World) -> Browser {
    let mut browser = Browser::new();
    browser.sign_in(world, "alice", "/").await;
    browser
}

fn cookie_of(session: &LiveSession) -> Option<String> {
    session.set_cookie.as_ref().map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned())
}

/// Lets spawned tasks run to their end.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn fifty_requests_at_once_make_one_refresh_and_get_one_cookie() {
    let world = World::new(Setup::default());
    let browser = signed_in(&world).await;
    world.pass(HOUR);
    world.transport.gate.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let (sign_in, headers, now) = (world.sign_in.clone(), browser.headers(), world.now());
            tokio::spawn(async move { sign_in.session(&headers, now).await })
        })
        .collect();
    settle().await;
    assert!(requests.iter().all(|request| !request.is_finished()), "everybody waits for the one refresh");
    world.transport.gate.add_permits(1_000);
    let mut cookies = std::collections::BTreeSet::new();
    for request in requests {
        let session = live(request.await.unwrap());
        assert_eq!(session.authenticated.identity().username, "alice@dev.test");
        assert_eq!(session.refresh_after, world.now(), "not to be remembered for the old cookie");
        cookies.insert(cookie_of(&session).expect("a new cookie"));
    }
    assert_eq!(cookies.len(), 1);
    assert_eq!(world.tenant.counts().refresh_grants, 1);
}

#[tokio::test]
async fn a_quick_refresh_ahead_of_need_leaves_with_the_answer() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    world.pass(49 * MINUTE);
    assert!(live(browser.request(&world).await).set_cookie.is_some());
    assert!(live(browser.request(&world).await).set_cookie.is_none());
    assert_eq!(world.tenant.counts().refresh_grants, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_ahead_of_need_keeps_nobody_waiting() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    world.pass(47 * MINUTE);
    live(browser.request(&world).await);
    settle().await;
    assert_eq!(world.tenant.counts().refresh_grants, 0, "before four fifths");
    world.pass(2 * MINUTE);
    world.transport.gate.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let began = tokio::time::Instant::now();
    for wait in [150, 0, 0] {
        let before = began.elapsed();
        let session = live(browser.request(&world).await);
        assert!(session.set_cookie.is_none(), "served as it was");
        let waited = (began.elapsed() - before).as_millis();
        assert!((wait..wait + 5).contains(&waited), "{waited} ms");
    }
    world.transport.gate.add_permits(1_000);
    settle().await;
    assert_eq!(world.tenant.counts().refresh_grants, 1);
    // The person reads for half an hour; the next request still gets the new cookie.
    world.pass(30 * MINUTE);
    let session = live(browser.request(&world).await);
    assert!(session.set_cookie.is_some());
    assert!(live(browser.request(&world).await).set_cookie.is_none());
}

#[tokio::test]
async fn a_cookie_from_before_the_refresh_is_good_for_the_grace_and_never_refreshes_again() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    let mut late = browser.clone();
    let later = browser.clone();
    world.pass(HOUR);
    assert!(live(browser.request(&world).await).set_cookie.is_some());
    // A Set-Cookie that got lost harms nobody, however long ago it was.
    world.pass(10 * MINUTE);
    let again = live(late.request(&world).await);
    assert_eq!(cookie_of(&again), browser.cookie, "the same new cookie");
    // From the moment the browser shows the new one, the old one has a minute.
    live(browser.request(&world).await);
    world.pass(MINUTE);
    live(later.clone().request(&world).await);
    world.pass(Duration::from_secs(1));
    assert_eq!(refused(later.clone().request(&world).await), "session-superseded");
    live(browser.request(&world).await);
    assert_eq!(world.tenant.counts().refresh_grants, 1);
    // The next refresh uses the rotated token: the tenant, which is strict, would refuse the first one.
    world.pass(HOUR);
    assert!(live(browser.request(&world).await).set_cookie.is_some());
    assert_eq!(world.tenant.counts().refresh_grants, 2);
    assert_eq!(refused(later.clone().request(&world).await), "session-superseded");
    assert_eq!(world.tenant.counts().refresh_grants, 2);
}

#[tokio::test]
async fn who_only_looks_sees_the_newest_generation_until_the_grace_is_over() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    let before = browser.clone();
    let generation = |browser: &Browser| {
        let record = world.sign_in.sessions().peek(&browser.headers(), world.now());
        record.map(|record| record.generation())
    };
    assert_eq!(generation(&before), Some(0));
    world.pass(HOUR);
    assert_eq!(generation(&before), Some(0), "looking refreshes nothing");
    live(browser.request(&world).await);
    world.pass(10 * MINUTE);
    assert_eq!(generation(&before), Some(1));
    // The grace begins when the new cookie is shown, even if only to be looked at.
    assert_eq!(generation(&browser), Some(1));
    world.pass(MINUTE);
    assert_eq!(generation(&before), Some(1));
    world.pass(Duration::from_secs(1));
    assert_eq!((generation(&before), generation(&browser)), (None, Some(1)));
    assert_eq!(world.tenant.counts().refresh_grants, 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_lose_the_rotated_token() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    world.pass(HOUR);
    world.transport.gate.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let (sign_in, headers, now) = (world.sign_in.clone(), browser.headers(), world.now());
    let request = tokio::spawn(async move { sign_in.session(&headers, now).await });
    settle().await;
    request.abort();
    settle().await;
    world.transport.gate.add_permits(1_000);
    settle().await;
    assert!(live(browser.request(&world).await).set_cookie.is_some());
    assert_eq!(world.tenant.counts().refresh_grants, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_costs_five_seconds_and_not_the_session() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    world.pass(HOUR);
    world.transport.gate.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let began = tokio::time::Instant::now();
    let session = live(browser.request(&world).await);
    assert!(session.set_cookie.is_none());
    assert!((5..6).contains(&began.elapsed().as_secs()));
    world.transport.gate.add_permits(1_000);
    settle().await;
    assert!(live(browser.request(&world).await).set_cookie.is_some());
    assert_eq!(world.tenant.counts().refresh_grants, 1);
}

#[tokio::test]
async fn a_provider_that_is_down_signs_nobody_out_before_the_end() {
    for fault in [
        Fault::new(FaultKind::Down).on(Endpoint::Token),
        Fault::new(FaultKind::HangUp).on(Endpoint::Token),
        Fault::new(FaultKind::Garbage).on(Endpoint::Token),
        Fault::new(FaultKind::Huge { bytes: 4 << 20 }).on(Endpoint::Token),
        Fault::new(FaultKind::TokenError { error: "server_error".to_owned() }),
        Fault::new(FaultKind::TokenError { error: "invalid_client".to_owned() }),
    ] {
        let world = World::new(Setup::default());
        let mut browser = signed_in(&world).await;
        world.tenant.set_fault(fault.clone());
        world.pass(HOUR);
        let mut asked = world.tenant.counts().token;
        let began = asked;
        // 10, 20, 40, 80, 120, 120 …
        for (seconds, more) in
            [(0, 1), (9, 0), (1, 1), (19, 0), (1, 1), (39, 0), (1, 1), (80, 1), (119, 0), (1, 1), (120, 1)]
        {
            world.pass(Duration::from_secs(seconds));
            let session = live(browser.request(&world).await);
            assert!(session.refresh_after > world.now(), "an answer that may be remembered till the next attempt");
            settle().await;
            let count = world.tenant.counts().token;
            assert_eq!(count - asked, more, "{fault:?} after {seconds} s, {} in all", count - began);
            asked = count;
        }
        world.tenant.clear_faults();
        world.pass(2 * MINUTE);
        assert!(live(browser.request(&world).await).set_cookie.is_some(), "back again: {fault:?}");
        world.tenant.set_fault(fault);
        world.pass(8 * HOUR);
        live(browser.request(&world).await);
        world.pass(HOUR);
        assert_eq!(refused(browser.request(&world).await), "session-expired");
    }
}

#[tokio::test]
async fn a_revoked_grant_ends_the_session_and_its_streams() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    let session = live(browser.request(&world).await);
    world.tenant.set_fault(Fault::new(FaultKind::TokenError { error: "invalid_grant".to_owned() }));
    world.pass(HOUR);
    assert_eq!(refused(browser.request(&world).await), "session-not-renewed");
    assert!(session.life.is_ended(world.now()));
    world.tenant.clear_faults();
    assert_eq!(refused(browser.request(&world).await), "session-not-renewed", "over is for ever");
    assert_eq!(world.tenant.counts().token, 2, "the code and one refresh");
}

#[tokio::test]
async fn a_rotated_token_that_got_lost_on_the_way_signs_nobody_out() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    world.tenant.set_fault(Fault::new(FaultKind::Slow { millis: 60_000 }).on(Endpoint::Token).times(1));
    world.pass(HOUR);
    live(browser.request(&world).await);
    world.pass(MINUTE);
    // The tenant has rotated, and takes the old token for stolen.
    let session = live(browser.request(&world).await);
    assert_eq!(session.refresh_after, session.ends);
    assert_eq!(world.tenant.counts().refresh_grants, 2);
    world.pass(8 * HOUR);
    live(browser.request(&world).await);
    assert_eq!(world.tenant.counts().refresh_grants, 2, "and it is not asked again");
    world.pass(HOUR);
    assert_eq!(refused(browser.request(&world).await), "session-expired");
}

#[tokio::test]
async fn a_provider_that_does_not_rotate_is_fine_too() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    world.tenant.set_fault(Fault::new(FaultKind::WithholdRotation));
    for _ in 0..3 {
        world.pass(HOUR);
        assert!(live(browser.request(&world).await).set_cookie.is_some());
    }
}

#[tokio::test]
async fn without_a_refresh_token_a_session_lasts_to_its_end() {
    let world = World::new(Setup { scopes: Some(vec!["openid", "profile"]), ..Setup::default() });
    let mut browser = signed_in(&world).await;
    let session = live(browser.request(&world).await);
    assert_eq!(session.refresh_after, session.ends);
    world.pass(10 * HOUR - MINUTE);
    live(browser.request(&world).await);
    world.pass(MINUTE);
    assert_eq!(refused(browser.request(&world).await), "session-expired");
    assert_eq!(world.tenant.counts().refresh_grants, 0);
}

#[tokio::test]
async fn new_rules_are_learnt_by_a_refresh_or_a_new_sign_in() {
    let rules = || vec![DEMO_GROUP_ID.to_owned(), OUTSIDERS_GROUP_ID.to_owned()];
    let mut world = World::new(Setup { rule_groups: vec![OUTSIDERS_GROUP_ID.to_owned()], ..Setup::default() });
    let mut browser = signed_in(&world).await;
    assert!(live(browser.request(&world).await).authenticated.identity().groups.is_empty());
    world.reload(Setup { rule_groups: rules(), ..Setup::default() });
    let session = live(browser.request(&world).await);
    assert_eq!(session.authenticated.identity().groups, [DEMO_GROUP_ID]);
    assert!(session.set_cookie.is_some());
    let scopes = || Some(vec!["openid"]);
    let mut world = World::new(Setup { scopes: scopes(), ..Setup::default() });
    let mut browser = signed_in(&world).await;
    world.reload(Setup { rule_groups: rules(), scopes: scopes(), ..Setup::default() });
    assert_eq!(refused(browser.request(&world).await), "session-rules-changed");
}

#[tokio::test]
async fn groups_that_cannot_be_got_again_stay_as_they_were() {
    let world = World::new(Setup::default());
    let mut browser = Browser::new();
    browser.sign_in(&world, "bob", "/").await;
    world.tenant.set_fault(Fault::new(FaultKind::Down).on(Endpoint::Graph));
    world.pass(HOUR);
    let session = live(browser.request(&world).await);
    assert_eq!(session.authenticated.identity().groups, [DEMO_GROUP_ID]);
    assert!(session.set_cookie.is_some(), "the rotated token is kept");
    world.tenant.clear_faults();
    world.pass(HOUR);
    assert_eq!(live(browser.request(&world).await).authenticated.identity().groups, [DEMO_GROUP_ID]);
    assert_eq!(world.tenant.counts().refresh_grants, 2);
}

#[tokio::test]
async fn a_refresh_that_answers_with_somebody_else_ends_the_session() {
    let world = World::new(Setup::default());
    let mut alice = signed_in(&world).await;
    let mut mallory = Browser::new();
    mallory.sign_in(&world, "mallory", "/").await;
    let token = |browser: &Browser| {
        let record = world.sign_in.sessions().peek(&browser.headers(), world.now()).unwrap();
        record.refresh_token().unwrap().expose_secret().to_owned()
    };
    *world.transport.exchange.lock().unwrap() = Some((token(&alice), token(&mallory)));
    world.pass(HOUR);
    assert_eq!(refused(alice.request(&world).await), "session-subject-changed");
}

#[tokio::test]
async fn a_refresh_without_an_id_token_keeps_who_it_is() {
    let world = World::new(Setup { keep_access_token: true, ..Setup::default() });
    let mut browser = signed_in(&world).await;
    let before = live(browser.request(&world).await);
    *world.transport.without.lock().unwrap() = Some("id_token");
    for _ in 0..2 {
        world.pass(HOUR);
        let session = live(browser.request(&world).await);
        assert!(session.set_cookie.is_some());
        assert_eq!(session.authenticated.identity(), before.authenticated.identity());
        let tokens = [&before, &session].map(|s| s.access_token.as_ref().unwrap().expose_secret().to_owned());
        assert_ne!(tokens[0], tokens[1], "the new access token");
        assert!(live(browser.request(&world).await).refresh_after > world.now(), "fresh again");
    }
    assert_eq!(world.tenant.counts().refresh_grants, 2);
}

#[tokio::test]
async fn new_rules_while_the_groups_cannot_be_got_do_not_hammer_the_provider() {
    let mut world = World::new(Setup::default());
    let mut browser = Browser::new();
    browser.sign_in(&world, "bob", "/").await;
    let rule_groups = vec![DEMO_GROUP_ID.to_owned(), OUTSIDERS_GROUP_ID.to_owned()];
    world.reload(Setup { rule_groups, ..Setup::default() });
    world.tenant.set_fault(Fault::new(FaultKind::Down).on(Endpoint::Graph));
    for _ in 0..5 {
        assert_eq!(live(browser.request(&world).await).authenticated.identity().groups, [DEMO_GROUP_ID]);
        settle().await;
    }
    assert_eq!(world.tenant.counts().refresh_grants, 1);
    world.tenant.clear_faults();
    world.pass(MINUTE);
    live(browser.request(&world).await);
    assert_eq!(world.tenant.counts().refresh_grants, 2);
    world.pass(MINUTE);
    live(browser.request(&world).await);
    assert_eq!(world.tenant.counts().refresh_grants, 2, "and now it knows");
}

#[tokio::test]
async fn the_access_token_is_kept_where_a_route_passes_it_on() {
    let world = World::new(Setup { keep_access_token: true, ..Setup::default() });
    let mut browser = signed_in(&world).await;
    assert!(live(browser.request(&world).await).access_token.is_some());
}

#[tokio::test]
async fn a_session_needs_its_client() {
    let mut world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    world.reload(Setup { clients: vec!["other"], ..Setup::default() });
    assert_eq!(refused(browser.request(&world).await), "session-client-gone");
}

#[tokio::test]
async fn cookies_that_are_not_ours_are_rejected_and_never_absent() {
    let world = World::new(Setup::default());
    let browser = signed_in(&world).await;
    let good = browser.cookie.clone().unwrap();
    let (name, value) = good.split_once('=').unwrap();
    for (cookie, reason) in [
        (format!("{name}="), "sealed-malformed"),
        (format!("{name}=x"), "sealed-malformed"),
        (format!("{name}={}", altered(value)), "sealed-tampered"),
        (format!("{name}={}", "A".repeat(100_000)), "sealed-malformed"),
        (format!("{good}; {name}=other"), "cookie-repeated"),
    ] {
        let mut headers = http::HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&cookie).unwrap());
        assert_eq!(refused(world.session_of(&headers).await), reason, "{}", &cookie[..40.min(cookie.len())]);
    }
    let other = World::new(Setup::default());
    assert_eq!(refused(other.session_of(&browser.headers()).await), "sealed-with-unknown-key");
}

#[tokio::test]
async fn memory_is_bounded_and_what_is_forgotten_is_cut() {
    let world = World::new(Setup::default());
    let shared = SharedSessions::with_room_for(16);
    let mut watched = Vec::new();
    for i in 0..40 {
        let browser = signed_in(&world).await;
        let record = world.sign_in.sessions().peek(&browser.headers(), world.now()).unwrap();
        let entry = shared.entry(&record, world.now());
        watched.push(entry.life.clone());
        assert!(shared.len() <= 16, "{i}");
    }
    let cut = watched.iter().filter(|life| life.is_ended(world.now())).count();
    assert!(cut >= 24, "{cut}");
    assert!(!watched.last().unwrap().is_ended(world.now()));
    // Nobody watches: they go without being cut, and the signed-out ones stay.
    let shared = SharedSessions::with_room_for(16);
    let browser = signed_in(&world).await;
    let out = world.sign_in.sessions().peek(&browser.headers(), world.now()).unwrap();
    shared.sign_out(&out, world.now());
    for _ in 0..40 {
        let browser = signed_in(&world).await;
        let record = world.sign_in.sessions().peek(&browser.headers(), world.now()).unwrap();
        shared.entry(&record, world.now());
    }
    assert!(shared.entry(&out, world.now()).life.is_ended(world.now()));
}

/// Another process with the same configuration and keys.
fn replica_of(world: &mut World, setup: Setup) -> std::sync::Arc<crate::sign_in::SignIn> {
    let first = world.sign_in.clone();
    world.shared = crate::Shared::new();
    world.reload(setup);
    std::mem::replace(&mut world.sign_in, first)
}

#[tokio::test]
async fn a_replica_that_came_too_late_to_refresh_takes_the_other_ones_cookie() {
    let mut world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    let other = replica_of(&mut world, Setup::default());
    let late = browser.clone();
    world.pass(HOUR);
    live(browser.request(&world).await);
    assert_ne!(browser.cookie, late.cookie);
    // The provider knows the old refresh token no more, and says so.
    world.tenant.set_fault(Fault::new(FaultKind::TokenError { error: "invalid_grant".to_owned() }));
    assert_eq!(refused(other.session(&late.headers(), world.now()).await), "session-not-renewed");
    live(other.session(&browser.headers(), world.now()).await);
    assert_eq!(refused(other.session(&late.headers(), world.now()).await), "session-superseded");
    // Signed out stays signed out.
    let record = other.sessions().peek(&browser.headers(), world.now()).unwrap();
    other.sessions().shared.sessions().sign_out(&record, world.now());
    assert!(matches!(other.session(&browser.headers(), world.now()).await, SessionOutcome::Rejected(_)));
}

#[tokio::test]
async fn who_signs_out_while_a_refresh_runs_stays_signed_out() {
    let world = World::new(Setup::default());
    let mut browser = signed_in(&world).await;
    let before = browser.clone();
    world.pass(HOUR);
    world.transport.gate.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let record = world.sign_in.sessions().peek(&browser.headers(), world.now()).unwrap();
    let (outcome, ()) = tokio::join!(browser.request(&world), async {
        settle().await;
        world.shared.sessions().sign_out(&record, world.now());
        world.transport.gate.add_permits(1_000);
    });
    assert!(matches!(outcome, SessionOutcome::Rejected(_)), "{outcome:?}");
    settle().await;
    assert_eq!(refused(world.session_of(&before.headers()).await), "session-signed-out");
}

#[tokio::test]
async fn a_reload_while_a_refresh_runs_does_not_use_the_token_twice() {
    let mut world = World::new(Setup::default());
    let browser = signed_in(&world).await;
    world.pass(HOUR);
    world.transport.gate.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let first = tokio::spawn({
        let (sign_in, headers, now) = (world.sign_in.clone(), browser.headers(), world.now());
        async move { sign_in.session(&headers, now).await }
    });
    settle().await;
    world.reload(Setup { rule_groups: vec!["another".to_owned()], ..Setup::default() });
    let second = tokio::spawn({
        let (sign_in, headers, now) = (world.sign_in.clone(), browser.headers(), world.now());
        async move { sign_in.session(&headers, now).await }
    });
    settle().await;
    world.transport.gate.add_permits(1_000);
    live(first.await.unwrap());
    live(second.await.unwrap());
    assert_eq!(world.tenant.counts().refresh_grants, 1);
}

#[tokio::test]
async fn absent_is_absent() {
    let world = World::new(Setup::default());
    assert!(matches!(Browser::new().request(&world).await, SessionOutcome::Absent));
}

/// With another character in the middle.
fn altered(value: &str) -> String {
    let mut bytes = value.as_bytes().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'x' { b'y' } else { b'x' };
    String::from_utf8(bytes).unwrap()
}
