//! Verifies with the keys at hand, and with newer ones if those may be the reason that it fails.

use std::sync::Arc;

use gangplank_jose::{Claims, KeySet, Rules, TokenRefusal, UnixTime, Unverified, Verified};

use super::{Held, JwksCache, Origin, Refetched};
use crate::generation::Basis;
use crate::issuer::IssuerRefusal;
use crate::refusal::fact;
use crate::{Denial, Refusal};

/// What a token must be.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'e> {
    /// What the verifier demands.
    pub(crate) rules: &'e Rules,
    /// The issuer that it must be from, where the rules are those of many.
    pub(crate) issuer: Option<&'e str>,
    /// The tenant that the key must be allowed to vouch for.
    pub(crate) tenant: Option<&'e str>,
}

impl Expected<'_> {
    fn verify(&self, parsed: Unverified<'_>, held: &Held, now: UnixTime) -> Result<Verified<Claims>, Refusal> {
        let kid = parsed.header().kid.as_deref();
        let stranger = self.tenant.filter(|tenant| !held.owners.admit(kid, tenant));
        if let Some(tenant) = stranger {
            return Err(IssuerRefusal::KeyOfOtherIssuer { kid: kid.map(fact), tenant: fact(tenant) }.into());
        }
        Ok(match self.issuer {
            Some(issuer) => parsed.verify_from(issuer, &held.keys, self.rules, now),
            None => parsed.verify(&held.keys, self.rules, now),
        }?)
    }

    /// What is wrong with it whatever the keys, or that there are none.
    fn refuse_without_keys(&self, parsed: Unverified<'_>, now: UnixTime) -> Option<TokenRefusal> {
        let none = KeySet::default();
        match self.issuer {
            Some(issuer) => parsed.verify_from(issuer, &none, self.rules, now),
            None => parsed.verify(&none, self.rules, now),
        }
        .err()
    }
}

impl JwksCache {
    /// The claims, and what they rest on. `parsed` is `token`.
    pub(crate) async fn verify(
        self: &Arc<Self>,
        token: &str,
        parsed: Unverified<'_>,
        rules: &Rules,
        origin: Origin,
        now: UnixTime,
    ) -> Result<(Verified<Claims>, Basis), Denial> {
        self.verify_as(token, parsed, Expected { rules, issuer: None, tenant: None }, origin, now).await
    }

    /// The same, where the keys are those of many issuers.
    pub(crate) async fn verify_as(
        self: &Arc<Self>,
        token: &str,
        parsed: Unverified<'_>,
        expected: Expected<'_>,
        origin: Origin,
        now: UnixTime,
    ) -> Result<(Verified<Claims>, Basis), Denial> {
        let held = self.current(now);
        let refusal = match &held {
            Some(held) => match expected.verify(parsed, held, now) {
                Ok(verified) => return Ok((verified, self.basis(held))),
                Err(refusal) => refusal,
            },
            None => match expected.refuse_without_keys(parsed, now) {
                Some(refusal) => refusal.into(),
                // Without a set there is no key, and nothing verifies.
                None => return Err(self.no_keys("there is no key set")),
            },
        };
        if !may_be_the_keys(&refusal) {
            return Err(refusal.into());
        }
        match self.refetch(held.as_ref(), origin, now).await {
            Refetched::Newer(newer) => {
                Ok((expected.verify(Unverified::parse(token)?, &newer, now)?, self.basis(&newer)))
            }
            Refetched::Same if held.is_some() => Err(refusal.into()),
            // The key is known, and the signature is not its: that needs no provider.
            Refetched::Failed(_) if held.is_some() && !is_unknown_key(&refusal) => Err(refusal.into()),
            Refetched::Same => Err(self.no_keys("the key set is older than a day")),
            Refetched::Failed(cause) => Err(self.no_keys(&cause)),
        }
    }

    fn no_keys(&self, cause: &str) -> Denial {
        Denial::Unavailable(Refusal::KeysUnavailable { issuer: self.issuer.clone(), cause: fact(cause) })
    }
}

/// Whether other keys could change the verdict.
fn may_be_the_keys(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Token(
            TokenRefusal::KeyUnknown { .. }
                | TokenRefusal::KeyUnusable { .. }
                | TokenRefusal::AlgorithmKeyMismatch { .. }
                | TokenRefusal::SignatureInvalid { .. }
        )
    )
}

fn is_unknown_key(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Token(TokenRefusal::KeyUnknown { .. }))
}
