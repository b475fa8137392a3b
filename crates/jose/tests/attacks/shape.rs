use gangplank_jose::Unverified;
use serde_json::json;

use crate::support::*;

#[test]
fn length_is_checked_before_anything_else() {
    let dots = ".".repeat(Unverified::MAX_OCTETS + 1);
    assert_eq!(verdict(&dots), "token-too-large");
    assert_eq!(verdict(&dots[1..]), "token-not-compact");
    let room = with_claims(json!({"pad": ""})).len();
    let fits = with_claims(json!({"pad": "x".repeat((Unverified::MAX_OCTETS - room) * 3 / 4 - 8)}));
    assert!(fits.len() > Unverified::MAX_OCTETS - 64 && fits.len() <= Unverified::MAX_OCTETS);
    assert_eq!(verdict(&fits), "accepted");
}

#[test]
fn three_parts_and_nothing_else() {
    let good = with_claims(json!({}));
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    for (token, expected) in [
        (String::new(), "token-not-compact"),
        (header.to_owned(), "token-not-compact"),
        (format!("{header}.{payload}"), "token-not-compact"),
        (format!("{good}.{signature}"), "token-not-compact"),
        (format!("{good}."), "token-not-compact"),
        (format!("{header}..{payload}.{signature}"), "token-not-compact"),
        (format!("{good}.a.b"), "token-encrypted"),
        (format!("{good}.a.b.c"), "token-not-compact"),
        (format!("{header}..{signature}"), "token-payload-malformed"),
        (format!(".{payload}.{signature}"), "token-header-malformed"),
        (format!("{header}.{payload}."), "token-signature-missing"),
        ("..".to_owned(), "token-header-malformed"),
        (json!({"payload": payload, "protected": header, "signature": signature}).to_string(), "token-not-compact"),
        (
            json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}).to_string(),
            "token-not-compact",
        ),
    ] {
        assert_eq!(verdict(&token), expected, "{token}");
    }
}

#[test]
fn base64url_has_one_form() {
    let good = with_claims(json!({}));
    let parts: Vec<_> = good.split('.').collect();
    for i in 0..3 {
        for sin in ["=", "==", "\n", "\r\n", " ", "\t", "\0", "+", "/", "?", "%3D", "é", "\u{feff}"] {
            for place in [0, parts[i].len() / 2, parts[i].len()] {
                let mut changed: Vec<_> = parts.iter().map(|p| (*p).to_owned()).collect();
                changed[i].insert_str(place, sin);
                assert_eq!(verdict(&changed.join(".")), "token-not-base64url", "{sin:?} at {place} of part {i}");
            }
        }
    }
}

#[test]
fn base64url_has_no_bits_left_over() {
    // 64 octets of signature are 86 characters: the last one carries two bits of data and four of nothing.
    let good = with_claims(json!({}));
    let last = good.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().cycle().skip_while(|c| *c != last).nth(1).unwrap();
    assert_eq!(verdict(&format!("{}{next}", &good[..good.len() - 1])), "token-not-base64url");
}

#[test]
fn a_detached_payload_and_a_token_inside_a_token() {
    let good = with_claims(json!({}));
    let parts: Vec<_> = good.split('.').collect();
    assert_eq!(verdict(&format!("{}..{}", parts[0], parts[2])), "token-payload-malformed");
    assert_eq!(verdict(&with_payload("")), "token-payload-malformed");
    assert_eq!(verdict(&with_payload(&good)), "token-payload-malformed");
    assert_eq!(verdict(&with_payload(&json!(good).to_string())), "token-payload-malformed");
}

#[test]
fn members_given_twice() {
    for header in [
        r#"{"alg":"ES256","alg":"ES256","kid":"p256"}"#,
        r#"{"alg":"none","kid":"p256","alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"evil","kid":"p256"}"#,
        r#"{"alg":"ES256","kid":"p256","\u0061lg":"none"}"#,
        r#"{"alg":"ES256","kid":"p256","x":{"a":1,"a":2}}"#,
    ] {
        assert_eq!(verdict(&forge(&P256, header, claims().to_string())), "token-header-malformed", "{header}");
    }
    let good = claims().to_string();
    for twice in [
        r#""iss":"x""#,
        r#""aud":"x""#,
        r#""exp":9999999999"#,
        r#""sub":"admin""#,
        r#""s\u0075b":"admin""#,
        r#""x":[{"y":1,"y":1}]"#,
    ] {
        let payload = format!("{{{twice},{}", &good[1..]);
        assert_eq!(verdict(&with_payload(&payload)), "token-payload-malformed", "{payload}");
    }
}

#[test]
fn json_that_is_not_one_strict_object() {
    let good = claims().to_string();
    for payload in [
        format!("{good} {good}"),
        format!("{good}x"),
        format!("\u{feff}{good}"),
        format!("[{good}]"),
        format!("{good}/* */"),
        format!("{},}}", &good[..good.len() - 1]),
        format!("{{\"a\":\"\\ud800\",{}", &good[1..]),
        format!("{{\"a\":1e400,{}", &good[1..]),
        format!("{{\"a\":NaN,{}", &good[1..]),
        format!("{{\"a\":'b',{}", &good[1..]),
        format!("{{\"a\":\"\n\",{}", &good[1..]),
        format!("{{\"a\":{}{},{}", "[".repeat(16), "]".repeat(16), &good[1..]),
        format!("{{\"a\":{}", "{\"a\":".repeat(9000)),
        "null".to_owned(),
        "\"claims\"".to_owned(),
    ] {
        assert_eq!(verdict(&with_payload(&payload)), "token-payload-malformed", "{payload:.80}");
    }
    let not_unicode = [b"{\"a\":\"\xff\",".as_slice(), &good.as_bytes()[1..]].concat();
    let token = forge(&P256, r#"{"alg":"ES256","kid":"p256"}"#, not_unicode);
    assert_eq!(verdict(&token), "token-payload-malformed");
    let deep_header = format!(r#"{{"alg":"ES256","kid":"p256","x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    assert_eq!(verdict(&forge(&P256, deep_header, &good)), "token-header-malformed");
}

#[test]
fn what_a_refusal_prints_is_bounded_and_harmless() {
    let nasty = format!("\r\nX-Injected: 1\u{1b}[2J\u{202e}{}", "A".repeat(5000));
    for token in [
        with_header(json!({"alg": nasty, "kid": "rsa"})),
        with_header(json!({"alg": "RS256", "kid": &nasty[..900]})),
        with_header(json!({"alg": "RS256", "kid": "rsa", "typ": nasty})),
        with_header(json!({"alg": "RS256", "kid": "rsa", "cty": format!("JWT{nasty}")})),
        with_claims(json!({"iss": nasty})),
        with_claims(json!({"aud": vec![nasty.clone(); 12]})),
        with_payload(&format!("{{{}:1,{}:1}}", json!(nasty), json!(nasty))),
    ] {
        let refusal = judge(&token).unwrap_err();
        for text in [refusal.to_string(), format!("{refusal:?}")] {
            assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text}");
            assert!(text.len() < 3000, "{} octets: {text}", text.len());
        }
    }
}
