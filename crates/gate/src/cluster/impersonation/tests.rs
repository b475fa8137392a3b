use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::*;

fn terms() -> Terms {
    Terms { cluster: "prod".into(), uid: true, extra: None, trusted_with_reserved: ["cluster".to_owned()].into() }
}

fn somebody() -> Identity {
    Identity { issuer: "corp".into(), username: "ada@example.com".into(), ..Identity::default() }
}

fn headers(identity: &Identity, terms: &Terms) -> Result<HeaderMap, &'static str> {
    let made = Impersonation::of_identity(identity, terms).map_err(|refusal| refusal.reason().name)?;
    let mut headers = HeaderMap::new();
    made.put_on(&mut headers);
    Ok(headers)
}

/// What kube-apiserver makes of the headers: name, uid, groups, attributes.
type Understood = (String, Option<String>, Vec<String>, BTreeMap<String, Vec<String>>);

fn understood(headers: &HeaderMap) -> Understood {
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        // The name has small letters only, then it is decoded.
        if let Some(key) = name.as_str().strip_prefix("impersonate-extra-") {
            let key = percent_decode_str(key).decode_utf8().unwrap().into_owned();
            extra.entry(key).or_default().push(text(value));
        }
    }
    let groups = headers.get_all("impersonate-group").iter().map(text).collect();
    let mut users = headers.get_all("impersonate-user").iter();
    let user = users.next().map(text).unwrap();
    assert!(users.next().is_none());
    (user, headers.get("impersonate-uid").map(text), groups, extra)
}

