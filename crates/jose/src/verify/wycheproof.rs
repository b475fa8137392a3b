//! Wycheproof's signatures as data: every vector of the files that fit a JOSE algorithm, with its key as a JWK of ours, goes
//! through the same function that judges a token's signature. (They sign bare messages and no JWS, so that they cannot come
//! as tokens; what Wycheproof has about JWS as such is not published as a package. `tests/attacks` covers those classes.)
//!
//! What is expected:
//!
//! 1. `valid` is accepted, and `invalid` is `token-signature-invalid`.
//! 2. `acceptable` is refused. These are the PKCS#1 signatures whose hash is named without its NULL parameter
//!    (`MissingNull`), which RFC 8017 §9.2 permits a lenient verifier to take.
//! 3. PSS with another salt or mask hash than RFC 7518 §3.5 demands is refused although Wycheproof calls it valid, and so is
//!    ECDSA with another hash than the curve's. In these files the one signature that is spoilt just so that it is a JOSE
//!    one ([`PROPER_AFTER_ALL`]) is accepted.
//! 4. A curve that JOSE or this verifier does not know makes no key at all.
//!
//! The counts are those of the files: a vector that is left out, or a file that has shrunk, fails the test.

use std::str::FromStr as _;

use serde_json::{Value, json};

use crate::token::Header;
use crate::{Algorithm, KeyProblem, KeySet, TokenRefusal, encoding};

/// What became of the vectors of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
}

