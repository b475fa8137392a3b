//! A claims challenge: what the provider wants to see in the next sign-in (another factor, a compliant device), to be
//! brought back to it by the client that the person uses. Whoever is in between only passes it on.
//!
//! 1. At most 8 KiB, and one JSON object: else it is none, and the answer that it came in is an ordinary refusal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::answer;

const MAX_LENGTH: usize = 8 << 10;

/// The value of `claims` in a provider's refusal, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsChallenge(String);

impl ClaimsChallenge {
    /// Rule 1.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.len() <= MAX_LENGTH && answer::object(text.as_bytes()).is_ok();
        sound.then(|| ClaimsChallenge(text.to_owned()))
    }

    /// The JSON: the value of the authorization request's parameter `claims`.
    pub fn as_str(&self) -> &str {
        &self.0
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
        STANDARD.encode(&self.0)
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
}
