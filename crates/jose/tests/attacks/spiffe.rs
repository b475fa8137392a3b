use gangplank_jose::{Algorithm, KeyProblem, KeySet, Purpose, Rules, SigningKey};
use serde_json::{Value, json};

use crate::support::*;

const DOMAIN: &str = "spiffe://example.org";
const HEADER: &str = r#"{"alg":"ES256","kid":"jwt","typ":"JWT"}"#;

fn svid_rules() -> Rules {
    Rules {
        issuers: vec![DOMAIN.into()],
        algorithms: Algorithm::RFC_7518.to_vec(),
        purpose: Purpose::JwtSvid,
        ..rules()
    }
}

/// The public half of `key` as a bundle has it.
fn entry(key: &SigningKey, kid: &str, usage: &str) -> Value {
    let mut jwk = key.public_jwk(kid);
    jwk["use"] = usage.into();
    jwk.as_object_mut().unwrap().remove("alg");
    jwk
}

fn bundle(keys: &[Value]) -> KeySet {
    let document = json!({"keys": keys, "spiffe_sequence": 12, "spiffe_refresh_hint": 300});
    KeySet::parse_spiffe_bundle(document.to_string().as_bytes()).unwrap()
}

fn svid(header: &str, changes: &Value) -> String {
    let mut all = claims();
    all["sub"] = "spiffe://example.org/ns/shop/sa/cart".into();
    all.as_object_mut().unwrap().remove("iss");
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
    forge(&P256, header, all.to_string())
}

fn judged(header: &str, changes: &Value) -> &'static str {
    name(judge_by(&svid(header, changes), &bundle(&[entry(&P256, "jwt", "jwt-svid")]), &svid_rules()))
}

#[test]
fn a_jwt_svid_names_a_workload_of_the_trust_domain() {
    assert_eq!(judged(HEADER, &json!({})), "accepted");
    // Some servers write `iss`. It is not what is believed.
    assert_eq!(judged(HEADER, &json!({"iss": "https://oidc.example"})), "accepted");
    for (sub, expected) in [
        (json!("spiffe://example.com/ns/shop/sa/cart"), "token-trust-domain-mismatch"),
        (json!("spiffe://example.org.evil/a"), "token-trust-domain-mismatch"),
        (json!("spiffe://sub.example.org/a"), "token-trust-domain-mismatch"),
        (json!("spiffe://example.org"), "token-claim-malformed"),
        (json!("spiffe://EXAMPLE.org/a"), "token-claim-malformed"),
        (json!("spiffe://example.org/a/../b"), "token-claim-malformed"),
        (json!("cart"), "token-claim-malformed"),
        (json!(""), "token-claim-malformed"),
        (Value::Null, "token-subject-missing"),
    ] {
        assert_eq!(judged(HEADER, &json!({"sub": sub, "iss": DOMAIN})), expected, "{sub}");
    }
}

#[test]
fn a_jwt_svid_says_for_whom_and_until_when_and_which_key_signed_it() {
    for (changes, expected) in [
        (json!({"aud": null}), "token-audience-missing"),
        (json!({"aud": "spiffe://example.org/other"}), "token-audience-mismatch"),
        (json!({"exp": null}), "token-expiry-missing"),
        (json!({"exp": 1}), "token-expired"),
        (json!({"cnf": {}}), "token-proof-required"),
    ] {
        assert_eq!(judged(HEADER, &changes), expected, "{changes}");
    }
    for (header, expected) in [
        (r#"{"alg":"ES256","kid":"jwt","typ":"JOSE"}"#, "accepted"),
        (r#"{"alg":"ES256","kid":"jwt"}"#, "accepted"),
        (r#"{"alg":"ES256","kid":"jwt","typ":"at+jwt"}"#, "token-type-mismatch"),
        (r#"{"alg":"ES256","typ":"JWT"}"#, "token-key-id-missing"),
        (r#"{"alg":"ES256","kid":"other"}"#, "token-key-unknown"),
        (r#"{"alg":"EdDSA","kid":"jwt"}"#, "token-algorithm-not-allowed"),
    ] {
        assert_eq!(judged(header, &json!({})), expected, "{header}");
    }
}

#[test]
fn an_access_token_of_the_same_keys_is_not_a_jwt_svid_nor_the_other_way_round() {
    let keys = bundle(&[entry(&P256, "jwt", "jwt-svid")]);
    let access = forge(&P256, HEADER, claims().to_string());
    assert_eq!(name(judge_by(&access, &keys, &svid_rules())), "token-claim-malformed");
    let token = svid(HEADER, &json!({}));
    assert_eq!(
        name(judge_by(&token, &keys, &Rules { issuers: vec![DOMAIN.into()], ..rules() })),
        "token-issuer-missing"
    );
}

#[test]
fn a_bundle_vouches_with_its_jwt_svid_keys_alone() {
    let keys = bundle(&[entry(&P256, "jwt", "jwt-svid"), entry(&RSA, "ca", "x509-svid")]);
    assert!(keys.len() == 1 && keys.contains("jwt") && keys.skipped().is_empty(), "{keys:?}");
    let mut without_use = entry(&P256, "jwt", "");
    without_use.as_object_mut().unwrap().remove("use");
    let mut without_kid = entry(&P256, "", "jwt-svid");
    for (jwk, problem) in [
        (without_use, KeyProblem::Use),
        (entry(&P256, "jwt", "sig"), KeyProblem::Use),
        (entry(&P256, "jwt", "JWT-SVID"), KeyProblem::Use),
        (entry(&P256, "jwt", "wit-svid"), KeyProblem::Use),
        (without_kid.clone(), KeyProblem::KeyId),
        (
            {
                without_kid.as_object_mut().unwrap().remove("kid");
                without_kid
            },
            KeyProblem::KeyId,
        ),
    ] {
        let keys = bundle(&[jwk]);
        assert!(keys.is_empty() && keys.skipped()[0].problem == problem, "{keys:?}");
    }
    // And a JWK set is no bundle.
    let keys = set(&[entry(&P256, "jwt", "jwt-svid"), entry(&RSA, "ca", "x509-svid")]);
    assert!(keys.is_empty() && keys.skipped().iter().all(|key| key.problem == KeyProblem::Use));
}
