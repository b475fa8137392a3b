//! Unpredictable values.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `N` random bytes.
#[expect(clippy::expect_used, reason = "without randomness there is no code or token that may be issued")]
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random source works");
    bytes
}

/// 256 random bits as base64url: a code, a refresh token, a session id, a secret.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<32>())
}

/// 128 random bits as base64url: the unique id of a token.
pub(crate) fn short() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<16>())
}
