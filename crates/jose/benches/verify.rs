//! What a verified token costs above its signature: `signature` is the crypto library alone with a parsed key, `whole`
//! is `Unverified::parse` and `verify` of an Entra-like token of about 1.7 KB. The aim for RS256 is whole ≤ 1.3 × signature.
//!
//! `cargo bench -p gangplank-jose`

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use divan::{Bencher, black_box};
use gangplank_jose::{Algorithm, KeySet, Purpose, Rules, SigningKey, UnixTime, Unverified};
use serde_json::{Map, json};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const TENANT: &str = "dca11c8d-3b2f-4e0c-9d58-5d6d2f0c1b7a";
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

fn main() {
    divan::main();
}

/// The crypto library's own verification of the same octets.
#[divan::bench(args = ALGORITHMS, sample_count = 200, sample_size = 20)]
fn a_signature(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let (key, token) = signed(algorithm);
    let verification: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::EdDSA => &signature::ED25519,
        _ => &signature::RSA_PKCS1_2048_8192_SHA256,
    };
    let parsed = ParsedPublicKey::new(verification, key.public_key_der()).unwrap();
    let input = &token[..token.rfind('.').unwrap()];
    let signature = key.signature(input.as_bytes()).unwrap();
    bencher.bench(|| parsed.verify_sig(black_box(input.as_bytes()), black_box(&signature)).unwrap());
}

/// Everything, from the octets of the header field to verified claims.
#[divan::bench(args = ALGORITHMS, sample_count = 200, sample_size = 20)]
fn b_whole(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let (key, token) = signed(algorithm);
    let keys = KeySet::parse(json!({"keys": [key.public_jwk("key-1")]}).to_string().as_bytes()).unwrap();
    let rules = Rules {
        issuers: vec![format!("https://login.microsoftonline.com/{TENANT}/v2.0")],
        audiences: vec!["11111111-2222-3333-4444-555555555555".into()],
        algorithms: vec![algorithm],
        purpose: Purpose::AccessToken,
        leeway: Rules::LEEWAY,
    };
    bencher.bench(|| Unverified::parse(black_box(&token)).unwrap().verify(&keys, &rules, NOW).unwrap());
}

/// Taking the token apart, without any judgement.
#[divan::bench(sample_count = 200, sample_size = 50)]
fn c_parse(bencher: Bencher<'_, '_>) {
    let (_, token) = signed(Algorithm::RS256);
    bencher.bench(|| Unverified::parse(black_box(&token)).unwrap());
}

fn signed(algorithm: Algorithm) -> (SigningKey, String) {
    let key = SigningKey::generate(algorithm).unwrap();
    let mut header = Map::new();
    header.insert("typ".into(), "JWT".into());
    header.insert("kid".into(), "key-1".into());
    let groups: Vec<_> = (0..6).map(|i| format!("c0ffee0{i}-0000-4000-8000-0123456789ab")).collect();
    let start = NOW - Duration::from_secs(300);
    let claims = json!({
        "aud": "11111111-2222-3333-4444-555555555555",
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        "iat": start.as_secs(), "nbf": start.as_secs(), "exp": NOW.as_secs() + 3600,
        "aio": "AXQAi/8TAAAAZ1nV4Q0h7zWb2c1nQ9fX8v3m6r0kq2s4t6u8w0y2A4C6E8G0I2K4M6O8Q0S2U4W6Y8a0c2e4g6i8k0m2",
        "azp": "66666666-7777-8888-9999-000000000000", "azpacr": "1",
        "groups": groups, "name": "Ada Lovelace", "oid": "0f0e0d0c-0b0a-4908-8706-050403020100",
        "preferred_username": "ada@example.com", "rh": "0.AXoAjRyh3C87DE6dWF1tLwwbehERERERIiIzM0REVVVVVVUBAAA.",
        "roles": ["Reader", "Deployer"], "scp": "access_as_user", "sid": "00aabbcc-ddee-4ff0-8112-233445566778",
        "sub": "H3yOq1vN0c8xQmVd2Rj5Kt7uLw9zPb4sEaGfXiYn6To", "tid": TENANT,
        "uti": "b3Zlcl90aGVfcmFpbmJvdw", "ver": "2.0", "xms_ftd": "Qk3v9Xz0pLw7Yt5Rn2Mc8Hd1Jf6Gs4Ba",
    });
    let token = key.sign(&header, &claims).unwrap();
    (key, token)
}
