use std::sync::Arc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::testing::{FakeWeb, NOW, new_key, sign_as};
use crate::{Method, NotMine};

const REVIEWS: &str = "https://cluster.test/k8s/apis/authentication.k8s.io/v1/tokenreviews";

fn settings() -> ClusterSettings {
    ClusterSettings {
        name: "prod".into(),
        server: Url::parse("https://cluster.test/k8s/").unwrap(),
        audiences: vec!["gate".into()],
        issuers: Vec::new(),
        remember: Duration::from_secs(10),
        allow_reserved: true,
    }
}

fn cluster(settings: ClusterSettings) -> (Arc<FakeWeb>, Cluster) {
    let web = Arc::new(FakeWeb::default());
    let own = OwnCredential::Token(SecretString::from("our-own"));
    (web.clone(), Cluster::new(settings, own, web))
}

fn answer(status: Value) -> String {
    json!({ "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "status": status })
        .to_string()
}

/// What a cluster says of a service account's token.
fn builder() -> Value {
    json!({
        "authenticated": true, "audiences": ["gate"],
        "user": {
            "username": "system:serviceaccount:ci:builder", "uid": "4c1b",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"],
            "extra": { "authentication.kubernetes.io/pod-name": ["builder-0"] },
        },
    })
}

fn with(mut status: Value, pointer: &str, value: Value) -> Value {
    *status.pointer_mut(pointer).unwrap() = value;
    status
}

#[tokio::test]
async fn names_that_no_issuer_could_give_a_cluster_cannot_either() {
    for (pointer, value) in [
        ("/user/username", json!("admin\nx")),
        ("/user/username", json!("admin ")),
        ("/user/username", json!("adm\u{200b}in")),
        ("/user/username", json!("a".repeat(1025))),
        ("/user/uid", json!("4c\u{7}1b")),
        ("/user/groups", json!(["good", "ad\u{202e}min"])),
        ("/user/groups", json!(vec!["g"; 10_001])),
    ] {
        let (web, cluster) = cluster(settings());
        web.answer(REVIEWS, 201, answer(with(builder(), pointer, value)));
        assert_eq!(said(&cluster, "token", NOW).await, ("rejected", "cluster-answer-unusable"), "{pointer}");
    }
}

async fn ask(cluster: &Cluster, token: &str, now: UnixTime) -> Outcome {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    cluster.authenticate(Credentials::headers(&headers), now).await
}

/// `good`, or what kind of no it is and its name.
async fn said(cluster: &Cluster, token: &str, now: UnixTime) -> (&'static str, &'static str) {
    match ask(cluster, token, now).await {
        Outcome::Authenticated(_) => ("good", ""),
        Outcome::NotMine(NotMine::Unknown(refusal)) => ("unknown", refusal.reason().name),
        Outcome::NotMine(NotMine::Absent) => ("absent", ""),
        Outcome::Rejected(refusal) => ("rejected", refusal.reason().name),
        Outcome::Unavailable(refusal) => ("unavailable", refusal.reason().name),
    }
}

fn after(seconds: u64) -> UnixTime {
    NOW + Duration::from_secs(seconds)
}

fn jwt(iss: &str, exp: UnixTime) -> String {
    sign_as("k", &new_key(), &json!({ "iss": iss, "sub": "s", "aud": "gate", "exp": exp.as_secs() }))
}

#[tokio::test]
async fn the_cluster_is_asked_with_our_own_token_and_its_word_is_the_identity() {
    let (web, cluster) = cluster(settings());
    web.answer(REVIEWS, 201, answer(builder()));
    let Outcome::Authenticated(who) = ask(&cluster, "opaque", NOW).await else { panic!("not known") };
    let identity = who.identity();
    assert_eq!(identity.username, "system:serviceaccount:ci:builder");
    assert_eq!((identity.issuer.as_str(), identity.uid.as_deref()), ("prod", Some("4c1b")));
    assert_eq!(identity.extra["authentication.kubernetes.io/pod-name"], ["builder-0"]);
    assert_eq!(identity.audiences, ["gate"]);
    assert_eq!((who.method(), who.expires()), (Method::TokenReview, None));
    let asked = web.asked.lock().unwrap();
    assert_eq!(asked[0].method, http::Method::POST);
    assert_eq!(asked[0].authorization.as_deref(), Some("Bearer our-own"));
    let question: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(question["spec"], json!({ "token": "opaque", "audiences": ["gate"] }));
}

#[tokio::test]
async fn a_good_token_is_remembered_for_a_while_and_not_beyond_its_end() {
    let (web, cluster) = cluster(settings());
    web.answer(REVIEWS, 201, answer(builder()));
    for second in [0, 0, 9] {
        assert_eq!(said(&cluster, "opaque", after(second)).await.0, "good");
    }
    assert_eq!(web.count(REVIEWS), 1);
    assert_eq!(said(&cluster, "opaque", after(10)).await.0, "good");
    assert_eq!(web.count(REVIEWS), 2);

    // Kubernetes takes it for a minute past its end.
    let token = jwt("any", after(20));
    let Outcome::Authenticated(who) = ask(&cluster, &token, after(75)).await else { panic!("not known") };
    assert_eq!(who.expires(), Some(after(80)));
    assert!(who.holds(after(79)) && !who.holds(after(80)), "its end comes before the ten seconds are over");
    // What was begun on it goes on, though the cluster is to be asked again.
    let Outcome::Authenticated(who) = ask(&cluster, &jwt("any", after(3600)), NOW).await else { panic!("not known") };
    assert!(!who.holds(after(10)) && who.expires() == Some(after(3660)));
}

#[tokio::test]
async fn a_token_that_the_cluster_does_not_know_may_be_anothers_unless_its_issuer_says_whose_it_is() {
    let no = answer(json!({ "authenticated": false, "error": "[invalid bearer token,\n unknown]" }));
    let (web, any) = cluster(settings());
    web.answer(REVIEWS, 201, no.clone());
    for second in [0, 4] {
        assert_eq!(said(&any, "opaque", after(second)).await, ("unknown", "cluster-not-authenticated"));
    }
    assert_eq!(web.count(REVIEWS), 1, "a bad token is remembered, too");
    said(&any, "opaque", after(5)).await;
    assert_eq!(web.count(REVIEWS), 2, "for five seconds");

    let (web, listed) = cluster(ClusterSettings { issuers: vec!["https://kubernetes".into()], ..settings() });
    web.answer(REVIEWS, 201, no);
    assert_eq!(said(&listed, "opaque", NOW).await, ("unknown", "cluster-issuer-not-listed"));
    let other = jwt("https://kubernetes/", after(60));
    assert_eq!(said(&listed, &other, NOW).await, ("unknown", "cluster-issuer-not-listed"));
    assert_eq!(web.count(REVIEWS), 0);
    let ours = jwt("https://kubernetes", after(60));
    assert_eq!(said(&listed, &ours, NOW).await, ("rejected", "cluster-not-authenticated"));
}

#[tokio::test]
async fn the_audience_has_to_be_in_the_answer() {
    let of = |audiences: Value| async move {
        let (web, cluster) = cluster(settings());
        web.answer(REVIEWS, 201, answer(with(builder(), "/audiences", audiences)));
        said(&cluster, "opaque", NOW).await
    };
    assert_eq!(of(json!(["other", "gate"])).await.0, "good");
    for wrong in [json!([]), json!(null), json!(["other"]), json!(["gate/"]), json!(["Gate"])] {
        assert_eq!(of(wrong).await, ("rejected", "cluster-audience-mismatch"));
    }
    let (web, for_the_cluster) = cluster(ClusterSettings { audiences: Vec::new(), ..settings() });
    web.answer(REVIEWS, 201, answer(with(builder(), "/audiences", json!(null))));
    assert_eq!(said(&for_the_cluster, "opaque", NOW).await.0, "good");
}

#[tokio::test]
async fn names_are_the_clusters_to_give_but_nobody_is_nobody() {
    let of = |allow_reserved: bool, status: Value| async move {
        let (web, cluster) = cluster(ClusterSettings { allow_reserved, ..settings() });
        web.answer(REVIEWS, 201, answer(status));
        said(&cluster, "opaque", NOW).await
    };
    let named = |name: &str| with(builder(), "/user/username", json!(name));
    let refused = ("rejected", "cluster-name-reserved");
    assert_eq!(of(false, builder()).await, refused);
    for nobody in ["", "system:anonymous"] {
        assert_eq!(of(true, named(nobody)).await, refused, "{nobody:?}");
    }
    assert_eq!(of(true, json!({ "authenticated": true, "audiences": ["gate"] })).await, refused);
    assert_eq!(of(true, with(builder(), "/user/groups", json!(["system:unauthenticated"]))).await, refused);
    let person = with(named("ada"), "/user/groups", json!(["crew", "system:authenticated"]));
    assert_eq!(of(false, person.clone()).await.0, "good");
    assert_eq!(of(false, with(person, "/user/groups", json!(["system:masters"]))).await, refused);
}

#[tokio::test]
async fn a_cluster_that_can_not_be_asked_refuses_nobody_and_is_left_alone_for_a_second() {
    let status = |message: &str| json!({ "kind": "Status", "message": message }).to_string();
    for (code, body, reason) in [
        (401, status("Unauthorized"), "cluster-credentials-refused"),
        (403, status("tokenreviews is forbidden"), "cluster-forbidden"),
        (429, String::new(), "cluster-unreachable"),
        (500, String::new(), "cluster-unreachable"),
        (503, String::new(), "cluster-unreachable"),
        (302, String::new(), "cluster-answer-unusable"),
        (404, String::new(), "cluster-answer-unusable"),
        (201, "<html>".to_owned(), "cluster-answer-unusable"),
        (200, status("Success"), "cluster-answer-unusable"),
    ] {
        let (web, cluster) = cluster(settings());
        web.answer(REVIEWS, code, body);
        assert_eq!(said(&cluster, "opaque", NOW).await, ("unavailable", reason), "{code}");
        assert!(cluster.health()[0].ready && cluster.health()[0].last_error.is_some(), "others can do their work");
        for i in 0..100 {
            assert_eq!(said(&cluster, &format!("other-{i}"), NOW).await, ("unavailable", reason), "{code}");
        }
        let asked = if reason == "cluster-answer-unusable" { 101 } else { 1 };
        assert_eq!(web.count(REVIEWS), asked, "{code}: what one token may have led to does not keep others waiting");
        web.answer(REVIEWS, 201, answer(builder()));
        assert_eq!(said(&cluster, "opaque", after(1)).await.0, "good", "{code}");
        let health = cluster.health().remove(0);
        assert!(health.ready && health.last_error.is_none() && health.fetched_at == Some(after(1)));
    }
    let (web, down) = cluster(settings());
    web.down(REVIEWS);
    assert_eq!(said(&down, "opaque", NOW).await, ("unavailable", "cluster-unreachable"));
}

#[tokio::test]
async fn our_own_token_is_read_each_time_and_never_shown() {
    let file = std::env::temp_dir().join(format!("gangplank-own-token-{}", std::process::id()));
    std::fs::write(&file, "first\n").unwrap();
    let web = Arc::new(FakeWeb::default());
    let cluster = Cluster::new(settings(), OwnCredential::TokenFile(file.clone()), web.clone());
    web.answer(REVIEWS, 201, answer(builder()));
    said(&cluster, "a", NOW).await;
    std::fs::write(&file, "second").unwrap();
    said(&cluster, "b", NOW).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(said(&cluster, "c", NOW).await, ("unavailable", "cluster-credentials-unreadable"));
    let asked: Vec<_> = web.asked.lock().unwrap().iter().map(|a| a.authorization.clone().unwrap()).collect();
    assert_eq!(asked, ["Bearer first", "Bearer second"]);
    assert_eq!(format!("{:?}", OwnCredential::Token(SecretString::from("hunter2"))), "Token(..)");
}

#[tokio::test(start_paused = true)]
async fn who_comes_together_asks_once_and_the_questions_at_once_are_bounded() {
    let (web, cluster) = cluster(settings());
    web.answer(REVIEWS, 201, answer(builder()));
    *web.delay.lock().unwrap() = Duration::from_secs(4);
    let cluster = Arc::new(cluster);
    let all = |tokens: Vec<String>| {
        let asking = tokens.into_iter().map(|token| {
            let cluster = cluster.clone();
            tokio::spawn(async move { said(&cluster, &token, NOW).await })
        });
        asking.collect::<Vec<_>>()
    };
    for one in all(vec!["same".to_owned(); 100]) {
        assert_eq!(one.await.unwrap().0, "good");
    }
    assert_eq!(web.count(REVIEWS), 1);
    let mut counts = std::collections::BTreeMap::<_, usize>::new();
    for one in all((0..200).map(|i| i.to_string()).collect()) {
        *counts.entry(one.await.unwrap()).or_default() += 1;
    }
    assert_eq!(counts[&("good", "")], 2 * AT_ONCE);
    assert_eq!(counts[&("unavailable", "cluster-busy")], 200 - 2 * AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_bad_tokens_is_forgotten_and_good_ones_keep_flowing() {
    let (web, cluster) = cluster(settings());
    web.answer(REVIEWS, 201, answer(builder()));
    assert_eq!(said(&cluster, "good", NOW).await.0, "good");
    web.answer(REVIEWS, 201, answer(json!({ "authenticated": false })));
    for i in 0..2 * ENTRIES {
        assert_eq!(said(&cluster, &format!("bad-{i}"), NOW).await.0, "unknown");
    }
    assert!(cluster.remembered() <= 2 * ENTRIES, "{}", cluster.remembered());
    assert_eq!(said(&cluster, "good", after(9)).await.0, "good");
    assert_eq!(web.count(REVIEWS), 1 + 2 * ENTRIES, "a good one that is known costs no question");
}

#[tokio::test]
async fn of_several_clusters_the_issuer_picks_one_and_the_last_is_asked_about_the_rest() {
    let issuers = |iss: &str| ClusterSettings { name: iss.into(), issuers: vec![iss.into()], ..settings() };
    let (no, yes) = (answer(json!({ "authenticated": false })), answer(builder()));
    let ((first, one), (second, two), (third, any)) =
        (cluster(issuers("https://one")), cluster(issuers("https://two")), cluster(settings()));
    for (web, said) in [(&first, &no), (&second, &yes), (&third, &yes)] {
        web.answer(REVIEWS, 201, said.clone());
    }
    let chain = crate::Chain::new("all", vec![Arc::new(one), Arc::new(two), Arc::new(any)]);
    let ask = async |token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        match chain.authenticate(Credentials::headers(&headers), NOW).await {
            Outcome::Authenticated(who) => who.identity().issuer.clone(),
            Outcome::Rejected(refusal) => refusal.reason().name.to_owned(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(&jwt("https://one", after(60))).await, "cluster-not-authenticated");
    assert_eq!(ask(&jwt("https://two", after(60))).await, "https://two");
    assert_eq!(ask("opaque").await, "prod");
    assert_eq!([&first, &second, &third].map(|web| web.count(REVIEWS)), [1, 1, 1]);
}
