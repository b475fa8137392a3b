//! Tokens. The first octet says how the rest is used: 0, as the token itself; n, as a header of n octets and a payload
//! that are encoded and signed properly, so that everything behind the signature is reached too.
//!
//! Whatever comes: no panic, and what is accepted says so to a second, lenient reader as well.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gangplank_jose::{Algorithm, KeySet, Purpose, Rules, SigningKey, UnixTime, Unverified};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// The key of RFC 8037 appendix A: the same in every run, so that a finding can be repeated.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend(seed);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    SigningKey::from_pem(&pem, Algorithm::EdDSA).unwrap()
});

static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::parse(json!({"keys": [KEY.public_jwk("k")]}).to_string().as_bytes()).unwrap());

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules {
    issuers: vec!["i".into()],
    audiences: vec!["a".into()],
    algorithms: Algorithm::ALL.to_vec(),
    purpose: Purpose::AccessToken,
    leeway: Rules::LEEWAY,
});

fuzz_target!(|data: &[u8]| {
    let Some((&header_octets, rest)) = data.split_first() else { return };
    if header_octets == 0 {
        let Ok(token) = std::str::from_utf8(rest) else { return };
        assert!(!accepted(token), "nobody signed this");
        return;
    }
    let Some((header, payload)) = rest.split_at_checked(header_octets.into()) else { return };
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = KEY.signature(input.as_bytes()).unwrap();
    if accepted(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))) {
        second_opinion(header, payload);
    }
});

fn accepted(token: &str) -> bool {
    let judged = Unverified::parse(token).and_then(|token| {
        let _ = format!("{token:?}");
        token.verify(&KEYS, &RULES, NOW)
    });
    match judged {
        Ok(_) => true,
        Err(refusal) => {
            let text = format!("{refusal} {refusal:?}");
            assert!(text.len() < 8192 && !text.chars().any(char::is_control), "{text:?}");
            assert!(refusal.reason().name.starts_with("token-"));
            false
        }
    }
}

fn second_opinion(header: &[u8], payload: &[u8]) {
    let header: Value = serde_json::from_slice(header).unwrap();
    assert_eq!(header["alg"], "EdDSA");
    assert!(["crit", "b64", "zip"].iter().all(|member| header.get(member).is_none()));
    // Any other content type is the issuer's own business (RFC 7515 §4.1.10).
    let nested = |cty: &Value| !cty.as_str().is_some_and(|cty| !cty.to_ascii_lowercase().ends_with("jwt"));
    assert!(!header.get("cty").is_some_and(nested));
    let claims: Value = serde_json::from_slice(payload).unwrap();
    assert_eq!(claims["iss"], "i");
    assert!(claims["aud"] == "a" || claims["aud"].as_array().unwrap().contains(&json!("a")));
    assert!(claims["exp"].as_f64().unwrap() > (NOW.as_secs() - 60) as f64);
    assert!(claims.get("nbf").is_none_or(|nbf| nbf.as_f64().unwrap() < (NOW.as_secs() + 61) as f64));
    assert!(!claims["sub"].as_str().unwrap().is_empty());
    assert!(["cnf", "nonce", "at_hash", "c_hash"].iter().all(|member| claims.get(member).is_none()));
}
