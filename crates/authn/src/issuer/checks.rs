//! What OpenID Connect demands of an ID token beyond the verifier's rules.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use gangplank_jose::Claims;

use crate::Refusal;
use crate::refusal::fact;

pub(super) fn check_authorized_party(claims: &Claims, client_id: &str) -> Result<(), Refusal> {
    match claims.str("azp") {
        Some(azp) if azp == client_id => Ok(()),
        None if !claims.has("azp") && claims.audiences().len() <= 1 => Ok(()),
        found => Err(Refusal::AuthorizedPartyMismatch { found: found.map(fact), expected: fact(client_id) }),
    }
}

pub(super) fn check_nonce(claims: &Claims, sent: &str) -> Result<(), Refusal> {
    let found = claims.str("nonce").ok_or(Refusal::NonceMismatch { problem: "is missing" })?;
    verify_slices_are_equal(found.as_bytes(), sent.as_bytes())
        .map_err(|_| Refusal::NonceMismatch { problem: "is another one" })
}
