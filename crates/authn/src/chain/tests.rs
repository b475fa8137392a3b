use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};
use rustls_pki_types::CertificateDer;

use super::*;
use crate::{Authenticated, Identity};

struct Says(&'static str, Outcome);
impl Authenticator for Says {
    fn name(&self) -> &str {
        self.0
    }
    fn authenticate<'a>(&'a self, _: Credentials<'a>, _: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async { self.1.clone() })
    }
}

fn chain(outcomes: &[Outcome]) -> Chain {
    let names = ["one", "two", "three"];
    let link = |(name, outcome): (&&'static str, &Outcome)| -> Arc<dyn Authenticator> {
        Arc::new(Says(name, outcome.clone()))
    };
    Chain::new("test", names.iter().zip(outcomes).map(link).collect())
}

async fn ask(chain: &Chain) -> Outcome {
    let headers = HeaderMap::new();
    chain.authenticate(Credentials::headers(&headers), UnixTime::EPOCH).await
}

fn known() -> Outcome {
    Outcome::Authenticated(Authenticated::new(Identity::default(), Method::Bearer, None))
}

fn bad() -> Refusal {
    Refusal::TokenNotForAccess
}

#[tokio::test]
async fn only_not_mine_leads_on() {
    assert!(matches!(ask(&chain(&[])).await, Outcome::NotMine(NotMine::Absent)));
    assert!(matches!(ask(&chain(&[Outcome::ABSENT, known()])).await, Outcome::Authenticated(_)));
    assert!(matches!(ask(&chain(&[Outcome::unknown(bad()), known()])).await, Outcome::Authenticated(_)));
    assert!(matches!(ask(&chain(&[Outcome::Rejected(bad()), known()])).await, Outcome::Rejected(_)));
    assert!(matches!(ask(&chain(&[Outcome::Unavailable(bad()), known()])).await, Outcome::Unavailable(_)));
}

#[tokio::test]
async fn only_who_presents_nothing_is_anonymous() {
    let anonymous = |outcomes: &[Outcome]| chain(outcomes).or_anonymous();
    assert!(matches!(ask(&anonymous(&[])).await, Outcome::Authenticated(_)));
    assert!(matches!(ask(&anonymous(&[Outcome::ABSENT])).await, Outcome::Authenticated(_)));
    for known_to_nobody in [Outcome::unknown(bad()), Outcome::Rejected(bad())] {
        assert!(matches!(ask(&anonymous(&[Outcome::ABSENT, known_to_nobody])).await, Outcome::Rejected(_)));
    }
    assert!(matches!(ask(&anonymous(&[Outcome::Unavailable(bad())])).await, Outcome::Unavailable(_)));
}

