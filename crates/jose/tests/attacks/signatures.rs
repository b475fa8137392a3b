use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _, RsaKeyPair, RsaPssSaltLength};
use gangplank_jose::{Algorithm, SigningKey};
use serde_json::json;

use crate::support::*;

/// The order of P-256.
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A good token split before its signature, and the signature.
fn split(token: &str) -> (String, Vec<u8>) {
    use base64::Engine as _;
    let (input, signature) = token.rsplit_once('.').unwrap();
    (input.to_owned(), base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn resigned(input: &str, signature: impl AsRef<[u8]>) -> &'static str {
    verdict(&format!("{input}.{}", b64(signature)))
}

/// `a - b` modulo 2²⁵⁶.
fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let d = i16::from(*a) - i16::from(*b) - borrow;
            borrow = i16::from(d < 0);
            (d & 0xff) as u8
        })
        .collect();
    difference.reverse();
    difference
}

#[test]
fn psychic_signatures_and_numbers_out_of_range() {
    let (input, good) = split(&with_claims(json!({})));
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    let n_minus_1 = minus(&N, &[&[0; 31][..], &[1]].concat());
    for (r, s) in [
        (&zero[..], &zero[..]),
        (r, &zero),
        (&zero, s),
        (&N, s),
        (r, &N),
        (&N, &N),
        (&n_minus_1, &n_minus_1),
        (&[0xff; 32], &[0xff; 32]),
        (&[&[0; 31][..], &[1]].concat(), &[&[0; 31][..], &[1]].concat()),
        (s, r),
    ] {
        assert_eq!(resigned(&input, [r, s].concat()), "token-signature-invalid");
    }
    // JWS does not ask for the lower s: nothing here may take the octets of a token for its identity.
    assert_eq!(resigned(&input, [r, &minus(&N, s)].concat()), "accepted");
}

#[test]
fn ecdsa_signatures_have_one_length_and_are_not_der() {
    let (input, good) = split(&with_claims(json!({})));
    let (r, s) = good.split_at(32);
    for other in [
        good[..63].to_vec(),
        [&good[..], &[0]].concat(),
        [&[0], &good[..]].concat(),
        [&[0], r, &[0], s].concat(),
        vec![0],
        vec![0; 96],
        vec![0; 132],
    ] {
        assert_eq!(resigned(&input, other), "token-signature-invalid");
    }
    let own = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let point = own.public_key().as_ref();
    let keys =
        set(&[json!({"kty": "EC", "crv": "P-256", "kid": "p256", "x": b64(&point[1..33]), "y": b64(&point[33..])})]);
    let der = own.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    let token = format!("{input}.{}", b64(der));
    assert_eq!(name(judge_by(&token, &keys, &rules())), "token-signature-invalid");
}

#[test]
fn rsa_signatures_are_of_the_modulus_length() {
    let (input, good) = split(&with_header(json!({"alg": "RS256", "kid": "rsa"})));
    for other in [
        good[..255].to_vec(),
        [&good[..], &[0]].concat(),
        [&[0], &good[..]].concat(),
        vec![0; 256],
        vec![0xff; 256],
        [&[0; 255][..], &[1]].concat(),
        vec![1],
    ] {
        assert_eq!(resigned(&input, other), "token-signature-invalid");
    }
    assert_eq!(resigned(&input, good), "accepted");
}

#[test]
fn the_padding_and_the_hash_are_those_of_alg() {
    // One RSA key without `alg` in its JWK may verify all six algorithms, but each signature only by its own.
    let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let keys = set(&[json!({"kty": "RSA", "kid": "k", "n": b64(modulus(&pair)), "e": "AQAB"})]);
    let encodings: [(&str, &'static signature::RsaSignatureEncoding); 6] = [
        ("RS256", &signature::RSA_PKCS1_SHA256),
        ("RS384", &signature::RSA_PKCS1_SHA384),
        ("RS512", &signature::RSA_PKCS1_SHA512),
        ("PS256", &signature::RSA_PSS_SHA256),
        ("PS384", &signature::RSA_PSS_SHA384),
        ("PS512", &signature::RSA_PSS_SHA512),
    ];
    for (alg, _) in encodings {
        for (signed_as, encoding) in encodings {
            let expected = if alg == signed_as { "accepted" } else { "token-signature-invalid" };
            assert_eq!(
                name(judge_by(&rsa_token(&pair, alg, encoding), &keys, &rules())),
                expected,
                "{alg}/{signed_as}"
            );
        }
    }
    // RFC 7518 §3.5: the salt is as long as the hash.
    for wrong_salt in [
        &const { signature::RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(0)) },
        &const { signature::RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(20)) },
        &const { signature::RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(64)) },
    ] {
        assert_eq!(name(judge_by(&rsa_token(&pair, "PS256", wrong_salt), &keys, &rules())), "token-signature-invalid");
    }
}

fn modulus(pair: &RsaKeyPair) -> Vec<u8> {
    // RSAPublicKey of a 2048-bit key: 30 82 .. .. 02 82 01 01 00 ‖ modulus ‖ 02 03 01 00 01.
    let der = pair.public_key().as_ref();
    der[9..9 + 256].to_vec()
}

fn rsa_token(pair: &RsaKeyPair, alg: &str, encoding: &'static signature::RsaSignatureEncoding) -> String {
    let input = format!("{}.{}", b64(json!({"alg": alg, "kid": "k"}).to_string()), b64(claims().to_string()));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", b64(signature))
}

#[test]
fn eddsa_signatures_are_canonical() {
    /// The order of the base point, little-endian.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let (input, good) = split(&forge(&ED, r#"{"alg":"EdDSA","kid":"ed"}"#, claims().to_string()));
    assert_eq!(resigned(&input, &good), "accepted");
    let mut carry = 0;
    let s_plus_l = good[32..].iter().zip(L).map(|(a, b)| {
        let sum = u16::from(*a) + u16::from(b) + carry;
        carry = sum >> 8;
        (sum & 0xff) as u8
    });
    let malleated: Vec<u8> = good[..32].iter().copied().chain(s_plus_l).collect();
    for other in
        [malleated, vec![0; 64], good[..63].to_vec(), [&good[..], &[0]].concat(), [&[1], &[0; 63][..]].concat()]
    {
        assert_eq!(resigned(&input, other), "token-signature-invalid");
    }
}

#[test]
fn a_signature_is_over_this_header_and_this_payload() {
    let (input, signature) = split(&with_claims(json!({})));
    let (_, payload) = input.split_once('.').unwrap();
    let other_header = format!("{}.{payload}", b64(r#"{"alg":"ES256","kid":"p256","typ":"JWT"}"#));
    assert_eq!(resigned(&other_header, &signature), "token-signature-invalid");
    let (other_payload, _) = split(&with_claims(json!({"sub": "admin"})));
    assert_eq!(resigned(&other_payload, &signature), "token-signature-invalid");
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    let forged = forge(&stranger, r#"{"alg":"ES256","kid":"p256"}"#, claims().to_string());
    assert_eq!(verdict(&forged), "token-signature-invalid");
}
