use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_jose::{Algorithm, KeyProblem, KeySet, KeySetError, SigningKey};
use serde_json::{Value, json};

use crate::support::*;

fn problem(jwk: Value) -> KeyProblem {
    let keys = set(&[jwk]);
    assert!(keys.is_empty(), "{keys:?}");
    keys.skipped()[0].problem.clone()
}

fn changed(mut jwk: Value, member: &str, value: Value) -> Value {
    jwk[member] = value;
    jwk
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    json!({"kty": "RSA", "kid": "rsa", "n": b64(n), "e": b64(e)})
}

#[test]
fn shared_secrets_are_not_keys() {
    let secret = json!({"kty": "oct", "kid": "rsa", "alg": "HS256", "k": b64("secret")});
    assert_eq!(problem(secret), KeyProblem::Symmetric);
}

#[test]
fn a_published_private_key_is_not_used() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(problem(changed(RSA.public_jwk("rsa"), member, "AQAB".into())), KeyProblem::Private);
    }
    assert_eq!(problem(changed(P256.public_jwk("p256"), "d", "AQAB".into())), KeyProblem::Private);
}

#[test]
fn keys_for_other_uses() {
    for jwk in [
        changed(RSA.public_jwk("rsa"), "use", "enc".into()),
        changed(RSA.public_jwk("rsa"), "use", "SIG".into()),
        changed(RSA.public_jwk("rsa"), "use", json!(["sig"])),
        changed(RSA.public_jwk("rsa"), "use", Value::Null),
        changed(RSA.public_jwk("rsa"), "key_ops", json!(["encrypt"])),
        changed(RSA.public_jwk("rsa"), "key_ops", json!([])),
        changed(RSA.public_jwk("rsa"), "key_ops", "verify".into()),
    ] {
        assert_eq!(problem(jwk), KeyProblem::Use);
    }
    assert_eq!(set(&[changed(RSA.public_jwk("rsa"), "key_ops", json!(["verify"]))]).len(), 1);
}

#[test]
fn types_curves_and_algorithms_that_do_not_fit() {
    assert!(matches!(problem(changed(RSA.public_jwk("k"), "kty", "rsa".into())), KeyProblem::Type(_)));
    assert!(matches!(problem(changed(RSA.public_jwk("k"), "kty", json!(1))), KeyProblem::Type(_)));
    assert!(matches!(problem(changed(P256.public_jwk("k"), "crv", "secp256k1".into())), KeyProblem::Curve(_)));
    assert!(matches!(problem(changed(ED.public_jwk("k"), "crv", "X25519".into())), KeyProblem::Curve(_)));
    assert!(matches!(problem(changed(ED.public_jwk("k"), "crv", "Ed448".into())), KeyProblem::Curve(_)));
    for (jwk, alg) in [
        (RSA.public_jwk("k"), json!("ES256")),
        (RSA.public_jwk("k"), json!("HS256")),
        (RSA.public_jwk("k"), json!("none")),
        (RSA.public_jwk("k"), json!("RSA-OAEP")),
        (RSA.public_jwk("k"), json!(1)),
        (P256.public_jwk("k"), json!("ES384")),
        (P256.public_jwk("k"), json!("ES521")),
        (ED.public_jwk("k"), json!("ES256")),
    ] {
        assert!(matches!(problem(changed(jwk, "alg", alg)), KeyProblem::Algorithm(_)));
    }
}

#[test]
fn weak_and_malformed_rsa_keys() {
    let n = [&[0xff][..], &[1; 255]].concat();
    assert_eq!(set(&[rsa(&n, &[1, 0, 1])]).len(), 1);
    assert_eq!(set(&[rsa(&n, &[3])]).len(), 1);
    for (bad_n, bad_e) in [
        (vec![0xff; 128], vec![1, 0, 1]),
        ([&[0x7f][..], &[0xff; 255]].concat(), vec![1, 0, 1]),
        (vec![0xff; 1025], vec![1, 0, 1]),
        ([&n[..255], &[0xfe]].concat(), vec![1, 0, 1]),
        ([&[0][..], &n].concat(), vec![1, 0, 1]),
        (n.clone(), vec![1]),
        (n.clone(), vec![0]),
        (n.clone(), vec![2]),
        (n.clone(), vec![0, 1, 0, 1]),
        (n.clone(), vec![1, 0, 0, 0, 1]),
        (n.clone(), vec![]),
        (vec![], vec![3]),
    ] {
        assert!(matches!(problem(rsa(&bad_n, &bad_e)), KeyProblem::Member { .. }), "{} {bad_e:?}", bad_n.len());
    }
    for value in [json!(null), json!(65537), json!("AQAB="), json!("A Q")] {
        assert!(matches!(problem(changed(rsa(&n, &[3]), "e", value)), KeyProblem::Member { member: "e", .. }));
    }
    // A token that names such a key is told so.
    let token = with_header(json!({"alg": "RS256", "kid": "rsa"}));
    let weak = judge_by(&token, &set(&[rsa(&[0xff; 128], &[3])]), &rules()).unwrap_err();
    assert_eq!(weak.reason().name, "token-key-unusable");
    assert!(weak.to_string().contains("2048"), "{weak}");
}

