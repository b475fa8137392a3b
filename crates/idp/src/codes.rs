//! Authorization codes: ten minutes, once.
//!
//! 1. A code is known (AADSTS70000), not redeemed before (54005; what it gave is then revoked), and not expired (70008).
//! 2. It is redeemed by the client that asked for it (70000), with the redirect URI that was used (500112).
//! 3. If a challenge was given, the verifier matches it; if none was, there is no verifier (501481).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_jose::UnixTime;

use crate::bounded::Bounded;
use crate::directory::User;
use crate::errors::{self, AuthError};
use crate::random;
use crate::scopes::Granted;

const LIFETIME: Duration = Duration::from_secs(600);
const BOUND: usize = 10_000;

/// What a code stands for. `G` is what was granted, which each face says in its own way.
#[derive(Clone, Debug)]
pub(crate) struct Code<G = Granted> {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) user: Arc<User>,
    pub(crate) granted: G,
    pub(crate) session: String,
    /// Whether the sign-in had a second factor.
    pub(crate) mfa: bool,
    pub(crate) issued: UnixTime,
}

/// How far a code got.
enum Progress {
    Issued,
    /// With the family of refresh tokens that came of it.
    Redeemed(Option<String>),
}

/// All codes of a face.
pub(crate) struct Codes<G = Granted>(Bounded<(Code<G>, Progress)>);

/// Why a code is refused, and the family of refresh tokens to be revoked because of it.
pub(crate) type CodeRefusal = (AuthError, Option<String>);

impl<G: Clone> Codes<G> {
    pub(crate) fn new() -> Self {
        Codes(Bounded::new(BOUND))
    }

    /// A fresh code.
    pub(crate) fn issue(&mut self, code: Code<G>) -> String {
        let text = random::token();
        self.0.insert(text.clone(), (code, Progress::Issued));
        text
    }

    /// Rules 1 to 3. The code is then redeemed.
    pub(crate) fn redeem(
        &mut self,
        text: &str,
        client_id: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        now: UnixTime,
    ) -> Result<Code<G>, CodeRefusal> {
        let refuse = |error: AuthError| (error, None);
        let Some((code, progress)) = self.0.get_mut(text) else {
            return Err(refuse(
                errors::GRANT_INVALID.because("The provided authorization code is invalid or malformed."),
            ));
        };
        if let Progress::Redeemed(family) = progress {
            let error = errors::CODE_REDEEMED.because(
                "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
            );
            return Err((error, family.take()));
        }
        if now.since(code.issued) > LIFETIME {
            let message = "The provided authorization code or refresh token has expired due to inactivity.";
            return Err(refuse(errors::CODE_EXPIRED.because(message)));
        }
        if code.client_id != client_id {
            return Err(refuse(errors::GRANT_INVALID.because("The authorization code was issued to another client.")));
        }
        if redirect_uri != Some(&code.redirect_uri) {
            return Err(refuse(errors::REDIRECT_MISMATCH.because(format!(
                "The reply address '{}' does not match the reply address '{}' provided when requesting Authorization code.",
                redirect_uri.unwrap_or_default(),
                code.redirect_uri
            ))));
        }
        if !verifier_matches(verifier, code.challenge.as_deref()) {
            return Err(refuse(errors::PKCE_MISMATCH.because(
                "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
            )));
        }
        *progress = Progress::Redeemed(None);
        Ok(code.clone())
    }

    /// Remembers what a redeemed code gave.
    pub(crate) fn gave(&mut self, text: &str, family: &str) {
        if let Some((_, progress)) = self.0.get_mut(text) {
            *progress = Progress::Redeemed(Some(family.to_owned()));
        }
    }
}

/// Rule 3, in constant time.
fn verifier_matches(verifier: Option<&str>, challenge: Option<&str>) -> bool {
    match (verifier, challenge) {
        (None, None) => true,
        (Some(verifier), Some(challenge)) => {
            let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            (43..=128).contains(&verifier.len())
                && verify_slices_are_equal(hash.as_bytes(), challenge.as_bytes()).is_ok()
        }
        _ => false,
    }
}
