//! Who somebody is, and the evidence for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gangplank_jose::UnixTime;

use crate::generation::Basis;

/// How an identity was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A bearer token that a configured issuer signed.
    Bearer,
    /// A static key.
    StaticKey,
    /// A token that a cluster's TokenReview vouched for.
    TokenReview,
    /// A client certificate.
    Certificate,
    /// User name and password.
    Basic,
    /// A browser session that began with a sign-in at a configured issuer.
    Session,
    /// Nobody was asked, because the route says so.
    Anonymous,
}

impl Method {
    /// The word that logs and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Bearer => "bearer",
            Method::StaticKey => "static-key",
            Method::TokenReview => "token-review",
            Method::Certificate => "certificate",
            Method::Basic => "basic",
            Method::Session => "session",
            Method::Anonymous => "anonymous",
        }
    }
}

/// A caller, in the terms of Kubernetes' UserInfo and of OpenID Connect at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The configuration's name of the issuer that vouched (`corp`), empty for anonymous.
    pub issuer: String,
    /// `iss` as the token spelled it.
    pub issuer_url: String,
    /// `sub`.
    pub subject: String,
    /// The name that policy, headers and logs use.
    pub username: String,
    /// An e-mail address, if the issuer states one. Never used as the key of an identity.
    pub email: Option<String>,
    /// Whether the issuer vouches that the address is the person's. Rules about e-mail demand it.
    pub email_verified: bool,
    /// A name for people to read.
    pub display_name: Option<String>,
    /// Groups, as the issuer names them.
    pub groups: Vec<String>,
    /// The issuer says that there are more groups than the token carries, and nobody has got them. `groups` is empty
    /// then: a rule about groups does not match, and should say why.
    pub groups_unresolved: bool,
    /// A stable id that outlives renames (`oid` at Entra ID, else `sub`).
    pub uid: Option<String>,
    /// `tid` at Entra ID.
    pub tenant: Option<String>,
    /// Delegated scopes (`scp`, or `scope`).
    pub scopes: Vec<String>,
    /// Application roles (`roles`).
    pub roles: Vec<String>,
    /// The client the token was issued to (`azp`, `appid` or `client_id`).
    pub client: Option<String>,
    /// The audiences that the credential was issued for (`aud`); empty where it names none.
    pub audiences: Vec<String>,
    /// Further attributes, as Kubernetes' UserInfo has them.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// An identity with its evidence: made by an authenticator and by nothing else.
///
/// Cheap to clone: the identity is shared.
#[derive(Clone)]
pub struct Authenticated(Arc<Evidence>);

struct Evidence {
    identity: Identity,
    method: Method,
    expires: Option<UnixTime>,
    ask_again: Option<UnixTime>,
    basis: Option<Basis>,
}

impl Authenticated {
    /// Only authenticators of this crate may say so.
    pub(crate) fn new(identity: Identity, method: Method, expires: Option<UnixTime>) -> Self {
        Authenticated(Arc::new(Evidence { identity, method, expires, ask_again: None, basis: None }))
    }

    /// As [`new`](Self::new), from somebody who has to be asked again from `ask_again` on. The evidence may last longer:
    /// what was begun on it (a stream) is not cut off then.
    pub(crate) fn vouched_until(
        ask_again: UnixTime,
        identity: Identity,
        method: Method,
        expires: Option<UnixTime>,
    ) -> Self {
        let ask_again = Some(ask_again);
        Authenticated(Arc::new(Evidence { identity, method, expires, ask_again, basis: None }))
    }

    /// As [`new`](Self::new), good only as long as what it rests on does not change.
    pub(crate) fn resting_on(basis: Basis, identity: Identity, method: Method, expires: Option<UnixTime>) -> Self {
        Authenticated(Arc::new(Evidence { identity, method, expires, ask_again: None, basis: Some(basis) }))
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// By which kind of evidence.
    pub fn method(&self) -> Method {
        self.0.method
    }

    /// Until when the evidence holds; `None` if it does not end by itself.
    pub fn expires(&self) -> Option<UnixTime> {
        self.0.expires
    }

    /// Whether it has neither ended nor lost what it rests on: the key that signed it, the line in a file, the recent word
    /// of a cluster. Whoever remembers evidence asks this each time.
    pub fn holds(&self, now: UnixTime) -> bool {
        let before = |end: Option<UnixTime>| end.is_none_or(|end| now < end);
        before(self.0.expires) && before(self.0.ask_again) && self.0.basis.as_ref().is_none_or(Basis::stands)
    }
}

impl std::fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticated")
            .field("identity", &self.0.identity)
            .field("method", &self.0.method)
            .field("expires", &self.0.expires)
            .finish_non_exhaustive()
    }
}
