//! Verifies with the keys at hand, and with newer ones if those may be the reason that it fails.

use std::sync::Arc;

use gangplank_jose::{Claims, KeySet, Rules, TokenRefusal, UnixTime, Unverified, Verified};

use super::{JwksCache, Origin, Refetched};
use crate::generation::Basis;
use crate::refusal::fact;
use crate::{Denial, Refusal};

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
        let held = self.current(now);
        let none = KeySet::default();
        let keys = held.as_ref().map_or(&none, |held| &held.keys);
        let refusal = match (parsed.verify(keys, rules, now), &held) {
            (Ok(verified), Some(held)) => return Ok((verified, self.basis(held))),
            // Without a set there is no key, and nothing verifies.
            (Ok(_), None) => return Err(self.no_keys("there is no key set")),
            (Err(refusal), _) if may_be_the_keys(&refusal) => refusal,
            (Err(refusal), _) => return Err(refusal.into()),
        };
        match self.refetch(held.as_ref(), origin, now).await {
            Refetched::Newer(newer) => {
                Ok((Unverified::parse(token)?.verify(&newer.keys, rules, now)?, self.basis(&newer)))
            }
            Refetched::Same if held.is_some() => Err(refusal.into()),
            // The key is known, and the signature is not its: that needs no provider.
            Refetched::Failed(_) if held.is_some() && !matches!(refusal, TokenRefusal::KeyUnknown { .. }) => {
                Err(refusal.into())
            }
            Refetched::Same => Err(self.no_keys("the key set is older than a day")),
            Refetched::Failed(cause) => Err(self.no_keys(&cause)),
        }
    }

    fn no_keys(&self, cause: &str) -> Denial {
        Denial::Unavailable(Refusal::KeysUnavailable { issuer: self.issuer.clone(), cause: fact(cause) })
    }
}

/// Whether other keys could change the verdict.
fn may_be_the_keys(refusal: &TokenRefusal) -> bool {
    matches!(
        refusal,
        TokenRefusal::KeyUnknown { .. }
            | TokenRefusal::KeyUnusable { .. }
            | TokenRefusal::AlgorithmKeyMismatch { .. }
            | TokenRefusal::SignatureInvalid { .. }
    )
}
