//! Refresh tokens, in families: all that descend from one sign-in.
//!
//! 1. A token is good until it is used or its lifetime is over.
//! 2. Use gives a successor, unless rotation is withheld; then the token stays good.
//! 3. A used token that comes again is answered as [`RefreshReuse`] says; `Refuse` revokes the family.
//! 4. A token is for one client.

use std::sync::Arc;
use std::time::Duration;

use gangplank_jose::UnixTime;

use crate::bounded::Bounded;
use crate::claims::Version;
use crate::config::RefreshReuse;
use crate::directory::User;
use crate::errors::{self, AuthError};
use crate::random;
use crate::scopes::Granted;

/// How many tokens are remembered, used ones included.
const BOUND: usize = 50_000;

/// What a family of refresh tokens stands for. `G` is what was granted, which each face says in its own way.
#[derive(Clone, Debug)]
pub(crate) struct Grant<G = Granted> {
    pub(crate) client_id: String,
    pub(crate) user: Arc<User>,
    pub(crate) granted: G,
    pub(crate) endpoint: Version,
    pub(crate) session: String,
    /// Whether the sign-in had a second factor.
    pub(crate) mfa: bool,
}

struct Family<G> {
    grant: Grant<G>,
    revoked: bool,
}

struct Token {
    family: String,
    issued: UnixTime,
    used: bool,
}

/// All refresh tokens of a face.
pub(crate) struct RefreshTokens<G = Granted> {
    tokens: Bounded<Token>,
    families: Bounded<Family<G>>,
    lifetime: Duration,
    reuse: RefreshReuse,
}

impl<G: Clone> RefreshTokens<G> {
    pub(crate) fn new(lifetime: Duration, reuse: RefreshReuse) -> Self {
        RefreshTokens { tokens: Bounded::new(BOUND), families: Bounded::new(BOUND), lifetime, reuse }
    }

    /// A new family; gives its name. Its first token is [`Self::issue`]d.
    pub(crate) fn begin(&mut self, grant: Grant<G>) -> String {
        let family = random::token();
        self.families.insert(family.clone(), Family { grant, revoked: false });
        family
    }

    /// A fresh token of a family.
    pub(crate) fn issue(&mut self, family: &str, now: UnixTime) -> String {
        let token = random::token();
        self.tokens.insert(token.clone(), Token { family: family.to_owned(), issued: now, used: false });
        token
    }

    /// What a token of this client stands for, whether it is still good or not.
    pub(crate) fn peek(&self, token: &str, client_id: &str) -> Option<&Grant<G>> {
        let family = self.families.get(&self.tokens.get(token)?.family)?;
        (family.grant.client_id == client_id).then_some(&family.grant)
    }

    /// Rules 1 to 4. Gives the grant and the successor, if there is one.
    pub(crate) fn redeem(
        &mut self,
        token: &str,
        client_id: &str,
        withhold: bool,
        now: UnixTime,
    ) -> Result<(Grant<G>, Option<String>), AuthError> {
        let unknown = || errors::GRANT_INVALID.because("Provided grant is invalid or malformed.");
        let found = self.tokens.get_mut(token).ok_or_else(unknown)?;
        let family = self.families.get_mut(&found.family).ok_or_else(unknown)?;
        if family.grant.client_id != client_id {
            return Err(errors::GRANT_INVALID.because("The refresh token was issued to another client."));
        }
        if family.revoked {
            return Err(errors::GRANT_REVOKED.because("The provided grant has expired due to it being revoked."));
        }
        if now.since(found.issued) > self.lifetime {
            return Err(errors::REFRESH_EXPIRED.because("The refresh token has expired due to inactivity."));
        }
        if found.used && self.reuse == RefreshReuse::Refuse {
            family.revoked = true;
            return Err(errors::GRANT_INVALID.because("The refresh token was already used; its grant is revoked."));
        }
        found.used = !withhold;
        let (grant, name) = (family.grant.clone(), found.family.clone());
        let successor = (!withhold).then(|| self.issue(&name, now));
        Ok((grant, successor))
    }

    /// Revokes a family.
    pub(crate) fn revoke(&mut self, family: &str) {
        if let Some(family) = self.families.get_mut(family) {
            family.revoked = true;
        }
    }
}
