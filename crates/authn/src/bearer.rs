//! Bearer tokens.
#![allow(clippy::todo, unused_variables, dead_code)]

use std::sync::Arc;

use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;
use http::HeaderMap;

use crate::{Authenticated, Authenticator, Credentials, Issuer, Outcome, Refusal};

/// Accepts access tokens of its issuers.
pub struct BearerAuthenticator {
    issuers: Vec<Arc<Issuer>>,
}

impl BearerAuthenticator {
    /// For these issuers, which tokens name by `iss`.
    pub fn new(issuers: Vec<Arc<Issuer>>) -> Self {
        BearerAuthenticator { issuers }
    }
    /// The one bearer token of a request, if it presents any.
    pub fn token(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
        todo!()
    }
    /// The key under which a verified token is remembered: its SHA-256.
    pub fn digest(token: &str) -> [u8; 32] {
        todo!()
    }
    /// What a token with this digest proved before, if it still does.
    pub fn cached(&self, digest: &[u8; 32], now: UnixTime) -> Option<Authenticated> {
        todo!()
    }
    /// Judges a token, cached or not.
    pub async fn verify(&self, token: &str, now: UnixTime) -> Outcome {
        todo!()
    }
}

impl Authenticator for BearerAuthenticator {
    fn name(&self) -> &str {
        "bearer"
    }
    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        todo!()
    }
}
