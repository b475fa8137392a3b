//! Whose token it says it is, to find the entry that is to judge it. Nothing here is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_jose::Unverified;
use serde::Deserialize;

/// `iss` of what may be a token: three parts, the second of them JSON in base64url. Whether it is a good one is for the
/// verifier; a bad one of a known issuer must not be taken for somebody else's.
pub(crate) fn issuer(token: &str) -> Option<String> {
    if token.len() > Unverified::MAX_OCTETS || token.bytes().filter(|b| *b == b'.').count() != 2 {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Issuer>(&payload).ok()?.0
}

/// The last `iss`, if there are several.
struct Issuer(Option<String>);

impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut members = serde_json::Map::deserialize(from)?;
        match members.remove("iss") {
            Some(serde_json::Value::String(iss)) => Ok(Issuer(Some(iss))),
            _ => Ok(Issuer(None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_token_has_an_issuer() {
        let token = |payload: &str| format!("x.{}.y", URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(issuer(&token(r#"{"iss":"https://a"}"#)).as_deref(), Some("https://a"));
        assert_eq!(issuer(&token(r#"{"iss":"https://b","iss":"https://a"}"#)).as_deref(), Some("https://a"));
        for none in ["{}", r#"{"iss":1}"#, r#"{"ISS":"https://a"}"#, "[]", "{", ""] {
            assert_eq!(issuer(&token(none)), None, "{none}");
        }
        for none in ["", "a", "a.b", "a.b.c", "{\"payload\":\"\"}", "..", "a.b.c.d.e"] {
            assert_eq!(issuer(none), None, "{none}");
        }
        assert_eq!(issuer(&format!("{}.x.y", "a".repeat(Unverified::MAX_OCTETS))), None);
        assert_eq!(issuer(&format!("{}.z", token(r#"{"iss":"https://a"}"#))), None);
    }
}
