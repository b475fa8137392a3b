//! What kind of token one is, as RFC 8693 §3 names it.
//!
//! 1. The names of the standard may be written short: `access_token`, `refresh_token`, `id_token`, `jwt`, `saml1`, `saml2`.
//! 2. Anything else is an absolute URI, at most 256 visible ASCII characters.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};

const PREFIX: &str = "urn:ietf:params:oauth:token-type:";
const SHORT: [&str; 6] = ["access_token", "refresh_token", "id_token", "jwt", "saml1", "saml2"];
const MAX_LENGTH: usize = 256;

/// A token type identifier (RFC 8693 §3), always the whole URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenType(String);

/// Why a text names no type of token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a token type: access_token, refresh_token, id_token, jwt, saml1, saml2, or an absolute URI of at most 256 characters"
)]
pub struct TokenTypeError;

impl TokenType {
    /// An access token, whatever its form.
    pub fn access_token() -> Self {
        TokenType(format!("{PREFIX}access_token"))
    }

    /// An ID token.
    pub fn id_token() -> Self {
        TokenType(format!("{PREFIX}id_token"))
    }

    /// Any JWT.
    pub fn jwt() -> Self {
        TokenType(format!("{PREFIX}jwt"))
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TokenType {
    fn default() -> Self {
        TokenType::access_token()
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TokenType {
    type Err = TokenTypeError;
    fn from_str(text: &str) -> Result<Self, TokenTypeError> {
        if SHORT.contains(&text) {
            return Ok(TokenType(format!("{PREFIX}{text}")));
        }
        let scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
                && !rest.is_empty()
        });
        let plain = text.len() <= MAX_LENGTH && text.bytes().all(|b| b.is_ascii_graphic());
        if scheme && plain { Ok(TokenType(text.to_owned())) } else { Err(TokenTypeError) }
    }
}

impl<'de> Deserialize<'de> for TokenType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_written_out_and_only_uris_come_beside_them() {
        assert_eq!("jwt".parse(), Ok(TokenType::jwt()));
        assert_eq!("access_token".parse(), Ok(TokenType::default()));
        assert_eq!("urn:ietf:params:oauth:token-type:id_token".parse(), Ok(TokenType::id_token()));
        assert_eq!(TokenType::id_token().as_str(), "urn:ietf:params:oauth:token-type:id_token");
        assert!("https://example.com/token-types/own".parse::<TokenType>().is_ok());
        let long = format!("urn:{}", "x".repeat(256));
        for bad in ["", "token", "JWT", "urn:", ":x", "1a:b", "urn:a b", "urn:é", "urn:a\nb", &long] {
            assert_eq!(bad.parse::<TokenType>(), Err(TokenTypeError), "{bad}");
        }
        assert!(
            serde_json::from_str::<TokenType>("\"saml2\"").is_ok()
                && serde_json::from_str::<TokenType>("\"x\"").is_err()
        );
    }
}
