//! The claims of a token (RFC 7519 §4), parsed once and strictly:
//!
//! 1. `iss`, `sub` and `jti`, if given, are strings.
//! 2. `aud`, if given, is a string or an array of strings.
//! 3. `exp`, `nbf` and `iat`, if given, are numbers from 0 to the end of the year 9999, whole or not; fractions are
//!    rounded down. A string or `null` is refused, not taken for absent: a token whose `exp` cannot be read would
//!    otherwise never expire.

use serde_json::Value;

use crate::json::{Document, Member};
use crate::{TokenRefusal, UnixTime};

/// A JSON object without duplicate members whose registered claims have their proper types.
#[derive(Clone)]
pub struct Claims {
    members: Document,
    pub(crate) audiences: Vec<String>,
    pub(crate) expires: Option<UnixTime>,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) issued_at: Option<UnixTime>,
}

impl Claims {
    /// Checks the types of the registered claims.
    pub(crate) fn from_members(members: Document) -> Result<Self, TokenRefusal> {
        for name in ["iss", "sub", "jti"] {
            if members.has(name) && members.str(name).is_none() {
                return Err(TokenRefusal::ClaimMalformed { claim: name, wanted: "a string" });
            }
        }
        Ok(Claims {
            audiences: audiences(&members)?,
            expires: numeric_date(&members, "exp")?,
            not_before: numeric_date(&members, "nbf")?,
            issued_at: numeric_date(&members, "iat")?,
            members,
        })
    }

    /// `iss`.
    pub fn issuer(&self) -> Option<&str> {
        self.str("iss")
    }

    /// `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.str("sub")
    }

    /// `aud`, whether it was a string or an array.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// `exp`, rounded down to whole seconds.
    pub fn expires(&self) -> Option<UnixTime> {
        self.expires
    }

    /// `nbf`.
    pub fn not_before(&self) -> Option<UnixTime> {
        self.not_before
    }

    /// `iat`.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// A member, whatever its type.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.members.get(name)
    }

    /// Whether there is such a member, whatever its type.
    pub fn has(&self, name: &str) -> bool {
        self.members.has(name)
    }

    /// The names of all members, in the token's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.names()
    }

    /// A member if it is a string.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.members.str(name)
    }

    /// A member that is a string (one element) or an array of strings. `None` if it is absent or has another type,
    /// also inside the array.
    pub fn strings(&self, name: &str) -> Option<Vec<&str>> {
        self.members.strings(name)
    }

    /// What stands at a path: the first name is a claim's, each further one that of a member of the object before it.
    pub fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<Claim<'_>> {
        self.members.at(path).map(Claim)
    }
}

/// One value of a token, wherever it stands. Nothing is copied until it is asked for.
#[derive(Clone, Copy)]
pub struct Claim<'c>(Member<'c>);

impl<'c> Claim<'c> {
    /// If it is a string.
    pub fn str(self) -> Option<&'c str> {
        self.0.str()
    }

    /// If it is a string (one element) or an array of nothing but strings.
    pub fn strings(self) -> Option<Vec<&'c str>> {
        self.0.strings()
    }

    /// Whatever its type.
    pub fn value(self) -> Value {
        self.0.value()
    }
}

/// Not its value, which is personal data.
impl std::fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Claim").finish_non_exhaustive()
    }
}

/// Names the claims that are there and none of their values: they are personal data.
impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Claims").field(&self.members.names().collect::<Vec<_>>()).finish()
    }
}

fn audiences(members: &Document) -> Result<Vec<String>, TokenRefusal> {
    if !members.has("aud") {
        return Ok(Vec::new());
    }
    let malformed = TokenRefusal::ClaimMalformed { claim: "aud", wanted: "a string or an array of strings" };
    Ok(members.strings("aud").ok_or(malformed)?.into_iter().map(str::to_owned).collect())
}

/// 9999-12-31T23:59:59Z: what lies beyond is a mistake, or milliseconds.
const LAST_DATE: u64 = 253_402_300_799;

fn numeric_date(members: &Document, claim: &'static str) -> Result<Option<UnixTime>, TokenRefusal> {
    let Some(value) = members.get(claim) else { return Ok(None) };
    let whole = value.as_u64().or_else(|| value.as_f64().and_then(floor));
    match whole.filter(|seconds| *seconds <= LAST_DATE) {
        Some(seconds) => Ok(Some(UnixTime::from_secs(seconds))),
        None => Err(TokenRefusal::ClaimMalformed { claim, wanted: "a number of seconds from 0 to the year 9999" }),
    }
}

/// Whole seconds of a number in range.
fn floor(seconds: f64) -> Option<u64> {
    // The bound is below 2^53, so both conversions are exact but for the fraction.
    (0.0..(LAST_DATE + 1) as f64).contains(&seconds).then_some(seconds as u64)
}
