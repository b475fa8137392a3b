use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};

use super::*;
use crate::testing::{NOW, TempDir};
use crate::{Chain, NotMine};

fn line(id: &str, key: &str) -> String {
    KeyEntry::new(id, digest_of(key)).unwrap().to_string()
}

fn later(seconds: u64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs() + seconds)
}

fn presenting(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    headers
}

fn known(outcome: Outcome) -> Authenticated {
    match outcome {
        Outcome::Authenticated(authenticated) => authenticated,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_who_its_line_says_until_it_ends() {
    let dir = TempDir::new();
    let end = later(100);
    let more = format!("; user=ada; groups=g,h; roles=r; scopes=s; tenant=t; expires={end}");
    let path = dir.write("keys", &format!("{}\n{}{more}\n", line("plain", "one"), line("full", "two")));
    let keys = StaticKeys::load("ci", &path, NOW).unwrap();

    let plain = known(keys.verify("one", NOW));
    let expected =
        Identity { issuer: "ci".into(), subject: "plain".into(), username: "plain".into(), ..Identity::default() };
    assert_eq!((plain.identity(), plain.method(), plain.expires()), (&expected, Method::StaticKey, None));

    let full = known(keys.verify("two", NOW));
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let expected = Identity {
        issuer: "ci".into(),
        subject: "full".into(),
        username: "ada".into(),
        groups: strings(&["g", "h"]),
        roles: strings(&["r"]),
        scopes: strings(&["s"]),
        tenant: Some("t".into()),
        ..Identity::default()
    };
    assert_eq!((full.identity(), full.expires()), (&expected, Some(end)));
    assert!(full.holds(later(99)) && !full.holds(end));
    assert!(matches!(keys.verify("two", later(99)), Outcome::Authenticated(_)));
    let refusal = KeyRefusal::Expired { id: "full".into(), at: end };
    assert!(matches!(keys.verify("two", end), Outcome::Rejected(found) if found == refusal.into()));
}

#[tokio::test]
async fn what_is_not_in_the_file_is_unknown_and_says_why_inside() {
    let dir = TempDir::new();
    let keys = StaticKeys::load("ci", &dir.write("keys", &line("a", "one")), NOW).unwrap();
    let ask = async |value: &str| keys.authenticate(Credentials::headers(&presenting(value)), NOW).await;
    assert_eq!(known(ask("Bearer one").await).identity().username, "a");
    for (value, expected) in [
        ("Bearer two", Some("key-unknown")),
        ("Bearer gpk_abc", Some("key-mistyped")),
        ("Bearer ONE", Some("key-unknown")),
        ("Basic one", None),
        ("one", None),
    ] {
        let name = match ask(value).await {
            Outcome::NotMine(NotMine::Unknown(why)) => Some(why.reason().name),
            Outcome::NotMine(NotMine::Absent) => None,
            other => panic!("{value}: {other:?}"),
        };
        assert_eq!(name, expected, "{value}");
    }
    assert!(matches!(ask("Bearer").await, Outcome::Rejected(_)));
    // Alone in a chain, an unknown key is a bad one.
    let chain = Chain::new("x", vec![std::sync::Arc::new(keys)]).or_anonymous();
    let headers = presenting("Bearer two");
    let outcome = chain.authenticate(Credentials::headers(&headers), NOW).await;
    assert!(matches!(outcome, Outcome::Rejected(refusal) if refusal == KeyRefusal::Unknown.into()));
}

#[test]
fn a_changed_file_takes_over_and_a_wrong_one_does_not() {
    let dir = TempDir::new();
    let path = dir.write("keys", &line("a", "one"));
    let keys = StaticKeys::load("ci", &path, NOW).unwrap();
    let before = known(keys.verify("one", NOW));

    dir.write("keys", "nonsense\nmore nonsense\n");
    assert_eq!(keys.reload(NOW).unwrap_err().len(), 2);
    assert!(before.holds(NOW) && matches!(keys.verify("one", NOW), Outcome::Authenticated(_)));
    assert!(keys.health()[0].ready && keys.health()[0].last_error.is_some());

    dir.write("keys", &line("b", "two"));
    assert_eq!(keys.reload(NOW), Ok(true));
    assert!(!before.holds(NOW), "its line is gone");
    assert!(matches!(keys.verify("one", NOW), Outcome::NotMine(NotMine::Unknown(_))));
    assert_eq!(known(keys.verify("two", NOW)).identity().username, "b");
    assert_eq!(keys.generation().current(), 1);
}
