//! What the configuration says of an issuer.

use std::time::Duration;

use gangplank_jose::{Algorithm, Rules};

use super::rules::ClaimRules;
use crate::ClaimNames;
pub use crate::entra::Tenants;

/// Which kind of provider it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// One tenant of Microsoft Entra ID, several, or any.
    Entra {
        /// Whose tokens are accepted.
        tenants: Tenants,
        /// The login host; `None`: `https://login.microsoftonline.com`.
        authority: Option<String>,
        /// Microsoft Graph; `None`: the one that belongs to the authority.
        graph: Option<String>,
    },
    /// Any OpenID Connect provider.
    OpenId {
        /// The issuer, exactly as it spells itself.
        url: String,
        /// Where its keys are.
        keys: KeysFrom,
    },
    /// A SPIFFE trust domain, whose workloads present JWT-SVIDs.
    Spiffe {
        /// Its name: `example.org`.
        trust_domain: String,
        /// Where its bundle is.
        bundle: KeysFrom,
    },
}

impl IssuerKind {
    /// One tenant of the public cloud.
    pub fn tenant(tenant: impl Into<String>) -> Self {
        IssuerKind::Entra { tenants: Tenants::One(tenant.into()), authority: None, graph: None }
    }

    /// An OpenID Connect provider that says itself where its keys are.
    pub fn open_id(url: impl Into<String>) -> Self {
        IssuerKind::OpenId { url: url.into(), keys: KeysFrom::Discovery }
    }
}

/// Where keys come from.
#[derive(Clone, PartialEq, Eq)]
pub enum KeysFrom {
    /// The issuer's metadata say it.
    Discovery,
    /// They are here.
    Url(String),
    /// The document itself, as the configuration holds it, or a file that it names. `at` is the key of the
    /// configuration, for what is wrong with it.
    Document {
        /// Where it stands.
        at: String,
        /// The JSON.
        json: Vec<u8>,
    },
}

/// Public keys are no secret, but nobody wants to read them.
impl std::fmt::Debug for KeysFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeysFrom::Discovery => f.write_str("Discovery"),
            KeysFrom::Url(url) => f.debug_tuple("Url").field(url).finish(),
            KeysFrom::Document { at, .. } => f.debug_tuple("Document").field(at).finish(),
        }
    }
}

/// What makes an issuer. [`IssuerSettings::new`] has every default.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The configuration's name of it.
    pub name: String,
    /// Which kind it is.
    pub kind: IssuerKind,
    /// Audiences accepted on access tokens, any of them, compared byte for byte. None: no access token is accepted.
    pub audiences: Vec<String>,
    /// Accepted algorithms; empty: [`Issuer::DEFAULT_ALGORITHMS`](crate::Issuer::DEFAULT_ALGORITHMS).
    pub algorithms: Vec<Algorithm>,
    /// How far the issuer's clock may be off. Default: one minute.
    pub leeway: Duration,
    /// Whether an ID token is accepted where an access token belongs.
    pub accept_id_tokens: bool,
    /// What the claims of its tokens must be.
    pub rules: ClaimRules,
    /// Which claim says what.
    pub claims: ClaimNames,
}

impl IssuerSettings {
    /// The longest leeway: more is no difference of clocks.
    pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

    /// An issuer of this kind, none of whose access tokens are accepted until it has audiences.
    pub fn new(name: impl Into<String>, kind: IssuerKind) -> Self {
        IssuerSettings {
            name: name.into(),
            kind,
            audiences: Vec::new(),
            algorithms: Vec::new(),
            leeway: Rules::LEEWAY.expiry,
            accept_id_tokens: false,
            rules: ClaimRules::default(),
            claims: ClaimNames::default(),
        }
    }
}
