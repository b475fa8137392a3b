//! Who may pass: a caller and a route's rules go in, a [`Permit`] or a refusal comes out.
//!
//! Any of a list, all of the lists: `groups = [a, b]` with `email_domains = [c]` admits whoever is in a or b *and* has
//! an address of c. There are no rules that deny, so a caller of whom less is known is admitted to less.

use std::collections::HashSet;

use gangplank_authn::{Authenticated, Method, Scope};

use crate::Refusal;
use crate::config::AllowConfig;

/// This caller may pass on this route, now. Nothing reaches an upstream, and no forward-auth answer allows, without.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    authenticated: Authenticated,
    // Private, so that only `Policy::permit` can make one.
    _evidence: (),
}

impl Permit {
    /// Who was admitted.
    pub(crate) fn authenticated(&self) -> &Authenticated {
        &self.authenticated
    }
}

/// A route's `allow`, laid out for look-up.
#[derive(Debug)]
pub(crate) struct Policy {
    route: String,
    anonymous: bool,
    groups: HashSet<String>,
    users: HashSet<String>,
    /// Lower case.
    email_domains: HashSet<String>,
    roles: HashSet<String>,
    scopes: HashSet<String>,
    /// The same, for whoever has none of them.
    needed: Vec<Scope>,
}

impl Policy {
    /// The rules of `route`.
    pub(crate) fn new(route: &str, allow: &AllowConfig) -> Self {
        let set = |list: &[String]| list.iter().cloned().collect();
        Policy {
            route: route.to_owned(),
            anonymous: allow.anonymous,
            groups: set(&allow.groups),
            users: set(&allow.users),
            email_domains: allow.email_domains.iter().map(|d| d.to_ascii_lowercase()).collect(),
            roles: set(&allow.roles),
            scopes: set(&allow.scopes),
            needed: allow.scopes.iter().filter_map(|scope| Scope::new(scope)).collect(),
        }
    }

    /// Whether nobody is asked who they are.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// Judges a caller.
    pub(crate) fn permit(&self, authenticated: Authenticated) -> Result<Permit, Refusal> {
        let identity = authenticated.identity();
        let any = |rule: &HashSet<String>, held: &[String]| rule.is_empty() || held.iter().any(|h| rule.contains(h));
        let email_domain = || identity.email.as_deref().filter(|_| identity.email_verified).and_then(email_domain);
        if authenticated.method() == Method::Anonymous && !self.anonymous {
            return Err(Refusal::NotSignedIn);
        }
        let unmet = if !any(&self.groups, &identity.groups) {
            if identity.groups_unresolved {
                return Err(Refusal::ForbiddenGroupsUnknown {
                    route: self.route.clone(),
                    user: identity.username.clone(),
                });
            }
            "none of the groups in allow.groups"
        } else if !self.users.is_empty() && !self.users.contains(&identity.username) {
            "not among allow.users"
        } else if !self.email_domains.is_empty() && !email_domain().is_some_and(|d| self.email_domains.contains(&d)) {
            "no verified e-mail address in allow.email_domains"
        } else if !any(&self.roles, &identity.roles) {
            "none of the roles in allow.roles"
        } else if !any(&self.scopes, &identity.scopes) {
            return Err(Refusal::ForbiddenScopes {
                route: self.route.clone(),
                user: identity.username.clone(),
                needed: self.needed.clone(),
            });
        } else {
            return Ok(Permit { authenticated, _evidence: () });
        };
        Err(Refusal::Forbidden { route: self.route.clone(), user: identity.username.clone(), unmet })
    }
}

/// The domain of an address, lower case. More than one `@` is no address: `a@evil@good.com` has no domain.
fn email_domain(address: &str) -> Option<String> {
    let (local, domain) = address.split_once('@')?;
    (!local.is_empty() && !domain.is_empty() && !domain.contains('@')).then(|| domain.to_ascii_lowercase())
}
