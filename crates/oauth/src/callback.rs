//! The authorization response (RFC 6749 §4.1.2), from a query or from a posted form.
//!
//! 1. At most 16 KiB and 32 parameters; unknown ones are ignored.
//! 2. None of the known ones may occur twice (RFC 6749 §3.1).
//! 3. Each is valid UTF-8 and within its own bound.
//! 4. Exactly one of `code` and `error` is there. A code without `state` is nobody's.
//! 5. `iss` (RFC 9207) must be there if the provider says it sends it, and if it is there it must be the provider's.

use std::borrow::Cow;
use std::fmt;

use gangplank_jose::Reason;
use secrecy::SecretString;

use crate::escape::escaped;
use crate::{Metadata, aadsts, reasons};

const MAX_LENGTH: usize = 16 << 10;
const MAX_PARAMETERS: usize = 32;

/// The known parameters and how long each may be. Entra ID's codes reach some 1.5 KiB; `state` is ours.
const KNOWN: [(&str, usize); 6] = [
    ("code", 4 << 10),
    ("state", 4 << 10),
    ("iss", 2 << 10),
    ("error", 128),
    ("error_description", 4 << 10),
    ("error_uri", 2 << 10),
];

/// What the browser brought back.
#[derive(Clone, Debug)]
pub enum Callback {
    /// A code to redeem.
    Code {
        /// The code.
        code: SecretString,
        /// Our `state`.
        state: String,
        /// Who says so.
        iss: Option<String>,
    },
    /// The provider refused, or the person did.
    Error {
        /// Our `state`, if it came back.
        state: Option<String>,
        /// Who says so.
        iss: Option<String>,
        /// `access_denied`, for one; escaped and bounded.
        error: String,
        /// In the provider's own words; escaped and bounded.
        description: Option<String>,
        /// Entra ID's codes, taken out of the description.
        codes: Vec<u32>,
    },
}

/// Why an authorization response is not acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// Rule 1.
    #[error("the response is larger than an authorization response can be")]
    TooLarge,
    /// Rule 2.
    #[error("`{0}` occurs twice")]
    Duplicate(&'static str),
    /// Rule 3.
    #[error("`{0}` is too long or not UTF-8")]
    Unreadable(&'static str),
    /// Rule 4.
    #[error("neither `code` nor `error` is there")]
    Empty,
    /// Rule 4.
    #[error("both `code` and `error` are there")]
    Contradiction,
    /// Rule 4.
    #[error("`state` is missing")]
    NoState,
    /// Rule 5.
    #[error("`iss` is missing, though {0} says that it sends it")]
    NoIssuer(String),
    /// Rule 5.
    #[error("the response is from {found}, and {expected} was asked")]
    OtherIssuer {
        /// The issuer that was asked.
        expected: String,
        /// `iss`, escaped and bounded.
        found: String,
    },
}

impl CallbackError {
    /// Every entry that [`reason`](Self::reason) can give.
    pub const REASONS: &'static [&'static Reason] = reasons::CALLBACK;

    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            CallbackError::NoIssuer(_) | CallbackError::OtherIssuer { .. } => &reasons::CALLBACK_ISSUER,
            _ => &reasons::CALLBACK_MALFORMED,
        }
    }
}

/// Reads a query (without its question mark) or an `application/x-www-form-urlencoded` body.
pub fn parse(query: &str) -> Result<Callback, CallbackError> {
    let mut found = known_parameters(query)?;
    let mut take = |name: &str| KNOWN.iter().position(|(known, _)| *known == name).and_then(|i| found[i].take());
    let (state, iss) = (take("state"), take("iss"));
    match (take("code"), take("error")) {
        (Some(_), Some(_)) => Err(CallbackError::Contradiction),
        (None, None) => Err(CallbackError::Empty),
        (Some(code), None) => {
            Ok(Callback::Code { code: SecretString::from(code), state: state.ok_or(CallbackError::NoState)?, iss })
        }
        (None, Some(error)) => {
            let description = take("error_description");
            Ok(Callback::Error {
                codes: aadsts::codes(None, description.as_deref().unwrap_or_default()),
                error: escaped(&error, 128),
                description: description.map(|text| escaped(&text, 1024)),
                state,
                iss,
            })
        }
    }
}

impl Callback {
    /// Our `state`.
    pub fn state(&self) -> Option<&str> {
        match self {
            Callback::Code { state, .. } => Some(state),
            Callback::Error { state, .. } => state.as_deref(),
        }
    }

    /// Rule 5: whether it comes from the provider that was asked. To be called before anything is done with it.
    pub fn check_issuer(&self, metadata: &Metadata) -> Result<(), CallbackError> {
        let (Callback::Code { iss, .. } | Callback::Error { iss, .. }) = self;
        match iss {
            Some(iss) if *iss == metadata.issuer => Ok(()),
            Some(iss) => {
                Err(CallbackError::OtherIssuer { expected: metadata.issuer.clone(), found: escaped(iss, 256) })
            }
            None if metadata.authorization_response_iss_parameter_supported => {
                Err(CallbackError::NoIssuer(metadata.issuer.clone()))
            }
            None => Ok(()),
        }
    }

