//! Apache's variant of the MD5-based crypt, `$apr1$SALT$HASH`: 1,000 rounds, a salt of at most 8 characters.
//!
//! It is what `htpasswd` makes unless it is told otherwise, which is why it is understood. A new password should be
//! bcrypt: MD5 is quick, and so is whoever guesses at a stolen file.

use md5::{Digest as _, Md5};

const MAGIC: &[u8] = b"$apr1$";
const ROUNDS: u32 = 1_000;
/// The most characters of a salt.
pub(super) const MAX_SALT: usize = 8;
/// Characters of a hash.
pub(super) const HASH: usize = 22;

/// The digits of this encoding, least significant first.
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether this is a digit of a salt or a hash.
pub(super) fn is_digit(byte: u8) -> bool {
    DIGITS.contains(&byte)
}

/// The hash of a password, as it stands behind the salt.
pub(super) fn hash(password: &[u8], salt: &[u8]) -> [u8; HASH] {
    encode(rounds(password, salt, first(password, salt)))
}

fn first(password: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize().into();
    let mut md5 = Md5::new().chain_update(password).chain_update(MAGIC).chain_update(salt);
    let mut left = password.len();
    while left > 0 {
        md5.update(&inner[..left.min(16)]);
        left = left.saturating_sub(16);
    }
    // For each bit of the length: a NUL where it is set, else the first octet of the password.
    let mut bits = password.len();
    while bits > 0 {
        md5.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    md5.finalize().into()
}

fn rounds(password: &[u8], salt: &[u8], start: [u8; 16]) -> [u8; 16] {
    (0..ROUNDS).fold(start, |last, round| {
        let mut md5 = Md5::new();
        md5.update(if round % 2 == 1 { password } else { &last[..] });
        if round % 3 != 0 {
            md5.update(salt);
        }
        if round % 7 != 0 {
            md5.update(password);
        }
        md5.update(if round % 2 == 1 { &last[..] } else { password });
        md5.finalize().into()
    })
}

/// Three octets to four digits each, in an order of its own; the last one to two.
fn encode(octets: [u8; 16]) -> [u8; HASH] {
    const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let mut out = [0; HASH];
    let mut place = out.iter_mut();
    let mut write = |mut number: u32, digits: usize| {
        for digit in place.by_ref().take(digits) {
            *digit = DIGITS[(number & 63) as usize];
            number >>= 6;
        }
    };
    for [a, b, c] in ORDER {
        write(u32::from(octets[a]) << 16 | u32::from(octets[b]) << 8 | u32::from(octets[c]), 4);
    }
    write(u32::from(octets[11]), 2);
    out
}
