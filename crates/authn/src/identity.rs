//! Who somebody is, and the evidence for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gangplank_jose::UnixTime;

/// How an identity was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A bearer token that a configured issuer signed.
    Bearer,
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
    /// Further attributes, as Kubernetes' UserInfo has them.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// An identity with its evidence: made by an authenticator and by nothing else.
///
/// Cheap to clone: the identity is shared.
#[derive(Clone, Debug)]
pub struct Authenticated {
    identity: Arc<Identity>,
    method: Method,
    expires: Option<UnixTime>,
}

impl Authenticated {
    /// Only authenticators of this crate may say so.
    pub(crate) fn new(identity: Identity, method: Method, expires: Option<UnixTime>) -> Self {
        Authenticated { identity: Arc::new(identity), method, expires }
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// By which kind of evidence.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Until when the evidence holds; `None` if it does not end by itself.
    pub fn expires(&self) -> Option<UnixTime> {
        self.expires
    }
}
