//! What the configuration says of an issuer.

use gangplank_jose::Algorithm;

use crate::ClaimNames;

/// Which kind of provider it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// One tenant of Microsoft Entra ID.
    Entra {
        /// The tenant's id, a GUID.
        tenant: String,
        /// The login host; `None`: `https://login.microsoftonline.com`.
        authority: Option<String>,
        /// Microsoft Graph; `None`: the one that belongs to the authority.
        graph: Option<String>,
    },
    /// Any OpenID Connect provider.
    OpenId {
        /// The issuer, exactly as it spells itself.
        url: String,
    },
}

/// What makes an issuer.
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
    /// Which claim says what.
    pub claims: ClaimNames,
}
