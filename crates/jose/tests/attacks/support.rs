//! An issuer with one key per kind, and tokens of any shape signed by it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_jose::{Algorithm, KeySet, Purpose, Rules, SigningKey, TokenRefusal, UnixTime, Unverified};
use serde_json::{Value, json};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const ISSUER: &str = "https://issuer.example/";
pub(crate) const AUDIENCE: &str = "api://app";

pub(crate) static RSA: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256).unwrap());
pub(crate) static PSS: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::PS256).unwrap());
pub(crate) static P256: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());
pub(crate) static P384: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES384).unwrap());
pub(crate) static ED: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::EdDSA).unwrap());

/// The issuer's keys, under the ids `rsa`, `pss`, `p256`, `p384` and `ed`.
pub(crate) static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    set(&[
        RSA.public_jwk("rsa"),
        PSS.public_jwk("pss"),
        P256.public_jwk("p256"),
        P384.public_jwk("p384"),
        ED.public_jwk("ed"),
    ])
});

pub(crate) fn set(jwks: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
}

pub(crate) fn rules() -> Rules {
    Rules {
        issuers: vec![ISSUER.into()],
        audiences: vec![AUDIENCE.into()],
        algorithms: Algorithm::ALL.to_vec(),
        purpose: Purpose::AccessToken,
        leeway: Rules::LEEWAY,
    }
}

/// Claims that pass.
pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "exp": NOW.as_secs() + 600, "iat": NOW.as_secs()})
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with exactly these octets as header and payload, signed by `key`.
pub(crate) fn forge(key: &SigningKey, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let input = format!("{}.{}", b64(header), b64(payload));
    let signature = key.signature(input.as_bytes()).unwrap();
    format!("{input}.{}", b64(signature))
}

/// Good claims under this header, signed by the RSA key.
pub(crate) fn with_header(header: Value) -> String {
    forge(&RSA, header.to_string(), claims().to_string())
}

/// The good claims with some replaced (`null` takes one away), under a good header.
pub(crate) fn with_claims(changes: Value) -> String {
    let mut all = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
    with_payload(&all.to_string())
}

/// This payload under a good header.
pub(crate) fn with_payload(payload: &str) -> String {
    forge(&P256, r#"{"alg":"ES256","kid":"p256"}"#, payload)
}

pub(crate) fn judge(token: &str) -> Result<(), TokenRefusal> {
    judge_by(token, &KEYS, &rules())
}

pub(crate) fn judge_by(token: &str, keys: &KeySet, rules: &Rules) -> Result<(), TokenRefusal> {
    Unverified::parse(token)?.verify(keys, rules, NOW).map(drop)
}

/// The stable name of the refusal, or `accepted`.
pub(crate) fn verdict(token: &str) -> &'static str {
    name(judge(token))
}

pub(crate) fn name(result: Result<(), TokenRefusal>) -> &'static str {
    match result {
        Ok(()) => "accepted",
        Err(refusal) => refusal.reason().name,
    }
}

#[test]
fn the_untouched_token_is_accepted() {
    assert_eq!(verdict(&with_claims(json!({}))), "accepted");
    assert_eq!(verdict(&with_header(json!({"alg": "RS256", "kid": "rsa"}))), "accepted");
}
