use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::testing::{AUTHORITY, CLIENT, NOW, TENANT, World, with};
use crate::{BearerAuthenticator, Issuer, Outcome, Tenants};

const OID: &str = "0d000000-0000-4000-8000-000000000001";
const APP: &str = "0d000000-0000-4000-8000-000000000002";
const GRAPH: &str = "https://graph.microsoft.com/v1.0";

fn settings(by: GroupsBy) -> GroupsSettings {
    GroupsSettings {
        client_id: CLIENT.to_owned(),
        authentication: ClientAuthentication::SecretPost("s3cret".into()),
        by,
        remember: Duration::from_secs(300),
    }
}

fn token_url() -> String {
    format!("{AUTHORITY}/{TENANT}/oauth2/v2.0/token")
}

fn users(oid: &str) -> String {
    format!("{GRAPH}/users/{oid}/getMemberObjects")
}

fn me() -> String {
    format!("{GRAPH}/me/getMemberObjects")
}

fn member(kind: Kind, oid: &str) -> Member {
    Member { kind, tenant: TENANT.to_owned(), oid: oid.to_owned() }
}

fn after(seconds: u64) -> UnixTime {
    NOW + Duration::from_secs(seconds)
}

/// A tenant whose token endpoint and Graph answer well.
fn world(by: GroupsBy) -> (World, Arc<GroupsResolver>) {
    let world = World::new();
    let answer = json!({ "access_token": "graph-token", "token_type": "Bearer", "expires_in": 3600 });
    world.web.answer(&token_url(), 200, answer.to_string());
    world.web.answer(&users(OID), 200, r#"{"value":["g1","g2"]}"#);
    world.web.answer(&me(), 200, r#"{"value":["g3"]}"#);
    world.web.answer(&format!("{GRAPH}/servicePrincipals/{APP}/getMemberObjects"), 200, r#"{"value":["g4"]}"#);
    let resolver = Arc::new(world.issuer.groups_resolver(settings(by)).unwrap());
    (world, resolver)
}

fn form(world: &World) -> Vec<(String, String)> {
    let asked = world.web.asked.lock().unwrap();
    let body = &asked.iter().find(|asked| asked.url == token_url()).unwrap().body;
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn names(found: &Found) -> Vec<&str> {
    found.as_ref().unwrap().iter().map(String::as_str).collect()
}

#[tokio::test]
async fn by_our_own_right_people_and_applications_are_asked_about_once_in_a_while() {
    let (world, resolver) = world(GroupsBy::ClientCredentials);
    let (ada, batch) = (member(Kind::Person, OID), member(Kind::Application, APP));
    for second in [0, 1, 299] {
        assert_eq!(names(&resolver.groups(&ada, "", after(second)).await), ["g1", "g2"]);
        assert_eq!(names(&resolver.groups(&batch, "", after(second)).await), ["g4"]);
    }
    assert_eq!((world.web.count(&users(OID)), world.web.count(&token_url())), (1, 1));
    assert!(resolver.groups(&ada, "", after(300)).await.is_ok());
    assert_eq!((world.web.count(&users(OID)), world.web.count(&token_url())), (2, 1), "our own token is still good");
    assert!(resolver.groups(&ada, "", after(3_600)).await.is_ok());
    assert_eq!(world.web.count(&token_url()), 2, "it is not used past its end");
    let form = form(&world);
    for (name, value) in [("grant_type", "client_credentials"), ("scope", "https://graph.microsoft.com/.default")] {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{form:?}");
    }
    let asked = world.web.asked.lock().unwrap();
    let of_graph = asked.iter().filter(|asked| asked.url.starts_with(GRAPH));
    assert!(of_graph.clone().count() > 0);
    of_graph.for_each(|asked| assert_eq!(asked.authorization.as_deref(), Some("Bearer graph-token")));
}

#[tokio::test]
async fn on_behalf_of_a_person_the_own_token_is_exchanged() {
    let (world, resolver) = world(GroupsBy::OnBehalfOf);
    assert_eq!(names(&resolver.groups(&member(Kind::Person, OID), "a.b.c", NOW).await), ["g3"]);
    let form = form(&world);
    for (name, value) in [("assertion", "a.b.c"), ("requested_token_use", "on_behalf_of")] {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{form:?}");
    }
    assert_eq!(world.web.count(&me()), 1);
}

/// A token for an audience of which Entra ID makes no token of Graph's, say.
#[tokio::test]
async fn a_token_that_is_refused_keeps_none_of_the_members_others_out() {
    let (world, resolver) = world(GroupsBy::OnBehalfOf);
    let ada = member(Kind::Person, OID);
    let good = json!({ "access_token": "graph-token", "token_type": "Bearer", "expires_in": 3600 }).to_string();
    world.web.answer(&token_url(), 400, r#"{"error":"invalid_grant"}"#);
    for _ in 0..3 {
        assert!(matches!(resolver.groups(&ada, "one", NOW).await, Err(Denial::Rejected(_))));
    }
    assert_eq!(world.web.count(&token_url()), 1, "for the same one nobody asks again at once");
    world.web.answer(&token_url(), 200, good);
    assert_eq!(names(&resolver.groups(&ada, "other", NOW).await), ["g3"]);
}

#[tokio::test]
async fn on_behalf_of_an_application_nobody_can_ask() {
    let (world, resolver) = world(GroupsBy::OnBehalfOf);
    let denial = resolver.groups(&member(Kind::Application, APP), "a.b.c", NOW).await.unwrap_err();
    assert!(matches!(&denial, Denial::Rejected(r) if r.to_string().contains("client-credentials")), "{denial:?}");
    assert!(world.web.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_is_no_verdict_and_a_refusal_is_one_and_neither_is_asked_for_again_at_once() {
    let ada = member(Kind::Person, OID);
    for (url, status, rejected, pause) in [
        (users(OID), 503, false, 5),
        (users(OID), 429, false, 5),
        (users(OID), 403, true, 30),
        (users(OID), 404, true, 30),
        (token_url(), 503, false, 5),
        (token_url(), 400, true, 30),
    ] {
        let (world, resolver) = world(GroupsBy::ClientCredentials);
        let body = if url == token_url() && status == 400 { r#"{"error":"invalid_client"}"# } else { "{}" };
        world.web.answer(&url, status, body);
        for second in 0..pause {
            let denial = resolver.groups(&ada, "", after(second)).await.unwrap_err();
            assert_eq!(matches!(denial, Denial::Rejected(_)), rejected, "{url} {status}: {denial:?}");
            let name = if rejected { "groups-overage-unresolved" } else { "graph-unavailable" };
            assert_eq!(denial.refusal().reason().name, name);
        }
        assert_eq!(world.web.count(&url), 1, "{url} {status}");
        assert!(resolver.groups(&ada, "", after(pause)).await.is_err());
        assert_eq!(world.web.count(&url), 2, "{url} {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_come_together_share_one_request() {
    let (world, resolver) = world(GroupsBy::ClientCredentials);
    *world.web.delay.lock().unwrap() = Duration::from_secs(1);
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let resolver = Arc::clone(&resolver);
            tokio::spawn(async move { resolver.groups(&member(Kind::Person, OID), "", NOW).await.is_ok() })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!((world.web.count(&users(OID)), world.web.count(&token_url())), (1, 1));
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let (world, resolver) = world(GroupsBy::ClientCredentials);
    let many: Vec<String> = (0..2_000).map(|i| format!("c0ffee00-0000-4000-8000-{i:012}")).collect();
    let page = json!({ "value": many }).to_string();
    for i in 0..300 {
        let oid = format!("0d000000-0000-4000-9000-{i:012}");
        world.web.answer(&users(&oid), 200, page.clone());
        assert_eq!(resolver.groups(&member(Kind::Person, &oid), "", NOW).await.unwrap().len(), 2_000);
    }
    assert!(resolver.known.weight() <= MEMORY && resolver.known.len() < 200, "{}", resolver.known.len());
}

async fn verified(claims: Value) -> Option<Member> {
    let world = World::new();
    let keys = gangplank_jose::KeySet::parse(crate::testing::jwks(&[("one", &world.key)]).as_bytes()).unwrap();
    let rules = gangplank_jose::Rules {
        issuers: vec![crate::testing::v2_issuer()],
        audiences: vec!["api://podinfo".to_owned()],
        algorithms: Issuer::DEFAULT_ALGORITHMS.to_vec(),
        purpose: gangplank_jose::Purpose::AccessToken,
        leeway: gangplank_jose::Rules::LEEWAY,
    };
    let token = world.sign(&claims);
    Member::of(gangplank_jose::Unverified::parse(&token).unwrap().verify(&keys, &rules, NOW).unwrap().get())
}

#[tokio::test]
async fn an_application_is_told_from_a_person() {
    let claims = |changes: Value| {
        let mut all = with(World::new().access_claims(), "oid", json!(OID));
        changes.as_object().unwrap().iter().for_each(|(name, value)| all = with(all.clone(), name, value.clone()));
        all
    };
    for (changes, kind) in [
        (json!({}), Kind::Person),
        (json!({ "idtyp": "app", "scp": null }), Kind::Application),
        (json!({ "idtyp": "user", "scp": null, "sub": OID }), Kind::Person),
        (json!({ "scp": null, "sub": OID }), Kind::Application),
        (json!({ "scp": null }), Kind::Person),
        (json!({ "sub": OID }), Kind::Person),
    ] {
        let found = verified(claims(changes.clone())).await.unwrap();
        assert_eq!(found, member(kind, OID), "{changes}");
    }
    for changes in [json!({ "oid": null }), json!({ "oid": "../me" }), json!({ "oid": OID.to_uppercase() })] {
        assert_eq!(verified(claims(changes.clone())).await, None, "{changes}");
    }
}

#[tokio::test]
async fn a_bearer_token_with_overage_gets_its_groups_and_others_ask_nobody() {
    let (world, resolver) = world(GroupsBy::ClientCredentials);
    let claims = with(world.access_claims(), "oid", json!(OID));
    let overage = with(with(claims.clone(), "groups", Value::Null), "hasgroups", json!(true));
    let bearer = BearerAuthenticator::resolving(vec![(Arc::clone(&world.issuer), Some(Arc::clone(&resolver)))]);
    let Outcome::Authenticated(who) = bearer.verify(&world.sign(&claims), NOW).await else { panic!("refused") };
    assert_eq!((who.identity().groups.as_slice(), world.web.count(&users(OID))), (&["g1".to_owned()][..], 0));
    let Outcome::Authenticated(who) = bearer.verify(&world.sign(&overage), NOW).await else { panic!("refused") };
    assert_eq!((who.identity().groups.len(), who.identity().groups_unresolved), (2, false));

    world.web.down(&users(OID));
    assert!(matches!(bearer.verify(&world.sign(&overage), after(299)).await, Outcome::Authenticated(_)));
    assert!(matches!(bearer.verify(&world.sign(&overage), after(300)).await, Outcome::Unavailable(_)));
    let nobody = with(overage.clone(), "oid", Value::Null);
    assert!(matches!(bearer.verify(&world.sign(&nobody), NOW).await, Outcome::Rejected(_)));

    let without = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let Outcome::Authenticated(who) = without.verify(&world.sign(&overage), after(300)).await else {
        panic!("refused")
    };
    assert!(who.identity().groups_unresolved, "nobody is failed for groups that nobody asks for");
}

#[tokio::test]
async fn another_tenants_people_are_asked_about_with_a_token_of_their_tenant() {
    const OTHER: &str = "dca11c8d-0000-4000-8000-00000000000b";
    let kind = crate::IssuerKind::Entra { tenants: Tenants::Any, authority: None, graph: None };
    let world = World::with(kind, &["api://podinfo"]);
    let token_endpoint = format!("{AUTHORITY}/{OTHER}/oauth2/v2.0/token");
    let metadata = json!({
        "issuer": format!("{AUTHORITY}/{OTHER}/v2.0"), "token_endpoint": token_endpoint,
        "authorization_endpoint": format!("{AUTHORITY}/a"), "jwks_uri": format!("{AUTHORITY}/k"),
    });
    world.web.answer(&format!("{AUTHORITY}/{OTHER}/v2.0/.well-known/openid-configuration"), 200, metadata.to_string());
    world.web.answer(&token_endpoint, 200, r#"{"access_token":"t","token_type":"Bearer"}"#);
    world.web.answer(&users(OID), 200, r#"{"value":["g1"]}"#);
    let resolver = world.issuer.groups_resolver(settings(GroupsBy::ClientCredentials)).unwrap();
    let theirs = Member { kind: Kind::Person, tenant: OTHER.to_owned(), oid: OID.to_owned() };
    assert_eq!(names(&resolver.groups(&theirs, "", NOW).await), ["g1"]);
    assert!(resolver.groups(&member(Kind::Person, OID), "", NOW).await.is_err(), "of this tenant there is no token");
}

#[tokio::test]
async fn tokens_that_the_api_servers_file_judges_get_their_groups_too() {
    use crate::kubernetes::{AuthenticationConfiguration, KubernetesAuthenticator, Policy, Ports};
    use crate::testing::{FakeClock, jwks_url, sign_as, v2_issuer};

    let (world, resolver) = world(GroupsBy::ClientCredentials);
    let other = "https://login.example.com";
    let metadata = json!({ "issuer": other, "jwks_uri": jwks_url() }).to_string();
    world.web.answer(&format!("{other}/.well-known/openid-configuration"), 200, metadata);
    let entry = |url: &str| {
        json!({
            "issuer": { "url": url, "audiences": ["api://podinfo"] },
            "claimMappings": {
                "username": { "claim": "sub", "prefix": "" }, "groups": { "claim": "groups", "prefix": "g:" },
            },
        })
    };
    let file = json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration",
        "jwt": [entry(&v2_issuer()), entry(other)],
    });
    let configuration = AuthenticationConfiguration::parse(file.to_string().as_bytes(), &[]).unwrap();
    let connect = |_: Option<&str>| Ok(world.web.clone() as Arc<dyn Transport>);
    let clock = Arc::new(FakeClock(NOW.as_secs().into()));
    let ports = Ports { connect: &connect, clock, groups: Some(Arc::new(vec![resolver])) };
    let authenticator = KubernetesAuthenticator::new("x", &configuration, Policy::default(), ports, None).unwrap();
    let overage = with(with(world.access_claims(), "groups", Value::Null), "oid", json!(OID));
    let overage = with(overage, "_claim_names", json!({ "groups": "src1" }));
    let graph = json!({ "src1": { "endpoint": "https://graph.windows.net/x" } });
    let overage = with(overage, "_claim_sources", graph);
    let judge = async |claims: &Value| match authenticator.verify(&sign_as("one", &world.key, claims), NOW).await {
        Outcome::Authenticated(who) => Ok(who.identity().groups.clone()),
        Outcome::Rejected(refusal) => Err(refusal.reason().name),
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(judge(&overage).await, Ok(vec!["g:g1".to_owned(), "g:g2".to_owned()]));
    // Another issuer may write whatever it likes into `tid`.
    let stranger = with(overage.clone(), "iss", json!(other));
    assert_eq!(judge(&stranger).await, Err("kubernetes-groups-elsewhere"));
    assert_eq!(judge(&with(overage, "tid", json!(OID))).await, Err("kubernetes-groups-elsewhere"));
    assert_eq!(world.web.count(&users(OID)), 1);
}