#[test]
fn a_caller_is_told_with_name_groups_uid_and_attributes() {
    let ada = Identity {
        uid: Some("c0ffee".into()),
        groups: vec!["dev".into(), "a b, c".into(), "dev".into()],
        extra: [
            ("example.com/Team".to_owned(), vec!["x".to_owned(), "y".to_owned()]),
            ("authentication.kubernetes.io/credential-id".to_owned(), vec!["JTI=7".to_owned()]),
        ]
        .into(),
        ..somebody()
    };
    let told = headers(&ada, &terms()).unwrap();
    assert_eq!(told["impersonate-user"], "ada@example.com");
    assert_eq!(told["impersonate-uid"], "c0ffee");
    assert_eq!(told.get_all("impersonate-group").iter().collect::<Vec<_>>(), ["dev", "a b, c", "dev"]);
    assert_eq!(told.get_all("impersonate-extra-example.com%2f%54eam").iter().collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(told["impersonate-extra-authentication.kubernetes.io%2fcredential-id"], "JTI=7");

    let few = Terms { uid: false, extra: Some(["example.com/Team".to_owned()].into()), ..terms() };
    let told = headers(&ada, &few).unwrap();
    assert!(!told.contains_key("impersonate-uid") && told.len() == 6, "{told:?}");
    assert_eq!(headers(&somebody(), &Terms { extra: Some(BTreeSet::new()), ..terms() }).unwrap().len(), 1);
}

#[test]
fn kubernetes_own_names_are_for_whom_the_configuration_trusts_with_them() {
    let with = |issuer: &str, username: &str, group: &str| Identity {
        issuer: issuer.into(),
        username: username.into(),
        groups: vec![group.into()],
        ..Identity::default()
    };
    for (user, group) in [
        ("system:admin", "dev"),
        ("system:serviceaccount:ci:builder", "dev"),
        ("system:node:n1", "dev"),
        ("kubeadm:x", "dev"),
        ("ada", "system:nodes"),
        ("ada", "system:serviceaccounts"),
        ("ada", "kubeadm:cluster-admins"),
        ("ada", "system:"),
    ] {
        assert_eq!(headers(&with("corp", user, group), &terms()), Err("cluster-name-reserved"), "{user} {group}");
        assert!(headers(&with("cluster", user, group), &terms()).is_ok(), "{user} {group}");
    }
    for (user, group) in [
        ("ada", "system:masters"),
        ("ada", "system:unauthenticated"),
        ("system:masters", "dev"),
        ("system:anonymous", "dev"),
        ("system:unauthenticated", "dev"),
        ("system:authenticated", "dev"),
    ] {
        for issuer in ["corp", "cluster", ""] {
            let refused = headers(&with(issuer, user, group), &terms());
            assert_eq!(refused, Err("cluster-name-reserved"), "{issuer} {user} {group}");
        }
    }
    assert_eq!(headers(&with("corp", "ada", "system:authenticated"), &terms()), Err("cluster-name-reserved"));
    let added_anyway = headers(&with("cluster", "ada", "system:authenticated"), &terms()).unwrap();
    assert!(!added_anyway.contains_key("impersonate-group"));
}

#[test]
fn what_could_be_read_otherwise_than_it_is_written_is_refused() {
    for bad in [
        "",
        " ",
        "a ",
        " a",
        "\ta",
        "a\r\nImpersonate-Group: system:masters",
        "a\nb",
        "a\0",
        "a\u{7f}",
        "jürgen",
        "a\u{a0}",
        "\u{202e}a",
    ] {
        let user = Identity { username: bad.into(), ..somebody() };
        let uid = Identity { uid: Some(bad.into()), ..somebody() };
        let group = Identity { groups: vec!["dev".into(), bad.into()], ..somebody() };
        let attribute = Identity { extra: [("k".to_owned(), vec![bad.to_owned()])].into(), ..somebody() };
        for identity in [user, uid, group, attribute] {
            assert_eq!(headers(&identity, &terms()), Err("cluster-name-unfit"), "{identity:?}");
        }
    }
    for key in ["", &"k".repeat(600)] {
        let attribute = Identity { extra: [(key.to_owned(), vec!["v".to_owned()])].into(), ..somebody() };
        assert_eq!(headers(&attribute, &terms()), Err("cluster-name-unfit"), "{key:?}");
    }
    // What is not told can't be unfit.
    let hidden =
        Identity { uid: Some("\n".into()), extra: [("k".to_owned(), vec!["\n".to_owned()])].into(), ..somebody() };
    assert!(headers(&hidden, &Terms { uid: false, extra: Some(BTreeSet::new()), ..terms() }).is_ok());
}

#[test]
fn there_are_no_more_than_an_api_server_should_judge_and_none_that_are_not_known() {
    let with = |groups: Vec<String>| Identity { groups, ..somebody() };
    let numbered = |count: usize, length: usize| (0..count).map(|n| format!("{n:0length$}")).collect::<Vec<_>>();
    assert!(headers(&with(numbered(MOST, 36)), &terms()).is_ok(), "as many groups as Entra ID may name, by their ids");
    assert_eq!(headers(&with(numbered(MOST + 1, 4)), &terms()), Err("cluster-groups-too-many"));
    assert_eq!(headers(&with(numbered(MOST, 64)), &terms()), Err("cluster-groups-too-many"));
    let values = Identity { extra: [("k".to_owned(), numbered(MOST + 1, 4))].into(), ..somebody() };
    assert_eq!(headers(&values, &terms()), Err("cluster-groups-too-many"));
    let unresolved = Identity { groups_unresolved: true, ..somebody() };
    assert_eq!(headers(&unresolved, &terms()), Err("cluster-groups-unknown"));
}

#[test]
fn nobody_in_particular_is_not_told_as_somebody() {
    let anonymous = gangplank_authn::Anonymous::authenticated();
    let refused = Impersonation::of(&anonymous, &terms()).map(|_| ()).unwrap_err();
    assert_eq!(refused.reason().name, "cluster-caller-anonymous");
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn text(&mut self, alphabet: &[char]) -> String {
        let length = 1 + self.roll(12);
        (0..length).map(|_| alphabet[usize::try_from(self.roll(alphabet.len() as u64)).unwrap()]).collect()
    }
}

#[test]
fn whatever_is_written_is_read_as_exactly_that_caller() {
    let nasty: Vec<char> = "aZ09-._~:/@,;%+= \"'\\<>()[]{}|#&*!$^`?äß€\u{1f600}\r\n\0\t\u{7f}".chars().collect();
    let tame: Vec<char> = "aZ09-._~:/@,;%+=\"'\\<>()[]{}|#&*!$^`?".chars().collect();
    let mut dice = Dice(7);
    let (mut written, mut refused) = (0, 0);
    for round in 0..20_000 {
        let alphabet = if round % 4 == 0 { &nasty } else { &tame };
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for _ in 0..dice.roll(3) {
            // Keys may be anything: they are encoded.
            let values = (0..1 + dice.roll(3)).map(|_| dice.text(alphabet)).collect();
            extra.insert(dice.text(&nasty), values);
        }
        let identity = Identity {
            username: dice.text(alphabet),
            uid: (dice.roll(2) == 0).then(|| dice.text(alphabet)),
            groups: (0..dice.roll(5)).map(|_| dice.text(alphabet)).collect(),
            extra,
            ..Identity::default()
        };
        match headers(&identity, &terms()) {
            Ok(headers) => {
                written += 1;
                let said =
                    (identity.username.clone(), identity.uid.clone(), identity.groups.clone(), identity.extra.clone());
                assert_eq!(understood(&headers), said, "{headers:?}");
            }
            Err(why) => {
                refused += 1;
                let values = identity.extra.values().flatten().chain(&identity.groups).chain(&identity.uid);
                let fits = |text: &str| text.bytes().all(|b| (b' '..=b'~').contains(&b)) && text.trim() == text;
                let unfit = values.chain([&identity.username]).any(|text| !fits(text));
                assert!(why == "cluster-name-unfit" && unfit, "{why}: {identity:?}");
            }
        }
    }
    assert!(written > 10_000 && refused > 1_000, "both were tried: {written} {refused}");
}
