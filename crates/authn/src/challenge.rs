//! What a 401 says that a client could present (RFC 9110 §11.6.1). It says nothing about what was wrong with what it did.

use http::HeaderValue;

/// One scheme that somebody in a chain would understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A bearer token (RFC 6750 §3).
    Bearer,
    /// User name and password (RFC 7617).
    Basic(Realm),
}

impl Challenge {
    /// The value of `WWW-Authenticate`. `presented`: a bearer token was there, and was not good.
    pub fn value(&self, presented: bool) -> HeaderValue {
        match self {
            Challenge::Bearer if presented => {
                HeaderValue::from_static(r#"Bearer realm="gangplank", error="invalid_token""#)
            }
            Challenge::Bearer => HeaderValue::from_static(r#"Bearer realm="gangplank""#),
            Challenge::Basic(Realm(realm)) => {
                HeaderValue::from_str(&format!(r#"Basic realm="{realm}", charset="UTF-8""#))
                    .unwrap_or(HeaderValue::from_static(r#"Basic realm="gangplank", charset="UTF-8""#))
            }
        }
    }
}

/// What browsers show when they ask for a password: 1 to 128 printable ASCII characters, none of them `"` or `\`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(String);

impl Realm {
    /// `None` if the text can't be one.
    pub fn new(text: &str) -> Option<Self> {
        let fit = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
        ((1..=128).contains(&text.len()) && text.bytes().all(fit)).then(|| Realm(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        for bad in ["", "a\"b", "a\\", "a\r\nb", "é", &"x".repeat(129)] {
            assert_eq!(Realm::new(bad), None, "{bad}");
        }
        let basic = Challenge::Basic(Realm::new("API, v=1").unwrap());
        assert_eq!(basic.value(true), r#"Basic realm="API, v=1", charset="UTF-8""#);
        assert_eq!(Challenge::Bearer.value(false), r#"Bearer realm="gangplank""#);
        assert_eq!(Challenge::Bearer.value(true), r#"Bearer realm="gangplank", error="invalid_token""#);
    }
}
