//! A bearer token as a request presents it: `Authorization: Bearer` (RFC 6750 §2.1), and no other way.
//!
//! 1. No `Authorization` header with the scheme `Bearer` (in any case): none. Two `Authorization` headers of which
//!    one is: refused, since who stands behind would perhaps read the other.
//!    Blanks before the scheme are no part of the value; HTTP/2 brings them along all the same.
//! 2. After the scheme one token of the characters that RFC 6750 gives it, and nothing else.

use http::{HeaderMap, HeaderValue, header};

use crate::Refusal;

/// The one bearer token of a request.
#[derive(Clone, Copy)]
pub struct BearerToken<'r>(&'r str);

impl<'r> BearerToken<'r> {
    /// What a request presents, if it presents any.
    ///
    /// # Errors
    /// It presents more than one, or something that is none.
    pub fn presented(headers: &'r HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut bearer = None;
        let mut count = 0;
        for value in headers.get_all(header::AUTHORIZATION) {
            count += 1;
            bearer = after_scheme(value, SCHEME).or(bearer);
        }
        match bearer {
            None => Ok(None),
            Some(_) if count > 1 => Err(Refusal::AuthorizationRepeated { count }),
            Some(rest) => one_token(without_spaces(rest)).map(|token| Some(BearerToken(token))),
        }
    }

    /// A token that came another way than in a request: in a TokenReview, or on a command line.
    ///
    /// # Errors
    /// It has characters that no bearer token has.
    pub fn new(token: &'r str) -> Result<Self, Refusal> {
        one_token(token.as_bytes()).map(BearerToken)
    }

    /// The token.
    pub fn as_str(&self) -> &'r str {
        self.0
    }
}

/// Never the token.
impl std::fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BearerToken").finish_non_exhaustive()
    }
}

const SCHEME: &[u8] = b"bearer";

/// What follows the scheme, if it is this one, in whatever case.
pub(crate) fn after_scheme<'v>(value: &'v HeaderValue, scheme: &[u8]) -> Option<&'v [u8]> {
    let (found, rest) = value.as_bytes().trim_ascii_start().split_at_checked(scheme.len())?;
    let ends = rest.first().is_none_or(|b| matches!(b, b' ' | b'\t' | b','));
    (found.eq_ignore_ascii_case(scheme) && ends).then_some(rest)
}

fn one_token(token: &[u8]) -> Result<&str, Refusal> {
    let malformed = |problem| Refusal::BearerMalformed { problem };
    if token.is_empty() {
        return Err(malformed("there is no token after Bearer"));
    }
    let padding = token.iter().rev().take_while(|b| **b == b'=').count();
    let bare = &token[..token.len() - padding];
    match std::str::from_utf8(token) {
        Ok(text) if !bare.is_empty() && is_token68(bare) => Ok(text),
        Ok(text) if text.is_ascii() => Err(malformed("what follows Bearer is not one token")),
        _ => Err(malformed("the header holds other than visible ASCII")),
    }
}

fn without_spaces(mut bytes: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = bytes {
        bytes = rest;
    }
    bytes
}

/// Looks at all bytes whatever it finds, without a branch: the compiler then looks at many at once, and each request
/// with a token comes by here.
fn is_token68(bytes: &[u8]) -> bool {
    let within = |b: u8, first: u8, last: u8| b.wrapping_sub(first) <= last - first;
    let fits = |b: u8| {
        // `a` to `z` and `A` to `Z`; then `-`, `.`, `/` and the digits in a row; then the others.
        within(b | 0x20, b'a', b'z') | within(b, b'-', b'9') | (b == b'_') | (b == b'~') | (b == b'+')
    };
    bytes.iter().fold(true, |all, b| all & fits(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    #[test]
    fn exactly_one_token_of_one_header() {
        let token = |values: &[&str]| {
            BearerToken::presented(&headers(values))
                .map(|presented| presented.map(|p| p.as_str().to_owned()))
                .map_err(|r| r.reason().name)
        };
        let found = |t: &str| Ok(Some(t.to_owned()));
        assert_eq!(token(&[]), Ok(None));
        for other in ["Basic YTpi", "Bearerx abc", "Negotiate x", ""] {
            assert_eq!(token(&[other]), Ok(None), "{other}");
        }
        for good in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER  a.b-c_d~e+f/g== "] {
            assert_eq!(token(&[good]), found("a.b-c_d~e+f/g=="), "{good}");
        }
        for blank in [" Bearer a", "\tbearer a", "  BEARER  a "] {
            assert_eq!(token(&[blank]), found("a"), "{blank:?}");
        }
        for bad in [
            "Bearer",
            " Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer =",
            "Bearer a=b",
            "Bearer \u{e9}",
            "Bearer\ta",
            "Bearer,a",
            "Bearer a, Bearer b",
        ] {
            assert_eq!(token(&[bad]), Err("bearer-malformed"), "{bad}");
        }
        for two in [["Bearer a", "Bearer a"], ["Bearer a", "Basic b"], ["Basic b", "Bearer a"], ["x", " Bearer a"]] {
            assert_eq!(token(&two), Err("authorization-repeated"), "{two:?}");
        }
        assert_eq!(token(&["Basic a", "Basic b"]), Ok(None));
    }

    #[test]
    fn it_does_not_print_itself() {
        assert_eq!(format!("{:?}", BearerToken::new("secret").unwrap()), "BearerToken(..)");
        assert!(BearerToken::new("a b").is_err());
    }
}
