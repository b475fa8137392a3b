use http::HeaderValue;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};

use super::*;
use crate::testing::{NOW, TempDir};
use crate::{Identity, NotMine};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    params
}

fn root(name: &str) -> Issuer {
    Issuer::self_signed(authority(name, |_| {}), KeyPair::generate().unwrap()).unwrap()
}

/// A client's certificate: common name `ada`, for a year around `NOW`, and whatever is changed.
fn leaf(issuer: &Issuer, change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 6, 1);
    params.not_after = rcgen::date_time_ymd(2027, 6, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "ada");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    change(&mut params);
    params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
}

fn settings() -> CertificateSettings {
    CertificateSettings {
        name: "clients".into(),
        source: CertificateSource::Tls,
        spiffe_trust_domains: Vec::new(),
        allow_reserved: false,
    }
}

fn load(settings: CertificateSettings, bundle: &[&Issuer]) -> (TempDir, ClientCertificates) {
    let dir = TempDir::new();
    let path = dir.write("ca.pem", &bundle.iter().map(|issuer| issuer.pem()).collect::<String>());
    let loaded = ClientCertificates::load(settings, &path, NOW).unwrap();
    (dir, loaded)
}

fn outcome(clients: &ClientCertificates, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Authenticated, String> {
    match clients.verify(chain, now) {
        Outcome::Authenticated(who) => Ok(who),
        Outcome::NotMine(NotMine::Unknown(why)) => Err(format!("unknown: {}", why.reason().name)),
        Outcome::NotMine(NotMine::Absent) => Err("absent".into()),
        Outcome::Rejected(why) => Err(format!("rejected: {}", why.reason().name)),
        Outcome::Unavailable(why) => Err(format!("unavailable: {}", why.reason().name)),
    }
}

fn judged(clients: &ClientCertificates, certificate: CertificateDer<'static>) -> Result<Authenticated, String> {
    outcome(clients, &[certificate], NOW)
}

const DATE_2027_06_01: UnixTime = UnixTime::from_secs(1_811_808_000);

#[test]
fn it_is_who_kubernetes_says_it_is() {
    let ca = root("ca");
    let (_dir, clients) = load(settings(), &[&ca]);
    let certificate = leaf(&ca, |params| {
        params.distinguished_name.push(DnType::OrganizationName, "developers");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 10]), "on call");
        params.distinguished_name.push(DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, 2]), "u-1");
    });
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate);
    let hex: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    let who = judged(&clients, certificate).unwrap();
    let id = vec![format!("X509SHA256={hex}")];
    let expected = Identity {
        issuer: "clients".into(),
        subject: "ada".into(),
        username: "ada".into(),
        groups: vec!["developers".into(), "on call".into()],
        uid: Some("u-1".into()),
        extra: [("authentication.kubernetes.io/credential-id".to_owned(), id)].into(),
        ..Identity::default()
    };
    assert_eq!(who.identity(), &expected);
    assert_eq!((who.method(), who.expires()), (Method::Certificate, Some(DATE_2027_06_01)));
    assert!(judged(&clients, leaf(&ca, |params| params.extended_key_usages = Vec::new())).is_ok(), "for any purpose");
}

#[test]
fn names_that_are_none_or_not_theirs_are_refused() {
    let ca = root("ca");
    let (_dir, clients) = load(settings(), &[&ca]);
    let (_dir, own) = load(CertificateSettings { allow_reserved: true, ..settings() }, &[&ca]);
    let named = |kind: DnType, value: &str| {
        let value = value.to_owned();
        leaf(&ca, |params| params.distinguished_name.push(kind, value))
    };
    let cn = |value: &str| named(DnType::CommonName, value);
    let nobody = leaf(&ca, |params| params.distinguished_name = rcgen::DistinguishedName::new());
    for (certificate, expected) in [
        (nobody, "unknown: certificate-nameless"),
        (cn(""), "unknown: certificate-nameless"),
        (cn("a\nb"), "rejected: certificate-name-unusable"),
        (cn("ada "), "rejected: certificate-name-unusable"),
        (named(DnType::CustomDnType(vec![2, 5, 4, 3]), "root"), "rejected: certificate-name-unusable"),
        (named(DnType::OrganizationName, ""), "rejected: certificate-name-unusable"),
        (named(DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, 2]), ""), "rejected: certificate-name-unusable"),
    ] {
        assert_eq!(judged(&clients, certificate).unwrap_err(), expected);
    }
    for reserved in [cn("system:admin"), named(DnType::OrganizationName, "system:masters")] {
        assert_eq!(judged(&clients, reserved.clone()).unwrap_err(), "rejected: certificate-name-reserved");
        assert!(judged(&own, reserved).is_ok());
    }
}

