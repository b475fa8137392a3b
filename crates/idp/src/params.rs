//! Query strings and forms.

use http::request::Parts;
use http::{Method, header};
use url::form_urlencoded;

use crate::errors::{self, AuthError};

/// Decoded parameters in the order they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Of an `application/x-www-form-urlencoded` text.
    pub(crate) fn parse(text: &[u8]) -> Params {
        Params(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Of a request: the form of a POST, else the query.
    pub(crate) fn of(parts: &Parts, body: &[u8]) -> Result<Params, AuthError> {
        if parts.method != Method::POST {
            return Ok(Params::parse(parts.uri.query().unwrap_or_default().as_bytes()));
        }
        let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(errors::MALFORMED.because("The body must be application/x-www-form-urlencoded."));
        }
        Ok(Params::parse(body))
    }

    /// A parameter; an empty one counts as absent (RFC 6749 §3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// A parameter that must be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, AuthError> {
        self.get(name).ok_or_else(|| {
            errors::PARAMETER_MISSING
                .because(format!("The request body must contain the following parameter: '{name}'."))
        })
    }

    /// A parameter that may come several times.
    pub(crate) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// Refuses a parameter that comes twice (RFC 6749 §3.1): which one counts would depend on the reader.
    pub(crate) fn refuse_duplicates(&self) -> Result<(), AuthError> {
        self.refuse_duplicates_but(&[])
    }

    /// The same, but for those that may.
    pub(crate) fn refuse_duplicates_but(&self, several: &[&str]) -> Result<(), AuthError> {
        let mut seen = std::collections::HashSet::new();
        let once = |name: &str| !several.contains(&name);
        match self.0.iter().find(|(name, _)| once(name) && !seen.insert(name)) {
            None => Ok(()),
            Some((name, _)) => Err(errors::PARAMETER_DUPLICATED
                .because(format!("The request is not properly formatted. The parameter '{name}' is duplicated."))),
        }
    }

    /// As a form-encoded text again.
    pub(crate) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_absent_and_twice_is_refused() {
        let params = Params::parse(b"a=&b=1&c=%20x");
        assert_eq!((params.get("a"), params.get("b"), params.get("c")), (None, Some("1"), Some(" x")));
        assert!(params.require("a").is_err() && params.refuse_duplicates().is_ok());
        assert!(Params::parse(b"a=1&a=1").refuse_duplicates().is_err());
    }
}
