//! What is signed here is verified here, for every algorithm and every form of a private key.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use gangplank_jose::{
    Algorithm, KeySet, Leeway, Purpose, Rules, SigningError, SigningKey, TokenRefusal, UnixTime, Unverified,
};
use serde_json::{Map, json};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn rules(algorithm: Algorithm) -> Rules {
    Rules {
        issuers: vec!["https://issuer.example".into()],
        audiences: vec!["api://app".into()],
        algorithms: vec![algorithm],
        purpose: Purpose::AccessToken,
        leeway: Leeway::NONE,
    }
}

fn claims() -> serde_json::Value {
    json!({"iss": "https://issuer.example", "aud": "api://app", "sub": "s", "exp": NOW.as_secs() + 60})
}

#[test]
fn every_algorithm_verifies_its_own_signatures() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let kid = key.thumbprint();
        let keys = KeySet::parse(json!({"keys": [key.public_jwk(&kid)]}).to_string().as_bytes()).unwrap();
        assert!(keys.contains(&kid), "{keys:?}");
        let header: Map<_, _> =
            [("kid".to_owned(), kid.into()), ("typ".to_owned(), "at+jwt".into())].into_iter().collect();
        let token = key.sign(&header, &claims()).unwrap();
        let verified = Unverified::parse(&token).unwrap().verify(&keys, &rules(algorithm), NOW).unwrap();
        assert_eq!(verified.get().subject(), Some("s"));
        let other = Algorithm::ALL.into_iter().find(|a| *a != algorithm).unwrap();
        let refusal = Unverified::parse(&token).unwrap().verify(&keys, &rules(other), NOW).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::AlgorithmNotAllowed { .. }));
    }
}

#[test]
fn an_issuer_that_the_caller_names_takes_the_place_of_the_rules() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let keys = KeySet::parse(json!({"keys": [key.public_jwk("k")]}).to_string().as_bytes()).unwrap();
    let token = key.sign(&Map::new(), &claims()).unwrap();
    let from = |issuer: &str, issuers: &[&str]| {
        let issuers = issuers.iter().map(|issuer| (*issuer).to_owned()).collect();
        let rules = Rules { issuers, ..rules(Algorithm::ES256) };
        Unverified::parse(&token).unwrap().verify_from(issuer, &keys, &rules, NOW).map(|_| ())
    };
    assert_eq!(from("https://issuer.example", &[]), Ok(()));
    for other in ["https://issuer.example/", "https://other.example", ""] {
        let refusal = from(other, &["https://issuer.example"]).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::IssuerMismatch { .. }), "{other}: {refusal}");
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn signs_and_verifies(key: &SigningKey) {
    let keys = KeySet::parse(json!({"keys": [key.public_jwk("k")]}).to_string().as_bytes()).unwrap();
    let token = key.sign(&Map::new(), &claims()).unwrap();
    Unverified::parse(&token).unwrap().verify(&keys, &rules(key.algorithm()), NOW).unwrap();
}

#[test]
fn rsa_keys_come_as_pkcs_8_and_pkcs_1() {
    let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let pkcs8 = pair.as_der().unwrap();
    // PrivateKeyInfo of a 2048-bit key: 26 octets, then the RSAPrivateKey.
    let pkcs1 = &pkcs8.as_ref()[26..];
    let one = SigningKey::from_pem(&pem("PRIVATE KEY", pkcs8.as_ref()), Algorithm::RS256).unwrap();
    let other = SigningKey::from_pem(&pem("RSA PRIVATE KEY", pkcs1), Algorithm::PS384).unwrap();
    signs_and_verifies(&one);
    signs_and_verifies(&other);
    assert_eq!(one.thumbprint(), other.thumbprint());
    assert_eq!(one.public_key_der(), other.public_key_der());
    let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> =
        aws_lc_rs::signature::KeyPair::public_key(&pair).as_der().unwrap();
    assert_eq!(one.public_key_der(), spki.as_ref());
}

#[test]
fn ec_keys_come_as_pkcs_8_and_sec_1() {
    for (algorithm, curve) in [
        (Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        (Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        (Algorithm::ES512, &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
    ] {
        let pair = EcdsaKeyPair::generate(curve).unwrap();
        let sec1: aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
        // What `openssl ecparam -genkey` writes in front, and CR LF as some editors do.
        let text = format!("{}{}", pem("EC PARAMETERS", &[6, 1, 1]), pem("EC PRIVATE KEY", sec1.as_ref()));
        let one = SigningKey::from_pem(&text.replace('\n', "\r\n"), algorithm).unwrap();
        let other = SigningKey::from_pem(&pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref()), algorithm).unwrap();
        signs_and_verifies(&one);
        assert_eq!(one.thumbprint(), other.thumbprint());
    }
}

#[test]
fn ed25519_keys_come_as_pkcs_8() {
    let pair = Ed25519KeyPair::generate().unwrap();
    for document in [pair.to_pkcs8().unwrap(), pair.to_pkcs8v1().unwrap()] {
        signs_and_verifies(&SigningKey::from_pem(&pem("PRIVATE KEY", document.as_ref()), Algorithm::EdDSA).unwrap());
    }
}

#[test]
fn a_key_that_cannot_be_used_says_why() {
    let p256 = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let p256 = pem("PRIVATE KEY", p256.to_pkcs8v1().unwrap().as_ref());
    for algorithm in Algorithm::ALL.into_iter().filter(|a| *a != Algorithm::ES256) {
        let error = SigningKey::from_pem(&p256, algorithm).unwrap_err();
        assert!(matches!(error, SigningError::WrongKey { .. }), "{error}");
        assert!(error.to_string().contains(algorithm.name()), "{error}");
    }
    for (text, hint) in [
        ("", "holds none"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds none"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "encrypted"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            "encrypted",
        ),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n", "END line"),
        ("-----BEGIN PRIVATE KEY-----\n@@c2VjcmV0\n-----END PRIVATE KEY-----\n", "base64"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "P-256"),
    ] {
        let error = SigningKey::from_pem(text, Algorithm::ES256).unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
        assert!(!error.contains("c2VjcmV0"));
    }
}

#[test]
fn the_key_alone_says_alg() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let header: Map<_, _> = [("alg".to_owned(), "none".into())].into_iter().collect();
    assert_eq!(key.sign(&header, &claims()).unwrap_err(), SigningError::HeaderAlgorithm);
    let jwk = key.public_jwk("k");
    assert_eq!(
        (&jwk["kid"], &jwk["use"], &jwk["alg"], &jwk["kty"]),
        (&json!("k"), &json!("sig"), &json!("ES256"), &json!("EC"))
    );
    assert!(jwk.get("d").is_none());
}
