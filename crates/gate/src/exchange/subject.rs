//! The token by which a caller was authenticated: what an exchange starts from.

use aws_lc_rs::digest::{SHA256, digest};
use gangplank_jose::{Claims, UnixTime, Unverified};
use secrecy::{ExposeSecret as _, SecretString};

/// A token that was verified, or that came from the provider with a verified sign-in. Its `Debug` shows nothing of it.
#[derive(Debug)]
pub(crate) struct Subject {
    token: SecretString,
    digest: [u8; 32],
    ends: Option<UnixTime>,
}

impl Subject {
    /// A caller's token, which ends, or whose session ends, at `ends`.
    pub(crate) fn new(token: SecretString, ends: Option<UnixTime>) -> Self {
        let mut octets = [0; 32];
        octets.copy_from_slice(digest(&SHA256, token.expose_secret().as_bytes()).as_ref());
        Subject { token, digest: octets, ends }
    }

    /// The token.
    pub(crate) fn token(&self) -> &SecretString {
        &self.token
    }

    /// Its SHA-256.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// When nothing that came of it may be used any longer.
    pub(crate) fn ends(&self) -> Option<UnixTime> {
        self.ends
    }

    /// What it takes in memory.
    pub(crate) fn size(&self) -> usize {
        self.token.expose_secret().len()
    }

    /// Looks at what it claims, if it is a JWT. That was verified before, where it was presented; here it only saves a
    /// request, or finds out an answer that is about somebody else.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Claims) -> T) -> Option<T> {
        Unverified::parse(self.token.expose_secret()).ok().map(|token| at(token.claims_unverified()))
    }
}