/// Reads no `Authorization`.
struct OfCertificates(Outcome);
impl Authenticator for OfCertificates {
    fn name(&self) -> &str {
        "certificates"
    }
    fn authenticate<'a>(&'a self, _: Credentials<'a>, _: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async { self.0.clone() })
    }
    fn reads(&self) -> &[HeaderName] {
        &[]
    }
    fn reads_certificates(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_token_that_nobody_knows_does_not_become_the_holder_of_a_certificate() {
    let unknown = || Outcome::unknown(bad());
    for (token, certificate, known_to_a_third, admitted) in [
        (Outcome::ABSENT, known(), Outcome::ABSENT, true),
        (unknown(), known(), Outcome::ABSENT, false),
        (unknown(), known(), unknown(), false),
        (unknown(), known(), known(), true),
        (unknown(), Outcome::ABSENT, known(), true),
        (known(), unknown(), Outcome::ABSENT, true),
        (Outcome::ABSENT, unknown(), known(), true),
    ] {
        let links: [Arc<dyn Authenticator>; 3] = [
            Arc::new(Says("tokens", token)),
            Arc::new(OfCertificates(certificate)),
            Arc::new(Says("more tokens", known_to_a_third)),
        ];
        match ask(&Chain::new("test", links.to_vec()).or_anonymous()).await {
            Outcome::Authenticated(_) => assert!(admitted),
            Outcome::Rejected(_) => assert!(!admitted),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_nobody_knows_is_not_anonymous_where_that_is_a_link() {
    for (outcome, anonymous) in [(Outcome::ABSENT, true), (Outcome::unknown(bad()), false)] {
        for first in
            [Arc::new(Says("tokens", outcome.clone())) as Arc<dyn Authenticator>, Arc::new(OfCertificates(outcome))]
        {
            let chain = Chain::new("test", vec![first, Arc::new(Anonymous)]);
            match ask(&chain).await {
                Outcome::Authenticated(who) => assert!(anonymous && who.method() == Method::Anonymous),
                Outcome::Rejected(_) => assert!(!anonymous),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_nobody_knows_says_what_each_said() {
    let one = Refusal::IssuerUnknown { found: None, accepted: "a".to_owned() };
    match ask(&chain(&[Outcome::unknown(one.clone())])).await {
        Outcome::Rejected(refusal) => assert_eq!(refusal, one),
        other => panic!("{other:?}"),
    }
    match ask(&chain(&[Outcome::unknown(one), Outcome::unknown(bad())])).await {
        Outcome::Rejected(refusal) => {
            assert_eq!(refusal.reason().name, "credential-unknown");
            let text = refusal.to_string();
            assert!(text.contains("one: ") && text.contains("two: "), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn everybody_is_asked_for_an_explanation() {
    let headers = HeaderMap::new();
    let chain = chain(&[Outcome::Rejected(bad()), known()]);
    let answers = chain.explain(Credentials::headers(&headers), UnixTime::EPOCH).await;
    let names: Vec<&str> = answers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
    assert!(matches!(answers[1].1, Outcome::Authenticated(_)));
}

struct Reads(Vec<HeaderName>, bool);
impl Authenticator for Reads {
    fn name(&self) -> &str {
        "reads"
    }
    fn authenticate<'a>(&'a self, _: Credentials<'a>, _: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome::ABSENT })
    }
    fn reads(&self) -> &[HeaderName] {
        &self.0
    }
    fn reads_certificates(&self) -> bool {
        self.1
    }
}

#[test]
fn a_fingerprint_is_of_all_that_counts_and_of_nothing_else() {
    let map = |list: &[(HeaderName, &str)]| {
        list.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect::<HeaderMap>()
    };
    let plain = chain(&[Outcome::ABSENT]);
    let of = |list: &[(HeaderName, &str)]| plain.fingerprint(&Credentials::headers(&map(list)));
    assert_eq!(of(&[(COOKIE, "a=b")]), None);
    let token = of(&[(AUTHORIZATION, "Bearer a")]);
    assert!(token.is_some());
    assert_eq!(token, of(&[(AUTHORIZATION, "Bearer a"), (COOKIE, "a=b")]));
    assert_ne!(token, of(&[(AUTHORIZATION, "Bearer b")]));
    let mut twice = HeaderMap::new();
    twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
    twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
    let mut swapped = HeaderMap::new();
    swapped.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
    swapped.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
    let fingerprint = |headers: &HeaderMap| plain.fingerprint(&Credentials::headers(headers));
    assert_ne!(fingerprint(&twice), fingerprint(&swapped));
    assert_ne!(fingerprint(&twice), token);
}

#[test]
fn a_fingerprint_tells_certificates_and_who_handed_them_over_apart() {
    let forwarded = HeaderName::from_static("x-forwarded-client-cert");
    let chain = Chain::new("tls", vec![Arc::new(Reads(vec![AUTHORIZATION, forwarded.clone()], true))]);
    let (one, two) =
        ([CertificateDer::from(vec![1, 2])], [CertificateDer::from(vec![1]), CertificateDer::from(vec![2])]);
    let mut headers = HeaderMap::new();
    let nothing = Credentials::headers(&headers);
    assert_eq!(chain.fingerprint(&nothing), None);
    assert_eq!(chain.fingerprint(&Credentials { trusted_proxy: true, ..nothing }), None);
    let shown = chain.fingerprint(&Credentials { certificates: &one, ..nothing });
    assert!(shown.is_some());
    assert_ne!(shown, chain.fingerprint(&Credentials { certificates: &two, ..nothing }));
    headers.insert(forwarded, HeaderValue::from_static("x"));
    let told = Credentials::headers(&headers);
    let believed = Credentials { trusted_proxy: true, ..told };
    assert_ne!(chain.fingerprint(&told), chain.fingerprint(&believed));
}
