//! Proof Key for Code Exchange (RFC 7636), with S256 and nothing else.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::random_token;

/// What goes with the authorization request, and what proves later that the code is being redeemed by the same party.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// `code_verifier`: kept sealed until the code is redeemed.
    pub verifier: SecretString,
    /// `code_challenge`: sent with the authorization request.
    pub challenge: String,
}

impl Pkce {
    /// A fresh pair: 32 random bytes, as RFC 7636 §4.1 recommends.
    pub fn generate() -> Self {
        Self::from_verifier(SecretString::from(random_token(32)))
    }

    /// The pair that belongs to a verifier (RFC 7636 §4.2).
    pub fn from_verifier(verifier: SecretString) -> Self {
        let hash = digest(&SHA256, verifier.expose_secret().as_bytes());
        Pkce { challenge: URL_SAFE_NO_PAD.encode(hash), verifier }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let pkce = Pkce::from_verifier(SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_fresh_verifier_is_long_enough_and_never_shown() {
        let pkce = Pkce::generate();
        let verifier = pkce.verifier.expose_secret();
        assert_eq!(verifier.len(), 43);
        assert_ne!(verifier, Pkce::generate().verifier.expose_secret());
        assert!(!format!("{pkce:?}").contains(verifier));
    }
}
