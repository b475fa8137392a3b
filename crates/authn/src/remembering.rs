//! A chain that remembers whom it knows.
//!
//! 1. Remembered is who was authenticated, by the [`Fingerprint`] of all that was presented, for at most
//!    [`LONGEST`](Remembering::LONGEST), and only while the evidence [holds](Authenticated::holds).
//! 2. What was refused is not remembered: it would let a flood push the good ones out. Neither is anonymous.
//!
//! The number of entries is bounded; the least used go first.

use std::sync::Arc;
use std::time::Duration;

use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;
use http::HeaderName;
use quick_cache::sync::Cache;

use crate::{Authenticated, Authenticator, Chain, Challenge, Credentials, Fingerprint, Outcome, SourceHealth};

/// See the module.
pub struct Remembering {
    chain: Arc<Chain>,
    known: Cache<Fingerprint, (Authenticated, UnixTime)>,
}

impl Remembering {
    /// How long somebody is known before the chain is asked again: what rests on no key set (an opaque token at a
    /// cluster) is not missed for longer.
    pub const LONGEST: Duration = Duration::from_secs(60);
    /// How many callers are remembered.
    pub const ENTRIES: usize = 10_000;

    /// In front of `chain`.
    pub fn new(chain: Arc<Chain>) -> Self {
        Remembering { chain, known: Cache::new(Self::ENTRIES) }
    }

    /// The chain behind it.
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.known.len() == 0
    }

    /// Whether these credentials are remembered: one hash and one look-up.
    pub fn known(&self, fingerprint: &Fingerprint, now: UnixTime) -> Option<Authenticated> {
        let (authenticated, until) = self.known.get(fingerprint)?;
        if now < until && authenticated.holds(now) {
            return Some(authenticated);
        }
        self.known.remove(fingerprint);
        None
    }

    async fn ask(&self, credentials: Credentials<'_>, now: UnixTime) -> Outcome {
        let Some(fingerprint) = self.chain.fingerprint(&credentials) else {
            return self.chain.authenticate(credentials, now).await;
        };
        if let Some(authenticated) = self.known(&fingerprint, now) {
            return Outcome::Authenticated(authenticated);
        }
        let outcome = self.chain.authenticate(credentials, now).await;
        if let Outcome::Authenticated(authenticated) = &outcome {
            self.known.insert(fingerprint, (authenticated.clone(), now + Self::LONGEST));
        }
        outcome
    }
}

impl Authenticator for Remembering {
    fn name(&self) -> &str {
        self.chain.name()
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(self.ask(credentials, now))
    }

    fn reads(&self) -> &[HeaderName] {
        self.chain.reads()
    }

    fn reads_certificates(&self) -> bool {
        self.chain.reads_certificates()
    }

    fn challenges(&self) -> Vec<Challenge> {
        self.chain.challenges()
    }

    fn health(&self) -> Vec<SourceHealth> {
        self.chain.health()
    }

    fn keep_fresh(self: Arc<Self>) -> Option<BoxFuture<'static, ()>> {
        self.chain.clone().keep_fresh()
    }
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

    use super::*;
    use crate::BearerAuthenticator;
    use crate::testing::{NOW, World, jwks, jwks_url, new_key, sign_as};

    fn presenting(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        headers
    }

    fn remembering(world: &World) -> Remembering {
        let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
        Remembering::new(Arc::new(Chain::new("test", vec![Arc::new(bearer)])))
    }

    async fn ask(known: &Remembering, headers: &HeaderMap, now: UnixTime) -> bool {
        matches!(known.authenticate(Credentials::headers(headers), now).await, Outcome::Authenticated(_))
    }

    #[tokio::test]
    async fn whom_it_knows_it_knows_until_the_evidence_ends() {
        let world = World::new();
        let known = remembering(&world);
        let headers = presenting(&world.sign(&world.access_claims()));
        let fingerprint = known.chain().fingerprint(&Credentials::headers(&headers)).unwrap();
        assert!(known.known(&fingerprint, NOW).is_none());
        assert!(ask(&known, &headers, NOW).await);
        assert!(known.known(&fingerprint, NOW + Duration::from_secs(59)).is_some());
        assert!(known.known(&fingerprint, NOW + Remembering::LONGEST).is_none());
        // The token ends 3660 s from now, leeway included.
        let near = NOW + Duration::from_secs(3650);
        assert!(ask(&known, &headers, near).await);
        assert!(known.known(&fingerprint, near + Duration::from_secs(9)).is_some());
        assert!(known.known(&fingerprint, near + Duration::from_secs(10)).is_none());
        assert!(!ask(&known, &headers, near + Duration::from_secs(10)).await);
    }

    #[tokio::test]
    async fn a_withdrawn_key_takes_along_what_it_signed() {
        let world = World::new();
        let known = remembering(&world);
        let old = presenting(&world.sign(&world.access_claims()));
        assert!(ask(&known, &old, NOW).await);
        let key = new_key();
        world.web.answer(&jwks_url(), 200, jwks(&[("two", &key)]));
        assert!(ask(&known, &presenting(&sign_as("two", &key, &world.access_claims())), NOW).await);
        assert!(!ask(&known, &old, NOW).await);
    }

    #[tokio::test]
    async fn what_was_refused_is_not_remembered() {
        let world = World::new();
        let known = remembering(&world);
        assert!(!ask(&known, &presenting(&sign_as("one", &new_key(), &world.access_claims())), NOW).await);
        assert!(!ask(&known, &HeaderMap::new(), NOW).await);
        assert!(known.is_empty());
    }
}
