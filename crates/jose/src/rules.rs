//! What a token must satisfy besides its signature.

use std::time::Duration;

use crate::Algorithm;

/// What the token is presented as. A token issued for one purpose never passes for another (RFC 8725 §3.11, §3.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An OpenID Connect ID token: `typ` absent or `JWT`.
    IdToken,
    /// An access token: `typ` absent, `JWT` or `at+jwt` (RFC 9068). A token that carries the marks of an ID token
    /// (`nonce`, `at_hash` or `c_hash`) is refused.
    AccessToken,
    /// A client assertion (RFC 7523): `typ` absent, `JWT` or `client-authentication+jwt`.
    ClientAssertion,
}

/// The rules for one issuer and purpose. Every list is any-of; an empty `issuers` or `audiences` matches nothing.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Accepted `iss` values, compared byte for byte.
    pub issuers: Vec<String>,
    /// Accepted audiences: one member of `aud` must be among them.
    pub audiences: Vec<String>,
    /// Accepted algorithms. The key must also be of the algorithm's type.
    pub algorithms: Vec<Algorithm>,
    /// What the token is presented as.
    pub purpose: Purpose,
    /// Allowed clock difference to the issuer, applied to `exp`, `nbf` and a future `iat`.
    pub leeway: Duration,
}

impl Rules {
    /// The default leeway: one minute, as Kubernetes applies to `nbf`.
    pub const LEEWAY: Duration = Duration::from_secs(60);
}

impl Purpose {
    /// The `typ` values it accepts, besides none at all.
    pub(crate) const fn types(self) -> &'static [&'static str] {
        match self {
            Purpose::IdToken => &["JWT"],
            Purpose::AccessToken => &["JWT", "at+jwt"],
            Purpose::ClientAssertion => &["JWT", "client-authentication+jwt"],
        }
    }
}

/// For sentences: "presented as …".
impl std::fmt::Display for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Purpose::IdToken => "an ID token",
            Purpose::AccessToken => "an access token",
            Purpose::ClientAssertion => "a client assertion",
        })
    }
}
