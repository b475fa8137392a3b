//! Groups that are not in the token.

use std::sync::Mutex;

use gangplank_jose::Claims;
use gangplank_oauth::BoxFuture;

use super::*;
use crate::testing::with;
use crate::{Denial, Refusal};

const ENTRA: &str = "https://login.microsoftonline.com/t/v2.0";
const GRAPH: &str = "https://graph.windows.net/t/users/u/getMemberObjects";

fn by_groups(url: &str) -> Value {
    let mut entry = entry(url);
    entry["claimMappings"]["groups"] = json!({ "claim": "groups", "prefix": "g:" });
    entry
}

/// The claims of somebody whose groups are at this address.
fn at(endpoint: &Value) -> Value {
    let claims = with(with(claims(), "groups", Value::Null), "_claim_names", json!({ "groups": "src1" }));
    with(claims, "_claim_sources", json!({ "src1": endpoint }))
}

fn answer() -> Value {
    json!({ "iss": URL, "aud": "kubernetes", "exp": NOW.as_secs() + 60, "sub": "ada", "groups": ["far"] })
}

#[tokio::test]
async fn they_are_fetched_from_the_issuers_own_host() {
    let world = World::new();
    let endpoint = "https://login.example.com/groups?u=ada";
    world.web.answer(endpoint, 200, format!("{}\n", sign_as("one", &world.key, &answer())));
    let claims = at(&json!({ "endpoint": endpoint, "access_token": "at-1" }));
    let who = world.judge(&by_groups(URL), &claims).await.unwrap();
    assert_eq!(who.identity().groups, ["g:far"]);
    let asked = world.web.asked.lock().unwrap().clone();
    let asked = asked.iter().find(|asked| asked.url == endpoint).unwrap();
    assert_eq!((asked.method.as_str(), asked.authorization.as_deref()), ("GET", Some("Bearer at-1")));
    // Nobody asks for what nobody needs, or what is there.
    for (entry, claims) in [(entry(URL), claims.clone()), (by_groups(URL), with(claims, "groups", json!(["near"])))] {
        world.web.asked.lock().unwrap().clear();
        assert_eq!(name(world.judge(&entry, &claims).await), "accepted");
        assert_eq!(world.web.count(endpoint), 0);
    }
}

#[tokio::test]
async fn what_the_endpoint_says_is_judged_like_any_token_of_the_issuer() {
    let world = World::new();
    let endpoint = "https://login.example.com/groups";
    let claims = at(&json!({ "endpoint": endpoint }));
    let refused = "kubernetes-distributed-claim-refused";
    let signed = |claims: Value| sign_as("one", &world.key, &claims);
    for (status, body, wanted) in [
        (200, signed(answer()), "accepted"),
        (200, signed(with(answer(), "sub", Value::Null)), "accepted"),
        (200, signed(with(answer(), "sub", json!("eve"))), refused),
        (200, signed(with(answer(), "groups", Value::Null)), refused),
        (200, signed(with(answer(), "aud", json!("other"))), refused),
        (200, signed(with(answer(), "iss", json!("https://other.example.com"))), refused),
        (200, signed(with(answer(), "exp", json!(NOW.as_secs()))), refused),
        (200, sign_as("one", &new_key(), &answer()), refused),
        (200, "{\"groups\":[\"far\"]}".to_owned(), refused),
        (200, String::new(), refused),
        (302, String::new(), refused),
        (404, String::new(), refused),
        (429, String::new(), "unavailable: kubernetes-distributed-claim-unavailable"),
        (503, String::new(), "unavailable: kubernetes-distributed-claim-unavailable"),
        (200, signed(with(answer(), "groups", json!([1]))), "kubernetes-claim-unusable"),
    ] {
        world.web.answer(endpoint, status, body.clone());
        assert_eq!(name(world.judge(&by_groups(URL), &claims).await), wanted, "{status} {body}");
    }
    world.web.down(endpoint);
    let judged = world.judge(&by_groups(URL), &claims).await;
    assert_eq!(name(judged), "unavailable: kubernetes-distributed-claim-unavailable");
}

#[tokio::test]
async fn no_token_sends_us_anywhere_else() {
    let mut world = World::new();
    for endpoint in [
        "http://login.example.com/groups",
        "https://evil.example.com/groups",
        "https://169.254.169.254/latest/meta-data",
        "https://login.example.com:8443/groups",
        "nonsense",
    ] {
        let judged = world.judge(&by_groups(URL), &at(&json!({ "endpoint": endpoint }))).await;
        assert_eq!(name(judged), "kubernetes-distributed-claim-refused", "{endpoint}");
        assert_eq!(world.web.count(endpoint), 0, "{endpoint}");
    }
    world.policy.claim_hosts = vec!["claims.example.com".into()];
    let listed = "https://claims.example.com/ada";
    world.web.answer(listed, 200, sign_as("one", &world.key, &answer()));
    let judged = world.judge(&by_groups(URL), &at(&json!({ "endpoint": listed }))).await;
    assert_eq!(judged.unwrap().identity().groups, ["g:far"]);
}

