//! placeholder
use crate::{Claims, KeySet, Rules, TokenRefusal, UnixTime, Verified};

/// The header members this verifier looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `alg`, as sent.
    pub alg: String,
    /// `kid`.
    pub kid: Option<String>,
    /// `typ`, as sent.
    pub typ: Option<String>,
}

/// A well-formed token of which nothing is known to be true.
pub struct Unverified<'t> {
    _token: &'t str,
    header: Header,
    claims: Claims,
}

impl<'t> Unverified<'t> {
    /// Takes a compact JWS apart.
    pub fn parse(_token: &'t str) -> Result<Self, TokenRefusal> {
        todo!()
    }
    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }
    /// What the token claims, to find out which keys and rules are to judge it. Never evidence of anything.
    pub fn claims_unverified(&self) -> &Claims {
        &self.claims
    }
    /// Judges it.
    pub fn verify(self, _keys: &KeySet, _rules: &Rules, _now: UnixTime) -> Result<Verified<Claims>, TokenRefusal> {
        todo!()
    }
}
