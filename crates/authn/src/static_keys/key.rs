//! Making keys, and what is kept of them.
//!
//! A key is `gpk_`, 43 random letters and digits (256 bits), and 6 more that are a checksum of those before: whoever scans for
//! leaked secrets can tell a key from a word, and a typo can be told from a key that was withdrawn. Keys from
//! elsewhere have any form that a bearer token may have.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::Refusal;

/// The SHA-256 of a key.
pub type KeyDigest = [u8; 32];

/// What is kept of a key.
pub fn digest_of(key: &str) -> KeyDigest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    out
}

const PREFIX: &str = "gpk_";
/// 62^43 is a little more than 2^256.
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key that was just made. It is shown once, to whoever asked for it.
pub struct NewKey(SecretString);

impl NewKey {
    /// Draws a key.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self, Refusal> {
        let mut key = Zeroizing::new(String::with_capacity(PREFIX.len() + RANDOM + CHECKSUM));
        key.push_str(PREFIX);
        let mut octets = Zeroizing::new([0_u8; 64]);
        while key.len() < PREFIX.len() + RANDOM {
            rand::fill(octets.as_mut()).map_err(|_| Refusal::CryptoFailed { what: "random" })?;
            let room = PREFIX.len() + RANDOM - key.len();
            // 248 is four times 62: every digit is as likely as every other.
            let digits = octets.iter().filter(|octet| **octet < 248).take(room);
            key.extend(digits.map(|octet| char::from(DIGITS[usize::from(octet % 62)])));
        }
        let sum = checksum(&key);
        key.push_str(&sum);
        Ok(NewKey(SecretString::from(key.as_str())))
    }

    /// The key.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it.
    pub fn digest(&self) -> KeyDigest {
        digest_of(self.expose())
    }

    /// Whether it begins as our keys do, and can't be one.
    pub(crate) fn is_mistyped(key: &str) -> bool {
        let Some(rest) = key.strip_prefix(PREFIX) else { return false };
        let whole = rest.len() == RANDOM + CHECKSUM && rest.bytes().all(|b| b.is_ascii_alphanumeric());
        !whole || checksum(&key[..key.len() - CHECKSUM]) != key[key.len() - CHECKSUM..]
    }
}

/// Never the key.
impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NewKey").finish_non_exhaustive()
    }
}

/// The first four octets of the SHA-256 of what stands before, in base 62, most significant digit first.
fn checksum(text: &str) -> String {
    let [a, b, c, d, ..] = digest_of(text);
    let mut number = u32::from_be_bytes([a, b, c, d]);
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_alike_in_form_and_in_nothing_else() {
        let keys: Vec<NewKey> = (0..64).map(|_| NewKey::generate().unwrap()).collect();
        for key in &keys {
            assert_eq!(key.expose().len(), 53);
            assert!(!NewKey::is_mistyped(key.expose()), "{}", key.expose());
            assert_eq!(keys.iter().filter(|other| other.digest() == key.digest()).count(), 1);
        }
        let drawn: std::collections::BTreeSet<u8> =
            keys.iter().flat_map(|key| key.expose().as_bytes()[4..47].to_vec()).collect();
        assert_eq!(drawn.len(), 62, "2,752 draws of 62 digits");
        assert!(!format!("{:?}", keys[0]).contains("gpk_"));
    }

    #[test]
    fn the_checksum_is_part_of_the_format() {
        assert_eq!(checksum("gpk_0000000000000000000000000000000000000000000"), "0UBfgq");
    }

    #[test]
    fn typos_are_told_from_keys_of_others() {
        let key = NewKey::generate().unwrap();
        let key = key.expose();
        for other in ["", "gpk", "secret", "GPK_x"] {
            assert!(!NewKey::is_mistyped(other), "{other}");
        }
        let swapped = if key.ends_with('A') { "B" } else { "A" };
        for bad in ["gpk_".to_owned(), key[..52].to_owned(), format!("{}{swapped}", &key[..52]), format!("{key}0")] {
            assert!(NewKey::is_mistyped(&bad), "{bad}");
        }
        assert!(NewKey::is_mistyped("gpk_é"));
    }
}