#[tokio::test]
async fn malformed_sources_refuse_the_token_whether_groups_are_needed_or_not() {
    let world = World::new();
    let malformed = "kubernetes-distributed-claims-malformed";
    for (names, sources, needed, otherwise) in [
        (json!({}), json!({}), "accepted", "accepted"),
        (json!({}), Value::Null, malformed, "accepted"),
        (Value::Null, json!({}), "accepted", "accepted"),
        (json!({ "other": "s" }), json!({ "s": {} }), "accepted", "accepted"),
        (json!({ "groups": "s" }), json!({ "s": { "JWT": "aggregated" } }), "accepted", "accepted"),
        (json!({ "groups": "s" }), json!({ "s": { "endpoint": "" } }), "accepted", "accepted"),
        (json!({ "groups": "s" }), json!({ "t": {} }), malformed, malformed),
        (json!({ "other": "s" }), json!({}), malformed, malformed),
        (json!({ "groups": "s" }), Value::Null, malformed, malformed),
        (json!({ "groups": 1 }), json!({ "1": {} }), malformed, malformed),
        (json!(["groups"]), json!({}), malformed, malformed),
        (json!({}), json!([]), malformed, malformed),
        (json!({}), json!({ "s": 1 }), malformed, malformed),
        (json!({}), json!({ "s": { "endpoint": 1 } }), malformed, malformed),
    ] {
        let claims = with(with(claims(), "groups", Value::Null), "_claim_names", names.clone());
        let claims = with(claims, "_claim_sources", sources.clone());
        assert_eq!(name(world.judge(&by_groups(URL), &claims).await), needed, "{names} {sources}");
        assert_eq!(name(world.judge(&entry(URL), &claims).await), otherwise, "{names} {sources}");
    }
}

/// Knows the groups of one tenant.
#[derive(Default)]
struct Directory {
    asked: Mutex<Vec<String>>,
    down: bool,
}

impl GroupsElsewhere for Directory {
    fn groups<'a>(
        &'a self,
        token: &'a str,
        claims: &'a Claims,
        _: UnixTime,
    ) -> BoxFuture<'a, Option<Result<Vec<String>, Denial>>> {
        self.asked.lock().unwrap().push(token.to_owned());
        let groups = match self.down {
            true => Err(Denial::Unavailable(Refusal::GraphUnavailable { cause: "down".into() })),
            false => Ok(vec!["from-graph".to_owned()]),
        };
        let known = claims.issuer() == Some(ENTRA);
        Box::pin(async move { known.then_some(groups) })
    }
}

#[tokio::test]
async fn somebody_with_too_many_groups_at_entra_is_let_in_or_told_what_to_do() {
    let mut world = World::new();
    world.serve(ENTRA, &[("one", &world.key)]);
    let overage = with(at(&json!({ "endpoint": GRAPH })), "iss", json!(ENTRA));
    let implicit = with(with(claims(), "groups", Value::Null), "hasgroups", json!(true));
    let implicit = with(implicit, "iss", json!(ENTRA));
    for claims in [&overage, &implicit] {
        assert_eq!(name(world.judge(&entry(ENTRA), claims).await), "accepted", "nobody needs the groups");
        assert_eq!(name(world.judge(&by_groups(ENTRA), claims).await), "kubernetes-groups-elsewhere");
    }
    assert_eq!(world.web.count(GRAPH), 0);
    let directory = Arc::new(Directory::default());
    world.groups = Some(directory.clone());
    for claims in [&overage, &implicit] {
        assert_eq!(world.judge(&by_groups(ENTRA), claims).await.unwrap().identity().groups, ["g:from-graph"]);
    }
    assert_eq!(name(world.judge(&entry(ENTRA), &overage).await), "accepted");
    assert_eq!(directory.asked.lock().unwrap().len(), 2, "only where the groups are needed");
    // Another issuer's token is not for the directory.
    let theirs = at(&json!({ "endpoint": GRAPH }));
    assert_eq!(name(world.judge(&by_groups(URL), &theirs).await), "kubernetes-groups-elsewhere");
    let elsewhere = with(with(claims(), "groups", Value::Null), "hasgroups", json!(true));
    assert_eq!(
        name(world.judge(&by_groups(URL), &elsewhere).await),
        "accepted",
        "Entra's mark means nothing elsewhere"
    );
    world.groups = Some(Arc::new(Directory { down: true, ..Directory::default() }));
    assert_eq!(name(world.judge(&by_groups(ENTRA), &overage).await), "unavailable: graph-unavailable");
}