    /// The catalogue entry of a refusal by the provider; `None` for a code.
    pub fn reason(&self) -> Option<&'static Reason> {
        match self {
            Callback::Code { .. } => None,
            Callback::Error { error, codes, .. } => Some(aadsts::reason(error, codes)),
        }
    }
}

/// Rules 1 to 3. An empty value counts as absent (RFC 6749 §3.1).
fn known_parameters(query: &str) -> Result<[Option<String>; KNOWN.len()], CallbackError> {
    if query.len() > MAX_LENGTH || query.split('&').count() > MAX_PARAMETERS {
        return Err(CallbackError::TooLarge);
    }
    let mut found = [const { None }; KNOWN.len()];
    let mut seen = [false; KNOWN.len()];
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some(i) = KNOWN.iter().position(|(known, _)| *known == name) else { continue };
        let (known, max) = KNOWN[i];
        if std::mem::replace(&mut seen[i], true) {
            return Err(CallbackError::Duplicate(known));
        }
        // The decoder writes U+FFFD for what is not UTF-8; none of these has any use for it.
        if value.len() > max || value.contains('\u{fffd}') {
            return Err(CallbackError::Unreadable(known));
        }
        found[i] = Some(value).filter(|value| !value.is_empty()).map(Cow::into_owned);
    }
    Ok(found)
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Callback::Code { .. } => f.write_str("a code"),
            Callback::Error { error, description: None, .. } => write!(f, "the provider answered {error}"),
            Callback::Error { error, description: Some(text), .. } => {
                write!(f, "the provider answered {error}: {text}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::testing::metadata;

    #[test]
    fn a_code_is_read_and_not_shown() {
        let callback = parse("code=a%2Bb%20c&state=s&session_state=x&iss=https%3A%2F%2Fidp").unwrap();
        assert!(!format!("{callback:?} {callback}").contains("a+b c"));
        let Callback::Code { code, state, iss } = callback else { panic!() };
        assert_eq!((code.expose_secret(), state.as_str(), iss.as_deref()), ("a+b c", "s", Some("https://idp")));
    }

    #[test]
    fn an_error_is_read_bounded_and_explained() {
        let query = "error=access_denied&error_description=AADSTS50105%3A+not%0D%0Aassigned&state=s";
        let callback = parse(query).unwrap();
        assert_eq!(callback.reason().unwrap().name, "user-unassigned");
        assert_eq!(callback.state(), Some("s"));
        let Callback::Error { description, codes, .. } = &callback else { panic!() };
        assert_eq!(description.as_deref(), Some("AADSTS50105: not\\u{d}\\u{a}assigned"));
        assert_eq!(codes, &[50105]);
        assert_eq!(parse("error=x").unwrap().state(), None);
        assert!(parse("code=c&state=s").unwrap().reason().is_none());
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let long = |name: &str, n: usize| format!("state=s&{name}={}", "x".repeat(n));
        let many = "&".repeat(MAX_PARAMETERS) + "code=c&state=s";
        for (query, error) in [
            ("code=a&code=b&state=s", CallbackError::Duplicate("code")),
            ("code=&code=b&state=s", CallbackError::Duplicate("code")),
            ("code=a&state=s&st%61te=t", CallbackError::Duplicate("state")),
            ("code=a&state=s&iss=a&iss=a", CallbackError::Duplicate("iss")),
            ("error=a&error=b", CallbackError::Duplicate("error")),
            ("code=a&error=b&state=s", CallbackError::Contradiction),
            ("code=a", CallbackError::NoState),
            ("code=a&state=", CallbackError::NoState),
            ("state=s", CallbackError::Empty),
            ("code=&state=s", CallbackError::Empty),
            ("", CallbackError::Empty),
            ("code=%ff&state=s", CallbackError::Unreadable("code")),
            (&long("code", (4 << 10) + 1), CallbackError::Unreadable("code")),
            (&long("error", 129), CallbackError::Unreadable("error")),
            (&long("x", MAX_LENGTH), CallbackError::TooLarge),
            (&many, CallbackError::TooLarge),
        ] {
            let found = parse(query).unwrap_err();
            assert_eq!(found, error, "{query}");
            assert_eq!(found.reason().name, "callback-malformed");
        }
        assert!(parse(&long("code", 4 << 10)).is_ok());
    }

    #[test]
    fn iss_is_checked_when_present_and_demanded_when_advertised() {
        let mut metadata = metadata("https://idp.example.com");
        let own = parse("code=c&state=s&iss=https://idp.example.com").unwrap();
        let other = parse("error=c&iss=https://evil.example.com").unwrap();
        let none = parse("code=c&state=s").unwrap();
        assert_eq!((own.check_issuer(&metadata), none.check_issuer(&metadata)), (Ok(()), Ok(())));
        assert_eq!(other.check_issuer(&metadata).unwrap_err().reason().name, "callback-issuer");
        metadata.authorization_response_iss_parameter_supported = true;
        assert_eq!(own.check_issuer(&metadata), Ok(()));
        assert_eq!(none.check_issuer(&metadata), Err(CallbackError::NoIssuer("https://idp.example.com".into())));
    }
}
