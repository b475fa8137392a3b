//! The parameters of a request, from a query or a form.
//!
//! 1. At most 16 KiB and 48 parameters.
//! 2. None of them comes twice (RFC 6749 §3.1), but `resource` (RFC 8707 §2).
//! 3. Each is UTF-8 without control characters, and at most 8 KiB, or what its reader allows. An empty one is absent.

use std::borrow::Cow;

/// The most that is read.
pub(crate) const MAX_LENGTH: usize = 16 << 10;
const MAX_PARAMETERS: usize = 48;
const MAX_VALUE: usize = 8 << 10;

/// See the module.
pub(crate) struct Params<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

/// Which rule is broken, and by which parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParamProblem {
    /// What is wrong.
    pub(crate) problem: &'static str,
    /// The name, if it is one that we know.
    pub(crate) name: &'static str,
}

impl<'q> Params<'q> {
    /// Rule 1, and rule 3 for names.
    pub(crate) fn read(text: &'q [u8]) -> Result<Self, ParamProblem> {
        if text.len() > MAX_LENGTH || text.iter().filter(|b| **b == b'&').count() >= MAX_PARAMETERS {
            return Err(ParamProblem { problem: "more than any request has", name: "the request" });
        }
        Ok(Params(url::form_urlencoded::parse(text).collect()))
    }

    /// The one value of a parameter.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<&str>, ParamProblem> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value);
        let value = values.next();
        if values.next().is_some() {
            return Err(ParamProblem { problem: "comes twice", name });
        }
        match value.filter(|value| !value.is_empty()) {
            Some(value) => sound(value, name).map(Some),
            None => Ok(None),
        }
    }

    /// The same, and it must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, ParamProblem> {
        self.one(name)?.ok_or(ParamProblem { problem: "is missing", name })
    }

    /// The same, of bounded length.
    pub(crate) fn at_most(&self, name: &'static str, longest: usize) -> Result<Option<&str>, ParamProblem> {
        match self.one(name)? {
            Some(value) if value.len() > longest => Err(ParamProblem { problem: "is too long", name }),
            value => Ok(value),
        }
    }

    /// All values of a parameter that may come several times.
    pub(crate) fn all(&self, name: &'static str) -> Result<Vec<&str>, ParamProblem> {
        let values = self.0.iter().filter(|(known, value)| known == name && !value.is_empty());
        values.map(|(_, value)| sound(value, name)).collect()
    }
}

fn sound<'v>(value: &'v str, name: &'static str) -> Result<&'v str, ParamProblem> {
    // The decoder writes U+FFFD for what is not UTF-8.
    if value.len() > MAX_VALUE || value.contains(|c: char| c.is_control() || c == '\u{fffd}') {
        return Err(ParamProblem { problem: "is too long, or has characters that it cannot have", name });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_each_but_several_resources() {
        let params = Params::read(b"a=1&b=&resource=x&resource=y&b=2&c=%00&d=%ff&a%20=3").unwrap();
        assert_eq!(params.one("a"), Ok(Some("1")));
        assert_eq!(params.one("missing"), Ok(None));
        assert_eq!(params.all("resource"), Ok(vec!["x", "y"]));
        assert_eq!(params.one("b").unwrap_err().problem, "comes twice");
        assert!(params.one("c").is_err() && params.one("d").is_err());
        assert_eq!(params.required("missing").unwrap_err().problem, "is missing");
        assert!(params.at_most("a", 0).is_err() && params.at_most("a", 1).is_ok());
    }

    #[test]
    fn there_is_a_most() {
        assert!(Params::read("a=1&".repeat(MAX_PARAMETERS).as_bytes()).is_err());
        assert!(Params::read(&vec![b'a'; MAX_LENGTH + 1]).is_err());
        let long = format!("a={}", "x".repeat(MAX_VALUE + 1));
        assert!(Params::read(long.as_bytes()).unwrap().one("a").is_err());
    }
}
