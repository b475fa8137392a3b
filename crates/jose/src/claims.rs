//! The claims of a token (RFC 7519 §4), parsed once and strictly.

use serde_json::{Map, Value};

use crate::UnixTime;

/// A JSON object without duplicate members whose registered claims have their proper types.
#[derive(Clone, PartialEq)]
pub struct Claims {
    pub(crate) members: Map<String, Value>,
    pub(crate) audiences: Vec<String>,
    pub(crate) expires: Option<UnixTime>,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) issued_at: Option<UnixTime>,
}

impl Claims {
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
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A member if it is a string.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// A member that is a string (one element) or an array of strings. `None` if it is absent or has another type,
    /// also inside the array.
    pub fn strings(&self, name: &str) -> Option<Vec<&str>> {
        match self.members.get(name)? {
            Value::String(one) => Some(vec![one]),
            Value::Array(many) => many.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }

    /// All members.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }
}

/// Names the claims that are there and none of their values: they are personal data.
impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Claims").field(&self.members.keys().collect::<Vec<_>>()).finish()
    }
}