#[test]
fn strangers_are_unknown_and_what_is_ours_must_be_good_now() {
    let (ca, other, namesake) = (root("ca"), root("other"), root("ca"));
    let (_dir, clients) = load(settings(), &[&ca]);
    let before = UnixTime::from_secs(1_700_000_000);
    let after = UnixTime::from_secs(DATE_2027_06_01.as_secs() + 1);
    let server =
        |params: &mut CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for (certificate, now, expected) in [
        (leaf(&other, |_| {}), NOW, "unknown: certificate-issuer-unknown"),
        (leaf(&other, |_| {}), after, "unknown: certificate-issuer-unknown"),
        (leaf(&other, |_| {}), before, "unknown: certificate-issuer-unknown"),
        (leaf(&other, server), NOW, "unknown: certificate-issuer-unknown"),
        // Clusters of kubeadm all call their authority the same.
        (leaf(&namesake, |_| {}), NOW, "unknown: certificate-issuer-unknown"),
        (leaf(&ca, |_| {}), after, "rejected: certificate-expired"),
        (leaf(&ca, |_| {}), before, "rejected: certificate-not-yet-valid"),
        (leaf(&ca, server), NOW, "rejected: certificate-unacceptable"),
        (
            leaf(&ca, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            NOW,
            "rejected: certificate-unacceptable",
        ),
        (CertificateDer::from(vec![0x30, 0]), NOW, "rejected: certificate-malformed"),
        (CertificateDer::from(Vec::new()), NOW, "rejected: certificate-malformed"),
    ] {
        assert_eq!(outcome(&clients, &[certificate], now).unwrap_err(), expected);
    }
    assert!(judged(&clients, leaf(&ca, |_| {})).is_ok());
    let eleven = vec![leaf(&ca, |_| {}); 11];
    assert_eq!(outcome(&clients, &eleven, NOW).unwrap_err(), "rejected: certificate-malformed");
    let mut forged = leaf(&ca, |_| {}).to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert!(judged(&clients, CertificateDer::from(forged)).is_err());
}

#[test]
fn intermediates_constrain_and_their_end_is_the_end() {
    let ca = root("ca");
    let above = |change: &dyn Fn(&mut CertificateParams)| {
        Issuer::signed_by(authority("between", change), KeyPair::generate().unwrap(), &ca).unwrap()
    };
    let (_dir, clients) = load(settings(), &[&ca]);
    let plain = above(&|params| {
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    });
    let certificate = leaf(&plain, |_| {});
    assert_eq!(judged(&clients, certificate.clone()).unwrap_err(), "unknown: certificate-issuer-unknown");
    let who = outcome(&clients, &[certificate.clone(), plain.der().clone()], NOW).unwrap();
    assert_eq!(who.expires(), Some(UnixTime::from_secs(1_798_761_600)));
    let late = UnixTime::from_secs(1_800_000_000);
    assert_eq!(
        outcome(&clients, &[certificate, plain.der().clone()], late).unwrap_err(),
        "rejected: certificate-expired"
    );

    let narrow = above(&|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".into())],
            excluded_subtrees: Vec::new(),
        });
    });
    let with_name = |name: &str| {
        let name = SanType::DnsName(name.try_into().unwrap());
        leaf(&narrow, |params| params.subject_alt_names = vec![name])
    };
    assert!(outcome(&clients, &[with_name("a.example.com"), narrow.der().clone()], NOW).is_ok());
    let outside = outcome(&clients, &[with_name("a.example.org"), narrow.der().clone()], NOW);
    assert_eq!(outside.unwrap_err(), "rejected: certificate-unacceptable");

    // A client is no authority, whatever it signs.
    let mut params = authority("mallory", |_| {});
    params.is_ca = IsCa::ExplicitNoCa;
    let mallory = Issuer::signed_by(params, KeyPair::generate().unwrap(), &ca).unwrap();
    assert!(outcome(&clients, &[leaf(&mallory, |_| {}), mallory.der().clone()], NOW).is_err());
}

#[test]
fn an_authority_that_has_ended_vouches_for_nobody() {
    let params = authority("old", |params| params.not_after = rcgen::date_time_ymd(2026, 12, 1));
    let ca = Issuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let (_dir, clients) = load(settings(), &[&ca]);
    let certificate = leaf(&ca, |_| {});
    let who = judged(&clients, certificate.clone()).unwrap();
    let end = UnixTime::from_secs(1_796_083_200);
    assert_eq!(who.expires(), Some(end));
    let later = UnixTime::from_secs(end.as_secs() + 1);
    assert_eq!(outcome(&clients, &[certificate], later).unwrap_err(), "rejected: certificate-unacceptable");
}

