//! The evidence of a verified ID token.

use gangplank_jose::UnixTime;

use crate::Identity;
use crate::overage::Member;

/// Somebody who has just signed in, or whose sign-in was just confirmed by a refresh. Only an
/// [`Issuer`](crate::Issuer) makes one.
#[derive(Clone)]
pub struct SignedIn {
    identity: Identity,
    token_expires: UnixTime,
    member: Option<Member>,
}

impl SignedIn {
    pub(crate) fn new(identity: Identity, token_expires: UnixTime) -> Self {
        SignedIn { identity, token_expires, member: None }
    }

    /// The same, as one of whom Graph can be asked.
    pub(crate) fn for_member(self, member: Option<Member>) -> Self {
        SignedIn { member, ..self }
    }

    pub(crate) fn member(&self) -> Option<&Member> {
        self.member.as_ref()
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// When the ID token expires.
    pub fn token_expires(&self) -> UnixTime {
        self.token_expires
    }

    /// Whether the token had too many groups to carry them, and they were not got yet.
    pub fn groups_unresolved(&self) -> bool {
        self.identity.groups_unresolved
    }

    pub(crate) fn with_groups(mut self, groups: Vec<String>) -> Self {
        self.identity.groups = groups;
        self.identity.groups_unresolved = false;
        self
    }
}

/// Names the issuer; the rest is personal data.
impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn")
            .field("issuer", &self.identity.issuer)
            .field("groups_unresolved", &self.identity.groups_unresolved)
            .finish_non_exhaustive()
    }
}
