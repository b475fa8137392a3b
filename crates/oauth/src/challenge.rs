//! A claims challenge: what the provider wants to see in the next sign-in (another factor, a compliant device), to be
//! brought back to it by the client that the person uses. Whoever is in between only passes it on.
//!
//! 1. At most 8 KiB, and one JSON object: else it is none, and the answer that it came in is an ordinary refusal.
//! 2. A provider may instead name the levels of authentication (RFC 9470): `acr_values`, at most 1 KiB of visible ASCII without
//!    quotes. As claims, that is an essential `acr` (OpenID Connect Core §5.5.1.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::answer;

const MAX_LENGTH: usize = 8 << 10;
const MAX_ACR_VALUES: usize = 1 << 10;

/// The value of `claims` in a provider's refusal, as it was sent, or what comes to the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsChallenge {
    json: String,
    acr_values: Option<String>,
}

impl ClaimsChallenge {
    /// Rule 1.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.len() <= MAX_LENGTH && answer::object(text.as_bytes()).is_ok();
        sound.then(|| ClaimsChallenge { json: text.to_owned(), acr_values: None })
    }

    /// Rule 2.
    pub fn of_acr_values(text: &str) -> Option<Self> {
        let fit = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
        let values: Vec<&str> = text.split(' ').filter(|value| !value.is_empty()).collect();
        if text.len() > MAX_ACR_VALUES || values.is_empty() || !text.bytes().all(fit) {
            return None;
        }
        let json = json!({ "id_token": { "acr": { "essential": true, "values": values } } }).to_string();
        Some(ClaimsChallenge { json, acr_values: Some(values.join(" ")) })
    }

    /// The levels of authentication, if that is how the provider said it.
    pub fn acr_values(&self) -> Option<&str> {
        self.acr_values.as_deref()
    }

    /// The JSON: the value of the authorization request's parameter `claims`.
    pub fn as_str(&self) -> &str {
        &self.json
    }

    /// The reverse of [`to_base64`](Self::to_base64), by rule 1.
    pub fn from_base64(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH.div_ceil(3) * 4 {
            return None;
        }
        let octets = STANDARD.decode(text).ok()?;
        Self::parse(std::str::from_utf8(&octets).ok()?)
    }

    /// As the parameter `claims` of `WWW-Authenticate: Bearer error="insufficient_claims"` carries it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bounded_json_object_is_a_challenge() {
        let text = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let challenge = ClaimsChallenge::parse(text).unwrap();
        assert_eq!(challenge.as_str(), text);
        assert_eq!(STANDARD.decode(challenge.to_base64()).unwrap(), text.as_bytes());
        assert_eq!(ClaimsChallenge::from_base64(&challenge.to_base64()), Some(challenge));
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_LENGTH));
        for bad in ["", "[]", "mfa", r#"{"a":1,"a":1}"#, "{", &long] {
            assert_eq!(ClaimsChallenge::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn levels_of_authentication_are_a_challenge_too() {
        let challenge = ClaimsChallenge::of_acr_values("urn:mfa  phr").unwrap();
        assert_eq!(challenge.acr_values(), Some("urn:mfa phr"));
        assert_eq!(challenge.as_str(), r#"{"id_token":{"acr":{"essential":true,"values":["urn:mfa","phr"]}}}"#);
        for bad in ["", " ", "a\"b", "a\\b", "a\r\nb", "é", &"x".repeat(MAX_ACR_VALUES + 1)] {
            assert_eq!(ClaimsChallenge::of_acr_values(bad), None, "{bad}");
        }
    }
}