/// File, algorithm, how many are to be accepted, how many refused.
type Row = (&'static str, Algorithm, usize, usize);

const ECDSA: [Row; 3] = [
    ("ecdsa_secp256r1_sha256_p1363", Algorithm::ES256, 173, 89),
    ("ecdsa_secp384r1_sha384_p1363", Algorithm::ES384, 193, 87),
    ("ecdsa_secp521r1_sha512_p1363", Algorithm::ES512, 231, 87),
];

const EDDSA: [Row; 1] = [("ed25519", Algorithm::EdDSA, 88, 63)];

const PKCS1: [Row; 12] = [
    ("rsa_signature_2048_sha256", Algorithm::RS256, 9, 250),
    ("rsa_signature_2048_sha384", Algorithm::RS384, 7, 251),
    ("rsa_signature_2048_sha512", Algorithm::RS512, 8, 251),
    ("rsa_signature_3072_sha256", Algorithm::RS256, 8, 251),
    ("rsa_signature_3072_sha384", Algorithm::RS384, 7, 252),
    ("rsa_signature_3072_sha512", Algorithm::RS512, 8, 252),
    ("rsa_signature_4096_sha256", Algorithm::RS256, 7, 251),
    ("rsa_signature_4096_sha384", Algorithm::RS384, 7, 252),
    ("rsa_signature_4096_sha512", Algorithm::RS512, 7, 252),
    ("rsa_signature_8192_sha256", Algorithm::RS256, 7, 251),
    ("rsa_signature_8192_sha384", Algorithm::RS384, 7, 252),
    ("rsa_signature_8192_sha512", Algorithm::RS512, 7, 252),
];

const PSS: [Row; 6] = [
    ("rsa_pss_2048_sha256_mgf1_32", Algorithm::PS256, 63, 45),
    ("rsa_pss_2048_sha384_mgf1_48", Algorithm::PS384, 95, 46),
    ("rsa_pss_3072_sha256_mgf1_32", Algorithm::PS256, 63, 45),
    ("rsa_pss_4096_sha256_mgf1_32", Algorithm::PS256, 63, 45),
    ("rsa_pss_4096_sha384_mgf1_48", Algorithm::PS384, 95, 46),
    ("rsa_pss_4096_sha512_mgf1_64", Algorithm::PS512, 132, 47),
];

/// Rule 3: the file and the number of the vector.
const PROPER_AFTER_ALL: [(&str, u64); 1] = [("rsa_pss_2048_sha256_mgf1_0", 69)];

/// Rule 3: no salt, a salt that is too short, a mask of another hash.
const OTHER_PSS: [Row; 3] = [
    ("rsa_pss_2048_sha256_mgf1_0", Algorithm::PS256, 1, 102),
    ("rsa_pss_4096_sha512_mgf1_32", Algorithm::PS512, 0, 177),
    ("rsa_pss_2048_sha256_mgf1sha1_20", Algorithm::PS256, 0, 108),
];

/// Rule 3: the right curve with the wrong hash.
const OTHER_HASH: [Row; 2] = [
    ("ecdsa_secp256r1_sha512_p1363", Algorithm::ES256, 0, 332),
    ("ecdsa_secp384r1_sha512_p1363", Algorithm::ES384, 0, 318),
];

#[test]
fn ecdsa() {
    judge(&ECDSA, as_wycheproof_says);
}

#[test]
fn eddsa() {
    judge(&EDDSA, as_wycheproof_says);
}

#[test]
fn rsa_pkcs1() {
    judge(&PKCS1, as_wycheproof_says);
}

#[test]
fn rsa_pss() {
    judge(&PSS, as_wycheproof_says);
}

#[test]
fn rsa_pss_with_other_parameters_than_jose_has() {
    judge(&OTHER_PSS, only_if_proper_after_all);
}

#[test]
fn ecdsa_with_another_hash_than_the_curve_s() {
    judge(&OTHER_HASH, only_if_proper_after_all);
}

#[test]
fn curves_that_are_not_known_make_no_key() {
    let mut keys = 0;
    for (file, crv) in [
        ("ecdsa_secp256k1_sha256_p1363", "secp256k1"),
        ("ecdsa_secp224r1_sha256_p1363", "P-224"),
        ("ecdsa_brainpoolP256r1_sha256_p1363", "BP-256"),
        ("ed448", "Ed448"),
    ] {
        for group in groups(file) {
            let set = key_set(&jwk(&group["publicKey"], Some(crv)));
            assert!(set.is_empty() && matches!(set.skipped()[0].problem, KeyProblem::Curve(_)), "{file}: {set:?}");
            keys += 1;
        }
    }
    assert_eq!(keys, 334);
}

/// Rules 1 and 2.
fn as_wycheproof_says(_: &str, test: &Value) -> bool {
    test["result"] == "valid"
}

/// Rule 3.
fn only_if_proper_after_all(file: &str, test: &Value) -> bool {
    PROPER_AFTER_ALL.iter().any(|(other, number)| *other == file && test["tcId"] == *number)
}

fn judge(rows: &[Row], is_accepted: fn(&str, &Value) -> bool) {
    for (file, algorithm, accepted, refused) in rows {
        let mut tally = Tally::default();
        for group in groups(file) {
            let keys = key_set(&jwk(&group["publicKey"], None));
            assert_eq!(keys.len(), 1, "{file}: {keys:?}");
            for test in group["tests"].as_array().unwrap() {
                let context = format!("{file} {}: {} {}", test["tcId"], test["comment"], test["flags"]);
                let expected = is_accepted(file, test);
                let header = Header { algorithm: *algorithm, kid: Some("k".to_owned()), typ: None };
                match super::signature(&header, &octets(&test["msg"]), &octets(&test["sig"]), &keys) {
                    Ok(()) => {
                        assert!(expected, "{context} was accepted");
                        tally.accepted += 1;
                    }
                    Err(TokenRefusal::SignatureInvalid { .. }) => {
                        assert!(!expected, "{context} was refused");
                        tally.refused += 1;
                    }
                    Err(other) => panic!("{context}: {other}"),
                }
            }
        }
        assert_eq!(tally, Tally { accepted: *accepted, refused: *refused }, "{file}");
    }
}

fn groups(file: &str) -> Vec<Value> {
    let json = ::wycheproof::ecdsa::TestName::from_str(file)
        .map(|name| name.json_data())
        .or_else(|_| ::wycheproof::eddsa::TestName::from_str(file).map(|name| name.json_data()))
        .or_else(|_| ::wycheproof::rsa_pkcs1_verify::TestName::from_str(file).map(|name| name.json_data()))
        .or_else(|_| ::wycheproof::rsa_pss_verify::TestName::from_str(file).map(|name| name.json_data()))
        .unwrap();
    let Value::Array(groups) = serde_json::from_str::<Value>(json).unwrap()["testGroups"].take() else {
        panic!("{file}")
    };
    groups
}

/// The key of a group as a JWK, under the name `crv` if the file's name of its curve is not JOSE's.
fn jwk(key: &Value, crv: Option<&str>) -> Value {
    if key.get("modulus").is_some() {
        return json!({"kid": "k", "kty": "RSA", "n": number(&key["modulus"]), "e": number(&key["publicExponent"])});
    }
    if key.get("pk").is_some() {
        let x = encoding::encode(octets(&key["pk"]));
        return json!({"kid": "k", "kty": "OKP", "crv": crv.unwrap_or("Ed25519"), "x": x});
    }
    let point = octets(&key["uncompressed"]);
    let (x, y) = point[1..].split_at(point.len() / 2);
    let crv = crv.unwrap_or(match x.len() {
        32 => "P-256",
        48 => "P-384",
        _ => "P-521",
    });
    json!({"kid": "k", "kty": "EC", "crv": crv, "x": encoding::encode(x), "y": encoding::encode(y)})
}

fn key_set(jwk: &Value) -> KeySet {
    KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap()
}

/// A number without the zero octet that keeps it positive in DER.
fn number(hex: &Value) -> String {
    let octets = octets(hex);
    encoding::encode(octets.strip_prefix(&[0]).unwrap_or(&octets))
}

fn octets(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
