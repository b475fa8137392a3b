//! What the configuration demands of claims, besides what every token must be. In this order, each with a refusal of its own:
//!
//! 1. Each required claim is one of its values, or an array of strings that has one of them. Strings are compared exactly; a
//!    claim of another type is none of them.
//! 2. Each required role is among the token's.
//!
//! Then, of an access token only (who signs in does so at our own client, and a session has no scopes):
//!
//! 3. The client that it was issued to (`azp`, `appid` or `client_id`) is an allowed one.
//! 4. Each required scope is among the token's.
//!
//! The rules of routes come on top of these.

use gangplank_jose::Claims;

use super::refusal::IssuerRefusal;
use crate::refusal::fact;
use crate::{ClaimName, Identity};

/// See the module. Empty lists demand nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimRules {
    /// Rule 1.
    pub required_claims: Vec<RequiredClaim>,
    /// Rule 2.
    pub required_roles: Vec<String>,
    /// Rule 3.
    pub allowed_clients: Vec<String>,
    /// Rule 4.
    pub required_scopes: Vec<String>,
}

/// A claim, and the values of which it must have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Which claim.
    pub claim: ClaimName,
    /// Any of these.
    pub any_of: Vec<String>,
}

impl ClaimRules {
    /// Rules 1 and 2.
    pub(super) fn check(&self, claims: &Claims, identity: &Identity) -> Result<(), IssuerRefusal> {
        for required in &self.required_claims {
            required.check(claims)?;
        }
        match self.required_roles.iter().find(|role| !identity.roles.contains(role)) {
            None => Ok(()),
            Some(role) => Err(IssuerRefusal::RoleMissing { wanted: fact(role), found: facts(&identity.roles) }),
        }
    }

    /// Rules 3 and 4.
    pub(super) fn check_access(&self, identity: &Identity) -> Result<(), IssuerRefusal> {
        let allowed = |client: &String| self.allowed_clients.contains(client);
        if !self.allowed_clients.is_empty() && !identity.client.as_ref().is_some_and(allowed) {
            return Err(IssuerRefusal::ClientNotAllowed { found: identity.client.as_deref().map(fact) });
        }
        match self.required_scopes.iter().find(|scope| !identity.scopes.contains(scope)) {
            None => Ok(()),
            Some(scope) => Err(IssuerRefusal::ScopeMissing { wanted: fact(scope), found: facts(&identity.scopes) }),
        }
    }
}

impl RequiredClaim {
    fn check(&self, claims: &Claims) -> Result<(), IssuerRefusal> {
        let found = self.claim.of(claims);
        let fits = |value: &str| self.any_of.iter().any(|wanted| wanted == value);
        let met = found.is_some_and(|claim| match claim.str() {
            Some(one) => fits(one),
            None => claim.strings().is_some_and(|many| many.into_iter().any(fits)),
        });
        if met {
            return Ok(());
        }
        let found = match found {
            None => "not there".to_owned(),
            Some(claim) => claim.strings().map_or_else(|| "no string".to_owned(), |values| facts(&values)),
        };
        Err(IssuerRefusal::ClaimRequired { claim: fact(self.claim.as_str()), found, wanted: facts(&self.any_of) })
    }
}

/// The first few of them.
fn facts<T: AsRef<str>>(values: &[T]) -> String {
    let some: Vec<&str> = values.iter().take(8).map(AsRef::as_ref).collect();
    if some.is_empty() { "none".to_owned() } else { fact(&some.join(", ")) }
}