#[test]
fn a_spiffe_id_names_a_workload_of_a_configured_trust_domain() {
    let ca = root("spire");
    let spiffe = CertificateSettings { spiffe_trust_domains: vec!["example.org".into()], ..settings() };
    let (_dir, clients) = load(spiffe, &[&ca]);
    let uris = |uris: &[&str], usages: &[KeyUsagePurpose]| {
        let names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
        leaf(&ca, |params| {
            params.distinguished_name.push(DnType::OrganizationName, "SPIRE");
            params.subject_alt_names = names;
            params.key_usages = usages.to_vec();
        })
    };
    let signs = [KeyUsagePurpose::DigitalSignature];
    let who = judged(&clients, uris(&["spiffe://example.org/ns/shop/sa/cart"], &signs)).unwrap();
    assert_eq!(who.identity().username, "spiffe://example.org/ns/shop/sa/cart");
    assert_eq!(who.identity().issuer_url, "spiffe://example.org");
    assert!(who.identity().groups.is_empty() && who.identity().uid.is_none());
    let good = "spiffe://example.org/a";
    for (certificate, expected) in [
        (uris(&[], &signs), "unknown: certificate-nameless"),
        (uris(&["https://example.org/a"], &signs), "unknown: certificate-nameless"),
        (uris(&["spiffe://other.org/a"], &signs), "unknown: certificate-nameless"),
        (uris(&["spiffe://example.org/a/../b"], &signs), "unknown: certificate-nameless"),
        (uris(&["spiffe://example.org"], &signs), "rejected: certificate-name-unusable"),
        (uris(&[good, good], &signs), "rejected: certificate-name-unusable"),
        (uris(&[good, "https://example.org"], &signs), "rejected: certificate-name-unusable"),
        (uris(&[good], &[]), "rejected: certificate-unacceptable"),
        (uris(&[good], &[KeyUsagePurpose::KeyEncipherment]), "rejected: certificate-unacceptable"),
        (uris(&[good], &[signs[0], KeyUsagePurpose::CrlSign]), "rejected: certificate-unacceptable"),
    ] {
        assert_eq!(judged(&clients, certificate).unwrap_err(), expected);
    }
}

#[test]
fn a_changed_bundle_takes_over_and_a_wrong_one_does_not() {
    let (one, two) = (root("one"), root("two"));
    let (dir, clients) = load(settings(), &[&one]);
    let certificate = leaf(&one, |_| {});
    let before = judged(&clients, certificate.clone()).unwrap();
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let nobody = leaf(&one, |_| {});
    let pem = |der: &[u8]| {
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    };
    for (bad, said) in [
        (String::new(), "holds no certificate"),
        (key.to_owned(), "holds no certificate"),
        (format!("# one\n{}", pem(&nobody)), "line 2: is the certificate of somebody who may not"),
        (pem(b"x"), "line 1: is no certificate"),
        ("-----BEGIN CERTIFICATE-----\nA\n".to_owned(), "line 1: is not well-formed PEM"),
    ] {
        dir.write("ca.pem", &bad);
        let errors = clients.reload(NOW).unwrap_err();
        assert!(errors[0].to_string().starts_with(said), "{errors:?}");
    }
    assert!(before.holds(NOW) && judged(&clients, certificate.clone()).is_ok());
    dir.write("ca.pem", &two.pem());
    assert_eq!(clients.reload(NOW), Ok(true));
    assert!(!before.holds(NOW));
    assert_eq!(judged(&clients, certificate).unwrap_err(), "unknown: certificate-issuer-unknown");
    assert!(judged(&clients, leaf(&two, |_| {})).is_ok());
    assert_eq!(clients.authority_names().len(), 1);
}

#[tokio::test]
async fn a_header_counts_from_a_trusted_proxy_and_a_connection_from_everybody() {
    let ca = root("ca");
    let certificate = leaf(&ca, |_| {});
    let der = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &certificate);
    let mut headers = HeaderMap::new();
    headers.insert("client-cert", HeaderValue::from_str(&format!(":{der}:")).unwrap());
    let shown = [certificate];
    let in_header = CertificateSettings { source: CertificateSource::ClientCert, ..settings() };
    for (settings, trusted_proxy, headers, certificates, expected) in [
        (in_header.clone(), true, &headers, &[][..], true),
        (in_header.clone(), false, &headers, &[], false),
        (in_header.clone(), true, &HeaderMap::new(), &shown, false),
        (settings(), false, &HeaderMap::new(), &shown, true),
        (settings(), true, &headers, &[], false),
    ] {
        let (_dir, clients) = load(settings, &[&ca]);
        let credentials = Credentials { headers, certificates, trusted_proxy };
        match clients.authenticate(credentials, NOW).await {
            Outcome::Authenticated(who) => assert!(expected, "{who:?}"),
            Outcome::NotMine(NotMine::Absent) => assert!(!expected),
            other => panic!("{other:?}"),
        }
    }
    let (_dir, clients) = load(in_header, &[&ca]);
    assert_eq!(clients.reads(), ["client-cert", "client-cert-chain"]);
    assert!(!clients.reads_certificates() && clients.challenges().is_empty());
    headers.insert("client-cert", HeaderValue::from_static(":x:"));
    let credentials = Credentials { headers: &headers, certificates: &[], trusted_proxy: true };
    assert!(matches!(clients.authenticate(credentials, NOW).await, Outcome::Rejected(_)), "not passed over");
}
