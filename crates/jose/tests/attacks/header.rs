use aws_lc_rs::hmac;
use gangplank_jose::{Algorithm, Purpose, Rules, SigningKey};
use serde_json::json;

use crate::support::*;

#[test]
fn alg_none_in_any_case_with_or_without_a_signature() {
    for alg in ["none", "None", "nOnE", "NONE"] {
        let header = json!({"alg": alg, "kid": "rsa"}).to_string();
        assert_eq!(verdict(&format!("{}.{}.", b64(&header), b64(claims().to_string()))), "token-algorithm-none");
        assert_eq!(verdict(&forge(&RSA, &header, claims().to_string())), "token-algorithm-none");
    }
}

#[test]
fn alg_missing_or_not_a_string() {
    for header in [json!({"kid": "rsa"}), json!({"alg": null}), json!({"alg": ["RS256"]}), json!({"ALG": "RS256"})] {
        assert_eq!(verdict(&with_header(header)), "token-algorithm-missing");
    }
}

#[test]
fn alg_is_an_exact_name() {
    for alg in ["", "rs256", "RS256 ", "RS256\0", "ES521", "ES256K", "HS256", "RSA-OAEP", "dir", "RS1"] {
        assert_eq!(verdict(&with_header(json!({"alg": alg, "kid": "rsa"}))), "token-algorithm-unknown", "{alg:?}");
    }
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    let der = RSA.public_key_der();
    let jwk = RSA.public_jwk("rsa").to_string();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", b64(&der));
    for secret in [der.as_slice(), jwk.as_bytes(), pem.as_bytes()] {
        let input = format!("{}.{}", b64(r#"{"alg":"HS256","kid":"rsa"}"#), b64(claims().to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        assert_eq!(verdict(&format!("{input}.{}", b64(tag))), "token-algorithm-unknown");
    }
}

#[test]
fn the_rules_bind_the_algorithm() {
    let only_rs256 = Rules { algorithms: vec![Algorithm::RS256], ..rules() };
    assert_eq!(name(judge_by(&with_claims(json!({})), &KEYS, &only_rs256)), "token-algorithm-not-allowed");
    let none_at_all = Rules { algorithms: vec![], ..rules() };
    assert_eq!(name(judge_by(&with_claims(json!({})), &KEYS, &none_at_all)), "token-algorithm-not-allowed");
}

#[test]
fn the_key_binds_the_algorithm() {
    for (alg, kid) in [
        ("ES256", "rsa"),
        ("RS256", "p256"),
        ("ES256", "p384"),
        ("ES384", "p256"),
        ("EdDSA", "p256"),
        ("RS256", "pss"),
        ("PS256", "rsa"),
        ("RS512", "rsa"),
    ] {
        let token = with_header(json!({"alg": alg, "kid": kid}));
        assert_eq!(verdict(&token), "token-algorithm-key-mismatch", "{alg} with {kid}");
    }
}

#[test]
fn keys_and_addresses_of_keys_in_the_token_are_never_read() {
    let attacker = SigningKey::generate(Algorithm::ES256).unwrap();
    let jwk = attacker.public_jwk("evil");
    let own_key = |kid: Option<&str>| {
        let mut header = json!({"alg": "ES256", "jwk": jwk, "jku": "https://evil.example/keys", "x5c": ["MIIB"],
            "x5u": "https://evil.example/cert", "x5t": "AAAA"});
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        header.to_string()
    };
    let payload = claims().to_string();
    assert_eq!(verdict(&forge(&attacker, own_key(Some("evil")), &payload)), "token-key-unknown");
    assert_eq!(verdict(&forge(&attacker, own_key(Some("p256")), &payload)), "token-signature-invalid");
    assert_eq!(verdict(&forge(&attacker, own_key(None), &payload)), "token-signature-invalid");
    // What the issuer itself signs may carry them: Entra's v1 tokens do.
    assert_eq!(verdict(&forge(&P256, own_key(Some("p256")), &payload)), "accepted");
}

#[test]
fn critical_extensions_are_refused_whatever_they_list() {
    for crit in [json!([]), json!(["exp"]), json!(["b64"]), json!(["alg"]), json!(null), json!("exp"), json!([1])] {
        let token = with_header(json!({"alg": "RS256", "kid": "rsa", "crit": crit, "exp": 1, "b64": true}));
        assert_eq!(verdict(&token), "token-critical-extension");
    }
}

#[test]
fn unencoded_compressed_and_nested_payloads() {
    for (member, value, expected) in [
        ("b64", json!(false), "token-payload-unencoded"),
        ("b64", json!(true), "token-payload-unencoded"),
        ("zip", json!("DEF"), "token-payload-compressed"),
        ("cty", json!("JWT"), "token-payload-nested"),
        ("cty", json!("jwt"), "token-payload-nested"),
        ("cty", json!("application/JWT"), "token-payload-nested"),
        ("cty", json!("jose+json"), "token-payload-nested"),
        ("cty", json!("json"), "accepted"),
        ("cty", json!(1), "token-payload-nested"),
    ] {
        let mut header = json!({"alg": "RS256", "kid": "rsa"});
        header[member] = value;
        assert_eq!(verdict(&with_header(header)), expected);
    }
}

#[test]
fn kid_is_an_opaque_name() {
    for kid in [
        "../../dev/null",
        "/etc/passwd",
        "x' OR '1'='1",
        "https://evil.example/",
        "rsa\0",
        "RSA",
        "rsa ",
        "",
        "{{7*7}}",
    ] {
        assert_eq!(verdict(&with_header(json!({"alg": "RS256", "kid": kid}))), "token-key-unknown", "{kid:?}");
    }
    for kid in [json!(1), json!(null), json!(["rsa"]), json!({"rsa": 1})] {
        assert_eq!(verdict(&with_header(json!({"alg": "RS256", "kid": kid}))), "token-header-malformed");
    }
    assert_eq!(verdict(&with_header(json!({"alg": "RS256", "kid": "k".repeat(1024)}))), "token-key-unknown");
    assert_eq!(verdict(&with_header(json!({"alg": "RS256", "kid": "k".repeat(1025)}))), "token-key-id-too-long");
}

#[test]
fn a_token_without_kid_is_tried_with_few_keys_of_its_algorithm_only() {
    let token = with_header(json!({"alg": "RS256"}));
    assert_eq!(verdict(&token), "accepted");
    let others: Vec<_> = (0..8)
        .map(|i| {
            let mut jwk = RSA.public_jwk(&format!("other-{i}"));
            jwk["e"] = b64([3 + 2 * i]).into();
            jwk
        })
        .collect();
    let mut eight = others[..7].to_vec();
    eight.push(RSA.public_jwk("last"));
    assert_eq!(name(judge_by(&token, &set(&eight), &rules())), "accepted");
    assert_eq!(name(judge_by(&token, &set(&others), &rules())), "token-signature-invalid");
    eight.push(others[7].clone());
    assert_eq!(name(judge_by(&token, &set(&eight), &rules())), "token-key-id-missing");
    assert_eq!(name(judge_by(&token, &set(&[P256.public_jwk("p256")]), &rules())), "token-key-unknown");
}

#[test]
fn a_token_of_one_kind_never_passes_for_another() {
    use Purpose::{AccessToken, ClientAssertion, IdToken, KubernetesToken};
    const ALL: &[Purpose] = &[IdToken, AccessToken, ClientAssertion, KubernetesToken];
    for (typ, accepted_as) in [
        (json!("JWT"), ALL),
        (json!("jwt"), ALL),
        (json!("application/JWT"), ALL),
        (json!("at+jwt"), &[AccessToken, KubernetesToken]),
        (json!("AT+JWT"), &[AccessToken, KubernetesToken]),
        (json!("APPLICATION/at+jwt"), &[AccessToken, KubernetesToken]),
        (json!("client-authentication+jwt"), &[ClientAssertion]),
        (json!("JOSE"), &[]),
        (json!("logout+jwt"), &[]),
        (json!("secevent+jwt"), &[]),
        (json!("dpop+jwt"), &[]),
        (json!("pop"), &[]),
        (json!("application/application/JWT"), &[]),
        (json!("text/JWT"), &[]),
        (json!(" JWT"), &[]),
        (json!("é"), &[]),
        (json!(""), &[]),
    ] {
        let token = with_header(json!({"alg": "RS256", "kid": "rsa", "typ": typ}));
        for &purpose in ALL {
            let expected = if accepted_as.contains(&purpose) { "accepted" } else { "token-type-mismatch" };
            assert_eq!(name(judge_by(&token, &KEYS, &Rules { purpose, ..rules() })), expected, "{typ} as {purpose}");
        }
    }
    assert_eq!(verdict(&with_header(json!({"alg": "RS256", "kid": "rsa", "typ": 1}))), "token-header-malformed");
}
