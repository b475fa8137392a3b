//! One password as a file keeps it.
//!
//! | form | |
//! |---|---|
//! | `$2y$COST$…`, `$2a$…`, `$2b$…` | bcrypt, of a cost from 4 to 15: each step doubles the time, and 15 takes some seconds. Like every bcrypt, it looks at the first 72 bytes of a password |
//! | `$apr1$SALT$…` | Apache's MD5 |
//! | `{SHA}…` | SHA-1 without salt: equal passwords look equal |
//!
//! Plain text and `crypt` are refused: the one is no secret, the other looks at eight characters.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::apr1;

/// A hash that can be verified.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum PasswordHash {
    Bcrypt { hash: String, cost: u32 },
    Apr1 { salt: Vec<u8>, hash: [u8; apr1::HASH] },
    Sha { hash: [u8; 20] },
}

const MAX_BCRYPT_COST: u32 = 15;

impl PasswordHash {
    /// Understands a hash, or says what is wrong with it without showing it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if ["$2y$", "$2a$", "$2b$"].iter().any(|prefix| text.starts_with(prefix)) {
            return bcrypt(text);
        }
        if let Some(rest) = text.strip_prefix("$apr1$") {
            return apr1(rest);
        }
        if let Some(rest) = text.strip_prefix("{SHA}") {
            let octets = STANDARD.decode(rest).ok().and_then(|octets| octets.try_into().ok());
            return octets.map(|hash| PasswordHash::Sha { hash }).ok_or("the {SHA} hash is malformed".to_owned());
        }
        Err("is neither bcrypt ($2y$…), apr1 ($apr1$…) nor {SHA}: plain text and crypt are not accepted; \
             `htpasswd -B FILE USER` sets the password anew"
            .to_owned())
    }

    /// Whether it is this password's. Takes as long for a wrong one as for the right one.
    pub(super) fn verify(&self, password: &str) -> bool {
        match self {
            PasswordHash::Bcrypt { hash, .. } => bcrypt::verify(password, hash).unwrap_or(false),
            PasswordHash::Apr1 { salt, hash } => {
                verify_slices_are_equal(&apr1::hash(password.as_bytes(), salt), hash).is_ok()
            }
            PasswordHash::Sha { hash } => {
                let found = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
                verify_slices_are_equal(found.as_ref(), hash).is_ok()
            }
        }
    }

    /// What one verification takes, compared with others.
    pub(super) fn cost(&self) -> (u8, u32) {
        match self {
            PasswordHash::Sha { .. } => (0, 0),
            PasswordHash::Apr1 { .. } => (1, 0),
            PasswordHash::Bcrypt { cost, .. } => (2, *cost),
        }
    }
}

fn bcrypt(text: &str) -> Result<PasswordHash, String> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| "the bcrypt hash is malformed".to_owned())?;
    let cost = parts.get_cost();
    if !(4..=MAX_BCRYPT_COST).contains(&cost) {
        return Err(format!(
            "the bcrypt cost is {cost}; 4 to {MAX_BCRYPT_COST} is accepted, since each step doubles the time"
        ));
    }
    Ok(PasswordHash::Bcrypt { hash: text.to_owned(), cost })
}

fn apr1(rest: &str) -> Result<PasswordHash, String> {
    let parts = rest.split_once('$').and_then(|(salt, hash)| {
        let hash = <[u8; apr1::HASH]>::try_from(hash.as_bytes()).ok()?;
        let fit = salt.len() <= apr1::MAX_SALT && salt.bytes().chain(hash).all(apr1::is_digit);
        fit.then(|| PasswordHash::Apr1 { salt: salt.as_bytes().to_vec(), hash })
    });
    parts.ok_or("the apr1 hash is malformed".to_owned())
}

/// Never the hash: it can be guessed at.
impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PasswordHash").field(&self.cost()).finish_non_exhaustive()
    }
}
