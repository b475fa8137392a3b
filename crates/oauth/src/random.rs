//! Randomness for values that must not be guessed, and for jitter.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `bytes` random bytes as base64url without padding: 16 for identifiers, 32 for whatever protects something.
pub fn random_token(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer);
    URL_SAFE_NO_PAD.encode(&buffer)
}

/// A number in `0.0 ..= 1.0`, to spread refreshes and retries.
pub fn random_unit() -> f64 {
    let mut buffer = [0; 4];
    fill(&mut buffer);
    f64::from(u32::from_le_bytes(buffer)) / f64::from(u32::MAX)
}

#[expect(clippy::expect_used, reason = "without randomness nothing here may go on; the library itself aborts first")]
fn fill(buffer: &mut [u8]) {
    rand::fill(buffer).expect("the system's random generator works");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_length_and_differ() {
        let (one, two) = (random_token(32), random_token(32));
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert!((0.0..=1.0).contains(&random_unit()));
        assert_ne!(random_unit(), random_unit());
    }
}
