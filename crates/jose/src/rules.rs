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
    /// What kube-apiserver takes as a bearer credential: an ID token or an access token, and `sub` may be absent, since
    /// its configuration says which claim is the name. To be chosen by name only, where Kubernetes itself would take
    /// the token: everywhere else an ID token is a proof to the application that asked for it, and no credential.
    ///
    /// Stricter than kube-apiserver: dates are numbers, never text; at `exp` itself it is too late; `iat` must not lie
    /// ahead; `jti` is text; a `kid` that the set does not have is no reason to try other keys; no member is there twice,
    /// and none in another case is taken for it; `cnf` is not passed over.
    KubernetesToken,
    /// A SPIFFE JWT-SVID: `typ` absent, `JWT` or `JOSE`; `kid` is required; `sub` is the SPIFFE ID of a workload in one
    /// of the rules' trust domains, and `iss` is not read. The keys come from
    /// [`KeySet::parse_spiffe_bundle`](crate::KeySet::parse_spiffe_bundle).
    JwtSvid,
}

/// The rules for one issuer and purpose. Every list is any-of; an empty `issuers` or `audiences` matches nothing.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Accepted `iss` values, compared byte for byte; for a JWT-SVID the accepted trust domains (`spiffe://example.org`).
    pub issuers: Vec<String>,
    /// Accepted audiences: one member of `aud` must be among them.
    pub audiences: Vec<String>,
    /// Accepted algorithms. The key must also be of the algorithm's type.
    pub algorithms: Vec<Algorithm>,
    /// What the token is presented as.
    pub purpose: Purpose,
    /// Allowed clock difference to the issuer.
    pub leeway: Leeway,
}

impl Rules {
    /// The default leeway: one minute for both.
    pub const LEEWAY: Leeway = Leeway::both(Duration::from_secs(60));
}

/// How far the issuer's clock may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leeway {
    /// How long after `exp` a token is still accepted.
    pub expiry: Duration,
    /// How long before `nbf` and `iat` a token is accepted already.
    pub start: Duration,
}

impl Leeway {
    /// The clocks must agree.
    pub const NONE: Leeway = Leeway::both(Duration::ZERO);
    /// What kube-apiserver allows: none after `exp`, one minute before `nbf`.
    pub const KUBERNETES: Leeway = Leeway { expiry: Duration::ZERO, start: Duration::from_secs(60) };

    /// The same for both.
    pub const fn both(leeway: Duration) -> Self {
        Leeway { expiry: leeway, start: leeway }
    }
}

impl Purpose {
    /// The `typ` values it accepts, besides none at all.
    pub(crate) const fn types(self) -> &'static [&'static str] {
        match self {
            Purpose::IdToken => &["JWT"],
            Purpose::AccessToken | Purpose::KubernetesToken => &["JWT", "at+jwt"],
            Purpose::ClientAssertion => &["JWT", "client-authentication+jwt"],
            Purpose::JwtSvid => &["JWT", "JOSE"],
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
            Purpose::KubernetesToken => "a token for Kubernetes",
            Purpose::JwtSvid => "a JWT-SVID",
        })
    }
}