/// ROCA, CVE-2017-15361: the product of two powers of 65537, as far as small primes can tell, is another.
#[test]
fn rsa_keys_whose_secret_can_be_computed() {
    // 65537 to the 128th, big-endian: each time 65536 n + n.
    let mut n = vec![1_u8];
    for _ in 0..128 {
        let shifted = [&n[..], &[0, 0]].concat();
        let mut carry = 0;
        let mut sum: Vec<u8> = (0..shifted.len())
            .map(|place| {
                let one = shifted[shifted.len() - 1 - place];
                let other = n.len().checked_sub(place + 1).map_or(0, |at| n[at]);
                carry += u16::from(one) + u16::from(other);
                let octet = (carry & 0xff) as u8;
                carry >>= 8;
                octet
            })
            .collect();
        assert_eq!(carry, 0);
        sum.reverse();
        n = sum;
    }
    assert_eq!(n.len(), 257, "2049 bits");
    assert!(problem(rsa(&n, &[1, 0, 1])).to_string().contains("ROCA"));
    // What 65537 does not divide out is another modulus.
    n[256] ^= 2;
    assert_eq!(set(&[rsa(&n, &[1, 0, 1])]).len(), 1);
}

#[test]
fn ed25519_keys_of_small_order_with_which_everybody_can_sign() {
    let top = |first: u8| [&[first][..], &[0xff; 30], &[0x7f]].concat();
    let low = |first: u8| [&[first][..], &[0; 31]].concat();
    // The two of order 8.
    let eighths = ["JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"];
    let [one, other] = eighths.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
    for mut point in [low(0), low(1), one, other, top(0xec), top(0xed), top(0xee)] {
        for sign in [0, 0x80] {
            point[31] = point[31] & 0x7f | sign;
            let refused = problem(changed(ED.public_jwk("ed"), "x", b64(&point).into())).to_string();
            assert!(refused.contains("small order"), "{point:?}: {refused}");
        }
    }
}

#[test]
fn points_that_are_not_on_the_curve_or_of_another_length() {
    for (jwk, member, octets) in [
        (P256.public_jwk("k"), "x", vec![1; 32]),
        (P256.public_jwk("k"), "x", vec![0; 32]),
        (P256.public_jwk("k"), "x", vec![0xff; 32]),
        (P256.public_jwk("k"), "x", vec![1; 31]),
        (P256.public_jwk("k"), "y", vec![1; 33]),
        (P256.public_jwk("k"), "y", vec![]),
        (P384.public_jwk("k"), "y", vec![1; 48]),
        (ED.public_jwk("k"), "x", vec![1; 31]),
        (ED.public_jwk("k"), "x", vec![1; 33]),
    ] {
        assert!(matches!(problem(changed(jwk, member, b64(octets).into())), KeyProblem::Member { .. }));
    }
    // The same point with the border between its coordinates moved.
    let jwk = P256.public_jwk("k");
    let octets = |member: &str| URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap();
    let point = [octets("x"), octets("y")].concat();
    let (x, y) = point.split_at(31);
    let moved = changed(changed(jwk.clone(), "x", b64(x).into()), "y", b64(y).into());
    assert!(matches!(problem(moved), KeyProblem::Member { member: "x", .. }));
    let zero = changed(changed(P256.public_jwk("k"), "x", b64([0; 32]).into()), "y", b64([0; 32]).into());
    assert!(matches!(problem(zero), KeyProblem::Member { .. }));
}

#[test]
fn two_keys_of_one_name_are_ambiguous() {
    let token = with_claims(json!({}));
    let other = SigningKey::generate(Algorithm::ES256).unwrap();
    for jwks in
        [[P256.public_jwk("p256"), other.public_jwk("p256")], [other.public_jwk("p256"), P256.public_jwk("p256")]]
    {
        let keys = set(&jwks);
        assert!(keys.is_empty());
        assert_eq!(keys.skipped().len(), 1);
        assert_eq!(name(judge_by(&token, &keys, &rules())), "token-key-unusable");
    }
    // The same key twice, or a key of another algorithm under the same name, takes nothing away.
    for jwks in [
        [P256.public_jwk("p256"), P256.public_jwk("p256")],
        [P256.public_jwk("p256"), RSA.public_jwk("p256")],
        [P256.public_jwk("p256"), changed(other.public_jwk("p256"), "use", "enc".into())],
        [P256.public_jwk("p256"), other.public_jwk("other")],
    ] {
        assert_eq!(name(judge_by(&token, &set(&jwks), &rules())), "accepted");
    }
}

#[test]
fn a_bad_key_does_not_spoil_the_good_ones() {
    let keys =
        set(&[json!({"kty": "oct", "k": "AAAA"}), json!({}), json!({"kty": "EC", "kid": 5}), P256.public_jwk("p256")]);
    assert_eq!((keys.len(), keys.skipped().len()), (1, 3));
    assert_eq!(name(judge_by(&with_claims(json!({})), &keys, &rules())), "accepted");
    let long_name = changed(P256.public_jwk("k"), "kid", "k".repeat(1025).into());
    assert_eq!(problem(long_name), KeyProblem::KeyId);
}

#[test]
fn documents_that_are_not_key_sets() {
    for json in [
        "",
        "[]",
        "{}",
        "null",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"keys\":[1]}",
        "{\"keys\":[]}x",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"EC\",\"kty\":\"RSA\"}]}",
        "<html>",
    ] {
        assert!(matches!(KeySet::parse(json.as_bytes()), Err(KeySetError::Malformed(_))), "{json}");
    }
    assert!(KeySet::parse(b"{\"keys\":[]}").unwrap().is_empty());
    assert_eq!(KeySet::parse(&vec![b' '; 1 << 20 | 1]).unwrap_err(), KeySetError::TooLarge(1 << 20 | 1));
    let many = json!({"keys": vec![json!({}); 257]}).to_string();
    assert_eq!(KeySet::parse(many.as_bytes()).unwrap_err(), KeySetError::TooMany(257));
}

#[test]
fn debug_prints_no_key_material() {
    let keys = set(&[RSA.public_jwk("rsa"), json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0LW9jdGV0cw"})]);
    let text = format!("{keys:?} {:?}", *RSA);
    assert!(text.contains("rsa") && !text.contains("c2VjcmV0") && text.len() < 400, "{text}");
}
