//! What an issuer's own rules refuse.

use gangplank_jose::{Fault, Reason};

/// A rule that the configuration of an issuer states, and a token does not meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerRefusal {
    /// A required claim is absent, or none of its values.
    #[error("claim {claim} is {found}, wanted: {wanted}")]
    ClaimRequired {
        /// Its name.
        claim: String,
        /// What the token has.
        found: String,
        /// What would do.
        wanted: String,
    },
    /// The token was issued to a client that is not allowed.
    #[error("the token was issued to {found:?}, which is not an allowed client")]
    ClientNotAllowed {
        /// `azp`, `appid` or `client_id`, if there is one.
        found: Option<String>,
    },
    /// The key that the token names is another issuer's.
    #[error("key {kid:?} does not vouch for tenant {tenant}")]
    KeyOfOtherIssuer {
        /// Its id, if the token has one.
        kid: Option<String>,
        /// Whose token it would be.
        tenant: String,
    },
    /// A required role is not among the token's.
    #[error("role {wanted} is missing; the token has {found}")]
    RoleMissing {
        /// The role.
        wanted: String,
        /// Those of the token.
        found: String,
    },
    /// A required scope is not among the token's.
    #[error("scope {wanted} is missing; the token has {found}")]
    ScopeMissing {
        /// The scope.
        wanted: String,
        /// Those of the token.
        found: String,
    },
}

static CLAIM_REQUIRED: Reason = Reason {
    name: "claim-required",
    fault: Fault::Token,
    summary: "A claim that the issuer's rules require is not there, or has another value.",
    remedy: "Let the provider emit it with a value of issuers.NAME.required_claims, or change that rule; a claim inside another is named by a JSON pointer such as /realm_access/roles.",
};
static CLIENT_NOT_ALLOWED: Reason = Reason {
    name: "client-not-allowed",
    fault: Fault::Caller,
    summary: "The token was issued to a client that may not be used here.",
    remedy: "Get the token with an allowed client, or add the client to issuers.NAME.allowed_clients.",
};
static KEY_OF_OTHER_ISSUER: Reason = Reason {
    name: "key-of-other-issuer",
    fault: Fault::Token,
    summary: "The token names a key that does not vouch for its tenant.",
    remedy: "Get a token from the tenant that it is for; if it is one, its `kid` was changed or left out, and somebody is trying something.",
};
static ROLE_MISSING: Reason = Reason {
    name: "role-missing",
    fault: Fault::Caller,
    summary: "The token lacks a role that the issuer's rules require.",
    remedy: "Assign the role at the provider, or change issuers.NAME.required_roles; issuers.NAME.claims.roles says which claim has them.",
};
static SCOPE_MISSING: Reason = Reason {
    name: "scope-missing",
    fault: Fault::Caller,
    summary: "The token lacks a scope that the issuer's rules require.",
    remedy: "Ask for the scope when getting the token, or change issuers.NAME.required_scopes; at Entra ID app-only tokens have roles and no scopes.",
};

impl IssuerRefusal {
    /// Every entry of the catalogue, by name.
    pub const REASONS: &'static [&'static Reason] =
        &[&CLAIM_REQUIRED, &CLIENT_NOT_ALLOWED, &KEY_OF_OTHER_ISSUER, &ROLE_MISSING, &SCOPE_MISSING];

    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            IssuerRefusal::ClaimRequired { .. } => &CLAIM_REQUIRED,
            IssuerRefusal::ClientNotAllowed { .. } => &CLIENT_NOT_ALLOWED,
            IssuerRefusal::KeyOfOtherIssuer { .. } => &KEY_OF_OTHER_ISSUER,
            IssuerRefusal::RoleMissing { .. } => &ROLE_MISSING,
            IssuerRefusal::ScopeMissing { .. } => &SCOPE_MISSING,
        }
    }
}
